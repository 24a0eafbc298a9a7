/* SPDX-License-Identifier: MIT */
/*
 * gap.c - finds free address ranges.
 *
 * 1. Idea.  vma.c keeps in each tree node the gap in front of its area and
 *    the largest of its subtree.  A search for len bytes in [low, high) goes
 *    once down to the limit at the wanted end, noting the last place beside
 *    the way that has room, and from there down to the room.
 *
 *        low                                             high
 *         |   [##]     [####]  [#]            [##]         |
 *         <---> gap 1  <-> ...                    <-------> above the last
 *
 * 2. Policy, as Linux's on x86-64: a hint that is free is taken; else top
 *    down below mmap_base; if that is full, bottom up from mmap_legacy_base.
 *    MAP_32BIT looks bottom up in [1 GiB, 2 GiB).
 * 3. Locking.  mmap_lock for writing.
 *
 * Sources: mmap(2); Linux's Documentation/admin-guide/sysctl/vm.rst.
 */
#include "mm/aspace/internal.h"

#define NO_GAP		(~0UL)
#define MAP_32BIT_START 0x40000000UL
#define MAP_32BIT_END	0x80000000UL

struct gap_search {
	unsigned long len;
	unsigned long low, high;     /* the range must lie in [low, high) */
	struct vm_area_struct *next; /* out: behind what was found */
};

#define vma_of(node) rb_entry((node), struct vm_area_struct, vm_rb)

/* The part of the gap in front of vma that lies within the limits. */
static inline bool gap_fits(const struct vm_area_struct *vma,
			    const struct gap_search *s, unsigned long *start,
			    unsigned long *end)
{
	if (vma->gap < s->len)
		return false;
	*end = vm_start_gap(vma);
	*start = max(*end - vma->gap, s->low);
	*end = min(*end, s->high);
	return *end > *start && *end - *start >= s->len;
}

static bool subtree_has_gap(const struct rb_node *node,
			    const struct gap_search *s)
{
	return node && vma_of(node)->rb_subtree_gap >= s->len;
}

/* The area of node has a gap in front, or one of the subtree below it. */
static bool worth_a_look(const struct vm_area_struct *vma,
			 const struct rb_node *below,
			 const struct gap_search *s)
{
	unsigned long start, end;

	return subtree_has_gap(below, s) || gap_fits(vma, s, &start, &end);
}

/*
 * Limits matter only on the way that leads to them: what hangs off it lies on
 * one side of the limit as a whole, so that the gap noted there is exact.  Of
 * the places where the way went right, the deepest has the highest gaps.
 */
static unsigned long highest(const struct rb_node *node, struct gap_search *s)
{
	struct vm_area_struct *vma, *edge = NULL, *best = NULL;
	unsigned long start, end;

	while (node) {
		vma = vma_of(node);
		if (vma->rb_subtree_gap < s->len)
			break;
		if (vma->vm_end >= s->high) {
			edge = vma;
			node = node->rb_left;
		} else {
			if (worth_a_look(vma, node->rb_left, s))
				best = vma;
			node = node->rb_right;
		}
	}
	vma = edge;
	if (vma && gap_fits(vma, s, &start, &end))
		goto found;
	vma = best;
	while (vma) {
		if (gap_fits(vma, s, &start, &end))
			goto found;
		node = vma->vm_rb.rb_left;
		while (subtree_has_gap(node, s) &&
		       subtree_has_gap(node->rb_right, s))
			node = node->rb_right;
		vma = subtree_has_gap(node, s) ? vma_of(node) : NULL;
	}
	return NO_GAP;
found:
	s->next = vma;
	return end - s->len;
}

/* The mirror image. */
static unsigned long lowest(const struct rb_node *node, struct gap_search *s)
{
	struct vm_area_struct *vma, *best = NULL;
	unsigned long start, end;

	while (node) {
		vma = vma_of(node);
		if (vma->rb_subtree_gap < s->len)
			break;
		if (vma->vm_start <= s->low) {
			node = node->rb_right;
		} else {
			if (worth_a_look(vma, node->rb_right, s))
				best = vma;
			node = node->rb_left;
		}
	}
	vma = best;
	while (vma) {
		if (gap_fits(vma, s, &start, &end))
			goto found;
		node = vma->vm_rb.rb_right;
		while (subtree_has_gap(node, s) &&
		       subtree_has_gap(node->rb_left, s))
			node = node->rb_left;
		vma = subtree_has_gap(node, s) ? vma_of(node) : NULL;
	}
	return NO_GAP;
found:
	s->next = vma;
	return start;
}

/* Where the free range above all areas starts, within the limits. */
static bool room_above(const struct mm_struct *mm, const struct gap_search *s,
		       unsigned long *start)
{
	*start = s->low;
	if (!list_empty(&mm->mmap))
		*start = max(*start,
			     list_last_entry(&mm->mmap, struct vm_area_struct,
					     vm_list)
				     ->vm_end);
	return *start < s->high && s->high - *start >= s->len;
}

static unsigned long search_topdown(const struct mm_struct *mm,
				    struct gap_search *s)
{
	unsigned long start;

	if (room_above(mm, s, &start))
		return s->high - s->len;
	return highest(mm->mm_rb.rb_node, s);
}

static unsigned long search_bottomup(const struct mm_struct *mm,
				     struct gap_search *s)
{
	unsigned long addr = lowest(mm->mm_rb.rb_node, s);

	if (addr == NO_GAP && !room_above(mm, s, &addr))
		return NO_GAP;
	return addr;
}

static bool hint_is_free(struct mm_struct *mm, unsigned long addr,
			 unsigned long len)
{
	const struct vm_area_struct *vma;

	if (addr > TASK_SIZE - len)
		return false;
	vma = find_vma(mm, addr);
	return !vma || addr + len <= vm_start_gap(vma);
}

static unsigned long search_area(struct mm_struct *mm, struct gap_search *s,
				 unsigned long flags)
{
	unsigned long addr;

	if (flags & MAP_32BIT) {
		s->low = MAP_32BIT_START;
		s->high = min(MAP_32BIT_END, TASK_SIZE);
		return search_bottomup(mm, s);
	}
	s->low = max(PAGE_SIZE, READ_ONCE(sysctl_mmap_min_addr));
	s->high = mm->mmap_base;
	addr = search_topdown(mm, s);
	if (likely(addr != NO_GAP))
		return addr;
	s->low = mm->mmap_legacy_base;
	s->high = TASK_SIZE;
	return search_bottomup(mm, s);
}

/* Where MAP_FIXED may go. */
static unsigned long check_fixed(unsigned long addr, unsigned long len)
{
	if (addr > TASK_SIZE - len)
		return (unsigned long)-ENOMEM;
	if (!IS_ALIGNED(addr, PAGE_SIZE))
		return (unsigned long)-EINVAL;
	if (below_min_addr(addr))
		return (unsigned long)-EPERM;
	return addr;
}

unsigned long get_unmapped_place(struct mm_struct *mm, unsigned long addr,
				 unsigned long len, unsigned long flags,
				 struct free_place *place)
{
	struct gap_search s = {.len = len};

	place->known = false;
	if (len > TASK_SIZE)
		return (unsigned long)-ENOMEM;
	if (flags & MAP_FIXED)
		return check_fixed(addr, len);
	addr &= PAGE_MASK;
	if (addr && !(flags & MAP_32BIT) && hint_is_free(mm, addr, len))
		return addr;
	addr = search_area(mm, &s, flags);
	if (addr == NO_GAP)
		return (unsigned long)-ENOMEM;
	if (s.next) {
		place->known = true;
		place->next = s.next;
		place->prev = vma_prev(s.next);
	}
	return addr;
}
