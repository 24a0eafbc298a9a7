/* SPDX-License-Identifier: MIT */
/*
 * srat.h - reading ACPI's tables of nodes, without believing them.
 */
#ifndef PORT_X86_64_SRAT_H
#define PORT_X86_64_SRAT_H

#include <quire/config.h>
#include <quire/types.h>

#define NUMA_RANGES_MAX 32
#define NUMA_APIC_IDS	256

struct numa_range {
	phys_addr_t start, end;
	int nid;
};

/* Nodes are numbered by ascending proximity domain. */
struct numa_map {
	unsigned int nr_nodes; /* 0: the tables say nothing usable */
	u32 domain[MAX_NUMNODES];
	unsigned int nr_ranges; /* sorted by address, disjoint */
	struct numa_range ranges[NUMA_RANGES_MAX];
	s8 apic_nid[NUMA_APIC_IDS]; /* -1: not listed */
	bool has_distances;
	u8 distances[MAX_NUMNODES * MAX_NUMNODES]; /* nr_nodes x nr_nodes */
};

/*
 * srat_decode - nodes, their memory and processors, from a whole SRAT of len
 * bytes.  Result: NULL; or what is wrong, and then map says nothing.
 */
const char *srat_decode(const u8 *table, size_t len, struct numa_map *map);

/*
 * slit_decode - distances of the nodes in map from a whole SLIT of len bytes.
 * Result: NULL; or what is wrong, and then map has no distances.
 */
const char *slit_decode(const u8 *table, size_t len, struct numa_map *map);

/*
 * The node of the memory at pa, and in *end where that changes, at most end
 * itself.  What no range covers belongs to node 0.
 */
int numa_node_at(const struct numa_map *map, phys_addr_t pa, phys_addr_t *end);

#endif
