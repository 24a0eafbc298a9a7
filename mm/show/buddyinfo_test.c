/* SPDX-License-Identifier: MIT */
/* buddyinfo_test.c - the line of each zone adds up to what is free in it. */
#include "mm/show/buddyinfo.c"

#include <quire/printk.h>
#include <quire/string.h>

#include "test/test.h"

static char text[4096];

TEST(buddyinfo_lines_add_up_to_the_free_frames_of_each_zone)
{
	char head[64], *at = text;
	struct zone *zone;
	struct seq_buf s;

	drain_all_pages();
	seq_buf_init(&s, text, sizeof(text));
	show_buddyinfo(&s);
	CHECK(!s.overflow && s.len < sizeof(text));
	text[s.len] = '\0';
	for_each_zone(zone) {
		unsigned long sum = 0;
		unsigned int order;

		/* /proc/buddyinfo of Linux: "Node 0, zone      DMA      1 ..." */
		scnprintf(head, sizeof(head), "Node %d, zone %8s ",
			  zone->zone_pgdat->node_id, zone->name);
		CHECK(!strncmp(at, head, strlen(head)));
		at += strlen(head);
		for (order = 0; order < NR_ORDERS; order++) {
			while (*at == ' ')
				at++;
			sum += memparse(at, &at) << order;
		}
		CHECK_EQ(sum, zone->free_pages);
		CHECK(!strncmp(at, " \n", 2));
		at += 2;
	}
	CHECK_EQ(*at, '\0');
}
