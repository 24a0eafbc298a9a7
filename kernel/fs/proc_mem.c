/* SPDX-License-Identifier: MIT */
/*
 * proc_mem.c - /proc files that are memory or arrays of numbers, not texts.
 *
 * 1. pagemap and mem belong to the address space that the process had when
 *    they were opened; when its last user is gone they end (0 bytes).
 * 2. The arrays (pagemap, kpagecount, kpageflags) have 8 bytes an entry and are
 *    read in whole entries.
 * 3. mem respects the areas' protection, as Linux with
 *    proc_mem.force_override=never.
 *
 * Sources: proc(5), Linux's Documentation/admin-guide/mm/pagemap.rst.
 */
#include "kernel/fs/proc.h"

#include "kernel/fs/internal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"

#define ENTRY_BYTES 8U
#define BATCH	    64UL

/* ---- the address space of an open file ---- */

static int mm_open(struct inode *inode, struct file *file)
{
	struct mm_struct *mm;
	int err = proc_may_open(inode, file);

	if (err)
		return err;
	mm = get_task_mm(proc_of(inode)->task);
	if (mm) {
		mmgrab(mm);
		mmput(mm);
	}
	file->private_data = mm;
	return 0;
}

static void mm_release_file(struct file *file)
{
	if (file->private_data)
		mmdrop(file->private_data);
}

/* To be put with mmput(); NULL: there is none any more. */
static struct mm_struct *mm_of(struct file *file)
{
	struct mm_struct *mm = file->private_data;

	return mm && mmget_not_zero(mm) ? mm : NULL;
}

/* ---- arrays ---- */

/*
 * Entries from *pos on, at most nr_entries of them in all, made by fill() in
 * batches.
 */
static mm_ssize_t read_entries(struct iov_iter *to, u64 *pos, u64 nr_entries,
			       void (*fill)(void *ctx, u64 index,
					    unsigned long nr, u64 *entries),
			       void *ctx)
{
	u64 entries[BATCH], index = *pos / ENTRY_BYTES;
	size_t start = to->count;

	if (*pos % ENTRY_BYTES || to->count % ENTRY_BYTES)
		return -EINVAL;
	while (to->count && index < nr_entries) {
		u64 room = min((u64)BATCH, to->count / ENTRY_BYTES);
		u64 nr = min(nr_entries - index, room);
		size_t bytes = nr * ENTRY_BYTES, done;

		fill(ctx, index, nr, entries);
		done = copy_to_iter(to, entries, bytes);
		*pos += done;
		if (done < bytes)
			return to->count == start
				       ? -EFAULT
				       : (mm_ssize_t)(start - to->count);
		index += nr;
		cond_resched();
	}
	return (mm_ssize_t)(start - to->count);
}

static long entries_llseek(struct file *file, s64 off, int whence)
{
	if (whence == SEEK_END)
		return -EINVAL;
	return generic_llseek(file, off, whence, 0);
}

/* ---- pagemap ---- */

static void fill_pagemap(void *ctx, u64 index, unsigned long nr, u64 *entries)
{
	pid_pagemap(ctx, index << PAGE_SHIFT, nr, entries, capable_root());
}

static mm_ssize_t pagemap_read(struct file *file, struct iov_iter *to, u64 *pos)
{
	struct mm_struct *mm = mm_of(file);
	mm_ssize_t ret;

	if (!mm)
		return 0;
	ret = read_entries(to, pos, TASK_SIZE >> PAGE_SHIFT, fill_pagemap, mm);
	mmput(mm);
	return ret;
}

const struct file_operations pid_pagemap_fops = {
	.open = mm_open,
	.release = mm_release_file,
	.read = pagemap_read,
	.llseek = entries_llseek,
};

/* ---- mem ---- */

/* One buffer's worth; bytes done.  err: why no more. */
static size_t copy_piece(struct mm_struct *mm, struct iov_iter *it, u64 pos,
			 char *buf, bool write, int *err)
{
	size_t n = min(it->count, (size_t)PAGE_SIZE), got, done;

	if (write) {
		got = copy_from_iter(it, buf, n);
		done = access_remote_vm(mm, pos, buf, got, true);
		*err = done < got ? -EIO : got < n ? -EFAULT : 0;
	} else {
		got = access_remote_vm(mm, pos, buf, n, false);
		done = copy_to_iter(it, buf, got);
		*err = done < got ? -EFAULT : got < n ? -EIO : 0;
	}
	return done;
}

/* -EIO: not even one byte is there. */
static mm_ssize_t copy_mem(struct mm_struct *mm, struct iov_iter *it, u64 *pos,
			   bool write)
{
	char *buf = kmalloc(PAGE_SIZE, GFP_KERNEL);
	mm_ssize_t total = 0;
	int err = 0;

	if (!buf)
		return -ENOMEM;
	while (it->count && !err) {
		size_t done = copy_piece(mm, it, *pos, buf, write, &err);

		*pos += done;
		total += (mm_ssize_t)done;
	}
	kfree(buf);
	return total ? total : err;
}

static mm_ssize_t mem_rw(struct file *file, struct iov_iter *it, u64 *pos,
			 bool write)
{
	struct mm_struct *mm = mm_of(file);
	mm_ssize_t ret;

	if (!mm)
		return 0;
	ret = *pos < TASK_SIZE ? copy_mem(mm, it, pos, write) : -EIO;
	mmput(mm);
	return ret;
}

static mm_ssize_t mem_read(struct file *file, struct iov_iter *to, u64 *pos)
{
	return mem_rw(file, to, pos, false);
}

static mm_ssize_t mem_write(struct file *file, struct iov_iter *from, u64 *pos)
{
	return mem_rw(file, from, pos, true);
}

const struct file_operations pid_mem_fops = {
	.open = mm_open,
	.release = mm_release_file,
	.read = mem_read,
	.write = mem_write,
	.llseek = entries_llseek,
};

/* ---- clear_refs ---- */

mm_ssize_t pid_clear_refs_store(const struct proc_inode *pi, char *text,
				size_t len)
{
	struct mm_struct *mm;
	int err;
	u32 what;

	if (kstrtouint(strim(text), 10, &what))
		return -EINVAL;
	mm = get_task_mm(pi->task);
	if (!mm)
		return -ESRCH;
	err = pid_clear_refs(mm, (enum clear_refs)what);
	mmput(mm);
	return err ? err : (mm_ssize_t)len;
}

/* ---- frames ---- */

static void fill_counts(void *ctx, u64 index, unsigned long nr, u64 *entries)
{
	(void)ctx;
	for (unsigned long i = 0; i < nr; i++)
		entries[i] = frame_mapcount(index + i);
}

static void fill_flags(void *ctx, u64 index, unsigned long nr, u64 *entries)
{
	(void)ctx;
	for (unsigned long i = 0; i < nr; i++)
		entries[i] = frame_flags(index + i);
}

static mm_ssize_t kpagecount_read(struct file *file, struct iov_iter *to,
				  u64 *pos)
{
	(void)file;
	return read_entries(to, pos, max_pfn, fill_counts, NULL);
}

static mm_ssize_t kpageflags_read(struct file *file, struct iov_iter *to,
				  u64 *pos)
{
	(void)file;
	return read_entries(to, pos, max_pfn, fill_flags, NULL);
}

const struct file_operations kpagecount_fops = {
	.read = kpagecount_read,
	.llseek = entries_llseek,
};

const struct file_operations kpageflags_fops = {
	.read = kpageflags_read,
	.llseek = entries_llseek,
};
