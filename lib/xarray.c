/* SPDX-License-Identifier: MIT */
/*
 * xarray.c - a radix tree from unsigned long to pointer.
 *
 * 1. Idea.  A node has 64 slots, chosen by 6 bits of the index; at shift 0
 *    they hold entries, above it nodes.  The root is only as high as the
 *    largest index needs, so a small map costs one node.
 * 2. Invariants, checked by xa_validate().
 *    X1  bit i of used is set if and only if slots[i] is not NULL
 *    X2  no node is empty: used != 0
 *    X3  the root, unless its shift is 0, has a slot above the first in use
 *    X4  a child's shift is its parent's less 6, its parent and offset right
 * 3. Memory.  A store first counts the nodes it lacks, takes them all into a
 *    pool, and then cannot fail.  At most 10 to raise the root and 10 for the
 *    new path: 64 bits are 11 levels.
 * 4. Locking.  The caller's, see xarray.h; only the count of nodes is shared.
 */
#include <quire/xarray.h>

#include <quire/errno.h>
#include <quire/failure.h>
#include <quire/printk.h>
#include <quire/string.h>

struct xa_node {
	u64 used;
	struct xa_node *parent;
	u8 shift;
	u8 offset; /* in the parent */
	void *slots[XA_CHUNK_SIZE];
};

const size_t xa_node_size = sizeof(struct xa_node);

static struct {
	void *(*alloc)(gfp_t gfp);
	void (*free)(void *node);
	long nr_nodes;
} xa_state;

void xa_set_allocator(void *(*alloc)(gfp_t gfp), void (*free)(void *node))
{
	xa_state.alloc = alloc;
	xa_state.free = free;
}

long xa_nodes_in_use(void)
{
	return READ_ONCE(xa_state.nr_nodes);
}

static inline unsigned int slot_of(const struct xa_node *node,
				   unsigned long index)
{
	return index >> node->shift & (XA_CHUNK_SIZE - 1);
}

/* The largest index below a root of this shift. */
static inline unsigned long max_index(unsigned int shift)
{
	return shift + XA_CHUNK_SHIFT >= 64
		       ? ~0UL
		       : (1UL << (shift + XA_CHUNK_SHIFT)) - 1;
}

/* The shift of the lowest root that reaches index. */
static inline unsigned int shift_for(unsigned long index)
{
	unsigned int shift = 0;

	while (index > max_index(shift))
		shift += XA_CHUNK_SHIFT;
	return shift;
}

/* ---- memory ---- */

static void node_free(struct xa_node *node)
{
	__atomic_fetch_sub(&xa_state.nr_nodes, 1, __ATOMIC_RELAXED);
	xa_state.free(node);
}

int xa_pool_fill(struct xa_pool *pool, gfp_t gfp)
{
	unsigned int wanted = pool->wanted ? pool->wanted : 1;

	while (pool->nr < wanted) {
		void **node = xa_state.alloc ? xa_state.alloc(gfp) : NULL;

		if (!node)
			return -ENOMEM;
		__atomic_fetch_add(&xa_state.nr_nodes, 1, __ATOMIC_RELAXED);
		*node = pool->nodes;
		pool->nodes = node;
		pool->nr++;
	}
	return 0;
}

void xa_pool_drain(struct xa_pool *pool)
{
	while (pool->nr) {
		void **node = pool->nodes;

		pool->nodes = *node;
		pool->nr--;
		node_free((struct xa_node *)node);
	}
}

/* The pool holds enough: the store has counted. */
static struct xa_node *pool_take(struct xa_pool *pool, unsigned int shift)
{
	void **mem = pool->nodes;
	struct xa_node *node = (struct xa_node *)mem;

	pool->nodes = *mem;
	pool->nr--;
	memset(node, 0, sizeof(*node));
	node->shift = (u8)shift;
	return node;
}

/* ---- structure ---- */

static void set_slot(struct xa_node *node, unsigned int slot, void *what)
{
	node->slots[slot] = what;
	node->used |= 1UL << slot;
}

static void set_child(struct xa_node *node, unsigned int slot,
		      struct xa_node *child)
{
	child->parent = node;
	child->offset = (u8)slot;
	set_slot(node, slot, child);
}

/* The leaf node that index would be in, or NULL. */
static struct xa_node *leaf_of(const struct xarray *xa, unsigned long index)
{
	struct xa_node *node = xa->root;

	if (!node || index > max_index(node->shift))
		return NULL;
	while (node && node->shift)
		node = node->slots[slot_of(node, index)];
	return node;
}

/* How many nodes a store at index would add. */
static unsigned int nodes_lacking(const struct xarray *xa, unsigned long index)
{
	const struct xa_node *node = xa->root;
	unsigned int top = shift_for(index), nr = 0;

	if (!node)
		return top / XA_CHUNK_SHIFT + 1;
	if (top > node->shift)
		/* Roots above the present one, and a path beside it. */
		return (top - node->shift) / XA_CHUNK_SHIFT +
		       top / XA_CHUNK_SHIFT;
	while (node->shift) {
		const struct xa_node *child = node->slots[slot_of(node, index)];

		if (!child)
			return node->shift / XA_CHUNK_SHIFT;
		node = child;
	}
	return nr;
}

/* Raise the root until it reaches index. */
static void grow(struct xarray *xa, unsigned long index, struct xa_pool *pool)
{
	if (!xa->root)
		xa->root = pool_take(pool, shift_for(index));
	while (index > max_index(xa->root->shift)) {
		struct xa_node *top =
			pool_take(pool, xa->root->shift + XA_CHUNK_SHIFT);

		set_child(top, 0, xa->root);
		xa->root = top;
	}
}

/* X3: a root with only its first slot in use is one too many. */
static void shrink(struct xarray *xa)
{
	struct xa_node *root = xa->root;

	while (root && root->shift && root->used == 1) {
		xa->root = root->slots[0];
		xa->root->parent = NULL;
		node_free(root);
		root = xa->root;
	}
}

/* X2: give back the nodes that have become empty, from node up. */
static void prune(struct xarray *xa, struct xa_node *node)
{
	while (node && !node->used) {
		struct xa_node *parent = node->parent;

		if (parent) {
			parent->slots[node->offset] = NULL;
			parent->used &= ~(1UL << node->offset);
		} else {
			xa->root = NULL;
		}
		node_free(node);
		node = parent;
	}
	shrink(xa);
}

/* Cannot fail: the pool holds what nodes_lacking() has counted. */
static void place(struct xarray *xa, unsigned long index, void *entry,
		  struct xa_pool *pool)
{
	struct xa_node *node;

	grow(xa, index, pool);
	node = xa->root;
	while (node->shift) {
		unsigned int slot = slot_of(node, index);

		if (!node->slots[slot])
			set_child(
				node, slot,
				pool_take(pool, node->shift - XA_CHUNK_SHIFT));
		node = node->slots[slot];
	}
	set_slot(node, slot_of(node, index), entry);
}

/* ---- public ---- */

void *xa_load(const struct xarray *xa, unsigned long index)
{
	const struct xa_node *leaf = leaf_of(xa, index);

	return leaf ? leaf->slots[slot_of(leaf, index)] : NULL;
}

int xa_store_pool(struct xarray *xa, unsigned long index, void *entry,
		  struct xa_pool *pool)
{
	unsigned int lacking;

	if (!entry) {
		xa_erase(xa, index);
		return 0;
	}
	lacking = nodes_lacking(xa, index);
	if (lacking > pool->nr) {
		pool->wanted = lacking;
		return -ENOMEM;
	}
	place(xa, index, entry, pool);
	return 0;
}

int xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp)
{
	struct xa_pool pool = XA_POOL_INIT;
	int err = xa_store_pool(xa, index, entry, &pool);

	if (err != -ENOMEM)
		return err;
	err = xa_pool_fill(&pool, gfp);
	if (!err)
		err = xa_store_pool(xa, index, entry, &pool);
	xa_pool_drain(&pool);
	return err;
}

int xa_insert(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp)
{
	if (xa_load(xa, index))
		return -EBUSY;
	return xa_store(xa, index, entry, gfp);
}

void *xa_erase(struct xarray *xa, unsigned long index)
{
	struct xa_node *leaf = leaf_of(xa, index);
	unsigned int slot;
	void *old;

	if (!leaf)
		return NULL;
	slot = slot_of(leaf, index);
	old = leaf->slots[slot];
	leaf->slots[slot] = NULL;
	leaf->used &= ~(1UL << slot);
	prune(xa, leaf);
	return old;
}

void *xa_find(const struct xarray *xa, unsigned long *index, unsigned long max)
{
	const struct xa_node *node = xa->root;
	unsigned long at = *index;

	if (!node || at > max_index(node->shift))
		return NULL;
	while (node) {
		unsigned int slot = slot_of(node, at);
		u64 rest = node->used >> slot << slot;
		unsigned int found;

		if (!rest) {
			/* On to the first index behind this node. */
			unsigned long last = at | max_index(node->shift);

			if (!node->parent || last >= max)
				return NULL;
			at = last + 1;
			/* Up to the node that has a slot for it. */
			do
				node = node->parent;
			while (node && slot_of(node, at) == 0);
			continue;
		}
		found = (unsigned int)__builtin_ctzl(rest);
		if (found != slot)
			at = (at & ~max_index(node->shift)) |
			     (unsigned long)found << node->shift;
		if (at > max)
			return NULL;
		if (!node->shift) {
			*index = at;
			return node->slots[found];
		}
		node = node->slots[found];
	}
	return NULL;
}

void *xa_find_after(const struct xarray *xa, unsigned long *index,
		    unsigned long max)
{
	unsigned long at = *index + 1;
	void *entry;

	if (at == 0)
		return NULL;
	entry = xa_find(xa, &at, max);
	if (entry)
		*index = at;
	return entry;
}

void xa_destroy(struct xarray *xa)
{
	struct xa_node *node = xa->root;

	/* Children first, without recursion: used counts down to the end. */
	while (node) {
		struct xa_node *parent = node->parent;

		if (node->shift && node->used) {
			unsigned int slot =
				(unsigned int)__builtin_ctzl(node->used);

			node->used &= node->used - 1;
			node = node->slots[slot];
			continue;
		}
		node_free(node);
		node = parent;
	}
	xa->root = NULL;
}

static size_t validate_node(const struct xa_node *node)
{
	size_t nr = 0;

	BUG_ON(!node->used); /* X2 */
	for (unsigned int i = 0; i < XA_CHUNK_SIZE; i++) {
		const struct xa_node *child = node->slots[i];

		BUG_ON(!child != !(node->used >> i & 1)); /* X1 */
		if (!child)
			continue;
		if (!node->shift) {
			nr++;
			continue;
		}
		BUG_ON(child->shift + XA_CHUNK_SHIFT != node->shift); /* X4 */
		BUG_ON(child->parent != node || child->offset != i);
		nr += validate_node(child);
	}
	return nr;
}

size_t xa_validate(const struct xarray *xa)
{
	const struct xa_node *root = xa->root;

	if (!root)
		return 0;
	BUG_ON(root->parent);
	BUG_ON(root->shift && root->used == 1); /* X3 */
	return validate_node(root);
}
