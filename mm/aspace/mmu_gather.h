/* SPDX-License-Identifier: MIT */
/*
 * mmu_gather.h - unmapping in bulk: empty entries, flush once, then free.
 *
 *	tlb_gather_mmu(&tlb, mm);
 *	unmap_area(&tlb, vma, start, end, true);	any number of times
 *	tlb_free_tables(&tlb, start, end, floor, ceiling);
 *	tlb_finish_mmu(&tlb);
 *
 * A frame may be given to someone else only when no processor can still reach
 * it through its TLB; so frames and tables wait here until the flush.
 */
#ifndef MM_ASPACE_MMU_GATHER_H
#define MM_ASPACE_MMU_GATHER_H

#include "mm/aspace/internal.h"

/* On the stack: enough for small ranges, 256 bytes. */
#define GATHER_LOCAL 32

struct mmu_gather {
	struct mm_struct *mm;
	bool fullmm; /* no thread will run in mm again */
	bool freed_tables;
	bool need_flush;	  /* a translation may be in some TLB */
	bool no_batch;		  /* there was no memory for a larger batch */
	unsigned int nr, max;	  /* pages held back */
	unsigned long start, end; /* what to flush */
	struct page **pages;
	u32 tables; /* list of tables by page->link.next */
	struct page *local[GATHER_LOCAL];
};

static inline void gather_init(struct mmu_gather *tlb, struct mm_struct *mm,
			       bool fullmm)
{
	tlb->mm = mm;
	tlb->fullmm = fullmm;
	tlb->freed_tables = false;
	tlb->need_flush = false;
	tlb->no_batch = false;
	tlb->nr = 0;
	tlb->max = GATHER_LOCAL;
	tlb->start = ~0UL;
	tlb->end = 0;
	tlb->pages = tlb->local;
	tlb->tables = PFN_NIL;
}

static inline void tlb_gather_mmu(struct mmu_gather *tlb, struct mm_struct *mm)
{
	gather_init(tlb, mm, false);
}

/* Whole-mm form for exit: entries are emptied without atomic operations. */
static inline void tlb_gather_mmu_fullmm(struct mmu_gather *tlb,
					 struct mm_struct *mm)
{
	gather_init(tlb, mm, true);
}

void tlb_finish_gathered(struct mmu_gather *tlb);
static inline void tlb_finish_mmu(struct mmu_gather *tlb)
{
	/* Whatever is gathered has a range. */
	if (tlb->end || tlb->pages != tlb->local)
		tlb_finish_gathered(tlb);
}
/* Flush and free what is held now; no spinlock of rank PTL held. */
void tlb_flush_mmu(struct mmu_gather *tlb);

/*
 * Empty [start, end) of vma, which lies within it.  even_cows false: private
 * copies of a file's pages stay.
 */
void unmap_area(struct mmu_gather *tlb, struct vm_area_struct *vma,
		unsigned long start, unsigned long end, bool even_cows);
static inline void gather_range(struct mmu_gather *tlb, unsigned long start,
				unsigned long end)
{
	tlb->start = min(tlb->start, start);
	tlb->end = max(tlb->end, end);
}

/*
 * Free tables that cover part of [start, end) and nothing outside
 * [floor, ceiling), between which no area may be left.
 */
void tlb_free_tables(struct mmu_gather *tlb, unsigned long start,
		     unsigned long end, unsigned long floor,
		     unsigned long ceiling);

/* [start, end) of vma emptied and flushed: gather, unmap, finish. */
void zap_page_range(struct vm_area_struct *vma, unsigned long start,
		    unsigned long end);

#endif
