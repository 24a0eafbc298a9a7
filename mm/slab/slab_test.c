/* SPDX-License-Identifier: MIT */
/*
 * slab_test.c - allocation and free: what comes out, what is found out, and
 * that processors do not get in each other's way.
 */
#include "slab.c"

#include <test/test.h>

#ifndef QUIRE_METAL
#include "port/soft/soft.h"
#endif

#define NR 300

static struct kmem_cache *plain(unsigned int size)
{
	struct kmem_cache *s =
		kmem_cache_create("test", size, 0, SLAB_NO_MERGE, NULL);

	CHECK(s);
	return s;
}

/* ---- drawn cases ---- */

TEST(objects_are_apart_aligned_and_whole)
{
	static const unsigned int sizes[] = {1, 8, 24, 100, 500, 3000, 9000};

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct kmem_cache *s = plain(sizes[i]);
		u8 *objs[40];

		for (unsigned int j = 0; j < ARRAY_SIZE(objs); j++) {
			objs[j] = kmem_cache_alloc(s, GFP_KERNEL);
			CHECK(objs[j]);
			CHECK_EQ((uintptr_t)objs[j] % 8, 0);
			memset(objs[j], (int)j, sizes[i]);
		}
		slab_cache_validate(s);
		for (unsigned int j = 0; j < ARRAY_SIZE(objs); j++) {
			for (unsigned int k = 0; k < sizes[i]; k++)
				CHECK_EQ(objs[j][k], j);
			kmem_cache_free(s, objs[j]);
		}
		CHECK_EQ(kmem_cache_in_use(s), 0);
		kmem_cache_destroy(s);
	}
}

TEST(zeroed_objects_are_zero_also_the_second_time)
{
	struct kmem_cache *s = plain(96);
	u8 *obj;

	for (int round = 0; round < 100; round++) {
		obj = kmem_cache_zalloc(s, GFP_KERNEL);
		CHECK(obj);
		for (int i = 0; i < 96; i++)
			CHECK_EQ(obj[i], 0);
		memset(obj, 0xff, 96);
		kmem_cache_free(s, obj);
	}
	kmem_cache_destroy(s);
}

static void construct(void *obj)
{
	memset(obj, 0x11, 40);
}

TEST(constructed_objects_stay_constructed)
{
	struct kmem_cache *s = kmem_cache_create("test", 40, 0, 0, construct);
	u8 *objs[NR];

	CHECK(s);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < NR; i++) {
			objs[i] = kmem_cache_alloc(s, GFP_KERNEL);
			CHECK(objs[i]);
			for (int k = 0; k < 40; k++)
				CHECK_EQ(objs[i][k], 0x11);
		}
		for (int i = 0; i < NR; i++)
			kmem_cache_free(s, objs[i]);
	}
	kmem_cache_destroy(s);
}

TEST(a_free_object_tells_neither_its_neighbour_nor_the_secret)
{
	struct kmem_cache *s = plain(64);
	unsigned long *a = kmem_cache_alloc(s, GFP_KERNEL);
	unsigned long *b = kmem_cache_alloc(s, GFP_KERNEL);

	kmem_cache_free(s, a);
	kmem_cache_free(s, b);
	CHECK_NE(*a, (uintptr_t)b);
	CHECK_NE(*b, (uintptr_t)a);
	CHECK_NE(*a, s->cookie);
	kmem_cache_destroy(s);
}

/* ---- failures ---- */

TEST(an_allocation_that_fails_takes_nothing)
{
	struct kmem_cache *s = plain(200);

	kmem_cache_drain_all();
	EACH_FAILURE(n) {
		void *obj = kmem_cache_alloc(s, GFP_KERNEL);

		CHECK_EQ(!obj, failure_was_injected());
		CHECK_EQ(kmem_cache_in_use(s), obj ? 1 : 0);
		slab_cache_validate(s);
		if (obj)
			kmem_cache_free(s, obj);
		/* The next round begins with an empty cache again. */
		kmem_cache_shrink(s);
	}
	kmem_cache_destroy(s);
}

TEST(a_bulk_allocation_gets_all_or_nothing)
{
	struct kmem_cache *s = plain(256);
	void *objs[50];

	EACH_FAILURE(n) {
		int got = kmem_cache_alloc_bulk(s, GFP_KERNEL, 50, objs);

		CHECK_EQ(got, failure_was_injected() ? 0 : 50);
		CHECK_EQ(kmem_cache_in_use(s), got);
		kmem_cache_free_bulk(s, (size_t)got, objs);
		kmem_cache_shrink(s);
	}
	kmem_cache_destroy(s);
}

TEST(a_failure_is_not_injected_into_what_must_not_fail)
{
	struct kmem_cache *s = plain(64);
	void *obj;

	failure_arm(1);
	obj = kmem_cache_alloc(s, GFP_KERNEL | __GFP_NOFAIL);
	failure_arm(0);
	CHECK(obj);
	kmem_cache_free(s, obj);
	kmem_cache_destroy(s);
}

/* ---- what is found out ---- */

TEST(a_second_free_is_reported_and_changes_nothing)
{
	struct kmem_cache *s = plain(64);
	void *a = kmem_cache_alloc(s, GFP_KERNEL);
	void *b = kmem_cache_alloc(s, GFP_KERNEL);
	void *c, *d;

	kmem_cache_free(s, a);
	test_expect_report("object is already free");
	kmem_cache_free(s, a);
	CHECK_EQ(test_expect_end(), 1);
	CHECK_EQ(kmem_cache_in_use(s), 1);
	/* No one gets it twice. */
	c = kmem_cache_alloc(s, GFP_KERNEL);
	d = kmem_cache_alloc(s, GFP_KERNEL);
	CHECK(c != d && c != b && d != b);
	kmem_cache_free(s, b);
	kmem_cache_free(s, c);
	kmem_cache_free(s, d);
	kmem_cache_destroy(s);
}

TEST(a_second_free_is_also_found_in_the_slab)
{
	struct kmem_cache *s = plain(64);
	void *keep = kmem_cache_alloc(s, GFP_KERNEL);
	void *a = kmem_cache_alloc(s, GFP_KERNEL);

	kmem_cache_free(s, a);
	kmem_cache_shrink(s); /* out of the magazine */
	test_expect_report("object is already free");
	kmem_cache_free(s, a);
	CHECK_EQ(test_expect_end(), 1);
	CHECK_EQ(kmem_cache_in_use(s), 1);
	slab_cache_validate(s);
	kmem_cache_free(s, keep);
	kmem_cache_destroy(s);
}

TEST(an_object_that_looks_free_but_is_not_can_be_freed)
{
	struct kmem_cache *s = plain(64);
	unsigned long *a = kmem_cache_alloc(s, GFP_KERNEL);

	*a = slab_key(s, a) ^ 5; /* what the caller happened to write */
	kmem_cache_free(s, a);
	CHECK_EQ(kmem_cache_in_use(s), 0);
	kmem_cache_destroy(s);
}

TEST(a_free_into_the_wrong_cache_is_reported_and_refused)
{
	struct kmem_cache *right = plain(64), *wrong = plain(64);
	void *a = kmem_cache_alloc(right, GFP_KERNEL);

	test_expect_report("free into the wrong cache");
	kmem_cache_free(wrong, a);
	CHECK_EQ(test_expect_end(), 1);
	CHECK_EQ(kmem_cache_in_use(right), 1);
	kmem_cache_free(right, a);
	kmem_cache_destroy(right);
	kmem_cache_destroy(wrong);
}

TEST(a_free_of_foreign_memory_is_reported_and_refused)
{
	struct kmem_cache *s = plain(64);
	struct page *page = alloc_page(GFP_KERNEL);
	char on_stack[64];

	CHECK(page);
	test_expect_report("BUG test: free ");
	kmem_cache_free(s, page_address(page));
	kmem_cache_free(s, NULL);
	kmem_cache_free(s, (void *)0x7000);
	kmem_cache_free(s, on_stack);
	CHECK_EQ(test_expect_end(), 4);
	CHECK_EQ(kmem_cache_in_use(s), 0);
	__free_page(page);
	kmem_cache_destroy(s);
}

TEST(a_free_inside_an_object_is_reported_and_refused)
{
	struct kmem_cache *s = plain(64);
	char *a = kmem_cache_alloc(s, GFP_KERNEL);

	test_expect_report("not an object's start");
	kmem_cache_free(s, a + 8);
	CHECK_EQ(test_expect_end(), 1);
	kmem_cache_free(s, a);
	kmem_cache_destroy(s);
}

/* Undo a containment, so that the test leaves nothing behind. */
static void take_back(struct kmem_cache *s, void *obj)
{
	*slab_word(s, obj) = slab_key(s, obj);
	slab_give(s, 1, &obj);
	s->nr_contained--;
}

TEST(an_object_written_to_after_free_is_never_handed_out_again)
{
	struct kmem_cache *s = plain(64);
	void *a = kmem_cache_alloc(s, GFP_KERNEL);

	kmem_cache_free(s, a);
	*(unsigned long *)a = 0x4141414141414141;
	test_expect_report("written after it was freed");
	kmem_cache_shrink(s);
	CHECK_EQ(test_expect_end(), 1);
	CHECK_EQ(s->nr_contained, 1);
	CHECK_EQ(kmem_cache_in_use(s), 0);
	slab_cache_validate(s);
	for (int i = 0; i < 64; i++) {
		void *b = kmem_cache_alloc(s, GFP_KERNEL);

		CHECK(b && b != a);
		kmem_cache_free(s, b);
	}
	take_back(s, a);
	kmem_cache_destroy(s);
}

/* ---- random operations against a model ---- */

struct live {
	u8 *obj;
	u8 fill;
};

static void check_fill(const struct live *l, unsigned int size)
{
	for (unsigned int i = 0; i < size; i++)
		CHECK_EQ(l->obj[i], l->fill);
}

static void random_ops(unsigned int size, int steps)
{
	static struct live live[NR];
	struct kmem_cache *s = plain(size);
	unsigned long nr_live = 0;

	memset(live, 0, sizeof(live));
	for (int step = 0; step < steps; step++) {
		struct live *l = &live[test_random_below(NR)];

		if (l->obj) {
			check_fill(l, size);
			kmem_cache_free(s, l->obj);
			l->obj = NULL;
			nr_live--;
		} else {
			l->obj = kmem_cache_alloc(s, GFP_KERNEL);
			CHECK(l->obj);
			l->fill = (u8)step;
			memset(l->obj, l->fill, size);
			nr_live++;
		}
		if (test_random_below(200) == 0)
			kmem_cache_shrink(s);
		CHECK_EQ(kmem_cache_in_use(s), nr_live);
		if (step % 16 == 0)
			slab_cache_validate(s);
	}
	for (unsigned int i = 0; i < NR; i++)
		if (live[i].obj)
			kmem_cache_free(s, live[i].obj);
	kmem_cache_destroy(s);
}

TEST(random_small_objects_keep_their_contents)
{
	random_ops(16, 6000);
}

TEST(random_middling_objects_keep_their_contents)
{
	random_ops(700, 4000);
}

TEST(random_large_objects_keep_their_contents)
{
	random_ops(5000, 1000);
}

/* ---- concurrency ---- */

#define NR_SHARED 64

struct exchange {
	struct kmem_cache *s;
	unsigned long *slots[NR_SHARED];
	u32 nr_wrong;
};

/* Each object goes through a slot, so that most are freed elsewhere. */
static void exchange_objects(void *arg, unsigned int k)
{
	struct exchange *x = arg;
	u64 random = k + 1;

	for (int i = 0; i < 4000; i++) {
		unsigned long *obj = kmem_cache_alloc(x->s, GFP_KERNEL);
		unsigned long **slot;

		if (!obj)
			continue;
		obj[0] = (uintptr_t)obj;
		obj[1] = ~(uintptr_t)obj;
		random = random * 6364136223846793005 + 1442695040888963407;
		slot = &x->slots[(random >> 33) % NR_SHARED];
		obj = __atomic_exchange_n(slot, obj, __ATOMIC_ACQ_REL);
		if (!obj)
			continue;
		if (obj[0] != (uintptr_t)obj || obj[1] != ~(uintptr_t)obj)
			__atomic_fetch_add(&x->nr_wrong, 1, __ATOMIC_RELAXED);
		kmem_cache_free(x->s, obj);
		if (i % 512 == 0)
			kmem_cache_shrink(x->s);
	}
}

static void exchange_on_all(void)
{
	static struct exchange x;

	memset(&x, 0, sizeof(x));
	x.s = plain(48);
	test_run_on_cpus(4, exchange_objects, &x);
	slab_cache_validate(x.s);
	CHECK_EQ(x.nr_wrong, 0);
	for (int i = 0; i < NR_SHARED; i++)
		if (x.slots[i])
			kmem_cache_free(x.s, x.slots[i]);
	CHECK_EQ(kmem_cache_in_use(x.s), 0);
	kmem_cache_destroy(x.s);
}

TEST(objects_allocated_here_and_freed_there_stay_whole)
{
	exchange_on_all();
}

#ifndef QUIRE_METAL
static const struct soft_layout seeded = {.mode = SOFT_SEEDED};

TEST_MACHINE(objects_stay_whole_in_any_interleaving_of_lock_points, &seeded)
{
	exchange_on_all();
}
#endif

/*
 * An interrupt handler's calls leave the magazine, which its processor may be
 * in the middle of using, alone.
 */
#ifdef QUIRE_METAL
TEST(interrupt_handlers_do_without_the_magazine)
{
	struct kmem_cache *s = plain(64);
	void *a = kmem_cache_alloc(s, GFP_KERNEL), *b;
	struct kmem_cache_cpu *c = s->slot[arch_task_slot()];
	unsigned long avail = c->avail, flags = local_irq_save();

	x86_cpus[smp_processor_id()]->irq_depth++;
	x86_cpus[smp_processor_id()]->task_slot = 0;
	b = kmem_cache_alloc(s, GFP_ATOMIC);
	kmem_cache_free(s, a);
	kmem_cache_free(s, b);
	x86_cpus[smp_processor_id()]->irq_depth--;
	x86_cpus[smp_processor_id()]->task_slot = smp_processor_id() + 1;
	local_irq_restore(flags);
	CHECK(b);
	CHECK_EQ(c->avail, avail);
	CHECK_EQ(kmem_cache_in_use(s), 0);
	kmem_cache_destroy(s);
}
#endif

/* ---- the checks behind the first ones ---- */

TEST(the_slow_free_trusts_no_descriptor)
{
	struct kmem_cache *s = plain(64), *other = plain(64);
	struct page *page = alloc_page(GFP_KERNEL);
	void *obj = kmem_cache_alloc(s, GFP_KERNEL);

	CHECK(page && obj);
	CHECK_STR(free_fault(s, page_address(page)),
		  "free of what is no slab object");
	CHECK_STR(free_fault(other, obj), "free into the wrong cache");
	CHECK(!free_fault(s, obj));
	kmem_cache_free(s, obj);
	__free_page(page);
	kmem_cache_destroy(other);
	kmem_cache_destroy(s);
}

TEST(objects_from_any_node_need_no_more_than_the_cache)
{
	struct kmem_cache *s = plain(64);
	void *obj = kmem_cache_alloc_node(s, GFP_KERNEL, NUMA_NO_NODE);

	CHECK(obj);
	kmem_cache_free(s, obj);
	kmem_cache_destroy(s);
}

TEST(a_processor_without_a_magazine_gives_back_what_it_took_in_advance)
{
	struct kmem_cache *was = slab_state.magazine_cache;
	struct kmem_cache *none = plain(64), *s = plain(64);
	void *a, *b;

	/* Magazines come from slabs that can never be had. */
	none->order = none->min_order = MAX_ORDER + 1;
	slab_state.magazine_cache = none;
	a = kmem_cache_alloc(s, GFP_KERNEL);
	b = kmem_cache_alloc(s, GFP_KERNEL);
	CHECK(a && b);
	CHECK_EQ(s->nodes[0].nr_out, 2);
	kmem_cache_free(s, a);
	kmem_cache_free(s, b);
	CHECK_EQ(s->nodes[0].nr_out, 0);
	slab_cache_validate(s);
	slab_state.magazine_cache = was;
	none->order = none->min_order = 0;
	kmem_cache_destroy(s);
	kmem_cache_destroy(none);
}

TEST(a_second_free_is_found_by_whatever_call_it_comes)
{
	struct kmem_cache *s = plain(64);
	void *a = kmem_cache_alloc(s, GFP_KERNEL), *b = kmalloc(48, GFP_KERNEL);
	void *gone = a, *block = b;

	kmem_cache_free(s, a);
	kfree(b);
	test_expect_report("object is already free");
	kmem_cache_free_bulk(s, 1, &gone);
	kfree_bulk(1, &block);
	kfree(b);
	slab_kfree(b, NULL);
	CHECK_EQ(test_expect_end(), 4);
	CHECK_EQ(kmem_cache_in_use(s), 0);
	slab_validate();
	kmem_cache_destroy(s);
}

TEST(many_overwritten_objects_are_contained_at_once)
{
	struct kmem_cache *s = plain(64);
	unsigned long *a = kmem_cache_alloc(s, GFP_KERNEL);
	unsigned long *b = kmem_cache_alloc(s, GFP_KERNEL);

	kmem_cache_free(s, a);
	kmem_cache_free(s, b);
	*a = *b = 0x4242424242424242;
	test_expect_report("written after it was freed");
	kmem_cache_shrink(s);
	CHECK_EQ(test_expect_end(), 1); /* one report for the batch */
	CHECK_EQ(s->nr_contained, 2);
	slab_cache_validate(s);
	take_back(s, a);
	take_back(s, b);
	kmem_cache_destroy(s);
}

#ifndef QUIRE_METAL
static const struct mem_range two_node_ranges[] = {
	{16UL << 20, 32UL << 20, 0, MEM_RANGE_USABLE},
	{32UL << 20, 48UL << 20, 1, MEM_RANGE_USABLE},
};
static const struct soft_layout two_nodes = {
	.ranges = two_node_ranges,
	.nr_ranges = ARRAY_SIZE(two_node_ranges),
	.nr_cpus = 2,
	.nr_nodes = 2,
};

TEST_MACHINE(an_allocation_from_a_node_can_fail_unless_it_must_not, &two_nodes)
{
	struct kmem_cache *s = plain(64);
	void *obj;

	EACH_FAILURE(n) {
		obj = kmem_cache_alloc_node(s, GFP_KERNEL, 1);
		CHECK_EQ(!obj, failure_was_injected());
		if (obj)
			kmem_cache_free(s, obj);
		kmem_cache_shrink(s);
	}
	failure_arm(1);
	obj = kmem_cache_alloc_node(s, GFP_KERNEL | __GFP_NOFAIL, 1);
	failure_arm(0);
	CHECK(obj);
	kmem_cache_free(s, obj);
	obj = kmem_cache_alloc_node(s, GFP_KERNEL, NUMA_NO_NODE);
	CHECK(obj);
	kmem_cache_free(s, obj);
	kmem_cache_destroy(s);
}
#endif
