/* SPDX-License-Identifier: MIT */
/*
 * vfs.c - starting the file systems.
 *
 * vfs_init() makes the caches, the root and what Linux's built-in initramfs
 * holds: /dev/console and /root.  Then comes the initramfs, and for `quire
 * run`, whose programs expect a whole system, vfs_mount_defaults().
 */
#include "kernel/fs/internal.h"

#include "kernel/fs/tty.h"

static int make(struct dentry *dir, const char *name, u32 mode, u64 rdev)
{
	struct dentry *d = vfs_create(dir, name, mode, rdev, NULL);

	if (IS_ERR(d))
		return PTR_ERR(d) == -EEXIST ? 0 : (int)PTR_ERR(d);
	dput(d);
	return 0;
}

static void make_builtin(void)
{
	struct dentry *root = root_sb->s_root, *dev;

	BUG_ON(make(root, "dev", S_IFDIR | 0755, 0));
	BUG_ON(make(root, "root", S_IFDIR | 0700, 0));
	BUG_ON(lookup_one(root, "dev", 3, &dev) || !dev);
	BUG_ON(make(dev, "console", S_IFCHR | 0600, makedev(5, 1)));
	dput(dev);
}

void vfs_init(void)
{
	dcache_init();
	inode_cache_init();
	file_init();
	fdtable_init();
	pipe_init();
	locks_init();
	proc_init();
	devices_init();
	super_init();
	make_builtin();
}

static int mount_at(const char *dir, const char *type, unsigned long flags)
{
	struct dentry *d;
	int err = make(root_sb->s_root, dir, S_IFDIR | 0755, 0);

	if (!err)
		err = lookup_one(root_sb->s_root, dir, strlen(dir), &d);
	if (err)
		return err;
	err = do_mount(type, d, type, flags, NULL);
	dput(d);
	return err;
}

int vfs_mount_defaults(void)
{
	int err = mount_at("dev", "devtmpfs", MS_NOSUID);

	if (!err)
		err = mount_at("proc", "proc",
			       MS_NOSUID | MS_NODEV | MS_NOEXEC);
	if (!err)
		err = mount_at("sys", "sysfs",
			       MS_NOSUID | MS_NODEV | MS_NOEXEC);
	if (!err)
		err = make(root_sb->s_root, "tmp", S_IFDIR | 01777, 0);
	return err;
}
