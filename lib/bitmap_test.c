/* SPDX-License-Identifier: MIT */
/*
 * bitmap_test.c - bitmaps against arrays of bool, at sizes around the word.
 */
#include "bitmap.c"

#include "test/test.h"

#define SIZE_MAX_BITS 200

static const size_t sizes[] = {0, 1, 63, 64, 65, 127, 128, 129, 200};

struct pair {
	DECLARE_BITMAP(map, SIZE_MAX_BITS + 64);
	bool bits[SIZE_MAX_BITS];
	size_t size;
};

static size_t naive_next(const struct pair *p, size_t from, bool value)
{
	while (from < p->size && p->bits[from] != value)
		from++;
	return min(from, p->size);
}

static size_t naive_area(const struct pair *p, size_t from, size_t nr,
			 size_t align)
{
	for (from = ALIGN(from, align); from + nr <= p->size; from += align)
		if (naive_next(p, from, true) >= from + nr)
			return from;
	return p->size;
}

static void check_equal(const struct pair *p)
{
	size_t weight = 0, last = p->size, bit, i = 0;

	for (i = 0; i < p->size; i++) {
		CHECK_EQ(test_bit(i, p->map), p->bits[i]);
		weight += p->bits[i];
		last = p->bits[i] ? i : last;
		CHECK_EQ(find_next_bit(p->map, p->size, i),
			 naive_next(p, i, true));
		CHECK_EQ(find_next_zero_bit(p->map, p->size, i),
			 naive_next(p, i, false));
	}
	CHECK_EQ(bitmap_weight(p->map, p->size), weight);
	CHECK_EQ(find_last_bit(p->map, p->size), last);
	CHECK_EQ(bitmap_empty(p->map, p->size), weight == 0);
	CHECK_EQ(bitmap_full(p->map, p->size), weight == p->size);
	i = 0;
	for_each_set_bit(bit, p->map, p->size) {
		CHECK_EQ(bit, naive_next(p, i, true));
		i = bit + 1;
	}
	CHECK_EQ(naive_next(p, i, true), p->size);
}

/* What lies behind size must neither count nor be touched by ranges. */
static void start_with_noise(struct pair *p, size_t size)
{
	memset(p->map, 0xff, sizeof(p->map));
	memset(p->bits, 0, sizeof(p->bits));
	p->size = size;
	bitmap_clear(p->map, 0, size);
}

TEST(bitmap_follows_an_array_of_bool)
{
	for (unsigned int s = 0; s < ARRAY_SIZE(sizes); s++) {
		struct pair p;

		start_with_noise(&p, sizes[s]);
		for (unsigned int step = 0; step < 100; step++) {
			size_t start = test_random_below(p.size + 1);
			size_t nr = test_random_below(p.size - start + 1);
			bool value = test_random_below(2);

			if (value)
				bitmap_set(p.map, start, nr);
			else
				bitmap_clear(p.map, start, nr);
			for (size_t i = start; i < start + nr; i++)
				p.bits[i] = value;
			check_equal(&p);
			CHECK(test_bit(p.size, p.map));
		}
	}
}

TEST(bitmap_single_bits_tell_their_old_value)
{
	DECLARE_BITMAP(map, 130) = {0};

	for (size_t i = 0; i < 130; i += 43) {
		CHECK(!test_and_set_bit(i, map));
		CHECK(test_and_set_bit(i, map));
		CHECK(test_and_clear_bit(i, map));
		CHECK(!test_and_clear_bit(i, map));
		set_bit(i, map);
		CHECK(test_bit(i, map));
		clear_bit(i, map);
		CHECK(!test_bit(i, map));
		__set_bit(i, map);
		CHECK_EQ(bitmap_weight(map, 130), 1);
		__clear_bit(i, map);
		CHECK(bitmap_empty(map, 130));
	}
}

TEST(bitmap_finds_the_first_aligned_area)
{
	struct pair p;

	start_with_noise(&p, SIZE_MAX_BITS);
	for (unsigned int step = 0; step < 2000; step++) {
		size_t bit = test_random_below(SIZE_MAX_BITS);
		size_t from = test_random_below(SIZE_MAX_BITS);
		size_t nr = 1 + test_random_below(20);
		size_t align = 1UL << test_random_below(5);

		p.bits[bit] = test_random_below(4) == 0;
		if (p.bits[bit])
			__set_bit(bit, p.map);
		else
			__clear_bit(bit, p.map);
		CHECK_EQ(bitmap_find_next_zero_area(p.map, p.size, from, nr,
						    align),
			 naive_area(&p, from, nr, align));
	}
}

TEST(bitmap_copy_fill_and_compare_ignore_the_tail)
{
	for (unsigned int s = 0; s < ARRAY_SIZE(sizes); s++) {
		DECLARE_BITMAP(a, 256);
		DECLARE_BITMAP(b, 256);
		size_t size = sizes[s];

		memset(a, 0xff, sizeof(a));
		memset(b, 0x00, sizeof(b));
		CHECK_EQ(bitmap_equal(a, b, size), size == 0);
		bitmap_copy(b, a, size);
		CHECK(bitmap_equal(a, b, size));
		CHECK_EQ(find_next_bit(b, 256, size), 256);
		bitmap_zero(a, 256);
		bitmap_fill(a, size);
		CHECK(bitmap_equal(a, b, 256));
	}
}

static void set_own_bits(void *arg, unsigned int k)
{
	unsigned long *map = arg;

	for (unsigned int round = 0; round < 200; round++) {
		for (size_t i = k; i < 256; i += 8)
			CHECK(!test_and_set_bit(i, map));
		for (size_t i = k; i < 256; i += 16)
			clear_bit(i, map);
		for (size_t i = k + 8; i < 256; i += 16)
			CHECK(test_and_clear_bit(i, map));
	}
}

TEST(bitmap_neighbours_in_a_word_change_at_once)
{
	static DECLARE_BITMAP(map, 256);

	bitmap_zero(map, 256);
	test_run_on_cpus(8, set_own_bits, map);
	CHECK(bitmap_empty(map, 256));
}
