/* SPDX-License-Identifier: MIT */
/*
 * vmallocinfo.c - /proc/vmallocinfo: the kernel's virtual areas, by address.
 *
 * Linux's columns: range with its guard page, size in bytes, who asked, then
 * pages=N, phys=ADDRESS, the kind, "user" and how many of its pages lie on
 * which node, as they apply.
 *
 * Source: proc(5).
 */
#include <quire/show.h>
#include <quire/vmalloc.h>

static void show_area(const struct vmalloc_info *info, void *arg)
{
	struct seq_buf *s = arg;

	seq_printf(s, "0x%016lx-0x%016lx %7lu", info->start,
		   info->start + info->size_bytes, info->size_bytes);
	if (info->caller)
		seq_printf(s, " 0x%016lx", (unsigned long)info->caller);
	if (info->nr_pages)
		seq_printf(s, " pages=%u", info->nr_pages);
	if (info->phys)
		seq_printf(s, " phys=0x%016llx",
			   (unsigned long long)info->phys);
	seq_printf(s, " %s", info->kind);
	if (info->is_user)
		seq_puts(s, " user");
	for (unsigned int nid = 0; nid < MAX_NUMNODES; nid++)
		if (info->nr_on_node[nid])
			seq_printf(s, " N%u=%u", nid, info->nr_on_node[nid]);
	seq_putc(s, '\n');
}

void show_vmallocinfo(struct seq_buf *s)
{
	vmalloc_for_each_info(show_area, s);
}
