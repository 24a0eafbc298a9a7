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

/* What `grep` of a test may read of the mapping at p. */
static bool mapping_has_flag(const void *p, const char *flag)
{
	static char line[512];
	FILE *f = fopen("/proc/self/smaps", "r");
	unsigned long from, to;
	bool here = false, has = false;

	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = (uintptr_t)p >= from && (uintptr_t)p < to;
		if (here && !strncmp(line, "VmFlags:", 8))
			has = strstr(line, flag) != NULL;
	}
	fclose(f);
	return has;
}

/* From 8 MiB on, small blocks and chunks alike; what came before stays. */
TEST(large_dense_heaps_ask_for_huge_pages)
{
	void *p = NULL;

	if (access("/sys/kernel/mm/transparent_hugepage", F_OK))
		return;
	opt.thp = 8;
	CHECK(mallopt(M_MMAP_MAX, 0) == 1);
	for (int i = 0; i < 400; i++)
		p = do_malloc(100000);
	CHECK(mapping_has_flag(p, " hg"));
	for (int i = 0; i < 300000; i++)
		p = do_malloc(100);
	CHECK(region_has(p) && mapping_has_flag(p, " hg"));
	validate();
}

TEST(small_heaps_do_not_ask_for_huge_pages)
{
	void *p = NULL;

	opt.thp = 64;
	for (int i = 0; i < 100000; i++)
		p = do_malloc(100);
	CHECK(region_has(p) && !mapping_has_flag(p, " hg"));
}

/* 40 MB of chunks, nine in ten freed at random: whole pages between the live
 * ones go back without a call of malloc_trim(), and at once. */
TEST(free_pages_between_used_chunks_go_back)
{
	enum { NR = 10000 };
	static char *p[NR];
	size_t full, after;
	uint64_t s = 3;

	for (size_t i = 0; i < NR; i++) {
		p[i] = do_malloc(4000 + i % 100);
		memset(p[i], 1, 4000);
	}
	full = resident_bytes();
	for (size_t i = 0; i < NR; i++) {
		if (rng(&s) % 10) {
			do_free(p[i]);
			p[i] = NULL;
		}
	}
	after = resident_bytes();
	CHECK(full > 40 * MIB && after < full / 2);
	for (size_t i = 0; i < NR; i++)
		CHECK(!p[i] || (p[i][0] == 1 && p[i][3999] == 1));
	validate();
	for (size_t i = 0; i < NR; i++)
		do_free(p[i]);
	CHECK(resident_bytes() < 12 * MIB);
}

TEST(a_burst_goes_back_at_once)
{
	enum { NR = 400000 };
	static char *p[NR];
	size_t before = resident_bytes();

	for (size_t i = 0; i < NR; i++)
		p[i] = do_malloc(100);
	CHECK(resident_bytes() > before + 40 * MIB);
	for (size_t i = 0; i < NR; i++)
		do_free(p[i]);
	CHECK(resident_bytes() < before + 8 * MIB);
}

/* Bursts of 8 MiB without a pause: the credit of the first growth, and what
 * time brings, are all that may go back. */
TEST(giving_back_has_a_price_limit)
{
	enum { NR = 80000 };
	static char *p[NR];
	struct region_stats st;

	for (int round = 0; round < 200; round++) {
		for (size_t i = 0; i < NR; i++)
			p[i] = do_malloc(100);
		for (size_t i = 0; i < NR; i++)
			do_free(p[i]);
	}
	region_stats(&st);
	/* 200 * 8 MiB would be 51,200 pages; 100 seconds bring 4000 MiB. */
	CHECK(st.nr_purged < 30000);
	validate();
}

#if !CONFIG_MALLOC_PREFIX
static void bursts(void)
{
	enum { NR = 100000 };
	static char *p[NR];

	for (int round = 0; round < 30; round++) {
		for (size_t i = 0; i < NR; i++) {
			size_t size = i % 10 ? 100 : 5000;

			p[i] = memset(do_malloc(size), 1, size);
		}
		for (size_t i = 0; i < NR; i++)
			do_free(p[i * 7919 % NR]);
	}
}

/* Without credit, by a thread, and in a child of fork() as well. */
TEST(a_background_thread_gives_back_while_the_program_sleeps)
{
	size_t before = resident_bytes();
	int status;
	pid_t pid;

	opt.background = 1;
	background_start();
	for (int generation = 0; generation < 2; generation++) {
		bursts();
		usleep(500000);
		CHECK(resident_bytes() < before + 4 * MIB);
		validate();
		if (generation)
			_exit(0);
		pid = fork();
		CHECK(pid >= 0);
		if (pid)
			break;
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}
#endif
