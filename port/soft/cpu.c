/* SPDX-License-Identifier: MIT */
/*
 * cpu.c - simulated processors: host threads, all at once or one by one.
 *
 * 1. Threads mode.  Processors run truly at once; what the sanitizers and the
 *    host's scheduler make of it is the test.  Sleepers wait on hashed
 *    condition variables; a wake-up wakes the whole bucket, which wait()'s
 *    contract allows.
 * 2. Seeded mode.  The same threads, but only the one that has the turn runs.
 *    The turn passes at scheduling points (taking a lock, spinning, sleeping,
 *    a user access), to a processor drawn from the seed: one seed, one
 *    interleaving, on any host.  Threads with a turn and not coroutines with
 *    stacks of their own: the sanitizers and debuggers understand them, and a
 *    switch every few hundred instructions is cheap enough.
 * 3. What cannot go on is found, not waited for: all processors asleep, or
 *    one spinning while all others sleep.
 * 4. Locking.  sched.lock guards sched.running; everything else in sched is
 *    changed only by the one that has the turn.
 */
#include "port/soft/soft.h"

#include <pthread.h>
#include <sched.h>

#include <quire/printk.h>

#define NR_BUCKETS 64
#define SPIN_LIMIT 1000000
/* At a scheduling point the turn passes one time in so many. */
#define SWITCH_ONE_IN 4

static struct bucket {
	pthread_mutex_t lock;
	pthread_cond_t woken;
} buckets[NR_BUCKETS];

static struct {
	unsigned int nr_cpus;
	unsigned int nr_running; /* in soft_run() */
	u64 random;		 /* of the machine: port->random */
	pthread_mutex_t lock;
	unsigned int running; /* who has the turn */
	u64 chance;	      /* of the scheduler */
	u64 steps;
	struct seat {
		pthread_cond_t turn;
		bool runnable;
		const u32 *sleeps_on;
	} seats[NR_CPUS];
} sched = {.lock = PTHREAD_MUTEX_INITIALIZER, .nr_running = 1};

/* splitmix64 (Steele, Lea, Flood, OOPSLA 2014): one addition, one mix. */
static u64 next_random(u64 *state)
{
	u64 z = __atomic_add_fetch(state, 0x9e3779b97f4a7c15, __ATOMIC_RELAXED);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

u64 soft_random(void)
{
	return next_random(&sched.random);
}

u64 soft_steps(void)
{
	return __atomic_add_fetch(&sched.steps, 1, __ATOMIC_RELAXED);
}

bool soft_is_concurrent(void)
{
	return READ_ONCE(sched.nr_running) > 1;
}

void soft_cpu_init(u64 seed, unsigned int nr_cpus)
{
	sched.nr_cpus = nr_cpus;
	sched.random = seed;
	sched.chance = ~seed;
	sched.seats[0].runnable = true;
	for (unsigned int i = 0; i < NR_BUCKETS; i++) {
		pthread_mutex_init(&buckets[i].lock, NULL);
		pthread_cond_init(&buckets[i].woken, NULL);
	}
	for (unsigned int i = 0; i < NR_CPUS; i++)
		pthread_cond_init(&sched.seats[i].turn, NULL);
}

/* ---- the turn ---- */

static void await_turn(unsigned int cpu)
{
	while (sched.running != cpu)
		pthread_cond_wait(&sched.seats[cpu].turn, &sched.lock);
}

static void pass_turn(unsigned int next)
{
	pthread_mutex_lock(&sched.lock);
	sched.running = next;
	pthread_cond_signal(&sched.seats[next].turn);
	await_turn(soft_self.cpu);
	pthread_mutex_unlock(&sched.lock);
}

/* A runnable processor that is not this one; this one if there is none. */
static unsigned int draw_other(void)
{
	unsigned int others[NR_CPUS], nr = 0;

	for (unsigned int cpu = 0; cpu < sched.nr_cpus; cpu++)
		if (cpu != soft_self.cpu && sched.seats[cpu].runnable)
			others[nr++] = cpu;
	return nr ? others[next_random(&sched.chance) % nr] : soft_self.cpu;
}

void soft_sched_point(void)
{
	unsigned int next;

	sched.steps++;
	if (sched.nr_running < 2 || next_random(&sched.chance) % SWITCH_ONE_IN)
		return;
	next = draw_other();
	if (next != soft_self.cpu)
		pass_turn(next);
}

static void spin_seeded(void)
{
	static u64 alone;
	unsigned int next = draw_other();

	sched.steps++;
	if (next != soft_self.cpu) {
		alone = 0;
		pass_turn(next);
	} else if (++alone > SPIN_LIMIT) {
		panic("CPU %u spins and no other can run", soft_self.cpu);
	}
}

void soft_relax(void)
{
	if (soft_arch.seeded)
		spin_seeded();
	else
		sched_yield();
}

void soft_yield(void)
{
	unsigned int next;

	if (!soft_arch.seeded) {
		sched_yield();
		return;
	}
	sched.steps++;
	next = draw_other();
	if (next != soft_self.cpu)
		pass_turn(next);
}

/* ---- sleeping ---- */

static struct bucket *bucket_of(const u32 *word)
{
	return &buckets[(uintptr_t)word / sizeof(*word) % NR_BUCKETS];
}

static void wait_seeded(const u32 *word, u32 expected)
{
	struct seat *seat = &sched.seats[soft_self.cpu];
	unsigned int next;

	if (READ_ONCE(*word) != expected)
		return;
	next = draw_other();
	if (next == soft_self.cpu)
		panic("CPU %u sleeps and no other can run", soft_self.cpu);
	seat->runnable = false;
	seat->sleeps_on = word;
	pass_turn(next);
}

void soft_wait(const u32 *word, u32 expected)
{
	struct bucket *b = bucket_of(word);

	if (soft_self.preempt_count || soft_self.irqs_off)
		panic("BUG: CPU %u sleeps in atomic context (%u, %d)",
		      soft_self.cpu, soft_self.preempt_count,
		      soft_self.irqs_off);
	if (soft_arch.seeded) {
		wait_seeded(word, expected);
		return;
	}
	pthread_mutex_lock(&b->lock);
	if (READ_ONCE(*word) == expected)
		pthread_cond_wait(&b->woken, &b->lock);
	pthread_mutex_unlock(&b->lock);
}

void soft_wake(const u32 *word, unsigned int nr)
{
	struct bucket *b = bucket_of(word);
	unsigned int first;

	if (!soft_arch.seeded) {
		pthread_mutex_lock(&b->lock);
		pthread_cond_broadcast(&b->woken);
		pthread_mutex_unlock(&b->lock);
		return;
	}
	first = (unsigned int)(next_random(&sched.chance) % sched.nr_cpus);
	for (unsigned int i = 0; i < sched.nr_cpus && nr; i++) {
		struct seat *seat = &sched.seats[(first + i) % sched.nr_cpus];

		if (seat->sleeps_on != word)
			continue;
		seat->sleeps_on = NULL;
		seat->runnable = true;
		nr--;
	}
}

/* ---- running on several ---- */

struct job {
	pthread_t thread;
	unsigned int cpu;
	void (*fn)(void *arg, unsigned int k);
	void *arg;
};

/* The turn goes on without this one, which has ended. */
static void leave_turn(void)
{
	pthread_mutex_lock(&sched.lock);
	sched.seats[soft_self.cpu].runnable = false;
	sched.running = draw_other();
	if (sched.running == soft_self.cpu)
		panic("CPU %u ends and no other can run", soft_self.cpu);
	pthread_cond_signal(&sched.seats[sched.running].turn);
	pthread_mutex_unlock(&sched.lock);
}

static void *processor(void *arg)
{
	struct job *job = arg;

	soft_self.cpu = job->cpu;
	if (soft_arch.seeded) {
		pthread_mutex_lock(&sched.lock);
		await_turn(job->cpu);
		pthread_mutex_unlock(&sched.lock);
	}
	job->fn(job->arg, job->cpu);
	__atomic_fetch_sub(&sched.nr_running, 1, __ATOMIC_RELAXED);
	if (soft_arch.seeded)
		leave_turn();
	return NULL;
}

unsigned int soft_run(unsigned int nr, void (*fn)(void *arg, unsigned int k),
		      void *arg)
{
	struct job jobs[NR_CPUS];

	nr = min(nr, sched.nr_cpus);
	BUG_ON(soft_self.cpu != 0 || soft_is_concurrent());
	sched.nr_running = nr;
	for (unsigned int k = 1; k < nr; k++) {
		jobs[k] = (struct job){.cpu = k, .fn = fn, .arg = arg};
		sched.seats[k].runnable = true;
		if (pthread_create(&jobs[k].thread, NULL, processor, &jobs[k]))
			panic("soft: no thread for CPU %u", k);
	}
	fn(arg, 0);
	/* Seeded: the others run until only this one is left. */
	while (soft_arch.seeded && READ_ONCE(sched.nr_running) > 1)
		soft_yield();
	for (unsigned int k = 1; k < nr; k++)
		pthread_join(jobs[k].thread, NULL);
	sched.nr_running = 1;
	return nr;
}
