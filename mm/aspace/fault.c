/* SPDX-License-Identifier: MIT */
/*
 * fault.c - resolves page faults.
 *
 * 1. Idea.  The entry for the address says what has to be done:
 *
 *      entry        access   area        then
 *      empty        read     anonymous   the zero page, read-only
 *      empty        write    anonymous   a cleared frame
 *      empty        read     file        the file's page and its neighbours
 *      empty        write    private     a copy of the file's page
 *      empty        write    shared      the file's page, writable
 *      read-only    write    private     a copy; no copy if nobody else has
 *                                        the frame
 *      read-only    write    shared      made writable
 *      fine         any      any         someone else was faster: try again
 *
 *    What takes time (a frame, a file's page) is got first, with no spinlock
 *    held; then the table is locked, and if the entry is no longer what it
 *    was, everything is given back and the access tried again.
 * 2. Who may write in place.  PG_anon_exclusive: the frame is mapped by this
 *    entry alone.  It is set when the frame is new and taken away by fork;
 *    when the other side has gone, which a reference count of one shows, it
 *    is set again.
 * 3. Truncation.  A file's page is mapped only if, with the table locked, it
 *    is still its mapping's.  Truncation takes pages out of the mapping first
 *    and empties entries afterwards, so it meets either the entry or us.
 * 4. Locking.  The area alone (vma_lock.c), or mmap_lock for reading: where
 *    the area cannot be had, a stack grows, an area gets its first anonymous
 *    page, or the access is not allowed; ptl for each change.
 *    Spurious faults happen: rights are only ever added to an entry without a
 *    flush, and a processor that still has the old one comes here.
 * 5. Failure.  VM_FAULT_OOM; tables made on the way stay for the next try.
 *
 * Sources: mmap(2), sigaction(2) (si_code), Intel SDM volume 3A 4.7, 4.10.
 */
#include "mm/aspace/internal.h"

/* File pages mapped around a faulting one, a power of two. */
#define FAULT_AROUND_PAGES 16

struct page *zero_page;

/* ---- reverse-map counts ---- */

void page_add_new_anon_rmap(struct page *page, struct vm_area_struct *vma,
			    unsigned long addr)
{
	/* Nobody else knows the page yet; only buddies look at its flags. */
	page->_mapcount = 0;
	WRITE_ONCE(page->flags, page->flags | 1U << PG_swapbacked |
					1U << PG_uptodate |
					1U << PG_anon_exclusive);
	page_set_mapping(page, (uintptr_t)vma->vm_mm->anon | PAGE_MAPPING_ANON,
			 anon_page_index(vma, addr));
	mod_page_stat(page, NST_nr_anon_pages, 1);
}

/* An ancestor's page has no other user any more: it is vma's own now. */
static void page_move_anon_rmap(struct page *page, struct vm_area_struct *vma)
{
	u64 rest = page->mapping_index & ~0xffffffffffffUL;
	u64 space = (uintptr_t)vma->vm_mm->anon | PAGE_MAPPING_ANON;

	WRITE_ONCE(page->mapping_index, rest | (space & 0xffffffffffffUL));
}

static void page_add_file_rmap(struct page *page)
{
	if (__atomic_add_fetch(&page->_mapcount, 1, __ATOMIC_RELAXED) == 0)
		mod_page_stat(page, NST_nr_mapped, 1);
}

void page_remove_rmap(struct page *page)
{
	if (__atomic_sub_fetch(&page->_mapcount, 1, __ATOMIC_RELAXED) < 0)
		mod_page_stat(
			page,
			PageAnon(page) ? NST_nr_anon_pages : NST_nr_mapped, -1);
}

static inline void note_anon(struct vm_area_struct *vma)
{
	if (unlikely(!smp_load_acquire(&vma->anon_id)))
		anon_prepare(vma);
}

/* ---- a fault under way ---- */

struct fault {
	struct vm_area_struct *vma;
	unsigned long addr; /* page-aligned */
	unsigned int flags; /* FAULT_FLAG_* */
	pte_t *ptep;
	pte_t orig;	    /* what *ptep was */
	struct page *table; /* that ptep is in */
};

static inline bool is_write(const struct fault *f)
{
	return f->flags & FAULT_FLAG_WRITE;
}

/* Lock the table; false, unlocked: the entry has changed meanwhile. */
static inline bool lock_entry(struct fault *f)
{
	ptl_lock(f->table);
	if (likely(pte_val(ptep_get(f->ptep)) == pte_val(f->orig)))
		return true;
	ptl_unlock(f->table);
	return false;
}

static inline void fill_entry(struct fault *f, pte_t pte)
{
	table_used_add(f->table, 1);
	set_pte(f->ptep, pte);
}

static inline pte_t mk_pte(const struct fault *f, const struct page *page)
{
	return pfn_pte(page_to_pfn(page), f->vma->vm_page_prot);
}

/* As mk_pte, for a write access that is allowed. */
static inline pte_t mk_pte_write(const struct fault *f, const struct page *page)
{
	return pte_mkdirty(pte_mkwrite(mk_pte(f, page)));
}

/* ---- anonymous memory ---- */

static vm_fault_t anon_read(struct fault *f)
{
	if (!lock_entry(f))
		return 0;
	fill_entry(f, pte_mkspecial(mk_pte(f, zero_page)));
	ptl_unlock(f->table);
	return 0;
}

static vm_fault_t anon_write(struct fault *f)
{
	struct vm_area_struct *vma = f->vma;
	struct page *page = alloc_page(GFP_USER_PAGE | __GFP_ZERO);

	if (unlikely(!page))
		return VM_FAULT_OOM;
	note_anon(vma);
	page_add_new_anon_rmap(page, vma, f->addr);
	if (unlikely(!lock_entry(f))) {
		page_remove_rmap(page);
		put_page(page);
		return 0;
	}
	fill_entry(f, mk_pte_write(f, page));
	ptl_unlock(f->table);
	add_mm_counter(vma->vm_mm, MM_ANONPAGES, 1);
	return 0;
}

/* ---- copy on write ---- */

/* The frame behind orig belongs to this entry alone: let it write. */
static vm_fault_t reuse_locked(struct fault *f)
{
	pte_t pte = pte_mkyoung(pte_mkdirty(pte_mkwrite(f->orig)));

	set_pte(f->ptep, pte);
	ptl_unlock(f->table);
	count_vm_event(VMEV_pgreuse);
	return 0;
}

/* Replace the locked entry's old page (NULL: the zero page) by its copy. */
static void replace_locked(struct fault *f, struct page *old, struct page *copy)
{
	struct mm_struct *mm = f->vma->vm_mm;

	/*
	 * No processor may read the old frame once one can write the new, so
	 * the entry is empty while the TLBs are flushed.
	 */
	set_pte(f->ptep, __pte(0));
	port->flush_tlb_range(mm, f->addr, f->addr + PAGE_SIZE, false);
	page_add_new_anon_rmap(copy, f->vma, f->addr);
	set_pte(f->ptep, mk_pte_write(f, copy));
	if (old && PageAnon(old)) {
		page_remove_rmap(old);
		return;
	}
	add_mm_counter(mm, MM_ANONPAGES, 1);
	if (!old)
		return;
	add_mm_counter(mm, mm_counter_file(old), -1);
	page_remove_rmap(old);
}

/* old: referenced by the caller, or NULL for the zero page. */
static vm_fault_t copy_page_fault(struct fault *f, struct page *old)
{
	struct page *copy = alloc_page(GFP_USER_PAGE | (old ? 0 : __GFP_ZERO));

	if (!copy)
		return VM_FAULT_OOM;
	note_anon(f->vma);
	if (old)
		copy_highpage(copy, old);
	if (!lock_entry(f)) {
		put_page(copy);
		return 0;
	}
	replace_locked(f, old, copy);
	ptl_unlock(f->table);
	if (old)
		put_page(old); /* the reference that the entry had */
	return 0;
}

static vm_fault_t shared_write(struct fault *f, struct page *page);

/* A write to a present, read-only entry of a writable area. */
static vm_fault_t write_protected(struct fault *f)
{
	struct page *page;
	vm_fault_t ret;

	if (pte_special(f->orig))
		return copy_page_fault(f, NULL);
	if (!lock_entry(f))
		return 0;
	page = pfn_to_page(pte_pfn(f->orig));
	if (PageAnon(page)) {
		if (PageAnonExclusive(page))
			return reuse_locked(f);
		/* Acquire: who dropped the others has done copying from it. */
		if (smp_load_acquire(&page->_refcount) == 1) {
			SetPageAnonExclusive(page);
			page_move_anon_rmap(page, f->vma);
			return reuse_locked(f);
		}
	}
	get_page(page);
	ptl_unlock(f->table);
	if (f->vma->vm_flags & VM_SHARED)
		ret = shared_write(f, page);
	else
		ret = copy_page_fault(f, page);
	put_page(page);
	return ret;
}

/* A shared page, mapped already, is to become writable. */
static vm_fault_t shared_write(struct fault *f, struct page *page)
{
	const struct vm_operations_struct *ops = f->vma->vm_ops;

	if (ops && ops->page_mkwrite) {
		struct vm_fault vmf = {
			.vma = f->vma,
			.flags = f->flags,
			.pgoff = linear_page_index(f->vma, f->addr),
			.address = f->addr,
			.page = page,
		};
		vm_fault_t ret = ops->page_mkwrite(&vmf);

		if (ret & VM_FAULT_ERROR)
			return ret;
	}
	if (!lock_entry(f))
		return 0;
	return reuse_locked(f);
}

/* ---- files ---- */

/* With the table locked: may a page that ->fault gave still be mapped? */
static bool still_in_file(const struct fault *f, const struct page *page)
{
	const struct address_space *mapping = vma_mapping(f->vma);

	return !mapping || page_mapping(page) == mapping;
}

/* vma's ->fault: the page, referenced, or its VM_FAULT_ bits in *ret. */
static struct page *file_page(struct fault *f, vm_fault_t *ret)
{
	struct vm_fault vmf = {
		.vma = f->vma,
		.flags = f->flags,
		.pgoff = linear_page_index(f->vma, f->addr),
		.address = f->addr,
	};

	if (!f->vma->vm_ops->fault) {
		*ret = VM_FAULT_SIGBUS;
		return NULL;
	}
	*ret = f->vma->vm_ops->fault(&vmf);
	if (*ret & (VM_FAULT_ERROR | VM_FAULT_NOPAGE | VM_FAULT_RETRY))
		return NULL;
	return vmf.page;
}

static void map_file_page_locked(struct fault *f, pte_t *ptep,
				 struct page *page, pte_t pte)
{
	page_add_file_rmap(page);
	table_used_add(f->table, 1);
	set_pte(ptep, pte);
}

/*
 * Map the resident neighbours of the faulting page: those of its aligned
 * window that lie in the area and in the same table.  True: its own entry was
 * filled as well.
 */
static bool fault_around(struct fault *f)
{
	struct vm_area_struct *vma = f->vma;
	unsigned long window = FAULT_AROUND_PAGES << PAGE_SHIFT;
	unsigned long start = max(ALIGN_DOWN(f->addr, window), vma->vm_start);
	/* An area that begins inside the window has as many pages, too. */
	unsigned long end =
		pte_table_end(start, min(start + window, vma->vm_end));
	struct page *pages[FAULT_AROUND_PAGES];
	unsigned int nr = (unsigned int)NR_PAGES(end - start);
	pte_t *ptep = f->ptep - NR_PAGES(f->addr - start);
	long nr_mapped[NR_MM_COUNTERS] = {0};
	bool filled;

	if (!vma->vm_ops->map_pages(vma, linear_page_index(vma, start), nr,
				    pages))
		return false;
	ptl_lock(f->table);
	for (unsigned int i = 0; i < nr; i++, ptep++) {
		struct page *page = pages[i];

		if (!page || !pte_none(ptep_get(ptep)) ||
		    !still_in_file(f, page))
			continue;
		map_file_page_locked(f, ptep, page, mk_pte(f, page));
		nr_mapped[mm_counter_file(page)]++;
		pages[i] = NULL; /* the reference is the entry's now */
	}
	filled = !pte_none(ptep_get(f->ptep));
	ptl_unlock(f->table);
	for (unsigned int i = 0; i < nr; i++)
		if (pages[i])
			put_page(pages[i]);
	for (int i = 0; i < NR_MM_COUNTERS; i++)
		if (nr_mapped[i])
			add_mm_counter(vma->vm_mm, i, nr_mapped[i]);
	return filled;
}

/*
 * Map page itself; takes over the reference.  True: done.  Once the table is
 * unlocked the entry may be emptied and the page be somebody else's.
 */
static bool map_file_page(struct fault *f, struct page *page, bool writable)
{
	enum rss_counter member = mm_counter_file(page);
	bool mapped = false;

	if (lock_entry(f)) {
		mapped = still_in_file(f, page);
		if (mapped) {
			map_file_page_locked(f, f->ptep, page,
					     writable ? mk_pte_write(f, page)
						      : mk_pte(f, page));
			if (writable && !PageDirty(page))
				SetPageDirty(page);
		}
		ptl_unlock(f->table);
	}
	if (mapped)
		add_mm_counter(f->vma->vm_mm, member, 1);
	else
		put_page(page);
	return mapped;
}

static vm_fault_t file_read(struct fault *f)
{
	vm_fault_t ret;
	struct page *page;

	if (f->vma->vm_ops->map_pages && fault_around(f))
		return 0;
	page = file_page(f, &ret);
	if (page)
		map_file_page(f, page, false);
	return ret;
}

static vm_fault_t file_write_shared(struct fault *f)
{
	bool notify = f->vma->vm_ops->page_mkwrite;
	vm_fault_t ret;
	struct page *page = file_page(f, &ret);

	/* With page_mkwrite: read-only first, the write then asks for more. */
	if (page)
		map_file_page(f, page, !notify);
	return ret;
}

static vm_fault_t file_write_private(struct fault *f)
{
	struct mm_struct *mm = f->vma->vm_mm;
	struct page *copy = alloc_page(GFP_USER_PAGE);
	struct page *page;
	vm_fault_t ret;

	if (!copy)
		return VM_FAULT_OOM;
	page = file_page(f, &ret);
	if (!page)
		goto out_free;
	note_anon(f->vma);
	copy_highpage(copy, page);
	if (!lock_entry(f))
		goto out_put;
	if (!still_in_file(f, page)) {
		ptl_unlock(f->table);
		goto out_put;
	}
	page_add_new_anon_rmap(copy, f->vma, f->addr);
	fill_entry(f, mk_pte_write(f, copy));
	ptl_unlock(f->table);
	add_mm_counter(mm, MM_ANONPAGES, 1);
	put_page(page);
	return ret;

out_put:
	put_page(page);
out_free:
	put_page(copy);
	return ret;
}

/* ---- dispatch ---- */

static inline vm_fault_t missing_page(struct fault *f)
{
	if (likely(vma_is_anonymous(f->vma)))
		return is_write(f) ? anon_write(f) : anon_read(f);
	if (!is_write(f))
		return file_read(f);
	if (f->vma->vm_flags & VM_SHARED)
		return file_write_shared(f);
	return file_write_private(f);
}

/* The entry allows the access: a race, a stale TLB, or a processor's bits. */
static vm_fault_t spurious(struct fault *f)
{
	pte_t pte = pte_mkyoung(f->orig);

	if (is_write(f))
		pte = pte_mkdirty(pte);
	if (!lock_entry(f))
		return 0;
	if (pte_val(pte) != pte_val(f->orig))
		set_pte(f->ptep, pte);
	ptl_unlock(f->table);
	arch_flush_tlb_one(f->addr);
	return 0;
}

vm_fault_t handle_mm_fault(struct vm_area_struct *vma, unsigned long addr,
			   unsigned int flags)
{
	struct fault f = {.vma = vma, .addr = addr & PAGE_MASK, .flags = flags};

	f.ptep = pte_alloc(vma->vm_mm, addr);
	if (unlikely(!f.ptep))
		return VM_FAULT_OOM;
	f.table = table_page(f.ptep);
	f.orig = ptep_get(f.ptep);
	if (pte_none(f.orig))
		return missing_page(&f);
	if (is_write(&f) && !pte_write(f.orig))
		return write_protected(&f);
	return spurious(&f);
}

/* ---- the stack ---- */

/* Is there room to let vma start at addr, by all limits?  0 or -ENOMEM. */
static int stack_may_grow(const struct vm_area_struct *vma, unsigned long addr,
			  unsigned long nr_pages)
{
	const struct vm_area_struct *prev = vma_prev(vma);
	const struct mm_struct *mm = vma->vm_mm;

	if (addr < READ_ONCE(sysctl_mmap_min_addr))
		return -EPERM;
	if (prev && prev->vm_end > addr)
		return -ENOMEM;
	if (prev && !(prev->vm_flags & VM_GROWSDOWN) &&
	    vma_is_accessible(prev) && addr - prev->vm_end < STACK_GUARD_GAP)
		return -ENOMEM;
	if (!may_expand_vm(mm, vma->vm_flags, nr_pages))
		return -ENOMEM;
	if (vma->vm_end - addr > mm->rlim_stack)
		return -ENOMEM;
	if (mlock_future_check(mm, vma->vm_flags, nr_pages << PAGE_SHIFT))
		return -ENOMEM;
	return 0;
}

/* Locked. */
int expand_stack(struct vm_area_struct *vma, unsigned long addr)
{
	struct mm_struct *mm = vma->vm_mm;
	unsigned long nr_pages;
	int err;

	addr &= PAGE_MASK;
	if (addr >= vma->vm_start)
		return 0;
	nr_pages = NR_PAGES(vma->vm_start - addr);
	if (nr_pages > vma->vm_pgoff)
		return -ENOMEM;
	err = stack_may_grow(vma, addr, nr_pages);
	if (err)
		return err;
	if ((vma->vm_flags & VM_ACCOUNT) && vm_charge(mm, nr_pages))
		return -ENOMEM;
	vma_move_bounds(vma, addr, vma->vm_end, vma->vm_pgoff - nr_pages);
	vm_stat_account(mm, vma->vm_flags, (long)nr_pages);
	if (vma->vm_flags & VM_LOCKED)
		mm->locked_vm += nr_pages;
	return 0;
}

noinline struct vm_area_struct *grow_stack(struct mm_struct *mm,
					   struct vm_area_struct *vma,
					   unsigned long addr)
{
	if (!(vma->vm_flags & VM_GROWSDOWN))
		return NULL;
	mmap_read_unlock(mm);
	mmap_write_lock(mm);
	vma = find_vma(mm, addr);
	if (vma && vma->vm_start > addr &&
	    (!(vma->vm_flags & VM_GROWSDOWN) || expand_stack(vma, addr)))
		vma = NULL;
	mmap_write_downgrade(mm);
	return vma;
}

/* ---- from the processor ---- */

static bool access_allowed(const struct vm_area_struct *vma, unsigned int flags)
{
	if (flags & FAULT_FLAG_WRITE)
		return vma->vm_flags & VM_WRITE;
	if (flags & FAULT_FLAG_INSTRUCTION)
		return vma->vm_flags & VM_EXEC;
	return vma_is_accessible(vma);
}

static vm_fault_t segv(struct mm_struct *mm, int code, int *si_code)
{
	mmap_read_unlock(mm);
	*si_code = code;
	return VM_FAULT_SIGSEGV;
}

static void count_fault(struct mm_struct *mm, vm_fault_t ret, int *si_code)
{
	if (unlikely(ret & VM_FAULT_SIGBUS))
		*si_code = BUS_CODE_ADRERR;
	if (unlikely(ret & VM_FAULT_SIGSEGV))
		*si_code = SEGV_CODE_MAPERR;
	if (unlikely(ret & VM_FAULT_MAJOR)) {
		count_vm_event(VMEV_pgmajfault);
		__atomic_fetch_add(&mm->maj_flt, 1, __ATOMIC_RELAXED);
	} else {
		__atomic_fetch_add(&mm->min_flt, 1, __ATOMIC_RELAXED);
	}
}

vm_fault_t mm_fault(struct mm_struct *mm, unsigned long addr,
		    unsigned int flags, int *si_code)
{
	struct vm_area_struct *vma;
	vm_fault_t ret;
	bool by_mm;

	count_vm_event(VMEV_pgfault);
	vma = lock_vma_under_rcu(mm, addr, flags, &by_mm);
	if (likely(vma)) {
		bool can = access_allowed(vma, flags);

		ret = can ? handle_mm_fault(vma, addr, flags) : 0;
		if (by_mm)
			mmap_read_unlock(mm);
		else
			vma_end_read(vma);
		if (likely(can)) {
			count_fault(mm, ret, si_code);
			return ret;
		}
	}
	mmap_read_lock(mm);
	vma = find_vma(mm, addr);
	if (unlikely(!vma))
		return segv(mm, SEGV_CODE_MAPERR, si_code);
	if (unlikely(vma->vm_start > addr)) {
		vma = grow_stack(mm, vma, addr);
		if (!vma)
			return segv(mm, SEGV_CODE_MAPERR, si_code);
	}
	if (unlikely(!access_allowed(vma, flags)))
		return segv(mm, SEGV_CODE_ACCERR, si_code);
	ret = handle_mm_fault(vma, addr, flags);
	mmap_read_unlock(mm);
	count_fault(mm, ret, si_code);
	return ret;
}
