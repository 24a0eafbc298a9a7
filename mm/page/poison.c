/* SPDX-License-Identifier: MIT */
/*
 * poison.c - what the command line has done to the contents of frames.
 *
 *	page_poison=1    a free frame is filled with 0xaa, which must still be
 *	                 there when it is given out
 *	init_on_free=1   a frame is cleared when it becomes free
 *	init_on_alloc=1  a frame is cleared before it is given out
 *
 * 1. Cost when off: none on the paths of single frames.  What is on takes the
 *    lists out of their tables (page_cpu), so that every request and every
 *    free takes the slow path, and there one word is asked.
 * 2. page_poison wins over the other two, as in Linux: poison would be gone.
 *    The start of the machine fills all free memory.
 * 3. A frame whose poison was overwritten is reported, with the first bytes
 *    that differ, and kept out of use: somebody still writes into it.
 * 4. Frames without a kernel address (HIGHMEM) are not filled when they become
 *    free; init_on_alloc clears them.
 * Source: Linux's Documentation/admin-guide/kernel-parameters.rst.
 */
#include "mm/page/page.h"
#include "mm/page/zone.h"

#include <quire/params.h>
#include <quire/printk.h>
#include <quire/string.h>

#define PAGE_POISON 0xaa
/* Bytes of a report. */
#define SHOWN 16U

struct page_contents page_contents;

/* Linux's spellings of a yes or no. */
static bool parse_bool(const char *name, const char *value, bool *result)
{
	static const char *const words[] = {"0", "n", "N", "off",
					    "1", "y", "Y", "on"};
	unsigned int i;

	for (i = 0; value && i < ARRAY_SIZE(words); i++) {
		if (strcmp(value, words[i]))
			continue;
		*result = i >= ARRAY_SIZE(words) / 2;
		return true;
	}
	printk("%s: \"%s\" is neither 0 nor 1\n", name, value ? value : "");
	return false;
}

bool page_param(const char *name, const char *value)
{
	struct page_contents *c = &page_contents;

	if (param_is(name, "page_poison"))
		parse_bool("page_poison", value, &c->poison);
	else if (param_is(name, "init_on_alloc"))
		parse_bool("init_on_alloc", value, &c->init_on_alloc);
	else if (param_is(name, "init_on_free"))
		parse_bool("init_on_free", value, &c->init_on_free);
	else
		return false;
	return true;
}

void page_contents_init(void)
{
	struct page_contents *c = &page_contents;
	unsigned int cpu, i;

	if (c->poison && (c->init_on_alloc || c->init_on_free)) {
		printk("mem auto-init: page_poison takes precedence over init_on_alloc and init_on_free\n");
		c->init_on_alloc = c->init_on_free = false;
	}
	c->at_free = c->poison || c->init_on_free;
	c->any = c->at_free || c->init_on_alloc;
	if (!c->any)
		return;
	for_each_possible_cpu(cpu) {
		struct page_cpu *pc = per_cpu_ptr(&page_cpu, cpu);

		for (i = 0; i < ARRAY_SIZE(pc->of_gfp); i++)
			pc->of_gfp[i] = &no_pcp;
		for (i = 0; c->at_free && i < ARRAY_SIZE(pc->of_zone); i++)
			pc->of_zone[i] = &no_pcp;
	}
}

static bool has_address(const struct page *page)
{
	return page_zonenum(page) != ZONE_HIGHMEM;
}

void page_contents_free(struct page *page, unsigned int order)
{
	if (!page_contents.at_free || !has_address(page))
		return;
	memset(page_address(page), page_contents.poison ? PAGE_POISON : 0,
	       PAGE_SIZE << order);
}

static unsigned int bits(unsigned int byte)
{
	unsigned int nr = 0;

	for (; byte; byte &= byte - 1)
		nr++;
	return nr;
}

static void report(const struct page *page, const u8 *at)
{
	static struct ratelimit limit = {60000000000ULL, 60, 0, 0};
	char text[3 * SHOWN + 1] = "";
	unsigned long offset = (uintptr_t)at & ~PAGE_MASK;
	unsigned int i, wrong = 0;
	int len = 0;

	if (!ratelimit_ok(&limit))
		return;
	for (i = 0; i < SHOWN && offset + i < PAGE_SIZE; i++) {
		wrong += bits(at[i] ^ PAGE_POISON);
		len += scnprintf(text + len, sizeof(text) - (size_t)len,
				 " %02x", at[i]);
	}
	printk("BUG: pagealloc: %s: free frame pfn:%05lx at offset %#lx:%s\n",
	       wrong == 1 ? "single bit error" : "memory corruption",
	       page_to_pfn(page), offset, text);
	report_stack();
}

bool page_contents_good(const struct page *page, unsigned int order)
{
	const u8 *at, *end;

	if (!page_contents.poison || !has_address(page))
		return true;
	at = page_address(page);
	end = at + (PAGE_SIZE << order);
	while (at < end && *at == PAGE_POISON)
		at++;
	if (at == end)
		return true;
	report(pfn_to_page(page_to_pfn(page) +
			   (((uintptr_t)at - (uintptr_t)page_address(page)) >>
			    PAGE_SHIFT)),
	       at);
	return false;
}
