/* SPDX-License-Identifier: MIT */
/*
 * loadavg.c - how many threads wanted a processor lately: /proc/loadavg.
 *
 * 1. Idea.  Every five seconds the number of active threads, those in
 *    uninterruptible sleep included, goes into three exponential averages,
 *    which forget to a part of 1/e in 1, 5 and 15 minutes (proc(5)).
 * 2. Numbers have 11 bits of fraction.  They are rounded towards the load: to
 *    the nearest an average would stop 93 short of it, where five seconds'
 *    part of the rest is less than a half, and an idle machine's never be 0.
 * 3. Locking.  One CPU's ticks write; who reads may see three numbers of two
 *    moments.
 */
#include "kernel/sched.h"

#define ONE	     2048UL /* 1 << 11 */
#define PERIOD_TICKS (5 * HZ)
/* ONE * e^(-5/60), e^(-5/300), e^(-5/900) */
#define LOADAVG_EXPS             \
	{                        \
		1884, 2014, 2037 \
	}

static struct {
	unsigned long avg[3];
	unsigned int ticks;
} loadavg;

/* exp is e^(-5s/period). */
static unsigned long decay_load(unsigned long load, unsigned long exp,
				unsigned long active)
{
	unsigned long sum = load * exp + active * (ONE - exp);

	return active > load ? DIV_ROUND_UP(sum, ONE) : sum / ONE;
}

static void update_loadavg(unsigned int nr_active)
{
	static const unsigned long exps[3] = LOADAVG_EXPS;

	for (int i = 0; i < 3; i++)
		WRITE_ONCE(loadavg.avg[i], decay_load(loadavg.avg[i], exps[i],
						      nr_active * ONE));
}

void loadavg_tick(void)
{
	if (++loadavg.ticks < PERIOD_TICKS)
		return;
	loadavg.ticks = 0;
	update_loadavg(sched_nr_active());
}

void sched_loadavg(unsigned long avg[3])
{
	for (int i = 0; i < 3; i++)
		avg[i] = READ_ONCE(loadavg.avg[i]);
}
