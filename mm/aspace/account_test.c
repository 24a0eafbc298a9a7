/* SPDX-License-Identifier: MIT */
/*
 * account_test.c - what may be promised, by vm.overcommit_memory.
 */
#include "mm/aspace/account.c"

#include "test/aspace_picture.h"

#define PRIVATE (MAP_PRIVATE | MAP_ANONYMOUS)

static void mode(s64 value)
{
	CHECK_EQ(overcommit_memory_set(&value, 1), 0);
}

static unsigned long map_pages(struct mm_struct *mm, unsigned long nr,
			       unsigned long flags)
{
	return vm_mmap(mm, NULL, 0, nr << PAGE_SHIFT, PROT_READ | PROT_WRITE,
		       flags, 0);
}

TEST(guessing_refuses_one_request_above_all_memory)
{
	struct mm_struct *mm = picture_mm("");
	unsigned long all = totalram_pages();

	CHECK_EQ(map_pages(mm, all + 1, PRIVATE), -ENOMEM);
	CHECK(!IS_ERR_VALUE(map_pages(mm, all, PRIVATE)));
	CHECK(!IS_ERR_VALUE(map_pages(mm, all, PRIVATE)));
	CHECK(!IS_ERR_VALUE(map_pages(mm, all + 1, PRIVATE | MAP_NORESERVE)));
	mmput(mm);
}

TEST(always_refuses_nothing)
{
	struct mm_struct *mm = picture_mm("");

	mode(OVERCOMMIT_ALWAYS);
	CHECK(!IS_ERR_VALUE(map_pages(mm, 2 * totalram_pages(), PRIVATE)));
	mode(OVERCOMMIT_GUESS);
	mmput(mm);
}

/* The sum stays below the limit, and the reserves are kept out of it. */
TEST(never_keeps_the_sum_below_the_limit)
{
	struct mm_struct *mm = picture_mm(""), *child;
	s64 kib = 4096, none = 0, half = 50;
	unsigned long before = vm_committed_pages(), room;

	CHECK_EQ(user_reserve_kbytes_set(&none, 1), 0);
	CHECK_EQ(admin_reserve_kbytes_set(&none, 1), 0);
	kib += (s64)before * 4;
	CHECK_EQ(overcommit_kbytes_set(&kib, 1), 0);
	CHECK_EQ(vm_commit_limit(), before + 1024);
	mode(OVERCOMMIT_NEVER);
	CHECK_EQ(map_pages(mm, 1024, PRIVATE), -ENOMEM);
	CHECK_EQ(map_pages(mm, 1024, PRIVATE | MAP_NORESERVE), -ENOMEM);
	CHECK(!IS_ERR_VALUE(map_pages(mm, 600, PRIVATE)));
	CHECK_EQ(vm_committed_pages(), before + 600);
	/* A fork promises it all again. */
	child = dup_mm(mm);
	CHECK_EQ(PTR_ERR(child), -ENOMEM);
	CHECK_EQ(vm_committed_pages(), before + 600);
	/* Reserves: the administrator's, and 1/32 of what mm has. */
	kib = 100 * 4;
	CHECK_EQ(admin_reserve_kbytes_set(&kib, 1), 0);
	CHECK_EQ(user_reserve_kbytes_set(&kib, 1), 0);
	room = 1024 - 600 - 100 - 600 / 32;
	CHECK_EQ(map_pages(mm, room, PRIVATE), -ENOMEM);
	CHECK(!IS_ERR_VALUE(map_pages(mm, room - 1, PRIVATE)));
	mode(OVERCOMMIT_GUESS);
	mmput(mm);
	CHECK_EQ(vm_committed_pages(), before);
	CHECK_EQ(overcommit_ratio_set(&half, 1), 0);
	CHECK_EQ(overcommit_kbytes_get(&kib), 1);
	CHECK_EQ(kib, 0);
	CHECK_EQ(vm_commit_limit(), totalram_pages() / 2);
}

static bool may_all(enum mm_capability cap)
{
	(void)cap;
	return true;
}

TEST(low_addresses_are_for_the_privileged)
{
	struct mm_struct *mm = picture_mm("");
	s64 low = 4 * (s64)PAGE_SIZE, old = 65536;

	CHECK_EQ(vm_mmap(mm, NULL, PAGE_SIZE, PAGE_SIZE, PROT_READ,
			 PRIVATE | MAP_FIXED, 0),
		 -EPERM);
	CHECK_EQ(mmap_min_addr_set(&low, 1), -EPERM);
	mm_capable = may_all;
	CHECK_EQ(vm_mmap(mm, NULL, PAGE_SIZE, PAGE_SIZE, PROT_READ,
			 PRIVATE | MAP_FIXED, 0),
		 PAGE_SIZE);
	CHECK_EQ(mmap_min_addr_set(&low, 1), 0);
	mm_capable = NULL;
	CHECK_EQ(vm_mmap(mm, NULL, 4 * PAGE_SIZE, PAGE_SIZE, PROT_READ,
			 PRIVATE | MAP_FIXED, 0),
		 4 * PAGE_SIZE);
	mm_capable = may_all;
	CHECK_EQ(mmap_min_addr_set(&old, 1), 0);
	mm_capable = NULL;
	mmput(mm);
}

TEST(knobs_refuse_what_they_do_not_mean)
{
	s64 bad = 3, below = -1;

	CHECK_EQ(overcommit_memory_set(&bad, 1), -EINVAL);
	CHECK_EQ(overcommit_memory_set(&below, 1), -EINVAL);
	CHECK_EQ(overcommit_ratio_set(&below, 1), -EINVAL);
	CHECK_EQ(overcommit_kbytes_set(&below, 1), -EINVAL);
	CHECK_EQ(mmap_min_addr_set(&below, 1), -EINVAL);
	CHECK_EQ(overcommit_memory_get(&bad), 1);
	CHECK_EQ(bad, OVERCOMMIT_GUESS);
}
