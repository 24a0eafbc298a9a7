/* SPDX-License-Identifier: MIT */
/*
 * vma_lock_test.c - faults beside mapping calls, and areas that vanish.
 */
#include "mm/aspace/vma_lock.c"

#include "test/aspace_picture.h"

static struct vm_area_struct *try_area(struct mm_struct *mm, unsigned long nr)
{
	bool by_mm;

	return lock_vma_under_rcu(mm, page_at(nr), 0, &by_mm);
}

/* Would need mmap_lock, which this very processor holds, and sleep for ever. */
TEST(faults_go_on_while_another_area_is_changed)
{
	struct mm_struct *mm = picture_mm("WwRrr");
	int code;

	picture_fill(mm, 0, 1);
	mmap_write_lock(mm);
	vma_start_write(find_vma(mm, page_at(2)));
	CHECK_EQ(mm_fault(mm, page_at(1), FAULT_FLAG_WRITE, &code), 0);
	CHECK(!try_area(mm, 2));
	mmap_write_unlock(mm);
	CHECK_EQ(get_mm_rss(mm), 2);
	CHECK_EQ(peek(mm, page_at(2)), 0);
	CHECK_PICTURE(mm, "WwRrr");
	mmput(mm);
}

TEST(leaving_the_lock_ends_all_marks)
{
	struct mm_struct *mm = picture_mm("WRXN");
	struct vm_area_struct *vma;

	mmap_write_lock(mm);
	for_each_vma(mm, vma)
		vma_start_write(vma);
	for (unsigned long i = 0; i < 4; i++)
		CHECK(!try_area(mm, i));
	mmap_write_downgrade(mm);
	for (unsigned long i = 0; i < 4; i++) {
		vma = try_area(mm, i);
		CHECK(vma && vma->vm_start == page_at(i));
		vma_end_read(vma);
	}
	mmap_read_unlock(mm);
	mmput(mm);
}

TEST(an_area_that_left_cannot_be_held)
{
	struct mm_struct *mm = picture_mm("W");
	struct vm_area_struct *vma = find_vma(mm, page_at(0));

	CHECK_EQ(vm_munmap(mm, page_at(0), PAGE_SIZE), 0);
	CHECK_EQ(vma->vm_refcnt, 0);
	CHECK(!raise_count(vma));
	CHECK(!try_area(mm, 0));
	mmput(mm);
}

/* The first anonymous page: mmap_lock, and the same area. */
TEST(the_first_page_of_an_area_is_faulted_under_mmap_lock)
{
	struct mm_struct *mm = picture_mm("WS");
	struct vm_area_struct *vma;
	bool by_mm;

	vma = lock_vma_under_rcu(mm, page_at(0), FAULT_FLAG_WRITE, &by_mm);
	CHECK(vma == find_vma(mm, page_at(0)) && by_mm);
	CHECK(rwsem_is_locked(&mm->mmap_lock));
	mmap_read_unlock(mm);
	vma = lock_vma_under_rcu(mm, page_at(1), FAULT_FLAG_WRITE, &by_mm);
	CHECK(vma == find_vma(mm, page_at(1)) && !by_mm);
	vma_end_read(vma);
	mmput(mm);
}

#define OWN_PAGES 6

struct churn {
	struct mm_struct *mm;
	unsigned int nr_rounds;
};

/*
 * Odd processors write their own area, which never changes; even ones map,
 * cut, move and unmap next to them, so that areas come, go and are used again.
 */
static void fault_or_map(void *arg, unsigned int k)
{
	struct churn *c = arg;
	unsigned long at = 100 + 20UL * k, len = OWN_PAGES << PAGE_SHIFT;

	for (unsigned int i = 0; i < c->nr_rounds; i++) {
		unsigned long page = page_at(at + i % OWN_PAGES);

		if (k % 2) {
			CHECK_EQ(poke(c->mm, page, (u8)i), 0);
			CHECK_EQ(peek(c->mm, page), (u8)i);
			if (i % 3 == 0)
				CHECK_EQ(vm_madvise(c->mm, page, PAGE_SIZE,
						    MADV_DONTNEED),
					 0);
			continue;
		}
		CHECK_EQ(vm_mmap(c->mm, NULL, page_at(at), len,
				 PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0),
			 page_at(at));
		CHECK_EQ(poke(c->mm, page, 1), 0);
		CHECK_EQ(vm_mprotect(c->mm, page_at(at + 2), PAGE_SIZE,
				     PROT_READ),
			 0);
		CHECK_EQ(vm_mremap(c->mm, page_at(at), PAGE_SIZE, PAGE_SIZE,
				   MREMAP_MAYMOVE | MREMAP_FIXED,
				   page_at(at + OWN_PAGES)),
			 page_at(at + OWN_PAGES));
		CHECK_EQ(vm_munmap(c->mm, page_at(at), len + PAGE_SIZE), 0);
		CHECK_EQ(peek(c->mm, page), -SEGV(SEGV_CODE_MAPERR));
	}
}

static void churn(unsigned int nr_rounds)
{
	struct churn c = {picture_mm(""), nr_rounds};

	for (unsigned long k = 1; k < 8; k += 2)
		CHECK_EQ(vm_mmap(c.mm, NULL, page_at(100 + 20 * k),
				 OWN_PAGES << PAGE_SHIFT,
				 PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0),
			 page_at(100 + 20 * k));
	test_run_on_cpus(4, fault_or_map, &c);
	CHECK_PICTURE(c.mm, "....");
	mmput(c.mm);
}

TEST(areas_come_and_go_beside_faults)
{
	churn(80);
}

#ifndef QUIRE_METAL
static const struct soft_layout seeded = {.mode = SOFT_SEEDED};

TEST_MACHINE(areas_come_and_go_in_a_drawn_order, &seeded)
{
	churn(60);
}
#endif
