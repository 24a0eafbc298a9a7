/* SPDX-License-Identifier: MIT */
/*
 * node_attrs_test.c - the files of nodes, to the byte.
 */
#include "mm/show/node_attrs.c"

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

TEST(every_node_attribute_fits_a_page_and_ends_with_a_newline)
{
	for (const struct mm_attr *a = node_attrs; a->name; a++) {
		const char *t =
			shown(node_attrs, a->name, node_attrs_object(0));

		CHECK(strlen(t) && strlen(t) < 4096);
		CHECK_EQ(t[strlen(t) - 1], '\n');
	}
}
