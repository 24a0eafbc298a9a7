/* SPDX-License-Identifier: MIT */
/*
 * slab_attrs_test.c - the files of /sys/kernel/slab/CACHE/ tell the truth.
 */
#include "slab_attrs.c"

#include <test/test.h>

#ifndef QUIRE_METAL
#include "port/soft/soft.h"
#endif

static char text[4096];

static const struct mm_attr *attr(const char *name)
{
	for (const struct mm_attr *a = kmem_cache_attrs; a->name; a++)
		if (!strcmp(a->name, name))
			return a;
	test_fail(__FILE__, __LINE__, "no file %s", name);
}

static const char *read_attr(struct kmem_cache *c, const char *name)
{
	struct seq_buf s;

	seq_buf_init(&s, text, sizeof(text) - 1);
	CHECK_EQ(attr(name)->show(&s, c), 0);
	text[s.len] = '\0';
	return text;
}

static int write_attr(struct kmem_cache *c, const char *name, const char *value)
{
	char copy[32];

	strscpy(copy, value, sizeof(copy));
	return attr(name)->store(c, copy);
}

static struct kmem_cache *make(unsigned int size, slab_flags_t flags)
{
	struct kmem_cache *c = kmem_cache_create("shown", size, 0, flags, NULL);

	CHECK(c);
	return c;
}

TEST(what_a_cache_is_can_be_read)
{
	struct kmem_cache *c =
		make(1000, SLAB_NO_MERGE | SLAB_HWCACHE_ALIGN | SLAB_CACHE_DMA);

	CHECK_STR(read_attr(c, "object_size"), "1000\n");
	CHECK_STR(read_attr(c, "slab_size"), "1024\n");
	CHECK_STR(read_attr(c, "align"), "64\n");
	CHECK_STR(read_attr(c, "order"), "0\n");
	CHECK_STR(read_attr(c, "objs_per_slab"), "4\n");
	CHECK_STR(read_attr(c, "hwcache_align"), "1\n");
	CHECK_STR(read_attr(c, "cache_dma"), "1\n");
	CHECK_STR(read_attr(c, "reclaim_account"), "0\n");
	CHECK_STR(read_attr(c, "red_zone"), "0\n");
	CHECK_STR(read_attr(c, "aliases"), "0\n");
	CHECK_STR(read_attr(c, "cpu_partial"), "8\n");
	CHECK_STR(read_attr(c, "ctor"), "");
	kmem_cache_destroy(c);
	c = make(64, SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER |
			     SLAB_CONSISTENCY_CHECKS | SLAB_RECLAIM_ACCOUNT);
	CHECK_STR(read_attr(c, "red_zone"), "1\n");
	CHECK_STR(read_attr(c, "poison"), "1\n");
	CHECK_STR(read_attr(c, "store_user"), "1\n");
	CHECK_STR(read_attr(c, "sanity_checks"), "1\n");
	CHECK_STR(read_attr(c, "reclaim_account"), "1\n");
	CHECK_STR(read_attr(c, "trace"), "0\n");
	CHECK_STR(read_attr(c, "cpu_partial"), "0\n");
	kmem_cache_destroy(c);
}

static void construct(void *obj)
{
	memset(obj, 0, 64);
}

TEST(a_constructor_is_named)
{
	struct kmem_cache *c = kmem_cache_create("shown", 64, 0, 0, construct);

	CHECK(c);
	CHECK(strlen(read_attr(c, "ctor")) > 4);
	kmem_cache_destroy(c);
}

TEST(what_a_cache_holds_is_counted_by_node)
{
	struct kmem_cache *c = make(512, SLAB_NO_MERGE);
	void *objs[20];

	CHECK_STR(read_attr(c, "objects"), "0\n");
	CHECK_STR(read_attr(c, "slabs"), "0\n");
	CHECK_EQ(kmem_cache_alloc_bulk(c, GFP_KERNEL, 20, objs), 20);
	CHECK_STR(read_attr(c, "objects"), "20 N0=20\n");
	CHECK_STR(read_attr(c, "slabs"), "3 N0=3\n");
	CHECK_STR(read_attr(c, "total_objects"), "24 N0=24\n");
	/* Three of four magazines' halves of 8 are out: all three are full. */
	CHECK_STR(read_attr(c, "partial"), "0\n");
	CHECK_STR(read_attr(c, "objects_partial"), "0\n");
	kmem_cache_free_bulk(c, 20, objs);
	CHECK_STR(read_attr(c, "objects"), "0\n");
	CHECK_EQ(write_attr(c, "shrink", "1\n"), 0);
	CHECK_STR(read_attr(c, "slabs"), "0\n");
	kmem_cache_destroy(c);
}

TEST(empty_slabs_are_kept_as_many_as_wanted)
{
	struct kmem_cache *c = make(512, SLAB_NO_MERGE);
	void *objs[200];

	/* How many by itself depends on the memory there is. */
	CHECK_NE(*read_attr(c, "min_partial"), '0');
	CHECK_EQ(write_attr(c, "min_partial", "2\n"), 0);
	CHECK_STR(read_attr(c, "min_partial"), "2\n");
	CHECK_EQ(kmem_cache_alloc_bulk(c, GFP_KERNEL, 200, objs), 200);
	kmem_cache_free_bulk(c, 200, objs);
	slab_validate();
	CHECK_EQ(write_attr(c, "min_partial", "0"), 0);
	CHECK_STR(read_attr(c, "min_partial"), "0\n");
	slab_validate();
	CHECK_EQ(write_attr(c, "min_partial", "many"), -EINVAL);
	CHECK_EQ(write_attr(c, "min_partial", "99999999999"), -ERANGE);
	CHECK_STR(read_attr(c, "min_partial"), "0\n");
	kmem_cache_destroy(c);
}

TEST(shrinking_and_validating_take_a_one_and_nothing_else)
{
	struct kmem_cache *c = make(512, SLAB_NO_MERGE);

	CHECK_EQ(write_attr(c, "shrink", "0"), -EINVAL);
	CHECK_EQ(write_attr(c, "validate", "2"), -EINVAL);
	CHECK_EQ(write_attr(c, "validate", "1\n"), 0);
	CHECK_STR(read_attr(c, "shrink"), "");
	CHECK_STR(read_attr(c, "validate"), "");
	kmem_cache_destroy(c);
}

TEST(callers_are_named_where_they_are_stored)
{
	struct kmem_cache *c = make(64, SLAB_STORE_USER);
	struct kmem_cache *plain = make(64, SLAB_NO_MERGE);
	void *objs[5];
	struct seq_buf s;

	CHECK_STR(read_attr(c, "alloc_calls"), "No data\n");
	CHECK_EQ(kmem_cache_alloc_bulk(c, GFP_KERNEL, 5, objs), 5);
	CHECK_EQ(strncmp(read_attr(c, "alloc_calls"), "      5 ", 8), 0);
	CHECK(strchr(text, '\n') == text + strlen(text) - 1);
	CHECK_STR(strchr(text, '\n') - 8, " nodes=0\n");
	CHECK_STR(read_attr(c, "free_calls"), "No data\n");
	kmem_cache_free_bulk(c, 5, objs);
	seq_buf_init(&s, text, sizeof(text));
	CHECK_EQ(attr("alloc_calls")->show(&s, plain), -ENOSYS);
	EACH_FAILURE(n) {
		int err;

		seq_buf_init(&s, text, sizeof(text));
		err = attr("alloc_calls")->show(&s, c);
		CHECK_EQ(err, failure_was_injected() ? -ENOMEM : 0);
		kmem_cache_shrink_all();
	}
	kmem_cache_destroy(plain);
	kmem_cache_destroy(c);
}

TEST(masks_are_lists)
{
	struct seq_buf s;

	seq_buf_init(&s, text, sizeof(text) - 1);
	show_mask(&s, " cpus=", 0x8f);
	show_mask(&s, " nodes=", 1ULL << 63 | 1ULL << 62 | 1);
	text[s.len] = '\0';
	CHECK_STR(text, " cpus=0-3,7 nodes=0,62-63");
}
