/* SPDX-License-Identifier: MIT */
/* failure_test.c - the n-th opportunity fails, once, on its processor. */
#include "failure.c"

#include "test/test.h"

TEST(failure_hits_the_nth_opportunity_only)
{
	for (u64 n = 1; n <= 5; n++) {
		failure_arm(n);
		for (u64 i = 1; i <= 10; i++) {
			CHECK_EQ(should_fail(), i == n);
			CHECK_EQ(failure_was_injected(), i >= n);
		}
	}
	failure_arm(0);
	CHECK(!should_fail() && !failure_was_injected());
}

TEST(failure_sweep_ends_after_a_run_without_one)
{
	unsigned int nr_runs = 0, nr_injected = 0;

	EACH_FAILURE(n) {
		for (unsigned int i = 0; i < 3; i++)
			should_fail();
		nr_runs++;
		nr_injected += failure_was_injected();
	}
	CHECK_EQ(nr_runs, 4);
	CHECK_EQ(nr_injected, 3);
}

static void ask_often(void *arg, unsigned int k)
{
	u32 *nr_failed = arg;

	if (k == 0)
		failure_arm(50);
	for (unsigned int i = 0; i < 100; i++)
		if (should_fail())
			__atomic_fetch_add(nr_failed, 1, __ATOMIC_RELAXED);
	if (k == 0)
		failure_arm(0);
}

TEST(failure_is_counted_for_each_processor)
{
	u32 nr_failed = 0;

	test_run_on_cpus(4, ask_often, &nr_failed);
	CHECK_EQ(nr_failed, 1);
}
