/* SPDX-License-Identifier: MIT */
/*
 * rseq.c - restartable sequences: rseq(2).
 *
 * 1. Idea.  A thread registers a block in its memory, in which the kernel
 *    keeps the number of the CPU it runs on.  A critical section that the
 *    block names is not continued after the thread was switched out or got a
 *    signal: it goes on at the section's abort address instead.
 * 2. When.  After every switch to a registered thread (sched.c sets the work
 *    flag) and before a signal's frame is made; always on the way to user
 *    mode, where the block may be faulted in.
 * 3. A block that cannot be read or written, or is malformed, is the
 *    program's error: SIGSEGV.
 *
 * Sources: Linux's Documentation/userspace-api/rseq.rst, the header
 * linux/rseq.h as installed.
 */
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"

#define RSEQ_FLAG_UNREGISTER	  1
#define RSEQ_MIN_SIZE		  32
#define RSEQ_CPU_ID_UNINITIALIZED ((u32)-1)

struct rseq_block {
	u32 cpu_id_start, cpu_id;
	u64 rseq_cs;
	u32 flags;
	u32 node_id, mm_cid, end;
};

struct rseq_section {
	u32 version, flags;
	u64 start_ip, post_commit_offset, abort_ip;
};

static int write_cpu(struct task_struct *t, u32 cpu_start, u32 cpu)
{
	struct rseq_block *block = (struct rseq_block *)t->rseq;

	if (put_user(cpu_start, &block->cpu_id_start) ||
	    put_user(cpu, &block->cpu_id) || put_user(0U, &block->node_id))
		return -EFAULT;
	return 0;
}

/* Leave the section that ip is in; 0 or -EFAULT. */
static int abort_section(struct task_struct *t, struct pt_regs *regs)
{
	struct rseq_block *block = (struct rseq_block *)t->rseq;
	struct rseq_section cs;
	u64 ucs;
	u32 sig;

	if (get_user(ucs, &block->rseq_cs))
		return -EFAULT;
	if (!ucs)
		return 0;
	if (copy_from_user(&cs, (void *)ucs, sizeof(cs)))
		return -EFAULT;
	if (cs.version || cs.start_ip >= TASK_SIZE ||
	    cs.abort_ip >= TASK_SIZE ||
	    cs.start_ip + cs.post_commit_offset < cs.start_ip ||
	    cs.start_ip + cs.post_commit_offset >= TASK_SIZE)
		return -EFAULT;
	/* The abort address may not lie in the section itself. */
	if (cs.abort_ip - cs.start_ip < cs.post_commit_offset)
		return -EFAULT;
	if (put_user(0UL, &block->rseq_cs))
		return -EFAULT;
	if (regs->ip - cs.start_ip >= cs.post_commit_offset)
		return 0;
	/* The signature before it shows that it is meant for this. */
	if (get_user(sig, (u32 *)(cs.abort_ip - sizeof(u32))) ||
	    sig != t->rseq_sig)
		return -EFAULT;
	regs->ip = cs.abort_ip;
	return 0;
}

void rseq_handle(struct pt_regs *regs)
{
	struct task_struct *t = current;
	unsigned int cpu;

	if (!t->rseq)
		return;
	cpu = smp_processor_id();
	if (abort_section(t, regs) || write_cpu(t, cpu, cpu)) {
		t->rseq = 0;
		force_sig(SIGSEGV);
	}
}

SYSCALL_DEFINE4(rseq, u64, addr, u32, len, int, flags, u32, sig)
{
	struct task_struct *t = current;
	unsigned int cpu;

	if (flags & RSEQ_FLAG_UNREGISTER) {
		if (flags & ~RSEQ_FLAG_UNREGISTER)
			return -EINVAL;
		if (!t->rseq || t->rseq != addr || t->rseq_len != len)
			return -EINVAL;
		if (t->rseq_sig != sig)
			return -EPERM;
		if (write_cpu(t, 0, RSEQ_CPU_ID_UNINITIALIZED))
			return -EFAULT;
		t->rseq = 0;
		t->rseq_len = t->rseq_sig = 0;
		return 0;
	}
	if (flags)
		return -EINVAL;
	if (t->rseq) {
		if (t->rseq != addr || t->rseq_len != len)
			return -EINVAL;
		return t->rseq_sig != sig ? -EPERM : -EBUSY;
	}
	if (len != RSEQ_MIN_SIZE || !IS_ALIGNED(addr, RSEQ_MIN_SIZE))
		return -EINVAL;
	if (!access_ok((void *)addr, len))
		return -EFAULT;
	t->rseq = addr;
	t->rseq_len = len;
	t->rseq_sig = sig;
	cpu = smp_processor_id();
	if (write_cpu(t, cpu, cpu)) {
		t->rseq = 0;
		return -EFAULT;
	}
	return 0;
}
