/* SPDX-License-Identifier: MIT */
/*
 * depot_test.c - tests of depot.c: what bursts leave, who gets it, when it
 * goes.
 */
#include "depot.c"

#include <test/test.h>

#ifndef QUIRE_METAL
#include "port/soft/soft.h"
#endif

#define NR 512

/* With a depot of this many magazines, whatever the machine's memory. */
static struct kmem_cache *with_depot(unsigned int size, u32 depot_max)
{
	struct kmem_cache *s =
		kmem_cache_create("test", size, 0, SLAB_NO_MERGE, NULL);

	CHECK(s);
	s->depot_max = depot_max;
	return s;
}

static struct magazine_depot *own_depot(struct kmem_cache *s)
{
	return &s->depots[smp_processor_id()];
}

static void burst(struct kmem_cache *s, void **objs, unsigned int nr)
{
	CHECK_EQ(kmem_cache_alloc_bulk(s, GFP_KERNEL, nr, objs), nr);
	kmem_cache_free_bulk(s, nr, objs);
}

TEST(a_burst_comes_back_without_the_slabs)
{
	struct kmem_cache *s = with_depot(64, 100);
	static void *objs[NR];
	u64 nr_out;

	burst(s, objs, NR);
	nr_out = s->nodes[0].nr_out;
	CHECK_GE(nr_out, NR);
	CHECK_GE(own_depot(s)->nr_full, NR / s->capacity - 2);
	burst(s, objs, NR);
	CHECK_EQ(s->nodes[0].nr_out, nr_out);
	CHECK_EQ(kmem_cache_in_use(s), 0);
	slab_cache_validate(s);
	kmem_cache_destroy(s);
}

TEST(a_depot_keeps_no_more_than_its_bound)
{
	struct kmem_cache *s = with_depot(64, 3);
	static void *objs[NR];

	burst(s, objs, NR);
	CHECK_EQ(own_depot(s)->nr_full, 3);
	CHECK_LE(s->nodes[0].nr_out, 5 * s->capacity);
	slab_cache_validate(s);
	kmem_cache_destroy(s);
}

TEST(a_small_machine_has_no_depot)
{
	struct kmem_cache *s = with_depot(64, 0);
	static void *objs[NR];

	burst(s, objs, NR);
	CHECK_EQ(own_depot(s)->nr_full + own_depot(s)->nr_spare, 0);
	CHECK_LE(s->nodes[0].nr_out, s->capacity);
	slab_cache_validate(s);
	kmem_cache_destroy(s);
}

TEST(the_rest_of_a_slab_goes_to_who_comes_again)
{
	struct kmem_cache *s = with_depot(64, 100);
	void *first = kmem_cache_alloc(s, GFP_KERNEL), *objs[40];
	unsigned int nr = slab_objects(slab_head(virt_to_page(first)));

	CHECK_EQ(s->nodes[0].nr_out, s->capacity);
	CHECK_EQ(kmem_cache_alloc_bulk(s, GFP_KERNEL, 40, objs), 40);
	CHECK_EQ(s->nodes[0].nr_out % nr, 0);
	CHECK_EQ(kmem_cache_in_use(s), 41);
	slab_cache_validate(s);
	kmem_cache_free_bulk(s, 40, objs);
	kmem_cache_free(s, first);
	kmem_cache_destroy(s);
}

TEST(what_lies_unused_goes_with_the_second_decay)
{
	struct kmem_cache *s = with_depot(64, 100);
	struct magazine_depot *d = own_depot(s);
	static void *objs[NR];
	unsigned int nr_full;

	burst(s, objs, NR);
	kmem_cache_decay();
	nr_full = d->nr_full;
	CHECK(nr_full);
	burst(s, objs, NR / 2); /* half of it is in use */
	kmem_cache_decay();
	CHECK_LE(d->nr_full, nr_full / 2 + 3);
	CHECK_GE(d->nr_full, nr_full / 2 - 3);
	kmem_cache_decay();
	CHECK_EQ(d->nr_full + d->nr_spare, 0);
	slab_cache_validate(s);
	kmem_cache_destroy(s);
}

TEST(shrinking_empties_all_depots)
{
	struct kmem_cache *s = with_depot(512, 100);
	static void *objs[NR];

	burst(s, objs, NR);
	CHECK(s->nodes[0].nr_slabs);
	kmem_cache_shrink(s);
	CHECK_EQ(s->nodes[0].nr_slabs, 0);
	CHECK_EQ(own_depot(s)->nr_full + own_depot(s)->nr_spare, 0);
	slab_cache_validate(s);
	kmem_cache_destroy(s);
}

TEST(a_second_free_is_found_in_a_depot)
{
	struct kmem_cache *s = with_depot(64, 100);
	static void *objs[NR];

	burst(s, objs, NR);
	test_expect_report("object is already free");
	for (unsigned int i = 0; i < NR; i += 37)
		kmem_cache_free(s, objs[i]);
	CHECK_EQ(test_expect_end(), (NR + 36) / 37);
	CHECK_EQ(kmem_cache_in_use(s), 0);
	slab_cache_validate(s);
	kmem_cache_destroy(s);
}

TEST(without_memory_for_magazines_objects_go_to_the_slabs)
{
	struct kmem_cache *was = slab_state.magazine_cache;
	struct kmem_cache *none = with_depot(64, 0), *s = with_depot(64, 100);
	static void *objs[NR];
	void *obj = kmem_cache_alloc(s, GFP_KERNEL);

	none->order = none->min_order = MAX_ORDER + 1;
	slab_state.magazine_cache = none;
	burst(s, objs, NR);
	CHECK_EQ(own_depot(s)->nr_full, 0);
	CHECK_LE(s->nodes[0].nr_out, s->capacity + 1);
	slab_cache_validate(s);
	slab_state.magazine_cache = was;
	none->order = none->min_order = 0;
	kmem_cache_free(s, obj);
	kmem_cache_destroy(s);
	kmem_cache_destroy(none);
}

TEST(a_burst_that_fails_leaves_nothing_in_use)
{
	struct kmem_cache *s = with_depot(1000, 4);
	static void *objs[100];

	EACH_FAILURE(n) {
		int got = kmem_cache_alloc_bulk(s, GFP_KERNEL, 100, objs);

		CHECK_EQ(got, failure_was_injected() ? 0 : 100);
		CHECK_EQ(kmem_cache_in_use(s), got);
		kmem_cache_free_bulk(s, (size_t)got, objs);
		slab_cache_validate(s);
		if (n % 2)
			kmem_cache_shrink(s);
	}
	kmem_cache_destroy(s);
}

/* Bursts up and down, among shrinks and decays; the model: who has what. */
static void random_bursts(unsigned int size, u32 depot_max)
{
	struct kmem_cache *s = with_depot(size, depot_max);
	static unsigned long *held[NR];
	unsigned int nr = 0;

	for (unsigned int step = 0; step < 300; step++) {
		unsigned int goal = (unsigned int)test_random_below(NR + 1);

		while (nr < goal) {
			held[nr] = kmem_cache_alloc(s, GFP_KERNEL);
			CHECK(held[nr]);
			held[nr][1] = nr;
			nr++;
		}
		while (nr > goal) {
			nr--;
			CHECK_EQ(held[nr][1], nr);
			kmem_cache_free(s, held[nr]);
		}
		if (test_random_below(20) == 0)
			kmem_cache_shrink(s);
		if (test_random_below(10) == 0)
			kmem_cache_decay();
		CHECK_EQ(kmem_cache_in_use(s), nr);
		slab_cache_validate(s);
	}
	while (nr)
		kmem_cache_free(s, held[--nr]);
	kmem_cache_destroy(s);
}

TEST(random_bursts_keep_every_object_once)
{
	random_bursts(16, 5);
	random_bursts(64, 100);
	random_bursts(900, 20);
	random_bursts(5000, 7);
}

/* ---- concurrency ---- */

#define NR_PASSED 64

struct pipeline {
	struct kmem_cache *s;
	unsigned long *passed[NR_PASSED];
	u32 nr_wrong;
};

/* Even processors allocate, odd ones free; one looks and takes away. */
static void work(void *arg, unsigned int k)
{
	struct pipeline *p = arg;

	for (unsigned int i = 0; i < 6000; i++) {
		unsigned long **slot = &p->passed[i % NR_PASSED];
		unsigned long *obj = NULL;

		if (k % 2 == 0) {
			obj = kmem_cache_alloc(p->s, GFP_KERNEL);
			if (obj)
				obj[0] = obj[1] = (uintptr_t)obj;
		}
		obj = __atomic_exchange_n(slot, obj, __ATOMIC_ACQ_REL);
		if (obj && (obj[0] != (uintptr_t)obj || obj[1] != obj[0]))
			__atomic_fetch_add(&p->nr_wrong, 1, __ATOMIC_RELAXED);
		if (obj)
			kmem_cache_free(p->s, obj);
		if (k == 3 && i % 512 == 0) {
			slab_cache_validate(p->s);
			kmem_cache_in_use(p->s);
			kmem_cache_decay();
		}
		if (k == 1 && i % 1024 == 0)
			kmem_cache_shrink(p->s);
	}
}

static void pass_objects(u32 depot_max)
{
	static struct pipeline p;

	memset(&p, 0, sizeof(p));
	p.s = with_depot(48, depot_max);
	test_run_on_cpus(4, work, &p);
	slab_cache_validate(p.s);
	CHECK_EQ(p.nr_wrong, 0);
	for (unsigned int i = 0; i < NR_PASSED; i++)
		if (p.passed[i])
			kmem_cache_free(p.s, p.passed[i]);
	CHECK_EQ(kmem_cache_in_use(p.s), 0);
	kmem_cache_destroy(p.s);
}

TEST(processors_that_free_supply_those_that_allocate)
{
	pass_objects(2);
	pass_objects(50);
}

#ifndef QUIRE_METAL
static const struct soft_layout seeded = {.mode = SOFT_SEEDED};

TEST_MACHINE(depots_are_whole_in_any_interleaving_of_lock_points, &seeded)
{
	pass_objects(1);
	pass_objects(3);
}
#endif

#ifndef QUIRE_METAL
/* Whose depot is full supplies another processor, whose own is empty. */
static void take_all(void *arg, unsigned int k)
{
	struct kmem_cache *s = arg;
	static void *objs[NR];

	if (k == 1)
		burst(s, objs, 100);
}

static const struct soft_layout two_cpus = {.nr_cpus = 2};

TEST_MACHINE(an_empty_depot_is_supplied_from_a_full_one, &two_cpus)
{
	struct kmem_cache *s = with_depot(64, 2);
	static void *objs[NR];
	u64 nr_slabs;

	burst(s, objs, NR);
	CHECK_EQ(s->depots[0].nr_full, 2);
	nr_slabs = s->nodes[0].nr_slabs;
	soft_run(2, take_all, s);
	CHECK_EQ(s->depots[0].nr_full, 1);
	CHECK_GE(nr_slabs + 2, s->nodes[0].nr_slabs);
	slab_cache_validate(s);
	kmem_cache_destroy(s);
}
#endif
