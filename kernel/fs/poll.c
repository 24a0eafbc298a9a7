/* SPDX-License-Identifier: MIT */
/*
 * poll.c - waiting for several files: poll, ppoll, select, pselect6.
 *
 * 1. Idea.  One pass asks each file and queues the caller on what the file
 *    says can wake it; if nothing is ready it sleeps, and asks again without
 *    queueing.  The first POLL_INLINE queue entries lie in the poll_table on
 *    the stack, more in chunks.
 *
 * 2. The task's state is set before the question is asked, so a wake-up
 *    between the answer and the sleep is not lost.  A driver's poll that
 *    sleeps on a mutex resets the state: then schedule() returns at once and
 *    the question is asked again.
 *
 * Sources: poll(2), select(2).
 */
#include "kernel/fs/internal.h"

#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"

#define CHUNK_ENTRIES 32U

/* ---- the table ---- */

static struct poll_entry *table_slot(struct poll_table *pt)
{
	struct poll_chunk *c = pt->chunks;

	if (pt->nr_inline < POLL_INLINE)
		return &pt->entries[pt->nr_inline++];
	if (!c || c->nr == CHUNK_ENTRIES) {
		c = kmalloc(sizeof(*c) + CHUNK_ENTRIES * sizeof(*c->entries),
			    GFP_KERNEL);
		if (!c)
			return NULL;
		c->nr = 0;
		c->next = pt->chunks;
		pt->chunks = c;
	}
	return &c->entries[c->nr++];
}

void poll_wait(struct file *file, struct wait_queue_head *wq,
	       struct poll_table *pt)
{
	struct poll_entry *e;

	if (!pt || !pt->queueing)
		return;
	e = table_slot(pt);
	if (!e) {
		pt->error = -ENOMEM;
		return;
	}
	memset(&e->wait, 0, sizeof(e->wait));
	get_file(file);
	e->file = file;
	add_wait_queue(wq, &e->wait);
}

static void table_init(struct poll_table *pt)
{
	pt->queueing = true;
	pt->error = 0;
	pt->nr_inline = 0;
	pt->chunks = NULL;
}

static void entry_free(struct poll_entry *e)
{
	remove_wait_queue(e->wait.wq, &e->wait);
	fput(e->file);
}

static void table_free(struct poll_table *pt)
{
	struct poll_chunk *c, *next;

	for (unsigned int i = 0; i < pt->nr_inline; i++)
		entry_free(&pt->entries[i]);
	for (c = pt->chunks; c; c = next) {
		next = c->next;
		for (unsigned int i = 0; i < c->nr; i++)
			entry_free(&c->entries[i]);
		kfree(c);
	}
}

/* Files that say nothing are always ready. */
static u32 ask(struct file *file, struct poll_table *pt)
{
	if (!file->f_op->poll)
		return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
	return file->f_op->poll(file, pt);
}

/*
 * Ask until something is ready (its number), a signal is pending (-EINTR) or
 * the time is over (0).  once asks all and says how many.
 */
static int wait_ready(int (*once)(void *ctx, struct poll_table *pt), void *ctx,
		      u64 timeout_ns)
{
	struct poll_table pt;
	int ret;

	table_init(&pt);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		ret = once(ctx, &pt);
		pt.queueing = false;
		if (!ret)
			ret = pt.error;
		if (ret || !timeout_ns)
			break;
		if (signal_pending_current()) {
			ret = -EINTR;
			break;
		}
		timeout_ns = schedule_timeout(timeout_ns);
	}
	set_current_state(TASK_RUNNING);
	table_free(&pt);
	return ret;
}

/* ---- timeouts ---- */

static int timespec_ns(const struct timespec64 *ts, u64 *ns)
{
	if (ts->tv_sec < 0 || ts->tv_nsec < 0 ||
	    ts->tv_nsec >= (s64)NSEC_PER_SEC)
		return -EINVAL;
	if ((u64)ts->tv_sec >= UINT64_MAX / NSEC_PER_SEC - 1)
		*ns = UINT64_MAX;
	else
		*ns = (u64)ts->tv_sec * NSEC_PER_SEC + (u64)ts->tv_nsec;
	return 0;
}

/* What is left, for calls that tell; a failure to store it is no error. */
static u64 time_left(u64 start, u64 timeout)
{
	u64 spent = ktime_ns() - start;

	return timeout == UINT64_MAX ? timeout
	       : spent >= timeout    ? 0
				     : timeout - spent;
}

static void store_left(struct timespec64 *uts, u64 start, u64 timeout)
{
	u64 left = time_left(start, timeout);
	struct timespec64 ts = {(s64)(left / NSEC_PER_SEC),
				(s64)(left % NSEC_PER_SEC)};

	if (timeout != UINT64_MAX && copy_to_user(uts, &ts, sizeof(ts)))
		return;
}

/* ---- poll ---- */

struct poll_call {
	struct k_pollfd *fds;
	u32 nr;
};

static u32 poll_one(struct k_pollfd *p, struct poll_table *pt)
{
	u32 want = (u16)p->events | POLLERR | POLLHUP;
	struct fd f;
	u32 got;

	if (p->fd < 0)
		return 0;
	f = fdget(p->fd);
	if (!f.file)
		return POLLNVAL;
	got = ask(f.file, pt) & want;
	fdput(f);
	return got;
}

static int poll_once(void *ctx, struct poll_table *pt)
{
	struct poll_call *call = ctx;
	int ready = 0;

	for (u32 i = 0; i < call->nr; i++) {
		u32 got = poll_one(&call->fds[i], pt);

		call->fds[i].revents = (s16)got;
		if (got) {
			ready++;
			pt->queueing = false;
		}
	}
	return ready;
}

#define POLLFD_INLINE 8U

static long do_poll(struct k_pollfd *ufds, u32 nr, u64 timeout_ns)
{
	struct k_pollfd small[POLLFD_INLINE], *fds = small;
	struct poll_call call;
	long ret;

	if (nr > current->signal->rlim[RLIMIT_NOFILE].rlim_cur)
		return -EINVAL;
	if (nr > POLLFD_INLINE) {
		fds = kvmalloc(nr * sizeof(*fds), GFP_KERNEL);
		if (!fds)
			return -ENOMEM;
	}
	ret = -EFAULT;
	if (copy_from_user(fds, ufds, nr * sizeof(*fds)))
		goto out;
	call = (struct poll_call){fds, nr};
	ret = wait_ready(poll_once, &call, timeout_ns);
	for (u32 i = 0; ret >= 0 && i < nr; i++)
		if (put_user(fds[i].revents, &ufds[i].revents))
			ret = -EFAULT;
out:
	if (fds != small)
		kvfree(fds);
	return ret;
}

/* A stopped and continued poll goes on; a handler ends it with EINTR. */
static long poll_result(long ret)
{
	return ret == -EINTR ? -ERESTARTNOHAND : ret;
}

static long poll_until(struct k_pollfd *fds, u32 nr, u64 deadline_ns);

static long poll_restart(struct task_struct *t)
{
	const u64 *a = t->restart.arg;

	t->restart.fn = NULL;
	return poll_until((struct k_pollfd *)a[0], (u32)a[1], a[2]);
}

/* deadline_ns: monotonic; UINT64_MAX: none.  Made again, it stays the same. */
static long poll_until(struct k_pollfd *fds, u32 nr, u64 deadline_ns)
{
	u64 now = ktime_ns(), left = deadline_ns;
	long ret;

	if (left != UINT64_MAX)
		left = left > now ? left - now : 0;
	ret = do_poll(fds, nr, left);
	if (ret != -EINTR)
		return ret;
	current->restart = (struct restart_block){
		.fn = poll_restart,
		.arg = {(uintptr_t)fds, nr, deadline_ns},
	};
	return -ERESTART_RESTARTBLOCK;
}

SYSCALL_DEFINE3(poll, struct k_pollfd *, fds, u32, nr, int, timeout_ms)
{
	u64 ns = (u64)timeout_ms * NSEC_PER_MSEC;

	return poll_until(fds, nr,
			  timeout_ms < 0 ? UINT64_MAX : ktime_ns() + ns);
}

/* The caller's mask is put back by the signal's way out, or here. */
static long end_masked(long ret, const void *usigmask)
{
	if (usigmask && ret != -EINTR)
		restore_saved_sigmask();
	return poll_result(ret);
}

SYSCALL_DEFINE5(ppoll, struct k_pollfd *, fds, u32, nr, struct timespec64 *,
		uts, const u64 *, usigmask, size_t, sigsetsize)
{
	u64 ns = UINT64_MAX, start = ktime_ns();
	struct timespec64 ts;
	long ret;
	int err;

	if (uts) {
		if (copy_from_user(&ts, uts, sizeof(ts)))
			return -EFAULT;
		err = timespec_ns(&ts, &ns);
		if (err)
			return err;
	}
	err = usigmask ? set_user_sigmask(usigmask, sigsetsize) : 0;
	if (err)
		return err;
	ret = do_poll(fds, nr, ns);
	if (uts)
		store_left(uts, start, ns);
	return end_masked(ret, usigmask);
}

/* ---- select ---- */

enum { SEL_IN, SEL_OUT, SEL_EX, NR_SEL };

static const u32 sel_mask[NR_SEL] = {
	POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR,
	POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR,
	POLLPRI,
};

/* Bitmaps of descriptors: asked in want, answered in got. */
struct select_call {
	u32 nr;
	u32 words;
	u64 *want[NR_SEL], *got[NR_SEL];
	int error;
};

static u32 wanted(const struct select_call *c, u32 fd)
{
	u32 mask = 0;

	for (int k = 0; k < NR_SEL; k++)
		if (c->want[k][fd / 64] >> (fd % 64) & 1)
			mask |= sel_mask[k];
	return mask;
}

static int select_one(struct select_call *c, u32 fd, struct poll_table *pt)
{
	struct fd f = fdget((int)fd);
	int ready = 0;
	u32 got;

	if (!f.file) {
		c->error = -EBADF;
		return 0;
	}
	got = ask(f.file, pt);
	fdput(f);
	for (int k = 0; k < NR_SEL; k++) {
		u64 bit = 1UL << (fd % 64);

		if ((got & sel_mask[k]) && (c->want[k][fd / 64] & bit)) {
			c->got[k][fd / 64] |= bit;
			ready++;
		}
	}
	if (ready)
		pt->queueing = false;
	return ready;
}

static int select_once(void *ctx, struct poll_table *pt)
{
	struct select_call *c = ctx;
	int ready = 0;

	for (u32 fd = 0; fd < c->nr; fd++)
		if (wanted(c, fd))
			ready += select_one(c, fd, pt);
	return c->error ? c->error : ready;
}

static int copy_sets_in(struct select_call *c, u64 *const usets[NR_SEL])
{
	u64 tail = c->nr % 64 ? (1UL << (c->nr % 64)) - 1 : ~0UL;

	for (int k = 0; k < NR_SEL; k++) {
		if (!usets[k])
			continue;
		if (copy_from_user(c->want[k], usets[k], c->words * 8))
			return -EFAULT;
		if (c->words)
			c->want[k][c->words - 1] &= tail;
	}
	return 0;
}

static int copy_sets_out(const struct select_call *c, u64 *const usets[NR_SEL])
{
	for (int k = 0; k < NR_SEL; k++)
		if (usets[k] && copy_to_user(usets[k], c->got[k], c->words * 8))
			return -EFAULT;
	return 0;
}

#define SELECT_INLINE_WORDS 1U

static long do_select(int nr, u64 *const usets[NR_SEL], u64 timeout_ns)
{
	u64 small[2 * NR_SEL * SELECT_INLINE_WORDS] = {0}, *bits = small;
	struct select_call c = {0};
	long ret;

	if (nr < 0)
		return -EINVAL;
	/* No descriptor above the table's size is open. */
	c.nr = min((u32)nr, files_open_slots(current->files));
	c.words = DIV_ROUND_UP(c.nr, 64);
	if (c.words > SELECT_INLINE_WORDS) {
		bits = kcalloc(2 * NR_SEL, c.words * 8, GFP_KERNEL);
		if (!bits)
			return -ENOMEM;
	}
	for (u32 k = 0; k < NR_SEL; k++) {
		c.want[k] = bits + k * c.words;
		c.got[k] = bits + (NR_SEL + k) * c.words;
	}
	ret = copy_sets_in(&c, usets);
	if (!ret)
		ret = wait_ready(select_once, &c, timeout_ns);
	if (ret >= 0) {
		int err = copy_sets_out(&c, usets);

		if (err)
			ret = err;
	}
	if (bits != small)
		kfree(bits);
	return ret;
}

SYSCALL_DEFINE5(select, int, nr, u64 *, in, u64 *, out, u64 *, ex,
		struct timeval64 *, utv)
{
	u64 *const sets[NR_SEL] = {in, out, ex};
	u64 ns = UINT64_MAX, start = ktime_ns();
	struct timeval64 tv;
	long ret;

	if (utv) {
		struct timespec64 ts;

		if (copy_from_user(&tv, utv, sizeof(tv)))
			return -EFAULT;
		if (tv.tv_sec < 0 || tv.tv_usec < 0)
			return -EINVAL;
		ts.tv_sec = tv.tv_sec + tv.tv_usec / 1000000;
		ts.tv_nsec = tv.tv_usec % 1000000 * 1000;
		if (timespec_ns(&ts, &ns))
			return -EINVAL;
	}
	ret = do_select(nr, sets, ns);
	if (utv && ns != UINT64_MAX) {
		u64 left = time_left(start, ns);

		tv.tv_sec = (s64)(left / NSEC_PER_SEC);
		tv.tv_usec = (s64)(left % NSEC_PER_SEC / 1000);
		if (copy_to_user(utv, &tv, sizeof(tv)))
			return ret;
	}
	return poll_result(ret);
}

SYSCALL_DEFINE6(pselect6, int, nr, u64 *, in, u64 *, out, u64 *, ex,
		struct timespec64 *, uts, const u64 *, umask_arg)
{
	u64 *const sets[NR_SEL] = {in, out, ex};
	u64 ns = UINT64_MAX, start = ktime_ns(), arg[2] = {0, 0};
	struct timespec64 ts;
	long ret;
	int err;

	if (uts) {
		if (copy_from_user(&ts, uts, sizeof(ts)))
			return -EFAULT;
		err = timespec_ns(&ts, &ns);
		if (err)
			return err;
	}
	if (umask_arg && copy_from_user(arg, umask_arg, sizeof(arg)))
		return -EFAULT;
	err = arg[0] ? set_user_sigmask((const void *)arg[0], arg[1]) : 0;
	if (err)
		return err;
	ret = do_select(nr, sets, ns);
	if (uts)
		store_left(uts, start, ns);
	return end_masked(ret, (const void *)arg[0]);
}
