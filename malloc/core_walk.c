// SPDX-License-Identifier: MIT
/*
 * core_walk.c - walks every chunk and every bin: for statistics, for checks,
 * and to give the free pages between used chunks back.
 *
 * The walk goes through each segment from its start to top or to the header
 * that is always in use.  What it finds free must be what the bins hold: both
 * are counted, and compared (C1 to C5 in core.c).
 */
#include "core.h"

#include <string.h>

static void broken(const char *what, const void *c)
{
	os_die(what, c);
}

/* Chunks in fast bins look used to their neighbours. */
static void count_fast(struct arena *a, struct arena_info *info)
{
	for (unsigned int i = 0; i < NR_FAST; i++) {
		for (struct chunk *c = a->fast[i]; c; c = c->fd) {
			if (chunk_size(c) != (i + 2) * CHUNK_ALIGN)
				broken("heap check: size in a fast bin", c);
			info->fast[i].count++;
			info->fast[i].bytes += chunk_size(c);
		}
		info->fast_chunks += info->fast[i].count;
		info->fast_bytes += info->fast[i].bytes;
		if (info->fast[i].count && !a->have_fast)
			broken("heap check: have_fast", a);
	}
}

static void check_sorted(struct arena *a, unsigned int i, struct chunk *c)
{
	struct chunk *bin = bin_chunk(a, i);
	bool first = c->bk == bin || chunk_size(c->bk) != chunk_size(c);

	if (c->bk != bin && chunk_size(c->bk) < chunk_size(c))
		broken("heap check: a large bin is not sorted", c);
	if (first != (c->fd_size != NULL))
		broken("heap check: first of a size", c);
	if (first && (c->fd_size->bk_size != c || c->bk_size->fd_size != c))
		broken("heap check: links between sizes", c);
}

static void count_bins(struct arena *a, struct arena_info *info)
{
	for (unsigned int i = BIN_UNSORTED; i < NR_BINS - 1; i++) {
		struct chunk *bin = bin_chunk(a, i);
		struct bin_info *b = &info->bins[i];

		for (struct chunk *c = bin->fd; c != bin; c = c->fd) {
			if (c->fd->bk != c || c->bk->fd != c)
				broken("heap check: links of a chunk", c);
			if (i != BIN_UNSORTED && bin_index(chunk_size(c)) != i)
				broken("heap check: wrong bin", c);
			if (i >= 64)
				check_sorted(a, i, c);
			b->count++;
			b->bytes += chunk_size(c);
		}
		if (i != BIN_UNSORTED && b->count &&
		    !(a->binmap[i / 32] >> i % 32 & 1))
			broken("heap check: bin map", bin);
		info->free_chunks += b->count;
		info->free_bytes += b->bytes;
	}
}

static void walk_segment(struct arena *a, struct segment *s,
			 struct arena_info *info)
{
	char *end = s == a->segments ? (char *)a->top : s->end - HEADER;
	struct chunk *c = (struct chunk *)s->start, *next;
	bool prev_free = false;

	for (; (char *)c < end; c = next) {
		bool used;

		next = chunk_next(c);
		if (chunk_size(c) < HEADER || (char *)next > end)
			broken("heap check: size of a chunk", c);
		if (!(c->head & IN_HEAP) != s->is_brk)
			broken("heap check: flags of a chunk", c);
		if (!(c->head & PREV_INUSE) != prev_free)
			broken("heap check: in-use flag", c);
		used = next->head & PREV_INUSE;
		if (!used && next->prev_size != chunk_size(c))
			broken("heap check: size behind a free chunk", c);
		if (!used && prev_free)
			broken("heap check: free neighbours", c);
		prev_free = !used;
		if (used && chunk_size(c) > HEADER) {
			info->used_chunks++;
			info->used_bytes += chunk_size(c);
		}
		if (!used) {
			info->free_chunks--;
			info->free_bytes -= chunk_size(c);
		}
	}
	if ((char *)c != end || prev_free)
		broken("heap check: the end of a segment", c);
}

/*
 * Fills *info.  The bins are counted up and the walk counts down, so both
 * free_ fields must pass through zero; they are restored at the end.
 */
void arena_validate(struct arena *a, struct arena_info *info)
{
	size_t chunks, bytes;

	memset(info, 0, sizeof(*info));
	count_fast(a, info);
	count_bins(a, info);
	chunks = info->free_chunks;
	bytes = info->free_bytes;
	for (struct segment *s = a->segments; s; s = s->next)
		walk_segment(a, s, info);
	if (info->free_chunks || info->free_bytes)
		broken("heap check: the bins do not hold what is free", a);
	info->free_chunks = chunks;
	info->free_bytes = bytes;
	info->used_bytes -= info->fast_bytes;
	info->used_chunks -= info->fast_chunks;
	if (a->top) {
		info->top_bytes = chunk_size(a->top);
		if ((char *)a->top + info->top_bytes != a->segments->end)
			broken("heap check: the end of top", a->top);
	}
}

void core_validate(void)
{
	struct arena_info info;

	for (unsigned int i = 0; i < core.nr_arenas; i++) {
		struct arena *a = core.arenas[i];

		arena_lock(a);
		arena_validate(a, &info);
		arena_unlock(a);
	}
}

/* From the largest chunks downwards; the chunks stay in their bins. */
size_t purge_bins(struct arena *a, size_t least, size_t most)
{
	unsigned int last = bin_index(least);
	size_t done = 0;

	for (unsigned int n = NR_BINS - 1; n >= last; n--) {
		unsigned int i = n == NR_BINS - 1 ? BIN_UNSORTED : n;
		struct chunk *bin = bin_chunk(a, i);

		for (struct chunk *c = bin->fd; c != bin; c = c->fd) {
			char *from =
				(char *)align_up((uintptr_t)(c + 1), OS_PAGE);
			char *to = (char *)align_down((uintptr_t)chunk_next(c),
						      OS_PAGE);

			if (chunk_size(c) < least || from >= to ||
			    c->purged == chunk_size(c) ||
			    (size_t)(to - from) > most - done)
				continue;
			os_purge(from, (size_t)(to - from));
			c->purged = chunk_size(c);
			done += (size_t)(to - from);
		}
	}
	return done;
}

int core_trim(size_t pad)
{
	bool any = false;

	for (unsigned int i = 0; i < core.nr_arenas; i++) {
		struct arena *a = core.arenas[i];

		arena_lock(a);
		arena_consolidate(a);
		if (purge_bins(a, OS_PAGE, SIZE_MAX))
			any = true;
		if (sys_trim(a, pad))
			any = true;
		arena_unlock(a);
	}
	return any;
}

static void arena_idle(struct arena *a)
{
	size_t top;

	if (a->have_fast && a->freed_bytes == a->freed_seen)
		arena_consolidate(a);
	if (a->freed_bytes && a->freed_bytes == a->freed_seen) {
		purge_bins(a, OS_PAGE, SIZE_MAX);
		a->freed_bytes = 0;
	}
	a->freed_seen = a->freed_bytes;
	if (!a->top)
		return;
	top = chunk_size(a->top);
	sys_trim(a, max_size(opt.top_pad, top - min_size(a->top_low, top)));
	a->top_low = chunk_size(a->top);
}

void core_idle(void)
{
	unsigned int nr = __atomic_load_n(&core.nr_arenas, __ATOMIC_ACQUIRE);

	for (unsigned int i = 0; i < nr; i++) {
		arena_lock(core.arenas[i]);
		arena_idle(core.arenas[i]);
		arena_unlock(core.arenas[i]);
	}
}
