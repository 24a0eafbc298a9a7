/* SPDX-License-Identifier: MIT */
/*
 * vmstat.c - sums of the counters that vmstat.h declares.
 *
 * Each processor counts for itself; a sum reads all of them without stopping
 * anyone, so it is exact only when nothing runs.  A page count of one
 * processor may be negative (counted up here, down there); the sum is not,
 * but for a moment, and then shown as 0.
 */
#include "mm/page/zone.h"

#include <quire/vmstat.h>

DEFINE_PER_CPU(unsigned long[NR_VM_EVENTS], vm_event_counts);
DEFINE_PER_CPU(long[NR_NODE_STATS], node_stat_counts);

unsigned long sum_vm_event(enum vm_event ev)
{
	unsigned long sum = 0;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE((*per_cpu_ptr(&vm_event_counts, cpu))[ev]);
	return sum;
}

unsigned long node_stat_pages(enum node_stat st)
{
	unsigned int cpu;
	long sum = 0;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE((*per_cpu_ptr(&node_stat_counts, cpu))[st]);
	return sum < 0 ? 0 : (unsigned long)sum;
}

unsigned long nr_free_pages(void)
{
	unsigned long nr = 0;
	struct zone *zone;

	for_each_zone(zone)
		nr += READ_ONCE(zone->free_pages) + zone_pcp_pages(zone);
	return nr;
}

unsigned long totalram_pages(void)
{
	unsigned long nr = 0;
	struct zone *zone;

	for_each_zone(zone)
		nr += zone->managed_pages;
	return nr;
}
