/* SPDX-License-Identifier: MIT */
/*
 * look.c - what a sequence's calls have left: maps, residency, contents.
 */
#define _GNU_SOURCE
#include "diff.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char text[1U << 18];

static size_t slurp(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	if (fd < 0) {
		say("%s: E%d\n", path, errno);
		return 0;
	}
	while (len < sizeof(text) - 1 &&
	       (n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	text[len] = '\0';
	return len;
}

static bool overlap(uint64_t start, uint64_t end, uint64_t a, uint64_t b)
{
	return start < b && a < end;
}

struct area {
	uint64_t start, end;
	char perms[8];
	unsigned long offset;
	const char *path;
};

/* The kernel's own gifts, [vdso] and the like, are not the calls' doing. */
static bool of_interest(const struct area *a)
{
	uint64_t n = stage->anchor;

	return a->path[0] != '[' &&
	       (overlap(a->start, a->end, ARENA - 16 * PAGE,
			ARENA_END + 16 * PAGE) ||
		(n && overlap(a->start, a->end, n - NEAR_PAGES * PAGE,
			      n + NEAR_PAGES * PAGE)));
}

/* A line "start-end perms offset dev inode path". */
static bool parse_area(const char *line, struct area *a)
{
	int at = 0;

	if (sscanf(line, "%lx-%lx %7s %lx %*s %*u %n", &a->start, &a->end,
		   a->perms, &a->offset, &at) < 4)
		return false;
	a->path = line + at;
	return true;
}

static void say_area(const struct area *a)
{
	say("  ");
	say_addr(a->start);
	say(" ");
	say_addr(a->end);
	say(" %s %lx %s\n", a->perms, a->offset,
	    strncmp(a->path, "/SYSV", 5) ? a->path : "/SYSV");
}

/* One character a page of [start, end). */
static void say_residency(uint64_t start, uint64_t end)
{
	static unsigned char vec[4096];
	uint64_t nr = (end - start) / PAGE;

	if (nr > sizeof(vec))
		return;
	say("  core ");
	if (mincore((void *)start, end - start, vec))
		say("E%d", errno);
	else
		for (uint64_t i = 0; i < nr; i++)
			say("%d", vec[i] & 1);
	say("\n");
}

static void say_pagemap(uint64_t start, uint64_t end)
{
	static uint64_t entries[4096];
	uint64_t nr = (end - start) / PAGE;
	int fd;
	ssize_t n;

	if (nr > 4096)
		return;
	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		say("  pagemap E%d\n", errno);
		return;
	}
	n = pread(fd, entries, nr * 8, (off_t)(start / PAGE * 8));
	close(fd);
	say("  map  ");
	/* Bits 63 present, 61 file, 56 mapped by this process alone. */
	for (ssize_t i = 0; i < n / 8; i++)
		say("%c", !(entries[i] >> 63) ? '.'
			  : entries[i] >> 61 & 1
				  ? (entries[i] >> 56 & 1 ? 'F' : 'f')
				  : (entries[i] >> 56 & 1 ? 'P' : 'p'));
	say("\n");
}

void look(void)
{
	static struct area areas[512];
	unsigned int nr = 0;
	char *line, *rest = text;

	slurp("/proc/self/maps");
	while ((line = strsep(&rest, "\n")) && nr < 512)
		if (parse_area(line, &areas[nr]) && of_interest(&areas[nr]))
			nr++;
	for (unsigned int i = 0; i < nr; i++) {
		say_area(&areas[i]);
		say_residency(areas[i].start, areas[i].end);
		say_pagemap(areas[i].start, areas[i].end);
	}
}

/*
 * Which lines of smaps have one meaning everywhere.  Soft-dirty (sd) is a
 * choice of the build.
 */
static void say_smaps_line(char *line)
{
	static const char *const keys[] = {
		"Size:",	  "Rss:",	   "Pss:",
		"Shared_Clean:",  "Shared_Dirty:", "Private_Clean:",
		"Private_Dirty:", "Anonymous:",	   "Locked:",
	};
	char *flag;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strncmp(line, keys[i], strlen(keys[i])))
			say(" %s%ld", keys[i],
			    strtol(line + strlen(keys[i]), NULL, 10));
	if (strncmp(line, "VmFlags:", 8))
		return;
	line += 8;
	say(" ");
	while ((flag = strsep(&line, " ")))
		if (*flag && strcmp(flag, "sd"))
			say(" %s", flag);
	say("\n");
}

void look_smaps(void)
{
	char *line, *rest = text;
	bool wanted = false;
	struct area a;

	say("\n");
	slurp("/proc/self/smaps");
	while ((line = strsep(&rest, "\n"))) {
		if (parse_area(line, &a)) {
			wanted = of_interest(&a);
			if (wanted)
				say_area(&a);
		} else if (wanted) {
			say_smaps_line(line);
		}
	}
}

void look_contents(void)
{
	say("  data ");
	for (uint64_t i = 0; i < ARENA_PAGES; i++) {
		unsigned char a, b;

		if (!load_byte(ARENA + i * PAGE, &a))
			say("-");
		else if (!load_byte(ARENA + i * PAGE + PAGE / 2, &b))
			say("!");
		else
			say("%x", a * 256 + b);
		say(i % 16 == 15 ? "\n       " : " ");
	}
	say("\n");
}
