/* SPDX-License-Identifier: MIT */
/*
 * fs.h - files: inodes, names, open files, descriptor tables.
 *
 * Locking.  inode->i_lock (mutex) guards contents and directory entries; a
 * parent's is taken before a child's.  Descriptor tables have a spinlock.
 * Reference counts are atomic.
 */
#ifndef KERNEL_FS_H
#define KERNEL_FS_H

#include <quire/list.h>
#include <quire/mm.h>
#include <quire/pagemap.h>
#include <quire/rwsem.h>
#include <quire/types.h>

#include "kernel/uapi.h"
#include "kernel/wait.h"

struct inode;
struct dentry;
struct file;
struct super_block;
struct poll_table;
struct task_struct;

struct inode_operations {
	/* Directory: a new dentry's inode, or NULL if there is none, or ERR. */
	struct inode *(*lookup)(struct inode *dir, const char *name,
				size_t len);
	int (*create)(struct inode *dir, struct dentry *d, u32 mode, u32 rdev,
		      const char *symlink_target);
	int (*link)(struct inode *dir, struct dentry *d, struct inode *old);
	int (*unlink)(struct inode *dir, struct dentry *d);
	int (*rmdir)(struct inode *dir, struct dentry *d);
	int (*rename)(struct inode *odir, struct dentry *od,
		      struct inode *ndir, struct dentry *nd,
		      unsigned int flags);
	/* Symlink: target into buf; length or -E.  procfs: may jump. */
	mm_ssize_t (*readlink)(struct inode *inode, char *buf, size_t size);
	int (*setattr)(struct inode *inode);	/* after mode/uid/time change */
	int (*truncate)(struct inode *inode, u64 size);
};

struct file_operations {
	int (*open)(struct inode *inode, struct file *file);
	void (*release)(struct file *file);
	/* Kernel-side iteration over user memory is the callee's: buf is a
	 * user pointer.  *pos is advanced by the callee. */
	mm_ssize_t (*read)(struct file *file, void *ubuf, size_t n, u64 *pos);
	mm_ssize_t (*write)(struct file *file, const void *ubuf, size_t n,
			    u64 *pos);
	/* Kernel buffers (exec, sendfile, loaders). */
	mm_ssize_t (*kread)(struct file *file, void *buf, size_t n, u64 pos);
	long (*llseek)(struct file *file, s64 off, int whence);
	long (*ioctl)(struct file *file, unsigned int cmd, unsigned long arg);
	u32 (*poll)(struct file *file, struct poll_table *pt);
	/* Emit entries from *pos on through fill(); non-zero fill stops. */
	int (*iterate)(struct file *file, u64 *pos,
		       int (*fill)(void *ctx, const char *name, size_t len,
				   u64 ino, unsigned int type, u64 next_pos),
		       void *ctx);
	int (*mmap)(struct file *file, struct vm_area_struct *vma);
};

struct inode {
	u64 ino;
	u32 mode;			/* S_IFMT | permissions */
	u32 nlink;
	u32 uid, gid;
	u32 rdev;
	u64 atime_ns, mtime_ns, ctime_ns;	/* real time */
	u32 refcount;
	struct super_block *sb;
	const struct inode_operations *i_op;
	const struct file_operations *i_fop;
	struct mutex i_lock;
	struct address_space mapping;	/* regular files: contents, size */
	void *i_private;
};

struct file {
	struct vm_file f_vm;		/* what mm/ sees */
	u32 f_count;
	u32 f_flags;			/* O_* */
	u32 f_mode;			/* FMODE_* */
	const struct file_operations *f_op;
	struct inode *f_inode;
	struct dentry *f_dentry;	/* NULL: pipes and the like */
	u64 f_pos;
	struct mutex f_pos_lock;
	void *private_data;
};

#define FMODE_READ	1U
#define FMODE_WRITE	2U

/* ---- open files ---- */
struct file *filp_open(const char *path, int flags, u32 mode); /* or ERR */
struct file *fget(int fd);		/* referenced, or NULL */
void get_file(struct file *file);
void fput(struct file *file);
mm_ssize_t kernel_read(struct file *file, void *buf, size_t n, u64 pos);
/* Absolute path of an open file into buf; length or -E. */
int file_path(struct file *file, char *buf, size_t size);

/* ---- a process's descriptors and directories (task->files, ->fs) ---- */
struct files_struct;
struct fs_struct;
struct files_struct *files_alloc(void);
struct files_struct *files_dup(struct files_struct *old);	/* fork */
void files_get(struct files_struct *files);			/* CLONE_FILES */
void files_put(struct files_struct *files);
void files_close_on_exec(struct files_struct *files);
struct fs_struct *fs_alloc(void);	/* root and cwd "/" umask 022 */
struct fs_struct *fs_dup(struct fs_struct *old);
void fs_get(struct fs_struct *fs);
void fs_put(struct fs_struct *fs);
/* Install in the lowest free slot of current; the fd or -E. */
int fd_install_file(struct file *file, bool cloexec);

/* ---- start ---- */
void vfs_init(void);			/* root memfs, /dev, /proc contents */
int initramfs_unpack(const void *cpio, size_t size);

#endif
