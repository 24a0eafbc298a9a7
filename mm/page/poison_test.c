/* SPDX-License-Identifier: MIT */
/*
 * poison_test.c - machines started with page_poison, init_on_alloc and
 * init_on_free: what frames hold when they are given out.
 */
#include "mm/page/poison.c"

#include <quire/vmstat.h>

#include "mm/page/page.h"
#include "port/soft/soft.h"
#include "test/test.h"

#define MIB ((phys_addr_t)1 << 20)

static const struct mem_range ranges[] = {
	{16 * MIB, 32 * MIB, 0, MEM_RANGE_USABLE},
};

#define MACHINE(name_, cmdline_)                                   \
	static const struct soft_layout name_ = {.ranges = ranges, \
						 .nr_ranges = 1,   \
						 .nr_cpus = 2,     \
						 .nr_nodes = 1,    \
						 .cmdline = (cmdline_)}
MACHINE(plain, "page_poison=0 init_on_alloc=off");
MACHINE(poisoned, "page-poison=1 quiet");
MACHINE(both, "page_poison=on init_on_free=1 init_on_alloc=y");
MACHINE(clears_first, "init_on_alloc=1");
MACHINE(clears_last, "init_on_free=1");

static u32 hoard = PFN_NIL;

static bool is_all(const struct page *page, unsigned int order, u8 byte)
{
	const u8 *at = page_address(page), *end = at + (PAGE_SIZE << order);

	while (at < end && *at == byte)
		at++;
	return at == end;
}

/* Dirty a run, free it, and look at the frames while they are free. */
static bool is_filled_when_free(unsigned int order, gfp_t gfp, u8 byte)
{
	struct page *page = alloc_pages(gfp, order);

	CHECK(page);
	memset(page_address(page), 0x5c, PAGE_SIZE << order);
	__free_pages(page, order);
	return is_all(page, order, byte);
}

TEST_MACHINE(contents_are_left_alone_unless_asked_for, &plain)
{
	CHECK(!page_contents.any);
	CHECK(this_cpu_ptr(&page_cpu)->of_gfp[0] != &no_pcp);
	CHECK(is_filled_when_free(0, GFP_KERNEL, 0x5c));
	CHECK(is_filled_when_free(3, GFP_KERNEL, 0x5c));
}

TEST_MACHINE(page_poison_fills_what_is_free_and_finds_it_whole, &poisoned)
{
	unsigned int order;
	struct page *page;

	for (order = 0; order <= MAX_ORDER; order++) {
		/* Free since the start; the runs' lists come in between. */
		page = alloc_pages(GFP_KERNEL, order);
		CHECK(page);
		CHECK(is_all(page, order, PAGE_POISON));
		__free_pages(page, order);
		CHECK(is_filled_when_free(order, GFP_KERNEL, PAGE_POISON));
		CHECK(is_filled_when_free(order, GFP_HIGHUSER_MOVABLE,
					  PAGE_POISON));
	}
	page = alloc_pages(GFP_KERNEL | __GFP_ZERO, 1);
	CHECK(page && is_all(page, 1, 0));
	put_page(page);
	CHECK(is_all(page, 1, PAGE_POISON));
	page_validate();
}

TEST_MACHINE(page_poison_overwritten_is_reported_and_kept_out_of_use, &poisoned)
{
	struct page *page = alloc_page(GFP_KERNEL), *next;
	unsigned long free, pfn = page_to_pfn(page);
	u8 *bytes = page_address(page);

	__free_page(page);
	free = nr_free_pages();
	bytes[77] = 0x12;
	bytes[80] = 0x34;
	/* Sooner or later it would be given out. */
	test_expect_report("memory corruption");
	while ((next = alloc_page(GFP_NOWAIT))) {
		CHECK(next != page);
		next->link.next = hoard;
		hoard = (u32)page_to_pfn(next);
	}
	CHECK_EQ(test_expect_end(), 1);
	CHECK_EQ(page_ref_count(page), 1);
	CHECK_EQ(page_to_pfn(page), pfn);
	while (hoard != PFN_NIL) {
		next = pfn_to_page(hoard);
		hoard = next->link.next;
		__free_page(next);
	}
	CHECK_EQ(nr_free_pages(), free - 1);
	page_validate();
	__free_page(page);
}

TEST_MACHINE(page_poison_of_a_run_is_looked_at_in_every_frame, &poisoned)
{
	struct page *page = alloc_pages(GFP_KERNEL, 2), *again;
	unsigned long free;
	u8 *bytes = page_address(page);

	__free_pages(page, 2);
	free = nr_free_pages();
	bytes[3 * PAGE_SIZE + 4090] ^= 4;
	test_expect_report("single bit error");
	/* What was freed last comes first, so it is looked at now. */
	again = alloc_pages(GFP_KERNEL, 2);
	CHECK_EQ(test_expect_end(), 1);
	CHECK(again && again != page);
	__free_pages(again, 2);
	CHECK_EQ(nr_free_pages(), free - 4);
	page_validate();
	__free_pages(page, 2);
	CHECK_EQ(nr_free_pages(), free);
}

TEST_MACHINE(page_poison_wins_over_clearing, &both)
{
	CHECK(page_contents.poison && !page_contents.init_on_free &&
	      !page_contents.init_on_alloc);
	CHECK(is_filled_when_free(0, GFP_KERNEL, PAGE_POISON));
}

TEST_MACHINE(init_on_alloc_clears_what_is_given_out, &clears_first)
{
	unsigned int order;

	for (order = 0; order <= MAX_ORDER; order++) {
		struct page *page;

		CHECK(is_filled_when_free(order, GFP_KERNEL, 0x5c));
		page = alloc_pages(GFP_KERNEL, order);
		CHECK(page && is_all(page, order, 0));
		__free_pages(page, order);
	}
	page_validate();
}

TEST_MACHINE(init_on_free_clears_what_comes_back, &clears_last)
{
	unsigned int order;

	for (order = 0; order <= MAX_ORDER; order++) {
		CHECK(is_filled_when_free(order, GFP_KERNEL, 0));
		CHECK(is_filled_when_free(order, GFP_HIGHUSER_MOVABLE, 0));
	}
	page_validate();
}

TEST_MACHINE(page_params_that_make_no_sense_are_reported_and_not_used, &plain)
{
	CHECK(page_param("page_poison", "maybe"));
	CHECK(page_param("init_on_alloc", NULL));
	CHECK(page_param("init_on_free", ""));
	CHECK(!page_contents.poison && !page_contents.init_on_alloc);
	CHECK(!page_contents.init_on_free);
	CHECK(!page_param("page_poisons", "1"));
	CHECK(page_param("init_on_free", "y"));
	CHECK(page_contents.init_on_free);
	CHECK(page_param("init_on_free", "n"));
	CHECK(!page_contents.init_on_free);
}

/* With everything on the lists' slow path, on several processors. */
static void churn(void *arg, unsigned int k)
{
	struct page *pages[30];
	unsigned int i, j;

	(void)arg;
	for (i = 0; i < 20; i++) {
		for (j = 0; j < 30; j++) {
			CHECK(pages[j] = alloc_pages(GFP_KERNEL, (j + k) % 4));
			memset(page_address(pages[j]), (int)k, 100);
		}
		for (j = 0; j < 30; j++)
			__free_pages(pages[j], (j + k) % 4);
	}
}

TEST_MACHINE(page_poison_holds_among_processors, &poisoned)
{
	unsigned long free = nr_free_pages();

	test_run_on_cpus(2, churn, NULL);
	CHECK_EQ(nr_free_pages(), free);
	page_validate();
}
