/* SPDX-License-Identifier: MIT */
/*
 * slab.h - caches of equal objects, and kmalloc.
 *
 * Source: Linux's Documentation/core-api/memory-allocation.rst and mm-api.rst.
 */
#ifndef QUIRE_SLAB_H
#define QUIRE_SLAB_H

#include <quire/gfp.h>
#include <quire/types.h>

struct kmem_cache;
typedef u32 slab_flags_t;

#define SLAB_CONSISTENCY_CHECKS	((slab_flags_t)0x00000100)
#define SLAB_RED_ZONE		((slab_flags_t)0x00000400)
#define SLAB_POISON		((slab_flags_t)0x00000800)
#define SLAB_HWCACHE_ALIGN	((slab_flags_t)0x00002000)
#define SLAB_CACHE_DMA		((slab_flags_t)0x00004000)
#define SLAB_STORE_USER		((slab_flags_t)0x00010000)
#define SLAB_RECLAIM_ACCOUNT	((slab_flags_t)0x00020000)
#define SLAB_PANIC		((slab_flags_t)0x00040000)
#define SLAB_ACCOUNT		((slab_flags_t)0x04000000)
#define SLAB_NO_MERGE		((slab_flags_t)0x01000000)

/* What kmalloc(0) returns; kfree takes it; any access faults. */
#define ZERO_SIZE_PTR		((void *)16)
#define ZERO_OR_NULL_PTR(p)	((uintptr_t)(p) <= (uintptr_t)ZERO_SIZE_PTR)

#define KMALLOC_SHIFT_HIGH	26
#define KMALLOC_MAX_SIZE	(1UL << (MAX_ORDER + 12))
#define ARCH_KMALLOC_MINALIGN	8

enum kmalloc_cache_type {
	KMALLOC_NORMAL,
	KMALLOC_DMA,
	KMALLOC_RECLAIM,
	NR_KMALLOC_TYPES
};

/*
 * kmem_cache_create - a cache of objects of size bytes.
 * ctor runs once on each object when its slab is made; objects must come
 * back in that state.  Errors: NULL (no memory, size 0 or above
 * KMALLOC_MAX_SIZE, align not a power of two); SLAB_PANIC stops the machine.
 */
struct kmem_cache *kmem_cache_create(const char *name, unsigned int size,
				     unsigned int align, slab_flags_t flags,
				     void (*ctor)(void *));
#define KMEM_CACHE(s, flags) \
	kmem_cache_create(#s, sizeof(struct s), __alignof__(struct s), \
			  (flags), NULL)
/* Reports objects still in use and then leaks the cache. */
void kmem_cache_destroy(struct kmem_cache *s);
void *kmem_cache_alloc(struct kmem_cache *s, gfp_t gfp);
void *kmem_cache_alloc_node(struct kmem_cache *s, gfp_t gfp, int nid);
void *kmem_cache_zalloc(struct kmem_cache *s, gfp_t gfp);
void kmem_cache_free(struct kmem_cache *s, void *obj);
/* All or nothing: nr, or 0. */
int kmem_cache_alloc_bulk(struct kmem_cache *s, gfp_t gfp, size_t nr,
			  void **objs);
void kmem_cache_free_bulk(struct kmem_cache *s, size_t nr, void **objs);
/* Give empty slabs back; 0 if none is left that holds nothing. */
int kmem_cache_shrink(struct kmem_cache *s);
unsigned int kmem_cache_size(const struct kmem_cache *s);
const char *kmem_cache_name(const struct kmem_cache *s);

void *kmalloc(size_t size, gfp_t gfp);
void *kmalloc_node(size_t size, gfp_t gfp, int nid);
void *kzalloc(size_t size, gfp_t gfp);
void *kmalloc_array(size_t n, size_t size, gfp_t gfp);
void *kcalloc(size_t n, size_t size, gfp_t gfp);
/* size 0 frees and gives ZERO_SIZE_PTR; failure leaves the old block. */
void *krealloc(const void *p, size_t new_size, gfp_t gfp) __must_check;
void *kmemdup(const void *src, size_t len, gfp_t gfp);
char *kstrdup(const char *s, gfp_t gfp);
char *kstrndup(const char *s, size_t max, gfp_t gfp);
/* Any pointer of the family; NULL and ZERO_SIZE_PTR do nothing. */
void kfree(const void *p);
void kfree_sensitive(const void *p);	/* cleared first */
size_t ksize(const void *p);		/* usable bytes */

/* kmalloc when it fits, else vmalloc. */
void *kvmalloc(size_t size, gfp_t gfp);
void *kvzalloc(size_t size, gfp_t gfp);
void kvfree(const void *p);

#endif
