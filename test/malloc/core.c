// SPDX-License-Identifier: MIT
/*
 * core.c - the search step by step, growth, trimming, failing calls.
 */
#include "check.h"

static uint64_t step(enum step s)
{
	return core.main.nr_steps[s];
}

/* ---- the search, step by step: each seen by its counter ------------------------------- */
TEST(search_takes_the_fast_bin_first)
{
	void *p, *hold;
	uint64_t before;

	core_only();
	p = do_malloc(40);
	hold = do_malloc(40);
	do_free(p);
	before = step(STEP_FAST);
	CHECK(do_malloc(40) == p);
	CHECK(step(STEP_FAST) == before + 1);
	do_free(hold);
}

TEST(search_takes_an_exact_unsorted_chunk)
{
	void *p, *hold;
	uint64_t before;

	core_only();
	p = do_malloc(500);
	hold = do_malloc(500);
	do_free(p);
	before = step(STEP_UNSORTED);
	CHECK(do_malloc(500) == p);
	CHECK(step(STEP_UNSORTED) == before + 1);
	do_free(hold);
}

TEST(search_sorts_then_takes_the_small_bin)
{
	void *p, *hold;
	uint64_t before;

	core_only();
	p = do_malloc(500);
	hold = do_malloc(600);
	do_free(p);
	do_malloc(2000); /* looks at p, sorts it */
	before = step(STEP_SMALL);
	CHECK(do_malloc(500) == p);
	CHECK(step(STEP_SMALL) == before + 1);
	do_free(hold);
}

TEST(search_splits_the_last_remainder_on)
{
	char *p, *hold, *a, *b;
	uint64_t before;

	core_only();
	p = do_malloc(5000);
	hold = do_malloc(500);
	do_free(p);
	a = do_malloc(300); /* sorts p, then splits it by the bin map */
	before = step(STEP_REMAINDER);
	b = do_malloc(400);
	CHECK(a == p && b == p + request_size(300));
	CHECK(step(STEP_REMAINDER) == before + 1);
	validate();
	do_free(hold);
}

TEST(search_finds_the_best_fit_of_a_large_bin)
{
	char *p[5], *hold[5];
	static const size_t sizes[] = {1600, 1632, 1584, 1632, 1616};
	uint64_t before;

	core_only();
	for (unsigned int i = 0; i < 5; i++) {
		p[i] = do_malloc(sizes[i] - 8);
		hold[i] = do_malloc(500);
	}
	for (unsigned int i = 0; i < 5; i++)
		do_free(p[i]);
	do_malloc(3000);
	validate();
	before = step(STEP_LARGE);
	CHECK(do_malloc(1605 - 8) == p[4]);
	CHECK(do_malloc(1590 - 8) == p[0]);
	CHECK(step(STEP_LARGE) == before + 2);
	validate();
	do_free(hold[0]);
}

TEST(search_goes_up_the_bin_map)
{
	char *p, *hold;
	uint64_t before;

	core_only();
	p = do_malloc(9000);
	hold = do_malloc(500);
	do_free(p);
	before = step(STEP_BINMAP);
	CHECK(do_malloc(2000) == p);
	CHECK(step(STEP_BINMAP) == before + 1);
	do_free(hold);
}

TEST(a_large_request_merges_the_fast_bins)
{
	void *p[20], *hold;

	core_only();
	for (unsigned int i = 0; i < 20; i++)
		p[i] = do_malloc(100);
	hold = do_malloc(500);
	for (unsigned int i = 0; i < 20; i++)
		do_free(p[i]);
	CHECK(core.main.have_fast);
	CHECK(do_malloc(2000) == p[0]);
	CHECK(!core.main.have_fast);
	validate();
	do_free(hold);
}

TEST(search_ends_at_top_and_the_system)
{
	uint64_t top, system;

	core_only();
	top = step(STEP_TOP);
	do_malloc(3000);
	CHECK(step(STEP_TOP) == top + 1);
	system = step(STEP_SYSTEM);
	for (int i = 0; i < 100; i++)
		do_malloc(100000);
	CHECK(step(STEP_SYSTEM) > system);
	validate();
}

TEST(bins_are_the_documented_ones)
{
	unsigned int last = 2;

	CHECK(bin_index(32) == 2 && bin_index(1008) == 63);
	CHECK(bin_index(1024) == 64 && bin_index((size_t)1 << 40) == 126);
	for (size_t size = 32; size < 2 * MIB; size += 16) {
		unsigned int b = bin_index(size);

		CHECK(b == last || b == last + 1);
		last = b;
	}
	CHECK(last == 126);
}

/* ---- the system ------------------------------------------------------------------------ */
TEST(large_blocks_are_mapped_and_the_threshold_follows)
{
	void *p = do_malloc(200 * KIB);

	CHECK(core.nr_mapped == 1 && mem_chunk(p)->head & IS_MAPPED);
	do_free(p);
	CHECK(core.nr_mapped == 0 && core.mapped_bytes == 0);
	CHECK(opt.mmap_threshold > 200 * KIB);
	p = do_malloc(200 * KIB);
	CHECK(core.nr_mapped == 0);
	do_free(p);
	CHECK(mallopt(M_MMAP_THRESHOLD, 64 * KIB) == 1);
	p = do_malloc(100 * KIB);
	CHECK(core.nr_mapped == 1);
	do_free(p);
	CHECK(opt.mmap_threshold == 64 * KIB);
	CHECK(mallopt(M_MMAP_MAX, 0) == 1);
	p = do_malloc(MIB);
	CHECK(core.nr_mapped == 0);
	do_free(p);
	validate();
}

TEST(top_is_trimmed_unless_told_not_to)
{
	size_t full, rest;
	void *p[64];

	CHECK(mallopt(M_MMAP_MAX, 0) == 1);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 64; i++)
			p[i] = do_malloc(100 * KIB);
		full = core.main.system_bytes;
		for (int i = 0; i < 64; i++)
			do_free(p[i]);
		rest = core.main.system_bytes;
		CHECK(round ? rest == full : rest < 1 * MIB);
		CHECK(mallopt(M_TRIM_THRESHOLD, -1) == 1);
	}
	CHECK(malloc_trim(0) == 1);
	CHECK(core.main.system_bytes < 64 * KIB);
	validate();
}

TEST(mallopt_refuses_what_it_does_not_know)
{
	CHECK(mallopt(12345, 1) == 0);
	CHECK(mallopt(M_MXFAST, 100000) == 0);
	CHECK(mallopt(M_ARENA_MAX, -1) == 0);
	CHECK(mallopt(M_MXFAST, 0) == 1);
	do_free(do_malloc(40));
	opt.small = 0;
	do_free(do_malloc(40));
	CHECK(!core.main.have_fast);
	CHECK(mallopt(M_MXFAST, 160) == 1 && opt.mxfast == 176);
	CHECK(mallopt(M_ARENA_MAX, 1) == 1);
}

TEST(perturb_fills_blocks)
{
	unsigned char *p;

	CHECK(mallopt(M_PERTURB, 0x55) == 1);
	p = do_malloc(300);
	for (int i = 0; i < 300; i++)
		CHECK(p[i] == (0x55 ^ 0xff));
	do_free(p);
	CHECK(p[100] == 0x55);
	p = do_calloc(1, 300);
	for (int i = 0; i < 300; i++)
		CHECK(p[i] == 0);
	do_free(p);
}

/* Somebody else moves brk: the main arena goes on in a mapped heap. */
TEST(a_foreign_brk_is_left_alone)
{
	char *foreign;

	core_only();
	do_malloc(1000);
	foreign = sbrk(8192);
	CHECK(foreign != (void *)-1);
	memset(foreign, 0x77, 8192);
	for (int i = 0; i < 1000; i++)
		memset(do_malloc(2000), 1, 2000);
	validate();
	CHECK(core.main.segments != &core.main.brk_segment);
	for (int i = 0; i < 8192; i++)
		CHECK(foreign[i] == 0x77);
}

TEST(every_failing_call_leaves_the_heap_right)
{
	static void *p[600];
	unsigned int nr = 0, failed = 0;
	uint64_t state = 17;

	for (long n = 0; n < 120; n++) {
		os_fail_after = n % 12;
		for (int i = 0; i < 5; i++) {
			size_t size = rng(&state) % (n % 2 ? 400000 : 3000);
			void *q;

			errno = 0;
			q = do_malloc(size);
			if (!q) {
				CHECK(errno == ENOMEM);
				failed++;
				continue;
			}
			memset(q, 3, size);
			p[nr++] = q;
			q = do_realloc(q, size * 2 + 1);
			if (q)
				p[nr - 1] = q;
		}
		validate();
	}
	os_fail_after = -1;
	os_fail_all = true;
	while (do_malloc(100000))
		;
	while (do_malloc(24))
		;
	CHECK(errno == ENOMEM);
	validate();
	os_fail_all = false;
	CHECK(do_malloc(24) && do_malloc(100000));
	while (nr--)
		do_free(p[nr]);
	validate();
}

TEST(a_limited_address_space_is_enough)
{
	struct rlimit limit = {300 * MIB, 300 * MIB};
	size_t n = 0;

	CHECK(!setrlimit(RLIMIT_AS, &limit));
	for (int i = 0; i < 1000; i++)
		CHECK(do_malloc(64));
	CHECK(region.size && region.size < 300 * MIB);
	while (do_malloc(500))
		n++;
	CHECK(errno == ENOMEM && n > 300000);
	validate();
}
