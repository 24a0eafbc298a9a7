/* SPDX-License-Identifier: MIT */
/*
 * uaccess_test.c - copies that run into an unmapped page.
 *
 *	buf .......... end | guard page of vmalloc
 *	      from --- n ---->
 *
 * A vmalloc area is followed by a page that is not mapped, so the loops of
 * usercopy.S can be run into a fault without a user address space.
 */
#include "uaccess.c"

#include <quire/vmalloc.h>

#include "test/test.h"

TEST(copy_stops_exactly_at_the_bad_address)
{
	u8 *area = vmalloc(PAGE_SIZE);
	u8 *kernel = vmalloc(PAGE_SIZE);
	u8 *end = area + PAGE_SIZE;

	CHECK(area && kernel);
	for (size_t i = 0; i < PAGE_SIZE; i++)
		area[i] = (u8)test_random();
	for (int round = 0; round < 2000; round++) {
		size_t have = test_random_below(300);
		size_t n = have + test_random_below(300);
		size_t skew = test_random_below(8);
		size_t left;

		memset(kernel, 0x5a, 700);
		left = x86_copy_user(kernel + skew, end - have, n);
		CHECK_EQ(left, n - have);
		CHECK(!memcmp(kernel + skew, end - have, have));
		CHECK_EQ(kernel[skew + have], 0x5a);

		/* And the other way. */
		left = x86_copy_user(end - have, kernel + skew, n);
		CHECK_EQ(left, n - have);
	}
	vfree(kernel);
	vfree(area);
}

TEST(clear_stops_exactly_at_the_bad_address)
{
	u8 *area = vmalloc(PAGE_SIZE);

	CHECK(area != NULL);
	for (size_t have = 0; have < 70; have++) {
		for (size_t more = 0; more < 20; more++) {
			u8 *from = area + PAGE_SIZE - have;

			memset(area + PAGE_SIZE - 128, 0xff, 128);
			CHECK_EQ(x86_clear_user(from, have + more), more);
			CHECK_EQ(from[-1], 0xff);
			for (size_t i = 0; i < have; i++)
				CHECK_EQ(from[i], 0);
		}
	}
	vfree(area);
}

TEST(string_from_user_ends_at_nul_size_or_fault)
{
	char *area = vmalloc(PAGE_SIZE);
	char *end = area + PAGE_SIZE;
	char to[16];

	CHECK(area != NULL);
	memcpy(end - 4, "abc", 4);
	CHECK_EQ(x86_strncpy_user(to, end - 4, sizeof(to)), 3);
	CHECK_STR(to, "abc");
	CHECK_EQ(x86_strncpy_user(to, end - 4, 2), 2);
	end[-1] = 'd';
	CHECK_EQ(x86_strncpy_user(to, end - 4, sizeof(to)), -1);
	CHECK_EQ(x86_strncpy_user(to, end - 4, 4), 4);
	vfree(area);
}

TEST(user_functions_refuse_kernel_addresses)
{
	char to[8] = "before";
	u64 value = 7;
	u32 old;

	CHECK_EQ(copy_from_user(to, (void *)PAGE_OFFSET, 8), 8);
	CHECK_EQ(to[0], 0); /* what was not copied is cleared */
	CHECK_EQ(copy_to_user((void *)PAGE_OFFSET, to, 8), 8);
	CHECK_EQ(copy_to_user((void *)(TASK_SIZE - 4), to, 8), 8);
	CHECK_EQ(clear_user((void *)-8UL, 16), 16);
	CHECK_EQ(get_user(value, (u64 *)TASK_SIZE), -EFAULT);
	CHECK_EQ(value, 0);
	CHECK_EQ(put_user(value, (u64 *)(TASK_SIZE - 4)), -EFAULT);
	CHECK_EQ(strncpy_from_user(to, (char *)TASK_SIZE, 8), -EFAULT);
	CHECK_EQ(cmpxchg_user_u32((u32 *)PAGE_OFFSET, 0, 1, &old), -EFAULT);
}

TEST(kernel_addresses_can_be_probed)
{
	void *area = vmalloc(PAGE_SIZE);
	u64 word;

	CHECK(area != NULL);
	CHECK_EQ(x86_probe_read((uintptr_t)area, &word), 0);
	CHECK_EQ(x86_probe_read((uintptr_t)area + PAGE_SIZE, &word), 1);
	CHECK_EQ(x86_probe_read((uintptr_t)area + PAGE_SIZE - 4, &word), 1);
	vfree(area);
}
