/* SPDX-License-Identifier: MIT */
/*
 * futex.c - waiting on a word of user memory: futex(2), robust lists.
 *
 * 1. Idea.  Sleepers hang in a hash table by the word's key.  The word is
 *    compared with the expected value under the bucket's lock, which a waker
 *    takes after it has changed the word, so no wake-up is lost.
 * 2. Keys.  A word of shared memory is named by its file's pages and the
 *    offset in them, so that processes meet; any other by address space and
 *    address.  FUTEX_PRIVATE_FLAG promises the second and saves the look-up.
 * 3. Reading user memory under a spinlock: the port does not resolve
 *    a fault there, and the copy gives -EFAULT; the word is then read without the
 *    lock, which brings it in or tells that it cannot be, and all is tried
 *    again.
 * 4. Invariants.
 *    F1  q->bucket is the bucket in whose list q is, or NULL once it was
 *        woken; both change under that bucket's lock only
 *    F2  when a waker has stored NULL, it touches q no more: q lies on the
 *        sleeper's stack
 * 5. Locking.  Bucket locks; two of them in the order of their addresses.
 *
 * Priority inheritance is not there: its operations give ENOSYS.
 * Sources: futex(2), get_robust_list(2), "A futex overview" (Drepper).
 */
#include <quire/string.h>

#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"

#define FUTEX_WAIT	     0
#define FUTEX_WAKE	     1
#define FUTEX_REQUEUE	     3
#define FUTEX_CMP_REQUEUE    4
#define FUTEX_WAKE_OP	     5
#define FUTEX_WAIT_BITSET    9
#define FUTEX_WAKE_BITSET    10
#define FUTEX_PRIVATE_FLAG   128
#define FUTEX_CLOCK_REALTIME 256
#define FUTEX_BITSET_ALL     0xffffffffU

#define FUTEX_WAITERS	     0x80000000U
#define FUTEX_OWNER_DIED     0x40000000U
#define FUTEX_TID_MASK	     0x3fffffffU
#define ROBUST_LIST_LIMIT    2048

#define NR_FUTEX_BUCKETS     128

struct futex_key {
	const void *base; /* mm_struct or address_space */
	u64 offset;
};

struct futex_bucket {
	spinlock_t lock;
	struct list_head waiters;
};

struct futex_q {
	struct list_head list;
	struct task_struct *task;
	struct futex_key key;
	struct futex_bucket *bucket;
	u32 bitset;
};

static struct futex_bucket buckets[NR_FUTEX_BUCKETS];

void futex_init(void)
{
	for (int i = 0; i < NR_FUTEX_BUCKETS; i++) {
		spin_lock_init(&buckets[i].lock, LOCK_RANK_FUTEX);
		INIT_LIST_HEAD(&buckets[i].waiters);
	}
}

static struct futex_bucket *bucket_of(const struct futex_key *key)
{
	u64 h = ((uintptr_t)key->base >> 4) + (key->offset >> 2) * 31;

	return &buckets[h * 0x9e3779b97f4a7c15UL >> 57];
}

static bool key_equal(const struct futex_key *a, const struct futex_key *b)
{
	return a->base == b->base && a->offset == b->offset;
}

static int get_key(const u32 *uaddr, bool private, struct futex_key *key)
{
	unsigned long addr = (uintptr_t)uaddr;
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	int err = 0;

	if (addr & 3)
		return -EINVAL;
	if (!access_ok(uaddr, sizeof(u32)))
		return -EFAULT;
	key->base = mm;
	key->offset = addr;
	if (private)
		return 0;
	mmap_read_lock(mm);
	vma = find_vma(mm, addr);
	if (!vma || vma->vm_start > addr) {
		err = -EFAULT;
	} else if ((vma->vm_flags & VM_SHARED) && vma->vm_file &&
		   vma->vm_file->mapping) {
		key->base = vma->vm_file->mapping;
		key->offset = ((u64)vma->vm_pgoff << PAGE_SHIFT) +
			      (addr - vma->vm_start);
	}
	mmap_read_unlock(mm);
	return err;
}

/* ---- waking ---- */

/* The bucket's lock is held. */
static void wake_q(struct futex_q *q)
{
	list_del(&q->list);
	wake_up_process(q->task);
	__atomic_store_n(&q->bucket, NULL, __ATOMIC_RELEASE);
}

static int wake_locked(struct futex_bucket *b, const struct futex_key *key,
		       int nr, u32 bitset)
{
	struct futex_q *q, *n;
	int woken = 0;

	list_for_each_entry_safe(q, n, &b->waiters, list) {
		if (woken >= nr)
			break;
		if (key_equal(&q->key, key) && (q->bitset & bitset)) {
			wake_q(q);
			woken++;
		}
	}
	return woken;
}

static long futex_wake(u32 *uaddr, bool private, int nr, u32 bitset)
{
	struct futex_bucket *b;
	struct futex_key key;
	int woken, err;

	if (!bitset)
		return -EINVAL;
	err = get_key(uaddr, private, &key);
	if (err)
		return err;
	b = bucket_of(&key);
	spin_lock(&b->lock);
	woken = wake_locked(b, &key, nr, bitset);
	spin_unlock(&b->lock);
	return woken;
}

int futex_wake_user(u32 *uaddr, int nr)
{
	return (int)futex_wake(uaddr, false, nr, FUTEX_BITSET_ALL);
}

/* ---- waiting ---- */

/* 0 and queued, bucket unlocked; -EAGAIN: the word differs; -EFAULT. */
static int queue_if_equal(struct futex_q *q, u32 *uaddr, u32 expected)
{
	struct futex_bucket *b = bucket_of(&q->key);
	u32 val;

	for (;;) {
		spin_lock(&b->lock);
		if (!get_user(val, uaddr))
			break;
		spin_unlock(&b->lock);
		if (get_user(val, uaddr))
			return -EFAULT;
	}
	if (val != expected) {
		spin_unlock(&b->lock);
		return -EAGAIN;
	}
	q->task = current;
	q->bucket = b;
	list_add_tail(&q->list, &b->waiters);
	/* Before the lock goes: the wake-up must find this state. */
	set_current_state(TASK_INTERRUPTIBLE);
	spin_unlock(&b->lock);
	return 0;
}

/* false: somebody has woken it already. */
static bool unqueue(struct futex_q *q)
{
	struct futex_bucket *b;

	while ((b = __atomic_load_n(&q->bucket, __ATOMIC_ACQUIRE))) {
		spin_lock(&b->lock);
		if (q->bucket == b) { /* a requeue moves it */
			list_del(&q->list);
			q->bucket = NULL;
			spin_unlock(&b->lock);
			return true;
		}
		spin_unlock(&b->lock);
	}
	return false;
}

/* deadline_ns: monotonic; UINT64_MAX: none.  0 or -E. */
static long wait_until(u32 *uaddr, bool private, u32 expected, u32 bitset,
		       u64 deadline_ns)
{
	struct futex_q q = {.bitset = bitset};
	u64 now;
	int err;

	err = get_key(uaddr, private, &q.key);
	if (err)
		return err;
	for (;;) {
		err = queue_if_equal(&q, uaddr, expected);
		if (err)
			return err;
		now = deadline_ns == UINT64_MAX ? 0 : ktime_ns();
		if (READ_ONCE(q.bucket)) {
			if (deadline_ns == UINT64_MAX)
				schedule();
			else if (now < deadline_ns)
				schedule_timeout(deadline_ns - now);
		}
		set_current_state(TASK_RUNNING);
		if (!unqueue(&q))
			return 0;
		if (deadline_ns != UINT64_MAX && ktime_ns() >= deadline_ns)
			return -ETIMEDOUT;
		if (signal_pending_current())
			return -ERESTARTSYS;
		/* Woken by something else: once more. */
	}
}

static long futex_wait_deadline(u32 *uaddr, bool private, u32 expected,
				u32 bitset, u64 deadline_ns);

static long futex_wait_restart(struct task_struct *t)
{
	const u64 *a = t->restart.arg;

	t->restart.fn = NULL;
	return futex_wait_deadline((u32 *)a[0], a[4], (u32)a[1], (u32)a[2],
				   a[3]);
}

static long futex_wait_deadline(u32 *uaddr, bool private, u32 expected,
				u32 bitset, u64 deadline_ns)
{
	long ret = wait_until(uaddr, private, expected, bitset, deadline_ns);

	if (ret != -ERESTARTSYS || deadline_ns == UINT64_MAX)
		return ret;
	current->restart = (struct restart_block){
		.fn = futex_wait_restart,
		.arg = {(uintptr_t)uaddr, expected, bitset, deadline_ns,
			private},
	};
	return -ERESTART_RESTARTBLOCK;
}

/* ---- moving waiters ---- */

static void lock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	if (a > b) {
		struct futex_bucket *t = a;

		a = b;
		b = t;
	}
	spin_lock(&a->lock);
	if (a != b)
		spin_lock_nested(&b->lock);
}

static void unlock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	if (a != b)
		spin_unlock(&b->lock);
	spin_unlock(&a->lock);
}

static int requeue_locked(struct futex_bucket *b1, struct futex_key *key1,
			  struct futex_bucket *b2, struct futex_key *key2,
			  int nr)
{
	struct futex_q *q, *n;
	int moved = 0;

	list_for_each_entry_safe(q, n, &b1->waiters, list) {
		if (moved >= nr)
			break;
		if (!key_equal(&q->key, key1))
			continue;
		q->key = *key2;
		if (b1 != b2) {
			list_move_tail(&q->list, &b2->waiters);
			__atomic_store_n(&q->bucket, b2, __ATOMIC_RELEASE);
		}
		moved++;
	}
	return moved;
}

static long futex_requeue(u32 *uaddr1, u32 *uaddr2, bool private, int nr_wake,
			  int nr_move, const u32 *expected)
{
	struct futex_bucket *b1, *b2;
	struct futex_key key1, key2;
	int err, done;
	u32 val;

	if (nr_wake < 0 || nr_move < 0)
		return -EINVAL;
	err = get_key(uaddr1, private, &key1);
	if (!err)
		err = get_key(uaddr2, private, &key2);
	if (err)
		return err;
	b1 = bucket_of(&key1);
	b2 = bucket_of(&key2);
	for (;;) {
		lock_two(b1, b2);
		if (!expected || !get_user(val, uaddr1))
			break;
		unlock_two(b1, b2);
		if (get_user(val, uaddr1))
			return -EFAULT;
	}
	if (expected && val != *expected) {
		unlock_two(b1, b2);
		return -EAGAIN;
	}
	done = wake_locked(b1, &key1, nr_wake, FUTEX_BITSET_ALL);
	done += requeue_locked(b1, &key1, b2, &key2, nr_move);
	unlock_two(b1, b2);
	return done;
}

/*
 * FUTEX_WAKE_OP's operation word
 *   31  30..28 27..24 23..12 11..0
 *   shl op     cmp    oparg  cmparg
 */
static int apply_op(u32 op, u32 old, u32 *new)
{
	u32 arg = (u32)((s32)(op << 8) >> 20);

	if (op >> 31) {
		if (arg > 31)
			return -EINVAL;
		arg = 1U << arg;
	}
	switch (op >> 28 & 7) {
	case 0:
		*new = arg;
		return 0;
	case 1:
		*new = old + arg;
		return 0;
	case 2:
		*new = old | arg;
		return 0;
	case 3:
		*new = old & ~arg;
		return 0;
	case 4:
		*new = old ^ arg;
		return 0;
	default:
		return -ENOSYS;
	}
}

static int compare_op(u32 op, u32 old)
{
	s32 a = (s32)old, b = (s32)(op << 20) >> 20;

	switch (op >> 24 & 15) {
	case 0:
		return a == b;
	case 1:
		return a != b;
	case 2:
		return a < b;
	case 3:
		return a <= b;
	case 4:
		return a > b;
	case 5:
		return a >= b;
	default:
		return -ENOSYS;
	}
}

/* The word's old value in *old; -EFAULT also where only a lock hinders. */
static int change_word(u32 *uaddr, u32 op, u32 *old)
{
	u32 seen, new;
	int err;

	if (get_user(seen, uaddr))
		return -EFAULT;
	for (;;) {
		err = apply_op(op, seen, &new);
		if (err)
			return err;
		if (cmpxchg_user_u32(uaddr, seen, new, old))
			return -EFAULT;
		if (*old == seen)
			return 0;
		seen = *old;
	}
}

static long futex_wake_op(u32 *uaddr1, u32 *uaddr2, bool private, int nr1,
			  int nr2, u32 op)
{
	struct futex_bucket *b1, *b2;
	struct futex_key key1, key2;
	u32 old, seen;
	int err, woken;

	err = get_key(uaddr1, private, &key1);
	if (!err)
		err = get_key(uaddr2, private, &key2);
	if (err)
		return err;
	b1 = bucket_of(&key1);
	b2 = bucket_of(&key2);
	for (;;) {
		lock_two(b1, b2);
		err = change_word(uaddr2, op, &old);
		if (err != -EFAULT)
			break;
		unlock_two(b1, b2);
		/* Bring it in, writable: a write of what is there. */
		if (get_user(seen, uaddr2) ||
		    cmpxchg_user_u32(uaddr2, seen, seen, &old))
			return -EFAULT;
	}
	woken = err;
	if (!err) {
		woken = wake_locked(b1, &key1, nr1, FUTEX_BITSET_ALL);
		err = compare_op(op, old);
		if (err > 0)
			woken += wake_locked(b2, &key2, nr2, FUTEX_BITSET_ALL);
		else if (err < 0)
			woken = err;
	}
	unlock_two(b1, b2);
	return woken;
}

/* ---- the call ---- */

/* The fourth argument as a monotonic deadline; UINT64_MAX: none. */
static int get_deadline(const struct timespec64 *utime, bool absolute,
			bool realtime, u64 *deadline_ns)
{
	struct timespec64 ts;
	u64 ns, offset;

	*deadline_ns = UINT64_MAX;
	if (!utime)
		return 0;
	if (copy_from_user(&ts, utime, sizeof(ts)))
		return -EFAULT;
	if (!timespec_valid(&ts))
		return -EINVAL;
	ns = timespec_to_ns(&ts);
	if (!absolute) {
		u64 now = ktime_ns();

		*deadline_ns = now + ns < now ? UINT64_MAX - 1 : now + ns;
	} else if (realtime) {
		offset = boot_time_real_ns();
		*deadline_ns = ns > offset ? ns - offset : 0;
	} else {
		*deadline_ns = ns;
	}
	return 0;
}

static long futex_wait_call(u32 *uaddr, bool private, bool absolute,
			    bool realtime, u32 val, u32 bitset,
			    const struct timespec64 *utime)
{
	u64 deadline_ns;
	int err;

	if (!bitset)
		return -EINVAL;
	err = get_deadline(utime, absolute, realtime, &deadline_ns);
	if (err)
		return err;
	return futex_wait_deadline(uaddr, private, val, bitset, deadline_ns);
}

SYSCALL_DEFINE6(futex, u32 *, uaddr, int, op, u32, val,
		const struct timespec64 *, utime, u32 *, uaddr2, u32, val3)
{
	bool private = op & FUTEX_PRIVATE_FLAG;
	bool realtime = op & FUTEX_CLOCK_REALTIME;
	int cmd = op & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
	u32 val2 = (u32)(uintptr_t)utime;

	if (realtime && cmd != FUTEX_WAIT && cmd != FUTEX_WAIT_BITSET)
		return -ENOSYS;
	switch (cmd) {
	case FUTEX_WAIT:
		return futex_wait_call(uaddr, private, false, realtime, val,
				       FUTEX_BITSET_ALL, utime);
	case FUTEX_WAIT_BITSET:
		return futex_wait_call(uaddr, private, true, realtime, val,
				       val3, utime);
	case FUTEX_WAKE:
		return futex_wake(uaddr, private, (int)val, FUTEX_BITSET_ALL);
	case FUTEX_WAKE_BITSET:
		return futex_wake(uaddr, private, (int)val, val3);
	case FUTEX_REQUEUE:
		return futex_requeue(uaddr, uaddr2, private, (int)val,
				     (int)val2, NULL);
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(uaddr, uaddr2, private, (int)val,
				     (int)val2, &val3);
	case FUTEX_WAKE_OP:
		return futex_wake_op(uaddr, uaddr2, private, (int)val,
				     (int)val2, val3);
	default:
		return -ENOSYS;
	}
}

/* ---- robust lists ---- */

struct robust_list_head {
	u64 next;
	s64 futex_offset;
	u64 list_op_pending;
};

SYSCALL_DEFINE2(set_robust_list, u64, head, size_t, len)
{
	if (len != sizeof(struct robust_list_head))
		return -EINVAL;
	current->robust_list = head;
	return 0;
}

SYSCALL_DEFINE3(get_robust_list, int, pid, u64 *, uhead, size_t *, ulen)
{
	struct task_struct *t = NULL;
	u64 head;

	if (pid) {
		t = find_get_task(pid);
		if (!t)
			return -ESRCH;
		if (!capable_root() && t->cred.uid != current->cred.euid) {
			put_task_struct(t);
			return -EPERM;
		}
	}
	head = t ? t->robust_list : current->robust_list;
	if (t)
		put_task_struct(t);
	if (put_user(sizeof(struct robust_list_head), ulen) ||
	    put_user(head, uhead))
		return -EFAULT;
	return 0;
}

/* A lock whose owner dies: marked, and one that waits for it woken. */
static void robust_unlock(u32 *uaddr, bool pi, bool pending)
{
	u32 val, old, new;

	if ((uintptr_t)uaddr & 3 || get_user(val, uaddr))
		return;
	for (;;) {
		/* It was released, but perhaps the wake-up was not done. */
		if (pending && !pi && !val) {
			futex_wake_user(uaddr, 1);
			return;
		}
		if ((val & FUTEX_TID_MASK) != (u32)current->pid)
			return;
		new = (val & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
		if (cmpxchg_user_u32(uaddr, val, new, &old))
			return;
		if (old == val)
			break;
		val = old;
	}
	if (!pi && (val & FUTEX_WAITERS))
		futex_wake_user(uaddr, 1);
}

void exit_robust_list(struct task_struct *t)
{
	const u64 head = t->robust_list;
	struct robust_list_head h;
	u64 entry, next;
	int limit = ROBUST_LIST_LIMIT;

	if (copy_from_user(&h, (void *)head, sizeof(h)))
		return;
	/* Bit 0 of a link says that the lock inherits priority. */
	for (entry = h.next; (entry & ~1UL) != head && limit--; entry = next) {
		bool readable = !get_user(next, (u64 *)(entry & ~1UL));

		if ((entry & ~1UL) != (h.list_op_pending & ~1UL))
			robust_unlock(
				(u32 *)((entry & ~1UL) + (u64)h.futex_offset),
				entry & 1, false);
		if (!readable)
			return;
		cond_resched();
	}
	if (h.list_op_pending & ~1UL)
		robust_unlock((u32 *)((h.list_op_pending & ~1UL) +
				      (u64)h.futex_offset),
			      h.list_op_pending & 1, true);
}
