/* SPDX-License-Identifier: MIT */
/*
 * memmap_test.c - the page array: what it takes, what it leaves, what it
 * fills in when.
 */
#include "mm/page/memmap.c"

#include <quire/percpu.h>
#include <quire/vmstat.h>

#include "port/soft/soft.h"
#include "test/test.h"

#define MIB	    ((phys_addr_t)1 << 20)
#define BLOCK_BYTES (PAGEBLOCK_NR_PAGES << PAGE_SHIFT)

TEST(memmap_finds_a_frame_from_its_descriptor_and_back)
{
	unsigned long pfn;

	for (pfn = 0; pfn < max_pfn; pfn += 37)
		if (pfn_valid(pfn))
			CHECK_EQ(page_to_pfn(pfn_to_page(pfn)), pfn);
	CHECK(!pfn_valid(max_pfn));
	CHECK(!pfn_valid(~0UL));
}

/* Nobody is given the frame that holds it. */
static bool is_kept(const void *addr)
{
	unsigned long pfn = __pa(addr) >> PAGE_SHIFT;

	return !pfn_valid(pfn) || PageReserved(pfn_to_page(pfn));
}

static bool is_in_direct_map(const void *addr)
{
	return addr >= __va(0) &&
	       addr < __va((phys_addr_t)max_pfn << PAGE_SHIFT);
}

/* With addresses of its own: vmemmap_test.c. */
TEST(memmap_lies_in_reserved_memory)
{
	unsigned long block = memblock.memory.ranges[0].start >>
			      (PAGE_SHIFT + PAGEBLOCK_ORDER);

	if (!is_in_direct_map(pfn_to_page(block << PAGEBLOCK_ORDER)))
		return;
	for (; block < max_pfn >> PAGEBLOCK_ORDER; block++) {
		struct page *page = pfn_to_page(block << PAGEBLOCK_ORDER);

		if (!pfn_valid(block << PAGEBLOCK_ORDER))
			continue;
		CHECK(is_kept(page));
		CHECK(is_kept(page + 511));
	}
}

static const struct mem_range large_ranges[] = {
	{1 * MIB, 1024 * MIB, 0, MEM_RANGE_USABLE},
	{1 * MIB, 3 * MIB, 0, MEM_RANGE_RESERVED},
};
static const struct soft_layout large = {
	.ranges = large_ranges,
	.nr_ranges = ARRAY_SIZE(large_ranges),
	.nr_cpus = 1,
	.nr_nodes = 1,
};

static unsigned long blocks_filled_in(void)
{
	unsigned long block, nr = 0;

	for (block = 0; block <= (max_pfn - 1) >> PAGEBLOCK_ORDER; block++)
		nr += !!(pageblock_flags[block] & PAGEBLOCK_INIT);
	return nr;
}

/* Two at the low end, five with the array (8 MiB) and the rest on top. */
TEST_MACHINE(memmap_fills_in_descriptors_only_where_something_is_taken, &large)
{
	unsigned long before = blocks_filled_in(), after;
	struct page *page;

	CHECK(before <= 16);
	page = alloc_pages(GFP_KERNEL, MAX_ORDER);
	CHECK(page);
	after = blocks_filled_in();
	CHECK(after >= before && after <= before + 2);
	CHECK_EQ(page[1023]._mapcount, -1);
	CHECK(page_zone(page + 1023) == page_zone(page));
	__free_pages(page, MAX_ORDER);
	page_validate();
}

TEST_MACHINE(memmap_costs_a_hundred_and_twentyeighth_of_memory, &large)
{
	unsigned long ram = (1023 * MIB) >> PAGE_SHIFT;
	unsigned long reserved = (2 * MIB) >> PAGE_SHIFT;
	unsigned long lost = ram - reserved - totalram_pages();

	CHECK(lost >= ram / 128);
	CHECK(lost <= ram / 128 + 16);
}

/*
 * Two islands 64 MiB apart: the array's parts lie 512 KiB apart, and what is
 * between them is given to others.
 */
static const struct mem_range island_ranges[] = {
	{16 * MIB, 20 * MIB, 0, MEM_RANGE_USABLE},
	{80 * MIB, 84 * MIB, 0, MEM_RANGE_USABLE},
};
static const struct soft_layout islands = {
	.ranges = island_ranges,
	.nr_ranges = ARRAY_SIZE(island_ranges),
	.nr_cpus = 1,
	.nr_nodes = 1,
};

TEST_MACHINE(memmap_does_not_take_memory_for_holes, &islands)
{
	const struct page *hole = pfn_to_page((40 * MIB) >> PAGE_SHIFT);

	CHECK(!pfn_valid((40 * MIB) >> PAGE_SHIFT));
	CHECK(pfn_valid((80 * MIB) >> PAGE_SHIFT));
	CHECK(!PageReserved(virt_to_page((const void *)hole)));
	/* 8 MiB: 64 KiB of descriptors, a per-CPU unit, a few frames more. */
	CHECK(totalram_pages() >=
	      2048 - 16 - 8 - (pcpu_unit_size >> PAGE_SHIFT));
	page_validate();
}

/* Ranges that begin and end in the middle of a pageblock. */
static const struct mem_range ragged_ranges[] = {
	{16 * MIB + 0x5000, 19 * MIB + 0x3000, 0, MEM_RANGE_USABLE},
	{19 * MIB + 0x7000, 25 * MIB - 0x1000, 1, MEM_RANGE_USABLE},
	{21 * MIB + 0x1000, 21 * MIB + 0x2000, 1, MEM_RANGE_RESERVED},
};
static const struct soft_layout ragged = {
	.ranges = ragged_ranges,
	.nr_ranges = ARRAY_SIZE(ragged_ranges),
	.nr_cpus = 1,
	.nr_nodes = 2,
};

TEST_MACHINE(memmap_reserves_holes_that_share_a_pageblock, &ragged)
{
	CHECK(pfn_valid((16 * MIB) >> PAGE_SHIFT));
	CHECK(PageReserved(pfn_to_page((16 * MIB) >> PAGE_SHIFT)));
	CHECK(PageReserved(pfn_to_page((19 * MIB + 0x4000) >> PAGE_SHIFT)));
	CHECK(PageReserved(pfn_to_page((21 * MIB + 0x1000) >> PAGE_SHIFT)));
	CHECK(PageReserved(pfn_to_page((25 * MIB - 1) >> PAGE_SHIFT)));
	/* The pageblock that both nodes share is the first one's. */
	CHECK_EQ(page_to_nid(pfn_to_page((19 * MIB + 0x8000) >> PAGE_SHIFT)),
		 0);
	CHECK_EQ(page_to_nid(pfn_to_page((21 * MIB) >> PAGE_SHIFT)), 1);
	page_validate();
}

TEST_MACHINE(free_reserved_range_gives_whole_frames_to_the_buddy_system, &large)
{
	unsigned long total = totalram_pages(), free = nr_free_pages(), nr;

	nr = free_reserved_range(1 * MIB + 1, 3 * MIB - 1);
	CHECK_EQ(nr, 510);
	CHECK_EQ(totalram_pages(), total + nr);
	CHECK_EQ(nr_free_pages(), free + nr);
	page_validate();
	/* Once is enough. */
	test_expect_report("is not reserved memory");
	CHECK_EQ(free_reserved_range(1 * MIB + PAGE_SIZE,
				     1 * MIB + 2 * PAGE_SIZE),
		 0);
	test_expect_end();
	/* So that the machine has as much free as the runner expects. */
	while (nr_free_pages() > free)
		CHECK(alloc_page(GFP_KERNEL));
}

TEST_MACHINE(adopt_reserved_range_makes_pages_in_use_until_it_meets_others,
	     &large)
{
	unsigned long total = totalram_pages(), free = nr_free_pages(), nr;
	unsigned long pfn;

	/* Reserved from 1 to 3 MiB; what follows is not. */
	nr = adopt_reserved_range(2 * MIB, 3 * MIB + 16 * PAGE_SIZE);
	CHECK_EQ(nr, 256);
	CHECK_EQ(totalram_pages(), total + nr);
	CHECK_EQ(nr_free_pages(), free);
	page_validate();
	for (pfn = 2 * MIB >> PAGE_SHIFT; pfn < 3 * MIB >> PAGE_SHIFT; pfn++) {
		CHECK_EQ(page_ref_count(pfn_to_page(pfn)), 1);
		__free_page(pfn_to_page(pfn));
	}
	CHECK_EQ(nr_free_pages(), free + nr);
	page_validate();
	/* So that the machine has as much free as the runner expects. */
	while (nr_free_pages() > free)
		CHECK(alloc_page(GFP_KERNEL));
}

/* Memory the firmware holds, holes, and free frames are no reserved RAM. */
TEST_MACHINE(neither_call_takes_what_is_no_reserved_memory, &islands)
{
	unsigned long pfn = 0;

	while (pfn_valid(pfn))
		pfn++;
	CHECK(pfn < max_pfn);
	CHECK_EQ(adopt_reserved_range((phys_addr_t)pfn << PAGE_SHIFT,
				      (phys_addr_t)(pfn + 1) << PAGE_SHIFT),
		 0);
	test_expect_report("is not reserved memory");
	CHECK_EQ(free_reserved_range((phys_addr_t)pfn << PAGE_SHIFT,
				     (phys_addr_t)(pfn + 1) << PAGE_SHIFT),
		 0);
	test_expect_end();
}

TEST_MACHINE(adopting_stops_at_the_end_of_the_range, &large)
{
	unsigned long free = nr_free_pages(), nr;
	unsigned long pfn;

	nr = adopt_reserved_range(2 * MIB, 2 * MIB + 2 * PAGE_SIZE);
	CHECK_EQ(nr, 2);
	for (pfn = 2 * MIB >> PAGE_SHIFT; nr--; pfn++)
		__free_page(pfn_to_page(pfn));
	while (nr_free_pages() > free)
		CHECK(alloc_page(GFP_KERNEL));
}
