/* SPDX-License-Identifier: MIT */
/*
 * pagemap.c - what each page of an address space is mapped to, and how often
 * each frame is mapped and for what: /proc/PID/pagemap, kpagecount, kpageflags; and
 *	clear_refs.
 *
 * 1. An entry of pagemap
 *
 *	63      62   61    56         55          54..0
 *	present swap file  exclusive  soft-dirty  frame, 0 for who may not know
 *
 *    "file" also says shared anonymous memory, "exclusive" that no other entry
 *    maps the frame.
 * 2. kpageflags translates descriptors into Linux's published bits; what we do
 *    not keep is 0.
 * 3. Locking.  mmap_lock for reading, a table's lock for its entries.  Frames
 *    are looked at without any: they may change meanwhile.
 *
 * 4. clear_refs forgets which pages were used; soft-dirty bits are not kept.
 *
 * Sources: Linux's Documentation/admin-guide/mm/pagemap.rst, proc(5).
 */
#include <quire/errno.h>
#include <quire/mm.h>
#include <quire/pgtable.h>
#include <quire/port.h>
#include <quire/show.h>
#include <quire/string.h>

#define PM_SOFT_DIRTY	  (1UL << 55)
#define PM_MMAP_EXCLUSIVE (1UL << 56)
#define PM_FILE		  (1UL << 61)
#define PM_PRESENT	  (1UL << 63)

struct walk {
	unsigned long start;
	u64 *entries;
	bool show_pfn;
};

static u64 describe(pte_t pte, bool show_pfn)
{
	u64 entry = PM_PRESENT;
	const struct page *page;

	if (show_pfn)
		entry |= pte_pfn(pte);
	if (pte_special(pte))
		return entry;
	page = pfn_to_page(pte_pfn(pte));
	if (!PageAnon(page))
		entry |= PM_FILE;
	if (page_mapcount(page) == 1)
		entry |= PM_MMAP_EXCLUSIVE;
	return entry;
}

static int put_entry(pte_t *ptep, unsigned int level, unsigned long addr,
		     void *arg)
{
	struct page *table = table_page(ptep);
	struct walk *walk = arg;
	pte_t pte;

	(void)level;
	ptl_lock(table);
	pte = ptep_get(ptep);
	if (pte_maps_page(pte))
		walk->entries[(addr - walk->start) >> PAGE_SHIFT] |=
			describe(pte, walk->show_pfn);
	ptl_unlock(table);
	return 0;
}

void pid_pagemap(struct mm_struct *mm, unsigned long start, unsigned long nr,
		 u64 *entries, bool show_pfn)
{
	unsigned long end = start + (nr << PAGE_SHIFT);
	struct walk walk = {start, entries, show_pfn};
	struct vm_area_struct *vma;

	memset(entries, 0, nr * sizeof(*entries));
	mmap_read_lock(mm);
	for (vma = find_vma(mm, start); vma && vma->vm_start < end;
	     vma = find_vma(mm, vma->vm_end)) {
		unsigned long from = max(start, vma->vm_start);
		unsigned long to = min(end, vma->vm_end);

		if (vma->vm_flags & VM_SOFTDIRTY)
			for (unsigned long a = from; a < to; a += PAGE_SIZE)
				entries[(a - start) >> PAGE_SHIFT] =
					PM_SOFT_DIRTY;
		pgtable_for_each(mm->pgd, from, to, put_entry, &walk);
	}
	mmap_read_unlock(mm);
}

/* ---- clear_refs ---- */

struct clearing {
	enum clear_refs what;
};

static int clear_entry(pte_t *ptep, unsigned int level, unsigned long addr,
		       void *arg)
{
	const struct clearing *c = arg;
	struct page *table = table_page(ptep), *page;
	pte_t pte;

	(void)level;
	(void)addr;
	ptl_lock(table);
	pte = ptep_get(ptep);
	if (pte_maps_page(pte) && !pte_special(pte)) {
		page = pfn_to_page(pte_pfn(pte));
		if (c->what == CLEAR_REFS_ALL ||
		    PageAnon(page) == (c->what == CLEAR_REFS_ANON)) {
			ptep_test_and_clear_young(ptep);
			ClearPageReferenced(page);
		}
	}
	ptl_unlock(table);
	return 0;
}

int pid_clear_refs(struct mm_struct *mm, enum clear_refs what)
{
	struct clearing c = {what};
	struct vm_area_struct *vma;

	if (what == CLEAR_REFS_MM_HIWATER_RSS) {
		mmap_write_lock(mm);
		mm->hiwater_rss = get_mm_rss(mm);
		mmap_write_unlock(mm);
		return 0;
	}
	if (what < CLEAR_REFS_ALL || what > CLEAR_REFS_MAPPED)
		return -EINVAL;
	mmap_read_lock(mm);
	for_each_vma(mm, vma) {
		pgtable_for_each(mm->pgd, vma->vm_start, vma->vm_end,
				 clear_entry, &c);
		/* From now on the processors note each use again. */
		port->flush_tlb_range(mm, vma->vm_start, vma->vm_end, false);
	}
	mmap_read_unlock(mm);
	return 0;
}

/* ---- frames ---- */

u64 frame_mapcount(unsigned long pfn)
{
	const struct page *page;

	if (!pfn_valid(pfn))
		return 0;
	page = pfn_to_page(pfn);
	/* Only users' frames count mappings in that word. */
	if (!page_rmapping(page) || PageSlab(page) || PageTable(page) ||
	    PageBuddy(page))
		return 0;
	return (u64)max(page_mapcount(page), 0);
}

enum {
	KPF_LOCKED,
	KPF_ERROR,
	KPF_REFERENCED,
	KPF_UPTODATE,
	KPF_DIRTY,
	KPF_LRU,
	KPF_ACTIVE,
	KPF_SLAB,
	KPF_BUDDY = 10,
	KPF_MMAP,
	KPF_ANON,
	KPF_SWAPBACKED = 14,
	KPF_COMPOUND_HEAD,
	KPF_COMPOUND_TAIL,
	KPF_NOPAGE = 20,
	KPF_PGTABLE = 26,
	KPF_RESERVED = 32,
};

static u64 bit(bool set, unsigned int nr)
{
	return (u64)set << nr;
}

u64 frame_flags(unsigned long pfn)
{
	const struct page *page;

	if (!pfn_valid(pfn))
		return bit(true, KPF_NOPAGE);
	page = pfn_to_page(pfn);
	if (PageBuddy(page))
		return bit(true, KPF_BUDDY);
	return bit(PageReferenced(page), KPF_REFERENCED) |
	       bit(PageUptodate(page), KPF_UPTODATE) |
	       bit(PageDirty(page), KPF_DIRTY) | bit(PageLRU(page), KPF_LRU) |
	       bit(PageActive(page), KPF_ACTIVE) |
	       bit(PageSlab(page), KPF_SLAB) |
	       bit(frame_mapcount(pfn) > 0, KPF_MMAP) |
	       bit(frame_mapcount(pfn) && PageAnon(page), KPF_ANON) |
	       bit(PageSwapBacked(page), KPF_SWAPBACKED) |
	       bit(PageHead(page), KPF_COMPOUND_HEAD) |
	       bit(PageTail(page), KPF_COMPOUND_TAIL) |
	       bit(PageTable(page), KPF_PGTABLE) |
	       bit(PageReserved(page), KPF_RESERVED);
}
