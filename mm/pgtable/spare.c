/* SPDX-License-Identifier: MIT */
/*
 * spare.c - a few empty page tables kept by each processor.
 *
 * 1. Idea.  A table that is given back has no entry left, so it is all zeros,
 *    which is what the next one has to be.  Keeping it saves clearing a frame
 *    and two ways through the page allocator, each time that a mapping far
 *    from all others comes and goes.
 * 2. Bound.  SPARE_MAX a processor, 16 KiB: a new mapping needs at most one
 *    table for each level below the root.  More go back to the allocator.
 * 3. A spare table is nobody's: PG_table stays set, it is not counted in
 *    nr_page_table_pages.
 * 4. Locking.  The owner works on its list with preemption off; the lock is
 *    for those who drain all.  Never from interrupts.
 */
#include <quire/percpu.h>
#include <quire/pgtable.h>
#include <quire/printk.h>

#include "mm/pgtable/internal.h"

#define SPARE_MAX 4

struct spare_list {
	u32 lock;
	u32 first; /* by link.next; 0: none, frame 0 is never a table */
	u32 nr;
};

static DEFINE_PER_CPU(struct spare_list, spare_lists);

#if CONFIG_DEBUG_MM
static void check_empty(const struct page *table)
{
	const u64 *words = page_address(table);

	for (unsigned int i = 0; i < PTRS_PER_TABLE; i++)
		BUG_ON(words[i]);
}
#else
static void check_empty(const struct page *table)
{
	(void)table;
}
#endif

static struct page *take_locked(struct spare_list *list)
{
	struct page *table;

	if (!list->nr)
		return NULL;
	table = pfn_to_page(list->first);
	list->first = table->link.next;
	list->nr--;
	return table;
}

struct page *spare_table_take(void)
{
	struct spare_list *list;
	struct page *table;

	preempt_disable();
	list = this_cpu_ptr(&spare_lists);
	raw_spin_lock(&list->lock);
	table = take_locked(list);
	raw_spin_unlock(&list->lock);
	preempt_enable();
	return table;
}

bool spare_table_keep(struct page *table)
{
	struct spare_list *list;
	bool room;

	check_empty(table);
	preempt_disable();
	list = this_cpu_ptr(&spare_lists);
	raw_spin_lock(&list->lock);
	room = list->nr < SPARE_MAX;
	if (room) {
		table->link.next = list->first;
		list->first = (u32)page_to_pfn(table);
		list->nr++;
	}
	raw_spin_unlock(&list->lock);
	preempt_enable();
	return room;
}

unsigned long pgtable_drain_spares(void)
{
	unsigned long nr = 0;
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		struct spare_list *list = per_cpu_ptr(&spare_lists, cpu);
		struct page *table;

		for (;;) {
			preempt_disable();
			raw_spin_lock(&list->lock);
			table = take_locked(list);
			raw_spin_unlock(&list->lock);
			preempt_enable();
			if (!table)
				break;
			table_page_release(table);
			nr++;
		}
	}
	return nr;
}
