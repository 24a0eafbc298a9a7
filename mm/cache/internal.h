/* SPDX-License-Identifier: MIT */
/* internal.h - what the files of mm/cache share. */
#ifndef MM_CACHE_INTERNAL_H
#define MM_CACHE_INTERNAL_H

#include <quire/errno.h>
#include <quire/highmem.h>
#include <quire/mm.h>
#include <quire/pagemap.h>
#include <quire/port.h>
#include <quire/printk.h>
#include <quire/slab.h>
#include <quire/string.h>
#include <quire/vmstat.h>

/*
 * filemap_add_page - make page the file's page at index; the cache takes a
 * reference of its own.  0; -EEXIST: there is one; -ENOMEM.  May sleep by gfp.
 */
int filemap_add_page(struct address_space *mapping, struct page *page,
		     pgoff_t index, gfp_t gfp);
/*
 * Take the first page at *index or above out; *index is where it was.  The
 * cache's reference is the caller's now.  NULL: none left.
 */
struct page *filemap_remove_first(struct address_space *mapping,
				  pgoff_t *index);
/* Those of nr pages from start on that are resident, referenced; how many. */
unsigned int filemap_get_pages(struct address_space *mapping, pgoff_t start,
			       unsigned int nr, struct page **pages);

#endif
