/* SPDX-License-Identifier: MIT */
/*
 * pagemap_test.c - entries of pagemap, and what the frames say of themselves.
 */
#include "mm/show/pagemap.c"

#include <quire/gfp.h>

#include "test/test.h"

#define RW (PROT_READ | PROT_WRITE)

static unsigned long map(struct mm_struct *mm, unsigned long nr,
			 unsigned long flags)
{
	unsigned long a = vm_mmap(mm, NULL, 0, nr << PAGE_SHIFT, RW,
				  flags | MAP_ANONYMOUS, 0);

	CHECK(!IS_ERR_VALUE(a));
	return a;
}

static void touch(struct mm_struct *mm, unsigned long addr, bool write)
{
	u8 byte = 1;

	CHECK_EQ(access_remote_vm(mm, addr, &byte, 1, write), 1);
}

/*
 *   page    0       1          2        3
 *   private written read: zero untouched
 *   shared  written                     (not mapped)
 */
TEST(pagemap_tells_private_shared_and_zero_pages_apart)
{
	struct mm_struct *mm = mm_alloc(), *child;
	unsigned long a = map(mm, 3, MAP_PRIVATE);
	unsigned long b = map(mm, 1, MAP_SHARED);
	u64 e[4];

	touch(mm, a, true);
	touch(mm, a + PAGE_SIZE, false);
	touch(mm, b, true);
	pid_pagemap(mm, a, 3, e, false);
	CHECK_EQ(e[0] & ~PM_SOFT_DIRTY, PM_PRESENT | PM_MMAP_EXCLUSIVE);
	CHECK_EQ(e[1] & ~PM_SOFT_DIRTY, PM_PRESENT);
	CHECK_EQ(e[2] & ~PM_SOFT_DIRTY, 0);
	pid_pagemap(mm, b, 1, e, true);
	CHECK_EQ(e[0] & (PM_PRESENT | PM_FILE | PM_MMAP_EXCLUSIVE),
		 PM_PRESENT | PM_FILE | PM_MMAP_EXCLUSIVE);
	CHECK_EQ(frame_mapcount(e[0] & ((1UL << 55) - 1)), 1);
	child = dup_mm(mm);
	CHECK(!IS_ERR(child));
	pid_pagemap(mm, a, 1, e, true);
	CHECK_EQ(e[0] & (PM_PRESENT | PM_FILE | PM_MMAP_EXCLUSIVE), PM_PRESENT);
	CHECK_EQ(frame_mapcount(e[0] & ((1UL << 55) - 1)), 2);
	CHECK_EQ(frame_flags(e[0] & ((1UL << 55) - 1)) &
			 (1UL << KPF_ANON | 1UL << KPF_MMAP),
		 1UL << KPF_ANON | 1UL << KPF_MMAP);
	mmput(child);
	mmput(mm);
}

TEST(pagemap_of_no_area_is_zero)
{
	struct mm_struct *mm = mm_alloc();
	unsigned long a = map(mm, 3, MAP_PRIVATE);
	u64 e[3];

	touch(mm, a, true);
	touch(mm, a + 2 * PAGE_SIZE, true);
	CHECK_EQ(vm_munmap(mm, a + PAGE_SIZE, PAGE_SIZE), 0);
	pid_pagemap(mm, a, 3, e, false);
	CHECK(e[0] & PM_PRESENT);
	CHECK_EQ(e[1], 0);
	CHECK(e[2] & PM_PRESENT);
	mmput(mm);
}

TEST(frames_that_are_no_program_s_have_no_mappings)
{
	struct page *page = alloc_page(GFP_KERNEL);

	CHECK(page);
	CHECK_EQ(frame_mapcount(page_to_pfn(page)), 0);
	CHECK_EQ(frame_mapcount(max_pfn + 5), 0);
	CHECK_EQ(frame_flags(max_pfn + 5), 1UL << KPF_NOPAGE);
	__free_page(page);
}

static bool young(struct mm_struct *mm, unsigned long addr)
{
	unsigned int level;

	return pte_young(ptep_get(pgtable_lookup(mm->pgd, addr, &level)));
}

TEST(clear_refs_forgets_what_was_used_by_kind)
{
	struct mm_struct *mm = mm_alloc();
	unsigned long a = map(mm, 1, MAP_PRIVATE);
	unsigned long b = map(mm, 1, MAP_SHARED);

	touch(mm, a, true);
	touch(mm, b, true);
	CHECK(young(mm, a) && young(mm, b));
	CHECK_EQ(pid_clear_refs(mm, CLEAR_REFS_MAPPED), 0);
	CHECK(young(mm, a) && !young(mm, b));
	CHECK_EQ(pid_clear_refs(mm, CLEAR_REFS_ANON), 0);
	CHECK(!young(mm, a));
	CHECK_EQ(vm_munmap(mm, b, PAGE_SIZE), 0);
	CHECK_EQ(pid_clear_refs(mm, CLEAR_REFS_MM_HIWATER_RSS), 0);
	CHECK_EQ(mm->hiwater_rss, 1);
	CHECK_EQ(pid_clear_refs(mm, (enum clear_refs)0), -EINVAL);
	mmput(mm);
}
