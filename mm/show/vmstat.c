/* SPDX-License-Identifier: MIT */
/*
 * vmstat.c - /proc/vmstat: one counter a line, names as in Linux.
 *
 * Page counts first, then events, from the tables in vmstat.h.  The lines that
 * vmstat(8) needs and that count what does not exist here, block input and
 * output and swap, are really zero.
 */
#include "mm/page/zone.h"

#include <quire/show.h>
#include <quire/vmstat.h>

static void line(struct seq_buf *s, const char *name, unsigned long value)
{
	seq_printf(s, "%s %lu\n", name, value);
}

void show_vmstat(struct seq_buf *s)
{
	line(s, "nr_free_pages", nr_free_pages());
#define X(name) line(s, #name, node_stat_pages(NST_##name));
	NODE_STATS(X)
#undef X
	line(s, "pgpgin", 0);
	line(s, "pgpgout", 0);
	line(s, "pswpin", 0);
	line(s, "pswpout", 0);
#define X(name) line(s, #name, sum_vm_event(VMEV_##name));
	VM_EVENTS(X)
#undef X
}
