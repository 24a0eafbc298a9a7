/* SPDX-License-Identifier: MIT */
/*
 * alloc.h - the rows of the allocators' benchmark: what is called, how often.
 */
#ifndef BENCH_ALLOC_H
#define BENCH_ALLOC_H

#include "bench/alloc/work.h"

enum pattern { HOT, BULK, RANDOM };

struct row {
	const char *name;
	enum pattern pattern;
	unsigned int nr_threads;
	unsigned int nr_kept;  /* blocks of BULK and RANDOM, for each thread */
	unsigned int nr_pairs; /* in one timing, for each thread */
	unsigned int
		nr_counted; /* pairs in one count of instructions; 0: none */
	const struct work *ours;
	const struct work *peers; /* NULL: there is nothing to compare with */
	double goal_ns;		  /* 0: the fastest peer; below 0: none */
};

extern const struct row rows[];
extern const unsigned int nr_rows;

/* Bring Quire up on the simulated machine, and what the rows need. */
void ours_boot(unsigned int nr_threads);
/* Run fn(arg, k) on nr processors at once. */
void ours_run(unsigned int nr, void (*fn)(void *arg, unsigned int k),
	      void *arg);

#endif
