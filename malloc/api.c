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

static void *no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

static noinline void *malloc_slow(size_t size)
{
	struct heap *h;
	void *p = NULL;

	if (size <= SMALL_MAX) {
		h = thread_heap();
		if (h)
			p = small_alloc_slow(h, size);
		if (p)
			return p;
	} else if (size <= CACHE_MOST - sizeof(size_t)) {
		h = thread_heap();
		if (h && likely(opt.cache)) {
			p = cache_alloc(h, size);
			return likely(p) ? p : no_memory();
		}
	} else if (unlikely(size > PTRDIFF_MAX)) {
		return no_memory();
	}
	p = core_malloc(size);
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
	pg->left++;
	return b;
}

EXPORT void *API(malloc)(size_t size)
{
	void *p;

	if (likely(size <= SMALL_MAX)) {
		p = small_alloc_fast(size);
		if (likely(p))
			return p;
	}
	return malloc_slow(size);
}

static noinline void free_slow(void *p)
{
	struct heap *h = heap_mine;
	size_t nb;

	if (region_has(p)) {
		small_free_remote(region_page(p), p);
		return;
	}
	if (!p)
		return;
	if (likely(opt.cache) && h->cache_heat) {
		nb = core_check(p);
		if (nb >= CACHE_LEAST && nb <= CACHE_MOST &&
		    cache_free(h, p, nb))
			return;
	}
	core_free(p);
}

EXPORT void API(free)(void *p)
{
	struct heap *h = heap_mine;
	struct block *b = p;
	size_t off = region_offset(p);
	struct page *pg = region_page_at(off);

	if (unlikely(off >= __atomic_load_n(&region.size, __ATOMIC_RELAXED)) ||
	    unlikely(__atomic_load_n(&pg->owner, __ATOMIC_RELAXED) != h)) {
		free_slow(p);
		return;
	}
	if (unlikely(pg->free == b))
		os_die("free(): freed twice", p);
	b->next = pg->free;
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
	p = core_calloc(bytes);
	return p ? p : no_memory();
}

static size_t usable(void *p)
{
	struct page *pg;

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
	if (!region_has(p)) {
		q = core_realloc(p, size);
		return q ? q : no_memory();
	}
	old = usable(p);
	/* A smaller block must save at least half to be worth the copy. */
	if (size <= old && size > old / 2)
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
	rounded = align_up(max_size(size, 1), align);
	if (rounded <= SMALL_MAX) {
		p = API(malloc)(rounded);
		if (!p || !((uintptr_t)p & (align - 1)))
			return p;
		API(free)(p);
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
	thread_init();
}
