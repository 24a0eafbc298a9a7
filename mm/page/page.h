/* SPDX-License-Identifier: MIT */
/*
 * page.h - starting the page allocator, and verifying all of it.
 */
#ifndef MM_PAGE_PAGE_H
#define MM_PAGE_PAGE_H

#include <quire/gfp.h>
#include <quire/types.h>

struct mm_boot;
struct zone;

/*
 * From the firmware's map to a working alloc_pages(): memblock, per-CPU areas,
 * descriptors, zones, watermarks.  Boot processor alone.
 */
void page_init(const struct mm_boot *boot);

/*
 * movable.c: a word of the command line, before page_init(); printk() works.
 * True: it is about ZONE_MOVABLE.  A value that makes no sense is reported and
 * not used.  value: what follows the '=', NULL if there is none.
 */
bool movable_param(const char *name, const char *value);
/* The same of page_poison=, init_on_alloc= and init_on_free=: poison.c. */
bool page_param(const char *name, const char *value);

/* percpu.c: every processor's copy; memblock and node_distance() must work. */
void setup_per_cpu_areas(const struct mm_boot *boot);

/*
 * free_reserved_range - give reserved frames (init sections, the initrd, a
 * boot loader's leftovers) to the buddy system.  Whole frames of [start, end)
 * only.  Task context.  Result: frames given; those that were not reserved
 * are reported and left alone.
 */
unsigned long free_reserved_range(phys_addr_t start, phys_addr_t end);

/*
 * adopt_reserved_range - make reserved frames allocated pages, reference
 * count 1, contents kept, that the caller owns from now on (a file's part of
 * the initrd).  Result: frames adopted, from start on; fewer than asked for
 * where one was not reserved.  The watermarks follow with the next
 * free_reserved_range().
 */
unsigned long adopt_reserved_range(phys_addr_t start, phys_addr_t end);

/*
 * The whole-state verifiers: panic with what is wrong.  Nobody may allocate
 * or free meanwhile.  page_validate() looks at every frame of the machine and
 * checks that each is in exactly one state and that all counts agree.
 */
void zone_validate(struct zone *zone);
void page_validate(void);

#endif
