/* SPDX-License-Identifier: MIT */
/*
 * sched.h - the processor's time, shared out (sched.c).
 */
#ifndef KERNEL_SCHED_H
#define KERNEL_SCHED_H

#include <quire/types.h>

#include "kernel/task.h"

/* Boot CPU: its idle task is the caller from here on. */
void sched_init(void);
/* Each further CPU, with its idle task; then cpu_idle(). */
void sched_init_secondary(unsigned int cpu);
void __noreturn cpu_idle(void);

/* Wake t if its state is in the mask; true if it was.  Any context. */
bool try_to_wake_up(struct task_struct *t, int state_mask);
static inline bool wake_up_process(struct task_struct *t)
{
	return try_to_wake_up(t, TASK_NORMAL);
}
/* A task made by fork runs for the first time. */
void wake_up_new_task(struct task_struct *t);
/* Make t look at its signals soon: wakes, or interrupts its CPU. */
void kick_task(struct task_struct *t);

void sched_yield_current(void);
/* Stop borrowing the last program's address space (leak check). */
void drop_lazy_mm(void);
int sched_set_affinity(struct task_struct *t, u64 mask);
int sched_set_nice(struct task_struct *t, int nice);
/* ns on a processor so far. */
u64 task_sched_runtime(struct task_struct *t);

/* What /proc shows. */
unsigned int sched_nr_running(void);
unsigned long sched_nr_switches(void);
/* Running, ready, and in sleep that no signal ends. */
unsigned int sched_nr_active(void);
/* One CPU's time since its start, ns. */
struct cpu_times {
	u64 user_ns, nice_ns, system_ns, idle_ns, irq_ns;
};
void sched_cpu_times(unsigned int cpu, struct cpu_times *out);
u64 online_cpu_mask(void);
unsigned int nr_online_cpus(void);

/* ---- loadavg.c ---- */

/* Called at each tick of one CPU, interrupts off. */
void loadavg_tick(void);
/* Fixed point, 11 bits of fraction: 1, 5, 15 minutes.  Any context. */
void sched_loadavg(unsigned long avg[3]);

#endif
