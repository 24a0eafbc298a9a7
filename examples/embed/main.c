/* SPDX-License-Identifier: MIT */
/*
 * main.c - a key-value store that lives on Linux's memory calls.
 *
 * Reads "KEY VALUE" lines and prints them sorted, with what they cost:
 * entries come from a slab cache, texts from kmalloc, the table of buckets
 * from kcalloc, the array that is sorted from vmalloc, the read buffer is a
 * page.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <quire/gfp.h>
#include <quire/show.h>
#include <quire/slab.h>
#include <quire/vmalloc.h>

#include <arch.h>

#include "port.h"

#define NR_BUCKETS 256

struct entry {
	struct entry *next;
	char *key;
	char *value;
};

struct store {
	struct kmem_cache *entries;
	struct entry **buckets;
	size_t nr;
};

static unsigned int hash(const char *s)
{
	unsigned int h = 5381;

	while (*s)
		h = h * 33 + (unsigned char)*s++;
	return h % NR_BUCKETS;
}

static int store_init(struct store *st)
{
	st->nr = 0;
	st->entries = KMEM_CACHE(entry, SLAB_HWCACHE_ALIGN);
	st->buckets = kcalloc(NR_BUCKETS, sizeof(*st->buckets), GFP_KERNEL);
	return st->entries && st->buckets ? 0 : -1;
}

static int store_set(struct store *st, const char *key, const char *value)
{
	struct entry **bucket = &st->buckets[hash(key)];
	struct entry *e;
	char *copy = kstrdup(value, GFP_KERNEL);

	if (!copy)
		return -1;
	for (e = *bucket; e; e = e->next)
		if (strcmp(e->key, key) == 0) {
			kfree(e->value);
			e->value = copy;
			return 0;
		}
	e = kmem_cache_zalloc(st->entries, GFP_KERNEL);
	if (e)
		e->key = kstrdup(key, GFP_KERNEL);
	if (!e || !e->key) {
		if (e)
			kmem_cache_free(st->entries, e);
		kfree(copy);
		return -1;
	}
	e->value = copy;
	e->next = *bucket;
	*bucket = e;
	st->nr++;
	return 0;
}

static int by_key(const void *a, const void *b)
{
	const struct entry *const *x = a, *const *y = b;

	return strcmp((*x)->key, (*y)->key);
}

static int store_print(const struct store *st)
{
	struct entry **all = vmalloc((st->nr + 1) * sizeof(*all));
	size_t n = 0;

	if (!all)
		return -1;
	for (unsigned int i = 0; i < NR_BUCKETS; i++)
		for (struct entry *e = st->buckets[i]; e; e = e->next)
			all[n++] = e;
	qsort(all, n, sizeof(*all), by_key);
	for (size_t i = 0; i < n; i++)
		printf("%s = %s\n", all[i]->key, all[i]->value);
	vfree(all);
	return 0;
}

static void store_destroy(struct store *st)
{
	for (unsigned int i = 0; st->buckets && i < NR_BUCKETS; i++)
		while (st->buckets[i]) {
			struct entry *e = st->buckets[i];

			st->buckets[i] = e->next;
			kfree(e->key);
			kfree(e->value);
			kmem_cache_free(st->entries, e);
		}
	kfree(st->buckets);
	if (st->entries)
		kmem_cache_destroy(st->entries);
}

/* What the library can say about itself: Linux's /proc files. */
static void print_buddyinfo(void)
{
	struct seq_buf s;
	char *text = kzalloc(4096, GFP_KERNEL);

	if (!text)
		return;
	seq_buf_init(&s, text, 4096);
	show_buddyinfo(&s);
	fwrite(text, 1, s.len, stdout);
	kfree(text);
}

int main(void)
{
	struct store st;
	char *line, *value;
	int err = 0;

	if (machine_start()) {
		perror("machine");
		return 1;
	}
	line = (char *)__get_free_pages(GFP_KERNEL, 0);
	if (!line || store_init(&st)) {
		fputs("no memory\n", stderr);
		return 1;
	}
	while (!err && fgets(line, PAGE_SIZE, stdin)) {
		line[strcspn(line, "\n")] = '\0';
		value = line + strcspn(line, " ");
		if (*value)
			*value++ = '\0';
		err = store_set(&st, line, value);
	}
	if (!err)
		err = store_print(&st);
	print_buddyinfo();
	store_destroy(&st);
	free_page((unsigned long)line);
	if (err)
		fputs("no memory\n", stderr);
	return err ? 1 : 0;
}
