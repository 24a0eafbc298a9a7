/* SPDX-License-Identifier: MIT */
/*
 * rcu.h - letting memory go only when nobody can still be reading it.
 *
 * Readers mark the stretch in which they use what they found without a lock;
 * who has taken something out of reach waits until every stretch that had
 * begun by then has ended.  Names and meaning are Linux's (whatisRCU.rst).
 */
#ifndef QUIRE_RCU_H
#define QUIRE_RCU_H

#include <quire/types.h>

/*
 * rcu_read_lock - begin a reader's stretch; rcu_read_unlock ends it.
 * Context: any, also interrupt handlers.  Stretches nest; until the outermost
 *   ends the reader stays on its processor and must not sleep.
 */
void rcu_read_lock(void);
void rcu_read_unlock(void);
/* Is this processor inside a stretch?  Context: preemption disabled. */
bool rcu_read_lock_held(void);

/*
 * start_poll_synchronize_rcu - begin a grace period.
 * Context: any, also with spinlocks held.  After what the readers must not find
 *   any more was taken out of their reach.
 * Result: a cookie that stands for the stretches that have begun.
 */
u64 start_poll_synchronize_rcu(void);
/*
 * poll_state_synchronize_rcu - have all of the cookie's stretches ended?
 * Context: any; one look at each processor.  Once true it stays so.
 */
bool poll_state_synchronize_rcu(u64 cookie);

/*
 * synchronize_rcu - wait until all stretches that have begun have ended.
 * Context: task, no spinlocks, not inside a stretch (that stops the machine).
 *   Sleeps by port->yield(); there is no call_rcu().
 */
void synchronize_rcu(void);

#endif
