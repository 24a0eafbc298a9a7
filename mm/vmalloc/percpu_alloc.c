/* SPDX-License-Identifier: MIT */
/*
 * percpu_alloc.c - alloc_percpu(): one copy for each processor, at run time.
 *
 * 1. Idea.  What it gives is a place near the template of the static per-CPU
 *    variables (mm/page/percpu.c); a processor's copy lies at the place plus
 *    the processor's offset, so the same macros serve both kinds.  Places come
 *    from chunks; a chunk has a unit for each possible processor, and units
 *    lie at the same distances as the static ones (vmap_area.c, congruent
 *    areas).  The first chunk is what the static units have left.
 *
 *       base                 unit of CPU 0      unit of CPU 1
 *       |  place  |   +off0  |  copy  |   +off1  |  copy  |
 *
 * 2. A chunk's map has a bit for each GRANULE bytes in use, its bounds a bit
 *    where each allocation begins, and one behind the last.  First fit, from
 *    a hint below which nothing is free.
 * 3. Pages of a chunk are populated when something is placed in them, each on
 *    its processor's node.  Who may not sleep gets only what is populated, and
 *    where there is none leaves word to a worker, which makes some.
 *    One empty chunk is kept; more, and what is in them, go back.
 * 4. Invariants, checked by percpu_validate() and named in the tests.
 *    P1  nr_free is the number of clear bits of the map; none is below hint
 *    P2  an allocation begins at a bound; bounds of free room begin none
 *    P3  exactly the populated pages are in the page tables, for every CPU
 * 5. Locking.  pcpu.lock, interrupts off, guards maps and the list;
 *    pcpu.mutex, outside of it, is held while pages or chunks come and go, so
 *    that what its holder finds populated, or empty and unlisted, stays so.
 * 6. Failure.  NULL, nothing has changed; pages populated before stay.  A bad
 *    free is reported and changes nothing.
 *
 * Source: Linux's Documentation/core-api/this_cpu_ops.rst (interface).
 */
#include <quire/bitmap.h>
#include <quire/errno.h>
#include <quire/failure.h>
#include <quire/mm_types.h>
#include <quire/percpu.h>
#include <quire/pgtable.h>
#include <quire/port.h>
#include <quire/printk.h>
#include <quire/rwsem.h>
#include <quire/slab.h>
#include <quire/string.h>
#include <quire/topology.h>
#include <quire/vmalloc.h>
#include <quire/work.h>

#include "mm/vmalloc/vmap_area.h"

#define CALLER	__builtin_return_address(0)
#define GRANULE 8UL

struct pcpu_chunk {
	struct list_head list;
	uintptr_t base;	      /* of its places */
	unsigned int nr_free; /* granules */
	unsigned int hint;
	unsigned long *map;	  /* nr_granules */
	unsigned long *bounds;	  /* nr_granules + 1 */
	unsigned long *populated; /* nr_pages */
	struct vmap_area **areas; /* by CPU; NULL: the first chunk */
};

static void balance(struct mm_work *work);

static struct {
	spinlock_t lock;
	struct mutex mutex;
	struct list_head chunks;	    /* the first one first */
	unsigned int nr_granules, nr_pages; /* of a unit */
	unsigned int nr_populated;	    /* pages, of all chunks' units */
	unsigned int first_granule;	    /* behind the static variables */
	size_t wanted, wanted_align;	    /* by who could not wait */
	struct mm_work work;
} pcpu = {.work = MM_WORK_INIT(balance)};

/* ---- pages ---- */

static unsigned long unit_addr(const struct pcpu_chunk *c, unsigned int cpu)
{
	return c->base + arch_percpu_offset_of(cpu);
}

/* Take page p of the units of the CPUs below nr away; mutex held. */
static void unmap_page(struct pcpu_chunk *c, unsigned int p, unsigned int nr)
{
	for (unsigned int cpu = 0; cpu < nr; cpu++) {
		unsigned long at = unit_addr(c, cpu) + p * PAGE_SIZE;
		struct page *page = vmalloc_to_page((void *)at);

		unmap_kernel_range(at, at + PAGE_SIZE);
		__free_page(page);
	}
}

static int map_one(unsigned long at, struct page *page)
{
	int err = map_kernel_pages(at, at + PAGE_SIZE, &page, PAGE_KERNEL);

	if (err)
		return err;
	err = port->sync_kernel_mappings(at, at + PAGE_SIZE);
	if (err)
		unmap_kernel_range(at, at + PAGE_SIZE);
	return err;
}

/* Page p of every unit, each on its node; mutex held. */
static int populate_page(struct pcpu_chunk *c, unsigned int p)
{
	unsigned long flags;
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		struct page *page =
			alloc_pages_node(cpu_to_node(cpu), GFP_KERNEL, 0);

		if (page && !map_one(unit_addr(c, cpu) + p * PAGE_SIZE, page))
			continue;
		if (page)
			__free_page(page);
		unmap_page(c, p, cpu);
		/* It may be populated again before anybody else flushes. */
		for (unsigned int k = 0; k <= cpu; k++)
			port->flush_tlb_range(
				NULL, unit_addr(c, k) + p * PAGE_SIZE,
				unit_addr(c, k) + (p + 1) * PAGE_SIZE, false);
		return -ENOMEM;
	}
	spin_lock_irqsave(&pcpu.lock, flags);
	__set_bit(p, c->populated);
	pcpu.nr_populated++;
	spin_unlock_irqrestore(&pcpu.lock, flags);
	return 0;
}

/* All pages of [off, off + size); mutex held. */
static int populate(struct pcpu_chunk *c, size_t off, size_t size)
{
	unsigned int last = (unsigned int)((off + size - 1) >> PAGE_SHIFT);

	for (unsigned int p = (unsigned int)(off >> PAGE_SHIFT); p <= last; p++)
		if (!test_bit(p, c->populated) && populate_page(c, p))
			return -ENOMEM;
	return 0;
}

/* ---- chunks ---- */

static void free_chunk_memory(struct pcpu_chunk *c)
{
	kfree(c->map);
	kfree(c->bounds);
	kfree(c->populated);
	kfree(c->areas);
	kfree(c);
}

static unsigned long *new_bitmap(unsigned int nr)
{
	return kcalloc(BITS_TO_LONGS(nr), sizeof(unsigned long), GFP_KERNEL);
}

static struct pcpu_chunk *new_chunk(void)
{
	struct pcpu_chunk *c = kzalloc(sizeof(*c), GFP_KERNEL);

	if (!c)
		return NULL;
	c->map = new_bitmap(pcpu.nr_granules);
	c->bounds = new_bitmap(pcpu.nr_granules + 1);
	c->populated = new_bitmap(pcpu.nr_pages);
	c->nr_free = pcpu.nr_granules;
	if (c->map && c->bounds && c->populated)
		return c;
	free_chunk_memory(c);
	return NULL;
}

/* Areas for its units at the distances of the static ones; 0 or -ENOMEM. */
static int place_units(struct pcpu_chunk *c)
{
	unsigned long offsets[NR_CPUS], lowest = ~0UL;
	unsigned int cpu;

	/* Differences of addresses are right also where offsets wrap. */
	for_each_possible_cpu(cpu)
		lowest = min(lowest, (unsigned long)pcpu_template +
					     arch_percpu_offset_of(cpu));
	for_each_possible_cpu(cpu)
		offsets[cpu] = (unsigned long)pcpu_template +
			       arch_percpu_offset_of(cpu) - lowest;
	c->areas = kcalloc(nr_cpu_ids, sizeof(*c->areas), GFP_KERNEL);
	if (!c->areas ||
	    vmap_area_alloc_congruent(offsets, nr_cpu_ids, pcpu_unit_size,
				      CALLER, c->areas))
		return -ENOMEM;
	c->base = c->areas[0]->start - arch_percpu_offset_of(0);
	return 0;
}

/* A new one at the end of the list; mutex held. */
static int add_chunk(void)
{
	struct pcpu_chunk *c = new_chunk();
	unsigned long flags;

	if (!c)
		return -ENOMEM;
	if (place_units(c)) {
		free_chunk_memory(c);
		return -ENOMEM;
	}
	spin_lock_irqsave(&pcpu.lock, flags);
	list_add_tail(&c->list, &pcpu.chunks);
	spin_unlock_irqrestore(&pcpu.lock, flags);
	return 0;
}

static bool is_empty(const struct pcpu_chunk *c)
{
	return c->areas && c->nr_free == pcpu.nr_granules;
}

/* Unlist an empty chunk when there are more than keep of them. */
static struct pcpu_chunk *take_empty(unsigned int keep)
{
	struct pcpu_chunk *c, *found = NULL;
	unsigned int nr = 0;
	unsigned long flags;

	spin_lock_irqsave(&pcpu.lock, flags);
	list_for_each_entry(c, &pcpu.chunks, list) {
		if (!is_empty(c))
			continue;
		nr++;
		found = c;
	}
	if (nr <= keep)
		found = NULL;
	if (found) {
		list_del(&found->list);
		pcpu.nr_populated -= (unsigned int)bitmap_weight(
			found->populated, pcpu.nr_pages);
	}
	spin_unlock_irqrestore(&pcpu.lock, flags);
	return found;
}

/* Give empty chunks back until keep are left; mutex held. */
static void drop_empty(unsigned int keep)
{
	struct pcpu_chunk *c;
	unsigned int cpu;
	size_t p;

	while ((c = take_empty(keep))) {
		for_each_set_bit(p, c->populated, pcpu.nr_pages)
			unmap_page(c, (unsigned int)p, nr_cpu_ids);
		for_each_possible_cpu(cpu) {
			vmap_area_take(c->areas[cpu]->start, VMAP_PERCPU);
			vmap_area_free_lazy(c->areas[cpu]);
		}
		free_chunk_memory(c);
	}
}

void percpu_shrink(void)
{
	mutex_lock(&pcpu.mutex);
	drop_empty(0);
	mutex_unlock(&pcpu.mutex);
}

/* ---- places ---- */

/* The first page of [off, off + size) that is not populated, or nr_pages. */
static size_t first_hole(const struct pcpu_chunk *c, size_t off, size_t size)
{
	size_t last = (off + size - 1) >> PAGE_SHIFT;
	size_t p =
		find_next_zero_bit(c->populated, last + 1, off >> PAGE_SHIFT);

	return p > last ? pcpu.nr_pages : p;
}

/* Place size bytes in the chunk; their offset or -1. */
static long place(struct pcpu_chunk *c, size_t size, size_t align,
		  bool populated_only)
{
	size_t nr = size / GRANULE, at = c->hint, hole;

	lockdep_assert_held(&pcpu.lock);
	if (nr > c->nr_free)
		return -1;
	for (;;) {
		at = bitmap_find_next_zero_area(c->map, pcpu.nr_granules, at,
						nr, align / GRANULE);
		if (at + nr > pcpu.nr_granules)
			return -1;
		if (!populated_only)
			break;
		hole = first_hole(c, at * GRANULE, size);
		if (hole == pcpu.nr_pages)
			break;
		at = (hole + 1) * (PAGE_SIZE / GRANULE);
		if (at >= pcpu.nr_granules)
			return -1;
	}
	bitmap_set(c->map, at, nr);
	__set_bit(at, c->bounds);
	__set_bit(at + nr, c->bounds);
	c->nr_free -= (unsigned int)nr;
	if (at == c->hint)
		c->hint = (unsigned int)(at + nr);
	return (long)(at * GRANULE);
}

static long place_anywhere(size_t size, size_t align, bool populated_only,
			   struct pcpu_chunk **chunk)
{
	unsigned long flags;
	long off = -1;

	spin_lock_irqsave(&pcpu.lock, flags);
	list_for_each_entry(*chunk, &pcpu.chunks, list) {
		off = place(*chunk, size, align, populated_only);
		if (off >= 0)
			break;
	}
	spin_unlock_irqrestore(&pcpu.lock, flags);
	return off;
}

/* The bound at the end of what begins at granule at. */
static size_t end_of(const struct pcpu_chunk *c, size_t at)
{
	return find_next_bit(c->bounds, pcpu.nr_granules + 1, at + 1);
}

/* Free what begins at granule at. */
static void unplace(struct pcpu_chunk *c, size_t at)
{
	size_t end = end_of(c, at);

	lockdep_assert_held(&pcpu.lock);
	bitmap_clear(c->map, at, end - at);
	c->nr_free += (unsigned int)(end - at);
	c->hint = min(c->hint, (unsigned int)at);
	/* A bound stays where a neighbour in use begins or ends. */
	if (at == 0 || !test_bit(at - 1, c->map))
		__clear_bit(at, c->bounds);
	if (end == pcpu.nr_granules || !test_bit(end, c->map))
		__clear_bit(end, c->bounds);
}

/* ---- the calls ---- */

static bool is_possible(size_t size, size_t align)
{
	return size && size <= pcpu_unit_size && align <= PAGE_SIZE &&
	       !(align & (align - 1));
}

/* mutex held: nobody else populates. */
static long alloc_waiting(size_t size, size_t align, struct pcpu_chunk **chunk)
{
	long off = place_anywhere(size, align, false, chunk);
	unsigned long flags;

	if (off < 0) {
		if (add_chunk())
			return -1;
		off = place_anywhere(size, align, false, chunk);
	}
	if (off < 0 || !populate(*chunk, (size_t)off, size))
		return off;
	spin_lock_irqsave(&pcpu.lock, flags);
	unplace(*chunk, (size_t)off / GRANULE);
	spin_unlock_irqrestore(&pcpu.lock, flags);
	return -1;
}

static long alloc_now(size_t size, size_t align, struct pcpu_chunk **chunk)
{
	long off = place_anywhere(size, align, true, chunk);

	if (off < 0) {
		WRITE_ONCE(pcpu.wanted_align, align);
		WRITE_ONCE(pcpu.wanted, size);
		mm_work_queue(&pcpu.work);
	}
	return off;
}

void *__alloc_percpu_gfp(size_t size, size_t align, gfp_t gfp)
{
	struct pcpu_chunk *c;
	unsigned int cpu;
	char *place;
	long off;

	if (WARN_ON_ONCE(!is_possible(size, align)) || should_fail())
		return NULL;
	size = ALIGN(size, GRANULE);
	align = max(align, (size_t)GRANULE);
	if (gfpflags_allow_blocking(gfp)) {
		mutex_lock(&pcpu.mutex);
		off = alloc_waiting(size, align, &c);
		mutex_unlock(&pcpu.mutex);
	} else {
		off = alloc_now(size, align, &c);
	}
	if (off < 0)
		return NULL;
	place = (char *)c->base + off;
	for_each_possible_cpu(cpu)
		memset(per_cpu_ptr(place, cpu), 0, size);
	return place;
}

void *__alloc_percpu(size_t size, size_t align)
{
	return __alloc_percpu_gfp(size, align, GFP_KERNEL);
}

/* The chunk that ptr is a place of, or NULL. */
static struct pcpu_chunk *chunk_of(uintptr_t ptr)
{
	struct pcpu_chunk *c;

	lockdep_assert_held(&pcpu.lock);
	list_for_each_entry(c, &pcpu.chunks, list)
		if (ptr - c->base < pcpu_unit_size)
			return c;
	return NULL;
}

/* What speaks against freeing ptr; NULL: nothing. */
static const char *is_bad(const struct pcpu_chunk *c, uintptr_t ptr)
{
	size_t at;

	if (!c)
		return "is no per-CPU place";
	at = (ptr - c->base) / GRANULE;
	if (!c->areas && at < pcpu.first_granule)
		return "is a static per-CPU variable";
	if (!test_bit(at, c->map))
		return "is free already";
	if (ptr % GRANULE || !test_bit(at, c->bounds))
		return "is inside of an allocation";
	return NULL;
}

void free_percpu(void *ptr)
{
	struct pcpu_chunk *c;
	unsigned long flags;
	bool empty = false;
	const char *why;

	if (!ptr)
		return;
	spin_lock_irqsave(&pcpu.lock, flags);
	c = chunk_of((uintptr_t)ptr);
	why = is_bad(c, (uintptr_t)ptr);
	if (!why) {
		unplace(c, ((uintptr_t)ptr - c->base) / GRANULE);
		empty = is_empty(c);
	}
	spin_unlock_irqrestore(&pcpu.lock, flags);
	if (why)
		printk("BUG free_percpu: %p %s, freed by %p\n", ptr, why,
		       CALLER);
	if (empty)
		mm_work_queue(&pcpu.work);
}

/* The worker: room for who could not wait, and no more than one spare. */
static void balance(struct mm_work *work)
{
	size_t wanted = __atomic_exchange_n(&pcpu.wanted, 0, __ATOMIC_RELAXED);

	(void)work;
	if (wanted) /* what was populated stays so */
		free_percpu(__alloc_percpu_gfp(wanted,
					       READ_ONCE(pcpu.wanted_align),
					       GFP_KERNEL | __GFP_NOWARN));
	mutex_lock(&pcpu.mutex);
	drop_empty(1);
	mutex_unlock(&pcpu.mutex);
}

unsigned long pcpu_nr_pages(void)
{
	return (unsigned long)READ_ONCE(pcpu.nr_populated) * nr_cpu_ids;
}

/* ---- start and checking ---- */

void percpu_alloc_init(void)
{
	size_t used = (size_t)(__stop_percpu - pcpu_template);
	struct pcpu_chunk *c;

	spin_lock_init(&pcpu.lock, LOCK_RANK_PERCPU);
	mutex_init(&pcpu.mutex);
	INIT_LIST_HEAD(&pcpu.chunks);
	pcpu.nr_granules = (unsigned int)(pcpu_unit_size / GRANULE);
	pcpu.nr_pages = (unsigned int)(pcpu_unit_size >> PAGE_SHIFT);
	pcpu.nr_populated = pcpu.nr_pages;
	pcpu.first_granule = (unsigned int)DIV_ROUND_UP(used, GRANULE);
	c = new_chunk();
	if (!c)
		panic("no memory for the per-CPU allocator");
	c->base = (uintptr_t)pcpu_template;
	bitmap_fill(c->populated, pcpu.nr_pages);
	bitmap_set(c->map, 0, pcpu.first_granule);
	__set_bit(0, c->bounds);
	__set_bit(pcpu.first_granule, c->bounds);
	c->nr_free -= pcpu.first_granule;
	c->hint = pcpu.first_granule;
	list_add_tail(&c->list, &pcpu.chunks);
}

static void validate_pages(const struct pcpu_chunk *c)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		for (unsigned int p = 0; p < pcpu.nr_pages; p++) {
			void *at = (void *)(unit_addr(c, cpu) + p * PAGE_SIZE);

			BUG_ON(!vmalloc_to_page(at) !=
			       !test_bit(p, c->populated)); /* P3 */
		}
}

void percpu_validate(void)
{
	unsigned int nr_populated = 0;
	struct pcpu_chunk *c;
	unsigned long flags;

	mutex_lock(&pcpu.mutex);
	spin_lock_irqsave(&pcpu.lock, flags);
	list_for_each_entry(c, &pcpu.chunks, list) {
		BUG_ON(c->nr_free !=
		       pcpu.nr_granules -
			       bitmap_weight(c->map,
					     pcpu.nr_granules)); /* P1 */
		BUG_ON(find_first_zero_bit(c->map, pcpu.nr_granules) <
		       c->hint); /* P1 */
		for (size_t at = 0; at < pcpu.nr_granules; at++) {
			bool before = at && test_bit(at - 1, c->map);
			bool here = test_bit(at, c->map);

			BUG_ON(before != here && !test_bit(at, c->bounds));
			BUG_ON(!before && !here &&
			       test_bit(at, c->bounds)); /* P2 */
		}
		nr_populated += (unsigned int)bitmap_weight(c->populated,
							    pcpu.nr_pages);
		if (c->areas)
			validate_pages(c);
	}
	BUG_ON(nr_populated != pcpu.nr_populated);
	spin_unlock_irqrestore(&pcpu.lock, flags);
	mutex_unlock(&pcpu.mutex);
}
