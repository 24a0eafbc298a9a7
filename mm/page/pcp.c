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
 *    C3  a stack's nr is its length
 * 3. Guard.  pcp->lock is only ever tried by its own processor.  It fails when
 *    an interrupt handler came in between, or while another processor drains
 *    the lists; the caller then goes to the zone itself.  So the owner never
 *    waits, an interrupt needs no masking, and a thread that is moved to
 *    another processor in between does no harm.  Only drain_* wait for it, in
 *    task context.
 * 4. Watermarks are looked at when a batch is taken, not for each frame: what
 *    lies here has left the zone's count already.
 * 5. Order: pcp->lock, then zone->lock.
 */
#include "mm/page/zone.h"

#include <quire/printk.h>

DEFINE_PER_CPU(struct page_cpu, page_cpu);

void pcp_init(struct pcp *pcp, struct zone *zone, u32 batch)
{
	unsigned int mt;

	pcp->lock.locked = 0;
	pcp->batch = batch;
	pcp->zone = zone;
	for (mt = 0; mt < MIGRATE_PCPTYPES; mt++) {
		pcp_stack_set(&pcp->hot[mt], PFN_NIL, 0);
		pcp_stack_set(&pcp->cold[mt], PFN_NIL, 0);
	}
}

/* Give a whole stack back; pcp->lock held. */
static void drain_stack(struct zone *zone, struct pcp_stack *stack)
{
	unsigned long flags;
	u32 pfn = stack->first;

	if (!stack->nr)
		return;
	spin_lock_irqsave(&zone->lock, flags);
	while (pfn != PFN_NIL) {
		u32 next = pfn_to_page(pfn)->link.next;

		buddy_free(zone, pfn, 0);
		pfn = next;
	}
	spin_unlock_irqrestore(&zone->lock, flags);
	pcp_stack_set(stack, PFN_NIL, 0);
}

static struct page *pop(struct pcp_stack *stack)
{
	struct page *page = pfn_to_page(stack->first);

	pcp_stack_set(stack, page->link.next, stack->nr - 1);
	return page;
}

static void move_stack(struct pcp_stack *to, struct pcp_stack *from)
{
	pcp_stack_set(to, from->first, from->nr);
	pcp_stack_set(from, PFN_NIL, 0);
}

/* The hot stack ran empty: use the cold one, or get a batch. */
static bool refill(struct pcp *pcp, unsigned int mt, enum zone_type highest,
		   unsigned int alloc_flags)
{
	struct pcp_stack *hot = &pcp->hot[mt];
	struct zone *zone = pcp->zone;
	unsigned int nr = pcp->batch - 1;
	unsigned long flags;

	if (pcp->cold[mt].nr) {
		move_stack(hot, &pcp->cold[mt]);
		return true;
	}
	spin_lock_irqsave(&zone->lock, flags);
	/* Near the mark take one at a time, so that it holds exactly. */
	if (!zone_watermark_ok(zone, 0, highest, alloc_flags))
		nr = 0;
	else if (zone->free_pages <
		 zone->watermark[WMARK_HIGH] + 4 * pcp->batch)
		nr = 1;
	if (nr)
		nr = buddy_alloc_bulk(zone, mt, nr, hot);
	spin_unlock_irqrestore(&zone->lock, flags);
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

void pcp_overflow(struct pcp *pcp, unsigned int mt)
{
	drain_stack(pcp->zone, &pcp->cold[mt]);
	move_stack(&pcp->cold[mt], &pcp->hot[mt]);
}

static void drain_pcp(struct pcp *pcp)
{
	unsigned int mt;

	raw_spin_lock(&pcp->lock.locked);
	for (mt = 0; mt < MIGRATE_PCPTYPES; mt++) {
		drain_stack(pcp->zone, &pcp->hot[mt]);
		drain_stack(pcp->zone, &pcp->cold[mt]);
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

/* Frames on all processors' lists of the zone; exact when nothing runs. */
unsigned long zone_pcp_pages(const struct zone *zone)
{
	unsigned long nr = 0;
	unsigned int cpu, mt;

	for_each_possible_cpu(cpu) {
		const struct pcp *pcp = &zone->pageset[cpu];

		for (mt = 0; mt < MIGRATE_PCPTYPES; mt++)
			nr += READ_ONCE(pcp->hot[mt].nr) +
			      READ_ONCE(pcp->cold[mt].nr);
	}
	return nr;
}

static void validate_stack(const struct pcp *pcp, const struct pcp_stack *stack)
{
	u32 pfn = stack->first, nr = 0;

	while (pfn != PFN_NIL) {
		const struct page *page = pfn_to_page(pfn);

		BUG_ON(page->flags !=
		       (pcp->zone->page_flags | 1U << PG_pcp)); /* C2 */
		BUG_ON(page->_refcount); /* C2 */
		BUG_ON(++nr > stack->nr); /* C3 */
		pfn = page->link.next;
	}
	BUG_ON(nr != stack->nr); /* C3 */
}

void pcp_validate(struct pcp *pcp)
{
	unsigned int mt;

	raw_spin_lock(&pcp->lock.locked);
	for (mt = 0; mt < MIGRATE_PCPTYPES; mt++) {
		BUG_ON(pcp->hot[mt].nr >= pcp->batch); /* C1 */
		validate_stack(pcp, &pcp->hot[mt]);
		validate_stack(pcp, &pcp->cold[mt]);
	}
	raw_spin_unlock(&pcp->lock.locked);
}
