/* SPDX-License-Identifier: MIT */
/*
 * sysfs_slab.c - /sys/kernel/slab: a directory for each cache, and links.
 *
 * 1. A cache that others may share has a directory by its kind (":a-0000104"),
 *    and its own name and those of the ones merged with it are links there;
 *    others have a directory by their name.  The files are kmem_cache_attrs.
 * 2. An inode of a directory or link keeps its cache (kmem_cache_next()), so
 *    that files below, whose names hold on to the directory, can be read even
 *    while the cache is being destroyed.
 * 3. Positions: each cache, newest first, has NAMES_MAX places, its directory
 *    at the first and its links behind.  A cache that is made while somebody
 *    lists shifts them, and he may see a name twice.
 *
 * Source: Linux's Documentation/ABI/testing/sysfs-kernel-slab.
 */
#include "kernel/fs/internal.h"
#include "kernel/fs/proc.h"

#define NAMES_MAX 256U
#define NAME_SIZE 64U

static int link_to_id(const struct proc_inode *pi, char *buf, size_t size)
{
	char id[KMEM_CACHE_ID_SIZE];

	kmem_cache_id(pi->object, id, sizeof(id));
	return scnprintf(buf, size, "%s", id);
}

static void release_cache(const struct proc_inode *pi)
{
	kmem_cache_put(pi->object);
}

static const struct proc_entry cache_entry = {
	.mode = S_IFDIR | 0755,
	.attrs = kmem_cache_attrs,
	.release = release_cache,
};

static const struct proc_entry link_entry = {
	.mode = S_IFLNK | 0777,
	.link = link_to_id,
	.release = release_cache,
};

/* The cache's n-th name, from 0; false: no more. */
static bool cache_name(struct kmem_cache *s, unsigned int n, char *name,
		       size_t size, const struct proc_entry **entry)
{
	*entry = n ? &link_entry : &cache_entry;
	if (n)
		return n < NAMES_MAX && kmem_cache_link(s, n - 1, name, size);
	kmem_cache_id(s, name, size);
	return true;
}

static int find_cache(const struct proc_inode *dir, const char *name,
		      size_t len, struct proc_inode *pi)
{
	struct kmem_cache *s = NULL;
	char own[NAME_SIZE];
	u32 at = 0;

	(void)dir;
	while ((s = kmem_cache_next(s))) {
		for (unsigned int n = 0;
		     cache_name(s, n, own, sizeof(own), &pi->entry); n++) {
			if (strlen(own) != len || memcmp(own, name, len))
				continue;
			pi->object = s; /* with our reference */
			pi->fd = at + n;
			return 0;
		}
		at += NAMES_MAX;
	}
	return -ENOENT;
}

static s64 next_cache(const struct proc_inode *dir, u32 nr, char *name,
		      size_t size, struct proc_inode *pi)
{
	unsigned int skip = nr / NAMES_MAX, n = nr % NAMES_MAX;
	struct kmem_cache *s = NULL;
	s64 at = -1;

	(void)dir;
	for (unsigned int i = 0; (s = kmem_cache_next(s)); i++) {
		if (i < skip)
			continue;
		if (i > skip)
			n = 0;
		if (cache_name(s, n, name, size, &pi->entry)) {
			at = (s64)i * NAMES_MAX + n;
			break;
		}
	}
	kmem_cache_put(s);
	return at;
}

const struct proc_dynamic sysfs_slab_family = {
	.find_name = find_cache,
	.next_name = next_cache,
};
