/* SPDX-License-Identifier: MIT */
/*
 * mlock.c - memory that stays: mlock, mlock2, munlock, mlockall, munlockall.
 *
 * 1. Idea.  VM_LOCKED on an area says that its pages stay in memory, and
 *    VM_LOCKONFAULT that they need not come before they are used.  The flags
 *    are changed first, with mmap_lock for writing; then what is locked is
 *    faulted in like a populating mmap.
 * 2. Limit.  locked_vm, in pages, is at most RLIMIT_MEMLOCK, unless the caller
 *    has CAP_IPC_LOCK.  Memory that is locked already does not count twice.
 * 3. Partial results.  As in Linux, areas in front of a hole are locked
 *    although the call fails, and what could not be faulted in stays locked.
 * 4. Errors of faulting in are POSIX's: ENOMEM for addresses that cannot be
 *    had, EAGAIN for want of memory.
 *
 * Sources: mlock(2), getrlimit(2).
 */
#include "mm/aspace/internal.h"

#define VM_LOCKED_MASK (VM_LOCKED | VM_LOCKONFAULT)

bool (*mm_capable)(enum mm_capability cap);

bool may_lock(const struct mm_struct *mm)
{
	return mm->rlim_memlock || mm_has_cap(MM_CAP_IPC_LOCK);
}

/* New lock bits for [start, end) of vma.  *out: the area that holds it. */
static int lock_area(struct vm_area_struct *vma, unsigned long start,
		     unsigned long end, unsigned long lock,
		     struct vm_area_struct **out)
{
	unsigned long old = vma->vm_flags;
	unsigned long flags = (old & ~VM_LOCKED_MASK) | lock;
	struct mm_struct *mm = vma->vm_mm;
	struct vma_pool pool = {0};
	unsigned int cuts;
	int err;

	*out = vma;
	/* Memory of the kernel's is there anyhow. */
	if (flags == old || (old & VM_SPECIAL))
		return 0;
	cuts = vma_flag_cuts(vma, start, end, flags);
	if (cuts && mm->map_count >= sysctl_max_map_count)
		return -ENOMEM;
	err = vma_pool_fill(&pool, cuts);
	if (err)
		return err;
	*out = vma_change_flags(vma, start, end, flags, &pool);
	if (~old & lock & VM_LOCKED)
		mm->locked_vm += NR_PAGES(end - start);
	else if (old & ~lock & VM_LOCKED)
		mm->locked_vm -= NR_PAGES(end - start);
	return 0;
}

/* Locked. */
static int lock_range(struct mm_struct *mm, unsigned long start,
		      unsigned long end, unsigned long lock)
{
	struct vm_area_struct *vma = find_vma(mm, start);

	while (start < end) {
		unsigned long stop;
		int err;

		if (!vma || vma->vm_start > start)
			return -ENOMEM;
		stop = min(vma->vm_end, end);
		err = lock_area(vma, start, stop, lock, &vma);
		if (err)
			return err;
		start = stop;
		if (vma->vm_end <= start)
			vma = vma_next(vma);
	}
	return 0;
}

/* Round out to whole pages: 0 or -EINVAL, beyond the address space. */
static int whole_pages(unsigned long *start, size_t *len)
{
	*len = PAGE_ALIGN(*len + (*start & ~PAGE_MASK));
	*start &= PAGE_MASK;
	return *start + *len < *start ? -EINVAL : 0;
}

/* Pages of [start, end) that are locked already. */
static unsigned long count_locked(struct mm_struct *mm, unsigned long start,
				  unsigned long end)
{
	struct vm_area_struct *vma = find_vma_intersection(mm, start, end);
	unsigned long nr = 0;

	for (; vma && vma->vm_start < end; vma = vma_next(vma))
		if (vma->vm_flags & VM_LOCKED)
			nr += NR_PAGES(min(vma->vm_end, end) -
				       max(vma->vm_start, start));
	return nr;
}

static bool within_limit(struct mm_struct *mm, unsigned long start,
			 unsigned long end)
{
	unsigned long limit = NR_PAGES(mm->rlim_memlock);
	unsigned long nr = mm->locked_vm + NR_PAGES(end - start);

	return nr <= limit || mm_has_cap(MM_CAP_IPC_LOCK) ||
	       nr - count_locked(mm, start, end) <= limit;
}

/* Fault in what is locked in [start, end); 0 or POSIX's error. */
static int fault_in(struct mm_struct *mm, unsigned long start,
		    unsigned long end)
{
	struct vm_area_struct *vma;
	int err = 0;

	mmap_read_lock(mm);
	vma = find_vma_intersection(mm, start, end);
	for (; vma && vma->vm_start < end && !err; vma = vma_next(vma)) {
		bool write =
			(vma->vm_flags & (VM_WRITE | VM_SHARED)) == VM_WRITE;

		if ((vma->vm_flags & VM_LOCKED_MASK) != VM_LOCKED)
			continue;
		err = -EFAULT;
		if (vma_is_accessible(vma))
			err = populate_range(mm, vma, max(start, vma->vm_start),
					     min(end, vma->vm_end), write);
	}
	mmap_read_unlock(mm);
	if (err == -EFAULT)
		return -ENOMEM;
	return err == -ENOMEM ? -EAGAIN : err;
}

int vm_mlock(struct mm_struct *mm, unsigned long start, size_t len,
	     bool on_fault)
{
	unsigned long lock = VM_LOCKED | (on_fault ? VM_LOCKONFAULT : 0);
	int err;

	if (!may_lock(mm))
		return -EPERM;
	err = whole_pages(&start, &len);
	if (err)
		return err;
	mmap_write_lock(mm);
	err = -ENOMEM;
	if (within_limit(mm, start, start + len))
		err = lock_range(mm, start, start + len, lock);
	mmap_write_unlock(mm);
	return err ? err : fault_in(mm, start, start + len);
}

int vm_munlock(struct mm_struct *mm, unsigned long start, size_t len)
{
	int err = whole_pages(&start, &len);

	if (err)
		return err;
	mmap_write_lock(mm);
	err = lock_range(mm, start, start + len, 0);
	mmap_write_unlock(mm);
	return err;
}

/* All there is, as far as memory for the cuts lasts: none are needed. */
static void lock_all(struct mm_struct *mm, unsigned long lock)
{
	struct vm_area_struct *vma =
		list_first_entry(&mm->mmap, struct vm_area_struct, vm_list);

	if (list_empty(&mm->mmap))
		return;
	for (; vma; vma = vma_next(vma))
		lock_area(vma, vma->vm_start, vma->vm_end, lock, &vma);
}

int vm_mlockall(struct mm_struct *mm, int flags)
{
	unsigned long lock =
		VM_LOCKED | (flags & MCL_ONFAULT ? VM_LOCKONFAULT : 0);

	if (!flags || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) ||
	    flags == MCL_ONFAULT)
		return -EINVAL;
	if (!may_lock(mm))
		return -EPERM;
	mmap_write_lock(mm);
	if ((flags & MCL_CURRENT) &&
	    mm->total_vm > NR_PAGES(mm->rlim_memlock) &&
	    !mm_has_cap(MM_CAP_IPC_LOCK)) {
		mmap_write_unlock(mm);
		return -ENOMEM;
	}
	mm->def_flags &= ~VM_LOCKED_MASK;
	if (flags & MCL_FUTURE)
		mm->def_flags |= lock;
	if (flags & MCL_CURRENT)
		lock_all(mm, lock);
	mmap_write_unlock(mm);
	/* Best effort: what cannot be had does not fail the call. */
	if (flags & MCL_CURRENT)
		fault_in(mm, 0, TASK_SIZE);
	return 0;
}

int vm_munlockall(struct mm_struct *mm)
{
	mmap_write_lock(mm);
	mm->def_flags &= ~VM_LOCKED_MASK;
	lock_all(mm, 0);
	mmap_write_unlock(mm);
	return 0;
}
