/* SPDX-License-Identifier: MIT */
/*
 * namei.c - from a path to a dentry.
 *
 * 1. Idea.  A walk holds one reference, on the last dentry where it had to let
 *    go of dcache_lock ("held"), and steps from there under the lock through
 *    everything that is cached, taking no reference on the way ("cur").  It
 *    settles (references cur, drops held, unlocks) at the end, at a symlink
 *    and where a file system must be asked.
 *
 * 2. A symlink's target is put in front of what is left of the path, in a
 *    buffer of its own, and the walk goes on: no recursion.  40 symlinks make
 *    ELOOP; a combined text above PATH_MAX gives ENAMETOOLONG.
 *
 * 3. LOOKUP_PARENT stops before the last component; with LOOKUP_FOLLOW a last
 *    component that is a symlink is followed even then, so that open(O_CREAT)
 *    makes the file that a dangling link names.
 *
 * Sources: path_resolution(7), open(2), symlink(7).
 */
#include "kernel/fs/internal.h"

#include "kernel/task.h"
#include "port/x86_64/uaccess.h"

struct walk {
	struct dentry *root; /* referenced */
	struct dentry *held; /* referenced */
	struct dentry *cur;  /* held or found under dcache_lock */
	unsigned int flags;
	unsigned int nr_links;
	const char *name; /* what is left */
	char *buf;	  /* holds name after a symlink */
};

/* One component of the path. */
struct comp {
	const char *name;
	size_t len;
	const char *rest;
	bool slash; /* a slash follows it */
};

int getname_flags(struct filename *fn, const char *uname, bool may_be_empty)
{
	long len = strncpy_from_user(fn->small, uname, sizeof(fn->small));

	fn->big = NULL;
	fn->name = fn->small;
	if (unlikely(len == (long)sizeof(fn->small))) {
		fn->big = __getname();
		if (!fn->big)
			return -ENOMEM;
		len = strncpy_from_user(fn->big, uname, PATH_MAX);
		if (len == PATH_MAX)
			len = -ENAMETOOLONG;
		fn->name = fn->big;
	}
	if (len == 0 && !may_be_empty)
		len = -ENOENT;
	if (len < 0) {
		__putname(fn->big);
		fn->big = NULL;
		return (int)len;
	}
	return 0;
}

int getname(struct filename *fn, const char *uname)
{
	return getname_flags(fn, uname, false);
}

void putname(struct filename *fn)
{
	__putname(fn->big);
}

/* Leave dcache_lock with a reference on cur. */
static void walk_settle(struct walk *w)
{
	struct dentry *old = w->held;

	if (w->cur == old) {
		spin_unlock(&dcache_lock);
		return;
	}
	w->held = dget(w->cur);
	spin_unlock(&dcache_lock);
	dput(old);
}

/* A dentry that came with a reference becomes the place; no lock held. */
static void walk_to(struct walk *w, struct dentry *d)
{
	dput(w->held);
	w->held = d;
	w->cur = d;
}

static void follow_dotdot_locked(struct walk *w)
{
	struct dentry *d = w->cur;

	while (d != w->root) {
		if (!d_is_root(d)) {
			d = d->d_parent;
			break;
		}
		if (!d->d_sb->s_mountpoint)
			break;
		d = d->d_sb->s_mountpoint;
	}
	w->cur = follow_mounts_locked(d);
}

/* Ask the file system; the dentry is linked and referenced, or ERR. */
static struct dentry *lookup_slow(struct dentry *dir, const char *name,
				  size_t len)
{
	struct inode *inode =
		dir->d_inode->i_op->lookup(dir->d_inode, name, len);
	struct dentry *d, *other;
	int err;

	if (IS_ERR(inode))
		return (struct dentry *)inode;
	d = d_alloc(dir->d_sb, dir, name, len);
	if (!d) {
		iput(inode);
		return ERR_PTR(-ENOMEM);
	}
	d->d_inode = inode;
	spin_lock(&dcache_lock);
	other = d_lookup_locked(dir, name, len, d->d_hash);
	if (other) { /* someone else was faster */
		dget(other);
		err = 0;
	} else {
		err = d_link_locked(d);
	}
	spin_unlock(&dcache_lock);
	if (other || err) {
		dput(d);
		return other ? other : ERR_PTR(err);
	}
	return d;
}

static struct dentry *lookup_cached_locked(struct dentry *dir, const char *name,
					   size_t len)
{
	struct dentry *d =
		d_lookup_locked(dir, name, len, name_hash(name, len));

	if (d && !d->d_sb->s_pinned && d->d_inode->i_op->valid &&
	    !d->d_inode->i_op->valid(d->d_inode)) {
		d_unlink_locked(d);
		return NULL;
	}
	return d;
}

int lookup_one(struct dentry *dir, const char *name, size_t len,
	       struct dentry **out)
{
	struct dentry *d;

	spin_lock(&dcache_lock);
	d = lookup_cached_locked(dir, name, len);
	if (d)
		dget(d);
	spin_unlock(&dcache_lock);
	if (!d && !dir->d_sb->s_pinned && dir->d_inode->i_op->lookup) {
		d = lookup_slow(dir, name, len);
		if (IS_ERR(d)) {
			if (PTR_ERR(d) != -ENOENT)
				return (int)PTR_ERR(d);
			d = NULL;
		}
	}
	*out = d;
	return 0;
}

/*
 * One step down from cur, dcache_lock held; it may have been released in
 * between.  0 or -E, with the lock held either way.
 */
static int walk_down_locked(struct walk *w, const struct comp *c)
{
	struct dentry *d = lookup_cached_locked(w->cur, c->name, c->len);

	if (unlikely(!d)) {
		if (w->cur->d_sb->s_pinned || !w->cur->d_inode->i_op->lookup)
			return -ENOENT;
		walk_settle(w);
		d = lookup_slow(w->held, c->name, c->len);
		if (!IS_ERR(d))
			walk_to(w, d);
		spin_lock(&dcache_lock);
		if (IS_ERR(d))
			return (int)PTR_ERR(d);
	}
	w->cur = follow_mounts_locked(d);
	return 0;
}

/*
 * Put the link's target before the rest of the path.  The link is held; from
 * is the directory it lies in, whose reference the walk gets back.
 */
static int splice_target(struct walk *w, struct dentry *link,
			 const struct comp *c)
{
	char *buf = __getname();
	size_t rest = strlen(c->rest);
	mm_ssize_t len;

	if (!buf)
		return -ENOMEM;
	len = link->d_inode->i_op->readlink(link->d_inode, buf, PATH_MAX);
	if (len <= 0 || (size_t)len + rest + 2 > PATH_MAX) {
		__putname(buf);
		return len < 0 ? (int)len : len ? -ENAMETOOLONG : -ENOENT;
	}
	if (c->slash)
		buf[len++] = '/';
	memcpy(buf + len, c->rest, rest + 1);
	__putname(w->buf);
	w->buf = buf;
	w->name = buf;
	return 0;
}

/* cur is a symlink in dir; no lock held, both referenced by the caller. */
static int walk_follow(struct walk *w, struct dentry *dir, struct dentry *link,
		       const struct comp *c)
{
	struct dentry *to;
	int err;

	if (++w->nr_links > SYMLINK_MAX_FOLLOW)
		return -ELOOP;
	if (link->d_inode->i_op->jump) {
		to = link->d_inode->i_op->jump(link->d_inode);
		if (IS_ERR(to))
			return (int)PTR_ERR(to);
		walk_to(w, to);
		w->name = c->rest;
		if (c->slash && !*c->rest)
			w->flags |= LOOKUP_DIRECTORY;
		return 0;
	}
	err = splice_target(w, link, c);
	if (err)
		return err;
	walk_to(w, dget(w->name[0] == '/' ? w->root : dir));
	return 0;
}

static int next_comp(const char *name, struct comp *c)
{
	const char *p = name;

	while (*p && *p != '/')
		p++;
	c->name = name;
	c->len = (size_t)(p - name);
	c->slash = *p == '/';
	while (*p == '/')
		p++;
	c->rest = p;
	return c->len > NAME_MAX ? -ENAMETOOLONG : 0;
}

static bool is_dot(const struct comp *c)
{
	return c->len == 1 && c->name[0] == '.';
}

static bool is_dotdot(const struct comp *c)
{
	return c->len == 2 && c->name[0] == '.' && c->name[1] == '.';
}

/* The last component under LOOKUP_PARENT is a symlink to be followed. */
static bool last_is_link_locked(struct walk *w, const struct comp *c)
{
	struct dentry *d;

	if (!(w->flags & LOOKUP_FOLLOW) || is_dot(c) || is_dotdot(c))
		return false;
	d = lookup_cached_locked(w->cur, c->name, c->len);
	/* proc's directories take no new names: no need to ask there. */
	return d && S_ISLNK(d->d_inode->mode);
}

static int check_search(const struct dentry *d)
{
	if (!S_ISDIR(d->d_inode->mode))
		return -ENOTDIR;
	return inode_permission(d->d_inode, MAY_EXEC);
}

/*
 * Follow the symlink that c names in cur.  dcache_lock is released and taken
 * again.
 */
static int follow_comp_locked(struct walk *w, struct dentry *dir,
			      const struct comp *c)
{
	struct dentry *link = dget(w->cur);
	int err;

	dget(dir);
	walk_settle(w);
	err = walk_follow(w, dir, link, c);
	dput(link);
	dput(dir);
	spin_lock(&dcache_lock);
	return err;
}

/* One component; 0: go on or (name empty) done; 1: stopped at the parent. */
static int walk_step_locked(struct walk *w, struct comp *c)
{
	struct dentry *dir = w->cur;
	bool last, stop_here;
	int err = check_search(dir);

	if (!err)
		err = next_comp(w->name, c);
	if (err)
		return err;
	last = !*c->rest;
	stop_here = last && (w->flags & LOOKUP_PARENT);
	if (stop_here && !last_is_link_locked(w, c))
		return 1;
	if (is_dotdot(c)) {
		follow_dotdot_locked(w);
	} else if (!is_dot(c)) {
		/* dir must outlive a lookup that lets go of the lock. */
		if (!dir->d_sb->s_pinned)
			dget(dir);
		err = walk_down_locked(w, c);
		if (!err && S_ISLNK(w->cur->d_inode->mode) &&
		    (!last || c->slash || (w->flags & LOOKUP_FOLLOW))) {
			err = follow_comp_locked(w, dir, c);
			if (!dir->d_sb->s_pinned) {
				spin_unlock(&dcache_lock);
				dput(dir);
				spin_lock(&dcache_lock);
			}
			return err;
		}
		if (!dir->d_sb->s_pinned) {
			walk_settle(w);
			dput(dir);
			spin_lock(&dcache_lock);
		}
	}
	if (err)
		return err;
	w->name = c->rest;
	if (last && c->slash)
		w->flags |= LOOKUP_DIRECTORY;
	return 0;
}

static int walk_start(struct walk *w, int dfd, const char *name)
{
	struct fd f;

	w->root = get_root();
	w->buf = NULL;
	w->nr_links = 0;
	w->name = name;
	if (*name == '/') {
		w->held = dget(w->root);
	} else if (dfd == AT_FDCWD) {
		w->held = get_cwd();
	} else {
		f = fdget_raw(dfd);
		if (!f.file) {
			dput(w->root);
			return -EBADF;
		}
		w->held = dget(f.file->f_dentry);
		fdput(f);
		if (*name && !S_ISDIR(w->held->d_inode->mode)) {
			dput(w->held);
			dput(w->root);
			return -ENOTDIR;
		}
	}
	w->cur = w->held;
	return 0;
}

/* To the end, or to the last component's parent (1, with c set). */
static int walk_all(struct walk *w, struct comp *c)
{
	int ret = 0;

	spin_lock(&dcache_lock);
	do {
		if (*w->name == '/') {
			while (*w->name == '/')
				w->name++;
			w->cur = follow_mounts_locked(w->root);
			if (!*w->name)
				w->flags |= LOOKUP_DIRECTORY;
		}
		if (!*w->name)
			break;
		ret = walk_step_locked(w, c);
	} while (!ret && *w->name);
	if (!ret && (w->flags & LOOKUP_DIRECTORY) &&
	    !S_ISDIR(w->cur->d_inode->mode))
		ret = -ENOTDIR;
	walk_settle(w);
	return ret;
}

int path_lookup(int dfd, const char *name, unsigned int flags,
		struct dentry **out)
{
	struct walk w = {.flags = flags & ~LOOKUP_PARENT};
	struct comp c;
	int err;

	if (!*name && !(flags & LOOKUP_EMPTY))
		return -ENOENT;
	err = walk_start(&w, dfd, name);
	if (err)
		return err;
	err = walk_all(&w, &c);
	if (err)
		dput(w.held);
	else
		*out = w.held;
	__putname(w.buf);
	dput(w.root);
	return err;
}

static void set_last(struct parent *p, const struct walk *w,
		     const struct comp *c, bool stopped)
{
	p->dir = w->held;
	p->buf = w->buf;
	p->name = "";
	p->len = 0;
	p->trailing_slash = false;
	p->type = LAST_ROOT;
	if (!stopped)
		return;
	p->name = c->name;
	p->len = c->len;
	p->trailing_slash = c->slash;
	p->type = is_dot(c) ? LAST_DOT : is_dotdot(c) ? LAST_DOTDOT : LAST_NORM;
}

int path_parent(int dfd, const char *name, unsigned int flags, struct parent *p)
{
	struct walk w = {.flags = flags | LOOKUP_PARENT};
	struct comp c = {0};
	int ret;

	if (!*name)
		return -ENOENT;
	ret = walk_start(&w, dfd, name);
	if (ret)
		return ret;
	ret = walk_all(&w, &c);
	dput(w.root);
	if (ret < 0) {
		dput(w.held);
		__putname(w.buf);
		return ret;
	}
	set_last(p, &w, &c, ret == 1);
	return 0;
}

void put_parent(struct parent *p)
{
	dput(p->dir);
	__putname(p->buf);
}

int user_path(int dfd, const char *uname, int at_flags, bool follow,
	      struct dentry **out)
{
	struct filename fn;
	unsigned int flags = 0;
	int err;

	if (at_flags & AT_EMPTY_PATH)
		flags |= LOOKUP_EMPTY;
	if (follow)
		flags |= LOOKUP_FOLLOW;
	err = getname_flags(&fn, uname, flags & LOOKUP_EMPTY);
	if (err)
		return err;
	err = path_lookup(dfd, fn.name, flags, out);
	putname(&fn);
	return err;
}
