/* SPDX-License-Identifier: MIT */
/*
 * storm.c - random system calls, by processes and threads at once.
 *
 * 1. Idea.  A child makes calls with numbers and arguments drawn from what
 *    breaks kernels: borders of ranges, pointers to nothing, to the end of a
 *    page, to the kernel; sizes near zero and near all ones; descriptors of
 *    every kind.  What a call answers is not looked at: the machine has to
 *    go on, the child has to be killable, and at the machine's end nothing may
 *    be missing (the leak check that run.sh looks for).
 *    Programs whose head was spoiled are executed likewise.
 * 2. What is spared: calls that end the machine, and signals to others.
 * 3. The same seed draws the same calls for each thread.  SEED in the
 *    environment changes it; ROUNDS how much is done.
 *
 * Only for a machine of our own: elsewhere nothing is called.
 */
#include "guest.h"

#include <pthread.h>
#include <sched.h>

#define NR_HIGHEST	 460
#define CHILD_MS	 700
#define ROUNDS_DEFAULT	 12
#define CALLS_PER_THREAD 1500
#define ARENA_PAGES	 24

/* A child that draws exec of itself is to do nothing more. */
static bool role(int argc, char **argv)
{
	char cwd[PATH_MAX];

	(void)argc;
	(void)argv;
	return getcwd(cwd, sizeof(cwd)) && strstr(cwd, "/storm-");
}

/* ---- drawing ---- */

struct dice {
	uint64_t state;
};

static uint64_t roll(struct dice *d)
{
	uint64_t z = d->state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static unsigned long below(struct dice *d, unsigned long n)
{
	return roll(d) % n;
}

static unsigned long env_number(const char *name, unsigned long otherwise)
{
	const char *s = getenv(name);

	return s ? strtoul(s, NULL, 0) : otherwise;
}

/* Not these: the machine would end, or wait for nobody, or another die. */
static bool is_spared(long nr)
{
	switch (nr) {
	case SYS_reboot:
	case SYS_exit:
	case SYS_exit_group:
	case SYS_rt_sigreturn: /* drawn now and then, see one_call() */
	case SYS_pause:
	case SYS_mount:
	case SYS_umount2:
	case SYS_clock_settime:
	case SYS_settimeofday:
	case SYS_chroot:
		return true;
	default:
		return false;
	}
}

/* ---- what the calls are given ---- */

static char *arena; /* readable, writable, holes and guards between */

static const char *const paths[] = {
	"/",
	"/tmp",
	"a",
	"b",
	"c",
	"d",
	"d/e",
	"./a/../b",
	"",
	"/proc/self/maps",
	"/proc/self/smaps",
	"/proc/self/mem",
	"/proc/self/exe",
	"/proc/self/fd/3",
	"/proc/self/status",
	"/proc/self/environ",
	"/proc/meminfo",
	"/proc/slabinfo",
	"/proc/vmallocinfo",
	"/proc/self",
	"/proc/1/maps",
	"/proc/1/cwd",
	"/dev/null",
	"/dev/zero",
	"/dev/full",
	"/dev/urandom",
	"/dev/tty",
	"/dev/fd/4",
	"d/e/f/g/h",
	"a/",
};

static const uint64_t borders[] = {
	0,
	1,
	2,
	3,
	7,
	8,
	15,
	16,
	63,
	64,
	127,
	128,
	255,
	256,
	511,
	1023,
	1024,
	4095,
	4096,
	4097,
	8191,
	65535,
	65536,
	0x7ffffff,
	0x7fffffff,
	0x80000000,
	0xffffffff,
	0x100000000,
	0x7ffffffff000,
	0x7fffffffffff,
	0x800000000000,
	0x7ffffffffffff000,
	0x7fffffffffffffff,
	0x8000000000000000,
	0xffff800000000000,
	0xffff888000000000,
	0xffffffff80000000,
	0xffffffff81000000,
	0xfffffffffffff000,
	0xfffffffffffff001,
	0xfffffffffffffff8,
	0xffffffffffffff00,
	0xffffffffffffffff,
	0xffffffffffffff9c, /* AT_FDCWD */
};

static uint64_t draw_pointer(struct dice *d)
{
	char *page = arena + below(d, ARENA_PAGES) * PAGE;

	switch (below(d, 10)) {
	case 0:
		return 0;
	case 1:
		return borders[below(d, ARRAY_SIZE(borders))];
	case 2: /* the last bytes of a page */
		return (uintptr_t)page + PAGE - below(d, 65);
	case 3:
		return (uintptr_t)&arena; /* the program's own data */
	case 4:
		return (uintptr_t)paths[below(d, ARRAY_SIZE(paths))];
	case 5:
		return (uintptr_t)page;
	default:
		return (uintptr_t)page + (below(d, PAGE) & ~7UL);
	}
}

static uint64_t draw_argument(struct dice *d)
{
	switch (below(d, 16)) {
	case 0:
	case 1:
		return borders[below(d, ARRAY_SIZE(borders))];
	case 2:
	case 3:
	case 4:
	case 5:
		return draw_pointer(d);
	case 6:
		return (uintptr_t)paths[below(d, ARRAY_SIZE(paths))];
	case 7:
	case 8:
	case 9:
		return below(d, 24); /* a descriptor, a small number */
	case 10:
		return 1UL << below(d, 64);
	case 11:
		return (1UL << below(d, 20)) | (1UL << below(d, 20));
	case 12:
		return below(d, 1UL << (1 + below(d, 24)));
	case 13:
		return PAGE * below(d, ARENA_PAGES + 4);
	case 14:
		return roll(d);
	default:
		return below(d, 8);
	}
}

/* Words in the arena that look like what calls read there. */
static void fill_some(struct dice *d)
{
	char *page = arena + below(d, ARENA_PAGES - 2) * PAGE;
	uint64_t words[16], *to;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = draw_argument(d);
	to = (uint64_t *)(page + (below(d, PAGE - sizeof(words)) & ~7UL));
	/* By a call, so that a page that is gone does not end the thread. */
	if (syscall(SYS_getcpu, to, NULL, NULL) == 0) {
		struct iovec {
			void *p;
			size_t n;
		} from = {words, sizeof(words)};
		int fds[2];

		if (syscall(SYS_pipe2, fds, O_NONBLOCK) == 0) {
			syscall(SYS_writev, fds[1], &from, 1);
			syscall(SYS_read, fds[0], to, sizeof(words));
			syscall(SYS_close, fds[0]);
			syscall(SYS_close, fds[1]);
		}
	}
}

/* The calls this is about, more often than the others. */
static const short favourites[] = {
	SYS_mmap,    SYS_munmap,   SYS_mprotect,     SYS_mremap,
	SYS_madvise, SYS_brk,	   SYS_read,	     SYS_write,
	SYS_openat,  SYS_close,	   SYS_dup2,	     SYS_pipe2,
	SYS_clone,   SYS_fork,	   SYS_futex,	     SYS_ftruncate,
	SYS_pread64, SYS_pwrite64, SYS_rt_sigaction, SYS_sigaltstack,
	SYS_execve,  SYS_poll,	   SYS_getdents64,   SYS_ioctl,
	SYS_fcntl,   SYS_rename,   SYS_prctl,	     SYS_set_robust_list,
	SYS_rseq,    SYS_lseek,	   SYS_sendfile,     SYS_readv,
	SYS_writev,
};

/* An address range, and its length, that hold nothing but arena. */
static void in_arena(struct dice *d, uint64_t *a)
{
	unsigned long page = below(d, ARENA_PAGES);

	a[0] = (uintptr_t)arena + page * PAGE + (below(d, 8) ? 0 : a[0] % PAGE);
	a[1] %= (ARENA_PAGES - page) * PAGE + 1;
}

static void one_call(struct dice *d)
{
	uint64_t a[6];
	long nr, ret;
	int i;

	if (below(d, 3) == 0)
		nr = favourites[below(d, ARRAY_SIZE(favourites))];
	else
		nr = (long)below(d, NR_HIGHEST);
	if (below(d, 200) == 0)
		nr = (long)draw_argument(d);
	for (i = 0; i < 6; i++)
		a[i] = draw_argument(d);
	if (is_spared(nr) && !(nr == SYS_rt_sigreturn && below(d, 64) == 0))
		return;
	switch (nr) {
	case SYS_kill:
	case SYS_tkill:
	case SYS_rt_sigqueueinfo:
		a[0] = (uint64_t)getpid();
		if ((a[1] & 63) == SIGSTOP)
			return;
		break;
	case SYS_tgkill:
	case SYS_rt_tgsigqueueinfo:
		a[0] = (uint64_t)getpid();
		if ((a[2] & 63) == SIGSTOP)
			return;
		break;
	case SYS_clone:
		a[0] &= ~(uint64_t)(CLONE_VFORK | CLONE_PARENT);
		if (a[0] & CLONE_VM)
			return; /* two on one stack mean nothing */
		break;
	case SYS_clone3:
	case SYS_vfork:
		return;
	case SYS_munmap:
	case SYS_mprotect:
	case SYS_mremap:
	case SYS_madvise:
	case SYS_mmap:
		/* Mostly what can go without ending the thread. */
		if (below(d, 64) && !(nr == SYS_mmap && !(a[3] & MAP_FIXED)))
			in_arena(d, a);
		break;
	case SYS_rseq:
	case SYS_arch_prctl:
	case SYS_set_robust_list:
		if (below(d, 16))
			return;
		break;
	case SYS_rt_sigaction:
		if (a[1] && below(d, 16))
			a[1] = 0;
		break;
	}
	ret = syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	/* A new process has done enough. */
	if ((nr == SYS_fork || nr == SYS_clone) && ret == 0)
		_exit(0);
	if (nr == SYS_mmap && ret > 0 && below(d, 2))
		syscall(SYS_munmap, ret, (a[1] & 0xffffff) + 1);
}

static unsigned long calls_to_make, *calls_made; /* the latter shared */

static void *thread_main(void *arg)
{
	struct dice d = {(uintptr_t)arg};
	unsigned long i;

	for (i = 0; i < calls_to_make; i++) {
		if (i % 16 == 0)
			fill_some(&d);
		one_call(&d);
		__atomic_fetch_add(calls_made, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void ignore(int sig)
{
	(void)sig;
}

/* Everything open that a descriptor can be. */
static void open_some(void)
{
	int fds[2], i;

	for (i = 0; i < 64; i++)
		close(i);
	open("/dev/null", O_RDWR);
	open("/dev/null", O_RDWR);
	open("/dev/null", O_RDWR);
	open("a", O_RDWR | O_CREAT, 0600);
	open("b", O_RDWR | O_CREAT | O_APPEND, 0600);
	open("d", O_RDONLY | O_DIRECTORY);
	if (pipe2(fds, O_NONBLOCK))
		return;
	if (pipe(fds))
		return;
	open("/proc/self/maps", O_RDONLY);
	open("/proc", O_RDONLY);
	open("/dev/zero", O_RDWR);
	open("/dev/urandom", O_RDWR);
	open(".", O_RDONLY);
}

static void child_main(uint64_t seed, unsigned int nr_threads)
{
	char dir[] = "/tmp/storm-XXXXXX";
	struct rlimit few = {200, 200}, small = {64 * MIB, 64 * MIB};
	struct itimerval often = {{0, 3000}, {0, 3000}};
	struct sigaction cut_short = {.sa_handler = ignore};
	struct dice d = {seed};
	pthread_t t;
	unsigned int i;
	int sig;

	if (!mkdtemp(dir) || chdir(dir) || mkdir("d", 0700))
		_exit(1);
	setpgid(0, 0);
	setrlimit(RLIMIT_NPROC, &few);
	setrlimit(RLIMIT_AS, &small);
	arena = mmap(NULL, ARENA_PAGES * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(arena + 7 * PAGE, PAGE);
	mprotect(arena + 13 * PAGE, PAGE, PROT_READ);
	mprotect(arena + 17 * PAGE, PAGE, PROT_NONE);
	open_some();
	/* Half of them are not root. */
	if (below(&d, 2) && (chmod(".", 0777) || setgid(1000) || setuid(1000)))
		_exit(1);
	for (sig = 1; sig < 32; sig++)
		if (below(&d, 2))
			signal(sig, ignore);
	sigaction(SIGALRM, &cut_short, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	calls_to_make = CALLS_PER_THREAD;
	for (i = 1; i < nr_threads; i++)
		pthread_create(&t, NULL, thread_main, (void *)roll(&d));
	thread_main((void *)roll(&d));
	_exit(0);
}

/* Kill what is left of the children, and see that they all can die. */
static void collect(pid_t *pids, unsigned int nr)
{
	unsigned int i, ms, left = nr;

	for (ms = 0; left && ms < CHILD_MS; ms += 5) {
		for (i = 0; i < nr; i++)
			if (pids[i] && waitpid(pids[i], NULL, WNOHANG) > 0) {
				kill(-pids[i], SIGKILL);
				pids[i] = 0;
				left--;
			}
		usleep(5000);
	}
	for (i = 0; i < nr; i++) {
		if (!pids[i])
			continue;
		kill(-pids[i], SIGKILL);
		kill(pids[i], SIGKILL);
		CHECK_EQ(waitpid(pids[i], NULL, 0), pids[i]);
	}
}

static void storm(unsigned int nr_processes, unsigned int nr_threads)
{
	uint64_t seed = env_number("SEED", 1);
	unsigned long round, rounds = env_number("ROUNDS", ROUNDS_DEFAULT);
	bool loud = getenv("SEED");
	pid_t pids[16];
	unsigned int i;

	if (!on_quire())
		return;
	alarm((unsigned int)env_number("SECONDS", TEST_SECONDS));
	calls_made = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(calls_made != MAP_FAILED);
	for (round = 0; round < rounds; round += nr_processes) {
		if (loud)
			dprintf(1, "# round %lu seed %lu\n", round, seed);
		for (i = 0; i < nr_processes; i++) {
			pids[i] = fork();
			if (!pids[i])
				child_main(seed * 1000003 + (round + i) * 97 +
						   nr_threads,
					   nr_threads);
		}
		collect(pids, nr_processes);
	}
	dprintf(1, "# %lu calls\n", *calls_made);
	/* They did not all end at their first. */
	CHECK(*calls_made > rounds * 10);
}

/* ---- programs ---- */

#define ELF_HEAD_BYTES 1024 /* the header and the program headers */

/* Words of the head become borders, or bytes become anything. */
static void spoil(struct dice *d, unsigned char *head)
{
	unsigned long n = 1 + below(d, 4), at;

	while (n--) {
		if (below(d, 2)) {
			at = below(d, ELF_HEAD_BYTES / 8) * 8;
			if (below(d, 2))
				at %= 512;
			memcpy(head + at,
			       &borders[below(d, ARRAY_SIZE(borders))],
			       below(d, 2) ? 8 : 4);
		} else {
			at = below(d, below(d, 2) ? 64 : 512);
			head[at] = (unsigned char)roll(d);
		}
	}
}

TEST(random_executables_leave_the_machine_sound)
{
	static unsigned char image[4 * MIB], spoiled[ELF_HEAD_BYTES];
	char dir[] = "/tmp/storm-XXXXXX", *argv[] = {"x", NULL};
	struct dice d = {env_number("SEED", 1)};
	unsigned long i, rounds = 10 * env_number("ROUNDS", ROUNDS_DEFAULT);
	ssize_t size;
	int fd;

	if (!on_quire())
		return;
	CHECK(mkdtemp(dir) && chdir(dir) == 0);
	fd = open("/proc/self/exe", O_RDONLY);
	size = read(fd, image, sizeof(image));
	CHECK(size > ELF_HEAD_BYTES);
	close(fd);
	for (i = 0; i < rounds; i++) {
		pid_t pid;

		memcpy(spoiled, image, sizeof(spoiled));
		spoil(&d, spoiled);
		fd = open("x", O_WRONLY | O_CREAT, 0700);
		CHECK(fd >= 0);
		/* Now and then the file ends early, too. */
		CHECK_EQ(write(fd, image, (size_t)size), size);
		CHECK_EQ(pwrite(fd, spoiled, sizeof(spoiled), 0),
			 sizeof(spoiled));
		if (below(&d, 4) == 0)
			CHECK_EQ(ftruncate(fd, (off_t)below(&d, (size_t)size)),
				 0);
		close(fd);
		pid = fork();
		if (!pid) {
			struct itimerval soon = {{0, 0}, {0, 50000}};

			setitimer(ITIMER_REAL, &soon, NULL);
			close(0);
			close(1);
			close(2);
			execv("x", argv);
			_exit(0);
		}
		wait_for(pid);
	}
	CHECK_EQ(unlink("x"), 0);
}

TEST(random_calls_of_one_thread_leave_the_machine_sound)
{
	storm(1, 1);
}

TEST(random_calls_of_many_processes_leave_the_machine_sound)
{
	storm(4, 1);
}

TEST(random_calls_of_threads_of_one_process_leave_the_machine_sound)
{
	storm(1, 4);
}

TEST(random_calls_of_threads_of_many_processes_leave_the_machine_sound)
{
	storm(3, 3);
}
