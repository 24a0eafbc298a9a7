/* SPDX-License-Identifier: MIT */
/*
 * leakcheck.c - after the last program: is everything accounted for?
 *
 * 1. Frames.  Between two moments with no program running, what is free may
 *    have changed only by what some counter says is in use: file pages, slab
 *    pages, page tables, vmalloc, kernel stacks.  Anonymous memory and page
 *    tables of programs must be gone.
 * 2. Objects.  Of each cache that belongs to processes and their memory the
 *    number in use must be what it was.  Caches of files may have grown by
 *    what the program wrote and left.
 * 3. Before counting, whatever is only kept for next time is given back: lazy
 *    address spaces, cached stacks, lazily freed kernel ranges, per-CPU
 *    lists.
 */
#include <quire/percpu.h>
#include <quire/printk.h>
#include <quire/show.h>
#include <quire/slab.h>
#include <quire/pgtable.h>
#include <quire/string.h>
#include <quire/vmalloc.h>
#include <quire/vmstat.h>

#include "kernel/ipc.h"
#include "kernel/main.h"
#include "kernel/sched.h"

#define SLABINFO_BYTES (32UL << 10)

/* Objects that end with the process they belong to. */
static const char *const process_caches[] = {
	"task_struct", "signal_cache",	 "sighand_cache", "sigqueue",
	"mm_struct",   "vm_area_struct", "anon_space",	  "anon_link",
	"files_cache", "fs_cache",	 "filp",	  "pipe_inode_info",
};

struct snapshot {
	unsigned long free_pages;
	long stat[NR_NODE_STATS];
	long objects[ARRAY_SIZE(process_caches)]; /* -1: no such cache */
};

static struct snapshot before;

/* ---- giving back ---- */

static void settle(void)
{
	u64 old = current->cpus_allowed;
	unsigned int cpu;

	shm_forget_all();
	for_each_possible_cpu(cpu) {
		if (!(online_cpu_mask() >> cpu & 1))
			continue;
		sched_set_affinity(current, 1UL << cpu);
		cond_resched();
		drop_lazy_mm();
		drain_stack_cache();
	}
	sched_set_affinity(current, old);
	cond_resched();
	vm_unmap_aliases();
	pgtable_drain_spares();
	drain_all_pages();
}

/* ---- counting ---- */

/* The number of objects in use, second word of the cache's line. */
static long objects_in(const char *slabinfo, const char *cache)
{
	size_t len = strlen(cache);
	const char *line = slabinfo;
	long n;

	while (line && *line) {
		if (!strncmp(line, cache, len) && line[len] == ' ') {
			line += len;
			while (*line == ' ')
				line++;
			for (n = 0; *line >= '0' && *line <= '9'; line++)
				n = n * 10 + (*line - '0');
			return n;
		}
		line = strchr(line, '\n');
		if (line)
			line++;
	}
	return -1;
}

static bool take(struct snapshot *s)
{
	struct seq_buf buf;
	char *text;

	settle();
	text = kvzalloc(SLABINFO_BYTES, GFP_KERNEL);
	if (!text)
		return false;
	seq_buf_init(&buf, text, SLABINFO_BYTES - 1);
	show_slabinfo(&buf);
	for (size_t i = 0; i < ARRAY_SIZE(process_caches); i++)
		s->objects[i] = objects_in(text, process_caches[i]);
	kvfree(text);
	vm_unmap_aliases();
	pgtable_drain_spares();
	drain_all_pages();
	for (int i = 0; i < NR_NODE_STATS; i++)
		s->stat[i] = (long)node_stat_pages(i);
	s->free_pages = nr_free_pages();
	return true;
}

/* ---- comparing ---- */

static long grown(const struct snapshot *now, enum node_stat st)
{
	return now->stat[st] - before.stat[st];
}

static unsigned int compare_frames(const struct snapshot *now)
{
	long taken = (long)before.free_pages - (long)now->free_pages;
	long known = grown(now, NST_nr_file_pages) +
		     grown(now, NST_nr_slab_reclaimable) +
		     grown(now, NST_nr_slab_unreclaimable) +
		     grown(now, NST_nr_page_table_pages) +
		     grown(now, NST_nr_vmalloc);
	unsigned int bad = 0;

	if (grown(now, NST_nr_anon_pages)) {
		printk("leak: %ld anonymous pages\n",
		       grown(now, NST_nr_anon_pages));
		bad++;
	}
	if (taken != known) {
		printk("leak: %ld frames are not accounted for (%ld fewer free, %ld known)\n",
		       taken - known, taken, known);
		bad++;
	}
	return bad;
}

static unsigned int compare_objects(const struct snapshot *now)
{
	unsigned int bad = 0;

	for (size_t i = 0; i < ARRAY_SIZE(process_caches); i++) {
		if (now->objects[i] == before.objects[i])
			continue;
		printk("leak: %s: %ld objects, were %ld\n", process_caches[i],
		       now->objects[i], before.objects[i]);
		bad++;
	}
	return bad;
}

void leakcheck_begin(void)
{
	if (!take(&before))
		panic("no memory for the leak check");
}

unsigned int leakcheck_end(void)
{
	struct snapshot now;
	unsigned int bad;

	if (!take(&now)) {
		printk("leak check: no memory to count\n");
		return 1;
	}
	bad = compare_frames(&now) + compare_objects(&now);
	if (bad)
		printk("leak check: %u differences\n", bad);
	else
		printk("leak check: ok, %lu kB free\n",
		       now.free_pages << (PAGE_SHIFT - 10));
	return bad;
}
