/* SPDX-License-Identifier: MIT */
/*
 * slabinfo_test.c - /proc/slabinfo has the lines that slabtop expects.
 */
#include "slabinfo.c"

#include <test/test.h>

#include <quire/string.h>

static char text[16384];

/* The line of this cache, ended by NUL in place; NULL: none. */
static char *line_of(char *lines, const char *name)
{
	for (char *line = lines; line;) {
		char *end = strchr(line, '\n');

		if (end)
			*end++ = '\0';
		if (str_has_prefix(line, name) && line[strlen(name)] == ' ')
			return line;
		line = end;
	}
	return NULL;
}

TEST(slabinfo_begins_with_its_version_and_columns)
{
	struct seq_buf s;

	seq_buf_init(&s, text, sizeof(text));
	show_slabinfo(&s);
	CHECK(!s.overflow);
	CHECK(str_has_prefix(text, "slabinfo - version: 2.1\n"
				   "# name            <active_objs> "));
}

TEST(a_cache_shows_what_it_holds)
{
	struct kmem_cache *c =
		kmem_cache_create("shown", 1000, 0, SLAB_NO_MERGE, NULL);
	void *objs[5];
	struct seq_buf s;
	char *line;

	CHECK(c);
	CHECK_EQ(kmem_cache_alloc_bulk(c, GFP_KERNEL, 5, objs), 5);
	seq_buf_init(&s, text, sizeof(text) - 1);
	show_slabinfo(&s);
	text[s.len] = '\0';
	line = line_of(text, "shown");
	CHECK(line);
	CHECK_STR(line, "shown                  5      8   1000    4    1 : "
			"tunables    0    0    0 : "
			"slabdata      2      2      0");
	kmem_cache_free_bulk(c, 5, objs);
	kmem_cache_destroy(c);
}

TEST(every_kmalloc_cache_is_shown)
{
	struct seq_buf s;

	seq_buf_init(&s, text, sizeof(text) - 1);
	show_slabinfo(&s);
	text[s.len] = '\0';
	CHECK(line_of(text, "dma-kmalloc-8k"));
	seq_buf_init(&s, text, sizeof(text) - 1);
	show_slabinfo(&s);
	text[s.len] = '\0';
	CHECK(line_of(text, "kmalloc-192"));
}
