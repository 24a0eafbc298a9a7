/* SPDX-License-Identifier: MIT */
/*
 * main.c - runs the unit tests on simulated machines, each in its own process.
 *
 * 1. A test is a child: it boots the machine of its layout, runs, checks for
 *    leaks and unannounced reports, and leaves with 0 or 1.  Crashes, hangs
 *    and sanitizer reports thus cost one test.  Its output is kept and shown
 *    only if it fails.
 * 2. Each test's random numbers come from the seed and its name, so that it
 *    does the same alone as among others.
 * 3. Results are TAP; the last line is "N passed, N failed".
 */
#define _GNU_SOURCE
#include "../core.c"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "port/soft/soft.h"

#define MAX_JOBS	 64
#define OUTPUT_SHOWN_MAX 16384

static struct {
	u64 seed;
	unsigned int nr_jobs;
	unsigned int timeout_s;
	unsigned int nr_passed, nr_failed;
	u64 *injected; /* shared with the children */
	const struct test_case *current;
} run = {.seed = 1, .timeout_s = 120};

struct child {
	pid_t pid;	     /* 0: free */
	unsigned int number; /* in the order of starting, from 1 */
	const struct test_case *t;
	int output;
	double started;
	bool timed_out;
};

static struct child children[MAX_JOBS];

/* A report ends the child at once; leaks are ours to find, by frames. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0:allocator_may_return_null=1";
}

const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
	return "print_stacktrace=1";
}

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "halt_on_error=1:second_deadlock_stack=1";
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void __noreturn die(const char *what)
{
	perror(what);
	exit(2);
}

/* ---- in the child ---- */

/* In a build that counts (make coverage): write the counts out. */
void __gcov_dump(void) __attribute__((weak));

/* End without exit handlers: other processors may still be running. */
static void __noreturn leave(int status)
{
	fflush(NULL);
	if (__gcov_dump)
		__gcov_dump();
	_exit(status);
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vscnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s:%d: CPU %u: check failed: %s\n", file, line,
		smp_processor_id(), text);
	leave(1);
}

unsigned int test_run_on_cpus(unsigned int nr,
			      void (*fn)(void *arg, unsigned int k), void *arg)
{
	return soft_run(nr, fn, arg);
}

/* FNV-1a, so that tests do not draw the same numbers. */
static u64 seed_of(const struct test_case *t)
{
	u64 h = 0xcbf29ce484222325 ^ run.seed;

	for (const char *s = t->name; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3;
	return h ? h : 1;
}

static void __noreturn be_child(const struct test_case *t, int output)
{
	const char *wrong;
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	setvbuf(stdout, NULL, _IONBF, 0);
	soft_default_seed = seed_of(t);
	test_watch();
	soft_boot(t->layout);
	test_begin(seed_of(t));
	t->fn();
	wrong = test_end();
	__atomic_fetch_add(run.injected, test_take_injected(),
			   __ATOMIC_RELAXED);
	if (wrong)
		test_fail(t->file, 0, "after %s: %s", t->name, wrong);
	leave(0);
}

/* ---- in the parent ---- */

static void start(struct child *c, const struct test_case *t)
{
	static unsigned int number;
	int output = memfd_create("output", MFD_CLOEXEC);

	if (output < 0)
		die("memfd_create");
	fflush(NULL);
	*c = (struct child){
		.number = ++number,
		.t = t,
		.output = output,
		.started = now(),
	};
	c->pid = fork();
	if (c->pid < 0)
		die("fork");
	if (c->pid == 0)
		be_child(t, output);
}

static void show_output(int fd)
{
	static char buf[OUTPUT_SHOWN_MAX];
	bool at_start = true;
	ssize_t n = pread(fd, buf, sizeof(buf), 0);

	for (ssize_t i = 0; i < n; i++) {
		if (at_start)
			fputs("# ", stdout);
		putchar(buf[i]);
		at_start = buf[i] == '\n';
	}
	if (!at_start)
		putchar('\n');
}

static void finish(struct child *c, int status)
{
	bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	bool passed = well == (c->t->where != TEST_MUST_FAIL);

	printf("%s %u - %s\n", passed ? "ok" : "not ok", c->number, c->t->name);
	if (!passed && well) {
		printf("# must fail, and did not\n");
	} else if (!passed) {
		if (c->timed_out)
			printf("# timed out after %u s\n", run.timeout_s);
		else if (WIFSIGNALED(status))
			printf("# killed: %s\n", strsignal(WTERMSIG(status)));
		show_output(c->output);
		printf("# again: -s %llu %s (%s)\n",
		       (unsigned long long)run.seed, c->t->name, c->t->file);
	}
	fflush(stdout);
	run.nr_passed += passed;
	run.nr_failed += !passed;
	close(c->output);
	c->pid = 0;
}

static void kill_late_ones(void)
{
	for (unsigned int i = 0; i < run.nr_jobs; i++) {
		struct child *c = &children[i];

		if (c->pid && now() - c->started > run.timeout_s) {
			c->timed_out = true;
			kill(c->pid, SIGKILL);
		}
	}
}

/* Wait for one child; its seat. */
static struct child *reap(void)
{
	const struct timespec tick = {.tv_nsec = 100000000};
	sigset_t chld;
	int status;
	pid_t pid;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	while ((pid = waitpid(-1, &status, WNOHANG)) == 0) {
		sigtimedwait(&chld, NULL, &tick);
		kill_late_ones();
	}
	for (unsigned int i = 0; i < run.nr_jobs; i++) {
		if (children[i].pid == pid) {
			finish(&children[i], status);
			return &children[i];
		}
	}
	die("waitpid");
}

static bool wanted(const struct test_case *t, int nr_patterns, char **patterns)
{
	for (int i = 0; i < nr_patterns; i++)
		if (test_name_matches(t, patterns[i]))
			return true;
	return nr_patterns == 0;
}

static void run_all(int nr_patterns, char **patterns)
{
	const struct test_case *const *t;
	unsigned int nr_active = 0;

	for (t = __start_quire_tests; t < __stop_quire_tests; t++) {
		struct child *seat = NULL;

		if (!wanted(*t, nr_patterns, patterns))
			continue;
		if (nr_active == run.nr_jobs) {
			seat = reap();
			nr_active--;
		}
		for (unsigned int i = 0; !seat; i++)
			if (!children[i].pid)
				seat = &children[i];
		start(seat, *t);
		nr_active++;
	}
	while (nr_active--)
		reap();
}

static void list_all(void)
{
	const struct test_case *const *t;

	for (t = __start_quire_tests; t < __stop_quire_tests; t++)
		printf("%s %s%s\n", (*t)->file, (*t)->name,
		       (*t)->where != TEST_EVERYWHERE ? " (soft only)" : "");
}

static const char usage[] =
	"usage: unit [-l] [-s SEED] [-j JOBS] [-t SECONDS] [PATTERN]...\n"
	"Run the unit tests whose name or file contains one of the patterns.\n"
	"  -l  list them      -s  seed of random numbers; 0: from the clock\n"
	"  -j  at once        -t  time for one test\n";

int main(int argc, char **argv)
{
	sigset_t chld;
	int c;

	run.nr_jobs = (unsigned int)sysconf(_SC_NPROCESSORS_ONLN);
	while ((c = getopt(argc, argv, "ls:j:t:")) != -1) {
		switch (c) {
		case 'l':
			list_all();
			return 0;
		case 's':
			run.seed = strtoull(optarg, NULL, 0);
			break;
		case 'j':
			run.nr_jobs = (unsigned int)atoi(optarg);
			break;
		case 't':
			run.timeout_s = (unsigned int)atoi(optarg);
			break;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (!run.seed)
		run.seed = (u64)time(NULL);
	run.nr_jobs = min(max(run.nr_jobs, 1U), (unsigned int)MAX_JOBS);
	run.injected = mmap(NULL, sizeof(u64), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (run.injected == MAP_FAILED)
		die("mmap");
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	printf("# seed %llu\n", (unsigned long long)run.seed);
	run_all(argc - optind, argv + optind);
	printf("1..%u\n# %llu failures injected\n%u passed, %u failed\n",
	       run.nr_passed + run.nr_failed, (unsigned long long)*run.injected,
	       run.nr_passed, run.nr_failed);
	return run.nr_failed || run.nr_passed == 0;
}
