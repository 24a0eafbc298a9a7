/* SPDX-License-Identifier: MIT */
/*
 * vmap_area.c - gives out ranges of the kernel's virtual addresses.
 *
 * 1. Idea.  One tree, by address, of all ranges in use.  Each carries the free
 *    gap before it, and the largest gap of its subtree, so that the lowest gap
 *    that is large enough is found on one path from the root.  An area without
 *    size stands at VMALLOC_END: its gap is the free space at the end, which
 *    makes the end no special case.
 *
 *       VMALLOC_START                                    VMALLOC_END
 *       |  gap  [ area |g]  gap  [ area |g][ lazy |g]   gap   (end)
 *                       guard page
 *
 * 2. Lazy freeing.  Flushing the TLBs of all processors costs more than the
 *    rest of a vfree(), and a stale translation of a freed range harms only
 *    who uses memory after freeing it.  So freed areas stay in the tree, and
 *    when there are LAZY_MAX_AREAS of them, or LAZY_MAX_BYTES, or when no gap
 *    is found, one flush serves all.
 * 3. Invariants, checked by vmap_area_validate() and named in the tests.
 *    V1  areas do not overlap and lie between VMALLOC_START and VMALLOC_END
 *    V2  gap is exactly what is free between the predecessor and the area
 *    V3  max_gap is the largest gap of the subtree
 *    V4  nr_lazy and lazy_bytes count the lazy areas waiting for a purge
 *    V5  exactly the pages of an area in use are in the page tables
 *    V6  nothing is mapped in gaps, guard pages and areas that were cleared
 * 4. Locking.  vmap_state.lock guards the tree and the lists, with interrupts off:
 *    vfree_atomic() withdraws areas in any context.  purge_mutex lets one
 *    purge run at a time, so that who finds no gap waits for the one that is
 *    already flushing; no spinlock is held while TLBs are flushed.
 * 5. Failure.  Only making an area fails, and then nothing has changed.
 */
#include "mm/vmalloc/vmap_area.h"

#include <quire/errno.h>
#include <quire/pgtable.h>
#include <quire/port.h>
#include <quire/printk.h>
#include <quire/rwsem.h>
#include <quire/slab.h>
#include <quire/spinlock.h>

/* 128 descriptors are 16 KiB; 32 MiB of addresses is Linux's choice. */
#define LAZY_MAX_AREAS 128
#define LAZY_MAX_BYTES (32UL << 20)

static struct {
	spinlock_t lock;
	struct rb_root root;
	struct list_head lazy;
	unsigned int nr_lazy;
	unsigned long lazy_bytes;
	struct list_head deferred;
	u64 nr_purges, nr_purged;
	struct mutex purge_mutex;
	struct kmem_cache *cache;
	struct vmap_area end;
} vmap_state;

static struct vmap_area *to_area(const struct rb_node *node)
{
	return rb_entry(node, struct vmap_area, rb);
}

static bool update_max_gap(struct rb_node *node)
{
	struct vmap_area *va = to_area(node);
	unsigned long max_gap = va->gap;
	bool changed;

	if (node->rb_left)
		max_gap = max(max_gap, to_area(node->rb_left)->max_gap);
	if (node->rb_right)
		max_gap = max(max_gap, to_area(node->rb_right)->max_gap);
	changed = max_gap != va->max_gap;
	va->max_gap = max_gap;
	return changed;
}

static void set_gap(struct vmap_area *va, unsigned long gap)
{
	va->gap = gap;
	rb_propagate(&va->rb, update_max_gap);
}

/* The lowest area with a gap of at least size before it, or NULL. */
static struct vmap_area *find_gap(unsigned long size)
{
	struct rb_node *node = vmap_state.root.rb_node; /* never empty */

	lockdep_assert_held(&vmap_state.lock);
	if (to_area(node)->max_gap < size)
		return NULL;
	for (;;) {
		if (node->rb_left && to_area(node->rb_left)->max_gap >= size)
			node = node->rb_left;
		else if (to_area(node)->gap >= size)
			return to_area(node);
		else
			node = node->rb_right;
	}
}

/* Put an area right before next, in the tree and in its gap. */
static void insert_before(struct vmap_area *va, struct vmap_area *next)
{
	unsigned long gap_start = next->start - next->gap;
	struct rb_node *parent = &next->rb, **link = &next->rb.rb_left;

	while (*link) {
		parent = *link;
		link = &parent->rb_right;
	}
	va->gap = va->max_gap = va->start - gap_start;
	rb_link_node(&va->rb, parent, link);
	rb_insert_augmented(&va->rb, &vmap_state.root, update_max_gap);
	set_gap(next, next->start - va->end);
}

static void erase(struct vmap_area *va)
{
	struct vmap_area *next = to_area(rb_next(&va->rb));
	unsigned long gap = next->gap + (va->end - va->start) + va->gap;

	lockdep_assert_held(&vmap_state.lock);
	rb_erase_augmented(&va->rb, &vmap_state.root, update_max_gap);
	set_gap(next, gap);
}

static bool place(struct vmap_area *va, unsigned long size, unsigned long align)
{
	/* A gap of this size holds the range wherever it begins. */
	unsigned long wanted = size + align - PAGE_SIZE, flags;
	struct vmap_area *next;

	spin_lock_irqsave(&vmap_state.lock, flags);
	next = find_gap(wanted);
	if (next) {
		va->start = ALIGN(next->start - next->gap, align);
		va->end = va->start + size;
		insert_before(va, next);
	}
	spin_unlock_irqrestore(&vmap_state.lock, flags);
	return next != NULL;
}

struct vmap_area *vmap_area_alloc(unsigned long size, unsigned long align,
				  enum vmap_kind kind, const void *caller)
{
	struct vmap_area *va;

	if (!size || size > VMALLOC_END - VMALLOC_START - PAGE_SIZE)
		return NULL;
	va = kmem_cache_zalloc(vmap_state.cache, GFP_KERNEL);
	if (!va)
		return NULL;
	va->kind = kind;
	va->caller = caller;
	size += PAGE_SIZE;
	if (likely(place(va, size, align)))
		return va;
	vm_unmap_aliases();
	if (place(va, size, align))
		return va;
	kmem_cache_free(vmap_state.cache, va);
	return NULL;
}

void vmap_area_free(struct vmap_area *va)
{
	unsigned long flags;

	spin_lock_irqsave(&vmap_state.lock, flags);
	erase(va);
	spin_unlock_irqrestore(&vmap_state.lock, flags);
	kmem_cache_free(vmap_state.cache, va);
}

/* ---- areas at given distances ---- */

/* The area at addr or the next one above it; never NULL. */
static struct vmap_area *find_from(unsigned long addr)
{
	struct rb_node *node = vmap_state.root.rb_node;
	struct vmap_area *found = &vmap_state.end;

	lockdep_assert_held(&vmap_state.lock);
	while (node) {
		struct vmap_area *va = to_area(node);

		if (va->end > addr) {
			found = va;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

/* The lowest base from at on where all nr areas would be free, or 0. */
static unsigned long find_base(const unsigned long *offsets, unsigned int nr,
			       unsigned long size, unsigned long at)
{
	unsigned int nr_free = 0, k = 0;

	while (nr_free < nr) {
		unsigned long start = at + offsets[k];
		struct vmap_area *va;

		if (start < at || start > VMALLOC_END - size)
			return 0;
		va = find_from(start);
		if (va->start < start + size) {
			/* Only further up can there be room for the k-th. */
			at += va->end - start;
			nr_free = 0;
		} else {
			nr_free++;
			k = (k + 1) % nr;
		}
	}
	return at;
}

static int alloc_descriptors(struct vmap_area **areas, unsigned int nr)
{
	for (unsigned int k = 0; k < nr; k++) {
		areas[k] = kmem_cache_zalloc(vmap_state.cache, GFP_KERNEL);
		if (areas[k])
			continue;
		while (k--)
			kmem_cache_free(vmap_state.cache, areas[k]);
		return -ENOMEM;
	}
	return 0;
}

static bool place_congruent(const unsigned long *offsets, unsigned int nr,
			    unsigned long size, struct vmap_area **areas)
{
	unsigned long base, flags;

	spin_lock_irqsave(&vmap_state.lock, flags);
	base = find_base(offsets, nr, size, VMALLOC_START);
	for (unsigned int k = 0; base && k < nr; k++) {
		struct vmap_area *next = find_from(base + offsets[k]);

		areas[k]->start = base + offsets[k];
		areas[k]->end = areas[k]->start + size;
		insert_before(areas[k], next);
	}
	spin_unlock_irqrestore(&vmap_state.lock, flags);
	return base;
}

int vmap_area_alloc_congruent(const unsigned long *offsets, unsigned int nr,
			      unsigned long size, const void *caller,
			      struct vmap_area **areas)
{
	if (alloc_descriptors(areas, nr))
		return -ENOMEM;
	for (unsigned int k = 0; k < nr; k++) {
		areas[k]->kind = VMAP_PERCPU;
		areas[k]->caller = caller;
	}
	if (place_congruent(offsets, nr, size, areas))
		return 0;
	vm_unmap_aliases();
	if (place_congruent(offsets, nr, size, areas))
		return 0;
	for (unsigned int k = 0; k < nr; k++)
		kmem_cache_free(vmap_state.cache, areas[k]);
	return -ENOMEM;
}

/* ---- purging ---- */

/* One flush for all that is lazy now; purge_mutex held. */
static void purge_locked(void)
{
	unsigned long start = VMALLOC_END, end = VMALLOC_START, flags;
	struct vmap_area *va, *next;
	LIST_HEAD(purged);

	spin_lock_irqsave(&vmap_state.lock, flags);
	list_splice_init(&vmap_state.lazy, &purged);
	vmap_state.nr_purged += vmap_state.nr_lazy;
	vmap_state.nr_purges += vmap_state.nr_lazy != 0;
	vmap_state.nr_lazy = 0;
	vmap_state.lazy_bytes = 0;
	spin_unlock_irqrestore(&vmap_state.lock, flags);
	if (list_empty(&purged))
		return;
	list_for_each_entry(va, &purged, lazy_list) {
		start = min(start, va->start);
		end = max(end, va->end);
	}
	port->flush_tlb_range(NULL, start, end, false);
	spin_lock_irqsave(&vmap_state.lock, flags);
	list_for_each_entry(va, &purged, lazy_list)
		erase(va);
	spin_unlock_irqrestore(&vmap_state.lock, flags);
	list_for_each_entry_safe(va, next, &purged, lazy_list)
		kmem_cache_free(vmap_state.cache, va);
}

void vm_unmap_aliases(void)
{
	vfree_deferred();
	mutex_lock(&vmap_state.purge_mutex);
	purge_locked();
	mutex_unlock(&vmap_state.purge_mutex);
}

void vmap_area_free_lazy(struct vmap_area *va)
{
	unsigned long flags;
	bool enough;

	spin_lock_irqsave(&vmap_state.lock, flags);
	va->lazy = true; /* also what failed before it was ever used */
	va->cleared = true;
	list_add_tail(&va->lazy_list, &vmap_state.lazy);
	vmap_state.nr_lazy++;
	vmap_state.lazy_bytes += va->end - va->start;
	enough = vmap_state.nr_lazy >= LAZY_MAX_AREAS ||
		 vmap_state.lazy_bytes >= LAZY_MAX_BYTES;
	spin_unlock_irqrestore(&vmap_state.lock, flags);
	/* Whoever purges already will not leave much behind. */
	if (enough && mutex_trylock(&vmap_state.purge_mutex)) {
		purge_locked();
		mutex_unlock(&vmap_state.purge_mutex);
	}
}

void vmap_area_defer(struct vmap_area *va)
{
	unsigned long flags;

	spin_lock_irqsave(&vmap_state.lock, flags);
	list_add_tail(&va->lazy_list, &vmap_state.deferred);
	spin_unlock_irqrestore(&vmap_state.lock, flags);
}

struct vmap_area *vmap_area_next_deferred(void)
{
	struct vmap_area *va;
	unsigned long flags;

	spin_lock_irqsave(&vmap_state.lock, flags);
	va = list_first_entry_or_null(&vmap_state.deferred, struct vmap_area,
				      lazy_list);
	if (va)
		list_del(&va->lazy_list);
	spin_unlock_irqrestore(&vmap_state.lock, flags);
	return va;
}

/* ---- looking ---- */

static struct vmap_area *find_start(unsigned long addr)
{
	struct rb_node *node = vmap_state.root.rb_node;

	lockdep_assert_held(&vmap_state.lock);
	while (node && to_area(node)->start != addr)
		node = addr < to_area(node)->start ? node->rb_left
						   : node->rb_right;
	return node ? to_area(node) : NULL;
}

static struct vmap_area *find_in_use(unsigned long addr, enum vmap_kind kind)
{
	struct vmap_area *va = find_start(addr);

	if (va && (va == &vmap_state.end || va->lazy || va->kind != kind))
		return NULL;
	return va;
}

struct vmap_area *vmap_area_find(unsigned long addr, enum vmap_kind kind)
{
	struct vmap_area *va;
	unsigned long flags;

	spin_lock_irqsave(&vmap_state.lock, flags);
	va = find_in_use(addr, kind);
	spin_unlock_irqrestore(&vmap_state.lock, flags);
	return va;
}

struct vmap_area *vmap_area_take(unsigned long addr, enum vmap_kind kind)
{
	struct vmap_area *va;
	unsigned long flags;

	spin_lock_irqsave(&vmap_state.lock, flags);
	va = find_in_use(addr, kind);
	if (va)
		va->lazy = true;
	spin_unlock_irqrestore(&vmap_state.lock, flags);
	return va;
}

/* The lock is dropped between areas: a listing may be long. */
void vmap_area_for_each(void (*fn)(const struct vmap_area *va, void *arg),
			void *arg)
{
	unsigned long at = VMALLOC_START, flags;

	while (at != VMALLOC_END) {
		struct vmap_area *va;

		spin_lock_irqsave(&vmap_state.lock, flags);
		va = find_from(at);
		at = va->end;
		if (va != &vmap_state.end && !va->lazy)
			fn(va, arg);
		spin_unlock_irqrestore(&vmap_state.lock, flags);
	}
}

bool vmap_area_has_conflict(const struct vmap_area *va)
{
	phys_addr_t last = va->phys + vmap_area_bytes(va) - 1;
	bool conflict = false;
	struct rb_node *node;
	unsigned long flags;

	spin_lock_irqsave(&vmap_state.lock, flags);
	for (node = rb_first(&vmap_state.root); node && !conflict;
	     node = rb_next(node)) {
		const struct vmap_area *other = to_area(node);

		conflict = other->kind == VMAP_IOREMAP && !other->lazy &&
			   other->prot && other->prot != va->prot &&
			   other->phys <= last &&
			   va->phys < other->phys + vmap_area_bytes(other);
	}
	spin_unlock_irqrestore(&vmap_state.lock, flags);
	return conflict;
}

void vmap_area_report_bad(const char *call, unsigned long addr)
{
	static const char *const kinds[] = {"vmalloc", "vmap", "ioremap",
					    "per-CPU"};
	struct vmap_area area = {0};
	unsigned long flags;

	spin_lock_irqsave(&vmap_state.lock, flags);
	if (addr >= VMALLOC_START && addr < VMALLOC_END)
		area = *find_from(addr);
	spin_unlock_irqrestore(&vmap_state.lock, flags);
	if (area.start > addr || area.start == area.end)
		printk("BUG %s: %p is not the start of such an area: "
		       "nothing is there\n",
		       call, (void *)addr);
	else
		printk("BUG %s: %p is not the start of such an area: "
		       "it is %lu bytes into a %s area%s made by %p\n",
		       call, (void *)addr, addr - area.start, kinds[area.kind],
		       area.lazy ? ", freed already," : "", area.caller);
}

struct vmap_purge_stats vmap_purge_stats(void)
{
	struct vmap_purge_stats stats;
	unsigned long flags;

	spin_lock_irqsave(&vmap_state.lock, flags);
	stats.nr_purges = vmap_state.nr_purges;
	stats.nr_areas = vmap_state.nr_purged;
	spin_unlock_irqrestore(&vmap_state.lock, flags);
	return stats;
}

/* ---- start and checking ---- */

void vmap_area_init(void)
{
	spin_lock_init(&vmap_state.lock, LOCK_RANK_VMAP);
	mutex_init(&vmap_state.purge_mutex);
	INIT_LIST_HEAD(&vmap_state.lazy);
	INIT_LIST_HEAD(&vmap_state.deferred);
	vmap_state.cache = kmem_cache_create(
		"vmap_area", sizeof(struct vmap_area), 0, SLAB_PANIC, NULL);
	vmap_state.end.start = vmap_state.end.end = VMALLOC_END;
	vmap_state.end.gap = vmap_state.end.max_gap =
		VMALLOC_END - VMALLOC_START;
	rb_link_node(&vmap_state.end.rb, NULL, &vmap_state.root.rb_node);
	rb_insert_augmented(&vmap_state.end.rb, &vmap_state.root,
			    update_max_gap);
}

/* What the tables must say of an area: V5, V6. */
static const char *check_entries(const struct vmap_area *va)
{
	const char *why;

	if (va->cleared)
		return vmap_check_unmapped(va->start, va->end);
	/*
	 * Without flags it is being made, with lazy cleared: anything may be
	 * there.  Chunks of per-CPU memory are percpu_validate()'s.
	 */
	if (va->lazy || !smp_load_acquire(&va->flags))
		return NULL;
	why = vmap_check_area(va);
	return why ? why : vmap_check_unmapped(va->end - PAGE_SIZE, va->end);
}

/* V1, V2, V5, V6; what is wrong, and in *at where. */
static const char *check_areas(unsigned long *at)
{
	unsigned long last_end = VMALLOC_START;
	const char *why = NULL;
	struct rb_node *node;

	lockdep_assert_held(&vmap_state.lock);
	for (node = rb_first(&vmap_state.root); node && !why;
	     node = rb_next(node)) {
		const struct vmap_area *va = to_area(node);

		*at = va->start;
		if (va->start < last_end || va->end > VMALLOC_END)
			why = "areas overlap";
		else if (va->gap != va->start - last_end)
			why = "a gap is not what is free";
		else
			why = vmap_check_unmapped(last_end, va->start);
		if (!why && va != &vmap_state.end)
			why = check_entries(va);
		last_end = va->end;
	}
	return why || last_end == VMALLOC_END ? why : "the end is missing";
}

/* V4. */
static const char *check_lazy(unsigned long *at)
{
	unsigned long lazy_bytes = 0;
	const struct vmap_area *va;
	unsigned int nr_lazy = 0;

	list_for_each_entry(va, &vmap_state.lazy, lazy_list) {
		*at = va->start;
		if (!va->lazy || !va->cleared)
			return "an area in use waits for a purge";
		nr_lazy++;
		lazy_bytes += va->end - va->start;
	}
	if (nr_lazy == vmap_state.nr_lazy &&
	    lazy_bytes == vmap_state.lazy_bytes)
		return NULL;
	return "lazy areas are miscounted";
}

void vmap_area_validate(void)
{
	unsigned long at = 0, flags;
	const char *why;

	spin_lock_irqsave(&vmap_state.lock, flags);
	why = check_areas(&at);
	if (!why)
		why = check_lazy(&at);
	rb_validate(&vmap_state.root, update_max_gap); /* V3 */
	spin_unlock_irqrestore(&vmap_state.lock, flags);
	if (why)
		panic("vmalloc: %s at %lx", why, at);
}
