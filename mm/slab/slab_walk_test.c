/* SPDX-License-Identifier: MIT */
/*
 * slab_walk_test.c - reports about all objects of a cache.
 */
#include "slab_walk.c"

#include <test/test.h>

#include <quire/rcu.h>

static struct kmem_cache *make(slab_flags_t flags)
{
	struct kmem_cache *s =
		kmem_cache_create("test", 60, 0, flags | SLAB_NO_MERGE, NULL);

	CHECK(s);
	return s;
}

/* A destroyed cache that was leaked, destroyed after all. */
static void destroy_late(struct kmem_cache *s)
{
	s->refcount = 1;
	kmem_cache_destroy(s);
}

TEST(leaked_objects_are_named_with_who_allocated_them)
{
	struct kmem_cache *s = make(SLAB_STORE_USER);
	void *objs[3];

	CHECK_EQ(kmem_cache_alloc_bulk(s, GFP_KERNEL, 3, objs), 3);
	kmem_cache_free(s, objs[1]);
	test_expect_report("  object ");
	/* What announces them is a report of its own. */
	slab_report_used(s);
	CHECK_EQ(test_expect_end(), 2);
	test_expect_report("  allocated by ");
	slab_report_used(s);
	CHECK_EQ(test_expect_end(), 2);
	test_expect_report("destroyed with 2 objects in use");
	kmem_cache_destroy(s);
	CHECK_EQ(test_expect_end(), 1);
	kmem_cache_free(s, objs[0]);
	kmem_cache_free(s, objs[2]);
	destroy_late(s);
}

TEST(a_report_of_many_leaked_objects_ends_somewhere)
{
	struct kmem_cache *s = make(0);
	void *objs[2 * NR_NAMED];

	CHECK_EQ(kmem_cache_alloc_bulk(s, GFP_KERNEL, 2 * NR_NAMED, objs),
		 2 * NR_NAMED);
	test_expect_report("  object ");
	slab_report_used(s);
	CHECK_EQ(test_expect_end(), NR_NAMED);
	test_expect_report("and perhaps more");
	slab_report_used(s);
	CHECK_EQ(test_expect_end(), 1);
	kmem_cache_free_bulk(s, 2 * NR_NAMED, objs);
	kmem_cache_destroy(s);
}

static noinline void *one_place(struct kmem_cache *s)
{
	void *obj = kmem_cache_alloc(s, GFP_KERNEL);

	CHECK(obj);
	return obj;
}

static noinline void *another_place(struct kmem_cache *s)
{
	void *obj = kmem_cache_zalloc(s, GFP_KERNEL);

	CHECK(obj);
	return obj;
}

TEST(callers_are_counted_most_first)
{
	struct kmem_cache *s = make(SLAB_STORE_USER);
	struct kmem_cache_caller callers[4];
	void *objs[11];

	for (int i = 0; i < 2; i++)
		objs[i] = one_place(s);
	for (int i = 2; i < 6; i++)
		objs[i] = another_place(s);
	CHECK_EQ(kmem_cache_callers(s, false, callers, 4), 2);
	CHECK_EQ(callers[0].nr_objects, 4);
	CHECK_EQ(callers[1].nr_objects, 2);
	CHECK_EQ(callers[0].nodes, 1);
	CHECK_LE(callers[0].min_age_ns, callers[0].max_age_ns);
	/* No room for the second. */
	CHECK_EQ(kmem_cache_callers(s, false, callers, 1), 1);
	CHECK_EQ(kmem_cache_callers(s, true, callers, 4), 0);
	/* As many of each: in any order. */
	objs[6] = one_place(s);
	objs[7] = one_place(s);
	CHECK_EQ(kmem_cache_callers(s, false, callers, 4), 2);
	CHECK_EQ(callers[0].nr_objects + callers[1].nr_objects, 8);
	/* Now the one leads, now the other. */
	objs[8] = one_place(s);
	CHECK_EQ(kmem_cache_callers(s, false, callers, 4), 2);
	CHECK_EQ(callers[0].nr_objects, 5);
	objs[9] = another_place(s);
	objs[10] = another_place(s);
	CHECK_EQ(kmem_cache_callers(s, false, callers, 4), 2);
	CHECK_EQ(callers[0].nr_objects, 6);
	kmem_cache_free_bulk(s, 11, objs);
	CHECK_EQ(kmem_cache_callers(s, false, callers, 4), 0);
	kmem_cache_destroy(s);
	s = make(0);
	CHECK_EQ(kmem_cache_callers(s, false, callers, 4), -ENOSYS);
	kmem_cache_destroy(s);
}

TEST(a_block_belongs_to_who_called_the_family_not_to_the_family)
{
	struct kmem_cache *s = make(SLAB_STORE_USER);
	struct kmem_cache *was = kmalloc_caches[KMALLOC_NORMAL][6];
	struct kmem_cache_caller callers[8];
	volatile size_t size = 60;
	void *blocks[4];
	int nr;

	/* kmalloc-64 is this cache for a moment. */
	kmalloc_caches[KMALLOC_NORMAL][6] = s;
	blocks[0] = kmalloc(size, GFP_KERNEL);
	blocks[1] = kmemdup("x", size - 59, GFP_KERNEL);
	kfree(blocks[1]);
	blocks[1] = kstrdup("a string of more than thirty-two characters",
			    GFP_KERNEL);
	blocks[2] = krealloc(NULL, size, GFP_KERNEL);
	blocks[3] = kcalloc(size, 1, GFP_KERNEL);
	kmalloc_caches[KMALLOC_NORMAL][6] = was;
	nr = kmem_cache_callers(s, false, callers, 8);
	CHECK_EQ(nr, 4); /* four places, none of them shared */
	for (int i = 0; i < 4; i++)
		kfree(blocks[i]);
	kmem_cache_destroy(s);
}

#define ALL_CHECKS                                               \
	(SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | \
	 SLAB_STORE_USER)

TEST(validation_finds_what_was_damaged_and_names_it)
{
	struct kmem_cache *s = make(ALL_CHECKS);
	u8 *used = kmem_cache_alloc(s, GFP_KERNEL);
	u8 *freed = kmem_cache_alloc(s, GFP_KERNEL);

	kmem_cache_free(s, freed);
	CHECK_EQ(kmem_cache_validate(s), 0);
	used[60] ^= 1;
	test_expect_report("BUG test: red zone overwritten");
	CHECK_EQ(kmem_cache_validate(s), 1);
	CHECK_EQ(test_expect_end(), 1);
	used[60] ^= 1;
	freed[5] ^= 1;
	test_expect_report("BUG test: poison overwritten");
	CHECK_EQ(kmem_cache_validate(s), 1);
	CHECK_EQ(test_expect_end(), 1);
	freed[5] ^= 1;
	used[-1] ^= 1;
	test_expect_report("BUG test: red zone overwritten");
	CHECK_EQ(kmem_cache_validate(s), 1);
	CHECK_EQ(test_expect_end(), 1);
	used[-1] ^= 1;
	freed[-1] ^= 1;
	test_expect_report("BUG test: red zone of a free object overwritten");
	CHECK_EQ(kmem_cache_validate(s), 1);
	CHECK_EQ(test_expect_end(), 1);
	freed[-1] ^= 1;
	CHECK_EQ(kmem_cache_validate(s), 0);
	kmem_cache_free(s, used);
	kmem_cache_destroy(s);
}

TEST(validation_sees_a_broken_free_list_of_any_cache)
{
	struct kmem_cache *s = make(0);
	unsigned long *keep = kmem_cache_alloc(s, GFP_KERNEL);
	unsigned long *a = kmem_cache_alloc(s, GFP_KERNEL), saved;

	kmem_cache_free(s, a);
	kmem_cache_shrink(s); /* from the magazine to the slab */
	saved = *a;
	*a = 0x4343434343434343;
	test_expect_report("BUG test: written to while free");
	CHECK_EQ(kmem_cache_validate(s), 1);
	CHECK_EQ(test_expect_end(), 1);
	*a = saved;
	CHECK_EQ(kmem_cache_validate(s), 0);
	kmem_cache_free(s, keep);
	kmem_cache_destroy(s);
}

TEST(validation_also_sees_full_slabs_and_those_that_are_leaving)
{
	struct kmem_cache *s = make(ALL_CHECKS | SLAB_TYPESAFE_BY_RCU);
	unsigned int nr = slab_objects_for(s, s->order);
	u8 *objs[64];

	CHECK_LE(nr, 64);
	CHECK_EQ(kmem_cache_alloc_bulk(s, GFP_KERNEL, nr, (void **)objs), nr);
	objs[0][60] ^= 1;
	test_expect_report("BUG test: red zone overwritten");
	CHECK_EQ(kmem_cache_validate(s), 1);
	CHECK_EQ(test_expect_end(), 1);
	objs[0][60] ^= 1;
	rcu_read_lock();
	kmem_cache_free_bulk(s, nr, (void **)objs);
	kmem_cache_shrink(s); /* the first begins to wait */
	objs[0] = kmem_cache_alloc(s, GFP_NOWAIT);
	objs[1] = kmem_cache_alloc(s, GFP_NOWAIT | __GFP_THISNODE);
	CHECK(objs[0] && objs[1]);
	slab_cache_validate(s);
	kmem_cache_free(s, objs[0]);
	kmem_cache_free(s, objs[1]);
	kmem_cache_shrink(s);
	CHECK_EQ(kmem_cache_validate(s), 0);
	slab_cache_validate(s);
	rcu_read_unlock();
	kmem_cache_destroy(s);
}

TEST(validation_counts_all_and_names_some)
{
	struct kmem_cache *s = make(SLAB_RED_ZONE);
	u8 *objs[NR_NAMED + 4];

	for (int i = 0; i < NR_NAMED + 4; i++) {
		objs[i] = kmem_cache_alloc(s, GFP_KERNEL);
		objs[i][60] ^= 1;
	}
	test_expect_report("BUG test: red zone overwritten");
	CHECK_EQ(kmem_cache_validate(s), NR_NAMED + 4);
	CHECK_EQ(test_expect_end(), NR_NAMED);
	for (int i = 0; i < NR_NAMED + 4; i++) {
		objs[i][60] ^= 1;
		kmem_cache_free(s, objs[i]);
	}
	kmem_cache_destroy(s);
}
