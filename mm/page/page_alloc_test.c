/* SPDX-License-Identifier: MIT */
/*
 * page_alloc_test.c - what happens when memory is short: marks, reserves,
 * reclaim, and who decides that there is none.  The calls with memory enough
 * are in gfp_test.c, zones and nodes in zonelist_test.c.
 */
#include "mm/page/page_alloc.c"

#include "mm/page/page.h"
#include "port/soft/soft.h"
#include "test/hoard.h"
#include "test/test.h"

#define MIB ((phys_addr_t)1 << 20)

/* Small machines of one zone and one processor. */
static const struct mem_range small_ranges[] = {
	{16 * MIB, 24 * MIB, 0, MEM_RANGE_USABLE},
};
static const struct soft_layout small = {
	.ranges = small_ranges,
	.nr_ranges = ARRAY_SIZE(small_ranges),
	.nr_cpus = 1,
	.nr_nodes = 1,
};

static struct zone *only_zone(void)
{
	return next_zone(NULL);
}

TEST_MACHINE(watermark_min_stops_ordinary_requests, &small)
{
	struct zone *zone = only_zone();

	CHECK(zone->watermark[WMARK_MIN] > 0);
	take_all(GFP_KERNEL);
	CHECK_EQ(zone->free_pages, zone->watermark[WMARK_MIN]);
	CHECK_EQ(take_all(GFP_NOWAIT), 0);
	CHECK_EQ(take_all(GFP_KERNEL | __GFP_MEMALLOC | __GFP_NOMEMALLOC), 0);
	page_validate();
	give_back(~0UL);
}

/* __GFP_HIGH: to min / 2; and not allowed to wait: a quarter of that more. */
TEST_MACHINE(watermark_lets_urgent_requests_go_deeper, &small)
{
	struct zone *zone = only_zone();
	unsigned long mark = zone->watermark[WMARK_MIN];

	take_all(GFP_KERNEL | __GFP_HIGH);
	mark -= mark / 2;
	CHECK_EQ(zone->free_pages, mark);
	take_all(GFP_ATOMIC);
	mark -= mark / 4;
	CHECK_EQ(zone->free_pages, mark);
	CHECK_EQ(take_all(GFP_KERNEL | __GFP_MEMALLOC), mark);
	CHECK_EQ(nr_free_pages(), 0);
	page_validate();
	give_back(~0UL);
}

TEST_MACHINE(failed_allocation_is_reported_with_flags_by_name_and_zones, &small)
{
	take_all(GFP_KERNEL);
	test_expect_report("page allocation failure: order:4, "
			   "mode:0x780100(GFP_KERNEL|__GFP_ZERO)");
	CHECK(!alloc_pages(GFP_KERNEL | __GFP_ZERO, 4));
	/* The next ones are within ten seconds: one report. */
	CHECK(!alloc_pages(GFP_KERNEL | __GFP_ZERO, 4));
	CHECK_EQ(test_expect_end(), 1);
	CHECK(!alloc_pages(GFP_KERNEL | __GFP_NOWARN, 4));
	give_back(~0UL);
}

/* A test double of everything that may free memory. */
static struct {
	unsigned int reclaims, wakes, asked, kills;
	unsigned long each;	  /* frames a reclaim frees */
	unsigned long after_kill; /* frames a kill frees */
} fake;

static unsigned long fake_reclaim(gfp_t gfp, unsigned int order)
{
	(void)gfp;
	(void)order;
	fake.reclaims++;
	return give_back(fake.each);
}

static void fake_wake(struct zone *zone, unsigned int order)
{
	(void)order;
	CHECK(zone == only_zone());
	fake.wakes++;
}

/* As the kernel's: nobody is killed for a request without __GFP_FS. */
static bool fake_kill(gfp_t gfp, unsigned int order)
{
	CHECK(order <= PAGE_ALLOC_COSTLY_ORDER);
	fake.asked++;
	if (!(gfp & __GFP_FS))
		return false;
	fake.kills++;
	return give_back(fake.after_kill) > 0;
}

static const struct reclaim_ops fake_ops = {
	.direct_reclaim = fake_reclaim,
	.wake_kswapd = fake_wake,
	.out_of_memory = fake_kill,
};

static void make_short(void)
{
	take_all(GFP_KERNEL);
	memset(&fake, 0, sizeof(fake));
	register_reclaim_ops(&fake_ops);
}

static void end_short(void)
{
	register_reclaim_ops(NULL);
	give_back(~0UL);
}

TEST_MACHINE(falling_below_low_wakes_kswapd_and_goes_on, &small)
{
	struct zone *zone = only_zone();

	memset(&fake, 0, sizeof(fake));
	register_reclaim_ops(&fake_ops);
	while (!fake.wakes)
		hoard = ({
			struct page *page = alloc_page(GFP_KERNEL);

			CHECK(page);
			page->link.next = hoard;
			(u32) page_to_pfn(page);
		});
	CHECK(zone->free_pages < zone->watermark[WMARK_LOW]);
	CHECK(zone->free_pages >= zone->watermark[WMARK_MIN]);
	CHECK_EQ(fake.reclaims, 0);
	end_short();
}

TEST_MACHINE(falling_below_min_reclaims_and_succeeds, &small)
{
	struct page *page;

	make_short();
	fake.each = 4;
	page = alloc_page(GFP_KERNEL);
	CHECK(page);
	CHECK_EQ(fake.reclaims, 1);
	CHECK_EQ(fake.kills, 0);
	CHECK_EQ(sum_vm_event(VMEV_allocstall_normal) > 0, 1);
	__free_page(page);
	end_short();
}

TEST_MACHINE(requests_that_may_not_wait_never_reclaim, &small)
{
	make_short();
	fake.each = 4;
	CHECK(!alloc_page(GFP_NOWAIT));
	CHECK_EQ(fake.reclaims, 0);
	CHECK(fake.wakes > 0);
	end_short();
}

TEST_MACHINE(noretry_reclaims_once_and_gives_up, &small)
{
	make_short();
	CHECK(!alloc_page(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN));
	CHECK_EQ(fake.reclaims, 1);
	CHECK_EQ(fake.asked, 0);
	end_short();
}

TEST_MACHINE(without_progress_the_out_of_memory_rule_decides, &small)
{
	struct page *page;

	make_short();
	fake.after_kill = 8;
	page = alloc_page(GFP_KERNEL);
	CHECK(page);
	CHECK_EQ(fake.kills, 1);
	CHECK_EQ(fake.reclaims, MAX_RECLAIM_RETRIES + 1);
	__free_page(page);
	take_all(GFP_KERNEL | __GFP_NORETRY);
	fake.kills = 0;
	fake.after_kill = 0;
	/* The rule has told about it: no second report. */
	CHECK(!alloc_page(GFP_KERNEL));
	CHECK_EQ(fake.kills, 1);
	end_short();
}

TEST_MACHINE(nobody_is_killed_for_a_large_or_careful_request, &small)
{
	make_short();
	CHECK(!alloc_pages(GFP_KERNEL | __GFP_NOWARN, 4));
	CHECK_EQ(fake.reclaims, 1);
	CHECK(!alloc_page(GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN));
	CHECK_EQ(fake.reclaims, 1 + MAX_RECLAIM_RETRIES + 1);
	CHECK(!alloc_pages(GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN, 5));
	CHECK_EQ(fake.reclaims, 1 + 2 * (MAX_RECLAIM_RETRIES + 1));
	CHECK(!alloc_pages_node(0, GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN,
				0));
	CHECK_EQ(fake.asked, 0);
	CHECK(!alloc_page(GFP_NOFS | __GFP_NOWARN));
	CHECK_EQ(fake.asked, 1);
	CHECK_EQ(fake.kills, 0);
	end_short();
}

TEST_MACHINE(nofail_waits_until_there_is_memory, &small)
{
	struct page *page;

	make_short();
	fake.each = 0;
	/* Without progress for long; then a reclaim finds something. */
	fake.after_kill = 1;
	page = alloc_page(GFP_KERNEL | __GFP_NOFAIL);
	CHECK(page);
	CHECK(fake.reclaims > MAX_RECLAIM_RETRIES);
	__free_page(page);
	end_short();
}

TEST_MACHINE(who_may_not_wake_kswapd_does_not, &small)
{
	make_short();
	CHECK(!alloc_page(__GFP_NOWARN));
	CHECK_EQ(fake.wakes, 0);
	end_short();
}

/* Reclaim that makes progress never asks who may be killed. */
TEST_MACHINE(a_small_run_is_reclaimed_for_until_it_is_there, &small)
{
	struct page *page;

	make_short();
	fake.each = 64;
	page = alloc_pages(GFP_KERNEL, 1);
	CHECK(page);
	CHECK_EQ(fake.kills, 0);
	CHECK_GE(fake.reclaims, 1);
	__free_pages(page, 1);
	/* A costly one is not worth that: it is given up after some rounds. */
	fake.each = 0;
	take_all(GFP_KERNEL | __GFP_NORETRY);
	fake.each = 1;
	CHECK(!alloc_pages(GFP_KERNEL | __GFP_NOWARN, MAX_ORDER));
	CHECK_EQ(fake.kills, 0);
	end_short();
}

/* ---- whose request it is ---- */

static enum task_reserves fake_reserves;

static enum task_reserves reserves_of_the_task(void)
{
	return fake_reserves;
}

TEST_MACHINE(a_task_that_dies_or_reclaims_goes_below_min, &small)
{
	static const struct reclaim_ops ops = {
		.direct_reclaim = fake_reclaim,
		.out_of_memory = fake_kill,
		.task_reserves = reserves_of_the_task,
	};
	struct zone *zone = only_zone();
	unsigned long mark = zone->watermark[WMARK_MIN];

	make_short();
	register_reclaim_ops(&ops);
	fake_reserves = RESERVES_VICTIM;
	take_all(GFP_KERNEL);
	CHECK_EQ(zone->free_pages, mark - mark / 2);
	/* The urgent request of such a task: both. */
	take_all(GFP_KERNEL | __GFP_HIGH);
	mark -= mark / 2;
	CHECK_EQ(zone->free_pages, mark - mark / 2);
	CHECK(!alloc_page(GFP_KERNEL | __GFP_NOMEMALLOC | __GFP_NOWARN));
	/* Who reclaims takes all there is, and is not sent to reclaim. */
	fake_reserves = RESERVES_ALL;
	fake.reclaims = fake.asked = 0;
	CHECK(!alloc_page(GFP_KERNEL | __GFP_NOMEMALLOC | __GFP_NOWARN));
	take_all(GFP_KERNEL);
	CHECK_EQ(nr_free_pages(), 0);
	CHECK_EQ(fake.reclaims, 0);
	CHECK_EQ(fake.asked, 0);
	page_validate();
	end_short();
}

/* A rule that has memory come in its own time. */
static unsigned int asks_until_memory;

static bool slow_victim(gfp_t gfp, unsigned int order)
{
	(void)gfp;
	(void)order;
	if (!--asks_until_memory)
		give_back(64);
	return true;
}

/* Orders 0 to 3 wait as long as somebody is dying; 4 does not. */
TEST_MACHINE(small_requests_wait_for_a_victim_to_go, &small)
{
	static const struct reclaim_ops ops = {.out_of_memory = slow_victim};
	unsigned int order;
	struct page *page;

	for (order = 0; order <= PAGE_ALLOC_COSTLY_ORDER; order++) {
		make_short();
		register_reclaim_ops(&ops);
		asks_until_memory = 50;
		while (!(page = alloc_pages(GFP_KERNEL | __GFP_NORETRY |
						    __GFP_NOWARN,
					    order))) {
			/* Nobody waits who said that it need not. */
			CHECK_EQ(asks_until_memory, 50);
			page = alloc_pages(GFP_KERNEL, order);
			break;
		}
		CHECK(page);
		__free_pages(page, order);
		end_short();
	}
	make_short();
	register_reclaim_ops(&ops);
	asks_until_memory = 1;
	CHECK(!alloc_pages(GFP_KERNEL | __GFP_NOWARN, 4));
	CHECK_EQ(asks_until_memory, 1);
	CHECK(!alloc_page(GFP_KERNEL | GFP_DMA | __GFP_NOWARN));
	CHECK_EQ(asks_until_memory, 1);
	end_short();
}

/* Somebody else's victim has just gone: nobody has to follow. */
static unsigned long reclaim_at_last(gfp_t gfp, unsigned int order)
{
	(void)gfp;
	(void)order;
	if (++fake.reclaims == MAX_RECLAIM_RETRIES + 1)
		give_back(~0UL);
	return 0;
}

TEST_MACHINE(a_last_round_that_helps_spares_the_victim, &small)
{
	static const struct reclaim_ops ops = {
		.direct_reclaim = reclaim_at_last,
		.out_of_memory = fake_kill,
	};
	struct page *page;

	make_short();
	register_reclaim_ops(&ops);
	page = alloc_page(GFP_KERNEL);
	CHECK(page);
	CHECK_EQ(fake.reclaims, MAX_RECLAIM_RETRIES + 1);
	CHECK_EQ(fake.asked, 0);
	__free_page(page);
	end_short();
}

TEST_MACHINE(nofail_takes_reserves_and_says_when_it_asks_too_much, &small)
{
	struct zone *zone = only_zone();
	struct page *page;

	make_short();
	page = alloc_page(GFP_KERNEL | __GFP_NOFAIL);
	CHECK(page);
	CHECK_EQ(fake.asked, 1);
	CHECK(zone->free_pages < zone->watermark[WMARK_MIN]);
	__free_page(page);
	give_back(512);
	drain_all_pages();
	take_all(GFP_KERNEL);
	fake.each = 300;
	test_expect_report("order > 1");
	page = alloc_pages(GFP_KERNEL | __GFP_NOFAIL, 2);
	CHECK(page);
	__free_pages(page, 2);
	page = alloc_pages(GFP_KERNEL | __GFP_NOFAIL, 2);
	CHECK(page);
	__free_pages(page, 2);
	CHECK_EQ(test_expect_end(), 1);
	end_short();
}

/* Who may not wait cannot insist either. */
TEST_MACHINE(nofail_without_waiting_is_reported_and_may_fail, &small)
{
	make_short();
	test_expect_report("!may_block");
	CHECK(!alloc_page(GFP_NOWAIT | __GFP_NOFAIL));
	CHECK_EQ(test_expect_end(), 1);
	end_short();
}

TEST_MACHINE(nomemalloc_wins_over_memalloc_and_high, &small)
{
	struct zone *zone = only_zone();

	take_all(GFP_KERNEL);
	CHECK_EQ(take_all(GFP_ATOMIC | __GFP_NOMEMALLOC), 0);
	CHECK_EQ(take_all(GFP_ATOMIC | __GFP_MEMALLOC | __GFP_NOMEMALLOC), 0);
	CHECK_EQ(zone->free_pages, zone->watermark[WMARK_MIN]);
	give_back(~0UL);
}

/* Reclaim that frees something, which others take: it counts as progress. */
static unsigned int rounds_in_vain;

static unsigned long reclaim_for_others(gfp_t gfp, unsigned int order)
{
	(void)gfp;
	(void)order;
	if (++fake.reclaims > rounds_in_vain)
		give_back(64);
	return 1;
}

TEST_MACHINE(progress_starts_the_count_of_rounds_anew, &small)
{
	static const struct reclaim_ops ops = {
		.direct_reclaim = reclaim_for_others,
		.out_of_memory = fake_kill,
	};
	struct page *page;

	make_short();
	register_reclaim_ops(&ops);
	rounds_in_vain = 3 * MAX_RECLAIM_RETRIES;
	page = alloc_page(GFP_KERNEL);
	CHECK(page);
	CHECK_EQ(fake.reclaims, rounds_in_vain + 1);
	CHECK_EQ(fake.asked, 0);
	__free_page(page);
	end_short();
	/* Not for a costly order, which is given up as if there were none. */
	make_short();
	register_reclaim_ops(&ops);
	rounds_in_vain = ~0U;
	CHECK(!alloc_pages(GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN, 4));
	CHECK_EQ(fake.reclaims, MAX_RECLAIM_RETRIES + 1);
	end_short();
}
