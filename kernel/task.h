/* SPDX-License-Identifier: MIT */
/*
 * task.h - threads and processes.
 *
 * A task_struct is one thread.  What threads of a process share stands in
 * signal_struct (and in mm, files, fs, sighand, each counted on its own, as
 * clone(2) lets them be shared separately).
 */
#ifndef KERNEL_TASK_H
#define KERNEL_TASK_H

#include <quire/list.h>
#include <quire/mm.h>
#include <quire/spinlock.h>
#include <quire/types.h>

#include "kernel/uapi.h"
#include "kernel/wait.h"
#include "port/x86_64/thread.h"

struct files_struct;
struct fs_struct;
struct tty;
struct file;

#define TASK_COMM_LEN	16
#define PF_KTHREAD	0x01U
#define PF_EXITING	0x02U
#define PF_FORKNOEXEC	0x04U
#define PF_OOM_VICTIM	0x08U

struct cred {
	u32 uid, euid, suid, fsuid;
	u32 gid, egid, sgid, fsgid;
	u32 ngroups;
	u32 groups[32];
};

struct sigpending {
	struct list_head list;		/* struct sigqueue */
	u64 signal;			/* bit n-1: signal n */
};

struct sighand_struct {
	u32 count;
	spinlock_t siglock;
	struct k_sigaction action[64];
};

struct signal_struct {			/* one per process */
	u32 count;
	u32 nr_threads;
	struct list_head threads;	/* task->thread_node */
	struct sigpending shared_pending;
	struct wait_queue_head wait_chldexit;
	struct task_struct *leader;
	int group_exit_code;
	bool group_exit;
	bool stopped, continued_pending, stopped_pending;
	int stop_signal;
	int pgrp, session;
	struct tty *tty;
	bool leader_of_session;
	struct rlimit64 rlim[RLIM_NLIMITS];
	u64 utime_ns, stime_ns, cutime_ns, cstime_ns;	/* of dead threads */
	unsigned long min_flt, maj_flt, cmin_flt, cmaj_flt;
	int oom_score_adj;
	u64 start_ns;
	void *real_timer;		/* setitimer: kernel/time.c */
};

struct task_struct {
	struct arch_thread thread;	/* first: entry.S and switch.S */
	void *stack;			/* kernel stack's lowest address */
	int state;
	u32 flags;			/* PF_* */
	u32 usage;			/* references */
	int pid, tgid;
	unsigned int cpu;
	bool need_resched;
	char comm[TASK_COMM_LEN];
	struct mm_struct *mm;		/* NULL: kernel thread */
	struct mm_struct *active_mm;	/* lazily kept by kernel threads */
	struct files_struct *files;
	struct fs_struct *fs;
	struct sighand_struct *sighand;
	struct signal_struct *signal;
	struct sigpending pending;
	u64 blocked, saved_sigmask;
	bool restore_sigmask;
	struct k_sigaltstack altstack;
	struct cred cred;
	struct task_struct *parent;	/* gets SIGCHLD */
	struct list_head children, sibling;	/* leaders only */
	struct list_head thread_node;	/* signal->threads */
	struct list_head task_node;	/* all tasks, by creation */
	struct task_struct *pid_next;	/* hash chain */
	int exit_code, exit_signal;
	u64 clear_child_tid;		/* user addresses */
	u64 robust_list;
	u64 rseq;
	u32 rseq_len, rseq_sig;
	struct wait_queue_head *vfork_done;
	struct list_head run_node;	/* run queue */
	struct list_head wait_node;	/* hashed waits */
	const void *wait_addr;
	u64 utime_ns, stime_ns, slice_ns, start_ns;
	u64 last_ran_ns;
	unsigned long nvcsw, nivcsw;
	u64 cpus_allowed;
	int nice;
	struct file *exe;
	char *syscall_name;		/* for reports */
};

/* This CPU's running thread. */
static inline struct task_struct *get_current(void)
{
	return (struct task_struct *)x86_current_thread();
}
#define current get_current()

#endif
