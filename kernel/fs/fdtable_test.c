/* SPDX-License-Identifier: MIT */
/*
 * fdtable_test.c - taking and freeing descriptors against a plain array.
 */
#include "kernel/fs/fdtable.c"

#include "test/test.h"

/* F1 to F3; taken[] says what should be. */
static void table_validate(const struct files_struct *fs, const bool *taken,
			   u32 nr)
{
	u32 lowest = 0;

	while (lowest < nr && taken[lowest])
		lowest++;
	CHECK(fs->next_fd <= lowest); /* F2 */
	for (u32 i = 0; i < fs->max_fds; i++) {
		bool open = fs->open[i / 64] >> (i % 64) & 1;
		bool cloexec = fs->cloexec[i / 64] >> (i % 64) & 1;

		CHECK_EQ(open, i < nr && taken[i]); /* F1 */
		CHECK(!cloexec || open);	    /* F3 */
	}
}

#define NR_FDS 300

TEST(descriptors_are_the_lowest_free_ones)
{
	struct files_struct *fs = files_alloc();
	bool taken[NR_FDS] = {false};
	u32 limit = min(nofile_limit(), (u32)NR_FDS);

	CHECK(fs);
	for (int i = 0; i < 4000; i++) {
		u32 from = test_random_below(4) ? 0
						: (u32)test_random_below(limit);
		u32 want = from, fd;

		if (test_random_below(5) < 2) {
			fd = (u32)test_random_below(limit);
			if (taken[fd])
				clear_slot(fs, fd);
			taken[fd] = false;
		} else {
			while (want < limit && taken[want])
				want++;
			if (want < limit) {
				CHECK_EQ(alloc_fd(fs, from, i & 1), want);
				taken[want] = true;
			}
		}
		table_validate(fs, taken, limit);
	}
	files_put(fs);
}

TEST(a_table_that_cannot_grow_stays_as_it_was)
{
	EACH_FAILURE(n) {
		struct files_struct *fs = files_alloc();
		int fd;

		if (!fs) {
			CHECK(failure_was_injected());
			continue;
		}
		fd = alloc_fd(fs, NR_OPEN_DEFAULT, false);
		if (failure_was_injected()) {
			CHECK_EQ(fd, -ENOMEM);
			CHECK_EQ(fs->max_fds, NR_OPEN_DEFAULT);
			CHECK_EQ(fs->open[0], 0);
		} else {
			CHECK_EQ(fd, NR_OPEN_DEFAULT);
			CHECK_EQ(fs->max_fds, 2 * NR_OPEN_DEFAULT);
		}
		files_put(fs);
	}
}
