/* SPDX-License-Identifier: MIT */
/*
 * interval.h - areas in a tree by a range of page numbers that each covers.
 *
 * The file that includes this has defined
 *	interval_node	the member of vm_area_struct that is the node
 *	interval_last	the member that keeps the subtree's greatest last page
 *	interval_start(vma)	the first page of the area's range; the range is
 *			as long as the area
 *
 * and gets interval_insert(), _remove(), _first() and _next().  Areas with the
 * same start stay in the order in which they were inserted.
 *
 * Source: Cormen et al., Introduction to Algorithms, interval trees.
 */
#ifndef interval_node
#error "interval.h is included with its parameters defined"
#endif

#include "mm/aspace/internal.h"

#define interval_of(node) rb_entry((node), struct vm_area_struct, interval_node)

static pgoff_t interval_end(const struct vm_area_struct *vma)
{
	return interval_start(vma) + vma_pages(vma) - 1;
}

static bool interval_update(struct rb_node *node)
{
	struct vm_area_struct *vma = interval_of(node);
	pgoff_t last = interval_end(vma);

	if (node->rb_left)
		last = max(last, interval_of(node->rb_left)->interval_last);
	if (node->rb_right)
		last = max(last, interval_of(node->rb_right)->interval_last);
	if (last == vma->interval_last)
		return false;
	vma->interval_last = last;
	return true;
}

static void interval_insert(struct vm_area_struct *vma, struct rb_root *root)
{
	struct rb_node **link = &root->rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = interval_start(vma) < interval_start(interval_of(parent))
			       ? &parent->rb_left
			       : &parent->rb_right;
	}
	rb_link_node(&vma->interval_node, parent, link);
	vma->interval_last = interval_end(vma);
	rb_insert_augmented(&vma->interval_node, root, interval_update);
}

static void interval_remove(struct vm_area_struct *vma, struct rb_root *root)
{
	rb_erase_augmented(&vma->interval_node, root, interval_update);
}

/* The first in order, in this subtree, that overlaps [first, last]. */
static struct vm_area_struct *interval_below(struct rb_node *node,
					     pgoff_t first, pgoff_t last)
{
	while (node) {
		struct vm_area_struct *vma = interval_of(node);

		if (vma->interval_last < first)
			return NULL;
		if (node->rb_left &&
		    interval_of(node->rb_left)->interval_last >= first) {
			node = node->rb_left;
			continue;
		}
		/* Nothing to the left reaches first. */
		if (interval_start(vma) > last)
			return NULL;
		if (interval_end(vma) >= first)
			return vma;
		node = node->rb_right;
	}
	return NULL;
}

static struct vm_area_struct *interval_first(struct rb_root *root,
					     pgoff_t first, pgoff_t last)
{
	return interval_below(root->rb_node, first, last);
}

static struct vm_area_struct *interval_next(struct vm_area_struct *vma,
					    pgoff_t first, pgoff_t last)
{
	struct rb_node *node = &vma->interval_node;
	struct vm_area_struct *found =
		interval_below(node->rb_right, first, last);

	while (!found) {
		struct rb_node *parent = rb_parent(node);

		if (!parent)
			return NULL;
		if (parent->rb_left == node) {
			struct vm_area_struct *up = interval_of(parent);

			if (interval_start(up) > last)
				return NULL;
			if (interval_end(up) >= first)
				return up;
			found = interval_below(parent->rb_right, first, last);
		}
		node = parent;
	}
	return found;
}
