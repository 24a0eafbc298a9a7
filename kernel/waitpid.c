/* SPDX-License-Identifier: MIT */
/*
 * waitpid.c - waiting for children: wait4(2), waitid(2), and getrusage(2),
 * whose figures they collect.
 *
 * 1. Idea.  A call looks at all children of the process under tasklist_lock
 *    and takes the first event that fits; if there is none it sleeps on the
 *    process's wait_chldexit, which every change of a child wakes.
 * 2. Children belong to processes, not to threads, so that __WNOTHREAD
 *    cannot be honoured and is refused.
 * 3. Locking.  An event is taken (zombie reaped, flag cleared) under
 *    tasklist_lock: two threads that wait never get the same one.
 */
#include <quire/string.h>

#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"

enum { P_ALL, P_PID, P_PGID };

struct wait_request {
	int type, nr; /* P_* */
	int options;
	/* out */
	int pid; /* 0: nothing */
	u32 uid;
	int status; /* wait(2) status */
	int code;   /* CLD_* */
	struct k_rusage ru;
	struct task_struct *reaped; /* to be put */
};

/* ---- resource usage ---- */

static struct timeval64 ns_to_timeval(u64 ns)
{
	return (struct timeval64){(s64)(ns / NSEC_PER_SEC),
				  (s64)(ns % NSEC_PER_SEC / NSEC_PER_USEC)};
}

static unsigned long peak_rss(const struct mm_struct *mm)
{
	unsigned long now = get_mm_rss(mm);

	return max(mm->hiwater_rss, now);
}

/* A process's own, all threads, dead and alive; tasklist_lock held. */
static void usage_self(struct signal_struct *sig, struct k_rusage *ru)
{
	struct task_struct *t;
	struct mm_struct *mm = NULL;
	unsigned long rss = sig->maxrss_pages;
	u64 u, s;

	process_cputime_locked(sig, &u, &s);
	ru->ru_utime = ns_to_timeval(u);
	ru->ru_stime = ns_to_timeval(s);
	ru->ru_minflt = (s64)sig->min_flt;
	ru->ru_majflt = (s64)sig->maj_flt;
	ru->ru_nvcsw = (s64)sig->nvcsw;
	ru->ru_nivcsw = (s64)sig->nivcsw;
	list_for_each_entry(t, &sig->threads, thread_node) {
		if (t->flags & PF_TIMES_FOLDED)
			continue;
		ru->ru_nvcsw += (s64)t->nvcsw;
		ru->ru_nivcsw += (s64)t->nivcsw;
		ru->ru_minflt += (s64)t->min_flt;
		ru->ru_majflt += (s64)t->maj_flt;
		task_lock(t);
		mm = t->mm;
		if (mm) {
			unsigned long peak = peak_rss(mm);

			rss = max(rss, peak);
		}
		task_unlock(t);
	}
	ru->ru_maxrss = (s64)(rss << (PAGE_SHIFT - 10));
}

static void usage_children(struct signal_struct *sig, struct k_rusage *ru)
{
	ru->ru_utime = ns_to_timeval(sig->cutime_ns);
	ru->ru_stime = ns_to_timeval(sig->cstime_ns);
	ru->ru_minflt = (s64)sig->cmin_flt;
	ru->ru_majflt = (s64)sig->cmaj_flt;
	ru->ru_nvcsw = (s64)sig->cnvcsw;
	ru->ru_nivcsw = (s64)sig->cnivcsw;
	ru->ru_maxrss = (s64)(sig->cmaxrss_pages << (PAGE_SHIFT - 10));
}

static void usage_thread(struct task_struct *t, struct k_rusage *ru)
{
	u64 u, s;

	task_cputime(t, &u, &s);
	ru->ru_utime = ns_to_timeval(u);
	ru->ru_stime = ns_to_timeval(s);
	ru->ru_minflt = (s64)t->min_flt;
	ru->ru_majflt = (s64)t->maj_flt;
	ru->ru_nvcsw = (s64)t->nvcsw;
	ru->ru_nivcsw = (s64)t->nivcsw;
	if (t->mm)
		ru->ru_maxrss = (s64)(peak_rss(t->mm) << (PAGE_SHIFT - 10));
}

SYSCALL_DEFINE2(getrusage, int, who, struct k_rusage *, uru)
{
	struct k_rusage ru;

	memset(&ru, 0, sizeof(ru));
	spin_lock(&tasklist_lock);
	switch (who) {
	case 0:
		usage_self(current->signal, &ru);
		break;
	case -1:
		usage_children(current->signal, &ru);
		break;
	case 1:
		usage_thread(current, &ru);
		break;
	default:
		spin_unlock(&tasklist_lock);
		return -EINVAL;
	}
	spin_unlock(&tasklist_lock);
	return copy_to_user(uru, &ru, sizeof(ru)) ? -EFAULT : 0;
}

/* ---- events of children; tasklist_lock is held in this part ---- */

static int process_status(const struct signal_struct *sig)
{
	return sig->group_exit ? sig->group_exit_code : sig->leader->exit_code;
}

/* What a child and its waited-for descendants used goes to the parent. */
static void collect_usage(struct signal_struct *to,
			  const struct signal_struct *child)
{
	to->cutime_ns += child->utime_ns + child->cutime_ns;
	to->cstime_ns += child->stime_ns + child->cstime_ns;
	to->cmin_flt += child->min_flt + child->cmin_flt;
	to->cmaj_flt += child->maj_flt + child->cmaj_flt;
	to->cnvcsw += child->nvcsw + child->cnvcsw;
	to->cnivcsw += child->nivcsw + child->cnivcsw;
	to->cmaxrss_pages = max(to->cmaxrss_pages, child->maxrss_pages);
	to->cmaxrss_pages = max(to->cmaxrss_pages, child->cmaxrss_pages);
}

static void event(struct wait_request *w, struct signal_struct *child, int code,
		  int status)
{
	w->pid = child->tgid;
	w->uid = child->leader->cred.uid;
	w->code = code;
	w->status = status;
	usage_self(child, &w->ru);
}

static bool take_exit(struct wait_request *w, struct signal_struct *child)
{
	struct task_struct *leader = child->leader;
	int status;

	if (!(w->options & WEXITED) || child->nr_threads ||
	    leader->exit_state != EXIT_ZOMBIE)
		return false;
	status = process_status(child);
	event(w, child,
	      (status & 0x7f) == 0 ? CLD_EXITED
	      : (status & 0x80)	   ? CLD_DUMPED
				   : CLD_KILLED,
	      status);
	if (w->options & WNOWAIT)
		return true;
	collect_usage(current->signal, child);
	w->reaped = leader;
	unhash_task(leader);
	return true;
}

static bool take_stop(struct wait_request *w, struct signal_struct *child)
{
	if (!(w->options & WSTOPPED) || !child->stopped_pending)
		return false;
	event(w, child, CLD_STOPPED, child->stop_signal << 8 | 0x7f);
	if (!(w->options & WNOWAIT))
		child->stopped_pending = false;
	return true;
}

static bool take_continue(struct wait_request *w, struct signal_struct *child)
{
	if (!(w->options & WCONTINUED) || !child->continued_pending)
		return false;
	event(w, child, CLD_CONTINUED, 0xffff);
	if (!(w->options & WNOWAIT))
		child->continued_pending = false;
	return true;
}

static bool is_eligible(const struct wait_request *w,
			const struct signal_struct *child)
{
	bool clone_child = child->leader->exit_signal != SIGCHLD;

	if (w->type == P_PID && child->tgid != w->nr)
		return false;
	if (w->type == P_PGID && child->pgrp != w->nr)
		return false;
	return (w->options & __WALL) ||
	       clone_child == !!((unsigned int)w->options & __WCLONE);
}

/* 1: an event was taken; 0: none yet; -ECHILD: none can come. */
static int look_at_children(struct wait_request *w)
{
	struct signal_struct *sig = current->signal, *child;
	int ret = -ECHILD;

	list_for_each_entry(child, &sig->children, sibling) {
		if (!is_eligible(w, child))
			continue;
		if (take_exit(w, child) || take_stop(w, child) ||
		    take_continue(w, child))
			return 1;
		ret = 0;
	}
	return ret;
}

static int do_wait(struct wait_request *w)
{
	struct signal_struct *sig = current->signal;
	struct wait_queue_entry we = {0};
	int ret;

	add_wait_queue(&sig->wait_chldexit, &we);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		spin_lock(&tasklist_lock);
		ret = look_at_children(w);
		spin_unlock(&tasklist_lock);
		if (ret || (w->options & WNOHANG))
			break;
		if (signal_pending_current()) {
			ret = -ERESTARTSYS;
			break;
		}
		schedule();
	}
	set_current_state(TASK_RUNNING);
	remove_wait_queue(&sig->wait_chldexit, &we);
	if (w->reaped) {
		put_task_struct(w->reaped);
		trim_stacks();
	}
	return ret < 0 ? ret : 0;
}

long kernel_wait4(int pid, int *status, int options, struct k_rusage *ru)
{
	struct wait_request w = {.options = options | WEXITED};
	int err;

	if (pid == -1) {
		w.type = P_ALL;
	} else if (pid > 0) {
		w.type = P_PID;
		w.nr = pid;
	} else {
		w.type = P_PGID;
		w.nr = pid == 0 ? current->signal->pgrp : -pid;
	}
	err = do_wait(&w);
	if (err)
		return err;
	if (w.pid) {
		*status = w.status;
		if (ru)
			*ru = w.ru;
	}
	return w.pid;
}

SYSCALL_DEFINE4(wait4, int, pid, int *, ustatus, int, options,
		struct k_rusage *, uru)
{
	struct k_rusage ru;
	int status = 0;
	long ret;

	if ((unsigned int)options &
	    ~(WNOHANG | WUNTRACED | WCONTINUED | __WALL | __WCLONE))
		return -EINVAL;
	if (pid == (int)0x80000000)
		return -ESRCH;
	ret = kernel_wait4(pid, &status, options, &ru);
	if (ret <= 0)
		return ret;
	if (ustatus && put_user(status, ustatus))
		return -EFAULT;
	if (uru && copy_to_user(uru, &ru, sizeof(ru)))
		return -EFAULT;
	return ret;
}

static int siginfo_status(const struct wait_request *w)
{
	switch (w->code) {
	case CLD_EXITED:
		return w->status >> 8;
	case CLD_STOPPED:
		return w->status >> 8;
	case CLD_CONTINUED:
		return SIGCONT;
	default:
		return w->status & 0x7f;
	}
}

SYSCALL_DEFINE5(waitid, int, type, int, nr, struct k_siginfo *, uinfo, int,
		options, struct k_rusage *, uru)
{
	struct wait_request w = {.type = type, .nr = nr, .options = options};
	struct k_siginfo info;
	int err;

	if ((unsigned int)options & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED |
				      WCONTINUED | __WALL | __WCLONE))
		return -EINVAL;
	if (!(options & (WEXITED | WSTOPPED | WCONTINUED)))
		return -EINVAL;
	if (type < P_ALL || type > P_PGID || (type == P_PID && nr <= 0) ||
	    (type == P_PGID && nr < 0))
		return -EINVAL;
	if (type == P_PGID && nr == 0)
		w.nr = current->signal->pgrp;
	err = do_wait(&w);
	if (err)
		return err;
	if (uru && w.pid && copy_to_user(uru, &w.ru, sizeof(w.ru)))
		return -EFAULT;
	if (!uinfo)
		return 0;
	memset(&info, 0, sizeof(info));
	if (w.pid) {
		info.si_signo = SIGCHLD;
		info.si_code = w.code;
		info.chld.pid = w.pid;
		info.chld.uid = w.uid;
		info.chld.status = siginfo_status(&w);
	}
	return copy_to_user(uinfo, &info, sizeof(info)) ? -EFAULT : 0;
}
