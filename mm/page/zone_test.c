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
	CHECK_EQ(gfp_zone(GFP_HIGHUSER | __GFP_ZERO), ZONE_HIGHMEM);
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
