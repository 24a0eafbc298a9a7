/* SPDX-License-Identifier: MIT */
/*
 * memfs.c - files in memory: rootfs, tmpfs and devtmpfs.
 *
 * 1. Idea.  Names are the dentries themselves (pinned), contents are the
 *    inode's address_space, whose pages never leave memory: read and write
 *    copy to and from them, mmap maps them.  Holes take no frame.
 *
 * 2. Locking.  Writers and truncation hold i_lock; readers hold nothing but
 *    the page they copy from, so that they may fault on a mapping of the same
 *    file.  A read that races with a write sees old or new bytes.
 *
 * 3. Failure.  A write that runs out of memory or faults reports what it did;
 *    i_size grows only by what was copied.
 *
 * There is no limit but memory: tmpfs takes size=0 and nr_inodes=0, which mean
 * that, and refuses other limits instead of ignoring them.
 *
 * Sources: tmpfs(5), Linux's Documentation/filesystems/tmpfs.rst.
 */
#include "kernel/fs/internal.h"

#include "kernel/task.h"

/* ---- contents ---- */

/* relatime: reading is noted once after each change, and once a day. */
static void touch_atime(struct file *file)
{
	struct inode *inode = file->f_inode;
	unsigned long flags = inode->sb->s_flags;
	u64 atime = READ_ONCE(inode->atime_ns), now;

	if ((file->f_flags & O_NOATIME) || (flags & (MS_NOATIME | MS_RDONLY)) ||
	    (S_ISDIR(inode->mode) && (flags & MS_NODIRATIME)))
		return;
	now = ktime_real_ns();
	if ((flags & MS_RELATIME) && atime > inode->mtime_ns &&
	    atime > inode->ctime_ns && now - atime < 86400 * NSEC_PER_SEC)
		return;
	WRITE_ONCE(inode->atime_ns, now);
}

/* Up to the end of pos's page. */
static size_t in_page(u64 pos, u64 n)
{
	return (size_t)min(n, (u64)(PAGE_SIZE - (pos & (PAGE_SIZE - 1))));
}

static mm_ssize_t memfs_read(struct file *file, struct iov_iter *to, u64 *pos)
{
	struct address_space *mapping = &file->f_inode->mapping;
	size_t start = to->count;

	while (to->count) {
		u64 size = READ_ONCE(mapping->i_size);
		struct page *page;
		size_t n, done;

		if (*pos >= size)
			break;
		n = in_page(*pos, min(size - *pos, (u64)to->count));
		page = filemap_get_page(mapping, *pos >> PAGE_SHIFT);
		if (page) {
			char *p = page_address(page);

			done = copy_to_iter(to, p + (*pos & (PAGE_SIZE - 1)),
					    n);
			put_page(page);
		} else {
			done = clear_iter(to, n);
		}
		*pos += done;
		if (done < n) {
			if (to->count == start)
				return -EFAULT;
			break;
		}
	}
	touch_atime(file);
	return (mm_ssize_t)(start - to->count);
}

/* Fill from the iterator into one page; bytes, 0: fault; -ENOMEM. */
static mm_ssize_t write_page(struct inode *inode, struct iov_iter *from,
			     u64 pos, size_t n)
{
	struct page *page = shmem_get_page(&inode->mapping, pos >> PAGE_SHIFT,
					   GFP_HIGHUSER_MOVABLE);
	size_t done;

	if (IS_ERR(page))
		return PTR_ERR(page);
	done = copy_from_iter(
		from, (char *)page_address(page) + (pos & (PAGE_SIZE - 1)), n);
	SetPageDirty(page);
	put_page(page);
	if (done && pos + done > inode->mapping.i_size)
		WRITE_ONCE(inode->mapping.i_size, pos + done);
	return (mm_ssize_t)done;
}

static mm_ssize_t memfs_write_locked(struct file *file, struct iov_iter *from,
				     u64 *pos)
{
	struct inode *inode = file->f_inode;
	mm_ssize_t room, done = 0;

	if (file->f_flags & O_APPEND)
		*pos = inode_size(inode);
	if (!from->count)
		return 0;
	room = generic_write_limit(*pos, from->count);
	if (room < 0)
		return room;
	inode_remove_privs(inode);
	while (done < room) {
		size_t n = in_page(*pos, (u64)(room - done));
		mm_ssize_t ret = seals_allow_write(inode, *pos, n);

		if (!ret)
			ret = write_page(inode, from, *pos, n);

		if (ret <= 0) {
			if (!done)
				done = ret ? ret : -EFAULT;
			break;
		}
		*pos += (u64)ret;
		done += ret;
		if ((size_t)ret < n)
			break;
	}
	if (done > 0)
		inode_modified(inode);
	return done;
}

static mm_ssize_t memfs_write(struct file *file, struct iov_iter *from,
			      u64 *pos)
{
	mm_ssize_t ret;

	mutex_lock(&file->f_inode->i_lock);
	ret = memfs_write_locked(file, from, pos);
	mutex_unlock(&file->f_inode->i_lock);
	return ret;
}

static long memfs_llseek(struct file *file, s64 off, int whence)
{
	struct inode *inode = file->f_inode;
	long ret;

	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return generic_llseek(file, off, whence, inode_size(inode));
	if (off < 0)
		return -ENXIO;
	mutex_lock(&inode->i_lock);
	ret = shmem_seek(&inode->mapping, (u64)off, whence == SEEK_DATA);
	mutex_unlock(&inode->i_lock);
	if (ret >= 0)
		file->f_pos = (u64)ret;
	return ret;
}

static int memfs_mmap(struct file *file, struct vm_area_struct *vma)
{
	touch_atime(file);
	vma->vm_ops = &shmem_vm_ops;
	return 0;
}

static int memfs_truncate(struct inode *inode, u64 size)
{
	int err = seals_allow_resize(inode, size);

	return err ? err : shmem_truncate(&inode->mapping, size);
}

static long punch_hole(struct inode *inode, u64 off, u64 end)
{
	if (inode->i_seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EPERM;
	shmem_punch_hole(&inode->mapping, off, end);
	return 0;
}

static long reserve(struct inode *inode, u64 off, u64 end, bool keep_size)
{
	u64 size = inode_size(inode);
	long err;

	if (end > size && !keep_size) {
		mm_ssize_t room = generic_write_limit(end - 1, 1);

		if (room < 0)
			return room;
	}
	if (end > size && (inode->i_seals & F_SEAL_GROW))
		return -EPERM;
	err = shmem_fallocate(&inode->mapping, off, end);
	if (!err && end > size && !keep_size)
		WRITE_ONCE(inode->mapping.i_size, end);
	return err;
}

static long memfs_fallocate(struct file *file, int mode, u64 off, u64 len)
{
	struct inode *inode = file->f_inode;
	long err;

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
		return -EOPNOTSUPP;
	mutex_lock(&inode->i_lock);
	if (mode & FALLOC_FL_PUNCH_HOLE)
		err = punch_hole(inode, off, off + len);
	else
		err = reserve(inode, off, off + len,
			      mode & FALLOC_FL_KEEP_SIZE);
	if (!err) {
		inode_remove_privs(inode);
		inode_modified(inode);
	}
	mutex_unlock(&inode->i_lock);
	return err;
}

/* Regular files are always ready. */
const struct file_operations memfs_file_ops = {
	.read = memfs_read,
	.write = memfs_write,
	.llseek = memfs_llseek,
	.mmap = memfs_mmap,
	.fallocate = memfs_fallocate,
};

u64 memfs_blocks(const struct inode *inode)
{
	return READ_ONCE(inode->mapping.nrpages) * (PAGE_SIZE / 512);
}

/* ---- directories ---- */

static unsigned int mode_to_dt(u32 mode)
{
	return mode >> 12 & 15; /* S_IFMT's values are DT_'s << 12 */
}

/* The first entry at or behind cookie, referenced; NULL at the end. */
static struct dentry *child_from(struct dentry *dir, u64 cookie)
{
	struct dentry *d, *found = NULL;

	spin_lock(&dcache_lock);
	list_for_each_entry(d, &dir->d_subdirs, d_child) {
		if (d->d_cookie >= cookie) {
			found = dget(d);
			break;
		}
	}
	spin_unlock(&dcache_lock);
	return found;
}

/* The one behind d; starts over by cookie if d was moved or removed. */
static struct dentry *child_after(struct dentry *dir, struct dentry *d,
				  u64 cookie)
{
	struct dentry *next = NULL;

	spin_lock(&dcache_lock);
	if (d->d_hashed && d->d_parent == dir && d->d_cookie == cookie) {
		if (!list_is_last(&d->d_child, &dir->d_subdirs))
			next = dget(list_next_entry(d, d_child));
		spin_unlock(&dcache_lock);
		return next;
	}
	spin_unlock(&dcache_lock);
	return child_from(dir, cookie + 1);
}

int dcache_iterate(struct file *file, u64 *pos,
		   int (*fill)(void *ctx, const char *name, size_t len, u64 ino,
			       unsigned int type, u64 next_pos),
		   void *ctx)
{
	struct dentry *dir = file->f_dentry, *d, *next;
	struct inode *inode = file->f_inode;
	char name[NAME_MAX];
	int stop = 0;

	if (!dir->d_hashed)
		return -ENOENT; /* removed: not even "." */
	if (*pos == 0 && !fill(ctx, ".", 1, inode->ino, DT_DIR, 1))
		*pos = 1;
	if (*pos == 1 &&
	    !fill(ctx, "..", 2, dir->d_parent->d_inode->ino, DT_DIR, 2))
		*pos = 2;
	if (*pos < 2)
		return 0;
	touch_atime(file);
	for (d = child_from(dir, *pos); d; d = next) {
		size_t len;
		u64 cookie, ino;
		unsigned int type;

		/* rename changes names under dcache_lock. */
		spin_lock(&dcache_lock);
		len = d->d_len;
		memcpy(name, d->d_name, len);
		cookie = d->d_cookie;
		ino = d->d_inode->ino;
		type = mode_to_dt(d->d_inode->mode);
		spin_unlock(&dcache_lock);
		stop = cookie < *pos
			       ? 0
			       : fill(ctx, name, len, ino, type, cookie + 1);
		if (stop) {
			dput(d);
			break;
		}
		*pos = max(*pos, cookie + 1);
		next = child_after(dir, d, cookie);
		dput(d);
	}
	return 0;
}

static long dir_llseek(struct file *file, s64 off, int whence)
{
	if (whence == SEEK_END)
		return -EINVAL;
	return generic_llseek(file, off, whence, 0);
}

const struct file_operations memfs_dir_ops = {
	.iterate = dcache_iterate,
	.llseek = dir_llseek,
};

/* ---- inodes ---- */

static mm_ssize_t memfs_readlink(struct inode *inode, char *buf, size_t size)
{
	const char *target = inode->i_private;
	size_t len = min(strlen(target), size);

	memcpy(buf, target, len);
	return (mm_ssize_t)len;
}

static struct inode *memfs_new(struct super_block *sb, u32 mode, u64 rdev,
			       const char *target)
{
	struct inode *inode = new_inode(sb, mode);

	if (!inode)
		return ERR_PTR(-ENOMEM);
	inode->i_op = &memfs_inode_ops;
	if (S_ISREG(mode)) {
		inode->i_fop = &memfs_file_ops;
		inode->i_seals = F_SEAL_SEAL;
	} else if (S_ISDIR(mode)) {
		inode->i_fop = &memfs_dir_ops;
	} else if (S_ISLNK(mode)) {
		inode->i_private = kstrdup(target, GFP_KERNEL);
		if (!inode->i_private) {
			iput(inode);
			return ERR_PTR(-ENOMEM);
		}
		inode->mapping.i_size = strlen(target);
	} else {
		inode->rdev = rdev;
	}
	return inode;
}

static struct inode *memfs_create(struct inode *dir, u32 mode, u64 rdev,
				  const char *target)
{
	return memfs_new(dir->sb, mode, rdev, target);
}

const struct inode_operations memfs_inode_ops = {
	.create = memfs_create,
	.readlink = memfs_readlink,
	.truncate = memfs_truncate,
};

static void memfs_evict(struct inode *inode)
{
	if (S_ISLNK(inode->mode))
		kfree(inode->i_private);
	pipe_free_inode(inode);
}

/* ---- file systems ---- */

static int parse_limit(const char *value)
{
	u64 n;

	if (!value || kstrtoull(value, 10, &n))
		return -EINVAL;
	return n ? -EINVAL : 0;
}

static int parse_number(const char *value, unsigned int base, u32 *out)
{
	return !value || kstrtouint(value, base, out) ? -EINVAL : 0;
}

static int parse_options(struct inode *root, const char *options)
{
	char *copy, *text, *name, *value;
	u32 n;
	int err = 0;

	if (!options || !*options)
		return 0;
	copy = kstrdup(options, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	text = copy;
	while (!err && (name = next_option(&text, &value))) {
		if (!strcmp(name, "mode")) {
			err = parse_number(value, 8, &n);
			if (!err)
				root->mode = S_IFDIR | (n & S_IALLUGO);
		} else if (!strcmp(name, "uid")) {
			err = parse_number(value, 10, &root->uid);
		} else if (!strcmp(name, "gid")) {
			err = parse_number(value, 10, &root->gid);
		} else if (!strcmp(name, "size") ||
			   !strcmp(name, "nr_inodes")) {
			err = parse_limit(value);
		} else {
			err = -EINVAL;
		}
	}
	kfree(copy);
	return err;
}

static int fill_with_root(struct super_block *sb, u32 mode, const char *options)
{
	struct inode *root = memfs_new(sb, S_IFDIR | mode, 0, NULL);
	int err;

	if (IS_ERR(root))
		return (int)PTR_ERR(root);
	sb->s_pinned = true;
	err = parse_options(root, options);
	if (err) {
		iput(root);
		return err;
	}
	sb->s_root = d_make_root(sb, root);
	return sb->s_root ? 0 : -ENOMEM;
}

static int rootfs_fill(struct super_block *sb, const char *options)
{
	return fill_with_root(sb, 0755, options);
}

static int tmpfs_fill(struct super_block *sb, const char *options)
{
	return fill_with_root(sb, 01777, options);
}

static int devtmpfs_fill(struct super_block *sb, const char *options)
{
	int err = fill_with_root(sb, 0755, options);

	return err ? err : devices_populate(sb->s_root);
}

const struct file_system_type rootfs_type = {
	.name = "rootfs",
	.nodev = true,
	.magic = TMPFS_MAGIC,
	.fill_super = rootfs_fill,
	.evict_inode = memfs_evict,
};

const struct file_system_type tmpfs_type = {
	.name = "tmpfs",
	.nodev = true,
	.magic = TMPFS_MAGIC,
	.fill_super = tmpfs_fill,
	.evict_inode = memfs_evict,
};

const struct file_system_type devtmpfs_type = {
	.name = "devtmpfs",
	.nodev = true,
	.magic = TMPFS_MAGIC,
	.fill_super = devtmpfs_fill,
	.evict_inode = memfs_evict,
};
