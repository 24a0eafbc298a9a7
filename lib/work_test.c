/* SPDX-License-Identifier: MIT */
/*
 * work_test.c - every request is done, in order, once, also while others come.
 */
#include "work.c"

#include <test/test.h>

static u32 order[8], nr_done;

static void note(struct mm_work *work);

static struct mm_work works[3] = {MM_WORK_INIT(note), MM_WORK_INIT(note),
				  MM_WORK_INIT(note)};

static void note(struct mm_work *work)
{
	order[nr_done++ % 8] = (u32)(work - works);
}

TEST_SOFT(works_are_done_in_the_order_in_which_they_were_queued)
{
	nr_done = 0;
	CHECK(!mm_work_run());
	for (unsigned int i = 0; i < 3; i++)
		mm_work_queue(&works[2 - i]);
	mm_work_queue(&works[2]); /* queued already */
	mm_work_wait();		  /* returns at once */
	CHECK(mm_work_run());
	CHECK_EQ(nr_done, 3);
	for (u32 i = 0; i < 3; i++)
		CHECK_EQ(order[i], 2 - i);
	CHECK(!mm_work_run());
}

static u32 nr_again;

static void again(struct mm_work *work)
{
	if (nr_again++ < 2)
		mm_work_queue(work);
}

TEST_SOFT(a_work_can_queue_itself_for_the_next_round)
{
	static struct mm_work work = MM_WORK_INIT(again);

	nr_again = 0;
	mm_work_queue(&work);
	for (unsigned int i = 1; i <= 3; i++) {
		CHECK(mm_work_run());
		CHECK_EQ(nr_again, i);
	}
	CHECK(!mm_work_run());
}

static u64 nr_asked, nr_seen;

/* Takes over all that was asked for when it begins. */
static void take_over(struct mm_work *work)
{
	(void)work;
	__atomic_store_n(&nr_seen, __atomic_load_n(&nr_asked, __ATOMIC_SEQ_CST),
			 __ATOMIC_SEQ_CST);
}

static void ask_or_do(void *arg, unsigned int k)
{
	static struct mm_work work = MM_WORK_INIT(take_over);

	(void)arg;
	for (unsigned int i = 0; i < 300; i++) {
		if (k == 0) {
			mm_work_run();
			continue;
		}
		__atomic_fetch_add(&nr_asked, 1, __ATOMIC_SEQ_CST);
		mm_work_queue(&work);
	}
}

TEST_SOFT(no_request_is_lost)
{
	nr_asked = nr_seen = 0;
	test_run_on_cpus(4, ask_or_do, NULL);
	mm_work_run();
	CHECK_EQ(nr_seen, nr_asked);
}
