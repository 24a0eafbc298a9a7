/* SPDX-License-Identifier: MIT */
/*
 * vmstat.c - /proc/vmstat: one counter a line, names as in Linux.
 *
 * Page counts first, then where requests got them, then events, from the
 * tables in vmstat.h.  What nothing counts has no line, and no zone that the
 * machine cannot have: docs/FILES.md names the lines of Linux that are missing.
 */
#include "mm/page/zone.h"

#include <quire/show.h>
#include <quire/vmstat.h>

static void line(struct seq_buf *s, const char *name, unsigned long value)
{
	seq_printf(s, "%s %lu\n", name, value);
}

/* Events of high memory, where there is some. */
static bool counts(enum vm_event ev)
{
	if (ev != VMEV_pgalloc_high && ev != VMEV_allocstall_high)
		return true;
	for (int nid = 0; nid < nr_node_ids; nid++)
		if (zone_populated(&NODE_DATA(nid)->node_zones[ZONE_HIGHMEM]))
			return true;
	return false;
}

void show_vmstat(struct seq_buf *s)
{
	line(s, "nr_free_pages", nr_free_pages());
#define X(item, vmstat_name, numastat_name) \
	line(s, #vmstat_name, sum_numa_stat(item));
	NUMA_STATS(X)
#undef X
#define X(name) line(s, #name, node_stat_pages(NST_##name));
	NODE_STATS(X)
#undef X
#define X(name)                  \
	if (counts(VMEV_##name)) \
		line(s, #name, sum_vm_event(VMEV_##name));
	VM_EVENTS(X)
#undef X
}
