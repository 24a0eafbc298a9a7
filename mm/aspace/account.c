/* SPDX-License-Identifier: MIT */
/*
 * account.c - how much an address space has, may have, and was promised.
 *
 * 1. Sums.  total_vm counts every page of every area; exec_vm, stack_vm and
 *    data_vm those of text, stacks and private writable memory.
 * 2. Limits.  RLIMIT_AS on total_vm, RLIMIT_DATA on data_vm, RLIMIT_MEMLOCK
 *    on locked_vm: getrlimit(2).
 * 3. Promises.  Private writable memory may need a frame for each page.
 *    An area with VM_ACCOUNT has its pages in account.committed.  What may be
 *    promised, vm.overcommit_memory says:
 *      0  a single request above all the memory there is fails
 *      1  all
 *      2  promises stay below CommitLimit, less a reserve for root and, for
 *         each process, one that grows with it, so that a shell can be opened
 *         to end the process that took the rest
 * 4. Cost.  A promise is one comparison and one addition; under mode 2 the
 *    comparison never holds, and the rest is worked out.
 *
 * Sources: getrlimit(2), proc(5) (VmPeak ...), Linux's
 * Documentation/mm/overcommit-accounting.rst, admin-guide/sysctl/vm.rst.
 */
#include <quire/sysctl.h>

#include "mm/aspace/internal.h"

enum { OVERCOMMIT_GUESS, OVERCOMMIT_ALWAYS, OVERCOMMIT_NEVER };

#define KIB_PAGES(kib) ((unsigned long)(kib) >> (PAGE_SHIFT - 10))
#define RESERVE_MAX    (128UL << 10) /* KiB, of the user's */
#define ADMIN_MAX      (8UL << 10)   /* KiB */

unsigned int sysctl_max_map_count = 65530;
unsigned long sysctl_mmap_min_addr = 65536;

static struct {
	long committed;		    /* pages; atomic */
	unsigned long quick;	    /* a request up to this needs no thought */
	unsigned long ram_at_least; /* pages at the start */
	u32 mode;		    /* OVERCOMMIT_ */
	u32 ratio;		    /* percent; used where kbytes is 0 */
	unsigned long kbytes;
	unsigned long user_reserve, admin_reserve; /* KiB */
} account = {.ratio = 50};

void account_init(void)
{
	unsigned long free_kib = nr_free_pages() << (PAGE_SHIFT - 10);

	account.ram_at_least = totalram_pages();
	account.quick = account.ram_at_least;
	account.user_reserve = min(free_kib / 32, RESERVE_MAX);
	account.admin_reserve = min(free_kib / 32, ADMIN_MAX);
}

unsigned long vm_commit_limit(void)
{
	unsigned long kbytes = READ_ONCE(account.kbytes);

	if (kbytes)
		return KIB_PAGES(kbytes);
	return totalram_pages() * READ_ONCE(account.ratio) / 100;
}

/* What mode 2 lets mm bring the sum to, or just below. */
static unsigned long commit_allowed(const struct mm_struct *mm)
{
	unsigned long allowed = vm_commit_limit(), reserve = 0;

	if (!mm_has_cap(MM_CAP_SYS_ADMIN))
		reserve += KIB_PAGES(READ_ONCE(account.admin_reserve));
	reserve += min(mm->total_vm / 32,
		       KIB_PAGES(READ_ONCE(account.user_reserve)));
	return allowed > reserve ? allowed - reserve : 0;
}

/* The pages are in the sum: may they? */
static bool charge_allowed(const struct mm_struct *mm, unsigned long nr_pages)
{
	switch (READ_ONCE(account.mode)) {
	case OVERCOMMIT_ALWAYS:
		return true;
	case OVERCOMMIT_NEVER:
		return vm_committed_pages() < commit_allowed(mm);
	default:
		return nr_pages <= totalram_pages();
	}
}

int vm_charge(const struct mm_struct *mm, unsigned long nr_pages)
{
	__atomic_fetch_add(&account.committed, (long)nr_pages,
			   __ATOMIC_RELAXED);
	if (likely(nr_pages <= READ_ONCE(account.quick)) ||
	    charge_allowed(mm, nr_pages))
		return 0;
	vm_uncharge(nr_pages);
	return -ENOMEM;
}

void vm_uncharge(unsigned long nr_pages)
{
	__atomic_fetch_sub(&account.committed, (long)nr_pages,
			   __ATOMIC_RELAXED);
}

bool vm_honours_noreserve(void)
{
	return READ_ONCE(account.mode) != OVERCOMMIT_NEVER;
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

/* ---- knobs ---- */

int overcommit_memory_get(s64 *values)
{
	values[0] = READ_ONCE(account.mode);
	return 1;
}

int overcommit_memory_set(const s64 *values, unsigned int nr)
{
	(void)nr;
	if (values[0] < OVERCOMMIT_GUESS || values[0] > OVERCOMMIT_NEVER)
		return -EINVAL;
	WRITE_ONCE(account.mode, (u32)values[0]);
	WRITE_ONCE(account.quick,
		   values[0] == OVERCOMMIT_NEVER ? 0 : account.ram_at_least);
	return 0;
}

int overcommit_ratio_get(s64 *values)
{
	values[0] = READ_ONCE(account.ratio);
	return 1;
}

/* Of the two ways to say the limit the one written last counts. */
int overcommit_ratio_set(const s64 *values, unsigned int nr)
{
	(void)nr;
	if (values[0] < 0 || values[0] > SYSCTL_INT_MAX)
		return -EINVAL;
	WRITE_ONCE(account.ratio, (u32)values[0]);
	WRITE_ONCE(account.kbytes, 0UL);
	return 0;
}

int overcommit_kbytes_get(s64 *values)
{
	values[0] = (s64)READ_ONCE(account.kbytes);
	return 1;
}

int overcommit_kbytes_set(const s64 *values, unsigned int nr)
{
	(void)nr;
	if (values[0] < 0)
		return -EINVAL;
	WRITE_ONCE(account.kbytes, (unsigned long)values[0]);
	WRITE_ONCE(account.ratio, 0U);
	return 0;
}

int user_reserve_kbytes_get(s64 *values)
{
	values[0] = (s64)READ_ONCE(account.user_reserve);
	return 1;
}

int user_reserve_kbytes_set(const s64 *values, unsigned int nr)
{
	(void)nr;
	if (values[0] < 0)
		return -EINVAL;
	WRITE_ONCE(account.user_reserve, (unsigned long)values[0]);
	return 0;
}

int admin_reserve_kbytes_get(s64 *values)
{
	values[0] = (s64)READ_ONCE(account.admin_reserve);
	return 1;
}

int admin_reserve_kbytes_set(const s64 *values, unsigned int nr)
{
	(void)nr;
	if (values[0] < 0)
		return -EINVAL;
	WRITE_ONCE(account.admin_reserve, (unsigned long)values[0]);
	return 0;
}

int mmap_min_addr_get(s64 *values)
{
	values[0] = (s64)READ_ONCE(sysctl_mmap_min_addr);
	return 1;
}

int mmap_min_addr_set(const s64 *values, unsigned int nr)
{
	(void)nr;
	if (values[0] < 0 || (u64)values[0] >= TASK_SIZE)
		return -EINVAL;
	if (!mm_has_cap(MM_CAP_SYS_RAWIO))
		return -EPERM;
	WRITE_ONCE(sysctl_mmap_min_addr, (unsigned long)values[0]);
	return 0;
}
