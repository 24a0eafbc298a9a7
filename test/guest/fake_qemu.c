/* SPDX-License-Identifier: MIT */
/*
 * fake_qemu.c - stands in for QEMU and the kernel: runs the program as a
 * process of the host and speaks the guest's side of the run protocol.
 *
 * With QUIRE_QEMU=.../fake_qemu the command's half of a run (archive.c,
 * machine.c, pump.c) is tested in milliseconds, on what Linux does, and apart
 * from the kernel.  FAKE=panic, FAKE=silent, FAKE=garbage and FAKE=die make
 * it behave as a broken machine.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <quire/run_proto.h>

#define WINDOW	    8192U /* of stdin, granted at a time */
#define STRINGS_MAX 4096

static int run_fd = -1, log_fd = -1;
static char *args[STRINGS_MAX], *env[STRINGS_MAX], *cwd;

static void must(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static void write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EAGAIN) {
			struct pollfd pfd = {fd, POLLOUT, 0};

			poll(&pfd, 1, -1);
			continue;
		}
		must(n > 0, "fake_qemu: write");
		p += n;
		len -= (size_t)n;
	}
}

static void frame(uint32_t type, const void *data, uint32_t len)
{
	struct run_frame f = {type, len};

	write_all(run_fd, &f, sizeof(f));
	write_all(run_fd, data, len);
}

static void frame_u32(uint32_t type, uint32_t value)
{
	frame(type, &value, sizeof(value));
}

static size_t hex(const char *p)
{
	char text[9] = "";

	memcpy(text, p, 8);
	return strtoul(text, NULL, 16);
}

/* Take the lines of /.quire/run. */
static void take_lines(const char *p, const char *end)
{
	size_t nr_args = 0, nr_env = 0;

	for (; p < end; p += strlen(p) + 1) {
		if (!strncmp(p, "arg=", 4))
			args[nr_args++] = strdup(p + 4);
		else if (!strncmp(p, "env=", 4))
			env[nr_env++] = strdup(p + 4);
		else if (!strncmp(p, "cwd=", 4))
			cwd = strdup(p + 4);
	}
}

static void read_initrd(const char *path)
{
	int fd = open(path, O_RDONLY);
	off_t size;
	char *p, *at;

	must(fd >= 0, path);
	size = lseek(fd, 0, SEEK_END);
	p = malloc((size_t)size);
	must(p && pread(fd, p, (size_t)size, 0) == size, path);
	close(fd);
	for (at = p;;) {
		size_t name = hex(at + 94), data = hex(at + 54);
		char *start = at + ((110 + name + 3) & ~3UL);

		/* The archive's start is as aligned as its parts. */
		if (data >= 4096 && (start - p) % 4096)
			must(false, "contents are not page-aligned");
		if (!strcmp(at + 110, ".quire/run"))
			take_lines(start, start + data);
		if (!strcmp(at + 110, "TRAILER!!!"))
			break;
		at = start + ((data + 3) & ~3UL);
	}
	free(p);
}

static void decode(char **argv)
{
	const char *initrd = NULL;

	for (; *argv; argv++) {
		if (!strcmp(*argv, "-initrd"))
			initrd = argv[1];
		sscanf(*argv, "socket,id=run,fd=%d", &run_fd);
		sscanf(*argv, "socket,id=log,fd=%d", &log_fd);
	}
	fcntl(run_fd, F_SETFD, FD_CLOEXEC);
	fcntl(log_fd, F_SETFD, FD_CLOEXEC);
	must(run_fd >= 0 && log_fd >= 0 && initrd, "arguments");
	read_initrd(initrd);
	must(args[0] && cwd, "/.quire/run");
}

static void misbehave(const char *how)
{
	if (!how)
		return;
	dprintf(log_fd, "log line\nPANIC for a test\n");
	if (!strcmp(how, "panic"))
		exit(2 * RUN_MACHINE_PANIC + 1);
	if (!strcmp(how, "silent"))
		for (;;)
			pause();
	if (!strcmp(how, "garbage")) {
		/* At once, so that the end comes with what is wrong. */
		uint32_t said[] = {77, 0, RUN_EXIT, sizeof(uint32_t), 0};

		write_all(run_fd, said, sizeof(said));
	}
	if (!strcmp(how, "die"))
		raise(SIGKILL);
	if (!strcmp(how, "complain")) {
		fputs("cannot set up this machine\n", stderr);
		exit(1);
	}
	if (!strcmp(how, "off"))
		exit(2 * RUN_MACHINE_OFF + 1);
}

static pid_t start(int *in, int *out, int *err)
{
	int fds[3][2], i;
	pid_t pid;

	for (i = 0; i < 3; i++)
		must(pipe2(fds[i], O_CLOEXEC) == 0, "pipe");
	pid = fork();
	must(pid >= 0, "fork");
	if (!pid) {
		/* A machine that is killed takes its program with it. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setpgid(0, 0);
		dup2(fds[0][0], 0);
		dup2(fds[1][1], 1);
		dup2(fds[2][1], 2);
		must(chdir(cwd) == 0, cwd);
		execve(args[0], args, env);
		_exit(127);
	}
	setpgid(pid, pid);
	*in = fds[0][1];
	*out = fds[1][0];
	*err = fds[2][0];
	for (i = 0; i < 3; i++)
		close(fds[i][i != 0]);
	return pid;
}

/* One frame from the host; false at its end. */
static bool take_frame(pid_t pid, int *in)
{
	static char data[RUN_FRAME_MAX];
	struct run_frame f;
	size_t got = 0;
	uint32_t word = 0;

	if (recv(run_fd, &f, sizeof(f), MSG_WAITALL) != sizeof(f))
		return false;
	must(f.len <= sizeof(data), "frame");
	while (got < f.len) {
		ssize_t n = read(run_fd, data + got, f.len - got);

		must(n > 0, "read");
		got += (size_t)n;
	}
	memcpy(&word, data, sizeof(word));
	if (f.type == RUN_STDIN && f.len && *in >= 0) {
		if (write(*in, data, f.len) == (ssize_t)f.len)
			frame_u32(RUN_CREDIT, f.len);
	} else if (f.type == RUN_STDIN && *in >= 0) {
		close(*in);
		*in = -1;
	} else if (f.type == RUN_SIGNAL) {
		kill(-pid, (int)word);
	}
	return true;
}

static bool relay(int fd, uint32_t type)
{
	char buf[16384];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n > 0)
		frame(type, buf, (uint32_t)n);
	return n > 0;
}

int main(int argc, char **argv)
{
	struct pollfd p[3];
	int status, in;
	pid_t pid;

	(void)argc;
	decode(argv);
	frame_u32(RUN_HELLO, RUN_PROTO_VERSION);
	misbehave(getenv("FAKE"));
	pid = start(&in, &p[1].fd, &p[2].fd);
	frame_u32(RUN_CREDIT, WINDOW);
	signal(SIGPIPE, SIG_IGN);
	p[0].fd = run_fd;
	p[0].events = p[1].events = p[2].events = POLLIN;
	while (p[1].fd >= 0 || p[2].fd >= 0) {
		poll(p, 3, -1);
		if (p[0].revents && !take_frame(pid, &in))
			p[0].fd = -1;
		if (p[1].revents && !relay(p[1].fd, RUN_STDOUT))
			p[1].fd = -1;
		if (p[2].revents && !relay(p[2].fd, RUN_STDERR))
			p[2].fd = -1;
	}
	must(waitpid(pid, &status, 0) == pid, "wait");
	dprintf(log_fd, "the program ended with %d\n", status);
	frame_u32(RUN_EXIT, (uint32_t)status);
	return 2 * RUN_MACHINE_OFF + 1;
}
