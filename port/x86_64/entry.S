/* SPDX-License-Identifier: MIT */
/*
 * entry.S - the ways into the kernel and back, and switching stacks.
 *
 * 1. Every entry builds a struct pt_regs.  From user mode it lies at the very
 *    top of the thread's kernel stack.
 *
 *	syscall ----> entry_syscall --> kernel_syscall ---.
 *	page fault -> page_fault -----> x86_page_fault ---+--> return_to_user
 *	exception --> exception_N ----> x86_trap ---------+    (work flag?
 *	interrupt --> interrupt_N ----> x86_interrupt ----'     kernel_exit_work)
 *	NMI, #DF, #MC -> paranoid_N -> x86_paranoid_trap, back as it came
 *
 * 2. GS.  In the kernel GS points to this processor's struct x86_cpu, in user
 *    mode to what the program set.  Entries that can only come from user mode
 *    swap; the others look at the saved CS.  Those that can come between a
 *    swap and the change of CS (NMI and the like) run on stacks of their own
 *    and look at the base itself: the kernel's is negative, a program cannot
 *    set a negative one (arch_prctl refuses; CR4.FSGSBASE is off).
 *
 * 3. A faulting iretq (a program can ask sigreturn for registers that cannot
 *    be loaded) comes with the kernel's CS but the program's GS; x86_bad_iret
 *    makes a user trap of it.
 *
 * 4. sysretq returns only where the frame says exactly what it can do:
 *    ip == cx, flags == r11, flat segments, no single step, and an ip below
 *    the hole, because a non-canonical one would fault in ring 0.
 *
 * 5. Debug traps use the ordinary stack: the kernel sets no breakpoints, and
 *    SYSCALL clears TF.
 *
 * Sources: Intel SDM volumes 2 (SYSCALL, SYSRET, IRET) and 3A chapter 6.
 */
#include "port/x86_64/asm_offsets.h"

#define MSR_GS_BASE	0xc0000101
#define NEG_ENOSYS	-38

	.text

/* Close user memory (SMAP), patched by uaccess_init: AC survives entries. */
.macro USER_CLOSE
662:	nopl	(%rax)			/* 3 bytes: clac */
	.pushsection smap_sites, "a"
	.quad	662b
	.byte	0xca
	.skip	7
	.popsection
.endm

/* The frame above di is there: complete it. */
.macro SAVE_REGS ax=%rax
	pushq	%rsi
	pushq	%rdx
	pushq	%rcx
	pushq	\ax
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
.endm

.macro RESTORE_REGS
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rax
	popq	%rcx
	popq	%rdx
	popq	%rsi
	popq	%rdi
	addq	$8, %rsp		/* orig_ax */
.endm

/* ---- system calls ---- */

	.align	64
	.globl	entry_syscall
entry_syscall:
	swapgs
	movq	%rsp, %gs:XC_USER_SP
	movq	%gs:XC_KERNEL_SP, %rsp
	pushq	$USER_DS
	pushq	%gs:XC_USER_SP
	pushq	%r11
	pushq	$USER_CS
	pushq	%rcx
	pushq	%rax
	pushq	%rdi
	SAVE_REGS ax=$NEG_ENOSYS
	movq	%rsp, %rdi
	xorl	%ebp, %ebp
	sti
	call	kernel_syscall
	cli
	cmpl	$0, %gs:XC_WORK
	jne	user_work
	movq	PT_IP(%rsp), %rcx
	movq	PT_FLAGS(%rsp), %r11
	movq	%rcx, %rax
	cmpq	%rcx, PT_CX(%rsp)
	jne	restore_user
	cmpq	%r11, PT_R11(%rsp)
	jne	restore_user
	shrq	$47, %rax
	jnz	restore_user
	testl	$0x10100, %r11d		/* RF, TF */
	jnz	restore_user
	cmpl	$USER_CS, PT_CS(%rsp)
	jne	restore_user
	cmpl	$USER_DS, PT_SS(%rsp)
	jne	restore_user
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	addq	$8, %rsp		/* r11: the flags */
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rax
	addq	$8, %rsp		/* cx: the ip */
	popq	%rdx
	popq	%rsi
	popq	%rdi
	movq	(PT_SP - PT_ORIG_AX)(%rsp), %rsp
	swapgs
	sysretq

/*
 * A 32-bit program's way in (syscall in compatibility mode) does not exist
 * here; user code can reach it only by loading USER32_CS itself.
 */
	.globl	entry_syscall32
entry_syscall32:
	swapgs
	movq	%rsp, %gs:XC_USER_SP
	movq	%gs:XC_KERNEL_SP, %rsp
	pushq	$USER_DS
	pushq	%gs:XC_USER_SP
	pushq	%r11
	pushq	$USER32_CS
	pushq	%rcx
	pushq	%rax
	pushq	%rdi
	SAVE_REGS ax=$NEG_ENOSYS
	xorl	%ebp, %ebp
	jmp	return_to_user

/* ---- the way back ---- */

user_work:
	movq	%rsp, %rdi
	call	kernel_exit_work
	.globl	return_to_user
return_to_user:
	cli
	cmpl	$0, %gs:XC_WORK
	jne	user_work
restore_user:
	RESTORE_REGS
	swapgs
	.globl	x86_iret_to_user
x86_iret_to_user:
	iretq

return_to_kernel:
	RESTORE_REGS
	iretq

/* arch_start_user(regs): the frame is at the top of the stack; go there. */
	.globl	arch_start_user
arch_start_user:
	movq	%rdi, %rsp
	xorl	%ebp, %ebp
	jmp	return_to_user

/* ---- exceptions ---- */

	.align	64
	.globl	page_fault
page_fault:
	pushq	%rdi
	SAVE_REGS
	cld
	USER_CLOSE
	movq	%rsp, %rdi
	testb	$3, PT_CS(%rsp)
	jz	1f
	swapgs
	xorl	%ebp, %ebp
	call	x86_page_fault
	jmp	return_to_user
1:	movl	$14, %esi
	cmpq	$x86_iret_to_user, PT_IP(%rsp)
	je	bad_iret
	call	x86_page_fault
	jmp	return_to_kernel

exception_common:
	SAVE_REGS
	cld
	USER_CLOSE
	movl	%edi, %esi
	movq	%rsp, %rdi
	testb	$3, PT_CS(%rsp)
	jz	1f
	swapgs
	xorl	%ebp, %ebp
	call	x86_trap
	jmp	return_to_user
1:	cmpq	$x86_iret_to_user, PT_IP(%rsp)
	je	bad_iret
	call	x86_trap
	jmp	return_to_kernel

bad_iret:
	swapgs
	call	x86_bad_iret
	movq	%rax, %rsp
	jmp	return_to_user

interrupt_common:
	SAVE_REGS
	cld
	USER_CLOSE
	movl	%edi, %esi
	movq	%rsp, %rdi
	testb	$3, PT_CS(%rsp)
	jz	1f
	swapgs
	xorl	%ebp, %ebp
	call	x86_interrupt
	jmp	return_to_user
1:	call	x86_interrupt
	jmp	return_to_kernel

paranoid_common:
	SAVE_REGS
	cld
	USER_CLOSE
	movl	%edi, %esi
	movq	%rsp, %rdi
	movl	$MSR_GS_BASE, %ecx
	rdmsr
	xorl	%ebx, %ebx
	testl	%edx, %edx
	js	1f
	swapgs
	incl	%ebx
1:	call	x86_paranoid_trap
	testl	%ebx, %ebx
	jz	2f
	swapgs
2:	jmp	return_to_kernel

/*
 * One stub of 16 bytes for each vector.  Vectors 8, 10-14, 17, 21, 29 and 30
 * come with an error code, which takes orig_ax's place.
 */
	.align	16
	.globl	x86_vector_stubs
x86_vector_stubs:
	.set	vector, 0
	.rept	256
	.align	16
	.if	vector < 32
	.if	!(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
	pushq	$0
	.endif
	.else
	pushq	$-1
	.endif
	pushq	%rdi
	movl	$vector, %edi
	.if	vector == 2 || vector == 8 || vector == 18
	jmp	paranoid_common
	.elseif	vector < 32
	jmp	exception_common
	.else
	jmp	interrupt_common
	.endif
	.set	vector, vector + 1
	.endr

/* ---- threads ---- */

/* x86_switch_stacks(prev, next) */
	.align	16
	.globl	x86_switch_stacks
x86_switch_stacks:
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, TH_SP(%rdi)
	movq	TH_SP(%rsi), %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret

/* A new thread's first instruction: rbx is fn or 0, r12 its argument. */
	.globl	x86_thread_entry
x86_thread_entry:
	call	kernel_thread_started
	testq	%rbx, %rbx
	jz	return_to_user
	sti
	movq	%r12, %rdi
	call	*%rbx
	jmp	return_to_user

	.section .note.GNU-stack, "", @progbits
