/* SPDX-License-Identifier: MIT */
/*
 * show.c - /proc and /sys as files: read in pieces and again, written with what
 * is right and what is not, by root and by others.
 *
 * On the host only the few files that are of interest are looked at, and only
 * writes that change nothing are made.
 */
#include "guest.h"

#include <dirent.h>
#include <pthread.h>

#define NOBODY	 65534
#define TEXT_MAX (1UL << 20)

static bool role(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return false;
}

/* ---- which files ---- */

static const char *const of_interest[] = {
	"/proc/buddyinfo",
	"/proc/meminfo",
	"/proc/vmstat",
	"/proc/zoneinfo",
	"/proc/sys/vm/max_map_count",
	"/sys/devices/system/cpu/online",
	"/sys/devices/system/node/online",
	"/sys/devices/system/node/node0/distance",
};

static unsigned int visited;

/* Other processes come and go: this one stands for all. */
static bool is_another_process(const char *dir, const char *name)
{
	return !strcmp(dir, "/proc") && name[0] >= '0' && name[0] <= '9' &&
	       atoi(name) != getpid();
}

static void walk(const char *dir, void (*fn)(const char *, const struct stat *))
{
	DIR *d = opendir(dir);
	struct dirent *e;

	/* What is behind a right that this process has not. */
	if (!d && errno == EACCES)
		return;
	CHECK(d);
	while ((e = readdir(d))) {
		char path[PATH_MAX];
		struct stat st;

		if (e->d_name[0] == '.' || is_another_process(dir, e->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		CHECK_EQ(lstat(path, &st), 0);
		if (S_ISDIR(st.st_mode))
			walk(path, fn);
		if (!S_ISREG(st.st_mode))
			continue;
		visited++;
		fn(path, &st);
	}
	closedir(d);
}

static void each_file(void (*fn)(const char *path, const struct stat *st))
{
	struct stat st;
	size_t i;

	visited = 0;
	if (on_quire()) {
		walk("/proc", fn);
		walk("/sys", fn);
		CHECK(visited > 60);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(of_interest); i++) {
		if (stat(of_interest[i], &st) == 0)
			fn(of_interest[i], &st);
	}
}

/* ---- reading ---- */

static char text[TEXT_MAX], again[TEXT_MAX];

/* All of it from the start on; -1 where it cannot be read now. */
static ssize_t read_all(int fd, char *buf)
{
	size_t len = 0;
	ssize_t n;

	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	while ((n = read(fd, buf + len, TEXT_MAX - len)) > 0)
		len += (size_t)n;
	if (n < 0)
		return -1;
	buf[len] = '\0';
	return (ssize_t)len;
}

static bool ends_in(const char *path, const char *name)
{
	size_t len = strlen(path), n = strlen(name);

	return len >= n && !strcmp(path + len - n, name);
}

/* pagemap, kpagecount, kpageflags: whole words of eight bytes, or nothing. */
static bool is_words(const char *path)
{
	return ends_in(path, "/pagemap") || ends_in(path, "/kpagecount") ||
	       ends_in(path, "/kpageflags");
}

static void read_words(const char *path)
{
	uint64_t words[8];
	int fd = open(path, O_RDONLY);

	CHECK(fd >= 0);
	CHECK_ERR(pread(fd, words, 1, 0), EINVAL);
	CHECK_ERR(pread(fd, words, 12, 0), EINVAL);
	CHECK_ERR(pread(fd, words, 8, 4), EINVAL);
	CHECK_EQ(pread(fd, words, 8, 0), 8);
	CHECK_EQ(pread(fd, words, sizeof(words), 16), (ssize_t)sizeof(words));
	close(fd);
}

/* A process's memory: nothing lies at address 0. */
static void touch_mem(const char *path)
{
	char byte = 0;
	int fd = open(path, O_RDWR);

	CHECK(fd >= 0);
	CHECK_ERR(pread(fd, &byte, 1, 0), EIO);
	CHECK_ERR(pwrite(fd, &byte, 1, 0), EIO);
	close(fd);
}

static void read_in_pieces(const char *path, const struct stat *st)
{
	static const size_t steps[] = {1, 7, 100, 4096};
	ssize_t len, n;
	size_t i, at;
	int fd;

	if (!(st->st_mode & 0400))
		return;
	if (is_words(path)) {
		read_words(path);
		return;
	}
	if (ends_in(path, "/mem")) {
		touch_mem(path);
		return;
	}
	fd = open(path, O_RDONLY);
	if (fd < 0)
		dprintf(1, "# %s: %s\n", path, strerror(errno));
	CHECK(fd >= 0);
	len = read_all(fd, text);
	if (len < 0 && errno == ENOSYS && strstr(path, "_calls")) {
		close(fd); /* a cache whose users are not stored */
		return;
	}
	if (len < 0)
		dprintf(1, "# %s: %s\n", path, strerror(errno));
	CHECK(len >= 0);
	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		/* Sysctls of Linux give nothing behind the first piece. */
		if (!on_quire() && !strncmp(path, "/proc/sys/", 10))
			break;
		/* What it was made of at position 0 is read on. */
		for (at = 0; at < TEXT_MAX; at += (size_t)n) {
			n = pread(fd, again + at,
				  at + steps[i] > TEXT_MAX ? TEXT_MAX - at
							   : steps[i],
				  (off_t)at);
			CHECK(n >= 0 && n <= (ssize_t)steps[i]);
			if (!n)
				break;
		}
		if (steps[i] == 1 && at > 20000)
			continue; /* once is enough for the long ones */
		/* Lines that are whole, if it is lines. */
		if (len && text[len - 1] == '\n')
			CHECK(at && again[at - 1] == '\n');
		CHECK(pread(fd, again, 10, (off_t)at + 1000000) == 0);
	}
	/* From the start it is made anew. */
	CHECK(read_all(fd, again) >= 0);
	close(fd);
}

TEST(files_can_be_read_in_pieces_and_again)
{
	each_file(read_in_pieces);
}

TEST(sizes_and_rights_are_those_of_linux)
{
	struct stat st;

	CHECK_EQ(stat("/sys/devices/system/node/online", &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0444);
	CHECK_EQ(st.st_size, 4096);
	CHECK_EQ(stat("/sys/devices/system/node/node0", &st), 0);
	CHECK_EQ(st.st_mode, S_IFDIR | 0755);
	CHECK_EQ(stat("/proc/sys/vm", &st), 0);
	CHECK_EQ(st.st_mode, S_IFDIR | 0555);
	CHECK_EQ(stat("/proc/sys/vm/max_map_count", &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0644);
	CHECK_EQ(st.st_size, 0);
	CHECK_EQ(stat("/proc/slabinfo", &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0400);
	CHECK_EQ(stat("/proc/pagetypeinfo", &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0400);
	CHECK_ERR(stat("/sys/devices/system/node/node", &st), ENOENT);
	CHECK_ERR(stat("/sys/devices/system/node/node00", &st), ENOENT);
	CHECK_ERR(stat("/sys/devices/system/node/node999", &st), ENOENT);
	CHECK_ERR(stat("/proc/sys/vm/nothing", &st), ENOENT);
}

/* Links between processors and nodes lead to and fro. */
TEST(links_of_nodes_lead_to_processors_and_back)
{
	char link[64] = "", path[PATH_MAX];

	CHECK(readlink("/sys/devices/system/node/node0/cpu0", link,
		       sizeof(link)) > 0);
	CHECK(!strcmp(link, "../../cpu/cpu0"));
	CHECK(realpath("/sys/devices/system/node/node0/cpu0/node0", path));
	CHECK(!strcmp(path, "/sys/devices/system/node/node0"));
}

/* Each cache of slabinfo has a directory, or a link to one that is shared. */
TEST(caches_of_slabinfo_have_their_directories)
{
	unsigned int per_slab, size, nr = 0;
	char name[64], path[128], link[64] = "", line[512];
	FILE *f = fopen("/proc/slabinfo", "r");
	struct stat st;

	if (!f || stat("/sys/kernel/slab", &st))
		return; /* the host's, and not root, or not SLUB */
	CHECK(fgets(line, sizeof(line), f) && fgets(line, sizeof(line), f));
	while (fgets(line, sizeof(line), f)) {
		CHECK_EQ(sscanf(line, "%63s %*u %*u %u %u", name, &size,
				&per_slab),
			 3);
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s", name);
		CHECK_EQ(lstat(path, &st), 0);
		if (S_ISLNK(st.st_mode)) {
			CHECK(readlink(path, link, sizeof(link) - 1) > 0);
			CHECK(link[0] == ':' && strlen(link) >= 8);
		}
		snprintf(path, sizeof(path),
			 "/sys/kernel/slab/%s/objs_per_slab", name);
		CHECK_EQ(proc_value(path, ""), per_slab);
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/slab_size",
			 name);
		CHECK_EQ(proc_value(path, ""), size);
		nr++;
	}
	CHECK(nr >= 20);
	CHECK_ERR(stat("/sys/kernel/slab/no-such-cache", &st), ENOENT);
	fclose(f);
}

/* ---- writing ---- */

static int open_knob(void)
{
	int fd = open("/proc/sys/vm/max_map_count", O_RDWR);

	CHECK(fd >= 0 || (!on_quire() && errno == EACCES));
	return fd;
}

TEST(bad_numbers_are_refused)
{
	static const char *const bad[] = {
		"junk", "-1", "2147483648", "99999999999999999999",
		"1x",	"x1", " ",	    "\n",
		"1,2",	"+1",
	};
	int fd = open_knob();
	size_t i;

	if (fd < 0)
		return; /* the host's, and not root */
	CHECK(read_all(fd, text) > 0);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_ERR(pwrite(fd, bad[i], strlen(bad[i]), 0), EINVAL);
	CHECK_EQ(pwrite(fd, "", 0, 0), 0);
	/* Behind the start a number is taken and not looked at. */
	CHECK_EQ(pwrite(fd, "1", 1, 1), 1);
	CHECK(read_all(fd, again) > 0);
	CHECK(!strcmp(text, again));
	CHECK_ERR(write(open("/proc/sys/vm/max_map_count", O_RDONLY), "1", 1),
		  EBADF);
}

TEST(numbers_are_set_and_the_system_follows)
{
	int fd = open_knob(), shell;
	char *p, old[32] = "";
	long i;

	if (!on_quire())
		return;
	CHECK(pread(fd, old, sizeof(old) - 1, 0) > 0);
	CHECK_EQ(pwrite(fd, " 64 \n", 5, 0), 5);
	p = map(256 * PAGE, PROT_READ);
	for (i = 0; i < 256; i += 2)
		if (mprotect(p + i * PAGE, PAGE, PROT_NONE))
			break;
	CHECK(i < 128 && errno == ENOMEM);
	/* What follows the last number is not taken. */
	CHECK_EQ(pwrite(fd, "1000 200", 8, 0), 5);
	CHECK_EQ(proc_value("/proc/sys/vm/max_map_count", ""), 1000);
	CHECK_EQ(pwrite(fd, "0x400", 5, 0), 5);
	CHECK_EQ(proc_value("/proc/sys/vm/max_map_count", ""), 1024);
	/* As a shell opens it. */
	shell = open("/proc/sys/vm/max_map_count", O_WRONLY | O_CREAT | O_TRUNC,
		     0666);
	CHECK(shell >= 0);
	CHECK_EQ(write(shell, old, strlen(old)), strlen(old));
	CHECK_EQ(proc_value("/proc/sys/vm/max_map_count", ""), atol(old));
}

/* Not even root opens for writing what nobody can write. */
TEST(what_cannot_be_written_cannot_be_opened)
{
	CHECK_ERR(open("/proc/sys/kernel/osrelease", O_WRONLY), EACCES);
	CHECK_ERR(open("/sys/devices/system/node/online", O_RDWR), EACCES);
	CHECK_ERR(open("/proc/sys/vm/nothing", O_WRONLY | O_CREAT, 0600),
		  ENOENT);
}

TEST(the_host_name_can_be_written)
{
	struct utsname u;
	int fd;

	if (!on_quire())
		return;
	fd = open("/proc/sys/kernel/hostname", O_RDWR);
	CHECK_EQ(write(fd, "gauss\nrest", 10), 10);
	CHECK_EQ(uname(&u), 0);
	CHECK(!strcmp(u.nodename, "gauss"));
	CHECK_EQ(pwrite(fd, "quire\n", 6, 0), 6);
}

/* ---- others than root ---- */

static void refused_to_others(const char *path, const struct stat *st)
{
	if (st->st_uid != 0)
		return; /* its own /proc/PID */
	if (!(st->st_mode & 0002))
		CHECK_ERR(open(path, O_WRONLY), EACCES);
	if (!(st->st_mode & 0004))
		CHECK_ERR(open(path, O_RDONLY), EACCES);
}

/* Names and nesting are everybody's, addresses are root's. */
TEST(addresses_in_iomem_are_roots)
{
	bool root = geteuid() == 0;
	FILE *f;

	/* The first range's end is not 0 for root. */
	f = fopen("/proc/iomem", "r");
	CHECK(f && fgets(text, sizeof(text), f));
	CHECK(!strncmp(text, "00000000-", 9));
	CHECK_EQ(strtoul(text + 9, NULL, 16) != 0, root);
	fclose(f);
	if (root) {
		CHECK_EQ(setgid(NOBODY), 0);
		CHECK_EQ(setuid(NOBODY), 0);
	}
	f = fopen("/proc/iomem", "r");
	CHECK(f);
	while (fgets(text, sizeof(text), f)) {
		char *line = text + strspn(text, " ");

		CHECK(!strncmp(line, "00000000-00000000 : ", 20));
		CHECK(strlen(line) > 21);
	}
	fclose(f);
}

TEST(others_than_root_write_nothing)
{
	if (geteuid() == 0) {
		CHECK_EQ(setgid(NOBODY), 0);
		CHECK_EQ(setuid(NOBODY), 0);
	}
	each_file(refused_to_others);
}

/* ---- a storm ---- */

static volatile bool stop;

static void *load(void *arg)
{
	(void)arg;
	while (!stop) {
		char *p = map(4 * MIB, PROT_READ | PROT_WRITE);
		pid_t pid;

		memset(p, 1, 4 * MIB);
		pid = fork();
		if (!pid)
			_exit(0);
		if (pid > 0)
			waitpid(pid, NULL, 0);
		munmap(p, 4 * MIB);
	}
	return NULL;
}

static char long_junk[70000];

static void write_junk(const char *path, const struct stat *st)
{
	static const struct {
		const char *text;
		size_t len;
	} junk[] = {
		{"", 0},
		{"\n", 1},
		{"junk", 4},
		{"-1", 2},
		{"1 2 3 4 5 6 7 8 9 10", 20},
		{"99999999999999999999", 20},
		{"0x", 2},
		{"\0\0\0", 3},
		{"1\0002", 3},
		{"%s%n%p", 6},
		{long_junk, 4095},
		{long_junk, 4096},
		{long_junk, sizeof(long_junk)},
	};
	ssize_t len = -1, n;
	size_t i;
	int fd;

	if (!(st->st_mode & 0222) || ends_in(path, "/mem"))
		return;
	fd = open(path, st->st_mode & 0400 ? O_RDWR : O_WRONLY);
	CHECK(fd >= 0);
	if (st->st_mode & 0400)
		len = read_all(fd, text);
	for (i = 0; i < ARRAY_SIZE(junk); i++) {
		n = pwrite(fd, junk[i].text, junk[i].len, 0);
		CHECK(n <= (ssize_t)junk[i].len);
		n = pwrite(fd, junk[i].text, junk[i].len, 3);
		CHECK(n <= (ssize_t)junk[i].len);
	}
	CHECK_ERR(pwrite(fd, (void *)8, 100, 0), EFAULT);
	if (len > 0) {
		/* As it was. */
		n = pwrite(fd, text, (size_t)len, 0);
		if (n <= 0)
			dprintf(1, "# %s: %s\n", path, strerror(errno));
		CHECK(n > 0);
		CHECK_EQ(read_all(fd, again), len);
		CHECK(!memcmp(text, again, (size_t)len));
	}
	close(fd);
}

TEST(junk_in_every_file_under_load)
{
	pthread_t thread[2];
	unsigned int i;

	if (!on_quire())
		return;
	alarm(4 * TEST_SECONDS); /* some hundred files, against two threads */
	memset(long_junk, '7', sizeof(long_junk));
	for (i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&thread[i], NULL, load, NULL), 0);
	each_file(write_junk);
	each_file(read_in_pieces);
	stop = true;
	for (i = 0; i < 2; i++)
		CHECK_EQ(pthread_join(thread[i], NULL), 0);
}
