/* SPDX-License-Identifier: MIT */
/*
 * zoneinfo.c - /proc/zoneinfo: every zone with its watermarks and lists.
 *
 * A zone without memory is named and has its sizes, as in Linux, but no lists.
 * A pageset's count and highs are of all migrate types and short runs together.
 * Linux's lines that nothing here counts are left out: docs/FILES.md.
 * Source: proc(5).
 */
#include "mm/page/zone.h"

#include <quire/reclaim.h>
#include <quire/show.h>
#include <quire/vmstat.h>

static void show_node_stats(struct seq_buf *s, int nid)
{
	seq_puts(s, "\n  per-node stats");
#define X(name) \
	seq_printf(s, "\n      %-12s %lu", #name, node_stat(nid, NST_##name));
	NODE_STATS(X)
#undef X
}

static void show_pages(struct seq_buf *s, const struct zone *zone)
{
	unsigned int i;

	seq_printf(s,
		   "\n  pages free     %lu"
		   "\n        boost    %lu"
		   "\n        min      %lu"
		   "\n        low      %lu"
		   "\n        high     %lu"
		   "\n        spanned  %lu"
		   "\n        present  %lu"
		   "\n        managed  %lu"
		   "\n        cma      0",
		   READ_ONCE(zone->free_pages), zone_watermark_boost(zone),
		   zone_wmark(zone, WMARK_MIN), zone_wmark(zone, WMARK_LOW),
		   zone_wmark(zone, WMARK_HIGH), zone->spanned_pages,
		   zone->present_pages, zone->managed_pages);
	seq_printf(s, "\n        protection: (%lu",
		   READ_ONCE(zone->lowmem_reserve[0]));
	for (i = 1; i < MAX_NR_ZONES; i++)
		seq_printf(s, ", %lu", READ_ONCE(zone->lowmem_reserve[i]));
	seq_putc(s, ')');
}

static void show_counters(struct seq_buf *s, const struct zone *zone)
{
	seq_printf(s, "\n      %-12s %lu", "nr_free_pages",
		   READ_ONCE(zone->free_pages));
#define X(item, vmstat_name, numastat_name)              \
	seq_printf(s, "\n      %-12s %lu", #vmstat_name, \
		   zone_numa_stat(zone, item));
	NUMA_STATS(X)
#undef X
}

static void show_pagesets(struct seq_buf *s, const struct zone *zone)
{
	unsigned int cpu;

	seq_puts(s, "\n  pagesets");
	for_each_possible_cpu(cpu) {
		const struct pcp *pcp = zone->pageset[cpu];

		seq_printf(s,
			   "\n    cpu: %u"
			   "\n              count:    %u"
			   "\n              high:     %u"
			   "\n              batch:    %u"
			   "\n              high_min: %u"
			   "\n              high_max: %u",
			   cpu, pcp_pages(pcp), pcp_high(pcp), pcp->batch,
			   pcp_high_of_size(READ_ONCE(pcp->size_min)),
			   pcp_high_of_size(READ_ONCE(pcp->size_max)));
	}
}

static void show_zone(struct seq_buf *s, const struct zone *zone,
		      bool first_of_node)
{
	seq_printf(s, "Node %d, zone %8s", zone->zone_pgdat->node_id,
		   zone->name);
	if (first_of_node)
		show_node_stats(s, zone->zone_pgdat->node_id);
	show_pages(s, zone);
	if (zone_populated(zone)) {
		show_counters(s, zone);
		show_pagesets(s, zone);
		seq_printf(s, "\n  start_pfn:           %lu",
			   zone->zone_start_pfn);
	}
	seq_putc(s, '\n');
}

void show_zoneinfo(struct seq_buf *s)
{
	unsigned int i;
	int nid;

	for (nid = 0; nid < nr_node_ids; nid++) {
		bool first = true;

		for (i = 0; i < MAX_NR_ZONES; i++) {
			const struct zone *zone =
				&NODE_DATA(nid)->node_zones[i];

			/* x86-64 has no HIGHMEM; a port that has one shows it */
			if (i == ZONE_HIGHMEM && !zone_populated(zone))
				continue;
			show_zone(s, zone, first && zone_populated(zone));
			first = first && !zone_populated(zone);
		}
	}
}
