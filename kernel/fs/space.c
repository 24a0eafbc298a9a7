/* SPDX-License-Identifier: MIT */
/*
 * space.c - calls about the room that files take and how they will be read.
 *
 * Everything lives in memory: advice about reading ahead is checked and has
 * nothing to do.
 *
 * Sources: fallocate(2), posix_fadvise(2), readahead(2), sync_file_range(2).
 */
#include "kernel/fs/internal.h"

#include "kernel/syscall.h"

/* ---- fallocate ---- */

/* Which of the modes it is; one at a time. */
#define FALLOC_FL_COLLAPSE_RANGE 0x08
#define FALLOC_FL_ZERO_RANGE	 0x10
#define FALLOC_FL_INSERT_RANGE	 0x20
#define FALLOC_FL_UNSHARE_RANGE	 0x40

static int check_falloc_mode(int mode)
{
	switch (mode & ~FALLOC_FL_KEEP_SIZE) {
	case 0:
	case FALLOC_FL_ZERO_RANGE:
	case FALLOC_FL_UNSHARE_RANGE:
		return 0;
	case FALLOC_FL_PUNCH_HOLE:
		return mode & FALLOC_FL_KEEP_SIZE ? 0 : -EOPNOTSUPP;
	case FALLOC_FL_COLLAPSE_RANGE:
	case FALLOC_FL_INSERT_RANGE:
		return mode & FALLOC_FL_KEEP_SIZE ? -EOPNOTSUPP : 0;
	default:
		return -EOPNOTSUPP;
	}
}

static long do_fallocate(struct file *f, int mode, s64 off, s64 len)
{
	int err;

	if (off < 0 || len <= 0)
		return -EINVAL;
	err = check_falloc_mode(mode);
	if (err)
		return err;
	if (!(f->f_mode & FMODE_WRITE))
		return -EBADF;
	if (S_ISFIFO(f->f_inode->mode))
		return -ESPIPE;
	if (S_ISDIR(f->f_inode->mode))
		return -EISDIR;
	if (!S_ISREG(f->f_inode->mode))
		return -ENODEV;
	if (len > INT64_MAX - off)
		return -EFBIG;
	if (!f->f_op->fallocate)
		return -EOPNOTSUPP;
	return f->f_op->fallocate(f, mode, (u64)off, (u64)len);
}

SYSCALL_DEFINE4(fallocate, int, fd, int, mode, s64, off, s64, len)
{
	struct fd f = fdget(fd);
	long err;

	if (!f.file)
		return -EBADF;
	err = do_fallocate(f.file, mode, off, len);
	fdput(f);
	return err;
}

/* ---- advice ---- */

#define POSIX_FADV_NOREUSE 5

SYSCALL_DEFINE4(fadvise64, int, fd, s64, off, s64, len, int, advice)
{
	struct fd f = fdget(fd);
	long err = 0;

	(void)off;
	if (!f.file)
		return -EBADF;
	if (S_ISFIFO(f.file->f_inode->mode))
		err = -ESPIPE;
	else if (len < 0 || advice < 0 || advice > POSIX_FADV_NOREUSE)
		err = -EINVAL;
	fdput(f);
	return err;
}

SYSCALL_DEFINE3(readahead, int, fd, s64, off, size_t, count)
{
	struct fd f = fdget(fd);
	long err = 0;

	(void)off;
	(void)count;
	if (!f.file)
		return -EBADF;
	if (!(f.file->f_mode & FMODE_READ))
		err = -EBADF;
	else if (!S_ISREG(f.file->f_inode->mode))
		err = -EINVAL;
	fdput(f);
	return err;
}

#define SYNC_FILE_RANGE_ALL 7U /* WAIT_BEFORE, WRITE, WAIT_AFTER */

SYSCALL_DEFINE4(sync_file_range, int, fd, s64, off, s64, len, unsigned int,
		flags)
{
	struct fd f = fdget(fd);
	u32 mode;

	if (!f.file)
		return -EBADF;
	mode = f.file->f_inode->mode;
	fdput(f);
	if ((flags & ~SYNC_FILE_RANGE_ALL) || off < 0 || len < 0 ||
	    len > INT64_MAX - off)
		return -EINVAL;
	/* Pipes and characters have no ranges. */
	return S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode) || S_ISBLK(mode)
		       ? 0
		       : -ESPIPE;
}
