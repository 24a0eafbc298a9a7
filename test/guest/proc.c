/* SPDX-License-Identifier: MIT */
/*
 * proc.c - processes: fork, vfork, exec, exit, wait, groups, what /proc says.
 *
 * Sources: fork(2), execve(2), wait(2), credentials(7), getauxval(3).
 */
#include "guest.h"

#include <spawn.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/times.h>

#define BIG_ARGS   1000
#define BIG_LENGTH 100

extern char **environ;

/* What this program does when it was executed by one of its own tests. */
static bool role(int argc, char **argv)
{
	int i;

	if (argc < 2 || strncmp(argv[1], "role-", 5))
		return false;
	if (!strcmp(argv[1], "role-exit"))
		exit(atoi(argv[2]));
	if (!strcmp(argv[1], "role-big")) {
		for (i = 2; i < argc; i++)
			if (strlen(argv[i]) != BIG_LENGTH || argv[i][0] != 'x')
				exit(1);
		exit(argc == BIG_ARGS + 2 && getenv("MARK") ? 0 : 2);
	}
	if (!strcmp(argv[1], "role-fds")) {
		/* argv[2] is open, argv[3] had FD_CLOEXEC. */
		exit(fcntl(atoi(argv[2]), F_GETFD) >= 0 &&
				     fcntl(atoi(argv[3]), F_GETFD) < 0
			     ? 0
			     : 1);
	}
	if (!strcmp(argv[1], "role-signals")) {
		struct sigaction sa;
		sigset_t set;
		int bad = 0;

		sigaction(SIGUSR1, NULL, &sa);
		bad |= sa.sa_handler != SIG_DFL;
		sigaction(SIGUSR2, NULL, &sa);
		bad |= (sa.sa_handler != SIG_IGN) << 1;
		sigprocmask(SIG_BLOCK, NULL, &set);
		bad |= !sigismember(&set, SIGTERM) << 2;
		exit(bad);
	}
	if (!strcmp(argv[1], "role-stack")) {
		printf("%p\n", (void *)&i);
		exit(0);
	}
	exit(99);
}

static int run_self(char *const argv[], char *const envp[])
{
	pid_t pid = fork();

	if (!pid) {
		execve("/proc/self/exe", argv, envp);
		_exit(98);
	}
	return wait_for(pid);
}

TEST(fork_gives_both_sides_the_right_numbers)
{
	pid_t me = getpid(), pid;
	int fds[2], pair[2];

	CHECK_EQ(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		pair[0] = getpid();
		pair[1] = getppid();
		CHECK_EQ(write(fds[1], pair, sizeof(pair)), sizeof(pair));
		_exit(0);
	}
	CHECK_EQ(read(fds[0], pair, sizeof(pair)), sizeof(pair));
	CHECK_EQ(pair[0], pid);
	CHECK_EQ(pair[1], me);
	CHECK_EQ(wait_for(pid), 0);
}

TEST(exit_passes_the_low_eight_bits)
{
	static const int codes[] = {0, 1, 42, 255, 256, -1};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(codes); i++) {
		pid_t pid = fork();
		int status;

		if (!pid)
			_exit(codes[i]);
		status = wait_for(pid);
		CHECK(WIFEXITED(status));
		CHECK_EQ(WEXITSTATUS(status), codes[i] & 255);
	}
}

TEST(a_killing_signal_is_told_to_the_parent)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		for (;;)
			pause();
	CHECK_EQ(kill(pid, SIGTERM), 0);
	status = wait_for(pid);
	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), SIGTERM);
}

TEST(wait_says_when_there_is_no_child)
{
	int status, fds[2];
	char c;
	pid_t pid;

	CHECK_ERR(waitpid(-1, &status, 0), ECHILD);
	CHECK_EQ(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		close(fds[1]);
		CHECK_EQ(read(fds[0], &c, 1), 0);
		_exit(3);
	}
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	CHECK_ERR(waitpid(pid + 1000, &status, 0), ECHILD);
	CHECK_ERR(waitpid(pid, &status, 0x12345600), EINVAL);
	close(fds[1]);
	CHECK_EQ(WEXITSTATUS(wait_for(pid)), 3);
}

TEST(wait_finds_the_child_it_was_asked_for)
{
	pid_t pid[5];
	int i, status;

	for (i = 0; i < 5; i++) {
		pid[i] = fork();
		if (!pid[i])
			_exit(i);
	}
	for (i = 4; i >= 0; i--) {
		CHECK_EQ(waitpid(pid[i], &status, 0), pid[i]);
		CHECK_EQ(WEXITSTATUS(status), i);
	}
}

static void tree(int depth, int *count)
{
	int i;

	__atomic_add_fetch(count, 1, __ATOMIC_SEQ_CST);
	if (!depth)
		return;
	for (i = 0; i < 2; i++) {
		pid_t pid = fork();

		if (!pid) {
			tree(depth - 1, count);
			while (wait(NULL) > 0)
				;
			_exit(0);
		}
		CHECK(pid > 0);
	}
	while (wait(NULL) > 0)
		;
}

TEST(a_tree_of_processes_all_run)
{
	int *count = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	tree(6, count);
	CHECK_EQ(*count, 127);
}

TEST(an_orphan_gets_a_new_parent)
{
	int fds[2];
	pid_t pid, old = 0, new = 0;

	CHECK_EQ(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		pid_t middle = getpid();

		if (!fork()) {
			pid_t pair[2] = {middle, middle};

			while (pair[1] == middle) {
				usleep(1000);
				pair[1] = getppid();
			}
			CHECK_EQ(write(fds[1], pair, sizeof(pair)),
				 sizeof(pair));
		}
		_exit(0);
	}
	CHECK_EQ(wait_for(pid), 0);
	CHECK_EQ(read(fds[0], &old, sizeof(old)), sizeof(old));
	CHECK_EQ(read(fds[0], &new, sizeof(new)), sizeof(new));
	CHECK_EQ(old, pid);
	CHECK(new != pid &&new > 0);
}

TEST(exec_passes_many_arguments_and_the_environment)
{
	static char *argv[BIG_ARGS + 3], arg[BIG_LENGTH + 1];
	char *envp[] = {"MARK=1", NULL};
	int i;

	memset(arg, 'x', BIG_LENGTH);
	argv[0] = "self";
	argv[1] = "role-big";
	for (i = 0; i < BIG_ARGS; i++)
		argv[i + 2] = arg;
	CHECK_EQ(run_self(argv, envp), 0);
	CHECK_EQ(WEXITSTATUS(run_self(argv, envp + 1)), 2);
}

TEST(exec_refuses_an_endless_argument)
{
	size_t len = 33 * PAGE;
	char *arg = map(len, PROT_READ | PROT_WRITE);
	char *argv[] = {"self", arg, NULL};

	memset(arg, 'x', len - 1);
	CHECK_ERR(execve("/proc/self/exe", argv, environ), E2BIG);
}

static void make_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	CHECK_EQ(fchmod(fd, mode), 0);
	close(fd);
}

TEST(exec_refuses_what_is_no_program)
{
	char *argv[] = {"x", NULL};

	CHECK_ERR(execve("/nonexistent", argv, environ), ENOENT);
	CHECK_ERR(execve("/tmp", argv, environ), EACCES);
	make_file("/tmp/guest-proc-x", "neither ELF nor script", 0700);
	CHECK_ERR(execve("/tmp/guest-proc-x", argv, environ), ENOEXEC);
	make_file("/tmp/guest-proc-x", "\177ELF garbage", 0700);
	CHECK_ERR(execve("/tmp/guest-proc-x", argv, environ), ENOEXEC);
	CHECK_EQ(chmod("/tmp/guest-proc-x", 0600), 0);
	CHECK_ERR(execve("/tmp/guest-proc-x", argv, environ), EACCES);
	CHECK_ERR(execve("/tmp/guest-proc-x/y", argv, environ), ENOTDIR);
	unlink("/tmp/guest-proc-x");
}

TEST(a_script_runs_by_its_interpreter)
{
	char self[PATH_MAX] = "", script[PATH_MAX + 40];
	char *argv[] = {"x", "17", NULL};
	pid_t pid;

	CHECK(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	snprintf(script, sizeof(script), "#! %s role-exit\n", self);
	make_file("/tmp/17", script, 0700);
	pid = fork();
	if (!pid) {
		/* argv becomes: self role-exit SCRIPT 17; the name counts. */
		CHECK_EQ(chdir("/tmp"), 0);
		execve("17", argv, environ);
		_exit(97);
	}
	CHECK_EQ(WEXITSTATUS(wait_for(pid)), 17);
	unlink("/tmp/17");
}

TEST(exec_closes_what_was_marked)
{
	int keep = open("/dev/null", O_RDONLY);
	int drop = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char a[16], b[16];
	char *argv[] = {"self", "role-fds", a, b, NULL};

	snprintf(a, sizeof(a), "%d", keep);
	snprintf(b, sizeof(b), "%d", drop);
	CHECK_EQ(run_self(argv, environ), 0);
}

static void ignore(int sig)
{
	(void)sig;
}

TEST(exec_resets_handlers_and_keeps_ignored_and_blocked)
{
	char *argv[] = {"self", "role-signals", NULL};
	sigset_t set;

	signal(SIGUSR1, ignore);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	CHECK_EQ(run_self(argv, environ), 0);
}

TEST(vfork_lends_memory_until_exec_or_exit)
{
	static volatile int seen;
	char *argv[] = {"self", "role-exit", "5", NULL};
	pid_t pid = vfork();

	if (!pid) {
		seen = 1;
		_exit(0);
	}
	CHECK_EQ(seen, 1);
	CHECK_EQ(wait_for(pid), 0);
	pid = vfork();
	if (!pid) {
		execve("/proc/self/exe", argv, environ);
		_exit(98);
	}
	CHECK_EQ(WEXITSTATUS(wait_for(pid)), 5);
}

static char state_of(pid_t pid)
{
	char name[64], buf[1024] = "";
	int fd;

	snprintf(name, sizeof(name), "/proc/%d/stat", pid);
	fd = open(name, O_RDONLY);
	if (fd < 0 || read(fd, buf, sizeof(buf) - 1) <= 0)
		return '?';
	close(fd);
	return strrchr(buf, ')')[2];
}

TEST(a_vfork_parent_sleeps_uninterruptibly)
{
	static volatile char state;
	pid_t me = getpid(), pid = vfork();

	if (!pid) {
		state = state_of(me);
		_exit(0);
	}
	CHECK_EQ(wait_for(pid), 0);
	CHECK_EQ(state, 'D');
}

static volatile sig_atomic_t exit_signal;

static void note_exit_signal(int sig)
{
	exit_signal = sig;
}

TEST(exec_makes_the_signal_of_the_end_sigchld)
{
	char *argv[] = {"x", "role-exit", "3", NULL};
	int status;
	pid_t pid;

	signal(SIGUSR1, note_exit_signal);
	signal(SIGCHLD, note_exit_signal);
	pid = (pid_t)syscall(SYS_clone, SIGUSR1, NULL, NULL, NULL, NULL);
	if (!pid) {
		execve("/proc/self/exe", argv, environ);
		_exit(98);
	}
	CHECK_EQ(waitpid(pid, &status, __WALL), pid);
	CHECK_EQ(WEXITSTATUS(status), 3);
	CHECK_EQ(exit_signal, SIGCHLD);
}

TEST(kernel_stacks_are_counted_in_kib)
{
	long before = proc_value("/proc/meminfo", "KernelStack:"), after;
	pid_t pid[100];

	for (int i = 0; i < 100; i++) {
		pid[i] = fork();
		if (!pid[i]) {
			pause();
			_exit(0);
		}
		CHECK(pid[i] > 0);
	}
	after = proc_value("/proc/meminfo", "KernelStack:");
	for (int i = 0; i < 100; i++) {
		kill(pid[i], SIGKILL);
		wait_for(pid[i]);
	}
	/* 16 KiB each, in Linux too. */
	CHECK(after - before >= 100 * 12);
	CHECK(after - before <= 100 * 20);
}

TEST(posix_spawn_starts_a_program)
{
	char *argv[] = {"self", "role-exit", "6", NULL};
	pid_t pid;

	CHECK_EQ(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ),
		 0);
	CHECK_EQ(WEXITSTATUS(wait_for(pid)), 6);
	CHECK_EQ(posix_spawn(&pid, "/nonexistent", NULL, NULL, argv, environ),
		 ENOENT);
}

TEST(the_auxiliary_vector_is_filled)
{
	CHECK_EQ(getauxval(AT_PAGESZ), PAGE);
	CHECK(getauxval(AT_PHDR));
	CHECK(getauxval(AT_PHNUM));
	CHECK(getauxval(AT_ENTRY));
	CHECK(getauxval(AT_RANDOM));
	CHECK(getauxval(AT_EXECFN));
	CHECK_EQ(getauxval(AT_UID), getuid());
	CHECK_EQ(getauxval(AT_SECURE), 0);
	CHECK_EQ(getauxval(AT_CLKTCK), 100);
}

TEST(stacks_lie_at_different_places)
{
	char *argv[] = {"self", "role-stack", NULL};
	char line[2][32] = {"", ""};
	int i, different = 0;

	for (i = 0; i < 8; i++) {
		int fds[2];
		pid_t pid;

		CHECK_EQ(pipe(fds), 0);
		pid = fork();
		if (!pid) {
			dup2(fds[1], 1);
			execve("/proc/self/exe", argv, environ);
			_exit(98);
		}
		close(fds[1]);
		memset(line[i & 1], 0, sizeof(line[0]));
		CHECK(read(fds[0], line[i & 1], sizeof(line[0]) - 1) > 0);
		close(fds[0]);
		CHECK_EQ(wait_for(pid), 0);
		different += i && strcmp(line[0], line[1]);
	}
	CHECK(different >= 6);
}

TEST(groups_and_sessions)
{
	pid_t pid = fork();

	if (!pid) {
		CHECK_EQ(getpgrp(), getppid() ? getpgid(getppid()) : 0);
		CHECK_EQ(setpgid(0, 0), 0);
		CHECK_EQ(getpgrp(), getpid());
		/* A group's leader cannot found a session. */
		CHECK_ERR(setsid(), EPERM);
		pid = fork();
		if (!pid) {
			CHECK_EQ(setsid(), getpid());
			CHECK_EQ(getpgrp(), getpid());
			_exit(0);
		}
		CHECK_EQ(wait_for(pid), 0);
		_exit(0);
	}
	CHECK_EQ(wait_for(pid), 0);
	CHECK_ERR(getpgid(99999999), ESRCH);
}

TEST(a_signal_to_a_group_reaches_all_its_members)
{
	pid_t pid[3];
	int i;

	for (i = 0; i < 3; i++) {
		pid[i] = fork();
		if (!pid[i]) {
			setpgid(0, i ? pid[0] : 0);
			for (;;)
				pause();
		}
		/* Both sides set it, whichever runs first. */
		setpgid(pid[i], pid[0]);
	}
	CHECK_EQ(kill(-pid[0], SIGKILL), 0);
	for (i = 0; i < 3; i++)
		CHECK_EQ(WTERMSIG(wait_for(pid[i])), SIGKILL);
}

TEST(a_child_can_be_stopped_and_continued)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		for (;;)
			pause();
	CHECK_EQ(kill(pid, SIGSTOP), 0);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status));
	CHECK_EQ(WSTOPSIG(status), SIGSTOP);
	CHECK_EQ(kill(pid, SIGCONT), 0);
	CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
	CHECK(WIFCONTINUED(status));
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(WTERMSIG(wait_for(pid)), SIGKILL);
}

TEST(two_hundred_children_one_after_the_other)
{
	int i;

	for (i = 0; i < 200; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(i & 127);
		CHECK_EQ(WEXITSTATUS(wait_for(pid)), i & 127);
	}
}

TEST(fifty_children_at_once)
{
	pid_t pid;
	int i, sum = 0, status;

	for (i = 0; i < 50; i++) {
		pid = fork();
		if (!pid) {
			char *p = map(MIB, PROT_READ | PROT_WRITE);

			memset(p, i, MIB);
			_exit(p[MIB - 1] == (char)i ? 1 : 0);
		}
		CHECK(pid > 0);
	}
	while ((pid = wait(&status)) > 0)
		sum += WEXITSTATUS(status);
	CHECK_EQ(sum, 50);
}

TEST(directory_and_mask_are_inherited)
{
	char cwd[PATH_MAX];
	pid_t pid;

	CHECK_EQ(chdir("/proc"), 0);
	umask(027);
	pid = fork();
	if (!pid) {
		CHECK(getcwd(cwd, sizeof(cwd)));
		CHECK(!strcmp(cwd, "/proc"));
		CHECK_EQ(umask(0), 027);
		CHECK_EQ(chdir("/"), 0);
		_exit(0);
	}
	CHECK_EQ(wait_for(pid), 0);
	CHECK(getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, "/proc"));
}

TEST(the_name_can_be_set)
{
	char name[16] = "";

	CHECK_EQ(prctl(PR_SET_NAME, "a-long-name-that-is-cut"), 0);
	CHECK_EQ(prctl(PR_GET_NAME, name), 0);
	CHECK(!strcmp(name, "a-long-name-tha"));
}

TEST(proc_self_knows_us)
{
	char buf[4096] = "", name[64];
	int fd = open("/proc/self/stat", O_RDONLY);
	pid_t ppid = 0;
	char state;

	CHECK(fd >= 0);
	CHECK(read(fd, buf, sizeof(buf) - 1) > 0);
	CHECK_EQ(atoi(buf), getpid());
	CHECK_EQ(sscanf(strrchr(buf, ')') + 1, " %c %d", &state, &ppid), 2);
	CHECK_EQ(state, 'R');
	CHECK_EQ(ppid, getppid());
	close(fd);
	snprintf(name, sizeof(name), "/proc/%d/cmdline", getpid());
	fd = open(name, O_RDONLY);
	CHECK(fd >= 0);
	CHECK(read(fd, buf, sizeof(buf)) > 1);
	CHECK_EQ(access("/proc/99999999", F_OK), -1);
	CHECK_EQ(proc_value("/proc/self/status", "Pid:"), getpid());
	CHECK_EQ(proc_value("/proc/self/status", "Threads:"), 1);
}

TEST(times_count_up)
{
	struct tms t;
	struct rusage ru;
	volatile unsigned long i;
	struct timespec a, b;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	for (i = 0; i < 20000000; i++)
		;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	CHECK(b.tv_sec > a.tv_sec || b.tv_nsec > a.tv_nsec);
	CHECK(times(&t) != (clock_t)-1);
	CHECK_EQ(getrusage(RUSAGE_SELF, &ru), 0);
	CHECK(ru.ru_minflt > 0);
}
