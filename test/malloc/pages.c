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

static void warm_the_cache(void)
{
	for (int i = 0; i < 100; i++)
		do_free(do_malloc(3000));
}

TEST(classes_round_up_by_an_eighth_at_most)
{
	for (size_t size = 1; size <= SMALL_MAX; size++) {
		size_t got = class_size(class_of(size));

		CHECK(got >= size && got - size < max_size(16, size / 8 + 1));
		CHECK(class_of(got) == class_of(size));
	}
}

TEST(a_cached_chunk_serves_the_next_request_of_about_its_size)
{
	char *p;

	warm_the_cache();
	p = do_malloc(3000);
	do_free(p);
	CHECK(heap_mine->cache_bytes > 3000);
	CHECK(do_malloc(3010) == p);
	for (size_t size = SMALL_MAX + 1; size < CACHE_MOST; size++) {
		p = do_malloc(size);
		CHECK(malloc_usable_size(p) >= size);
		CHECK(malloc_usable_size(p) <= size + size / 2);
		do_free(p);
	}
	validate();
}

TEST(a_chunk_of_the_next_classes_serves_too)
{
	char *p;

	warm_the_cache();
	p = do_malloc(5500);
	do_free(p);
	CHECK(do_malloc(5000) == p);
	do_free(p);
	CHECK(do_malloc(2000) != p);
	validate();
}

TEST(a_cached_chunk_serves_an_aligned_request)
{
	void *p;

	warm_the_cache();
	for (size_t align = 32; align <= 4096; align *= 2) {
		p = memalign(align, 5000);
		do_free(p);
		CHECK(memalign(align, 5000) == p);
		do_free(p);
	}
	validate();
}

/* Rounds that free and ask for much more than the least part. */
TEST(a_cache_grows_where_requests_miss)
{
	static void *p[400];
	uint64_t s = 5;
	size_t most = 0;

	for (int round = 0; round < 200; round++) {
		for (size_t i = 0; i < 400; i++)
			p[i] = do_malloc(1100 + rng(&s) % 6000);
		for (size_t i = 0; i < 400; i++)
			do_free(p[i]);
		most = max_size(most, heap_mine->cache_bytes);
		CHECK(heap_mine->cache_bytes <= heap_mine->cache_most);
	}
	CHECK(heap_mine->cache_part > 4);
	CHECK(most > core.main.system_bytes / 4);
	validate();
}

TEST(a_cache_is_bounded_and_flushed_by_trim)
{
	static void *p[4000];
	size_t most;

	warm_the_cache();
	for (size_t i = 0; i < 4000; i++)
		p[i] = do_malloc(2000 + i * 7);
	for (size_t i = 0; i < 4000; i++)
		do_free(p[i]);
	most = max_size(64 * KIB, core.main.system_max * 3 / 4);
	CHECK(heap_mine->cache_bytes > 0 && heap_mine->cache_bytes <= most);
	validate();
	malloc_trim(0);
	CHECK(heap_mine->cache_bytes == 0);
	CHECK(core.main.system_bytes < 128 * KIB);
	validate();
}
