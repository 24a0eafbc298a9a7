/* SPDX-License-Identifier: MIT */
/*
 * soft_test.c - the machine's memory: what is there, what is not, and kernel
 * addresses that follow the page tables.
 */
#include "soft.c"

#include <errno.h>

#include <quire/vmstat.h>

#include "test/test.h"

/* May the host read this byte?  Asked of the host's kernel, which says so. */
static bool can_read(const void *addr)
{
	int fd = memfd_create("probe", 0);
	bool ok = write(fd, addr, 1) == 1;

	CHECK(ok || errno == EFAULT);
	close(fd);
	return ok;
}

TEST_SOFT(memory_is_there_and_holes_are_not)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(default_ranges); i++) {
		CHECK(can_read(__va(default_ranges[i].start)));
		CHECK(can_read(__va(default_ranges[i].end - 1)));
	}
	CHECK(!can_read(__va(0)));
	CHECK(!can_read(__va(0x9f000)));
	CHECK(!can_read(__va(8 * MIB)));
	CHECK(!can_read(__va(40 * MIB)));
	CHECK(!can_read(__va(4 * GIB - 1)));
	CHECK(!can_read(__va(4 * GIB + 24 * MIB)));
	CHECK_EQ(__pa(__va(4 * GIB)), 4 * GIB);
}

TEST_SOFT(default_machine_has_all_three_zones)
{
	struct page *dma = alloc_page(GFP_KERNEL | GFP_DMA);
	struct page *dma32 = alloc_page(GFP_KERNEL | GFP_DMA32);
	struct page *normal = alloc_page(GFP_KERNEL);

	CHECK(dma && dma32 && normal);
	CHECK_EQ(page_zonenum(dma), ZONE_DMA);
	CHECK_EQ(page_zonenum(dma32), ZONE_DMA32);
	CHECK_EQ(page_zonenum(normal), ZONE_NORMAL);
	CHECK_LE(totalram_pages(), 64 * MIB / PAGE_SIZE);
	CHECK_GE(totalram_pages(), 60 * MIB / PAGE_SIZE);
	__free_page(dma);
	__free_page(dma32);
	__free_page(normal);
}

#define NR_PAGES 5

/* Frames from all over memory at neighbouring kernel addresses. */
TEST_SOFT(kernel_addresses_follow_the_page_tables)
{
	unsigned long start = VMALLOC_END - 64 * PAGE_SIZE;
	unsigned long end = start + NR_PAGES * PAGE_SIZE;
	struct page *pages[NR_PAGES];

	for (unsigned int i = 0; i < NR_PAGES; i++) {
		pages[i] = alloc_page(i % 2 ? GFP_KERNEL : GFP_DMA32);
		CHECK(pages[i]);
		memset(page_address(pages[i]), (int)i, PAGE_SIZE);
	}
	CHECK(!can_read((void *)start));
	CHECK_EQ(map_kernel_pages(start, end, pages, PAGE_KERNEL), 0);
	CHECK_EQ(port->sync_kernel_mappings(start, end), 0);
	for (unsigned int i = 0; i < NR_PAGES; i++) {
		char *at = (char *)start + i * PAGE_SIZE;

		CHECK_EQ(at[100], i);
		at[200] = (char)(i + 50);
		CHECK_EQ(((char *)page_address(pages[i]))[200], i + 50);
	}
	/* Only the middle goes; a flush of everything spares the rest. */
	unmap_kernel_range(start + PAGE_SIZE, start + 2 * PAGE_SIZE);
	port->flush_tlb_range(NULL, VMALLOC_START, VMALLOC_END, false);
	for (unsigned int i = 0; i < NR_PAGES; i++)
		CHECK_EQ(can_read((char *)start + i * PAGE_SIZE), i != 1);
	unmap_kernel_range(start, end);
	port->flush_tlb_range(NULL, start, end, false);
	for (unsigned int i = 0; i < NR_PAGES; i++) {
		CHECK(!can_read((char *)start + i * PAGE_SIZE));
		__free_page(pages[i]);
	}
}

static void panic_with(void *arg)
{
	if (arg)
		panic("stop %d", 5);
}

TEST_SOFT(a_panic_can_be_caught_by_who_expects_it)
{
	char text[32];

	CHECK(soft_catch_panic(panic_with, text, text, sizeof(text)));
	CHECK_STR(text, "stop 5");
	CHECK(!soft_catch_panic(panic_with, NULL, text, sizeof(text)));
	CHECK_STR(text, "");
}

/* Tiny, with two nodes, a range of one frame, and ragged edges. */
static const struct mem_range odd_ranges[] = {
	{0x1000, 0x2000, 0, MEM_RANGE_USABLE},
	{2 * MIB + 17, 6 * MIB - 5, 0, MEM_RANGE_USABLE},
	{32 * MIB, 36 * MIB, 1, MEM_RANGE_USABLE},
	{36 * MIB, 37 * MIB, 0, MEM_RANGE_FIRMWARE},
};

static const struct soft_layout odd = {
	.ranges = odd_ranges,
	.nr_ranges = ARRAY_SIZE(odd_ranges),
	.nr_cpus = 3,
	.nr_nodes = 2,
	.levels = 3,
};

TEST_MACHINE(an_odd_machine_boots_with_what_it_declares, &odd)
{
	CHECK(!can_read(__va(36 * MIB)));
	CHECK_GE(totalram_pages(), 7 * MIB / PAGE_SIZE);
	CHECK_LE(totalram_pages(), 8 * MIB / PAGE_SIZE + 1);
	CHECK_EQ(PGTABLE_LEVELS, 3);
	CHECK_EQ(TASK_SIZE, (1UL << 38) - PAGE_SIZE);
}

static void wait_alone(void *arg)
{
	u32 word = 1;

	(void)arg;
	port_lone_wait(&word, 1);
}

TEST_SOFT(a_lone_processor_does_not_sleep_for_ever)
{
	char text[80];

	CHECK(soft_catch_panic(wait_alone, NULL, text, sizeof(text)));
	CHECK_STR(text, "port: a lone processor waits for itself");
}
