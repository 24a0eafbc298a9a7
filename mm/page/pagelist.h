/* SPDX-License-Identifier: MIT */
/*
 * pagelist.h - doubly linked lists of frames, linked by frame number.
 *
 * Eight bytes of links in a descriptor instead of sixteen.  PFN_NIL ends a
 * list at both ends; a list counts its frames.  The list's lock is its
 * owner's; a page is on one list at a time.
 */
#ifndef MM_PAGE_PAGELIST_H
#define MM_PAGE_PAGELIST_H

#include <quire/mm_types.h>

#define PAGE_LIST_INIT              \
	{                           \
		PFN_NIL, PFN_NIL, 0 \
	}

static inline void page_list_init(struct page_list *list)
{
	*list = (struct page_list)PAGE_LIST_INIT;
}

static inline bool page_list_empty(const struct page_list *list)
{
	return list->first == PFN_NIL;
}

/* Put page, frame number pfn, in front. */
static inline void page_list_add(struct page_list *list, struct page *page,
				 u32 pfn)
{
	u32 next = list->first;

	page->link.next = next;
	page->link.prev = PFN_NIL;
	list->first = pfn;
	if (next == PFN_NIL)
		list->last = pfn;
	else
		pfn_to_page(next)->link.prev = pfn;
	list->nr++;
}

static inline void page_list_add_tail(struct page_list *list, struct page *page,
				      u32 pfn)
{
	u32 prev = list->last;

	page->link.prev = prev;
	page->link.next = PFN_NIL;
	list->last = pfn;
	if (prev == PFN_NIL)
		list->first = pfn;
	else
		pfn_to_page(prev)->link.next = pfn;
	list->nr++;
}

static inline void page_list_del(struct page_list *list, struct page *page)
{
	struct page_link link = page->link;

	if (link.prev == PFN_NIL)
		list->first = link.next;
	else
		pfn_to_page(link.prev)->link.next = link.next;
	if (link.next == PFN_NIL)
		list->last = link.prev;
	else
		pfn_to_page(link.next)->link.prev = link.prev;
	list->nr--;
}

/* pfn takes each frame number; the list must not change meanwhile. */
#define page_list_for_each(pfn, list)                 \
	for ((pfn) = (list)->first; (pfn) != PFN_NIL; \
	     (pfn) = pfn_to_page(pfn)->link.next)

#endif
