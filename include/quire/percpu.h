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

#endif
