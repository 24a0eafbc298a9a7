/* SPDX-License-Identifier: MIT */
/*
 * kmalloc.c - memory of any size: general caches, and frames above them.
 *
 * 1. Sizes.  kmalloc_info[] is Linux's table: index 0 is none, 1 and 2 are the
 *    two sizes between powers of two (96, 192), index i from 3 on is 2^i
 *    bytes.  A request of up to 192 bytes finds its index in size_index[], a
 *    larger one is fls(size - 1).  Sizes up to KMALLOC_MAX_CACHE_SIZE have a
 *    cache for each of the three types; the rest of the table names what the
 *    page allocator serves.
 * 2. Alignment.  A power of two is aligned to itself, as drivers rely on.
 * 3. Large blocks are compound pages whose first descriptor is marked, so
 *    that kfree() and ksize() tell them from every other frame.
 *
 * Source: Linux's Documentation/core-api/memory-allocation.rst.
 */
#include <quire/gfp.h>
#include <quire/printk.h>
#include <quire/string.h>
#include <quire/vmstat.h>

#include "mm/slab/slab_internal.h"

#define CALLER __builtin_return_address(0)

/* mapping_index of the first frame of a large block; no address. */
#define LARGE_MARK 0x6c61726765000000UL

struct kmem_cache *kmalloc_caches[NR_KMALLOC_TYPES][KMALLOC_SHIFT_CACHE + 1];

struct kmalloc_size {
	const char *name[NR_KMALLOC_TYPES];
	unsigned int size;
};

#define SIZE(bytes, text)                                                    \
	{                                                                    \
		{"kmalloc-" text, "dma-kmalloc-" text, "kmalloc-rcl-" text}, \
			bytes                                                \
	}

static const struct kmalloc_size kmalloc_info[KMALLOC_SHIFT_HIGH + 1] = {
	{{NULL, NULL, NULL}, 0}, SIZE(96, "96"),
	SIZE(192, "192"),	 SIZE(8, "8"),
	SIZE(16, "16"),		 SIZE(32, "32"),
	SIZE(64, "64"),		 SIZE(128, "128"),
	SIZE(256, "256"),	 SIZE(512, "512"),
	SIZE(1024, "1k"),	 SIZE(2048, "2k"),
	SIZE(4096, "4k"),	 SIZE(8192, "8k"),
	SIZE(16384, "16k"),	 SIZE(32768, "32k"),
	SIZE(65536, "64k"),	 SIZE(131072, "128k"),
	SIZE(262144, "256k"),	 SIZE(524288, "512k"),
	SIZE(1048576, "1M"),	 SIZE(2097152, "2M"),
	SIZE(4194304, "4M"),	 SIZE(8388608, "8M"),
	SIZE(16777216, "16M"),	 SIZE(33554432, "32M"),
	SIZE(67108864, "64M"),
};

/* By (size - 1) / 8, for sizes up to 192. */
static const u8 size_index[24] = {
	3, 4, 5, 5, 6, 6, 6, 6, 1, 1, 1, 1, 7, 7, 7, 7, 2, 2, 2, 2, 2, 2, 2, 2,
};

/* size from 1 to KMALLOC_MAX_CACHE_SIZE */
static inline struct kmem_cache *kmalloc_slab(size_t size, gfp_t gfp)
{
	unsigned int index = size <= 192 ? size_index[(size - 1) / 8]
					 : (unsigned int)fls_long(size - 1);

	return kmalloc_caches[kmalloc_type(gfp)][index];
}

static u32 absurd_told;

/* Reported once, with who wants it. */
static noinline void *too_large(size_t size, gfp_t gfp, const void *caller)
{
	if (!(gfp & __GFP_NOWARN) &&
	    !__atomic_exchange_n(&absurd_told, 1, __ATOMIC_RELAXED))
		printk("WARNING: kmalloc: %zu bytes wanted by %p, at most %lu "
		       "can be had\n",
		       size, caller, KMALLOC_MAX_SIZE);
	return NULL;
}

static void *alloc_large(size_t size, gfp_t gfp, int nid, const void *caller)
{
	unsigned int order = 0;
	struct page *page;

	if (unlikely(size > KMALLOC_MAX_SIZE))
		return too_large(size, gfp, caller);
	while (PAGE_SIZE << order < size)
		order++;
	page = alloc_pages_node(nid, (gfp & ~__GFP_RECLAIMABLE) | __GFP_COMP,
				order);
	if (!page)
		return NULL;
	page->mapping_index = LARGE_MARK | order;
	mod_page_stat(page, NST_nr_slab_unreclaimable, 1L << order);
	__atomic_fetch_add(&slab_state.nr_large, 1, __ATOMIC_RELAXED);
	return page_address(page);
}

void *kmalloc_large(size_t size, gfp_t gfp)
{
	return alloc_large(size, gfp, NUMA_NO_NODE, CALLER);
}

static __always_inline void *alloc_any(size_t size, gfp_t gfp,
				       const void *caller)
{
	if (unlikely(size > KMALLOC_MAX_CACHE_SIZE))
		return alloc_large(size, gfp, NUMA_NO_NODE,
				   SLAB_CALLER(caller));
	if (unlikely(!size))
		return ZERO_SIZE_PTR;
	return slab_alloc_fast(kmalloc_slab(size, gfp), gfp, caller);
}

void *__kmalloc(size_t size, gfp_t gfp)
{
	return alloc_any(size, gfp, NULL);
}

void *kmalloc_node(size_t size, gfp_t gfp, int nid)
{
	if (unlikely(size > KMALLOC_MAX_CACHE_SIZE))
		return alloc_large(size, gfp, nid, CALLER);
	if (unlikely(!size))
		return ZERO_SIZE_PTR;
	return slab_alloc_node(kmalloc_slab(size, gfp), gfp, nid, CALLER);
}

size_t kmalloc_size_roundup(size_t size)
{
	if (!size || size > KMALLOC_MAX_SIZE)
		return size;
	if (size > KMALLOC_MAX_CACHE_SIZE)
		return PAGE_SIZE << fls_long((size - 1) >> PAGE_SHIFT);
	return kmalloc_slab(size, GFP_KERNEL)->object_size;
}

/* The descriptor if p is the start of a large block. */
static struct page *large_page(const void *p)
{
	unsigned long pfn = __pa(p) >> PAGE_SHIFT;
	struct page *page;

	if (!pfn_valid(pfn) || !IS_ALIGNED((uintptr_t)p, PAGE_SIZE))
		return NULL;
	page = pfn_to_page(pfn);
	if (!page_ref_count(page) || PageSlab(page) || PageTable(page) ||
	    (page->mapping_index & ~0xffUL) != LARGE_MARK)
		return NULL;
	return page;
}

void kfree_large(const void *p, const void *caller)
{
	struct page *page = large_page(p);
	unsigned int order;

	if (!page) {
		slab_report(NULL, p, "not an allocated block", caller);
		return;
	}
	order = page->mapping_index & 0xff;
	page->mapping_index = 0;
	mod_page_stat(page, NST_nr_slab_unreclaimable, -(1L << order));
	__atomic_fetch_sub(&slab_state.nr_large, 1, __ATOMIC_RELAXED);
	__free_pages(page, order);
}

size_t ksize(const void *p)
{
	struct kmem_cache *s;
	struct page *page;

	if (ZERO_OR_NULL_PTR(p))
		return 0;
	s = slab_cache_of(p);
	if (s)
		return s->object_size;
	page = large_page(p);
	if (!page) {
		slab_report(NULL, p, "size of what is not an allocated block",
			    CALLER);
		return 0;
	}
	return PAGE_SIZE << (page->mapping_index & 0xff);
}

/*
 * With __GFP_ZERO in each call for a block, all bytes that were never asked for
 * are zero: a block is cleared whole when it is made, and behind its new end
 * when it shrinks in its place.
 */
void *krealloc(const void *p, size_t new_size, gfp_t gfp)
{
	void *block = (void *)(uintptr_t)p;
	size_t old_size;
	void *new_block;

	if (!new_size) {
		slab_kfree(p, CALLER);
		return ZERO_SIZE_PTR;
	}
	old_size = ksize(p);
	if (new_size <= old_size) {
		if (gfp & __GFP_ZERO)
			memset((char *)block + new_size, 0,
			       old_size - new_size);
		return block;
	}
	new_block = alloc_any(new_size, gfp, CALLER);
	if (!new_block)
		return NULL;
	if (old_size)
		memcpy(new_block, p, old_size);
	slab_kfree(p, CALLER);
	return new_block;
}

void *kmemdup(const void *src, size_t len, gfp_t gfp)
{
	void *copy = alloc_any(len, gfp, CALLER);

	return copy && len ? memcpy(copy, src, len) : copy;
}

static char *copy_string(const char *s, size_t len, gfp_t gfp,
			 const void *caller)
{
	char *copy = alloc_any(len + 1, gfp, caller);

	if (!copy)
		return NULL;
	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

char *kstrndup(const char *s, size_t max, gfp_t gfp)
{
	return s ? copy_string(s, strnlen(s, max), gfp, CALLER) : NULL;
}

char *kstrdup(const char *s, gfp_t gfp)
{
	return s ? copy_string(s, strlen(s), gfp, CALLER) : NULL;
}

void kfree_sensitive(const void *p)
{
	size_t size = ksize(p);

	if (size)
		memset((void *)(uintptr_t)p, 0, size);
	/* The compiler must not see that nobody reads the zeroes. */
	barrier();
	slab_kfree(p, CALLER);
}

void kmalloc_init(void)
{
	static const slab_flags_t type_flags[NR_KMALLOC_TYPES] = {
		[KMALLOC_DMA] = SLAB_CACHE_DMA,
		[KMALLOC_RECLAIM] = SLAB_RECLAIM_ACCOUNT,
	};

	for (int type = 0; type < NR_KMALLOC_TYPES; type++) {
		for (int i = 1; i <= KMALLOC_SHIFT_CACHE; i++) {
			const struct kmalloc_size *info = &kmalloc_info[i];
			unsigned int align =
				i > 2 ? info->size : ARCH_KMALLOC_MINALIGN;

			kmalloc_caches[type][i] = kmem_cache_create(
				info->name[type], info->size,
				min(align, (unsigned int)PAGE_SIZE),
				type_flags[type] | SLAB_PANIC, NULL);
		}
	}
}
