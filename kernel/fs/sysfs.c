/* SPDX-License-Identifier: MIT */
/*
 * sysfs.c - /sys: the kernel's objects as directories, their values as files.
 *
 *	/sys/devices/system/cpu		 which processors there are
 *	/sys/devices/system/cpu/cpuN	 one; nodeN -> where it is
 *	/sys/devices/system/node	 which nodes there are
 *	/sys/devices/system/node/nodeN	 one; cpuN -> its processors
 *	/sys/kernel/slab		 sysfs_slab.c
 *
 * Objects' values come from tables of mm_attr (mm/show); here is the tree, and
 * what needs to know which processors run.
 *
 * Sources: Linux's Documentation/ABI/stable/sysfs-devices-{node,system-cpu}.
 */
#include <quire/bitmap.h>
#include <quire/percpu.h>
#include <quire/topology.h>

#include "kernel/fs/internal.h"
#include "kernel/fs/proc.h"
#include "kernel/sched.h"

_Static_assert(NR_CPUS <= 64, "masks of processors are one word");

#define DIRECTORY(n, c)                                               \
	{                                                             \
		.name = (n), .mode = S_IFDIR | 0755, .children = (c), \
	}
#define FILE_0444(n, fn)                                           \
	{                                                          \
		.name = (n), .mode = S_IFREG | 0444, .show = (fn), \
	}

static void put_list(struct seq_buf *s, unsigned long mask, unsigned int nr)
{
	seq_bitmap_list(s, &mask, nr);
	seq_putc(s, '\n');
}

static unsigned long possible_cpu_mask(void)
{
	return ~0UL >> (64 - nr_cpu_ids);
}

/* The node's processors that run. */
static unsigned long node_cpu_mask(int nid)
{
	unsigned long mask = 0;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		if (cpu_to_node(cpu) == nid)
			mask |= 1UL << cpu;
	return mask & online_cpu_mask();
}

/* The lowest number >= nr in the mask, or -1. */
static s64 next_in_mask(unsigned long mask, u32 nr)
{
	size_t bit = nr < 64 ? find_next_bit(&mask, 64, nr) : 64;

	return bit < 64 ? (s64)bit : -1;
}

/* ---- processors ---- */

static int link_cpu_node(const struct proc_inode *pi, char *buf, size_t size)
{
	return scnprintf(buf, size, "../../node/node%u", pi->fd);
}

static int cpu_node_find(const struct proc_inode *dir, u32 nr,
			 struct proc_inode *pi)
{
	if (cpu_to_node(dir->fd) != (int)nr)
		return -ENOENT;
	pi->fd = nr;
	return 0;
}

static s64 cpu_node_next(const struct proc_inode *dir, u32 nr)
{
	int nid = cpu_to_node(dir->fd);

	return nid >= (int)nr ? nid : -1;
}

static const struct proc_entry cpu_node_link = {
	.mode = S_IFLNK | 0777,
	.link = link_cpu_node,
};

static const struct proc_dynamic cpu_node = {
	.find = cpu_node_find,
	.next = cpu_node_next,
	.entry = &cpu_node_link,
	.prefix = "node",
};

static int cpu_find(const struct proc_inode *dir, u32 nr, struct proc_inode *pi)
{
	(void)dir;
	if (nr >= nr_cpu_ids)
		return -ENOENT;
	pi->fd = nr;
	return 0;
}

static s64 cpu_next(const struct proc_inode *dir, u32 nr)
{
	(void)dir;
	return nr < nr_cpu_ids ? (s64)nr : -1;
}

static const struct proc_entry cpu_entry = {
	.mode = S_IFDIR | 0755,
	.dynamic = &cpu_node,
};

static const struct proc_dynamic cpu_family = {
	.find = cpu_find,
	.next = cpu_next,
	.entry = &cpu_entry,
	.prefix = "cpu",
};

static int cpu_online(struct seq_buf *s, const struct proc_inode *pi)
{
	(void)pi;
	put_list(s, online_cpu_mask(), nr_cpu_ids);
	return 0;
}

static int cpu_possible(struct seq_buf *s, const struct proc_inode *pi)
{
	(void)pi;
	put_list(s, possible_cpu_mask(), nr_cpu_ids);
	return 0;
}

static int cpu_offline(struct seq_buf *s, const struct proc_inode *pi)
{
	(void)pi;
	put_list(s, possible_cpu_mask() & ~online_cpu_mask(), nr_cpu_ids);
	return 0;
}

static int cpu_kernel_max(struct seq_buf *s, const struct proc_inode *pi)
{
	(void)pi;
	seq_printf(s, "%d\n", NR_CPUS - 1);
	return 0;
}

static const struct proc_entry cpu_files[] = {
	FILE_0444("kernel_max", cpu_kernel_max),
	FILE_0444("offline", cpu_offline),
	FILE_0444("online", cpu_online),
	FILE_0444("possible", cpu_possible),
	FILE_0444("present", cpu_possible),
	{0},
};

/* ---- nodes ---- */

static int link_node_cpu(const struct proc_inode *pi, char *buf, size_t size)
{
	return scnprintf(buf, size, "../../cpu/cpu%u", pi->fd);
}

static int node_cpu_find(const struct proc_inode *dir, u32 nr,
			 struct proc_inode *pi)
{
	if (nr >= nr_cpu_ids || !(node_cpu_mask((int)dir->fd) >> nr & 1))
		return -ENOENT;
	pi->fd = nr;
	return 0;
}

static s64 node_cpu_next(const struct proc_inode *dir, u32 nr)
{
	return next_in_mask(node_cpu_mask((int)dir->fd), nr);
}

static const struct proc_entry node_cpu_link = {
	.mode = S_IFLNK | 0777,
	.link = link_node_cpu,
};

static const struct proc_dynamic node_cpus = {
	.find = node_cpu_find,
	.next = node_cpu_next,
	.entry = &node_cpu_link,
	.prefix = "cpu",
};

static int node_cpumap(struct seq_buf *s, const struct proc_inode *pi)
{
	unsigned long mask = node_cpu_mask((int)pi->fd);

	seq_bitmap(s, &mask, nr_cpu_ids);
	seq_putc(s, '\n');
	return 0;
}

static int node_cpulist(struct seq_buf *s, const struct proc_inode *pi)
{
	put_list(s, node_cpu_mask((int)pi->fd), nr_cpu_ids);
	return 0;
}

static int node_has_cpu(struct seq_buf *s, const struct proc_inode *pi)
{
	unsigned long nodes = 0;

	(void)pi;
	for (int nid = 0; nid < nr_node_ids; nid++)
		if (node_cpu_mask(nid))
			nodes |= 1UL << nid;
	put_list(s, nodes, MAX_NUMNODES);
	return 0;
}

static const struct proc_entry one_node_files[] = {
	FILE_0444("cpulist", node_cpulist),
	FILE_0444("cpumap", node_cpumap),
	{0},
};

static const struct proc_entry node_entry = {
	.mode = S_IFDIR | 0755,
	.children = one_node_files,
	.attrs = node_attrs,
	.dynamic = &node_cpus,
};

static int node_find(const struct proc_inode *dir, u32 nr,
		     struct proc_inode *pi)
{
	(void)dir;
	if (nr >= (u32)nr_node_ids)
		return -ENOENT;
	pi->fd = nr;
	pi->object = node_attrs_object((int)nr);
	return 0;
}

static s64 node_next(const struct proc_inode *dir, u32 nr)
{
	(void)dir;
	return nr < (u32)nr_node_ids ? (s64)nr : -1;
}

static const struct proc_dynamic node_family = {
	.find = node_find,
	.next = node_next,
	.entry = &node_entry,
	.prefix = "node",
};

static const struct proc_entry nodes_files[] = {
	FILE_0444("has_cpu", node_has_cpu),
	{0},
};

/* ---- the tree ---- */

static const struct proc_entry system_dirs[] = {
	{.name = "cpu",
	 .mode = S_IFDIR | 0755,
	 .children = cpu_files,
	 .dynamic = &cpu_family},
	{.name = "node",
	 .mode = S_IFDIR | 0755,
	 .children = nodes_files,
	 .attrs = nodes_attrs,
	 .dynamic = &node_family},
	{0},
};

static const struct proc_entry devices_dirs[] = {
	DIRECTORY("system", system_dirs),
	{0},
};

static const struct proc_entry kernel_dirs[] = {
	{.name = "slab", .mode = S_IFDIR | 0755, .dynamic = &sysfs_slab_family},
	{0},
};

const struct proc_entry sysfs_root_entries[] = {
	DIRECTORY("devices", devices_dirs),
	DIRECTORY("kernel", kernel_dirs),
	{0},
};
