/* SPDX-License-Identifier: MIT */
/* seq_buf_test.c - text that fits, text that does not. */
#include "seq_buf.c"

#include "test/test.h"

static void write_all(struct seq_buf *s)
{
	seq_puts(s, "MemFree:");
	seq_printf(s, "%8lu", 42UL);
	seq_puts(s, " kB");
	seq_putc(s, '\n');
}

TEST(seq_buf_gathers_in_order)
{
	char buf[64];
	struct seq_buf s;

	seq_buf_init(&s, buf, sizeof(buf));
	CHECK_STR(buf, "");
	write_all(&s);
	CHECK_STR(buf, "MemFree:      42 kB\n");
	CHECK_EQ(s.len, strlen(buf));
	CHECK(!s.overflow);
}

TEST(seq_buf_that_is_too_small_says_so_and_keeps_its_bounds)
{
	static const char whole[] = "MemFree:      42 kB\n";

	for (size_t size = 0; size < sizeof(whole); size++) {
		char buf[64];
		struct seq_buf s;

		memset(buf, '#', sizeof(buf));
		seq_buf_init(&s, buf, size);
		write_all(&s);
		CHECK(s.overflow);
		CHECK_EQ(buf[size], '#');
		if (size) {
			CHECK_EQ(strncmp(buf, whole, strlen(buf)), 0);
			CHECK_EQ(s.len, strlen(buf));
			CHECK_LE(s.len, size - 1);
		}
	}
}

TEST(seq_buf_overflow_stays)
{
	char buf[4];
	struct seq_buf s;

	seq_buf_init(&s, buf, sizeof(buf));
	seq_puts(&s, "abcd");
	CHECK(s.overflow);
	seq_puts(&s, "");
	CHECK(s.overflow);
	CHECK_STR(buf, "abc");
}

TEST(seq_buf_prints_masks_and_lists_as_linux_does)
{
	static const struct {
		unsigned long map[2];
		unsigned int nr;
		const char *mask, *list;
	} cases[] = {
		{{0}, 1, "0", ""},
		{{1}, 1, "1", "0"},
		{{3}, 2, "3", "0-1"},
		{{1}, 8, "01", "0"},
		{{0xb5}, 8, "b5", "0,2,4-5,7"},
		{{~0UL}, 5, "1f", "0-4"},
		{{~0UL}, 32, "ffffffff", "0-31"},
		{{0x100000001}, 33, "1,00000001", "0,32"},
		{{1UL << 63 | 1}, 64, "80000000,00000001", "0,63"},
		{{1UL << 63, 7}, 67, "7,80000000,00000000", "63-66"},
		{{0, 0xff},
		 128,
		 "00000000,000000ff,00000000,00000000",
		 "64-71"},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		char buf[64];
		struct seq_buf s;

		seq_buf_init(&s, buf, sizeof(buf));
		seq_bitmap(&s, cases[i].map, cases[i].nr);
		CHECK_STR(buf, cases[i].mask);
		seq_buf_init(&s, buf, sizeof(buf));
		seq_bitmap_list(&s, cases[i].map, cases[i].nr);
		CHECK_STR(buf, cases[i].list);
	}
}
