/* SPDX-License-Identifier: MIT */
/*
 * rbtree.h - balanced binary trees whose links live in the objects.
 *
 * Linux's names; inside it is a weak AVL tree (lib/rbtree.c), which is a
 * red-black tree that a mere insertion never makes worse than an AVL tree:
 * height at most 1.44 log2 n without deletions, 2 log2 n with.
 *
 * The user searches and compares; the tree keeps balance:
 *
 *	struct rb_node **link = &root->rb_node, *parent = NULL;
 *
 *	while (*link) {
 *		parent = *link;
 *		link = key < KEY(parent) ? &parent->rb_left
 *					 : &parent->rb_right;
 *	}
 *	rb_link_node(node, parent, link);
 *	rb_insert_color(node, root);
 *
 * or, shorter, rb_add() and rb_find().  No call allocates, fails or locks.
 *
 * Augmented trees keep in each object a value computed from the object and
 * the values of its two children (the largest gap in the subtree, ...).  The
 * one callback
 *
 *	bool update(struct rb_node *node)
 *
 * recomputes it from the object and its children as they are now and says
 * whether it changed.  The value must depend only on the sequence of objects
 * in the subtree, not on its shape.  Use the _augmented calls for every
 * change, and rb_propagate() after an object's own part has changed.
 */
#ifndef QUIRE_RBTREE_H
#define QUIRE_RBTREE_H

#include <quire/types.h>

struct rb_node {
	unsigned long rb_parent_parity; /* parent; bit 0: rank is odd */
	struct rb_node *rb_left;
	struct rb_node *rb_right;
};

struct rb_root {
	struct rb_node *rb_node;
};

typedef bool (*rb_update_fn)(struct rb_node *node);

#define RB_ROOT			    ((struct rb_root){NULL})
#define rb_entry(ptr, type, member) container_of(ptr, type, member)
#define rb_entry_safe(ptr, type, member)                          \
	({                                                        \
		__typeof__(ptr) rb_ptr_ = (ptr);                  \
		rb_ptr_ ? rb_entry(rb_ptr_, type, member) : NULL; \
	})
#define RB_EMPTY_ROOT(root) ((root)->rb_node == NULL)

/* A node that is in no tree can be marked and recognised. */
#define RB_EMPTY_NODE(node) ((node)->rb_parent_parity == (unsigned long)(node))
#define RB_CLEAR_NODE(node) ((node)->rb_parent_parity = (unsigned long)(node))

static inline struct rb_node *rb_parent(const struct rb_node *node)
{
	return (struct rb_node *)(node->rb_parent_parity & ~1UL);
}

/* Hang a new leaf (rank 0) below parent at *link; balance comes next. */
static inline void rb_link_node(struct rb_node *node, struct rb_node *parent,
				struct rb_node **link)
{
	node->rb_parent_parity = (unsigned long)parent;
	WRITE_ONCE(node->rb_left, NULL);
	WRITE_ONCE(node->rb_right, NULL);
	smp_store_release(link, node);
}

/* Balance after rb_link_node(). */
void rb_insert_augmented(struct rb_node *node, struct rb_root *root,
			 rb_update_fn update);
void rb_erase_augmented(struct rb_node *node, struct rb_root *root,
			rb_update_fn update);
/*
 * The same where the own part of the next object in order (NULL: none) changes
 * with it, such as a gap in front of it: one way up serves both.
 */
void rb_insert_before(struct rb_node *node, struct rb_node *next,
		      struct rb_root *root, rb_update_fn update);
void rb_erase_before(struct rb_node *node, struct rb_node *next,
		     struct rb_root *root, rb_update_fn update);

static inline void rb_insert_color(struct rb_node *node, struct rb_root *root)
{
	rb_insert_augmented(node, root, NULL);
}

static inline void rb_erase(struct rb_node *node, struct rb_root *root)
{
	rb_erase_augmented(node, root, NULL);
}

/* Update node and, as long as values change, what is above it. */
void rb_propagate(struct rb_node *node, rb_update_fn update);

/* Put node exactly where victim is; same key, same value. */
void rb_replace_node(struct rb_node *victim, struct rb_node *node,
		     struct rb_root *root);

/* In order; NULL at the end. */
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_prev(const struct rb_node *node);

/* A walk that may free each node it has seen: children before parents. */
struct rb_node *rb_first_postorder(const struct rb_root *root);
struct rb_node *rb_next_postorder(const struct rb_node *node);

/* Insert behind all that are not greater. */
static inline void rb_add(struct rb_node *node, struct rb_root *root,
			  bool (*less)(struct rb_node *a,
				       const struct rb_node *b))
{
	struct rb_node **link = &root->rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = less(node, parent) ? &parent->rb_left
					  : &parent->rb_right;
	}
	rb_link_node(node, parent, link);
	rb_insert_color(node, root);
}

/* cmp(key, node) is below, equal to or above 0; NULL if none is equal. */
static inline struct rb_node *rb_find(const void *key,
				      const struct rb_root *root,
				      int (*cmp)(const void *key,
						 const struct rb_node *node))
{
	struct rb_node *node = root->rb_node;

	while (node) {
		int c = cmp(key, node);

		if (c == 0)
			return node;
		node = c < 0 ? node->rb_left : node->rb_right;
	}
	return NULL;
}

/*
 * Links, ranks, and (update not NULL) values are right; panics otherwise.
 * The number of nodes.  Recursion is as deep as the tree.
 */
size_t rb_validate(const struct rb_root *root, rb_update_fn update);

#endif
