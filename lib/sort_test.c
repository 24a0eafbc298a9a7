/* SPDX-License-Identifier: MIT */
/* sort_test.c - sorted, a permutation, and within the promised comparisons. */
#include "sort.c"

#include "test/test.h"

#define NR 300

struct thing {
	u32 key;
	char rest[7]; /* an odd size */
} __attribute__((packed));

static size_t nr_compared;

static int by_key(const void *a, const void *b)
{
	u32 x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	nr_compared++;
	return (x > y) - (x < y);
}

static void check_sorted(struct thing *t, size_t nr, u64 sum)
{
	for (size_t i = 0; i < nr; i++) {
		sum -= t[i].key;
		CHECK(i == 0 || t[i - 1].key <= t[i].key);
		/* The rest came along. */
		CHECK_EQ(t[i].rest[6], (char)t[i].key);
	}
	CHECK_EQ(sum, 0);
}

TEST(sort_orders_random_arrays_of_each_length)
{
	static struct thing t[NR];

	for (size_t nr = 0; nr < NR; nr++) {
		u32 range = test_random_below(2) ? 10 : 1U << 30;
		u64 sum = 0;

		for (size_t i = 0; i < nr; i++) {
			t[i].key = (u32)test_random_below(range);
			t[i].rest[6] = (char)t[i].key;
			sum += t[i].key;
		}
		sort(t, nr, sizeof(t[0]), by_key);
		check_sorted(t, nr, sum);
	}
}

TEST(sort_needs_n_log_n_comparisons_on_any_input)
{
	static u32 t[1024];

	for (unsigned int pattern = 0; pattern < 4; pattern++) {
		for (u32 i = 0; i < 1024; i++)
			t[i] = pattern == 0   ? i
			       : pattern == 1 ? 1024 - i
			       : pattern == 2 ? 7
					      : i * 2654435761U;
		nr_compared = 0;
		sort(t, 1024, sizeof(t[0]), by_key);
		for (u32 i = 1; i < 1024; i++)
			CHECK(t[i - 1] <= t[i]);
		/* 2 n log2 n is heap sort's bound; ours is below. */
		CHECK_LE(nr_compared, 2 * 1024 * 10);
	}
}
