/* SPDX-License-Identifier: MIT */
/*
 * percpu.c - gives each possible processor its copy of the per-CPU variables.
 *
 * The linker gathers DEFINE_PER_CPU variables in section "percpu", which is
 * only the template: every processor, the first too, gets a unit with a copy
 * of it as it stands when memblock begins to work; the distance to the
 * template goes to the port.
 *
 *	unit      static variables        room for alloc_percpu()
 *	          |<- the template ->|<------------------------->|
 *	          unit start                unit start + pcpu_unit_size
 *
 * Units begin on a page and do not overlap, so that what alloc_percpu() adds
 * later (mm/vmalloc/percpu_alloc.c) can lie at the same distances from one
 * another, in units of the same size.
 */
#include "mm/page/page.h"
#include "mm/page/memblock.h"
#include "mm/page/zone.h"

#include <quire/percpu.h>
#include <quire/port.h>
#include <quire/printk.h>
#include <quire/string.h>

/*
 * Linux's PCPU_MIN_UNIT_SIZE; at least PERCPU_RESERVE of a unit is left for
 * alloc_percpu().
 */
#define PERCPU_MIN_UNIT_SIZE (32UL << 10)
#define PERCPU_RESERVE	     (8UL << 10)
/* How much of the vmalloc range the units of one chunk may span. */
#define UNIT_SPAN_FRACTION 4

unsigned int nr_cpu_ids = 1;
unsigned long pcpu_unit_size;
char *pcpu_template;

/*
 * On the processor's node, unless nodes are so far apart that the vmalloc
 * range, which repeats the distances, would soon be full.
 */
static char *new_unit(const struct mm_boot *boot, unsigned int cpu)
{
	const struct memblock_list *mem = &memblock.memory;
	phys_addr_t span = mem->ranges[mem->nr - 1].end - mem->ranges[0].start;

	if (span > (VMALLOC_END - VMALLOC_START) / UNIT_SPAN_FRACTION)
		return memblock_alloc(pcpu_unit_size, PAGE_SIZE);
	return memblock_alloc_near(pcpu_unit_size, PAGE_SIZE,
				   boot_cpu_to_node(boot, cpu));
}

void setup_per_cpu_areas(const struct mm_boot *boot)
{
	/* Variables keep their place within a page. */
	size_t skew = (uintptr_t)__start_percpu % PAGE_SIZE;
	size_t size = (size_t)(__stop_percpu - __start_percpu);
	unsigned int cpu, nr_cpus = boot->nr_cpus;

	if (!nr_cpus || nr_cpus > NR_CPUS)
		panic("percpu: %u processors, at most %u are possible", nr_cpus,
		      NR_CPUS);
	pcpu_template = __start_percpu - skew;
	pcpu_unit_size = max(ALIGN(skew + size + PERCPU_RESERVE, PAGE_SIZE),
			     PERCPU_MIN_UNIT_SIZE);
	for (cpu = 0; cpu < nr_cpus; cpu++) {
		char *unit = new_unit(boot, cpu);

		memcpy(unit + skew, __start_percpu, size);
		arch_set_percpu_offset(cpu, (uintptr_t)unit -
						    (uintptr_t)pcpu_template);
	}
	nr_cpu_ids = nr_cpus;
}
