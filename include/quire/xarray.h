/* SPDX-License-Identifier: MIT */
/*
 * xarray.h - a map from unsigned long to pointer, dense or sparse.
 *
 * A radix tree of 64-slot nodes, as high as its largest index needs.  Entries
 * are any pointers but NULL.
 *
 * Locking.  The caller's: readers may run together, a writer alone.
 * Memory.  Nodes come from the allocator set with xa_set_allocator().  A store
 * that needs nodes takes all of them before it changes anything.  To store
 * under a spinlock, either pass a gfp that cannot sleep, or reserve first:
 *
 *	struct xa_pool pool = XA_POOL_INIT;
 *	int err;
 *
 *	for (;;) {
 *		spin_lock(&lock);
 *		err = xa_store_pool(&xa, index, entry, &pool);
 *		spin_unlock(&lock);
 *		if (err != -ENOMEM)
 *			break;
 *		err = xa_pool_fill(&pool, GFP_KERNEL);
 *		if (err)
 *			break;
 *	}
 *	xa_pool_drain(&pool);
 *
 * Names: Linux's Documentation/core-api/xarray.rst.
 */
#ifndef QUIRE_XARRAY_H
#define QUIRE_XARRAY_H

#include <quire/types.h>

#define XA_CHUNK_SHIFT 6
#define XA_CHUNK_SIZE  (1UL << XA_CHUNK_SHIFT)

struct xa_node;

struct xarray {
	struct xa_node *root;
};

#define XARRAY_INIT ((struct xarray){NULL})

/* What alloc must give: this many bytes, any content, aligned to 8. */
extern const size_t xa_node_size;
/*
 * xa_set_allocator - where all maps' nodes come from; before the first store.
 * alloc: NULL when it has none.  mm_init() gives it the slab allocator.
 */
void xa_set_allocator(void *(*alloc)(gfp_t gfp), void (*free)(void *node));

static inline void xa_init(struct xarray *xa)
{
	xa->root = NULL;
}

static inline bool xa_empty(const struct xarray *xa)
{
	return !xa->root;
}

/* xa_load - the entry at index; NULL: nothing there.  Context: a reader. */
void *xa_load(const struct xarray *xa, unsigned long index);

/*
 * xa_store - make index map to entry, whatever was there; NULL erases.
 * Context: a writer; sleeps as gfp says.
 * Errors: 0 or -ENOMEM (nothing changed).  Replacing and erasing never fail.
 *   Linux's returns what was there, or an error as an entry.
 */
int xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp);
/* The same, but -EBUSY if index is taken; entry is not NULL. */
int xa_insert(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp);
/*
 * xa_erase - nothing at index any more; nodes left empty are freed.
 * Context: a writer; never sleeps.
 * Result: what was there, or NULL.
 */
void *xa_erase(struct xarray *xa, unsigned long index);

/*
 * xa_find - the first entry at *index or above; xa_find_after: above it.
 * max: the last index that is looked at.
 * Context: a reader.
 * Result: the entry, and its place in *index; NULL: none, *index as it was.
 */
void *xa_find(const struct xarray *xa, unsigned long *index, unsigned long max);
void *xa_find_after(const struct xarray *xa, unsigned long *index,
		    unsigned long max);

/* The present entry may be erased in the body. */
#define xa_for_each_range(xa, index, entry, start, last)               \
	for ((index) = (start), (entry) = xa_find(xa, &(index), last); \
	     (entry); (entry) = xa_find_after(xa, &(index), last))
#define xa_for_each(xa, index, entry) \
	xa_for_each_range(xa, index, entry, 0, ~0UL)

/*
 * xa_destroy - forget everything and free the nodes; the entries are the
 * caller's.  The map is empty then and may be used again.
 * Context: a writer.
 */
void xa_destroy(struct xarray *xa);

/* ---- reserved nodes ---- */

struct xa_pool {
	void *nodes; /* linked through their first word */
	unsigned int nr;
	unsigned int wanted; /* of the store that failed */
};

#define XA_POOL_INIT ((struct xa_pool){NULL, 0, 0})

/*
 * xa_store_pool - as xa_store(), with nodes of the pool only.
 * Context: a writer; never sleeps.
 * Errors: 0; -ENOMEM: the pool has too few, and notes how many it would take;
 *   nothing changed.
 */
int xa_store_pool(struct xarray *xa, unsigned long index, void *entry,
		  struct xa_pool *pool);
/*
 * xa_pool_fill - bring the pool to what was wanted, at least 1 node.
 * Context: as gfp says.
 * Errors: 0; -ENOMEM: what it got stays in the pool, for xa_pool_drain().
 */
int xa_pool_fill(struct xa_pool *pool, gfp_t gfp);
void xa_pool_drain(struct xa_pool *pool);

/* Structure is right, panics otherwise; the number of entries. */
size_t xa_validate(const struct xarray *xa);
/* Nodes in use by all maps (leak checks). */
long xa_nodes_in_use(void);

#endif
