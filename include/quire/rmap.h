/* SPDX-License-Identifier: MIT */
/*
 * rmap.h - from a frame to every page-table entry that maps it.
 *
 * All calls: task context, may sleep; the caller holds a reference to the
 * page, no spinlock of rank I_MMAP or above, and, for a file's page, whatever
 * keeps the file (its lock on the page, or a reference to the inode).  Pages
 * of the kernel's that special areas map have no reverse map.
 *
 * Sources: Linux's Documentation/mm/process_addrs.rst, page_migration.rst.
 */
#ifndef QUIRE_RMAP_H
#define QUIRE_RMAP_H

#include <quire/mm.h>

/*
 * rmap_walk - call rmap_one for every place where page may be mapped: each
 * area that covers it, in the order in which forks copied them.  Whether it
 * is mapped there, page_vma_mapped_walk() says.
 * In rmap_one: area and tables stay, bounds too; spinlocks are held, so it
 * must not sleep; it may change the page's entry and flush.  False ends the
 * walk.  done, if there, is asked after each call: true ends it, too.
 * try_lock: rather than wait for a fork or an exit in the page's family, or
 * for the file's tree, do nothing and set contended.
 */
struct rmap_walk_control {
	bool (*rmap_one)(struct page *page, struct vm_area_struct *vma,
			 unsigned long address, void *arg);
	bool (*done)(struct page *page, void *arg);
	void *arg;
	bool try_lock;
	bool contended; /* out */
};
void rmap_walk(struct page *page, struct rmap_walk_control *rwc);

/*
 * Is page mapped at address of vma?  True: pte is its entry, its table locked;
 * the next call unlocks and is false.  To end early: ..._done().
 */
struct page_vma_mapped_walk {
	struct page *page;
	struct vm_area_struct *vma;
	unsigned long address;
	pte_t *pte; /* NULL before the first call */
};
bool page_vma_mapped_walk(struct page_vma_mapped_walk *pvmw);
void page_vma_mapped_walk_done(struct page_vma_mapped_walk *pvmw);

/*
 * page_referenced - through how many entries has page been used since the last
 * call?  Clears their accessed bits; no flush: a processor that goes on using
 * its TLB is noticed later.  *vm_flags: those of all areas that used it or
 * have it locked, together.  -1: contended (try_lock).
 */
int page_referenced(struct page *page, bool try_lock, unsigned long *vm_flags);

/*
 * page_mkclean - make every shared mapping of a file's page read-only and
 * clean, so that the next write through any of them faults.  How many entries
 * were dirty or writable: if any, the page's contents may have changed.
 */
int page_mkclean(struct page *page);

/*
 * try_to_unmap - empty every entry that maps a file's page; what a processor
 * wrote makes the page dirty.  Areas that are locked keep theirs unless
 * TTU_IGNORE_MLOCK.  True: no entry maps it now.  An anonymous page stays:
 * there is no other place for what it holds.
 */
#define TTU_IGNORE_MLOCK 0x1
bool try_to_unmap(struct page *page, unsigned int flags);

/* The number of entries that map page, counted one by one: for checking. */
int rmap_count(struct page *page);

#endif
