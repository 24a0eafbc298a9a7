/* SPDX-License-Identifier: MIT */
/*
 * zone.c - cuts the machine's memory into nodes and zones.
 *
 * 1. Zones.  DMA below 16 MiB, DMA32 below 4 GiB, NORMAL above; HIGHMEM where
 *    the port says that frames have no kernel mapping.  A request names the
 *    highest zone it can use and falls back downwards, and to other nodes by
 *    distance (zonelist).
 *    MOVABLE is cut from the upper end of the highest of these if the command
 *    line says so (movable.c).
 *    Zones and nodes are unions of whole pageblocks: a pageblock that two
 *    nodes share belongs to the node of its first frame of RAM.
 * 2. Locking.  All is written at start or when memory comes; readers take
 *    single words without locks.
 */
#include "mm/page/zone.h"
#include "mm/page/memblock.h"
#include "mm/page/page.h"

#include <quire/printk.h>
#include <quire/string.h>

#define DMA_END_PFN   (0x1000000UL >> PAGE_SHIFT)
#define DMA32_END_PFN (0x100000000UL >> PAGE_SHIFT)

static const char *const zone_names[MAX_NR_ZONES] = {"DMA", "DMA32", "Normal",
						     "HighMem", "Movable"};

struct pglist_data *node_data[MAX_NUMNODES];
struct zone *zone_table[ZONE_SLOTS];
int nr_node_ids;

struct zone *page_zone(const struct page *page)
{
	return zone_table[READ_ONCE(page->flags) >> PAGEFLAGS_ZONE_SHIFT];
}

struct zone *next_zone(struct zone *zone)
{
	unsigned int i = 0;

	if (zone)
		i = (zone->page_flags >> PAGEFLAGS_ZONE_SHIFT) + 1;
	for (; i < ZONE_SLOTS; i++)
		if (zone_table[i])
			return zone_table[i];
	return NULL;
}

enum zone_type gfp_zone(gfp_t gfp)
{
	if (gfp & __GFP_DMA)
		return ZONE_DMA;
	if (gfp & __GFP_DMA32)
		return ZONE_DMA32;
	if (!(gfp & __GFP_HIGHMEM))
		return ZONE_NORMAL;
	return gfp & __GFP_MOVABLE ? ZONE_MOVABLE : ZONE_HIGHMEM;
}

/* The zone type of a frame, and the first frame above of another type. */
static enum zone_type pfn_zone_type(unsigned long pfn, unsigned long *end)
{
	*end = ~0UL;
	if (pfn >= highmem_start_pfn)
		return ZONE_HIGHMEM;
	*end = min(highmem_start_pfn, pfn < DMA_END_PFN	    ? DMA_END_PFN
				      : pfn < DMA32_END_PFN ? DMA32_END_PFN
							    : ~0UL);
	if (pfn < DMA_END_PFN)
		return ZONE_DMA;
	return pfn < DMA32_END_PFN ? ZONE_DMA32 : ZONE_NORMAL;
}

/* The range that a pageblock with memory belongs to. */
static const struct mem_range *range_of_block(unsigned long block)
{
	const struct mem_range *r = memblock.memory.ranges;

	while (r->end >> PAGE_SHIFT <= block << PAGEBLOCK_ORDER)
		r++;
	return r;
}

/* The first pageblock that begins behind the range. */
static unsigned long block_behind(const struct mem_range *r)
{
	return DIV_ROUND_UP(r->end >> PAGE_SHIFT, PAGEBLOCK_NR_PAGES);
}

int nid_of_block(unsigned long block, unsigned long *until)
{
	const struct mem_range *r = range_of_block(block);

	*until = block_behind(r);
	return r->nid;
}

struct zone *zone_of_block(unsigned long block, unsigned long *until)
{
	const struct mem_range *r = range_of_block(block);
	unsigned long pfn = block << PAGEBLOCK_ORDER, end;
	enum zone_type type = pfn_zone_type(pfn, &end);

	if (pfn >= movable_start_pfn(r->nid))
		type = ZONE_MOVABLE;
	else
		end = min(end, movable_start_pfn(r->nid));
	*until = min(end >> PAGEBLOCK_ORDER, block_behind(r));
	return &NODE_DATA(r->nid)->node_zones[type];
}

static void span(unsigned long *start, unsigned long *spanned,
		 unsigned long first, unsigned long end)
{
	unsigned long old_end = *start + *spanned;

	if (!*spanned)
		*start = old_end = first;
	*start = min(*start, first);
	*spanned = max(old_end, end) - *start;
}

/* Count [pfn, end), one range of RAM, zone by zone. */
static void count_range(unsigned long pfn, unsigned long end)
{
	while (pfn < end) {
		unsigned long until, next;
		struct zone *zone =
			zone_of_block(pfn >> PAGEBLOCK_ORDER, &until);
		struct pglist_data *pgdat = zone->zone_pgdat;

		next = min(end, until << PAGEBLOCK_ORDER);
		zone->present_pages += next - pfn;
		pgdat->node_present_pages += next - pfn;
		span(&zone->zone_start_pfn, &zone->spanned_pages, pfn, next);
		span(&pgdat->node_start_pfn, &pgdat->node_spanned_pages, pfn,
		     next);
		pfn = next;
	}
}

static void init_node(int nid)
{
	struct pglist_data *pgdat =
		memblock_alloc_near(sizeof(*pgdat), 64, nid);
	unsigned int i;

	pgdat->node_id = nid;
	for (i = 0; i < MAX_NR_ZONES; i++) {
		struct zone *zone = &pgdat->node_zones[i];

		spin_lock_init(&zone->lock, LOCK_RANK_ZONE);
		zone->name = zone_names[i];
		zone->idx = i;
		zone->zone_pgdat = pgdat;
		zone->page_flags = (u32)nid << PAGEFLAGS_NODE_SHIFT |
				   i << PAGEFLAGS_ZONE_SHIFT;
		buddy_init_zone(zone);
	}
	node_data[nid] = pgdat;
}

void zone_limits_init(const struct mm_boot *boot)
{
	static const unsigned long start_pfn[MAX_NR_ZONES] = {
		[ZONE_DMA32] = DMA_END_PFN, [ZONE_NORMAL] = DMA32_END_PFN};
	const struct memblock_list *mem = &memblock.memory;
	unsigned long last = (mem->ranges[mem->nr - 1].end >> PAGE_SHIFT) - 1;
	enum zone_type highest;
	unsigned long end;
	unsigned int i;

	for (i = 0; i < mem->nr; i++)
		if (mem->ranges[i].nid < 0 ||
		    mem->ranges[i].nid >=
			    min((int)boot->nr_nodes, MAX_NUMNODES))
			panic("zones: memory of node %d, there are %u",
			      mem->ranges[i].nid, boot->nr_nodes);
	if (boot->has_highmem)
		highmem_start_pfn = ALIGN_DOWN(
			boot->highmem_start >> PAGE_SHIFT, 1UL << MAX_ORDER);
	highest = pfn_zone_type(last, &end);
	movable_init(highest == ZONE_HIGHMEM ? highmem_start_pfn
					     : start_pfn[highest]);
}

void zones_init(void)
{
	const struct memblock_list *mem = &memblock.memory;
	unsigned int i;
	int nid, k;

	for (nid = 0; nid < nr_node_ids; nid++)
		init_node(nid);
	for (i = 0; i < mem->nr; i++)
		count_range(mem->ranges[i].start >> PAGE_SHIFT,
			    mem->ranges[i].end >> PAGE_SHIFT);
	for (nid = 0; nid < nr_node_ids; nid++) {
		for (k = 0; k < MAX_NR_ZONES; k++) {
			struct zone *zone = &NODE_DATA(nid)->node_zones[k];

			if (zone_populated(zone))
				zone_table[zone->page_flags >>
					   PAGEFLAGS_ZONE_SHIFT] = zone;
		}
	}
	for (nid = 0; nid < nr_node_ids; nid++)
		build_zonelist(NODE_DATA(nid));
}

/* The first zone that a processor of this node tries. */
static struct zone *preferred_zone(int nid, gfp_t gfp)
{
	struct zone **z = NODE_DATA(nid)->zonelist;

	while (*z && (*z)->idx > gfp_zone(gfp))
		z++;
	return *z;
}

/* Zones without memory, and requests that no zone can serve: no_pcp. */
static void init_page_cpu(struct page_cpu *pc)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pc->of_zone); i++)
		pc->of_zone[i] = &no_pcp;
	for (i = 0; i < ARRAY_SIZE(pc->of_gfp); i++)
		pc->of_gfp[i] = &no_pcp;
}

/* Where the processor's requests begin: on its node, or nearest to it. */
static void choose_zones(unsigned int cpu)
{
	struct page_cpu *pc = per_cpu_ptr(&page_cpu, cpu);
	gfp_t gfp;

	for (gfp = 0; gfp <= GFP_ZONEMASK; gfp++) {
		struct zone *zone = preferred_zone(cpu_to_node(cpu), gfp);

		if (zone)
			pc->of_gfp[gfp] = zone->pageset[cpu];
	}
}

/* The processor's lists of all zones lie together, and on its node. */
static void init_pagesets_of(unsigned int cpu, unsigned int nr_zones)
{
	struct pcp *pcp = memblock_alloc_near(nr_zones * sizeof(*pcp),
					      sizeof(*pcp), cpu_to_node(cpu));
	struct zone *zone;

	for_each_zone(zone) {
		unsigned int slot = zone->page_flags >> PAGEFLAGS_ZONE_SHIFT;

		pcp_init(pcp, slot, PCP_BATCH_LEAST);
		per_cpu_ptr(&page_cpu, cpu)->of_zone[slot] = pcp;
		zone->pageset[cpu] = pcp++;
	}
}

void pagesets_init(void)
{
	unsigned int cpu, nr_zones = 0;
	struct zone *zone;

	pcp_init(&no_pcp, 0, 1);
	raw_spin_lock(&no_pcp.lock.locked); /* for ever: nothing gets in */
	for_each_possible_cpu(cpu)
		init_page_cpu(per_cpu_ptr(&page_cpu, cpu));
	for_each_zone(zone) {
		zone->pageset =
			memblock_alloc_near(nr_cpu_ids * sizeof(*zone->pageset),
					    64, zone->zone_pgdat->node_id);
		nr_zones++;
	}
	for_each_possible_cpu(cpu) {
		init_pagesets_of(cpu, nr_zones);
		choose_zones(cpu);
	}
}

void zone_validate(struct zone *zone)
{
	unsigned long flags;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		pcp_validate(zone->pageset[cpu]);
	spin_lock_irqsave(&zone->lock, flags);
	BUG_ON(zone->managed_pages > zone->present_pages);
	BUG_ON(zone->present_pages > zone->spanned_pages);
	BUG_ON(zone->free_pages > zone->managed_pages);
	buddy_validate(zone);
	spin_unlock_irqrestore(&zone->lock, flags);
}
