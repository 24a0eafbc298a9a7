/* SPDX-License-Identifier: MIT */
/*
 * thread.c - threads: clone, futexes, thread-local storage, one address space
 * on several processors.
 *
 * Sources: pthreads(7), futex(2), clone(2).
 */
#include "guest.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

#define RW	   (PROT_READ | PROT_WRITE)
#define FUTEX_WAIT 0
#define FUTEX_WAKE 1
#define NR	   8

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static volatile long shared_count;
static __thread long own_count;

static bool role(int argc, char **argv)
{
	if (argc < 2 || strcmp(argv[1], "role-pid"))
		return false;
	exit(getpid() == atoi(argv[2]) && syscall(SYS_gettid) == getpid() ? 0
									  : 1);
}

static void start(pthread_t *t, void *(*fn)(void *), void *arg)
{
	CHECK_EQ(pthread_create(t, NULL, fn, arg), 0);
}

static void *join(pthread_t t)
{
	void *result;

	CHECK_EQ(pthread_join(t, &result), 0);
	return result;
}

static void *count_locked(void *arg)
{
	int i;

	for (i = 0; i < 20000; i++) {
		pthread_mutex_lock(&lock);
		shared_count++;
		pthread_mutex_unlock(&lock);
		own_count++;
	}
	return (void *)(own_count + (long)arg);
}

TEST(a_mutex_counts_right_and_thread_locals_are_own)
{
	pthread_t t[NR];
	long i;

	for (i = 0; i < NR; i++)
		start(&t[i], count_locked, (void *)i);
	for (i = 0; i < NR; i++)
		CHECK_EQ((long)join(t[i]), 20000 + i);
	CHECK_EQ(shared_count, NR * 20000);
	CHECK_EQ(own_count, 0);
}

static volatile int turn;

static void *ping_pong(void *arg)
{
	int me = (int)(long)arg, i;

	for (i = 0; i < 1000; i++) {
		pthread_mutex_lock(&lock);
		while (turn != me)
			pthread_cond_wait(&cond, &lock);
		turn = !me;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

TEST(two_threads_take_turns)
{
	pthread_t a, b;

	start(&a, ping_pong, (void *)0);
	start(&b, ping_pong, (void *)1);
	join(a);
	join(b);
}

static pthread_barrier_t barrier;
static volatile int arrived[NR];

static void *at_barrier(void *arg)
{
	int me = (int)(long)arg, round, i;

	for (round = 1; round <= 100; round++) {
		arrived[me] = round;
		pthread_barrier_wait(&barrier);
		for (i = 0; i < NR; i++)
			if (arrived[i] != round)
				return (void *)1;
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

TEST(a_barrier_holds_all)
{
	pthread_t t[NR];
	long i;

	pthread_barrier_init(&barrier, NULL, NR);
	for (i = 0; i < NR; i++)
		start(&t[i], at_barrier, (void *)i);
	for (i = 0; i < NR; i++)
		CHECK(!join(t[i]));
}

static void *tell_tid(void *arg)
{
	(void)arg;
	return (void *)syscall(SYS_gettid);
}

TEST(threads_have_numbers_of_their_own)
{
	pthread_t t;
	long tid;

	start(&t, tell_tid, NULL);
	tid = (long)join(t);
	CHECK(tid > 0 && tid != getpid());
	CHECK_EQ(syscall(SYS_gettid), getpid());
}

static void *nothing(void *arg)
{
	return arg;
}

TEST(three_hundred_threads_come_and_go)
{
	pthread_t t[10];
	long i, j;

	for (i = 0; i < 30; i++) {
		for (j = 0; j < 10; j++)
			start(&t[j], nothing, (void *)j);
		for (j = 0; j < 10; j++)
			CHECK_EQ((long)join(t[j]), j);
	}
}

/* ---- one address space, several processors ---- */

#define ARENA (8 * MIB)
static char *arena;

static void *touch_arena(void *arg)
{
	size_t i, me = (size_t)(long)arg;

	/* All fault in the same pages, each has its own byte. */
	for (i = 0; i < ARENA; i += PAGE)
		arena[i + me] = (char)(me + 1);
	return NULL;
}

TEST(concurrent_faults_on_the_same_pages_lose_nothing)
{
	pthread_t t[NR];
	size_t i;
	long j;

	arena = map(ARENA, RW);
	for (j = 0; j < NR; j++)
		start(&t[j], touch_arena, (void *)j);
	for (j = 0; j < NR; j++)
		join(t[j]);
	for (i = 0; i < ARENA; i += PAGE)
		for (j = 0; j < NR; j++)
			CHECK_EQ(arena[i + (size_t)j], j + 1);
}

static void *map_and_unmap(void *arg)
{
	unsigned int seed = (unsigned int)(long)arg, i;

	for (i = 0; i < 300; i++) {
		size_t pages =
			1 + (seed = seed * 1103515245 + 12345) / 65536 % 20;
		char *p = mmap(NULL, pages * PAGE, RW,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			return (void *)1;
		p[0] = p[(pages - 1) * PAGE] = (char)i;
		if (mprotect(p, PAGE, PROT_READ) ||
		    p[(pages - 1) * PAGE] != (char)i || p[0] != (char)i ||
		    munmap(p, pages * PAGE))
			return (void *)2;
	}
	return NULL;
}

TEST(threads_map_protect_and_unmap_at_once)
{
	pthread_t t[4];
	long i;

	for (i = 0; i < 4; i++)
		start(&t[i], map_and_unmap, (void *)i);
	for (i = 0; i < 4; i++)
		CHECK(!join(t[i]));
}

/*
 * A page that one thread takes away is gone for the other at once: nothing is
 * left in the other processor's TLB.
 */
static char *volatile flipped;
static volatile long flips;
static volatile bool stop;

static void *read_flipped(void *arg)
{
	long wrong = 0;

	(void)arg;
	while (!stop) {
		long before = flips;
		char c = *(volatile char *)flipped;

		/* Only if no flip came between do we know what to see. */
		if (before > 0 && flips == before && c != (char)before)
			wrong++;
	}
	return (void *)wrong;
}

TEST(other_processors_see_a_replaced_page_at_once)
{
	pthread_t t;
	long i;

	flipped = map(PAGE, RW);
	start(&t, read_flipped, NULL);
	for (i = 1; i <= 2000; i++) {
		char *p = map(PAGE, RW);

		*p = (char)i;
		flips = 0; /* between: anything goes */
		CHECK(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			     flipped) == flipped);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		flips = i;
	}
	stop = true;
	CHECK_EQ((long)join(t), 0);
	CHECK_EQ(*flipped, (char)2000);
}

static sigjmp_buf thread_env[2];
static __thread int my_env;

static void thread_segv(int sig)
{
	(void)sig;
	siglongjmp(thread_env[my_env], 1);
}

static void *fault_often(void *arg)
{
	char *p = map(PAGE, PROT_READ);
	volatile int caught = 0, i;

	my_env = (int)(long)arg;
	for (i = 0; i < 500; i++) {
		if (!sigsetjmp(thread_env[my_env], 1))
			*(volatile char *)p = 1;
		else
			caught++;
	}
	return (void *)(long)caught;
}

TEST(each_thread_gets_its_own_faults)
{
	pthread_t a, b;

	signal(SIGSEGV, thread_segv);
	start(&a, fault_often, (void *)0);
	start(&b, fault_often, (void *)1);
	CHECK_EQ((long)join(a), 500);
	CHECK_EQ((long)join(b), 500);
}

/* ---- ends ---- */

static void *sleep_for_ever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void *exit_group(void *arg)
{
	usleep(10000);
	_exit((int)(long)arg);
}

TEST(exit_ends_all_threads)
{
	pid_t pid = fork();

	if (!pid) {
		pthread_t t;
		int i;

		for (i = 0; i < 5; i++)
			start(&t, sleep_for_ever, NULL);
		start(&t, exit_group, (void *)7);
		sleep_for_ever(NULL);
	}
	CHECK_EQ(WEXITSTATUS(wait_for(pid)), 7);
}

TEST(the_first_thread_may_end_before_the_others)
{
	pid_t pid = fork();

	if (!pid) {
		pthread_t t;

		start(&t, exit_group, (void *)8);
		pthread_exit(NULL);
	}
	CHECK_EQ(WEXITSTATUS(wait_for(pid)), 8);
}

static void *crash(void *arg)
{
	volatile char *volatile null = NULL;

	*null = 1;
	return arg;
}

TEST(a_crashing_thread_takes_its_process_along)
{
	pid_t pid = fork();

	if (!pid) {
		pthread_t t;

		start(&t, crash, NULL);
		sleep_for_ever(NULL);
	}
	CHECK_EQ(WTERMSIG(wait_for(pid)), SIGSEGV);
}

static void *exec_self(void *arg)
{
	char number[16];
	char *argv[] = {"self", "role-pid", number, NULL};
	char *envp[] = {NULL};

	snprintf(number, sizeof(number), "%d", getpid());
	execve("/proc/self/exe", argv, envp);
	return arg;
}

TEST(exec_from_any_thread_keeps_the_process_id)
{
	pid_t pid = fork();

	if (!pid) {
		pthread_t t, u;

		start(&t, sleep_for_ever, NULL);
		start(&u, exec_self, NULL);
		sleep_for_ever(NULL);
	}
	CHECK_EQ(wait_for(pid), 0);
}

static void *fork_here(void *arg)
{
	pid_t pid = fork();

	(void)arg;
	if (!pid) {
		long threads = proc_value("/proc/self/status", "Threads:");

		_exit(threads == 1 ? 0 : 1);
	}
	return (void *)(long)wait_for(pid);
}

TEST(fork_takes_only_the_calling_thread)
{
	pthread_t t, u;

	start(&t, sleep_for_ever, NULL);
	start(&u, fork_here, NULL);
	CHECK_EQ(proc_value("/proc/self/status", "Threads:") >= 2, 1);
	CHECK_EQ((long)join(u), 0);
}

/* ---- signals ---- */

static volatile pid_t signalled_tid;

static void note_tid(int sig)
{
	(void)sig;
	signalled_tid = (pid_t)syscall(SYS_gettid);
}

TEST(a_signal_reaches_the_thread_it_was_sent_to)
{
	pthread_t t;

	signal(SIGUSR1, note_tid);
	start(&t, sleep_for_ever, NULL);
	CHECK_EQ(pthread_kill(t, SIGUSR1), 0);
	while (!signalled_tid)
		usleep(1000);
	CHECK(signalled_tid != getpid());
}

TEST(a_signal_to_the_process_takes_a_thread_that_lets_it)
{
	pthread_t t;
	sigset_t set;

	signal(SIGUSR1, note_tid);
	start(&t, sleep_for_ever, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGUSR1);
	while (!signalled_tid)
		usleep(1000);
	CHECK(signalled_tid != getpid());
}

static volatile sig_atomic_t sigpipe_seen;

static void note_sigpipe(int sig)
{
	sigpipe_seen = sig;
}

/* Blocks SIGPIPE and writes to a pipe without a reader. */
static void *write_blocked(void *fd)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	CHECK_ERR(write((int)(long)fd, "x", 1), EPIPE);
	CHECK_EQ(sigpending(&set), 0);
	return (void *)(long)sigismember(&set, SIGPIPE);
}

TEST(a_broken_pipe_is_told_to_the_thread_that_writes)
{
	pthread_t t;
	int fds[2];

	signal(SIGPIPE, note_sigpipe);
	CHECK_EQ(pipe(fds), 0);
	close(fds[0]);
	start(&t, write_blocked, (void *)(long)fds[1]);
	CHECK_EQ((long)join(t), 1);
	CHECK_EQ(sigpipe_seen, 0);
}

/* ---- what /proc says of threads ---- */

/* Minor faults, the tenth field. */
static long faults_in(const char *stat)
{
	char buf[1024] = "", *p;
	int fd = open(stat, O_RDONLY);
	long faults;

	CHECK(fd >= 0);
	CHECK(read(fd, buf, sizeof(buf) - 1) > 0);
	close(fd);
	p = strrchr(buf, ')');
	CHECK(p &&
	      sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %ld", &faults) == 1);
	return faults;
}

static void *touch_1000(void *arg)
{
	char *p = map(1000 * PAGE, RW);

	for (int i = 0; i < 1000; i++)
		p[i * PAGE] = 1;
	return arg;
}

TEST(each_fault_is_counted_once_and_for_its_thread)
{
	struct rusage ru;
	long process, own;
	pthread_t t;

	start(&t, touch_1000, NULL);
	join(t);
	CHECK_EQ(getrusage(RUSAGE_SELF, &ru), 0);
	process = faults_in("/proc/self/stat");
	own = faults_in("/proc/thread-self/stat");
	CHECK(ru.ru_minflt >= 500);
	CHECK(labs(process - ru.ru_minflt) < 100);
	CHECK(process - own >= 500);
}

/* ---- futexes ---- */

TEST(futex_wait_checks_its_value)
{
	int word = 1;
	struct timespec t = {0, 10000000};

	CHECK_ERR(syscall(SYS_futex, &word, FUTEX_WAIT, 2, NULL), EAGAIN);
	CHECK_ERR(syscall(SYS_futex, &word, FUTEX_WAIT, 1, &t), ETIMEDOUT);
	CHECK_EQ(syscall(SYS_futex, &word, FUTEX_WAKE, 100), 0);
	CHECK_ERR(syscall(SYS_futex, (char *)&word + 1, FUTEX_WAIT, 1, NULL),
		  EINVAL);
	CHECK_ERR(syscall(SYS_futex, &word, 0x7f, 1, NULL), ENOSYS);
}

TEST(a_shared_futex_wakes_another_process)
{
	volatile int *word =
		mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();

	if (!pid) {
		while (!*word)
			syscall(SYS_futex, word, FUTEX_WAIT, 0, NULL);
		_exit(*word);
	}
	usleep(20000);
	*word = 5;
	syscall(SYS_futex, word, FUTEX_WAKE, 1);
	CHECK_EQ(WEXITSTATUS(wait_for(pid)), 5);
}

TEST(a_semaphore_times_out)
{
	sem_t sem;
	struct timespec t;

	sem_init(&sem, 0, 1);
	CHECK_EQ(sem_wait(&sem), 0);
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += 20000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_nsec -= 1000000000;
		t.tv_sec++;
	}
	CHECK_ERR(sem_timedwait(&sem, &t), ETIMEDOUT);
}

TEST(affinity_names_every_processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CHECK_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
	CHECK(CPU_COUNT(&set) >= 1);
	CHECK_EQ(sched_yield(), 0);
}

static void *spin(void *arg)
{
	volatile long *n = arg;

	while (!stop)
		(*n)++;
	return NULL;
}

TEST(busy_threads_all_make_progress)
{
	static volatile long n[4];
	pthread_t t[4];
	int i, ms;

	for (i = 0; i < 4; i++)
		start(&t[i], spin, (void *)&n[i]);
	for (ms = 0; ms < 5000 && !(n[0] && n[1] && n[2] && n[3]); ms += 10)
		usleep(10000);
	stop = true;
	for (i = 0; i < 4; i++) {
		join(t[i]);
		CHECK(n[i] > 0);
	}
}
