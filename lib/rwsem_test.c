/* SPDX-License-Identifier: MIT */
/*
 * rwsem_test.c - who may hold together, and that nobody is left asleep.
 *
 * port/soft/cpu_test.c runs the same under seeded interleavings.
 */
#include "rwsem.c"

#include <quire/spinlock.h>
#include <quire/string.h>

#include "test/test.h"

TEST(rwsem_admits_readers_together_and_a_writer_alone)
{
	struct rw_semaphore sem;

	init_rwsem(&sem);
	CHECK(!rwsem_is_locked(&sem));
	down_read(&sem);
	CHECK(down_read_trylock(&sem));
	CHECK(!down_write_trylock(&sem));
	CHECK(rwsem_is_locked(&sem) && !rwsem_is_write_locked(&sem));
	up_read(&sem);
	CHECK(!down_write_trylock(&sem));
	up_read(&sem);
	CHECK(down_write_trylock(&sem));
	CHECK(!down_write_trylock(&sem) && !down_read_trylock(&sem));
	CHECK(rwsem_is_write_locked(&sem));
	downgrade_write(&sem);
	CHECK(!rwsem_is_write_locked(&sem) && down_read_trylock(&sem));
	up_read(&sem);
	up_read(&sem);
	CHECK(!rwsem_is_locked(&sem));
}

TEST(rwsem_waiting_writer_keeps_new_readers_out)
{
	struct rw_semaphore sem;

	init_rwsem(&sem);
	down_read(&sem);
	/* As the writer that goes to sleep leaves it. */
	sem.count |= WAITING;
	CHECK(!down_read_trylock(&sem));
	up_read(&sem);
	CHECK_EQ(sem.count, 0);
	CHECK(down_read_trylock(&sem));
	up_read(&sem);
}

TEST(mutex_is_held_once)
{
	struct mutex m = MUTEX_INIT;

	CHECK(mutex_trylock(&m));
	CHECK(!mutex_trylock(&m));
	mutex_unlock(&m);
	mutex_lock(&m);
	CHECK(!mutex_trylock(&m));
	mutex_unlock(&m);
}

struct shared {
	struct rw_semaphore sem;
	struct mutex m;
	spinlock_raw_t spin;
	/* Plain: TSan sees it if the locks do not order accesses. */
	unsigned long a, b, by_mutex, by_spin;
	u32 nr_readers;
};

#define ROUNDS 400

static void write_some(struct shared *s)
{
	down_write(&s->sem);
	CHECK_EQ(READ_ONCE(s->nr_readers), 0);
	s->a++;
	port->yield();
	s->b++;
	up_write(&s->sem);
}

static void read_some(struct shared *s)
{
	down_read(&s->sem);
	__atomic_fetch_add(&s->nr_readers, 1, __ATOMIC_RELAXED);
	CHECK_EQ(s->a, s->b);
	__atomic_fetch_sub(&s->nr_readers, 1, __ATOMIC_RELAXED);
	up_read(&s->sem);
}

static void write_then_read(struct shared *s)
{
	unsigned long was;

	down_write(&s->sem);
	was = ++s->a;
	s->b++;
	/* No writer can come in between. */
	downgrade_write(&s->sem);
	CHECK_EQ(s->a, was);
	up_read(&s->sem);
}

static void hammer(void *arg, unsigned int k)
{
	struct shared *s = arg;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		switch ((i + k) % 4) {
		case 0:
			write_some(s);
			break;
		case 1:
			write_then_read(s);
			break;
		default:
			read_some(s);
			break;
		}
		mutex_lock(&s->m);
		s->by_mutex++;
		mutex_unlock(&s->m);
		raw_spin_lock(&s->spin.locked);
		s->by_spin++;
		raw_spin_unlock(&s->spin.locked);
	}
}

TEST(locks_exclude_and_wake_under_load)
{
	static struct shared s;
	unsigned int nr;

	memset(&s, 0, sizeof(s));
	init_rwsem(&s.sem);
	mutex_init(&s.m);
	nr = test_run_on_cpus(4, hammer, &s);
	CHECK_EQ(s.a, nr * ROUNDS / 2);
	CHECK_EQ(s.b, s.a);
	CHECK_EQ(s.by_mutex, nr * ROUNDS);
	CHECK_EQ(s.by_spin, nr * ROUNDS);
	CHECK_EQ(s.sem.count, 0);
	CHECK_EQ(s.m.state, 0);
}
