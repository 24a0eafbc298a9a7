/* SPDX-License-Identifier: MIT */
/*
 * pgtable.h - page tables of any number of levels, as data.
 *
 * A table is one frame of PTRS_PER_TABLE entries.  Level 0 holds the 4 KiB
 * leaves; the root is level PGTABLE_LEVELS - 1.  Tables are reached through
 * the direct map.  A table's descriptor counts its non-empty entries
 * (table.nr_used), so that an empty one can be freed, and holds its lock.
 *
 * Locking.  An entry of a table is written under that table's page->ptl;
 * ptl_lock() of a lower level nests inside that of an upper one.  Lookups
 * may walk without locks while something keeps the tables from being freed
 * (the mmap lock in user space; owning the mapped range in the kernel's).
 */
#ifndef QUIRE_PGTABLE_H
#define QUIRE_PGTABLE_H

#include <quire/mm_types.h>
#include <quire/types.h>

#include <arch.h>

static inline unsigned int pgtable_shift(unsigned int level)
{
	return PAGE_SHIFT + level * PTRS_SHIFT;
}

/* Bytes that one entry of this level covers. */
static inline unsigned long pgtable_size(unsigned int level)
{
	return 1UL << pgtable_shift(level);
}

static inline unsigned int pgtable_slot(unsigned long addr, unsigned int level)
{
	return addr >> pgtable_shift(level) & (PTRS_PER_TABLE - 1);
}

/* The table that a non-leaf entry points to. */
static inline pte_t *pte_table(pte_t entry)
{
	return __va(pte_val(entry) & PTE_PFN_MASK);
}

static inline struct page *table_page(const pte_t *entry)
{
	return virt_to_page(entry);
}

static inline void ptl_lock(struct page *table)
{
	preempt_disable();
	raw_spin_lock(&table->ptl.locked);
}

static inline void ptl_unlock(struct page *table)
{
	raw_spin_unlock(&table->ptl.locked);
	preempt_enable();
}

/* Acquire: what set_pte() published (a table, a page) is seen whole. */
static inline pte_t ptep_get(const pte_t *ptep)
{
	return __pte(smp_load_acquire(&ptep->v));
}

/*
 * Store an entry; the accessed and dirty bits of an entry in use may be set
 * by a processor at any time, so a present entry is replaced with
 * ptep_get_and_clear() or changed with the atomic helpers.
 */
static inline void set_pte(pte_t *ptep, pte_t pte)
{
	__atomic_store_n(&ptep->v, pte.v, __ATOMIC_RELEASE);
}

static inline pte_t ptep_get_and_clear(pte_t *ptep)
{
	return __pte(__atomic_exchange_n(&ptep->v, 0, __ATOMIC_ACQ_REL));
}

/* Was the page used?  No more, by the entry. */
static inline bool ptep_test_and_clear_young(pte_t *ptep)
{
	if (!pte_young(ptep_get(ptep)))
		return false;
	return __atomic_fetch_and(&ptep->v, ~_PAGE_ACCESSED, __ATOMIC_RELAXED) &
	       _PAGE_ACCESSED;
}

static inline void ptep_set_wrprotect(pte_t *ptep)
{
	__atomic_fetch_and(&ptep->v, ~_PAGE_RW, __ATOMIC_RELAXED);
}

/*
 * pgd_alloc - a new root, zeroes but for the kernel's part.
 * Context: as gfp says.
 * Result: the caller's, freed with pgd_free(), when its user part is empty
 *   again: otherwise that is reported and the root leaked.
 * Errors: NULL: no memory.
 */
pte_t *pgd_alloc(gfp_t gfp);
void pgd_free(pte_t *pgd);

/*
 * pgtable_alloc_table - an empty table for a level, in nobody's tree.
 * Context: as gfp says.
 * Result: its descriptor, PG_table set; freed with pgtable_free_table(), which
 *   any context may call; a table that is not empty is reported and leaked.
 * Errors: NULL: no memory.
 */
struct page *pgtable_alloc_table(unsigned int level, gfp_t gfp);
void pgtable_free_table(struct page *table);
/*
 * pgtable_drain_spares - give the few empty tables that each processor keeps
 * back to the page allocator.
 * Context: task, no spinlock of rank PCP or above.
 * Result: how many there were.
 */
unsigned long pgtable_drain_spares(void);

/*
 * pgtable_lookup - the entry that maps addr, or ends the walk.
 * Result: the entry, its level in *level: a leaf, or an empty entry, at the
 *   lowest level that exists.  Never NULL.
 * Context: the caller keeps the tables alive.
 */
pte_t *pgtable_lookup(pte_t *root, unsigned long addr, unsigned int *level);

/*
 * pgtable_get - the entry for addr at exactly this level, tables above it
 * made where missing.
 * Result: the entry; NULL if there is no memory or a larger leaf is in the
 *   way.  Tables made before a failure stay, empty, for the next try.
 * Context: may sleep by gfp; races with itself are settled by the ptl.
 */
pte_t *pgtable_get(pte_t *root, unsigned long addr, unsigned int level,
		   gfp_t gfp);

extern pte_t *init_pgd; /* the kernel's root */

/*
 * map_kernel_range - map [start, end) of the kernel's range to the frames from
 * pa on, with leaves up to max_level where aligned; map_kernel_pages: each page
 * to a frame of its own.
 * start, end, pa: multiples of a page.  prot: entry bits.
 * Context: task, no spinlocks; may sleep.  The range is the caller's.
 * Errors: 0; -ENOMEM: nothing of the range is mapped, tables made stay.  Where
 *   something is mapped already the same, and a report.
 * unmap_kernel_range clears the entries of whole leaves and does not flush: the
 * caller does, before the frames are used again.
 */
int map_kernel_range(unsigned long start, unsigned long end, phys_addr_t pa,
		     u64 prot, unsigned int max_level);
int map_kernel_pages(unsigned long start, unsigned long end,
		     struct page **pages, u64 prot);
void unmap_kernel_range(unsigned long start, unsigned long end);

/*
 * Called once after the page allocator works.  A port whose processor runs on
 * these tables sets init_pgd (a direct-map address) to its boot tables before
 * mm_init() and they are adopted: every table in them must have a descriptor.
 * Otherwise init_pgd is made here.  Top-level entries of the vmalloc range
 * exist afterwards and never change.
 */
void pgtable_init(void);

/* pgtable_validate - panics with what is wrong; nobody changes the tree. */
void pgtable_validate(pte_t *root);

/*
 * pgtable_for_each - fn for every non-empty leaf of [start, end), in order.
 * Context: the caller keeps the tables alive; fn's beyond that.
 * Result: 0, or the first that fn returned which was not, and ended it.
 */
int pgtable_for_each(pte_t *root, unsigned long start, unsigned long end,
		     int (*fn)(pte_t *ptep, unsigned int level,
			       unsigned long addr, void *arg),
		     void *arg);

#endif
