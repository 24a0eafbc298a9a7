/* SPDX-License-Identifier: MIT */
/*
 * depot.c - full magazines in stock, and processors that exchange them.
 *
 * 1. Idea.  A processor has a loaded magazine and, once it needed one, a
 *    second one that is either full or empty.  When the loaded one is of no
 *    more use (empty and an object is wanted, or full and one comes back), its
 *    objects come from or go to the second; when that is of no use either, it
 *    is exchanged at the processor's depot.  So a burst of any pattern goes to the slabs
 *    for what the depot cannot hold only (Bonwick & Adams, "Magazines and
 *    Vmem", USENIX 2001).  Their depot is one for all; here each processor
 *    has its own, so that it meets neither others' lock nor, in its objects,
 *    others' cache lines: the rest of a slab that a processor is served from
 *    goes to its depot, too.  Whose own depot is empty takes from another's
 *    that is full, so that objects which are mostly allocated here and freed
 *    there go round as well.
 *
 *       slot[k] -> loaded -> other        full -> * -> * -> NULL
 *                   some      all or      spare -> * -> NULL    (empty)
 *                             nothing     lock
 *                  processor k - 1         depots[k - 1]
 * 2. Invariants, checked by slab_validate() and named in the tests.
 *    D1  a magazine on the depot's full list has objects, one on the spare
 *        list has none; the counts are those of the lists; at most depot_max are full
 *    D2  what a processor or a depot keeps is an object of this cache, carries
 *        its key is out of its slab; no other magazine has it
 * 3. Locking.  A depot's lock guards its lists; interrupts are off under it,
 *    since a handler may look for an object.  Magazines, and more than one
 *    object at a time, move under it only: who holds it may read the loaded
 *    magazine and whatever is behind it.  The lock is held alone.  Objects are
 *    copied, eight bytes each, so that slot[], which all processors read at
 *    each call, is written once.
 * 4. How much.  depot_max bounds each depot; small machines have none.
 *    kmem_cache_decay(), about once a second, gives back the magazines that
 *    lay there all the time since the last one (the paper's working set), and
 *    direct reclaim gives back all.
 * 5. Failure.  Without memory for one more magazine nothing is exchanged; the
 *    caller gives objects to the slabs instead.
 */
#include <quire/failure.h>
#include <quire/gfp.h>
#include <quire/printk.h>
#include <quire/string.h>

#include "mm/slab/slab_internal.h"

/* A slab's rest goes to a depot if it makes no more magazines than this. */
#define STOCK_MAX 4U

/* Where the processor of this slot keeps its stock. */
static struct magazine_depot *depot_of(const struct kmem_cache *s,
				       unsigned int slot)
{
	return &s->depots[slot - 1];
}

static void push(struct kmem_cache_cpu **stack, struct kmem_cache_cpu *m)
{
	WRITE_ONCE(m->other, *stack);
	*stack = m;
}

static struct kmem_cache_cpu *pop(struct kmem_cache_cpu **stack)
{
	struct kmem_cache_cpu *m = *stack;

	if (m) {
		*stack = m->other;
		WRITE_ONCE(m->other, NULL);
	}
	return m;
}

static struct kmem_cache_cpu *pop_full_locked(struct magazine_depot *d)
{
	struct kmem_cache_cpu *m = pop(&d->full);

	lockdep_assert_held(&d->lock);
	if (m) {
		WRITE_ONCE(d->nr_full, d->nr_full - 1);
		d->least_full = min(d->least_full, d->nr_full);
	}
	return m;
}

static void push_full_locked(struct magazine_depot *d, struct kmem_cache_cpu *m)
{
	lockdep_assert_held(&d->lock);
	push(&d->full, m);
	WRITE_ONCE(d->nr_full, d->nr_full + 1);
}

static void push_spare_locked(struct magazine_depot *d,
			      struct kmem_cache_cpu *m)
{
	lockdep_assert_held(&d->lock);
	push(&d->spare, m);
	WRITE_ONCE(d->nr_spare, d->nr_spare + 1);
}

static struct kmem_cache_cpu *pop_spare_locked(struct magazine_depot *d)
{
	struct kmem_cache_cpu *m = pop(&d->spare);

	lockdep_assert_held(&d->lock);
	if (m)
		WRITE_ONCE(d->nr_spare, d->nr_spare - 1);
	return m;
}

struct kmem_cache_cpu *magazine_new(const struct kmem_cache *s)
{
	struct kmem_cache_cpu *m;

	failure_pause();
	m = slab_alloc_direct(slab_state.magazine_cache, GFP_NOWAIT,
			      NUMA_NO_NODE, __builtin_return_address(0));
	failure_resume();
	if (m) {
		m->avail = 0;
		m->capacity = s->capacity;
		m->other = NULL;
	}
	return m;
}

static void magazine_free(struct kmem_cache_cpu *m)
{
	kmem_cache_free(slab_state.magazine_cache, m);
}

/* ---- exchanges, by the slot's processor ---- */

/* A full magazine from another processor's full depot; NULL: none is. */
static struct kmem_cache_cpu *take_from_others(struct kmem_cache *s,
					       unsigned int slot)
{
	for_each_slot(i) {
		struct magazine_depot *d = depot_of(s, i);
		struct kmem_cache_cpu *full;
		unsigned long flags;

		if (i == slot || READ_ONCE(d->nr_full) < s->depot_max)
			continue;
		spin_lock_irqsave(&d->lock, flags);
		full = pop_full_locked(d);
		spin_unlock_irqrestore(&d->lock, flags);
		if (full)
			return full;
	}
	return NULL;
}

/* All objects of one to the other, which is empty; the depot's lock is held. */
static void move_objects(struct kmem_cache_cpu *to, struct kmem_cache_cpu *from)
{
	memcpy(to->objs, from->objs, from->avail * sizeof(from->objs[0]));
	WRITE_ONCE(to->avail, from->avail);
	WRITE_ONCE(from->avail, 0);
}

static bool has_objects(const struct kmem_cache_cpu *m)
{
	return m && m->avail;
}

bool depot_load(struct kmem_cache *s, unsigned int slot)
{
	struct magazine_depot *d = depot_of(s, slot);
	struct kmem_cache_cpu *c = s->slot[slot], *full = NULL;
	unsigned long flags;

	if (!has_objects(c->other) && !READ_ONCE(d->nr_full)) {
		full = take_from_others(s, slot);
		if (!full)
			return false;
	}
	spin_lock_irqsave(&d->lock, flags);
	if (has_objects(c->other)) {
		move_objects(c, c->other);
		goto out;
	}
	if (!full)
		full = pop_full_locked(d);
	if (!full)
		goto out; /* another processor took the last one */
	move_objects(c, full);
	if (c->other)
		push_spare_locked(d, full);
	else
		WRITE_ONCE(c->other, full);
out:
	spin_unlock_irqrestore(&d->lock, flags);
	return c->avail;
}

bool depot_unload(struct kmem_cache *s, unsigned int slot)
{
	struct magazine_depot *d = depot_of(s, slot);
	struct kmem_cache_cpu *c = s->slot[slot], *other = c->other;
	struct kmem_cache_cpu *fresh = NULL;
	unsigned long flags;

	/* Nobody else adds to this depot. */
	if (has_objects(other) && READ_ONCE(d->nr_full) >= s->depot_max) {
		slab_give(s, (unsigned int)other->avail, other->objs);
		WRITE_ONCE(other->avail, 0);
	}
	if ((!other || other->avail) && !READ_ONCE(d->nr_spare)) {
		fresh = magazine_new(s);
		if (!fresh)
			return false;
	}
	spin_lock_irqsave(&d->lock, flags);
	if (has_objects(other)) {
		push_full_locked(d, other);
		other = NULL;
	}
	if (!other)
		other = fresh ? fresh : pop_spare_locked(d);
	WRITE_ONCE(c->other, other);
	if (other)
		move_objects(other, c);
	spin_unlock_irqrestore(&d->lock, flags);
	return other;
}

void depot_stock(struct kmem_cache *s, unsigned int slot, struct page *slab)
{
	struct magazine_depot *d = depot_of(s, slot);
	unsigned int most = STOCK_MAX * s->capacity;
	struct kmem_cache_cpu *m = NULL;
	unsigned long flags;

	while (slab_objects(slab) - slab_out(slab) <= most &&
	       slab_first_free(slab) != SLAB_NIL &&
	       READ_ONCE(d->nr_full) < s->depot_max) {
		m = magazine_new(s);
		if (!m)
			return;
		m->avail = slab_take_more(s, slab, s->capacity, m->objs);
		spin_lock_irqsave(&d->lock, flags);
		if (m->avail)
			push_full_locked(d, m);
		else
			push_spare_locked(d, m);
		spin_unlock_irqrestore(&d->lock, flags);
	}
}

/* ---- giving back ---- */

/* Up to nr full magazines, and the spare ones; the pages that became free. */
static unsigned long drain(struct kmem_cache *s, struct magazine_depot *d,
			   unsigned int nr)
{
	unsigned long nr_pages = 0;

	while (READ_ONCE(d->nr_full) || READ_ONCE(d->nr_spare)) {
		struct kmem_cache_cpu *m = NULL;
		unsigned long flags;

		spin_lock_irqsave(&d->lock, flags);
		if (nr) {
			nr--;
			m = pop_full_locked(d);
		}
		if (!m)
			m = pop_spare_locked(d);
		spin_unlock_irqrestore(&d->lock, flags);
		if (!m)
			break;
		nr_pages += slab_give(s, (unsigned int)m->avail, m->objs);
		magazine_free(m);
	}
	return nr_pages;
}

unsigned long slab_drain_depots(struct kmem_cache *s)
{
	unsigned long nr_pages = 0;

	if (s->depots)
		for_each_slot(i)
			nr_pages += drain(s, depot_of(s, i), ~0U);
	return nr_pages;
}

/* What the processor did not need since the last call. */
static void decay(struct kmem_cache *s, struct magazine_depot *d)
{
	unsigned int idle = READ_ONCE(d->least_full);
	unsigned long flags;

	if (idle || (READ_ONCE(d->nr_spare) && !READ_ONCE(d->nr_full)))
		drain(s, d, idle);
	spin_lock_irqsave(&d->lock, flags);
	d->least_full = d->nr_full;
	spin_unlock_irqrestore(&d->lock, flags);
}

void kmem_cache_decay(void)
{
	unsigned int slot = smp_processor_id() + 1;
	struct kmem_cache *s;

	spin_lock(&slab_state.lock);
	list_for_each_entry(s, &slab_state.caches, list)
		if (s->depot_max)
			decay(s, depot_of(s, slot));
	spin_unlock(&slab_state.lock);
}

void slab_free_magazines(struct kmem_cache *s)
{
	for_each_slot(i) {
		struct kmem_cache_cpu *c = s->slot[i];

		if (c == &no_magazine)
			continue;
		WRITE_ONCE(s->slot[i], &no_magazine);
		if (c->other)
			magazine_free(c->other);
		magazine_free(c);
	}
}

/* ---- looking ---- */

/*
 * Calls fn for each magazine of the cache with objects for callers, with its
 * depot's lock held: only processors' own calls change it meanwhile.
 */
void slab_for_each_magazine(struct kmem_cache *s, magazine_fn fn, void *arg)
{
	if (!s->depots)
		return;
	for_each_slot(i) {
		struct magazine_depot *d = depot_of(s, i);
		struct kmem_cache_cpu *c;
		unsigned long flags;

		spin_lock_irqsave(&d->lock, flags);
		c = smp_load_acquire(&s->slot[i]);
		fn(s, c, arg);
		c = READ_ONCE(c->other);
		if (c)
			fn(s, c, arg);
		for (c = d->full; c; c = c->other)
			fn(s, c, arg);
		spin_unlock_irqrestore(&d->lock, flags);
	}
}

static void validate_kept(struct kmem_cache *s, struct kmem_cache_cpu *c,
			  void *arg)
{
	(void)s;
	(void)arg;
	BUG_ON(READ_ONCE(c->avail) > c->capacity);
}

/* D1, D2 */
static void validate_depot(struct kmem_cache *s, struct magazine_depot *d)
{
	unsigned int nr_full = 0, nr_spare = 0;
	struct kmem_cache_cpu *m;
	unsigned long flags;

	spin_lock_irqsave(&d->lock, flags);
	for (m = d->full; m; m = m->other) {
		BUG_ON(!m->avail || m->avail > s->capacity); /* D1 */
		for (unsigned int i = 0; i < m->avail; i++) {
			struct page *page = virt_to_page(m->objs[i]);

			BUG_ON(!PageSlab(page) || page->slab_cache != s);
			BUG_ON(!slab_out(slab_head(page))); /* D2 */
		}
		nr_full++;
	}
	for (m = d->spare; m; m = m->other) {
		BUG_ON(m->avail || m->capacity != s->capacity); /* D1 */
		nr_spare++;
	}
	BUG_ON(nr_full != d->nr_full || nr_full > s->depot_max);
	BUG_ON(nr_spare != d->nr_spare);
	BUG_ON(d->least_full > nr_full);
	spin_unlock_irqrestore(&d->lock, flags);
}

void slab_depots_validate(struct kmem_cache *s)
{
	slab_for_each_magazine(s, validate_kept, NULL);
	if (s->depots)
		for_each_slot(i)
			validate_depot(s, depot_of(s, i));
}
