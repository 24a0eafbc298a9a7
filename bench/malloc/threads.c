// SPDX-License-Identifier: MIT
/*
 * threads.c - the rows of several threads.
 */
#include "bench.h"

#include <pthread.h>
#include <time.h>

/* ---- threads ---------------------------------------------------------------------- */
static void run(int nr, void *(*fn)(void *))
{
	pthread_t t[16];

	for (int i = 0; i < nr; i++)
		pthread_create(&t[i], NULL, fn, (void *)(uintptr_t)(i + 1));
	for (int i = 0; i < nr; i++)
		pthread_join(t[i], NULL);
}

/* Two threads, each on its own. */
static void *local_thread(void *arg)
{
	enum { NR = 2000 };
	void **p = calloc(NR, sizeof(*p));
	uint64_t s = (uintptr_t)arg * 77;

	for (int n = 0; n < turns(4000000); n++) {
		size_t i = next(&s) % NR;

		free(p[i]);
		p[i] = get(draw(&s));
	}
	for (int i = 0; i < NR; i++)
		free(p[i]);
	free(p);
	return NULL;
}

/* A server: blocks live on a table that both threads replace in. */
enum { SLOTS = 5000 };
static void *slots[SLOTS];

static void *server_thread(void *arg)
{
	uint64_t s = (uintptr_t)arg * 99;

	for (int n = 0; n < turns(3000000); n++) {
		size_t i = next(&s) % SLOTS;
		void *p = get(draw(&s));

		free(__atomic_exchange_n(&slots[i], p, __ATOMIC_ACQ_REL));
	}
	return NULL;
}

/* One allocates, the other frees: batches go through a ring. */
enum { RING = 64, BATCH = 128 };
static void **ring[RING];

static void *maker_thread(void *arg)
{
	uint64_t s = 5;

	(void)arg;
	for (long n = 0; n < turns(40000); n++) {
		void **b = malloc(BATCH * sizeof(*b));

		for (int i = 0; i < BATCH; i++)
			b[i] = get(draw(&s) % 400 + 8);
		while (__atomic_load_n(&ring[n % RING], __ATOMIC_ACQUIRE))
			nanosleep(&(struct timespec){0, 20000}, NULL);
		__atomic_store_n(&ring[n % RING], b, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void *breaker_thread(void *arg)
{
	for (long n = 0; n < turns(40000); n++) {
		void **b;

		while (!(b = __atomic_exchange_n(&ring[n % RING], NULL,
						 __ATOMIC_ACQ_REL)))
			nanosleep(&(struct timespec){0, 20000}, NULL);
		for (int i = 0; i < BATCH; i++)
			free(b[i]);
		free(b);
	}
	return arg;
}

static void *either(void *arg)
{
	return (uintptr_t)arg == 1 ? maker_thread(arg) : breaker_thread(arg);
}

static void *short_thread(void *arg)
{
	void *p[20];

	for (size_t i = 0; i < 20; i++)
		p[i] = get(16 + i * 30);
	for (size_t i = 0; i < 20; i++)
		free(p[i]);
	return arg;
}

static void alloc1(void)
{
	run(1, local_thread);
}
static void alloc2(void)
{
	run(2, local_thread);
}
static void server(void)
{
	run(2, server_thread);
}
static void remote(void)
{
	run(2, either);
}
static void threads(void)
{
	for (int i = 0; i < turns(10000); i++)
		run(2, short_thread);
}

/* The stack of a few blocks, in two threads at once. */
static void *simple_thread(void *arg)
{
	void *p[32];

	for (long n = (long)(uintptr_t)arg; n < turns(1500000); n++) {
		unsigned int nr = 1 + (unsigned int)n % 25;

		for (unsigned int i = 0; i < nr; i++)
			p[i] = get(16 + (size_t)(n % 7) * 24);
		while (nr--)
			free(p[nr]);
	}
	return NULL;
}

/*
 * Rounds of threads that end: each keeps some of what it allocates, of sizes
 * that rarely are large, and swaps the rest with the others by a table.
 */
enum { SWAPS = 1000 };
static void *swaps[SWAPS];

static size_t draw_wide(uint64_t *s)
{
	uint64_t r = next(s) >> 16;

	if (r % 1000 == 0)
		return 1000 + (r >> 10) % 60000;
	if (r % 50 == 0)
		return 500 + (r >> 10) % 5000;
	return 8 + (r >> 10) % 120;
}

static void *stress_thread(void *arg)
{
	enum { KEEP = 5000 };
	void **kept = calloc(KEEP, sizeof(*kept));
	uint64_t s = (uintptr_t)arg * 131 + 7;

	for (long n = 0; n < turns(100000); n++) {
		size_t i = next(&s) % KEEP;
		void *p = get(draw_wide(&s));

		switch (next(&s) % 4) {
		case 0:
			free(kept[i]);
			kept[i] = p;
			break;
		case 1:
			i %= SWAPS;
			free(__atomic_exchange_n(&swaps[i], p,
						 __ATOMIC_ACQ_REL));
			break;
		default:
			free(p);
		}
	}
	for (int i = 0; i < KEEP; i++)
		free(kept[i]);
	free(kept);
	return NULL;
}

/* Sizes evenly from 16 bytes to 8000, lists of them passed on and freed. */
static void *mixed_thread(void *arg)
{
	enum { NR = 400 };
	uint64_t s = (uintptr_t)arg * 17 + 3;

	for (long n = 0; n < turns(4000); n++) {
		void **list = get(NR * sizeof(*list)), **other;

		for (int i = 0; i < NR; i++)
			list[i] = get(16 + next(&s) % (n % 4 ? 1000 : 8000));
		for (int i = 0; i < NR; i += 3) {
			free(list[i]);
			list[i] = get(16 + next(&s) % 2000);
		}
		other = __atomic_exchange_n(&swaps[next(&s) % 8], (void *)list,
					    __ATOMIC_ACQ_REL);
		for (int i = 0; other && i < NR; i++)
			free(other[i]);
		free(other);
	}
	return NULL;
}

static void simple2(void)
{
	run(2, simple_thread);
}
static void stress(void)
{
	for (int i = 0; i < 20; i++)
		run(2, stress_thread);
}
static void mixed(void)
{
	run(2, mixed_thread);
}

const struct row rows_threads[] = {
	{"alloc1", alloc1}, {"alloc2", alloc2},	  {"simple2", simple2},
	{"server", server}, {"remote", remote},	  {"stress", stress},
	{"mixed", mixed},   {"threads", threads}, {NULL, NULL},
};
