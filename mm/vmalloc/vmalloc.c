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
 *                   `-> deferred (vfree_atomic) -> the same, by a worker
 *
 * 3. Large leaves.  Where the caller allows it, as many runs of 2 MiB as fit
 *    come first, each one allocation under one leaf; the rest, and whatever
 *    could not be had in one piece, are single frames behind them.
 *
 *       5 MiB  [ 2 MiB leaf ][ 2 MiB leaf ][ 4 KiB leaves ]g
 *       pages[]  head          head          frame frame ...
 *
 *    An area is freed as a whole, so a large leaf is never split.  One 2 MiB
 *    run costs about as much as two single frames, with 1/512 of the entries.
 * 4. Frames are freed before the TLBs are flushed: only an access after
 *    vfree(), a bug anyway, could still reach them (vmap_area.c, part 2).
 *    A range that was in the tables even for a moment is freed lazily, also
 *    after a failure: a processor may have looked ahead.
 * 5. Locking.  Whoever has taken the area out owns it; no lock is needed.
 *
 * Source: Linux's Documentation/core-api/mm-api.rst.
 */
#include <quire/errno.h>
#include <quire/failure.h>
#include <quire/mm_types.h>
#include <quire/percpu.h>
#include <quire/pgtable.h>
#include <quire/port.h>
#include <quire/printk.h>
#include <quire/slab.h>
#include <quire/string.h>
#include <quire/topology.h>
#include <quire/vmalloc.h>
#include <quire/vmstat.h>
#include <quire/work.h>

#include "mm/vmalloc/vmap_area.h"

#define CALLER __builtin_return_address(0)

/* From here on it is worth asking whether it can be served at all. */
#define LARGE_PAGES 64

bool vmap_allow_huge = true;

/* What a call asks for. */
struct vmalloc_request {
	unsigned long size; /* bytes */
	unsigned long align;
	gfp_t gfp;
	u32 flags; /* VM_* */
	int nid;   /* NUMA_NO_NODE: where the caller runs */
	const void *caller;
};

/* ---- frames ---- */

static struct page *one_page(const struct vmalloc_request *rq, gfp_t gfp,
			     unsigned int order)
{
	if (rq->nid == NUMA_NO_NODE)
		return alloc_pages(gfp, order);
	return alloc_pages_node(rq->nid, gfp, order);
}

/* A light attempt: single frames are the other way. */
static struct page *large_page(const struct vmalloc_request *rq)
{
	struct page *page;

	failure_pause();
	page = one_page(rq,
			(rq->gfp | __GFP_NOWARN | __GFP_NORETRY) &
				~(__GFP_NOFAIL | __GFP_COMP),
			VMAP_LARGE_ORDER);
	failure_resume();
	return page;
}

static unsigned long single_pages(const struct vmalloc_request *rq,
				  unsigned long nr, struct page **pages)
{
	gfp_t gfp = rq->gfp & ~__GFP_COMP;
	unsigned long got = 0;

	if (rq->nid == NUMA_NO_NODE)
		return alloc_pages_bulk(gfp, nr, pages);
	while (got < nr) {
		pages[got] = one_page(rq, gfp, 0);
		if (!pages[got])
			break;
		got++;
	}
	return got;
}

static unsigned long nr_slots(const struct vmap_area *va)
{
	return va->nr_large + (va->nr_pages - va->nr_large * VMAP_LARGE_PAGES);
}

static void free_large(struct vmap_area *va)
{
	for (unsigned int i = 0; i < va->nr_large; i++)
		__free_pages(va->pages[i], VMAP_LARGE_ORDER);
}

/* Fewer large runs than hoped for: more slots are needed.  0 or -ENOMEM. */
static int grow_slots(struct vmap_area *va, unsigned int nr_large)
{
	struct page **old = va->pages;

	va->nr_large = nr_large;
	va->pages = kvzalloc(nr_slots(va) * sizeof(*old), GFP_KERNEL);
	if (va->pages)
		memcpy(va->pages, old, nr_large * sizeof(*old));
	else
		for (unsigned int i = 0; i < nr_large; i++)
			__free_pages(old[i], VMAP_LARGE_ORDER);
	kvfree(old);
	return va->pages ? 0 : -ENOMEM;
}

/* Fill va->pages; 0 or -ENOMEM, nothing taken then. */
static int alloc_frames(struct vmap_area *va, const struct vmalloc_request *rq)
{
	unsigned long nr_single, got;
	unsigned int i;

	if (rq->flags & VM_ALLOW_HUGE_VMAP)
		va->nr_large = va->nr_pages / VMAP_LARGE_PAGES;
	va->pages = kvzalloc(nr_slots(va) * sizeof(*va->pages), GFP_KERNEL);
	if (!va->pages)
		return -ENOMEM;
	for (i = 0; i < va->nr_large; i++) {
		va->pages[i] = large_page(rq);
		if (!va->pages[i])
			break;
	}
	if (i < va->nr_large && grow_slots(va, i))
		return -ENOMEM;
	nr_single = nr_slots(va) - va->nr_large;
	got = single_pages(rq, nr_single, va->pages + va->nr_large);
	if (got == nr_single)
		return 0;
	free_large(va);
	free_pages_bulk(va->pages + va->nr_large, got);
	kvfree(va->pages);
	return -ENOMEM;
}

static void free_frames(struct vmap_area *va)
{
	free_large(va);
	free_pages_bulk(va->pages + va->nr_large, nr_slots(va) - va->nr_large);
	kvfree(va->pages);
}

static void count_frames(const struct vmap_area *va, long sign)
{
	mod_pages_stat(va->pages, va->nr_large, NST_nr_vmalloc,
		       sign * (long)VMAP_LARGE_PAGES);
	mod_pages_stat(va->pages + va->nr_large, nr_slots(va) - va->nr_large,
		       NST_nr_vmalloc, sign);
}

/* ---- entries ---- */

/* Enter its pages into the tables and make the addresses work; 0, -ENOMEM. */
static int map_area(struct vmap_area *va)
{
	unsigned long end = va->start + vmap_area_bytes(va), at = va->start;
	int err = 0;

	for (unsigned int i = 0; !err && i < va->nr_large; i++) {
		phys_addr_t pa = (phys_addr_t)page_to_pfn(va->pages[i])
				 << PAGE_SHIFT;

		err = map_kernel_range(at, at + pgtable_size(1), pa,
				       PAGE_KERNEL, 1);
		if (!err)
			at += pgtable_size(1);
	}
	if (!err && at != end)
		err = map_kernel_pages(at, end, va->pages + va->nr_large,
				       PAGE_KERNEL);
	if (err) /* what failed has left nothing of its own */
		unmap_kernel_range(va->start, at);
	else if ((err = port->sync_kernel_mappings(va->start, end)))
		unmap_kernel_range(va->start, end);
	return err;
}

/* ---- vmalloc ---- */

/* Can it ever be served?  The sum of all frames is only for the large. */
static bool is_possible(const struct vmalloc_request *rq)
{
	static bool told;
	unsigned long nr = DIV_ROUND_UP(rq->size, PAGE_SIZE);

	if (!rq->size || rq->size > ~0UL - PAGE_SIZE)
		return false;
	if (nr <= LARGE_PAGES || nr <= totalram_pages())
		return true;
	if (!(rq->gfp & __GFP_NOWARN) &&
	    !__atomic_exchange_n(&told, true, __ATOMIC_RELAXED))
		printk("vmalloc error: size %lu, exceeds total pages, "
		       "asked for by %p\n",
		       rq->size, rq->caller);
	return false;
}

static void *try_vmalloc(const struct vmalloc_request *rq)
{
	unsigned long nr = DIV_ROUND_UP(rq->size, PAGE_SIZE);
	unsigned long align = max(rq->align, PAGE_SIZE);
	struct vmap_area *va;

	if (rq->flags & VM_ALLOW_HUGE_VMAP)
		align = max(align, pgtable_size(1));
	va = vmap_area_alloc(nr << PAGE_SHIFT, align, VMAP_ALLOC, rq->caller);
	if (!va)
		return NULL;
	va->nr_pages = (unsigned int)nr;
	va->requested = rq->size;
	if (alloc_frames(va, rq)) {
		va->pages = NULL;
		vmap_area_free(va);
		return NULL;
	}
	if (map_area(va)) {
		free_frames(va);
		vmap_area_free_lazy(va);
		return NULL;
	}
	/* From here on listings show its pages. */
	smp_store_release(&va->flags, rq->flags | VM_ALLOC);
	count_frames(va, 1);
	return (void *)va->start;
}

static void *do_vmalloc(struct vmalloc_request *rq)
{
	void *p;

	/* Tables and descriptors are allocated with GFP_KERNEL. */
	if (WARN_ON_ONCE(!gfpflags_allow_blocking(rq->gfp)) ||
	    !is_possible(rq) || WARN_ON_ONCE(rq->align & (rq->align - 1)))
		return NULL;
	if (rq->size < pgtable_size(1) || !vmap_allow_huge ||
	    PGTABLE_LEVELS < 3)
		rq->flags &= ~VM_ALLOW_HUGE_VMAP;
	while (unlikely(!(p = try_vmalloc(rq))) && rq->gfp & __GFP_NOFAIL)
		port->yield();
	return p;
}

#define VMALLOC(size_, gfp_, ...)                                 \
	do_vmalloc(&(struct vmalloc_request){.size = (size_),     \
					     .gfp = (gfp_),       \
					     .nid = NUMA_NO_NODE, \
					     .caller = CALLER,    \
					     ##__VA_ARGS__})

void *vmalloc(unsigned long size_bytes)
{
	return VMALLOC(size_bytes, GFP_KERNEL, .flags = VM_ALLOW_HUGE_VMAP);
}

void *vzalloc(unsigned long size_bytes)
{
	return VMALLOC(size_bytes, GFP_KERNEL | __GFP_ZERO,
		       .flags = VM_ALLOW_HUGE_VMAP);
}

void *vmalloc_on(unsigned long size_bytes, unsigned long align, gfp_t gfp,
		 int nid, u32 flags, const void *caller)
{
	struct vmalloc_request rq = {
		.size = size_bytes,
		.align = align,
		.gfp = gfp,
		.flags = flags,
		.nid = nid,
		.caller = caller,
	};

	if (WARN_ON_ONCE(nid != NUMA_NO_NODE &&
			 (nid < 0 || nid >= nr_node_ids)))
		return NULL;
	return do_vmalloc(&rq);
}

void *vmalloc_node(unsigned long size_bytes, int nid)
{
	return vmalloc_on(size_bytes, 1, GFP_KERNEL, nid, VM_ALLOW_HUGE_VMAP,
			  CALLER);
}

void *vzalloc_node(unsigned long size_bytes, int nid)
{
	return vmalloc_on(size_bytes, 1, GFP_KERNEL | __GFP_ZERO, nid,
			  VM_ALLOW_HUGE_VMAP, CALLER);
}

void *__vmalloc_node(unsigned long size_bytes, unsigned long align, gfp_t gfp,
		     int nid, const void *caller)
{
	return vmalloc_on(size_bytes, align, gfp, nid, 0, caller);
}

void *__vmalloc(unsigned long size_bytes, gfp_t gfp)
{
	return VMALLOC(size_bytes, gfp);
}

void *vmalloc_huge(unsigned long size_bytes, gfp_t gfp)
{
	return VMALLOC(size_bytes, gfp, .flags = VM_ALLOW_HUGE_VMAP);
}

void *vmalloc_user(unsigned long size_bytes)
{
	return VMALLOC(size_bytes, GFP_KERNEL | __GFP_ZERO,
		       .flags = VM_USERMAP);
}

void *vmalloc_32(unsigned long size_bytes)
{
	return VMALLOC(size_bytes, GFP_KERNEL | __GFP_DMA32);
}

void *vmalloc_32_user(unsigned long size_bytes)
{
	return VMALLOC(size_bytes, GFP_KERNEL | __GFP_DMA32 | __GFP_ZERO,
		       .flags = VM_USERMAP);
}

void *vrealloc(const void *p, size_t size_bytes, gfp_t gfp)
{
	struct vmap_area *va;
	void *new;

	if (!size_bytes) {
		vfree(p);
		return NULL;
	}
	if (!p)
		return VMALLOC(size_bytes, gfp);
	va = vmap_area_find((uintptr_t)p, VMAP_ALLOC);
	if (!va) {
		vmap_area_report_bad("vrealloc", (uintptr_t)p);
		return NULL;
	}
	if (size_bytes <= vmap_area_bytes(va)) {
		unsigned long from = min(va->requested, size_bytes);

		/* What is given up must not come back with the next growth. */
		if (gfp & __GFP_ZERO)
			memset((char *)p + from, 0,
			       max(va->requested, size_bytes) - from);
		va->requested = size_bytes;
		return (void *)p;
	}
	new = VMALLOC(size_bytes, gfp);
	if (new) {
		memcpy(new, p, va->requested);
		vfree(p);
	}
	return new;
}

/* ---- vfree ---- */

/* The entries, the frames and the range of an area that was taken. */
static void free_taken(struct vmap_area *va)
{
	unmap_kernel_range(va->start, va->start + vmap_area_bytes(va));
	if (va->kind == VMAP_ALLOC)
		count_frames(va, -1);
	free_frames(va);
	vmap_area_free_lazy(va);
}

/* What vfree() takes: a vmalloc area, or a vmap that owns its frames. */
static struct vmap_area *take_freeable(const char *call, unsigned long addr)
{
	struct vmap_area *va = vmap_area_take(addr, VMAP_ALLOC);

	if (likely(va))
		return va;
	va = vmap_area_find(addr, VMAP_MAP);
	if (va && va->flags & VM_MAP_PUT_PAGES)
		va = vmap_area_take(addr, VMAP_MAP);
	else
		va = NULL;
	if (!va)
		vmap_area_report_bad(call, addr);
	return va;
}

static void vfree_work_fn(struct mm_work *work)
{
	(void)work;
	vfree_deferred();
}

static struct mm_work vfree_work = MM_WORK_INIT(vfree_work_fn);

void vfree_deferred(void)
{
	struct vmap_area *va;

	while ((va = vmap_area_next_deferred()))
		free_taken(va);
}

void vfree_atomic(const void *addr)
{
	struct vmap_area *va;

	if (!addr)
		return;
	va = take_freeable("vfree_atomic", (uintptr_t)addr);
	if (!va)
		return;
	vmap_area_defer(va);
	mm_work_queue(&vfree_work);
}

void vfree(const void *addr)
{
	struct vmap_area *va;

	if (unlikely(in_interrupt()))
		return vfree_atomic(addr);
	if (!addr)
		return;
	va = take_freeable("vfree", (uintptr_t)addr);
	if (va)
		free_taken(va);
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

unsigned long vmalloc_to_pfn(const void *addr)
{
	struct page *page = vmalloc_to_page(addr);

	return page ? page_to_pfn(page) : 0;
}

struct vmalloc_visit {
	void (*fn)(const struct vmalloc_info *info, void *arg);
	void *arg;
};

/* Its frames by node.  They stay: freeing has to take the area first. */
static void count_nodes(const struct vmap_area *va, struct vmalloc_info *info)
{
	unsigned long nr = nr_slots(va);

	if (nr_node_ids == 1) {
		info->nr_on_node[0] = va->nr_pages;
		return;
	}
	for (unsigned long i = 0; i < nr; i++)
		info->nr_on_node[page_to_nid(va->pages[i])] +=
			i < va->nr_large ? VMAP_LARGE_PAGES : 1;
}

static void describe_area(const struct vmap_area *va, void *arg)
{
	static const char *const kinds[] = {
		[VMAP_ALLOC] = "vmalloc",
		[VMAP_MAP] = "vmap",
		[VMAP_IOREMAP] = "ioremap",
		[VMAP_PERCPU] = "percpu",
	};
	struct vmalloc_visit *visit = arg;
	struct vmalloc_info info = {
		.start = va->start,
		.size_bytes = va->end - va->start,
		.caller = va->caller,
		.phys = READ_ONCE(va->phys),
		.kind = kinds[va->kind],
	};

	/* Without flags it is still being made. */
	if (smp_load_acquire(&va->flags)) {
		info.nr_pages = va->nr_pages;
		info.nr_large = va->nr_large;
		info.is_user = va->flags & VM_USERMAP;
		if (va->pages)
			count_nodes(va, &info);
	}
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
	percpu_alloc_init();
}
