/* SPDX-License-Identifier: MIT */
/*
 * watermark.c - how empty a zone may become, and the knobs that say so.
 *
 * 1. Watermarks.
 *	min_free_kbytes = sqrt(16 x lowmem KiB), within 128 .. 262144
 *	share = the zone's part of it, by managed pages
 *	min   = share; HIGHMEM and MOVABLE: managed / 1024 within 32 .. 128
 *	low   = min + max(share / 4, managed x watermark_scale_factor / 10000)
 *	high  = low + the same
 * 2. lowmem_reserve.  A request that could have used a higher zone must leave
 *    managed(higher zones) / lowmem_reserve_ratio frames in this one, so that
 *    those who need low memory find some.
 * 3. Who may go how deep below min: __GFP_HIGH half of it, one that cannot
 *    wait a quarter of the rest more, a dying process half of min as well,
 *    __GFP_MEMALLOC all.
 * 4. Boost.  Each time a request had to be served from a pageblock of another
 *    type, all marks of the zone rise by a pageblock, up to
 *    watermark_boost_factor / 10000 of high (at least a pageblock), and kswapd
 *    is woken to make room, so that the next request need not mix.  Who
 *    reclaims takes the boost back (zone_boost_reclaimed).  Without a kswapd
 *    nobody would, so there is none; nor in zones of less than 4 pageblocks,
 *    where a boost would be all of the memory.
 * 5. Locking.  knobs.lock for what is written to the knobs; the marks are
 *    single words, read without locks.  watermark_boost: zone->lock.
 * Sources: Documentation/admin-guide/sysctl/vm.rst; for 4 also the change
 * that brought it, "mm: reclaim small amounts of memory when an external
 * fragmentation event occurs" (LWN 770235).
 */
#include "mm/page/zone.h"

#include <quire/errno.h>
#include <quire/printk.h>
#include <quire/reclaim.h>
#include <quire/sysctl.h>

#define MIN_FREE_KBYTES_LEAST 128UL
#define MIN_FREE_KBYTES_MOST  262144UL
#define HIGHMEM_MIN_LEAST     32UL
#define HIGHMEM_MIN_MOST      128UL
/* Fractions of 10,000. */
#define PER_10000 10000UL

static struct {
	spinlock_t lock;
	unsigned long min_free_kbytes;
	bool min_free_written;
	unsigned int scale_factor;
	unsigned int boost_factor;
	unsigned int high_fraction; /* percpu_pagelist_high_fraction */
	unsigned int reserve_ratio[MAX_NR_ZONES];
	bool may_boost; /* somebody takes boosts back */
} knobs = {
	.lock = SPINLOCK_INIT(LOCK_RANK_PCP),
	.scale_factor = 10,
	.boost_factor = 15000,
	.reserve_ratio =
		{[ZONE_DMA] = 256, [ZONE_DMA32] = 256, [ZONE_NORMAL] = 32},
};

static unsigned long int_sqrt(unsigned long x)
{
	unsigned long root = 0, bit = 1UL << 62;

	while (bit > x)
		bit >>= 2;
	for (; bit; bit >>= 2) {
		if (x >= root + bit) {
			x -= root + bit;
			root = (root >> 1) + bit;
		} else {
			root >>= 1;
		}
	}
	return root;
}

/* Zones that kernel data may lie in. */
static bool is_lowmem(const struct zone *zone)
{
	return zone->idx != ZONE_HIGHMEM && zone->idx != ZONE_MOVABLE;
}

static unsigned long nr_lowmem_pages(void)
{
	unsigned long nr = 0;
	struct zone *zone;

	for_each_zone(zone)
		if (is_lowmem(zone))
			nr += zone->managed_pages;
	return nr;
}

static void set_wmarks(struct zone *zone, unsigned long lowmem_pages)
{
	unsigned long managed = zone->managed_pages, share, lowest, step;

	share = (knobs.min_free_kbytes >> (PAGE_SHIFT - 10)) * managed /
		max(lowmem_pages, 1UL);
	lowest = share;
	if (!is_lowmem(zone))
		lowest = max(HIGHMEM_MIN_LEAST,
			     min(managed / 1024, HIGHMEM_MIN_MOST));
	step = max(share / 4, managed * knobs.scale_factor / PER_10000);
	WRITE_ONCE(zone->watermark[WMARK_MIN], lowest);
	WRITE_ONCE(zone->watermark[WMARK_LOW], lowest + step);
	WRITE_ONCE(zone->watermark[WMARK_HIGH], lowest + 2 * step);
}

static void set_lowmem_reserve(struct zone *zone)
{
	unsigned int ratio = knobs.reserve_ratio[zone->idx], k;
	unsigned long above = 0;

	for (k = (unsigned int)zone->idx + 1; k < MAX_NR_ZONES; k++) {
		above += zone->zone_pgdat->node_zones[k].managed_pages;
		WRITE_ONCE(zone->lowmem_reserve[k], ratio ? above / ratio : 0);
	}
}

/* Everything that follows from the knobs and the zones' sizes. */
static void apply_locked(void)
{
	unsigned long lowmem_pages = nr_lowmem_pages();
	struct zone *zone;

	lockdep_assert_held(&knobs.lock);
	for_each_zone(zone) {
		set_wmarks(zone, lowmem_pages);
		set_lowmem_reserve(zone);
		pcp_set_limits(zone, knobs.high_fraction);
	}
}

void setup_per_zone_wmarks(void)
{
	unsigned long kib = nr_lowmem_pages() << (PAGE_SHIFT - 10);

	spin_lock(&knobs.lock);
	if (!knobs.min_free_written)
		knobs.min_free_kbytes =
			max(MIN_FREE_KBYTES_LEAST,
			    min(int_sqrt(kib * 16), MIN_FREE_KBYTES_MOST));
	apply_locked();
	spin_unlock(&knobs.lock);
}

/* ---- boost ---- */

void boost_watermark(struct zone *zone)
{
	unsigned long most = READ_ONCE(zone->watermark[WMARK_HIGH]) *
			     READ_ONCE(knobs.boost_factor) / PER_10000;

	lockdep_assert_held(&zone->lock);
	if (!READ_ONCE(knobs.may_boost) || !most ||
	    zone->managed_pages < 4 * PAGEBLOCK_NR_PAGES)
		return;
	most = max(most, PAGEBLOCK_NR_PAGES);
	WRITE_ONCE(zone->watermark_boost,
		   min(zone->watermark_boost + PAGEBLOCK_NR_PAGES, most));
	WRITE_ONCE(zone->boosted, true);
}

unsigned long zone_watermark_boost(const struct zone *zone)
{
	return READ_ONCE(zone->watermark_boost);
}

void zone_boost_reclaimed(struct zone *zone, unsigned long nr_pages)
{
	unsigned long flags;

	spin_lock_irqsave(&zone->lock, flags);
	WRITE_ONCE(zone->watermark_boost,
		   zone->watermark_boost -
			   min(nr_pages, zone->watermark_boost));
	spin_unlock_irqrestore(&zone->lock, flags);
}

void watermark_allow_boost(bool allow)
{
	struct zone *zone;

	WRITE_ONCE(knobs.may_boost, allow);
	if (allow)
		return;
	for_each_zone(zone)
		zone_boost_reclaimed(zone, ~0UL);
}

unsigned long zone_wmark(const struct zone *zone, enum zone_watermarks which)
{
	return READ_ONCE(zone->watermark[which]) +
	       READ_ONCE(zone->watermark_boost);
}

/* ---- who may take how much ---- */

/*
 * What is free above min and the reserve of each zone, and on per-CPU lists,
 * which no mark guards.
 */
unsigned long nr_available_pages(void)
{
	unsigned long nr = 0;
	struct zone *zone;

	for_each_zone(zone) {
		unsigned long free = READ_ONCE(zone->free_pages);
		unsigned long kept =
			READ_ONCE(zone->watermark[WMARK_MIN]) +
			READ_ONCE(zone->lowmem_reserve[ZONE_MOVABLE]);

		nr += free - min(free, kept) + zone_pcp_pages(zone);
	}
	return nr;
}

unsigned long zone_mark(const struct zone *zone, enum zone_type highest,
			unsigned int alloc_flags)
{
	unsigned int which = alloc_flags & ALLOC_WMARK_MASK;
	unsigned long mark;

	if (alloc_flags & ALLOC_NO_WATERMARKS)
		return 0;
	mark = READ_ONCE(zone->watermark[which]);
	/* A boost is no reason to fail an urgent request. */
	if (which != WMARK_MIN || !(alloc_flags & ALLOC_HIGH))
		mark += READ_ONCE(zone->watermark_boost);
	if (alloc_flags & ALLOC_HIGH)
		mark -= mark / 2;
	if (alloc_flags & ALLOC_NON_BLOCK)
		mark -= mark / 4;
	/* Who dies gives back more than it takes. */
	if (alloc_flags & ALLOC_OOM)
		mark -= mark / 2;
	return mark + READ_ONCE(zone->lowmem_reserve[highest]);
}

/*
 * Would a request of this order leave the zone above its mark?  Without the
 * lock the answer is a good guess; whoever acts on it asks under the lock.
 */
bool zone_watermark_ok(const struct zone *zone, unsigned int order,
		       enum zone_type highest, unsigned int alloc_flags)
{
	unsigned long free = READ_ONCE(zone->free_pages);
	unsigned int mt;

	if (free < zone_mark(zone, highest, alloc_flags) + (1UL << order))
		return false;
	if (!order)
		return true;
	for (mt = 0; mt < MIGRATE_PCPTYPES; mt++)
		if (READ_ONCE(zone->avail[mt]) >> order)
			return true;
	return false;
}

/* ---- knobs ---- */

static int get_one(s64 *values, unsigned long value)
{
	values[0] = (s64)value;
	return 1;
}

static bool in_bounds(const s64 *values, unsigned int nr, s64 least, s64 most)
{
	return nr == 1 && values[0] >= least && values[0] <= most;
}

int min_free_kbytes_get(s64 *values)
{
	return get_one(values, READ_ONCE(knobs.min_free_kbytes));
}

int min_free_kbytes_set(const s64 *values, unsigned int nr)
{
	if (!in_bounds(values, nr, 0, SYSCTL_INT_MAX))
		return -EINVAL;
	spin_lock(&knobs.lock);
	knobs.min_free_kbytes = (unsigned long)values[0];
	knobs.min_free_written = true;
	apply_locked();
	spin_unlock(&knobs.lock);
	return 0;
}

int watermark_scale_factor_get(s64 *values)
{
	return get_one(values, READ_ONCE(knobs.scale_factor));
}

int watermark_scale_factor_set(const s64 *values, unsigned int nr)
{
	if (!in_bounds(values, nr, WATERMARK_SCALE_FACTOR_MIN,
		       WATERMARK_SCALE_FACTOR_MAX))
		return -EINVAL;
	spin_lock(&knobs.lock);
	knobs.scale_factor = (unsigned int)values[0];
	apply_locked();
	spin_unlock(&knobs.lock);
	return 0;
}

int watermark_boost_factor_get(s64 *values)
{
	return get_one(values, READ_ONCE(knobs.boost_factor));
}

/* From the next boost on. */
int watermark_boost_factor_set(const s64 *values, unsigned int nr)
{
	if (!in_bounds(values, nr, 0, SYSCTL_INT_MAX))
		return -EINVAL;
	WRITE_ONCE(knobs.boost_factor, (unsigned int)values[0]);
	return 0;
}

int percpu_pagelist_high_fraction_get(s64 *values)
{
	return get_one(values, READ_ONCE(knobs.high_fraction));
}

int percpu_pagelist_high_fraction_set(const s64 *values, unsigned int nr)
{
	if (!in_bounds(values, nr, 0, SYSCTL_INT_MAX) ||
	    (values[0] && values[0] < PERCPU_PAGELIST_HIGH_FRACTION_MIN))
		return -EINVAL;
	spin_lock(&knobs.lock);
	knobs.high_fraction = (unsigned int)values[0];
	apply_locked();
	spin_unlock(&knobs.lock);
	return 0;
}

int lowmem_reserve_ratio_get(s64 *values)
{
	unsigned int i;

	for (i = 0; i < MAX_NR_ZONES; i++)
		values[i] = READ_ONCE(knobs.reserve_ratio[i]);
	return MAX_NR_ZONES;
}

int lowmem_reserve_ratio_set(const s64 *values, unsigned int nr)
{
	unsigned int i;

	if (nr > MAX_NR_ZONES)
		return -EINVAL;
	for (i = 0; i < nr; i++)
		if (values[i] > SYSCTL_INT_MAX)
			return -EINVAL;
	spin_lock(&knobs.lock);
	for (i = 0; i < nr; i++)
		knobs.reserve_ratio[i] =
			values[i] < 1 ? 0 : (unsigned int)values[i];
	apply_locked();
	spin_unlock(&knobs.lock);
	return 0;
}
