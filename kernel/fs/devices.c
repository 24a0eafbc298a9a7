/* SPDX-License-Identifier: MIT */
/*
 * devices.c - character devices: the table of them, /dev, and the simple ones
 * (null, zero, full, random, urandom).
 *
 * A device node is a number; opening it finds the operations here.  Drivers
 * register before /dev is populated; every devtmpfs has the same nodes.
 *
 * Sources: null(4), full(4), random(4), Linux's admin-guide/devices.txt.
 */
#include "kernel/fs/internal.h"

#include <quire/chacha.h>
#include <quire/port.h>

#include "kernel/fs/tty.h"
#include "kernel/syscall.h"
#include "kernel/task.h"

#define MAX_CHRDEVS 16
#define MEM_MAJOR   1

struct chrdev {
	const char *name;
	u64 rdev;
	u32 mode;
	const struct file_operations *fops;
};

static struct {
	struct chrdev dev[MAX_CHRDEVS];
	unsigned int nr;
} devices;

void register_chrdev(const char *name, u64 rdev, u32 mode,
		     const struct file_operations *fops)
{
	BUG_ON(devices.nr == MAX_CHRDEVS);
	devices.dev[devices.nr++] = (struct chrdev){name, rdev, mode, fops};
}

const struct file_operations *chrdev_fops(u64 rdev)
{
	for (unsigned int i = 0; i < devices.nr; i++)
		if (devices.dev[i].rdev == rdev)
			return devices.dev[i].fops;
	return NULL;
}

/* ---- null, zero, full ---- */

static mm_ssize_t null_read(struct file *file, struct iov_iter *to, u64 *pos)
{
	(void)file;
	(void)to;
	(void)pos;
	return 0;
}

static mm_ssize_t null_write(struct file *file, struct iov_iter *from, u64 *pos)
{
	size_t n = from->count;

	(void)file;
	(void)pos;
	from->count = 0;
	return (mm_ssize_t)n;
}

/* A terabyte from /dev/zero can be interrupted. */
static mm_ssize_t zero_read(struct file *file, struct iov_iter *to, u64 *pos)
{
	mm_ssize_t done = 0;

	(void)file;
	(void)pos;
	while (to->count) {
		size_t n = min(to->count, (size_t)PAGE_SIZE);
		size_t got = clear_iter(to, n);

		done += (mm_ssize_t)got;
		if (got < n)
			return done ? done : -EFAULT;
		if (to->count && signal_pending_current())
			break;
		cond_resched();
	}
	return done;
}

/*
 * A private mapping is anonymous memory: an area without operations of its
 * own.  A shared one would need a file behind it: use MAP_ANONYMOUS.
 */
static int zero_mmap(struct file *file, struct vm_area_struct *vma)
{
	(void)file;
	return vma->vm_flags & VM_SHARED ? -ENODEV : 0;
}

static mm_ssize_t full_write(struct file *file, struct iov_iter *from, u64 *pos)
{
	(void)file;
	(void)from;
	(void)pos;
	return -ENOSPC;
}

/* Seeking is allowed and means nothing: null(4). */
static long null_llseek(struct file *file, s64 off, int whence)
{
	(void)off;
	(void)whence;
	file->f_pos = 0;
	return 0;
}

static const struct file_operations null_fops = {
	.read = null_read,
	.write = null_write,
	.llseek = null_llseek,
};

static const struct file_operations zero_fops = {
	.read = zero_read,
	.write = null_write,
	.llseek = null_llseek,
	.mmap = zero_mmap,
};

static const struct file_operations full_fops = {
	.read = zero_read,
	.write = full_write,
	.llseek = null_llseek,
};

/* ---- random ---- */

/*
 * Each read draws a key of its own from the machine's generator, which is
 * slow, and expands it; the key is forgotten with the read.
 */
static mm_ssize_t random_read(struct file *file, struct iov_iter *to, u64 *pos)
{
	static const u32 nonce[3];
	union {
		u64 drawn[CHACHA_KEY_WORDS / 2];
		u32 word[CHACHA_KEY_WORDS];
	} key;
	u32 block[CHACHA_BLOCK_WORDS], counter = 0;
	mm_ssize_t done = 0;

	(void)file;
	(void)pos;
	for (size_t i = 0; i < ARRAY_SIZE(key.drawn); i++)
		key.drawn[i] = port->random();
	while (to->count) {
		size_t n = min(to->count, sizeof(block)), got;

		chacha20_block(key.word, counter++, nonce, block);
		got = copy_to_iter(to, block, n);
		done += (mm_ssize_t)got;
		if (got < n) {
			done = done ? done : -EFAULT;
			break;
		}
		if (counter % 64 == 0 && signal_pending_current())
			break;
	}
	memset(&key, 0, sizeof(key));
	memset(block, 0, sizeof(block));
	barrier();
	return done;
}

/*
 * The generator takes no seed from programs; random(4) promises no more than
 * that written bytes may be mixed in.
 */
static const struct file_operations random_fops = {
	.read = random_read,
	.write = null_write,
	.llseek = null_llseek,
};

/* ---- /dev ---- */

static int make_node(struct dentry *dir, const struct chrdev *dev)
{
	struct dentry *d = vfs_create(dir, dev->name, S_IFCHR | dev->mode,
				      dev->rdev, NULL);

	if (IS_ERR(d))
		return PTR_ERR(d) == -EEXIST ? 0 : (int)PTR_ERR(d);
	dput(d);
	return 0;
}

static int make_other(struct dentry *dir, const char *name, u32 mode,
		      const char *target)
{
	struct dentry *d = vfs_create(dir, name, mode, 0, target);

	if (IS_ERR(d))
		return PTR_ERR(d) == -EEXIST ? 0 : (int)PTR_ERR(d);
	dput(d);
	return 0;
}

int devices_populate(struct dentry *dir)
{
	static const char *const links[][2] = {
		{"fd", "/proc/self/fd"},
		{"stdin", "/proc/self/fd/0"},
		{"stdout", "/proc/self/fd/1"},
		{"stderr", "/proc/self/fd/2"},
	};
	int err = 0;

	for (unsigned int i = 0; !err && i < devices.nr; i++)
		err = make_node(dir, &devices.dev[i]);
	for (size_t i = 0; !err && i < ARRAY_SIZE(links); i++)
		err = make_other(dir, links[i][0], S_IFLNK | 0777, links[i][1]);
	if (!err)
		err = make_other(dir, "shm", S_IFDIR | S_ISVTX | 0777, NULL);
	return err;
}

void devices_init(void)
{
	register_chrdev("null", makedev(MEM_MAJOR, 3), 0666, &null_fops);
	register_chrdev("zero", makedev(MEM_MAJOR, 5), 0666, &zero_fops);
	register_chrdev("full", makedev(MEM_MAJOR, 7), 0666, &full_fops);
	register_chrdev("random", makedev(MEM_MAJOR, 8), 0666, &random_fops);
	register_chrdev("urandom", makedev(MEM_MAJOR, 9), 0666, &random_fops);
	tty_devices_init();
}
