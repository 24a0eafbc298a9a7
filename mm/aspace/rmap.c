/* SPDX-License-Identifier: MIT */
/*
 * rmap.c - from a frame to every page-table entry that maps it.
 *
 * 1. Idea.  A file's page is looked for in the areas of the file's interval
 *    tree (i_mmap.c), an anonymous one in the address spaces linked to its
 *    space (anon.c): at its birthplace, and in the few areas that were moved.
 *    Where it may be, its entry is looked at with the table locked.
 * 2. Nothing is missed.  Entries move in two ways.  fork copies them to an
 *    address space that was linked, or an area that was inserted, behind the
 *    one copied from, and the walk goes in that order; mremap moves those of
 *    a table with areas_lock held, and a file's with i_mmap_lock.
 * 3. What holds still.  An area in the set with areas_lock held, or in a
 *    file's tree with i_mmap_lock held, has its tables: they are freed only
 *    after it has left both (walk.c).
 * 4. Locking.  root->lock of the family for reading (sleeps), areas_lock of
 *    one address space at a time, or the file's i_mmap_lock; then ptl.
 * 5. Failure.  None; try_lock may refuse.
 *
 * Source: Linux's Documentation/mm/process_addrs.rst.
 */
#include <quire/rmap.h>

#include "mm/aspace/anon.h"
#include "mm/aspace/internal.h"

/* ---- one entry ---- */

bool page_vma_mapped_walk(struct page_vma_mapped_walk *pvmw)
{
	struct page *table;
	pte_t pte;

	if (pvmw->pte) {
		page_vma_mapped_walk_done(pvmw);
		return false;
	}
	pvmw->pte = pte_lookup(pvmw->vma->vm_mm, pvmw->address);
	if (!pvmw->pte)
		return false;
	table = table_page(pvmw->pte);
	ptl_lock(table);
	pte = ptep_get(pvmw->pte);
	if (pte_maps_page(pte) && !pte_special(pte) &&
	    pte_pfn(pte) == page_to_pfn(pvmw->page))
		return true;
	ptl_unlock(table);
	pvmw->pte = NULL;
	return false;
}

void page_vma_mapped_walk_done(struct page_vma_mapped_walk *pvmw)
{
	if (pvmw->pte)
		ptl_unlock(table_page(pvmw->pte));
	pvmw->pte = NULL;
}

/* ---- all places ---- */

/* False: the walk ends. */
static bool visit(struct page *page, struct vm_area_struct *vma,
		  unsigned long address, struct rmap_walk_control *rwc)
{
	if (!rwc->rmap_one(page, vma, address, rwc->arg))
		return false;
	return !rwc->done || !rwc->done(page, rwc->arg);
}

/* The area that covers addr; areas_lock held. */
static struct vm_area_struct *area_at(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma = find_vma_tree(mm, addr);

	return vma && vma->vm_start <= addr ? vma : NULL;
}

static bool walk_one_mm(struct page *page, struct mm_struct *mm,
			struct rmap_walk_control *rwc)
{
	pgoff_t index = page_index(page);
	unsigned long addr = index << PAGE_SHIFT;
	struct vm_area_struct *vma;
	bool go_on = true;

	spin_lock(&mm->areas_lock);
	vma = area_at(mm, addr);
	if (vma && !vma->anon_shift && READ_ONCE(vma->anon_id))
		go_on = visit(page, vma, addr, rwc);
	if (unlikely(!RB_EMPTY_ROOT(&mm->anon_moved)))
		for (vma = anon_moved_first(mm, index); vma && go_on;
		     vma = anon_moved_next(vma, index))
			go_on = visit(page, vma,
				      (index - vma->anon_shift) << PAGE_SHIFT,
				      rwc);
	spin_unlock(&mm->areas_lock);
	return go_on;
}

static void walk_anon(struct page *page, struct rmap_walk_control *rwc)
{
	struct anon_space *space =
		anon_lock_page(page, rwc->try_lock, &rwc->contended);
	struct anon_link *link;

	if (!space)
		return;
	list_for_each_entry(link, &space->links, of_space)
		if (!walk_one_mm(page, link->mm, rwc))
			break;
	anon_unlock(space);
}

static void walk_file(struct page *page, struct rmap_walk_control *rwc)
{
	struct address_space *mapping = page_mapping(page);
	pgoff_t index = page_index(page);
	struct vm_area_struct *vma;

	if (!mapping)
		return;
	if (!rwc->try_lock) {
		spin_lock(&mapping->i_mmap_lock);
	} else if (!spin_trylock(&mapping->i_mmap_lock)) {
		rwc->contended = true;
		return;
	}
	for (vma = i_mmap_first(mapping, index, index); vma;
	     vma = i_mmap_next(vma, index, index)) {
		unsigned long addr =
			vma->vm_start + ((index - vma->vm_pgoff) << PAGE_SHIFT);

		if (!visit(page, vma, addr, rwc))
			break;
	}
	spin_unlock(&mapping->i_mmap_lock);
}

void rmap_walk(struct page *page, struct rmap_walk_control *rwc)
{
	rwc->contended = false;
	if (PageAnon(page))
		walk_anon(page, rwc);
	else
		walk_file(page, rwc);
}

/* ---- accessed bits ---- */

struct referenced {
	int nr_used, nr_found;
	unsigned long vm_flags;
};

static bool referenced_one(struct page *page, struct vm_area_struct *vma,
			   unsigned long address, void *arg)
{
	struct page_vma_mapped_walk pvmw = {page, vma, address, NULL};
	unsigned long flags = READ_ONCE(vma->vm_flags);
	struct referenced *r = arg;

	while (page_vma_mapped_walk(&pvmw)) {
		r->nr_found++;
		if (flags & VM_LOCKED)
			r->vm_flags |= flags;
		if (ptep_test_and_clear_young(pvmw.pte)) {
			r->nr_used++;
			r->vm_flags |= flags;
		}
	}
	return true;
}

static bool referenced_done(struct page *page, void *arg)
{
	const struct referenced *r = arg;

	return r->nr_found >= page_mapcount(page);
}

int page_referenced(struct page *page, bool try_lock, unsigned long *vm_flags)
{
	struct referenced r = {0};
	struct rmap_walk_control rwc = {
		.rmap_one = referenced_one,
		.done = referenced_done,
		.arg = &r,
		.try_lock = try_lock,
	};

	rmap_walk(page, &rwc);
	*vm_flags = r.vm_flags;
	return rwc.contended ? -1 : r.nr_used;
}

/* ---- dirty tracking ---- */

/*
 * Take the entry out while its translations are flushed, so that no write
 * that began under the old one is missed, and put back what remains of it.
 */
static pte_t change_entry(struct vm_area_struct *vma, unsigned long address,
			  pte_t *ptep, u64 clear)
{
	pte_t old = ptep_get_and_clear(ptep);

	if (pte_present(old))
		port->flush_tlb_range(vma->vm_mm, address, address + PAGE_SIZE,
				      false);
	set_pte(ptep, __pte(pte_val(old) & ~clear));
	return old;
}

static bool mkclean_one(struct page *page, struct vm_area_struct *vma,
			unsigned long address, void *arg)
{
	struct page_vma_mapped_walk pvmw = {page, vma, address, NULL};
	int *nr_cleaned = arg;

	if (!(READ_ONCE(vma->vm_flags) & VM_SHARED))
		return true;
	while (page_vma_mapped_walk(&pvmw)) {
		pte_t pte = ptep_get(pvmw.pte);

		if (!pte_write(pte) && !pte_dirty(pte))
			continue;
		change_entry(vma, address, pvmw.pte, _PAGE_RW | _PAGE_DIRTY);
		++*nr_cleaned;
	}
	return true;
}

int page_mkclean(struct page *page)
{
	int nr_cleaned = 0;
	struct rmap_walk_control rwc = {
		.rmap_one = mkclean_one,
		.arg = &nr_cleaned,
	};

	if (!PageAnon(page) && page_mapcount(page))
		rmap_walk(page, &rwc);
	return nr_cleaned;
}

/* ---- unmapping ---- */

static void empty_entry(struct page *page, struct vm_area_struct *vma,
			unsigned long address, pte_t *ptep)
{
	struct mm_struct *mm = vma->vm_mm;
	pte_t old = change_entry(vma, address, ptep, ~0UL);

	table_used_add(table_page(ptep), -1);
	if (pte_dirty(old))
		SetPageDirty(page);
	update_hiwater_rss(mm);
	add_mm_counter(mm, mm_counter(page), -1);
	page_remove_rmap(page);
	put_page(page); /* the entry's; the caller has another */
}

static bool unmap_one(struct page *page, struct vm_area_struct *vma,
		      unsigned long address, void *arg)
{
	struct page_vma_mapped_walk pvmw = {page, vma, address, NULL};
	const unsigned int *flags = arg;

	if ((READ_ONCE(vma->vm_flags) & VM_LOCKED) &&
	    !(*flags & TTU_IGNORE_MLOCK))
		return true;
	while (page_vma_mapped_walk(&pvmw))
		empty_entry(page, vma, address, pvmw.pte);
	return true;
}

static bool not_mapped(struct page *page, void *arg)
{
	(void)arg;
	return !page_mapcount(page);
}

bool try_to_unmap(struct page *page, unsigned int flags)
{
	struct rmap_walk_control rwc = {
		.rmap_one = unmap_one,
		.done = not_mapped,
		.arg = &flags,
	};

	if (!PageAnon(page) && page_mapcount(page))
		rmap_walk(page, &rwc);
	return !page_mapcount(page);
}

/* ---- checking ---- */

static bool count_one(struct page *page, struct vm_area_struct *vma,
		      unsigned long address, void *arg)
{
	struct page_vma_mapped_walk pvmw = {page, vma, address, NULL};
	int *nr = arg;

	while (page_vma_mapped_walk(&pvmw))
		++*nr;
	return true;
}

int rmap_count(struct page *page)
{
	int nr = 0;
	struct rmap_walk_control rwc = {.rmap_one = count_one, .arg = &nr};

	rmap_walk(page, &rwc);
	return nr;
}
