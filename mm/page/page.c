/* SPDX-License-Identifier: MIT */
/*
 * page.c - brings the page allocator up, and verifies all of it.
 *
 * Order of the start: the map (memblock), distances of nodes, zones' limits,
 * the processors' areas, descriptors' places, zones, per-CPU lists, and at
 * last the descriptors, which hands all free memory to the buddy system.  From then on memblock gives nothing more.
 *
 * page_validate() looks at every frame and counts it as exactly one of free in
 * the buddy system, free on a per-CPU list, reserved, or in use:
 *    P1  the zone's own invariants hold (B1.. C1..)
 *    P2  buddy + per-CPU + in use = managed, for each zone
 *    P3  those, reserved and the page array's = all frames with memory or beside it
 *    P4  a frame in use has references, a free one has none
 *    P5  places of kmap() and events agree with each other (S1..)
 */
#include "mm/page/page.h"
#include "mm/page/memblock.h"
#include "mm/page/zone.h"

#include <quire/port.h>
#include <quire/printk.h>

void page_init(const struct mm_boot *boot)
{
	memblock_init(boot);
	numa_init(boot);
	zone_limits_init(boot);
	setup_per_cpu_areas(boot);
	numa_init_cpus(boot);
	memmap_alloc(boot);
	zones_init();
	pagesets_init();
	page_contents_init();
	memmap_init();
	setup_per_zone_wmarks();
}

struct census {
	unsigned long buddy, pcp, used, reserved;
	unsigned long hidden; /* of the page array, without descriptors (L4) */
};

/* The frames of memory in a pageblock of the zone that is not present. */
static unsigned long hidden_at(const struct zone *zone, unsigned long pfn)
{
	unsigned long until;

	if (!memblock_overlaps(&memblock.memory, (phys_addr_t)pfn << PAGE_SHIFT,
			       (phys_addr_t)(pfn + PAGEBLOCK_NR_PAGES)
				       << PAGE_SHIFT) ||
	    zone_of_block(pfn >> PAGEBLOCK_ORDER, &until) != zone)
		return 0;
	return PAGEBLOCK_NR_PAGES;
}

/* Count the frame, or the free block or run, that starts at pfn. */
static unsigned long count_at(struct zone *zone, unsigned long pfn,
			      struct census *c)
{
	const struct page *page = pfn_to_page(pfn);
	u32 flags = page->flags;
	unsigned long nr = 1, i;

	BUG_ON(page_zone(page) != zone);
	if (flags & 1U << PG_buddy) {
		nr = 1UL << page->private;
		c->buddy += nr;
		BUG_ON(page->_refcount); /* P4 */
	} else if (flags & 1U << PG_pcp) {
		if (flags & 1U << PG_run)
			nr = 1UL << page[1].private;
		c->pcp += nr;
		BUG_ON(page->_refcount); /* P4 */
	} else if (flags & 1U << PG_reserved) {
		/* An owner may mark what it got: the zero page is. */
		if (memblock_is_free((phys_addr_t)pfn << PAGE_SHIFT,
				     (phys_addr_t)(pfn + 1) << PAGE_SHIFT))
			c->used++;
		else
			c->reserved++;
		BUG_ON(!page->_refcount); /* P4 */
	} else {
		if (flags & 1U << PG_head)
			nr = 1UL << page->private;
		else if (flags & 1U << PG_run)
			nr = 1UL << page[1].private;
		c->used += nr;
		BUG_ON(!page->_refcount); /* P4 */
		for (i = 1; i < nr; i++)
			BUG_ON(page[i]._refcount);
	}
	return nr;
}

static void count_zone(struct zone *zone, struct census *c)
{
	unsigned long pfn =
		ALIGN_DOWN(zone->zone_start_pfn, PAGEBLOCK_NR_PAGES);
	unsigned long end = zone_end_pfn(zone);

	while (pfn < end) {
		const u8 *block = &pageblock_flags[pfn >> PAGEBLOCK_ORDER];

		if (!(*block & PAGEBLOCK_PRESENT))
			c->hidden += hidden_at(zone, pfn);
		if (!(*block & PAGEBLOCK_PRESENT) ||
		    page_zone(pfn_to_page(pfn)) != zone) {
			pfn = ALIGN(pfn + 1, PAGEBLOCK_NR_PAGES);
			continue;
		}
		BUG_ON(!(*block & PAGEBLOCK_INIT) &&
		       !PageBuddy(pfn_to_page(pfn))); /* L2 */
		pfn += count_at(zone, pfn, c);
	}
}

void page_validate(void)
{
	struct zone *zone;

	memblock_validate();
	highmem_validate();
	vmstat_validate();
	for_each_zone(zone) {
		struct census c = {0};

		zone_validate(zone); /* P1 */
		count_zone(zone, &c);
		BUG_ON(c.buddy != zone->free_pages);
		BUG_ON(c.pcp != zone_pcp_pages(zone));
		BUG_ON(c.buddy + c.pcp + c.used !=
		       zone->managed_pages); /* P2 */
		BUG_ON(zone->managed_pages + c.reserved + c.hidden <
		       zone->present_pages); /* P3 */
	}
}
