/* SPDX-License-Identifier: MIT */
/*
 * zone.h - zones, nodes, per-CPU lists, and what the files of mm/page share.
 *
 *	nodes	  pglist_data ──> zones ──> free_area[order].list[type]
 *	   │	       └─> zonelist: zones of all nodes, nearest first
 *	   └ per CPU: page_cpu ──> pcp of each zone: stacks of single frames
 *
 * Locks: a pcp's lock, then zone->lock.  zone->lock is taken with interrupts
 * off, and nothing is logged or allocated under it.
 */
#ifndef MM_PAGE_ZONE_H
#define MM_PAGE_ZONE_H

#include <quire/mm_types.h>
#include <quire/percpu.h>
#include <quire/spinlock.h>
#include <quire/topology.h>

struct mm_boot;

struct free_area {
	struct page_list list[MIGRATE_TYPES];
};

struct zone {
	spinlock_t lock;
	u32 page_flags;		  /* zone and node bits of page->flags */
	unsigned long free_pages; /* in free_area; not per-CPU lists */
	/*
	 * Events, frames, since the start.  What per-CPU lists served is not
	 * counted here: sum_vm_event() derives it.
	 */
	unsigned long allocs, frees; /* by the zone itself */
	unsigned long allocs_other;  /* of allocs: to other nodes' CPUs */
	u16 avail[MIGRATE_TYPES];    /* bit k: free_area[k].list[] not empty */
	struct free_area free_area[NR_ORDERS];

	/* Written at start and when memory comes or goes. */
	unsigned long watermark[NR_WMARK]; /* pages, without boost */
	unsigned long watermark_boost;	   /* pages; zone->lock */
	bool boosted; /* ... since kswapd was last woken for it */
	unsigned long lowmem_reserve[MAX_NR_ZONES]; /* pages, by the
					   highest zone the request may use */
	unsigned long zone_start_pfn;
	unsigned long spanned_pages; /* with holes */
	unsigned long present_pages; /* RAM */
	unsigned long managed_pages; /* given to the buddy system */
	const char *name;
	struct pglist_data *zone_pgdat;
	enum zone_type idx;
	struct pcp **pageset; /* [nr_cpu_ids], each near its processor */
};

struct pglist_data {
	int node_id;
	unsigned long node_start_pfn;
	unsigned long node_present_pages;
	unsigned long node_spanned_pages;
	struct zone node_zones[MAX_NR_ZONES];
	/*
	 * Populated zones, this node's first, then by distance; each node's
	 * from the highest down.  NULL ends it.
	 */
	struct zone *zonelist[MAX_NUMNODES * MAX_NR_ZONES + 1];
};

extern struct pglist_data *node_data[MAX_NUMNODES];
#define NODE_DATA(nid) (node_data[nid])

/* By page->flags >> PAGEFLAGS_ZONE_SHIFT. */
#define ZONE_SLOTS (MAX_NUMNODES << 3)
extern struct zone *zone_table[ZONE_SLOTS];

/* Every populated zone, nodes and zones ascending. */
struct zone *next_zone(struct zone *zone); /* NULL starts */
#define for_each_zone(zone) \
	for ((zone) = next_zone(NULL); (zone); (zone) = next_zone(zone))

static inline bool zone_populated(const struct zone *zone)
{
	return zone->present_pages;
}

static inline unsigned long zone_end_pfn(const struct zone *zone)
{
	return zone->zone_start_pfn + zone->spanned_pages;
}

static inline unsigned int pageblock_type(unsigned long pfn)
{
	return READ_ONCE(pageblock_flags[pfn >> PAGEBLOCK_ORDER]) &
	       PAGEBLOCK_TYPE;
}

/* ---- memmap.c: descriptors ---- */

/* What says whose frame it is, and stays when the owner changes. */
#define PAGE_FLAGS_ZONE (~0U << PAGEFLAGS_ZONE_SHIFT)
/* What no frame may have when its last owner gives it back. */
#define PAGE_FLAGS_CHECK_AT_FREE                                               \
	(1U << PG_locked | 1U << PG_reserved | 1U << PG_buddy | 1U << PG_pcp | \
	 1U << PG_slab | 1U << PG_table | 1U << PG_writeback | 1U << PG_lru |  \
	 1U << PG_unevictable | 1U << PG_mlocked | 1U << PG_offline)
/* What makes it more than a single frame. */
#define PAGE_FLAGS_RUN (1U << PG_head | 1U << PG_tail | 1U << PG_run)

void memmap_alloc(const struct mm_boot *boot); /* the array; before zones */
/* Descriptors fill [start, end): its pageblocks get none, L4. */
void memmap_hide(phys_addr_t start, phys_addr_t end);
/* vmemmap.c: memory for the descriptors of present pageblocks [block, end). */
void vmemmap_back(unsigned long block, unsigned long end);
void memmap_init(void); /* descriptors; frees what is free */
/* Fill in the descriptors of the run's pageblocks; zone->lock held. */
void memmap_init_blocks(struct zone *zone, unsigned long pfn,
			unsigned int order);

/* ---- numa.c ---- */

/* Distances and the processors' nodes, for ever. */
void numa_init(const struct mm_boot *boot);
void numa_init_cpus(const struct mm_boot *boot); /* per-CPU areas exist */
/* What boot says of a processor that may have no area yet. */
int boot_cpu_to_node(const struct mm_boot *boot, unsigned int cpu);
/*
 * The node nearest to from, which may be itself, that is not used yet: used
 * has MAX_NUMNODES words and is told.  NUMA_NO_NODE: all are.
 */
int next_nearest_node(int from, bool *used);
/* memblock_alloc() on the nearest node that has room. */
void *memblock_alloc_near(size_t size_bytes, size_t align, int nid);
void build_zonelist(struct pglist_data *pgdat); /* the zones are counted */

/* ---- movable.c ---- */

/*
 * Where each node's ZONE_MOVABLE begins, from what the command line said and
 * where the highest zone with memory begins; ~0: it has none.
 */
void movable_init(unsigned long usable_pfn);
unsigned long movable_start_pfn(int nid);

/* ---- zone.c ---- */

void zone_limits_init(const struct mm_boot *boot); /* memblock works */

void zones_init(void);
/*
 * The zone of a pageblock with memory: that of its first frame of RAM.  The
 * blocks behind it up to *until are of the same zone.
 */
struct zone *zone_of_block(unsigned long block, unsigned long *until);
/* Its node alone, as soon as there is memblock. */
int nid_of_block(unsigned long block, unsigned long *until);
void pagesets_init(void); /* after setup_per_cpu_areas() */
enum zone_type gfp_zone(gfp_t gfp);

/* ---- watermark.c ---- */

/* Marks, reserves and sizes of lists, by the knobs: memory came or went. */
void setup_per_zone_wmarks(void);
/* How far below its mark a request may take a zone. */
#define ALLOC_WMARK_MASK    0x03U /* enum zone_watermarks */
#define ALLOC_NO_WATERMARKS 0x04U /* all of it */
#define ALLOC_HIGH	    0x08U /* __GFP_HIGH: half of min */
#define ALLOC_NON_BLOCK	    0x10U /* cannot wait: a quarter more */
#define ALLOC_OOM	    0x20U /* is dying: half of what that leaves */
/* Pages that the request must leave in the zone. */
unsigned long zone_mark(const struct zone *zone, enum zone_type highest,
			unsigned int alloc_flags);
bool zone_watermark_ok(const struct zone *zone, unsigned int order,
		       enum zone_type highest, unsigned int alloc_flags);
/* A mark as it is now, with the boost. */
unsigned long zone_wmark(const struct zone *zone, enum zone_watermarks which);
/* Pageblocks got mixed; zone->lock held. */
void boost_watermark(struct zone *zone);
/* Is there somebody who takes boosts back? */
void watermark_allow_boost(bool allow);
/* Frames that requests for user memory can still get. */
unsigned long nr_available_pages(void);

/* ---- buddy.c; zone->lock held ---- */

struct pcp_stack {
	u32 first; /* linked by link.next */
	u32 nr;
};

/* The counts are also read without the lock. */
static inline void pcp_stack_set(struct pcp_stack *stack, u32 first, u32 nr)
{
	stack->first = first;
	WRITE_ONCE(stack->nr, nr);
}

void buddy_init_zone(struct zone *zone);
void buddy_free(struct zone *zone, unsigned long pfn, unsigned int order);
/*
 * nr blocks of the largest order, one behind the other from pfn on, ordinary
 * and never freed before: at the start, where there are very many.
 */
void buddy_add_largest(struct zone *zone, unsigned long pfn, unsigned long nr);
struct page *buddy_alloc(struct zone *zone, unsigned int order,
			 unsigned int migratetype);
/* Up to nr single frames onto the stack; how many. */
unsigned int buddy_alloc_bulk(struct zone *zone, unsigned int migratetype,
			      unsigned int nr, struct pcp_stack *stack);
/*
 * Nothing is given out from an isolated pageblock; pfn is its first frame.
 * false: it is isolated already, or of a type with a purpose.
 */
bool buddy_isolate(struct zone *zone, unsigned long pfn);
void buddy_unisolate(struct zone *zone, unsigned long pfn);
/* The first frame of [pfn, end) that is not free; end: none. */
unsigned long buddy_first_used(struct zone *zone, unsigned long pfn,
			       unsigned long end);
/* Take the frames, all free and isolated; their descriptors are clean. */
void buddy_take_range(struct zone *zone, unsigned long start,
		      unsigned long end);
void buddy_validate(struct zone *zone);

/* An event counter of the zone: written under its lock, read without. */
static inline void zone_count(unsigned long *counter, unsigned long nr)
{
	WRITE_ONCE(*counter, *counter + nr);
}

/* ---- pcp.c ---- */

/* Short unmovable runs are kept too: slabs and kernel stacks are made of them. */
#define PCP_RUN_ORDERS 3 /* orders 1 .. 3 */
#define PCP_RUNS_MAX   4 /* of each order */

/*
 * One processor's frames of one zone; what single frames need is in the first
 * cache line.  size is what follows demand: see pcp.c, 8.
 */
struct pcp {
	spinlock_raw_t lock;
	u16 size;      /* frames that fill a stack; size_min .. size_max */
	u16 zone_slot; /* index into zone_table */
	unsigned long freed; /* events, frames, for vmstat */
	struct pcp_stack hot[MIGRATE_PCPTYPES + 1]; /* the last: never filled */
	u32 cold[MIGRATE_PCPTYPES];
	struct pcp_stack runs[PCP_RUN_ORDERS] __cacheline_aligned;
	/* Events, frames; written with the lock held. */
	unsigned long refilled, drained; /* from and to the zone */
	/* Written by this processor only, without the lock (vmstat.c). */
	unsigned long missed, foreign, interleaved;
	u16 cold_nr[MIGRATE_PCPTYPES]; /* 0: none */
	u16 batch; /* the least that goes to or comes from the zone */
	u16 size_min, size_max;
	u8 alloc_factor; /* refills in a row: the next is so much larger */
	unsigned long refills; /* events, from the zone */
	/* As the last pcp_decay() found them. */
	unsigned long refills_seen, freed_seen;
	unsigned int nr_seen;
} __cacheline_aligned;

_Static_assert(offsetof(struct pcp, runs) == 64, "one line for single frames");

struct page_cpu {
	/* The first zone for a request, by gfp & GFP_ZONEMASK. */
	struct pcp *of_gfp[GFP_ZONEMASK + 1];
	/* By page->flags >> PAGEFLAGS_ZONE_SHIFT; NULL: no such zone. */
	struct pcp *of_zone[ZONE_SLOTS];
};
DECLARE_PER_CPU(struct page_cpu, page_cpu);

/* The list of a zone that does not exist: always empty. */
extern struct pcp no_pcp;

/* Sizes before anything is known of the zone. */
#define PCP_BATCH_LEAST 8U
void pcp_init(struct pcp *pcp, unsigned int zone_slot, unsigned int batch);
/* By the zone's size and marks; fraction: percpu_pagelist_high_fraction. */
void pcp_set_limits(struct zone *zone, unsigned int fraction);
static inline struct zone *pcp_zone(const struct pcp *pcp)
{
	return zone_table[pcp->zone_slot];
}

/*
 * A frame of this processor's list, filled up if need be and if the zone may
 * be taken that low; NULL: not possible, or the list is busy.
 */
struct page *pcp_refill(struct pcp *pcp, unsigned int migratetype,
			enum zone_type highest, unsigned int alloc_flags);
/* A hot stack has become full; pcp->lock is held, and dropped. */
void pcp_overflow_unlock(struct pcp *pcp, unsigned int migratetype);
/* A short unmovable run, PG_pcp set, or NULL. */
struct page *pcp_take_run(struct pcp *pcp, unsigned int order);
/* Keep a run whose frames are clean; false: full, busy or not of the kind. */
bool pcp_keep_run(struct page *page, unsigned int order);
unsigned int pcp_pages(const struct pcp *pcp);
/* The most it can hold: both stacks of each type, and the runs. */
static inline unsigned int pcp_high_of_size(unsigned int size)
{
	return (2U * size - 1) * MIGRATE_PCPTYPES +
	       PCP_RUNS_MAX * ((2U << PCP_RUN_ORDERS) - 2);
}
static inline unsigned int pcp_high(const struct pcp *pcp)
{
	return pcp_high_of_size(READ_ONCE(pcp->size));
}
unsigned long zone_pcp_pages(const struct zone *zone);
void pcp_validate(struct pcp *pcp);

/* Bits 3 and 4 of a gfp are the migrate type; both are a caller's error. */
static inline unsigned int gfp_migratetype(gfp_t gfp)
{
	return gfp >> 3 & 3;
}
_Static_assert(__GFP_MOVABLE >> 3 == MIGRATE_MOVABLE &&
		       __GFP_RECLAIMABLE >> 3 == MIGRATE_RECLAIMABLE,
	       "by shifting");

/*
 * The same as an index of pcp->hot[], whose elements are 8 bytes: the two bits
 * are the offset as they are.
 */
static inline struct pcp_stack *pcp_hot(struct pcp *pcp, gfp_t gfp)
{
	return (struct pcp_stack *)((char *)pcp->hot + (gfp & 0x18));
}
_Static_assert(sizeof(struct pcp_stack) == 8, "gfp & 0x18 is an offset");

/* ---- highmem.c ---- */

/* Frames from here on have no address of their own; ~0: all have. */
extern unsigned long highmem_start_pfn;
void highmem_validate(void);

/* ---- vmstat.c ---- */

/* nr frames of zone went to a request that wanted preferred's node. */
void count_numa_miss(struct zone *zone, struct zone *preferred,
		     unsigned long nr);
/* Counts of one zone agree with each other; nobody allocates or frees. */
void vmstat_validate(void);

/* ---- page_alloc.c ---- */

/* What every owner finds: see mm_types.h. */
static __always_inline void page_prep_frame(struct page *page, u32 flags)
{
	WRITE_ONCE(page->flags, flags);
	WRITE_ONCE(page->_mapcount, -1);
	page->private = 0;
	page->mapping_index = 0;
	__atomic_store_n(&page->_refcount, 1, __ATOMIC_RELEASE);
}

/* Who reclaims and kills, and knows whose request it is. */
const struct reclaim_ops *page_reclaim(void);

/* ---- poison.c ---- */

/* Written at the start only. */
struct page_contents {
	bool any;     /* of the below */
	bool at_free; /* something is done to what becomes free */
	bool poison, init_on_alloc, init_on_free;
};
extern struct page_contents page_contents;
void page_contents_init(void); /* after pagesets_init() */
/* The run becomes free; nobody else knows it. */
void page_contents_free(struct page *page, unsigned int order);
/* Is a run that was free still as it was left?  Reports if it is not. */
bool page_contents_good(const struct page *page, unsigned int order);

/* ---- report.c ---- */

const char *report_task_name(void);
void report_stack(void); /* the callers, where that can be told */

void bad_page(struct page *page, const char *why);
void warn_alloc(gfp_t gfp, unsigned int order);
/* At most burst reports in each interval; one object for each place. */
struct ratelimit {
	u64 interval_ns;
	u32 burst;
	u32 printed;
	u64 begin_ns;
};
bool ratelimit_ok(struct ratelimit *rl);
/* "GFP_KERNEL|__GFP_ZERO" */
int gfp_name(gfp_t gfp, char *buf, size_t size);
void show_mem(void); /* zones, one line each, to the log */

#endif
