/* SPDX-License-Identifier: MIT */
/*
 * runner_test.c - the runner sees each kind of failure.
 *
 * Every test here must fail; the runner counts it as passed if it does.  If
 * one of these does not fail, no other result means anything.
 */
#include <stdlib.h>

#include <quire/printk.h>
#include <quire/slab.h>
#include <quire/vmalloc.h>

#include "test/test.h"

#define TEST_FAILS(name) TEST_REGISTER(name, TEST_MUST_FAIL, NULL)

TEST_FAILS(runner_sees_a_failed_check)
{
	CHECK_EQ(1, 2);
}

static void fail_on_third(void *arg, unsigned int k)
{
	(void)arg;
	CHECK_NE(k, 2);
}

TEST_FAILS(runner_sees_a_failed_check_on_another_processor)
{
	test_run_on_cpus(4, fail_on_third, NULL);
}

TEST_FAILS(runner_sees_a_crash)
{
	*(volatile char *)16 = 1;
}

TEST_FAILS(runner_sees_a_panic)
{
	panic("as intended");
}

TEST_FAILS(runner_sees_an_unannounced_report)
{
	WARN_ON_ONCE(true);
}

TEST_FAILS(runner_sees_a_report_that_was_not_made)
{
	test_expect_report("never");
	test_expect_end();
}

TEST_FAILS(runner_sees_an_expectation_left_open)
{
	test_expect_report("never");
}

TEST_FAILS(runner_sees_a_leaked_frame)
{
	CHECK(alloc_page(GFP_KERNEL));
}

TEST_FAILS(runner_sees_a_leaked_object)
{
	CHECK(kmalloc(100, GFP_KERNEL));
}

TEST_FAILS(runner_sees_a_leaked_area)
{
	CHECK(vmalloc(1));
}

TEST_FAILS(runner_sees_memory_used_after_vfree)
{
	volatile char *p = vmalloc(1);

	CHECK(p);
	vfree((const void *)p);
	vm_unmap_aliases();
	*p = 1;
}

#if defined(__SANITIZE_ADDRESS__)
TEST_FAILS(runner_sees_an_address_error)
{
	volatile char *p = malloc(1);

	p[1] = 1;
}

TEST_FAILS(runner_sees_undefined_behaviour)
{
	volatile int big = INT32_MAX;

	big = big + 1;
}
#endif

#if defined(__SANITIZE_THREAD__)
static volatile int plain;

static void count_without_lock(void *arg, unsigned int k)
{
	(void)arg;
	(void)k;
	for (unsigned int i = 0; i < 10000; i++)
		plain = plain + 1;
}

TEST_FAILS(runner_sees_a_data_race)
{
	test_run_on_cpus(4, count_without_lock, NULL);
}
#endif
