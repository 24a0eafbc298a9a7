/* SPDX-License-Identifier: MIT */
/*
 * lock.c - mlock and friends, mincore, msync, and which areas merge.
 *
 * Sources: mlock(2), mincore(2), msync(2); for merging, what Linux 6.18 does.
 */
#include "guest.h"

#include <sys/resource.h>
#include <sys/syscall.h>

#define RW (PROT_READ | PROT_WRITE)

static bool role(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return false;
}

static char *anon(size_t pages)
{
	char *p = mmap(NULL, pages * 4096, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	CHECK(p != MAP_FAILED);
	return p;
}

/* Where nothing else is or comes: what is mapped here merges only inside. */
static char *room(void)
{
	return (char *)0x200000000000;
}

static void put(char *p, size_t page, size_t pages, int prot)
{
	CHECK(mmap(p + page * 4096, pages * 4096, prot,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		   0) != MAP_FAILED);
}

/* 1 for each page in memory; . where nothing is mapped. */
static const char *in_memory(char *p, size_t pages)
{
	static char text[65];
	unsigned char vec;

	for (size_t i = 0; i < pages; i++) {
		if (mincore(p + i * 4096, 4096, &vec) < 0) {
			CHECK_EQ(errno, ENOMEM);
			text[i] = '.';
		} else {
			text[i] = vec & 1 ? '1' : '0';
		}
	}
	text[pages] = 0;
	return text;
}

/* One letter a page, the first of an area large: w, r, n, or nothing. */
static const char *areas(char *p, size_t pages)
{
	static char text[65];
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512];

	CHECK(f);
	memset(text, '.', pages);
	text[pages] = 0;
	while (fgets(line, sizeof(line), f)) {
		unsigned long a, b;
		char r, w;

		CHECK_EQ(sscanf(line, "%lx-%lx %c%c", &a, &b, &r, &w), 4);
		for (size_t i = 0; i < pages; i++) {
			unsigned long at = (unsigned long)p + i * 4096;

			if (at < a || at >= b)
				continue;
			text[i] = w == 'w' ? 'w' : r == 'r' ? 'r' : 'n';
			if (at == a)
				text[i] -= 'a' - 'A';
		}
	}
	fclose(f);
	return text;
}

TEST(mlock_brings_in_and_mlock2_on_fault_does_not)
{
	char *p = anon(6);

	CHECK_EQ(mlock(p + 4096 + 5, 4096), 0);
	CHECK(!strcmp(in_memory(p, 6), "011000"));
	CHECK_EQ(syscall(SYS_mlock2, p + 4 * 4096, 8192, 1), 0);
	CHECK(!strcmp(in_memory(p, 6), "011000"));
	p[5 * 4096] = 1;
	CHECK(!strcmp(in_memory(p, 6), "011001"));
	CHECK_ERR(syscall(SYS_mlock2, p, 4096, 2), EINVAL);
	CHECK_ERR(madvise(p, 6 * 4096, MADV_DONTNEED), EINVAL);
	CHECK_EQ(munlock(p, 6 * 4096), 0);
	CHECK_EQ(madvise(p, 6 * 4096, MADV_DONTNEED), 0);
	CHECK(!strcmp(in_memory(p, 6), "000000"));
	CHECK_EQ(munmap(p + 4096, 4096), 0);
	CHECK_ERR(mlock(p, 3 * 4096), ENOMEM);
	CHECK_ERR(munlock(p, 3 * 4096), ENOMEM);
	CHECK_EQ(munmap(p, 6 * 4096), 0);
}

TEST(an_ordinary_user_has_a_limit)
{
	pid_t pid = fork();

	if (!pid) {
		struct rlimit few = {3 * 4096, 3 * 4096}, none = {0, 0};
		char *p = anon(8);

		if (setrlimit(RLIMIT_MEMLOCK, &few) < 0 ||
		    (getuid() == 0 && setuid(1000) < 0))
			_exit(1);
		if (mlock(p, 3 * 4096) || mlock(p, 2 * 4096))
			_exit(2);
		if (!mlock(p + 3 * 4096, 4096) || errno != ENOMEM)
			_exit(3);
		if (!mlockall(MCL_CURRENT) || errno != ENOMEM)
			_exit(4);
		if (mmap(NULL, 4096, RW,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1,
			 0) != MAP_FAILED ||
		    errno != EAGAIN)
			_exit(5);
		if (munlockall() || setrlimit(RLIMIT_MEMLOCK, &none) < 0)
			_exit(6);
		if (!mlock(p, 4096) || errno != EPERM)
			_exit(7);
		_exit(0);
	}
	CHECK_EQ(wait_for(pid), 0);
}

TEST(mlockall_holds_for_what_comes_later)
{
	char *p;

	if (geteuid())
		return;
	CHECK_ERR(mlockall(0), EINVAL);
	CHECK_ERR(mlockall(MCL_ONFAULT), EINVAL);
	CHECK_EQ(mlockall(MCL_FUTURE), 0);
	p = anon(3);
	CHECK(!strcmp(in_memory(p, 3), "111"));
	CHECK_EQ(munlockall(), 0);
	CHECK_EQ(munmap(p, 3 * 4096), 0);
}

TEST(mincore_and_msync_check_what_they_are_given)
{
	char *p = anon(2);
	unsigned char vec[4];

	CHECK_ERR(mincore(p + 1, 4096, vec), EINVAL);
	CHECK_ERR(mincore(p, 4096, (void *)8), EFAULT);
	CHECK_ERR(mincore((void *)(1UL << 62), 4096, vec), ENOMEM);
	CHECK_EQ(mincore(p, 0, vec), 0);
	CHECK_EQ(msync(p, 8192, MS_SYNC), 0);
	CHECK_ERR(msync(p + 1, 4096, MS_SYNC), EINVAL);
	CHECK_ERR(msync(p, 4096, MS_SYNC | MS_ASYNC), EINVAL);
	CHECK_EQ(munmap(p, 4096), 0);
	CHECK_ERR(msync(p, 8192, MS_ASYNC), ENOMEM);
	CHECK_ERR(mincore(p, 8192, vec), ENOMEM);
	CHECK_EQ(munmap(p + 4096, 4096), 0);
}

TEST(areas_written_apart_stay_apart)
{
	char *p = room();

	put(p, 0, 2, RW);
	put(p, 4, 2, RW);
	p[0] = 1;
	p[4 * 4096] = 1;
	put(p, 2, 2, RW);
	CHECK(!strcmp(areas(p, 8), "WwwwWw.."));
	put(p, 6, 1, RW);
	CHECK(!strcmp(areas(p, 8), "WwwwWww."));
	CHECK_EQ(mprotect(p + 4096, 4096, PROT_READ), 0);
	CHECK_EQ(mprotect(p + 4096, 4096, RW), 0);
	CHECK(!strcmp(areas(p, 8), "WwwwWww."));
	CHECK_EQ(munmap(p, 8 * 4096), 0);
}

TEST(what_a_child_inherits_joins_nothing_new)
{
	char *p = room();
	pid_t pid;

	put(p, 0, 4, RW);
	p[0] = 1;
	CHECK_EQ(mprotect(p + 2 * 4096, 2 * 4096, PROT_READ), 0);
	pid = fork();
	if (!pid) {
		if (mprotect(p + 2 * 4096, 2 * 4096, RW))
			_exit(1);
		put(p, 4, 2, RW);
		_exit(strcmp(areas(p, 8), "WwWwWw..") ? 2 : 0);
	}
	CHECK_EQ(wait_for(pid), 0);
	CHECK_EQ(mprotect(p + 2 * 4096, 2 * 4096, RW), 0);
	put(p, 4, 2, RW);
	CHECK(!strcmp(areas(p, 8), "Wwwwww.."));
	CHECK_EQ(munmap(p, 8 * 4096), 0);
}
