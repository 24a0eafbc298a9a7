/* SPDX-License-Identifier: MIT */
/*
 * cache_list_test.c - walking the caches while they come and go.
 */
#include "cache_list.c"

#include <quire/port.h>

#include <test/test.h>

#ifndef QUIRE_METAL
#include "port/soft/soft.h"
#endif

static struct kmem_cache *make(const char *name, unsigned int size,
			       slab_flags_t flags)
{
	struct kmem_cache *s = kmem_cache_create(name, size, 0, flags, NULL);

	CHECK(s);
	return s;
}

static unsigned int count_caches(const struct kmem_cache *wanted)
{
	struct kmem_cache *s = NULL;
	unsigned int nr = 0;

	while ((s = kmem_cache_next(s)))
		nr += !wanted || s == wanted;
	return nr;
}

TEST(a_walk_sees_each_cache_once)
{
	unsigned int before = count_caches(NULL);
	struct kmem_cache *s = make("walked", 100, SLAB_NO_MERGE);

	CHECK_EQ(count_caches(NULL), before + 1);
	CHECK_EQ(count_caches(s), 1);
	kmem_cache_destroy(s);
	CHECK_EQ(count_caches(NULL), before);
}

TEST(a_cache_destroyed_while_it_is_looked_at_is_empty_and_the_walk_goes_on)
{
	struct kmem_cache *old = make("old", 100, SLAB_NO_MERGE);
	struct kmem_cache *mid = make("mid", 100, SLAB_NO_MERGE);
	struct kmem_cache_state state;
	struct kmem_cache *s;

	kmem_cache_free(mid, kmem_cache_alloc(mid, GFP_KERNEL));
	s = kmem_cache_next(NULL);
	CHECK(s == mid);
	kmem_cache_destroy(mid);
	CHECK_STR(kmem_cache_name(s), "mid");
	kmem_cache_get_state(s, &state);
	CHECK_EQ(state.node[0].nr_slabs, 0);
	CHECK_EQ(state.nr_aliases, 0);
	kmem_cache_set_min_partial(s, 0);
	kmem_cache_shrink(s);
	CHECK_EQ(kmem_cache_validate(s), 0);
	/* A newer one is not seen by this walk, the older one is. */
	mid = make("new", 100, SLAB_NO_MERGE);
	s = kmem_cache_next(s);
	CHECK(s == old);
	kmem_cache_put(s);
	kmem_cache_put(NULL);
	kmem_cache_destroy(mid);
	kmem_cache_destroy(old);
}

TEST(shared_caches_go_by_the_name_of_their_kind)
{
	static const struct {
		slab_flags_t flags;
		const char *id;
	} cases[] = {
		{0, ":0001200"},
		{SLAB_RECLAIM_ACCOUNT, ":a-0001200"},
		{SLAB_ACCOUNT, ":A-0001200"},
		{SLAB_CACHE_DMA, ":d-0001200"},
		{SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT, ":aA-0001200"},
		{SLAB_NO_MERGE, "kind"},
		{SLAB_POISON, "kind"},
	};
	char id[KMEM_CACHE_ID_SIZE], link[SLAB_NAME_SIZE];

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct kmem_cache *s = make("kind", 1200, cases[i].flags);

		kmem_cache_id(s, id, sizeof(id));
		CHECK_STR(id, cases[i].id);
		CHECK_EQ(kmem_cache_link(s, 0, link, sizeof(link)),
			 id[0] == ':');
		kmem_cache_destroy(s);
	}
}

TEST(every_name_of_a_shared_cache_is_a_link_once)
{
	struct kmem_cache *a = make("a", 1208, 0), *b = make("b", 1208, 0);
	struct kmem_cache *again = make("b", 1201, 0), *c = make("c", 1208, 0);
	struct kmem_cache *self = make("a", 1208, 0);
	struct kmem_cache_state state;
	char name[SLAB_NAME_SIZE];

	CHECK(a == b && a == again && a == c && a == self);
	CHECK(kmem_cache_link(a, 0, name, sizeof(name)));
	CHECK_STR(name, "a");
	CHECK(kmem_cache_link(a, 1, name, sizeof(name)));
	CHECK_STR(name, "b");
	CHECK(kmem_cache_link(a, 2, name, sizeof(name)));
	CHECK_STR(name, "c");
	CHECK(!kmem_cache_link(a, 3, name, sizeof(name)));
	kmem_cache_get_state(a, &state);
	CHECK_EQ(state.nr_aliases, 4);
	for (int i = 0; i < 5; i++)
		kmem_cache_destroy(a);
}

TEST(a_name_that_cannot_be_kept_fails_the_creation)
{
	struct kmem_cache *a = make("a", 1216, 0);

	kmem_cache_drain_all();
	EACH_FAILURE(n) {
		struct kmem_cache *b = kmem_cache_create("b", 1216, 0, 0, NULL);
		struct kmem_cache_state state;

		CHECK_EQ(!b, failure_was_injected());
		kmem_cache_get_state(a, &state);
		CHECK_EQ(state.nr_aliases, b ? 1 : 0);
		kmem_cache_destroy(b);
		kmem_cache_shrink_all();
	}
	kmem_cache_destroy(a);
}

TEST(the_state_says_what_is_where)
{
	struct kmem_cache *s = make("state", 512, SLAB_NO_MERGE);
	struct kmem_cache_state state;
	void *objs[3];

	CHECK_EQ(kmem_cache_alloc_bulk(s, GFP_KERNEL, 3, objs), 3);
	kmem_cache_shrink(s); /* out of the magazine, but for these three */
	kmem_cache_get_state(s, &state);
	CHECK_EQ(state.node[0].in_use, 3);
	CHECK_EQ(state.node[0].in_partial, 3);
	CHECK_EQ(state.node[0].nr_partial, 1);
	CHECK_EQ(state.node[0].nr_slabs, 1);
	CHECK_EQ(state.node[0].nr_objects, 8);
	/* What a magazine has of that slab does not count as in use. */
	kmem_cache_free(s, objs[2]);
	kmem_cache_get_state(s, &state);
	CHECK_EQ(state.node[0].in_use, 2);
	CHECK_EQ(state.node[0].in_partial, 2);
	objs[2] = kmem_cache_alloc(s, GFP_KERNEL);
	kmem_cache_free_bulk(s, 3, objs);
	kmem_cache_get_state(s, &state);
	CHECK_EQ(state.node[0].in_use, 0);
	kmem_cache_destroy(s);
}

static void come_and_go(void *arg, unsigned int k)
{
	u32 *nr_seen = arg;

	for (unsigned int i = 0; i < 60; i++) {
		struct kmem_cache *s = NULL;
		struct kmem_cache_state state;

		if (k % 2) {
			s = kmem_cache_create("busy", 1224, 0, SLAB_NO_MERGE,
					      NULL);
			if (!s)
				continue;
			kmem_cache_free(s, kmem_cache_alloc(s, GFP_KERNEL));
			kmem_cache_destroy(s);
			continue;
		}
		while ((s = kmem_cache_next(s))) {
			kmem_cache_get_state(s, &state);
			__atomic_fetch_add(nr_seen, 1, __ATOMIC_RELAXED);
		}
	}
}

TEST(caches_can_be_walked_while_others_come_and_go)
{
	static u32 nr_seen;

	nr_seen = 0;
	test_run_on_cpus(4, come_and_go, &nr_seen);
	CHECK(nr_seen);
	slab_validate();
}

/* ---- a destroyed cache that others still shrink and look at ---- */

#define NR_ROUNDS 200

struct ending {
	struct kmem_cache *cache;
	u32 nr_ready; /* all processors together, round by round */
};

static void meet(struct ending *e, unsigned int round, unsigned int step)
{
	u32 all = (round * 3 + step) * 2;

	__atomic_fetch_add(&e->nr_ready, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&e->nr_ready, __ATOMIC_ACQUIRE) < all)
		port->yield();
}

static void use_and_look(struct ending *e, unsigned int round)
{
	struct kmem_cache_state state;
	struct kmem_cache *s;
	void *objs[24];

	for (unsigned int i = 0; i < ARRAY_SIZE(objs); i++)
		objs[i] = kmem_cache_alloc(e->cache, GFP_KERNEL);
	kmem_cache_free_bulk(e->cache, ARRAY_SIZE(objs), objs);
	s = kmem_cache_next(NULL);
	if (round % 2)
		kmem_cache_put(s);
	meet(e, round, 2);
	if (round % 2) {
		kmem_cache_shrink_all();
	} else {
		kmem_cache_get_state(s, &state);
		kmem_cache_shrink(s);
		kmem_cache_put(s);
	}
}

static void make_and_destroy(void *arg, unsigned int cpu)
{
	struct ending *e = arg;

	for (unsigned int round = 0; round < NR_ROUNDS; round++) {
		if (!cpu)
			e->cache = make("ending", 300, SLAB_NO_MERGE);
		meet(e, round, 1);
		if (cpu) {
			use_and_look(e, round);
		} else {
			meet(e, round, 2);
			kmem_cache_destroy(e->cache);
		}
		meet(e, round, 3);
	}
}

static void destroy_and_shrink(void)
{
	struct ending e = {0};

	CHECK_EQ(test_run_on_cpus(2, make_and_destroy, &e), 2);
	slab_validate();
}

TEST_SOFT(a_cache_can_be_destroyed_while_others_shrink_it)
{
	destroy_and_shrink();
}

#ifndef QUIRE_METAL
static const struct soft_layout seeded = {.mode = SOFT_SEEDED, .nr_cpus = 2};

TEST_MACHINE(a_cache_can_be_destroyed_in_any_order_with_others, &seeded)
{
	destroy_and_shrink();
}
#endif
