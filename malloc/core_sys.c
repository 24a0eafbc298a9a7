// SPDX-License-Identifier: MIT
/*
 * core_sys.c - how arenas grow and shrink, and chunks mapped by themselves.
 *
 * 1. Idea.  The main arena grows by brk as long as nobody else moves it; then,
 *    and the other arenas from the start, in heaps of HEAP_SIZE, reserved
 *    whole and made writable as top grows.
 * 2. A segment that loses top (because it is full, or brk was moved by
 *    somebody else) ends with two headers that are always in use, so that
 *    merging stops there: F1 of 16 bytes or more, F2 of 16 at the very end.
 * 3. Large chunks are mapped by themselves; prev_size is then what lies before
 *    the header in the mapping.  As in glibc, freeing one raises the threshold
 *    to its size (up to 32 MiB) and the trim threshold to twice that: a
 *    program that frees such blocks will ask for more of them, and a mapping
 *    costs a fault for each page.
 * 4. The table of heaps is one bit for each 64 MiB of the address space, so
 *    that a pointer that lies can be told from one of ours without following
 *    it.
 */
#include "core.h"

#include <string.h>

#define DYNAMIC_MAX (32 * MIB)
/* Less than this in a row is not worth a call, and, where there are threads, an
 * interrupt of each. */
#define PURGE_LEAST (16 * KIB)
#define IDLE_BYTES  (4 * MIB) /* free in bins: not worth a sweep */
uint64_t heap_bits[HEAP_BITS / 64];

static void count_system(struct arena *a, size_t bytes)
{
	/* The caches read it without the lock. */
	__atomic_store_n(&a->system_bytes, a->system_bytes + bytes,
			 __ATOMIC_RELAXED);
	if (a->system_bytes > a->system_max) {
		purge_earn(a->system_bytes - a->system_max);
		a->system_max = a->system_bytes;
	}
}

static void set_top(struct arena *a, struct chunk *c, size_t size, size_t flags)
{
	c->head = size | flags | PREV_INUSE;
	a->top = c;
	if (a->clean < (char *)chunk_mem(c))
		a->clean = chunk_mem(c);
}

/* Ends the segment that holds top; what was top becomes a free chunk. */
static void retire_top(struct arena *a)
{
	struct chunk *c = a->top, *f1, *f2;
	size_t size, left, flag;

	if (!c)
		return;
	size = chunk_size(c);
	flag = c->head & IN_HEAP;
	left = size - 2 * HEADER;
	a->top = NULL;
	f2 = chunk_at(c, size - HEADER);
	f2->head = HEADER | flag | PREV_INUSE;
	if (left < MIN_CHUNK) {
		c->head = (size - HEADER) | (c->head & FLAGS);
		return;
	}
	f1 = chunk_at(c, left);
	f1->head = HEADER | flag | PREV_INUSE;
	c->head = left | (c->head & FLAGS);
	a->used_bytes += left;
	arena_free_chunk(a, c);
}

/* What to add to a segment that ends at `end`: to the end of a huge page if the
 * arena is large and dense. */
static size_t grow_size(struct arena *a, char *end, size_t need)
{
	size_t size = align_up(need - chunk_size(a->top), OS_PAGE);

	if (!grows_huge(a->used_bytes, a->system_bytes - a->used_bytes))
		return size;
	return align_up((uintptr_t)end + size, HUGE) - (uintptr_t)end;
}

static void ask_huge(struct arena *a, char *from, char *to)
{
	if (grows_huge(a->used_bytes, a->system_bytes - a->used_bytes))
		os_huge((char *)align_down((uintptr_t)from, OS_PAGE),
			(size_t)(to - from));
}

/* ---- brk ------------------------------------------------------------------------ */
static bool grow_brk(struct arena *a, size_t need)
{
	struct segment *s = &a->brk_segment;
	char *end = os_brk_end();
	size_t size;

	if (a->segments && (a->segments != s || end != s->end))
		return false;
	if (!a->segments) {
		char *start = (char *)align_up((uintptr_t)end, CHUNK_ALIGN);

		if (end == (char *)-1)
			return false;
		size = align_up((uintptr_t)start + need, OS_PAGE) -
		       (uintptr_t)start;
		if (os_brk_set(start + size))
			return false;
		s->start = start;
		s->is_brk = true;
		s->end = start + size;
		a->segments = s;
		a->clean = start;
		count_system(a, size);
		set_top(a, (struct chunk *)start, size, 0);
		return true;
	}
	size = grow_size(a, end, need);
	if (os_brk_set(end + size))
		return false;
	ask_huge(a, end, end + size);
	__atomic_store_n(&s->end, end + size, __ATOMIC_RELAXED);
	count_system(a, size);
	set_top(a, a->top, chunk_size(a->top) + size, 0);
	return true;
}

/* ---- heaps ---------------------------------------------------------------------- */
static bool extend_segment(struct segment *s, size_t size)
{
	char *end = s->end + size;

	if (size > (size_t)(s->limit - s->end))
		return false;
	if (end > s->writable_end) {
		if (os_commit(s->writable_end, (size_t)(end - s->writable_end)))
			return false;
		s->writable_end = end;
	}
	s->end = end;
	return true;
}

static bool grow_heap(struct arena *a, size_t need)
{
	struct segment *s = a->segments;
	size_t size;

	if (!a->top || !s || s->is_brk)
		return false;
	size = min_size(grow_size(a, s->end, need),
			(size_t)(s->limit - s->end));
	if (chunk_size(a->top) + size < need || !extend_segment(s, size))
		return false;
	ask_huge(a, s->end - size, s->end);
	count_system(a, size);
	set_top(a, a->top, chunk_size(a->top) + size, IN_HEAP);
	return true;
}

static bool new_heap(struct arena *a, size_t need)
{
	size_t head = align_up(sizeof(struct heap_head), CHUNK_ALIGN);
	size_t size = align_up(head + need, OS_PAGE), bit;
	struct heap_head *h;

	if (size > HEAP_SIZE)
		return false;
	h = os_reserve(HEAP_SIZE, HEAP_SIZE);
	if (!h)
		return false;
	bit = (uintptr_t)h / HEAP_SIZE;
	if (bit >= HEAP_BITS || os_commit(h, size)) {
		os_unmap(h, HEAP_SIZE);
		return false;
	}
	retire_top(a);
	h->arena = a;
	h->seg.start = (char *)h + head;
	h->seg.end = h->seg.writable_end = (char *)h + size;
	h->seg.limit = (char *)h + HEAP_SIZE;
	h->seg.next = a->segments;
	a->segments = &h->seg;
	__atomic_fetch_or(&heap_bits[bit / 64], (uint64_t)1 << bit % 64,
			  __ATOMIC_RELAXED);
	count_system(a, size);
	a->clean = h->seg.start;
	set_top(a, (struct chunk *)h->seg.start, size - head, IN_HEAP);
	return true;
}

/* Makes top large enough for nb and its own minimum. */
bool sys_grow(struct arena *a, size_t nb)
{
	size_t least = nb + MIN_CHUNK, need = least + opt.top_pad;

	if (need < least)
		need = least;
	if (a == &core.main && (grow_brk(a, need) || grow_brk(a, least)))
		return true;
	return grow_heap(a, need) || grow_heap(a, least) || new_heap(a, need) ||
	       new_heap(a, least);
}

/* Keeps pad bytes of top; returns how many bytes went back. */
size_t sys_trim(struct arena *a, size_t pad)
{
	struct segment *s = a->segments;
	struct chunk *top = a->top;
	size_t size, extra;

	if (!top)
		return 0;
	size = chunk_size(top);
	if (size < MIN_CHUNK + pad + OS_PAGE)
		return 0;
	extra = align_down(size - MIN_CHUNK - pad, OS_PAGE);
	if (s->is_brk) {
		if (os_brk_end() != s->end || os_brk_set(s->end - extra))
			return 0;
	} else {
		os_purge(s->end - extra, extra);
	}
	__atomic_store_n(&s->end, s->end - extra, __ATOMIC_RELAXED);
	__atomic_store_n(&a->system_bytes, a->system_bytes - extra,
			 __ATOMIC_RELAXED);
	top->head = (size - extra) | (top->head & FLAGS);
	if (a->clean > s->end)
		a->clean = s->end;
	return extra;
}

/*
 * Trimming what is wanted again at once costs a fault for each page.  So: where
 * much of the memory is free, as far as there is credit; otherwise once in
 * opt.purge_ms, and only what was not used for so long.  A program that set
 * the threshold itself gets what it says.
 */
void sys_trim_late(struct arena *a)
{
	size_t size = chunk_size(a->top), low = min_size(a->top_low, size);
	size_t all =
		a->used_bytes + __atomic_load_n(&region_used, __ATOMIC_RELAXED);
	size_t least = __atomic_load_n(&opt.trim_threshold, __ATOMIC_RELAXED);
	size_t give;
	uint64_t now;

	if (!opt.dynamic) {
		sys_trim(a, opt.top_pad);
	} else if (size > all / 2 + least) {
		give = purge_spend(size);
		give -= min_size(
			give, sys_trim(a, max_size(opt.top_pad, size - give)));
		purge_earn(give);
	} else {
		now = os_now_ms();
		if (now - a->last_trim_ms < opt.purge_ms)
			return;
		a->last_trim_ms = now;
		sys_trim(a, max_size(opt.top_pad, size - low));
	}
	a->top_low = chunk_size(a->top);
}

/* Much was freed: if much of the arena is, the free pages go back. */
void sys_sweep(struct arena *a)
{
	size_t top = a->top ? chunk_size(a->top) : 0;
	size_t idle = a->system_bytes - a->used_bytes - top;

	size_t give;

	if (idle <= a->used_bytes / 2 + IDLE_BYTES)
		return;
	give = purge_spend(idle);
	purge_earn(give - purge_bins(a, PURGE_LEAST, give));
}

/* ---- chunks mapped by themselves --------------------------------------------------- */
static void count_mapped(long nr, size_t more, size_t less)
{
	size_t bytes, n;

	n = __atomic_add_fetch(&core.nr_mapped, (size_t)nr, __ATOMIC_RELAXED);
	bytes = __atomic_add_fetch(&core.mapped_bytes, more - less,
				   __ATOMIC_RELAXED);
	/* Maxima are for statistics: a lost race loses a moment. */
	if (bytes > __atomic_load_n(&core.mapped_max, __ATOMIC_RELAXED))
		__atomic_store_n(&core.mapped_max, bytes, __ATOMIC_RELAXED);
	if (n > __atomic_load_n(&core.nr_mapped_max, __ATOMIC_RELAXED))
		__atomic_store_n(&core.nr_mapped_max, n, __ATOMIC_RELAXED);
}

struct chunk *sys_map_chunk(size_t nb)
{
	size_t size = align_up(nb + sizeof(size_t), OS_PAGE);
	struct chunk *c;

	if (size < nb)
		return NULL;
	c = os_map(size);
	if (!c)
		return NULL;
	c->head = size | IS_MAPPED;
	count_mapped(1, size, 0);
	return c;
}

static void check_mapped(struct chunk *c)
{
	uintptr_t start = (uintptr_t)c - c->prev_size;

	if (unlikely((start | (chunk_size(c) + c->prev_size)) & (OS_PAGE - 1)))
		os_die("free(): the header of the block is overwritten",
		       chunk_mem(c));
}

void sys_unmap_chunk(struct chunk *c)
{
	size_t before = c->prev_size, size = chunk_size(c) + before;

	check_mapped(c);
	if (opt.dynamic && size <= DYNAMIC_MAX &&
	    size > __atomic_load_n(&opt.mmap_threshold, __ATOMIC_RELAXED)) {
		__atomic_store_n(&opt.mmap_threshold, size, __ATOMIC_RELAXED);
		__atomic_store_n(&opt.trim_threshold, 2 * size,
				 __ATOMIC_RELAXED);
	}
	count_mapped(-1, 0, size);
	os_unmap((char *)c - before, size);
}

/* NULL: it could not be resized and is as it was. */
struct chunk *sys_remap_chunk(struct chunk *c, size_t bytes)
{
	size_t before = c->prev_size, old = chunk_size(c) + before, size;
	char *p;

	check_mapped(c);
	size = align_up(before + bytes + HEADER, OS_PAGE);
	if (size < bytes)
		return NULL;
	if (size == old)
		return c;
	p = os_remap((char *)c - before, old, size);
	if (!p)
		return NULL;
	c = chunk_at(p, before);
	c->head = (size - before) | IS_MAPPED;
	count_mapped(0, size, old);
	return c;
}
