/* SPDX-License-Identifier: MIT */
/*
 * anon.c - who may map an anonymous page, through forks of any depth.
 *
 * 1. Idea.  A page is born in one address space, at one place.  Only that
 *    address space and those forked from it later can ever map it, and they
 *    do so at the same place unless mremap moved the area.  So a page needs
 *    to know two things: its space, an object of the address space that it
 *    was born in, and the page number of its birthplace.
 *
 *	page --> space of A         mm A forked B, B forked C
 *	         links: A, B, C     (who may map A's pages)
 *	         space of B
 *	         links: B, C
 *
 *    Every address space is linked to its own space and to those of its
 *    ancestors.  Nothing is kept for an area or a page: mmap, faults and
 *    munmap pay nothing, fork pays one link for each ancestor.
 * 2. An area's shift is the distance from its pages' places to their
 *    birthplaces, in pages; 0 where nothing was moved.  A page's place in an
 *    address space is therefore the area at its birthplace, if that has no
 *    shift, or one of the few areas in mm->anon_moved, a tree by birthplace.
 * 3. Bounds.  A space whose owner has ended and that has fewer than two
 *    children is taken over by the next fork below it.  So each space is
 *    some living address space's or has two children: a chain of processes
 *    that fork and end, however long, keeps the number of links small.
 *    Taking over is right because the heir is linked to the space already,
 *    and all that map the heir's pages are forked from the heir.
 * 4. Invariants, checked by mm_validate().
 *    N1  an anonymous page in mm has a space that mm is linked to
 *    N2  its index is its place plus the area's shift
 *    N3  an area is in anon_moved exactly if its shift is not 0
 *    N4  the links of a space are in the order of the forks: whoever walks
 *        them to empty entries meets the one copied from before the copy
 * 5. Merging.  Linux keeps such objects for areas, and does not merge two
 *    areas with different ones, nor what a fork inherited with what has none.
 *    Programs see that in /proc/PID/maps, so areas have an identity here too
 *    (anon_id), which is only a number: given out at the first anonymous page,
 *    the neighbour's where that fits, a new one after fork.
 * 6. Locking.  root->lock, one for all spaces that descend from one, guards
 *    links, owners and children.  From a page one comes to its space through
 *    a gate: a space is freed after its last page was unmapped and its gate
 *    was passed, so a page that is still mapped with the gate held names a
 *    space that lives; the walker then holds the root.
 * 7. Failure.  Only a new address space may fail, for want of links.
 *
 * Sources: fork(2), mremap(2); for what Linux does: its
 * Documentation/mm/process_addrs.rst, and R. van Riel, "mm: change anon_vma
 * linking to fix multi-process server scalability issue" (2010).
 */
#define interval_node	    anon_rb
#define interval_last	    anon_subtree_last
#define interval_start(vma) (NR_PAGES((vma)->vm_start) + (vma)->anon_shift)
#include "mm/aspace/interval.h"

#include "mm/aspace/anon.h"

#define NR_GATES 16

static struct {
	struct kmem_cache *space_cachep, *link_cachep;
	spinlock_t gates[NR_GATES];
} anon;

void anon_init(void)
{
	anon.space_cachep = KMEM_CACHE(anon_space, SLAB_PANIC);
	anon.link_cachep = KMEM_CACHE(anon_link, SLAB_PANIC);
	for (unsigned int i = 0; i < NR_GATES; i++)
		spin_lock_init(&anon.gates[i], LOCK_RANK_ANON_VMA);
}

/* ---- spaces ---- */

static spinlock_t *gate_of(const struct anon_space *space)
{
	return &anon.gates[(uintptr_t)space / sizeof(*space) % NR_GATES];
}

static void put_root(struct anon_space *root)
{
	if (!__atomic_sub_fetch(&root->nr_refs, 1, __ATOMIC_ACQ_REL))
		kmem_cache_free(anon.space_cachep, root);
}

/* No page of it is mapped and nobody can find it any more. */
static void free_space(struct anon_space *space)
{
	struct anon_space *root = space->root;
	spinlock_t *gate = gate_of(space);

	spin_lock(gate);
	spin_unlock(gate);
	if (space != root)
		kmem_cache_free(anon.space_cachep, space);
	put_root(root);
}

static struct anon_space *alloc_space(void)
{
	struct anon_space *space =
		kmem_cache_zalloc(anon.space_cachep, GFP_KERNEL);

	if (!space)
		return NULL;
	INIT_LIST_HEAD(&space->links);
	init_rwsem(&space->lock);
	space->nr_refs = 1;
	space->root = space;
	return space;
}

static void add_link(struct anon_link *link, struct anon_space *space,
		     struct mm_struct *mm)
{
	link->space = space;
	link->mm = mm;
	list_add_tail(&link->of_space, &space->links);
	list_add_tail(&link->of_mm, &mm->anon_links);
}

/* What both ways into life have in common. */
static void own_space(struct mm_struct *mm, struct anon_space *space)
{
	space->owner = mm;
	mm->anon = space;
}

int anon_new(struct mm_struct *mm)
{
	struct anon_space *space = alloc_space();

	if (!space)
		return -ENOMEM;
	own_space(mm, space);
	add_link(&mm->anon_own, space, mm);
	return 0;
}

static void free_links(struct list_head *links)
{
	struct anon_link *link, *next;

	list_for_each_entry_safe(link, next, links, of_mm)
		kmem_cache_free(anon.link_cachep, link);
}

/* As many links as old has; its own list does not change while it forks. */
static int alloc_links(const struct mm_struct *old, struct list_head *links)
{
	const struct anon_link *theirs;

	list_for_each_entry(theirs, &old->anon_links, of_mm) {
		struct anon_link *link =
			kmem_cache_alloc(anon.link_cachep, GFP_KERNEL);

		if (!link) {
			free_links(links);
			return -ENOMEM;
		}
		list_add_tail(&link->of_mm, links);
	}
	return 0;
}

/* A space of old's that nobody makes pages with and nobody will (3). */
static struct anon_space *abandoned_space(const struct mm_struct *old)
{
	struct anon_link *link;

	list_for_each_entry(link, &old->anon_links, of_mm)
		if (!link->space->owner && link->space->nr_children < 2)
			return link->space;
	return NULL;
}

int anon_fork(struct mm_struct *mm, struct mm_struct *old)
{
	struct anon_space *root = old->anon->root, *heritage;
	struct anon_space *space = alloc_space();
	struct anon_link *theirs;
	LIST_HEAD(links);

	if (!space)
		return -ENOMEM;
	if (alloc_links(old, &links)) {
		kmem_cache_free(anon.space_cachep, space);
		return -ENOMEM;
	}
	down_write(&root->lock);
	list_for_each_entry(theirs, &old->anon_links, of_mm) {
		struct anon_link *link =
			list_first_entry(&links, struct anon_link, of_mm);

		list_unlink(&link->of_mm);
		add_link(link, theirs->space, mm);
	}
	heritage = abandoned_space(old);
	if (heritage) {
		own_space(mm, heritage);
	} else {
		space->root = root;
		space->parent = old->anon;
		space->parent->nr_children++;
		__atomic_fetch_add(&root->nr_refs, 1, __ATOMIC_RELAXED);
		own_space(mm, space);
		add_link(&mm->anon_own, space, mm);
		space = NULL;
	}
	up_write(&root->lock);
	if (space)
		kmem_cache_free(anon.space_cachep, space);
	return 0;
}

void anon_exit(struct mm_struct *mm)
{
	struct anon_space *root = mm->anon->root;
	struct anon_link *link, *next;
	LIST_HEAD(gone);

	/* Spaces that end are kept by their parents' count until the end. */
	__atomic_fetch_add(&root->nr_refs, 1, __ATOMIC_RELAXED);
	down_write(&root->lock);
	mm->anon->owner = NULL;
	list_for_each_entry(link, &mm->anon_links, of_mm) {
		struct anon_space *space = link->space;

		list_unlink(&link->of_space);
		if (!list_empty(&space->links))
			continue;
		if (space->parent)
			space->parent->nr_children--;
		list_add(&space->links, &gone);
	}
	up_write(&root->lock);
	while (!list_empty(&gone)) {
		struct anon_space *space =
			list_first_entry(&gone, struct anon_space, links);

		list_unlink(&space->links);
		free_space(space);
	}
	put_root(root);
	list_for_each_entry_safe(link, next, &mm->anon_links, of_mm)
		if (link != &mm->anon_own)
			kmem_cache_free(anon.link_cachep, link);
	INIT_LIST_HEAD(&mm->anon_links);
	mm->anon = NULL;
}

/* ---- from a page ---- */

/* The page's root, held; NULL: it is not mapped. */
static struct anon_space *get_root(const struct page *page,
				   struct anon_space **space)
{
	for (;;) {
		struct anon_space *root = NULL;
		spinlock_t *gate;
		bool same;

		*space = page_rmapping(page);
		gate = gate_of(*space);
		spin_lock(gate);
		same = page_rmapping(page) == *space;
		if (same && page_mapcount(page)) {
			root = (*space)->root;
			__atomic_fetch_add(&root->nr_refs, 1, __ATOMIC_RELAXED);
		}
		spin_unlock(gate);
		if (same)
			return root;
	}
}

struct anon_space *anon_lock_page(const struct page *page, bool try_lock,
				  bool *contended)
{
	struct anon_space *space, *root;

	while ((root = get_root(page, &space)) != NULL) {
		if (!try_lock) {
			down_read(&root->lock);
		} else if (!down_read_trylock(&root->lock)) {
			put_root(root);
			*contended = true;
			return NULL;
		}
		/* With the lock held a mapped page's space cannot go. */
		if (page_mapcount(page) && page_rmapping(page) == space)
			return space;
		up_read(&root->lock);
		put_root(root);
	}
	return NULL;
}

void anon_unlock(struct anon_space *space)
{
	struct anon_space *root = space->root;

	up_read(&root->lock);
	put_root(root);
}

/* ---- places ---- */

void anon_moved_insert(struct vm_area_struct *vma)
{
	lockdep_assert_held(&vma->vm_mm->areas_lock);
	interval_insert(vma, &vma->vm_mm->anon_moved);
}

void anon_moved_remove(struct vm_area_struct *vma)
{
	lockdep_assert_held(&vma->vm_mm->areas_lock);
	interval_remove(vma, &vma->vm_mm->anon_moved);
}

struct vm_area_struct *anon_moved_first(struct mm_struct *mm, pgoff_t index)
{
	return interval_first(&mm->anon_moved, index, index);
}

struct vm_area_struct *anon_moved_next(struct vm_area_struct *vma,
				       pgoff_t index)
{
	return interval_next(vma, index, index);
}

/* ---- identities ---- */

/* The shift first: who sees the number may make pages. */
static void set_ident_locked(struct vm_area_struct *vma,
			     struct anon_ident ident)
{
	if (vma->anon_shift != ident.shift) {
		if (vma->anon_shift)
			anon_moved_remove(vma);
		vma->anon_shift = ident.shift;
		if (vma->anon_shift)
			anon_moved_insert(vma);
	}
	smp_store_release(&vma->anon_id, ident.id);
}

void anon_adopt(struct vm_area_struct *vma, struct anon_ident ident)
{
	if (!ident.id || vma->anon_id)
		return;
	vma_start_write(vma);
	spin_lock(&vma->vm_mm->areas_lock);
	set_ident_locked(vma, ident);
	spin_unlock(&vma->vm_mm->areas_lock);
}

unsigned long anon_new_id(struct mm_struct *mm, bool inherited)
{
	unsigned long nr =
		__atomic_add_fetch(&mm->last_anon_id, 1, __ATOMIC_RELAXED);

	return nr << 1 | inherited;
}

/* Would the two be one area if their rights were the same? */
static bool continues(const struct vm_area_struct *lower,
		      const struct vm_area_struct *upper)
{
	unsigned long differ = lower->vm_flags ^ upper->vm_flags;

	return lower->vm_end == upper->vm_start &&
	       lower->vm_file == upper->vm_file &&
	       !(differ & ~(VM_ACCESS_FLAGS | VM_SOFTDIRTY)) &&
	       upper->vm_pgoff == lower->vm_pgoff + vma_pages(lower);
}

/* The identity of a neighbour that vma may later merge with. */
static bool neighbours_ident(const struct vm_area_struct *vma,
			     struct anon_ident *ident)
{
	const struct vm_area_struct *next = vma_next(vma);
	const struct vm_area_struct *prev = vma_prev(vma);

	if (next && continues(vma, next)) {
		*ident = anon_ident_of(next);
		if (ident->id && !anon_is_inherited(ident->id))
			return true;
	}
	if (prev && continues(prev, vma)) {
		*ident = anon_ident_of(prev);
		if (ident->id && !anon_is_inherited(ident->id))
			return true;
	}
	return false;
}

void anon_prepare(struct vm_area_struct *vma)
{
	struct mm_struct *mm = vma->vm_mm;
	struct anon_ident ident;

	if (!neighbours_ident(vma, &ident))
		ident = (struct anon_ident){anon_new_id(mm, false),
					    vma->anon_shift};
	spin_lock(&mm->areas_lock);
	if (!vma->anon_id)
		set_ident_locked(vma, ident);
	spin_unlock(&mm->areas_lock);
}
