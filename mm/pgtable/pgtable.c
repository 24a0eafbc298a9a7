/* SPDX-License-Identifier: MIT */
/*
 * pgtable.c - makes, fills, walks and frees page tables of any depth.
 *
 * 1. Idea.  A table of every level is one frame of PTRS_PER_TABLE entries, so
 *    one loop over levels serves all geometries: nothing here knows how many
 *    levels there are until it runs.  Level 0 holds the 4 KiB leaves.
 *
 *        root (level PGTABLE_LEVELS - 1)
 *         +-- entry -> table of the next level ... -> level 0: 4 KiB leaves
 *         +-- entry = leaf of pgtable_size(level) bytes (_PAGE_PSE)
 *
 * 2. Invariants, checked by pgtable_validate() and named in the tests.
 *    T1  a table's frame has PG_table set and knows its level
 *    T2  table.nr_used is the number of its entries that are not empty; in a
 *        user root only the user part counts
 *    T3  an entry above level 0 that is present and no leaf points to a table
 *        of the next lower level
 * 3. Locking.  An entry changes from or to empty under its table's ptl; an
 *    upper ptl may be held when a lower one is taken.  Walks take no lock:
 *    the caller keeps the tables alive.  A table is filled before the entry
 *    that points to it is stored with release order.
 * 4. Kernel tables stay when they are empty; one is freed only when a large
 *    leaf takes its place (drop_empty_table()), and every top-level entry of the vmalloc
 *    range is made by pgtable_init(), so that roots made later share all of
 *    them by copying entries once (port->pgd_init).
 * 5. Failure.  Only tables are allocated.  Tables made before a failure stay
 *    linked and empty; the next attempt finds them.
 *
 * Sources: Intel SDM volume 3A chapter 4; AMD APM volume 2 chapter 5.
 */
#include "mm/pgtable/internal.h"

#include <quire/errno.h>
#include <quire/failure.h>
#include <quire/port.h>
#include <quire/printk.h>
#include <quire/vmstat.h>

pte_t *init_pgd;

static unsigned int top_level(void)
{
	return PGTABLE_LEVELS - 1;
}

/* The last byte covered by the entry of this level that covers addr. */
static unsigned long entry_last(unsigned long addr, unsigned int level)
{
	return addr | (pgtable_size(level) - 1);
}

static bool points_to_table(pte_t pte, unsigned int level)
{
	return level > 0 && pte_present(pte) && !pte_leaf(pte);
}

static void table_page_setup(struct page *page, unsigned int level)
{
	page->ptl.locked = 0;
	page->mapping_index = 0;
	page->table.level = (u16)level;
	page->table.nr_used = 0;
	SetPageTable(page);
}

struct page *pgtable_alloc_table(unsigned int level, gfp_t gfp)
{
	struct page *page = spare_table_take();

	if (likely(page)) {
		if (unlikely(should_fail()) && !(gfp & __GFP_NOFAIL)) {
			table_page_release(page);
			return NULL;
		}
		page->table.level = (u16)level;
	} else {
		page = alloc_page(gfp | __GFP_ZERO);
		if (!page)
			return NULL;
		table_page_setup(page, level);
	}
	mod_page_stat(page, NST_nr_page_table_pages, 1);
	return page;
}

void table_page_release(struct page *page)
{
	ClearPageTable(page);
	page->mapping_index = 0;
	page_mapcount_reset(page);
	__free_page(page);
}

/* A root keeps entries of the kernel's; all others end as zeros. */
static bool ends_zeroed(const struct page *page)
{
	return page->table.level < top_level();
}

void pgtable_free_table(struct page *page)
{
	/* Something still maps through it: leaking beats corrupting. */
	if (WARN_ON_ONCE(!PageTable(page)) || WARN_ON_ONCE(page->table.nr_used))
		return;
	mod_page_stat(page, NST_nr_page_table_pages, -1);
	if (!ends_zeroed(page) || !spare_table_keep(page))
		table_page_release(page);
}

pte_t *pgd_alloc(gfp_t gfp)
{
	struct page *page = pgtable_alloc_table(top_level(), gfp);
	pte_t *pgd;

	if (!page)
		return NULL;
	pgd = page_address(page);
	port->pgd_init(pgd);
	return pgd;
}

void pgd_free(pte_t *pgd)
{
	VM_BUG_ON(pgd == init_pgd);
	pgtable_free_table(table_page(pgd));
}

pte_t *pgtable_lookup(pte_t *root, unsigned long addr, unsigned int *level)
{
	unsigned int l = top_level();
	pte_t *table = root;

	for (;;) {
		pte_t *ptep = &table[pgtable_slot(addr, l)];
		pte_t pte = ptep_get(ptep);

		if (!points_to_table(pte, l)) {
			*level = l;
			return ptep;
		}
		table = pte_table(pte);
		l--;
	}
}

/* Fill the empty entry of this level with a new table; 0 or -ENOMEM. */
static noinline int fill_entry(pte_t *ptep, unsigned long addr,
			       unsigned int level, gfp_t gfp)
{
	struct page *parent = table_page(ptep);
	struct page *child = pgtable_alloc_table(level - 1, gfp);
	u64 prot = addr < TASK_SIZE ? PAGE_TABLE_USER : PAGE_TABLE_KERNEL;

	if (!child)
		return -ENOMEM;
	ptl_lock(parent);
	if (likely(pte_none(ptep_get(ptep)))) {
		set_pte(ptep, pfn_pte(page_to_pfn(child), prot));
		parent->table.nr_used++;
		child = NULL;
	}
	ptl_unlock(parent);
	if (child) /* someone else was first: use theirs */
		pgtable_free_table(child);
	return 0;
}

pte_t *pgtable_get(pte_t *root, unsigned long addr, unsigned int level,
		   gfp_t gfp)
{
	pte_t *table = root;

	for (unsigned int l = top_level(); l > level; l--) {
		pte_t *ptep = &table[pgtable_slot(addr, l)];
		pte_t pte = ptep_get(ptep);

		if (unlikely(pte_none(pte))) {
			if (fill_entry(ptep, addr, l, gfp))
				return NULL;
			pte = ptep_get(ptep);
		}
		if (unlikely(!points_to_table(pte, l)))
			return NULL;
		table = pte_table(pte);
	}
	return &table[pgtable_slot(addr, level)];
}

struct walk {
	unsigned long last; /* last byte of the range */
	int (*fn)(pte_t *ptep, unsigned int level, unsigned long addr,
		  void *arg);
	void *arg;
};

/* Recursion is as deep as the tables: at most five. */
static int walk_table(pte_t *table, unsigned int level, unsigned long addr,
		      unsigned long last, const struct walk *w)
{
	for (;;) {
		pte_t *ptep = &table[pgtable_slot(addr, level)];
		unsigned long entry_end = min(entry_last(addr, level), last);
		pte_t pte = ptep_get(ptep);
		int ret = 0;

		if (points_to_table(pte, level))
			ret = walk_table(pte_table(pte), level - 1, addr,
					 entry_end, w);
		else if (!pte_none(pte))
			ret = w->fn(ptep, level,
				    addr & ~(pgtable_size(level) - 1), w->arg);
		if (ret || entry_end == last)
			return ret;
		addr = entry_end + 1;
	}
}

int pgtable_for_each(pte_t *root, unsigned long start, unsigned long end,
		     int (*fn)(pte_t *ptep, unsigned int level,
			       unsigned long addr, void *arg),
		     void *arg)
{
	struct walk w = {.last = end - 1, .fn = fn, .arg = arg};

	if (start == end)
		return 0;
	return walk_table(root, top_level(), start, w.last, &w);
}

/* ---- the kernel's own ranges ---- */

/* The largest leaf that fits at addr and pa and does not pass end. */
static unsigned int leaf_level(unsigned long addr, unsigned long end,
			       phys_addr_t pa, unsigned int max_level)
{
	unsigned int level = min(max_level, top_level());

	while (level && (!IS_ALIGNED(addr | pa, pgtable_size(level)) ||
			 end - addr < pgtable_size(level)))
		level--;
	return level;
}

/*
 * The table behind this entry is empty and all that it covers is the
 * caller's: free it, so that a leaf can take its place.  A processor may still
 * have cached the way to it, and a walk of the port may be under way: both
 * are over when the flush is.
 */
static bool drop_empty_table(pte_t *ptep, unsigned long addr,
			     unsigned int level)
{
	struct page *parent = table_page(ptep), *child;
	bool empty;

	if (level == top_level())
		return false; /* shared by all roots, which have copies */
	addr &= ~(pgtable_size(level) - 1);
	ptl_lock(parent);
	child = table_page(pte_table(ptep_get(ptep)));
	empty = !READ_ONCE(child->table.nr_used);
	if (empty) {
		ptep_get_and_clear(ptep);
		parent->table.nr_used--;
	}
	ptl_unlock(parent);
	if (!empty)
		return false;
	port->flush_tlb_range(NULL, addr, addr + pgtable_size(level), true);
	pgtable_free_table(child);
	return true;
}

/*
 * Map one leaf of at most this level.  The size mapped, or 0: no memory or
 * something is mapped there already.  A table that an earlier, finer mapping
 * left gives way when it is empty; else the next lower level is tried.
 */
static unsigned long map_leaf(unsigned long addr, phys_addr_t pa, u64 prot,
			      unsigned int level)
{
	pte_t *ptep;
	bool done = false;

	for (;; level--) {
		ptep = pgtable_get(init_pgd, addr, level, GFP_KERNEL);
		if (!ptep)
			return 0;
		if (!points_to_table(ptep_get(ptep), level) ||
		    drop_empty_table(ptep, addr, level))
			break;
	}
	if (level)
		prot |= _PAGE_PSE;
	ptl_lock(table_page(ptep));
	if (pte_none(ptep_get(ptep))) {
		set_pte(ptep, pfn_pte(pa >> PAGE_SHIFT, prot));
		table_page(ptep)->table.nr_used++;
		done = true;
	}
	ptl_unlock(table_page(ptep));
	if (WARN_ON_ONCE(!done))
		return 0;
	return pgtable_size(level);
}

int map_kernel_range(unsigned long start, unsigned long end, phys_addr_t pa,
		     u64 prot, unsigned int max_level)
{
	unsigned long addr = start;

	VM_BUG_ON(!IS_ALIGNED(start | end | pa, PAGE_SIZE) || start > end);
	while (addr != end) {
		unsigned int level = leaf_level(addr, end, pa, max_level);
		unsigned long size = map_leaf(addr, pa, prot, level);

		if (!size) {
			unmap_kernel_range(start, addr);
			return -ENOMEM;
		}
		addr += size;
		pa += size;
	}
	return 0;
}

int map_kernel_pages(unsigned long start, unsigned long end,
		     struct page **pages, u64 prot)
{
	unsigned long addr = start;

	VM_BUG_ON(!IS_ALIGNED(start | end, PAGE_SIZE) || start > end);
	while (addr != end) {
		pte_t *ptep = pgtable_get(init_pgd, addr, 0, GFP_KERNEL);
		struct page *table;
		bool in_the_way = false;

		if (!ptep)
			goto out_unmap;
		table = table_page(ptep);
		ptl_lock(table);
		do { /* one lock for all leaves of this table */
			if (!pte_none(ptep_get(ptep))) {
				in_the_way = true;
				break;
			}
			set_pte(ptep++, pfn_pte(page_to_pfn(*pages++), prot));
			table->table.nr_used++;
			addr += PAGE_SIZE;
		} while (addr != end && pgtable_slot(addr, 0));
		ptl_unlock(table);
		if (WARN_ON_ONCE(in_the_way))
			goto out_unmap;
	}
	return 0;

out_unmap:
	unmap_kernel_range(start, addr);
	return -ENOMEM;
}

static int clear_leaf(pte_t *ptep, unsigned int level, unsigned long addr,
		      void *arg)
{
	const struct walk *range = arg;
	struct page *table = table_page(ptep);

	/* Never cut a large leaf: what maps in pieces unmaps in pieces. */
	if (WARN_ON_ONCE(entry_last(addr, level) > range->last))
		return 0;
	ptl_lock(table);
	if (!pte_none(ptep_get_and_clear(ptep)))
		table->table.nr_used--;
	ptl_unlock(table);
	return 0;
}

void unmap_kernel_range(unsigned long start, unsigned long end)
{
	struct walk range = {.last = end - 1};

	pgtable_for_each(init_pgd, start, end, clear_leaf, &range);
}

/* ---- start ---- */

/*
 * Give the tables that the port built before there were descriptors the same
 * standing as ours, so that locks and counts hold in all of the kernel's tree.
 */
static void adopt_table(pte_t *table, unsigned int level)
{
	struct page *page = table_page(table);

	table_page_setup(page, level);
	mod_page_stat(page, NST_nr_page_table_pages, 1);
	for (unsigned int i = 0; i < PTRS_PER_TABLE; i++) {
		pte_t pte = ptep_get(&table[i]);

		if (pte_none(pte))
			continue;
		page->table.nr_used++;
		if (points_to_table(pte, level))
			adopt_table(pte_table(pte), level - 1);
	}
}

void pgtable_init(void)
{
	unsigned long addr = VMALLOC_START;

	if (init_pgd) {
		adopt_table(init_pgd, top_level());
	} else {
		struct page *page =
			pgtable_alloc_table(top_level(), GFP_KERNEL);

		if (!page)
			panic("no memory for the kernel's page table");
		init_pgd = page_address(page);
	}
	for (;;) {
		if (!pgtable_get(init_pgd, addr, top_level() - 1, GFP_KERNEL))
			panic("no memory for the vmalloc range's page tables");
		addr = entry_last(addr, top_level());
		if (addr >= VMALLOC_END - 1)
			break;
		addr++;
	}
}

/* ---- checking ---- */

/* How many entries of a root are this tree's own (T2). */
static unsigned int nr_own_slots(const pte_t *table, unsigned int level)
{
	if (level < top_level() || table == init_pgd)
		return PTRS_PER_TABLE;
	return pgtable_slot(TASK_SIZE - 1, level) + 1;
}

static void validate_table(pte_t *table, unsigned int level)
{
	struct page *page = table_page(table);
	unsigned int nr_used = 0;

	BUG_ON(!PageTable(page) || page->table.level != level); /* T1 T3 */
	for (unsigned int i = 0; i < nr_own_slots(table, level); i++) {
		pte_t pte = ptep_get(&table[i]);

		if (pte_none(pte))
			continue;
		nr_used++;
		if (points_to_table(pte, level))
			validate_table(pte_table(pte), level - 1);
	}
	BUG_ON(nr_used != page->table.nr_used); /* T2 */
}

void pgtable_validate(pte_t *root)
{
	validate_table(root, top_level());
}
