/* SPDX-License-Identifier: MIT */
/*
 * string.S - copying and filling memory.
 *
 * Words while they last, then bytes.  From 128 bytes on the string
 * instructions take over: their start-up costs some 20 cycles, what 16 turns
 * of the plain loop cost.  `rep movsb` is not used for bulk: only some
 * processors make it fast.
 */
	.text

/* memcpy(to, from, n) */
	.align	32
	.globl	memcpy
memcpy:
	movq	%rdi, %rax
	movq	%rdx, %rcx
	andl	$7, %edx
	shrq	$3, %rcx
	jz	3f
	cmpq	$16, %rcx
	jae	2f
1:	movq	(%rsi), %r8
	movq	%r8, (%rdi)
	addq	$8, %rsi
	addq	$8, %rdi
	decq	%rcx
	jnz	1b
	jmp	3f
2:	rep movsq
3:	testl	%edx, %edx
	jz	5f
4:	movb	(%rsi), %cl
	movb	%cl, (%rdi)
	incq	%rsi
	incq	%rdi
	decl	%edx
	jnz	4b
5:	ret

/* memmove(to, from, n): backwards if `to` lies inside the source */
	.align	16
	.globl	memmove
memmove:
	movq	%rdi, %rax
	subq	%rsi, %rax
	cmpq	%rdx, %rax		/* unsigned: to < from wraps high */
	jae	memcpy
	movq	%rdi, %rax
	leaq	(%rdi,%rdx), %r9
	leaq	(%rsi,%rdx), %r10
	movq	%rdx, %rcx
	andl	$7, %edx
	jz	2f
1:	decq	%r9
	decq	%r10
	movb	(%r10), %r8b
	movb	%r8b, (%r9)
	decl	%edx
	jnz	1b
2:	shrq	$3, %rcx
	jz	4f
3:	subq	$8, %r9
	subq	$8, %r10
	movq	(%r10), %r8
	movq	%r8, (%r9)
	decq	%rcx
	jnz	3b
4:	ret

/* memset(to, byte, n) */
	.align	16
	.globl	memset
memset:
	movq	%rdi, %r9
	movzbl	%sil, %esi
	movabsq	$0x0101010101010101, %rax
	imulq	%rsi, %rax
	movq	%rdx, %rcx
	andl	$7, %edx
	shrq	$3, %rcx
	jz	3f
	cmpq	$16, %rcx
	jae	2f
1:	movq	%rax, (%rdi)
	addq	$8, %rdi
	decq	%rcx
	jnz	1b
	jmp	3f
2:	rep stosq
3:	testl	%edx, %edx
	jz	5f
4:	movb	%al, (%rdi)
	incq	%rdi
	decl	%edx
	jnz	4b
5:	movq	%r9, %rax
	ret

	.section .note.GNU-stack, "", @progbits
