/* SPDX-License-Identifier: MIT */
/*
 * config.h - build-time choices.  Every CONFIG_ name is always defined, as 0
 * or 1 (or a number), so that a mistyped one is an error under -Wundef.
 * Override with -DCONFIG_X=n on the compiler's command line.
 */
#ifndef QUIRE_CONFIG_H
#define QUIRE_CONFIG_H

/* Assertions and whole-structure validators after mutations. */
#ifndef CONFIG_DEBUG_MM
#define CONFIG_DEBUG_MM 0
#endif

/* Check the documented lock order (lockorder.h) at run time. */
#ifndef CONFIG_DEBUG_LOCKS
#define CONFIG_DEBUG_LOCKS 0
#endif

/* Let tests make the n-th allocation fail (failure.h). */
#ifndef CONFIG_FAULT_INJECTION
#define CONFIG_FAULT_INJECTION 0
#endif

/* Unit tests are linked in and can be run by the machine. */
#ifndef CONFIG_SELFTEST
#define CONFIG_SELFTEST 0
#endif

/* The kernel measures its allocators instead of running a program. */
#ifndef CONFIG_BENCH
#define CONFIG_BENCH 0
#endif

/*
 * Frames without a permanent kernel address (highmem.h).  The port's arch.h
 * then has addresses to map them at.
 */
#ifndef CONFIG_HIGHMEM
#define CONFIG_HIGHMEM 0
#endif

/* The most processors one machine can have. */
#ifndef CONFIG_NR_CPUS
#define CONFIG_NR_CPUS 64
#endif

/* The most memory nodes one machine can have. */
#ifndef CONFIG_MAX_NUMNODES
#define CONFIG_MAX_NUMNODES 8
#endif

#define NR_CPUS	     CONFIG_NR_CPUS
#define MAX_NUMNODES CONFIG_MAX_NUMNODES

#endif
