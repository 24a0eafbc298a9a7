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

TEST(kvmalloc_gives_either_kind_and_kvfree_takes_both)
{
	u8 *small = kvmalloc(100, GFP_KERNEL);
	u8 *large = kvmalloc(KMALLOC_MAX_SIZE + 1, GFP_KERNEL);
	u8 *zero = kvzalloc(20000, GFP_KERNEL);

	CHECK(small && !is_vmalloc_addr(small));
	CHECK(large && is_vmalloc_addr(large));
	CHECK(zero);
	large[KMALLOC_MAX_SIZE] = 1;
	for (int i = 0; i < 20000; i++)
		CHECK_EQ(zero[i], 0);
	kvfree(small);
	kvfree(large);
	kvfree(zero);
	kvfree(NULL);
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

TEST(vmap_knows_no_other_flag)
{
	struct page *page = alloc_page(GFP_KERNEL);

	CHECK(!vmap(&page, 1, VM_MAP << 1, PAGE_KERNEL));
	__free_page(page);
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

TEST(a_kvmalloc_that_may_not_sleep_is_a_kmalloc)
{
	void *p = kvmalloc(3 * PAGE_SIZE, GFP_ATOMIC);

	CHECK(p && !is_vmalloc_addr(p));
	kvfree(p);
}

TEST(a_kvmalloc_can_fail_unless_it_must_not)
{
	void *p;

	EACH_FAILURE(n) {
		p = kvmalloc(5 * PAGE_SIZE, GFP_KERNEL);
		CHECK_EQ(!p, failure_was_injected());
		kvfree(p);
	}
	failure_arm(1);
	p = kvmalloc(5 * PAGE_SIZE, GFP_KERNEL | __GFP_NOFAIL);
	failure_arm(0);
	CHECK(p);
	kvfree(p);
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
#endif
