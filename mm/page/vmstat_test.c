/* SPDX-License-Identifier: MIT */
/* vmstat_test.c - counters of many processors and nodes add up. */
#include "mm/page/vmstat.c"

#include <quire/gfp.h>
#include <quire/string.h>

#include "mm/page/page.h"
#include "port/soft/soft.h"
#include "test/test.h"

#define TIMES 1000U

static void count_up_and_down(void *arg, unsigned int k)
{
	unsigned int i;

	(void)arg;
	for (i = 0; i < TIMES; i++) {
		count_vm_event(VMEV_oom_kill);
		/* Up on even processors, down on odd ones. */
		mod_node_stat(0, NST_nr_mlock, k % 2 ? -1 : 1);
	}
}

TEST(vmstat_sums_are_exact_when_nothing_runs)
{
	unsigned long events = sum_vm_event(VMEV_oom_kill);
	unsigned long pages = node_stat_pages(NST_nr_mlock);
	unsigned int nr = test_run_on_cpus(4, count_up_and_down, NULL);

	CHECK_EQ(sum_vm_event(VMEV_oom_kill), events + nr * TIMES);
	CHECK_EQ(node_stat_pages(NST_nr_mlock), pages + nr % 2 * TIMES);
	mod_node_stat(0, NST_nr_mlock, -(long)(nr % 2 * TIMES));
}

TEST(vmstat_page_counts_are_never_shown_negative)
{
	long before = (long)node_stat_pages(NST_nr_mlock);

	mod_node_stat(0, NST_nr_mlock, -before - 5);
	CHECK_EQ(node_stat_pages(NST_nr_mlock), 0);
	mod_node_stat(0, NST_nr_mlock, before + 5);
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

/* ---- nodes ---- */

#define MIB ((phys_addr_t)1 << 20)

/*
 *	processors   0   1   2
 *	node	     0   1   2	    3: memory alone
 *	memory	     8M  8M  -	    8M
 */
static const struct mem_range ranges[] = {
	{16 * MIB, 24 * MIB, 0, MEM_RANGE_USABLE},
	{24 * MIB, 32 * MIB, 1, MEM_RANGE_USABLE},
	{32 * MIB, 40 * MIB, 3, MEM_RANGE_USABLE},
};
static const u8 cpu_nodes[] = {0, 1, 2};
static const u8 far_and_near[] = {
	10, 20, 20, 40, /**/ 20, 10, 40, 20,
	20, 40, 10, 30, /**/ 40, 20, 30, 10,
};
static const struct soft_layout four_nodes = {
	.ranges = ranges,
	.nr_ranges = ARRAY_SIZE(ranges),
	.nr_cpus = 3,
	.nr_nodes = 4,
	.distances = far_and_near,
	.cpu_to_node = cpu_nodes,
};
/* Where a request for node 0 .. 3 is served first. */
static const int nearest[] = {0, 1, 0, 3};

/* All counts of all nodes; what a test expects of them. */
struct numa_counts {
	unsigned long of[4][NR_NUMA_STATS];
};

static void read_counts(struct numa_counts *c)
{
	int nid, item;

	for (nid = 0; nid < 4; nid++)
		for (item = 0; item < NR_NUMA_STATS; item++)
			c->of[nid][item] =
				node_numa_stat(nid, (enum numa_stat)item);
}

static void check_counts(const struct numa_counts *want)
{
	struct numa_counts now;
	int nid, item;

	read_counts(&now);
	for (nid = 0; nid < 4; nid++)
		for (item = 0; item < NR_NUMA_STATS; item++)
			CHECK_EQ(now.of[nid][item], want->of[nid][item]);
}

/* What numastat.rst says of nr frames that came from node got. */
static void expect(struct numa_counts *c, int cpu_nid, int wanted, int got,
		   unsigned long nr)
{
	wanted = nearest[wanted];
	c->of[got][got == wanted ? NUMA_HIT : NUMA_MISS] += nr;
	if (got != wanted)
		c->of[wanted][NUMA_FOREIGN] += nr;
	c->of[got][got == cpu_nid ? NUMA_LOCAL : NUMA_OTHER] += nr;
}

/* Processor 0 empties its node, and goes on with node 1. */
TEST_MACHINE(numa_counts_tell_hits_from_misses, &four_nodes)
{
	struct page *hoard[4096], *page;
	struct numa_counts want;
	unsigned int nr = 0, spilled = 0;

	read_counts(&want);
	while (spilled < 100 && (page = alloc_page(GFP_NOWAIT))) {
		expect(&want, 0, 0, page_to_nid(page), 1);
		spilled += page_to_nid(page) == 1;
		CHECK(nr < ARRAY_SIZE(hoard));
		hoard[nr++] = page;
	}
	CHECK_EQ(spilled, 100);
	check_counts(&want);
	CHECK_EQ(want.of[1][NUMA_MISS], 100);
	CHECK_EQ(want.of[0][NUMA_FOREIGN], 100);
	/* A list of node 1's frames serves who did not ask for that node. */
	__free_page(hoard[--nr]);
	hoard[nr++] = page = alloc_pages_node(1, GFP_NOWAIT, 0);
	expect(&want, 0, 1, 1, 1);
	check_counts(&want);
	while (nr)
		__free_page(hoard[--nr]);
	check_counts(&want);
	page_validate();
}

static void borrows(void *arg, unsigned int cpu)
{
	struct numa_counts want;
	struct page *page;

	(void)arg;
	if (cpu != 2)
		return;
	read_counts(&want);
	page = alloc_pages(GFP_KERNEL, 3);
	CHECK_EQ(page_to_nid(page), 0);
	expect(&want, 2, 2, 0, 8);
	check_counts(&want);
	CHECK_EQ(want.of[2][NUMA_HIT] + want.of[2][NUMA_FOREIGN], 0);
	__free_pages(page, 3);
	/* Not there, not counted. */
	CHECK(!alloc_page(GFP_NOWAIT | __GFP_THISNODE));
	check_counts(&want);
}

TEST_MACHINE(numa_counts_of_a_node_without_memory_stay_zero, &four_nodes)
{
	CHECK_EQ(test_run_on_cpus(3, borrows, NULL), 3);
}

TEST_MACHINE(numa_counts_of_interleaving_are_whose_turn_it_was, &four_nodes)
{
	struct page *page = alloc_pages_node(3, GFP_KERNEL, 1);
	struct numa_counts want;

	read_counts(&want);
	count_numa_interleave(page, 1);
	want.of[3][NUMA_INTERLEAVE] += 2;
	check_counts(&want);
	CHECK_EQ(sum_numa_stat(NUMA_INTERLEAVE), 2);
	__free_pages(page, 1);
}

TEST_MACHINE(numa_counts_ignore_what_failed, &four_nodes)
{
	EACH_FAILURE(n) {
		struct numa_counts want;
		struct page *page;

		read_counts(&want);
		page = alloc_pages_node(1, GFP_KERNEL, 2);
		if (page) {
			expect(&want, 0, 1, 1, 4);
			__free_pages(page, 2);
		} else {
			CHECK(failure_was_injected());
		}
		check_counts(&want);
	}
}

#define STEPS 20000
#define HELD  1300

/* Blocks of all orders from all nodes, until some are full. */
TEST_MACHINE(numa_counts_follow_a_model, &four_nodes)
{
	static struct {
		struct page *page;
		unsigned int order;
	} held[HELD];
	struct numa_counts want;
	unsigned int step;

	read_counts(&want);
	for (step = 0; step < STEPS; step++) {
		unsigned int i = (unsigned int)test_random_below(HELD);
		unsigned int order = (unsigned int)test_random_below(5);
		int nid = (int)test_random_below(5) - 1;
		gfp_t gfp = test_random() & 1 ? GFP_NOWAIT
					      : GFP_NOWAIT | __GFP_HIGHMEM |
							__GFP_MOVABLE;

		if (held[i].page) {
			__free_pages(held[i].page, held[i].order);
			held[i].page = NULL;
			continue;
		}
		if (test_random_below(4) == 0)
			gfp |= __GFP_THISNODE;
		held[i].order = order;
		held[i].page = nid < 0 ? alloc_pages(gfp, order)
				       : alloc_pages_node(nid, gfp, order);
		if (held[i].page)
			expect(&want, 0, max(nid, 0), page_to_nid(held[i].page),
			       1UL << order);
		if (step % 64 == 0) {
			check_counts(&want);
			page_validate();
		}
	}
	CHECK(want.of[0][NUMA_FOREIGN] && want.of[3][NUMA_MISS]);
	for (step = 0; step < HELD; step++)
		if (held[step].page)
			__free_pages(held[step].page, held[step].order);
	check_counts(&want);
	drain_all_pages();
	check_counts(&want);
}

/* ---- page counts by node ---- */

TEST_MACHINE(node_stats_sum_up_to_the_machines, &four_nodes)
{
	struct page *pages[40];
	unsigned long before[4];
	unsigned int i;
	int nid;

	for (nid = 0; nid < 4; nid++)
		before[nid] = node_stat(nid, NST_nr_mlock);
	/* Runs of equal nodes of lengths 1, 2, 3 .. */
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		pages[i] = alloc_pages_node(nearest[i * i / 16 % 4], GFP_KERNEL,
					    0);
	mod_pages_stat(pages, ARRAY_SIZE(pages), NST_nr_mlock, 3);
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		before[page_to_nid(pages[i])] += 3;
	for (nid = 0; nid < 4; nid++)
		CHECK_EQ(node_stat(nid, NST_nr_mlock), before[nid]);
	CHECK_EQ(node_stat_pages(NST_nr_mlock), 3 * ARRAY_SIZE(pages));
	CHECK_EQ(node_stat(2, NST_nr_mlock), 0);
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		mod_page_stat(pages[i], NST_nr_mlock, -3);
	mod_pages_stat(pages, 0, NST_nr_mlock, 1);
	CHECK_EQ(node_stat_pages(NST_nr_mlock), 0);
	free_pages_bulk(pages, ARRAY_SIZE(pages));
}

TEST_MACHINE(node_frames_sum_up_to_the_machines, &four_nodes)
{
	unsigned long free = 0, managed = 0;
	int nid;

	for (nid = 0; nid < 4; nid++) {
		free += node_free_pages(nid);
		managed += node_managed_pages(nid);
		CHECK_LE(node_managed_pages(nid), node_present_pages(nid));
	}
	CHECK_EQ(free, nr_free_pages());
	CHECK_EQ(managed, totalram_pages());
	CHECK_EQ(node_present_pages(0), 8 * MIB >> PAGE_SHIFT);
	CHECK_EQ(node_present_pages(2) + node_free_pages(2), 0);
}

static struct numa_counts seen[3]; /* by processor */

/* Each on a random node; what one got, the next frees. */
static void takes_and_passes(void *arg, unsigned int cpu)
{
	struct page **slots = arg;
	unsigned int i;

	memset(&seen[cpu], 0, sizeof(seen[cpu]));
	for (i = 0; i < 5000; i++) {
		int nid = (int)((i * 7 + cpu) % 4);
		struct page *page = alloc_pages_node(nid, GFP_KERNEL, 0);

		expect(&seen[cpu], (int)cpu, nid, page_to_nid(page), 1);
		page = __atomic_exchange_n(&slots[i % 64], page,
					   __ATOMIC_ACQ_REL);
		if (page)
			__free_page(page);
	}
}

TEST_MACHINE(numa_counts_of_many_processors_lose_nothing, &four_nodes)
{
	static struct page *slots[64];
	struct numa_counts want;
	int cpu, nid, item;

	read_counts(&want);
	CHECK_EQ(test_run_on_cpus(3, takes_and_passes, slots), 3);
	for (cpu = 0; cpu < 3; cpu++)
		for (nid = 0; nid < 4; nid++)
			for (item = 0; item < NR_NUMA_STATS; item++)
				want.of[nid][item] += seen[cpu].of[nid][item];
	check_counts(&want);
	page_validate();
	free_pages_bulk(slots, ARRAY_SIZE(slots));
}

/* What a reader sees when the second sum has moved on since the first. */
TEST_MACHINE(numa_counts_read_meanwhile_are_never_below_zero, &four_nodes)
{
	const struct pglist_data *node = NODE_DATA(3);
	struct zone *zone = NULL;
	struct pcp *pcp;
	unsigned int i;

	for (i = 0; i < MAX_NR_ZONES; i++)
		if (zone_populated(&node->node_zones[i]))
			zone = (struct zone *)&node->node_zones[i];
	CHECK(zone);
	pcp = zone->pageset[1];
	zone->allocs_other += 1000000;
	CHECK_EQ(node_numa_stat(3, NUMA_LOCAL), 0);
	zone->allocs_other -= 1000000;
	pcp->missed += 1000000;
	CHECK_EQ(node_numa_stat(3, NUMA_HIT), 0);
	CHECK_EQ(sum_numa_stat(NUMA_MISS), 1000000);
	pcp->missed -= 1000000;
	/* Frames on a list that were not counted yet when it was read. */
	pcp->drained += 1000000;
	CHECK_EQ(node_numa_stat(3, NUMA_OTHER), 0);
	CHECK_EQ(sum_vm_event((enum vm_event)(VMEV_pgalloc_dma +
					      (unsigned int)zone->idx)) >>
			 40,
		 0);
	pcp->drained -= 1000000;
}

/* A range of another node's frames is not local. */
TEST_MACHINE(numa_counts_know_whose_a_contiguous_range_was, &four_nodes)
{
	struct numa_counts want;
	struct page *page;
	int nid;

	read_counts(&want);
	for (nid = 0; nid < 2; nid++) {
		page = alloc_contig_pages(100, GFP_KERNEL | __GFP_THISNODE,
					  nid);
		CHECK(page);
		CHECK_EQ(page_to_nid(page), nid);
		expect(&want, 0, nid, nid, 100);
		free_contig_range(page_to_pfn(page), 100);
	}
	check_counts(&want);
}
