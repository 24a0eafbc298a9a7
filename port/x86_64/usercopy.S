/* SPDX-License-Identifier: MIT */
/*
 * usercopy.S - loops over user memory that end, not crash, at a bad address.
 *
 * The instructions that may fault are named in __ex_table with a place to go
 * on (uaccess.c looks it up).  STAC and CLAC open and close user memory where
 * the processor has SMAP; where it does not they stay the no-ops they are
 * assembled as (uaccess_init patches them by smap_sites).
 *
 * All are called with checked ranges; rax: bytes not done.
 */
	.text

.macro FIXUP insn, handler
	.pushsection __ex_table, "a"
	.long	\insn - ., \handler - .
	.popsection
.endm

.macro USER_OPEN
661:	nopl	(%rax)			/* 3 bytes: stac */
	.pushsection smap_sites, "a"
	.quad	661b
	.byte	0xcb
	.skip	7
	.popsection
.endm

.macro USER_CLOSE
662:	nopl	(%rax)			/* 3 bytes: clac */
	.pushsection smap_sites, "a"
	.quad	662b
	.byte	0xca
	.skip	7
	.popsection
.endm

/* x86_copy_user(to, from, n) */
	.align	32
	.globl	x86_copy_user
x86_copy_user:
	USER_OPEN
	movq	%rdx, %rcx
	andl	$7, %edx		/* bytes after the last word */
	shrq	$3, %rcx		/* words */
	jz	4f
	cmpq	$16, %rcx
	ja	3f
1:	movq	(%rsi), %rax
2:	movq	%rax, (%rdi)
	addq	$8, %rsi
	addq	$8, %rdi
	decq	%rcx
	jnz	1b
	jmp	4f
3:	rep movsq
4:	movl	%edx, %ecx
	testl	%edx, %edx
	jz	6f
5:	rep movsb
6:	movq	%rcx, %rax
	USER_CLOSE
	ret
	/* A word could not be copied whole: byte by byte up to the fault. */
7:	leaq	(%rdx,%rcx,8), %rcx
	jmp	5b
	FIXUP	1b, 7b
	FIXUP	2b, 7b
	FIXUP	3b, 7b
	FIXUP	5b, 6b

/* x86_clear_user(to, n) */
	.align	16
	.globl	x86_clear_user
x86_clear_user:
	USER_OPEN
	xorl	%eax, %eax
	movq	%rsi, %rcx
	andl	$7, %esi
	shrq	$3, %rcx
1:	rep stosq
	movl	%esi, %ecx
2:	rep stosb
3:	movq	%rcx, %rax
	USER_CLOSE
	ret
4:	leaq	(%rsi,%rcx,8), %rcx
	jmp	2b
	FIXUP	1b, 4b
	FIXUP	2b, 3b

/*
 * x86_strncpy_user(to, from, n): length of the string if its NUL is within n
 * bytes, n if it is not, -1 at a bad address.
 */
	.align	16
	.globl	x86_strncpy_user
x86_strncpy_user:
	USER_OPEN
	xorl	%eax, %eax
1:	cmpq	%rdx, %rax
	je	3f
2:	movb	(%rsi,%rax), %cl
	movb	%cl, (%rdi,%rax)
	testb	%cl, %cl
	jz	3f
	incq	%rax
	jmp	1b
3:	USER_CLOSE
	ret
4:	movq	$-1, %rax
	jmp	3b
	FIXUP	2b, 4b

/* x86_cmpxchg_user(uptr, expected, val, old *): 0, or 1 at a bad address */
	.align	16
	.globl	x86_cmpxchg_user
x86_cmpxchg_user:
	movq	%rcx, %r8
	movl	%esi, %eax
	USER_OPEN
1:	lock cmpxchgl %edx, (%rdi)
	USER_CLOSE
	movl	%eax, (%r8)
	xorl	%eax, %eax
	ret
2:	USER_CLOSE
	movl	$1, %eax
	ret
	FIXUP	1b, 2b

/* x86_xsave_user(buf, mask) and x86_xrstor_user: 0, or 1 at a fault */
	.align	16
	.globl	x86_xsave_user, x86_xrstor_user, x86_fxsave_user, x86_fxrstor_user
x86_xsave_user:
	movl	%esi, %eax
	xorl	%edx, %edx
	USER_OPEN
1:	xsave64	(%rdi)
	xorl	%eax, %eax
2:	USER_CLOSE
	ret
3:	movl	$1, %eax
	jmp	2b
	FIXUP	1b, 3b

x86_xrstor_user:
	movl	%esi, %eax
	xorl	%edx, %edx
	USER_OPEN
1:	xrstor64 (%rdi)
	xorl	%eax, %eax
2:	USER_CLOSE
	ret
3:	movl	$1, %eax
	jmp	2b
	FIXUP	1b, 3b

x86_fxsave_user:
	USER_OPEN
1:	fxsave64 (%rdi)
	xorl	%eax, %eax
2:	USER_CLOSE
	ret
3:	movl	$1, %eax
	jmp	2b
	FIXUP	1b, 3b

x86_fxrstor_user:
	USER_OPEN
1:	fxrstor64 (%rdi)
	xorl	%eax, %eax
2:	USER_CLOSE
	ret
3:	movl	$1, %eax
	jmp	2b
	FIXUP	1b, 3b

/* x86_probe_read(from kernel address, u64 *to): 0, or 1 if not mapped */
	.align	16
	.globl	x86_probe_read
x86_probe_read:
1:	movq	(%rdi), %rax
	movq	%rax, (%rsi)
	xorl	%eax, %eax
	ret
2:	movl	$1, %eax
	ret
	FIXUP	1b, 2b

	.section .note.GNU-stack, "", @progbits
