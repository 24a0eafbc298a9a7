/* SPDX-License-Identifier: MIT */
/*
 * gfp.h - page frames: allocation flags and the page allocator's calls.
 *
 * Source: Linux's Documentation/core-api/memory-allocation.rst, gfp_mask(9).
 */
#ifndef QUIRE_GFP_H
#define QUIRE_GFP_H

#include <quire/types.h>

struct page;

/* Where the frame may lie. */
#define __GFP_DMA     ((gfp_t)0x0001) /* below 16 MiB */
#define __GFP_HIGHMEM ((gfp_t)0x0002) /* may have no kernel mapping */
#define __GFP_DMA32   ((gfp_t)0x0004) /* below 4 GiB */
#define __GFP_MOVABLE ((gfp_t)0x0008) /* can be migrated */
#define GFP_ZONEMASK  ((gfp_t)0x000f)
/* What it is for. */
#define __GFP_RECLAIMABLE ((gfp_t)0x0010) /* a shrinker can free it */
#define __GFP_ACCOUNT \
	((gfp_t)0x0020)		   /* charged to a memory cgroup:
						   there are none */
#define __GFP_ZERO ((gfp_t)0x0100) /* cleared */
#define __GFP_COMP ((gfp_t)0x0200) /* one compound page */
#define __GFP_HARDWALL \
	((gfp_t)0x0800)		       /* within the task's cpuset:
						   there are none */
#define __GFP_THISNODE ((gfp_t)0x1000) /* this node or nothing */
/* How hard to try. */
#define __GFP_HIGH	     ((gfp_t)0x00010000) /* may use reserves */
#define __GFP_MEMALLOC	     ((gfp_t)0x00020000) /* may use all reserves */
#define __GFP_NOMEMALLOC     ((gfp_t)0x00040000) /* never reserves */
#define __GFP_IO	     ((gfp_t)0x00080000) /* reclaim may start I/O */
#define __GFP_FS	     ((gfp_t)0x00100000) /* ... and call file systems */
#define __GFP_DIRECT_RECLAIM ((gfp_t)0x00200000) /* may sleep to reclaim */
#define __GFP_KSWAPD_RECLAIM ((gfp_t)0x00400000) /* may wake kswapd */
#define __GFP_NOWARN	     ((gfp_t)0x00800000) /* no failure report */
#define __GFP_RETRY_MAYFAIL  ((gfp_t)0x01000000)
#define __GFP_NOFAIL	     ((gfp_t)0x02000000) /* loop until it works */
#define __GFP_NORETRY	     ((gfp_t)0x04000000) /* one light attempt */

#define __GFP_RECLAIM	     (__GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM)
#define GFP_ATOMIC	     (__GFP_HIGH | __GFP_KSWAPD_RECLAIM)
#define GFP_KERNEL	     (__GFP_RECLAIM | __GFP_IO | __GFP_FS)
#define GFP_KERNEL_ACCOUNT   (GFP_KERNEL | __GFP_ACCOUNT)
#define GFP_NOWAIT	     (__GFP_KSWAPD_RECLAIM | __GFP_NOWARN)
#define GFP_NOIO	     (__GFP_RECLAIM)
#define GFP_NOFS	     (__GFP_RECLAIM | __GFP_IO)
#define GFP_USER	     (GFP_KERNEL | __GFP_HARDWALL)
#define GFP_DMA		     __GFP_DMA
#define GFP_DMA32	     __GFP_DMA32
#define GFP_HIGHUSER	     (GFP_USER | __GFP_HIGHMEM)
#define GFP_HIGHUSER_MOVABLE (GFP_HIGHUSER | __GFP_MOVABLE)

#define MAX_ORDER	     10 /* the largest order, inclusive */

/* May an allocation with these flags sleep?  Context: any. */
static inline bool gfpflags_allow_blocking(gfp_t gfp)
{
	return gfp & __GFP_DIRECT_RECLAIM;
}

/*
 * alloc_pages - take 2^order physically contiguous frames.
 * Context: any with a gfp that may not block; task context, no spinlocks,
 *   with __GFP_DIRECT_RECLAIM.
 * Result: the first descriptor, reference count 1, the caller owns it; free
 *   with __free_pages(page, order), or the last put_page().  Contents are
 *   what they were unless __GFP_ZERO.  alloc_pages_node prefers nid and those
 *   near it (NUMA_NO_NODE: the caller's); with __GFP_THISNODE no other.
 * Errors: NULL if there is none, order > MAX_ORDER or nid is no node; nothing
 *   changed then, and a report says so (one in ten seconds) unless
 *   __GFP_NOWARN.  Never NULL with __GFP_NOFAIL, which must be able to wait.
 * Source: memory-allocation.rst, gfp_mask(9).
 */
struct page *alloc_pages(gfp_t gfp, unsigned int order);
struct page *alloc_pages_node(int nid, gfp_t gfp, unsigned int order);
#define alloc_page(gfp) alloc_pages((gfp), 0)

/*
 * __get_free_pages - alloc_pages() as a direct-map address.
 * Context: as alloc_pages().  __GFP_HIGHMEM is taken out of gfp.
 * Result: the address of the first byte; the caller frees it with free_pages()
 *   or free_page().
 * Errors: 0.
 */
unsigned long __get_free_pages(gfp_t gfp, unsigned int order);
unsigned long get_zeroed_page(gfp_t gfp);

/*
 * __free_pages - drop one reference; frees the run when it was the last.
 * order: that of the allocation.
 * Context: any but with a spinlock of rank PCP or above.  free_pages(0) does
 *   nothing.
 * Errors: a bad free (already free, wrong order, not allocated) is reported
 *   once and the frames are leaked.
 */
void __free_pages(struct page *page, unsigned int order);
void free_pages(unsigned long addr, unsigned int order);
#define __free_page(page) __free_pages((page), 0)
#define free_page(addr)	  free_pages((addr), 0)

/*
 * alloc_pages_bulk - up to nr order-0 frames into pages[]; NULL slots are
 * filled, others kept.
 * Context: as alloc_pages(): each frame is asked for as by it, where Linux
 *   gives up reclaiming after the first.
 * Result: the number of filled slots at the front, nr if there was enough; the
 *   frames are the caller's, one reference each.
 */
unsigned long alloc_pages_bulk(gfp_t gfp, unsigned long nr,
			       struct page **pages);
/*
 * free_pages_bulk - frees nr order-0 pages whose reference count is 1, in one
 * pass.  No slot is NULL; the slots keep what they hold.
 * Context: as __free_pages().
 */
void free_pages_bulk(struct page **pages, unsigned long nr);

/*
 * alloc_pages_exact - whole frames for size_bytes; what the next power of two
 * has more goes back at once.
 * Context: as alloc_pages().  __GFP_HIGHMEM is taken out; __GFP_COMP is
 *   reported and taken out.
 * Result: a direct-map address; single pages, freed by free_pages_exact() with
 *   the same size.
 * Errors: NULL: no memory, size 0, or more than 2^MAX_ORDER frames.
 */
void *alloc_pages_exact(size_t size_bytes, gfp_t gfp);
void free_pages_exact(void *addr, size_t size_bytes);

/*
 * alloc_contig_range - take the frames [start_pfn, end_pfn), of one zone.
 * migratetype: MIGRATE_MOVABLE or MIGRATE_UNMOVABLE, what the frames'
 *   pageblocks are taken for; they keep the type they have.
 * gfp: __GFP_ZERO clears; __GFP_COMP and __GFP_MOVABLE are not for runs of any
 *   length (-EINVAL); the others say how migration may make room.
 * Context: task, no spinlocks; gfp must allow to wait.
 * Result: 0; each frame is a page of its own, reference count 1, freed by
 *   free_contig_range() or singly.
 * Errors: -EINVAL: not frames of memory, not of one zone, or start >= end;
 *   -EBUSY: a frame is in use (and cannot be moved), or somebody else is at
 *   the same pageblocks.  Nothing has changed then.
 * Sources: Linux's Documentation/core-api/mm-api.rst, mm/cma.
 */
int alloc_contig_range(unsigned long start_pfn, unsigned long end_pfn,
		       unsigned int migratetype, gfp_t gfp);
/*
 * alloc_contig_pages - nr_pages frames in a row, of any number, at a multiple
 * of the next power of two, from the node or those after it by distance.  The
 * first page, or NULL.
 */
struct page *alloc_contig_pages(unsigned long nr_pages, gfp_t gfp, int nid);
/* Frees nr_pages single frames from pfn on.  Context: as __free_pages(). */
void free_contig_range(unsigned long pfn, unsigned long nr_pages);

/*
 * Who can move pages in use out of [start_pfn, end_pfn), whose pageblocks are
 * isolated: 0, or -E when some stay.  NULL: nobody.  Set by mm/migrate.
 */
struct contig_ops {
	int (*migrate_range)(unsigned long start_pfn, unsigned long end_pfn,
			     gfp_t gfp);
};
void register_contig_ops(const struct contig_ops *ops);

/*
 * split_page - a run that is the caller's alone becomes 2^order single pages,
 * each with a reference and freed on its own.
 * Context: any.
 * Errors: a compound page, or a run of another order: reported, stays whole.
 */
void split_page(struct page *page, unsigned int order);

/*
 * drain_all_pages - return every page of all CPUs' lists, or of the caller's
 * (drain_local_pages), to the buddy system.
 * Context: task; no spinlock of rank PCP or above.  Other CPUs go on meanwhile
 *   and may fill theirs again.
 */
void drain_local_pages(void);
void drain_all_pages(void);

/*
 * pcp_decay - shrink this CPU's lists that were not used much since the last
 * call, and empty those that were not used at all.  To be called about once a
 * second by each CPU, also while idle.  Task context, no spinlocks.
 */
void pcp_decay(void);

#endif
