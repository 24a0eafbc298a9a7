/* SPDX-License-Identifier: MIT */
/*
 * vscnprintf_test.c - drawn formats on both machines; on the host also random
 * ones against the C library.
 */
#include "vscnprintf.c"

#include "test/test.h"

static char text[128];

#define FORMATS(expected, ...)                                         \
	do {                                                           \
		int len_ = scnprintf(text, sizeof(text), __VA_ARGS__); \
		CHECK_STR(text, expected);                             \
		CHECK_EQ(len_, strlen(expected));                      \
	} while (0)

/* Flags that contradict each other are what is tested here. */
#pragma GCC diagnostic ignored "-Wformat"

TEST(printf_formats_integers_of_each_size)
{
	FORMATS("0 -1 42", "%d %i %u", 0, -1, 42U);
	FORMATS("2147483647 -2147483648", "%d %d", INT32_MAX, INT32_MIN);
	FORMATS("-9223372036854775808", "%ld", INT64_MIN);
	FORMATS("18446744073709551615", "%lu", ~0UL);
	FORMATS("18446744073709551615", "%llu", ~0ULL);
	FORMATS("-1 255 65535 -1", "%hhd %hhu %hu %hd", 0xff, 0xff, 0xffff,
		0xffff);
	FORMATS("ffffffffffffffff DEADBEEF 777", "%zx %X %o", ~0UL, 0xdeadbeefU,
		0777U);
	FORMATS("1777777777777777777777", "%lo", ~0UL);
	FORMATS("-5", "%td", (ptrdiff_t)-5);
}

TEST(printf_obeys_flags_width_and_precision)
{
	FORMATS("   42|42   |00042", "%5d|%-5d|%05d", 42, 42, 42);
	FORMATS("  -42|-0042|+42| 42", "%5d|%05d|%+d|% d", -42, -42, 42, 42);
	FORMATS("0x2a|0X2A|052|0|0", "%#x|%#X|%#o|%#x|%#o", 42, 42, 42, 0, 0);
	FORMATS("0x002a|  0x2a|0x2a  |", "%#06x|%#6x|%-#6x|", 42, 42, 42);
	FORMATS("  042|042  |-042", "%5.3d|%-5.3d|%.3d", 42, 42, -42);
	FORMATS("||0", "%.0d|%.0x|%#.0o", 0, 0, 0);
	FORMATS("   7|7   |007", "%*d|%*d|%.*d", 4, 7, -4, 7, 3, 7);
}

/* Unknown to the compiler, which would warn. */
static const char *no_string;

TEST(printf_formats_strings_characters_and_pointers)
{
	FORMATS("[abc] [  abc] [abc  ] [ab]", "[%s] [%5s] [%-5s] [%.2s]", "abc",
		"abc", "abc", "abc");
	FORMATS("(null) x   y 100%", "%s %c %3c %d%%", READ_ONCE(no_string),
		'x', 'y', 100);
	FORMATS("00000000deadbeef", "%p", (void *)0xdeadbeefUL);
	FORMATS("[  a]", "[%3.*s]", 1, "abc");
	/* Precision keeps it from reading behind the bytes it may read. */
	FORMATS("xy", "%.2s", (const char[]){'x', 'y'});
}

TEST(printf_shows_what_it_does_not_know)
{
	FORMATS("a %y b", "a %y b");
	FORMATS("end %", "end %");
	FORMATS("%5.2f", "%5.2f");
}

TEST(printf_cuts_at_the_size_and_ends_with_nul)
{
	char buf[9];

	for (size_t size = 1; size <= 8; size++) {
		memset(buf, '#', sizeof(buf));
		CHECK_EQ(scnprintf(buf, size, "%s%05d", "ab", 123),
			 size <= 7 ? (int)size - 1 : 7);
		CHECK_EQ(strlen(buf), size <= 7 ? size - 1 : 7);
		CHECK_EQ(strncmp(buf, "ab00123", size - 1), 0);
		CHECK_EQ(buf[size], '#');
	}
	memset(buf, '#', sizeof(buf));
	CHECK_EQ(scnprintf(buf, 0, "x"), 0);
	CHECK_EQ(buf[0], '#');
}

#if !defined(QUIRE_METAL)
int snprintf(char *buf, size_t size, const char *fmt, ...);

static void draw_format(char *fmt)
{
	static const char flags[] = "-0+ #";
	static const char *const conversions[] = {
		"d",  "i",  "u",  "x",	"X",  "o",  "hhd", "hu",
		"ld", "lu", "lx", "lX", "lo", "zd", "llu", "hhx",
	};
	size_t len = 0;

	fmt[len++] = '%';
	for (unsigned int i = 0; i < 5; i++)
		if (test_random_below(3) == 0)
			fmt[len++] = flags[i];
	if (test_random_below(2))
		len += (size_t)scnprintf(fmt + len, 8, "%u",
					 (unsigned int)test_random_below(30) +
						 1);
	if (test_random_below(2))
		len += (size_t)scnprintf(fmt + len, 8, ".%u",
					 (unsigned int)test_random_below(30));
	scnprintf(fmt + len, 8, "%s",
		  conversions[test_random_below(ARRAY_SIZE(conversions))]);
}

TEST_SOFT(printf_agrees_with_the_c_library)
{
	for (unsigned int i = 0; i < 20000; i++) {
		u64 v = test_random_below(8)
				? test_random() >> test_random_below(64)
				: 0;
		char fmt[32], ours[64], theirs[64];

		if (test_random_below(2))
			v = 0 - v;
		draw_format(fmt);
		scnprintf(ours, sizeof(ours), fmt, v);
		snprintf(theirs, sizeof(theirs), fmt, v);
		if (strcmp(ours, theirs) != 0)
			test_fail(__FILE__, __LINE__,
				  "format %s of %#lx: \"%s\", not \"%s\"", fmt,
				  v, ours, theirs);
	}
}
#endif
