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
	mark_taken(); /* these came past alloc_pid() */
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

/*
 * A crowd on paper: four numbers to each task, from PID_RESERVED up to the
 * end, but for one of every few.
 */
#define CROWD ((PID_MAX - PID_RESERVED) / 4)

static struct {
	struct task_struct *tasks;
	struct signal_struct *sigs;
	int kept; /* the number given last before */
} crowd;

static bool left_free(int nr, int every)
{
	return every && nr % every == 7;
}

static void gather_crowd(int every)
{
	int next = PID_RESERVED;

	for (unsigned int i = 0; i < CROWD; i++) {
		struct task_struct *t = &crowd.tasks[i];
		struct signal_struct *sig = &crowd.sigs[i];
		int *const own[] = {&t->pid, &t->tgid, &sig->pgrp,
				    &sig->session};

		t->signal = sig;
		for (unsigned int k = 0; k < ARRAY_SIZE(own); k++) {
			if (left_free(next, every))
				next++;
			*own[k] = next < PID_MAX ? next++ : PID_MAX - 1;
		}
		attach_pid(t);
	}
	crowd.kept = pids.last;
	pids.last = PID_MAX - 1; /* the round is over */
}

static void disperse_crowd(unsigned int from)
{
	for (unsigned int i = from; i < CROWD; i++)
		detach_pid(&crowd.tasks[i]);
	total_forks -= CROWD;
	pids.last = crowd.kept;
	mark_taken();
}

static void make_room_for_crowd(void)
{
	crowd.tasks = kvzalloc(CROWD * sizeof(*crowd.tasks), GFP_KERNEL);
	crowd.sigs = kvzalloc(CROWD * sizeof(*crowd.sigs), GFP_KERNEL);
	CHECK(crowd.tasks && crowd.sigs);
}

static void leave_room_of_crowd(void)
{
	kvfree(crowd.tasks);
	kvfree(crowd.sigs);
}

TEST(few_free_numbers_are_found_in_order_round_after_round)
{
	unsigned int wrong = 0;

	make_room_for_crowd();
	spin_lock(&tasklist_lock);
	gather_crowd(1000);
	for (int round = 0; round < 3; round++) {
		for (int nr = PID_RESERVED; nr < PID_MAX; nr++)
			if (left_free(nr, 1000) && !find_task_locked(nr))
				wrong += alloc_pid() != nr;
	}
	disperse_crowd(0);
	spin_unlock(&tasklist_lock);
	leave_room_of_crowd();
	CHECK_EQ(wrong, 0);
}

TEST(without_a_free_number_there_is_none_until_a_task_goes)
{
	const struct task_struct *t;
	int full, again, got[5];

	make_room_for_crowd();
	spin_lock(&tasklist_lock);
	gather_crowd(0);
	full = alloc_pid();
	again = alloc_pid();
	t = &crowd.tasks[0];
	detach_pid(&crowd.tasks[0]);
	for (unsigned int i = 0; i < ARRAY_SIZE(got); i++)
		got[i] = alloc_pid();
	disperse_crowd(1);
	spin_unlock(&tasklist_lock);
	CHECK_EQ(full, -EAGAIN);
	CHECK_EQ(again, -EAGAIN);
	CHECK_EQ(got[0], t->pid);
	CHECK_EQ(got[1], t->tgid);
	CHECK_EQ(got[2], t->signal->pgrp);
	CHECK_EQ(got[3], t->signal->session);
	CHECK_EQ(got[4], t->pid); /* nobody took them */
	leave_room_of_crowd();
}
