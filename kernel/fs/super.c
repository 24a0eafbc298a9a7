/* SPDX-License-Identifier: MIT */
/*
 * super.c - file systems: types, mounts, mount(2), umount2(2), statfs(2).
 *
 * 1. Idea.  A super block is mounted at one place: s_mountpoint is the dentry
 *    below it, that dentry's d_mounted the way up.  A second mount at the same
 *    place lies on the root of the first.  Mounting a type again makes a new
 *    file system; bind mounts do not exist (EINVAL).
 *
 * 2. Locking.  mount_mutex serialises changes of the mount tree and guards the
 *    list; the pointers change under dcache_lock, which path walks hold.
 *
 * 3. Unmounting needs that nothing in the tree is used: each dentry has
 *    exactly the references that the tree itself accounts for.  Otherwise
 *    EBUSY; a lazy detach (MNT_DETACH) is not offered (EINVAL).
 *
 * Sources: mount(2), umount2(2), statfs(2), proc(5).
 */
#include "kernel/fs/internal.h"

#include <quire/show.h>
#include <quire/vmstat.h>

#include "kernel/syscall.h"
#include "kernel/task.h"

struct mutex mount_mutex = MUTEX_INIT;
LIST_HEAD(mount_list);
struct super_block *root_sb;

static const struct file_system_type pipefs_type = {
	.name = "pipefs",
	.nodev = true,
	.magic = PIPEFS_MAGIC,
	.evict_inode = pipe_free_inode,
};

struct super_block pipefs_sb = {
	.s_type = &pipefs_type,
	.s_dev_minor = 1,
	.s_devname = "pipefs",
};

#define MAX_FS_TYPES 8
#define MS_KEPT                                                      \
	(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | \
	 MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME)

static struct {
	const struct file_system_type *types[MAX_FS_TYPES];
	unsigned int nr_types;
	u32 next_minor;
} supers = {.next_minor = 2};

void register_filesystem(const struct file_system_type *type)
{
	BUG_ON(supers.nr_types == MAX_FS_TYPES);
	supers.types[supers.nr_types++] = type;
}

static const struct file_system_type *find_type(const char *name)
{
	for (unsigned int i = 0; i < supers.nr_types; i++)
		if (!strcmp(supers.types[i]->name, name))
			return supers.types[i];
	return NULL;
}

struct super_block *sb_alloc(const struct file_system_type *type,
			     const char *devname, unsigned long flags)
{
	struct super_block *sb = kzalloc(sizeof(*sb), GFP_KERNEL);

	if (!sb)
		return NULL;
	sb->s_type = type;
	sb->s_flags = flags & MS_KEPT;
	if (!(flags & (MS_NOATIME | MS_STRICTATIME)))
		sb->s_flags |= MS_RELATIME;
	sb->s_dev_minor =
		__atomic_fetch_add(&supers.next_minor, 1, __ATOMIC_RELAXED);
	strscpy(sb->s_devname, devname, sizeof(sb->s_devname));
	INIT_LIST_HEAD(&sb->s_mounts);
	return sb;
}

struct dentry *d_make_root(struct super_block *sb, struct inode *inode)
{
	struct dentry *d = d_alloc(sb, NULL, "/", 1);

	if (!d) {
		iput(inode);
		return NULL;
	}
	d->d_inode = inode;
	d->d_hashed = true;
	inode->nlink = 2;
	return d;
}

/* Preorder within root's tree; NULL at the end. dcache_lock held. */
static struct dentry *next_in_tree(struct dentry *d, struct dentry *root)
{
	if (!list_empty(&d->d_subdirs))
		return list_first_entry(&d->d_subdirs, struct dentry, d_child);
	while (d != root) {
		struct dentry *dir = d->d_parent;

		if (!list_is_last(&d->d_child, &dir->d_subdirs))
			return list_next_entry(d, d_child);
		d = dir;
	}
	return NULL;
}

/* References beyond those of the tree itself and extra on the root? */
static bool tree_is_busy_locked(struct super_block *sb, u32 extra)
{
	struct dentry *root = sb->s_root, *d = root, *child;

	for (; d; d = next_in_tree(d, root)) {
		u32 expected = sb->s_pinned || d == root;

		list_for_each_entry(child, &d->d_subdirs, d_child)
			expected++;
		if (d == root)
			expected += extra;
		if (d->d_count != expected || d->d_mounted)
			return true;
	}
	return false;
}

/* Nobody uses it: take the tree down leaf by leaf. */
static void sb_kill(struct super_block *sb)
{
	struct dentry *root = sb->s_root, *d;

	while (root) {
		spin_lock(&dcache_lock);
		d = root;
		while (!list_empty(&d->d_subdirs))
			d = list_first_entry(&d->d_subdirs, struct dentry,
					     d_child);
		if (d != root)
			d_unlink_locked(d);
		spin_unlock(&dcache_lock);
		dput(d);
		if (d == root)
			break;
	}
	kfree(sb);
}

static int attach(struct super_block *sb, struct dentry *where)
{
	int err = 0;

	mutex_lock(&mount_mutex);
	spin_lock(&dcache_lock);
	where = follow_mounts_locked(where);
	if (!where->d_hashed) {
		err = -ENOENT;
	} else {
		sb->s_mountpoint = dget(where);
		where->d_mounted = sb;
	}
	spin_unlock(&dcache_lock);
	if (!err)
		list_add_tail(&sb->s_mounts, &mount_list);
	mutex_unlock(&mount_mutex);
	return err;
}

int do_mount(const char *devname, struct dentry *where, const char *type,
	     unsigned long flags, const char *options)
{
	const struct file_system_type *t = find_type(type);
	struct super_block *sb;
	int err;

	if (!t)
		return -ENODEV;
	if (!S_ISDIR(where->d_inode->mode))
		return -ENOTDIR;
	sb = sb_alloc(t, devname, flags);
	if (!sb)
		return -ENOMEM;
	err = t->fill_super(sb, options);
	if (!err)
		err = attach(sb, where);
	if (err)
		sb_kill(sb);
	return err;
}

static int do_remount(struct dentry *where, unsigned long flags)
{
	struct super_block *sb = where->d_sb;

	if (sb->s_root != where)
		return -EINVAL;
	if (!(flags & (MS_NOATIME | MS_STRICTATIME)))
		flags |= MS_RELATIME;
	WRITE_ONCE(sb->s_flags, flags & MS_KEPT);
	return 0;
}

static int do_move_mount(const char *from, struct dentry *where)
{
	struct dentry *d, *under;
	struct super_block *sb;
	int err = path_lookup(AT_FDCWD, from, LOOKUP_FOLLOW, &d);

	if (err)
		return err;
	mutex_lock(&mount_mutex);
	spin_lock(&dcache_lock);
	sb = d->d_sb;
	under = sb->s_mountpoint;
	where = follow_mounts_locked(where);
	if (sb->s_root != d || !under || !S_ISDIR(where->d_inode->mode))
		err = -EINVAL;
	for (struct dentry *up = where; !err;) {
		if (d_is_descendant_locked(up, d))
			err = -ELOOP;
		if (!up->d_sb->s_mountpoint)
			break;
		up = up->d_sb->s_mountpoint;
	}
	if (!err) {
		under->d_mounted = NULL;
		sb->s_mountpoint = dget(where);
		where->d_mounted = sb;
	}
	spin_unlock(&dcache_lock);
	mutex_unlock(&mount_mutex);
	if (!err)
		dput(under);
	dput(d);
	return err;
}

#define MS_SUPPORTED (MS_KEPT | MS_REMOUNT | MS_MOVE | MS_SILENT)

/* A string argument of at most a page; NULL stays NULL. */
static int copy_mount_string(char **out, const char *user)
{
	char *s;
	long len;

	*out = NULL;
	if (!user)
		return 0;
	s = kmalloc(PAGE_SIZE, GFP_KERNEL);
	if (!s)
		return -ENOMEM;
	len = strncpy_from_user(s, user, PAGE_SIZE);
	if (len < 0 || len == (long)PAGE_SIZE) {
		kfree(s);
		return len < 0 ? (int)len : -EINVAL;
	}
	*out = s;
	return 0;
}

SYSCALL_DEFINE5(mount, const char *, udev, const char *, udir, const char *,
		utype, unsigned long, flags, const char *, uoptions)
{
	char *dev = NULL, *type = NULL, *options = NULL;
	struct dentry *where;
	int err;

	if ((flags & MS_MGC_MSK) == MS_MGC_VAL)
		flags &= ~MS_MGC_MSK;
	if (!capable_root())
		return -EPERM;
	if (flags & ~MS_SUPPORTED)
		return -EINVAL;
	err = copy_mount_string(&dev, udev);
	if (!err)
		err = copy_mount_string(&type, utype);
	if (!err)
		err = copy_mount_string(&options, uoptions);
	if (err)
		goto out_strings;
	err = user_path(AT_FDCWD, udir, 0, true, &where);
	if (err)
		goto out_strings;
	if (flags & MS_REMOUNT)
		err = do_remount(where, flags);
	else if (flags & MS_MOVE)
		err = dev ? do_move_mount(dev, where) : -EINVAL;
	else if (!type)
		err = -EINVAL;
	else
		err = do_mount(dev && *dev ? dev : "none", where, type, flags,
			       options);
	dput(where);
out_strings:
	kfree(options);
	kfree(type);
	kfree(dev);
	return err;
}

/* Takes over the reference on d. */
static int do_umount(struct dentry *d)
{
	struct super_block *sb = d->d_sb;
	struct dentry *under = NULL;
	int err = -EINVAL;

	mutex_lock(&mount_mutex);
	spin_lock(&dcache_lock);
	if (sb->s_root == d && sb->s_mountpoint) {
		err = -EBUSY;
		if (!tree_is_busy_locked(sb, 1)) {
			under = sb->s_mountpoint;
			under->d_mounted = NULL;
			sb->s_mountpoint = NULL;
			err = 0;
		}
	}
	spin_unlock(&dcache_lock);
	if (!err)
		list_del(&sb->s_mounts);
	mutex_unlock(&mount_mutex);
	dput(d);
	if (!err) {
		sb_kill(sb);
		dput(under);
	}
	return err;
}

SYSCALL_DEFINE2(umount2, const char *, upath, int, flags)
{
	struct dentry *d;
	int err;

	/* In memory there is no server to abort waiting for: FORCE is met. */
	if (flags & ~(MNT_FORCE | UMOUNT_NOFOLLOW))
		return -EINVAL;
	if (!capable_root())
		return -EPERM;
	err = user_path(AT_FDCWD, upath, 0, !(flags & UMOUNT_NOFOLLOW), &d);
	if (err)
		return err;
	return do_umount(d);
}

char *next_option(char **text, char **value)
{
	char *name = *text, *end;

	while (name && *name == ',')
		name++;
	if (!name || !*name)
		return NULL;
	end = strchr(name, ',');
	if (end)
		*end++ = '\0';
	*text = end;
	*value = strchr(name, '=');
	if (*value)
		*(*value)++ = '\0';
	return name;
}

/* ---- what users see ---- */

static void put_escaped(struct seq_buf *s, const char *text)
{
	for (; *text; text++) {
		if (strchr(" \t\n\\", *text))
			seq_printf(s, "\\%03o", (unsigned int)(u8)*text);
		else
			seq_putc(s, *text);
	}
}

static void put_flags(struct seq_buf *s, unsigned long flags)
{
	static const struct {
		unsigned long flag;
		const char *text;
	} names[] = {
		{MS_NOSUID, ",nosuid"},		{MS_NODEV, ",nodev"},
		{MS_NOEXEC, ",noexec"},		{MS_NOATIME, ",noatime"},
		{MS_NODIRATIME, ",nodiratime"}, {MS_RELATIME, ",relatime"},
	};

	seq_puts(s, flags & MS_RDONLY ? "ro" : "rw");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (flags & names[i].flag)
			seq_puts(s, names[i].text);
}

/* The mount's place as current sees it; NULL: outside its root. */
static char *mount_path(struct super_block *sb, char *buf, size_t size)
{
	struct dentry *root = get_root();
	char *p = d_path(sb->s_root, root, buf, size);

	dput(root);
	return IS_ERR(p) ? NULL : p;
}

static void show_each_mount(struct seq_buf *s, bool info)
{
	char *buf = __getname(), *path;
	struct super_block *sb;

	if (!buf)
		return;
	mutex_lock(&mount_mutex);
	list_for_each_entry(sb, &mount_list, s_mounts) {
		u32 up = sb->s_mountpoint ? sb->s_mountpoint->d_sb->s_dev_minor
					  : sb->s_dev_minor;

		path = mount_path(sb, buf, PATH_MAX);
		if (!path)
			continue;
		if (info) {
			seq_printf(s, "%u %u 0:%u / ", sb->s_dev_minor, up,
				   sb->s_dev_minor);
			put_escaped(s, path);
			seq_putc(s, ' ');
			put_flags(s, sb->s_flags);
			seq_printf(s, " - %s ", sb->s_type->name);
			put_escaped(s, sb->s_devname);
			seq_puts(s,
				 sb->s_flags & MS_RDONLY ? " ro\n" : " rw\n");
			continue;
		}
		put_escaped(s, sb->s_devname);
		seq_putc(s, ' ');
		put_escaped(s, path);
		seq_printf(s, " %s ", sb->s_type->name);
		put_flags(s, sb->s_flags);
		seq_puts(s, " 0 0\n");
	}
	mutex_unlock(&mount_mutex);
	__putname(buf);
}

void show_mounts(struct seq_buf *s)
{
	show_each_mount(s, false);
}

void show_mountinfo(struct seq_buf *s)
{
	show_each_mount(s, true);
}

void show_filesystems(struct seq_buf *s)
{
	for (unsigned int i = 0; i < supers.nr_types; i++)
		seq_printf(s, "%s\t%s\n", supers.types[i]->nodev ? "nodev" : "",
			   supers.types[i]->name);
}

static unsigned long statfs_flags(unsigned long ms)
{
	/* ST_RDONLY.. have MS_'s values; RELATIME has one of its own. */
	unsigned long st = ms & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC |
				 MS_NOATIME | MS_NODIRATIME);

	if (ms & MS_RELATIME)
		st |= 4096;
	return st | ST_VALID;
}

/* No limit but memory itself: sizes are 0, as tmpfs shows without one. */
static int do_statfs(struct super_block *sb, struct k_statfs *ubuf)
{
	struct k_statfs st = {
		.f_type = sb->s_type->magic,
		.f_bsize = PAGE_SIZE,
		.f_namelen = NAME_MAX,
		.f_frsize = PAGE_SIZE,
		.f_flags = (s64)statfs_flags(sb->s_flags),
		.f_fsid = {(s32)sb->s_dev_minor, 0},
	};

	return copy_to_user(ubuf, &st, sizeof(st)) ? -EFAULT : 0;
}

SYSCALL_DEFINE2(statfs, const char *, upath, struct k_statfs *, ubuf)
{
	struct dentry *d;
	int err = user_path(AT_FDCWD, upath, 0, true, &d);

	if (err)
		return err;
	err = do_statfs(d->d_sb, ubuf);
	dput(d);
	return err;
}

SYSCALL_DEFINE2(fstatfs, int, fd, struct k_statfs *, ubuf)
{
	struct fd f = fdget_raw(fd);
	int err;

	if (!f.file)
		return -EBADF;
	err = do_statfs(f.file->f_dentry->d_sb, ubuf);
	fdput(f);
	return err;
}

/* ---- start ---- */

void super_init(void)
{
	register_filesystem(&sysfs_type);
	register_filesystem(&rootfs_type);
	register_filesystem(&tmpfs_type);
	register_filesystem(&proc_type);
	register_filesystem(&devtmpfs_type);
	root_sb = sb_alloc(&rootfs_type, "rootfs", 0);
	BUG_ON(!root_sb || rootfs_type.fill_super(root_sb, NULL));
	list_add_tail(&root_sb->s_mounts, &mount_list);
}
