/* SPDX-License-Identifier: MIT */
/*
 * names.c - making, removing and moving names.
 *
 * 1. Each operation locks the directory it changes (i_lock), looks the name
 *    up again under the lock, checks, makes what it needs, and commits under
 *    dcache_lock, which cannot fail except for a directory that was removed
 *    meanwhile (D5: -ENOENT).
 *
 * 2. Locking.  rename is the only one with two directories and takes
 *    rename_mutex first, so their order does not matter; under that mutex no
 *    directory changes its parent.  nlink changes under dcache_lock.
 *
 * 3. Failure.  Nothing has changed.
 *
 * Sources: mkdir(2), mknod(2), link(2), symlink(2), unlink(2), rmdir(2),
 * rename(2), inode(7).
 */
#include "kernel/fs/internal.h"

#include "kernel/syscall.h"
#include "kernel/task.h"

static struct mutex rename_mutex = MUTEX_INIT;

/* ---- making ---- */

static struct inode *make_inode(struct inode *dir, u32 mode, u64 rdev,
				const char *target)
{
	const struct inode_operations *op = dir->i_op;
	struct inode *inode;

	if (!op->create)
		return ERR_PTR(-ENOENT); /* proc: not even for root */
	inode = op->create(dir, mode, rdev, target);
	if (IS_ERR(inode))
		return inode;
	if (dir->mode & S_ISGID) {
		inode->gid = dir->gid;
		if (S_ISDIR(mode))
			inode->mode |= S_ISGID;
	}
	return inode;
}

/* Put a new or further name for inode into dir; takes over the reference. */
static struct dentry *link_inode(struct dentry *dir, const char *name,
				 size_t len, struct inode *inode)
{
	struct dentry *d = d_alloc(dir->d_sb, dir, name, len);
	int err;

	if (!d) {
		iput(inode);
		return ERR_PTR(-ENOMEM);
	}
	d->d_inode = inode;
	spin_lock(&dcache_lock);
	err = d_link_locked(d);
	if (!err && S_ISDIR(inode->mode)) {
		inode->nlink = 2;
		dir->d_inode->nlink++;
	}
	spin_unlock(&dcache_lock);
	if (err) {
		dput(d);
		return ERR_PTR(err);
	}
	inode_modified(dir->d_inode);
	return d;
}

struct dentry *vfs_create_locked(struct dentry *dir, const char *name,
				 size_t len, u32 mode, u64 rdev,
				 const char *target)
{
	struct inode *inode;
	int err;

	if (!dir->d_hashed)
		return ERR_PTR(-ENOENT);
	err = inode_permission(dir->d_inode, MAY_WRITE | MAY_EXEC);
	if (err)
		return ERR_PTR(err);
	inode = make_inode(dir->d_inode, mode, rdev, target);
	if (IS_ERR(inode))
		return (struct dentry *)inode;
	return link_inode(dir, name, len, inode);
}

/* Lock dir and make name in it unless it is there. */
static struct dentry *create_excl(struct dentry *dir, const char *name,
				  size_t len, u32 mode, u64 rdev,
				  const char *target)
{
	struct dentry *d;
	int err;

	mutex_lock(&dir->d_inode->i_lock);
	err = lookup_one(dir, name, len, &d);
	if (err) {
		d = ERR_PTR(err);
	} else if (d) {
		dput(d);
		d = ERR_PTR(-EEXIST);
	} else {
		d = vfs_create_locked(dir, name, len, mode, rdev, target);
	}
	mutex_unlock(&dir->d_inode->i_lock);
	return d;
}

struct dentry *vfs_create(struct dentry *dir, const char *name, u32 mode,
			  u64 rdev, const char *target)
{
	return create_excl(dir, name, strlen(name), mode, rdev, target);
}

/* What the *at calls that make something have in common. */
static int create_at(int dfd, const char *uname, u32 mode, u64 rdev,
		     const char *target)
{
	struct filename fn;
	struct parent p;
	struct dentry *d;
	int err = getname(&fn, uname);

	if (err)
		return err;
	err = path_parent(dfd, fn.name, 0, &p);
	if (err)
		goto out_name;
	err = -EEXIST;
	if (p.type != LAST_NORM)
		goto out_parent;
	if (p.trailing_slash && !S_ISDIR(mode)) {
		err = lookup_one(p.dir, p.name, p.len, &d);
		if (!err)
			err = d ? -EEXIST : -ENOENT;
		if (err == -EEXIST)
			dput(d);
		goto out_parent;
	}
	d = create_excl(p.dir, p.name, p.len, mode, rdev, target);
	err = IS_ERR(d) ? (int)PTR_ERR(d) : 0;
	if (!err)
		dput(d);
out_parent:
	put_parent(&p);
out_name:
	putname(&fn);
	return err;
}

static u32 umasked(u32 mode)
{
	return mode & ~current->fs->umask;
}

static int do_mkdirat(int dfd, const char *uname, u32 mode)
{
	mode &= S_IRWXUGO | S_ISVTX;
	return create_at(dfd, uname, S_IFDIR | umasked(mode), 0, NULL);
}

SYSCALL_DEFINE2(mkdir, const char *, path, u32, mode)
{
	return do_mkdirat(AT_FDCWD, path, mode);
}

SYSCALL_DEFINE3(mkdirat, int, dfd, const char *, path, u32, mode)
{
	return do_mkdirat(dfd, path, mode);
}

static int do_mknodat(int dfd, const char *uname, u32 mode, u32 dev)
{
	u64 rdev = makedev(dev_major(dev), dev_minor(dev));

	if (!(mode & S_IFMT))
		mode |= S_IFREG;
	switch (mode & S_IFMT) {
	case S_IFREG:
	case S_IFIFO:
	case S_IFSOCK:
		rdev = 0;
		break;
	case S_IFCHR:
	case S_IFBLK:
		if (!capable_root())
			return -EPERM;
		break;
	case S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
	mode = (mode & S_IFMT) | umasked(mode & S_IALLUGO);
	return create_at(dfd, uname, mode, rdev, NULL);
}

SYSCALL_DEFINE3(mknod, const char *, path, u32, mode, u32, dev)
{
	return do_mknodat(AT_FDCWD, path, mode, dev);
}

SYSCALL_DEFINE4(mknodat, int, dfd, const char *, path, u32, mode, u32, dev)
{
	return do_mknodat(dfd, path, mode, dev);
}

static int do_symlinkat(const char *utarget, int dfd, const char *uname)
{
	struct filename target;
	int err = getname(&target, utarget);

	if (err)
		return err;
	err = create_at(dfd, uname, S_IFLNK | 0777, 0, target.name);
	putname(&target);
	return err;
}

SYSCALL_DEFINE2(symlink, const char *, target, const char *, path)
{
	return do_symlinkat(target, AT_FDCWD, path);
}

SYSCALL_DEFINE3(symlinkat, const char *, target, int, dfd, const char *, path)
{
	return do_symlinkat(target, dfd, path);
}

/* ---- linking ---- */

int vfs_link(struct dentry *old, struct dentry *dir, const char *name,
	     size_t len)
{
	struct inode *inode = old->d_inode;
	struct dentry *d = NULL;
	int err;

	if (S_ISDIR(inode->mode))
		return -EPERM;
	if (old->d_sb != dir->d_sb)
		return -EXDEV;
	if (!dir->d_sb->s_pinned)
		return -EPERM;
	mutex_lock(&dir->d_inode->i_lock);
	err = lookup_one(dir, name, len, &d);
	if (!err && d) {
		dput(d);
		err = -EEXIST;
	}
	if (!err)
		err = inode_permission(dir->d_inode, MAY_WRITE | MAY_EXEC);
	if (err)
		goto out;
	spin_lock(&dcache_lock);
	if (!inode->nlink)
		err = -ENOENT;
	else
		inode->nlink++;
	spin_unlock(&dcache_lock);
	if (err)
		goto out;
	ihold(inode);
	d = link_inode(dir, name, len, inode);
	if (IS_ERR(d)) {
		err = (int)PTR_ERR(d);
		spin_lock(&dcache_lock);
		inode->nlink--;
		spin_unlock(&dcache_lock);
		goto out;
	}
	inode_changed(inode);
	dput(d);
out:
	mutex_unlock(&dir->d_inode->i_lock);
	return err;
}

static int do_linkat(int odfd, const char *uold, int ndfd, const char *unew,
		     int flags)
{
	struct filename fn;
	struct dentry *old;
	struct parent p;
	int err;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if ((flags & AT_EMPTY_PATH) && !capable_root())
		return -ENOENT;
	err = user_path(odfd, uold, flags, flags & AT_SYMLINK_FOLLOW, &old);
	if (err)
		return err;
	err = getname(&fn, unew);
	if (err)
		goto out_old;
	err = path_parent(ndfd, fn.name, 0, &p);
	if (err)
		goto out_name;
	if (p.type != LAST_NORM)
		err = -EEXIST;
	else if (p.trailing_slash)
		err = -ENOENT;
	else
		err = vfs_link(old, p.dir, p.name, p.len);
	put_parent(&p);
out_name:
	putname(&fn);
out_old:
	dput(old);
	return err;
}

SYSCALL_DEFINE2(link, const char *, old, const char *, new)
{
	return do_linkat(AT_FDCWD, old, AT_FDCWD, new, 0);
}

SYSCALL_DEFINE5(linkat, int, odfd, const char *, old, int, ndfd, const char *,
		new, int, flags)
{
	return do_linkat(odfd, old, ndfd, new, flags);
}

/* ---- removing ---- */

/* May current take d out of dir?  inode(7): the sticky bit. */
static int may_delete(const struct dentry *dir, const struct dentry *d)
{
	const struct inode *di = dir->d_inode, *i = d->d_inode;
	u32 fsuid = current->cred.fsuid;
	int err = inode_permission(di, MAY_WRITE | MAY_EXEC);

	if (err)
		return err;
	if ((di->mode & S_ISVTX) && fsuid != 0 && fsuid != i->uid &&
	    fsuid != di->uid)
		return -EPERM;
	if (!d->d_sb->s_pinned)
		return -EPERM;
	return 0;
}

/* A directory with no entries, nothing mounted on it. */
static int check_removable_locked(const struct dentry *d)
{
	if (d->d_mounted)
		return -EBUSY;
	if (S_ISDIR(d->d_inode->mode) && !list_empty(&d->d_subdirs))
		return -ENOTEMPTY;
	return 0;
}

/* The name is gone: links counts.  dcache_lock held. */
static void drop_link_locked(struct dentry *dir, struct inode *inode)
{
	if (S_ISDIR(inode->mode)) {
		inode->nlink = 0;
		dir->d_inode->nlink--;
	} else {
		inode->nlink--;
	}
}

static int unlink_locked(struct dentry *dir, struct dentry *d, bool is_rmdir)
{
	bool is_dir = S_ISDIR(d->d_inode->mode);
	int err = may_delete(dir, d);

	if (err)
		return err;
	if (is_rmdir != is_dir)
		return is_dir ? -EISDIR : -ENOTDIR;
	spin_lock(&dcache_lock);
	err = check_removable_locked(d);
	if (!err) {
		d_unlink_locked(d);
		drop_link_locked(dir, d->d_inode);
	}
	spin_unlock(&dcache_lock);
	if (err)
		return err;
	inode_changed(d->d_inode);
	inode_modified(dir->d_inode);
	dput(d); /* the directory's reference */
	return 0;
}

static int remove_at(int dfd, const char *name, bool is_rmdir)
{
	struct parent p;
	struct dentry *d = NULL;
	int err = path_parent(dfd, name, 0, &p);

	if (err)
		return err;
	if (p.type != LAST_NORM) {
		err = !is_rmdir		      ? -EISDIR
		      : p.type == LAST_DOT    ? -EINVAL
		      : p.type == LAST_DOTDOT ? -ENOTEMPTY
					      : -EBUSY;
		goto out;
	}
	mutex_lock(&p.dir->d_inode->i_lock);
	err = lookup_one(p.dir, p.name, p.len, &d);
	if (!err && !d)
		err = -ENOENT;
	if (!err && p.trailing_slash && !S_ISDIR(d->d_inode->mode))
		err = -ENOTDIR;
	if (!err)
		err = unlink_locked(p.dir, d, is_rmdir);
	mutex_unlock(&p.dir->d_inode->i_lock);
	dput(d);
out:
	put_parent(&p);
	return err;
}

static int do_remove(int dfd, const char *uname, bool is_rmdir)
{
	struct filename fn;
	int err = getname(&fn, uname);

	if (err)
		return err;
	err = remove_at(dfd, fn.name, is_rmdir);
	putname(&fn);
	return err;
}

int kernel_unlink(const char *path)
{
	return remove_at(AT_FDCWD, path, false);
}

SYSCALL_DEFINE1(unlink, const char *, path)
{
	return do_remove(AT_FDCWD, path, false);
}

SYSCALL_DEFINE1(rmdir, const char *, path)
{
	return do_remove(AT_FDCWD, path, true);
}

SYSCALL_DEFINE3(unlinkat, int, dfd, const char *, path, int, flags)
{
	if (flags & ~AT_REMOVEDIR)
		return -EINVAL;
	return do_remove(dfd, path, flags & AT_REMOVEDIR);
}

/* ---- moving ---- */

struct move {
	struct parent from, to;
	struct dentry *old; /* referenced */
	struct dentry *new; /* referenced, or NULL */
	unsigned int flags;
};

static void lock_two(struct inode *a, struct inode *b)
{
	mutex_lock(&a->i_lock);
	if (a != b)
		mutex_lock(&b->i_lock);
}

static void unlock_two(struct inode *a, struct inode *b)
{
	if (a != b)
		mutex_unlock(&b->i_lock);
	mutex_unlock(&a->i_lock);
}

/* The types of what moves and of what it replaces. */
static int check_types(const struct move *m)
{
	bool old_dir = S_ISDIR(m->old->d_inode->mode);

	if (!old_dir && (m->from.trailing_slash || m->to.trailing_slash) &&
	    !(m->flags & RENAME_EXCHANGE))
		return -ENOTDIR;
	if (!m->new || (m->flags & RENAME_EXCHANGE))
		return 0;
	if (S_ISDIR(m->new->d_inode->mode) != old_dir)
		return old_dir ? -ENOTDIR : -EISDIR;
	return 0;
}

static int check_move(const struct move *m)
{
	int err = may_delete(m->from.dir, m->old);

	if (err)
		return err;
	if (m->new) {
		if (m->flags & RENAME_NOREPLACE)
			return -EEXIST;
		err = may_delete(m->to.dir, m->new);
	} else {
		if (m->flags & RENAME_EXCHANGE)
			return -ENOENT;
		err = inode_permission(m->to.dir->d_inode,
				       MAY_WRITE | MAY_EXEC);
	}
	if (!err)
		err = check_types(m);
	if (err)
		return err;
	/* ".." of a moved directory is written. */
	if (m->from.dir != m->to.dir && S_ISDIR(m->old->d_inode->mode))
		err = inode_permission(m->old->d_inode, MAY_WRITE);
	return err;
}

static void count_moved_dir(struct dentry *d, struct dentry *from,
			    struct dentry *to)
{
	if (S_ISDIR(d->d_inode->mode)) {
		from->d_inode->nlink--;
		to->d_inode->nlink++;
	}
}

/* What only holds still under dcache_lock; then the change itself. */
static int commit_move_locked(struct move *m, struct dentry *fresh)
{
	struct dentry *old = m->old, *new = m->new;

	if (d_is_descendant_locked(m->to.dir, old))
		return -EINVAL;
	if (!m->to.dir->d_hashed || !m->from.dir->d_hashed)
		return -ENOENT;
	if (old->d_mounted || (new &&new->d_mounted))
		return -EBUSY;
	if (new &&d_is_descendant_locked(m->from.dir, new))
		return m->flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	if (m->flags & RENAME_EXCHANGE) {
		d_exchange_locked(old, new);
		count_moved_dir(old, m->from.dir, m->to.dir);
		count_moved_dir(new, m->to.dir, m->from.dir);
		return 0;
	}
	if (new) {
		int err = check_removable_locked(new);

		if (err)
			return err;
		d_unlink_locked(new);
		drop_link_locked(m->to.dir, new->d_inode);
		d_move_locked(old, new);
	} else {
		d_move_locked(old, fresh);
	}
	count_moved_dir(old, m->from.dir, m->to.dir);
	return 0;
}

static int move_locked(struct move *m)
{
	struct dentry *fresh = NULL;
	int err;

	if (m->new && m->new->d_inode == m->old->d_inode)
		return m->flags & RENAME_NOREPLACE ? -EEXIST : 0;
	err = check_move(m);
	if (err)
		return err;
	if (!m->new) {
		fresh = d_alloc(m->to.dir->d_sb, m->to.dir, m->to.name,
				m->to.len);
		if (!fresh)
			return -ENOMEM;
	}
	spin_lock(&dcache_lock);
	err = commit_move_locked(m, fresh);
	spin_unlock(&dcache_lock);
	if (!err) {
		inode_changed(m->old->d_inode);
		inode_modified(m->from.dir->d_inode);
		inode_modified(m->to.dir->d_inode);
		if (m->new && !(m->flags & RENAME_EXCHANGE)) {
			inode_changed(m->new->d_inode);
			dput(m->new); /* the directory's reference */
		}
	}
	dput(fresh);
	return err;
}

static int rename_in(struct move *m)
{
	struct inode *from = m->from.dir->d_inode, *to = m->to.dir->d_inode;
	int err;

	if (m->from.type != LAST_NORM || m->to.type != LAST_NORM)
		return m->flags & RENAME_NOREPLACE && m->to.type != LAST_NORM
			       ? -EEXIST
			       : -EBUSY;
	if (m->from.dir->d_sb != m->to.dir->d_sb)
		return -EXDEV;
	mutex_lock(&rename_mutex);
	lock_two(from, to);
	err = lookup_one(m->from.dir, m->from.name, m->from.len, &m->old);
	if (!err && !m->old)
		err = -ENOENT;
	if (!err)
		err = lookup_one(m->to.dir, m->to.name, m->to.len, &m->new);
	if (!err)
		err = move_locked(m);
	unlock_two(from, to);
	mutex_unlock(&rename_mutex);
	dput(m->old);
	dput(m->new);
	return err;
}

static int do_renameat(int odfd, const char *uold, int ndfd, const char *unew,
		       unsigned int flags)
{
	struct filename old, new;
	struct move m = {.flags = flags};
	int err;

	if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) ||
	    flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	err = getname(&old, uold);
	if (err)
		return err;
	err = getname(&new, unew);
	if (err)
		goto out_old;
	err = path_parent(odfd, old.name, 0, &m.from);
	if (err)
		goto out_new;
	err = path_parent(ndfd, new.name, 0, &m.to);
	if (err)
		goto out_from;
	err = rename_in(&m);
	put_parent(&m.to);
out_from:
	put_parent(&m.from);
out_new:
	putname(&new);
out_old:
	putname(&old);
	return err;
}

SYSCALL_DEFINE2(rename, const char *, old, const char *, new)
{
	return do_renameat(AT_FDCWD, old, AT_FDCWD, new, 0);
}

SYSCALL_DEFINE4(renameat, int, odfd, const char *, old, int, ndfd, const char *,
		new)
{
	return do_renameat(odfd, old, ndfd, new, 0);
}

SYSCALL_DEFINE5(renameat2, int, odfd, const char *, old, int, ndfd,
		const char *, new, u32, flags)
{
	return do_renameat(odfd, old, ndfd, new, flags);
}
