/* SPDX-License-Identifier: MIT */
/*
 * highmem_test.c - a machine half of whose frames have no kernel address: who
 * gets them, how they are reached, and that programs do not notice.
 */
#include "mm/page/highmem.c"

#include <quire/gfp.h>
#include <quire/string.h>

#include "mm/page/page.h"
#include "port/soft/soft.h"
#include "test/test.h"

#if CONFIG_HIGHMEM

#define MIB ((phys_addr_t)1 << 20)

static const struct mem_range ranges[] = {
	{16 * MIB, 32 * MIB, 0, MEM_RANGE_USABLE},
	{32 * MIB, 64 * MIB, 0, MEM_RANGE_USABLE},
};
static const struct soft_layout half_high = {
	.ranges = ranges,
	.nr_ranges = ARRAY_SIZE(ranges),
	.nr_cpus = 4,
	.highmem_start = 32 * MIB,
};

TEST_MACHINE(highmem_pages_have_no_address_until_mapped, &half_high)
{
	struct page *page = alloc_page(GFP_HIGHUSER);
	struct page *low = alloc_page(GFP_KERNEL);
	char *a, *b;

	CHECK(PageHighMem(page) && !PageHighMem(low));
	CHECK(!page_address(page));
	CHECK(page_address(low));
	a = kmap(page);
	CHECK(page_address(page) == a);
	CHECK(kmap(page) == a);
	strscpy(a, "seen twice", 20);
	b = kmap_local_page(page);
	CHECK(b != a);
	CHECK_STR(b, "seen twice");
	kunmap_local(b + 5);
	kunmap(page);
	CHECK(page_address(page) == a);
	page_validate();
	kunmap(page);
	CHECK(!page_address(page));
	/* Where there is an address, both are that. */
	CHECK(kmap(low) == page_address(low));
	CHECK(kmap_local_page(low) == page_address(low));
	kunmap_local(page_address(low));
	kunmap(low);
	page_validate();
	__free_page(page);
	__free_page(low);
}

TEST_MACHINE(highmem_is_what_lower_zones_reserve_for, &half_high)
{
	struct zone *zones = NODE_DATA(0)->node_zones;

	CHECK_EQ(zones[ZONE_HIGHMEM].managed_pages, 32 * MIB >> PAGE_SHIFT);
	CHECK_EQ(zones[ZONE_DMA32].lowmem_reserve[ZONE_NORMAL], 0);
	CHECK_EQ(zones[ZONE_DMA32].lowmem_reserve[ZONE_HIGHMEM],
		 (32 * MIB >> PAGE_SHIFT) / 256);
	CHECK_EQ(zones[ZONE_HIGHMEM].lowmem_reserve[ZONE_MOVABLE], 0);
}

TEST_MACHINE(highmem_never_serves_who_needs_an_address, &half_high)
{
	unsigned long addr, nr = 0;
	u32 hoard = PFN_NIL;
	struct page *page;

	while ((page = alloc_page(GFP_NOWAIT))) {
		CHECK(!PageHighMem(page));
		page->link.next = hoard;
		hoard = (u32)page_to_pfn(page);
		nr++;
	}
	CHECK(nr > 3000 && nr < 4096);
	addr = __get_free_pages(GFP_NOWAIT | __GFP_HIGHMEM, 0);
	CHECK(!addr);
	page = alloc_page(GFP_NOWAIT | __GFP_HIGHMEM | __GFP_ZERO);
	CHECK(page && PageHighMem(page));
	__free_page(page);
	while (hoard != PFN_NIL) {
		page = pfn_to_page(hoard);
		hoard = page->link.next;
		__free_page(page);
	}
	page_validate();
}

TEST_MACHINE(highmem_pages_are_cleared_and_copied, &half_high)
{
	struct page *run = alloc_pages(GFP_HIGHUSER, 3), *zeroed;
	unsigned int i;
	char *p;

	CHECK(PageHighMem(run));
	for (i = 0; i < 8; i++) {
		p = kmap_local_page(run + i);
		memset(p, 'a' + (int)i, PAGE_SIZE);
		kunmap_local(p);
	}
	copy_highpage(run, run + 7);
	memzero_page(run, 10, 20);
	memcpy_to_page(run, 12, "xyz", 3);
	p = kmap_local_page(run);
	CHECK(p[9] == 'h' && p[10] == 0 && p[12] == 'x' && p[29] == 0 &&
	      p[30] == 'h');
	kunmap_local(p);
	__free_pages(run, 3);
	zeroed = alloc_pages(GFP_HIGHUSER | __GFP_ZERO, 3);
	CHECK(zeroed == run);
	for (i = 0; i < 8; i++) {
		char found[PAGE_SIZE];

		memcpy_from_page(found, zeroed + i, 0, PAGE_SIZE);
		CHECK(!memchr(found, 'a' + (int)i, PAGE_SIZE));
		CHECK(!found[0] && !found[PAGE_SIZE - 1]);
	}
	__free_pages(zeroed, 3);
}

/* ---- the stack of each processor ---- */

static void map_one_too_many(void *page)
{
	unsigned int i;

	for (i = 0; i <= KM_MAX_IDX; i++)
		kmap_local_page(page);
}

static void unmap_in_wrong_order(void *page)
{
	char *a = kmap_local_page(page);

	kmap_local_page(page);
	kunmap_local(a);
}

TEST_MACHINE(highmem_local_mappings_are_a_stack, &half_high)
{
	struct page *page = alloc_page(GFP_HIGHUSER);
	char *at[KM_MAX_IDX], text[128];
	unsigned int i;

	for (i = 0; i < KM_MAX_IDX; i++) {
		at[i] = kmap_local_page(page);
		CHECK(!i || at[i] != at[i - 1]);
	}
	while (i)
		kunmap_local(at[--i]);
	CHECK(kmap_local_page(page) == at[0]);
	kunmap_local(at[0]);
	CHECK(soft_catch_panic(unmap_in_wrong_order, page, text, sizeof(text)));
	*this_cpu_ptr(&kmap_depth) = 0;
	CHECK(soft_catch_panic(map_one_too_many, page, text, sizeof(text)));
	*this_cpu_ptr(&kmap_depth) = 0;
	__free_page(page);
}

/* ---- the pool ---- */

static struct page *shared[KMAP_POOL + 8];

/* More pages than places: each waits until another gives one up. */
static void map_all(void *arg, unsigned int cpu)
{
	unsigned int round, i;

	(void)arg;
	for (round = 0; round < 40; round++) {
		for (i = cpu; i < ARRAY_SIZE(shared); i += 4) {
			u32 *word = kmap(shared[i]);
			char *local = kmap_local_page(shared[i]);

			CHECK_EQ(*word, i * 100 + round);
			*(u32 *)local = *word + 1;
			kunmap_local(local);
			kunmap(shared[i]);
		}
	}
}

TEST_MACHINE(highmem_pool_serves_many_processors, &half_high)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(shared); i++) {
		u32 word = i * 100;

		shared[i] = alloc_page(GFP_HIGHUSER);
		memcpy_to_page(shared[i], 0, &word, sizeof(word));
	}
	CHECK_EQ(test_run_on_cpus(4, map_all, NULL), 4);
	page_validate();
	free_pages_bulk(shared, ARRAY_SIZE(shared));
}

static u32 given_back;

static void fill_or_wait(void *arg, unsigned int cpu)
{
	unsigned int i;

	(void)arg;
	if (cpu == 0) {
		/* All places are taken: the other one is waiting, or will. */
		for (i = 0; i < 1000; i++)
			cpu_relax();
		__atomic_store_n(&given_back, 1, __ATOMIC_RELEASE);
		kunmap(shared[3]);
	} else if (cpu == 1) {
		CHECK(kmap(shared[KMAP_POOL]));
		CHECK_EQ(__atomic_load_n(&given_back, __ATOMIC_ACQUIRE), 1);
		kunmap(shared[KMAP_POOL]);
	}
}

TEST_MACHINE(highmem_kmap_waits_for_a_place, &half_high)
{
	unsigned int i;

	for (i = 0; i <= KMAP_POOL; i++)
		shared[i] = alloc_page(GFP_HIGHUSER);
	for (i = 0; i < KMAP_POOL; i++)
		kmap(shared[i]);
	page_validate();
	CHECK_EQ(test_run_on_cpus(2, fill_or_wait, NULL), 2);
	for (i = 0; i < KMAP_POOL; i++)
		if (i != 3)
			kunmap(shared[i]);
	page_validate();
	free_pages_bulk(shared, KMAP_POOL + 1);
}

/* ---- against a model ---- */

TEST_MACHINE(highmem_random_requests_and_mappings, &half_high)
{
	static struct page *held[300];
	static u8 order[300], users[300];
	unsigned int step, mapped = 0;

	for (step = 0; step < 4000; step++) {
		unsigned int i = (unsigned int)test_random_below(300);

		if (!held[i]) {
			bool high = test_random() & 1;

			order[i] = (u8)test_random_below(4);
			held[i] = alloc_pages(high ? GFP_HIGHUSER : GFP_KERNEL,
					      order[i]);
			CHECK(held[i] && (high || !PageHighMem(held[i])));
		} else if (test_random_below(3) == 0 && mapped < KMAP_POOL) {
			CHECK(kmap(held[i]) == page_address(held[i]));
			users[i]++;
			mapped++;
		} else if (users[i]) {
			kunmap(held[i]);
			users[i]--;
			mapped--;
		} else {
			CHECK(!PageHighMem(held[i]) == !!page_address(held[i]));
			__free_pages(held[i], order[i]);
			held[i] = NULL;
		}
		if (step % 40 == 0)
			page_validate();
	}
	for (step = 0; step < 300; step++) {
		while (users[step]) {
			kunmap(held[step]);
			users[step]--;
		}
		if (held[step])
			__free_pages(held[step], order[step]);
	}
	page_validate();
}

#endif
