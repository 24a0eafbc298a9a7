/* SPDX-License-Identifier: MIT */
/*
 * loadavg_test.c - averages forget as they should and reach what they average.
 */
#include "loadavg.c"

#include "test/test.h"

/* Periods of five seconds with so many active threads, one from another. */
static unsigned long after(unsigned int i, unsigned long load,
			   unsigned int active, unsigned int periods)
{
	static const unsigned long exps[3] = LOADAVG_EXPS;

	while (periods--)
		load = decay_load(load, exps[i], active * ONE);
	return load;
}

/*
 * 1, 5 and 15 minutes of one thread: 1 - 1/e of it, 0.632; gone: 1/e, 0.368.
 * The factors' 11 bits make 15 minutes some 3 % longer.
 */
TEST(averages_reach_and_forget_their_part_in_their_time)
{
	static const unsigned int periods[3] = {12, 60, 180};

	for (unsigned int i = 0; i < 3; i++) {
		unsigned long up = after(i, 0, 1, periods[i]);
		unsigned long down = after(i, 100 * ONE, 0, periods[i]);

		CHECK_GE(up, ONE * 62 / 100);
		CHECK(up <= ONE * 68 / 100);
		CHECK_GE(down, ONE * 3600 / 100);
		CHECK(down <= ONE * 3850 / 100);
	}
}

TEST(averages_of_a_steady_load_become_it_exactly)
{
	for (unsigned int i = 0; i < 3; i++) {
		for (unsigned int n = 0; n < 4; n++) {
			CHECK_EQ(after(i, 0, n, 4000), n * ONE);
			CHECK_EQ(after(i, 9 * ONE, n, 4000), n * ONE);
			CHECK_EQ(after(i, n * ONE, n, 1), n * ONE);
		}
	}
}
