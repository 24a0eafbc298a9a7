/* SPDX-License-Identifier: MIT */
/*
 * port.c - this machine's struct port_ops, which mm_init() gets.
 *
 * Waiting, waking and yielding are the scheduler's.  Until it has registered
 * there is one thread: nothing can be waited for, so wait returns (callers
 * loop and find their word changed, or spin visibly).
 */
#include <quire/string.h>

#include "port/x86_64/x86.h"

static void early_wait(const u32 *word, u32 expected)
{
	(void)word;
	(void)expected;
	cpu_relax();
}

static void early_wake(const u32 *word, unsigned int nr)
{
	(void)word;
	(void)nr;
}

static void early_yield(void)
{
	cpu_relax();
}

/* The kernel's range is translated by the tables themselves. */
static int sync_kernel_mappings(unsigned long start, unsigned long end)
{
	(void)start;
	(void)end;
	return 0;
}

struct port_ops x86_port_ops = {
	.log = console_log,
	.panic = x86_panic,
	.time_ns = x86_time_ns,
	.random = random_u64,
	.wait = early_wait,
	.wake = early_wake,
	.yield = early_yield,
	.flush_tlb_range = tlb_flush_range,
	.sync_kernel_mappings = sync_kernel_mappings,
	.pgd_init = pagetable_copy_kernel,
	.map_page_array = pagetable_map_page_array,
};

void x86_register_sched_ops(const struct x86_sched_ops *ops)
{
	x86_port_ops.wait = ops->wait;
	x86_port_ops.wake = ops->wake;
	x86_port_ops.yield = ops->yield;
}
