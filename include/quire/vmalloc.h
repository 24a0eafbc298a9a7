/* SPDX-License-Identifier: MIT */
/*
 * vmalloc.h - memory contiguous in the kernel's virtual addresses only.
 * Task context; sleeps; never from interrupts.
 */
#ifndef QUIRE_VMALLOC_H
#define QUIRE_VMALLOC_H

#include <quire/gfp.h>
#include <quire/types.h>

/* NULL on failure, nothing taken.  A guard page follows each area. */
void *vmalloc(unsigned long size_bytes);
void *vzalloc(unsigned long size_bytes);
void *__vmalloc(unsigned long size_bytes, gfp_t gfp);
/* NULL does nothing; a pointer that is not an area's start is reported. */
void vfree(const void *addr);

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

#endif
