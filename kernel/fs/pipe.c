/* SPDX-License-Identifier: MIT */
/*
 * pipe.c - pipes and FIFOs.
 *
 * 1. Idea.  A ring of bytes over nr_pages page slots (16: 65,536 bytes), a
 *    power of two.  head and tail count bytes since the start; a slot has a
 *    frame only while bytes lie in it, and one spare frame is kept, so that a
 *    ping-pong of small messages allocates nothing.
 *
 * 2. Invariants.
 *    P1  tail <= head <= tail's page + capacity
 *    P2  slots that hold bytes of [tail, head) have a frame; at most one more
 *	  frame is held, in the spare
 *    P3  an empty pipe has head = tail = 0 modulo the page size
 *
 * 3. Atomicity (pipe(7)): a write of at most PIPE_BUF bytes waits until it
 *    fits as a whole, or gives EAGAIN; a longer one goes in pieces.
 *
 * 4. Locking.  pipe->mutex over the ring and the counts of ends; copies to and
 *    from users fault under it.  Sleepers test the counters without it and
 *    look again.  A FIFO's pipe is made by its first opener and freed with the
 *    last, under the inode's i_lock.
 *
 * Sources: pipe(7), fifo(7), pipe(2), fcntl(2).
 */
#include "kernel/fs/internal.h"

#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"

#define PIPE_DEF_PAGES 16U
#define PIPE_MAX_BYTES (1U << 20) /* fs.pipe-max-size */

struct pipe {
	struct mutex mutex;
	u32 nr_pages; /* slots, a power of two */
	u64 head, tail;
	struct page **pages;
	struct page *spare;
	u32 readers, writers;
	u32 reader_opens, writer_opens; /* ever: FIFO's open waits */
	u32 files;			/* open files that refer to it */
	struct wait_queue_head rd_wait, wr_wait;
	struct page *def_pages[PIPE_DEF_PAGES];
};

static struct {
	struct kmem_cache *cache;
} pipes;

void pipe_init(void)
{
	pipes.cache = kmem_cache_create("pipe_inode_info", sizeof(struct pipe),
					8, SLAB_PANIC | SLAB_ACCOUNT, NULL);
}

static struct pipe *pipe_alloc(void)
{
	struct pipe *p = kmem_cache_zalloc(pipes.cache, GFP_KERNEL);

	if (!p)
		return NULL;
	mutex_init(&p->mutex);
	p->nr_pages = PIPE_DEF_PAGES;
	p->pages = p->def_pages;
	init_waitqueue_head(&p->rd_wait);
	init_waitqueue_head(&p->wr_wait);
	return p;
}

static void pipe_free(struct pipe *p)
{
	for (u32 i = 0; i < p->nr_pages; i++)
		if (p->pages[i])
			__free_page(p->pages[i]);
	if (p->spare)
		__free_page(p->spare);
	if (p->pages != p->def_pages)
		kfree(p->pages);
	kmem_cache_free(pipes.cache, p);
}

void pipe_free_inode(struct inode *inode)
{
	if (inode->i_pipe)
		pipe_free(inode->i_pipe);
	inode->i_pipe = NULL;
}

static u64 capacity(const struct pipe *p)
{
	return (u64)p->nr_pages << PAGE_SHIFT;
}

static u64 used(const struct pipe *p)
{
	return READ_ONCE(p->head) - READ_ONCE(p->tail);
}

/* The tail's page is not written again before it is empty. */
static u64 room(const struct pipe *p)
{
	u64 tail_page = READ_ONCE(p->tail) & ~(u64)(PAGE_SIZE - 1);

	return capacity(p) - (READ_ONCE(p->head) - tail_page);
}

static u32 slot_of(const struct pipe *p, u64 pos)
{
	return (u32)(pos >> PAGE_SHIFT) & (p->nr_pages - 1);
}

/* ---- the ring: mutex held ---- */

/* The slot's frame, given one if it has none. */
static struct page *slot_page(struct pipe *p, u32 slot)
{
	if (!p->pages[slot]) {
		p->pages[slot] = p->spare ? p->spare : alloc_page(GFP_HIGHUSER);
		p->spare = NULL;
	}
	return p->pages[slot];
}

static void slot_release(struct pipe *p, u32 slot)
{
	struct page *page = p->pages[slot];

	p->pages[slot] = NULL;
	if (!page)
		return;
	if (p->spare)
		__free_page(page);
	else
		p->spare = page;
}

static void ring_consumed(struct pipe *p, size_t n)
{
	u32 slot = slot_of(p, p->tail);

	p->tail += n;
	if (p->tail == p->head) {
		slot_release(p, slot);
		p->head = 0;
		p->tail = 0;
	} else if (!(p->tail & (PAGE_SIZE - 1))) {
		slot_release(p, slot);
	}
}

/* The bytes that one copy can move: within a page. */
static size_t ring_run(size_t off, u64 there, size_t wanted)
{
	size_t n = min(PAGE_SIZE - off, wanted);

	return min(n, (size_t)there);
}

/* Bytes into the iterator, up to what there is; -EFAULT if none could. */
static mm_ssize_t ring_read(struct pipe *p, struct iov_iter *to)
{
	mm_ssize_t done = 0;

	while (to->count && used(p)) {
		size_t off = p->tail & (PAGE_SIZE - 1);
		size_t n = ring_run(off, used(p), to->count);
		char *src = page_address(p->pages[slot_of(p, p->tail)]);
		size_t got = copy_to_iter(to, src + off, n);

		if (got)
			ring_consumed(p, got);
		done += (mm_ssize_t)got;
		if (got < n)
			return done ? done : -EFAULT;
	}
	return done;
}

static mm_ssize_t ring_write(struct pipe *p, struct iov_iter *from)
{
	mm_ssize_t done = 0;

	while (from->count && room(p)) {
		size_t off = p->head & (PAGE_SIZE - 1);
		size_t n = ring_run(off, room(p), from->count);
		u32 slot = slot_of(p, p->head);
		struct page *page = slot_page(p, slot);
		size_t got;

		if (!page)
			return done ? done : -ENOMEM;
		got = copy_from_iter(from, (char *)page_address(page) + off, n);
		p->head += got;
		done += (mm_ssize_t)got;
		if (got < n) {
			if (!got && !off)
				slot_release(p, slot);
			return done ? done : -EFAULT;
		}
	}
	return done;
}

#if CONFIG_DEBUG_MM
static void pipe_validate(const struct pipe *p)
{
	BUG_ON(p->nr_pages & (p->nr_pages - 1));
	BUG_ON(p->tail > p->head || room(p) > capacity(p)); /* P1 */
	for (u64 at = p->tail; at < p->head;
	     at = (at & ~(u64)(PAGE_SIZE - 1)) + PAGE_SIZE)
		BUG_ON(!p->pages[slot_of(p, at)]);		   /* P2 */
	BUG_ON(p->head == p->tail && (p->head & (PAGE_SIZE - 1))); /* P3 */
}
#else
static inline void pipe_validate(const struct pipe *p)
{
	(void)p;
}
#endif

/* ---- reading and writing ---- */

static bool nonblocking(const struct file *file)
{
	return READ_ONCE(file->f_flags) & O_NONBLOCK;
}

static mm_ssize_t pipe_read(struct file *file, struct iov_iter *to, u64 *pos)
{
	struct pipe *p = file->private_data;
	mm_ssize_t ret;

	(void)pos;
	if (!to->count)
		return 0;
	for (;;) {
		bool was_full;

		mutex_lock(&p->mutex);
		was_full = room(p) < PIPE_BUF;
		ret = ring_read(p, to);
		pipe_validate(p);
		if (!ret && p->writers)
			ret = -EAGAIN;
		mutex_unlock(&p->mutex);
		if (ret > 0 && was_full)
			wake_up(&p->wr_wait);
		if (ret != -EAGAIN || nonblocking(file))
			return ret;
		ret = wait_event_interruptible(
			&p->rd_wait, used(p) || !READ_ONCE(p->writers));
		if (ret)
			return ret;
	}
}

/* What fits now of the rest; 0: nothing, wait.  mutex held. */
static mm_ssize_t write_some(struct pipe *p, struct iov_iter *from, bool whole)
{
	if (!p->readers)
		return -EPIPE;
	if (room(p) < (whole ? from->count : 1))
		return 0;
	return ring_write(p, from);
}

static mm_ssize_t pipe_write(struct file *file, struct iov_iter *from, u64 *pos)
{
	struct pipe *p = file->private_data;
	bool whole = from->count <= PIPE_BUF;
	mm_ssize_t ret, done = 0;

	(void)pos;
	if (!from->count)
		return 0;
	for (;;) {
		bool was_empty;
		u64 need = whole ? from->count : 1;

		mutex_lock(&p->mutex);
		was_empty = !used(p);
		ret = write_some(p, from, whole);
		pipe_validate(p);
		mutex_unlock(&p->mutex);
		if (ret > 0) {
			done += ret;
			if (was_empty)
				wake_up(&p->rd_wait);
			if (!from->count)
				return done;
			continue;
		}
		if (!ret && nonblocking(file))
			ret = -EAGAIN;
		if (!ret)
			ret = wait_event_interruptible(
				&p->wr_wait,
				room(p) >= need || !READ_ONCE(p->readers));
		if (ret)
			break;
	}
	if (ret == -EPIPE)
		send_sig_current(SIGPIPE);
	return done ? done : ret;
}

static u32 pipe_poll(struct file *file, struct poll_table *pt)
{
	struct pipe *p = file->private_data;
	u32 mask = 0;

	if (file->f_mode & FMODE_READ) {
		poll_wait(file, &p->rd_wait, pt);
		if (used(p))
			mask |= POLLIN | POLLRDNORM;
		if (!READ_ONCE(p->writers) &&
		    (file->f_op != &fifo_fops || READ_ONCE(p->writer_opens)))
			mask |= POLLHUP;
	}
	if (file->f_mode & FMODE_WRITE) {
		poll_wait(file, &p->wr_wait, pt);
		if (room(p) >= PIPE_BUF)
			mask |= POLLOUT | POLLWRNORM;
		if (!READ_ONCE(p->readers))
			mask |= POLLERR;
	}
	return mask;
}

static long pipe_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct pipe *p = file->private_data;

	if (cmd == FIONREAD)
		return put_user((int)used(p), (int *)arg);
	return -ENOTTY;
}

/* ---- opening and closing ---- */

static void count_end(struct pipe *p, u32 mode)
{
	if (mode & FMODE_READ) {
		p->readers++;
		p->reader_opens++;
	}
	if (mode & FMODE_WRITE) {
		p->writers++;
		p->writer_opens++;
	}
}

/* An end is gone; the last one of all frees the pipe. */
static void drop_end(struct inode *inode, struct pipe *p, u32 mode)
{
	bool last;

	mutex_lock(&p->mutex);
	if (mode & FMODE_READ)
		p->readers--;
	if (mode & FMODE_WRITE)
		p->writers--;
	mutex_unlock(&p->mutex);
	wake_up(&p->rd_wait);
	wake_up(&p->wr_wait);
	mutex_lock(&inode->i_lock);
	last = !--p->files;
	if (last)
		inode->i_pipe = NULL;
	mutex_unlock(&inode->i_lock);
	if (last)
		pipe_free(p);
}

static void pipe_release(struct file *file)
{
	drop_end(file->f_inode, file->private_data, file->f_mode);
}

/* The FIFO's pipe, made if needed, with one more user; NULL: no memory. */
static struct pipe *fifo_get_pipe(struct inode *inode)
{
	struct pipe *p;

	mutex_lock(&inode->i_lock);
	if (!inode->i_pipe)
		inode->i_pipe = pipe_alloc();
	p = inode->i_pipe;
	if (p)
		p->files++;
	mutex_unlock(&inode->i_lock);
	return p;
}

/* fifo(7): opening for one direction waits for the other. */
static int fifo_wait_partner(struct file *file, struct pipe *p)
{
	u32 seen;

	if (file->f_mode & FMODE_READ) {
		seen = READ_ONCE(p->writer_opens);
		if (READ_ONCE(p->writers) || nonblocking(file))
			return 0;
		return (int)wait_event_interruptible(
			&p->rd_wait, READ_ONCE(p->writer_opens) != seen);
	}
	seen = READ_ONCE(p->reader_opens);
	if (READ_ONCE(p->readers))
		return 0;
	return (int)wait_event_interruptible(
		&p->wr_wait, READ_ONCE(p->reader_opens) != seen);
}

static int fifo_open(struct inode *inode, struct file *file)
{
	u32 rw = file->f_mode & (FMODE_READ | FMODE_WRITE);
	struct pipe *p;
	int err;

	if (!rw)
		return -EINVAL;
	p = fifo_get_pipe(inode);
	if (!p)
		return -ENOMEM;
	mutex_lock(&p->mutex);
	err = rw == FMODE_WRITE && nonblocking(file) && !p->readers ? -ENXIO
								    : 0;
	count_end(p, rw);
	mutex_unlock(&p->mutex);
	wake_up(&p->rd_wait);
	wake_up(&p->wr_wait);
	if (!err && rw != (FMODE_READ | FMODE_WRITE))
		err = fifo_wait_partner(file, p);
	if (err) {
		drop_end(inode, p, rw);
		return err;
	}
	file->private_data = p;
	return 0;
}

const struct file_operations fifo_fops = {
	.open = fifo_open,
	.release = pipe_release,
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.stream = true,
};

/* The same object; a pipe's ends are both there from the start. */
static const struct file_operations pipe_fops = {
	.open = fifo_open,
	.release = pipe_release,
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.stream = true,
};

static struct dentry *pipe_dentry(void)
{
	struct inode *inode = new_inode(&pipefs_sb, S_IFIFO | 0600);
	char name[32];
	struct dentry *d;

	if (!inode)
		return NULL;
	inode->i_fop = &pipe_fops;
	scnprintf(name, sizeof(name), "pipe:[%llu]",
		  (unsigned long long)inode->ino);
	d = d_alloc_anon(inode, name);
	if (!d)
		iput(inode);
	return d;
}

static struct file *pipe_end(struct dentry *d, struct pipe *p, int flags)
{
	struct file *f = alloc_file(d, flags, &pipe_fops);

	if (!f)
		return NULL;
	f->private_data = p;
	p->files++;
	count_end(p, f->f_mode & (FMODE_READ | FMODE_WRITE));
	return f;
}

/* Two open files, [0] reads and [1] writes. */
static int create_pipe(struct file *f[2], int flags)
{
	struct dentry *d = pipe_dentry();
	struct pipe *p = pipe_alloc();
	int err = -ENOMEM;

	if (!d || !p)
		goto out;
	f[0] = pipe_end(d, p, O_RDONLY | flags);
	if (!f[0])
		goto out;
	d->d_inode->i_pipe = p;
	f[1] = pipe_end(d, p, O_WRONLY | flags);
	p = NULL; /* f[0] frees it */
	if (!f[1]) {
		fput(f[0]);
		goto out;
	}
	err = 0;
out:
	if (p)
		pipe_free(p);
	dput(d);
	return err;
}

static int do_pipe2(int *ufds, int flags)
{
	struct file *f[2];
	int fd[2], err;

	if (flags & O_DIRECT) /* packet mode */
		return -EINVAL;
	if (flags & ~(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	err = create_pipe(f, flags & O_NONBLOCK);
	if (err)
		return err;
	fd[0] = get_unused_fd(flags & O_CLOEXEC);
	err = fd[0];
	if (fd[0] < 0)
		goto out_files;
	fd[1] = get_unused_fd(flags & O_CLOEXEC);
	err = fd[1];
	if (fd[1] < 0)
		goto out_fd0;
	err = -EFAULT;
	if (copy_to_user(ufds, fd, sizeof(fd)))
		goto out_fd1;
	fd_install(fd[0], f[0]);
	fd_install(fd[1], f[1]);
	return 0;
out_fd1:
	put_unused_fd(fd[1]);
out_fd0:
	put_unused_fd(fd[0]);
out_files:
	fput(f[0]);
	fput(f[1]);
	return err;
}

SYSCALL_DEFINE1(pipe, int *, fds)
{
	return do_pipe2(fds, 0);
}

SYSCALL_DEFINE2(pipe2, int *, fds, int, flags)
{
	return do_pipe2(fds, flags);
}

/* ---- size ---- */

/* Move the frames that hold bytes to a ring of nr slots. */
static int set_size_locked(struct pipe *p, u32 nr)
{
	u64 base = p->tail & ~(u64)(PAGE_SIZE - 1);
	struct page **pages;
	u32 i = 0;

	if (p->head - base > (u64)nr << PAGE_SHIFT)
		return -EBUSY;
	pages = kcalloc(nr, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	for (u64 at = base; at < p->head; at += PAGE_SIZE, i++) {
		pages[i] = p->pages[slot_of(p, at)];
		p->pages[slot_of(p, at)] = NULL;
	}
	for (i = 0; i < p->nr_pages; i++)
		if (p->pages[i])
			__free_page(p->pages[i]);
	if (p->pages != p->def_pages)
		kfree(p->pages);
	p->pages = pages;
	p->nr_pages = nr;
	p->head -= base;
	p->tail -= base;
	return 0;
}

static long set_pipe_size(struct pipe *p, unsigned long size)
{
	u32 nr = 1;
	int err;

	if (size > 1UL << 31)
		return -EINVAL;
	while ((unsigned long)nr << PAGE_SHIFT < size)
		nr *= 2;
	if (!size)
		return -EINVAL;
	if (nr > p->nr_pages && nr > PIPE_MAX_BYTES >> PAGE_SHIFT &&
	    !capable_root())
		return -EPERM;
	mutex_lock(&p->mutex);
	err = nr == p->nr_pages ? 0 : set_size_locked(p, nr);
	pipe_validate(p);
	mutex_unlock(&p->mutex);
	wake_up(&p->wr_wait);
	return err ? err : (long)nr << PAGE_SHIFT;
}

long pipe_fcntl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct pipe *p = file->private_data;

	if (file->f_op != &pipe_fops && file->f_op != &fifo_fops)
		return -EBADF;
	if (cmd == F_GETPIPE_SZ)
		return (long)capacity(p);
	return set_pipe_size(p, arg);
}
