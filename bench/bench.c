/* SPDX-License-Identifier: MIT */
/*
 * bench.c - what memory operations cost, as /init of an initramfs.
 *
 * 1. One static program for both kernels.  Under QEMU's -icount the time stamp
 *    counter counts instructions, so a row is exact; without, it is time, and
 *    the row "tick" says how many ticks a microsecond has.
 * 2. Timed parts hold nothing but system-call instructions, touches and
 *    `lfence; rdtsc`; the cost of the pair of readings is measured and taken
 *    off.  Each row is warmed up once; the median of ROUNDS is printed.
 * 3. Output: "NAME VALUE" a line, VALUE per unit of the row; "NAME - WHY" for
 *    a row that could not be run; "done" last.
 * 4. /mode in the initramfs says what to do: "rows", "memory" (what is
 *    available in this machine).  With an argument the program exits at once:
 *    that is what fork+exec executes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE   4096UL
#define MIB    (1UL << 20)
#define HUGE   (2 * MIB)
#define ROUNDS 7
#define RW     (PROT_READ | PROT_WRITE)

/* The first instructions of the process: note the time, then start. */
uint64_t bench_first_tsc;
__asm__(".globl bench_start\n"
	"bench_start:\n"
	"	rdtsc\n"
	"	shl $32, %rdx\n"
	"	or %rdx, %rax\n"
	"	mov %rax, bench_first_tsc(%rip)\n"
	"	xor %edx, %edx\n"
	"	jmp _start\n");

static inline uint64_t now(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence\n\trdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (uint64_t)hi << 32 | lo;
}

static inline long sys6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8),
			   "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}
#define sys3(nr, a, b, c) sys6(nr, (long)(a), (long)(b), (long)(c), 0, 0, 0)

static inline char *map_at(void *at, size_t bytes, int prot, int flags)
{
	return (char *)sys6(SYS_mmap, (long)at, (long)bytes, prot,
			    MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static inline char *map(size_t bytes, int prot, int flags)
{
	return map_at(NULL, bytes, prot, flags);
}

static inline void unmap(void *p, size_t bytes)
{
	sys3(SYS_munmap, p, bytes, 0);
}

static inline void write_pages(char *p, size_t nr)
{
	char *end = p + nr * PAGE;

	for (; p < end; p += PAGE)
		*(volatile char *)p = 1;
}

static inline void read_pages(char *p, size_t nr)
{
	char *end = p + nr * PAGE;

	for (; p < end; p += PAGE)
		(void)*(volatile char *)p;
}

/* ---- rows ---- */

static uint64_t overhead; /* of one pair of readings */

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* A row's function makes one round: ticks of `units` units. */
static void row(const char *name, uint64_t units, uint64_t (*fn)(void))
{
	uint64_t t[ROUNDS];
	int i;

	fn();
	for (i = 0; i < ROUNDS; i++)
		t[i] = fn();
	qsort(t, ROUNDS, sizeof(t[0]), by_value);
	t[0] = t[ROUNDS / 2];
	if (t[0] == UINT64_MAX) {
		printf("%s - %s\n", name, strerror(errno));
		return;
	}
	t[0] = t[0] > overhead ? t[0] - overhead : 0;
	printf("%s %.1f\n", name, (double)t[0] / (double)units);
}

#define FAILED UINT64_MAX

static uint64_t row_nothing(void)
{
	uint64_t t = now();

	return now() - t;
}

static uint64_t row_getppid(void)
{
	uint64_t t = now();
	int i;

	for (i = 0; i < 100; i++)
		sys3(SYS_getppid, 0, 0, 0);
	return now() - t;
}

#define NR_FAULT 512

static uint64_t row_write_fault(void)
{
	char *p = map(NR_FAULT * PAGE, RW, 0);
	uint64_t t = now();

	write_pages(p, NR_FAULT);
	t = now() - t;
	unmap(p, NR_FAULT * PAGE);
	return t;
}

static uint64_t row_read_fault(void)
{
	char *p = map(NR_FAULT * PAGE, RW, 0);
	uint64_t t = now();

	read_pages(p, NR_FAULT);
	t = now() - t;
	unmap(p, NR_FAULT * PAGE);
	return t;
}

static uint64_t row_populate(void)
{
	uint64_t t = now();
	char *p = map(NR_FAULT * PAGE, RW, MAP_POPULATE);

	t = now() - t;
	unmap(p, NR_FAULT * PAGE);
	return t;
}

static uint64_t mmap_munmap(size_t pages, bool touch)
{
	uint64_t t = now();
	int i;

	for (i = 0; i < 10; i++) {
		char *p = map(pages * PAGE, RW, 0);

		if (touch)
			write_pages(p, pages);
		unmap(p, pages * PAGE);
	}
	return now() - t;
}

static uint64_t row_mmap_0(void)
{
	return mmap_munmap(1, false);
}
static uint64_t row_mmap_1(void)
{
	return mmap_munmap(1, true);
}
static uint64_t row_mmap_16(void)
{
	return mmap_munmap(16, true);
}
static uint64_t row_mmap_256(void)
{
	return mmap_munmap(256, true);
}

static uint64_t brk_pair(bool touch)
{
	/* Grown once before, so that the heap's area exists. */
	long at = sys3(SYS_brk, 0, 0, 0);
	uint64_t t = now();
	int i;

	for (i = 0; i < 10; i++) {
		sys3(SYS_brk, at + (long)PAGE, 0, 0);
		if (touch)
			*(volatile char *)at = 1;
		sys3(SYS_brk, at, 0, 0);
	}
	return now() - t;
}

static uint64_t row_brk(void)
{
	return brk_pair(false);
}
static uint64_t row_brk_touch(void)
{
	return brk_pair(true);
}

static uint64_t mprotect_pair(size_t area, size_t from, size_t pages)
{
	char *p = map(area * PAGE, RW, 0);
	uint64_t t;
	int i;

	write_pages(p, area);
	t = now();
	for (i = 0; i < 10; i++) {
		sys3(SYS_mprotect, p + from * PAGE, pages * PAGE, PROT_READ);
		sys3(SYS_mprotect, p + from * PAGE, pages * PAGE, RW);
	}
	t = now() - t;
	unmap(p, area * PAGE);
	return t;
}

static uint64_t row_mprotect_1(void)
{
	return mprotect_pair(1, 0, 1);
}
static uint64_t row_mprotect_split(void)
{
	return mprotect_pair(3, 1, 1);
}
static uint64_t row_mprotect_1024(void)
{
	return mprotect_pair(1024, 0, 1024);
}

static char *segv_page;

static void on_segv(int sig)
{
	(void)sig;
	sys3(SYS_mprotect, segv_page, PAGE, RW);
}

static uint64_t row_segv(void)
{
	uint64_t t, sum = 0;
	int i;

	segv_page = map(PAGE, RW, 0);
	*(volatile char *)segv_page = 1;
	signal(SIGSEGV, on_segv);
	for (i = 0; i < 10; i++) {
		sys3(SYS_mprotect, segv_page, PAGE, PROT_READ);
		t = now();
		*(volatile char *)segv_page = 2;
		sum += now() - t;
	}
	signal(SIGSEGV, SIG_DFL);
	unmap(segv_page, PAGE);
	return sum;
}

#define NR_MOVE 1024

/* Room for moves: 16 MiB reserved, the start aligned to 2 MiB. */
static char *arena(char **all)
{
	*all = map(16 * MIB, PROT_NONE, MAP_NORESERVE);
	return (char *)(((uintptr_t)*all + HUGE - 1) & -HUGE);
}

static uint64_t row_mremap_grow(void)
{
	char *all, *p = arena(&all);
	uint64_t t;
	long q;

	map_at(p, NR_MOVE * PAGE, RW, MAP_FIXED);
	write_pages(p, NR_MOVE);
	/* What follows is taken, so growing moves. */
	t = now();
	q = sys6(SYS_mremap, (long)p, NR_MOVE * PAGE, 2 * NR_MOVE * PAGE,
		 MREMAP_MAYMOVE, 0, 0);
	t = now() - t;
	unmap((void *)q, 2 * NR_MOVE * PAGE);
	unmap(all, 16 * MIB);
	return t;
}

static uint64_t mremap_fixed(size_t offset)
{
	char *all, *p = arena(&all), *to;
	uint64_t t;

	map_at(p, NR_MOVE * PAGE, RW, MAP_FIXED);
	write_pages(p, NR_MOVE);
	to = p + 2 * HUGE + offset;
	unmap(to, NR_MOVE * PAGE);
	t = now();
	sys6(SYS_mremap, (long)p, NR_MOVE * PAGE, NR_MOVE * PAGE,
	     MREMAP_MAYMOVE | MREMAP_FIXED, (long)to, 0);
	t = now() - t;
	unmap(all, 16 * MIB);
	return t;
}

static uint64_t row_mremap_unaligned(void)
{
	return mremap_fixed(PAGE);
}
static uint64_t row_mremap_aligned(void)
{
	return mremap_fixed(0);
}

/* ---- processes ---- */

static inline long do_fork(void)
{
	return sys6(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
}

static inline void do_exit(void)
{
	sys3(SYS_exit_group, 0, 0, 0);
}

static uint64_t fork_wait(size_t bytes)
{
	char *p = bytes ? map(bytes, RW, 0) : NULL;
	uint64_t t;
	long pid;

	write_pages(p, bytes / PAGE);
	t = now();
	pid = do_fork();
	if (!pid)
		do_exit();
	sys6(SYS_wait4, pid, 0, 0, 0, 0, 0);
	t = now() - t;
	if (bytes)
		unmap(p, bytes);
	return pid < 0 ? (errno = (int)-pid, FAILED) : t;
}

static uint64_t row_fork_0(void)
{
	return fork_wait(0);
}
static uint64_t row_fork_16(void)
{
	return fork_wait(16 * MIB);
}
static uint64_t row_fork_256(void)
{
	return fork_wait(256 * MIB);
}

static uint64_t row_fork_exec(void)
{
	static char *argv[] = {"/init", "x", NULL}, *envp[] = {NULL};
	uint64_t t = now();
	long pid = do_fork();
	int status = 0;

	if (!pid) {
		sys3(SYS_execve, "/init", argv, envp);
		sys3(SYS_exit_group, 1, 0, 0);
	}
	sys6(SYS_wait4, pid, (long)&status, 0, 0, 0, 0);
	t = now() - t;
	return status ? (errno = ENOEXEC, FAILED) : t;
}

static uint64_t cow(bool child_stays)
{
	char *p = map(NR_FAULT * PAGE, RW, 0);
	int fds[2], c;
	uint64_t t;
	long pid;

	write_pages(p, NR_FAULT);
	if (pipe(fds) < 0)
		return FAILED;
	pid = do_fork();
	if (!pid) {
		if (child_stays) {
			sys3(SYS_close, fds[1], 0, 0);
			sys3(SYS_read, fds[0], &c, 1);
		}
		do_exit();
	}
	if (!child_stays)
		sys6(SYS_wait4, pid, 0, 0, 0, 0, 0);
	t = now();
	write_pages(p, NR_FAULT);
	t = now() - t;
	close(fds[0]);
	close(fds[1]);
	if (child_stays)
		sys6(SYS_wait4, pid, 0, 0, 0, 0, 0);
	unmap(p, NR_FAULT * PAGE);
	return t;
}

static uint64_t row_cow_copy(void)
{
	return cow(true);
}
static uint64_t row_cow_reuse(void)
{
	return cow(false);
}

static uint64_t dontneed(bool refault)
{
	char *p = map(NR_FAULT * PAGE, RW, 0);
	uint64_t t, first;
	long err;

	write_pages(p, NR_FAULT);
	t = now();
	err = sys3(SYS_madvise, p, NR_FAULT * PAGE, MADV_DONTNEED);
	first = now() - t;
	t = now();
	write_pages(p, NR_FAULT);
	t = now() - t;
	unmap(p, NR_FAULT * PAGE);
	if (err)
		return errno = (int)-err, FAILED;
	return refault ? t : first;
}

static uint64_t row_dontneed(void)
{
	return dontneed(false);
}
static uint64_t row_refault(void)
{
	return dontneed(true);
}

static uint64_t row_munmap(void)
{
	char *p = map(NR_FAULT * PAGE, RW, 0);
	uint64_t t;

	write_pages(p, NR_FAULT);
	t = now();
	unmap(p, NR_FAULT * PAGE);
	return now() - t;
}

/* ---- ten thousand areas ---- */

#define NR_AREAS 10000

static char *areas[NR_AREAS];

static void many_areas(void)
{
	uint64_t t = now(), made, faulted, forked = 0;
	long pid = 0;
	int i;

	/* Neighbours differ in protection, so that none are merged. */
	for (i = 0; i < NR_AREAS; i++)
		areas[i] = map(PAGE, i & 1 ? RW : RW | PROT_EXEC, 0);
	made = now() - t;
	if ((unsigned long)areas[NR_AREAS - 1] > -4096UL) {
		printf("areas_mmap - %s\n",
		       strerror((int)-(long)areas[NR_AREAS - 1]));
		return;
	}
	t = now();
	for (i = 0; i < NR_AREAS; i++)
		*(volatile char *)areas[i] = 1;
	faulted = now() - t;
	t = now();
	pid = do_fork();
	if (!pid)
		do_exit();
	sys6(SYS_wait4, pid, 0, 0, 0, 0, 0);
	forked = now() - t;
	t = now();
	for (i = 0; i < NR_AREAS; i++)
		unmap(areas[i], PAGE);
	t = now() - t;
	printf("areas_mmap %.1f\nareas_fault %.1f\nareas_munmap %.1f\n",
	       (double)made / NR_AREAS, (double)faulted / NR_AREAS,
	       (double)t / NR_AREAS);
	if (pid > 0)
		printf("areas_fork %.1f\n", (double)forked);
	else
		printf("areas_fork - %s\n", strerror((int)-pid));
}

static void rows(void)
{
	struct timespec a, b;
	uint64_t t;

	/* Huge pages would hide the rows of small ones. */
	if (prctl(41 /* PR_SET_THP_DISABLE */, 1, 0, 0, 0) < 0)
		puts("# no huge pages to disable");
	row("nothing", 1, row_nothing);
	overhead = row_nothing();
	t = now();
	clock_gettime(CLOCK_MONOTONIC, &a);
	row("getppid", 100, row_getppid);
	row("write_fault", NR_FAULT, row_write_fault);
	row("read_fault", NR_FAULT, row_read_fault);
	row("populate", NR_FAULT, row_populate);
	row("mmap_0", 10, row_mmap_0);
	row("mmap_1", 10, row_mmap_1);
	row("mmap_16", 10, row_mmap_16);
	row("mmap_256", 10, row_mmap_256);
	row("brk", 10, row_brk);
	row("brk_touch", 10, row_brk_touch);
	row("mprotect_1", 20, row_mprotect_1);
	row("mprotect_split", 20, row_mprotect_split);
	row("mprotect_1024", 20, row_mprotect_1024);
	row("segv", 10, row_segv);
	row("mremap_grow", 1, row_mremap_grow);
	row("mremap_unaligned", 1, row_mremap_unaligned);
	row("mremap_aligned", 1, row_mremap_aligned);
	row("fork_0", 1, row_fork_0);
	row("fork_16", 1, row_fork_16);
	row("fork_256", 1, row_fork_256);
	row("fork_exec", 1, row_fork_exec);
	row("cow_copy", NR_FAULT, row_cow_copy);
	row("cow_reuse", NR_FAULT, row_cow_reuse);
	row("dontneed", NR_FAULT, row_dontneed);
	row("refault", NR_FAULT, row_refault);
	row("munmap", NR_FAULT, row_munmap);
	many_areas();
	clock_gettime(CLOCK_MONOTONIC, &b);
	t = now() - t;
	printf("tick %.3f\n", (double)t * 1000 /
				      ((double)(b.tv_sec - a.tv_sec) * 1e9 +
				       (double)(b.tv_nsec - a.tv_nsec)));
}

static void memory(void)
{
	FILE *f;
	char line[128];

	f = fopen("/proc/meminfo", "r");
	while (f && fgets(line, sizeof(line), f)) {
		long kib;

		if (sscanf(line, "MemTotal: %ld", &kib) == 1)
			printf("total_kib %ld\n", kib);
		if (sscanf(line, "MemFree: %ld", &kib) == 1)
			printf("free_kib %ld\n", kib);
		if (sscanf(line, "MemAvailable: %ld", &kib) == 1)
			printf("available_kib %ld\n", kib);
	}
	if (!f)
		printf("free_kib - /proc/meminfo: %s\n", strerror(errno));
}

/* Process 1 is special to Linux, which reports its faults on the console. */
static void in_child(void (*fn)(void))
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		fn();
		fflush(stdout);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		printf("# the rows ended early: status %#x, %s\n", status,
		       strerror(errno));
}

int main(int argc, char **argv)
{
	char mode[16] = "rows";
	int fd;

	if (argc > 1 && !strcmp(argv[1], "x"))
		return 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("first_instruction %llu\n", (unsigned long long)bench_first_tsc);
	fd = open("/mode", O_RDONLY);
	if (fd >= 0 && read(fd, mode, sizeof(mode) - 1) < 0)
		puts("# /mode cannot be read");
	mkdir("/proc", 0755);
	if (mount("proc", "/proc", "proc", 0, NULL) < 0)
		printf("# mounting /proc: %s\n", strerror(errno));
	if (!strncmp(mode, "memory", 6))
		memory();
	else
		in_child(rows);
	puts("done");
	fflush(stdout);
	if (getpid() == 1)
		reboot(RB_AUTOBOOT);
	return 0;
}
