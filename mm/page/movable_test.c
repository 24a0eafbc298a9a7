/* SPDX-License-Identifier: MIT */
/*
 * movable_test.c - what kernelcore= and movablecore= make of the nodes, and
 * who gets the frames of ZONE_MOVABLE.
 */
#include "mm/page/movable.c"

#include <quire/gfp.h>
#include <quire/vmstat.h>

#include "mm/page/page.h"
#include "port/soft/soft.h"
#include "test/test.h"

#define MIB ((phys_addr_t)1 << 20)

/* ---- the words ---- */

/* Read a word into a clean state, which is put back. */
static struct core_size read_word(const char *name, const char *value)
{
	struct core_size was = movable.kernelcore, is;

	movable.kernelcore = (struct core_size){.pages = 0};
	CHECK(movable_param(name, value));
	is = movable.kernelcore;
	movable.kernelcore = was;
	return is;
}

TEST(movable_sizes_are_read_with_suffix_or_percent)
{
	CHECK_EQ(read_word("kernelcore", "4097").pages, 2);
	CHECK_EQ(read_word("kernelcore", "64M").pages, 64 * MIB >> PAGE_SHIFT);
	CHECK_EQ(read_word("kernelcore", "1g").pages, 1 << 18);
	CHECK_EQ(read_word("kernelcore", "0x1000").pages, 1);
	CHECK_EQ(read_word("kernelcore", "30%").percent, 30);
	CHECK(read_word("kernelcore", "0").given);
	CHECK_EQ(read_word("kernelcore", "0xffffffffffffffff").pages,
		 1UL << (64 - PAGE_SHIFT));
	CHECK(!movable_param("kernelcor", "1M"));
	CHECK(!movable_param("slab_nomerge", NULL));
	/* Without losing digits: a percentage of very much memory. */
	CHECK_EQ(core_pages(&(struct core_size){.percent = 99}, 1UL << 60),
		 (1UL << 60) / 100 * 99 + (1UL << 60) % 100 * 99 / 100);
}

TEST(movable_words_that_cannot_be_followed_are_named)
{
	static const char *const bad[] = {"",	  "M",	 "-5",	"5x",
					  "101%", "5%%", "5M%", "mirror2"};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		test_expect_report("neither a size nor a percentage");
		CHECK(!read_word("kernelcore", bad[i]).given);
		test_expect_end();
	}
	test_expect_report("neither a size nor a percentage");
	CHECK(!read_word("kernelcore", NULL).given);
	test_expect_end();
	test_expect_report("no memory of this machine is known to be mirrored");
	CHECK(!read_word("kernelcore", "mirror").given);
	test_expect_end();
}

/* ---- the spread, on maps of memory alone ---- */

#define NORMAL_PFN (16 * MIB >> PAGE_SHIFT) /* the highest zone here */

/* Nodes one above the other from 0 on, sizes in MiB; 0 ends. */
struct picture {
	const char *kernelcore, *movablecore;
	unsigned int size[MAX_NUMNODES];
	/* MiB below each node's boundary; the size: no ZONE_MOVABLE. */
	unsigned int kernel[MAX_NUMNODES];
};

static const struct picture pictures[] = {
	/* one node */
	{"64M", NULL, {128}, {64}},
	{NULL, "64M", {128}, {64}},
	{"50%", NULL, {128}, {64}},
	{NULL, "25%", {128}, {96}},
	{"1M", NULL, {128}, {16}},  /* low zones are the kernel's */
	{"61M", NULL, {128}, {64}}, /* whole blocks of 4 MiB */
	/* both: the kernel gets the larger part */
	{"32M", "64M", {128}, {64}},
	{"96M", "64M", {128}, {96}},
	/* evenly */
	{"96M", NULL, {64, 64, 64}, {32, 32, 32}},
	{NULL, "96M", {64, 64, 64}, {32, 32, 32}},
	/* a small node keeps all, and the others keep more */
	{"96M", NULL, {64, 16, 64}, {40, 16, 40}},
	/* node 0 is in low zones as a whole and has more than its share */
	{"40M", NULL, {16, 64, 64}, {16, 12, 12}},
	{"16M", NULL, {16, 64, 64}, {16, 0, 0}},
};

/* What a picture asks for, on mem; the test's machine keeps its own. */
static void spread_picture(const struct picture *p,
			   const struct memblock_list *mem,
			   unsigned long start[MAX_NUMNODES])
{
	__typeof__(movable) was = movable;

	movable.kernelcore = movable.movablecore = (struct core_size){0};
	if (p->kernelcore)
		movable_param("kernelcore", p->kernelcore);
	if (p->movablecore)
		movable_param("movablecore", p->movablecore);
	spread(mem, NORMAL_PFN);
	memcpy(start, movable.start_pfn, sizeof(movable.start_pfn));
	movable = was;
}

TEST(movable_is_spread_evenly_over_the_nodes)
{
	unsigned int k;

	for (k = 0; k < ARRAY_SIZE(pictures); k++) {
		const struct picture *p = &pictures[k];
		struct mem_range ranges[MAX_NUMNODES];
		struct memblock_list mem = {.ranges = ranges};
		unsigned long start[MAX_NUMNODES];
		phys_addr_t at = 0;
		unsigned int i;

		for (i = 0; i < MAX_NUMNODES && p->size[i]; i++) {
			ranges[mem.nr++] =
				(struct mem_range){.start = at,
						   .end = at + p->size[i] * MIB,
						   .nid = (int)i};
			at += p->size[i] * MIB;
		}
		spread_picture(p, &mem, start);
		for (i = 0; i < mem.nr; i++) {
			phys_addr_t want = ranges[i].start + p->kernel[i] * MIB;

			CHECK_EQ(start[i], want == ranges[i].end
						   ? ~0UL
						   : want >> PAGE_SHIFT);
		}
	}
}

TEST(movable_takes_nothing_when_one_side_would_get_nothing)
{
	static const struct picture none[] = {
		{.kernelcore = "500M"},	 {.kernelcore = "100%"},
		{.movablecore = "0"},	 {.movablecore = "100%"},
		{.movablecore = "500M"}, {.kernelcore = "0"},
	};
	struct mem_range range = {.start = 0, .end = 128 * MIB};
	struct memblock_list mem = {.ranges = &range, .nr = 1};
	unsigned long start[MAX_NUMNODES];
	unsigned int k;

	for (k = 0; k < ARRAY_SIZE(none); k++) {
		test_expect_report("no memory is set apart");
		spread_picture(&none[k], &mem, start);
		test_expect_end();
		CHECK_EQ(start[0], ~0UL);
	}
	/* Not asked for: nothing to tell. */
	spread_picture(&(struct picture){0}, &mem, start);
	CHECK_EQ(start[0], ~0UL);
}

/* The node's frames below pfn, one by one; and those that it has. */
static unsigned long frames_below(const struct memblock_list *mem, int nid,
				  unsigned long pfn)
{
	unsigned long nr = 0;
	unsigned int i;

	for (i = 0; i < mem->nr; i++) {
		const struct mem_range *r = &mem->ranges[i];

		if (r->nid == nid && range_start(r) < pfn)
			nr += min(range_end(r), pfn) - range_start(r);
	}
	return nr;
}

/* Ranges of any nodes in any order, with holes; Z1, Z2 and the levels. */
TEST(movable_spread_of_random_maps_keeps_what_was_wanted)
{
	unsigned int round, i;

	for (round = 0; round < 2000; round++) {
		struct mem_range ranges[20];
		struct memblock_list mem = {.ranges = ranges};
		unsigned long start[MAX_NUMNODES], at = 0, total = 0;
		unsigned long kernel = 0, wanted, level = 0;
		__typeof__(movable) was = movable;
		int nid;

		mem.nr = 1 + (unsigned int)test_random_below(20);
		for (i = 0; i < mem.nr; i++) {
			unsigned long nr = 1 + test_random_below(8000);

			at += test_random_below(3) * test_random_below(3000);
			ranges[i].start = (phys_addr_t)at << PAGE_SHIFT;
			at += nr;
			ranges[i].end = (phys_addr_t)at << PAGE_SHIFT;
			ranges[i].nid = (int)test_random_below(MAX_NUMNODES);
			total += nr;
		}
		wanted = 1 + test_random_below(total);
		movable.movablecore.given = false;
		movable.kernelcore =
			(struct core_size){.pages = wanted, .given = true};
		if (wanted >= total)
			test_expect_report("the kernel needs all");
		spread(&mem, NORMAL_PFN);
		if (wanted >= total)
			test_expect_end();
		memcpy(start, movable.start_pfn, sizeof(start));
		movable = was;
		for (nid = 0; nid < MAX_NUMNODES; nid++) {
			kernel += frames_below(&mem, nid, start[nid]);
			if (start[nid] == ~0UL)
				continue;
			CHECK(start[nid] % BLOCK_PAGES == 0); /* Z2 */
			CHECK(start[nid] >= NORMAL_PFN);      /* Z2 */
			CHECK(frames_below(&mem, nid, ~0UL) >
			      frames_below(&mem, nid, start[nid]));
			if (start[nid] > NORMAL_PFN)
				level = max(level, frames_below(&mem, nid,
								start[nid]));
		}
		CHECK(kernel >= wanted); /* Z1 */
		/* Who has a zone kept no more than others could, but a block. */
		for (nid = 0; nid < MAX_NUMNODES; nid++)
			if (start[nid] != ~0UL)
				CHECK(frames_below(&mem, nid, start[nid]) +
					      2 * BLOCK_PAGES >=
				      level);
	}
}

/* ---- machines ---- */

static const struct mem_range ranges[] = {
	{1 * MIB, 8 * MIB, 0, MEM_RANGE_USABLE},
	{16 * MIB, 48 * MIB, 0, MEM_RANGE_USABLE},
	{48 * MIB, 80 * MIB, 1, MEM_RANGE_USABLE},
};
static const u8 cpu_nodes[] = {0, 1, 0, 1};
static const struct soft_layout half_movable = {
	.ranges = ranges,
	.nr_ranges = ARRAY_SIZE(ranges),
	.nr_cpus = 4,
	.nr_nodes = 2,
	.cpu_to_node = cpu_nodes,
	.cmdline = "quiet movablecore=40M",
};

static struct zone *zone_of_new(int nid, gfp_t gfp)
{
	struct page *page = alloc_pages_node(nid, gfp, 0);
	struct zone *zone = page ? page_zone(page) : NULL;

	if (page)
		__free_page(page);
	return zone;
}

TEST_MACHINE(movable_zones_lie_at_the_end_of_each_node, &half_movable)
{
	int nid;

	for (nid = 0; nid < 2; nid++) {
		struct zone *zone = &NODE_DATA(nid)->node_zones[ZONE_MOVABLE];

		/* 71 MiB: 31 for the kernel, 15.5 and a block on each node. */
		CHECK_EQ(zone->zone_start_pfn,
			 (nid ? 64 : 28) * MIB >> PAGE_SHIFT);
		CHECK_EQ(zone_end_pfn(zone), ranges[nid + 1].end >> PAGE_SHIFT);
		CHECK(zone_of_new(nid, GFP_HIGHUSER_MOVABLE) == zone);
		CHECK(zone_of_new(nid, GFP_HIGHUSER_MOVABLE | __GFP_ZERO) ==
		      zone);
		CHECK(zone_of_new(nid, GFP_KERNEL | __GFP_MOVABLE) ==
		      &NODE_DATA(nid)->node_zones[ZONE_DMA32]);
		CHECK(zone_of_new(nid, GFP_HIGHUSER) ==
		      &NODE_DATA(nid)->node_zones[ZONE_DMA32]);
	}
	page_validate();
}

/* vm.lowmem_reserve_ratio: of DMA and DMA32 256, of what lies above none. */
TEST_MACHINE(movable_zones_are_among_those_that_lower_ones_reserve_for,
	     &half_movable)
{
	struct zone *zones = NODE_DATA(0)->node_zones;
	unsigned long dma32 = zones[ZONE_DMA32].managed_pages;
	unsigned long up = zones[ZONE_MOVABLE].managed_pages;

	CHECK(up > 4096);
	CHECK_EQ(zones[ZONE_DMA32].lowmem_reserve[ZONE_HIGHMEM], 0);
	CHECK_EQ(zones[ZONE_DMA32].lowmem_reserve[ZONE_MOVABLE], up / 256);
	CHECK_EQ(zones[ZONE_DMA].lowmem_reserve[ZONE_HIGHMEM], dma32 / 256);
	CHECK_EQ(zones[ZONE_DMA].lowmem_reserve[ZONE_MOVABLE],
		 (dma32 + up) / 256);
	CHECK_EQ(zones[ZONE_MOVABLE].lowmem_reserve[ZONE_MOVABLE], 0);
	/* The other node's zones do not count. */
	CHECK_EQ(NODE_DATA(1)
			 ->node_zones[ZONE_DMA32]
			 .lowmem_reserve[ZONE_MOVABLE],
		 NODE_DATA(1)->node_zones[ZONE_MOVABLE].managed_pages / 256);
}

/* The kernel's requests fail sooner than they take what must stay movable. */
TEST_MACHINE(movable_zones_never_serve_the_kernel, &half_movable)
{
	unsigned long before = nr_free_pages(), got = 0;
	u32 hoard = PFN_NIL;
	struct page *page;

	while ((page = alloc_page(GFP_NOWAIT | __GFP_HIGHMEM))) {
		CHECK(page_zone(page)->idx != ZONE_MOVABLE);
		page->link.next = hoard;
		hoard = (u32)page_to_pfn(page);
		got++;
	}
	CHECK(got > 4000 && before - got > 4000);
	CHECK_EQ(zone_of_new(0, GFP_HIGHUSER_MOVABLE)->idx, ZONE_MOVABLE);
	while (hoard != PFN_NIL) {
		page = pfn_to_page(hoard);
		hoard = page->link.next;
		__free_page(page);
	}
	page_validate();
}

/* Users go on below when their zone is full, but for what is reserved. */
TEST_MACHINE(movable_requests_fall_back_to_the_kernels_zones, &half_movable)
{
	unsigned long in[MAX_NR_ZONES] = {0};
	u32 hoard = PFN_NIL;
	struct page *page;

	while ((page = alloc_page(GFP_NOWAIT | __GFP_HIGHMEM |
				  __GFP_MOVABLE))) {
		in[page_zone(page)->idx]++;
		page->link.next = hoard;
		hoard = (u32)page_to_pfn(page);
	}
	CHECK(in[ZONE_MOVABLE] > 8000 && in[ZONE_DMA32] > 4000);
	/* Below, a 32nd or 256th of what lies above is kept for others. */
	CHECK(zone_of_new(0, GFP_NOWAIT));
	while (hoard != PFN_NIL) {
		page = pfn_to_page(hoard);
		hoard = page->link.next;
		__free_page(page);
	}
	page_validate();
}

static const gfp_t kinds[] = {GFP_KERNEL, GFP_HIGHUSER, GFP_HIGHUSER_MOVABLE,
			      GFP_HIGHUSER_MOVABLE | __GFP_ZERO};

TEST_MACHINE(movable_zones_stay_whole_through_random_requests, &half_movable)
{
	static struct page *held[700];
	static u8 orders[700];
	unsigned int step, i;

	for (step = 0; step < 6000; step++) {
		gfp_t gfp = kinds[test_random_below(4)] | __GFP_NORETRY |
			    __GFP_NOWARN;

		i = (unsigned int)test_random_below(ARRAY_SIZE(held));
		if (held[i]) {
			__free_pages(held[i], orders[i]);
			held[i] = NULL;
			continue;
		}
		orders[i] = (u8)test_random_below(6);
		held[i] = alloc_pages_node((int)test_random_below(2), gfp,
					   orders[i]);
		if (held[i] && !(gfp & __GFP_MOVABLE))
			CHECK(page_zone(held[i])->idx != ZONE_MOVABLE);
		if (step % 50 == 0)
			page_validate();
	}
	for (i = 0; i < ARRAY_SIZE(held); i++)
		if (held[i])
			__free_pages(held[i], orders[i]);
	page_validate();
}

static void take_and_pass(void *arg, unsigned int cpu)
{
	struct page **slots = arg;
	unsigned int i;

	for (i = 0; i < 4000; i++) {
		struct page *page = alloc_page(kinds[(i + cpu) % 4]);

		CHECK(page);
		page = __atomic_exchange_n(&slots[i % 128], page,
					   __ATOMIC_ACQ_REL);
		if (page)
			__free_page(page);
	}
}

TEST_MACHINE(movable_zones_serve_many_processors_at_once, &half_movable)
{
	static struct page *slots[128];

	CHECK_EQ(test_run_on_cpus(4, take_and_pass, slots), 4);
	page_validate();
	free_pages_bulk(slots, ARRAY_SIZE(slots));
	page_validate();
}

TEST_MACHINE(movable_requests_that_fail_change_nothing, &half_movable)
{
	unsigned long free = nr_free_pages();

	EACH_FAILURE(n) {
		struct page *page = alloc_pages(GFP_HIGHUSER_MOVABLE, 2);

		CHECK(!page == failure_was_injected());
		if (page)
			__free_pages(page, 2);
		CHECK_EQ(nr_free_pages(), free);
	}
}
