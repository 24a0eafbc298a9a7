/* SPDX-License-Identifier: MIT */
/*
 * numa_test.c - whose memory a processor gets, on machines of several nodes.
 */
#include "mm/page/numa.c"

#include <quire/gfp.h>
#include <quire/slab.h>

#include "mm/page/page.h"
#include "port/soft/soft.h"
#include "test/test.h"

#define MIB ((phys_addr_t)1 << 20)

static int node_of_new_page(int nid, gfp_t gfp)
{
	struct page *page = nid == NUMA_NO_NODE ? alloc_page(gfp)
						: alloc_pages_node(nid, gfp, 0);
	int is = page ? page_to_nid(page) : NUMA_NO_NODE;

	if (page)
		__free_page(page);
	return is;
}

/*
 *	processors   0   1   2   3
 *	node	     0   1   2   2	3: memory alone
 *	memory	     8M  8M  -		16M
 */
static const struct mem_range ranges[] = {
	{16 * MIB, 24 * MIB, 0, MEM_RANGE_USABLE},
	{24 * MIB, 32 * MIB, 1, MEM_RANGE_USABLE},
	{32 * MIB, 48 * MIB, 3, MEM_RANGE_USABLE},
};
static const u8 cpu_nodes[] = {0, 1, 2, 2};
static const u8 far_and_near[] = {
	10, 20, 20, 40, /**/ 20, 10, 40, 20,
	20, 40, 10, 30, /**/ 40, 20, 30, 10,
};
static const struct soft_layout four_nodes = {
	.ranges = ranges,
	.nr_ranges = ARRAY_SIZE(ranges),
	.nr_cpus = 4,
	.nr_nodes = 4,
	.distances = far_and_near,
	.cpu_to_node = cpu_nodes,
};

static const int nearest_memory[] = {0, 1, 0, 0}; /* by processor */

static void allocates_near(void *arg, unsigned int cpu)
{
	unsigned int i;

	(void)arg;
	CHECK_EQ(numa_node_id(), cpu_nodes[cpu]);
	CHECK_EQ(numa_mem_id(), nearest_memory[cpu]);
	for (i = 0; i < 200; i++)
		CHECK_EQ(node_of_new_page(NUMA_NO_NODE, GFP_KERNEL),
			 nearest_memory[cpu]);
	CHECK_EQ(node_of_new_page(NUMA_NO_NODE, GFP_HIGHUSER_MOVABLE),
		 nearest_memory[cpu]);
}

TEST_MACHINE(each_processor_gets_the_nearest_memory, &four_nodes)
{
	CHECK_EQ(test_run_on_cpus(4, allocates_near, NULL), 4);
	page_validate();
}

TEST_MACHINE(nodes_without_memory_borrow_from_the_nearest, &four_nodes)
{
	unsigned int cpu;

	for (cpu = 0; cpu < 4; cpu++)
		CHECK_EQ(local_memory_node(cpu_to_node(cpu)),
			 nearest_memory[cpu]);
	CHECK_EQ(local_memory_node(3), 3);
	CHECK_EQ(node_of_new_page(2, GFP_KERNEL), 0);
	CHECK_EQ(node_of_new_page(3, GFP_KERNEL), 3);
	CHECK_EQ(
		node_of_new_page(2, GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN),
		NUMA_NO_NODE);
	CHECK_EQ(node_distance(2, 0), 20);
	CHECK_EQ(node_distance(0, 3), 40);
}

/* This test runs on processor 0. */
TEST_MACHINE(thisnode_means_the_processors_own, &four_nodes)
{
	struct page *page, *hoard[4096];
	unsigned int nr = 0;

	while ((page = alloc_page(GFP_NOWAIT | __GFP_THISNODE |
				  __GFP_NOWARN))) {
		CHECK_EQ(page_to_nid(page), 0);
		CHECK(nr < ARRAY_SIZE(hoard));
		hoard[nr++] = page;
	}
	/* Node 0 is empty: its neighbours by distance, 1 before 3. */
	CHECK_EQ(node_of_new_page(NUMA_NO_NODE, GFP_NOWAIT), 1);
	while (nr)
		__free_page(hoard[--nr]);
	page_validate();
}

static void takes_objects_near(void *arg, unsigned int cpu)
{
	struct kmem_cache *cache = arg;
	void *obj[32];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(obj); i++) {
		obj[i] = kmem_cache_alloc(cache, GFP_KERNEL);
		CHECK_EQ(page_to_nid(virt_to_page(obj[i])),
			 nearest_memory[cpu]);
	}
	for (i = 0; i < ARRAY_SIZE(obj); i++)
		kmem_cache_free(cache, obj[i]);
}

TEST_MACHINE(objects_are_near_their_processor, &four_nodes)
{
	struct kmem_cache *cache =
		kmem_cache_create("near", 256, 0, SLAB_NO_MERGE, NULL);

	CHECK(cache);
	CHECK_EQ(test_run_on_cpus(4, takes_objects_near, cache), 4);
	kmem_cache_destroy(cache);
}

/* Asking again for a node without memory uses up the slab there is. */
TEST_MACHINE(objects_for_a_borrowing_node_share_slabs, &four_nodes)
{
	struct kmem_cache *cache =
		kmem_cache_create("lent", 256, 0, SLAB_NO_MERGE, NULL);
	void *a = kmem_cache_alloc_node(cache, GFP_KERNEL, 2);
	void *b = kmem_cache_alloc_node(cache, GFP_KERNEL, 2);

	CHECK(a && b);
	CHECK_EQ((uintptr_t)a >> PAGE_SHIFT, (uintptr_t)b >> PAGE_SHIFT);
	kmem_cache_free(cache, a);
	kmem_cache_free(cache, b);
	kmem_cache_destroy(cache);
}

/* Four nodes that are all equally far: each overflows to the next one. */
static const struct mem_range even_ranges[] = {
	{16 * MIB, 20 * MIB, 0, MEM_RANGE_USABLE},
	{20 * MIB, 24 * MIB, 1, MEM_RANGE_USABLE},
	{24 * MIB, 28 * MIB, 2, MEM_RANGE_USABLE},
	{28 * MIB, 32 * MIB, 3, MEM_RANGE_USABLE},
};
static const struct soft_layout even_nodes = {
	.ranges = even_ranges,
	.nr_ranges = ARRAY_SIZE(even_ranges),
	.nr_cpus = 1,
	.nr_nodes = 4,
};

TEST_MACHINE(equally_far_nodes_overflow_into_different_ones, &even_nodes)
{
	int nid, k;

	for (nid = 0; nid < 4; nid++) {
		for (k = 0; k < 4; k++)
			CHECK_EQ(NODE_DATA(nid)
					 ->zonelist[k]
					 ->zone_pgdat->node_id,
				 (nid + k) % 4);
		CHECK(!NODE_DATA(nid)->zonelist[4]);
		CHECK_EQ(node_distance(nid, nid), LOCAL_DISTANCE);
		CHECK_EQ(node_distance(nid, (nid + 1) % 4), REMOTE_DISTANCE);
	}
}

/* ---- declarations that contradict themselves; N1, N2 ---- */

#ifndef QUIRE_METAL

static void declare(void *boot)
{
	numa_init(boot);
}

TEST_MACHINE(impossible_declarations_stop_the_machine, &four_nodes)
{
	static const u8 not_ten[] = {11, 20, 20, 10},
			too_near[] = {10, 20, 10, 10};
	static const u8 nowhere[] = {0, 1, 2, 0};
	struct mm_boot boot = {.nr_nodes = 0, .nr_cpus = 4};
	char text[128];

	CHECK(soft_catch_panic(declare, &boot, text, sizeof(text)));
	boot.nr_nodes = MAX_NUMNODES + 1;
	CHECK(soft_catch_panic(declare, &boot, text, sizeof(text)));
	boot.nr_nodes = 2;
	boot.distances = not_ten;
	CHECK(soft_catch_panic(declare, &boot, text, sizeof(text)));
	boot.distances = too_near;
	CHECK(soft_catch_panic(declare, &boot, text, sizeof(text)));
	CHECK_STR(text, "numa: node 1 cannot be 10 from node 0");
	boot.distances = NULL;
	boot.cpu_to_node = nowhere;
	CHECK(soft_catch_panic(declare, &boot, text, sizeof(text)));
	CHECK_STR(text, "numa: CPU 2 on node 2, there are 2");
}

#endif
