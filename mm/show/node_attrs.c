/* SPDX-License-Identifier: MIT */
/*
 * node_attrs.c - the files of /sys/devices/system/node: which nodes there are,
 * and each one's distances, memory and counters.
 *
 * The formats are Linux's to the byte: libnuma and numastat read them.  A line
 * for what cannot be counted here is left out.
 *
 * Sources: Linux's Documentation/ABI/stable/sysfs-devices-node, and a running
 * Linux.
 */
#include "mm/page/zone.h"

#include <quire/bitmap.h>
#include <quire/show.h>
#include <quire/vmstat.h>

#define KIB(pages) ((pages) << (PAGE_SHIFT - 10))

/* ---- all nodes ---- */

/* Those for which is() holds, as a list. */
static int show_nodes(struct seq_buf *s, bool (*is)(int nid))
{
	DECLARE_BITMAP(nodes, MAX_NUMNODES) = {0};
	int nid;

	for (nid = 0; nid < nr_node_ids; nid++)
		if (is(nid))
			__set_bit((size_t)nid, nodes);
	seq_bitmap_list(s, nodes, MAX_NUMNODES);
	seq_putc(s, '\n');
	return 0;
}

static bool is_there(int nid)
{
	(void)nid; /* none comes later */
	return true;
}

static bool has_memory(int nid)
{
	return NODE_DATA(nid)->node_present_pages;
}

/* Memory that the kernel can use for itself. */
static bool has_normal_memory(int nid)
{
	const struct pglist_data *node = NODE_DATA(nid);

	for (int i = 0; i <= ZONE_NORMAL; i++)
		if (zone_populated(&node->node_zones[i]))
			return true;
	return false;
}

static int show_online(struct seq_buf *s, void *object)
{
	(void)object;
	return show_nodes(s, is_there);
}

static int show_has_memory(struct seq_buf *s, void *object)
{
	(void)object;
	return show_nodes(s, has_memory);
}

static int show_has_normal_memory(struct seq_buf *s, void *object)
{
	(void)object;
	return show_nodes(s, has_normal_memory);
}

const struct mm_attr nodes_attrs[] = {
	{"has_memory", 0444, show_has_memory, NULL},
	{"has_normal_memory", 0444, show_has_normal_memory, NULL},
	{"online", 0444, show_online, NULL},
	{"possible", 0444, show_online, NULL},
	{0},
};

/* ---- one node ---- */

void *node_attrs_object(int nid)
{
	return NODE_DATA(nid);
}

static int show_distance(struct seq_buf *s, void *object)
{
	const struct pglist_data *node = object;
	int nid;

	for (nid = 0; nid < nr_node_ids; nid++)
		seq_printf(s, "%s%u", nid ? " " : "",
			   node_distance(node->node_id, nid));
	seq_putc(s, '\n');
	return 0;
}

static int show_meminfo_of(struct seq_buf *s, void *object)
{
	int nid = ((const struct pglist_data *)object)->node_id;
	unsigned long total = node_managed_pages(nid);
	unsigned long free = node_free_pages(nid);
	unsigned long reclaimable = node_stat(nid, NST_nr_slab_reclaimable);
	unsigned long unreclaimable = node_stat(nid, NST_nr_slab_unreclaimable);
	const struct {
		const char *name;
		unsigned long kib;
	} lines[] = {
		{"MemTotal:", KIB(total)},
		{"MemFree:", KIB(free)},
		{"MemUsed:", KIB(total - free)},
		{"Mlocked:", KIB(node_stat(nid, NST_nr_mlock))},
		{"Dirty:", KIB(node_stat(nid, NST_nr_dirty))},
		{"FilePages:", KIB(node_stat(nid, NST_nr_file_pages))},
		{"Mapped:", KIB(node_stat(nid, NST_nr_mapped))},
		{"AnonPages:", KIB(node_stat(nid, NST_nr_anon_pages))},
		{"Shmem:", KIB(node_stat(nid, NST_nr_shmem))},
		{"KernelStack:", node_stat(nid, NST_nr_kernel_stack)},
		{"PageTables:", KIB(node_stat(nid, NST_nr_page_table_pages))},
		{"KReclaimable:", KIB(reclaimable)},
		{"Slab:", KIB(reclaimable + unreclaimable)},
		{"SReclaimable:", KIB(reclaimable)},
		{"SUnreclaim:", KIB(unreclaimable)},
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		seq_printf(s, "Node %d %-16s%8lu kB\n", nid, lines[i].name,
			   lines[i].kib);
	return 0;
}

static int show_numastat(struct seq_buf *s, void *object)
{
	int nid = ((const struct pglist_data *)object)->node_id;

#define X(item, vmstat_name, numastat_name) \
	seq_printf(s, #numastat_name " %lu\n", node_numa_stat(nid, item));
	NUMA_STATS(X)
#undef X
	return 0;
}

/* Its part of /proc/vmstat, in the same order. */
static int show_vmstat_of(struct seq_buf *s, void *object)
{
	int nid = ((const struct pglist_data *)object)->node_id;

	seq_printf(s, "nr_free_pages %lu\n", node_free_pages(nid));
#define X(item, vmstat_name, numastat_name) \
	seq_printf(s, #vmstat_name " %lu\n", node_numa_stat(nid, item));
	NUMA_STATS(X)
#undef X
#define X(name) seq_printf(s, #name " %lu\n", node_stat(nid, NST_##name));
	NODE_STATS(X)
#undef X
	return 0;
}

const struct mm_attr node_attrs[] = {
	{"distance", 0444, show_distance, NULL},
	{"meminfo", 0444, show_meminfo_of, NULL},
	{"numastat", 0444, show_numastat, NULL},
	{"vmstat", 0444, show_vmstat_of, NULL},
	{0},
};
