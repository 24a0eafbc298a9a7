/* SPDX-License-Identifier: MIT */
/* internal.h - what the files of mm/pgtable share. */
#ifndef MM_PGTABLE_INTERNAL_H
#define MM_PGTABLE_INTERNAL_H

#include <quire/pgtable.h>

/* A zeroed table of any level; NULL: there is none. */
struct page *spare_table_take(void);
/* Keep an empty table; false: there are enough. */
bool spare_table_keep(struct page *table);

/* An empty table becomes a free frame. */
void table_page_release(struct page *table);

#endif
