/* SPDX-License-Identifier: MIT */
/*
 * vmstat.c - sums of the counters that vmstat.h declares.
 *
 * Allocated and freed frames are counted by the zones and per-CPU lists;
 * everything else each processor counts for itself.  A sum reads all of them
 * without stopping anyone, so it is exact only when nothing runs.  A page
 * count of one processor may be negative (counted up here, down there); the
 * sum is not, but for a moment, and then shown as 0.
 */
#include "mm/page/zone.h"

#include <quire/vmstat.h>

DEFINE_PER_CPU(unsigned long[NR_VM_EVENTS], vm_event_counts);
DEFINE_PER_CPU(long[NR_NODE_STATS], node_stat_counts);

/* Frames ever freed into the zone, or its per-CPU lists. */
static unsigned long zone_frees(const struct zone *zone)
{
	unsigned long sum = READ_ONCE(zone->frees);
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(zone->pageset[cpu].freed);
	return sum;
}

/*
 * Frames ever allocated: what the zone gave itself, and what went out of the
 * per-CPU lists, which is all that came in less what is left.
 */
static unsigned long zone_allocs(const struct zone *zone)
{
	unsigned long in = zone_frees(zone) - READ_ONCE(zone->frees) +
			   READ_ONCE(zone->refilled);
	unsigned long left = READ_ONCE(zone->drained) + zone_pcp_pages(zone);

	return READ_ONCE(zone->allocs) + in - left;
}

unsigned long sum_vm_event(enum vm_event ev)
{
	unsigned long sum = 0;
	struct zone *zone;
	unsigned int cpu;

	for_each_zone(zone) {
		if (ev == VMEV_pgfree)
			sum += zone_frees(zone);
		else if (ev == VMEV_pgalloc_dma + (unsigned int)zone->idx)
			sum += zone_allocs(zone);
	}
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
