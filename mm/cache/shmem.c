/* SPDX-License-Identifier: MIT */
/*
 * shmem.c - files that live in memory alone, and shared anonymous memory.
 *
 * 1. Idea.  All there is of such a file is its address_space.  A page that
 *    was never written is a hole: it reads as zeros and takes no frame, until
 *    it is written or touched through a mapping.
 * 2. Truncation, in this order: i_size falls, so that faults beyond it fail;
 *    mappings of the pages are emptied; the pages leave the cache and lose
 *    their mapping; mappings are emptied again, for faults that had looked up
 *    their page before it left.  A fault maps a page only while it has its
 *    mapping (mm/aspace/fault.c), so after the second pass none is mapped.
 *    The rest of the last page is cleared, so that growing again shows zeros.
 *    A hole is punched the same way, but private copies stay.
 * 3. Space.  fallocate(2) puts pages in that count as a hole (of SEEK_HOLE,
 *    mincore) until they are used: they are zeroed but not PG_uptodate, which
 *    shmem_get_page() makes them.  No entry maps such a page.
 * 4. Locking.  Contents are guarded by the file's owner (inode->i_lock) where
 *    reads and writes must be atomic; the cache by its own locks.
 * 5. Failure.  -ENOMEM; a write says how far it came.
 *
 * Sources: mmap(2), ftruncate(2), fallocate(2), Linux's Documentation/filesystems/tmpfs.rst.
 */
#include "mm/cache/internal.h"

#define GFP_SHMEM GFP_HIGHUSER_MOVABLE

/* A new page for the cache, with what it is to show in it. */
static void make_shmem_page(struct page *page, bool uptodate)
{
	u32 set = 1U << PG_swapbacked | (u32)uptodate << PG_uptodate;

	WRITE_ONCE(page->flags, page->flags | set);
	page->_mapcount = -1;
}

static int add_new_page(struct address_space *mapping, pgoff_t index, gfp_t gfp,
			bool uptodate, struct page **out)
{
	struct page *page = alloc_page(gfp | __GFP_ZERO);
	int err;

	if (!page)
		return -ENOMEM;
	make_shmem_page(page, uptodate);
	err = filemap_add_page(mapping, page, index, gfp);
	if (err)
		put_page(page);
	else
		*out = page;
	return err;
}

struct page *shmem_get_page(struct address_space *mapping, pgoff_t index,
			    gfp_t gfp)
{
	for (;;) {
		struct page *page = filemap_get_page(mapping, index);
		int err;

		if (page) {
			if (unlikely(!PageUptodate(page)))
				SetPageUptodate(page);
			return page;
		}
		err = add_new_page(mapping, index, gfp, true, &page);
		if (!err)
			return page;
		if (err != -EEXIST)
			return ERR_PTR(err);
	}
}

/* ---- read and write ---- */

mm_ssize_t shmem_read(struct address_space *mapping, u64 pos, void *buf,
		      size_t len)
{
	u64 size = READ_ONCE(mapping->i_size);
	size_t done = 0;

	if (pos >= size)
		return 0;
	len = min((u64)len, size - pos);
	while (done < len) {
		size_t offset = (pos + done) & ~PAGE_MASK;
		size_t n = min(len - done, PAGE_SIZE - offset);
		struct page *page = filemap_get_page(
			mapping, (pgoff_t)((pos + done) >> PAGE_SHIFT));

		if (page) {
			memcpy_from_page((char *)buf + done, page, offset, n);
			put_page(page);
		} else {
			memset((char *)buf + done, 0, n);
		}
		done += n;
	}
	return (mm_ssize_t)done;
}

mm_ssize_t shmem_write(struct address_space *mapping, u64 pos, const void *buf,
		       size_t len)
{
	size_t done = 0;
	int err = 0;

	if (pos + len < pos)
		return -EFBIG;
	while (done < len) {
		size_t offset = (pos + done) & ~PAGE_MASK;
		size_t n = min(len - done, PAGE_SIZE - offset);
		struct page *page = shmem_get_page(
			mapping, (pgoff_t)((pos + done) >> PAGE_SHIFT),
			GFP_SHMEM);

		if (IS_ERR(page)) {
			err = (int)PTR_ERR(page);
			break;
		}
		memcpy_to_page(page, offset, (const char *)buf + done, n);
		put_page(page);
		done += n;
	}
	if (done && pos + done > READ_ONCE(mapping->i_size))
		WRITE_ONCE(mapping->i_size, pos + done);
	return done ? (mm_ssize_t)done : err;
}

/* ---- truncate ---- */

static void remove_pages(struct address_space *mapping, pgoff_t from,
			 pgoff_t last, bool unused)
{
	struct page *page;

	while ((page = filemap_remove_next(mapping, &from, last, unused)))
		put_page(page);
}

/* Zeros in [from, to) of the page at index, if there is one. */
static void clear_part(struct address_space *mapping, pgoff_t index,
		       size_t from, size_t to)
{
	struct page *page = filemap_get_page(mapping, index);

	if (!page)
		return;
	memzero_page(page, from, to - from);
	put_page(page);
}

static void clear_tail(struct address_space *mapping, u64 size)
{
	size_t offset = size & ~PAGE_MASK;

	if (offset)
		clear_part(mapping, (pgoff_t)(size >> PAGE_SHIFT), offset,
			   PAGE_SIZE);
}

int shmem_truncate(struct address_space *mapping, u64 size)
{
	u64 old = mapping->i_size;
	pgoff_t from = (pgoff_t)DIV_ROUND_UP(size, PAGE_SIZE);

	if (size > (u64)INT64_MAX)
		return -EFBIG;
	WRITE_ONCE(mapping->i_size, size);
	if (size > old)
		return 0;
	/* The same size takes away what fallocate() put behind the end. */
	if (size < old)
		unmap_mapping_pages(mapping, from, 0, true);
	remove_pages(mapping, from, ~0UL, false);
	if (size < old)
		unmap_mapping_pages(mapping, from, 0, true);
	clear_tail(mapping, size);
	return 0;
}

/* ---- space ---- */

void shmem_punch_hole(struct address_space *mapping, u64 start, u64 end)
{
	pgoff_t first = (pgoff_t)(start >> PAGE_SHIFT);
	pgoff_t past = (pgoff_t)(end >> PAGE_SHIFT);
	size_t head = start & ~PAGE_MASK, tail = end & ~PAGE_MASK;

	if (first == past) {
		clear_part(mapping, first, head, tail);
		return;
	}
	if (head)
		clear_part(mapping, first++, head, PAGE_SIZE);
	if (first < past) {
		unmap_mapping_pages(mapping, first, past - first, false);
		remove_pages(mapping, first, past - 1, false);
		unmap_mapping_pages(mapping, first, past - first, false);
	}
	if (tail)
		clear_part(mapping, past, 0, tail);
}

int shmem_fallocate(struct address_space *mapping, u64 start, u64 end)
{
	pgoff_t first = (pgoff_t)(start >> PAGE_SHIFT);
	pgoff_t past = (pgoff_t)DIV_ROUND_UP(end, PAGE_SIZE);

	for (pgoff_t i = first; i < past; i++) {
		struct page *page = filemap_get_page(mapping, i);
		int err = 0;

		if (!page)
			err = add_new_page(mapping, i, GFP_SHMEM, false, &page);
		if (err && err != -EEXIST) {
			if (i > first)
				remove_pages(mapping, first, i - 1, true);
			return err;
		}
		if (!err)
			put_page(page);
	}
	return 0;
}

s64 shmem_seek(struct address_space *mapping, u64 from, bool data)
{
	u64 size = READ_ONCE(mapping->i_size);
	pgoff_t index = (pgoff_t)(from >> PAGE_SHIFT);

	if (from >= size)
		return -ENXIO;
	if (!filemap_seek(mapping, &index, (pgoff_t)((size - 1) >> PAGE_SHIFT),
			  data))
		return data ? -ENXIO : (s64)size;
	return (s64)max(from, (u64)index << PAGE_SHIFT);
}

int shmem_adopt(struct address_space *mapping, struct page **pages,
		unsigned long nr, u64 size)
{
	for (unsigned long i = 0; i < nr; i++) {
		int err;

		make_shmem_page(pages[i], true);
		err = filemap_add_page(mapping, pages[i], i, GFP_KERNEL);
		if (err) {
			/* Give back what was taken: the frames stay theirs. */
			while (i--) {
				pgoff_t index = i;

				put_page(filemap_remove_next(mapping, &index, i,
							     false));
			}
			return err;
		}
	}
	/* The callers' references go; the cache has its own. */
	for (unsigned long i = 0; i < nr; i++)
		put_page(pages[i]);
	WRITE_ONCE(mapping->i_size, size);
	clear_tail(mapping, size);
	return 0;
}

void shmem_evict(struct address_space *mapping)
{
	WARN_ON_ONCE(!RB_EMPTY_ROOT(&mapping->i_mmap));
	remove_pages(mapping, 0, ~0UL, false);
	xa_destroy(&mapping->i_pages);
}

/* ---- mapping ---- */

static pgoff_t size_pages(const struct address_space *mapping)
{
	return (pgoff_t)DIV_ROUND_UP(READ_ONCE(mapping->i_size), PAGE_SIZE);
}

static vm_fault_t shmem_fault(struct vm_fault *vmf)
{
	struct address_space *mapping = vmf->vma->vm_file->mapping;
	struct page *page;

	if (vmf->pgoff >= size_pages(mapping))
		return VM_FAULT_SIGBUS;
	page = shmem_get_page(mapping, vmf->pgoff, GFP_SHMEM);
	if (IS_ERR(page))
		return VM_FAULT_OOM;
	/* Truncated while we made it: nobody would take it out again. */
	if (unlikely(vmf->pgoff >= size_pages(mapping))) {
		put_page(page);
		remove_pages(mapping, vmf->pgoff, vmf->pgoff, false);
		return VM_FAULT_SIGBUS;
	}
	vmf->page = page;
	return 0;
}

static unsigned int shmem_map_pages(struct vm_area_struct *vma, pgoff_t pgoff,
				    unsigned int nr, struct page **pages)
{
	struct address_space *mapping = vma->vm_file->mapping;
	pgoff_t end = size_pages(mapping);
	unsigned int inside = nr;

	if (pgoff >= end)
		return 0;
	if (end - pgoff < nr)
		inside = (unsigned int)(end - pgoff);
	for (unsigned int i = inside; i < nr; i++)
		pages[i] = NULL;
	return filemap_get_pages(mapping, pgoff, inside, pages);
}

const struct vm_operations_struct shmem_vm_ops = {
	.fault = shmem_fault,
	.map_pages = shmem_map_pages,
};

/* ---- unnamed files: shared anonymous memory ---- */

/* As in Linux, proc(5) shows them as a deleted /dev/zero of device 00:01. */
#define SHMEM_MINOR 1

struct shmem_file {
	struct vm_file vf;
	struct address_space mapping;
	u32 refs; /* atomic */
	u64 ino;
};

static struct kmem_cache *shmem_file_cachep;
static u64 last_ino; /* atomic */

static struct shmem_file *shmem_file(struct vm_file *vf)
{
	return container_of(vf, struct shmem_file, vf);
}

static void shmem_file_get(struct vm_file *vf)
{
	__atomic_fetch_add(&shmem_file(vf)->refs, 1, __ATOMIC_RELAXED);
}

static void shmem_file_put(struct vm_file *vf)
{
	struct shmem_file *file = shmem_file(vf);

	if (__atomic_sub_fetch(&file->refs, 1, __ATOMIC_ACQ_REL))
		return;
	shmem_evict(&file->mapping);
	kmem_cache_free(shmem_file_cachep, file);
}

static int shmem_file_mmap(struct vm_file *vf, struct vm_area_struct *vma)
{
	(void)vf;
	vma->vm_ops = &shmem_vm_ops;
	return 0;
}

static void shmem_file_describe(struct vm_file *vf, struct vm_file_desc *desc)
{
	*desc = (struct vm_file_desc){0, SHMEM_MINOR, shmem_file(vf)->ino};
}

static int shmem_file_path(struct vm_file *vf, char *buf, size_t size)
{
	mm_ssize_t len = strscpy(buf, "/dev/zero (deleted)", size);

	(void)vf;
	return len < 0 ? -ENAMETOOLONG : (int)len;
}

static const struct vm_file_ops shmem_file_ops = {
	.get = shmem_file_get,
	.put = shmem_file_put,
	.mmap = shmem_file_mmap,
	.describe = shmem_file_describe,
	.path = shmem_file_path,
};

int shmem_zero_setup(struct vm_area_struct *vma)
{
	struct shmem_file *file =
		kmem_cache_zalloc(shmem_file_cachep, GFP_KERNEL);

	if (!file)
		return -ENOMEM;
	file->vf = (struct vm_file){
		.ops = &shmem_file_ops,
		.mapping = &file->mapping,
		.can_read = true,
		.can_write = true,
		.can_exec = true,
	};
	address_space_init(&file->mapping, NULL);
	file->mapping.i_size = vma->vm_end - vma->vm_start;
	file->refs = 1;
	file->ino = __atomic_add_fetch(&last_ino, 1, __ATOMIC_RELAXED);
	if (vma->vm_file)
		vma->vm_file->ops->put(vma->vm_file);
	vma->vm_file = &file->vf;
	vma->vm_pgoff = 0;
	vma->vm_ops = &shmem_vm_ops;
	return 0;
}

static const struct aspace_ops shmem_aspace_ops = {
	.shmem_zero_setup = shmem_zero_setup,
};

void cache_init(void)
{
	shmem_file_cachep = KMEM_CACHE(shmem_file, SLAB_PANIC);
	register_aspace_ops(&shmem_aspace_ops);
}
