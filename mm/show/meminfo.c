/* SPDX-License-Identifier: MIT */
/*
 * meminfo.c - /proc/meminfo.
 *
 * Only lines whose value this system knows.  Buffers, SwapCached and Swap* are
 * really zero: nothing of the kind exists.  MemFree holds the per-CPU lists
 * too.  MemAvailable is what programs can still take: nothing in use can be
 * given up, so it is free memory down to the zones' min marks and reserves.
 * Source: proc(5), Linux's Documentation/filesystems/proc.rst.
 */
#include "mm/page/zone.h"

#include <quire/mm.h>
#include <quire/show.h>
#include <quire/vmstat.h>

#define KIB(pages) ((pages) << (PAGE_SHIFT - 10))

static void line(struct seq_buf *s, const char *name, unsigned long kib)
{
	seq_printf(s, "%-16s%8lu kB\n", name, kib);
}

static void line_pages(struct seq_buf *s, const char *name, unsigned long pages)
{
	line(s, name, KIB(pages));
}

void show_meminfo(struct seq_buf *s)
{
	unsigned long reclaimable = node_stat_pages(NST_nr_slab_reclaimable);
	unsigned long unreclaimable =
		node_stat_pages(NST_nr_slab_unreclaimable);

	line_pages(s, "MemTotal:", totalram_pages());
	line_pages(s, "MemFree:", nr_free_pages());
	line_pages(s, "MemAvailable:", nr_available_pages());
	line(s, "Buffers:", 0);
	line_pages(s, "Cached:", node_stat_pages(NST_nr_file_pages));
	line(s, "SwapCached:", 0);
	line_pages(s, "Mlocked:", node_stat_pages(NST_nr_mlock));
	line(s, "SwapTotal:", 0);
	line(s, "SwapFree:", 0);
	line_pages(s, "Dirty:", node_stat_pages(NST_nr_dirty));
	line(s, "Writeback:", 0);
	line_pages(s, "AnonPages:", node_stat_pages(NST_nr_anon_pages));
	line_pages(s, "Mapped:", node_stat_pages(NST_nr_mapped));
	line_pages(s, "Shmem:", node_stat_pages(NST_nr_shmem));
	line_pages(s, "KReclaimable:", reclaimable);
	line_pages(s, "Slab:", reclaimable + unreclaimable);
	line_pages(s, "SReclaimable:", reclaimable);
	line_pages(s, "SUnreclaim:", unreclaimable);
	line(s, "KernelStack:", node_stat_pages(NST_nr_kernel_stack));
	line_pages(s, "PageTables:", node_stat_pages(NST_nr_page_table_pages));
	line_pages(s, "CommitLimit:", vm_commit_limit());
	line_pages(s, "Committed_AS:", vm_committed_pages());
	line(s, "VmallocTotal:", (VMALLOC_END - VMALLOC_START) >> 10);
	line_pages(s, "VmallocUsed:", node_stat_pages(NST_nr_vmalloc));
	line_pages(s, "Percpu:", pcpu_nr_pages());
}
