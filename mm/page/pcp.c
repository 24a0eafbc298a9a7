/* SPDX-License-Identifier: MIT */
/*
 * pcp.c - per-CPU lists of single frames in front of the buddy system.
 *
 * 1. Idea.  A processor that frees and allocates single frames mostly reuses
 *    its own, still warm in its cache.  Each processor has, for each zone and
 *    migrate type, two stacks of up to batch frames: it works on the hot one;
 *    when that is full it becomes the cold one, and when it is empty the cold
 *    one becomes hot.  Only when both are full or empty does a batch go to or
 *    come from the buddy system, so a processor that swings around any level
 *    does so once in batch operations (Bonwick and Adams, "Magazines and
 *    Vmem", USENIX 2001).
 * 2. Invariants, checked by pcp_validate().
 *    C1  a hot stack has fewer than batch frames outside the lock
 *    C2  frames on a stack have PG_pcp, _refcount 0 and belong to the zone
 *    C3  a hot stack's nr is its length; a cold one has batch frames or none
 * 3. Guard.  pcp->lock is only ever tried by its own processor.  It fails when
 *    an interrupt handler came in between, or while another processor drains
 *    the lists; the caller then goes to the zone itself.  So the owner never
 *    waits, an interrupt needs no masking, and a thread that is moved to
 *    another processor in between does no harm.  Only drain_* wait for it, in
 *    task context.
 * 4. Watermarks are looked at when a batch is taken, not for each frame: what
 *    lies here has left the zone's count already.
 * 5. Counting.  Only frees are counted on the way (pcp->freed).  What was
 *    allocated follows: frees + taken from the zone - given to it - what is
 *    here (vmstat.c).
 * 6. Runs of orders 1 to 3, unmovable, lie on small stacks of their own.  They
 *    are taken from the zone one at a time; the stacks only save giving back,
 *    with all its merging, what is asked for again soon.
 *    C4  a run has PG_pcp and PG_run in its first descriptor, its order in
 *        the second's private; at most PCP_RUNS_MAX of an order
 * 7. Order: pcp->lock, then zone->lock.
 */
#include "mm/page/zone.h"

#include <quire/printk.h>

DEFINE_PER_CPU(struct page_cpu, page_cpu);

struct pcp no_pcp;

void pcp_init(struct pcp *pcp, unsigned int zone_slot, unsigned int batch)
{
	unsigned int mt;

	pcp->lock.locked = 0;
	pcp->batch = (u16)batch;
	pcp->zone_slot = (u16)zone_slot;
	pcp->freed = 0;
	for (mt = 0; mt < ARRAY_SIZE(pcp->hot); mt++)
		pcp_stack_set(&pcp->hot[mt], PFN_NIL, 0);
	for (mt = 0; mt < MIGRATE_PCPTYPES; mt++)
		WRITE_ONCE(pcp->cold[mt], PFN_NIL);
	for (mt = 0; mt < PCP_RUN_ORDERS; mt++)
		pcp_stack_set(&pcp->runs[mt], PFN_NIL, 0);
	pcp->refilled = pcp->drained = 0;
	pcp->missed = pcp->foreign = pcp->interleaved = 0;
}

/* Give nr linked runs of an order to the zone; pcp->lock held. */
static void drain_list(struct pcp *pcp, u32 pfn, unsigned int nr,
		       unsigned int order)
{
	struct zone *zone = pcp_zone(pcp);
	unsigned long flags;

	WRITE_ONCE(pcp->drained, pcp->drained + ((unsigned long)nr << order));
	spin_lock_irqsave(&zone->lock, flags);
	while (pfn != PFN_NIL) {
		u32 next = pfn_to_page(pfn)->link.next;

		buddy_free(zone, pfn, order);
		pfn = next;
	}
	spin_unlock_irqrestore(&zone->lock, flags);
}

static void drain_hot(struct pcp *pcp, unsigned int mt)
{
	if (!pcp->hot[mt].nr)
		return;
	drain_list(pcp, pcp->hot[mt].first, pcp->hot[mt].nr, 0);
	pcp_stack_set(&pcp->hot[mt], PFN_NIL, 0);
}

static void drain_cold(struct pcp *pcp, unsigned int mt)
{
	if (pcp->cold[mt] == PFN_NIL)
		return;
	drain_list(pcp, pcp->cold[mt], pcp->batch, 0);
	WRITE_ONCE(pcp->cold[mt], PFN_NIL);
}

static struct page *pop(struct pcp_stack *stack)
{
	struct page *page = pfn_to_page(stack->first);

	pcp_stack_set(stack, page->link.next, stack->nr - 1);
	return page;
}

/* The hot stack ran empty: use the cold one, or get a batch. */
static bool refill(struct pcp *pcp, unsigned int mt, enum zone_type highest,
		   unsigned int alloc_flags)
{
	struct pcp_stack *hot = &pcp->hot[mt];
	struct zone *zone = pcp_zone(pcp);
	unsigned long flags, free, mark, nr;

	if (pcp->cold[mt] != PFN_NIL) {
		/* One short of full: the caller pops it at once. */
		pcp_stack_set(hot, pcp->cold[mt], pcp->batch);
		WRITE_ONCE(pcp->cold[mt], PFN_NIL);
		return true;
	}
	spin_lock_irqsave(&zone->lock, flags);
	free = zone->free_pages;
	mark = zone_mark(zone, highest, alloc_flags);
	nr = free > mark ? min(free - mark, pcp->batch - 1UL) : 0;
	if (nr)
		nr = buddy_alloc_bulk(zone, mt, (unsigned int)nr, hot);
	spin_unlock_irqrestore(&zone->lock, flags);
	WRITE_ONCE(pcp->refilled, pcp->refilled + nr);
	return nr;
}

struct page *pcp_refill(struct pcp *pcp, unsigned int mt,
			enum zone_type highest, unsigned int alloc_flags)
{
	struct page *page = NULL;

	if (!raw_spin_trylock(&pcp->lock.locked))
		return NULL;
	if (pcp->hot[mt].nr || refill(pcp, mt, highest, alloc_flags))
		page = pop(&pcp->hot[mt]);
	raw_spin_unlock(&pcp->lock.locked);
	return page;
}

void pcp_overflow_unlock(struct pcp *pcp, unsigned int mt)
{
	drain_cold(pcp, mt);
	WRITE_ONCE(pcp->cold[mt], pcp->hot[mt].first);
	pcp_stack_set(&pcp->hot[mt], PFN_NIL, 0);
	raw_spin_unlock(&pcp->lock.locked);
}

struct page *pcp_take_run(struct pcp *pcp, unsigned int order)
{
	struct pcp_stack *stack = &pcp->runs[order - 1];
	struct page *page = NULL;

	if (!READ_ONCE(stack->nr) || !raw_spin_trylock(&pcp->lock.locked))
		return NULL;
	if (stack->nr)
		page = pop(stack);
	raw_spin_unlock(&pcp->lock.locked);
	return page;
}

bool pcp_keep_run(struct page *page, unsigned int order)
{
	unsigned long pfn = page_to_pfn(page);
	u32 flags = READ_ONCE(page->flags) & PAGE_FLAGS_ZONE;
	struct pcp_stack *stack;
	struct pcp *pcp;

	if (order > PCP_RUN_ORDERS || pageblock_type(pfn) != MIGRATE_UNMOVABLE)
		return false;
	pcp = this_cpu_ptr(&page_cpu)->of_zone[flags >> PAGEFLAGS_ZONE_SHIFT];
	stack = &pcp->runs[order - 1];
	if (READ_ONCE(stack->nr) >= PCP_RUNS_MAX ||
	    !raw_spin_trylock(&pcp->lock.locked))
		return false;
	WRITE_ONCE(page->flags, flags | 1U << PG_pcp | 1U << PG_run);
	page[1].private = order;
	page->link.next = stack->first;
	pcp_stack_set(stack, (u32)pfn, stack->nr + 1);
	WRITE_ONCE(pcp->freed, pcp->freed + (1UL << order));
	raw_spin_unlock(&pcp->lock.locked);
	return true;
}

static void drain_pcp(struct pcp *pcp)
{
	unsigned int mt, i;

	raw_spin_lock(&pcp->lock.locked);
	for (mt = 0; mt < MIGRATE_PCPTYPES; mt++) {
		drain_hot(pcp, mt);
		drain_cold(pcp, mt);
	}
	for (i = 0; i < PCP_RUN_ORDERS; i++) {
		struct pcp_stack *runs = &pcp->runs[i];

		if (!runs->nr)
			continue;
		drain_list(pcp, runs->first, runs->nr, i + 1);
		pcp_stack_set(runs, PFN_NIL, 0);
	}
	raw_spin_unlock(&pcp->lock.locked);
}

void drain_local_pages(void)
{
	unsigned int cpu = smp_processor_id();
	struct zone *zone;

	for_each_zone(zone)
		drain_pcp(&zone->pageset[cpu]);
}

void drain_all_pages(void)
{
	struct zone *zone;
	unsigned int cpu;

	for_each_zone(zone)
		for_each_possible_cpu(cpu)
			drain_pcp(&zone->pageset[cpu]);
}

/* Read without the lock: exact when nothing runs. */
unsigned int pcp_pages(const struct pcp *pcp)
{
	unsigned int nr = 0, mt, i;

	for (mt = 0; mt < MIGRATE_PCPTYPES; mt++) {
		nr += READ_ONCE(pcp->hot[mt].nr);
		if (READ_ONCE(pcp->cold[mt]) != PFN_NIL)
			nr += pcp->batch;
	}
	for (i = 0; i < PCP_RUN_ORDERS; i++)
		nr += READ_ONCE(pcp->runs[i].nr) << (i + 1);
	return nr;
}

/* On all processors' lists of the zone. */
unsigned long zone_pcp_pages(const struct zone *zone)
{
	unsigned long nr = 0;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		nr += pcp_pages(&zone->pageset[cpu]);
	return nr;
}

static void validate_list(const struct pcp *pcp, u32 pfn, unsigned int nr,
			  unsigned int order)
{
	const u32 flags = pcp_zone(pcp)->page_flags | 1U << PG_pcp |
			  (order ? 1U << PG_run : 0);
	unsigned int found = 0;

	while (pfn != PFN_NIL) {
		const struct page *page = pfn_to_page(pfn);

		BUG_ON(page->flags != flags || page->_refcount); /* C2 */
		BUG_ON(order && page[1].private != order);	 /* C4 */
		BUG_ON(++found > nr);				 /* C3 */
		pfn = page->link.next;
	}
	BUG_ON(found != nr); /* C3 */
}

void pcp_validate(struct pcp *pcp)
{
	unsigned int mt, i;

	raw_spin_lock(&pcp->lock.locked);
	for (mt = 0; mt < MIGRATE_PCPTYPES; mt++) {
		BUG_ON(pcp->hot[mt].nr >= pcp->batch); /* C1 */
		validate_list(pcp, pcp->hot[mt].first, pcp->hot[mt].nr, 0);
		if (pcp->cold[mt] != PFN_NIL)
			validate_list(pcp, pcp->cold[mt], pcp->batch, 0);
	}
	BUG_ON(pcp->hot[MIGRATE_PCPTYPES].first != PFN_NIL);
	for (i = 0; i < PCP_RUN_ORDERS; i++) {
		BUG_ON(pcp->runs[i].nr > PCP_RUNS_MAX); /* C4 */
		validate_list(pcp, pcp->runs[i].first, pcp->runs[i].nr, i + 1);
	}
	raw_spin_unlock(&pcp->lock.locked);
}
