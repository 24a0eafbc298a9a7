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
 * A reader's stretch.  Context: any, also interrupt handlers; they nest; the
 * reader stays on its processor and must not sleep.
 */
void rcu_read_lock(void);
void rcu_read_unlock(void);
/* Is this processor inside a stretch? */
bool rcu_read_lock_held(void);

/*
 * Begin a grace period: the cookie stands for the stretches that have begun.
 * Context: any, also with spinlocks held.
 */
u64 start_poll_synchronize_rcu(void);
/* Have all of them ended?  Any context; one look at each processor. */
bool poll_state_synchronize_rcu(u64 cookie);

/* Wait for them.  Task context, no spinlock, not inside a stretch. */
void synchronize_rcu(void);

#endif
