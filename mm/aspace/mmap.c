/* SPDX-License-Identifier: MIT */
/*
 * mmap.c - mmap, munmap and brk.
 *
 * 1. Check, reserve, commit.  Everything that can fail comes first: arguments,
 *    limits, the promise of memory, spare areas for cuts, the file's consent.
 *    Then old areas are cut and taken away and the new one is put in, which
 *    cannot fail.  So a MAP_FIXED call that fails leaves what was there.
 * 2. Cheap cases.  Where a neighbour can simply grow over the new range (brk,
 *    heaps made of many anonymous mappings) no area is made at all.
 *    Neither is one when munmap takes the end or the start of an area off.
 * 3. munmap takes the areas out of the set first, then empties their entries,
 *    flushes once, frees the frames, and then the tables that no neighbour
 *    shares.
 * 4. Locking.  mmap_lock for writing.  Populating comes after it is dropped.
 *
 * Sources: mmap(2), munmap(2), brk(2), getrlimit(2).
 */
#include "mm/aspace/mmu_gather.h"

static const struct aspace_ops *aspace_ops;

void register_aspace_ops(const struct aspace_ops *ops)
{
	aspace_ops = ops;
}

/* ---- munmap ---- */

/* Round len up and check the range: 0 or -EINVAL. */
static int munmap_check(unsigned long start, size_t *len)
{
	if (!IS_ALIGNED(start, PAGE_SIZE) || start > TASK_SIZE ||
	    *len > TASK_SIZE - start)
		return -EINVAL;
	*len = PAGE_ALIGN(*len);
	return *len ? 0 : -EINVAL;
}

/* Is the range all of vma, or one end of it? */
static bool vma_needs_no_cut(const struct vm_area_struct *vma,
			     unsigned long start, unsigned long end)
{
	if (vma->vm_start < start)
		return vma->vm_end == end;
	return vma->vm_start == start && vma->vm_end >= end;
}

/* vma is the first area that overlaps. */
static inline int munmap_reserve_at(struct mm_struct *mm,
				    const struct vm_area_struct *vma,
				    unsigned long start, unsigned long end,
				    struct vma_pool *pool)
{
	unsigned int cuts;

	if (vma_needs_no_cut(vma, start, end))
		return 0;
	/* A hole in the middle of an area makes one area more. */
	if (vma->vm_start < start && vma->vm_end > end &&
	    mm->map_count >= sysctl_max_map_count)
		return -ENOMEM;
	cuts = vma_cuts(mm, start, end);
	return cuts ? vma_pool_fill(pool, pool->nr + cuts) : 0;
}

int munmap_reserve(struct mm_struct *mm, unsigned long start, unsigned long end,
		   struct vma_pool *pool)
{
	const struct vm_area_struct *vma =
		find_vma_intersection(mm, start, end);

	return vma ? munmap_reserve_at(mm, vma, start, end, pool) : 0;
}

void remove_vmas(struct list_head *vmas)
{
	struct vm_area_struct *vma, *next;
	unsigned long nr_uncharged = 0;

	list_for_each_entry_safe(vma, next, vmas, vm_list) {
		if (vma->vm_flags & VM_ACCOUNT)
			nr_uncharged += vma_pages(vma);
		vma_put(vma);
	}
	if (nr_uncharged)
		vm_uncharge(nr_uncharged);
}

/* vma's pages no longer count.  Locked. */
static void account_gone(struct mm_struct *mm, unsigned long flags,
			 unsigned long nr_pages)
{
	vm_stat_account(mm, flags, -(long)nr_pages);
	if (unlikely(flags & VM_LOCKED))
		mm->locked_vm -= nr_pages;
}

/*
 * Take the whole areas of [start, end) out of the set and its sums.  The area
 * behind them.
 */
static struct vm_area_struct *detach_areas(struct mm_struct *mm,
					   struct vm_area_struct *vma,
					   unsigned long end,
					   struct list_head *out)
{
	while (vma && vma->vm_start < end) {
		struct vm_area_struct *next = vma_next(vma);

		vma_unlink(mm, vma);
		list_add_tail(&vma->vm_list, out);
		account_gone(mm, vma->vm_flags, vma_pages(vma));
		vma = next;
	}
	return vma;
}

/* vma loses [start, end), which is all of it or one end. */
static void trim_area(struct vm_area_struct *vma, unsigned long start,
		      unsigned long end, bool free_tables)
{
	bool whole = vma->vm_start == start && vma->vm_end == end;
	bool upper = vma->vm_start < start;
	const struct vm_area_struct *prev = upper ? vma : vma_prev(vma);
	const struct vm_area_struct *next =
		upper || whole ? vma_next(vma) : vma;
	unsigned long nr_pages = NR_PAGES(end - start);
	struct mm_struct *mm = vma->vm_mm;
	struct mmu_gather tlb;

	vma_start_write(vma);
	account_gone(mm, vma->vm_flags, nr_pages);
	if (vma->vm_flags & VM_ACCOUNT)
		vm_uncharge(nr_pages);
	tlb_gather_mmu(&tlb, mm);
	unmap_area(&tlb, vma, start, end, true);
	if (whole) {
		vma_unlink(mm, vma);
		vma_unlink_file(vma);
	} else if (upper) {
		vma_move_bounds(vma, vma->vm_start, start, vma->vm_pgoff);
	} else {
		vma_move_bounds(vma, end, vma->vm_end,
				linear_page_index(vma, end));
	}
	if (free_tables)
		tlb_free_tables(&tlb, start, end, prev ? prev->vm_end : 0,
				next ? next->vm_start : ~0UL);
	tlb_finish_mmu(&tlb);
	if (whole)
		vma_put(vma);
}

/* vma is the first area that overlaps. */
static void commit_munmap(struct mm_struct *mm, struct vm_area_struct *vma,
			  unsigned long start, unsigned long end,
			  struct vma_pool *pool, bool free_tables)
{
	struct vm_area_struct *prev, *next, *last;
	unsigned long floor, ceiling;
	struct mmu_gather tlb;
	LIST_HEAD(out);

	update_hiwater_vm(mm);
	if (vma_needs_no_cut(vma, start, end))
		return trim_area(vma, start, end, free_tables);
	if (vma->vm_start < start)
		vma = vma_split(vma, start, pool);
	last = vma->vm_end >= end ? vma : find_vma(mm, end);
	if (last && last->vm_start < end && last->vm_end > end)
		vma_split(last, end, pool);

	prev = vma_prev(vma);
	floor = prev ? prev->vm_end : 0;
	next = detach_areas(mm, vma, end, &out);
	ceiling = next ? next->vm_start : ~0UL;

	tlb_gather_mmu(&tlb, mm);
	list_for_each_entry(vma, &out, vm_list)
		unmap_area(&tlb, vma, vma->vm_start, vma->vm_end, true);
	list_for_each_entry(vma, &out, vm_list)
		vma_unlink_file(vma);
	if (free_tables)
		tlb_free_tables(&tlb, start, end, floor, ceiling);
	tlb_finish_mmu(&tlb);
	remove_vmas(&out);
}

void munmap_commit(struct mm_struct *mm, struct vm_area_struct *vma,
		   unsigned long start, unsigned long end,
		   struct vma_pool *pool)
{
	commit_munmap(mm, vma, start, end, pool, true);
}

void munmap_commit_keep_tables(struct mm_struct *mm, unsigned long start,
			       unsigned long end, struct vma_pool *pool)
{
	struct vm_area_struct *vma = find_vma_intersection(mm, start, end);

	if (vma)
		commit_munmap(mm, vma, start, end, pool, false);
}

int do_munmap(struct mm_struct *mm, unsigned long start, size_t len)
{
	struct vm_area_struct *vma;
	struct vma_pool pool;
	int err = munmap_check(start, &len);

	if (err)
		return err;
	vma = find_vma_intersection(mm, start, start + len);
	if (!vma)
		return 0;
	pool.nr = 0;
	err = munmap_reserve_at(mm, vma, start, start + len, &pool);
	if (!err)
		commit_munmap(mm, vma, start, start + len, &pool, true);
	return err;
}

int vm_munmap(struct mm_struct *mm, unsigned long start, size_t len)
{
	int err;

	mmap_write_lock(mm);
	err = do_munmap(mm, start, len);
	mmap_write_unlock(mm);
	return err;
}

/* ---- a new area ---- */

struct new_map {
	unsigned long start, end;
	unsigned long flags; /* VM_* */
	struct vm_file *file;
	pgoff_t pgoff;
	struct vm_area_struct *prev; /* the area in front of start */
	struct vm_area_struct *next; /* the first that ends behind start */
};

/* Fill in the neighbours of where it is to be. */
static void find_place(struct mm_struct *mm, struct new_map *map)
{
	map->next = find_vma_prev(mm, map->start, &map->prev);
}

/* A new area with its file's consent; not linked. ERR_PTR otherwise. */
static struct vm_area_struct *make_area(struct mm_struct *mm,
					const struct new_map *map)
{
	struct vm_area_struct *vma = vma_alloc();
	int err = 0;

	if (!vma)
		return ERR_PTR(-ENOMEM);
	/* The links and gaps are vma_link()'s to fill in. */
	WRITE_ONCE(vma->vm_mm, mm);
	vma_set_range(vma, map->start, map->end, map->pgoff);
	vma->vm_flags = map->flags;
	vma->vm_file = map->file;
	vma->vm_ops = NULL;
	vma->vm_private_data = NULL;
	vma->anon_id = 0;
	vma->anon_shift = 0;
	if (map->file) {
		map->file->ops->get(map->file);
		err = map->file->ops->mmap(map->file, vma);
	} else if (map->flags & VM_SHARED) {
		err = aspace_ops ? aspace_ops->shmem_zero_setup(vma) : -ENODEV;
	}
	if (err) {
		vma->vm_ops = NULL; /* nothing was opened */
		vma_put(vma);
		return ERR_PTR(err);
	}
	vma_set_flags(vma, vma->vm_flags);
	return vma;
}

/* Pages of [start, end) that are mapped now and will be replaced. */
static unsigned long count_pages_in(struct mm_struct *mm, unsigned long start,
				    unsigned long end)
{
	struct vm_area_struct *vma = find_vma_intersection(mm, start, end);
	unsigned long nr = 0;

	for (; vma && vma->vm_start < end; vma = vma_next(vma))
		nr += NR_PAGES(min(vma->vm_end, end) -
			       max(vma->vm_start, start));
	return nr;
}

static void account_new(struct mm_struct *mm, unsigned long flags,
			unsigned long nr_pages)
{
	vm_stat_account(mm, flags, (long)nr_pages);
	if (flags & VM_LOCKED)
		mm->locked_vm += nr_pages;
}

/* Can it be a piece of another area?  Each shared anonymous one is new. */
static bool try_merge(struct mm_struct *mm, const struct new_map *map)
{
	if (!map->file && (map->flags & VM_SHARED))
		return false;
	return vma_merge_hole(mm, map->prev, map->start, map->end, map->flags,
			      map->file, map->pgoff, ANON_NONE);
}

/* Something is in the way: take it out and put the new area in its place. */
static int replace_areas(struct mm_struct *mm, struct new_map *map)
{
	struct vm_area_struct *vma;
	struct vma_pool pool = {0};
	int err = munmap_reserve(mm, map->start, map->end, &pool);

	if (err)
		return err;
	vma = make_area(mm, map);
	if (IS_ERR(vma)) {
		vma_pool_drain(&pool);
		return (int)PTR_ERR(vma);
	}
	munmap_commit(mm, map->next, map->start, map->end, &pool);
	find_place(mm, map);
	if (vma->vm_flags == map->flags && try_merge(mm, map))
		vma_put(vma);
	else
		vma_link(mm, vma, map->prev);
	return 0;
}

static int insert_area(struct mm_struct *mm, const struct new_map *map)
{
	struct vm_area_struct *vma;

	if (try_merge(mm, map))
		return 0;
	vma = make_area(mm, map);
	if (IS_ERR(vma))
		return (int)PTR_ERR(vma);
	vma_link(mm, vma, map->prev);
	return 0;
}

/*
 * Its place is known, its arguments are right.  Limits are checked against
 * what will be there afterwards.
 */
static int mmap_region(struct mm_struct *mm, struct new_map *map)
{
	unsigned long nr_pages = NR_PAGES(map->end - map->start);
	bool overlap = map->next && map->next->vm_start < map->end;
	int err;

	if (!may_expand_vm(mm, map->flags, nr_pages)) {
		unsigned long nr_old =
			overlap ? count_pages_in(mm, map->start, map->end) : 0;

		if (!may_expand_vm(mm, map->flags, nr_pages - nr_old))
			return -ENOMEM;
	}
	if (vm_accountable(map->flags)) {
		err = vm_charge(mm, nr_pages);
		if (err)
			return err;
		map->flags |= VM_ACCOUNT;
	}
	map->flags |= VM_SOFTDIRTY;
	err = overlap ? replace_areas(mm, map) : insert_area(mm, map);
	if (err) {
		if (map->flags & VM_ACCOUNT)
			vm_uncharge(nr_pages);
		return err;
	}
	account_new(mm, map->flags, nr_pages);
	return 0;
}

/* ---- mmap ---- */

static unsigned long prot_to_vm_flags(unsigned long prot)
{
	_Static_assert(PROT_READ == VM_READ && PROT_WRITE == VM_WRITE &&
			       PROT_EXEC == VM_EXEC,
		       "same bits");
	return prot & VM_ACCESS_FLAGS;
}

#define LEGACY_MAP_MASK                                                \
	(MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS |        \
	 MAP_DENYWRITE | MAP_EXECUTABLE | MAP_GROWSDOWN | MAP_LOCKED | \
	 MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK |     \
	 MAP_HUGETLB | MAP_32BIT)

/* How the file was opened decides what may be mapped; adds VM_ flags. */
static int check_file(const struct vm_file *file, unsigned long prot,
		      unsigned long flags, unsigned long *vm_flags)
{
	switch (flags & MAP_TYPE) {
	case MAP_SHARED_VALIDATE:
		if (flags & ~LEGACY_MAP_MASK)
			return -EOPNOTSUPP;
		/* fall through */
	case MAP_SHARED:
		if ((prot & PROT_WRITE) && !file->can_write)
			return -EACCES;
		*vm_flags |= VM_SHARED | VM_MAYSHARE;
		if (!file->can_write)
			*vm_flags &= ~(VM_MAYWRITE | VM_SHARED);
		break;
	case MAP_PRIVATE:
		break;
	default:
		return -EINVAL;
	}
	if (!file->can_read)
		return -EACCES;
	if (!file->can_exec) {
		if (prot & PROT_EXEC)
			return -EPERM;
		*vm_flags &= ~VM_MAYEXEC;
	}
	if (!file->ops->mmap)
		return -ENODEV;
	if (flags & MAP_GROWSDOWN)
		return -EINVAL;
	return 0;
}

/* The file's own rules; then the area is made while it has a claim. */
static int mmap_file_region(struct mm_struct *mm, struct new_map *map)
{
	struct vm_file *file = map->file;
	bool claim;
	int err;

	if (file->ops->may_mmap) {
		err = file->ops->may_mmap(file, &map->flags);
		if (err)
			return err;
	}
	claim = file->mapping && vma_is_shared_maywrite(map->flags);
	err = claim ? mapping_map_writable(file->mapping) : 0;
	if (err)
		return err;
	err = mmap_region(mm, map);
	if (claim)
		mapping_unmap_writable(file->mapping);
	return err;
}

static int check_anonymous(struct new_map *map, unsigned long flags)
{
	switch (flags & MAP_TYPE) {
	case MAP_SHARED:
		if (flags & MAP_GROWSDOWN)
			return -EINVAL;
		map->pgoff = 0;
		map->flags |= VM_SHARED | VM_MAYSHARE;
		return 0;
	case MAP_PRIVATE:
		map->pgoff = NR_PAGES(map->start);
		return 0;
	default:
		return -EINVAL;
	}
}

static int check_locked(const struct mm_struct *mm, unsigned long flags,
			unsigned long vm_flags, unsigned long len)
{
	if ((flags & MAP_LOCKED) && !may_lock(mm))
		return -EPERM;
	return mlock_future_check(mm, vm_flags, len);
}

/* Locked.  Fills map's range and flags from the call's arguments. */
static unsigned long do_mmap(struct mm_struct *mm, struct new_map *map,
			     unsigned long addr, unsigned long len,
			     unsigned long prot, unsigned long flags)
{
	struct free_place place;
	int err;

	if (mm->map_count > sysctl_max_map_count)
		return -ENOMEM;
	addr = get_unmapped_place(mm, addr, len, flags, &place);
	if (IS_ERR_VALUE(addr))
		return addr;
	map->start = addr;
	map->end = addr + len;
	if (place.known) {
		map->prev = place.prev;
		map->next = place.next;
	} else {
		find_place(mm, map);
	}
	if ((flags & MAP_FIXED_NOREPLACE) && map->next &&
	    map->next->vm_start < map->end)
		return (unsigned long)-EEXIST;
	map->flags = prot_to_vm_flags(prot) | mm->def_flags | VM_MAYREAD |
		     VM_MAYWRITE | VM_MAYEXEC;
	if (flags & MAP_GROWSDOWN)
		map->flags |= VM_GROWSDOWN;
	if (flags & MAP_LOCKED)
		map->flags |= VM_LOCKED;
	if ((flags & MAP_NORESERVE) && vm_honours_noreserve())
		map->flags |= VM_NORESERVE;
	if (flags & MAP_STACK)
		map->flags |= VM_NOHUGEPAGE;
	err = check_locked(mm, flags, map->flags, len);
	if (!err)
		err = map->file
			      ? check_file(map->file, prot, flags, &map->flags)
			      : check_anonymous(map, flags);
	if (!err)
		err = map->file ? mmap_file_region(mm, map)
				: mmap_region(mm, map);
	return err ? (unsigned long)err : addr;
}

unsigned long vm_mmap(struct mm_struct *mm, struct vm_file *file,
		      unsigned long addr, unsigned long len, unsigned long prot,
		      unsigned long flags, pgoff_t pgoff)
{
	struct new_map map;
	bool populate = (flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE;
	unsigned long ret;

	/* As a kernel that was built without hugetlbfs. */
	if ((flags & MAP_HUGETLB) || !len)
		return -EINVAL;
	if (flags & MAP_FIXED_NOREPLACE)
		flags |= MAP_FIXED;
	if (!(flags & MAP_FIXED)) {
		addr &= PAGE_MASK;
		if (addr && addr < sysctl_mmap_min_addr)
			addr = sysctl_mmap_min_addr;
	}
	len = PAGE_ALIGN(len);
	if (!len)
		return -ENOMEM;
	if (pgoff + NR_PAGES(len) < pgoff)
		return -EOVERFLOW;
	map.file = file;
	map.pgoff = pgoff;
	mmap_write_lock(mm);
	ret = do_mmap(mm, &map, addr, len, prot, flags);
	mmap_write_unlock(mm);
	if (!IS_ERR_VALUE(ret) && (populate || (map.flags & VM_LOCKED)))
		mm_populate(mm, ret, len);
	return ret;
}

/* ---- brk ---- */

#define VM_DATA_FLAGS \
	(VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC)

/* Private anonymous memory from the old break to the new one.  Locked. */
static int grow_brk(struct mm_struct *mm, unsigned long start,
		    unsigned long end)
{
	struct new_map map = {
		.start = start,
		.end = end,
		.flags = VM_DATA_FLAGS | mm->def_flags,
		.pgoff = NR_PAGES(start),
	};
	int err;

	/* Keep a page free below whatever comes next. */
	find_place(mm, &map);
	if (map.next && end + PAGE_SIZE > vm_start_gap(map.next))
		return -ENOMEM;
	err = mlock_future_check(mm, map.flags, end - start);
	if (err)
		return err;
	if (mm->map_count > sysctl_max_map_count)
		return -ENOMEM;
	return mmap_region(mm, &map);
}

/* Does RLIMIT_DATA allow the break to be here? */
static bool brk_within_limit(const struct mm_struct *mm, unsigned long brk)
{
	unsigned long data = mm->end_data - mm->start_data;

	return brk - mm->start_brk + data <= mm->rlim_data ||
	       mm->rlim_data == ~0UL;
}

/* Locked.  True: the break is now brk. */
static bool move_brk(struct mm_struct *mm, unsigned long brk)
{
	unsigned long old_end = PAGE_ALIGN(mm->brk);
	unsigned long new_end = PAGE_ALIGN(brk);

	if (brk < mm->start_brk || !brk_within_limit(mm, brk))
		return false;
	if (brk > TASK_SIZE)
		return false;
	if (new_end < old_end)
		return !do_munmap(mm, new_end, old_end - new_end);
	if (new_end == old_end)
		return true;
	return !grow_brk(mm, old_end, new_end);
}

unsigned long vm_brk(struct mm_struct *mm, unsigned long brk)
{
	unsigned long old, ret;
	bool populate;

	mmap_write_lock(mm);
	old = mm->brk;
	if (move_brk(mm, brk))
		mm->brk = brk;
	ret = mm->brk;
	populate = mm->def_flags & VM_LOCKED;
	mmap_write_unlock(mm);
	if (populate && PAGE_ALIGN(ret) > PAGE_ALIGN(old))
		mm_populate(mm, PAGE_ALIGN(old),
			    PAGE_ALIGN(ret) - PAGE_ALIGN(old));
	return ret;
}

int vm_map_anon_fixed(struct mm_struct *mm, unsigned long addr,
		      unsigned long len, unsigned long prot)
{
	unsigned long ret = vm_mmap(mm, NULL, addr, len, prot,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0);

	return IS_ERR_VALUE(ret) ? (int)ret : 0;
}
