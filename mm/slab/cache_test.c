/* SPDX-License-Identifier: MIT */
/*
 * cache_test.c - caches: sizes, merging, shrinking, destruction, leaks.
 */
#include "cache.c"

#include <test/test.h>

#include <quire/reclaim.h>
#include <quire/vmstat.h>

#ifndef QUIRE_METAL
#include "port/soft/soft.h"
#endif

static struct kmem_cache *make(unsigned int size, unsigned int align,
			       slab_flags_t flags)
{
	struct kmem_cache *s = kmem_cache_create("test", size, align,
						 flags | SLAB_NO_MERGE, NULL);

	CHECK(s);
	return s;
}

TEST(alignment_is_what_was_asked_for)
{
	static const struct {
		unsigned int size, align;
		slab_flags_t flags;
		unsigned int expected;
	} cases[] = {
		{40, 0, 0, 8},
		{40, 32, 0, 32},
		{100, 1024, 0, 1024},
		{100, 0, SLAB_HWCACHE_ALIGN, 64},
		{20, 0, SLAB_HWCACHE_ALIGN, 32},
		{7, 0, SLAB_HWCACHE_ALIGN, 8},
		{40, 64, SLAB_RED_ZONE | SLAB_POISON, 64},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct kmem_cache *s =
			make(cases[i].size, cases[i].align, cases[i].flags);
		void *objs[9];

		CHECK_EQ(kmem_cache_alloc_bulk(s, GFP_KERNEL, 9, objs), 9);
		for (int k = 0; k < 9; k++)
			CHECK_EQ((uintptr_t)objs[k] % cases[i].expected, 0);
		kmem_cache_free_bulk(s, 9, objs);
		kmem_cache_destroy(s);
	}
}

TEST(no_slab_wastes_more_than_an_eighth_if_any_order_can_help)
{
	for (unsigned int size = 8; size <= 8192; size += 8) {
		struct kmem_cache s = {.object_size = size, .align = 8};
		unsigned int best = ~0U;

		set_layout(&s);
		set_orders(&s);
		CHECK_GE(PAGE_SIZE << s.order, size);
		for (unsigned int o = s.min_order; o <= SLAB_DEFAULT_MAX_ORDER;
		     o++)
			best = min(best,
				   slab_waste(size, o)
					   << (SLAB_DEFAULT_MAX_ORDER - o));
		CHECK(slab_waste(size, s.order) * 8UL <= PAGE_SIZE << s.order ||
		      slab_waste(size, s.order)
				      << (SLAB_DEFAULT_MAX_ORDER - s.order) ==
			      best);
	}
}

TEST(every_offset_finds_its_object_without_division)
{
	for (unsigned int size = 8; size <= 1U << 22; size += size / 3 + 8) {
		u64 reciprocal;

		size &= ~7U;
		reciprocal = ((1UL << 44) + size - 1) / size;
		for (u64 i = 0; i < (1UL << 22) / size; i++) {
			CHECK_EQ(i * size * reciprocal >> 44, i);
			CHECK_EQ((i * size + size - 1) * reciprocal >> 44, i);
		}
	}
}

TEST(caches_of_like_objects_are_one)
{
	struct kmem_cache *a = kmem_cache_create("one", 1160, 0, 0, NULL);
	struct kmem_cache *b = kmem_cache_create("two", 1156, 0, 0, NULL);
	struct kmem_cache *c =
		kmem_cache_create("three", 1160, 0, SLAB_RECLAIM_ACCOUNT, NULL);
	struct kmem_cache *d =
		kmem_cache_create("four", 1160, 0, SLAB_NO_MERGE, NULL);
	void *obj;

	CHECK(a && a == b);
	CHECK(c && c != a);
	CHECK(d && d != a && d != c);
	CHECK_EQ(kmem_cache_size(a), 1160);
	CHECK_STR(kmem_cache_name(a), "one");
	obj = kmem_cache_alloc(a, GFP_KERNEL);
	kmem_cache_destroy(a);
	/* Its other user goes on. */
	kmem_cache_free(b, obj);
	kmem_cache_destroy(b);
	kmem_cache_destroy(c);
	kmem_cache_destroy(d);
}

TEST_SOFT(with_slab_nomerge_caches_of_like_objects_stay_apart)
{
	struct kmem_cache *a, *b;

	slab_params.nomerge = true;
	a = kmem_cache_create("one", 1160, 0, 0, NULL);
	b = kmem_cache_create("two", 1160, 0, 0, NULL);
	CHECK(a && b && a != b);
	CHECK(!slab_is_shareable(a));
	CHECK_STR(kmem_cache_name(b), "two");
	kmem_cache_destroy(a);
	kmem_cache_destroy(b);
}

TEST(shrinking_gives_every_empty_slab_back)
{
	struct kmem_cache *s = make(512, 0, 0);
	void *objs[64], *keep;

	keep = kmem_cache_alloc(s, GFP_KERNEL);
	CHECK_EQ(kmem_cache_alloc_bulk(s, GFP_KERNEL, 64, objs), 64);
	CHECK_GE(nr_slabs(s), 8);
	kmem_cache_free_bulk(s, 64, objs);
	CHECK_EQ(kmem_cache_shrink(s), 0);
	CHECK_EQ(nr_slabs(s), 1);
	slab_cache_validate(s);
	kmem_cache_free(s, keep);
	kmem_cache_shrink(s);
	CHECK_EQ(nr_slabs(s), 0);
	kmem_cache_destroy(s);
}

TEST(a_burst_leaves_few_empty_slabs_behind)
{
	struct kmem_cache *s = make(512, 0, 0);
	void *objs[400];

	CHECK_EQ(kmem_cache_alloc_bulk(s, GFP_KERNEL, 400, objs), 400);
	CHECK_GE(nr_slabs(s), 50);
	kmem_cache_free_bulk(s, 400, objs);
	/* The depot's share goes when nobody has wanted it for a while. */
	kmem_cache_decay();
	kmem_cache_decay();
	CHECK_LE(nr_slabs(s), s->max_empty + 2 * s->capacity);
	kmem_cache_destroy(s);
}

TEST(direct_reclaim_gets_the_empty_slabs)
{
	static const struct reclaim_ops ops = {
		.direct_reclaim = kmem_cache_reclaim,
	};
	struct kmem_cache *s = make(512, 0, 0);
	unsigned long free_before, nr_held;
	void *objs[64];

	kmem_cache_shrink_all();
	free_before = nr_free_pages();
	CHECK_EQ(kmem_cache_alloc_bulk(s, GFP_KERNEL, 64, objs), 64);
	kmem_cache_free_bulk(s, 64, objs);
	nr_held = nr_slabs(s);
	CHECK(nr_held);
	CHECK_EQ(ops.direct_reclaim(GFP_KERNEL, 0), nr_held);
	CHECK_EQ(nr_slabs(s), 0);
	/* The magazine that was made stays. */
	CHECK_GE(nr_free_pages() + 1, free_before);
	kmem_cache_destroy(s);
}

TEST(destroying_a_cache_in_use_is_reported_and_leaks_it)
{
	struct kmem_cache *s = make(64, 0, 0);
	void *obj = kmem_cache_alloc(s, GFP_KERNEL);

	test_expect_report("destroyed with 1 objects in use");
	kmem_cache_destroy(s);
	CHECK_EQ(test_expect_end(), 1);
	CHECK_EQ(*(u8 *)obj, *(u8 *)obj); /* still memory */
	kmem_cache_free(s, obj);
	s->refcount = 1;
	kmem_cache_destroy(s);
}

TEST(a_cache_that_cannot_be_made_takes_nothing)
{
	EACH_FAILURE(n) {
		struct kmem_cache *s =
			kmem_cache_create("test", 72, 0, SLAB_NO_MERGE, NULL);

		CHECK_EQ(!s, failure_was_injected());
		kmem_cache_destroy(s);
		kmem_cache_shrink(slab_state.cache_cache);
	}
}

TEST(the_leak_check_counts_what_is_held_above_the_baseline)
{
	struct kmem_cache *s = make(64, 0, 0);
	void *before = kmem_cache_alloc(s, GFP_KERNEL), *after[3], *large;

	kmem_cache_leak_baseline();
	CHECK_EQ(kmem_cache_report_leaks(), 0);
	CHECK_EQ(kmem_cache_alloc_bulk(s, GFP_KERNEL, 3, after), 3);
	CHECK_EQ(kmem_cache_report_leaks(), 3);
	large = kmalloc(KMALLOC_MAX_CACHE_SIZE + 1, GFP_KERNEL);
	CHECK_EQ(kmem_cache_report_leaks(), 4);
	kfree(large);
	kmem_cache_free_bulk(s, 3, after);
	CHECK_EQ(kmem_cache_report_leaks(), 0);
	kmem_cache_free(s, before);
	kmem_cache_destroy(s);
}

#define NR_MADE 40

static void create(void *arg, unsigned int k)
{
	struct kmem_cache *(*made)[NR_MADE] = arg;

	for (unsigned int i = 0; i < NR_MADE; i++) {
		struct kmem_cache *s = kmem_cache_create(
			"test", 1300 + 8 * ((i + k) % 5), 0, 0, NULL);

		made[k][i] = s;
		if (s)
			kmem_cache_free(s, kmem_cache_alloc(s, GFP_KERNEL));
	}
}

TEST(caches_can_be_made_on_all_processors_at_once)
{
	static struct kmem_cache *made[4][NR_MADE];
	unsigned int nr = test_run_on_cpus(4, create, made);

	slab_validate();
	for (unsigned int k = 0; k < nr; k++) {
		for (unsigned int i = 0; i < NR_MADE; i++) {
			CHECK(made[k][i]);
			CHECK_EQ(made[k][i]->object_size,
				 1300 + 8 * ((i + k) % 5));
			kmem_cache_destroy(made[k][i]);
		}
	}
}

/* ---- who may share, and what cannot be ---- */

TEST(caches_that_differ_in_what_matters_are_not_shared)
{
	struct kmem_cache *plain = kmem_cache_create("a", 1160, 8, 0, NULL);
	struct kmem_cache *aligned = kmem_cache_create("b", 1160, 16, 0, NULL);
	struct kmem_cache *like = kmem_cache_create("c", 1160, 4, 0, NULL);

	CHECK(plain && aligned);
	CHECK(plain != aligned);
	CHECK(like == plain || like == aligned);
	kmem_cache_destroy(like);
	kmem_cache_destroy(aligned);
	kmem_cache_destroy(plain);
}

static void construct_nothing(void *obj)
{
	(void)obj;
}

TEST(a_cache_with_a_constructor_or_without_users_is_not_shared)
{
	struct kmem_cache *ctor =
		kmem_cache_create("a", 1176, 8, 0, construct_nothing);
	struct kmem_cache *leaked = kmem_cache_create("b", 1176, 8, 0, NULL);
	void *obj = kmem_cache_alloc(leaked, GFP_KERNEL);
	struct kmem_cache *fresh;

	CHECK(ctor && leaked && ctor != leaked && obj);
	test_expect_report("destroyed with 1 objects in use");
	kmem_cache_destroy(leaked);
	test_expect_end();
	fresh = kmem_cache_create("c", 1176, 8, 0, NULL);
	CHECK(fresh && fresh != ctor && fresh != leaked);
	kmem_cache_destroy(fresh);
	kmem_cache_free(leaked, obj);
	leaked->refcount = 1;
	kmem_cache_destroy(leaked);
	kmem_cache_destroy(ctor);
}

TEST(a_cache_that_cannot_be_is_refused)
{
	CHECK(!kmem_cache_create(NULL, 8, 0, 0, NULL));
	CHECK(!kmem_cache_create("a", 0, 0, 0, NULL));
	CHECK(!kmem_cache_create("a", KMALLOC_MAX_SIZE + 1, 0, 0, NULL));
	CHECK(!kmem_cache_create("a", 8, 2 * PAGE_SIZE, 0, NULL));
	CHECK(!kmem_cache_create("a", 8, 24, 0, NULL));
	/* It would fit, but not with its red zones. */
	CHECK(!kmem_cache_create("a", KMALLOC_MAX_SIZE, 0, SLAB_RED_ZONE,
				 NULL));
	test_expect_report("SLAB_KNOWN_FLAGS");
	/* Told once in a kernel's life. */
	CHECK(!kmem_cache_create("a", 8, 0, 1, NULL));
	CHECK(!kmem_cache_create("a", 8, 0, 0x80000000, NULL));
	CHECK_EQ(test_expect_end(), 1);
}

#ifndef QUIRE_METAL
static void create_or_panic(void *arg)
{
	kmem_cache_create(arg, 0, 0, SLAB_PANIC, NULL);
}

TEST_SOFT(a_cache_without_which_nothing_works_stops_the_machine)
{
	char text[100];

	CHECK(soft_catch_panic(create_or_panic, (void *)"vital", text,
			       sizeof(text)));
	CHECK_STR(text, "cannot make slab cache vital");
	CHECK(soft_catch_panic(create_or_panic, NULL, text, sizeof(text)));
	CHECK_STR(text, "cannot make slab cache (null)");
}
#endif
