/* SPDX-License-Identifier: MIT */
/*
 * timer.h - one-shot timers and the clocks.
 *
 * A timer's function runs on the CPU where it was armed, in interrupt
 * context: it may wake tasks (wake_up, wake_up_process) and arm timers, no
 * more.  Precise to the hardware's timer, not to the tick.
 */
#ifndef KERNEL_TIMER_H
#define KERNEL_TIMER_H

#include <quire/rbtree.h>
#include <quire/types.h>

#include "kernel/uapi.h"

#define NSEC_PER_SEC  1000000000UL
#define NSEC_PER_MSEC 1000000UL
#define NSEC_PER_USEC 1000UL

struct ktimer {
	struct rb_node node;
	u64 expires_ns; /* monotonic */
	void (*fn)(struct ktimer *timer);
	unsigned int cpu;
	bool armed;
};

void ktimer_init(struct ktimer *timer, void (*fn)(struct ktimer *timer));
/* Arm, or move, to an absolute monotonic time.  Any context. */
void ktimer_start(struct ktimer *timer, u64 expires_ns);
/*
 * Disarm; true if it was armed.  Waits for a running fn to end, so not from
 * fn itself and with no lock held that fn takes.
 */
bool ktimer_cancel(struct ktimer *timer);
/* What is left to go in ns; 0: not armed or due. */
u64 ktimer_remaining(const struct ktimer *timer);

static inline bool timespec_valid(const struct timespec64 *ts)
{
	return ts->tv_sec >= 0 && ts->tv_nsec >= 0 &&
	       ts->tv_nsec < (s64)NSEC_PER_SEC;
}

/* Saturates at some 584 years. */
static inline u64 timespec_to_ns(const struct timespec64 *ts)
{
	if ((u64)ts->tv_sec >= UINT64_MAX / NSEC_PER_SEC - 1)
		return UINT64_MAX - 1;
	return (u64)ts->tv_sec * NSEC_PER_SEC + (u64)ts->tv_nsec;
}

static inline struct timespec64 ns_to_timespec(u64 ns)
{
	return (struct timespec64){(s64)(ns / NSEC_PER_SEC),
				   (s64)(ns % NSEC_PER_SEC)};
}

/* Monotonic: since boot.  Realtime: since 1970. */
u64 ktime_ns(void);
u64 ktime_real_ns(void);
u64 boot_time_real_ns(void); /* realtime at monotonic 0 */
void settime_real_ns(u64 now_ns);

void time_init(void);

#endif
