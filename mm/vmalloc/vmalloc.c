/* SPDX-License-Identifier: MIT */
/*
 * vmalloc.c - memory that is contiguous in the kernel's virtual addresses.
 *
 * 1. Idea.  An area of addresses (vmap_area.c), frames from anywhere, and
 *    entries in init_pgd that join the two (mm/pgtable).  The page behind each
 *    area is never mapped, so that running over its end faults.
 * 2. Life of an area, and who may fail in it
 *
 *       vmap_area_alloc -> frames -> entries -> sync -> in use
 *            -ENOMEM       -ENOMEM   -ENOMEM   -ENOMEM
 *       in use -> taken -> entries cleared -> frames freed -> lazy -> purged
 *
 * 3. Frames are freed before the TLBs are flushed: only an access after
 *    vfree(), a bug anyway, could still reach them (vmap_area.c, part 2).
 *    A range that was in the tables even for a moment is freed lazily, also
 *    after a failure: a processor may have looked ahead.
 * 4. Locking.  Whoever has taken the area out owns it; no lock is needed.
 *
 * Source: Linux's Documentation/core-api/mm-api.rst.
 */
#include <quire/failure.h>
#include <quire/mm_types.h>
#include <quire/pgtable.h>
#include <quire/port.h>
#include <quire/printk.h>
#include <quire/slab.h>
#include <quire/vmalloc.h>
#include <quire/vmstat.h>

#include "mm/vmalloc/vmap_area.h"

#define CALLER __builtin_return_address(0)

/* From here on it is worth asking whether it can be served at all. */
#define LARGE_PAGES 64

/* Device memory is mapped with leaves of up to 2 MiB. */
#define IOREMAP_MAX_LEVEL 1

static unsigned long area_bytes(const struct vmap_area *va)
{
	return va->end - va->start - PAGE_SIZE;
}

static void report_bad(const char *call, const void *addr)
{
	printk("BUG %s: %p is not the start of such an area\n", call, addr);
}

/* Enter pages into the tables and make the addresses work; 0 or -ENOMEM. */
static int map_area_pages(struct vmap_area *va, struct page **pages, u64 prot)
{
	unsigned long end = va->start + area_bytes(va);
	int err = map_kernel_pages(va->start, end, pages, prot);

	if (err)
		return err;
	err = port->sync_kernel_mappings(va->start, end);
	if (err)
		unmap_kernel_range(va->start, end);
	return err;
}

static void unmap_area(struct vmap_area *va)
{
	unmap_kernel_range(va->start, va->start + area_bytes(va));
}

/* ---- vmalloc ---- */

static void *do_vmalloc(unsigned long size, gfp_t gfp, const void *caller)
{
	unsigned long nr = DIV_ROUND_UP(size, PAGE_SIZE), got;
	struct vmap_area *va;
	struct page **pages;

	/* More than there is can never be served; the sum is for the large. */
	if (!size || (nr > LARGE_PAGES && nr > totalram_pages()))
		return NULL;
	va = vmap_area_alloc(nr << PAGE_SHIFT, PAGE_SIZE, VMAP_ALLOC, caller);
	if (!va)
		return NULL;
	pages = kvzalloc(nr * sizeof(*pages), GFP_KERNEL);
	if (!pages) {
		vmap_area_free(va);
		return NULL;
	}
	got = alloc_pages_bulk(gfp, nr, pages);
	if (got < nr || map_area_pages(va, pages, PAGE_KERNEL)) {
		free_pages_bulk(pages, got);
		kvfree(pages);
		vmap_area_free_lazy(va);
		return NULL;
	}
	va->pages = pages;
	WRITE_ONCE(va->nr_pages, (unsigned int)nr);
	mod_pages_stat(pages, nr, NST_nr_vmalloc, 1);
	return (void *)va->start;
}

void *vmalloc(unsigned long size_bytes)
{
	return do_vmalloc(size_bytes, GFP_KERNEL, CALLER);
}

void *vzalloc(unsigned long size_bytes)
{
	return do_vmalloc(size_bytes, GFP_KERNEL | __GFP_ZERO, CALLER);
}

void *__vmalloc(unsigned long size_bytes, gfp_t gfp)
{
	/* Tables and descriptors are allocated with GFP_KERNEL. */
	if (WARN_ON_ONCE(!gfpflags_allow_blocking(gfp)))
		return NULL;
	return do_vmalloc(size_bytes, gfp, CALLER);
}

void vfree(const void *addr)
{
	struct vmap_area *va;

	if (!addr)
		return;
	va = vmap_area_take((uintptr_t)addr, VMAP_ALLOC);
	if (!va) {
		report_bad("vfree", addr);
		return;
	}
	unmap_area(va);
	mod_pages_stat(va->pages, va->nr_pages, NST_nr_vmalloc, -1);
	free_pages_bulk(va->pages, va->nr_pages);
	kvfree(va->pages);
	vmap_area_free_lazy(va);
}

/* ---- mapping what is there ---- */

void *vmap(struct page **pages, unsigned int count, unsigned long flags,
	   u64 pgprot)
{
	struct vmap_area *va;

	if (!count || flags & ~VM_MAP)
		return NULL;
	va = vmap_area_alloc((unsigned long)count << PAGE_SHIFT, PAGE_SIZE,
			     VMAP_MAP, CALLER);
	if (!va)
		return NULL;
	if (map_area_pages(va, pages, pgprot)) {
		vmap_area_free_lazy(va);
		return NULL;
	}
	WRITE_ONCE(va->nr_pages, count);
	return (void *)va->start;
}

void vunmap(const void *addr)
{
	struct vmap_area *va;

	if (!addr)
		return;
	va = vmap_area_take((uintptr_t)addr, VMAP_MAP);
	if (!va) {
		report_bad("vunmap", addr);
		return;
	}
	unmap_area(va);
	vmap_area_free_lazy(va);
}

/* RAM that is somebody's must not get a second, uncached mapping. */
static bool is_ram(phys_addr_t start, phys_addr_t end)
{
	for (phys_addr_t pa = start; pa < end; pa += PAGE_SIZE) {
		unsigned long pfn = pa >> PAGE_SHIFT;

		if (pfn_valid(pfn) && !PageReserved(pfn_to_page(pfn)))
			return true;
	}
	return false;
}

void *ioremap(phys_addr_t pa, size_t size_bytes)
{
	phys_addr_t start = ALIGN_DOWN(pa, PAGE_SIZE), last, end;
	unsigned long large = pgtable_size(IOREMAP_MAX_LEVEL);
	unsigned long align = PAGE_SIZE;
	struct vmap_area *va;

	if (!size_bytes || __builtin_add_overflow(pa, size_bytes - 1, &last) ||
	    last > PTE_PFN_MASK)
		return NULL;
	end = (last | (PAGE_SIZE - 1)) + 1;
	if (WARN_ON_ONCE(is_ram(start, end)))
		return NULL;
	if (IS_ALIGNED(start, large) && end - start >= large)
		align = large;
	va = vmap_area_alloc(end - start, align, VMAP_IOREMAP, CALLER);
	if (!va)
		return NULL;
	WRITE_ONCE(va->phys, start);
	if (map_kernel_range(va->start, va->start + (end - start), start,
			     PAGE_KERNEL_NOCACHE, IOREMAP_MAX_LEVEL))
		goto out_area;
	if (port->sync_kernel_mappings(va->start, va->start + (end - start)))
		goto out_unmap;
	return (void *)(va->start + (pa - start));

out_unmap:
	unmap_area(va);
out_area:
	vmap_area_free_lazy(va);
	return NULL;
}

void iounmap(const void *addr)
{
	struct vmap_area *va;

	if (!addr)
		return;
	va = vmap_area_take((uintptr_t)addr & PAGE_MASK, VMAP_IOREMAP);
	if (!va) {
		report_bad("iounmap", addr);
		return;
	}
	unmap_area(va);
	vmap_area_free_lazy(va);
}

/* ---- looking ---- */

bool is_vmalloc_addr(const void *addr)
{
	return (uintptr_t)addr >= VMALLOC_START &&
	       (uintptr_t)addr < VMALLOC_END;
}

struct page *vmalloc_to_page(const void *addr)
{
	unsigned int level;
	unsigned long pfn;
	pte_t pte;

	if (!is_vmalloc_addr(addr))
		return NULL;
	pte = ptep_get(pgtable_lookup(init_pgd, (uintptr_t)addr, &level));
	if (!pte_present(pte))
		return NULL;
	pfn = pte_pfn(pte) +
	      (((uintptr_t)addr & (pgtable_size(level) - 1)) >> PAGE_SHIFT);
	return pfn_valid(pfn) ? pfn_to_page(pfn) : NULL;
}

struct vmalloc_visit {
	void (*fn)(const struct vmalloc_info *info, void *arg);
	void *arg;
};

static void describe_area(const struct vmap_area *va, void *arg)
{
	struct vmalloc_visit *visit = arg;
	struct vmalloc_info info = {
		.start = va->start,
		.size_bytes = va->end - va->start,
		.caller = va->caller,
		.nr_pages = READ_ONCE(va->nr_pages),
		.phys = READ_ONCE(va->phys),
		.kind = va->kind == VMAP_ALLOC ? "vmalloc"
			: va->kind == VMAP_MAP ? "vmap"
					       : "ioremap",
	};

	visit->fn(&info, visit->arg);
}

void vmalloc_for_each_info(void (*fn)(const struct vmalloc_info *info,
				      void *arg),
			   void *arg)
{
	struct vmalloc_visit visit = {fn, arg};

	vmap_area_for_each(describe_area, &visit);
}

void vmalloc_validate(void)
{
	vmap_area_validate();
}

void vmalloc_init(void)
{
	vmap_area_init();
}

/* ---- either kind ---- */

void *kvmalloc(size_t size, gfp_t gfp)
{
	void *p;

	if (size <= PAGE_SIZE || !gfpflags_allow_blocking(gfp))
		return __kmalloc(size, gfp);
	if (should_fail() && !(gfp & __GFP_NOFAIL))
		return NULL;
	/* A light attempt: there is another way. */
	failure_pause();
	p = __kmalloc(size, (gfp | __GFP_NOWARN | __GFP_NORETRY) &
				    ~(__GFP_NOFAIL | __GFP_DIRECT_RECLAIM));
	failure_resume();
	return p ? p : do_vmalloc(size, gfp, CALLER);
}

void *kvzalloc(size_t size, gfp_t gfp)
{
	return kvmalloc(size, gfp | __GFP_ZERO);
}

void kvfree(const void *p)
{
	if (is_vmalloc_addr(p))
		vfree(p);
	else
		kfree(p);
}
