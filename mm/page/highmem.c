/* SPDX-License-Identifier: MIT */
/*
 * highmem.c - maps frames that the direct map does not hold.
 *
 * 1. Places.  The port has ARCH_KMAP_SLOTS pages of kernel addresses and maps
 *    one frame at one of them (arch_kmap_set, arch_kmap_clear).
 *
 *	slot  | CPU 0: KM_MAX_IDX | CPU 1 | ... | KMAP_POOL for everybody |
 *
 * 2. kmap_local: each processor's places are a stack.  Its depth is raised
 *    before the place is used and lowered after it was given up, so that an
 *    interrupt in between uses the next one.
 * 3. kmap: places are counted by user; the last one unmaps.  The pool is
 *    small and searched from its start: users who keep many pages mapped for
 *    long are not what it is for.
 *    K1  a place with users has a frame, and no frame has two places
 *    K2  a place without users has no frame
 * 4. Locking.  pool.lock, a leaf below the zones', interrupts off.  Waiting:
 *    pool.freed changes with each place that becomes free.
 * 5. Failure.  None: kmap() waits, kmap_local_page() must not run out.
 */
#include <quire/highmem.h>

#include "mm/page/zone.h"

#include <quire/port.h>
#include <quire/printk.h>

unsigned long highmem_start_pfn = ~0UL;

#if CONFIG_HIGHMEM

#define KMAP_POOL      64U
#define KMAP_POOL_SLOT ((unsigned int)NR_CPUS * KM_MAX_IDX)

_Static_assert(KMAP_POOL_SLOT + KMAP_POOL <= ARCH_KMAP_SLOTS,
	       "the port has places for all");

static DEFINE_PER_CPU(unsigned int, kmap_depth);

static struct {
	spinlock_t lock;
	u32 freed; /* places that became free, ever */
	struct {
		u32 pfn; /* PFN_NIL: free */
		u32 users;
	} place[KMAP_POOL];
} pool = {.lock = SPINLOCK_INIT(LOCK_RANK_KMAP),
	  .place = {[0 ... KMAP_POOL - 1] = {PFN_NIL, 0}}};

static bool is_kmap_address(const void *addr)
{
	const char *first = arch_kmap_addr(0);

	return (const char *)addr >= first &&
	       (const char *)addr < first + ARCH_KMAP_SLOTS * PAGE_SIZE;
}

static phys_addr_t frame_of(const struct page *page)
{
	return (phys_addr_t)page_to_pfn(page) << PAGE_SHIFT;
}

void *kmap_local_high(const struct page *page)
{
	unsigned int *depth = this_cpu_ptr(&kmap_depth);
	unsigned int slot = smp_processor_id() * KM_MAX_IDX + *depth;

	BUG_ON(*depth >= KM_MAX_IDX);
	WRITE_ONCE(*depth, *depth + 1);
	arch_kmap_set(slot, frame_of(page));
	return arch_kmap_addr(slot);
}

void kunmap_local_high(const void *addr)
{
	unsigned int *depth = this_cpu_ptr(&kmap_depth);
	unsigned int slot = smp_processor_id() * KM_MAX_IDX + *depth - 1;

	if (!is_kmap_address(addr))
		return;
	/* The last one first, by the processor that mapped it. */
	BUG_ON(!*depth || (uintptr_t)arch_kmap_addr(slot) !=
				  ((uintptr_t)addr & PAGE_MASK));
	arch_kmap_clear(slot);
	WRITE_ONCE(*depth, *depth - 1);
}

/* The frame's place, or a free one, or KMAP_POOL; pool.lock held. */
static unsigned int find_place(u32 pfn)
{
	unsigned int i, empty = KMAP_POOL;

	for (i = 0; i < KMAP_POOL; i++) {
		if (pool.place[i].pfn == pfn)
			return i;
		if (pool.place[i].pfn == PFN_NIL && empty == KMAP_POOL)
			empty = i;
	}
	return empty;
}

void *kmap_high(struct page *page)
{
	const u32 pfn = (u32)page_to_pfn(page);

	for (;;) {
		u32 freed = __atomic_load_n(&pool.freed, __ATOMIC_ACQUIRE);
		unsigned long flags;
		unsigned int i;

		spin_lock_irqsave(&pool.lock, flags);
		i = find_place(pfn);
		if (i < KMAP_POOL) {
			if (!pool.place[i].users++) {
				WRITE_ONCE(pool.place[i].pfn, pfn);
				arch_kmap_set(KMAP_POOL_SLOT + i,
					      frame_of(page));
			}
			spin_unlock_irqrestore(&pool.lock, flags);
			return arch_kmap_addr(KMAP_POOL_SLOT + i);
		}
		spin_unlock_irqrestore(&pool.lock, flags);
		port->wait(&pool.freed, freed);
	}
}

void kunmap_high(struct page *page)
{
	const u32 pfn = (u32)page_to_pfn(page);
	bool is_free = false;
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&pool.lock, flags);
	i = find_place(pfn);
	BUG_ON(i == KMAP_POOL || pool.place[i].pfn != pfn);
	if (!--pool.place[i].users) {
		arch_kmap_clear(KMAP_POOL_SLOT + i);
		WRITE_ONCE(pool.place[i].pfn, PFN_NIL);
		__atomic_fetch_add(&pool.freed, 1, __ATOMIC_RELEASE);
		is_free = true;
	}
	spin_unlock_irqrestore(&pool.lock, flags);
	if (is_free)
		port->wake(&pool.freed, ~0U);
}

/* A user of kmap() keeps the answer true; others ask in vain. */
void *page_address_high(const struct page *page)
{
	const u32 pfn = (u32)page_to_pfn(page);
	unsigned int i;

	for (i = 0; i < KMAP_POOL; i++)
		if (READ_ONCE(pool.place[i].pfn) == pfn)
			return arch_kmap_addr(KMAP_POOL_SLOT + i);
	return NULL;
}

void highmem_validate(void)
{
	unsigned long flags;
	unsigned int i, k;

	spin_lock_irqsave(&pool.lock, flags);
	for (i = 0; i < KMAP_POOL; i++) {
		u32 pfn = pool.place[i].pfn;

		BUG_ON((pfn == PFN_NIL) != !pool.place[i].users); /* K1 K2 */
		BUG_ON(pfn != PFN_NIL && pfn < highmem_start_pfn);
		for (k = 0; k < i && pfn != PFN_NIL; k++)
			BUG_ON(pool.place[k].pfn == pfn); /* K1 */
	}
	spin_unlock_irqrestore(&pool.lock, flags);
}

#else

void highmem_validate(void)
{
	BUG_ON(highmem_start_pfn != ~0UL);
}

#endif
