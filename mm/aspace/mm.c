/* SPDX-License-Identifier: MIT */
/*
 * mm.c - the life of an address space: made, copied by fork, taken down.
 *
 * 1. Two counts.  mm_users: threads and those who look into the mappings;
 *    when it falls to zero everything is unmapped.  mm_count: the users
 *    together as one, and processors that still have the page tables loaded
 *    while they run kernel threads; when it falls to zero, the tables' root
 *    and the structure go.
 * 2. fork copies the areas, and all entries of those that hold anonymous
 *    pages; others have theirs again from a file, by faults.  Both sides then
 *    map each private frame read-only, and PG_anon_exclusive is gone.
 *    A frame that was exclusive is known to nobody but the entry in hand, so
 *    its counts are set, not atomically added to.
 * 3. Locking.  The old mm's mmap_lock for writing: its entries lose their
 *    write bits, and one TLB flush at the end makes that true everywhere.
 *    The new mm is not known to anyone yet.
 * 4. Failure.  A fork that fails drops what it has copied; frames left
 *    without PG_anon_exclusive regain it at the next write.
 *
 * Sources: fork(2), madvise(2) (MADV_DONTFORK, MADV_WIPEONFORK).
 */
#include "mm/aspace/mmu_gather.h"

static struct kmem_cache *mm_cachep;
static u64 last_context_id; /* atomic */

void aspace_init(void)
{
	mm_cachep = KMEM_CACHE(mm_struct, SLAB_PANIC | SLAB_ACCOUNT);
	vma_init();
	anon_init();
	account_init();
	zero_page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!zero_page)
		panic("no memory for the zero page");
}

/* A copy of old to be, or (NULL) something new. */
static struct mm_struct *mm_make(struct mm_struct *old)
{
	struct mm_struct *mm = kmem_cache_zalloc(mm_cachep, GFP_KERNEL);

	if (!mm)
		return NULL;
	mm->pgd = pgd_alloc(GFP_KERNEL);
	if (!mm->pgd)
		goto out_free;
	INIT_LIST_HEAD(&mm->anon_links);
	if (old ? anon_fork(mm, old) : anon_new(mm))
		goto out_pgd;
	spin_lock_init(&mm->areas_lock, LOCK_RANK_MM);
	mm->mm_users = 1;
	mm->mm_count = 1;
	init_rwsem(&mm->mmap_lock);
	mm->mm_lock_seq = 1;
	INIT_LIST_HEAD(&mm->mmap);
	mm->mmap_base = TASK_SIZE;
	mm->mmap_legacy_base = PAGE_ALIGN(TASK_SIZE / 3);
	mm->rlim_as = ~0UL;
	mm->rlim_data = ~0UL;
	mm->rlim_stack = 8UL << 20;
	mm->rlim_memlock = 8UL << 20;
	mm->context_id =
		__atomic_add_fetch(&last_context_id, 1, __ATOMIC_RELAXED);
	return mm;

out_pgd:
	pgd_free(mm->pgd);
out_free:
	kmem_cache_free(mm_cachep, mm);
	return NULL;
}

struct mm_struct *mm_alloc(void)
{
	return mm_make(NULL);
}

bool mmget_not_zero(struct mm_struct *mm)
{
	u32 users = READ_ONCE(mm->mm_users);

	while (users)
		if (__atomic_compare_exchange_n(
			    &mm->mm_users, &users, users + 1, false,
			    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	return false;
}

void mmgrab(struct mm_struct *mm)
{
	__atomic_fetch_add(&mm->mm_count, 1, __ATOMIC_RELAXED);
}

/* Counters that do not end at zero show lost or leaked pages. */
static void check_mm(const struct mm_struct *mm)
{
	for (int i = 0; i < NR_MM_COUNTERS; i++)
		WARN_ON_ONCE(mm->rss_stat[i]);
	WARN_ON_ONCE(mm->pgtables_bytes);
	WARN_ON_ONCE(mm->map_count);
}

void mmdrop(struct mm_struct *mm)
{
	if (__atomic_sub_fetch(&mm->mm_count, 1, __ATOMIC_ACQ_REL))
		return;
	check_mm(mm);
	pgd_free(mm->pgd);
	kmem_cache_free(mm_cachep, mm);
}

/* ---- exit ---- */

/*
 * Free the tables of areas whose entries are empty, run by run: areas that
 * are close to each other share tables, so they are freed together.
 */
static void free_all_tables(struct mmu_gather *tlb)
{
	struct list_head *areas = &tlb->mm->mmap;
	struct vm_area_struct *vma =
		list_first_entry(areas, struct vm_area_struct, vm_list);

	while (!list_entry_is_head(vma, areas, vm_list)) {
		unsigned long start = vma->vm_start, end = vma->vm_end;
		unsigned long ceiling = ~0UL;

		for (;;) {
			vma = list_next_entry(vma, vm_list);
			if (list_entry_is_head(vma, areas, vm_list))
				break;
			if (vma->vm_start - end > pgtable_size(1)) {
				ceiling = vma->vm_start;
				break;
			}
			end = vma->vm_end;
		}
		/* Nothing is left below. */
		tlb_free_tables(tlb, start, end, 0, ceiling);
	}
}

static void exit_mmap(struct mm_struct *mm)
{
	struct vm_area_struct *vma;
	struct mmu_gather tlb;

	/* No one else knows mm, but rmap walks come from the files' side. */
	mmap_write_lock(mm);
	tlb_gather_mmu_fullmm(&tlb, mm);
	for_each_vma(mm, vma)
		unmap_area(&tlb, vma, vma->vm_start, vma->vm_end, true);
	for_each_vma(mm, vma)
		vma_unlink_file(vma);
	anon_exit(mm);
	free_all_tables(&tlb);
	tlb_finish_mmu(&tlb);
	remove_vmas(&mm->mmap);
	INIT_LIST_HEAD(&mm->mmap);
	mm->mm_rb = RB_ROOT;
	mm->anon_moved = RB_ROOT;
	mm->mmap_cache = NULL;
	mm->map_count = 0;
	mm->total_vm = 0;
	mmap_write_unlock(mm);
}

void mmput(struct mm_struct *mm)
{
	if (__atomic_sub_fetch(&mm->mm_users, 1, __ATOMIC_ACQ_REL))
		return;
	exit_mmap(mm);
	mmdrop(mm);
}

/* ---- fork: entries ---- */

struct copy {
	struct vm_area_struct *src, *dst;
	long nr_anon, nr_file, nr_shmem;
	bool protected; /* an entry of the old mm lost its write bit */
};

/* One more entry maps this anonymous page, which thereby is shared. */
static void share_anon_page(struct page *page)
{
	if (PageAnonExclusive(page)) {
		if (likely(page_ref_count(page) == 1)) {
			WRITE_ONCE(page->_refcount, 2);
			WRITE_ONCE(page->_mapcount, 1);
			__ClearPageAnonExclusive(page);
			return;
		}
		ClearPageAnonExclusive(page);
	}
	__atomic_fetch_add(&page->_refcount, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&page->_mapcount, 1, __ATOMIC_RELAXED);
}

/* A file's page in an area that has copies, too: shared for reading. */
static void share_file_page(struct copy *c, struct page *page)
{
	get_page(page);
	__atomic_fetch_add(&page->_mapcount, 1, __ATOMIC_RELAXED);
	if (mm_counter_file(page) == MM_SHMEMPAGES)
		c->nr_shmem++;
	else
		c->nr_file++;
}

/* Entries [addr, end) of one table; both tables are locked. */
static unsigned int copy_entries(struct copy *c, pte_t *dst, pte_t *src,
				 unsigned long nr)
{
	unsigned int copied = 0;

	for (; nr; nr--, src++, dst++) {
		pte_t pte = ptep_get(src);
		struct page *page;

		if (pte_none(pte))
			continue;
		copied++;
		page = pfn_to_page(pte_pfn(pte));
		if (unlikely(pte_special(pte) || !PageAnon(page))) {
			if (!pte_special(pte))
				share_file_page(c, page);
			set_pte(dst, pte);
			continue;
		}
		share_anon_page(page);
		c->nr_anon++;
		if (pte_write(pte)) {
			ptep_set_wrprotect(src);
			pte = pte_wrprotect(pte);
			c->protected = true;
		}
		set_pte(dst, pte);
	}
	return copied;
}

static int copy_page_range(struct copy *c)
{
	struct mm_struct *src_mm = c->src->vm_mm, *dst_mm = c->dst->vm_mm;
	unsigned long addr = c->src->vm_start, end = c->src->vm_end;
	pte_t *src;

	vma_start_write(c->src);

	while ((src = pte_next_table(src_mm, &addr, end)) != NULL) {
		unsigned long stop = pte_table_end(addr, end);
		struct page *src_table = table_page(src), *dst_table;
		unsigned int copied;
		pte_t *dst;

		if (table_is_empty(src_table)) {
			addr = stop;
			continue;
		}
		dst = pte_alloc(dst_mm, addr);
		if (!dst)
			return -ENOMEM;
		dst_table = table_page(dst);
		/* The new table first: whoever waits for both is a fork. */
		ptl_lock(dst_table);
		ptl_lock(src_table);
		copied = copy_entries(c, dst, src, NR_PAGES(stop - addr));
		table_used_add(dst_table, (int)copied);
		ptl_unlock(src_table);
		ptl_unlock(dst_table);
		addr = stop;
	}
	return 0;
}

/* ---- fork: areas ---- */

/* A copy of src, linked last in mm; NULL: no memory. */
static struct vm_area_struct *copy_area(struct mm_struct *mm,
					const struct vm_area_struct *src)
{
	struct vm_area_struct *vma = vma_alloc(), *last = NULL;

	if (!vma)
		return NULL;
	vma_copy(vma, src);
	vma_set_range(vma, src->vm_start, src->vm_end, src->vm_pgoff);
	if ((vma->vm_flags & VM_ACCOUNT) &&
	    vm_charge(src->vm_mm, vma_pages(vma))) {
		vma_free(vma);
		return NULL;
	}
	WRITE_ONCE(vma->vm_mm, mm);
	vma->vm_flags &= ~(VM_LOCKED | VM_LOCKONFAULT);
	if (vma->vm_flags & VM_WIPEONFORK)
		vma->anon_id = 0;
	else if (vma->anon_id)
		vma->anon_id = anon_new_id(mm, true);
	if (vma->vm_file)
		vma->vm_file->ops->get(vma->vm_file);
	if (vma->vm_ops && vma->vm_ops->open)
		vma->vm_ops->open(vma);
	if (!list_empty(&mm->mmap))
		last = list_last_entry(&mm->mmap, struct vm_area_struct,
				       vm_list);
	vma_link(mm, vma, last);
	vm_stat_account(mm, vma->vm_flags, (long)vma_pages(vma));
	return vma;
}

static int dup_mmap(struct mm_struct *mm, struct mm_struct *oldmm)
{
	struct copy c = {0};
	int err = 0;

	for_each_vma(oldmm, c.src) {
		if (c.src->vm_flags & VM_DONTCOPY)
			continue;
		c.dst = copy_area(mm, c.src);
		if (!c.dst) {
			err = -ENOMEM;
			break;
		}
		if (!c.dst->anon_id)
			continue;
		err = copy_page_range(&c);
		if (err)
			break;
	}
	if (c.nr_anon)
		add_mm_counter(mm, MM_ANONPAGES, c.nr_anon);
	if (c.nr_file)
		add_mm_counter(mm, MM_FILEPAGES, c.nr_file);
	if (c.nr_shmem)
		add_mm_counter(mm, MM_SHMEMPAGES, c.nr_shmem);
	if (c.protected)
		port->flush_tlb_range(oldmm, 0, TASK_SIZE, false);
	return err;
}

static void copy_settings(struct mm_struct *mm, const struct mm_struct *old)
{
	mm->mmap_base = old->mmap_base;
	mm->mmap_legacy_base = old->mmap_legacy_base;
	mm->start_code = old->start_code;
	mm->end_code = old->end_code;
	mm->start_data = old->start_data;
	mm->end_data = old->end_data;
	mm->start_brk = old->start_brk;
	mm->brk = old->brk;
	mm->start_stack = old->start_stack;
	mm->arg_start = old->arg_start;
	mm->arg_end = old->arg_end;
	mm->env_start = old->env_start;
	mm->env_end = old->env_end;
	mm->rlim_as = old->rlim_as;
	mm->rlim_data = old->rlim_data;
	mm->rlim_stack = old->rlim_stack;
	mm->rlim_memlock = old->rlim_memlock;
}

struct mm_struct *dup_mm(struct mm_struct *oldmm)
{
	struct mm_struct *mm;
	int err;

	mmap_write_lock(oldmm);
	mm = mm_make(oldmm);
	if (!mm) {
		mmap_write_unlock(oldmm);
		return ERR_PTR(-ENOMEM);
	}
	copy_settings(mm, oldmm);
	err = dup_mmap(mm, oldmm);
	mmap_write_unlock(oldmm);
	if (err) {
		mmput(mm);
		return ERR_PTR(err);
	}
	mm->hiwater_rss = get_mm_rss(mm);
	mm->hiwater_vm = mm->total_vm;
	return mm;
}
