/* SPDX-License-Identifier: MIT */
/*
 * zonelist_test.c - where requests look for frames: zones, nodes, what lies
 * above the direct map, and whose kswapd is woken.
 */
#include <quire/gfp.h>
#include <quire/mm_types.h>
#include <quire/reclaim.h>

#include "mm/page/page.h"
#include "mm/page/zone.h"
#include "port/soft/soft.h"
#include "test/hoard.h"
#include "test/test.h"

#define MIB ((phys_addr_t)1 << 20)

/* ---- zones in line: 8 MiB each of DMA, DMA32 and NORMAL ---- */

static const struct mem_range three_ranges[] = {
	{4 * MIB, 12 * MIB, 0, MEM_RANGE_USABLE},
	{32 * MIB, 40 * MIB, 0, MEM_RANGE_USABLE},
	{4096 * MIB, 4104 * MIB, 0, MEM_RANGE_USABLE},
};
static const struct soft_layout three_zones = {
	.ranges = three_ranges,
	.nr_ranges = ARRAY_SIZE(three_ranges),
	.nr_cpus = 1,
	.nr_nodes = 1,
};

TEST_MACHINE(requests_fall_back_to_lower_zones_but_leave_their_reserve,
	     &three_zones)
{
	struct zone *dma = zone_table[ZONE_DMA];
	struct zone *dma32 = zone_table[ZONE_DMA32];
	struct zone *normal = zone_table[ZONE_NORMAL];

	CHECK(dma && dma32 && normal);
	CHECK(dma->lowmem_reserve[ZONE_NORMAL] > 0);
	take_all(GFP_KERNEL);
	CHECK_EQ(normal->free_pages, normal->watermark[WMARK_MIN]);
	CHECK_EQ(dma32->free_pages, dma32->watermark[WMARK_MIN] +
					    dma32->lowmem_reserve[ZONE_NORMAL]);
	CHECK_EQ(dma->free_pages,
		 dma->watermark[WMARK_MIN] + dma->lowmem_reserve[ZONE_NORMAL]);
	/* Those who need low memory still find some. */
	CHECK(take_all(GFP_KERNEL | GFP_DMA32) > 0);
	CHECK(take_all(GFP_KERNEL | GFP_DMA) > 0);
	CHECK_EQ(dma->free_pages, dma->watermark[WMARK_MIN]);
	page_validate();
	give_back(~0UL);
}

/* ---- nodes ---- */

static const struct mem_range node_ranges[] = {
	{16 * MIB, 24 * MIB, 0, MEM_RANGE_USABLE},
	{24 * MIB, 32 * MIB, 1, MEM_RANGE_USABLE},
	{32 * MIB, 41 * MIB, 2, MEM_RANGE_USABLE},
};
static const u8 node_distances[] = {10, 40, 20, 40, 10, 30, 20, 30, 10};
static const struct soft_layout three_nodes = {
	.ranges = node_ranges,
	.nr_ranges = ARRAY_SIZE(node_ranges),
	.nr_cpus = 1,
	.nr_nodes = 3,
	.distances = node_distances,
};

TEST_MACHINE(zonelists_are_by_distance, &three_nodes)
{
	CHECK_EQ(NODE_DATA(0)->zonelist[0]->zone_pgdat->node_id, 0);
	CHECK_EQ(NODE_DATA(0)->zonelist[1]->zone_pgdat->node_id, 2);
	CHECK_EQ(NODE_DATA(0)->zonelist[2]->zone_pgdat->node_id, 1);
	CHECK_EQ(NODE_DATA(1)->zonelist[1]->zone_pgdat->node_id, 2);
	CHECK(!NODE_DATA(0)->zonelist[3]);
}

TEST_MACHINE(thisnode_takes_from_the_named_node_or_nowhere, &three_nodes)
{
	struct page *page;
	int nid;

	for (nid = 0; nid < 3; nid++) {
		page = alloc_pages_node(nid, GFP_KERNEL | __GFP_THISNODE, 0);
		CHECK(page);
		CHECK_EQ(page_to_nid(page), nid);
		__free_page(page);
	}
	while ((page = alloc_pages_node(1, GFP_NOWAIT | __GFP_THISNODE, 0))) {
		CHECK_EQ(page_to_nid(page), 1);
		page->link.next = hoard;
		hoard = (u32)page_to_pfn(page);
	}
	page = alloc_pages_node(1, GFP_KERNEL, 0);
	CHECK(page);
	CHECK_EQ(page_to_nid(page), 2);
	__free_page(page);
	page_validate();
	give_back(~0UL);
}

/* ---- frames without a kernel mapping: 16 MiB with, 16 MiB without ---- */

static const struct mem_range high_ranges[] = {
	{16 * MIB, 48 * MIB, 0, MEM_RANGE_USABLE},
};
static const struct soft_layout highmem = {
	.ranges = high_ranges,
	.nr_ranges = ARRAY_SIZE(high_ranges),
	.nr_cpus = 1,
	.nr_nodes = 1,
	.highmem_start = 32 * MIB,
};

TEST_MACHINE(highmem_serves_only_requests_that_allow_it, &highmem)
{
	struct page *page = alloc_page(GFP_HIGHUSER_MOVABLE), *low, *zeroed;
	unsigned long addr = __get_free_pages(GFP_HIGHUSER, 0);

	CHECK(page && addr);
	CHECK_EQ(page_zonenum(page), ZONE_HIGHMEM);
	CHECK(virt_to_page((void *)addr) < pfn_to_page(32 * MIB >> PAGE_SHIFT));
	low = alloc_page(GFP_KERNEL);
	zeroed = alloc_page(GFP_HIGHUSER_MOVABLE | __GFP_ZERO);
	CHECK(low && zeroed);
	CHECK_EQ(page_zonenum(low), ZONE_DMA32);
	CHECK_EQ(page_zonenum(zeroed), ZONE_HIGHMEM);
	__free_page(page);
	__free_page(low);
	__free_page(zeroed);
	free_page(addr);
}

TEST_MACHINE(highmem_falls_back_to_mapped_memory, &highmem)
{
	struct zone *high = zone_table[ZONE_HIGHMEM];
	struct zone *low = zone_table[ZONE_DMA32];

	CHECK_EQ(high->present_pages, 16 * MIB >> PAGE_SHIFT);
	/* The page array itself needs addresses: it is not up there. */
	CHECK_EQ(high->managed_pages, high->present_pages);
	take_all(GFP_KERNEL);
	CHECK_EQ(high->free_pages, high->managed_pages);
	CHECK_EQ(low->free_pages, low->watermark[WMARK_MIN]);
	take_all(GFP_HIGHUSER);
	CHECK_EQ(high->free_pages, high->watermark[WMARK_MIN]);
	page_validate();
	give_back(~0UL);
}

/* ---- kswapd ---- */

/* Memory from 14 to 24 MiB: two zones, DMA and DMA32. */
static const struct mem_range two_ranges[] = {
	{14 * MIB, 24 * MIB, 0, MEM_RANGE_USABLE},
};
static const struct soft_layout two_zones = {
	.ranges = two_ranges,
	.nr_ranges = ARRAY_SIZE(two_ranges),
	.nr_cpus = 1,
	.nr_nodes = 1,
};

static unsigned int woken[MAX_NR_ZONES];

static void note_wake(struct zone *zone, unsigned int order)
{
	(void)order;
	woken[zone->idx]++;
}

TEST_MACHINE(kswapd_is_woken_only_for_zones_that_would_serve, &two_zones)
{
	static const struct reclaim_ops ops = {.wake_kswapd = note_wake};

	take_all(GFP_KERNEL);
	take_all(GFP_DMA);
	register_reclaim_ops(&ops);
	CHECK(!alloc_page(GFP_DMA | __GFP_KSWAPD_RECLAIM | __GFP_NOWARN));
	CHECK_EQ(woken[ZONE_DMA], 1);
	CHECK_EQ(woken[ZONE_DMA32], 0);
	CHECK(!alloc_page(GFP_NOWAIT));
	CHECK_EQ(woken[ZONE_DMA], 2);
	CHECK_EQ(woken[ZONE_DMA32], 1);
	register_reclaim_ops(NULL);
	give_back(~0UL);
}
