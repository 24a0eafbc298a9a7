/* SPDX-License-Identifier: MIT */
/*
 * vmap.c - maps frames and devices that are there already.
 *
 * 1. vmap() joins frames of the caller.  Where 512 of them follow one another
 *    in memory and begin at a multiple of 2 MiB, one large leaf maps them, if
 *    the first run does: the area is then aligned for it.
 * 2. ioremap() maps device memory with a memory type.  The processor forbids
 *    two types of one address: a second mapping with another type is refused
 *    (Intel SDM volume 3A, 12.12.4), and so is RAM, which the direct map shows
 *    as write-back.  Leaves are as large as alignment and machine allow.
 * 3. Failure leaves nothing mapped; a range that was in the tables even for a
 *    moment is freed lazily.
 *
 * Source: Linux's Documentation/driver-api/device-io.rst, mm-api.rst.
 */
#include <quire/mm_types.h>
#include <quire/pgtable.h>
#include <quire/port.h>
#include <quire/printk.h>
#include <quire/slab.h>
#include <quire/vmalloc.h>
#include <quire/vmstat.h>

#include "mm/vmalloc/vmap_area.h"

#define CALLER	   __builtin_return_address(0)
#define VMAP_FLAGS (VM_MAP | VM_MAP_PUT_PAGES)

bool ioremap_allow_huge = true;

static void unmap_area(struct vmap_area *va)
{
	unmap_kernel_range(va->start, va->start + vmap_area_bytes(va));
}

/* ---- frames of the caller ---- */

/* Can the next 512 frames be one leaf? */
static bool is_large_run(struct page *const *pages)
{
	unsigned long pfn = page_to_pfn(pages[0]);

	if (!IS_ALIGNED(pfn, VMAP_LARGE_PAGES))
		return false;
	for (unsigned long i = 1; i < VMAP_LARGE_PAGES; i++)
		if (page_to_pfn(pages[i]) != pfn + i)
			return false;
	return true;
}

static bool wants_large(struct page *const *pages, unsigned long nr)
{
	return vmap_allow_huge && PGTABLE_LEVELS >= 3 &&
	       nr >= VMAP_LARGE_PAGES && is_large_run(pages);
}

/* The frames from pages on that one call maps: a large run, or up to one. */
static unsigned long next_part(struct page *const *pages, unsigned long nr,
			       bool *large)
{
	*large = wants_large(pages, nr);
	/* Runs begin at multiples of 512: look again there. */
	return min(nr, VMAP_LARGE_PAGES);
}

static int map_frames(struct vmap_area *va, struct page **pages, u64 prot)
{
	unsigned long end = va->start + vmap_area_bytes(va), at = va->start;
	bool aligned = IS_ALIGNED(at, pgtable_size(1)), large = false;
	int err = 0;

	while (at != end) {
		unsigned long nr = (end - at) >> PAGE_SHIFT, bytes;

		if (aligned)
			nr = next_part(pages, nr, &large);
		bytes = nr << PAGE_SHIFT;
		if (large)
			err = map_kernel_range(at, at + bytes,
					       (phys_addr_t)page_to_pfn(*pages)
						       << PAGE_SHIFT,
					       prot, 1);
		else
			err = map_kernel_pages(at, at + bytes, pages, prot);
		if (err)
			break;
		at += bytes;
		pages += nr;
	}
	if (err)
		unmap_kernel_range(va->start, at);
	else if ((err = port->sync_kernel_mappings(va->start, end)))
		unmap_kernel_range(va->start, end);
	return err;
}

static bool all_are_frames(struct page *const *pages, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		if (!pages[i] || !pfn_valid(page_to_pfn(pages[i])))
			return false;
	return true;
}

void *vmap(struct page **pages, unsigned int count, unsigned long flags,
	   u64 pgprot)
{
	struct vmap_area *va;

	if (!count || count > totalram_pages() || flags & ~VMAP_FLAGS ||
	    WARN_ON_ONCE(!all_are_frames(pages, count)))
		return NULL;
	va = vmap_area_alloc((unsigned long)count << PAGE_SHIFT,
			     wants_large(pages, count) ? pgtable_size(1)
						       : PAGE_SIZE,
			     VMAP_MAP, CALLER);
	if (!va)
		return NULL;
	if (map_frames(va, pages, pgprot)) {
		vmap_area_free_lazy(va);
		return NULL;
	}
	va->nr_pages = count;
	if (flags & VM_MAP_PUT_PAGES)
		va->pages = pages;
	smp_store_release(&va->flags, (u32)flags | VM_MAP);
	return (void *)va->start;
}

static void unmap(const char *call, unsigned long addr, enum vmap_kind kind)
{
	struct vmap_area *va = vmap_area_take(addr, kind);

	if (!va) {
		vmap_area_report_bad(call, addr);
		return;
	}
	unmap_area(va);
	vmap_area_free_lazy(va);
}

void vunmap(const void *addr)
{
	if (addr)
		unmap("vunmap", (uintptr_t)addr, VMAP_MAP);
}

/* ---- devices ---- */

/* RAM that is somebody's must not get a second, uncached mapping. */
static bool is_ram(phys_addr_t start, phys_addr_t end)
{
	for (phys_addr_t pa = start; pa < end; pa += PAGE_SIZE) {
		unsigned long pfn = pa >> PAGE_SHIFT;

		if (pfn >= max_pfn)
			return false;
		if (pfn_valid(pfn) && !PageReserved(pfn_to_page(pfn)))
			return true;
	}
	return false;
}

/* The highest level whose leaves the range can begin with. */
static unsigned int best_level(phys_addr_t start, phys_addr_t end)
{
	unsigned int level = ioremap_allow_huge ? ARCH_MAX_LEAF_LEVEL : 0;

	while (level && (level + 1 >= PGTABLE_LEVELS ||
			 !IS_ALIGNED(start, pgtable_size(level)) ||
			 end - start < pgtable_size(level)))
		level--;
	return level;
}

static void *do_ioremap(phys_addr_t pa, size_t size_bytes, u64 prot,
			const void *caller)
{
	phys_addr_t start = ALIGN_DOWN(pa, PAGE_SIZE), last, end;
	unsigned int level;
	struct vmap_area *va;

	if (!size_bytes || __builtin_add_overflow(pa, size_bytes - 1, &last) ||
	    last > PTE_PFN_MASK)
		return NULL;
	end = (last | (PAGE_SIZE - 1)) + 1;
	if (WARN_ON_ONCE(is_ram(start, end)))
		return NULL;
	level = best_level(start, end);
	va = vmap_area_alloc(end - start, pgtable_size(level), VMAP_IOREMAP,
			     caller);
	if (!va)
		return NULL;
	WRITE_ONCE(va->phys, start);
	WRITE_ONCE(va->prot, prot);
	if (vmap_area_has_conflict(va)) {
		printk("ioremap: 0x%llx-0x%llx is mapped with another memory "
		       "type, asked for by %p\n",
		       (unsigned long long)start, (unsigned long long)end,
		       caller);
		vmap_area_free(va);
		return NULL;
	}
	if (map_kernel_range(va->start, va->start + (end - start), start, prot,
			     level))
		goto out_area;
	if (port->sync_kernel_mappings(va->start, va->start + (end - start)))
		goto out_unmap;
	smp_store_release(&va->flags, (u32)VM_IOREMAP);
	return (void *)(va->start + (pa - start));

out_unmap:
	unmap_area(va);
out_area:
	vmap_area_free_lazy(va);
	return NULL;
}

void *ioremap(phys_addr_t pa, size_t size_bytes)
{
	return do_ioremap(pa, size_bytes, PAGE_KERNEL_NOCACHE, CALLER);
}

void *ioremap_wc(phys_addr_t pa, size_t size_bytes)
{
	return do_ioremap(pa, size_bytes, PAGE_KERNEL_WC, CALLER);
}

void *ioremap_cache(phys_addr_t pa, size_t size_bytes)
{
	return do_ioremap(pa, size_bytes, PAGE_KERNEL, CALLER);
}

void iounmap(const void *addr)
{
	if (addr)
		unmap("iounmap", (uintptr_t)addr & PAGE_MASK, VMAP_IOREMAP);
}
