/* SPDX-License-Identifier: MIT */
/*
 * mmu_test.c - translation, rights, accessed and dirty bits, replacement,
 * shootdown and stale entries, on tables that the tests fill by hand.
 *
 * The address spaces here have no areas: what the tables do not resolve ends
 * with SIGSEGV.
 */
#include "mmu.c"

#include "test/test.h"

#define AT  0x40000000UL /* where the tests map; 2 MiB aligned */
#define RWU (_PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_NX)

/* ---- address spaces by hand ---- */

static struct mm_struct *new_space(void)
{
	struct mm_struct *mm = mm_alloc();

	CHECK(mm);
	return mm;
}

static pte_t *map_at(struct mm_struct *mm, unsigned long addr,
		     unsigned int level, struct page *page, u64 bits)
{
	pte_t *ptep = pgtable_get(mm->pgd, addr, level, GFP_KERNEL);

	CHECK(ptep && pte_none(ptep_get(ptep)));
	table_page(ptep)->table.nr_used++;
	set_pte(ptep, pfn_pte(page_to_pfn(page), bits));
	return ptep;
}

static void flush(struct mm_struct *mm, unsigned long start, unsigned long end)
{
	port->flush_tlb_range(mm, start, end, false);
}

static void empty_table(pte_t *table, unsigned int level)
{
	for (unsigned int i = 0; i < PTRS_PER_TABLE; i++) {
		pte_t pte = ptep_get_and_clear(&table[i]);

		if (level == 0 || !pte_present(pte) || pte_leaf(pte))
			continue;
		empty_table(pte_table(pte), level - 1);
		pgtable_free_table(virt_to_page(pte_table(pte)));
	}
	virt_to_page(table)->table.nr_used = 0;
}

static void end_space(struct mm_struct *mm)
{
	empty_table(mm->pgd, PGTABLE_LEVELS - 1);
	flush(mm, 0, TASK_SIZE);
	mmput(mm);
}

static struct page *filled_page(int c)
{
	struct page *page = alloc_page(GFP_KERNEL);

	CHECK(page);
	memset(page_address(page), c, PAGE_SIZE);
	return page;
}

static int load_byte(struct mm_struct *mm, unsigned long addr)
{
	u8 c;

	return soft_load(mm, addr, &c, 1, NULL) ? -1 : c;
}

static int store_byte(struct mm_struct *mm, unsigned long addr, u8 c)
{
	return soft_store(mm, addr, &c, 1, NULL);
}

/* ---- translation ---- */

TEST_SOFT(two_addresses_of_one_frame_see_the_same_bytes)
{
	struct mm_struct *mm = new_space();
	struct page *page = filled_page(0);

	map_at(mm, AT, 0, page, RWU);
	map_at(mm, AT + 7 * PAGE_SIZE, 0, page, RWU);
	CHECK_EQ(store_byte(mm, AT + 123, 'x'), 0);
	CHECK_EQ(load_byte(mm, AT + 7 * PAGE_SIZE + 123), 'x');
	CHECK_EQ(((char *)page_address(page))[123], 'x');
	soft_tlb_validate(mm);
	end_space(mm);
	__free_page(page);
}

TEST_SOFT(an_access_across_pages_is_cut_where_it_faults)
{
	struct mm_struct *mm = new_space();
	struct page *a = filled_page('a'), *b = filled_page('b');
	struct soft_trap trap = {0};
	char buf[3 * 4096];

	map_at(mm, AT, 0, a, RWU);
	map_at(mm, AT + PAGE_SIZE, 0, b, RWU);
	CHECK_EQ(soft_load(mm, AT + 4000, buf, 200, &trap), 0);
	CHECK(buf[95] == 'a' && buf[96] == 'b');
	memset(buf, 'n', sizeof(buf));
	CHECK_EQ(soft_store(mm, AT + 4000, buf, sizeof(buf), &trap), SIGSEGV);
	CHECK_EQ(trap.sig, SIGSEGV);
	CHECK_EQ(trap.addr, AT + 2 * PAGE_SIZE);
	CHECK_EQ(load_byte(mm, AT + 2 * PAGE_SIZE - 1), 'n');
	end_space(mm);
	__free_page(a);
	__free_page(b);
}

TEST_SOFT(address_spaces_do_not_see_each_other)
{
	struct mm_struct *m = new_space(), *n = new_space();
	struct page *a = filled_page('a'), *b = filled_page('b');

	map_at(m, AT, 0, a, RWU);
	map_at(n, AT, 0, b, RWU);
	for (unsigned int i = 0; i < 3; i++) {
		CHECK_EQ(load_byte(m, AT), 'a');
		CHECK_EQ(load_byte(n, AT), 'b');
	}
	CHECK_EQ(soft_tlb_stats(0).misses, 2);
	CHECK_EQ(soft_tlb_stats(0).hits, 4);
	end_space(m);
	end_space(n);
	__free_page(a);
	__free_page(b);
}

TEST_SOFT(addresses_behind_user_space_fault)
{
	struct mm_struct *mm = new_space();

	CHECK_EQ(load_byte(mm, TASK_SIZE), -1);
	CHECK_EQ(load_byte(mm, ~0UL), -1);
	CHECK_EQ(load_byte(mm, 0), -1);
	end_space(mm);
}

/* ---- rights (T1, T4) ---- */

TEST_SOFT(each_access_needs_its_right)
{
	static const struct {
		u64 bits;
		bool load, store, fetch;
	} cases[] = {
		{RWU, true, true, false},
		{RWU & ~_PAGE_NX, true, true, true},
		{RWU & ~_PAGE_RW, true, false, false},
		{RWU & ~(_PAGE_RW | _PAGE_NX), true, false, true},
		{RWU & ~_PAGE_USER, false, false, false},
		{RWU & ~_PAGE_PRESENT, false, false, false},
	};
	struct page *page = filled_page('p');

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mm_struct *mm = new_space();
		char c = 0;

		map_at(mm, AT, 0, page, cases[i].bits);
		CHECK_EQ(!soft_load(mm, AT, &c, 1, NULL), cases[i].load);
		CHECK_EQ(!soft_store(mm, AT, &c, 1, NULL), cases[i].store);
		CHECK_EQ(!soft_fetch(mm, AT, &c, 1, NULL), cases[i].fetch);
		end_space(mm);
	}
	__free_page(page);
}

TEST_SOFT(upper_levels_restrict_rights)
{
	struct page *page = filled_page('p');

	for (unsigned int level = 1; level < PGTABLE_LEVELS; level++) {
		struct mm_struct *mm = new_space();
		pte_t *upper;

		map_at(mm, AT, 0, page, RWU & ~_PAGE_NX);
		upper = pgtable_get(mm->pgd, AT, level, GFP_KERNEL);
		upper->v &= ~_PAGE_RW;
		upper->v |= _PAGE_NX;
		CHECK_EQ(load_byte(mm, AT), 'p');
		CHECK_EQ(store_byte(mm, AT, 'x'), SIGSEGV);
		CHECK_EQ(soft_fetch(mm, AT, &(char){0}, 1, NULL), SIGSEGV);
		upper->v &= ~_PAGE_USER;
		flush(mm, AT, AT + PAGE_SIZE);
		CHECK_EQ(load_byte(mm, AT), -1);
		end_space(mm);
	}
	__free_page(page);
}

TEST_SOFT(more_rights_need_no_flush)
{
	struct mm_struct *mm = new_space();
	struct page *page = filled_page('p');
	pte_t *ptep = map_at(mm, AT, 0, page, RWU & ~_PAGE_RW);

	CHECK_EQ(load_byte(mm, AT), 'p');
	set_pte(ptep, pte_mkwrite(ptep_get(ptep)));
	CHECK_EQ(store_byte(mm, AT, 'q'), 0);
	CHECK_EQ(load_byte(mm, AT), 'q');
	end_space(mm);
	__free_page(page);
}

/* ---- accessed and dirty (T2) ---- */

TEST_SOFT(accessed_and_dirty_bits_tell_what_happened)
{
	struct mm_struct *mm = new_space();
	struct page *page = filled_page('p');
	pte_t *ptep = map_at(mm, AT, 0, page, RWU);

	CHECK(!pte_young(ptep_get(ptep)) && !pte_dirty(ptep_get(ptep)));
	CHECK_EQ(load_byte(mm, AT), 'p');
	CHECK(pte_young(ptep_get(ptep)) && !pte_dirty(ptep_get(ptep)));
	CHECK_EQ(store_byte(mm, AT, 'q'), 0);
	CHECK(pte_dirty(ptep_get(ptep)));
	/* Cleared and flushed, the next write sets it again. */
	set_pte(ptep, pte_mkclean(ptep_get(ptep)));
	flush(mm, AT, AT + PAGE_SIZE);
	CHECK_EQ(load_byte(mm, AT), 'q');
	CHECK(!pte_dirty(ptep_get(ptep)));
	CHECK_EQ(store_byte(mm, AT, 'r'), 0);
	CHECK(pte_dirty(ptep_get(ptep)));
	end_space(mm);
	__free_page(page);
}

/* ---- the TLB ---- */

/* Two sets of four: pages 0, 2, 4 ... of AT share one. */
#define SMALL(name, policy)                      \
	static const struct soft_layout name = { \
		.tlb = {.entries = 8, .ways = 4, .replacement = (policy)}}
SMALL(small_lru, SOFT_TLB_LRU);
SMALL(small_fifo, SOFT_TLB_FIFO);
SMALL(small_random, SOFT_TLB_RANDOM);

/*
 * Fill one set with pages 0 2 4 6, use page 0 again, bring page 8; which of
 * the first four went?  More than one or none: -1.
 */
static int page_replaced(void)
{
	struct mm_struct *mm = new_space();
	struct page *page = filled_page('p');
	int gone = -1, nr = 0;

	for (unsigned long i = 0; i <= 8; i += 2)
		map_at(mm, AT + i * PAGE_SIZE, 0, page, RWU);
	for (unsigned long i = 0; i <= 6; i += 2)
		CHECK_EQ(load_byte(mm, AT + i * PAGE_SIZE), 'p');
	CHECK_EQ(load_byte(mm, AT), 'p');
	CHECK_EQ(soft_tlb_stats(0).evictions, 0);
	CHECK_EQ(load_byte(mm, AT + 8 * PAGE_SIZE), 'p');
	CHECK_EQ(soft_tlb_stats(0).evictions, 1);
	CHECK_EQ(soft_tlb_held(0, mm), 4);
	for (int i = 0; i <= 6; i += 2) {
		if (!soft_tlb_has(0, mm, AT + (unsigned long)i * PAGE_SIZE)) {
			gone = i;
			nr++;
		}
	}
	CHECK_EQ(soft_tlb_stats(0).hits, 1);
	CHECK_EQ(soft_tlb_stats(0).misses, 5);
	end_space(mm);
	__free_page(page);
	return nr == 1 ? gone : -1;
}

TEST_MACHINE(lru_replaces_the_least_recently_used, &small_lru)
{
	CHECK_EQ(page_replaced(), 2);
}

TEST_MACHINE(fifo_replaces_the_oldest, &small_fifo)
{
	CHECK_EQ(page_replaced(), 0);
}

TEST_MACHINE(random_replaces_any_one, &small_random)
{
	CHECK_GE(page_replaced(), 0);
}

TEST_SOFT(a_large_leaf_translates_and_is_flushed_as_one)
{
	struct mm_struct *mm = new_space();
	struct page *run = alloc_pages(GFP_KERNEL, PTRS_SHIFT);
	char *mem;

	CHECK(run);
	mem = page_address(run);
	for (unsigned int i = 0; i < PTRS_PER_TABLE; i++)
		mem[i * PAGE_SIZE + 5] = (char)i;
	map_at(mm, AT, 1, run, RWU | _PAGE_PSE);
	for (unsigned long i = 0; i < PTRS_PER_TABLE; i += 37)
		CHECK_EQ(load_byte(mm, AT + i * PAGE_SIZE + 5), (u8)i);
	CHECK_EQ(soft_tlb_held(0, mm), DIV_ROUND_UP(PTRS_PER_TABLE, 37));
	/* One byte of it. */
	flush(mm, AT + pgtable_size(1) - 1, AT + pgtable_size(1));
	CHECK_EQ(soft_tlb_held(0, mm), 0);
	end_space(mm);
	__free_pages(run, PTRS_SHIFT);
}

TEST_SOFT(a_flush_drops_its_range_only)
{
	struct mm_struct *mm = new_space();
	struct page *page = filled_page('p');

	for (unsigned long i = 0; i < 10; i++) {
		map_at(mm, AT + i * PAGE_SIZE, 0, page, RWU);
		load_byte(mm, AT + i * PAGE_SIZE);
	}
	flush(mm, AT + 3 * PAGE_SIZE, AT + 6 * PAGE_SIZE);
	for (unsigned long i = 0; i < 10; i++)
		CHECK_EQ(soft_tlb_has(0, mm, AT + i * PAGE_SIZE),
			 i < 3 || i >= 6);
	CHECK_EQ(soft_tlb_stats(0).invalidated, 3);
	arch_flush_tlb_one(AT + 9 * PAGE_SIZE + 1);
	CHECK(!soft_tlb_has(0, mm, AT + 9 * PAGE_SIZE));
	CHECK(soft_tlb_has(0, mm, AT + 8 * PAGE_SIZE));
	end_space(mm);
	__free_page(page);
}

static void load_on_cpu(void *arg, unsigned int k)
{
	struct mm_struct *mm = arg;

	(void)k;
	CHECK_EQ(load_byte(mm, AT), 'p');
}

TEST_SOFT(a_shootdown_reaches_those_who_used_the_space)
{
	struct mm_struct *mm = new_space();
	struct page *page = filled_page('p');

	map_at(mm, AT, 0, page, RWU);
	test_run_on_cpus(4, load_on_cpu, mm);
	for (unsigned int cpu = 0; cpu < 4; cpu++)
		CHECK(soft_tlb_has(cpu, mm, AT));
	CHECK(!soft_tlb_has(4, mm, AT));
	flush(mm, AT, AT + 1);
	for (unsigned int cpu = 0; cpu < 4; cpu++)
		CHECK(!soft_tlb_has(cpu, mm, AT));
	CHECK_EQ(soft_tlb_stats(0).shootdowns, 3);
	CHECK_EQ(soft_tlb_stats(0).flushes, 1);
	CHECK_EQ(soft_tlb_stats(SOFT_ALL_CPUS).invalidated, 4);
	end_space(mm);
	__free_page(page);
}

/* ---- stale entries ---- */

static void load_it(void *arg)
{
	load_byte(arg, AT);
}

static void validate_it(void *arg)
{
	soft_tlb_validate(arg);
}

TEST_SOFT(a_translation_nobody_flushed_stops_the_machine)
{
	struct page *page = filled_page('p'), *other = filled_page('o');
	const u64 changes[] = {
		0,
		pte_val(pfn_pte(page_to_pfn(other), RWU)),
		pte_val(pfn_pte(page_to_pfn(page), RWU & ~_PAGE_RW)),
		pte_val(pfn_pte(page_to_pfn(page), RWU & ~_PAGE_USER)),
		pte_val(pfn_pte(page_to_pfn(page), RWU)), /* clean */
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(changes); i++) {
		struct mm_struct *mm = new_space();
		pte_t *ptep = map_at(mm, AT, 0, page, RWU);
		char text[300];

		CHECK_EQ(store_byte(mm, AT, 'x'), 0);
		set_pte(ptep, __pte(changes[i]));
		CHECK(soft_catch_panic(validate_it, mm, text, sizeof(text)));
		CHECK(soft_catch_panic(load_it, mm, text, sizeof(text)));
		CHECK(str_has_prefix(text, "BUG: stale TLB entry: CPU 0, "
					   "address 40000000: "));
		/* Flushed, all is well again. */
		flush(mm, AT, AT + PAGE_SIZE);
		soft_tlb_validate(mm);
		load_byte(mm, AT);
		set_pte(ptep, __pte(changes[1]));
		end_space(mm);
	}
	__free_page(page);
	__free_page(other);
}

/* ---- under change ---- */

#define ROUNDS 300

struct race {
	struct mm_struct *mm;
	pte_t *ptep;
	struct page *page[2];
	u32 done;
};

/*
 * Move AT between two frames; a frame that is not mapped is scribbled on.
 * Who reads a scribble has used a translation after its flush.
 */
static void remap(struct race *r)
{
	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct page *in = r->page[1 - i % 2], *out = r->page[i % 2];

		memset(page_address(in), 'm', PAGE_SIZE);
		mmap_write_lock(r->mm);
		ptep_get_and_clear(r->ptep);
		flush(r->mm, AT, AT + PAGE_SIZE);
		memset(page_address(out), '!', PAGE_SIZE);
		set_pte(r->ptep, pfn_pte(page_to_pfn(in), RWU));
		mmap_write_unlock(r->mm);
		port->yield();
	}
	smp_store_release(&r->done, 1);
}

static void use(struct race *r)
{
	while (!smp_load_acquire(&r->done)) {
		int c = load_byte(r->mm, AT + 8);

		/* -1: it was not mapped just then. */
		CHECK(c == 'm' || c == -1);
		store_byte(r->mm, AT + 16, 'm');
		port->yield();
	}
}

static void remap_or_use(void *arg, unsigned int k)
{
	if (k == 0)
		remap(arg);
	else
		use(arg);
}

static void race(void)
{
	struct race r = {
		.mm = new_space(),
		.page = {filled_page('m'), filled_page('m')},
	};

	r.ptep = map_at(r.mm, AT, 0, r.page[0], RWU);
	test_run_on_cpus(4, remap_or_use, &r);
	soft_tlb_validate(r.mm);
	end_space(r.mm);
	__free_page(r.page[0]);
	__free_page(r.page[1]);
}

TEST_SOFT(no_access_survives_a_shootdown)
{
	race();
}

static const struct soft_layout seeded = {.mode = SOFT_SEEDED};

TEST_MACHINE(no_access_survives_a_shootdown_by_seed, &seeded)
{
	race();
}

/* ---- other geometries ---- */

static void try_geometry(void)
{
	unsigned long top = TASK_SIZE - PAGE_SIZE;
	struct mm_struct *mm = new_space();
	struct page *a = filled_page('a'), *b = filled_page('b');

	map_at(mm, top, 0, a, RWU);
	map_at(mm, PAGE_SIZE, 0, b, RWU);
	CHECK_EQ(load_byte(mm, top + 9), 'a');
	CHECK_EQ(load_byte(mm, PAGE_SIZE + 9), 'b');
	CHECK_EQ(load_byte(mm, 0), -1);
	CHECK_EQ(load_byte(mm, top - 1), -1);
	/* What would be the same slots again with the bits cut off. */
	if (PGTABLE_LEVELS < 5)
		CHECK_EQ(load_byte(mm, (TASK_SIZE + PAGE_SIZE) * 2 + PAGE_SIZE),
			 -1);
	end_space(mm);
	__free_page(a);
	__free_page(b);
}

static const struct soft_layout two_levels = {.levels = 2,
					      .tlb = {.entries = 1, .ways = 1}};
static const struct soft_layout three_levels = {
	.levels = 3, .tlb = {.entries = 6, .ways = 2}};
static const struct soft_layout five_levels = {
	.levels = 5, .tlb = {.entries = 16, .ways = 16}};

TEST_MACHINE(two_levels_translate, &two_levels)
{
	try_geometry();
}

TEST_MACHINE(three_levels_translate, &three_levels)
{
	try_geometry();
}

TEST_MACHINE(five_levels_translate, &five_levels)
{
	try_geometry();
}
