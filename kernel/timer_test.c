/* SPDX-License-Identifier: MIT */
/*
 * timer_test.c - timers fire in order, not early, and can be taken back.
 */
#include "timer.c"

#include "kernel/sched.h"
#include "test/test.h"

#define NR_TIMERS 20

static struct {
	struct ktimer timers[NR_TIMERS];
	u32 order[NR_TIMERS];
	u64 at[NR_TIMERS];
	u32 nr_fired;
} tt;

static void note(struct ktimer *timer)
{
	u32 n = __atomic_fetch_add(&tt.nr_fired, 1, __ATOMIC_RELAXED);

	tt.order[n] = (u32)(timer - tt.timers);
	tt.at[n] = ktime_ns();
}

static void sleep_ns(u64 ns)
{
	set_current_state(TASK_UNINTERRUPTIBLE);
	schedule_timeout(ns);
}

static void arm_all(u64 base)
{
	tt.nr_fired = 0;
	/* Armed in a scattered order: 7 and 20 have no common divisor. */
	for (u32 i = 0; i < NR_TIMERS; i++) {
		u32 n = i * 7 % NR_TIMERS;

		ktimer_init(&tt.timers[n], note);
		ktimer_start(&tt.timers[n], base + n * 200 * NSEC_PER_USEC);
	}
}

TEST(timers_fire_in_order_and_not_early)
{
	u64 base = ktime_ns() + 5 * NSEC_PER_MSEC;

	arm_all(base);
	sleep_ns(20 * NSEC_PER_MSEC);
	CHECK_EQ(tt.nr_fired, NR_TIMERS);
	for (u32 i = 0; i < NR_TIMERS; i++) {
		CHECK_EQ(tt.order[i], i);
		CHECK_GE(tt.at[i], base + i * 200 * NSEC_PER_USEC);
	}
}

TEST(cancelled_timers_do_not_fire)
{
	u64 base = ktime_ns() + 20 * NSEC_PER_MSEC;

	arm_all(base);
	for (u32 i = 0; i < NR_TIMERS; i += 2)
		CHECK(ktimer_cancel(&tt.timers[i]));
	sleep_ns(40 * NSEC_PER_MSEC);
	CHECK_EQ(tt.nr_fired, NR_TIMERS / 2);
	for (u32 i = 0; i < NR_TIMERS / 2; i++)
		CHECK_EQ(tt.order[i], 2 * i + 1);
	CHECK(!ktimer_cancel(&tt.timers[0]));
	CHECK(!ktimer_cancel(&tt.timers[1]));
}

TEST(a_timer_started_again_fires_once_at_the_new_time)
{
	u64 base = ktime_ns() + 2 * NSEC_PER_MSEC;
	u64 later = base + 8 * NSEC_PER_MSEC;

	tt.nr_fired = 0;
	ktimer_init(&tt.timers[0], note);
	ktimer_start(&tt.timers[0], base);
	ktimer_start(&tt.timers[0], later);
	sleep_ns(20 * NSEC_PER_MSEC);
	CHECK_EQ(tt.nr_fired, 1);
	CHECK_GE(tt.at[0], later);
}

TEST(a_sleep_is_not_shorter_than_asked)
{
	for (int i = 0; i < 20; i++) {
		u64 ns = test_random_below(2 * NSEC_PER_MSEC), start;

		start = ktime_ns();
		sleep_ns(ns);
		CHECK_GE(ktime_ns() - start, ns);
	}
}
