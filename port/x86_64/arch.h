/* SPDX-License-Identifier: MIT */
/*
 * arch.h - the hot words of the x86-64 machine; port.h has their contracts.
 *
 * Interface: the list in <quire/port.h>, and struct x86_cpu, the block of
 * each processor that GS points to while it runs in the kernel.
 */
#ifndef PORT_X86_64_ARCH_H
#define PORT_X86_64_ARCH_H

#include <quire/pte_x86_64.h>
#include <quire/types.h>

#include "port/x86_64/asm_offsets.h"

#define PAGE_SHIFT	    12
#define PAGE_SIZE	    (1UL << PAGE_SHIFT)
#define PAGE_MASK	    (~(PAGE_SIZE - 1))

#define PAGE_OFFSET	    0xffff888000000000UL
#define VMALLOC_START	    0xffffc90000000000UL
#define VMALLOC_END	    0xffffc98000000000UL /* one top-level entry */
#define VMEMMAP_START	    0xffffea0000000000UL /* page array, as Linux */
#define TASK_SIZE	    0x00007ffffffff000UL
#define PGTABLE_LEVELS	    4
#define ARCH_MAX_LEAF_LEVEL (x86_has_gib_pages ? 2U : 1U)

struct arch_thread;

/*
 * One processor.  The first words have fixed places for the assembler.
 * Written by the processor itself, except work (anyone, atomically).
 */
struct x86_cpu {
	struct x86_cpu *self;
	unsigned long percpu_offset;
	struct arch_thread *current_thread;
	unsigned long kernel_sp;
	unsigned long user_sp;
	u32 cpu;
	u32 preempt_count;
	u32 irq_depth;
	u32 work;
	unsigned long task_slot;
};

/* The block of each possible processor; NULL before it is prepared. */
extern struct x86_cpu *x86_cpus[NR_CPUS];
/* Where each processor's copy of the per-CPU section lies. */
extern unsigned long x86_percpu_offsets[NR_CPUS];

/* Leaves of 1 GiB exist; set before mm_init(). */
extern bool x86_has_gib_pages;

#define x86_gs_read(type, offset)                       \
	({                                              \
		type gs_val_;                           \
		__asm__ __volatile__("mov %%gs:%c1, %0" \
				     : "=r"(gs_val_)    \
				     : "i"(offset));    \
		gs_val_;                                \
	})

static inline void *__va(phys_addr_t pa)
{
	return (void *)(pa + PAGE_OFFSET);
}

static inline phys_addr_t __pa(const void *va)
{
	return (uintptr_t)va - PAGE_OFFSET;
}

static inline unsigned int smp_processor_id(void)
{
	return x86_gs_read(u32, XC_CPU);
}

static inline unsigned long arch_task_slot(void)
{
	return x86_gs_read(unsigned long, XC_TASK_SLOT);
}

static inline unsigned long arch_percpu_offset(void)
{
	return x86_gs_read(unsigned long, XC_PERCPU_OFFSET);
}

static inline unsigned long arch_percpu_offset_of(unsigned int cpu)
{
	return x86_percpu_offsets[cpu];
}

/* mm_init() made cpu's copy of the per-CPU section; the first CPU runs. */
static inline void arch_set_percpu_offset(unsigned int cpu,
					  unsigned long offset)
{
	x86_percpu_offsets[cpu] = offset;
	if (cpu == smp_processor_id())
		__asm__ __volatile__("mov %0, %%gs:%c1"
				     :
				     : "r"(offset), "i"(XC_PERCPU_OFFSET)
				     : "memory");
}

/*
 * The kernel switches threads only where it says so (schedule()) and before
 * going back to user mode, so that the count guards nothing by itself: it
 * lets schedule() and the fault handler refuse to sleep under a spinlock.
 */
static inline void preempt_disable(void)
{
	__asm__ __volatile__("incl %%gs:%c0"
			     :
			     : "i"(XC_PREEMPT_COUNT)
			     : "memory", "cc");
}

static inline void preempt_enable(void)
{
	__asm__ __volatile__("decl %%gs:%c0"
			     :
			     : "i"(XC_PREEMPT_COUNT)
			     : "memory", "cc");
}

static inline u32 preempt_count(void)
{
	return x86_gs_read(u32, XC_PREEMPT_COUNT);
}

#define X86_FLAGS_IF 0x200UL

static inline unsigned long arch_flags(void)
{
	unsigned long flags;

	__asm__ __volatile__("pushfq; popq %0" : "=r"(flags) : : "memory");
	return flags;
}

static inline void local_irq_disable(void)
{
	__asm__ __volatile__("cli" : : : "memory");
}

static inline void local_irq_enable(void)
{
	__asm__ __volatile__("sti" : : : "memory");
}

static inline unsigned long local_irq_save(void)
{
	unsigned long flags = arch_flags();

	local_irq_disable();
	return flags;
}

static inline void local_irq_restore(unsigned long flags)
{
	if (flags & X86_FLAGS_IF)
		local_irq_enable();
}

static inline bool irqs_disabled(void)
{
	return !(arch_flags() & X86_FLAGS_IF);
}

static inline bool in_interrupt(void)
{
	bool nested;

	__asm__ __volatile__("cmpl $0, %%gs:%c1"
			     : "=@ccne"(nested)
			     : "i"(XC_IRQ_DEPTH));
	return nested;
}

static inline void cpu_relax(void)
{
	__asm__ __volatile__("pause" : : : "memory");
}

static inline void arch_sched_point(void)
{
}

static inline void arch_flush_tlb_one(unsigned long addr)
{
	__asm__ __volatile__("invlpg (%0)" : : "r"(addr) : "memory");
}

static inline void clear_page(void *page)
{
	unsigned long nr_words = PAGE_SIZE / 8;

	__asm__ __volatile__("rep stosq"
			     : "+D"(page), "+c"(nr_words)
			     : "a"(0UL)
			     : "memory");
}

static inline void copy_page(void *to, const void *from)
{
	unsigned long nr_words = PAGE_SIZE / 8;

	__asm__ __volatile__("rep movsq"
			     : "+D"(to), "+S"(from), "+c"(nr_words)
			     :
			     : "memory");
}

#endif
