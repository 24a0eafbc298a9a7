/* SPDX-License-Identifier: MIT */
/*
 * kvmalloc_test.c - memory of either kind, and from one kind to the other.
 */
#include "kvmalloc.c"

#include <test/test.h>

#include <quire/mm_types.h>

TEST(kvmalloc_gives_either_kind_and_kvfree_takes_both)
{
	u8 *small = kvmalloc(100, GFP_KERNEL);
	u8 *large = kvmalloc(KMALLOC_MAX_SIZE + 1, GFP_KERNEL);
	u8 *zero = kvzalloc(20000, GFP_KERNEL);

	CHECK(small && !is_vmalloc_addr(small));
	CHECK(large && is_vmalloc_addr(large));
	CHECK(zero);
	large[KMALLOC_MAX_SIZE] = 1;
	for (int i = 0; i < 20000; i++)
		CHECK_EQ(zero[i], 0);
	kvfree(small);
	kvfree(large);
	kvfree(zero);
	kvfree(NULL);
}

TEST(a_kvmalloc_that_may_not_sleep_is_a_kmalloc)
{
	void *p = kvmalloc(3 * PAGE_SIZE, GFP_ATOMIC);

	CHECK(p && !is_vmalloc_addr(p));
	kvfree(p);
}

TEST(a_kvmalloc_can_fail_unless_it_must_not)
{
	void *p;

	EACH_FAILURE(n) {
		p = kvmalloc(5 * PAGE_SIZE, GFP_KERNEL);
		CHECK_EQ(!p, failure_was_injected());
		kvfree(p);
	}
	failure_arm(1);
	p = kvmalloc(5 * PAGE_SIZE, GFP_KERNEL | __GFP_NOFAIL);
	failure_arm(0);
	CHECK(p);
	kvfree(p);
}

TEST(kvmalloc_arrays_do_not_overflow)
{
	u64 *p = kvmalloc_array(1000, sizeof(*p), GFP_KERNEL);
	u64 *z = kvcalloc(1000, sizeof(*z), GFP_KERNEL);

	CHECK(p && z);
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(z[i], 0);
	CHECK(!kvmalloc_array(~0UL / 8 + 2, 8, GFP_KERNEL));
	CHECK(!kvcalloc(1UL << 32, 1UL << 32, GFP_KERNEL));
	kvfree(p);
	kvfree(z);
	CHECK(kvmalloc(0, GFP_KERNEL) == ZERO_SIZE_PTR);
	kvfree(ZERO_SIZE_PTR);
	kvfree_sensitive(NULL, 0);
	kvfree_sensitive(ZERO_SIZE_PTR, 0);
}

TEST(kvmalloc_can_be_asked_for_a_node)
{
	int nid = numa_node_id();
	u8 *small = kvmalloc_node(100, GFP_KERNEL, nid);
	u8 *large = kvzalloc_node(KMALLOC_MAX_SIZE + 1, GFP_KERNEL, nid);

	CHECK(small && !is_vmalloc_addr(small));
	CHECK(large && is_vmalloc_addr(large));
	CHECK_EQ(large[KMALLOC_MAX_SIZE], 0);
	CHECK_EQ(page_to_nid(vmalloc_to_page(large + KMALLOC_MAX_SIZE)),
		 local_memory_node(nid));
	CHECK_EQ(page_to_nid(virt_to_page(small)), local_memory_node(nid));
	kvfree(small);
	kvfree(large);
}

static void check_bytes(const u8 *p, size_t from, size_t to, u8 value)
{
	for (size_t i = from; i < to; i++)
		CHECK_EQ(p[i], value);
}

/* Small, large, larger, and down again: the contents go along. */
TEST(kvrealloc_goes_from_one_kind_to_the_other)
{
	const gfp_t gfp = GFP_KERNEL | __GFP_ZERO;
	size_t large = KMALLOC_MAX_SIZE + PAGE_SIZE;
	u8 *p = kvrealloc(NULL, 100, gfp), *q;

	CHECK(p && !is_vmalloc_addr(p));
	memset(p, 5, 100);
	q = kvrealloc(p, 60, gfp);
	CHECK(q == p);
	p = kvrealloc(p, 3000, gfp);
	CHECK(p && !is_vmalloc_addr(p));
	check_bytes(p, 0, 60, 5);
	check_bytes(p, 60, 3000, 0);
	p = kvrealloc(p, large, gfp);
	CHECK(p && is_vmalloc_addr(p));
	check_bytes(p, 0, 60, 5);
	check_bytes(p, 60, large, 0);
	memset(p, 6, large);
	q = kvrealloc(p, 10, gfp);
	CHECK(q == p);
	p = kvrealloc(p, 2 * large, gfp);
	CHECK(p && is_vmalloc_addr(p));
	check_bytes(p, 0, 10, 6);
	check_bytes(p, 10, 2 * large, 0);
	CHECK(!kvrealloc(p, 0, gfp));
	p = kvrealloc(NULL, 8, gfp);
	CHECK(kvrealloc(p, 0, gfp) == ZERO_SIZE_PTR);
}

TEST(a_kvrealloc_that_fails_leaves_the_old_block)
{
	static const struct {
		size_t from, to;
		bool is_vmalloc;
	} cases[] = {
		{100, 5000, false},
		{5000, KMALLOC_MAX_SIZE + 1, false},
		{5000, 20000, true},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++)
		EACH_FAILURE(n) {
			u8 *p, *q;

			failure_pause();
			p = cases[i].is_vmalloc
				    ? vmalloc(cases[i].from)
				    : kvmalloc(cases[i].from, GFP_KERNEL);
			CHECK(p);
			memset(p, 9, cases[i].from);
			failure_resume();
			q = kvrealloc(p, cases[i].to, GFP_KERNEL);
			CHECK_EQ(!q, failure_was_injected());
			CHECK(!q || q != p);
			check_bytes(q ? q : p, 0, cases[i].from, 9);
			kvfree(q ? q : p);
		}
}

/* The frame is looked at where it lies, after it was freed. */
TEST_SOFT(sensitive_memory_is_cleared_before_it_is_freed)
{
	u8 *p = vmalloc(PAGE_SIZE), *frame;

	frame = page_address(vmalloc_to_page(p));
	memset(p, 0x77, PAGE_SIZE);
	kvfree_sensitive(p, PAGE_SIZE / 2);
	check_bytes(frame + PAGE_SIZE / 4, 0, PAGE_SIZE / 4, 0);
	check_bytes(frame, PAGE_SIZE / 2, PAGE_SIZE, 0x77);
	p = kvmalloc(3000, GFP_KERNEL);
	memset(p, 0x77, 3000);
	kvfree_sensitive(p, 3000);
}
