/* SPDX-License-Identifier: MIT */
/*
 * zone_test.c - where zones begin and end, and the watermarks that follow from
 * their sizes.
 */
#include "mm/page/zone.c"

#include <quire/vmstat.h>

#include "port/soft/soft.h"
#include "test/test.h"

#define MIB	   ((phys_addr_t)1 << 20)
#define PAGES(mib) ((unsigned long)((mib)*MIB >> PAGE_SHIFT))

TEST(gfp_zone_is_the_highest_that_the_flags_allow)
{
	CHECK_EQ(gfp_zone(GFP_KERNEL), ZONE_NORMAL);
	CHECK_EQ(gfp_zone(GFP_KERNEL | __GFP_MOVABLE), ZONE_NORMAL);
	CHECK_EQ(gfp_zone(GFP_DMA), ZONE_DMA);
	CHECK_EQ(gfp_zone(GFP_DMA32), ZONE_DMA32);
	CHECK_EQ(gfp_zone(GFP_HIGHUSER), ZONE_HIGHMEM);
	CHECK_EQ(gfp_zone(GFP_HIGHUSER_MOVABLE), ZONE_MOVABLE);
	/* Clearing needs an address. */
	CHECK_EQ(gfp_zone(GFP_HIGHUSER | __GFP_ZERO), ZONE_NORMAL);
}

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

TEST(zones_of_the_running_machine_hold_their_invariants)
{
	unsigned long total = 0;
	struct zone *zone;

	for_each_zone(zone) {
		zone_validate(zone);
		CHECK(zone->watermark[WMARK_MIN] <= zone->watermark[WMARK_LOW]);
		CHECK(zone->watermark[WMARK_LOW] <=
		      zone->watermark[WMARK_HIGH]);
		total += zone->managed_pages;
	}
	CHECK_EQ(total, totalram_pages());
	CHECK(nr_free_pages() <= total);
}

/* A PC of 128 MiB as firmware describes it. */
static const struct mem_range pc_ranges[] = {
	{0, 0x9fc00, 0, MEM_RANGE_USABLE},
	{0x9fc00, 0xa0000, 0, MEM_RANGE_FIRMWARE},
	{0xf0000, 0x100000, 0, MEM_RANGE_FIRMWARE},
	{1 * MIB, 128 * MIB - 0x20000, 0, MEM_RANGE_USABLE},
	{128 * MIB - 0x20000, 128 * MIB, 0, MEM_RANGE_FIRMWARE},
};
static const struct soft_layout pc128 = {
	.ranges = pc_ranges,
	.nr_ranges = ARRAY_SIZE(pc_ranges),
	.nr_cpus = 2,
	.nr_nodes = 1,
};

TEST_MACHINE(zones_of_a_small_pc_are_dma_and_dma32, &pc128)
{
	struct zone *dma = zone_table[ZONE_DMA];
	struct zone *dma32 = zone_table[ZONE_DMA32];

	CHECK(dma && dma32 && !zone_table[ZONE_NORMAL]);
	CHECK_EQ(dma->zone_start_pfn, 0);
	CHECK_EQ(dma->spanned_pages, PAGES(16));
	/* Frame 0x9f is only half RAM. */
	CHECK_EQ(dma->present_pages, 0x9f + PAGES(15));
	CHECK_EQ(dma32->zone_start_pfn, PAGES(16));
	CHECK_EQ(dma32->present_pages, PAGES(112) - 0x20);
	CHECK_EQ(dma->managed_pages, dma->present_pages - 1);
}

/*
 * min_free_kbytes = sqrt(16 x KiB), shared out by size; low and high a quarter
 * of min above one another, as 10 / 10000 of a zone is less.
 */
TEST_MACHINE(watermarks_follow_linux_formula, &pc128)
{
	unsigned long kib = totalram_pages() << (PAGE_SHIFT - 10), sum = 0;
	struct zone *zone;

	CHECK(min_free_kbytes * min_free_kbytes <= 16 * kib);
	CHECK((min_free_kbytes + 1) * (min_free_kbytes + 1) > 16 * kib);
	for_each_zone(zone) {
		unsigned long lowest = zone->watermark[WMARK_MIN];

		CHECK_EQ(zone->watermark[WMARK_LOW], lowest + lowest / 4);
		CHECK_EQ(zone->watermark[WMARK_HIGH],
			 lowest + 2 * (lowest / 4));
		sum += lowest;
	}
	CHECK(sum <= min_free_kbytes / 4 && sum + 2 >= min_free_kbytes / 4);
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
