/* SPDX-License-Identifier: MIT */
/*
 * test.h - unit tests, the same on both machines.
 *
 * A test file x_test.c lies beside x.c and includes it, so that it sees the
 * statics; in test builds x_test.o is linked in place of x.o.  Hosted, each
 * test runs in a process of its own with a freshly booted simulated machine;
 * on metal (`quire selftest`) all tests run in the booted kernel, one after
 * the other.  After each test the runner checks that no frame was leaked.
 */
#ifndef QUIRE_TEST_H
#define QUIRE_TEST_H

#include <quire/failure.h>
#include <quire/types.h>

struct soft_layout;

enum test_where {
	TEST_EVERYWHERE, /* hosted and on metal */
	TEST_SOFT_ONLY,	 /* needs a machine of its own, or the host */
	TEST_MUST_FAIL,	 /* hosted; tests the runner (runner_test.c) */
};

struct test_case {
	const char *name;
	const char *file;
	void (*fn)(void);
	enum test_where where;
	const struct soft_layout *layout; /* NULL: the default machine */
};

#define TEST_REGISTER(name_, where_, layout_)                                  \
	static void name_(void);                                               \
	static const struct test_case test_case_##name_ = {.name = #name_,     \
							   .file = __FILE__,   \
							   .fn = name_,        \
							   .where = (where_),  \
							   .layout =           \
								   (layout_)}; \
	static const struct test_case *const test_ptr_##name_                  \
		__attribute__((section("quire_tests"), used)) =                \
			&test_case_##name_;                                    \
	static void name_(void)

#define TEST(name)		   TEST_REGISTER(name, TEST_EVERYWHERE, NULL)
#define TEST_SOFT(name)		   TEST_REGISTER(name, TEST_SOFT_ONLY, NULL)
#define TEST_MACHINE(name, layout) TEST_REGISTER(name, TEST_SOFT_ONLY, (layout))

/* A failed check reports where, ends the test as failed, and unwinds it. */
void test_fail(const char *file, int line, const char *fmt, ...)
	__printf(3, 4) __noreturn;

#define CHECK(cond)                                                 \
	do {                                                        \
		if (!(cond))                                        \
			test_fail(__FILE__, __LINE__, "%s", #cond); \
	} while (0)
#define CHECK_OP(a, op, b)                                                     \
	do {                                                                   \
		long long ca_ = (long long)(a), cb_ = (long long)(b);          \
		if (!(ca_ op cb_))                                             \
			test_fail(__FILE__, __LINE__,                          \
				  "%s " #op " %s: %lld (%#llx), %lld (%#llx)", \
				  #a, #b, ca_, ca_, cb_, cb_);                 \
	} while (0)
#define CHECK_EQ(a, b)	CHECK_OP(a, ==, b)
#define CHECK_NE(a, b)	CHECK_OP(a, !=, b)
#define CHECK_LE(a, b)	CHECK_OP(a, <=, b)
#define CHECK_GE(a, b)	CHECK_OP(a, >=, b)
#define CHECK_STR(a, b) test_check_str(__FILE__, __LINE__, (a), (b))
void test_check_str(const char *file, int line, const char *a, const char *b);

/*
 * EACH_FAILURE(n) { body }: runs the body with its first, second, ... failure
 * opportunity failing, and a last time with none.  failure_was_injected()
 * tells the body which it is.  Every run that injected is counted.
 */
#define EACH_FAILURE(n)                                          \
	for (u64 n = 1, more_ = 1; more_ && (failure_arm(n), 1); \
	     more_ = test_failure_done(), n++)
u64 test_failure_done(void);

/* Random numbers of this test's seed, which a failing test prints. */
u64 test_random(void);
static inline u64 test_random_below(u64 n)
{
	return test_random() % n;
}

/*
 * Run fn(arg, k) on nr simulated or real processors at once, k = 0..nr-1, and
 * wait for all; nr is cut to the processors there are, and returned.
 */
unsigned int test_run_on_cpus(unsigned int nr,
			      void (*fn)(void *arg, unsigned int k), void *arg);

/*
 * Expect that something below makes a report through printk whose text holds
 * what; test_expect_end() checks that it did, once, and gives how often.
 * Reports that no one expects fail the test.
 */
void test_expect_report(const char *what);
unsigned int test_expect_end(void);

#endif
