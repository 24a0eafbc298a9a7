/* SPDX-License-Identifier: MIT */
/*
 * gfp_test.c - what each call of gfp.h and each flag means while there is
 * memory enough, alone and among processors.
 */
#include <quire/gfp.h>
#include <quire/mm_types.h>
#include <quire/string.h>
#include <quire/topology.h>
#include <quire/vmstat.h>

#include "mm/page/page.h"
#include "port/soft/soft.h"
#include "test/test.h"

#define MIB ((phys_addr_t)1 << 20)

static bool is_filled(const struct page *page, unsigned int order, u8 byte)
{
	const u8 *p = page_address(page), *end = p + (PAGE_SIZE << order);

	while (p < end && *p == byte)
		p++;
	return p == end;
}

TEST(alloc_gives_descriptors_ready_for_their_owner)
{
	unsigned int order;

	for (order = 0; order <= MAX_ORDER; order++) {
		struct page *page = alloc_pages(GFP_KERNEL, order);

		CHECK(page);
		CHECK_EQ(page_to_pfn(page) & ((1UL << order) - 1), 0);
		CHECK_EQ(page_ref_count(page), 1);
		CHECK_EQ(page_mapcount(page), 0);
		CHECK_EQ(page->private, 0);
		CHECK_EQ(page->mapping_index, 0);
		CHECK(virt_to_page(page_address(page)) == page);
		__free_pages(page, order);
	}
}

TEST(alloc_zero_clears_all_of_the_run)
{
	unsigned int order;

	for (order = 0; order < 4; order++) {
		struct page *page = alloc_pages(GFP_KERNEL, order);

		CHECK(page);
		memset(page_address(page), 0xa5, PAGE_SIZE << order);
		__free_pages(page, order);
		page = alloc_pages(GFP_KERNEL | __GFP_ZERO, order);
		CHECK(page);
		CHECK(is_filled(page, order, 0));
		__free_pages(page, order);
	}
}

TEST(alloc_counts_what_it_gives_and_what_comes_back)
{
	unsigned long freed = sum_vm_event(VMEV_pgfree);
	struct page *a = alloc_page(GFP_DMA), *b;
	unsigned long dma = sum_vm_event(VMEV_pgalloc_dma);

	b = alloc_pages(GFP_DMA, 3);
	CHECK(a && b);
	CHECK_EQ(sum_vm_event(VMEV_pgalloc_dma), dma + 8);
	__free_page(a);
	__free_pages(b, 3);
	CHECK_EQ(sum_vm_event(VMEV_pgfree), freed + 9);
}

TEST(alloc_keeps_to_the_zone_that_is_asked_for)
{
	struct page *dma = alloc_page(GFP_DMA);
	struct page *dma32 = alloc_page(GFP_KERNEL | GFP_DMA32);

	CHECK(dma && dma32);
	CHECK(page_to_pfn(dma) < 16 * MIB >> PAGE_SHIFT);
	CHECK(page_to_pfn(dma32) < 4096 * MIB >> PAGE_SHIFT);
	CHECK_EQ(page_zonenum(dma), ZONE_DMA);
	__free_page(dma);
	__free_page(dma32);
}

TEST(alloc_above_the_largest_order_fails)
{
	CHECK(!alloc_pages(GFP_KERNEL | __GFP_NOWARN, MAX_ORDER + 1));
	CHECK(!alloc_pages(GFP_KERNEL | __GFP_NOWARN, 64));
	test_expect_report("__GFP_NOWARN");
	CHECK(!alloc_pages(GFP_KERNEL, MAX_ORDER + 1));
	test_expect_end();
}

TEST(alloc_of_two_migrate_types_at_once_is_reported_and_served)
{
	struct page *page;

	test_expect_report("MIGRATE_PCPTYPES");
	page = alloc_page(GFP_KERNEL | __GFP_MOVABLE | __GFP_RECLAIMABLE);
	test_expect_end();
	CHECK(page);
	__free_page(page);
}

TEST(compound_pages_are_freed_through_any_of_their_frames)
{
	unsigned long free = nr_free_pages();
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 3);

	CHECK(page && PageHead(page) && PageTail(page + 7));
	CHECK_EQ(page[5].compound_head, page_to_pfn(page));
	get_page(page);
	put_page(page + 5);
	CHECK_EQ(page_ref_count(page), 1);
	put_page(page + 7);
	CHECK_EQ(nr_free_pages(), free);
}

TEST(put_page_frees_a_run_of_any_order)
{
	unsigned long free = nr_free_pages();
	struct page *page = alloc_pages(GFP_KERNEL, 5);

	CHECK(page);
	put_page(page);
	CHECK_EQ(nr_free_pages(), free);
}

TEST(split_page_makes_independent_frames)
{
	unsigned long free = nr_free_pages();
	struct page *page = alloc_pages(GFP_KERNEL, 2);
	unsigned int i;

	CHECK(page);
	split_page(page, 2);
	for (i = 0; i < 4; i++)
		CHECK_EQ(page_ref_count(page + i), 1);
	for (i = 0; i < 4; i++) {
		CHECK_EQ(nr_free_pages(), free - 4 + i);
		__free_page(page + i);
	}
	CHECK_EQ(nr_free_pages(), free);
}

TEST(alloc_pages_exact_keeps_only_what_is_needed)
{
	unsigned long free = nr_free_pages();
	void *p = alloc_pages_exact(5 * PAGE_SIZE - 100, GFP_KERNEL);

	CHECK(p);
	CHECK_EQ(nr_free_pages(), free - 5);
	free_pages_exact(p, 5 * PAGE_SIZE - 100);
	CHECK_EQ(nr_free_pages(), free);
	CHECK(!alloc_pages_exact(0, GFP_KERNEL));
	CHECK(!alloc_pages_exact((PAGE_SIZE << MAX_ORDER) + 1,
				 GFP_KERNEL | __GFP_NOWARN));
}

TEST(alloc_pages_bulk_fills_only_empty_slots)
{
	struct page *pages[20] = {NULL}, *mine = alloc_page(GFP_KERNEL);
	unsigned int i;

	CHECK(mine);
	pages[7] = mine;
	CHECK_EQ(alloc_pages_bulk(GFP_KERNEL, 20, pages), 20);
	CHECK(pages[7] == mine);
	for (i = 0; i < 20; i++)
		CHECK(pages[i] && page_ref_count(pages[i]) == 1);
	free_pages_bulk(pages, 20);
}

TEST(every_call_can_fail_and_then_takes_nothing)
{
	EACH_FAILURE(n) {
		unsigned long free = nr_free_pages(), got;
		struct page *pages[4] = {NULL};
		void *exact;

		exact = alloc_pages_exact(3 * PAGE_SIZE, GFP_KERNEL);
		if (exact)
			free_pages_exact(exact, 3 * PAGE_SIZE);
		got = alloc_pages_bulk(GFP_KERNEL, 4, pages);
		free_pages_bulk(pages, got);
		CHECK(failure_was_injected() == (!exact || got < 4));
		CHECK_EQ(nr_free_pages(), free);
	}
}

TEST(nofail_is_never_made_to_fail)
{
	struct page *page;

	failure_arm(1);
	page = alloc_page(GFP_KERNEL | __GFP_NOFAIL);
	CHECK(page);
	failure_arm(0);
	__free_page(page);
}

/*
 * Processors allocate runs of all orders, pass them on and free those of
 * others; a run says in its first and last word who it is.
 */
#define SLOTS  32U
#define ROUNDS 1500U

static struct page *slots[SLOTS];

static u64 *last_word(struct page *page, unsigned int order)
{
	return (u64 *)((char *)page_address(page) + (PAGE_SIZE << order)) - 1;
}

static void free_marked(struct page *page)
{
	u64 *first = page_address(page);
	unsigned int order = (unsigned int)(*first & 0xf);

	CHECK(*first >> 4 == page_to_pfn(page));
	CHECK(*last_word(page, order) == ~*first);
	__free_pages(page, order);
}

static void pass_runs(void *arg, unsigned int k)
{
	u64 state = (k + 7) * 0x9e3779b97f4a7c15UL;
	unsigned int i;

	(void)arg;
	for (i = 0; i < ROUNDS; i++) {
		unsigned int order;
		struct page *page;

		state = state * 6364136223846793005UL + 1442695040888963407UL;
		order = (unsigned int)(state >> 59) % 6;
		page = alloc_pages(
			(state >> 50 & 1 ? GFP_NOWAIT : GFP_ATOMIC) |
				(state >> 51 & 1 ? __GFP_COMP : 0) |
				(state >> 52 & 1 ? __GFP_MOVABLE : 0),
			order);
		if (page) {
			*(u64 *)page_address(page) =
				page_to_pfn(page) << 4 | order;
			*last_word(page, order) = ~*(u64 *)page_address(page);
		}
		page = __atomic_exchange_n(&slots[state >> 33 & (SLOTS - 1)],
					   page, __ATOMIC_ACQ_REL);
		if (page)
			free_marked(page);
	}
}

static void pass_runs_around(void)
{
	unsigned int i;

	test_run_on_cpus(8, pass_runs, NULL);
	for (i = 0; i < SLOTS; i++) {
		if (slots[i])
			free_marked(slots[i]);
		slots[i] = NULL;
	}
}

TEST(runs_of_all_orders_pass_between_processors_unshared)
{
	pass_runs_around();
}

/* On metal the threads' own memory comes and goes meanwhile. */
TEST_SOFT(runs_passed_between_processors_leave_all_counts_right)
{
	unsigned long free = nr_free_pages();

	pass_runs_around();
	CHECK_EQ(nr_free_pages(), free);
	page_validate();
}

/* ---- one processor at a time, switched by the seed ---- */

static const struct soft_layout seeded = {
	.nr_cpus = 4,
	.mode = SOFT_SEEDED,
	.seed = 7,
};

TEST_MACHINE(runs_pass_between_processors_in_a_seeded_schedule, &seeded)
{
	unsigned long free = nr_free_pages();

	pass_runs_around();
	CHECK_EQ(nr_free_pages(), free);
	page_validate();
}

/* ---- the less usual ways to ask ---- */

TEST(alloc_of_this_node_alone_gives_its_frames)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_THISNODE);

	CHECK(page);
	CHECK_EQ(page_to_nid(page), 0);
	__free_page(page);
}

TEST(alloc_from_a_node_can_fail_unless_it_must_not)
{
	struct page *page;

	EACH_FAILURE(n) {
		page = alloc_pages_node(0, GFP_KERNEL, 1);
		CHECK_EQ(!page, failure_was_injected());
		if (page)
			__free_pages(page, 1);
	}
	failure_arm(1);
	page = alloc_pages_node(0, GFP_KERNEL | __GFP_NOFAIL, 0);
	failure_arm(0);
	CHECK(page);
	__free_page(page);
	test_expect_report("nid");
	CHECK(!alloc_pages_node(nr_node_ids, GFP_KERNEL, 0));
	test_expect_end();
}

TEST(get_free_pages_gives_no_address_when_there_is_no_page)
{
	EACH_FAILURE(n) {
		unsigned long addr = get_zeroed_page(GFP_KERNEL);

		CHECK_EQ(!addr, failure_was_injected());
		free_page(addr);
	}
}

TEST(splitting_a_single_frame_changes_nothing)
{
	struct page *page = alloc_page(GFP_KERNEL);

	CHECK(page);
	split_page(page, 0);
	CHECK_EQ(page_ref_count(page), 1);
	__free_page(page);
}

/* There are no groups, no cpusets and no dirty limits to ask. */
TEST(flags_of_what_is_not_there_change_nothing)
{
	struct page *page = alloc_page(GFP_USER | __GFP_ACCOUNT);

	CHECK(page);
	CHECK_EQ(page_ref_count(page), 1);
	__free_page(page);
}
