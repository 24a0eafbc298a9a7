/* SPDX-License-Identifier: MIT */
/*
 * mremap_test.c - resizing and moving, contents checked.
 */
#include "mm/aspace/mremap.c"

#include "test/aspace_picture.h"

#define TABLE_PAGES 512UL

static unsigned long pages(unsigned long nr)
{
	return nr << PAGE_SHIFT;
}

TEST(mremap_shrinks_and_grows_in_place)
{
	struct mm_struct *mm = picture_mm("Wwww....R");

	picture_fill(mm, 0, 4);
	CHECK_EQ(vm_mremap(mm, page_at(0), pages(4), pages(2), 0, 0),
		 page_at(0));
	CHECK_PICTURE(mm, "Ww......R");
	CHECK_EQ(vm_mremap(mm, page_at(0), pages(2), pages(6), 0, 0),
		 page_at(0));
	CHECK_PICTURE(mm, "Wwwwww..R");
	picture_check_fill(mm, 0, 2, 0);
	CHECK_EQ(peek(mm, page_at(3)), 0);
	CHECK_EQ(vm_mremap(mm, page_at(0), pages(6), pages(9), 0, 0), -ENOMEM);
	CHECK_EQ(vm_mremap(mm, page_at(0), pages(6), pages(6), 0, 0),
		 page_at(0));
	CHECK_PICTURE(mm, "Wwwwww..R");
	mmput(mm);
}

TEST(growing_closes_the_gap_to_a_neighbour_of_the_same_kind)
{
	struct mm_struct *mm = picture_mm("Ww..Ww");

	CHECK_EQ(vm_mremap(mm, page_at(0), pages(2), pages(4), 0, 0),
		 page_at(0));
	CHECK_PICTURE(mm, "Wwwwww");
	mmput(mm);
}

TEST(mremap_moves_contents_when_there_is_no_room)
{
	struct mm_struct *mm = picture_mm("WwwwR");
	unsigned long to;

	picture_fill(mm, 0, 4);
	to = vm_mremap(mm, page_at(0), pages(4), pages(8), MREMAP_MAYMOVE, 0);
	CHECK(!IS_ERR_VALUE(to));
	CHECK_PICTURE(mm, "....R");
	picture_check_fill(mm, 0, 4, (to - PICTURE_BASE) >> PAGE_SHIFT);
	CHECK_EQ(peek(mm, to + pages(5)), 0);
	CHECK_EQ(get_mm_counter(mm, MM_ANONPAGES), 4);
	mmput(mm);
}

/*
 *   page    0 1 2 3 4 5 6 7 8 9 10 11
 *   before  W w w w w w . R r r r  r
 *   after   W . . w w w . R M m m  r     [1, 3) to [8, 11), longer
 */
TEST(fixed_moves_part_of_an_area_over_another_or_changes_nothing)
{
	struct mm_struct *mm = picture_mm("Wwwwww.Rrrrr");

	picture_fill(mm, 0, 6);
	EACH_FAILURE(n) {
		unsigned long to =
			vm_mremap(mm, page_at(1), pages(2), pages(3),
				  MREMAP_MAYMOVE | MREMAP_FIXED, page_at(8));

		if (IS_ERR_VALUE(to)) {
			CHECK(failure_was_injected());
			CHECK_EQ(to, -ENOMEM);
			CHECK_PICTURE(mm, "Wwwwww.Rrrrr");
			picture_check_fill(mm, 0, 6, 0);
		} else {
			CHECK_EQ(to, page_at(8));
			CHECK_PICTURE(mm, "W..Www.RWwwR");
		}
	}
	picture_check_fill(mm, 1, 3, 8);
	picture_check_fill(mm, 3, 6, 3);
	CHECK_EQ(peek(mm, page_at(10)), 0);
	CHECK_EQ(peek(mm, page_at(1)), -SEGV(SEGV_CODE_MAPERR));
	mmput(mm);
}

TEST(a_failed_move_far_away_leaves_no_tables)
{
	struct mm_struct *mm = picture_mm("Ww");
	unsigned long far = PICTURE_BASE + (1UL << 40);
	unsigned long tables;

	picture_fill(mm, 0, 2);
	tables = mm->pgtables_bytes;
	EACH_FAILURE(n) {
		unsigned long to =
			vm_mremap(mm, page_at(0), pages(2), pages(2),
				  MREMAP_MAYMOVE | MREMAP_FIXED, far);

		if (IS_ERR_VALUE(to))
			CHECK_PICTURE(mm, "Ww");
		else
			CHECK_PICTURE(mm, "..");
		CHECK_EQ(mm->pgtables_bytes, tables);
	}
	CHECK_EQ(peek(mm, far), 1);
	mmput(mm);
}

TEST(dontunmap_moves_the_contents_and_leaves_the_area)
{
	struct mm_struct *mm = picture_mm("Www");
	unsigned long to;

	picture_fill(mm, 0, 3);
	to = vm_mremap(mm, page_at(0), pages(3), pages(3),
		       MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
	CHECK(!IS_ERR_VALUE(to));
	CHECK_PICTURE(mm, "Www");
	CHECK_EQ(peek(mm, page_at(0)), 0);
	picture_check_fill(mm, 0, 3, (to - PICTURE_BASE) >> PAGE_SHIFT);
	CHECK_EQ(mm->total_vm, 6);
	mmput(mm);
}

TEST(old_length_zero_makes_a_second_view_of_shared_memory)
{
	struct mm_struct *mm = picture_mm("SsWw");
	unsigned long to;

	picture_fill(mm, 0, 2);
	CHECK_EQ(vm_mremap(mm, page_at(2), 0, pages(2), MREMAP_MAYMOVE, 0),
		 -EINVAL);
	to = vm_mremap(mm, page_at(0), 0, pages(2), MREMAP_MAYMOVE, 0);
	CHECK(!IS_ERR_VALUE(to));
	CHECK_PICTURE(mm, "SsWw");
	CHECK_EQ(poke(mm, to, 200), 0);
	CHECK_EQ(peek(mm, page_at(0)), 200);
	CHECK_EQ(peek(mm, to + PAGE_SIZE), 2);
	mmput(mm);
}

TEST(mremap_rejects_what_linux_rejects)
{
	struct mm_struct *mm = picture_mm("WwRr");
	unsigned long move = MREMAP_MAYMOVE | MREMAP_FIXED;

	CHECK_EQ(vm_mremap(mm, page_at(0), pages(1), pages(1), 8, 0), -EINVAL);
	CHECK_EQ(vm_mremap(mm, page_at(0), pages(1), pages(1), MREMAP_FIXED, 0),
		 -EINVAL);
	CHECK_EQ(vm_mremap(mm, page_at(0) + 1, pages(1), pages(1), 0, 0),
		 -EINVAL);
	CHECK_EQ(vm_mremap(mm, page_at(0), pages(1), 0, 0, 0), -EINVAL);
	CHECK_EQ(vm_mremap(mm, page_at(9), pages(1), pages(1), 0, 0), -EFAULT);
	CHECK_EQ(vm_mremap(mm, page_at(0), pages(3), pages(9), MREMAP_MAYMOVE,
			   0),
		 -EFAULT);
	CHECK_EQ(
		vm_mremap(mm, page_at(0), pages(2), pages(2), move, page_at(1)),
		-EINVAL);
	CHECK_EQ(vm_mremap(mm, page_at(0), pages(2), pages(2), move,
			   page_at(9) + 1),
		 -EINVAL);
	CHECK_EQ(vm_mremap(mm, page_at(0), pages(2), pages(2), move, TASK_SIZE),
		 -EINVAL);
	CHECK_EQ(vm_mremap(mm, page_at(0), pages(2), pages(3),
			   MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0),
		 -EINVAL);
	CHECK_PICTURE(mm, "WwRr");
	mmput(mm);
}

/* 1,024 pages and some more, from and to places aligned or not. */
static void move_big(unsigned long from_page, unsigned long to_page)
{
	unsigned long nr = 2 * TABLE_PAGES + 3;
	struct mm_struct *mm = picture_mm("");
	unsigned long a, rw = PROT_READ | PROT_WRITE;

	a = vm_mmap(mm, NULL, page_at(from_page), pages(nr), rw,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0);
	for (unsigned long i = 0; i < nr; i += 5)
		CHECK_EQ(poke(mm, a + pages(i), (u8)(i + 1)), 0);
	CHECK_EQ(vm_mremap(mm, a, pages(nr), pages(nr),
			   MREMAP_MAYMOVE | MREMAP_FIXED, page_at(to_page)),
		 page_at(to_page));
	CHECK_PICTURE(mm, "");
	for (unsigned long i = 0; i < nr; i += 5)
		CHECK_EQ(peek(mm, page_at(to_page + i)), (u8)(i + 1));
	CHECK_EQ(peek(mm, a), -SEGV(SEGV_CODE_MAPERR));
	mmput(mm);
}

TEST(large_moves_keep_every_page)
{
	move_big(0, 8 * TABLE_PAGES); /* whole tables change hands */
	move_big(0, 8 * TABLE_PAGES + 1);
	move_big(7, 8 * TABLE_PAGES + 7);
	move_big(511, 8 * TABLE_PAGES);
}

TEST(a_large_area_that_must_move_does_so_by_whole_tables)
{
	struct mm_struct *mm = picture_mm("");
	unsigned long a = page_at(7), nr = 2 * TABLE_PAGES, to, tables;

	a = vm_mmap(mm, NULL, a, pages(nr), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0);
	vm_mmap(mm, NULL, a + pages(nr), pages(1), PROT_READ,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0);
	for (unsigned long i = 0; i < nr; i += 5)
		CHECK_EQ(poke(mm, a + pages(i), (u8)(i + 1)), 0);
	tables = page_to_pfn(table_page(pte_lookup(mm, a + pages(nr / 2))));
	to = vm_mremap(mm, a, pages(nr), pages(2 * nr), MREMAP_MAYMOVE, 0);
	CHECK(!IS_ERR_VALUE(to));
	CHECK_EQ((to - a) % pgtable_size(1), 0);
	CHECK_EQ(page_to_pfn(table_page(pte_lookup(mm, to + pages(nr / 2)))),
		 tables);
	for (unsigned long i = 0; i < nr; i += 5)
		CHECK_EQ(peek(mm, to + pages(i)), (u8)(i + 1));
	CHECK_EQ(peek(mm, to + pages(2 * nr - 1)), 0);
	mmput(mm);
}

/*
 *   page    0 1 2 3
 *   before  W w . .
 *   after   . . W w       next to itself: target joins the source first
 */
TEST(an_area_moves_right_behind_itself)
{
	struct mm_struct *mm = picture_mm("Wwww");

	picture_fill(mm, 0, 2);
	EACH_FAILURE(n) {
		unsigned long to =
			vm_mremap(mm, page_at(0), pages(2), pages(2),
				  MREMAP_MAYMOVE | MREMAP_FIXED, page_at(2));

		if (!IS_ERR_VALUE(to))
			CHECK_PICTURE(mm, "..Ww");
		else
			CHECK_PICTURE(mm, "Wwww");
	}
	picture_check_fill(mm, 0, 2, 2);
	mmput(mm);
}

/*
 *   page    0 1 2 3 4 5 6 7 8 9 10 11
 *   before  W w . W w . . . . . .  .
 *   after   . . . . . . W w . W w  .    pages 0 to 4 by 6
 */
TEST(fixed_moves_all_areas_and_keeps_the_holes_between_them)
{
	struct mm_struct *mm = picture_mm("Ww.Ww.......");

	picture_fill(mm, 0, 2);
	picture_fill(mm, 3, 5);
	CHECK_EQ(vm_mremap(mm, page_at(0), pages(5), pages(5),
			   MREMAP_MAYMOVE | MREMAP_FIXED, page_at(6)),
		 page_at(6));
	CHECK_PICTURE(mm, "......Ww.Ww.");
	picture_check_fill(mm, 0, 2, 6);
	picture_check_fill(mm, 3, 5, 9);
	/* Not where the range begins with a hole. */
	CHECK_EQ(vm_mremap(mm, page_at(5), pages(3), pages(3),
			   MREMAP_MAYMOVE | MREMAP_FIXED, page_at(0)),
		 -EFAULT);
	CHECK_EQ(vm_mremap(mm, page_at(6), pages(2), pages(2),
			   MREMAP_MAYMOVE | MREMAP_DONTUNMAP, page_at(7)),
		 -EINVAL);
	CHECK_PICTURE(mm, "......Ww.Ww.");
	mmput(mm);
}
