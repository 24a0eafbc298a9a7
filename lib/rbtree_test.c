/* SPDX-License-Identifier: MIT */
/*
 * rbtree_test.c - the tree against a sorted array, ranks and augmented values
 * checked after every change.
 */
#include "rbtree.c"

#include "test/test.h"

#define NR 128

struct item {
	unsigned int key;
	bool in;
	unsigned int subtree_max; /* of weight; the augmented value */
	unsigned int weight;
	unsigned int subtree_nr;
	struct rb_node rb;
};

static struct item items[NR];

static struct item *item_of(const struct rb_node *n)
{
	return rb_entry(n, struct item, rb);
}

static bool less(struct rb_node *a, const struct rb_node *b)
{
	return item_of(a)->key < item_of(b)->key;
}

static int compare(const void *key, const struct rb_node *n)
{
	unsigned int k = *(const unsigned int *)key;

	return (k > item_of(n)->key) - (k < item_of(n)->key);
}

/* Two values at once: a maximum, and a count that every change alters. */
static bool update(struct rb_node *n)
{
	struct item *it = item_of(n);
	unsigned int most = it->weight, nr = 1;
	bool changed;

	if (n->rb_left) {
		most = max(most, item_of(n->rb_left)->subtree_max);
		nr += item_of(n->rb_left)->subtree_nr;
	}
	if (n->rb_right) {
		most = max(most, item_of(n->rb_right)->subtree_max);
		nr += item_of(n->rb_right)->subtree_nr;
	}
	changed = most != it->subtree_max || nr != it->subtree_nr;
	it->subtree_max = most;
	it->subtree_nr = nr;
	return changed;
}

/* Only the maximum: most changes end low in the tree. */
static bool update_max(struct rb_node *n)
{
	struct item *it = item_of(n);
	unsigned int most = it->weight;
	bool changed;

	if (n->rb_left)
		most = max(most, item_of(n->rb_left)->subtree_max);
	if (n->rb_right)
		most = max(most, item_of(n->rb_right)->subtree_max);
	changed = most != it->subtree_max;
	it->subtree_max = most;
	return changed;
}

static void link_in(struct rb_root *root, struct item *it, rb_update_fn fn)
{
	struct rb_node **link = &root->rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = it->key < item_of(parent)->key ? &parent->rb_left
						      : &parent->rb_right;
	}
	rb_link_node(&it->rb, parent, link);
	rb_insert_augmented(&it->rb, root, fn);
	it->in = true;
}

static void take_out(struct rb_root *root, struct item *it, rb_update_fn fn)
{
	rb_erase_augmented(&it->rb, root, fn);
	it->in = false;
	/* What it held must not matter when it comes back. */
	it->subtree_max = 0xdead;
	it->subtree_nr = 0xdead;
}

static unsigned int height(const struct rb_node *n)
{
	unsigned int left, right;

	if (!n)
		return 0;
	left = height(n->rb_left);
	right = height(n->rb_right);
	return 1 + max(left, right);
}

/* items[] is in key order: the tree holds exactly those that are in. */
static void check_equal(const struct rb_root *root, rb_update_fn fn)
{
	const struct rb_node *n = rb_first(root), *back = rb_last(root);
	size_t nr = 0;

	for (unsigned int i = 0; i < NR; i++) {
		if (!items[i].in)
			continue;
		CHECK(n && item_of(n) == &items[i]);
		n = rb_next(n);
		nr++;
	}
	CHECK(!n);
	for (unsigned int i = NR; i-- > 0;) {
		if (!items[i].in)
			continue;
		CHECK(back && item_of(back) == &items[i]);
		back = rb_prev(back);
	}
	CHECK(!back);
	CHECK_EQ(rb_validate(root, fn), nr);
	CHECK_LE(1UL << height(root->rb_node) / 2, nr + 1);
}

static void reset(void)
{
	for (unsigned int i = 0; i < NR; i++)
		items[i] = (struct item){
			.key = i,
			.weight = (unsigned int)test_random_below(1000),
		};
}

static void random_changes(rb_update_fn fn, unsigned int nr_steps)
{
	struct rb_root root = RB_ROOT;

	reset();
	for (unsigned int step = 0; step < nr_steps; step++) {
		/* Fill, then empty, then fill: all sizes are passed. */
		bool filling = step / NR % 2 == 0;
		struct item *it = &items[test_random_below(NR)];

		if (it->in != filling || test_random_below(8) == 0) {
			if (it->in)
				take_out(&root, it, fn);
			else
				link_in(&root, it, fn);
		}
		check_equal(&root, fn);
	}
}

TEST(rbtree_follows_a_sorted_array)
{
	random_changes(NULL, 2000);
}

TEST(rbtree_keeps_augmented_values)
{
	random_changes(update, 2000);
	random_changes(update_max, 2000);
}

TEST(rbtree_of_ascending_keys_is_as_low_as_an_avl_tree)
{
	struct rb_root root = RB_ROOT;

	reset();
	for (unsigned int i = 0; i < NR; i++) {
		link_in(&root, &items[i], NULL);
		/* 1.44 log2(n + 2), in whole steps. */
		CHECK_LE(height(root.rb_node),
			 144U * (unsigned int)fls_long(i + 2) / 100);
	}
	check_equal(&root, NULL);
	for (unsigned int i = 0; i < NR; i++) {
		take_out(&root, &items[i], NULL);
		check_equal(&root, NULL);
	}
	CHECK(RB_EMPTY_ROOT(&root));
}

/* Every removal from every tree of up to 7 nodes that insertion can make. */
TEST(rbtree_survives_each_removal_from_each_small_tree)
{
	for (unsigned int order = 0; order < 5040; order++) {
		for (unsigned int victim = 0; victim < 7; victim++) {
			unsigned int rest[7] = {0, 1, 2, 3, 4, 5, 6};
			struct rb_root root = RB_ROOT;
			unsigned int code = order;

			for (unsigned int n = 7; n > 0; n--) {
				unsigned int pick = code % n;
				struct item *it = &items[rest[pick]];

				*it = (struct item){.key = rest[pick],
						    .weight = rest[pick]};
				code /= n;
				rest[pick] = rest[n - 1];
				link_in(&root, it, update);
			}
			take_out(&root, &items[victim], update);
			CHECK_EQ(rb_validate(&root, update), 6);
		}
	}
}

TEST(rbtree_propagates_a_change_of_one_object)
{
	struct rb_root root = RB_ROOT;

	reset();
	for (unsigned int i = 0; i < NR; i++)
		link_in(&root, &items[i], update_max);
	for (unsigned int step = 0; step < 500; step++) {
		struct item *it = &items[test_random_below(NR)];

		it->weight = (unsigned int)test_random_below(1000);
		rb_propagate(&it->rb, update_max);
		rb_validate(&root, update_max);
	}
}

/* What an object weighs is its distance from the one before it. */
static void weigh(struct rb_node *node)
{
	struct rb_node *prev = node ? rb_prev(node) : NULL;

	if (node)
		item_of(node)->weight =
			item_of(node)->key - (prev ? item_of(prev)->key : 0);
}

static struct rb_node *next_in(unsigned int i)
{
	while (++i < NR)
		if (items[i].in)
			return &items[i].rb;
	return NULL;
}

TEST(rbtree_changes_the_next_object_on_the_same_way_up)
{
	struct rb_root root = RB_ROOT;

	reset();
	for (unsigned int step = 0; step < 3000; step++) {
		unsigned int i = (unsigned int)test_random_below(NR);
		struct rb_node **link = &root.rb_node, *parent = NULL;
		struct rb_node *node = &items[i].rb, *next = next_in(i);
		struct rb_node *prev;

		if (items[i].in) {
			prev = rb_prev(node);
			items[i].in = false;
			if (next)
				item_of(next)->weight =
					item_of(next)->key -
					(prev ? item_of(prev)->key : 0);
			rb_erase_before(node, next, &root, update_max);
			items[i].subtree_max = 0xdead;
		} else {
			while (*link) {
				parent = *link;
				link = items[i].key < item_of(parent)->key
					       ? &parent->rb_left
					       : &parent->rb_right;
			}
			rb_link_node(node, parent, link);
			items[i].in = true;
			weigh(node);
			weigh(next);
			rb_insert_before(node, next, &root, update_max);
		}
		rb_validate(&root, update_max);
	}
}

TEST(rbtree_finds_adds_and_replaces)
{
	struct item other = {.key = 5, .in = true};
	struct rb_root root = RB_ROOT;
	unsigned int key = 5;

	reset();
	CHECK(!rb_find(&key, &root, compare));
	for (unsigned int i = 0; i < NR; i += 2) {
		rb_add(&items[i].rb, &root, less);
		items[i].in = true;
	}
	for (key = 0; key < NR; key++) {
		struct rb_node *n = rb_find(&key, &root, compare);

		CHECK_EQ(n != NULL, items[key].in);
		CHECK(!n || item_of(n)->key == key);
	}
	rb_replace_node(&items[6].rb, &other.rb, &root);
	CHECK(rb_next(&items[4].rb) == &other.rb);
	CHECK(rb_prev(&items[8].rb) == &other.rb);
	CHECK_EQ(rb_validate(&root, NULL), NR / 2);
	RB_CLEAR_NODE(&items[6].rb);
	CHECK(RB_EMPTY_NODE(&items[6].rb) && !RB_EMPTY_NODE(&other.rb));
}

TEST(rbtree_postorder_visits_children_first)
{
	struct rb_root root = RB_ROOT;
	unsigned int nr = 0;

	reset();
	for (unsigned int i = 0; i < NR; i++)
		link_in(&root, &items[i], NULL);
	for (struct rb_node *n = rb_first_postorder(&root), *next; n;
	     n = next, nr++) {
		next = rb_next_postorder(n);
		CHECK(!n->rb_left || !item_of(n->rb_left)->in);
		CHECK(!n->rb_right || !item_of(n->rb_right)->in);
		item_of(n)->in = false;
	}
	CHECK_EQ(nr, NR);
}
