/* SPDX-License-Identifier: MIT */
/*
 * stat.c - looking at files: stat and statx, readlink, getdents64; and the
 * small calls on any file: ioctl, sync.
 *
 * Everything lives in memory, so sync, fsync and fdatasync have nothing to
 * write: they check their descriptor and succeed, truly done.
 *
 * Sources: stat(2), statx(2), readlink(2), getdents(2), ioctl(2), sync(2).
 */
#include "kernel/fs/internal.h"

#include "kernel/syscall.h"
#include "kernel/task.h"

/* ---- stat ---- */

static long stat_at(int dfd, const char *path, struct k_stat *ust, int flags)
{
	struct dentry *d;
	struct k_stat st;
	int err;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
		return -EINVAL;
	err = user_path(dfd, path, flags, !(flags & AT_SYMLINK_NOFOLLOW), &d);
	if (err)
		return err;
	fill_kstat(d->d_inode, &st);
	dput(d);
	return copy_to_user(ust, &st, sizeof(st)) ? -EFAULT : 0;
}

static long stat_fd(int fd, struct k_stat *ust)
{
	struct fd f = fdget_raw(fd);
	struct k_stat st;

	if (!f.file)
		return -EBADF;
	fill_kstat(f.file->f_inode, &st);
	fdput(f);
	return copy_to_user(ust, &st, sizeof(st)) ? -EFAULT : 0;
}

SYSCALL_DEFINE2(stat, const char *, path, struct k_stat *, st)
{
	return stat_at(AT_FDCWD, path, st, 0);
}

SYSCALL_DEFINE2(lstat, const char *, path, struct k_stat *, st)
{
	return stat_at(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}

SYSCALL_DEFINE2(fstat, int, fd, struct k_stat *, st)
{
	return stat_fd(fd, st);
}

SYSCALL_DEFINE4(newfstatat, int, dfd, const char *, path, struct k_stat *, st,
		int, flags)
{
	return stat_at(dfd, path, st, flags);
}

static void statx_time(struct k_statx_time *t, u64 sec, u64 nsec)
{
	t->tv_sec = (s64)sec;
	t->tv_nsec = (u32)nsec;
}

static void stat_to_statx(const struct k_stat *st, struct k_statx *x)
{
	memset(x, 0, sizeof(*x));
	x->stx_mask = STATX_BASIC_STATS;
	x->stx_blksize = (u32)st->st_blksize;
	x->stx_nlink = (u32)st->st_nlink;
	x->stx_uid = st->st_uid;
	x->stx_gid = st->st_gid;
	x->stx_mode = (u16)st->st_mode;
	x->stx_ino = st->st_ino;
	x->stx_size = (u64)st->st_size;
	x->stx_blocks = (u64)st->st_blocks;
	statx_time(&x->stx_atime, st->st_atime_sec, st->st_atime_nsec);
	statx_time(&x->stx_mtime, st->st_mtime_sec, st->st_mtime_nsec);
	statx_time(&x->stx_ctime, st->st_ctime_sec, st->st_ctime_nsec);
	x->stx_rdev_major = dev_major(st->st_rdev);
	x->stx_rdev_minor = dev_minor(st->st_rdev);
	x->stx_dev_major = dev_major(st->st_dev);
	x->stx_dev_minor = dev_minor(st->st_dev);
}

SYSCALL_DEFINE5(statx, int, dfd, const char *, path, u32, flags, u32, mask,
		struct k_statx *, ux)
{
	const u32 ok = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH |
		       AT_STATX_SYNC_TYPE;
	struct k_stat st;
	struct k_statx x;
	struct dentry *d;
	int err;

	if ((flags & ~ok) || (mask & STATX__RESERVED) ||
	    (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	err = user_path(dfd, path, (int)flags, !(flags & AT_SYMLINK_NOFOLLOW),
			&d);
	if (err)
		return err;
	fill_kstat(d->d_inode, &st);
	dput(d);
	stat_to_statx(&st, &x);
	return copy_to_user(ux, &x, sizeof(x)) ? -EFAULT : 0;
}

/* ---- readlink ---- */

/* A jumping link's text is the path of what it stands for. */
static mm_ssize_t link_text(struct inode *inode, char *buf, size_t size)
{
	struct dentry *to, *root;
	mm_ssize_t len;
	char *p;

	if (!inode->i_op->jump)
		return inode->i_op->readlink(inode, buf, size);
	to = inode->i_op->jump(inode);
	if (IS_ERR(to))
		return PTR_ERR(to);
	root = get_root();
	p = d_path(to, root, buf, size);
	len = IS_ERR(p) ? PTR_ERR(p) : (mm_ssize_t)strlen(p);
	if (len > 0)
		memmove(buf, p, (size_t)len);
	dput(root);
	dput(to);
	return len;
}

static long do_readlinkat(int dfd, const char *path, char *ubuf, int size)
{
	struct dentry *d;
	struct filename fn;
	mm_ssize_t len;
	char *buf;
	int err;

	if (size <= 0)
		return -EINVAL;
	err = getname_flags(&fn, path, true);
	if (err)
		return err;
	err = *fn.name || dfd != AT_FDCWD
		      ? path_lookup(dfd, fn.name, LOOKUP_EMPTY, &d)
		      : -ENOENT;
	putname(&fn);
	if (err)
		return err;
	len = -EINVAL;
	buf = __getname();
	if (!buf)
		len = -ENOMEM;
	else if (S_ISLNK(d->d_inode->mode))
		len = link_text(d->d_inode, buf, PATH_MAX);
	if (len > size)
		len = size;
	if (len > 0 && copy_to_user(ubuf, buf, (size_t)len))
		len = -EFAULT;
	__putname(buf);
	dput(d);
	return len;
}

SYSCALL_DEFINE3(readlink, const char *, path, char *, buf, int, size)
{
	return do_readlinkat(AT_FDCWD, path, buf, size);
}

SYSCALL_DEFINE4(readlinkat, int, dfd, const char *, path, char *, buf, int,
		size)
{
	return do_readlinkat(dfd, path, buf, size);
}

/* ---- getdents64 ---- */

struct dirent_buf {
	char *ubuf;
	size_t left;
	long done;
	int error;
};

static int fill_dirent(void *ctx, const char *name, size_t len, u64 ino,
		       unsigned int type, u64 next_pos)
{
	struct dirent_buf *b = ctx;
	size_t head = offsetof(struct linux_dirent64, d_name);
	size_t size = ALIGN(head + len + 1, 8UL);
	struct linux_dirent64 de = {
		.d_ino = ino,
		.d_off = (s64)next_pos,
		.d_reclen = (u16)size,
		.d_type = (u8)type,
	};

	if (size > b->left) {
		b->error = b->done ? 0 : -EINVAL;
		return 1;
	}
	if (copy_to_user(b->ubuf, &de, head) ||
	    copy_to_user(b->ubuf + head, name, len) ||
	    clear_user(b->ubuf + head + len, size - head - len)) {
		b->error = b->done ? 0 : -EFAULT;
		return 1;
	}
	b->ubuf += size;
	b->left -= size;
	b->done += (long)size;
	return 0;
}

SYSCALL_DEFINE3(getdents64, int, fd, void *, ubuf, u32, size)
{
	struct dirent_buf b = {.ubuf = ubuf, .left = min(size, 1U << 30)};
	struct fd f = fdget(fd);
	struct inode *inode;
	int err;

	if (!f.file)
		return -EBADF;
	inode = f.file->f_inode;
	err = -ENOTDIR;
	if (S_ISDIR(inode->mode) && f.file->f_op->iterate) {
		u64 pos;

		mutex_lock(&f.file->f_pos_lock);
		pos = f.file->f_pos;
		err = f.file->f_op->iterate(f.file, &pos, fill_dirent, &b);
		f.file->f_pos = pos;
		mutex_unlock(&f.file->f_pos_lock);
	}
	fdput(f);
	if (b.done)
		return b.done;
	return err ? err : b.error;
}

/* ---- ioctl ---- */

static long set_nonblock(struct file *file, int *uarg)
{
	int on;

	if (get_user(on, uarg))
		return -EFAULT;
	WRITE_ONCE(file->f_flags, on ? file->f_flags | O_NONBLOCK
				     : file->f_flags & ~O_NONBLOCK);
	return 0;
}

static long file_bytes_left(struct file *file, int *uarg)
{
	u64 size = inode_size(file->f_inode), pos = file->f_pos;
	u64 left = size > pos ? size - pos : 0;

	return put_user((int)min(left, (u64)0x7fffffff), uarg);
}

SYSCALL_DEFINE3(ioctl, int, fd, u32, cmd, unsigned long, arg)
{
	struct fd f = fdget(fd);
	long ret;

	if (!f.file)
		return -EBADF;
	switch (cmd) {
	case FIOCLEX:
	case FIONCLEX:
		fd_set_cloexec(fd, cmd == FIOCLEX);
		ret = 0;
		break;
	case FIONBIO:
		ret = set_nonblock(f.file, (int *)arg);
		break;
	case FIONREAD:
		if (S_ISREG(f.file->f_inode->mode)) {
			ret = file_bytes_left(f.file, (int *)arg);
			break;
		}
		/* fall through */
	default:
		ret = f.file->f_op->ioctl
			      ? f.file->f_op->ioctl(f.file, cmd, arg)
			      : -ENOTTY;
	}
	fdput(f);
	return ret;
}

/* ---- sync ---- */

SYSCALL_DEFINE0(sync)
{
	return 0;
}

static long check_fd(int fd)
{
	struct fd f = fdget(fd);

	if (!f.file)
		return -EBADF;
	fdput(f);
	return 0;
}

static long sync_fd(int fd)
{
	struct fd f = fdget(fd);
	u32 mode;

	if (!f.file)
		return -EBADF;
	mode = f.file->f_inode->mode;
	fdput(f);
	return S_ISREG(mode) || S_ISDIR(mode) ? 0 : -EINVAL;
}

SYSCALL_DEFINE1(fsync, int, fd)
{
	return sync_fd(fd);
}

SYSCALL_DEFINE1(fdatasync, int, fd)
{
	return sync_fd(fd);
}

SYSCALL_DEFINE1(syncfs, int, fd)
{
	return check_fd(fd);
}
