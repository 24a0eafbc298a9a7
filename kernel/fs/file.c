/* SPDX-License-Identifier: MIT */
/*
 * file.c - open files, and a process's root and working directory.
 *
 * 1. A struct file is one open(2): position, flags, the object.  Descriptors,
 *    mappings, running calls hold references; the last fput releases it.  mm/
 *    sees the vm_file inside and comes back through f_vm_ops.
 *
 * 2. i_writecount keeps writers and execution apart: above 0 it counts the
 *    files open for writing, below 0 those who run it.
 *
 * 3. Locking.  f_count is atomic; fs->lock guards root and cwd.
 */
#include "kernel/fs/internal.h"

#include "kernel/syscall.h"
#include "kernel/task.h"

static struct {
	struct kmem_cache *filp, *fs, *names;
} caches;

void file_init(void)
{
	caches.filp = kmem_cache_create(
		"filp", sizeof(struct file), 8,
		SLAB_PANIC | SLAB_HWCACHE_ALIGN | SLAB_ACCOUNT, NULL);
	caches.fs = kmem_cache_create("fs_cache", sizeof(struct fs_struct), 8,
				      SLAB_PANIC | SLAB_ACCOUNT, NULL);
	caches.names = kmem_cache_create(
		"names_cache", PATH_MAX, 0,
		SLAB_PANIC | SLAB_HWCACHE_ALIGN | SLAB_NO_MERGE, NULL);
}

char *__getname(void)
{
	return kmem_cache_alloc(caches.names, GFP_KERNEL);
}

void __putname(char *name)
{
	if (name)
		kmem_cache_free(caches.names, name);
}

/* ---- what mm/ sees of a file ---- */

static struct file *vm_file_to_file(struct vm_file *vf)
{
	return container_of(vf, struct file, f_vm);
}

static void f_vm_get(struct vm_file *vf)
{
	get_file(vm_file_to_file(vf));
}

static void f_vm_put(struct vm_file *vf)
{
	fput(vm_file_to_file(vf));
}

static int f_vm_mmap(struct vm_file *vf, struct vm_area_struct *vma)
{
	struct file *file = vm_file_to_file(vf);

	if (!file->f_op->mmap)
		return -ENODEV;
	return file->f_op->mmap(file, vma);
}

static void f_vm_describe(struct vm_file *vf, struct vm_file_desc *desc)
{
	struct inode *inode = vm_file_to_file(vf)->f_inode;

	desc->major = 0;
	desc->minor = inode->sb->s_dev_minor;
	desc->ino = inode->ino;
}

static int f_vm_path(struct vm_file *vf, char *buf, size_t size)
{
	return file_path(vm_file_to_file(vf), buf, size);
}

static int f_vm_may_mmap(struct vm_file *vf, unsigned long *vm_flags)
{
	return seals_allow_mmap(vm_file_to_file(vf)->f_inode, vm_flags);
}

static const struct vm_file_ops f_vm_ops = {
	.get = f_vm_get,
	.put = f_vm_put,
	.mmap = f_vm_mmap,
	.may_mmap = f_vm_may_mmap,
	.describe = f_vm_describe,
	.path = f_vm_path,
};

bool vm_file_may_see(const struct vm_file *vf)
{
	const struct inode *inode;

	if (vf->ops != &f_vm_ops)
		return true;
	inode = container_of(vf, struct file, f_vm)->f_inode;
	return inode_owner_or_root(inode) ||
	       !inode_permission(inode, MAY_WRITE);
}

int file_path(struct file *file, char *buf, size_t size)
{
	struct dentry *root = get_root();
	char *p = d_path(file->f_dentry, root, buf, size);
	size_t len;

	dput(root);
	if (IS_ERR(p))
		return (int)PTR_ERR(p);
	len = strlen(p);
	memmove(buf, p, len + 1);
	return (int)len;
}

/* ---- life of an open file ---- */

struct file *alloc_file(struct dentry *d, int flags,
			const struct file_operations *fop)
{
	struct file *f = kmem_cache_zalloc(caches.filp, GFP_KERNEL);
	unsigned int acc = (unsigned int)flags & O_ACCMODE;

	if (!f)
		return NULL;
	f->f_count = 1;
	f->f_flags = (u32)flags &
		     ~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC);
	if (flags & O_PATH)
		f->f_mode = FMODE_PATH;
	else
		f->f_mode = acc == O_RDONLY   ? FMODE_READ
			    : acc == O_WRONLY ? FMODE_WRITE
			    : acc == O_RDWR   ? FMODE_READ | FMODE_WRITE
					      : 0;
	f->f_op = fop;
	f->f_dentry = dget(d);
	f->f_inode = d->d_inode;
	mutex_init(&f->f_pos_lock);
	f->f_vm.ops = &f_vm_ops;
	f->f_vm.mapping =
		S_ISREG(d->d_inode->mode) ? &d->d_inode->mapping : NULL;
	f->f_vm.can_read = f->f_mode & FMODE_READ;
	f->f_vm.can_write = f->f_mode & FMODE_WRITE;
	f->f_vm.can_exec = !(f->f_inode->sb->s_flags & MS_NOEXEC);
	return f;
}

void get_file(struct file *file)
{
	__atomic_fetch_add(&file->f_count, 1, __ATOMIC_RELAXED);
}

static void file_free(struct file *f)
{
	if (!list_empty(&f->f_inode->i_locks))
		locks_remove_file(f);
	if (f->f_op && f->f_op->release)
		f->f_op->release(f);
	if (f->f_mode & FMODE_WRITER)
		__atomic_fetch_sub(&f->f_inode->i_writecount, 1,
				   __ATOMIC_RELEASE);
	dput(f->f_dentry);
	kmem_cache_free(caches.filp, f);
}

void fput(struct file *file)
{
	if (!__atomic_sub_fetch(&file->f_count, 1, __ATOMIC_ACQ_REL))
		file_free(file);
}

/* ---- files that run may not be written, and the other way ---- */

int deny_write_access(struct file *file)
{
	s32 *w = &file->f_inode->i_writecount, c = READ_ONCE(*w);

	do {
		if (c > 0)
			return -ETXTBSY;
	} while (!__atomic_compare_exchange_n(
		w, &c, c - 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
	return 0;
}

void allow_write_access(struct file *file)
{
	__atomic_fetch_add(&file->f_inode->i_writecount, 1, __ATOMIC_RELEASE);
}

static int get_write_access(struct inode *inode)
{
	s32 *w = &inode->i_writecount, c = READ_ONCE(*w);

	do {
		if (c < 0)
			return -ETXTBSY;
	} while (!__atomic_compare_exchange_n(
		w, &c, c + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
	return 0;
}

static const struct file_operations no_fops;

/* What serves an object of this type; ERR. */
static const struct file_operations *pick_fops(struct inode *inode)
{
	const struct file_operations *fop;

	switch (inode->mode & S_IFMT) {
	case S_IFCHR:
		if (inode->sb->s_flags & MS_NODEV)
			return ERR_PTR(-EACCES);
		fop = inode->i_fop ? inode->i_fop : chrdev_fops(inode->rdev);
		return fop ? fop : ERR_PTR(-ENXIO);
	case S_IFIFO:
		return inode->i_fop ? inode->i_fop : &fifo_fops;
	case S_IFREG:
	case S_IFDIR:
		return inode->i_fop;
	default: /* sockets, block devices: no such thing here */
		return ERR_PTR(-ENXIO);
	}
}

struct file *dentry_open(struct dentry *d, int flags)
{
	struct inode *inode = d->d_inode;
	const struct file_operations *fop = &no_fops;
	struct file *f;
	int err = 0;

	if (!(flags & O_PATH))
		fop = pick_fops(inode);
	if (IS_ERR(fop))
		return (struct file *)fop;
	f = alloc_file(d, flags, fop);
	if (!f)
		return ERR_PTR(-ENOMEM);
	if ((f->f_mode & FMODE_WRITE) && S_ISREG(inode->mode)) {
		err = get_write_access(inode);
		if (!err)
			f->f_mode |= FMODE_WRITER;
	}
	if (!err && fop->open)
		err = fop->open(inode, f);
	if (err) {
		f->f_op = NULL; /* it was never open: no release */
		file_free(f);
		return ERR_PTR(err);
	}
	return f;
}

/* ---- root and working directories ---- */

struct fs_struct *fs_alloc(void)
{
	struct fs_struct *fs = kmem_cache_zalloc(caches.fs, GFP_KERNEL);

	if (!fs)
		return NULL;
	fs->count = 1;
	fs->umask = 022;
	spin_lock_init(&fs->lock, LOCK_RANK_FS);
	fs->root = dget(root_sb->s_root);
	fs->cwd = dget(root_sb->s_root);
	return fs;
}

struct fs_struct *fs_dup(struct fs_struct *old)
{
	struct fs_struct *fs = kmem_cache_zalloc(caches.fs, GFP_KERNEL);

	if (!fs)
		return NULL;
	fs->count = 1;
	spin_lock_init(&fs->lock, LOCK_RANK_FS);
	spin_lock(&old->lock);
	fs->umask = old->umask;
	fs->root = dget(old->root);
	fs->cwd = dget(old->cwd);
	spin_unlock(&old->lock);
	return fs;
}

void fs_get(struct fs_struct *fs)
{
	__atomic_fetch_add(&fs->count, 1, __ATOMIC_RELAXED);
}

void fs_put(struct fs_struct *fs)
{
	if (__atomic_sub_fetch(&fs->count, 1, __ATOMIC_ACQ_REL))
		return;
	dput(fs->root);
	dput(fs->cwd);
	kmem_cache_free(caches.fs, fs);
}

struct dentry *get_root(void)
{
	struct fs_struct *fs = current->fs;
	struct dentry *d;

	if (unlikely(!fs)) /* kernel threads */
		return dget(root_sb->s_root);
	spin_lock(&fs->lock);
	d = dget(fs->root);
	spin_unlock(&fs->lock);
	return d;
}

struct dentry *get_cwd(void)
{
	struct fs_struct *fs = current->fs;
	struct dentry *d;

	if (unlikely(!fs))
		return dget(root_sb->s_root);
	spin_lock(&fs->lock);
	d = dget(fs->cwd);
	spin_unlock(&fs->lock);
	return d;
}
