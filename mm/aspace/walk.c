/* SPDX-License-Identifier: MIT */
/*
 * walk.c - makes, skips through and frees the page tables of user space.
 *
 * 1. Idea.  Upper tables are made when the first page below them is touched
 *    and freed when no area is left in the range they cover.
 * 2. Invariants.  mm->pgtables_bytes is PAGE_SIZE for each table but the
 *    root.  A leaf table's nr_used counts its non-empty entries; who fills or
 *    empties one keeps it so, under the table's ptl.
 * 3. Who may walk.  Holders of mmap_lock, for tables of areas in the set; and
 *    holders of a file's i_mmap_lock, for tables of areas in its i_mmap.
 *    Tables are therefore freed only after their areas have left both sets,
 *    and only if no neighbouring area lies in the range they cover (floor and
 *    ceiling), even when they are empty.
 * 4. Failure.  pgentry_alloc() may leave empty tables behind, which a later fault
 *    uses or munmap frees.
 */
#include "mm/aspace/mmu_gather.h"

/* Link a new table below *ptep unless someone else just did. */
static noinline bool make_table(struct mm_struct *mm, pte_t *ptep,
				unsigned int level)
{
	struct page *parent = table_page(ptep);
	struct page *child = pgtable_alloc_table(level - 1, GFP_KERNEL);

	if (!child)
		return false;
	ptl_lock(parent);
	if (likely(pte_none(ptep_get(ptep)))) {
		set_pte(ptep, pfn_pte(page_to_pfn(child), PAGE_TABLE_USER));
		table_used_add(parent, 1);
		__atomic_fetch_add(&mm->pgtables_bytes, PAGE_SIZE,
				   __ATOMIC_RELAXED);
		child = NULL;
	}
	ptl_unlock(parent);
	if (child)
		pgtable_free_table(child);
	return true;
}

/* From the entry ptep of level `from` down to level `to`. */
static pte_t *entry_below(struct mm_struct *mm, unsigned long addr, pte_t *ptep,
			  unsigned int from, unsigned int to)
{
	for (unsigned int l = from; l > to; l--) {
		if (unlikely(pte_none(ptep_get(ptep))) &&
		    !make_table(mm, ptep, l))
			return NULL;
		ptep = &pte_table(ptep_get(ptep))[pgtable_slot(addr, l - 1)];
	}
	return ptep;
}

static pte_t *pgentry_alloc_slow(struct mm_struct *mm, unsigned long addr,
				 unsigned int level)
{
	unsigned int top = PGTABLE_LEVELS - 1;

	return entry_below(mm, addr, &mm->pgd[pgtable_slot(addr, top)], top,
			   level);
}

/* The entry of level 1 for addr with four levels; NULL: no table yet. */
static pte_t *upper_entry4(struct mm_struct *mm, unsigned long addr)
{
	pte_t pte = ptep_get(&mm->pgd[pgtable_slot(addr, 3)]);

	if (pte_none(pte))
		return NULL;
	pte = ptep_get(&pte_table(pte)[pgtable_slot(addr, 2)]);
	return pte_none(pte) ? NULL : &pte_table(pte)[pgtable_slot(addr, 1)];
}

pte_t *pgentry_alloc(struct mm_struct *mm, unsigned long addr,
		     unsigned int level)
{
	if (PGTABLE_LEVELS == 4 && level == 1) {
		pte_t *ptep = upper_entry4(mm, addr);

		if (likely(ptep))
			return ptep;
	}
	return pgentry_alloc_slow(mm, addr, level);
}

pte_t *pte_alloc_below(struct mm_struct *mm, unsigned long addr, pte_t *ptep,
		       unsigned int from_level)
{
	return entry_below(mm, addr, ptep, from_level, 0);
}

pte_t *pte_search_table(struct mm_struct *mm, unsigned long *addr,
			unsigned long end)
{
	unsigned long a = *addr;

	while (a < end) {
		unsigned int level;
		pte_t *ptep = pte_walk(mm, a, &level);

		if (!level) {
			*addr = a;
			return ptep;
		}
		a = ALIGN_DOWN(a, pgtable_size(level)) + pgtable_size(level);
	}
	return NULL;
}

/* Out of the tree: it waits for the flush. */
static void remove_table(struct mmu_gather *tlb, struct page *table,
			 unsigned long addr, unsigned long size)
{
	VM_BUG_ON(table->table.nr_used);
	table->link.next = tlb->tables;
	tlb->tables = (u32)page_to_pfn(table);
	tlb->freed_tables = true;
	gather_range(tlb, addr, addr + size);
	__atomic_fetch_sub(&tlb->mm->pgtables_bytes, PAGE_SIZE,
			   __ATOMIC_RELAXED);
}

/*
 * Free the tables below this one that cover part of [start, end) and nothing
 * outside [floor, ceiling).  Depth: the number of levels.
 */
static void free_below(struct mmu_gather *tlb, pte_t *table, unsigned int level,
		       unsigned long start, unsigned long end,
		       unsigned long floor, unsigned long ceiling)
{
	struct page *parent = table_page(table);
	unsigned long size = pgtable_size(level);
	unsigned long addr = ALIGN_DOWN(start, size);

	for (; addr < end; addr += size) {
		pte_t *ptep = &table[pgtable_slot(addr, level)];
		pte_t pte = ptep_get(ptep);

		if (pte_none(pte))
			continue;
		if (level > 1)
			free_below(tlb, pte_table(pte), level - 1,
				   max(start, addr), min(end, addr + size),
				   floor, ceiling);
		if (addr < floor || addr + size > ceiling)
			continue;
		ptl_lock(parent);
		set_pte(ptep, __pte(0));
		table_used_add(parent, -1);
		ptl_unlock(parent);
		remove_table(tlb, table_page(pte_table(pte)), addr, size);
	}
}

void tlb_free_tables(struct mmu_gather *tlb, unsigned long start,
		     unsigned long end, unsigned long floor,
		     unsigned long ceiling)
{
	unsigned long size = pgtable_size(1);
	unsigned long first = ALIGN_DOWN(start, size);
	unsigned long last = ALIGN(end, size);
	unsigned int level = PGTABLE_LEVELS - 1;
	pte_t *table = tlb->mm->pgd;

	/* Quick: no leaf table lies wholly in the free range. */
	if (first < floor)
		first += size;
	if (last > ceiling)
		last -= size;
	if (first >= last)
		return;
	/* Down to where the range has several entries, or its one can go. */
	for (;; level--) {
		pte_t pte = ptep_get(&table[pgtable_slot(start, level)]);

		size = pgtable_size(level);
		first = ALIGN_DOWN(start, size);
		if (end - first > size)
			break;
		if (pte_none(pte))
			return;
		if (first >= floor && first + size <= ceiling)
			break;
		table = pte_table(pte);
	}
	free_below(tlb, table, level, start, end, floor, ceiling);
}
