/* SPDX-License-Identifier: MIT */
/*
 * memblock.h - what physical memory there is, and who took it before the
 * buddy system could say.
 *
 * One processor, at start; after memblock_retire() only the lists may be read,
 * and memblock_unreserve() called.  Addresses are bytes, ranges [start, end).
 */
#ifndef MM_PAGE_MEMBLOCK_H
#define MM_PAGE_MEMBLOCK_H

#include <quire/port.h>
#include <quire/types.h>

/* Disjoint ranges, sorted by address; equal neighbours are one. */
struct memblock_list {
	const char *name;
	struct mem_range *ranges;
	unsigned int nr;
	unsigned int max;
	bool grown; /* ranges lie in memory taken from memblock */
};

struct memblock {
	struct memblock_list memory;	    /* RAM, whole frames, free or not */
	struct memblock_list reserved;	    /* the part of it that is taken */
	struct memblock_list firmware;	    /* never ours */
	phys_addr_t limit;		    /* allocations end below this */
	phys_addr_t slack_start, slack_end; /* rest of a frame given out */
	bool retired; /* the buddy system has taken over */
};

extern struct memblock memblock;

/* Take in the firmware's map; panics when there is no memory in it. */
void memblock_init(const struct mm_boot *boot);

/* Any range; parts already in the list keep what they say. */
void memblock_add(phys_addr_t start, phys_addr_t end, int nid);
void memblock_reserve(phys_addr_t start, phys_addr_t end);
/*
 * Take a range off the reserved list.  When the list has no room left for the
 * second half of a range that is cut in two, it stays listed: after
 * memblock_retire() the list only serves to be shown.
 */
void memblock_unreserve(phys_addr_t start, phys_addr_t end);

/*
 * Zeroed memory for ever, from the highest free addresses.  align is a power
 * of two.  memblock_try_alloc() gives NULL if there is none, memblock_alloc()
 * panics.
 */
void *memblock_try_alloc(size_t size_bytes, size_t align);
void *memblock_alloc(size_t size_bytes, size_t align);
/* The same of this node's memory alone; of any with NUMA_NO_NODE. */
void *memblock_try_alloc_node(size_t size_bytes, size_t align, int nid);

/* Highest free place of this size below limit; its start, or 0. */
phys_addr_t memblock_find(phys_addr_t size_bytes, phys_addr_t align,
			  phys_addr_t limit);
/* The same of one node; NUMA_NO_NODE: of any. */
phys_addr_t memblock_find_node(phys_addr_t size_bytes, phys_addr_t align,
			       int nid);
/* Is all of the range memory that nobody has reserved? */
bool memblock_is_free(phys_addr_t start, phys_addr_t end);
/* Does any of it lie in the list? */
bool memblock_overlaps(const struct memblock_list *list, phys_addr_t start,
		       phys_addr_t end);

/*
 * The next run of frames [*start, *end) that are memory and not reserved, at
 * or above *end, within one range of memory.  Start with *end = 0; false: no more.
 */
bool memblock_next_free(unsigned long *start_pfn, unsigned long *end_pfn);

/* From now on memory comes from the buddy system. */
void memblock_retire(void);

/* Panics with what is wrong. */
void memblock_validate(void);

#endif
