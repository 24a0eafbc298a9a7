/* SPDX-License-Identifier: MIT */
/*
 * hoard.h - tests take memory until there is no more, and give it back.
 */
#ifndef TEST_HOARD_H
#define TEST_HOARD_H

#include <quire/gfp.h>
#include <quire/mm_types.h>

/*
 * Frames taken, linked by number; an owner may use a frame's link.  Each test
 * file has a hoard of its own; give_back(~0UL) empties it.
 */
static u32 hoard = PFN_NIL;

/* The number of frames that gfp allows to take. */
static inline unsigned long take_all(gfp_t gfp)
{
	unsigned long nr = 0;
	struct page *page;

	while ((page = alloc_page(gfp | __GFP_NOWARN))) {
		page->link.next = hoard;
		hoard = (u32)page_to_pfn(page);
		nr++;
	}
	return nr;
}

/* Up to nr of them; how many there were. */
static inline unsigned long give_back(unsigned long nr)
{
	unsigned long given = 0;

	while (given < nr && hoard != PFN_NIL) {
		struct page *page = pfn_to_page(hoard);

		hoard = page->link.next;
		__free_page(page);
		given++;
	}
	return given;
}

#endif
