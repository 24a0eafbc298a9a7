/* SPDX-License-Identifier: MIT */
/* kstrtox_test.c - numbers and sizes in text, and what is refused. */
#include "kstrtox.c"

#include <quire/printk.h>

#include "test/test.h"

#define UNTOUCHED 0xabcdUL

TEST(kstrtoul_takes_numbers_and_nothing_else)
{
	static const struct {
		const char *text;
		unsigned int base;
		int err;
		unsigned long value;
	} cases[] = {
		{"0", 10, 0, 0},
		{"42", 10, 0, 42},
		{"+42", 10, 0, 42},
		{"42\n", 10, 0, 42},
		{"0x2a", 0, 0, 42},
		{"0X2A", 16, 0, 42},
		{"2a", 16, 0, 42},
		{"052", 0, 0, 42},
		{"052", 10, 0, 52},
		{"18446744073709551615", 10, 0, ~0UL},
		{"0xffffffffffffffff", 0, 0, ~0UL},
		{"18446744073709551616", 10, -ERANGE, UNTOUCHED},
		{"0x10000000000000000", 0, -ERANGE, UNTOUCHED},
		{"99999999999999999999999", 10, -ERANGE, UNTOUCHED},
		{"", 10, -EINVAL, UNTOUCHED},
		{"\n", 10, -EINVAL, UNTOUCHED},
		{"-1", 10, -EINVAL, UNTOUCHED},
		{"+", 10, -EINVAL, UNTOUCHED},
		{"++1", 10, -EINVAL, UNTOUCHED},
		{" 1", 10, -EINVAL, UNTOUCHED},
		{"1 ", 10, -EINVAL, UNTOUCHED},
		{"1\n\n", 10, -EINVAL, UNTOUCHED},
		{"2a", 10, -EINVAL, UNTOUCHED},
		{"08", 0, -EINVAL, UNTOUCHED},
		{"0x", 0, -EINVAL, UNTOUCHED},
		{"0xg", 0, -EINVAL, UNTOUCHED},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned long v = UNTOUCHED;

		CHECK_EQ(kstrtoul(cases[i].text, cases[i].base, &v),
			 cases[i].err);
		CHECK_EQ(v, cases[i].value);
	}
}

TEST(kstrtol_and_kstrtouint_know_their_range)
{
	unsigned int u = 7;
	long v = 7;

	CHECK_EQ(kstrtol("-9223372036854775808", 10, &v), 0);
	CHECK_EQ(v, INT64_MIN);
	CHECK_EQ(kstrtol("9223372036854775807", 10, &v), 0);
	CHECK_EQ(v, INT64_MAX);
	CHECK_EQ(kstrtol("9223372036854775808", 10, &v), -ERANGE);
	CHECK_EQ(kstrtol("-9223372036854775809", 10, &v), -ERANGE);
	CHECK_EQ(kstrtol("--1", 10, &v), -EINVAL);
	CHECK_EQ(kstrtol("-+1", 10, &v), -EINVAL);
	CHECK_EQ(v, INT64_MAX);
	CHECK_EQ(kstrtouint("4294967295", 10, &u), 0);
	CHECK_EQ(u, UINT32_MAX);
	CHECK_EQ(kstrtouint("4294967296", 10, &u), -ERANGE);
	CHECK_EQ(kstrtouint("x", 10, &u), -EINVAL);
	CHECK_EQ(u, UINT32_MAX);
}

TEST(kstrtoul_reads_back_what_printf_wrote)
{
	for (unsigned int i = 0; i < 1000; i++) {
		unsigned long v = test_random() >> test_random_below(64);
		unsigned long back;
		char text[32];

		scnprintf(text, sizeof(text), "%#lx\n", v);
		CHECK_EQ(kstrtoul(text, 0, &back), 0);
		CHECK_EQ(back, v);
		scnprintf(text, sizeof(text), "%lu", v);
		CHECK_EQ(kstrtoul(text, 0, &back), 0);
		CHECK_EQ(back, v);
	}
}

TEST(memparse_takes_suffixes_and_tells_where_it_ended)
{
	static const struct {
		const char *text;
		u64 value;
		const char *rest;
	} cases[] = {
		{"0", 0, ""},
		{"512", 512, ""},
		{"4k", 4096, ""},
		{"4K@16M", 4096, "@16M"},
		{"0x10M", 16UL << 20, ""},
		{"1G", 1UL << 30, ""},
		{"2T", 2UL << 40, ""},
		{"1P", 1UL << 50, ""},
		{"1E", 1UL << 60, ""},
		{"12x", 12, "x"},
		{"M", 0, "M"},
		{"", 0, ""},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		char *end;

		CHECK_EQ(memparse(cases[i].text, &end), cases[i].value);
		CHECK_STR(end, cases[i].rest);
		CHECK_EQ(memparse(cases[i].text, NULL), cases[i].value);
	}
}

TEST(strscpy_always_ends_the_copy)
{
	char buf[8];

	CHECK_EQ(strscpy(buf, "quire", sizeof(buf)), 5);
	CHECK_STR(buf, "quire");
	CHECK_EQ(strscpy(buf, "gathers", sizeof(buf)), 7);
	CHECK_STR(buf, "gathers");
	CHECK_EQ(strscpy(buf, "gathered", sizeof(buf)), -E2BIG);
	CHECK_STR(buf, "gathere");
	CHECK_EQ(strscpy(buf, "", sizeof(buf)), 0);
	CHECK_STR(buf, "");
	buf[0] = 'x';
	CHECK_EQ(strscpy(buf, "a", 0), -E2BIG);
	CHECK_EQ(buf[0], 'x');
}

TEST(strings_lose_blanks_and_show_prefixes)
{
	char text[] = " \t two words \n", blank[] = "  ", empty[] = "";

	CHECK_STR(strim(text), "two words");
	CHECK_STR(strim(blank), "");
	CHECK_STR(strim(empty), "");
	CHECK_EQ(str_has_prefix("selftest=list", "selftest="), 9);
	CHECK_EQ(str_has_prefix("self", "selftest="), 0);
	CHECK_EQ(str_has_prefix("any", ""), 0);
}

TEST(a_switch_is_on_or_off_or_an_error)
{
	static const struct {
		const char *text;
		int err;
		bool on;
	} cases[] = {
		{"1", 0, true},	   {"y", 0, true},    {"Yes", 0, true},
		{"on", 0, true},   {"ON", 0, true},   {"true", 0, true},
		{"0", 0, false},   {"n", 0, false},   {"No", 0, false},
		{"off", 0, false}, {"F", 0, false},   {"oops", -EINVAL, 0},
		{"", -EINVAL, 0},  {"2", -EINVAL, 0}, {"o", -EINVAL, 0},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		bool on = !cases[i].on;

		CHECK_EQ(kstrtobool(cases[i].text, &on), cases[i].err);
		if (!cases[i].err)
			CHECK_EQ(on, cases[i].on);
	}
}
