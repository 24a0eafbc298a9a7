// SPDX-License-Identifier: MIT
/*
 * bench.c - the workloads of `make bench-malloc`: bench ROW, under whatever
 * allocator is preloaded.  single.c and threads.c have the rows; here is what
 * stays resident after a burst, printed in MB on standard output.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

long percent = 100;

static void print_resident(void)
{
	long pages = 0, rss = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%ld %ld", &pages, &rss) != 2)
		abort();
	fclose(f);
	printf("%.1f\n", (double)rss * 4096 / 1e6);
}

static void half_a_second(void)
{
	nanosleep(&(struct timespec){0, 500000000}, NULL);
}

enum { MANY = 3000000 };
static void *many[MANY];

/*
 * About 300 MB in blocks of 64 to 136 bytes; then, drawn at random, all but one
 * in `of` are freed.  The program sleeps for half a second and asks for
 * nothing.  of == 0: all are freed.
 */
static void burst(unsigned int of)
{
	uint64_t s = 3;

	for (int i = 0; i < MANY; i++)
		many[i] = get(64 + next(&s) % 72);
	for (int i = 0; i < MANY; i++) {
		if (!of || next(&s) % of)
			free(many[i]);
	}
	half_a_second();
	print_resident();
}

static void keep(void)
{
	burst(10);
}
static void keep_none(void)
{
	burst(0);
}

/* The same with blocks of 2 to 6 KiB. */
static void keep_medium(void)
{
	uint64_t s = 3;

	for (int i = 0; i < 75000; i++) {
		size_t size = 2048 + next(&s) % 4096;

		many[i] = memset(get(size), 1, size);
	}
	for (int i = 0; i < 75000; i++) {
		if (next(&s) % 10)
			free(many[i]);
	}
	half_a_second();
	print_resident();
}

const struct row rows_rest[] = {
	{"keep", keep},
	{"keep_none", keep_none},
	{"keep_medium", keep_medium},
	{NULL, NULL},
};

static int run_row(const struct row *r, const char *name)
{
	for (; r->name; r++) {
		if (!strcmp(r->name, name)) {
			r->fn();
			return 1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *p = getenv("BENCH_PERCENT");

	if (p)
		percent = atol(p);
	if (argc == 2 &&
	    (run_row(rows_single, argv[1]) || run_row(rows_threads, argv[1]) ||
	     run_row(rows_rest, argv[1])))
		return 0;
	fprintf(stderr, "usage: bench ROW\n");
	return 2;
}
