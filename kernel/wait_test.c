/* SPDX-License-Identifier: MIT */
/*
 * wait_test.c - no wake-up is lost, on as many processors as there are.
 */
#include "wait.c"

#include "test/test.h"

#define ROUNDS 2000

static struct {
	struct wait_queue_head wq;
	u32 turn; /* whose it is */
	u32 nr;
	u32 word; /* for the port's wait */
	u32 counter;
} wt;

/* Each hands the turn to the next; a lost wake-up would hang the round. */
static void pass_the_turn(void *arg, unsigned int k)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		wait_event(&wt.wq, READ_ONCE(wt.turn) % wt.nr == k);
		wt.counter++;
		__atomic_fetch_add(&wt.turn, 1, __ATOMIC_SEQ_CST);
		wake_up(&wt.wq);
	}
}

TEST(wait_queues_lose_no_wake_up)
{
	init_waitqueue_head(&wt.wq);
	wt.turn = wt.counter = 0;
	wt.nr = min(nr_online_cpus(), 4U);
	test_run_on_cpus(wt.nr, pass_the_turn, NULL);
	CHECK_EQ(wt.counter, wt.nr * ROUNDS);
	CHECK(!waitqueue_active(&wt.wq));
}

/* A lock made of the port's two words: 0 free, 1 held, 2 held and wanted. */
static void lock_and_count(void *arg, unsigned int k)
{
	(void)arg;
	(void)k;
	for (int i = 0; i < ROUNDS; i++) {
		u32 old = 0;

		if (!__atomic_compare_exchange_n(&wt.word, &old, 1, false,
						 __ATOMIC_ACQUIRE,
						 __ATOMIC_RELAXED)) {
			while (__atomic_exchange_n(&wt.word, 2,
						   __ATOMIC_ACQUIRE))
				sched_port_wait(&wt.word, 2);
		}
		wt.counter++;
		if (i % 16 == 0)
			sched_port_yield();
		if (__atomic_exchange_n(&wt.word, 0, __ATOMIC_RELEASE) == 2)
			sched_port_wake(&wt.word, 1);
	}
}

TEST(the_ports_wait_and_wake_lose_no_wake_up)
{
	unsigned int nr = min(nr_online_cpus(), 4U);

	wt.word = wt.counter = 0;
	test_run_on_cpus(nr, lock_and_count, NULL);
	CHECK_EQ(wt.counter, nr * ROUNDS);
}

TEST(a_wait_on_a_changed_word_does_not_sleep)
{
	wt.word = 5;
	sched_port_wait(&wt.word, 4);
	CHECK_EQ(wt.word, 5);
}

TEST(a_timeout_ends_a_wait_for_what_never_comes)
{
	u64 left = 3 * NSEC_PER_MSEC, start = ktime_ns();
	long ret;

	init_waitqueue_head(&wt.wq);
	ret = wait_event_state(&wt.wq, false, TASK_UNINTERRUPTIBLE, &left);
	CHECK_EQ(ret, -ETIMEDOUT);
	CHECK_GE(ktime_ns() - start, 3 * NSEC_PER_MSEC);
	CHECK(!waitqueue_active(&wt.wq));
}
