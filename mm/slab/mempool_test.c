/* SPDX-License-Identifier: MIT */
/*
 * mempool_test.c - the reserve is always there, and whoever waits gets it.
 */
#include "mempool.c"

#include <test/test.h>

#ifndef QUIRE_METAL
#include "port/soft/soft.h"
#endif

/* An allocator that has nothing while `dry` is set. */
static u32 dry, nr_out;

static void *dry_alloc(gfp_t gfp, void *pool_data)
{
	void *p;

	if (READ_ONCE(dry))
		return NULL;
	p = kmalloc((size_t)pool_data, gfp);
	if (p)
		__atomic_fetch_add(&nr_out, 1, __ATOMIC_RELAXED);
	return p;
}

static void dry_free(void *element, void *pool_data)
{
	(void)pool_data;
	__atomic_fetch_sub(&nr_out, 1, __ATOMIC_RELAXED);
	kfree(element);
}

TEST(a_pool_gives_its_reserve_when_there_is_no_memory)
{
	mempool_t *pool;
	void *e[3];

	dry = nr_out = 0;
	pool = mempool_create(3, dry_alloc, dry_free, (void *)64);
	CHECK(pool);
	CHECK_EQ(nr_out, 3);
	dry = 1;
	for (int i = 0; i < 3; i++) {
		e[i] = mempool_alloc(pool, GFP_KERNEL);
		CHECK(e[i]);
		mempool_validate(pool);
	}
	CHECK(!mempool_alloc(pool, GFP_ATOMIC));
	mempool_free(NULL, pool);
	mempool_free(e[0], pool);
	e[0] = mempool_alloc(pool, GFP_NOWAIT);
	CHECK(e[0]);
	dry = 0;
	for (int i = 0; i < 3; i++)
		mempool_free(e[i], pool);
	CHECK_EQ(pool->curr_nr, 3);
	/* The reserve is full: others go back to the allocator. */
	e[0] = mempool_alloc(pool, GFP_KERNEL);
	CHECK_EQ(nr_out, 4);
	mempool_free(e[0], pool);
	CHECK_EQ(nr_out, 3);
	mempool_destroy(pool);
	mempool_destroy(NULL);
	CHECK_EQ(nr_out, 0);
}

TEST(a_pool_that_cannot_be_filled_is_not_made)
{
	struct kmem_cache *cache = kmem_cache_create(
		"mempool_test", 200, 0, SLAB_PANIC | SLAB_NO_MERGE, NULL);
	mempool_t in_place;

	EACH_FAILURE(n) {
		mempool_t *pool = mempool_create_slab_pool(4, cache);

		CHECK_EQ(!pool, failure_was_injected());
		mempool_destroy(pool);
		kmem_cache_drain_all();
	}
	EACH_FAILURE(n) {
		int err = mempool_init(&in_place, 2, mempool_alloc_pages,
				       mempool_free_pages, (void *)1UL);

		CHECK_EQ(err, failure_was_injected() ? -ENOMEM : 0);
		CHECK_EQ(mempool_initialized(&in_place), !err);
		mempool_exit(&in_place);
		mempool_exit(&in_place);
		kmem_cache_drain_all();
	}
	kmem_cache_destroy(cache);
}

TEST(a_pool_can_be_resized)
{
	mempool_t *pool = mempool_create_kmalloc_pool(4, 100);
	void *e;

	CHECK(pool);
	CHECK_EQ(mempool_resize(pool, 9), 0);
	CHECK_EQ(pool->curr_nr, 9);
	e = mempool_alloc(pool, GFP_KERNEL);
	CHECK_EQ(mempool_resize(pool, 2), 0);
	CHECK_EQ(pool->curr_nr, 2);
	mempool_free(e, pool);
	mempool_validate(pool);
	mempool_destroy(pool);
}

/* Growth comes in part, or not at all; what was there stays. */
TEST(a_pool_grows_as_far_as_memory_allows)
{
	bool refused = false, in_part = false;

	EACH_FAILURE(n) {
		bool injected;
		mempool_t *pool;
		void *e[5];
		int err;

		failure_pause();
		pool = mempool_create_kmalloc_pool(2, 100);
		CHECK(pool);
		failure_resume();
		err = mempool_resize(pool, 5);
		injected = failure_was_injected();
		failure_pause();
		mempool_validate(pool);
		CHECK_EQ(pool->min_nr, err ? 2 : 5);
		if (err) {
			CHECK(injected);
			CHECK_EQ(err, -ENOMEM);
			CHECK_EQ(pool->curr_nr, 2);
			refused = true;
		} else if (injected) {
			CHECK(pool->curr_nr >= 2 && pool->curr_nr < 5);
			in_part = true;
		} else {
			CHECK_EQ(pool->curr_nr, 5);
		}
		/* Frees fill the rest. */
		for (int i = 0; i < 5; i++)
			e[i] = mempool_alloc(pool, GFP_KERNEL);
		for (int i = 0; i < 5; i++)
			mempool_free(e[i], pool);
		CHECK_EQ(pool->curr_nr, pool->min_nr);
		CHECK_EQ(mempool_resize(pool, 1), 0);
		mempool_destroy(pool);
		kmem_cache_drain_all();
		failure_resume();
	}
	CHECK(refused && in_part);
}

TEST(wrong_uses_of_a_pool_are_reported)
{
	mempool_t *pool;
	void *e;

	test_expect_report("min_nr < 1");
	CHECK(!mempool_create_kmalloc_pool(0, 8));
	test_expect_end();
	dry = nr_out = 0;
	pool = mempool_create(1, dry_alloc, dry_free, (void *)8);
	test_expect_report("new_min_nr < 1");
	CHECK_EQ(mempool_resize(pool, 0), -EINVAL);
	test_expect_end();
	test_expect_report("__GFP_ZERO");
	e = mempool_alloc(pool, GFP_KERNEL | __GFP_ZERO);
	test_expect_end();
	mempool_free(e, pool);
	dry = 1;
	e = mempool_alloc(pool, GFP_KERNEL);
	test_expect_report("BUG mempool_destroy: 1 elements");
	mempool_destroy(pool);
	test_expect_end();
	kfree(e);
}

struct shared_pool {
	mempool_t *pool;
	u32 nr_wrong;
};

/* Each takes one, holds it for a moment, gives it back: nobody starves. */
static void take_and_give(void *arg, unsigned int k)
{
	struct shared_pool *s = arg;

	for (unsigned int i = 0; i < 150; i++) {
		u64 *e = mempool_alloc(s->pool, GFP_KERNEL);

		if (!e || __atomic_exchange_n(e, k + 1, __ATOMIC_RELAXED)) {
			__atomic_fetch_add(&s->nr_wrong, 1, __ATOMIC_RELAXED);
			return;
		}
		port->yield();
		if (__atomic_exchange_n(e, 0, __ATOMIC_RELAXED) != k + 1)
			__atomic_fetch_add(&s->nr_wrong, 1, __ATOMIC_RELAXED);
		mempool_free(e, s->pool);
	}
}

static void share_pool(void)
{
	struct shared_pool s = {0};
	void *e[2];

	dry = nr_out = 0;
	s.pool = mempool_create(2, dry_alloc, dry_free, (void *)8);
	CHECK(s.pool);
	dry = 1;
	for (int i = 0; i < 2; i++) {
		e[i] = mempool_alloc(s.pool, GFP_KERNEL);
		*(u64 *)e[i] = 0;
	}
	for (int i = 0; i < 2; i++)
		mempool_free(e[i], s.pool);
	/* Two elements, no memory, four users. */
	test_run_on_cpus(4, take_and_give, &s);
	CHECK_EQ(s.nr_wrong, 0);
	CHECK_EQ(s.pool->curr_nr, 2);
	mempool_validate(s.pool);
	mempool_destroy(s.pool);
}

TEST(who_waits_for_a_pool_gets_an_element)
{
	share_pool();
}

/* ---- one element, two who wait, and memory that comes back ---- */

struct reunion {
	mempool_t *pool;
	void *last;
	u32 nr_served;
	bool all_served;
};

static void wait_or_wake(void *arg, unsigned int k)
{
	struct reunion *r = arg;

	if (k) {
		void *e = mempool_alloc(r->pool, GFP_KERNEL);

		mempool_free(e, r->pool);
		__atomic_fetch_add(&r->nr_served, 1, __ATOMIC_RELAXED);
		return;
	}
	while (READ_ONCE(r->pool->nr_waiting) != 2)
		port->yield();
	/* Asleep, by then. */
	for (unsigned int i = 0; i < 1000; i++)
		port->yield();
	WRITE_ONCE(dry, 0);
	mempool_free(r->last, r->pool);
	for (unsigned int i = 0; i < 1000000 && READ_ONCE(r->nr_served) != 2;
	     i++)
		port->yield();
	r->all_served = READ_ONCE(r->nr_served) == 2;
	/* Nobody is left asleep by a test that fails. */
	while (READ_ONCE(r->nr_served) != 2) {
		__atomic_fetch_add(&r->pool->nr_freed, 1, __ATOMIC_SEQ_CST);
		port->wake(&r->pool->nr_freed, ~0U);
		port->yield();
	}
}

static void wait_together(void)
{
	struct reunion r = {0};

	dry = nr_out = 0;
	r.pool = mempool_create(1, dry_alloc, dry_free, (void *)8);
	CHECK(r.pool);
	dry = 1;
	r.last = mempool_alloc(r.pool, GFP_KERNEL);
	test_run_on_cpus(3, wait_or_wake, &r);
	CHECK(r.all_served);
	mempool_validate(r.pool);
	mempool_destroy(r.pool);
	CHECK_EQ(nr_out, 0);
}

/* Who was woken for the element may find memory and not need it. */
TEST_SOFT(who_was_woken_in_vain_wakes_the_next)
{
	wait_together();
}

static gfp_t gfp_seen;

static void *note_gfp(gfp_t gfp, void *pool_data)
{
	gfp_seen = gfp;
	return mempool_kmalloc(gfp, pool_data);
}

TEST(a_pool_is_filled_as_its_maker_allows)
{
	mempool_t *pool =
		mempool_create_node(2, note_gfp, mempool_kfree, (void *)64,
				    GFP_NOWAIT, NUMA_NO_NODE);

	CHECK(pool);
	CHECK_EQ(gfp_seen, GFP_NOWAIT);
	mempool_destroy(pool);
}

#ifndef QUIRE_METAL
static const struct soft_layout seeded = {.mode = SOFT_SEEDED, .nr_cpus = 4};

TEST_MACHINE(who_waits_for_a_pool_gets_an_element_in_any_order, &seeded)
{
	share_pool();
}

TEST_MACHINE(who_was_woken_in_vain_wakes_the_next_in_any_order, &seeded)
{
	wait_together();
}
#endif

/* The model: how many are out, and what the reserve must be then. */
TEST(random_uses_keep_a_pools_count)
{
	void *mine[24];
	int nr = 0;
	mempool_t *pool;

	dry = nr_out = 0;
	pool = mempool_create(6, dry_alloc, dry_free, (void *)32);
	for (int step = 0; step < 3000; step++) {
		WRITE_ONCE(dry, (u32)(test_random_below(3) == 0));
		if (nr < 24 && test_random_below(2)) {
			int before = pool->curr_nr;
			void *e = mempool_alloc(pool, GFP_ATOMIC);

			CHECK_EQ(!e, dry && before == 0);
			CHECK_EQ(pool->curr_nr, before - (e && dry));
			if (e)
				mine[nr++] = e;
		} else if (nr) {
			int before = pool->curr_nr;

			mempool_free(mine[--nr], pool);
			CHECK_EQ(pool->curr_nr, min(before + 1, 6));
		}
		CHECK_EQ(nr_out, (u32)(nr + pool->curr_nr));
		mempool_validate(pool);
	}
	while (nr)
		mempool_free(mine[--nr], pool);
	mempool_destroy(pool);
	dry = 0;
}
