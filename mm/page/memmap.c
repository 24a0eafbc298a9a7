/* SPDX-License-Identifier: MIT */
/*
 * memmap.c - the page array: one descriptor for each frame.
 *
 * 1. Idea.  mem_map[pfn] is the descriptor of frame pfn: no table, no search,
 *    in either direction.  On a machine of one node the array lies in the
 *    direct map, at one fixed distance for all frames, but only the parts that
 *    describe pageblocks with memory are taken: a hole of the map is a hole of
 *    the array, and the frames that the array would pass over there stay free
 *    for other use.  With several nodes it has addresses of its own, and each
 *    node's part is memory of that node (vmemmap.c).
 *
 *	frames   0 [RAM     ]    hole         [RAM  ]
 *	array      [taken   ]  not taken      [taken]     within free RAM
 *
 * 2. Lazily filled in.  Start must not cost more where there is more memory,
 *    so a pageblock (512 frames, 16 KiB of descriptors) that is all free gets
 *    only its first descriptor, in a loop of a few instructions, and the buddy
 *    system takes all largest blocks of a zone in another.  The rest is filled in when the buddy system
 *    first takes something out of it (memmap_init_blocks).
 *    L1  the first descriptor of a present pageblock is always good
 *    L2  a pageblock without PAGEBLOCK_INIT is free, as a whole, in blocks of
 *        order PAGEBLOCK_ORDER or more
 *    L3  descriptors of free frames inside a block, and of frames in no
 *        block's head, have only zone bits in flags and _refcount 0
 *    L4  a pageblock that the array fills is not present: nobody asks for its
 *        frames' descriptors
 * 3. Frames that are not memory but share a pageblock with it, and frames
 *    reserved before the buddy system started, are PG_reserved with one
 *    reference.
 * 4. Limits.  In the direct map the array must fit into free memory at one
 *    distance.  A map of islands that are further apart, in array terms, than
 *    they are large gets addresses of its own as well; a port that has none
 *    for it stops with a message, and there nodes share the one distance.
 * 5. Locking.  pageblock_flags is written under zone->lock and read without.
 */
#include "mm/page/page.h"
#include "mm/page/memblock.h"
#include "mm/page/zone.h"

#include <quire/printk.h>
#include <quire/string.h>

#define NO_BASE (~(phys_addr_t)0)
/* How far to move the array when it does not fit somewhere. */
#define SEARCH_STEP ((phys_addr_t)PAGEBLOCK_NR_PAGES << PAGE_SHIFT)

struct page *mem_map;
u8 *pageblock_flags;
unsigned long max_pfn;

/* A run of pageblocks with memory: first and last + 1. */
struct block_run {
	unsigned long start, end;
};

/* The next run at or after run->end; memory ranges are sorted. */
static bool next_block_run(struct block_run *run)
{
	const struct memblock_list *mem = &memblock.memory;
	const unsigned int shift = PAGE_SHIFT + PAGEBLOCK_ORDER;
	unsigned long from = run->end;
	bool found = false;
	unsigned int i;

	for (i = 0; i < mem->nr; i++) {
		unsigned long start = mem->ranges[i].start >> shift;
		unsigned long end = (mem->ranges[i].end - 1) >> shift;

		start = max(start, from);
		if (++end <= from)
			continue;
		if (found && start > run->end)
			break;
		if (!found)
			run->start = start;
		run->end = end;
		found = true;
	}
	return found;
}

static phys_addr_t descriptors(unsigned long block)
{
	return (phys_addr_t)block * PAGEBLOCK_NR_PAGES * sizeof(struct page);
}

/* Would an array with descriptor 0 at base find its parts free? */
static bool base_fits(phys_addr_t base)
{
	struct block_run run = {0, 0};

	while (next_block_run(&run))
		if (base + descriptors(run.end) > memblock.limit ||
		    !memblock_is_free(base + descriptors(run.start),
				      base + descriptors(run.end)))
			return false;
	return true;
}

/*
 * The highest base that fits.  base may be negative when low frames do not
 * exist: arithmetic is modulo 2^64.
 */
static phys_addr_t find_base(void)
{
	struct block_run run = {0, 0}, largest = {0, 0};
	phys_addr_t limit = memblock.limit;

	while (next_block_run(&run))
		if (run.end - run.start > largest.end - largest.start)
			largest = run;
	for (;;) {
		phys_addr_t size = descriptors(largest.end - largest.start);
		phys_addr_t at = memblock_find(size, PAGE_SIZE, limit);
		phys_addr_t base = at - descriptors(largest.start);

		if (!at)
			return NO_BASE;
		if (base_fits(base))
			return base;
		limit = at + size > SEARCH_STEP ? at + size - SEARCH_STEP : 0;
	}
}

/*
 * Pageblocks that hold nothing but descriptors have none themselves (L4): they
 * are a hole, and cost the start nothing.
 */
void memmap_hide(phys_addr_t start, phys_addr_t end)
{
	const unsigned int shift = PAGE_SHIFT + PAGEBLOCK_ORDER;
	unsigned long block = DIV_ROUND_UP(start, 1UL << shift);

	for (; block < end >> shift; block++)
		pageblock_flags[block] = 0;
}

static void take_in_direct_map(phys_addr_t base)
{
	struct block_run run = {0, 0};

	mem_map = (struct page *)((uintptr_t)__va(0) + base);
	while (next_block_run(&run))
		memblock_reserve(base + descriptors(run.start),
				 base + descriptors(run.end));
	run = (struct block_run){0, 0};
	while (next_block_run(&run))
		memmap_hide(base + descriptors(run.start),
			    base + descriptors(run.end));
}

static void take_on_nodes(void *page_array)
{
	struct block_run run = {0, 0};

	mem_map = page_array;
	while (next_block_run(&run))
		vmemmap_back(run.start, run.end);
}

static bool is_on_one_node(void)
{
	const struct memblock_list *mem = &memblock.memory;
	unsigned int i = 1;

	while (i < mem->nr && mem->ranges[i].nid == mem->ranges[0].nid)
		i++;
	return i == mem->nr;
}

void memmap_alloc(const struct mm_boot *boot)
{
	const struct memblock_list *mem = &memblock.memory;
	struct block_run run = {0, 0};
	phys_addr_t base = NO_BASE;

	max_pfn = mem->ranges[mem->nr - 1].end >> PAGE_SHIFT;
	if (max_pfn > PFN_NIL)
		panic("memmap: memory above the largest frame number");
	pageblock_flags =
		memblock_alloc(DIV_ROUND_UP(max_pfn, PAGEBLOCK_NR_PAGES), 8);
	while (next_block_run(&run))
		memset(pageblock_flags + run.start,
		       PAGEBLOCK_PRESENT | MIGRATE_MOVABLE,
		       run.end - run.start);
	if (!boot->page_array || is_on_one_node())
		base = find_base();
	if (base != NO_BASE)
		take_in_direct_map(base);
	else if (boot->page_array)
		take_on_nodes(boot->page_array);
	else
		panic("memmap: no place for the descriptors of %lu frames",
		      max_pfn);
}

static void init_page(struct page *page, u32 flags, u32 refcount)
{
	WRITE_ONCE(page->flags, flags);
	WRITE_ONCE(page->_refcount, refcount);
	WRITE_ONCE(page->_mapcount, -1);
	page->private = 0;
	page->mapping_index = 0;
}

static void init_block(unsigned long block, u32 flags, u32 refcount)
{
	struct page *page = pfn_to_page(block << PAGEBLOCK_ORDER);
	struct page *end = page + PAGEBLOCK_NR_PAGES;

	for (; page < end; page++)
		init_page(page, flags, refcount);
	WRITE_ONCE(pageblock_flags[block],
		   pageblock_flags[block] | PAGEBLOCK_INIT);
}

void memmap_init_blocks(struct zone *zone, unsigned long pfn,
			unsigned int order)
{
	unsigned long block = pfn >> PAGEBLOCK_ORDER;
	unsigned long end = (pfn + (1UL << order) - 1) >> PAGEBLOCK_ORDER;

	for (; block <= end; block++)
		if (!(pageblock_flags[block] & PAGEBLOCK_INIT))
			init_block(block, zone->page_flags, 0);
}

/* A run of free frames, as memblock_next_free() walks them. */
struct free_run {
	unsigned long start, end;
	bool more;
};

/* The pageblocks from block on, up to stop, that are free as a whole. */
static unsigned long free_blocks(struct free_run *run, unsigned long block,
				 unsigned long stop)
{
	unsigned long pfn = block << PAGEBLOCK_ORDER, end;

	while (run->more && run->end <= pfn)
		run->more = memblock_next_free(&run->start, &run->end);
	if (!run->more || run->start > pfn)
		return 0;
	end = min(run->end >> PAGEBLOCK_ORDER, stop);
	return end > block ? end - block : 0;
}

/* The first descriptors of pageblocks that are free as a whole (L1). */
static void init_free_blocks(unsigned long block, unsigned long nr, u32 flags)
{
	struct page *page = pfn_to_page(block << PAGEBLOCK_ORDER);

	for (; nr; nr--, page += PAGEBLOCK_NR_PAGES)
		init_page(page, flags, 0);
}

static void init_run(const struct block_run *run, struct free_run *free)
{
	unsigned long block = run->start, until = 0, nr;
	struct zone *zone = NULL;

	while (block < run->end) {
		if (block >= until)
			zone = zone_of_block(block, &until);
		if (!pageblock_flags[block]) {
			block++;
			continue;
		}
		nr = free_blocks(free, block, min(until, run->end));
		if (nr) {
			init_free_blocks(block, nr, zone->page_flags);
			block += nr;
		} else {
			init_block(block++,
				   zone->page_flags | 1U << PG_reserved, 1);
		}
	}
}

/* Hand a run of free frames, all of one zone, to the buddy system. */
static void release_run(unsigned long pfn, unsigned int order)
{
	struct zone *zone = page_zone(pfn_to_page(pfn));
	struct page *page = pfn_to_page(pfn);
	unsigned long i, flags;

	page_contents_free(page, order);
	spin_lock_irqsave(&zone->lock, flags);
	if (order < PAGEBLOCK_ORDER) {
		/* Its block is filled in: it is not free as a whole. */
		for (i = 0; i < 1UL << order; i++)
			init_page(page + i, zone->page_flags, 0);
	}
	zone->managed_pages += 1UL << order;
	buddy_free(zone, pfn, order);
	spin_unlock_irqrestore(&zone->lock, flags);
}

/*
 * The same of all largest blocks from pfn on that end at or below end, as many
 * as are of one zone.  Where the next frame after them is.
 */
static unsigned long release_largest(unsigned long pfn, unsigned long end)
{
	struct zone *zone = page_zone(pfn_to_page(pfn));
	unsigned long flags, nr, at;

	end = ALIGN_DOWN(min(end, zone_end_pfn(zone)), 1UL << MAX_ORDER);
	nr = (end - pfn) >> MAX_ORDER;
	for (at = pfn; page_contents.at_free && at < end;
	     at += 1UL << MAX_ORDER)
		page_contents_free(pfn_to_page(at), MAX_ORDER);
	spin_lock_irqsave(&zone->lock, flags);
	zone->managed_pages += nr << MAX_ORDER;
	buddy_add_largest(zone, pfn, nr);
	spin_unlock_irqrestore(&zone->lock, flags);
	return end;
}

static void release_free_run(unsigned long start, unsigned long end)
{
	while (start < end) {
		unsigned int order = MAX_ORDER;

		while (start & ((1UL << order) - 1) ||
		       start + (1UL << order) > end)
			order--;
		if (order == MAX_ORDER) {
			start = release_largest(start, end);
		} else {
			release_run(start, order);
			start += 1UL << order;
		}
	}
}

void memmap_init(void)
{
	struct free_run free = {0, 0, true};
	struct block_run run = {0, 0};
	unsigned long start, end = 0;

	while (next_block_run(&run))
		init_run(&run, &free);
	memblock_retire();
	while (memblock_next_free(&start, &end))
		release_free_run(start, end);
}

/* RAM that was reserved when the buddy system started, and still is. */
static bool is_reserved_ram(unsigned long pfn)
{
	phys_addr_t pa = (phys_addr_t)pfn << PAGE_SHIFT;

	return pfn_valid(pfn) &&
	       READ_ONCE(pageblock_flags[pfn >> PAGEBLOCK_ORDER]) &
		       PAGEBLOCK_INIT &&
	       PageReserved(pfn_to_page(pfn)) &&
	       memblock_overlaps(&memblock.memory, pa, pa + PAGE_SIZE);
}

unsigned long free_reserved_range(phys_addr_t start, phys_addr_t end)
{
	unsigned long pfn = DIV_ROUND_UP(start, PAGE_SIZE), freed = 0;
	unsigned long end_pfn = end >> PAGE_SHIFT;

	for (; pfn < end_pfn; pfn++) {
		if (!is_reserved_ram(pfn)) {
			bad_page(pfn_to_page(pfn), "is not reserved memory");
			continue;
		}
		release_run(pfn, 0);
		freed++;
	}
	memblock_unreserve(ALIGN(start, PAGE_SIZE), end & PAGE_MASK);
	setup_per_zone_wmarks();
	return freed;
}

unsigned long adopt_reserved_range(phys_addr_t start, phys_addr_t end)
{
	unsigned long pfn = DIV_ROUND_UP(start, PAGE_SIZE), adopted = 0;
	unsigned long end_pfn = end >> PAGE_SHIFT;
	struct zone *zone;
	unsigned long flags;

	for (; pfn < end_pfn && is_reserved_ram(pfn); pfn++) {
		zone = page_zone(pfn_to_page(pfn));
		spin_lock_irqsave(&zone->lock, flags);
		init_page(pfn_to_page(pfn), zone->page_flags, 1);
		zone->managed_pages++;
		spin_unlock_irqrestore(&zone->lock, flags);
		adopted++;
	}
	memblock_unreserve(ALIGN(start, PAGE_SIZE), pfn << PAGE_SHIFT);
	setup_per_zone_wmarks();
	return adopted;
}
