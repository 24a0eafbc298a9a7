/* SPDX-License-Identifier: MIT */
/*
 * vmap_check.c - does the page table say what the areas say?
 *
 * 1. Idea.  A walk over the leaves of an area expects each right behind the
 *    one before, from the area's start to its guard page, with the frames that
 *    the area names in this order.  vmalloc's areas know where their large
 *    leaves are; device memory knows its first frame and its type; frames of
 *    vmap()'s caller are known only if they were given away.
 * 2. Locking.  An area in use changes neither its pages nor their entries, and
 *    what is between areas is nobody's: vmap_state.lock, which the caller
 *    holds, keeps both so.
 */
#include <quire/mm_types.h>
#include <quire/pgtable.h>

#include "mm/vmalloc/vmap_area.h"

struct check {
	const struct vmap_area *va;
	unsigned long at; /* the next leaf must begin here */
	const char *why;
};

/* The frame of the area's k-th page. */
static unsigned long frame_of(const struct vmap_area *va, unsigned long k)
{
	unsigned long nr_in_large = va->nr_large * VMAP_LARGE_PAGES;

	if (va->kind == VMAP_IOREMAP)
		return (va->phys >> PAGE_SHIFT) + k;
	if (k < nr_in_large)
		return page_to_pfn(va->pages[k / VMAP_LARGE_PAGES]) +
		       k % VMAP_LARGE_PAGES;
	return page_to_pfn(va->pages[va->nr_large + k - nr_in_large]);
}

static u64 prot_of(const struct vmap_area *va)
{
	return va->kind == VMAP_IOREMAP ? va->prot : PAGE_KERNEL;
}

static const char *check_leaf(const struct check *c, pte_t pte,
			      unsigned int level, unsigned long addr)
{
	const u64 types = _PAGE_RW | _PAGE_PWT | _PAGE_PCD | _PAGE_NX;
	const struct vmap_area *va = c->va;
	unsigned long k = (addr - va->start) >> PAGE_SHIFT;

	if (addr != c->at)
		return "a page of an area is not mapped";
	if (addr + pgtable_size(level) > va->end - PAGE_SIZE)
		return "a leaf reaches beyond its area";
	if (va->kind == VMAP_ALLOC &&
	    level != (k < va->nr_large * VMAP_LARGE_PAGES))
		return "a leaf is of the wrong size";
	if (va->kind != VMAP_MAP && (pte_val(pte) ^ prot_of(va)) & types)
		return "a leaf has the wrong permissions";
	if (va->kind != VMAP_IOREMAP && !va->pages)
		return NULL;
	for (unsigned long i = 0; i < pgtable_size(level) >> PAGE_SHIFT; i++)
		if (pte_pfn(pte) + i != frame_of(va, k + i))
			return "a page is mapped to another frame";
	return NULL;
}

static int visit_leaf(pte_t *ptep, unsigned int level, unsigned long addr,
		      void *arg)
{
	struct check *c = arg;

	c->why = check_leaf(c, ptep_get(ptep), level, addr);
	c->at = addr + pgtable_size(level);
	return c->why != NULL;
}

const char *vmap_check_area(const struct vmap_area *va)
{
	unsigned long end = va->end - PAGE_SIZE;
	struct check c = {.va = va, .at = va->start};

	pgtable_for_each(init_pgd, va->start, end, visit_leaf, &c);
	if (!c.why && c.at != end)
		c.why = "the end of an area is not mapped";
	return c.why;
}

static int stop_at_leaf(pte_t *ptep, unsigned int level, unsigned long addr,
			void *arg)
{
	(void)ptep;
	(void)level;
	(void)addr;
	(void)arg;
	return 1;
}

const char *vmap_check_unmapped(unsigned long start, unsigned long end)
{
	if (pgtable_for_each(init_pgd, start, end, stop_at_leaf, NULL))
		return "something is mapped where nothing may be";
	return NULL;
}
