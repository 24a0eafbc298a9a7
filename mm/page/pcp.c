/* SPDX-License-Identifier: MIT */
/*
 * pcp.c - per-CPU lists of single frames in front of the buddy system.
 *
 * 1. Idea.  A processor that frees and allocates single frames mostly reuses
 *    its own, still warm in its cache.  Each processor has, for each zone and
 *    migrate type, two stacks of up to size frames: it works on the hot one;
 *    when that is full it becomes the cold one, and when it is empty the cold
 *    one becomes hot.  Only when both are full or empty do frames go to or
 *    come from the buddy system, so a processor that swings around any level
 *    does so once in size operations (Bonwick and Adams, "Magazines and
 *    Vmem", USENIX 2001).
 * 2. Invariants, checked by pcp_validate().
 *    C1  a hot stack has fewer than size frames outside the lock
 *    C2  frames on a stack have PG_pcp, _refcount 0 and belong to the zone
 *    C3  a stack's nr is its length; a cold one's is at most size
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
 * 8. Sizes follow demand (Bonwick's dynamic magazine resizing; the bounds are
 *    those of Linux 6.7's high_min and high_max).
 *    - The zone is asked for batch frames, and for twice as many each time it
 *      is asked again with no overflow in between, up to a full stack.
 *    - Each refill while the zone is above its high mark lets the stacks grow
 *      by batch; each refill or overflow while it is not, shrink by batch.
 *    - pcp_decay(), called now and then by each processor, takes an eighth
 *      from the size of lists that have not been refilled since, and gives
 *      back what lies on lists that nothing used.
 *    All lists of one processor together: at least the zone's low mark divided
 *    by the node's processors, at most an eighth of the zone so divided.
 *    percpu_pagelist_high_fraction makes both its own share.
 *    C5  size_min <= size <= size_max
 */
#include "mm/page/zone.h"

#include <quire/printk.h>
#include <quire/sysctl.h>
#include <quire/topology.h>

/* Refills double up to 2^this batches; stacks grow up to as many. */
#define PCP_BATCH_SCALE_MAX 5
/* Frames that a drain gives back in one go, interrupts off. */
#define DRAIN_CHUNK 64U
/* All lists together may have 1/8 of the zone. */
#define HIGH_MAX_FRACTION PERCPU_PAGELIST_HIGH_FRACTION_MIN

DEFINE_PER_CPU(struct page_cpu, page_cpu);

struct pcp no_pcp;

static void set_cold(struct pcp *pcp, unsigned int mt, u32 first,
		     unsigned int nr)
{
	WRITE_ONCE(pcp->cold[mt], first);
	WRITE_ONCE(pcp->cold_nr[mt], (u16)nr);
}

void pcp_init(struct pcp *pcp, unsigned int zone_slot, unsigned int batch)
{
	unsigned int mt;

	pcp->lock.locked = 0;
	pcp->size = pcp->batch = (u16)batch;
	pcp->size_min = pcp->size_max = (u16)batch;
	pcp->alloc_factor = 0;
	pcp->refills = pcp->refills_seen = pcp->freed_seen = 0;
	pcp->nr_seen = 0;
	pcp->zone_slot = (u16)zone_slot;
	pcp->freed = 0;
	for (mt = 0; mt < ARRAY_SIZE(pcp->hot); mt++)
		pcp_stack_set(&pcp->hot[mt], PFN_NIL, 0);
	for (mt = 0; mt < MIGRATE_PCPTYPES; mt++)
		set_cold(pcp, mt, PFN_NIL, 0);
	for (mt = 0; mt < PCP_RUN_ORDERS; mt++)
		pcp_stack_set(&pcp->runs[mt], PFN_NIL, 0);
	pcp->refilled = pcp->drained = 0;
	pcp->missed = pcp->foreign = pcp->interleaved = 0;
}

/* Give the linked runs of an order to the zone; pcp->lock held. */
static void drain_list(struct pcp *pcp, u32 pfn, unsigned int order)
{
	struct zone *zone = pcp_zone(pcp);

	while (pfn != PFN_NIL) {
		unsigned int nr = 0;
		unsigned long flags;

		spin_lock_irqsave(&zone->lock, flags);
		while (pfn != PFN_NIL && nr < DRAIN_CHUNK) {
			u32 next = pfn_to_page(pfn)->link.next;

			buddy_free(zone, pfn, order);
			pfn = next;
			nr++;
		}
		spin_unlock_irqrestore(&zone->lock, flags);
		WRITE_ONCE(pcp->drained,
			   pcp->drained + ((unsigned long)nr << order));
	}
}

static void drain_hot(struct pcp *pcp, unsigned int mt)
{
	u32 first = pcp->hot[mt].first;

	pcp_stack_set(&pcp->hot[mt], PFN_NIL, 0);
	drain_list(pcp, first, 0);
}

static void drain_cold(struct pcp *pcp, unsigned int mt)
{
	u32 first = pcp->cold[mt];

	set_cold(pcp, mt, PFN_NIL, 0);
	drain_list(pcp, first, 0);
}

/* ---- sizes; pcp->lock held ---- */

/* Keep the first frames of a stack, keep > 0; the others, the coldest, go. */
static void cut(struct pcp *pcp, u32 first, unsigned int keep)
{
	struct page *last = pfn_to_page(first);
	u32 rest;

	while (--keep)
		last = pfn_to_page(last->link.next);
	rest = last->link.next;
	last->link.next = PFN_NIL;
	drain_list(pcp, rest, 0);
}

static void set_size(struct pcp *pcp, unsigned int size)
{
	unsigned int mt;

	size = max((unsigned int)pcp->size_min,
		   min(size, (unsigned int)pcp->size_max));
	if (size < pcp->size) {
		for (mt = 0; mt < MIGRATE_PCPTYPES; mt++) {
			struct pcp_stack *hot = &pcp->hot[mt];

			if (hot->nr >= size) { /* C1 */
				cut(pcp, hot->first, size - 1);
				pcp_stack_set(hot, hot->first, size - 1);
			}
			if (pcp->cold_nr[mt] > size) { /* C3 */
				cut(pcp, pcp->cold[mt], size);
				set_cold(pcp, mt, pcp->cold[mt], size);
			}
		}
	}
	WRITE_ONCE(pcp->size, (u16)size);
}

/* free: what the zone has. */
static void grow_or_shrink(struct pcp *pcp, unsigned long free)
{
	if (free > zone_wmark(pcp_zone(pcp), WMARK_HIGH))
		set_size(pcp, pcp->size + pcp->batch);
	else
		set_size(pcp, pcp->size - min(pcp->size, pcp->batch));
}

/* Frames in a stack when all lists together are to hold high. */
static unsigned int size_of_high(unsigned long high, unsigned int batch,
				 unsigned long most)
{
	unsigned long runs = pcp_high_of_size(0) + MIGRATE_PCPTYPES;
	unsigned long size = (high - min(high, runs)) / (2 * MIGRATE_PCPTYPES);

	return (unsigned int)max((unsigned long)batch, min(size, most));
}

/* Frames moved to or from the buddy system at the least. */
static unsigned int zone_batch(const struct zone *zone)
{
	unsigned long batch = min(zone->managed_pages >> 10, 256UL) / 4;

	return (unsigned int)max(batch, (unsigned long)PCP_BATCH_LEAST);
}

/* Processors of the zone's node; all, when it has none. */
static unsigned int nr_sharers(const struct zone *zone)
{
	unsigned int cpu, nr = 0;

	for_each_possible_cpu(cpu)
		nr += cpu_to_node(cpu) == zone->zone_pgdat->node_id;
	return nr ? nr : nr_cpu_ids;
}

void pcp_set_limits(struct zone *zone, unsigned int fraction)
{
	unsigned int batch = zone_batch(zone), sharers = nr_sharers(zone);
	unsigned long low = READ_ONCE(zone->watermark[WMARK_LOW]);
	unsigned long most = (unsigned long)batch << PCP_BATCH_SCALE_MAX;
	unsigned int least_size, most_size, cpu;

	if (fraction) {
		least_size =
			size_of_high(zone->managed_pages / fraction / sharers,
				     batch, 0xffff);
		most_size = least_size;
	} else {
		least_size = size_of_high(low / sharers, batch, most);
		most_size = size_of_high(zone->managed_pages /
						 HIGH_MAX_FRACTION / sharers,
					 least_size, most);
	}
	for_each_possible_cpu(cpu) {
		struct pcp *pcp = zone->pageset[cpu];

		raw_spin_lock(&pcp->lock.locked);
		WRITE_ONCE(pcp->batch, (u16)batch);
		WRITE_ONCE(pcp->size_min, (u16)least_size);
		WRITE_ONCE(pcp->size_max, (u16)most_size);
		set_size(pcp, pcp->size);
		raw_spin_unlock(&pcp->lock.locked);
	}
}

static struct page *pop(struct pcp_stack *stack)
{
	struct page *page = pfn_to_page(stack->first);

	pcp_stack_set(stack, page->link.next, stack->nr - 1);
	return page;
}

/* Both stacks ran empty.  How many frames came from the zone. */
static unsigned long refill_from_zone(struct pcp *pcp, unsigned int mt,
				      enum zone_type highest,
				      unsigned int alloc_flags)
{
	struct zone *zone = pcp_zone(pcp);
	unsigned long flags, free, mark, nr;

	grow_or_shrink(pcp, READ_ONCE(zone->free_pages));
	nr = min((unsigned long)pcp->batch << pcp->alloc_factor,
		 (unsigned long)pcp->size) -
	     1;
	spin_lock_irqsave(&zone->lock, flags);
	free = zone->free_pages;
	mark = zone_mark(zone, highest, alloc_flags);
	nr = free > mark ? min(free - mark, nr) : 0;
	if (nr)
		nr = buddy_alloc_bulk(zone, mt, (unsigned int)nr,
				      &pcp->hot[mt]);
	spin_unlock_irqrestore(&zone->lock, flags);
	WRITE_ONCE(pcp->refilled, pcp->refilled + nr);
	WRITE_ONCE(pcp->refills, pcp->refills + 1);
	if (pcp->alloc_factor < PCP_BATCH_SCALE_MAX)
		pcp->alloc_factor++;
	return nr;
}

/* The hot stack ran empty: use the cold one, or ask the zone. */
static bool refill(struct pcp *pcp, unsigned int mt, enum zone_type highest,
		   unsigned int alloc_flags)
{
	if (pcp->cold[mt] == PFN_NIL)
		return refill_from_zone(pcp, mt, highest, alloc_flags);
	/* One short of full: the caller pops it at once. */
	pcp_stack_set(&pcp->hot[mt], pcp->cold[mt], pcp->cold_nr[mt]);
	set_cold(pcp, mt, PFN_NIL, 0);
	return true;
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
	struct zone *zone = pcp_zone(pcp);
	unsigned long free = READ_ONCE(zone->free_pages);
	struct pcp_stack full = pcp->hot[mt];
	bool to_zone = pcp->cold[mt] != PFN_NIL;

	drain_cold(pcp, mt);
	set_cold(pcp, mt, full.first, full.nr);
	pcp_stack_set(&pcp->hot[mt], PFN_NIL, 0);
	if (to_zone) {
		pcp->alloc_factor >>= 1;
		if (free <= zone_wmark(zone, WMARK_HIGH))
			grow_or_shrink(pcp, free);
	}
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
	if (!raw_spin_trylock(&pcp->lock.locked))
		return false;
	if (stack->nr >= PCP_RUNS_MAX) { /* C4 */
		raw_spin_unlock(&pcp->lock.locked);
		return false;
	}
	WRITE_ONCE(page->flags, flags | 1U << PG_pcp | 1U << PG_run);
	page[1].private = order;
	page->link.next = stack->first;
	pcp_stack_set(stack, (u32)pfn, stack->nr + 1);
	WRITE_ONCE(pcp->freed, pcp->freed + (1UL << order));
	raw_spin_unlock(&pcp->lock.locked);
	return true;
}

/* Read without the lock: exact when nothing runs. */
unsigned int pcp_pages(const struct pcp *pcp)
{
	unsigned int nr = 0, mt, i;

	for (mt = 0; mt < MIGRATE_PCPTYPES; mt++) {
		nr += READ_ONCE(pcp->hot[mt].nr);
		nr += READ_ONCE(pcp->cold_nr[mt]);
	}
	for (i = 0; i < PCP_RUN_ORDERS; i++)
		nr += READ_ONCE(pcp->runs[i].nr) << (i + 1);
	return nr;
}

static void drain_pcp_locked(struct pcp *pcp)
{
	unsigned int mt, i;

	for (mt = 0; mt < MIGRATE_PCPTYPES; mt++) {
		drain_hot(pcp, mt);
		drain_cold(pcp, mt);
	}
	for (i = 0; i < PCP_RUN_ORDERS; i++) {
		struct pcp_stack *runs = &pcp->runs[i];

		drain_list(pcp, runs->first, i + 1);
		pcp_stack_set(runs, PFN_NIL, 0);
	}
}

static void drain_pcp(struct pcp *pcp)
{
	raw_spin_lock(&pcp->lock.locked);
	drain_pcp_locked(pcp);
	raw_spin_unlock(&pcp->lock.locked);
}

static void decay(struct pcp *pcp)
{
	unsigned int nr;

	raw_spin_lock(&pcp->lock.locked);
	nr = pcp_pages(pcp);
	if (pcp->refills == pcp->refills_seen) {
		pcp->alloc_factor = 0;
		set_size(pcp, pcp->size - pcp->size / 8);
		if (pcp->freed == pcp->freed_seen && nr == pcp->nr_seen)
			drain_pcp_locked(pcp);
	}
	pcp->refills_seen = pcp->refills;
	pcp->freed_seen = pcp->freed;
	pcp->nr_seen = pcp_pages(pcp);
	raw_spin_unlock(&pcp->lock.locked);
}

void pcp_decay(void)
{
	unsigned int cpu = smp_processor_id();
	struct zone *zone;

	for_each_zone(zone)
		decay(zone->pageset[cpu]);
}

void drain_local_pages(void)
{
	unsigned int cpu = smp_processor_id();
	struct zone *zone;

	for_each_zone(zone)
		drain_pcp(zone->pageset[cpu]);
}

void drain_all_pages(void)
{
	struct zone *zone;
	unsigned int cpu;

	for_each_zone(zone)
		for_each_possible_cpu(cpu)
			drain_pcp(zone->pageset[cpu]);
}

/* On all processors' lists of the zone. */
unsigned long zone_pcp_pages(const struct zone *zone)
{
	unsigned long nr = 0;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		nr += pcp_pages(zone->pageset[cpu]);
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
	BUG_ON(pcp->size < pcp->size_min || pcp->size > pcp->size_max); /* C5 */
	for (mt = 0; mt < MIGRATE_PCPTYPES; mt++) {
		BUG_ON(pcp->hot[mt].nr >= pcp->size); /* C1 */
		BUG_ON(pcp->cold_nr[mt] > pcp->size); /* C3 */
		validate_list(pcp, pcp->hot[mt].first, pcp->hot[mt].nr, 0);
		validate_list(pcp, pcp->cold[mt], pcp->cold_nr[mt], 0);
	}
	BUG_ON(pcp->hot[MIGRATE_PCPTYPES].first != PFN_NIL);
	for (i = 0; i < PCP_RUN_ORDERS; i++) {
		BUG_ON(pcp->runs[i].nr > PCP_RUNS_MAX); /* C4 */
		validate_list(pcp, pcp->runs[i].first, pcp->runs[i].nr, i + 1);
	}
	raw_spin_unlock(&pcp->lock.locked);
}
