/* SPDX-License-Identifier: MIT */
/*
 * list.c - the validator of intrusive lists; the rest is inline in list.h.
 */
#include <quire/list.h>

#include <quire/printk.h>

size_t list_validate(const struct list_head *head)
{
	const struct list_head *at = head;
	size_t nr = 0;

	do {
		BUG_ON(at->next->prev != at || at->prev->next != at);
		at = at->next;
		nr++;
	} while (at != head);
	return nr - 1;
}
