/* SPDX-License-Identifier: MIT */
/*
 * madvise_test.c - each advice works or is refused.
 */
#include "mm/aspace/madvise.c"

#include "test/aspace_picture.h"

TEST(dontneed_gives_zeros_again_and_frees_frames)
{
	struct mm_struct *mm = picture_mm("Wwww");

	picture_fill(mm, 0, 4);
	CHECK_EQ(vm_madvise(mm, page_at(1), 2 * PAGE_SIZE, MADV_DONTNEED), 0);
	CHECK_EQ(get_mm_counter(mm, MM_ANONPAGES), 2);
	CHECK_PICTURE(mm, "Wwww");
	CHECK_EQ(peek(mm, page_at(1)), 0);
	CHECK_EQ(peek(mm, page_at(3)), 4);
	CHECK_EQ(poke(mm, page_at(2), 9), 0);
	CHECK_PICTURE(mm, "Wwww");
	mmput(mm);
}

TEST(shared_memory_survives_dontneed)
{
	struct mm_struct *mm = picture_mm("Ss");

	picture_fill(mm, 0, 2);
	CHECK_EQ(vm_madvise(mm, page_at(0), 2 * PAGE_SIZE, MADV_DONTNEED), 0);
	CHECK_EQ(get_mm_rss(mm), 0);
	picture_check_fill(mm, 0, 2, 0);
	mmput(mm);
}

TEST(madvise_rejects_what_linux_rejects)
{
	struct mm_struct *mm = picture_mm("Ww.SsR");
	unsigned long len = PAGE_SIZE;

	CHECK_EQ(vm_madvise(mm, page_at(0), len, -1), -EINVAL);
	CHECK_EQ(vm_madvise(mm, page_at(0), len, 99), -EINVAL);
	CHECK_EQ(vm_madvise(mm, page_at(0), len, MADV_MERGEABLE), -EINVAL);
	CHECK_EQ(vm_madvise(mm, page_at(0), len, MADV_HUGEPAGE), -EINVAL);
	CHECK_EQ(vm_madvise(mm, page_at(0) + 1, len, MADV_NORMAL), -EINVAL);
	CHECK_EQ(vm_madvise(mm, page_at(0), ~0UL, MADV_NORMAL), -EINVAL);
	CHECK_EQ(vm_madvise(mm, page_at(0), 0, MADV_NORMAL), 0);
	CHECK_EQ(vm_madvise(mm, page_at(3), len, MADV_WIPEONFORK), -EINVAL);
	CHECK_EQ(vm_madvise(mm, page_at(3), len, MADV_FREE), -EINVAL);
	CHECK_EQ(vm_madvise(mm, page_at(5), len, MADV_POPULATE_WRITE), -EINVAL);
	CHECK_EQ(vm_madvise(mm, page_at(2), len, MADV_DONTNEED), -ENOMEM);
	CHECK_PICTURE(mm, "Ww.SsR");
	mmput(mm);
}

TEST(around_a_hole_the_mapped_parts_are_advised)
{
	struct mm_struct *mm = picture_mm("Ww.Ww");

	picture_fill(mm, 0, 2);
	picture_fill(mm, 3, 5);
	CHECK_EQ(vm_madvise(mm, page_at(0), 5 * PAGE_SIZE, MADV_DONTNEED),
		 -ENOMEM);
	CHECK_EQ(get_mm_rss(mm), 0);
	CHECK_PICTURE(mm, "Ww.Ww");
	mmput(mm);
}

TEST(flag_advice_cuts_and_merges_back_or_changes_nothing)
{
	struct mm_struct *mm = picture_mm("Wwwwww");

	EACH_FAILURE(n) {
		int err = vm_madvise(mm, page_at(2), 2 * PAGE_SIZE,
				     MADV_SEQUENTIAL);

		CHECK(err == 0 || (err == -ENOMEM && failure_was_injected()));
		CHECK_PICTURE(mm, err ? "Wwwwww" : "WwWwWw");
	}
	CHECK(find_vma(mm, page_at(2))->vm_flags & VM_SEQ_READ);
	CHECK_EQ(vm_madvise(mm, page_at(2), 2 * PAGE_SIZE, MADV_NORMAL), 0);
	CHECK_PICTURE(mm, "Wwwwww");
	mmput(mm);
}

TEST(populate_faults_in_for_reading_or_writing)
{
	struct mm_struct *mm = picture_mm("Wwww.");
	unsigned long len = 4 * PAGE_SIZE;

	CHECK_EQ(vm_madvise(mm, page_at(0), len, MADV_POPULATE_READ), 0);
	CHECK_EQ(get_mm_rss(mm), 0);
	CHECK_EQ(vm_madvise(mm, page_at(0), len, MADV_POPULATE_WRITE), 0);
	CHECK_EQ(get_mm_rss(mm), 4);
	CHECK_EQ(vm_madvise(mm, page_at(0), len + PAGE_SIZE,
			    MADV_POPULATE_WRITE),
		 -ENOMEM);
	mmput(mm);
}

TEST(locked_memory_is_not_thrown_away)
{
	struct mm_struct *mm = picture_mm("");
	unsigned long a =
		vm_mmap(mm, NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, 0);

	CHECK_EQ(vm_madvise(mm, a, PAGE_SIZE, MADV_DONTNEED), -EINVAL);
	CHECK_EQ(get_mm_rss(mm), 1);
	CHECK_EQ(vm_madvise(mm, a, PAGE_SIZE, MADV_DONTNEED_LOCKED), 0);
	CHECK_EQ(get_mm_rss(mm), 0);
	mmput(mm);
}
