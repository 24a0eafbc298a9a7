/* SPDX-License-Identifier: MIT */
/*
 * initramfs.c - fills the root file system from a cpio archive in memory.
 *
 * 1. Idea.  Entries become files as they come.  Contents that start at a page
 *    boundary are not copied: their frames change owner, from the boot loader
 *    to the file.  Only the last, partial page is copied, for the bytes behind
 *    it belong to the next header.  At the end whatever frames of the archive
 *    nobody adopted go to the page allocator.
 *
 * 2. Hard links share inode and device numbers; their contents come with one
 *    of them, in practice the last.  The table of them lives until a trailer.
 *
 * 3. Failure.  A malformed archive ends the unpacking with -EINVAL; an entry
 *    that cannot be made is reported and left out.  What was made stays.
 *
 * Source: Linux's early-userspace/buffer-format.rst.
 */
#include "kernel/fs/internal.h"

#include <arch.h>

#include "kernel/fs/cpio.h"
#include "kernel/task.h"
#include "mm/page/page.h"

struct hard_link {
	struct hard_link *next;
	u32 ino, major, minor;
	struct dentry *dentry; /* referenced */
};

struct unpacker {
	struct hard_link *links;
	u32 nr_failed;
};

static struct hard_link *find_link(const struct unpacker *u,
				   const struct cpio_entry *e)
{
	struct hard_link *l = u->links;

	while (l && (l->ino != e->ino || l->major != e->dev_major ||
		     l->minor != e->dev_minor))
		l = l->next;
	return l;
}

static int remember_link(struct unpacker *u, const struct cpio_entry *e,
			 struct dentry *d)
{
	struct hard_link *l = kmalloc(sizeof(*l), GFP_KERNEL);

	if (!l)
		return -ENOMEM;
	*l = (struct hard_link){.next = u->links,
				.ino = e->ino,
				.major = e->dev_major,
				.minor = e->dev_minor,
				.dentry = dget(d)};
	u->links = l;
	return 0;
}

static void forget_links(struct unpacker *u)
{
	struct hard_link *l, *next;

	for (l = u->links; l; l = next) {
		next = l->next;
		dput(l->dentry);
		kfree(l);
	}
	u->links = NULL;
}

/* Whole pages of the archive become the file's; bytes done or -E. */
static mm_ssize_t adopt_pages(struct inode *inode, const struct cpio_entry *e)
{
	unsigned long nr = e->size >> PAGE_SHIFT, done;
	struct page **pages;
	phys_addr_t start;
	int err;

	if (!nr || !IS_ALIGNED((uintptr_t)e->data, PAGE_SIZE))
		return 0;
	start = __pa(e->data);
	pages = kvmalloc(nr * sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return 0; /* copying needs less at a time */
	done = adopt_reserved_range(start, start + (nr << PAGE_SHIFT));
	for (unsigned long i = 0; i < done; i++)
		pages[i] = pfn_to_page((start >> PAGE_SHIFT) + i);
	err = done ? shmem_adopt(&inode->mapping, pages, done,
				 done << PAGE_SHIFT)
		   : 0;
	for (unsigned long i = 0; err && i < done; i++)
		__free_page(pages[i]);
	kvfree(pages);
	return err ? err : (mm_ssize_t)(done << PAGE_SHIFT);
}

static int fill_file(struct inode *inode, const struct cpio_entry *e)
{
	mm_ssize_t done, ret;

	if (!e->size)
		return 0;
	if (inode_size(inode)) {
		ret = do_truncate(inode, 0);
		if (ret)
			return (int)ret;
	}
	done = adopt_pages(inode, e);
	if (done < 0)
		return (int)done;
	if ((size_t)done == e->size)
		return 0;
	ret = shmem_write(&inode->mapping, (u64)done, e->data + done,
			  e->size - (size_t)done);
	if (ret < 0)
		return (int)ret;
	return (size_t)(done + ret) == e->size ? 0 : -ENOMEM;
}

static void set_attributes(struct inode *inode, const struct cpio_entry *e)
{
	inode->mode = (inode->mode & S_IFMT) | (e->mode & S_IALLUGO);
	inode->uid = e->uid;
	inode->gid = e->gid;
	inode->mtime_ns = (u64)e->mtime * NSEC_PER_SEC;
}

/* A later entry replaces an earlier one, but a directory stays. */
static int remove_old(struct parent *p, const struct cpio_entry *e,
		      struct dentry **kept)
{
	struct dentry *d;
	int err = lookup_one(p->dir, p->name, p->len, &d);

	*kept = NULL;
	if (err || !d)
		return err;
	if (S_ISDIR(d->d_inode->mode)) {
		if (S_ISDIR(e->mode)) {
			*kept = d;
			return 0;
		}
		dput(d);
		return -EISDIR;
	}
	spin_lock(&dcache_lock);
	d_unlink_locked(d);
	d->d_inode->nlink--;
	spin_unlock(&dcache_lock);
	dput(d); /* the directory's reference */
	dput(d);
	return 0;
}

/* A symlink's target, NUL-terminated; NULL with *err. */
static char *link_target(const struct cpio_entry *e, int *err)
{
	char *s = NULL;

	*err = -EINVAL;
	if (!e->size || e->size >= PATH_MAX || !e->data[0])
		return NULL;
	s = kstrndup((const char *)e->data, e->size, GFP_KERNEL);
	*err = s ? 0 : -ENOMEM;
	return s;
}

static int make_new(struct unpacker *u, struct parent *p,
		    const struct cpio_entry *e)
{
	u64 rdev = S_ISCHR(e->mode) || S_ISBLK(e->mode)
			   ? makedev(e->rdev_major, e->rdev_minor)
			   : 0;
	bool linked = S_ISREG(e->mode) && e->nlink > 1;
	char name[NAME_MAX + 1], *target = NULL;
	struct dentry *d;
	int err = 0;

	if (S_ISLNK(e->mode)) {
		target = link_target(e, &err);
		if (!target)
			return err;
	}
	memcpy(name, p->name, p->len);
	name[p->len] = '\0';
	d = vfs_create(p->dir, name, e->mode, rdev, target);
	kfree(target);
	if (IS_ERR(d))
		return (int)PTR_ERR(d);
	if (linked)
		err = remember_link(u, e, d);
	if (!err && S_ISREG(e->mode))
		err = fill_file(d->d_inode, e);
	set_attributes(d->d_inode, e);
	dput(d);
	return err;
}

static int make_at(struct unpacker *u, struct parent *p,
		   const struct cpio_entry *e)
{
	struct hard_link *l = NULL;
	struct dentry *old;
	int err;

	if (p->type != LAST_NORM) {
		/* "." and "/" describe the root that is there already. */
		if (S_ISDIR(e->mode) && p->type != LAST_DOTDOT)
			set_attributes(p->dir->d_inode, e);
		return S_ISDIR(e->mode) ? 0 : -EINVAL;
	}
	err = remove_old(p, e, &old);
	if (err)
		return err;
	if (old) {
		set_attributes(old->d_inode, e);
		dput(old);
		return 0;
	}
	if (S_ISREG(e->mode) && e->nlink > 1)
		l = find_link(u, e);
	if (!l)
		return make_new(u, p, e);
	err = vfs_link(l->dentry, p->dir, p->name, p->len);
	return err ? err : fill_file(l->dentry->d_inode, e);
}

static bool known_type(u32 mode)
{
	return S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode) ||
	       S_ISCHR(mode) || S_ISBLK(mode) || S_ISFIFO(mode) ||
	       (mode & S_IFMT) == S_IFSOCK;
}

static void make_entry(struct unpacker *u, const struct cpio_entry *e)
{
	struct parent p;
	int err = -EINVAL;

	if (known_type(e->mode)) {
		err = path_parent(AT_FDCWD, e->name, 0, &p);
		if (!err) {
			err = make_at(u, &p, e);
			put_parent(&p);
		}
	}
	if (err && u->nr_failed++ < 8)
		printk("initramfs: cannot make %s: error %d\n", e->name, -err);
}

/* What nobody adopted is free memory now. */
static void free_archive(const void *cpio, size_t size)
{
	unsigned long pfn = __pa(cpio) >> PAGE_SHIFT;
	unsigned long end = DIV_ROUND_UP(__pa(cpio) + size, PAGE_SIZE);
	unsigned long run;

	if (!IS_ALIGNED((uintptr_t)cpio, PAGE_SIZE))
		pfn++; /* shared with something else */
	while (pfn < end) {
		for (run = 0;
		     pfn + run < end && PageReserved(pfn_to_page(pfn + run));)
			run++;
		if (run)
			free_reserved_range((phys_addr_t)pfn << PAGE_SHIFT,
					    (phys_addr_t)(pfn + run)
						    << PAGE_SHIFT);
		pfn += run ? run : 1;
	}
}

int initramfs_unpack(const void *cpio, size_t size)
{
	struct unpacker u = {0};
	struct cpio_entry e;
	enum cpio_result r;
	size_t pos = 0;

	do {
		r = cpio_next(cpio, size, &pos, &e);
		if (r == CPIO_ENTRY)
			make_entry(&u, &e);
		else if (r == CPIO_TRAILER)
			forget_links(&u);
	} while (r == CPIO_ENTRY || r == CPIO_TRAILER);
	forget_links(&u);
	free_archive(cpio, size);
	if (r == CPIO_END)
		return 0;
	printk("initramfs: bad archive at byte %zu: %s\n", pos,
	       cpio_error_text(r));
	return -EINVAL;
}
