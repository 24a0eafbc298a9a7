/* SPDX-License-Identifier: MIT */
/*
 * bench.h - what the rows of the allocator's benchmark share.
 *
 * Each row is a fixed amount of work, so that the processor time and the peak
 * memory of the process are the result.  Sizes and orders come from fixed
 * seeds.  BENCH_PERCENT in the environment does that part of the work.
 */
#ifndef BENCH_MALLOC_BENCH_H
#define BENCH_MALLOC_BENCH_H

#include <stdint.h>
#include <stdlib.h>

struct row {
	const char *name;
	void (*fn)(void);
};
extern const struct row rows_single[], rows_threads[], rows_rest[];

extern long percent;
static inline long turns(long n)
{
	return n * percent / 100 ? n * percent / 100 : 1;
}

static inline uint64_t next(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static inline void *get(size_t size)
{
	char *p = malloc(size);

	if (!p)
		abort();
	p[0] = 1;
	p[size - 1] = 1;
	return p;
}

/* Mostly small, as programs are: half below 48 bytes, few above 1 KiB. */
static inline size_t draw(uint64_t *s)
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

#endif
