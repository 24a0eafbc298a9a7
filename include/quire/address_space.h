/* SPDX-License-Identifier: MIT */
/*
 * address_space.h - a file's pages and mappings, as data.
 *
 * mm/cache fills i_pages and says what they mean (pagemap.h); mm/aspace keeps
 * i_mmap, the areas that map the file.
 */
#ifndef QUIRE_ADDRESS_SPACE_H
#define QUIRE_ADDRESS_SPACE_H

#include <quire/rbtree.h>
#include <quire/spinlock.h>
#include <quire/xarray.h>

struct address_space {
	struct xarray i_pages; /* index -> struct page, referenced */
	spinlock_t i_lock;     /* guards i_pages' changes, nrpages */
	unsigned long nrpages;
	u64 i_size;		/* bytes; reads and faults end here */
	spinlock_t i_mmap_lock; /* guards i_mmap */
	struct rb_root i_mmap;	/* areas that map it, by pgoff */
	/*
	 * Areas that may write and are shared, and calls about to make one;
	 * below 0: there are to be none (mapping_deny_writable()).  Atomic.
	 */
	int i_mmap_writable;
	void *host; /* the inode, or NULL */
};

#endif
