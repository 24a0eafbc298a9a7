/* SPDX-License-Identifier: MIT */
/*
 * metal_test.c - lends the unit tests the kernel's threads (selftest.h).
 */
#include "kernel/metal_tests.h"

#include <quire/percpu.h>
#include <quire/port.h>
#include <quire/printk.h>
#include <quire/vmalloc.h>

#include "kernel/sched.h"
#include "port/x86_64/machine.h"
#include "test/metal/selftest.h"

/*
 * A thread that stays on its processor and waits for jobs.  All are made
 * before the first test, since a test may count frames and slabs.
 */
struct worker {
	u32 busy; /* it has a job; both sides sleep on this word */
	void (*fn)(void *arg, unsigned int k);
	void *arg;
	unsigned int k;
};

static struct worker workers[NR_CPUS];

static int worker_thread(void *arg)
{
	struct worker *w = arg;

	sched_set_affinity(current, 1UL << w->k);
	cond_resched();
	for (;;) {
		while (!smp_load_acquire(&w->busy))
			port->wait(&w->busy, 0);
		w->fn(w->arg, w->k);
		smp_store_release(&w->busy, 0);
		port->wake(&w->busy, 1);
	}
	return 0;
}

static void start_workers(void)
{
	for (unsigned int k = 0; k < nr_online_cpus(); k++) {
		workers[k].k = k;
		if (IS_ERR(kthread_run(worker_thread, &workers[k], "test")))
			panic("no memory for a test's thread");
	}
}

static unsigned int run_on_cpus(unsigned int nr,
				void (*fn)(void *arg, unsigned int k),
				void *arg)
{
	unsigned int online = nr_online_cpus(), k;

	nr = min(nr, online);
	for (k = 0; k < nr; k++) {
		workers[k].fn = fn;
		workers[k].arg = arg;
		smp_store_release(&workers[k].busy, 1);
		port->wake(&workers[k].busy, 1);
	}
	for (k = 0; k < nr; k++)
		while (smp_load_acquire(&workers[k].busy))
			port->wait(&workers[k].busy, 1);
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
	start_workers();
	return selftest_run_all(x86_cmdline_option("selftest"), &ops);
}
