/* SPDX-License-Identifier: MIT */
/*
 * task.h - threads and processes.
 *
 * 1. A task_struct is one thread.  A signal_struct is one process: what its
 *    threads share by being one, and the process tree.  mm, files, fs and
 *    sighand are counted on their own, as clone(2) lets them be shared
 *    separately.
 *
 *	signal_struct --leader--> task --thread_node--> task ... (threads)
 *	  | parent, children, sibling (the process tree)
 *
 * 2. Locking.
 *    tasklist_lock   process tree, pid table, list of tasks, thread lists,
 *                    pgrp, session, exit states; never from interrupts
 *    sighand->siglock pending signals, actions, blocked masks, group exit
 *                    and stop state; inside tasklist_lock
 *    run-queue lock  state, on_rq, cpu, vruntime (sched.c)
 *    task_lock(t)    t->mm, files, fs, exe as seen by others, at exit and
 *                    exec
 *    A thread reads its own fields without locks.
 *
 * 3. Lifetime.  usage counts references; the scheduler's ends after the last
 *    switch away, the parent's (leaders) when it has waited.
 */
#ifndef KERNEL_TASK_H
#define KERNEL_TASK_H

#include <quire/list.h>
#include <quire/mm.h>
#include <quire/rbtree.h>
#include <quire/spinlock.h>
#include <quire/types.h>

#include "kernel/timer.h"
#include "kernel/uapi.h"
#include "kernel/wait.h"
#include "port/x86_64/thread.h"

struct files_struct;
struct fs_struct;
struct tty;
struct file;
struct pt_regs;

#define TASK_COMM_LEN	16
#define PF_KTHREAD	0x01U
#define PF_EXITING	0x02U
#define PF_FORKNOEXEC	0x04U
#define PF_OOM_VICTIM	0x08U
#define PF_SIGNALED	0x10U /* killed by a signal */
#define PF_TIMES_FOLDED 0x40U /* its times are in signal's sums */
#define PF_IDLE		0x20U

#define HZ		100 /* scheduler ticks a second; USER_HZ too */

struct cred {
	u32 uid, euid, suid, fsuid;
	u32 gid, egid, sgid, fsgid;
	u32 ngroups;
	u32 groups[32];
};

struct sigpending {
	struct list_head list; /* struct sigqueue */
	u64 signal;	       /* bit n-1: signal n */
};

struct sighand_struct {
	u32 count;
	spinlock_t siglock;
	struct k_sigaction action[64];
};

/* task->exit_state; a process's is its leader's. */
enum { EXIT_ALIVE, EXIT_ZOMBIE, EXIT_DEAD };

struct signal_struct {		  /* one per process */
	u32 count;		  /* tasks that point here */
	u32 nr_live;		  /* not in do_exit() yet */
	u32 nr_threads;		  /* not yet exited */
	struct list_head threads; /* task->thread_node */
	struct task_struct *leader;
	int tgid;
	int ppid; /* parent's tgid or 0 */

	struct signal_struct *parent; /* NULL: pid 0's children */
	struct list_head children, sibling;
	struct wait_queue_head wait_chldexit;

	struct sigpending shared_pending;
	int group_exit_code;		 /* wait(2) status */
	bool group_exit;		 /* all threads are to end */
	struct task_struct *exec_thread; /* it alone is to stay */
	bool stopped;			 /* job control: all threads stop */
	bool stopped_pending;		 /* the parent was not told yet by */
	bool continued_pending;		 /* wait(2), WUNTRACED/WCONTINUED */
	int stop_signal;
	unsigned int nr_to_stop; /* threads that have not stopped yet */
	bool unkillable;	 /* pid 1: default actions do not apply */
	u32 nr_sigqueue;	 /* RLIMIT_SIGPENDING */

	int pgrp, session;
	struct tty *tty; /* controlling terminal */
	bool leader_of_session;
	bool did_exec; /* since fork: setpgid(2) */
	bool child_subreaper;

	struct rlimit64 rlim[RLIM_NLIMITS];
	u64 utime_ns, stime_ns;	  /* of threads gone */
	u64 cutime_ns, cstime_ns; /* of children waited for */
	unsigned long min_flt, maj_flt, cmin_flt, cmaj_flt;
	unsigned long nvcsw, nivcsw, cnvcsw, cnivcsw;
	unsigned long maxrss_pages, cmaxrss_pages;
	int oom_score_adj;
	u64 oom_since_ns; /* found dying, or killed, for want of memory */
	u64 start_ns;

	struct ktimer real_timer; /* ITIMER_REAL */
	u64 it_real_incr_ns;
	bool it_real_fired;		 /* for the timer thread */
	u64 it_virt_ns, it_virt_incr_ns; /* ITIMER_VIRTUAL: at utime */
	u64 it_prof_ns, it_prof_incr_ns; /* ITIMER_PROF: at utime+stime */
	bool it_cpu_armed;		 /* one of these two is set */
};

struct restart_block {
	long (*fn)(struct task_struct *task);
	u64 arg[5];
};

struct task_struct {
	struct arch_thread thread; /* first: entry.S and switch.S */
	void *stack;		   /* kernel stack's lowest address */
	int state;		   /* TASK_* */
	u32 flags;		   /* PF_*; written by the task only */
	u32 usage;		   /* references */
	int pid, tgid;
	unsigned int cpu;
	bool need_resched;
	bool on_rq;	      /* in the tree, or running */
	bool sigpending_hint; /* recalc_sigpending()'s result */
	int exit_state;
	spinlock_t alloc_lock; /* task_lock() */
	char comm[TASK_COMM_LEN];
	struct mm_struct *mm;	     /* NULL: kernel thread */
	struct mm_struct *active_mm; /* lazily kept by kernel threads */
	struct files_struct *files;
	struct fs_struct *fs;
	struct sighand_struct *sighand;
	struct signal_struct *signal;
	struct sigpending pending;
	u64 blocked, saved_sigmask;
	u64 awaited; /* blocked but for sigtimedwait(2), which is under way */
	bool restore_sigmask;
	struct k_sigaltstack altstack;
	struct restart_block restart;
	u32 trap_nr; /* last exception: sigcontext */
	u64 trap_error_code, trap_cr2;
	struct cred cred;
	struct list_head thread_node; /* signal->threads */
	struct list_head task_node;   /* all tasks, by creation */
	struct task_struct *pid_next; /* hash chain */
	int exit_code, exit_signal;
	int pdeath_signal;
	u64 clear_child_tid; /* user addresses */
	u64 set_child_tid;
	u64 robust_list;
	u64 rseq;
	u32 rseq_len, rseq_sig;
	bool no_new_privs;
	bool dumpable;
	unsigned long personality;
	struct completion *vfork_done;
	/* scheduler */
	struct rb_node run_rb;
	u64 vruntime;		/* weighted ns */
	u64 exec_start_ns;	/* since it runs */
	u64 sum_exec_ns;	/* on a processor, exactly */
	u64 utime_ns, stime_ns; /* by ticks */
	u64 slice_start_ns;
	u64 start_ns;
	unsigned long nvcsw, nivcsw;
	unsigned long min_flt, maj_flt;
	u64 cpus_allowed;
	int nice;
	u64 timer_slack_ns;
	/* hashed waits */
	struct list_head wait_node;
	const void *wait_addr;
	struct file *exe;
	/* kernel threads */
	int (*kthread_fn)(void *arg);
	void *kthread_arg;
};

/* This CPU's running thread. */
static inline struct task_struct *get_current(void)
{
	return (struct task_struct *)x86_current_thread();
}
#define current get_current()

extern spinlock_t tasklist_lock;

static inline void task_lock(struct task_struct *t)
{
	spin_lock(&t->alloc_lock);
}

static inline void task_unlock(struct task_struct *t)
{
	spin_unlock(&t->alloc_lock);
}

static inline bool thread_group_leader(const struct task_struct *t)
{
	return t->signal->leader == t;
}

static inline bool fatal_signal_pending(const struct task_struct *t)
{
	return READ_ONCE(t->pending.signal) & (1UL << (SIGKILL - 1));
}

/* ---- references and look-up (pid.c) ---- */
static inline void get_task_struct(struct task_struct *t)
{
	__atomic_fetch_add(&t->usage, 1, __ATOMIC_RELAXED);
}
void put_task_struct(struct task_struct *t);

/* The thread with this id, referenced; NULL. */
struct task_struct *find_get_task(int tid);
/* The process (its leader) with the lowest pid >= tgid, referenced; NULL. */
struct task_struct *next_process(int tgid);
/* The thread of t's process with the lowest tid >= tid, referenced; NULL. */
struct task_struct *next_thread_of(struct task_struct *t, int tid);
/* With tasklist_lock held: a leader / any task by id, not referenced. */
struct task_struct *find_task_locked(int tid);
int task_ppid(struct task_struct *t); /* 0: none */
/* t's address space with mm_users raised; NULL: kernel thread, or gone. */
struct mm_struct *get_task_mm(struct task_struct *t);
/* Every thread, oldest first; tasklist_lock held. */
extern struct list_head all_tasks;
#define for_each_task(t) list_for_each_entry(t, &all_tasks, task_node)
unsigned int nr_threads_total(void);
extern unsigned long total_forks; /* since boot: /proc/stat processes */

#define PID_MAX 32768			/* one above the highest number given */
int last_pid(void);			/* the number given last */
int alloc_pid(void);			/* tasklist_lock held; or -EAGAIN */
void attach_pid(struct task_struct *t); /* tasklist_lock held */
void detach_pid(struct task_struct *t);
void take_pid(struct task_struct *t, int pid); /* exec by a thread */

/*
 * 'R', 'S', 'D', 'T', 'Z', 'X' as in proc(5).
 */
char task_state_char(const struct task_struct *t);
/* CPU time of one thread / all threads so far, in ns. */
void task_cputime(struct task_struct *t, u64 *utime, u64 *stime);
void process_cputime_locked(struct signal_struct *sig, u64 *utime, u64 *stime);
void process_cputime(struct signal_struct *sig, u64 *utime, u64 *stime);

/* ---- kernel threads (fork.c) ---- */
/*
 * Starts fn(arg) in a thread of its own, with files and directories shared
 * with nobody; fn's return ends it unless kernel_execve() made it a program.
 * ERR_PTR on failure.  The task is not referenced for the caller.
 */
struct task_struct *kthread_run(int (*fn)(void *arg), void *arg,
				const char *name);
/* The same with a given number, 0: the next; NULL parent: pid 0's child. */
struct task_struct *kthread_run_as(int (*fn)(void *arg), void *arg,
				   const char *name, int pid,
				   struct signal_struct *parent);
void set_task_comm(struct task_struct *t, const char *name);

/* ---- fork, exec, exit ---- */
void fork_init(void);
/* A CPU's idle task; its stack for x86_start_cpu(). */
struct task_struct *idle_task_alloc(unsigned int cpu);
void idle_task_adopt_boot(void);
void __noreturn do_exit(int code); /* wait(2) status */
void __noreturn do_group_exit(int code);
/* kstack.c: KERNEL_STACK_SIZE bytes; alloc: NULL, task context. */
void *kernel_stack_alloc(void);
void kernel_stack_free(void *stack);
/* The stack of a thread that no longer runs; interrupts off. */
void release_thread_stack(struct task_struct *t);
/* Give back what nobody will need soon; task context. */
void trim_stacks(void);
/* All cached stacks of this CPU back to vmalloc; task context. */
void drain_stack_cache(void);
/* The parent of a vfork may go on; clear_child_tid, robust list. */
void mm_release(struct task_struct *t, struct mm_struct *mm);
/* Take a dead thread out of all tables; drops the tables' reference. */
void release_task(struct task_struct *t);
void unhash_task(struct task_struct *t); /* tasklist_lock held; no put */
/*
 * A kernel thread becomes a program.  path, argv, envp in kernel memory; the
 * thread's function then returns 0 and user mode begins.  0 or -E.
 */
int kernel_execve(const char *path, const char *const *argv,
		  const char *const *envp);
/* What current's wait queue gives for a child: see exit.c. */
long kernel_wait4(int pid, int *status, int options, struct k_rusage *ru);

/* futex.c */
void futex_init(void);
struct pt_regs;
void exit_robust_list(struct task_struct *t);
int futex_wake_user(u32 *uaddr, int nr);
/* time.c: setitimer's timers */
void init_real_timer(struct signal_struct *sig);
/* RLIMIT_CPU was set or inherited. */
void rlimit_cpu_changed(struct signal_struct *sig);
void exit_itimers(struct signal_struct *sig);
void itimers_init(void);
/* On the way to user mode: ITIMER_VIRTUAL, _PROF, RLIMIT_CPU. */
void check_cpu_timers(void);
/* sys.c */
void init_rlimits(struct rlimit64 *rlim);
/* rseq.c: after a switch or before a signal, on the way to user mode. */
void rseq_handle(struct pt_regs *regs);

/* ---- credentials ---- */
/* Root, or the capability that root stands for here. */
/* mempolicy.c: the nodes that have memory, as bits. */
unsigned long mems_allowed(void);

static inline bool capable_root(void)
{
	return current->cred.euid == 0;
}

#endif
