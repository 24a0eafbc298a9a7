/* SPDX-License-Identifier: MIT */
/*
 * time_test.c - the calendar, and a clock that all processors agree on.
 */
#include "time.c"

#include <quire/spinlock.h>

#include "test/test.h"

TEST(days_since_epoch_follow_the_calendar)
{
	CHECK_EQ(days_since_epoch(1970, 1, 1), 0);
	CHECK_EQ(days_since_epoch(1970, 12, 31), 364);
	CHECK_EQ(days_since_epoch(2000, 2, 29), 11016);
	CHECK_EQ(days_since_epoch(2000, 3, 1), 11017);
	CHECK_EQ(days_since_epoch(2024, 1, 1) * 86400, 1704067200);
	/* No day is skipped or counted twice over a leap cycle. */
	for (u32 year = 1970; year < 2400; year++)
		CHECK_EQ(days_since_epoch(year + 1, 1, 1) -
				 days_since_epoch(year, 12, 31),
			 1);
}

TEST(mul_div_keeps_the_high_half)
{
	CHECK_EQ(mul_div(1ULL << 40, 1ULL << 40, 1ULL << 40), 1LL << 40);
	CHECK_EQ(mul_div(10, 10, 7), 14);
}

struct shared_clock {
	spinlock_raw_t lock;
	u64 last;
	u32 backwards;
};

static void look_at_clock(void *arg, unsigned int k)
{
	struct shared_clock *c = arg;

	(void)k;
	for (int i = 0; i < 2000; i++) {
		u64 now;

		preempt_disable();
		raw_spin_lock(&c->lock.locked);
		now = x86_time_ns();
		if (now < c->last)
			c->backwards++;
		c->last = now;
		raw_spin_unlock(&c->lock.locked);
		preempt_enable();
	}
}

TEST(clock_never_goes_back_on_any_cpu)
{
	struct shared_clock c = {.last = 0};

	test_run_on_cpus(NR_CPUS, look_at_clock, &c);
	CHECK_EQ(c.backwards, 0);
	CHECK(c.last > 0);
}
