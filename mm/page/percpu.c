/* SPDX-License-Identifier: MIT */
/*
 * percpu.c - gives each possible processor its copy of the per-CPU variables.
 *
 * The linker gathers DEFINE_PER_CPU variables in section "percpu"; processor 0
 * uses the section itself.  The others get a copy of it as it stands when
 * memblock begins to work, initial values included, each on cache lines of
 * its own; the distance to the original goes to the port.
 */
#include "mm/page/page.h"
#include "mm/page/memblock.h"

#include <quire/percpu.h>
#include <quire/printk.h>
#include <quire/string.h>

#define CACHE_LINE 64

unsigned int nr_cpu_ids = 1;

void setup_per_cpu_areas(unsigned int nr_cpus)
{
	size_t size = (size_t)(__stop_percpu - __start_percpu);
	unsigned int cpu;

	if (!nr_cpus || nr_cpus > NR_CPUS)
		panic("percpu: %u processors, at most %u are possible", nr_cpus,
		      NR_CPUS);
	for (cpu = 1; cpu < nr_cpus; cpu++) {
		/* Variables keep their place within a cache line. */
		size_t skew = (uintptr_t)__start_percpu % CACHE_LINE;
		char *area = memblock_alloc(size + skew, CACHE_LINE);

		memcpy(area + skew, __start_percpu, size);
		arch_set_percpu_offset(cpu, (uintptr_t)area + skew -
						    (uintptr_t)__start_percpu);
	}
	nr_cpu_ids = nr_cpus;
}
