/* SPDX-License-Identifier: MIT */
/*
 * open.c - open, and what changes an inode or a process's place by name.
 *
 * 1. open(2): flags are checked, the path is walked (to the parent with
 *    O_CREAT), the last name is looked up and perhaps made under the
 *    directory's lock, permission is checked, the file object is made, and
 *    only then O_TRUNC takes effect: a failed open truncates nothing.
 *
 * 2. chmod, chown, utimensat, truncate check ownership as inode(7) says and
 *    change the inode under i_lock.
 *
 * Sources: open(2), access(2), chmod(2), chown(2), utimensat(2), chdir(2),
 * chroot(2), getcwd(2), umask(2).
 */
#include "kernel/fs/internal.h"

#include "kernel/syscall.h"
#include "kernel/task.h"

/* ---- open ---- */

#define VALID_OPEN_FLAGS                                                \
	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | \
	 O_NONBLOCK | O_SYNC | O_ASYNC | O_DIRECT | O_LARGEFILE |       \
	 O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH |    \
	 O_TMPFILE)
#define PATH_FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/*
 * Unknown bits are dropped, as open(2) (unlike openat2) always has; on 64 bits
 * every file is a large one.
 */
static int check_open_flags(int *flags)
{
	*flags &= VALID_OPEN_FLAGS;
	if ((*flags & O_TMPFILE) == O_TMPFILE &&
	    !(*flags & (O_WRONLY | O_RDWR)))
		return -EINVAL;
	if (*flags & O_PATH)
		*flags &= PATH_FLAGS;
	else
		*flags |= O_LARGEFILE;
	if ((*flags & O_CREAT) && (*flags & O_DIRECTORY))
		return -EINVAL;
	return 0;
}

static unsigned int open_mask(int flags)
{
	static const u8 by_mode[] = {MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE,
				     MAY_READ | MAY_WRITE};
	unsigned int mask = by_mode[flags & O_ACCMODE];

	if (flags & O_TRUNC)
		mask |= MAY_WRITE;
	return mask;
}

/* May current open this object so?  created: it is new and its own. */
static int may_open(struct dentry *d, int flags, bool created)
{
	struct inode *inode = d->d_inode;
	int err;

	if (flags & O_PATH)
		return 0;
	if ((flags & O_TMPFILE) == O_TMPFILE)
		return -EOPNOTSUPP; /* no file system here has them */
	if (S_ISLNK(inode->mode))
		return -ELOOP;
	if (S_ISDIR(inode->mode) &&
	    ((flags & O_CREAT) || (open_mask(flags) & MAY_WRITE)))
		return -EISDIR;
	if ((flags & O_DIRECT) && S_ISREG(inode->mode))
		return -EINVAL;
	if ((flags & O_NOATIME) && !inode_owner_or_root(inode))
		return -EPERM;
	if (created)
		return 0;
	err = inode_permission(inode, open_mask(flags));
	return err;
}

/* O_CREAT: the last name, made if it is missing.  Referenced, or ERR. */
static struct dentry *open_create(int dfd, const char *name, int flags,
				  u32 mode, bool *created)
{
	unsigned int look = flags & (O_EXCL | O_NOFOLLOW) ? 0 : LOOKUP_FOLLOW;
	struct dentry *d = NULL;
	struct parent p;
	int err = path_parent(dfd, name, look, &p);

	if (err)
		return ERR_PTR(err);
	err = -EISDIR;
	if (p.type != LAST_NORM || p.trailing_slash)
		goto out;
	mutex_lock(&p.dir->d_inode->i_lock);
	err = lookup_one(p.dir, p.name, p.len, &d);
	if (!err && d && (flags & O_EXCL)) {
		err = -EEXIST;
	} else if (!err && !d) {
		d = vfs_create_locked(p.dir, p.name, p.len, S_IFREG | mode, 0,
				      NULL);
		*created = !IS_ERR(d);
		err = IS_ERR(d) ? (int)PTR_ERR(d) : 0;
		if (err)
			d = NULL;
	}
	mutex_unlock(&p.dir->d_inode->i_lock);
	if (!err && d->d_mounted) {
		struct dentry *top;

		spin_lock(&dcache_lock);
		top = dget(follow_mounts_locked(d));
		spin_unlock(&dcache_lock);
		dput(d);
		d = top;
	}
out:
	put_parent(&p);
	if (err) {
		dput(d);
		return ERR_PTR(err);
	}
	return d;
}

static struct dentry *open_find(int dfd, const char *name, int flags, u32 mode,
				bool *created)
{
	unsigned int look = 0;
	struct dentry *d;
	int err;

	*created = false;
	if (!(flags & O_NOFOLLOW))
		look |= LOOKUP_FOLLOW;
	if (flags & O_CREAT) {
		d = open_create(dfd, name, flags, mode, created);
		if (IS_ERR(d) || *created || !S_ISLNK(d->d_inode->mode) ||
		    (flags & (O_NOFOLLOW | O_EXCL)))
			return d;
		/* A link of /proc, which leads to what is there already. */
		dput(d);
	}
	if (flags & O_DIRECTORY)
		look |= LOOKUP_DIRECTORY;
	err = path_lookup(dfd, name, look, &d);
	return err ? ERR_PTR(err) : d;
}

static struct file *do_filp_open(int dfd, const char *name, int flags, u32 mode)
{
	struct dentry *d;
	struct file *f;
	bool created;
	int err = check_open_flags(&flags);

	if (err)
		return ERR_PTR(err);
	d = open_find(dfd, name, flags, mode, &created);
	if (IS_ERR(d))
		return (struct file *)d;
	err = may_open(d, flags, created);
	f = err ? ERR_PTR(err) : dentry_open(d, flags);
	dput(d);
	if (IS_ERR(f) || created || !(flags & O_TRUNC) ||
	    !S_ISREG(f->f_inode->mode))
		return f;
	err = do_truncate(f->f_inode, 0);
	if (err) {
		fput(f);
		return ERR_PTR(err);
	}
	return f;
}

struct file *filp_open(const char *path, int flags, u32 mode)
{
	return do_filp_open(AT_FDCWD, path, flags, mode);
}

struct file *open_exec_at(int dfd, const char *path, int at_flags)
{
	unsigned int look = at_flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	struct dentry *d;
	struct file *f;
	int err;

	if (at_flags & AT_EMPTY_PATH)
		look |= LOOKUP_EMPTY;
	err = path_lookup(dfd, path, look, &d);
	if (err)
		return ERR_PTR(err);
	if (S_ISLNK(d->d_inode->mode))
		err = -ELOOP;
	else if (!S_ISREG(d->d_inode->mode) || (d->d_sb->s_flags & MS_NOEXEC))
		err = -EACCES;
	else
		err = inode_permission(d->d_inode, MAY_EXEC);
	f = err ? ERR_PTR(err) : dentry_open(d, O_RDONLY);
	dput(d);
	return f;
}

struct file *open_exec(const char *path)
{
	return open_exec_at(AT_FDCWD, path, 0);
}

static long do_openat(int dfd, const char *uname, int flags, u32 mode)
{
	struct filename fn;
	struct file *f;
	int fd, err = getname(&fn, uname);

	if (err)
		return err;
	fd = get_unused_fd(flags & O_CLOEXEC);
	if (fd < 0)
		goto out;
	mode = flags & O_CREAT ? mode & S_IALLUGO & ~current->fs->umask : 0;
	f = do_filp_open(dfd, fn.name, flags, mode);
	if (IS_ERR(f)) {
		put_unused_fd(fd);
		fd = (int)PTR_ERR(f);
	} else {
		fd_install(fd, f);
	}
out:
	putname(&fn);
	return fd;
}

SYSCALL_DEFINE3(open, const char *, path, int, flags, u32, mode)
{
	return do_openat(AT_FDCWD, path, flags, mode);
}

SYSCALL_DEFINE4(openat, int, dfd, const char *, path, int, flags, u32, mode)
{
	return do_openat(dfd, path, flags, mode);
}

SYSCALL_DEFINE2(creat, const char *, path, u32, mode)
{
	return do_openat(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* ---- access ---- */

static long do_faccessat(int dfd, const char *uname, unsigned int mode,
			 int flags)
{
	const struct cred *c = &current->cred;
	struct dentry *d;
	int err;

	if ((mode & ~7U) ||
	    (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
		return -EINVAL;
	err = user_path(dfd, uname, flags, !(flags & AT_SYMLINK_NOFOLLOW), &d);
	if (err)
		return err;
	if (mode & MAY_EXEC && S_ISREG(d->d_inode->mode) &&
	    (d->d_sb->s_flags & MS_NOEXEC))
		err = -EACCES;
	else if (mode)
		err = flags & AT_EACCESS ? inode_permission(d->d_inode, mode)
					 : inode_permission_as(d->d_inode, mode,
							       c->uid, c->gid);
	dput(d);
	return err;
}

SYSCALL_DEFINE2(access, const char *, path, u32, mode)
{
	return do_faccessat(AT_FDCWD, path, mode, 0);
}

SYSCALL_DEFINE3(faccessat, int, dfd, const char *, path, u32, mode)
{
	return do_faccessat(dfd, path, mode, 0);
}

SYSCALL_DEFINE4(faccessat2, int, dfd, const char *, path, u32, mode, int, flags)
{
	return do_faccessat(dfd, path, mode, flags);
}

/* ---- chmod, chown ---- */

static int writable_fs(const struct inode *inode)
{
	return inode->sb->s_flags & MS_RDONLY ? -EROFS : 0;
}

static int set_mode(struct inode *inode, u32 mode)
{
	int err = writable_fs(inode);

	if (err)
		return err;
	if (S_ISLNK(inode->mode))
		return -EOPNOTSUPP;
	mutex_lock(&inode->i_lock);
	if (!inode_owner_or_root(inode)) {
		err = -EPERM;
	} else if ((inode->i_seals & F_SEAL_EXEC) &&
		   ((mode ^ inode->mode) & 0111)) {
		err = -EPERM;
	} else {
		mode &= S_IALLUGO;
		if (current->cred.fsuid != 0 && !in_group(inode->gid))
			mode &= ~S_ISGID;
		inode->mode = (inode->mode & S_IFMT) | mode;
		inode_changed(inode);
	}
	mutex_unlock(&inode->i_lock);
	return err;
}

static long do_fchmodat(int dfd, const char *uname, u32 mode)
{
	struct dentry *d;
	int err = user_path(dfd, uname, 0, true, &d);

	if (err)
		return err;
	err = set_mode(d->d_inode, mode);
	dput(d);
	return err;
}

SYSCALL_DEFINE2(chmod, const char *, path, u32, mode)
{
	return do_fchmodat(AT_FDCWD, path, mode);
}

SYSCALL_DEFINE3(fchmodat, int, dfd, const char *, path, u32, mode)
{
	return do_fchmodat(dfd, path, mode);
}

SYSCALL_DEFINE2(fchmod, int, fd, u32, mode)
{
	struct fd f = fdget(fd);
	long err;

	if (!f.file)
		return -EBADF;
	err = set_mode(f.file->f_inode, mode);
	fdput(f);
	return err;
}

/* Root may; an owner may give the file to a group of its own. */
static bool may_chown(const struct inode *inode, u32 uid, u32 gid)
{
	u32 fsuid = current->cred.fsuid;

	if (fsuid == 0)
		return true;
	if (fsuid != inode->uid)
		return false;
	if (uid != (u32)-1 && uid != inode->uid)
		return false;
	return gid == (u32)-1 || gid == inode->gid || in_group(gid);
}

static int set_owner(struct inode *inode, u32 uid, u32 gid)
{
	int err = writable_fs(inode);

	if (err)
		return err;
	mutex_lock(&inode->i_lock);
	if (!may_chown(inode, uid, gid)) {
		err = -EPERM;
	} else {
		if (uid != (u32)-1)
			inode->uid = uid;
		if (gid != (u32)-1)
			inode->gid = gid;
		if (!S_ISDIR(inode->mode) && (inode->mode & 0111))
			inode->mode &=
				~(S_ISUID | (inode->mode & 0010 ? S_ISGID : 0));
		inode_changed(inode);
	}
	mutex_unlock(&inode->i_lock);
	return err;
}

static long do_fchownat(int dfd, const char *uname, u32 uid, u32 gid, int flags)
{
	struct dentry *d;
	int err;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	err = user_path(dfd, uname, flags, !(flags & AT_SYMLINK_NOFOLLOW), &d);
	if (err)
		return err;
	err = set_owner(d->d_inode, uid, gid);
	dput(d);
	return err;
}

SYSCALL_DEFINE3(chown, const char *, path, u32, uid, u32, gid)
{
	return do_fchownat(AT_FDCWD, path, uid, gid, 0);
}

SYSCALL_DEFINE3(lchown, const char *, path, u32, uid, u32, gid)
{
	return do_fchownat(AT_FDCWD, path, uid, gid, AT_SYMLINK_NOFOLLOW);
}

SYSCALL_DEFINE5(fchownat, int, dfd, const char *, path, u32, uid, u32, gid, int,
		flags)
{
	return do_fchownat(dfd, path, uid, gid, flags);
}

SYSCALL_DEFINE3(fchown, int, fd, u32, uid, u32, gid)
{
	struct fd f = fdget(fd);
	long err;

	if (!f.file)
		return -EBADF;
	err = set_owner(f.file->f_inode, uid, gid);
	fdput(f);
	return err;
}

/* ---- times ---- */

#define UTIME_NOW  ((1L << 30) - 1)
#define UTIME_OMIT ((1L << 30) - 2)

static bool valid_time(const struct timespec64 *t)
{
	return t->tv_nsec == UTIME_NOW || t->tv_nsec == UTIME_OMIT ||
	       (t->tv_nsec >= 0 && t->tv_nsec < (s64)NSEC_PER_SEC);
}

static u64 chosen_time(const struct timespec64 *t, u64 old, u64 now)
{
	if (t->tv_nsec == UTIME_OMIT)
		return old;
	if (t->tv_nsec == UTIME_NOW)
		return now;
	/* Times before 1970 and after 2554 cannot be kept: the nearest. */
	if (t->tv_sec < 0)
		return 0;
	if ((u64)t->tv_sec > UINT64_MAX / NSEC_PER_SEC - 1)
		return UINT64_MAX;
	return (u64)t->tv_sec * NSEC_PER_SEC + (u64)t->tv_nsec;
}

static int set_times(struct inode *inode, const struct timespec64 t[2])
{
	u64 now = ktime_real_ns();
	bool both_now = t[0].tv_nsec == UTIME_NOW && t[1].tv_nsec == UTIME_NOW;
	int err = writable_fs(inode);

	if (err)
		return err;
	if (!inode_owner_or_root(inode)) {
		if (!both_now)
			return -EPERM;
		err = inode_permission(inode, MAY_WRITE);
		if (err)
			return err;
	}
	mutex_lock(&inode->i_lock);
	inode->atime_ns = chosen_time(&t[0], inode->atime_ns, now);
	inode->mtime_ns = chosen_time(&t[1], inode->mtime_ns, now);
	inode->ctime_ns = now;
	mutex_unlock(&inode->i_lock);
	return 0;
}

static long do_utimes(int dfd, const char *uname, const struct timespec64 *t,
		      int flags)
{
	static const struct timespec64 now[2] = {{0, UTIME_NOW},
						 {0, UTIME_NOW}};
	struct dentry *d;
	struct fd f;
	int err;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (!t)
		t = now;
	if (!valid_time(&t[0]) || !valid_time(&t[1]))
		return -EINVAL;
	if (t[0].tv_nsec == UTIME_OMIT && t[1].tv_nsec == UTIME_OMIT)
		return 0; /* not even the path matters */
	if (!uname && dfd != AT_FDCWD) {
		f = fdget(dfd);
		if (!f.file)
			return -EBADF;
		err = set_times(f.file->f_inode, t);
		fdput(f);
		return err;
	}
	err = user_path(dfd, uname, flags, !(flags & AT_SYMLINK_NOFOLLOW), &d);
	if (err)
		return err;
	err = set_times(d->d_inode, t);
	dput(d);
	return err;
}

SYSCALL_DEFINE4(utimensat, int, dfd, const char *, path,
		const struct timespec64 *, ut, int, flags)
{
	struct timespec64 t[2];

	if (ut && copy_from_user(t, ut, sizeof(t)))
		return -EFAULT;
	return do_utimes(dfd, path, ut ? t : NULL, flags);
}

static long utimes_tv(int dfd, const char *path, const struct timeval64 *utv)
{
	struct timeval64 tv[2];
	struct timespec64 t[2];

	if (!utv)
		return do_utimes(dfd, path, NULL, 0);
	if (copy_from_user(tv, utv, sizeof(tv)))
		return -EFAULT;
	for (int i = 0; i < 2; i++) {
		if (tv[i].tv_usec < 0 || tv[i].tv_usec >= 1000000)
			return -EINVAL;
		t[i].tv_sec = tv[i].tv_sec;
		t[i].tv_nsec = tv[i].tv_usec * 1000;
	}
	return do_utimes(dfd, path, t, 0);
}

SYSCALL_DEFINE2(utimes, const char *, path, const struct timeval64 *, utv)
{
	return utimes_tv(AT_FDCWD, path, utv);
}

SYSCALL_DEFINE3(futimesat, int, dfd, const char *, path,
		const struct timeval64 *, utv)
{
	return utimes_tv(dfd, path, utv);
}

SYSCALL_DEFINE2(utime, const char *, path, const s64 *, utb)
{
	struct timespec64 t[2] = {{0}};
	s64 tb[2];

	if (!utb)
		return do_utimes(AT_FDCWD, path, NULL, 0);
	if (copy_from_user(tb, utb, sizeof(tb)))
		return -EFAULT;
	t[0].tv_sec = tb[0];
	t[1].tv_sec = tb[1];
	return do_utimes(AT_FDCWD, path, t, 0);
}

/* ---- truncate ---- */

int do_truncate(struct inode *inode, u64 size)
{
	int err;

	mutex_lock(&inode->i_lock);
	if (size > inode_size(inode)) {
		mm_ssize_t room = generic_write_limit(size - 1, 1);

		if (room < 0) {
			mutex_unlock(&inode->i_lock);
			return (int)room;
		}
	}
	err = inode->i_op && inode->i_op->truncate
		      ? inode->i_op->truncate(inode, size)
		      : -EINVAL;
	if (!err) {
		inode_remove_privs(inode);
		inode_modified(inode);
	}
	mutex_unlock(&inode->i_lock);
	return err;
}

SYSCALL_DEFINE2(truncate, const char *, path, s64, size)
{
	struct dentry *d;
	struct inode *inode;
	int err;

	if (size < 0)
		return -EINVAL;
	err = user_path(AT_FDCWD, path, 0, true, &d);
	if (err)
		return err;
	inode = d->d_inode;
	if (S_ISDIR(inode->mode))
		err = -EISDIR;
	else if (!S_ISREG(inode->mode))
		err = -EINVAL;
	else
		err = inode_permission(inode, MAY_WRITE);
	if (!err && READ_ONCE(inode->i_writecount) < 0)
		err = -ETXTBSY;
	if (!err)
		err = do_truncate(inode, (u64)size);
	dput(d);
	return err;
}

SYSCALL_DEFINE2(ftruncate, int, fd, s64, size)
{
	struct fd f;
	long err;

	if (size < 0)
		return -EINVAL;
	f = fdget(fd);
	if (!f.file)
		return -EBADF;
	if (!(f.file->f_mode & FMODE_WRITE) || !S_ISREG(f.file->f_inode->mode))
		err = -EINVAL;
	else
		err = do_truncate(f.file->f_inode, (u64)size);
	fdput(f);
	return err;
}

/* ---- where a process is ---- */

static int change_dir(struct dentry **slot, struct dentry *d)
{
	struct dentry *old;
	int err;

	if (!S_ISDIR(d->d_inode->mode))
		return -ENOTDIR;
	err = inode_permission(d->d_inode, MAY_EXEC);
	if (err)
		return err;
	spin_lock(&current->fs->lock);
	old = *slot;
	*slot = dget(d);
	spin_unlock(&current->fs->lock);
	dput(old);
	return 0;
}

int kernel_chdir(const char *path)
{
	struct dentry *d;
	int err = path_lookup(AT_FDCWD, path, LOOKUP_FOLLOW, &d);

	if (err)
		return err;
	err = change_dir(&current->fs->cwd, d);
	dput(d);
	return err;
}

SYSCALL_DEFINE1(chdir, const char *, path)
{
	struct dentry *d;
	int err = user_path(AT_FDCWD, path, 0, true, &d);

	if (err)
		return err;
	err = change_dir(&current->fs->cwd, d);
	dput(d);
	return err;
}

SYSCALL_DEFINE1(fchdir, int, fd)
{
	struct fd f = fdget_raw(fd);
	int err;

	if (!f.file)
		return -EBADF;
	err = change_dir(&current->fs->cwd, f.file->f_dentry);
	fdput(f);
	return err;
}

SYSCALL_DEFINE1(chroot, const char *, path)
{
	struct dentry *d;
	int err = user_path(AT_FDCWD, path, 0, true, &d);

	if (err)
		return err;
	err = capable_root() ? change_dir(&current->fs->root, d) : -EPERM;
	dput(d);
	return err;
}

SYSCALL_DEFINE2(getcwd, char *, ubuf, unsigned long, size)
{
	struct dentry *root = get_root(), *cwd = get_cwd();
	char *buf = __getname(), *p;
	long ret = -ENOMEM;

	if (!buf)
		goto out;
	ret = -ENOENT;
	if (!cwd->d_hashed)
		goto out;
	p = d_path(cwd, root, buf, PATH_MAX);
	if (IS_ERR(p)) {
		ret = PTR_ERR(p);
		goto out;
	}
	ret = (long)strlen(p) + 1;
	if ((unsigned long)ret > size)
		ret = -ERANGE;
	else if (copy_to_user(ubuf, p, (size_t)ret))
		ret = -EFAULT;
out:
	__putname(buf);
	dput(cwd);
	dput(root);
	return ret;
}

SYSCALL_DEFINE1(umask, u32, mask)
{
	return __atomic_exchange_n(&current->fs->umask, mask & 0777,
				   __ATOMIC_RELAXED);
}
