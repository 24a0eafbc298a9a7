/* SPDX-License-Identifier: MIT */
/*
 * vmalloc.h - memory contiguous in the kernel's virtual addresses only.
 * Task context; sleeps; never from interrupts.
 */
#ifndef QUIRE_VMALLOC_H
#define QUIRE_VMALLOC_H

#include <quire/gfp.h>
#include <quire/types.h>

/*
 * NULL on failure (also size 0), nothing taken.  A guard page follows each
 * area.  __vmalloc's gfp is for the frames; it must allow blocking.
 */
void *vmalloc(unsigned long size_bytes);
void *vzalloc(unsigned long size_bytes);
void *__vmalloc(unsigned long size_bytes, gfp_t gfp);
/* NULL does nothing; a pointer that is not an area's start is reported. */
void vfree(const void *addr);

/* The one flag of vmap(), which it has anyway. */
#define VM_MAP 0x00000004UL

/* Map count frames the caller keeps owning; NULL on failure. */
void *vmap(struct page **pages, unsigned int count, unsigned long flags,
	   u64 pgprot);
void vunmap(const void *addr);
/* Map device memory, uncached; any alignment. */
void *ioremap(phys_addr_t pa, size_t size_bytes);
void iounmap(const void *addr);

bool is_vmalloc_addr(const void *addr);
struct page *vmalloc_to_page(const void *addr);
/* Flush and reuse all lazily freed ranges now. */
void vm_unmap_aliases(void);

/* Called once by mm_init(), after the slab allocator and the page tables. */
void vmalloc_init(void);

/* What /proc/vmallocinfo says of an area. */
struct vmalloc_info {
	unsigned long start;
	unsigned long size_bytes; /* with the guard page */
	const void *caller;
	unsigned int nr_pages; /* 0: device memory */
	phys_addr_t phys;      /* of device memory */
	const char *kind;      /* "vmalloc", "vmap", "ioremap" */
};
/* fn for each area in use, by address; it must not allocate or sleep. */
void vmalloc_for_each_info(void (*fn)(const struct vmalloc_info *info,
				      void *arg),
			   void *arg);
/* Panics with what is wrong. */
void vmalloc_validate(void);

#endif
