/* SPDX-License-Identifier: MIT */
/*
 * secret.c - a program sees nothing that was not meant for it: fresh memory is
 * zero wherever it comes from, and what calls fill in holds neither addresses
 * of the kernel nor what others have passed through it.
 */
#include "guest.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <termios.h>
#include <ucontext.h>

#define SECRET	    0xa7
#define DIRTY_PAGES 512

extern char **environ;

static char bss_page[2 * PAGE];
static char data_before_bss[] = "not zero";

static bool all_zero(const volatile char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

/* sbrk(3) is refused by some libcs. */
static char *grow_heap(intptr_t bytes)
{
	char *old = (char *)syscall(SYS_brk, 0);

	CHECK_EQ(syscall(SYS_brk, old + bytes), old + bytes);
	return old;
}

static bool role(int argc, char **argv)
{
	if (argc < 2 || strcmp(argv[1], "role-fresh"))
		return false;
	/* The file's last page ends with bss; the heap follows. */
	if (!data_before_bss[0] || !all_zero(bss_page, sizeof(bss_page)))
		exit(1);
	exit(all_zero(grow_heap(4 * PAGE), 4 * PAGE) ? 0 : 2);
}

/* Fill what will be free again soon: frames, slabs, stacks of the kernel. */
static void leave_secrets(void)
{
	static char text[PATH_MAX];
	pid_t pid = fork();

	if (!pid) {
		char *p = map(DIRTY_PAGES * PAGE, PROT_READ | PROT_WRITE);
		int fds[2], i;

		memset(p, SECRET, DIRTY_PAGES * PAGE);
		memset(text, SECRET, sizeof(text) - 1);
		for (i = 0; i < 50; i++) {
			/* Long names go through buffers of the kernel. */
			open(text, O_RDONLY);
			text[200] = '/';
			open(text, O_RDONLY);
			readlink(text, p, PAGE);
			if (pipe2(fds, O_NONBLOCK) == 0)
				write(fds[1], p, 16 * PAGE);
		}
		_exit(0);
	}
	CHECK_EQ(wait_for(pid), 0);
}

/* ---- fresh memory ---- */

TEST(new_anonymous_memory_is_zero)
{
	char *p;

	leave_secrets();
	p = map(DIRTY_PAGES * PAGE, PROT_READ | PROT_WRITE);
	p[0] = 0;
	CHECK(all_zero(p, DIRTY_PAGES * PAGE));
	/* Written first, then looked at around it. */
	p = map(DIRTY_PAGES * PAGE, PROT_READ | PROT_WRITE);
	for (size_t i = 0; i < DIRTY_PAGES; i++)
		p[i * PAGE + 77] = 1;
	for (size_t i = 0; i < DIRTY_PAGES; i++) {
		CHECK_EQ(p[i * PAGE + 77], 1);
		p[i * PAGE + 77] = 0;
	}
	CHECK(all_zero(p, DIRTY_PAGES * PAGE));
}

TEST(memory_given_back_and_taken_again_is_zero)
{
	char *p = map(8 * PAGE, PROT_READ | PROT_WRITE), *b;

	memset(p, SECRET, 8 * PAGE);
	CHECK_EQ(madvise(p, 2 * PAGE, MADV_DONTNEED), 0);
	CHECK(all_zero(p, 2 * PAGE));
	p = mremap(p, 8 * PAGE, 3 * PAGE, 0);
	CHECK(p != MAP_FAILED);
	p = mremap(p, 3 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);
	CHECK(p != MAP_FAILED);
	CHECK(all_zero(p + 3 * PAGE, 5 * PAGE));
	b = grow_heap(8 * PAGE);
	memset(b, SECRET, 8 * PAGE);
	grow_heap(-4 * (intptr_t)PAGE - 100);
	grow_heap(4 * PAGE + 100);
	/* Below the next page's border the old page stays, as in Linux. */
	b = (char *)(((uintptr_t)b + 4 * PAGE - 100 + PAGE - 1) & ~(PAGE - 1));
	CHECK(all_zero(b, 4 * PAGE - PAGE));
}

TEST(the_stack_grows_with_zeroes)
{
	char here, *low;

	leave_secrets();
	low = (char *)((uintptr_t)&here & ~(PAGE - 1)) - 64 * PAGE;
	CHECK(all_zero(low, 32 * PAGE));
}

TEST(a_new_program_begins_with_zeroes)
{
	char *argv[] = {"self", "role-fresh", NULL};
	int i;

	for (i = 0; i < 5; i++) {
		pid_t pid;

		leave_secrets();
		pid = fork();
		if (!pid) {
			execve("/proc/self/exe", argv, environ);
			_exit(98);
		}
		CHECK_EQ(wait_for(pid), 0);
	}
}

TEST(files_have_zeroes_in_holes_and_behind_their_end)
{
	static const char *const other[] = {"/proc/self/exe", "/busybox.sh"};
	static char text[100], back[3 * PAGE];
	char name[] = "/tmp/secret-XXXXXX", *p;
	int fd = mkstemp(name);
	struct stat st;
	size_t i;

	leave_secrets();
	CHECK(fd >= 0);
	unlink(name);
	memset(text, SECRET, sizeof(text));
	CHECK_EQ(pwrite(fd, text, sizeof(text), 0), sizeof(text));
	CHECK_EQ(pwrite(fd, text, sizeof(text), 9 * PAGE + 500), sizeof(text));
	CHECK_EQ(pread(fd, back, sizeof(back), 100), sizeof(back));
	CHECK(all_zero(back, sizeof(back)));
	CHECK_EQ(pread(fd, back, PAGE, 9 * PAGE), 600);
	CHECK(all_zero(back, 500));
	p = mmap(NULL, 10 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	CHECK(all_zero(p + 100, 9 * PAGE + 400));
	CHECK(all_zero(p + 9 * PAGE + 600, PAGE - 600));
	/* Cut in the middle of a page and grown again. */
	CHECK_EQ(ftruncate(fd, 50), 0);
	CHECK_EQ(ftruncate(fd, 10 * PAGE), 0);
	CHECK(all_zero(p + 50, 10 * PAGE - 50));
	/* A file of the archive ends in a page of its own. */
	for (i = 0; i < ARRAY_SIZE(other); i++) {
		fd = open(other[i], O_RDONLY);
		if (fd < 0 || fstat(fd, &st))
			continue;
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd,
			 0);
		CHECK(p != MAP_FAILED);
		CHECK(all_zero(p + st.st_size, -(size_t)st.st_size % PAGE));
	}
}

TEST(private_copies_of_file_pages_have_zeroes_behind_the_end)
{
	char name[] = "/tmp/secret-XXXXXX", *p;
	int fd = mkstemp(name);

	leave_secrets();
	CHECK(fd >= 0);
	unlink(name);
	CHECK_EQ(write(fd, "abc", 3), 3);
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED);
	p[0] = 'x';
	CHECK(all_zero(p + 3, PAGE - 3));
}

/* ---- what calls fill in ---- */

/* Neither the secret nor an address of the kernel stands there. */
static void look(int line, const void *buf, size_t n)
{
	const unsigned char *p = buf;
	size_t i;

	for (i = 0; i + 4 <= n; i++)
		if (p[i] == SECRET && p[i + 1] == SECRET &&
		    p[i + 2] == SECRET && p[i + 3] == SECRET)
			guest_fail(line, "the secret is in what a call gave",
				   0);
	for (i = 0; i + 8 <= n; i += 8) {
		uint64_t word;

		memcpy(&word, p + i, 8);
		if (word >= 0xffff800000000000 && word < 0xffffffff00000000)
			guest_fail_eq(line, "an address of the kernel, at",
				      (long long)word, (long long)i);
	}
}

#define LOOK(call)                                        \
	do {                                              \
		memset(buf, 0x11, sizeof(buf));           \
		leave_on_stack();                         \
		if ((call) != -1)                         \
			look(__LINE__, buf, sizeof(buf)); \
	} while (0)

/* Put the secret on this thread's kernel stack: select(2) copies sets there. */
static void leave_on_stack(void)
{
	unsigned char sets[128];
	struct timespec none = {0, 0};

	memset(sets, SECRET, sizeof(sets));
	syscall(SYS_pselect6, 512, sets, sets, sets, &none, NULL);
	syscall(SYS_execve, "/proc/none", NULL, NULL);
}

TEST(what_calls_give_holds_no_secret)
{
	static unsigned char buf[PAGE];
	int fd;

	leave_secrets();
	LOOK(syscall(SYS_stat, "/", buf));
	LOOK(syscall(SYS_lstat, "/proc/self", buf));
	LOOK(syscall(SYS_stat, "/dev/null", buf));
	LOOK(syscall(SYS_fstat, 0, buf));
	LOOK(syscall(SYS_statx, AT_FDCWD, "/", 0, 0xfff, buf));
	LOOK(syscall(SYS_statfs, "/tmp", buf));
	LOOK(syscall(SYS_statfs, "/proc", buf));
	LOOK(syscall(SYS_uname, buf));
	LOOK(syscall(SYS_sysinfo, buf));
	LOOK(syscall(SYS_times, buf));
	LOOK(syscall(SYS_getrusage, RUSAGE_SELF, buf));
	LOOK(syscall(SYS_getrusage, RUSAGE_CHILDREN, buf));
	LOOK(syscall(SYS_getrusage, 1, buf));
	LOOK(syscall(SYS_getitimer, 0, buf));
	LOOK(syscall(SYS_getitimer, 1, buf));
	LOOK(syscall(SYS_prlimit64, 0, RLIMIT_CPU, NULL, buf));
	LOOK(syscall(SYS_sigaltstack, NULL, buf));
	LOOK(syscall(SYS_rt_sigaction, SIGHUP, NULL, buf, 8));
	LOOK(syscall(SYS_rt_sigprocmask, 0, NULL, buf, 8));
	LOOK(syscall(SYS_sched_getaffinity, 0, 128, buf));
	LOOK(syscall(SYS_getgroups, 32, buf));
	LOOK(syscall(SYS_getcwd, buf, sizeof(buf)));
	LOOK(syscall(SYS_prctl, 16, buf));	  /* PR_GET_NAME */
	LOOK(syscall(SYS_ioctl, 0, 0x5401, buf)); /* TCGETS */
	LOOK(syscall(SYS_ioctl, 0, 0x5413, buf)); /* TIOCGWINSZ */
	fd = open("/proc", O_RDONLY | O_DIRECTORY);
	LOOK(syscall(SYS_getdents64, fd, buf, sizeof(buf)));
	fd = open("/dev", O_RDONLY | O_DIRECTORY);
	LOOK(syscall(SYS_getdents64, fd, buf, sizeof(buf)));
}

TEST(what_waiting_gives_holds_no_secret)
{
	static unsigned char buf[PAGE];
	sigset_t set;
	int i;

	leave_secrets();
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (i = 0; i < 2; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(3);
		/* The siginfo, and the wait's. */
		LOOK(syscall(SYS_rt_sigtimedwait, &set, buf, NULL, 8));
		LOOK(syscall(SYS_waitid, P_PID, pid, buf, WEXITED | WNOWAIT,
			     NULL));
		LOOK(syscall(SYS_wait4, pid, NULL, 0, buf));
	}
	kill(getpid(), SIGUSR1);
	LOOK(syscall(SYS_rt_sigtimedwait, &set, buf, NULL, 8));
	syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1);
	LOOK(syscall(SYS_rt_sigtimedwait, &set, buf, NULL, 8));
}

/* The secret may be in registers of our own, which a frame holds. */
static void forget_vectors(void)
{
	__asm__ volatile("pxor %%xmm0, %%xmm0; pxor %%xmm1, %%xmm1\n\t"
			 "pxor %%xmm2, %%xmm2; pxor %%xmm3, %%xmm3\n\t"
			 "pxor %%xmm4, %%xmm4; pxor %%xmm5, %%xmm5\n\t"
			 "pxor %%xmm6, %%xmm6; pxor %%xmm7, %%xmm7" ::
				 : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",
				   "xmm5", "xmm6", "xmm7");
}

static char alt_stack[16 * PAGE];

static void leave_handler(int sig)
{
	(void)sig;
}

TEST(the_frame_of_a_handler_holds_no_secret)
{
	struct sigaction sa = {.sa_handler = leave_handler,
			       .sa_flags = SA_ONSTACK};
	stack_t ss = {.ss_sp = alt_stack, .ss_size = sizeof(alt_stack)};
	int i;

	CHECK_EQ(sigaltstack(&ss, NULL), 0);
	sigaction(SIGUSR1, &sa, NULL);
	for (i = 0; i < 3; i++) {
		leave_secrets();
		leave_on_stack();
		forget_vectors();
		raise(SIGUSR1);
		look(__LINE__, alt_stack, sizeof(alt_stack));
	}
}

/* ---- what the kernel maps ---- */

TEST(no_address_of_the_kernel_can_be_touched)
{
	static const uintptr_t addresses[] = {
		0x800000000000,	    0xffff800000000000, 0xffff888000000000,
		0xffffc90000000000, 0xffffea0000000000, 0xffffffff80000000,
		0xffffffff81000000, 0xffffffffff600000, 0xfffffffffffff000,
	};
	struct timespec ts;
	size_t i;
	int fds[2];

	CHECK_EQ(pipe(fds), 0);
	for (i = 0; i < ARRAY_SIZE(addresses); i++) {
		void *p = (void *)addresses[i];

		if (addresses[i] == 0xffffffffff600000 && !on_quire())
			continue; /* the vsyscall page */
		CHECK_EQ(probe(PROBE_READ, p), SIGSEGV);
		CHECK_EQ(probe(PROBE_WRITE, p), SIGSEGV);
		CHECK_EQ(probe(PROBE_EXEC, p), SIGSEGV);
		CHECK_ERR(write(fds[1], p, 8), EFAULT);
		CHECK_ERR(write(fds[1], (char *)p - 1, 8), EFAULT);
		CHECK_ERR(syscall(SYS_clock_gettime, 0, p), EFAULT);
		CHECK_ERR(mprotect(p, PAGE, PROT_READ), ENOMEM);
		CHECK(munmap(p, PAGE) == -1);
	}
	CHECK_EQ(clock_gettime(CLOCK_REALTIME, &ts), 0);
}
