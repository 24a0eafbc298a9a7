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
	struct k_siginfo info;
};

void signals_init(void);
void init_sigpending(struct sigpending *p);
void flush_sigqueue(struct sigpending *p);
struct sighand_struct *sighand_alloc(void); /* all defaults; or NULL */
void sighand_put(struct sighand_struct *h);

/* A signal of the kernel's (SI_KERNEL) to a process; sig 0 sends none. */
int send_sig(int sig, struct task_struct *t);
/* To one thread or its process, with siginfo. */
int send_sig_info(int sig, const struct k_siginfo *info, struct task_struct *t,
		  bool to_process);
/* To every process of a group: 0, or -ESRCH if it has none. */
int kill_pgrp(int pgrp, int sig);
/* As kill(2) by current. */
int kill_pid(int pid, int sig);
/* To current, unblocked and with the default action if it was ignored. */
void force_sig(int sig);
void force_sig_fault(int sig, int code, unsigned long addr, int trapno,
		     unsigned long error_code);

/* Is the process group without a parent in the session outside of it? */
bool is_orphaned_pgrp(int pgrp);
/* A blocked or ignored job-control signal of current: tty reads fail EIO. */
bool sig_blocked_or_ignored(int sig);
bool sig_ignored_by(struct task_struct *t, int sig);

/* siglock held, or t is current. */
void recalc_sigpending(struct task_struct *t);
/* Changes current's mask and looks at what is pending now. */
void set_current_blocked(u64 mask);
/* exit_signal to the parent when a process ends; tasklist_lock held. */
bool notify_parent_exit(struct task_struct *leader);
void notify_parent_stop(struct signal_struct *sig, int code);

/* pselect, ppoll, sigsuspend: mask for the call, the old one restored. */
int set_user_sigmask(const void *umask, size_t sigsetsize);
void restore_saved_sigmask(void);

/* On the way to user mode. */
void do_signals(struct pt_regs *regs);
/* All threads but current end; current's group_exit handling. */
void zap_other_threads(struct task_struct *t);
void exit_signals(struct task_struct *t);

/* sigframe.c: x86-64's frame on the user stack; 0 or -EFAULT. */
int setup_rt_frame(int sig, const struct k_sigaction *ka,
		   const struct k_siginfo *info, u64 oldmask,
		   struct pt_regs *regs);

#endif
