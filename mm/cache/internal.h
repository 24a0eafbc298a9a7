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
 * Take the first page of [*index, last] out; *index is where it was.  The
 * cache's reference is the caller's now.  NULL: none left.  unused: only pages
 * that were never written or mapped, and that nobody else holds.
 */
struct page *filemap_remove_next(struct address_space *mapping, pgoff_t *index,
				 pgoff_t last, bool unused);
/*
 * Those of nr pages from start on that are resident and were used, referenced;
 * how many.
 */
unsigned int filemap_get_pages(struct address_space *mapping, pgoff_t start,
			       unsigned int nr, struct page **pages);

/*
 * The first page of [*index, last] that was used (data), or the first place
 * without one; false: none.
 */
bool filemap_seek(struct address_space *mapping, pgoff_t *index, pgoff_t last,
		  bool data);

#endif
