/* SPDX-License-Identifier: MIT */
/*
 * work.c - a list of things to do later, filled from any context.
 *
 * 1. Idea.  A stack: pushed with one compare-and-swap, taken as a whole with
 *    one exchange, which leaves nothing for an ABA to hit, and turned around
 *    so that what came first is done first.
 * 2. Invariants.
 *    Q1  queued is 1 from the push until just before fn is called, so that a
 *        work is on the stack at most once, and a request made while fn runs
 *        is not lost
 *    Q2  nr_pushed changes with every push: who waits for it to change after
 *        having found the stack empty misses none
 * 3. Locking.  None.
 */
#include <quire/work.h>

#include <quire/port.h>

static struct {
	struct mm_work *stack;
	u32 nr_pushed;
} work_state;

void mm_work_queue(struct mm_work *work)
{
	struct mm_work *first;

	if (__atomic_exchange_n(&work->queued, 1, __ATOMIC_ACQ_REL))
		return;
	first = READ_ONCE(work_state.stack);
	do {
		WRITE_ONCE(work->next, first);
	} while (!__atomic_compare_exchange_n(&work_state.stack, &first, work,
					      true, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
	__atomic_fetch_add(&work_state.nr_pushed, 1, __ATOMIC_RELEASE);
	port->wake(&work_state.nr_pushed, ~0U);
}

bool mm_work_run(void)
{
	struct mm_work *work, *next, *ordered = NULL;

	work = __atomic_exchange_n(&work_state.stack, NULL, __ATOMIC_ACQUIRE);
	for (; work; work = next) {
		next = READ_ONCE(work->next);
		WRITE_ONCE(work->next, ordered);
		ordered = work;
	}
	for (work = ordered; work; work = next) {
		/* Queued again it gets another successor. */
		next = READ_ONCE(work->next);
		__atomic_store_n(&work->queued, 0, __ATOMIC_SEQ_CST);
		work->fn(work);
	}
	return ordered;
}

void mm_work_wait(void)
{
	u32 seen = smp_load_acquire(&work_state.nr_pushed);

	if (!READ_ONCE(work_state.stack))
		port->wait(&work_state.nr_pushed, seen);
}
