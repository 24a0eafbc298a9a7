/* SPDX-License-Identifier: MIT */
/*
 * slab_walk.c - looks at every object of a cache: who allocated it, is it
 * whole, is it leaked.
 *
 * 1. Which objects.  All slabs of a node are walked under its list lock.  An
 *    object is free if it carries its key (slabs.c).  Where the key lies in
 *    the object itself a caller may by chance have written the same 48 bits
 *    there; such an object is left out.
 * 2. Nothing is printed or allocated under the lock: what is found goes to a
 *    table of the caller's and is told afterwards.
 * 3. Validation beside allocations.  Objects on a slab's free list are nobody
 *    else's while the lock is held, and must be as they were when freed.  Of
 *    others the red zones may just be changing from one value to the other,
 *    so that either is right.
 */
#include <quire/errno.h>
#include <quire/port.h>
#include <quire/printk.h>
#include <quire/string.h>

#include "mm/slab/slab_internal.h"

/* As many objects as a report names. */
#define NR_NAMED 16

typedef void (*slab_fn)(struct kmem_cache *s, struct page *slab, void *arg);

static void for_each_slab(struct kmem_cache *s, slab_fn fn, void *arg)
{
	struct kmem_cache_node *n;
	unsigned long flags;
	u32 pfn;

	for_each_node_of(s, n) {
		spin_lock_irqsave(&n->list_lock, flags);
		page_list_for_each(pfn, &n->partial)
			fn(s, pfn_to_page(pfn), arg);
		page_list_for_each(pfn, &n->full)
			fn(s, pfn_to_page(pfn), arg);
		page_list_for_each(pfn, &n->empty)
			fn(s, pfn_to_page(pfn), arg);
		page_list_for_each(pfn, &n->leaving_next)
			fn(s, pfn_to_page(pfn), arg);
		page_list_for_each(pfn, &n->leaving)
			fn(s, pfn_to_page(pfn), arg);
		spin_unlock_irqrestore(&n->list_lock, flags);
	}
}

static bool looks_free(const struct kmem_cache *s, const void *obj)
{
	return (READ_ONCE(*slab_word(s, obj)) ^ slab_key(s, obj)) <
	       SLAB_KEY_SLACK;
}

/* ---- leaked objects ---- */

struct named {
	unsigned int nr;
	const void *objs[NR_NAMED];
};

static void name_used(struct kmem_cache *s, struct page *slab, void *arg)
{
	struct named *named = arg;

	for (unsigned int i = 0; i < slab_objects(slab); i++) {
		void *obj = slab_object(s, slab, i);

		if (!looks_free(s, obj) && named->nr < NR_NAMED)
			named->objs[named->nr++] = obj;
	}
}

void slab_report_used(struct kmem_cache *s)
{
	struct named named = {0};

	for_each_slab(s, name_used, &named);
	for (unsigned int i = 0; i < named.nr; i++) {
		printk("  object %p\n", named.objs[i]);
		slab_print_users(s, named.objs[i]);
	}
	if (named.nr == NR_NAMED)
		printk("  and perhaps more\n");
}

/* ---- who allocated what is in use ---- */

struct callers {
	struct kmem_cache_caller *table;
	unsigned int nr, max;
	enum track_item item;
	u64 now_ns;
};

static void count_caller(struct callers *c, const struct slab_track *t, int nid)
{
	u64 age = c->now_ns > t->time_ns ? c->now_ns - t->time_ns : 0;
	struct kmem_cache_caller *e = c->table;

	while (e < c->table + c->nr && e->caller != t->caller)
		e++;
	if (e == c->table + c->nr) {
		if (c->nr == c->max)
			return;
		c->nr++;
		*e = (struct kmem_cache_caller){.caller = t->caller,
						.min_age_ns = age};
	}
	e->nr_objects++;
	e->min_age_ns = min(e->min_age_ns, age);
	e->max_age_ns = max(e->max_age_ns, age);
	e->sum_age_ns += age;
	e->cpus |= 1ULL << t->cpu;
	e->nodes |= 1ULL << nid;
}

static void count_callers(struct kmem_cache *s, struct page *slab, void *arg)
{
	struct callers *c = arg;

	for (unsigned int i = 0; i < slab_objects(slab); i++) {
		void *obj = slab_object(s, slab, i);
		const struct slab_track *t = slab_track_of(s, obj, c->item);

		if (!looks_free(s, obj) && t->caller)
			count_caller(c, t, page_to_nid(slab));
	}
}

static int most_first(const void *a, const void *b)
{
	unsigned long na = ((const struct kmem_cache_caller *)a)->nr_objects;
	unsigned long nb = ((const struct kmem_cache_caller *)b)->nr_objects;

	return na < nb ? 1 : na > nb ? -1 : 0;
}

int kmem_cache_callers(struct kmem_cache *s, bool freed,
		       struct kmem_cache_caller *callers, unsigned int max)
{
	struct callers c = {
		.table = callers,
		.max = max,
		.item = freed ? TRACK_FREE : TRACK_ALLOC,
		.now_ns = port->time_ns(),
	};

	if (!(s->flags & SLAB_STORE_USER))
		return -ENOSYS;
	for_each_slab(s, count_callers, &c);
	sort(callers, c.nr, sizeof(*callers), most_first);
	return (int)c.nr;
}

/* ---- validation ---- */

struct verdicts {
	unsigned long nr_bad;
	unsigned int nr_named;
	struct {
		const void *obj;
		const char *what;
	} named[NR_NAMED];
};

static void add_verdict(struct verdicts *v, const void *obj, const char *what)
{
	if (!what)
		return;
	v->nr_bad++;
	if (v->nr_named == NR_NAMED)
		return;
	v->named[v->nr_named].obj = obj;
	v->named[v->nr_named++].what = what;
}

static void check_slab(struct kmem_cache *s, struct page *slab, void *arg)
{
	unsigned int nr = slab_objects(slab), index = slab_first_free(slab);
	struct verdicts *v = arg;

	for (unsigned int i = 0; i < nr && index != SLAB_NIL; i++) {
		void *obj = slab_object(s, slab, index);
		unsigned long next = *slab_word(s, obj) ^ slab_key(s, obj);

		if (next >= nr && next != SLAB_NIL) {
			add_verdict(v, obj, "written to while free");
			break;
		}
		add_verdict(v, obj, slab_debug_fault(s, obj, true));
		index = (unsigned int)next;
	}
	for (unsigned int i = 0; i < nr; i++) {
		void *obj = slab_object(s, slab, i);

		if (!looks_free(s, obj))
			add_verdict(v, obj, slab_debug_fault(s, obj, false));
	}
}

unsigned long kmem_cache_validate(struct kmem_cache *s)
{
	struct verdicts v = {0};

	for_each_slab(s, check_slab, &v);
	for (unsigned int i = 0; i < v.nr_named; i++)
		slab_report(s, v.named[i].obj, v.named[i].what, NULL);
	return v.nr_bad;
}
