/* SPDX-License-Identifier: MIT */
/*
 * mlock_test.c - locking, its limits and its errors.
 */
#include "mm/aspace/mlock.c"

#include "test/aspace_picture.h"

#define RW (PROT_READ | PROT_WRITE)

static bool may_all(enum mm_capability cap)
{
	(void)cap;
	return true;
}

static int lock(struct mm_struct *mm, unsigned long from, unsigned long nr)
{
	return vm_mlock(mm, page_at(from), nr << PAGE_SHIFT, false);
}

/* Which of nr pages are mapped to a frame, as a string. */
static const char *in_memory(struct mm_struct *mm, unsigned long nr)
{
	static char text[PICTURE_MAX + 1];

	for (unsigned long i = 0; i < nr; i++) {
		const struct vm_area_struct *vma = find_vma(mm, page_at(i));
		const pte_t *ptep = pte_lookup(mm, page_at(i));

		text[i] = '.';
		if (vma && vma->vm_start <= page_at(i))
			text[i] = ptep && pte_maps_page(ptep_get(ptep)) ? '1'
									: '0';
	}
	text[nr] = 0;
	return text;
}

TEST(locking_brings_pages_in_and_cuts_the_area)
{
	struct mm_struct *mm = picture_mm("Wwwwww");

	CHECK_EQ(lock(mm, 2, 2), 0);
	CHECK_PICTURE(mm, "WwWwWw");
	CHECK_EQ(mm->locked_vm, 2);
	CHECK_STR(in_memory(mm, 7), "001100.");
	/* Bytes are rounded out to whole pages. */
	CHECK_EQ(vm_mlock(mm, page_at(1) + 4095, 2, false), 0);
	CHECK_EQ(mm->locked_vm, 3);
	CHECK_EQ(vm_munlock(mm, page_at(0), 6 * PAGE_SIZE), 0);
	CHECK_EQ(mm->locked_vm, 0);
	CHECK_PICTURE(mm, "Wwwwww");
	mmput(mm);
}

TEST(locking_on_fault_waits_for_the_touch)
{
	struct mm_struct *mm = picture_mm("Wwww");

	CHECK_EQ(vm_mlock(mm, page_at(0), 4 * PAGE_SIZE, true), 0);
	CHECK_EQ(mm->locked_vm, 4);
	CHECK_STR(in_memory(mm, 4), "0000");
	CHECK_EQ(poke(mm, page_at(1), 1), 0);
	CHECK_STR(in_memory(mm, 4), "0100");
	CHECK_EQ(lock(mm, 0, 4), 0);
	CHECK_EQ(mm->locked_vm, 4);
	CHECK_STR(in_memory(mm, 4), "1111");
	mmput(mm);
}

TEST(a_hole_ends_locking_with_what_lies_in_front_locked)
{
	struct mm_struct *mm = picture_mm("Ww.Ww");

	CHECK_EQ(lock(mm, 0, 5), -ENOMEM);
	CHECK_EQ(mm->locked_vm, 2);
	CHECK_EQ(vm_munlock(mm, page_at(0), 5 * PAGE_SIZE), -ENOMEM);
	CHECK_EQ(mm->locked_vm, 0);
	CHECK_EQ(lock(mm, 2, 1), -ENOMEM);
	CHECK_EQ(lock(mm, 2, 0), 0);
	CHECK_EQ(vm_mlock(mm, page_at(0), ~0UL - PAGE_SIZE, false), -EINVAL);
	mmput(mm);
}

TEST(what_cannot_be_touched_is_locked_and_said_to_fail)
{
	struct mm_struct *mm = picture_mm("Nn");

	CHECK_EQ(lock(mm, 0, 2), -ENOMEM);
	CHECK_EQ(mm->locked_vm, 2);
	mmput(mm);
}

TEST(the_limit_counts_each_page_once_and_spares_root)
{
	struct mm_struct *mm = picture_mm("Wwwwww");

	mm->rlim_memlock = 3 * PAGE_SIZE + 1;
	CHECK_EQ(lock(mm, 0, 3), 0);
	CHECK_EQ(lock(mm, 1, 2), 0);
	CHECK_EQ(lock(mm, 3, 1), -ENOMEM);
	CHECK_EQ(vm_mlockall(mm, MCL_CURRENT), -ENOMEM);
	mm->rlim_memlock = 0;
	CHECK_EQ(lock(mm, 0, 1), -EPERM);
	CHECK_EQ(vm_mlockall(mm, MCL_FUTURE), -EPERM);
	mm_capable = may_all;
	CHECK_EQ(lock(mm, 0, 6), 0);
	mm_capable = NULL;
	CHECK_EQ(mm->locked_vm, 6);
	CHECK_EQ(vm_munlockall(mm), 0);
	CHECK_EQ(mm->locked_vm, 0);
	CHECK_PICTURE(mm, "Wwwwww");
	mmput(mm);
}

TEST(mlockall_is_about_now_and_later)
{
	struct mm_struct *mm = picture_mm("WwRr..");

	CHECK_EQ(vm_mlockall(mm, 0), -EINVAL);
	CHECK_EQ(vm_mlockall(mm, MCL_ONFAULT), -EINVAL);
	CHECK_EQ(vm_mlockall(mm, 8), -EINVAL);
	CHECK_EQ(vm_mlockall(mm, MCL_CURRENT | MCL_FUTURE), 0);
	CHECK_EQ(mm->locked_vm, 4);
	picture_map(mm, ".....Ww");
	CHECK_EQ(mm->locked_vm, 6);
	CHECK_STR(in_memory(mm, 7), "1111.11");
	CHECK_EQ(vm_mlockall(mm, MCL_FUTURE | MCL_ONFAULT), 0);
	picture_map(mm, ".......Ww");
	CHECK_EQ(mm->locked_vm, 8);
	CHECK_STR(in_memory(mm, 9), "1111.1100");
	CHECK_EQ(vm_munlockall(mm), 0);
	picture_map(mm, ".........Ww");
	CHECK_EQ(mm->locked_vm, 0);
	mmput(mm);
}

TEST(a_child_has_nothing_locked)
{
	struct mm_struct *mm = picture_mm("Ww"), *child;

	CHECK_EQ(vm_mlock(mm, page_at(0), 2 * PAGE_SIZE, true), 0);
	child = dup_mm(mm);
	CHECK(!IS_ERR(child));
	CHECK_EQ(child->locked_vm, 0);
	CHECK_PICTURE(child, "Ww");
	mmput(child);
	mmput(mm);
}

TEST(locking_without_memory_says_eagain_or_leaves_all_as_it_was)
{
	struct mm_struct *mm = picture_mm("Wwwwww");

	EACH_FAILURE(n) {
		int err = lock(mm, 2, 2);

		if (err) {
			CHECK(failure_was_injected());
			CHECK(err == (mm->locked_vm ? -EAGAIN : -ENOMEM));
		} else {
			CHECK_EQ(mm->locked_vm, 2);
		}
		failure_pause();
		CHECK_EQ(vm_munlock(mm, page_at(0), 6 * PAGE_SIZE), 0);
		CHECK_EQ(vm_madvise(mm, page_at(0), 6 * PAGE_SIZE,
				    MADV_DONTNEED),
			 0);
		failure_resume();
		CHECK_PICTURE(mm, "Wwwwww");
	}
	mmput(mm);
}
