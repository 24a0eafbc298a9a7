// SPDX-License-Identifier: MIT
/*
 * interface.c - sizes, alignments, errors, contents: what callers are promised.
 */
#include "check.h"

/* ---- the interface ------------------------------------------------------------------ */
TEST(sizes_are_usable_and_aligned)
{
	for (size_t size = 0; size < 5000; size++) {
		char *p = do_malloc(size);

		CHECK(p && !((uintptr_t)p & 15));
		CHECK(malloc_usable_size(p) >= size);
		memset(p, 0xa5, malloc_usable_size(p));
		if (size % 3)
			do_free(p);
	}
	validate();
	CHECK(malloc_usable_size(NULL) == 0);
	do_free(NULL);
}

TEST(nothing_is_a_block_of_its_own)
{
	void *a = do_malloc(0), *b = do_malloc(0), *c = do_calloc(0, 9);

	CHECK(a && b && c && a != b && b != c);
	do_free(a);
	do_free(b);
	do_free(c);
}

TEST(too_much_gives_enomem)
{
	volatile size_t huge = SIZE_MAX, half = (size_t)PTRDIFF_MAX + 1;
	void *p = do_malloc(100), *out = p;

	errno = 0;
	CHECK(!do_malloc(huge) && errno == ENOMEM);
	errno = 0;
	CHECK(!do_malloc(half) && errno == ENOMEM);
	errno = 0;
	CHECK(!do_malloc((size_t)PTRDIFF_MAX) && errno == ENOMEM);
	errno = 0;
	CHECK(!do_calloc(half, 2) && errno == ENOMEM);
	errno = 0;
	CHECK(!do_calloc(half, 1) && errno == ENOMEM);
	errno = 0;
	CHECK(!do_realloc(p, huge) && errno == ENOMEM);
	errno = 0;
	CHECK(!reallocarray(p, half, 4) && errno == ENOMEM);
	errno = 0;
	CHECK(!memalign(64, huge) && errno == ENOMEM);
	errno = 0;
	CHECK(!valloc(huge) && errno == ENOMEM);
	errno = 0;
	CHECK(!pvalloc(huge) && errno == ENOMEM);
	errno = 7;
	CHECK(posix_memalign(&out, 64, huge) == ENOMEM && errno == 7);
	CHECK(out == p);
	do_free(p);
	validate();
}

TEST(calloc_is_zero_however_dirty_the_heap)
{
	static const size_t sizes[] = {1,    24,   200,	  1000,	 1024,
				       1025, 3000, 20000, 90000, 140000};
	void *kept[10];

	for (int round = 0; round < 50; round++) {
		for (unsigned int i = 0; i < 10; i++) {
			unsigned char *p = do_calloc(1, sizes[i]);

			CHECK(p);
			for (size_t k = 0; k < sizes[i]; k++)
				CHECK(p[k] == 0);
			memset(p, 0xff, malloc_usable_size(p));
			kept[i] = p;
		}
		for (unsigned int i = 0; i < 10; i++)
			do_free(kept[(i * 7 + (unsigned int)round) % 10]);
		if (round % 10 == 9)
			malloc_trim(0);
	}
	validate();
}

TEST(realloc_keeps_contents)
{
	static const size_t sizes[] = {10,   100,    40,    1000, 1030,
				       5000, 300000, 90000, 2000, 8};
	char *p = NULL;
	size_t old = 0;

	for (int round = 0; round < 20; round++) {
		for (unsigned int i = 0; i < 10; i++) {
			size_t same = min_size(old, sizes[i]);

			p = do_realloc(p, sizes[i]);
			CHECK(p);
			for (size_t k = 0; k < same; k++)
				CHECK(p[k] == (char)(k * 7));
			for (size_t k = 0; k < sizes[i]; k++)
				p[k] = (char)(k * 7);
			old = sizes[i];
			if (round % 3 == 1)
				do_malloc(sizes[(i + 3) % 10]);
		}
	}
	CHECK(do_realloc(p, 0) == NULL);
	validate();
}

TEST(realloc_grows_in_place_before_a_free_neighbour)
{
	char *a = do_malloc(2000), *b = do_malloc(3000), *c = do_malloc(2000);

	do_free(b);
	CHECK(do_realloc(a, 4500) == a);
	CHECK(malloc_usable_size(a) >= 4500);
	validate();
	CHECK(do_realloc(a, 1500) == a);
	b = do_malloc(3000);
	CHECK(b > a && b < c);
	do_free(c);
	do_free(a);
	do_free(b);
	validate();
}

TEST(alignments_are_kept)
{
	void *all[600];
	unsigned int nr = 0;

	for (size_t align = 1; align <= 2 * MIB; align *= 2) {
		for (size_t size = 0; size < 200000; size = size * 5 + 1) {
			void *p = NULL, *q = memalign(align, size);

			CHECK(q && !((uintptr_t)q & (align - 1)));
			CHECK(malloc_usable_size(q) >= size);
			memset(q, 1, size);
			all[nr++] = q;
			if (align >= sizeof(void *)) {
				CHECK(!posix_memalign(&p, align, size));
				CHECK(!((uintptr_t)p & (align - 1)));
				memset(p, 2, size);
				all[nr++] = p;
			}
			CHECK(nr < 600);
		}
		validate();
	}
	while (nr--)
		do_free(all[nr]);
	validate();
}

TEST(bad_alignments_are_refused)
{
	volatile size_t three = 3, not_a_power = 24, huge = SIZE_MAX;
	void *p = &p;

	CHECK(posix_memalign(&p, three, 8) == EINVAL && p == &p);
	CHECK(posix_memalign(&p, 4, 8) == EINVAL);
	CHECK(posix_memalign(&p, 0, 8) == EINVAL);
	errno = 0;
	CHECK(!aligned_alloc(not_a_power, 48) && errno == EINVAL);
	errno = 0;
	CHECK(!memalign(huge, 8) && errno == EINVAL);
	p = memalign(not_a_power, 100);
	CHECK(p && !((uintptr_t)p & 31));
	do_free(p);
	p = valloc(10);
	CHECK(p && !((uintptr_t)p & 4095));
	cfree(p);
	p = pvalloc(4097);
	CHECK(!((uintptr_t)p & 4095) && malloc_usable_size(p) >= 8192);
	free_aligned_sized(p, 4096, 4097);
	free_sized(do_malloc(77), 77);
}

TEST(free_keeps_errno)
{
	void *p[200];

	for (unsigned int i = 0; i < 200; i++)
		p[i] = do_malloc(i * 3000);
	errno = 4711;
	for (unsigned int i = 0; i < 200; i++)
		do_free(p[i]);
	CHECK(errno == 4711);
}
