/* SPDX-License-Identifier: MIT */
/*
 * account.c - how much an address space has, may have, and was promised.
 *
 * 1. Sums.  total_vm counts every page of every area; exec_vm, stack_vm and
 *    data_vm those of text, stacks and private writable memory.
 * 2. Limits.  RLIMIT_AS on total_vm, RLIMIT_DATA on data_vm, RLIMIT_MEMLOCK
 *    on locked_vm: getrlimit(2).
 * 3. Promises.  Private writable memory may need a frame for each page.
 *    An area with VM_ACCOUNT has its pages in account.committed.  The rule is
 *    Linux's vm.overcommit_memory = 0: a single request above all the memory
 *    there is fails.
 *
 * Sources: getrlimit(2), proc(5) (VmPeak ...), Linux's
 * Documentation/mm/overcommit-accounting.rst.
 */
#include "mm/aspace/internal.h"

unsigned int sysctl_max_map_count = 65530;

static struct {
	long committed;		    /* pages; atomic */
	unsigned long ram_at_least; /* pages at the start: a quick yes */
} account;

void account_init(void)
{
	account.ram_at_least = totalram_pages();
}

int vm_charge(unsigned long nr_pages)
{
	if (unlikely(nr_pages > account.ram_at_least) &&
	    nr_pages > totalram_pages())
		return -ENOMEM;
	__atomic_fetch_add(&account.committed, (long)nr_pages,
			   __ATOMIC_RELAXED);
	return 0;
}

void vm_uncharge(unsigned long nr_pages)
{
	__atomic_fetch_sub(&account.committed, (long)nr_pages,
			   __ATOMIC_RELAXED);
}

unsigned long vm_committed_pages(void)
{
	long n = READ_ONCE(account.committed);

	return n > 0 ? (unsigned long)n : 0;
}

unsigned long get_mm_rss(const struct mm_struct *mm)
{
	return get_mm_counter(mm, MM_FILEPAGES) +
	       get_mm_counter(mm, MM_ANONPAGES) +
	       get_mm_counter(mm, MM_SHMEMPAGES);
}
