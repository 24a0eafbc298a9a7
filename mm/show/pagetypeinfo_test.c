/* SPDX-License-Identifier: MIT */
/*
 * pagetypeinfo_test.c - its columns add up to buddyinfo's and to the zones.
 */
#include "mm/show/pagetypeinfo.c"

#include <quire/gfp.h>
#include <quire/printk.h>
#include <quire/string.h>

#include "port/soft/soft.h"
#include "test/test.h"

#define MIB ((phys_addr_t)1 << 20)

static char text[32768];
static const char *at;

/* The next line must be this one. */
static void line(const char *want)
{
	size_t len = strlen(want);

	CHECK(strlen(at) > len && at[len] == '\n');
	CHECK(!strncmp(at, want, len));
	at += len + 1;
}

static void show(void)
{
	struct seq_buf s;

	drain_all_pages();
	seq_buf_init(&s, text, sizeof(text));
	show_pagetypeinfo(&s);
	CHECK(!s.overflow);
	at = text;
}

static unsigned long number(void)
{
	while (*at == ' ')
		at++;
	CHECK(*at >= '0' && *at <= '9');
	return memparse(at, (char **)&at);
}

TEST(pagetypeinfo_adds_up_to_what_is_free)
{
	struct zone *zone;
	char head[64];

	show();
	line("Page block order: 9");
	line("Pages per block:  512");
	line("");
	/* Spelled as a running Linux does, whose orders end at 10 too. */
	line("Free pages count per migrate type at order       0      1      2"
	     "      3      4      5      6      7      8      9     10 ");
	for_each_zone(zone) {
		unsigned long sum = 0;

		for (unsigned int mt = 0; mt < MIGRATE_TYPES; mt++) {
			scnprintf(head, sizeof(head),
				  "Node %4d, zone %8s, type %12s ",
				  zone->zone_pgdat->node_id, zone->name,
				  type_names[mt]);
			CHECK(str_has_prefix(at, head));
			at += strlen(head);
			for (unsigned int o = 0; o < NR_ORDERS; o++)
				sum += number() << o;
			line(" ");
		}
		CHECK_EQ(sum, zone->free_pages);
	}
	line("");
	line("Number of blocks type     Unmovable      Movable  Reclaimable   "
	     "HighAtomic          CMA      Isolate ");
	for_each_zone(zone) {
		unsigned long sum = 0;

		scnprintf(head, sizeof(head), "Node %d, zone %8s ",
			  zone->zone_pgdat->node_id, zone->name);
		CHECK(str_has_prefix(at, head));
		at += strlen(head);
		for (unsigned int mt = 0; mt < MIGRATE_TYPES; mt++)
			sum += number();
		line(" ");
		/* A pageblock full of descriptors, 1/128 of all, is none. */
		CHECK_GE(sum * PAGEBLOCK_NR_PAGES + max_pfn / 128,
			 zone->present_pages);
		CHECK_LE((sum - 1) * PAGEBLOCK_NR_PAGES,
			 zone->spanned_pages + PAGEBLOCK_NR_PAGES);
	}
	CHECK_EQ(*at, '\0');
}

static const struct mem_range ranges[] = {
	{16 * MIB, 32 * MIB, 0, MEM_RANGE_USABLE},
	{48 * MIB, 56 * MIB, 1, MEM_RANGE_USABLE},
};
static const struct soft_layout two_nodes = {
	.ranges = ranges,
	.nr_ranges = ARRAY_SIZE(ranges),
	.nr_cpus = 1,
	.nr_nodes = 2,
};

/* 8 and 4 blocks; an unmovable page makes the first one's type its own. */
TEST_MACHINE(pagetypeinfo_counts_the_blocks_of_each_node, &two_nodes)
{
	struct zone *zone;
	int nid = 0;

	show();
	while (!str_has_prefix(at, "Number of blocks"))
		at = strchr(at, '\n') + 1;
	for_each_zone(zone) {
		unsigned long sum = 0;

		at = strchr(at, '\n') + 1;
		at = strchr(at, ',') + strlen(", zone         ");
		while (*at != ' ')
			at++;
		for (unsigned int mt = 0; mt < MIGRATE_TYPES; mt++)
			sum += number();
		CHECK_EQ(sum, nid++ ? 4 : 8);
	}
	CHECK_EQ(nid, 2);
}
