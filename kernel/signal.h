/* SPDX-License-Identifier: MIT */
/*
 * signal.h - sending signals (signal.c) and delivering them (sigframe.c).
 *
 * Signals are sent from task context only; interrupt handlers wake a thread
 * that sends them.
 */
#ifndef KERNEL_SIGNAL_H
#define KERNEL_SIGNAL_H

#include <quire/types.h>

#include "kernel/task.h"

struct pt_regs;

static inline u64 sigmask(int sig)
{
	return 1UL << (sig - 1);
}

/* Uncatchable. */
#define SIG_KERNEL_ONLY_MASK (sigmask(SIGKILL) | sigmask(SIGSTOP))

struct sigqueue {
	struct list_head list;
	struct signal_struct *charged; /* whose nr_sigqueue counts it */
	struct k_siginfo info;
};

void signals_init(void);
void init_sigpending(struct sigpending *p);
void flush_sigqueue(struct sigpending *p);
struct sighand_struct *sighand_alloc(void); /* all defaults; or NULL */
struct sighand_struct *sighand_dup(struct sighand_struct *old);
void sighand_put(struct sighand_struct *h);
/* exec: handlers become defaults; ignored stays ignored. */
void flush_signal_handlers(struct sighand_struct *h);
/* A kernel thread becomes a program: nothing is ignored. */
void reset_signal_handlers(struct sighand_struct *h);

/* ---- sending; task context, no siglock held ---- */

/* A signal of the kernel's (SI_KERNEL) to a process: 0 or -E. */
int send_sig(int sig, struct task_struct *t);
/*
 * To current alone, for what it just did itself: SIGPIPE, SIGXFSZ.  Linux
 * names the thread's process as the sender, as if by kill(2).
 */
void send_sig_current(int sig);
/* To one thread or its process, with siginfo. */
int send_sig_info(int sig, const struct k_siginfo *info, struct task_struct *t,
		  bool to_process);
/* To every process of a group: 0, or -ESRCH if it has none. */
int kill_pgrp(int pgrp, int sig);
/* The same with tasklist_lock held. */
int send_sig_locked(int sig, struct task_struct *t);
int send_sig_info_locked(int sig, const struct k_siginfo *info,
			 struct task_struct *t, bool to_process);
int kill_pgrp_locked(int pgrp, int sig);
/* To current, unblocked, and with the default action if it was ignored. */
void force_sig(int sig);
void force_sig_fault(int sig, int code, unsigned long addr);

/* tasklist_lock held.  true: nobody will wait for it. */
bool notify_parent_exit(struct task_struct *leader);
void notify_parent_stop(struct signal_struct *sig, int code);

/* Has the group no member with a parent in the session but another group? */
bool is_orphaned_pgrp(int pgrp);
/* ... not counting one process; tasklist_lock held. */
bool is_orphaned_pgrp_locked(int pgrp, const struct signal_struct *except);
/* A blocked or ignored job-control signal of current: tty reads fail EIO. */
bool sig_blocked_or_ignored(int sig);

/* SIGKILL to all threads of t's process but t; siglock held. */
void zap_other_threads(struct task_struct *t);

/* ---- receiving ---- */

/* t must look at its signals; siglock held. */
void signal_wake_up(struct task_struct *t, bool fatal);
/* siglock held, or t is current. */
void recalc_sigpending(struct task_struct *t);
/* Changes current's mask and looks at what is pending now. */
void set_current_blocked(u64 mask);
/*
 * Take a pending signal of current that is not in mask; 0: none.
 * siglock held.
 */
int dequeue_signal(u64 blocked, struct k_siginfo *info);
/* Drop every pending signal in mask from t's process; siglock held. */
void flush_pending_mask(struct task_struct *t, u64 mask);
bool sig_default_ignores(int sig);

/* pselect, ppoll, sigsuspend: mask for the call; the old one comes back when
 * the call ends, or after the handler that interrupted it. 0 or -E. */
int set_user_sigmask(const void *umask, size_t sigsetsize);
void restore_saved_sigmask(void);

/* ERESTARTSYS ... ERESTART_RESTARTBLOCK: not for programs' eyes. */
static inline bool is_restart_code(long ret)
{
	return ret <= -ERESTARTSYS && ret >= -ERESTART_RESTARTBLOCK;
}

/* On the way to user mode; interrupts on. */
void do_signals(struct pt_regs *regs);
/* A thread ends: what was sent to the process goes to another thread. */
void exit_signals(struct task_struct *t);
bool on_sig_stack(unsigned long sp);

/* sigframe.c: x86-64's frame on the user stack; 0 or -EFAULT. */
int setup_rt_frame(int sig, const struct k_sigaction *ka,
		   const struct k_siginfo *info, u64 oldmask,
		   struct pt_regs *regs);

#endif
