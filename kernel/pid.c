/* SPDX-License-Identifier: MIT */
/*
 * pid.c - numbers of threads, and finding threads by them.
 *
 * 1. Idea.  Numbers go up to pid_max and start again; one is free if no task,
 *    process group or session has it.  When a round ends, one look at all
 *    tasks marks what they have in a map, and the next round gives the numbers
 *    that are not marked: a round of k numbers among n tasks costs n + k, and
 *    one number a few words of the map.
 * 2. Invariants.
 *    N1  every number above pids.last that is in use is marked in pids.taken
 *        (a marked one may have been freed since: the next round has it;
 *        groups and sessions are named after processes, so none is new)
 *    N2  every task between attach_pid() and detach_pid() is in the hash
 *        table and on all_tasks
 * 3. Locking.  tasklist_lock guards all of it.
 */
#include <quire/bitmap.h>
#include <quire/slab.h>
#include <quire/string.h>

#include "kernel/sched.h"
#include "kernel/task.h"

#define PID_RESERVED 300 /* not given again after the first round */
#define PID_BUCKETS  512

spinlock_t tasklist_lock = SPINLOCK_INIT(LOCK_RANK_TASKLIST);
LIST_HEAD(all_tasks);
unsigned long total_forks;

static struct {
	struct task_struct *hash[PID_BUCKETS];
	DECLARE_BITMAP(taken, PID_MAX);
	int last;
	unsigned int nr_tasks;
} pids = {.last = 2};

static struct task_struct **bucket_of(int tid)
{
	return &pids.hash[(unsigned int)tid % PID_BUCKETS];
}

/* tasklist_lock held. */
static void mark_taken(void)
{
	struct task_struct *t;

	bitmap_zero(pids.taken, PID_MAX);
	for_each_task(t) {
		if (!t->signal)
			continue;
		__set_bit((size_t)t->pid, pids.taken);
		__set_bit((size_t)t->tgid, pids.taken);
		__set_bit((size_t)t->signal->pgrp, pids.taken);
		__set_bit((size_t)t->signal->session, pids.taken);
	}
}

int alloc_pid(void)
{
	size_t nr;

	lockdep_assert_held(&tasklist_lock);
	nr = find_next_zero_bit(pids.taken, PID_MAX, (size_t)pids.last + 1);
	if (unlikely(nr >= PID_MAX)) {
		mark_taken();
		nr = find_next_zero_bit(pids.taken, PID_MAX, PID_RESERVED);
		if (nr >= PID_MAX)
			return -EAGAIN;
	}
	WRITE_ONCE(pids.last, (int)nr);
	return (int)nr;
}

int last_pid(void)
{
	return READ_ONCE(pids.last);
}

void attach_pid(struct task_struct *t)
{
	struct task_struct **b = bucket_of(t->pid);

	t->pid_next = *b;
	*b = t;
	list_add_tail(&t->task_node, &all_tasks);
	pids.nr_tasks++;
	total_forks++;
}

void detach_pid(struct task_struct *t)
{
	struct task_struct **p = bucket_of(t->pid);

	while (*p != t)
		p = &(*p)->pid_next;
	*p = t->pid_next;
	list_del(&t->task_node);
	pids.nr_tasks--;
}

/*
 * exec by a thread that does not lead its process: it takes the number of
 * the old leader, which is gone, and its place in the table.
 */
void take_pid(struct task_struct *t, int pid)
{
	detach_pid(t);
	t->pid = pid;
	attach_pid(t);
	total_forks--;
}

struct task_struct *find_task_locked(int tid)
{
	struct task_struct *t;

	lockdep_assert_held(&tasklist_lock);
	if (tid <= 0)
		return NULL;
	for (t = *bucket_of(tid); t && t->pid != tid; t = t->pid_next)
		;
	return t;
}

struct task_struct *find_get_task(int tid)
{
	struct task_struct *t;

	spin_lock(&tasklist_lock);
	t = find_task_locked(tid);
	if (t)
		get_task_struct(t);
	spin_unlock(&tasklist_lock);
	return t;
}

struct task_struct *next_process(int tgid)
{
	struct task_struct *t, *best = NULL;

	spin_lock(&tasklist_lock);
	for_each_task(t) {
		if (t->tgid >= tgid && thread_group_leader(t) &&
		    (!best || t->tgid < best->tgid))
			best = t;
	}
	if (best)
		get_task_struct(best);
	spin_unlock(&tasklist_lock);
	return best;
}

struct task_struct *next_thread_of(struct task_struct *t, int tid)
{
	struct task_struct *p, *best = NULL;

	spin_lock(&tasklist_lock);
	list_for_each_entry(p, &t->signal->threads, thread_node) {
		if (p->pid >= tid && (!best || p->pid < best->pid))
			best = p;
	}
	if (best)
		get_task_struct(best);
	spin_unlock(&tasklist_lock);
	return best;
}

int task_ppid(struct task_struct *t)
{
	return READ_ONCE(t->signal->ppid);
}

struct mm_struct *get_task_mm(struct task_struct *t)
{
	struct mm_struct *mm;

	task_lock(t);
	mm = t->mm;
	if (mm)
		mmget(mm);
	task_unlock(t);
	return mm;
}

unsigned int nr_threads_total(void)
{
	return READ_ONCE(pids.nr_tasks);
}

char task_state_char(const struct task_struct *t)
{
	if (t->exit_state == EXIT_ZOMBIE)
		return 'Z';
	if (t->exit_state == EXIT_DEAD)
		return 'X';
	switch (READ_ONCE(t->state) & ~TASK_WAKEKILL) {
	case TASK_INTERRUPTIBLE:
		return 'S';
	case TASK_UNINTERRUPTIBLE:
		return 'D';
	case TASK_STOPPED:
		return 'T';
	case TASK_DEAD:
		return 'X';
	default:
		return 'R';
	}
}

/* The exact sum is shared between user and system as the ticks say. */
void task_cputime(struct task_struct *t, u64 *utime, u64 *stime)
{
	u64 total = task_sched_runtime(t);
	u64 ticks = (t->utime_ns + t->stime_ns) / (NSEC_PER_SEC / HZ);

	if (ticks == 0)
		*utime = 0;
	else
		*utime = total / ticks * (t->utime_ns / (NSEC_PER_SEC / HZ));
	*stime = total - *utime;
}

/* tasklist_lock held, so that no thread moves to the sums meanwhile. */
void process_cputime_locked(struct signal_struct *sig, u64 *utime, u64 *stime)
{
	struct task_struct *t;
	u64 u, s;

	*utime = sig->utime_ns;
	*stime = sig->stime_ns;
	list_for_each_entry(t, &sig->threads, thread_node) {
		if (t->flags & PF_TIMES_FOLDED)
			continue;
		task_cputime(t, &u, &s);
		*utime += u;
		*stime += s;
	}
}

void process_cputime(struct signal_struct *sig, u64 *utime, u64 *stime)
{
	spin_lock(&tasklist_lock);
	process_cputime_locked(sig, utime, stime);
	spin_unlock(&tasklist_lock);
}
