/* SPDX-License-Identifier: MIT */
/*
 * memfd.c - memfd_create(2), and the seals of memory files.
 *
 * 1. A memfd is a file of a tmpfs that is mounted nowhere: an inode without a
 *    directory.  /proc shows it as "/memfd:name (deleted)".
 * 2. Seals only grow.  They are set under i_lock, which writing, resizing and
 *    punching hold; mmap does not.  So F_SEAL_WRITE is refused while an area
 *    may write or is being made (mapping_deny_writable()), and whoever maps
 *    after that finds the file denied.
 * 3. A file of which nothing was said has F_SEAL_SEAL: no seal can be added.
 *
 * Sources: memfd_create(2), fcntl(2) (File Sealing), and for F_SEAL_EXEC and
 * MFD_NOEXEC_SEAL Linux's Documentation/userspace-api/mfd_noexec.rst.
 */
#include "kernel/fs/internal.h"

#include "kernel/syscall.h"
#include "kernel/task.h"

#define F_ALL_SEALS                                                 \
	(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | \
	 F_SEAL_FUTURE_WRITE | F_SEAL_EXEC)

#define MFD_CLOEXEC	  0x01U
#define MFD_ALLOW_SEALING 0x02U
#define MFD_HUGETLB	  0x04U
#define MFD_NOEXEC_SEAL	  0x08U
#define MFD_EXEC	  0x10U
#define MFD_ALL                                                            \
	(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | MFD_NOEXEC_SEAL | \
	 MFD_EXEC)
/* With its size in the upper bits. */
#define MFD_HUGE_MASK (0x3fU << 26)

#define MFD_PREFIX    "/memfd:"
#define MFD_SUFFIX    " (deleted)"
/* So that "memfd:" and it fit NAME_MAX. */
#define MFD_NAME_MAX (NAME_MAX - 6)

struct super_block shm_sb = {
	.s_type = &tmpfs_type,
	.s_dev_minor = 1,
	.s_devname = "tmpfs",
};

struct file *shmem_file_setup(const char *name, u64 size, u32 mode, int flags,
			      const struct file_operations *fop)
{
	struct inode *inode = new_inode(&shm_sb, S_IFREG | mode);
	struct dentry *d;
	struct file *f;

	if (!inode)
		return ERR_PTR(-ENOMEM);
	inode->i_op = &memfs_inode_ops;
	inode->i_fop = fop;
	inode->nlink = 0;
	inode->i_seals = F_SEAL_SEAL;
	inode->mapping.i_size = size;
	d = d_alloc_anon(inode, name);
	if (!d) {
		iput(inode);
		return ERR_PTR(-ENOMEM);
	}
	f = alloc_file(d, flags, fop);
	dput(d);
	return f ? f : ERR_PTR(-ENOMEM);
}

struct file *shmem_file_again(struct file *file, int flags)
{
	struct file *f = alloc_file(file->f_dentry, flags, file->f_op);

	return f ? f : ERR_PTR(-ENOMEM);
}

/* ---- seals ---- */

int seals_allow_mmap(const struct inode *inode, unsigned long *vm_flags)
{
	u32 seals = READ_ONCE(inode->i_seals);

	if (!(seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) ||
	    !(*vm_flags & VM_SHARED))
		return 0;
	if (*vm_flags & VM_WRITE)
		return -EPERM;
	*vm_flags &= ~VM_MAYWRITE;
	return 0;
}

int seals_allow_resize(const struct inode *inode, u64 size)
{
	u64 old = inode_size(inode);

	if ((size < old && (inode->i_seals & F_SEAL_SHRINK)) ||
	    (size > old && (inode->i_seals & F_SEAL_GROW)))
		return -EPERM;
	return 0;
}

int seals_allow_write(const struct inode *inode, u64 pos, u64 len)
{
	if (likely(!(inode->i_seals & ~F_SEAL_SEAL)))
		return 0;
	if (inode->i_seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EPERM;
	if ((inode->i_seals & F_SEAL_GROW) && pos + len > inode_size(inode))
		return -EPERM;
	return 0;
}

static int add_seals_locked(struct inode *inode, u32 seals)
{
	int err;

	if (inode->i_seals & F_SEAL_SEAL)
		return -EPERM;
	/* What can be run and stays so is not to change either. */
	if ((seals & F_SEAL_EXEC) && (inode->mode & 0111))
		seals |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE |
			 F_SEAL_FUTURE_WRITE;
	if (seals & ~inode->i_seals & F_SEAL_WRITE) {
		err = mapping_deny_writable(&inode->mapping);
		if (err)
			return err;
	}
	WRITE_ONCE(inode->i_seals, inode->i_seals | seals);
	return 0;
}

static int add_seals(struct file *file, unsigned long seals)
{
	struct inode *inode = file->f_inode;
	int err;

	if (!(file->f_mode & FMODE_WRITE))
		return -EPERM;
	if (seals & ~(unsigned long)F_ALL_SEALS)
		return -EINVAL;
	mutex_lock(&inode->i_lock);
	err = add_seals_locked(inode, (u32)seals);
	mutex_unlock(&inode->i_lock);
	return err;
}

long fcntl_seals(struct file *file, unsigned int cmd, unsigned long arg)
{
	bool memory = S_ISREG(file->f_inode->mode) &&
		      file->f_inode->i_op == &memfs_inode_ops;

	if (!memory)
		return -EINVAL;
	if (cmd == F_GET_SEALS)
		return READ_ONCE(file->f_inode->i_seals);
	return arg > UINT32_MAX ? -EINVAL : add_seals(file, arg);
}

/* ---- memfd_create ---- */

static void set_kind(struct inode *inode, unsigned int flags)
{
	if (flags & MFD_NOEXEC_SEAL) {
		inode->mode &= ~0111U;
		inode->i_seals = F_SEAL_EXEC;
	} else if (flags & MFD_ALLOW_SEALING) {
		inode->i_seals = 0;
	}
}

static long new_memfd(const char *name, unsigned int flags)
{
	struct file *f;
	int fd = get_unused_fd(flags & MFD_CLOEXEC);

	if (fd < 0)
		return fd;
	f = shmem_file_setup(name, 0, 0777, O_RDWR | O_LARGEFILE,
			     &memfs_file_ops);
	if (IS_ERR(f)) {
		put_unused_fd(fd);
		return PTR_ERR(f);
	}
	set_kind(f->f_inode, flags);
	fd_install(fd, f);
	return fd;
}

SYSCALL_DEFINE2(memfd_create, const char *, uname, unsigned int, flags)
{
	char name[sizeof(MFD_PREFIX) + MFD_NAME_MAX + sizeof(MFD_SUFFIX)];
	char *at = name + sizeof(MFD_PREFIX) - 1;
	long len;

	if (flags & ~(MFD_ALL | (flags & MFD_HUGETLB ? MFD_HUGE_MASK : 0)))
		return -EINVAL;
	if ((flags & MFD_EXEC) && (flags & MFD_NOEXEC_SEAL))
		return -EINVAL;
	memcpy(name, MFD_PREFIX, sizeof(MFD_PREFIX));
	len = strncpy_from_user(at, uname, MFD_NAME_MAX + 1);
	if (len < 0)
		return len;
	if (len > MFD_NAME_MAX)
		return -EINVAL;
	/* As a kernel that was built without hugetlbfs. */
	if (flags & MFD_HUGETLB)
		return -ENOSYS;
	memcpy(at + len, MFD_SUFFIX, sizeof(MFD_SUFFIX));
	return new_memfd(name, flags);
}
