// SPDX-License-Identifier: MIT
/*
 * cache.c - chunks of 1 to 32 KiB that a thread has freed and may want again.
 *
 * 1. Idea.  Sizes are rounded up to one of 16 in each doubling, so that a
 *    block that was freed fits the next request of about its size; the core
 *    sees the rounded sizes, too, and has fewer kinds of chunks to sort.  The
 *    price is a thirty-second of such a block, on average.
 * 2. Bounds.  CACHE_NR of a class, and for all of a thread's classes together
 *    CACHE_BYTES or a CACHE_SHARE-th of the main arena, whichever is more: a
 *    program with much memory may keep more, and needs it, as the number of
 *    free blocks of a size swings with the number of live ones.  At a bound
 *    half of a class goes back, the oldest first, the classes in turn.  A heap that has not asked for CACHE_HEAT such blocks has no
 *    cache: what small programs free is merged at once.
 * 3. For the core a cached chunk is in use.  Its second word holds the cache's
 *    key, by which a second free of it is noticed.
 * 4. Only the owner's thread touches a cache: no locks.
 */
#include "core.h"

#define CACHE_SHIFT 4 /* 16 classes in each doubling */
#define CACHE_NR    32
#define CACHE_HEAT  64
#define CACHE_BYTES (64 * KIB)
#define CACHE_SHARE 4

struct cached {
	struct cached *next;
	const void *key;
};

/* The class whose chunks serve a chunk size of nb. */
static unsigned int class_above(size_t nb)
{
	unsigned int e = 63 - (unsigned int)__builtin_clzl(nb - 1);

	return (e - 10) << CACHE_SHIFT |
	       (unsigned int)((nb - 1) >> (e - CACHE_SHIFT) & 15);
}

/* The largest class that a chunk of size nb, at least CACHE_LEAST, serves. */
static unsigned int class_below(size_t nb)
{
	unsigned int e = 63 - (unsigned int)__builtin_clzl(nb);

	return ((e - 10) << CACHE_SHIFT |
		(unsigned int)(nb >> (e - CACHE_SHIFT) & 15)) -
	       1;
}

static size_t class_bytes(unsigned int class_)
{
	return ((size_t)(class_ & 15) + 17)
	       << ((class_ >> CACHE_SHIFT) + 10 - CACHE_SHIFT);
}

/* All but the `keep` youngest of a class go back. */
static void shrink(struct heap *h, unsigned int class_, unsigned int keep)
{
	struct cached **at = &h->cached[class_], *c, *next;
	unsigned int nr = 0;

	for (; *at && nr < keep; nr++)
		at = &(*at)->next;
	c = *at;
	*at = NULL;
	h->cache_bytes -= (h->nr_cached[class_] - nr) * class_bytes(class_);
	h->nr_cached[class_] = (uint8_t)nr;
	for (; c; c = next) {
		next = c->next;
		c->key = NULL;
		core_free(c);
	}
}

void cache_flush(struct heap *h)
{
	for (unsigned int i = 0; i < NR_CACHE; i++)
		shrink(h, i, 0);
}

void *cache_alloc(struct heap *h, size_t size)
{
	unsigned int class_ = class_above(size + sizeof(size_t));
	struct cached *c = h->cached[class_];

	if (unlikely(h->cache_heat < CACHE_HEAT)) {
		h->cache_heat++;
		return core_malloc(size);
	}
	if (unlikely(!c))
		return core_malloc(class_bytes(class_) - sizeof(size_t));
	h->cached[class_] = c->next;
	h->nr_cached[class_]--;
	h->cache_bytes -= class_bytes(class_);
	c->key = NULL;
	return c;
}

static noinline void make_room(struct heap *h, unsigned int class_)
{
	size_t system =
		__atomic_load_n(&core.main.system_bytes, __ATOMIC_RELAXED);

	h->cache_most = max_size(CACHE_BYTES, system / CACHE_SHARE);
	if (h->nr_cached[class_] > CACHE_NR)
		shrink(h, class_, CACHE_NR / 2);
	while (h->cache_bytes > h->cache_most) {
		h->cache_hand = (uint8_t)((h->cache_hand + 1) % NR_CACHE);
		shrink(h, h->cache_hand, h->nr_cached[h->cache_hand] / 2);
	}
}

static noinline void check_twice(struct heap *h, struct cached *c,
				 unsigned int class_)
{
	for (struct cached *o = h->cached[class_]; o; o = o->next) {
		if (o == c)
			os_die("free(): freed twice", c);
	}
}

bool cache_free(struct heap *h, void *p, size_t nb)
{
	unsigned int class_;
	struct cached *c = p;

	if (h->cache_heat < CACHE_HEAT)
		return false;
	class_ = class_below(nb);
	if (unlikely(c->key == h))
		check_twice(h, c, class_);
	c->next = h->cached[class_];
	c->key = h;
	h->cached[class_] = c;
	h->cache_bytes += class_bytes(class_);
	if (unlikely(++h->nr_cached[class_] > CACHE_NR ||
		     h->cache_bytes > h->cache_most))
		make_room(h, class_);
	return true;
}

void cache_validate(struct heap *h)
{
	size_t bytes = 0;

	for (unsigned int i = 0; i < NR_CACHE; i++) {
		unsigned int nr = 0;

		for (struct cached *c = h->cached[i]; c; c = c->next) {
			if (core_usable(c) < class_bytes(i) - sizeof(size_t))
				os_die("heap check: size of a cached chunk", c);
			nr++;
		}
		if (nr != h->nr_cached[i])
			os_die("heap check: count of cached chunks", h);
		bytes += nr * class_bytes(i);
	}
	if (bytes != h->cache_bytes)
		os_die("heap check: bytes of cached chunks", h);
}
