/* SPDX-License-Identifier: MIT */
/*
 * sysctl.h - what can be turned while the memory manager runs: /proc/sys/vm.
 *
 * Each knob has a getter and a setter of the shape that struct mm_knob
 * (show.h) wants.  Getters fill values[] and return how many; any context.
 * Setters take the first nr numbers, keep the others, and return 0 or -EINVAL
 * with nothing changed; task context, no spinlocks held.  They check their
 * bounds themselves, so that any caller may hand them anything.
 *
 * Source: Documentation/admin-guide/sysctl/vm.rst.
 */
#ifndef QUIRE_SYSCTL_H
#define QUIRE_SYSCTL_H

#include <quire/types.h>

/* An int, as in Linux. */
#define SYSCTL_INT_MAX 0x7fffffffL

/*
 * min_free_kbytes: what ordinary requests leave free, in KiB, over all zones.
 * Computed at the start, and again when memory comes, as sqrt(16 x KiB of low
 * memory) within 128 .. 262144, until somebody writes it: then it stays.
 */
int min_free_kbytes_get(s64 *values);
int min_free_kbytes_set(const s64 *values, unsigned int nr);

/* Distance of the marks, in 1/10000 of a zone: 10; 1 .. 3000. */
#define WATERMARK_SCALE_FACTOR_MIN 1
#define WATERMARK_SCALE_FACTOR_MAX 3000
int watermark_scale_factor_get(s64 *values);
int watermark_scale_factor_set(const s64 *values, unsigned int nr);

/*
 * How far a zone's marks rise, in 1/10000 of its high mark, when pageblocks
 * get mixed: 15000; 0: not at all.
 */
int watermark_boost_factor_get(s64 *values);
int watermark_boost_factor_set(const s64 *values, unsigned int nr);

/*
 * percpu_pagelist_high_fraction: 0: the lists' sizes follow demand; n >= 8:
 * each holds up to 1/n of a zone divided by the number of processors.  1 .. 7
 * is -EINVAL.
 */
#define PERCPU_PAGELIST_HIGH_FRACTION_MIN 8
int percpu_pagelist_high_fraction_get(s64 *values);
int percpu_pagelist_high_fraction_set(const s64 *values, unsigned int nr);

/*
 * lowmem_reserve_ratio: one number for each zone type, MAX_NR_ZONES of them:
 * requests that could use higher zones leave 1/n of those zones' size free
 * here.  Below 1: nothing is left.
 */
int lowmem_reserve_ratio_get(s64 *values);
int lowmem_reserve_ratio_set(const s64 *values, unsigned int nr);

/*
 * overcommit_memory: 0 guess, 1 always, 2 never; overcommit_ratio in percent of
 * RAM or overcommit_kbytes, whichever was written last (the other reads 0); and
 * what 2 leaves to the administrator and, at most, to each user's rescue.
 */
int overcommit_memory_get(s64 *values);
int overcommit_memory_set(const s64 *values, unsigned int nr);
int overcommit_ratio_get(s64 *values);
int overcommit_ratio_set(const s64 *values, unsigned int nr);
int overcommit_kbytes_get(s64 *values);
int overcommit_kbytes_set(const s64 *values, unsigned int nr);
int user_reserve_kbytes_get(s64 *values);
int user_reserve_kbytes_set(const s64 *values, unsigned int nr);
int admin_reserve_kbytes_get(s64 *values);
int admin_reserve_kbytes_set(const s64 *values, unsigned int nr);

/* mmap_min_addr, in bytes; to set it takes MM_CAP_SYS_RAWIO (-EPERM). */
int mmap_min_addr_get(s64 *values);
int mmap_min_addr_set(const s64 *values, unsigned int nr);

#endif
