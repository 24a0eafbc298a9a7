/* SPDX-License-Identifier: MIT */
/*
 * read_write.c - moving bytes: read, write and their families, lseek,
 * sendfile.
 *
 * 1. A transfer is an iov_iter: one piece of user memory, several, or one
 *    kernel buffer.  Drivers see no difference.  A fault in the middle ends
 *    the transfer with what was moved so far; EFAULT only if that is nothing.
 *
 * 2. Regular files share one position among all who hold the open file, so
 *    read and write hold f_pos_lock, but only if someone else holds it too.
 *    Streams have none.
 *
 * Sources: read(2), write(2), readv(2), lseek(2), sendfile(2), setrlimit(2).
 */
#include "kernel/fs/internal.h"

#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"

/* ---- iterators ---- */

void iov_iter_user(struct iov_iter *it, const void *ubuf, size_t n)
{
	*it = (struct iov_iter){
		.base = (uintptr_t)ubuf, .seg_left = n, .count = n};
}

void iov_iter_kernel(struct iov_iter *it, const void *buf, size_t n)
{
	iov_iter_user(it, buf, n);
	it->kernel = true;
}

static void next_segment(struct iov_iter *it)
{
	while (!it->seg_left && it->count) {
		it->base = it->next->iov_base;
		it->seg_left = min((size_t)it->next->iov_len, it->count);
		it->next++;
	}
}

enum iter_op { ITER_TO, ITER_FROM, ITER_CLEAR };

/* One run within a piece; bytes not moved. */
static size_t move_run(struct iov_iter *it, void *buf, size_t n,
		       enum iter_op op)
{
	void *p = (void *)it->base;

	if (unlikely(it->kernel)) {
		if (op == ITER_TO)
			memcpy(p, buf, n);
		else if (op == ITER_FROM)
			memcpy(buf, p, n);
		else
			memset(p, 0, n);
		return 0;
	}
	switch (op) {
	case ITER_TO:
		return copy_to_user(p, buf, n);
	case ITER_FROM:
		return raw_copy_from_user(buf, p, n);
	default:
		return clear_user(p, n);
	}
}

static size_t iter_move(struct iov_iter *it, char *buf, size_t n,
			enum iter_op op)
{
	size_t done = 0;

	n = min(n, it->count);
	while (done < n) {
		size_t run, left;

		if (!it->seg_left)
			next_segment(it);
		run = min(n - done, it->seg_left);
		left = move_run(it, buf ? buf + done : NULL, run, op);
		run -= left;
		it->base += run;
		it->seg_left -= run;
		it->count -= run;
		done += run;
		if (left)
			break;
	}
	return done;
}

size_t copy_to_iter(struct iov_iter *it, const void *from, size_t n)
{
	return iter_move(it, (char *)from, n, ITER_TO);
}

size_t copy_from_iter(struct iov_iter *it, void *to, size_t n)
{
	return iter_move(it, to, n, ITER_FROM);
}

size_t clear_iter(struct iov_iter *it, size_t n)
{
	return iter_move(it, NULL, n, ITER_CLEAR);
}

/* ---- one transfer ---- */

mm_ssize_t vfs_read(struct file *file, struct iov_iter *it, u64 *pos)
{
	if (!(file->f_mode & FMODE_READ))
		return -EBADF;
	if (!file->f_op->read)
		return S_ISDIR(file->f_inode->mode) ? -EISDIR : -EINVAL;
	return file->f_op->read(file, it, pos);
}

mm_ssize_t vfs_write(struct file *file, struct iov_iter *it, u64 *pos)
{
	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	if (!file->f_op->write)
		return -EINVAL;
	return file->f_op->write(file, it, pos);
}

mm_ssize_t kernel_read(struct file *file, void *buf, size_t n, u64 pos)
{
	struct iov_iter it;

	iov_iter_kernel(&it, buf, n);
	return vfs_read(file, &it, &pos);
}

mm_ssize_t kernel_write(struct file *file, const void *buf, size_t n, u64 *pos)
{
	struct iov_iter it;

	iov_iter_kernel(&it, buf, n);
	return vfs_write(file, &it, pos);
}

mm_ssize_t generic_write_limit(u64 pos, size_t count)
{
	u64 limit = current->signal->rlim[RLIMIT_FSIZE].rlim_cur;

	/* loff_t's maximum, rounded to whole pages. */
	const u64 max_bytes = 0x7ffffffffffff000UL;

	if (limit != RLIM_INFINITY && pos >= limit) {
		send_sig_current(SIGXFSZ);
		return -EFBIG;
	}
	limit = min(limit, max_bytes);
	if (pos >= limit)
		return -EFBIG;
	return (mm_ssize_t)min((u64)count, limit - pos);
}

typedef mm_ssize_t (*transfer_fn)(struct file *, struct iov_iter *, u64 *);

/* At the file's own position. */
static mm_ssize_t transfer_at_pos(struct file *file, struct iov_iter *it,
				  transfer_fn fn)
{
	bool lock;
	mm_ssize_t ret;
	u64 pos;

	if (file->f_op->stream) {
		pos = 0;
		return fn(file, it, &pos);
	}
	lock = READ_ONCE(file->f_count) > 1;
	if (lock)
		mutex_lock(&file->f_pos_lock);
	pos = file->f_pos;
	ret = fn(file, it, &pos);
	file->f_pos = pos;
	if (lock)
		mutex_unlock(&file->f_pos_lock);
	return ret;
}

static int user_iter(struct iov_iter *it, const void *ubuf, size_t n)
{
	if ((mm_ssize_t)n < 0)
		return -EINVAL;
	if (!access_ok(ubuf, n))
		return -EFAULT;
	iov_iter_user(it, ubuf, min(n, MAX_RW_COUNT));
	return 0;
}

static mm_ssize_t rw_at_pos(int fd, const void *ubuf, size_t n, transfer_fn fn)
{
	struct fd f = fdget(fd);
	struct iov_iter it;
	mm_ssize_t ret;

	if (!f.file)
		return -EBADF;
	ret = user_iter(&it, ubuf, n);
	if (!ret)
		ret = transfer_at_pos(f.file, &it, fn);
	fdput(f);
	return ret;
}

SYSCALL_DEFINE3(read, int, fd, void *, buf, size_t, n)
{
	return rw_at_pos(fd, buf, n, vfs_read);
}

SYSCALL_DEFINE3(write, int, fd, const void *, buf, size_t, n)
{
	return rw_at_pos(fd, buf, n, vfs_write);
}

/* At a given position, the file's own untouched. */
static mm_ssize_t transfer_at(struct file *file, struct iov_iter *it, s64 pos,
			      transfer_fn fn)
{
	u64 p = (u64)pos;

	if (pos < 0)
		return -EINVAL;
	if (file->f_op->stream)
		return -ESPIPE;
	return fn(file, it, &p);
}

static mm_ssize_t rw_at(int fd, const void *ubuf, size_t n, s64 pos,
			transfer_fn fn)
{
	struct fd f;
	struct iov_iter it;
	mm_ssize_t ret;

	if (pos < 0)
		return -EINVAL;
	f = fdget(fd);
	if (!f.file)
		return -EBADF;
	ret = user_iter(&it, ubuf, n);
	if (!ret)
		ret = transfer_at(f.file, &it, pos, fn);
	fdput(f);
	return ret;
}

SYSCALL_DEFINE4(pread64, int, fd, void *, buf, size_t, n, s64, pos)
{
	return rw_at(fd, buf, n, pos, vfs_read);
}

SYSCALL_DEFINE4(pwrite64, int, fd, const void *, buf, size_t, n, s64, pos)
{
	return rw_at(fd, buf, n, pos, vfs_write);
}

/* ---- vectors ---- */

int import_iovec(struct iov_copy *c, struct iov_iter *it,
		 const struct k_iovec *uvec, unsigned long nr)
{
	size_t total = 0;
	int err = -EFAULT;

	if (nr > UIO_MAXIOV)
		return -EINVAL;
	c->vec = c->small;
	if (nr > IOV_INLINE) {
		c->vec = kmalloc_array(nr, sizeof(*c->vec), GFP_KERNEL);
		if (!c->vec)
			return -ENOMEM;
	}
	if (copy_from_user(c->vec, uvec, nr * sizeof(*c->vec)))
		goto out_free;
	for (unsigned long i = 0; i < nr; i++) {
		struct k_iovec *v = &c->vec[i];

		err = -EINVAL;
		if ((s64)v->iov_len < 0)
			goto out_free;
		err = -EFAULT;
		if (!access_ok((void *)v->iov_base, v->iov_len))
			goto out_free;
		v->iov_len = min((size_t)v->iov_len, MAX_RW_COUNT - total);
		total += v->iov_len;
	}
	*it = (struct iov_iter){.count = total, .next = c->vec};
	next_segment(it);
	return 0;
out_free:
	if (c->vec != c->small)
		kfree(c->vec);
	return err;
}

void free_iovec(struct iov_copy *c)
{
	if (c->vec != c->small)
		kfree(c->vec);
}

/* pos -1: the file's own. */
static mm_ssize_t rw_vector(int fd, const struct k_iovec *uvec,
			    unsigned long nr, s64 pos, bool own_pos,
			    transfer_fn fn)
{
	struct fd f = fdget(fd);
	struct iov_copy c;
	struct iov_iter it;
	mm_ssize_t ret;

	if (!f.file)
		return -EBADF;
	ret = import_iovec(&c, &it, uvec, nr);
	if (!ret) {
		ret = own_pos ? transfer_at_pos(f.file, &it, fn)
			      : transfer_at(f.file, &it, pos, fn);
		free_iovec(&c);
	}
	fdput(f);
	return ret;
}

SYSCALL_DEFINE3(readv, int, fd, const struct k_iovec *, vec, unsigned long, nr)
{
	return rw_vector(fd, vec, nr, 0, true, vfs_read);
}

SYSCALL_DEFINE3(writev, int, fd, const struct k_iovec *, vec, unsigned long, nr)
{
	return rw_vector(fd, vec, nr, 0, true, vfs_write);
}

SYSCALL_DEFINE4(preadv, int, fd, const struct k_iovec *, vec, unsigned long, nr,
		s64, pos)
{
	return rw_vector(fd, vec, nr, pos, false, vfs_read);
}

SYSCALL_DEFINE4(pwritev, int, fd, const struct k_iovec *, vec, unsigned long,
		nr, s64, pos)
{
	return rw_vector(fd, vec, nr, pos, false, vfs_write);
}

/* On x86-64 the position's low half is all of it; RWF_* do not exist. */
SYSCALL_DEFINE6(preadv2, int, fd, const struct k_iovec *, vec, unsigned long,
		nr, s64, pos, u64, pos_high, int, flags)
{
	(void)pos_high;
	if (flags)
		return -EOPNOTSUPP;
	return rw_vector(fd, vec, nr, pos, pos == -1, vfs_read);
}

SYSCALL_DEFINE6(pwritev2, int, fd, const struct k_iovec *, vec, unsigned long,
		nr, s64, pos, u64, pos_high, int, flags)
{
	(void)pos_high;
	if (flags)
		return -EOPNOTSUPP;
	return rw_vector(fd, vec, nr, pos, pos == -1, vfs_write);
}

/* ---- lseek ---- */

long generic_llseek(struct file *file, s64 off, int whence, u64 size)
{
	s64 base;

	switch (whence) {
	case SEEK_SET:
		base = 0;
		break;
	case SEEK_CUR:
		base = (s64)file->f_pos;
		break;
	case SEEK_END:
		base = (s64)size;
		break;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, off, &off))
		return -EOVERFLOW;
	if (off < 0)
		return -EINVAL;
	file->f_pos = (u64)off;
	return off;
}

SYSCALL_DEFINE3(lseek, int, fd, s64, off, u32, whence)
{
	struct fd f = fdget(fd);
	long ret;

	if (!f.file)
		return -EBADF;
	if (f.file->f_op->stream) {
		ret = -ESPIPE;
	} else if (whence > SEEK_HOLE) {
		ret = -EINVAL;
	} else {
		mutex_lock(&f.file->f_pos_lock);
		ret = f.file->f_op->llseek
			      ? f.file->f_op->llseek(f.file, off, (int)whence)
			      : generic_llseek(f.file, off, (int)whence,
					       inode_size(f.file->f_inode));
		mutex_unlock(&f.file->f_pos_lock);
	}
	fdput(f);
	return ret;
}

/* ---- sendfile ---- */

/* One page at a time through a kernel buffer. */
static mm_ssize_t copy_files(struct file *out, struct file *in, u64 *pos,
			     size_t n)
{
	char *buf = kmalloc(PAGE_SIZE, GFP_KERNEL);
	mm_ssize_t done = 0, ret = 0;
	u64 out_pos = out->f_pos;

	if (!buf)
		return -ENOMEM;
	while ((size_t)done < n) {
		size_t want = min(n - (size_t)done, (size_t)PAGE_SIZE);
		u64 p = *pos;
		struct iov_iter it;

		iov_iter_kernel(&it, buf, want);
		ret = vfs_read(in, &it, &p);
		if (ret <= 0)
			break;
		iov_iter_kernel(&it, buf, (size_t)ret);
		ret = vfs_write(out, &it, &out_pos);
		if (ret <= 0)
			break;
		*pos += (u64)ret;
		done += ret;
		if ((size_t)ret < want)
			break;
		if (signal_pending_current())
			break;
	}
	if (!out->f_op->stream)
		out->f_pos = out_pos;
	kfree(buf);
	return done ? done : ret;
}

static mm_ssize_t do_sendfile(struct file *out, struct file *in, s64 *uoff,
			      size_t n)
{
	u64 pos;
	s64 off = (s64)in->f_pos;
	mm_ssize_t ret;

	/* A bad pointer is found before a bad file. */
	if (uoff && get_user(off, uoff))
		return -EFAULT;
	if (!(in->f_mode & FMODE_READ) || !(out->f_mode & FMODE_WRITE))
		return -EBADF;
	/* Only what has contents at positions can be a source. */
	if (in->f_op->stream)
		return uoff ? -ESPIPE : -EINVAL;
	if (out->f_flags & O_APPEND)
		return -EINVAL;
	if (off < 0)
		return -EINVAL;
	pos = (u64)off;
	ret = copy_files(out, in, &pos, min(n, MAX_RW_COUNT));
	if (!uoff)
		in->f_pos = pos;
	else if (put_user((s64)pos, uoff))
		return -EFAULT;
	return ret;
}

SYSCALL_DEFINE4(sendfile, int, out_fd, int, in_fd, s64 *, uoff, size_t, n)
{
	struct fd in = fdget(in_fd), out;
	mm_ssize_t ret = -EBADF;

	if (!in.file)
		return -EBADF;
	out = fdget(out_fd);
	if (out.file) {
		ret = do_sendfile(out.file, in.file, uoff, n);
		fdput(out);
	}
	fdput(in);
	return ret;
}
