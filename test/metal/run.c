/* SPDX-License-Identifier: MIT */
/*
 * run.c - runs the unit tests in the booted kernel.
 *
 * A failed check is reported at once and unwinds its own thread: each thread
 * that runs test code has a seat with a jump buffer, found by the kernel's
 * name for the thread.  Whatever the test held stays held; later tests may
 * fail for it, the first "not ok" is the one to read.
 */
#include "../core.c"

#include "test/metal/selftest.h"

#include <quire/port.h>

/* __builtin_setjmp's buffer: five words. */
struct seat {
	const void *thread; /* NULL: free */
	void *back[5];
};

static struct {
	const struct selftest_ops *ops;
	spinlock_raw_t lock; /* seats */
	struct seat seats[NR_CPUS + 1];
	u32 nr_failed_checks; /* of the running test */
} st;

static struct seat *find_seat(const void *thread)
{
	struct seat *found = NULL;

	raw_spin_lock(&st.lock.locked);
	for (unsigned int i = 0; i < ARRAY_SIZE(st.seats) && !found; i++)
		if (st.seats[i].thread == thread)
			found = &st.seats[i];
	raw_spin_unlock(&st.lock.locked);
	return found;
}

static struct seat *take_seat(void)
{
	struct seat *seat = NULL;

	raw_spin_lock(&st.lock.locked);
	for (unsigned int i = 0; i < ARRAY_SIZE(st.seats) && !seat; i++)
		if (!st.seats[i].thread)
			seat = &st.seats[i];
	if (seat)
		seat->thread = st.ops->current_thread();
	raw_spin_unlock(&st.lock.locked);
	BUG_ON(!seat);
	return seat;
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
	struct seat *seat = find_seat(st.ops->current_thread());
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vscnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printk("# %s:%d: CPU %u: check failed: %s\n", file, line,
	       smp_processor_id(), text);
	__atomic_fetch_add(&st.nr_failed_checks, 1, __ATOMIC_RELAXED);
	if (!seat)
		panic("a check failed outside of a test");
	__builtin_longjmp(seat->back, 1);
}

/* Apart, so that nothing in a register is lost by the jump. */
static noinline void call_guarded(void (*fn)(void *arg, unsigned int k),
				  void *arg, unsigned int k)
{
	struct seat *seat = take_seat();

	if (!__builtin_setjmp(seat->back))
		fn(arg, k);
	seat = find_seat(st.ops->current_thread());
	smp_store_release(&seat->thread, NULL);
}

struct on_cpus {
	void (*fn)(void *arg, unsigned int k);
	void *arg;
};

static void on_one_cpu(void *arg, unsigned int k)
{
	struct on_cpus *job = arg;

	call_guarded(job->fn, job->arg, k);
}

unsigned int test_run_on_cpus(unsigned int nr,
			      void (*fn)(void *arg, unsigned int k), void *arg)
{
	struct on_cpus job = {.fn = fn, .arg = arg};

	nr = st.ops->run_on_cpus(nr, on_one_cpu, &job);
	/* A check that failed there fails the test here. */
	if (READ_ONCE(st.nr_failed_checks))
		test_fail(__FILE__, __LINE__, "on another processor");
	return nr;
}

static void call_test(void *arg, unsigned int k)
{
	const struct test_case *t = arg;

	(void)k;
	t->fn();
}

static bool run_one(const struct test_case *t, unsigned int number)
{
	const char *wrong;
	bool passed;

	st.nr_failed_checks = 0;
	test_begin(number);
	call_guarded(call_test, (void *)t, 0);
	st.ops->settle();
	wrong = test_end();
	passed = !wrong && st.nr_failed_checks == 0;
	if (wrong)
		printk("# after %s: %s\n", t->name, wrong);
	printk("%s %u - %s\n", passed ? "ok" : "not ok", number, t->name);
	return passed;
}

unsigned int selftest_run_all(const char *pattern,
			      const struct selftest_ops *ops)
{
	unsigned int nr_passed = 0, nr_failed = 0;
	const struct test_case *const *t;

	st.ops = ops;
	test_watch();
	for (t = __start_quire_tests; t < __stop_quire_tests; t++) {
		if ((*t)->where != TEST_EVERYWHERE ||
		    !test_name_matches(*t, pattern))
			continue;
		if (run_one(*t, nr_passed + nr_failed + 1))
			nr_passed++;
		else
			nr_failed++;
	}
	printk("1..%u\n", nr_passed + nr_failed);
	printk("%u passed, %u failed\n", nr_passed, nr_failed);
	return nr_failed + (nr_passed == 0);
}
