/* SPDX-License-Identifier: MIT */
/*
 * rwsem.c - sleeping locks on one word each.
 *
 * 1. Idea.  The word is the lock; an uncontended call is one atomic exchange
 *    on it.  Who cannot have the lock marks the word and sleeps on it with
 *    port->wait(), which does not sleep if the word has changed meanwhile.
 *
 *	count   31      30       29 .. 0
 *	        WRITER  WAITING  readers
 *
 * 2. Invariants.
 *    W1  WRITER excludes readers
 *    W2  whoever sleeps has seen WAITING set; the release that makes the lock
 *        free (or open to readers) clears it and wakes all
 *    W3  WAITING keeps new readers out, so readers drain and a writer gets
 *        its turn; after a writer all that wait start level, so readers do too
 *    A release touches the word once, last: the lock may be freed at once by
 *    the next holder.  port->wake() uses the address as a name only.
 * 3. Mutex: 0 free, 1 held, 2 held and someone may sleep (Drepper, Futexes
 *    Are Tricky, 2011).
 * 4. Failure.  None; releasing what is not held is caught in checked builds.
 */
#include <quire/rwsem.h>

#include <quire/port.h>
#include <quire/printk.h>
#include <quire/spinlock.h>

#include <arch.h>

#define WRITER	(1U << 31)
#define WAITING (1U << 30)
#define ALL	(~0U) /* as many as sleep */

static bool change(u32 *word, u32 *from, u32 to)
{
	return __atomic_compare_exchange_n(word, from, to, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

void init_rwsem(struct rw_semaphore *sem)
{
	__atomic_store_n(&sem->count, 0, __ATOMIC_RELAXED);
}

/* Sleep until the word is no longer v; v is what the caller has seen. */
static void wait_for_change(u32 *word, u32 v)
{
	if (!(v & WAITING)) {
		u32 seen = v;

		if (!change(word, &seen, v | WAITING))
			return;
	}
	port->wait(word, v | WAITING);
}

bool down_read_trylock(struct rw_semaphore *sem)
{
	u32 v = READ_ONCE(sem->count);

	while (!(v & (WRITER | WAITING)))
		if (change(&sem->count, &v, v + 1))
			return true;
	return false;
}

void down_read(struct rw_semaphore *sem)
{
	might_sleep();
	arch_sched_point();
	while (unlikely(!down_read_trylock(sem))) {
		u32 v = READ_ONCE(sem->count);

		if (v & (WRITER | WAITING))
			wait_for_change(&sem->count, v);
	}
}

void up_read(struct rw_semaphore *sem)
{
	u32 v = READ_ONCE(sem->count), to;

	do {
		VM_BUG_ON((v & WRITER) || (v & ~(WRITER | WAITING)) == 0);
		to = v - 1;
		if (to == WAITING)
			to = 0;
	} while (!change(&sem->count, &v, to));
	if (unlikely(v == (WAITING | 1)))
		port->wake(&sem->count, ALL);
}

bool down_write_trylock(struct rw_semaphore *sem)
{
	u32 v = 0;

	return change(&sem->count, &v, WRITER);
}

void down_write(struct rw_semaphore *sem)
{
	might_sleep();
	arch_sched_point();
	while (unlikely(!down_write_trylock(sem))) {
		u32 v = READ_ONCE(sem->count);

		if (v)
			wait_for_change(&sem->count, v);
	}
}

/* Leave the word at to and wake all that waited for it. */
static void release_write(struct rw_semaphore *sem, u32 to)
{
	u32 v = __atomic_exchange_n(&sem->count, to, __ATOMIC_RELEASE);

	VM_BUG_ON((v & ~WAITING) != WRITER);
	if (unlikely(v & WAITING))
		port->wake(&sem->count, ALL);
}

void up_write(struct rw_semaphore *sem)
{
	release_write(sem, 0);
}

void downgrade_write(struct rw_semaphore *sem)
{
	release_write(sem, 1);
}

bool rwsem_is_locked(const struct rw_semaphore *sem)
{
	return READ_ONCE(sem->count) & ~WAITING;
}

bool rwsem_is_write_locked(const struct rw_semaphore *sem)
{
	return READ_ONCE(sem->count) & WRITER;
}

/* ---- mutex ---- */

void mutex_init(struct mutex *m)
{
	__atomic_store_n(&m->state, 0, __ATOMIC_RELAXED);
}

bool mutex_trylock(struct mutex *m)
{
	u32 v = 0;

	return change(&m->state, &v, 1);
}

void mutex_lock(struct mutex *m)
{
	might_sleep();
	arch_sched_point();
	if (likely(mutex_trylock(m)))
		return;
	/* From here on hold it as 2: others may sleep beside us. */
	while (__atomic_exchange_n(&m->state, 2, __ATOMIC_ACQUIRE))
		port->wait(&m->state, 2);
}

void mutex_unlock(struct mutex *m)
{
	u32 v = __atomic_exchange_n(&m->state, 0, __ATOMIC_RELEASE);

	VM_BUG_ON(!v);
	if (unlikely(v == 2))
		port->wake(&m->state, 1);
}
