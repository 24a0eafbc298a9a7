/* SPDX-License-Identifier: MIT */
/*
 * race.c - threads of one process that change, under each other's feet, the
 * memory, files and processes that all of them use.
 *
 * Every access may find its page gone or forbidden: then it is left by the
 * handler's jump.  What is looked at is that no thread ever reads what nobody
 * wrote there, and that everything ends in time.
 */
#include "guest.h"

#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/uio.h>

#define NR_THREADS   4
#define NR_PAGES     32
#define MILLISECONDS 200

/* futex(2), for a libc without the kernel's headers */
#define FUTEX_WAIT	  0
#define FUTEX_WAKE	  1
#define FUTEX_REQUEUE	  3
#define FUTEX_CMP_REQUEUE 4
#define FUTEX_WAKE_OP	  5
/* The second word grows by one; were it above 0, it is woken too. */
#define WAKE_OP_ADD_1_IF_GT_0 (1U << 28 | 4U << 24 | 1U << 12)

extern char **environ;

static atomic_bool over;
static char *area;

static bool role(int argc, char **argv)
{
	return argc > 1 && !strcmp(argv[1], "role-true");
}

/* ---- accesses that may fail ---- */

static __thread sigjmp_buf env;
static __thread volatile bool armed;

static void jump(int sig)
{
	if (!armed) {
		dprintf(1, "# unexpected signal %d\n", sig);
		_exit(1);
	}
	siglongjmp(env, 1);
}

static void catch_faults(void)
{
	struct sigaction sa = {.sa_handler = jump, .sa_flags = SA_NODEFER};

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
}

static bool store(volatile char *p, char c)
{
	if (sigsetjmp(env, 0)) {
		armed = false;
		return false;
	}
	armed = true;
	*p = c;
	armed = false;
	return true;
}

/* -1: it is not there. */
static int load(volatile char *p)
{
	int c;

	if (sigsetjmp(env, 0)) {
		armed = false;
		return -1;
	}
	armed = true;
	c = (unsigned char)*p;
	armed = false;
	return c;
}

static unsigned int draw(unsigned int *seed, unsigned int below)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 12) % below;
}

/* ---- running threads for a while ---- */

static void run_threads(void *(*fn)(void *), unsigned int nr)
{
	pthread_t t[16];
	unsigned int i;

	over = false;
	for (i = 0; i < nr; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, fn,
					(void *)(uintptr_t)(i + 1)),
			 0);
	usleep(MILLISECONDS * 1000);
	over = true;
	for (i = 0; i < nr; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
}

/* ---- memory ---- */

/* Every page holds 0 or its own number, whatever happens to its mapping. */
static void change_mapping(unsigned int *seed, unsigned int page)
{
	unsigned int n = 1 + draw(seed, NR_PAGES - page);
	char *p = area + page * PAGE, *q;

	switch (draw(seed, 8)) {
	case 0:
		munmap(p, n * PAGE);
		break;
	case 1:
	case 2:
		mmap(p, n * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		break;
	case 3:
		mprotect(p, n * PAGE, PROT_READ);
		break;
	case 4:
		mprotect(p, n * PAGE, PROT_READ | PROT_WRITE);
		break;
	case 5:
		madvise(p, n * PAGE, MADV_DONTNEED);
		break;
	case 6:
		q = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);
		/* A hole in the area may be where it fits. */
		if (q == MAP_FAILED ||
		    (q >= area && q < area + NR_PAGES * PAGE))
			break;
		q = mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q);
		if (q != MAP_FAILED)
			munmap(q, PAGE);
		break;
	case 7:
		if (draw(seed, 8))
			break;
		if (!fork()) {
			unsigned int i;

			for (i = 0; i < NR_PAGES; i++)
				store(area + i * PAGE, (char)(i + 1));
			_exit(0);
		}
		break;
	}
}

static void *memory_thread(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg * 7919, page;
	int fds[2], c;
	char byte;

	CHECK_EQ(pipe2(fds, O_NONBLOCK), 0);
	while (!over) {
		page = draw(&seed, NR_PAGES);
		if (draw(&seed, 4) == 0)
			change_mapping(&seed, page);
		page = draw(&seed, NR_PAGES);
		store(area + page * PAGE, (char)(page + 1));
		page = draw(&seed, NR_PAGES);
		c = load(area + page * PAGE);
		if (c > 0 && (unsigned int)c != page + 1)
			guest_fail_eq(__LINE__, "page", page, c - 1);
		/* The same by the kernel. */
		page = draw(&seed, NR_PAGES);
		if (write(fds[1], area + page * PAGE, 1) == 1) {
			CHECK_EQ(read(fds[0], &byte, 1), 1);
			if (byte && (unsigned char)byte != page + 1)
				guest_fail_eq(__LINE__, "page", page, byte - 1);
			byte = (char)(page + 1);
			CHECK_EQ(write(fds[1], &byte, 1), 1);
			if (read(fds[0], area + page * PAGE, 1) < 0) {
				CHECK_EQ(errno, EFAULT);
				CHECK_EQ(read(fds[0], &byte, 1), 1);
			}
		}
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
	close(fds[0]);
	close(fds[1]);
	return NULL;
}

TEST(mappings_change_under_accesses_and_no_page_shows_anothers_bytes)
{
	catch_faults();
	area = map(NR_PAGES * PAGE, PROT_READ | PROT_WRITE);
	run_threads(memory_thread, NR_THREADS);
	while (wait(NULL) > 0)
		;
}

static void *break_sharing_thread(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg * 31, page;

	while (!over) {
		page = draw(&seed, NR_PAGES);
		/* Each thread's bytes are its own. */
		char *p = area + page * PAGE + (uintptr_t)arg * 64;
		char c = (char)(1 + draw(&seed, 100));

		*(volatile char *)p = c;
		sched_yield();
		CHECK_EQ(*(volatile char *)p, c);
	}
	return NULL;
}

static void *fork_thread(void *arg)
{
	unsigned int i;
	pid_t pid;

	while (!over) {
		pid = fork();
		if (!pid) {
			for (i = 0; i < NR_PAGES; i++)
				area[i * PAGE + 2048] = 1;
			_exit(0);
		}
		CHECK_EQ(wait_for(pid), 0);
	}
	return arg;
}

static void *fork_or_write_thread(void *arg)
{
	return (uintptr_t)arg <= 2 ? fork_thread(arg)
				   : break_sharing_thread(arg);
}

TEST(writes_during_fork_are_never_lost)
{
	area = map(NR_PAGES * PAGE, PROT_READ | PROT_WRITE);
	run_threads(fork_or_write_thread, 5);
}

static void *grow_thread(void *arg)
{
	char *end = (char *)syscall(SYS_brk, 0);

	while (!over) {
		syscall(SYS_brk, end + 3 * PAGE);
		store(end + PAGE, 1);
		syscall(SYS_brk, end);
	}
	return arg;
}

TEST(the_heap_is_moved_by_all_at_once)
{
	catch_faults();
	run_threads(grow_thread, NR_THREADS);
}

static int file;

static void *truncate_thread(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg * 97, page;
	static const char text[64] = "x";
	int c;

	while (!over) {
		page = draw(&seed, NR_PAGES);
		switch (draw(&seed, 4)) {
		case 0:
			CHECK_EQ(ftruncate(file, (off_t)(draw(&seed, NR_PAGES) *
							 PAGE)),
				 0);
			break;
		case 1:
			CHECK_EQ(pwrite(file, text, sizeof(text),
					(off_t)(page * PAGE)),
				 sizeof(text));
			break;
		case 2:
			store(area + page * PAGE, 'x');
			break;
		case 3:
			c = load(area + page * PAGE);
			CHECK(c == -1 || c == 0 || c == 'x');
			/* From the file by way of its own mapping. */
			if (pwrite(file, area + page * PAGE, 64, 0) < 0)
				CHECK_EQ(errno, EFAULT);
			break;
		}
	}
	return NULL;
}

static void truncate_under(int flags)
{
	char name[] = "/tmp/race-XXXXXX";

	catch_faults();
	file = mkstemp(name);
	CHECK(file >= 0);
	CHECK_EQ(unlink(name), 0);
	area = mmap(NULL, NR_PAGES * PAGE, PROT_READ | PROT_WRITE, flags, file,
		    0);
	CHECK(area != MAP_FAILED);
	run_threads(truncate_thread, NR_THREADS);
}

TEST(a_shared_file_is_cut_and_grown_under_its_mapping)
{
	truncate_under(MAP_SHARED);
}

TEST(a_private_file_is_cut_and_grown_under_its_mapping)
{
	truncate_under(MAP_PRIVATE);
}

/* ---- processes and threads ---- */

static void *spin_thread(void *arg)
{
	for (;;)
		getppid();
	return arg;
}

static void *exec_thread(void *arg)
{
	char *argv[] = {"self", "role-true", NULL};

	(void)arg;
	execve("/proc/self/exe", argv, environ);
	/* Another was first: it will end this thread. */
	pause();
	return NULL;
}

static void with_threads(void *(*last)(void *))
{
	pthread_t t;
	int round, i;
	pid_t pid;

	for (round = 0; round < 30; round++) {
		pid = fork();
		if (!pid) {
			area = map(NR_PAGES * PAGE, PROT_READ | PROT_WRITE);
			for (i = 0; i < 3; i++)
				pthread_create(&t, NULL,
					       i & 1 ? fork_thread
						     : spin_thread,
					       NULL);
			for (i = 0; i < 3; i++)
				pthread_create(&t, NULL, last, NULL);
			pause();
			_exit(1);
		}
		CHECK_EQ(wait_for(pid), 0);
	}
}

static void *leave_thread(void *arg)
{
	(void)arg;
	_exit(0);
}

TEST(threads_that_exec_at_once_leave_one_program)
{
	with_threads(exec_thread);
}

TEST(threads_that_all_end_their_process_end_it_once)
{
	with_threads(leave_thread);
}

static void *wait_thread(void *arg)
{
	atomic_int *reaped = arg;

	while (!over)
		if (waitpid(-1, NULL, 0) > 0)
			++*reaped;
		else
			sched_yield();
	return NULL;
}

TEST(each_child_is_waited_for_by_exactly_one_thread)
{
	static atomic_int reaped;
	pthread_t t[3];
	int i;

	for (i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, wait_thread, &reaped), 0);
	for (i = 0; i < 300; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		CHECK(pid > 0);
	}
	while (reaped < 300)
		usleep(1000);
	over = true;
	for (i = 0; i < 3; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	CHECK_EQ(reaped, 300);
}

/* Grandchildren whose parents end while they do. */
TEST(orphans_that_end_with_their_parents_are_reaped)
{
	int i, j;

	for (i = 0; i < 60; i++) {
		pid_t pid = fork();

		if (!pid) {
			for (j = 0; j < 4; j++)
				if (!fork()) {
					if (j & 1)
						usleep((useconds_t)(j * 200));
					_exit(0);
				}
			_exit(0);
		}
		CHECK_EQ(wait_for(pid), 0);
	}
}

/* ---- signals ---- */

static void count(int sig)
{
	(void)sig;
}

static pthread_t targets[NR_THREADS];
static pthread_barrier_t all_begin, all_end;

static void *signalled_thread(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;

	pthread_barrier_wait(&all_begin);
	while (!over) {
		char *p = map(8 * PAGE, PROT_READ | PROT_WRITE);
		unsigned int i;

		for (i = 0; i < 8; i++)
			p[i * PAGE] = 1;
		for (i = 0; i < 8; i++)
			CHECK_EQ(p[i * PAGE], 1);
		munmap(p, 8 * PAGE);
		pthread_kill(targets[draw(&seed, NR_THREADS)], SIGUSR1);
	}
	pthread_barrier_wait(&all_end);
	return NULL;
}

TEST(signals_between_faults_disturb_nothing)
{
	struct sigaction sa = {.sa_handler = count, .sa_flags = SA_RESTART};
	unsigned int i;

	sigaction(SIGUSR1, &sa, NULL);
	pthread_barrier_init(&all_begin, NULL, NR_THREADS + 1);
	pthread_barrier_init(&all_end, NULL, NR_THREADS);
	for (i = 0; i < NR_THREADS; i++)
		CHECK_EQ(pthread_create(&targets[i], NULL, signalled_thread,
					(void *)(uintptr_t)(i + 1)),
			 0);
	pthread_barrier_wait(&all_begin);
	usleep(MILLISECONDS * 1000);
	over = true;
	for (i = 0; i < NR_THREADS; i++)
		CHECK_EQ(pthread_join(targets[i], NULL), 0);
}

/* ---- futexes ---- */

static uint32_t words[2];

static void *futex_thread(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg * 13;
	struct timespec soon = {0, 1000000};

	while (!over) {
		uint32_t *w = &words[draw(&seed, 2)];
		uint32_t v = __atomic_load_n(w, __ATOMIC_RELAXED);

		switch (draw(&seed, 6)) {
		case 0:
		case 1:
			syscall(SYS_futex, w, FUTEX_WAIT, v, &soon);
			break;
		case 2:
			__atomic_fetch_add(w, 1, __ATOMIC_RELAXED);
			syscall(SYS_futex, w, FUTEX_WAKE, 2);
			break;
		case 3:
			syscall(SYS_futex, &words[0], FUTEX_REQUEUE, 1, 8,
				&words[1]);
			break;
		case 4:
			syscall(SYS_futex, &words[1], FUTEX_CMP_REQUEUE, 0, 8,
				&words[0], words[1]);
			break;
		case 5:
			syscall(SYS_futex, w, FUTEX_WAKE_OP, 1, 1,
				&words[w == words], WAKE_OP_ADD_1_IF_GT_0);
			break;
		}
	}
	return NULL;
}

TEST(futex_waiters_are_moved_woken_and_time_out_at_once)
{
	run_threads(futex_thread, 6);
}

static void *die_with_lock(void *arg)
{
	pthread_mutex_lock(arg);
	return NULL;
}

TEST(robust_mutexes_survive_owners_that_end_with_them)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t m;
	int i, err;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&m, &attr);
	for (i = 0; i < 100; i++) {
		pthread_t t;

		CHECK_EQ(pthread_create(&t, NULL, die_with_lock, &m), 0);
		while ((err = pthread_mutex_trylock(&m)) == 0) {
			pthread_mutex_unlock(&m);
			sched_yield();
		}
		if (err == EBUSY)
			err = pthread_mutex_lock(&m);
		CHECK_EQ(err, EOWNERDEAD);
		CHECK_EQ(pthread_mutex_consistent(&m), 0);
		CHECK_EQ(pthread_mutex_unlock(&m), 0);
		CHECK_EQ(pthread_join(t, NULL), 0);
	}
}

/* ---- pipes and descriptors ---- */

static int pipe_fds[2];
static atomic_long bytes_in, bytes_out;

static void *pipe_thread(void *arg)
{
	static const char out[8192];
	char in[8192];
	ssize_t n;

	if ((uintptr_t)arg & 1) {
		while ((n = read(pipe_fds[0], in, sizeof(in))) > 0)
			bytes_out += n;
	} else {
		while (!over) {
			n = write(pipe_fds[1], out,
				  (size_t)(1 + (bytes_in * 7) % 8192));
			CHECK(n > 0);
			bytes_in += n;
		}
		if (++bytes_in && (uintptr_t)arg == 2)
			usleep(1000);
		--bytes_in;
	}
	return NULL;
}

TEST(what_many_write_to_a_pipe_many_read)
{
	pthread_t t[6];
	int i;

	CHECK_EQ(pipe(pipe_fds), 0);
	for (i = 0; i < 6; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, pipe_thread,
					(void *)(uintptr_t)(i + 1)),
			 0);
	usleep(MILLISECONDS * 1000);
	over = true;
	for (i = 1; i < 6; i += 2)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	close(pipe_fds[1]);
	for (i = 0; i < 6; i += 2)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	CHECK_EQ(bytes_in, bytes_out);
}

static void *descriptor_thread(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg * 5;
	char buf[16];
	int fds[2];

	while (!over) {
		int fd = 10 + (int)draw(&seed, 12);
		struct pollfd p = {fd, POLLIN | POLLOUT, 0};

		switch (draw(&seed, 8)) {
		case 0:
			if (pipe2(fds, O_NONBLOCK) == 0) {
				dup2(fds[0], fd);
				dup2(fds[1], 10 + (int)draw(&seed, 12));
				close(fds[0]);
				close(fds[1]);
			}
			break;
		case 1:
			close(fd);
			break;
		case 2:
			poll(&p, 1, 0);
			break;
		case 3:
			read(fd, buf, sizeof(buf));
			break;
		case 4:
			write(fd, buf, sizeof(buf));
			break;
		case 5:
			lseek(fd, 0, SEEK_CUR);
			break;
		case 6:
			fd = open("/proc/self/maps", O_RDONLY);
			dup2(fd, 10 + (int)draw(&seed, 12));
			close(fd);
			break;
		case 7:
			if (draw(&seed, 16) == 0 && !fork())
				_exit(0);
			while (waitpid(-1, NULL, WNOHANG) > 0)
				;
			break;
		}
	}
	return NULL;
}

TEST(descriptors_are_closed_under_the_calls_that_use_them)
{
	signal(SIGPIPE, SIG_IGN);
	run_threads(descriptor_thread, NR_THREADS);
	while (wait(NULL) > 0)
		;
}

static void *names_thread(void *arg)
{
	static const char *const names[] = {"a", "b", "a/x", "b/x", "b/x/y"};
	unsigned int seed = (unsigned int)(uintptr_t)arg * 3;

	while (!over) {
		const char *p = names[draw(&seed, ARRAY_SIZE(names))];
		const char *q = names[draw(&seed, ARRAY_SIZE(names))];
		struct stat st;

		switch (draw(&seed, 7)) {
		case 0:
			mkdir(p, 0700);
			break;
		case 1:
			rmdir(p);
			break;
		case 2:
			rename(p, q);
			break;
		case 3:
			close(open(p, O_CREAT | O_RDWR, 0600));
			break;
		case 4:
			unlink(p);
			break;
		case 5:
			link(p, q);
			break;
		case 6:
			stat(p, &st);
			break;
		}
	}
	return NULL;
}

static int remove_one(const char *name, const struct stat *st, int type,
		      struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(name);
}

TEST(names_are_made_moved_and_removed_by_all_at_once)
{
	char dir[] = "/tmp/race-XXXXXX";

	CHECK(mkdtemp(dir) && chdir(dir) == 0);
	run_threads(names_thread, NR_THREADS);
	/* What is left can be removed, however deep it became. */
	CHECK_EQ(chdir("/"), 0);
	CHECK_EQ(nftw(dir, remove_one, 500, FTW_DEPTH | FTW_PHYS), 0);
}
