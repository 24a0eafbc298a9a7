/* SPDX-License-Identifier: MIT */
/*
 * fault.c - page faults and other exceptions become resolved accesses or
 * signals.
 *
 * 1. A fault at a user address goes to mm_fault().  From user mode a failure
 *    is a signal; from the kernel (uaccess) it is false, and the copy ends.
 * 2. With a spinlock held or in an interrupt the port does not even ask,
 *    because this may sleep: the access fails, and its caller tries again
 *    without the lock (futex.c).
 * 3. After out-of-memory the access is made again if this thread is not the
 *    victim: memory will come.
 */
#include <quire/mm.h>
#include <quire/vmstat.h>

#include "kernel/oom.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "port/x86_64/ptrace.h"
#include "port/x86_64/upcalls.h"

/* Intel SDM volume 3A, 4.7: the page-fault error code. */
#define PF_ERR_WRITE	(1UL << 1)
#define PF_ERR_USER	(1UL << 2)
#define PF_ERR_FETCH	(1UL << 4)
#define TRAP_PAGE_FAULT 14

static unsigned int fault_flags(unsigned long error_code)
{
	unsigned int flags = 0;

	if (error_code & PF_ERR_WRITE)
		flags |= FAULT_FLAG_WRITE;
	if (error_code & PF_ERR_FETCH)
		flags |= FAULT_FLAG_INSTRUCTION;
	if (error_code & PF_ERR_USER)
		flags |= FAULT_FLAG_USER;
	return flags;
}

static void note_trap(unsigned int nr, unsigned long error_code,
		      unsigned long addr)
{
	current->trap_nr = nr;
	current->trap_error_code = error_code;
	current->trap_cr2 = addr;
}

static bool fail_user(unsigned long addr, unsigned long error_code, int sig,
		      int si_code)
{
	note_trap(TRAP_PAGE_FAULT, error_code, addr);
	force_sig_fault(sig, si_code, addr);
	return false;
}

bool kernel_page_fault(struct pt_regs *regs, unsigned long addr,
		       unsigned long error_code)
{
	struct mm_struct *mm = current->mm;
	bool user = user_mode(regs);
	int si_code = SEGV_MAPERR;
	vm_fault_t ret;

	if (unlikely(!mm || addr >= TASK_SIZE)) {
		if (!user)
			return false;
		return fail_user(addr, error_code, SIGSEGV, SEGV_MAPERR);
	}
	ret = mm_fault(mm, addr, fault_flags(error_code), &si_code);
	if (likely(!(ret & VM_FAULT_ERROR))) {
		if (ret & VM_FAULT_MAJOR)
			current->maj_flt++;
		else
			current->min_flt++;
		return true;
	}
	if (!user)
		return false;
	if (ret & VM_FAULT_OOM) {
		oom_wait_or_die();
		return true;
	}
	return fail_user(addr, error_code,
			 (ret & VM_FAULT_SIGBUS) ? SIGBUS : SIGSEGV, si_code);
}

void kernel_user_trap(struct pt_regs *regs, int sig, int si_code,
		      unsigned long addr, unsigned int trapnr)
{
	(void)regs;
	note_trap(trapnr, 0, current->trap_cr2);
	force_sig_fault(sig, si_code, addr);
}
