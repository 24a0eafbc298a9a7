/* SPDX-License-Identifier: MIT */
/*
 * timer.c - one-shot timers in a tree for each CPU, and the clocks.
 *
 * 1. Idea.  The timers of a CPU hang in a tree by expiry; the hardware is
 *    programmed for the first one.  There is no wheel and no jiffy: a sleep
 *    ends when it is over.
 * 2. Invariants.
 *    T1  armed is true exactly while the timer is in its CPU's tree
 *    T2  the hardware's deadline is never later than the first timer's
 * 3. Locking.  A queue's lock guards its tree and its timers' fields; taken
 *    with interrupts off.  A timer's function runs without it; running names
 *    the timer meanwhile, and ktimer_cancel() waits until it is another.
 *    The rank is WAITQ because wakers and sleepers arm timers under nothing
 *    below that.
 * 4. The wall clock is the monotonic one plus an offset, which is read from
 *    the machine at start and changed by clock_settime(2) alone.
 */
#include "kernel/timer.h"

#include <quire/percpu.h>
#include <quire/port.h>
#include <quire/spinlock.h>

#include "port/x86_64/machine.h"
#include "port/x86_64/upcalls.h"

struct timer_queue {
	spinlock_t lock;
	struct rb_root tree;
	struct rb_node *first;
	struct ktimer *running;
} __cacheline_aligned;

static DEFINE_PER_CPU(struct timer_queue, timer_queues);

static u64 real_offset_ns; /* realtime - monotonic; atomic */

static struct ktimer *timer_of(struct rb_node *node)
{
	return rb_entry(node, struct ktimer, node);
}

static void program(const struct timer_queue *q)
{
	x86_timer_program(q->first ? timer_of(q->first)->expires_ns
				   : UINT64_MAX);
}

static void queue_insert(struct timer_queue *q, struct ktimer *timer)
{
	struct rb_node **link = &q->tree.rb_node, *parent = NULL;
	bool first = true;

	while (*link) {
		parent = *link;
		if (timer->expires_ns < timer_of(parent)->expires_ns) {
			link = &parent->rb_left;
		} else {
			link = &parent->rb_right;
			first = false;
		}
	}
	rb_link_node(&timer->node, parent, link);
	rb_insert_color(&timer->node, &q->tree);
	timer->armed = true;
	if (first)
		q->first = &timer->node;
}

static void queue_remove(struct timer_queue *q, struct ktimer *timer)
{
	if (q->first == &timer->node)
		q->first = rb_next(&timer->node);
	rb_erase(&timer->node, &q->tree);
	timer->armed = false;
}

/* The queue the timer was last armed on, locked; interrupts are off. */
static struct timer_queue *lock_queue_of(struct ktimer *timer)
{
	for (;;) {
		unsigned int cpu = READ_ONCE(timer->cpu);
		struct timer_queue *q = per_cpu_ptr(&timer_queues, cpu);

		spin_lock(&q->lock);
		if (likely(timer->cpu == cpu))
			return q;
		spin_unlock(&q->lock);
	}
}

void ktimer_init(struct ktimer *timer, void (*fn)(struct ktimer *timer))
{
	timer->fn = fn;
	timer->cpu = smp_processor_id();
	timer->armed = false;
	timer->expires_ns = 0;
}

void ktimer_start(struct ktimer *timer, u64 expires_ns)
{
	struct timer_queue *q, *mine;
	unsigned long flags;

	flags = local_irq_save();
	q = lock_queue_of(timer);
	if (timer->armed)
		queue_remove(q, timer);
	mine = this_cpu_ptr(&timer_queues);
	if (mine != q) {
		WRITE_ONCE(timer->cpu, smp_processor_id());
		spin_unlock(&q->lock);
		q = mine;
		spin_lock(&q->lock);
	}
	timer->expires_ns = expires_ns;
	queue_insert(q, timer);
	if (q->first == &timer->node)
		program(q);
	spin_unlock(&q->lock);
	local_irq_restore(flags);
}

bool ktimer_cancel(struct ktimer *timer)
{
	struct timer_queue *q;
	unsigned long flags;
	bool was_armed;

	for (;;) {
		bool running;

		flags = local_irq_save();
		q = lock_queue_of(timer);
		was_armed = timer->armed;
		if (was_armed)
			queue_remove(q, timer);
		running = q->running == timer;
		spin_unlock(&q->lock);
		local_irq_restore(flags);
		if (!running)
			return was_armed;
		cpu_relax();
	}
}

u64 ktimer_remaining(const struct ktimer *timer)
{
	u64 expires = READ_ONCE(timer->expires_ns), now = ktime_ns();

	return READ_ONCE(timer->armed) && expires > now ? expires - now : 0;
}

void kernel_timer_expired(void)
{
	struct timer_queue *q = this_cpu_ptr(&timer_queues);
	struct ktimer *timer;

	spin_lock(&q->lock);
	while (q->first) {
		timer = timer_of(q->first);
		if (timer->expires_ns > ktime_ns())
			break;
		queue_remove(q, timer);
		q->running = timer;
		spin_unlock(&q->lock);
		timer->fn(timer);
		spin_lock(&q->lock);
		q->running = NULL;
	}
	program(q);
	spin_unlock(&q->lock);
}

/* ---- clocks ---- */

u64 ktime_ns(void)
{
	return x86_time_ns();
}

u64 boot_time_real_ns(void)
{
	return READ_ONCE(real_offset_ns);
}

u64 ktime_real_ns(void)
{
	return ktime_ns() + boot_time_real_ns();
}

void settime_real_ns(u64 now_ns)
{
	WRITE_ONCE(real_offset_ns, now_ns - ktime_ns());
}

void time_init(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		spin_lock_init(&per_cpu_ptr(&timer_queues, cpu)->lock,
			       LOCK_RANK_WAITQ);
	WRITE_ONCE(real_offset_ns, x86_start_realtime_ns());
}
