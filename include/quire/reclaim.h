/* SPDX-License-Identifier: MIT */
/*
 * reclaim.h - the seam through which the page allocator asks the floors above
 * it for memory.
 */
#ifndef QUIRE_RECLAIM_H
#define QUIRE_RECLAIM_H

#include <quire/gfp.h>
#include <quire/types.h>

struct zone;

/* What a task may take of what others must leave (watermark.c, 3). */
enum task_reserves {
	RESERVES_NONE,
	RESERVES_VICTIM, /* is being killed for memory: half of min */
	RESERVES_ALL,	 /* makes memory itself: everything, never reclaims */
};

struct reclaim_ops {
	/* Free some pages; the number freed.  May sleep. */
	unsigned long (*direct_reclaim)(gfp_t gfp, unsigned int order);
	void (*wake_kswapd)(struct zone *zone, unsigned int order);
	/*
	 * Nothing can be reclaimed.  true: memory will come, try again.
	 * false: give up (the caller is the victim, or there is none).  Asked
	 * for orders 0 to 3 only.  May sleep.
	 */
	bool (*out_of_memory)(gfp_t gfp, unsigned int order);
	/* Of the task that asks; not asked in interrupts.  Does not sleep. */
	enum task_reserves (*task_reserves)(void);
	/* Its name, for reports, and its callers to the log.  Any context. */
	const char *(*task_name)(void);
	void (*dump_stack)(void);
};

/*
 * register_reclaim_ops - who is asked from now on when memory is short.
 * ops stays the caller's and must live on; a NULL member: that step does not
 * exist, NULL ops: none does.  May be replaced.
 * Context: any; a request under way may still ask the one before.
 */
void register_reclaim_ops(const struct reclaim_ops *ops);

/*
 * zone_watermark_boost - frames by which the zone's marks are raised because
 * pageblocks got mixed.  Who reclaims reads it first, reclaims that much more
 * than to the high mark, and reports it back with zone_boost_reclaimed(),
 * which lowers the boost by nr_pages (never below 0).  Any context.
 */
unsigned long zone_watermark_boost(const struct zone *zone);
void zone_boost_reclaimed(struct zone *zone, unsigned long nr_pages);

#endif
