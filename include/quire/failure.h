/* SPDX-License-Identifier: MIT */
/*
 * failure.h - making the n-th allocation fail, for tests.
 *
 * Each place that can fail for want of memory or I/O asks should_fail() first.
 * Without CONFIG_FAULT_INJECTION that is the constant false.
 */
#ifndef QUIRE_FAILURE_H
#define QUIRE_FAILURE_H

#include <quire/types.h>

#if CONFIG_FAULT_INJECTION
/* Counts one opportunity; true if it is the one to fail.  Any context. */
bool should_fail(void);
/*
 * Fail the n-th opportunity from now on this CPU, n from 1; 0: none.  Context of
 * this and what follows: a task that stays on its processor.
 */
void failure_arm(u64 n);
/* Did the armed failure happen since failure_arm()? */
bool failure_was_injected(void);
/*
 * Between these, on this CPU, nothing counts and nothing fails: for attempts
 * whose failure the caller makes good itself.  They nest.
 */
void failure_pause(void);
void failure_resume(void);
#else
static inline void failure_pause(void)
{
}
static inline void failure_resume(void)
{
}
static inline bool should_fail(void)
{
	return false;
}
#endif

#endif
