/* SPDX-License-Identifier: MIT */
/*
 * mm_syscalls.c - the memory system calls: arguments are made the library's.
 *
 * Everything about memory happens in mm/; here descriptors become files.
 * Sources: mmap(2), munmap(2), mprotect(2), mremap(2), brk(2), madvise(2),
 * mlock(2), mincore(2), msync(2), capabilities(7).
 */
#include <quire/mm.h>
#include <quire/pagemap.h>

#include "kernel/fs.h"
#include "kernel/main.h"
#include "kernel/syscall.h"
#include "kernel/task.h"

SYSCALL_DEFINE6(mmap, unsigned long, addr, unsigned long, len, unsigned long,
		prot, unsigned long, flags, int, fd, unsigned long, off)
{
	struct fd f = {0};
	unsigned long ret;

	if (off & ~PAGE_MASK)
		return -EINVAL;
	if (!(flags & MAP_ANONYMOUS)) {
		f = fdget(fd);
		if (!f.file)
			return -EBADF;
	}
	ret = vm_mmap(current->mm, f.file ? &f.file->f_vm : NULL, addr, len,
		      prot, flags, off >> PAGE_SHIFT);
	fdput(f);
	return (long)ret;
}

SYSCALL_DEFINE2(munmap, unsigned long, addr, size_t, len)
{
	return vm_munmap(current->mm, addr, len);
}

SYSCALL_DEFINE3(mprotect, unsigned long, start, size_t, len, unsigned long,
		prot)
{
	return vm_mprotect(current->mm, start, len, prot);
}

SYSCALL_DEFINE5(mremap, unsigned long, addr, unsigned long, old_len,
		unsigned long, new_len, unsigned long, flags, unsigned long,
		new_addr)
{
	return (long)vm_mremap(current->mm, addr, old_len, new_len, flags,
			       new_addr);
}

SYSCALL_DEFINE1(brk, unsigned long, brk)
{
	return (long)vm_brk(current->mm, brk);
}

SYSCALL_DEFINE3(madvise, unsigned long, start, size_t, len, int, advice)
{
	return vm_madvise(current->mm, start, len, advice);
}

/* ---- mincore ---- */

/* Whether a file's pages are in memory is its writers' business. */
static bool may_look(const struct vm_area_struct *vma)
{
	return vma->vm_file && vm_file_may_see(vma->vm_file);
}

#define MINCORE_BATCH 256UL

SYSCALL_DEFINE3(mincore, unsigned long, start, size_t, len, u8 *, uvec)
{
	unsigned long nr = DIV_ROUND_UP(len, PAGE_SIZE);
	u8 vec[MINCORE_BATCH];

	if (start & ~PAGE_MASK)
		return -EINVAL;
	if (!access_ok((void *)start, len))
		return -ENOMEM;
	if (!access_ok(uvec, nr))
		return -EFAULT;
	while (nr) {
		long n = vm_mincore(current->mm, start, min(nr, MINCORE_BATCH),
				    vec, may_look);

		if (n < 0)
			return n;
		if (copy_to_user(uvec, vec, (size_t)n))
			return -EFAULT;
		start += (unsigned long)n << PAGE_SHIFT;
		uvec += n;
		nr -= (unsigned long)n;
		cond_resched();
	}
	return 0;
}

/* ---- msync ---- */

#define MS_ASYNC      1
#define MS_INVALIDATE 2
#define MS_SYNC	      4

/*
 * Files live in memory: nothing has to be written, but whether all is mapped,
 * and not locked against MS_INVALIDATE, is still said.
 */
static int check_mapped(struct mm_struct *mm, unsigned long start,
			unsigned long end, int flags)
{
	const struct vm_area_struct *vma;
	int hole = 0;

	for (; start < end; start = vma->vm_end) {
		vma = find_vma(mm, start);
		if (!vma)
			return -ENOMEM;
		if (vma->vm_start > start) {
			hole = -ENOMEM;
			if (flags == MS_ASYNC || vma->vm_start >= end)
				return hole;
		}
		if ((flags & MS_INVALIDATE) && (vma->vm_flags & VM_LOCKED))
			return -EBUSY;
	}
	return hole;
}

SYSCALL_DEFINE3(msync, unsigned long, start, size_t, len, int, flags)
{
	unsigned long end;
	int err;

	if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) ||
	    (start & ~PAGE_MASK) || (flags & MS_ASYNC && flags & MS_SYNC))
		return -EINVAL;
	end = start + ALIGN(len, PAGE_SIZE);
	if (end < start)
		return -ENOMEM;
	mmap_read_lock(current->mm);
	err = check_mapped(current->mm, start, end, flags);
	mmap_read_unlock(current->mm);
	return err;
}

/* ---- mlock ---- */

SYSCALL_DEFINE2(mlock, unsigned long, start, size_t, len)
{
	return vm_mlock(current->mm, start, len, false);
}

SYSCALL_DEFINE3(mlock2, unsigned long, start, size_t, len, int, flags)
{
	if (flags & ~MLOCK_ONFAULT)
		return -EINVAL;
	return vm_mlock(current->mm, start, len, flags & MLOCK_ONFAULT);
}

SYSCALL_DEFINE2(munlock, unsigned long, start, size_t, len)
{
	return vm_munlock(current->mm, start, len);
}

SYSCALL_DEFINE1(mlockall, int, flags)
{
	return vm_mlockall(current->mm, flags);
}

SYSCALL_DEFINE0(munlockall)
{
	return vm_munlockall(current->mm);
}

/* Root may, as long as there are no other capabilities. */
static bool may(enum mm_capability cap)
{
	(void)cap;
	return capable_root();
}

void mm_syscalls_init(void)
{
	mm_capable = may;
}
