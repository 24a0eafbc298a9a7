/* SPDX-License-Identifier: MIT */
/*
 * string_test.c - the C names, the machine's own and the fallbacks.
 *
 * The fallbacks are included under other names, since the machine's may be the
 * C library's.  On metal the machine's are assembly: this is their test.
 */
#define memcmp	fallback_memcmp
#define memchr	fallback_memchr
#define strlen	fallback_strlen
#define strnlen fallback_strnlen
#define strcmp	fallback_strcmp
#define strncmp fallback_strncmp
#define strchr	fallback_strchr
#define strrchr fallback_strrchr
#include "string.c"
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr

#include "test/test.h"

int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);

static int sign(int x)
{
	return (x > 0) - (x < 0);
}

TEST(string_functions_do_as_the_standard_says)
{
	static const struct {
		const char *a, *b;
		int cmp, cmp3;
	} pairs[] = {
		{"", "", 0, 0},		 {"a", "", 1, 1},
		{"", "a", -1, -1},	 {"abc", "abd", -1, -1},
		{"abcd", "abce", -1, 0}, {"ab", "abc", -1, -1},
		{"\xff", "a", 1, 1},	 {"abcx", "abc", 1, 0},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(pairs); i++) {
		const char *a = pairs[i].a, *b = pairs[i].b;

		CHECK_EQ(sign(strcmp(a, b)), pairs[i].cmp);
		CHECK_EQ(sign(fallback_strcmp(a, b)), pairs[i].cmp);
		CHECK_EQ(sign(strncmp(a, b, 3)), pairs[i].cmp3);
		CHECK_EQ(sign(fallback_strncmp(a, b, 3)), pairs[i].cmp3);
		CHECK_EQ(fallback_strlen(a), strlen(a));
		CHECK_EQ(fallback_strnlen(a, 2), min(strlen(a), (size_t)2));
		CHECK_EQ(strnlen(a, 2), min(strlen(a), (size_t)2));
	}
}

TEST(string_searches_find_the_first_and_the_last)
{
	static const char s[] = "a/b/c";

	CHECK(strchr(s, '/') == s + 1 && fallback_strchr(s, '/') == s + 1);
	CHECK(strrchr(s, '/') == s + 3 && fallback_strrchr(s, '/') == s + 3);
	CHECK(!strchr(s, 'x') && !fallback_strchr(s, 'x'));
	CHECK(!strrchr(s, 'x') && !fallback_strrchr(s, 'x'));
	CHECK(strchr(s, 0) == s + 5 && fallback_strchr(s, 0) == s + 5);
	CHECK(strrchr(s, 0) == s + 5 && fallback_strrchr(s, 0) == s + 5);
	CHECK(memchr(s, 'c', 5) == s + 4 && !memchr(s, 'c', 4));
	CHECK(fallback_memchr(s, 'c', 5) == s + 4);
	CHECK(!fallback_memchr(s, 'c', 4));
}

#define SPAN 256

static u8 mem[SPAN], model[SPAN];

static void check_mem(void)
{
	for (unsigned int i = 0; i < SPAN; i++)
		CHECK_EQ(mem[i], model[i]);
	CHECK_EQ(memcmp(mem, model, SPAN), 0);
}

/* Byte by byte: what the machine's word-wise ones must equal. */
static void model_move(size_t to, size_t from, size_t n)
{
	static u8 copy[SPAN];

	for (size_t i = 0; i < n; i++)
		copy[i] = model[from + i];
	for (size_t i = 0; i < n; i++)
		model[to + i] = copy[i];
}

TEST(memory_functions_follow_a_loop_over_bytes)
{
	for (unsigned int i = 0; i < SPAN; i++)
		mem[i] = model[i] = (u8)test_random();
	for (unsigned int step = 0; step < 3000; step++) {
		size_t n = test_random_below(SPAN / 2 + 1);
		size_t from = test_random_below(SPAN / 2);
		size_t to = test_random_below(SPAN / 2);
		int c = (int)test_random();

		switch (test_random_below(3)) {
		case 0:
			/* memset takes the low byte of c only. */
			memset(mem + to, c, n);
			for (size_t i = 0; i < n; i++)
				model[to + i] = (u8)c;
			break;
		case 1:
			memmove(mem + to, mem + from, n);
			model_move(to, from, n);
			break;
		default:
			n = min(n, to > from ? to - from : from - to);
			memcpy(mem + to, mem + from, n);
			model_move(to, from, n);
			break;
		}
		check_mem();
	}
}

TEST(memcmp_orders_by_the_first_difference_unsigned)
{
	for (unsigned int step = 0; step < 1000; step++) {
		size_t n = 1 + test_random_below(40), at;
		int expected;

		at = test_random_below(n);
		memset(mem, 0x7f, n);
		memset(model, 0x7f, n);
		mem[at] = (u8)test_random();
		expected = sign((int)mem[at] - 0x7f);
		CHECK_EQ(sign(memcmp(mem, model, n)), expected);
		CHECK_EQ(sign(fallback_memcmp(mem, model, n)), expected);
		CHECK_EQ(memcmp(mem, model, at), 0);
	}
}
