/* SPDX-License-Identifier: MIT */
/*
 * fdtable.c - descriptor tables: small numbers for open files.
 *
 * 1. fdget() takes a reference only if another thread or process shares the
 *    table: with one user no one can close the descriptor while the call that
 *    looked it up is running.  (Readers of /proc/PID/fd share it for a moment,
 *    but close nothing.)
 *
 * 2. Invariants.
 *    F1  bit n of open is set while slot n is taken or reserved
 *    F2  next_fd is not above the lowest clear bit
 *    F3  cloexec is a subset of open
 *
 * 3. Locking.  files->lock guards the table; a grown table is published under
 *    it.  It is not held while files are closed.
 *
 * Sources: open(2), dup(2), close(2), fcntl(2), getrlimit(2).
 */
#include "kernel/fs/internal.h"

#include "kernel/syscall.h"
#include "kernel/task.h"

/* A program's usual handful; one word of each bitmap. */
#define NR_OPEN_DEFAULT 64U
/* Linux's fs.nr_open: the highest RLIMIT_NOFILE can reach. */
#define NR_OPEN_MAX 1048576U

struct files_struct {
	u32 count;
	u32 max_fds;
	u32 next_fd;
	spinlock_t lock;
	struct file **fd;
	u64 *open;
	u64 *cloexec;
	struct file *fd_init[NR_OPEN_DEFAULT];
	u64 open_init, cloexec_init;
};

static struct {
	struct kmem_cache *cache;
} fdtables;

void fdtable_init(void)
{
	fdtables.cache =
		kmem_cache_create("files_cache", sizeof(struct files_struct), 8,
				  SLAB_PANIC | SLAB_ACCOUNT, NULL);
}

struct files_struct *files_alloc(void)
{
	struct files_struct *fs = kmem_cache_zalloc(fdtables.cache, GFP_KERNEL);

	if (!fs)
		return NULL;
	fs->count = 1;
	fs->max_fds = NR_OPEN_DEFAULT;
	fs->fd = fs->fd_init;
	fs->open = &fs->open_init;
	fs->cloexec = &fs->cloexec_init;
	spin_lock_init(&fs->lock, LOCK_RANK_FILES);
	return fs;
}

/* The three arrays in one block, pointers first. */
struct table {
	struct file **fd;
	u64 *open, *cloexec;
};

static int table_alloc(struct table *t, u32 nr)
{
	size_t words = nr / 64;
	char *p = kvzalloc(nr * sizeof(void *) + 2 * words * 8, GFP_KERNEL);

	if (!p)
		return -ENOMEM;
	t->fd = (struct file **)(void *)p;
	t->open = (u64 *)(void *)(p + nr * sizeof(void *));
	t->cloexec = t->open + words;
	return 0;
}

static void table_copy(const struct table *t, const struct files_struct *fs)
{
	memcpy(t->fd, fs->fd, fs->max_fds * sizeof(void *));
	memcpy(t->open, fs->open, fs->max_fds / 8);
	memcpy(t->cloexec, fs->cloexec, fs->max_fds / 8);
}

static void table_free(struct files_struct *fs)
{
	if (fs->fd != fs->fd_init)
		kvfree(fs->fd);
}

static void table_install(struct files_struct *fs, const struct table *t,
			  u32 nr)
{
	fs->fd = t->fd;
	fs->open = t->open;
	fs->cloexec = t->cloexec;
	fs->max_fds = nr;
}

static u32 table_size_for(u32 fd)
{
	u32 nr = NR_OPEN_DEFAULT;

	while (nr <= fd)
		nr *= 2;
	return nr;
}

/* Room for descriptor fd; drops and retakes files->lock. */
static int grow_locked(struct files_struct *fs, u32 fd)
{
	u32 nr = table_size_for(fd);
	struct file **old = NULL;
	struct table t;
	int err;

	spin_unlock(&fs->lock);
	err = table_alloc(&t, nr);
	spin_lock(&fs->lock);
	if (err)
		return err;
	if (fs->max_fds < nr) {
		old = fs->fd == fs->fd_init ? NULL : fs->fd;
		table_copy(&t, fs);
		table_install(fs, &t, nr);
	} else {
		old = t.fd; /* another thread grew it */
	}
	if (old) {
		spin_unlock(&fs->lock);
		kvfree(old);
		spin_lock(&fs->lock);
	}
	return 0;
}

static u32 find_clear(const struct files_struct *fs, u32 from)
{
	for (u32 w = from / 64; w < fs->max_fds / 64; w++) {
		u64 free = ~fs->open[w];

		if (w == from / 64)
			free &= ~0UL << (from % 64);
		if (free)
			return w * 64 + (u32)__builtin_ctzl(free);
	}
	return max(fs->max_fds, from);
}

static u32 nofile_limit(void)
{
	u64 cur = current->signal->rlim[RLIMIT_NOFILE].rlim_cur;

	return cur > NR_OPEN_MAX ? NR_OPEN_MAX : (u32)cur;
}

static void take_slot(struct files_struct *fs, u32 fd, bool cloexec)
{
	u64 bit = 1UL << (fd % 64);

	fs->open[fd / 64] |= bit;
	if (cloexec)
		fs->cloexec[fd / 64] |= bit;
	else
		fs->cloexec[fd / 64] &= ~bit;
}

/* Reserve the lowest free descriptor >= from: it, or -E. */
static int alloc_fd(struct files_struct *fs, u32 from, bool cloexec)
{
	u32 limit = nofile_limit(), fd;
	int err = 0;

	spin_lock(&fs->lock);
	for (;;) {
		fd = find_clear(fs, max(from, fs->next_fd));
		if (fd >= limit)
			err = -EMFILE;
		else if (fd >= fs->max_fds)
			err = grow_locked(fs, fd);
		else
			break;
		if (err) {
			spin_unlock(&fs->lock);
			return err;
		}
	}
	take_slot(fs, fd, cloexec);
	if (from <= fs->next_fd)
		fs->next_fd = fd + 1;
	spin_unlock(&fs->lock);
	return (int)fd;
}

int get_unused_fd(bool cloexec)
{
	return alloc_fd(current->files, 0, cloexec);
}

/* The slot is free again; its file, if there was one, is the caller's. */
static struct file *clear_slot(struct files_struct *fs, u32 fd)
{
	struct file *f = fs->fd[fd];
	u64 bit = 1UL << (fd % 64);

	WRITE_ONCE(fs->fd[fd], NULL);
	fs->open[fd / 64] &= ~bit;
	fs->cloexec[fd / 64] &= ~bit;
	if (fd < fs->next_fd)
		fs->next_fd = fd;
	return f;
}

void put_unused_fd(int fd)
{
	struct files_struct *fs = current->files;

	spin_lock(&fs->lock);
	VM_BUG_ON(fs->fd[fd]);
	clear_slot(fs, (u32)fd);
	spin_unlock(&fs->lock);
}

void fd_install(int fd, struct file *file)
{
	struct files_struct *fs = current->files;

	spin_lock(&fs->lock);
	VM_BUG_ON(fs->fd[fd]);
	smp_store_release(&fs->fd[fd], file);
	spin_unlock(&fs->lock);
}

int fd_install_file(struct file *file, bool cloexec)
{
	int fd = get_unused_fd(cloexec);

	if (fd >= 0)
		fd_install(fd, file);
	return fd;
}

struct file *files_get_file(struct files_struct *fs, int fd)
{
	struct file *f = NULL;

	spin_lock(&fs->lock);
	if ((u32)fd < fs->max_fds) {
		f = fs->fd[fd];
		if (f)
			get_file(f);
	}
	spin_unlock(&fs->lock);
	return f;
}

struct fd fdget_raw(int fd)
{
	struct files_struct *fs = current->files;

	if (likely(READ_ONCE(fs->count) == 1)) {
		if (unlikely((u32)fd >= fs->max_fds))
			return (struct fd){NULL, false};
		return (struct fd){fs->fd[fd], false};
	}
	return (struct fd){files_get_file(fs, fd), true};
}

struct fd fdget(int fd)
{
	struct fd f = fdget_raw(fd);

	if (f.file && unlikely(f.file->f_mode & FMODE_PATH)) {
		fdput(f);
		f.file = NULL;
	}
	return f;
}

struct file *fget(int fd)
{
	struct file *f = files_get_file(current->files, fd);

	if (f && (f->f_mode & FMODE_PATH)) {
		fput(f);
		f = NULL;
	}
	return f;
}

int files_next_fd(struct files_struct *fs, int fd)
{
	int found = -1;

	spin_lock(&fs->lock);
	for (u32 i = (u32)fd; i < fs->max_fds; i++) {
		if (fs->fd[i]) {
			found = (int)i;
			break;
		}
	}
	spin_unlock(&fs->lock);
	return found;
}

u32 files_open_slots(struct files_struct *fs)
{
	return READ_ONCE(fs->max_fds);
}

void files_get(struct files_struct *fs)
{
	__atomic_fetch_add(&fs->count, 1, __ATOMIC_RELAXED);
}

bool files_shared(const struct files_struct *fs)
{
	return READ_ONCE(fs->count) > 1;
}

/* The descriptor is gone: POSIX drops the process's locks on the file. */
static void filp_close(struct file *f, struct files_struct *fs)
{
	if (unlikely(!list_empty(&f->f_inode->i_locks)))
		locks_remove_posix(f->f_inode, fs);
	fput(f);
}

void files_put(struct files_struct *fs)
{
	if (__atomic_sub_fetch(&fs->count, 1, __ATOMIC_ACQ_REL))
		return;
	for (u32 w = 0; w < fs->max_fds / 64; w++) {
		for (u64 set = fs->open[w]; set; set &= set - 1) {
			u32 fd = w * 64 + (u32)__builtin_ctzl(set);

			if (fs->fd[fd])
				filp_close(fs->fd[fd], fs);
		}
	}
	table_free(fs);
	kmem_cache_free(fdtables.cache, fs);
}

/* What the copy will hold: reserved slots stay behind. */
static void reference_all(struct files_struct *fs)
{
	for (u32 w = 0; w < fs->max_fds / 64; w++) {
		for (u64 set = fs->open[w]; set; set &= set - 1) {
			u32 bit = (u32)__builtin_ctzl(set);
			struct file *f = fs->fd[w * 64 + bit];

			if (f) {
				get_file(f);
				continue;
			}
			fs->open[w] &= ~(1UL << bit);
			fs->cloexec[w] &= ~(1UL << bit);
		}
	}
}

/* The highest descriptor in use decides: tables shrink by fork. */
static u32 table_size_needed(const struct files_struct *fs)
{
	u32 w = fs->max_fds / 64;

	while (w > 1 && !fs->open[w - 1])
		w--;
	return table_size_for(w * 64 - 1);
}

struct files_struct *files_dup(struct files_struct *old)
{
	struct files_struct *fs = files_alloc();
	u32 nr;

	if (!fs)
		return NULL;
	spin_lock(&old->lock);
	while ((nr = table_size_needed(old)) > fs->max_fds) {
		struct table t;

		spin_unlock(&old->lock);
		table_free(fs);
		fs->fd = fs->fd_init;
		if (table_alloc(&t, nr)) {
			kmem_cache_free(fdtables.cache, fs);
			return NULL;
		}
		table_install(fs, &t, nr);
		spin_lock(&old->lock);
	}
	nr = min(fs->max_fds, old->max_fds);
	memcpy(fs->fd, old->fd, nr * sizeof(void *));
	memcpy(fs->open, old->open, nr / 8);
	memcpy(fs->cloexec, old->cloexec, nr / 8);
	reference_all(fs);
	spin_unlock(&old->lock);
	return fs;
}

void files_close_on_exec(struct files_struct *fs)
{
	for (u32 w = 0; w < fs->max_fds / 64; w++) {
		for (u64 set = fs->cloexec[w]; set; set &= set - 1) {
			u32 fd = w * 64 + (u32)__builtin_ctzl(set);
			struct file *f;

			spin_lock(&fs->lock);
			f = clear_slot(fs, fd);
			spin_unlock(&fs->lock);
			if (f)
				filp_close(f, fs);
		}
	}
}

/* ---- close, dup ---- */

SYSCALL_DEFINE1(close, int, fd)
{
	struct files_struct *fs = current->files;
	struct file *f = NULL;

	spin_lock(&fs->lock);
	if ((u32)fd < fs->max_fds && fs->fd[fd])
		f = clear_slot(fs, (u32)fd);
	spin_unlock(&fs->lock);
	if (!f)
		return -EBADF;
	filp_close(f, fs);
	return 0;
}

SYSCALL_DEFINE3(close_range, u32, first, u32, last, u32, flags)
{
	struct files_struct *fs = current->files;

	if (flags & ~4U) /* CLOSE_RANGE_CLOEXEC; not UNSHARE */
		return -EINVAL;
	if (first > last)
		return -EINVAL;
	for (;;) {
		struct file *f = NULL;
		int fd = first < NR_OPEN_MAX ? files_next_fd(fs, (int)first)
					     : -1;

		if (fd < 0 || (u32)fd > last)
			return 0;
		spin_lock(&fs->lock);
		if (flags)
			fs->cloexec[fd / 64] |=
				1UL << (fd % 64) & fs->open[fd / 64];
		else if (fs->fd[fd])
			f = clear_slot(fs, (u32)fd);
		spin_unlock(&fs->lock);
		if (f)
			filp_close(f, fs);
		first = (u32)fd + 1;
	}
}

/* A further descriptor >= from for f, whose reference it takes over. */
static int dup_above(struct file *f, u32 from, bool cloexec)
{
	int fd;

	if (from >= nofile_limit())
		fd = -EINVAL;
	else
		fd = alloc_fd(current->files, from, cloexec);
	if (fd >= 0)
		fd_install(fd, f);
	else
		fput(f);
	return fd;
}

SYSCALL_DEFINE1(dup, int, oldfd)
{
	struct file *f = files_get_file(current->files, oldfd);
	int fd;

	if (!f)
		return -EBADF;
	fd = fd_install_file(f, false);
	if (fd < 0)
		fput(f);
	return fd;
}

static int do_dup3(int oldfd, int newfd, bool cloexec)
{
	struct files_struct *fs = current->files;
	struct file *f, *replaced = NULL;
	int err = 0;

	if ((u32)newfd >= nofile_limit())
		return -EBADF;
	f = files_get_file(fs, oldfd);
	if (!f)
		return -EBADF;
	spin_lock(&fs->lock);
	if ((u32)newfd >= fs->max_fds)
		err = grow_locked(fs, (u32)newfd);
	/* Reserved by another thread's open that is still running. */
	if (!err && !fs->fd[newfd] &&
	    (fs->open[newfd / 64] >> (newfd % 64) & 1))
		err = -EBUSY;
	if (!err) {
		replaced = fs->fd[newfd];
		take_slot(fs, (u32)newfd, cloexec);
		smp_store_release(&fs->fd[newfd], f);
	}
	spin_unlock(&fs->lock);
	if (err) {
		fput(f);
		return err;
	}
	if (replaced)
		filp_close(replaced, fs);
	return newfd;
}

SYSCALL_DEFINE2(dup2, int, oldfd, int, newfd)
{
	struct fd f;

	if (oldfd != newfd)
		return do_dup3(oldfd, newfd, false);
	f = fdget_raw(oldfd);
	if (!f.file)
		return -EBADF;
	fdput(f);
	return newfd;
}

SYSCALL_DEFINE3(dup3, int, oldfd, int, newfd, int, flags)
{
	if ((flags & ~O_CLOEXEC) || oldfd == newfd)
		return -EINVAL;
	return do_dup3(oldfd, newfd, flags & O_CLOEXEC);
}

/* ---- fcntl ---- */

static long set_file_flags(struct file *f, unsigned long arg)
{
	const u32 settable = O_APPEND | O_NONBLOCK | O_NOATIME;

	if ((arg & O_NOATIME) && !(f->f_flags & O_NOATIME) &&
	    !inode_owner_or_root(f->f_inode))
		return -EPERM;
	/* Signal-driven and direct I/O do not exist here. */
	if (arg & (O_ASYNC | O_DIRECT))
		return -EINVAL;
	WRITE_ONCE(f->f_flags,
		   (f->f_flags & ~settable) | ((u32)arg & settable));
	return 0;
}

static long fd_flags(struct files_struct *fs, int fd, unsigned int cmd,
		     unsigned long arg)
{
	u64 bit = 1UL << ((u32)fd % 64);
	long ret = 0;

	spin_lock(&fs->lock);
	if (cmd == F_GETFD)
		ret = fs->cloexec[fd / 64] & bit ? FD_CLOEXEC : 0;
	else
		take_slot(fs, (u32)fd, arg & FD_CLOEXEC);
	spin_unlock(&fs->lock);
	return ret;
}

void fd_set_cloexec(int fd, bool on)
{
	fd_flags(current->files, fd, F_SETFD, on ? FD_CLOEXEC : 0);
}

static long do_fcntl(int fd, struct file *f, unsigned int cmd,
		     unsigned long arg)
{
	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		get_file(f);
		return dup_above(f, arg > NR_OPEN_MAX ? NR_OPEN_MAX : (u32)arg,
				 cmd == F_DUPFD_CLOEXEC);
	case F_GETFD:
	case F_SETFD:
		return fd_flags(current->files, fd, cmd, arg);
	case F_GETFL:
		return f->f_flags;
	}
	if (f->f_mode & FMODE_PATH)
		return -EBADF;
	switch (cmd) {
	case F_SETFL:
		return set_file_flags(f, arg);
	case F_GETLK:
		return fcntl_getlk(f, (struct k_flock *)arg);
	case F_SETLK:
	case F_SETLKW:
		return fcntl_setlk(f, cmd, (const struct k_flock *)arg);
	case F_ADD_SEALS:
	case F_GET_SEALS:
		return fcntl_seals(f, cmd, arg);
	case F_GETPIPE_SZ:
	case F_SETPIPE_SZ:
		return pipe_fcntl(f, cmd, arg);
	default:
		return -EINVAL;
	}
}

SYSCALL_DEFINE3(fcntl, int, fd, u32, cmd, unsigned long, arg)
{
	struct fd f = fdget_raw(fd);
	long ret;

	if (!f.file)
		return -EBADF;
	ret = do_fcntl(fd, f.file, cmd, arg);
	fdput(f);
	return ret;
}
