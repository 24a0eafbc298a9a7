/* SPDX-License-Identifier: MIT */
/*
 * vmallocinfo_test.c - /proc/vmallocinfo shows each area while it lives.
 */
#include "vmallocinfo.c"

#include <test/test.h>

#include <quire/printk.h>
#include <arch.h>
#include <quire/string.h>

static char text[16384];

static const char *shown(void)
{
	struct seq_buf s;

	seq_buf_init(&s, text, sizeof(text) - 1);
	show_vmallocinfo(&s);
	CHECK(!s.overflow);
	text[s.len] = '\0';
	return text;
}

static bool contains(const char *hay, const char *needle)
{
	size_t len = strlen(needle);

	for (; *hay; hay++)
		if (strncmp(hay, needle, len) == 0)
			return true;
	return false;
}

TEST(an_area_is_shown_with_its_guard_page_while_it_lives)
{
	char *p = vmalloc(3 * PAGE_SIZE);
	char range[64];

	CHECK(p);
	scnprintf(range, sizeof(range), "0x%016lx-0x%016lx   16384 ",
		  (unsigned long)p, (unsigned long)p + 4 * PAGE_SIZE);
	CHECK(contains(shown(), range));
	CHECK(contains(text, " pages=3 vmalloc N"));
	CHECK(contains(text, "=3\n"));
	vfree(p);
	CHECK(!contains(shown(), range));
}

TEST(memory_for_programs_is_marked)
{
	char *p = vmalloc_user(2 * PAGE_SIZE);

	CHECK(p);
	CHECK(contains(shown(), " pages=2 vmalloc user N"));
	vfree(p);
	CHECK(!contains(shown(), " user "));
}
