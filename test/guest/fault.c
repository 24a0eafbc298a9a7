/* SPDX-License-Identifier: MIT */
/*
 * fault.c - what wrong accesses get: the signal, its code and its address;
 * and EFAULT where the kernel makes the access for the program.
 *
 * Sources: sigaction(2), the man pages' ERRORS sections.
 */
#include "guest.h"

#include <poll.h>
#include <sys/select.h>
#include <sys/uio.h>

#define RW	       (PROT_READ | PROT_WRITE)
#define KERNEL_ADDRESS ((char *)0xffff888000001000UL)

static bool role(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return false;
}

TEST(null_is_not_mapped)
{
	CHECK_FAULT(PROBE_READ, (char *)8, SIGSEGV, SEGV_MAPERR);
	CHECK_FAULT(PROBE_WRITE, (char *)8, SIGSEGV, SEGV_MAPERR);
	CHECK_FAULT(PROBE_EXEC, (char *)8, SIGSEGV, SEGV_MAPERR);
}

TEST(kernel_addresses_look_unmapped)
{
	CHECK_FAULT(PROBE_READ, KERNEL_ADDRESS, SIGSEGV, SEGV_MAPERR);
	CHECK_FAULT(PROBE_WRITE, KERNEL_ADDRESS, SIGSEGV, SEGV_MAPERR);
	CHECK_FAULT(PROBE_READ, (char *)0xffffffff81000000UL, SIGSEGV,
		    SEGV_MAPERR);
}

TEST(non_canonical_address_has_no_address)
{
	CHECK_EQ(probe(PROBE_READ, (char *)0x8000000000000000UL), SIGSEGV);
	CHECK_EQ(probe_code, SI_KERNEL);
	CHECK_EQ((uintptr_t)probe_addr, 0);
}

static void use_of_text_is_fine_for(void)
{
}

TEST(text_cannot_be_written)
{
	char *text = (char *)(uintptr_t)use_of_text_is_fine_for;

	CHECK_EQ(probe(PROBE_READ, text), 0);
	CHECK_FAULT(PROBE_WRITE, text, SIGSEGV, SEGV_ACCERR);
}

TEST(constants_cannot_be_written)
{
	static const char constant[] = "constant";

	CHECK_FAULT(PROBE_WRITE, constant, SIGSEGV, SEGV_ACCERR);
}

TEST(data_and_stack_cannot_be_executed)
{
	static char data[16] = {(char)0xc3};
	char stack[16] = {(char)0xc3};
	char *heap = malloc(16);

	*heap = (char)0xc3;
	CHECK_FAULT(PROBE_EXEC, data, SIGSEGV, SEGV_ACCERR);
	CHECK_FAULT(PROBE_EXEC, stack, SIGSEGV, SEGV_ACCERR);
	CHECK_FAULT(PROBE_EXEC, heap, SIGSEGV, SEGV_ACCERR);
}

TEST(traps_get_their_own_signals)
{
	probe_arm();
	if (!sigsetjmp(probe_env, 1))
		__asm__ volatile("ud2");
	CHECK_EQ(probe_signo, SIGILL);
	CHECK_EQ(probe_code, ILL_ILLOPN);
	if (!sigsetjmp(probe_env, 1)) {
		__asm__ volatile("xor %%edx, %%edx\n\tmov $1, %%eax\n\t"
				 "xor %%ecx, %%ecx\n\tidiv %%ecx" ::
					 : "eax", "ecx", "edx");
	}
	CHECK_EQ(probe_signo, SIGFPE);
	CHECK_EQ(probe_code, FPE_INTDIV);
	if (!sigsetjmp(probe_env, 1))
		__asm__ volatile("int3");
	CHECK_EQ(probe_signo, SIGTRAP);
	probe_signo = 0;
	if (!sigsetjmp(probe_env, 1))
		__asm__ volatile("hlt");
	CHECK_EQ(probe_signo, SIGSEGV);
	CHECK_EQ(probe_code, SI_KERNEL);
}

static int killed_by(enum probe how, const char *p)
{
	pid_t pid = fork();

	if (!pid) {
		signal(SIGSEGV, SIG_DFL);
		if (how == PROBE_READ)
			(void)*(volatile const char *)p;
		else
			*(volatile char *)(uintptr_t)p = 1;
		_exit(0);
	}
	return WTERMSIG(wait_for(pid));
}

TEST(an_unhandled_fault_kills_with_sigsegv)
{
	CHECK_EQ(killed_by(PROBE_READ, NULL), SIGSEGV);
	CHECK_EQ(killed_by(PROBE_WRITE, map(PAGE, PROT_READ)), SIGSEGV);
}

TEST(a_blocked_fault_kills_too)
{
	pid_t pid = fork();

	if (!pid) {
		volatile char *volatile low = (char *)8;
		sigset_t set;

		probe_arm();
		sigemptyset(&set);
		sigaddset(&set, SIGSEGV);
		sigprocmask(SIG_BLOCK, &set, NULL);
		*low = 1;
		_exit(0);
	}
	CHECK_EQ(WTERMSIG(wait_for(pid)), SIGSEGV);
}

static char *lazy_page;

static void make_writable(int sig, siginfo_t *info, void *ctx)
{
	(void)sig;
	(void)ctx;
	if ((char *)info->si_addr != lazy_page + 17 ||
	    mprotect(lazy_page, PAGE, RW))
		_exit(1);
}

TEST(a_handler_can_mend_the_fault)
{
	struct sigaction sa = {.sa_flags = SA_SIGINFO};
	int i;

	sa.sa_sigaction = make_writable;
	sigaction(SIGSEGV, &sa, NULL);
	lazy_page = map(PAGE, PROT_READ);
	for (i = 0; i < 100; i++) {
		CHECK_EQ(mprotect(lazy_page, PAGE, PROT_READ), 0);
		lazy_page[17] = (char)i;
		CHECK_EQ(lazy_page[17], (char)i);
	}
}

/* The addition to the frame keeps the compiler from looping in place. */
__attribute__((noinline)) static int overflow(int depth)
{
	volatile char frame[1024];

	frame[0] = (char)depth;
	return depth < 0 ? 0 : overflow(depth + 1) + frame[0];
}

TEST(stack_overflow_is_caught_on_the_alternate_stack)
{
	static char stack[65536];
	stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};
	uintptr_t here = (uintptr_t)&ss;
	struct rlimit rl;

	CHECK_EQ(sigaltstack(&ss, NULL), 0);
	CHECK_EQ(getrlimit(RLIMIT_STACK, &rl), 0);
	probe_arm();
	if (!sigsetjmp(probe_env, 1))
		overflow(0);
	CHECK_EQ(probe_signo, SIGSEGV);
	CHECK_EQ(probe_code, SEGV_MAPERR);
	CHECK((uintptr_t)probe_addr < here);
	if (rl.rlim_cur != RLIM_INFINITY)
		CHECK(here - (uintptr_t)probe_addr < rl.rlim_cur + 2 * MIB);
}

TEST(stack_overflow_without_one_kills)
{
	pid_t pid = fork();

	if (!pid) {
		struct rlimit rl = {MIB, MIB};

		probe_arm();
		setrlimit(RLIMIT_STACK, &rl);
		overflow(0);
		_exit(0);
	}
	CHECK_EQ(WTERMSIG(wait_for(pid)), SIGSEGV);
}

/* ---- EFAULT ---- */

#define BAD  ((long)-4242) /* stands for the bad pointer in the table */
#define GOOD ((long)-4243) /* a good buffer of a page */
#define NAME ((long)-4244) /* "/tmp" */
#define IN   ((long)-4245) /* a pipe with bytes in it */
#define OUT  ((long)-4246) /* its other end */
#define SELF ((long)-4247) /* this program's path */

static const struct efault_case {
	const char *name;
	long nr, arg[6];
} efault_cases[] = {
	{"read", SYS_read, {IN, BAD, 16}},
	{"write", SYS_write, {OUT, BAD, 16}},
	{"readv", SYS_readv, {IN, BAD, 1}},
	{"writev", SYS_writev, {OUT, BAD, 1}},
	{"open", SYS_open, {BAD, O_RDONLY}},
	{"openat", SYS_openat, {AT_FDCWD, BAD, O_RDONLY}},
	{"stat", SYS_stat, {NAME, BAD}},
	{"stat of", SYS_stat, {BAD, GOOD}},
	{"lstat", SYS_lstat, {NAME, BAD}},
	{"fstat", SYS_fstat, {0, BAD}},
	{"newfstatat", SYS_newfstatat, {AT_FDCWD, NAME, BAD, 0}},
	{"access", SYS_access, {BAD, 0}},
	{"chdir", SYS_chdir, {BAD}},
	{"chmod", SYS_chmod, {BAD, 0}},
	{"getcwd", SYS_getcwd, {BAD, 4096}},
	{"mkdir", SYS_mkdir, {BAD, 0}},
	{"rmdir", SYS_rmdir, {BAD}},
	{"unlink", SYS_unlink, {BAD}},
	{"link", SYS_link, {BAD, NAME}},
	{"symlink", SYS_symlink, {BAD, NAME}},
	{"rename", SYS_rename, {BAD, NAME}},
	{"readlink", SYS_readlink, {BAD, GOOD, 16}},
	{"truncate", SYS_truncate, {BAD, 0}},
	{"statfs", SYS_statfs, {NAME, BAD}},
	{"pipe", SYS_pipe, {BAD}},
	{"pipe2", SYS_pipe2, {BAD, 0}},
	{"poll", SYS_poll, {BAD, 1, 0}},
	{"select", SYS_select, {8, BAD, 0, 0, 0}},
	{"nanosleep", SYS_nanosleep, {BAD, 0}},
	{"clock_nanosleep", SYS_clock_nanosleep, {CLOCK_MONOTONIC, 0, BAD, 0}},
	{"clock_gettime", SYS_clock_gettime, {CLOCK_MONOTONIC, BAD}},
	{"gettimeofday", SYS_gettimeofday, {BAD, 0}},
	{"time", SYS_time, {BAD}},
	{"times", SYS_times, {BAD}},
	{"uname", SYS_uname, {BAD}},
	{"sysinfo", SYS_sysinfo, {BAD}},
	{"setitimer", SYS_setitimer, {ITIMER_REAL, BAD, 0}},
	{"rt_sigaction", SYS_rt_sigaction, {SIGUSR1, BAD, 0, 8}},
	{"rt_sigaction old", SYS_rt_sigaction, {SIGUSR1, 0, BAD, 8}},
	{"rt_sigprocmask", SYS_rt_sigprocmask, {SIG_BLOCK, BAD, 0, 8}},
	{"rt_sigprocmask old", SYS_rt_sigprocmask, {SIG_BLOCK, 0, BAD, 8}},
	{"rt_sigpending", SYS_rt_sigpending, {BAD, 8}},
	{"rt_sigsuspend", SYS_rt_sigsuspend, {BAD, 8}},
	{"sigaltstack", SYS_sigaltstack, {BAD, 0}},
	{"execve", SYS_execve, {BAD, 0, 0}},
	{"execve argv", SYS_execve, {SELF, BAD, 0}},
	{"prlimit64", SYS_prlimit64, {0, RLIMIT_NOFILE, 0, BAD}},
	{"prlimit64 new", SYS_prlimit64, {0, RLIMIT_NOFILE, BAD, 0}},
	{"futex", SYS_futex, {BAD, 0, 0, 0}},
	{"getrandom", SYS_getrandom, {BAD, 16, 0}},
	{"sched_getaffinity", SYS_sched_getaffinity, {0, 128, BAD}},
	{"sendfile", SYS_sendfile, {OUT, IN, BAD, 1}},
	{"prctl", SYS_prctl, {15 /* PR_SET_NAME */, BAD}},
	{"arch_prctl", SYS_arch_prctl, {0x1003 /* ARCH_GET_FS */, BAD}},
};

static void efault_sweep(char *bad)
{
	static char good[PAGE];
	size_t i, j;
	int fds[2];

	CHECK_EQ(pipe(fds), 0);
	CHECK_EQ(write(fds[1], good, 64), 64);
	for (i = 0; i < ARRAY_SIZE(efault_cases); i++) {
		const struct efault_case *c = &efault_cases[i];
		long a[6], ret;

		for (j = 0; j < 6; j++) {
			a[j] = c->arg[j];
			if (a[j] == BAD)
				a[j] = (long)bad;
			else if (a[j] == GOOD)
				a[j] = (long)good;
			else if (a[j] == NAME)
				a[j] = (long)"/tmp";
			else if (a[j] == SELF)
				a[j] = (long)"/proc/self/exe";
			else if (a[j] == IN)
				a[j] = fds[0];
			else if (a[j] == OUT)
				a[j] = fds[1];
		}
		errno = 0;
		ret = syscall(c->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
		if (ret != -1 || errno != EFAULT) {
			dprintf(1, "# %s with %p: %ld, errno %d\n", c->name,
				(void *)bad, ret, errno);
			_exit(1);
		}
	}
}

TEST(system_calls_refuse_unmapped_pointers)
{
	char *p = map(PAGE, RW);

	munmap(p, PAGE);
	efault_sweep(p);
}

TEST(system_calls_refuse_low_pointers)
{
	efault_sweep((char *)16);
}

TEST(system_calls_refuse_prot_none_pointers)
{
	efault_sweep(map(2 * PAGE, PROT_NONE));
}

TEST(system_calls_refuse_kernel_pointers)
{
	efault_sweep(KERNEL_ADDRESS);
	efault_sweep((char *)0xffffffff81000000UL);
}

TEST(system_calls_refuse_non_canonical_pointers)
{
	efault_sweep((char *)0x8000000000000000UL);
	efault_sweep((char *)0x00007ffffffff000UL);
}

TEST(results_cannot_go_to_read_only_memory)
{
	char *ro = map(PAGE, PROT_READ);
	int fds[2];

	CHECK_EQ(pipe(fds), 0);
	CHECK_EQ(write(fds[1], "abc", 3), 3);
	CHECK_ERR(read(fds[0], ro, 3), EFAULT);
	CHECK_ERR(syscall(SYS_pipe, ro), EFAULT);
	CHECK_ERR(syscall(SYS_uname, ro), EFAULT);
	CHECK_ERR(syscall(SYS_stat, "/tmp", ro), EFAULT);
	CHECK_EQ(ro[0], 0);
}

TEST(a_buffer_that_ends_in_a_hole_is_used_up_to_it)
{
	char *p = map(2 * PAGE, RW);
	int fd = open("/dev/zero", O_RDONLY);
	ssize_t n;

	munmap(p + PAGE, PAGE);
	memset(p, 1, PAGE);
	n = read(fd, p + PAGE - 100, 200);
	CHECK(n == 100 || (n == -1 && errno == EFAULT));
	/* A path may end right before the hole. */
	strcpy(p + PAGE - 5, "/tmp");
	CHECK_EQ(access(p + PAGE - 5, F_OK), 0);
	memcpy(p + PAGE - 4, "/tmp", 4);
	CHECK_ERR(access(p + PAGE - 4, F_OK), EFAULT);
}

TEST(system_calls_fault_pages_in)
{
	char *p = map(64 * PAGE, RW), *q = map(64 * PAGE, RW);
	int fds[2], fd = open("/dev/zero", O_RDONLY);
	pid_t pid;

	CHECK_EQ(read(fd, p, 64 * PAGE), 64 * PAGE);
	memset(q, 7, 64 * PAGE);
	CHECK_EQ(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		/* Shared after the fork: the kernel must copy for us. */
		CHECK_EQ(read(fd, q, 64 * PAGE), 64 * PAGE);
		CHECK_EQ(q[63 * PAGE], 0);
		_exit(0);
	}
	CHECK_EQ(wait_for(pid), 0);
	CHECK_EQ(q[0], 7);
	CHECK_EQ(q[64 * PAGE - 1], 7);
}
