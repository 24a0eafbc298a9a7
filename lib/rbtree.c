/* SPDX-License-Identifier: MIT */
/*
 * rbtree.c - weak AVL trees behind Linux's rbtree names.
 *
 * 1. Idea.  Every node has a rank; a missing node has rank -1.  A node whose
 *    rank is k less than its parent's is a k-child.  Insertion repairs as AVL
 *    does, with at most two rotations; removal demotes upwards and also ends
 *    with at most two, so that both change O(1) links, amortised O(1) ranks
 *    (Haeupler, Sen, Tarjan: Rank-Balanced Trees, ACM TALG 11(4), 2015).
 * 2. Invariants, checked by rb_validate().
 *    R1  every node is a 1-child or a 2-child
 *    R2  a leaf has rank 0
 *    R3  a child's parent link names its parent
 *    R4  an augmented node's value is what update() computes
 * 3. Representation.  Only the parity of a rank is kept, in bit 0 of the
 *    parent link: at each step of a repair the difference to the parent is
 *    known but for one bit (0 or 2 after insertion, where 0 has just become
 *    possible only below the place of work; 1 or 3 after removal).
 * 4. Augmentation.  Values are first brought up to date in the tree as it is
 *    before repair; a rotation then changes only the two nodes it turns, since
 *    a value depends only on the sequence of the subtree.
 * 5. Locking and failure.  The caller's; nothing fails.  Links downwards are
 *    written whole, so that who searches without a lock meets nodes only; it
 *    may miss some, or go round while the tree turns (mm/aspace/vma_lock.c).
 */
#include <quire/rbtree.h>

#include <quire/printk.h>

#define PARITY 1UL

/* A missing node has rank -1, which is odd. */
static inline unsigned long parity(const struct rb_node *node)
{
	return node ? node->rb_parent_parity & PARITY : PARITY;
}

/* The rank goes up or down by one. */
static inline void flip(struct rb_node *node)
{
	node->rb_parent_parity ^= PARITY;
}

static inline void set_parent(struct rb_node *node, struct rb_node *parent)
{
	node->rb_parent_parity = (unsigned long)parent | parity(node);
}

static inline bool is_leaf(const struct rb_node *node)
{
	return !node->rb_left && !node->rb_right;
}

static inline struct rb_node *sibling(const struct rb_node *node,
				      const struct rb_node *parent)
{
	return parent->rb_left == node ? parent->rb_right : parent->rb_left;
}

/* Make what pointed to old point to node. */
static inline void replace_child(struct rb_node *parent, struct rb_node *old,
				 struct rb_node *node, struct rb_root *root)
{
	if (!parent)
		smp_store_release(&root->rb_node, node);
	else if (parent->rb_left == old)
		smp_store_release(&parent->rb_left, node);
	else
		smp_store_release(&parent->rb_right, node);
}

/*
 *	    p            x		x rises over its parent; b changes
 *	   / \          / \		sides.  The mirror image when x is
 *	  x   c  --->  a   p		the right child.
 *	 / \              / \
 *	a   b            b   c
 */
static void rotate_up(struct rb_node *x, struct rb_root *root,
		      rb_update_fn update)
{
	struct rb_node *p = rb_parent(x), *inner;

	replace_child(rb_parent(p), p, x, root);
	set_parent(x, rb_parent(p));
	if (p->rb_left == x) {
		inner = x->rb_right;
		smp_store_release(&p->rb_left, inner);
		smp_store_release(&x->rb_right, p);
	} else {
		inner = x->rb_left;
		smp_store_release(&p->rb_right, inner);
		smp_store_release(&x->rb_left, p);
	}
	if (inner)
		set_parent(inner, p);
	set_parent(p, x);
	if (update) {
		update(p);
		update(x);
	}
}

/*
 * Update node and what is above it, without a look at whether it changes as
 * far as last, which is node or above it.  These may be new in their places:
 * their parents have never seen them.
 */
static inline void propagate(struct rb_node *node, struct rb_node *last,
			     rb_update_fn update)
{
	for (; node != last; node = rb_parent(node))
		update(node);
	update(node);
	for (node = rb_parent(node); node && update(node);)
		node = rb_parent(node);
}

void rb_propagate(struct rb_node *node, rb_update_fn update)
{
	propagate(node, node, update);
}

/* x, of the same rank as its parent p, has a 2-child for sibling. */
static void insert_rotate(struct rb_node *x, struct rb_node *p,
			  struct rb_root *root, rb_update_fn update)
{
	struct rb_node *inner = p->rb_left == x ? x->rb_right : x->rb_left;

	if (parity(inner) == parity(x)) { /* a 2-child, or none */
		rotate_up(x, root, update);
		flip(p);
		return;
	}
	rotate_up(inner, root, update);
	rotate_up(inner, root, update);
	flip(inner);
	flip(x);
	flip(p);
}

/* Values are right. */
static void insert_repair(struct rb_node *x, struct rb_root *root,
			  rb_update_fn update)
{
	struct rb_node *p = rb_parent(x);

	while (p && parity(x) == parity(p)) {
		if (parity(sibling(x, p)) == parity(p)) {
			insert_rotate(x, p, root, update);
			return;
		}
		flip(p);
		x = p;
		p = rb_parent(x);
	}
}

void rb_insert_augmented(struct rb_node *node, struct rb_root *root,
			 rb_update_fn update)
{
	if (update)
		propagate(node, node, update);
	insert_repair(node, root, update);
}

void rb_insert_before(struct rb_node *node, struct rb_node *next,
		      struct rb_root *root, rb_update_fn update)
{
	/* A leaf: what comes next is above it. */
	propagate(node, next ? next : node, update);
	insert_repair(node, root, update);
}

/*
 * x (or a missing node) is a 3-child of p, its sibling y a 1-child with a
 * 1-child of its own: one or two rotations end the repair.
 */
static void erase_rotate(struct rb_node *y, struct rb_node *p,
			 struct rb_root *root, rb_update_fn update)
{
	bool y_right = p->rb_right == y;
	struct rb_node *outer = y_right ? y->rb_right : y->rb_left;
	struct rb_node *inner = y_right ? y->rb_left : y->rb_right;

	if (parity(outer) != parity(y)) {
		rotate_up(y, root, update);
		flip(y);
		flip(p);
		if (is_leaf(p))
			flip(p); /* R2: demoted twice */
		return;
	}
	rotate_up(inner, root, update); /* promoted twice */
	rotate_up(inner, root, update); /* p: demoted twice */
	flip(y);
}

/* The subtree x below p has lost one rank. */
static void erase_repair(struct rb_node *x, struct rb_node *p,
			 struct rb_root *root, rb_update_fn update)
{
	if (p && is_leaf(p) && parity(p)) { /* R2: rank 1 */
		flip(p);
		x = p;
		p = rb_parent(x);
	}
	while (p && parity(x) != parity(p)) {
		struct rb_node *y = sibling(x, p);

		if (parity(y) != parity(p)) { /* y is a 1-child */
			if (parity(y->rb_left) != parity(y) ||
			    parity(y->rb_right) != parity(y)) {
				erase_rotate(y, p, root, update);
				return;
			}
			flip(y);
		}
		flip(p);
		x = p;
		p = rb_parent(x);
	}
}

void rb_replace_node(struct rb_node *victim, struct rb_node *node,
		     struct rb_root *root)
{
	node->rb_parent_parity = victim->rb_parent_parity;
	smp_store_release(&node->rb_left, victim->rb_left);
	smp_store_release(&node->rb_right, victim->rb_right);
	replace_child(rb_parent(victim), victim, node, root);
	if (node->rb_left)
		set_parent(node->rb_left, node);
	if (node->rb_right)
		set_parent(node->rb_right, node);
}

void rb_erase_before(struct rb_node *node, struct rb_node *next,
		     struct rb_root *root, rb_update_fn update)
{
	struct rb_node *child, *parent, *first, *heir = NULL;

	if (node->rb_left && node->rb_right) {
		/* The next in order, which has no left child, takes over. */
		heir = node->rb_right;
		while (heir->rb_left)
			heir = heir->rb_left;
		child = heir->rb_right;
		parent = rb_parent(heir);
		replace_child(parent, heir, child, root);
		if (child)
			set_parent(child, parent);
		if (parent == node)
			parent = heir;
		rb_replace_node(node, heir, root);
	} else {
		child = node->rb_left ? node->rb_left : node->rb_right;
		parent = rb_parent(node);
		replace_child(parent, node, child, root);
		if (child)
			set_parent(child, parent);
	}
	/* The next is the heir, or what took node's place, or above it. */
	first = child && child == next ? child : parent;
	if (update && first)
		propagate(first, heir ? heir : next ? next : first, update);
	erase_repair(child, parent, root, update);
}

void rb_erase_augmented(struct rb_node *node, struct rb_root *root,
			rb_update_fn update)
{
	rb_erase_before(node, NULL, root, update);
}

struct rb_node *rb_first(const struct rb_root *root)
{
	struct rb_node *n = root->rb_node;

	while (n && n->rb_left)
		n = n->rb_left;
	return n;
}

struct rb_node *rb_last(const struct rb_root *root)
{
	struct rb_node *n = root->rb_node;

	while (n && n->rb_right)
		n = n->rb_right;
	return n;
}

struct rb_node *rb_next(const struct rb_node *node)
{
	struct rb_node *p, *n = node->rb_right;

	if (n) {
		while (n->rb_left)
			n = n->rb_left;
		return n;
	}
	for (p = rb_parent(node); p && node == p->rb_right; p = rb_parent(p))
		node = p;
	return p;
}

struct rb_node *rb_prev(const struct rb_node *node)
{
	struct rb_node *p, *n = node->rb_left;

	if (n) {
		while (n->rb_right)
			n = n->rb_right;
		return n;
	}
	for (p = rb_parent(node); p && node == p->rb_left; p = rb_parent(p))
		node = p;
	return p;
}

/* The leaf that a walk of children before parents meets first below n. */
static struct rb_node *deepest_left(struct rb_node *n)
{
	while (n && !is_leaf(n))
		n = n->rb_left ? n->rb_left : n->rb_right;
	return n;
}

struct rb_node *rb_first_postorder(const struct rb_root *root)
{
	return deepest_left(root->rb_node);
}

struct rb_node *rb_next_postorder(const struct rb_node *node)
{
	struct rb_node *p = rb_parent(node);

	if (p && node == p->rb_left && p->rb_right)
		return deepest_left(p->rb_right);
	return p;
}

/* Ranks are found again from the leaves up; the rank of node. */
static int validate_below(const struct rb_node *node,
			  const struct rb_node *parent, rb_update_fn update,
			  size_t *nr)
{
	int left, right, rank;

	if (!node)
		return -1;
	BUG_ON(rb_parent(node) != parent); /* R3 */
	left = validate_below(node->rb_left, node, update, nr);
	right = validate_below(node->rb_right, node, update, nr);
	rank = left + 1 + (parity(node->rb_left) == parity(node));
	BUG_ON(rank - right != 1 && rank - right != 2); /* R1 */
	BUG_ON((rank & 1) != (int)parity(node));
	BUG_ON(is_leaf(node) && rank != 0);		  /* R2 */
	BUG_ON(update && update((struct rb_node *)node)); /* R4 */
	++*nr;
	return rank;
}

size_t rb_validate(const struct rb_root *root, rb_update_fn update)
{
	size_t nr = 0;

	validate_below(root->rb_node, NULL, update, &nr);
	return nr;
}
