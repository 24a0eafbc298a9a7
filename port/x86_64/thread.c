/* SPDX-License-Identifier: MIT */
/*
 * thread.c - making threads, switching between them, entering user mode.
 *
 * A thread that does not run has its callee-saved registers on its kernel
 * stack, in the order of x86_switch_stacks(); a new thread's stack is made to
 * look like that, with x86_thread_entry as the place to return to.
 */
#include <quire/errno.h>
#include <quire/string.h>

#include "port/x86_64/x86.h"

/* What x86_switch_stacks pops, lowest address first. */
struct switch_frame {
	unsigned long r15, r14, r13, r12, bx, bp;
	unsigned long ip;
};

void x86_adopt_thread(struct arch_thread *thread, unsigned long stack_top)
{
	unsigned long flags = local_irq_save();
	struct x86_processor *p = this_processor();

	thread->stack_top = stack_top;
	p->hot.current_thread = thread;
	cpu_set_kernel_stack(p, stack_top);
	local_irq_restore(flags);
}

void arch_switch_to(struct arch_thread *prev, struct arch_thread *next)
{
	struct x86_processor *p = this_processor();

	fpu_switch(prev, next);
	p->hot.current_thread = next;
	cpu_set_kernel_stack(p, next->stack_top);
	x86_switch_stacks(prev, next);
}

static void setup_frame(struct arch_thread *thread, unsigned long stack_top,
			void (*fn)(void *), void *arg)
{
	struct switch_frame *frame =
		(struct switch_frame *)task_pt_regs(stack_top) - 1;

	*frame = (struct switch_frame){
		.bx = (uintptr_t)fn,
		.r12 = (uintptr_t)arg,
		.ip = (uintptr_t)x86_thread_entry,
	};
	thread->sp = (uintptr_t)frame;
	thread->stack_top = stack_top;
}

void arch_thread_setup_kernel(struct arch_thread *thread,
			      unsigned long stack_top, void (*fn)(void *),
			      void *arg)
{
	memset(task_pt_regs(stack_top), 0, sizeof(struct pt_regs));
	setup_frame(thread, stack_top, fn, arg);
}

void arch_thread_setup_user_fork(struct arch_thread *child,
				 unsigned long stack_top,
				 const struct pt_regs *regs)
{
	struct pt_regs *child_regs = task_pt_regs(stack_top);

	*child_regs = *regs;
	child_regs->ax = 0;
	child->fs_base = x86_current_thread()->fs_base;
	child->gs_base = x86_current_thread()->gs_base;
	setup_frame(child, stack_top, NULL, NULL);
}

void x86_start_regs(struct pt_regs *regs, unsigned long ip, unsigned long sp)
{
	*regs = (struct pt_regs){
		.orig_ax = -1UL,
		.ip = ip,
		.cs = USER_CS,
		.flags = X86_FLAGS_IF | X86_FLAGS_FIXED,
		.sp = sp,
		.ss = USER_DS,
	};
	(void)x86_set_fs_base(0); /* 0 is always allowed */
	(void)x86_set_gs_base(0);
}

int x86_set_fs_base(unsigned long base)
{
	unsigned long flags;

	if (base >= TASK_SIZE)
		return -EPERM;
	flags = local_irq_save();
	x86_current_thread()->fs_base = base;
	wrmsr(MSR_FS_BASE, base);
	local_irq_restore(flags);
	return 0;
}

/* In the kernel the program's GS base is the one that swapgs brings back. */
int x86_set_gs_base(unsigned long base)
{
	unsigned long flags;

	if (base >= TASK_SIZE)
		return -EPERM;
	flags = local_irq_save();
	x86_current_thread()->gs_base = base;
	wrmsr(MSR_KERNEL_GS_BASE, base);
	local_irq_restore(flags);
	return 0;
}

unsigned long x86_get_fs_base(void)
{
	return x86_current_thread()->fs_base;
}

unsigned long x86_get_gs_base(void)
{
	return x86_current_thread()->gs_base;
}
