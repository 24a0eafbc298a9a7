/* SPDX-License-Identifier: MIT */
/*
 * vmstat.h - counters, by Linux's names.
 *
 * Events only grow and are per CPU; page counts go up and down.  Frames that
 * the zones and their lists hand out are counted there.  Each list is written
 * once, here.
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
	X(oom_kill) \
	X(allocstall_dma) X(allocstall_dma32) X(allocstall_normal) \
	X(allocstall_high) X(allocstall_movable)

/*
 * X(name): pages in use now, by the node they are on; nr_kernel_stack is in
 * KiB, as in Linux.
 */
#define NODE_STATS(X) \
	X(nr_anon_pages) X(nr_mapped) X(nr_file_pages) X(nr_shmem) \
	X(nr_dirty) X(nr_slab_reclaimable) X(nr_slab_unreclaimable) \
	X(nr_page_table_pages) X(nr_kernel_stack) X(nr_vmalloc) \
	X(nr_mlock)

/*
 * X(ITEM, name in /proc/vmstat, name in nodeN/numastat): where requests for
 * frames wanted them and got them; only grow; in frames.  A node without
 * memory has all of them 0: the nearest with memory counts as wanted.
 *   NUMA_HIT         wanted here, and got here
 *   NUMA_MISS        wanted on another node, got here
 *   NUMA_FOREIGN     wanted here, got on another node
 *   NUMA_INTERLEAVE  a policy that interleaves wanted this node, got it here
 *   NUMA_LOCAL       asked by a processor of this node, got here
 *   NUMA_OTHER       asked by a processor of another node, got here
 * HIT + MISS = LOCAL + OTHER = what the zones handed out.
 * Source: Documentation/admin-guide/numastat.rst.
 */
#define NUMA_STATS(X) \
	X(NUMA_HIT, numa_hit, numa_hit) \
	X(NUMA_MISS, numa_miss, numa_miss) \
	X(NUMA_FOREIGN, numa_foreign, numa_foreign) \
	X(NUMA_INTERLEAVE, numa_interleave, interleave_hit) \
	X(NUMA_LOCAL, numa_local, local_node) \
	X(NUMA_OTHER, numa_other, other_node)

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

enum numa_stat {
#define X(item, vmstat_name, numastat_name) item,
	NUMA_STATS(X)
#undef X
	NR_NUMA_STATS
};
/* clang-format on */

DECLARE_PER_CPU(unsigned long[NR_VM_EVENTS], vm_event_counts);
/* A power of two, so that a node's counts are found by shifting. */
#define NODE_STATS_STRIDE 16
_Static_assert(NR_NODE_STATS <= NODE_STATS_STRIDE, "a node's counts fit");
DECLARE_PER_CPU(long[MAX_NUMNODES][NODE_STATS_STRIDE], node_stat_counts);

/* The caller's CPU; a torn update from an interrupt costs one count. */
static inline void count_vm_events(enum vm_event ev, unsigned long n)
{
	unsigned long *c = &(*this_cpu_ptr(&vm_event_counts))[ev];

	WRITE_ONCE(*c, READ_ONCE(*c) + n);
}

#define count_vm_event(ev) count_vm_events((ev), 1)

/*
 * Signed change of what a node holds; sums over CPUs are exact when nothing
 * runs.
 */
static inline void mod_node_stat(int nid, enum node_stat st, long delta)
{
	long *c = &(*this_cpu_ptr(&node_stat_counts))[nid][st];

	WRITE_ONCE(*c, READ_ONCE(*c) + delta);
}

/* The same of the node that the page is on. */
static inline void mod_page_stat(const struct page *page, enum node_stat st,
				 long delta)
{
	mod_node_stat(page_to_nid(page), st, delta);
}

/* delta for each of nr pages, wherever they are. */
void mod_pages_stat(struct page *const *pages, unsigned long nr,
		    enum node_stat st, long delta);

/* sum_vm_event - of all processors, since the start.  Context: any. */
unsigned long sum_vm_event(enum vm_event ev);

/*
 * Of the machine, and of a node (0 .. nr_node_ids-1); never negative.  The
 * nodes' sum is the machine's when nothing runs.
 */
unsigned long node_stat_pages(enum node_stat st);
unsigned long node_stat(int nid, enum node_stat st);

/*
 * Of one zone, of a node (0 .. nr_node_ids-1), of the machine.  Any context;
 * exact when nothing runs.
 */
unsigned long zone_numa_stat(const struct zone *zone, enum numa_stat item);
unsigned long node_numa_stat(int nid, enum numa_stat item);
unsigned long sum_numa_stat(enum numa_stat item);
/*
 * A policy that interleaves wanted this node for the frames of page, 2^order
 * of them, and got them there.  Any context.
 */
void count_numa_interleave(const struct page *page, unsigned int order);

/*
 * Frames of the machine, and of a node: free, also on per-CPU lists; given to
 * the page allocator; RAM.
 */
unsigned long nr_free_pages(void);
unsigned long totalram_pages(void);
unsigned long node_free_pages(int nid);
unsigned long node_managed_pages(int nid);
unsigned long node_present_pages(int nid);

#endif
