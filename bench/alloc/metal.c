/* SPDX-License-Identifier: MIT */
/*
 * metal.c - instructions that the kernel's allocators take, in the kernel.
 *
 * The kernel built with CONFIG_BENCH calls bench_kernel() in place of starting
 * a program.  Under QEMU's -icount the time stamp counter counts instructions,
 * so a row is exact; what the pair of readings costs is taken off, the loop
 * around a pair is not.  A line "row|NAME|GOAL|VALUE" for each, GOAL 0 for
 * none; "booted|VALUE" first, "done" last.
 */
#include "bench/alloc/work.h"

#include <quire/gfp.h>
#include <quire/percpu.h>
#include <quire/printk.h>
#include <quire/slab.h>
#include <quire/vmalloc.h>

#include "kernel/main.h"

#define ROUNDS 5

static struct kmem_cache *cache;
static struct hands hands;

#define FREE_0(p) __free_pages(p, 0)
#define FREE_9(p) __free_pages(p, 9)
#define FREE_C(p) kmem_cache_free(cache, p)

/* A metal kmalloc row of a constant size. */
#define KMALLOC(size) WORK(kmalloc_##size, kmalloc(size, GFP_KERNEL), kfree)

WORK(order_0, alloc_pages(GFP_KERNEL, 0), FREE_0);
WORK(order_9, alloc_pages(GFP_KERNEL, 9), FREE_9);
KMALLOC(8);
KMALLOC(64);
KMALLOC(192);
KMALLOC(1024);
KMALLOC(8192);
WORK(object, kmem_cache_alloc(cache, GFP_KERNEL), FREE_C);
WORK(vmalloc_4k, vmalloc(4096), vfree);
WORK(vmalloc_4m, vmalloc(4 << 20), vfree);

static u64 now(void)
{
	u32 low, high;

	__asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high)::"memory");
	return (u64)high << 32 | low;
}

enum pattern { HOT, BULK, RANDOM };

static const struct row {
	const char *name;
	enum pattern pattern;
	unsigned int nr_pairs;
	unsigned int nr_kept;
	unsigned int goal;
	const struct work *work;
} rows[] = {
	{"order 0, hot", HOT, 1000, 0, 120, &order_0},
	{"order 0, bulk 4,096", BULK, 4096, 0, 120, &order_0},
	{"order 0, random of 4,096", RANDOM, 4096, 4096, 120, &order_0},
	{"order 9, hot", HOT, 100, 0, 0, &order_9},
	{"order 9, bulk 64", BULK, 64, 0, 0, &order_9},
	{"kmalloc 8, hot", HOT, 1000, 0, 0, &kmalloc_8},
	{"kmalloc 8, bulk 4,096", BULK, 4096, 0, 0, &kmalloc_8},
	{"kmalloc 64, hot", HOT, 1000, 0, 60, &kmalloc_64},
	{"kmalloc 64, bulk 4,096", BULK, 4096, 0, 0, &kmalloc_64},
	{"kmalloc 64, random of 4,096", RANDOM, 4096, 4096, 0, &kmalloc_64},
	{"kmalloc 192, hot", HOT, 1000, 0, 0, &kmalloc_192},
	{"kmalloc 192, bulk 4,096", BULK, 4096, 0, 0, &kmalloc_192},
	{"kmalloc 1,024, hot", HOT, 1000, 0, 0, &kmalloc_1024},
	{"kmalloc 1,024, bulk 4,096", BULK, 4096, 0, 0, &kmalloc_1024},
	{"kmalloc 8,192, hot", HOT, 1000, 0, 0, &kmalloc_8192},
	{"kmalloc 8,192, bulk 4,096", BULK, 4096, 0, 0, &kmalloc_8192},
	{"kmem_cache of 128, hot", HOT, 1000, 0, 0, &object},
	{"vmalloc 4 KiB, hot", HOT, 500, 0, 0, &vmalloc_4k},
	{"vmalloc 4 MiB, hot", HOT, 20, 0, 0, &vmalloc_4m},
};

static u64 once(const struct row *r)
{
	const struct work *w = r->work;
	u64 start;

	if (r->pattern == RANDOM)
		w->get(&hands, r->nr_kept);
	start = now();
	switch (r->pattern) {
	case HOT:
		w->hot(&hands, r->nr_pairs);
		break;
	case BULK:
		w->get(&hands, r->nr_pairs);
		w->put(&hands, r->nr_pairs);
		break;
	case RANDOM:
		w->replace(&hands, r->nr_pairs);
		break;
	}
	start = now() - start;
	if (r->pattern == RANDOM)
		w->put(&hands, r->nr_kept);
	return start;
}

/* Interrupts come in between: the least is without. */
static u64 least(const struct row *r)
{
	u64 best = ~0ULL;

	draw_order(&hands, 0, r->nr_kept ? r->nr_kept : 1);
	once(r);
	for (unsigned int i = 0; i < ROUNDS; i++)
		best = min(best, once(r));
	return best;
}

void bench_kernel(void)
{
	u64 booted = now(), empty = now() - booted;

	printk("booted|%lu\n", booted);
	cache = kmem_cache_create("bench", 128, 0, SLAB_PANIC | SLAB_NO_MERGE,
				  NULL);
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *r = &rows[i];
		u64 tenths = (least(r) - empty) * 10 / r->nr_pairs;

		printk("row|%s|%u|%lu.%lu\n", r->name, r->goal, tenths / 10,
		       tenths % 10);
	}
	printk("done\n");
}
