/* SPDX-License-Identifier: MIT */
/*
 * kmalloc_test.c - the table, the boundaries between its sizes, the family.
 */
#include "kmalloc.c"

#include <test/test.h>

static const unsigned int cache_sizes[] = {
	8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192,
};

static unsigned int smallest_that_fits(size_t size)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(cache_sizes); i++)
		if (size <= cache_sizes[i])
			return cache_sizes[i];
	return 0;
}

TEST(every_size_gets_the_smallest_cache_that_holds_it)
{
	for (size_t size = 1; size <= KMALLOC_MAX_CACHE_SIZE; size++) {
		struct kmem_cache *s = kmalloc_slab(size, GFP_KERNEL);

		CHECK_EQ(s->object_size, smallest_that_fits(size));
		CHECK_EQ(kmalloc_index(size),
			 size <= 192 ? size_index[(size - 1) / 8]
				     : (unsigned int)fls_long(size - 1));
	}
}

TEST(the_table_is_linux_table)
{
	CHECK_EQ(ARRAY_SIZE(kmalloc_info), 27);
	CHECK(!kmalloc_info[0].name[0]);
	CHECK_STR(kmalloc_info[1].name[0], "kmalloc-96");
	CHECK_STR(kmalloc_info[2].name[0], "kmalloc-192");
	for (unsigned int i = 3; i < ARRAY_SIZE(kmalloc_info); i++)
		CHECK_EQ(kmalloc_info[i].size, 1U << i);
	CHECK_STR(kmalloc_info[10].name[KMALLOC_RECLAIM], "kmalloc-rcl-1k");
	CHECK_STR(kmalloc_info[21].name[KMALLOC_DMA], "dma-kmalloc-2M");
	CHECK_STR(kmalloc_info[26].name[0], "kmalloc-64M");
}

TEST(each_type_has_its_own_caches)
{
	CHECK_STR(kmalloc_slab(100, GFP_KERNEL)->name, "kmalloc-128");
	CHECK_STR(kmalloc_slab(100, GFP_KERNEL | __GFP_DMA)->name,
		  "dma-kmalloc-128");
	CHECK_STR(kmalloc_slab(100, GFP_KERNEL | __GFP_RECLAIMABLE)->name,
		  "kmalloc-rcl-128");
}

TEST(powers_of_two_are_aligned_to_themselves)
{
	for (unsigned int shift = 3; shift <= 16; shift++) {
		void *p[5];

		for (int i = 0; i < 5; i++) {
			size_t align = min(1UL << shift, PAGE_SIZE);

			p[i] = kmalloc(1UL << shift, GFP_KERNEL);
			CHECK(p[i]);
			CHECK(IS_ALIGNED((uintptr_t)p[i], align));
		}
		for (int i = 0; i < 5; i++)
			kfree(p[i]);
	}
}

TEST(nothing_is_a_block_of_its_own)
{
	CHECK(kmalloc(0, GFP_KERNEL) == ZERO_SIZE_PTR);
	CHECK_EQ(ksize(ZERO_SIZE_PTR), 0);
	CHECK_EQ(ksize(NULL), 0);
	kfree(ZERO_SIZE_PTR);
	kfree(NULL);
	kfree_sensitive(NULL);
	CHECK(kmemdup("", 0, GFP_KERNEL) == ZERO_SIZE_PTR);
}

TEST(large_blocks_are_frames_and_behave_alike)
{
	static const size_t sizes[] = {8193, 16384, 100000, 1UL << 20};

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		u8 *p = kmalloc(sizes[i], GFP_KERNEL);

		CHECK(p);
		CHECK(!slab_cache_of(p));
		CHECK_GE(ksize(p), sizes[i]);
		memset(p, 0xab, ksize(p));
		kfree(p);
	}
	CHECK(!kmalloc(KMALLOC_MAX_SIZE + 1, GFP_KERNEL | __GFP_NOWARN));
}

TEST(an_absurd_size_is_reported_once_and_refused)
{
	volatile size_t absurd = ~(size_t)0;

	absurd_told = 0;
	test_expect_report("WARNING: kmalloc: 18446744073709551615 bytes");
	CHECK(!kmalloc(absurd, GFP_KERNEL));
	CHECK(!kmalloc(absurd - 4095, GFP_KERNEL));
	CHECK(!kmalloc_node(absurd, GFP_KERNEL, 0));
	CHECK(!kzalloc(absurd, GFP_KERNEL));
	CHECK_EQ(test_expect_end(), 1);
	CHECK_EQ(kmalloc_size_roundup(absurd), absurd);
}

TEST(a_size_rounded_up_is_what_a_block_of_it_has)
{
	static const size_t sizes[] = {
		0,     1,     8,     9,		96,
		97,    192,   193,   8192,	8193,
		16384, 16385, 99999, 1UL << 20, KMALLOC_MAX_SIZE};

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		void *p = kmalloc(sizes[i], GFP_KERNEL);

		CHECK(p);
		CHECK_EQ(kmalloc_size_roundup(sizes[i]), ksize(p));
		kfree(p);
	}
}

TEST(what_a_zeroed_block_grows_by_is_zero)
{
	const gfp_t gfp = GFP_KERNEL | __GFP_ZERO;
	u8 *p = kmalloc(60, GFP_KERNEL | __GFP_ZERO);

	CHECK(p);
	memset(p, 0xff, 60);
	p = krealloc(p, 20, gfp); /* in its place */
	p = krealloc(p, 64, gfp); /* in its place */
	CHECK(p);
	for (int i = 0; i < 64; i++)
		CHECK_EQ(p[i], i < 20 ? 0xff : 0);
	memset(p, 0xff, 64);
	p = krealloc(p, 3000, gfp);
	CHECK(p);
	for (int i = 0; i < 3000; i++)
		CHECK_EQ(p[i], i < 64 ? 0xff : 0);
	kfree(p);
}

TEST(a_bulk_free_takes_whatever_kfree_takes)
{
	void *p[4] = {kmalloc(10, GFP_KERNEL), NULL,
		      kmalloc(100000, GFP_KERNEL), ZERO_SIZE_PTR};

	CHECK(p[0] && p[2]);
	kfree_bulk(4, p);
	test_expect_report("BUG kfree: not an allocated block");
	kfree_bulk(1, (void *[]){p[2]});
	CHECK_EQ(test_expect_end(), 1);
}

TEST(arrays_whose_size_overflows_are_refused)
{
	size_t half = ~(size_t)0 / 2 + 1;

	CHECK(!kmalloc_array(half, 2, GFP_KERNEL));
	CHECK(!kcalloc(half + 1, 2, GFP_KERNEL));
	CHECK(kmalloc_array(half, 0, GFP_KERNEL) == ZERO_SIZE_PTR);
}

TEST(cleared_blocks_are_clear)
{
	static const size_t sizes[] = {1, 100, 5000, 20000};

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		u8 *p = kmalloc(sizes[i], GFP_KERNEL);

		CHECK(p);
		memset(p, 0xff, sizes[i]);
		kfree(p);
		p = kcalloc(sizes[i], 1, GFP_KERNEL);
		CHECK(p);
		for (size_t k = 0; k < sizes[i]; k++)
			CHECK_EQ(p[k], 0);
		kfree(p);
	}
}

TEST(krealloc_keeps_contents_and_the_old_block_on_failure)
{
	char *p = krealloc(NULL, 10, GFP_KERNEL), *q;

	CHECK(p);
	memcpy(p, "123456789", 10);
	CHECK(krealloc(p, 16, GFP_KERNEL) == p);
	EACH_FAILURE(n) {
		q = krealloc(p, 5000, GFP_KERNEL);
		if (failure_was_injected()) {
			CHECK(!q);
		} else {
			CHECK(q && q != p);
			p = q;
		}
		CHECK_STR(p, "123456789");
		kmem_cache_shrink(kmalloc_slab(5000, GFP_KERNEL));
	}
	q = krealloc(p, 20000, GFP_KERNEL);
	CHECK(q);
	CHECK_STR(q, "123456789");
	CHECK(krealloc(q, 0, GFP_KERNEL) == ZERO_SIZE_PTR);
}

TEST(copies_are_equal_and_separate)
{
	char text[] = "quire", *copy = kstrdup(text, GFP_KERNEL);

	CHECK(copy && copy != text);
	CHECK_STR(copy, text);
	kfree(copy);
	copy = kstrndup(text, 3, GFP_KERNEL);
	CHECK_STR(copy, "qui");
	kfree(copy);
	copy = kmemdup(text, sizeof(text), GFP_KERNEL);
	CHECK_EQ(memcmp(copy, text, sizeof(text)), 0);
	kfree_sensitive(copy);
	CHECK(!kstrdup(NULL, GFP_KERNEL));
}

TEST(kfree_of_what_is_no_block_is_reported_and_refused)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 2);
	char *large = kmalloc(30000, GFP_KERNEL);

	CHECK(page && large);
	test_expect_report("not an allocated block");
	kfree(page_address(page));
	kfree(large + PAGE_SIZE);
	kfree((void *)0x10000);
	kfree(large);
	kfree(large);
	CHECK_EQ(test_expect_end(), 4);
	__free_pages(page, 2);
}

#define NR_BLOCKS 200

TEST(random_blocks_of_all_sizes_keep_their_contents)
{
	static struct {
		u8 *p;
		size_t size;
		u8 fill;
	} b[NR_BLOCKS];

	memset(b, 0, sizeof(b));
	for (int step = 0; step < 3000; step++) {
		unsigned int i = (unsigned int)test_random_below(NR_BLOCKS);
		size_t size =
			test_random_below(1UL << (3 + test_random_below(12)));

		for (size_t k = 0; k < b[i].size; k++)
			CHECK_EQ(b[i].p[k], b[i].fill);
		switch (test_random_below(3)) {
		case 0:
			kfree(b[i].p);
			b[i].p = NULL;
			b[i].size = 0;
			break;
		case 1:
			kfree(b[i].p);
			b[i].p = kmalloc(size, GFP_KERNEL);
			CHECK(b[i].p);
			b[i].size = size;
			break;
		default:
			b[i].p = krealloc(b[i].p, size, GFP_KERNEL);
			CHECK(b[i].p);
			for (size_t k = 0; k < min(size, b[i].size); k++)
				CHECK_EQ(b[i].p[k], b[i].fill);
			b[i].size = size;
			break;
		}
		b[i].fill = (u8)step;
		if (b[i].size)
			memset(b[i].p, b[i].fill, b[i].size);
		if (step % 100 == 0)
			slab_validate();
	}
	for (unsigned int i = 0; i < NR_BLOCKS; i++)
		kfree(b[i].p);
}

/* ---- each way to fail ---- */

TEST(every_call_can_fail_and_then_takes_nothing_away)
{
	char *old = kmalloc(50, GFP_KERNEL);

	strscpy(old, "what was there", 50);
	EACH_FAILURE(n) {
		void *large = kmalloc_large(20000, GFP_KERNEL);
		char *a = kmemdup("abc", 4, GFP_KERNEL);
		char *b = kstrdup("abc", GFP_KERNEL);
		char *c = kstrndup("abcdef", 3, GFP_KERNEL);
		void *node = kmalloc_node(100, GFP_KERNEL, 0);
		char *longer = krealloc(old, 5000, GFP_KERNEL);

		CHECK_EQ(!large + !a + !b + !c + !node + !longer,
			 failure_was_injected());
		if (longer)
			old = longer;
		CHECK_STR(old, "what was there");
		if (longer) { /* small again, for the next round */
			old = kmalloc(50, GFP_KERNEL | __GFP_NOFAIL);
			memcpy(old, longer, 50);
			kfree(longer);
		}
		kfree(large);
		kfree(a);
		kfree(b);
		kfree(c);
		kfree(node);
	}
	kfree(old);
}

TEST(large_and_empty_copies_are_blocks_like_others)
{
	static char text[10001];
	char *p;

	memset(text, 'x', sizeof(text) - 1);
	p = kmemdup(text, sizeof(text), GFP_KERNEL);
	CHECK_STR(p, text);
	kfree(p);
	p = kstrdup(text, GFP_KERNEL);
	CHECK_STR(p, text);
	kfree_sensitive(p);
	p = kstrndup(text, 9000, GFP_KERNEL);
	CHECK_EQ(strlen(p), 9000);
	kfree(p);
	p = kstrdup("", GFP_KERNEL);
	CHECK_STR(p, "");
	kfree(p);
	p = kmalloc_node(0, GFP_KERNEL, 0);
	CHECK(p == (char *)ZERO_SIZE_PTR);
}

TEST(nothing_is_copied_to_nothing)
{
	CHECK(!kstrdup(NULL, GFP_KERNEL));
	CHECK(!kstrndup(NULL, 5, GFP_KERNEL));
	CHECK(kmemdup("", 0, GFP_KERNEL) == ZERO_SIZE_PTR);
	kfree_sensitive(NULL);
	kfree_sensitive(ZERO_SIZE_PTR);
}

TEST(blocks_of_any_size_come_from_the_node_asked_for)
{
	static const size_t sizes[] = {0, 1, 100, 8192, 8193, 100000};

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		u8 *p = kmalloc_node(sizes[i], GFP_KERNEL, 0);

		CHECK(p);
		CHECK_GE(ksize(p), sizes[i]);
		if (sizes[i])
			memset(p, 1, sizes[i]);
		kfree(p);
	}
}

TEST(no_size_is_told_of_what_is_no_block)
{
	struct page *page = alloc_page(GFP_KERNEL);
	void *table = page_address(page);

	CHECK(page);
	test_expect_report("size of what is not an allocated block");
	CHECK_EQ(ksize(table), 0);
	SetPageTable(page); /* a page table is no block either */
	CHECK_EQ(ksize(table), 0);
	ClearPageTable(page);
	CHECK_EQ(test_expect_end(), 2);
	__free_page(page);
}

TEST(a_kfree_inside_a_block_is_reported_and_refused)
{
	char *p = kmalloc(64, GFP_KERNEL);

	test_expect_report("not an object's start");
	kfree(p + 8);
	CHECK_EQ(test_expect_end(), 1);
	kfree(p);
}
