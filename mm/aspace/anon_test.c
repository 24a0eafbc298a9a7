/* SPDX-License-Identifier: MIT */
/*
 * anon_test.c - which areas with anonymous pages merge: as on Linux 6.18,
 * where the same calls were made and /proc/self/maps was read.
 */
#include "mm/aspace/anon.c"

#include "test/aspace_picture.h"

static void protect(struct mm_struct *mm, unsigned long from, unsigned long nr,
		    unsigned long prot)
{
	CHECK_EQ(vm_mprotect(mm, page_at(from), nr << PAGE_SHIFT, prot), 0);
}

#define RW (PROT_READ | PROT_WRITE)

TEST(what_was_one_area_is_one_again)
{
	struct mm_struct *mm = picture_mm("Wwww");

	poke(mm, page_at(0), 1);
	protect(mm, 2, 2, PROT_READ);
	poke(mm, page_at(1), 1);
	protect(mm, 2, 2, RW);
	CHECK_PICTURE(mm, "Wwww");
	mmput(mm);
}

/*
 *	written   *     *		a hole between two joins one of them
 *	before    Ww..Ww
 *	after     WwwwWw
 */
TEST(areas_written_apart_stay_apart)
{
	struct mm_struct *mm = picture_mm("Ww..Ww");

	poke(mm, page_at(0), 1);
	poke(mm, page_at(4), 1);
	picture_map(mm, "..Ww");
	CHECK_PICTURE(mm, "WwwwWw");
	mmput(mm);
}

TEST(an_area_never_written_joins_on_either_side)
{
	struct mm_struct *mm = picture_mm("Ww..Ww..Ww");

	poke(mm, page_at(4), 1);
	picture_map(mm, "..Ww");
	CHECK_PICTURE(mm, "Wwwwww..Ww");
	picture_map(mm, "......Ww");
	CHECK_PICTURE(mm, "Wwwwwwwwww");
	mmput(mm);
}

TEST(neighbours_that_may_merge_later_share_an_identity)
{
	struct mm_struct *mm = picture_mm("Ww");

	vm_mmap(mm, NULL, page_at(2), 2 * PAGE_SIZE, RW | PROT_EXEC,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0);
	poke(mm, page_at(0), 1);
	poke(mm, page_at(2), 1);
	protect(mm, 2, 2, RW);
	CHECK_PICTURE(mm, "Wwww");
	mmput(mm);
}

TEST(what_a_fork_inherited_joins_nothing_new)
{
	struct mm_struct *mm = picture_mm("Wwww"), *child;

	poke(mm, page_at(0), 1);
	child = dup_mm(mm);
	CHECK(!IS_ERR(child));
	picture_map(child, "....Ww");
	CHECK_PICTURE(child, "WwwwWw");
	protect(child, 2, 1, PROT_READ);
	protect(child, 2, 1, RW);
	CHECK_PICTURE(child, "WwwwWw");
	/* It may grow itself, though, and the parent's may join. */
	vm_munmap(child, page_at(4), 2 * PAGE_SIZE);
	CHECK_EQ(vm_mremap(child, page_at(0), 4 * PAGE_SIZE, 6 * PAGE_SIZE, 0,
			   0),
		 page_at(0));
	CHECK_PICTURE(child, "Wwwwww");
	picture_map(mm, "....Ww");
	CHECK_PICTURE(mm, "Wwwwww");
	mmput(child);
	mmput(mm);
}

TEST(two_pieces_that_were_inherited_stay_two)
{
	struct mm_struct *mm = picture_mm("Wwww"), *child;

	poke(mm, page_at(0), 1);
	protect(mm, 2, 2, PROT_READ);
	child = dup_mm(mm);
	CHECK(!IS_ERR(child));
	protect(child, 2, 2, RW);
	CHECK_PICTURE(child, "WwWw");
	protect(mm, 2, 2, RW);
	CHECK_PICTURE(mm, "Wwww");
	mmput(child);
	mmput(mm);
}

/* A new process without memory for its links leaves nothing behind. */
TEST(a_space_that_cannot_be_had_costs_nothing)
{
	struct mm_struct *mm = picture_mm("W"), *child = NULL, *grandchild;

	poke(mm, page_at(0), 1);
	EACH_FAILURE(n) {
		child = dup_mm(mm);
		if (IS_ERR(child)) {
			CHECK_EQ(PTR_ERR(child), -ENOMEM);
			CHECK_EQ(mm->anon->nr_children, 0);
			CHECK(list_is_singular(&mm->anon->links));
			continue;
		}
		CHECK_EQ(mm->anon->nr_children, 1);
		failure_pause();
		grandchild = dup_mm(child);
		failure_resume();
		CHECK(!IS_ERR(grandchild));
		mmput(grandchild);
		mmput(child);
	}
	CHECK_PICTURE(mm, "W");
	mmput(mm);
}
