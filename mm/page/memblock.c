/* SPDX-License-Identifier: MIT */
/*
 * memblock.c - keeps the firmware's map in order and serves the first
 * allocations from it, before there are page descriptors.
 *
 * 1. Idea.  Three sorted lists of disjoint ranges: memory, the reserved part
 *    of it, and what the firmware keeps.  An allocation is the highest gap of
 *    the reserved list inside memory; that leaves the low zones whole.  There
 *    are few ranges and few calls, so everything is a linear scan.
 * 2. Precedence.  The map may overlap itself.  Firmware wins over memory, and
 *    reserved over usable; reserved ranges count as memory.  Usable ranges
 *    shrink to whole frames, reserved ones grow.  Frame 0 is always reserved,
 *    so that physical address 0 can mean "none".
 * 3. Invariants, checked by memblock_validate().
 *    M1  a list is sorted, its ranges are not empty and do not overlap
 *    M2  touching ranges of one node are merged
 *    M3  memory and firmware have no byte in common
 *    M4  memory and reserved consist of whole frames
 * 4. Room.  A list starts in a small static array.  A map of many ranges gets
 *    larger ones at once, in a gap found in the raw map itself; later growth
 *    doubles through the allocator.
 * 5. Locking.  None: one processor.  Failure.  No memory at this stage stops
 *    the machine.
 */
#include "mm/page/memblock.h"

#include <quire/printk.h>
#include <quire/string.h>
#include <quire/topology.h>

#include <arch.h>

#define STATIC_RANGES 32
/* An insertion can split one range into two and add one. */
#define SPARE_RANGES 2

static struct {
	struct mem_range memory[STATIC_RANGES];
	struct mem_range reserved[STATIC_RANGES];
	struct mem_range firmware[STATIC_RANGES];
} first_ranges;

struct memblock memblock = {
	.memory = {"memory", first_ranges.memory, 0, STATIC_RANGES, false},
	.reserved = {"reserved", first_ranges.reserved, 0, STATIC_RANGES,
		     false},
	.firmware = {"firmware", first_ranges.firmware, 0, STATIC_RANGES,
		     false},
	.limit = ~(phys_addr_t)0,
};

static bool ranges_meet(phys_addr_t start, phys_addr_t end,
			const struct mem_range *r)
{
	return start < r->end && r->start < end;
}

/*
 * The highest place of size bytes in the usable ranges of avail that meets no
 * unusable range of taken; of one node, or of NUMA_NO_NODE.  Works on the raw map, where both are one array in
 * any order, and on the lists.
 */
static phys_addr_t find_top_down(const struct mem_range *avail,
				 unsigned int nr_avail,
				 const struct mem_range *taken,
				 unsigned int nr_taken, phys_addr_t size,
				 phys_addr_t align, phys_addr_t limit, int nid)
{
	phys_addr_t best = 0;
	unsigned int i, k;

	for (i = 0; i < nr_avail; i++) {
		phys_addr_t end = min(avail[i].end, limit), start;

		if (avail[i].type != MEM_RANGE_USABLE ||
		    (nid != NUMA_NO_NODE && avail[i].nid != nid))
			continue;
retry:
		if (end < size || end - size < avail[i].start)
			continue;
		start = ALIGN_DOWN(end - size, align);
		if (start < max(avail[i].start, (phys_addr_t)PAGE_SIZE))
			continue;
		for (k = 0; k < nr_taken; k++) {
			if (taken[k].type != MEM_RANGE_USABLE &&
			    ranges_meet(start, start + size, &taken[k])) {
				end = taken[k].start;
				goto retry;
			}
		}
		best = max(best, start);
	}
	return best;
}

phys_addr_t memblock_find_node(phys_addr_t size, phys_addr_t align, int nid)
{
	return find_top_down(memblock.memory.ranges, memblock.memory.nr,
			     memblock.reserved.ranges, memblock.reserved.nr,
			     size, align, memblock.limit, nid);
}

phys_addr_t memblock_find(phys_addr_t size, phys_addr_t align,
			  phys_addr_t limit)
{
	return find_top_down(memblock.memory.ranges, memblock.memory.nr,
			     memblock.reserved.ranges, memblock.reserved.nr,
			     size, align, min(limit, memblock.limit),
			     NUMA_NO_NODE);
}

static void remove_at(struct memblock_list *list, unsigned int i)
{
	list->nr--;
	memmove(&list->ranges[i], &list->ranges[i + 1],
		(list->nr - i) * sizeof(list->ranges[0]));
}

static void insert_at(struct memblock_list *list, unsigned int i,
		      const struct mem_range *range)
{
	BUG_ON(list->nr == list->max);
	memmove(&list->ranges[i + 1], &list->ranges[i],
		(list->nr - i) * sizeof(list->ranges[0]));
	list->ranges[i] = *range;
	list->nr++;
}

/* Join range i with its successor if they touch and agree. */
static bool merge_at(struct memblock_list *list, unsigned int i)
{
	struct mem_range *r = &list->ranges[i];

	if (i + 1 >= list->nr || r->end != r[1].start || r->nid != r[1].nid)
		return false;
	r->end = r[1].end;
	remove_at(list, i + 1);
	return true;
}

static void list_remove(struct memblock_list *list, phys_addr_t start,
			phys_addr_t end);
static void list_add(struct memblock_list *list, struct mem_range range);

/* Make room for SPARE_RANGES more. */
static void list_grow(struct memblock_list *list)
{
	struct mem_range *old = list->ranges;
	size_t old_size = list->max * sizeof(*old);
	bool was_grown = list->grown;
	phys_addr_t pa;

	if (list->nr + SPARE_RANGES <= list->max)
		return;
	pa = memblock_find(ALIGN(2 * old_size, PAGE_SIZE), PAGE_SIZE,
			   ~(phys_addr_t)0);
	if (!pa)
		panic("memblock: no memory for the %s list", list->name);
	list->ranges = __va(pa);
	memcpy(list->ranges, old, list->nr * sizeof(*old));
	list->max *= 2;
	list->grown = true;
	memblock_reserve(pa, pa + 2 * old_size);
	if (was_grown)
		memblock_unreserve(__pa(old), __pa(old) + old_size);
}

/* Add the parts of range that are not in the list yet. */
static void list_add(struct memblock_list *list, struct mem_range range)
{
	phys_addr_t end = range.end;
	unsigned int i;

	while (range.start < end) {
		list_grow(list); /* may itself add to this list */
		i = 0;
		while (i < list->nr && list->ranges[i].end <= range.start)
			i++;
		if (i < list->nr && list->ranges[i].start <= range.start) {
			range.start = list->ranges[i].end;
			continue;
		}
		range.end =
			i < list->nr ? min(end, list->ranges[i].start) : end;
		insert_at(list, i, &range);
		merge_at(list, i);
		if (i > 0 && merge_at(list, i - 1))
			i--;
		range.start = list->ranges[i].end;
	}
}

static void list_remove(struct memblock_list *list, phys_addr_t start,
			phys_addr_t end)
{
	unsigned int i = 0;

	list_grow(list);
	while (i < list->nr) {
		struct mem_range *r = &list->ranges[i];

		if (!ranges_meet(start, end, r)) {
			i++;
		} else if (start <= r->start && r->end <= end) {
			remove_at(list, i);
		} else if (start <= r->start) {
			r->start = end;
		} else if (r->end <= end) {
			r->end = start;
		} else {
			struct mem_range low = *r;

			low.end = start;
			r->start = end;
			insert_at(list, i, &low);
			return;
		}
	}
}

static void add_to(struct memblock_list *list, phys_addr_t start,
		   phys_addr_t end, int nid, u32 type)
{
	struct mem_range range = {
		.start = start, .end = end, .nid = nid, .type = type};

	if (start < end)
		list_add(list, range);
}

void memblock_add(phys_addr_t start, phys_addr_t end, int nid)
{
	add_to(&memblock.memory, ALIGN(start, PAGE_SIZE),
	       ALIGN_DOWN(end, PAGE_SIZE), nid, MEM_RANGE_USABLE);
}

void memblock_reserve(phys_addr_t start, phys_addr_t end)
{
	if (start < end)
		add_to(&memblock.reserved, ALIGN_DOWN(start, PAGE_SIZE),
		       ALIGN(end, PAGE_SIZE), 0, MEM_RANGE_RESERVED);
}

void memblock_unreserve(phys_addr_t start, phys_addr_t end)
{
	const struct memblock_list *list = &memblock.reserved;

	if (memblock.retired && list->nr + SPARE_RANGES > list->max)
		return;
	list_remove(&memblock.reserved, ALIGN_DOWN(start, PAGE_SIZE),
		    ALIGN(end, PAGE_SIZE));
}

/*
 * Give every list room for a map of nr ranges: each can add one range and
 * split another, and the lists' own memory is reserved too.
 */
static void presize_lists(const struct mm_boot *boot)
{
	struct memblock_list *lists[] = {&memblock.memory, &memblock.reserved,
					 &memblock.firmware};
	unsigned int i, max = 2 * boot->nr_ranges + 8;
	size_t size = ALIGN(max * sizeof(struct mem_range), PAGE_SIZE);

	if (max <= STATIC_RANGES)
		return;
	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		phys_addr_t pa, below = memblock.limit;

		if (i)
			below = min(below, __pa(lists[i - 1]->ranges));
		pa = find_top_down(boot->ranges, boot->nr_ranges, boot->ranges,
				   boot->nr_ranges, size, PAGE_SIZE, below,
				   NUMA_NO_NODE);
		if (!pa)
			panic("memblock: no memory for a map of %u ranges",
			      boot->nr_ranges);
		lists[i]->ranges = __va(pa);
		lists[i]->max = max;
		lists[i]->grown = true;
	}
	for (i = 0; i < ARRAY_SIZE(lists); i++)
		memblock_reserve(__pa(lists[i]->ranges),
				 __pa(lists[i]->ranges) + size);
}

void memblock_init(const struct mm_boot *boot)
{
	const struct mem_range *r;

	if (boot->has_highmem)
		memblock.limit = boot->highmem_start;
	presize_lists(boot);
	for (r = boot->ranges; r < boot->ranges + boot->nr_ranges; r++) {
		if (r->type == MEM_RANGE_FIRMWARE) {
			add_to(&memblock.firmware, r->start, r->end, r->nid,
			       MEM_RANGE_FIRMWARE);
		} else if (r->type == MEM_RANGE_RESERVED) {
			memblock_reserve(r->start, r->end);
			add_to(&memblock.memory,
			       ALIGN_DOWN(r->start, PAGE_SIZE),
			       ALIGN(r->end, PAGE_SIZE), r->nid,
			       MEM_RANGE_USABLE);
		} else {
			memblock_add(r->start, r->end, r->nid);
		}
	}
	for (r = boot->ranges; r < boot->ranges + boot->nr_ranges; r++)
		if (r->type == MEM_RANGE_FIRMWARE)
			list_remove(&memblock.memory,
				    ALIGN_DOWN(r->start, PAGE_SIZE),
				    ALIGN(r->end, PAGE_SIZE));
	memblock_reserve(0, PAGE_SIZE);
	if (!memblock.memory.nr)
		panic("memblock: the machine's map has no usable memory");
	memblock_validate();
}

/* Is what is left of the last frame given out on the node? */
static bool slack_is_on(int nid)
{
	const struct mem_range *r = memblock.memory.ranges;

	if (nid == NUMA_NO_NODE)
		return true;
	while (r->end <= memblock.slack_start)
		r++;
	return r->nid == nid;
}

void *memblock_try_alloc_node(size_t size, size_t align, int nid)
{
	phys_addr_t pa = 0;
	void *va;

	VM_BUG_ON(memblock.retired);
	align = max(align, (size_t)8);
	/*
	 * The lists know whole frames only.  What the last allocation left of
	 * its lowest frame serves small requests.
	 */
	if (memblock.slack_end - memblock.slack_start >= size &&
	    slack_is_on(nid))
		pa = ALIGN_DOWN(memblock.slack_end - size, align);
	if (pa < memblock.slack_start || !pa) {
		pa = memblock_find_node(size, align, nid);
		if (!pa)
			return NULL;
		memblock_reserve(pa, pa + size);
		memblock.slack_start = ALIGN_DOWN(pa, PAGE_SIZE);
	}
	memblock.slack_end = pa;
	va = __va(pa);
	memset(va, 0, size);
	return va;
}

void *memblock_try_alloc(size_t size, size_t align)
{
	return memblock_try_alloc_node(size, align, NUMA_NO_NODE);
}

void *memblock_alloc(size_t size, size_t align)
{
	void *va = memblock_try_alloc(size, align);

	if (!va)
		panic("memblock: no room for %zu bytes", size);
	return va;
}

bool memblock_overlaps(const struct memblock_list *list, phys_addr_t start,
		       phys_addr_t end)
{
	unsigned int i;

	for (i = 0; i < list->nr; i++)
		if (ranges_meet(start, end, &list->ranges[i]))
			return true;
	return false;
}

bool memblock_is_free(phys_addr_t start, phys_addr_t end)
{
	const struct memblock_list *mem = &memblock.memory;
	phys_addr_t at = start;
	unsigned int i;

	for (i = 0; i < mem->nr && at < end; i++)
		if (mem->ranges[i].start <= at && at < mem->ranges[i].end)
			at = mem->ranges[i].end;
	return at >= end && !memblock_overlaps(&memblock.reserved, start, end);
}

bool memblock_next_free(unsigned long *start_pfn, unsigned long *end_pfn)
{
	const struct memblock_list *mem = &memblock.memory;
	const struct memblock_list *res = &memblock.reserved;
	phys_addr_t at = (phys_addr_t)*end_pfn << PAGE_SHIFT, end;
	unsigned int i, k = 0;

	for (i = 0; i < mem->nr; i++) {
		at = max(at, mem->ranges[i].start);
		while (k < res->nr && res->ranges[k].end <= at)
			k++;
		while (k < res->nr && res->ranges[k].start <= at)
			at = max(at, res->ranges[k++].end);
		if (at >= mem->ranges[i].end)
			continue;
		end = mem->ranges[i].end;
		if (k < res->nr)
			end = min(end, res->ranges[k].start);
		*start_pfn = at >> PAGE_SHIFT;
		*end_pfn = end >> PAGE_SHIFT;
		return true;
	}
	return false;
}

void memblock_retire(void)
{
	memblock.retired = true;
}

static void list_validate(const struct memblock_list *list, bool frames)
{
	const struct mem_range *r = list->ranges;
	unsigned int i;

	BUG_ON(list->nr > list->max);
	for (i = 0; i < list->nr; i++, r++) {
		BUG_ON(r->start >= r->end);	   /* M1 */
		BUG_ON(i && r[-1].end > r->start); /* M1 */
		BUG_ON(i && r[-1].end == r->start &&
		       r[-1].nid == r->nid);			      /* M2 */
		BUG_ON(frames && ((r->start | r->end) & ~PAGE_MASK)); /* M4 */
	}
}

void memblock_validate(void)
{
	const struct memblock_list *fw = &memblock.firmware;
	unsigned int i;

	list_validate(&memblock.memory, true);
	list_validate(&memblock.reserved, true);
	list_validate(fw, false);
	for (i = 0; i < fw->nr; i++) /* M3 */
		BUG_ON(memblock_overlaps(&memblock.memory, fw->ranges[i].start,
					 fw->ranges[i].end));
}
