/* SPDX-License-Identifier: MIT */
/*
 * vmap_check_test.c - damage to the tables is found; failures and other
 * processors at any moment leave areas and tables in agreement.
 */
#include "vmap_check.c"

#include <test/test.h>

#include <quire/percpu.h>
#include <quire/slab.h>
#include <quire/string.h>
#include <quire/vmalloc.h>
#include <quire/vmstat.h>
#include <quire/work.h>

#ifndef QUIRE_METAL
#include "port/soft/soft.h"
#endif

#ifndef QUIRE_METAL
static pte_t *entry_of(const void *p)
{
	unsigned int level;

	return pgtable_lookup(init_pgd, (uintptr_t)p, &level);
}

static void validate(void *arg)
{
	(void)arg;
	vmalloc_validate();
}

/* With this value in the entry, validation says what. */
static void check_found(pte_t *ptep, u64 value, const char *what)
{
	pte_t good = ptep_get(ptep);
	char text[200];

	vmalloc_validate();
	set_pte(ptep, (pte_t){value});
	CHECK(soft_catch_panic(validate, NULL, text, sizeof(text)));
	if (!str_has_prefix(text, "vmalloc: ") ||
	    !str_has_prefix(text + strlen("vmalloc: "), what))
		test_fail(__FILE__, __LINE__, "%s, not: %s", text, what);
	set_pte(ptep, good);
	vmalloc_validate();
}

/*
 *  [ 2 MiB ][ a b ]g   each entry damaged in each way that there is
 */
TEST_SOFT(damage_to_the_tables_is_found)
{
	u8 *p = vmalloc((2 << 20) + 2 * PAGE_SIZE);
	u8 *a = p + (2 << 20), *b = a + PAGE_SIZE, *guard = b + PAGE_SIZE;
	u64 va, vb;

	CHECK(p);
	va = pte_val(ptep_get(entry_of(a)));
	vb = pte_val(ptep_get(entry_of(b)));
	check_found(entry_of(a), 0, "a page of an area is not mapped");
	check_found(entry_of(b), 0, "the end of an area is not mapped");
	check_found(entry_of(p), 0, "a page of an area is not mapped");
	check_found(entry_of(a), vb, "a page is mapped to another frame");
	check_found(entry_of(b), vb & ~_PAGE_RW,
		    "a leaf has the wrong permissions");
	check_found(entry_of(p), pte_val(ptep_get(entry_of(p))) + (4UL << 20),
		    "a page is mapped to another frame");
	check_found(entry_of(guard), va,
		    "something is mapped where nothing may be");
	check_found(entry_of(guard + PAGE_SIZE), va,
		    "something is mapped where nothing may be");
	vfree(p);
	check_found(entry_of(a), va,
		    "something is mapped where nothing may be");
}

/*
 *  [ 2 MiB ][ a b ]g      a large leaf in place of the table below a and b
 *  [ small pages ... ]g   a large leaf in place of the first 512
 */
TEST_SOFT(leaves_of_the_wrong_size_are_found)
{
	u8 *p = vmalloc((2 << 20) + 2 * PAGE_SIZE);
	u8 *q = __vmalloc_node(4 << 20, 2 << 20, GFP_KERNEL, 0, NULL);
	pte_t *large = entry_of(p), *small;
	u64 leaf;

	CHECK(p && q > p);
	leaf = pte_val(ptep_get(large));
	/* Both are in the one table of level 1 that the range has. */
	CHECK(VMALLOC_END - VMALLOC_START <= pgtable_size(2));
	small = large + ((q - p) >> 21);
	check_found(large + 1, leaf, "a leaf reaches beyond its area");
	check_found(small, leaf, "a leaf is of the wrong size");
	vfree(p);
	vfree(q);
}

#define MIB ((phys_addr_t)1 << 20)

/* Reserved memory in place of a device. */
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

/* Device memory has its frames and its type; a caller's frames are his. */
TEST_MACHINE(devices_and_frames_of_others_are_compared, &device)
{
	u8 *wc = ioremap_wc(48 * MIB, 2 * MIB + 2 * PAGE_SIZE);
	struct page *pages[2] = {alloc_page(GFP_KERNEL),
				 alloc_page(GFP_KERNEL)};
	u8 *m = vmap(pages, 2, VM_MAP, PAGE_KERNEL), *end = wc + 2 * MIB;
	pte_t good;
	u64 value;

	CHECK(wc && m);
	value = pte_val(ptep_get(entry_of(wc)));
	check_found(entry_of(wc), value + 2 * MIB,
		    "a page is mapped to another frame");
	check_found(entry_of(wc), 0, "a page of an area is not mapped");
	value = pte_val(ptep_get(entry_of(end)));
	check_found(entry_of(end), value + PAGE_SIZE,
		    "a page is mapped to another frame");
	check_found(entry_of(end), value ^ (_PAGE_PWT | _PAGE_PCD),
		    "a leaf has the wrong permissions");
	check_found(entry_of(m), 0, "a page of an area is not mapped");
	check_found(entry_of(m + PAGE_SIZE), 0,
		    "the end of an area is not mapped");
	/* vmap() does not keep which frames they were. */
	good = ptep_get(entry_of(m));
	set_pte(entry_of(m), ptep_get(entry_of(m + PAGE_SIZE)));
	vmalloc_validate();
	set_pte(entry_of(m), good);
	iounmap(wc);
	vunmap(m);
	__free_page(pages[0]);
	__free_page(pages[1]);
	vmalloc_validate();
}
#endif

/* ---- failures in any state ---- */

#define NR_BLOCKS 12

enum block_kind { BLOCK_NONE, BLOCK_VMALLOC, BLOCK_VMAP, BLOCK_PERCPU };

struct block {
	enum block_kind kind;
	u8 *p;
	size_t nr_pages;
	u8 fill;
};

struct world {
	struct block blocks[NR_BLOCKS];
	struct page *frames[8];
	u64 random; /* its own, so that processors have one each */
};

static u64 draw(struct world *w, u64 below)
{
	w->random = w->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (w->random >> 33) % below;
}

static bool holds_fill(const struct block *b)
{
	for (size_t i = 0; i < b->nr_pages; i++) {
		size_t at = i << PAGE_SHIFT;

		if (b->kind == BLOCK_VMALLOC && b->p[at] != b->fill)
			return false;
	}
	return true;
}

static void free_block(struct block *b, bool atomic)
{
	if (b->kind == BLOCK_VMALLOC && atomic)
		vfree_atomic(b->p);
	else if (b->kind == BLOCK_VMALLOC)
		vfree(b->p);
	else if (b->kind == BLOCK_VMAP)
		vunmap(b->p);
	else if (b->kind == BLOCK_PERCPU)
		free_percpu(b->p);
	b->kind = BLOCK_NONE;
}

/* Make it as its kind says; false: no memory, and it is BLOCK_NONE. */
static bool make_block(struct world *w, struct block *b, enum block_kind kind)
{
	*b = (struct block){.nr_pages = 1 + draw(w, ARRAY_SIZE(w->frames)),
			    .fill = (u8)draw(w, 256)};
	if (kind == BLOCK_VMAP)
		b->p = vmap(w->frames, (unsigned int)b->nr_pages, VM_MAP,
			    PAGE_KERNEL);
	else if (kind == BLOCK_PERCPU)
		b->p = __alloc_percpu(8 + draw(w, pcpu_unit_size / 2), 8);
	else
		b->p = vmalloc(b->nr_pages << PAGE_SHIFT);
	if (!b->p)
		return false;
	b->kind = kind;
	if (kind == BLOCK_VMALLOC)
		for (size_t i = 0; i < b->nr_pages; i++)
			b->p[i << PAGE_SHIFT] = b->fill;
	return true;
}

static void open_world(struct world *w, u64 seed)
{
	memset(w, 0, sizeof(*w));
	w->random = seed;
	for (unsigned int i = 0; i < ARRAY_SIZE(w->frames); i++) {
		w->frames[i] = alloc_page(GFP_KERNEL);
		CHECK(w->frames[i]);
	}
}

static void close_world(struct world *w)
{
	for (unsigned int i = 0; i < NR_BLOCKS; i++)
		free_block(&w->blocks[i], false);
	for (unsigned int i = 0; i < ARRAY_SIZE(w->frames); i++)
		__free_page(w->frames[i]);
}

/* One step of a random life; false: a block did not hold what it should. */
static bool step(struct world *w)
{
	struct block *b = &w->blocks[draw(w, NR_BLOCKS)];
	bool good = holds_fill(b);

	if (b->kind != BLOCK_NONE)
		free_block(b, draw(w, 4) == 0);
	else
		make_block(w, b, BLOCK_VMALLOC + draw(w, 3));
	if (draw(w, 16) == 0)
		vm_unmap_aliases();
	if (draw(w, 16) == 0)
		mm_work_run();
	return good;
}

/* All that can be seen of the areas, in one number, and what they own. */
struct seen {
	u64 hash;
	unsigned long nr_areas, nr_vmalloc, nr_percpu;
};

static void see_area(const struct vmalloc_info *info, void *arg)
{
	struct seen *seen = arg;

	/* Per-CPU chunks may come, and stay as spares. */
	if (strcmp(info->kind, "percpu") == 0)
		return;
	seen->nr_areas++;
	seen->hash = (seen->hash ^ info->start ^ info->size_bytes << 20 ^
		      info->nr_pages) *
		     0x100000001b3ULL;
}

static struct seen look(void)
{
	struct seen seen = {0};

	mm_work_run();
	percpu_shrink();
	seen.nr_vmalloc = node_stat_pages(NST_nr_vmalloc);
	seen.nr_percpu = pcpu_nr_pages();
	vmalloc_for_each_info(see_area, &seen);
	return seen;
}

/*
 * From a random state each call, with each allocation in it failing once: the
 * state is what it was.
 */
TEST(a_failure_in_any_state_changes_nothing)
{
	static struct world w;
	unsigned int nr_failed = 0;

	for (int round = 0; round < 6; round++) {
		open_world(&w, test_random());
		for (u64 i = draw(&w, 60); i; i--)
			CHECK(step(&w));
		for (enum block_kind kind = BLOCK_VMALLOC; kind <= BLOCK_PERCPU;
		     kind++) {
			u64 random = w.random;

			EACH_FAILURE(n) {
				struct seen before, after;
				struct block b;
				bool injected;

				failure_pause();
				kmem_cache_drain_all();
				before = look();
				w.random = random;
				failure_resume();
				make_block(&w, &b, kind);
				injected = failure_was_injected();
				failure_pause();
				CHECK_EQ(b.kind == BLOCK_NONE, injected);
				nr_failed += injected;
				free_block(&b, false);
				after = look();
				CHECK_EQ(after.hash, before.hash);
				CHECK_EQ(after.nr_areas, before.nr_areas);
				CHECK_EQ(after.nr_vmalloc, before.nr_vmalloc);
				/* Pages of a chunk in use stay populated. */
				if (kind == BLOCK_PERCPU)
					CHECK_GE(after.nr_percpu,
						 before.nr_percpu);
				else
					CHECK_EQ(after.nr_percpu,
						 before.nr_percpu);
				vmalloc_validate();
				percpu_validate();
				failure_resume();
			}
		}
		close_world(&w);
	}
	CHECK(nr_failed > 6 * 3);
}

/* ---- several processors ---- */

struct shared {
	u64 seed;
	u32 nr_wrong;
	int nr_steps;
	struct world worlds[4];
};

static void live(void *arg, unsigned int k)
{
	struct shared *s = arg;
	struct world *w = &s->worlds[k];

	open_world(w, s->seed + k);
	for (int i = 0; i < s->nr_steps; i++) {
		if (!step(w))
			__atomic_fetch_add(&s->nr_wrong, 1, __ATOMIC_RELAXED);
		if (i % 8 == 0)
			vmalloc_validate();
		if (i % 32 == 0)
			percpu_validate();
	}
	close_world(w);
}

static void live_together(int nr_steps)
{
	static struct shared s;

	memset(&s, 0, sizeof(s));
	s.seed = test_random();
	s.nr_steps = nr_steps;
	test_run_on_cpus(4, live, &s);
	CHECK_EQ(s.nr_wrong, 0);
	mm_work_run();
	vm_unmap_aliases();
	vmalloc_validate();
	percpu_validate();
	pgtable_validate(init_pgd);
}

TEST(areas_and_tables_agree_while_processors_work)
{
	live_together(200);
}

#ifndef QUIRE_METAL
static const struct soft_layout seeded = {.mode = SOFT_SEEDED, .nr_cpus = 4};

TEST_MACHINE(areas_and_tables_agree_in_any_order, &seeded)
{
	live_together(400);
}
#endif

/* ---- what all processors see, and what it costs to take it away ---- */

struct visible {
	u8 *p;
	u32 nr_wrong;
};

static void read_it(void *arg, unsigned int k)
{
	struct visible *v = arg;

	(void)k;
	for (int i = 0; i < 3; i++)
		if (READ_ONCE(v->p[i * PAGE_SIZE]) != 0x40 + i)
			__atomic_fetch_add(&v->nr_wrong, 1, __ATOMIC_RELAXED);
}

/* Also at addresses that were others' before, whose translations are gone. */
TEST(what_was_mapped_is_there_on_every_processor)
{
	for (int round = 0; round < 20; round++) {
		struct visible v = {.p = vmalloc(3 * PAGE_SIZE)};

		CHECK(v.p);
		for (int i = 0; i < 3; i++)
			v.p[i * PAGE_SIZE] = (u8)(0x40 + i);
		test_run_on_cpus(4, read_it, &v);
		CHECK_EQ(v.nr_wrong, 0);
		vfree(v.p);
		if (round % 4 == 3)
			vm_unmap_aliases();
	}
}

/* One flush for 128 areas, or for 32 MiB of addresses. */
TEST(freeing_many_areas_flushes_seldom)
{
	const unsigned int nr = 1000;
	struct vmap_purge_stats before, after;

	vm_unmap_aliases();
	before = vmap_purge_stats();
	for (unsigned int i = 0; i < nr; i++) {
		void *p = vmalloc(PAGE_SIZE);

		CHECK(p);
		vfree(p);
	}
	after = vmap_purge_stats();
	CHECK_GE(after.nr_areas - before.nr_areas, nr - 128);
	CHECK_LE(after.nr_purges - before.nr_purges, nr / 128 + 1);
	before = after;
	for (unsigned int i = 0; i < 64; i++) {
		void *p = vmalloc(2 << 20);

		CHECK(p);
		vfree(p);
	}
	after = vmap_purge_stats();
	CHECK_LE(after.nr_purges - before.nr_purges, 64 * 2 / 32 + 1);
}
