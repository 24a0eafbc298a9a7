/* SPDX-License-Identifier: MIT */
/*
 * numa.c - the machine's nodes: --numa, --numa-distance, QEMU's words for them.
 *
 * 1. --numa SIZE[,cpus=LIST], once for each node, in their order.  LIST is of
 *    processors and ranges, 0,2-3, and runs to the end of the argument.
 *    SIZE 0 is a node without memory, which then must have processors.
 * 2. Every processor is on exactly one node.  Where no --numa names any, all
 *    are on node 0.
 * 3. The sizes are the machine's memory; -m, if given, must say the same.
 * 4. --numa-distance A,B=N holds both ways unless B,A=M says otherwise;
 *    20 where nothing is said.  254 is the most; 255 would mean out of reach,
 *    and no memory is.
 *
 * Options may come in any order, so only the words are checked when they are
 * met; numa_check() sees whether all fits together.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

#define DISTANCE_DEFAULT 20
#define DISTANCE_MIN	 11 /* 10 is a node's distance from itself */
#define DISTANCE_MAX	 254

/* "3" or "2-5" at *s, which moves behind it. */
static bool parse_range(const char **s, unsigned long *first,
			unsigned long *last)
{
	char *end;

	if (**s < '0' || **s > '9')
		return false;
	*first = *last = strtoul(*s, &end, 10);
	if (*end == '-') {
		if (end[1] < '0' || end[1] > '9')
			return false;
		*last = strtoul(end + 1, &end, 10);
	}
	*s = end;
	return *first <= *last;
}

static uint64_t parse_cpus(const char *arg, const char *list)
{
	unsigned long first, last;
	uint64_t cpus = 0;

	for (;; list++) {
		if (!parse_range(&list, &first, &last) || last >= NR_CPUS)
			die(STATUS_OURS,
			    "--numa %s: not a list of processors 0 to %d, "
			    "such as 0,2-3",
			    arg, NR_CPUS - 1);
		for (; first <= last; first++) {
			if (cpus >> first & 1)
				die(STATUS_OURS,
				    "--numa %s: processor %lu twice", arg,
				    first);
			cpus |= 1ULL << first;
		}
		if (!*list)
			return cpus;
		if (*list != ',')
			die(STATUS_OURS, "--numa %s: what is '%s'?", arg, list);
	}
}

void numa_add_node(struct numa *numa, const char *arg)
{
	const char *comma = strchr(arg, ',');
	struct numa_node *node = &numa->nodes[numa->nr];
	char *size = xstrdup(arg);

	size[strcspn(size, ",")] = 0;
	if (numa->nr == MAX_NUMNODES)
		die(STATUS_OURS, "--numa: at most %d nodes are possible",
		    MAX_NUMNODES);
	if (!parse_size(size, &node->memory))
		die(STATUS_OURS, "--numa %s: not a size such as 64M or 1G",
		    arg);
	if (node->memory % 4096)
		die(STATUS_OURS, "--numa %s: not a multiple of 4K", arg);
	free(size);
	if (comma && strncmp(comma, ",cpus=", 6))
		die(STATUS_OURS, "--numa %s: must be SIZE or SIZE,cpus=LIST",
		    arg);
	node->cpus = comma ? parse_cpus(arg, comma + 6) : 0;
	numa->nr++;
}

/* A number up to max with end behind it. */
static bool parse_number(const char **s, unsigned long max, char end,
			 unsigned long *n)
{
	char *stop;

	if (**s < '0' || **s > '9')
		return false;
	*n = strtoul(*s, &stop, 10);
	*s = stop + 1;
	return *n <= max && *stop == end;
}

void numa_add_distance(struct numa *numa, const char *arg)
{
	unsigned long from, to, d;
	const char *s = arg;

	if (!parse_number(&s, MAX_NUMNODES - 1, ',', &from) ||
	    !parse_number(&s, MAX_NUMNODES - 1, '=', &to) ||
	    !parse_number(&s, DISTANCE_MAX, 0, &d) || d < DISTANCE_MIN)
		die(STATUS_OURS,
		    "--numa-distance %s: must be NODE,NODE=%d to %d", arg,
		    DISTANCE_MIN, DISTANCE_MAX);
	if (from == to)
		die(STATUS_OURS, "--numa-distance %s: a node is 10 from itself",
		    arg);
	if (numa->distance[from][to])
		die(STATUS_OURS, "--numa-distance %lu,%lu: given twice", from,
		    to);
	numa->distance[from][to] = (uint8_t)d;
}

/* Every processor once: 2. */
static void check_cpus(struct numa *numa, unsigned long nr_cpus)
{
	uint64_t all = ~0ULL >> (64 - nr_cpus), seen = 0;
	unsigned int i;

	for (i = 0; i < numa->nr; i++) {
		uint64_t cpus = numa->nodes[i].cpus;

		if (cpus & ~all)
			die(STATUS_OURS,
			    "--numa: node %u has processor %d, there are %lu",
			    i, __builtin_ctzll(cpus & ~all), nr_cpus);
		if (cpus & seen)
			die(STATUS_OURS, "--numa: processor %d on two nodes",
			    __builtin_ctzll(cpus & seen));
		seen |= cpus;
	}
	if (!seen)
		numa->nodes[0].cpus = seen = all;
	if (seen != all)
		die(STATUS_OURS, "--numa: processor %d is on no node",
		    __builtin_ctzll(all & ~seen));
}

static void check_distances(const struct numa *numa)
{
	unsigned int from, to;

	for (from = 0; from < MAX_NUMNODES; from++)
		for (to = 0; to < MAX_NUMNODES; to++)
			if (numa->distance[from][to] &&
			    (from >= numa->nr || to >= numa->nr))
				die(STATUS_OURS,
				    "--numa-distance %u,%u: there are %u nodes",
				    from, to, numa->nr);
}

uint64_t numa_check(struct numa *numa, unsigned long nr_cpus)
{
	uint64_t sum = 0;
	unsigned int i;

	check_distances(numa);
	if (!numa->nr)
		return 0;
	check_cpus(numa, nr_cpus);
	for (i = 0; i < numa->nr; i++) {
		const struct numa_node *node = &numa->nodes[i];

		if (!node->memory && !node->cpus)
			die(STATUS_OURS,
			    "--numa: node %u has neither memory nor processors",
			    i);
		if (__builtin_add_overflow(sum, node->memory, &sum))
			die(STATUS_OURS, "--numa: too much memory");
	}
	return sum;
}

unsigned int numa_distance(const struct numa *numa, unsigned int from,
			   unsigned int to)
{
	if (numa->distance[from][to])
		return numa->distance[from][to];
	return numa->distance[to][from] ? numa->distance[to][from]
					: DISTANCE_DEFAULT;
}

char *numa_cpus_text(const struct numa_node *node)
{
	uint64_t cpus = node->cpus;
	char *text = xstrdup("");

	while (cpus) {
		int first = __builtin_ctzll(cpus), last = first;
		char *longer;

		while (last + 1 < 64 && cpus >> (last + 1) & 1)
			last++;
		longer = xasprintf("%s,cpus=%d-%d", text, first, last);
		free(text);
		text = longer;
		/* Shifting by 64 is not defined. */
		cpus &= last == 63 ? 0 : ~0ULL << (last + 1);
	}
	return text;
}
