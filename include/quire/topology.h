/* SPDX-License-Identifier: MIT */
/*
 * topology.h - nodes: which processor and which memory are near each other.
 *
 * The machine says so once, in struct mm_boot; mm_init() takes it in, and
 * nothing of it changes afterwards.  A node may have no memory, or no
 * processors.  Distances are those of ACPI's SLIT: 10 within a node, more to
 * others; 254 is the most, 255 cannot be reached.
 */
#ifndef QUIRE_TOPOLOGY_H
#define QUIRE_TOPOLOGY_H

#include <quire/percpu.h>
#include <quire/types.h>

#define NUMA_NO_NODE	(-1)
#define LOCAL_DISTANCE	10
#define REMOTE_DISTANCE 20 /* where the machine says nothing */

/* Nodes: 0 .. nr_node_ids-1, with or without memory. */
extern int nr_node_ids;

DECLARE_PER_CPU(int, numa_node);

/*
 * numa_node_id - the node of the processor that runs this.
 * Context: any; with preemption enabled the answer may be old.
 */
static inline int numa_node_id(void)
{
	return READ_ONCE(*this_cpu_ptr(&numa_node));
}

/* The node of a possible processor, cpu < nr_cpu_ids.  Context: any. */
static inline int cpu_to_node(unsigned int cpu)
{
	return READ_ONCE(*per_cpu_ptr(&numa_node, cpu));
}

/*
 * node_distance - how far to is from from, as in the machine's table.
 * Context: any.  Both are 0 .. nr_node_ids-1.
 * Result: LOCAL_DISTANCE for itself, 254 at most, 255: cannot be reached.
 */
unsigned int node_distance(int from, int to);

/*
 * local_memory_node - nid itself if it has memory, else the nearest that has.
 * Context: any.
 */
int local_memory_node(int nid);

/* The node whose memory the processor that runs this gets first. */
static inline int numa_mem_id(void)
{
	return local_memory_node(numa_node_id());
}

#endif
