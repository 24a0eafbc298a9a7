// SPDX-License-Identifier: MIT
/*
 * api.c - the names that programs call: C23, POSIX and glibc's.
 *
 * 1. malloc() and free() stand here whole, as far as their fast paths go:
 *    about a dozen instructions each.  Everything else is one call away.
 * 2. Results and errors: C23 7.24.3, POSIX, malloc(3), posix_memalign(3).
 *    free() keeps errno.  More than PTRDIFF_MAX bytes give ENOMEM.
 *    realloc(p, 0) frees p and returns NULL, as glibc does.
 */
#include "core.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#if CONFIG_MALLOC_PREFIX
#define API(name) qm_##name
#else
#define API(name) name
#endif
#define EXPORT __attribute__((visibility("default")))

void *API(malloc)(size_t size);
void *API(calloc)(size_t nr, size_t size);
void *API(realloc)(void *p, size_t size);
void *API(reallocarray)(void *p, size_t nr, size_t size);
void API(free)(void *p);
void API(cfree)(void *p);
void API(free_sized)(void *p, size_t size);
void API(free_aligned_sized)(void *p, size_t align, size_t size);
void *API(memalign)(size_t align, size_t size);
void *API(aligned_alloc)(size_t align, size_t size);
int API(posix_memalign)(void **out, size_t align, size_t size);
void *API(valloc)(size_t size);
void *API(pvalloc)(size_t size);
size_t API(malloc_usable_size)(void *p);
int API(mallopt)(int param, int value);
int API(malloc_trim)(size_t pad);

/* The largest request that a cached chunk can serve. */
#define CACHEABLE (CACHE_MOST - sizeof(size_t))

static void *no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

static void *hardened(size_t align, size_t size)
{
	void *p = size <= PTRDIFF_MAX ? hard_malloc(align, size) : NULL;

	return p ? p : no_memory();
}

static bool is_sample(size_t size)
{
	struct heap *h = opt.profile ? thread_heap() : NULL;

	return h && size <= PTRDIFF_MAX && profile_count(h, size);
}

static void *sampled(void *p, size_t size)
{
	if (!p)
		return no_memory();
	profile_sample(p, size);
	return p;
}

static noinline void *malloc_slow(size_t size)
{
	size_t ask = size;
	struct heap *h;
	void *p = NULL;

	if (unlikely(opt.watched)) {
		if (opt.hardened)
			return hardened(CHUNK_ALIGN, size);
		if (is_sample(size))
			return sampled(core_malloc(size), size);
		/* Not through the fast path of malloc(). */
		p = size > SMALL_MAX && size <= CACHEABLE
			    ? cache_alloc(heap_mine, size)
			    : NULL;
		if (p)
			return p;
	}
	if (size <= SMALL_MAX) {
		h = thread_heap();
		if (h)
			p = small_alloc_slow(h, size);
		if (p)
			return p;
	} else if (size <= CACHEABLE) {
		h = thread_heap();
		if (h)
			ask = cache_round(h, size);
	} else if (unlikely(size > PTRDIFF_MAX)) {
		return no_memory();
	}
	p = core_malloc(ask);
	if (unlikely(!p))
		return no_memory();
	if (unlikely(opt.perturb))
		memset(p, ~(int)opt.perturb & 0xff, core_usable(p));
	return p;
}

static inline void *small_alloc_fast(size_t size)
{
	struct page *pg = heap_mine->page[(size + 15) >> SMALL_SHIFT];
	struct block *b = pg->free;

	if (unlikely(!b))
		return NULL;
	pg->free = b->next;
	b->key = NULL;
	pg->left++;
	return b;
}

static noinline void *malloc_medium(size_t size)
{
	void *p = likely(!opt.watched) ? cache_alloc(heap_mine, size) : NULL;

	return likely(p) ? p : malloc_slow(size);
}

EXPORT void *API(malloc)(size_t size)
{
	void *p;

	if (likely(size <= SMALL_MAX)) {
		p = small_alloc_fast(size);
		if (likely(p))
			return p;
	} else if (size <= CACHEABLE) {
		return malloc_medium(size);
	}
	return malloc_slow(size);
}

static noinline void free_chunk_slow(void *p)
{
	struct heap *h = heap_mine;
	struct cached *c = p;

	if (!p || (unlikely(opt.hardened) && hard_free(p)))
		return;
	if (unlikely(opt.profile))
		profile_free(p);
	if (cache_takes(p)) {
		if (unlikely(c->key == h)) {
			cache_twice(h, c);
			c->key = NULL;
		}
		if (cache_make_room(h, chunk_size(mem_chunk(p))) &&
		    cache_free(h, p))
			return;
	}
	core_free(p);
}

/* What is no small block: a chunk, or nothing of ours. */
static noinline void free_chunk(void *p)
{
	if (likely(p) && likely(!opt.watched) && cache_takes(p) &&
	    cache_free(heap_mine, p))
		return;
	free_chunk_slow(p);
}

/* A small block that carries the key of its page. */
static noinline void free_marked(struct page *pg, struct block *b)
{
	small_twice(pg, b);
	b->key = NULL;
	API(free)(b);
}

EXPORT void API(free)(void *p)
{
	struct heap *h = heap_mine;
	struct block *b = p;
	size_t off = region_offset(p);
	struct page *pg = region_page_at(off);

	if (unlikely(off >= __atomic_load_n(&region.size, __ATOMIC_RELAXED))) {
		free_chunk(p);
		return;
	}
	if (unlikely(b->key == pg)) {
		free_marked(pg, b);
		return;
	}
	if (unlikely(__atomic_load_n(&pg->owner, __ATOMIC_RELAXED) != h)) {
		small_free_remote(pg, b);
		return;
	}
	b->next = pg->free;
	b->key = pg;
	pg->free = b;
	if (unlikely(--pg->left == 0))
		small_free_slow(h, pg);
}

EXPORT void API(cfree)(void *p)
{
	API(free)(p);
}

/* C23 lets these trust the sizes; they are not needed to find the block. */
EXPORT void API(free_sized)(void *p, size_t size)
{
	(void)size;
	API(free)(p);
}

EXPORT void API(free_aligned_sized)(void *p, size_t align, size_t size)
{
	(void)align;
	(void)size;
	API(free)(p);
}

EXPORT void *API(calloc)(size_t nr, size_t size)
{
	size_t bytes;
	struct heap *h;
	void *p = NULL;

	if (__builtin_mul_overflow(nr, size, &bytes) || bytes > PTRDIFF_MAX)
		return no_memory();
	if (unlikely(opt.hardened))
		return hardened(CHUNK_ALIGN, bytes);
	if (unlikely(opt.profile) && is_sample(bytes))
		return sampled(core_calloc(bytes), bytes);
	if (bytes <= SMALL_MAX) {
		p = small_alloc_fast(bytes);
		if (unlikely(!p)) {
			h = thread_heap();
			if (h)
				p = small_alloc_slow(h, bytes);
		}
		if (p)
			return memset(p, 0, bytes);
	}
	if (bytes > SMALL_MAX && bytes <= CACHEABLE) {
		p = cache_alloc(heap_mine, bytes);
		if (p)
			return memset(p, 0, bytes);
		h = thread_heap();
		if (h)
			bytes = cache_round(h, bytes);
	}
	p = core_calloc(bytes);
	return p ? p : no_memory();
}

static size_t usable(void *p)
{
	struct page *pg;
	size_t size;

	if (unlikely(opt.hardened)) {
		size = hard_usable(p);
		if (size != SIZE_MAX)
			return size;
	}
	if (!region_has(p))
		return core_usable(p);
	pg = region_page(p);
	small_check_free(pg, p);
	return class_size(pg->class_);
}

EXPORT size_t API(malloc_usable_size)(void *p)
{
	return p ? usable(p) : 0;
}

/*
 * A block that can be cached moves into a cached chunk if there is one: a copy
 * of so little costs less than the core's lock and its bins.
 */
static void *realloc_chunk(void *p, size_t size)
{
	size_t nb = core_check(p), old = core_usable(p);
	void *q;

	if (unlikely(opt.profile)) {
		profile_free(p);
		q = core_realloc(p, size);
		if (q && is_sample(size))
			profile_sample(q, size);
		return q ? q : no_memory();
	}
	if (size > SMALL_MAX && size <= CACHEABLE && nb) {
		if (size <= old && size > old - old / 8)
			return p;
		if (size > old) {
			q = cache_alloc(heap_mine, size);
			if (q) {
				memcpy(q, p, old);
				free_chunk(p);
				return q;
			}
		}
		if (thread_heap())
			size = cache_round(heap_mine, size);
	}
	q = core_realloc(p, size);
	return q ? q : no_memory();
}

EXPORT void *API(realloc)(void *p, size_t size)
{
	size_t old;
	void *q;

	if (!p)
		return API(malloc)(size);
	if (!size) {
		API(free)(p);
		return NULL;
	}
	if (unlikely(size > PTRDIFF_MAX))
		return no_memory();
	if (!region_has(p) && likely(!opt.hardened))
		return realloc_chunk(p, size);
	old = usable(p);
	/* A smaller block must save at least half to be worth the copy. */
	if (size <= old && size > old / 2 && likely(!opt.hardened))
		return p;
	q = API(malloc)(size);
	if (unlikely(!q))
		return NULL;
	memcpy(q, p, min_size(old, size));
	API(free)(p);
	return q;
}

EXPORT void *API(reallocarray)(void *p, size_t nr, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(nr, size, &bytes))
		return no_memory();
	return API(realloc)(p, bytes);
}

/*
 * Small blocks lie at multiples of their size from the start of a page, so
 * that a size that is a multiple of a power of two is aligned to it.
 */
static void *aligned(size_t align, size_t size)
{
	size_t rounded;
	void *p;

	if (size > PTRDIFF_MAX - align || align > PTRDIFF_MAX)
		return no_memory();
	if (align <= CHUNK_ALIGN)
		return API(malloc)(size);
	if (unlikely(opt.hardened))
		return hardened(align, size);
	if (unlikely(opt.profile) && is_sample(size))
		return sampled(core_memalign(align, size), size);
	rounded = align_up(max_size(size, 1), align);
	if (rounded <= SMALL_MAX) {
		p = API(malloc)(rounded);
		if (!p || !((uintptr_t)p & (align - 1)))
			return p;
		API(free)(p);
	}
	if (size > SMALL_MAX && size <= CACHEABLE) {
		p = cache_alloc_aligned(heap_mine, align, size);
		if (p)
			return p;
		if (thread_heap())
			size = cache_round(heap_mine, size);
	}
	p = core_memalign(align, size);
	return p ? p : no_memory();
}

static size_t power_of_two(size_t n)
{
	size_t p = CHUNK_ALIGN;

	while (p < n && p <= SIZE_MAX / 4)
		p *= 2;
	return p;
}

/* As glibc: an alignment that is no power of two is raised to the next. */
EXPORT void *API(memalign)(size_t align, size_t size)
{
	if (align > SIZE_MAX / 2 + 1) {
		errno = EINVAL;
		return NULL;
	}
	return aligned(power_of_two(align), size);
}

/* C17: an alignment that is not supported fails; C11 asked for more. */
EXPORT void *API(aligned_alloc)(size_t align, size_t size)
{
	if (!align || align & (align - 1)) {
		errno = EINVAL;
		return NULL;
	}
	return aligned(align, size);
}

EXPORT int API(posix_memalign)(void **out, size_t align, size_t size)
{
	int saved = errno;
	void *p;

	if (!align || align & (align - 1) || align % sizeof(void *))
		return EINVAL;
	p = aligned(align, size);
	errno = saved;
	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}

EXPORT void *API(valloc)(size_t size)
{
	return aligned(OS_PAGE, size);
}

EXPORT void *API(pvalloc)(size_t size)
{
	if (size > PTRDIFF_MAX - OS_PAGE)
		return no_memory();
	return aligned(OS_PAGE, align_up(max_size(size, 1), OS_PAGE));
}

EXPORT int API(mallopt)(int param, int value)
{
	int done = option_mallopt(param, value);

	/* Other threads leave their small pages as those run out. */
	if (done && !opt.small)
		small_stop(heap_mine);
	if (done && !opt.cache)
		cache_flush(heap_mine);
	return done;
}

EXPORT int API(malloc_trim)(size_t pad)
{
	int any = 0, saved = errno;
	struct heap *h = heap_mine;

	if (h != &heap_none) {
		small_flush(h);
		cache_flush(h);
	}
	any |= region_trim();
	any |= core_trim(pad);
	errno = saved;
	return any;
}

__attribute__((constructor(101))) static void malloc_init(void)
{
	option_init();
	if (opt.hardened && !hard_init())
		os_die("hardened: not enough address space", NULL);
	thread_init();
	if (opt.profile)
		profile_init(opt.profile_prefix);
}
