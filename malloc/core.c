// SPDX-License-Identifier: MIT
/*
 * core.c - boundary-tag chunks in 128 bins: allocation, freeing, the search.
 *
 * 1. Idea.  Every chunk knows its size, and a free one repeats it at its end,
 *    so that neighbours are merged at once (Knuth; Lea's dlmalloc; Gloger's
 *    ptmalloc).  Free chunks lie in bins by size.
 * 2. The search, in this order; enum step counts where each ended:
 *      fast bin -> small bin of the size -> (large: merge the fast bins) ->
 *      unsorted chunks, each looked at once and then sorted into its bin, the
 *      last remainder being split on -> best fit in the large bin -> the next
 *      bin that is not empty, by the bit map -> top -> the system.
 * 3. Invariants, checked by arena_validate():
 *      C1  no two neighbours are free, but for those in fast bins
 *      C2  a free chunk's size stands in its head and after its end
 *      C3  a chunk is in a bin exactly if it is free; bins 2..63 hold one
 *          size, 64..126 are sorted downwards, the first of each size linked
 *      C4  top is at least MIN_CHUNK, is in no bin, and ends its segment;
 *          every other segment ends with a header that is always in use
 *      C5  a bit of the bin map may be set for an empty bin, never clear for
 *          a filled one
 * 4. Locking.  arena->lock for all of an arena.  core.lock for the table of
 *    arenas, taken with no arena's lock held.
 * 5. Failure.  Only growth fails, and has then changed nothing but merged the
 *    fast bins.
 */
#include "core.h"

#include <string.h>

struct core core;

/*
 * 64..126: 32 ranges of 64 bytes, 16 of 512, 8 of 4096, 4 of 32768, 2 of
 * 262144, and one for all above.
 */
unsigned int bin_index(size_t size)
{
	static const struct {
		unsigned int nr, shift;
	} ranges[] = {{32, 6}, {16, 9}, {8, 12}, {4, 15}, {2, 18}};
	unsigned int bin = 64;
	size_t off;

	if (size <= SMALL_BIN_MAX)
		return (unsigned int)(size >> 4);
	off = size - (SMALL_BIN_MAX + CHUNK_ALIGN);
	for (unsigned int i = 0; i < 5; i++) {
		if (off >> ranges[i].shift < ranges[i].nr)
			return bin + (unsigned int)(off >> ranges[i].shift);
		off -= (size_t)ranges[i].nr << ranges[i].shift;
		bin += ranges[i].nr;
	}
	return bin;
}

void arena_init(struct arena *a, unsigned int index)
{
	for (unsigned int i = 0; i < NR_BINS; i++)
		a->bins[i].fd = a->bins[i].bk = bin_chunk(a, i);
	a->index = index;
}

void arena_lock(struct arena *a)
{
	lock_take(&a->lock);
}

void arena_unlock(struct arena *a)
{
	lock_drop(&a->lock);
}

static void set_bit(struct arena *a, unsigned int i)
{
	a->binmap[i / 32] |= 1u << i % 32;
}

/* ---- bins --------------------------------------------------------------------- */
static void set_free(struct chunk *c, size_t size)
{
	chunk_at(c, size)->prev_size = size;
}

static void link_after(struct chunk *at, struct chunk *c)
{
	c->fd = at->fd;
	c->bk = at;
	at->fd->bk = c;
	at->fd = c;
}

/* c becomes the neighbour of `larger` on its smaller side. */
static void link_size_after(struct chunk *larger, struct chunk *c)
{
	c->fd_size = larger->fd_size;
	c->bk_size = larger;
	larger->fd_size->bk_size = c;
	larger->fd_size = c;
}

static void insert_large(struct arena *a, unsigned int i, struct chunk *c)
{
	struct chunk *bin = bin_chunk(a, i), *first = bin->fd, *l;
	size_t size = chunk_size(c);

	if (first == bin) {
		c->fd_size = c->bk_size = c;
		link_after(bin, c);
		return;
	}
	if (size > chunk_size(first)) {
		link_size_after(first->bk_size, c);
		link_after(bin, c);
		return;
	}
	/* From the smallest upwards: most chunks that come are small. */
	for (l = first->bk_size; chunk_size(l) < size; l = l->bk_size)
		;
	if (chunk_size(l) == size) {
		c->fd_size = NULL;
		link_after(l, c);
		return;
	}
	/* Behind all of l's size, before the next smaller one. */
	link_after(l->fd_size == first ? bin->bk : l->fd_size->bk, c);
	link_size_after(l, c);
}

static void insert_sorted(struct arena *a, struct chunk *c)
{
	unsigned int i = bin_index(chunk_size(c));

	if (i < 64)
		link_after(bin_chunk(a, i), c);
	else
		insert_large(a, i, c);
	set_bit(a, i);
}

static void insert_unsorted(struct arena *a, struct chunk *c)
{
	struct chunk *bin = bin_chunk(a, BIN_UNSORTED);

	if (unlikely(bin->fd->bk != bin))
		os_die("the list of unsorted chunks is corrupted", bin->fd);
	if (chunk_size(c) > SMALL_BIN_MAX)
		c->fd_size = NULL;
	link_after(bin, c);
}

static void unlink_size(struct chunk *c)
{
	struct chunk *heir = c->fd;

	if (heir->fd_size == NULL && chunk_size(heir) == chunk_size(c)) {
		if (c->fd_size == c) {
			heir->fd_size = heir->bk_size = heir;
			return;
		}
		heir->fd_size = c->fd_size;
		heir->bk_size = c->bk_size;
		c->fd_size->bk_size = heir;
		c->bk_size->fd_size = heir;
		return;
	}
	c->fd_size->bk_size = c->bk_size;
	c->bk_size->fd_size = c->fd_size;
}

/*
 * unlink_size() may read fd_size of the bin's head: that is the fd of the next
 * bin, which is never NULL, so a head is never taken for an heir.
 */
void chunk_unlink(struct arena *a, struct chunk *c)
{
	(void)a;
	if (unlikely(chunk_next(c)->prev_size != chunk_size(c)))
		os_die("the size of a free chunk is corrupted", chunk_mem(c));
	if (unlikely(c->fd->bk != c || c->bk->fd != c))
		os_die("the links of a free chunk are corrupted", chunk_mem(c));
	if (chunk_size(c) > SMALL_BIN_MAX) {
		if (c->fd_size)
			unlink_size(c);
		c->purged = 0;
	}
	c->fd->bk = c->bk;
	c->bk->fd = c->fd;
}

/* Others read it without the lock. */
static void used_less(struct arena *a, size_t bytes)
{
	__atomic_store_n(&a->used_bytes, a->used_bytes - bytes,
			 __ATOMIC_RELAXED);
}

/* ---- freeing --------------------------------------------------------------------- */
/* Merges c with its neighbours and puts it among the unsorted, or into top. */
static size_t merge(struct arena *a, struct chunk *c)
{
	size_t size = chunk_size(c);
	struct chunk *next = chunk_at(c, size);

	if (!(c->head & PREV_INUSE)) {
		size_t before = c->prev_size;

		c = chunk_at(c, -before);
		if (unlikely(chunk_size(c) != before))
			os_die("the size before a chunk is corrupted",
			       chunk_mem(c));
		size += before;
		chunk_unlink(a, c);
	}
	if (next == a->top) {
		size += chunk_size(next);
		c->head = size | (c->head & IN_HEAP) | PREV_INUSE;
		a->top = c;
		return size;
	}
	if (!chunk_inuse(next)) {
		size += chunk_size(next);
		chunk_unlink(a, next);
	} else {
		clear_prev_inuse(next);
	}
	c->head = size | (c->head & IN_HEAP) | PREV_INUSE;
	set_free(c, size);
	insert_unsorted(a, c);
	return size;
}

void arena_consolidate(struct arena *a)
{
	a->have_fast = false;
	for (unsigned int i = 0; i < NR_FAST; i++) {
		struct chunk *c = a->fast[i], *next;

		a->fast[i] = NULL;
		for (; c; c = next) {
			next = c->fd;
			merge(a, c);
		}
	}
}

/* A run this large is worth merging the fast bins for, and perhaps trimming. */
#define MERGE_BYTES (64 * KIB)
/* At least so much is freed between two searches of the bins for pages. */
#define SWEEP_BYTES (4 * MIB)

/* c carries the mark of a chunk in a fast bin, its arena in place of bk. */
static void check_fast(struct chunk *list, struct chunk *c)
{
	for (; list; list = list->fd) {
		if (list == c)
			os_die("free(): freed twice", chunk_mem(c));
	}
}

void arena_free_chunk(struct arena *a, struct chunk *c)
{
	size_t size = chunk_size(c);
	struct chunk *next = chunk_at(c, size);
	size_t next_size = chunk_size(next);

	if (unlikely(c == a->top || !(next->head & PREV_INUSE)))
		os_die("free(): freed twice", chunk_mem(c));
	if (unlikely(next_size < HEADER || next_size > a->system_bytes))
		os_die("free(): the header after the block is overwritten",
		       chunk_mem(c));
	used_less(a, size);
	a->freed_bytes += size;
	if (size <= opt.mxfast) {
		struct chunk **bin = &a->fast[(size >> 4) - 2];

		if (unlikely(c->bk == (struct chunk *)a))
			check_fast(*bin, c);
		c->bk = (struct chunk *)a;
		c->fd = *bin;
		*bin = c;
		a->have_fast = true;
		return;
	}
	if (merge(a, c) < MERGE_BYTES)
		return;
	if (a->have_fast)
		arena_consolidate(a);
	if (a->top && chunk_size(a->top) >= __atomic_load_n(&opt.trim_threshold,
							    __ATOMIC_RELAXED))
		sys_trim_late(a);
	if (a->freed_bytes > max_size(a->used_bytes / 4, SWEEP_BYTES)) {
		a->freed_bytes = 0;
		sys_sweep(a);
	}
}

/* ---- allocating ------------------------------------------------------------------ */
/* Cuts nb bytes off the front of c, which is in no bin; the rest goes among
 * the unsorted. */
static struct chunk *split(struct arena *a, struct chunk *c, size_t nb,
			   bool remember)
{
	size_t size = chunk_size(c), rest = size - nb;
	struct chunk *r;

	if (rest < MIN_CHUNK) {
		set_prev_inuse(chunk_at(c, size));
		return c;
	}
	r = chunk_at(c, nb);
	r->head = rest | (c->head & IN_HEAP) | PREV_INUSE;
	c->head = nb | (c->head & FLAGS);
	set_free(r, rest);
	insert_unsorted(a, r);
	if (remember)
		a->last_remainder = r;
	return c;
}

static struct chunk *from_small_bin(struct arena *a, size_t nb)
{
	struct chunk *bin = bin_chunk(a, (unsigned int)(nb >> 4));
	struct chunk *c = bin->bk;

	if (c == bin)
		return NULL;
	chunk_unlink(a, c);
	set_prev_inuse(chunk_next(c));
	return c;
}

/* Looks at each unsorted chunk once: takes an exact fit, sorts the others. */
static struct chunk *from_unsorted(struct arena *a, size_t nb)
{
	struct chunk *bin = bin_chunk(a, BIN_UNSORTED), *c;

	while ((c = bin->bk) != bin) {
		size_t size = chunk_size(c);

		if (unlikely(size < MIN_CHUNK || size > a->system_bytes))
			os_die("the size of an unsorted chunk is corrupted",
			       chunk_mem(c));
		if (nb <= SMALL_BIN_MAX && c == a->last_remainder &&
		    c->bk == bin && c->fd == bin && size >= nb + MIN_CHUNK) {
			chunk_unlink(a, c);
			a->nr_steps[STEP_REMAINDER]++;
			return split(a, c, nb, true);
		}
		chunk_unlink(a, c);
		if (size == nb) {
			set_prev_inuse(chunk_next(c));
			a->nr_steps[STEP_UNSORTED]++;
			return c;
		}
		insert_sorted(a, c);
	}
	return NULL;
}

static struct chunk *from_large_bin(struct arena *a, size_t nb)
{
	struct chunk *bin = bin_chunk(a, bin_index(nb)), *c;

	if (bin->fd == bin || chunk_size(bin->fd) < nb)
		return NULL;
	c = bin->fd->bk_size;
	while (chunk_size(c) < nb)
		c = c->bk_size;
	/* Not the first of its size, if it can be: its links stay. */
	if (c->fd != bin && chunk_size(c->fd) == chunk_size(c))
		c = c->fd;
	chunk_unlink(a, c);
	return split(a, c, nb, false);
}

static struct chunk *from_binmap(struct arena *a, size_t nb)
{
	unsigned int i = bin_index(nb) + 1;

	for (unsigned int w = i / 32; w < NR_BINS / 32; w++) {
		uint32_t bits = a->binmap[w];

		if (w == i / 32)
			bits &= ~0u << i % 32;
		while (bits) {
			unsigned int bit = (unsigned int)__builtin_ctz(bits);
			struct chunk *bin = bin_chunk(a, w * 32 + bit);
			struct chunk *c = bin->bk; /* the smallest */

			bits &= bits - 1;
			if (c == bin) {
				a->binmap[w] &= ~(1u << bit);
				continue;
			}
			chunk_unlink(a, c);
			return split(a, c, nb, nb <= SMALL_BIN_MAX);
		}
	}
	return NULL;
}

static struct chunk *from_top(struct arena *a, size_t nb)
{
	struct chunk *c = a->top;
	size_t size;

	if (!c || chunk_size(c) < nb + MIN_CHUNK)
		return NULL;
	size = chunk_size(c);
	if (unlikely(size > a->system_bytes))
		os_die("the size of the top chunk is corrupted", chunk_mem(c));
	a->top = chunk_at(c, nb);
	a->top->head = (size - nb) | (c->head & IN_HEAP) | PREV_INUSE;
	if (a->top_low > size - nb)
		a->top_low = size - nb;
	c->head = nb | (c->head & FLAGS);
	a->zero_from = a->clean;
	if (a->clean < (char *)chunk_mem(a->top))
		a->clean = chunk_mem(a->top);
	return c;
}

static struct chunk *count(struct arena *a, enum step s, struct chunk *c)
{
	a->nr_steps[s]++;
	return c;
}

/* Everything below the unsorted chunks; large chunks and rarer cases. */
static struct chunk *search(struct arena *a, size_t nb)
{
	struct chunk *c;

	for (;;) {
		c = from_unsorted(a, nb);
		if (c)
			return c;
		if (nb > SMALL_BIN_MAX) {
			c = from_large_bin(a, nb);
			if (c)
				return count(a, STEP_LARGE, c);
		}
		c = from_binmap(a, nb);
		if (c)
			return count(a, STEP_BINMAP, c);
		c = from_top(a, nb);
		if (c)
			return count(a, STEP_TOP, c);
		if (!a->have_fast)
			break;
		arena_consolidate(a);
	}
	if (!sys_grow(a, nb))
		return NULL;
	return count(a, STEP_SYSTEM, from_top(a, nb));
}

static struct chunk *arena_find(struct arena *a, size_t nb)
{
	struct chunk *c;

	a->zero_from = (char *)UINTPTR_MAX;
	if (nb <= opt.mxfast) {
		struct chunk **bin = &a->fast[(nb >> 4) - 2];

		c = *bin;
		if (c) {
			if (unlikely(chunk_size(c) != nb))
				os_die("a fast bin is corrupted", chunk_mem(c));
			*bin = c->fd;
			c->bk = NULL;
			return count(a, STEP_FAST, c);
		}
	}
	if (nb <= SMALL_BIN_MAX) {
		c = from_small_bin(a, nb);
		if (c)
			return count(a, STEP_SMALL, c);
	} else if (a->have_fast) {
		arena_consolidate(a);
	}
	return search(a, nb);
}

static struct chunk *arena_alloc(struct arena *a, size_t nb)
{
	struct chunk *c = arena_find(a, nb);

	if (likely(c))
		used_less(a, -chunk_size(c));
	return c;
}

/* ---- arenas ------------------------------------------------------------------------ */
static struct arena *arena_make(void)
{
	struct arena *a = NULL;
	size_t max = opt.arena_max ? opt.arena_max : os_nr_cpus();

	lock_take(&core.lock);
	if (core.nr_arenas < min_size(max, 64) && core.nr_arenas > 0) {
		a = os_map(align_up(sizeof(*a), OS_PAGE));
		if (a) {
			arena_init(a, core.nr_arenas);
			lock_take(&a->lock);
			core.arenas[core.nr_arenas] = a;
			__atomic_store_n(&core.nr_arenas, core.nr_arenas + 1,
					 __ATOMIC_RELEASE);
		}
	}
	lock_drop(&core.lock);
	return a;
}

static noinline void core_init(void)
{
	lock_take(&core.lock);
	if (!core.nr_arenas) {
		arena_init(&core.main, 0);
		core.arenas[0] = &core.main;
		__atomic_store_n(&core.nr_arenas, 1, __ATOMIC_RELEASE);
	}
	lock_drop(&core.lock);
}

/*
 * The main arena if it is free: arenas multiply only where processors really
 * meet, and never beyond their number.
 */
static struct arena *arena_get(void)
{
	unsigned int nr = __atomic_load_n(&core.nr_arenas, __ATOMIC_ACQUIRE);
	struct arena *a;
	unsigned int start;

	if (unlikely(!nr)) {
		core_init();
		nr = 1;
	}
	if (lock_try(&core.main.lock))
		return &core.main;
	start = os_cpu();
	for (unsigned int i = 0; i < nr; i++) {
		a = core.arenas[(start + i) % nr];
		if (lock_try(&a->lock))
			return a;
	}
	a = arena_make();
	if (a)
		return a;
	a = core.arenas[start % nr];
	lock_take(&a->lock);
	return a;
}

size_t core_used(void)
{
	unsigned int nr = __atomic_load_n(&core.nr_arenas, __ATOMIC_ACQUIRE);
	size_t bytes = 0;

	for (unsigned int i = 0; i < nr; i++)
		bytes += __atomic_load_n(&core.arenas[i]->used_bytes,
					 __ATOMIC_RELAXED);
	return bytes;
}

struct arena *chunk_arena(struct chunk *c)
{
	size_t head = chunk_head(c);

	if (unlikely(!core_owns(c, head)))
		os_die("free(): not a block of this allocator", chunk_mem(c));
	if (!(head & IN_HEAP))
		return &core.main;
	return ((struct heap_head *)align_down((uintptr_t)c, HEAP_SIZE))->arena;
}

/* ---- what the front calls ------------------------------------------------------------ */
static void *alloc(size_t size, bool zero)
{
	size_t nb = request_size(size), dirty;
	struct arena *a;
	struct chunk *c;
	char *p;

	if (nb >= __atomic_load_n(&opt.mmap_threshold, __ATOMIC_RELAXED) &&
	    __atomic_load_n(&core.nr_mapped, __ATOMIC_RELAXED) < opt.mmap_max) {
		c = sys_map_chunk(nb);
		if (c)
			return chunk_mem(c);
	}
	a = arena_get();
	c = arena_alloc(a, nb);
	if (!c && a != &core.main) {
		arena_unlock(a);
		a = &core.main;
		arena_lock(a);
		c = arena_alloc(a, nb);
	}
	dirty = 0;
	if (c && zero && a->zero_from > (char *)chunk_mem(c))
		dirty = (size_t)(a->zero_from - (char *)chunk_mem(c));
	arena_unlock(a);
	if (!c) {
		c = sys_map_chunk(nb);
		return c ? chunk_mem(c) : NULL;
	}
	p = chunk_mem(c);
	if (zero)
		memset(p, 0, min_size(dirty, size));
	return p;
}

void *core_malloc(size_t size)
{
	return alloc(size, false);
}

void *core_calloc(size_t size)
{
	return alloc(size, true);
}

static struct chunk *checked_chunk(void *p)
{
	struct chunk *c = mem_chunk(p);

	if (unlikely((uintptr_t)p & (CHUNK_ALIGN - 1)))
		os_die("free(): misaligned pointer", p);
	if (unlikely(chunk_size(c) < MIN_CHUNK || chunk_head(c) & 8))
		os_die("free(): the header of the block is overwritten", p);
	return c;
}

void core_free(void *p)
{
	struct chunk *c = checked_chunk(p);
	struct arena *a;

	if (chunk_head(c) & IS_MAPPED) {
		sys_unmap_chunk(c);
		return;
	}
	a = chunk_arena(c);
	if (opt.perturb)
		memset(p, (int)opt.perturb & 0xff, core_usable(p));
	arena_lock(a);
	arena_free_chunk(a, c);
	arena_unlock(a);
}

size_t core_check(void *p)
{
	struct chunk *c = checked_chunk(p);

	if (chunk_head(c) & IS_MAPPED)
		return 0;
	chunk_arena(c);
	return chunk_size(c);
}

size_t core_usable(void *p)
{
	struct chunk *c = mem_chunk(p);

	return chunk_size(c) -
	       (chunk_head(c) & IS_MAPPED ? HEADER : sizeof(size_t));
}

/* Gives the end of c, which is in use, back if it can be a chunk. */
static void cut_tail(struct arena *a, struct chunk *c, size_t nb)
{
	size_t rest = chunk_size(c) - nb;
	struct chunk *r = chunk_at(c, nb);

	if (rest < MIN_CHUNK)
		return;
	r->head = rest | (c->head & IN_HEAP) | PREV_INUSE;
	c->head = nb | (c->head & FLAGS);
	used_less(a, rest);
	merge(a, r);
}

static bool grow_in_place(struct arena *a, struct chunk *c, size_t nb)
{
	size_t size = chunk_size(c);
	struct chunk *next = chunk_at(c, size);
	size_t both = size + chunk_size(next);

	if (next == a->top) {
		if (both < nb + MIN_CHUNK)
			return false;
		a->top = chunk_at(c, nb);
		a->top->head = (both - nb) | (c->head & IN_HEAP) | PREV_INUSE;
		a->top_low = min_size(a->top_low, both - nb);
		if (a->clean < (char *)chunk_mem(a->top))
			a->clean = chunk_mem(a->top);
		c->head = nb | (c->head & FLAGS);
		used_less(a, size - nb);
		return true;
	}
	if (chunk_inuse(next) || both < nb)
		return false;
	chunk_unlink(a, next);
	set_prev_inuse(chunk_at(c, both));
	c->head = both | (c->head & FLAGS);
	used_less(a, size - both);
	cut_tail(a, c, nb);
	return true;
}

void *core_realloc(void *p, size_t size)
{
	struct chunk *c = checked_chunk(p);
	size_t nb = request_size(size);
	struct arena *a;
	bool done = true;
	void *q;

	if (chunk_head(c) & IS_MAPPED) {
		c = sys_remap_chunk(c, size);
		if (c)
			return chunk_mem(c);
	} else {
		a = chunk_arena(c);
		arena_lock(a);
		if (unlikely(!chunk_inuse(c)))
			os_die("realloc(): freed before", p);
		if (chunk_size(c) >= nb)
			cut_tail(a, c, nb);
		else
			done = grow_in_place(a, c, nb);
		arena_unlock(a);
		if (done)
			return p;
	}
	q = core_malloc(size);
	if (!q)
		return NULL;
	memcpy(q, p, min_size(core_usable(p), size));
	core_free(p);
	return q;
}

/* Frees what lies before the first aligned address and behind the block. */
void *core_memalign(size_t align, size_t size)
{
	size_t nb = request_size(size), lead;
	char *p = core_malloc(nb + align + MIN_CHUNK), *at;
	struct chunk *c, *d;
	struct arena *a;

	if (!p)
		return NULL;
	c = mem_chunk(p);
	at = (char *)align_up((uintptr_t)p, align);
	if (at != p && (size_t)(at - p) < MIN_CHUNK)
		at += align;
	lead = (size_t)(at - p);
	d = mem_chunk(at);
	if (chunk_head(c) & IS_MAPPED) {
		if (lead) {
			d->prev_size = c->prev_size + lead;
			d->head = (chunk_size(c) - lead) | IS_MAPPED;
		}
		return at;
	}
	a = chunk_arena(c);
	arena_lock(a);
	if (lead) {
		d->head = (chunk_size(c) - lead) | (c->head & IN_HEAP) |
			  PREV_INUSE;
		c->head = lead | (c->head & FLAGS);
		used_less(a, lead);
		merge(a, c);
	}
	cut_tail(a, d, nb);
	arena_unlock(a);
	return at;
}

void core_fork_prepare(void)
{
	lock_take(&core.lock);
	for (unsigned int i = 0; i < core.nr_arenas; i++)
		lock_take(&core.arenas[i]->lock);
}

void core_fork_done(bool child)
{
	for (unsigned int i = core.nr_arenas; i-- > 0;) {
		if (child)
			core.arenas[i]->lock.word = 0;
		else
			lock_drop(&core.arenas[i]->lock);
	}
	if (child)
		core.lock.word = 0;
	else
		lock_drop(&core.lock);
}
