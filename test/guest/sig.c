/* SPDX-License-Identifier: MIT */
/*
 * sig.c - signals: delivery, masks, restart, timers, what is kept across.
 *
 * Sources: signal(7), sigaction(2), sigaltstack(2), setitimer(2).
 */
#include "guest.h"

#include <poll.h>

static volatile sig_atomic_t count, last_signo, last_code;
static volatile pid_t last_pid;

static bool role(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return false;
}

static void handler(int sig, siginfo_t *info, void *ctx)
{
	(void)ctx;
	count++;
	last_signo = sig;
	last_code = info->si_code;
	last_pid = info->si_pid;
}

static void handle(int sig, int flags)
{
	struct sigaction sa = {.sa_flags = SA_SIGINFO | flags};

	sa.sa_sigaction = handler;
	CHECK_EQ(sigaction(sig, &sa, NULL), 0);
}

static void after_ms(int ms, int repeat_ms)
{
	struct itimerval it = {
		.it_value = {ms / 1000, ms % 1000 * 1000},
		.it_interval = {repeat_ms / 1000, repeat_ms % 1000 * 1000},
	};

	CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
}

TEST(kill_calls_the_handler_and_says_from_whom)
{
	handle(SIGUSR1, 0);
	CHECK_EQ(kill(getpid(), SIGUSR1), 0);
	CHECK_EQ(count, 1);
	CHECK_EQ(last_signo, SIGUSR1);
	CHECK_EQ(last_code, SI_USER);
	CHECK_EQ(last_pid, getpid());
}

TEST(tgkill_is_told_apart)
{
	handle(SIGUSR2, 0);
	CHECK_EQ(syscall(SYS_tgkill, getpid(), getpid(), SIGUSR2), 0);
	CHECK_EQ(count, 1);
	CHECK_EQ(last_code, SI_TKILL);
}

TEST(kill_refuses_bad_targets)
{
	CHECK_ERR(kill(getpid(), 65), EINVAL);
	CHECK_ERR(kill(99999999, 0), ESRCH);
	CHECK_EQ(kill(getpid(), 0), 0);
}

TEST(a_blocked_signal_waits)
{
	sigset_t set, pending;

	handle(SIGUSR1, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR1);
	CHECK_EQ(count, 0);
	CHECK_EQ(sigpending(&pending), 0);
	CHECK(sigismember(&pending, SIGUSR1));
	CHECK_EQ(sigprocmask(SIG_UNBLOCK, &set, NULL), 0);
	/* Standard signals do not queue. */
	CHECK_EQ(count, 1);
}

TEST(the_handlers_mask_is_in_force_while_it_runs)
{
	handle(SIGUSR1, 0);
	raise(SIGUSR1);
	CHECK_EQ(count, 1);
	raise(SIGUSR1);
	CHECK_EQ(count, 2);
}

static void recurse(int sig)
{
	if (++count < 5)
		raise(sig);
	count += 100;
}

TEST(nodefer_lets_a_handler_interrupt_itself)
{
	struct sigaction sa = {.sa_flags = SA_NODEFER};

	sa.sa_handler = recurse;
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	CHECK_EQ(count, 505);
}

TEST(resethand_works_once)
{
	struct sigaction sa;

	handle(SIGUSR1, (int)SA_RESETHAND);
	raise(SIGUSR1);
	CHECK_EQ(count, 1);
	CHECK_EQ(sigaction(SIGUSR1, NULL, &sa), 0);
	CHECK(sa.sa_handler == SIG_DFL);
}

TEST(kill_and_stop_cannot_be_handled)
{
	struct sigaction sa = {0};

	sa.sa_handler = recurse;
	CHECK_ERR(sigaction(SIGKILL, &sa, NULL), EINVAL);
	CHECK_ERR(sigaction(SIGSTOP, &sa, NULL), EINVAL);
}

static ssize_t interrupted_read(int flags)
{
	int fds[2];
	char c;
	pid_t pid;
	ssize_t n;

	CHECK_EQ(pipe(fds), 0);
	handle(SIGALRM, flags);
	pid = fork();
	if (!pid) {
		usleep(150000);
		CHECK_EQ(write(fds[1], "x", 1), 1);
		_exit(0);
	}
	after_ms(50, 0);
	n = read(fds[0], &c, 1);
	CHECK_EQ(count, 1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return n;
}

TEST(a_read_is_restarted_with_sa_restart)
{
	CHECK_EQ(interrupted_read(SA_RESTART), 1);
}

TEST(a_read_is_interrupted_without)
{
	CHECK_ERR(interrupted_read(0), EINTR);
}

TEST(poll_is_never_restarted)
{
	handle(SIGALRM, SA_RESTART);
	after_ms(30, 0);
	CHECK_ERR(poll(NULL, 0, 2000), EINTR);
}

TEST(nanosleep_tells_what_is_left)
{
	struct timespec want = {5, 0}, left = {0, 0};

	handle(SIGALRM, 0);
	after_ms(30, 0);
	CHECK_ERR(nanosleep(&want, &left), EINTR);
	CHECK_EQ(left.tv_sec, 4);
	CHECK(left.tv_nsec > 0);
}

TEST(a_stop_and_continue_does_not_interrupt_a_sleep)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		struct timespec t = {0, 200000000};

		_exit(nanosleep(&t, NULL) ? 1 : 0);
	}
	usleep(50000);
	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	kill(pid, SIGCONT);
	CHECK_EQ(wait_for(pid), 0);
}

TEST(a_stopped_poll_ends_when_it_would_have)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		struct timespec a, b;

		clock_gettime(CLOCK_MONOTONIC, &a);
		CHECK_EQ(poll(NULL, 0, 1000), 0);
		clock_gettime(CLOCK_MONOTONIC, &b);
		CHECK((b.tv_sec - a.tv_sec) * 1000 +
			      (b.tv_nsec - a.tv_nsec) / 1000000 <
		      1700);
		_exit(0);
	}
	usleep(300000);
	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	usleep(600000);
	kill(pid, SIGCONT);
	CHECK_EQ(wait_for(pid), 0);
}

TEST(alarm_and_pause)
{
	handle(SIGALRM, 0);
	CHECK(alarm(100) > 0); /* the test frame's own */
	CHECK_EQ(alarm(1), 100);
	CHECK_ERR(pause(), EINTR);
	CHECK_EQ(count, 1);
	CHECK_EQ(alarm(0), 0);
}

TEST(an_interval_timer_repeats)
{
	handle(SIGALRM, 0);
	after_ms(10, 10);
	while (count < 5)
		pause();
	after_ms(0, 0);
}

TEST(sigsuspend_swaps_the_mask_atomically)
{
	sigset_t set, empty;
	int i;

	handle(SIGUSR1, 0);
	sigemptyset(&empty);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (i = 1; i <= 20; i++) {
		pid_t pid = fork();

		if (!pid) {
			kill(getppid(), SIGUSR1);
			_exit(0);
		}
		CHECK_ERR(sigsuspend(&empty), EINTR);
		CHECK_EQ(count, i);
		CHECK_EQ(wait_for(pid), 0);
	}
	sigprocmask(SIG_BLOCK, NULL, &set);
	CHECK(sigismember(&set, SIGUSR1));
}

TEST(ignored_signals_do_nothing)
{
	signal(SIGTERM, SIG_IGN);
	raise(SIGTERM);
	signal(SIGCHLD, SIG_DFL);
	raise(SIGCHLD);
	raise(SIGWINCH);
	raise(SIGURG);
}

TEST(ignored_children_leave_no_zombies)
{
	pid_t pid;

	signal(SIGCHLD, SIG_IGN);
	pid = fork();
	if (!pid)
		_exit(0);
	CHECK_ERR(waitpid(pid, NULL, 0), ECHILD);
	CHECK_ERR(kill(pid, 0), ESRCH);
}

TEST(a_dying_child_signals_its_parent)
{
	pid_t pid;

	handle(SIGCHLD, 0);
	pid = fork();
	if (!pid)
		_exit(9);
	while (!count)
		usleep(1000);
	CHECK_EQ(last_code, CLD_EXITED);
	CHECK_EQ(last_pid, pid);
	CHECK_EQ(WEXITSTATUS(wait_for(pid)), 9);
}

TEST(the_signal_of_a_child_is_there_when_wait_returns)
{
	/* Now and then wait looks just while the child ends. */
	handle(SIGCHLD, SA_RESTART);
	for (int i = 0; i < 3000; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		CHECK_EQ(wait_for(pid), 0);
		CHECK_EQ(count, i + 1);
	}
}

TEST(writing_to_a_pipe_nobody_reads_is_sigpipe)
{
	int fds[2];

	CHECK_EQ(pipe(fds), 0);
	close(fds[0]);
	handle(SIGPIPE, 0);
	CHECK_ERR(write(fds[1], "x", 1), EPIPE);
	CHECK_EQ(count, 1);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(write(fds[1], "x", 1), EPIPE);
}

static char alternate[65536];
static volatile bool was_on_it;

static void on_stack(int sig)
{
	stack_t ss;
	char here;

	(void)sig;
	sigaltstack(NULL, &ss);
	was_on_it = (ss.ss_flags & SS_ONSTACK) && &here >= alternate &&
		    &here < alternate + sizeof(alternate);
}

TEST(the_alternate_stack_is_used_when_asked_for)
{
	stack_t ss = {.ss_sp = alternate, .ss_size = sizeof(alternate)}, old;
	struct sigaction sa = {.sa_flags = SA_ONSTACK};

	CHECK_EQ(sigaltstack(&ss, NULL), 0);
	sa.sa_handler = on_stack;
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	CHECK(was_on_it);
	CHECK_EQ(sigaltstack(NULL, &old), 0);
	CHECK(old.ss_sp == alternate && !(old.ss_flags & SS_ONSTACK));
	ss.ss_size = 100;
	CHECK_ERR(sigaltstack(&ss, NULL), ENOMEM);
}

static void disturb(int sig)
{
	volatile double x = 1;
	int i;

	(void)sig;
	for (i = 0; i < 50; i++)
		x = x * 1.000001 + 0.5;
	count++;
}

/* Integer and floating-point registers survive what interrupts us. */
TEST(registers_survive_handlers)
{
	uint64_t a = 1, want_a = 1;
	double x = 0.5, want_x = 0.5;
	int i, rounds = 0;

	for (i = 0; i < 100000; i++) {
		want_a = want_a * 6364136223846793005ULL + 1442695040888963407;
		want_x = want_x * 0.999999 + 0.000001 * (i & 7);
	}
	signal(SIGALRM, disturb);
	after_ms(1, 1);
	while (count < 20 && rounds++ < 100000) {
		a = 1;
		x = 0.5;
		for (i = 0; i < 100000; i++) {
			a = a * 6364136223846793005ULL + 1442695040888963407;
			x = x * 0.999999 + 0.000001 * (i & 7);
		}
		CHECK(a == want_a && x == want_x);
	}
	CHECK(count >= 20);
}

TEST(errno_and_results_survive_a_handler_between)
{
	int fds[2], i;

	CHECK_EQ(pipe(fds), 0);
	signal(SIGALRM, disturb); /* with SA_RESTART */
	after_ms(1, 1);
	for (i = 0; i < 20000 && count < 50; i++) {
		int in = i, out = -1;

		CHECK_EQ(write(fds[1], &in, sizeof(in)), sizeof(in));
		CHECK_EQ(read(fds[0], &out, sizeof(out)), sizeof(out));
		CHECK_EQ(out, in);
	}
}

TEST(clocks_go_forward_and_sleeps_last)
{
	struct timespec a, b, t = {0, 20000000};
	int64_t ns;
	int i;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (i = 0; i < 1000; i++) {
		clock_gettime(CLOCK_MONOTONIC, &b);
		CHECK(b.tv_sec > a.tv_sec ||
		      (b.tv_sec == a.tv_sec && b.tv_nsec >= a.tv_nsec));
		a = b;
	}
	CHECK_EQ(nanosleep(&t, NULL), 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	ns = (b.tv_sec - a.tv_sec) * 1000000000LL + b.tv_nsec - a.tv_nsec;
	CHECK(ns >= 20000000 && ns < 5000000000LL);
	CHECK_ERR(clock_gettime(99, &a), EINVAL);
	t.tv_nsec = 1000000000;
	CHECK_ERR(nanosleep(&t, NULL), EINVAL);
}

TEST(real_time_is_of_this_century)
{
	CHECK(time(NULL) > 1700000000);
}

TEST(a_signal_ignored_by_default_that_is_blocked_is_waited_for)
{
	struct timespec limit = {10, 0};
	sigset_t set;
	int i;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	for (i = 0; i < 3; i++) {
		pid_t pid = fork();

		if (!pid) {
			usleep(20000); /* the parent waits meanwhile */
			_exit(0);
		}
		CHECK_EQ(sigtimedwait(&set, NULL, &limit), SIGCHLD);
		CHECK_EQ(wait_for(pid), 0);
	}
}
