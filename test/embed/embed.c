/* SPDX-License-Identifier: MIT */
/*
 * embed.c - a program of its own on the installed library: what include/README
 * tells an embedder, and that it is so.
 */
#include <stdio.h>
#include <string.h>

#include <quire/gfp.h>
#include <quire/mm.h>
#include <quire/slab.h>
#include <quire/vmalloc.h>
#include <soft.h>

int main(void)
{
	struct page *page;
	char *small, *large;

	soft_boot(NULL);
	page = alloc_pages(GFP_KERNEL, 3);
	small = kmalloc(100, GFP_KERNEL);
	large = vmalloc(100000);
	if (!page || !small || !large)
		return 1;
	memset(page_address(page), 1, 8 * PAGE_SIZE);
	memset(large, 2, 100000);
	strcpy(small, "kmalloc");
	printf("%s gave %zu bytes\n", small, ksize(small));
	__free_pages(page, 3);
	kfree(small);
	vfree(large);
	return 0;
}
