/* SPDX-License-Identifier: MIT */
/*
 * xarray_test.c - the map against a table of pairs, at small, large and
 * neighbouring indices; every allocation fails once.
 */
#include "xarray.c"

#include "test/test.h"

#define ARENA_NODES 256
#define NR	    64 /* pairs of the model */

/* Memory of the test's own: lib/ needs no booted machine. */
static struct xa_node arena[ARENA_NODES];
static bool arena_taken[ARENA_NODES];
static void *(*machine_alloc)(gfp_t gfp);
static void (*machine_free)(void *node);
static long nodes_before;

static void *arena_alloc(gfp_t gfp)
{
	(void)gfp;
	if (should_fail())
		return NULL;
	for (unsigned int i = 0; i < ARENA_NODES; i++) {
		if (arena_taken[i])
			continue;
		arena_taken[i] = true;
		/* The map must not trust what it gets. */
		memset(&arena[i], 0xa5, sizeof(arena[i]));
		return &arena[i];
	}
	return NULL;
}

static void arena_free(void *node)
{
	size_t i = (size_t)((struct xa_node *)node - arena);

	CHECK(i < ARENA_NODES && arena_taken[i]);
	arena_taken[i] = false;
	memset(node, 0x5a, sizeof(arena[i]));
}

static void begin(void)
{
	machine_alloc = xa_state.alloc;
	machine_free = xa_state.free;
	nodes_before = xa_nodes_in_use();
	xa_set_allocator(arena_alloc, arena_free);
}

static void end(void)
{
	for (unsigned int i = 0; i < ARENA_NODES; i++)
		CHECK(!arena_taken[i]);
	CHECK_EQ(xa_nodes_in_use(), nodes_before);
	xa_set_allocator(machine_alloc, machine_free);
}

/* An entry that tells its index. */
static char entries[NR];

static const unsigned long edges[] = {
	0,	   1,
	62,	   63,
	64,	   65,
	4095,	   4096,
	4097,	   262143,
	262144,	   (1UL << 32) - 1,
	1UL << 32, (1UL << 60) - 1,
	1UL << 60, 1UL << 63,
	~0UL - 64, ~0UL - 1,
	~0UL,
};

TEST(xarray_keeps_what_is_stored_at_each_edge)
{
	struct xarray xa = XARRAY_INIT;

	begin();
	CHECK(xa_empty(&xa));
	for (unsigned int i = 0; i < ARRAY_SIZE(edges); i++) {
		CHECK(!xa_load(&xa, edges[i]));
		CHECK_EQ(xa_store(&xa, edges[i], &entries[i], 0), 0);
		CHECK_EQ(xa_validate(&xa), i + 1);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(edges); i++)
		CHECK(xa_load(&xa, edges[i]) == &entries[i]);
	CHECK(!xa_load(&xa, 2) && !xa_load(&xa, 1UL << 62));
	for (unsigned int i = 0; i < ARRAY_SIZE(edges); i++) {
		CHECK(xa_erase(&xa, edges[i]) == &entries[i]);
		CHECK(!xa_erase(&xa, edges[i]));
		CHECK_EQ(xa_validate(&xa), ARRAY_SIZE(edges) - 1 - i);
	}
	CHECK(xa_empty(&xa));
	end();
}

TEST(xarray_store_replaces_and_null_erases)
{
	struct xarray xa = XARRAY_INIT;

	begin();
	CHECK_EQ(xa_insert(&xa, 7, &entries[0], 0), 0);
	CHECK_EQ(xa_insert(&xa, 7, &entries[1], 0), -EBUSY);
	CHECK(xa_load(&xa, 7) == &entries[0]);
	CHECK_EQ(xa_store(&xa, 7, &entries[1], 0), 0);
	CHECK(xa_load(&xa, 7) == &entries[1]);
	CHECK_EQ(xa_store(&xa, 7, NULL, 0), 0);
	CHECK(xa_empty(&xa));
	end();
}

TEST(xarray_small_maps_take_one_node)
{
	struct xarray xa = XARRAY_INIT;

	begin();
	for (unsigned int i = 0; i < NR; i++)
		CHECK_EQ(xa_store(&xa, i, &entries[i], 0), 0);
	CHECK_EQ(xa_nodes_in_use() - nodes_before, 1);
	/* One far index and back: the root sinks again. */
	CHECK_EQ(xa_store(&xa, ~0UL, &entries[0], 0), 0);
	CHECK_EQ(xa_nodes_in_use() - nodes_before, 1 + 10 + 10);
	xa_erase(&xa, ~0UL);
	CHECK_EQ(xa_nodes_in_use() - nodes_before, 1);
	xa_destroy(&xa);
	end();
}

/* ---- against a model ---- */

static struct pair {
	unsigned long index;
	void *entry;
} model[NR];

static unsigned long draw_index(void)
{
	unsigned long at = edges[test_random_below(ARRAY_SIZE(edges))];

	/* Around the edges, or anywhere of a random magnitude. */
	if (test_random_below(2))
		return at + test_random_below(5) - 2;
	return test_random() >> test_random_below(64);
}

static struct pair *model_find(unsigned long index)
{
	for (unsigned int i = 0; i < NR; i++)
		if (model[i].entry && model[i].index == index)
			return &model[i];
	return NULL;
}

static struct pair *model_first(unsigned long from, unsigned long max)
{
	struct pair *first = NULL;

	for (unsigned int i = 0; i < NR; i++)
		if (model[i].entry && model[i].index >= from &&
		    model[i].index <= max &&
		    (!first || model[i].index < first->index))
			first = &model[i];
	return first;
}

static void check_find(struct xarray *xa)
{
	unsigned long from = draw_index(), last = draw_index(), at = from;
	struct pair *p = model_first(from, last);
	void *entry = xa_find(xa, &at, last);

	CHECK(entry == (p ? p->entry : NULL));
	CHECK_EQ(at, p ? p->index : from);
	at = from;
	entry = xa_find_after(xa, &at, last);
	p = from == ~0UL ? NULL : model_first(from + 1, last);
	CHECK(entry == (p ? p->entry : NULL));
}

static void check_walk(struct xarray *xa, size_t nr)
{
	unsigned long index, last = 0;
	size_t seen = 0;
	void *entry;

	xa_for_each(xa, index, entry) {
		struct pair *p = model_find(index);

		CHECK(p && p->entry == entry);
		CHECK(seen == 0 || index > last);
		last = index;
		seen++;
	}
	CHECK_EQ(seen, nr);
	CHECK_EQ(xa_validate(xa), nr);
}

TEST(xarray_follows_a_table_of_pairs)
{
	struct xarray xa = XARRAY_INIT;
	size_t nr = 0;

	begin();
	memset(model, 0, sizeof(model));
	for (unsigned int step = 0; step < 5000; step++) {
		struct pair *p = &model[test_random_below(NR)];
		unsigned long index = draw_index();

		if (p->entry) {
			CHECK(xa_erase(&xa, p->index) == p->entry);
			p->entry = NULL;
			nr--;
		} else if (!model_find(index) &&
			   xa_nodes_in_use() - nodes_before <
				   ARENA_NODES - 20) {
			p->index = index;
			p->entry = &entries[test_random_below(NR)];
			CHECK_EQ(xa_store(&xa, index, p->entry, 0), 0);
			nr++;
		}
		check_find(&xa);
		check_walk(&xa, nr);
	}
	xa_destroy(&xa);
	end();
}

TEST(xarray_walk_may_erase_what_it_visits)
{
	struct xarray xa = XARRAY_INIT;
	unsigned long index;
	void *entry;

	begin();
	for (unsigned int i = 0; i < ARRAY_SIZE(edges); i++)
		CHECK_EQ(xa_store(&xa, edges[i], &entries[i], 0), 0);
	xa_for_each(&xa, index, entry)
		CHECK(xa_erase(&xa, index) == entry);
	CHECK(xa_empty(&xa));
	end();
}

/* ---- failure ---- */

TEST(xarray_failed_store_changes_nothing)
{
	static const unsigned long far[] = {64, 1UL << 20, ~0UL};

	begin();
	for (unsigned int i = 0; i < ARRAY_SIZE(far); i++) {
		EACH_FAILURE(n) {
			struct xarray xa = XARRAY_INIT;
			long nodes;
			int err;

			if (xa_store(&xa, 3, &entries[3], 0))
				continue;
			nodes = xa_nodes_in_use();
			err = xa_store(&xa, far[i], &entries[4], 0);
			if (failure_was_injected()) {
				CHECK_EQ(err, -ENOMEM);
				CHECK_EQ(xa_nodes_in_use(), nodes);
				CHECK_EQ(xa_validate(&xa), 1);
				CHECK(!xa_load(&xa, far[i]));
			} else {
				CHECK_EQ(err, 0);
				CHECK_EQ(xa_validate(&xa), 2);
			}
			CHECK(xa_load(&xa, 3) == &entries[3]);
			xa_destroy(&xa);
		}
	}
	end();
}

TEST(xarray_store_from_a_pool_asks_for_what_it_needs)
{
	begin();
	EACH_FAILURE(n) {
		struct xa_pool pool = XA_POOL_INIT;
		struct xarray xa = XARRAY_INIT;
		int err;

		CHECK_EQ(xa_store_pool(&xa, 1UL << 20, &entries[0], &pool),
			 -ENOMEM);
		err = xa_pool_fill(&pool, 0);
		CHECK_EQ(err, failure_was_injected() ? -ENOMEM : 0);
		if (!err) {
			CHECK_EQ(pool.nr, 4);
			CHECK_EQ(xa_store_pool(&xa, 1UL << 20, &entries[0],
					       &pool),
				 0);
			CHECK_EQ(pool.nr, 0);
			/* A neighbour needs none. */
			CHECK_EQ(xa_store_pool(&xa, (1UL << 20) + 1,
					       &entries[1], &pool),
				 0);
			CHECK_EQ(xa_validate(&xa), 2);
		} else {
			CHECK(xa_empty(&xa));
		}
		xa_pool_drain(&pool);
		xa_destroy(&xa);
	}
	end();
}
