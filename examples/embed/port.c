/* SPDX-License-Identifier: MIT */
/*
 * port.c - the machine under the library: one processor, 64 MiB of RAM.
 *
 * RAM is a memory file, so that vmalloc's addresses can show its frames a
 * second time; the addresses themselves are reserved from the host.
 */
#define _GNU_SOURCE
#include "port.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <quire/errno.h>
#include <quire/mm.h>
#include <quire/pgtable.h>
#include <quire/port.h>

#define RAM_BYTES     (64UL << 20)
#define VMALLOC_BYTES (64UL << 20)

static int ram;

static bool map(unsigned long at, size_t len, int prot, phys_addr_t pa)
{
	return mmap((void *)at, len, prot, MAP_SHARED | MAP_FIXED, ram,
		    (off_t)pa) != MAP_FAILED;
}

/* clang-format off */
static void port_log(const char *text, size_t len)
{
	fwrite(text, 1, len, stderr);
}
static void __noreturn port_panic(const char *text)
{
	fprintf(stderr, "panic: %s\n", text);
	abort();
}
static u64 port_time_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}
static u64 port_random(void)
{
	u64 r;

	return getrandom(&r, sizeof(r), 0) == sizeof(r) ? r : port_time_ns();
}
static int show(pte_t *pte, unsigned int level, unsigned long at, void *arg)
{
	(void)arg;
	return map(at, pgtable_size(level), PROT_READ | PROT_WRITE,
		   pte_val(*pte) & PTE_PFN_MASK) ? 0 : -ENOMEM;
}
static int port_sync(unsigned long start, unsigned long end)
{
	return pgtable_for_each(init_pgd, start, end, show, NULL);
}
static void port_flush(struct mm_struct *mm, unsigned long start,
		       unsigned long end, bool freed_tables)
{
	(void)mm, (void)freed_tables; /* always the kernel's */
	if (!map(start, end - start, PROT_NONE, 0) || port_sync(start, end))
		port_panic("the host refuses a mapping");
}
/* clang-format on */

static const struct port_ops ops = {
	.log = port_log,
	.panic = port_panic,
	.time_ns = port_time_ns,
	.random = port_random,
	.wait = port_lone_wait,
	.wake = port_lone_wake,
	.yield = port_lone_yield,
	.pgd_init = port_no_pgd_init,
	.flush_tlb_range = port_flush,
	.sync_kernel_mappings = port_sync,
};

int machine_start(void)
{
	static const struct mem_range ranges[] = {{.end = RAM_BYTES}};
	static const struct mm_boot boot = {
		.ranges = ranges,
		.nr_ranges = 1,
		.nr_cpus = 1,
		.nr_nodes = 1,
	};
	char *space = mmap(NULL, RAM_BYTES + VMALLOC_BYTES, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ram = memfd_create("ram", MFD_CLOEXEC);
	if (space == MAP_FAILED || ram < 0 || ftruncate(ram, RAM_BYTES) ||
	    !map((unsigned long)space, RAM_BYTES, PROT_READ | PROT_WRITE, 0))
		return -1;
	soft_arch.ram = space;
	soft_arch.vmalloc_start = (unsigned long)space + RAM_BYTES;
	soft_arch.vmalloc_end = soft_arch.vmalloc_start + VMALLOC_BYTES;
	soft_arch.levels = 4;
	soft_arch.task_size = 1UL << 46;
	mm_init(&boot, &ops);
	return 0;
}
