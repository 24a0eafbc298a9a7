/* SPDX-License-Identifier: MIT */
/* vmstat_test.c - one "name value" a line, and the names that tools need. */
#include "mm/show/vmstat.c"

#include <quire/string.h>

#include "test/test.h"

static char text[8192];

static bool has(const char *name)
{
	const char *at = text;
	size_t len = strlen(name);

	for (; at && *at; at = strchr(at, '\n'), at = at ? at + 1 : NULL)
		if (!strncmp(at, name, len) && at[len] == ' ')
			return true;
	return false;
}

TEST(vmstat_lines_are_a_name_and_a_number)
{
	const char *at = text;
	struct seq_buf s;

	seq_buf_init(&s, text, sizeof(text));
	show_vmstat(&s);
	CHECK(!s.overflow && s.len < sizeof(text));
	text[s.len] = '\0';
	while (*at) {
		CHECK(*at >= 'a' && *at <= 'z');
		while (*at != ' ') {
			CHECK(*at && *at != '\n');
			at++;
		}
		at++;
		CHECK(*at >= '0' && *at <= '9');
		while (*at >= '0' && *at <= '9')
			at++;
		CHECK(*at++ == '\n');
	}
	CHECK(has("pgfree") && has("pgalloc_normal"));
	CHECK(has("numa_hit") && has("numa_local") && has("numa_other"));
	/* There is nothing that could count these. */
	CHECK(!has("pswpin") && !has("pgpgout") && !has("pgsteal_kswapd"));
	CHECK(has("pgfault") && has("pgmajfault") && has("nr_free_pages"));
}
