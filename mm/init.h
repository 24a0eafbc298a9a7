/* SPDX-License-Identifier: MIT */
/*
 * init.h - the modules of mm/ in the order in which they start.
 * Boot processor alone, interrupts off; failure panics.
 */
#ifndef MM_INIT_H
#define MM_INIT_H

#include <quire/types.h>

struct mm_boot;

/*
 * A word of the command line, before anything starts; printk() works.  True:
 * it is this floor's.  A value that makes no sense is reported and not used.
 * value: what follows the '=', NULL if there is none.
 */
bool slab_param(const char *name, const char *value);

void page_init(const struct mm_boot *boot); /* mm/page */
void kmem_cache_init(void);		    /* mm/slab */
void vmalloc_init(void);		    /* mm/vmalloc */
void aspace_init(void);			    /* mm/aspace */
void cache_init(void);			    /* mm/cache */

#endif
