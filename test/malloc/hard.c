// SPDX-License-Identifier: MIT
/*
 * hard.c - the hardened mode: what it must notice, and that it still allocates.
 */
#include "check.h"

static void harden(void)
{
	opt.hardened = opt.watched = 1;
	CHECK(hard_init());
	heap_mine = &heap_none;
}

/* fn ends by the signal, having said `text` if that is not NULL. */
static void ends(void (*fn)(void), int signal, const char *text)
{
	char said[300] = "";
	int fds[2], status;
	pid_t pid;

	CHECK(!pipe(fds));
	pid = fork();
	if (!pid) {
		struct rlimit none = {0, 0};

		setrlimit(RLIMIT_CORE, &none);
		dup2(fds[1], 2);
		fn();
		_exit(0);
	}
	close(fds[1]);
	CHECK(read(fds[0], said, sizeof(said) - 1) >= 0);
	close(fds[0]);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == signal);
	CHECK(!text || strstr(said, text));
}

static void twice(void)
{
	void *p = do_malloc(50);

	do_free(p);
	do_free(p);
}
static void twice_large(void)
{
	void *p = do_malloc(500000);

	do_free(p);
	do_free(p);
}
static void middle(void)
{
	do_free((char *)do_malloc(100) + 16);
}
static void middle_large(void)
{
	do_free((char *)do_malloc(100000) + 16);
}
static void never_allocated(void)
{
	char *p = do_malloc(100);

	/* Slots of 112 bytes: some neighbour is free. */
	for (int i = -4; i < 5; i++)
		do_free(p + i * 112);
}
static void one_byte_over(void)
{
	char *p = do_malloc(100);

	p[100] ^= 1;
	do_free(p);
}
static void one_byte_over_large(void)
{
	char *p = do_malloc(100001);

	p[100001] ^= 1;
	do_free(p);
}
static void far_over_large(void)
{
	char *p = do_malloc(100000);

	p[100016] = 1;
}
static void before_large(void)
{
	char *p = do_malloc(8192 * 16);

	p[-4097] = 1;
}
static void over_slab(void)
{
	char *p = do_malloc(1000);

	for (size_t i = 0; i < 300 * KIB; i += 4096)
		p[i] = 1;
}
static void after_free_large(void)
{
	char *p = do_malloc(100000);

	do_free(p);
	p[0] = 1;
}
static void write_after_free(void)
{
	char *p[200];

	for (int i = 0; i < 200; i++)
		p[i] = do_malloc(500);
	for (int i = 0; i < 200; i++)
		do_free(p[i]);
	for (int i = 0; i < 200; i++)
		p[i][300] = 7;
	for (int i = 0; i < 1000; i++)
		do_malloc(500);
}
static void foreign(void)
{
	static size_t data[8] __attribute__((aligned(16))) = {0, 0x41};

	do_free(&data[2]);
}

TEST(hardened_mode_notices_mistakes)
{
	harden();
	ends(twice, SIGABRT, "freed twice");
	ends(twice_large, SIGABRT, "freed twice");
	ends(middle, SIGABRT, "not the start of a block");
	ends(middle_large, SIGABRT, "not the start of a block");
	ends(never_allocated, SIGABRT, "quire-malloc: ");
	ends(one_byte_over, SIGABRT, "written behind the block");
	ends(one_byte_over_large, SIGABRT, "written behind the block");
	ends(far_over_large, SIGSEGV, NULL);
	ends(before_large, SIGSEGV, NULL);
	ends(over_slab, SIGSEGV, NULL);
	ends(after_free_large, SIGSEGV, NULL);
	ends(write_after_free, SIGABRT, "written after free");
	ends(foreign, SIGABRT, "not a block of this allocator");
}

TEST(hardened_blocks_are_zeroed_random_and_exact)
{
	static char *p[1000];
	int ascending = 0;

	harden();
	for (size_t i = 0; i < 1000; i++) {
		p[i] = do_malloc(64);
		CHECK(malloc_usable_size(p[i]) == 64);
		memset(p[i], 1, 64);
		ascending += i && p[i] > p[i - 1];
	}
	CHECK(ascending > 300 && ascending < 700);
	for (size_t i = 0; i < 1000; i++) {
		do_free(p[i]);
		CHECK(p[i][0] == 0 && p[i][63] == 0);
	}
	for (size_t i = 0; i < 1000; i++) {
		char *q = do_malloc(64);

		for (int k = 0; k < 64; k++)
			CHECK(!q[k]);
	}
}

TEST(hardened_blocks_of_all_sizes)
{
	static char *p[2000];
	static size_t sizes[2000];
	struct hard_stats st;
	uint64_t s = 9;

	harden();
	for (int n = 0; n < 40000; n++) {
		size_t i = rng(&s) % 2000, size, align;

		size = rng(&s) % (rng(&s) % 50 ? 2000 : 200000);
		if (p[i] && rng(&s) % 4 == 0) {
			p[i] = do_realloc(p[i], size + 1);
			CHECK(sizes[i] == 0 || p[i][0] == (char)i);
			size++;
		} else {
			for (size_t k = 0; p[i] && k < sizes[i]; k++)
				CHECK(p[i][k] == (char)i);
			do_free(p[i]);
			align = (size_t)16 << rng(&s) % 12;
			p[i] = rng(&s) % 40 ? do_malloc(size)
					    : do_memalign(align, size);
		}
		CHECK(p[i] && !((uintptr_t)p[i] & 15));
		memset(p[i], (int)i, size);
		sizes[i] = size;
	}
	for (int i = 0; i < 2000; i++)
		do_free(p[i]);
	hard_stats(&st);
	CHECK(st.nr_large == 0 && st.used_bytes == 0);
}

TEST(blocks_of_before_the_hardened_mode_stay_valid)
{
	char *small = NULL, *chunk = do_malloc(5000), *large;

	for (int i = 0; i < 100; i++)
		small = do_malloc(40);
	large = do_malloc(500000);
	memset(chunk, 3, 5000);
	harden();
	chunk = do_realloc(chunk, 9000);
	CHECK(chunk[4999] == 3);
	do_free(chunk);
	do_free(large);
	do_free(small);
	core_validate();
}

TEST(hardened_mode_survives_failing_calls)
{
	void *p[64];
	int nr = 0, failed = 0;

	harden();
	for (long n = 0; n < 60; n++) {
		os_fail_after = n % 6;
		for (size_t i = 0; i < 4 && nr < 60; i++) {
			void *q = do_malloc(20000 * (i + 1) + (size_t)n * 300);

			if (q)
				p[nr++] = q;
			else
				failed += errno == ENOMEM;
		}
		while (nr > 30)
			do_free(p[--nr]);
	}
	os_fail_after = -1;
	CHECK(failed > 10);
	while (nr)
		do_free(p[--nr]);
	for (size_t i = 1; i < 100000; i = i * 3 / 2 + 1)
		do_free(do_malloc(i));
}
