/* SPDX-License-Identifier: MIT */
/*
 * vmap_area.h - ranges of the kernel's virtual addresses; inside mm/vmalloc.
 */
#ifndef MM_VMALLOC_VMAP_AREA_H
#define MM_VMALLOC_VMAP_AREA_H

#include <quire/gfp.h>
#include <quire/list.h>
#include <quire/rbtree.h>
#include <quire/types.h>
#include <quire/vmalloc.h>

enum vmap_kind { VMAP_ALLOC, VMAP_MAP, VMAP_IOREMAP };

/*
 * [start, end) with the guard page at its end.  After its life it stays in
 * the tree, lazy, until a purge has flushed the TLBs of its addresses.
 */
struct vmap_area {
	unsigned long start, end;
	struct rb_node rb;
	unsigned long gap;     /* free bytes between its predecessor and it */
	unsigned long max_gap; /* largest gap in its subtree */
	struct list_head lazy_list;
	bool lazy; /* withdrawn */
	enum vmap_kind kind;
	unsigned int nr_pages;
	struct page **pages; /* of VMAP_ALLOC: its own */
	phys_addr_t phys;    /* of VMAP_IOREMAP */
	const void *caller;
};

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
/* Its entries are cleared; free the range when TLBs are next flushed. */
void vmap_area_free_lazy(struct vmap_area *va);
/* Nothing was ever mapped there: free it at once. */
void vmap_area_free(struct vmap_area *va);

/* fn for each area in use, by address; under a spinlock. */
void vmap_area_for_each(void (*fn)(const struct vmap_area *va, void *arg),
			void *arg);
/* Panics with what is wrong. */
void vmap_area_validate(void);

#endif
