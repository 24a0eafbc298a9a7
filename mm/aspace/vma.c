/* SPDX-License-Identifier: MIT */
/*
 * vma.c - the set of areas of an address space: find, link, cut, merge.
 *
 * 1. Idea.  Areas do not overlap, so one order serves all: mm->mmap links
 *    them by address, mm->mm_rb is a balanced tree over the same order.  A
 *    neighbour is one link away; since it also tells where in the tree an
 *    area belongs (right below prev or left below next), linking searches
 *    nothing.  Each node keeps the free gap in front of its area and the
 *    largest of its subtree, from which gap.c finds room in O(log n).
 *
 *            prev          vma
 *        ...[####]........[######]...      gap of vma: vm_start_gap - prev
 *                 <------>                 end; a stack area keeps
 *                                          STACK_GUARD_GAP below it free
 * 2. Invariants, checked by mm_validate() (validate.c).
 *    V1  vm_start < vm_end, both page-aligned, below TASK_SIZE
 *    V2  list and tree hold the same areas in the same order; none overlap
 *    V3  gap and rb_subtree_gap are right in every node
 *    V4  map_count is their number
 *    V5  an area with vm_file->mapping is in that mapping's i_mmap
 *    What decides whether areas with anonymous pages may merge: anon.c.
 * 3. Locking.  mmap_lock, for writing to change; readers may look, and may
 *    write mmap_cache (any area of the set will do).  Bounds of an area in a
 *    file's i_mmap change under i_mmap_lock too, for those who come from the
 *    file and hold no mmap_lock.  The tree and all bounds change under
 *    areas_lock as well, for those who come from an anonymous page, and with
 *    the area marked, for faults that hold nothing but it (vma_lock.c).
 *    When a boundary between two areas of one
 *    file moves, the growing one grows first, so that at no moment is a page
 *    covered by none.
 * 4. Failure.  Only vma_pool_fill() and vma_alloc() fail.  Whoever has to cut
 *    takes spares first; cutting, merging and linking cannot fail.
 *
 * Sources: mmap(2), proc(5); Linux's Documentation/mm/process_addrs.rst.
 */
#include "mm/aspace/internal.h"

static struct kmem_cache *vm_area_cachep;

/* An area is in no set when it is free: readers may still come past it. */
static void init_once(void *object)
{
	struct vm_area_struct *vma = object;

	*vma = (struct vm_area_struct){0};
}

void vma_init(void)
{
	vm_area_cachep = kmem_cache_create(
		"vm_area_struct", sizeof(struct vm_area_struct),
		__alignof__(struct vm_area_struct),
		SLAB_PANIC | SLAB_ACCOUNT | SLAB_TYPESAFE_BY_RCU, init_once);
}

struct vm_area_struct *vma_alloc(void)
{
	return kmem_cache_alloc(vm_area_cachep, GFP_KERNEL);
}

void vma_free(struct vm_area_struct *vma)
{
	if (READ_ONCE(vma->vm_refcnt))
		vma_detach(vma);
	kmem_cache_free(vm_area_cachep, vma);
}

void vma_put(struct vm_area_struct *vma)
{
	if (vma->vm_ops && vma->vm_ops->close)
		vma->vm_ops->close(vma);
	if (vma->vm_file)
		vma->vm_file->ops->put(vma->vm_file);
	vma_free(vma);
}

/* ---- spares ---- */

int vma_pool_fill(struct vma_pool *pool, unsigned int nr)
{
	unsigned int had = pool->nr;

	VM_BUG_ON(nr > VMA_POOL_MAX);
	while (pool->nr < nr) {
		struct vm_area_struct *vma = vma_alloc();

		if (!vma)
			goto out_free;
		pool->spare[pool->nr++] = vma;
	}
	return 0;

out_free:
	while (pool->nr > had)
		vma_free(pool->spare[--pool->nr]);
	return -ENOMEM;
}

struct vm_area_struct *vma_pool_take(struct vma_pool *pool)
{
	BUG_ON(pool->nr == 0);
	return pool->spare[--pool->nr];
}

void vma_pool_drain(struct vma_pool *pool)
{
	while (pool->nr)
		vma_free(pool->spare[--pool->nr]);
}

/* ---- order ---- */

/* The free room in front of vma has changed, perhaps. */
static void set_gap(struct vm_area_struct *vma)
{
	const struct vm_area_struct *prev = vma_prev(vma);
	unsigned long from = prev ? prev->vm_end : 0;
	unsigned long to = vm_start_gap(vma);

	vma->gap = to > from ? to - from : 0;
}

#define vma_of(node) rb_entry((node), struct vm_area_struct, vm_rb)

static bool gap_update(struct rb_node *node)
{
	struct vm_area_struct *vma = vma_of(node);
	unsigned long gap = vma->gap;

	if (node->rb_left)
		gap = max(gap, vma_of(node->rb_left)->rb_subtree_gap);
	if (node->rb_right)
		gap = max(gap, vma_of(node->rb_right)->rb_subtree_gap);
	if (gap == vma->rb_subtree_gap)
		return false;
	vma->rb_subtree_gap = gap;
	return true;
}

/* ---- find ---- */

struct vm_area_struct *find_vma_tree(const struct mm_struct *mm,
				     unsigned long addr)
{
	struct rb_node *node = mm->mm_rb.rb_node;
	struct vm_area_struct *best = NULL;

	while (node) {
		struct vm_area_struct *vma = vma_of(node);

		if (vma->vm_end <= addr) {
			node = node->rb_right;
			continue;
		}
		best = vma;
		if (vma->vm_start <= addr)
			break;
		node = node->rb_left;
	}
	return best;
}

struct vm_area_struct *find_vma(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma = READ_ONCE(mm->mmap_cache);

	if (likely(vma && addr - vma->vm_start < vma->vm_end - vma->vm_start))
		return vma;
	vma = find_vma_tree(mm, addr);
	if (vma)
		smp_store_release(&mm->mmap_cache, vma);
	return vma;
}

struct vm_area_struct *find_vma_prev(struct mm_struct *mm, unsigned long addr,
				     struct vm_area_struct **prev)
{
	struct vm_area_struct *vma = READ_ONCE(mm->mmap_cache);

	/* Right behind the last one found, where heaps grow. */
	if (vma && vma->vm_end == addr) {
		*prev = vma;
		return vma_next(vma);
	}
	vma = find_vma(mm, addr);
	if (vma)
		*prev = vma_prev(vma);
	else if (list_empty(&mm->mmap))
		*prev = NULL;
	else
		*prev = list_last_entry(&mm->mmap, struct vm_area_struct,
					vm_list);
	return vma;
}

/* ---- link ---- */

static void link_tree(struct mm_struct *mm, struct vm_area_struct *vma,
		      struct vm_area_struct *prev, struct vm_area_struct *next)
{
	struct rb_node *parent = NULL;
	struct rb_node **link = &mm->mm_rb.rb_node;

	/* Neighbours in order: one of them has no child on our side. */
	if (prev && !prev->vm_rb.rb_right) {
		parent = &prev->vm_rb;
		link = &parent->rb_right;
	} else if (next) {
		parent = &next->vm_rb;
		link = &parent->rb_left;
	}
	rb_link_node(&vma->vm_rb, parent, link);
	rb_insert_before(&vma->vm_rb, next ? &next->vm_rb : NULL, &mm->mm_rb,
			 gap_update);
}

void vma_link(struct mm_struct *mm, struct vm_area_struct *vma,
	      struct vm_area_struct *prev)
{
	struct list_head *before = prev ? &prev->vm_list : &mm->mmap;
	struct address_space *mapping = vma_mapping(vma);
	struct vm_area_struct *next;

	WRITE_ONCE(vma->vm_mm, mm);
	vma_attach(vma);
	list_add(&vma->vm_list, before);
	next = vma_next(vma);
	spin_lock(&mm->areas_lock);
	set_gap(vma);
	if (next)
		set_gap(next);
	link_tree(mm, vma, prev, next);
	if (unlikely(vma->anon_shift))
		anon_moved_insert(vma);
	spin_unlock(&mm->areas_lock);
	mm->map_count++;
	if (!mapping)
		return;
	spin_lock(&mapping->i_mmap_lock);
	i_mmap_insert(vma, mapping);
	spin_unlock(&mapping->i_mmap_lock);
}

void vma_unlink(struct mm_struct *mm, struct vm_area_struct *vma)
{
	struct vm_area_struct *next = vma_next(vma);

	vma_start_write(vma);
	list_unlink(&vma->vm_list);
	spin_lock(&mm->areas_lock);
	if (next)
		set_gap(next);
	rb_erase_before(&vma->vm_rb, next ? &next->vm_rb : NULL, &mm->mm_rb,
			gap_update);
	if (unlikely(vma->anon_shift))
		anon_moved_remove(vma);
	spin_unlock(&mm->areas_lock);
	mm->map_count--;
	if (mm->mmap_cache == vma)
		WRITE_ONCE(mm->mmap_cache, NULL);
}

void vma_move_bounds(struct vm_area_struct *vma, unsigned long start,
		     unsigned long end, pgoff_t pgoff)
{
	struct address_space *mapping = vma_mapping(vma);
	struct vm_area_struct *next = vma_next(vma);
	bool start_moves = start != vma->vm_start;
	bool end_moves = end != vma->vm_end;

	vma_start_write(vma);
	if (mapping) {
		spin_lock(&mapping->i_mmap_lock);
		i_mmap_remove(vma, mapping);
	}
	spin_lock(&vma->vm_mm->areas_lock);
	if (unlikely(vma->anon_shift))
		anon_moved_remove(vma);
	vma_set_range(vma, start, end, pgoff);
	if (unlikely(vma->anon_shift))
		anon_moved_insert(vma);
	spin_unlock(&vma->vm_mm->areas_lock);
	if (mapping) {
		i_mmap_insert(vma, mapping);
		spin_unlock(&mapping->i_mmap_lock);
	}
	if (start_moves) {
		set_gap(vma);
		rb_propagate(&vma->vm_rb, gap_update);
	}
	if (end_moves && next) {
		set_gap(next);
		rb_propagate(&next->vm_rb, gap_update);
	}
}

/* ---- cut ---- */

struct vm_area_struct *vma_split(struct vm_area_struct *vma, unsigned long addr,
				 struct vma_pool *pool)
{
	struct vm_area_struct *upper = vma_pool_take(pool);

	VM_BUG_ON(addr <= vma->vm_start || addr >= vma->vm_end);
	vma_start_write(vma);
	vma_copy(upper, vma);
	vma_set_range(upper, addr, vma->vm_end, linear_page_index(vma, addr));
	if (upper->vm_file)
		upper->vm_file->ops->get(upper->vm_file);
	if (upper->vm_ops && upper->vm_ops->open)
		upper->vm_ops->open(upper);
	vma_link(vma->vm_mm, upper, vma);
	vma_move_bounds(vma, vma->vm_start, addr, vma->vm_pgoff);
	return upper;
}

unsigned int vma_cuts(struct mm_struct *mm, unsigned long start,
		      unsigned long end)
{
	const struct vm_area_struct *first = find_vma(mm, start);
	const struct vm_area_struct *last;
	unsigned int cuts = 0;

	if (!first || first->vm_start >= end)
		return 0;
	cuts += first->vm_start < start;
	last = first->vm_end >= end ? first : find_vma(mm, end);
	cuts += last && last->vm_start < end && last->vm_end > end;
	return cuts;
}

/* ---- merge ---- */

/* Could vma have been made by one call with memory of these properties? */
static bool same_kind(const struct vm_area_struct *vma, unsigned long flags,
		      const struct vm_file *file)
{
	if ((vma->vm_flags ^ flags) & ~VM_SOFTDIRTY)
		return false;
	if (flags & VM_SPECIAL)
		return false;
	if (vma->vm_file != file)
		return false;
	return !(vma->vm_ops && vma->vm_ops->close);
}

/*
 * Linux's rule: memory without anonymous pages joins any, but what a fork
 * inherited joins only its own.
 */
static bool same_anon(const struct vm_area_struct *vma, struct anon_ident ident)
{
	if (!vma->anon_id)
		return !anon_is_inherited(ident.id);
	if (!ident.id)
		return !anon_is_inherited(vma->anon_id);
	return vma->anon_id == ident.id && vma->anon_shift == ident.shift;
}

/* Both join what lies between them: may all be one? */
static bool same_anon_ends(const struct vm_area_struct *prev,
			   const struct vm_area_struct *next)
{
	return !prev->anon_id || !next->anon_id ||
	       same_anon(prev, anon_ident_of(next));
}

/* Memory [.., end) with index pgoff at end continues in next. */
static bool joins_next(const struct vm_area_struct *next, unsigned long end,
		       unsigned long flags, const struct vm_file *file,
		       pgoff_t pgoff, struct anon_ident ident)
{
	return next && next->vm_start == end && next->vm_pgoff == pgoff &&
	       same_kind(next, flags, file) && same_anon(next, ident);
}

static bool joins_prev(const struct vm_area_struct *prev, unsigned long start,
		       unsigned long flags, const struct vm_file *file,
		       pgoff_t pgoff, struct anon_ident ident)
{
	return prev && prev->vm_end == start &&
	       prev->vm_pgoff + vma_pages(prev) == pgoff &&
	       same_kind(prev, flags, file) && same_anon(prev, ident);
}

static void drop_merged(struct mm_struct *mm, struct vm_area_struct *vma)
{
	vma_unlink(mm, vma);
	vma_unlink_file(vma);
	vma_put(vma);
}

/* prev takes over everything up to the end of last; those between go. */
static void absorb(struct mm_struct *mm, struct vm_area_struct *prev,
		   struct vm_area_struct *last)
{
	unsigned long end = last->vm_end;
	struct vm_area_struct *vma;

	anon_adopt(prev, anon_ident_of(last));
	vma_move_bounds(prev, prev->vm_start, end, prev->vm_pgoff);
	while ((vma = vma_next(prev)) && vma->vm_start < end) {
		anon_adopt(prev, anon_ident_of(vma));
		drop_merged(mm, vma);
	}
}

struct vm_area_struct *vma_merge_hole(struct mm_struct *mm,
				      struct vm_area_struct *prev,
				      unsigned long start, unsigned long end,
				      unsigned long flags, struct vm_file *file,
				      pgoff_t pgoff, struct anon_ident ident)
{
	struct vm_area_struct *next =
		prev ? vma_next(prev)
		     : (list_empty(&mm->mmap)
				? NULL
				: list_first_entry(&mm->mmap,
						   struct vm_area_struct,
						   vm_list));
	bool with_next = joins_next(next, end, flags, file,
				    pgoff + NR_PAGES(end - start), ident);

	if (joins_prev(prev, start, flags, file, pgoff, ident)) {
		anon_adopt(prev, ident);
		if (with_next && same_anon_ends(prev, next))
			absorb(mm, prev, next);
		else
			vma_move_bounds(prev, prev->vm_start, end,
					prev->vm_pgoff);
		return prev;
	}
	if (!with_next)
		return NULL;
	anon_adopt(next, ident);
	vma_move_bounds(next, start, next->vm_end, pgoff);
	return next;
}

struct flag_change {
	struct vm_area_struct *prev, *next; /* it merges with, or NULL */
	bool at_start, at_end;		    /* range reaches vma's bound */
};

static void plan_flag_change(struct flag_change *plan,
			     const struct vm_area_struct *vma,
			     unsigned long start, unsigned long end,
			     unsigned long flags)
{
	struct vm_area_struct *prev = vma_prev(vma), *next = vma_next(vma);

	struct anon_ident ident = anon_ident_of(vma);

	plan->at_start = start == vma->vm_start;
	plan->at_end = end == vma->vm_end;
	plan->prev =
		plan->at_start && joins_prev(prev, start, flags, vma->vm_file,
					     vma->vm_pgoff, ident)
			? prev
			: NULL;
	plan->next =
		plan->at_end && joins_next(next, end, flags, vma->vm_file,
					   linear_page_index(vma, end), ident)
			? next
			: NULL;
	if (plan->prev && plan->next && !same_anon_ends(prev, next))
		plan->next = NULL;
}

unsigned int vma_flag_cuts(const struct vm_area_struct *vma,
			   unsigned long start, unsigned long end,
			   unsigned long flags)
{
	struct flag_change plan;

	plan_flag_change(&plan, vma, start, end, flags);
	if (plan.prev || plan.next)
		return 0;
	return !plan.at_start + !plan.at_end;
}

struct vm_area_struct *vma_change_flags(struct vm_area_struct *vma,
					unsigned long start, unsigned long end,
					unsigned long flags,
					struct vma_pool *pool)
{
	struct mm_struct *mm = vma->vm_mm;
	struct flag_change plan;

	vma_start_write(vma);
	plan_flag_change(&plan, vma, start, end, flags);
	if (plan.prev && plan.at_end) { /* all of vma, and maybe next */
		absorb(mm, plan.prev, plan.next ? plan.next : vma);
		return plan.prev;
	}
	if (plan.prev) { /* the boundary with prev moves up */
		anon_adopt(plan.prev, anon_ident_of(vma));
		vma_move_bounds(plan.prev, plan.prev->vm_start, end,
				plan.prev->vm_pgoff);
		vma_move_bounds(vma, end, vma->vm_end,
				linear_page_index(vma, end));
		return plan.prev;
	}
	if (plan.next) { /* the boundary with next moves down */
		anon_adopt(plan.next, anon_ident_of(vma));
		vma_move_bounds(plan.next, start, plan.next->vm_end,
				linear_page_index(vma, start));
		if (plan.at_start)
			drop_merged(mm, vma);
		else
			vma_move_bounds(vma, vma->vm_start, start,
					vma->vm_pgoff);
		return plan.next;
	}
	if (!plan.at_start)
		vma = vma_split(vma, start, pool);
	if (!plan.at_end)
		vma_split(vma, end, pool);
	vma_set_flags(vma, flags);
	return vma;
}
