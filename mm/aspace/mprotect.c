/* SPDX-License-Identifier: MIT */
/*
 * mprotect.c - changes what may be done with memory.
 *
 * 1. Areas are changed one by one, merging and cutting as needed; then their
 *    entries.  An entry gains _PAGE_RW only where a write needs no fault
 *    (shared memory, and frames known to be exclusive).  Memory that becomes
 *    PROT_NONE keeps its frames behind entries that are not present.
 * 2. Flush.  Only when some entry lost a right: a processor that has not
 *    heard of a gained one faults, and finds nothing to do.
 * 3. Partial results.  As in Linux, areas in front of a hole, or of one that
 *    may not have the new protection, are changed although the call fails.
 *    For want of memory nothing is changed in the area at hand.
 * 4. Locking.  mmap_lock for writing; ptl for entries.
 *
 * Source: mprotect(2).
 */
#include "mm/aspace/internal.h"

#define PROT_SEM 0x8
#define PROT_ALL (PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM)

/* What of an entry does not depend on the protection. */
#define PTE_KEEP                                                       \
	(PTE_PFN_MASK | _PAGE_ACCESSED | _PAGE_DIRTY | _PAGE_SPECIAL | \
	 _PAGE_SOFT_DIRTY | _PAGE_UFFD_WP)
#define PTE_RIGHTS (_PAGE_PRESENT | _PAGE_USER | _PAGE_RW)

static bool lost_rights(u64 old, u64 new)
{
	return (old & ~new &PTE_RIGHTS) || (new & ~old &_PAGE_NX);
}

static __always_inline u64 new_entry(u64 old, u64 prot, bool reuse)
{
	u64 v = (old & PTE_KEEP) | prot;

	/* A private frame: dirty and exclusive, so that no fault is due. */
	if (reuse && (v & _PAGE_DIRTY) && !(v & _PAGE_SPECIAL)) {
		const struct page *page = pfn_to_page(pte_pfn(__pte(v)));

		if (PageAnon(page) && PageAnonExclusive(page))
			v |= _PAGE_RW;
	}
	return v;
}

/* Entries of one table.  True: one lost a right. */
static bool change_table(pte_t *ptep, unsigned long nr, u64 prot, bool reuse)
{
	struct page *table = table_page(ptep);
	bool lost = false;

	ptl_lock(table);
	for (; nr; nr--, ptep++) {
		u64 old = pte_val(ptep_get(ptep)), new;

		if (!old)
			continue;
		new = new_entry(old, prot, reuse);
		if (new == old)
			continue;
		/*
		 * Losing rights: take the entry out for a moment, so that the
		 * bits a processor sets in it are not lost.
		 */
		if (lost_rights(old, new)) {
			u64 last = pte_val(ptep_get_and_clear(ptep));

			if (unlikely(last != old))
				new = new_entry(last, prot, reuse);
			lost |= old & _PAGE_PRESENT;
		}
		set_pte(ptep, __pte(new));
	}
	ptl_unlock(table);
	return lost;
}

/* Bring the entries of [start, end) in line with vma. */
static void change_protection(struct vm_area_struct *vma, unsigned long start,
			      unsigned long end)
{
	struct mm_struct *mm = vma->vm_mm;
	unsigned long addr = start;
	bool reuse = (vma->vm_flags & (VM_WRITE | VM_SHARED)) == VM_WRITE;
	bool flush = false;
	pte_t *ptep;

	while ((ptep = pte_next_table(mm, &addr, end)) != NULL) {
		unsigned long stop = pte_table_end(addr, end);

		if (!table_is_empty(table_page(ptep)))
			flush |= change_table(ptep, NR_PAGES(stop - addr),
					      vma->vm_page_prot, reuse);
		addr = stop;
	}
	if (flush)
		port->flush_tlb_range(mm, start, end, false);
}

/* Give [start, end) of vma new flags.  *out: the area that holds it then. */
static int protect_area(struct vm_area_struct *vma, unsigned long start,
			unsigned long end, unsigned long flags,
			struct vm_area_struct **out)
{
	struct mm_struct *mm = vma->vm_mm;
	unsigned long nr_pages = NR_PAGES(end - start), old = vma->vm_flags;
	struct vma_pool pool = {0};
	unsigned long charged = 0;
	unsigned int cuts;
	int err;

	*out = vma;
	if (flags == old)
		return 0;
	if (flags & VM_WRITE) {
		if (!may_expand_vm(mm, flags, nr_pages) &&
		    may_expand_vm(mm, old, nr_pages))
			return -ENOMEM;
		if (!(old &
		      (VM_ACCOUNT | VM_WRITE | VM_SHARED | VM_NORESERVE))) {
			err = vm_charge(mm, nr_pages);
			if (err)
				return err;
			charged = nr_pages;
			flags |= VM_ACCOUNT;
		}
	} else if ((old & VM_ACCOUNT) && vma_is_anonymous(vma) &&
		   !vma->anon_id) {
		/* Never written and cannot be: nothing is promised. */
		flags &= ~VM_ACCOUNT;
	}
	err = -ENOMEM;
	cuts = vma_flag_cuts(vma, start, end, flags);
	if (cuts && mm->map_count >= sysctl_max_map_count)
		goto out_uncharge;
	err = vma_pool_fill(&pool, cuts);
	if (err)
		goto out_uncharge;
	vma = vma_change_flags(vma, start, end, flags, &pool);
	vm_stat_account(mm, old, -(long)nr_pages);
	vm_stat_account(mm, flags, (long)nr_pages);
	if (old & ~flags & VM_ACCOUNT)
		vm_uncharge(nr_pages);
	change_protection(vma, start, end);
	*out = vma;
	return 0;

out_uncharge:
	if (charged)
		vm_uncharge(charged);
	return err;
}

/* mprotect(2)'s rights may not exceed those the mapping can ever have. */
static bool may_have(unsigned long flags)
{
	return !(flags & ~(flags >> 4) & VM_ACCESS_FLAGS);
}

static int protect_range(struct mm_struct *mm, struct vm_area_struct *vma,
			 unsigned long start, unsigned long end,
			 unsigned long prot)
{
	for (;;) {
		unsigned long flags = prot | (vma->vm_flags & ~VM_ACCESS_FLAGS);
		unsigned long stop = min(vma->vm_end, end);
		int err;

		if (!may_have(flags))
			return -EACCES;
		err = protect_area(vma, start, stop, flags, &vma);
		if (err || stop == end)
			return err;
		/* A merged area may reach further than the old one did. */
		start = stop;
		vma = find_vma(mm, start);
		if (!vma || vma->vm_start > start)
			return -ENOMEM;
	}
}

/* PROT_GROWSDOWN: from the start of the stack area that holds start. */
static int first_area(struct mm_struct *mm, unsigned long *start,
		      unsigned long end, unsigned long grows,
		      struct vm_area_struct **vma)
{
	*vma = find_vma(mm, *start);
	if (!*vma)
		return -ENOMEM;
	if (grows & PROT_GROWSUP)
		return (*vma)->vm_start > *start ? -ENOMEM : -EINVAL;
	if (!(grows & PROT_GROWSDOWN))
		return (*vma)->vm_start > *start ? -ENOMEM : 0;
	if ((*vma)->vm_start >= end)
		return -ENOMEM;
	if (!((*vma)->vm_flags & VM_GROWSDOWN))
		return -EINVAL;
	*start = (*vma)->vm_start;
	return 0;
}

int vm_mprotect(struct mm_struct *mm, unsigned long start, size_t len,
		unsigned long prot)
{
	unsigned long grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
	struct vm_area_struct *vma;
	unsigned long end;
	int err;

	prot &= ~grows;
	if (grows == (PROT_GROWSDOWN | PROT_GROWSUP))
		return -EINVAL;
	if (!IS_ALIGNED(start, PAGE_SIZE))
		return -EINVAL;
	if (!len)
		return 0;
	len = PAGE_ALIGN(len);
	end = start + len;
	if (end <= start)
		return -ENOMEM;
	if (prot & ~(unsigned long)PROT_ALL)
		return -EINVAL;
	mmap_write_lock(mm);
	err = first_area(mm, &start, end, grows, &vma);
	if (!err)
		err = protect_range(mm, vma, start, end,
				    prot & VM_ACCESS_FLAGS);
	mmap_write_unlock(mm);
	return err;
}
