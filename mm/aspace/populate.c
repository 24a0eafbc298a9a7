/* SPDX-License-Identifier: MIT */
/*
 * populate.c - faults pages in ahead of use, and reaches them from outside.
 *
 * 1. Populating walks a range and calls the fault handler for every page that
 *    is not yet mapped with the wanted right.
 * 2. mm_get_page() gives the frame behind an address with a reference: it is
 *    taken with the leaf table locked, so the entry cannot lose the frame in
 *    between.  A reference keeps the frame from being reused, not from being
 *    unmapped.
 * 3. Locking.  mmap_lock for reading.
 *
 * Sources: mmap(2) (MAP_POPULATE), madvise(2) (MADV_POPULATE_READ).
 */
#include "mm/aspace/internal.h"

/* Would this access find the page mapped?  ptep NULL: there is no table. */
static bool mapped_for(const pte_t *ptep, bool write)
{
	pte_t pte;

	if (!ptep)
		return false;
	pte = ptep_get(ptep);
	return pte_present(pte) && (!write || pte_write(pte));
}

static int fault_error(vm_fault_t fault)
{
	if (!(fault & VM_FAULT_ERROR))
		return 0;
	return fault & VM_FAULT_OOM ? -ENOMEM : -EFAULT;
}

int populate_range(struct mm_struct *mm, struct vm_area_struct *vma,
		   unsigned long start, unsigned long end, bool write)
{
	unsigned int flags = write ? FAULT_FLAG_WRITE : 0;
	pte_t *ptep = NULL;

	for (unsigned long addr = start; addr < end; addr += PAGE_SIZE) {
		/* Tables stay while mmap_lock is held: look up once for each. */
		if (!ptep || !pgtable_slot(addr, 0))
			ptep = pte_lookup(mm, addr);
		while (!mapped_for(ptep, write)) {
			int err =
				fault_error(handle_mm_fault(vma, addr, flags));

			if (err)
				return err;
			if (!ptep)
				ptep = pte_lookup(mm, addr);
		}
		ptep++;
	}
	return 0;
}

void mm_populate(struct mm_struct *mm, unsigned long start, unsigned long len)
{
	unsigned long end = start + len;
	struct vm_area_struct *vma;

	mmap_read_lock(mm);
	vma = find_vma_intersection(mm, start, end);
	for (; vma && vma->vm_start < end; vma = vma_next(vma)) {
		/* Break copy-on-write now, but do not dirty shared files. */
		bool write =
			(vma->vm_flags & (VM_WRITE | VM_SHARED)) == VM_WRITE;

		if ((vma->vm_flags & (VM_IO | VM_PFNMAP | VM_LOCKONFAULT)) ||
		    !vma_is_accessible(vma))
			continue;
		if (populate_range(mm, vma, max(start, vma->vm_start),
				   min(end, vma->vm_end), write))
			break;
	}
	mmap_read_unlock(mm);
}

/* ---- one page, from outside ---- */

/* The mapped page, referenced; NULL: not mapped for this access. */
static struct page *try_get_page(struct mm_struct *mm, unsigned long addr,
				 bool write)
{
	pte_t *ptep = pte_lookup(mm, addr);
	struct page *table, *page = NULL;
	pte_t pte;

	if (!ptep)
		return NULL;
	table = table_page(ptep);
	ptl_lock(table);
	pte = ptep_get(ptep);
	if (pte_present(pte) && (!write || pte_write(pte))) {
		page = pfn_to_page(pte_pfn(pte));
		get_page(page);
		if (write && !pte_dirty(pte))
			set_pte(ptep, pte_mkdirty(pte));
	}
	ptl_unlock(table);
	return page;
}

struct page *mm_get_page(struct mm_struct *mm, unsigned long addr, bool write)
{
	unsigned int flags = FAULT_FLAG_REMOTE | (write ? FAULT_FLAG_WRITE : 0);
	unsigned long need = write ? VM_WRITE : VM_READ;
	struct vm_area_struct *vma;
	struct page *page;
	int err = 0;

	mmap_read_lock(mm);
	vma = find_vma(mm, addr);
	if (vma && vma->vm_start > addr)
		vma = grow_stack(mm, vma, addr);
	if (!vma || !(vma->vm_flags & need) ||
	    (vma->vm_flags & (VM_IO | VM_PFNMAP))) {
		mmap_read_unlock(mm);
		return ERR_PTR(-EFAULT);
	}
	while (!(page = try_get_page(mm, addr, write)) && !err)
		err = fault_error(handle_mm_fault(vma, addr, flags));
	mmap_read_unlock(mm);
	return page ? page : ERR_PTR(err);
}

size_t access_remote_vm(struct mm_struct *mm, unsigned long addr, void *buf,
			size_t len, bool write)
{
	size_t done = 0;

	while (done < len) {
		size_t offset = (addr + done) & ~PAGE_MASK;
		size_t n = min(len - done, PAGE_SIZE - offset);
		struct page *page = mm_get_page(mm, addr + done, write);

		if (IS_ERR(page))
			break;
		if (write)
			memcpy_to_page(page, offset, (char *)buf + done, n);
		else
			memcpy_from_page((char *)buf + done, page, offset, n);
		put_page(page);
		done += n;
	}
	return done;
}
