/* SPDX-License-Identifier: MIT */
/*
 * gap_test.c - finding room, against a search that looks at every page.
 */
#include "mm/aspace/gap.c"

#include "test/aspace_picture.h"

#define WINDOW 200

static bool range_is_free(const char *picture, unsigned long at,
			  unsigned long nr)
{
	for (unsigned long i = at; i < at + nr; i++)
		if (picture[i] != '.')
			return false;
	return true;
}

/* The first free range from the wanted end, page by page. */
static unsigned long naive(const char *picture, unsigned long low,
			   unsigned long high, unsigned long nr, bool topdown)
{
	for (unsigned long i = 0; low + nr <= high && i <= high - low - nr;
	     i++) {
		unsigned long at = topdown ? high - nr - i : low + i;

		if (range_is_free(picture, at, nr))
			return page_at(at);
	}
	return NO_GAP;
}

TEST(gaps_are_found_where_a_search_of_every_page_finds_them)
{
	struct mm_struct *mm = picture_mm("");
	char picture[WINDOW + 1];

	for (int step = 0; step < 1500; step++) {
		unsigned long at = test_random_below(WINDOW);
		unsigned long nr = 1 + test_random_below(6);
		unsigned long low = test_random_below(WINDOW);
		unsigned long high = low + test_random_below(WINDOW - low + 1);
		struct gap_search s = {nr << PAGE_SHIFT, page_at(low),
				       page_at(high), NULL};

		nr = min(nr, WINDOW - at);
		if (test_random_below(5) < 3)
			vm_mmap(mm, NULL, page_at(at), nr << PAGE_SHIFT,
				test_random_below(2) ? PROT_READ : PROT_NONE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0);
		else
			vm_munmap(mm, page_at(at), nr << PAGE_SHIFT);
		picture_draw(mm, picture, WINDOW);
		CHECK_EQ(search_topdown(mm, &s),
			 naive(picture, low, high, s.len >> PAGE_SHIFT, true));
		CHECK_EQ(search_bottomup(mm, &s),
			 naive(picture, low, high, s.len >> PAGE_SHIFT, false));
		mm_validate(mm);
	}
	mmput(mm);
}
