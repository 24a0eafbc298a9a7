/* SPDX-License-Identifier: MIT */
/*
 * slab.h - caches of equal objects, and kmalloc.
 *
 * Source: Linux's Documentation/core-api/memory-allocation.rst and mm-api.rst.
 */
#ifndef QUIRE_SLAB_H
#define QUIRE_SLAB_H

#include <quire/gfp.h>
#include <quire/types.h>

struct kmem_cache;
typedef u32 slab_flags_t;

#define SLAB_CONSISTENCY_CHECKS ((slab_flags_t)0x00000100)
#define SLAB_RED_ZONE		((slab_flags_t)0x00000400)
#define SLAB_POISON		((slab_flags_t)0x00000800)
#define SLAB_HWCACHE_ALIGN	((slab_flags_t)0x00002000)
#define SLAB_CACHE_DMA		((slab_flags_t)0x00004000)
#define SLAB_STORE_USER		((slab_flags_t)0x00010000)
#define SLAB_RECLAIM_ACCOUNT	((slab_flags_t)0x00020000)
#define SLAB_PANIC		((slab_flags_t)0x00040000)
/*
 * Slabs, not objects, outlive every reader that could have found one of their
 * objects (quire/rcu.h): inside rcu_read_lock() what was an object stays one of
 * this cache, though it may have been freed and be another's by now.  Readers
 * check that it is still what they looked for; a constructor, not each
 * allocation, prepares what they rely on.
 */
#define SLAB_TYPESAFE_BY_RCU ((slab_flags_t)0x00080000)
#define SLAB_TRACE	     ((slab_flags_t)0x00200000)
#define SLAB_ACCOUNT	     ((slab_flags_t)0x04000000)
#define SLAB_NO_MERGE	     ((slab_flags_t)0x01000000)

/* What kmalloc(0) returns; kfree takes it; any access faults. */
#define ZERO_SIZE_PTR	    ((void *)16)
#define ZERO_OR_NULL_PTR(p) ((uintptr_t)(p) <= (uintptr_t)ZERO_SIZE_PTR)

#define NUMA_NO_NODE	    (-1)

/*
 * kmalloc's sizes: kmalloc_info[] has an entry for each index up to
 * KMALLOC_SHIFT_HIGH; those up to KMALLOC_MAX_CACHE_SIZE have a cache, larger
 * requests get frames of their own, up to KMALLOC_MAX_SIZE.
 */
#define KMALLOC_SHIFT_HIGH     26
#define KMALLOC_SHIFT_CACHE    13
#define KMALLOC_MAX_CACHE_SIZE (1UL << KMALLOC_SHIFT_CACHE)
#define KMALLOC_MAX_SIZE       (1UL << (MAX_ORDER + 12))
#define ARCH_KMALLOC_MINALIGN  8

enum kmalloc_cache_type {
	KMALLOC_NORMAL,
	KMALLOC_DMA,
	KMALLOC_RECLAIM,
	NR_KMALLOC_TYPES
};

extern struct kmem_cache
	*kmalloc_caches[NR_KMALLOC_TYPES][KMALLOC_SHIFT_CACHE + 1];

static __always_inline enum kmalloc_cache_type kmalloc_type(gfp_t gfp)
{
	if (likely(!(gfp & (__GFP_DMA | __GFP_RECLAIMABLE))))
		return KMALLOC_NORMAL;
	return gfp & __GFP_DMA ? KMALLOC_DMA : KMALLOC_RECLAIM;
}

/* The index of a constant size: folded by the compiler. */
static __always_inline unsigned int kmalloc_index(size_t size)
{
	if (size <= 8)
		return 3;
	if (size > 64 && size <= 96)
		return 1;
	if (size > 128 && size <= 192)
		return 2;
	return (unsigned int)fls_long(size - 1);
}

/*
 * kmem_cache_create - a cache of objects of size bytes.
 * name is copied.  align: 0 or a power of two.  ctor runs once on each object
 * when its slab is made; objects must come back in that state.
 * Context: task, may sleep.
 * Result: a cache, ended by kmem_cache_destroy(); it may be one that exists
 *   already and suits, shared (SLAB_NO_MERGE, ctor and debugging prevent that).
 * Errors: NULL: no memory, size 0 or above KMALLOC_MAX_SIZE, align not a power
 *   of two or above a page; with SLAB_PANIC that stops the machine.
 * Source: mm-api.rst.
 */
struct kmem_cache *kmem_cache_create(const char *name, unsigned int size,
				     unsigned int align, slab_flags_t flags,
				     void (*ctor)(void *));
/* By its name and type: KMEM_CACHE(mm_struct, SLAB_HWCACHE_ALIGN). */
#define KMEM_CACHE(s, flags)                                           \
	kmem_cache_create(#s, sizeof(struct s), __alignof__(struct s), \
			  (flags), NULL)
/*
 * kmem_cache_destroy - one user fewer; the last one's call gives all back.
 * Context: task, no spinlocks; waits for a grace period with
 *   SLAB_TYPESAFE_BY_RCU.  Nobody may be in a call for s.  NULL does nothing.
 * Errors: objects still in use are reported, by address and with
 *   SLAB_STORE_USER by who allocated them, and the cache is leaked whole.
 */
void kmem_cache_destroy(struct kmem_cache *s);
/*
 * kmem_cache_alloc - one object; kmem_cache_alloc_node: from a slab of nid, if
 * there is memory, NUMA_NO_NODE: wherever; kmem_cache_zalloc: zeroes.
 * Context: as gfp says (quire/gfp.h); any with one that cannot sleep.
 * Result: the caller's until kmem_cache_free() or kfree().  Contents: as ctor
 *   or the last user left them; __GFP_ZERO is not for caches with a ctor.
 * Errors: NULL: no memory, nothing changed.
 */
void *kmem_cache_alloc(struct kmem_cache *s, gfp_t gfp);
void *kmem_cache_alloc_node(struct kmem_cache *s, gfp_t gfp, int nid);
static inline void *kmem_cache_zalloc(struct kmem_cache *s, gfp_t gfp)
{
	return kmem_cache_alloc(s, gfp | __GFP_ZERO);
}
/*
 * kmem_cache_free - give obj, which is of s, back.
 * Context: any; no spinlock of rank SLAB_NODE or above.
 * Errors: what is not an object of s is reported and left alone.
 */
void kmem_cache_free(struct kmem_cache *s, void *obj);
/*
 * kmem_cache_alloc_bulk - nr objects into objs[], or none.
 * Context: as kmem_cache_alloc().
 * Result: nr, or 0: no memory; objs[] then holds nothing of use.
 */
int kmem_cache_alloc_bulk(struct kmem_cache *s, gfp_t gfp, size_t nr,
			  void **objs);
/*
 * kmem_cache_free_bulk - nr objects of s back; s NULL, or kfree_bulk(): each
 * is whatever kfree() takes.
 * Context: as kmem_cache_free().
 */
void kmem_cache_free_bulk(struct kmem_cache *s, size_t nr, void **objs);
static inline void kfree_bulk(size_t nr, void **objs)
{
	kmem_cache_free_bulk(NULL, nr, objs);
}
/*
 * kmem_cache_shrink - give the caller's processor's free objects and all empty
 * slabs back.
 * Context: task.
 * Result: 0.  What other processors keep stays, where Linux takes it too.
 */
int kmem_cache_shrink(struct kmem_cache *s);
/* The bytes of an object that are the caller's; the name.  Context: any. */
unsigned int kmem_cache_size(const struct kmem_cache *s);
const char *kmem_cache_name(const struct kmem_cache *s);

/*
 * kmalloc - size bytes, aligned to 8; a power of two up to a page to itself,
 * more than that to a page.  kzalloc: zeroes; kmalloc_node: near nid if it can.
 * Context: as gfp says (quire/gfp.h).
 * Result: the caller's, freed with kfree(); ZERO_SIZE_PTR for 0.
 * Errors: NULL: no memory, or above KMALLOC_MAX_SIZE; nothing changed.
 * Source: memory-allocation.rst.
 */
void *__kmalloc(size_t size, gfp_t gfp);     /* size not constant */
void *kmalloc_large(size_t size, gfp_t gfp); /* frames of its own */
void *kmalloc_node(size_t size, gfp_t gfp, int nid);

static __always_inline void *kmalloc(size_t size, gfp_t gfp)
{
	if (__builtin_constant_p(size) && size) {
		if (size > KMALLOC_MAX_CACHE_SIZE)
			return kmalloc_large(size, gfp);
		return kmem_cache_alloc(
			kmalloc_caches[kmalloc_type(gfp)][kmalloc_index(size)],
			gfp);
	}
	return __kmalloc(size, gfp);
}

static __always_inline void *kzalloc(size_t size, gfp_t gfp)
{
	return kmalloc(size, gfp | __GFP_ZERO);
}

/*
 * kmalloc_array - n times size bytes; kcalloc: zeroes.
 * Context: as kmalloc().
 * Result: as kmalloc().
 * Errors: as kmalloc(), and NULL when n * size overflows.
 */
static inline void *kmalloc_array(size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;

	if (unlikely(__builtin_mul_overflow(n, size, &bytes)))
		return NULL;
	return __kmalloc(bytes, gfp);
}

static inline void *kcalloc(size_t n, size_t size, gfp_t gfp)
{
	return kmalloc_array(n, size, gfp | __GFP_ZERO);
}

/*
 * kmalloc_size_roundup - the bytes that kmalloc(size) really gives; size itself
 * if it gives nothing.  Context: any.
 */
size_t kmalloc_size_roundup(size_t size);

/*
 * krealloc - the block p with room for new_size bytes, its contents kept.
 * p: of kmalloc()'s family; NULL and ZERO_SIZE_PTR hold nothing.  0 frees p.
 * With __GFP_ZERO in this and all calls before for the block, what it grows by
 * is zero.
 * Context: as kmalloc().
 * Result: p itself while it has the room, also when it has too much; else a
 *   new block, and p is freed; ZERO_SIZE_PTR for new_size 0.
 * Errors: NULL: no memory; p is as it was and still the caller's.
 */
void *krealloc(const void *p, size_t new_size, gfp_t gfp) __must_check;
/*
 * kmemdup - a copy of len bytes; kstrdup: of a string; kstrndup: of its first
 * max bytes at most, ended by a NUL.
 * Context: as kmalloc().
 * Result: the caller's, freed with kfree().
 * Errors: NULL: no memory; of the strings' calls also when s is NULL.
 */
void *kmemdup(const void *src, size_t len, gfp_t gfp);
char *kstrdup(const char *s, gfp_t gfp);
char *kstrndup(const char *s, size_t max, gfp_t gfp);
/*
 * kfree - give back what a call of kmalloc()'s family or kmem_cache_alloc()
 * gave; kfree_sensitive clears it first.  NULL and ZERO_SIZE_PTR do nothing.
 * Context: any; no spinlock of rank SLAB_NODE or above.
 * Errors: what is not an allocated block is reported and left alone.
 */
void kfree(const void *p);
void kfree_sensitive(const void *p);
/*
 * ksize - the bytes that may be used of a block: at least those asked for.
 * Context: any.
 * Result: 0 for NULL, ZERO_SIZE_PTR and, reported, what is not a block.
 */
size_t ksize(const void *p);

/* ---- the whole allocator ---- */

/*
 * A word of the command line, before anything starts; printk() works.  True:
 * it is the slab allocator's.  A value that makes no sense is reported and not
 * used.  value: what follows the '=', NULL if there is none.
 */
bool slab_param(const char *name, const char *value);
/* Called once by mm_init(), after the page allocator. */
void kmem_cache_init(void);
/*
 * Give back every empty slab of every cache, and what this processor keeps;
 * the number of pages freed.  Task context.
 */
unsigned long kmem_cache_shrink_all(void);
/* The same as a step of direct reclaim (quire/reclaim.h). */
unsigned long kmem_cache_reclaim(gfp_t gfp, unsigned int order);
/* The same for all processors: the others must be outside the allocator. */
unsigned long kmem_cache_drain_all(void);
/*
 * kmem_cache_decay - give back the free objects that this processor kept, of
 * any cache, and did not need since the last call.  To be called about once a
 * second by each processor, also while idle.  Task context, no spinlocks.
 */
void kmem_cache_decay(void);
/* Objects that callers hold; exact while the others are outside. */
unsigned long kmem_cache_in_use(struct kmem_cache *s);
/*
 * Leak check.  The baseline notes what is in use now, in each cache; a report
 * logs a line for every cache that has more than then, and yields the number
 * of objects and large blocks above it.  All processors quiet; freed vmalloc
 * areas count until vm_unmap_aliases().
 */
void kmem_cache_leak_baseline(void);
unsigned long kmem_cache_report_leaks(void);
/* What /proc/slabinfo says of a cache. */
struct slabinfo {
	const char *name;
	unsigned long active_objs; /* in use */
	unsigned long num_objs;
	unsigned long active_slabs; /* with an object in use */
	unsigned long num_slabs;
	unsigned int size_bytes; /* of one object, with its overhead */
	unsigned int objects_per_slab;
	unsigned int order;
};
/* fn for each cache, newest first; it must not call the allocator. */
void kmem_cache_for_each_info(void (*fn)(const struct slabinfo *info,
					 void *arg),
			      void *arg);

/* ---- looking at caches: /sys/kernel/slab ---- */

/*
 * The cache made before prev, NULL: the newest; NULL after the oldest.  It is
 * kept for the caller, and prev is let go; each cache that is there all the
 * while is seen once.  A destroyed cache that is kept is empty, and what is
 * written to it does nothing.  Task context, no spinlock.
 */
struct kmem_cache *kmem_cache_next(struct kmem_cache *prev);
/* Let a cache go that kmem_cache_next() gave; NULL does nothing. */
void kmem_cache_put(struct kmem_cache *s);

/*
 * The directory's name: that of its kind (":a-0000104") if others may share
 * the cache, else its own.  KMEM_CACHE_ID_SIZE bytes are enough.
 */
#define KMEM_CACHE_ID_SIZE 32
void kmem_cache_id(const struct kmem_cache *s, char *buf, size_t size);
/*
 * The n-th name, from 0, that is a link to a cache others may share: the
 * first one's, then those that were merged with it.  False: no more.
 */
bool kmem_cache_link(struct kmem_cache *s, unsigned int n, char *buf,
		     size_t size);

/* One node's part of a cache. */
struct kmem_cache_node_state {
	unsigned long nr_slabs;
	unsigned long nr_partial; /* of them neither full nor gone */
	unsigned long nr_objects; /* in all slabs */
	unsigned long in_use;	  /* by callers */
	unsigned long in_partial; /* out of slabs that are partly free,
				     in magazines or with callers */
};
struct kmem_cache_state {
	slab_flags_t flags;
	void (*ctor)(void *obj);
	unsigned int object_size; /* bytes the caller may use */
	unsigned int size_bytes;  /* with overhead */
	unsigned int align;
	unsigned int order;
	unsigned int objects_per_slab;
	unsigned int min_partial; /* empty slabs kept on each node */
	unsigned int cpu_objects; /* free objects a processor may keep */
	unsigned int nr_aliases;
	struct kmem_cache_node_state node[MAX_NUMNODES];
};
void kmem_cache_get_state(struct kmem_cache *s, struct kmem_cache_state *state);
/* Empty slabs to keep on each node; more than that go at once. */
void kmem_cache_set_min_partial(struct kmem_cache *s, unsigned int nr);

/* Objects that one place in the code allocated, or freed last. */
struct kmem_cache_caller {
	const void *caller;
	unsigned long nr_objects;
	u64 min_age_ns, max_age_ns, sum_age_ns;
	u64 cpus;  /* a bit each */
	u64 nodes; /* where the objects lie */
};
/*
 * Who allocated, or (freed) who freed before that, the objects in use, most
 * first; callers beyond max are left out.  The number of callers filled in, or
 * -ENOSYS without SLAB_STORE_USER.  Task context.
 */
int kmem_cache_callers(struct kmem_cache *s, bool freed,
		       struct kmem_cache_caller *callers, unsigned int max);
/*
 * Check every object of every slab as its debugging flags allow, and report
 * what is wrong; the number of objects that are.
 */
unsigned long kmem_cache_validate(struct kmem_cache *s);

/* Panics with what is wrong in any cache. */
void slab_validate(void);

/*
 * kvmalloc - size bytes from kmalloc where a light attempt succeeds, else
 * from vmalloc: not contiguous in memory then.
 * Context: as gfp says; from vmalloc only what may block.  Up to a page, and
 *   without blocking, it is kmalloc.
 * Result: the caller's, freed with kvfree(); ZERO_SIZE_PTR for 0.
 * Errors: NULL: no memory, n * size overflows, no such node (reported).
 * _array and kvcalloc: n elements of size bytes; z and c forms clear; _node:
 *   from node nid first, NUMA_NO_NODE: the caller's.
 * Source: Linux's Documentation/core-api/mm-api.rst.
 */
void *kvmalloc(size_t size, gfp_t gfp);
void *kvzalloc(size_t size, gfp_t gfp);
void *kvmalloc_node(size_t size, gfp_t gfp, int nid);
void *kvzalloc_node(size_t size, gfp_t gfp, int nid);

static inline void *kvmalloc_array(size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return kvmalloc(bytes, gfp);
}

static inline void *kvcalloc(size_t n, size_t size, gfp_t gfp)
{
	return kvmalloc_array(n, size, gfp | __GFP_ZERO);
}

/*
 * kvrealloc - size bytes with the contents of p, of either kind, as far as
 * they fit; what comes from vmalloc stays so.
 * p NULL allocates; size 0 frees and gives ZERO_SIZE_PTR, or NULL for
 *   vmalloc memory.  With __GFP_ZERO, given from the first allocation on,
 *   growth is cleared.
 * Errors: NULL, p is untouched.
 */
void *kvrealloc(const void *p, size_t size, gfp_t gfp) __must_check;
/* Either kind; NULL and ZERO_SIZE_PTR do nothing.  Context: as vfree(). */
void kvfree(const void *p);
/* The first len bytes, which must be its own, are cleared before. */
void kvfree_sensitive(const void *p, size_t len);

#endif
