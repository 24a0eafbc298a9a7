/* SPDX-License-Identifier: MIT */
/*
 * mempool.c - reserves that make an allocation certain.
 *
 * 1. Idea.  The allocator is asked first, lightly: without sleeping, reports
 *    or reserves of the machine.  Then the pool's own reserve, then the
 *    allocator once more, with what the caller allows, then sleep until an
 *    element is freed.
 * 2. Invariants, checked by mempool_validate() and named in the tests.
 *    M1  0 <= curr_nr <= min_nr, and each kept element is there, once
 *    M2  while an element taken below min_nr is out, a free refills the
 *        reserve before the allocator gets anything
 *    M3  nr_freed changes under the lock after every refill: who found the
 *        reserve empty under the lock and waits for it to change misses none
 * 3. Sleeping is port->wait() on nr_freed, waking port->wake(), by who sees
 *    nr_waiting after the refill.  One element wakes one; who was woken and
 *    finds nothing sleeps again, and who then got memory elsewhere wakes the
 *    next in his place: the element that he was woken for is still there.
 * 4. Locking.  pool->lock, interrupts off, guards the reserve; nothing is
 *    allocated or freed under it.
 * 5. Failure.  Making and growing can fail, and then nothing has changed.
 */
#include <quire/mempool.h>

#include <quire/errno.h>
#include <quire/failure.h>
#include <quire/mm_types.h>
#include <quire/port.h>
#include <quire/printk.h>
#include <quire/slab.h>
#include <quire/string.h>

/* Take one of the reserve; NULL: empty, and *seen is what to wait for. */
static void *take_reserve(mempool_t *pool, u32 *seen)
{
	void *element = NULL;
	unsigned long flags;

	spin_lock_irqsave(&pool->lock, flags);
	if (pool->curr_nr) {
		/* mempool_free() looks without the lock. */
		WRITE_ONCE(pool->curr_nr, pool->curr_nr - 1);
		element = pool->elements[pool->curr_nr];
	}
	*seen = pool->nr_freed;
	spin_unlock_irqrestore(&pool->lock, flags);
	return element;
}

/* Keep the element if there is room (M2). */
static bool refill(mempool_t *pool, void *element)
{
	unsigned long flags;
	bool kept;

	spin_lock_irqsave(&pool->lock, flags);
	kept = pool->curr_nr < pool->min_nr;
	if (kept) {
		pool->elements[pool->curr_nr] = element;
		WRITE_ONCE(pool->curr_nr, pool->curr_nr + 1);
		__atomic_fetch_add(&pool->nr_freed, 1, __ATOMIC_SEQ_CST);
	}
	spin_unlock_irqrestore(&pool->lock, flags);
	if (kept && __atomic_load_n(&pool->nr_waiting, __ATOMIC_SEQ_CST))
		port->wake(&pool->nr_freed, 1);
	return kept;
}

/* Fill the reserve; 0 or -ENOMEM, with what there was kept. */
static int fill(mempool_t *pool, gfp_t gfp)
{
	while (READ_ONCE(pool->curr_nr) < pool->min_nr) {
		void *element = pool->alloc(gfp, pool->pool_data);

		if (!element)
			return -ENOMEM;
		if (!refill(pool, element))
			pool->free(element, pool->pool_data);
	}
	return 0;
}

static int init_pool(mempool_t *pool, int min_nr, mempool_alloc_t *alloc,
		     mempool_free_t *free, void *pool_data, gfp_t gfp, int nid)
{
	size_t bytes = (size_t)min_nr * sizeof(void *);

	memset(pool, 0, sizeof(*pool));
	if (WARN_ON_ONCE(min_nr < 1))
		return -EINVAL;
	spin_lock_init(&pool->lock, LOCK_RANK_MEMPOOL);
	pool->elements = kmalloc_node(bytes, gfp, nid);
	if (!pool->elements)
		return -ENOMEM;
	pool->min_nr = min_nr;
	pool->pool_data = pool_data;
	pool->alloc = alloc;
	pool->free = free;
	if (fill(pool, gfp)) {
		mempool_exit(pool);
		return -ENOMEM;
	}
	return 0;
}

int mempool_init(mempool_t *pool, int min_nr, mempool_alloc_t *alloc,
		 mempool_free_t *free, void *pool_data)
{
	return init_pool(pool, min_nr, alloc, free, pool_data, GFP_KERNEL,
			 NUMA_NO_NODE);
}

void mempool_exit(mempool_t *pool)
{
	while (pool->curr_nr)
		pool->free(pool->elements[--pool->curr_nr], pool->pool_data);
	kfree(pool->elements);
	pool->elements = NULL;
}

mempool_t *mempool_create_node(int min_nr, mempool_alloc_t *alloc,
			       mempool_free_t *free, void *pool_data, gfp_t gfp,
			       int nid)
{
	mempool_t *pool = kmalloc_node(sizeof(*pool), gfp, nid);

	if (!pool)
		return NULL;
	if (!init_pool(pool, min_nr, alloc, free, pool_data, gfp, nid))
		return pool;
	kfree(pool);
	return NULL;
}

mempool_t *mempool_create(int min_nr, mempool_alloc_t *alloc,
			  mempool_free_t *free, void *pool_data)
{
	return mempool_create_node(min_nr, alloc, free, pool_data, GFP_KERNEL,
				   NUMA_NO_NODE);
}

void mempool_destroy(mempool_t *pool)
{
	if (!pool)
		return;
	if (pool->curr_nr + pool->nr_unfilled < pool->min_nr)
		printk("BUG mempool_destroy: %d elements of %p are in use\n",
		       pool->min_nr - pool->curr_nr, (void *)pool);
	mempool_exit(pool);
	kfree(pool);
}

int mempool_resize(mempool_t *pool, int new_min_nr)
{
	void **elements, **old;
	unsigned long flags;
	void *surplus;
	u32 seen;

	if (WARN_ON_ONCE(new_min_nr < 1))
		return -EINVAL;
	elements = kmalloc_array((size_t)new_min_nr, sizeof(*elements),
				 GFP_KERNEL);
	if (!elements)
		return -ENOMEM;
	/* Frees find no more room than there will be ... */
	spin_lock_irqsave(&pool->lock, flags);
	WRITE_ONCE(pool->min_nr, min(pool->min_nr, new_min_nr));
	spin_unlock_irqrestore(&pool->lock, flags);
	/* ... so that the surplus only shrinks. */
	while (READ_ONCE(pool->curr_nr) > new_min_nr) {
		surplus = take_reserve(pool, &seen);
		if (surplus)
			pool->free(surplus, pool->pool_data);
	}
	spin_lock_irqsave(&pool->lock, flags);
	memcpy(elements, pool->elements,
	       (size_t)pool->curr_nr * sizeof(*elements));
	old = pool->elements;
	pool->elements = elements;
	WRITE_ONCE(pool->min_nr, new_min_nr);
	spin_unlock_irqrestore(&pool->lock, flags);
	kfree(old);
	/* As far as there is memory; destroying does not miss the rest. */
	pool->nr_unfilled =
		fill(pool, GFP_KERNEL) ? new_min_nr - pool->curr_nr : 0;
	return 0;
}

/* Sleep until something was freed since *seen was read. */
static void wait_for_free(mempool_t *pool, u32 seen)
{
	__atomic_fetch_add(&pool->nr_waiting, 1, __ATOMIC_SEQ_CST);
	port->wait(&pool->nr_freed, seen);
	__atomic_fetch_sub(&pool->nr_waiting, 1, __ATOMIC_SEQ_CST);
}

/* Woken for an element that was not needed after all. */
static void wake_next(mempool_t *pool)
{
	if (READ_ONCE(pool->curr_nr) &&
	    __atomic_load_n(&pool->nr_waiting, __ATOMIC_SEQ_CST))
		port->wake(&pool->nr_freed, 1);
}

void *mempool_alloc(mempool_t *pool, gfp_t gfp)
{
	bool can_wait = gfpflags_allow_blocking(gfp), waited = false;
	gfp_t light;
	void *element;
	u32 seen;

	if (WARN_ON_ONCE(gfp & __GFP_ZERO))
		gfp &= ~__GFP_ZERO;
	if (can_wait)
		might_sleep();
	gfp &= ~__GFP_NOFAIL; /* the pool sees to that */
	gfp |= __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN;
	light = gfp & ~(__GFP_DIRECT_RECLAIM | __GFP_IO);
	for (;;) {
		element = pool->alloc(light, pool->pool_data);
		if (likely(element)) {
			if (unlikely(waited))
				wake_next(pool);
			return element;
		}
		element = take_reserve(pool, &seen);
		if (element || !can_wait)
			return element;
		if (light == gfp) {
			wait_for_free(pool, seen);
			waited = true;
		}
		light = gfp; /* next: all that the caller allows */
	}
}

void mempool_free(void *element, mempool_t *pool)
{
	if (!element)
		return;
	/* Full is the usual case, and a stale look only costs one round. */
	if (READ_ONCE(pool->curr_nr) < READ_ONCE(pool->min_nr) &&
	    refill(pool, element))
		return;
	pool->free(element, pool->pool_data);
}

/* ---- allocators ---- */

void *mempool_alloc_slab(gfp_t gfp, void *pool_data)
{
	return kmem_cache_alloc(pool_data, gfp);
}

void mempool_free_slab(void *element, void *pool_data)
{
	kmem_cache_free(pool_data, element);
}

void *mempool_kmalloc(gfp_t gfp, void *pool_data)
{
	return kmalloc((size_t)pool_data, gfp);
}

void mempool_kfree(void *element, void *pool_data)
{
	(void)pool_data;
	kfree(element);
}

void *mempool_alloc_pages(gfp_t gfp, void *pool_data)
{
	return alloc_pages(gfp, (unsigned int)(unsigned long)pool_data);
}

void mempool_free_pages(void *element, void *pool_data)
{
	__free_pages(element, (unsigned int)(unsigned long)pool_data);
}

/* ---- checking ---- */

void mempool_validate(mempool_t *pool)
{
	unsigned long flags;

	spin_lock_irqsave(&pool->lock, flags);
	BUG_ON(pool->curr_nr < 0 || pool->curr_nr > pool->min_nr); /* M1 */
	for (int i = 0; i < pool->curr_nr; i++) {
		BUG_ON(!pool->elements[i]); /* M1 */
		for (int k = 0; k < i; k++)
			BUG_ON(pool->elements[k] == pool->elements[i]);
	}
	spin_unlock_irqrestore(&pool->lock, flags);
}
