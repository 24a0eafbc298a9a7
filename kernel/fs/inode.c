/* SPDX-License-Identifier: MIT */
/*
 * inode.c - inodes: life, permissions, times, what stat shows.
 *
 * 1. Life.  Dentries and open files hold references; the last one gone, the
 *    file system lets go of its part (evict_inode) and the contents are freed.
 *    nlink plays no part in that: a linked name is a dentry, which refers.
 *
 * 2. Permissions are inode(7)'s and path_resolution(7)'s: owner, group, other;
 *    root may read and write all, and execute what anyone may execute.
 *
 * 3. Locking.  refcount and times are atomic words; mode, uid and gid change
 *    under i_lock and are read without.
 */
#include "kernel/fs/internal.h"

#include "kernel/task.h"

static struct {
	struct kmem_cache *cache;
} inodes;

void inode_cache_init(void)
{
	inodes.cache = kmem_cache_create(
		"inode_cache", sizeof(struct inode), 8,
		SLAB_PANIC | SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT, NULL);
}

struct inode *new_inode(struct super_block *sb, u32 mode)
{
	struct inode *inode = kmem_cache_zalloc(inodes.cache, GFP_KERNEL);

	if (!inode)
		return NULL;
	inode->ino = __atomic_add_fetch(&sb->s_next_ino, 1, __ATOMIC_RELAXED);
	inode->mode = mode;
	inode->nlink = 1;
	inode->uid = current->cred.fsuid;
	inode->gid = current->cred.fsgid;
	inode->ctime_ns = ktime_real_ns();
	inode->mtime_ns = inode->ctime_ns;
	inode->atime_ns = inode->ctime_ns;
	inode->refcount = 1;
	inode->sb = sb;
	mutex_init(&inode->i_lock);
	address_space_init(&inode->mapping, inode);
	INIT_LIST_HEAD(&inode->i_locks);
	/* Positions 0 and 1 of a directory are "." and "..". */
	inode->i_next_cookie = 2;
	__atomic_fetch_add(&sb->s_nr_inodes, 1, __ATOMIC_RELAXED);
	return inode;
}

void ihold(struct inode *inode)
{
	__atomic_fetch_add(&inode->refcount, 1, __ATOMIC_RELAXED);
}

void iput(struct inode *inode)
{
	if (__atomic_sub_fetch(&inode->refcount, 1, __ATOMIC_ACQ_REL))
		return;
	if (inode->sb->s_type->evict_inode)
		inode->sb->s_type->evict_inode(inode);
	if (inode->mapping.nrpages)
		shmem_evict(&inode->mapping);
	__atomic_fetch_sub(&inode->sb->s_nr_inodes, 1, __ATOMIC_RELAXED);
	kmem_cache_free(inodes.cache, inode);
}

bool in_group(u32 gid)
{
	const struct cred *c = &current->cred;

	if (gid == c->fsgid)
		return true;
	for (u32 i = 0; i < c->ngroups; i++)
		if (c->groups[i] == gid)
			return true;
	return false;
}

bool inode_owner_or_root(const struct inode *inode)
{
	u32 fsuid = current->cred.fsuid;

	return fsuid == 0 || fsuid == inode->uid;
}

static int read_only_check(const struct inode *inode, unsigned int mask)
{
	if (!(mask & MAY_WRITE) || !(inode->sb->s_flags & MS_RDONLY))
		return 0;
	if (S_ISREG(inode->mode) || S_ISDIR(inode->mode) ||
	    S_ISLNK(inode->mode))
		return -EROFS;
	return 0;
}

int inode_permission_as(const struct inode *inode, unsigned int mask, u32 uid,
			u32 gid)
{
	u32 mode = inode->mode;
	unsigned int bits;
	int err = read_only_check(inode, mask);

	if (err)
		return err;
	if (uid == 0) {
		if ((mask & MAY_EXEC) && !S_ISDIR(mode) && !(mode & 0111))
			return -EACCES;
		return 0;
	}
	if (uid == inode->uid)
		bits = mode >> 6;
	else if (gid == inode->gid || in_group(inode->gid))
		bits = mode >> 3;
	else
		bits = mode;
	return (mask & ~bits & 7) ? -EACCES : 0;
}

int inode_permission(const struct inode *inode, unsigned int mask)
{
	return inode_permission_as(inode, mask, current->cred.fsuid,
				   current->cred.fsgid);
}

void inode_modified(struct inode *inode)
{
	u64 now = ktime_real_ns();

	WRITE_ONCE(inode->mtime_ns, now);
	WRITE_ONCE(inode->ctime_ns, now);
}

void inode_changed(struct inode *inode)
{
	WRITE_ONCE(inode->ctime_ns, ktime_real_ns());
}

void inode_remove_privs(struct inode *inode)
{
	u32 kill = inode->mode & S_ISUID;

	/* Set-group-id without group execution marks locking, not rights. */
	if ((inode->mode & S_ISGID) && (inode->mode & 0010))
		kill |= S_ISGID;
	if (kill && S_ISREG(inode->mode) && current->cred.fsuid != 0)
		inode->mode &= ~kill;
}

u64 inode_size(const struct inode *inode)
{
	return READ_ONCE(inode->mapping.i_size);
}

void fill_kstat(struct inode *inode, struct k_stat *st)
{
	if (inode->i_op && inode->i_op->getattr)
		inode->i_op->getattr(inode);
	memset(st, 0, sizeof(*st));
	st->st_dev = makedev(0, inode->sb->s_dev_minor);
	st->st_ino = inode->ino;
	st->st_nlink = READ_ONCE(inode->nlink);
	st->st_mode = inode->mode;
	st->st_uid = inode->uid;
	st->st_gid = inode->gid;
	st->st_rdev = inode->rdev;
	st->st_size = (s64)inode_size(inode);
	st->st_blksize = PAGE_SIZE;
	st->st_blocks = (s64)memfs_blocks(inode);
	st->st_atime_sec = inode->atime_ns / NSEC_PER_SEC;
	st->st_atime_nsec = inode->atime_ns % NSEC_PER_SEC;
	st->st_mtime_sec = inode->mtime_ns / NSEC_PER_SEC;
	st->st_mtime_nsec = inode->mtime_ns % NSEC_PER_SEC;
	st->st_ctime_sec = inode->ctime_ns / NSEC_PER_SEC;
	st->st_ctime_nsec = inode->ctime_ns % NSEC_PER_SEC;
}
