/* SPDX-License-Identifier: MIT */
/*
 * selftest.h - the unit tests in the booted kernel: what the kernel calls,
 * and what it lends.
 */
#ifndef TEST_METAL_SELFTEST_H
#define TEST_METAL_SELFTEST_H

#include <quire/types.h>

struct selftest_ops {
	/*
	 * Run fn(arg, k) for k = 0..nr-1 in nr kernel threads, one on each
	 * processor at most, and return when all have returned; nr is cut to
	 * the processors there are.  The number run.
	 */
	unsigned int (*run_on_cpus)(unsigned int nr,
				    void (*fn)(void *arg, unsigned int k),
				    void *arg);
	/* A value that only the calling thread has while it lives. */
	const void *(*current_thread)(void);
	/* Return when the memory of threads that have ended is free again. */
	void (*settle)(void);
};

/*
 * selftest_run_all - run all tests for both machines whose names contain
 * pattern (NULL: all), one after the other; results as TAP through printk,
 * last "N passed, N failed".
 * Context: a kernel thread that stays on one processor (injected failures are
 *   counted for each), nothing else running.
 * Result: the number that failed.
 */
unsigned int selftest_run_all(const char *pattern,
			      const struct selftest_ops *ops);

#endif
