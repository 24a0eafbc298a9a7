/* SPDX-License-Identifier: MIT */
/*
 * vmemmap.c - the page array at addresses of its own, each node's part in that
 * node's memory.
 *
 * 1. Idea.  The array is linear in addresses that the port keeps for it
 *    (mm_boot.page_array), so that mem_map[pfn] costs what it costs in the
 *    direct map; where its parts really lie is the page tables' business.  A
 *    pageblock's descriptors fill 16 KiB, and a pageblock belongs to one node:
 *    its descriptors are memory of that node.  Holes have none.
 *
 *	frames   [ node 0 ][ node 1 ]   hole   [ node 0 ]
 *	array    [  a  ][  b  ]       nothing     [  c  ]
 *	memory   node 0: .. c a      node 1: .. b
 *
 * 2. Places.  A run of pageblocks of one node is taken as a whole where the
 *    node has such room, at the same distance from a multiple of 2 MiB as its
 *    addresses, so that large leaves can map it; else by halves, and what the
 *    node cannot hold lies on the next by distance, which the log tells.
 *    A pageblock that descriptors fill is none itself (memmap.c, L4); that
 *    its own descriptors were backed too costs one frame in 16,384.
 * 3. Failure.  No room on any node stops the machine.
 */
#include "mm/page/memblock.h"
#include "mm/page/zone.h"

#include <quire/port.h>
#include <quire/printk.h>
#include <quire/topology.h>

#define LEAF_SIZE   (2UL << 20)
#define BLOCK_BYTES (PAGEBLOCK_NR_PAGES * sizeof(struct page))

_Static_assert(BLOCK_BYTES % PAGE_SIZE == 0,
	       "nodes share no frame of the array");

/* Descriptors of pageblocks [block, block + nr), to be placed. */
struct part {
	unsigned long block, nr;
	int nid;
};

static int table_nid; /* where new_table() looks first */

static void *new_table(void)
{
	return memblock_alloc_near(PAGE_SIZE, PAGE_SIZE, table_nid);
}

static uintptr_t address_of(unsigned long block)
{
	return (uintptr_t)pfn_to_page(block << PAGEBLOCK_ORDER);
}

/* Room for all of the part on the node; 0: none. */
static phys_addr_t find_on_node(const struct part *part, int nid)
{
	uintptr_t at = address_of(part->block);
	size_t size = part->nr * BLOCK_BYTES, skew = at % LEAF_SIZE;
	phys_addr_t pa = 0;

	if (ALIGN(at, LEAF_SIZE) + LEAF_SIZE <= at + size)
		pa = memblock_find_node(skew + size, LEAF_SIZE, nid);
	return pa ? pa + skew : memblock_find_node(size, PAGE_SIZE, nid);
}

/* Room for the part or, on its node first, for as much as there is. */
static phys_addr_t find_near(struct part *part, int *at_nid)
{
	bool used[MAX_NUMNODES] = {false};
	unsigned long all = part->nr;

	while ((*at_nid = next_nearest_node(part->nid, used)) != NUMA_NO_NODE) {
		for (part->nr = all; part->nr; part->nr /= 2) {
			phys_addr_t pa = find_on_node(part, *at_nid);

			if (pa)
				return pa;
		}
	}
	panic("memmap: no place for the descriptors of %lu frames",
	      all << PAGEBLOCK_ORDER);
}

/* Back pageblocks [block, end), all of node nid. */
static void back_blocks(unsigned long block, unsigned long end, int nid)
{
	while (block < end) {
		struct part part = {block, end - block, nid};
		phys_addr_t pa = find_near(&part, &table_nid);
		size_t size = part.nr * BLOCK_BYTES;
		uintptr_t at = address_of(block);

		if (table_nid != nid)
			printk("[%lx-%lx] potential offnode page_structs\n", at,
			       at + size - 1);
		memblock_reserve(pa, pa + size);
		port->map_page_array((void *)at, pa, size, new_table);
		memmap_hide(pa, pa + size);
		block += part.nr;
	}
}

void vmemmap_back(unsigned long block, unsigned long end)
{
	while (block < end) {
		unsigned long until;
		int nid = nid_of_block(block, &until);

		until = min(until, end);
		back_blocks(block, until, nid);
		block = until;
	}
}
