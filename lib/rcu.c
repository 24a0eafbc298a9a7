/* SPDX-License-Identifier: MIT */
/*
 * rcu.c - grace periods, by epochs.
 *
 * 1. Idea.  A reader writes the number of the current epoch where all can see
 *    it, and zero when it ends (Fraser, Practical lock-freedom, 2004, 5.2.3).
 *    A grace period ends its epoch and is over when no processor shows that
 *    one or an older.  Nothing is asked of the machine or of a scheduler, so
 *    that it is the same on each port.
 * 2. Order.  Showing the epoch is an exchange, which orders it before the
 *    reads that follow, and taking a cookie is one that orders what the writer
 *    took out of reach before its look at the readers: either the look sees
 *    the reader, or the reader cannot find the thing any more.  On x86-64 both
 *    are full barriers.
 * 3. Interrupts.  A handler's stretch may lie anywhere in a task's.  The depth
 *    is counted up before the epoch is shown and down before it is withdrawn,
 *    so that a handler in between shows one itself or finds one shown, and
 *    withdraws only what nobody below it needs.
 * 4. Cost.  A reader pays one exchange; a look costs a read for each
 *    processor.
 */
#include <quire/rcu.h>

#include <quire/percpu.h>
#include <quire/port.h>
#include <quire/printk.h>
#include <quire/spinlock.h>

struct rcu_reader {
	u64 epoch; /* in which the stretch began; 0: none */
	u32 depth;
} __cacheline_aligned;

static DEFINE_PER_CPU(struct rcu_reader, rcu_readers);
static u64 rcu_epoch = 1;

void rcu_read_lock(void)
{
	struct rcu_reader *me;

	preempt_disable();
	me = this_cpu_ptr(&rcu_readers);
	WRITE_ONCE(me->depth, me->depth + 1);
	barrier();
	if (!READ_ONCE(me->epoch))
		(void)__atomic_exchange_n(&me->epoch, READ_ONCE(rcu_epoch),
					  __ATOMIC_SEQ_CST);
}

void rcu_read_unlock(void)
{
	struct rcu_reader *me = this_cpu_ptr(&rcu_readers);

	VM_BUG_ON(!me->depth);
	WRITE_ONCE(me->depth, me->depth - 1);
	barrier();
	if (!READ_ONCE(me->depth))
		smp_store_release(&me->epoch, 0);
	preempt_enable();
}

bool rcu_read_lock_held(void)
{
	return READ_ONCE(this_cpu_ptr(&rcu_readers)->depth);
}

u64 start_poll_synchronize_rcu(void)
{
	return __atomic_fetch_add(&rcu_epoch, 1, __ATOMIC_SEQ_CST);
}

bool poll_state_synchronize_rcu(u64 cookie)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		u64 epoch =
			__atomic_load_n(&per_cpu_ptr(&rcu_readers, cpu)->epoch,
					__ATOMIC_SEQ_CST);

		if (epoch && epoch <= cookie)
			return false;
	}
	return true;
}

void synchronize_rcu(void)
{
	u64 cookie = start_poll_synchronize_rcu();

	might_sleep();
	BUG_ON(rcu_read_lock_held());
	while (!poll_state_synchronize_rcu(cookie))
		port->yield();
}
