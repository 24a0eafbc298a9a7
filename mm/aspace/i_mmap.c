/* SPDX-License-Identifier: MIT */
/*
 * i_mmap.c - from a file's pages to the areas that map them.
 *
 * 1. Idea.  An interval tree: areas ordered by their first page in the file,
 *    each node with the greatest last page of its subtree.  Areas with the
 *    same first page are in the order in which they were inserted, so a
 *    forked copy stands behind its parent: whoever walks the tree to unmap
 *    pages meets the parent first and cannot be overtaken by the copying.
 * 2. Locking.  mapping->i_mmap_lock.
 * 3. Failure.  None.
 *
 * Source: Cormen et al., Introduction to Algorithms, interval trees.
 */
#include "mm/aspace/internal.h"

#define vma_of(node) rb_entry((node), struct vm_area_struct, shared_rb)

static pgoff_t last_page(const struct vm_area_struct *vma)
{
	return vma->vm_pgoff + vma_pages(vma) - 1;
}

static bool last_update(struct rb_node *node)
{
	struct vm_area_struct *vma = vma_of(node);
	pgoff_t last = last_page(vma);

	if (node->rb_left)
		last = max(last, vma_of(node->rb_left)->shared_subtree_last);
	if (node->rb_right)
		last = max(last, vma_of(node->rb_right)->shared_subtree_last);
	if (last == vma->shared_subtree_last)
		return false;
	vma->shared_subtree_last = last;
	return true;
}

void i_mmap_insert(struct vm_area_struct *vma, struct address_space *mapping)
{
	struct rb_node **link = &mapping->i_mmap.rb_node, *parent = NULL;

	lockdep_assert_held(&mapping->i_mmap_lock);
	while (*link) {
		parent = *link;
		link = vma->vm_pgoff < vma_of(parent)->vm_pgoff
			       ? &parent->rb_left
			       : &parent->rb_right;
	}
	rb_link_node(&vma->shared_rb, parent, link);
	vma->shared_subtree_last = last_page(vma);
	rb_insert_augmented(&vma->shared_rb, &mapping->i_mmap, last_update);
}

void i_mmap_remove(struct vm_area_struct *vma, struct address_space *mapping)
{
	lockdep_assert_held(&mapping->i_mmap_lock);
	rb_erase_augmented(&vma->shared_rb, &mapping->i_mmap, last_update);
}

void vma_unlink_file(struct vm_area_struct *vma)
{
	struct address_space *mapping = vma_mapping(vma);

	if (!mapping)
		return;
	spin_lock(&mapping->i_mmap_lock);
	i_mmap_remove(vma, mapping);
	spin_unlock(&mapping->i_mmap_lock);
}

/* The first in order, in this subtree, that overlaps [first, last]. */
static struct vm_area_struct *first_in(struct rb_node *node, pgoff_t first,
				       pgoff_t last)
{
	while (node) {
		struct vm_area_struct *vma = vma_of(node);

		if (vma->shared_subtree_last < first)
			return NULL;
		if (node->rb_left &&
		    vma_of(node->rb_left)->shared_subtree_last >= first) {
			node = node->rb_left;
			continue;
		}
		/* Nothing to the left reaches first. */
		if (vma->vm_pgoff > last)
			return NULL;
		if (last_page(vma) >= first)
			return vma;
		node = node->rb_right;
	}
	return NULL;
}

struct vm_area_struct *i_mmap_first(struct address_space *mapping,
				    pgoff_t first, pgoff_t last)
{
	lockdep_assert_held(&mapping->i_mmap_lock);
	return first_in(mapping->i_mmap.rb_node, first, last);
}

struct vm_area_struct *i_mmap_next(struct vm_area_struct *vma, pgoff_t first,
				   pgoff_t last)
{
	struct rb_node *node = &vma->shared_rb;
	struct vm_area_struct *found = first_in(node->rb_right, first, last);

	while (!found) {
		struct rb_node *parent = rb_parent(node);

		if (!parent)
			return NULL;
		if (parent->rb_left == node) {
			struct vm_area_struct *up = vma_of(parent);

			if (up->vm_pgoff > last)
				return NULL;
			if (last_page(up) >= first)
				return up;
			found = first_in(parent->rb_right, first, last);
		}
		node = parent;
	}
	return found;
}
