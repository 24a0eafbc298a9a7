// SPDX-License-Identifier: MIT
/*
 * cache.c - chunks of 1 to 64 KiB that a thread has freed and may want again.
 *
 * 1. Idea.  Sizes are rounded up to one of 8 in each doubling, so that a block
 *    that was freed fits the next request of about its size; the core sees the
 *    rounded sizes, too, and has fewer kinds of chunks to sort.  The price is
 *    a twentieth of such a block, on average.  Where a class has none, the two
 *    above it serve: misses, which cost ten times as much, fall to a seventh.
 * 2. Bounds.  For all of a thread's classes together CACHE_BYTES, or its part of
 *    what is in use, whichever is more: a program with much memory may keep
 *    more, and needs it, as the number of free blocks of a size swings with the
 *    number of live ones.  The part follows the misses: bursts, which free and
 *    allocate many in turn, get up to PART_MOST sixteenths, since what they
 *    keep at their low point they use at their peak; others PART_LEAST.
 *    CACHE_BYTES grows with it, to three times that.
 *    At the bound, classes give back in turn what they did not need since the
 *    last turn, or else half of what they have, the oldest first.
 * 3. Heat.  A heap that has not asked for CACHE_HEAT such blocks has no cache:
 *    what small programs free is merged at once.
 * 4. For the core a cached chunk is in use.  Its second word holds the cache's
 *    key, by which a second free of it is noticed.
 * 5. Only the owner's thread touches a cache: no locks.
 */
#include "core.h"

#define CACHE_HEAT  64
#define CACHE_BYTES (64 * KIB)
#define PART_LEAST  2
#define PART_MOST   12

/* Heaps whose caches are warm: they share what may be kept. */
static unsigned int nr_warm;

static size_t class_bytes(unsigned int class_)
{
	return ((size_t)(class_ % CACHE_STEPS) + CACHE_STEPS + 1)
	       << (class_ / CACHE_STEPS + 10 - CACHE_SHIFT);
}

/* All but the `keep` youngest of a class go back. */
static void shrink(struct heap *h, unsigned int class_, unsigned int keep)
{
	struct cache_list *l = &h->cached[class_];
	struct cached **at = &l->head, *c, *next;
	unsigned int nr = 0;

	for (; *at && nr < keep; nr++)
		at = &(*at)->next;
	c = *at;
	*at = NULL;
	if (!l->head)
		h->cache_map &= ~((uint64_t)1 << class_);
	l->nr = nr;
	l->low = nr;
	for (; c; c = next) {
		next = c->next;
		h->cache_bytes -= chunk_size(mem_chunk(c));
		c->key = NULL;
		core_free(c);
	}
}

void cache_flush(struct heap *h)
{
	for (unsigned int i = 0; i < NR_CACHE; i++)
		shrink(h, i, 0);
	if (h->cache_heat == CACHE_HEAT)
		__atomic_fetch_sub(&nr_warm, 1, __ATOMIC_RELAXED);
	h->cache_heat = 0;
	h->cache_most = 0;
}

/* Counts the request; false while the heap is not warm. */
static bool warm(struct heap *h)
{
	if (unlikely(!opt.cache)) {
		cache_flush(h);
		return false;
	}
	if (likely(h->cache_heat == CACHE_HEAT))
		return true;
	if (++h->cache_heat == CACHE_HEAT) {
		__atomic_fetch_add(&nr_warm, 1, __ATOMIC_RELAXED);
		h->cache_most = CACHE_BYTES;
		h->cache_part = PART_LEAST;
	}
	return false;
}

size_t cache_round(struct heap *h, size_t size)
{
	if (!warm(h))
		return size;
	h->cache_misses++;
	return class_bytes(cache_class(size + sizeof(size_t))) - sizeof(size_t);
}

void *cache_alloc_aligned(struct heap *h, size_t align, size_t size)
{
	unsigned int class_ = cache_class(size + sizeof(size_t));
	struct cache_list *l = &h->cached[class_];
	struct cached **at = &l->head, *c;

	for (int n = 0; n < 4 && (c = *at); n++, at = &c->next) {
		if ((uintptr_t)c & (align - 1))
			continue;
		/* To the front, and off. */
		*at = c->next;
		c->next = l->head;
		return cache_take(h, class_, c);
	}
	return NULL;
}

/* Keep more if many requests miss, less if few do. */
static void review(struct heap *h)
{
	if (h->cache_frees < 256)
		return;
	if (h->cache_misses > h->cache_frees / 32)
		h->cache_part = min_size(h->cache_part + 1, PART_MOST);
	else if (h->cache_misses < h->cache_frees / 256)
		h->cache_part = max_size(h->cache_part - 1, PART_LEAST);
	h->cache_frees = h->cache_misses = 0;
}

bool cache_make_room(struct heap *h, size_t nb)
{
	size_t used = core_used();
	unsigned int nr = __atomic_load_n(&nr_warm, __ATOMIC_RELAXED);
	size_t least;

	if (h->cache_heat < CACHE_HEAT)
		return false;
	review(h);
	least = min_size(h->cache_part * CACHE_BYTES / PART_LEAST,
			 3 * CACHE_BYTES);
	h->cache_most = max_size(least, used / 16 * h->cache_part / nr);
	if (nb > h->cache_most / 2)
		return false;
	for (unsigned int n = 0; h->cache_bytes + nb > h->cache_most; n++) {
		unsigned int i = h->cache_hand = (h->cache_hand + 1) % NR_CACHE;
		struct cache_list *l = &h->cached[i];

		if (l->low)
			shrink(h, i, l->nr - l->low);
		else if (n > NR_CACHE)
			shrink(h, i, l->nr / 2);
		l->low = l->nr;
	}
	return true;
}

/* c carries the cache's key: by chance, or because it is there. */
void cache_twice(struct heap *h, struct cached *c)
{
	for (unsigned int i = 0; i < NR_CACHE; i++) {
		for (struct cached *o = h->cached[i].head; o; o = o->next) {
			if (o == c)
				os_die("free(): freed twice", c);
		}
	}
}

void cache_validate(struct heap *h)
{
	size_t bytes = 0;

	for (unsigned int i = 0; i < NR_CACHE; i++) {
		struct cache_list *l = &h->cached[i];
		unsigned int nr = 0;

		for (struct cached *c = l->head; c; c = c->next) {
			if (core_usable(c) < class_bytes(i) - sizeof(size_t))
				os_die("heap check: size of a cached chunk", c);
			bytes += chunk_size(mem_chunk(c));
			nr++;
		}
		if (nr != l->nr || l->low > l->nr ||
		    !nr != !(h->cache_map >> i & 1))
			os_die("heap check: count of cached chunks", h);
	}
	if (bytes != h->cache_bytes)
		os_die("heap check: bytes of cached chunks", h);
}
