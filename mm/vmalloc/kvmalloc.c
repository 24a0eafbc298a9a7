/* SPDX-License-Identifier: MIT */
/*
 * kvmalloc.c - memory of either kind: contiguous where that is easy.
 *
 * 1. Idea.  Large blocks are tried from the slab allocator first, lightly:
 *    without reclaim and reports, since vmalloc is the other way.  Where it
 *    came from shows in the address, so that one call frees both.
 * 2. Failure.  The light attempt is not counted by failure injection: it is
 *    made good.  What is seen is one failure, before both.
 *
 * Source: Linux's Documentation/core-api/mm-api.rst.
 */
#include <quire/failure.h>
#include <quire/slab.h>
#include <quire/string.h>
#include <quire/topology.h>
#include <quire/vmalloc.h>

#include "mm/vmalloc/vmap_area.h"

#define CALLER __builtin_return_address(0)

static void *light_kmalloc(size_t size, gfp_t gfp, int nid)
{
	void *p;

	failure_pause();
	p = kmalloc_node(size,
			 (gfp | __GFP_NOWARN | __GFP_NORETRY) &
				 ~(__GFP_NOFAIL | __GFP_DIRECT_RECLAIM),
			 nid);
	failure_resume();
	return p;
}

static void *alloc_either(size_t size, gfp_t gfp, int nid, const void *caller)
{
	void *p;

	if (size <= PAGE_SIZE || !gfpflags_allow_blocking(gfp))
		return kmalloc_node(size, gfp, nid);
	if (should_fail() && !(gfp & __GFP_NOFAIL))
		return NULL;
	p = size <= KMALLOC_MAX_SIZE ? light_kmalloc(size, gfp, nid) : NULL;
	if (p)
		return p;
	return vmalloc_on(size, PAGE_SIZE, gfp, nid, VM_ALLOW_HUGE_VMAP,
			  caller);
}

void *kvmalloc(size_t size, gfp_t gfp)
{
	return alloc_either(size, gfp, NUMA_NO_NODE, CALLER);
}

void *kvzalloc(size_t size, gfp_t gfp)
{
	return alloc_either(size, gfp | __GFP_ZERO, NUMA_NO_NODE, CALLER);
}

void *kvmalloc_node(size_t size, gfp_t gfp, int nid)
{
	return alloc_either(size, gfp, nid, CALLER);
}

void *kvzalloc_node(size_t size, gfp_t gfp, int nid)
{
	return alloc_either(size, gfp | __GFP_ZERO, nid, CALLER);
}

void *kvrealloc(const void *p, size_t size, gfp_t gfp)
{
	size_t old_size;
	void *new;

	if (is_vmalloc_addr(p))
		return vrealloc(p, size, gfp);
	old_size = ksize(p);
	if (!size || size <= old_size)
		return krealloc(p, size, gfp);
	new = alloc_either(size, gfp, NUMA_NO_NODE, CALLER);
	if (!new)
		return NULL;
	if (old_size)
		memcpy(new, p, old_size);
	kfree(p);
	return new;
}

void kvfree(const void *p)
{
	if (is_vmalloc_addr(p))
		vfree(p);
	else
		kfree(p);
}

void kvfree_sensitive(const void *p, size_t len)
{
	if (ZERO_OR_NULL_PTR(p))
		return;
	memset((void *)(uintptr_t)p, 0, len);
	/* The compiler must not see that nobody reads the zeroes. */
	barrier();
	kvfree(p);
}
