/* SPDX-License-Identifier: MIT */
/*
 * failure.c - makes the n-th allocation on a processor fail, for tests.
 *
 * Each processor counts for itself, so that a sweep is not disturbed by what
 * others allocate meanwhile; a test that sweeps stays on its processor.
 */
#include <quire/failure.h>

#include <arch.h>

#if CONFIG_FAULT_INJECTION
static struct {
	u64 left; /* opportunities up to the failure; 0: none */
	u32 paused;
	bool injected;
} __cacheline_aligned failure_state[NR_CPUS];

bool should_fail(void)
{
	unsigned int cpu = smp_processor_id();

	if (likely(!failure_state[cpu].left) || failure_state[cpu].paused ||
	    --failure_state[cpu].left)
		return false;
	failure_state[cpu].injected = true;
	return true;
}

void failure_arm(u64 n)
{
	unsigned int cpu = smp_processor_id();

	failure_state[cpu].left = n;
	failure_state[cpu].injected = false;
}

bool failure_was_injected(void)
{
	return failure_state[smp_processor_id()].injected;
}

void failure_pause(void)
{
	failure_state[smp_processor_id()].paused++;
}

void failure_resume(void)
{
	failure_state[smp_processor_id()].paused--;
}
#endif
