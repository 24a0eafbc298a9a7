/* SPDX-License-Identifier: MIT */
/*
 * page_alloc.c - alloc_pages(): the fast path, the search through the zones,
 * and what to do when memory is short.
 *
 * 1. Fast path.  A single frame comes off this processor's hot stack of the
 *    first zone that the request may use: alloc_hot().  Everything else, also
 *    an empty stack, is alloc_slow().
 * 2. Search (get_page_from_freelist).  The zonelist in order; a zone that
 *    would fall below the mark is skipped.
 * 3. Short of memory (alloc_hard), for requests that the low marks stopped:
 *
 *	wake kswapd -> try down to min, deeper with __GFP_HIGH or when waiting
 *	is not allowed, half of that for a task that is being killed, all with
 *	__GFP_MEMALLOC and for who reclaims -> may not wait: fail -> direct
 *	reclaim -> drain per-CPU lists -> try again -> __GFP_NORETRY: fail ->
 *	order above 3: fail, unless __GFP_RETRY_MAYFAIL -> up to
 *	MAX_RECLAIM_RETRIES rounds without progress: again -> out of memory
 *	rule -> again, or fail; __GFP_NOFAIL: into the reserves, and again
 *
 *    So a request of order 0 to 3 that may wait fails only when the rule gives
 *    up: "too small to fail".  It is not asked for __GFP_RETRY_MAYFAIL, for
 *    one node, nor for low zones.  A step that nobody has registered
 *    (reclaim_ops) does not exist.
 * 4. Every entry asks should_fail() once, unless __GFP_NOFAIL.
 * 5. A failure without __GFP_NOWARN is reported, not more often than Linux.
 *    Source: Documentation/core-api/memory-allocation.rst.
 */
#include "mm/page/zone.h"

#include <quire/failure.h>
#include <quire/highmem.h>
#include <quire/port.h>
#include <quire/printk.h>
#include <quire/reclaim.h>
#include <quire/string.h>
#include <quire/vmstat.h>

/* Orders above this are expected to fail and not worth killing for. */
#define PAGE_ALLOC_COSTLY_ORDER 3
/* Rounds without progress before giving up. */
#define MAX_RECLAIM_RETRIES 16

static const struct reclaim_ops no_reclaim;
static const struct reclaim_ops *reclaim_ops = &no_reclaim;

const struct reclaim_ops *page_reclaim(void)
{
	return __atomic_load_n(&reclaim_ops, __ATOMIC_ACQUIRE);
}

void register_reclaim_ops(const struct reclaim_ops *ops)
{
	__atomic_store_n(&reclaim_ops, ops ? ops : &no_reclaim,
			 __ATOMIC_RELEASE);
	watermark_allow_boost(page_reclaim()->wake_kswapd);
}

static void prep_compound(struct page *page, unsigned int order)
{
	const u32 zone_bits = page->flags & PAGE_FLAGS_ZONE;
	u32 head = (u32)page_to_pfn(page);
	unsigned long i;

	for (i = 1; i < 1UL << order; i++) {
		WRITE_ONCE(page[i].flags, zone_bits | 1U << PG_tail);
		page[i].compound_head = head;
	}
	page->private = order;
	WRITE_ONCE(page->flags, zone_bits | 1U << PG_head);
}

/*
 * A run that is not compound: its frames are independent but for the free.
 * L3 has left the other frames' descriptors clean.
 */
static void prep_run(struct page *page, unsigned int order)
{
	page[1].private = order;
	WRITE_ONCE(page->flags, page->flags | 1U << PG_run);
}

static void clear_frames(struct page *page, unsigned int order)
{
	struct page *end = page + (1UL << order);

	for (; page < end; page++)
		clear_highpage(page);
}

/* Off this processor's list, or from the zone. */
static struct page *rmqueue(struct zone *zone, unsigned int order,
			    unsigned int mt, enum zone_type highest,
			    unsigned int alloc_flags)
{
	struct pcp *pcp = zone->pageset[smp_processor_id()];
	struct page *page = NULL;
	unsigned long flags;

	if (!order)
		page = pcp_refill(pcp, mt, highest, alloc_flags);
	else if (order <= PCP_RUN_ORDERS && mt == MIGRATE_UNMOVABLE)
		page = pcp_take_run(pcp, order);
	if (page)
		return page;
	spin_lock_irqsave(&zone->lock, flags);
	if (zone_watermark_ok(zone, order, highest, alloc_flags))
		page = buddy_alloc(zone, order, mt);
	if (page) {
		zone_count(&zone->allocs, 1UL << order);
		if (zone->zone_pgdat->node_id != numa_node_id())
			zone_count(&zone->allocs_other, 1UL << order);
	}
	spin_unlock_irqrestore(&zone->lock, flags);
	return page;
}

/*
 * The same, with poison that was not touched: a frame that somebody still
 * writes into stays out of use.
 */
static struct page *rmqueue_good(struct zone *zone, unsigned int order,
				 unsigned int mt, enum zone_type highest,
				 unsigned int alloc_flags)
{
	struct page *page;

	while ((page = rmqueue(zone, order, mt, highest, alloc_flags)) &&
	       !page_contents_good(page, order)) {
		page_prep_frame(page, zone->page_flags);
		if (order)
			prep_run(page, order);
	}
	return page;
}

/* Pageblocks got mixed: have room made before that is needed again. */
static void wake_for_boost(struct zone *zone, gfp_t gfp)
{
	void (*wake)(struct zone *, unsigned int) = page_reclaim()->wake_kswapd;

	if (!wake || !(gfp & __GFP_KSWAPD_RECLAIM))
		return;
	WRITE_ONCE(zone->boosted, false);
	wake(zone, 0);
}

static struct page *get_page_from_freelist(gfp_t gfp, unsigned int order,
					   int nid, unsigned int alloc_flags)
{
	unsigned int mt = gfp_migratetype(gfp);
	enum zone_type highest = gfp_zone(gfp);
	struct zone **z, *zone, *preferred = NULL;

	for (z = NODE_DATA(nid)->zonelist; (zone = *z); z++) {
		struct page *page;

		if (zone->idx > highest)
			continue;
		if (!preferred)
			preferred = zone;
		if (gfp & __GFP_THISNODE && zone->zone_pgdat->node_id != nid)
			continue;
		if (likely(!page_contents.poison))
			page = rmqueue(zone, order, mt, highest, alloc_flags);
		else
			page = rmqueue_good(zone, order, mt, highest,
					    alloc_flags);
		if (!page)
			continue;
		if (zone->zone_pgdat != preferred->zone_pgdat)
			count_numa_miss(zone, preferred, 1UL << order);
		if (unlikely(READ_ONCE(zone->boosted)))
			wake_for_boost(zone, gfp);
		page_prep_frame(page, zone->page_flags);
		if (order && gfp & __GFP_COMP)
			prep_compound(page, order);
		else if (order)
			prep_run(page, order);
		return page;
	}
	return NULL;
}

static void wake_kswapds(gfp_t gfp, unsigned int order, int nid)
{
	void (*wake)(struct zone *, unsigned int) = page_reclaim()->wake_kswapd;
	struct zone **z;

	if (!wake || !(gfp & __GFP_KSWAPD_RECLAIM))
		return;
	for (z = NODE_DATA(nid)->zonelist; *z; z++)
		if ((*z)->idx <= gfp_zone(gfp))
			wake(*z, order);
}

/* ---- short of memory ---- */

struct attempt {
	gfp_t gfp;
	unsigned int order;
	int nid;
	unsigned int no_progress; /* rounds in a row */
	bool reported; /* the out-of-memory rule was asked, and tells itself */
};

/* How deep this task may go, whatever it asks with. */
static enum task_reserves task_reserves(void)
{
	enum task_reserves (*reserves)(void) = page_reclaim()->task_reserves;

	return reserves && !in_interrupt() ? reserves() : RESERVES_NONE;
}

static unsigned int gfp_to_alloc_flags(gfp_t gfp)
{
	enum task_reserves task = task_reserves();
	unsigned int alloc_flags = WMARK_MIN;

	if (gfp & __GFP_NOMEMALLOC)
		return alloc_flags;
	if (gfp & __GFP_MEMALLOC || task == RESERVES_ALL)
		return ALLOC_NO_WATERMARKS;
	if (gfp & __GFP_HIGH) {
		alloc_flags |= ALLOC_HIGH;
		if (!(gfp & __GFP_DIRECT_RECLAIM))
			alloc_flags |= ALLOC_NON_BLOCK;
	}
	if (task == RESERVES_VICTIM)
		alloc_flags |= ALLOC_OOM;
	return alloc_flags;
}

static struct page *look(const struct attempt *a, unsigned int alloc_flags)
{
	return get_page_from_freelist(a->gfp, a->order, a->nid, alloc_flags);
}

/* Make memory by any means but killing; did something come free? */
static bool make_memory(const struct attempt *a)
{
	const struct reclaim_ops *ops = page_reclaim();
	bool progress = false;

	count_vm_event((enum vm_event)(VMEV_allocstall_dma + gfp_zone(a->gfp)));
	if (ops->direct_reclaim)
		progress = ops->direct_reclaim(a->gfp, a->order);
	/* Other processors' lists may hold what is missing. */
	if (!progress || a->order)
		drain_all_pages();
	return progress;
}

/* Is it worth a life?  Low zones are not: few lives help them. */
static bool may_kill(const struct attempt *a)
{
	return a->order <= PAGE_ALLOC_COSTLY_ORDER &&
	       gfp_zone(a->gfp) >= ZONE_NORMAL &&
	       !(a->gfp &
		 (__GFP_THISNODE | __GFP_RETRY_MAYFAIL | __GFP_NORETRY));
}

/*
 * Nothing can be reclaimed.  A look at the high mark first: somebody else may
 * just have been killed.
 */
static bool kill_somebody(struct attempt *a, struct page **page)
{
	const struct reclaim_ops *ops = page_reclaim();

	if (!ops->out_of_memory || !may_kill(a))
		return false;
	*page = look(a, WMARK_HIGH);
	if (*page)
		return true;
	a->reported = true;
	a->no_progress = 0;
	return ops->out_of_memory(a->gfp, a->order);
}

/* After a round that found nothing: another one?  Or *page. */
static bool worth_another(struct attempt *a, bool progress, struct page **page)
{
	bool costly = a->order > PAGE_ALLOC_COSTLY_ORDER;
	unsigned int most =
		page_reclaim()->direct_reclaim ? MAX_RECLAIM_RETRIES : 0;

	if (a->gfp & __GFP_NORETRY)
		return false;
	if (costly && !(a->gfp & __GFP_RETRY_MAYFAIL))
		return false;
	a->no_progress = progress && !costly ? 0 : a->no_progress + 1;
	if (a->no_progress <= most)
		return true;
	return kill_somebody(a, page);
}

static struct page *alloc_hard(gfp_t gfp, unsigned int order, int nid)
{
	struct attempt a = {.gfp = gfp, .order = order, .nid = nid};
	bool may_block = gfpflags_allow_blocking(gfp), progress;
	struct page *page;

	WARN_ON_ONCE(gfp & __GFP_NOFAIL && !may_block);
	WARN_ON_ONCE(gfp & __GFP_NOFAIL && order > 1);
	for (;;) {
		/* Anew each time: the task may have become a victim. */
		unsigned int alloc_flags = gfp_to_alloc_flags(gfp);

		wake_kswapds(gfp, order, nid);
		page = look(&a, alloc_flags);
		/* Who reclaims must not be sent to reclaim. */
		if (page || !may_block || task_reserves() == RESERVES_ALL)
			break;
		progress = make_memory(&a);
		page = look(&a, alloc_flags);
		if (page)
			break;
		if (worth_another(&a, progress, &page)) {
			if (page)
				break;
			continue;
		}
		if (!(gfp & __GFP_NOFAIL))
			break;
		page = look(&a, WMARK_MIN | ALLOC_HIGH);
		if (page)
			break;
		port->yield();
	}
	if (!page && !a.reported && !(gfp & __GFP_NOWARN))
		warn_alloc(gfp, order);
	return page;
}

static noinline struct page *alloc_slow(gfp_t gfp, unsigned int order, int nid)
{
	struct page *page;

	if (unlikely(order > MAX_ORDER)) {
		WARN_ON_ONCE(!(gfp & __GFP_NOWARN));
		return NULL;
	}
	if (WARN_ON_ONCE(gfp_migratetype(gfp) >= MIGRATE_PCPTYPES))
		gfp &= ~__GFP_RECLAIMABLE;
	VM_BUG_ON(gfpflags_allow_blocking(gfp) && in_interrupt());
	page = get_page_from_freelist(gfp, order, nid, WMARK_LOW);
	if (unlikely(!page))
		page = alloc_hard(gfp, order, nid);
	if (page && (gfp & __GFP_ZERO || page_contents.init_on_alloc))
		clear_frames(page, order);
	return page;
}

/* A frame off the hot stack; NULL: empty, or the list is busy. */
static __always_inline struct page *alloc_hot(gfp_t gfp)
{
	struct pcp *pcp = this_cpu_ptr(&page_cpu)->of_gfp[gfp & GFP_ZONEMASK];
	struct pcp_stack *hot = pcp_hot(pcp, gfp);
	struct page *page;
	u32 flags, pfn;

	if (unlikely(!raw_spin_trylock(&pcp->lock.locked)))
		return NULL;
	pfn = hot->first;
	if (unlikely(pfn == PFN_NIL)) {
		raw_spin_unlock(&pcp->lock.locked);
		return NULL;
	}
	page = pfn_to_page(pfn);
	pcp_stack_set(hot, page->link.next, hot->nr - 1);
	raw_spin_unlock(&pcp->lock.locked);

	flags = page->flags & PAGE_FLAGS_ZONE;
	VM_BUG_ON(page->flags != (flags | 1U << PG_pcp) || page->_refcount);
	page_prep_frame(page, flags);
	return page;
}

struct page *alloc_pages(gfp_t gfp, unsigned int order)
{
	if (CONFIG_DEBUG_LOCKS && gfpflags_allow_blocking(gfp))
		might_sleep();
	if (unlikely(should_fail()) && !(gfp & __GFP_NOFAIL))
		return NULL;
	if (likely(!order && !(gfp & __GFP_THISNODE))) {
		struct page *page = alloc_hot(gfp);

		if (likely(page)) {
			if (gfp & __GFP_ZERO)
				clear_highpage(page);
			return page;
		}
	}
	return alloc_slow(gfp, order, numa_node_id());
}

struct page *alloc_pages_node(int nid, gfp_t gfp, unsigned int order)
{
	if (nid == NUMA_NO_NODE)
		return alloc_pages(gfp, order);
	if (WARN_ON_ONCE(nid < 0 || nid >= nr_node_ids))
		return NULL;
	if (unlikely(should_fail()) && !(gfp & __GFP_NOFAIL))
		return NULL;
	return alloc_slow(gfp, order, nid);
}

unsigned long __get_free_pages(gfp_t gfp, unsigned int order)
{
	struct page *page = alloc_pages(gfp & ~__GFP_HIGHMEM, order);

	return page ? (unsigned long)page_address(page) : 0;
}

unsigned long get_zeroed_page(gfp_t gfp)
{
	return __get_free_pages(gfp | __GFP_ZERO, 0);
}

unsigned long alloc_pages_bulk(gfp_t gfp, unsigned long nr, struct page **pages)
{
	unsigned long i;

	for (i = 0; i < nr; i++) {
		if (pages[i])
			continue;
		pages[i] = alloc_pages(gfp, 0);
		if (!pages[i])
			break;
	}
	return i;
}

void split_page(struct page *page, unsigned int order)
{
	const u32 zone_bits = page->flags & PAGE_FLAGS_ZONE;
	unsigned long i;

	if (!order)
		return;
	if (WARN_ON_ONCE(page->flags & (1U << PG_head | 1U << PG_tail)) ||
	    WARN_ON_ONCE(!(page->flags & 1U << PG_run) ||
			 page[1].private != order))
		return;
	WRITE_ONCE(page->flags, page->flags & ~(1U << PG_run));
	for (i = 1; i < 1UL << order; i++)
		page_prep_frame(page + i, zone_bits);
}

void *alloc_pages_exact(size_t size_bytes, gfp_t gfp)
{
	unsigned long nr = DIV_ROUND_UP(size_bytes, PAGE_SIZE), i;
	unsigned int order = nr ? (unsigned int)fls_long(nr - 1) : 0;
	struct page *page;

	if (WARN_ON_ONCE(gfp & __GFP_COMP))
		gfp &= ~__GFP_COMP;
	page = nr ? alloc_pages(gfp & ~__GFP_HIGHMEM, order) : NULL;
	if (!page)
		return NULL;
	split_page(page, order);
	for (i = nr; i < 1UL << order; i++)
		__free_page(page + i);
	return page_address(page);
}

void free_pages_exact(void *addr, size_t size_bytes)
{
	unsigned long nr = DIV_ROUND_UP(size_bytes, PAGE_SIZE), i;
	struct page *page = virt_to_page(addr);

	for (i = 0; i < nr; i++)
		__free_page(page + i);
}
