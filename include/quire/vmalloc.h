/* SPDX-License-Identifier: MIT */
/*
 * vmalloc.h - memory contiguous in the kernel's virtual addresses only.
 *
 * Task context, no spinlocks held; may sleep.  vfree_atomic() and looking are
 * for any context.  A guard page follows each area.
 *
 * Source: Linux's Documentation/core-api/mm-api.rst, driver-api/device-io.rst.
 */
#ifndef QUIRE_VMALLOC_H
#define QUIRE_VMALLOC_H

#include <quire/gfp.h>
#include <quire/types.h>

/* What an area is, with Linux's values. */
#define VM_IOREMAP	   0x00000001U /* device memory */
#define VM_ALLOC	   0x00000002U /* vmalloc() */
#define VM_MAP		   0x00000004U /* vmap() */
#define VM_USERMAP	   0x00000008U /* may be shown to programs */
#define VM_MAP_PUT_PAGES   0x00000200U /* vmap: frames and array go over */
#define VM_ALLOW_HUGE_VMAP 0x00000400U /* large leaves are welcome */

/*
 * vmalloc - size_bytes of kernel memory, from whole frames.
 * Result: page-aligned; the caller's, freed with vfree().  NULL: size 0, more
 *   than all memory (said once in the log), no memory, no addresses; nothing
 *   is taken then.
 * The z forms clear.  _node: frames of node nid first, NUMA_NO_NODE: of the
 *   caller's; no such node is reported and gives NULL.
 * 2 MiB leaves serve what is that large, where memory has such runs (Linux's
 *   VM_ALLOW_HUGE_VMAP).  The frames of one leaf are one allocation: nobody
 *   may take references to them.  Who must, uses one of the forms below that
 *   map single frames only.
 */
void *vmalloc(unsigned long size_bytes);
void *vzalloc(unsigned long size_bytes);
void *vmalloc_node(unsigned long size_bytes, int nid);
void *vzalloc_node(unsigned long size_bytes, int nid);
/* The same, with gfp for the frames. */
void *vmalloc_huge(unsigned long size_bytes, gfp_t gfp);
/*
 * Single frames only.  gfp is for the frames; it must allow blocking (else it
 * is reported, NULL); with __GFP_NOFAIL what can be served at all is, in the
 * end.  align: a power of two.  caller: whom /proc/vmallocinfo names.
 */
void *__vmalloc(unsigned long size_bytes, gfp_t gfp);
void *__vmalloc_node(unsigned long size_bytes, unsigned long align, gfp_t gfp,
		     int nid, const void *caller);
/* Cleared single frames that programs may be shown. */
void *vmalloc_user(unsigned long size_bytes);
/* Single frames below 4 GiB. */
void *vmalloc_32(unsigned long size_bytes);
void *vmalloc_32_user(unsigned long size_bytes);

/*
 * vrealloc - the same area, or a new one with the old one's contents.
 * p NULL allocates, size 0 frees and gives NULL.  Shrinking keeps the frames.
 * With __GFP_ZERO, given from the first allocation on, growth is cleared.
 * Errors: NULL, the old area is untouched; a wrong p is reported.
 */
void *vrealloc(const void *p, size_t size_bytes, gfp_t gfp) __must_check;

/*
 * vfree - NULL does nothing.  Also takes a vmap() with VM_MAP_PUT_PAGES.  A
 * pointer that is not the start of such an area, or freed already, is
 * reported with what it is instead, and nothing is freed.  From an interrupt
 * handler it is vfree_atomic().
 */
void vfree(const void *addr);
/*
 * vfree_atomic - vfree() from any context but NMI: the pointer is dead at
 * once, memory comes back when mm_work_run() is called.
 */
void vfree_atomic(const void *addr);

/*
 * vmap - map count frames, one behind the other.
 * flags: VM_MAP, which it has anyway; VM_MAP_PUT_PAGES: the references and
 *   the array (from kvmalloc) are the area's from now on, for vfree().
 * Result: the address; the caller keeps owning the frames, and vunmap()s.
 * Errors: NULL: count 0 or more than there are, other flags, an entry that is
 *   no frame (reported), no memory; nothing is mapped then.
 */
void *vmap(struct page **pages, unsigned int count, unsigned long flags,
	   u64 pgprot);
/*
 * vunmap - the end of a vmap(); the frames stay the caller's.  NULL does
 * nothing.  What is not the start of one is reported and left as it is.
 */
void vunmap(const void *addr);

/*
 * ioremap - device memory, any alignment: uncached; _wc: writes combined;
 * _cache: as RAM is.  Leaves as large as the machine has.
 * Errors: NULL: size 0, beyond the processor's addresses, RAM in use
 *   (reported), mapped already with another memory type (logged), no memory.
 */
void *ioremap(phys_addr_t pa, size_t size_bytes);
void *ioremap_wc(phys_addr_t pa, size_t size_bytes);
void *ioremap_cache(phys_addr_t pa, size_t size_bytes);
/*
 * iounmap - the end of an ioremap(), whose address in its first page serves
 * as well.  NULL does nothing; anything else is reported and left as it is.
 */
void iounmap(const void *addr);

/* Boot options nohugevmalloc and nohugeiomap clear them. */
extern bool vmap_allow_huge, ioremap_allow_huge;

/* Does addr lie in the range that all areas are from?  Any context. */
bool is_vmalloc_addr(const void *addr);
/*
 * vmalloc_to_page, vmalloc_to_pfn - any context.
 * The frame behind addr, which must stay mapped meanwhile; NULL, 0: none, or
 * a device's.
 */
struct page *vmalloc_to_page(const void *addr);
unsigned long vmalloc_to_pfn(const void *addr);
/*
 * vm_unmap_aliases - finish what vfree_atomic() put off, and flush the TLBs of
 * all processors for the areas freed so far: nothing translates their
 * addresses any more, and they can be given out again.  Task context.
 */
void vm_unmap_aliases(void);

/* How often TLBs were flushed for freed areas, and for how many, so far. */
struct vmap_purge_stats {
	u64 nr_purges;
	u64 nr_areas;
};
struct vmap_purge_stats vmap_purge_stats(void);

/* Called once by mm_init(), after the slab allocator and the page tables. */
void vmalloc_init(void);

/* What /proc/vmallocinfo says of an area. */
struct vmalloc_info {
	unsigned long start;
	unsigned long size_bytes; /* with the guard page */
	const void *caller;
	unsigned int nr_pages; /* 0: device memory */
	unsigned int nr_large; /* of them 512 each in a 2 MiB leaf */
	phys_addr_t phys;      /* of device memory */
	const char *kind;      /* "vmalloc", "vmap", "ioremap", "percpu" */
	bool is_user;	       /* VM_USERMAP */
	unsigned int nr_on_node[MAX_NUMNODES]; /* of its own pages */
};
/*
 * fn for each area in use, by address; it must not allocate or sleep.  Areas
 * that come or go meanwhile may be missed.
 */
void vmalloc_for_each_info(void (*fn)(const struct vmalloc_info *info,
				      void *arg),
			   void *arg);
/*
 * vmalloc_validate - compare every area with the page tables; panics with what
 * is wrong and where.  Other processors may go on.  It takes long, interrupts
 * off: for tests.
 */
void vmalloc_validate(void);

#endif
