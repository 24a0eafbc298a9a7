/* SPDX-License-Identifier: MIT */
/*
 * layout_test.c - where exec puts things, with and without randomisation.
 */
#include "mm/aspace/layout.c"

#include "test/aspace_picture.h"

TEST(without_randomisation_everything_is_where_linux_puts_it)
{
	struct mm_layout layout = {.rlim_stack = 8UL << 20};
	struct mm_struct *mm = picture_mm("");
	unsigned long top;

	if (TASK_SIZE != 0x7ffffffff000UL)
		return mmput(mm); /* a machine with other tables */
	mm_pick_layout(mm, &layout);
	CHECK_EQ(mm->mmap_base, 0x7ffff7fff000UL);
	CHECK_EQ(mm_setup_stack(mm, &top), 0);
	CHECK_EQ(top, 0x7ffffffff000UL);
	mm_set_brk(mm, 0x4c1234, &layout);
	CHECK_EQ(mm->start_brk, 0x4c2000);
	CHECK_EQ(poke(mm, top - 1, 1), 0);
	CHECK_EQ(poke(mm, top - (1UL << 20), 1), 0);
	CHECK_EQ(mm->stack_vm, 256);
	mmput(mm);
}

TEST(randomisation_moves_all_three_within_linux_bounds)
{
	struct mm_layout layout = {true, true, 8UL << 20};
	struct mm_struct *mm = picture_mm("");
	unsigned long seen[3] = {0};

	for (int i = 0; i < 50; i++) {
		mm_pick_layout(mm, &layout);
		mm_set_brk(mm, 0x400000, &layout);
		CHECK(IS_ALIGNED(mm->mmap_base | mm->start_stack | mm->brk,
				 PAGE_SIZE));
		CHECK(mm->start_stack <= TASK_SIZE);
		CHECK(mm->start_stack > TASK_SIZE - (16UL << 30));
		CHECK(mm->mmap_base < mm->start_stack - layout.rlim_stack);
		CHECK(mm->brk >= 0x400000 && mm->brk < 0x400000 + (32 << 20));
		CHECK(i == 0 || seen[0] != mm->mmap_base ||
		      seen[1] != mm->start_stack || seen[2] != mm->brk);
		seen[0] = mm->mmap_base;
		seen[1] = mm->start_stack;
		seen[2] = mm->brk;
	}
	mmput(mm);
}

TEST(a_special_area_shows_the_kernels_frames_and_survives_fork)
{
	struct mm_struct *mm = picture_mm(""), *child;
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	unsigned long flags = VM_READ | VM_EXEC | VM_MAYREAD | VM_MAYEXEC;
	unsigned long a = 0;

	CHECK(page);
	*(u8 *)page_address(page) = 42;
	EACH_FAILURE(n) {
		a = vm_map_special(mm, &page, 1, flags, "[vdso]");
		if (IS_ERR_VALUE(a))
			CHECK_EQ(mm->map_count, 0);
	}
	CHECK(!IS_ERR_VALUE(a));
	CHECK_EQ(peek(mm, a), 42);
	CHECK_EQ(poke(mm, a, 1), SEGV(SEGV_CODE_ACCERR));
	CHECK_STR(find_vma(mm, a)->vm_ops->name(find_vma(mm, a)), "[vdso]");
	child = dup_mm(mm);
	CHECK(!IS_ERR(child));
	mmput(mm);
	CHECK_EQ(peek(child, a), 42);
	mmput(child);
	CHECK_EQ(page_ref_count(page), 1);
	__free_page(page);
}
