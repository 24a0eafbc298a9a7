/* SPDX-License-Identifier: MIT */
/*
 * spinlock.h - spinning locks.
 *
 * Test-and-set with a read-only wait; held for short, bounded times.
 * spin_lock() keeps the holder on its processor; the _irqsave form also keeps
 * interrupts out and is needed where an interrupt handler takes the lock too.
 */
#ifndef QUIRE_SPINLOCK_H
#define QUIRE_SPINLOCK_H

#include <quire/lockorder.h>
#include <quire/types.h>

#include <arch.h>

typedef struct spinlock {
	u32 locked;
#if CONFIG_DEBUG_LOCKS
	u32 rank;
#endif
} spinlock_t;

/* Four bytes in every build, never order-checked: the page descriptor's. */
typedef struct spinlock_raw {
	u32 locked;
} spinlock_raw_t;

#if CONFIG_DEBUG_LOCKS
#define SPINLOCK_INIT(rank_)    \
	{                       \
		.rank = (rank_) \
	}

/*
 * lockdep_acquire - with CONFIG_DEBUG_LOCKS: what the calls below note and check.
 * A breach of the order stops the machine with both locks' ranks.  lib/lockdep.c.
 */
void lockdep_acquire(spinlock_t *lock, bool nested, bool trylock);
void lockdep_release(spinlock_t *lock);
bool lockdep_held(const spinlock_t *lock);
#define lockdep_assert_held(l) lockdep_check(lockdep_held(l), #l)
void lockdep_check(bool held, const char *name);
/* What follows may sleep, if not each time: no spinlock may be held. */
void might_sleep(void);

#else
#define SPINLOCK_INIT(rank_) \
	{                    \
		0            \
	}
static inline void lockdep_acquire(spinlock_t *lock, bool nested, bool trylock)
{
	(void)lock;
	(void)nested;
	(void)trylock;
}
static inline void lockdep_release(spinlock_t *lock)
{
	(void)lock;
}
#define lockdep_assert_held(l) ((void)(l))
static inline void might_sleep(void)
{
}
#endif

/* A free lock of this rank (quire/lockorder.h). */
static inline void spin_lock_init(spinlock_t *lock, enum lock_rank rank)
{
	*lock = (spinlock_t)SPINLOCK_INIT(rank);
	(void)rank;
}

/*
 * raw_spin_lock - the word alone: not order-checked, and who holds it keeps
 * preemption, and interrupts where they matter, away by itself.
 */
static inline bool raw_spin_trylock(u32 *word)
{
	return !__atomic_exchange_n(word, 1, __ATOMIC_ACQUIRE);
}

static inline void raw_spin_lock(u32 *word)
{
	arch_sched_point();
	while (unlikely(!raw_spin_trylock(word)))
		while (READ_ONCE(*word))
			cpu_relax();
}

static inline void raw_spin_unlock(u32 *word)
{
	__atomic_store_n(word, 0, __ATOMIC_RELEASE);
}

/*
 * spin_lock - hold the lock; spin_trylock: if it is free, and says so.
 * spin_lock_nested: while holding another of the same rank, by a rule of the
 * callers'.
 * Context: any, if interrupt handlers take the lock only with interrupts off
 *   everywhere; every spinlock held is of a lower rank (spin_trylock: any).
 *   Until spin_unlock() the holder stays on its processor and must not sleep.
 */
static inline void spin_lock(spinlock_t *lock)
{
	preempt_disable();
	lockdep_acquire(lock, false, false);
	raw_spin_lock(&lock->locked);
}

static inline void spin_lock_nested(spinlock_t *lock)
{
	preempt_disable();
	lockdep_acquire(lock, true, false);
	raw_spin_lock(&lock->locked);
}

static inline bool spin_trylock(spinlock_t *lock)
{
	preempt_disable();
	if (raw_spin_trylock(&lock->locked)) {
		lockdep_acquire(lock, false, true);
		return true;
	}
	preempt_enable();
	return false;
}

static inline void spin_unlock(spinlock_t *lock)
{
	lockdep_release(lock);
	raw_spin_unlock(&lock->locked);
	preempt_enable();
}

/* By anybody: for reports and assertions.  Context: any. */
static inline bool spin_is_locked(const spinlock_t *lock)
{
	return READ_ONCE(lock->locked);
}

/*
 * spin_lock_irqsave - spin_lock() with interrupts off until
 * spin_unlock_irqrestore(), which leaves them as flags say they were.
 */
#define spin_lock_irqsave(lock, flags)      \
	do {                                \
		(flags) = local_irq_save(); \
		spin_lock(lock);            \
	} while (0)
#define spin_unlock_irqrestore(lock, flags) \
	do {                                \
		spin_unlock(lock);          \
		local_irq_restore(flags);   \
	} while (0)

#endif
