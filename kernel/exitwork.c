/* SPDX-License-Identifier: MIT */
/*
 * exitwork.c - what is left to do before a thread is in user mode again.
 *
 * The port calls this while the CPU's work flag is set.  Each round clears
 * the flag, does what there is to do with interrupts on, and looks again: a
 * signal or a tick that comes meanwhile sets it once more.
 */
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "port/x86_64/machine.h"
#include "port/x86_64/upcalls.h"

/* clone's CLONE_CHILD_SETTID is the child's first act. */
static void set_child_tid(struct task_struct *t)
{
	u32 *uaddr = (u32 *)t->set_child_tid;

	t->set_child_tid = 0;
	/* Like Linux, a bad pointer is the program's loss. */
	if (put_user((u32)t->pid, uaddr))
		barrier();
}

static bool syscall_cut_short(const struct pt_regs *regs)
{
	return (long)regs->orig_ax >= 0 && is_restart_code((long)regs->ax);
}

void kernel_exit_work(struct pt_regs *regs)
{
	struct task_struct *t = current;

	for (;;) {
		x86_clear_work();
		local_irq_enable();
		if (unlikely(t->set_child_tid != 0))
			set_child_tid(t);
		if (READ_ONCE(t->need_resched))
			schedule();
		check_cpu_timers();
		rseq_handle(regs);
		if (t->sigpending_hint || t->restore_sigmask ||
		    syscall_cut_short(regs))
			do_signals(regs);
		local_irq_disable();
		if (!READ_ONCE(t->need_resched) && !t->sigpending_hint)
			break;
	}
}
