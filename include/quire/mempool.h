/* SPDX-License-Identifier: MIT */
/*
 * mempool.h - elements that can always be had, some day.
 *
 * A pool keeps min_nr elements in reserve.  It asks its allocator first; when
 * that has nothing, it gives from the reserve, and when that is empty, who may
 * sleep waits until an element is freed.  So at least min_nr elements can be
 * in use at once, however little memory there is, and a user who frees what he
 * took before he takes more always goes on.
 *
 * Source: Linux's Documentation/core-api/mm-api.rst (memory pools), names of
 * include/linux/mempool.h.
 */
#ifndef QUIRE_MEMPOOL_H
#define QUIRE_MEMPOOL_H

#include <quire/gfp.h>
#include <quire/spinlock.h>
#include <quire/types.h>

/* pool_data is the pool's; NULL: no memory. */
typedef void *(mempool_alloc_t)(gfp_t gfp, void *pool_data);
typedef void(mempool_free_t)(void *element, void *pool_data);

typedef struct mempool {
	spinlock_t lock;
	int min_nr;	 /* elements to keep */
	int curr_nr;	 /* elements[0 .. curr_nr) are kept */
	void **elements; /* min_nr places */
	void *pool_data;
	mempool_alloc_t *alloc;
	mempool_free_t *free;
	u32 nr_freed; /* changes when something may be had; waited for */
	u32 nr_waiting;
	int nr_unfilled; /* places for which a resize found no memory */
} mempool_t;

/*
 * mempool_create - a pool with min_nr elements in reserve, from alloc.
 * Task context; may sleep, unless gfp, with which everything is allocated,
 *   says otherwise.  The node is for the pool's own memory.
 * Errors: NULL, and -ENOMEM of mempool_init(): nothing is left then; min_nr
 *   below 1 is reported and fails, -EINVAL.
 */
mempool_t *mempool_create(int min_nr, mempool_alloc_t *alloc,
			  mempool_free_t *free, void *pool_data);
mempool_t *mempool_create_node(int min_nr, mempool_alloc_t *alloc,
			       mempool_free_t *free, void *pool_data, gfp_t gfp,
			       int nid);
/*
 * mempool_destroy - the reserve goes back to the allocator.  Task context.
 * NULL does nothing.  Elements still in use are reported, where they leave the
 * reserve short; they can no longer be freed here.
 */
void mempool_destroy(mempool_t *pool);
/* mempool_create() for a pool in the caller's memory; 0, -ENOMEM, -EINVAL. */
int __must_check mempool_init(mempool_t *pool, int min_nr,
			      mempool_alloc_t *alloc, mempool_free_t *free,
			      void *pool_data);
/*
 * mempool_exit - the end of mempool_init().  Task context.  A pool of zeroes,
 * or one that was left already, is left alone.
 */
void mempool_exit(mempool_t *pool);
static inline bool mempool_initialized(const mempool_t *pool)
{
	return pool->elements != NULL;
}

/*
 * mempool_resize - keep new_min_nr from now on.  0; -ENOMEM, -EINVAL: as
 * before.  Growth is filled as far as memory allows, the rest by frees.
 * Task context; not at the same time as itself, exit or destroy.
 */
int __must_check mempool_resize(mempool_t *pool, int new_min_nr);

/*
 * mempool_alloc - an element.
 * Context: as gfp says.  __GFP_ZERO is refused (reported, and dropped):
 *   an element of the reserve is as its last user left it.
 * Result: never NULL with __GFP_DIRECT_RECLAIM; without: NULL when the
 *   reserve is empty.
 */
void *mempool_alloc(mempool_t *pool, gfp_t gfp);
/* To the reserve while it is not full.  Any context.  NULL does nothing. */
void mempool_free(void *element, mempool_t *pool);

/* ---- allocators: pool_data is ... ---- */

/* ... a struct kmem_cache without constructor, */
void *mempool_alloc_slab(gfp_t gfp, void *pool_data);
void mempool_free_slab(void *element, void *pool_data);
/* ... a size in bytes, */
void *mempool_kmalloc(gfp_t gfp, void *pool_data);
void mempool_kfree(void *element, void *pool_data);
/* ... an order; elements are struct page. */
void *mempool_alloc_pages(gfp_t gfp, void *pool_data);
void mempool_free_pages(void *element, void *pool_data);

struct kmem_cache;

static inline mempool_t *mempool_create_slab_pool(int min_nr,
						  struct kmem_cache *cache)
{
	return mempool_create(min_nr, mempool_alloc_slab, mempool_free_slab,
			      cache);
}

static inline mempool_t *mempool_create_kmalloc_pool(int min_nr, size_t size)
{
	return mempool_create(min_nr, mempool_kmalloc, mempool_kfree,
			      (void *)size);
}

static inline mempool_t *mempool_create_page_pool(int min_nr,
						  unsigned int order)
{
	return mempool_create(min_nr, mempool_alloc_pages, mempool_free_pages,
			      (void *)(unsigned long)order);
}

/* Panics with what is wrong. */
void mempool_validate(mempool_t *pool);

#endif
