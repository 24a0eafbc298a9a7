/* SPDX-License-Identifier: MIT */
/*
 * slabs.c - slabs: runs of frames cut into objects, and a node's lists of them.
 *
 * 1. Idea.  A free object carries one word: its key (the cache's secret xor
 *    its address) xor the index of the next free object of its slab.  So the
 *    list links are 16 bits, cannot lead out of the slab whatever a stray
 *    write puts there, tell nothing without the secret, and the upper 48 bits
 *    say "free" at no further cost.  A new slab's list runs through it from a
 *    random place with a random stride.
 * 2. Invariants, checked by slab_validate() and named in the tests.
 *    S1  objects out + objects on the free list == objects of the slab
 *    S2  every link is below the slab's number of objects, or SLAB_NIL
 *    S3  a slab is on the empty list if nothing is out, on the full list if
 *        its free list is empty, else on the partial list
 *    S4  nr_slabs, nr_objects and nr_out are the sums over the three lists
 *    S5  the empty list holds at most max_empty slabs
 *    S6  only a SLAB_TYPESAFE_BY_RCU cache has slabs that are leaving, and all
 *        of those are empty
 * 3. Locking.  list_lock guards a node's lists and all slabs of the node for
 *    this cache; interrupts are off under it, since handlers come here too.
 *    Frames are allocated and freed, and errors reported, outside it.
 * 4. Failure.  A corrupt list is cut off where it is wrong and the rest of
 *    the slab's free objects are given up; a corrupt object stays out.  Both
 *    are counted as contained, and the slab is never given back.
 */
#include <quire/failure.h>
#include <quire/gfp.h>
#include <quire/port.h>
#include <quire/printk.h>
#include <quire/rcu.h>
#include <quire/vmstat.h>

#include "mm/slab/slab_internal.h"

/* Longest time with interrupts off: this many objects. */
#define GIVE_BATCH 32

static enum node_stat slab_stat(const struct kmem_cache *s)
{
	return s->flags & SLAB_RECLAIM_ACCOUNT ? NST_nr_slab_reclaimable
					       : NST_nr_slab_unreclaimable;
}

static struct kmem_cache_node *slab_node(const struct kmem_cache *s,
					 const struct page *slab)
{
	return &s->nodes[page_to_nid(slab)];
}

/* Where to look for slabs: the node itself, or who lends it memory. */
static int home_node(int nid, gfp_t gfp)
{
	if (nid == NUMA_NO_NODE)
		nid = numa_node_id();
	return gfp & __GFP_THISNODE ? nid : local_memory_node(nid);
}

static struct page_list *list_of(struct kmem_cache_node *n,
				 const struct page *slab)
{
	if (!slab_out(slab))
		return &n->empty;
	return slab_first_free(slab) == SLAB_NIL ? &n->full : &n->partial;
}

/* ---- frames ---- */

static unsigned int gcd(unsigned int a, unsigned int b)
{
	while (b) {
		unsigned int rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* Link all objects of a new slab, each of which is visited once. */
static void build_free_list(struct kmem_cache *s, struct page *slab)
{
	unsigned int nr = slab_objects(slab);
	u64 random = port->random();
	unsigned int index = (u32)random % nr;
	unsigned int stride = (u32)(random >> 32) % nr;

	while (gcd(nr, stride) != 1)
		stride = stride + 1 < nr ? stride + 1 : 1;
	slab_set_counts(slab, 0, index);
	for (unsigned int i = 0; i < nr; i++) {
		unsigned int next = index + stride;
		void *obj = slab_object(s, slab, index);

		if (next >= nr)
			next -= nr;
		if (s->flags & SLAB_DEBUG_FLAGS)
			slab_debug_init(s, obj);
		if (s->ctor)
			s->ctor(obj);
		*slab_word(s, obj) =
			slab_key(s, obj) ^ (i + 1 < nr ? next : SLAB_NIL);
		index = next;
	}
}

static struct page *alloc_slab_frames(struct kmem_cache *s, gfp_t gfp, int nid,
				      unsigned int *order)
{
	struct page *page;

	gfp = (gfp | s->allocflags) & ~(__GFP_ZERO | __GFP_RECLAIMABLE);
	if (s->flags & SLAB_RECLAIM_ACCOUNT)
		gfp |= __GFP_RECLAIMABLE;
	if (WARN_ON_ONCE(gfp & (__GFP_HIGHMEM | __GFP_MOVABLE | __GFP_DMA32)))
		gfp &= ~(__GFP_HIGHMEM | __GFP_MOVABLE | __GFP_DMA32);

	*order = s->order;
	if (s->order > s->min_order) {
		/* One light attempt: the smallest slab will do as well. */
		failure_pause();
		page = alloc_pages_node(
			nid,
			(gfp | __GFP_NOWARN | __GFP_NORETRY) &
				~(__GFP_NOFAIL | __GFP_DIRECT_RECLAIM),
			s->order);
		failure_resume();
		if (page)
			return page;
		*order = s->min_order;
	}
	return alloc_pages_node(nid, gfp, *order);
}

/* A slab of free objects that is on no list; NULL: no memory. */
struct page *slab_new(struct kmem_cache *s, gfp_t gfp, int nid)
{
	unsigned int order;
	struct page *slab = alloc_slab_frames(s, gfp, nid, &order);

	if (!slab)
		return NULL;
	slab->private = order << 16 | slab_objects_for(s, order);
	for (unsigned int i = 0; i < 1U << order; i++) {
		slab[i].slab_cache = s;
		slab[i].slab_counts = SLAB_NIL << 16 | i;
		SetPageSlab(&slab[i]);
	}
	build_free_list(s, slab);
	mod_page_stat(slab, slab_stat(s), 1L << order);
	return slab;
}

static void free_slab_frames(struct kmem_cache *s, struct page *slab)
{
	unsigned int order = slab_order(slab);

	for (unsigned int i = 0; i < 1U << order; i++) {
		ClearPageSlab(&slab[i]);
		slab[i].mapping_index = 0;
		page_mapcount_reset(&slab[i]);
	}
	slab->private = 0;
	mod_page_stat(slab, slab_stat(s), -(1L << order));
	__free_pages(slab, order);
}

/* Add to or (sign -1) take from the node what a slab counts for (S4). */
static void account(struct kmem_cache_node *n, const struct page *slab,
		    int sign)
{
	n->nr_slabs += (u32)sign;
	n->nr_objects += (u64)((s64)slab_objects(slab) * sign);
}

static void detach_all(struct kmem_cache_node *n, struct page_list *list,
		       unsigned int keep, struct page_list *freed)
{
	while (list->nr > keep) {
		struct page *slab = slab_list_first(list);

		page_list_del(list, slab);
		account(n, slab, -1);
		slab_list_add(freed, slab);
	}
}

/* Empty slabs above keep begin their wait; those whose wait is over go. */
static void detach_typesafe(struct kmem_cache_node *n, unsigned int keep,
			    struct page_list *freed)
{
	while (n->empty.nr > keep) {
		struct page *slab = slab_list_first(&n->empty);

		page_list_del(&n->empty, slab);
		slab_list_add(&n->leaving_next, slab);
	}
	for (;;) {
		if (n->leaving.nr &&
		    !poll_state_synchronize_rcu(n->grace_cookie))
			break;
		detach_all(n, &n->leaving, 0, freed);
		if (!n->leaving_next.nr)
			break;
		n->leaving = n->leaving_next;
		page_list_init(&n->leaving_next);
		n->grace_cookie = start_poll_synchronize_rcu();
	}
}

/* Move empty slabs above keep to the caller's list. */
static void detach_empty(struct kmem_cache *s, struct kmem_cache_node *n,
			 unsigned int keep, struct page_list *freed)
{
	lockdep_assert_held(&n->list_lock);
	if (unlikely(s->flags & SLAB_TYPESAFE_BY_RCU))
		detach_typesafe(n, keep, freed);
	else
		detach_all(n, &n->empty, keep, freed);
}

static unsigned long free_detached(struct kmem_cache *s,
				   struct page_list *freed)
{
	unsigned long nr_pages = 0;
	struct page *slab;

	while ((slab = slab_list_first(freed))) {
		page_list_del(freed, slab);
		nr_pages += 1UL << slab_order(slab);
		free_slab_frames(s, slab);
	}
	return nr_pages;
}

unsigned long slab_release_empty(struct kmem_cache *s, unsigned int keep)
{
	unsigned long nr_pages = 0;
	struct kmem_cache_node *n;

	for_each_node_of(s, n) {
		struct page_list freed;
		unsigned long flags;

		page_list_init(&freed);
		spin_lock_irqsave(&n->list_lock, flags);
		detach_empty(s, n, keep, &freed);
		spin_unlock_irqrestore(&n->list_lock, flags);
		nr_pages += free_detached(s, &freed);
	}
	return nr_pages;
}

/* ---- taking ---- */

/* The number of objects given up because the list was wrong, in *nr_bad. */
static unsigned int take_from_slab(struct kmem_cache *s, struct page *slab,
				   unsigned int want, void **objs,
				   unsigned int *nr_bad)
{
	unsigned int nr = slab_objects(slab), out = slab_out(slab);
	unsigned int index = slab_first_free(slab), got = 0;
	char *base = slab_object(s, slab, 0);

	while (got < want && index != SLAB_NIL) {
		void *obj = base + (size_t)index * s->size;
		unsigned long next = *slab_word(s, obj) ^ slab_key(s, obj);

		/* S2, and S1: the last free object ends the list. */
		if (unlikely((next >= nr && next != SLAB_NIL) ||
			     (next == SLAB_NIL) != (out + 1 == nr))) {
			*nr_bad += nr - out;
			out = nr;
			index = SLAB_NIL;
			break;
		}
		objs[got++] = obj;
		out++;
		index = (unsigned int)next;
	}
	slab_set_counts(slab, out, index);
	return got;
}

/* A slab with free objects and the list it is on; NULL: none. */
static struct page *find_slab(struct kmem_cache_node *n,
			      struct page_list **from)
{
	struct page_list *const lists[] = {&n->partial, &n->empty,
					   &n->leaving_next, &n->leaving};

	for (unsigned int i = 0; i < ARRAY_SIZE(lists); i++) {
		*from = lists[i];
		if (!page_list_empty(lists[i]))
			return slab_list_first(lists[i]);
	}
	return NULL;
}

static unsigned int take_locked(struct kmem_cache *s, struct kmem_cache_node *n,
				unsigned int want, void **objs,
				unsigned int *nr_bad)
{
	unsigned int got = 0, bad_before = *nr_bad;

	lockdep_assert_held(&n->list_lock);
	while (got < want) {
		struct page_list *from;
		struct page *slab = find_slab(n, &from);

		if (!slab)
			break;
		got += take_from_slab(s, slab, want - got, objs + got, nr_bad);
		if (list_of(n, slab) != from) {
			page_list_del(from, slab);
			slab_list_add(list_of(n, slab), slab);
		}
	}
	WRITE_ONCE(n->nr_out, n->nr_out + got + *nr_bad - bad_before);
	return got;
}

static void report_bad_list(struct kmem_cache *s, unsigned int nr_bad)
{
	if (likely(!nr_bad))
		return;
	slab_contain(s, nr_bad);
	slab_report(s, NULL, "free list is corrupt: objects given up", NULL);
}

static unsigned int take_from_node(struct kmem_cache *s,
				   struct kmem_cache_node *n,
				   struct page *fresh, unsigned int want,
				   void **objs)
{
	unsigned int got, nr_bad = 0;
	unsigned long flags;

	spin_lock_irqsave(&n->list_lock, flags);
	if (fresh) {
		account(n, fresh, 1);
		slab_list_add(&n->empty, fresh);
	}
	got = take_locked(s, n, want, objs, &nr_bad);
	spin_unlock_irqrestore(&n->list_lock, flags);
	report_bad_list(s, nr_bad);
	return got;
}

/*
 * Up to want objects, at least one, from the slabs of one node, or where none
 * has a free one from a new slab.  nid NUMA_NO_NODE: this processor's.  0: no
 * memory.  May sleep by gfp.
 */
unsigned int slab_take(struct kmem_cache *s, gfp_t gfp, int nid,
		       unsigned int want, void **objs)
{
	int home = home_node(nid, gfp);
	struct kmem_cache_node *n;
	unsigned int got;
	struct page *slab;

	got = take_from_node(s, &s->nodes[home], NULL, want, objs);
	if (got)
		return got;
	slab = slab_new(s, gfp, nid);
	if (slab)
		return take_from_node(s, slab_node(s, slab), slab, want, objs);
	if (gfp & __GFP_THISNODE)
		return 0;
	for_each_node_of(s, n) {
		got = take_from_node(s, n, NULL, want, objs);
		if (got)
			return got;
	}
	return 0;
}

/*
 * Up to want more objects of a slab, from which the caller has one.  Any
 * context; does not sleep.
 */
unsigned int slab_take_more(struct kmem_cache *s, struct page *slab,
			    unsigned int want, void **objs)
{
	struct kmem_cache_node *n = slab_node(s, slab);
	unsigned int got = 0, nr_bad = 0;
	unsigned long flags;

	spin_lock_irqsave(&n->list_lock, flags);
	if (slab_first_free(slab) != SLAB_NIL) {
		struct page_list *from = list_of(n, slab);

		got = take_from_slab(s, slab, want, objs, &nr_bad);
		WRITE_ONCE(n->nr_out, n->nr_out + got + nr_bad);
		if (list_of(n, slab) != from) {
			page_list_del(from, slab);
			slab_list_add(list_of(n, slab), slab);
		}
	}
	spin_unlock_irqrestore(&n->list_lock, flags);
	report_bad_list(s, nr_bad);
	return got;
}

/* ---- giving ---- */

/* Put one object on its slab's list; false: it is corrupt and stays out. */
static bool give_locked(struct kmem_cache *s, struct kmem_cache_node *n,
			struct page *slab, void *obj)
{
	unsigned int index = slab_index(s, slab, obj);
	unsigned int out = slab_out(slab), first = slab_first_free(slab);
	unsigned long *word = slab_word(s, obj), key = slab_key(s, obj);
	struct page_list *from;

	if (unlikely(index == SLAB_NIL || (*word ^ key) >= SLAB_KEY_SLACK))
		return false;
	*word = key ^ first;
	if (likely(first != SLAB_NIL && out != 1)) {
		slab_set_counts(slab, out - 1, index);
		return true;
	}
	from = list_of(n, slab); /* it leaves the full or the partial list */
	slab_set_counts(slab, out - 1, index);
	page_list_del(from, slab);
	slab_list_add(list_of(n, slab), slab);
	return true;
}

/* The end of a node's share of a batch. */
static void unlock_given(struct kmem_cache *s, struct kmem_cache_node *n,
			 unsigned int nr, struct page_list *freed)
{
	WRITE_ONCE(n->nr_out, n->nr_out - nr);
	detach_empty(s, n, s->max_empty, freed);
	spin_unlock(&n->list_lock);
}

/* Up to GIVE_BATCH objects; the first that is corrupt, or NULL. */
static void *give_some(struct kmem_cache *s, unsigned int nr, void **objs,
		       unsigned int *nr_bad, unsigned long *nr_pages)
{
	struct kmem_cache_node *n = NULL;
	unsigned long flags = local_irq_save();
	unsigned int nr_given = 0;
	void *bad = NULL;
	struct page_list freed;

	page_list_init(&freed);
	for (unsigned int i = 0; i < nr; i++) {
		struct page *slab = slab_head(virt_to_page(objs[i]));

		if (unlikely(n != slab_node(s, slab))) {
			if (n)
				unlock_given(s, n, nr_given, &freed);
			nr_given = 0;
			n = slab_node(s, slab);
			spin_lock(&n->list_lock);
		}
		if (likely(give_locked(s, n, slab, objs[i]))) {
			nr_given++;
			continue;
		}
		bad = bad ? bad : objs[i];
		(*nr_bad)++;
	}
	if (n)
		unlock_given(s, n, nr_given, &freed);
	local_irq_restore(flags);
	*nr_pages += free_detached(s, &freed);
	return bad;
}

/*
 * Give objects of this cache, each marked with its key, back to the slabs; the
 * number of pages that became free.
 */
unsigned long slab_give(struct kmem_cache *s, unsigned int nr, void **objs)
{
	unsigned long nr_pages = 0;

	while (nr) {
		unsigned int batch = min(nr, (unsigned int)GIVE_BATCH);
		unsigned int nr_bad = 0;
		void *bad = give_some(s, batch, objs, &nr_bad, &nr_pages);

		if (unlikely(bad)) {
			slab_contain(s, nr_bad);
			slab_report(s, bad,
				    "written after it was freed, "
				    "or not an object's start",
				    NULL);
		}
		objs += batch;
		nr -= batch;
	}
	return nr_pages;
}

/* Is the object on its slab's free list? */
bool slab_obj_is_free(struct kmem_cache *s, struct page *slab, const void *obj)
{
	struct kmem_cache_node *n = slab_node(s, slab);
	unsigned int wanted = slab_index(s, slab, obj), index;
	unsigned long flags;
	bool found = false;

	spin_lock_irqsave(&n->list_lock, flags);
	index = slab_first_free(slab);
	for (unsigned int i = 0; i < slab_objects(slab) && !found; i++) {
		void *o;

		if (index >= slab_objects(slab))
			break;
		found = index == wanted;
		o = slab_object(s, slab, index);
		index = (unsigned int)(*slab_word(s, o) ^ slab_key(s, o));
	}
	spin_unlock_irqrestore(&n->list_lock, flags);
	return found;
}
