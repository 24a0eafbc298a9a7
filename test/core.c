/* SPDX-License-Identifier: MIT */
/*
 * core.c - what a test sees, the same on both machines: random numbers,
 * failure sweeps, expected reports, and the checks after each test.
 *
 * Included by the runner of each machine (test/hosted/main.c,
 * test/metal/run.c), which adds test_fail() and test_run_on_cpus().
 *
 * 1. Reports.  printk_tap shows every text.  One that begins as a report and
 *    was not announced is kept, and fails the test when it ends: a report may
 *    come from any context, also from one that cannot be unwound.
 * 2. Leaks.  When a test has ended, all that is only cached goes back; then
 *    each slab cache may hold no more objects, and the machine no fewer free
 *    frames, than before.  Kernel page tables are never freed: they count as
 *    free.
 */
#include "test/core.h"

#include <quire/percpu.h>
#include <quire/mm.h>
#include <quire/pgtable.h>
#include <quire/printk.h>
#include <quire/slab.h>
#include <quire/string.h>
#include <quire/vmalloc.h>
#include <quire/vmstat.h>

#define TEXT_MAX 200

static struct {
	u64 random;
	u64 injected;
	const char *expected; /* NULL: none */
	unsigned int nr_expected;
	u32 surprised;
	char surprise[TEXT_MAX];
	unsigned long nr_free, nr_tables;
	char verdict[TEXT_MAX];
} test;

/* splitmix64 (Steele, Lea, Flood, OOPSLA 2014); any processor may draw. */
u64 test_random(void)
{
	u64 z = __atomic_add_fetch(&test.random, 0x9e3779b97f4a7c15,
				   __ATOMIC_RELAXED);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

u64 test_failure_done(void)
{
	bool injected = failure_was_injected();

	failure_arm(0);
	__atomic_fetch_add(&test.injected, injected, __ATOMIC_RELAXED);
	return injected;
}

u64 test_take_injected(void)
{
	u64 n = test.injected;

	test.injected = 0;
	return n;
}

void test_check_str(const char *file, int line, const char *a, const char *b)
{
	if (strcmp(a, b) != 0)
		test_fail(file, line, "\"%s\" is not \"%s\"", a, b);
}

bool test_name_matches(const struct test_case *t, const char *pattern)
{
	size_t len;

	if (!pattern)
		return true;
	len = strlen(pattern);
	for (const char *s = t->name; *s; s++)
		if (strncmp(s, pattern, len) == 0)
			return true;
	for (const char *s = t->file; *s; s++)
		if (strncmp(s, pattern, len) == 0)
			return true;
	return len == 0;
}

/* ---- reports ---- */

static bool text_contains(const char *text, const char *what)
{
	size_t len = strlen(what);

	for (; *text; text++)
		if (strncmp(text, what, len) == 0)
			return true;
	return false;
}

static void tap(const char *text)
{
	const char *expected = READ_ONCE(test.expected);

	if (expected && text_contains(text, expected)) {
		__atomic_fetch_add(&test.nr_expected, 1, __ATOMIC_RELAXED);
		return;
	}
	if (!str_has_prefix(text, "BUG") && !str_has_prefix(text, "WARNING: "))
		return;
	/* The first is the one that tells. */
	if (!__atomic_exchange_n(&test.surprised, 1, __ATOMIC_RELAXED))
		strscpy(test.surprise, text, sizeof(test.surprise));
}

void test_watch(void)
{
	printk_tap = tap;
}

void test_expect_report(const char *what)
{
	test.nr_expected = 0;
	WRITE_ONCE(test.expected, what);
}

unsigned int test_expect_end(void)
{
	unsigned int nr = READ_ONCE(test.nr_expected);

	if (nr == 0)
		test_fail(__FILE__, __LINE__, "no report \"%s\" was made",
			  test.expected);
	WRITE_ONCE(test.expected, NULL);
	return nr;
}

/* ---- leaks ---- */

static unsigned long count_tables(const pte_t *table, unsigned int level)
{
	unsigned long nr = 1;

	if (level == 0)
		return nr;
	for (unsigned int i = 0; i < PTRS_PER_TABLE; i++) {
		pte_t entry = ptep_get(table + i);

		if (pte_present(entry) && !pte_leaf(entry))
			nr += count_tables(pte_table(entry), level - 1);
	}
	return nr;
}

static void give_back_caches(void)
{
	percpu_shrink();
	vm_unmap_aliases();
	kmem_cache_drain_all();
	pgtable_drain_spares();
	drain_all_pages();
}

void test_begin(u64 seed)
{
	test.random = seed;
	test.injected = 0;
	test.expected = NULL;
	test.surprised = 0;
	mm_capable = NULL; /* on metal the kernel's: root may everything */
	give_back_caches();
	kmem_cache_leak_baseline();
	test.nr_free = nr_free_pages();
	test.nr_tables = count_tables(init_pgd, PGTABLE_LEVELS - 1);
}

const char *test_end(void)
{
	unsigned long nr_objects, nr_free;

	failure_arm(0);
	if (test.surprised)
		return test.surprise;
	if (test.expected)
		return "test_expect_end() is missing";
	give_back_caches();
	nr_objects = kmem_cache_report_leaks();
	nr_free = nr_free_pages() - test.nr_tables +
		  count_tables(init_pgd, PGTABLE_LEVELS - 1);
	if (nr_objects == 0 && nr_free == test.nr_free)
		return NULL;
	scnprintf(test.verdict, sizeof(test.verdict),
		  "%lu slab objects leaked; free frames: %lu before, %lu after",
		  nr_objects, test.nr_free, nr_free);
	return test.verdict;
}
