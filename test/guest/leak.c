/* SPDX-License-Identifier: MIT */
/*
 * leak.c - memory comes back: after a thousand rounds of fork, exec, touch and
 * exit, free memory is what it was to within 64 KiB; and when there is no
 * memory left, somebody pays who is not the parent.
 *
 * How much is free means something only on a machine of our own, so on other
 * systems the rounds are run (fewer) and the amounts not looked at; that a
 * program eats all memory is tried nowhere else.
 */
#include "guest.h"

#include <pthread.h>

#define SLACK_KIB 64
#define TOUCH	  (1 * MIB)

extern char **environ;

static bool role(int argc, char **argv)
{
	char *p;

	if (argc < 2 || strcmp(argv[1], "role-touch"))
		return false;
	p = map(TOUCH, PROT_READ | PROT_WRITE);
	memset(p, 1, TOUCH);
	exit(p[TOUCH - 1] == 1 ? 0 : 1);
}

static long free_kib(void)
{
	return proc_value("/proc/meminfo", "MemFree:");
}

static void *touch_thread(void *arg)
{
	memset(arg, 2, 16 * PAGE);
	return NULL;
}

static void fork_exec_touch(void)
{
	char *argv[] = {"self", "role-touch", NULL};
	pid_t pid = fork();

	if (!pid) {
		execve("/proc/self/exe", argv, environ);
		_exit(98);
	}
	CHECK_EQ(wait_for(pid), 0);
}

static void fork_and_break_sharing(void)
{
	static char area[64 * PAGE];
	pid_t pid;

	memset(area, 1, sizeof(area));
	pid = fork();
	if (!pid) {
		memset(area, 2, sizeof(area));
		_exit(0);
	}
	CHECK_EQ(wait_for(pid), 0);
}

static void map_in_all_ways(void)
{
	char *p = map(256 * PAGE, PROT_READ | PROT_WRITE), *q;
	char *s = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_t t;

	memset(p, 1, 256 * PAGE);
	memset(s, 1, 16 * PAGE);
	CHECK_EQ(mprotect(p + 10 * PAGE, PAGE, PROT_READ), 0);
	CHECK_EQ(mprotect(p + 10 * PAGE, PAGE, PROT_READ | PROT_WRITE), 0);
	q = mremap(p, 256 * PAGE, 300 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED);
	CHECK_EQ(pthread_create(&t, NULL, touch_thread, q), 0);
	CHECK_EQ(pthread_join(t, NULL), 0);
	CHECK_EQ(munmap(q, 300 * PAGE), 0);
	CHECK_EQ(munmap(s, 16 * PAGE), 0);
}

static void files_and_pipes(void)
{
	static char buf[PAGE];
	char name[] = "/tmp/leak-XXXXXX";
	int fd = mkstemp(name), fds[2], i;

	CHECK(fd >= 0);
	for (i = 0; i < 20; i++)
		CHECK_EQ(write(fd, buf, PAGE), PAGE);
	CHECK_EQ(pipe(fds), 0);
	CHECK_EQ(write(fds[1], buf, PAGE), PAGE);
	close(fds[0]);
	close(fds[1]);
	close(fd);
	CHECK_EQ(unlink(name), 0);
}

/*
 * Processors keep a little of what was freed on them.  They get it here, all
 * of them, so that the rounds begin with what they end with.
 */
static void warm_up(void (*fn)(void))
{
	int i, j;

	for (i = 0; i < 8; i++) {
		if (fork())
			continue;
		for (j = 0; j < 20; j++)
			fn();
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
	for (i = 0; i < 30; i++)
		fn();
}

static void repeat(void (*fn)(void), int rounds)
{
	long before, after;
	int i;

	warm_up(fn);
	before = free_kib();
	for (i = 0; i < (on_quire() ? rounds : rounds / 10); i++)
		fn();
	after = free_kib();
	CHECK(before > 0 && after > 0);
	if (on_quire() && labs(before - after) > SLACK_KIB)
		guest_fail_eq(__LINE__, "free memory in KiB, before and after",
			      before, after);
}

TEST(a_thousand_fork_exec_touch_exit_give_all_back)
{
	repeat(fork_exec_touch, 1000);
}

TEST(broken_sharing_is_given_back)
{
	repeat(fork_and_break_sharing, 500);
}

TEST(mappings_and_threads_are_given_back)
{
	repeat(map_in_all_ways, 300);
}

TEST(files_and_pipes_are_given_back)
{
	repeat(files_and_pipes, 300);
}

TEST(a_child_that_takes_too_much_is_killed_and_its_parent_goes_on)
{
	long before = free_kib();
	int status;
	pid_t pid;

	if (!on_quire())
		return;
	pid = fork();
	if (!pid) {
		for (;;) {
			char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			/* Refused is as good as killed: then ask no more. */
			if (p == MAP_FAILED)
				raise(SIGKILL);
			memset(p, 1, MIB);
		}
	}
	status = wait_for(pid);
	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), SIGKILL);
	/* Everything it had is free again. */
	CHECK(free_kib() > before - 1024);
	fork_exec_touch();
}
