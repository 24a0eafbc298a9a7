/* SPDX-License-Identifier: MIT */
/*
 * params_test.c - command lines, cut.
 */
#include "params.c"

#include <test/test.h>

TEST(a_command_line_is_cut_into_names_and_values)
{
	const char *line = "  quiet a=b\tc=\"d e\" f==g h=\n";
	char buf[16], *value;

	CHECK(next_param(&line, buf, sizeof(buf), &value));
	CHECK_STR(buf, "quiet");
	CHECK(!value);
	CHECK(next_param(&line, buf, sizeof(buf), &value));
	CHECK_STR(buf, "a");
	CHECK_STR(value, "b");
	CHECK(next_param(&line, buf, sizeof(buf), &value));
	CHECK_STR(buf, "c");
	CHECK_STR(value, "d e");
	CHECK(next_param(&line, buf, sizeof(buf), &value));
	CHECK_STR(value, "=g");
	CHECK(next_param(&line, buf, sizeof(buf), &value));
	CHECK_STR(buf, "h");
	CHECK_STR(value, "");
	CHECK(!next_param(&line, buf, sizeof(buf), &value));
	CHECK(!next_param(&line, buf, sizeof(buf), &value));
}

TEST(a_word_that_is_too_long_is_cut_and_the_next_one_is_whole)
{
	const char *line = "slab_debug=FZPU next";
	char buf[13], *value;

	CHECK(next_param(&line, buf, sizeof(buf), &value));
	CHECK_STR(buf, "slab_debug");
	CHECK_STR(value, "F");
	CHECK(next_param(&line, buf, sizeof(buf), &value));
	CHECK_STR(buf, "next");
}

TEST(a_quote_that_nobody_closes_ends_with_the_line)
{
	const char *line = "a=\"b c";
	char buf[16], *value;

	CHECK(next_param(&line, buf, sizeof(buf), &value));
	CHECK_STR(value, "b c");
	CHECK(!next_param(&line, buf, sizeof(buf), &value));
}

TEST(a_parameter_is_known_by_either_dash)
{
	CHECK(param_is("slab_debug", "slab_debug"));
	CHECK(param_is("slab-debug", "slab_debug"));
	CHECK(param_is("slab_debug", "slab-debug"));
	CHECK(!param_is("slab_debu", "slab_debug"));
	CHECK(!param_is("slab_debugs", "slab_debug"));
	CHECK(!param_is("slab.debug", "slab_debug"));
}
