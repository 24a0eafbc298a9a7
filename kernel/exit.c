/* SPDX-License-Identifier: MIT */
/*
 * exit.c - the end of threads and processes.
 *
 * 1. Life of a thread's end.
 *
 *	running --do_exit--> ZOMBIE (leader) --wait4--> DEAD, released
 *	            \------> DEAD, released (other threads; nobody waits)
 *
 *    What a thread holds is given back in its own context, without locks;
 *    then, under tasklist_lock, it leaves the tree.  A process is over when
 *    its last thread is (nr_threads 0); only then its leader can be waited
 *    for, its children get a new parent and its own parent is told.
 * 2. Invariants.
 *    X1  a leader stays in the tables, as a zombie, as long as its process
 *        has a thread, and until its parent has waited or does not care
 *    X2  a thread's times are either its own or in signal's sums
 *        (PF_TIMES_FOLDED), never both
 * 3. Locking.  As task.h says; nothing is freed that can sleep under it.
 * 4. Failure.  None: exit takes no memory.
 */
#include <quire/printk.h>
#include <quire/string.h>

#include "kernel/exec.h"
#include "kernel/fs.h"
#include "kernel/main.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"

/* ---- leaving memory ---- */

void mm_release(struct task_struct *t, struct mm_struct *mm)
{
	if (t->robust_list) {
		exit_robust_list(t);
		t->robust_list = 0;
	}
	if (t->clear_child_tid) {
		u32 *tidptr = (u32 *)t->clear_child_tid;

		/* Others see it only if they share the memory. */
		if (READ_ONCE(mm->mm_users) > 1 && !put_user(0U, tidptr))
			futex_wake_user(tidptr, 1);
		t->clear_child_tid = 0;
	}
	task_lock(t);
	if (t->vfork_done) {
		complete(t->vfork_done);
		t->vfork_done = NULL;
	}
	task_unlock(t);
}

static void exit_mm(struct task_struct *t)
{
	struct mm_struct *mm = t->mm;
	unsigned long rss, flags;

	if (!mm)
		return;
	mm_release(t, mm);
	rss = max(mm->hiwater_rss, get_mm_rss(mm));
	if (rss > t->signal->maxrss_pages)
		WRITE_ONCE(t->signal->maxrss_pages, rss);
	mmgrab(mm);
	task_lock(t);
	/* From here the thread borrows mm like a kernel thread does. */
	flags = local_irq_save();
	t->active_mm = mm;
	WRITE_ONCE(t->mm, NULL);
	local_irq_restore(flags);
	task_unlock(t);
	mmput(mm);
}

static void exit_files(struct task_struct *t)
{
	struct files_struct *files = t->files;
	struct fs_struct *fs = t->fs;
	struct file *exe = t->exe;

	task_lock(t);
	t->files = NULL;
	t->fs = NULL;
	t->exe = NULL;
	task_unlock(t);
	if (files)
		files_put(files);
	if (fs)
		fs_put(fs);
	if (exe)
		exe_put(exe);
}

/* ---- leaving the tree; tasklist_lock is held in this part ---- */

static void fold_times(struct task_struct *t)
{
	struct signal_struct *sig = t->signal;
	u64 utime, stime;

	task_cputime(t, &utime, &stime);
	sig->utime_ns += utime;
	sig->stime_ns += stime;
	sig->nvcsw += t->nvcsw;
	sig->nivcsw += t->nivcsw;
	sig->min_flt += t->min_flt;
	sig->maj_flt += t->maj_flt;
	t->flags |= PF_TIMES_FOLDED;
}

/* Out of the tables; the caller drops their reference after unlocking. */
void unhash_task(struct task_struct *t)
{
	struct sighand_struct *h = t->sighand;

	t->exit_state = EXIT_DEAD;
	detach_pid(t);
	list_del(&t->thread_node);
	if (thread_group_leader(t) && t->signal->parent)
		list_del_init(&t->signal->sibling);
	spin_lock(&h->siglock);
	flush_sigqueue(&t->pending);
	spin_unlock(&h->siglock);
	t->sighand = NULL;
	sighand_put(h);
}

void release_task(struct task_struct *t)
{
	spin_lock(&tasklist_lock);
	unhash_task(t);
	spin_unlock(&tasklist_lock);
	put_task_struct(t);
}

static struct signal_struct *new_parent_for(struct signal_struct *dying)
{
	struct signal_struct *p;

	for (p = dying->parent; p; p = p->parent)
		if (p->child_subreaper && p->nr_threads)
			return p;
	return init_signal();
}

/* A stopped group that nobody can continue any more is told to end. */
static void kill_orphaned_pgrp(struct signal_struct *of, int pgrp)
{
	struct task_struct *t;
	bool any_stopped = false;

	for_each_task(t)
		if (thread_group_leader(t) && t->signal->pgrp == pgrp &&
		    t->signal != of && t->signal->stopped)
			any_stopped = true;
	if (any_stopped && is_orphaned_pgrp_locked(pgrp, of)) {
		kill_pgrp_locked(pgrp, SIGHUP);
		kill_pgrp_locked(pgrp, SIGCONT);
	}
}

static void reparent_children(struct signal_struct *sig, struct list_head *dead)
{
	struct signal_struct *child, *next, *heir;

	if (list_empty(&sig->children))
		return;
	heir = new_parent_for(sig);
	list_for_each_entry_safe(child, next, &sig->children, sibling) {
		struct task_struct *leader = child->leader;
		bool reap;

		child->parent = heir;
		WRITE_ONCE(child->ppid, heir ? heir->tgid : 0);
		if (leader->pdeath_signal)
			send_sig_locked(leader->pdeath_signal, leader);
		if (heir) {
			list_move_tail(&child->sibling, &heir->children);
			leader->exit_signal = SIGCHLD;
		} else {
			list_del_init(&child->sibling);
		}
		if (leader->exit_state == EXIT_ZOMBIE &&
		    child->nr_threads == 0) {
			reap = !heir || notify_parent_exit(leader);
			if (reap) {
				unhash_task(leader);
				list_add_tail(&leader->wait_node, dead);
			}
		}
		if (child->pgrp != sig->pgrp)
			kill_orphaned_pgrp(sig, child->pgrp);
	}
}

/* Wake who waits for this process to have no thread but one. */
static void wake_exec_thread(struct signal_struct *sig)
{
	if (sig->exec_thread && sig->nr_threads == 1)
		wake_up_process(sig->exec_thread);
}

/*
 * t's last act in the tree.  Tasks whose table reference is to be dropped
 * are left on dead, by wait_node.
 */
static void exit_notify(struct task_struct *t, struct list_head *dead)
{
	struct signal_struct *sig = t->signal;
	struct task_struct *leader;

	spin_lock(&tasklist_lock);
	fold_times(t);
	sig->nr_threads--;
	t->exit_state = EXIT_ZOMBIE;
	wake_exec_thread(sig);
	leader = sig->leader;
	if (t != leader) {
		unhash_task(t);
		list_add_tail(&t->wait_node, dead);
	}
	if (sig->nr_threads == 0) {
		reparent_children(sig, dead);
		kill_orphaned_pgrp(sig, sig->pgrp);
		if (!sig->parent || notify_parent_exit(leader)) {
			unhash_task(leader);
			list_add_tail(&leader->wait_node, dead);
		}
	}
	spin_unlock(&tasklist_lock);
}

static bool is_last_thread(struct task_struct *t)
{
	bool last;

	/* Two threads that end at once agree who is last. */
	spin_lock(&tasklist_lock);
	last = --t->signal->nr_live == 0;
	spin_unlock(&tasklist_lock);
	return last;
}

void do_exit(int code)
{
	struct task_struct *t = current, *d, *n;
	LIST_HEAD(dead);
	bool last;

	BUG_ON(t->flags & PF_IDLE);
	BUG_ON(preempt_count());
	last = is_last_thread(t);
	t->exit_code = code;
	if (last && t->signal == init_signal())
		init_died(t->signal->group_exit ? t->signal->group_exit_code
						: code);
	if (last)
		exit_itimers(t->signal);
	exit_signals(t);
	exit_mm(t);
	if (last && t->signal->leader_of_session)
		disassociate_ctty(t);
	exit_files(t);
	exit_notify(t, &dead);
	list_for_each_entry_safe(d, n, &dead, wait_node)
		put_task_struct(d);

	local_irq_save();
	t->state = TASK_DEAD;
	schedule();
	panic("dead thread %d ran again", t->pid);
}

void do_group_exit(int code)
{
	struct signal_struct *sig = current->signal;
	spinlock_t *lock = &current->sighand->siglock;

	spin_lock(&tasklist_lock);
	spin_lock(lock);
	if (sig->group_exit) {
		code = sig->group_exit_code;
	} else if (sig->exec_thread && sig->exec_thread != current) {
		code = 0; /* one of those that exec does away with */
	} else {
		sig->group_exit = true;
		sig->group_exit_code = code;
		zap_other_threads(current);
	}
	spin_unlock(lock);
	spin_unlock(&tasklist_lock);
	do_exit(code);
}

SYSCALL_DEFINE1(exit, int, status)
{
	do_exit((status & 0xff) << 8);
}

SYSCALL_DEFINE1(exit_group, int, status)
{
	do_group_exit((status & 0xff) << 8);
}
