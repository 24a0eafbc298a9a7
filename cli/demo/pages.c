/* SPDX-License-Identifier: MIT */
/*
 * pages.c - touches, shares and frees memory, and shows what that costs.
 *
 * A static Linux program for the demonstration (`make run`); it knows nothing
 * of Quire and runs on any Linux.  Each line shows what the system had free
 * and counted before and after one step.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB  (1024UL * 1024)
#define PAGE 4096UL

static long value_of(const char *file, const char *key)
{
	FILE *f = fopen(file, "r");
	char line[256];
	long value = -1;
	size_t len = strlen(key);

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, len))
			value = atol(line + len);
	if (f)
		fclose(f);
	return value;
}

static long free_before, faults_before;

static void show(const char *step)
{
	struct rusage ru;
	long free_kib = value_of("/proc/meminfo", "MemFree:");
	long rss_kib = value_of("/proc/self/status", "VmRSS:");

	getrusage(RUSAGE_SELF, &ru);
	printf("%-44s free %7ld kB (%+7ld)  rss %6ld kB  faults %+6ld\n", step,
	       free_kib, free_before ? free_kib - free_before : 0, rss_kib,
	       faults_before ? ru.ru_minflt - faults_before : 0);
	fflush(stdout);
	free_before = free_kib;
	faults_before = ru.ru_minflt;
}

static void touch(char *p, size_t bytes, char with)
{
	size_t i;

	for (i = 0; i < bytes; i += PAGE)
		p[i] = with;
}

int main(void)
{
	char *p;
	volatile char sum = 0;
	size_t i;
	int status;
	pid_t pid;

	show("start");
	p = mmap(NULL, 16 * MIB, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	show("mmap 16 MiB: only a promise");
	for (i = 0; i < 4 * MIB; i += PAGE)
		sum += p[i];
	show("read 4 MiB: all of it the one zero page");
	touch(p, 8 * MIB, 1);
	show("write 8 MiB: a frame for each page");
	fflush(stdout);
	pid = fork();
	if (!pid) {
		faults_before = 0; /* a child counts its own */
		show("  child: forked, shares every frame");
		touch(p, 2 * MIB, 2);
		show("  child: writes 2 MiB, which are copied");
		_exit(p[0] == 2 && p[4 * MIB] == 1 ? 0 : 1);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status) {
		puts("the child failed");
		return 1;
	}
	show("child gone; the parent's own are untouched");
	if (p[0] != 1)
		return 1;
	madvise(p, 4 * MIB, MADV_DONTNEED);
	show("madvise(DONTNEED) 4 MiB");
	munmap(p, 16 * MIB);
	show("munmap: all is back");
	return 0;
}
