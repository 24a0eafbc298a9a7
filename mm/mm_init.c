/* SPDX-License-Identifier: MIT */
/*
 * mm_init.c - starts the memory manager, lowest floor first.
 *
 * Each module may use all that stand before it in the list, so the order here
 * is the layering itself.
 */
#include "mm/init.h"

#include <quire/mm.h>
#include <quire/pgtable.h>
#include <quire/port.h>
#include <quire/slab.h>

void mm_init(const struct mm_boot *boot, const struct port_ops *ops)
{
	port = ops;
	page_init(boot);
	kmem_cache_init();
	pgtable_init();
	vmalloc_init();
	aspace_init();
	cache_init();
}
