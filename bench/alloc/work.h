/* SPDX-License-Identifier: MIT */
/*
 * work.h - loops around an allocator's calls, for both machines.
 *
 * WORK() makes them from the expressions that get and give back a block, so
 * that each allocator is called directly, with a constant size, as programs and
 * kernels mostly call it.  The compiler does not see what becomes of a block.
 */
#ifndef BENCH_ALLOC_WORK_H
#define BENCH_ALLOC_WORK_H

#include <quire/types.h>

#define MAX_KEPT 4096

/* One thread's blocks, and the order in which a random row replaces them. */
struct hands {
	void *kept[MAX_KEPT];
	u16 order[MAX_KEPT];
};

/* What a row does with one kind of block, in one thread. */
struct work {
	/* n times: get a block, give it back */
	void (*hot)(struct hands *h, unsigned int n);
	/* get kept[0 .. n-1]; give them back in the same order */
	void (*get)(struct hands *h, unsigned int n);
	void (*put)(struct hands *h, unsigned int n);
	/* n times: give one of kept[] back, in h->order, and get another */
	void (*replace)(struct hands *h, unsigned int n);
};

/* The same on every side. */
static inline void draw_order(struct hands *h, u64 seed, unsigned int nr_kept)
{
	u64 s = 88172645463325252ULL + seed;

	for (unsigned int i = 0; i < MAX_KEPT; i++) {
		s ^= s << 13;
		s ^= s >> 7;
		s ^= s << 17;
		h->order[i] = (u16)((s >> 20) % nr_kept);
	}
}

static inline void hold(void *p)
{
	__asm__ volatile("" : : "r"(p) : "memory");
}

/* A number that the compiler does not know. */
static inline size_t unknown(size_t n)
{
	__asm__ volatile("" : "+r"(n));
	return n;
}

#define WORK(name, GET, PUT)                                                 \
	static void name##_hot(struct hands *h, unsigned int n)              \
	{                                                                    \
		(void)h;                                                     \
		while (n--) {                                                \
			void *p = GET;                                       \
                                                                             \
			hold(p);                                             \
			PUT(p);                                              \
		}                                                            \
	}                                                                    \
	static void name##_get(struct hands *h, unsigned int n)              \
	{                                                                    \
		for (unsigned int i = 0; i < n; i++)                         \
			h->kept[i] = GET;                                    \
	}                                                                    \
	static void name##_put(struct hands *h, unsigned int n)              \
	{                                                                    \
		for (unsigned int i = 0; i < n; i++)                         \
			PUT(h->kept[i]);                                     \
	}                                                                    \
	static void name##_replace(struct hands *h, unsigned int n)          \
	{                                                                    \
		for (unsigned int i = 0; i < n; i++) {                       \
			void **p = &h->kept[h->order[i % MAX_KEPT]];         \
                                                                             \
			PUT(*p);                                             \
			*p = GET;                                            \
		}                                                            \
	}                                                                    \
	static const struct work name = {name##_hot, name##_get, name##_put, \
					 name##_replace}

#endif
