/* SPDX-License-Identifier: MIT */
/* report_test.c - names of flags, and how often something is said. */
#include "mm/page/report.c"

#include <quire/string.h>

#include "port/soft/soft.h"
#include "test/test.h"

static const char *named(gfp_t gfp)
{
	static char text[200];

	gfp_name(gfp, text, sizeof(text));
	return text;
}

TEST(gfp_names_are_the_largest_masks_first)
{
	CHECK_STR(named(GFP_KERNEL), "GFP_KERNEL");
	CHECK_STR(named(GFP_KERNEL | __GFP_ZERO | __GFP_COMP),
		  "GFP_KERNEL|__GFP_ZERO|__GFP_COMP");
	CHECK_STR(named(GFP_ATOMIC), "GFP_ATOMIC");
	CHECK_STR(named(GFP_NOWAIT), "GFP_NOWAIT");
	CHECK_STR(named(GFP_HIGHUSER_MOVABLE), "GFP_HIGHUSER_MOVABLE");
	CHECK_STR(named(GFP_NOFS | __GFP_NORETRY), "GFP_NOFS|__GFP_NORETRY");
	CHECK_STR(named(0), "none");
	CHECK_STR(named(GFP_KERNEL | 0x80000000U), "GFP_KERNEL|0x80000000");
}

TEST(gfp_names_of_every_mask_add_up_to_it)
{
	unsigned int bit;

	for (bit = 0; bit < 32; bit++)
		CHECK(named((gfp_t)1 << bit)[0] != '\0');
}

TEST(gfp_names_fit_what_they_are_given)
{
	char text[8];

	CHECK(gfp_name(~(gfp_t)0, text, sizeof(text)) < (int)sizeof(text));
	CHECK(strlen(text) < sizeof(text));
}

TEST(ratelimit_lets_a_burst_through_and_then_waits)
{
	struct ratelimit rl = {~0ULL >> 1, 3, 0, 0};
	unsigned int i, ok = 0;

	for (i = 0; i < 10; i++)
		ok += ratelimit_ok(&rl);
	CHECK_EQ(ok, 3);
	/* The interval is over. */
	rl.interval_ns = 0;
	CHECK(ratelimit_ok(&rl));
}

/* ---- what is said of a machine ---- */

#if CONFIG_SELFTEST
static char said[4096];

static void keep(const char *text)
{
	size_t len = strlen(said);

	strscpy(said + len, text, sizeof(said) - len);
}

static bool is_said(const char *what)
{
	const char *at;

	for (at = said; *at; at++)
		if (!strncmp(at, what, strlen(what)))
			return true;
	return false;
}

static unsigned int dumps;

static void count_dump(void)
{
	dumps++;
}

static const char *some_name(void)
{
	return "eater";
}

#define MIB ((phys_addr_t)1 << 20)

static const struct mem_range small_ranges[] = {
	{16 * MIB, 24 * MIB, 0, MEM_RANGE_USABLE},
	{64 * MIB, 72 * MIB, 0, MEM_RANGE_USABLE},
};
static const struct soft_layout small = {
	.ranges = small_ranges,
	.nr_ranges = ARRAY_SIZE(small_ranges),
	.nr_cpus = 1,
	.nr_nodes = 1,
	.highmem_start = 64 * MIB,
};

TEST_MACHINE(failure_report_has_linux_lines_names_and_callers, &small)
{
	static const struct reclaim_ops ops = {
		.task_name = some_name,
		.dump_stack = count_dump,
	};
	void (*tap)(const char *text) = printk_tap;
	struct page *odd[16];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(odd); i++)
		CHECK(odd[i] = alloc_page(GFP_KERNEL | __GFP_MOVABLE));
	for (i = 0; i < ARRAY_SIZE(odd); i += 2)
		__free_page(odd[i]);
	drain_all_pages();
	register_reclaim_ops(&ops);
	printk_tap = keep;
	warn_alloc(GFP_KERNEL | __GFP_COMP, 10);
	warn_alloc(GFP_KERNEL, 3); /* within ten seconds */
	printk_tap = tap;
	register_reclaim_ops(NULL);
	CHECK(is_said("eater: page allocation failure: order:10, "
		      "mode:0x780200(GFP_KERNEL|__GFP_COMP), "
		      "nodemask=(null)\nMem-Info:\nNode 0 DMA32 free:"));
	CHECK(!is_said("order:3, mode"));
	CHECK_EQ(dumps, 1);
	CHECK(is_said("kB boost:0kB min:"));
	CHECK(is_said("lowmem_reserve[]: 0 0 "));
	CHECK(is_said("Node 0 DMA32:"));
	CHECK(is_said("*4kB (UM) "));
	CHECK(is_said("Node 0 HighMem: 0*4kB 0*8kB "));
	CHECK(is_said(" 0*2048kB 2*4096kB (M) = 8192kB\n"));
	CHECK(is_said("4096 pages RAM\n2048 pages HighMem/MovableOnly\n"));
	for (i = 1; i < ARRAY_SIZE(odd); i += 2)
		__free_page(odd[i]);
}

TEST(bad_page_says_who_saw_it)
{
	struct page *page = alloc_page(GFP_KERNEL);

	CHECK(page);
	test_expect_report(" by ");
	bad_page(page, "is a test");
	CHECK_EQ(test_expect_end(), 1);
	__free_page(page);
}
#endif
