/* SPDX-License-Identifier: MIT */
/*
 * cmdline_test.c - how the command line is cut.  The running kernel's own is
 * put back after each test.
 */
#include "cmdline.c"

#include <quire/slab.h>

#include "test/test.h"

static void *saved;

static void borrow(const char *text)
{
	saved = kmalloc(sizeof(me), GFP_KERNEL);
	CHECK(saved != NULL);
	memcpy(saved, &me, sizeof(me));
	cmdline_init(text);
}

static void give_back(void)
{
	memcpy(&me, saved, sizeof(me));
	kfree(saved);
}

/* Words as one string, "|" after each. */
static void check_words(const char *text, const char *expected)
{
	char got[128];
	size_t len = 0;
	const char *w;

	borrow(text);
	for (unsigned int n = 0; (w = x86_cmdline_word(n)); n++) {
		memcpy(got + len, w, strlen(w));
		len += strlen(w);
		got[len++] = '|';
	}
	got[len] = '\0';
	give_back();
	CHECK_STR(got, expected);
}

TEST(cmdline_words_end_at_blanks_outside_quotes)
{
	check_words("", "");
	check_words("  a\tb \n", "a|b|");
	check_words("a=\"b c\" d", "a=b c|d|");
	check_words("\"a b\"c", "a bc|");
	check_words("a=\"unfinished b", "a=unfinished b|");
}

TEST(cmdline_option_is_the_last_with_the_whole_name)
{
	const char *v[5];

	borrow("quiet init=/a rdinit=/b init=/c initx=/d panic");
	v[0] = x86_cmdline_option("init");
	v[1] = x86_cmdline_option("quiet");
	v[2] = x86_cmdline_option("rdinit");
	v[3] = x86_cmdline_option("ini");
	v[4] = x86_cmdline_option("nosuch");
	CHECK_STR(v[0], "/c");
	CHECK_STR(v[1], "");
	CHECK_STR(v[2], "/b");
	CHECK(v[3] == NULL);
	CHECK(v[4] == NULL);
	give_back();
}

TEST(cmdline_too_long_is_cut_at_a_word)
{
	char *text = kmalloc(COMMAND_LINE_SIZE + 100, GFP_KERNEL);
	const char *last = NULL, *w;
	unsigned int n;

	CHECK(text != NULL);
	memset(text, 'x', COMMAND_LINE_SIZE + 99);
	for (size_t i = 7; i < COMMAND_LINE_SIZE + 99; i += 8)
		text[i] = ' ';
	text[COMMAND_LINE_SIZE + 99] = '\0';
	borrow(text);
	for (n = 0; (w = x86_cmdline_word(n)); n++)
		last = w;
	CHECK(last != NULL);
	CHECK_EQ(strlen(last), 7);
	CHECK_EQ(n, COMMAND_LINE_SIZE / 8 - 1);
	give_back();
	kfree(text);
}
