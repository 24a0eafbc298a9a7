/* SPDX-License-Identifier: MIT */
/*
 * filemap.c - a file's pages in memory, by index.
 *
 * 1. An address_space maps page indices to frames, each with one reference
 *    that is the cache's.  A page's mapping and index say the same from the
 *    other side; a page taken out of the cache loses its mapping first.
 * 2. Locking.  i_lock guards the map; a page is found and referenced under
 *    it.  mapping->i_size is read and written whole.
 * 3. Failure.  Adding a page may need a node of the map: taken before the
 *    lock, by the pool of xarray.h.
 *
 * Source: Linux's Documentation/filesystems/vfs.rst (struct address_space).
 */
#include "mm/cache/internal.h"

void address_space_init(struct address_space *mapping, void *host)
{
	*mapping = (struct address_space){.host = host};
	xa_init(&mapping->i_pages);
	spin_lock_init(&mapping->i_lock, LOCK_RANK_I_PAGES);
	spin_lock_init(&mapping->i_mmap_lock, LOCK_RANK_I_MMAP);
	mapping->i_mmap = RB_ROOT;
}

struct page *filemap_get_page(struct address_space *mapping, pgoff_t index)
{
	struct page *page;

	spin_lock(&mapping->i_lock);
	page = xa_load(&mapping->i_pages, index);
	if (page)
		get_page(page);
	spin_unlock(&mapping->i_lock);
	return page;
}

static void account(const struct page *page, long nr)
{
	mod_page_stat(page, NST_nr_file_pages, nr);
	if (PageSwapBacked(page))
		mod_page_stat(page, NST_nr_shmem, nr);
}

/* Put page in unless its place is taken; i_lock held. */
static int insert_locked(struct address_space *mapping, struct page *page,
			 pgoff_t index, struct xa_pool *pool)
{
	int err;

	if (xa_load(&mapping->i_pages, index))
		return -EEXIST;
	err = xa_store_pool(&mapping->i_pages, index, page, pool);
	if (err)
		return err;
	page_set_mapping(page, (uintptr_t)mapping, index);
	mapping->nrpages++;
	return 0;
}

int filemap_add_page(struct address_space *mapping, struct page *page,
		     pgoff_t index, gfp_t gfp)
{
	struct xa_pool pool = XA_POOL_INIT;
	int err;

	for (;;) {
		spin_lock(&mapping->i_lock);
		err = insert_locked(mapping, page, index, &pool);
		if (!err)
			get_page(page);
		spin_unlock(&mapping->i_lock);
		if (err != -ENOMEM)
			break;
		/* Where the page may lie does not concern the nodes. */
		err = xa_pool_fill(&pool, gfp & ~GFP_ZONEMASK);
		if (err)
			break;
	}
	xa_pool_drain(&pool);
	if (!err)
		account(page, 1);
	return err;
}

/* i_lock held: whoever finds the page takes a reference under it. */
static bool is_unused(const struct page *page)
{
	return !PageUptodate(page) && page_ref_count(page) == 1;
}

struct page *filemap_remove_next(struct address_space *mapping, pgoff_t *index,
				 pgoff_t last, bool unused)
{
	struct page *page;

	spin_lock(&mapping->i_lock);
	page = xa_find(&mapping->i_pages, index, last);
	while (page && unused && !is_unused(page))
		page = xa_find_after(&mapping->i_pages, index, last);
	if (page) {
		xa_erase(&mapping->i_pages, *index);
		mapping->nrpages--;
		page_set_mapping(page, 0, 0);
	}
	spin_unlock(&mapping->i_lock);
	if (page)
		account(page, -1);
	return page;
}

bool filemap_seek(struct address_space *mapping, pgoff_t *index, pgoff_t last,
		  bool data)
{
	pgoff_t at = *index;
	struct page *page;

	spin_lock(&mapping->i_lock);
	xa_for_each_range(&mapping->i_pages, at, page, *index, last) {
		if (!data && at != *index)
			break; /* a gap */
		if (PageUptodate(page) == data)
			break;
		if (!data)
			++*index;
	}
	spin_unlock(&mapping->i_lock);
	if (data)
		*index = at;
	return data ? page != NULL : *index <= last;
}

unsigned int filemap_get_pages(struct address_space *mapping, pgoff_t start,
			       unsigned int nr, struct page **pages)
{
	pgoff_t index, last = start + nr - 1;
	unsigned int found = 0;
	struct page *page;

	for (unsigned int i = 0; i < nr; i++)
		pages[i] = NULL;
	spin_lock(&mapping->i_lock);
	xa_for_each_range(&mapping->i_pages, index, page, start, last) {
		if (unlikely(!PageUptodate(page)))
			continue;
		get_page(page);
		pages[index - start] = page;
		found++;
	}
	spin_unlock(&mapping->i_lock);
	return found;
}
