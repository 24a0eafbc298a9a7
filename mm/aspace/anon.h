/* SPDX-License-Identifier: MIT */
/*
 * anon.h - spaces of anonymous pages, and identities of areas: see anon.c.
 */
#ifndef MM_ASPACE_ANON_H
#define MM_ASPACE_ANON_H

#include "mm/aspace/internal.h"

struct anon_space {
	struct anon_space *root, *parent; /* a root has no parent */
	struct list_head links;		  /* anon_link, by age */
	struct mm_struct *owner;	  /* NULL: it has ended */
	u32 nr_children;
	u32 nr_refs;		  /* root: spaces, and walkers; atomic */
	struct rw_semaphore lock; /* root: for all that descend from it */
};

/*
 * The space of an anonymous page, its root locked for reading; to be given
 * back by anon_unlock().  NULL: the page is not mapped, or (try_lock) someone
 * changes the family and *contended is set.  The caller holds a reference.
 */
struct anon_space *anon_lock_page(const struct page *page, bool try_lock,
				  bool *contended);
void anon_unlock(struct anon_space *space);

/* Moved areas that may hold the page born at index; areas_lock held. */
struct vm_area_struct *anon_moved_first(struct mm_struct *mm, pgoff_t index);
struct vm_area_struct *anon_moved_next(struct vm_area_struct *vma,
				       pgoff_t index);

#endif
