/* SPDX-License-Identifier: MIT */
/*
 * pagetypeinfo.c - /proc/pagetypeinfo: free blocks by what they may hold, and
 * how many pageblocks are meant for it.
 *
 * Free lists are read zone by zone under the zone's lock; a pageblock's type
 * is a byte of its own and may change while the others are counted.
 *
 * Source: Linux's Documentation/filesystems/proc.rst, and a running Linux.
 */
#include "mm/page/zone.h"

#include <quire/show.h>

static const char *const type_names[MIGRATE_TYPES] = {
	[MIGRATE_UNMOVABLE] = "Unmovable",
	[MIGRATE_MOVABLE] = "Movable",
	[MIGRATE_RECLAIMABLE] = "Reclaimable",
	[MIGRATE_HIGHATOMIC] = "HighAtomic",
	[MIGRATE_CMA] = "CMA",
	[MIGRATE_ISOLATE] = "Isolate",
};

static void show_free(struct seq_buf *s, struct zone *zone)
{
	unsigned long flags, nr[MIGRATE_TYPES][NR_ORDERS];
	unsigned int order, mt;

	spin_lock_irqsave(&zone->lock, flags);
	for (mt = 0; mt < MIGRATE_TYPES; mt++)
		for (order = 0; order < NR_ORDERS; order++)
			nr[mt][order] = zone->free_area[order].list[mt].nr;
	spin_unlock_irqrestore(&zone->lock, flags);

	for (mt = 0; mt < MIGRATE_TYPES; mt++) {
		seq_printf(s, "Node %4d, zone %8s, type %12s ",
			   zone->zone_pgdat->node_id, zone->name,
			   type_names[mt]);
		for (order = 0; order < NR_ORDERS; order++)
			seq_printf(s, "%6lu ", nr[mt][order]);
		seq_putc(s, '\n');
	}
}

/* Zones of one node may lie within each other: each block is asked. */
static void show_blocks(struct seq_buf *s, const struct zone *zone)
{
	unsigned long nr[MIGRATE_TYPES] = {0}, until = 0;
	unsigned long pfn =
		ALIGN_DOWN(zone->zone_start_pfn, PAGEBLOCK_NR_PAGES);
	const struct zone *owner = NULL;
	unsigned int mt;

	for (; pfn < zone_end_pfn(zone); pfn += PAGEBLOCK_NR_PAGES) {
		if (!pfn_valid(pfn))
			continue;
		if (pfn >> PAGEBLOCK_ORDER >= until)
			owner = zone_of_block(pfn >> PAGEBLOCK_ORDER, &until);
		if (owner == zone)
			nr[pageblock_type(pfn)]++;
	}
	seq_printf(s, "Node %d, zone %8s ", zone->zone_pgdat->node_id,
		   zone->name);
	for (mt = 0; mt < MIGRATE_TYPES; mt++)
		seq_printf(s, "%12lu ", nr[mt]);
	seq_putc(s, '\n');
}

void show_pagetypeinfo(struct seq_buf *s)
{
	unsigned int order, mt;
	struct zone *zone;

	seq_printf(s, "Page block order: %d\nPages per block:  %lu\n\n",
		   PAGEBLOCK_ORDER, PAGEBLOCK_NR_PAGES);
	seq_printf(s, "%-43s ", "Free pages count per migrate type at order");
	for (order = 0; order < NR_ORDERS; order++)
		seq_printf(s, "%6u ", order);
	seq_putc(s, '\n');
	for_each_zone(zone)
		show_free(s, zone);
	seq_printf(s, "\n%-23s", "Number of blocks type ");
	for (mt = 0; mt < MIGRATE_TYPES; mt++)
		seq_printf(s, "%12s ", type_names[mt]);
	seq_putc(s, '\n');
	for_each_zone(zone)
		show_blocks(s, zone);
}
