/* SPDX-License-Identifier: MIT */
/*
 * slab_validate.c - checks every invariant of every cache, and counts what is
 * in use.
 *
 * slabs.c numbers the invariants.  The validator walks all slabs under their
 * list locks and may run beside allocations; counts of objects in use are
 * exact only while no other processor is inside the allocator, since what its
 * magazines hold is read without a lock.
 */
#include <quire/printk.h>
#include <quire/slab.h>

#include "mm/slab/slab_internal.h"

/* S1, S2 and what says whose the frames are. */
static void validate_slab(struct kmem_cache *s, struct page *slab)
{
	unsigned int nr = slab_objects(slab), nr_free = 0;
	unsigned int index = slab_first_free(slab);

	for (unsigned int i = 0; i < 1U << slab_order(slab); i++) {
		BUG_ON(!PageSlab(&slab[i]));
		BUG_ON(slab[i].slab_cache != s);
		BUG_ON(slab_head(&slab[i]) != slab);
	}
	while (index != SLAB_NIL) {
		void *obj;

		BUG_ON(index >= nr);
		BUG_ON(++nr_free > nr);
		obj = slab_object(s, slab, index);
		BUG_ON(slab_index(s, slab, obj) != index);
		index = (unsigned int)(*slab_word(s, obj) ^ slab_key(s, obj));
	}
	BUG_ON(slab_out(slab) + nr_free != nr);
}

enum which_list { LIST_EMPTY, LIST_PARTIAL, LIST_FULL };

static enum which_list list_for(const struct page *slab)
{
	if (!slab_out(slab))
		return LIST_EMPTY;
	return slab_first_free(slab) == SLAB_NIL ? LIST_FULL : LIST_PARTIAL;
}

struct node_sums {
	u64 nr_slabs, nr_objects, nr_out;
};

static void validate_list(struct kmem_cache *s, const struct page_list *list,
			  enum which_list which, struct node_sums *sums)
{
	u32 pfn, nr = 0;

	page_list_for_each(pfn, list) {
		struct page *slab = pfn_to_page(pfn);

		validate_slab(s, slab);
		BUG_ON(list_for(slab) != which); /* S3 */
		sums->nr_slabs++;
		sums->nr_objects += slab_objects(slab);
		sums->nr_out += slab_out(slab);
		nr++;
	}
	BUG_ON(nr != list->nr);
}

static void validate_node(struct kmem_cache *s, struct kmem_cache_node *n)
{
	struct node_sums sums = {0, 0, 0};
	unsigned long flags;

	spin_lock_irqsave(&n->list_lock, flags);
	validate_list(s, &n->partial, LIST_PARTIAL, &sums);
	validate_list(s, &n->full, LIST_FULL, &sums);
	validate_list(s, &n->empty, LIST_EMPTY, &sums);
	validate_list(s, &n->leaving_next, LIST_EMPTY, &sums);
	validate_list(s, &n->leaving, LIST_EMPTY, &sums);
	BUG_ON(n->leaving_next.nr + n->leaving.nr &&
	       !(s->flags & SLAB_TYPESAFE_BY_RCU)); /* S6 */
	BUG_ON(sums.nr_slabs != n->nr_slabs);	    /* S4 */
	BUG_ON(sums.nr_objects != n->nr_objects);
	BUG_ON(sums.nr_out != n->nr_out);
	BUG_ON(n->empty.nr > s->max_empty); /* S5 */
	spin_unlock_irqrestore(&n->list_lock, flags);
}

void slab_cache_validate(struct kmem_cache *s)
{
	struct kmem_cache_node *n;

	for_each_node_of(s, n)
		validate_node(s, n);
	slab_depots_validate(s);
}

void slab_validate(void)
{
	struct kmem_cache *s;

	spin_lock(&slab_state.lock);
	list_for_each_entry(s, &slab_state.caches, list)
		slab_cache_validate(s);
	spin_unlock(&slab_state.lock);
}

static void count_kept(struct kmem_cache *s, struct kmem_cache_cpu *c,
		       void *arg)
{
	s64 *nr = arg;

	(void)s;
	*nr -= (s64)READ_ONCE(c->avail);
}

unsigned long kmem_cache_in_use(struct kmem_cache *s)
{
	const struct kmem_cache_node *n;
	s64 nr = -(s64)__atomic_load_n(&s->nr_contained, __ATOMIC_RELAXED);

	for_each_node_of(s, n)
		nr += (s64)READ_ONCE(n->nr_out);
	slab_for_each_magazine(s, count_kept, &nr);
	return nr > 0 ? (unsigned long)nr : 0;
}

static void get_info(struct kmem_cache *s, struct slabinfo *info)
{
	struct kmem_cache_node *n;
	unsigned long flags;

	*info = (struct slabinfo){
		.name = s->name,
		.active_objs = kmem_cache_in_use(s),
		.size_bytes = s->size,
		.objects_per_slab =
			(unsigned int)(PAGE_SIZE << s->order) / s->size,
		.order = s->order,
	};
	for_each_node_of(s, n) {
		spin_lock_irqsave(&n->list_lock, flags);
		info->num_objs += n->nr_objects;
		info->num_slabs += n->nr_slabs;
		info->active_slabs += n->partial.nr + n->full.nr;
		spin_unlock_irqrestore(&n->list_lock, flags);
	}
}

void kmem_cache_for_each_info(void (*fn)(const struct slabinfo *info,
					 void *arg),
			      void *arg)
{
	struct kmem_cache *s;

	spin_lock(&slab_state.lock);
	list_for_each_entry(s, &slab_state.caches, list) {
		struct slabinfo info;

		get_info(s, &info);
		fn(&info, arg);
	}
	spin_unlock(&slab_state.lock);
}

void kmem_cache_leak_baseline(void)
{
	struct kmem_cache *s;

	spin_lock(&slab_state.lock);
	list_for_each_entry(s, &slab_state.caches, list)
		s->baseline = kmem_cache_in_use(s);
	slab_state.large_baseline = READ_ONCE(slab_state.nr_large);
	spin_unlock(&slab_state.lock);
}

unsigned long kmem_cache_report_leaks(void)
{
	unsigned long large = READ_ONCE(slab_state.nr_large);
	unsigned long total = 0;
	struct kmem_cache *s;

	/* Nobody makes or destroys caches now, so that no lock is needed. */
	list_for_each_entry(s, &slab_state.caches, list) {
		unsigned long nr = kmem_cache_in_use(s);

		if (s->internal || nr <= s->baseline)
			continue;
		nr -= s->baseline;
		printk("slab leak: %s: %lu objects of %u bytes\n", s->name, nr,
		       s->object_size);
		total += nr;
	}
	if (large > slab_state.large_baseline) {
		large -= slab_state.large_baseline;
		printk("slab leak: kmalloc: %lu large blocks\n", large);
		total += large;
	}
	return total;
}
