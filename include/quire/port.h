/* SPDX-License-Identifier: MIT */
/*
 * port.h - what the memory manager needs of a machine.
 *
 * Two places, and no third:
 *
 *  - here, the services that may sleep, fail or be faked: one const struct of
 *    function pointers, handed to mm_init();
 *  - "arch.h" of the port's folder, the hot words, inlined.  Every port's
 *    arch.h defines exactly this:
 *
 *	PAGE_SHIFT 12, PAGE_SIZE, PAGE_MASK
 *	void *__va(phys_addr_t pa)	direct map: fixed offset, always mapped
 *	phys_addr_t __pa(const void *va) inverse, for direct-map addresses only
 *	VMALLOC_START, VMALLOC_END	kernel range for vmalloc (page-aligned)
 *	TASK_SIZE			first address above user space
 *	PGTABLE_LEVELS			4 here; an expression, not always constant
 *	ARCH_MAX_LEAF_LEVEL		highest level of kernel leaves: 1 is
 *					2 MiB, 2 is 1 GiB; an expression
 *	pte_t and its bits		(pte_x86_64.h on both ports)
 *	unsigned int smp_processor_id(void)	0 .. NR_CPUS-1
 *	unsigned long arch_percpu_offset(void)	of this CPU; 0 until set
 *	unsigned long arch_percpu_offset_of(unsigned int cpu)
 *	void arch_set_percpu_offset(unsigned int cpu, unsigned long offset)
 *					by mm_init, once for each CPU, the
 *					running one too
 *	unsigned long arch_task_slot(void)	processor number + 1; 0 in an
 *					interrupt handler: indexes what
 *					handlers must leave alone
 *	void preempt_disable(void), preempt_enable(void)
 *	unsigned long local_irq_save(void), void local_irq_restore(unsigned long)
 *	bool irqs_disabled(void), in_interrupt(void)
 *	void cpu_relax(void)		in every spin loop; the seeded machine
 *					switches processors here
 *	void arch_sched_point(void)	nothing on metal; the seeded machine may
 *					switch processors (called by spin_lock)
 *	void arch_flush_tlb_one(unsigned long addr)	this CPU only
 *	with CONFIG_HIGHMEM: ARCH_KMAP_SLOTS pages of kernel addresses and
 *	    void *arch_kmap_addr(unsigned int slot)
 *	    void arch_kmap_set(unsigned int slot, phys_addr_t pa)
 *	    void arch_kmap_clear(unsigned int slot)	all processors
 *	void clear_page(void *page), copy_page(void *to, const void *from)
 *
 * The C names memcpy memmove memset memcmp strlen strcmp strncmp strchr
 * strrchr strnlen memchr come from the machine: the C library where there is
 * one, lib/string.c where there is none.
 */
#ifndef QUIRE_PORT_H
#define QUIRE_PORT_H

#include <quire/types.h>

struct mm_struct;

/* One range of physical memory, [start, end) in bytes. */
struct mem_range {
	phys_addr_t start;
	phys_addr_t end;
	int nid;  /* node; 0 where there is only one */
	u32 type; /* MEM_RANGE_* */
};

enum {
	MEM_RANGE_USABLE,   /* ordinary RAM */
	MEM_RANGE_RESERVED, /* RAM in use: kernel image, initrd */
	MEM_RANGE_FIRMWARE, /* never ours, listed for /proc/iomem */
};

/* What the machine knows when the memory manager starts. */
struct mm_boot {
	const struct mem_range
		*ranges; /* any order; may touch; RESERVED wins */
	unsigned int nr_ranges;
	unsigned int nr_cpus;  /* possible processors, ids 0..n-1 */
	unsigned int nr_nodes; /* at least 1 */
	const u8 *distances;   /* nr_nodes x nr_nodes, or NULL */
	const u8 *cpu_to_node; /* nr_cpus, or NULL: all on node 0 */
	bool has_highmem;      /* frames above highmem_start unmapped */
	phys_addr_t highmem_start;
	/*
	 * The command line, whose words mm_init() offers to its floors; NULL:
	 * none.  What none of them knows is others'.
	 */
	const char *cmdline;
	/*
	 * Addresses for the page array, 32 bytes for each frame up to the
	 * highest, a multiple of 2 MiB, not mapped: port->map_page_array()
	 * maps parts of it.  With several nodes each node's part is its own
	 * memory then.  NULL: none; the array lies in the direct map.
	 */
	void *page_array;
};

struct port_ops {
	/*
	 * Write text to the log.  Any context, any locks, never fails; what
	 * cannot be shown is lost.
	 */
	void (*log)(const char *text, size_t len);

	/*
	 * Stop the machine after an internal error that cannot be contained.
	 * The text has no newline.  Any context.
	 */
	void (*panic)(const char *text) __noreturn;

	/* Nanoseconds since the start; never goes back.  Any context. */
	u64 (*time_ns)(void);

	/*
	 * 64 random bits: layout randomisation, list hardening.  The seeded
	 * machine draws from its seed.  Any context.
	 */
	u64 (*random)(void);

	/*
	 * Sleep until woken, if *word still equals expected.  May return
	 * early: callers loop.  Task context, no spinlock held.
	 */
	void (*wait)(const u32 *word, u32 expected);

	/* Wake up to nr sleepers on word.  Any context; does not sleep. */
	void (*wake)(const u32 *word, unsigned int nr);

	/* Let other work run.  Task context, no spinlock held. */
	void (*yield)(void);

	/*
	 * Remove every translation of [start, end) of the address space mm
	 * from every processor's TLB, and with freed_tables set also cached
	 * upper-level entries; returns when no processor can still use one.
	 * mm NULL: the kernel's range.  No spinlock that a processor with
	 * interrupts off could be spinning on may be held.
	 */
	void (*flush_tlb_range)(struct mm_struct *mm, unsigned long start,
				unsigned long end, bool freed_tables);

	/*
	 * Called after entries of [start, end) of the kernel's range were
	 * filled, before their first use.  A machine whose kernel addresses
	 * are not translated by these tables makes them work here.  0 or
	 * -ENOMEM.  Task context.
	 */
	int (*sync_kernel_mappings)(unsigned long start, unsigned long end);

	/*
	 * Make the kernel's top-level entries visible in a new page-table
	 * root, a zeroed page of the direct map.  Cannot fail.
	 */
	void (*pgd_init)(void *pgd);

	/*
	 * Map [pa, pa + size) at addr, a part of mm_boot.page_array, for the
	 * kernel to read and write; all are multiples of PAGE_SIZE, and pa is
	 * as far from a multiple of 2 MiB as addr where size allows for a
	 * leaf of it.  Called by mm_init() before there is anything to
	 * allocate from: new_table() gives zeroed frames of the direct map,
	 * for ever, or stops the machine.  Cannot fail.  NULL with a
	 * page_array that is NULL.
	 */
	void (*map_page_array)(void *addr, phys_addr_t pa, size_t size,
			       void *(*new_table)(void));
};

/*
 * For a machine of one processor, whose tables no processor runs on: wait is
 * a panic if nothing has changed (nobody else can wake it), the others have
 * nothing to do.  lib/port_lone.c.
 */
void port_lone_wait(const u32 *word, u32 expected);
void port_lone_wake(const u32 *word, unsigned int nr);
void port_lone_yield(void);
void port_no_pgd_init(void *pgd);

/* The running machine's services; set once by mm_init(). */
extern const struct port_ops *port;

#endif
