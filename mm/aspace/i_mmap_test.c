/* SPDX-License-Identifier: MIT */
/*
 * i_mmap_test.c - the tree from pages to areas, against a plain list.
 */
#include "mm/aspace/i_mmap.c"

#include "test/test.h"

#define NR_AREAS 60

/* All areas that overlap, in tree order, are found once each. */
static void check_query(struct address_space *mapping,
			const struct vm_area_struct *vmas, const bool *in,
			pgoff_t first, pgoff_t last)
{
	const struct vm_area_struct *vma, *before = NULL;
	int found = 0, expected = 0;

	for (int i = 0; i < NR_AREAS; i++)
		expected += in[i] && vmas[i].vm_pgoff <= last &&
			    interval_end(&vmas[i]) >= first;
	for (struct vm_area_struct *v = i_mmap_first(mapping, first, last); v;
	     v = i_mmap_next(v, first, last)) {
		vma = v;
		CHECK(vma->vm_pgoff <= last && interval_end(vma) >= first);
		CHECK(!before || before->vm_pgoff <= vma->vm_pgoff);
		before = vma;
		found++;
	}
	CHECK_EQ(found, expected);
}

TEST(the_areas_of_a_page_range_are_found_in_order)
{
	static struct vm_area_struct vmas[NR_AREAS];
	static bool in[NR_AREAS];
	struct address_space mapping = {
		.i_mmap_lock = SPINLOCK_INIT(LOCK_RANK_I_MMAP)};

	memset(in, 0, sizeof(in));
	spin_lock(&mapping.i_mmap_lock);
	for (int step = 0; step < 3000; step++) {
		u64 i = test_random_below(NR_AREAS);
		pgoff_t first = test_random_below(120);

		if (in[i]) {
			i_mmap_remove(&vmas[i], &mapping);
		} else {
			vmas[i].vm_start = 0;
			vmas[i].vm_end = (1 + test_random_below(9))
					 << PAGE_SHIFT;
			vmas[i].vm_pgoff = test_random_below(100);
			i_mmap_insert(&vmas[i], &mapping);
		}
		in[i] = !in[i];
		check_query(&mapping, vmas, in, first,
			    first + test_random_below(10));
	}
	spin_unlock(&mapping.i_mmap_lock);
}

TEST(a_copy_stands_behind_its_original)
{
	struct vm_area_struct a = {.vm_end = PAGE_SIZE, .vm_pgoff = 3}, b = a;
	struct address_space mapping = {
		.i_mmap_lock = SPINLOCK_INIT(LOCK_RANK_I_MMAP)};

	spin_lock(&mapping.i_mmap_lock);
	i_mmap_insert(&a, &mapping);
	i_mmap_insert(&b, &mapping);
	CHECK(i_mmap_first(&mapping, 0, 9) == &a);
	CHECK(i_mmap_next(&a, 0, 9) == &b);
	spin_unlock(&mapping.i_mmap_lock);
}
