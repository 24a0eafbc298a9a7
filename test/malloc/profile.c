// SPDX-License-Identifier: MIT
/*
 * profile.c - the sampling heap profiler.
 */
#include "check.h"

static void profile(size_t period)
{
	opt.profile = period;
	opt.watched = true;
	heap_mine = &heap_none;
	profile_init(NULL);
}

struct totals {
	size_t nr_live, live_bytes, nr_all, all_bytes, period;
};

static struct totals report(char *text, size_t room)
{
	char name[] = "/tmp/quire-profile-XXXXXX";
	struct totals t;
	int fd = mkstemp(name);
	ssize_t n;

	CHECK(fd >= 0 && !unlink(name));
	CHECK(quire_malloc_profile(fd) == 0);
	n = pread(fd, text, room - 1, 0);
	CHECK(n > 0);
	text[n] = '\0';
	close(fd);
	CHECK(sscanf(text, "heap profile: %zu: %zu [%zu: %zu] @ heap_v2/%zu",
		     &t.nr_live, &t.live_bytes, &t.nr_all, &t.all_bytes,
		     &t.period) == 5);
	return t;
}

TEST(no_profile_is_refused)
{
	CHECK(quire_malloc_profile(1) == EINVAL);
}

/* Blocks of a hundredth of the period: one in about a hundred is a sample. */
TEST(a_profile_samples_at_its_rate)
{
	static char text[1 << 20];
	static void *p[100000];
	struct totals t;

	profile(10000);
	for (size_t i = 0; i < 100000; i++)
		p[i] = do_malloc(100);
	t = report(text, sizeof(text));
	CHECK(t.period == 10000);
	CHECK(t.nr_all > 800 && t.nr_all < 1200);
	CHECK(t.live_bytes == t.nr_live * 100);
	CHECK(strstr(text, "\nMAPPED_LIBRARIES:\n"));
	CHECK(strstr(text, " @ 0x"));
	for (size_t i = 0; i < 100000; i++)
		do_free(p[i]);
	t = report(text, sizeof(text));
	CHECK(t.nr_live == 0 && t.live_bytes == 0 && t.nr_all > 800);
	validate();
}

/* All of the interface, every block a sample. */
TEST(every_kind_of_block_can_be_a_sample)
{
	static char text[1 << 20];
	struct totals t;
	char *p;

	profile(1);
	for (size_t size = 1; size < 300000; size = size * 2 + 3) {
		p = do_malloc(size);
		memset(p, 1, size);
		p = do_realloc(p, size * 2);
		CHECK(p && p[size - 1] == 1);
		p = do_realloc(p, size);
		do_free(p);
		p = do_calloc(1, size);
		CHECK(p && !p[size - 1]);
		do_free(p);
		p = do_memalign(256, size);
		CHECK(p && !((uintptr_t)p & 255));
		do_free(p);
	}
	t = report(text, sizeof(text));
	CHECK(t.nr_all > 17 * 4 && t.nr_live == 0);
	validate();
}

static void *some(void *arg)
{
	void *p[100];

	for (int n = 0; n < 2000; n++) {
		for (size_t i = 0; i < 100; i++)
			p[i] = do_malloc(i * 20);
		for (size_t i = 0; i < 100; i++)
			do_free(p[i]);
	}
	return arg;
}

TEST(threads_are_profiled)
{
	static char text[1 << 20];
	struct totals t;
	pthread_t th[4];

	profile(5000);
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_create(&th[i], NULL, some, NULL));
	for (int i = 0; i < 4; i++)
		pthread_join(th[i], NULL);
	t = report(text, sizeof(text));
	CHECK(t.nr_all > 20000 && t.nr_live < 200);
	validate();
}

TEST(a_profile_survives_failing_calls)
{
	static char text[1 << 20];

	profile(1);
	os_fail_all = true;
	for (size_t i = 0; i < 3000; i++)
		do_malloc(20);
	os_fail_all = false;
	for (size_t i = 0; i < 3000; i++)
		do_free(do_malloc(20));
	CHECK(report(text, sizeof(text)).nr_all >= 3000);
}
