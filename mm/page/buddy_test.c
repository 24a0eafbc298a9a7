/* SPDX-License-Identifier: MIT */
/*
 * buddy_test.c - splitting, merging, types and stealing in a zone of its own.
 *
 * The zone is made of one block of 1,024 frames borrowed from the running
 * machine; while it is lent, its descriptors say they belong to the zone.
 */
#include "mm/page/buddy.c"

#include <quire/string.h>

#include "test/test.h"

#define LENT_PAGES (1UL << MAX_ORDER)

static struct {
	struct zone zone;
	struct page *pages;
	unsigned long pfn;
	struct zone *home;
	u8 block_flags[2];
} lent;

static u8 *block_flags_of(unsigned int block)
{
	return &pageblock_flags[(lent.pfn >> PAGEBLOCK_ORDER) + block];
}

static struct zone *borrow_zone(void)
{
	struct zone *zone = &lent.zone;
	unsigned long i;

	lent.pages = alloc_pages(GFP_KERNEL, MAX_ORDER);
	CHECK(lent.pages);
	lent.pfn = page_to_pfn(lent.pages);
	lent.home = page_zone(lent.pages);
	memset(zone, 0, sizeof(*zone));
	spin_lock_init(&zone->lock, LOCK_RANK_ZONE);
	zone->page_flags =
		lent.home->page_flags ^ (u32)(lent.home->idx ^ ZONE_MOVABLE)
						<< PAGEFLAGS_ZONE_SHIFT;
	buddy_init_zone(zone);
	for (i = 0; i < LENT_PAGES; i++) {
		WRITE_ONCE(lent.pages[i].flags, zone->page_flags);
		lent.pages[i]._refcount = 0;
	}
	for (i = 0; i < 2; i++) {
		lent.block_flags[i] = *block_flags_of((unsigned int)i);
		*block_flags_of((unsigned int)i) =
			PAGEBLOCK_PRESENT | PAGEBLOCK_INIT | MIGRATE_MOVABLE;
	}
	spin_lock(&zone->lock);
	buddy_free(zone, lent.pfn, MAX_ORDER);
	return zone;
}

/* Everything must be free again. */
static void return_zone(struct zone *zone)
{
	unsigned long i;

	CHECK_EQ(zone->free_pages, LENT_PAGES);
	buddy_validate(zone);
	spin_unlock(&zone->lock);
	for (i = 0; i < 2; i++)
		*block_flags_of((unsigned int)i) = lent.block_flags[i];
	for (i = 0; i < LENT_PAGES; i++)
		WRITE_ONCE(lent.pages[i].flags, lent.home->page_flags);
	lent.pages[0].flags |= 1U << PG_run;
	lent.pages[0]._refcount = 1;
	lent.pages[1].private = MAX_ORDER;
	__free_pages(lent.pages, MAX_ORDER);
}

/*
 * The first nr frames: a digit is the order of the free block that starts
 * there, '-' the rest of it, '#' a frame in use.
 */
static const char *drawn(unsigned long nr)
{
	static char text[65];
	unsigned long at, i;

	for (at = 0; at < nr;) {
		const struct page *page = lent.pages + at;
		unsigned long len = 1;

		text[at] = '#';
		if (PageBuddy(page)) {
			len = 1UL << page->private;
			text[at] = (char)('0' + page->private);
		}
		for (i = at + 1; i < at + len && i < nr; i++)
			text[i] = '-';
		at += len;
	}
	text[nr] = '\0';
	return text;
}

static unsigned long take(struct zone *zone, unsigned int order,
			  unsigned int mt)
{
	struct page *page = buddy_alloc(zone, order, mt);

	return page ? page_to_pfn(page) - lent.pfn : ~0UL;
}

static void give(struct zone *zone, unsigned long frame, unsigned int order)
{
	buddy_free(zone, lent.pfn + frame, order);
}

TEST(buddy_splits_down_and_keeps_the_low_half)
{
	struct zone *zone = borrow_zone();

	CHECK_EQ(take(zone, 0, MIGRATE_MOVABLE), 0);
	CHECK_STR(drawn(16), "#01-2---3-------");
	CHECK_EQ(take(zone, 1, MIGRATE_MOVABLE), 2);
	CHECK_STR(drawn(16), "#0##2---3-------");
	CHECK_EQ(take(zone, 1, MIGRATE_MOVABLE), 4);
	CHECK_STR(drawn(16), "#0####1-3-------");
	buddy_validate(zone);
	give(zone, 0, 0);
	give(zone, 2, 1);
	give(zone, 4, 1);
	return_zone(zone);
}

TEST(buddy_merges_partners_upwards_and_only_partners)
{
	struct zone *zone = borrow_zone();

	CHECK_EQ(take(zone, 3, MIGRATE_MOVABLE), 0);
	CHECK_STR(drawn(16), "########3-------");
	give(zone, 1, 0);
	give(zone, 2, 0);
	CHECK_STR(drawn(16), "#00#####3-------");
	give(zone, 3, 0);
	CHECK_STR(drawn(16), "#01-####3-------");
	give(zone, 4, 2);
	CHECK_STR(drawn(16), "#01-2---3-------");
	CHECK_EQ(zone->free_pages, LENT_PAGES - 1);
	give(zone, 0, 0);
	CHECK_EQ(lent.pages[0].private, MAX_ORDER);
	return_zone(zone);
}

TEST(buddy_gives_nothing_when_the_zone_is_empty)
{
	struct zone *zone = borrow_zone();

	CHECK_EQ(take(zone, MAX_ORDER, MIGRATE_MOVABLE), 0);
	CHECK_EQ(take(zone, 0, MIGRATE_MOVABLE), ~0UL);
	CHECK_EQ(take(zone, 0, MIGRATE_UNMOVABLE), ~0UL);
	CHECK_EQ(zone->free_pages, 0);
	buddy_validate(zone);
	give(zone, 0, MAX_ORDER);
	return_zone(zone);
}

/* An unmovable request takes the whole of a free block of two pageblocks. */
TEST(buddy_fallback_claims_whole_free_pageblocks)
{
	struct zone *zone = borrow_zone();
	unsigned long a = take(zone, 0, MIGRATE_UNMOVABLE);

	CHECK_EQ(pageblock_type(lent.pfn), MIGRATE_UNMOVABLE);
	CHECK_EQ(pageblock_type(lent.pfn + PAGEBLOCK_NR_PAGES),
		 MIGRATE_UNMOVABLE);
	CHECK_EQ(zone->avail[MIGRATE_MOVABLE], 0);
	buddy_validate(zone);
	give(zone, a, 0);
	return_zone(zone);
}

/*
 * Pageblock 0 is used by movable frames up to frame 255 or 256; the rest of
 * it is free, pageblock 1 is full.
 */
static void fill_to(struct zone *zone, unsigned long frame)
{
	unsigned long i;

	for (i = 0; i < frame; i++)
		CHECK_EQ(take(zone, 0, MIGRATE_MOVABLE), i);
	CHECK_EQ(take(zone, PAGEBLOCK_ORDER, MIGRATE_MOVABLE),
		 PAGEBLOCK_NR_PAGES);
}

static void empty_to(struct zone *zone, unsigned long frame)
{
	unsigned long i;

	give(zone, PAGEBLOCK_NR_PAGES, PAGEBLOCK_ORDER);
	for (i = 0; i < frame; i++)
		give(zone, i, 0);
}

TEST(buddy_fallback_claims_a_pageblock_that_is_half_free)
{
	struct zone *zone = borrow_zone();

	fill_to(zone, 256);
	CHECK_EQ(take(zone, 0, MIGRATE_UNMOVABLE), 256);
	CHECK_EQ(pageblock_type(lent.pfn), MIGRATE_UNMOVABLE);
	CHECK_EQ(zone->avail[MIGRATE_MOVABLE], 0);
	buddy_validate(zone);
	give(zone, 256, 0);
	empty_to(zone, 256);
	return_zone(zone);
}

TEST(buddy_fallback_leaves_the_type_of_a_pageblock_mostly_in_use)
{
	struct zone *zone = borrow_zone();

	fill_to(zone, 257);
	CHECK_EQ(take(zone, 0, MIGRATE_UNMOVABLE), 257);
	CHECK_EQ(pageblock_type(lent.pfn), MIGRATE_MOVABLE);
	CHECK_EQ(zone->avail[MIGRATE_UNMOVABLE], 0);
	buddy_validate(zone);
	give(zone, 257, 0);
	empty_to(zone, 257);
	return_zone(zone);
}

TEST(buddy_keeps_isolated_pageblocks_apart)
{
	struct zone *zone = borrow_zone();

	CHECK_EQ(take(zone, MAX_ORDER, MIGRATE_MOVABLE), 0);
	set_block_type(lent.pfn, MIGRATE_ISOLATE);
	give(zone, 0, PAGEBLOCK_ORDER);
	give(zone, PAGEBLOCK_NR_PAGES, PAGEBLOCK_ORDER);
	buddy_validate(zone);
	CHECK_EQ(lent.pages[0].private, PAGEBLOCK_ORDER);
	CHECK_EQ(take(zone, 0, MIGRATE_MOVABLE), PAGEBLOCK_NR_PAGES);
	CHECK_EQ(take(zone, PAGEBLOCK_ORDER, MIGRATE_MOVABLE), ~0UL);
	give(zone, PAGEBLOCK_NR_PAGES, 0);
	del_block(zone, lent.pages, PAGEBLOCK_ORDER, MIGRATE_ISOLATE);
	add_free_pages(zone, -(long)PAGEBLOCK_NR_PAGES);
	set_block_type(lent.pfn, MIGRATE_MOVABLE);
	give(zone, 0, PAGEBLOCK_ORDER);
	return_zone(zone);
}

TEST(buddy_bulk_gives_what_single_allocations_would_in_order)
{
	struct pcp_stack stack = {PFN_NIL, 0};
	struct zone *zone = borrow_zone();
	u32 pfn;
	unsigned long i, seen[21];

	CHECK_EQ(take(zone, 0, MIGRATE_MOVABLE), 0);
	CHECK_EQ(buddy_alloc_bulk(zone, MIGRATE_MOVABLE, 21, &stack), 21);
	CHECK_EQ(stack.nr, 21);
	buddy_validate(zone);
	memset(seen, 0, sizeof(seen));
	for (pfn = stack.first; pfn != PFN_NIL;
	     pfn = pfn_to_page(pfn)->link.next) {
		i = pfn - lent.pfn - 1;
		CHECK(i < 21);
		CHECK(PagePcp(pfn_to_page(pfn)));
		seen[i]++;
	}
	for (i = 0; i < 21; i++)
		CHECK_EQ(seen[i], 1);
	CHECK_EQ(zone->free_pages, LENT_PAGES - 22);
	for (i = 0; i < 22; i++)
		give(zone, i, 0);
	return_zone(zone);
}

TEST(buddy_bulk_gives_what_there_is_at_the_end)
{
	struct pcp_stack stack = {PFN_NIL, 0};
	struct zone *zone = borrow_zone();
	unsigned long i;

	CHECK_EQ(buddy_alloc_bulk(zone, MIGRATE_UNMOVABLE, 5000, &stack),
		 LENT_PAGES);
	CHECK_EQ(stack.nr, LENT_PAGES);
	CHECK_EQ(zone->free_pages, 0);
	for (i = 0; i < LENT_PAGES; i++)
		give(zone, i, 0);
	return_zone(zone);
}

/* Who has each frame: 0 nobody, else the order of its run + 1. */
static u8 model[LENT_PAGES];

static void model_take(unsigned long frame, unsigned int order)
{
	unsigned long i;

	CHECK(frame + (1UL << order) <= LENT_PAGES);
	CHECK_EQ(frame & ((1UL << order) - 1), 0);
	for (i = frame; i < frame + (1UL << order); i++) {
		CHECK_EQ(model[i], 0);
		model[i] = (u8)(order + 1);
	}
}

static unsigned int model_give(unsigned long frame)
{
	unsigned int order = model[frame] - 1U;

	memset(model + ALIGN_DOWN(frame, 1UL << order), 0, 1UL << order);
	return order;
}

TEST(buddy_random_operations_equal_a_naive_model)
{
	struct zone *zone = borrow_zone();
	unsigned long used = 0, frame;
	unsigned int step, order;

	memset(model, 0, sizeof(model));
	for (step = 0; step < 4000; step++) {
		/* Waves of filling and emptying. */
		bool fill = test_random_below(8) < (step / 500 % 2 ? 2 : 6);

		if (fill) {
			order = (unsigned int)test_random_below(
				test_random_below(4) ? 2 : 8);
			frame = take(zone, order,
				     (unsigned int)test_random_below(
					     MIGRATE_PCPTYPES));
			if (frame != ~0UL) {
				model_take(frame, order);
				used += 1UL << order;
			} else {
				CHECK(order > 0 || used == LENT_PAGES);
			}
		} else {
			frame = test_random_below(LENT_PAGES);
			if (model[frame]) {
				order = model_give(frame);
				give(zone, ALIGN_DOWN(frame, 1UL << order),
				     order);
				used -= 1UL << order;
			}
		}
		CHECK_EQ(zone->free_pages, LENT_PAGES - used);
		buddy_validate(zone);
	}
	for (frame = 0; frame < LENT_PAGES; frame++) {
		if (model[frame]) {
			order = model_give(frame);
			give(zone, frame, order);
		}
	}
	return_zone(zone);
}
