/* SPDX-License-Identifier: MIT */
/*
 * io.c - descriptors, pipes, files, directories, devices, waiting for them.
 *
 * Sources: the man pages of section 2, pipe(7), null(4), full(4).
 */
#include "guest.h"

#include <dirent.h>
#include <poll.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>

static char dir[] = "/tmp/guest-io-XXXXXX";

static bool role(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return false;
}

/* Each test works in a directory of its own. */
static void enter(void)
{
	CHECK(mkdtemp(dir));
	CHECK_EQ(chdir(dir), 0);
}

static void leave(void)
{
	CHECK_EQ(chdir("/"), 0);
	CHECK_EQ(rmdir(dir), 0);
}

static int put(const char *name, const char *text)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	return fd;
}

static bool holds(int fd, const char *text)
{
	char buf[256] = "";
	ssize_t n = pread(fd, buf, sizeof(buf) - 1, 0);

	return n == (ssize_t)strlen(text) && !memcmp(buf, text, (size_t)n);
}

/* ---- pipes ---- */

TEST(a_pipe_carries_megabytes_in_order)
{
	enum { WORDS = 512 * 1024 };
	static uint32_t buf[3000];
	uint32_t next = 0, i;
	int fds[2];
	ssize_t n;
	pid_t pid;

	CHECK_EQ(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		close(fds[0]);
		while (next < WORDS) {
			for (i = 0; i < 3000 && next + i < WORDS; i++)
				buf[i] = next + i;
			CHECK_EQ(write(fds[1], buf, 4 * i), (ssize_t)(4 * i));
			next += i;
		}
		_exit(0);
	}
	close(fds[1]);
	while ((n = read(fds[0], buf, 4096)) > 0) {
		CHECK_EQ(n % 4, 0);
		for (i = 0; i < n / 4; i++)
			CHECK_EQ(buf[i], next++);
	}
	CHECK_EQ(n, 0);
	CHECK_EQ(next, WORDS);
	CHECK_EQ(wait_for(pid), 0);
}

TEST(a_full_pipe_refuses_and_an_empty_one_too)
{
	static char buf[4096];
	int fds[2], nr = 0;

	CHECK_EQ(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
	CHECK_ERR(read(fds[0], buf, 1), EAGAIN);
	while (write(fds[1], buf, sizeof(buf)) == sizeof(buf))
		nr++;
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(nr, 16);
	CHECK_EQ(read(fds[0], buf, sizeof(buf)), sizeof(buf));
	CHECK_EQ(write(fds[1], buf, sizeof(buf)), sizeof(buf));
	CHECK_EQ(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	CHECK(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	CHECK_ERR(lseek(fds[0], 0, SEEK_CUR), ESPIPE);
	CHECK_ERR(read(fds[1], buf, 1), EBADF);
	CHECK_ERR(write(fds[0], buf, 1), EBADF);
}

TEST(small_writes_of_several_processes_do_not_mix)
{
	int fds[2], i, j;
	char line[100];

	CHECK_EQ(pipe(fds), 0);
	for (i = 0; i < 4; i++) {
		if (fork())
			continue;
		memset(line, 'a' + i, sizeof(line));
		for (j = 0; j < 200; j++)
			CHECK_EQ(write(fds[1], line, sizeof(line)),
				 sizeof(line));
		_exit(0);
	}
	close(fds[1]);
	for (i = 0; i < 800; i++) {
		size_t got = 0;

		while (got < sizeof(line)) {
			ssize_t n =
				read(fds[0], line + got, sizeof(line) - got);

			CHECK(n > 0);
			got += (size_t)n;
		}
		for (j = 1; j < (int)sizeof(line); j++)
			CHECK_EQ(line[j], line[0]);
	}
	while (wait(NULL) > 0)
		;
}

/* ---- waiting ---- */

TEST(poll_tells_what_is_ready)
{
	struct pollfd p[2];
	int fds[2];
	char c;

	CHECK_EQ(pipe(fds), 0);
	p[0] = (struct pollfd){fds[0], POLLIN, 0};
	p[1] = (struct pollfd){fds[1], POLLOUT, 0};
	CHECK_EQ(poll(p, 1, 0), 0);
	CHECK_EQ(poll(p, 1, 20), 0);
	CHECK_EQ(poll(p, 2, 0), 1);
	CHECK_EQ(p[1].revents, POLLOUT);
	CHECK_EQ(write(fds[1], "x", 1), 1);
	CHECK_EQ(poll(p, 2, -1), 2);
	CHECK_EQ(p[0].revents, POLLIN);
	CHECK_EQ(read(fds[0], &c, 1), 1);
	close(fds[1]);
	CHECK_EQ(poll(p, 1, -1), 1);
	CHECK_EQ(p[0].revents, POLLHUP);
	p[0].fd = 999;
	CHECK_EQ(poll(p, 1, 0), 1);
	CHECK_EQ(p[0].revents, POLLNVAL);
	p[0].fd = -1;
	CHECK_EQ(poll(p, 1, 0), 0);
}

TEST(poll_wakes_when_data_comes)
{
	struct pollfd p;
	int fds[2];
	pid_t pid;

	CHECK_EQ(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		usleep(30000);
		CHECK_EQ(write(fds[1], "x", 1), 1);
		_exit(0);
	}
	p = (struct pollfd){fds[0], POLLIN, 0};
	CHECK_EQ(poll(&p, 1, 10000), 1);
	CHECK_EQ(p.revents, POLLIN);
	CHECK_EQ(wait_for(pid), 0);
}

TEST(select_tells_what_is_ready_and_times_out)
{
	struct timeval t = {0, 20000};
	int fds[2];
	fd_set in, out;

	CHECK_EQ(pipe(fds), 0);
	FD_ZERO(&in);
	FD_SET(fds[0], &in);
	CHECK_EQ(select(fds[1] + 1, &in, NULL, NULL, &t), 0);
	CHECK(!FD_ISSET(fds[0], &in));
	FD_SET(fds[0], &in);
	FD_ZERO(&out);
	FD_SET(fds[1], &out);
	CHECK_EQ(select(fds[1] + 1, &in, &out, NULL, NULL), 1);
	CHECK(FD_ISSET(fds[1], &out) && !FD_ISSET(fds[0], &in));
	close(fds[1]);
	FD_SET(fds[1], &in);
	CHECK_ERR(select(fds[1] + 1, &in, NULL, NULL, NULL), EBADF);
}

/* ---- files ---- */

TEST(a_file_keeps_what_is_written)
{
	char buf[16] = "";
	struct stat st;
	int fd;

	enter();
	fd = put("f", "hello");
	CHECK_EQ(lseek(fd, 1, SEEK_SET), 1);
	CHECK_EQ(read(fd, buf, 3), 3);
	CHECK(!strcmp(buf, "ell"));
	CHECK_EQ(lseek(fd, -1, SEEK_END), 4);
	CHECK_EQ(lseek(fd, 10, SEEK_CUR), 14);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, 15);
	CHECK(S_ISREG(st.st_mode));
	CHECK_EQ(pread(fd, buf, 16, 5), 10);
	CHECK_EQ(buf[0], 0);
	CHECK_EQ(buf[9], 'x');
	CHECK_EQ(read(fd, buf, 1), 0);
	CHECK_ERR(lseek(fd, -1, SEEK_SET), EINVAL);
	close(fd);
	CHECK_ERR(read(fd, buf, 1), EBADF);
	unlink("f");
	leave();
}

TEST(a_file_can_be_cut_and_grown)
{
	int fd;

	enter();
	fd = put("f", "0123456789");
	CHECK_EQ(ftruncate(fd, 4), 0);
	CHECK(holds(fd, "0123"));
	CHECK_EQ(truncate("f", 6), 0);
	CHECK_EQ(pwrite(fd, "z", 1, 6), 1);
	{
		char buf[8];

		CHECK_EQ(pread(fd, buf, 8, 0), 7);
		CHECK(!memcmp(buf, "0123\0\0z", 7));
	}
	CHECK_EQ(ftruncate(fd, 100000), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 100000);
	CHECK_ERR(ftruncate(fd, -1), EINVAL);
	unlink("f");
	leave();
}

TEST(open_flags_mean_what_they_say)
{
	int fd, other;

	enter();
	CHECK_ERR(open("f", O_RDONLY), ENOENT);
	fd = put("f", "abc");
	CHECK_ERR(open("f", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
	other = open("f", O_WRONLY | O_APPEND);
	CHECK_EQ(write(other, "def", 3), 3);
	CHECK(holds(fd, "abcdef"));
	CHECK_ERR(read(other, &other, 1), EBADF);
	CHECK(open("f", O_WRONLY | O_TRUNC) >= 0);
	CHECK(holds(fd, ""));
	CHECK_ERR(open(".", O_WRONLY), EISDIR);
	CHECK_ERR(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
	CHECK_ERR(open("f/g", O_RDONLY), ENOTDIR);
	unlink("f");
	leave();
}

TEST(an_unlinked_file_lives_until_it_is_closed)
{
	struct stat st;
	int fd;

	enter();
	fd = put("f", "still");
	CHECK_EQ(link("f", "g"), 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_nlink, 2);
	CHECK_ERR(link("f", "g"), EEXIST);
	CHECK_EQ(unlink("f"), 0);
	CHECK_EQ(unlink("g"), 0);
	CHECK_ERR(unlink("g"), ENOENT);
	CHECK(holds(fd, "still"));
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_nlink, 0);
	leave();
}

TEST(rename_replaces_atomically)
{
	int fd;

	enter();
	close(put("a", "A"));
	close(put("b", "B"));
	CHECK_EQ(rename("a", "b"), 0);
	CHECK_ERR(access("a", F_OK), ENOENT);
	fd = open("b", O_RDONLY);
	CHECK(holds(fd, "A"));
	CHECK_EQ(mkdir("d", 0755), 0);
	CHECK_ERR(rename("b", "d"), EISDIR);
	CHECK_ERR(rename("d", "b"), ENOTDIR);
	CHECK_ERR(rename("d", "d/e"), EINVAL);
	CHECK_EQ(rename("b", "d/c"), 0);
	CHECK_ERR(rmdir("d"), ENOTEMPTY);
	unlink("d/c");
	CHECK_EQ(rmdir("d"), 0);
	leave();
}

TEST(symbolic_links_are_followed_and_cycles_end)
{
	char buf[64] = "";
	struct stat st;
	int fd;

	enter();
	close(put("f", "x"));
	CHECK_EQ(symlink("f", "l"), 0);
	CHECK_EQ(readlink("l", buf, sizeof(buf)), 1);
	CHECK_EQ(buf[0], 'f');
	CHECK_EQ(lstat("l", &st), 0);
	CHECK(S_ISLNK(st.st_mode));
	CHECK_EQ(stat("l", &st), 0);
	CHECK(S_ISREG(st.st_mode));
	fd = open("l", O_RDONLY);
	CHECK(holds(fd, "x"));
	CHECK_ERR(open("l", O_RDONLY | O_NOFOLLOW), ELOOP);
	CHECK_ERR(readlink("f", buf, 1), EINVAL);
	CHECK_EQ(symlink("loop", "loop"), 0);
	CHECK_ERR(open("loop", O_RDONLY), ELOOP);
	CHECK_EQ(symlink("nowhere", "dangling"), 0);
	CHECK_ERR(open("dangling", O_RDONLY), ENOENT);
	unlink("dangling");
	unlink("loop");
	unlink("l");
	unlink("f");
	leave();
}

TEST(a_directory_lists_its_hundred_names_once)
{
	static bool seen[100];
	char name[16];
	struct dirent *e;
	int i, nr = 0;
	DIR *d;

	enter();
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "file%d", i);
		close(put(name, ""));
	}
	d = opendir(".");
	CHECK(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		i = atoi(e->d_name + 4);
		CHECK(i >= 0 && i < 100 && !seen[i]);
		CHECK_EQ(e->d_type, DT_REG);
		seen[i] = true;
		nr++;
	}
	CHECK_EQ(nr, 100);
	closedir(d);
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "file%d", i);
		CHECK_EQ(unlink(name), 0);
	}
	leave();
}

TEST(directories_nest_and_getcwd_finds_the_way)
{
	char cwd[PATH_MAX], want[PATH_MAX];
	struct stat st;

	enter();
	CHECK_EQ(mkdir("a", 0755), 0);
	CHECK_EQ(mkdir("a/b", 0700), 0);
	CHECK_ERR(mkdir("a/b", 0755), EEXIST);
	CHECK_ERR(mkdir("x/y", 0755), ENOENT);
	CHECK_EQ(stat("a/b", &st), 0);
	CHECK(S_ISDIR(st.st_mode));
	CHECK_EQ(st.st_mode & 0777, 0700);
	CHECK_EQ(chdir("a/b"), 0);
	snprintf(want, sizeof(want), "%s/a/b", dir);
	CHECK(getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, want));
	CHECK_ERR(syscall(SYS_getcwd, cwd, 3), ERANGE);
	CHECK_EQ(chdir("../.."), 0);
	CHECK_ERR(rmdir("a"), ENOTEMPTY);
	CHECK_ERR(unlink("a"), EISDIR);
	CHECK_EQ(rmdir("a/b"), 0);
	CHECK_EQ(rmdir("a"), 0);
	leave();
}

TEST(modes_and_times_can_be_set)
{
	struct timespec t[2] = {{1000, 5}, {2000, 7}};
	struct stat st;

	enter();
	umask(022);
	close(open("f", O_CREAT | O_WRONLY, 0666));
	CHECK_EQ(stat("f", &st), 0);
	CHECK_EQ(st.st_mode & 07777, 0644);
	CHECK_EQ(chmod("f", 04711), 0);
	CHECK_EQ(utimensat(AT_FDCWD, "f", t, 0), 0);
	CHECK_EQ(stat("f", &st), 0);
	CHECK_EQ(st.st_mode & 07777, 04711);
	CHECK_EQ(st.st_mtim.tv_sec, 2000);
	CHECK_EQ(access("f", X_OK), 0);
	unlink("f");
	leave();
}

/* ---- descriptors ---- */

TEST(duplicates_share_their_position)
{
	char c;
	int fd, copy;

	enter();
	fd = put("f", "abc");
	lseek(fd, 0, SEEK_SET);
	copy = dup(fd);
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_EQ(read(copy, &c, 1), 1);
	CHECK_EQ(c, 'b');
	CHECK_EQ(dup2(fd, 77), 77);
	CHECK_EQ(read(77, &c, 1), 1);
	CHECK_EQ(c, 'c');
	CHECK_EQ(dup3(fd, 78, O_CLOEXEC), 78);
	CHECK_EQ(fcntl(78, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(dup3(fd, fd, 0), EINVAL);
	CHECK_EQ(dup2(fd, fd), fd);
	CHECK_EQ(fcntl(fd, F_DUPFD, 100), 100);
	CHECK_ERR(dup2(999, 3), EBADF);
	CHECK_ERR(dup(-1), EBADF);
	unlink("f");
	leave();
}

TEST(the_limit_of_descriptors_holds)
{
	struct rlimit rl = {20, 20};
	int last = -1, fd;

	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &rl), 0);
	while ((fd = open("/dev/null", O_RDONLY)) >= 0)
		last = fd;
	CHECK_EQ(errno, EMFILE);
	CHECK_EQ(last, 19);
	CHECK_EQ(close(10), 0);
	CHECK_EQ(open("/dev/null", O_RDONLY), 10);
}

TEST(vectors_gather_and_scatter)
{
	char a[4] = "", b[4] = "";
	struct iovec out[] = {{"ab", 2}, {"", 0}, {"cdef", 4}};
	struct iovec in[] = {{a, 3}, {b, 3}};
	int fds[2];

	CHECK_EQ(pipe(fds), 0);
	CHECK_EQ(writev(fds[1], out, 3), 6);
	CHECK_EQ(readv(fds[0], in, 2), 6);
	CHECK(!strcmp(a, "abc") && !strcmp(b, "def"));
	CHECK_ERR(syscall(SYS_writev, fds[1], out, -1), EINVAL);
	CHECK_EQ(writev(fds[1], out, 0), 0);
}

TEST(sendfile_copies_a_file_into_a_pipe)
{
	char buf[16] = "";
	off_t from = 2;
	int fd, fds[2];

	enter();
	fd = put("f", "0123456789");
	CHECK_EQ(pipe(fds), 0);
	CHECK_EQ(sendfile(fds[1], fd, &from, 5), 5);
	CHECK_EQ(from, 7);
	CHECK_EQ(read(fds[0], buf, 16), 5);
	CHECK(!strcmp(buf, "23456"));
	CHECK_EQ(sendfile(fds[1], fd, &from, 100), 3);
	unlink("f");
	leave();
}

TEST(a_descriptor_can_be_opened_again_by_its_name)
{
	char name[64], c;
	int fds[2], fd, again;

	CHECK_EQ(pipe(fds), 0);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fds[1]);
	/* As a shell does for > and as tee does. */
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(read(fds[0], &c, 1), 1);
	CHECK_ERR(open(name, O_WRONLY | O_CREAT | O_EXCL, 0666), EEXIST);
	enter();
	fd = put("f", "abc");
	unlink("f");
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	again = open(name, O_RDONLY);
	CHECK(again >= 0);
	CHECK_EQ(read(again, &c, 1), 1);
	CHECK_EQ(c, 'a');
	leave();
}

/* ---- devices and /proc ---- */

TEST(the_memory_devices)
{
	char buf[64];
	int fd, i;

	fd = open("/dev/null", O_RDWR);
	CHECK_EQ(write(fd, buf, 64), 64);
	CHECK_EQ(read(fd, buf, 64), 0);
	fd = open("/dev/zero", O_RDONLY);
	memset(buf, 1, 64);
	CHECK_EQ(read(fd, buf, 64), 64);
	for (i = 0; i < 64; i++)
		CHECK_EQ(buf[i], 0);
	fd = open("/dev/full", O_RDWR);
	CHECK_ERR(write(fd, buf, 1), ENOSPC);
	CHECK_EQ(read(fd, buf, 1), 1);
	fd = open("/dev/urandom", O_RDONLY);
	CHECK_EQ(read(fd, buf, 64), 64);
	for (i = 1; i < 64 && buf[i] == buf[0]; i++)
		;
	CHECK(i < 64);
	CHECK_EQ(syscall(SYS_getrandom, buf, 32, 0), 32);
}

TEST(meminfo_is_made_anew_at_each_rewind)
{
	char a[4096], b[4096];
	int fd = open("/proc/meminfo", O_RDONLY);
	ssize_t n = read(fd, a, sizeof(a) - 1), m;
	char *p = map(16 * MIB, PROT_READ | PROT_WRITE);

	CHECK(n > 100);
	a[n] = 0;
	memset(p, 1, 16 * MIB);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	m = read(fd, b, sizeof(b) - 1);
	CHECK(m > 100);
	b[m] = 0;
	CHECK(atol(strstr(a, "MemFree:") + 8) > 0);
	CHECK_EQ(atol(strstr(a, "MemTotal:") + 9),
		 atol(strstr(b, "MemTotal:") + 9));
	CHECK(atol(strstr(b, "MemFree:") + 8) <
	      atol(strstr(b, "MemTotal:") + 9));
}

TEST(sysinfo_agrees_with_meminfo)
{
	struct sysinfo si;
	unsigned long total;

	CHECK_EQ(sysinfo(&si), 0);
	total = si.totalram * si.mem_unit / 1024;
	CHECK_EQ(proc_value("/proc/meminfo", "MemTotal:"), (long)total);
	CHECK(si.procs >= 1);
	CHECK(si.freeram < si.totalram);
}

TEST(statfs_knows_a_file_system)
{
	struct statfs s;

	CHECK_EQ(statfs("/tmp", &s), 0);
	CHECK(s.f_bsize > 0);
	CHECK_EQ(statfs("/proc", &s), 0);
	CHECK_EQ(s.f_type, 0x9fa0);
}

TEST(uname_says_linux_of_a_recent_release)
{
	struct utsname u;
	int major, minor;

	CHECK_EQ(uname(&u), 0);
	CHECK(!strcmp(u.sysname, "Linux"));
	CHECK(!strcmp(u.machine, "x86_64"));
	CHECK_EQ(sscanf(u.release, "%d.%d", &major, &minor), 2);
	CHECK(major > 6 || (major == 6 && minor >= 1));
}

TEST(an_unknown_system_call_is_enosys)
{
	CHECK_ERR(syscall(100000), ENOSYS);
	CHECK_ERR(syscall(-1), ENOSYS);
}
