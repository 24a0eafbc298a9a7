/* SPDX-License-Identifier: MIT */
/*
 * schedule_test.c - the allocators together, on several processors.
 *
 * 1. Processors take frames, objects, blocks and areas, write their mark into
 *    them, pass them on through shared slots and free what others took.  A
 *    memory given to two shows in the mark, or in a verifier at the end.
 * 2. The same work runs on eight threads at once, for the thread sanitizer,
 *    and in many schedules of a few steps, each another interleaving drawn
 *    from the seed.  The run is repeated by its seed (-s); SCHEDULES=N in the
 *    environment sets how many.  A failure names the schedule it came in.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <quire/gfp.h>
#include <quire/mm_types.h>
#include <quire/slab.h>
#include <quire/spinlock.h>
#include <quire/vmalloc.h>

#include "mm/page/page.h"
#include "port/soft/soft.h"
#include "test/test.h"

#define NR_SLOTS 16U

enum kind { NOTHING, RUN, OBJECT, BLOCK, AREA, NR_KINDS };

struct item {
	enum kind kind;
	unsigned int order;
	u64 *memory;
};

static struct {
	spinlock_t lock;
	struct item slots[NR_SLOTS];
	struct kmem_cache *cache;
	unsigned int nr_steps; /* of each processor */
} work;

static u64 mark_of(const struct item *item)
{
	return (uintptr_t)item->memory ^ 0x5eed5eed00000000 ^ item->kind;
}

static void take(struct item *item, u64 draw)
{
	item->kind = (enum kind)(1 + draw % (NR_KINDS - 1));
	item->order = (unsigned int)(draw >> 8) % 3;
	switch (item->kind) {
	case RUN:
		item->memory = (u64 *)__get_free_pages(GFP_KERNEL, item->order);
		break;
	case OBJECT:
		item->memory = kmem_cache_alloc(work.cache, GFP_KERNEL);
		break;
	case BLOCK:
		item->memory = kmalloc(16UL << (draw >> 16) % 10, GFP_KERNEL);
		break;
	default:
		item->memory = vmalloc(PAGE_SIZE << item->order);
		break;
	}
	CHECK(item->memory);
	item->memory[0] = mark_of(item);
	item->memory[1] = ~mark_of(item);
}

static void give(struct item *item)
{
	if (item->kind == NOTHING)
		return;
	CHECK_EQ(item->memory[0], mark_of(item));
	CHECK_EQ(item->memory[1], ~mark_of(item));
	switch (item->kind) {
	case RUN:
		free_pages((uintptr_t)item->memory, item->order);
		break;
	case OBJECT:
		kmem_cache_free(work.cache, item->memory);
		break;
	case BLOCK:
		kfree(item->memory);
		break;
	default:
		vfree(item->memory);
		break;
	}
}

static void give_back_some(u64 draw)
{
	switch (draw % 3) {
	case 0:
		drain_local_pages();
		break;
	case 1:
		kmem_cache_shrink(work.cache);
		break;
	default:
		vm_unmap_aliases();
		break;
	}
}

static void pass_on(void *arg, unsigned int k)
{
	(void)arg;
	(void)k;
	for (unsigned int i = 0; i < work.nr_steps; i++) {
		u64 draw = test_random();
		struct item mine = {NOTHING, 0, NULL}, old;
		struct item *slot = &work.slots[(draw >> 32) % NR_SLOTS];

		if ((draw >> 40) % 4)
			take(&mine, draw);
		spin_lock(&work.lock);
		old = *slot;
		*slot = mine;
		spin_unlock(&work.lock);
		give(&old);
		if ((draw >> 48) % 32 == 0)
			give_back_some(draw >> 56);
	}
}

static void begin(unsigned int nr_steps)
{
	work.cache = kmem_cache_create("schedule", 72, 0, SLAB_NO_MERGE, NULL);
	CHECK(work.cache);
	work.nr_steps = nr_steps;
}

static void empty_slots(void)
{
	for (unsigned int i = 0; i < NR_SLOTS; i++) {
		give(&work.slots[i]);
		work.slots[i].kind = NOTHING;
	}
	CHECK_EQ(kmem_cache_in_use(work.cache), 0);
}

static void validate_all(void)
{
	page_validate();
	slab_validate();
	vmalloc_validate();
}

TEST_SOFT(eight_processors_take_pass_on_and_free_at_once)
{
	begin(4000);
	CHECK_EQ(test_run_on_cpus(8, pass_on, NULL), 8);
	validate_all();
	empty_slots();
	validate_all();
	kmem_cache_destroy(work.cache);
}

/* Small lists and little memory, so that the steps meet one another. */
static const struct mem_range ranges[] = {
	{16UL << 20, 24UL << 20, 0, MEM_RANGE_USABLE},
};
static const struct soft_layout seeded = {
	.ranges = ranges,
	.nr_ranges = ARRAY_SIZE(ranges),
	.nr_cpus = 4,
	.mode = SOFT_SEEDED,
};

#ifdef __SANITIZE_THREAD__
#define SCHEDULES 100 /* one runs at a time: nothing to race */
#else
#define SCHEDULES 10000
#endif

TEST_MACHINE(no_schedule_gives_memory_to_two_or_loses_it, &seeded)
{
	const char *wanted = getenv("SCHEDULES");
	long nr = wanted ? atol(wanted) : SCHEDULES;

	begin(8);
	for (long i = 0; i < nr; i++) {
		/* Over the line of the schedule before: the last is shown. */
		lseek(STDOUT_FILENO, 0, SEEK_SET);
		dprintf(STDOUT_FILENO, "schedule %ld of %ld\n", i, nr);
		test_run_on_cpus(2 + (unsigned int)i % 3, pass_on, NULL);
		empty_slots();
		if (i % 4 == 0) {
			vm_unmap_aliases();
			kmem_cache_drain_all();
			drain_all_pages();
		}
		if (i % 16 == 0)
			validate_all();
	}
	validate_all();
	kmem_cache_destroy(work.cache);
}
