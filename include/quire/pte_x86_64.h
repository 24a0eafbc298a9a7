/* SPDX-License-Identifier: MIT */
/*
 * pte_x86_64.h - the format of page-table entries, on metal the CPU's, in the
 * simulated machine that of the software MMU, which walks the same tables.
 *
 *   63 62..59 58..52   51..12         11..9   8 7   6 5 4   3   2    1  0
 *   NX PKEY   software frame address  softw.  G PS  D A PCD PWT USER RW P
 *
 * Source: Intel SDM volume 3A, chapter 4; AMD APM volume 2, chapter 5.
 */
#ifndef QUIRE_PTE_X86_64_H
#define QUIRE_PTE_X86_64_H

#include <quire/types.h>

typedef struct {
	u64 v;
} pte_t;

#define _PAGE_PRESENT	 (1UL << 0)
#define _PAGE_RW	 (1UL << 1)
#define _PAGE_USER	 (1UL << 2)
#define _PAGE_PWT	 (1UL << 3)
#define _PAGE_PCD	 (1UL << 4)
#define _PAGE_ACCESSED	 (1UL << 5)
#define _PAGE_DIRTY	 (1UL << 6)
#define _PAGE_PSE	 (1UL << 7) /* a leaf above level 0 */
#define _PAGE_GLOBAL	 (1UL << 8)
#define _PAGE_SPECIAL	 (1UL << 9)  /* software: no struct page behind */
#define _PAGE_SOFT_DIRTY (1UL << 10) /* software */
#define _PAGE_UFFD_WP	 (1UL << 11) /* software */
#define _PAGE_NX	 (1UL << 63)
/* Not present, but a frame stays behind it: mprotect(PROT_NONE). */
#define _PAGE_PROTNONE _PAGE_GLOBAL
#define PTE_PFN_MASK   0x000ffffffffff000UL

#define PTRS_PER_TABLE 512
#define PTRS_SHIFT     9

static inline pte_t __pte(u64 v)
{
	return (pte_t){v};
}

static inline u64 pte_val(pte_t pte)
{
	return pte.v;
}

static inline bool pte_none(pte_t pte)
{
	return pte.v == 0;
}

static inline bool pte_present(pte_t pte)
{
	return pte.v & _PAGE_PRESENT;
}

/* Present, or would be if the area's protection were not PROT_NONE. */
static inline bool pte_maps_page(pte_t pte)
{
	return pte.v & (_PAGE_PRESENT | _PAGE_PROTNONE);
}

static inline bool pte_write(pte_t pte)
{
	return pte.v & _PAGE_RW;
}

static inline bool pte_dirty(pte_t pte)
{
	return pte.v & _PAGE_DIRTY;
}

static inline bool pte_young(pte_t pte)
{
	return pte.v & _PAGE_ACCESSED;
}

static inline bool pte_special(pte_t pte)
{
	return pte.v & _PAGE_SPECIAL;
}

/* A present entry above level 0 that maps memory instead of a table. */
static inline bool pte_leaf(pte_t pte)
{
	return pte.v & _PAGE_PSE;
}

static inline unsigned long pte_pfn(pte_t pte)
{
	return (pte.v & PTE_PFN_MASK) >> 12;
}

static inline pte_t pfn_pte(unsigned long pfn, u64 prot)
{
	return __pte((u64)pfn << 12 | prot);
}

static inline pte_t pte_mkwrite(pte_t pte)
{
	return __pte(pte.v | _PAGE_RW);
}

static inline pte_t pte_wrprotect(pte_t pte)
{
	return __pte(pte.v & ~_PAGE_RW);
}

static inline pte_t pte_mkdirty(pte_t pte)
{
	return __pte(pte.v | _PAGE_DIRTY | _PAGE_SOFT_DIRTY);
}

static inline pte_t pte_mkyoung(pte_t pte)
{
	return __pte(pte.v | _PAGE_ACCESSED);
}

static inline pte_t pte_mkold(pte_t pte)
{
	return __pte(pte.v & ~_PAGE_ACCESSED);
}

static inline pte_t pte_mkclean(pte_t pte)
{
	return __pte(pte.v & ~_PAGE_DIRTY);
}

static inline pte_t pte_mkspecial(pte_t pte)
{
	return __pte(pte.v | _PAGE_SPECIAL);
}

/* Protections of a whole mapping. */
#define PAGE_KERNEL                                                \
	(_PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED | _PAGE_DIRTY | \
	 _PAGE_GLOBAL | _PAGE_NX)
#define PAGE_KERNEL_RO	    (PAGE_KERNEL & ~(_PAGE_RW | _PAGE_DIRTY))
#define PAGE_KERNEL_ROX	    (PAGE_KERNEL_RO & ~_PAGE_NX)
#define PAGE_KERNEL_NOCACHE (PAGE_KERNEL | _PAGE_PCD | _PAGE_PWT)
/* Entry 1 of the page attribute table, which the port makes that. */
#define PAGE_KERNEL_WC (PAGE_KERNEL | _PAGE_PWT)
/* An entry that points to a table: the leaves decide. */
#define PAGE_TABLE_USER \
	(_PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_ACCESSED | _PAGE_DIRTY)
#define PAGE_TABLE_KERNEL (PAGE_TABLE_USER & ~_PAGE_USER)

#endif
