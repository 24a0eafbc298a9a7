/* SPDX-License-Identifier: MIT */
/*
 * vmap_area.h - ranges of the kernel's virtual addresses; inside mm/vmalloc.
 */
#ifndef MM_VMALLOC_VMAP_AREA_H
#define MM_VMALLOC_VMAP_AREA_H

#include <quire/gfp.h>
#include <quire/list.h>
#include <quire/rbtree.h>
#include <quire/pgtable.h>
#include <quire/types.h>
#include <quire/vmalloc.h>

enum vmap_kind { VMAP_ALLOC, VMAP_MAP, VMAP_IOREMAP, VMAP_PERCPU };

/*
 * [start, end) with the guard page at its end.  After its life it stays in
 * the tree, lazy, until a purge has flushed the TLBs of its addresses.
 *
 * pages[] has nr_large heads of runs of 2^VMAP_LARGE_ORDER frames, each under
 * one large leaf, and then the other frames one by one.
 */
struct vmap_area {
	unsigned long start, end;
	struct rb_node rb;
	unsigned long gap;     /* free bytes between its predecessor and it */
	unsigned long max_gap; /* largest gap in its subtree */
	struct list_head lazy_list; /* waits for vfree's rest, or a purge */
	bool lazy;		    /* withdrawn */
	bool cleared;		    /* lazy, and its entries are gone */
	u8 kind;
	u32 flags; /* VM_* */
	unsigned int nr_pages;
	unsigned int nr_large;
	struct page **pages;	 /* its own; NULL: somebody else's frames */
	phys_addr_t phys;	 /* of VMAP_IOREMAP */
	u64 prot;		 /* of VMAP_IOREMAP */
	unsigned long requested; /* bytes, of VMAP_ALLOC */
	const void *caller;
};

#define VMAP_LARGE_ORDER PTRS_SHIFT
#define VMAP_LARGE_PAGES (1UL << VMAP_LARGE_ORDER)

void vmap_area_init(void);

/*
 * A free range of size bytes and a guard page, its start aligned, entered into
 * the tree; NULL: no memory for its descriptor, or no room even after a purge.
 */
struct vmap_area *vmap_area_alloc(unsigned long size, unsigned long align,
				  enum vmap_kind kind, const void *caller);
/*
 * The area of this kind that starts at addr is withdrawn from its users: it
 * cannot be found again.  NULL: there is none.
 */
struct vmap_area *vmap_area_take(unsigned long addr, enum vmap_kind kind);
/* The area of this kind in use that starts at addr, or NULL. */
struct vmap_area *vmap_area_find(unsigned long addr, enum vmap_kind kind);
/* Its entries are cleared; free the range when TLBs are next flushed. */
void vmap_area_free_lazy(struct vmap_area *va);
/* Nothing was ever mapped there: free it at once. */
void vmap_area_free(struct vmap_area *va);
/*
 * A taken area whose freeing has to wait for task context: queued, and
 * taken from the queue again (NULL: it is empty).  Any context.
 */
void vmap_area_defer(struct vmap_area *va);
struct vmap_area *vmap_area_next_deferred(void);

/*
 * nr areas of size bytes, without guard pages, of which the k-th starts at
 * base + offsets[k] for one base; the offsets are multiples of a page, the
 * lowest is 0.  0 or -ENOMEM, nothing entered then.
 */
int vmap_area_alloc_congruent(const unsigned long *offsets, unsigned int nr,
			      unsigned long size, const void *caller,
			      struct vmap_area **areas);
/*
 * Does another area in use show part of the device memory of va with another
 * memory type?
 */
bool vmap_area_has_conflict(const struct vmap_area *va);
/* Report that addr was given to call, and what it is instead. */
void vmap_area_report_bad(const char *call, unsigned long addr);

/*
 * fn for each area in use, by address; each call under a spinlock with
 * interrupts off.  Areas made or freed meanwhile may be missed.
 */
void vmap_area_for_each(void (*fn)(const struct vmap_area *va, void *arg),
			void *arg);
/* Panics with what is wrong. */
void vmap_area_validate(void);

/*
 * vmap_check.c: what is wrong with the entries of an area in use, or between
 * two addresses where nothing may be mapped; NULL: nothing.  The caller keeps
 * the area in use, and the addresses free.
 */
const char *vmap_check_area(const struct vmap_area *va);
const char *vmap_check_unmapped(unsigned long start, unsigned long end);

/* vmalloc.c: finish what vfree_atomic() put off; task context. */
void vfree_deferred(void);
/*
 * vmalloc with all that can be said: flags are VM_*; a nid that is neither a
 * node nor NUMA_NO_NODE is reported and gives NULL.
 */
void *vmalloc_on(unsigned long size_bytes, unsigned long align, gfp_t gfp,
		 int nid, u32 flags, const void *caller);

/* Bytes that are mapped: without the guard page. */
static inline unsigned long vmap_area_bytes(const struct vmap_area *va)
{
	return va->end - va->start - PAGE_SIZE;
}

#endif
