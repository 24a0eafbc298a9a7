/* SPDX-License-Identifier: MIT */
/*
 * vmemmap_test.c - where descriptors lie on machines of several nodes.
 *
 * The tests do not ask who placed them: they write a mark into a descriptor
 * and look for it in all memory, through the direct map.
 */
#include "mm/page/vmemmap.c"

#include <quire/gfp.h>
#include <quire/percpu.h>
#include <quire/vmstat.h>

#include "mm/page/page.h"
#include "port/soft/soft.h"
#include "test/test.h"

#define MIB	    ((phys_addr_t)1 << 20)
#define BLOCK_PAGES (BLOCK_BYTES >> PAGE_SHIFT)

#define USABLE(from, to, nid)                                 \
	{                                                     \
		(from) * MIB, (to)*MIB, nid, MEM_RANGE_USABLE \
	}

static bool is_at(phys_addr_t pa, volatile u64 *word)
{
	const volatile u64 *seen = __va(pa);
	u64 old = *word;
	bool is;

	if (*seen != old)
		return false;
	*word = ~old;
	is = *seen == ~old;
	*word = old;
	return is;
}

/* The node whose memory holds the word; it must not change meanwhile. */
static int nid_of_word(u64 *word)
{
	phys_addr_t at = (uintptr_t)word % PAGE_SIZE, pa;
	const struct mem_range *r = memblock.memory.ranges;
	unsigned int i;

	for (i = 0; i < memblock.memory.nr; i++, r++)
		for (pa = r->start; pa < min(r->end, memblock.limit);
		     pa += PAGE_SIZE)
			if (is_at(pa + at, word)) {
				CHECK(memblock_overlaps(&memblock.reserved, pa,
							pa + PAGE_SIZE));
				return r->nid;
			}
	return NUMA_NO_NODE;
}

/* Of a page that the caller owns. */
static int nid_of_descriptor(struct page *page)
{
	u64 was = page->mapping_index;
	int nid;

	page->mapping_index = 0x5f3759df00000000 + page_to_pfn(page);
	nid = nid_of_word(&page->mapping_index);
	page->mapping_index = was;
	return nid;
}

/* Take all of the node's memory; how many descriptors lie elsewhere? */
static unsigned long count_strangers(int nid, unsigned long most)
{
	unsigned long nr = 0, strangers = 0, last = ~0UL;
	u32 first = PFN_NIL;
	struct page *page;

	while (nr < most &&
	       (page = alloc_pages_node(
			nid, GFP_NOWAIT | __GFP_THISNODE | __GFP_NOWARN, 0))) {
		/* One of each frame of the array is enough. */
		if ((uintptr_t)page >> PAGE_SHIFT != last)
			strangers += nid_of_descriptor(page) != nid;
		last = (uintptr_t)page >> PAGE_SHIFT;
		page->private = first;
		first = (u32)page_to_pfn(page);
		nr++;
	}
	CHECK(nr);
	while (first != PFN_NIL) {
		page = pfn_to_page(first);
		first = page->private;
		page->private = 0;
		__free_page(page);
	}
	return strangers;
}

static void check_descriptors(void)
{
	int nid;

	for (nid = 0; nid < nr_node_ids; nid++)
		if (NODE_DATA(nid)->node_present_pages)
			CHECK_EQ(count_strangers(nid, 1000), 0);
	page_validate();
}

static void check_processors(void)
{
	unsigned int cpu;
	struct zone *zone;

	for_each_possible_cpu(cpu) {
		int nid = local_memory_node(cpu_to_node(cpu));
		char *unit = pcpu_template + arch_percpu_offset_of(cpu);

		CHECK_EQ(page_to_nid(virt_to_page(unit)), nid);
		for_each_zone(zone)
			CHECK_EQ(page_to_nid(virt_to_page(zone->pageset[cpu])),
				 nid);
	}
	for_each_zone(zone) {
		int nid = zone->zone_pgdat->node_id;

		CHECK_EQ(page_to_nid(virt_to_page(zone->zone_pgdat)), nid);
		CHECK_EQ(page_to_nid(virt_to_page(zone->pageset)), nid);
	}
}

/* Also where the tests run: one node, or more with --numa. */
TEST(descriptors_lie_on_the_node_of_their_frames)
{
	check_descriptors();
}

TEST(what_a_processor_uses_lies_near_it)
{
	check_processors();
}

/*
 *	processors   0  1   2   3
 *	node	     0  1   2   3     2: no memory; 3: behind a hole
 */
static const struct mem_range three_ranges[] = {
	USABLE(16, 24, 0),
	USABLE(24, 34, 1),
	USABLE(52, 64, 3),
};
static const u8 cpu_nodes[] = {0, 1, 2, 3};
static const struct soft_layout three = {
	.ranges = three_ranges,
	.nr_ranges = ARRAY_SIZE(three_ranges),
	.nr_cpus = 4,
	.nr_nodes = 4,
	.cpu_to_node = cpu_nodes,
};

/* What the node does not give to the buddy system. */
static unsigned long lost(int nid)
{
	unsigned long nr = NODE_DATA(nid)->node_present_pages;
	struct zone *zone;

	for_each_zone(zone)
		if (zone->zone_pgdat->node_id == nid)
			nr -= zone->managed_pages;
	return nr;
}

TEST_MACHINE(each_node_holds_its_descriptors_alone, &three)
{
	unsigned long unit = pcpu_unit_size >> PAGE_SHIFT;
	int nid;

	for (nid = 0; nid < 4; nid++) {
		unsigned long blocks =
			NODE_DATA(nid)->node_present_pages / PAGEBLOCK_NR_PAGES;

		if (nid == 2)
			continue;
		CHECK_EQ(count_strangers(nid, ~0UL), 0);
		/* The array, a unit or two, and little else. */
		CHECK(lost(nid) >= blocks * BLOCK_PAGES + unit);
		CHECK(lost(nid) <= blocks * BLOCK_PAGES + 2 * unit + 24);
	}
	CHECK(!NODE_DATA(2)->node_present_pages);
	check_descriptors();
	check_processors();
}

/* Two nodes' frames alternate, once in the middle of a pageblock. */
static const struct mem_range alternating_ranges[] = {
	USABLE(16, 20, 0), USABLE(20, 24, 1), USABLE(24, 29, 0),
	USABLE(29, 34, 1), USABLE(36, 40, 0), USABLE(40, 44, 1),
};
static const struct soft_layout alternating = {
	.ranges = alternating_ranges,
	.nr_ranges = ARRAY_SIZE(alternating_ranges),
	.nr_cpus = 2,
	.nr_nodes = 2,
	.cpu_to_node = cpu_nodes,
};

TEST_MACHINE(nodes_may_alternate, &alternating)
{
	int nid;

	for (nid = 0; nid < 2; nid++)
		CHECK_EQ(count_strangers(nid, ~0UL), 0);
	page_validate();
}

/*
 * Node 1 has 40 KiB that are not reserved: of 32 KiB of descriptors a half
 * finds a place, after its processor's unit took what it takes from node 2,
 * which is nearer than node 0.
 */
static const struct mem_range small_ranges[] = {
	USABLE(16, 24, 0),
	USABLE(24, 28, 1),
	USABLE(28, 36, 2),
	{24 * MIB, 28 * MIB - 7 * PAGE_SIZE, 1, MEM_RANGE_RESERVED},
};
static const u8 second_is_near_third[] = {
	10, 20, 30, /**/ 40, 10, 20, /**/ 30, 20, 10,
};
static const struct soft_layout too_small = {
	.ranges = small_ranges,
	.nr_ranges = ARRAY_SIZE(small_ranges),
	.nr_cpus = 2,
	.nr_nodes = 3,
	.distances = second_is_near_third,
	.cpu_to_node = cpu_nodes,
};

static int nid_of_first(phys_addr_t pa)
{
	return nid_of_descriptor(pfn_to_page(pa >> PAGE_SHIFT));
}

TEST_MACHINE(a_node_too_small_for_its_descriptors_borrows_by_distance,
	     &too_small)
{
	CHECK_EQ(nid_of_first(24 * MIB), 1);
	CHECK_EQ(nid_of_first(26 * MIB), 2);
	CHECK_EQ(nid_of_first(16 * MIB), 0);
	CHECK_EQ(nid_of_first(28 * MIB), 2);
	CHECK_EQ(count_strangers(0, ~0UL), 0);
	CHECK_EQ(count_strangers(2, ~0UL), 0);
	page_validate();
}

/* Islands so far apart that no array in the direct map reaches both. */
static const struct mem_range far_ranges[] = {
	USABLE(16, 20, 0),
	USABLE(4096, 4100, 0),
};
static const struct soft_layout far_islands = {
	.ranges = far_ranges,
	.nr_ranges = ARRAY_SIZE(far_ranges),
	.nr_cpus = 1,
	.nr_nodes = 1,
};

TEST_MACHINE(islands_far_apart_are_served, &far_islands)
{
	CHECK(pfn_valid(16 * MIB >> PAGE_SHIFT));
	CHECK(pfn_valid(4096 * MIB >> PAGE_SHIFT));
	CHECK(!pfn_valid(2048 * MIB >> PAGE_SHIFT));
	CHECK(totalram_pages() >=
	      2048 - 4 * BLOCK_PAGES - 8 - (pcpu_unit_size >> PAGE_SHIFT));
	CHECK_EQ(count_strangers(0, ~0UL), 0);
	page_validate();
}

/* 4 MiB of descriptors each: leaves of 2 MiB can map them. */
static const struct mem_range wide_ranges[] = {
	USABLE(18, 530, 0),
	USABLE(530, 1042, 1),
};
static const struct soft_layout wide = {
	.ranges = wide_ranges,
	.nr_ranges = ARRAY_SIZE(wide_ranges),
	.nr_cpus = 1,
	.nr_nodes = 2,
};

/* Is the word, with addresses of its leaf's size, at its leaf's place? */
static bool is_in_leaf(u64 *word, int nid)
{
	const struct mem_range *r = &memblock.memory.ranges[nid];
	phys_addr_t pa = ALIGN(r->start, LEAF_SIZE);

	for (; pa + LEAF_SIZE <= r->end; pa += LEAF_SIZE)
		if (is_at(pa + (uintptr_t)word % LEAF_SIZE, word))
			return true;
	return false;
}

TEST_MACHINE(large_parts_are_fit_for_large_leaves, &wide)
{
	unsigned long block;

	for (block = 9; block < 521; block++) {
		struct page *page = pfn_to_page(block << PAGEBLOCK_ORDER);
		u64 was = page->mapping_index;

		page->mapping_index = 0x5f3759df00000000 + block;
		CHECK(is_in_leaf(&page->mapping_index, block >= 265));
		page->mapping_index = was;
	}
	page_validate();
}

/* ---- ports without addresses for it; no room at all ---- */

#ifndef QUIRE_METAL

static void find_for_too_many(void *arg)
{
	struct part part = {0, 1UL << 20, 0};
	int nid;

	(void)arg;
	find_near(&part, &nid);
}

/* What memblock sees is no more than what was reserved: all. */
TEST_MACHINE(without_room_the_machine_stops, &three)
{
	struct memblock was = memblock;
	char text[128];

	memblock.limit = 0;
	CHECK(soft_catch_panic(find_for_too_many, NULL, text, sizeof(text)));
	CHECK(str_has_prefix(text, "memmap: no place for the descriptors"));
	memblock = was;
}

#endif
