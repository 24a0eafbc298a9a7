/* SPDX-License-Identifier: MIT */
/*
 * meminfo_test.c - meminfo as its readers take it apart.
 */
#include "mm/show/meminfo.c"

#include <quire/string.h>

#include "test/test.h"

static char text[4096];

static const char *shown(void)
{
	struct seq_buf s;

	seq_buf_init(&s, text, sizeof(text));
	show_meminfo(&s);
	CHECK(!s.overflow && s.len < sizeof(text));
	text[s.len] = '\0';
	return text;
}

/* A line's value in KiB; fails the test when it is not there. */
static u64 value(const char *name)
{
	const char *at = text;
	size_t len = strlen(name);

	while (at && *at) {
		if (!strncmp(at, name, len) && at[len] == ':') {
			at += len + 1;
			while (*at == ' ')
				at++;
			return memparse(at, NULL);
		}
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	test_fail(__FILE__, __LINE__, "no line %s", name);
}

TEST(meminfo_lines_have_linux_columns)
{
	const char *at = shown();

	while (*at) {
		const char *end = strchr(at, '\n');
		const char *colon = strchr(at, ':');

		CHECK(end && colon && colon < end && colon - at < 16);
		/* Name to 16, number to 8 or more, " kB". */
		CHECK(end - at >= 27);
		CHECK(!strncmp(end - 3, " kB", 3));
		CHECK(end[-4] >= '0' && end[-4] <= '9');
		at = end + 1;
	}
	CHECK(!strncmp(text, "MemTotal:       ", 16));
}

TEST(meminfo_has_what_free_and_busybox_read)
{
	shown();
	CHECK_EQ(value("MemTotal"), KIB(totalram_pages()));
	CHECK_EQ(value("MemFree"), KIB(nr_free_pages()));
	CHECK(value("MemAvailable") <= value("MemFree"));
	CHECK(value("MemFree") <= value("MemTotal"));
	CHECK_EQ(value("Buffers"), 0);
	CHECK_EQ(value("SwapTotal"), 0);
	CHECK_EQ(value("SwapFree"), 0);
	CHECK_EQ(value("Slab"), value("SReclaimable") + value("SUnreclaim"));
	value("Cached");
	value("Shmem");
}

TEST(meminfo_follows_an_allocation)
{
	struct page *page;
	u64 before;

	shown();
	before = value("MemFree");
	page = alloc_pages(GFP_KERNEL, 4);
	CHECK(page);
	shown();
	CHECK_EQ(value("MemFree"), before - 64);
	__free_pages(page, 4);
	shown();
	CHECK_EQ(value("MemFree"), before);
}

TEST(meminfo_says_when_it_does_not_fit)
{
	struct seq_buf s;

	seq_buf_init(&s, text, 100);
	show_meminfo(&s);
	CHECK(s.overflow);
}
