/* SPDX-License-Identifier: MIT */
/*
 * zap.c - empties page-table entries and gives back what they mapped.
 *
 * 1. Idea.  One pass over the entries of a leaf table under its lock takes
 *    them out and notes the frames; one TLB flush follows; then the frames go
 *    back in one call.  Sums (rss, mapped pages) are kept in registers during
 *    the pass and added once.
 * 2. Who owns a frame.  An anonymous page that is mapped once and has one
 *    reference belongs to the entry in hand alone: nobody else can find it
 *    while the table is locked, so its counts change without atomic
 *    operations, and after the flush it is freed without looking again.
 * 3. Flush.  Only if an entry that was present was emptied, only its range.
 *    While a gather is under way a frame keeps its reference.
 * 4. Locking.  mmap_lock for reading at least, or the i_mmap_lock of the
 *    area's file; takes ptl.
 * 5. Failure.  None.  A larger batch is asked for without blocking; without
 *    it there are more flushes.
 *
 * Source: Linux's Documentation/core-api/cachetlb.rst.
 */
#include "mm/aspace/mmu_gather.h"

#define BATCH_PAGE (PAGE_SIZE / sizeof(struct page *))

/*
 * Drop one reference to each page and free, in one call, those that have no
 * other.  A count of one is ours, and cannot be raised by anyone else.
 */
static void release_pages(struct page **pages, unsigned int nr)
{
	unsigned int nr_free = 0;

	for (unsigned int i = 0; i < nr; i++) {
		struct page *page = pages[i];

		if (page_ref_count(page) != 1 &&
		    __atomic_sub_fetch(&page->_refcount, 1, __ATOMIC_ACQ_REL))
			continue;
		WRITE_ONCE(page->_refcount, 1);
		pages[nr_free++] = page;
	}
	if (nr_free)
		free_pages_bulk(pages, nr_free);
}

void tlb_flush_mmu(struct mmu_gather *tlb)
{
	if (tlb->need_flush || tlb->freed_tables)
		port->flush_tlb_range(tlb->mm, tlb->start, tlb->end,
				      tlb->freed_tables);
	if (tlb->nr)
		release_pages(tlb->pages, tlb->nr);
	while (tlb->tables != PFN_NIL) {
		struct page *table = pfn_to_page(tlb->tables);

		tlb->tables = table->link.next;
		pgtable_free_table(table);
	}
	tlb->nr = 0;
	tlb->need_flush = false;
	tlb->freed_tables = false;
	tlb->start = ~0UL;
	tlb->end = 0;
}

void tlb_finish_gathered(struct mmu_gather *tlb)
{
	tlb_flush_mmu(tlb);
	if (tlb->pages != tlb->local)
		free_page((unsigned long)tlb->pages);
}

/* The local batch is full: is there a page for a larger one? */
static bool gather_grow(struct mmu_gather *tlb)
{
	struct page **pages;

	if (tlb->pages != tlb->local || tlb->no_batch)
		return false;
	pages = (struct page **)__get_free_pages(GFP_NOWAIT, 0);
	if (!pages) {
		tlb->no_batch = true;
		return false;
	}
	memcpy(pages, tlb->local, sizeof(tlb->local));
	tlb->pages = pages;
	tlb->max = BATCH_PAGE;
	return true;
}

/* ---- one leaf table ---- */

/* What one pass has changed, added to the counters at its end. */
struct zap_sums {
	long anon_rss, file_rss, shmem_rss;
	/* Pages of the node that no entry maps any more. */
	int nid;
	long anon, mapped;
};

static void add_node_sums(const struct zap_sums *sums)
{
	if (sums->anon)
		mod_node_stat(sums->nid, NST_nr_anon_pages, sums->anon);
	if (sums->mapped)
		mod_node_stat(sums->nid, NST_nr_mapped, sums->mapped);
}

/* Neighbours are mostly of one node: its sums are added when it changes. */
static __always_inline void sum_node_of(struct zap_sums *sums,
					const struct page *page)
{
	int nid = page_to_nid(page);

	if (likely(nid == sums->nid))
		return;
	add_node_sums(sums);
	sums->nid = nid;
	sums->anon = sums->mapped = 0;
}

static void zap_anon_page(struct page *page, struct zap_sums *sums)
{
	sums->anon_rss--;
	if (likely(READ_ONCE(page->_mapcount) == 0)) {
		/* Ours alone (2). */
		WRITE_ONCE(page->_mapcount, -1);
		sums->anon--;
	} else if (__atomic_sub_fetch(&page->_mapcount, 1, __ATOMIC_RELAXED) <
		   0) {
		sums->anon--;
	}
}

static void zap_file_page(struct page *page, pte_t pte, struct zap_sums *sums)
{
	if (mm_counter_file(page) == MM_SHMEMPAGES)
		sums->shmem_rss--;
	else
		sums->file_rss--;
	if (pte_dirty(pte) && !PageDirty(page))
		SetPageDirty(page);
	if (__atomic_sub_fetch(&page->_mapcount, 1, __ATOMIC_RELAXED) < 0)
		sums->mapped--;
}

static void add_sums(struct mm_struct *mm, const struct zap_sums *sums)
{
	if (sums->anon_rss)
		add_mm_counter(mm, MM_ANONPAGES, sums->anon_rss);
	if (sums->file_rss)
		add_mm_counter(mm, MM_FILEPAGES, sums->file_rss);
	if (sums->shmem_rss)
		add_mm_counter(mm, MM_SHMEMPAGES, sums->shmem_rss);
	add_node_sums(sums);
}

/*
 * Empty the entries of [addr, end), all in one table, until the gather is
 * full.  The address reached.
 */
static unsigned long zap_table(struct mmu_gather *tlb, pte_t *ptep,
			       unsigned long addr, unsigned long end,
			       bool even_cows)
{
	struct page *table = table_page(ptep);
	struct zap_sums sums = {0};
	unsigned long start = addr;
	unsigned int emptied = 0;
	u64 seen = 0;

	ptl_lock(table);
	/*
	 * Nothing in it?  Asked with the lock held: truncation must not miss
	 * what a fault has just put in.
	 */
	if (table_is_empty(table)) {
		ptl_unlock(table);
		return end;
	}
	for (; addr != end; addr += PAGE_SIZE, ptep++) {
		pte_t pte = ptep_get(ptep);
		struct page *page;
		bool anon;

		if (pte_none(pte))
			continue;
		if (pte_special(pte)) {
			set_pte(ptep, __pte(0));
			seen |= pte_val(pte);
			emptied++;
			continue;
		}
		page = pfn_to_page(pte_pfn(pte));
		anon = PageAnon(page);
		if (!even_cows && anon)
			continue;
		if (unlikely(tlb->nr == tlb->max) && !gather_grow(tlb))
			break;
		if (tlb->fullmm)
			ptep->v = 0;
		else
			pte = ptep_get_and_clear(ptep);
		seen |= pte_val(pte);
		emptied++;
		sum_node_of(&sums, page);
		if (likely(anon))
			zap_anon_page(page, &sums);
		else
			zap_file_page(page, pte, &sums);
		tlb->pages[tlb->nr++] = page;
	}
	table_used_add(table, -(int)emptied);
	ptl_unlock(table);
	if (emptied) {
		update_hiwater_rss(tlb->mm);
		if (seen & _PAGE_PRESENT)
			tlb->need_flush = true;
		gather_range(tlb, start, addr);
		add_sums(tlb->mm, &sums);
	}
	return addr;
}

void unmap_area(struct mmu_gather *tlb, struct vm_area_struct *vma,
		unsigned long start, unsigned long end, bool even_cows)
{
	pte_t *ptep;

	VM_BUG_ON(start < vma->vm_start || end > vma->vm_end);
	while ((ptep = pte_next_table(tlb->mm, &start, end)) != NULL) {
		unsigned long stop = pte_table_end(start, end);

		start = zap_table(tlb, ptep, start, stop, even_cows);
		if (start != stop)
			tlb_flush_mmu(tlb);
	}
}

void zap_page_range(struct vm_area_struct *vma, unsigned long start,
		    unsigned long end)
{
	struct mmu_gather tlb;

	tlb_gather_mmu(&tlb, vma->vm_mm);
	unmap_area(&tlb, vma, start, end, true);
	tlb_finish_mmu(&tlb);
}

/* ---- from the file's side ---- */

void unmap_mapping_pages(struct address_space *mapping, pgoff_t start,
			 pgoff_t nr, bool even_cows)
{
	pgoff_t last = nr ? start + nr - 1 : ~0UL;
	struct vm_area_struct *vma;

	if (last < start)
		last = ~0UL;
	spin_lock(&mapping->i_mmap_lock);
	for (vma = i_mmap_first(mapping, start, last); vma;
	     vma = i_mmap_next(vma, start, last)) {
		pgoff_t from = max(start, vma->vm_pgoff) - vma->vm_pgoff;
		pgoff_t to = min(last - vma->vm_pgoff, vma_pages(vma) - 1);
		struct mmu_gather tlb;

		tlb_gather_mmu(&tlb, vma->vm_mm);
		unmap_area(&tlb, vma, vma->vm_start + (from << PAGE_SHIFT),
			   vma->vm_start + ((to + 1) << PAGE_SHIFT), even_cows);
		tlb_finish_mmu(&tlb);
	}
	spin_unlock(&mapping->i_mmap_lock);
}
