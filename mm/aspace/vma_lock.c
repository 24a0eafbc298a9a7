/* SPDX-License-Identifier: MIT */
/*
 * vma_lock.c - one area held still, without mmap_lock.
 *
 * 1. Idea.  A page fault needs its own area and nothing else.  It finds it in
 *    the tree without any lock, takes a reference, and looks again whether
 *    what it now holds is still the right area.  So faults do not wait for
 *    each other, nor for a mapping call that works on other areas.
 * 2. A reader.  vm_refcnt counts: 0 the area is in no set, 1 it is, above that
 *    readers.  Freed areas stay areas while someone is inside rcu_read_lock()
 *    (SLAB_TYPESAFE_BY_RCU), so a reference can be tried on whatever the tree
 *    led to, however old; only a count above 0 is raised.
 *    The tree may turn under the search, which then finds nothing or the wrong
 *    area, and in the worst case would go round: it is given up after as many
 *    steps as no tree has levels.
 * 3. A writer holds mmap_lock for writing and marks each area it is about to
 *    change with mm->mm_lock_seq; then it waits until the readers that came
 *    before have gone.  Leaving mmap_lock raises mm_lock_seq, which ends all
 *    marks at once.
 *
 *	reader			writer
 *	raise count		mark
 *	(barrier)		(barrier)
 *	read mark: give up?	read count: wait?
 *
 * 4. Invariants.
 *    L1  with mmap_lock held for writing a marked area has no readers; a
 *        reader that comes and sees the mark leaves without looking further
 *    L2  an area's count is above 0 exactly while it is in the set
 *    L3  before an area's bounds, rights, entries (in bulk) or tables change,
 *        or it leaves the set, it is marked
 * 5. What readers may not do: look at neighbours, or give an area its first
 *    anonymous page, which needs them.  Whoever cannot go on falls back to
 *    mmap_lock for reading, under which no area is marked.
 * 6. Waiting.  A writer sets WAITER and sleeps on the count; the reader that
 *    finds it set when it leaves wakes all who sleep there.
 * 7. Failure.  Looking up may refuse at any time.
 *
 * Source: Linux's Documentation/mm/process_addrs.rst (VMA locks).
 */
#include <quire/rcu.h>

#include "mm/aspace/internal.h"

#define WAITER 0x80000000U
/* Twice the levels of the deepest tree of all areas there can be. */
#define STEPS_MAX 96U

/* ---- readers ---- */

static bool covers(const struct vm_area_struct *vma, unsigned long addr)
{
	return READ_ONCE(vma->vm_start) <= addr &&
	       addr < READ_ONCE(vma->vm_end);
}

/* Inside rcu_read_lock(): what may be the area; NULL: not found. */
static struct vm_area_struct *search_racy(struct mm_struct *mm,
					  unsigned long addr)
{
	struct vm_area_struct *vma = smp_load_acquire(&mm->mmap_cache);
	struct rb_node *node;

	if (likely(vma && covers(vma, addr)))
		return vma;
	node = smp_load_acquire(&mm->mm_rb.rb_node);
	for (unsigned int i = 0; node && i < STEPS_MAX; i++) {
		vma = rb_entry(node, struct vm_area_struct, vm_rb);
		if (READ_ONCE(vma->vm_end) <= addr)
			node = smp_load_acquire(&node->rb_right);
		else if (READ_ONCE(vma->vm_start) > addr)
			node = smp_load_acquire(&node->rb_left);
		else
			return vma;
	}
	return NULL;
}

static bool is_marked(const struct mm_struct *mm,
		      const struct vm_area_struct *vma)
{
	return __atomic_load_n(&vma->vm_lock_seq, __ATOMIC_SEQ_CST) ==
	       smp_load_acquire(&mm->mm_lock_seq);
}

static bool raise_count(struct vm_area_struct *vma)
{
	u32 old = READ_ONCE(vma->vm_refcnt);

	do {
		if (!old || (old & WAITER))
			return false;
	} while (!__atomic_compare_exchange_n(&vma->vm_refcnt, &old, old + 1,
					      true, __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
	return true;
}

void vma_end_read(struct vm_area_struct *vma)
{
	u32 *count = &vma->vm_refcnt;

	if (unlikely(__atomic_fetch_sub(count, 1, __ATOMIC_ACQ_REL) & WAITER))
		port->wake(count, ~0U);
}

/* The first anonymous page of an area concerns its neighbours. */
static bool needs_identity(const struct vm_area_struct *vma, unsigned int flags)
{
	return (flags & FAULT_FLAG_WRITE) && !smp_load_acquire(&vma->anon_id) &&
	       !(READ_ONCE(vma->vm_flags) & VM_SHARED);
}

/* With mmap_lock held: is it in mm's set, and the one? */
static bool is_area_of(const struct vm_area_struct *vma,
		       const struct mm_struct *mm, unsigned long addr)
{
	return READ_ONCE(vma->vm_refcnt) && READ_ONCE(vma->vm_mm) == mm &&
	       covers(vma, addr);
}

struct vm_area_struct *lock_vma_under_rcu(struct mm_struct *mm,
					  unsigned long addr,
					  unsigned int flags, bool *by_mm)
{
	struct vm_area_struct *vma;

	*by_mm = false;
	rcu_read_lock();
	vma = search_racy(mm, addr);
	arch_sched_point();
	if (unlikely(!vma))
		goto out_unlock;
	if (needs_identity(vma, flags)) {
		if (!down_read_trylock(&mm->mmap_lock))
			goto out_unlock;
		if (unlikely(!is_area_of(vma, mm, addr))) {
			mmap_read_unlock(mm);
			goto out_unlock;
		}
		rcu_read_unlock();
		smp_store_release(&mm->mmap_cache, vma);
		*by_mm = true;
		return vma;
	}
	if (!raise_count(vma))
		goto out_unlock;
	rcu_read_unlock();
	if (likely(!is_marked(mm, vma) && vma->vm_mm == mm &&
		   covers(vma, addr) && !needs_identity(vma, flags)))
		return vma;
	vma_end_read(vma);
	return NULL;

out_unlock:
	rcu_read_unlock();
	return NULL;
}

/* ---- writers ---- */

void vma_await_readers(struct vm_area_struct *vma)
{
	for (;;) {
		u32 seen = __atomic_load_n(&vma->vm_refcnt, __ATOMIC_SEQ_CST);

		if ((seen & ~WAITER) == 1)
			break;
		if (!(seen & WAITER)) {
			__atomic_fetch_or(&vma->vm_refcnt, WAITER,
					  __ATOMIC_SEQ_CST);
			continue;
		}
		port->wait(&vma->vm_refcnt, seen);
	}
	/* Readers that only look and leave again may still come: no store. */
	__atomic_fetch_and(&vma->vm_refcnt, ~WAITER, __ATOMIC_SEQ_CST);
}

void vma_detach_slow(struct vm_area_struct *vma)
{
	do
		vma_await_readers(vma);
	while (!vma_try_detach(vma));
}
