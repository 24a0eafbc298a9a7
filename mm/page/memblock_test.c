/* SPDX-License-Identifier: MIT */
/*
 * memblock_test.c - the lists against a naive map of frames, and what the
 * start makes of odd firmware maps.
 *
 * The running machine's memblock has retired; the tests work on lists of
 * their own, in the same functions.
 */
#include "mm/page/memblock.c"

#include <quire/gfp.h>
#include <quire/mm_types.h>

#include "port/soft/soft.h"
#include "test/test.h"

#define FRAMES 64U
#define ROOM   40U

static struct mem_range room[ROOM];

static struct memblock_list empty_list(void)
{
	return (struct memblock_list){"test", room, 0, ROOM, false};
}

static struct mem_range frames(unsigned int start, unsigned int end, int nid)
{
	return (struct mem_range){(phys_addr_t)start << PAGE_SHIFT,
				  (phys_addr_t)end << PAGE_SHIFT, nid,
				  MEM_RANGE_USABLE};
}

/* One letter a frame: '.' not in the list, else 'A' + node. */
static const char *drawn(const struct memblock_list *list)
{
	static char text[FRAMES + 1];
	unsigned int i, f;

	for (f = 0; f < FRAMES; f++) {
		phys_addr_t pa = (phys_addr_t)f << PAGE_SHIFT;

		text[f] = '.';
		for (i = 0; i < list->nr; i++)
			if (list->ranges[i].start <= pa &&
			    pa < list->ranges[i].end)
				text[f] = (char)('A' + list->ranges[i].nid);
	}
	for (f = FRAMES; f > 0 && text[f - 1] == '.'; f--)
		text[f - 1] = '\0';
	return text;
}

TEST(memblock_merges_touching_ranges_of_one_node)
{
	struct memblock_list list = empty_list();

	list_add(&list, frames(4, 6, 0));
	list_add(&list, frames(0, 2, 0));
	list_add(&list, frames(2, 4, 0));
	CHECK_STR(drawn(&list), "AAAAAA");
	CHECK_EQ(list.nr, 1);
	list_add(&list, frames(6, 8, 1));
	CHECK_STR(drawn(&list), "AAAAAABB");
	CHECK_EQ(list.nr, 2);
	list_validate(&list, true);
}

TEST(memblock_fills_gaps_and_keeps_what_was_said_first)
{
	struct memblock_list list = empty_list();

	list_add(&list, frames(2, 4, 0));
	list_add(&list, frames(6, 8, 0));
	list_add(&list, frames(0, 10, 1));
	CHECK_STR(drawn(&list), "BBAABBAABB");
	CHECK_EQ(list.nr, 5);
	list_validate(&list, true);
}

TEST(memblock_removal_splits_a_range)
{
	struct memblock_list list = empty_list();

	list_add(&list, frames(0, 9, 0));
	list_remove(&list, 3 * PAGE_SIZE, 6 * PAGE_SIZE);
	CHECK_STR(drawn(&list), "AAA...AAA");
	list_remove(&list, 2 * PAGE_SIZE, 7 * PAGE_SIZE);
	CHECK_STR(drawn(&list), "AA.....AA");
	list_remove(&list, 0, 20 * PAGE_SIZE);
	CHECK_EQ(list.nr, 0);
}

TEST(memblock_random_adds_and_removes_equal_a_naive_map)
{
	struct memblock_list list = empty_list();
	char model[FRAMES + 1] = "", trimmed[FRAMES + 1];
	unsigned int step, f;

	memset(model, '.', FRAMES);
	for (step = 0; step < 3000; step++) {
		unsigned int start = (unsigned int)test_random_below(FRAMES);
		unsigned int end =
			start + 1 +
			(unsigned int)test_random_below(FRAMES - start);
		int nid = (int)test_random_below(2);

		if (test_random_below(2)) {
			list_add(&list, frames(start, end, nid));
			for (f = start; f < end; f++)
				if (model[f] == '.')
					model[f] = (char)('A' + nid);
		} else {
			list_remove(&list, (phys_addr_t)start << PAGE_SHIFT,
				    (phys_addr_t)end << PAGE_SHIFT);
			for (f = start; f < end; f++)
				model[f] = '.';
		}
		list_validate(&list, true);
		strscpy(trimmed, model, sizeof(trimmed));
		for (f = FRAMES; f > 0 && trimmed[f - 1] == '.'; f--)
			trimmed[f - 1] = '\0';
		CHECK_STR(drawn(&list), trimmed);
	}
}

/*
 *   frame     0123456789
 *   avail     ..AAAAAA..
 *   taken     .....TT...
 */
TEST(memblock_finds_the_highest_gap_below_the_limit)
{
	struct mem_range avail = frames(2, 8, 0), taken = frames(5, 7, 0);

	taken.type = MEM_RANGE_RESERVED;
#define FIND(size, align, limit)                                              \
	(find_top_down(&avail, 1, &taken, 1, (size)*PAGE_SIZE,                \
		       (align)*PAGE_SIZE, (limit)*PAGE_SIZE, NUMA_NO_NODE) >> \
	 PAGE_SHIFT)
	CHECK_EQ(FIND(1, 1, 99), 7);
	CHECK_EQ(FIND(2, 1, 99), 3);
	CHECK_EQ(FIND(2, 2, 99), 2);
	CHECK_EQ(FIND(1, 1, 4), 3);
	CHECK_EQ(FIND(3, 1, 99), 2);
	CHECK_EQ(FIND(4, 1, 99), 0);
	CHECK_EQ(FIND(1, 1, 2), 0);
#undef FIND
}

TEST(memblock_never_gives_frame_zero)
{
	struct mem_range avail = frames(0, 2, 0);

	CHECK_EQ(find_top_down(&avail, 1, NULL, 0, PAGE_SIZE, PAGE_SIZE, ~0UL,
			       NUMA_NO_NODE),
		 PAGE_SIZE);
	CHECK_EQ(find_top_down(&avail, 1, NULL, 0, 2 * PAGE_SIZE, PAGE_SIZE,
			       ~0UL, NUMA_NO_NODE),
		 0);
}

/*
 *   frame     0123456789
 *   node        000111
 *   taken          T
 */
TEST(memblock_finds_gaps_of_one_node)
{
	struct mem_range avail[] = {frames(2, 5, 0), frames(5, 8, 1)};
	struct mem_range taken = frames(4, 5, 0);

	taken.type = MEM_RANGE_RESERVED;
#define FIND(frames_, nid)                                                  \
	(find_top_down(avail, 2, &taken, 1, (frames_)*PAGE_SIZE, PAGE_SIZE, \
		       ~0UL, nid) >>                                        \
	 PAGE_SHIFT)
	CHECK_EQ(FIND(1, NUMA_NO_NODE), 7);
	CHECK_EQ(FIND(1, 0), 3);
	CHECK_EQ(FIND(2, 0), 2);
	CHECK_EQ(FIND(3, 0), 0);
	CHECK_EQ(FIND(3, 1), 5);
	CHECK_EQ(FIND(1, 2), 0);
#undef FIND
}

TEST(memblock_of_the_running_machine_is_in_order)
{
	memblock_validate();
	CHECK(memblock.retired);
	CHECK(memblock_overlaps(&memblock.reserved, 0, PAGE_SIZE));
}

/* ---- allocating: a memblock of its own over one borrowed run ---- */

#define LENT_ORDER 6U

static struct {
	struct memblock was;
	struct page *pages;
	phys_addr_t start, end;
	struct mem_range memory[4], reserved[4];
} lent;

static void borrow_memory(void)
{
	lent.was = memblock;
	lent.pages = alloc_pages(GFP_KERNEL, LENT_ORDER);
	CHECK(lent.pages);
	lent.start = __pa(page_address(lent.pages));
	lent.end = lent.start + (PAGE_SIZE << LENT_ORDER);
	memset(page_address(lent.pages), 0xa5, PAGE_SIZE << LENT_ORDER);
	memblock = (struct memblock){
		.memory = {"memory", lent.memory, 0, 4, false},
		.reserved = {"reserved", lent.reserved, 0, 4, false},
		.limit = ~(phys_addr_t)0,
	};
	memblock_add(lent.start, lent.end, 0);
}

static void return_memory(void)
{
	memblock_validate();
	memblock = lent.was;
	__free_pages(lent.pages, LENT_ORDER);
}

TEST(memblock_alloc_gives_cleared_memory_from_the_top)
{
	char *a, *b;
	size_t i;

	borrow_memory();
	a = memblock_alloc(3 * PAGE_SIZE, PAGE_SIZE);
	CHECK_EQ(__pa(a), lent.end - 3 * PAGE_SIZE);
	for (i = 0; i < 3 * PAGE_SIZE; i++)
		CHECK_EQ(a[i], 0);
	b = memblock_alloc(PAGE_SIZE, 8 * PAGE_SIZE);
	CHECK_EQ(__pa(b), lent.end - 8 * PAGE_SIZE);
	CHECK(!memblock_is_free(__pa(b), __pa(b) + 1));
	CHECK(memblock_is_free(__pa(b) + PAGE_SIZE, __pa(a)));
	return_memory();
}

TEST(memblock_small_requests_share_a_frame)
{
	char *a, *b, *c;

	borrow_memory();
	a = memblock_alloc(100, 8);
	b = memblock_alloc(64, 64);
	c = memblock_alloc(PAGE_SIZE - 100, 8);
	CHECK_EQ(__pa(a) >> PAGE_SHIFT, __pa(b) >> PAGE_SHIFT);
	CHECK(b + 64 <= a && ((uintptr_t)b & 63) == 0);
	CHECK(__pa(c) >> PAGE_SHIFT != __pa(a) >> PAGE_SHIFT);
	return_memory();
}

/* The rest of a frame serves its node only. */
TEST(memblock_gives_memory_of_the_node_asked_for)
{
	phys_addr_t middle;
	char *a, *b, *c, *d;

	borrow_memory();
	middle = lent.start + (PAGE_SIZE << (LENT_ORDER - 1));
	memblock.memory.ranges[0].end = middle;
	memblock_add(middle, lent.end, 1);
	a = memblock_try_alloc_node(64, 8, 0);
	b = memblock_try_alloc_node(64, 8, 0);
	c = memblock_try_alloc_node(64, 8, 1);
	d = memblock_try_alloc_node(64, 8, NUMA_NO_NODE);
	CHECK_EQ(__pa(a) + 64, middle);
	CHECK(b + 64 == a);
	CHECK_EQ(__pa(c) + 64, lent.end);
	CHECK(d + 64 == c);
	CHECK(!memblock_try_alloc_node(64, 8, 2));
	CHECK(!memblock_try_alloc_node(PAGE_SIZE << (LENT_ORDER - 1), 8, 0));
	return_memory();
}

TEST(memblock_says_when_there_is_no_room)
{
	borrow_memory();
	CHECK(!memblock_try_alloc((PAGE_SIZE << LENT_ORDER) + 1, 8));
	CHECK(memblock_try_alloc(PAGE_SIZE << LENT_ORDER, 8));
	CHECK(!memblock_try_alloc(8, 8));
	return_memory();
}

/* Every second frame reserved: the lists outgrow their arrays, twice. */
TEST(memblock_lists_grow_in_memory_of_their_own)
{
	phys_addr_t pa;

	borrow_memory();
	for (pa = lent.start; pa < lent.end - 8 * PAGE_SIZE;
	     pa += 2 * PAGE_SIZE) {
		memblock_reserve(pa, pa + PAGE_SIZE);
		memblock_validate();
	}
	CHECK(memblock.reserved.grown);
	CHECK(memblock.reserved.nr >= 28);
	for (pa = lent.start; pa < lent.end - 8 * PAGE_SIZE;
	     pa += 2 * PAGE_SIZE) {
		CHECK(!memblock_is_free(pa, pa + PAGE_SIZE));
		CHECK(memblock_is_free(pa + PAGE_SIZE, pa + 2 * PAGE_SIZE));
	}
	return_memory();
}

TEST(memblock_walks_the_free_runs)
{
	unsigned long start, end = 0, first = 0;

	borrow_memory();
	first = lent.start >> PAGE_SHIFT;
	memblock_reserve(lent.start, lent.start + PAGE_SIZE);
	memblock_reserve(lent.start + 4 * PAGE_SIZE,
			 lent.start + 6 * PAGE_SIZE);
	CHECK(memblock_next_free(&start, &end));
	CHECK(start == first + 1 && end == first + 4);
	CHECK(memblock_next_free(&start, &end));
	CHECK(start == first + 6 && end == first + (1UL << LENT_ORDER));
	CHECK(!memblock_next_free(&start, &end));
	return_memory();
}

/* ---- whole machines ---- */

#define MIB ((phys_addr_t)1 << 20)

/* Unsorted, overlapping, unaligned, with firmware in the middle. */
static const struct mem_range messy_ranges[] = {
	{12 * MIB, 24 * MIB, 0, MEM_RANGE_USABLE},
	{0x1234, 8 * MIB + 0x123, 0, MEM_RANGE_USABLE},
	{4 * MIB, 16 * MIB, 0, MEM_RANGE_USABLE},
	{6 * MIB, 7 * MIB, 0, MEM_RANGE_FIRMWARE},
	{2 * MIB + 0x800, 3 * MIB - 0x800, 0, MEM_RANGE_RESERVED},
	{3 * MIB, 3 * MIB, 0, MEM_RANGE_USABLE},
	{2 * MIB, 2 * MIB + 0x100, 0, MEM_RANGE_RESERVED},
};
static const struct soft_layout messy = {
	.ranges = messy_ranges,
	.nr_ranges = ARRAY_SIZE(messy_ranges),
	.nr_cpus = 1,
	.nr_nodes = 1,
};

TEST_MACHINE(memblock_sorts_merges_and_lets_reserved_and_firmware_win, &messy)
{
	const struct memblock_list *mem = &memblock.memory;

	memblock_validate();
	CHECK_EQ(mem->nr, 2);
	CHECK_EQ(mem->ranges[0].start, 0x2000);
	CHECK_EQ(mem->ranges[0].end, 6 * MIB);
	CHECK_EQ(mem->ranges[1].start, 7 * MIB);
	CHECK_EQ(mem->ranges[1].end, 24 * MIB);
	CHECK(memblock_overlaps(&memblock.reserved, 2 * MIB, 2 * MIB + 1));
	CHECK(memblock_overlaps(&memblock.reserved, 2 * MIB + 0x800 - 1,
				2 * MIB + 0x800));
	CHECK(!memblock_is_free(3 * MIB - 0x1000, 3 * MIB));
	CHECK(memblock_is_free(3 * MIB, 3 * MIB + 0x1000));
}

/* More ranges than the static arrays hold: every second 64 KiB of 64 MiB. */
#define R1(i)                                                       \
	{(2 * (i) + 32) * 0x10000UL, (2 * (i) + 33) * 0x10000UL, 0, \
	 MEM_RANGE_USABLE},
#define R8(i) \
	R1(i) \
	R1(i + 1) R1(i + 2) R1(i + 3) R1(i + 4) R1(i + 5) R1(i + 6) R1(i + 7)
#define R64(i)    \
	R8(i)     \
	R8(i + 8) \
	R8(i + 16) R8(i + 24) R8(i + 32) R8(i + 40) R8(i + 48) R8(i + 56)
#define MANY 512U
/* clang-format off */
static const struct mem_range many_ranges[MANY + 1] = {
	R64(0) R64(64) R64(128) R64(192) R64(256) R64(320) R64(384) R64(448)
	{ 80 * MIB, 84 * MIB, 0, MEM_RANGE_USABLE },
};
/* clang-format on */
static const struct soft_layout many = {
	.ranges = many_ranges,
	.nr_ranges = ARRAY_SIZE(many_ranges),
	.nr_cpus = 2,
	.nr_nodes = 1,
};

TEST_MACHINE(memblock_takes_a_map_of_five_hundred_ranges, &many)
{
	memblock_validate();
	CHECK_EQ(memblock.memory.nr, MANY + 1);
	CHECK(memblock.memory.grown);
	CHECK(!memblock_is_free(__pa(memblock.memory.ranges),
				__pa(memblock.memory.ranges + 1)));
}

/* ---- what stops the start ---- */

#ifndef QUIRE_METAL
static void alloc_much(void *arg)
{
	memblock_alloc(*(size_t *)arg, 8);
}

static void reserve_all(void *arg)
{
	phys_addr_t pa;

	(void)arg;
	/* Nothing is left for the longer list. */
	for (pa = lent.start; pa < lent.end; pa += 2 * PAGE_SIZE)
		memblock_reserve(pa + PAGE_SIZE, pa + 2 * PAGE_SIZE);
	memblock_reserve(lent.start, lent.end);
	for (pa = lent.end; pa < lent.end + 1000 * PAGE_SIZE;
	     pa += 2 * PAGE_SIZE)
		memblock_reserve(pa + PAGE_SIZE, pa + 2 * PAGE_SIZE);
}

static void init_from(void *arg)
{
	memblock_init(arg);
}

static void check_panics(void (*fn)(void *arg), void *arg, const char *what)
{
	char text[100];

	borrow_memory();
	CHECK(soft_catch_panic(fn, arg, text, sizeof(text)));
	CHECK_STR(text, what);
	memblock = lent.was;
	__free_pages(lent.pages, LENT_ORDER);
}

TEST_SOFT(memblock_panics_when_the_start_cannot_have_its_memory)
{
	size_t much = (PAGE_SIZE << LENT_ORDER) + 1;

	check_panics(alloc_much, &much, "memblock: no room for 262145 bytes");
	check_panics(reserve_all, NULL,
		     "memblock: no memory for the reserved list");
}

TEST_SOFT(memblock_panics_on_a_map_without_memory)
{
	static struct mem_range holes[200];
	struct mm_boot boot = {.ranges = holes, .nr_ranges = 1};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(holes); i++)
		holes[i] = (struct mem_range){(2 * i + 1) * PAGE_SIZE,
					      (2 * i + 2) * PAGE_SIZE, 0,
					      MEM_RANGE_FIRMWARE};
	/* The memory it has of its own shall not count here. */
	borrow_memory();
	memblock.memory.nr = 0;
	memblock.firmware =
		(struct memblock_list){"firmware", room, 0, ROOM, false};
	{
		char text[100];

		CHECK(soft_catch_panic(init_from, &boot, text, sizeof(text)));
		CHECK_STR(text,
			  "memblock: the machine's map has no usable memory");
		boot.nr_ranges = ARRAY_SIZE(holes);
		CHECK(soft_catch_panic(init_from, &boot, text, sizeof(text)));
		CHECK_STR(text, "memblock: no memory for a map of 200 ranges");
	}
	memblock = lent.was;
	__free_pages(lent.pages, LENT_ORDER);
}
#endif

TEST(memblock_keeps_a_range_listed_that_it_has_no_room_to_split)
{
	unsigned int nr;

	borrow_memory();
	memblock_reserve(lent.start, lent.end);
	memblock.retired = true;
	/* Room for all that one removal may need, or it does nothing. */
	memblock.reserved.max = memblock.reserved.nr;
	nr = memblock.reserved.nr;
	memblock_unreserve(lent.start + PAGE_SIZE, lent.end - PAGE_SIZE);
	CHECK_EQ(memblock.reserved.nr, nr);
	CHECK(!memblock_is_free(lent.start, lent.end));
	memblock_reserve(lent.end, lent.end); /* of nothing: nothing */
	CHECK_EQ(memblock.reserved.nr, nr);
	return_memory();
}
