/* SPDX-License-Identifier: MIT */
/*
 * rwsem.h - sleeping locks: many readers or one writer, and a plain mutex.
 * Writers are not starved: a waiting writer keeps new readers out.
 * Task context only; sleeping goes through port->wait and port->wake.
 */
#ifndef QUIRE_RWSEM_H
#define QUIRE_RWSEM_H

#include <quire/types.h>

/* count: bit 31 a writer holds it; bit 30 someone waits; below, readers. */
struct rw_semaphore {
	u32 count;
};

#define RWSEM_INIT \
	{          \
		0  \
	}

void init_rwsem(struct rw_semaphore *sem);
/*
 * down_read - hold sem with other readers; down_write: alone.
 * Context: task, no spinlocks; sleeps, and no signal ends that.  Not recursive:
 *   a second down_read() by the same task may wait for ever behind a writer.
 * Result of the trylock forms: is it held now?  They never sleep.
 * up_read and up_write by whom it is held; sem may be freed by the next holder
 * before they return.
 */
void down_read(struct rw_semaphore *sem);
bool __must_check down_read_trylock(struct rw_semaphore *sem);
void up_read(struct rw_semaphore *sem);
void down_write(struct rw_semaphore *sem);
bool __must_check down_write_trylock(struct rw_semaphore *sem);
void up_write(struct rw_semaphore *sem);
/* The writer becomes a reader, with no other writer in between. */
void downgrade_write(struct rw_semaphore *sem);
/* By anybody (by a writer); for assertions.  Context: any. */
bool rwsem_is_locked(const struct rw_semaphore *sem);
bool rwsem_is_write_locked(const struct rw_semaphore *sem);

/* 0 free, 1 held, 2 held and someone waits. */
struct mutex {
	u32 state;
};

#define MUTEX_INIT \
	{          \
		0  \
	}

void mutex_init(struct mutex *m);
/*
 * mutex_lock - hold m alone; mutex_trylock does not sleep and says whether.
 * Context: task, no spinlocks; sleeps, and no signal ends that.  Not recursive.
 *   First come is not first served.
 */
void mutex_lock(struct mutex *m);
bool __must_check mutex_trylock(struct mutex *m);
void mutex_unlock(struct mutex *m);

#endif
