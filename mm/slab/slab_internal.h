/* SPDX-License-Identifier: MIT */
/*
 * slab_internal.h - what the files of mm/slab share; slab.c has the theory.
 */
#ifndef MM_SLAB_INTERNAL_H
#define MM_SLAB_INTERNAL_H

#include <quire/failure.h>
#include <quire/list.h>
#include <quire/mm_types.h>
#include <quire/percpu.h>
#include <quire/slab.h>
#include <quire/spinlock.h>

#include "mm/page/pagelist.h"
#include "mm/page/zone.h"

/* Flags that every call must see: such a cache has no magazines. */
#define SLAB_DEBUG_FLAGS                                         \
	(SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | \
	 SLAB_STORE_USER | SLAB_TRACE)
/* Those that make objects larger. */
#define SLAB_METADATA_FLAGS (SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER)

/* An index that is no object; ends a slab's free list. */
#define SLAB_NIL	 0xffffU
#define SLAB_MAX_OBJECTS 0x7fffU

/* A word of a free object differs from its key by less than this. */
#define SLAB_KEY_SLACK 0x10000UL

#define MAGAZINE_MAX   29 /* a magazine is four cache lines */
#define SLAB_NAME_SIZE 32

/*
 * Free objects that one processor keeps.  Only that processor's task context
 * uses it, so that it needs no guard; others may look (READ_ONCE) to count
 * and to tell double frees.
 */
struct kmem_cache_cpu {
	unsigned long avail; /* objs[0 .. avail-1] */
	unsigned long capacity;
	/* A processor's second one, full or empty; in a depot: the next. */
	struct kmem_cache_cpu *other;
	void *objs[];
};

/* A processor's magazines beyond the two that it works with; depot.c. */
struct magazine_depot {
	spinlock_t lock;
	u32 nr_full, nr_spare;
	u32 least_full; /* since the last kmem_cache_decay() */
	struct kmem_cache_cpu *full, *spare;
} __attribute__((aligned(128))); /* processors fetch lines in pairs */

/* One node's slabs; each is on the list that its counts say. */
struct kmem_cache_node {
	spinlock_t list_lock;
	u32 nr_slabs;
	u64 nr_objects; /* in all slabs */
	u64 nr_out;	/* not on a slab's free list */
	struct page_list partial;
	struct page_list full;
	struct page_list empty;
	/*
	 * SLAB_TYPESAFE_BY_RCU: empty slabs that are to go.  Those that wait
	 * go when grace_cookie's period is over; then the next begin to wait.
	 */
	struct page_list leaving_next;
	struct page_list leaving;
	u64 grace_cookie;
};

struct kmem_cache {
	/* The fast paths read these and slot[]. */
	unsigned long cookie; /* key of an object: cookie ^ its address */
	u32 word_offset;      /* of the word that marks a free object */
	u32 object_size;      /* bytes the caller may use */
	u32 size;	      /* from object to object */
	slab_flags_t flags;
	u64 reciprocal;	  /* offset to index without division */
	u32 left_pad;	  /* red zone before the object */
	u32 track_offset; /* struct slab_track[2] of SLAB_STORE_USER */
	u32 align;
	u32 capacity;	     /* of its magazines; 0: none */
	u8 order, min_order; /* preferred, and when memory is scarce */
	bool internal;	     /* the allocator's own: not in leak reports */
	bool init_on_alloc;  /* objects are cleared when handed out, ... */
	bool init_on_free;   /* ... when taken back */
	u32 max_empty;	     /* slabs kept per node for the next burst */
	u32 depot_max;	     /* full magazines in each depot; 0: not used */
	/* These four are under the cache list's lock. */
	u32 refcount; /* creators */
	u32 nr_pins;  /* who may still look at the descriptor */
	u64 serial;
	struct list_head aliases;
	u32 nr_reports;	  /* atomic */
	u64 nr_contained; /* objects given up after errors; atomic */
	u64 baseline;
	gfp_t allocflags;
	void (*ctor)(void *obj);
	struct list_head list;
	struct kmem_cache_node *nodes;
	struct magazine_depot *depots; /* by processor; NULL: none */
	char name[SLAB_NAME_SIZE];
	/*
	 * By arch_task_slot(): [0] is always no_magazine, so that interrupt
	 * handlers find nothing to use; then each possible processor's.
	 */
	struct kmem_cache_cpu *slot[];
};

/* From the command line, before the first cache; slab_params.c. */
#define SLAB_DEFAULT_MAX_ORDER 3
struct slab_params {
	char debug[512]; /* slab_debug='s value; "": nothing */
	bool keep_order; /* its O */
	bool nomerge;
	bool init_on_alloc, init_on_free;
	unsigned int min_order, max_order, min_objects;
};
extern struct slab_params slab_params;

enum track_item { TRACK_ALLOC, TRACK_FREE };

struct slab_track {
	const void *caller;
	u64 time_ns;
	u32 cpu;
};

/* A further name of a shared cache. */
struct slab_alias {
	struct list_head list;
	char name[SLAB_NAME_SIZE];
};

/* All caches, newest first. */
struct slab_state {
	spinlock_t lock; /* list, refcounts */
	struct list_head caches;
	u64 nr_made;
	bool has_kmalloc; /* kmalloc() works */
	struct kmem_cache *cache_cache;
	struct kmem_cache *magazine_cache;
	unsigned long nr_large; /* blocks of kmalloc_large(); atomic */
	unsigned long large_baseline;
};
extern struct slab_state slab_state;
extern struct kmem_cache_cpu no_magazine;

/* Every processor's index in slot[]. */
#define for_each_slot(i) for (unsigned int i = 1; (i) <= nr_cpu_ids; (i)++)

#define for_each_node_of(s, n) \
	for ((n) = (s)->nodes; (n) < (s)->nodes + nr_node_ids; (n)++)

static inline unsigned long slab_key(const struct kmem_cache *s,
				     const void *obj)
{
	return s->cookie ^ (uintptr_t)obj;
}

static inline unsigned long *slab_word(const struct kmem_cache *s,
				       const void *obj)
{
	return (unsigned long *)((uintptr_t)obj + s->word_offset);
}

/*
 * A slab is 2^order frames; every frame's descriptor has PG_slab and
 * slab_cache.  The first one's also has
 *
 *	slab_counts	31..16 objects out, 15..0 first free or SLAB_NIL
 *	private		23..16 order, 15..0 objects
 *
 * and the others' slab_counts is SLAB_NIL << 16 | distance to the first.
 */
static inline struct page *slab_head(struct page *page)
{
	u32 counts = READ_ONCE(page->slab_counts);

	return counts >> 16 == SLAB_NIL ? page - (counts & 0xffff) : page;
}

static inline unsigned int slab_out(const struct page *slab)
{
	return READ_ONCE(slab->slab_counts) >> 16;
}

static inline unsigned int slab_first_free(const struct page *slab)
{
	return READ_ONCE(slab->slab_counts) & 0xffff;
}

static inline void slab_set_counts(struct page *slab, unsigned int out,
				   unsigned int first_free)
{
	WRITE_ONCE(slab->slab_counts, out << 16 | first_free);
}

static inline unsigned int slab_objects(const struct page *slab)
{
	return slab->private & 0xffff;
}

static inline unsigned int slab_order(const struct page *slab)
{
	return slab->private >> 16;
}

static inline void *slab_object(const struct kmem_cache *s,
				const struct page *slab, unsigned int index)
{
	return (char *)page_address(slab) + s->left_pad +
	       (size_t)index * s->size;
}

static inline unsigned int slab_objects_for(const struct kmem_cache *s,
					    unsigned int order)
{
	unsigned int nr = (unsigned int)((PAGE_SIZE << order) / s->size);

	return min(nr, SLAB_MAX_OBJECTS);
}

/* The object's number, or SLAB_NIL: no object begins there. */
static inline unsigned int slab_index(const struct kmem_cache *s,
				      const struct page *slab, const void *obj)
{
	size_t offset = (uintptr_t)obj - (uintptr_t)slab_object(s, slab, 0);
	unsigned int index;

	if (offset >= (size_t)slab_objects(slab) * s->size)
		return SLAB_NIL;
	index = (unsigned int)(offset * s->reciprocal >> 44);
	return index * (size_t)s->size == offset ? index : SLAB_NIL;
}

static inline struct slab_track *slab_track_of(const struct kmem_cache *s,
					       const void *obj,
					       enum track_item item)
{
	return (struct slab_track *)((uintptr_t)obj + s->track_offset) + item;
}

static inline void slab_list_add(struct page_list *list, struct page *slab)
{
	page_list_add(list, slab, (u32)page_to_pfn(slab));
}

static inline struct page *slab_list_first(const struct page_list *list)
{
	return page_list_empty(list) ? NULL : pfn_to_page(list->first);
}

/* slabs.c: slabs and node lists */
struct page *slab_new(struct kmem_cache *s, gfp_t gfp, int nid);
unsigned int slab_take(struct kmem_cache *s, gfp_t gfp, int nid,
		       unsigned int want, void **objs);
unsigned int slab_take_more(struct kmem_cache *s, struct page *slab,
			    unsigned int want, void **objs);
unsigned long slab_give(struct kmem_cache *s, unsigned int nr, void **objs);
unsigned long slab_release_empty(struct kmem_cache *s, unsigned int keep);
bool slab_obj_is_free(struct kmem_cache *s, struct page *slab, const void *obj);

/* depot.c: magazines that are not loaded */
struct kmem_cache_cpu *magazine_new(const struct kmem_cache *s);
/*
 * The slot's loaded magazine is empty (full): objects for it from (room for it
 * in) the second one or the depot; false: there are none (no memory for more
 * magazines).  depot_max is not 0.  By the slot's processor, in task context.
 */
bool depot_load(struct kmem_cache *s, unsigned int slot);
bool depot_unload(struct kmem_cache *s, unsigned int slot);
/*
 * To the slot's depot the free objects of a slab from which the caller has one,
 * where they are few.  By the slot's processor, in task context.
 */
void depot_stock(struct kmem_cache *s, unsigned int slot, struct page *slab);
/* The number of pages that became free. */
unsigned long slab_drain_depots(struct kmem_cache *s);
/* All of them are empty, the depots too, and no processor uses the cache. */
void slab_free_magazines(struct kmem_cache *s);
typedef void (*magazine_fn)(struct kmem_cache *s, struct kmem_cache_cpu *c,
			    void *arg);
void slab_for_each_magazine(struct kmem_cache *s, magazine_fn fn, void *arg);
void slab_depots_validate(struct kmem_cache *s);

/* slab.c: the paths every call goes */
void *slab_alloc_slow(struct kmem_cache *s, gfp_t gfp, int nid,
		      const void *caller);
void *slab_alloc_node(struct kmem_cache *s, gfp_t gfp, int nid,
		      const void *caller);
/* kfree() for another function of the family, on behalf of its caller. */
void slab_kfree(const void *p, const void *caller);
void *slab_zeroed(const struct kmem_cache *s, void *obj);
void *slab_alloc_direct(struct kmem_cache *s, gfp_t gfp, int nid,
			const void *caller);
unsigned long slab_drain_magazine(struct kmem_cache *s, unsigned int slot);
/* The cache an object belongs to; NULL: no slab object (not reported). */
struct kmem_cache *slab_cache_of(const void *obj);

/*
 * For whom an inlined path works: caller, or if that is NULL whoever called
 * the function it is inlined into, read only where it is used.
 */
#define SLAB_CALLER(caller) ((caller) ?: __builtin_return_address(0))

/* What every allocation begins with; caller: see SLAB_CALLER. */
static __always_inline void *slab_alloc_fast(struct kmem_cache *s, gfp_t gfp,
					     const void *caller)
{
	struct kmem_cache_cpu *c = s->slot[arch_task_slot()];
	unsigned long last;
	void *obj;

	if (CONFIG_DEBUG_LOCKS && gfpflags_allow_blocking(gfp))
		might_sleep();
	if (should_fail() && !(gfp & __GFP_NOFAIL))
		return NULL;
	if (unlikely(__builtin_sub_overflow(READ_ONCE(c->avail), 1, &last)))
		return slab_alloc_slow(s, gfp, NUMA_NO_NODE,
				       SLAB_CALLER(caller));
	obj = c->objs[last];
	WRITE_ONCE(c->avail, last);
	*slab_word(s, obj) = 0;
	if (unlikely(gfp & __GFP_ZERO))
		return slab_zeroed(s, obj);
	return obj;
}

/* kmalloc.c */
void kfree_large(const void *p, const void *caller);
void kmalloc_init(void);

/* cache.c */
void slab_cache_setup(struct kmem_cache *s, const char *name,
		      unsigned int object_size, unsigned int align,
		      slab_flags_t flags, void (*ctor)(void *obj));

/* May another cache become this one?  As far as it is a matter of flags. */
bool slab_is_shareable(const struct kmem_cache *s);

/* cache_list.c */
bool slab_add_alias_locked(struct kmem_cache *s, struct slab_alias *alias);

/* slab_walk.c: name the objects in use */
void slab_report_used(struct kmem_cache *s);

/* slab_params.c: the debugging flags that the command line gives a cache */
slab_flags_t slab_debug_wanted(const char *name);

/* slab_validate.c */
void slab_cache_validate(struct kmem_cache *s);

/*
 * slab_debug.c; s NULL: a pointer without a cache; caller NULL: nobody in
 * particular
 */
void slab_report(struct kmem_cache *s, const void *obj, const char *what,
		 const void *caller);
/* Who allocated and freed an object, where that is known. */
void slab_print_users(struct kmem_cache *s, const void *obj);
/* What is wrong with a free object, or one in use; NULL: nothing. */
const char *slab_debug_fault(const struct kmem_cache *s, const void *obj,
			     bool is_free);
void slab_contain(struct kmem_cache *s, unsigned int nr);
void slab_debug_init(struct kmem_cache *s, void *obj);
bool slab_debug_alloc(struct kmem_cache *s, void *obj, const void *caller);
bool slab_debug_free(struct kmem_cache *s, void *obj, const void *caller);

#endif
