/* SPDX-License-Identifier: MIT */
/*
 * oom.c - when there is no memory left, the process with most of it ends.
 *
 * 1. Rule.  The process with the largest resident set is killed; never
 *    kernel threads, pid 1, or one with oom_score_adj -1000.  While a process
 *    is still dying nobody else is chosen, for a second: it may wait for a
 *    lock that the asker holds, and then somebody else has to go as well, in
 *    the end the asker.
 * 2. Who asks.  The page allocator, through reclaim_ops, when it has found
 *    nothing; it tries again when this says that memory will come.  The
 *    victim itself is told to give up, so that it can come to its end.
 * 3. Locking.  tasklist_lock for the choice; the report is made after it.
 * 4. Progress.  The asker sleeps a tick at a time until the victim's memory
 *    is gone or a second has passed, and then tries again whatever happened.
 */
#include "kernel/oom.h"

#include <quire/mm.h>
#include <quire/printk.h>
#include <quire/reclaim.h>
#include <quire/show.h>
#include <quire/slab.h>
#include <quire/vmstat.h>

#include "kernel/sched.h"
#include "kernel/signal.h"
#include "port/x86_64/machine.h"

#define WAIT_STEP_NS	  (NSEC_PER_SEC / HZ)
#define WAIT_STEPS	  HZ
#define OOM_SCORE_ADJ_MIN (-1000)

struct oom_report {
	int pid;
	u32 uid;
	int adj;
	char comm[TASK_COMM_LEN];
	unsigned long total_vm, anon, file, shmem, tables; /* KiB */
};

/*
 * The address space of a process: of the first thread that still has it.  It
 * is kept by that thread's task_lock, which an exit takes to let go, and which
 * release_process_mm() gives back.  NULL with nothing held.
 */
static struct mm_struct *hold_process_mm(struct signal_struct *sig,
					 struct task_struct **holder)
{
	struct task_struct *t;

	list_for_each_entry(t, &sig->threads, thread_node) {
		task_lock(t);
		if (t->mm) {
			*holder = t;
			return t->mm;
		}
		task_unlock(t);
	}
	return NULL;
}

static void release_process_mm(struct task_struct *holder)
{
	task_unlock(holder);
}

static unsigned long process_rss(struct signal_struct *sig)
{
	struct task_struct *holder;
	struct mm_struct *mm = hold_process_mm(sig, &holder);
	unsigned long rss = 0;

	if (mm) {
		rss = get_mm_rss(mm);
		release_process_mm(holder);
	}
	return rss;
}

/* To be killed, or on its way out with memory that is not free yet. */
static bool is_dying(struct signal_struct *sig)
{
	struct task_struct *t;

	if (sig->nr_threads && !sig->nr_live)
		return true;
	list_for_each_entry(t, &sig->threads, thread_node)
		if (t->mm && fatal_signal_pending(t))
			return true;
	return false;
}

/* A process that is dying may have this long before others must, too. */
static bool may_be_waited_for(struct signal_struct *sig)
{
	u64 now = ktime_ns();

	if (!sig->oom_since_ns)
		sig->oom_since_ns = now;
	return now - sig->oom_since_ns < WAIT_STEPS * WAIT_STEP_NS;
}

/* tasklist_lock held.  NULL with *dying: wait for the last victim. */
static struct task_struct *choose(bool *dying)
{
	struct task_struct *t, *best = NULL;
	unsigned long most = 0;

	*dying = false;
	for_each_task(t) {
		struct signal_struct *sig = t->signal;
		unsigned long rss;

		if (!thread_group_leader(t) || (t->flags & PF_KTHREAD) ||
		    t->tgid == 1)
			continue;
		if (is_dying(sig)) {
			if (!may_be_waited_for(sig))
				continue;
			*dying = true;
			return NULL;
		}
		if (sig->oom_score_adj == OOM_SCORE_ADJ_MIN)
			continue;
		rss = process_rss(sig);
		if (rss > most) {
			most = rss;
			best = t;
		}
	}
	return best;
}

static unsigned long kib(long nr_pages)
{
	return nr_pages > 0 ? (unsigned long)nr_pages << (PAGE_SHIFT - 10) : 0;
}

static void fill_report(struct oom_report *r, struct task_struct *t)
{
	struct task_struct *holder;
	struct mm_struct *mm;

	*r = (struct oom_report){
		.pid = t->tgid,
		.uid = t->cred.uid,
		.adj = t->signal->oom_score_adj,
	};
	__builtin_memcpy(r->comm, t->comm, sizeof(r->comm));
	mm = hold_process_mm(t->signal, &holder);
	if (mm) {
		r->total_vm = kib((long)mm->total_vm);
		r->anon = kib(READ_ONCE(mm->rss_stat[MM_ANONPAGES]));
		r->file = kib(READ_ONCE(mm->rss_stat[MM_FILEPAGES]));
		r->shmem = kib(READ_ONCE(mm->rss_stat[MM_SHMEMPAGES]));
		r->tables = READ_ONCE(mm->pgtables_bytes) >> 10;
		release_process_mm(holder);
	}
}

static void print_report(const struct oom_report *r, gfp_t gfp,
			 unsigned int order)
{
	printk("%s invoked oom-killer: gfp_mask=%#x, order=%u, oom_score_adj=%d\n",
	       current->comm, gfp, order, current->signal->oom_score_adj);
	printk("Mem-Info: free:%lukB slab:%lukB pagetables:%lukB of %lukB\n",
	       kib((long)nr_free_pages()),
	       kib((long)(node_stat_pages(NST_nr_slab_reclaimable) +
			  node_stat_pages(NST_nr_slab_unreclaimable))),
	       kib((long)node_stat_pages(NST_nr_page_table_pages)),
	       kib((long)totalram_pages()));
	printk("Out of memory: Killed process %d (%s) total-vm:%lukB, anon-rss:%lukB, file-rss:%lukB, shmem-rss:%lukB, UID:%u pgtables:%lukB oom_score_adj:%d\n",
	       r->pid, r->comm, r->total_vm, r->anon, r->file, r->shmem, r->uid,
	       r->tables, r->adj);
}

static bool wait_for_memory(unsigned long free_before)
{
	for (int i = 0; i < WAIT_STEPS; i++) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		schedule_timeout(WAIT_STEP_NS);
		if (nr_free_pages() > free_before)
			break;
	}
	return true;
}

static bool out_of_memory(gfp_t gfp, unsigned int order)
{
	unsigned long free_before = nr_free_pages();
	struct task_struct *victim;
	struct oom_report report;
	bool dying;

	if (current->flags & PF_IDLE)
		return false;
	/* Who is to end gets no more, but may take the reserves. */
	if (fatal_signal_pending(current) || (current->flags & PF_EXITING))
		return false;
	spin_lock(&tasklist_lock);
	victim = choose(&dying);
	/* Reclaim that must leave file systems alone has not tried all. */
	if (!(gfp & __GFP_FS))
		victim = NULL;
	if (victim) {
		fill_report(&report, victim);
		victim->signal->oom_since_ns = ktime_ns();
		send_sig_locked(SIGKILL, victim);
	}
	spin_unlock(&tasklist_lock);
	if (!victim && !dying)
		return false;
	if (victim) {
		count_vm_event(VMEV_oom_kill);
		print_report(&report, gfp, order);
	}
	if (fatal_signal_pending(current))
		return false;
	return wait_for_memory(free_before);
}

void oom_wait_or_die(void)
{
	if (out_of_memory(GFP_KERNEL, 0) || fatal_signal_pending(current))
		return;
	/* Nobody else can be killed. */
	force_sig(SIGKILL);
}

/* Its own end needs memory, too, and brings more. */
static enum task_reserves task_reserves(void)
{
	bool dies =
		fatal_signal_pending(current) || current->flags & PF_EXITING;

	return dies ? RESERVES_VICTIM : RESERVES_NONE;
}

static const char *task_name(void)
{
	return current->comm;
}

void oom_init(void)
{
	static const struct reclaim_ops ops = {
		.direct_reclaim = kmem_cache_reclaim,
		.out_of_memory = out_of_memory,
		.task_reserves = task_reserves,
		.task_name = task_name,
		.dump_stack = x86_dump_stack,
	};

	register_reclaim_ops(&ops);
}
