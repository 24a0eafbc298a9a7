/* SPDX-License-Identifier: MIT */
/*
 * rows.c - what the allocators' benchmark measures on the simulated machine.
 */
#include "bench/alloc/alloc.h"

#include <stdlib.h>

#include <quire/gfp.h>
#include <quire/slab.h>
#include <quire/vmalloc.h>
#include <soft.h>

static struct kmem_cache *cache;

#define FREE_0(p) __free_pages(p, 0)
#define FREE_9(p) __free_pages(p, 9)
#define FREE_C(p) kmem_cache_free(cache, p)

WORK(order_0, alloc_pages(GFP_KERNEL, 0), FREE_0);
WORK(order_9, alloc_pages(GFP_KERNEL, 9), FREE_9);
WORK(kmalloc_8, kmalloc(8, GFP_KERNEL), kfree);
WORK(kmalloc_64, kmalloc(64, GFP_KERNEL), kfree);
WORK(kmalloc_192, kmalloc(192, GFP_KERNEL), kfree);
WORK(kmalloc_1024, kmalloc(1024, GFP_KERNEL), kfree);
WORK(kmalloc_8192, kmalloc(8192, GFP_KERNEL), kfree);
WORK(kmalloc_any, kmalloc(unknown(64), GFP_KERNEL), kfree);
WORK(malloc_8, malloc(8), free);
WORK(malloc_64, malloc(64), free);
WORK(malloc_192, malloc(192), free);
WORK(malloc_1024, malloc(1024), free);
WORK(malloc_8192, malloc(8192), free);
WORK(malloc_any, malloc(unknown(64)), free);
WORK(object, kmem_cache_alloc(cache, GFP_KERNEL), FREE_C);
WORK(vmalloc_4k, vmalloc(4096), vfree);
WORK(vmalloc_4m, vmalloc(4 << 20), vfree);

/*
 * The least that an allocator can do: a stack of blocks for each processor,
 * linked through their first words.  What two threads of this machine can do
 * together when they share nothing at all.
 */
static struct own {
	void **top;
	unsigned int nr_cut;
	char blocks[MAX_KEPT + 1][64];
} __attribute__((aligned(4096))) own[2];

static void *own_get(void)
{
	struct own *o = &own[smp_processor_id()];
	void **p = o->top;

	if (!p)
		return o->blocks[o->nr_cut++];
	o->top = *p;
	return p;
}

static void own_put(void *p)
{
	struct own *o = &own[smp_processor_id()];

	*(void **)p = o->top;
	o->top = p;
}
WORK(control, own_get(), own_put);

#define ONE(name, pattern, kept, pairs, counted, ours, peers, goal)       \
	{                                                                 \
		name, pattern, 1, kept, pairs, counted, ours, peers, goal \
	}
/* The row with two threads follows the one that it is compared with. */
#define BOTH(name, pattern, kept, pairs, counted, ours, peers, goal) \
	ONE(name, pattern, kept, pairs, counted, ours, peers, goal), \
	{                                                            \
		name, pattern, 2, kept, pairs, 0, ours, peers, -1    \
	}
#define SIZE(THREADS, text, bytes, pairs)                                    \
	BOTH("kmalloc " text ", hot", HOT, 0, 20000, 32, &kmalloc_##bytes,   \
	     &malloc_##bytes, 0),                                            \
		THREADS("kmalloc " text ", bulk 4,096", BULK, 4096, 4096, 0, \
			&kmalloc_##bytes, &malloc_##bytes, 0),               \
		THREADS("kmalloc " text ", random of 4,096", RANDOM, 4096,   \
			pairs, 64, &kmalloc_##bytes, &malloc_##bytes, 0)

const struct row rows[] = {
	BOTH("order 0, hot", HOT, 0, 20000, 32, &order_0, NULL, 15),
	BOTH("order 0, bulk 4,096", BULK, 4096, 4096, 0, &order_0, NULL, 40),
	BOTH("order 0, random of 4,096", RANDOM, 4096, 8192, 64, &order_0, NULL,
	     40),
	BOTH("order 9, hot", HOT, 0, 2000, 4, &order_9, NULL, 300),
	BOTH("order 9, bulk 512", BULK, 512, 512, 0, &order_9, NULL, 300),
	BOTH("order 9, random of 512", RANDOM, 512, 1024, 4, &order_9, NULL,
	     300),
	SIZE(ONE, "8", 8, 8192),
	SIZE(BOTH, "64", 64, 8192),
	SIZE(ONE, "192", 192, 8192),
	SIZE(ONE, "1,024", 1024, 8192),
	SIZE(ONE, "8,192", 8192, 4096),
	ONE("kmalloc 64, size unknown, hot", HOT, 0, 20000, 32, &kmalloc_any,
	    &malloc_any, 0),
	BOTH("kmem_cache of 128, hot", HOT, 0, 20000, 32, &object, NULL, -1),
	BOTH("kmem_cache of 128, random of 4,096", RANDOM, 4096, 8192, 64,
	     &object, NULL, -1),
	ONE("vmalloc 4 KiB, hot", HOT, 0, 500, 0, &vmalloc_4k, NULL, -1),
	ONE("vmalloc 4 MiB, hot", HOT, 0, 5, 0, &vmalloc_4m, NULL, -1),
	BOTH("private stacks, hot", HOT, 0, 20000, 0, &control, NULL, -1),
	BOTH("private stacks, random of 4,096", RANDOM, 4096, 8192, 0, &control,
	     NULL, -1),
};
const unsigned int nr_rows = sizeof(rows) / sizeof(rows[0]);

/* Frames are never touched, so that the machine costs its descriptors. */
void ours_boot(unsigned int nr_threads)
{
	static const struct mem_range ranges[] = {
		{1UL << 20, 6UL << 30, 0, MEM_RANGE_USABLE},
	};
	const struct soft_layout layout = {
		.ranges = ranges,
		.nr_ranges = 1,
		.nr_cpus = nr_threads,
		.mode = SOFT_THREADS,
	};

	soft_boot(&layout);
	cache = kmem_cache_create("bench", 128, 0, SLAB_PANIC | SLAB_NO_MERGE,
				  NULL);
}

void ours_run(unsigned int nr, void (*fn)(void *arg, unsigned int k), void *arg)
{
	soft_run(nr, fn, arg);
}
