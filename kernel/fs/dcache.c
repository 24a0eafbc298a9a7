/* SPDX-License-Identifier: MIT */
/*
 * dcache.c - the tree of names: dentries, found by parent and name.
 *
 * 1. Idea.  One hash table finds (parent, name); each directory also lists its
 *    children in the order they were made, each with a cookie that only grows,
 *    which is the position that getdents hands out.  A position stays valid
 *    whatever is removed or added around it.
 *
 * 2. Invariants.
 *    D1  a hashed dentry has an inode and d_count >= 1
 *    D2  in a pinned file system being hashed is itself worth one reference;
 *	  elsewhere the last dput unhashes
 *    D3  a dentry references its parent; a root's parent is itself
 *    D4  cookies grow along d_subdirs
 *    D5  nothing is linked below a dentry that is not hashed
 *
 * 3. Locking.  dcache_lock guards the hash, the lists, names, parents, mounts
 *    and links counts of inodes.  A path walk holds it over all components
 *    that are cached, and so takes no reference on the way.  The step of
 *    d_count from 1 to 0 happens under it only, so whatever is found under it
 *    may be referenced.
 */
#include "kernel/fs/internal.h"

/* A few thousand names: chains of a few. 8 KiB. */
#define DCACHE_BUCKETS 1024

spinlock_t dcache_lock = SPINLOCK_INIT(LOCK_RANK_FS);

static struct {
	struct kmem_cache *cache;
	struct dentry *hash[DCACHE_BUCKETS];
} dcache;

void dcache_init(void)
{
	dcache.cache = kmem_cache_create(
		"dentry", sizeof(struct dentry), 8,
		SLAB_PANIC | SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT, NULL);
}

/* FNV-1a, 32 bits. */
u32 name_hash(const char *name, size_t len)
{
	u32 h = 2166136261U;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (u8)name[i]) * 16777619U;
	return h;
}

static struct dentry **bucket(const struct dentry *parent, u32 hash)
{
	u64 h = (u64)(uintptr_t)parent * 0x9e3779b97f4a7c15UL;

	return &dcache.hash[(hash ^ (u32)(h >> 32)) % DCACHE_BUCKETS];
}

static void hash_insert(struct dentry *d)
{
	struct dentry **b = bucket(d->d_parent, d->d_hash);

	d->d_hash_next = *b;
	d->d_hash_prev = b;
	if (*b)
		(*b)->d_hash_prev = &d->d_hash_next;
	*b = d;
}

static void hash_remove(struct dentry *d)
{
	*d->d_hash_prev = d->d_hash_next;
	if (d->d_hash_next)
		d->d_hash_next->d_hash_prev = d->d_hash_prev;
	d->d_hash_next = NULL;
	d->d_hash_prev = NULL;
}

struct dentry *d_alloc(struct super_block *sb, struct dentry *parent,
		       const char *name, size_t len)
{
	struct dentry *d = kmem_cache_zalloc(dcache.cache, GFP_KERNEL);

	if (!d)
		return NULL;
	d->d_name = d->d_iname;
	if (len > DENTRY_INLINE_LEN) {
		d->d_name = kmalloc(len + 1, GFP_KERNEL);
		if (!d->d_name) {
			kmem_cache_free(dcache.cache, d);
			return NULL;
		}
	}
	memcpy(d->d_name, name, len);
	d->d_name[len] = '\0';
	d->d_len = (u16)len;
	d->d_hash = name_hash(name, len);
	d->d_count = 1;
	d->d_sb = sb;
	d->d_parent = parent ? dget(parent) : d;
	INIT_LIST_HEAD(&d->d_child);
	INIT_LIST_HEAD(&d->d_subdirs);
	return d;
}

struct dentry *d_alloc_anon(struct inode *inode, const char *name)
{
	struct dentry *d = d_alloc(inode->sb, NULL, name, strlen(name));

	if (d)
		d->d_inode = inode;
	return d;
}

static void d_free(struct dentry *d)
{
	if (d->d_name != d->d_iname)
		kfree(d->d_name);
	kmem_cache_free(dcache.cache, d);
}

void dput(struct dentry *d)
{
	while (d) {
		struct dentry *parent;
		u32 c = READ_ONCE(d->d_count);

		while (c > 1)
			if (__atomic_compare_exchange_n(&d->d_count, &c, c - 1,
							true, __ATOMIC_RELEASE,
							__ATOMIC_RELAXED))
				return;
		spin_lock(&dcache_lock);
		if (__atomic_sub_fetch(&d->d_count, 1, __ATOMIC_ACQ_REL)) {
			spin_unlock(&dcache_lock);
			return;
		}
		if (d->d_hashed && !d_is_root(d))
			d_unlink_locked(d);
		parent = d_is_root(d) ? NULL : d->d_parent;
		spin_unlock(&dcache_lock);
		if (d->d_inode)
			iput(d->d_inode);
		d_free(d);
		d = parent;
	}
}

struct dentry *d_lookup_locked(const struct dentry *parent, const char *name,
			       size_t len, u32 hash)
{
	struct dentry *d = *bucket(parent, hash);

	for (; d; d = d->d_hash_next)
		if (d->d_hash == hash && d->d_parent == parent &&
		    d->d_len == len && !memcmp(d->d_name, name, len))
			return d;
	return NULL;
}

static void link_child(struct dentry *d)
{
	struct dentry *dir = d->d_parent;

	d->d_cookie = dir->d_inode->i_next_cookie++;
	list_add_tail(&d->d_child, &dir->d_subdirs);
	hash_insert(d);
}

int d_link_locked(struct dentry *d)
{
	lockdep_assert_held(&dcache_lock);
	VM_BUG_ON(!d->d_inode || d->d_hashed);
	if (!d->d_parent->d_hashed)
		return -ENOENT;
	link_child(d);
	d->d_hashed = true;
	if (d->d_sb->s_pinned)
		dget(d);
	return 0;
}

void d_unlink_locked(struct dentry *d)
{
	lockdep_assert_held(&dcache_lock);
	VM_BUG_ON(!d->d_hashed);
	hash_remove(d);
	list_del_init(&d->d_child);
	d->d_hashed = false;
}

/*
 * Names move with their buffers: an inline name is copied, a long one changes
 * hands.
 */
static void swap_names(struct dentry *a, struct dentry *b)
{
	char inl[sizeof(a->d_iname)];
	char *name_a = a->d_name, *name_b = b->d_name;
	u16 len = a->d_len;
	u32 hash = a->d_hash;

	memcpy(inl, a->d_iname, sizeof(inl));
	memcpy(a->d_iname, b->d_iname, sizeof(inl));
	memcpy(b->d_iname, inl, sizeof(inl));
	a->d_name = name_b == b->d_iname ? a->d_iname : name_b;
	b->d_name = name_a == a->d_iname ? b->d_iname : name_a;
	a->d_len = b->d_len;
	b->d_len = len;
	a->d_hash = b->d_hash;
	b->d_hash = hash;
}

static void swap_places(struct dentry *a, struct dentry *b)
{
	struct dentry *parent = a->d_parent;

	swap_names(a, b);
	a->d_parent = b->d_parent;
	b->d_parent = parent;
}

/*
 * d takes the name and place of to, a fresh or a just unlinked dentry, which
 * gets d's old ones (and with them the reference on d's old parent).
 */
void d_move_locked(struct dentry *d, struct dentry *to)
{
	lockdep_assert_held(&dcache_lock);
	VM_BUG_ON(!d->d_hashed || to->d_hashed);
	hash_remove(d);
	list_del_init(&d->d_child);
	swap_places(d, to);
	link_child(d);
}

void d_exchange_locked(struct dentry *a, struct dentry *b)
{
	lockdep_assert_held(&dcache_lock);
	VM_BUG_ON(!a->d_hashed || !b->d_hashed);
	hash_remove(a);
	hash_remove(b);
	list_del_init(&a->d_child);
	list_del_init(&b->d_child);
	swap_places(a, b);
	link_child(a);
	link_child(b);
}

bool d_is_descendant_locked(const struct dentry *d, const struct dentry *of)
{
	for (;; d = d->d_parent) {
		if (d == of)
			return true;
		if (d_is_root(d))
			return false;
	}
}

struct dentry *follow_mounts_locked(struct dentry *d)
{
	while (unlikely(d->d_mounted))
		d = d->d_mounted->s_root;
	return d;
}

static char *prepend(char *p, const char *start, const char *text, size_t len)
{
	if (IS_ERR(p) || (size_t)(p - start) < len)
		return ERR_PTR(-ENAMETOOLONG);
	p -= len;
	memcpy(p, text, len);
	return p;
}

static char *d_path_locked(struct dentry *d, const struct dentry *root,
			   char *buf, size_t size)
{
	char *p = prepend(buf + size, buf, "", 1);
	bool any = false;

	if (d_is_root(d) && d->d_sb->s_root != d) /* pipe:[n] */
		return prepend(p, buf, d->d_name, d->d_len);
	if (!d->d_hashed)
		p = prepend(p, buf, " (deleted)", 10);
	while (d != root) {
		if (d_is_root(d)) {
			if (!d->d_sb->s_mountpoint)
				break;
			d = d->d_sb->s_mountpoint;
			continue;
		}
		p = prepend(p, buf, d->d_name, d->d_len);
		p = prepend(p, buf, "/", 1);
		any = true;
		d = d->d_parent;
	}
	return any ? p : prepend(p, buf, "/", 1);
}

char *d_path(struct dentry *d, struct dentry *root, char *buf, size_t size)
{
	char *p;

	if (!size)
		return ERR_PTR(-ENAMETOOLONG);
	spin_lock(&dcache_lock);
	p = d_path_locked(d, root, buf, size);
	spin_unlock(&dcache_lock);
	return p;
}
