/* SPDX-License-Identifier: MIT */
/*
 * arch.c - what the hot words of arch.h read, and their slow halves.
 *
 * It stands apart from the machine so that a program which brings its own
 * struct port_ops links this file alone and nothing of soft.c, cpu.c or mmu.c
 * (docs/PORTING.md).
 */
#include <sched.h>

#include <arch.h>

struct soft_arch soft_arch;
__thread struct soft_self soft_self;

void cpu_relax(void)
{
	if (soft_arch.machine)
		soft_arch.machine->relax();
	else
		sched_yield();
}

/* Without a machine there is no TLB that could hold anything. */
void arch_flush_tlb_one(unsigned long addr)
{
	if (soft_arch.machine)
		soft_arch.machine->flush_tlb_one(addr);
}
