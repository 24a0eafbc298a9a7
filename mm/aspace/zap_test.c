/* SPDX-License-Identifier: MIT */
/*
 * zap_test.c - emptied entries give their pages' counts back to the nodes that
 * the pages were on.
 */
#include "mm/aspace/zap.c"

#include <quire/uapi/mman.h>

#include "port/soft/soft.h"
#include "test/aspace_picture.h"

#define MIB ((phys_addr_t)1 << 20)

static const struct mem_range ranges[] = {
	{16 * MIB, 32 * MIB, 0, MEM_RANGE_USABLE},
	{32 * MIB, 48 * MIB, 1, MEM_RANGE_USABLE},
};
static const u8 cpu_nodes[] = {0, 1};
static const struct soft_layout two_nodes = {
	.ranges = ranges,
	.nr_ranges = ARRAY_SIZE(ranges),
	.nr_cpus = 2,
	.nr_nodes = 2,
	.cpu_to_node = cpu_nodes,
};

/* Page i is touched by the processor whose bit of the pattern it has. */
#define PAGES	   64UL
#define TOUCHER(i) ((i) / 5 % 2)

static void touch_mine(void *arg, unsigned int cpu)
{
	unsigned long i;

	for (i = 0; i < PAGES; i++)
		if (TOUCHER(i) == cpu)
			CHECK_EQ(poke(arg, page_at(i), 1), 0);
}

static void check_nodes_have(struct mm_struct *mm, enum node_stat st,
			     const unsigned long before[2])
{
	unsigned long of[2] = {before[0], before[1]}, i;

	for (i = 0; i < PAGES; i++) {
		struct page *page = mm_get_page(mm, page_at(i), false);

		if (IS_ERR(page))
			continue;
		CHECK_EQ(page_to_nid(page), (int)TOUCHER(i));
		of[page_to_nid(page)]++;
		put_page(page);
	}
	CHECK_EQ(node_stat(0, st), of[0]);
	CHECK_EQ(node_stat(1, st), of[1]);
	CHECK_EQ(node_stat_pages(st), of[0] + of[1]);
}

static void map_touch_unmap(unsigned long flags, enum node_stat st)
{
	unsigned long before[2] = {node_stat(0, st), node_stat(1, st)};
	struct mm_struct *mm = picture_mm("");

	CHECK_EQ(vm_mmap(mm, NULL, page_at(0), PAGES << PAGE_SHIFT,
			 PROT_READ | PROT_WRITE,
			 flags | MAP_ANONYMOUS | MAP_FIXED, 0),
		 page_at(0));
	CHECK_EQ(test_run_on_cpus(2, touch_mine, mm), 2);
	check_nodes_have(mm, st, before);
	CHECK_GE(node_stat(1, st), before[1] + 30);
	CHECK_EQ(vm_munmap(mm, page_at(3), 40 << PAGE_SHIFT), 0);
	check_nodes_have(mm, st, before);
	mmput(mm);
	CHECK_EQ(node_stat(0, st), before[0]);
	CHECK_EQ(node_stat(1, st), before[1]);
}

TEST_MACHINE(zap_takes_anonymous_pages_from_their_nodes_counts, &two_nodes)
{
	map_touch_unmap(MAP_PRIVATE, NST_nr_anon_pages);
}

TEST_MACHINE(zap_takes_file_pages_from_their_nodes_counts, &two_nodes)
{
	map_touch_unmap(MAP_SHARED, NST_nr_mapped);
}
