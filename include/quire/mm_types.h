/* SPDX-License-Identifier: MIT */
/*
 * mm_types.h - the page descriptor, zones and nodes.
 *
 * Every 4 KiB frame of RAM has one struct page of 32 bytes, and exactly one
 * owner at any time; the descriptor says which:
 *
 *   owner          told by               uses
 *   reserved       PG_reserved           -
 *   buddy, order k PG_buddy              private = k, link
 *   per-CPU list   PG_pcp                link.next
 *   slab           PG_slab               slab.*
 *   page table     PG_table              table.*
 *   anonymous      mapping_index, ANON   _mapcount, link (LRU), index
 *   file           mapping_index         _mapcount, link (LRU), index
 *   kernel         none of these         private (owner's)
 *
 * The allocator hands out frames with _mapcount -1, private 0 and
 * mapping_index 0, and wants _mapcount -1 and the owner's flags cleared back.
 */
#ifndef QUIRE_MM_TYPES_H
#define QUIRE_MM_TYPES_H

#include <quire/gfp.h>
#include <quire/spinlock.h>
#include <quire/types.h>

#include <arch.h>

/* Frames linked by number; PFN_NIL ends a list. */
#define PFN_NIL ((u32)~0U)

struct page_link {
	u32 next;
	u32 prev;
};

/* A doubly linked list of frames: see mm/page/pagelist.h. */
struct page_list {
	u32 first;
	u32 last;
	u32 nr;
};

struct kmem_cache;
struct address_space;

struct page {
	u32 flags;     /* PG_* bits, node, zone; atomic */
	u32 _refcount; /* users; 0 is free */
	union {
		s32 _mapcount;	    /* page-table entries - 1, user pages */
		spinlock_raw_t ptl; /* PG_table: its split lock */
		u32 slab_counts;    /* PG_slab: owned by mm/slab */
	};
	u32 private;	       /* owner's: order, migrate type, ... */
	struct page_link link; /* the list its owner keeps it on */
	union {
		u64 mapping_index; /* page_mapping(), page_index() */
		struct kmem_cache *slab_cache;
		struct {
			u16 nr_used; /* PG_table: entries in use */
			u16 level;   /* 0: leaf table */
		} table;
		u32 compound_head; /* tail page: frame number of head */
	};
};

_Static_assert(sizeof(struct page) == 32, "page descriptor is 32 bytes");

/*
 * page->flags
 *   31..26 25..23  22..0
 *   node   zone    PG_* bits
 */
enum pageflags {
	PG_locked,   /* under I/O or truncation; waiters sleep */
	PG_reserved, /* never given to the buddy system */
	PG_buddy,    /* first frame of a free run */
	PG_pcp,	     /* on a per-CPU list */
	PG_slab,
	PG_table, /* a page-table page */
	PG_head,  /* head of a compound page; private = order */
	PG_tail,
	PG_uptodate,
	PG_dirty,
	PG_writeback,
	PG_referenced,
	PG_active,
	PG_lru, /* on an LRU list */
	PG_unevictable,
	PG_mlocked,
	PG_swapbacked,	   /* anonymous or shmem */
	PG_anon_exclusive, /* anonymous, one process only: reuse on write */
	PG_offline,	   /* logically unplugged */
	PG_run,		   /* first of an allocated run that is not compound;
				   the next frame's private = order */
	NR_PAGEFLAGS
};

#define PAGEFLAGS_ZONE_SHIFT 23
#define PAGEFLAGS_NODE_SHIFT 26
_Static_assert(NR_PAGEFLAGS <= PAGEFLAGS_ZONE_SHIFT, "flags fit");
_Static_assert(MAX_NUMNODES <= 64, "node number fits");

/* One bit of flags, tested, set and cleared atomically. */
#define PAGE_FLAG(Name, bit)                                              \
	static inline bool Page##Name(const struct page *page)            \
	{                                                                 \
		return READ_ONCE(page->flags) & (1U << PG_##bit);         \
	}                                                                 \
	static inline void SetPage##Name(struct page *page)               \
	{                                                                 \
		__atomic_fetch_or(&page->flags, 1U << PG_##bit,           \
				  __ATOMIC_RELAXED);                      \
	}                                                                 \
	static inline void ClearPage##Name(struct page *page)             \
	{                                                                 \
		__atomic_fetch_and(&page->flags, ~(1U << PG_##bit),       \
				   __ATOMIC_RELAXED);                     \
	}                                                                 \
	/* Not atomic: the caller is the only one who knows the page. */  \
	static inline void __SetPage##Name(struct page *page)             \
	{                                                                 \
		WRITE_ONCE(page->flags, page->flags | 1U << PG_##bit);    \
	}                                                                 \
	static inline void __ClearPage##Name(struct page *page)           \
	{                                                                 \
		WRITE_ONCE(page->flags, page->flags & ~(1U << PG_##bit)); \
	}

PAGE_FLAG(Reserved, reserved)
PAGE_FLAG(Buddy, buddy)
PAGE_FLAG(Pcp, pcp)
PAGE_FLAG(Slab, slab)
PAGE_FLAG(Table, table)
PAGE_FLAG(Head, head)
PAGE_FLAG(Tail, tail)
PAGE_FLAG(Uptodate, uptodate)
PAGE_FLAG(Dirty, dirty)
PAGE_FLAG(Referenced, referenced)
PAGE_FLAG(Active, active)
PAGE_FLAG(LRU, lru)
PAGE_FLAG(SwapBacked, swapbacked)
PAGE_FLAG(AnonExclusive, anon_exclusive)

static inline unsigned int page_zonenum(const struct page *page)
{
	return READ_ONCE(page->flags) >> PAGEFLAGS_ZONE_SHIFT & 7;
}

static inline int page_to_nid(const struct page *page)
{
	return (int)(READ_ONCE(page->flags) >> PAGEFLAGS_NODE_SHIFT);
}

/*
 * mapping_index of a user page
 *   63         48 47                      1   0
 *   index 47..32  pointer, sign bits cut     ANON
 * The low half of the index is in private.  ANON set: the pointer is the
 * page's anon_space, the index that of its birthplace (mm/aspace/anon.c);
 * clear: a struct address_space.
 */
#define PAGE_MAPPING_ANON 1UL

static inline bool PageAnon(const struct page *page)
{
	return READ_ONCE(page->mapping_index) & PAGE_MAPPING_ANON;
}

static inline void *page_rmapping(const struct page *page)
{
	return (void *)(uintptr_t)((s64)(READ_ONCE(page->mapping_index)
					 << 16) >>
					   16 &
				   ~(s64)PAGE_MAPPING_ANON);
}

/* The file's pages this page belongs to; NULL for others. */
static inline struct address_space *page_mapping(const struct page *page)
{
	return PageAnon(page) ? NULL : page_rmapping(page);
}

static inline pgoff_t page_index(const struct page *page)
{
	return (pgoff_t)(page->mapping_index >> 48) << 32 | page->private;
}

/* mapping: the pointer with PAGE_MAPPING_ANON or'ed in where it applies. */
static inline void page_set_mapping(struct page *page, uintptr_t mapping,
				    pgoff_t index)
{
	page->private = (u32)index;
	page->mapping_index =
		(u64)(index >> 32) << 48 | ((u64)mapping & 0xffffffffffffUL);
}

/* ---- zones and nodes ---- */

enum zone_type {
	ZONE_DMA,
	ZONE_DMA32,
	ZONE_NORMAL,
	ZONE_HIGHMEM,
	ZONE_MOVABLE,
	MAX_NR_ZONES
};

enum migratetype {
	MIGRATE_UNMOVABLE,
	MIGRATE_MOVABLE,
	MIGRATE_RECLAIMABLE,
	MIGRATE_PCPTYPES,
	MIGRATE_HIGHATOMIC = MIGRATE_PCPTYPES,
	MIGRATE_CMA,
	MIGRATE_ISOLATE,
	MIGRATE_TYPES
};

#define NR_ORDERS	   (MAX_ORDER + 1)
#define PAGEBLOCK_ORDER	   9
#define PAGEBLOCK_NR_PAGES (1UL << PAGEBLOCK_ORDER)

enum zone_watermarks { WMARK_MIN, WMARK_LOW, WMARK_HIGH, NR_WMARK };

struct pglist_data;
struct zone; /* mm/page/zone.h has the whole */

extern unsigned long max_pfn; /* one above the highest frame */

/* ---- references ---- */

/*
 * The page array: the descriptor of frame n is mem_map[n].  Only those of
 * pageblocks with memory exist; pageblock_flags says which (mm/page/memmap.c).
 */
extern struct page *mem_map;
extern u8 *pageblock_flags; /* by frame number >> PAGEBLOCK_ORDER */

#define PAGEBLOCK_TYPE	  0x07 /* enum migratetype */
#define PAGEBLOCK_PRESENT 0x08 /* has descriptors */
#define PAGEBLOCK_INIT	  0x10 /* and all of them are filled in */
#define PAGEBLOCK_WAS	  0x60 /* while isolated: the type before */

/* The frame's pageblock must be present. */
static inline struct page *pfn_to_page(unsigned long pfn)
{
	return mem_map + pfn;
}

static inline unsigned long page_to_pfn(const struct page *page)
{
	return ((uintptr_t)page - (uintptr_t)mem_map) / sizeof(struct page);
}

/*
 * Does the frame have a descriptor?  Frames of a hole that shares its
 * pageblock with memory do, marked reserved.
 */
static inline bool pfn_valid(unsigned long pfn)
{
	return pfn < max_pfn &&
	       READ_ONCE(pageblock_flags[pfn >> PAGEBLOCK_ORDER]) &
		       PAGEBLOCK_PRESENT;
}

struct zone *page_zone(const struct page *page);

/* The direct map's address of a frame that is in it. */
static inline void *lowmem_page_address(const struct page *page)
{
	return __va((phys_addr_t)page_to_pfn(page) << PAGE_SHIFT);
}

#if CONFIG_HIGHMEM
extern unsigned long highmem_start_pfn; /* the first without an address */
void *page_address_high(const struct page *page);

static inline bool PageHighMem(const struct page *page)
{
	return page_to_pfn(page) >= highmem_start_pfn;
}
#endif

/* The kernel's address of a frame; NULL: it has none now (highmem.h). */
static inline void *page_address(const struct page *page)
{
#if CONFIG_HIGHMEM
	if (unlikely(PageHighMem(page)))
		return page_address_high(page);
#endif
	return lowmem_page_address(page);
}

/* The descriptor of a direct-map address. */
static inline struct page *virt_to_page(const void *addr)
{
	return pfn_to_page(__pa(addr) >> PAGE_SHIFT);
}

static inline unsigned int page_ref_count(const struct page *page)
{
	return READ_ONCE(page->_refcount);
}

static inline void get_page(struct page *page)
{
	__atomic_fetch_add(&page->_refcount, 1, __ATOMIC_RELAXED);
}

/* Drop one reference to an order-0 or compound page; frees on the last. */
void put_page(struct page *page);

/* Take a reference unless the count is zero. */
static inline bool __must_check get_page_unless_zero(struct page *page)
{
	u32 old = READ_ONCE(page->_refcount);

	do {
		if (!old)
			return false;
	} while (!__atomic_compare_exchange_n(&page->_refcount, &old, old + 1,
					      true, __ATOMIC_ACQUIRE,
					      __ATOMIC_RELAXED));
	return true;
}

/* An owner that used _mapcount's word for something else gives it back. */
static inline void page_mapcount_reset(struct page *page)
{
	WRITE_ONCE(page->_mapcount, -1);
}

static inline int page_mapcount(const struct page *page)
{
	return READ_ONCE(page->_mapcount) + 1;
}

#endif
