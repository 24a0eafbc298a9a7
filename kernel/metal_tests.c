/* SPDX-License-Identifier: MIT */
/*
 * metal_tests.c - lends the unit tests the kernel's threads (selftest.h).
 *
 * In ordinary builds this file is empty.
 */
#include "kernel/metal_tests.h"

#include <quire/config.h>

#if CONFIG_SELFTEST
#include <quire/percpu.h>
#include <quire/printk.h>
#include <quire/vmalloc.h>

#include "kernel/sched.h"
#include "port/x86_64/machine.h"
#include "test/metal/selftest.h"

struct cpu_job {
	void (*fn)(void *arg, unsigned int k);
	void *arg;
	unsigned int k;
	struct completion done;
};

static int job_thread(void *arg)
{
	struct cpu_job *job = arg;

	sched_set_affinity(current, 1UL << job->k);
	cond_resched();
	job->fn(job->arg, job->k);
	complete(&job->done);
	return 0;
}

static unsigned int run_on_cpus(unsigned int nr,
				void (*fn)(void *arg, unsigned int k),
				void *arg)
{
	static struct cpu_job jobs[NR_CPUS];
	unsigned int online = nr_online_cpus(), k;

	nr = min(nr, online);
	for (k = 0; k < nr; k++) {
		jobs[k] = (struct cpu_job){.fn = fn, .arg = arg, .k = k};
		init_completion(&jobs[k].done);
		if (IS_ERR(kthread_run(job_thread, &jobs[k], "test")))
			panic("no memory for a test's thread");
	}
	for (k = 0; k < nr; k++)
		wait_for_completion(&jobs[k].done);
	return nr;
}

static const void *this_thread(void)
{
	return current;
}

/* Threads that have ended are gone when only their caches hold memory. */
static void settle(void)
{
	u64 old = current->cpus_allowed;
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		sched_set_affinity(current, 1UL << cpu);
		cond_resched();
		drop_lazy_mm();
		drain_stack_cache();
	}
	sched_set_affinity(current, old);
	cond_resched();
	vm_unmap_aliases();
}

unsigned int run_metal_tests(void)
{
	static const struct selftest_ops ops = {
		.run_on_cpus = run_on_cpus,
		.current_thread = this_thread,
		.settle = settle,
	};

	sched_set_affinity(current, 1UL << smp_processor_id());
	return selftest_run_all(x86_cmdline_option("selftest"), &ops);
}
#else
/* A translation unit may not be empty. */
extern int metal_tests_not_built;
#endif
