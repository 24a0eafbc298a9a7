/* SPDX-License-Identifier: MIT */
/*
 * smp.c - finds out how many processors there are and starts them.
 *
 * One at a time: what the new one needs lies in x86_secondary_boot, its block
 * and fault stacks are allocated before, and the boot processor waits for it
 * to say that it is online before it starts the next.  A processor that never
 * answers keeps its block: it may still wake up.
 *
 *	boot processor                new processor
 *	trampoline to TRAMPOLINE_PA
 *	INIT, STARTUP ------------->  real mode ... x86_secondary_start()
 *	wait for online <-----------  online = true
 *	                              kernel_secondary_main()
 */
#include <quire/errno.h>
#include <quire/gfp.h>
#include <quire/pgtable.h>
#include <quire/printk.h>
#include <quire/slab.h>
#include <quire/string.h>

#include "port/x86_64/x86.h"

#define START_TIMEOUT_NS 10000000000ULL

/* Read by boot.S, in this order. */
struct x86_secondary_boot {
	unsigned long cr3;
	unsigned long sp;
	struct x86_processor *processor;
};
extern struct x86_secondary_boot x86_secondary_boot;
struct x86_secondary_boot x86_secondary_boot;

static unsigned int option_number(const char *name, unsigned int otherwise)
{
	const char *s = x86_cmdline_option(name);
	unsigned int n = 0;

	if (!s || *s < '0' || *s > '9')
		return otherwise;
	for (; *s >= '0' && *s <= '9' && n < NR_CPUS; s++)
		n = n * 10 + (unsigned int)(*s - '0');
	return n;
}

/* nr_cpus= limits what is possible, as in Linux. */
void smp_init(void)
{
	unsigned int limit = option_number("nr_cpus", NR_CPUS);

	x86_nr_possible = min(max(acpi.nr_cpus, 1U), max(limit, 1U));
}

static struct x86_processor *new_processor(unsigned int cpu,
					   struct arch_thread *idle,
					   unsigned long stack_top)
{
	struct x86_processor *p = kzalloc(sizeof(*p), GFP_KERNEL);
	void *stacks;

	if (!p)
		return NULL;
	stacks = alloc_pages_exact((NR_ISTS - 1) * IST_STACK_SIZE, GFP_KERNEL);
	if (!stacks) {
		kfree(p);
		return NULL;
	}
	cpu_prepare(p, cpu, acpi.apic_ids[cpu], (uintptr_t)stacks);
	idle->stack_top = stack_top;
	p->hot.current_thread = idle;
	cpu_set_kernel_stack(p, stack_top);
	return p;
}

int x86_start_cpu(unsigned int cpu, struct arch_thread *idle,
		  unsigned long stack_top)
{
	struct x86_processor *p;
	u64 deadline;

	if (!cpu || cpu >= x86_nr_possible || x86_cpus[cpu])
		return -EINVAL;
	p = new_processor(cpu, idle, stack_top);
	if (!p)
		return -ENOMEM;
	x86_cpus[cpu] = &p->hot;
	x86_secondary_boot = (struct x86_secondary_boot){
		.cr3 = __pa(init_pgd), .sp = stack_top, .processor = p};
	memcpy(__va(TRAMPOLINE_PA), x86_trampoline,
	       (size_t)(x86_trampoline_end - x86_trampoline));
	lapic_start_secondary(p->apic_id);
	deadline = x86_time_ns() + START_TIMEOUT_NS;
	while (!__atomic_load_n(&p->online, __ATOMIC_ACQUIRE)) {
		if (x86_time_ns() > deadline) {
			printk("CPU %u did not start\n", cpu);
			return -EIO;
		}
		cpu_relax();
	}
	return 0;
}

void x86_secondary_start(struct x86_processor *p)
{
	cpu_init_self(p);
	lapic_enable_self();
	time_init_self();
	__atomic_store_n(&p->online, true, __ATOMIC_RELEASE);
	kernel_secondary_main(p->hot.cpu);
}
