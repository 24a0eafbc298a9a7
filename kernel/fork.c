/* SPDX-License-Identifier: MIT */
/*
 * fork.c - makes threads: clone, clone3, fork, vfork, kernel threads.
 *
 * 1. Idea.  A new task starts as a copy of its maker's task_struct; each
 *    thing it points to is then either shared (a reference) or copied, as
 *    the flags of clone(2) say.  Nobody can see it until all that can fail
 *    has been done; the last step, under tasklist_lock, puts it into the
 *    process tree and cannot fail but for a pending signal.
 * 2. Locking.  tasklist_lock for the last step.
 * 3. Failure.  -ENOMEM, -EAGAIN (no number, RLIMIT_NPROC), -ERESTARTNOINTR
 *    (a signal came first: it is handled, then the call starts again, so that
 *    a signal to the group reaches parent and child or only the parent).
 */
#include <quire/percpu.h>
#include <quire/port.h>
#include <quire/printk.h>
#include <quire/slab.h>
#include <quire/string.h>
#include <quire/vmalloc.h>
#include <quire/vmstat.h>

#include "kernel/exec.h"
#include "kernel/fs.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "port/x86_64/machine.h"
#include "port/x86_64/upcalls.h"

/* Flags that name what does not exist here: Linux without them says EINVAL. */
#define CLONE_UNSUPPORTED                                             \
	(CLONE_PIDFD | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | \
	 CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

struct clone_request {
	u64 flags;
	int exit_signal;
	unsigned long stack; /* the child's sp; 0: the parent's */
	unsigned long tls;
	int *parent_tid, *child_tid; /* user */
};

static struct {
	struct kmem_cache *task, *signal;
	struct task_struct idle0; /* the boot CPU's */
	struct signal_struct idle_signal;
} forks;

/* ---- task_structs ---- */

static void put_signal_struct(struct signal_struct *sig)
{
	if (__atomic_sub_fetch(&sig->count, 1, __ATOMIC_ACQ_REL))
		return;
	flush_sigqueue(&sig->shared_pending);
	if (sig->tty)
		tty_put(sig->tty);
	kmem_cache_free(forks.signal, sig);
}

void put_task_struct(struct task_struct *t)
{
	if (__atomic_sub_fetch(&t->usage, 1, __ATOMIC_ACQ_REL))
		return;
	arch_thread_free_fpu(&t->thread);
	put_signal_struct(t->signal);
	kmem_cache_free(forks.task, t);
}

void set_task_comm(struct task_struct *t, const char *name)
{
	char comm[TASK_COMM_LEN] = "";

	strscpy(comm, name, sizeof(comm));
	memcpy(t->comm, comm, sizeof(comm));
}

/* A copy of current with a stack of its own and no ties; NULL: no memory. */
static struct task_struct *dup_task(void)
{
	struct task_struct *t, *me = current;

	t = kmem_cache_alloc(forks.task, GFP_KERNEL);
	if (!t)
		return NULL;
	*t = *me;
	memset(&t->thread, 0, sizeof(t->thread));
	t->stack = kernel_stack_alloc();
	if (!t->stack) {
		kmem_cache_free(forks.task, t);
		return NULL;
	}
	t->state = TASK_NEW;
	t->usage = 2; /* the tables', the scheduler's */
	t->flags &= PF_KTHREAD;
	t->exit_state = EXIT_ALIVE;
	t->exit_code = 0;
	t->need_resched = t->on_rq = t->sigpending_hint = false;
	t->restore_sigmask = false;
	spin_lock_init(&t->alloc_lock, LOCK_RANK_FILES);
	init_sigpending(&t->pending);
	t->restart.fn = NULL;
	t->mm = t->active_mm = NULL;
	t->files = NULL;
	t->fs = NULL;
	t->sighand = NULL;
	t->signal = NULL;
	t->exe = NULL;
	t->vfork_done = NULL;
	t->clear_child_tid = t->set_child_tid = t->robust_list = 0;
	t->wait_addr = NULL;
	t->sum_exec_ns = t->utime_ns = t->stime_ns = 0;
	t->nvcsw = t->nivcsw = t->min_flt = t->maj_flt = 0;
	t->pdeath_signal = 0;
	t->start_ns = ktime_ns();
	return t;
}

static unsigned long stack_top(const struct task_struct *t)
{
	return (unsigned long)t->stack + KERNEL_STACK_SIZE;
}

/* ---- what is shared or copied ---- */

static struct signal_struct *signal_alloc(void)
{
	struct signal_struct *sig = kmem_cache_zalloc(forks.signal, GFP_KERNEL);

	if (!sig)
		return NULL;
	sig->count = 1;
	sig->nr_threads = sig->nr_live = 1;
	INIT_LIST_HEAD(&sig->threads);
	INIT_LIST_HEAD(&sig->children);
	INIT_LIST_HEAD(&sig->sibling);
	init_waitqueue_head(&sig->wait_chldexit);
	init_sigpending(&sig->shared_pending);
	init_real_timer(sig);
	sig->start_ns = ktime_ns();
	return sig;
}

static int copy_signal(struct task_struct *p, u64 flags)
{
	struct signal_struct *old = current->signal, *sig;

	if (flags & CLONE_THREAD) {
		p->signal = old;
		__atomic_fetch_add(&old->count, 1, __ATOMIC_RELAXED);
		return 0;
	}
	sig = signal_alloc();
	if (!sig)
		return -ENOMEM;
	sig->leader = p;
	memcpy(sig->rlim, old->rlim, sizeof(sig->rlim));
	rlimit_cpu_changed(sig);
	sig->oom_score_adj = old->oom_score_adj;
	p->signal = sig;
	return 0;
}

static int copy_sighand(struct task_struct *p, u64 flags)
{
	struct sighand_struct *old = current->sighand, *h;

	if (flags & CLONE_SIGHAND) {
		__atomic_fetch_add(&old->count, 1, __ATOMIC_RELAXED);
		p->sighand = old;
		return 0;
	}
	h = sighand_dup(old);
	if (!h)
		return -ENOMEM;
	if (flags & CLONE_CLEAR_SIGHAND) {
		for (int i = 0; i < NSIG; i++)
			if (h->action[i].handler != SIG_IGN)
				h->action[i] = (struct k_sigaction){0};
	}
	p->sighand = h;
	return 0;
}

static int copy_files(struct task_struct *p, u64 flags)
{
	if (!current->files)
		return 0;
	if (flags & CLONE_FILES) {
		files_get(current->files);
		p->files = current->files;
		return 0;
	}
	p->files = files_dup(current->files);
	return p->files ? 0 : -ENOMEM;
}

static int copy_fs(struct task_struct *p, u64 flags)
{
	if (!current->fs)
		return 0;
	if (flags & CLONE_FS) {
		fs_get(current->fs);
		p->fs = current->fs;
		return 0;
	}
	p->fs = fs_dup(current->fs);
	return p->fs ? 0 : -ENOMEM;
}

static int copy_mm(struct task_struct *p, u64 flags)
{
	struct mm_struct *mm;

	if (!current->mm)
		return 0;
	if (flags & CLONE_VM) {
		mm = current->mm;
		mmget(mm);
	} else {
		mm = dup_mm(current->mm);
		if (IS_ERR(mm))
			return (int)PTR_ERR(mm);
	}
	p->mm = p->active_mm = mm;
	if (current->exe)
		p->exe = exe_get(current->exe);
	return 0;
}

/* ---- the checks of clone(2) ---- */

static int check_flags(u64 flags)
{
	if (flags & CLONE_UNSUPPORTED)
		return -EINVAL;
	if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND))
		return -EINVAL;
	if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM))
		return -EINVAL;
	if ((flags & CLONE_CLEAR_SIGHAND) && (flags & CLONE_SIGHAND))
		return -EINVAL;
	if ((flags & CLONE_PARENT) && !current->signal->parent)
		return -EINVAL;
	return 0;
}

/* RLIMIT_NPROC binds all but root; tasklist_lock held. */
static bool over_nproc(void)
{
	u64 max = current->signal->rlim[RLIMIT_NPROC].rlim_cur, n = 0;
	struct task_struct *t;

	if (likely(capable_root() || max == RLIM_INFINITY))
		return false;
	for_each_task(t)
		n += t->cred.uid == current->cred.uid;
	return n >= max;
}

/* ---- the last step ---- */

static void inherit_process(struct task_struct *p, struct signal_struct *parent)
{
	struct signal_struct *sig = p->signal, *old = current->signal;

	p->tgid = sig->tgid = p->pid;
	sig->pgrp = old->pgrp;
	sig->session = old->session;
	if (old->tty) {
		tty_get(old->tty);
		sig->tty = old->tty;
	}
	sig->parent = parent;
	sig->ppid = parent ? parent->tgid : 0;
	if (parent)
		list_add_tail(&sig->sibling, &parent->children);
}

static struct signal_struct *parent_of_child(u64 flags)
{
	if (flags & CLONE_PARENT)
		return current->signal->parent;
	return current->signal;
}

/* Into the tree and the tables, or an error with nothing changed. */
static int publish(struct task_struct *p, u64 flags)
{
	struct signal_struct *sig = p->signal;
	int pid, err = 0;

	spin_lock(&tasklist_lock);
	spin_lock(&current->sighand->siglock);
	recalc_sigpending(current);
	if (current->sigpending_hint) {
		err = -ERESTARTNOINTR;
		goto out;
	}
	pid = over_nproc() ? -EAGAIN : alloc_pid();
	if (pid < 0) {
		err = pid;
		goto out;
	}
	p->pid = pid;
	if (flags & CLONE_THREAD) {
		p->tgid = current->tgid;
		p->exit_signal = -1;
		sig->nr_threads++;
		sig->nr_live++;
	} else {
		inherit_process(p, parent_of_child(flags));
	}
	list_add_tail(&p->thread_node, &sig->threads);
	attach_pid(p);
out:
	spin_unlock(&current->sighand->siglock);
	spin_unlock(&tasklist_lock);
	return err;
}

static void set_user_start(struct task_struct *p,
			   const struct clone_request *rq,
			   const struct pt_regs *regs)
{
	arch_thread_setup_user_fork(&p->thread, stack_top(p), regs);
	if (rq->stack)
		task_pt_regs(stack_top(p))->sp = rq->stack;
	if (rq->flags & CLONE_SETTLS)
		p->thread.fs_base = rq->tls;
	if (rq->flags & CLONE_CHILD_SETTID)
		p->set_child_tid = (uintptr_t)rq->child_tid;
	if (rq->flags & CLONE_CHILD_CLEARTID)
		p->clear_child_tid = (uintptr_t)rq->child_tid;
	/* A new stack for a thread of the same memory: no old altstack. */
	if ((rq->flags & (CLONE_VM | CLONE_VFORK)) == CLONE_VM)
		p->altstack = (struct k_sigaltstack){.ss_flags = SS_DISABLE};
	/* In shared memory the block is its owner's alone. */
	if (rq->flags & CLONE_VM) {
		p->rseq = 0;
		p->rseq_len = p->rseq_sig = 0;
	}
}

static struct task_struct *copy_process(const struct clone_request *rq,
					const struct pt_regs *regs)
{
	struct task_struct *p;
	int err;

	err = check_flags(rq->flags);
	if (err)
		return ERR_PTR(err);
	err = -ENOMEM;
	p = dup_task();
	if (!p)
		return ERR_PTR(err);
	p->flags |= PF_FORKNOEXEC;
	p->exit_signal = rq->exit_signal;
	err = copy_signal(p, rq->flags);
	if (err)
		goto out_task;
	err = copy_sighand(p, rq->flags);
	if (err)
		goto out_signal;
	err = copy_files(p, rq->flags);
	if (err)
		goto out_sighand;
	err = copy_fs(p, rq->flags);
	if (err)
		goto out_files;
	set_user_start(p, rq, regs);
	err = arch_thread_copy_fpu(&p->thread);
	if (err)
		goto out_fs;
	err = copy_mm(p, rq->flags);
	if (err)
		goto out_fpu;
	err = publish(p, rq->flags);
	if (!err)
		return p;

	mmput(p->mm);
	if (p->exe)
		exe_put(p->exe);
out_fpu:
	arch_thread_free_fpu(&p->thread);
out_fs:
	if (p->fs)
		fs_put(p->fs);
out_files:
	if (p->files)
		files_put(p->files);
out_sighand:
	sighand_put(p->sighand);
out_signal:
	put_signal_struct(p->signal);
out_task:
	kernel_stack_free(p->stack);
	kmem_cache_free(forks.task, p);
	return ERR_PTR(err);
}

/* The parent of a vfork sleeps until the child has left its memory. */
static void wait_for_vfork(struct task_struct *p, struct completion *done)
{
	u64 forever = UINT64_MAX;

	wait_event_state(&done->wq,
			 READ_ONCE(done->done) || fatal_signal_pending(current),
			 TASK_KILLABLE, &forever);
	task_lock(p);
	p->vfork_done = NULL;
	task_unlock(p);
}

static long do_clone(const struct clone_request *rq, const struct pt_regs *regs)
{
	struct completion vfork;
	struct task_struct *p;
	int pid;

	p = copy_process(rq, regs);
	if (IS_ERR(p))
		return PTR_ERR(p);
	pid = p->pid;
	/* Like Linux, a bad pointer is the caller's loss. */
	if ((rq->flags & CLONE_PARENT_SETTID) && put_user(pid, rq->parent_tid))
		barrier();
	if (rq->flags & CLONE_VFORK) {
		init_completion(&vfork);
		p->vfork_done = &vfork;
		get_task_struct(p);
	}
	wake_up_new_task(p);
	if (rq->flags & CLONE_VFORK) {
		wait_for_vfork(p, &vfork);
		put_task_struct(p);
	}
	return pid;
}

SYSCALL_DEFINE0(fork)
{
	const struct clone_request rq = {.exit_signal = SIGCHLD};

	return do_clone(&rq, regs);
}

SYSCALL_DEFINE0(vfork)
{
	const struct clone_request rq = {
		.flags = CLONE_VFORK | CLONE_VM,
		.exit_signal = SIGCHLD,
	};

	return do_clone(&rq, regs);
}

long sys_clone(struct pt_regs *regs);
long sys_clone(struct pt_regs *regs)
{
	u64 flags = SYS_ARG1(regs);
	const struct clone_request rq = {
		.flags = flags & 0xffffff00UL,
		.exit_signal = (int)(flags & CSIGNAL),
		.stack = SYS_ARG2(regs),
		.parent_tid = (int *)SYS_ARG3(regs),
		.child_tid = (int *)SYS_ARG4(regs),
		.tls = SYS_ARG5(regs),
	};

	if (rq.exit_signal > NSIG)
		return -EINVAL;
	if ((flags & CLONE_PIDFD) ||
	    ((flags & CLONE_SETTLS) && rq.tls >= TASK_SIZE))
		return (flags & CLONE_PIDFD) ? -EINVAL : -EPERM;
	return do_clone(&rq, regs);
}

/* clone(2): struct clone_args, 64 bytes in its first version. */
struct clone_args {
	u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size,
		tls, set_tid, set_tid_size, cgroup;
};
#define CLONE_ARGS_SIZE_VER0 64

/* Fields newer than ours must be zero: -E2BIG. */
static int copy_clone_args(struct clone_args *args, const void *uargs,
			   size_t size)
{
	const u8 *ubytes = uargs;
	u8 byte;

	if (size < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	memset(args, 0, sizeof(*args));
	if (copy_from_user(args, uargs, min(size, sizeof(*args))))
		return -EFAULT;
	for (size_t i = sizeof(*args); i < size; i++) {
		if (get_user(byte, ubytes + i))
			return -EFAULT;
		if (byte)
			return -E2BIG;
	}
	return 0;
}

SYSCALL_DEFINE2(clone3, const void *, uargs, size_t, size)
{
	struct clone_args args;
	int err;

	/* The registers are not an argument of the call: current's. */
	struct pt_regs *regs = task_pt_regs(current->thread.stack_top);

	err = copy_clone_args(&args, uargs, size);
	if (err)
		return err;
	if (args.flags & ~(0xffffffffUL | CLONE_CLEAR_SIGHAND))
		return -EINVAL;
	if ((args.flags & (CLONE_DETACHED | CSIGNAL)) || args.set_tid_size ||
	    args.exit_signal > NSIG)
		return -EINVAL;
	if ((args.flags & (CLONE_THREAD | CLONE_PARENT)) && args.exit_signal)
		return -EINVAL;
	if (!args.stack != !args.stack_size ||
	    (args.stack && !access_ok((void *)args.stack, args.stack_size)))
		return -EINVAL;
	if ((args.flags & CLONE_SETTLS) && args.tls >= TASK_SIZE)
		return -EPERM;

	const struct clone_request rq = {
		.flags = args.flags,
		.exit_signal = (int)args.exit_signal,
		.stack = args.stack ? args.stack + args.stack_size : 0,
		.tls = args.tls,
		.parent_tid = (int *)args.parent_tid,
		.child_tid = (int *)args.child_tid,
	};
	return do_clone(&rq, regs);
}

SYSCALL_DEFINE1(set_tid_address, int *, tidptr)
{
	current->clear_child_tid = (uintptr_t)tidptr;
	return current->pid;
}

/* ---- kernel threads ---- */

/* A kernel thread ends, or, made a program by exec, goes to user mode. */
static void kthread_start(void *arg)
{
	struct task_struct *t = current;
	int ret;

	(void)arg;
	ret = t->kthread_fn(t->kthread_arg);
	if (t->flags & PF_KTHREAD)
		do_exit((ret & 0xff) << 8);
}

static void init_kthread_signals(struct sighand_struct *h)
{
	for (int i = 0; i < NSIG; i++)
		h->action[i].handler = SIG_IGN;
}

struct task_struct *kthread_run_as(int (*fn)(void *arg), void *arg,
				   const char *name, int pid,
				   struct signal_struct *parent)
{
	struct task_struct *t = dup_task();
	int err = -ENOMEM;

	if (!t)
		return ERR_PTR(-ENOMEM);
	t->flags = PF_KTHREAD;
	t->blocked = 0;
	t->cpus_allowed = ~0UL;
	t->nice = 0;
	t->exit_signal = parent ? SIGCHLD : 0;
	t->altstack = (struct k_sigaltstack){.ss_flags = SS_DISABLE};
	t->rseq = 0;
	memset(&t->cred, 0, sizeof(t->cred));
	t->kthread_fn = fn;
	t->kthread_arg = arg;
	set_task_comm(t, name);
	t->signal = signal_alloc();
	if (!t->signal)
		goto out_task;
	t->signal->leader = t;
	init_rlimits(t->signal->rlim);
	t->sighand = sighand_alloc();
	if (!t->sighand)
		goto out_signal;
	init_kthread_signals(t->sighand);
	t->files = files_alloc();
	if (!t->files)
		goto out_sighand;
	t->fs = fs_alloc();
	if (!t->fs)
		goto out_files;
	arch_thread_setup_kernel(&t->thread, stack_top(t), kthread_start, NULL);

	spin_lock(&tasklist_lock);
	err = pid ? pid : alloc_pid();
	if (err < 0) {
		spin_unlock(&tasklist_lock);
		goto out_fs;
	}
	t->pid = t->tgid = t->signal->tgid = err;
	t->signal->parent = parent;
	t->signal->ppid = parent ? parent->tgid : 0;
	if (parent)
		list_add_tail(&t->signal->sibling, &parent->children);
	list_add_tail(&t->thread_node, &t->signal->threads);
	attach_pid(t);
	spin_unlock(&tasklist_lock);
	wake_up_new_task(t);
	return t;

out_fs:
	fs_put(t->fs);
out_files:
	files_put(t->files);
out_sighand:
	sighand_put(t->sighand);
out_signal:
	put_signal_struct(t->signal);
out_task:
	kernel_stack_free(t->stack);
	kmem_cache_free(forks.task, t);
	return ERR_PTR(err);
}

struct task_struct *kthread_run(int (*fn)(void *arg), void *arg,
				const char *name)
{
	return kthread_run_as(fn, arg, name, 0, NULL);
}

/* ---- idle tasks ---- */

static void init_idle(struct task_struct *t, unsigned int cpu)
{
	t->usage = 1;
	t->flags = PF_KTHREAD | PF_IDLE;
	t->cpu = cpu;
	t->signal = &forks.idle_signal;
	t->exit_signal = 0;
	t->altstack.ss_flags = SS_DISABLE;
	spin_lock_init(&t->alloc_lock, LOCK_RANK_FILES);
	init_sigpending(&t->pending);
	scnprintf(t->comm, sizeof(t->comm), "swapper/%u", cpu);
}

void idle_task_adopt_boot(void)
{
	struct signal_struct *sig = &forks.idle_signal;

	sig->count = 1;
	INIT_LIST_HEAD(&sig->threads);
	INIT_LIST_HEAD(&sig->children);
	init_sigpending(&sig->shared_pending);
	init_waitqueue_head(&sig->wait_chldexit);
	sig->leader = &forks.idle0;
	init_idle(&forks.idle0, 0);
	x86_adopt_thread(&forks.idle0.thread, x86_boot_stack_top());
}

struct task_struct *idle_task_alloc(unsigned int cpu)
{
	struct task_struct *t = kmem_cache_zalloc(forks.task, GFP_KERNEL);

	if (!t)
		return NULL;
	t->stack = kernel_stack_alloc();
	if (!t->stack) {
		kmem_cache_free(forks.task, t);
		return NULL;
	}
	init_idle(t, cpu);
	return t;
}

void fork_init(void)
{
	forks.task =
		kmem_cache_create("task_struct", sizeof(struct task_struct), 64,
				  SLAB_PANIC | SLAB_ACCOUNT, NULL);
	forks.signal =
		kmem_cache_create("signal_cache", sizeof(struct signal_struct),
				  0, SLAB_PANIC | SLAB_ACCOUNT, NULL);
}
