/* SPDX-License-Identifier: MIT */
/*
 * gap.c - finds free address ranges.
 *
 * 1. Idea.  vma.c keeps in each tree node the largest gap in front of any
 *    area of its subtree.  A search for len bytes in [low, high) goes to the
 *    wanted end of the order and leaves out every subtree whose largest gap
 *    is too small and every one that lies outside the limits.
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
	unsigned long low, high; /* the range must lie in [low, high) */
	struct vm_area_struct *next; /* out: behind what was found */
};

#define vma_of(node) rb_entry((node), struct vm_area_struct, vm_rb)

/* The part of the gap in front of vma that lies within the limits. */
static bool gap_fits(const struct vm_area_struct *vma,
		     const struct gap_search *s, unsigned long *start,
		     unsigned long *end)
{
	const struct vm_area_struct *prev = vma_prev(vma);

	*start = max(prev ? prev->vm_end : 0, s->low);
	*end = min(vm_start_gap(vma), s->high);
	return *end > *start && *end - *start >= s->len;
}

/* Recursion only to the right: at most the height of the tree. */
static unsigned long highest(const struct rb_node *node, struct gap_search *s)
{
	while (node) {
		struct vm_area_struct *vma = vma_of(node);
		unsigned long start, end, found;

		if (vma->rb_subtree_gap < s->len)
			return NO_GAP;
		if (node->rb_right && vma->vm_end < s->high) {
			found = highest(node->rb_right, s);
			if (found != NO_GAP)
				return found;
		}
		if (gap_fits(vma, s, &start, &end)) {
			s->next = vma;
			return end - s->len;
		}
		if (vma->vm_start <= s->low)
			return NO_GAP;
		node = node->rb_left;
	}
	return NO_GAP;
}

static unsigned long lowest(const struct rb_node *node, struct gap_search *s)
{
	while (node) {
		struct vm_area_struct *vma = vma_of(node);
		unsigned long start, end, found;

		if (vma->rb_subtree_gap < s->len)
			return NO_GAP;
		if (node->rb_left && vma->vm_start > s->low) {
			found = lowest(node->rb_left, s);
			if (found != NO_GAP)
				return found;
		}
		if (gap_fits(vma, s, &start, &end)) {
			s->next = vma;
			return start;
		}
		if (vma->vm_end >= s->high)
			return NO_GAP;
		node = node->rb_right;
	}
	return NO_GAP;
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
	s->low = MMAP_MIN_ADDR;
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
	if (addr < MMAP_MIN_ADDR)
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
