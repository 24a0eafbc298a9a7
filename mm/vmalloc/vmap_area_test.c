/* SPDX-License-Identifier: MIT */
/*
 * vmap_area_test.c - ranges: lowest gap first, no overlap, lazy until a purge.
 */
#include "vmap_area.c"

#include <test/test.h>

#include <quire/string.h>

#ifndef QUIRE_METAL
#include "port/soft/soft.h"
#endif

static struct vmap_area *area(unsigned long nr_pages, unsigned long align)
{
	struct vmap_area *va =
		vmap_area_alloc(nr_pages << PAGE_SHIFT, align, VMAP_MAP, NULL);

	CHECK(va);
	return va;
}

static void release(struct vmap_area *va)
{
	CHECK(vmap_area_take(va->start, va->kind) == va);
	vmap_area_free_lazy(va);
}

TEST(an_area_ends_in_a_guard_page)
{
	struct vmap_area *a = area(3, PAGE_SIZE), *b = area(1, PAGE_SIZE);

	CHECK_EQ(a->end - a->start, 4 * PAGE_SIZE);
	CHECK_EQ(b->start, a->end);
	vmap_area_validate();
	vmap_area_free(a);
	vmap_area_free(b);
	vmap_area_validate();
}

TEST(the_lowest_gap_that_is_large_enough_is_taken)
{
	/*
	 *  a  a  b  b  b  b  c  c  d     with guards: 2 4 2 2 pages
	 *  free a and c: a gap of 2 and one of 2; 3 pages do not fit
	 */
	struct vmap_area *a = area(1, PAGE_SIZE), *b = area(3, PAGE_SIZE);
	struct vmap_area *c = area(1, PAGE_SIZE), *d = area(1, PAGE_SIZE);
	unsigned long a_start = a->start, c_start = c->start, d_end = d->end;

	vmap_area_free(a);
	vmap_area_free(c);
	a = area(2, PAGE_SIZE);
	CHECK_EQ(a->start, d_end);
	vmap_area_free(a);
	a = area(1, PAGE_SIZE);
	CHECK_EQ(a->start, a_start);
	c = area(1, PAGE_SIZE);
	CHECK_EQ(c->start, c_start);
	vmap_area_validate();
	vmap_area_free(a);
	vmap_area_free(b);
	vmap_area_free(c);
	vmap_area_free(d);
}

TEST(areas_can_be_aligned_beyond_a_page)
{
	struct vmap_area *a = area(1, PAGE_SIZE);
	struct vmap_area *b = area(5, 1UL << 21), *c = area(1, PAGE_SIZE);

	CHECK(IS_ALIGNED(b->start, 1UL << 21));
	CHECK(c->start < b->start); /* the gap before it serves others */
	vmap_area_validate();
	vmap_area_free(a);
	vmap_area_free(b);
	vmap_area_free(c);
}

TEST(a_freed_area_is_reused_only_after_a_purge)
{
	struct vmap_area *a = area(1, PAGE_SIZE), *b;
	unsigned long start = a->start;

	release(a);
	CHECK(!vmap_area_take(start, VMAP_MAP));
	b = area(1, PAGE_SIZE);
	CHECK_NE(b->start, start);
	vmap_area_validate();
	vm_unmap_aliases();
	vmap_area_validate();
	CHECK_EQ(vmap_state.nr_lazy, 0);
	a = area(1, PAGE_SIZE);
	CHECK_EQ(a->start, start);
	vmap_area_free(a);
	vmap_area_free(b);
}

TEST(lazy_areas_are_purged_in_batches)
{
	vm_unmap_aliases();
	for (int i = 1; i < LAZY_MAX_AREAS; i++) {
		release(area(1, PAGE_SIZE));
		CHECK_EQ(vmap_state.nr_lazy, i);
	}
	release(area(1, PAGE_SIZE));
	CHECK_EQ(vmap_state.nr_lazy, 0);
	vmap_area_validate();
}

TEST(an_area_that_cannot_be_had_takes_nothing)
{
	EACH_FAILURE(n) {
		struct vmap_area *va =
			vmap_area_alloc(PAGE_SIZE, PAGE_SIZE, VMAP_MAP, NULL);

		CHECK_EQ(!va, failure_was_injected());
		vmap_area_validate();
		if (va)
			vmap_area_free(va);
		kmem_cache_shrink(vmap_state.cache);
	}
	CHECK(!vmap_area_alloc(0, PAGE_SIZE, VMAP_MAP, NULL));
	CHECK(!vmap_area_alloc(VMALLOC_END - VMALLOC_START, PAGE_SIZE, VMAP_MAP,
			       NULL));
}

TEST(only_the_right_kind_and_the_start_find_an_area)
{
	struct vmap_area *a = area(2, PAGE_SIZE);

	CHECK(!vmap_area_take(a->start, VMAP_ALLOC));
	CHECK(!vmap_area_take(a->start + PAGE_SIZE, VMAP_MAP));
	CHECK(!vmap_area_take(VMALLOC_END, VMAP_MAP));
	CHECK(vmap_area_take(a->start, VMAP_MAP) == a);
	vmap_area_free_lazy(a);
}

#define NR_AREAS 60

/* The naive model: all areas in use, looked at one by one. */
TEST(random_areas_never_overlap)
{
	static struct vmap_area *areas[NR_AREAS];

	for (int i = 0; i < NR_AREAS; i++)
		areas[i] = NULL;
	for (int step = 0; step < 2000; step++) {
		struct vmap_area **slot = &areas[test_random_below(NR_AREAS)];

		if (*slot) {
			release(*slot);
			*slot = NULL;
		} else {
			*slot = area(1 + test_random_below(40),
				     PAGE_SIZE << test_random_below(6));
			for (int i = 0; i < NR_AREAS; i++) {
				struct vmap_area *va = areas[i];

				CHECK(!va || va == *slot ||
				      va->end <= (*slot)->start ||
				      va->start >= (*slot)->end);
			}
		}
		if (test_random_below(100) == 0)
			vm_unmap_aliases();
		vmap_area_validate();
	}
	for (int i = 0; i < NR_AREAS; i++)
		if (areas[i])
			release(areas[i]);
}

#ifndef QUIRE_METAL
/* 4 MiB of addresses: 1,024 pages. */
static const struct soft_layout narrow = {.vmalloc_bytes = 4UL << 20};

TEST_MACHINE(a_full_range_is_purged_before_it_fails, &narrow)
{
	unsigned long half = (4UL << 20) / 2 - PAGE_SIZE;
	struct vmap_area *a = area(half >> PAGE_SHIFT, PAGE_SIZE);
	struct vmap_area *b = area(half >> PAGE_SHIFT, PAGE_SIZE);

	CHECK_EQ(b->end, VMALLOC_END);
	CHECK(!vmap_area_alloc(PAGE_SIZE, PAGE_SIZE, VMAP_MAP, NULL));
	release(a);
	CHECK_EQ(vmap_state.nr_lazy, 1);
	a = area(half >> PAGE_SHIFT, PAGE_SIZE);
	CHECK_EQ(vmap_state.nr_lazy, 0);
	vmap_area_validate();
	vmap_area_free(a);
	vmap_area_free(b);
}

/*
 *  pages   0        256       512       768       1024
 *          [ first  ]         [ second  ]
 */
TEST_MACHINE(areas_at_given_distances_wait_for_a_purge_too, &narrow)
{
	static const unsigned long apart[] = {0, 2UL << 20};
	static const unsigned long wrapped[] = {0, -PAGE_SIZE};
	static const unsigned long beyond[] = {0, 4UL << 20};
	struct vmap_area *a = area(1023, PAGE_SIZE), *areas[2];
	const unsigned long size = 1UL << 20;

	CHECK_EQ(vmap_area_alloc_congruent(apart, 2, size, NULL, areas),
		 -ENOMEM);
	vmap_area_validate();
	release(a);
	CHECK_EQ(vmap_state.nr_lazy, 1);
	CHECK_EQ(vmap_area_alloc_congruent(apart, 2, size, NULL, areas), 0);
	CHECK_EQ(vmap_state.nr_lazy, 0);
	CHECK_EQ(areas[0]->start, VMALLOC_START);
	CHECK_EQ(areas[1]->start, VMALLOC_START + apart[1]);
	vmap_area_validate();
	vmap_area_free(areas[0]);
	vmap_area_free(areas[1]);
	CHECK_EQ(vmap_area_alloc_congruent(wrapped, 2, PAGE_SIZE, NULL, areas),
		 -ENOMEM);
	CHECK_EQ(vmap_area_alloc_congruent(beyond, 2, PAGE_SIZE, NULL, areas),
		 -ENOMEM);
	vmap_area_validate();
}

/* ---- damage to the tree is found ---- */

static void validate(void *arg)
{
	(void)arg;
	vmap_area_validate();
}

static void check_found(const char *what)
{
	char text[200];

	CHECK(soft_catch_panic(validate, NULL, text, sizeof(text)));
	if (!str_has_prefix(text, "vmalloc: ") ||
	    !str_has_prefix(text + strlen("vmalloc: "), what))
		test_fail(__FILE__, __LINE__, "%s, not: %s", text, what);
}

TEST_SOFT(damage_to_the_tree_is_found)
{
	struct vmap_area *a = area(3, PAGE_SIZE), *b = area(3, PAGE_SIZE);

	vmap_area_validate();
	b->start -= PAGE_SIZE; /* V1 */
	check_found("areas overlap");
	b->start += PAGE_SIZE;
	a->start -= PAGE_SIZE;
	check_found("areas overlap");
	a->start += PAGE_SIZE;
	b->end = VMALLOC_END + PAGE_SIZE;
	check_found("areas overlap");
	b->end = b->start + 4 * PAGE_SIZE;
	set_gap(b, PAGE_SIZE); /* V2 */
	check_found("a gap is not what is free");
	set_gap(b, 0);
	vmap_state.end.end -= PAGE_SIZE;
	check_found("the end is missing");
	vmap_state.end.end += PAGE_SIZE;
	vmap_area_validate();
	vmap_area_free(a);
	vmap_area_free(b);
}

TEST_SOFT(damage_to_what_waits_for_a_purge_is_found)
{
	struct vmap_area *a = area(3, PAGE_SIZE);

	release(a);
	vmap_area_validate();
	a->lazy = false;
	check_found("an area in use waits for a purge");
	a->lazy = true;
	a->cleared = false;
	check_found("an area in use waits for a purge");
	a->cleared = true;
	vmap_state.nr_lazy++; /* V4 */
	check_found("lazy areas are miscounted");
	vmap_state.nr_lazy--;
	vmap_state.lazy_bytes += PAGE_SIZE;
	check_found("lazy areas are miscounted");
	vmap_state.lazy_bytes -= PAGE_SIZE;
	vmap_area_validate();
}

/* ---- device memory ---- */

static struct vmap_area *device_area(phys_addr_t phys, u64 prot)
{
	struct vmap_area *va =
		vmap_area_alloc(2 * PAGE_SIZE, PAGE_SIZE, VMAP_IOREMAP, NULL);

	CHECK(va);
	va->phys = phys;
	va->prot = prot;
	return va;
}

/*
 *  device   below [ a a ] above     an area conflicts where it overlaps a
 */
TEST_SOFT(areas_of_one_device_conflict_where_they_overlap)
{
	const u64 prot = PAGE_KERNEL_NOCACHE, other = PAGE_KERNEL_WC;
	const phys_addr_t at = 1UL << 32;
	struct vmap_area *a = device_area(at, other), *b;

	for (long off = -3; off <= 3; off++) {
		b = device_area(at + (phys_addr_t)(off * (long)PAGE_SIZE),
				prot);
		CHECK_EQ(vmap_area_has_conflict(b), off > -2 && off < 2);
		vmap_area_free(b);
	}
	b = device_area(at, prot);
	a->prot = prot; /* the same type */
	CHECK(!vmap_area_has_conflict(b));
	a->prot = 0; /* being made: not said yet */
	CHECK(!vmap_area_has_conflict(b));
	a->prot = other;
	CHECK(vmap_area_has_conflict(b));
	release(a); /* withdrawn */
	CHECK(!vmap_area_has_conflict(b));
	vmap_area_free(b);
}
#endif

static void come_and_go(void *arg, unsigned int k)
{
	u32 *nr_failed = arg;
	struct vmap_area *mine[8] = {NULL};

	for (unsigned int i = 0; i < 500; i++) {
		struct vmap_area **slot = &mine[(i * 5 + k) % 8];

		if (*slot && vmap_area_take((*slot)->start, VMAP_MAP) != *slot)
			__atomic_fetch_add(nr_failed, 1, __ATOMIC_RELAXED);
		if (*slot)
			vmap_area_free_lazy(*slot);
		*slot = vmap_area_alloc((1 + i % 9) << PAGE_SHIFT, PAGE_SIZE,
					VMAP_MAP, NULL);
		if (!*slot)
			__atomic_fetch_add(nr_failed, 1, __ATOMIC_RELAXED);
		if (i % 50 == 0)
			vmap_area_validate();
	}
	for (unsigned int i = 0; i < 8; i++)
		if (mine[i])
			vmap_area_free(mine[i]);
}

TEST(processors_share_the_range)
{
	u32 nr_failed = 0;

	test_run_on_cpus(4, come_and_go, &nr_failed);
	CHECK_EQ(nr_failed, 0);
	vmap_area_validate();
}

TEST(no_area_is_larger_than_the_largest_gap)
{
	CHECK(!vmap_area_alloc(VMALLOC_END - VMALLOC_START, PAGE_SIZE, VMAP_MAP,
			       NULL));
	vmap_area_validate();
}

/* Somebody purges at this moment: the others do not wait for it. */
TEST_SOFT(freeing_does_not_wait_for_another_purge)
{
	vm_unmap_aliases();
	mutex_lock(&vmap_state.purge_mutex);
	for (int i = 0; i < LAZY_MAX_AREAS + 3; i++)
		release(area(1, PAGE_SIZE));
	CHECK_EQ(vmap_state.nr_lazy, LAZY_MAX_AREAS + 3);
	mutex_unlock(&vmap_state.purge_mutex);
	release(area(1, PAGE_SIZE));
	CHECK_EQ(vmap_state.nr_lazy, 0);
	vmap_area_validate();
}

/* Few, but large: the addresses would run out before the areas do. */
TEST_SOFT(a_few_large_lazy_areas_are_purged_too)
{
	vm_unmap_aliases();
	release(area(LAZY_MAX_BYTES >> PAGE_SHIFT, PAGE_SIZE));
	CHECK_EQ(vmap_state.nr_lazy, 0);
	vmap_area_validate();
}
