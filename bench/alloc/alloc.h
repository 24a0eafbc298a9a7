/* SPDX-License-Identifier: MIT */
/*
 * alloc.h - the rows of the allocators' benchmark: what is called, how often.
 */
#ifndef BENCH_ALLOC_H
#define BENCH_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_KEPT 4096

/* One thread's blocks, and the order in which a random row replaces them. */
struct hands {
	void *kept[MAX_KEPT];
	uint16_t order[MAX_KEPT];
};

/* What a row does with one kind of block, in one thread. */
struct work {
	/* n times: get a block, give it back */
	void (*hot)(struct hands *h, unsigned int n);
	/* get kept[0 .. n-1]; give them back in the same order */
	void (*get)(struct hands *h, unsigned int n);
	void (*put)(struct hands *h, unsigned int n);
	/* n times: give one of kept[] back, in h->order, and get another */
	void (*replace)(struct hands *h, unsigned int n);
};

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
