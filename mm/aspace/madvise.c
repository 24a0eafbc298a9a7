/* SPDX-License-Identifier: MIT */
/*
 * madvise.c - what a program says about its future use of memory.
 *
 * 1. Each advice is one row of a table: whether it works with mmap_lock held
 *    for writing, and the function that applies it to a part of one area.
 *    An advice without a row gets EINVAL, as from a kernel built without the
 *    feature: nothing is accepted and ignored.
 * 2. Holes.  As in Linux the mapped parts of the range are advised and the
 *    call then gives ENOMEM.
 * 3. MADV_FREE lets the pages be freed at any time until they are written
 *    again.  There is no reclaim that could wait, so they are freed at once.
 * 4. MADV_WILLNEED has nothing to read in: memory files are always resident
 *    and nothing is swapped out.
 *
 * Source: madvise(2).
 */
#include "mm/aspace/mmu_gather.h"

struct advice {
	bool known;
	bool exclusive; /* changes areas: mmap_lock for writing */
	int (*apply)(struct vm_area_struct **vma, unsigned long start,
		     unsigned long end, int advice);
};

/* New flags for part of *vma, which becomes the area that holds it. */
static int change_flags(struct vm_area_struct **vma, unsigned long start,
			unsigned long end, unsigned long flags)
{
	struct vma_pool pool = {0};
	unsigned int cuts;
	int err;

	if (flags == (*vma)->vm_flags)
		return 0;
	cuts = vma_flag_cuts(*vma, start, end, flags);
	if (cuts && (*vma)->vm_mm->map_count >= sysctl_max_map_count)
		return -ENOMEM;
	err = vma_pool_fill(&pool, cuts);
	if (!err)
		*vma = vma_change_flags(*vma, start, end, flags, &pool);
	return err;
}

static int advise_flags(struct vm_area_struct **vma, unsigned long start,
			unsigned long end, int advice)
{
	unsigned long flags = (*vma)->vm_flags;

	switch (advice) {
	case MADV_NORMAL:
		flags &= ~(VM_RAND_READ | VM_SEQ_READ);
		break;
	case MADV_SEQUENTIAL:
		flags = (flags & ~VM_RAND_READ) | VM_SEQ_READ;
		break;
	case MADV_RANDOM:
		flags = (flags & ~VM_SEQ_READ) | VM_RAND_READ;
		break;
	case MADV_DONTFORK:
		flags |= VM_DONTCOPY;
		break;
	case MADV_DOFORK:
		if (flags & VM_IO)
			return -EINVAL;
		flags &= ~VM_DONTCOPY;
		break;
	case MADV_WIPEONFORK:
		if ((*vma)->vm_file || (flags & VM_SHARED))
			return -EINVAL;
		flags |= VM_WIPEONFORK;
		break;
	case MADV_KEEPONFORK:
		flags &= ~VM_WIPEONFORK;
		break;
	case MADV_DONTDUMP:
		flags |= VM_DONTDUMP;
		break;
	case MADV_DODUMP:
		if (flags & VM_SPECIAL)
			return -EINVAL;
		flags &= ~VM_DONTDUMP;
		break;
	}
	return change_flags(vma, start, end, flags);
}

static int advise_dontneed(struct vm_area_struct **vma, unsigned long start,
			   unsigned long end, int advice)
{
	unsigned long forbidden = VM_PFNMAP;

	if (advice != MADV_DONTNEED_LOCKED)
		forbidden |= VM_LOCKED;
	if ((*vma)->vm_flags & forbidden)
		return -EINVAL;
	if (advice == MADV_FREE && !vma_is_anonymous(*vma))
		return -EINVAL;
	zap_page_range(*vma, start, end);
	return 0;
}

static int advise_willneed(struct vm_area_struct **vma, unsigned long start,
			   unsigned long end, int advice)
{
	(void)vma;
	(void)start;
	(void)end;
	(void)advice;
	return 0;
}

static int advise_populate(struct vm_area_struct **vma, unsigned long start,
			   unsigned long end, int advice)
{
	bool write = advice == MADV_POPULATE_WRITE;
	unsigned long flags = (*vma)->vm_flags;

	if (flags & (VM_IO | VM_PFNMAP))
		return -EINVAL;
	if (write ? !(flags & VM_WRITE) : !vma_is_accessible(*vma))
		return -EINVAL;
	return populate_range((*vma)->vm_mm, *vma, start, end, write);
}

static const struct advice advices[] = {
	[MADV_NORMAL] = {true, true, advise_flags},
	[MADV_RANDOM] = {true, true, advise_flags},
	[MADV_SEQUENTIAL] = {true, true, advise_flags},
	[MADV_WILLNEED] = {true, false, advise_willneed},
	[MADV_DONTNEED] = {true, false, advise_dontneed},
	[MADV_FREE] = {true, false, advise_dontneed},
	[MADV_DONTFORK] = {true, true, advise_flags},
	[MADV_DOFORK] = {true, true, advise_flags},
	[MADV_DONTDUMP] = {true, true, advise_flags},
	[MADV_DODUMP] = {true, true, advise_flags},
	[MADV_WIPEONFORK] = {true, true, advise_flags},
	[MADV_KEEPONFORK] = {true, true, advise_flags},
	[MADV_POPULATE_READ] = {true, false, advise_populate},
	[MADV_POPULATE_WRITE] = {true, false, advise_populate},
	[MADV_DONTNEED_LOCKED] = {true, false, advise_dontneed},
};

/* Area by area; a hole is remembered, and ends populating. */
static int advise_range(struct mm_struct *mm, const struct advice *row,
			unsigned long start, unsigned long end, int advice)
{
	bool stop_at_hole = row->apply == advise_populate;
	struct vm_area_struct *vma = find_vma(mm, start);
	int hole = 0;

	while (start < end) {
		unsigned long stop;
		int err;

		if (!vma || vma->vm_start >= end)
			return -ENOMEM;
		if (vma->vm_start > start) {
			if (stop_at_hole)
				return -ENOMEM;
			hole = -ENOMEM;
			start = vma->vm_start;
		}
		stop = min(vma->vm_end, end);
		err = row->apply(&vma, start, stop, advice);
		if (err)
			return err;
		start = stop;
		vma = find_vma(mm, start);
	}
	return hole;
}

int vm_madvise(struct mm_struct *mm, unsigned long start, size_t len,
	       int advice)
{
	const struct advice *row;
	unsigned long end;
	int err;

	if (advice < 0 || (size_t)advice >= ARRAY_SIZE(advices) ||
	    !advices[advice].known)
		return -EINVAL;
	if (!IS_ALIGNED(start, PAGE_SIZE))
		return -EINVAL;
	end = start + PAGE_ALIGN(len);
	if ((len && !PAGE_ALIGN(len)) || end < start)
		return -EINVAL;
	if (end == start)
		return 0;
	row = &advices[advice];
	if (row->exclusive)
		mmap_write_lock(mm);
	else
		mmap_read_lock(mm);
	err = advise_range(mm, row, start, end, advice);
	if (row->exclusive)
		mmap_write_unlock(mm);
	else
		mmap_read_unlock(mm);
	return err;
}
