/* SPDX-License-Identifier: MIT */
/*
 * pcp_test.c - the per-CPU lists through the allocator's own calls.
 */
#include "mm/page/pcp.c"

#include <quire/vmstat.h>

#include "mm/page/page.h"
#include "port/soft/soft.h"
#include "test/test.h"

static struct pcp *pcp_of(const struct page *page)
{
	return page_zone(page)->pageset[smp_processor_id()];
}

TEST(pcp_gives_back_the_frame_freed_last)
{
	struct page *a = alloc_page(GFP_KERNEL), *b = alloc_page(GFP_KERNEL);

	CHECK(a && b);
	__free_page(a);
	CHECK(PagePcp(a));
	CHECK(alloc_page(GFP_KERNEL) == a);
	__free_page(b);
	__free_page(a);
	CHECK(alloc_page(GFP_KERNEL) == a);
	CHECK(alloc_page(GFP_KERNEL) == b);
	__free_page(a);
	__free_page(b);
}

#define MANY 1500U

TEST(pcp_holds_at_most_two_stacks_of_a_type)
{
	static struct page *page[MANY];
	struct pcp *pcp;
	unsigned int i, mt = MIGRATE_UNMOVABLE;

	for (i = 0; i < MANY; i++)
		CHECK(page[i] = alloc_page(GFP_KERNEL));
	pcp = pcp_of(page[0]);
	for (i = 0; i < MANY; i++) {
		__free_page(page[i]);
		CHECK(pcp_pages(pcp) <= pcp_high(pcp));
		CHECK(pcp->hot[mt].nr < pcp->size);
		pcp_validate(pcp);
	}
	CHECK(pcp->cold[mt] != PFN_NIL);
}

TEST(pcp_drain_gives_everything_to_the_buddy_system)
{
	struct page *page = alloc_page(GFP_KERNEL);
	struct zone *zone;

	CHECK(page);
	__free_page(page);
	CHECK(zone_pcp_pages(page_zone(page)) > 0);
	drain_all_pages();
	for_each_zone(zone)
		CHECK_EQ(zone_pcp_pages(zone), 0);
}

TEST(pcp_drain_of_this_processor_leaves_nothing_on_it)
{
	struct page *page = alloc_page(GFP_KERNEL);
	struct pcp *pcp = pcp_of(page);

	__free_page(page);
	CHECK(pcp_pages(pcp) > 0);
	drain_local_pages();
	CHECK_EQ(pcp_pages(pcp), 0);
}

/* What an interrupt handler finds that came in between. */
TEST(pcp_busy_list_sends_callers_to_the_zone)
{
	struct page *page = alloc_page(GFP_KERNEL), *a, *b;
	unsigned long free = nr_free_pages();
	struct pcp *pcp = pcp_of(page);
	u32 before;

	raw_spin_lock(&pcp->lock.locked);
	before = pcp->hot[MIGRATE_UNMOVABLE].nr;
	a = alloc_page(GFP_ATOMIC);
	b = alloc_page(GFP_ATOMIC | __GFP_ZERO);
	CHECK(a && b && a != b);
	CHECK_EQ(pcp->hot[MIGRATE_UNMOVABLE].nr, before);
	CHECK_EQ(nr_free_pages(), free - 2);
	__free_page(a);
	__free_page(b);
	CHECK_EQ(pcp->hot[MIGRATE_UNMOVABLE].nr, before);
	CHECK_EQ(nr_free_pages(), free);
	raw_spin_unlock(&pcp->lock.locked);
	__free_page(page);
}

TEST(pcp_serves_each_migrate_type_from_its_own_pageblocks)
{
	struct page *u = alloc_page(GFP_KERNEL);
	struct page *m = alloc_page(GFP_HIGHUSER_MOVABLE);
	struct page *r = alloc_page(GFP_KERNEL | __GFP_RECLAIMABLE);

	CHECK(u && m && r);
	CHECK_EQ(pageblock_type(page_to_pfn(u)), MIGRATE_UNMOVABLE);
	CHECK_EQ(pageblock_type(page_to_pfn(m)), MIGRATE_MOVABLE);
	CHECK_EQ(pageblock_type(page_to_pfn(r)), MIGRATE_RECLAIMABLE);
	__free_page(u);
	__free_page(m);
	__free_page(r);
}

TEST(pcp_keeps_a_few_short_unmovable_runs)
{
	struct page *run[PCP_RUNS_MAX + 2];
	unsigned int order, i;

	for (order = 1; order <= PCP_RUN_ORDERS; order++) {
		unsigned long before;

		drain_all_pages();
		for (i = 0; i < ARRAY_SIZE(run); i++)
			CHECK(run[i] = alloc_pages(GFP_KERNEL, order));
		before = nr_free_pages();
		for (i = 0; i < ARRAY_SIZE(run); i++)
			__free_pages(run[i], order);
		CHECK_EQ(nr_free_pages(), before + (ARRAY_SIZE(run) << order));
		CHECK_EQ(pcp_of(run[0])->runs[order - 1].nr, PCP_RUNS_MAX);
		page_validate();
		CHECK(alloc_pages(GFP_KERNEL | __GFP_COMP, order) ==
		      run[PCP_RUNS_MAX - 1]);
		CHECK(PageHead(run[PCP_RUNS_MAX - 1]));
		put_page(run[PCP_RUNS_MAX - 1] + 1);
		page_validate();
	}
	drain_all_pages();
	page_validate();
}

TEST(pcp_run_freed_twice_is_reported)
{
	struct page *run = alloc_pages(GFP_KERNEL, 2);

	CHECK(run);
	__free_pages(run, 2);
	CHECK(PagePcp(run));
	test_expect_report("is free already");
	__free_pages(run, 2);
	CHECK_EQ(test_expect_end(), 1);
}

/*
 * Processors allocate, write into, pass on and free frames; each frame is
 * stamped with a number that must still be there when it is freed elsewhere.
 */
#define SLOTS  64U
#define ROUNDS 3000U

static struct page *slots[SLOTS];

static void pass_frames(void *arg, unsigned int k)
{
	u64 state = (k + 1) * 0x9e3779b97f4a7c15UL;
	unsigned int i;

	(void)arg;
	for (i = 0; i < ROUNDS; i++) {
		struct page *page = NULL;
		u64 *word;

		state = state * 6364136223846793005UL + 1442695040888963407UL;
		if (state >> 60 < 9)
			page = alloc_page(state >> 40 & 1
						  ? GFP_KERNEL
						  : GFP_HIGHUSER_MOVABLE);
		if (page) {
			word = page_address(page);
			word[0] = (uintptr_t)page;
			word[511] = ~(u64)(uintptr_t)page;
		}
		page = __atomic_exchange_n(&slots[state >> 33 & (SLOTS - 1)],
					   page, __ATOMIC_ACQ_REL);
		if (page) {
			word = page_address(page);
			CHECK(word[0] == (uintptr_t)page);
			CHECK(word[511] == ~(u64)(uintptr_t)page);
			__free_page(page);
		}
		if (i % 512 == k)
			drain_all_pages();
	}
}

static void pass_frames_around(void)
{
	unsigned int i;

	test_run_on_cpus(8, pass_frames, NULL);
	for (i = 0; i < SLOTS; i++) {
		if (slots[i])
			__free_page(slots[i]);
		slots[i] = NULL;
	}
}

TEST(pcp_frames_allocated_here_and_freed_there_are_never_shared)
{
	pass_frames_around();
}

/* On metal the threads' own memory comes and goes meanwhile. */
TEST_SOFT(pcp_frames_passed_between_processors_leave_all_counts_right)
{
	unsigned long free = nr_free_pages();

	pass_frames_around();
	CHECK_EQ(nr_free_pages(), free);
	page_validate();
}

/* ---- sizes: a machine whose lists have room to grow ---- */

#define MIB ((phys_addr_t)1 << 20)

static const struct mem_range wide_ranges[] = {
	{16 * MIB, 144 * MIB, 0, MEM_RANGE_USABLE},
};
static const struct soft_layout wide = {
	.ranges = wide_ranges,
	.nr_ranges = ARRAY_SIZE(wide_ranges),
	.nr_cpus = 2,
	.nr_nodes = 1,
};

static u32 hoard = PFN_NIL;

static unsigned long take(unsigned long nr)
{
	unsigned long got = 0;
	struct page *page;

	while (got < nr && (page = alloc_page(GFP_NOWAIT))) {
		page->link.next = hoard;
		hoard = (u32)page_to_pfn(page);
		got++;
	}
	return got;
}

static void give(unsigned long nr)
{
	for (; nr && hoard != PFN_NIL; nr--) {
		struct page *page = pfn_to_page(hoard);

		hoard = page->link.next;
		__free_page(page);
	}
}

static struct pcp *only_pcp(void)
{
	return next_zone(NULL)->pageset[0];
}

/* high_min: low mark / 2 processors; high_max: 1/8 of the zone / 2. */
TEST_MACHINE(pcp_bounds_of_sizes_follow_the_zone, &wide)
{
	struct zone *zone = next_zone(NULL);
	struct pcp *pcp = only_pcp();
	unsigned long low = zone->watermark[WMARK_LOW] / 2;
	unsigned long top = zone->managed_pages / 16;

	CHECK_EQ(pcp->batch, PCP_BATCH_LEAST);
	CHECK(pcp->size_min > pcp->batch);
	CHECK_LE(pcp_high_of_size(pcp->size_min), low);
	CHECK(pcp_high_of_size(pcp->size_min + 1U) > low);
	CHECK_EQ(pcp->size_max, PCP_BATCH_LEAST << PCP_BATCH_SCALE_MAX);
	CHECK_LE(pcp_high_of_size(pcp->size_max), top);
	CHECK_GE(pcp->size, pcp->size_min);
}

TEST_MACHINE(pcp_refills_grow_with_demand_and_overflows_calm_them, &wide)
{
	struct pcp *pcp = only_pcp();
	unsigned long refills;

	drain_all_pages();
	pcp->alloc_factor = 0;
	take(1);
	CHECK_EQ(pcp->hot[MIGRATE_UNMOVABLE].nr, pcp->batch - 2U);
	CHECK_EQ(pcp->alloc_factor, 1);
	take(8000);
	CHECK_EQ(pcp->size, pcp->size_max);
	CHECK_EQ(pcp->alloc_factor, PCP_BATCH_SCALE_MAX);
	/* At full size: one refill for each stack of frames. */
	refills = pcp->refills;
	take(10UL * pcp->size_max);
	CHECK_LE(pcp->refills, refills + 11);
	give(4UL * pcp->size_max);
	CHECK(pcp->alloc_factor < PCP_BATCH_SCALE_MAX);
	pcp_validate(pcp);
	give(~0UL);
}

TEST_MACHINE(pcp_lists_shrink_when_the_zone_is_short, &wide)
{
	struct zone *zone = next_zone(NULL);
	struct pcp *pcp = only_pcp();
	unsigned int before;

	take(8000);
	CHECK_EQ(pcp->size, pcp->size_max);
	/* Allocating ... */
	take(~0UL);
	CHECK(zone->free_pages <= zone->watermark[WMARK_HIGH]);
	CHECK(pcp->size < pcp->size_max);
	/* ... and freeing: what overflows goes where it is needed. */
	raw_spin_lock(&pcp->lock.locked);
	set_size(pcp, pcp->size_max);
	before = pcp->size;
	raw_spin_unlock(&pcp->lock.locked);
	give(3UL * pcp->size_max);
	CHECK(pcp->size < before);
	page_validate();
	give(~0UL);
	page_validate();
}

TEST_MACHINE(pcp_decay_shrinks_quiet_lists_and_empties_idle_ones, &wide)
{
	struct pcp *pcp = only_pcp();
	unsigned int rounds = 0, last;

	take(8000);
	give(8000);
	CHECK_EQ(pcp->size, pcp->size_max);
	pcp_decay();
	CHECK_EQ(pcp->size, pcp->size_max); /* it was refilled */
	CHECK(pcp_pages(pcp) > 0);
	/* Used, but not refilled: an eighth at a time, nothing else goes. */
	while (pcp->size > pcp->size_min) {
		last = pcp->size;
		take(1);
		give(1);
		pcp_decay();
		CHECK(pcp->size < last);
		CHECK(pcp->size >= last - last / 8);
		CHECK(pcp_pages(pcp) <= pcp_high(pcp));
		pcp_validate(pcp);
		CHECK(++rounds < 100);
	}
	take(1);
	give(1);
	pcp_decay();
	CHECK(pcp_pages(pcp) > 0);
	/* Not used at all since. */
	pcp_decay();
	CHECK_EQ(pcp_pages(pcp), 0);
	page_validate();
}

TEST_MACHINE(pcp_high_fraction_overrides_the_adaption, &wide)
{
	struct zone *zone = next_zone(NULL);
	const s64 eight = 8, thousand = 1000, none = 0;
	struct pcp *pcp = only_pcp();
	unsigned int size_min = pcp->size_min;

	CHECK_EQ(percpu_pagelist_high_fraction_set(&eight, 1), 0);
	CHECK_EQ(pcp->size, pcp->size_min);
	CHECK_EQ(pcp->size, pcp->size_max);
	CHECK_LE(pcp_high(pcp), zone->managed_pages / 8 / 2);
	CHECK(pcp_high_of_size(pcp->size + 1U) > zone->managed_pages / 8 / 2);
	take(9000);
	give(9000);
	CHECK_GE(pcp_pages(pcp), pcp->size);
	/* Smaller: what is too much goes at once. */
	CHECK_EQ(percpu_pagelist_high_fraction_set(&thousand, 1), 0);
	CHECK_EQ(pcp->size_max, pcp->batch);
	CHECK_LE(pcp_pages(pcp), pcp_high(pcp));
	page_validate();
	CHECK_EQ(percpu_pagelist_high_fraction_set(&none, 1), 0);
	CHECK_EQ(pcp->size_min, size_min);
	CHECK(pcp->size_max > pcp->size_min);
}

/* Sizes change under processors that allocate and free. */
static void turn_and_pass(void *arg, unsigned int k)
{
	unsigned int i;

	(void)arg;
	if (k != 1)
		return pass_frames(arg, k);
	for (i = 0; i < 60; i++) {
		s64 fraction = i % 3 ? 8 << i % 7 : 0;

		CHECK_EQ(percpu_pagelist_high_fraction_set(&fraction, 1), 0);
		pcp_decay();
		drain_local_pages();
	}
}

TEST_SOFT(pcp_sizes_change_under_processors_at_work)
{
	unsigned long free = nr_free_pages();
	unsigned int i;

	test_run_on_cpus(8, turn_and_pass, NULL);
	for (i = 0; i < SLOTS; i++) {
		if (slots[i])
			__free_page(slots[i]);
		slots[i] = NULL;
	}
	CHECK_EQ(nr_free_pages(), free);
	page_validate();
}
