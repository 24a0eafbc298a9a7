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
void down_read(struct rw_semaphore *sem);
bool __must_check down_read_trylock(struct rw_semaphore *sem);
void up_read(struct rw_semaphore *sem);
void down_write(struct rw_semaphore *sem);
bool __must_check down_write_trylock(struct rw_semaphore *sem);
void up_write(struct rw_semaphore *sem);
void downgrade_write(struct rw_semaphore *sem);
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
void mutex_lock(struct mutex *m);
bool __must_check mutex_trylock(struct mutex *m);
void mutex_unlock(struct mutex *m);

#endif
