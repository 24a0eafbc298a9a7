// SPDX-License-Identifier: MIT
/*
 * purge.c - how much free memory may go back to the system now.
 *
 * 1. Idea.  Giving a page back that is wanted again costs two calls of the
 *    kernel; keeping one that is not costs memory, perhaps for ever, as a
 *    program that sleeps does not call.  So memory goes back at once where
 *    much of the heap is free, but on credit.
 * 2. Credit.  Each byte that the heap grows to for the first time is a byte of
 *    credit: the program paid a fault for it once, so giving it back once at
 *    most doubles that price (as one rents skis until the rents have cost as
 *    much as the skis).  Thus the end of a burst is always given back.  Besides,
 *    time brings PURGE_RATE bytes a millisecond: a fault costs about 0.7 us and
 *    its page's return 0.3 us, so that this is one percent of the time, at
 *    most, however often a program frees and fills its heap.
 * 3. What lay unused for opt.purge_ms needs no credit.
 * 4. Locking.  None: the callers hold different locks, and a race loses or
 *    spends twice what one of them wanted.
 */
#include "internal.h"

#define PURGE_RATE (40 * KIB)
#define CREDIT_MAX ((size_t)1 << 40)

static struct {
	size_t credit;
	uint64_t last_ms;
} purse;

void purge_earn(size_t bytes)
{
	size_t had = __atomic_load_n(&purse.credit, __ATOMIC_RELAXED);

	if (had < CREDIT_MAX)
		__atomic_store_n(&purse.credit, had + bytes, __ATOMIC_RELAXED);
}

size_t purge_spend(size_t want)
{
	uint64_t now, last = __atomic_load_n(&purse.last_ms, __ATOMIC_RELAXED);
	size_t had;

	if (opt.purge_ms == SIZE_MAX)
		return 0;
	if (!opt.purge_ms)
		return want;
	now = os_now_ms();
	if (last && now > last)
		purge_earn(min_size(now - last, 1000) * PURGE_RATE);
	if (now != last)
		__atomic_store_n(&purse.last_ms, now, __ATOMIC_RELAXED);
	had = __atomic_load_n(&purse.credit, __ATOMIC_RELAXED);
	want = min_size(want, had);
	__atomic_store_n(&purse.credit, had - want, __ATOMIC_RELAXED);
	return want;
}
