/* SPDX-License-Identifier: MIT */
/*
 * slab_params_test.c - what the command line says, and which cache it reaches.
 */
#include "slab_params.c"

#include <test/test.h>

#ifndef QUIRE_METAL
#include "port/soft/soft.h"
#endif

#define F SLAB_CONSISTENCY_CHECKS
#define Z SLAB_RED_ZONE
#define P SLAB_POISON
#define U SLAB_STORE_USER
#define T SLAB_TRACE

/* What the machine was started with comes back after each test. */
static struct slab_params saved;

static void begin(void)
{
	saved = slab_params;
	slab_params = (struct slab_params){.max_order = SLAB_DEFAULT_MAX_ORDER};
}

static void end(void)
{
	slab_params = saved;
}

TEST(slab_debug_reaches_the_caches_that_its_blocks_name)
{
	static const struct {
		const char *value, *cache;
		slab_flags_t flags;
	} cases[] = {
		{"", "dentry", F | Z | P | U},
		{"FZ", "dentry", F | Z},
		{"fzput", "dentry", F | Z | P | U | T},
		{"-", "dentry", 0},
		{"FZ-", "dentry", 0},
		{"O", "dentry", 0},
		{",dentry", "dentry", F | Z | P | U},
		{",dentry", "dentry2", 0},
		{",dentry", "dentr", 0},
		{"F,,dentry,", "dentry", F},
		{"P,kmalloc-*,dentry", "kmalloc-8k", P},
		{"P,kmalloc-*,dentry", "dentry", P},
		{"P,kmalloc-*,dentry", "dma-kmalloc-8k", 0},
		{"Z,dentry;U,kmalloc-*", "dentry", Z},
		{"Z,dentry;U,kmalloc-*", "kmalloc-64", U},
		{"Z,dentry;U,kmalloc-*", "inode", 0},
		/* All but some. */
		{"FZ;-,zs_handle,zspage", "zspage", 0},
		{"FZ;-,zs_handle,zspage", "inode", F | Z},
		/* The last block for all, the first that names. */
		{"F;P", "inode", P},
		{"F,a*;P,ab", "ab", F},
		{"U,ab;F;P,ab", "ab", U},
		/* Nothing between the separators: FZPU. */
		{"F,a;;", "b", F | Z | P | U},
		{"F,*", "anything", F},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		begin();
		CHECK(slab_param("slab_debug", cases[i].value));
		CHECK_EQ(slab_debug_wanted(cases[i].cache), cases[i].flags);
		end();
	}
	begin();
	CHECK(slab_param("slub_debug", NULL));
	CHECK_EQ(slab_debug_wanted("any"), F | Z | P | U);
	end();
}

TEST(letters_that_mean_nothing_are_reported_and_the_rest_is_used)
{
	begin();
	test_expect_report("option 'X' is unknown");
	CHECK(slab_param("slab_debug", "FXZ"));
	CHECK_EQ(test_expect_end(), 1);
	CHECK_EQ(slab_debug_wanted("a"), F | Z);
	end();
}

TEST(a_slab_debug_that_is_too_long_is_cut_and_reported)
{
	static char text[sizeof(slab_params.debug) + 50];

	memset(text, 'F', sizeof(text) - 1);
	begin();
	test_expect_report("slab_debug: cut off");
	CHECK(slab_param("slab_debug", text));
	CHECK_EQ(test_expect_end(), 1);
	CHECK_EQ(slab_debug_wanted("a"), F);
	end();
}

TEST(slab_numbers_are_read_by_either_name_and_bad_ones_are_refused)
{
	begin();
	CHECK(slab_param("slab_min_order", "2"));
	CHECK(slab_param("slub_max_order", "0x5"));
	CHECK(slab_param("slab-min-objects", "40"));
	CHECK(slab_param("slub_nomerge", NULL));
	CHECK_EQ(slab_params.min_order, 2);
	CHECK_EQ(slab_params.max_order, 5);
	CHECK_EQ(slab_params.min_objects, 40);
	CHECK(slab_params.nomerge);
	CHECK(slab_param("slab_max_order", "99"));
	CHECK_EQ(slab_params.max_order, MAX_ORDER);
	test_expect_report("is no number");
	CHECK(slab_param("slab_max_order", "many"));
	CHECK(slab_param("slab_max_order", NULL));
	CHECK_EQ(test_expect_end(), 2);
	CHECK_EQ(slab_params.max_order, MAX_ORDER);
	end();
}

TEST(objects_are_cleared_at_both_ends_on_request)
{
	struct kmem_cache *on_free, *on_alloc, *spared;
	u8 *obj;

	begin();
	test_expect_report("neither on nor off");
	CHECK(slab_param("init_on_free", "perhaps"));
	CHECK(slab_param("init_on_alloc", NULL));
	CHECK_EQ(test_expect_end(), 2);
	CHECK(!slab_params.init_on_free && !slab_params.init_on_alloc);
	CHECK(slab_param("init_on_free", "1"));
	on_free = kmem_cache_create("a", 100, 0, SLAB_NO_MERGE, NULL);
	CHECK(slab_param("init_on_free", "off"));
	CHECK(slab_param("init_on_alloc", "on"));
	on_alloc = kmem_cache_create("b", 100, 0, SLAB_NO_MERGE, NULL);
	spared = kmem_cache_create("c", 100, 0, SLAB_POISON, NULL);
	CHECK(on_free && on_alloc && spared);

	obj = kmem_cache_alloc(on_free, GFP_KERNEL);
	memset(obj, 0xff, 100);
	kmem_cache_free(on_free, obj);
	for (int i = sizeof(long); i < 100; i++)
		CHECK_EQ(obj[i], 0);
	for (int round = 0; round < 40; round++) {
		obj = kmem_cache_alloc(on_alloc, GFP_KERNEL);
		for (int i = 0; i < 100; i++)
			CHECK_EQ(obj[i], 0);
		memset(obj, 0xff, 100);
		kmem_cache_free(on_alloc, obj);
	}
	obj = kmem_cache_alloc(spared, GFP_KERNEL);
	CHECK_EQ(obj[5], 0x5a);
	kmem_cache_free(spared, obj);
	kmem_cache_destroy(on_free);
	kmem_cache_destroy(on_alloc);
	kmem_cache_destroy(spared);
	end();
}

TEST(words_of_others_are_left_to_them)
{
	static const char *const words[] = {
		"quiet",      "s",	     "sl",    "slob_nomerge",
		"slabXdebug", "slab_debugs", "slab_", "slap_nomerge",
		"slub",
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(words); i++)
		CHECK(!slab_param(words[i], "1"));
}

static struct kmem_cache *make(const char *name, unsigned int size)
{
	struct kmem_cache *s = kmem_cache_create(name, size, 0, 0, NULL);

	CHECK(s);
	return s;
}

TEST(a_cache_is_debugged_that_the_command_line_names)
{
	struct kmem_cache *watched, *other;
	void *obj;

	begin();
	slab_param("slab_debug", "FZPU,watch*");
	watched = make("watched", 1184);
	other = make("other", 1184);
	CHECK(watched != other);
	CHECK_EQ(watched->flags & SLAB_DEBUG_FLAGS, F | Z | P | U);
	CHECK_EQ(other->flags & SLAB_DEBUG_FLAGS, 0);
	obj = kmem_cache_alloc(watched, GFP_KERNEL);
	CHECK(obj);
	kmem_cache_free(watched, obj);
	kmem_cache_destroy(watched);
	kmem_cache_destroy(other);
	end();
}

TEST(caches_whose_slabs_would_grow_are_spared_on_request)
{
	struct kmem_cache *large, *small;

	begin();
	slab_param("slab_debug", "FZPUO");
	large = make("large", PAGE_SIZE);
	small = make("small", 100);
	CHECK_EQ(large->flags & SLAB_DEBUG_FLAGS, F);
	CHECK_EQ(large->min_order, 0);
	CHECK_EQ(small->flags & SLAB_DEBUG_FLAGS, F | Z | P | U);
	kmem_cache_destroy(large);
	kmem_cache_destroy(small);
	end();
}

TEST(slabs_have_the_order_that_the_command_line_asks_for)
{
	struct kmem_cache *s;

	begin();
	slab_param("slab_nomerge", NULL);
	slab_param("slab_min_order", "2");
	s = make("ordered", 64);
	CHECK_EQ(s->order, 2);
	CHECK_EQ(s->min_order, 0);
	kmem_cache_destroy(s);
	end();

	begin();
	slab_param("slab_nomerge", NULL);
	slab_param("slab_min_objects", "60");
	s = make("ordered", 256);
	CHECK_EQ(s->order, 2); /* 16, 32, 64 */
	kmem_cache_destroy(s);
	s = make("ordered", 4096); /* as far as the largest order goes */
	CHECK_EQ(s->order, SLAB_DEFAULT_MAX_ORDER);
	kmem_cache_destroy(s);
	slab_param("slab_max_order", "0");
	s = make("ordered", 256);
	CHECK_EQ(s->order, 0);
	kmem_cache_destroy(s);
	end();
}

TEST(nothing_is_shared_with_slab_nomerge)
{
	struct kmem_cache *a, *b;

	begin();
	slab_param("slab_nomerge", NULL);
	a = make("a", 1192);
	b = make("b", 1192);
	CHECK(a != b);
	kmem_cache_destroy(a);
	kmem_cache_destroy(b);
	end();
}

TEST(traced_caches_tell_of_each_call)
{
	struct kmem_cache *s;
	void *obj;

	begin();
	slab_param("slab_debug", "T,traced");
	s = make("traced", 100);
	test_expect_report("TRACE traced ");
	obj = kmem_cache_alloc(s, GFP_KERNEL);
	kmem_cache_free(s, obj);
	CHECK_EQ(test_expect_end(), 2);
	kmem_cache_destroy(s);
	end();
}

#ifndef QUIRE_METAL
static const struct soft_layout all_debugged = {
	.cmdline = "quiet slab_debug=FZPU slab_nomerge panic=1",
};

TEST_MACHINE(a_machine_with_every_cache_debugged_works, &all_debugged)
{
	void *blocks[14];

	CHECK_EQ(kmalloc_caches[0][6]->flags & SLAB_DEBUG_FLAGS, F | Z | P | U);
	CHECK(slab_params.nomerge);
	for (unsigned int i = 0; i < ARRAY_SIZE(blocks); i++) {
		blocks[i] = kmalloc(1UL << i, GFP_KERNEL);
		CHECK(blocks[i]);
		memset(blocks[i], 1, 1UL << i);
		CHECK(IS_ALIGNED((uintptr_t)blocks[i],
				 i < 3 ? 8 : min(1UL << i, PAGE_SIZE)));
	}
	slab_validate();
	for (unsigned int i = 0; i < ARRAY_SIZE(blocks); i++)
		kfree(blocks[i]);
	test_expect_report("BUG kmalloc-64: red zone overwritten");
	blocks[0] = kmalloc(64, GFP_KERNEL);
	((u8 *)blocks[0])[64] = 0;
	kfree(blocks[0]);
	CHECK_EQ(test_expect_end(), 1);
	/* The object stays out, and all goes on. */
	blocks[1] = kmalloc(64, GFP_KERNEL);
	CHECK(blocks[1] && blocks[1] != blocks[0]);
	kfree(blocks[1]);
	((u8 *)blocks[0])[64] = 0xcc; /* undo, for the leak check */
	kmalloc_caches[0][6]->nr_contained--;
	kfree(blocks[0]);
}
#endif
