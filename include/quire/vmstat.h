/* SPDX-License-Identifier: MIT */
/*
 * vmstat.h - counters, by Linux's names.
 *
 * Events only grow and are per CPU; page counts go up and down and are kept
 * per zone and node by mm/page.  Each list is written once, here.
 */
#ifndef QUIRE_VMSTAT_H
#define QUIRE_VMSTAT_H

#include <quire/mm_types.h>
#include <quire/percpu.h>

/* clang-format off */
/* X(name): an event of /proc/vmstat. */
#define VM_EVENTS(X) \
	X(pgalloc_dma) X(pgalloc_dma32) X(pgalloc_normal) \
	X(pgalloc_high) X(pgalloc_movable) /* in the order of the zones */ \
	X(pgfree) X(pgfault) X(pgmajfault) X(pgreuse) \
	X(drop_pagecache) X(oom_kill) \
	X(allocstall_dma) X(allocstall_dma32) X(allocstall_normal) \
	X(allocstall_high) X(allocstall_movable)

/* X(name): pages in use now; nr_kernel_stack is in KiB, as in Linux. */
#define NODE_STATS(X) \
	X(nr_anon_pages) X(nr_mapped) X(nr_file_pages) X(nr_shmem) \
	X(nr_dirty) X(nr_slab_reclaimable) X(nr_slab_unreclaimable) \
	X(nr_page_table_pages) X(nr_kernel_stack) X(nr_vmalloc) \
	X(nr_mlock)

enum vm_event {
#define X(name) VMEV_##name,
	VM_EVENTS(X)
#undef X
	NR_VM_EVENTS
};

enum node_stat {
#define X(name) NST_##name,
	NODE_STATS(X)
#undef X
	NR_NODE_STATS
};
/* clang-format on */

DECLARE_PER_CPU(unsigned long[NR_VM_EVENTS], vm_event_counts);
DECLARE_PER_CPU(long[NR_NODE_STATS], node_stat_counts);

/* The caller's CPU; a torn update from an interrupt costs one count. */
static inline void count_vm_events(enum vm_event ev, unsigned long n)
{
	unsigned long *c = &(*this_cpu_ptr(&vm_event_counts))[ev];

	WRITE_ONCE(*c, READ_ONCE(*c) + n);
}

#define count_vm_event(ev) count_vm_events((ev), 1)

/* Signed change; sums over CPUs are exact when nothing runs. */
static inline void mod_node_stat(enum node_stat st, long delta)
{
	long *c = &(*this_cpu_ptr(&node_stat_counts))[st];

	WRITE_ONCE(*c, READ_ONCE(*c) + delta);
}

unsigned long sum_vm_event(enum vm_event ev);
unsigned long node_stat_pages(enum node_stat st); /* never negative */
unsigned long nr_free_pages(void);
unsigned long totalram_pages(void);

#endif
