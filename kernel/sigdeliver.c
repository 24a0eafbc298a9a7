/* SPDX-License-Identifier: MIT */
/*
 * sigdeliver.c - acting on signals, on the way to user mode.
 *
 * 1. Idea.  A thread with sigpending_hint comes here before it returns to
 *    user mode.  It takes signals one after the other: ignored ones vanish,
 *    default actions happen (end, stop), and the first with a handler gets a
 *    frame on the user's stack, after which the thread goes there.
 * 2. Interrupted system calls.  -ERESTART* in ax with orig_ax >= 0 is a call
 *    that a signal cut short: it is made again, by going back to the two
 *    bytes of the syscall instruction, or ends in EINTR, as signal(7) lists.
 * 3. Stopping.  The thread that takes a stop signal marks the process; each
 *    thread stops when it comes by; the last one tells the parent.
 * 4. Locking.  siglock; it is dropped before tasklist_lock is needed.
 */
#include <quire/printk.h>
#include <quire/string.h>

#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"

#define NR_restart_syscall 219

#define SIG_TTY_STOP_MASK \
	(sigmask(SIGTSTP) | sigmask(SIGTTIN) | sigmask(SIGTTOU))

/* ---- stopping ---- */

/* siglock held: ask every thread, current too, to stop. */
static void begin_stop(int signo)
{
	struct signal_struct *sig = current->signal;
	struct task_struct *t;

	sig->stopped = true;
	sig->stop_signal = signo;
	sig->continued_pending = false;
	sig->nr_to_stop = 0;
	list_for_each_entry(t, &sig->threads, thread_node) {
		if (t->flags & PF_EXITING)
			continue;
		sig->nr_to_stop++;
		if (t != current)
			signal_wake_up(t, false);
	}
}

/* siglock held, dropped.  Sleeps until SIGCONT or SIGKILL. */
static void stop_here(void)
{
	struct signal_struct *sig = current->signal;
	spinlock_t *lock = &current->sighand->siglock;
	bool last = sig->nr_to_stop && --sig->nr_to_stop == 0;

	set_current_state(TASK_STOPPED);
	spin_unlock(lock);
	if (last) {
		spin_lock(&tasklist_lock);
		if (READ_ONCE(sig->stopped)) {
			sig->stopped_pending = true;
			notify_parent_stop(sig, CLD_STOPPED);
		}
		spin_unlock(&tasklist_lock);
	}
	schedule();
}

void exit_signals(struct task_struct *t)
{
	struct signal_struct *sig = t->signal;
	struct task_struct *p;
	bool last_to_stop;

	spin_lock(&tasklist_lock);
	spin_lock(&t->sighand->siglock);
	/* From here begin_stop() does not count it: both under siglock. */
	t->flags |= PF_EXITING;
	last_to_stop = sig->nr_to_stop && --sig->nr_to_stop == 0;
	list_for_each_entry(p, &sig->threads, thread_node)
		if (p != t && p->exit_state == EXIT_ALIVE &&
		    (sig->shared_pending.signal & ~p->blocked))
			signal_wake_up(p, false);
	spin_unlock(&t->sighand->siglock);
	if (last_to_stop && sig->stopped) {
		sig->stopped_pending = true;
		notify_parent_stop(sig, CLD_STOPPED);
	}
	spin_unlock(&tasklist_lock);
}

/* ---- choosing ---- */

static void __noreturn die_of(int sig, const struct k_siginfo *info)
{
	current->flags |= PF_SIGNALED;
	if (sig == SIGSEGV || sig == SIGBUS || sig == SIGILL || sig == SIGFPE)
		printk("%s[%d]: signal %d code %d at %#lx\n", current->comm,
		       current->pid, sig, info->si_code,
		       info->si_code > 0 && info->si_code != SI_KERNEL
			       ? (unsigned long)info->fault.addr
			       : 0UL);
	do_group_exit(sig);
}

/* siglock held; may drop it and take it again.  true: done with it. */
static bool default_action(int sig, const struct k_siginfo *info)
{
	spinlock_t *lock = &current->sighand->siglock;

	if (sig_default_ignores(sig) ||
	    (current->signal->unkillable && sig != SIGKILL))
		return true;
	if (sig == SIGKILL ||
	    !(sigmask(sig) & (SIG_TTY_STOP_MASK | sigmask(SIGSTOP)))) {
		spin_unlock(lock);
		die_of(sig, info);
	}
	if (sigmask(sig) & SIG_TTY_STOP_MASK) {
		spin_unlock(lock);
		if (is_orphaned_pgrp(current->signal->pgrp)) {
			spin_lock(lock);
			return true;
		}
		spin_lock(lock);
	}
	begin_stop(sig);
	return true;
}

/*
 * The next signal with a handler, its action in *ka; 0: none is left.
 */
static int get_signal(struct k_siginfo *info, struct k_sigaction *ka)
{
	struct task_struct *t = current;
	spinlock_t *lock = &t->sighand->siglock;
	int sig;

	spin_lock(lock);
	for (;;) {
		if (unlikely(t->pending.signal & sigmask(SIGKILL))) {
			spin_unlock(lock);
			die_of(SIGKILL, info);
		}
		if (unlikely(t->signal->stopped)) {
			stop_here();
			spin_lock(lock);
			continue;
		}
		sig = dequeue_signal(t->blocked, info);
		if (!sig)
			break;
		*ka = t->sighand->action[sig - 1];
		if (ka->handler == SIG_IGN)
			continue;
		if (ka->handler == SIG_DFL) {
			default_action(sig, info);
			continue;
		}
		if (ka->flags & SA_RESETHAND)
			t->sighand->action[sig - 1].handler = SIG_DFL;
		break;
	}
	recalc_sigpending(t);
	spin_unlock(lock);
	return sig;
}

/* ---- system calls that were cut short ---- */

static bool in_syscall(const struct pt_regs *regs)
{
	return (long)regs->orig_ax >= 0;
}

static void make_again(struct pt_regs *regs, unsigned long nr)
{
	regs->ax = nr;
	regs->ip -= 2; /* 0f 05: syscall */
}

static void restart_for_handler(struct pt_regs *regs,
				const struct k_sigaction *ka)
{
	switch (-(long)regs->ax) {
	case ERESTART_RESTARTBLOCK:
	case ERESTARTNOHAND:
		regs->ax = (unsigned long)-EINTR;
		break;
	case ERESTARTSYS:
		if (!(ka->flags & SA_RESTART)) {
			regs->ax = (unsigned long)-EINTR;
			break;
		}
		make_again(regs, regs->orig_ax);
		break;
	case ERESTARTNOINTR:
		make_again(regs, regs->orig_ax);
		break;
	default:
		break;
	}
}

static void restart_without_handler(struct pt_regs *regs)
{
	switch (-(long)regs->ax) {
	case ERESTARTNOHAND:
	case ERESTARTSYS:
	case ERESTARTNOINTR:
		make_again(regs, regs->orig_ax);
		break;
	case ERESTART_RESTARTBLOCK:
		make_again(regs, NR_restart_syscall);
		break;
	default:
		break;
	}
}

SYSCALL_DEFINE0(restart_syscall)
{
	if (!current->restart.fn)
		return -EINTR;
	return current->restart.fn(current);
}

/* ---- delivery ---- */

static void handle_signal(int sig, const struct k_sigaction *ka,
			  const struct k_siginfo *info, struct pt_regs *regs)
{
	u64 oldmask = current->restore_sigmask ? current->saved_sigmask
					       : current->blocked;
	u64 mask;

	if (in_syscall(regs))
		restart_for_handler(regs, ka);
	rseq_handle(regs);
	if (setup_rt_frame(sig, ka, info, oldmask, regs)) {
		/* No stack for the frame: SIGSEGV, with its default action
		 * if it was SIGSEGV that could not be delivered. */
		if (sig == SIGSEGV) {
			spin_lock(&current->sighand->siglock);
			current->sighand->action[SIGSEGV - 1] =
				(struct k_sigaction){0};
			spin_unlock(&current->sighand->siglock);
		}
		force_sig(SIGSEGV);
		return;
	}
	current->restore_sigmask = false;
	mask = current->blocked | ka->mask;
	if (!(ka->flags & SA_NODEFER))
		mask |= sigmask(sig);
	set_current_blocked(mask);
}

void do_signals(struct pt_regs *regs)
{
	struct k_siginfo info;
	struct k_sigaction ka;
	int sig;

	sig = get_signal(&info, &ka);
	if (sig) {
		handle_signal(sig, &ka, &info, regs);
		return;
	}
	if (in_syscall(regs))
		restart_without_handler(regs);
	restore_saved_sigmask();
}

/* ---- masks for one call ---- */

int set_user_sigmask(const void *umask, size_t sigsetsize)
{
	u64 mask;

	if (!umask)
		return 0;
	if (sigsetsize != sizeof(mask))
		return -EINVAL;
	if (copy_from_user(&mask, umask, sizeof(mask)))
		return -EFAULT;
	current->saved_sigmask = current->blocked;
	current->restore_sigmask = true;
	set_current_blocked(mask);
	kick_task(current); /* do_signals() takes the mask back */
	return 0;
}

void restore_saved_sigmask(void)
{
	if (current->restore_sigmask) {
		current->restore_sigmask = false;
		set_current_blocked(current->saved_sigmask);
	}
}
