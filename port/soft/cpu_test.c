/* SPDX-License-Identifier: MIT */
/*
 * cpu_test.c - seeded processors: repeatable, different by seed, and what
 * cannot go on is found; lib's sleeping locks under many interleavings.
 */
#include "cpu.c"

#include <quire/rwsem.h>
#include <quire/spinlock.h>

#include "test/test.h"

static const struct soft_layout seeded = {.mode = SOFT_SEEDED, .nr_cpus = 4};

#define TRACE_MAX 400

static struct trace {
	unsigned int nr;
	u8 cpu[TRACE_MAX];
} traces[2];

static void leave_traces(void *arg, unsigned int k)
{
	struct trace *t = arg;

	for (unsigned int i = 0; i < TRACE_MAX / 4; i++) {
		t->cpu[t->nr++] = (u8)k;
		arch_sched_point();
	}
}

static bool same_trace(u64 seed, u64 other_seed)
{
	memset(traces, 0, sizeof(traces));
	sched.chance = seed;
	test_run_on_cpus(4, leave_traces, &traces[0]);
	sched.chance = other_seed;
	test_run_on_cpus(4, leave_traces, &traces[1]);
	CHECK_EQ(traces[0].nr, TRACE_MAX);
	return memcmp(&traces[0], &traces[1], sizeof(traces[0])) == 0;
}

TEST_MACHINE(seeded_run_repeats_itself, &seeded)
{
	u64 seed = test_random();

	CHECK(same_trace(seed, seed));
	CHECK(!same_trace(seed, seed + 1));
}

TEST_MACHINE(seeded_time_and_chance_come_from_the_seed, &seeded)
{
	u64 was = port->time_ns();

	sched.random = 5;
	CHECK_EQ(port->time_ns(), was + 1000);
	was = port->random();
	CHECK_NE(port->random(), was);
	sched.random = 5;
	CHECK_EQ(port->random(), was);
}

static void add_without_lock(void *arg, unsigned int k)
{
	unsigned int *nr = arg, was;

	(void)k;
	for (unsigned int i = 0; i < 20; i++) {
		was = *nr;
		arch_sched_point();
		*nr = was + 1;
	}
}

/* If no interleaving lost an addition, the machine would show nothing. */
TEST_MACHINE(seeded_interleavings_lose_unlocked_additions, &seeded)
{
	unsigned int nr_lost = 0;

	for (unsigned int round = 0; round < 10; round++) {
		unsigned int nr = 0;

		test_run_on_cpus(4, add_without_lock, &nr);
		nr_lost += nr < 80;
	}
	CHECK_GE(nr_lost, 5);
}

/* ---- sleeping locks ---- */

static struct {
	struct rw_semaphore sem;
	struct mutex m;
	spinlock_t spin;
	unsigned int nr_in, nr_writers;
	unsigned long by_sem, by_mutex, by_spin;
} shared;

static void lock_everything(void *arg, unsigned int k)
{
	unsigned int rounds = *(unsigned int *)arg;

	for (unsigned int i = 0; i < rounds; i++) {
		if ((i + k) % 3 == 0) {
			down_write(&shared.sem);
			CHECK(shared.nr_in == 0 && shared.nr_writers == 0);
			shared.nr_writers++;
			port->yield();
			shared.by_sem++;
			shared.nr_writers--;
			if (i % 2)
				up_write(&shared.sem);
			else {
				downgrade_write(&shared.sem);
				up_read(&shared.sem);
			}
		} else {
			down_read(&shared.sem);
			CHECK_EQ(shared.nr_writers, 0);
			shared.nr_in++;
			port->yield();
			shared.nr_in--;
			up_read(&shared.sem);
		}
		mutex_lock(&shared.m);
		shared.by_mutex++;
		port->yield();
		mutex_unlock(&shared.m);
		spin_lock(&shared.spin);
		shared.by_spin++;
		spin_unlock(&shared.spin);
	}
}

TEST_MACHINE(locks_hold_under_seeded_interleavings, &seeded)
{
	unsigned int rounds = 10;

	spin_lock_init(&shared.spin, LOCK_RANK_ZONE);
	for (unsigned int i = 0; i < 100; i++) {
		shared.by_sem = shared.by_mutex = shared.by_spin = 0;
		test_run_on_cpus(4, lock_everything, &rounds);
		CHECK_EQ(shared.by_mutex, 4 * rounds);
		CHECK_EQ(shared.by_spin, 4 * rounds);
		CHECK_EQ(shared.by_sem, 14);
		CHECK_EQ(shared.sem.count, 0);
		CHECK_EQ(shared.m.state, 0);
	}
}

/* ---- what cannot go on ---- */

static void sleep_alone(void *arg)
{
	port->wait(arg, *(u32 *)arg);
}

static void spin_alone(void *arg)
{
	raw_spin_lock(arg);
}

static void sleep_in_atomic_context(void *arg)
{
	preempt_disable();
	port->wait(arg, *(u32 *)arg + 1);
}

TEST_MACHINE(seeded_machine_finds_deadlocks, &seeded)
{
	u32 word = 1;
	char text[100];

	CHECK(soft_catch_panic(sleep_alone, &word, text, sizeof(text)));
	CHECK_STR(text, "CPU 0 sleeps and no other can run");
	CHECK(soft_catch_panic(spin_alone, &word, text, sizeof(text)));
	CHECK_STR(text, "CPU 0 spins and no other can run");
}

TEST_SOFT(sleeping_in_atomic_context_stops_the_machine)
{
	u32 word = 1;
	char text[100];

	CHECK(soft_catch_panic(sleep_in_atomic_context, &word, text,
			       sizeof(text)));
	CHECK_STR(text, "BUG: CPU 0 sleeps in atomic context (1, 0)");
}

static void note_cpu(void *arg, unsigned int k)
{
	u32 *seen = arg;

	CHECK_EQ(smp_processor_id(), k);
	__atomic_fetch_or(seen, 1U << k, __ATOMIC_RELAXED);
}

TEST_SOFT(run_on_cpus_uses_each_processor_once)
{
	u32 seen = 0;

	CHECK_EQ(test_run_on_cpus(3, note_cpu, &seen), 3);
	CHECK_EQ(seen, 7);
	seen = 0;
	CHECK_EQ(test_run_on_cpus(1000, note_cpu, &seen), 8);
	CHECK_EQ(seen, 0xff);
}
