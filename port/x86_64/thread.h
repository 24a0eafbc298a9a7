/* SPDX-License-Identifier: MIT */
/*
 * thread.h - what the processor needs of a thread, and switching threads.
 *
 * A kernel stack, highest address first:
 *
 *	stack_top ->	struct pt_regs of user mode (task_pt_regs)
 *			the kernel's frames, growing down
 *	stack ->	lowest byte; below it, if the kernel maps one, a guard
 *			page: running over it ends in the double-fault report
 *
 * Life of a thread:
 *
 *	setup_kernel ----.
 *	                  >-- arch_switch_to --> kernel_thread_started()
 *	setup_user_fork -'                         | fn(arg), or user mode
 *
 * fn of a kernel thread may return only after an exec has filled in the
 * thread's task_pt_regs(): it then goes on in user mode.
 */
#ifndef PORT_X86_64_THREAD_H
#define PORT_X86_64_THREAD_H

#include <quire/types.h>

#include <arch.h>

#include "port/x86_64/ptrace.h"

struct mm_struct;

#define KERNEL_STACK_SIZE 16384UL /* bytes; stack_top is aligned to 16 */

struct arch_thread {
	unsigned long sp; /* kernel stack pointer while not running */
	unsigned long stack_top;
	unsigned long fs_base, gs_base; /* of user mode */
	void *fpu;   /* saved registers; NULL: never in user mode */
	u32 fpu_cpu; /* processor + 1 whose registers last
					   held fpu's contents; 0: none */
};

/*
 * This processor's running thread.  Not volatile: for the code that runs, it
 * never changes.
 */
static inline struct arch_thread *x86_current_thread(void)
{
	struct arch_thread *thread;

	__asm__("movq %%gs:%c1, %0" : "=r"(thread) : "i"(XC_CURRENT));
	return thread;
}

static inline struct pt_regs *task_pt_regs(unsigned long stack_top)
{
	return (struct pt_regs *)stack_top - 1;
}

/*
 * Make thread the current one of this processor without switching stacks:
 * the boot processor's idle thread, first thing in kernel_main(), with
 * stack_top from x86_boot_stack_top().
 */
void x86_adopt_thread(struct arch_thread *thread, unsigned long stack_top);
unsigned long x86_boot_stack_top(void);

/*
 * Switch from the current thread prev to next; returns when prev runs again,
 * perhaps on another processor.  Interrupts off.  The address space is
 * switched before, by x86_switch_mm().
 */
void arch_switch_to(struct arch_thread *prev, struct arch_thread *next);

/*
 * Prepare a new thread (zeroed but for what is said here) on an empty stack.
 * Its first step is kernel_thread_started(), interrupts off; then
 * fn(arg) with interrupts on, or user mode with regs, where the child sees 0
 * as the result of its system call.  user_sp in the copied regs, fs_base and
 * gs_base are the caller's to change afterwards.
 */
void arch_thread_setup_kernel(struct arch_thread *thread,
			      unsigned long stack_top, void (*fn)(void *),
			      void *arg);
void arch_thread_setup_user_fork(struct arch_thread *child,
				 unsigned long stack_top,
				 const struct pt_regs *regs);

/*
 * Floating-point state.  alloc: an initial state for thread, 0 or -ENOMEM;
 * does nothing if it has one (exec from a kernel thread needs it first).
 * copy: child gets a copy of the current thread's, 0 or -ENOMEM.
 * reset: the current thread's registers become initial (exec).
 * free: when the thread is dead and no longer runs.
 */
int __must_check arch_thread_alloc_fpu(struct arch_thread *thread);
int __must_check arch_thread_copy_fpu(struct arch_thread *child);
void arch_thread_reset_fpu(void);
void arch_thread_free_fpu(struct arch_thread *thread);

/*
 * The current thread's state in a signal frame, in the format of Linux's
 * struct _fpstate with its XSAVE extension (sigcontext.h): ubuf is 64-byte
 * aligned and x86_fpu_frame_size() bytes long.  0 or -EFAULT; -EINVAL if
 * what the program left there is not loadable: the registers are then reset.
 */
size_t x86_fpu_frame_size(void);
int __must_check x86_fpu_save_user(void *ubuf);
int __must_check x86_fpu_restore_user(const void *ubuf);

/* Leave the kernel with these registers of the current thread's. */
void arch_start_user(struct pt_regs *regs) __noreturn;

/*
 * Fill regs for the start of a program: everything zero but ip, sp, and
 * Linux's segments and flags.  Clears fs_base and gs_base of the current
 * thread.
 */
void x86_start_regs(struct pt_regs *regs, unsigned long ip, unsigned long sp);

/*
 * arch_prctl(2)'s bases of the current thread.  -EPERM for an address that
 * is not below TASK_SIZE.
 */
int x86_set_fs_base(unsigned long base);
int x86_set_gs_base(unsigned long base);
unsigned long x86_get_fs_base(void);
unsigned long x86_get_gs_base(void);

/*
 * Use mm's page tables on this processor from now on; NULL: a kernel thread,
 * which keeps what is loaded (lazily; the caller holds mm_count of it).
 * Keeps mm->cpu_bitmap.  Interrupts off.
 */
void x86_switch_mm(struct mm_struct *mm);
/* Load the kernel's own tables and forget any mm: before its mmdrop(). */
void x86_leave_mm(void);

#endif
