/* SPDX-License-Identifier: MIT */
/*
 * watermark_test.c - marks that follow from the zones' sizes and the knobs.
 */
#include "mm/page/watermark.c"

#include <quire/gfp.h>
#include <quire/vmstat.h>

#include "mm/page/page.h"
#include "port/soft/soft.h"
#include "test/test.h"

#define MIB ((phys_addr_t)1 << 20)

/* A PC of 128 MiB, and one whose memory is cut into three zones. */
static const struct mem_range pc_ranges[] = {
	{1 * MIB, 128 * MIB, 0, MEM_RANGE_USABLE},
};
static const struct soft_layout pc128 = {
	.ranges = pc_ranges,
	.nr_ranges = ARRAY_SIZE(pc_ranges),
	.nr_cpus = 2,
	.nr_nodes = 1,
};

TEST(int_sqrt_rounds_down)
{
	unsigned long i;

	for (i = 0; i < 3000; i++) {
		unsigned long root = int_sqrt(i);

		CHECK(root * root <= i && (root + 1) * (root + 1) > i);
	}
	CHECK_EQ(int_sqrt(~0UL), 0xffffffffUL);
	CHECK_EQ(int_sqrt(1UL << 62), 1UL << 31);
}

/*
 * min_free_kbytes = sqrt(16 x KiB), shared out by size; low and high a quarter
 * of min above one another, as 10 / 10000 of a zone is less.
 */
TEST_MACHINE(watermarks_follow_linux_formula, &pc128)
{
	unsigned long kib = totalram_pages() << (PAGE_SHIFT - 10), sum = 0;
	struct zone *zone;

	CHECK(knobs.min_free_kbytes * knobs.min_free_kbytes <= 16 * kib);
	CHECK((knobs.min_free_kbytes + 1) * (knobs.min_free_kbytes + 1) >
	      16 * kib);
	for_each_zone(zone) {
		unsigned long lowest = zone->watermark[WMARK_MIN];

		CHECK_EQ(zone->watermark[WMARK_LOW], lowest + lowest / 4);
		CHECK_EQ(zone->watermark[WMARK_HIGH],
			 lowest + 2 * (lowest / 4));
		sum += lowest;
	}
	CHECK(sum <= knobs.min_free_kbytes / 4 &&
	      sum + 2 >= knobs.min_free_kbytes / 4);
}

TEST_MACHINE(lowmem_reserve_is_a_share_of_the_zones_above, &pc128)
{
	struct zone *dma = zone_table[ZONE_DMA];
	struct zone *dma32 = zone_table[ZONE_DMA32];

	CHECK_EQ(dma->lowmem_reserve[ZONE_DMA], 0);
	CHECK_EQ(dma->lowmem_reserve[ZONE_DMA32], dma32->managed_pages / 256);
	CHECK_EQ(dma->lowmem_reserve[ZONE_NORMAL], dma32->managed_pages / 256);
	CHECK_EQ(dma32->lowmem_reserve[ZONE_NORMAL], 0);
}

TEST_MACHINE(watermark_ok_needs_a_block_of_the_order_too, &pc128)
{
	struct zone *zone = zone_table[ZONE_DMA32];
	struct zone fake = *zone;
	unsigned int mt;

	CHECK(zone_watermark_ok(&fake, MAX_ORDER, ZONE_NORMAL, WMARK_LOW));
	for (mt = 0; mt < MIGRATE_TYPES; mt++)
		fake.avail[mt] &= 0x0f;
	fake.avail[MIGRATE_MOVABLE] |= 0x08;
	CHECK(zone_watermark_ok(&fake, 3, ZONE_NORMAL, WMARK_LOW));
	CHECK(!zone_watermark_ok(&fake, 4, ZONE_NORMAL, WMARK_LOW));
	/* Frames that are isolated serve nobody. */
	fake.avail[MIGRATE_ISOLATE] = 0x7ff;
	CHECK(!zone_watermark_ok(&fake, 4, ZONE_NORMAL, WMARK_LOW));
}

/* Take what ordinary requests get, give it back, and compare. */
TEST_MACHINE(available_pages_are_those_that_requests_get, &pc128)
{
	unsigned long available = nr_available_pages(), got = 0;
	u32 hoard = PFN_NIL;
	struct page *page;

	CHECK(available < nr_free_pages());
	while ((page = alloc_page(GFP_HIGHUSER_MOVABLE | __GFP_NOWARN))) {
		page->link.next = hoard;
		hoard = (u32)page_to_pfn(page);
		got++;
	}
	CHECK_EQ(got, available);
	CHECK_EQ(nr_available_pages(), 0);
	while (hoard != PFN_NIL) {
		page = pfn_to_page(hoard);
		hoard = page->link.next;
		__free_page(page);
	}
}

/* ---- knobs ---- */

static s64 read_one(int (*get)(s64 *values))
{
	s64 values[MAX_NR_ZONES] = {-1};

	CHECK_EQ(get(values), 1);
	return values[0];
}

static int write_one(int (*set)(const s64 *values, unsigned int nr), s64 value)
{
	return set(&value, 1);
}

static const struct {
	int (*get)(s64 *values);
	int (*set)(const s64 *values, unsigned int nr);
	s64 is, least, most;
} bounds[] = {
	{watermark_scale_factor_get, watermark_scale_factor_set, 10, 1, 3000},
	{watermark_boost_factor_get, watermark_boost_factor_set, 15000, 0,
	 SYSCTL_INT_MAX},
	{percpu_pagelist_high_fraction_get, percpu_pagelist_high_fraction_set,
	 0, 0, SYSCTL_INT_MAX},
};

TEST_MACHINE(knobs_have_linux_defaults_and_refuse_what_is_out_of_bounds, &pc128)
{
	s64 two[2] = {10, 10};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bounds); i++) {
		CHECK_EQ(read_one(bounds[i].get), bounds[i].is);
		CHECK_EQ(write_one(bounds[i].set, bounds[i].least - 1),
			 -EINVAL);
		CHECK_EQ(write_one(bounds[i].set, bounds[i].most + 1), -EINVAL);
		CHECK_EQ(bounds[i].set(two, 2), -EINVAL);
		CHECK_EQ(bounds[i].set(two, 0), -EINVAL);
		CHECK_EQ(read_one(bounds[i].get), bounds[i].is);
		CHECK_EQ(write_one(bounds[i].set, bounds[i].least), 0);
		CHECK_EQ(read_one(bounds[i].get), bounds[i].least);
		CHECK_EQ(write_one(bounds[i].set, bounds[i].most), 0);
		CHECK_EQ(read_one(bounds[i].get), bounds[i].most);
		page_validate();
	}
	CHECK_EQ(write_one(min_free_kbytes_set, -1), -EINVAL);
	CHECK_EQ(write_one(min_free_kbytes_set, SYSCTL_INT_MAX + 1), -EINVAL);
	for (i = 1; i < 8; i++)
		CHECK_EQ(write_one(percpu_pagelist_high_fraction_set, i),
			 -EINVAL);
	CHECK_EQ(write_one(percpu_pagelist_high_fraction_set, 8), 0);
}

TEST_MACHINE(a_written_min_free_kbytes_moves_all_marks_and_stays, &pc128)
{
	struct zone *dma = zone_table[ZONE_DMA];
	struct zone *dma32 = zone_table[ZONE_DMA32];
	unsigned long total = dma->managed_pages + dma32->managed_pages;

	CHECK_EQ(write_one(min_free_kbytes_set, 8192), 0);
	CHECK_EQ(read_one(min_free_kbytes_get), 8192);
	CHECK_EQ(dma->watermark[WMARK_MIN], 2048 * dma->managed_pages / total);
	CHECK_EQ(dma32->watermark[WMARK_MIN],
		 2048 * dma32->managed_pages / total);
	/* Memory comes or goes: what was written is not computed again. */
	setup_per_zone_wmarks();
	CHECK_EQ(read_one(min_free_kbytes_get), 8192);
	CHECK_EQ(write_one(min_free_kbytes_set, 0), 0);
	CHECK_EQ(dma->watermark[WMARK_MIN], 0);
	CHECK(dma->watermark[WMARK_LOW] > 0);
}

TEST_MACHINE(scale_factor_sets_the_distance_of_the_marks, &pc128)
{
	struct zone *zone = zone_table[ZONE_DMA32];
	unsigned long step = zone->managed_pages * 3000 / 10000;

	CHECK_EQ(write_one(watermark_scale_factor_set, 3000), 0);
	CHECK_EQ(zone->watermark[WMARK_LOW], zone->watermark[WMARK_MIN] + step);
	CHECK_EQ(zone->watermark[WMARK_HIGH],
		 zone->watermark[WMARK_LOW] + step);
}

TEST_MACHINE(lowmem_reserve_ratio_takes_part_of_the_vector, &pc128)
{
	static const s64 less[2] = {128, -7}, large[1] = {SYSCTL_INT_MAX + 1};
	struct zone *dma = zone_table[ZONE_DMA];
	struct zone *dma32 = zone_table[ZONE_DMA32];
	s64 now[MAX_NR_ZONES + 1];

	CHECK_EQ(lowmem_reserve_ratio_get(now), MAX_NR_ZONES);
	CHECK_EQ(now[ZONE_DMA], 256);
	CHECK_EQ(now[ZONE_DMA32], 256);
	CHECK_EQ(now[ZONE_NORMAL], 32);
	CHECK_EQ(now[ZONE_HIGHMEM], 0);
	CHECK_EQ(now[ZONE_MOVABLE], 0);
	CHECK_EQ(lowmem_reserve_ratio_set(less, 2), 0);
	lowmem_reserve_ratio_get(now);
	CHECK_EQ(now[ZONE_DMA], 128);
	CHECK_EQ(now[ZONE_DMA32], 0); /* below 1: none */
	CHECK_EQ(now[ZONE_NORMAL], 32);
	CHECK_EQ(dma->lowmem_reserve[ZONE_NORMAL], dma32->managed_pages / 128);
	CHECK_EQ(lowmem_reserve_ratio_set(now, MAX_NR_ZONES + 1), -EINVAL);
	CHECK_EQ(lowmem_reserve_ratio_set(large, 1), -EINVAL);
	lowmem_reserve_ratio_get(now);
	CHECK_EQ(now[ZONE_DMA], 128);
}

/* Any values in any order: marks stay in order, lists stay whole. */
TEST_MACHINE(random_knobs_keep_every_invariant, &pc128)
{
	struct page *pages[300] = {NULL};
	unsigned int step, i;
	s64 ratio[3];

	for (step = 0; step < 300; step++) {
		struct zone *zone;

		switch (test_random_below(6)) {
		case 0:
			write_one(min_free_kbytes_set,
				  (s64)test_random_below(20000));
			break;
		case 1:
			write_one(watermark_scale_factor_set,
				  (s64)test_random_below(3002));
			break;
		case 2:
			write_one(percpu_pagelist_high_fraction_set,
				  (s64)test_random_below(300));
			break;
		case 3:
			for (i = 0; i < 3; i++)
				ratio[i] = (s64)test_random_below(300) - 1;
			CHECK_EQ(lowmem_reserve_ratio_set(ratio, 3), 0);
			break;
		default:
			for (i = 0; i < 100; i++) {
				struct page **p =
					&pages[test_random_below(300)];

				if (*p)
					__free_page(*p);
				*p = *p ? NULL
					: alloc_page(
						  i & 1 ? GFP_NOWAIT
							: GFP_HIGHUSER_MOVABLE |
								  __GFP_NOWARN);
			}
		}
		for_each_zone(zone) {
			zone_validate(zone);
			CHECK(zone->watermark[WMARK_MIN] <=
			      zone->watermark[WMARK_LOW]);
			CHECK(zone->watermark[WMARK_LOW] <=
			      zone->watermark[WMARK_HIGH]);
		}
	}
	for (i = 0; i < 300; i++)
		if (pages[i])
			__free_page(pages[i]);
	page_validate();
}

/* ---- boost ---- */

static unsigned int wakes;

static void count_wake(struct zone *zone, unsigned int order)
{
	(void)zone;
	CHECK_EQ(order, 0);
	wakes++;
}

static const struct reclaim_ops waker = {.wake_kswapd = count_wake};

/*
 * Take all that movable requests can get, which leaves every pageblock mostly
 * movable, and give every second frame back: an unmovable request then has to
 * mix.
 */
#define FRAMES 34000U
static u32 taken[FRAMES];

static unsigned int make_all_movable(void)
{
	struct page *page;
	unsigned int nr = 0, i;

	while (nr < FRAMES &&
	       (page = alloc_page(GFP_HIGHUSER_MOVABLE | __GFP_NOWARN)))
		taken[nr++] = (u32)page_to_pfn(page);
	CHECK(nr < FRAMES);
	for (i = 0; i < nr; i++)
		if (taken[i] % 4 == 1)
			__free_page(pfn_to_page(taken[i]));
	drain_all_pages();
	return nr;
}

static void give_rest_back(unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (taken[i] % 4 != 1)
			__free_page(pfn_to_page(taken[i]));
}

TEST_MACHINE(mixing_pageblocks_boosts_the_marks_and_wakes_kswapd, &pc128)
{
	struct zone *zone = zone_table[ZONE_DMA32];
	unsigned int nr = make_all_movable(), i, got = 0;
	unsigned long high = zone->watermark[WMARK_HIGH];
	unsigned long most = max(high * 15000 / 10000, PAGEBLOCK_NR_PAGES);
	struct page *mine[2000];

	/* Nobody would take a boost back. */
	CHECK(mine[0] = alloc_page(GFP_KERNEL));
	CHECK_EQ(zone_watermark_boost(zone), 0);
	__free_page(mine[0]);
	drain_all_pages();

	register_reclaim_ops(&waker);
	/* Who may not wake it still boosts: the next one wakes. */
	while (!zone_watermark_boost(zone))
		CHECK(mine[got++] = alloc_page(__GFP_NOWARN));
	CHECK(zone_watermark_boost(zone) >= PAGEBLOCK_NR_PAGES);
	CHECK_EQ(zone_wmark(zone, WMARK_LOW),
		 zone->watermark[WMARK_LOW] + zone_watermark_boost(zone));
	CHECK_EQ(wakes, 0);
	while (got < ARRAY_SIZE(mine)) {
		CHECK(mine[got++] = alloc_page(GFP_NOWAIT));
		CHECK_LE(zone_watermark_boost(zone), most);
	}
	CHECK_EQ(zone_watermark_boost(zone), most);
	CHECK(wakes > 0);

	/* Reclaim reports part of it, then more than there is. */
	zone_boost_reclaimed(zone, 100);
	CHECK_EQ(zone_watermark_boost(zone), most - 100);
	zone_boost_reclaimed(zone, most);
	CHECK_EQ(zone_watermark_boost(zone), 0);
	for (i = 0; i < got; i++)
		__free_page(mine[i]);
	register_reclaim_ops(NULL);
	give_rest_back(nr);
	page_validate();
}

TEST_MACHINE(boost_factor_zero_means_no_boost_and_a_small_one_a_pageblock,
	     &pc128)
{
	struct zone *zone = zone_table[ZONE_DMA32];
	unsigned long flags;

	register_reclaim_ops(&waker);
	CHECK_EQ(write_one(watermark_boost_factor_set, 0), 0);
	spin_lock_irqsave(&zone->lock, flags);
	boost_watermark(zone);
	CHECK_EQ(zone->watermark_boost, 0);
	knobs.boost_factor = 10000 / (unsigned int)zone->watermark[2] + 1;
	boost_watermark(zone);
	boost_watermark(zone);
	CHECK_EQ(zone->watermark_boost, PAGEBLOCK_NR_PAGES);
	spin_unlock_irqrestore(&zone->lock, flags);
	/* Nobody is left to take it back. */
	register_reclaim_ops(NULL);
	CHECK_EQ(zone_watermark_boost(zone), 0);
}

/* A boost of a pageblock would be most of such a zone. */
static const struct mem_range tiny_ranges[] = {
	{16 * MIB, 23 * MIB, 0, MEM_RANGE_USABLE},
};
static const struct soft_layout tiny = {
	.ranges = tiny_ranges,
	.nr_ranges = ARRAY_SIZE(tiny_ranges),
	.nr_cpus = 1,
	.nr_nodes = 1,
};

TEST_MACHINE(small_zones_are_not_boosted, &tiny)
{
	struct zone *zone = next_zone(NULL);
	unsigned long flags;

	register_reclaim_ops(&waker);
	spin_lock_irqsave(&zone->lock, flags);
	boost_watermark(zone);
	spin_unlock_irqrestore(&zone->lock, flags);
	CHECK_EQ(zone_watermark_boost(zone), 0);
	register_reclaim_ops(NULL);
}

/* Urgent requests do not fail for a boost's sake; others wait for kswapd. */
TEST_MACHINE(boost_counts_for_ordinary_requests_only, &pc128)
{
	struct zone *zone = zone_table[ZONE_DMA32];
	unsigned long lowest = zone->watermark[WMARK_MIN];

	zone->watermark_boost = 1000;
	CHECK_EQ(zone_mark(zone, ZONE_DMA32, WMARK_MIN), lowest + 1000);
	CHECK_EQ(zone_mark(zone, ZONE_DMA32, WMARK_MIN | ALLOC_HIGH),
		 lowest - lowest / 2);
	CHECK_EQ(zone_mark(zone, ZONE_DMA32, WMARK_LOW | ALLOC_HIGH),
		 (zone->watermark[WMARK_LOW] + 1000 + 1) / 2);
	CHECK_EQ(zone_mark(zone, ZONE_DMA32, ALLOC_NO_WATERMARKS), 0);
	zone->watermark_boost = 0;
}
