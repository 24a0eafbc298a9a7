/* SPDX-License-Identifier: MIT */
/*
 * i_mmap.c - from a file's pages to the areas that map them.
 *
 * 1. Idea.  An interval tree (interval.h): areas ordered by their first page
 *    in the file.  Areas with the same first page are in the order in which
 *    they were inserted, so a forked copy stands behind its parent: whoever
 *    walks the tree to unmap pages meets the parent first and cannot be
 *    overtaken by the copying.
 * 2. Locking.  mapping->i_mmap_lock.  An area whose bounds move is out of the
 *    tree for a moment: the lock also keeps i_mmap_writable's dip from
 *    mapping_deny_writable().  Claims (mapping_map_writable()) need no lock.
 * 3. Failure.  None.
 */
#define interval_node	    shared_rb
#define interval_last	    shared_subtree_last
#define interval_start(vma) ((vma)->vm_pgoff)
#include "mm/aspace/interval.h"

void i_mmap_insert(struct vm_area_struct *vma, struct address_space *mapping)
{
	lockdep_assert_held(&mapping->i_mmap_lock);
	interval_insert(vma, &mapping->i_mmap);
	if (vma_is_shared_maywrite(vma->vm_flags))
		__atomic_fetch_add(&mapping->i_mmap_writable, 1,
				   __ATOMIC_RELAXED);
}

void i_mmap_remove(struct vm_area_struct *vma, struct address_space *mapping)
{
	lockdep_assert_held(&mapping->i_mmap_lock);
	interval_remove(vma, &mapping->i_mmap);
	if (vma_is_shared_maywrite(vma->vm_flags))
		mapping_unmap_writable(mapping);
}

int mapping_deny_writable(struct address_space *mapping)
{
	int none = 0;
	bool denied;

	spin_lock(&mapping->i_mmap_lock);
	denied = __atomic_compare_exchange_n(&mapping->i_mmap_writable, &none,
					     -1, false, __ATOMIC_ACQ_REL,
					     __ATOMIC_RELAXED);
	spin_unlock(&mapping->i_mmap_lock);
	return denied ? 0 : -EBUSY;
}

int mapping_map_writable(struct address_space *mapping)
{
	int nr = READ_ONCE(mapping->i_mmap_writable);

	do {
		if (nr < 0)
			return -EPERM;
	} while (!__atomic_compare_exchange_n(&mapping->i_mmap_writable, &nr,
					      nr + 1, true, __ATOMIC_ACQUIRE,
					      __ATOMIC_RELAXED));
	return 0;
}

void mapping_unmap_writable(struct address_space *mapping)
{
	__atomic_fetch_sub(&mapping->i_mmap_writable, 1, __ATOMIC_RELEASE);
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

struct vm_area_struct *i_mmap_first(struct address_space *mapping,
				    pgoff_t first, pgoff_t last)
{
	lockdep_assert_held(&mapping->i_mmap_lock);
	return interval_first(&mapping->i_mmap, first, last);
}

struct vm_area_struct *i_mmap_next(struct vm_area_struct *vma, pgoff_t first,
				   pgoff_t last)
{
	return interval_next(vma, first, last);
}
