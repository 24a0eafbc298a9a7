/* SPDX-License-Identifier: MIT */
/*
 * slab.c - hands out and takes back objects: the paths every call goes.
 *
 * 1. Idea.  In front of the slabs (slabs.c) each processor keeps magazines of
 *    free objects for each cache it uses (Bonwick & Adams, USENIX 2001).  An
 *    allocation pops, a free pushes, whichever slab or node the object is
 *    from; only when a magazine is empty or full is another one taken, with a
 *    list lock from the processor's depot (depot.c), or is it filled from or given
 *    to the slabs in one go.
 *
 *       caller <-> slot[k].objs[] <-> depot <-> slabs <-> page allocator
 *               no lock        list_lock, a magazine at a time
 *
 * 2. Who may touch a magazine.  Its processor, in task context.  The kernel
 *    does not preempt itself in kernel mode and interrupt handlers go to the
 *    slabs directly, so the fast paths need neither locked instructions nor
 *    interrupts off.  no_magazine, which is both empty and full and so needs
 *    no test of its own, stands in slot[0], where arch_task_slot() leads a
 *    handler, and in slot[k] until processor k - 1 first uses the cache.
 * 3. Debugging caches, those that init_on_alloc= or init_on_free= clears, and
 *    objects too large to hoard, keep no_magazine for ever: all their calls come through the slow paths, which check, and the
 *    fast paths know nothing of them.
 * 4. Double frees.  A free object carries its key in one word (slabs.c); an
 *    allocation clears it.  A free that finds the key, up to the 16 link
 *    bits, looks the object up before it believes its own suspicion.
 * 5. Wrong pointers.  The descriptor of the object's frame says whose it is.
 *    What is not an object, or another cache's, is reported and left alone:
 *    leaking is the only safe thing to do with it.
 * 6. Failure.  Only filling an empty magazine can fail.  Making a magazine may
 *    fail too, which costs speed only.
 */
#include <quire/failure.h>
#include <quire/gfp.h>
#include <quire/printk.h>
#include <quire/string.h>

#include "mm/slab/slab_internal.h"

#define CALLER __builtin_return_address(0)

struct kmem_cache_cpu no_magazine;

/* ---- slow paths: allocation ---- */

/* One object straight from the slabs: any context, any cache. */
void *slab_alloc_direct(struct kmem_cache *s, gfp_t gfp, int nid,
			const void *caller)
{
	void *obj;

	for (;;) {
		if (!slab_take(s, gfp, nid, 1, &obj))
			return NULL;
		if (!(s->flags & SLAB_DEBUG_FLAGS) ||
		    slab_debug_alloc(s, obj, caller))
			break;
		slab_contain(s, 1); /* damaged while free: stays out */
	}
	*slab_word(s, obj) = 0;
	return obj;
}

void *slab_zeroed(const struct kmem_cache *s, void *obj)
{
	/* A constructed object is not its caller's to clear. */
	if (WARN_ON_ONCE(s->ctor))
		return obj;
	return memset(obj, 0, s->object_size);
}

/* This processor's magazine, made if need be; no_magazine if it has none. */
static struct kmem_cache_cpu *get_magazine(struct kmem_cache *s)
{
	struct kmem_cache_cpu **slot = &s->slot[arch_task_slot()];
	struct kmem_cache_cpu *c = *slot;

	if (likely(c != &no_magazine) || !s->capacity)
		return c;
	c = magazine_new(s);
	if (!c)
		return &no_magazine;
	smp_store_release(slot, c);
	return c;
}

/* The loaded magazine is empty: an object from further ones; NULL: none. */
static void *reload(struct kmem_cache *s)
{
	unsigned int slot = arch_task_slot();
	struct kmem_cache_cpu *c = s->slot[slot];

	if (c == &no_magazine || !s->depot_max || !depot_load(s, slot))
		return NULL;
	WRITE_ONCE(c->avail, c->avail - 1);
	return c->objs[c->avail];
}

/* How much to take from the slabs at once. */
static unsigned int refill_size(const struct kmem_cache *s)
{
	/* With no second magazine to fall back on, halves. */
	return s->depot_max ? s->capacity : max(s->capacity / 2, 1U);
}

noinline void *slab_alloc_slow(struct kmem_cache *s, gfp_t gfp, int nid,
			       const void *caller)
{
	struct kmem_cache_cpu *c;
	unsigned int got;
	void *objs[MAGAZINE_MAX];
	void *obj;
	bool again;

	if (!s->capacity || in_interrupt() || nid != NUMA_NO_NODE) {
		obj = slab_alloc_direct(s, gfp, nid, caller);
		goto out;
	}
	obj = reload(s);
	if (obj) {
		*slab_word(s, obj) = 0;
		goto out;
	}
	got = slab_take(s, gfp, nid, refill_size(s), objs);
	if (!got)
		return NULL;
	/* Taking may have slept: only now is it known whose magazine to fill. */
	obj = objs[--got];
	/* Who comes again is worth a stock. */
	again = s->depot_max && s->slot[arch_task_slot()] != &no_magazine;
	c = get_magazine(s);
	while (got && c->avail < c->capacity) {
		WRITE_ONCE(c->objs[c->avail], objs[--got]);
		WRITE_ONCE(c->avail, c->avail + 1);
	}
	if (got)
		slab_give(s, got, objs);
	else if (again)
		depot_stock(s, arch_task_slot(), slab_head(virt_to_page(obj)));
	*slab_word(s, obj) = 0;
out:
	if (obj && (gfp & __GFP_ZERO || s->init_on_alloc))
		return slab_zeroed(s, obj);
	return obj;
}

/* ---- slow paths: free ---- */

struct kmem_cache *slab_cache_of(const void *obj)
{
	unsigned long pfn = __pa(obj) >> PAGE_SHIFT;
	struct page *page;

	if (!pfn_valid(pfn))
		return NULL;
	page = pfn_to_page(pfn);
	return PageSlab(page) ? page->slab_cache : NULL;
}

struct sought {
	const void *obj;
	bool found;
};

static void seek(struct kmem_cache *s, struct kmem_cache_cpu *c, void *arg)
{
	unsigned long avail = READ_ONCE(c->avail);
	struct sought *sought = arg;

	(void)s;
	for (unsigned long i = 0; i < avail; i++)
		if (READ_ONCE(c->objs[i]) == sought->obj)
			sought->found = true;
}

/*
 * In some magazine?  Exact for this processor's and the depots', a look at
 * others'.
 */
static bool in_magazine(struct kmem_cache *s, const void *obj)
{
	struct sought sought = {obj, false};

	slab_for_each_magazine(s, seek, &sought);
	return sought.found;
}

/* All that can be known to be wrong with a free; NULL: nothing. */
static const char *free_fault(struct kmem_cache *s, const void *obj)
{
	struct kmem_cache *owner = slab_cache_of(obj);
	struct page *slab;

	if (!owner)
		return "free of what is no slab object";
	if (owner != s)
		return "free into the wrong cache";
	slab = slab_head(virt_to_page(obj));
	if (slab_index(s, slab, obj) == SLAB_NIL)
		return "free of what is not an object's start";
	if ((*slab_word(s, obj) ^ slab_key(s, obj)) < SLAB_KEY_SLACK &&
	    (in_magazine(s, obj) || slab_obj_is_free(s, slab, obj)))
		return "object is already free";
	return NULL;
}

/* The older half goes, the warmer stays. */
static void flush_half(struct kmem_cache *s, struct kmem_cache_cpu *c)
{
	unsigned int nr = (c->avail + 1) / 2;
	unsigned int keep = c->avail - nr;

	slab_give(s, nr, c->objs);
	for (unsigned int i = 0; i < keep; i++)
		WRITE_ONCE(c->objs[i], c->objs[nr + i]);
	WRITE_ONCE(c->avail, keep);
}

static noinline void free_slow(struct kmem_cache *s, void *obj,
			       const void *caller)
{
	const char *fault = free_fault(s, obj);
	struct kmem_cache_cpu *c;

	if (unlikely(fault)) {
		slab_report(s, obj, fault, caller);
		return;
	}
	if (s->flags & SLAB_DEBUG_FLAGS && !slab_debug_free(s, obj, caller)) {
		slab_contain(s, 1);
		return;
	}
	if (s->init_on_free)
		memset(obj, 0, s->object_size);
	*slab_word(s, obj) = slab_key(s, obj);
	if (in_interrupt()) {
		slab_give(s, 1, &obj);
		return;
	}
	c = get_magazine(s);
	if (c->avail >= c->capacity) {
		if (!c->capacity) {
			slab_give(s, 1, &obj);
			return;
		}
		if (!s->depot_max || !depot_unload(s, arch_task_slot()))
			flush_half(s, c);
	}
	WRITE_ONCE(c->objs[c->avail], obj);
	WRITE_ONCE(c->avail, c->avail + 1);
}

/*
 * Everything the processor keeps goes back; it must be this one, or idle.  The
 * number of pages that became free.
 */
unsigned long slab_drain_magazine(struct kmem_cache *s, unsigned int slot)
{
	struct kmem_cache_cpu *c = smp_load_acquire(&s->slot[slot]);
	unsigned long nr_pages = 0;

	for (; c; c = c->other) {
		unsigned int nr = (unsigned int)c->avail;

		if (!nr)
			continue;
		nr_pages += slab_give(s, nr, c->objs);
		WRITE_ONCE(c->avail, 0);
	}
	return nr_pages;
}

/* ---- fast paths ---- */

void *kmem_cache_alloc(struct kmem_cache *s, gfp_t gfp)
{
	return slab_alloc_fast(s, gfp, NULL);
}

/* Too dear for every free; a flush sees the rest. */
static __always_inline bool debug_is_object(const struct kmem_cache *s,
					    const void *obj)
{
	return !CONFIG_DEBUG_MM ||
	       slab_index(s, slab_head(virt_to_page(obj)), obj) != SLAB_NIL;
}

static __always_inline void free_fast(struct kmem_cache *s, void *obj,
				      const void *caller)
{
	struct kmem_cache_cpu *c = s->slot[arch_task_slot()];
	unsigned long avail = READ_ONCE(c->avail);
	unsigned long key = slab_key(s, obj);
	unsigned long *word = slab_word(s, obj);

	if (unlikely((*word ^ key) < SLAB_KEY_SLACK || avail >= c->capacity ||
		     !debug_is_object(s, obj))) {
		free_slow(s, obj, SLAB_CALLER(caller));
		return;
	}
	*word = key;
	WRITE_ONCE(c->objs[avail], obj);
	WRITE_ONCE(c->avail, avail + 1);
}

/* Can the address be in a frame with a descriptor? */
static __always_inline bool is_frame(const void *obj)
{
	return __pa(obj) >> PAGE_SHIFT < max_pfn;
}

static noinline void bad_free(struct kmem_cache *s, const void *obj,
			      const void *caller)
{
	struct kmem_cache *owner = slab_cache_of(obj);

	slab_report(s, obj,
		    owner ? "free into the wrong cache"
			  : "free of what is no slab object",
		    caller);
	if (owner)
		printk("  it belongs to %s\n", owner->name);
}

static __always_inline void free_one(struct kmem_cache *s, void *obj,
				     const void *caller)
{
	if (unlikely(!is_frame(obj) || virt_to_page(obj)->slab_cache != s))
		bad_free(s, obj, SLAB_CALLER(caller));
	else
		free_fast(s, obj, caller);
}

void kmem_cache_free(struct kmem_cache *s, void *obj)
{
	free_one(s, obj, NULL);
}

static __always_inline void free_any(const void *p, const void *caller)
{
	struct page *page;

	if (unlikely(ZERO_OR_NULL_PTR(p)))
		return;
	page = virt_to_page(p);
	if (likely(is_frame(p) && PageSlab(page)))
		free_fast(page->slab_cache, (void *)(uintptr_t)p, caller);
	else
		kfree_large(p, SLAB_CALLER(caller));
}

void kfree(const void *p)
{
	free_any(p, NULL);
}

void slab_kfree(const void *p, const void *caller)
{
	free_any(p, caller);
}

void *slab_alloc_node(struct kmem_cache *s, gfp_t gfp, int nid,
		      const void *caller)
{
	if (nid == NUMA_NO_NODE || nr_node_ids == 1)
		return slab_alloc_fast(s, gfp, caller);
	if (should_fail() && !(gfp & __GFP_NOFAIL))
		return NULL;
	return slab_alloc_slow(s, gfp, nid, caller);
}

void *kmem_cache_alloc_node(struct kmem_cache *s, gfp_t gfp, int nid)
{
	return slab_alloc_node(s, gfp, nid, CALLER);
}

/* ---- many at once ---- */

int kmem_cache_alloc_bulk(struct kmem_cache *s, gfp_t gfp, size_t nr,
			  void **objs)
{
	const void *caller = CALLER;
	size_t done;

	for (done = 0; done < nr; done++) {
		objs[done] = slab_alloc_fast(s, gfp, caller);
		if (unlikely(!objs[done])) {
			kmem_cache_free_bulk(s, done, objs);
			return 0;
		}
	}
	return (int)nr;
}

void kmem_cache_free_bulk(struct kmem_cache *s, size_t nr, void **objs)
{
	const void *caller = CALLER;

	if (!s) {
		while (nr--)
			free_any(objs[nr], caller);
		return;
	}
	while (nr--)
		free_one(s, objs[nr], caller);
}
