/* SPDX-License-Identifier: MIT */
/* zoneinfo_test.c - the keys that tools look for, with the right values. */
#include "mm/show/zoneinfo.c"

#include <quire/printk.h>
#include <quire/string.h>

#include "test/test.h"

static char text[32768];

/* The text from the first place where part begins; fails without one. */
static const char *find(const char *at, const char *part)
{
	size_t len = strlen(part);

	for (; *at; at++)
		if (!strncmp(at, part, len))
			return at;
	test_fail(__FILE__, __LINE__, "no '%s'", part);
}

TEST(zoneinfo_names_every_zone_with_its_sizes_and_marks)
{
	const char *at = text;
	struct zone *zone;
	struct seq_buf s;
	char part[96];

	seq_buf_init(&s, text, sizeof(text));
	show_zoneinfo(&s);
	CHECK(!s.overflow && s.len < sizeof(text));
	text[s.len] = '\0';
	for_each_zone(zone) {
		scnprintf(part, sizeof(part), "Node %d, zone %8s\n",
			  zone->zone_pgdat->node_id, zone->name);
		at = find(at, part);
		scnprintf(part, sizeof(part), "\n  pages free     %lu\n",
			  zone->free_pages);
		at = find(at, part);
		scnprintf(part, sizeof(part), "\n        min      %lu\n",
			  zone->watermark[WMARK_MIN]);
		at = find(at, part);
		scnprintf(part, sizeof(part), "\n        managed  %lu\n",
			  zone->managed_pages);
		at = find(at, part);
		at = find(at, "\n        protection: (0, ");
		at = find(at, "\n  pagesets\n    cpu: 0\n");
		scnprintf(part, sizeof(part), "\n  start_pfn:           %lu\n",
			  zone->zone_start_pfn);
		at = find(at, part);
	}
	find(text, "\n  per-node stats\n      nr_anon_pages ");
}
