/* SPDX-License-Identifier: MIT */
/*
 * slab_attrs.c - the files of /sys/kernel/slab/CACHE/.
 *
 * 1. Names and formats are Linux's.  A count over nodes is its sum, then
 *    " Nn=count" for each node that has some.
 * 2. Not there: what would speak of slabs that belong to one processor
 *    (cpu_slabs, slabs_cpu_partial), since processors keep objects here, not
 *    slabs; of a user-copy region (usersize), which no cache has; of refilling
 *    from other nodes (remote_node_defrag_ratio), which happens only when the
 *    own node has no memory; failslab; and the counters of CONFIG_SLUB_STATS.
 * 3. cpu_partial is the number of free objects that a processor may keep, and
 *    read-only.  alloc_calls and free_calls show ages in milliseconds.
 *
 * Source: Linux's Documentation/ABI/testing/sysfs-kernel-slab.
 */
#include <quire/errno.h>
#include <quire/show.h>
#include <quire/slab.h>
#include <quire/string.h>

#define NSEC_PER_MSEC 1000000ULL
/* As many places in the code as a file names. */
#define NR_CALLERS 128

static struct kmem_cache_state get_state(void *object)
{
	struct kmem_cache_state state;

	kmem_cache_get_state(object, &state);
	return state;
}

/* ---- one number ---- */

#define SHOW_NUMBER(name_, expr)                                         \
	static int name_##_show(struct seq_buf *s, void *object)         \
	{                                                                \
		const struct kmem_cache_state state = get_state(object); \
                                                                         \
		seq_printf(s, "%u\n", (unsigned int)(expr));             \
		return 0;                                                \
	}
#define SHOW_FLAG(name_, flag) SHOW_NUMBER(name_, (state.flags & (flag)) != 0)

SHOW_NUMBER(aliases, state.nr_aliases)
SHOW_NUMBER(align, state.align)
SHOW_NUMBER(cpu_partial, state.cpu_objects)
SHOW_NUMBER(min_partial, state.min_partial)
SHOW_NUMBER(object_size, state.object_size)
SHOW_NUMBER(objs_per_slab, state.objects_per_slab)
SHOW_NUMBER(order, state.order)
SHOW_NUMBER(slab_size, state.size_bytes)
SHOW_FLAG(cache_dma, SLAB_CACHE_DMA)
SHOW_FLAG(hwcache_align, SLAB_HWCACHE_ALIGN)
SHOW_FLAG(poison, SLAB_POISON)
SHOW_FLAG(reclaim_account, SLAB_RECLAIM_ACCOUNT)
SHOW_FLAG(red_zone, SLAB_RED_ZONE)
SHOW_FLAG(sanity_checks, SLAB_CONSISTENCY_CHECKS)
SHOW_FLAG(store_user, SLAB_STORE_USER)
SHOW_FLAG(trace, SLAB_TRACE)

static int ctor_show(struct seq_buf *s, void *object)
{
	const struct kmem_cache_state state = get_state(object);

	if (state.ctor)
		seq_printf(s, "%p\n", (void *)(uintptr_t)state.ctor);
	return 0;
}

/* ---- counts over nodes ---- */

static int show_nodes(struct seq_buf *s, const unsigned long *counts)
{
	unsigned long sum = 0;

	for (int nid = 0; nid < MAX_NUMNODES; nid++)
		sum += counts[nid];
	seq_printf(s, "%lu", sum);
	for (int nid = 0; nid < MAX_NUMNODES; nid++)
		if (counts[nid])
			seq_printf(s, " N%d=%lu", nid, counts[nid]);
	seq_putc(s, '\n');
	return 0;
}

#define SHOW_NODES(name_, member)                                        \
	static int name_##_show(struct seq_buf *s, void *object)         \
	{                                                                \
		const struct kmem_cache_state state = get_state(object); \
		unsigned long counts[MAX_NUMNODES];                      \
                                                                         \
		for (int nid = 0; nid < MAX_NUMNODES; nid++)             \
			counts[nid] = state.node[nid].member;            \
		return show_nodes(s, counts);                            \
	}

SHOW_NODES(objects, in_use)
SHOW_NODES(objects_partial, in_partial)
SHOW_NODES(partial, nr_partial)
SHOW_NODES(slabs, nr_slabs)
SHOW_NODES(total_objects, nr_objects)

/* ---- who ---- */

/* Linux's list form of a mask: 0-3,7. */
static void show_mask(struct seq_buf *s, const char *what, u64 mask)
{
	const char *separator = what;

	for (unsigned int bit = 0; bit < 64; bit++) {
		unsigned int first = bit;

		if (!(mask >> bit & 1))
			continue;
		while (bit < 63 && mask >> (bit + 1) & 1)
			bit++;
		seq_printf(s, bit > first ? "%s%u-%u" : "%s%u", separator,
			   first, bit);
		separator = ",";
	}
}

static int show_callers(struct seq_buf *s, void *object, bool freed)
{
	struct kmem_cache_caller *callers;
	int nr;

	callers = kmalloc_array(NR_CALLERS, sizeof(*callers), GFP_KERNEL);
	if (!callers)
		return -ENOMEM;
	nr = kmem_cache_callers(object, freed, callers, NR_CALLERS);
	for (int i = 0; i < nr; i++) {
		const struct kmem_cache_caller *c = &callers[i];

		seq_printf(s, "%7lu %p age=%llu/%llu/%llu", c->nr_objects,
			   c->caller,
			   (unsigned long long)(c->min_age_ns / NSEC_PER_MSEC),
			   (unsigned long long)(c->sum_age_ns / c->nr_objects /
						NSEC_PER_MSEC),
			   (unsigned long long)(c->max_age_ns / NSEC_PER_MSEC));
		show_mask(s, " cpus=", c->cpus);
		show_mask(s, " nodes=", c->nodes);
		seq_putc(s, '\n');
	}
	if (nr == 0)
		seq_puts(s, "No data\n");
	kfree(callers);
	return min(nr, 0);
}

static int alloc_calls_show(struct seq_buf *s, void *object)
{
	return show_callers(s, object, false);
}

static int free_calls_show(struct seq_buf *s, void *object)
{
	return show_callers(s, object, true);
}

/* ---- what can be turned ---- */

static int min_partial_store(void *object, char *text)
{
	unsigned int nr;
	int err = kstrtouint(text, 10, &nr);

	if (err)
		return err;
	kmem_cache_set_min_partial(object, nr);
	return 0;
}

static int shrink_store(void *object, char *text)
{
	if (text[0] != '1')
		return -EINVAL;
	kmem_cache_shrink(object);
	return 0;
}

static int validate_store(void *object, char *text)
{
	if (text[0] != '1')
		return -EINVAL;
	kmem_cache_validate(object);
	return 0;
}

/* Both can be opened for reading, and then have nothing to say, as in Linux. */
static int nothing_show(struct seq_buf *s, void *object)
{
	(void)s;
	(void)object;
	return 0;
}

#define READ_ONLY(name_)                                           \
	{                                                          \
		.name = #name_, .mode = 0444, .show = name_##_show \
	}

/* clang-format off */
const struct mm_attr kmem_cache_attrs[] = {
	READ_ONLY(aliases),
	READ_ONLY(align),
	{.name = "alloc_calls", .mode = 0400, .show = alloc_calls_show},
	READ_ONLY(cache_dma),
	READ_ONLY(cpu_partial),
	READ_ONLY(ctor),
	{.name = "free_calls", .mode = 0400, .show = free_calls_show},
	READ_ONLY(hwcache_align),
	{.name = "min_partial", .mode = 0644, .show = min_partial_show,
	 .store = min_partial_store},
	READ_ONLY(object_size),
	READ_ONLY(objects),
	READ_ONLY(objects_partial),
	READ_ONLY(objs_per_slab),
	READ_ONLY(order),
	READ_ONLY(partial),
	READ_ONLY(poison),
	READ_ONLY(reclaim_account),
	READ_ONLY(red_zone),
	READ_ONLY(sanity_checks),
	{.name = "shrink", .mode = 0600, .show = nothing_show,
	 .store = shrink_store},
	READ_ONLY(slab_size),
	READ_ONLY(slabs),
	READ_ONLY(store_user),
	READ_ONLY(total_objects),
	READ_ONLY(trace),
	{.name = "validate", .mode = 0600, .show = nothing_show,
	 .store = validate_store},
	{.name = NULL},
};
/* clang-format on */
