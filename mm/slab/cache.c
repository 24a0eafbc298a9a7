/* SPDX-License-Identifier: MIT */
/*
 * cache.c - makes, merges, shrinks and destroys caches.
 *
 * 1. Sizes.  Objects are rounded up to their alignment.  A slab has the
 *    smallest order up to slab_max_order that wastes at most an eighth of it,
 *    or the least wasteful one: small slabs come cheaply, leave nothing behind
 *    and are found even when memory is in pieces.  slab_min_order and
 *    slab_min_objects set where the search begins.
 * 2. Merging.  A new cache whose objects would lie in its slabs exactly as in
 *    an existing one's gets that one, with one more user.  Never with a
 *    constructor, a debugging flag or SLAB_NO_MERGE, nor with slab_nomerge.
 * 3. A cache's own descriptor and its nodes come from the cache "kmem_cache",
 *    whose descriptor is static, so that the first allocation has something
 *    to come from.  Magazines come from "kmem_cache_cpu", which has none.
 * 4. Locking.  slab_state.lock guards the list of caches and the user counts;
 *    list locks nest inside.  A cache is destroyed by its last user, when
 *    nobody can call it any more.  Others may still shrink it, who go through
 *    all caches for memory or hold on to it (cache_list.c): a magazine is
 *    emptied by one at a time, under that lock, and stays, empty, until
 *    nobody looks.
 * 5. Failure.  kmem_cache_create() fails whole.  A cache destroyed with
 *    objects in use is reported and leaked, and still works.
 */
#include <quire/errno.h>
#include <quire/failure.h>
#include <quire/gfp.h>
#include <quire/port.h>
#include <quire/printk.h>
#include <quire/rcu.h>
#include <quire/string.h>
#include <quire/vmstat.h>
#include <quire/xarray.h>

#include "mm/slab/slab_internal.h"

#define CACHE_LINE 64
#define WORD	   sizeof(unsigned long)

/* A magazine holds at most this many bytes of objects, or two of them. */
#define MAGAZINE_BYTES 8192
#define MAGAZINE_SIZE \
	(sizeof(struct kmem_cache_cpu) + MAGAZINE_MAX * sizeof(void *))
/*
 * Empty slabs kept per node, by the memory they hold: a part of all memory, so
 * that 100 caches keep about 1 % after their bursts, between two bounds.
 */
#define EMPTY_FRACTION	8192
#define EMPTY_BYTES_MIN 16384UL
#define EMPTY_BYTES_MAX (1UL << 20)
/*
 * What all depots keep of a cache for as long as it is used (depot.c), by the
 * memory there is; and a single one, which is not worth while below the least.
 */
#define DEPOT_FRACTION	512
#define DEPOT_BYTES_MIN 32768UL
#define DEPOT_BYTES_MAX (8UL << 20)

#define SLAB_KNOWN_FLAGS                                                    \
	(SLAB_DEBUG_FLAGS | SLAB_HWCACHE_ALIGN | SLAB_CACHE_DMA |           \
	 SLAB_RECLAIM_ACCOUNT | SLAB_PANIC | SLAB_ACCOUNT | SLAB_NO_MERGE | \
	 SLAB_TYPESAFE_BY_RCU)
/* Caches with different ones of these never share. */
#define SLAB_MERGE_SAME (SLAB_RECLAIM_ACCOUNT | SLAB_CACHE_DMA | SLAB_ACCOUNT)
#define SLAB_MERGE_NEVER \
	(SLAB_DEBUG_FLAGS | SLAB_NO_MERGE | SLAB_TYPESAFE_BY_RCU)
/* What an object is must last while it is free. */
#define SLAB_KEEP_OBJECT (SLAB_RED_ZONE | SLAB_POISON | SLAB_TYPESAFE_BY_RCU)

struct slab_state slab_state;

/* The cache of caches, with room for slot[] of the largest machine. */
static union {
	struct kmem_cache cache;
	char room[sizeof(struct kmem_cache) +
		  (NR_CPUS + 1) * sizeof(struct kmem_cache_cpu *)];
} boot_cache, boot_magazine_cache;
static struct kmem_cache_node boot_nodes[2][MAX_NUMNODES];

/* A descriptor ends with slot[], then come its nodes, then its depots. */
static size_t nodes_offset(void)
{
	return sizeof(struct kmem_cache) +
	       (nr_cpu_ids + 1) * sizeof(struct kmem_cache_cpu *);
}

static size_t depots_offset(void)
{
	return ALIGN(nodes_offset() + (size_t)nr_node_ids *
					      sizeof(struct kmem_cache_node),
		     _Alignof(struct magazine_depot));
}

/* ---- sizes ---- */

static u32 effective_align(u32 object_size, u32 align, slab_flags_t flags)
{
	if (flags & SLAB_HWCACHE_ALIGN) {
		u32 line = CACHE_LINE;

		/* Several small objects may share a line, none crosses. */
		while (object_size <= line / 2)
			line /= 2;
		align = max(align, line);
	}
	return (u32)ALIGN(max(align, (u32)WORD), (u32)WORD);
}

/* Fill in where the parts of an object lie (slab_debug.c has a drawing). */
static void set_layout(struct kmem_cache *s)
{
	u32 size = (u32)ALIGN(s->object_size, (u32)WORD);

	s->left_pad = 0;
	s->word_offset = 0;
	s->track_offset = 0;
	if (s->flags & SLAB_RED_ZONE) {
		s->left_pad = (u32)ALIGN((u32)WORD, s->align);
		if (size == s->object_size)
			size += WORD;
	}
	/* Where the object itself must stay as it is while it is free. */
	if (s->ctor || s->flags & SLAB_KEEP_OBJECT) {
		s->word_offset = size;
		size += WORD;
	}
	if (s->flags & SLAB_STORE_USER) {
		s->track_offset = size;
		size += 2 * sizeof(struct slab_track);
	}
	s->size = (u32)ALIGN(size + s->left_pad, s->align);
}

static unsigned int slab_waste(u32 size, unsigned int order)
{
	return (unsigned int)((PAGE_SIZE << order) % size);
}

/* The smallest order that holds one object. */
static unsigned int order_for(u32 size)
{
	unsigned int order = 0;

	while (PAGE_SIZE << order < size)
		order++;
	return order;
}

static void set_orders(struct kmem_cache *s)
{
	const struct slab_params *p = &slab_params;
	unsigned int order, best;

	s->min_order = (u8)order_for(s->size);
	best = max((unsigned int)s->min_order, p->min_order);
	while (best < p->max_order &&
	       (PAGE_SIZE << best) / s->size < p->min_objects)
		best++;
	for (order = best; order <= p->max_order; order++) {
		/* Compare waste / bytes without fractions. */
		if (slab_waste(s->size, order) < slab_waste(s->size, best)
							 << (order - best))
			best = order;
		if (slab_waste(s->size, order) * 8UL <= PAGE_SIZE << order)
			break;
	}
	s->order = (u8)best;
}

/* Constructed, type-safe and poisoned objects have contents of their own. */
static void set_init_on(struct kmem_cache *s)
{
	bool ours =
		!s->ctor && !(s->flags & (SLAB_TYPESAFE_BY_RCU | SLAB_POISON));

	s->init_on_alloc = ours && slab_params.init_on_alloc;
	s->init_on_free = ours && slab_params.init_on_free;
}

static u32 magazine_capacity(const struct kmem_cache *s)
{
	if (s->flags & SLAB_DEBUG_FLAGS || s->init_on_alloc ||
	    s->init_on_free || s->size > MAGAZINE_BYTES)
		return 0;
	return max(2U, min(MAGAZINE_BYTES / s->size, (u32)MAGAZINE_MAX));
}

static u8 empty_slabs(const struct kmem_cache *s)
{
	unsigned long bytes = (totalram_pages() << PAGE_SHIFT) / EMPTY_FRACTION;

	bytes = max(EMPTY_BYTES_MIN, min(bytes, EMPTY_BYTES_MAX));
	return (u8)max(min(bytes >> PAGE_SHIFT >> s->order, 255UL), 1UL);
}

static u32 depot_size(const struct kmem_cache *s)
{
	unsigned long bytes =
		(totalram_pages() << PAGE_SHIFT) / DEPOT_FRACTION / nr_cpu_ids;
	unsigned long each =
		MAGAZINE_SIZE + (unsigned long)s->capacity * s->size;

	/*
	 * Larger objects cost more to touch than to fetch: going through them
	 * in the order they came in loses more than the exchange gains.
	 */
	if (!s->capacity || s->size > PAGE_SIZE || bytes < DEPOT_BYTES_MIN)
		return 0;
	return (u32)(min(bytes, DEPOT_BYTES_MAX) / each);
}

static void set_sizes(struct kmem_cache *s, slab_flags_t flags)
{
	s->flags = flags;
	set_layout(s);
	set_orders(s);
}

static void init_depots(struct kmem_cache *s)
{
	for (unsigned int i = 0; s->depots && i < nr_cpu_ids; i++) {
		s->depots[i] = (struct magazine_depot){0};
		spin_lock_init(&s->depots[i].lock, LOCK_RANK_SLAB_NODE);
	}
}

/* s->nodes and s->depots are set; everything else is filled in here. */
void slab_cache_setup(struct kmem_cache *s, const char *name,
		      unsigned int object_size, unsigned int align,
		      slab_flags_t flags, void (*ctor)(void *obj))
{
	struct kmem_cache_node *n;

	s->cookie = port->random();
	s->object_size = object_size;
	s->ctor = ctor;
	s->align = effective_align(object_size, align, flags);
	s->allocflags = flags & SLAB_CACHE_DMA ? __GFP_DMA : 0;
	s->refcount = 1;
	s->nr_reports = 0;
	s->nr_contained = 0;
	s->baseline = 0;
	s->internal = false;
	strscpy(s->name, name, sizeof(s->name));
	set_sizes(s, flags);
	if (slab_params.keep_order &&
	    order_for(s->size) > order_for(s->object_size))
		set_sizes(s, flags & ~SLAB_METADATA_FLAGS);
	/* Exact for offset * size < 2^44: a slab is at most 2^22 bytes. */
	s->reciprocal = ((1UL << 44) + s->size - 1) / s->size;
	set_init_on(s);
	s->capacity = magazine_capacity(s);
	s->max_empty = empty_slabs(s);
	s->depot_max = depot_size(s);
	init_depots(s);
	s->nr_pins = 1;
	INIT_LIST_HEAD(&s->aliases);
	s->slot[0] = &no_magazine;
	for_each_slot(i)
		s->slot[i] = &no_magazine;
	for_each_node_of(s, n) {
		*n = (struct kmem_cache_node){0};
		spin_lock_init(&n->list_lock, LOCK_RANK_SLAB_NODE);
		page_list_init(&n->partial);
		page_list_init(&n->full);
		page_list_init(&n->empty);
		page_list_init(&n->leaving_next);
		page_list_init(&n->leaving);
	}
}

static void list_cache(struct kmem_cache *s)
{
	spin_lock(&slab_state.lock);
	s->serial = slab_state.nr_made++;
	list_add(&s->list, &slab_state.caches);
	spin_unlock(&slab_state.lock);
}

/* ---- merging ---- */

bool slab_is_shareable(const struct kmem_cache *s)
{
	return !s->internal && !s->ctor && !(s->flags & SLAB_MERGE_NEVER) &&
	       !slab_params.nomerge;
}

static bool can_share(const struct kmem_cache *s, u32 object_size, u32 align,
		      slab_flags_t flags)
{
	u32 size = (u32)ALIGN(ALIGN(object_size, (u32)WORD), align);

	/* Without users it is being destroyed, or leaked. */
	if (!s->refcount || !slab_is_shareable(s) ||
	    (s->flags ^ flags) & SLAB_MERGE_SAME)
		return false;
	/* Objects lie at multiples of the size, which is one of align. */
	return s->size == size;
}

/*
 * An existing cache that serves as well, with one more user and name; or NULL.
 * *alias is NULL afterwards if it was used.
 */
static struct kmem_cache *find_mergeable(u32 object_size, u32 align,
					 slab_flags_t flags,
					 struct slab_alias **alias)
{
	struct kmem_cache *s, *found = NULL;

	align = effective_align(object_size, align, flags);
	spin_lock(&slab_state.lock);
	list_for_each_entry(s, &slab_state.caches, list) {
		if (can_share(s, object_size, align, flags)) {
			s->refcount++;
			/* What both may use must be cleared for both. */
			s->object_size = max(s->object_size, object_size);
			s->align = max(s->align, align);
			if (slab_add_alias_locked(s, *alias))
				*alias = NULL;
			found = s;
			break;
		}
	}
	spin_unlock(&slab_state.lock);
	return found;
}

static struct kmem_cache *try_share(const char *name, u32 object_size,
				    u32 align, slab_flags_t flags)
{
	struct slab_alias *alias = kmalloc(sizeof(*alias), GFP_KERNEL);
	struct kmem_cache *s;

	if (!alias)
		return ERR_PTR(-ENOMEM);
	strscpy(alias->name, name, sizeof(alias->name));
	s = find_mergeable(object_size, align, flags, &alias);
	kfree(alias);
	return s;
}

/* ---- life ---- */

static struct kmem_cache *try_create(const char *name, unsigned int size,
				     unsigned int align, slab_flags_t flags,
				     void (*ctor)(void *))
{
	struct kmem_cache *s;

	if (name)
		flags |= slab_debug_wanted(name);
	if (!name || !size || size > KMALLOC_MAX_SIZE || align > PAGE_SIZE ||
	    align & (align - 1) || WARN_ON_ONCE(flags & ~SLAB_KNOWN_FLAGS))
		return NULL;
	if (!ctor && !(flags & SLAB_MERGE_NEVER) && !slab_params.nomerge &&
	    slab_state.has_kmalloc) {
		s = try_share(name, size, align, flags);
		if (s)
			return IS_ERR(s) ? NULL : s;
	}
	s = kmem_cache_alloc(slab_state.cache_cache, GFP_KERNEL);
	if (!s)
		return NULL;
	s->nodes = (void *)((char *)s + nodes_offset());
	s->depots = (void *)((char *)s + depots_offset());
	slab_cache_setup(s, name, size, align, flags, ctor);
	if (s->min_order > MAX_ORDER) { /* with what debugging adds */
		kmem_cache_free(slab_state.cache_cache, s);
		return NULL;
	}
	list_cache(s);
	return s;
}

struct kmem_cache *kmem_cache_create(const char *name, unsigned int size,
				     unsigned int align, slab_flags_t flags,
				     void (*ctor)(void *))
{
	struct kmem_cache *s = try_create(name, size, align, flags, ctor);

	if (!s && flags & SLAB_PANIC)
		panic("cannot make slab cache %s", name ? name : "(null)");
	return s;
}

static unsigned long drain_all_cpus(struct kmem_cache *s)
{
	unsigned long nr = 0;

	for_each_slot(i)
		nr += slab_drain_magazine(s, i);
	return nr;
}

static unsigned long nr_slabs(const struct kmem_cache *s)
{
	const struct kmem_cache_node *n;
	unsigned long nr = 0;

	for_each_node_of(s, n)
		nr += n->nr_slabs;
	return nr;
}

/* Names may be looked at until the descriptor is gone, but not these. */
static void free_aliases(struct kmem_cache *s)
{
	struct slab_alias *alias, *next;
	struct list_head gone;

	INIT_LIST_HEAD(&gone);
	spin_lock(&slab_state.lock);
	list_splice_init(&s->aliases, &gone);
	spin_unlock(&slab_state.lock);
	list_for_each_entry_safe(alias, next, &gone, list)
		kfree(alias);
}

void kmem_cache_destroy(struct kmem_cache *s)
{
	bool last;

	if (!s)
		return;
	spin_lock(&slab_state.lock);
	last = --s->refcount == 0;
	spin_unlock(&slab_state.lock);
	if (!last)
		return;
	spin_lock(&slab_state.lock);
	drain_all_cpus(s);
	slab_drain_depots(s);
	spin_unlock(&slab_state.lock);
	slab_release_empty(s, 0);
	if (s->flags & SLAB_TYPESAFE_BY_RCU) {
		synchronize_rcu();
		slab_release_empty(s, 0);
	}
	if (nr_slabs(s)) {
		printk("BUG %s: destroyed with %lu objects in use\n", s->name,
		       kmem_cache_in_use(s));
		slab_report_used(s);
		return;
	}
	spin_lock(&slab_state.lock);
	list_del(&s->list);
	spin_unlock(&slab_state.lock);
	free_aliases(s);
	kmem_cache_put(s);
}

int kmem_cache_shrink(struct kmem_cache *s)
{
	spin_lock(&slab_state.lock);
	slab_drain_magazine(s, smp_processor_id() + 1);
	slab_drain_depots(s);
	spin_unlock(&slab_state.lock);
	slab_release_empty(s, 0);
	return 0; /* what others empty from now on is their next burst */
}

/*
 * Caches stay on the list while this walks it: only the last user's destroy
 * takes one off, and frames are freed under slab_state.lock, which is above
 * the page allocator's locks.
 */
static unsigned long shrink_all(unsigned long (*drain)(struct kmem_cache *s))
{
	unsigned long nr_pages = 0;
	struct kmem_cache *s;

	spin_lock(&slab_state.lock);
	list_for_each_entry(s, &slab_state.caches, list) {
		nr_pages += drain(s);
		nr_pages += slab_drain_depots(s);
		nr_pages += slab_release_empty(s, 0);
	}
	spin_unlock(&slab_state.lock);
	return nr_pages;
}

static unsigned long drain_local(struct kmem_cache *s)
{
	return slab_drain_magazine(s, smp_processor_id() + 1);
}

unsigned long kmem_cache_shrink_all(void)
{
	return shrink_all(drain_local);
}

unsigned long kmem_cache_reclaim(gfp_t gfp, unsigned int order)
{
	(void)gfp; /* no I/O, no file systems: any request may */
	(void)order;
	return kmem_cache_shrink_all();
}

/* The magazines themselves go too. */
static unsigned long drain_everywhere(struct kmem_cache *s)
{
	unsigned long nr_pages = drain_all_cpus(s) + slab_drain_depots(s);

	slab_free_magazines(s);
	return nr_pages;
}

unsigned long kmem_cache_drain_all(void)
{
	/* Newest first: the cache of magazines is emptied last but one. */
	return shrink_all(drain_everywhere);
}

unsigned int kmem_cache_size(const struct kmem_cache *s)
{
	return s->object_size;
}

const char *kmem_cache_name(const struct kmem_cache *s)
{
	return s->name;
}

/* ---- start ---- */

static struct kmem_cache *xa_node_cache;

static void *alloc_xa_node(gfp_t gfp)
{
	return kmem_cache_alloc(xa_node_cache, gfp);
}

static void free_xa_node(void *node)
{
	kmem_cache_free(xa_node_cache, node);
}

/* A cache of the allocator's own, without magazines. */
static struct kmem_cache *start_cache(struct kmem_cache *s,
				      struct kmem_cache_node *nodes,
				      const char *name, size_t size)
{
	s->nodes = nodes;
	s->depots = NULL;
	slab_cache_setup(s, name, (unsigned int)size,
			 _Alignof(struct magazine_depot),
			 SLAB_NO_MERGE | slab_debug_wanted(name), NULL);
	s->internal = true;
	s->capacity = s->depot_max = 0;
	list_cache(s);
	return s;
}

void kmem_cache_init(void)
{
	spin_lock_init(&slab_state.lock, LOCK_RANK_SLAB_LIST);
	INIT_LIST_HEAD(&slab_state.caches);
	slab_state.cache_cache = start_cache(
		&boot_cache.cache, boot_nodes[0], "kmem_cache",
		depots_offset() + nr_cpu_ids * sizeof(struct magazine_depot));
	slab_state.magazine_cache =
		start_cache(&boot_magazine_cache.cache, boot_nodes[1],
			    "kmem_cache_cpu", MAGAZINE_SIZE);
	kmalloc_init();
	slab_state.has_kmalloc = true;
	xa_node_cache =
		kmem_cache_create("radix_tree_node", xa_node_size, 0,
				  SLAB_PANIC | SLAB_RECLAIM_ACCOUNT, NULL);
	xa_set_allocator(alloc_xa_node, free_xa_node);
}
