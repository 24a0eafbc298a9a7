/* SPDX-License-Identifier: MIT */
/*
 * arch.h - the simulated machine's hot words; the list is port.h's.
 *
 * Physical memory is a range of the host's addresses; a processor is a host
 * thread, which knows its number from thread-local storage.
 */
#ifndef PORT_SOFT_ARCH_H
#define PORT_SOFT_ARCH_H

#include <quire/pte_x86_64.h>
#include <quire/string.h>
#include <quire/types.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1UL << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))

/* What a machine does beneath the hot words; NULL: nothing special. */
struct soft_machine {
	void (*sched_point)(void); /* may switch processors */
	void (*relax)(void);
	void (*flush_tlb_one)(unsigned long addr);
};

/* What the hot words read; set up by soft_boot(), or by a port of its own. */
struct soft_arch {
	char *ram;  /* physical address 0 */
	char *bus;  /* the same with all frames: the MMU's way */
	char *kmap; /* highmem.h */
	unsigned long vmalloc_start, vmalloc_end;
	unsigned long task_size;
	unsigned int levels;
	bool seeded; /* one processor runs at a time: machine is set */
	const struct soft_machine *machine;
	unsigned long percpu_offset[NR_CPUS];
};
extern struct soft_arch soft_arch;

/* The processor that this host thread is. */
struct soft_self {
	unsigned int cpu;
	unsigned int preempt_count;
	bool irqs_off;
};
extern __thread struct soft_self soft_self;

#define VMALLOC_START	    (soft_arch.vmalloc_start)
#define VMALLOC_END	    (soft_arch.vmalloc_end)
#define TASK_SIZE	    (soft_arch.task_size)
#define PGTABLE_LEVELS	    (soft_arch.levels)
#define ARCH_MAX_LEAF_LEVEL 2

static inline void *__va(phys_addr_t pa)
{
	return soft_arch.ram + pa;
}

static inline phys_addr_t __pa(const void *va)
{
	return (phys_addr_t)((const char *)va - soft_arch.ram);
}

/* Any frame, also one that the direct map does not hold. */
static inline void *soft_bus(phys_addr_t pa)
{
	return soft_arch.bus + pa;
}

#define ARCH_KMAP_SLOTS (NR_CPUS * 16 + 64)

static inline void *arch_kmap_addr(unsigned int slot)
{
	return soft_arch.kmap + slot * PAGE_SIZE;
}

void arch_kmap_set(unsigned int slot, phys_addr_t pa);
void arch_kmap_clear(unsigned int slot);

static inline unsigned int smp_processor_id(void)
{
	return soft_self.cpu;
}

/* No interrupts: always a task. */
static inline unsigned long arch_task_slot(void)
{
	return soft_self.cpu + 1UL;
}

static inline unsigned long arch_percpu_offset_of(unsigned int cpu)
{
	return soft_arch.percpu_offset[cpu];
}

static inline unsigned long arch_percpu_offset(void)
{
	return arch_percpu_offset_of(soft_self.cpu);
}

static inline void arch_set_percpu_offset(unsigned int cpu,
					  unsigned long offset)
{
	soft_arch.percpu_offset[cpu] = offset;
}

static inline void preempt_disable(void)
{
	soft_self.preempt_count++;
	barrier();
}

static inline void preempt_enable(void)
{
	barrier();
	soft_self.preempt_count--;
}

/* The simulated machine has no interrupts; it only checks the rules. */
static inline unsigned long local_irq_save(void)
{
	unsigned long flags = soft_self.irqs_off;

	soft_self.irqs_off = true;
	return flags;
}

static inline void local_irq_restore(unsigned long flags)
{
	soft_self.irqs_off = flags;
}

static inline bool irqs_disabled(void)
{
	return soft_self.irqs_off;
}

static inline bool in_interrupt(void)
{
	return false;
}

void cpu_relax(void);

static inline void arch_sched_point(void)
{
	if (unlikely(soft_arch.seeded))
		soft_arch.machine->sched_point();
}

void arch_flush_tlb_one(unsigned long addr);

static inline void clear_page(void *page)
{
	memset(page, 0, PAGE_SIZE);
}

static inline void copy_page(void *to, const void *from)
{
	memcpy(to, from, PAGE_SIZE);
}

#endif
