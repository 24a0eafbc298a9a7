/* SPDX-License-Identifier: MIT */
/*
 * mm_init.c - starts the memory manager, lowest floor first.
 *
 * Each module may use all that stand before it in the list, so the order here
 * is the layering itself.
 */
#include "mm/init.h"
#include "mm/page/page.h"

#include <quire/mm.h>
#include <quire/params.h>
#include <quire/pgtable.h>
#include <quire/port.h>
#include <quire/slab.h>

/* Longer words than this are cut. */
#define PARAM_MAX 512

static void read_params(const char *cmdline)
{
	static bool (*const floors[])(const char *name, const char *value) = {
		movable_param,
		page_param,
		slab_param,
	};
	char word[PARAM_MAX], *value;

	while (next_param(&cmdline, word, sizeof(word), &value))
		for (unsigned int i = 0; i < ARRAY_SIZE(floors); i++)
			floors[i](word, value); /* some concern several */
}

void mm_init(const struct mm_boot *boot, const struct port_ops *ops)
{
	port = ops;
	if (boot->cmdline)
		read_params(boot->cmdline);
	page_init(boot);
	kmem_cache_init();
	pgtable_init();
	vmalloc_init();
	aspace_init();
	cache_init();
}
