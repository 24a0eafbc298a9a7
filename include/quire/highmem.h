/* SPDX-License-Identifier: MIT */
/*
 * highmem.h - kernel addresses for frames that have none of their own.
 *
 * Where a machine says so (struct mm_boot), frames from highmem_start on are
 * not in the direct map: page_address() is NULL for them, and requests with
 * __GFP_HIGHMEM may get them.  Code that looks into such a page maps it for as
 * long as it looks.  Without CONFIG_HIGHMEM, as on x86-64, every frame has an
 * address, and all of this is page_address() and nothing.
 *
 * Source: Linux's Documentation/mm/highmem.rst.
 */
#ifndef QUIRE_HIGHMEM_H
#define QUIRE_HIGHMEM_H

#include <quire/mm_types.h>
#include <quire/string.h>

/* Mappings that one processor can hold at once by kmap_local_page(). */
#define KM_MAX_IDX 16

#if CONFIG_HIGHMEM
void *kmap_local_high(const struct page *page);
void kunmap_local_high(const void *addr);
void *kmap_high(struct page *page);
void kunmap_high(struct page *page);
#endif

/*
 * kmap_local_page - an address of the page for this processor.
 * Context: any.  The caller stays on its processor and does not sleep until
 *   kunmap_local(), and takes back several mappings in reverse order.  More
 *   than KM_MAX_IDX at once stop the machine.
 * Result: never NULL; other processors must not use it.
 */
static inline void *kmap_local_page(const struct page *page)
{
#if CONFIG_HIGHMEM
	if (unlikely(PageHighMem(page)))
		return kmap_local_high(page);
#endif
	return lowmem_page_address(page);
}

/* addr: any byte of what kmap_local_page() gave. */
static inline void kunmap_local(const void *addr)
{
#if CONFIG_HIGHMEM
	kunmap_local_high(addr);
#else
	(void)addr;
#endif
}

/*
 * kmap - an address of the page for all processors, until as many kunmap().
 * Context: task, no spinlocks: waits while all places are taken.
 * Result: never NULL; page_address() tells it too.
 */
static inline void *kmap(struct page *page)
{
#if CONFIG_HIGHMEM
	if (unlikely(PageHighMem(page)))
		return kmap_high(page);
#endif
	return lowmem_page_address(page);
}

/* Context: any. */
static inline void kunmap(struct page *page)
{
#if CONFIG_HIGHMEM
	if (unlikely(PageHighMem(page)))
		kunmap_high(page);
#else
	(void)page;
#endif
}

/* ---- pages wherever they lie; context as kmap_local_page() ---- */

static inline void clear_highpage(struct page *page)
{
	void *addr = kmap_local_page(page);

	clear_page(addr);
	kunmap_local(addr);
}

static inline void copy_highpage(struct page *to, const struct page *from)
{
	void *src = kmap_local_page(from), *dst = kmap_local_page(to);

	copy_page(dst, src);
	kunmap_local(dst);
	kunmap_local(src);
}

/* offset + len is at most PAGE_SIZE. */
static inline void memcpy_from_page(void *to, const struct page *page,
				    size_t offset, size_t len)
{
	const char *addr = kmap_local_page(page);

	memcpy(to, addr + offset, len);
	kunmap_local(addr);
}

static inline void memcpy_to_page(struct page *page, size_t offset,
				  const void *from, size_t len)
{
	char *addr = kmap_local_page(page);

	memcpy(addr + offset, from, len);
	kunmap_local(addr);
}

static inline void memzero_page(struct page *page, size_t offset, size_t len)
{
	char *addr = kmap_local_page(page);

	memset(addr + offset, 0, len);
	kunmap_local(addr);
}

#endif
