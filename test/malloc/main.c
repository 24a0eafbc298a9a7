// SPDX-License-Identifier: MIT
/*
 * main.c - runs the tests of the allocator, each in a process of its own.
 *
 * `test NAME` runs those whose name contains NAME.  MALLOC_TURNS=3200000
 * makes the random operations 10^8, and their time unlimited.
 */
#include "check.h"

#if CONFIG_MALLOC_PREFIX
#define API(name) qm_##name
void *API(malloc)(size_t size);
void *API(calloc)(size_t nr, size_t size);
void *API(realloc)(void *p, size_t size);
void *API(memalign)(size_t align, size_t size);
void API(free)(void *p);
#else
#define API(name) name
#endif

void *(*volatile do_malloc)(size_t) = API(malloc);
void *(*volatile do_calloc)(size_t, size_t) = API(calloc);
void *(*volatile do_realloc)(void *, size_t) = API(realloc);
void *(*volatile do_memalign)(size_t, size_t) = API(memalign);
void (*volatile do_free)(void *) = API(free);

uint64_t rng(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

void validate(void)
{
	core_validate();
	small_validate(heap_mine);
	cache_validate(heap_mine);
}

size_t resident_bytes(void)
{
	char line[128];
	long pages = 0, rss = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	CHECK(f && fgets(line, sizeof(line), f));
	CHECK(sscanf(line, "%ld %ld", &pages, &rss) == 2);
	fclose(f);
	return (size_t)rss * OS_PAGE;
}

void core_only(void)
{
	opt.small = opt.cache = 0;
	do_free(do_malloc(100));
	arena_consolidate(&core.main);
}

extern const struct test *const __start_malloc_tests[];
extern const struct test *const __stop_malloc_tests[];

int main(int argc, char **argv)
{
	const struct test *const *t;
	int passed = 0, failed = 0;

	for (t = __start_malloc_tests; t < __stop_malloc_tests; t++) {
		int status = 0;
		pid_t pid;

		if (argc > 1 && !strstr((*t)->name, argv[1]))
			continue;
		pid = fork();
		if (!pid) {
			alarm(getenv("MALLOC_TURNS") ? 0 : 60);
			(*t)->fn();
			_exit(0);
		}
		waitpid(pid, &status, 0);
		dprintf(1, "%sok - %s\n", status ? "not " : "", (*t)->name);
		if (status)
			failed++;
		else
			passed++;
	}
	dprintf(1, "%d passed, %d failed\n", passed, failed);
	return failed != 0;
}
