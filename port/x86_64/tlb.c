/* SPDX-License-Identifier: MIT */
/*
 * tlb.c - which address space a processor uses, and forgetting translations.
 *
 * 1. mm->cpu_bitmap has a processor's bit from before it loads the tables
 *    until after it has loaded others.  Who changes entries and then reads the
 *    bitmap therefore finds every processor that can have cached the old ones.
 *
 *	switching CPU            changing CPU
 *	set own bit              change entry
 *	(barrier)                (barrier)
 *	load CR3                 read bits, interrupt those
 *
 * 2. Lazy.  A kernel thread goes on with the tables that are loaded.  A
 *    processor that is asked to flush while it is lazy loads the kernel's
 *    tables instead and drops its bit: it is asked once, not each time.
 * 3. A request lies in its sender's block.  The sender sets its bit in each
 *    target's tlb_from, interrupts the target if that was empty, and waits
 *    until nr_waiting is 0.  While it waits it serves requests of others, so
 *    two senders with interrupts off do not wait for each other for ever.
 * 4. Global entries (the kernel's) survive a load of CR3; a whole flush of
 *    the kernel's range toggles CR4.PGE.  INVLPG also empties the caches of
 *    upper levels, so freed tables need nothing more.
 * 5. Context: preemption is off while a request is under way; never from an
 *    interrupt handler, which could find a request of its own processor.
 *
 * Source: Intel SDM volume 3A, 4.10.
 */
#include <quire/mm.h>
#include <quire/pgtable.h>

#include "port/x86_64/x86.h"

/*
 * Above this many pages one whole flush is cheaper than INVLPG for each, by
 * Linux's measurements (Documentation/arch/x86/tlb.rst).
 */
#define FLUSH_ALL_PAGES 33

static u64 bit_of(unsigned int cpu)
{
	return 1ULL << (cpu & 63);
}

static u64 *word_of(struct mm_struct *mm, unsigned int cpu)
{
	return &mm->cpu_bitmap[cpu / 64];
}

_Static_assert(NR_CPUS <= 64, "tlb_from is one word");

static void load_root(struct x86_processor *p, struct mm_struct *mm)
{
	struct mm_struct *old = p->loaded_mm;
	unsigned int cpu = p->hot.cpu;

	if (mm)
		__atomic_fetch_or(word_of(mm, cpu), bit_of(cpu),
				  __ATOMIC_SEQ_CST);
	write_cr3(__pa(mm ? mm->pgd : init_pgd));
	p->loaded_mm = mm;
	if (old)
		__atomic_fetch_and(word_of(old, cpu), ~bit_of(cpu),
				   __ATOMIC_SEQ_CST);
}

void x86_switch_mm(struct mm_struct *mm)
{
	struct x86_processor *p = this_processor();

	p->lazy_mm = !mm;
	if (mm && mm != p->loaded_mm)
		load_root(p, mm);
}

void x86_leave_mm(void)
{
	unsigned long flags = local_irq_save();
	struct x86_processor *p = this_processor();

	if (p->loaded_mm)
		load_root(p, NULL);
	local_irq_restore(flags);
}

static void flush_global(void)
{
	unsigned long cr4 = read_cr4();

	if (cr4 & X86_CR4_PGE) {
		write_cr4(cr4 & ~X86_CR4_PGE);
		write_cr4(cr4);
	} else {
		write_cr3(read_cr3());
	}
}

/* Do a request on this processor; interrupts off. */
static void serve(struct x86_processor *p, const struct x86_tlb_request *rq)
{
	if (rq->mm) {
		if (p->loaded_mm != rq->mm)
			return; /* switched since; nothing is left */
		if (p->lazy_mm) {
			load_root(p, NULL);
			return;
		}
	}
	if (!rq->all) {
		for (unsigned long a = rq->start; a < rq->end; a += PAGE_SIZE)
			arch_flush_tlb_one(a);
	} else if (rq->mm) {
		write_cr3(read_cr3());
	} else {
		flush_global();
	}
}

static void serve_others(struct x86_processor *p)
{
	u64 from;

	if (!READ_ONCE(p->tlb_from))
		return;
	from = __atomic_exchange_n(&p->tlb_from, 0, __ATOMIC_SEQ_CST);
	while (from) {
		struct x86_tlb_request *rq =
			&processor((unsigned int)__builtin_ctzll(from))
				 ->tlb_request;

		serve(p, rq);
		__atomic_fetch_sub(&rq->nr_waiting, 1, __ATOMIC_RELEASE);
		from &= from - 1;
	}
}

void tlb_interrupt(void)
{
	serve_others(this_processor());
}

static u64 targets(struct mm_struct *mm, unsigned int self)
{
	u64 mask = 0;

	if (mm) {
		mask = READ_ONCE(mm->cpu_bitmap[0]);
	} else {
		for (unsigned int cpu = 0; cpu < x86_nr_possible; cpu++)
			if (x86_cpu_online(cpu))
				mask |= bit_of(cpu);
	}
	return mask & ~bit_of(self);
}

static void ask(struct x86_processor *p, u64 mask)
{
	struct x86_tlb_request *rq = &p->tlb_request;
	u32 nr_targets = 0;

	for (u64 left = mask; left; left &= left - 1)
		nr_targets++;
	__atomic_store_n(&rq->nr_waiting, nr_targets, __ATOMIC_SEQ_CST);
	for (u64 left = mask; left; left &= left - 1) {
		unsigned int cpu = (unsigned int)__builtin_ctzll(left);

		if (!__atomic_fetch_or(&processor(cpu)->tlb_from,
				       bit_of(p->hot.cpu), __ATOMIC_SEQ_CST))
			lapic_send_ipi(cpu, VECTOR_TLB);
	}
}

static void await(struct x86_processor *p)
{
	while (__atomic_load_n(&p->tlb_request.nr_waiting, __ATOMIC_ACQUIRE)) {
		unsigned long flags = local_irq_save();

		serve_others(p);
		local_irq_restore(flags);
		cpu_relax();
	}
}

void tlb_flush_range(struct mm_struct *mm, unsigned long start,
		     unsigned long end, bool freed_tables)
{
	struct x86_processor *p;
	unsigned long flags;
	u64 mask;

	(void)freed_tables; /* see 4 */
	preempt_disable();
	p = this_processor();
	/* The changed entries before the bitmap (1). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	mask = targets(mm, p->hot.cpu);
	p->tlb_request.mm = mm;
	p->tlb_request.start = start & PAGE_MASK;
	p->tlb_request.end = end;
	p->tlb_request.all = (end - start) >> PAGE_SHIFT > FLUSH_ALL_PAGES;
	if (unlikely(mask))
		ask(p, mask);
	flags = local_irq_save();
	serve(p, &p->tlb_request);
	local_irq_restore(flags);
	if (unlikely(mask))
		await(p);
	preempt_enable();
}
