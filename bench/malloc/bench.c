// SPDX-License-Identifier: MIT
/*
 * bench.c - the workloads of `make bench-malloc`: bench ROW, under whatever
 * allocator is preloaded.
 *
 * Each row is a fixed amount of work, so that the processor time and the peak
 * memory of the process are the result.  Sizes and orders come from a fixed
 * seed.
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t next(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static void *get(size_t size)
{
	char *p = malloc(size);

	if (!p)
		abort();
	p[0] = 1;
	p[size - 1] = 1;
	return p;
}

/* Mostly small, as programs are: half below 48 bytes, few above 1 KiB. */
static size_t draw(uint64_t *s)
{
	uint64_t r = next(s), k = r >> 32;

	switch (r % 16) {
	case 0:
		return 256 + k % 1024;
	case 1:
	case 2:
		return 96 + k % 160;
	case 3:
	case 4:
	case 5:
	case 6:
		return 48 + k % 48;
	default:
		return 8 + k % 40;
	}
}

/* A stack of a few blocks of a few sizes: interpreters, parsers. */
static void simple(void)
{
	void *p[32];

	for (int n = 0; n < 1500000; n++) {
		unsigned int nr = 1 + (unsigned int)n % 25;

		for (unsigned int i = 0; i < nr; i++)
			p[i] = get(16 + (size_t)(n % 7) * 24);
		while (nr--)
			free(p[nr]);
	}
}

/* Thousands of objects, freed in various orders. */
static void batch(void)
{
	enum { NR = 20000 };
	static void *p[NR];

	for (int n = 0; n < 1200; n++) {
		for (unsigned int i = 0; i < NR; i++)
			p[i] = get(16 + (i * 8 + (unsigned int)n) % 128);
		for (unsigned int i = 0; i < NR; i++) {
			switch (n % 3) {
			case 0:
				free(p[i]);
				break;
			case 1:
				free(p[NR - 1 - i]);
				break;
			default:
				free(p[(size_t)i * 7919 % NR]);
			}
		}
	}
}

/* Random replacement among many live blocks, the sizes shifting over time. */
static void churn(void)
{
	enum { NR = 100000 };
	static void *p[NR];
	uint64_t s = 42;

	for (int n = 0; n < 6000000; n++) {
		size_t i = next(&s) % NR;
		size_t shift = (size_t)n / 1000000 * 16;

		free(p[i]);
		p[i] = get(draw(&s) + shift);
	}
}

/* Growing and moving: vectors, zeroed tables, aligned buffers. */
static void grow(void)
{
	for (int n = 0; n < 30000; n++) {
		char *v = NULL, *w = NULL;
		void *q;

		for (size_t size = 16; size < 40000; size += size / 2) {
			v = realloc(v, size);
			v[size - 1] = 1;
			w = realloc(w, size / 3 + 1);
			w[0] = 1;
			q = calloc(size / 16 + 1, 8);
			free(q);
			if (posix_memalign(&q, 64, size))
				abort();
			free(q);
		}
		free(v);
		free(w);
	}
}

/* Blocks of 64 KiB to 4 MiB, a quarter of each touched. */
static void large(void)
{
	void *p[20] = {NULL};
	uint64_t s = 7;

	for (int n = 0; n < 50000; n++) {
		size_t i = next(&s) % 20, size = 65536 + next(&s) % 4128768;
		char *b;

		free(p[i]);
		b = p[i] = malloc(size);
		for (size_t k = 0; k < size / 4; k += 4096)
			b[k] = 1;
	}
}

/* Sizes between the small pages and the mapped ones. */
static void medium(void)
{
	enum { NR = 500 };
	static void *p[NR];
	uint64_t s = 11;

	for (int n = 0; n < 8000000; n++) {
		size_t i = next(&s) % NR;

		free(p[i]);
		p[i] = get(1100 + next(&s) % 15000);
	}
}

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

	for (int n = 0; n < 4000000; n++) {
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

	for (int n = 0; n < 3000000; n++) {
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
	for (unsigned int n = 0; n < 40000; n++) {
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
	for (unsigned int n = 0; n < 40000; n++) {
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

static void local(void)
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
	for (int i = 0; i < 10000; i++)
		run(2, short_thread);
}

static void tiny(void)
{
	for (size_t i = 1; i < 100; i++)
		get(i * 10);
}

/* What stays 0.5 s after nine in ten of 300 MB, drawn at random, are freed;
 * the live data need 30 MB.  Printed, in MB, on standard output. */
static void keep(void)
{
	enum { NR = 3000000 };
	static void *p[NR];
	uint64_t s = 3;
	long pages = 0, rss = 0;
	FILE *f;

	for (int i = 0; i < NR; i++)
		p[i] = get(64 + next(&s) % 72);
	for (int i = 0; i < NR; i++) {
		if (next(&s) % 10)
			free(p[i]);
	}
	nanosleep(&(struct timespec){0, 500000000}, NULL);
	free(get(100));
	f = fopen("/proc/self/statm", "r");
	if (!f || fscanf(f, "%ld %ld", &pages, &rss) != 2)
		abort();
	printf("%ld\n", rss * 4 / 1000);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*fn)(void);
	} rows[] = {
		{"tiny", tiny},	    {"simple", simple},	  {"batch", batch},
		{"churn", churn},   {"grow", grow},	  {"medium", medium},
		{"large", large},   {"local", local},	  {"server", server},
		{"remote", remote}, {"threads", threads}, {"keep", keep},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (argc > 1 && !strcmp(rows[i].name, argv[1])) {
			rows[i].fn();
			return 0;
		}
	}
	return 2;
}
