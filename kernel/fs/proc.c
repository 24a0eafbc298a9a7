/* SPDX-License-Identifier: MIT */
/*
 * proc.c - file systems made of tables: inodes on demand, texts on read.
 *
 * 1. Idea.  A directory is a table of entries, rows (knobs or attributes), and
 *    perhaps a family (processes, descriptors, nodes).  A lookup makes an inode
 *    that lives while it is used; nothing is kept for what nobody looks at.
 *
 * 2. A file's text is made anew whenever it is read from position 0, into a
 *    buffer that grows until the generator fits, and read from there on: a
 *    reader sees one consistent text, and again a fresh one after lseek(0).
 *
 * 3. A file made of a row is opened only for what the row can do, by root
 *    too.  A knob is written from position 0 on, in one go; at any other
 *    position a write is taken and does nothing, as in Linux: what a program
 *    writes behind a number that was enough.
 *
 * 4. A process's inodes hold its task_struct; when it has been waited for,
 *    they are dead (ESRCH) and their names are looked up anew (valid()).
 *
 * Source: proc(5), sysfs(5), Linux's Documentation/filesystems/sysfs.rst.
 */
#include "kernel/fs/proc.h"

#include "kernel/fs/internal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"

/* The longest text; a process of 65,530 mappings needs about 50 MB. */
#define PROC_TEXT_MAX (128UL << 20)

static const struct inode_operations proc_dir_iops, proc_link_iops,
	proc_jump_iops, proc_file_iops;
static const struct file_operations proc_dir_fops, proc_file_fops;

/* A file's text, made when it is read. */
struct proc_text {
	char *buf;
	size_t len;
};

static struct {
	struct kmem_cache *inode, *text;
} caches;

void proc_init(void)
{
	caches.inode = kmem_cache_create(
		"proc_inode_cache", sizeof(struct proc_inode), 0,
		SLAB_PANIC | SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT, NULL);
	caches.text = kmem_cache_create("seq_file", sizeof(struct proc_text), 0,
					SLAB_PANIC | SLAB_ACCOUNT, NULL);
}

struct proc_inode *proc_of(const struct inode *inode)
{
	return inode->i_private;
}

bool proc_may_access(const struct task_struct *t)
{
	const struct cred *me = &current->cred, *c = &t->cred;

	if (me->fsuid == 0 || t->signal == current->signal)
		return true;
	return me->fsuid == c->uid && me->fsuid == c->euid &&
	       me->fsuid == c->suid && me->fsgid == c->gid &&
	       me->fsgid == c->egid && me->fsgid == c->sgid && t->dumpable;
}

static bool task_gone(const struct proc_inode *pi)
{
	return pi->task && READ_ONCE(pi->task->exit_state) == EXIT_DEAD;
}

/* ---- inodes ---- */

/* The same object has the same number each time it is looked at. */
static u64 proc_ino(const struct proc_inode *pi)
{
	u64 ino = (uintptr_t)(pi->row ? pi->row : pi->entry) & 0xfffff;

	if (pi->task)
		ino |= (u64)(u32)pi->task->pid << 40;
	return ino | (u64)pi->fd << 20;
}

static void refresh(struct inode *inode)
{
	const struct proc_inode *pi = proc_of(inode);

	if (pi->task) {
		inode->uid = pi->task->cred.euid;
		inode->gid = pi->task->cred.egid;
	}
}

/* ---- rows: knobs and attributes ---- */

static int show_knob(struct seq_buf *s, const struct proc_inode *pi)
{
	mm_knob_show(pi->row, s);
	return 0;
}

static mm_ssize_t store_knob(const struct proc_inode *pi, char *text,
			     size_t len)
{
	return mm_knob_store(pi->row, text, len);
}

static int show_attr(struct seq_buf *s, const struct proc_inode *pi)
{
	const struct mm_attr *attr = pi->row;

	return attr->show(s, pi->object);
}

static mm_ssize_t store_attr(const struct proc_inode *pi, char *text,
			     size_t len)
{
	const struct mm_attr *attr = pi->row;
	int err = attr->store(pi->object, text);

	return err ? err : (mm_ssize_t)len;
}

static const struct proc_entry knob_entry = {
	.mode = S_IFREG,
	.show = show_knob,
	.store = store_knob,
};

static const struct proc_entry attr_entry = {
	.mode = S_IFREG,
	.show = show_attr,
	.store = store_attr,
};

/*
 * Row number i of the directory, from 0: its name, and pi filled in; NULL
 * behind the last.
 */
static const char *row_at(const struct proc_inode *dir, u64 i,
			  struct proc_inode *pi)
{
	const struct mm_knob *k = dir->entry->knobs;
	const struct mm_attr *a = dir->entry->attrs;

	*pi = (struct proc_inode){.fd = dir->fd, .object = dir->object};
	for (; k && k->name; k++, i--) {
		if (i)
			continue;
		pi->entry = &knob_entry;
		pi->row = k;
		return k->name;
	}
	for (; a && a->name; a++, i--) {
		if (i)
			continue;
		pi->entry = &attr_entry;
		pi->row = a;
		return a->name;
	}
	return NULL;
}

static u32 row_mode(const struct proc_inode *pi)
{
	return pi->entry == &knob_entry
		       ? ((const struct mm_knob *)pi->row)->mode
		       : ((const struct mm_attr *)pi->row)->mode;
}

/* What nobody may, root may not either: rows, and all of /sys. */
static int may_open(const struct inode *inode, const struct file *file)
{
	u32 mode = inode->mode;

	if (!proc_of(inode)->row && inode->sb->s_type != &sysfs_type)
		return 0;
	if (((file->f_mode & FMODE_READ) && !(mode & 0444)) ||
	    ((file->f_mode & FMODE_WRITE) && !(mode & 0222)))
		return -EACCES;
	return 0;
}

/* ---- making inodes ---- */

static void set_operations(struct inode *inode, const struct proc_entry *e)
{
	switch (e->mode & S_IFMT) {
	case S_IFDIR:
		inode->i_op = &proc_dir_iops;
		inode->i_fop = &proc_dir_fops;
		inode->nlink = 2;
		break;
	case S_IFLNK:
		inode->i_op = e->jump ? &proc_jump_iops : &proc_link_iops;
		break;
	default:
		inode->i_op = &proc_file_iops;
		inode->i_fop = e->fops ? e->fops : &proc_file_fops;
	}
}

static void put_proc_inode(const struct proc_inode *pi)
{
	if (pi->task)
		put_task_struct(pi->task);
	if (pi->entry->release)
		pi->entry->release(pi);
}

/* Takes over pi's task and object, also when it fails. */
static struct inode *proc_new_inode(struct super_block *sb,
				    const struct proc_inode *pi)
{
	struct proc_inode *copy = kmem_cache_alloc(caches.inode, GFP_KERNEL);
	struct inode *inode = copy ? new_inode(sb, pi->entry->mode) : NULL;

	if (!inode) {
		if (copy)
			kmem_cache_free(caches.inode, copy);
		put_proc_inode(pi);
		return ERR_PTR(-ENOMEM);
	}
	*copy = *pi;
	inode->i_private = copy;
	inode->ino = proc_ino(pi);
	if (pi->row)
		inode->mode |= row_mode(pi);
	if (sb->s_type == &sysfs_type && S_ISREG(inode->mode))
		inode->mapping.i_size = PAGE_SIZE; /* as Linux's have */
	inode->uid = 0;
	inode->gid = 0;
	set_operations(inode, pi->entry);
	refresh(inode);
	return inode;
}

static void proc_evict(struct inode *inode)
{
	struct proc_inode *pi = proc_of(inode);

	if (!pi)
		return;
	put_proc_inode(pi);
	kmem_cache_free(caches.inode, pi);
}

static bool proc_valid(struct inode *inode)
{
	return !task_gone(proc_of(inode));
}

/* ---- directories ---- */

/* A number as the kernel writes it: no sign, no leading zero; or -1. */
static s64 parse_number(const char *name, size_t len)
{
	s64 n = 0;

	if (!len || len > 9 || (name[0] == '0' && len > 1))
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return -1;
		n = n * 10 + (name[i] - '0');
	}
	return n;
}

static const struct proc_entry *find_child(const struct proc_entry *dir,
					   const char *name, size_t len)
{
	const struct proc_entry *e = dir->children;

	for (; e && e->name; e++)
		if (strlen(e->name) == len && !memcmp(e->name, name, len))
			return e;
	return NULL;
}

static int find_row(const struct proc_inode *dir, const char *name, size_t len,
		    struct proc_inode *pi)
{
	const char *row;

	for (u64 i = 0; (row = row_at(dir, i, pi)); i++)
		if (strlen(row) == len && !memcmp(row, name, len))
			return 0;
	return -ENOENT;
}

static bool may_list(const struct proc_inode *dir)
{
	const struct proc_entry *member = dir->entry->dynamic->entry;

	return !dir->task || !member || !member->sensitive ||
	       proc_may_access(dir->task);
}

static int find_member(const struct proc_inode *dir, const char *name,
		       size_t len, struct proc_inode *pi)
{
	const struct proc_dynamic *dyn = dir->entry->dynamic;
	size_t skip = dyn->prefix ? strlen(dyn->prefix) : 0;
	s64 nr;

	*pi = (struct proc_inode){.entry = dyn->entry, .object = dir->object};
	if (dyn->find_name)
		return dyn->find_name(dir, name, len, pi);
	if (len < skip || memcmp(name, dyn->prefix, skip))
		return -ENOENT;
	nr = parse_number(name + skip, len - skip);
	if (nr < 0)
		return -ENOENT;
	return may_list(dir) ? dyn->find(dir, (u32)nr, pi) : -EACCES;
}

static struct inode *proc_lookup(struct inode *dir, const char *name,
				 size_t len)
{
	const struct proc_inode *d = proc_of(dir);
	struct proc_inode pi = {.fd = d->fd, .object = d->object};
	int err;

	if (task_gone(d))
		return ERR_PTR(-ENOENT);
	pi.entry = find_child(d->entry, name, len);
	if (pi.entry) {
		pi.task = d->task;
		if (pi.task)
			get_task_struct(pi.task);
		return proc_new_inode(dir->sb, &pi);
	}
	err = find_row(d, name, len, &pi);
	if (err == -ENOENT && d->entry->dynamic)
		err = find_member(d, name, len, &pi);
	return err ? ERR_PTR(err) : proc_new_inode(dir->sb, &pi);
}

typedef int (*fill_fn)(void *ctx, const char *name, size_t len, u64 ino,
		       unsigned int type, u64 next_pos);

/* Positions: 0 ".", 1 "..", then children, rows, and from this on a family. */
#define POS_FAMILY 1024U

static s64 next_member(const struct proc_inode *dir, u32 nr, char *name,
		       size_t size, struct proc_inode *pi)
{
	const struct proc_dynamic *dyn = dir->entry->dynamic;
	s64 found;

	*pi = (struct proc_inode){.entry = dyn->entry, .object = dir->object};
	if (dyn->next_name)
		return dyn->next_name(dir, nr, name, size, pi);
	found = dyn->next(dir, nr);
	if (found >= 0)
		scnprintf(name, size, "%s%lld", dyn->prefix ? dyn->prefix : "",
			  (long long)found);
	return found;
}

/* What its inode will have. */
static u64 member_ino(const struct proc_inode *dir, struct proc_inode *pi,
		      u32 nr)
{
	bool is_task = S_ISDIR(pi->entry->mode) &&
		       (dir->task || dir->entry->dynamic == &proc_processes);

	if (is_task)
		return (u64)nr << 40 | ((uintptr_t)pi->entry & 0xfffff);
	pi->task = dir->task;
	pi->fd = nr;
	return proc_ino(pi);
}

static int iterate_family(struct inode *dir, u64 *pos, fill_fn fill, void *ctx)
{
	const struct proc_inode *d = proc_of(dir);
	struct proc_inode pi;
	char name[64];
	s64 nr;

	if (!may_list(d))
		return -EACCES;
	while ((nr = next_member(d, (u32)(*pos - POS_FAMILY), name,
				 sizeof(name), &pi)) >= 0) {
		u64 next = POS_FAMILY + (u64)nr + 1;

		if (fill(ctx, name, strlen(name), member_ino(d, &pi, (u32)nr),
			 pi.entry->mode >> 12, next))
			return 0;
		*pos = next;
	}
	return 0;
}

/* The entry at this place of the directory, from 0; its name, or NULL. */
static const char *fixed_at(const struct proc_inode *d, u64 at,
			    struct proc_inode *pi)
{
	const struct proc_entry *e = d->entry->children;

	*pi = (struct proc_inode){
		.task = d->task, .fd = d->fd, .object = d->object};
	for (; e && e->name; e++, at--) {
		if (at)
			continue;
		pi->entry = e;
		return e->name;
	}
	return row_at(d, at, pi);
}

static int proc_iterate(struct file *file, u64 *pos, fill_fn fill, void *ctx)
{
	struct inode *dir = file->f_inode;
	const struct proc_inode *d = proc_of(dir);
	struct proc_inode pi;
	const char *name;

	if (task_gone(d))
		return -ENOENT;
	if (*pos == 0 && !fill(ctx, ".", 1, dir->ino, DT_DIR, 1))
		*pos = 1;
	if (*pos == 1 &&
	    !fill(ctx, "..", 2, file->f_dentry->d_parent->d_inode->ino, DT_DIR,
		  2))
		*pos = 2;
	if (*pos < 2)
		return 0;
	while (*pos < POS_FAMILY && (name = fixed_at(d, *pos - 2, &pi))) {
		if (fill(ctx, name, strlen(name), proc_ino(&pi),
			 pi.entry->mode >> 12, *pos + 1))
			return 0;
		(*pos)++;
	}
	if (!d->entry->dynamic)
		return 0;
	*pos = max(*pos, (u64)POS_FAMILY);
	return iterate_family(dir, pos, fill, ctx);
}

/* ---- symlinks ---- */

static int may_follow(const struct proc_inode *pi)
{
	if (task_gone(pi))
		return -ENOENT;
	return pi->entry->sensitive && !proc_may_access(pi->task) ? -EACCES : 0;
}

static struct dentry *proc_jump(struct inode *inode)
{
	const struct proc_inode *pi = proc_of(inode);
	int err = may_follow(pi);

	return err ? ERR_PTR(err) : pi->entry->jump(pi);
}

static mm_ssize_t proc_readlink(struct inode *inode, char *buf, size_t size)
{
	const struct proc_inode *pi = proc_of(inode);
	int err = may_follow(pi);

	return err ? err : pi->entry->link(pi, buf, size);
}

/* ---- files ---- */

static int generate(const struct proc_inode *pi, struct seq_buf *s)
{
	if (pi->entry->text) {
		pi->entry->text(s);
		return 0;
	}
	return pi->entry->show(s, pi);
}

static int make_text(const struct proc_inode *pi, struct proc_text *t)
{
	size_t size = PAGE_SIZE;

	kvfree(t->buf);
	t->buf = NULL;
	t->len = 0;
	for (; size <= PROC_TEXT_MAX; size *= 2) {
		struct seq_buf s;
		char *buf = kvmalloc(size, GFP_KERNEL);
		int err;

		if (!buf)
			return -ENOMEM;
		seq_buf_init(&s, buf, size);
		err = generate(pi, &s);
		if (!err && !s.overflow) {
			t->buf = buf;
			t->len = s.len;
			return 0;
		}
		kvfree(buf);
		if (err)
			return err;
	}
	return -ENOMEM;
}

int proc_may_open(struct inode *inode, struct file *file)
{
	const struct proc_inode *pi = proc_of(inode);

	if (task_gone(pi))
		return -ESRCH;
	if (pi->entry->sensitive && !proc_may_access(pi->task))
		return -EACCES;
	return may_open(inode, file);
}

static int proc_open(struct inode *inode, struct file *file)
{
	int err = proc_may_open(inode, file);

	if (err)
		return err;
	file->private_data = kmem_cache_zalloc(caches.text, GFP_KERNEL);
	return file->private_data ? 0 : -ENOMEM;
}

static void proc_release(struct file *file)
{
	struct proc_text *t = file->private_data;

	kvfree(t->buf);
	kmem_cache_free(caches.text, t);
}

static mm_ssize_t proc_read(struct file *file, struct iov_iter *to, u64 *pos)
{
	const struct proc_inode *pi = proc_of(file->f_inode);
	struct proc_text *t = file->private_data;
	mm_ssize_t ret = 0;
	size_t n;

	mutex_lock(&file->f_inode->i_lock);
	if (*pos == 0 || !t->buf)
		ret = task_gone(pi) ? -ESRCH : make_text(pi, t);
	if (!ret && *pos < t->len) {
		n = min(t->len - (size_t)*pos, to->count);
		ret = (mm_ssize_t)copy_to_iter(to, t->buf + *pos, n);
		if (!ret && n)
			ret = -EFAULT;
	}
	mutex_unlock(&file->f_inode->i_lock);
	if (ret > 0)
		*pos += (u64)ret;
	return ret;
}

static mm_ssize_t store_text(const struct proc_inode *pi, struct iov_iter *from,
			     size_t n)
{
	char *text = kmalloc(n + 1, GFP_KERNEL);
	mm_ssize_t ret = -EFAULT;

	if (!text)
		return -ENOMEM;
	if (copy_from_iter(from, text, n) == n) {
		text[n] = '\0';
		ret = pi->entry->store(pi, text, n);
	}
	kfree(text);
	return ret;
}

static mm_ssize_t proc_write(struct file *file, struct iov_iter *from, u64 *pos)
{
	const struct proc_inode *pi = proc_of(file->f_inode);
	size_t n = from->count;
	mm_ssize_t ret;

	if (!pi->entry->store)
		return -EIO;
	if (!n && pi->row)
		return 0;
	if (!n || n >= PAGE_SIZE)
		return -EINVAL;
	if (task_gone(pi))
		return -ESRCH;
	if (pi->entry == &knob_entry && *pos)
		ret = (mm_ssize_t)n;
	else
		ret = store_text(pi, from, n);
	if (ret > 0)
		*pos += (u64)ret;
	return ret;
}

/* Opening with O_TRUNC, as shells do, means nothing here. */
static int proc_truncate(struct inode *inode, u64 size)
{
	(void)inode;
	(void)size;
	return 0;
}

static const struct inode_operations proc_dir_iops = {
	.lookup = proc_lookup,
	.getattr = refresh,
	.valid = proc_valid,
};

static const struct inode_operations proc_link_iops = {
	.readlink = proc_readlink,
	.getattr = refresh,
	.valid = proc_valid,
};

static const struct inode_operations proc_jump_iops = {
	.jump = proc_jump,
	.getattr = refresh,
	.valid = proc_valid,
};

static const struct inode_operations proc_file_iops = {
	.getattr = refresh,
	.valid = proc_valid,
	.truncate = proc_truncate,
};

static const struct file_operations proc_dir_fops = {
	.iterate = proc_iterate,
};

static const struct file_operations proc_file_fops = {
	.open = proc_open,
	.release = proc_release,
	.read = proc_read,
	.write = proc_write,
};

/* ---- the two file systems ---- */

static int fill_from(struct super_block *sb, const char *options,
		     const struct proc_entry *root)
{
	const struct proc_inode pi = {.entry = root};
	struct inode *inode;

	if (options && *options)
		return -EINVAL;
	inode = proc_new_inode(sb, &pi);
	if (IS_ERR(inode))
		return (int)PTR_ERR(inode);
	inode->ino = 1;
	sb->s_root = d_make_root(sb, inode);
	return sb->s_root ? 0 : -ENOMEM;
}

static int proc_fill(struct super_block *sb, const char *options)
{
	static const struct proc_entry root = {
		.name = "proc",
		.mode = S_IFDIR | 0555,
		.children = proc_root_entries,
		.dynamic = &proc_processes,
	};

	return fill_from(sb, options, &root);
}

static int sysfs_fill(struct super_block *sb, const char *options)
{
	static const struct proc_entry root = {
		.name = "sysfs",
		.mode = S_IFDIR | 0555,
		.children = sysfs_root_entries,
	};

	return fill_from(sb, options, &root);
}

const struct file_system_type proc_type = {
	.name = "proc",
	.nodev = true,
	.magic = PROC_SUPER_MAGIC,
	.fill_super = proc_fill,
	.evict_inode = proc_evict,
};

const struct file_system_type sysfs_type = {
	.name = "sysfs",
	.nodev = true,
	.magic = SYSFS_MAGIC,
	.fill_super = sysfs_fill,
	.evict_inode = proc_evict,
};
