/* SPDX-License-Identifier: MIT */
/*
 * slab_debug_test.c - each kind of damage is seen, named, and kept from
 * spreading.
 */
#include "slab_debug.c"

#include <test/test.h>

#define ALL_CHECKS                                               \
	(SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | \
	 SLAB_STORE_USER)

static struct kmem_cache *make(slab_flags_t flags, void (*ctor)(void *))
{
	struct kmem_cache *s = kmem_cache_create("test", 60, 0, flags, ctor);

	CHECK(s);
	return s;
}

/* Undo a containment, so that the test leaves nothing behind. */
static void take_back(struct kmem_cache *s, void *obj)
{
	slab_debug_init(s, obj);
	*slab_word(s, obj) = slab_key(s, obj);
	slab_give(s, 1, &obj);
	s->nr_contained--;
}

TEST(a_debugging_cache_works_like_any_other)
{
	struct kmem_cache *s = make(ALL_CHECKS, NULL);
	u8 *objs[100];

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 100; i++) {
			objs[i] = kmem_cache_alloc(s, GFP_KERNEL);
			CHECK(objs[i]);
			CHECK_EQ(objs[i][0], POISON_IN_USE);
			memset(objs[i], i, 60);
		}
		slab_cache_validate(s);
		for (int i = 0; i < 100; i++) {
			CHECK(all_bytes(objs[i], 60, (u8)i));
			kmem_cache_free(s, objs[i]);
		}
	}
	kmem_cache_destroy(s);
}

TEST(a_write_beyond_either_end_is_reported_at_free)
{
	static const int where[] = {-1, 60};

	for (int i = 0; i < 2; i++) {
		struct kmem_cache *s = make(ALL_CHECKS, NULL);
		u8 *obj = kmem_cache_alloc(s, GFP_KERNEL);
		u8 *other;

		obj[where[i]] ^= 1;
		test_expect_report("BUG test: red zone overwritten");
		kmem_cache_free(s, obj);
		CHECK_EQ(test_expect_end(), 1);
		CHECK_EQ(s->nr_contained, 1);
		other = kmem_cache_alloc(s, GFP_KERNEL);
		CHECK(other != obj);
		kmem_cache_free(s, other);
		take_back(s, obj);
		kmem_cache_destroy(s);
	}
}

TEST(a_write_after_free_is_reported_before_it_is_handed_out)
{
	struct kmem_cache *s = make(SLAB_POISON, NULL);
	u8 *obj = kmem_cache_alloc(s, GFP_KERNEL), *other;

	kmem_cache_free(s, obj);
	obj[59] = 0;
	test_expect_report("BUG test: poison overwritten");
	for (unsigned int i = 0; i < 2 * PAGE_SIZE / s->size; i++) {
		other = kmem_cache_alloc(s, GFP_KERNEL);
		CHECK(other && other != obj);
		if (s->nr_contained) {
			kmem_cache_free(s, other);
			break;
		}
		kmem_cache_free(s, other);
	}
	CHECK_EQ(test_expect_end(), 1);
	CHECK_EQ(s->nr_contained, 1);
	take_back(s, obj);
	kmem_cache_destroy(s);
}

TEST(the_last_users_are_named)
{
	struct kmem_cache *s = make(SLAB_STORE_USER, NULL);
	void *obj = kmem_cache_alloc(s, GFP_KERNEL);

	CHECK(slab_track_of(s, obj, TRACK_ALLOC)->caller);
	CHECK(!slab_track_of(s, obj, TRACK_FREE)->caller);
	kmem_cache_free(s, obj);
	CHECK(slab_track_of(s, obj, TRACK_FREE)->caller);
	test_expect_report("BUG test: example");
	slab_report(s, obj, "example", NULL);
	CHECK_EQ(test_expect_end(), 1);
	kmem_cache_destroy(s);
}

static void construct(void *obj)
{
	memset(obj, 0x22, 60);
}

TEST(poison_spares_constructed_objects)
{
	struct kmem_cache *s = make(ALL_CHECKS, construct);

	for (int i = 0; i < 3; i++) {
		u8 *obj = kmem_cache_alloc(s, GFP_KERNEL);

		CHECK(all_bytes(obj, 60, 0x22));
		kmem_cache_free(s, obj);
	}
	kmem_cache_destroy(s);
}

TEST(a_cache_reports_only_so_often)
{
	struct kmem_cache *s = make(SLAB_CONSISTENCY_CHECKS, NULL);

	test_expect_report("BUG test");
	for (int i = 0; i < 2 * MAX_REPORTS; i++)
		kmem_cache_free(s, NULL);
	CHECK_EQ(test_expect_end(), MAX_REPORTS);
	kmem_cache_destroy(s);
}
