/* SPDX-License-Identifier: MIT */
/*
 * vmalloc_test.c - memory that is contiguous only in virtual addresses.
 */
#include "vmalloc.c"

#include <test/test.h>

#include <quire/errno.h>
#include <quire/string.h>

#ifndef QUIRE_METAL
#include "port/soft/soft.h"
#endif

TEST(vmalloc_memory_can_be_used_from_end_to_end)
{
	static const unsigned long sizes[] = {1, 4096, 4097, 300000, 3 << 20};

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		u8 *p = vmalloc(sizes[i]);

		CHECK(p);
		CHECK(is_vmalloc_addr(p) &&
		      IS_ALIGNED((uintptr_t)p, PAGE_SIZE));
		memset(p, 0x5c, sizes[i]);
		/* The same frames through the direct map. */
		for (unsigned long at = 0; at < sizes[i]; at += PAGE_SIZE) {
			struct page *page = vmalloc_to_page(p + at);

			CHECK(page);
			CHECK_EQ(*(u8 *)page_address(page), 0x5c);
		}
		vfree(p);
		CHECK(!vmalloc_to_page(p));
	}
	vmalloc_validate();
	pgtable_validate(init_pgd);
}

TEST(the_guard_page_is_not_mapped)
{
	u8 *p = vmalloc(2 * PAGE_SIZE);

	CHECK(vmalloc_to_page(p + PAGE_SIZE));
	CHECK(!vmalloc_to_page(p + 2 * PAGE_SIZE));
	vfree(p);
}

TEST(vzalloc_clears)
{
	u8 *p = vmalloc(50000);

	memset(p, 0xff, 50000);
	vfree(p);
	p = vzalloc(50000);
	CHECK(p);
	for (int i = 0; i < 50000; i++)
		CHECK_EQ(p[i], 0);
	vfree(p);
}

TEST(vmalloc_counts_its_pages)
{
	unsigned long before = node_stat_pages(NST_nr_vmalloc);
	void *p = vmalloc(5 * PAGE_SIZE);

	CHECK_EQ(node_stat_pages(NST_nr_vmalloc), before + 5);
	vfree(p);
	CHECK_EQ(node_stat_pages(NST_nr_vmalloc), before);
}

TEST(sizes_that_can_never_be_served_are_refused)
{
	CHECK(!vmalloc(0));
	CHECK(!vmalloc((totalram_pages() + 1) << PAGE_SHIFT));
	CHECK(!vmalloc(~0UL));
	CHECK(!vmap(NULL, 0, VM_MAP, PAGE_KERNEL));
	CHECK(!ioremap(0xfee00000, 0));
	CHECK(!ioremap(~0UL - 5, 10));
	vfree(NULL);
	vunmap(NULL);
	iounmap(NULL);
}

TEST(a_vmalloc_that_fails_leaves_nothing_behind)
{
	unsigned long before = node_stat_pages(NST_nr_vmalloc);

	EACH_FAILURE(n) {
		void *p = vmalloc(9 * PAGE_SIZE);

		CHECK_EQ(!p, failure_was_injected());
		vfree(p);
		CHECK_EQ(node_stat_pages(NST_nr_vmalloc), before);
		vmalloc_validate();
		pgtable_validate(init_pgd);
	}
}

TEST(freeing_what_is_no_area_is_reported_and_refused)
{
	char *p = vmalloc(2 * PAGE_SIZE);
	struct page *page = alloc_page(GFP_KERNEL);
	void *m = vmap(&page, 1, VM_MAP, PAGE_KERNEL);

	CHECK(p && m);
	test_expect_report("is not the start of such an area");
	vfree(p + PAGE_SIZE);
	vfree(m);
	vunmap(p);
	vfree(p);
	vfree(p);
	CHECK_EQ(test_expect_end(), 4);
	vunmap(m);
	__free_page(page);
	vmalloc_validate();
}

/* ---- large leaves ---- */

static unsigned int leaf_level_of(const void *p)
{
	unsigned int level;

	pgtable_lookup(init_pgd, (uintptr_t)p, &level);
	return level;
}

/*
 *  5 MiB and 1 byte  [ 2 MiB ][ 2 MiB ][ 257 small pages ]g
 */
TEST(large_areas_begin_with_large_leaves)
{
	unsigned long size = (5UL << 20) + 1;
	u8 *p = vmalloc(size);

	CHECK(p && IS_ALIGNED((uintptr_t)p, pgtable_size(1)));
	CHECK_EQ(leaf_level_of(p), 1);
	CHECK_EQ(leaf_level_of(p + (4 << 20) - 1), 1);
	CHECK_EQ(leaf_level_of(p + (4 << 20)), 0);
	CHECK(vmalloc_to_page(p + size - 1));
	CHECK(!vmalloc_to_page(p + (5 << 20) + PAGE_SIZE));
	CHECK_EQ(vmalloc_to_pfn(p + 3 * PAGE_SIZE), vmalloc_to_pfn(p) + 3);
	CHECK_EQ(vmalloc_to_pfn(NULL), 0);
	memset(p, 0x3c, size);
	vfree(p);
	p = vzalloc(size);
	for (unsigned long i = 0; i < size; i += 61)
		CHECK_EQ(p[i], 0);
	vfree(p);
	vmalloc_validate();
	pgtable_validate(init_pgd);
}

TEST(areas_whose_frames_go_their_own_ways_have_small_leaves)
{
	u8 *p[] = {__vmalloc(2 << 20, GFP_KERNEL), vmalloc_user(2 << 20),
		   vmalloc_32(2 << 20), vmalloc_32_user(2 << 20),
		   __vmalloc_node(2 << 20, 1 << 16, GFP_KERNEL, 0, NULL)};

	for (unsigned int i = 0; i < ARRAY_SIZE(p); i++) {
		struct page *page;

		CHECK(p[i]);
		CHECK_EQ(leaf_level_of(p[i]), 0);
		page = vmalloc_to_page(p[i] + PAGE_SIZE);
		CHECK_EQ(page_ref_count(page), 1);
		if (i == 2 || i == 3)
			CHECK(page_to_pfn(page) < 1UL << (32 - PAGE_SHIFT));
	}
	CHECK_EQ(p[1][12345], 0);
	CHECK(IS_ALIGNED((uintptr_t)p[4], 1 << 16));
	for (unsigned int i = 0; i < ARRAY_SIZE(p); i++)
		vfree(p[i]);
}

TEST(without_permission_all_leaves_are_small)
{
	u8 *p;

	vmap_allow_huge = false;
	p = vmalloc_huge(2 << 20, GFP_KERNEL);
	vmap_allow_huge = true;
	CHECK(p);
	CHECK_EQ(leaf_level_of(p), 0);
	vfree(p);
	vm_unmap_aliases();
	/* The same addresses again: the tables give way. */
	p = vmalloc_huge(2 << 20, GFP_KERNEL);
	CHECK(p);
	CHECK_EQ(leaf_level_of(p), 1);
	p[(2 << 20) - 1] = 1;
	vfree(p);
	vmalloc_validate();
	pgtable_validate(init_pgd);
}

/* The levels of the leaves at each 2 MiB: 1 a large one, 0 small ones. */
static void check_leaves(const u8 *p, const char *levels)
{
	for (; *levels; levels++, p += pgtable_size(1)) {
		CHECK_EQ(leaf_level_of(p), (unsigned int)(*levels - '0'));
		CHECK_EQ(leaf_level_of(p + pgtable_size(1) - 1),
			 (unsigned int)(*levels - '0'));
	}
}

/*
 * All runs of 2 MiB are taken but one; two more are free less a frame:
 *
 *  runs   AAAA...A ffff .fff .fff
 *  area            [ 2 MiB ][ 512 small pages ]
 */
TEST_SOFT(where_memory_is_in_pieces_small_leaves_serve)
{
	static struct page *runs[64];
	unsigned int nr = 0;
	u8 *p;

	while (nr < ARRAY_SIZE(runs) &&
	       (runs[nr] = alloc_pages(GFP_KERNEL | __GFP_NOWARN,
				       VMAP_LARGE_ORDER)))
		nr++;
	CHECK(nr > 4 && nr < ARRAY_SIZE(runs));
	for (unsigned int k = 1; k <= 2; k++) {
		split_page(runs[nr - k], VMAP_LARGE_ORDER);
		for (unsigned int i = 1; i < VMAP_LARGE_PAGES; i++)
			__free_page(runs[nr - k] + i);
	}
	drain_all_pages();
	__free_pages(runs[nr - 3], VMAP_LARGE_ORDER);
	EACH_FAILURE(n) {
		p = vmalloc(4 << 20);
		CHECK_EQ(!p, failure_was_injected());
		if (p) {
			check_leaves(p, "10");
			memset(p, 1, 4 << 20);
			vmalloc_validate();
		}
		vfree(p);
		vm_unmap_aliases();
		kmem_cache_drain_all();
		drain_all_pages();
	}
	/* With the last run gone, it is all small. */
	runs[nr - 3] = alloc_pages(GFP_KERNEL, VMAP_LARGE_ORDER);
	CHECK(runs[nr - 3]);
	p = vmalloc(2 << 20);
	CHECK(p);
	check_leaves(p, "0");
	vfree(p);
	__free_page(runs[nr - 1]);
	__free_page(runs[nr - 2]);
	for (unsigned int i = 0; i < nr - 2; i++)
		__free_pages(runs[i], VMAP_LARGE_ORDER);
}

TEST(a_large_vmalloc_that_fails_leaves_nothing_behind)
{
	unsigned long before = node_stat_pages(NST_nr_vmalloc);

	EACH_FAILURE(n) {
		void *p = vzalloc((2 << 20) + 3 * PAGE_SIZE);

		CHECK_EQ(!p, failure_was_injected());
		vfree(p);
		CHECK_EQ(node_stat_pages(NST_nr_vmalloc), before);
		vmalloc_validate();
		pgtable_validate(init_pgd);
	}
}

/* ---- the rest of the calls ---- */

TEST(vmalloc_can_be_asked_for_a_node)
{
	u8 *p = vmalloc_node(3 * PAGE_SIZE, numa_node_id());
	u8 *q = vzalloc_node(3 * PAGE_SIZE, NUMA_NO_NODE);

	CHECK(p && q);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(page_to_nid(vmalloc_to_page(p + i * PAGE_SIZE)),
			 local_memory_node(numa_node_id()));
	CHECK_EQ(q[PAGE_SIZE], 0);
	vfree(p);
	vfree(q);
	EACH_FAILURE(n) {
		p = vmalloc_node(3 * PAGE_SIZE, 0);
		CHECK_EQ(!p, failure_was_injected());
		vfree(p);
	}
	test_expect_report("nr_node_ids");
	CHECK(!vmalloc_node(1, MAX_NUMNODES));
	test_expect_end();
}

TEST(vrealloc_keeps_the_contents)
{
	u8 *p = vrealloc(NULL, 100, GFP_KERNEL | __GFP_ZERO), *q;

	CHECK(p);
	memset(p, 7, 100);
	/* Less, and more again in the same page: cleared behind. */
	CHECK(vrealloc(p, 50, GFP_KERNEL | __GFP_ZERO) == p);
	CHECK(vrealloc(p, 200, GFP_KERNEL | __GFP_ZERO) == p);
	for (int i = 0; i < 200; i++)
		CHECK_EQ(p[i], i < 50 ? 7 : 0);
	CHECK(vrealloc(p, 150, GFP_KERNEL) == p);
	EACH_FAILURE(n) {
		q = vrealloc(p, 2 * PAGE_SIZE + n, GFP_KERNEL | __GFP_ZERO);
		CHECK_EQ(!q, failure_was_injected());
		if (q) {
			CHECK(q != p);
			p = q;
		}
		for (int i = 0; i < 300; i++)
			CHECK_EQ(p[i], i < 50 ? 7 : 0);
	}
	CHECK(!vrealloc(p, 0, GFP_KERNEL));
	test_expect_report("BUG vrealloc");
	q = vrealloc(p, 5, GFP_KERNEL);
	CHECK(!q);
	test_expect_end();
}

TEST(vfree_atomic_is_finished_by_a_worker)
{
	unsigned long before = node_stat_pages(NST_nr_vmalloc);
	unsigned long flags;
	u8 *p = vmalloc(PAGE_SIZE), *q = vmalloc(3 << 20);

	CHECK(p && q);
	flags = local_irq_save();
	vfree_atomic(p);
	vfree_atomic(q);
	vfree_atomic(NULL);
	local_irq_restore(flags);
	test_expect_report("BUG vfree");
	vfree_atomic(p);
	vfree(q);
	CHECK_EQ(test_expect_end(), 2);
	/* On metal the kernel's worker may be quicker. */
	mm_work_run();
	vm_unmap_aliases();
	CHECK_EQ(node_stat_pages(NST_nr_vmalloc), before);
	vmalloc_validate();
}

TEST(a_vmalloc_that_must_not_fail_tries_again)
{
	void *p;

	failure_arm(2);
	p = __vmalloc(PAGE_SIZE, GFP_KERNEL | __GFP_NOFAIL);
	failure_arm(0);
	CHECK(p);
	vfree(p);
}

TEST(a_vmalloc_that_may_not_sleep_is_refused)
{
	test_expect_report("gfpflags_allow_blocking");
	CHECK(!__vmalloc(PAGE_SIZE, GFP_ATOMIC));
	test_expect_end();
	test_expect_report("align");
	CHECK(!__vmalloc_node(PAGE_SIZE, 3 * PAGE_SIZE, GFP_KERNEL, 0, NULL));
	test_expect_end();
}

/* A report says what the pointer is instead. */
TEST(a_bad_free_names_the_area_it_hits)
{
	char *p = vmalloc(3 * PAGE_SIZE);

	test_expect_report("it is 4096 bytes into a vmalloc area made by");
	vfree(p + PAGE_SIZE);
	test_expect_end();
	vfree(p);
	test_expect_report("0 bytes into a vmalloc area, freed already, made");
	vfree(p);
	test_expect_end();
	test_expect_report("nothing is there");
	vfree((void *)(VMALLOC_END - PAGE_SIZE));
	vfree((void *)8);
	vfree((void *)VMALLOC_END);
	CHECK_EQ(test_expect_end(), 3);
}

#define NR_BLOCKS 24

TEST(random_vmallocs_keep_their_contents)
{
	static struct {
		u8 *p;
		unsigned long size;
		u8 fill;
	} b[NR_BLOCKS];

	memset(b, 0, sizeof(b));
	for (int step = 0; step < 400; step++) {
		unsigned int i = (unsigned int)test_random_below(NR_BLOCKS);

		for (unsigned long k = 0; k < b[i].size; k += 64)
			CHECK_EQ(b[i].p[k], b[i].fill);
		vfree(b[i].p);
		b[i].size = 1 + test_random_below(20 * PAGE_SIZE);
		if (test_random_below(40) == 0)
			b[i].size += 2UL << 20;
		b[i].p = vmalloc(b[i].size);
		CHECK(b[i].p);
		b[i].fill = (u8)step;
		memset(b[i].p, b[i].fill, b[i].size);
		if (step % 20 == 0) {
			vmalloc_validate();
			pgtable_validate(init_pgd);
		}
	}
	for (unsigned int i = 0; i < NR_BLOCKS; i++)
		vfree(b[i].p);
}

static void fill_and_free(void *arg, unsigned int k)
{
	u32 *nr_wrong = arg;

	for (unsigned int i = 0; i < 60; i++) {
		unsigned long size = (1 + (i + k) % 6) * PAGE_SIZE;
		u8 *p = vmalloc(size);
		bool ok = p;

		for (unsigned long at = 0; p && at < size; at += 512)
			p[at] = (u8)(k + at / 512);
		for (unsigned long at = 0; p && at < size; at += 512)
			ok = ok && p[at] == (u8)(k + at / 512);
		if (!ok)
			__atomic_fetch_add(nr_wrong, 1, __ATOMIC_RELAXED);
		vfree(p);
	}
}

TEST(processors_vmalloc_at_once)
{
	u32 nr_wrong = 0;

	test_run_on_cpus(4, fill_and_free, &nr_wrong);
	CHECK_EQ(nr_wrong, 0);
	vmalloc_validate();
	pgtable_validate(init_pgd);
}

/* ---- the rest of the family, and each way to fail ---- */

TEST(an_address_outside_of_the_range_is_no_vmalloc_memory)
{
	void *p = kmalloc(100, GFP_KERNEL);

	CHECK(!is_vmalloc_addr(p));
	CHECK(!vmalloc_to_page(p));
	CHECK(!is_vmalloc_addr((void *)VMALLOC_END));
	kfree(p);
}

TEST(unmapping_what_is_of_another_kind_is_reported_and_refused)
{
	char *p = vmalloc(PAGE_SIZE);

	CHECK(p);
	test_expect_report("is not the start of such an area");
	iounmap(p);
	vunmap(p);
	CHECK_EQ(test_expect_end(), 2);
	*p = 1;
	vfree(p);
}

#ifndef QUIRE_METAL
#define MIB ((phys_addr_t)1 << 20)

/* Reserved memory in place of a device: nobody's, and it can be looked at. */
static const struct mem_range with_device[] = {
	{16 * MIB, 48 * MIB, 0, MEM_RANGE_USABLE},
	{48 * MIB, 53 * MIB, 0, MEM_RANGE_RESERVED},
};
static const struct soft_layout device = {
	.ranges = with_device,
	.nr_ranges = ARRAY_SIZE(with_device),
	.nr_cpus = 1,
	.nr_nodes = 1,
};

static void count_kind(const struct vmalloc_info *info, void *arg)
{
	static const char *const kinds[] = {"vmalloc", "vmap", "ioremap"};
	unsigned int *nr = arg;

	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(info->kind, kinds[i]) == 0)
			nr[i]++;
}

/* A frame without a descriptor, as a device's. */
TEST_SOFT(device_memory_has_no_descriptor_to_give)
{
	struct vmap_area *va =
		vmap_area_alloc(PAGE_SIZE, PAGE_SIZE, VMAP_IOREMAP, NULL);

	CHECK(va);
	CHECK_EQ(map_kernel_range(va->start, va->start + PAGE_SIZE, 1UL << 40,
				  PAGE_KERNEL_NOCACHE, 0),
		 0);
	CHECK(!vmalloc_to_page((void *)va->start));
	unmap_kernel_range(va->start, va->start + PAGE_SIZE);
	vmap_area_free(va);
}

static int refuse_sync(unsigned long start, unsigned long end)
{
	(void)start;
	(void)end;
	return -ENOMEM;
}

TEST_MACHINE(what_the_machine_cannot_map_is_given_back, &device)
{
	const struct port_ops *real = port;
	struct port_ops refusing = *port;
	struct page *page = alloc_page(GFP_KERNEL);
	unsigned int nr[3] = {0};

	refusing.sync_kernel_mappings = refuse_sync;
	port = &refusing;
	CHECK(!vmalloc(3 * PAGE_SIZE));
	CHECK(!vmap(&page, 1, VM_MAP, PAGE_KERNEL));
	CHECK(!ioremap(48 * MIB, PAGE_SIZE));
	port = real;
	vmalloc_for_each_info(count_kind, nr);
	CHECK_EQ(nr[0] + nr[1] + nr[2], 0);
	__free_page(page);
	vmalloc_validate();
	pgtable_validate(init_pgd);
}

TEST_SOFT(each_area_is_listed_by_its_kind)
{
	struct page *page = alloc_page(GFP_KERNEL);
	void *a = vmalloc(1), *b = vmap(&page, 1, VM_MAP, PAGE_KERNEL);
	unsigned int nr[3] = {0};

	vmalloc_for_each_info(count_kind, nr);
	CHECK_EQ(nr[0], 1);
	CHECK_EQ(nr[1], 1);
	CHECK_EQ(nr[2], 0);
	vfree(a);
	vunmap(b);
	__free_page(page);
}

TEST_SOFT(what_exceeds_memory_is_told_once_and_not_to_who_does_not_ask)
{
	unsigned long size = (totalram_pages() + 1) << PAGE_SHIFT;

	CHECK(!__vmalloc(size, GFP_KERNEL | __GFP_NOWARN));
	test_expect_report("exceeds total pages");
	CHECK(!vmalloc(size));
	CHECK(!vmalloc(size));
	CHECK_EQ(test_expect_end(), 1);
}

static void see_one(const struct vmalloc_info *info, void *arg)
{
	struct vmalloc_info *seen = arg;

	if (strcmp(info->kind, "vmalloc") == 0)
		*seen = *info;
}

TEST_SOFT(an_area_that_is_being_made_is_listed_without_pages)
{
	struct vmap_area *va =
		vmap_area_alloc(3 * PAGE_SIZE, PAGE_SIZE, VMAP_ALLOC, NULL);
	struct vmalloc_info seen = {0};

	CHECK(va);
	va->nr_pages = 3;
	vmalloc_for_each_info(see_one, &seen);
	CHECK_EQ(seen.start, va->start);
	CHECK_EQ(seen.nr_pages, 0);
	vmap_area_free(va);
}

static const struct mem_range two_ranges[] = {
	{16 * MIB, 48 * MIB, 0, MEM_RANGE_USABLE},
	{48 * MIB, 80 * MIB, 1, MEM_RANGE_USABLE},
};
static const struct soft_layout two_nodes = {
	.ranges = two_ranges,
	.nr_ranges = ARRAY_SIZE(two_ranges),
	.nr_cpus = 1,
	.nr_nodes = 2,
};

TEST_MACHINE(an_areas_pages_are_listed_by_node, &two_nodes)
{
	const unsigned long size = (2UL << 20) + 3 * PAGE_SIZE;

	for (int nid = 0; nid < 2; nid++) {
		struct vmalloc_info seen = {0};
		u8 *p = vmalloc_node(size, nid);

		CHECK(p);
		vmalloc_for_each_info(see_one, &seen);
		CHECK_EQ(seen.nr_large, 1);
		CHECK_EQ(seen.nr_on_node[nid], 515);
		CHECK_EQ(seen.nr_on_node[!nid], 0);
		vfree(p);
	}
}

/* Two levels of tables have no large leaves for these calls. */
static const struct soft_layout two_levels = {
	.ranges = with_device,
	.nr_ranges = ARRAY_SIZE(with_device),
	.nr_cpus = 1,
	.nr_nodes = 1,
	.levels = 2,
};

TEST_MACHINE(with_two_levels_all_leaves_are_small, &two_levels)
{
	static struct page *pages[VMAP_LARGE_PAGES];
	struct page *run = alloc_pages(GFP_KERNEL, VMAP_LARGE_ORDER);
	u8 *p = vmalloc(4 << 20), *d = ioremap(48 * MIB, 4 * MIB), *m;

	CHECK(p && d && run);
	for (unsigned int i = 0; i < VMAP_LARGE_PAGES; i++)
		pages[i] = run + i;
	m = vmap(pages, VMAP_LARGE_PAGES, VM_MAP, PAGE_KERNEL);
	CHECK(m);
	check_leaves(p, "00");
	check_leaves(d, "00");
	check_leaves(m, "0");
	p[(4 << 20) - 1] = d[4 * MIB - 1] = m[(2 << 20) - 1] = 1;
	vmalloc_validate();
	vfree(p);
	iounmap(d);
	vunmap(m);
	__free_pages(run, VMAP_LARGE_ORDER);
	vmalloc_validate();
	pgtable_validate(init_pgd);
}
#endif
