/* SPDX-License-Identifier: MIT */
/*
 * sched.c - shares the processors out among the threads that can run.
 *
 * 1. Idea.  Each CPU has a tree of runnable threads ordered by virtual
 *    runtime: the time a thread has run, divided by its weight (nice).  The
 *    one that has had least runs next, so that over time all get their share
 *    (Demers, Keshav, Shenker: fair queueing, 1989).  A thread that slept is
 *    put a little before the others, not more, so that sleep is no savings
 *    account.
 * 2. Invariants.
 *    R1  a task is in at most one tree: on_rq and not curr
 *    R2  on_rq is true exactly for the tasks in a tree and for the curr of a
 *        CPU that has not gone to sleep; nr_running counts them, idle aside
 *    R3  a task whose stack a CPU runs on is that CPU's curr, or its lock is
 *        held by that CPU, in the middle of a switch
 * 3. Locking.  rq->lock, taken with interrupts off, guards the tree and
 *    state, cpu, on_rq, vruntime of the tasks whose cpu it is.  It is held
 *    across the switch and released by the thread that comes in, so a waker
 *    that has the lock never sees a half-saved thread.  A second queue's lock
 *    is only tried (stealing), so there is no order among them.
 * 4. The kernel is not preemptible: a tick or a wake-up sets need_resched and
 *    the CPU's work flag, and the switch happens on the way to user mode, at
 *    cond_resched(), or when the thread sleeps.
 * 5. Placement.  A woken task goes to its last CPU if that idles, else to any
 *    idle CPU it may use, else to the less loaded of its last CPU and the
 *    waker's.  A CPU that would idle first takes a task from the longest
 *    queue.
 */
#include "kernel/sched.h"

#include <quire/percpu.h>
#include <quire/port.h>
#include <quire/printk.h>
#include <quire/slab.h>

#include "kernel/signal.h"
#include "port/x86_64/machine.h"
#include "port/x86_64/upcalls.h"

#define NICE_0_WEIGHT 1024UL
/* A woken thread may be this far (ns) before the others. */
#define WAKEUP_CREDIT_NS (3 * NSEC_PER_MSEC)
/* ... and replaces the running one if that is this much ahead of it. */
#define WAKEUP_GRAN_NS (1 * NSEC_PER_MSEC)
#define TICK_NS	       (NSEC_PER_SEC / HZ)

struct rq {
	spinlock_t lock;
	struct rb_root tree;
	struct rb_node *leftmost;
	struct task_struct *curr, *idle;
	struct task_struct *leaving; /* of the switch in progress */
	struct mm_struct *drop_mm;   /* ... and the mm it stops borrowing */
	unsigned int nr_running;
	long nr_uninterruptible; /* right only summed over CPUs */
	u64 min_vruntime;	 /* never goes back */
	unsigned long nr_switches;
	struct cpu_times times;
	bool online;
} __cacheline_aligned;

static DEFINE_PER_CPU(struct rq, runqueues);

static struct {
	u64 online_mask;
	unsigned int weight[40]; /* of nice -20 .. 19 */
} sched;

static struct rq *cpu_rq(unsigned int cpu)
{
	return per_cpu_ptr(&runqueues, cpu);
}

static struct rq *this_rq(void)
{
	return this_cpu_ptr(&runqueues);
}

/* ---- the tree ---- */

static struct task_struct *run_task(struct rb_node *node)
{
	return rb_entry(node, struct task_struct, run_rb);
}

/* Wrapping comparison: only differences of vruntime mean something. */
static bool vruntime_before(u64 a, u64 b)
{
	return (s64)(a - b) < 0;
}

static void tree_insert(struct rq *rq, struct task_struct *t)
{
	struct rb_node **link = &rq->tree.rb_node, *parent = NULL;
	bool first = true;

	while (*link) {
		parent = *link;
		if (vruntime_before(t->vruntime, run_task(parent)->vruntime)) {
			link = &parent->rb_left;
		} else {
			link = &parent->rb_right;
			first = false;
		}
	}
	rb_link_node(&t->run_rb, parent, link);
	rb_insert_color(&t->run_rb, &rq->tree);
	if (first)
		rq->leftmost = &t->run_rb;
}

static void tree_remove(struct rq *rq, struct task_struct *t)
{
	if (rq->leftmost == &t->run_rb)
		rq->leftmost = rb_next(&t->run_rb);
	rb_erase(&t->run_rb, &rq->tree);
}

/* ---- time ---- */

static u64 weighted(const struct task_struct *t, u64 delta_ns)
{
	if (likely(t->nice == 0))
		return delta_ns;
	return delta_ns * NICE_0_WEIGHT / sched.weight[t->nice + 20];
}

/* rq->lock held: curr's clocks are brought up to now. */
static void update_curr(struct rq *rq, u64 now)
{
	struct task_struct *t = rq->curr;
	u64 delta = now - t->exec_start_ns;
	u64 low;

	t->exec_start_ns = now;
	t->sum_exec_ns += delta;
	if (t == rq->idle)
		return;
	t->vruntime += weighted(t, delta);
	low = t->vruntime;
	if (rq->leftmost &&
	    vruntime_before(run_task(rq->leftmost)->vruntime, low))
		low = run_task(rq->leftmost)->vruntime;
	if (vruntime_before(rq->min_vruntime, low))
		rq->min_vruntime = low;
}

/* ---- asking a CPU to switch ---- */

static void resched_rq(struct rq *rq, unsigned int cpu)
{
	if (rq->curr->need_resched)
		return;
	WRITE_ONCE(rq->curr->need_resched, true);
	x86_set_work(cpu);
	if (cpu != smp_processor_id())
		x86_send_resched(cpu);
}

/* The work flag is set; what it leads to waits for the way to user mode. */
void kernel_resched_ipi(void)
{
}

static void enqueue(struct rq *rq, struct task_struct *t)
{
	t->on_rq = true;
	rq->nr_running++;
	tree_insert(rq, t);
}

/* t is put among the waiting of rq; the CPU switches if it should. */
static void enqueue_and_check(struct rq *rq, struct task_struct *t)
{
	u64 floor = rq->min_vruntime - WAKEUP_CREDIT_NS;

	if (vruntime_before(t->vruntime, floor))
		t->vruntime = floor;
	enqueue(rq, t);
	if (rq->curr == rq->idle ||
	    vruntime_before(t->vruntime + WAKEUP_GRAN_NS, rq->curr->vruntime))
		resched_rq(rq, t->cpu);
}

/* ---- placement ---- */

static bool cpu_allowed(const struct task_struct *t, unsigned int cpu)
{
	return t->cpus_allowed >> cpu & 1;
}

static bool cpu_is_idle(unsigned int cpu)
{
	struct rq *rq = cpu_rq(cpu);

	return READ_ONCE(rq->curr) == rq->idle && !READ_ONCE(rq->nr_running);
}

static unsigned int select_cpu(const struct task_struct *t)
{
	unsigned int last = t->cpu, here = smp_processor_id(), best, cpu;
	u64 mask = t->cpus_allowed & sched.online_mask;

	if (likely((mask & (mask - 1)) == 0 && mask))
		return (unsigned int)__builtin_ctzl(mask);
	if (!mask)
		return last;
	if ((mask >> last & 1) && cpu_is_idle(last))
		return last;
	for (cpu = 0; cpu < nr_cpu_ids; cpu++)
		if ((mask >> cpu & 1) && cpu_is_idle(cpu))
			return cpu;
	best = (mask >> last & 1) ? last : (unsigned int)__builtin_ctzl(mask);
	if ((mask >> here & 1) && READ_ONCE(cpu_rq(here)->nr_running) <
					  READ_ONCE(cpu_rq(best)->nr_running))
		best = here;
	return best;
}

/* The lock of the queue that t belongs to; interrupts are off. */
static struct rq *task_rq_lock(struct task_struct *t)
{
	for (;;) {
		unsigned int cpu = READ_ONCE(t->cpu);
		struct rq *rq = cpu_rq(cpu);

		spin_lock(&rq->lock);
		if (likely(t->cpu == cpu))
			return rq;
		spin_unlock(&rq->lock);
	}
}

/*
 * t, runnable and in no queue, moves from rq, whose lock is held and is
 * dropped, to cpu.  Nobody else touches a task in that state.
 */
static void move_and_enqueue(struct rq *rq, struct task_struct *t,
			     unsigned int cpu)
{
	if (cpu != t->cpu) {
		struct rq *to = cpu_rq(cpu);

		t->vruntime -= rq->min_vruntime;
		WRITE_ONCE(t->cpu, cpu);
		spin_unlock(&rq->lock);
		rq = to;
		spin_lock(&rq->lock);
		t->vruntime += rq->min_vruntime;
	}
	enqueue_and_check(rq, t);
	spin_unlock(&rq->lock);
}

bool try_to_wake_up(struct task_struct *t, int state_mask)
{
	unsigned long flags;
	struct rq *rq;

	flags = local_irq_save();
	rq = task_rq_lock(t);
	if (!(t->state & state_mask)) {
		spin_unlock(&rq->lock);
		local_irq_restore(flags);
		return false;
	}
	if (t->on_rq) {
		/* It has not gone to sleep yet, and now will not. */
		WRITE_ONCE(t->state, TASK_RUNNING);
		spin_unlock(&rq->lock);
		local_irq_restore(flags);
		return true;
	}
	if (t->state & TASK_UNINTERRUPTIBLE)
		rq->nr_uninterruptible--;
	WRITE_ONCE(t->state, TASK_RUNNING);
	move_and_enqueue(rq, t, select_cpu(t));
	local_irq_restore(flags);
	return true;
}

void wake_up_new_task(struct task_struct *t)
{
	unsigned long flags;
	struct rq *rq;

	flags = local_irq_save();
	rq = task_rq_lock(t);
	t->vruntime = rq->min_vruntime;
	if (rq->curr != rq->idle &&
	    vruntime_before(t->vruntime, rq->curr->vruntime))
		t->vruntime = rq->curr->vruntime;
	WRITE_ONCE(t->state, TASK_RUNNING);
	move_and_enqueue(rq, t, select_cpu(t));
	local_irq_restore(flags);
}

void kick_task(struct task_struct *t)
{
	unsigned int cpu;

	/*
	 * If t is just being switched out or moved, finish_switch() looks at
	 * its signals when it comes back.
	 */
	cpu = READ_ONCE(t->cpu);
	if (READ_ONCE(cpu_rq(cpu)->curr) != t)
		return;
	x86_set_work(cpu);
	if (cpu != smp_processor_id())
		x86_send_resched(cpu);
}

/* ---- switching ---- */

/* A CPU without work takes one from the longest queue; own lock held. */
static void steal_task(struct rq *rq, unsigned int me)
{
	struct rq *busiest = NULL;
	struct rb_node *node;
	unsigned int cpu;

	if (nr_cpu_ids == 1)
		return;
	for_each_possible_cpu(cpu) {
		struct rq *other = cpu_rq(cpu);

		if (other != rq && READ_ONCE(other->leftmost) &&
		    (!busiest || READ_ONCE(other->nr_running) >
					 READ_ONCE(busiest->nr_running)))
			busiest = other;
	}
	if (!busiest || !spin_trylock(&busiest->lock))
		return;
	for (node = busiest->leftmost; node; node = rb_next(node)) {
		struct task_struct *t = run_task(node);

		if (!cpu_allowed(t, me))
			continue;
		tree_remove(busiest, t);
		busiest->nr_running--;
		t->vruntime += rq->min_vruntime - busiest->min_vruntime;
		WRITE_ONCE(t->cpu, me);
		enqueue(rq, t);
		break;
	}
	spin_unlock(&busiest->lock);
}

/* prev stops being curr: back into the tree, or asleep. */
static void put_prev(struct rq *rq, struct task_struct *prev)
{
	if (prev == rq->idle)
		return;
	if (prev->state != TASK_RUNNING &&
	    !((prev->state & TASK_INTERRUPTIBLE) && prev->sigpending_hint) &&
	    !((prev->state & TASK_WAKEKILL) && fatal_signal_pending(prev))) {
		prev->on_rq = false;
		rq->nr_running--;
		prev->nvcsw++;
		if (prev->state & TASK_UNINTERRUPTIBLE)
			rq->nr_uninterruptible++;
		return;
	}
	WRITE_ONCE(prev->state, TASK_RUNNING);
	if (unlikely(!cpu_allowed(prev, prev->cpu))) {
		/* finish_switch() sends it to another CPU. */
		prev->on_rq = false;
		rq->nr_running--;
		return;
	}
	tree_insert(rq, prev);
}

static struct task_struct *pick_next(struct rq *rq)
{
	struct task_struct *next;

	if (!rq->leftmost)
		steal_task(rq, rq->idle->cpu);
	if (!rq->leftmost)
		return rq->idle;
	next = run_task(rq->leftmost);
	tree_remove(rq, next);
	return next;
}

/*
 * The thread that comes in, on its own stack, with the lock that the one
 * going out took.  Interrupts stay off.
 */
static void finish_switch(void)
{
	struct rq *rq = this_rq();
	struct task_struct *prev = rq->leaving, *t = current;
	struct mm_struct *drop_mm = rq->drop_mm;
	bool dead = prev->state == TASK_DEAD;

	rq->leaving = NULL;
	rq->drop_mm = NULL;
	if (unlikely(prev->state == TASK_RUNNING && !prev->on_rq &&
		     prev != rq->idle))
		move_and_enqueue(rq, prev, select_cpu(prev));
	else
		spin_unlock(&rq->lock);
	if (unlikely(dead)) {
		release_thread_stack(prev);
		put_task_struct(prev);
	}
	if (unlikely(drop_mm != NULL))
		mmdrop(drop_mm);
	if (t->sigpending_hint || t->rseq || t->set_child_tid ||
	    t->restore_sigmask)
		x86_set_work(smp_processor_id());
}

void kernel_thread_started(void)
{
	finish_switch();
}

/*
 * A kernel thread keeps the address space that is loaded, with a reference
 * of its own (mm_count), which is passed on among kernel threads.
 */
static void switch_mm(struct rq *rq, struct task_struct *prev,
		      struct task_struct *next)
{
	if (next->mm) {
		x86_switch_mm(next->mm);
		next->active_mm = next->mm;
		if (!prev->mm) {
			rq->drop_mm = prev->active_mm;
			prev->active_mm = NULL;
		}
		return;
	}
	x86_switch_mm(NULL);
	next->active_mm = prev->active_mm;
	if (!prev->mm)
		prev->active_mm = NULL;
	else
		mmgrab(next->active_mm);
}

/* current, a kernel thread, lets go of the address space it borrows. */
void drop_lazy_mm(void)
{
	unsigned long flags = local_irq_save();
	struct mm_struct *mm = current->active_mm;

	if (!current->mm && mm) {
		x86_leave_mm();
		current->active_mm = NULL;
		mmdrop(mm);
	}
	local_irq_restore(flags);
}

static void switch_to(struct rq *rq, struct task_struct *prev,
		      struct task_struct *next)
{
	rq->curr = next;
	rq->leaving = prev;
	rq->nr_switches++;
	switch_mm(rq, prev, next);
	arch_switch_to(&prev->thread, &next->thread);
	finish_switch();
}

void schedule(void)
{
	struct task_struct *prev, *next;
	unsigned long flags;
	struct rq *rq;
	u64 now;

	might_sleep();
	flags = local_irq_save();
	rq = this_rq();
	prev = rq->curr;
	spin_lock(&rq->lock);
	now = port->time_ns();
	update_curr(rq, now);
	WRITE_ONCE(prev->need_resched, false);
	put_prev(rq, prev);
	next = pick_next(rq);
	next->exec_start_ns = now;
	if (next == prev) {
		spin_unlock(&rq->lock);
	} else {
		if (prev->on_rq && prev != rq->idle)
			prev->nivcsw++;
		switch_to(rq, prev, next);
	}
	local_irq_restore(flags);
}

void set_current_state(int state)
{
	/* The store is ordered before the condition is looked at. */
	__atomic_store_n(&current->state, state, __ATOMIC_SEQ_CST);
}

bool signal_pending_current(void)
{
	return READ_ONCE(current->sigpending_hint);
}

void cond_resched(void)
{
	if (unlikely(READ_ONCE(current->need_resched)))
		schedule();
}

void sched_yield_current(void)
{
	unsigned long flags;
	struct rq *rq;

	flags = local_irq_save();
	rq = this_rq();
	spin_lock(&rq->lock);
	/* Behind the last of those that wait. */
	if (rq->leftmost) {
		u64 last = run_task(rb_last(&rq->tree))->vruntime;

		update_curr(rq, port->time_ns());
		if (vruntime_before(current->vruntime, last))
			current->vruntime = last;
	}
	spin_unlock(&rq->lock);
	local_irq_restore(flags);
	schedule();
}

/* ---- ticks ---- */

static void account_tick(struct rq *rq, struct task_struct *t, bool user)
{
	if (t == rq->idle)
		return;
	if (user) {
		t->utime_ns += TICK_NS;
		if (t->nice > 0)
			rq->times.nice_ns += TICK_NS;
		else
			rq->times.user_ns += TICK_NS;
	} else {
		t->stime_ns += TICK_NS;
		rq->times.system_ns += TICK_NS;
	}
}

void kernel_timer_tick(struct pt_regs *regs)
{
	struct rq *rq = this_rq();
	struct task_struct *t = rq->curr;
	unsigned int cpu = smp_processor_id();

	if (unlikely(!rq->online))
		return;
	account_tick(rq, t, user_mode(regs));
	spin_lock(&rq->lock);
	update_curr(rq, port->time_ns());
	if (rq->leftmost &&
	    (t == rq->idle ||
	     vruntime_before(run_task(rq->leftmost)->vruntime, t->vruntime)))
		resched_rq(rq, cpu);
	spin_unlock(&rq->lock);
	if (t->signal && t->signal->it_cpu_armed)
		x86_set_work(cpu);
	if (cpu == 0)
		loadavg_tick();
}

/* ---- settings and figures ---- */

int sched_set_affinity(struct task_struct *t, u64 mask)
{
	unsigned long flags;
	struct rq *rq;

	if (!(mask & sched.online_mask))
		return -EINVAL;
	flags = local_irq_save();
	rq = task_rq_lock(t);
	t->cpus_allowed = mask;
	if (cpu_allowed(t, t->cpu)) {
		spin_unlock(&rq->lock);
	} else if (rq->curr == t) {
		resched_rq(rq, t->cpu);
		spin_unlock(&rq->lock);
	} else if (t->on_rq) {
		tree_remove(rq, t);
		t->on_rq = false;
		rq->nr_running--;
		move_and_enqueue(rq, t, select_cpu(t));
	} else {
		spin_unlock(&rq->lock); /* the wake-up will choose */
	}
	local_irq_restore(flags);
	return 0;
}

int sched_set_nice(struct task_struct *t, int nice)
{
	unsigned long flags;
	struct rq *rq;

	flags = local_irq_save();
	rq = task_rq_lock(t);
	if (rq->curr == t)
		update_curr(rq, port->time_ns());
	t->nice = nice;
	spin_unlock(&rq->lock);
	local_irq_restore(flags);
	return 0;
}

u64 task_sched_runtime(struct task_struct *t)
{
	unsigned long flags;
	struct rq *rq;
	u64 ns;

	flags = local_irq_save();
	rq = task_rq_lock(t);
	if (rq->curr == t)
		update_curr(rq, port->time_ns());
	ns = t->sum_exec_ns;
	spin_unlock(&rq->lock);
	local_irq_restore(flags);
	return ns;
}

unsigned int sched_nr_running(void)
{
	unsigned int cpu, n = 0;

	for_each_possible_cpu(cpu)
		n += READ_ONCE(cpu_rq(cpu)->nr_running);
	return n;
}

unsigned int sched_nr_active(void)
{
	unsigned int cpu;
	long n = 0;

	for_each_possible_cpu(cpu) {
		const struct rq *rq = cpu_rq(cpu);

		n += (long)READ_ONCE(rq->nr_running) +
		     READ_ONCE(rq->nr_uninterruptible);
	}
	return n > 0 ? (unsigned int)n : 0;
}

unsigned long sched_nr_switches(void)
{
	unsigned long n = 0;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		n += READ_ONCE(cpu_rq(cpu)->nr_switches);
	return n;
}

void sched_cpu_times(unsigned int cpu, struct cpu_times *out)
{
	struct rq *rq = cpu_rq(cpu);

	*out = rq->times;
	out->idle_ns = rq->idle ? task_sched_runtime(rq->idle) : 0;
}

unsigned int nr_online_cpus(void)
{
	unsigned int cpu, n = 0;

	for_each_possible_cpu(cpu)
		n += online_cpu_mask() >> cpu & 1;
	return n;
}

u64 online_cpu_mask(void)
{
	return READ_ONCE(sched.online_mask);
}

/* ---- start ---- */

static void init_weights(void)
{
	/* One step of nice is a quarter more or less (Linux: 25 %). */
	u64 w = NICE_0_WEIGHT << 20;

	for (int nice = 0; nice < 20; nice++, w = w * 4 / 5)
		sched.weight[nice + 20] = (unsigned int)(w >> 20);
	w = NICE_0_WEIGHT << 20;
	for (int nice = 0; nice >= -20; nice--, w = w * 5 / 4)
		sched.weight[nice + 20] = (unsigned int)(w >> 20);
}

static void online_cpu(unsigned int cpu, struct task_struct *idle)
{
	struct rq *rq = cpu_rq(cpu);

	rq->idle = rq->curr = idle;
	idle->cpu = cpu;
	idle->flags |= PF_KTHREAD | PF_IDLE;
	idle->cpus_allowed = 1UL << cpu;
	idle->exec_start_ns = port->time_ns();
	rq->online = true;
	__atomic_fetch_or(&sched.online_mask, 1UL << cpu, __ATOMIC_RELEASE);
}

void sched_init(void)
{
	unsigned int cpu;

	init_weights();
	for_each_possible_cpu(cpu)
		spin_lock_init(&cpu_rq(cpu)->lock, LOCK_RANK_RQ);
	online_cpu(smp_processor_id(), current);
}

void sched_init_secondary(unsigned int cpu)
{
	online_cpu(cpu, current);
}

/* How often an idle CPU looks whether it keeps frames that others could use. */
#define DECAY_INTERVAL_NS NSEC_PER_SEC

void cpu_idle(void)
{
	struct rq *rq = this_rq();
	u64 decay_at = 0;

	for (;;) {
		unsigned long flags = local_irq_save();

		/*
		 * Interrupts are off from the look at the flag to the halt,
		 * which takes them in again in one step.
		 */
		if (!READ_ONCE(current->need_resched) &&
		    !READ_ONCE(rq->leftmost))
			x86_wait_for_interrupt();
		local_irq_restore(flags);
		if (port->time_ns() >= decay_at) {
			pcp_decay();
			kmem_cache_decay();
			decay_at = port->time_ns() + DECAY_INTERVAL_NS;
		}
		schedule();
	}
}
