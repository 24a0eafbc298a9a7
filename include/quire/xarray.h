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
void xa_set_allocator(void *(*alloc)(gfp_t gfp), void (*free)(void *node));

static inline void xa_init(struct xarray *xa)
{
	xa->root = NULL;
}

static inline bool xa_empty(const struct xarray *xa)
{
	return !xa->root;
}

/* NULL: nothing there. */
void *xa_load(const struct xarray *xa, unsigned long index);

/*
 * xa_store - make index map to entry, whatever was there; NULL erases.
 * 0 or -ENOMEM (nothing changed).  Replacing and erasing never fail.
 */
int xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp);
/* The same, but -EBUSY if index is taken. */
int xa_insert(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp);
/* What was there, or NULL. */
void *xa_erase(struct xarray *xa, unsigned long index);

/*
 * The first entry at *index or above, up to max inclusive, its place in
 * *index; NULL leaves *index alone.  xa_find_after begins one above.
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

/* Forget everything and free the nodes; the entries are the caller's. */
void xa_destroy(struct xarray *xa);

/* ---- reserved nodes ---- */

struct xa_pool {
	void *nodes; /* linked through their first word */
	unsigned int nr;
	unsigned int wanted; /* of the store that failed */
};

#define XA_POOL_INIT ((struct xa_pool){NULL, 0, 0})

/* As xa_store, with nodes of the pool only; -ENOMEM notes the need there. */
int xa_store_pool(struct xarray *xa, unsigned long index, void *entry,
		  struct xa_pool *pool);
/* Bring the pool to what was wanted, at least 1; 0 or -ENOMEM. */
int xa_pool_fill(struct xa_pool *pool, gfp_t gfp);
void xa_pool_drain(struct xa_pool *pool);

/* Structure is right, panics otherwise; the number of entries. */
size_t xa_validate(const struct xarray *xa);
/* Nodes in use by all maps (leak checks). */
long xa_nodes_in_use(void);

#endif
