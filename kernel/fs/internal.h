/* SPDX-License-Identifier: MIT */
/*
 * internal.h - what the files of kernel/fs share among themselves.
 */
#ifndef KERNEL_FS_INTERNAL_H
#define KERNEL_FS_INTERNAL_H

#include <quire/errno.h>
#include <quire/list.h>
#include <quire/printk.h>
#include <quire/slab.h>
#include <quire/string.h>
#include <quire/types.h>

#include "kernel/fs.h"

/* ---- inode.c ---- */

void inode_cache_init(void);
/* Referenced, nlink 1, current's ids and the time; NULL: no memory. */
struct inode *new_inode(struct super_block *sb, u32 mode);
void ihold(struct inode *inode);
void iput(struct inode *inode);
/* 0, -EACCES or -EROFS; mask of MAY_*. */
int inode_permission(const struct inode *inode, unsigned int mask);
/* The same with given ids: access(2) asks with the real ones. */
int inode_permission_as(const struct inode *inode, unsigned int mask, u32 uid,
			u32 gid);
bool inode_owner_or_root(const struct inode *inode);
bool in_group(u32 gid);
void inode_modified(struct inode *inode); /* mtime, ctime: now */
void inode_changed(struct inode *inode);  /* ctime: now */
/* Contents are changed by a program: set-id bits go. */
void inode_remove_privs(struct inode *inode);
u64 inode_size(const struct inode *inode);
void fill_kstat(struct inode *inode, struct k_stat *st);

/* ---- super.c ---- */

extern struct super_block *root_sb;
extern struct super_block pipefs_sb; /* files without a place */
extern struct mutex mount_mutex;     /* the tree of mounts */
extern struct list_head mount_list;
void register_filesystem(const struct file_system_type *type);
struct super_block *sb_alloc(const struct file_system_type *type,
			     const char *devname, unsigned long flags);
int do_mount(const char *devname, struct dentry *where, const char *type,
	     unsigned long flags, const char *options);
void super_init(void);
/* Root dentry of a new file system; takes over the inode.  NULL: memory. */
struct dentry *d_make_root(struct super_block *sb, struct inode *inode);
void show_mounts(struct seq_buf *s);
void show_mountinfo(struct seq_buf *s);
void show_filesystems(struct seq_buf *s);
/* Next value of a comma-separated option text; NULL at the end. */
char *next_option(char **text, char **value);

/* ---- dcache.c ---- */

extern spinlock_t dcache_lock;
void dcache_init(void);
u32 name_hash(const char *name, size_t len);
static inline struct dentry *dget(struct dentry *d)
{
	__atomic_fetch_add(&d->d_count, 1, __ATOMIC_RELAXED);
	return d;
}
void dput(struct dentry *d); /* NULL is fine */
/* Not linked, no inode yet; references parent (NULL: its own root). */
struct dentry *d_alloc(struct super_block *sb, struct dentry *parent,
		       const char *name, size_t len);
/* A file without a place: takes over the inode; shown as name. */
struct dentry *d_alloc_anon(struct inode *inode, const char *name);
struct dentry *d_lookup_locked(const struct dentry *parent, const char *name,
			       size_t len, u32 hash);
/* -ENOENT: the directory was removed meanwhile. */
int d_link_locked(struct dentry *d);
/* The directory's own reference, if it had one, is the caller's to dput. */
void d_unlink_locked(struct dentry *d);
/* Take the place and name of old's; see dcache.c. */
void d_move_locked(struct dentry *d, struct dentry *to);
void d_exchange_locked(struct dentry *a, struct dentry *b);
bool d_is_descendant_locked(const struct dentry *d, const struct dentry *of);
/* Path below root into buf's end: its first byte, or ERR_PTR. */
char *d_path(struct dentry *d, struct dentry *root, char *buf, size_t size);
static inline bool d_is_root(const struct dentry *d)
{
	return d->d_parent == d;
}
/* The mounted root on top of d, and the other way. */
struct dentry *follow_mounts_locked(struct dentry *d);

/* ---- namei.c ---- */

#define LOOKUP_FOLLOW	 1U
#define LOOKUP_DIRECTORY 2U
#define LOOKUP_PARENT	 4U
#define LOOKUP_EMPTY	 8U

/* file.c: room for PATH_MAX bytes, uninitialised, or NULL; and back (NULL too). */
char *__getname(void);
void __putname(char *name);

/* A path name copied from the program. */
struct filename {
	const char *name;
	char *big; /* allocated, or NULL */
	char small[160];
};
int getname(struct filename *fn, const char *uname);
int getname_flags(struct filename *fn, const char *uname, bool may_be_empty);
void putname(struct filename *fn);

/* A directory and the last name in it. */
struct parent {
	struct dentry *dir; /* referenced */
	const char *name;   /* in the given path, or in buf */
	size_t len;
	enum { LAST_NORM, LAST_DOT, LAST_DOTDOT, LAST_ROOT } type;
	bool trailing_slash;
	char *buf; /* holds name after a symlink */
};

/* The dentry, referenced, in *out; or -E. */
int path_lookup(int dfd, const char *name, unsigned int flags,
		struct dentry **out);
int path_parent(int dfd, const char *name, unsigned int flags,
		struct parent *p);
void put_parent(struct parent *p);
/* The dentry in *out; NULL there if the name is free. -E. */
int lookup_one(struct dentry *dir, const char *name, size_t len,
	       struct dentry **out);
/* user path -> dentry, with AT_EMPTY_PATH and AT_SYMLINK_[NO]FOLLOW. */
int user_path(int dfd, const char *uname, int at_flags, bool follow,
	      struct dentry **out);

/* dir->d_inode->i_lock held.  The new dentry, referenced, or ERR. */
struct dentry *vfs_create_locked(struct dentry *dir, const char *name,
				 size_t len, u32 mode, u64 rdev,
				 const char *target);
/* For the kernel's own files: takes i_lock, no umask. */
struct dentry *vfs_create(struct dentry *dir, const char *name, u32 mode,
			  u64 rdev, const char *target);
int vfs_link(struct dentry *old, struct dentry *dir, const char *name,
	     size_t len);

/* ---- file.c, fdtable.c: open files and descriptor tables ---- */

void file_init(void);
void fdtable_init(void);
struct file *alloc_file(struct dentry *d, int flags,
			const struct file_operations *fop);
/* Open what d names, for current; consumes no reference. */
struct file *dentry_open(struct dentry *d, int flags);
int get_unused_fd(bool cloexec);
void put_unused_fd(int fd);
void fd_install(int fd, struct file *file);
void fd_set_cloexec(int fd, bool on);
struct file *files_get_file(struct files_struct *files, int fd);
/* The lowest open descriptor >= fd, or -1. */
int files_next_fd(struct files_struct *files, int fd);
/* Its file, referenced, and whether it is closed on exec. */
u32 files_open_slots(struct files_struct *files);

struct fs_struct {
	u32 count;
	u32 umask;
	spinlock_t lock;
	struct dentry *root, *cwd;
};
struct dentry *get_root(void); /* current's, referenced */
struct dentry *get_cwd(void);

/* ---- read_write.c ---- */

mm_ssize_t vfs_read(struct file *file, struct iov_iter *it, u64 *pos);
mm_ssize_t vfs_write(struct file *file, struct iov_iter *it, u64 *pos);
/* Bytes that a file may still grow by from pos: RLIMIT_FSIZE; -EFBIG. */
mm_ssize_t generic_write_limit(u64 pos, size_t count);
long generic_llseek(struct file *file, s64 off, int whence, u64 size);

/* ---- open.c ---- */

int do_truncate(struct inode *inode, u64 size);

/* ---- locks.c ---- */

void locks_init(void);
void locks_remove_posix(struct inode *inode, struct files_struct *files);
void locks_remove_file(struct file *file);
int fcntl_getlk(struct file *file, struct k_flock *ufl);
int fcntl_setlk(struct file *file, unsigned int cmd, const struct k_flock *ufl);

/* ---- memfs.c ---- */

extern const struct file_system_type rootfs_type, tmpfs_type, devtmpfs_type;
extern const struct inode_operations memfs_inode_ops;
extern const struct file_operations memfs_file_ops, memfs_dir_ops;
/* Directory listing of any pinned file system. */
int dcache_iterate(struct file *file, u64 *pos,
		   int (*fill)(void *ctx, const char *name, size_t len, u64 ino,
			       unsigned int type, u64 next_pos),
		   void *ctx);
u64 memfs_blocks(const struct inode *inode); /* of 512 bytes */

/* ---- memfd.c ---- */

/* Memory files without a name in any directory. */
extern struct super_block shm_sb;
long fcntl_seals(struct file *file, unsigned int cmd, unsigned long arg);
/* 0 or -EPERM; i_lock held, but for mmap. */
int seals_allow_mmap(const struct inode *inode, unsigned long *vm_flags);
int seals_allow_resize(const struct inode *inode, u64 size);
int seals_allow_write(const struct inode *inode, u64 pos, u64 len);

/* ---- pipe.c ---- */

void pipe_init(void);
extern const struct file_operations fifo_fops;
long pipe_fcntl(struct file *file, unsigned int cmd, unsigned long arg);
void pipe_free_inode(struct inode *inode);

/* ---- poll.c ---- */

#define POLL_INLINE 9

struct poll_entry {
	struct wait_queue_entry wait;
	struct file *file; /* referenced */
};
struct poll_chunk {
	struct poll_chunk *next;
	unsigned int nr;
	struct poll_entry entries[];
};
struct poll_table {
	bool queueing; /* false: only ask */
	int error;
	unsigned int nr_inline;
	struct poll_chunk *chunks;
	struct poll_entry entries[POLL_INLINE];
};
/* A driver's poll: wake me through wq.  pt may be NULL. */
void poll_wait(struct file *file, struct wait_queue_head *wq,
	       struct poll_table *pt);

/* ---- devices.c ---- */

void devices_init(void);
/* Make /dev's usual nodes below dir. */
int devices_populate(struct dentry *dir);
/* The operations for a character device's number, or NULL. */
const struct file_operations *chrdev_fops(u64 rdev);
void register_chrdev(const char *name, u64 rdev, u32 mode,
		     const struct file_operations *fops);

/* ---- proc*.c ---- */

void proc_init(void);
extern const struct file_system_type proc_type, sysfs_type;

#endif
