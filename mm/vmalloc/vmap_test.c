/* SPDX-License-Identifier: MIT */
/*
 * vmap_test.c - frames and devices seen at other addresses.
 */
#include "vmap.c"

#include <test/test.h>

#include <quire/errno.h>
#include <quire/string.h>

#ifndef QUIRE_METAL
#include "port/soft/soft.h"
#endif

TEST(vmap_joins_frames_in_the_order_given)
{
	struct page *pages[5], *turned[5];
	u8 *p;

	for (int i = 0; i < 5; i++) {
		pages[i] = alloc_page(GFP_KERNEL);
		CHECK(pages[i]);
		memset(page_address(pages[i]), i, PAGE_SIZE);
		turned[4 - i] = pages[i];
	}
	p = vmap(turned, 5, VM_MAP, PAGE_KERNEL);
	CHECK(p);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(p[i * PAGE_SIZE + 7], 4 - i);
	p[0] = 99;
	CHECK_EQ(*(u8 *)page_address(pages[4]), 99);
	vunmap(p);
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(page_ref_count(pages[i]), 1);
		__free_page(pages[i]);
	}
}

TEST(a_vmap_that_fails_maps_nothing)
{
	struct page *page = alloc_page(GFP_KERNEL);

	EACH_FAILURE(n) {
		void *p = vmap(&page, 1, VM_MAP, PAGE_KERNEL);

		CHECK_EQ(!p, failure_was_injected());
		vunmap(p);
		kmem_cache_drain_all();
	}
	__free_page(page);
}

TEST(ram_in_use_is_not_remapped_as_a_device)
{
	struct page *page = alloc_page(GFP_KERNEL);
	phys_addr_t pa = (phys_addr_t)page_to_pfn(page) << PAGE_SHIFT;

	test_expect_report("is_ram");
	CHECK(!ioremap(pa, PAGE_SIZE));
	test_expect_end();
	__free_page(page);
}

TEST(vmap_knows_no_other_flag)
{
	struct page *page = alloc_page(GFP_KERNEL);

	CHECK(!vmap(&page, 1, VM_MAP << 1, PAGE_KERNEL));
	__free_page(page);
}

/* What is not there is not mapped, and nothing of the rest. */
TEST(vmap_refuses_what_is_no_frame)
{
	struct page *pages[3] = {alloc_page(GFP_KERNEL), NULL,
				 alloc_page(GFP_KERNEL)};

	CHECK(!vmap(pages, 0, VM_MAP, PAGE_KERNEL));
	CHECK(!vmap(pages, ~0U, VM_MAP, PAGE_KERNEL));
	test_expect_report("all_are_frames");
	CHECK(!vmap(pages, 3, VM_MAP, PAGE_KERNEL));
	test_expect_end();
	__free_page(pages[0]);
	__free_page(pages[2]);
	vmalloc_validate();
}

TEST(vmap_can_be_given_the_frames_and_their_array)
{
	unsigned long free_before;
	struct page **pages;
	u8 *p;

	free_before = nr_free_pages();
	pages = kvmalloc(4 * sizeof(*pages), GFP_KERNEL);
	for (int i = 0; i < 4; i++)
		pages[i] = alloc_page(GFP_KERNEL);
	p = vmap(pages, 4, VM_MAP_PUT_PAGES, PAGE_KERNEL);
	CHECK(p);
	p[3 * PAGE_SIZE] = 9;
	CHECK_EQ(*(u8 *)page_address(pages[3]), 9);
	vfree(p);
	CHECK(nr_free_pages() + 8 >= free_before);
	vmalloc_validate();
}

/*
 *  frames   [ 512 in a row, aligned ][ one more ]
 *  leaves        2 MiB                  4 KiB
 */
TEST(vmap_of_frames_in_a_row_uses_large_leaves)
{
	static struct page *pages[VMAP_LARGE_PAGES + 1];
	struct page *run = alloc_pages(GFP_KERNEL, VMAP_LARGE_ORDER);
	unsigned int level;
	u8 *p;

	CHECK(run);
	for (unsigned int i = 0; i < VMAP_LARGE_PAGES; i++)
		pages[i] = run + i;
	pages[VMAP_LARGE_PAGES] = alloc_page(GFP_KERNEL);
	p = vmap(pages, VMAP_LARGE_PAGES + 1, VM_MAP, PAGE_KERNEL);
	CHECK(p);
	pgtable_lookup(init_pgd, (uintptr_t)p, &level);
	CHECK_EQ(level, 1);
	pgtable_lookup(init_pgd, (uintptr_t)p + pgtable_size(1), &level);
	CHECK_EQ(level, 0);
	for (unsigned int i = 0; i <= VMAP_LARGE_PAGES; i += 64) {
		p[i * PAGE_SIZE] = (u8)(i / 64 + 1);
		CHECK_EQ(*(u8 *)page_address(pages[i]), i / 64 + 1);
	}
	vunmap(p);
	/* One frame out of its place: no large leaf. */
	pages[1] = run + 2;
	pages[2] = run + 1;
	p = vmap(pages, VMAP_LARGE_PAGES, VM_MAP, PAGE_KERNEL);
	CHECK(p);
	pgtable_lookup(init_pgd, (uintptr_t)p, &level);
	CHECK_EQ(level, 0);
	CHECK(vmalloc_to_page(p + PAGE_SIZE) == run + 2);
	vunmap(p);
	__free_page(pages[VMAP_LARGE_PAGES]);
	__free_pages(run, VMAP_LARGE_ORDER);
	pgtable_validate(init_pgd);
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

TEST_MACHINE(ioremap_shows_the_device_at_its_offset, &device)
{
	u8 *small = ioremap(48 * MIB + 0x123, 10);
	u8 *large = ioremap(48 * MIB, 5 * MIB);
	unsigned int nr[3] = {0}, level;

	CHECK(small && large);
	CHECK_EQ((uintptr_t)small & ~PAGE_MASK, 0x123);
	CHECK(IS_ALIGNED((uintptr_t)large, 2 * MIB));
	pgtable_lookup(init_pgd, (uintptr_t)large, &level);
	CHECK_EQ(level, 1);
	pgtable_lookup(init_pgd, (uintptr_t)large + 4 * MIB, &level);
	CHECK_EQ(level, 0);
	*small = 0x77;
	CHECK_EQ(large[0x123], 0x77);
	CHECK_EQ(*(u8 *)__va(48 * MIB + 0x123), 0x77);
	CHECK(vmalloc_to_page(large + 3 * MIB) ==
	      pfn_to_page(51 * MIB >> PAGE_SHIFT));
	vmalloc_for_each_info(count_kind, nr);
	CHECK_EQ(nr[2], 2);
	iounmap(small);
	iounmap(large);
	vmalloc_validate();
	pgtable_validate(init_pgd);
}

TEST_MACHINE(an_ioremap_that_fails_maps_nothing, &device)
{
	EACH_FAILURE(n) {
		void *p = ioremap(48 * MIB, 2 * MIB + PAGE_SIZE);

		CHECK_EQ(!p, failure_was_injected());
		iounmap(p);
		vm_unmap_aliases();
		kmem_cache_drain_all();
		vmalloc_validate();
		pgtable_validate(init_pgd);
	}
	CHECK(!ioremap(PTE_PFN_MASK, 2 * PAGE_SIZE));
}

TEST_MACHINE(a_device_has_one_memory_type, &device)
{
	u8 *p = ioremap_wc(48 * MIB, 2 * PAGE_SIZE), *q;
	unsigned int level;

	CHECK(p);
	CHECK_EQ(pte_val(ptep_get(
			 pgtable_lookup(init_pgd, (uintptr_t)p, &level))) &
			 (_PAGE_PWT | _PAGE_PCD),
		 _PAGE_PWT);
	CHECK(!ioremap(48 * MIB + PAGE_SIZE, PAGE_SIZE));
	CHECK(!ioremap_cache(48 * MIB, PAGE_SIZE));
	q = ioremap(48 * MIB + 2 * PAGE_SIZE, PAGE_SIZE); /* its neighbour */
	CHECK(q);
	iounmap(q);
	q = ioremap_wc(48 * MIB, PAGE_SIZE);
	CHECK(q);
	iounmap(q);
	iounmap(p);
	p = ioremap_cache(48 * MIB, 2 * MIB);
	CHECK(p);
	iounmap(p);
	vmalloc_validate();
}

TEST_MACHINE(without_permission_devices_have_small_leaves, &device)
{
	unsigned int level;
	u8 *p;

	ioremap_allow_huge = false;
	p = ioremap(48 * MIB, 4 * MIB);
	CHECK(p);
	pgtable_lookup(init_pgd, (uintptr_t)p, &level);
	CHECK_EQ(level, 0);
	p[3 * MIB] = 1;
	iounmap(p);
}

/* What small pages left empty gives way to a large leaf, TLBs flushed. */
TEST_MACHINE(a_large_leaf_takes_the_place_of_an_empty_table, &device)
{
	unsigned int level;
	u8 *p = NULL;

	for (int round = 0; round < 2; round++) {
		ioremap_allow_huge = round;
		p = ioremap(48 * MIB, 4 * MIB);
		CHECK(p);
		pgtable_lookup(init_pgd, (uintptr_t)p, &level);
		CHECK_EQ(level, round);
		p[MIB] = 5;
		CHECK_EQ(*(u8 *)__va(49 * MIB), 5);
		iounmap(p);
		vm_unmap_aliases();
		pgtable_validate(init_pgd);
	}
}

#define GIB ((phys_addr_t)1 << 30)

static const struct mem_range with_large_device[] = {
	{16 * MIB, 48 * MIB, 0, MEM_RANGE_USABLE},
	{1 * GIB, 2 * GIB, 0, MEM_RANGE_FIRMWARE},
	{2 * GIB, 2 * GIB + PAGE_SIZE, 0, MEM_RANGE_RESERVED},
};
static const struct soft_layout large_device = {
	.ranges = with_large_device,
	.nr_ranges = ARRAY_SIZE(with_large_device),
	.nr_cpus = 1,
	.nr_nodes = 1,
	.vmalloc_bytes = 4 * GIB,
};

TEST_MACHINE(a_gib_of_a_device_is_one_leaf, &large_device)
{
	u8 *p = ioremap(1 * GIB, 1 * GIB);
	unsigned int level;

	CHECK(p && IS_ALIGNED((uintptr_t)p, GIB));
	pgtable_lookup(init_pgd, (uintptr_t)p + 5, &level);
	CHECK_EQ(level, 2);
	p[GIB - 1] = 7;
	CHECK_EQ(p[GIB - 1], 7);
	iounmap(p);
	vm_unmap_aliases();
	vmalloc_validate();
	pgtable_validate(init_pgd);
}

/*
 *  run of 1024   . [ 512 from the second on ]    no leaf can begin there
 *                [ 512 ][ 512 ]                  two large leaves, or none
 */
TEST_SOFT(vmap_of_a_run_takes_large_leaves_where_it_may)
{
	static struct page *pages[2 * VMAP_LARGE_PAGES];
	struct page *run = alloc_pages(GFP_KERNEL, VMAP_LARGE_ORDER + 1);
	unsigned int level;
	u8 *p;

	CHECK(run);
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++)
		pages[i] = run + i;
	p = vmap(pages + 1, VMAP_LARGE_PAGES, VM_MAP, PAGE_KERNEL);
	CHECK(p);
	pgtable_lookup(init_pgd, (uintptr_t)p, &level);
	CHECK_EQ(level, 0);
	vunmap(p);
	vmap_allow_huge = false;
	p = vmap(pages, VMAP_LARGE_PAGES, VM_MAP, PAGE_KERNEL);
	vmap_allow_huge = true;
	CHECK(p);
	pgtable_lookup(init_pgd, (uintptr_t)p, &level);
	CHECK_EQ(level, 0);
	vunmap(p);
	vm_unmap_aliases();
	/* Also when the second part fails, after the first was mapped. */
	pages[VMAP_LARGE_PAGES + 1] = run;
	EACH_FAILURE(n) {
		p = vmap(pages, ARRAY_SIZE(pages), VM_MAP, PAGE_KERNEL);
		CHECK_EQ(!p, failure_was_injected());
		vunmap(p);
		vm_unmap_aliases();
		kmem_cache_drain_all();
		vmalloc_validate();
		pgtable_validate(init_pgd);
	}
	__free_pages(run, VMAP_LARGE_ORDER + 1);
}

static const struct mem_range with_hole[] = {
	{16 * MIB, 32 * MIB, 0, MEM_RANGE_USABLE},
	{64 * MIB, 80 * MIB, 0, MEM_RANGE_USABLE},
};
static const struct soft_layout hole = {
	.ranges = with_hole,
	.nr_ranges = ARRAY_SIZE(with_hole),
	.nr_cpus = 1,
	.nr_nodes = 1,
};

TEST_MACHINE(vmap_refuses_descriptors_of_a_hole, &hole)
{
	struct page *pages[2] = {alloc_page(GFP_KERNEL),
				 pfn_to_page(48 * MIB >> PAGE_SHIFT)};

	CHECK(pages[0]);
	test_expect_report("all_are_frames");
	CHECK(!vmap(pages, 2, VM_MAP, PAGE_KERNEL));
	test_expect_end();
	__free_page(pages[0]);
	vmalloc_validate();
}

static int accept_sync(unsigned long start, unsigned long end)
{
	(void)start;
	(void)end;
	return 0;
}

/* Where no memory is, everything is a device's. */
TEST_MACHINE(beyond_the_last_frame_there_are_devices, &device)
{
	const struct port_ops *real = port;
	struct port_ops accepting = *port;
	const phys_addr_t pa = 1ULL << 40;
	unsigned int level;
	u8 *p;

	/* The simulated machine has nothing there to map. */
	CHECK(!ioremap(pa, PAGE_SIZE));
	accepting.sync_kernel_mappings = accept_sync;
	port = &accepting;
	p = ioremap(pa + 5, PAGE_SIZE);
	port = real;
	CHECK(p);
	CHECK_EQ(pte_pfn(ptep_get(
			 pgtable_lookup(init_pgd, (uintptr_t)p, &level))),
		 pa >> PAGE_SHIFT);
	vmalloc_validate();
	iounmap(p);
	vm_unmap_aliases();
	vmalloc_validate();
}
#endif
