/* SPDX-License-Identifier: MIT */
/*
 * numa.c - distances, and the order in which each node's requests try zones.
 *
 * 1. Idea.  A request is served near the processor that makes it: its node's
 *    zones first, then those of the other nodes by distance.  The order is
 *    made once; the hot path does not know of nodes, as each processor's
 *    of_gfp[] begins with the lists of its own node's first zone.
 * 2. Equally far nodes are tried from the next number upwards, around: each
 *    node overflows into a different one.
 * 3. A node without memory has no zones and borrows: its list begins with the
 *    nearest node that has some (local_memory_node).  A node without
 *    processors is only ever borrowed from.
 * 4. What the machine declares is checked here, and a contradiction stops it:
 *    a port has to leave out what it does not trust.
 *    N1  a node is 10 from itself, and more than 10 from every other
 *    N2  every processor's node exists
 *    Sources: ACPI 6.4, 5.2.17; Linux's Documentation/mm/numa.rst.
 *    What lives for ever and has a place, such as a processor's lists, is
 *    taken from memblock in the same order.
 * 5. Locking.  Written at start, then only read.
 */
#include "mm/page/zone.h"
#include "mm/page/memblock.h"

#include <quire/port.h>
#include <quire/printk.h>

DEFINE_PER_CPU(int, numa_node);

static u8 distances[MAX_NUMNODES][MAX_NUMNODES];

unsigned int node_distance(int from, int to)
{
	return distances[from][to];
}

int local_memory_node(int nid)
{
	return NODE_DATA(nid)->zonelist[0]->zone_pgdat->node_id;
}

static unsigned int declared_distance(const struct mm_boot *boot, int from,
				      int to)
{
	if (boot->distances)
		return boot->distances[(unsigned int)from * boot->nr_nodes +
				       (unsigned int)to];
	return from == to ? LOCAL_DISTANCE : REMOTE_DISTANCE;
}

int boot_cpu_to_node(const struct mm_boot *boot, unsigned int cpu)
{
	return boot->cpu_to_node ? boot->cpu_to_node[cpu] : 0;
}

/* Stops the machine at a contradiction. */
static void check_nodes(const struct mm_boot *boot)
{
	int nr_nodes = (int)boot->nr_nodes, from, to;
	unsigned int cpu;

	if (!boot->nr_nodes || boot->nr_nodes > MAX_NUMNODES)
		panic("numa: %u nodes, at most %u are possible", boot->nr_nodes,
		      MAX_NUMNODES);
	for (from = 0; from < nr_nodes; from++) {
		for (to = 0; to < nr_nodes; to++) {
			unsigned int d = declared_distance(boot, from, to);

			if (from == to ? d != LOCAL_DISTANCE
				       : d <= LOCAL_DISTANCE)
				panic("numa: node %d cannot be %u from node %d",
				      from, d, to); /* N1 */
		}
	}
	for (cpu = 0; cpu < boot->nr_cpus; cpu++)
		if (boot_cpu_to_node(boot, cpu) >= nr_nodes)
			panic("numa: CPU %u on node %d, there are %d", cpu,
			      boot_cpu_to_node(boot, cpu), nr_nodes); /* N2 */
}

void numa_init(const struct mm_boot *boot)
{
	int from, to;

	check_nodes(boot);
	nr_node_ids = (int)boot->nr_nodes;
	for (from = 0; from < nr_node_ids; from++)
		for (to = 0; to < nr_node_ids; to++)
			distances[from][to] =
				(u8)declared_distance(boot, from, to);
}

void numa_init_cpus(const struct mm_boot *boot)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		WRITE_ONCE(*per_cpu_ptr(&numa_node, cpu),
			   boot_cpu_to_node(boot, cpu));
}

/* Is a tried before b by requests of node nid? */
static bool is_nearer(int nid, int a, int b)
{
	unsigned int to_a = node_distance(nid, a), to_b = node_distance(nid, b);

	if (to_a != to_b)
		return to_a < to_b;
	return (a - nid + nr_node_ids) % nr_node_ids <
	       (b - nid + nr_node_ids) % nr_node_ids;
}

int next_nearest_node(int from, bool *used)
{
	int best = NUMA_NO_NODE, nid;

	for (nid = 0; nid < nr_node_ids; nid++)
		if (!used[nid] &&
		    (best == NUMA_NO_NODE || is_nearer(from, nid, best)))
			best = nid;
	if (best != NUMA_NO_NODE)
		used[best] = true;
	return best;
}

void *memblock_alloc_near(size_t size, size_t align, int nid)
{
	bool used[MAX_NUMNODES] = {false};
	void *va = NULL;
	int at;

	while (!va && (at = next_nearest_node(nid, used)) != NUMA_NO_NODE)
		va = memblock_try_alloc_node(size, align, at);
	/* None: this says so. */
	return va ? va : memblock_alloc(size, align);
}

void build_zonelist(struct pglist_data *pgdat)
{
	bool used[MAX_NUMNODES] = {false};
	struct zone **z = pgdat->zonelist;
	int best, i;

	while ((best = next_nearest_node(pgdat->node_id, used)) !=
	       NUMA_NO_NODE) {
		for (i = MAX_NR_ZONES - 1; i >= 0; i--)
			if (zone_populated(&NODE_DATA(best)->node_zones[i]))
				*z++ = &NODE_DATA(best)->node_zones[i];
	}
	*z = NULL;
}
