/* SPDX-License-Identifier: MIT */
/*
 * page_free_test.c - bad frees are reported once, contained, and the system
 * goes on.
 *
 * After each one the frames are repaired by hand, so that the machine is left
 * as it was found.
 */
#include "mm/page/page_free.c"

#include <quire/vmstat.h>

#include "mm/page/memblock.h"
#include "mm/page/page.h"
#include "test/test.h"

static unsigned long free_before;

/* The bad call itself, between these two. */
static void expect_bad(const char *why)
{
	free_before = nr_free_pages();
	test_expect_report(why);
}

static void end_bad(void)
{
	struct page *page;

	CHECK_EQ(test_expect_end(), 1);
	CHECK_EQ(nr_free_pages(), free_before);
	page = alloc_page(GFP_KERNEL);
	CHECK(page);
	__free_page(page);
}

TEST(free_of_a_free_frame_is_reported_and_ignored)
{
	struct page *page = alloc_page(GFP_KERNEL);

	CHECK(page);
	__free_page(page);
	expect_bad("is free already");
	__free_page(page);
	end_bad();
	drain_all_pages();
	expect_bad("is free already");
	__free_page(page);
	end_bad();
	expect_bad("is free already");
	put_page(page);
	end_bad();
}

TEST(free_of_reserved_memory_is_reported_and_ignored)
{
	struct page *page = NULL;
	unsigned long pfn;

	for (pfn = 0; pfn < max_pfn && !page; pfn++)
		if (pfn_valid(pfn) &&
		    pageblock_flags[pfn >> PAGEBLOCK_ORDER] & PAGEBLOCK_INIT &&
		    PageReserved(pfn_to_page(pfn)))
			page = pfn_to_page(pfn);
	CHECK(page);
	expect_bad("is reserved");
	__free_page(page);
	end_bad();
	CHECK(PageReserved(page));
	CHECK_EQ(page_ref_count(page), 1);
}

TEST(free_of_something_outside_of_memory_is_reported_and_ignored)
{
	expect_bad("has no descriptor");
	__free_page(mem_map + max_pfn);
	end_bad();
	expect_bad("has no descriptor");
	__free_pages(mem_map + max_pfn + 12345, 3);
	end_bad();
}

TEST(free_with_the_wrong_order_is_reported_and_leaks_the_run)
{
	unsigned int orders[][2] = {{0, 1}, {2, 0}, {2, 1}, {2, 3}, {3, 9}};
	unsigned int i, comp;

	for (comp = 0; comp < 2; comp++) {
		for (i = 0; i < ARRAY_SIZE(orders); i++) {
			struct page *page = alloc_pages(
				GFP_KERNEL | (comp ? __GFP_COMP : 0),
				orders[i][0]);

			CHECK(page);
			expect_bad("wrong order");
			__free_pages(page, orders[i][1]);
			end_bad();
			CHECK_EQ(page_ref_count(page), 1);
			__free_pages(page, orders[i][0]);
		}
	}
}

TEST(free_of_a_frame_that_has_an_owner_is_reported_and_leaked)
{
	struct page *page = alloc_page(GFP_KERNEL);

	CHECK(page);
	SetPageSlab(page);
	expect_bad("owner's flags");
	__free_page(page);
	end_bad();
	CHECK(PageSlab(page));
	ClearPageSlab(page);
	page->_mapcount = 0;
	expect_bad("is still mapped");
	__free_page(page);
	end_bad();
	page_mapcount_reset(page);
	__free_page(page);
}

TEST(a_sample_of_a_long_run_sees_what_lies_on_its_way)
{
	struct page *page = alloc_pages(GFP_KERNEL, 6);

	CHECK(page);
	CHECK_EQ(check_step(CHECK_ALL_ORDER, 0), 1);
	CHECK_EQ(check_step(6, 1U << PG_tail), 1);
	CHECK(!check_run(page, 6, 0, 8));
	page[56]._refcount = 1;
	CHECK(check_run(page, 6, 0, 8));
	page[56]._refcount = 0;
	page[57]._refcount = 1;
	CHECK(!check_run(page, 6, 0, 8));
	CHECK(check_run(page, 6, 0, 1));
	page[57]._refcount = 0;
	__free_pages(page, 6);
}

TEST(free_of_a_run_with_a_frame_in_use_is_reported_and_leaked)
{
	struct page *page = alloc_pages(GFP_KERNEL, 2);

	CHECK(page);
	get_page(page + 3);
	expect_bad("has a frame in use");
	__free_pages(page, 2);
	end_bad();
	page[3]._refcount = 0;
	__free_pages(page, 2);
}

TEST(free_drops_one_reference_at_a_time)
{
	struct page *page = alloc_page(GFP_KERNEL);
	unsigned long before;

	CHECK(page);
	before = nr_free_pages();
	get_page(page);
	CHECK(get_page_unless_zero(page));
	__free_page(page);
	put_page(page);
	CHECK_EQ(nr_free_pages(), before);
	put_page(page);
	CHECK_EQ(nr_free_pages(), before + 1);
	CHECK(!get_page_unless_zero(page));
}

TEST(free_clears_flags_that_only_described_the_contents)
{
	struct page *page = alloc_page(GFP_KERNEL);

	CHECK(page);
	SetPageUptodate(page);
	SetPageDirty(page);
	SetPageReferenced(page);
	SetPageSwapBacked(page);
	SetPageAnonExclusive(page);
	__free_page(page);
	CHECK(alloc_page(GFP_KERNEL) == page);
	CHECK_EQ(page->flags & ~PAGE_FLAGS_ZONE, 0);
	__free_page(page);
}

TEST(free_pages_takes_addresses_and_null)
{
	unsigned long free = nr_free_pages();
	unsigned long addr = __get_free_pages(GFP_KERNEL, 2);

	CHECK(addr);
	free_pages(addr, 2);
	free_pages(0, 0);
	free_pages(0, 5);
	CHECK_EQ(nr_free_pages(), free);
}

/* What else can be wrong with one of a run's frames, and how it is undone. */
TEST(free_of_a_run_looks_at_every_frame)
{
	struct page *page = alloc_pages(GFP_KERNEL, 2);

	CHECK(page);
	page[2]._mapcount = 0;
	expect_bad("is still mapped");
	__free_pages(page, 2);
	end_bad();
	page_mapcount_reset(page + 2);
	SetPageSlab(page + 1);
	expect_bad("owner's flags");
	__free_pages(page, 2);
	end_bad();
	ClearPageSlab(page + 1);
	/* What only described the contents is no fault. */
	SetPageDirty(page + 3);
	__free_pages(page, 2);
	CHECK(!PageDirty(page + 3));
}

TEST(free_of_a_compound_pages_tail_is_reported_and_leaks_the_run)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 2);

	CHECK(page);
	get_page(page);
	__free_pages(page, 2);
	/* A tail has no reference of its own: it is free, seen alone. */
	expect_bad("is free already");
	__free_page(page + 1);
	end_bad();
	WRITE_ONCE(page[1]._refcount, 1);
	expect_bad("wrong order");
	__free_page(page + 1);
	end_bad();
	page[1]._refcount = 0;
	__free_pages(page, 2);
}

TEST(free_of_a_run_whose_order_was_overwritten_is_reported_and_leaks_it)
{
	struct page *page = alloc_pages(GFP_KERNEL, 2);

	CHECK(page);
	page[1].private = MAX_ORDER + 1;
	expect_bad("wrong order");
	put_page(page);
	end_bad();
	page[1].private = 2;
	__free_pages(page, 2);
}

TEST(free_of_a_frame_whose_flags_were_overwritten_is_reported_and_leaked)
{
	struct page *page = alloc_page(GFP_KERNEL);
	u32 flags, no_zone;

	CHECK(page);
	flags = page->flags;
	page->flags = flags | 1U << PG_buddy;
	expect_bad("is free already");
	__free_page(page);
	end_bad();
	for (no_zone = 0; zone_table[no_zone]; no_zone++)
		;
	page->flags = no_zone << PAGEFLAGS_ZONE_SHIFT;
	page->_mapcount = 1; /* keeps it from the fast path */
	expect_bad("is still mapped");
	__free_page(page);
	end_bad();
	page_mapcount_reset(page);
	CHECK_STR(free_is_bad(page, 0), "has a descriptor of no zone");
	page->flags = flags;
	__free_page(page);
}

/* The list is somebody's at this moment: an interrupt came in between. */
TEST_SOFT(free_into_a_busy_list_goes_to_the_buddy_system)
{
	struct page *page = alloc_page(GFP_KERNEL);
	struct page *run = alloc_pages(GFP_KERNEL, 1);
	struct zone *zone;
	struct pcp *pcp;
	unsigned long buddy;

	CHECK(page && run);
	zone = page_zone(page);
	pcp = zone->pageset[smp_processor_id()];
	buddy = zone->free_pages;
	raw_spin_lock(&pcp->lock.locked);
	__free_page(page);
	__free_pages(run, 1);
	raw_spin_unlock(&pcp->lock.locked);
	CHECK(!PagePcp(page) && !PagePcp(run));
	CHECK_EQ(zone->free_pages, buddy + 3);
	/* And what is asked for meanwhile comes from there too. */
	drain_all_pages();
	page = alloc_page(GFP_KERNEL);
	run = alloc_pages(GFP_KERNEL, 1);
	__free_page(page);
	__free_pages(run, 1);
	raw_spin_lock(&pcp->lock.locked);
	page = alloc_page(GFP_KERNEL);
	run = alloc_pages(GFP_KERNEL, 1);
	raw_spin_unlock(&pcp->lock.locked);
	CHECK(page && run);
	__free_page(page);
	__free_pages(run, 1);
	page_validate();
}

/* A flood of bad frees is told about, but not each: the log lives on. */
TEST_SOFT(a_flood_of_bad_frees_is_reported_a_few_times)
{
	struct page *page = alloc_page(GFP_KERNEL);
	unsigned int i;

	CHECK(page);
	__free_page(page);
	test_expect_report("is free already");
	for (i = 0; i < 500; i++)
		__free_page(page);
	CHECK_LE(test_expect_end(), 60);
	page_validate();
}

TEST(the_verifier_counts_every_kind_of_frame_in_use)
{
	struct page *run = alloc_pages(GFP_KERNEL, 3);
	struct page *comp = alloc_pages(GFP_KERNEL | __GFP_COMP, 3);
	struct page *marked = alloc_page(GFP_KERNEL);

	CHECK(run && comp && marked);
	SetPageReserved(marked); /* as an owner may: the zero page is */
#ifndef QUIRE_METAL
	page_validate();
#endif
	ClearPageReserved(marked);
	__free_page(marked);
	__free_pages(comp, 3);
	__free_pages(run, 3);
}
