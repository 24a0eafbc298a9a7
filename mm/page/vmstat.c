/* SPDX-License-Identifier: MIT */
/*
 * vmstat.c - sums of the counters that vmstat.h declares.
 *
 * 1. Allocated and freed frames are counted by the zones and per-CPU lists;
 *    everything else each processor counts for itself.  A sum reads all of
 *    them without stopping anyone, so it is exact only when nothing runs.
 * 2. A page count of one processor may be negative (counted up here, down
 *    there); the sum is not, but for a moment, and then shown as 0.  So is a
 *    difference of two sums: both move on between the reads.
 * 3. Nodes.  A list belongs to one processor and one zone, so what it handed
 *    out was local or not as a whole: nothing is counted for that.  Only the
 *    search that has left the node it wanted counts, on both sides.
 *    S1  over all zones, missed = foreign
 *    S2  missed, and what other nodes' processors got, is at most what the
 *        zone handed out
 */
#include "mm/page/zone.h"

#include <quire/printk.h>
#include <quire/vmstat.h>

DEFINE_PER_CPU(unsigned long[NR_VM_EVENTS], vm_event_counts);
DEFINE_PER_CPU(long[MAX_NUMNODES][NODE_STATS_STRIDE], node_stat_counts);

static unsigned long not_negative(unsigned long sum)
{
	return (long)sum < 0 ? 0 : sum;
}

/* Frames ever freed into the zone, or its per-CPU lists. */
static unsigned long zone_frees(const struct zone *zone)
{
	unsigned long sum = READ_ONCE(zone->frees);
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(zone->pageset[cpu]->freed);
	return sum;
}

/*
 * Frames that ever went out of one processor's lists: all that came in less
 * what was given back to the zone and what is left.
 */
static unsigned long pcp_allocs(const struct pcp *pcp)
{
	return READ_ONCE(pcp->freed) + READ_ONCE(pcp->refilled) -
	       READ_ONCE(pcp->drained) - pcp_pages(pcp);
}

/* Frames ever allocated. */
static unsigned long zone_allocs(const struct zone *zone)
{
	unsigned long sum = READ_ONCE(zone->allocs);
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		sum += pcp_allocs(zone->pageset[cpu]);
	return not_negative(sum);
}

/* ---- nodes ---- */

/* By processors of other nodes: each list has one processor and one zone. */
static unsigned long zone_allocs_other(const struct zone *zone)
{
	unsigned long sum = READ_ONCE(zone->allocs_other);
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		if (cpu_to_node(cpu) != zone->zone_pgdat->node_id)
			sum += pcp_allocs(zone->pageset[cpu]);
	return not_negative(sum);
}

/* An atomic addition, because an interrupt may count here in between. */
void count_numa_miss(struct zone *zone, struct zone *preferred,
		     unsigned long nr)
{
	unsigned int cpu = smp_processor_id();

	__atomic_fetch_add(&zone->pageset[cpu]->missed, nr, __ATOMIC_RELAXED);
	__atomic_fetch_add(&preferred->pageset[cpu]->foreign, nr,
			   __ATOMIC_RELAXED);
}

void count_numa_interleave(const struct page *page, unsigned int order)
{
	struct zone *zone = page_zone(page);

	__atomic_fetch_add(&zone->pageset[smp_processor_id()]->interleaved,
			   1UL << order, __ATOMIC_RELAXED);
}

/* The slow paths' own counts of one kind, of all processors. */
static unsigned long sum_missed(const struct zone *zone)
{
	unsigned long sum = 0;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(zone->pageset[cpu]->missed);
	return sum;
}

static unsigned long sum_foreign(const struct zone *zone)
{
	unsigned long sum = 0;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(zone->pageset[cpu]->foreign);
	return sum;
}

static unsigned long sum_interleaved(const struct zone *zone)
{
	unsigned long sum = 0;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(zone->pageset[cpu]->interleaved);
	return sum;
}

unsigned long zone_numa_stat(const struct zone *zone, enum numa_stat item)
{
	if (!zone_populated(zone))
		return 0;
	switch (item) {
	case NUMA_HIT:
		return not_negative(zone_allocs(zone) - sum_missed(zone));
	case NUMA_MISS:
		return sum_missed(zone);
	case NUMA_FOREIGN:
		return sum_foreign(zone);
	case NUMA_INTERLEAVE:
		return sum_interleaved(zone);
	case NUMA_LOCAL:
		return not_negative(zone_allocs(zone) -
				    zone_allocs_other(zone));
	case NUMA_OTHER:
		return zone_allocs_other(zone);
	case NR_NUMA_STATS:
		break;
	}
	return 0;
}

unsigned long node_numa_stat(int nid, enum numa_stat item)
{
	unsigned long sum = 0;
	unsigned int i;

	for (i = 0; i < MAX_NR_ZONES; i++)
		sum += zone_numa_stat(&NODE_DATA(nid)->node_zones[i], item);
	return sum;
}

unsigned long sum_numa_stat(enum numa_stat item)
{
	unsigned long sum = 0;
	int nid;

	for (nid = 0; nid < nr_node_ids; nid++)
		sum += node_numa_stat(nid, item);
	return sum;
}

/* ---- sums ---- */

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

/* Of one node on all processors; for a moment it may be negative. */
static long node_stat_sum(int nid, enum node_stat st)
{
	unsigned int cpu;
	long sum = 0;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(
			(*per_cpu_ptr(&node_stat_counts, cpu))[nid][st]);
	return sum;
}

unsigned long node_stat(int nid, enum node_stat st)
{
	long sum = node_stat_sum(nid, st);

	return sum < 0 ? 0 : (unsigned long)sum;
}

unsigned long node_stat_pages(enum node_stat st)
{
	long sum = 0;
	int nid;

	for (nid = 0; nid < nr_node_ids; nid++)
		sum += node_stat_sum(nid, st);
	return sum < 0 ? 0 : (unsigned long)sum;
}

void mod_pages_stat(struct page *const *pages, unsigned long nr,
		    enum node_stat st, long delta)
{
	unsigned long i, from = 0;

	if (nr_node_ids == 1)
		return mod_node_stat(0, st, delta * (long)nr);
	for (i = 1; i <= nr; i++) {
		int nid = page_to_nid(pages[from]);

		if (i < nr && page_to_nid(pages[i]) == nid)
			continue;
		mod_node_stat(nid, st, delta * (long)(i - from));
		from = i;
	}
}

unsigned long node_free_pages(int nid)
{
	unsigned long nr = 0;
	unsigned int i;

	for (i = 0; i < MAX_NR_ZONES; i++) {
		const struct zone *zone = &NODE_DATA(nid)->node_zones[i];

		if (zone_populated(zone))
			nr += READ_ONCE(zone->free_pages) +
			      zone_pcp_pages(zone);
	}
	return nr;
}

unsigned long node_managed_pages(int nid)
{
	unsigned long nr = 0;
	unsigned int i;

	for (i = 0; i < MAX_NR_ZONES; i++)
		nr += READ_ONCE(NODE_DATA(nid)->node_zones[i].managed_pages);
	return nr;
}

unsigned long node_present_pages(int nid)
{
	return READ_ONCE(NODE_DATA(nid)->node_present_pages);
}

unsigned long nr_free_pages(void)
{
	unsigned long nr = 0;
	int nid;

	for (nid = 0; nid < nr_node_ids; nid++)
		nr += node_free_pages(nid);
	return nr;
}

unsigned long totalram_pages(void)
{
	unsigned long nr = 0;
	int nid;

	for (nid = 0; nid < nr_node_ids; nid++)
		nr += node_managed_pages(nid);
	return nr;
}

void vmstat_validate(void)
{
	unsigned long missed = 0, foreign = 0;
	struct zone *zone;

	for_each_zone(zone) {
		unsigned long allocs = zone_allocs(zone);

		BUG_ON(sum_missed(zone) > allocs);	  /* S2 */
		BUG_ON(zone_allocs_other(zone) > allocs); /* S2 */
		missed += sum_missed(zone);
		foreign += sum_foreign(zone);
	}
	BUG_ON(missed != foreign); /* S1 */
}
