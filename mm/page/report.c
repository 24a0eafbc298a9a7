/* SPDX-License-Identifier: MIT */
/*
 * report.c - what the page allocator says when something is wrong.
 *
 * 1. Bad pages and failed allocations are reported in the form in which Linux
 *    reports them, so that people recognise them; the flags by name.
 * 2. Neither may flood the log: bad pages 60 a minute, failures one in ten
 *    seconds, counted per place as Linux does.
 * 3. Context: any; no allocator lock is held.
 */
#include "mm/page/zone.h"

#include <quire/port.h>
#include <quire/printk.h>
#include <quire/reclaim.h>
#include <quire/string.h>

#define NSEC_PER_SEC 1000000000ULL
#define KIB(pages)   ((pages) << (PAGE_SHIFT - 10))

static struct ratelimit bad_page_limit = {60 * NSEC_PER_SEC, 60, 0, 0};
static struct ratelimit nopage_limit = {10 * NSEC_PER_SEC, 1, 0, 0};

/* Racing reporters may print one too many; that does no harm. */
bool ratelimit_ok(struct ratelimit *rl)
{
	u64 now = port->time_ns(), begin = READ_ONCE(rl->begin_ns);

	if (!READ_ONCE(rl->printed) || now - begin >= rl->interval_ns) {
		WRITE_ONCE(rl->begin_ns, now);
		WRITE_ONCE(rl->printed, 0);
	}
	if (READ_ONCE(rl->printed) >= rl->burst)
		return false;
	__atomic_fetch_add(&rl->printed, 1, __ATOMIC_RELAXED);
	return true;
}

/* Composite masks first: what they cover is named once. */
static const struct gfp_name {
	gfp_t mask;
	const char *name;
} gfp_names[] = {
#define NAME(x)         \
	{               \
		(x), #x \
	}
	NAME(GFP_HIGHUSER_MOVABLE),
	NAME(GFP_HIGHUSER),
	NAME(GFP_USER),
	NAME(GFP_KERNEL_ACCOUNT),
	NAME(GFP_KERNEL),
	NAME(GFP_NOFS),
	NAME(GFP_ATOMIC),
	NAME(GFP_NOIO),
	NAME(GFP_NOWAIT),
	NAME(GFP_DMA),
	NAME(__GFP_HIGHMEM),
	NAME(GFP_DMA32),
	NAME(__GFP_MOVABLE),
	NAME(__GFP_RECLAIMABLE),
	NAME(__GFP_ACCOUNT),
	NAME(__GFP_ZERO),
	NAME(__GFP_COMP),
	NAME(__GFP_HARDWALL),
	NAME(__GFP_THISNODE),
	NAME(__GFP_HIGH),
	NAME(__GFP_MEMALLOC),
	NAME(__GFP_NOMEMALLOC),
	NAME(__GFP_IO),
	NAME(__GFP_FS),
	NAME(__GFP_DIRECT_RECLAIM),
	NAME(__GFP_KSWAPD_RECLAIM),
	NAME(__GFP_NOWARN),
	NAME(__GFP_RETRY_MAYFAIL),
	NAME(__GFP_NOFAIL),
	NAME(__GFP_NORETRY),
#undef NAME
};

int gfp_name(gfp_t gfp, char *buf, size_t size)
{
	int len = scnprintf(buf, size, "%s", gfp ? "" : "none");
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(gfp_names) && gfp; i++) {
		if ((gfp & gfp_names[i].mask) != gfp_names[i].mask)
			continue;
		gfp &= ~gfp_names[i].mask;
		len += scnprintf(buf + len, size - (size_t)len, "%s%s",
				 len ? "|" : "", gfp_names[i].name);
	}
	if (gfp)
		len += scnprintf(buf + len, size - (size_t)len, "%s%#x",
				 len ? "|" : "", gfp);
	return len;
}

const char *report_task_name(void)
{
	const char *(*name)(void) = page_reclaim()->task_name;

	return name ? name() : "kernel";
}

void report_stack(void)
{
	void (*dump)(void) = page_reclaim()->dump_stack;

	if (dump)
		dump();
}

static void show_zone(const struct zone *zone)
{
	char line[128] = "";
	unsigned int i;
	int len = 0;

	printk("Node %d %s free:%lukB boost:%lukB min:%lukB low:%lukB high:%lukB "
	       "present:%lukB managed:%lukB free_pcp:%lukB local_pcp:%ukB\n",
	       zone->zone_pgdat->node_id, zone->name,
	       KIB(READ_ONCE(zone->free_pages)),
	       KIB(zone_watermark_boost(zone)),
	       KIB(zone_wmark(zone, WMARK_MIN)),
	       KIB(zone_wmark(zone, WMARK_LOW)),
	       KIB(zone_wmark(zone, WMARK_HIGH)), KIB(zone->present_pages),
	       KIB(zone->managed_pages), KIB(zone_pcp_pages(zone)),
	       KIB(pcp_pages(zone->pageset[smp_processor_id()])));
	for (i = 0; i < MAX_NR_ZONES; i++)
		len += scnprintf(line + len, sizeof(line) - (size_t)len, " %lu",
				 READ_ONCE(zone->lowmem_reserve[i]));
	printk("lowmem_reserve[]:%s\n", line);
}

/* Free blocks of each order, and the types of which there are some. */
static void show_free_areas(struct zone *zone)
{
	static const char letters[MIGRATE_TYPES + 1] = "UMEHCI";
	unsigned long flags, nr[NR_ORDERS] = {0}, total = 0;
	u8 types[NR_ORDERS] = {0};
	unsigned int order, mt;
	char line[320];
	int len = 0;

	spin_lock_irqsave(&zone->lock, flags);
	for (order = 0; order < NR_ORDERS; order++) {
		for (mt = 0; mt < MIGRATE_TYPES; mt++) {
			unsigned int n = zone->free_area[order].list[mt].nr;

			nr[order] += n;
			types[order] |= (u8)(!!n << mt);
		}
		total += nr[order] << order;
	}
	spin_unlock_irqrestore(&zone->lock, flags);
	for (order = 0; order < NR_ORDERS; order++) {
		len += scnprintf(line + len, sizeof(line) - (size_t)len,
				 " %lu*%lukB%s", nr[order], KIB(1UL << order),
				 types[order] ? " (" : "");
		for (mt = 0; mt < MIGRATE_TYPES; mt++)
			if (types[order] >> mt & 1)
				len += scnprintf(line + len,
						 sizeof(line) - (size_t)len,
						 "%c", letters[mt]);
		len += scnprintf(line + len, sizeof(line) - (size_t)len, "%s",
				 types[order] ? ")" : "");
	}
	printk("Node %d %s:%s = %lukB\n", zone->zone_pgdat->node_id, zone->name,
	       line, KIB(total));
}

void show_mem(void)
{
	unsigned long present = 0, high = 0, managed = 0;
	struct zone *zone;

	printk("Mem-Info:\n");
	for_each_zone(zone) {
		show_zone(zone);
		present += zone->present_pages;
		managed += zone->managed_pages;
		if (zone->idx == ZONE_HIGHMEM || zone->idx == ZONE_MOVABLE)
			high += zone->present_pages;
	}
	for_each_zone(zone)
		show_free_areas(zone);
	printk("%lu pages RAM\n%lu pages HighMem/MovableOnly\n"
	       "%lu pages reserved\n",
	       present, high, present - managed);
}

void warn_alloc(gfp_t gfp, unsigned int order)
{
	char name[160];

	if (!ratelimit_ok(&nopage_limit))
		return;
	gfp_name(gfp, name, sizeof(name));
	printk("%s: page allocation failure: order:%u, mode:%#x(%s), nodemask=(null)\n",
	       report_task_name(), order, gfp, name);
	report_stack();
	show_mem();
}

void bad_page(struct page *page, const char *why)
{
	unsigned long pfn = page_to_pfn(page);

	if (!ratelimit_ok(&bad_page_limit))
		return;
	if (!pfn_valid(pfn)) {
		printk("BUG: Bad page state: pfn:%05lx %s\n", pfn, why);
		return;
	}
	printk("BUG: Bad page state: pfn:%05lx %s: refcount:%u mapcount:%d "
	       "mapping:%llx private:%x flags:%#x by %s on CPU %u\n",
	       pfn, why, READ_ONCE(page->_refcount), page_mapcount(page),
	       (unsigned long long)READ_ONCE(page->mapping_index),
	       READ_ONCE(page->private), READ_ONCE(page->flags),
	       report_task_name(), smp_processor_id());
	report_stack();
}
