/* SPDX-License-Identifier: MIT */
/*
 * core.h - what the runners of both machines share; see core.c.
 */
#ifndef QUIRE_TEST_CORE_H
#define QUIRE_TEST_CORE_H

#include "test/test.h"

/* All tests, from the linker. */
extern const struct test_case *const __start_quire_tests[];
extern const struct test_case *const __stop_quire_tests[];

/* Reports are watched from test_watch() on. */
void test_watch(void);
/* Note the state of the machine and start the test's random numbers. */
void test_begin(u64 seed);
/* What is wrong now that the test has ended; NULL: nothing. */
const char *test_end(void);
/* Failures injected since the last call. */
u64 test_take_injected(void);

bool test_name_matches(const struct test_case *t, const char *pattern);

#endif
