/* SPDX-License-Identifier: MIT */
/*
 * page_alloc_test.c - what each gfp flag and each call means, and what happens
 * when memory is short.
 */
#include "mm/page/page_alloc.c"

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

/* ---- short of memory: small machines of one zone and one processor ---- */

static const struct mem_range small_ranges[] = {
	{16 * MIB, 24 * MIB, 0, MEM_RANGE_USABLE},
};
static const struct soft_layout small = {
	.ranges = small_ranges,
	.nr_ranges = ARRAY_SIZE(small_ranges),
	.nr_cpus = 1,
	.nr_nodes = 1,
};

/* Frames taken, linked by number; the owner's link is free for that. */
static u32 hoard = PFN_NIL;

static unsigned long take_all(gfp_t gfp)
{
	unsigned long nr = 0;
	struct page *page;

	while ((page = alloc_page(gfp | __GFP_NOWARN))) {
		page->link.next = hoard;
		hoard = (u32)page_to_pfn(page);
		nr++;
	}
	return nr;
}

static unsigned long give_back(unsigned long nr)
{
	unsigned long given = 0;

	while (given < nr && hoard != PFN_NIL) {
		struct page *page = pfn_to_page(hoard);

		hoard = page->link.next;
		__free_page(page);
		given++;
	}
	return given;
}

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

/* ---- zones in line: 8 MiB each of DMA, DMA32 and NORMAL ---- */

static const struct mem_range three_ranges[] = {
	{4 * MIB, 12 * MIB, 0, MEM_RANGE_USABLE},
	{32 * MIB, 40 * MIB, 0, MEM_RANGE_USABLE},
	{4096 * MIB, 4104 * MIB, 0, MEM_RANGE_USABLE},
};
static const struct soft_layout three_zones = {
	.ranges = three_ranges,
	.nr_ranges = ARRAY_SIZE(three_ranges),
	.nr_cpus = 1,
	.nr_nodes = 1,
};

TEST_MACHINE(requests_fall_back_to_lower_zones_but_leave_their_reserve,
	     &three_zones)
{
	struct zone *dma = zone_table[ZONE_DMA];
	struct zone *dma32 = zone_table[ZONE_DMA32];
	struct zone *normal = zone_table[ZONE_NORMAL];

	CHECK(dma && dma32 && normal);
	CHECK(dma->lowmem_reserve[ZONE_NORMAL] > 0);
	take_all(GFP_KERNEL);
	CHECK_EQ(normal->free_pages, normal->watermark[WMARK_MIN]);
	CHECK_EQ(dma32->free_pages, dma32->watermark[WMARK_MIN] +
					    dma32->lowmem_reserve[ZONE_NORMAL]);
	CHECK_EQ(dma->free_pages,
		 dma->watermark[WMARK_MIN] + dma->lowmem_reserve[ZONE_NORMAL]);
	/* Those who need low memory still find some. */
	CHECK(take_all(GFP_KERNEL | GFP_DMA32) > 0);
	CHECK(take_all(GFP_KERNEL | GFP_DMA) > 0);
	CHECK_EQ(dma->free_pages, dma->watermark[WMARK_MIN]);
	page_validate();
	give_back(~0UL);
}

/* ---- nodes ---- */

static const struct mem_range node_ranges[] = {
	{16 * MIB, 24 * MIB, 0, MEM_RANGE_USABLE},
	{24 * MIB, 32 * MIB, 1, MEM_RANGE_USABLE},
	{32 * MIB, 41 * MIB, 2, MEM_RANGE_USABLE},
};
static const u8 node_distances[] = {10, 40, 20, 40, 10, 30, 20, 30, 10};
static const struct soft_layout three_nodes = {
	.ranges = node_ranges,
	.nr_ranges = ARRAY_SIZE(node_ranges),
	.nr_cpus = 1,
	.nr_nodes = 3,
	.distances = node_distances,
};

TEST_MACHINE(zonelists_are_by_distance, &three_nodes)
{
	CHECK_EQ(NODE_DATA(0)->zonelist[0]->zone_pgdat->node_id, 0);
	CHECK_EQ(NODE_DATA(0)->zonelist[1]->zone_pgdat->node_id, 2);
	CHECK_EQ(NODE_DATA(0)->zonelist[2]->zone_pgdat->node_id, 1);
	CHECK_EQ(NODE_DATA(1)->zonelist[1]->zone_pgdat->node_id, 2);
	CHECK(!NODE_DATA(0)->zonelist[3]);
}

TEST_MACHINE(thisnode_takes_from_the_named_node_or_nowhere, &three_nodes)
{
	struct page *page;
	int nid;

	for (nid = 0; nid < 3; nid++) {
		page = alloc_pages_node(nid, GFP_KERNEL | __GFP_THISNODE, 0);
		CHECK(page);
		CHECK_EQ(page_to_nid(page), nid);
		__free_page(page);
	}
	while ((page = alloc_pages_node(1, GFP_NOWAIT | __GFP_THISNODE, 0))) {
		CHECK_EQ(page_to_nid(page), 1);
		page->link.next = hoard;
		hoard = (u32)page_to_pfn(page);
	}
	page = alloc_pages_node(1, GFP_KERNEL, 0);
	CHECK(page);
	CHECK_EQ(page_to_nid(page), 2);
	__free_page(page);
	page_validate();
	give_back(~0UL);
}

/* ---- frames without a kernel mapping: 16 MiB with, 16 MiB without ---- */

static const struct mem_range high_ranges[] = {
	{16 * MIB, 48 * MIB, 0, MEM_RANGE_USABLE},
};
static const struct soft_layout highmem = {
	.ranges = high_ranges,
	.nr_ranges = ARRAY_SIZE(high_ranges),
	.nr_cpus = 1,
	.nr_nodes = 1,
	.highmem_start = 32 * MIB,
};

TEST_MACHINE(highmem_serves_only_requests_that_allow_it, &highmem)
{
	struct page *page = alloc_page(GFP_HIGHUSER_MOVABLE), *low, *zeroed;
	unsigned long addr = __get_free_pages(GFP_HIGHUSER, 0);

	CHECK(page && addr);
	CHECK_EQ(page_zonenum(page), ZONE_HIGHMEM);
	CHECK(virt_to_page((void *)addr) < pfn_to_page(32 * MIB >> PAGE_SHIFT));
	low = alloc_page(GFP_KERNEL);
	zeroed = alloc_page(GFP_HIGHUSER_MOVABLE | __GFP_ZERO);
	CHECK(low && zeroed);
	CHECK_EQ(page_zonenum(low), ZONE_DMA32);
	CHECK_EQ(page_zonenum(zeroed), ZONE_HIGHMEM);
	__free_page(page);
	__free_page(low);
	__free_page(zeroed);
	free_page(addr);
}

TEST_MACHINE(highmem_falls_back_to_mapped_memory, &highmem)
{
	struct zone *high = zone_table[ZONE_HIGHMEM];
	struct zone *low = zone_table[ZONE_DMA32];

	CHECK_EQ(high->present_pages, 16 * MIB >> PAGE_SHIFT);
	/* The page array itself needs addresses: it is not up there. */
	CHECK_EQ(high->managed_pages, high->present_pages);
	take_all(GFP_KERNEL);
	CHECK_EQ(high->free_pages, high->managed_pages);
	CHECK_EQ(low->free_pages, low->watermark[WMARK_MIN]);
	take_all(GFP_HIGHUSER);
	CHECK_EQ(high->free_pages, high->watermark[WMARK_MIN]);
	page_validate();
	give_back(~0UL);
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

TEST_MACHINE(who_may_not_wake_kswapd_does_not, &small)
{
	make_short();
	CHECK(!alloc_page(__GFP_NOWARN));
	CHECK_EQ(fake.wakes, 0);
	end_short();
}

/* Memory from 14 to 24 MiB: two zones, DMA and DMA32. */
static const struct mem_range two_ranges[] = {
	{14 * MIB, 24 * MIB, 0, MEM_RANGE_USABLE},
};
static const struct soft_layout two_zones = {
	.ranges = two_ranges,
	.nr_ranges = ARRAY_SIZE(two_ranges),
	.nr_cpus = 1,
	.nr_nodes = 1,
};

static unsigned int woken[MAX_NR_ZONES];

static void note_wake(struct zone *zone, unsigned int order)
{
	(void)order;
	woken[zone->idx]++;
}

TEST_MACHINE(kswapd_is_woken_only_for_zones_that_would_serve, &two_zones)
{
	static const struct reclaim_ops ops = {.wake_kswapd = note_wake};

	take_all(GFP_KERNEL);
	take_all(GFP_DMA);
	register_reclaim_ops(&ops);
	CHECK(!alloc_page(GFP_DMA | __GFP_KSWAPD_RECLAIM | __GFP_NOWARN));
	CHECK_EQ(woken[ZONE_DMA], 1);
	CHECK_EQ(woken[ZONE_DMA32], 0);
	CHECK(!alloc_page(GFP_NOWAIT));
	CHECK_EQ(woken[ZONE_DMA], 2);
	CHECK_EQ(woken[ZONE_DMA32], 1);
	register_reclaim_ops(NULL);
	give_back(~0UL);
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

/* There are no groups, no cpusets and no dirty limits to ask. */
TEST(flags_of_what_is_not_there_change_nothing)
{
	struct page *page = alloc_page(GFP_USER | __GFP_ACCOUNT);

	CHECK(page);
	CHECK_EQ(page_ref_count(page), 1);
	__free_page(page);
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
