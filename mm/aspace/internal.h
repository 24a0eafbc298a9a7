/* SPDX-License-Identifier: MIT */
/*
 * internal.h - what the files of mm/aspace share.
 *
 * "Locked" below means: the caller holds mmap_lock for writing.
 */
#ifndef MM_ASPACE_INTERNAL_H
#define MM_ASPACE_INTERNAL_H

#include <quire/address_space.h>
#include <quire/errno.h>
#include <quire/mm.h>
#include <quire/pgtable.h>
#include <quire/port.h>
#include <quire/highmem.h>
#include <quire/printk.h>
#include <quire/slab.h>
#include <quire/string.h>
#include <quire/vmstat.h>

#define PAGE_ALIGN(x)	ALIGN((x), PAGE_SIZE)
#define NR_PAGES(bytes) ((bytes) >> PAGE_SHIFT)

/* User pages can lie anywhere, and be moved. */
#define GFP_USER_PAGE GFP_HIGHUSER_MOVABLE

/* ---- vma.c: the set of areas ---- */

/*
 * Areas taken in advance, so that what needs them cannot fail.  Six is the
 * most one call needs: mremap() cuts two ranges (two each) and makes one.
 */
#define VMA_POOL_MAX 6
struct vma_pool {
	unsigned int nr;
	struct vm_area_struct *spare[VMA_POOL_MAX];
};

/* Have at least nr; 0 or -ENOMEM, and then the pool is as it was. */
int vma_pool_fill(struct vma_pool *pool, unsigned int nr);
struct vm_area_struct *vma_pool_take(struct vma_pool *pool);
void vma_pool_drain(struct vma_pool *pool);

void vma_init(void);
/* Any content, vm_refcnt 0; NULL: no memory. */
struct vm_area_struct *vma_alloc(void);
void vma_free(struct vm_area_struct *vma);
/* Its file's and private data's references, then the area itself. */
void vma_put(struct vm_area_struct *vma);
/* ---- vma_lock.c: one area held still ---- */

/*
 * The area that holds addr, held: by itself, or (*by_mm) with mmap_lock held
 * for reading, if it may be about to get its first anonymous page by an access
 * with these FAULT_FLAG_s.  NULL: nothing is held, use mmap_lock.
 */
struct vm_area_struct *lock_vma_under_rcu(struct mm_struct *mm,
					  unsigned long addr,
					  unsigned int flags, bool *by_mm);
void vma_end_read(struct vm_area_struct *vma);
void vma_await_readers(struct vm_area_struct *vma);
void vma_detach_slow(struct vm_area_struct *vma);

/* Keep readers out of vma until mmap_lock is left.  Locked. */
static inline void vma_start_write(struct vm_area_struct *vma)
{
	u64 seq = vma->vm_mm->mm_lock_seq;

	if (vma->vm_lock_seq == seq)
		return;
	__atomic_exchange_n(&vma->vm_lock_seq, seq, __ATOMIC_SEQ_CST);
	if (unlikely(__atomic_load_n(&vma->vm_refcnt, __ATOMIC_SEQ_CST) != 1))
		vma_await_readers(vma);
}

/* vma goes into the set, marked. */
static inline void vma_attach(struct vm_area_struct *vma)
{
	__atomic_store_n(&vma->vm_lock_seq, vma->vm_mm->mm_lock_seq,
			 __ATOMIC_RELAXED);
	smp_store_release(&vma->vm_refcnt, 1);
}

static inline bool vma_try_detach(struct vm_area_struct *vma)
{
	u32 one = 1;

	return __atomic_compare_exchange_n(&vma->vm_refcnt, &one, 0, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/* vma, marked, is out of the set. */
static inline void vma_detach(struct vm_area_struct *vma)
{
	if (unlikely(!vma_try_detach(vma)))
		vma_detach_slow(vma);
}

/* All of src but its place in the set; dst is in none. */
static inline void vma_copy(struct vm_area_struct *dst,
			    const struct vm_area_struct *src)
{
	size_t from = offsetof(struct vm_area_struct, vm_flags);

	memcpy((char *)dst + from, (const char *)src + from,
	       sizeof(*dst) - from);
}

/* Who looks without a lock finds one or the other. */
static inline void vma_set_range(struct vm_area_struct *vma,
				 unsigned long start, unsigned long end,
				 pgoff_t pgoff)
{
	WRITE_ONCE(vma->vm_start, start);
	WRITE_ONCE(vma->vm_end, end);
	vma->vm_pgoff = pgoff;
}

/*
 * A private writable page starts read-only even when VM_WRITE is set: the
 * fault handler, which knows who owns the frame, adds _PAGE_RW.  x86-64
 * cannot express write-only or execute-only memory; it is readable too.
 */
static inline u64 vm_get_page_prot(unsigned long vm_flags)
{
	u64 prot = _PAGE_PRESENT | _PAGE_USER | _PAGE_ACCESSED;

	if (!(vm_flags & VM_ACCESS_FLAGS))
		return _PAGE_PROTNONE | _PAGE_ACCESSED;
	if (!(vm_flags & VM_EXEC))
		prot |= _PAGE_NX;
	if ((vm_flags & VM_WRITE) && (vm_flags & VM_SHARED))
		prot |= _PAGE_RW;
	return prot;
}

static inline void vma_set_flags(struct vm_area_struct *vma,
				 unsigned long flags)
{
	u64 prot = vm_get_page_prot(flags);

	/* page_mkwrite() wants to hear of the first write to each page. */
	if (vma->vm_ops && vma->vm_ops->page_mkwrite)
		prot &= ~_PAGE_RW;
	WRITE_ONCE(vma->vm_flags, flags);
	vma->vm_page_prot = prot;
}

static inline struct vm_area_struct *vma_next(const struct vm_area_struct *vma)
{
	struct list_head *next = vma->vm_list.next;

	if (next == &vma->vm_mm->mmap)
		return NULL;
	return list_entry(next, struct vm_area_struct, vm_list);
}

static inline struct vm_area_struct *vma_prev(const struct vm_area_struct *vma)
{
	struct list_head *prev = vma->vm_list.prev;

	if (prev == &vma->vm_mm->mmap)
		return NULL;
	return list_entry(prev, struct vm_area_struct, vm_list);
}

/* Where the free room in front of vma ends: a stack keeps some to grow. */
static inline unsigned long vm_start_gap(const struct vm_area_struct *vma)
{
	unsigned long start = vma->vm_start;

	if (likely(!(vma->vm_flags & VM_GROWSDOWN)))
		return start;
	return start > STACK_GUARD_GAP ? start - STACK_GUARD_GAP : 0;
}

/* The first area that overlaps [start, end), or NULL. */
static inline struct vm_area_struct *find_vma_intersection(struct mm_struct *mm,
							   unsigned long start,
							   unsigned long end)
{
	struct vm_area_struct *vma = find_vma(mm, start);

	return vma && vma->vm_start < end ? vma : NULL;
}

/* find_vma() by the tree alone: mmap_lock or areas_lock held. */
struct vm_area_struct *find_vma_tree(const struct mm_struct *mm,
				     unsigned long addr);

/* Put vma behind prev (NULL: first) into tree, list and its file's tree. */
void vma_link(struct mm_struct *mm, struct vm_area_struct *vma,
	      struct vm_area_struct *prev);
/* Out of tree and list; it stays in its file's tree. */
void vma_unlink(struct mm_struct *mm, struct vm_area_struct *vma);
/* Change the bounds; neighbours' gaps and the file's tree follow. */
void vma_move_bounds(struct vm_area_struct *vma, unsigned long start,
		     unsigned long end, pgoff_t pgoff);

/* Cut vma at addr; the new area (from pool) is the upper part. */
struct vm_area_struct *vma_split(struct vm_area_struct *vma, unsigned long addr,
				 struct vma_pool *pool);
/* How many cuts make [start, end) consist of whole areas: 0 to 2. */
unsigned int vma_cuts(struct mm_struct *mm, unsigned long start,
		      unsigned long end);

/* ---- anon.c: who may map anonymous pages ---- */

/* What an area's anonymous pages have in common. */
struct anon_ident {
	unsigned long id;
	pgoff_t shift;
};
#define ANON_NONE ((struct anon_ident){0, 0})

void anon_init(void);
/* The space of a new address space; 0 or -ENOMEM. */
int anon_new(struct mm_struct *mm);
/* The same for a copy of old, before any entry is copied. */
int anon_fork(struct mm_struct *mm, struct mm_struct *old);
/* No entry of mm maps an anonymous page any more; nobody walks it then. */
void anon_exit(struct mm_struct *mm);

unsigned long anon_new_id(struct mm_struct *mm, bool inherited);
/* The first anonymous page is about to come; mmap_lock for reading. */
void anon_prepare(struct vm_area_struct *vma);
/* vma, which is linked, takes over pages of this identity.  Locked. */
void anon_adopt(struct vm_area_struct *vma, struct anon_ident ident);
/* For vma.c: an area with a shift comes, goes or changes; areas_lock held. */
void anon_moved_insert(struct vm_area_struct *vma);
void anon_moved_remove(struct vm_area_struct *vma);

static inline bool anon_is_inherited(unsigned long id)
{
	return id & 1;
}

static inline struct anon_ident anon_ident_of(const struct vm_area_struct *vma)
{
	unsigned long id = smp_load_acquire(&vma->anon_id);

	return (struct anon_ident){id, id ? vma->anon_shift : 0};
}

/* The birthplace of what comes to addr: page_index() of anonymous pages. */
static inline pgoff_t anon_page_index(const struct vm_area_struct *vma,
				      unsigned long addr)
{
	return NR_PAGES(addr) + vma->anon_shift;
}

/*
 * Let a neighbour of the free range [start, end) cover it; NULL: none can.
 * ident: of the pages that will be moved there.
 */
struct vm_area_struct *vma_merge_hole(struct mm_struct *mm,
				      struct vm_area_struct *prev,
				      unsigned long start, unsigned long end,
				      unsigned long flags, struct vm_file *file,
				      pgoff_t pgoff, struct anon_ident ident);
/*
 * Give [start, end), inside vma, new flags, merging with neighbours that have
 * them already, cutting otherwise.  vma_flag_cuts() says how many spares that
 * takes.  Result: the area that now holds the range.
 */
unsigned int vma_flag_cuts(const struct vm_area_struct *vma,
			   unsigned long start, unsigned long end,
			   unsigned long flags);
struct vm_area_struct *vma_change_flags(struct vm_area_struct *vma,
					unsigned long start, unsigned long end,
					unsigned long flags,
					struct vma_pool *pool);

static inline bool vma_is_anonymous(const struct vm_area_struct *vma)
{
	return !vma->vm_ops;
}

static inline bool vma_is_accessible(const struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_ACCESS_FLAGS;
}

static inline pgoff_t linear_page_index(const struct vm_area_struct *vma,
					unsigned long addr)
{
	return NR_PAGES(addr - vma->vm_start) + vma->vm_pgoff;
}

/* ---- gap.c: finding room ---- */

/* The areas around a free range, if the search came past them. */
struct free_place {
	bool known;
	struct vm_area_struct *prev, *next;
};

/* A free range of len bytes by mmap(2)'s rules, or -E.  Locked. */
unsigned long get_unmapped_place(struct mm_struct *mm, unsigned long addr,
				 unsigned long len, unsigned long flags,
				 struct free_place *place);

static inline unsigned long get_unmapped_area(struct mm_struct *mm,
					      unsigned long addr,
					      unsigned long len,
					      unsigned long flags)
{
	struct free_place place;

	return get_unmapped_place(mm, addr, len, flags, &place);
}

/* ---- i_mmap.c: which areas map a file ---- */

void i_mmap_insert(struct vm_area_struct *vma, struct address_space *mapping);
void i_mmap_remove(struct vm_area_struct *vma, struct address_space *mapping);
/* Areas that hold pages [first, last], by pgoff; i_mmap_lock held. */
struct vm_area_struct *i_mmap_first(struct address_space *mapping,
				    pgoff_t first, pgoff_t last);
struct vm_area_struct *i_mmap_next(struct vm_area_struct *vma, pgoff_t first,
				   pgoff_t last);
void vma_unlink_file(struct vm_area_struct *vma);

static inline struct address_space *vma_mapping(const struct vm_area_struct *v)
{
	return v->vm_file ? v->vm_file->mapping : NULL;
}

/* ---- account.c: limits and sums ---- */

void account_init(void);
static inline bool is_exec_mapping(unsigned long flags)
{
	return (flags & (VM_EXEC | VM_WRITE | VM_STACK)) == VM_EXEC;
}

static inline bool is_data_mapping(unsigned long flags)
{
	return (flags & (VM_WRITE | VM_SHARED | VM_STACK)) == VM_WRITE;
}

static inline bool may_expand_vm(const struct mm_struct *mm,
				 unsigned long flags, unsigned long nr_pages)
{
	if (mm->total_vm + nr_pages > NR_PAGES(mm->rlim_as))
		return false;
	return !is_data_mapping(flags) ||
	       mm->data_vm + nr_pages <= NR_PAGES(mm->rlim_data);
}

static inline void vm_stat_account(struct mm_struct *mm, unsigned long flags,
				   long nr_pages)
{
	mm->total_vm += (unsigned long)nr_pages;
	if (is_exec_mapping(flags))
		mm->exec_vm += (unsigned long)nr_pages;
	else if (flags & VM_STACK)
		mm->stack_vm += (unsigned long)nr_pages;
	else if (is_data_mapping(flags))
		mm->data_vm += (unsigned long)nr_pages;
}

/* May locked_vm grow by this much?  0 or -EAGAIN. */
static inline int mlock_future_check(const struct mm_struct *mm,
				     unsigned long flags, unsigned long len)
{
	if (!(flags & VM_LOCKED))
		return 0;
	if (mm->locked_vm + NR_PAGES(len) > NR_PAGES(mm->rlim_memlock) &&
	    !mm_has_cap(MM_CAP_IPC_LOCK))
		return -EAGAIN;
	return 0;
}

/* Promise pages to private writable memory; -ENOMEM: more than there is. */
int vm_charge(const struct mm_struct *mm, unsigned long nr_pages);
void vm_uncharge(unsigned long nr_pages);
/* Does MAP_NORESERVE mean anything? */
bool vm_honours_noreserve(void);
/* mlock.c: may anything be locked at all? */
bool may_lock(const struct mm_struct *mm);

static inline bool below_min_addr(unsigned long addr)
{
	return addr < READ_ONCE(sysctl_mmap_min_addr) &&
	       !mm_has_cap(MM_CAP_SYS_RAWIO);
}

static inline bool vm_accountable(unsigned long flags)
{
	return (flags & (VM_NORESERVE | VM_SHARED | VM_WRITE)) == VM_WRITE;
}

/* Peaks are noted when the value is about to fall. */
static inline void update_hiwater_rss(struct mm_struct *mm)
{
	unsigned long rss = get_mm_counter(mm, MM_FILEPAGES) +
			    get_mm_counter(mm, MM_ANONPAGES) +
			    get_mm_counter(mm, MM_SHMEMPAGES);

	if (READ_ONCE(mm->hiwater_rss) < rss)
		WRITE_ONCE(mm->hiwater_rss, rss);
}

static inline void update_hiwater_vm(struct mm_struct *mm)
{
	if (mm->hiwater_vm < mm->total_vm)
		mm->hiwater_vm = mm->total_vm;
}

static inline void add_mm_counter(struct mm_struct *mm, enum rss_counter member,
				  long value)
{
	__atomic_fetch_add(&mm->rss_stat[member], value, __ATOMIC_RELAXED);
}

static inline enum rss_counter mm_counter_file(const struct page *page)
{
	return PageSwapBacked(page) ? MM_SHMEMPAGES : MM_FILEPAGES;
}

static inline enum rss_counter mm_counter(const struct page *page)
{
	return PageAnon(page) ? MM_ANONPAGES : mm_counter_file(page);
}

/* ---- walk.c: user page tables ---- */

/*
 * pgtable_lookup() for the common depth, without a loop: the entry where the
 * walk ends; *level 0: in a leaf table, else it is empty.
 */
static inline pte_t *pte_walk4(const struct mm_struct *mm, unsigned long addr,
			       unsigned int *level)
{
	pte_t *ptep = &mm->pgd[pgtable_slot(addr, 3)];
	pte_t pte = ptep_get(ptep);

	*level = 3;
	if (unlikely(pte_none(pte)))
		return ptep;
	ptep = &pte_table(pte)[pgtable_slot(addr, 2)];
	pte = ptep_get(ptep);
	*level = 2;
	if (unlikely(pte_none(pte)))
		return ptep;
	ptep = &pte_table(pte)[pgtable_slot(addr, 1)];
	pte = ptep_get(ptep);
	*level = 1;
	if (unlikely(pte_none(pte)))
		return ptep;
	*level = 0;
	return &pte_table(pte)[pgtable_slot(addr, 0)];
}

static inline pte_t *pte_walk(const struct mm_struct *mm, unsigned long addr,
			      unsigned int *level)
{
	return PGTABLE_LEVELS == 4 ? pte_walk4(mm, addr, level)
				   : pgtable_lookup(mm->pgd, addr, level);
}

/* The leaf table's entry for addr; NULL where no table is. */
static inline pte_t *pte_lookup(struct mm_struct *mm, unsigned long addr)
{
	unsigned int level;
	pte_t *ptep = pte_walk(mm, addr, &level);

	return level ? NULL : ptep;
}

/*
 * The entry for addr at this level, tables above it made where missing and
 * counted; NULL: no memory.
 */
pte_t *pgentry_alloc(struct mm_struct *mm, unsigned long addr,
		     unsigned int level);
/* The same for the leaf, from the empty entry ptep of from_level down. */
pte_t *pte_alloc_below(struct mm_struct *mm, unsigned long addr, pte_t *ptep,
		       unsigned int from_level);

static inline pte_t *pte_alloc(struct mm_struct *mm, unsigned long addr)
{
	unsigned int level;
	pte_t *ptep = pte_walk(mm, addr, &level);

	return likely(!level) ? ptep : pte_alloc_below(mm, addr, ptep, level);
}

pte_t *pte_search_table(struct mm_struct *mm, unsigned long *addr,
			unsigned long end);
/*
 * The entry for addr or the first one above, below end, for which a leaf
 * table exists; its address in *addr; NULL when there is none.
 */
static inline pte_t *pte_next_table(struct mm_struct *mm, unsigned long *addr,
				    unsigned long end)
{
	unsigned int level;
	pte_t *ptep;

	if (*addr >= end)
		return NULL;
	ptep = pte_walk(mm, *addr, &level);
	if (likely(!level))
		return ptep;
	/* Nothing as far as the empty entry reaches. */
	if (*addr >> pgtable_shift(level) == (end - 1) >> pgtable_shift(level))
		return NULL;
	return pte_search_table(mm, addr, end);
}
/*
 * A leaf table has n more entries in use; its ptl is held.  Others may look
 * with table_is_empty() where both answers are right: under mmap_lock for
 * writing an empty table stays empty, others may only become so.
 */
static inline void table_used_add(struct page *table, int n)
{
	WRITE_ONCE(table->table.nr_used, (u16)(table->table.nr_used + n));
}

static inline bool table_is_empty(const struct page *table)
{
	return READ_ONCE(table->table.nr_used) == 0;
}

/* The end of the part of [addr, end) that addr's leaf table covers. */
static inline unsigned long pte_table_end(unsigned long addr, unsigned long end)
{
	unsigned long next =
		ALIGN_DOWN(addr, pgtable_size(1)) + pgtable_size(1);

	return next - 1 < end - 1 ? next : end;
}

/* ---- mmap.c ---- */

/*
 * do_munmap() in steps, locked: munmap_reserve() adds the spares that cutting
 * takes to pool, munmap_commit() cannot fail.
 */
int munmap_reserve(struct mm_struct *mm, unsigned long start, unsigned long end,
		   struct vma_pool *pool);
/* vma: the first area of the range. */
void munmap_commit(struct mm_struct *mm, struct vm_area_struct *vma,
		   unsigned long start, unsigned long end,
		   struct vma_pool *pool);
/* The same, for a range that is mapped again at once. */
void munmap_commit_keep_tables(struct mm_struct *mm, unsigned long start,
			       unsigned long end, struct vma_pool *pool);
/* Free areas that are out of the set, chained by vm_list. */
void remove_vmas(struct list_head *vmas);

/* ---- fault.c ---- */

extern struct page *zero_page;
vm_fault_t handle_mm_fault(struct vm_area_struct *vma, unsigned long addr,
			   unsigned int flags);
int expand_stack(struct vm_area_struct *vma, unsigned long addr);
/* Another anonymous page, exclusively owned, at addr of vma. */
void page_add_new_anon_rmap(struct page *page, struct vm_area_struct *vma,
			    unsigned long addr);
void page_remove_rmap(struct page *page);

static inline bool is_zero_pfn(unsigned long pfn)
{
	return pfn == page_to_pfn(zero_page);
}

/*
 * addr lies below vma, the next area above it.  Grow it if it is a stack;
 * mmap_lock is held for reading, and given up for a moment in between.
 * NULL: no area has addr.
 */
struct vm_area_struct *grow_stack(struct mm_struct *mm,
				  struct vm_area_struct *vma,
				  unsigned long addr);

/* ---- populate.c ---- */

/* Fault pages in; 0 or the -E of the first that could not be. */
int populate_range(struct mm_struct *mm, struct vm_area_struct *vma,
		   unsigned long start, unsigned long end, bool write);
/* After mmap: best effort, no errors.  Takes mmap_lock. */
void mm_populate(struct mm_struct *mm, unsigned long start, unsigned long len);

#endif
