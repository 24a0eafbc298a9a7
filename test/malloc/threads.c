// SPDX-License-Identifier: MIT
/*
 * threads.c - random operations against contents, threads, fork.
 */
#include "check.h"

/* ---- threads -------------------------------------------------------------------------------- */
enum { SLOTS = 4096 };

/* Operations of each thread; MALLOC_TURNS in the environment sets it. */
static long nr_turns(void)
{
	const char *s = getenv("MALLOC_TURNS");

	return s ? atol(s) : CONFIG_MALLOC_PREFIX ? 3000 : 60000;
}

struct box {
	uint32_t size, tag;
	uint32_t data[];
};
static struct box *boxes[SLOTS];

static struct box *fill(struct box *b, size_t size, uint32_t tag)
{
	CHECK(b);
	b->size = (uint32_t)size;
	b->tag = tag;
	for (size_t i = 0; i < (size - sizeof(*b)) / 4; i++)
		b->data[i] = tag ^ (uint32_t)i;
	return b;
}

static void check_box(const struct box *b)
{
	for (size_t i = 0; i < (b->size - sizeof(*b)) / 4; i++)
		CHECK(b->data[i] == (b->tag ^ (uint32_t)i));
}

static size_t draw_size(uint64_t *s)
{
	uint64_t r = rng(s);

	if (r % 100 < 80)
		return 8 + (r >> 8) % 250;
	if (r % 100 < 97)
		return 8 + (r >> 8) % 4000;
	return 8 + (r >> 8) % 200000;
}

/* Any thread frees what any other allocated: slots change hands. */
static void *trade(void *arg)
{
	uint64_t s = (uintptr_t)arg * 7919 + 17;
	long turns = nr_turns();

	for (long n = 0; n < turns; n++) {
		size_t slot = rng(&s) % SLOTS, size = draw_size(&s);
		struct box *b, *old;

		switch (rng(&s) % 8) {
		case 0:
			b = do_calloc(1, size);
			CHECK(b && (size < 16 || b->data[0] == 0));
			break;
		case 1:
			b = do_memalign(64, size);
			CHECK(!((uintptr_t)b & 63));
			break;
		case 2:
			b = fill(do_malloc(size), size, (uint32_t)n);
			size = draw_size(&s);
			old = b;
			b = do_realloc(b, size);
			CHECK(b && (b == old || size < 12 || b->tag == n));
			break;
		default:
			b = do_malloc(size);
		}
		fill(b, size, (uint32_t)rng(&s));
		old = __atomic_exchange_n(&boxes[slot], b, __ATOMIC_ACQ_REL);
		if (old)
			check_box(old);
		do_free(old);
		if (n % 30000 == 0)
			small_validate(heap_mine);
	}
	return NULL;
}

static void run_threads(int nr, void *(*fn)(void *))
{
	pthread_t t[64];

	for (int i = 0; i < nr; i++)
		CHECK(!pthread_create(&t[i], NULL, fn,
				      (void *)(uintptr_t)(i + 1)));
	for (int i = 0; i < nr; i++)
		pthread_join(t[i], NULL);
}

TEST(threads_trade_blocks_at_random)
{
	for (int nr = 1; nr <= 16; nr *= 2) {
		run_threads(nr, trade);
		validate();
	}
	for (size_t i = 0; i < SLOTS; i++)
		do_free(boxes[i]);
	for (struct heap *h = thread_first_heap(); h; h = h->next) {
		small_collect(h);
		small_validate(h);
	}
	validate();
}

static void *allocate_some(void *arg)
{
	(void)arg;
	for (int i = 0; i < 100; i++)
		do_free(do_malloc((size_t)i * 20));
	return do_malloc(100);
}

TEST(heaps_of_ended_threads_are_adopted)
{
	size_t nr = 0;

	for (int i = 0; i < 500; i++)
		run_threads(4, allocate_some);
	for (struct heap *h = thread_first_heap(); h; h = h->next)
		nr++;
	CHECK(nr <= 5);
	validate();
}

__attribute__((unused)) static void *fork_storm(void *arg)
{
	for (int i = 0; i < 40; i++) {
		pid_t pid = fork();
		int status;

		if (!pid) {
			alarm(20);
			for (size_t k = 0; k < 2000; k++)
				do_free(do_malloc(k * 3));
			for (size_t k = 0; k < 300; k++)
				do_free(boxes[k]);
			run_threads(2, allocate_some);
			core_validate();
			_exit(0);
		}
		CHECK(pid > 0);
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	return arg;
}

static volatile bool churning = true;
__attribute__((unused)) static void *churn(void *arg)
{
	void *p[64] = {NULL};
	uint64_t s = (uintptr_t)arg;

	while (churning) {
		size_t i = rng(&s) % 64;

		do_free(p[i]);
		p[i] = do_malloc(draw_size(&s));
	}
	return NULL;
}

#if !CONFIG_MALLOC_PREFIX /* the thread sanitizer does not follow forks */
TEST(children_of_threaded_programs_can_allocate)
{
	pthread_t t[2];

	for (size_t i = 0; i < 300; i++)
		boxes[i] = do_malloc(i * 5 + 1);
	for (uintptr_t i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, churn, (void *)(i + 3));
	run_threads(2, fork_storm);
	churning = false;
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	validate();
}
#endif
