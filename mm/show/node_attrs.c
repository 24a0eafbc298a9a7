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

const struct mm_attr node_attrs[] = {
	{"distance", 0444, show_distance, NULL},
	{0},
};
