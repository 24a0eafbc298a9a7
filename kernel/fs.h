/* SPDX-License-Identifier: MIT */
/*
 * fs.h - files: inodes, names, open files, descriptor tables.
 *
 * Names.  A dentry ties a name to an inode; there are no negative ones.  In
 * memory file systems (sb->s_pinned) the dentries are the directory: each
 * holds a reference of its own while it is linked.  Elsewhere (proc) a dentry
 * lives while someone uses it.  A super block is mounted at one place only,
 * so a dentry alone says where one is.
 *
 * Locking.  inode->i_lock (mutex) guards contents and directory entries; a
 * parent's is taken before a child's, and all before mmap_lock (copies from
 * user memory fault under it).  dcache_lock (spinlock) guards the tree of
 * names.  Descriptor tables have a spinlock.  Reference counts are atomic.
 * fput, dput and iput may be called with mmap_lock held; they take no i_lock.
 */
#ifndef KERNEL_FS_H
#define KERNEL_FS_H

#include <quire/list.h>
#include <quire/mm.h>
#include <quire/pagemap.h>
#include <quire/rwsem.h>
#include <quire/types.h>

#include "kernel/fs/abi.h"
#include "kernel/uapi.h"
#include "kernel/wait.h"

struct inode;
struct dentry;
struct file;
struct super_block;
struct poll_table;
struct task_struct;
struct pipe;
struct seq_buf;
struct tty;

/*
 * Where a transfer's bytes lie: user memory in one or more pieces, or one
 * kernel buffer.  copy_to_iter and copy_from_iter advance it.
 */
struct iov_iter {
	uintptr_t base;		    /* next byte */
	size_t seg_left;	    /* bytes left in this piece */
	size_t count;		    /* bytes left in all */
	const struct k_iovec *next; /* kernel copy of the other pieces */
	bool kernel;
};

void iov_iter_user(struct iov_iter *it, const void *ubuf, size_t n);
void iov_iter_kernel(struct iov_iter *it, const void *buf, size_t n);
/* Bytes copied: fewer than n (or than are left) only at a fault. */
size_t copy_to_iter(struct iov_iter *it, const void *from, size_t n);
size_t copy_from_iter(struct iov_iter *it, void *to, size_t n);
size_t clear_iter(struct iov_iter *it, size_t n);

#define IOV_INLINE 8

struct iov_copy {
	struct k_iovec *vec;
	struct k_iovec small[IOV_INLINE];
};
/*
 * A program's vector of nr pieces, copied and checked; the iterator stands at
 * its first byte, total bytes in it->count.  0: free_iovec() afterwards; -E.
 */
int import_iovec(struct iov_copy *c, struct iov_iter *it,
		 const struct k_iovec *uvec, unsigned long nr);
void free_iovec(struct iov_copy *c);

struct inode_operations {
	/* Not pinned directories: the inode of name, referenced, or ERR. */
	struct inode *(*lookup)(struct inode *dir, const char *name,
				size_t len);
	/* A new inode for mode (type and permissions), referenced, or ERR. */
	struct inode *(*create)(struct inode *dir, u32 mode, u64 rdev,
				const char *symlink_target);
	/* Symlink: target into buf (no NUL); length or -E. */
	mm_ssize_t (*readlink)(struct inode *inode, char *buf, size_t size);
	/* Symlink that is no text: the dentry it stands for, referenced. */
	struct dentry *(*jump)(struct inode *inode);
	/* Not pinned: does the name still mean this inode?  dcache_lock. */
	bool (*valid)(struct inode *inode);
	/* Refresh what changes by itself (owner, size) before it is shown. */
	void (*getattr)(struct inode *inode);
	int (*truncate)(struct inode *inode, u64 size); /* i_lock held */
};

struct file_operations {
	int (*open)(struct inode *inode, struct file *file);
	void (*release)(struct file *file);
	/* Bytes done or -E; *pos is advanced by the callee. */
	mm_ssize_t (*read)(struct file *file, struct iov_iter *to, u64 *pos);
	mm_ssize_t (*write)(struct file *file, struct iov_iter *from, u64 *pos);
	long (*llseek)(struct file *file, s64 off, int whence);
	long (*ioctl)(struct file *file, unsigned int cmd, unsigned long arg);
	u32 (*poll)(struct file *file, struct poll_table *pt);
	/* Emit entries from *pos on through fill(); non-zero fill stops. */
	int (*iterate)(struct file *file, u64 *pos,
		       int (*fill)(void *ctx, const char *name, size_t len,
				   u64 ino, unsigned int type, u64 next_pos),
		       void *ctx);
	int (*mmap)(struct file *file, struct vm_area_struct *vma);
	/* Bytes [off, off + len); mode: FALLOC_FL_*.  0 or -E. */
	long (*fallocate)(struct file *file, int mode, u64 off, u64 len);
	/* Streams: no file position, lseek and pread give ESPIPE. */
	bool stream;
};

struct inode {
	u64 ino;
	u32 mode; /* S_IFMT | permissions */
	u32 nlink;
	u32 uid, gid;
	u64 rdev;			  /* makedev() */
	u64 atime_ns, mtime_ns, ctime_ns; /* real time */
	u32 refcount;
	s32 i_writecount; /* > 0 open for writing, < 0 run */
	struct super_block *sb;
	const struct inode_operations *i_op;
	const struct file_operations *i_fop;
	struct mutex i_lock;
	struct address_space mapping; /* regular files: contents, size */
	struct list_head i_locks;     /* struct file_lock: locks.c */
	u32 i_seals;		      /* F_SEAL_*: memfd.c */
	u64 i_next_cookie;	      /* directories: next entry's position */
	struct pipe *i_pipe;	      /* FIFO in use */
	void *i_private;	      /* the file system's; freed by it */
};

#define DENTRY_INLINE_LEN 31

struct dentry {
	u32 d_count;
	u32 d_hash;
	u16 d_len;
	bool d_hashed;		 /* linked into its directory */
	struct dentry *d_parent; /* referenced; a root's is itself */
	struct inode *d_inode;	 /* referenced */
	struct super_block *d_sb;
	struct super_block *d_mounted; /* mounted here, or NULL */
	struct dentry *d_hash_next, **d_hash_prev;
	struct list_head d_child; /* parent's d_subdirs, by cookie */
	struct list_head d_subdirs;
	u64 d_cookie; /* position in the directory */
	char *d_name; /* NUL-terminated */
	char d_iname[DENTRY_INLINE_LEN + 1];
};

struct file_system_type {
	const char *name;
	bool nodev;
	u32 magic;
	/* Fill in sb->s_root, from mount(2)'s option text. */
	int (*fill_super)(struct super_block *sb, const char *options);
	void (*evict_inode)(struct inode *inode); /* last reference */
};

struct super_block {
	const struct file_system_type *s_type;
	struct dentry *s_root;
	struct dentry *s_mountpoint; /* referenced; NULL: the root's */
	struct list_head s_mounts;   /* all mounts, in order */
	unsigned long s_flags;	     /* MS_* */
	u32 s_dev_minor;
	bool s_pinned;
	u64 s_next_ino;	 /* atomic */
	u64 s_nr_inodes; /* atomic */
	char s_devname[64];
};

struct file {
	struct vm_file f_vm; /* what mm/ sees */
	u32 f_count;
	u32 f_flags; /* O_* */
	u32 f_mode;  /* FMODE_* */
	const struct file_operations *f_op;
	struct inode *f_inode;	 /* referenced */
	struct dentry *f_dentry; /* referenced; pipes have one too */
	u64 f_pos;
	u32 f_hangups; /* terminals: tty->hangups at open */
	struct mutex f_pos_lock;
	void *private_data;
};

#define FMODE_READ   1U
#define FMODE_WRITE  2U
#define FMODE_PATH   4U /* O_PATH: a place, not contents */
#define FMODE_WRITER 8U /* counted in i_writecount */

/* ---- open files ---- */
struct file *filp_open(const char *path, int flags, u32 mode); /* or ERR */
/* An executable: regular, permitted, not noexec; or ERR (exec's errors). */
struct file *open_exec(const char *path);
struct file *open_exec_at(int dfd, const char *path, int at_flags);
/* While it runs a file cannot be opened for writing; -ETXTBSY. */
int deny_write_access(struct file *file);
void allow_write_access(struct file *file);
struct file *fget(int fd); /* referenced, or NULL; not O_PATH */
void get_file(struct file *file);
void fput(struct file *file);
mm_ssize_t kernel_read(struct file *file, void *buf, size_t n, u64 pos);
mm_ssize_t kernel_write(struct file *file, const void *buf, size_t n, u64 *pos);
/* May current know which pages of it are in memory?  shmem's own: yes. */
bool vm_file_may_see(const struct vm_file *vf);
/* Absolute path of an open file into buf, NUL-terminated; length or -E. */
int file_path(struct file *file, char *buf, size_t size);

/*
 * A descriptor used within one system call.  When no other thread can close
 * it no reference is taken.
 */
struct fd {
	struct file *file; /* NULL: EBADF */
	bool need_put;
};
struct fd fdget(int fd);     /* no O_PATH files */
struct fd fdget_raw(int fd); /* any */
static inline void fdput(struct fd f)
{
	if (f.need_put)
		fput(f.file);
}

/* ---- a process's descriptors and directories (task->files, ->fs) ---- */
struct files_struct;
struct fs_struct;
struct files_struct *files_alloc(void);
struct files_struct *files_dup(struct files_struct *old); /* fork */
void files_get(struct files_struct *files);		  /* CLONE_FILES */
void files_put(struct files_struct *files);
/* exec: close O_CLOEXEC descriptors of current->files (not shared). */
void files_close_on_exec(struct files_struct *files);
bool files_shared(const struct files_struct *files);
struct seq_buf;
/*
 * memfd.c: an open file of size zeroed bytes that no directory has, shown as
 * name; what fop serves; or ERR.  And another open file of the same contents.
 */
struct file *shmem_file_setup(const char *name, u64 size, u32 mode, int flags,
			      const struct file_operations *fop);
struct file *shmem_file_again(struct file *file, int flags);
struct fs_struct *fs_alloc(void); /* root and cwd "/" umask 022 */
struct fs_struct *fs_dup(struct fs_struct *old);
void fs_get(struct fs_struct *fs);
void fs_put(struct fs_struct *fs);
/* Change current's working directory; for quire run's cwd=. */
int kernel_chdir(const char *path);
int kernel_unlink(const char *path);
/* Install in the lowest free slot of current; the fd or -E. Takes over the
 * reference on success. */
int fd_install_file(struct file *file, bool cloexec);

/* ---- standard input, output and error of the first process ---- */
/* /dev/console, three times. */
int console_open_stdio(void);
/* The other way, the stream of `quire run`, is in kernel/run.h. */

/* ---- terminals: what processes need ---- */
/* A session leader is gone: SIGHUP, SIGCONT to the foreground; detach. */
void disassociate_ctty(struct task_struct *leader);
/* fork, setsid: tty's reference in signal->tty. */
void tty_get(struct tty *tty);
void tty_put(struct tty *tty);
u32 tty_devnr(const struct tty *tty); /* stat's tty_nr; NULL: 0 */
int tty_pgrp(const struct tty *tty);  /* stat's tpgid; NULL: -1 */

/* ---- start ---- */
void vfs_init(void); /* root memfs, caches, devices */
/* /dev, /proc, /sys and /dev/shm where the initramfs brought none. */
int vfs_mount_defaults(void);
int initramfs_unpack(const void *cpio, size_t size);
/* Drivers: PCI, virtio console, the run stream; needs scheduling. */
void drivers_init(void);

#endif
