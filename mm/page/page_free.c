/* SPDX-License-Identifier: MIT */
/*
 * page_free.c - gives frames back, and does not believe everything.
 *
 * 1. Fast path.  The last reference of a single frame puts it on this
 *    processor's hot stack: free_hot().
 * 2. A free is bad when the frame is outside of memory, reserved, already
 *    free (_refcount 0), still known to another owner (a flag of
 *    PAGE_FLAGS_CHECK_AT_FREE, a mapping) or part of a run of another order.
 *    It is reported with the descriptor, and the frames are leaked: they keep
 *    a reference that nobody has.
 * 3. Runs.  A compound page's head and a run's second descriptor tell the
 *    order, so dropping the last reference by put_page() frees all of it.
 *    A compound page's other descriptors are all looked at, and written.  Those
 *    of a run belong to nobody until split_page(), so that in builds without
 *    CONFIG_DEBUG_MM a long run shows 2^CHECK_ALL_ORDER of them, equally far
 *    apart: reading all 511 of 2 MiB, 16 KiB of other memory, costs more than
 *    everything else that allocating and freeing it does.
 * 4. Locking.  Any context.  When the list is busy, the frame goes to the
 *    buddy system at once (pcp.c, 3).
 */
#include "mm/page/zone.h"

#include <quire/printk.h>

/* Runs of this order and below are looked at as a whole. */
#define CHECK_ALL_ORDER 3

/* pageblock_flags of a block whose frames may go to the per-CPU lists. */
#define BLOCK_ORDINARY (PAGEBLOCK_PRESENT | PAGEBLOCK_INIT)

/* What is wrong with a descriptor that comes back, or NULL. */
static const char *free_is_bad(const struct page *page, u32 run_flags)
{
	u32 flags = READ_ONCE(page->flags);

	if (flags & (1U << PG_buddy | 1U << PG_pcp))
		return "is free already";
	if (flags & 1U << PG_reserved)
		return "is reserved";
	if (flags & PAGE_FLAGS_CHECK_AT_FREE)
		return "still has an owner's flags";
	if ((flags & PAGE_FLAGS_RUN) != run_flags)
		return "is freed with the wrong order";
	if (READ_ONCE(page->_mapcount) != -1)
		return "is still mapped";
	if (!zone_table[flags >> PAGEFLAGS_ZONE_SHIFT])
		return "has a descriptor of no zone";
	return NULL;
}

static void free_to_zone(struct page *page, unsigned int order)
{
	struct zone *zone = page_zone(page);
	unsigned long flags;

	spin_lock_irqsave(&zone->lock, flags);
	WRITE_ONCE(page->flags, zone->page_flags);
	buddy_free(zone, page_to_pfn(page), order);
	zone_count(&zone->frees, 1UL << order);
	spin_unlock_irqrestore(&zone->lock, flags);
}

/* The frame stays in use for ever. */
static void leak(struct page *page, const char *why)
{
	WRITE_ONCE(page->_refcount, 1);
	bad_page(page, why);
}

/*
 * How far apart the frames are that check_run() looks at (part 3).  A compound
 * page's must all be written anyway.
 */
static unsigned long check_step(unsigned int order, u32 tail_flags)
{
	if (CONFIG_DEBUG_MM || tail_flags || order <= CHECK_ALL_ORDER)
		return 1;
	return 1UL << (order - CHECK_ALL_ORDER);
}

/* The other frames of a run must be clean, and become so. */
static const char *check_run(struct page *page, unsigned int order,
			     u32 tail_flags, unsigned long step)
{
	const u32 zone_bits = page->flags & PAGE_FLAGS_ZONE;
	struct page *end = page + (1UL << order), *p;
	bool stale = tail_flags;

	for (p = page + step; p < end; p += step) {
		const char *why;

		if (likely(READ_ONCE(p->flags) == (zone_bits | tail_flags) &&
			   READ_ONCE(p->_mapcount) == -1 &&
			   !READ_ONCE(p->_refcount)))
			continue;
		why = free_is_bad(p, tail_flags);
		if (why)
			return why;
		if (READ_ONCE(p->_refcount))
			return "has a frame in use";
		stale = true;
	}
	for (p = page + 1; p < end && stale; p++)
		WRITE_ONCE(p->flags, zone_bits);
	return NULL;
}

/* The last reference of a run is gone; order -1: as the run says. */
static noinline void free_run(struct page *page, int order)
{
	u32 kind = READ_ONCE(page->flags) & PAGE_FLAGS_RUN;
	bool compound = kind == 1U << PG_head;
	u32 tail_flags = compound ? 1U << PG_tail : 0;
	unsigned int is = compound ? page->private : 0;
	const char *why = free_is_bad(page, kind);

	if (kind == 1U << PG_run)
		is = page[1].private;
	if (!why && (kind == 1U << PG_tail || is > MAX_ORDER ||
		     (order >= 0 && (unsigned int)order != is)))
		why = "is freed with the wrong order";
	if (!why)
		why = check_run(page, is, tail_flags,
				check_step(is, tail_flags));
	if (why)
		return leak(page, why);
	if (unlikely(page_contents.any))
		page_contents_free(page, is);
	if (!pcp_keep_run(page, is))
		free_to_zone(page, is);
}

/* The last reference is gone, and free_hot() refused. */
static noinline void free_slow(struct page *page, int order)
{
	const char *why;

	if (READ_ONCE(page->flags) & PAGE_FLAGS_RUN || order > 0)
		return free_run(page, order);
	why = free_is_bad(page, 0);
	if (why)
		return leak(page, why);
	if (unlikely(page_contents.any))
		page_contents_free(page, 0);
	free_to_zone(page, 0);
}

/*
 * A single frame, its last reference gone, to the hot stack.  pfn and block,
 * its pageblock_flags, are known to the caller.
 */
static __always_inline bool free_hot(struct page *page, unsigned long pfn,
				     unsigned int block)
{
	unsigned int mt = block - BLOCK_ORDINARY;
	u32 flags = READ_ONCE(page->flags), nr;
	struct pcp *pcp;

	if (unlikely(flags & (PAGE_FLAGS_CHECK_AT_FREE | PAGE_FLAGS_RUN) ||
		     READ_ONCE(page->_mapcount) != -1 ||
		     mt >= MIGRATE_PCPTYPES))
		return false;
	flags &= PAGE_FLAGS_ZONE;
	pcp = this_cpu_ptr(&page_cpu)->of_zone[flags >> PAGEFLAGS_ZONE_SHIFT];
	if (unlikely(!raw_spin_trylock(&pcp->lock.locked)))
		return false;
	WRITE_ONCE(page->flags, flags | 1U << PG_pcp);
	WRITE_ONCE(pcp->freed, pcp->freed + 1);
	page->link.next = pcp->hot[mt].first;
	nr = pcp->hot[mt].nr + 1;
	pcp_stack_set(&pcp->hot[mt], (u32)pfn, nr);
	if (unlikely(nr >= pcp->size))
		pcp_overflow_unlock(pcp, mt);
	else
		raw_spin_unlock(&pcp->lock.locked);
	return true;
}

/*
 * Drop a reference, free on the last.  order -1: as the page says.  Nothing is
 * written when the frame has no descriptor or no reference.
 */
static __always_inline void drop_page(struct page *page, int order)
{
	unsigned long pfn = page_to_pfn(page);
	unsigned int block;

	if (unlikely(pfn >= max_pfn))
		return bad_page(page, "has no descriptor");
	block = READ_ONCE(pageblock_flags[pfn >> PAGEBLOCK_ORDER]);
	if (unlikely(!(block & PAGEBLOCK_PRESENT)))
		return bad_page(page, "has no descriptor");
	if (unlikely(!READ_ONCE(page->_refcount)))
		return bad_page(page, "is free already");
	if (__atomic_fetch_sub(&page->_refcount, 1, __ATOMIC_ACQ_REL) != 1)
		return;
	if (unlikely(order > 0 || !free_hot(page, pfn, block)))
		free_slow(page, order);
}

void __free_pages(struct page *page, unsigned int order)
{
	drop_page(page, (int)order);
}

static struct page *compound_head(struct page *page)
{
	if (unlikely(READ_ONCE(page->flags) & 1U << PG_tail))
		return pfn_to_page(page->compound_head);
	return page;
}

void put_page(struct page *page)
{
	drop_page(compound_head(page), -1);
}

void free_pages(unsigned long addr, unsigned int order)
{
	if (addr)
		__free_pages(virt_to_page((void *)addr), order);
}

void free_pages_bulk(struct page **pages, unsigned long nr)
{
	unsigned long i;

	for (i = 0; i < nr; i++)
		drop_page(pages[i], 0);
}
