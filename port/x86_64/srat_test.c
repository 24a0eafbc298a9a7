/* SPDX-License-Identifier: MIT */
/*
 * srat_test.c - tables as machines have them, and broken in every way.
 *
 * Runs on the simulated machine, where reading past a table's end is caught:
 * each table lies in a block of exactly its size.
 */
#include "port/x86_64/srat.c"

#include <stdlib.h>

#include "test/test.h"

#define MIB ((u64)1 << 20)

/* A table in the making. */
struct table {
	u8 bytes[4096];
	size_t len;
};

static void put(struct table *t, u64 value, unsigned int nr_bytes)
{
	while (nr_bytes--) {
		t->bytes[t->len++] = (u8)value;
		value >>= 8;
	}
}

static void srat_begin(struct table *t, u8 revision)
{
	memset(t, 0, sizeof(*t));
	memcpy(t->bytes, "SRAT", 4);
	t->bytes[TABLE_REVISION] = revision;
	t->len = SRAT_ENTRIES;
}

static void srat_cpu(struct table *t, u32 domain, u8 apic_id, u32 flags)
{
	put(t, SRAT_APIC, 1);
	put(t, 16, 1);
	put(t, domain & 0xff, 1);
	put(t, apic_id, 1);
	put(t, flags, 4);
	put(t, 0, 1);
	put(t, domain >> 8, 3);
	put(t, 0, 4);
}

static void srat_x2cpu(struct table *t, u32 domain, u32 apic_id)
{
	put(t, SRAT_X2APIC, 1);
	put(t, 24, 1);
	put(t, 0, 2);
	put(t, domain, 4);
	put(t, apic_id, 4);
	put(t, SRAT_ENABLED, 4);
	put(t, 0, 8);
}

static void srat_memory(struct table *t, u32 domain, u64 base, u64 length,
			u32 flags)
{
	put(t, SRAT_MEMORY, 1);
	put(t, 40, 1);
	put(t, domain, 4);
	put(t, 0, 2);
	put(t, base, 8);
	put(t, length, 8);
	put(t, 0, 4);
	put(t, flags, 4);
	put(t, 0, 8);
}

static void slit_begin(struct table *t, u64 nr)
{
	memset(t, 0, sizeof(*t));
	memcpy(t->bytes, "SLIT", 4);
	t->len = SLIT_COUNT;
	put(t, nr, 8);
}

/* Decode a copy that ends where the table does. */
static const char *decode(const struct table *t, struct numa_map *map,
			  const char *(*fn)(const u8 *, size_t,
					    struct numa_map *))
{
	u8 *copy = malloc(t->len ? t->len : 1);
	const char *why;

	memcpy(copy, t->bytes, t->len);
	why = fn(copy, t->len, map);
	free(copy);
	return why;
}

/* What QEMU says of two nodes of 128 MiB with a processor each. */
static void two_nodes(struct table *t)
{
	srat_begin(t, 1);
	srat_cpu(t, 0, 0, SRAT_ENABLED);
	srat_cpu(t, 1, 1, SRAT_ENABLED);
	srat_memory(t, 0, 0, 0xa0000, SRAT_ENABLED);
	srat_memory(t, 0, MIB, 127 * MIB, SRAT_ENABLED);
	srat_memory(t, 1, 128 * MIB, 128 * MIB, SRAT_ENABLED);
	srat_memory(t, 0, 0, 0, 0);
}

TEST(srat_of_two_nodes_tells_memory_and_processors)
{
	struct numa_map map;
	struct table t;

	two_nodes(&t);
	CHECK(!decode(&t, &map, srat_decode));
	CHECK_EQ(map.nr_nodes, 2);
	CHECK_EQ(map.nr_ranges, 3);
	CHECK_EQ(map.apic_nid[0], 0);
	CHECK_EQ(map.apic_nid[1], 1);
	CHECK_EQ(map.apic_nid[2], -1);
	CHECK(!map.has_distances);
}

TEST(srat_numbers_nodes_by_domain_not_by_order)
{
	struct numa_map map;
	struct table t;

	srat_begin(&t, 3);
	srat_memory(&t, 0x700, 512 * MIB, MIB, SRAT_ENABLED);
	srat_x2cpu(&t, 0x20000, 9);
	srat_cpu(&t, 0x700, 3, SRAT_ENABLED);
	srat_memory(&t, 5, 0, MIB, SRAT_ENABLED);
	CHECK(!decode(&t, &map, srat_decode));
	CHECK_EQ(map.nr_nodes, 3);
	CHECK_EQ(map.domain[0], 5);
	CHECK_EQ(map.domain[1], 0x700);
	CHECK_EQ(map.domain[2], 0x20000); /* has no memory */
	CHECK_EQ(map.apic_nid[3], 1);
	CHECK_EQ(map.apic_nid[9], 2);
	CHECK_EQ(map.ranges[0].nid, 0);
	CHECK_EQ(map.ranges[1].nid, 1);
	/* In a table of revision 1 these bytes mean nothing. */
	t.bytes[TABLE_REVISION] = 1;
	CHECK(!decode(&t, &map, srat_decode));
	CHECK_EQ(map.domain[0], 0);
}

TEST(srat_skips_what_is_not_enabled_or_not_known)
{
	struct numa_map map;
	struct table t;

	srat_begin(&t, 3);
	srat_memory(&t, 0, 0, MIB, SRAT_ENABLED);
	srat_memory(&t, 1, MIB, MIB, 0);
	srat_memory(&t, 2, MIB, 0, SRAT_ENABLED);
	srat_cpu(&t, 3, 1, 0);
	srat_x2cpu(&t, 4, 256);
	put(&t, 0x77, 1);
	put(&t, 3, 1);
	put(&t, 0xff, 1);
	CHECK(!decode(&t, &map, srat_decode));
	CHECK_EQ(map.nr_nodes, 1);
	CHECK_EQ(map.nr_ranges, 1);
	CHECK_EQ(map.apic_nid[1], -1);
}

TEST(srat_that_contradicts_itself_is_refused)
{
	struct numa_map map;
	struct table t;
	unsigned int i;

	two_nodes(&t); /* overlap from above */
	srat_memory(&t, 0, 255 * MIB, 2 * MIB, SRAT_ENABLED);
	CHECK_STR(decode(&t, &map, srat_decode), "ranges of memory overlap");
	CHECK_EQ(map.nr_nodes, 0);
	two_nodes(&t); /* around all of them */
	srat_memory(&t, 1, 0, 512 * MIB, SRAT_ENABLED);
	CHECK_STR(decode(&t, &map, srat_decode), "ranges of memory overlap");
	two_nodes(&t);
	srat_memory(&t, 0, ~0ULL - MIB, 2 * MIB, SRAT_ENABLED);
	CHECK_STR(decode(&t, &map, srat_decode),
		  "memory beyond the last address");
	two_nodes(&t);
	srat_cpu(&t, 1, 0, SRAT_ENABLED);
	CHECK_STR(decode(&t, &map, srat_decode), "a processor on two nodes");
	srat_begin(&t, 3);
	srat_cpu(&t, 0, 0, SRAT_ENABLED);
	CHECK_STR(decode(&t, &map, srat_decode), "no memory on any node");
	srat_begin(&t, 3);
	for (i = 0; i <= MAX_NUMNODES; i++)
		srat_memory(&t, i, i * MIB, MIB, SRAT_ENABLED);
	CHECK_STR(decode(&t, &map, srat_decode), "too many nodes");
	srat_begin(&t, 3);
	for (i = 0; i <= NUMA_RANGES_MAX; i++)
		srat_memory(&t, 0, i * MIB, MIB, SRAT_ENABLED);
	CHECK_STR(decode(&t, &map, srat_decode), "too many ranges of memory");
}

TEST(srat_cut_off_anywhere_is_refused_or_ends_between_entries)
{
	struct numa_map map;
	struct table t;
	size_t len, whole;

	two_nodes(&t);
	whole = t.len;
	for (len = 0; len < whole; len++) {
		size_t in = len - SRAT_ENTRIES;
		bool between = len >= SRAT_ENTRIES &&
			       (in == 0 || in == 16 ||
				(in >= 32 && (in - 32) % 40 == 0));

		t.len = len;
		if (!decode(&t, &map, srat_decode))
			CHECK(between && in > 32);
		else
			CHECK(!between || in <= 32);
	}
	/* An entry of length 0 must not be read for ever. */
	two_nodes(&t);
	t.bytes[SRAT_ENTRIES + 1] = 0;
	CHECK_STR(decode(&t, &map, srat_decode), "an entry of a wrong length");
	t.bytes[SRAT_ENTRIES + 1] = 15;
	CHECK_STR(decode(&t, &map, srat_decode), "an entry of a wrong length");
}

TEST(srat_of_random_bytes_never_gives_half_a_map)
{
	struct numa_map map;
	struct table t;
	unsigned int round, i, k;

	for (round = 0; round < 3000; round++) {
		two_nodes(&t);
		for (i = 0; i < 4; i++)
			t.bytes[test_random_below((u32)t.len)] =
				(u8)test_random_below(256);
		if (decode(&t, &map, srat_decode)) {
			CHECK(!map.nr_nodes && !map.nr_ranges);
			continue;
		}
		CHECK(map.nr_nodes >= 1 && map.nr_nodes <= MAX_NUMNODES);
		for (i = 0; i < map.nr_ranges; i++) {
			CHECK(map.ranges[i].start < map.ranges[i].end);
			CHECK(map.ranges[i].nid < (int)map.nr_nodes);
			CHECK(!i ||
			      map.ranges[i - 1].end <= map.ranges[i].start);
		}
		for (k = 0; k < NUMA_APIC_IDS; k++)
			CHECK(map.apic_nid[k] < (int)map.nr_nodes);
	}
}

TEST(slit_tells_the_distances_of_the_nodes_there_are)
{
	/* Domain 1 is nobody's: its row and column are not looked at. */
	static const u8 matrix[] = {10, 0, 30, 0, 0, 0, 21, 0, 10};
	struct numa_map map;
	struct table t;

	srat_begin(&t, 3);
	srat_memory(&t, 0, 0, MIB, SRAT_ENABLED);
	srat_memory(&t, 2, MIB, MIB, SRAT_ENABLED);
	CHECK(!decode(&t, &map, srat_decode));
	slit_begin(&t, 3);
	memcpy(t.bytes + t.len, matrix, sizeof(matrix));
	t.len += sizeof(matrix);
	CHECK(!decode(&t, &map, slit_decode));
	CHECK(map.has_distances);
	CHECK_EQ(map.distances[0 * 2 + 1], 30);
	CHECK_EQ(map.distances[1 * 2 + 0], 21);
	CHECK_EQ(map.distances[1 * 2 + 1], 10);
}

TEST(slit_that_is_wrong_leaves_no_distances)
{
	static const u64 counts[] = {0, 1, 3, 0x100000000ULL, ~0ULL};
	struct numa_map map;
	struct table t;
	unsigned int i;

	two_nodes(&t);
	CHECK(!decode(&t, &map, srat_decode));
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		slit_begin(&t, counts[i]);
		put(&t, 0x0a14140a, 4);
		CHECK(decode(&t, &map, slit_decode));
		CHECK(!map.has_distances);
	}
	slit_begin(&t, 2);
	put(&t, 0x0b14140a, 4); /* 11 from itself */
	CHECK_STR(decode(&t, &map, slit_decode), "a distance that cannot be");
	slit_begin(&t, 2);
	put(&t, 0x0a140a0a, 4); /* 10 from another */
	CHECK_STR(decode(&t, &map, slit_decode), "a distance that cannot be");
	slit_begin(&t, 2);
	put(&t, 0x14140a, 3);
	CHECK_STR(decode(&t, &map, slit_decode), "the matrix is cut off");
	for (i = 0; i < SLIT_MATRIX; i++) {
		t.len = i;
		CHECK_STR(decode(&t, &map, slit_decode),
			  "the table is too short");
	}
}

TEST(memory_is_cut_where_nodes_change)
{
	struct numa_map map;
	struct table t;
	phys_addr_t end;

	two_nodes(&t);
	CHECK(!decode(&t, &map, srat_decode));
	end = 512 * MIB;
	CHECK_EQ(numa_node_at(&map, MIB, &end), 0);
	CHECK_EQ(end, 128 * MIB);
	end = 512 * MIB;
	CHECK_EQ(numa_node_at(&map, 128 * MIB, &end), 1);
	CHECK_EQ(end, 256 * MIB);
	end = 200 * MIB; /* the range is shorter than the node */
	CHECK_EQ(numa_node_at(&map, 128 * MIB, &end), 1);
	CHECK_EQ(end, 200 * MIB);
	end = 512 * MIB; /* between two ranges */
	CHECK_EQ(numa_node_at(&map, 0xa0000, &end), 0);
	CHECK_EQ(end, MIB);
	end = 512 * MIB; /* above all */
	CHECK_EQ(numa_node_at(&map, 256 * MIB, &end), 0);
	CHECK_EQ(end, 512 * MIB);
}
