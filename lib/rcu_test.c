/* SPDX-License-Identifier: MIT */
/*
 * rcu_test.c - nothing goes while somebody may be reading it.
 */
#include "rcu.c"

#include <test/test.h>

#ifndef QUIRE_METAL
#include "port/soft/soft.h"
#endif

TEST(a_grace_period_waits_for_stretches_that_had_begun)
{
	u64 before = start_poll_synchronize_rcu(), during, after;

	CHECK(poll_state_synchronize_rcu(before));
	rcu_read_lock();
	CHECK(rcu_read_lock_held());
	CHECK(poll_state_synchronize_rcu(before));
	during = start_poll_synchronize_rcu();
	CHECK(!poll_state_synchronize_rcu(during));
	rcu_read_unlock();
	CHECK(!rcu_read_lock_held());
	CHECK(poll_state_synchronize_rcu(during));
	rcu_read_lock(); /* begun later: not waited for */
	CHECK(poll_state_synchronize_rcu(during));
	after = start_poll_synchronize_rcu();
	CHECK(!poll_state_synchronize_rcu(after));
	rcu_read_unlock();
	synchronize_rcu();
}

TEST(stretches_nest_and_the_outermost_counts)
{
	u64 cookie;

	rcu_read_lock();
	cookie = start_poll_synchronize_rcu();
	rcu_read_lock();
	rcu_read_unlock();
	CHECK(!poll_state_synchronize_rcu(cookie));
	rcu_read_unlock();
	CHECK(poll_state_synchronize_rcu(cookie));
}

/*
 * One processor replaces a word that others read and spoils the old one after
 * a grace period: nobody may ever see a spoilt one.
 */
#define NR_CELLS 4
#define SPOILT	 0xdeadU

struct cells {
	u32 cell[NR_CELLS];
	u32 *current_cell;
	u32 done;
	u32 nr_wrong;
};

static void replace(struct cells *c)
{
	for (u32 i = 1; i < 300; i++) {
		u32 *old = c->current_cell;
		u32 *fresh = &c->cell[i % NR_CELLS];

		WRITE_ONCE(*fresh, i);
		(void)__atomic_exchange_n(&c->current_cell, fresh,
					  __ATOMIC_SEQ_CST);
		synchronize_rcu();
		WRITE_ONCE(*old, SPOILT);
	}
	smp_store_release(&c->done, 1);
}

static void read_cells(struct cells *c)
{
	while (!smp_load_acquire(&c->done)) {
		u32 *cell;

		rcu_read_lock();
		cell = smp_load_acquire(&c->current_cell);
		for (int i = 0; i < 3; i++) {
			if (READ_ONCE(*cell) == SPOILT)
				__atomic_fetch_add(&c->nr_wrong, 1,
						   __ATOMIC_RELAXED);
			arch_sched_point();
		}
		rcu_read_unlock();
		cpu_relax();
	}
}

static void replace_or_read(void *arg, unsigned int k)
{
	if (k == 0)
		replace(arg);
	else
		read_cells(arg);
}

static void replace_while_others_read(void)
{
	static struct cells c;

	c = (struct cells){.current_cell = &c.cell[0]};
	test_run_on_cpus(4, replace_or_read, &c);
	CHECK_EQ(c.nr_wrong, 0);
}

TEST(nobody_reads_what_has_gone)
{
	replace_while_others_read();
}

#ifndef QUIRE_METAL
static const struct soft_layout seeded = {.mode = SOFT_SEEDED};

TEST_MACHINE(nobody_reads_what_has_gone_in_any_interleaving, &seeded)
{
	replace_while_others_read();
}

static void wait_for_oneself(void *arg)
{
	(void)arg;
	rcu_read_lock();
	preempt_enable(); /* what might_sleep() would see */
	synchronize_rcu();
}

TEST_SOFT(who_waits_for_itself_is_stopped)
{
	char text[100];

	CHECK(soft_catch_panic(wait_for_oneself, NULL, text, sizeof(text)));
	this_cpu_ptr(&rcu_readers)->depth = 0;
	this_cpu_ptr(&rcu_readers)->epoch = 0;
}
#endif
