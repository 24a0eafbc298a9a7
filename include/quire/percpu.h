/* SPDX-License-Identifier: MIT */
/*
 * percpu.h - one copy of a variable for each processor.
 *
 * DEFINE_PER_CPU puts the variable into the section "percpu", the template:
 * mm_init() gives every possible CPU a copy, and the port's
 * arch_percpu_offset() says how far it lies from the template.  What
 * alloc_percpu() gives is a place in the template's neighbourhood too: never
 * an address to use, only to hand to the macros here.
 */
#ifndef QUIRE_PERCPU_H
#define QUIRE_PERCPU_H

#include <quire/types.h>

#include <arch.h>

#define DEFINE_PER_CPU(type, name) \
	__attribute__((section("percpu"), used)) __typeof__(type) name
#define DECLARE_PER_CPU(type, name) \
	extern __attribute__((section("percpu"))) __typeof__(type) name

#define SHIFT_PERCPU_PTR(ptr, off) ((__typeof__(ptr))((uintptr_t)(ptr) + (off)))

/* The copy of this CPU; the caller keeps itself from being moved away. */
#define this_cpu_ptr(ptr)     SHIFT_PERCPU_PTR(ptr, arch_percpu_offset())
#define per_cpu_ptr(ptr, cpu) SHIFT_PERCPU_PTR(ptr, arch_percpu_offset_of(cpu))

/* Bounds of the original section, from the linker. */
extern char __start_percpu[], __stop_percpu[];

/* The template from the page it begins in, and the size of every unit. */
extern char *pcpu_template;
extern unsigned long pcpu_unit_size;

/* Possible processors: 0 .. nr_cpu_ids-1. */
extern unsigned int nr_cpu_ids;

#define for_each_possible_cpu(cpu) for ((cpu) = 0; (cpu) < nr_cpu_ids; (cpu)++)

/*
 * On this CPU's copy of a variable (this_cpu_inc(*ptr), this_cpu_read(var)):
 * neither an interrupt nor a move to another CPU comes in between.
 */
#define this_cpu_read(pcp) READ_ONCE(*this_cpu_ptr(&(pcp)))
#define this_cpu_do_(pcp, op, val)                          \
	do {                                                \
		unsigned long tc_flags_ = local_irq_save(); \
		*this_cpu_ptr(&(pcp)) op(val);              \
		local_irq_restore(tc_flags_);               \
	} while (0)
#define this_cpu_write(pcp, val) this_cpu_do_(pcp, =, val)
#define this_cpu_add(pcp, val)	 this_cpu_do_(pcp, +=, val)
#define this_cpu_sub(pcp, val)	 this_cpu_do_(pcp, -=, val)
#define this_cpu_inc(pcp)	 this_cpu_add(pcp, 1)
#define this_cpu_dec(pcp)	 this_cpu_sub(pcp, 1)

/*
 * alloc_percpu - a cleared copy for each possible CPU, each on its node.
 * size at most pcpu_unit_size bytes, align a power of two up to a page.
 * Context: task context; with a gfp that may not block any, and then only
 *   from pages that are there already (a worker makes more, see work.h).
 * Result: a place for the macros above, never to be used as an address; the
 *   caller's, freed with free_percpu().
 * Errors: NULL: no memory; impossible size or align is reported.
 * Source: Linux's include/linux/percpu.h (names).
 */
void *__alloc_percpu_gfp(size_t size, size_t align, gfp_t gfp);
void *__alloc_percpu(size_t size, size_t align);
#define alloc_percpu_gfp(type, gfp) \
	((type *)__alloc_percpu_gfp(sizeof(type), __alignof__(type), (gfp)))
#define alloc_percpu(type) \
	((type *)__alloc_percpu(sizeof(type), __alignof__(type)))
/*
 * free_percpu - all copies of what alloc_percpu() gave.  Any context.  NULL
 * does nothing.  What is no start of an allocation, or free already, is
 * reported, and nothing is freed.
 */
void free_percpu(void *ptr);
/* Pages of all units: Percpu: of /proc/meminfo. */
unsigned long pcpu_nr_pages(void);
/* Give back the chunks that nobody uses.  Task context. */
void percpu_shrink(void);
/* Panics with what is wrong. */
void percpu_validate(void);
/* Called once by vmalloc_init(). */
void percpu_alloc_init(void);

#endif
