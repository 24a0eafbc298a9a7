/* SPDX-License-Identifier: MIT */
/*
 * mincore.c - which pages of an address space are in memory.
 *
 * 1. What an entry maps is, whatever it is and also where it may not be
 *    touched (PROT_NONE).  Where there is no entry, a page of anonymous memory
 *    is not there, and one of a file is if the cache has it: also private
 *    mappings, whose copies would be made from it.
 * 2. Locking.  mmap_lock for reading; entries and the cache are looked at
 *    without more: the answer is old when it arrives.
 *
 * Source: mincore(2).
 */
#include <quire/pgtable.h>

#include "mm/cache/internal.h"

static void look_at_file(const struct vm_area_struct *vma, unsigned long start,
			 unsigned long nr, u8 *vec)
{
	struct address_space *mapping = vma->vm_file->mapping;
	pgoff_t pgoff = ((start - vma->vm_start) >> PAGE_SHIFT) + vma->vm_pgoff;

	for (unsigned long i = 0; i < nr; i++) {
		struct page *page = filemap_get_page(mapping, pgoff + i);

		vec[i] = page && PageUptodate(page);
		if (page)
			put_page(page);
	}
}

struct look {
	unsigned long start;
	u8 *vec;
};

static int look_at_entry(pte_t *ptep, unsigned int level, unsigned long addr,
			 void *arg)
{
	struct look *look = arg;

	(void)level;
	if (pte_maps_page(ptep_get(ptep)))
		look->vec[(addr - look->start) >> PAGE_SHIFT] = 1;
	return 0;
}

/* [start, start + nr pages) lies in vma. */
static void look_at_area(const struct vm_area_struct *vma, unsigned long start,
			 unsigned long nr, u8 *vec,
			 bool (*may_look)(const struct vm_area_struct *vma))
{
	struct look look = {start, vec};
	bool file = vma->vm_ops && vma->vm_file && vma->vm_file->mapping;

	if (vma->vm_ops && !may_look(vma)) {
		memset(vec, 1, nr);
		return;
	}
	if (file)
		look_at_file(vma, start, nr, vec);
	else
		memset(vec, 0, nr);
	pgtable_for_each(vma->vm_mm->pgd, start, start + (nr << PAGE_SHIFT),
			 look_at_entry, &look);
}

long vm_mincore(struct mm_struct *mm, unsigned long start, unsigned long nr,
		u8 *vec, bool (*may_look)(const struct vm_area_struct *vma))
{
	struct vm_area_struct *vma;
	unsigned long done = 0;

	mmap_read_lock(mm);
	while (done < nr) {
		unsigned long addr = start + (done << PAGE_SHIFT), n;

		vma = find_vma(mm, addr);
		if (!vma || vma->vm_start > addr)
			break;
		n = min(nr - done, (vma->vm_end - addr) >> PAGE_SHIFT);
		look_at_area(vma, addr, n, vec + done, may_look);
		done += n;
	}
	mmap_read_unlock(mm);
	return done ? (long)done : -ENOMEM;
}
