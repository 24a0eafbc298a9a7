/* SPDX-License-Identifier: MIT */
/*
 * node_attrs_test.c - the files of nodes, to the byte.
 */
#include "mm/show/node_attrs.c"

#include <quire/gfp.h>
#include <quire/printk.h>
#include <quire/string.h>

#include "port/soft/soft.h"
#include "test/test.h"

#define MIB ((phys_addr_t)1 << 20)

static char text[8192];

/* The attribute's text. */
static const char *shown(const struct mm_attr *attrs, const char *name,
			 void *object)
{
	struct seq_buf s;

	while (attrs->name && strcmp(attrs->name, name) != 0)
		attrs++;
	CHECK(attrs->name && attrs->show);
	seq_buf_init(&s, text, sizeof(text));
	CHECK_EQ(attrs->show(&s, object), 0);
	CHECK(!s.overflow);
	return text;
}

/*
 *	node	     0   1   2	 3
 *	memory	     8M  -   8M  16M
 */
static const struct mem_range ranges[] = {
	{16 * MIB, 24 * MIB, 0, MEM_RANGE_USABLE},
	{24 * MIB, 32 * MIB, 2, MEM_RANGE_USABLE},
	{32 * MIB, 48 * MIB, 3, MEM_RANGE_USABLE},
};
static const u8 cpu_nodes[] = {0, 1};
static const struct soft_layout four_nodes = {
	.ranges = ranges,
	.nr_ranges = ARRAY_SIZE(ranges),
	.nr_cpus = 2,
	.nr_nodes = 4,
	.cpu_to_node = cpu_nodes,
};

TEST_MACHINE(lists_of_nodes_say_which_have_memory, &four_nodes)
{
	CHECK_STR(shown(nodes_attrs, "online", NULL), "0-3\n");
	CHECK_STR(shown(nodes_attrs, "possible", NULL), "0-3\n");
	CHECK_STR(shown(nodes_attrs, "has_memory", NULL), "0,2-3\n");
	CHECK_STR(shown(nodes_attrs, "has_normal_memory", NULL), "0,2-3\n");
}

TEST_MACHINE(distances_are_a_line_of_the_table, &four_nodes)
{
	CHECK_STR(shown(node_attrs, "distance", node_attrs_object(2)),
		  "20 20 10 20\n");
}

/* Node 2 has no processor: what processor 0 asks of it is for another node. */
TEST_MACHINE(counters_of_a_node_tell_who_asked_and_who_gave, &four_nodes)
{
	void *node = node_attrs_object(2);
	struct page *page[3];

	CHECK_STR(shown(node_attrs, "numastat", node),
		  "numa_hit 0\nnuma_miss 0\nnuma_foreign 0\n"
		  "interleave_hit 0\nlocal_node 0\nother_node 0\n");
	for (int i = 0; i < 3; i++) {
		page[i] = alloc_pages_node(2, GFP_KERNEL, 0);
		CHECK(page[i]);
	}
	CHECK_STR(shown(node_attrs, "numastat", node),
		  "numa_hit 3\nnuma_miss 0\nnuma_foreign 0\n"
		  "interleave_hit 0\nlocal_node 0\nother_node 3\n");
	CHECK(str_has_prefix(shown(node_attrs, "vmstat", node),
			     "nr_free_pages "));
	CHECK(str_has_prefix(strchr(text, '\n'),
			     "\nnuma_hit 3\nnuma_miss 0\nnuma_foreign 0\n"
			     "numa_interleave 0\nnuma_local 0\n"
			     "numa_other 3\n"));
	for (int i = 0; i < 3; i++)
		__free_page(page[i]);
}

/* The lines are Linux's, and the sum of MemFree and MemUsed is MemTotal. */
TEST_MACHINE(memory_of_a_node_is_its_own, &four_nodes)
{
	struct page *page = alloc_pages_node(3, GFP_KERNEL, 3);
	unsigned long total = node_managed_pages(3) * 4;
	unsigned long free = node_free_pages(3) * 4;
	char want[256];

	CHECK(page);
	scnprintf(want, sizeof(want),
		  "Node 3 MemTotal:       %8lu kB\n"
		  "Node 3 MemFree:        %8lu kB\n"
		  "Node 3 MemUsed:        %8lu kB\n"
		  "Node 3 Mlocked:               0 kB\n",
		  total, free, total - free);
	CHECK(str_has_prefix(shown(node_attrs, "meminfo", node_attrs_object(3)),
			     want));
	CHECK(total - free >= 32 && total <= 16384);
	__free_pages(page, 3);
	/* A node without memory has none to show. */
	CHECK(str_has_prefix(shown(node_attrs, "meminfo", node_attrs_object(1)),
			     "Node 1 MemTotal:              0 kB\n"
			     "Node 1 MemFree:               0 kB\n"));
}

TEST(every_node_attribute_fits_a_page_and_ends_with_a_newline)
{
	for (const struct mm_attr *a = node_attrs; a->name; a++) {
		const char *t =
			shown(node_attrs, a->name, node_attrs_object(0));

		CHECK(strlen(t) && strlen(t) < 4096);
		CHECK_EQ(t[strlen(t) - 1], '\n');
	}
}
