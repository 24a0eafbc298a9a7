/* SPDX-License-Identifier: MIT */
/*
 * wait.h - sleeping until something becomes true.
 *
 *	wait_event_interruptible(wq, condition)
 *
 * sleeps until the condition holds (0) or a signal is pending
 * (-ERESTARTSYS); whoever makes it true calls wake_up(&wq).  The condition is
 * tested with no lock held unless it takes one itself; it must not sleep.
 */
#ifndef KERNEL_WAIT_H
#define KERNEL_WAIT_H

#include <quire/errno.h>
#include <quire/list.h>
#include <quire/spinlock.h>
#include <quire/types.h>

struct task_struct;

struct wait_queue_head {
	spinlock_t lock;
	struct list_head head;
};

struct wait_queue_entry {
	struct list_head entry;
	struct task_struct *task;
	struct wait_queue_head *wq; /* where it is queued, or NULL */
};

#define WAIT_QUEUE_HEAD_INIT(name)                                \
	{                                                         \
		.lock = SPINLOCK_INIT(LOCK_RANK_WAITQ), .head = { \
			&(name).head,                             \
			&(name).head                              \
		}                                                 \
	}

void init_waitqueue_head(struct wait_queue_head *wq);
/* Queues current. */
void add_wait_queue(struct wait_queue_head *wq, struct wait_queue_entry *w);
void remove_wait_queue(struct wait_queue_head *wq, struct wait_queue_entry *w);
/* Wake all sleepers.  Any context, inside any lock above LOCK_RANK_WAITQ. */
void wake_up(struct wait_queue_head *wq);
static inline bool waitqueue_active(const struct wait_queue_head *wq)
{
	return READ_ONCE(wq->head.next) != &wq->head;
}

void wait_init(void);

/* Something that happens once. */
struct completion {
	bool done;
	struct wait_queue_head wq;
};
void init_completion(struct completion *c);
void complete(struct completion *c); /* any context */
void wait_for_completion(struct completion *c);

/* kernel/sched.c */
enum {
	TASK_RUNNING = 0,
	TASK_INTERRUPTIBLE = 1,
	TASK_UNINTERRUPTIBLE = 2,
	TASK_STOPPED = 4,
	TASK_DEAD = 8,
	TASK_NEW = 16,
	TASK_WAKEKILL = 32, /* SIGKILL ends the sleep */
};
#define TASK_KILLABLE (TASK_UNINTERRUPTIBLE | TASK_WAKEKILL)
#define TASK_NORMAL   (TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE)

void set_current_state(int state);
void schedule(void);
/* wait.c: sleep at most ns; what is left, 0 if it ran out. U64_MAX: for ever. */
u64 schedule_timeout(u64 ns);
/* A signal that current has to act on. */
bool signal_pending_current(void);
/* Let others run if the time slice is over; task context. */
void cond_resched(void);

#define wait_event_state(wq, condition, state, timeout_ns_ptr)       \
	({                                                           \
		struct wait_queue_entry we_ = {0};                   \
		long we_ret_ = 0;                                    \
		add_wait_queue((wq), &we_);                          \
		for (;;) {                                           \
			set_current_state(state);                    \
			if (condition)                               \
				break;                               \
			if ((state) == TASK_INTERRUPTIBLE &&         \
			    signal_pending_current()) {              \
				we_ret_ = -ERESTARTSYS;              \
				break;                               \
			}                                            \
			if (*(timeout_ns_ptr) == 0) {                \
				we_ret_ = -ETIMEDOUT;                \
				break;                               \
			}                                            \
			*(timeout_ns_ptr) =                          \
				schedule_timeout(*(timeout_ns_ptr)); \
		}                                                    \
		set_current_state(TASK_RUNNING);                     \
		remove_wait_queue((wq), &we_);                       \
		we_ret_;                                             \
	})
#define wait_event_interruptible(wq, condition)                            \
	({                                                                 \
		u64 wt_ = UINT64_MAX;                                      \
		wait_event_state(wq, condition, TASK_INTERRUPTIBLE, &wt_); \
	})
#define wait_event(wq, condition)                                            \
	({                                                                   \
		u64 wt_ = UINT64_MAX;                                        \
		wait_event_state(wq, condition, TASK_UNINTERRUPTIBLE, &wt_); \
	})

#endif
