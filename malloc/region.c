// SPDX-License-Identifier: MIT
/*
 * region.c - the address range of the small pages, and those that are free.
 *
 * 1. Idea.  One reservation, so that "is it a small block?" is a subtraction
 *    and a compare; descriptors in an array of their own, so that a page's
 *    blocks have no header and an untouched page costs nothing.  If the
 *    address space is limited, a smaller reservation is tried; if there is
 *    none, the core serves everything.
 * 2. Free pages.  Three kinds: never used (above nr_fresh), clean (purged) and
 *    dirty (still have their frames).  Dirty ones are used first, the one
 *    freed last first of all.
 * 3. Purging with hysteresis.  `low` is the smallest number of dirty pages
 *    since the last tick: so many were not needed for a whole interval.  A
 *    tick, at most once in opt.purge_ms and noticed when pages are freed,
 *    gives those back, the longest unused first, but for KEEP_DIRTY.
 * 4. Locking.  region_lock for all but region.base, .size and .pages, which
 *    are written once, before the first page is handed out.
 */
#include "internal.h"

#define KEEP_DIRTY  32 /* pages: 1 MiB */
#define COMMIT_STEP (1 * MIB)
#define REGION_MAX  ((size_t)1 << 36)
#define REGION_MIN  (16 * MIB)

/* Before the reservation, no pointer is within `size` above the base, whatever
 * the order in which another thread sees the three change. */
struct region region = {.base = (uintptr_t)1 << 63};

static struct {
	struct lock lock;
	bool failed;	   /* no reservation to be had */
	size_t nr_fresh;   /* index of the first page never used */
	size_t committed;  /* bytes */
	struct page dirty; /* ring; next: the one freed last */
	struct page *clean;
	size_t nr_dirty, nr_clean, nr_used, nr_purged;
	size_t low;
	uint64_t last_tick_ms;
} pool;

size_t region_used;

static void count_used(size_t nr)
{
	pool.nr_used += nr;
	__atomic_store_n(&region_used, pool.nr_used * PAGE_SIZE,
			 __ATOMIC_RELAXED);
}

static void reserve(void)
{
	for (size_t size = REGION_MAX; size >= REGION_MIN; size /= 4) {
		size_t table = size / PAGE_SIZE * sizeof(struct page);
		char *p = os_reserve(table + size, PAGE_SIZE);

		if (!p)
			continue;
		/* The table is a multiple of the page size: both are powers
		 * of two, and REGION_MIN's is PAGE_SIZE. */
		__atomic_store_n(&region.pages, (struct page *)p,
				 __ATOMIC_RELAXED);
		__atomic_store_n(&region.base, (uintptr_t)p + table,
				 __ATOMIC_RELAXED);
		__atomic_store_n(&region.size, size, __ATOMIC_RELEASE);
		pool.dirty.next = pool.dirty.prev = &pool.dirty;
		return;
	}
	pool.failed = true;
}
_Static_assert(REGION_MIN / PAGE_SIZE * sizeof(struct page) % PAGE_SIZE == 0,
	       "the pages start at a multiple of their size");

/* To the end of a huge page if the pages in use are many and few are free. */
static size_t commit_step(size_t at)
{
	uintptr_t end = region.base + at + COMMIT_STEP;

	if (!grows_huge(pool.nr_used * PAGE_SIZE,
			(pool.nr_dirty + pool.nr_clean) * PAGE_SIZE))
		return COMMIT_STEP;
	end = min_size(align_up(end, HUGE), region.base + region.size);
	return end - (region.base + at);
}

/* Makes the next step of pages, and of their descriptors, writable. */
static bool commit(void)
{
	size_t at = pool.committed, step;
	size_t done = align_up(at / PAGE_SIZE * sizeof(struct page), OS_PAGE);
	size_t need;

	if (at >= region.size)
		return false;
	step = commit_step(at);
	need = (at + step) / PAGE_SIZE * sizeof(struct page);
	need = align_up(need, OS_PAGE);
	if (need > done && os_commit((char *)region.pages + done, need - done))
		return false;
	if (os_commit((char *)region.base + at, step))
		return false;
	if (step != COMMIT_STEP)
		os_huge((char *)region.base + at, step);
	pool.committed = at + step;
	return true;
}

static struct page *fresh(void)
{
	if (!region.size) {
		if (!pool.failed)
			reserve();
		if (pool.failed)
			return NULL;
	}
	if (pool.nr_fresh * PAGE_SIZE >= pool.committed && !commit())
		return NULL;
	purge_earn(PAGE_SIZE);
	return &region.pages[pool.nr_fresh++];
}

static struct page *take_dirty(struct page *pg)
{
	pg->next->prev = pg->prev;
	pg->prev->next = pg->next;
	pool.nr_dirty--;
	if (pool.nr_dirty < pool.low)
		pool.low = pool.nr_dirty;
	return pg;
}

struct page *region_get(void)
{
	struct page *pg;

	lock_take(&pool.lock);
	if (pool.nr_dirty) {
		pg = take_dirty(pool.dirty.next);
	} else if (pool.clean) {
		pg = pool.clean;
		pool.clean = pg->next;
		pool.nr_clean--;
	} else {
		pg = fresh();
	}
	if (pg)
		count_used(1);
	lock_drop(&pool.lock);
	return pg;
}

/* Gives up to nr of the dirty pages back, neighbours in one call. */
static void purge(size_t nr)
{
	struct page *first = NULL, *last = NULL;

	while (nr-- && pool.nr_dirty) {
		struct page *pg = take_dirty(pool.dirty.prev);

		pg->next = pool.clean;
		pool.clean = pg;
		pool.nr_clean++;
		pool.nr_purged++;
		if (first && pg == last + 1) {
			last = pg;
		} else if (first && pg == first - 1) {
			first = pg;
		} else {
			if (first)
				os_purge(page_start(first),
					 (size_t)(last - first + 1) *
						 PAGE_SIZE);
			first = last = pg;
		}
	}
	if (first)
		os_purge(page_start(first),
			 (size_t)(last - first + 1) * PAGE_SIZE);
}

static void tick(void)
{
	uint64_t now;

	if (opt.purge_ms == SIZE_MAX)
		return;
	if (pool.nr_dirty > pool.nr_used / 4 + 2 * KEEP_DIRTY) {
		size_t nr = pool.nr_dirty - KEEP_DIRTY;

		purge(purge_spend(nr * PAGE_SIZE) / PAGE_SIZE);
		return;
	}
	now = os_now_ms();
	if (now - pool.last_tick_ms < opt.purge_ms)
		return;
	pool.last_tick_ms = now;
	if (pool.low > KEEP_DIRTY)
		purge(pool.low - KEEP_DIRTY);
	pool.low = pool.nr_dirty;
}

void region_put(struct page *pg)
{
	lock_take(&pool.lock);
	pg->state = PAGE_FREE;
	pg->owner = NULL;
	pg->next = pool.dirty.next;
	pg->prev = &pool.dirty;
	pg->next->prev = pg;
	pool.dirty.next = pg;
	pool.nr_dirty++;
	count_used((size_t)-1);
	if (pool.nr_dirty > KEEP_DIRTY)
		tick();
	lock_drop(&pool.lock);
}

void region_idle(void)
{
	lock_take(&pool.lock);
	if (pool.low > KEEP_DIRTY)
		purge(pool.low - KEEP_DIRTY);
	pool.low = pool.nr_dirty;
	pool.last_tick_ms = os_now_ms();
	lock_drop(&pool.lock);
}

int region_trim(void)
{
	int any;

	lock_take(&pool.lock);
	any = pool.nr_dirty > 0;
	purge(pool.nr_dirty);
	lock_drop(&pool.lock);
	return any;
}

void region_stats(struct region_stats *st)
{
	lock_take(&pool.lock);
	st->reserved = region.size;
	st->committed = pool.committed;
	st->nr_used = pool.nr_used;
	st->nr_dirty = pool.nr_dirty;
	st->nr_clean = pool.nr_clean;
	st->nr_purged = pool.nr_purged;
	lock_drop(&pool.lock);
}

void region_fork_prepare(void)
{
	lock_take(&pool.lock);
}

void region_fork_done(bool child)
{
	if (child)
		pool.lock.word = 0;
	else
		lock_drop(&pool.lock);
}
