/* SPDX-License-Identifier: MIT */
/*
 * work.h - things put off until a thread of the machine can do them.
 *
 * What has to sleep, but was asked for where nobody may, is queued; a thread
 * that the machine keeps for it runs
 *
 *	for (;;) {
 *		mm_work_wait();
 *		mm_work_run();
 *	}
 *
 * A machine without such a thread calls mm_work_run() now and then.
 */
#ifndef QUIRE_WORK_H
#define QUIRE_WORK_H

#include <quire/types.h>

struct mm_work {
	struct mm_work *next; /* queued behind it */
	u32 queued;
	void (*fn)(struct mm_work *work);
};

#define MM_WORK_INIT(fn_)   \
	{                   \
		.fn = (fn_) \
	}

/*
 * mm_work_queue - have work->fn called once after this.
 * The work is the caller's and must stay until fn has begun; fn may free it.
 * Context: any but NMI; no spinlock of rank WAITQ or above (port->wake()).
 *   Never fails, never sleeps.  What is queued already is not queued again.
 */
void mm_work_queue(struct mm_work *work);
/*
 * mm_work_run - do all that is queued, in the order in which it was.
 * Context: task, no spinlocks; sleeps as the works do.  Several tasks may.
 * Result: was there any?  What a work queues, itself too, is done by the next
 *   call.
 */
bool mm_work_run(void);
/*
 * mm_work_wait - sleep until something is queued; may return early.
 * Context: task, no spinlocks.
 */
void mm_work_wait(void);

#endif
