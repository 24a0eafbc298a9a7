/* SPDX-License-Identifier: MIT */
/*
 * locks.c - advisory file locks: POSIX record locks and flock.
 *
 * 1. Idea.  An inode lists its locks.  A POSIX lock belongs to a process's
 *    descriptor table, covers [start, end] and is split and merged as ranges
 *    are set; an flock lock belongs to an open file and covers everything.
 *    The two kinds do not see each other.
 *
 * 2. Locking.  locks_lock, one for all files, and one queue for all waiters:
 *    locks are rare and short.  What a change can need is allocated before.
 *
 * 3. Waiting for a lock can make a cycle.  There is no search for one; a
 *    waiter is ended by a signal (fcntl(2) allows EDEADLK, it does not promise
 *    it).
 *
 * Sources: fcntl(2), flock(2).
 */
#include "kernel/fs/internal.h"

#include "kernel/syscall.h"
#include "kernel/task.h"

struct file_lock {
	struct list_head link; /* inode->i_locks */
	const void *owner;     /* files_struct, or the open file */
	bool is_flock;
	bool exclusive;
	u64 start, end; /* inclusive; bytes */
	int pid;
};

static spinlock_t locks_lock = SPINLOCK_INIT(LOCK_RANK_FS);
static struct wait_queue_head locks_wait = WAIT_QUEUE_HEAD_INIT(locks_wait);
static struct kmem_cache *lock_cache;

void locks_init(void)
{
	lock_cache =
		kmem_cache_create("file_lock_cache", sizeof(struct file_lock),
				  0, SLAB_PANIC | SLAB_ACCOUNT, NULL);
}

static void free_lock(struct file_lock *l)
{
	if (l)
		kmem_cache_free(lock_cache, l);
}

static bool overlaps(const struct file_lock *a, const struct file_lock *b)
{
	return a->start <= b->end && b->start <= a->end;
}

/* A lock in the way of want, or NULL.  locks_lock held. */
static struct file_lock *find_conflict(struct inode *inode,
				       const struct file_lock *want)
{
	struct file_lock *l;

	list_for_each_entry(l, &inode->i_locks, link)
		if (l->is_flock == want->is_flock && l->owner != want->owner &&
		    (l->exclusive || want->exclusive) && overlaps(l, want))
			return l;
	return NULL;
}

/* Locks taken out, to be freed without the lock. */
static void free_list(struct list_head *gone)
{
	struct file_lock *l, *n;

	if (list_empty(gone))
		return;
	list_for_each_entry_safe(l, n, gone, link)
		free_lock(l);
	wake_up(&locks_wait);
}

/*
 * Take [range->start, range->end] out of the owner's locks.  split is used if
 * one is cut in two (*split becomes NULL).
 */
static void cut_range(struct inode *inode, const struct file_lock *range,
		      struct file_lock **split, struct list_head *gone)
{
	struct file_lock *l, *n;

	list_for_each_entry_safe(l, n, &inode->i_locks, link) {
		if (l->is_flock != range->is_flock ||
		    l->owner != range->owner || !overlaps(l, range))
			continue;
		if (l->start < range->start && l->end > range->end) {
			struct file_lock *upper = *split;

			*split = NULL;
			*upper = *l;
			upper->start = range->end + 1;
			list_add(&upper->link, &l->link);
			l->end = range->start - 1;
		} else if (l->start < range->start) {
			l->end = range->start - 1;
		} else if (l->end > range->end) {
			l->start = range->end + 1;
		} else {
			list_move_tail(&l->link, gone);
		}
	}
}

/* Join new with the owner's neighbours of the same kind. */
static void merge(struct inode *inode, struct file_lock *new,
		  struct list_head *gone)
{
	struct file_lock *l, *n;

	list_for_each_entry_safe(l, n, &inode->i_locks, link) {
		if (l == new || l->is_flock || l->owner != new->owner ||
		    l->exclusive != new->exclusive)
			continue;
		if (l->end + 1 == new->start)
			new->start = l->start;
		else if (new->end + 1 == l->start)
			new->end = l->end;
		else
			continue;
		list_move_tail(&l->link, gone);
	}
}

/* Set (type not F_UNLCK) or clear; -EAGAIN: someone is in the way. */
static int apply(struct inode *inode, const struct file_lock *want, int type)
{
	struct file_lock *new = kmem_cache_alloc(lock_cache, GFP_KERNEL);
	struct file_lock *split = kmem_cache_alloc(lock_cache, GFP_KERNEL);
	LIST_HEAD(gone);
	int err = -ENOLCK;

	if (!new || !split)
		goto out;
	spin_lock(&locks_lock);
	err = type != F_UNLCK && find_conflict(inode, want) ? -EAGAIN : 0;
	if (!err) {
		cut_range(inode, want, &split, &gone);
		if (type != F_UNLCK) {
			*new = *want;
			list_add_tail(&new->link, &inode->i_locks);
			if (!want->is_flock)
				merge(inode, new, &gone);
			new = NULL;
		}
	}
	spin_unlock(&locks_lock);
	free_list(&gone);
	if (!err && type != F_WRLCK)
		wake_up(&locks_wait);
out:
	free_lock(new);
	free_lock(split);
	return err;
}

static bool is_free(struct inode *inode, const struct file_lock *want)
{
	bool clear;

	spin_lock(&locks_lock);
	clear = !find_conflict(inode, want);
	spin_unlock(&locks_lock);
	return clear;
}

static int apply_wait(struct inode *inode, const struct file_lock *want,
		      int type, bool may_wait)
{
	for (;;) {
		int err = apply(inode, want, type);

		if (err != -EAGAIN || !may_wait)
			return err;
		err = (int)wait_event_interruptible(&locks_wait,
						    is_free(inode, want));
		if (err)
			return err;
	}
}

/* ---- fcntl ---- */

/* [start, end] of what the program asked. */
static int to_range(struct file *file, const struct k_flock *fl,
		    struct file_lock *out)
{
	s64 base, start, end;

	switch (fl->l_whence) {
	case SEEK_SET:
		base = 0;
		break;
	case SEEK_CUR:
		base = (s64)file->f_pos;
		break;
	case SEEK_END:
		base = (s64)inode_size(file->f_inode);
		break;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, fl->l_start, &start))
		return -EOVERFLOW;
	end = INT64_MAX;
	if (fl->l_len > 0) {
		if (__builtin_add_overflow(start, fl->l_len - 1, &end))
			return -EOVERFLOW;
	} else if (fl->l_len < 0) {
		end = start - 1;
		if (__builtin_add_overflow(start, fl->l_len, &start))
			return -EINVAL;
	}
	if (start < 0 || end < 0)
		return -EINVAL;
	*out = (struct file_lock){
		.owner = current->files,
		.exclusive = fl->l_type == F_WRLCK,
		.start = (u64)start,
		.end = (u64)end,
		.pid = current->tgid,
	};
	return 0;
}

static int read_flock(struct file *file, const struct k_flock *ufl,
		      struct k_flock *fl, struct file_lock *want)
{
	if (copy_from_user(fl, ufl, sizeof(*fl)))
		return -EFAULT;
	if (fl->l_type < F_RDLCK || fl->l_type > F_UNLCK)
		return -EINVAL;
	return to_range(file, fl, want);
}

int fcntl_getlk(struct file *file, struct k_flock *ufl)
{
	struct k_flock fl;
	struct file_lock want, *l;
	int err = read_flock(file, ufl, &fl, &want);

	if (err)
		return err;
	if (fl.l_type == F_UNLCK)
		return -EINVAL;
	spin_lock(&locks_lock);
	l = find_conflict(file->f_inode, &want);
	fl.l_type = F_UNLCK;
	if (l) {
		fl.l_type = l->exclusive ? F_WRLCK : F_RDLCK;
		fl.l_whence = SEEK_SET;
		fl.l_start = (s64)l->start;
		fl.l_len =
			l->end == INT64_MAX ? 0 : (s64)(l->end - l->start + 1);
		fl.l_pid = l->pid;
	}
	spin_unlock(&locks_lock);
	return copy_to_user(ufl, &fl, sizeof(fl)) ? -EFAULT : 0;
}

int fcntl_setlk(struct file *file, unsigned int cmd, const struct k_flock *ufl)
{
	struct k_flock fl;
	struct file_lock want;
	int err = read_flock(file, ufl, &fl, &want);

	if (err)
		return err;
	if (fl.l_type == F_RDLCK && !(file->f_mode & FMODE_READ))
		return -EBADF;
	if (fl.l_type == F_WRLCK && !(file->f_mode & FMODE_WRITE))
		return -EBADF;
	return apply_wait(file->f_inode, &want, fl.l_type, cmd == F_SETLKW);
}

/* ---- flock ---- */

SYSCALL_DEFINE2(flock, int, fd, u32, op)
{
	struct fd f = fdget(fd);
	struct file_lock want = {
		.is_flock = true,
		.exclusive = (op & ~LOCK_NB) == LOCK_EX,
		.end = INT64_MAX,
		.pid = current->tgid,
	};
	int type, err = -EINVAL;

	if (!f.file)
		return -EBADF;
	want.owner = f.file;
	switch (op & ~LOCK_NB) {
	case LOCK_SH:
		type = F_RDLCK;
		break;
	case LOCK_EX:
		type = F_WRLCK;
		break;
	case LOCK_UN:
		type = F_UNLCK;
		break;
	default:
		goto out;
	}
	err = apply_wait(f.file->f_inode, &want, type, !(op & LOCK_NB));
out:
	fdput(f);
	return err;
}

/* ---- what closing drops ---- */

static void drop_owner(struct inode *inode, const void *owner, bool is_flock)
{
	struct file_lock *l, *n;
	LIST_HEAD(gone);

	spin_lock(&locks_lock);
	list_for_each_entry_safe(l, n, &inode->i_locks, link)
		if (l->owner == owner && l->is_flock == is_flock)
			list_move_tail(&l->link, &gone);
	spin_unlock(&locks_lock);
	free_list(&gone);
}

void locks_remove_posix(struct inode *inode, struct files_struct *files)
{
	drop_owner(inode, files, false);
}

void locks_remove_file(struct file *file)
{
	drop_owner(file->f_inode, file, true);
}
