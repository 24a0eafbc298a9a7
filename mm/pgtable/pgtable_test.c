/* SPDX-License-Identifier: MIT */
/*
 * pgtable_test.c - tables grow where they are needed, count what they hold,
 * and a failed mapping leaves nothing behind.
 */
#include "pgtable.c"

#include <test/test.h>

#ifndef QUIRE_METAL
#include "port/soft/soft.h"
#endif

#define BASE	  (1UL << 22)
#define WINDOW	  64UL /* pages of the random test */
#define FAKE_PFN  0x123UL
#define USER_PROT (_PAGE_PRESENT | _PAGE_USER | _PAGE_ACCESSED)

/* Kernel addresses at the end of the range that vmalloc fills from below. */
static unsigned long kernel_window(void)
{
	return ALIGN_DOWN(VMALLOC_END - 1, 16UL << 20);
}

/* Enter a leaf as its owner would. */
static void enter(pte_t *ptep, pte_t pte)
{
	struct page *table = table_page(ptep);

	ptl_lock(table);
	if (pte_none(ptep_get(ptep)) && !pte_none(pte))
		table->table.nr_used++;
	if (!pte_none(ptep_get(ptep)) && pte_none(pte))
		table->table.nr_used--;
	set_pte(ptep, pte);
	ptl_unlock(table);
}

/* Free the user part of a root; the number of tables below it. */
static unsigned int free_below(pte_t *table, unsigned int level)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < nr_own_slots(table, level); i++) {
		pte_t pte = ptep_get(&table[i]);

		if (points_to_table(pte, level)) {
			nr += 1 + free_below(pte_table(pte), level - 1);
			pgtable_free_table(table_page(pte_table(pte)));
		}
		if (!pte_none(pte))
			enter(&table[i], __pte(0));
	}
	return nr;
}

static unsigned int free_root(pte_t *root)
{
	unsigned int nr = free_below(root, top_level());

	pgd_free(root);
	return nr;
}

static void check_get_and_lookup(void)
{
	pte_t *root = pgd_alloc(GFP_KERNEL), *ptep;
	unsigned int level;

	CHECK(root);
	pgtable_lookup(root, BASE, &level);
	CHECK_EQ(level, top_level());
	ptep = pgtable_get(root, BASE, 0, GFP_KERNEL);
	CHECK(ptep);
	CHECK_EQ(table_page(ptep)->table.level, 0);
	CHECK(pgtable_lookup(root, BASE, &level) == ptep);
	CHECK_EQ(level, 0);
	CHECK(pte_none(ptep_get(ptep)));
	enter(ptep, pfn_pte(FAKE_PFN, USER_PROT));
	pgtable_validate(root);
	CHECK_EQ(table_page(ptep)->table.nr_used, 1);
	CHECK_EQ(table_page(root)->table.nr_used, 1);
	CHECK(pgtable_get(root, BASE, 0, GFP_KERNEL) == ptep);
	CHECK(pgtable_get(root, BASE + PAGE_SIZE, 0, GFP_KERNEL) == ptep + 1);
	CHECK_EQ(free_root(root), top_level());
}

TEST(a_look_up_ends_where_the_tables_end)
{
	check_get_and_lookup();
}

TEST(tables_are_counted_while_they_live)
{
	unsigned long before = node_stat_pages(NST_nr_page_table_pages);
	pte_t *root = pgd_alloc(GFP_KERNEL);

	CHECK(root);
	CHECK(pgtable_get(root, BASE, 0, GFP_KERNEL));
	CHECK_EQ(node_stat_pages(NST_nr_page_table_pages),
		 before + PGTABLE_LEVELS);
	free_root(root);
	CHECK_EQ(node_stat_pages(NST_nr_page_table_pages), before);
}

TEST(each_table_that_cannot_be_had_fails_the_walk)
{
	EACH_FAILURE(n) {
		pte_t *root = pgd_alloc(GFP_KERNEL), *ptep;

		if (!root) {
			CHECK(failure_was_injected());
			continue;
		}
		ptep = pgtable_get(root, BASE, 0, GFP_KERNEL);
		CHECK_EQ(!ptep, failure_was_injected());
		pgtable_validate(root);
		/* What was made before the failure serves the next try. */
		CHECK(pgtable_get(root, BASE, 0, GFP_KERNEL));
		CHECK_EQ(free_root(root), top_level());
	}
}

TEST(a_large_leaf_is_found_and_never_walked_through)
{
	pte_t *root = pgd_alloc(GFP_KERNEL), *ptep;
	unsigned int level;

	CHECK(root);
	ptep = pgtable_get(root, BASE, 1, GFP_KERNEL);
	CHECK(ptep);
	enter(ptep, pfn_pte(0x200, USER_PROT | _PAGE_PSE));
	CHECK(pgtable_lookup(root, BASE + 5 * PAGE_SIZE, &level) == ptep);
	CHECK_EQ(level, 1);
	CHECK(!pgtable_get(root, BASE + 5 * PAGE_SIZE, 0, GFP_KERNEL));
	pgtable_validate(root);
	free_root(root);
}

TEST(a_table_in_use_is_not_freed)
{
	struct page *page = pgtable_alloc_table(0, GFP_KERNEL);

	CHECK(page);
	page->table.nr_used = 1;
	test_expect_report("page->table.nr_used");
	pgtable_free_table(page);
	test_expect_end();
	page->table.nr_used = 0;
	pgtable_free_table(page);
}

/* ---- kernel ranges ---- */

static unsigned long nr_mapped(unsigned long start, unsigned long end)
{
	unsigned long nr = 0;

	for (unsigned long addr = start; addr != end; addr += PAGE_SIZE) {
		unsigned int level;

		nr += !pte_none(*pgtable_lookup(init_pgd, addr, &level));
	}
	return nr;
}

TEST(a_kernel_range_uses_the_largest_leaves_that_fit)
{
	/*
	 *  2 MiB slots  |   .   |       |   .   |
	 *  range            [4K ] [2 MiB] [4K]
	 */
	unsigned long large = pgtable_size(1);
	/* Tables stay: a place where no other test has made small leaves. */
	unsigned long start = kernel_window() - 7 * large - 2 * PAGE_SIZE;
	unsigned long end = start + large + 5 * PAGE_SIZE;
	unsigned int level;
	pte_t *ptep;

	CHECK_EQ(map_kernel_range(start, end, large - 2 * PAGE_SIZE,
				  PAGE_KERNEL, 1),
		 0);
	CHECK_EQ(nr_mapped(start, end), (end - start) >> PAGE_SHIFT);
	pgtable_lookup(init_pgd, start, &level);
	CHECK_EQ(level, 0);
	ptep = pgtable_lookup(init_pgd, start + 2 * PAGE_SIZE, &level);
	CHECK_EQ(level, 1);
	CHECK_EQ(pte_pfn(*ptep), large >> PAGE_SHIFT);
	ptep = pgtable_lookup(init_pgd, end - PAGE_SIZE, &level);
	CHECK_EQ(level, 0);
	CHECK_EQ(pte_pfn(*ptep), (2 * large >> PAGE_SHIFT) + 2);
	pgtable_validate(init_pgd);
	unmap_kernel_range(start, end);
	CHECK_EQ(nr_mapped(start - PAGE_SIZE, end + PAGE_SIZE), 0);
	pgtable_validate(init_pgd);
	port->flush_tlb_range(NULL, start, end, false);
}

TEST(a_kernel_mapping_that_fails_leaves_nothing_mapped)
{
	unsigned long size = pgtable_size(2) / 4;
	unsigned long start = ALIGN_DOWN(VMALLOC_END - 1, size) - size;
	unsigned long end = start + 4 * PAGE_SIZE;

	/* Tables that a failed round made stay, so each fails one later. */
	EACH_FAILURE(n) {
		int err =
			map_kernel_range(start, end, 0x200000, PAGE_KERNEL, 0);

		if (failure_was_injected()) {
			CHECK_EQ(err, -ENOMEM);
			CHECK_EQ(nr_mapped(start, end), 0);
		} else {
			CHECK_EQ(err, 0);
			CHECK_EQ(nr_mapped(start, end), 4);
			unmap_kernel_range(start, end);
		}
		pgtable_validate(init_pgd);
	}
	port->flush_tlb_range(NULL, start, end, false);
}

TEST(mapping_over_something_is_refused_and_reported)
{
	unsigned long start = kernel_window();
	struct page *pages[3];

	for (int i = 0; i < 3; i++)
		pages[i] = pfn_to_page(i);
	CHECK_EQ(map_kernel_pages(start + PAGE_SIZE, start + 2 * PAGE_SIZE,
				  pages, PAGE_KERNEL),
		 0);
	test_expect_report("in_the_way");
	CHECK_EQ(map_kernel_pages(start, start + 3 * PAGE_SIZE, pages,
				  PAGE_KERNEL),
		 -ENOMEM);
	test_expect_end();
	CHECK_EQ(nr_mapped(start, start + 3 * PAGE_SIZE), 1);
	unmap_kernel_range(start, start + 3 * PAGE_SIZE);
	CHECK_EQ(nr_mapped(start, start + 3 * PAGE_SIZE), 0);
	port->flush_tlb_range(NULL, start, start + 3 * PAGE_SIZE, false);
}

static int count_leaf(pte_t *ptep, unsigned int level, unsigned long addr,
		      void *arg)
{
	unsigned long *last = arg;

	CHECK(!pte_none(ptep_get(ptep)));
	CHECK_EQ(level, 0);
	CHECK(addr > last[1]);
	last[1] = addr;
	last[0]++;
	return 0;
}

TEST(random_mappings_agree_with_a_map_of_pages)
{
	unsigned long base =
		kernel_window() + pgtable_size(1) - WINDOW / 2 * PAGE_SIZE;
	u8 model[WINDOW] = {0};

	for (int step = 0; step < 300; step++) {
		unsigned long first = test_random_below(WINDOW);
		unsigned long nr = 1 + test_random_below(WINDOW - first);
		unsigned long start = base + first * PAGE_SIZE;
		unsigned long seen[2] = {0, 0}, expected = 0;
		bool map = test_random_below(2);

		/* Mapping is only for what is not mapped. */
		for (unsigned long i = 0; map && i < nr; i++)
			if (model[first + i])
				nr = i;
		if (map)
			CHECK_EQ(map_kernel_range(start, start + nr * PAGE_SIZE,
						  first << PAGE_SHIFT,
						  PAGE_KERNEL, 0),
				 0);
		else
			unmap_kernel_range(start, start + nr * PAGE_SIZE);
		for (unsigned long i = 0; i < nr; i++)
			model[first + i] = map;
		for (unsigned long i = 0; i < WINDOW; i++) {
			unsigned int level;
			pte_t pte = *pgtable_lookup(
				init_pgd, base + i * PAGE_SIZE, &level);

			CHECK_EQ(!pte_none(pte), model[i]);
			if (model[i])
				CHECK_EQ(pte_pfn(pte), i);
			expected += model[i];
		}
		pgtable_for_each(init_pgd, base, base + WINDOW * PAGE_SIZE,
				 count_leaf, seen);
		CHECK_EQ(seen[0], expected);
		pgtable_validate(init_pgd);
	}
	unmap_kernel_range(base, base + WINDOW * PAGE_SIZE);
	port->flush_tlb_range(NULL, base, base + WINDOW * PAGE_SIZE, false);
}

struct growers {
	pte_t *root;
	u32 nr_failed;
};

/* All processors want entries in the same few tables. */
static void grow(void *arg, unsigned int k)
{
	struct growers *g = arg;

	for (unsigned long i = 0; i < 64; i++) {
		unsigned long addr = BASE + (i * 7 + k) % 64 * pgtable_size(1);
		pte_t *ptep = pgtable_get(g->root, addr, 0, GFP_KERNEL);

		if (!ptep) {
			__atomic_fetch_add(&g->nr_failed, 1, __ATOMIC_RELAXED);
			continue;
		}
		enter(ptep + k, pfn_pte(FAKE_PFN + k, USER_PROT));
	}
}

TEST(processors_that_grow_one_tree_share_its_tables)
{
	struct growers g = {.root = pgd_alloc(GFP_KERNEL)};
	unsigned int nr, seen = 0;

	CHECK(g.root);
	nr = test_run_on_cpus(4, grow, &g);
	CHECK_EQ(g.nr_failed, 0);
	pgtable_validate(g.root);
	for (unsigned long i = 0; i < 64; i++) {
		unsigned int level;

		for (unsigned int k = 0; k < nr; k++)
			seen += !pte_none(*pgtable_lookup(
				g.root,
				BASE + i * pgtable_size(1) + k * PAGE_SIZE,
				&level));
	}
	CHECK_EQ(seen, 64 * nr);
	CHECK_EQ(free_root(g.root), 64 + top_level() - 1);
}

#ifndef QUIRE_METAL
static const struct soft_layout two_levels = {.levels = 2,
					      .vmalloc_bytes = 256UL << 20};
static const struct soft_layout three_levels = {.levels = 3};
static const struct soft_layout five_levels = {.levels = 5};

TEST_MACHINE(two_levels_work_like_four, &two_levels)
{
	check_get_and_lookup();
}

TEST_MACHINE(three_levels_work_like_four, &three_levels)
{
	check_get_and_lookup();
}

TEST_MACHINE(five_levels_work_like_four, &five_levels)
{
	check_get_and_lookup();
}
#endif

#ifndef QUIRE_METAL
/* What a machine does that has tables before there are descriptors. */
TEST_SOFT(tables_of_the_port_are_adopted_with_their_counts)
{
	unsigned long before = node_stat_pages(NST_nr_page_table_pages);
	struct page *pages[2];
	pte_t *table;

	for (int i = 0; i < 2; i++) {
		pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		CHECK(pages[i]);
	}
	table = page_address(pages[0]);
	set_pte(&table[3], pfn_pte(page_to_pfn(pages[1]), PAGE_TABLE_KERNEL));
	set_pte(&table[7], pfn_pte(FAKE_PFN, PAGE_KERNEL | _PAGE_PSE));
	table = page_address(pages[1]);
	set_pte(&table[0], pfn_pte(FAKE_PFN, PAGE_KERNEL));
	adopt_table(page_address(pages[0]), 1);
	CHECK_EQ(node_stat_pages(NST_nr_page_table_pages), before + 2);
	CHECK_EQ(pages[0]->table.nr_used, 2);
	CHECK_EQ(pages[1]->table.nr_used, 1);
	validate_table(page_address(pages[0]), 1);
	for (int i = 0; i < 2; i++) {
		pages[i]->table.nr_used = 0;
		clear_page(page_address(pages[i]));
		pgtable_free_table(pages[i]);
	}
	CHECK_EQ(node_stat_pages(NST_nr_page_table_pages), before);
}

/* Starting again with a root there: it is kept, and what is missing made. */
TEST_SOFT(the_kernels_tree_is_adopted_once_the_port_has_one)
{
	unsigned long before = node_stat_pages(NST_nr_page_table_pages);
	pte_t *was = init_pgd, *root;

	root = page_address(alloc_page(GFP_KERNEL | __GFP_ZERO));
	init_pgd = root;
	pgtable_init();
	CHECK(init_pgd == root);
	CHECK(node_stat_pages(NST_nr_page_table_pages) > before);
	pgtable_validate(root);
	for (unsigned int i = 0; i < PTRS_PER_TABLE; i++) {
		pte_t pte = ptep_get(&root[i]);

		if (pte_none(pte))
			continue;
		CHECK_EQ(table_page(pte_table(pte))->table.nr_used, 0);
		pgtable_free_table(table_page(pte_table(pte)));
		enter(&root[i], __pte(0));
	}
	init_pgd = was;
	pgtable_free_table(table_page(root));
	CHECK_EQ(node_stat_pages(NST_nr_page_table_pages), before);
}
#endif

TEST(a_walk_ends_with_the_first_that_says_so)
{
	pte_t *root = pgd_alloc(GFP_KERNEL);

	CHECK(root);
	CHECK_EQ(pgtable_for_each(root, BASE, BASE, NULL, NULL), 0);
	free_root(root);
}
