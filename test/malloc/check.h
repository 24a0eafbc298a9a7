/* SPDX-License-Identifier: MIT */
/*
 * check.h - what the tests of the allocator share.
 *
 * Each test runs in a process of its own, so that it starts with an empty
 * heap.  The program is linked with the allocator in place of glibc's, with
 * asserts and failing system calls; under the thread sanitizer, which brings
 * its own malloc, the functions are called qm_malloc() and so on.
 */
#ifndef TEST_MALLOC_CHECK_H
#define TEST_MALLOC_CHECK_H

#include "malloc/core.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(cond)                                                     \
	do {                                                            \
		if (!(cond)) {                                          \
			dprintf(2, "# %s:%d: %s\n", __FILE__, __LINE__, \
				#cond);                                 \
			_exit(1);                                       \
		}                                                       \
	} while (0)

struct test {
	const char *name;
	void (*fn)(void);
};
#define TEST(name_)                                              \
	static void name_(void);                                 \
	static const struct test test_##name_ = {#name_, name_}; \
	static const struct test *const test_ptr_##name_         \
		__attribute__((section("malloc_tests"), used)) = \
			&test_##name_;                           \
	static void name_(void)

/* The compiler must not know that these are allocation functions. */
extern void *(*volatile do_malloc)(size_t);
extern void *(*volatile do_calloc)(size_t, size_t);
extern void *(*volatile do_realloc)(void *, size_t);
extern void *(*volatile do_memalign)(size_t, size_t);
extern void (*volatile do_free)(void *);

int quire_malloc_json(FILE *out);
void free_sized(void *p, size_t size);
void free_aligned_sized(void *p, size_t align, size_t size);
void cfree(void *p);

/* The core and this thread's pages: all invariants. */
void validate(void);
uint64_t rng(uint64_t *state); /* xorshift */
size_t resident_bytes(void);
/* Switches the small pages off, so that every block is a chunk. */
void core_only(void);

#endif
