/* SPDX-License-Identifier: MIT */
/*
 * mmap_test.c - mmap, munmap and brk as the man pages have them.
 */
#include "mm/aspace/mmap.c"

#include "test/aspace_picture.h"

static unsigned long anon(struct mm_struct *mm, unsigned long addr,
			  unsigned long nr, unsigned long prot,
			  unsigned long flags)
{
	return vm_mmap(mm, NULL, addr, nr << PAGE_SHIFT, prot,
		       MAP_ANONYMOUS | flags, 0);
}

TEST(mmap_rejects_what_linux_rejects)
{
	struct mm_struct *mm = picture_mm("Www");
	unsigned long p = MAP_PRIVATE | MAP_ANONYMOUS;

	CHECK_EQ(vm_mmap(mm, NULL, 0, 0, 0, p, 0), -EINVAL);
	CHECK_EQ(vm_mmap(mm, NULL, 0, ~0UL, 0, p, 0), -ENOMEM);
	CHECK_EQ(vm_mmap(mm, NULL, 0, TASK_SIZE + 1, 0, p, 0), -ENOMEM);
	CHECK_EQ(vm_mmap(mm, NULL, 0, PAGE_SIZE, 0, p, ~0UL), -EOVERFLOW);
	CHECK_EQ(vm_mmap(mm, NULL, 0, PAGE_SIZE, 0, MAP_ANONYMOUS, 0), -EINVAL);
	CHECK_EQ(vm_mmap(mm, NULL, 0, PAGE_SIZE, 0,
			 MAP_ANONYMOUS | MAP_SHARED_VALIDATE, 0),
		 -EINVAL);
	CHECK_EQ(vm_mmap(mm, NULL, 0, PAGE_SIZE, 0, p | MAP_HUGETLB, 0),
		 -EINVAL);
	CHECK_EQ(vm_mmap(mm, NULL, 4097, PAGE_SIZE, 0, p | MAP_FIXED, 0),
		 -EINVAL);
	CHECK_EQ(vm_mmap(mm, NULL, 4096, PAGE_SIZE, 0, p | MAP_FIXED, 0),
		 -EPERM);
	CHECK_EQ(vm_mmap(mm, NULL, TASK_SIZE, PAGE_SIZE, 0, p | MAP_FIXED, 0),
		 -ENOMEM);
	CHECK_EQ(vm_mmap(mm, NULL, page_at(2), PAGE_SIZE, 0,
			 p | MAP_FIXED_NOREPLACE, 0),
		 -EEXIST);
	CHECK_EQ(vm_mmap(mm, NULL, 0, PAGE_SIZE, 0,
			 MAP_ANONYMOUS | MAP_SHARED | MAP_GROWSDOWN, 0),
		 -EINVAL);
	CHECK_PICTURE(mm, "Www");
	mmput(mm);
}

TEST(a_low_hint_is_rounded_up_to_the_lowest_address)
{
	struct mm_struct *mm = picture_mm("");

	CHECK_EQ(anon(mm, 1, 1, 0, MAP_PRIVATE), mm->mmap_base - PAGE_SIZE);
	CHECK_EQ(anon(mm, PAGE_SIZE, 1, 0, MAP_PRIVATE), sysctl_mmap_min_addr);
	mmput(mm);
}

TEST(mappings_lie_top_down_below_mmap_base_and_merge)
{
	struct mm_struct *mm = picture_mm("");
	unsigned long rw = PROT_READ | PROT_WRITE;
	unsigned long a = anon(mm, 0, 3, rw, MAP_PRIVATE);
	unsigned long b = anon(mm, 0, 2, rw, MAP_PRIVATE);

	CHECK_EQ(a, mm->mmap_base - 3 * PAGE_SIZE);
	CHECK_EQ(b, a - 2 * PAGE_SIZE);
	CHECK_EQ(mm->map_count, 1);
	CHECK_EQ(vm_munmap(mm, a, PAGE_SIZE), 0);
	CHECK_EQ(mm->map_count, 2);
	CHECK_EQ(anon(mm, 0, 1, rw, MAP_PRIVATE), a);
	CHECK_EQ(mm->map_count, 1);
	CHECK_EQ(mm->total_vm, 5);
	mmput(mm);
}

TEST(map_32bit_lies_in_the_second_gigabyte)
{
	struct mm_struct *mm = picture_mm("");
	unsigned long a = anon(mm, 0, 1, 0, MAP_PRIVATE | MAP_32BIT);

	CHECK_EQ(a, 0x40000000UL);
	CHECK_EQ(anon(mm, 0, 0x40000000UL >> PAGE_SHIFT, 0,
		      MAP_PRIVATE | MAP_32BIT),
		 -ENOMEM);
	mmput(mm);
}

TEST(when_below_mmap_base_is_full_the_search_goes_bottom_up)
{
	struct mm_struct *mm = picture_mm("");
	unsigned long a;

	mm->mmap_base = sysctl_mmap_min_addr + 2 * PAGE_SIZE;
	CHECK_EQ(anon(mm, 0, 2, 0, MAP_PRIVATE), sysctl_mmap_min_addr);
	a = anon(mm, 0, 1, 0, MAP_PRIVATE);
	CHECK_EQ(a, mm->mmap_legacy_base);
	mmput(mm);
}

/*
 *   page    0 1 2 3 4 5 6 7
 *   before  W w w w R r . W
 *   after   W w . . . r . W      munmap [2, 5)
 */
TEST(munmap_cuts_at_both_ends_or_changes_nothing)
{
	struct mm_struct *mm = picture_mm("WwwwRr.W");

	picture_fill(mm, 0, 4);
	EACH_FAILURE(n) {
		int err = vm_munmap(mm, page_at(2), 3 * PAGE_SIZE);

		if (failure_was_injected() && err) {
			CHECK_EQ(err, -ENOMEM);
			CHECK_PICTURE(mm, "WwwwRr.W");
		} else {
			CHECK_EQ(err, 0);
			CHECK_PICTURE(mm, "Ww...R.W");
		}
	}
	picture_check_fill(mm, 0, 2, 0);
	CHECK_EQ(get_mm_counter(mm, MM_ANONPAGES), 2);
	mmput(mm);
}

TEST(munmap_in_the_middle_makes_two_areas_or_changes_nothing)
{
	struct mm_struct *mm = picture_mm("Wwwwww");

	picture_fill(mm, 0, 6);
	EACH_FAILURE(n) {
		int err = vm_munmap(mm, page_at(2), 2 * PAGE_SIZE);

		CHECK_PICTURE(mm, err ? "Wwwwww" : "Ww..Ww");
		CHECK(err == 0 || (failure_was_injected() && err == -ENOMEM));
	}
	picture_check_fill(mm, 4, 6, 4);
	CHECK_EQ(peek(mm, page_at(2)), -SEGV(SEGV_CODE_MAPERR));
	mmput(mm);
}

TEST(munmap_checks_its_arguments)
{
	struct mm_struct *mm = picture_mm("Www");

	CHECK_EQ(vm_munmap(mm, page_at(0) + 1, PAGE_SIZE), -EINVAL);
	CHECK_EQ(vm_munmap(mm, page_at(0), 0), -EINVAL);
	CHECK_EQ(vm_munmap(mm, TASK_SIZE + PAGE_SIZE, PAGE_SIZE), -EINVAL);
	CHECK_EQ(vm_munmap(mm, page_at(0), TASK_SIZE), -EINVAL);
	CHECK_EQ(vm_munmap(mm, page_at(8), PAGE_SIZE), 0);
	CHECK_PICTURE(mm, "Www");
	CHECK_EQ(vm_munmap(mm, page_at(1), 1), 0);
	CHECK_PICTURE(mm, "W.W");
	mmput(mm);
}

/*
 *   page    0 1 2 3 4 5
 *   before  W w w w w w
 *   after   W w R r W w      MAP_FIXED over [2, 4)
 */
TEST(fixed_replaces_or_changes_nothing)
{
	struct mm_struct *mm = picture_mm("Wwwwww");

	picture_fill(mm, 0, 6);
	EACH_FAILURE(n) {
		unsigned long a = anon(mm, page_at(2), 2, PROT_READ,
				       MAP_PRIVATE | MAP_FIXED);

		if (IS_ERR_VALUE(a)) {
			CHECK_EQ(a, -ENOMEM);
			CHECK_PICTURE(mm, "Wwwwww");
			picture_check_fill(mm, 0, 6, 0);
		} else {
			CHECK_PICTURE(mm, "WwRrWw");
		}
	}
	CHECK_EQ(peek(mm, page_at(2)), 0);
	picture_check_fill(mm, 4, 6, 4);
	mmput(mm);
}

TEST(fixed_of_the_same_kind_merges_with_both_sides)
{
	struct mm_struct *mm = picture_mm("Wwwwww");

	picture_fill(mm, 0, 6);
	anon(mm, page_at(2), 2, PROT_READ | PROT_WRITE,
	     MAP_PRIVATE | MAP_FIXED);
	CHECK_PICTURE(mm, "Wwwwww");
	CHECK_EQ(peek(mm, page_at(2)), 0);
	picture_check_fill(mm, 4, 6, 4);
	mmput(mm);
}

TEST(rlimit_as_and_data_are_kept)
{
	struct mm_struct *mm = picture_mm("Www");

	mm->rlim_as = 4 * PAGE_SIZE;
	CHECK_EQ(anon(mm, 0, 2, PROT_READ, MAP_PRIVATE), -ENOMEM);
	CHECK(!IS_ERR_VALUE(anon(mm, 0, 1, PROT_READ, MAP_PRIVATE)));
	/* Replacing does not grow. */
	CHECK_EQ(anon(mm, page_at(0), 3, PROT_READ, MAP_PRIVATE | MAP_FIXED),
		 page_at(0));
	mm->rlim_as = ~0UL;
	mm->rlim_data = 1 * PAGE_SIZE;
	CHECK(!IS_ERR_VALUE(anon(mm, 0, 9, PROT_READ, MAP_PRIVATE)));
	CHECK_EQ(anon(mm, 0, 2, PROT_WRITE, MAP_PRIVATE), -ENOMEM);
	mmput(mm);
}

TEST(the_number_of_areas_is_limited)
{
	struct mm_struct *mm = picture_mm("R.R.R.Wwww");
	unsigned int old = sysctl_max_map_count;

	sysctl_max_map_count = 4;
	CHECK(!IS_ERR_VALUE(
		anon(mm, page_at(20), 1, PROT_READ, MAP_PRIVATE | MAP_FIXED)));
	CHECK_EQ(anon(mm, page_at(30), 1, PROT_READ, MAP_PRIVATE | MAP_FIXED),
		 -ENOMEM);
	CHECK_EQ(vm_munmap(mm, page_at(7), PAGE_SIZE), -ENOMEM);
	CHECK_EQ(vm_mprotect(mm, page_at(7), PAGE_SIZE, PROT_READ), -ENOMEM);
	sysctl_max_map_count = old;
	CHECK_PICTURE(mm, "R.R.R.Wwww");
	mmput(mm);
}

TEST(one_request_above_all_memory_fails_unless_noreserve)
{
	struct mm_struct *mm = picture_mm("");
	unsigned long nr = totalram_pages() + 1;
	unsigned long before = vm_committed_pages();

	CHECK_EQ(anon(mm, 0, nr, PROT_WRITE, MAP_PRIVATE), -ENOMEM);
	CHECK(!IS_ERR_VALUE(anon(mm, 0, nr, PROT_READ, MAP_PRIVATE)));
	CHECK(!IS_ERR_VALUE(
		anon(mm, 0, nr, PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE)));
	CHECK_EQ(vm_committed_pages(), before);
	CHECK(!IS_ERR_VALUE(anon(mm, 0, 10, PROT_WRITE, MAP_PRIVATE)));
	CHECK_EQ(vm_committed_pages(), before + 10);
	mmput(mm);
	CHECK_EQ(vm_committed_pages(), before);
}

TEST(populate_leaves_no_fault_to_the_program)
{
	struct mm_struct *mm = picture_mm("");
	unsigned long a = anon(mm, 0, 8, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_POPULATE);

	CHECK_EQ(get_mm_counter(mm, MM_ANONPAGES), 8);
	CHECK_EQ(poke(mm, a + 7 * PAGE_SIZE, 1), 0);
	CHECK_EQ(mm->min_flt, 0);
	mmput(mm);
}

TEST(locked_memory_is_populated_and_limited)
{
	struct mm_struct *mm = picture_mm("");
	unsigned long a;

	mm->rlim_memlock = 4 * PAGE_SIZE;
	a = anon(mm, 0, 3, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_LOCKED);
	CHECK_EQ(get_mm_counter(mm, MM_ANONPAGES), 3);
	CHECK_EQ(mm->locked_vm, 3);
	CHECK_EQ(anon(mm, 0, 2, PROT_READ, MAP_PRIVATE | MAP_LOCKED), -EAGAIN);
	vm_munmap(mm, a, 2 * PAGE_SIZE);
	CHECK_EQ(mm->locked_vm, 1);
	mm->rlim_memlock = 0;
	CHECK_EQ(anon(mm, 0, 2, PROT_READ, MAP_PRIVATE | MAP_LOCKED), -EPERM);
	mmput(mm);
}

TEST(brk_grows_shrinks_and_stays_when_it_cannot)
{
	struct mm_struct *mm = picture_mm("........R");
	unsigned long start = page_at(0) + 100;

	mm->start_brk = start;
	mm->brk = start;
	mm->start_brk = PAGE_ALIGN(start);
	mm->brk = mm->start_brk;
	CHECK_EQ(vm_brk(mm, 0), page_at(1));
	CHECK_EQ(vm_brk(mm, page_at(3) + 5), page_at(3) + 5);
	CHECK_PICTURE(mm, ".Www....R");
	CHECK_EQ(vm_brk(mm, page_at(5)), page_at(5));
	CHECK_PICTURE(mm, ".Wwww...R");
	CHECK_EQ(poke(mm, page_at(4), 7), 0);
	/* A page stays free below the next area. */
	CHECK_EQ(vm_brk(mm, page_at(8)), page_at(5));
	CHECK_EQ(vm_brk(mm, page_at(7)), page_at(7));
	CHECK_EQ(vm_brk(mm, page_at(2) + 1), page_at(2) + 1);
	CHECK_PICTURE(mm, ".Ww.....R");
	CHECK_EQ(vm_brk(mm, page_at(0)), page_at(2) + 1);
	mm->rlim_data = 3 * PAGE_SIZE;
	CHECK_EQ(vm_brk(mm, page_at(5)), page_at(2) + 1);
	CHECK_EQ(vm_brk(mm, page_at(4)), page_at(4));
	CHECK_EQ(vm_brk(mm, page_at(1)), page_at(1));
	CHECK_PICTURE(mm, "........R");
	mmput(mm);
}

TEST(brk_fails_without_a_trace)
{
	struct mm_struct *mm = picture_mm("");

	mm->start_brk = page_at(1);
	mm->brk = page_at(1);
	EACH_FAILURE(n) {
		unsigned long brk = vm_brk(mm, page_at(4));

		if (brk == page_at(1))
			CHECK_PICTURE(mm, ".....");
		else
			CHECK_PICTURE(mm, ".Www.");
	}
	CHECK_EQ(mm->brk, page_at(4));
	mmput(mm);
}

TEST(tables_go_with_the_last_area_that_needs_them)
{
	struct mm_struct *mm = picture_mm("");
	unsigned long far = PICTURE_BASE + (1UL << 32);
	unsigned long rw = PROT_READ | PROT_WRITE;

	for (int i = 0; i < 2; i++) {
		anon(mm, page_at(0), 1, rw, MAP_PRIVATE | MAP_FIXED);
		anon(mm, page_at(2), 1, rw, MAP_PRIVATE | MAP_FIXED);
		anon(mm, far, 1, rw, MAP_PRIVATE | MAP_FIXED);
		CHECK_EQ(poke(mm, page_at(0), 1), 0);
		CHECK_EQ(poke(mm, page_at(2), 1), 0);
		CHECK_EQ(poke(mm, far, 1), 0);
		CHECK_EQ(vm_munmap(mm, page_at(0), PAGE_SIZE), 0);
		CHECK_PICTURE(mm, "..W");
		CHECK_EQ(peek(mm, page_at(2)), 1);
		CHECK_EQ(vm_munmap(mm, far, PAGE_SIZE), 0);
		CHECK_PICTURE(mm, "..W");
		CHECK_EQ(vm_munmap(mm, page_at(2), PAGE_SIZE), 0);
		CHECK_EQ(mm->pgtables_bytes, 0);
	}
	mmput(mm);
}
