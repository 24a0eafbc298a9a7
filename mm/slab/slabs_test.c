/* SPDX-License-Identifier: MIT */
/*
 * slabs_test.c - slabs and the node's lists, below the magazines.
 */
#include "slabs.c"

#include <test/test.h>

#include <quire/string.h>

#ifndef QUIRE_METAL
#include "port/soft/soft.h"
#endif

static struct kmem_cache *make(unsigned int size, slab_flags_t flags)
{
	struct kmem_cache *s =
		kmem_cache_create("test", size, 0, flags | SLAB_NO_MERGE, NULL);

	CHECK(s);
	return s;
}

static void mark_free(struct kmem_cache *s, unsigned int nr, void **objs)
{
	for (unsigned int i = 0; i < nr; i++)
		*slab_word(s, objs[i]) = slab_key(s, objs[i]);
}

TEST(a_slab_moves_between_the_lists_as_it_fills)
{
	struct kmem_cache *s = make(512, 0);
	struct kmem_cache_node *n = &s->nodes[0];
	void *objs[8];

	CHECK_EQ(slab_take(s, GFP_KERNEL, 0, 1, objs), 1);
	CHECK_EQ(n->partial.nr, 1);
	CHECK_EQ(slab_take(s, GFP_KERNEL, 0, 7, objs + 1), 7);
	CHECK_EQ(n->full.nr, 1);
	CHECK_EQ(n->partial.nr, 0);
	slab_cache_validate(s);
	mark_free(s, 8, objs);
	slab_give(s, 1, objs);
	CHECK_EQ(n->partial.nr, 1);
	slab_give(s, 7, objs + 1);
	CHECK_EQ(n->empty.nr, 1);
	CHECK_EQ(n->nr_out, 0);
	slab_cache_validate(s);
	kmem_cache_destroy(s);
}

TEST(objects_come_in_another_order_from_each_slab)
{
	struct kmem_cache *s = make(64, 0);
	static void *objs[64 * 8];
	unsigned int nr = 0, nr_ascending = 0;

	while (nr < ARRAY_SIZE(objs))
		nr += slab_take(s, GFP_KERNEL, 0, ARRAY_SIZE(objs) - nr,
				objs + nr);
	for (unsigned int i = 1; i < nr; i++)
		nr_ascending += (char *)objs[i] == (char *)objs[i - 1] + 64;
	CHECK_LE(nr_ascending, nr / 2);
	mark_free(s, nr, objs);
	slab_give(s, nr, objs);
	kmem_cache_destroy(s);
}

TEST(a_corrupt_list_is_cut_off_and_reported)
{
	struct kmem_cache *s = make(512, 0);
	unsigned long *objs[8], saved;
	struct page *slab;
	void *again[8];

	CHECK_EQ(slab_take(s, GFP_KERNEL, 0, 2, (void **)objs), 2);
	slab = slab_head(virt_to_page(objs[0]));
	mark_free(s, 1, (void **)objs);
	slab_give(s, 1, (void **)objs);
	/* objs[0] is the first free one; somebody writes over its word. */
	saved = *objs[0];
	*objs[0] = 0x4242424242424242;
	test_expect_report("free list is corrupt");
	CHECK_EQ(slab_take(s, GFP_KERNEL, 0, 1, again), 1);
	CHECK_EQ(test_expect_end(), 1);
	/* From another slab: this one gives nothing any more. */
	CHECK(slab_head(virt_to_page(again[0])) != slab);
	CHECK_EQ(slab_out(slab), 8);
	CHECK_EQ(s->nr_contained, 7);
	slab_cache_validate(s);

	/* Undo it, so that nothing stays behind. */
	*objs[0] = saved;
	page_list_del(&s->nodes[0].full, slab);
	slab_set_counts(slab, 1, slab_index(s, slab, objs[0]));
	slab_list_add(&s->nodes[0].partial, slab);
	s->nodes[0].nr_out -= 7;
	s->nr_contained = 0;
	slab_cache_validate(s);
	again[1] = objs[1];
	mark_free(s, 2, again);
	slab_give(s, 2, again);
	kmem_cache_destroy(s);
}

TEST(a_slab_falls_back_to_the_smallest_order)
{
	struct kmem_cache *s = make(704, 0);
	struct page *slab;

	CHECK(s->order > s->min_order);
	slab = slab_new(s, GFP_KERNEL, 0);
	CHECK(slab);
	CHECK_EQ(slab_order(slab), s->order);
	CHECK_EQ(slab_objects(slab), (PAGE_SIZE << s->order) / s->size);
	free_slab_frames(s, slab);
	s->order = MAX_ORDER + 1; /* what can never be had */
	slab = slab_new(s, GFP_KERNEL, 0);
	CHECK(slab);
	CHECK_EQ(slab_order(slab), s->min_order);
	s->order = s->min_order;
	free_slab_frames(s, slab);
	kmem_cache_destroy(s);
}

TEST(slab_frames_are_counted_by_kind)
{
	struct kmem_cache *a = make(256, 0);
	struct kmem_cache *b = make(256, SLAB_RECLAIM_ACCOUNT);
	unsigned long una = node_stat_pages(NST_nr_slab_unreclaimable);
	unsigned long rec = node_stat_pages(NST_nr_slab_reclaimable);
	struct page *pa = slab_new(a, GFP_KERNEL, 0);
	struct page *pb = slab_new(b, GFP_KERNEL, 0);

	CHECK_EQ(node_stat_pages(NST_nr_slab_unreclaimable), una + 1);
	CHECK_EQ(node_stat_pages(NST_nr_slab_reclaimable), rec + 1);
	free_slab_frames(a, pa);
	free_slab_frames(b, pb);
	CHECK_EQ(node_stat_pages(NST_nr_slab_unreclaimable), una);
	CHECK_EQ(node_stat_pages(NST_nr_slab_reclaimable), rec);
	kmem_cache_destroy(a);
	kmem_cache_destroy(b);
}

TEST(a_zone_that_slabs_cannot_be_in_is_reported_and_not_used)
{
	struct kmem_cache *s = make(512, 0);
	struct page *slab;

	test_expect_report("WARNING: ");
	slab = slab_new(s, GFP_KERNEL | __GFP_HIGHMEM | __GFP_MOVABLE, 0);
	CHECK_EQ(test_expect_end(), 1);
	CHECK(slab);
	free_slab_frames(s, slab);
	kmem_cache_destroy(s);
}

/* ---- type-safe slabs ---- */

TEST(a_typesafe_slab_stays_while_a_reader_may_hold_its_objects)
{
	struct kmem_cache *s = make(512, SLAB_TYPESAFE_BY_RCU);
	struct kmem_cache_node *n = &s->nodes[0];
	void *objs[16], *obj;

	CHECK(s->word_offset >= 512); /* a free object stays as it is */
	CHECK_EQ(kmem_cache_alloc_bulk(s, GFP_KERNEL, 16, objs), 16);
	rcu_read_lock();
	kmem_cache_free_bulk(s, 16, objs);
	kmem_cache_shrink(s);
	CHECK_EQ(n->empty.nr, 0);
	CHECK_GE(n->leaving.nr, 2);
	for (int i = 0; i < 16; i++)
		CHECK(slab_cache_of(objs[i]) == s);
	slab_cache_validate(s);
	CHECK_EQ(kmem_cache_validate(s), 0);
	/* The cache itself may go on using them. */
	obj = kmem_cache_alloc(s, GFP_NOWAIT);
	CHECK(obj && slab_cache_of(obj) == s);
	slab_cache_validate(s);
	kmem_cache_free(s, obj);
	kmem_cache_shrink(s);
	CHECK_GE(n->leaving.nr + n->leaving_next.nr, 2);
	slab_cache_validate(s);
	rcu_read_unlock();
	kmem_cache_shrink(s);
	CHECK_EQ(n->leaving.nr + n->leaving_next.nr, 0);
	CHECK_EQ(n->nr_slabs, 0);
	CHECK(!slab_cache_of(objs[0]));
	kmem_cache_destroy(s);
}

struct typesafe {
	struct kmem_cache *s;
	unsigned long *shared; /* an object of s, or one that was */
	u32 done, nr_wrong;
};

static void construct_typesafe(void *obj)
{
	((unsigned long *)obj)[0] = 0x7e57;
}

static void churn_or_read(void *arg, unsigned int k)
{
	struct typesafe *t = arg;

	for (int i = 0; k == 0 && i < 400; i++) {
		unsigned long *obj = kmem_cache_alloc(t->s, GFP_KERNEL), *old;

		if (!obj)
			continue;
		old = __atomic_exchange_n(&t->shared, obj, __ATOMIC_SEQ_CST);
		if (old)
			kmem_cache_free(t->s, old);
		kmem_cache_shrink(t->s);
	}
	if (k == 0)
		smp_store_release(&t->done, 1);
	while (k && !smp_load_acquire(&t->done)) {
		unsigned long *obj;

		rcu_read_lock();
		obj = smp_load_acquire(&t->shared);
		/* What the constructor wrote is there as long as we look. */
		if (obj && READ_ONCE(obj[0]) != 0x7e57)
			__atomic_fetch_add(&t->nr_wrong, 1, __ATOMIC_RELAXED);
		rcu_read_unlock();
		cpu_relax();
	}
}

static void churn_under_readers(void)
{
	static struct typesafe t;

	t = (struct typesafe){0};
	t.s = kmem_cache_create("test", 2048, 0, SLAB_TYPESAFE_BY_RCU,
				construct_typesafe);
	CHECK(t.s);
	test_run_on_cpus(4, churn_or_read, &t);
	CHECK_EQ(t.nr_wrong, 0);
	slab_cache_validate(t.s);
	if (t.shared)
		kmem_cache_free(t.s, t.shared);
	kmem_cache_destroy(t.s);
}

TEST(readers_find_a_typesafe_object_what_it_was_made_to_be)
{
	churn_under_readers();
}

#ifndef QUIRE_METAL
static const struct soft_layout seeded = {.mode = SOFT_SEEDED};

TEST_MACHINE(readers_find_typesafe_objects_so_in_any_interleaving, &seeded)
{
	churn_under_readers();
}
#endif

struct takers {
	struct kmem_cache *s;
	u32 nr_double;
	u32 owner[512];
};

/* Nobody ever holds what another holds. */
static void take_and_give(void *arg, unsigned int k)
{
	struct takers *t = arg;
	void *objs[20];

	for (unsigned int i = 0; i < 800; i++) {
		unsigned int nr =
			slab_take(t->s, GFP_KERNEL, 0, 1 + i % 20, objs);

		for (unsigned int j = 0; j < nr; j++) {
			u32 *mine = objs[j];

			mine[2] = k;
		}
		for (unsigned int j = 0; j < nr; j++)
			if (((u32 *)objs[j])[2] != k)
				__atomic_fetch_add(&t->nr_double, 1,
						   __ATOMIC_RELAXED);
		mark_free(t->s, nr, objs);
		slab_give(t->s, nr, objs);
	}
}

TEST(processors_that_share_a_node_never_share_an_object)
{
	struct takers t = {.s = make(128, 0)};

	test_run_on_cpus(4, take_and_give, &t);
	CHECK_EQ(t.nr_double, 0);
	slab_cache_validate(t.s);
	CHECK_EQ(t.s->nodes[0].nr_out, 0);
	kmem_cache_destroy(t.s);
}

#ifndef QUIRE_METAL
static const struct mem_range two_ranges[] = {
	{.start = 0, .end = 32UL << 20, .nid = 0},
	{.start = 32UL << 20, .end = 64UL << 20, .nid = 1},
};
static const struct soft_layout two_nodes = {
	.ranges = two_ranges,
	.nr_ranges = 2,
	.nr_nodes = 2,
};

static int node_of(const void *obj)
{
	return page_to_nid(virt_to_page(obj));
}

TEST_MACHINE(objects_come_from_the_node_asked_for, &two_nodes)
{
	struct kmem_cache *s = make(256, 0);
	void *objs[40];

	for (int i = 0; i < 40; i++) {
		objs[i] = kmem_cache_alloc_node(s, GFP_KERNEL, i % 2);
		CHECK(objs[i]);
		CHECK_EQ(node_of(objs[i]), i % 2);
	}
	CHECK_EQ(s->nodes[0].nr_out, 20);
	CHECK_EQ(s->nodes[1].nr_out, 20);
	/* One flush of a magazine serves both nodes. */
	kmem_cache_free_bulk(s, 40, objs);
	kmem_cache_shrink(s);
	CHECK_EQ(s->nodes[0].nr_slabs + s->nodes[1].nr_slabs, 0);
	slab_cache_validate(s);
	kmem_cache_destroy(s);
}

static void *fill_node(struct kmem_cache *s, int nid)
{
	void **list = NULL, **obj;

	while ((obj = kmem_cache_alloc_node(s, GFP_NOWAIT | __GFP_THISNODE,
					    nid))) {
		*obj = list;
		list = obj;
	}
	return list;
}

TEST_MACHINE(a_full_node_is_helped_out_by_others_unless_forbidden, &two_nodes)
{
	struct kmem_cache *s = make(4096, 0);
	void **list = fill_node(s, 1), *obj;

	CHECK(list);
	CHECK(!kmem_cache_alloc_node(s, GFP_NOWAIT | __GFP_THISNODE, 1));
	obj = kmem_cache_alloc_node(s, GFP_NOWAIT, 1);
	CHECK(obj);
	CHECK_EQ(node_of(obj), 0);
	kmem_cache_free(s, obj);
	while (list) {
		void **next = *list;

		kmem_cache_free(s, list);
		list = next;
	}
	slab_cache_validate(s);
	kmem_cache_destroy(s);
}
#endif
