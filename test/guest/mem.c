/* SPDX-License-Identifier: MIT */
/*
 * mem.c - what mmap, munmap, mprotect, mremap, madvise and brk promise.
 *
 * Sources: the man pages of section 2.
 */
#include "guest.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#define RW (PROT_READ | PROT_WRITE)

static bool role(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return false;
}

/* Lines of /proc/self/maps that lie within [start, end). */
static int areas_in(const char *start, const char *end)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512];
	int nr = 0;

	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		unsigned long a, b;

		CHECK_EQ(sscanf(line, "%lx-%lx", &a, &b), 2);
		if (a < (unsigned long)end && b > (unsigned long)start)
			nr++;
	}
	fclose(f);
	return nr;
}

static char *file_of(size_t bytes, int *fd)
{
	static char name[] = "/tmp/guest-mem-XXXXXX";
	size_t i;

	*fd = mkstemp(name);
	CHECK(*fd >= 0);
	unlink(name);
	for (i = 0; i < bytes; i++) {
		char c = (char)('a' + i / PAGE);

		CHECK_EQ(write(*fd, &c, 1), 1);
	}
	return name;
}

TEST(anonymous_memory_reads_as_zero)
{
	char *p = map(64 * PAGE, RW);
	size_t i;

	for (i = 0; i < 64 * PAGE; i++)
		CHECK_EQ(p[i], 0);
}

TEST(written_pages_keep_their_contents)
{
	size_t i, nr = 32 * MIB / sizeof(uint64_t);
	uint64_t *p = (uint64_t *)map(32 * MIB, RW);

	for (i = 0; i < nr; i += 97)
		p[i] = i * 0x9e3779b97f4a7c15ULL;
	for (i = 0; i < nr; i++)
		CHECK_EQ(p[i], i % 97 ? 0 : i * 0x9e3779b97f4a7c15ULL);
}

TEST(munmap_of_the_middle_leaves_both_ends)
{
	char *p = map(9 * PAGE, RW);

	memset(p, 7, 9 * PAGE);
	CHECK_EQ(munmap(p + 3 * PAGE, 3 * PAGE), 0);
	CHECK_EQ(p[3 * PAGE - 1], 7);
	CHECK_EQ(p[6 * PAGE], 7);
	CHECK_FAULT(PROBE_READ, p + 3 * PAGE, SIGSEGV, SEGV_MAPERR);
	CHECK_FAULT(PROBE_WRITE, p + 6 * PAGE - 1, SIGSEGV, SEGV_MAPERR);
}

TEST(map_fixed_replaces_what_is_there)
{
	char *p = map(3 * PAGE, RW);

	memset(p, 1, 3 * PAGE);
	CHECK(mmap(p + PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		   -1, 0) == p + PAGE);
	CHECK_EQ(p[PAGE - 1], 1);
	CHECK_EQ(p[PAGE], 0);
	CHECK_EQ(p[2 * PAGE], 1);
}

TEST(map_fixed_noreplace_refuses_what_is_taken)
{
	char *p = map(3 * PAGE, RW);

	CHECK_ERR(mmap(p + PAGE, PAGE, RW,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
		       0),
		  EEXIST);
	CHECK_EQ(munmap(p + PAGE, PAGE), 0);
	CHECK(mmap(p + PAGE, PAGE, RW,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
		   0) == p + PAGE);
}

TEST(a_free_hint_is_taken_and_a_taken_one_is_not)
{
	char *p = map(8 * PAGE, RW), *q;

	CHECK_EQ(munmap(p + 2 * PAGE, 2 * PAGE), 0);
	q = mmap(p + 2 * PAGE, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		 0);
	CHECK(q == p + 2 * PAGE);
	q = mmap(p + 4 * PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(q != MAP_FAILED && q != p + 4 * PAGE);
}

TEST(mmap_refuses_bad_arguments)
{
	int fd = open("/dev/null", O_RDONLY);

	CHECK_ERR(mmap(NULL, 0, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		  EINVAL);
	CHECK_ERR(mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
	CHECK_ERR(mmap(NULL, PAGE, RW, MAP_PRIVATE, 999, 0), EBADF);
	CHECK_ERR(syscall(SYS_mmap, 0, PAGE, RW, MAP_PRIVATE, fd, 1), EINVAL);
	CHECK_ERR(mmap((void *)1, PAGE, RW,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
		  EINVAL);
	CHECK_ERR(syscall(SYS_mmap, 0, 1UL << 48, RW,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		  ENOMEM);
}

TEST(munmap_refuses_bad_ranges_and_accepts_empty_ones)
{
	char *p = map(2 * PAGE, RW);

	CHECK_ERR(munmap(p + 1, PAGE), EINVAL);
	CHECK_ERR(munmap(p, 0), EINVAL);
	CHECK_EQ(munmap(p, 2 * PAGE), 0);
	CHECK_EQ(munmap(p, 2 * PAGE), 0);
}

TEST(mprotect_takes_write_away_and_gives_it_back)
{
	char *p = map(3 * PAGE, RW);

	memset(p, 5, 3 * PAGE);
	CHECK_EQ(mprotect(p + PAGE, PAGE, PROT_READ), 0);
	CHECK_EQ(p[PAGE], 5);
	CHECK_FAULT(PROBE_WRITE, p + PAGE + 9, SIGSEGV, SEGV_ACCERR);
	p[0] = p[2 * PAGE] = 6;
	CHECK_EQ(areas_in(p, p + 3 * PAGE), 3);
	CHECK_EQ(mprotect(p + PAGE, PAGE, RW), 0);
	p[PAGE + 9] = 8;
	CHECK_EQ(p[PAGE + 9], 8);
	CHECK_EQ(p[PAGE + 8], 5);
	CHECK_EQ(areas_in(p, p + 3 * PAGE), 1);
}

TEST(prot_none_can_be_neither_read_nor_written)
{
	char *p = map(PAGE, PROT_NONE);

	CHECK_FAULT(PROBE_READ, p, SIGSEGV, SEGV_ACCERR);
	CHECK_FAULT(PROBE_WRITE, p, SIGSEGV, SEGV_ACCERR);
	CHECK_EQ(mprotect(p, PAGE, PROT_READ), 0);
	CHECK_EQ(p[0], 0);
}

TEST(mprotect_over_a_hole_is_enomem)
{
	char *p = map(3 * PAGE, RW);

	munmap(p + PAGE, PAGE);
	CHECK_ERR(mprotect(p, 3 * PAGE, PROT_READ), ENOMEM);
	/* The C library may round addresses for us. */
	CHECK_ERR(syscall(SYS_mprotect, p + 1, PAGE, PROT_READ), EINVAL);
	CHECK_EQ(mprotect(p, 0, PROT_READ), 0);
	CHECK_ERR(mprotect(p, PAGE, 0x1000), EINVAL);
}

TEST(executable_data_runs_and_other_data_does_not)
{
	static const unsigned char ret[] = {0xc3};
	char *p = map(PAGE, RW);

	memcpy(p, ret, sizeof(ret));
	CHECK_FAULT(PROBE_EXEC, p, SIGSEGV, SEGV_ACCERR);
	CHECK_EQ(mprotect(p, PAGE, PROT_READ | PROT_EXEC), 0);
	CHECK_EQ(probe(PROBE_EXEC, p), 0);
}

TEST(brk_grows_with_zeros_and_shrinks)
{
	char *start = (char *)syscall(SYS_brk, 0), *end = start + 64 * PAGE;
	char *page = (char *)(((uintptr_t)start + PAGE - 1) & -PAGE);

	CHECK_EQ(syscall(SYS_brk, end), (long)end);
	memset(start, 3, (size_t)(end - start));
	CHECK_EQ(syscall(SYS_brk, start), (long)start);
	CHECK_FAULT(PROBE_READ, page, SIGSEGV, SEGV_MAPERR);
	CHECK_EQ(syscall(SYS_brk, end), (long)end);
	CHECK_EQ(page[0], 0);
	CHECK_EQ(end[-1], 0);
	/* A break that cannot be is refused by the old one. */
	CHECK_EQ(syscall(SYS_brk, 1), (long)end);
	CHECK_EQ(syscall(SYS_brk, start), (long)start);
}

TEST(mremap_moves_contents_when_it_must)
{
	char *p = map(8 * PAGE, RW), *q;
	int i;

	for (i = 0; i < 8; i++)
		p[i * PAGE] = (char)(i + 1);
	munmap(p + 4 * PAGE, PAGE);
	/* Neighbour in the way: growing needs a move. */
	CHECK(mmap(p + 4 * PAGE, PAGE, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		   0) != MAP_FAILED);
	CHECK_ERR(mremap(p, 4 * PAGE, 6 * PAGE, 0), ENOMEM);
	q = mremap(p, 4 * PAGE, 600 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED && q != p);
	for (i = 0; i < 4; i++)
		CHECK_EQ(q[i * PAGE], i + 1);
	CHECK_EQ(q[4 * PAGE], 0);
	CHECK_EQ(q[600 * PAGE - 1], 0);
	CHECK_FAULT(PROBE_READ, p, SIGSEGV, SEGV_MAPERR);
}

TEST(mremap_shrinks_and_grows_in_place)
{
	char *p = map(8 * PAGE, RW);

	memset(p, 4, 8 * PAGE);
	CHECK(mremap(p, 8 * PAGE, 3 * PAGE, 0) == p);
	CHECK_FAULT(PROBE_READ, p + 3 * PAGE, SIGSEGV, SEGV_MAPERR);
	CHECK(mremap(p, 3 * PAGE, 5 * PAGE, 0) == p);
	CHECK_EQ(p[3 * PAGE - 1], 4);
	CHECK_EQ(p[3 * PAGE], 0);
}

TEST(mremap_fixed_replaces_its_target)
{
	char *p = map(2 * PAGE, RW), *q = map(4 * PAGE, RW);

	memset(p, 1, 2 * PAGE);
	memset(q, 2, 4 * PAGE);
	CHECK(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		     q + PAGE) == q + PAGE);
	CHECK_EQ(q[PAGE - 1], 2);
	CHECK_EQ(q[PAGE], 1);
	CHECK_EQ(q[3 * PAGE - 1], 1);
	CHECK_EQ(q[3 * PAGE], 2);
	CHECK_FAULT(PROBE_READ, p, SIGSEGV, SEGV_MAPERR);
}

TEST(mremap_refuses_bad_arguments)
{
	char *p = map(4 * PAGE, RW);

	CHECK_ERR(mremap(p + 1, PAGE, PAGE, 0), EINVAL);
	CHECK_ERR(mremap(p, PAGE, 0, 0), EINVAL);
	CHECK_ERR(mremap(p, PAGE, PAGE, 0x100), EINVAL);
	CHECK_ERR(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_FIXED, p), EINVAL);
	CHECK_ERR(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			 p + PAGE),
		  EINVAL);
	munmap(p, 4 * PAGE);
	CHECK_ERR(mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
}

TEST(dontneed_drops_private_pages_and_keeps_shared_ones)
{
	char *p = map(4 * PAGE, RW);
	char *s = mmap(NULL, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(s != MAP_FAILED);
	memset(p, 1, 4 * PAGE);
	memset(s, 1, 2 * PAGE);
	CHECK_EQ(madvise(p + PAGE, 2 * PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(p[0], 1);
	CHECK_EQ(p[PAGE], 0);
	CHECK_EQ(p[3 * PAGE - 1], 0);
	CHECK_EQ(p[3 * PAGE], 1);
	CHECK_EQ(madvise(s, 2 * PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(s[0], 1);
}

TEST(madvise_refuses_what_it_does_not_know)
{
	char *p = map(2 * PAGE, RW);

	CHECK_ERR(madvise(p, PAGE, 12345), EINVAL);
	CHECK_ERR(madvise(p + 1, PAGE, MADV_DONTNEED), EINVAL);
	munmap(p, 2 * PAGE);
	CHECK_ERR(madvise(p, PAGE, MADV_DONTNEED), ENOMEM);
}

TEST(private_memory_is_copied_when_written_after_fork)
{
	char *p = map(64 * PAGE, RW);
	int i, status;
	pid_t pid;

	memset(p, 1, 64 * PAGE);
	pid = fork();
	if (!pid) {
		for (i = 0; i < 32; i++)
			p[i * PAGE] = 2;
		for (i = 0; i < 64; i++)
			CHECK_EQ(p[i * PAGE], i < 32 ? 2 : 1);
		_exit(0);
	}
	for (i = 32; i < 64; i++)
		p[i * PAGE] = 3;
	status = wait_for(pid);
	CHECK_EQ(status, 0);
	for (i = 0; i < 64; i++) {
		CHECK_EQ(p[i * PAGE], i < 32 ? 1 : 3);
		CHECK_EQ(p[i * PAGE + 1], 1);
	}
}

TEST(shared_memory_is_seen_across_fork_both_ways)
{
	volatile int *s =
		mmap(NULL, 4 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	CHECK((void *)s != MAP_FAILED);
	s[0] = 11;
	pid = fork();
	if (!pid) {
		CHECK_EQ(s[0], 11);
		s[1] = 22;
		/* Untouched before the fork, so not yet allocated. */
		s[3 * PAGE / sizeof(*s)] = 33;
		_exit(0);
	}
	CHECK_EQ(wait_for(pid), 0);
	CHECK_EQ(s[1], 22);
	CHECK_EQ(s[3 * PAGE / sizeof(*s)], 33);
}

TEST(zero_page_is_never_written)
{
	char *p = map(8 * PAGE, RW), *q = map(8 * PAGE, RW);
	int i;

	for (i = 0; i < 8; i++)
		CHECK_EQ(p[i * PAGE] + q[i * PAGE], 0);
	for (i = 0; i < 8; i++)
		p[i * PAGE] = 9;
	for (i = 0; i < 8; i++)
		CHECK_EQ(q[i * PAGE], 0);
}

TEST(private_file_mapping_shows_the_file_and_keeps_writes)
{
	char *p, c;
	int fd;

	file_of(2 * PAGE + 100, &fd);
	p = mmap(NULL, 3 * PAGE, RW, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED);
	CHECK_EQ(p[0], 'a');
	CHECK_EQ(p[PAGE], 'b');
	CHECK_EQ(p[2 * PAGE + 99], 'c');
	CHECK_EQ(p[2 * PAGE + 100], 0);
	p[PAGE + 5] = 'X';
	CHECK_EQ(pread(fd, &c, 1, PAGE + 5), 1);
	CHECK_EQ(c, 'b');
	CHECK_EQ(p[PAGE + 4], 'b');
	close(fd);
	CHECK_EQ(p[2 * PAGE], 'c');
	CHECK_EQ(p[PAGE + 5], 'X');
}

TEST(file_mapping_beyond_the_end_is_sigbus)
{
	char *p;
	int fd;

	file_of(10, &fd);
	p = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED);
	CHECK_EQ(p[9], 'a');
	CHECK_FAULT(PROBE_READ, p + PAGE, SIGBUS, BUS_ADRERR);
}

TEST(file_mapping_starts_at_its_offset)
{
	char *p;
	int fd;

	file_of(3 * PAGE, &fd);
	p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE);
	CHECK(p != MAP_FAILED);
	CHECK_EQ(p[0], 'b');
	CHECK_EQ(p[PAGE - 1], 'b');
}

TEST(populate_makes_pages_present_at_once)
{
	long before = proc_value("/proc/self/status", "VmRSS:");
	char *p = mmap(NULL, 4 * MIB, RW,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	CHECK(p != MAP_FAILED);
	CHECK(proc_value("/proc/self/status", "VmRSS:") >= before + 4000);
}

TEST(rss_follows_touching_and_dropping)
{
	char *p = map(8 * MIB, RW);
	long at_start = proc_value("/proc/self/status", "VmRSS:");

	memset(p, 1, 8 * MIB);
	CHECK(proc_value("/proc/self/status", "VmRSS:") >= at_start + 8000);
	CHECK_EQ(madvise(p, 8 * MIB, MADV_DONTNEED), 0);
	CHECK(proc_value("/proc/self/status", "VmRSS:") <= at_start + 500);
}

TEST(maps_lists_heap_stack_and_what_was_mapped)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512], *p = map(PAGE, PROT_READ);
	bool heap = false, stack = false, ours = false;
	int local;

	CHECK(syscall(SYS_brk, syscall(SYS_brk, 0) + PAGE) > 0);
	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		unsigned long a, b, at = (unsigned long)p;
		char perms[8];

		CHECK_EQ(sscanf(line, "%lx-%lx %7s", &a, &b, perms), 3);
		CHECK(a < b);
		if (strstr(line, "[heap]"))
			heap = true;
		if (strstr(line, "[stack]")) {
			at = (unsigned long)&local;
			stack = a <= at && at < b && !strcmp(perms, "rw-p");
		} else if (a <= at && at < b) {
			ours = !strcmp(perms, "r--p");
		}
	}
	CHECK(heap);
	CHECK(stack);
	CHECK(ours);
}

__attribute__((noinline)) static int use_stack(int frames)
{
	volatile char frame[16384];

	frame[0] = (char)frames;
	frame[sizeof(frame) - 1] = 1;
	return frames ? use_stack(frames - 1) + frame[sizeof(frame) - 1]
		      : frame[0];
}

TEST(stack_grows_to_six_mib)
{
	CHECK_EQ(use_stack(6 * 64), 6 * 64);
}

TEST(heap_of_many_sizes_keeps_its_contents)
{
	enum { NR = 2000, ROUNDS = 40000 };
	static unsigned char *p[NR];
	static size_t size[NR];
	uint64_t seed = 12345;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		int k = (int)((seed = seed * 6364136223846793005ULL + 1) >>
			      33) %
			NR;
		size_t want = (seed >> 20) % ((seed & 31) ? 400 : 200000) + 1;

		if (p[k]) {
			CHECK_EQ(p[k][0], (unsigned char)k);
			CHECK_EQ(p[k][size[k] - 1], (unsigned char)k);
		}
		p[k] = realloc(p[k], want);
		CHECK(p[k]);
		size[k] = want;
		memset(p[k], k, want);
	}
}

TEST(large_heap_is_zero_and_comes_back)
{
	int round;

	for (round = 0; round < 3; round++) {
		size_t i, bytes = 64 * MIB;
		char *p = calloc(1, bytes);

		CHECK(p);
		for (i = 0; i < bytes; i += PAGE) {
			CHECK_EQ(p[i], 0);
			p[i] = 1;
		}
		free(p);
	}
}

TEST(a_thousand_mappings_can_be_made_and_torn)
{
	enum { NR = 1000 };
	static char *p[NR];
	int i;

	/* Alternating protections, so that none can be merged. */
	for (i = 0; i < NR; i++) {
		p[i] = map(2 * PAGE, i % 2 ? RW : PROT_READ);
		if (i % 2)
			p[i][0] = (char)i;
	}
	for (i = 0; i < NR; i++)
		CHECK_EQ(p[i][0], i % 2 ? (char)i : 0);
	for (i = 0; i < NR; i += 2)
		CHECK_EQ(munmap(p[i], 2 * PAGE), 0);
	for (i = 1; i < NR; i += 2)
		CHECK_EQ(p[i][0], (char)i);
}

TEST(fork_inherits_protections_and_then_they_are_independent)
{
	char *p = map(2 * PAGE, RW);
	pid_t pid;

	p[0] = 1;
	CHECK_EQ(mprotect(p, PAGE, PROT_READ), 0);
	pid = fork();
	if (!pid) {
		CHECK_FAULT(PROBE_WRITE, p, SIGSEGV, SEGV_ACCERR);
		CHECK_EQ(mprotect(p, PAGE, RW), 0);
		p[0] = 2;
		_exit(0);
	}
	CHECK_EQ(wait_for(pid), 0);
	CHECK_EQ(p[0], 1);
	CHECK_FAULT(PROBE_WRITE, p, SIGSEGV, SEGV_ACCERR);
}
