/* SPDX-License-Identifier: MIT */
/*
 * numa.c - whose memory a program touches, on a machine of two nodes of 128 MiB
 * with a processor each, as the nodes' numastat files tell it.
 *
 * Elsewhere, such as on the host, only the files are read.
 */
#include "guest.h"

#include <sched.h>

enum { HIT, MISS, FOREIGN, INTERLEAVE, LOCAL, OTHER, NR_COUNTS };

struct counts {
	unsigned long of[2][NR_COUNTS];
};

static int nr_nodes(void)
{
	int nr = 0;
	char path[64];

	do
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%d",
			 nr++);
	while (access(path, F_OK) == 0);
	return nr - 1;
}

static void read_node(int nid, unsigned long *of)
{
	static const char *const names[NR_COUNTS] = {
		"numa_hit",	  "numa_miss",	"numa_foreign",
		"interleave_hit", "local_node", "other_node"};
	char path[64], name[32];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/numastat",
		 nid);
	f = fopen(path, "r");
	CHECK(f);
	for (int i = 0; i < NR_COUNTS; i++) {
		CHECK(fscanf(f, "%31s %lu", name, &of[i]) == 2);
		CHECK(strcmp(name, names[i]) == 0);
	}
	fclose(f);
}

/* Two nodes, and no more memory than the tests reckon with. */
static bool is_the_machine(void)
{
	return nr_nodes() == 2 &&
	       (unsigned long)sysconf(_SC_PHYS_PAGES) <= 256 * MIB / PAGE;
}

static void read_counts(struct counts *c)
{
	read_node(0, c->of[0]);
	read_node(1, c->of[1]);
}

static unsigned long grown(const struct counts *a, const struct counts *b,
			   int nid, int item)
{
	return b->of[nid][item] - a->of[nid][item];
}

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK(sched_setaffinity(0, sizeof(set), &set) == 0);
}

static char *touch(size_t bytes)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	for (size_t i = 0; i < bytes; i += PAGE)
		p[i] = 1;
	return p;
}

/* What the machine does beside the test: a few pages. */
#define NOISE 200

TEST(touched_memory_is_of_the_processors_own_node)
{
	struct counts a, b;

	if (!is_the_machine())
		return;
	for (int cpu = 1; cpu >= 0; cpu--) {
		char *p;

		run_on(cpu);
		read_counts(&a);
		p = touch(8 * MIB);
		read_counts(&b);
		CHECK(grown(&a, &b, cpu, HIT) >= 2048);
		CHECK(grown(&a, &b, cpu, LOCAL) >= 2048);
		CHECK(grown(&a, &b, !cpu, HIT) <= NOISE);
		CHECK(grown(&a, &b, 0, MISS) + grown(&a, &b, 1, MISS) == 0);
		munmap(p, 8 * MIB);
	}
}

TEST(a_full_node_borrows_and_both_sides_count_it)
{
	struct counts a, b;
	char *p;

	if (!is_the_machine())
		return;
	run_on(1);
	read_counts(&a);
	p = touch(150 * MIB);
	read_counts(&b);
	CHECK(grown(&a, &b, 0, MISS) >= 22 * MIB / PAGE);
	/* Reading the second file is itself in want of memory. */
	CHECK(grown(&a, &b, 1, FOREIGN) >= grown(&a, &b, 0, MISS));
	CHECK(grown(&a, &b, 1, FOREIGN) <= grown(&a, &b, 0, MISS) + NOISE);
	CHECK(grown(&a, &b, 0, OTHER) >= 22 * MIB / PAGE);
	CHECK(grown(&a, &b, 1, LOCAL) >= 90 * MIB / PAGE);
	munmap(p, 150 * MIB);
	/* With room again it takes its own. */
	read_counts(&a);
	p = touch(8 * MIB);
	read_counts(&b);
	CHECK(grown(&a, &b, 1, LOCAL) >= 2048);
	CHECK(grown(&a, &b, 0, MISS) == 0);
	munmap(p, 8 * MIB);
}

/* Both sums are what the node's zones handed out. */
TEST(hits_and_misses_are_local_and_other)
{
	unsigned long miss = 0, foreign = 0;

	for (int nid = 0; nid < nr_nodes(); nid++) {
		unsigned long c[NR_COUNTS];

		read_node(nid, c);
		CHECK(c[HIT] + c[MISS] > 0);
		miss += c[MISS];
		foreign += c[FOREIGN];
		if (!is_the_machine())
			continue;
		CHECK(c[HIT] + c[MISS] == c[LOCAL] + c[OTHER]);
		CHECK(c[INTERLEAVE] == 0);
	}
	CHECK(!is_the_machine() || miss == foreign);
}

static bool role(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return false;
}
