/* SPDX-License-Identifier: MIT */
/* report_test.c - names of flags, and how often something is said. */
#include "mm/page/report.c"

#include "test/test.h"

static const char *named(gfp_t gfp)
{
	static char text[200];

	gfp_name(gfp, text, sizeof(text));
	return text;
}

TEST(gfp_names_are_the_largest_masks_first)
{
	CHECK_STR(named(GFP_KERNEL), "GFP_KERNEL");
	CHECK_STR(named(GFP_KERNEL | __GFP_ZERO | __GFP_COMP),
		  "GFP_KERNEL|__GFP_ZERO|__GFP_COMP");
	CHECK_STR(named(GFP_ATOMIC), "GFP_ATOMIC");
	CHECK_STR(named(GFP_NOWAIT), "GFP_NOWAIT");
	CHECK_STR(named(GFP_HIGHUSER_MOVABLE), "GFP_HIGHUSER_MOVABLE");
	CHECK_STR(named(GFP_NOFS | __GFP_NORETRY), "GFP_NOFS|__GFP_NORETRY");
	CHECK_STR(named(0), "none");
	CHECK_STR(named(GFP_KERNEL | 0x80000000U), "GFP_KERNEL|0x80000000");
}

TEST(gfp_names_of_every_mask_add_up_to_it)
{
	unsigned int bit;

	for (bit = 0; bit < 32; bit++)
		CHECK(named((gfp_t)1 << bit)[0] != '\0');
}

TEST(gfp_names_fit_what_they_are_given)
{
	char text[8];

	CHECK(gfp_name(~(gfp_t)0, text, sizeof(text)) < (int)sizeof(text));
	CHECK(strlen(text) < sizeof(text));
}

TEST(ratelimit_lets_a_burst_through_and_then_waits)
{
	struct ratelimit rl = {~0ULL >> 1, 3, 0, 0};
	unsigned int i, ok = 0;

	for (i = 0; i < 10; i++)
		ok += ratelimit_ok(&rl);
	CHECK_EQ(ok, 3);
	/* The interval is over. */
	rl.interval_ns = 0;
	CHECK(ratelimit_ok(&rl));
}
