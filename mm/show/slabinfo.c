/* SPDX-License-Identifier: MIT */
/*
 * slabinfo.c - /proc/slabinfo, version 2.1, as slabtop and vmstat -m read it.
 *
 * A line per cache, newest first, as in Linux; merged caches have one line, by
 * the name of the first.  The tunables are zeroes: there are none.
 *
 * Sources: slabinfo(5).
 */
#include <quire/show.h>
#include <quire/slab.h>

static void show_cache(const struct slabinfo *info, void *arg)
{
	struct seq_buf *s = arg;

	seq_printf(s,
		   "%-17s %6lu %6lu %6u %4u %4d : tunables %4u %4u %4u : "
		   "slabdata %6lu %6lu %6lu\n",
		   info->name, info->active_objs, info->num_objs,
		   info->size_bytes, info->objects_per_slab, 1 << info->order,
		   0U, 0U, 0U, info->active_slabs, info->num_slabs, 0UL);
}

void show_slabinfo(struct seq_buf *s)
{
	seq_puts(s, "slabinfo - version: 2.1\n");
	seq_puts(s, "# name            <active_objs> <num_objs> <objsize> "
		    "<objperslab> <pagesperslab> : tunables <limit> "
		    "<batchcount> <sharedfactor> : slabdata <active_slabs> "
		    "<num_slabs> <sharedavail>\n");
	kmem_cache_for_each_info(show_cache, s);
}
