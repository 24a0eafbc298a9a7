/* SPDX-License-Identifier: MIT */
/*
 * limits.c - when something runs out - memory, numbers, descriptors, areas -
 * whoever asked for more is refused or killed, and all others go on.
 *
 * Each way to use all of something is tried by a child; then the parent sees
 * that it is all back and everything works.  What eats the whole memory is
 * tried only on a machine of our own.
 */
#include "guest.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>

extern char **environ;

static bool role(int argc, char **argv)
{
	if (argc < 2 || strcmp(argv[1], "role-true"))
		return false;
	exit(argc > 3 ? 3 : 0);
}

static const char file_name[] = "/tmp/limits-file";

static long free_kib(void)
{
	return proc_value("/proc/meminfo", "MemFree:");
}

/* A program can be run, with fresh memory. */
static void works(void)
{
	char *argv[] = {"self", "role-true", NULL};
	pid_t pid = fork();

	if (!pid) {
		execve("/proc/self/exe", argv, environ);
		_exit(98);
	}
	CHECK_EQ(wait_for(pid), 0);
}

/* -1000: never killed for want of memory; 0: as any other. */
static void set_oom_score_adj(pid_t pid, const char *text)
{
	char name[64];
	int fd;

	if (!on_quire())
		return;
	snprintf(name, sizeof(name), "/proc/%d/oom_score_adj", pid);
	fd = open(name, O_WRONLY);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		_exit(97);
	close(fd);
}

static void remove_names(void)
{
	char name[64];
	int i;

	if (access("/tmp/limits-names", F_OK))
		return;
	for (i = 0; i < 300000; i++) {
		snprintf(name, sizeof(name),
			 "/tmp/limits-names/a-rather-long-name-of-a-file-%d",
			 i);
		if (unlink(name))
			break;
	}
	CHECK_EQ(rmdir("/tmp/limits-names"), 0);
}

/* fn's child ends, one way or another, and its memory is back. */
static void survives(void (*fn)(void))
{
	long before = free_kib(), after = 0;
	pid_t pid;
	int i;

	/* Pipes and names count for nobody, and anybody could be chosen. */
	set_oom_score_adj(getppid(), "-1000");
	set_oom_score_adj(getpid(), "-1000");
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		set_oom_score_adj(getpid(), "0");
		fn();
		_exit(0);
	}
	wait_for(pid);
	kill(-pid, SIGKILL);
	unlink(file_name);
	remove_names();
	/* What it left behind is reaped by process 1. */
	for (i = 0; i < 300; i++) {
		after = free_kib();
		if (after > before - 1024)
			break;
		usleep(10000);
	}
	if (on_quire() && after <= before - 1024)
		guest_fail_eq(__LINE__, "free memory in KiB, before and after",
			      before, after);
	works();
}

static void eat(void)
{
	for (;;) {
		char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			raise(SIGKILL);
		memset(p, 1, MIB);
	}
}

/* ---- memory ---- */

static void eat_by_eight(void)
{
	int i;

	for (i = 0; i < 8; i++)
		if (!fork())
			eat();
	while (wait(NULL) > 0)
		;
}

TEST(eight_processes_that_take_all_memory_are_killed)
{
	if (on_quire())
		survives(eat_by_eight);
}

/* The memory stays until the last that shares it is gone. */
static void eat_by_sharers(void)
{
	static char stacks[4][16384] __attribute__((aligned(16)));
	int i;

	for (i = 0; i < 4; i++) {
		pid_t pid = clone((int (*)(void *))(uintptr_t)eat,
				  stacks[i] + sizeof(stacks[i]),
				  CLONE_VM | SIGCHLD, NULL);

		if (pid < 0)
			_exit(1);
	}
	while (wait(NULL) > 0)
		;
}

TEST(processes_of_one_address_space_that_take_all_memory_are_killed)
{
	if (on_quire())
		survives(eat_by_sharers);
}

static void eat_shared(void)
{
	size_t size = 16 * MIB;

	for (;;) {
		char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			raise(SIGKILL);
		if (fork() == 0)
			memset(p, 1, size / 2);
		else
			memset(p + size / 2, 1, size / 2);
	}
}

TEST(processes_that_take_all_memory_for_shared_pages_are_killed)
{
	if (on_quire())
		survives(eat_shared);
}

static void fill_file_by_many(void)
{
	static char buf[64 * 1024];
	int i;

	for (i = 0; i < 4; i++) {
		if (fork() == 0) {
			int fd = open(file_name, O_WRONLY | O_CREAT | O_APPEND,
				      0600);
			/* Larger than the others, to be chosen. */
			char *p = map(2 * MIB, PROT_READ | PROT_WRITE);

			memset(p, 1, 2 * MIB);
			memset(buf, 1, sizeof(buf));
			while (write(fd, buf, sizeof(buf)) > 0)
				;
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
}

TEST(writers_that_fill_all_memory_with_one_file_end)
{
	if (on_quire())
		survives(fill_file_by_many);
}

static void eat_pipes(void)
{
	static char buf[65536];
	int fds[2], i;

	for (;;) {
		if (fork() == 0) {
			for (i = 0;; i++) {
				if (pipe2(fds, O_NONBLOCK)) {
					pause();
					_exit(0);
				}
				if (write(fds[1], buf, sizeof(buf)) < 0)
					pause();
			}
		}
		if (wait4(-1, NULL, WNOHANG, NULL) > 0)
			return;
		usleep(1000);
	}
}

TEST(full_pipes_that_take_all_memory_end_their_owners)
{
	if (on_quire())
		survives(eat_pipes);
}

static void eat_names(void)
{
	char name[64];
	int i;

	if (mkdir("/tmp/limits-names", 0700) || chdir("/tmp/limits-names"))
		_exit(1);
	for (i = 0; i < 300000; i++) {
		int fd;

		snprintf(name, sizeof(name), "a-rather-long-name-of-a-file-%d",
			 i);
		fd = open(name, O_WRONLY | O_CREAT, 0600);
		if (fd < 0)
			break;
		close(fd);
	}
}

TEST(names_that_take_all_memory_can_be_removed)
{
	if (on_quire())
		survives(eat_names);
}

/* ---- processes and threads ---- */

static void fork_bomb(void)
{
	int i;

	for (i = 0; i < 6; i++)
		fork();
	for (;;) {
		pid_t pid = fork();

		if (pid < 0)
			pause();
	}
}

static void bomb_for_a_while(void)
{
	struct rlimit few = {400, 400};
	pid_t pid;

	if (setrlimit(RLIMIT_NPROC, &few) || setgid(1000) || setuid(1000))
		_exit(1);
	pid = fork();
	if (!pid)
		fork_bomb();
	usleep(300000);
	kill(0, SIGKILL);
}

TEST(a_fork_bomb_is_held_by_RLIMIT_NPROC_and_can_be_killed)
{
	if (on_quire())
		survives(bomb_for_a_while);
}

static void bomb_without_limit(void)
{
	pid_t pid = fork();

	if (!pid)
		fork_bomb();
	sleep(1);
	kill(0, SIGKILL);
}

TEST(a_fork_bomb_without_limit_can_be_killed)
{
	if (on_quire())
		survives(bomb_without_limit);
}

static void *pause_thread(void *arg)
{
	pause();
	return arg;
}

static void threads_without_limit(void)
{
	pthread_attr_t attr;
	pthread_t t;
	int i;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 16384);
	for (i = 0; i < (on_quire() ? 40000 : 200); i++)
		if (pthread_create(&t, &attr, pause_thread, NULL))
			break;
}

TEST(threads_until_no_more_are_given_end_with_their_process)
{
	survives(threads_without_limit);
}

/* ---- tables ---- */

static void all_areas(void)
{
	long i, n = 70000;
	char *p = mmap(NULL, (size_t)n * PAGE, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		_exit(1);
	for (i = 0; i < n; i += 2)
		if (mprotect(p + i * PAGE, PAGE, PROT_READ))
			break;
	if (on_quire() && i < n && errno != ENOMEM)
		_exit(2);
	/* It still can fork, fault and unmap. */
	if (fork() == 0) {
		munmap(p, (size_t)n * PAGE);
		_exit(0);
	}
	wait(NULL);
	munmap(p, (size_t)n * PAGE);
}

TEST(areas_end_with_ENOMEM)
{
	survives(all_areas);
}

static void all_descriptors(void)
{
	struct rlimit most = {1 << 20, 1 << 20};
	int fd = open("/dev/null", O_RDWR), n = 0;

	setrlimit(RLIMIT_NOFILE, &most);
	while (dup(fd) >= 0)
		n++;
	if (errno != EMFILE && errno != ENOMEM && errno != ENFILE)
		_exit(1);
	if (fork() == 0)
		_exit(0);
	wait(NULL);
	(void)n;
}

TEST(descriptors_until_no_more_are_given)
{
	survives(all_descriptors);
}

static void deep_directories(void)
{
	int i, depth = on_quire() ? 3000 : 500;

	if (chdir("/tmp"))
		_exit(1);
	for (i = 0; i < depth; i++)
		if (mkdir("limits-d", 0700) || chdir("limits-d"))
			break;
	for (; i > 0; i--)
		if (chdir("..") || rmdir("limits-d"))
			_exit(1);
}

TEST(deep_directories_are_made_and_removed)
{
	survives(deep_directories);
}

static void huge_arguments(void)
{
	static char *argv[300000];
	static char big[130000];
	unsigned int i;

	memset(big, 'a', sizeof(big) - 1);
	argv[0] = "self";
	argv[1] = "role-true";
	for (i = 2; i < ARRAY_SIZE(argv) - 1; i++)
		argv[i] = i < 40 ? big : "x";
	/* Too many; then as many as fit; both while it can still return. */
	execve("/proc/self/exe", argv, environ);
	if (errno != E2BIG && errno != ENOMEM)
		_exit(1);
	argv[12] = NULL;
	execve("/proc/self/exe", argv, environ);
	_exit(0);
}

TEST(too_many_arguments_are_refused)
{
	survives(huge_arguments);
}
