/* SPDX-License-Identifier: MIT */
/*
 * contig.c - allocates the frames of a given range, of any length.
 *
 * 1. Idea.  The pageblocks of the range are isolated: their free frames go to
 *    lists from which nothing is given out, and what is freed meanwhile goes
 *    there too.  Then per-CPU lists are drained, what is in use is moved away
 *    by who can (contig_ops), and if the whole range is free it is taken out
 *    of the buddy system in one step, zone->lock held.  The pageblocks get
 *    their types back whatever came of it.
 *
 *	before     |M.......|MMMM....|........|     M: in use, .: free
 *	isolated       |I.......|I.......|
 *	taken          ^start         ^end
 *
 * 2. Two at once.  A pageblock is isolated by one caller at a time; the other
 *    gets -EBUSY.
 * 3. A processor that looked at a pageblock just before it was isolated may
 *    still put a frame on its list after the drain.  So a range with a frame on
 *    a per-CPU list is drained again, DRAINS times.
 * 4. Failure.  Everything is as before, but for frames that were moved.
 */
#include "mm/page/zone.h"

#include <quire/errno.h>
#include <quire/failure.h>
#include <quire/highmem.h>
#include <quire/port.h>
#include <quire/string.h>

#define DRAINS 4

static const struct contig_ops no_ops;
static const struct contig_ops *contig_ops = &no_ops;

void register_contig_ops(const struct contig_ops *ops)
{
	__atomic_store_n(&contig_ops, ops ? ops : &no_ops, __ATOMIC_RELEASE);
}

/* The zone that all of [start, end) belongs to, or NULL. */
static struct zone *zone_of_range(unsigned long start, unsigned long end)
{
	struct zone *zone = NULL;
	unsigned long pfn;

	for (pfn = ALIGN_DOWN(start, PAGEBLOCK_NR_PAGES); pfn < end;
	     pfn += PAGEBLOCK_NR_PAGES) {
		if (!pfn_valid(pfn))
			return NULL;
		if (zone && page_zone(pfn_to_page(pfn)) != zone)
			return NULL;
		zone = page_zone(pfn_to_page(pfn));
	}
	return zone;
}

static void unisolate(struct zone *zone, unsigned long start, unsigned long end)
{
	unsigned long pfn, flags;

	for (pfn = ALIGN_DOWN(start, PAGEBLOCK_NR_PAGES); pfn < end;
	     pfn += PAGEBLOCK_NR_PAGES) {
		spin_lock_irqsave(&zone->lock, flags);
		buddy_unisolate(zone, pfn);
		spin_unlock_irqrestore(&zone->lock, flags);
	}
}

static int isolate(struct zone *zone, unsigned long start, unsigned long end)
{
	unsigned long pfn, flags;

	for (pfn = ALIGN_DOWN(start, PAGEBLOCK_NR_PAGES); pfn < end;
	     pfn += PAGEBLOCK_NR_PAGES) {
		bool ok;

		spin_lock_irqsave(&zone->lock, flags);
		ok = buddy_isolate(zone, pfn);
		spin_unlock_irqrestore(&zone->lock, flags);
		if (!ok) {
			unisolate(zone, start, pfn);
			return -EBUSY;
		}
	}
	return 0;
}

/* 0: taken; otherwise *used is a frame that is not free. */
static int try_take(struct zone *zone, unsigned long start, unsigned long end,
		    unsigned long *used)
{
	unsigned long flags;
	int err = -EBUSY;

	spin_lock_irqsave(&zone->lock, flags);
	*used = buddy_first_used(zone, start, end);
	if (*used == end) {
		buddy_take_range(zone, start, end);
		zone_count(&zone->allocs, end - start);
		if (zone->zone_pgdat->node_id != numa_node_id())
			zone_count(&zone->allocs_other, end - start);
		err = 0;
	}
	spin_unlock_irqrestore(&zone->lock, flags);
	return err;
}

static int empty_and_take(struct zone *zone, unsigned long start,
			  unsigned long end, gfp_t gfp)
{
	const struct contig_ops *ops =
		__atomic_load_n(&contig_ops, __ATOMIC_ACQUIRE);
	unsigned int drains;
	unsigned long used;
	int err;

	if (ops->migrate_range) {
		err = ops->migrate_range(start, end, gfp);
		if (err)
			return err;
	}
	for (drains = 0; drains < DRAINS; drains++) {
		drain_all_pages();
		err = try_take(zone, start, end, &used);
		if (!err || !PagePcp(pfn_to_page(used)))
			break;
		port->yield();
	}
	return err;
}

/* Ours now: make pages of them. */
static void prep_range(struct zone *zone, unsigned long pfn, unsigned long end,
		       gfp_t gfp)
{
	for (; pfn < end; pfn++) {
		struct page *page = pfn_to_page(pfn);

		/* Named by its place: it cannot be replaced, only reported. */
		page_contents_good(page, 0);
		page_prep_frame(page, zone->page_flags);
		if (gfp & __GFP_ZERO || page_contents.init_on_alloc)
			clear_highpage(page);
	}
}

int alloc_contig_range(unsigned long start, unsigned long end,
		       unsigned int migratetype, gfp_t gfp)
{
	struct zone *zone;
	int err;

	might_sleep();
	if (start >= end || end > max_pfn || migratetype >= MIGRATE_PCPTYPES ||
	    gfp & (__GFP_COMP | __GFP_MOVABLE) || !gfpflags_allow_blocking(gfp))
		return -EINVAL;
	zone = zone_of_range(start, end);
	if (!zone)
		return -EINVAL;
	if (should_fail())
		return -EBUSY;
	err = isolate(zone, start, end);
	if (err)
		return err;
	err = empty_and_take(zone, start, end, gfp);
	unisolate(zone, start, end);
	if (!err)
		prep_range(zone, start, end, gfp);
	return err;
}

void free_contig_range(unsigned long pfn, unsigned long nr_pages)
{
	unsigned long end = pfn + nr_pages;

	for (; pfn < end; pfn++)
		__free_page(pfn_to_page(pfn));
}

/* A guess that spares an attempt in vain: no frame of it is in use now. */
static bool looks_free(struct zone *zone, unsigned long start,
		       unsigned long end)
{
	unsigned long flags, used;

	spin_lock_irqsave(&zone->lock, flags);
	used = buddy_first_used(zone, start, end);
	spin_unlock_irqrestore(&zone->lock, flags);
	return used == end;
}

static struct page *contig_from_zone(struct zone *zone, unsigned long nr_pages,
				     gfp_t gfp)
{
	unsigned long step = 1UL << fls_long(nr_pages - 1);
	unsigned long pfn = ALIGN(zone->zone_start_pfn, step);

	for (; pfn + nr_pages <= zone_end_pfn(zone); pfn += step)
		if (looks_free(zone, pfn, pfn + nr_pages) &&
		    !alloc_contig_range(pfn, pfn + nr_pages, MIGRATE_MOVABLE,
					gfp))
			return pfn_to_page(pfn);
	return NULL;
}

struct page *alloc_contig_pages(unsigned long nr_pages, gfp_t gfp, int nid)
{
	struct zone **z, *zone;
	struct page *page;

	if (nid == NUMA_NO_NODE)
		nid = numa_node_id();
	if (!nr_pages || nr_pages > max_pfn || nid < 0 || nid >= nr_node_ids)
		return NULL;
	drain_all_pages();
	for (z = NODE_DATA(nid)->zonelist; (zone = *z); z++) {
		if (zone->idx > gfp_zone(gfp) ||
		    (gfp & __GFP_THISNODE && zone->zone_pgdat->node_id != nid))
			continue;
		page = contig_from_zone(zone, nr_pages, gfp);
		if (page)
			return page;
	}
	return NULL;
}
