/* SPDX-License-Identifier: MIT */
/*
 * pid_test.c - numbers are not given twice, also after the first round.
 */
#include "pid.c"

#include "test/test.h"

/* Tasks that exist on paper only. */
#define NR_FAKES 40

static struct {
	struct task_struct tasks[NR_FAKES];
	struct signal_struct sigs[NR_FAKES];
} pt;

static void add_fake(unsigned int i, int pid)
{
	struct task_struct *t = &pt.tasks[i];

	memset(t, 0, sizeof(*t));
	memset(&pt.sigs[i], 0, sizeof(pt.sigs[i]));
	t->signal = &pt.sigs[i];
	t->pid = t->tgid = t->signal->pgrp = t->signal->session = pid;
	attach_pid(t);
}

static bool in_use(int pid)
{
	struct task_struct *t;

	for_each_task(t)
		if (t->pid == pid || t->tgid == pid || t->signal->pgrp == pid ||
		    t->signal->session == pid)
			return true;
	return false;
}

TEST(numbers_in_use_are_not_given_in_two_rounds)
{
	int wraps = 0, last = 0;

	spin_lock(&tasklist_lock);
	for (unsigned int i = 0; i < NR_FAKES; i++)
		add_fake(i, (int)(PID_RESERVED + i * i * 20));
	/* Groups and sessions keep their number when their leader is gone. */
	for (unsigned int i = 0; i < NR_FAKES; i += 2)
		pt.sigs[i].pgrp = PID_RESERVED + (int)i * 700 + 3;
	pids.safe = 0; /* these came past alloc_pid() */
	for (int n = 0; n < 2 * PID_MAX; n++) {
		int pid = alloc_pid();

		if (pid < PID_RESERVED && wraps)
			break;
		if (pid <= last)
			wraps++;
		last = pid;
		/* Looking at all is slow: where a number is taken, and some. */
		if ((n % 97 == 0 || find_task_locked(pid)) && in_use(pid)) {
			wraps = -1;
			break;
		}
	}
	for (unsigned int i = 0; i < NR_FAKES; i++) {
		detach_pid(&pt.tasks[i]);
		total_forks--;
	}
	spin_unlock(&tasklist_lock);
	CHECK_GE(wraps, 1);
}
