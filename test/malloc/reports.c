// SPDX-License-Identifier: MIT
/*
 * reports.c - errors said in one line; the checker; statistics.
 */
#include "check.h"

/* ---- what is reported -------------------------------------------------------------------------- */
static void dies_saying(void (*fn)(void), const char *text)
{
	char said[400] = "";
	int fds[2], status;
	ssize_t n;
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
	n = read(fds[0], said, sizeof(said) - 1);
	CHECK(n >= 0);
	close(fds[0]);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	CHECK(!strncmp(said, "quire-malloc: ", 14));
	CHECK(strstr(said, text));
	CHECK(strchr(said, '\n') == said + n - 1);
}

static void *hot_block(void)
{
	for (int i = 0; i < 40; i++)
		do_malloc(64);
	return do_malloc(64);
}
static void free_twice_small(void)
{
	void *p = hot_block();

	do_free(p);
	do_free(p);
}
static void free_twice_small_later(void)
{
	void *p = hot_block(), *q = hot_block();

	do_free(p);
	do_free(q);
	do_free(p);
}
static void *free_it(void *p)
{
	do_free(p);
	return NULL;
}
static void free_twice_small_elsewhere(void)
{
	void *p = hot_block();
	pthread_t t;

	do_free(p);
	CHECK(!pthread_create(&t, NULL, free_it, p));
	pthread_join(t, NULL);
}
static void free_twice_small_remote(void)
{
	void *p = hot_block(), *q = hot_block(), *order[3] = {p, q, p};
	pthread_t t;

	for (int i = 0; i < 3; i++) {
		CHECK(!pthread_create(&t, NULL, free_it, order[i]));
		pthread_join(t, NULL);
	}
}
static void free_twice_chunk(void)
{
	void *p = do_malloc(3000), *q = do_malloc(3000);

	do_free(p);
	do_free(p);
	do_free(q);
}
static void free_twice_fast(void)
{
	void *p = do_malloc(40);

	do_free(p);
	do_free(p);
}
static void free_twice_fast_later(void)
{
	void *p = do_malloc(40), *q = do_malloc(40);

	do_free(p);
	do_free(q);
	do_free(p);
}
static void free_twice_cached(void)
{
	void *p, *q;

	for (int i = 0; i < 100; i++)
		do_free(do_malloc(3000));
	p = do_malloc(3000);
	q = do_malloc(3000);
	do_free(p);
	do_free(q);
	do_free(p);
}
static void free_of_foreign_memory(void)
{
	static size_t data[8] __attribute__((aligned(16))) = {0, 0x41};

	do_free(&data[2]);
}
static void free_of_foreign_heap_memory(void)
{
	static size_t data[8] __attribute__((aligned(16))) = {0, 0x45};

	do_free(&data[2]);
}
static void free_misaligned(void)
{
	do_free((char *)do_malloc(3000) + 8);
}
static void overflow_into_the_next_header(void)
{
	char *p = do_malloc(3000), *q = do_malloc(3000);

	memset(p, 0xff, malloc_usable_size(p) + 8);
	do_free(p);
	do_free(q);
}
static void usable_size_of_the_middle_of_a_block(void)
{
	malloc_usable_size((char *)hot_block() + 16);
}

TEST(errors_are_reported_in_one_line)
{
	dies_saying(free_twice_small, "freed twice");
	dies_saying(free_twice_small_later, "freed twice");
	dies_saying(free_twice_small_elsewhere, "freed twice");
	dies_saying(free_twice_small_remote, "freed twice");
	dies_saying(free_twice_chunk, "freed twice");
	dies_saying(free_twice_fast, "freed twice");
	dies_saying(free_twice_fast_later, "freed twice");
	dies_saying(free_twice_cached, "freed twice");
	dies_saying(free_of_foreign_memory, "not a block of this allocator");
	dies_saying(free_of_foreign_heap_memory,
		    "not a block of this allocator");
	dies_saying(free_misaligned, "misaligned");
	dies_saying(overflow_into_the_next_header, "overwritten");
	dies_saying(usable_size_of_the_middle_of_a_block, "start of a block");
}

TEST(the_checker_finds_a_broken_chunk)
{
	char *p, *hold;
	int status;
	pid_t pid;

	core_only();
	p = do_malloc(3000);
	hold = do_malloc(3000);
	do_free(p);
	pid = fork();
	if (!pid) {
		CHECK(freopen("/dev/null", "w", stderr));
		mem_chunk(p)->head += 16;
		validate();
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	do_free(hold);
}

static size_t free_chunk_bytes(void)
{
	struct arena_info info;

	arena_validate(&core.main, &info);
	return info.free_bytes + info.fast_bytes;
}

/* ---- statistics ---------------------------------------------------------------------------------- */
TEST(info_lists_what_is_there)
{
	char *text = NULL, *hold, *p;
	size_t len = 0;
	struct mallinfo2 m;
	FILE *f;

	core_only();
	f = open_memstream(&text, &len);
	CHECK(f && fprintf(f, " ") == 1);
	hold = do_malloc(700);
	p = do_malloc(20000);
	CHECK(do_malloc(700));
	do_free(p);
	CHECK(free_chunk_bytes() >= 20000);
	do_malloc(30000); /* sorts p into its bin */
	CHECK(malloc_info(0, f) == 0 && fclose(f) == 0);
	CHECK(strstr(text, "<bin nr=\"114\" total=\"20016\" count=\"1\"/>"));
	CHECK(strstr(text, "<malloc version=\"1\">"));
	CHECK(strstr(text, "</malloc>"));
	do_free(text);
	CHECK(malloc_info(1, stdout) == EINVAL);
	f = open_memstream(&text, &len);
	CHECK(f && quire_malloc_json(f) == 0 && fclose(f) == 0);
	CHECK(text[0] == '{' && text[len - 2] == '}');
	CHECK(strstr(text, "\"steps\""));
	m = mallinfo2();
	CHECK(m.arena >= m.uordblks + m.fordblks);
	CHECK(m.hblks == 0 && m.uordblks > 700);
	CHECK(mallinfo().arena == (int)m.arena);
	do_free(hold);
}
