// SPDX-License-Identifier: MIT
/*
 * background.c - a thread that gives memory back while the program sleeps.
 *
 * 1. Idea.  Without it, memory goes back when some is freed (purge.c): what a
 *    program that frees and fills its heap all the time and then sleeps has
 *    no credit for, stays.  A thread of our own sees to that, but is not in
 *    every process: a second thread ends the shortcuts that glibc, libstdc++
 *    and this allocator take for programs with one, shows in /proc/PID/task,
 *    and makes unshare(CLONE_NEWUSER) fail.  So it is there on request,
 *    QUIRE_MALLOC=background=1.
 * 2. Each opt.purge_ms it gives back what was not needed since the last time:
 *    small pages by their low mark, top by its, and the bins of arenas in
 *    which nothing was freed in between.
 * 3. All signals are blocked in it.  A child of fork() gets a new one.
 * 4. Locking.  None of its own; takes each lock alone, as others do.
 */
#include "core.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

static void *work(void *arg)
{
	size_t ms = opt.purge_ms ? opt.purge_ms : 1;
	struct timespec pause = {(time_t)(ms / 1000),
				 (long)(ms % 1000) * 1000000};

	for (;;) {
		nanosleep(&pause, NULL);
		region_idle();
		core_idle();
	}
	return arg;
}

void background_start(void)
{
	int saved = errno;
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t t;

	if (opt.purge_ms == SIZE_MAX || pthread_attr_init(&attr))
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 64 * KIB);
	/* Not fatal: memory then goes back as without it. */
	(void)!pthread_create(&t, &attr, work, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	errno = saved;
}
