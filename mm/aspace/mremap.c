/* SPDX-License-Identifier: MIT */
/*
 * mremap.c - resizes and moves areas with what is in them.
 *
 * 1. Cases, by old and new length and flags:
 *
 *      shorter or same          the end is unmapped
 *      longer, room behind      the area grows where it is
 *      longer, MAYMOVE          a new area elsewhere, entries moved into it
 *      FIXED                    the same, at a given place, which is cleared
 *      DONTUNMAP                moved, but the emptied old area stays
 *      old length 0, shared     a second area of the same object
 *      FIXED, same length       every area of the range moves
 *
 * 2. Moving changes page tables only.  Where source and target are both
 *    aligned to what a leaf table covers (2 MiB), whole tables change hands;
 *    otherwise entries are moved one by one.  A target that we may choose is
 *    therefore as far from such a boundary as the source.
 * 3. Check, reserve, commit.  Spare areas and all page tables of the target
 *    are taken before anything is changed.
 * 4. Locking.  mmap_lock for writing.  For a file's area i_mmap_lock as well
 *    while entries are between two places, so that truncation sees them in
 *    one of the two; areas_lock while a table's are, for reverse mapping.
 *
 * Source: mremap(2).
 */
#include "mm/aspace/mmu_gather.h"

struct remap {
	struct mm_struct *mm;
	struct vm_area_struct *vma; /* that holds old_addr */
	unsigned long addr, old_len;
	unsigned long new_addr, new_len;
	unsigned long flags; /* MREMAP_* */
	struct vma_pool pool;
};

/* ---- moving entries ---- */

/* Do whole tables from here on move?  Both sides aligned, enough left. */
static bool can_move_table(unsigned long from, unsigned long to,
			   unsigned long len)
{
	unsigned long size = pgtable_size(1);

	return IS_ALIGNED(from | to, size) && len >= size;
}

/*
 * Make the tables that the target needs, so that moving cannot fail.  A
 * table that moves as a whole needs only the level above it.
 */
static int reserve_tables(const struct remap *r, unsigned long len)
{
	unsigned long addr = r->addr, end = addr + len;

	while (pte_next_table(r->mm, &addr, end)) {
		unsigned long to = r->new_addr + (addr - r->addr);
		unsigned long stop = pte_table_end(addr, end);

		if (can_move_table(addr, to, end - addr)) {
			if (!pgentry_alloc(r->mm, to, 1))
				return -ENOMEM;
		} else if (!pte_alloc(r->mm, to) ||
			   !pte_alloc(r->mm, to + (stop - addr) - PAGE_SIZE)) {
			return -ENOMEM;
		}
		addr = stop;
	}
	return 0;
}

static void set_upper(pte_t *ptep, pte_t pte)
{
	struct page *table = table_page(ptep);

	ptl_lock(table);
	table_used_add(table, !pte_none(pte) - !pte_none(ptep_get(ptep)));
	set_pte(ptep, pte);
	ptl_unlock(table);
}

/* The source's leaf table and the target's (none, or empty) change places. */
static void move_table(struct mm_struct *mm, unsigned long from,
		       unsigned long to)
{
	pte_t *src = pgentry_alloc(mm, from, 1);
	pte_t *dst = pgentry_alloc(mm, to, 1);
	pte_t full, empty;

	BUG_ON(!src || !dst); /* reserved */
	full = ptep_get(src);
	empty = ptep_get(dst);
	VM_BUG_ON(!pte_none(empty) &&
		  table_page(pte_table(empty))->table.nr_used);
	set_upper(src, empty);
	set_upper(dst, full);
}

/* Move nr entries, all in one table on each side.  True: one was present. */
static bool move_entries(pte_t *src, pte_t *dst, unsigned long nr)
{
	struct page *src_table = table_page(src), *dst_table = table_page(dst);
	bool present = false;
	int moved = 0;
	bool first_src = page_to_pfn(src_table) < page_to_pfn(dst_table);

	/* Two locks of one rank: by frame number. */
	ptl_lock(first_src ? src_table : dst_table);
	if (src_table != dst_table)
		ptl_lock(first_src ? dst_table : src_table);
	for (; nr; nr--, src++, dst++) {
		pte_t pte;

		if (pte_none(ptep_get(src)))
			continue;
		pte = ptep_get_and_clear(src);
		present |= pte_present(pte);
		set_pte(dst, pte);
		moved++;
	}
	table_used_add(src_table, -moved);
	table_used_add(dst_table, moved);
	if (src_table != dst_table)
		ptl_unlock(first_src ? dst_table : src_table);
	ptl_unlock(first_src ? src_table : dst_table);
	return present;
}

/* Move the entries of len bytes.  All tables exist. */
static void move_page_tables(struct remap *r, unsigned long len)
{
	unsigned long addr = r->addr, end = addr + len;
	bool flush = false, tables = false;
	pte_t *src;

	while ((src = pte_next_table(r->mm, &addr, end)) != NULL) {
		unsigned long to = r->new_addr + (addr - r->addr);
		unsigned long n = pte_table_end(addr, end) - addr;

		spin_lock(&r->mm->areas_lock);
		if (can_move_table(addr, to, end - addr)) {
			move_table(r->mm, addr, to);
			tables = true;
		} else {
			n = min(n, pte_table_end(to, ~0UL) - to);
			flush |= move_entries(src, pte_lookup(r->mm, to),
					      NR_PAGES(n));
		}
		spin_unlock(&r->mm->areas_lock);
		addr += n;
	}
	if (flush || tables)
		port->flush_tlb_range(r->mm, r->addr, end, tables);
}

/* ---- checks ---- */

/* What growing or moving needs to be allowed, in Linux's order. */
static int check_resize(const struct remap *r)
{
	const struct vm_area_struct *vma = r->vma;
	unsigned long flags = vma->vm_flags;
	pgoff_t pgoff = linear_page_index(vma, r->addr);

	if (!r->old_len && !(flags & (VM_SHARED | VM_MAYSHARE)))
		return -EINVAL;
	if ((r->flags & MREMAP_DONTUNMAP) &&
	    (flags & (VM_DONTEXPAND | VM_PFNMAP)))
		return -EINVAL;
	if (r->old_len > vma->vm_end - r->addr)
		return -EFAULT;
	if (r->new_len == r->old_len)
		return 0;
	if (pgoff + NR_PAGES(r->new_len) < pgoff)
		return -EINVAL;
	if (flags & (VM_DONTEXPAND | VM_PFNMAP))
		return -EFAULT;
	if (r->new_len < r->old_len)
		return 0;
	if (mlock_future_check(r->mm, flags, r->new_len - r->old_len))
		return -EAGAIN;
	if (!may_expand_vm(r->mm, flags, NR_PAGES(r->new_len - r->old_len)))
		return -ENOMEM;
	return 0;
}

/* A new place is given, or wanted. */
static bool needs_place(const struct remap *r)
{
	return r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP);
}

/* What is wrong whatever is mapped; lengths are whole pages. */
static int check_args(const struct remap *r)
{
	const unsigned long known =
		MREMAP_FIXED | MREMAP_MAYMOVE | MREMAP_DONTUNMAP;

	if ((r->flags & ~known) || !IS_ALIGNED(r->addr, PAGE_SIZE))
		return -EINVAL;
	if (!r->new_len || r->new_len > TASK_SIZE)
		return -EINVAL;
	if (!needs_place(r))
		return 0;
	if (r->new_addr > TASK_SIZE - r->new_len ||
	    !IS_ALIGNED(r->new_addr, PAGE_SIZE))
		return -EINVAL;
	if (!(r->flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if ((r->flags & MREMAP_DONTUNMAP) && r->old_len != r->new_len)
		return -EINVAL;
	/* Also where the new address is only a hint. */
	if (r->addr + r->old_len > r->new_addr &&
	    r->new_addr + r->new_len > r->addr)
		return -EINVAL;
	return 0;
}

/* ---- growing in place ---- */

static bool room_behind(struct mm_struct *mm, const struct vm_area_struct *vma,
			unsigned long delta)
{
	unsigned long end = vma->vm_end + delta;

	if (end < vma->vm_end || end > TASK_SIZE)
		return false;
	return !find_vma_intersection(mm, vma->vm_end, end);
}

static int grow_in_place(struct remap *r)
{
	unsigned long delta = r->new_len - r->old_len;
	unsigned long nr_pages = NR_PAGES(delta);
	struct vm_area_struct *vma = r->vma;

	if ((vma->vm_flags & VM_ACCOUNT) && vm_charge(r->mm, nr_pages))
		return -ENOMEM;
	/* The new part may join what follows, too. */
	if (!vma_merge_hole(r->mm, vma, vma->vm_end, vma->vm_end + delta,
			    vma->vm_flags, vma->vm_file,
			    linear_page_index(vma, vma->vm_end),
			    anon_ident_of(vma)))
		vma_move_bounds(vma, vma->vm_start, vma->vm_end + delta,
				vma->vm_pgoff);
	vm_stat_account(r->mm, vma->vm_flags, (long)nr_pages);
	if (vma->vm_flags & VM_LOCKED)
		r->mm->locked_vm += nr_pages;
	return 0;
}

/* ---- moving ---- */

/* The area at new_addr: a neighbour that grew, or one of the pool. */
static struct vm_area_struct *make_target(struct remap *r)
{
	struct vm_area_struct *prev, *vma, *old = r->vma;
	pgoff_t pgoff = linear_page_index(old, r->addr);
	struct anon_ident ident = anon_ident_of(old);

	/* Nothing depends on the index of memory never touched. */
	if (ident.id)
		ident.shift += NR_PAGES(r->addr) - NR_PAGES(r->new_addr);
	else if (vma_is_anonymous(old) && !old->vm_file)
		pgoff = NR_PAGES(r->new_addr);
	find_vma_prev(r->mm, r->new_addr, &prev);
	vma = vma_merge_hole(r->mm, prev, r->new_addr, r->new_addr + r->new_len,
			     old->vm_flags, old->vm_file, pgoff, ident);
	if (vma)
		return vma;
	vma = vma_pool_take(&r->pool);
	vma_copy(vma, old);
	vma_set_range(vma, r->new_addr, r->new_addr + r->new_len, pgoff);
	vma->anon_id = ident.id;
	vma->anon_shift = ident.shift;
	if (vma->vm_file)
		vma->vm_file->ops->get(vma->vm_file);
	if (vma->vm_ops && vma->vm_ops->open)
		vma->vm_ops->open(vma);
	vma_link(r->mm, vma, prev);
	return vma;
}

/* Merging may have joined the source with the target: one long area. */
static void commit_move(struct remap *r)
{
	struct address_space *mapping = vma_mapping(r->vma);
	unsigned long nr_pages = NR_PAGES(r->new_len);
	unsigned long flags = r->vma->vm_flags;

	make_target(r);
	r->vma = find_vma(r->mm, r->addr);
	vma_start_write(r->vma);
	if (mapping)
		spin_lock(&mapping->i_mmap_lock);
	move_page_tables(r, min(r->old_len, r->new_len));
	if (mapping)
		spin_unlock(&mapping->i_mmap_lock);
	vm_stat_account(r->mm, flags, (long)nr_pages);
	if (flags & VM_LOCKED)
		r->mm->locked_vm += nr_pages;
	if (!r->old_len)
		return;
	if (!(r->flags & MREMAP_DONTUNMAP)) {
		munmap_commit(r->mm, r->vma, r->addr, r->addr + r->old_len,
			      &r->pool);
		return;
	}
	/* The old range stays, empty; an area that is all of it is as new. */
	if (r->vma->vm_start == r->addr &&
	    r->vma->vm_end == r->addr + r->old_len)
		r->vma->anon_id = 0;
	if (flags & VM_LOCKED) {
		vma_change_flags(r->vma, r->addr, r->addr + r->old_len,
				 flags & ~(VM_LOCKED | VM_LOCKONFAULT),
				 &r->pool);
		r->mm->locked_vm -= NR_PAGES(r->old_len);
	}
}

/* Tables reserved in vain: free those in the holes of the target range. */
static void release_tables(struct remap *r)
{
	unsigned long addr = r->new_addr, end = addr + r->new_len;
	struct vm_area_struct *prev, *next;
	struct mmu_gather tlb;

	tlb_gather_mmu(&tlb, r->mm);
	while (addr < end) {
		next = find_vma_prev(r->mm, addr, &prev);
		if (!next || next->vm_start > addr)
			tlb_free_tables(&tlb, addr,
					next ? min(end, next->vm_start) : end,
					prev ? prev->vm_end : 0,
					next ? next->vm_start : ~0UL);
		if (!next)
			break;
		addr = next->vm_end;
	}
	tlb_finish_mmu(&tlb);
}

/*
 * Where to move to, if the caller does not say.  With the room of a table
 * more, the place can be shifted to be like the source's.
 */
static unsigned long choose_target(const struct remap *r, unsigned long hint)
{
	unsigned long size = pgtable_size(1), found, top;

	if (!hint && r->old_len >= size && r->new_len <= TASK_SIZE - size) {
		found = get_unmapped_area(r->mm, 0, r->new_len + size, 0);
		if (!IS_ERR_VALUE(found)) {
			top = found + size;
			return top - ((top - r->addr) & (size - 1));
		}
	}
	return get_unmapped_area(r->mm, hint, r->new_len, 0);
}

/* new_addr is chosen; what lies there (FIXED) goes.  The address or -E. */
static unsigned long move_area(struct remap *r)
{
	struct mm_struct *mm = r->mm;
	unsigned long charged = 0, new_end = r->new_addr + r->new_len;
	bool in_the_way;
	int err = -ENOMEM;

	if (mm->map_count + 3 >= sysctl_max_map_count)
		return (unsigned long)-ENOMEM;
	if (r->vma->vm_flags & VM_ACCOUNT) {
		charged = NR_PAGES(r->new_len);
		if (vm_charge(mm, charged))
			return (unsigned long)-ENOMEM;
	}
	/*
	 * The target, and the cuts around the source.  Should the target join
	 * the source's own area, that takes one cut more and no target.
	 */
	if (vma_pool_fill(&r->pool,
			  1 + vma_cuts(mm, r->addr, r->addr + r->old_len)))
		goto out_uncharge;
	in_the_way = (r->flags & MREMAP_FIXED) &&
		     find_vma_intersection(mm, r->new_addr, new_end);
	if (in_the_way) {
		err = munmap_reserve(mm, r->new_addr, new_end, &r->pool);
		if (err)
			goto out_drain;
	}
	err = reserve_tables(r, min(r->old_len, r->new_len));
	if (err)
		goto out_tables;
	if (in_the_way) {
		munmap_commit_keep_tables(mm, r->new_addr, new_end, &r->pool);
		r->vma = find_vma(mm, r->addr);
	}
	commit_move(r);
	vma_pool_drain(&r->pool);
	return r->new_addr;

out_tables:
	release_tables(r);
out_drain:
	vma_pool_drain(&r->pool);
out_uncharge:
	if (charged)
		vm_uncharge(charged);
	return (unsigned long)err;
}

/* ---- the call ---- */

/* MREMAP_FIXED, MREMAP_DONTUNMAP */
static unsigned long remap_to(struct remap *r)
{
	unsigned long old_len = r->old_len;
	int err;

	/* A longer source just loses its tail, whatever areas that spans. */
	r->old_len = min(old_len, r->new_len);
	err = check_resize(r);
	r->old_len = old_len;
	if (err)
		return (unsigned long)err;
	if ((r->flags & MREMAP_FIXED) && below_min_addr(r->new_addr))
		return (unsigned long)-EPERM;
	if ((r->flags & MREMAP_DONTUNMAP) &&
	    !may_expand_vm(r->mm, r->vma->vm_flags, NR_PAGES(r->old_len)))
		return (unsigned long)-ENOMEM;
	if (!(r->flags & MREMAP_FIXED)) {
		r->new_addr = choose_target(r, r->new_addr);
		if (IS_ERR_VALUE(r->new_addr))
			return r->new_addr;
	}
	return move_area(r);
}

static unsigned long resize(struct remap *r)
{
	int err;

	if (r->old_len >= r->new_len) {
		if (r->old_len == r->new_len)
			return r->addr;
		err = do_munmap(r->mm, r->addr + r->new_len,
				r->old_len - r->new_len);
		return err ? (unsigned long)err : r->addr;
	}
	err = check_resize(r);
	if (err)
		return (unsigned long)err;
	if (r->old_len == r->vma->vm_end - r->addr &&
	    room_behind(r->mm, r->vma, r->new_len - r->old_len)) {
		err = grow_in_place(r);
		return err ? (unsigned long)err : r->addr;
	}
	if (!(r->flags & MREMAP_MAYMOVE))
		return (unsigned long)-ENOMEM;
	r->new_addr = choose_target(r, 0);
	return IS_ERR_VALUE(r->new_addr) ? r->new_addr : move_area(r);
}

/*
 * MREMAP_FIXED without a change of size: every area of the range moves, and
 * the holes between them stay as wide; there is none at the start.  One that
 * cannot be moved ends it, and those before have moved.
 */
static unsigned long move_all(const struct remap *whole)
{
	unsigned long end = whole->addr + whole->old_len, at = whole->addr;
	struct vm_area_struct *vma = find_vma(whole->mm, at);

	if (!vma || vma->vm_start > at)
		return (unsigned long)-EFAULT;
	for (; at < end; vma = find_vma(whole->mm, at)) {
		struct remap r = *whole;
		unsigned long from, ret;

		if (!vma || vma->vm_start >= end)
			break;
		from = max(at, vma->vm_start);
		at = min(end, vma->vm_end);
		r.vma = vma;
		r.addr = from;
		r.old_len = r.new_len = at - from;
		r.new_addr += from - whole->addr;
		ret = remap_to(&r);
		if (IS_ERR_VALUE(ret))
			return ret;
	}
	return whole->new_addr;
}

/* Locked.  *populate: the new part has to be faulted in. */
static unsigned long do_mremap(struct remap *r, bool *populate)
{
	unsigned long ret;

	if ((r->flags & MREMAP_FIXED) && r->old_len == r->new_len)
		return move_all(r);
	r->vma = find_vma(r->mm, r->addr);
	if (!r->vma || r->vma->vm_start > r->addr)
		return (unsigned long)-EFAULT;
	*populate = r->vma->vm_flags & VM_LOCKED && r->new_len > r->old_len;
	ret = needs_place(r) ? remap_to(r) : resize(r);
	*populate &= !IS_ERR_VALUE(ret);
	return ret;
}

unsigned long vm_mremap(struct mm_struct *mm, unsigned long addr,
			unsigned long old_len, unsigned long new_len,
			unsigned long flags, unsigned long new_addr)
{
	struct remap r = {
		.mm = mm,
		.addr = addr,
		.old_len = PAGE_ALIGN(old_len),
		.new_addr = new_addr,
		.new_len = PAGE_ALIGN(new_len),
		.flags = flags,
	};
	unsigned long ret = (unsigned long)check_args(&r);
	bool populate = false;

	if (ret)
		return ret;
	mmap_write_lock(mm);
	ret = do_mremap(&r, &populate);
	mmap_write_unlock(mm);
	if (populate)
		mm_populate(mm, ret + r.old_len, r.new_len - r.old_len);
	return ret;
}
