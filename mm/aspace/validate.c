/* SPDX-License-Identifier: MIT */
/*
 * validate.c - is an address space what its invariants say?
 *
 * Compares list with tree, gaps with distances (V1..V5 of vma.c), sums with
 * areas, and counters with what the page tables hold:
 *    A1  total_vm, data_vm, exec_vm, stack_vm, locked_vm are the areas' pages
 *    A2  rss_stat is the number of entries that map pages, by kind
 *    A3  pgtables_bytes is the number of tables below the root
 *    A4  every entry lies in an area and gives no right the area lacks
 *    A5  a mapped page has mapcount >= 1 and as many references at least;
 *        an exclusive one is mapped once
 *    A6  nr_used of every table (T2 of pgtable.c)
 *    N1..N3 of anon.c; mm_validate_rmap() also finds every page from its frame
 */
#include <quire/rmap.h>

#include "mm/aspace/anon.h"
#include "mm/aspace/internal.h"

struct sums {
	unsigned long total, data, exec, stack, locked;
	unsigned int nr_areas;
	long rss[NR_MM_COUNTERS];
	unsigned long nr_tables;
};

/* Is vma in the tree of moved areas? (N3) */
static bool is_in_moved(const struct vm_area_struct *vma)
{
	struct mm_struct *mm = vma->vm_mm;
	pgoff_t index = NR_PAGES(vma->vm_start) + vma->anon_shift;
	const struct vm_area_struct *found = anon_moved_first(mm, index);

	while (found && found != vma)
		found = anon_moved_next((struct vm_area_struct *)found, index);
	return found;
}

static void check_area(const struct vm_area_struct *vma,
		       const struct mm_struct *mm)
{
	const struct vm_area_struct *prev = vma_prev(vma);

	BUG_ON(vma->vm_mm != mm);
	BUG_ON(READ_ONCE(vma->vm_refcnt) != 1); /* L1, L2 of vma_lock.c */
	BUG_ON(!IS_ALIGNED(vma->vm_start | vma->vm_end, PAGE_SIZE));
	BUG_ON(vma->vm_start >= vma->vm_end || vma->vm_end > TASK_SIZE);
	BUG_ON(prev && prev->vm_end > vma->vm_start);
	BUG_ON(!vma->vm_file && (vma->vm_flags & VM_SHARED));
	BUG_ON(vma->anon_shift && !is_in_moved(vma)); /* N3 */
}

static void sum_area(const struct vm_area_struct *vma, struct sums *sums)
{
	struct mm_struct one = {0};

	vm_stat_account(&one, vma->vm_flags, (long)vma_pages(vma));
	sums->total += one.total_vm;
	sums->data += one.data_vm;
	sums->exec += one.exec_vm;
	sums->stack += one.stack_vm;
	if (vma->vm_flags & VM_LOCKED)
		sums->locked += vma_pages(vma);
	sums->nr_areas++;
}

/* Recomputing changes nothing if the value was right; rb_validate's way. */
static bool gap_is_wrong(struct rb_node *node)
{
	struct vm_area_struct *vma =
		rb_entry(node, struct vm_area_struct, vm_rb);
	const struct vm_area_struct *prev = vma_prev(vma);
	unsigned long from = prev ? prev->vm_end : 0;
	unsigned long gap =
		vm_start_gap(vma) > from ? vm_start_gap(vma) - from : 0;

	if (gap != vma->gap)
		return true;
	if (node->rb_left)
		gap = max(gap,
			  rb_entry(node->rb_left, struct vm_area_struct, vm_rb)
				  ->rb_subtree_gap);
	if (node->rb_right)
		gap = max(gap,
			  rb_entry(node->rb_right, struct vm_area_struct, vm_rb)
				  ->rb_subtree_gap);
	return gap != vma->rb_subtree_gap;
}

static void check_set(struct mm_struct *mm, struct sums *sums)
{
	struct rb_node *node = rb_first(&mm->mm_rb);
	struct vm_area_struct *vma;

	list_validate(&mm->mmap);
	for_each_vma(mm, vma) {
		vma_start_write(vma); /* faults end */
		BUG_ON(node != &vma->vm_rb);
		BUG_ON(gap_is_wrong(node));
		check_area(vma, mm);
		sum_area(vma, sums);
		node = rb_next(node);
	}
	BUG_ON(node);
	BUG_ON(sums->nr_areas != mm->map_count);
	BUG_ON(rb_validate(&mm->mm_rb, gap_is_wrong) != mm->map_count);
}

/* Is mm linked to the page's space? (N1) */
static bool knows_space(const struct mm_struct *mm, const struct page *page)
{
	const struct anon_link *link;

	list_for_each_entry(link, &mm->anon_links, of_mm)
		if (link->space == page_rmapping(page))
			return true;
	return false;
}

static void check_page(const struct page *page, pte_t pte,
		       const struct vm_area_struct *vma, unsigned long addr)
{
	BUG_ON(page_mapcount(page) < 1);
	BUG_ON(page_ref_count(page) < (unsigned int)page_mapcount(page));
	BUG_ON(PageTable(page) || PageSlab(page) || PageBuddy(page));
	if (!PageAnon(page)) {
		BUG_ON(pte_write(pte) && !(vma->vm_flags & VM_SHARED));
		return;
	}
	BUG_ON(!vma->anon_id);
	BUG_ON(!knows_space(vma->vm_mm, page));			/* N1 */
	BUG_ON(page_index(page) != anon_page_index(vma, addr)); /* N2 */
	BUG_ON(PageAnonExclusive(page) && page_mapcount(page) != 1);
	BUG_ON(pte_write(pte) && !PageAnonExclusive(page));
}

static int check_entry(pte_t *ptep, unsigned int level, unsigned long addr,
		       struct mm_struct *mm, struct sums *sums)
{
	struct vm_area_struct *vma = find_vma(mm, addr);
	pte_t pte = ptep_get(ptep);
	const struct page *page;

	BUG_ON(level);
	BUG_ON(!vma || vma->vm_start > addr);
	BUG_ON(!pte_maps_page(pte));
	BUG_ON(pte_write(pte) && !(vma->vm_flags & VM_WRITE));
	BUG_ON(pte_present(pte) && !vma_is_accessible(vma));
	BUG_ON(pte_present(pte) && !(pte_val(pte) & _PAGE_NX) &&
	       !(vma->vm_flags & VM_EXEC));
	if (pte_special(pte)) {
		BUG_ON(!is_zero_pfn(pte_pfn(pte)) || pte_write(pte));
		return 0;
	}
	page = pfn_to_page(pte_pfn(pte));
	check_page(page, pte, vma, addr);
	sums->rss[mm_counter(page)]++;
	return 0;
}

static void check_table(pte_t *table, unsigned int level, unsigned long base,
			struct mm_struct *mm, struct sums *sums)
{
	const struct page *page = table_page(table);
	unsigned int nr_used = 0;

	BUG_ON(!PageTable(page) || page->table.level != level);
	for (unsigned int i = 0; i < PTRS_PER_TABLE; i++) {
		unsigned long addr = base + i * pgtable_size(level);
		pte_t pte = ptep_get(&table[i]);

		if (addr >= TASK_SIZE)
			break; /* the kernel's half of the root */
		if (pte_none(pte))
			continue;
		nr_used++;
		if (!level) {
			check_entry(&table[i], level, addr, mm, sums);
			continue;
		}
		sums->nr_tables++;
		check_table(pte_table(pte), level - 1, addr, mm, sums);
	}
	BUG_ON(nr_used != page->table.nr_used);
}

void mm_validate(struct mm_struct *mm)
{
	struct sums sums = {0};

	check_set(mm, &sums);
	check_table(mm->pgd, PGTABLE_LEVELS - 1, 0, mm, &sums);
	BUG_ON(sums.total != mm->total_vm);
	BUG_ON(sums.data != mm->data_vm || sums.exec != mm->exec_vm);
	BUG_ON(sums.stack != mm->stack_vm || sums.locked != mm->locked_vm);
	for (int i = 0; i < NR_MM_COUNTERS; i++)
		BUG_ON(sums.rss[i] != mm->rss_stat[i]);
	BUG_ON(sums.nr_tables * PAGE_SIZE != mm->pgtables_bytes);
}

/* ---- from the frames' side ---- */

static int check_rmap(pte_t *ptep, unsigned int level, unsigned long addr,
		      void *arg)
{
	pte_t pte = ptep_get(ptep);
	struct page *page;

	(void)addr;
	(void)arg;
	if (level || !pte_maps_page(pte) || pte_special(pte))
		return 0;
	page = pfn_to_page(pte_pfn(pte));
	/* Frames of the kernel's own are known to it alone. */
	if (PageAnon(page) || page_mapping(page))
		BUG_ON(rmap_count(page) != page_mapcount(page));
	return 0;
}

void mm_validate_rmap(struct mm_struct *mm)
{
	pgtable_for_each(mm->pgd, 0, TASK_SIZE, check_rmap, NULL);
}
