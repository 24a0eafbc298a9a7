/* SPDX-License-Identifier: MIT */
/*
 * cache_list.c - walks the caches, keeps one while somebody looks at it, and
 * tells what it is and holds: what /sys/kernel/slab shows.
 *
 * 1. Keeping.  slab_state.lock guards the list and every cache's nr_pins.  A
 *    destroyed cache leaves the list and gives all its slabs back at once;
 *    only its descriptor and magazines, empty, stay until the last pin is
 *    gone.
 * 2. Walking.  The list is in order of making, newest first, and each cache
 *    has a serial number.  The next one is the first with a smaller number,
 *    whether or not the one before is still there.
 * 3. Names.  A cache that others may share has the name of its kind, such as
 *    ":a-0000104", and the names it was asked for by are links to that; all
 *    others go by their own name.  Two shareable caches of one kind do not
 *    exist, since the second would have shared the first.
 * 4. Names that lead to a shared cache live as long as it does: who destroys
 *    it does not say which name is given up.
 */
#include <quire/errno.h>
#include <quire/printk.h>
#include <quire/string.h>

#include "mm/slab/slab_internal.h"

/* ---- keeping and walking ---- */

/* The first cache made before the one with this number; pinned, or NULL. */
static struct kmem_cache *pin_before(u64 serial)
{
	struct kmem_cache *s, *found = NULL;

	spin_lock(&slab_state.lock);
	list_for_each_entry(s, &slab_state.caches, list) {
		if (s->serial < serial) {
			s->nr_pins++;
			found = s;
			break;
		}
	}
	spin_unlock(&slab_state.lock);
	return found;
}

void kmem_cache_put(struct kmem_cache *s)
{
	bool last;

	if (!s)
		return;
	spin_lock(&slab_state.lock);
	last = --s->nr_pins == 0;
	spin_unlock(&slab_state.lock);
	if (!last)
		return;
	slab_free_magazines(s);
	kmem_cache_free(slab_state.cache_cache, s);
}

struct kmem_cache *kmem_cache_next(struct kmem_cache *prev)
{
	struct kmem_cache *s = pin_before(prev ? prev->serial : ~0ULL);

	kmem_cache_put(prev);
	return s;
}

/* ---- names ---- */

void kmem_cache_id(const struct kmem_cache *s, char *buf, size_t size)
{
	char kind[4];
	size_t n = 0;

	if (!slab_is_shareable(s)) {
		strscpy(buf, s->name, size);
		return;
	}
	if (s->flags & SLAB_CACHE_DMA)
		kind[n++] = 'd';
	if (s->flags & SLAB_RECLAIM_ACCOUNT)
		kind[n++] = 'a';
	if (s->flags & SLAB_ACCOUNT)
		kind[n++] = 'A';
	kind[n] = '\0';
	scnprintf(buf, size, ":%s%s%07u", kind, n ? "-" : "", s->size);
}

bool kmem_cache_link(struct kmem_cache *s, unsigned int n, char *buf,
		     size_t size)
{
	struct slab_alias *alias;
	bool found = false;

	if (!slab_is_shareable(s))
		return false;
	if (n == 0) {
		strscpy(buf, s->name, size);
		return true;
	}
	spin_lock(&slab_state.lock);
	list_for_each_entry(alias, &s->aliases, list) {
		if (--n == 0) {
			strscpy(buf, alias->name, size);
			found = true;
			break;
		}
	}
	spin_unlock(&slab_state.lock);
	return found;
}

/* The list's lock is held.  One more name, unless it is known already. */
bool slab_add_alias_locked(struct kmem_cache *s, struct slab_alias *alias)
{
	struct slab_alias *known;

	lockdep_assert_held(&slab_state.lock);
	if (!strcmp(s->name, alias->name))
		return false;
	list_for_each_entry(known, &s->aliases, list)
		if (!strcmp(known->name, alias->name))
			return false;
	list_add_tail(&alias->list, &s->aliases);
	return true;
}

/* ---- what it is and holds ---- */

/*
 * Free objects in magazines are in no caller's hands.  Their processors take
 * and free them meanwhile without a lock, so that a page may be no slab any
 * more: only its node, which never changes, is asked for.  What partial slabs
 * have given out thus includes what magazines keep of it, and is cut to what
 * is in use at all.
 */
static void subtract_magazine(struct kmem_cache *s, struct kmem_cache_cpu *c,
			      void *arg)
{
	unsigned long avail = READ_ONCE(c->avail);
	struct kmem_cache_state *state = arg;

	(void)s;
	for (unsigned long i = 0; i < avail; i++) {
		struct page *page = virt_to_page(READ_ONCE(c->objs[i]));
		struct kmem_cache_node_state *node =
			&state->node[page_to_nid(page)];

		if (node->in_use)
			node->in_use--;
	}
}

static void get_node_state(struct kmem_cache_node *n,
			   struct kmem_cache_node_state *state)
{
	unsigned long flags;
	u32 pfn;

	spin_lock_irqsave(&n->list_lock, flags);
	state->nr_slabs = n->nr_slabs;
	state->nr_partial = n->partial.nr + n->empty.nr;
	state->nr_objects = n->nr_objects;
	state->in_use = n->nr_out;
	page_list_for_each(pfn, &n->partial)
		state->in_partial += slab_out(pfn_to_page(pfn));
	spin_unlock_irqrestore(&n->list_lock, flags);
}

void kmem_cache_get_state(struct kmem_cache *s, struct kmem_cache_state *state)
{
	*state = (struct kmem_cache_state){
		.flags = s->flags,
		.ctor = s->ctor,
		.object_size = READ_ONCE(s->object_size),
		.size_bytes = s->size,
		.align = s->align,
		.order = s->order,
		.objects_per_slab = slab_objects_for(s, s->order),
		.min_partial = READ_ONCE(s->max_empty),
		.cpu_objects = s->capacity,
	};
	spin_lock(&slab_state.lock);
	state->nr_aliases = s->refcount ? s->refcount - 1 : 0;
	spin_unlock(&slab_state.lock);
	for (int nid = 0; nid < nr_node_ids; nid++)
		get_node_state(&s->nodes[nid], &state->node[nid]);
	slab_for_each_magazine(s, subtract_magazine, state);
	for (int nid = 0; nid < nr_node_ids; nid++)
		state->node[nid].in_partial = min(state->node[nid].in_partial,
						  state->node[nid].in_use);
}

void kmem_cache_set_min_partial(struct kmem_cache *s, unsigned int nr)
{
	/* Under the lock, so that a verifier sees S5 hold. */
	spin_lock(&slab_state.lock);
	WRITE_ONCE(s->max_empty, nr);
	slab_release_empty(s, nr);
	spin_unlock(&slab_state.lock);
}
