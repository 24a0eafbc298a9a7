/* SPDX-License-Identifier: MIT */
/*
 * srat.c - decodes ACPI's SRAT (who is on which node) and SLIT (how far).
 *
 * 1. Idea.  Pure: bytes in, a numa_map out, nothing else is read or written,
 *    so that the decoder runs, and is tested with broken tables, on any
 *    machine.  All or nothing: a table that contradicts itself or ends early
 *    is refused as a whole, since half of a topology is worse than none.
 * 2. What is refused.  Entries that are shorter than their kind or longer
 *    than the table; memory that wraps around, or that two nodes claim; a
 *    processor on two nodes; more nodes or ranges than there is room for; a
 *    SLIT that has no row for a node, is not 10 on its diagonal, or not above
 *    10 elsewhere.
 * 3. Nodes are numbered by ascending proximity domain, whatever the order of
 *    the entries.  Entries that are not enabled, empty ranges, and kinds that
 *    are not known are skipped.  A table of revision 1 has domains of 8 bits.
 *
 * Source: ACPI Specification 6.4, 5.2.16 and 5.2.17.
 */
#include "port/x86_64/srat.h"

#include <quire/string.h>

#define HEADER_BYTES   36
#define TABLE_REVISION 8 /* byte offset in the header */
#define SRAT_ENTRIES   48
#define SLIT_COUNT     36
#define SLIT_MATRIX    44
#define SELF_DISTANCE  10

enum {
	SRAT_APIC = 0,
	SRAT_MEMORY = 1,
	SRAT_X2APIC = 2,
};
#define SRAT_ENABLED 1U

/* One entry, whatever its kind. */
struct srat_entry {
	unsigned int kind;
	bool enabled;
	u32 domain;
	u32 apic_id;
	u64 base, length;
};

static u64 get(const u8 *p, unsigned int nr_bytes)
{
	u64 v = 0;

	while (nr_bytes--)
		v = v << 8 | p[nr_bytes];
	return v;
}

static unsigned int least_length(unsigned int kind)
{
	switch (kind) {
	case SRAT_APIC:
		return 16;
	case SRAT_MEMORY:
		return 40;
	case SRAT_X2APIC:
		return 24;
	}
	return 2;
}

/* The entry at p is whole. */
static struct srat_entry read_entry(const u8 *p, unsigned int revision)
{
	struct srat_entry e = {.kind = p[0]};

	switch (e.kind) {
	case SRAT_APIC:
		e.domain = p[2];
		if (revision >= 2)
			e.domain |= (u32)get(p + 9, 3) << 8;
		e.apic_id = p[3];
		e.enabled = get(p + 4, 4) & SRAT_ENABLED;
		break;
	case SRAT_MEMORY:
		e.domain = (u32)get(p + 2, revision >= 2 ? 4 : 1);
		e.base = get(p + 8, 8);
		e.length = get(p + 16, 8);
		e.enabled = get(p + 28, 4) & SRAT_ENABLED && e.length;
		break;
	case SRAT_X2APIC:
		e.domain = (u32)get(p + 4, 4);
		e.apic_id = (u32)get(p + 8, 4);
		/* Others cannot be started by this kernel. */
		e.enabled = get(p + 12, 4) & SRAT_ENABLED &&
			    e.apic_id < NUMA_APIC_IDS;
		break;
	}
	return e;
}

/* Put it in its place among the domains; false: no room. */
static bool add_domain(struct numa_map *map, u32 domain)
{
	unsigned int i = map->nr_nodes, k;

	for (k = 0; k < map->nr_nodes; k++)
		if (map->domain[k] == domain)
			return true;
	if (map->nr_nodes == MAX_NUMNODES)
		return false;
	for (; i && map->domain[i - 1] > domain; i--)
		map->domain[i] = map->domain[i - 1];
	map->domain[i] = domain;
	map->nr_nodes++;
	return true;
}

static int nid_of(const struct numa_map *map, u32 domain)
{
	int nid = 0;

	while (map->domain[nid] != domain)
		nid++;
	return nid;
}

static const char *add_range(struct numa_map *map, const struct srat_entry *e)
{
	struct numa_range new = {e->base, e->base + e->length,
				 nid_of(map, e->domain)};
	unsigned int i = map->nr_ranges;

	if (new.end <= new.start)
		return "memory beyond the last address";
	if (map->nr_ranges == NUMA_RANGES_MAX)
		return "too many ranges of memory";
	while (i && map->ranges[i - 1].start > new.start)
		i--;
	if ((i && map->ranges[i - 1].end > new.start) ||
	    (i < map->nr_ranges && map->ranges[i].start < new.end))
		return "ranges of memory overlap";
	memmove(&map->ranges[i + 1], &map->ranges[i],
		(map->nr_ranges - i) * sizeof(new));
	map->ranges[i] = new;
	map->nr_ranges++;
	return NULL;
}

static const char *add_processor(struct numa_map *map,
				 const struct srat_entry *e)
{
	s8 *nid = &map->apic_nid[e->apic_id];
	int is = nid_of(map, e->domain);

	if (*nid >= 0 && *nid != is)
		return "a processor on two nodes";
	*nid = (s8)is;
	return NULL;
}

/* Domains first, as their numbers must be known for the rest. */
static const char *decode_entries(const u8 *table, size_t len,
				  struct numa_map *map, bool domains)
{
	const char *why = NULL;
	size_t at = SRAT_ENTRIES;

	for (; at < len && !why; at += table[at + 1]) {
		struct srat_entry e;

		if (len - at < 2 || table[at + 1] < least_length(table[at]) ||
		    table[at + 1] > len - at)
			return "an entry of a wrong length";
		e = read_entry(table + at, table[TABLE_REVISION]);
		if (!e.enabled)
			continue;
		if (domains && !add_domain(map, e.domain))
			return "too many nodes";
		if (domains)
			continue;
		why = e.kind == SRAT_MEMORY ? add_range(map, &e)
					    : add_processor(map, &e);
	}
	return why;
}

static void clear(struct numa_map *map)
{
	memset(map, 0, sizeof(*map));
	memset(map->apic_nid, -1, sizeof(map->apic_nid));
}

const char *srat_decode(const u8 *table, size_t len, struct numa_map *map)
{
	const char *why;

	clear(map);
	if (len < SRAT_ENTRIES)
		return "the table is too short";
	why = decode_entries(table, len, map, true);
	if (!why)
		why = decode_entries(table, len, map, false);
	if (!why && !map->nr_ranges)
		why = "no memory on any node";
	if (why)
		clear(map);
	return why;
}

const char *slit_decode(const u8 *table, size_t len, struct numa_map *map)
{
	unsigned int from, to;
	u64 nr;

	map->has_distances = false;
	if (len < SLIT_MATRIX)
		return "the table is too short";
	nr = get(table + SLIT_COUNT, 8);
	/* The square cannot wrap around below the length of a table. */
	if (nr > len || nr * nr > len - SLIT_MATRIX)
		return "the matrix is cut off";
	for (from = 0; from < map->nr_nodes; from++) {
		for (to = 0; to < map->nr_nodes; to++) {
			u64 row = map->domain[from], col = map->domain[to];
			u8 d;

			if (row >= nr || col >= nr)
				return "a node has no distances";
			d = table[SLIT_MATRIX + row * nr + col];
			if (from == to ? d != SELF_DISTANCE
				       : d <= SELF_DISTANCE)
				return "a distance that cannot be";
			map->distances[from * map->nr_nodes + to] = d;
		}
	}
	map->has_distances = true;
	return NULL;
}

int numa_node_at(const struct numa_map *map, phys_addr_t pa, phys_addr_t *end)
{
	unsigned int i = 0;

	while (i < map->nr_ranges && map->ranges[i].end <= pa)
		i++;
	if (i == map->nr_ranges)
		return 0;
	if (map->ranges[i].start > pa) {
		*end = min(*end, map->ranges[i].start);
		return 0;
	}
	*end = min(*end, map->ranges[i].end);
	return map->ranges[i].nid;
}
