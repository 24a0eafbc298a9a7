/* SPDX-License-Identifier: MIT */
/*
 * lockdep.c - checks the documented order of spinlocks while they are taken.
 *
 * 1. Idea.  Each processor keeps a stack of the spinlocks it holds; holding
 *    one keeps the holder on its processor.  A lock may be taken when its rank
 *    is above that of all held (lockorder.h).  With one order there can be no
 *    cycle, so a breach is found on the first run through a path, not only
 *    when the deadlock strikes.
 * 2. Rules, named in the report.
 *    L1  rank above all held; equal needs spin_lock_nested()
 *    L2  a lock that is held is not taken again
 *    L3  only the holder releases
 *    L4  who holds a spinlock does not sleep, nor calls what might
 *    A lock of rank NONE is only checked for L2 and L3; a trylock cannot wait
 *    and is not checked for L1.
 * 3. Interrupts may come between any two lines here.  They push above nr and
 *    pop again, hence nr grows before its slot is filled and a free slot is
 *    always NULL.
 * 4. Failure.  A breach is reported with both locks, then the machine stops.
 */
#include <quire/spinlock.h>

#include <quire/printk.h>

#if CONFIG_DEBUG_LOCKS

/* Deeper nesting than there are ranks of mm/ needs a look anyway. */
#define HELD_MAX 24

static struct held {
	unsigned int nr;
	const spinlock_t *lock[HELD_MAX];
} __cacheline_aligned held_locks[NR_CPUS];

/* The report itself takes locks. */
static bool lockdep_off;

static void breach(const char *rule, const spinlock_t *lock,
		   const spinlock_t *other)
{
	if (__atomic_exchange_n(&lockdep_off, true, __ATOMIC_RELAXED))
		return;
	printk("BUG: lock order %s: CPU %u, lock %p rank %u, held %p rank %u\n",
	       rule, smp_processor_id(), (const void *)lock,
	       lock ? lock->rank : 0, (const void *)other,
	       other ? other->rank : 0);
	panic("lock order %s", rule);
}

static struct held *this_held(void)
{
	return &held_locks[smp_processor_id()];
}

void lockdep_acquire(spinlock_t *lock, bool nested, bool trylock)
{
	struct held *h = this_held();
	unsigned int at;

	if (READ_ONCE(lockdep_off))
		return;
	for (unsigned int i = 0; i < h->nr; i++) {
		const spinlock_t *other = h->lock[i];

		if (!other)
			continue;
		if (other == lock)
			breach("L2 (taken twice)", lock, other);
		if (trylock || lock->rank == LOCK_RANK_NONE)
			continue;
		if (other->rank > lock->rank ||
		    (other->rank == lock->rank && !nested))
			breach("L1 (rank not above)", lock, other);
	}
	if (h->nr >= HELD_MAX) {
		breach("depth", lock, NULL);
		return;
	}
	at = h->nr++;
	barrier();
	h->lock[at] = lock;
}

void lockdep_release(spinlock_t *lock)
{
	struct held *h = this_held();
	unsigned int i = h->nr;

	if (READ_ONCE(lockdep_off))
		return;
	while (i > 0 && h->lock[i - 1] != lock)
		i--;
	if (i == 0) {
		breach("L3 (released, not held)", lock, NULL);
		return;
	}
	/* Mostly the last; else the ones above move down. */
	for (; i < h->nr; i++)
		h->lock[i - 1] = h->lock[i];
	h->lock[h->nr - 1] = NULL;
	barrier();
	h->nr--;
}

bool lockdep_held(const spinlock_t *lock)
{
	const struct held *h = this_held();

	for (unsigned int i = 0; i < h->nr; i++)
		if (h->lock[i] == lock)
			return true;
	return READ_ONCE(lockdep_off);
}

void might_sleep(void)
{
	const struct held *h = this_held();

	if (unlikely(h->nr) && !READ_ONCE(lockdep_off))
		breach("L4 (might sleep)", NULL, h->lock[h->nr - 1]);
}

void lockdep_check(bool held, const char *name)
{
	if (!held)
		panic("BUG: lock %s must be held here", name);
}

#endif
