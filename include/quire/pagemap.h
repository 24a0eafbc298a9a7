/* SPDX-License-Identifier: MIT */
/*
 * pagemap.h - the page cache: a file's pages in memory, and memory files.
 *
 * Sources: Linux's Documentation/filesystems/{vfs,tmpfs}.rst, mmap(2).
 */
#ifndef QUIRE_PAGEMAP_H
#define QUIRE_PAGEMAP_H

#include <quire/address_space.h>
#include <quire/mm.h>

/* An empty file without size; host is for its owner.  Context: any. */
void address_space_init(struct address_space *mapping, void *host);

/*
 * filemap_get_page - the resident page at index, with a reference that the
 * caller puts; NULL: none.  Context: task; takes i_lock.
 */
struct page *filemap_get_page(struct address_space *mapping, pgoff_t index);

/*
 * shmem_get_page - the page at index of a memory file, whose whole contents
 * live in its address_space: what is missing is made, of zeros.
 * Context: task, no spinlocks; sleeps as gfp says.  Does not look at i_size.
 * Result: with a reference that the caller puts.
 * Errors: ERR_PTR(-ENOMEM).
 */
struct page *shmem_get_page(struct address_space *mapping, pgoff_t index,
			    gfp_t gfp);
/*
 * shmem_read - len bytes of the file from pos on into buf, the kernel's;
 * shmem_write: the other way, with i_size moved up behind what was written.
 * Context: task, no spinlocks; writers and truncation are kept apart by the
 *   caller (the inode's lock).
 * Result: the bytes done: fewer at the file's end, or when memory ran out.
 *   Holes read as zeros and take no frame.
 * Errors: of writes, when nothing was done: -ENOMEM; -EFBIG: pos + len wraps.
 */
mm_ssize_t shmem_read(struct address_space *mapping, u64 pos, void *buf,
		      size_t len);
mm_ssize_t shmem_write(struct address_space *mapping, u64 pos, const void *buf,
		       size_t len);
/*
 * shmem_truncate - size bytes from now on.  Shrinking unmaps and frees pages
 * above and clears the tail; the same size frees what lies behind it.
 * Context: as shmem_write().
 * Errors: 0, or -EFBIG above the largest off_t, nothing changed.
 */
int shmem_truncate(struct address_space *mapping, u64 size);
/*
 * Bytes [start, end) are zeros from now on; whole pages are unmapped, but for
 * private copies, and freed.
 */
void shmem_punch_hole(struct address_space *mapping, u64 start, u64 end);
/*
 * Have a frame for each page of [start, end); i_size stays.  0, or -ENOMEM and
 * the frames taken are back.
 */
int shmem_fallocate(struct address_space *mapping, u64 start, u64 end);
/*
 * lseek(2), SEEK_DATA or SEEK_HOLE, in whole pages: the offset >= from, or
 * -ENXIO.
 */
s64 shmem_seek(struct address_space *mapping, u64 from, bool data);
/*
 * shmem_adopt - frames with one reference each become the first nr pages of an
 * empty file of size bytes.
 * Context: task, no spinlocks.
 * Errors: 0; -ENOMEM: the file is empty, the frames are still the caller's.
 */
int shmem_adopt(struct address_space *mapping, struct page **pages,
		unsigned long nr, u64 size);
/* shmem_evict - free all pages; no area may map the file.  Context: task. */
void shmem_evict(struct address_space *mapping);

/* vm_ops of areas that map memory files, private or shared. */
extern const struct vm_operations_struct shmem_vm_ops;

/*
 * Make vma map a new unnamed memory file of its size in place of the file it
 * has, if any: MAP_SHARED | MAP_ANONYMOUS, and shared maps of /dev/zero.
 * For vm_file_ops->mmap and aspace_ops.  0 or -ENOMEM.
 */
int shmem_zero_setup(struct vm_area_struct *vma);

/*
 * vm_mincore - which of nr pages from start on are in memory: vec[i] 1 or 0.
 * may_look(vma): may the caller know this of the file's pages that it has not
 * mapped itself?  Otherwise they count as in memory: mincore(2).
 * Up to how many pages it went before something was not mapped, at most nr;
 * -ENOMEM: none.  Takes mmap_lock for reading.
 */
long vm_mincore(struct mm_struct *mm, unsigned long start, unsigned long nr,
		u8 *vec, bool (*may_look)(const struct vm_area_struct *vma));

/* Caches; fills aspace_ops.  Called once, by mm_init(). */
void cache_init(void);

#endif
