/* SPDX-License-Identifier: MIT */
/*
 * mprotect_test.c - protection of whole areas and parts, and what it means.
 */
#include "mm/aspace/mprotect.c"

#include "test/aspace_picture.h"

/*
 *   page    0 1 2 3 4 5 6 7 8
 *   before  W w w w w w w w w
 *   after   W w w R r r W w w
 */
TEST(protect_splits_an_area_in_three)
{
	struct mm_struct *mm = picture_mm("Wwwwwwwww");

	picture_fill(mm, 0, 9);
	EACH_FAILURE(n) {
		int err = vm_mprotect(mm, page_at(3), 3 * PAGE_SIZE, PROT_READ);

		if (failure_was_injected()) {
			CHECK_EQ(err, -ENOMEM);
			CHECK_PICTURE(mm, "Wwwwwwwww");
			CHECK_EQ(poke(mm, page_at(4), 5), 0);
		} else {
			CHECK_EQ(err, 0);
			CHECK_PICTURE(mm, "WwwRrrWww");
		}
	}
	picture_check_fill(mm, 0, 9, 0);
	CHECK_EQ(poke(mm, page_at(3), 0), SEGV(SEGV_CODE_ACCERR));
	CHECK_EQ(poke(mm, page_at(6), 7), 0);
	mmput(mm);
}

/* Every way in which part of the middle area can join its neighbours. */
TEST(protect_merges_with_neighbours)
{
	static const struct {
		const char *before;
		unsigned int start, end;
		char to;
		const char *after;
	} t[] = {
		{"WwRrWw", 2, 4, 'w', "Wwwwww"}, /* both sides */
		{"WwRrXx", 2, 4, 'w', "WwwwXx"}, /* prev, whole */
		{"XxRrWw", 2, 4, 'w', "XxWwww"}, /* next, whole */
		{"WwRrXx", 2, 3, 'w', "WwwRXx"}, /* boundary with prev */
		{"XxRrWw", 3, 4, 'w', "XxRWww"}, /* boundary with next */
		{"XxRrWw", 2, 3, 'w', "XxWRWw"}, /* no one */
		{"WwRrXx", 3, 4, 'w', "WwRWXx"},
		{"WwRrWw", 3, 4, 'w', "WwRWww"},
		{"WwRrWw", 2, 3, 'w', "WwwRWw"},
		{"WwRrWw", 0, 6, 'n', "Nnnnnn"},
		{"WwRrWw", 1, 5, 'r', "WRrrrW"},
		{"XxRrWw", 2, 4, 'r', "XxRrWw"}, /* nothing changes */
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(t); i++) {
		struct mm_struct *mm = picture_mm(t[i].before);

		CHECK_EQ(vm_mprotect(mm, page_at(t[i].start),
				     (t[i].end - t[i].start) << PAGE_SHIFT,
				     picture_prot(t[i].to)),
			 0);
		CHECK_PICTURE(mm, t[i].after);
		mmput(mm);
	}
}

/* Written memory stays promised, and so apart from what never was. */
TEST(protect_keeps_the_promise_for_written_memory)
{
	struct mm_struct *mm = picture_mm("WwRr");
	unsigned long before = vm_committed_pages();

	CHECK_EQ(vm_mprotect(mm, page_at(0), 2 * PAGE_SIZE, PROT_READ), 0);
	CHECK_PICTURE(mm, "Rrrr");
	CHECK_EQ(vm_committed_pages(), before - 2);
	CHECK_EQ(vm_mprotect(mm, page_at(0), 2 * PAGE_SIZE,
			     PROT_READ | PROT_WRITE),
		 0);
	CHECK_EQ(vm_committed_pages(), before);
	picture_fill(mm, 0, 1);
	CHECK_EQ(vm_mprotect(mm, page_at(0), 2 * PAGE_SIZE, PROT_READ), 0);
	CHECK_PICTURE(mm, "RrRr");
	CHECK_EQ(vm_committed_pages(), before);
	mmput(mm);
}

TEST(memory_made_inaccessible_keeps_its_contents)
{
	struct mm_struct *mm = picture_mm("Wwww");

	picture_fill(mm, 0, 4);
	CHECK_EQ(vm_mprotect(mm, page_at(0), 4 * PAGE_SIZE, PROT_NONE), 0);
	CHECK_PICTURE(mm, "Nnnn");
	CHECK_EQ(peek(mm, page_at(1)), -SEGV(SEGV_CODE_ACCERR));
	CHECK_EQ(get_mm_counter(mm, MM_ANONPAGES), 4);
	CHECK_EQ(vm_mprotect(mm, page_at(0), 4 * PAGE_SIZE,
			     PROT_READ | PROT_WRITE),
		 0);
	picture_check_fill(mm, 0, 4, 0);
	mmput(mm);
}

TEST(a_page_made_writable_again_needs_no_fault)
{
	struct mm_struct *mm = picture_mm("W");
	unsigned long faults;

	CHECK_EQ(poke(mm, page_at(0), 1), 0);
	vm_mprotect(mm, page_at(0), PAGE_SIZE, PROT_READ);
	CHECK_EQ(poke(mm, page_at(0), 2), SEGV(SEGV_CODE_ACCERR));
	vm_mprotect(mm, page_at(0), PAGE_SIZE, PROT_READ | PROT_WRITE);
	faults = mm->min_flt;
	CHECK_EQ(poke(mm, page_at(0), 3), 0);
	CHECK_EQ(mm->min_flt, faults);
	CHECK_EQ(peek(mm, page_at(0)), 3);
	mmput(mm);
}

TEST(the_zero_page_stays_read_only_when_protection_is_raised)
{
	struct mm_struct *mm = picture_mm("RrWw");

	CHECK_EQ(peek(mm, page_at(0)), 0);
	vm_mprotect(mm, page_at(0), PAGE_SIZE, PROT_READ | PROT_WRITE);
	CHECK_EQ(poke(mm, page_at(0), 9), 0);
	CHECK_EQ(peek(mm, page_at(1)), 0);
	CHECK_EQ(peek(mm, page_at(0)), 9);
	mmput(mm);
}

TEST(mprotect_rejects_what_linux_rejects)
{
	struct mm_struct *mm = picture_mm("WwRr.W");
	unsigned long len = PAGE_SIZE;

	CHECK_EQ(vm_mprotect(mm, page_at(0) + 1, len, 0), -EINVAL);
	CHECK_EQ(vm_mprotect(mm, page_at(0), 0, 0), 0);
	CHECK_EQ(vm_mprotect(mm, page_at(0), ~0UL, 0), -ENOMEM);
	CHECK_EQ(vm_mprotect(mm, page_at(0), len, 0x10), -EINVAL);
	CHECK_EQ(
		vm_mprotect(mm, page_at(0), len, PROT_GROWSDOWN | PROT_GROWSUP),
		-EINVAL);
	CHECK_EQ(vm_mprotect(mm, page_at(0), len, PROT_GROWSDOWN), -EINVAL);
	CHECK_EQ(vm_mprotect(mm, page_at(4), len, 0), -ENOMEM);
	CHECK_PICTURE(mm, "WwRr.W");
	/* As in Linux, what lies before the hole is changed. */
	CHECK_EQ(vm_mprotect(mm, page_at(3), 3 * len, PROT_NONE), -ENOMEM);
	CHECK_PICTURE(mm, "WwRN.W");
	mmput(mm);
}

TEST(prot_growsdown_reaches_to_the_start_of_the_stack_area)
{
	struct mm_struct *mm = picture_mm("..Ggg");

	CHECK_EQ(vm_mprotect(mm, page_at(4), PAGE_SIZE,
			     PROT_READ | PROT_GROWSDOWN),
		 0);
	CHECK_EQ(poke(mm, page_at(2), 1), SEGV(SEGV_CODE_ACCERR));
	mmput(mm);
}
