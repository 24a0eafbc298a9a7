/* SPDX-License-Identifier: MIT */
/*
 * guest.h - the frame of a guest test: a static Linux program of many checks.
 *
 * The same binary runs on the host's Linux first, which proves the test, and
 * then in the machine.  Each TEST runs in a process of its own, so that one
 * that crashes or hangs costs only itself; results are TAP on stdout.  With
 * arguments, the program runs the tests whose names contain the first.
 * Programs that execute themselves look at argv in role(), which comes first.
 */
#ifndef TEST_GUEST_GUEST_H
#define TEST_GUEST_GUEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE	      4096UL
#define MIB	      (1UL << 20)
#define TEST_SECONDS  30 /* a single test may take, slow machine included */
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

struct guest_test {
	const char *name;
	void (*fn)(void);
	struct guest_test *next;
};

static struct guest_test *guest_tests, **guest_last = &guest_tests;

#define TEST(name_)                                                     \
	static void name_(void);                                        \
	static struct guest_test test_##name_ = {#name_, name_, NULL};  \
	__attribute__((constructor)) static void register_##name_(void) \
	{                                                               \
		*guest_last = &test_##name_;                            \
		guest_last = &test_##name_.next;                        \
	}                                                               \
	static void name_(void)

#define CHECK(cond)                                         \
	do {                                                \
		if (!(cond))                                \
			guest_fail(__LINE__, #cond, errno); \
	} while (0)
#define CHECK_EQ(a, b)                                                 \
	do {                                                           \
		long long a_ = (long long)(a), b_ = (long long)(b);    \
		if (a_ != b_)                                          \
			guest_fail_eq(__LINE__, #a " == " #b, a_, b_); \
	} while (0)
/* The call fails with this errno. */
#define CHECK_ERR(call, err)                                               \
	do {                                                               \
		long long r_ = (long long)(call);                          \
		int e_ = errno;                                            \
		if (r_ != -1 || e_ != (err))                               \
			guest_fail_eq(__LINE__, #call " fails with " #err, \
				      r_ == -1 ? e_ : 0, (err));           \
	} while (0)

static inline void guest_fail(int line, const char *what, int error)
{
	dprintf(1, "# line %d: %s (errno %d, %s)\n", line, what, error,
		strerror(error));
	_exit(1);
}

static inline void guest_fail_eq(int line, const char *what, long long a,
				 long long b)
{
	dprintf(1, "# line %d: %s: %lld (%#llx), %lld (%#llx)\n", line, what, a,
		(unsigned long long)a, b, (unsigned long long)b);
	_exit(1);
}

static inline bool on_quire(void)
{
	struct utsname u;

	return uname(&u) == 0 && strstr(u.version, "quire");
}

/* An anonymous private mapping. */
static inline char *map(size_t bytes, int prot)
{
	char *p = mmap(NULL, bytes, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static inline int wait_for(pid_t pid)
{
	int status;

	CHECK(pid > 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

/* "Key:  123 kB" of a file below /proc; -1 if there is none. */
static inline long proc_value(const char *file, const char *key)
{
	FILE *f = fopen(file, "r");
	char line[512];
	long value = -1;

	while (f && value < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			value = atol(line + strlen(key));
	if (f)
		fclose(f);
	return value;
}

/* ---- probing an access: what signal does it get? ---- */

static sigjmp_buf probe_env;
static volatile sig_atomic_t probe_signo, probe_code;
static void *volatile probe_addr;

static inline void probe_handler(int sig, siginfo_t *info, void *ctx)
{
	(void)ctx;
	probe_signo = sig;
	probe_code = info->si_code;
	probe_addr = info->si_addr;
	siglongjmp(probe_env, 1);
}

static inline void probe_arm(void)
{
	struct sigaction sa = {.sa_flags = SA_SIGINFO | SA_ONSTACK};

	sa.sa_sigaction = probe_handler;
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGILL, &sa, NULL);
	sigaction(SIGFPE, &sa, NULL);
	sigaction(SIGTRAP, &sa, NULL);
}

enum probe { PROBE_READ, PROBE_WRITE, PROBE_EXEC };

/* 0, or the signal; then probe_code and probe_addr tell more. */
static inline int probe(enum probe how, const void *p)
{
	probe_arm();
	probe_signo = probe_code = 0;
	probe_addr = NULL;
	if (sigsetjmp(probe_env, 1))
		return probe_signo;
	if (how == PROBE_READ)
		(void)*(volatile const char *)p;
	else if (how == PROBE_WRITE)
		*(volatile char *)p = 1;
	else
		((void (*)(void))p)();
	return 0;
}

#define CHECK_FAULT(how, p, sig, code)                           \
	do {                                                     \
		CHECK_EQ(probe(how, (p)), (sig));                \
		CHECK_EQ(probe_code, (code));                    \
		CHECK_EQ((uintptr_t)probe_addr, (uintptr_t)(p)); \
	} while (0)

/* ---- running ---- */

/* A program that executes itself: true if argv was for this. */
static bool role(int argc, char **argv);

static inline bool run_one(const struct guest_test *t)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(TEST_SECONDS);
		t->fn();
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		printf("# fork or wait: %s\n", strerror(errno));
		return false;
	}
	if (WIFSIGNALED(status))
		printf("# killed by signal %d\n", WTERMSIG(status));
	return status == 0;
}

int main(int argc, char **argv)
{
	const struct guest_test *t;
	unsigned int nr = 0, failed = 0;

	if (role(argc, argv))
		return 0;
	for (t = guest_tests; t; t = t->next) {
		bool ok;

		if (argc > 1 && !strstr(t->name, argv[1]))
			continue;
		ok = run_one(t);
		failed += !ok;
		printf("%sok %u - %s\n", ok ? "" : "not ", ++nr, t->name);
	}
	printf("1..%u\n", nr);
	fflush(stdout);
	return failed != 0;
}

#endif
