/* SPDX-License-Identifier: MIT */
/*
 * locks_test.c - record locks against one byte of state for each byte.
 */
#include "kernel/fs/locks.c"

#include "test/test.h"

#define BYTES  32U
#define OWNERS 3

/* 0 free, 1 read, 2 write; by owner and byte. */
struct model {
	u8 kind[OWNERS][BYTES];
};

static bool model_conflict(const struct model *m, const struct file_lock *w,
			   int owner)
{
	for (u64 b = w->start; b <= w->end; b++)
		for (int o = 0; o < OWNERS; o++)
			if (o != owner && m->kind[o][b] &&
			    (w->exclusive || m->kind[o][b] == 2))
				return true;
	return false;
}

static void check_same(struct inode *inode, const struct model *m)
{
	u8 seen[OWNERS][BYTES] = {{0}};
	struct file_lock *l;

	list_for_each_entry(l, &inode->i_locks, link)
		for (u64 b = l->start; b <= l->end; b++) {
			u8 *s = &seen[(uintptr_t)l->owner - 1][b];

			CHECK_EQ(*s, 0); /* an owner's never overlap */
			*s = l->exclusive ? 2 : 1;
		}
	CHECK(!memcmp(seen, m->kind, sizeof(seen)));
}

TEST(locks_random_ranges_match_the_model)
{
	struct inode *inode = new_inode(&pipefs_sb, S_IFREG | 0600);
	struct model m = {{{0}}};

	CHECK(inode);
	for (int i = 0; i < 20000; i++) {
		int owner = (int)test_random_below(OWNERS);
		int type = (int)test_random_below(3);
		u64 a = test_random_below(BYTES), b = test_random_below(BYTES);
		struct file_lock want = {
			.owner = (void *)(uintptr_t)(owner + 1),
			.exclusive = type == F_WRLCK,
			.start = min(a, b),
			.end = max(a, b),
		};
		bool blocked =
			type != F_UNLCK && model_conflict(&m, &want, owner);

		CHECK_EQ(apply(inode, &want, type), blocked ? -EAGAIN : 0);
		for (u64 k = want.start; !blocked && k <= want.end; k++)
			m.kind[owner][k] = type == F_UNLCK   ? 0
					   : type == F_WRLCK ? 2
							     : 1;
		check_same(inode, &m);
	}
	for (uintptr_t o = 1; o <= OWNERS; o++)
		drop_owner(inode, (void *)o, false);
	CHECK(list_empty(&inode->i_locks));
	iput(inode);
}
