// SPDX-License-Identifier: MIT
/*
 * pages.c - small pages: heat, return to the region, purging.
 */
#include "check.h"

/* ---- small pages -------------------------------------------------------------------------- */
TEST(a_hot_class_gets_pages_a_cold_one_does_not)
{
	CHECK(!region_has(do_malloc(64)));
	for (size_t i = 0; i <= opt.heat; i++)
		do_malloc(64);
	CHECK(region_has(do_malloc(64)));
	CHECK(!region_has(do_malloc(96)));
}

TEST(empty_pages_go_back)
{
	enum { NR = 100000 };
	void **p = do_malloc(NR * sizeof(*p));
	struct region_stats st;

	for (int i = 0; i < NR; i++)
		p[i] = do_malloc(48);
	region_stats(&st);
	CHECK(st.nr_used >= NR * 48 / PAGE_SIZE);
	validate();
	for (int i = 0; i < NR; i++)
		do_free(p[(size_t)i * 7919 % NR]);
	region_stats(&st);
	CHECK(st.nr_used <= 2);
	validate();
	do_free(p);
}

TEST(trim_returns_everything)
{
	enum { NR = 400000 };
	void **p = do_malloc(NR * sizeof(*p));
	size_t before = resident_bytes(), after;

	for (int i = 0; i < NR; i++) {
		p[i] = do_malloc((size_t)(16 + i % 900));
		memset(p[i], 1, 16);
	}
	for (int i = 0; i < NR; i++)
		do_free(p[i]);
	CHECK(malloc_trim(0) == 1);
	after = resident_bytes();
	CHECK(after < before + 8 * MIB);
	do_free(p);
}

TEST(pages_unused_for_an_interval_are_purged)
{
	enum { NR = 200000 };
	static void *p[NR];
	struct region_stats st;

	opt.purge_ms = 10;
	for (int i = 0; i < NR; i++)
		p[i] = do_malloc(256);
	for (int i = 0; i < NR; i++)
		do_free(p[i]);
	for (int n = 0; n < 20; n++) {
		usleep(5000);
		for (int i = 0; i < 1000; i++)
			p[i] = do_malloc(256);
		for (int i = 0; i < 1000; i++)
			do_free(p[i]);
	}
	region_stats(&st);
	CHECK(st.nr_purged > NR * 256 / PAGE_SIZE * 3 / 4);
	CHECK(st.nr_dirty < 64);
}
