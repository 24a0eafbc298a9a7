/* SPDX-License-Identifier: MIT */
/* vmstat_test.c - counters of many processors add up. */
#include "mm/page/vmstat.c"

#include "test/test.h"

#define TIMES 1000U

static void count_up_and_down(void *arg, unsigned int k)
{
	unsigned int i;

	(void)arg;
	for (i = 0; i < TIMES; i++) {
		count_vm_event(VMEV_drop_pagecache);
		/* Up on even processors, down on odd ones. */
		mod_node_stat(NST_nr_mlock, k % 2 ? -1 : 1);
	}
}

TEST(vmstat_sums_are_exact_when_nothing_runs)
{
	unsigned long events = sum_vm_event(VMEV_drop_pagecache);
	unsigned long pages = node_stat_pages(NST_nr_mlock);
	unsigned int nr = test_run_on_cpus(4, count_up_and_down, NULL);

	CHECK_EQ(sum_vm_event(VMEV_drop_pagecache), events + nr * TIMES);
	CHECK_EQ(node_stat_pages(NST_nr_mlock), pages + nr % 2 * TIMES);
	mod_node_stat(NST_nr_mlock, -(long)(nr % 2 * TIMES));
}

TEST(vmstat_page_counts_are_never_shown_negative)
{
	long before = (long)node_stat_pages(NST_nr_mlock);

	mod_node_stat(NST_nr_mlock, -before - 5);
	CHECK_EQ(node_stat_pages(NST_nr_mlock), 0);
	mod_node_stat(NST_nr_mlock, before + 5);
	CHECK_EQ(node_stat_pages(NST_nr_mlock), before);
}

/* Many frames of both kinds, so that lists fill, swap, overflow and drain. */
TEST(vmstat_derived_counts_of_frames_are_exact)
{
	unsigned long freed = sum_vm_event(VMEV_pgfree), allocated = 0, now = 0;
	struct page *pages[300];
	unsigned int i, ev;

	for (ev = VMEV_pgalloc_dma; ev <= VMEV_pgalloc_movable; ev++)
		allocated += sum_vm_event((enum vm_event)ev);
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		pages[i] = alloc_pages(
			i & 1 ? GFP_KERNEL : GFP_HIGHUSER_MOVABLE, i % 3);
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		__free_pages(pages[i], i % 3);
	CHECK_EQ(sum_vm_event(VMEV_pgfree), freed + 700);
	drain_all_pages();
	for (ev = VMEV_pgalloc_dma; ev <= VMEV_pgalloc_movable; ev++)
		now += sum_vm_event((enum vm_event)ev);
	CHECK_EQ(now, allocated + 700);
}
