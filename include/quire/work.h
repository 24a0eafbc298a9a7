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
 * Have work->fn called once after this; queued already: nothing more.  Any
 * context but NMI; never fails, never sleeps.
 */
void mm_work_queue(struct mm_work *work);
/*
 * Do all that is queued; was there any?  Task context; sleeps as the works do.
 * A work may queue itself or others again: they are done in the next call.
 */
bool mm_work_run(void);
/* Sleep until something is queued.  Task context. */
void mm_work_wait(void);

#endif
