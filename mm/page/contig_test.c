/* SPDX-License-Identifier: MIT */
/*
 * contig_test.c - frames of a given place, and everything as it was after.
 */
#include "mm/page/contig.c"

#include <quire/vmstat.h>

#include "mm/page/page.h"
#include "port/soft/soft.h"
#include "test/test.h"

#define MIB ((phys_addr_t)1 << 20)

static const struct mem_range ranges[] = {
	{16 * MIB, 48 * MIB, 0, MEM_RANGE_USABLE},
	{64 * MIB, 72 * MIB, 0, MEM_RANGE_USABLE},
};
static const struct soft_layout machine = {
	.ranges = ranges,
	.nr_ranges = ARRAY_SIZE(ranges),
	.nr_cpus = 4,
	.nr_nodes = 1,
};

/* A free pageblock's first frame, and free ones behind it. */
static unsigned long free_place(unsigned long nr)
{
	struct page *page = alloc_contig_pages(nr, GFP_KERNEL, NUMA_NO_NODE);
	unsigned long pfn;

	CHECK(page);
	pfn = page_to_pfn(page);
	free_contig_range(pfn, nr);
	drain_all_pages();
	return pfn;
}

static int take(unsigned long start, unsigned long end)
{
	return alloc_contig_range(start, end, MIGRATE_MOVABLE, GFP_KERNEL);
}

/* The machine's free lists as a number. */
static u64 picture(void)
{
	u64 sum = 0;
	struct zone *zone;
	unsigned int order, mt;

	for_each_zone(zone)
		for (order = 0; order < NR_ORDERS; order++)
			for (mt = 0; mt < MIGRATE_TYPES; mt++)
				sum = sum * 1000003 +
				      zone->free_area[order].list[mt].nr;
	return sum;
}

TEST_MACHINE(contig_takes_exactly_the_frames_that_are_named, &machine)
{
	unsigned long pfn = free_place(2048), free = nr_free_pages(), i;
	u64 before = picture();

	static const struct {
		unsigned long from, to;
	} cases[] = {{0, 1},	{3, 4},	     {1, 1023},	  {511, 513},
		     {0, 512},	{512, 1536}, {100, 2000}, {0, 2048},
		     {7, 1031}, {1023, 1025}};

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned long start = pfn + cases[i].from;
		unsigned long end = pfn + cases[i].to, at;

		CHECK_EQ(take(start, end), 0);
		CHECK_EQ(nr_free_pages(), free - (end - start));
		for (at = start; at < end; at++) {
			CHECK_EQ(page_ref_count(pfn_to_page(at)), 1);
			CHECK_EQ(page_mapcount(pfn_to_page(at)), 0);
		}
		page_validate();
		free_contig_range(start, end - start);
		drain_all_pages();
		CHECK_EQ(nr_free_pages(), free);
		CHECK_EQ(picture(), before);
		page_validate();
	}
}

TEST_MACHINE(contig_in_use_is_busy_and_changes_nothing, &machine)
{
	unsigned long pfn = free_place(2048), i;

	CHECK_EQ(take(pfn + 700, pfn + 701), 0);
	drain_all_pages();
	for (i = 0; i < 2; i++) {
		u64 before = picture();

		CHECK_EQ(take(pfn, pfn + 2048), -EBUSY);
		CHECK_EQ(take(pfn + 700, pfn + 701), -EBUSY);
		CHECK_EQ(picture(), before);
		/* What lies beside it can be had. */
		CHECK_EQ(take(pfn, pfn + 700), 0);
		CHECK_EQ(take(pfn + 701, pfn + 1024), 0);
		free_contig_range(pfn, 700);
		free_contig_range(pfn + 701, 323);
		drain_all_pages();
		CHECK_EQ(picture(), before);
		page_validate();
	}
	__free_page(pfn_to_page(pfn + 700));
}

TEST_MACHINE(contig_refuses_what_is_no_range_of_memory, &machine)
{
	unsigned long pfn = free_place(512), hole = 50 * MIB >> PAGE_SHIFT;

	CHECK_EQ(take(pfn, pfn), -EINVAL);
	CHECK_EQ(take(pfn + 1, pfn), -EINVAL);
	CHECK_EQ(take(pfn, max_pfn + 1), -EINVAL);
	CHECK_EQ(take(hole, hole + 1), -EINVAL);
	CHECK_EQ(take(hole - 1024, hole + 1), -EINVAL);
	CHECK_EQ(alloc_contig_range(pfn, pfn + 1, MIGRATE_ISOLATE, GFP_KERNEL),
		 -EINVAL);
	CHECK_EQ(alloc_contig_range(pfn, pfn + 1, MIGRATE_MOVABLE,
				    GFP_KERNEL | __GFP_COMP),
		 -EINVAL);
	CHECK_EQ(alloc_contig_range(pfn, pfn + 1, MIGRATE_MOVABLE, GFP_NOWAIT),
		 -EINVAL);
	CHECK(!alloc_contig_pages(0, GFP_KERNEL, 0));
	CHECK(!alloc_contig_pages(~0UL, GFP_KERNEL, 0));
	CHECK(!alloc_contig_pages(1, GFP_KERNEL, -5));
	CHECK(!alloc_contig_pages(1, GFP_KERNEL, nr_node_ids));
	/* More than lies in a row, and more than lies low. */
	CHECK(!alloc_contig_pages(40 * MIB >> PAGE_SHIFT, GFP_KERNEL, 0));
	CHECK(!alloc_contig_pages(1, GFP_KERNEL | GFP_DMA, 0));
	page_validate();
}

TEST_MACHINE(contig_pages_may_be_more_than_the_largest_order, &machine)
{
	unsigned long nr = 2500, i;
	struct page *page = alloc_contig_pages(
		nr, GFP_KERNEL | __GFP_ZERO | __GFP_THISNODE, 0);

	CHECK(page);
	CHECK_EQ(page_to_pfn(page) % 4096, 0);
	for (i = 0; i < nr * PAGE_SIZE / 8; i += 64)
		CHECK_EQ(((u64 *)page_address(page))[i], 0);
	page_validate();
	free_contig_range(page_to_pfn(page), nr);
	page_validate();
}

/* One at a time: a pageblock that somebody has isolated is busy. */
TEST_MACHINE(contig_isolated_by_another_is_busy, &machine)
{
	unsigned long pfn = free_place(2048), flags;
	struct zone *zone = page_zone(pfn_to_page(pfn));
	u64 before = picture();

	spin_lock_irqsave(&zone->lock, flags);
	CHECK(buddy_isolate(zone, pfn + 1024));
	CHECK(!buddy_isolate(zone, pfn + 1024));
	spin_unlock_irqrestore(&zone->lock, flags);
	zone_validate(zone);
	CHECK_EQ(take(pfn, pfn + 2048), -EBUSY);
	zone_validate(zone);
	unisolate(zone, pfn + 1024, pfn + 1025);
	CHECK_EQ(picture(), before);
	CHECK_EQ(take(pfn, pfn + 2048), 0);
	free_contig_range(pfn, 2048);
}

/* What is freed into an isolated pageblock stays there, also single frames. */
TEST_MACHINE(contig_isolation_catches_what_is_freed, &machine)
{
	unsigned long pfn = free_place(512), flags;
	struct zone *zone = page_zone(pfn_to_page(pfn));

	CHECK_EQ(take(pfn + 5, pfn + 6), 0);
	spin_lock_irqsave(&zone->lock, flags);
	CHECK(buddy_isolate(zone, pfn));
	spin_unlock_irqrestore(&zone->lock, flags);
	__free_page(pfn_to_page(pfn + 5));
	CHECK(!PagePcp(pfn_to_page(pfn + 5)));
	CHECK_EQ(zone->free_area[PAGEBLOCK_ORDER].list[MIGRATE_ISOLATE].nr, 1);
	unisolate(zone, pfn, pfn + 1);
	page_validate();
}

static unsigned long moved_from, moved_to;
static int migrate_result;

/* Moves by freeing: the test owns the frame at moved_from. */
static int fake_migrate(unsigned long start, unsigned long end, gfp_t gfp)
{
	(void)gfp;
	CHECK(start <= moved_from && moved_from < end);
	if (migrate_result)
		return migrate_result;
	moved_to++;
	__free_page(pfn_to_page(moved_from));
	return 0;
}

TEST_MACHINE(contig_has_pages_in_use_moved_away, &machine)
{
	static const struct contig_ops ops = {.migrate_range = fake_migrate};
	unsigned long pfn = free_place(1024);
	u64 before;

	moved_from = pfn + 33;
	CHECK_EQ(take(moved_from, moved_from + 1), 0);
	before = picture();
	register_contig_ops(&ops);
	migrate_result = -EAGAIN;
	CHECK_EQ(take(pfn, pfn + 1024), -EAGAIN);
	CHECK_EQ(picture(), before);
	migrate_result = 0;
	CHECK_EQ(take(pfn, pfn + 1024), 0);
	CHECK_EQ(moved_to, 1);
	register_contig_ops(NULL);
	free_contig_range(pfn, 1024);
	page_validate();
}

TEST_MACHINE(contig_can_fail_and_then_takes_nothing, &machine)
{
	unsigned long pfn = free_place(512), free = nr_free_pages();

	EACH_FAILURE(n) {
		int err = take(pfn, pfn + 300);

		CHECK_EQ(err, failure_was_injected() ? -EBUSY : 0);
		if (!err)
			free_contig_range(pfn, 300);
		CHECK_EQ(nr_free_pages(), free);
		page_validate();
	}
}

/* Ranges anywhere, against a map of what the test has. */
#define MODEL 2048U
TEST_MACHINE(contig_random_ranges_equal_a_naive_map, &machine)
{
	static bool mine[MODEL];
	unsigned long pfn = free_place(MODEL), step, i;
	u64 before = picture();

	for (step = 0; step < 300; step++) {
		unsigned long from = test_random_below(MODEL);
		unsigned long to = from + 1 + test_random_below(MODEL - from);
		bool any = false, all = true;

		if (test_random_below(3))
			to = min(to, from + 1 + test_random_below(40));
		for (i = from; i < to; i++) {
			any |= mine[i];
			all &= mine[i];
		}
		if (all) {
			free_contig_range(pfn + from, to - from);
			memset(mine + from, 0, to - from);
		} else {
			int err = take(pfn + from, pfn + to);

			CHECK_EQ(err, any ? -EBUSY : 0);
			if (!err)
				memset(mine + from, 1, to - from);
		}
		if (step % 10 == 0)
			page_validate();
	}
	for (i = 0; i < MODEL; i++)
		if (mine[i])
			__free_page(pfn_to_page(pfn + i));
	drain_all_pages();
	page_validate();
	CHECK_EQ(picture(), before);
}

/* ---- others at work ---- */

static unsigned long stage;

static void take_ranges(unsigned int k)
{
	unsigned int i;

	for (i = 0; i < 40; i++) {
		unsigned long from = stage + (i * 131 + k * 57) % 1500;
		unsigned long nr = 1 + (i * 37) % 500, at;

		if (take(from, from + nr))
			continue;
		for (at = from; at < from + nr; at++)
			*(u64 *)page_address(pfn_to_page(at)) = at * 8 + k;
		cpu_relax();
		for (at = from; at < from + nr; at++)
			CHECK_EQ(*(u64 *)page_address(pfn_to_page(at)),
				 at * 8 + k);
		free_contig_range(from, nr);
	}
}

static void take_ranges_or_frames(void *arg, unsigned int k)
{
	struct page *pages[24];
	unsigned int i, j;

	(void)arg;
	if (k < 2)
		return take_ranges(k);
	for (i = 0; i < 60; i++) {
		for (j = 0; j < ARRAY_SIZE(pages); j++) {
			pages[j] = alloc_pages(j & 1 ? GFP_HIGHUSER_MOVABLE
						     : GFP_KERNEL,
					       j % 4);
			CHECK(pages[j]);
			*(u64 *)page_address(pages[j]) = k;
		}
		for (j = 0; j < ARRAY_SIZE(pages); j++) {
			CHECK_EQ(*(u64 *)page_address(pages[j]), k);
			__free_pages(pages[j], j % 4);
		}
	}
}

static void ranges_among_others(void)
{
	unsigned long free = nr_free_pages();

	stage = free_place(2048);
	test_run_on_cpus(4, take_ranges_or_frames, NULL);
	CHECK_EQ(nr_free_pages(), free);
	page_validate();
}

TEST_MACHINE(contig_ranges_are_nobodys_else_while_others_allocate, &machine)
{
	ranges_among_others();
}

static const struct soft_layout seeded = {
	.ranges = ranges,
	.nr_ranges = ARRAY_SIZE(ranges),
	.nr_cpus = 4,
	.nr_nodes = 1,
	.mode = SOFT_SEEDED,
};

TEST_MACHINE(contig_ranges_are_nobodys_else_in_a_seeded_schedule, &seeded)
{
	ranges_among_others();
}

/* ---- zones and contents that contig has to look at ---- */

static const struct mem_range two_ranges[] = {
	{8 * MIB, 24 * MIB, 0, MEM_RANGE_USABLE},
	{24 * MIB, 40 * MIB, 1, MEM_RANGE_USABLE},
	{64 * MIB, 72 * MIB, 0, MEM_RANGE_USABLE},
};
static const struct soft_layout two = {
	.ranges = two_ranges,
	.nr_ranges = ARRAY_SIZE(two_ranges),
	.nr_cpus = 1,
	.nr_nodes = 2,
	.highmem_start = 64 * MIB,
	.cmdline = "page_poison=1",
};

TEST_MACHINE(contig_ranges_keep_to_one_zone_and_node, &two)
{
	unsigned long dma_end = 16 * MIB >> PAGE_SHIFT;
	unsigned long node_end = 24 * MIB >> PAGE_SHIFT;
	unsigned long high = 64 * MIB >> PAGE_SHIFT;
	struct page *page;

	CHECK_EQ(take(dma_end - 1, dma_end + 1), -EINVAL);
	CHECK_EQ(take(node_end - 1, node_end + 1), -EINVAL);
	CHECK_EQ(alloc_contig_range(high, high + 3, MIGRATE_MOVABLE,
				    GFP_KERNEL | __GFP_ZERO),
		 0);
	free_contig_range(high, 3);
	page = alloc_contig_pages(100, GFP_KERNEL | __GFP_THISNODE, 1);
	CHECK(page);
	CHECK_EQ(page_to_nid(page), 1);
	free_contig_range(page_to_pfn(page), 100);
	/* The other node has no place for so many. */
	CHECK(!alloc_contig_pages(5000, GFP_KERNEL | __GFP_THISNODE, 1));
	page_validate();
}

TEST_MACHINE(contig_reports_poison_that_was_overwritten, &two)
{
	unsigned long pfn = free_place(100);
	u8 *bytes = page_address(pfn_to_page(pfn + 7));

	bytes[5] = 1;
	test_expect_report("memory corruption");
	CHECK_EQ(take(pfn, pfn + 100), 0);
	CHECK_EQ(test_expect_end(), 1);
	free_contig_range(pfn, 100);
	page_validate();
}

static const struct soft_layout clearing = {
	.ranges = ranges,
	.nr_ranges = ARRAY_SIZE(ranges),
	.nr_cpus = 1,
	.nr_nodes = 1,
	.cmdline = "init_on_alloc=1",
};

TEST_MACHINE(contig_frames_are_cleared_by_init_on_alloc, &clearing)
{
	unsigned long pfn = free_place(10);
	u64 *words = page_address(pfn_to_page(pfn + 9));

	words[3] = 77;
	CHECK_EQ(take(pfn, pfn + 10), 0);
	CHECK_EQ(words[3], 0);
	free_contig_range(pfn, 10);
}

/* What lies on a busy processor's list all the time stays busy. */
TEST_MACHINE(contig_gives_up_after_a_few_drains, &machine)
{
	unsigned long pfn = free_place(512), used;
	struct page *page = pfn_to_page(pfn + 9);
	struct zone *zone = page_zone(page);

	CHECK_EQ(take(pfn + 9, pfn + 10), 0);
	/* As if it came onto a list after each drain. */
	WRITE_ONCE(page->flags, zone->page_flags | 1U << PG_pcp);
	CHECK_EQ(take(pfn, pfn + 512), -EBUSY);
	WRITE_ONCE(page->flags, zone->page_flags);
	CHECK_EQ(try_take(zone, pfn, pfn + 512, &used), -EBUSY);
	CHECK_EQ(used, pfn + 9);
	__free_page(page);
	page_validate();
}
