/* SPDX-License-Identifier: MIT */
/*
 * mm_test.c - fork and exit of address spaces.
 */
#include "mm/aspace/mm.c"

#include "test/aspace_picture.h"

#define FORKED_PICTURE "WwwRrr.NnSs"

TEST(fork_copies_the_picture_and_the_contents)
{
	struct mm_struct *mm = picture_mm(FORKED_PICTURE), *child;

	picture_fill(mm, 0, 3);
	mm->brk = 12345;
	child = dup_mm(mm);
	CHECK(!IS_ERR(child));
	CHECK_PICTURE(child, FORKED_PICTURE);
	picture_check_fill(child, 0, 3, 0);
	CHECK_EQ(child->brk, 12345);
	CHECK_EQ(child->total_vm, mm->total_vm);
	CHECK_NE(child->context_id, mm->context_id);
	mmput(mm);
	picture_check_fill(child, 0, 3, 0);
	CHECK_PICTURE(child, FORKED_PICTURE);
	mmput(child);
}

TEST(fork_without_memory_leaves_the_parent_as_it_was)
{
	struct mm_struct *mm = picture_mm(FORKED_PICTURE);
	unsigned long committed = vm_committed_pages();

	picture_fill(mm, 0, 3);
	EACH_FAILURE(n) {
		struct mm_struct *child = dup_mm(mm);

		if (IS_ERR(child)) {
			CHECK(failure_was_injected());
			CHECK_EQ(PTR_ERR(child), -ENOMEM);
		} else {
			CHECK_PICTURE(child, FORKED_PICTURE);
			mmput(child);
		}
		CHECK_PICTURE(mm, FORKED_PICTURE);
		CHECK_EQ(vm_committed_pages(), committed);
		picture_fill(mm, 0, 3);
	}
	mmput(mm);
}

TEST(dontfork_and_wipeonfork_are_kept)
{
	struct mm_struct *mm = picture_mm("Wwwwww"), *child;

	picture_fill(mm, 0, 6);
	vm_madvise(mm, page_at(0), 2 * PAGE_SIZE, MADV_DONTFORK);
	vm_madvise(mm, page_at(4), 2 * PAGE_SIZE, MADV_WIPEONFORK);
	child = dup_mm(mm);
	CHECK(!IS_ERR(child));
	CHECK_PICTURE(mm, "WwWwWw");
	CHECK_PICTURE(child, "..WwWw");
	picture_check_fill(child, 2, 4, 2);
	CHECK_EQ(peek(child, page_at(4)), 0);
	CHECK_EQ(child->total_vm, 4);
	mmput(child);
	picture_check_fill(mm, 0, 6, 0);
	mmput(mm);
}

#define TREE_PAGES 6
#define TREE_SIZE  8

/*
 * A family of address spaces: each step lets a random member fork, write,
 * check or end.  expect[] is what each should see.
 */
TEST(a_tree_of_forks_sees_only_its_own_writes)
{
	struct mm_struct *mm[TREE_SIZE] = {0};
	u8 expect[TREE_SIZE][TREE_PAGES] = {{0}};

	mm[0] = picture_mm("Wwwwww");
	for (int step = 0; step < 600; step++) {
		u64 a = test_random_below(TREE_SIZE);
		u64 b = test_random_below(TREE_SIZE);
		u64 page = test_random_below(TREE_PAGES);
		u8 value = (u8)test_random();

		if (!mm[a])
			continue;
		if (mm[b] && a != b) {
			CHECK_EQ(poke(mm[a], page_at(page), value), 0);
			expect[a][page] = value;
			if (step % 7 == 0) {
				mmput(mm[b]);
				mm[b] = NULL;
			}
		} else if (!mm[b]) {
			mm[b] = dup_mm(mm[a]);
			CHECK(!IS_ERR(mm[b]));
			memcpy(expect[b], expect[a], TREE_PAGES);
		}
		CHECK_PICTURE(mm[a], "Wwwwww");
		for (page = 0; page < TREE_PAGES; page++)
			CHECK_EQ(peek(mm[a], page_at(page)), expect[a][page]);
	}
	for (int i = 0; i < TREE_SIZE; i++)
		if (mm[i])
			mmput(mm[i]);
}

TEST(mmget_not_zero_refuses_a_dying_one)
{
	struct mm_struct *mm = picture_mm("W");

	mmgrab(mm);
	CHECK(mmget_not_zero(mm));
	mmput(mm);
	CHECK_PICTURE(mm, "W");
	mmput(mm);
	CHECK(!mmget_not_zero(mm));
	CHECK_EQ(mm->map_count, 0);
	mmdrop(mm);
}

TEST(peaks_are_remembered)
{
	struct mm_struct *mm = picture_mm("Wwwwww");

	picture_fill(mm, 0, 6);
	vm_munmap(mm, page_at(0), 5 * PAGE_SIZE);
	CHECK_EQ(get_mm_rss(mm), 1);
	CHECK_EQ(mm->hiwater_rss, 6);
	CHECK_EQ(mm->hiwater_vm, 6);
	mmput(mm);
}
