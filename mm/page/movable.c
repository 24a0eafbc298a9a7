/* SPDX-License-Identifier: MIT */
/*
 * movable.c - how much of each node becomes ZONE_MOVABLE.
 *
 *	kernelcore=nn[KMGTPE]|nn%   movablecore=nn[KMGTPE]|nn%
 *
 * 1. Idea.  ZONE_MOVABLE holds only what can be moved or dropped, so its
 *    memory can be had back in large pieces.  It is cut from the upper end of
 *    each node, out of the highest zone that the machine has: lower ones stay
 *    whole for the kernel.
 * 2. How much.  kernelcore= is what the kernel must be able to use, over all
 *    nodes; movablecore= the rest's complement.  With both, the kernel gets
 *    the larger part of the two.  A percentage is of all memory.
 * 3. Spread.  Every node keeps the same number of frames for the kernel, as
 *    long as it has so many; what small nodes lack, and what lies in lower
 *    zones anyway, shifts the level of the others:
 *
 *	kernel(node) = level, but at least what lies in lower zones, and at
 *	               most the node;  the least level whose sum is enough
 *
 *	      |         |####|  movable        wanted 8: level 3
 *	level |~~~~|~~~~|~~~~|
 *	      | .. | .. | .. |  kernel: 2 + 3 + 3
 *	       node 0  1    2
 *
 * 4. Invariants.
 *    Z1  the frames below the nodes' boundaries are at least those wanted
 *    Z2  a boundary is aligned to the largest block, in the highest zone
 * 5. A word that cannot be followed is named in the log, and nothing is cut.
 *    Source: Linux's Documentation/admin-guide/kernel-parameters.txt.
 */
#include "mm/page/memblock.h"
#include "mm/page/page.h"
#include "mm/page/zone.h"

#include <quire/params.h>
#include <quire/printk.h>
#include <quire/string.h>

#define BLOCK_PAGES (1UL << MAX_ORDER)

/* What one of the parameters asks for. */
struct core_size {
	unsigned long pages;
	unsigned int percent; /* instead, if not 0 */
	bool given;
};

static struct {
	struct core_size kernelcore, movablecore;
	/* The first frame of ZONE_MOVABLE; ~0: there is none. */
	unsigned long start_pfn[MAX_NUMNODES];
} movable;

static bool parse_core(const char *text, struct core_size *core)
{
	struct core_size is = {.given = true};
	char *end;
	u64 n;

	if (!text || *text < '0' || *text > '9')
		return false;
	n = memparse(text, &end);
	if (*end == '%' && n <= 100) {
		is.percent = (unsigned int)n;
		end++;
	} else {
		is.pages = (n >> PAGE_SHIFT) + ((n & ~PAGE_MASK) != 0);
	}
	if (*end)
		return false;
	*core = is;
	return true;
}

bool movable_param(const char *name, const char *value)
{
	struct core_size *core;

	if (param_is(name, "kernelcore"))
		core = &movable.kernelcore;
	else if (param_is(name, "movablecore"))
		core = &movable.movablecore;
	else
		return false;
	if (core == &movable.kernelcore && value && !strcmp(value, "mirror"))
		printk("kernelcore=mirror: no memory of this machine is known to be mirrored; not used\n");
	else if (!parse_core(value, core))
		printk("%s=%s: neither a size nor a percentage; not used\n",
		       name, value ? value : "");
	return true;
}

static unsigned long core_pages(const struct core_size *core,
				unsigned long total)
{
	if (!core->percent)
		return core->pages;
	return total / 100 * core->percent + total % 100 * core->percent / 100;
}

/* Frames that the kernel must be able to use; total: all. */
static unsigned long wanted_for_kernel(unsigned long total)
{
	unsigned long wanted = core_pages(&movable.kernelcore, total), rest;

	if (!movable.movablecore.given)
		return movable.kernelcore.given ? wanted : total;
	rest = ALIGN(core_pages(&movable.movablecore, total), BLOCK_PAGES);
	return max(wanted, total - min(rest, total));
}

/* A node's frames: all, and those below the highest zone. */
struct node_size {
	unsigned long total, low;
};

static unsigned long range_start(const struct mem_range *r)
{
	return r->start >> PAGE_SHIFT;
}

static unsigned long range_end(const struct mem_range *r)
{
	return r->end >> PAGE_SHIFT;
}

static void measure(const struct memblock_list *mem, unsigned long usable_pfn,
		    struct node_size *nodes)
{
	const struct mem_range *r;

	for (r = mem->ranges; r < mem->ranges + mem->nr; r++) {
		struct node_size *node = &nodes[r->nid];

		node->total += range_end(r) - range_start(r);
		if (range_start(r) < usable_pfn)
			node->low +=
				min(range_end(r), usable_pfn) - range_start(r);
	}
}

static unsigned long kernel_part(const struct node_size *node,
				 unsigned long level)
{
	return max(node->low, min(level, node->total));
}

/* The least level that gives the kernel what is wanted (3). */
static unsigned long find_level(const struct node_size *nodes,
				unsigned long wanted)
{
	unsigned long low = 0, high = wanted;

	while (low < high) {
		unsigned long level = low + (high - low) / 2, sum = 0;
		int nid;

		for (nid = 0; nid < MAX_NUMNODES; nid++)
			sum += kernel_part(&nodes[nid], level);
		if (sum >= wanted)
			high = level;
		else
			low = level + 1;
	}
	return low;
}

/* The frame behind the node's first nr ones, at the next whole block. */
static unsigned long boundary(const struct memblock_list *mem, int nid,
			      unsigned long nr)
{
	unsigned long pfn = 0, end = 0;
	const struct mem_range *r;

	for (r = mem->ranges; r < mem->ranges + mem->nr; r++) {
		unsigned long here = range_end(r) - range_start(r);

		if (r->nid != nid)
			continue;
		if (!end)
			pfn = range_start(r);
		end = range_end(r);
		if (!nr)
			continue;
		here = min(here, nr);
		pfn = range_start(r) + here;
		nr -= here;
	}
	pfn = ALIGN(pfn, BLOCK_PAGES);
	return pfn < end ? pfn : ~0UL;
}

/*
 * Fill in start_pfn[].  usable_pfn: where the highest zone with memory begins,
 * itself a whole number of blocks.
 */
static void spread(const struct memblock_list *mem, unsigned long usable_pfn)
{
	struct node_size nodes[MAX_NUMNODES] = {{0, 0}};
	unsigned long total = 0, wanted, level;
	int nid;

	measure(mem, usable_pfn, nodes);
	for (nid = 0; nid < MAX_NUMNODES; nid++) {
		total += nodes[nid].total;
		movable.start_pfn[nid] = ~0UL;
	}
	wanted = wanted_for_kernel(total);
	if (!wanted || wanted >= total) {
		if (movable.kernelcore.given || movable.movablecore.given)
			printk("kernelcore=, movablecore=: %s; no memory is set apart\n",
			       wanted ? "the kernel needs all"
				      : "nothing is left to the kernel");
		return;
	}
	level = find_level(nodes, wanted);
	for (nid = 0; nid < MAX_NUMNODES; nid++)
		if (nodes[nid].total)
			movable.start_pfn[nid] =
				max(usable_pfn,
				    boundary(mem, nid,
					     kernel_part(&nodes[nid], level)));
}

void movable_init(unsigned long usable_pfn)
{
	spread(&memblock.memory, usable_pfn);
}

unsigned long movable_start_pfn(int nid)
{
	return movable.start_pfn[nid];
}
