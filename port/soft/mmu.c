/* SPDX-License-Identifier: MIT */
/*
 * mmu.c - the software MMU: a TLB for each processor, and the page walk.
 *
 * 1. Idea.  A user access translates page by page: look into this processor's
 *    TLB, else walk mm->pgd and remember the result, else let mm_fault()
 *    resolve it and try again.  Entries are tagged with mm->context_id, so
 *    changing the address space flushes nothing.  A large leaf is remembered
 *    in pieces of 4 KiB with its level, and a flush that touches any byte of
 *    it drops all pieces.
 * 2. As the architecture has it (Intel SDM volume 3A, 4.7-4.10):
 *    T1  RW and USER count only if every level grants them, NX if any sets it
 *    T2  the walk sets the accessed bits atomically; the first write through
 *        an entry sets the leaf's dirty bit in the tables
 *    T3  what is not present is never remembered
 *    T4  an access that the remembered bits forbid is walked anew before it
 *        faults: more rights need no flush, fewer do
 * 3. Shootdown.  tlb->lock is held from the look-up to the last byte copied,
 *    as an instruction ends before its processor answers an interrupt.  Who
 *    flushes takes the lock of each processor in mm->cpu_bitmap; after that
 *    no access can be under way through the old entry, nor a walk through
 *    freed tables.  The bit is set before the walk, the entry is cleared
 *    before the bitmap is read, both with full barriers.
 * 4. Stale entries.  In checked builds a hit is compared with the tables (see
 *    stale()).  Between changing the tables and flushing, a difference is
 *    legal, so it is looked at again with mmap_lock held for writing, a few
 *    times: what then still differs, no one is going to flush.
 * 5. Locking.  tlb->lock is a leaf; mm_fault() is called without it.
 */
#include "port/soft/soft.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include <quire/errno.h>
#include <quire/mm.h>
#include <quire/pgtable.h>
#include <quire/printk.h>

/* How often the same access may fault before it is called hopeless. */
#define RETRY_LIMIT 64
/* How often a difference is looked at again. */
#define STALE_LIMIT 1000

struct entry {
	u64 context;	    /* 0: free */
	unsigned long page; /* address, page-aligned */
	phys_addr_t frame;
	u64 bits;	    /* RW USER DIRTY NX, over all levels */
	unsigned int level; /* of the leaf */
	u64 stamp;	    /* last use (LRU) or fill (FIFO) */
};

static struct tlb {
	pthread_mutex_t lock;
	struct entry *entries; /* nr_sets x ways */
	u64 clock;
	u64 chance;
	struct soft_tlb_stats stats;
} __cacheline_aligned tlbs[NR_CPUS];

static struct {
	struct soft_tlb_geometry geometry;
	unsigned int nr_sets;
	unsigned int nr_cpus;
} mmu;

enum access { LOAD, STORE, FETCH };

void soft_mmu_init(const struct soft_tlb_geometry *geometry, u64 seed,
		   unsigned int nr_cpus)
{
	mmu.geometry = *geometry;
	mmu.nr_sets = geometry->entries / geometry->ways;
	mmu.nr_cpus = nr_cpus;
	for (unsigned int cpu = 0; cpu < nr_cpus; cpu++) {
		pthread_mutex_init(&tlbs[cpu].lock, NULL);
		tlbs[cpu].entries =
			calloc(geometry->entries, sizeof(struct entry));
		tlbs[cpu].chance = seed + cpu;
		if (!tlbs[cpu].entries)
			panic("soft: no memory for a TLB");
	}
}

static struct tlb *this_tlb(void)
{
	return &tlbs[smp_processor_id()];
}

static bool cpu_holds(const struct mm_struct *mm, unsigned int cpu)
{
	return __atomic_load_n(&mm->cpu_bitmap[cpu / 64], __ATOMIC_SEQ_CST) >>
		       cpu % 64 &
	       1;
}

/* This processor may hold entries of mm; before it walks. */
static void set_cpu_holds(struct mm_struct *mm)
{
	unsigned int cpu = smp_processor_id();

	if (!cpu_holds(mm, cpu))
		__atomic_fetch_or(&mm->cpu_bitmap[cpu / 64], 1UL << cpu % 64,
				  __ATOMIC_SEQ_CST);
}

/* Counters that their processor changes outside of tlb->lock. */
static void count(u64 *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* ---- the walk ---- */

struct walk {
	pte_t *leaf;
	unsigned int level;
	pte_t pte; /* the leaf as read */
	u64 bits;  /* T1 */
};

/* Acquire: what the filler wrote into the frame comes before the entry. */
static pte_t read_entry(const pte_t *ptep)
{
	return __pte(__atomic_load_n(&ptep->v, __ATOMIC_ACQUIRE));
}

/* false: not mapped.  mark: set accessed bits. */
static bool walk_tables(const struct mm_struct *mm, unsigned long addr,
			bool mark, struct walk *w)
{
	pte_t *table = mm->pgd;

	w->bits = _PAGE_RW | _PAGE_USER;
	for (w->level = PGTABLE_LEVELS; w->level-- > 0;) {
		w->leaf = table + pgtable_slot(addr, w->level);
		w->pte = read_entry(w->leaf);
		if (!pte_present(w->pte))
			return false;
		if (mark && !pte_young(w->pte))
			__atomic_fetch_or(&w->leaf->v, _PAGE_ACCESSED,
					  __ATOMIC_ACQ_REL);
		w->bits &= pte_val(w->pte) | _PAGE_NX;
		w->bits |= pte_val(w->pte) & _PAGE_NX;
		if (w->level == 0 || pte_leaf(w->pte))
			break;
		table = pte_table(w->pte);
	}
	w->bits |= pte_val(w->pte) & _PAGE_DIRTY;
	return true;
}

/* The 4 KiB frame of addr in a leaf of any level. */
static phys_addr_t frame_of(const struct walk *w, unsigned long addr)
{
	unsigned long inside = addr & (pgtable_size(w->level) - 1);
	/* Bit 12 of a large leaf is an attribute, not an address. */
	phys_addr_t base = pte_val(w->pte) & PTE_PFN_MASK &
			   ~(u64)(pgtable_size(w->level) - 1);

	return base + (inside & PAGE_MASK);
}

static bool permits(u64 bits, enum access access)
{
	if (!(bits & _PAGE_USER))
		return false;
	if (access == STORE)
		return bits & _PAGE_RW;
	return access == LOAD || !(bits & _PAGE_NX);
}

/* ---- the TLB: tlb->lock held ---- */

static struct entry *set_of(struct tlb *tlb, unsigned long page)
{
	unsigned long set = (page >> PAGE_SHIFT) % mmu.nr_sets;

	return tlb->entries + set * mmu.geometry.ways;
}

static struct entry *tlb_find(struct tlb *tlb, u64 context, unsigned long page)
{
	struct entry *set = set_of(tlb, page);

	for (unsigned int i = 0; i < mmu.geometry.ways; i++)
		if (set[i].context == context && set[i].page == page)
			return &set[i];
	return NULL;
}

static u64 tlb_draw(struct tlb *tlb)
{
	/* xorshift64 (Marsaglia, 2003); never at 0. */
	tlb->chance = tlb->chance ? tlb->chance : 1;
	tlb->chance ^= tlb->chance << 13;
	tlb->chance ^= tlb->chance >> 7;
	tlb->chance ^= tlb->chance << 17;
	return tlb->chance;
}

/* A free entry of the page's set, or the one to be replaced. */
static struct entry *tlb_victim(struct tlb *tlb, unsigned long page)
{
	struct entry *set = set_of(tlb, page), *oldest = set;

	for (unsigned int i = 0; i < mmu.geometry.ways; i++) {
		if (!set[i].context)
			return &set[i];
		if (set[i].stamp < oldest->stamp)
			oldest = &set[i];
	}
	tlb->stats.evictions++;
	if (mmu.geometry.replacement == SOFT_TLB_RANDOM)
		return &set[tlb_draw(tlb) % mmu.geometry.ways];
	return oldest;
}

static struct entry *tlb_fill(struct tlb *tlb, const struct mm_struct *mm,
			      unsigned long page, const struct walk *w)
{
	struct entry *e = tlb_find(tlb, mm->context_id, page);

	if (!e)
		e = tlb_victim(tlb, page);
	*e = (struct entry){
		.context = mm->context_id,
		.page = page,
		.frame = frame_of(w, page),
		.bits = w->bits,
		.level = w->level,
		.stamp = ++tlb->clock,
	};
	return e;
}

static unsigned int tlb_drop(struct tlb *tlb, u64 context, unsigned long start,
			     unsigned long end)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < mmu.geometry.entries; i++) {
		struct entry *e = &tlb->entries[i];
		unsigned long size = pgtable_size(e->level);
		unsigned long first = ALIGN_DOWN(e->page, size);

		if (!e->context || (context && e->context != context))
			continue;
		if (first < end && start < first + size) {
			e->context = 0;
			nr++;
		}
	}
	tlb->stats.invalidated += nr;
	return nr;
}

/* ---- stale entries ---- */

/* What the entry allows and the tables no longer do; NULL: nothing. */
static const char *stale(const struct entry *e, const struct mm_struct *mm,
			 u64 *now)
{
	struct walk w;

	*now = 0;
	if (!walk_tables(mm, e->page, false, &w))
		return "is not mapped";
	*now = pte_val(w.pte);
	if (frame_of(&w, e->page) != e->frame)
		return "maps another frame";
	if (e->bits & ~w.bits & _PAGE_RW)
		return "is not writable";
	if (e->bits & ~w.bits & _PAGE_USER)
		return "is not the user's";
	if (~e->bits & w.bits & _PAGE_NX)
		return "is not executable";
	if (e->bits & ~w.bits & _PAGE_DIRTY)
		return "is clean";
	return NULL;
}

static void __noreturn report_stale(const struct entry *e, unsigned int cpu,
				    const char *what, u64 now)
{
	panic("BUG: stale TLB entry: CPU %u, address %lx: TLB has frame %lx "
	      "bits %lx, page tables say it %s (entry %lx)",
	      cpu, e->page, (unsigned long)e->frame, (unsigned long)e->bits,
	      what, (unsigned long)now);
}

#if CONFIG_DEBUG_MM
/*
 * A hit differs from the tables.  Without locks held: wait for whoever is
 * between its change and its flush.
 */
static void settle(struct mm_struct *mm, struct tlb *tlb, unsigned long page)
{
	for (unsigned int i = 0; i < STALE_LIMIT; i++) {
		const char *what = NULL;
		struct entry *found, e;
		u64 now = 0;

		mmap_write_lock(mm);
		pthread_mutex_lock(&tlb->lock);
		found = tlb_find(tlb, mm->context_id, page);
		if (found) {
			e = *found;
			what = stale(&e, mm, &now);
		}
		pthread_mutex_unlock(&tlb->lock);
		mmap_write_unlock(mm);
		if (!what)
			return;
		if (i == STALE_LIMIT - 1)
			report_stale(&e, smp_processor_id(), what, now);
		soft_yield();
	}
}
#endif

static void validate_one(unsigned int cpu, const struct mm_struct *mm)
{
	for (unsigned int i = 0; i < mmu.geometry.entries; i++) {
		const char *what = NULL;
		struct entry e;
		u64 now;

		pthread_mutex_lock(&tlbs[cpu].lock);
		e = tlbs[cpu].entries[i];
		if (e.context == mm->context_id)
			what = stale(&e, mm, &now);
		pthread_mutex_unlock(&tlbs[cpu].lock);
		if (what)
			report_stale(&e, cpu, what, now);
	}
}

void soft_tlb_validate(const struct mm_struct *mm)
{
	for (unsigned int cpu = 0; cpu < mmu.nr_cpus; cpu++)
		validate_one(cpu, mm);
}

/* ---- one access within a page ---- */

enum outcome { DONE, FAULT, DIFFERS };

/* As hardware does: whole aligned words are never torn. */
static void copy_racy(char *to, const char *from, size_t len)
{
	if (((uintptr_t)to | (uintptr_t)from | len) % 8 == 0) {
		for (size_t i = 0; i < len; i += 8) {
			u64 v = __atomic_load_n((const u64 *)(from + i),
						__ATOMIC_RELAXED);

			__atomic_store_n((u64 *)(to + i), v, __ATOMIC_RELAXED);
		}
		return;
	}
	if (((uintptr_t)to | (uintptr_t)from | len) % 4 == 0) {
		for (size_t i = 0; i < len; i += 4) {
			u32 v = __atomic_load_n((const u32 *)(from + i),
						__ATOMIC_RELAXED);

			__atomic_store_n((u32 *)(to + i), v, __ATOMIC_RELAXED);
		}
		return;
	}
	for (size_t i = 0; i < len; i++) {
		char v = __atomic_load_n(from + i, __ATOMIC_RELAXED);

		__atomic_store_n(to + i, v, __ATOMIC_RELAXED);
	}
}

/* T2: the first write through an entry; false: the leaf has changed. */
static bool mark_dirty(struct mm_struct *mm, struct entry *e)
{
	struct walk w;
	u64 seen;

	if (!walk_tables(mm, e->page, false, &w))
		return false;
	seen = pte_val(w.pte);
	do {
		/* The processor checks the entry again when it sets D. */
		if (!(seen & _PAGE_PRESENT) || !(seen & _PAGE_RW))
			return false;
	} while (!__atomic_compare_exchange_n(
		&w.leaf->v, &seen, seen | _PAGE_DIRTY | _PAGE_ACCESSED, false,
		__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	w.pte = __pte(seen);
	if (frame_of(&w, e->page) != e->frame)
		return false;
	e->bits |= _PAGE_DIRTY;
	return true;
}

static struct entry *look_up(struct tlb *tlb, struct mm_struct *mm,
			     unsigned long page, enum access access, bool *hit)
{
	struct entry *e = tlb_find(tlb, mm->context_id, page);
	struct walk w;

	*hit = e && permits(e->bits, access);
	if (*hit) {
		tlb->stats.hits++;
		if (mmu.geometry.replacement == SOFT_TLB_LRU)
			e->stamp = ++tlb->clock;
		return e;
	}
	tlb->stats.misses++;
	if (e)
		e->context = 0; /* T4 */
	set_cpu_holds(mm);
	if (!walk_tables(mm, page, true, &w) || !permits(w.bits, access))
		return NULL;
	return tlb_fill(tlb, mm, page, &w);
}

static enum outcome access_once(struct mm_struct *mm, unsigned long addr,
				void *buf, size_t len, enum access access)
{
	struct tlb *tlb = this_tlb();
	enum outcome outcome = FAULT;
	struct entry *e;
	char *frame;
	bool hit;

	pthread_mutex_lock(&tlb->lock);
	e = look_up(tlb, mm, addr & PAGE_MASK, access, &hit);
	if (!e)
		goto out;
#if CONFIG_DEBUG_MM
	if (hit) {
		u64 now;

		if (stale(e, mm, &now)) {
			outcome = DIFFERS;
			goto out;
		}
	}
#endif
	if (access == STORE && !(e->bits & _PAGE_DIRTY) && !mark_dirty(mm, e)) {
		e->context = 0;
		goto out;
	}
	frame = (char *)soft_bus(e->frame) + (addr & ~PAGE_MASK);
	if (access == STORE)
		copy_racy(frame, buf, len);
	else
		copy_racy(buf, frame, len);
	outcome = DONE;
out:
	pthread_mutex_unlock(&tlb->lock);
	return outcome;
}

/* ---- faults ---- */

static int trap_of(vm_fault_t fault, int code, unsigned long addr,
		   struct soft_trap *trap)
{
	int sig = fault & VM_FAULT_OOM	    ? SIGKILL
		  : fault & VM_FAULT_SIGBUS ? SIGBUS
					    : SIGSEGV;

	if (trap)
		*trap = (struct soft_trap){sig, code, addr};
	return sig;
}

static int access_page(struct mm_struct *mm, unsigned long addr, void *buf,
		       size_t len, enum access access, struct soft_trap *trap)
{
	static const unsigned int flags[] = {
		[LOAD] = FAULT_FLAG_USER,
		[STORE] = FAULT_FLAG_USER | FAULT_FLAG_WRITE,
		[FETCH] = FAULT_FLAG_USER | FAULT_FLAG_INSTRUCTION,
	};

	for (unsigned int i = 0; i < RETRY_LIMIT; i++) {
		enum outcome outcome = FAULT;
		vm_fault_t fault;
		int code = 0;

		arch_sched_point();
		if (addr < TASK_SIZE)
			outcome = access_once(mm, addr, buf, len, access);
		if (outcome == DONE)
			return 0;
#if CONFIG_DEBUG_MM
		if (outcome == DIFFERS) {
			settle(mm, this_tlb(), addr & PAGE_MASK);
			continue;
		}
#endif
		count(&this_tlb()->stats.faults);
		fault = mm_fault(mm, addr, flags[access], &code);
		if (fault & VM_FAULT_ERROR)
			return trap_of(fault, code, addr, trap);
	}
	panic("BUG: access to %lx faults for ever", addr);
}

static int access_range(struct mm_struct *mm, unsigned long addr, char *buf,
			size_t len, enum access access, struct soft_trap *trap)
{
	while (len) {
		size_t n = min(len, PAGE_SIZE - (addr & ~PAGE_MASK));
		int sig = access_page(mm, addr, buf, n, access, trap);

		if (sig)
			return sig;
		addr += n;
		buf += n;
		len -= n;
	}
	return 0;
}

int soft_load(struct mm_struct *mm, unsigned long addr, void *buf, size_t len,
	      struct soft_trap *trap)
{
	return access_range(mm, addr, buf, len, LOAD, trap);
}

int soft_store(struct mm_struct *mm, unsigned long addr, const void *buf,
	       size_t len, struct soft_trap *trap)
{
	return access_range(mm, addr, (char *)buf, len, STORE, trap);
}

int soft_fetch(struct mm_struct *mm, unsigned long addr, void *buf, size_t len,
	       struct soft_trap *trap)
{
	return access_range(mm, addr, buf, len, FETCH, trap);
}

/* ---- flushing ---- */

void soft_flush_user(struct mm_struct *mm, unsigned long start,
		     unsigned long end, bool freed_tables)
{
	u64 holders[ARRAY_SIZE(mm->cpu_bitmap)];
	unsigned int self = smp_processor_id();

	/* Upper levels are not cached here: nothing more to drop for them. */
	(void)freed_tables;
	/* An exchange for its full barrier; see part 3. */
	for (unsigned int w = 0; w < ARRAY_SIZE(holders); w++)
		holders[w] = __atomic_fetch_or(&mm->cpu_bitmap[w], 0,
					       __ATOMIC_SEQ_CST);
	for (unsigned int cpu = 0; cpu < mmu.nr_cpus; cpu++) {
		if (!(holders[cpu / 64] >> cpu % 64 & 1))
			continue;
		pthread_mutex_lock(&tlbs[cpu].lock);
		tlb_drop(&tlbs[cpu], mm->context_id, start, end);
		pthread_mutex_unlock(&tlbs[cpu].lock);
		if (cpu != self)
			count(&tlbs[self].stats.shootdowns);
	}
	count(&tlbs[self].stats.flushes);
	arch_sched_point();
}

void soft_flush_tlb_one(unsigned long addr)
{
	struct tlb *tlb = this_tlb();
	unsigned long page = addr & PAGE_MASK;

	pthread_mutex_lock(&tlb->lock);
	tlb_drop(tlb, 0, page, page + PAGE_SIZE);
	pthread_mutex_unlock(&tlb->lock);
}

/* ---- looking ---- */

struct soft_tlb_stats soft_tlb_stats(unsigned int cpu)
{
	struct soft_tlb_stats sum = {0};

	for (unsigned int i = 0; i < mmu.nr_cpus; i++) {
		const struct soft_tlb_stats *s = &tlbs[i].stats;

		if (cpu != SOFT_ALL_CPUS && cpu != i)
			continue;
		pthread_mutex_lock(&tlbs[i].lock);
		sum.hits += s->hits;
		sum.misses += s->misses;
		sum.evictions += s->evictions;
		sum.flushes += READ_ONCE(s->flushes);
		sum.shootdowns += READ_ONCE(s->shootdowns);
		sum.invalidated += s->invalidated;
		sum.faults += READ_ONCE(s->faults);
		pthread_mutex_unlock(&tlbs[i].lock);
	}
	return sum;
}

unsigned int soft_tlb_held(unsigned int cpu, const struct mm_struct *mm)
{
	unsigned int nr = 0;

	pthread_mutex_lock(&tlbs[cpu].lock);
	for (unsigned int i = 0; i < mmu.geometry.entries; i++) {
		u64 context = tlbs[cpu].entries[i].context;

		nr += context && (!mm || context == mm->context_id);
	}
	pthread_mutex_unlock(&tlbs[cpu].lock);
	return nr;
}

bool soft_tlb_has(unsigned int cpu, const struct mm_struct *mm,
		  unsigned long addr)
{
	bool has;

	pthread_mutex_lock(&tlbs[cpu].lock);
	has = tlb_find(&tlbs[cpu], mm->context_id, addr & PAGE_MASK);
	pthread_mutex_unlock(&tlbs[cpu].lock);
	return has;
}
