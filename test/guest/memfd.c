/* SPDX-License-Identifier: MIT */
/*
 * memfd.c - files in memory as programs see them: memfd_create and seals,
 * fallocate, holes; and what tells of memory: mincore, msync, pagemap.
 *
 * Sources: memfd_create(2), fcntl(2), fallocate(2), lseek(2), mincore(2),
 * msync(2), proc(5), Linux's admin-guide/mm/pagemap.rst.
 */
#include "guest.h"

#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_GET_SEALS 1034
#endif
#define SEAL_SEAL	  1
#define SEAL_SHRINK	  2
#define SEAL_GROW	  4
#define SEAL_WRITE	  8
#define SEAL_FUTURE_WRITE 16
#define SEAL_EXEC	  32
#define NOEXEC_SEAL	  8U
#define ALLOW_SEALING	  2U
#define KEEP_SIZE	  1
#define PUNCH_HOLE	  2

#define RW		  (PROT_READ | PROT_WRITE)

static bool role(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return false;
}

static int memfd(unsigned int flags, off_t size)
{
	int fd = (int)syscall(SYS_memfd_create, "guest", flags);

	CHECK(fd >= 0);
	CHECK_EQ(ftruncate(fd, size), 0);
	return fd;
}

static char *map_shared(int fd, size_t size, int prot)
{
	return mmap(NULL, size, prot, MAP_SHARED, fd, 0);
}

TEST(a_memfd_is_named_and_nowhere)
{
	char link[64], path[64];
	int fd = memfd(0, 0);
	struct stat st;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	CHECK(n > 0);
	path[n] = '\0';
	CHECK_EQ(strcmp(path, "/memfd:guest (deleted)"), 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_nlink, 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0777);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), SEAL_SEAL);
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, SEAL_GROW), EPERM);
	CHECK_EQ(fcntl(open("/dev/null", O_RDWR), F_GET_SEALS), -1);
}

TEST(memfd_create_refuses_what_it_does_not_know)
{
	char name[260];

	CHECK_ERR(syscall(SYS_memfd_create, "x", 0x100), EINVAL);
	CHECK_ERR(syscall(SYS_memfd_create, "x", 0x18), EINVAL);
	CHECK_ERR(syscall(SYS_memfd_create, (char *)8, 0), EFAULT);
	memset(name, 'n', sizeof(name));
	name[250] = '\0';
	CHECK_ERR(syscall(SYS_memfd_create, name, 0), EINVAL);
	name[249] = '\0';
	CHECK(syscall(SYS_memfd_create, name, 0) >= 0);
}

TEST(seals_of_size_hold_against_every_way_to_resize)
{
	int fd = memfd(ALLOW_SEALING, 2 * PAGE);
	char c[PAGE];

	memset(c, 1, sizeof(c));
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, SEAL_SHRINK), 0);
	CHECK_ERR(ftruncate(fd, PAGE), EPERM);
	CHECK_EQ(ftruncate(fd, 3 * PAGE), 0);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, SEAL_GROW), 0);
	CHECK_ERR(ftruncate(fd, 4 * PAGE), EPERM);
	CHECK_ERR(pwrite(fd, c, 2, 3 * PAGE), EPERM);
	CHECK_ERR(fallocate(fd, 0, 0, 4 * PAGE), EPERM);
	CHECK_EQ(pwrite(fd, c, PAGE, 2 * PAGE), PAGE);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), SEAL_SHRINK | SEAL_GROW);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, SEAL_SEAL), 0);
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, SEAL_WRITE), EPERM);
}

TEST(a_write_seal_waits_for_writable_mappings)
{
	int fd = memfd(ALLOW_SEALING, PAGE);
	char *p = map_shared(fd, PAGE, PROT_READ);
	char *q = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);

	CHECK(p != MAP_FAILED && q != MAP_FAILED);
	/* It could be made writable. */
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, SEAL_WRITE), EBUSY);
	CHECK_EQ(munmap(p, PAGE), 0);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, SEAL_WRITE), 0);
	CHECK_ERR(write(fd, "x", 1), EPERM);
	CHECK_ERR(fallocate(fd, PUNCH_HOLE | KEEP_SIZE, 0, PAGE), EPERM);
	CHECK(map_shared(fd, PAGE, RW) == MAP_FAILED);
	CHECK_EQ(errno, EPERM);
	*q = 1;
	CHECK(mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0) != MAP_FAILED);
}

TEST(a_future_write_seal_leaves_what_is_mapped)
{
	int fd = memfd(ALLOW_SEALING, 2 * PAGE);
	char *p = map_shared(fd, PAGE, RW), *q;

	CHECK(p != MAP_FAILED);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, SEAL_FUTURE_WRITE), 0);
	*p = 7;
	CHECK_ERR(pwrite(fd, "x", 1, 0), EPERM);
	/* Beside it, where it would only make that area larger. */
	CHECK(mmap(p + PAGE, PAGE, RW, MAP_SHARED | MAP_FIXED, fd, PAGE) ==
	      MAP_FAILED);
	CHECK_EQ(errno, EPERM);
	q = map_shared(fd, PAGE, PROT_READ);
	CHECK(q != MAP_FAILED);
	CHECK_EQ(*q, 7);
	CHECK_ERR(mprotect(q, PAGE, RW), EACCES);
}

TEST(an_exec_seal_keeps_the_mode)
{
	int fd = memfd(NOEXEC_SEAL, PAGE);
	struct stat st;

	CHECK_EQ(fcntl(fd, F_GET_SEALS), SEAL_EXEC);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_mode & 0777, 0666);
	CHECK_ERR(fchmod(fd, 0777), EPERM);
	CHECK_EQ(fchmod(fd, 0600), 0);
	fd = memfd(ALLOW_SEALING, PAGE);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, SEAL_EXEC), 0);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), SEAL_EXEC | SEAL_SHRINK | SEAL_GROW |
						 SEAL_WRITE |
						 SEAL_FUTURE_WRITE);
}

/*
 *   page       0 1 2 3 4
 *   written    w w w w -
 *   punched    [..) 100 of page 0 to 100 of page 2
 */
TEST(a_punched_hole_reads_as_zeros_and_is_found)
{
	int fd = memfd(0, 5 * PAGE);
	char *p = map_shared(fd, 5 * PAGE, RW);
	struct stat st;

	CHECK(p != MAP_FAILED);
	memset(p, 5, 4 * PAGE);
	CHECK_EQ(fallocate(fd, PUNCH_HOLE | KEEP_SIZE, 100, 2 * PAGE), 0);
	CHECK_EQ(p[99], 5);
	CHECK_EQ(p[100], 0);
	CHECK_EQ(p[2 * PAGE + 99], 0);
	CHECK_EQ(p[2 * PAGE + 100], 5);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_blocks, 3 * PAGE / 512);
	CHECK_EQ(lseek(fd, 0, SEEK_DATA), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_HOLE), PAGE);
	CHECK_EQ(lseek(fd, PAGE + 7, SEEK_HOLE), PAGE + 7);
	CHECK_EQ(lseek(fd, PAGE + 7, SEEK_DATA), 2 * PAGE);
	CHECK_ERR(lseek(fd, 4 * PAGE, SEEK_DATA), ENXIO);
	CHECK_ERR(lseek(fd, 5 * PAGE, SEEK_HOLE), ENXIO);
	CHECK_ERR(fallocate(fd, PUNCH_HOLE, 0, PAGE), EOPNOTSUPP);
	CHECK_ERR(fallocate(fd, 0, 0, 0), EINVAL);
	CHECK_ERR(fallocate(fd, 0x10, 0, PAGE), EOPNOTSUPP);
}

TEST(reserved_room_counts_and_changes_nothing)
{
	int fd = memfd(0, PAGE);
	struct stat st;
	char c;

	CHECK_EQ(fallocate(fd, KEEP_SIZE, 0, 4 * PAGE), 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, PAGE);
	CHECK_EQ(st.st_blocks, 4 * PAGE / 512);
	CHECK_EQ(fallocate(fd, 0, 0, 2 * PAGE), 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, 2 * PAGE);
	CHECK_EQ(pread(fd, &c, 1, PAGE), 1);
	CHECK_EQ(c, 0);
	/* What lies behind the end goes with the same size set again. */
	CHECK_EQ(ftruncate(fd, 2 * PAGE), 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_blocks, 2 * PAGE / 512);
}

TEST(mincore_says_what_is_in_memory)
{
	int fd = memfd(0, 3 * PAGE);
	char *p = map(4 * PAGE, RW), *q = map_shared(fd, 3 * PAGE, RW);
	unsigned char vec[4];

	p[PAGE] = 1;
	CHECK_EQ(mincore(p, 4 * PAGE, vec), 0);
	CHECK_EQ(vec[0] & 1, 0);
	CHECK_EQ(vec[1] & 1, 1);
	CHECK_EQ(pwrite(fd, "x", 1, 2 * PAGE), 1);
	CHECK_EQ(mincore(q, 3 * PAGE - 5, vec), 0);
	CHECK_EQ(vec[0] & 1, 0);
	CHECK_EQ(vec[2] & 1, 1);
	CHECK_ERR(mincore(p + 1, PAGE, vec), EINVAL);
	CHECK_ERR(mincore(p, PAGE, (unsigned char *)8), EFAULT);
	CHECK_EQ(munmap(p + 2 * PAGE, PAGE), 0);
	CHECK_ERR(mincore(p, 4 * PAGE, vec), ENOMEM);
	CHECK_EQ(mincore(p, 0, NULL), 0);
}

TEST(msync_checks_flags_and_holes)
{
	char *p = map(3 * PAGE, RW);

	CHECK_EQ(msync(p, 3 * PAGE, MS_SYNC), 0);
	CHECK_ERR(msync(p, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
	CHECK_ERR(msync(p + 1, PAGE, MS_SYNC), EINVAL);
	CHECK_ERR(msync(p, PAGE, 8), EINVAL);
	CHECK_EQ(munmap(p + PAGE, PAGE), 0);
	CHECK_ERR(msync(p, 3 * PAGE, MS_ASYNC), ENOMEM);
	CHECK_ERR(msync(p, (size_t)-1 << 12, MS_SYNC), ENOMEM);
}

static uint64_t pagemap_of(const char *p)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t e = 0;

	CHECK(fd >= 0);
	CHECK_EQ(pread(fd, &e, 8, (off_t)((uintptr_t)p / PAGE * 8)), 8);
	CHECK_ERR(pread(fd, &e, 7, 0), EINVAL);
	CHECK_ERR(pread(fd, &e, 8, 4), EINVAL);
	close(fd);
	return e;
}

TEST(pagemap_tells_present_file_and_exclusive)
{
	int fd = memfd(0, PAGE);
	char *p = map(2 * PAGE, RW), *q = map_shared(fd, PAGE, RW);
	uint64_t e;

	CHECK_EQ(pagemap_of(p) >> 63, 0);
	*p = *q = 1;
	e = pagemap_of(p);
	CHECK_EQ(e >> 63, 1);
	CHECK_EQ(e >> 61 & 1, 0);
	CHECK_EQ(e >> 56 & 1, 1);
	e = pagemap_of(q);
	CHECK_EQ(e >> 61 & 5, 5);
	CHECK_EQ(e >> 56 & 1, 1);
}

TEST(proc_mem_reads_and_writes_other_memory)
{
	char path[64], buf[8] = "", *p = map(2 * PAGE, RW);
	pid_t pid;
	int fd;

	strcpy(p, "before");
	pid = fork();
	if (pid == 0) {
		while (*(volatile char *)p != 'a')
			usleep(1000);
		_exit(5);
	}
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDWR);
	CHECK(fd >= 0);
	CHECK_EQ(pread(fd, buf, 7, (off_t)(uintptr_t)p), 7);
	CHECK_EQ(strcmp(buf, "before"), 0);
	CHECK_ERR(pread(fd, buf, 7, 0), EIO);
	CHECK_EQ(pwrite(fd, "a", 1, (off_t)(uintptr_t)p), 1);
	CHECK_EQ(*p, 'b');
	CHECK_EQ(WEXITSTATUS(wait_for(pid)), 5);
	CHECK_EQ(pread(fd, buf, 7, (off_t)(uintptr_t)p), 0);
}

TEST(smaps_rollup_is_the_sum_of_smaps)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	char line[512];
	long sum = 0, n;

	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "Rss: %ld kB", &n) == 1)
			sum += n;
	fclose(f);
	n = proc_value("/proc/self/smaps_rollup", "Rss:");
	CHECK(n >= sum && n < sum + 64);
	CHECK(proc_value("/proc/self/smaps_rollup", "Pss_Anon:") > 0);
}

TEST(advice_about_files_is_checked)
{
	int fd = memfd(0, PAGE), p[2];

	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED), 0);
	CHECK_EQ(posix_fadvise(fd, 0, 0, 9), EINVAL);
	CHECK_EQ(posix_fadvise(p[0], 0, 0, 0), ESPIPE);
	CHECK_ERR(sync_file_range(fd, -1, 0, 0), EINVAL);
	CHECK_EQ(sync_file_range(fd, 0, PAGE, 2), 0);
	CHECK_ERR(sync_file_range(p[0], 0, 0, 0), ESPIPE);
}
