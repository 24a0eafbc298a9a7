/* SPDX-License-Identifier: MIT */
/*
 * iomem.c - /proc/iomem: ranges of physical addresses, one within the other.
 *
 * Sorted by start, the larger first where two start alike, a range lies within
 * the last one that ends no earlier than it does.  Ranges that overlap without
 * one being within the other stand side by side.
 *
 * Source: proc(5), and a running Linux.
 */
#include <quire/show.h>
#include <quire/string.h>

/* Linux indents no further. */
#define DEPTH_MAX 8

static int outer_first(const void *a, const void *b)
{
	const struct mm_resource *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->last != y->last)
		return x->last > y->last ? -1 : 1;
	return strcmp(x->name, y->name);
}

void show_iomem(struct seq_buf *s, struct mm_resource *resources,
		unsigned int nr, bool hidden)
{
	const struct mm_resource *around[DEPTH_MAX], *r;
	unsigned int depth = 0;

	sort(resources, nr, sizeof(*resources), outer_first);
	for (r = resources; r < resources + nr; r++) {
		while (depth && around[depth - 1]->last < r->last)
			depth--;
		seq_printf(s, "%*s%08llx-%08llx : %s\n", (int)depth * 2, "",
			   hidden ? 0ULL : (unsigned long long)r->start,
			   hidden ? 0ULL : (unsigned long long)r->last,
			   r->name);
		if (depth < DEPTH_MAX)
			around[depth++] = r;
	}
}
