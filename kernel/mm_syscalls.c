/* SPDX-License-Identifier: MIT */
/*
 * mm_syscalls.c - the memory system calls: arguments are made the library's.
 *
 * Everything about memory happens in mm/; here descriptors become files.
 * Sources: mmap(2), munmap(2), mprotect(2), mremap(2), brk(2), madvise(2).
 */
#include <quire/mm.h>

#include "kernel/fs.h"
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
