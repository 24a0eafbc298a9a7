/* SPDX-License-Identifier: MIT */
/*
 * buddy.c - hands out runs of 2^order page frames from one zone.
 *
 * 1. Idea.  Every free run is aligned to its own size, so a run's partner is
 *    found by flipping one bit of its frame number.  Freeing merges partners
 *    upwards, allocating splits downwards (Knowlton, CACM 1965).
 * 2. Types.  Each pageblock has a migrate type, and allocations of one type
 *    are served from pageblocks of that type, so that what cannot move does
 *    not scatter (Gorman and Whitcroft, ISMM 2008).  When a type has nothing
 *    left it takes from another: the largest block there is, and with it the
 *    whole pageblock if that is at least half free; else the smallest block.
 *    Either way a pageblock has got mixed, unless it was all free, and the
 *    marks rise (watermark.c, 4).
 * 3. Invariants, checked by buddy_validate() and named in the tests.
 *    B1  a free block of order k starts at a multiple of 2^k; its first
 *        descriptor has PG_buddy, private = k, _refcount 0
 *    B2  partners are never both free at the same order below the top, unless
 *        they lie in different pageblocks of types that must stay apart
 *    B3  zone->free_pages is the sum of 2^k over all free blocks
 *    B4  bit k of zone->avail[t] is set when free_area[k].list[t] is not empty
 *    B5  a block is on the list of its pageblock's type; the pageblocks of a
 *        larger block have one type
 *    B6  a pageblock that is not filled in is free (memmap.c, L2)
 *    B7  only an isolated pageblock remembers another type
 * 4. Locking.  zone->lock, interrupts off, guards all of it.  It is a leaf:
 *    nothing is allocated, logged or slept on under it.
 * 5. Failure.  Only allocation fails, and then has changed at most the type
 *    of pageblocks.
 */
#include "mm/page/pagelist.h"
#include "mm/page/zone.h"

#include <quire/printk.h>

/* Where each type looks when its own lists are empty, best first. */
static const u8 fallbacks[MIGRATE_PCPTYPES][MIGRATE_PCPTYPES - 1] = {
	[MIGRATE_UNMOVABLE] = {MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE},
	[MIGRATE_MOVABLE] = {MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE},
	[MIGRATE_RECLAIMABLE] = {MIGRATE_UNMOVABLE, MIGRATE_MOVABLE},
};

void buddy_init_zone(struct zone *zone)
{
	unsigned int order, mt;

	for (order = 0; order < NR_ORDERS; order++)
		for (mt = 0; mt < MIGRATE_TYPES; mt++)
			page_list_init(&zone->free_area[order].list[mt]);
}

static void add_block(struct zone *zone, unsigned long pfn, unsigned int order,
		      unsigned int mt)
{
	struct page *page = pfn_to_page(pfn);

	WRITE_ONCE(page->flags, zone->page_flags | 1U << PG_buddy);
	page->private = order;
	page_list_add(&zone->free_area[order].list[mt], page, (u32)pfn);
	WRITE_ONCE(zone->avail[mt], (u16)(zone->avail[mt] | 1U << order));
}

static void del_block(struct zone *zone, struct page *page, unsigned int order,
		      unsigned int mt)
{
	struct page_list *list = &zone->free_area[order].list[mt];

	page_list_del(list, page);
	if (page_list_empty(list))
		WRITE_ONCE(zone->avail[mt],
			   (u16)(zone->avail[mt] & ~(1U << order)));
	WRITE_ONCE(page->flags, zone->page_flags);
}

static void add_free_pages(struct zone *zone, long nr)
{
	WRITE_ONCE(zone->free_pages, zone->free_pages + (unsigned long)nr);
}

static void set_block_type(unsigned long pfn, unsigned int mt)
{
	u8 *flags = &pageblock_flags[pfn >> PAGEBLOCK_ORDER];

	WRITE_ONCE(*flags, (u8)((*flags & ~PAGEBLOCK_TYPE) | mt));
}

/* Give the one or two pageblocks of a large block a type. */
static void set_run_type(unsigned long pfn, unsigned int order, unsigned int mt)
{
	unsigned long end = pfn + (1UL << order);

	for (; pfn < end; pfn += PAGEBLOCK_NR_PAGES)
		set_block_type(pfn, mt);
}

/*
 * May blocks of a whole pageblock merge with their partner's?  The partner
 * must exist, and types that mean a purpose (CMA, isolation) stay apart.
 */
static bool blocks_may_merge(unsigned long buddy_pfn, unsigned int mt)
{
	unsigned int buddy_mt;

	if (!pfn_valid(buddy_pfn))
		return false;
	buddy_mt = pageblock_type(buddy_pfn);
	return buddy_mt == mt ||
	       (buddy_mt < MIGRATE_PCPTYPES && mt < MIGRATE_PCPTYPES);
}

void buddy_free(struct zone *zone, unsigned long pfn, unsigned int order)
{
	const u32 free_flags = zone->page_flags | 1U << PG_buddy;
	unsigned int mt = pageblock_type(pfn);

	lockdep_assert_held(&zone->lock);
	VM_BUG_ON(pfn & ((1UL << order) - 1));
	add_free_pages(zone, 1L << order);
	for (; order < MAX_ORDER; order++) {
		unsigned long buddy_pfn = pfn ^ 1UL << order;
		struct page *buddy = pfn_to_page(buddy_pfn);

		if (order >= PAGEBLOCK_ORDER &&
		    !blocks_may_merge(buddy_pfn, mt))
			break;
		/* private is the buddy system's only with PG_buddy */
		if (READ_ONCE(buddy->flags) != free_flags ||
		    buddy->private != order)
			break;
		del_block(zone, buddy, order, pageblock_type(buddy_pfn));
		WRITE_ONCE(pfn_to_page(pfn)->flags, zone->page_flags);
		pfn &= buddy_pfn;
	}
	if (order > PAGEBLOCK_ORDER)
		set_run_type(pfn, order, mt);
	add_block(zone, pfn, order, mt);
}

/*
 * The largest blocks have no partners, so nothing is looked at: each is linked
 * to the one below it, as if they were freed one after the other.
 */
void buddy_add_largest(struct zone *zone, unsigned long pfn, unsigned long nr)
{
	const u32 flags = zone->page_flags | 1U << PG_buddy;
	const unsigned int mt = pageblock_type(pfn);
	struct page_list *list = &zone->free_area[MAX_ORDER].list[mt];
	struct page *page = pfn_to_page(pfn);
	u32 at = (u32)pfn, below = list->first, i;

	lockdep_assert_held(&zone->lock);
	if (!nr)
		return;
	if (below == PFN_NIL)
		list->last = at;
	else
		pfn_to_page(below)->link.prev = at;
	for (i = 0; i < nr; i++) {
		WRITE_ONCE(page->flags, flags);
		page->private = MAX_ORDER;
		page->link.next = below;
		page->link.prev = at + (1U << MAX_ORDER);
		below = at;
		at += 1U << MAX_ORDER;
		page += 1U << MAX_ORDER;
	}
	pfn_to_page(below)->link.prev = PFN_NIL;
	list->first = below;
	list->nr += (u32)nr;
	WRITE_ONCE(zone->avail[mt], (u16)(zone->avail[mt] | 1U << MAX_ORDER));
	add_free_pages(zone, (long)(nr << MAX_ORDER));
}

/*
 * Take the block of order have, and keep its first 2^want frames; the rest
 * goes back in halves.
 */
static struct page *take_block(struct zone *zone, struct page *page,
			       unsigned int have, unsigned int want,
			       unsigned int mt)
{
	unsigned long pfn = page_to_pfn(page);

	del_block(zone, page, have, mt);
	add_free_pages(zone, -(1L << want));
	if (unlikely(have >= PAGEBLOCK_ORDER))
		memmap_init_blocks(zone, pfn, want);
	while (have > want) {
		have--;
		add_block(zone, pfn + (1UL << have), have, mt);
	}
	return page;
}

/* The smallest order from order on that has a block of the type, or -1. */
static int smallest_order(const struct zone *zone, unsigned int order,
			  unsigned int mt)
{
	unsigned int orders = zone->avail[mt] >> order;

	return orders ? (int)order + __builtin_ctz(orders) : -1;
}

static struct page *first_block(const struct zone *zone, unsigned int order,
				unsigned int mt)
{
	return pfn_to_page(zone->free_area[order].list[mt].first);
}

/*
 * Make the pageblock around page one of type mt, if at least half of it is
 * free or of that use already.  Its blocks of less than a pageblock move to
 * mt's lists.
 */
static bool claim_pageblock(struct zone *zone, unsigned long pfn,
			    unsigned int old_mt, unsigned int mt)
{
	unsigned long start = ALIGN_DOWN(pfn, PAGEBLOCK_NR_PAGES);
	unsigned long end = start + PAGEBLOCK_NR_PAGES, at, nr_free = 0;

	for (at = start; at < end;) {
		struct page *page = pfn_to_page(at);
		bool is_free = READ_ONCE(page->flags) & 1U << PG_buddy;
		unsigned long nr = is_free ? 1UL << page->private : 1;

		nr_free += is_free ? nr : 0;
		at += nr;
	}
	if (nr_free < PAGEBLOCK_NR_PAGES / 2)
		return false;
	for (at = start; at < end;) {
		struct page *page = pfn_to_page(at);
		unsigned int order;

		if (!(READ_ONCE(page->flags) & 1U << PG_buddy)) {
			at++;
			continue;
		}
		order = page->private;
		del_block(zone, page, order, old_mt);
		add_block(zone, at, order, mt);
		at += 1UL << order;
	}
	set_block_type(start, mt);
	return true;
}

/* Move a free block of at least a pageblock to another type. */
static void retype_block(struct zone *zone, struct page *page,
			 unsigned int order, unsigned int old_mt,
			 unsigned int mt)
{
	unsigned long pfn = page_to_pfn(page);

	del_block(zone, page, order, old_mt);
	set_run_type(pfn, order, mt);
	add_block(zone, pfn, order, mt);
}

/*
 * Bring blocks of at least this order from other types to mt's lists.  Movable
 * requests do not claim for small blocks: they will not stay.
 */
static bool claim_fallback(struct zone *zone, unsigned int order,
			   unsigned int mt)
{
	unsigned int i;
	int o;

	for (o = MAX_ORDER; o >= (int)order; o--) {
		if (o < PAGEBLOCK_ORDER / 2 && mt == MIGRATE_MOVABLE)
			return false;
		for (i = 0; i < MIGRATE_PCPTYPES - 1; i++) {
			unsigned int from = fallbacks[mt][i];
			struct page *page;

			if (!(zone->avail[from] >> o & 1))
				continue;
			page = first_block(zone, (unsigned int)o, from);
			if (o >= PAGEBLOCK_ORDER) {
				retype_block(zone, page, (unsigned int)o, from,
					     mt);
				return true;
			}
			if (claim_pageblock(zone, page_to_pfn(page), from,
					    mt)) {
				boost_watermark(zone);
				return true;
			}
		}
	}
	return false;
}

/*
 * Where to take a block of at least this order from: the list's type in *from
 * and its order.  -1: nowhere.
 */
static int find_block(struct zone *zone, unsigned int order, unsigned int mt,
		      unsigned int *from)
{
	unsigned int i;
	int best = -1;

	*from = mt;
	best = smallest_order(zone, order, mt);
	if (likely(best >= 0))
		return best;
	if (claim_fallback(zone, order, mt))
		return smallest_order(zone, order, mt);
	for (i = 0; i < MIGRATE_PCPTYPES - 1; i++) {
		int o = smallest_order(zone, order, fallbacks[mt][i]);

		if (o >= 0 && (best < 0 || o < best)) {
			best = o;
			*from = fallbacks[mt][i];
		}
	}
	if (best >= 0 && best < PAGEBLOCK_ORDER)
		boost_watermark(zone);
	return best;
}

struct page *buddy_alloc(struct zone *zone, unsigned int order, unsigned int mt)
{
	unsigned int from;
	int have;

	lockdep_assert_held(&zone->lock);
	have = find_block(zone, order, mt, &from);
	if (have < 0)
		return NULL;
	return take_block(zone, first_block(zone, (unsigned int)have, from),
			  (unsigned int)have, order, from);
}

/*
 * The frames that nr single allocations in a row would give, without putting
 * halves of halves on the lists in between: whole blocks are handed out as
 * long as they are not too large.
 */
unsigned int buddy_alloc_bulk(struct zone *zone, unsigned int mt,
			      unsigned int nr, struct pcp_stack *stack)
{
	const u32 flags = zone->page_flags | 1U << PG_pcp;
	unsigned int got = 0;

	lockdep_assert_held(&zone->lock);
	while (got < nr) {
		unsigned int from, want, i;
		int have = find_block(zone, 0, mt, &from);
		struct page *page;
		unsigned long pfn;

		if (have < 0)
			break;
		want = min((unsigned int)have,
			   (unsigned int)fls_long(nr - got) - 1);
		page = take_block(zone,
				  first_block(zone, (unsigned int)have, from),
				  (unsigned int)have, want, from);
		pfn = page_to_pfn(page);
		/* The lowest frame on top: users see ascending addresses. */
		for (i = 1U << want; i-- > 0;) {
			WRITE_ONCE(page[i].flags, flags);
			page[i].link.next = stack->first;
			stack->first = (u32)(pfn + i);
		}
		WRITE_ONCE(stack->nr, stack->nr + (1U << want));
		got += 1U << want;
	}
	return got;
}

/* ---- taking what lies at a place (contig.c) ---- */

#define PAGEBLOCK_WAS_SHIFT 5
_Static_assert(MIGRATE_PCPTYPES - 1 <= PAGEBLOCK_WAS >> PAGEBLOCK_WAS_SHIFT,
	       "an ordinary type fits");

/* Free blocks of less than a pageblock go from one type's lists to another's. */
static void move_blocks(struct zone *zone, unsigned long start,
			unsigned int from, unsigned int to)
{
	unsigned long pfn = start, end = start + PAGEBLOCK_NR_PAGES;

	while (pfn < end) {
		struct page *page = pfn_to_page(pfn);
		unsigned int order;

		/* The rest of a frame that is not free is its owner's. */
		if (!(READ_ONCE(page->flags) & 1U << PG_buddy)) {
			pfn++;
			continue;
		}
		order = page->private;
		del_block(zone, page, order, from);
		add_block(zone, pfn, order, to);
		pfn += 1UL << order;
	}
}

/* The free block that the frame lies in, or NULL. */
static struct page *block_around(const struct zone *zone, unsigned long pfn)
{
	const u32 free_flags = zone->page_flags | 1U << PG_buddy;
	unsigned int order = 0;

	if (!pfn_valid(pfn))
		return NULL;
	/* Only its first descriptor can be read. */
	if (!(pageblock_flags[pfn >> PAGEBLOCK_ORDER] & PAGEBLOCK_INIT))
		order = PAGEBLOCK_ORDER;
	for (; order <= MAX_ORDER; order++) {
		unsigned long head = ALIGN_DOWN(pfn, 1UL << order);
		struct page *page;

		if (!pfn_valid(head))
			break;
		page = pfn_to_page(head);
		if (READ_ONCE(page->flags) == free_flags &&
		    page->private >= order)
			return page;
	}
	return NULL;
}

bool buddy_isolate(struct zone *zone, unsigned long pfn)
{
	u8 *flags = &pageblock_flags[pfn >> PAGEBLOCK_ORDER];
	unsigned int mt = pageblock_type(pfn), order;
	struct page *page;

	lockdep_assert_held(&zone->lock);
	if (mt >= MIGRATE_PCPTYPES)
		return false;
	page = block_around(zone, pfn);
	order = page ? page->private : 0;
	if (order >= PAGEBLOCK_ORDER)
		del_block(zone, page, order, mt);
	else
		move_blocks(zone, pfn, mt, MIGRATE_ISOLATE);
	WRITE_ONCE(*flags, (u8)((*flags & ~(PAGEBLOCK_TYPE | PAGEBLOCK_WAS)) |
				MIGRATE_ISOLATE | mt << PAGEBLOCK_WAS_SHIFT));
	if (order >= PAGEBLOCK_ORDER) {
		unsigned long at = page_to_pfn(page), end = at + (1UL << order);

		for (; at < end; at += PAGEBLOCK_NR_PAGES)
			add_block(zone, at, PAGEBLOCK_ORDER,
				  pageblock_type(at));
	}
	return true;
}

void buddy_unisolate(struct zone *zone, unsigned long pfn)
{
	u8 *flags = &pageblock_flags[pfn >> PAGEBLOCK_ORDER];
	unsigned int mt = (*flags & PAGEBLOCK_WAS) >> PAGEBLOCK_WAS_SHIFT;
	struct page *page = block_around(zone, pfn);
	unsigned int order = page ? page->private : 0;
	unsigned long at, end;

	lockdep_assert_held(&zone->lock);
	if (order >= PAGEBLOCK_ORDER)
		del_block(zone, page, order, MIGRATE_ISOLATE);
	else
		move_blocks(zone, pfn, MIGRATE_ISOLATE, mt);
	WRITE_ONCE(*flags,
		   (u8)((*flags & ~(PAGEBLOCK_TYPE | PAGEBLOCK_WAS)) | mt));
	if (order < PAGEBLOCK_ORDER)
		return;
	/* The partner may be free, too, or was merged with while isolated. */
	add_free_pages(zone, -(1L << order));
	at = page_to_pfn(page);
	for (end = at + (1UL << order); at < end; at += PAGEBLOCK_NR_PAGES)
		buddy_free(zone, at, PAGEBLOCK_ORDER);
}

unsigned long buddy_first_used(struct zone *zone, unsigned long pfn,
			       unsigned long end)
{
	lockdep_assert_held(&zone->lock);
	while (pfn < end) {
		const struct page *page = block_around(zone, pfn);

		if (!page)
			break;
		pfn = page_to_pfn(page) + (1UL << page->private);
	}
	return min(pfn, end);
}

/* Give [pfn, end) back in the largest aligned runs. */
static void free_range(struct zone *zone, unsigned long pfn, unsigned long end)
{
	while (pfn < end) {
		unsigned int order = 0;

		while (order < MAX_ORDER && !(pfn & 1UL << order) &&
		       pfn + (2UL << order) <= end)
			order++;
		buddy_free(zone, pfn, order);
		pfn += 1UL << order;
	}
}

void buddy_take_range(struct zone *zone, unsigned long start, unsigned long end)
{
	unsigned long pfn = start;

	lockdep_assert_held(&zone->lock);
	while (pfn < end) {
		struct page *page = block_around(zone, pfn);
		unsigned long first = page_to_pfn(page);
		unsigned int order = page->private;
		unsigned long next = first + (1UL << order);

		del_block(zone, page, order, MIGRATE_ISOLATE);
		add_free_pages(zone, -(1L << order));
		memmap_init_blocks(zone, first, order);
		free_range(zone, first, pfn);
		free_range(zone, end, max(end, next));
		pfn = next;
	}
}

static void validate_block(struct zone *zone, unsigned long pfn,
			   unsigned int order, unsigned int mt)
{
	const struct page *page = pfn_to_page(pfn);
	unsigned long buddy_pfn = pfn ^ 1UL << order, i;

	BUG_ON(page->flags != (zone->page_flags | 1U << PG_buddy)); /* B1 */
	BUG_ON(mt != MIGRATE_ISOLATE &&
	       pageblock_flags[pfn >> PAGEBLOCK_ORDER] &
		       PAGEBLOCK_WAS);			   /* B7 */
	BUG_ON(page->private != order || page->_refcount); /* B1 */
	BUG_ON(pfn & ((1UL << order) - 1));		   /* B1 */
	for (i = pfn; i < pfn + (1UL << order); i += PAGEBLOCK_NR_PAGES)
		BUG_ON(pageblock_type(i) != mt); /* B5 */
	if (order < MAX_ORDER && pfn_valid(buddy_pfn) &&
	    (order < PAGEBLOCK_ORDER || blocks_may_merge(buddy_pfn, mt))) {
		const struct page *buddy = pfn_to_page(buddy_pfn);

		BUG_ON(READ_ONCE(buddy->flags) == page->flags &&
		       buddy->private == order); /* B2 */
	}
}

void buddy_validate(struct zone *zone)
{
	unsigned int order, mt;
	unsigned long sum = 0;

	for (order = 0; order < NR_ORDERS; order++) {
		for (mt = 0; mt < MIGRATE_TYPES; mt++) {
			struct page_list *l = &zone->free_area[order].list[mt];
			u32 pfn, prev = PFN_NIL, nr = 0;

			page_list_for_each(pfn, l) {
				BUG_ON(pfn_to_page(pfn)->link.prev != prev);
				validate_block(zone, pfn, order, mt);
				prev = pfn;
				BUG_ON(++nr > l->nr);
			}
			BUG_ON(l->last != prev || nr != l->nr);
			BUG_ON((zone->avail[mt] >> order & 1) != !!nr); /* B4 */
			sum += (unsigned long)nr << order;
		}
	}
	BUG_ON(sum != zone->free_pages); /* B3 */
}
