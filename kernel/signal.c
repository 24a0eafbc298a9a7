/* SPDX-License-Identifier: MIT */
/*
 * signal.c - sending signals: who gets them, and what is queued.
 *
 * 1. Idea.  A signal waits in the set of one thread or of its process until
 *    a thread that does not block it comes by on its way to user mode
 *    (sigdeliver.c).  The set has a bit for each number; what is known about
 *    each sending is queued beside it, for real-time signals every time, for
 *    the others once.
 * 2. Invariants.
 *    S1  the bit of a number is set if the queue has an entry for it (for
 *        want of memory a bit may stand alone: sender unknown)
 *    S2  SIGCONT and stop signals are never pending together
 *    S3  sigpending_hint of a thread is true whenever it has something to do
 *        on its way to user mode; it may be true for nothing
 * 3. Locking.  siglock guards all sets of the process.  Who sends to another
 *    process holds tasklist_lock, which keeps sighand and the list of
 *    threads.
 * 4. Failure.  Without memory an ordinary signal loses its siginfo; a
 *    real-time one of sigqueue(3) fails with EAGAIN.
 *
 * Sources: signal(7), sigaction(2), kill(2), POSIX.1-2017 section 2.4.
 */
#include "kernel/signal.h"

#include <quire/slab.h>
#include <quire/string.h>

#include "kernel/sched.h"

#define SIG_IGNORED_BY_DEFAULT                                     \
	(sigmask(SIGCONT) | sigmask(SIGCHLD) | sigmask(SIGWINCH) | \
	 sigmask(SIGURG))
#define SIG_STOP_MASK                                             \
	(sigmask(SIGSTOP) | sigmask(SIGTSTP) | sigmask(SIGTTIN) | \
	 sigmask(SIGTTOU))
/* Caused by the instruction that runs: they come before all others. */
#define SIG_SYNCHRONOUS_MASK                                    \
	(sigmask(SIGSEGV) | sigmask(SIGBUS) | sigmask(SIGILL) | \
	 sigmask(SIGTRAP) | sigmask(SIGFPE) | sigmask(SIGSYS))

static struct {
	struct kmem_cache *sighand, *queue;
} signals;

void signals_init(void)
{
	signals.sighand = kmem_cache_create("sighand_cache",
					    sizeof(struct sighand_struct), 0,
					    SLAB_PANIC | SLAB_ACCOUNT, NULL);
	signals.queue = kmem_cache_create("sigqueue", sizeof(struct sigqueue),
					  0, SLAB_PANIC | SLAB_ACCOUNT, NULL);
}

void init_sigpending(struct sigpending *p)
{
	INIT_LIST_HEAD(&p->list);
	p->signal = 0;
}

/* ---- actions ---- */

struct sighand_struct *sighand_alloc(void)
{
	struct sighand_struct *h =
		kmem_cache_zalloc(signals.sighand, GFP_KERNEL);

	if (h) {
		h->count = 1;
		spin_lock_init(&h->siglock, LOCK_RANK_SIGHAND);
	}
	return h;
}

struct sighand_struct *sighand_dup(struct sighand_struct *old)
{
	struct sighand_struct *h =
		kmem_cache_alloc(signals.sighand, GFP_KERNEL);

	if (h) {
		h->count = 1;
		spin_lock_init(&h->siglock, LOCK_RANK_SIGHAND);
		spin_lock(&old->siglock);
		memcpy(h->action, old->action, sizeof(h->action));
		spin_unlock(&old->siglock);
	}
	return h;
}

void sighand_put(struct sighand_struct *h)
{
	if (__atomic_sub_fetch(&h->count, 1, __ATOMIC_ACQ_REL) == 0)
		kmem_cache_free(signals.sighand, h);
}

void flush_signal_handlers(struct sighand_struct *h)
{
	for (int i = 0; i < NSIG; i++) {
		u64 keep = h->action[i].handler == SIG_IGN ? SIG_IGN : SIG_DFL;

		h->action[i] = (struct k_sigaction){.handler = keep};
	}
}

void reset_signal_handlers(struct sighand_struct *h)
{
	memset(h->action, 0, sizeof(h->action));
}

bool sig_default_ignores(int sig)
{
	return SIG_IGNORED_BY_DEFAULT & sigmask(sig);
}

/* Would t throw it away at once?  A blocked signal may be unignored yet. */
static bool sig_ignored(const struct task_struct *t, int sig)
{
	u64 handler = t->sighand->action[sig - 1].handler;

	if ((t->blocked | t->awaited) & sigmask(sig))
		return false;
	if (handler == SIG_IGN)
		return true;
	return handler == SIG_DFL &&
	       (sig_default_ignores(sig) || t->signal->unkillable);
}

bool sig_blocked_or_ignored(int sig)
{
	return (current->blocked & sigmask(sig)) ||
	       current->sighand->action[sig - 1].handler == SIG_IGN;
}

/* ---- the queue; siglock held ---- */

static void free_queued(struct sigqueue *q)
{
	__atomic_fetch_sub(&q->charged->nr_sigqueue, 1, __ATOMIC_RELAXED);
	kmem_cache_free(signals.queue, q);
}

void flush_sigqueue(struct sigpending *p)
{
	struct sigqueue *q, *n;

	list_for_each_entry_safe(q, n, &p->list, list) {
		list_del(&q->list);
		free_queued(q);
	}
	p->signal = 0;
}

static void remove_from(struct sigpending *p, u64 mask)
{
	struct sigqueue *q, *n;

	if (!(p->signal & mask))
		return;
	p->signal &= ~mask;
	list_for_each_entry_safe(q, n, &p->list, list) {
		if (mask & sigmask(q->info.si_signo)) {
			list_del(&q->list);
			free_queued(q);
		}
	}
}

void flush_pending_mask(struct task_struct *t, u64 mask)
{
	struct task_struct *p;

	remove_from(&t->signal->shared_pending, mask);
	list_for_each_entry(p, &t->signal->threads, thread_node)
		remove_from(&p->pending, mask);
}

/* The queue entry is charged to the receiver while it waits. */
static struct sigqueue *new_queued(struct signal_struct *to)
{
	u64 max = to->rlim[RLIMIT_SIGPENDING].rlim_cur;
	struct sigqueue *q;

	if (__atomic_fetch_add(&to->nr_sigqueue, 1, __ATOMIC_RELAXED) >= max)
		goto out_uncharge;
	q = kmem_cache_alloc(signals.queue, GFP_ATOMIC);
	if (!q)
		goto out_uncharge;
	q->charged = to;
	return q;
out_uncharge:
	__atomic_fetch_sub(&to->nr_sigqueue, 1, __ATOMIC_RELAXED);
	return NULL;
}

static int first_signal(u64 set)
{
	if (set & SIG_SYNCHRONOUS_MASK)
		set &= SIG_SYNCHRONOUS_MASK;
	return __builtin_ctzl(set) + 1;
}

/* Take the oldest entry of sig; the bit stays if there is another. */
static void collect(struct sigpending *p, int sig, struct k_siginfo *info)
{
	struct sigqueue *q, *first = NULL;
	bool another = false;

	list_for_each_entry(q, &p->list, list) {
		if (q->info.si_signo != sig)
			continue;
		if (first) {
			another = true;
			break;
		}
		first = q;
	}
	if (!another)
		p->signal &= ~sigmask(sig);
	if (first) {
		*info = first->info;
		list_del(&first->list);
		free_queued(first);
	} else {
		memset(info, 0, sizeof(*info));
		info->si_signo = sig;
	}
}

int dequeue_signal(u64 blocked, struct k_siginfo *info)
{
	struct sigpending *p = &current->pending;
	int sig;

	if (!(p->signal & ~blocked))
		p = &current->signal->shared_pending;
	if (!(p->signal & ~blocked))
		return 0;
	sig = first_signal(p->signal & ~blocked);
	collect(p, sig, info);
	recalc_sigpending(current);
	return sig;
}

/* ---- waking; siglock held ---- */

void recalc_sigpending(struct task_struct *t)
{
	u64 set = t->pending.signal | t->signal->shared_pending.signal;

	WRITE_ONCE(t->sigpending_hint,
		   (set & ~t->blocked) || t->signal->stopped);
}

void signal_wake_up(struct task_struct *t, bool fatal)
{
	int mask = TASK_INTERRUPTIBLE;

	if (fatal)
		mask |= TASK_WAKEKILL | TASK_STOPPED;
	__atomic_store_n(&t->sigpending_hint, true, __ATOMIC_SEQ_CST);
	/*
	 * Woken or not: one that was about to sleep, and now goes on, is on
	 * its processor all the time and passes no switch that would look.
	 */
	try_to_wake_up(t, mask);
	kick_task(t);
}

void set_current_blocked(u64 mask)
{
	struct task_struct *t = current;

	spin_lock(&t->sighand->siglock);
	t->blocked = mask & ~SIG_KERNEL_ONLY_MASK;
	recalc_sigpending(t);
	spin_unlock(&t->sighand->siglock);
	if (t->sigpending_hint)
		kick_task(t);
}

static bool wants_signal(const struct task_struct *t, int sig)
{
	if ((t->blocked & sigmask(sig)) || (t->flags & PF_EXITING))
		return false;
	return sig == SIGKILL || t->state != TASK_STOPPED;
}

/* Somebody has to look at the signal that was just added. */
static void choose_and_wake(struct task_struct *t, int sig, bool to_process)
{
	struct task_struct *p;

	if (sig == SIGKILL) {
		list_for_each_entry(p, &t->signal->threads, thread_node) {
			if (p->exit_state != EXIT_ALIVE)
				continue;
			p->pending.signal |= sigmask(SIGKILL);
			signal_wake_up(p, true);
		}
		return;
	}
	if (wants_signal(t, sig)) {
		signal_wake_up(t, false);
		return;
	}
	if (!to_process)
		return;
	list_for_each_entry(p, &t->signal->threads, thread_node) {
		if (wants_signal(p, sig)) {
			signal_wake_up(p, false);
			return;
		}
	}
}

void zap_other_threads(struct task_struct *t)
{
	struct task_struct *p;

	list_for_each_entry(p, &t->signal->threads, thread_node) {
		if (p == t || p->exit_state != EXIT_ALIVE)
			continue;
		p->pending.signal |= sigmask(SIGKILL);
		signal_wake_up(p, true);
	}
	t->signal->nr_to_stop = 0;
}

/* ---- sending ---- */

/* SIGCONT starts a stopped process again even if it is ignored. */
static bool continue_process(struct task_struct *t)
{
	struct signal_struct *sig = t->signal;
	struct task_struct *p;
	bool was_stopped = sig->stopped;

	flush_pending_mask(t, SIG_STOP_MASK);
	sig->stopped = false;
	sig->nr_to_stop = 0;
	sig->stopped_pending = false;
	list_for_each_entry(p, &sig->threads, thread_node) {
		try_to_wake_up(p, TASK_STOPPED);
		kick_task(p);
	}
	if (was_stopped)
		sig->continued_pending = true;
	return was_stopped;
}

/* tasklist_lock and siglock held; 0 or -EAGAIN. */
static int send_locked(int sig, const struct k_siginfo *info,
		       struct task_struct *t, bool to_process)
{
	struct sigpending *p =
		to_process ? &t->signal->shared_pending : &t->pending;
	struct sigqueue *q;

	if (sigmask(sig) & SIG_STOP_MASK)
		flush_pending_mask(t, sigmask(SIGCONT));
	if (sig_ignored(t, sig))
		return 0;
	if (sig < SIGRTMIN && (p->signal & sigmask(sig)))
		return 0;
	q = new_queued(t->signal);
	if (q) {
		q->info = *info;
		q->info.si_signo = sig;
		list_add_tail(&q->list, &p->list);
	} else if (sig >= SIGRTMIN && info->si_code != SI_USER &&
		   info->si_code != SI_KERNEL) {
		return -EAGAIN;
	}
	p->signal |= sigmask(sig);
	choose_and_wake(t, sig, to_process);
	return 0;
}

int send_sig_info_locked(int sig, const struct k_siginfo *info,
			 struct task_struct *t, bool to_process)
{
	struct sighand_struct *h = t->sighand;
	bool continued = false;
	int err = 0;

	lockdep_assert_held(&tasklist_lock);
	if (!h)
		return -ESRCH;
	spin_lock(&h->siglock);
	if (sig == SIGCONT)
		continued = continue_process(t);
	if (sig)
		err = send_locked(sig, info, t, to_process);
	spin_unlock(&h->siglock);
	if (continued)
		notify_parent_stop(t->signal, CLD_CONTINUED);
	return err;
}

int send_sig_info(int sig, const struct k_siginfo *info, struct task_struct *t,
		  bool to_process)
{
	int err;

	spin_lock(&tasklist_lock);
	err = send_sig_info_locked(sig, info, t, to_process);
	spin_unlock(&tasklist_lock);
	return err;
}

int send_sig_locked(int sig, struct task_struct *t)
{
	const struct k_siginfo info = {.si_code = SI_KERNEL};

	return send_sig_info_locked(sig, &info, t, true);
}

int send_sig(int sig, struct task_struct *t)
{
	int err;

	spin_lock(&tasklist_lock);
	err = send_sig_locked(sig, t);
	spin_unlock(&tasklist_lock);
	return err;
}

void send_sig_current(int sig)
{
	struct k_siginfo info = {.si_code = SI_USER};

	info.rt.pid = current->tgid;
	info.rt.uid = current->cred.uid;
	send_sig_info(sig, &info, current, false);
}

int kill_pgrp_locked(int pgrp, int sig)
{
	struct task_struct *t;
	int ret = -ESRCH;

	for_each_task(t) {
		if (thread_group_leader(t) && t->signal->pgrp == pgrp) {
			send_sig_locked(sig, t);
			ret = 0;
		}
	}
	return ret;
}

int kill_pgrp(int pgrp, int sig)
{
	int ret;

	spin_lock(&tasklist_lock);
	ret = kill_pgrp_locked(pgrp, sig);
	spin_unlock(&tasklist_lock);
	return ret;
}

/* A fault cannot be blocked or ignored: then it ends the program. */
static void force_sig_info(int sig, const struct k_siginfo *info)
{
	struct task_struct *t = current;
	struct k_sigaction *ka;

	spin_lock(&tasklist_lock);
	spin_lock(&t->sighand->siglock);
	ka = &t->sighand->action[sig - 1];
	if ((t->blocked & sigmask(sig)) || ka->handler == SIG_IGN) {
		*ka = (struct k_sigaction){0};
		t->blocked &= ~sigmask(sig);
	}
	if (ka->handler == SIG_DFL)
		t->signal->unkillable = false;
	send_locked(sig, info, t, false);
	recalc_sigpending(t);
	spin_unlock(&t->sighand->siglock);
	spin_unlock(&tasklist_lock);
	kick_task(t);
}

void force_sig(int sig)
{
	const struct k_siginfo info = {.si_code = SI_KERNEL};

	force_sig_info(sig, &info);
}

void force_sig_fault(int sig, int code, unsigned long addr)
{
	struct k_siginfo info = {.si_code = code};

	info.fault.addr = addr;
	force_sig_info(sig, &info);
}

/* ---- telling the parent; tasklist_lock held ---- */

static int exit_code_of(struct signal_struct *sig)
{
	return sig->group_exit ? sig->group_exit_code : sig->leader->exit_code;
}

static void fill_child_info(struct k_siginfo *info, struct signal_struct *sig)
{
	memset(info, 0, sizeof(*info));
	info->chld.pid = sig->tgid;
	info->chld.uid = sig->leader->cred.uid;
	/* Clock ticks of USER_HZ. */
	info->chld.utime = (s64)(sig->utime_ns / (NSEC_PER_SEC / HZ));
	info->chld.stime = (s64)(sig->stime_ns / (NSEC_PER_SEC / HZ));
}

bool notify_parent_exit(struct task_struct *leader)
{
	struct signal_struct *sig = leader->signal, *parent = sig->parent;
	struct task_struct *to = parent->leader;
	const struct k_sigaction *ka = &to->sighand->action[SIGCHLD - 1];
	int code = exit_code_of(sig), signo = leader->exit_signal;
	struct k_siginfo info;
	bool autoreap;

	autoreap = signo == SIGCHLD &&
		   (ka->handler == SIG_IGN || (ka->flags & SA_NOCLDWAIT));
	fill_child_info(&info, sig);
	if ((code & 0x7f) == 0) {
		info.si_code = CLD_EXITED;
		info.chld.status = code >> 8;
	} else {
		info.si_code = (code & 0x80) ? CLD_DUMPED : CLD_KILLED;
		info.chld.status = code & 0x7f;
	}
	if (signo > 0 && !(autoreap && ka->handler == SIG_IGN))
		send_sig_info_locked(signo, &info, to, true);
	wake_up(&parent->wait_chldexit);
	return autoreap;
}

void notify_parent_stop(struct signal_struct *sig, int code)
{
	struct signal_struct *parent = sig->parent;
	const struct k_sigaction *ka;
	struct k_siginfo info;

	if (!parent)
		return;
	ka = &parent->leader->sighand->action[SIGCHLD - 1];
	fill_child_info(&info, sig);
	info.si_code = code;
	info.chld.status = code == CLD_CONTINUED ? SIGCONT : sig->stop_signal;
	if (ka->handler != SIG_IGN && !(ka->flags & SA_NOCLDSTOP))
		send_sig_info_locked(SIGCHLD, &info, parent->leader, true);
	wake_up(&parent->wait_chldexit);
}

/* ---- orphaned process groups: setpgid(2), POSIX 3.264 ---- */

bool is_orphaned_pgrp_locked(int pgrp, const struct signal_struct *except)
{
	struct task_struct *t;

	for_each_task(t) {
		const struct signal_struct *sig = t->signal, *parent;

		if (!thread_group_leader(t) || sig->pgrp != pgrp ||
		    sig == except || sig->nr_threads == 0)
			continue;
		parent = sig->parent;
		if (parent && parent->tgid != 1 && parent->pgrp != pgrp &&
		    parent->session == sig->session)
			return false;
	}
	return true;
}

bool is_orphaned_pgrp(int pgrp)
{
	bool ret;

	spin_lock(&tasklist_lock);
	ret = is_orphaned_pgrp_locked(pgrp, NULL);
	spin_unlock(&tasklist_lock);
	return ret;
}
