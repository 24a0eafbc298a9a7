/* SPDX-License-Identifier: MIT */
/*
 * time.c - the system calls about clocks, sleeping and interval timers.
 *
 * 1. Sleeps end at an absolute monotonic time, so that a sleep which a signal
 *    without handler interrupts goes on to the same moment (restart block).
 * 2. Interval timers.  ITIMER_REAL is a ktimer; its function runs in an
 *    interrupt, where no signal can be sent, so it wakes the timer thread,
 *    which sends SIGALRM.  ITIMER_VIRTUAL and ITIMER_PROF count CPU time and
 *    are looked at after each tick, on the way to user mode.
 * 3. Locking.  siglock guards ITIMER_VIRTUAL and _PROF; tasklist_lock, under
 *    which the timer thread finds processes, guards ITIMER_REAL.
 *
 * Sources: clock_gettime(2), nanosleep(2), clock_nanosleep(2), setitimer(2),
 * alarm(2), times(2), gettimeofday(2).
 */
#include <quire/printk.h>
#include <quire/string.h>

#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"

#define TICK_NS (NSEC_PER_SEC / HZ)

/* ---- clocks ---- */

/*
 * A negative clock id names a process's or thread's CPU time:
 * (~pid << 3) | per-thread 4 | kind; 2 is the scheduler's.
 */
static bool is_cpu_clock(int id)
{
	return id < 0;
}

static int cpu_clock_ns(int id, u64 *ns)
{
	int pid = ~(id >> 3);
	struct task_struct *t;
	u64 u, s;

	if ((id & 3) == 3)
		return -EINVAL;
	t = pid ? find_get_task(pid) : current;
	if (!t)
		return -EINVAL;
	if (id & 4) {
		*ns = task_sched_runtime(t);
	} else {
		process_cputime(t->signal, &u, &s);
		*ns = u + s;
	}
	if (pid)
		put_task_struct(t);
	return 0;
}

static int clock_ns(int id, u64 *ns)
{
	u64 u, s;

	switch (id) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
		*ns = ktime_real_ns();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
		*ns = ktime_ns();
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
		process_cputime(current->signal, &u, &s);
		*ns = u + s;
		return 0;
	case CLOCK_THREAD_CPUTIME_ID:
		*ns = task_sched_runtime(current);
		return 0;
	default:
		return is_cpu_clock(id) ? cpu_clock_ns(id, ns) : -EINVAL;
	}
}

SYSCALL_DEFINE2(clock_gettime, int, id, struct timespec64 *, utp)
{
	struct timespec64 ts;
	u64 ns;
	int err;

	err = clock_ns(id, &ns);
	if (err)
		return err;
	ts = ns_to_timespec(ns);
	return copy_to_user(utp, &ts, sizeof(ts)) ? -EFAULT : 0;
}

SYSCALL_DEFINE2(clock_getres, int, id, struct timespec64 *, utp)
{
	const struct timespec64 ts = {0, 1};
	u64 ns;
	int err;

	err = clock_ns(id, &ns);
	if (err)
		return err;
	if (utp && copy_to_user(utp, &ts, sizeof(ts)))
		return -EFAULT;
	return 0;
}

SYSCALL_DEFINE2(clock_settime, int, id, const struct timespec64 *, utp)
{
	struct timespec64 ts;

	if (id != CLOCK_REALTIME)
		return -EINVAL;
	if (copy_from_user(&ts, utp, sizeof(ts)))
		return -EFAULT;
	if (!timespec_valid(&ts) || timespec_to_ns(&ts) < ktime_ns())
		return -EINVAL;
	if (!capable_root())
		return -EPERM;
	settime_real_ns(timespec_to_ns(&ts));
	return 0;
}

SYSCALL_DEFINE2(gettimeofday, struct timeval64 *, utv, s32 *, utz)
{
	u64 ns = ktime_real_ns();
	const struct timeval64 tv = {(s64)(ns / NSEC_PER_SEC),
				     (s64)(ns % NSEC_PER_SEC / NSEC_PER_USEC)};
	const s32 tz[2] = {0, 0}; /* UTC */

	if (utv && copy_to_user(utv, &tv, sizeof(tv)))
		return -EFAULT;
	if (utz && copy_to_user(utz, tz, sizeof(tz)))
		return -EFAULT;
	return 0;
}

SYSCALL_DEFINE1(time, s64 *, utloc)
{
	s64 sec = (s64)(ktime_real_ns() / NSEC_PER_SEC);

	if (utloc && put_user(sec, utloc))
		return -EFAULT;
	return sec;
}

SYSCALL_DEFINE1(times, s64 *, ubuf)
{
	struct signal_struct *sig = current->signal;
	s64 buf[4];
	u64 u, s;

	if (ubuf) {
		spin_lock(&tasklist_lock);
		process_cputime_locked(sig, &u, &s);
		buf[0] = (s64)(u / TICK_NS);
		buf[1] = (s64)(s / TICK_NS);
		buf[2] = (s64)(sig->cutime_ns / TICK_NS);
		buf[3] = (s64)(sig->cstime_ns / TICK_NS);
		spin_unlock(&tasklist_lock);
		if (copy_to_user(ubuf, buf, sizeof(buf)))
			return -EFAULT;
	}
	return (long)(ktime_ns() / TICK_NS);
}

/* ---- sleeping ---- */

/* 0: the time has come; -ERESTARTNOHAND: a signal. */
static long sleep_until(u64 deadline_ns)
{
	u64 now;

	while ((now = ktime_ns()) < deadline_ns) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (!signal_pending_current())
			schedule_timeout(deadline_ns - now);
		set_current_state(TASK_RUNNING);
		if (signal_pending_current() && ktime_ns() < deadline_ns)
			return -ERESTARTNOHAND;
	}
	return 0;
}

static long relative_sleep(u64 deadline_ns, struct timespec64 *urem);

static long sleep_restart(struct task_struct *t)
{
	t->restart.fn = NULL;
	return relative_sleep(t->restart.arg[0],
			      (struct timespec64 *)t->restart.arg[1]);
}

static long relative_sleep(u64 deadline_ns, struct timespec64 *urem)
{
	struct timespec64 rem;
	u64 now;

	if (!sleep_until(deadline_ns))
		return 0;
	now = ktime_ns();
	if (urem) {
		rem = ns_to_timespec(deadline_ns > now ? deadline_ns - now : 0);
		if (copy_to_user(urem, &rem, sizeof(rem)))
			return -EFAULT;
	}
	current->restart = (struct restart_block){
		.fn = sleep_restart,
		.arg = {deadline_ns, (uintptr_t)urem},
	};
	return -ERESTART_RESTARTBLOCK;
}

static u64 from_now(u64 ns)
{
	u64 now = ktime_ns();

	return now + ns < now ? UINT64_MAX - 1 : now + ns;
}

SYSCALL_DEFINE2(nanosleep, const struct timespec64 *, ureq, struct timespec64 *,
		urem)
{
	struct timespec64 ts;

	if (copy_from_user(&ts, ureq, sizeof(ts)))
		return -EFAULT;
	if (!timespec_valid(&ts))
		return -EINVAL;
	return relative_sleep(from_now(timespec_to_ns(&ts)), urem);
}

SYSCALL_DEFINE4(clock_nanosleep, int, id, int, flags, const struct timespec64 *,
		ureq, struct timespec64 *, urem)
{
	struct timespec64 ts;
	u64 ns, offset = 0;

	switch (id) {
	case CLOCK_REALTIME:
		offset = boot_time_real_ns();
		break;
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
		break;
	case CLOCK_PROCESS_CPUTIME_ID:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
		return -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
	if (copy_from_user(&ts, ureq, sizeof(ts)))
		return -EFAULT;
	if (!timespec_valid(&ts))
		return -EINVAL;
	ns = timespec_to_ns(&ts);
	if (!(flags & TIMER_ABSTIME))
		return relative_sleep(from_now(ns), urem);
	return sleep_until(ns > offset ? ns - offset : 0);
}

/* ---- interval timers ---- */

enum { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };

static struct {
	struct wait_queue_head wq;
	bool fired;
} itimers;

/* Interrupt context. */
static void real_timer_fired(struct ktimer *timer)
{
	struct signal_struct *sig =
		container_of(timer, struct signal_struct, real_timer);

	WRITE_ONCE(sig->it_real_fired, true);
	WRITE_ONCE(itimers.fired, true);
	wake_up(&itimers.wq);
}

void init_real_timer(struct signal_struct *sig)
{
	ktimer_init(&sig->real_timer, real_timer_fired);
}

/* The last thread ends: the timer's memory will go. */
void exit_itimers(struct signal_struct *sig)
{
	ktimer_cancel(&sig->real_timer);
	sig->it_real_incr_ns = 0;
}

/* tasklist_lock held. */
static void alarm_process(struct task_struct *leader)
{
	struct signal_struct *sig = leader->signal;
	u64 incr, now = ktime_ns(), next;

	if (!__atomic_exchange_n(&sig->it_real_fired, false, __ATOMIC_ACQ_REL))
		return;
	if (sig->nr_live == 0)
		return;
	send_sig_locked(SIGALRM, leader);
	incr = sig->it_real_incr_ns;
	if (!incr)
		return;
	/* Periods that were missed are not made up for. */
	next = sig->real_timer.expires_ns + incr;
	if (next <= now)
		next = now + incr - (now - sig->real_timer.expires_ns) % incr;
	ktimer_start(&sig->real_timer, next);
}

static int itimer_thread(void *arg)
{
	struct task_struct *t;

	(void)arg;
	for (;;) {
		wait_event_interruptible(
			&itimers.wq, __atomic_exchange_n(&itimers.fired, false,
							 __ATOMIC_ACQ_REL));
		spin_lock(&tasklist_lock);
		for_each_task(t)
			if (thread_group_leader(t))
				alarm_process(t);
		spin_unlock(&tasklist_lock);
	}
	return 0;
}

void itimers_init(void)
{
	init_waitqueue_head(&itimers.wq);
	if (IS_ERR(kthread_run(itimer_thread, NULL, "ktimers")))
		panic("no memory for the timer thread");
}

static u64 timeval_to_ns(const struct timeval64 *tv)
{
	if ((u64)tv->tv_sec >= UINT64_MAX / NSEC_PER_SEC - 1)
		return UINT64_MAX / 2;
	return (u64)tv->tv_sec * NSEC_PER_SEC +
	       (u64)tv->tv_usec * NSEC_PER_USEC;
}

/* Rounded up, so that what is armed never reads as 0. */
static struct timeval64 ns_to_timeval_up(u64 ns)
{
	u64 us = DIV_ROUND_UP(ns, NSEC_PER_USEC);

	return (struct timeval64){(s64)(us / 1000000), (s64)(us % 1000000)};
}

static bool timeval_valid(const struct timeval64 *tv)
{
	return tv->tv_sec >= 0 && tv->tv_usec >= 0 && tv->tv_usec < 1000000;
}

static u64 cpu_time_of(int which)
{
	u64 u, s;

	process_cputime(current->signal, &u, &s);
	return which == ITIMER_VIRTUAL ? u : u + s;
}

static bool cpu_limited(const struct signal_struct *sig)
{
	return READ_ONCE(sig->rlim[RLIMIT_CPU].rlim_cur) != RLIM_INFINITY;
}

/* Something counts this process's CPU time; siglock held. */
static void update_cpu_armed(struct signal_struct *sig)
{
	sig->it_cpu_armed =
		sig->it_virt_ns || sig->it_prof_ns || cpu_limited(sig);
}

void rlimit_cpu_changed(struct signal_struct *sig)
{
	if (cpu_limited(sig))
		WRITE_ONCE(sig->it_cpu_armed, true);
}

static void read_itimer(int which, u64 *value_ns, u64 *incr_ns)
{
	struct signal_struct *sig = current->signal;
	u64 end, now;

	if (which == ITIMER_REAL) {
		*value_ns = ktimer_remaining(&sig->real_timer);
		*incr_ns = sig->it_real_incr_ns;
		return;
	}
	end = which == ITIMER_VIRTUAL ? sig->it_virt_ns : sig->it_prof_ns;
	*incr_ns = which == ITIMER_VIRTUAL ? sig->it_virt_incr_ns
					   : sig->it_prof_incr_ns;
	now = cpu_time_of(which);
	*value_ns = !end ? 0 : end > now ? end - now : 1;
}

static void write_itimer(int which, u64 value_ns, u64 incr_ns)
{
	struct signal_struct *sig = current->signal;
	u64 end;

	if (which == ITIMER_REAL) {
		/* The timer thread must not arm again what is cancelled. */
		spin_lock(&tasklist_lock);
		ktimer_cancel(&sig->real_timer);
		WRITE_ONCE(sig->it_real_fired, false);
		sig->it_real_incr_ns = value_ns ? incr_ns : 0;
		if (value_ns)
			ktimer_start(&sig->real_timer, from_now(value_ns));
		spin_unlock(&tasklist_lock);
		return;
	}
	end = value_ns ? cpu_time_of(which) + value_ns : 0;
	spin_lock(&current->sighand->siglock);
	if (which == ITIMER_VIRTUAL) {
		sig->it_virt_ns = end;
		sig->it_virt_incr_ns = incr_ns;
	} else {
		sig->it_prof_ns = end;
		sig->it_prof_incr_ns = incr_ns;
	}
	update_cpu_armed(sig);
	spin_unlock(&current->sighand->siglock);
}

/* One CPU-time timer: is it due?  siglock held. */
static bool cpu_timer_due(u64 *end, u64 incr, u64 now)
{
	if (!*end || now < *end)
		return false;
	*end = incr ? now + incr - (now - *end) % incr : 0;
	return true;
}

/* getrlimit(2): SIGXCPU each second from the soft limit on, then SIGKILL. */
static int cpu_limit_signal(struct signal_struct *sig, u64 used_ns)
{
	struct rlimit64 *lim = &sig->rlim[RLIMIT_CPU];
	u64 used = used_ns / NSEC_PER_SEC;

	if (used >= lim->rlim_max)
		return SIGKILL;
	if (used < lim->rlim_cur)
		return 0;
	lim->rlim_cur = used + 1;
	return SIGXCPU;
}

void check_cpu_timers(void)
{
	int limit;
	struct signal_struct *sig = current->signal;
	bool virt, prof;
	u64 u, s;

	if (likely(!sig->it_cpu_armed))
		return;
	process_cputime(sig, &u, &s);
	spin_lock(&current->sighand->siglock);
	virt = cpu_timer_due(&sig->it_virt_ns, sig->it_virt_incr_ns, u);
	prof = cpu_timer_due(&sig->it_prof_ns, sig->it_prof_incr_ns, u + s);
	limit = cpu_limit_signal(sig, u + s);
	update_cpu_armed(sig);
	spin_unlock(&current->sighand->siglock);
	if (virt)
		send_sig(SIGVTALRM, current);
	if (prof)
		send_sig(SIGPROF, current);
	if (limit)
		send_sig(limit, current);
}

static struct itimerval64 get_itimerval(int which)
{
	u64 value, incr;

	read_itimer(which, &value, &incr);
	return (struct itimerval64){ns_to_timeval_up(incr),
				    ns_to_timeval_up(value)};
}

SYSCALL_DEFINE2(getitimer, int, which, struct itimerval64 *, ucurr)
{
	struct itimerval64 it;

	if (which < ITIMER_REAL || which > ITIMER_PROF)
		return -EINVAL;
	it = get_itimerval(which);
	return copy_to_user(ucurr, &it, sizeof(it)) ? -EFAULT : 0;
}

SYSCALL_DEFINE3(setitimer, int, which, const struct itimerval64 *, unew,
		struct itimerval64 *, uold)
{
	struct itimerval64 new = {0}, old;

	if (which < ITIMER_REAL || which > ITIMER_PROF)
		return -EINVAL;
	if (unew && copy_from_user(&new, unew, sizeof(new)))
		return -EFAULT;
	if (!timeval_valid(&new.it_value) || !timeval_valid(&new.it_interval))
		return -EINVAL;
	old = get_itimerval(which);
	write_itimer(which, timeval_to_ns(&new.it_value),
		     timeval_to_ns(&new.it_interval));
	if (uold && copy_to_user(uold, &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

SYSCALL_DEFINE1(alarm, unsigned int, seconds)
{
	u64 left, incr;

	read_itimer(ITIMER_REAL, &left, &incr);
	write_itimer(ITIMER_REAL, seconds * NSEC_PER_SEC, 0);
	/* Never 0 while something was left; else rounded to nearest. */
	if (left && left < NSEC_PER_SEC)
		return 1;
	return (long)((left + NSEC_PER_SEC / 2) / NSEC_PER_SEC);
}
