/* SPDX-License-Identifier: MIT */
/*
 * buddyinfo.c - /proc/buddyinfo: free blocks of each order, zone by zone.
 * Source: proc(5).
 */
#include "mm/page/zone.h"

#include <quire/show.h>

static void show_zone(struct seq_buf *s, struct zone *zone)
{
	unsigned long flags, nr[NR_ORDERS] = {0};
	unsigned int order, mt;

	spin_lock_irqsave(&zone->lock, flags);
	for (order = 0; order < NR_ORDERS; order++)
		for (mt = 0; mt < MIGRATE_TYPES; mt++)
			nr[order] += zone->free_area[order].list[mt].nr;
	spin_unlock_irqrestore(&zone->lock, flags);

	seq_printf(s, "Node %d, zone %8s ", zone->zone_pgdat->node_id,
		   zone->name);
	for (order = 0; order < NR_ORDERS; order++)
		seq_printf(s, "%6lu ", nr[order]);
	seq_putc(s, '\n');
}

void show_buddyinfo(struct seq_buf *s)
{
	struct zone *zone;

	for_each_zone(zone)
		show_zone(s, zone);
}
