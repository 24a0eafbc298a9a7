/* SPDX-License-Identifier: MIT */
/*
 * wait.c - queues of sleeping threads, sleep for a time, and the sleep that mm/
 * asks for.
 *
 * 1. A wait queue's entries stay queued until their owner removes them:
 *    wake_up() wakes all, and each looks at its own condition again.
 * 2. port->wait(word, expected) and port->wake(word, nr) know words, not
 *    queues: sleepers hang in a hash table by the word's address.  The word
 *    is compared and the sleeper queued under the bucket's lock, which the
 *    waker takes after it has changed the word: no wake-up is lost.
 * 3. Locking.  Both kinds of lock rank just above the run queues and are
 *    taken with interrupts off, so that handlers may wake.
 */
#include "kernel/wait.h"

#include <quire/port.h>

#include "kernel/sched.h"
#include "kernel/timer.h"
#include "port/x86_64/machine.h"

void init_waitqueue_head(struct wait_queue_head *wq)
{
	spin_lock_init(&wq->lock, LOCK_RANK_WAITQ);
	INIT_LIST_HEAD(&wq->head);
}

void add_wait_queue(struct wait_queue_head *wq, struct wait_queue_entry *w)
{
	unsigned long flags;

	w->task = current;
	w->wq = wq;
	spin_lock_irqsave(&wq->lock, flags);
	list_add_tail(&w->entry, &wq->head);
	spin_unlock_irqrestore(&wq->lock, flags);
}

void remove_wait_queue(struct wait_queue_head *wq, struct wait_queue_entry *w)
{
	unsigned long flags;

	spin_lock_irqsave(&wq->lock, flags);
	list_del(&w->entry);
	spin_unlock_irqrestore(&wq->lock, flags);
	w->wq = NULL;
}

void wake_up(struct wait_queue_head *wq)
{
	struct wait_queue_entry *w;
	unsigned long flags;

	/* The condition's change is ordered before the look at the queue. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!waitqueue_active(wq))
		return;
	spin_lock_irqsave(&wq->lock, flags);
	list_for_each_entry(w, &wq->head, entry)
		wake_up_process(w->task);
	spin_unlock_irqrestore(&wq->lock, flags);
}

void init_completion(struct completion *c)
{
	c->done = false;
	init_waitqueue_head(&c->wq);
}

void complete(struct completion *c)
{
	struct wait_queue_entry *w;
	unsigned long flags;

	/*
	 * All under the lock: the waiter may free c as soon as it has seen
	 * done and taken the lock to leave the queue.
	 */
	spin_lock_irqsave(&c->wq.lock, flags);
	c->done = true;
	list_for_each_entry(w, &c->wq.head, entry)
		wake_up_process(w->task);
	spin_unlock_irqrestore(&c->wq.lock, flags);
}

void wait_for_completion(struct completion *c)
{
	unsigned long flags;

	wait_event(&c->wq, READ_ONCE(c->done));
	/* Who saw done without sleeping lets complete() leave c first. */
	spin_lock_irqsave(&c->wq.lock, flags);
	spin_unlock_irqrestore(&c->wq.lock, flags);
}

/* ---- the port's wait and wake ---- */

#define NR_BUCKETS 64

static struct bucket {
	spinlock_t lock;
	struct list_head sleepers; /* task->wait_node */
} buckets[NR_BUCKETS];

static struct bucket *bucket_of(const void *addr)
{
	u64 h = (uintptr_t)addr >> 2;

	/* Fibonacci hashing: the golden ratio's bits spread the low ones. */
	return &buckets[h * 0x9e3779b97f4a7c15UL >> 58];
}

static void sched_port_wait(const u32 *word, u32 expected)
{
	struct bucket *b = bucket_of(word);
	struct task_struct *t = current;
	unsigned long flags;

	if (t->flags & PF_IDLE) {
		cpu_relax();
		return;
	}
	spin_lock_irqsave(&b->lock, flags);
	if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != expected) {
		spin_unlock_irqrestore(&b->lock, flags);
		return;
	}
	set_current_state(TASK_UNINTERRUPTIBLE);
	t->wait_addr = word;
	list_add_tail(&t->wait_node, &b->sleepers);
	spin_unlock_irqrestore(&b->lock, flags);

	schedule();

	/* Somebody else's wake-up may have come first. */
	spin_lock_irqsave(&b->lock, flags);
	if (t->wait_addr) {
		t->wait_addr = NULL;
		list_del(&t->wait_node);
	}
	spin_unlock_irqrestore(&b->lock, flags);
}

static void sched_port_wake(const u32 *word, unsigned int nr)
{
	struct bucket *b = bucket_of(word);
	struct task_struct *t, *n;
	unsigned long flags;

	spin_lock_irqsave(&b->lock, flags);
	list_for_each_entry_safe(t, n, &b->sleepers, wait_node) {
		if (nr == 0)
			break;
		if (t->wait_addr != word)
			continue;
		t->wait_addr = NULL;
		list_del(&t->wait_node);
		wake_up_process(t);
		nr--;
	}
	spin_unlock_irqrestore(&b->lock, flags);
}

static void sched_port_yield(void)
{
	if (current->flags & PF_IDLE)
		cpu_relax();
	else
		sched_yield_current();
}

void wait_init(void)
{
	static const struct x86_sched_ops ops = {
		.wait = sched_port_wait,
		.wake = sched_port_wake,
		.yield = sched_port_yield,
	};

	for (int i = 0; i < NR_BUCKETS; i++) {
		spin_lock_init(&buckets[i].lock, LOCK_RANK_WAITQ);
		INIT_LIST_HEAD(&buckets[i].sleepers);
	}
	x86_register_sched_ops(&ops);
}

/* ---- sleeping for a time ---- */

struct sleep_timer {
	struct ktimer timer;
	struct task_struct *task;
};

static void sleep_timer_fired(struct ktimer *timer)
{
	wake_up_process(container_of(timer, struct sleep_timer, timer)->task);
}

u64 schedule_timeout(u64 ns)
{
	struct sleep_timer st;
	u64 now, end;

	if (ns == UINT64_MAX) {
		schedule();
		return UINT64_MAX;
	}
	now = ktime_ns();
	end = now + ns < now ? UINT64_MAX - 1 : now + ns;
	st.task = current;
	ktimer_init(&st.timer, sleep_timer_fired);
	ktimer_start(&st.timer, end);
	schedule();
	ktimer_cancel(&st.timer);
	now = ktime_ns();
	return now >= end ? 0 : end - now;
}
