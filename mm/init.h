/* SPDX-License-Identifier: MIT */
/*
 * init.h - the modules of mm/ in the order in which they start.
 * Boot processor alone, interrupts off; failure panics.
 */
#ifndef MM_INIT_H
#define MM_INIT_H

struct mm_boot;

void page_init(const struct mm_boot *boot); /* mm/page */
void kmem_cache_init(void);		    /* mm/slab */
void vmalloc_init(void);		    /* mm/vmalloc */
void aspace_init(void);			    /* mm/aspace */
void cache_init(void);			    /* mm/cache */

#endif
