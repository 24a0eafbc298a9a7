/* SPDX-License-Identifier: MIT */
/*
 * upcalls.h - what the port calls in the kernel above it.  The kernel defines
 * all of these; there is no other way up.
 */
#ifndef PORT_X86_64_UPCALLS_H
#define PORT_X86_64_UPCALLS_H

#include <quire/types.h>

struct pt_regs;

/* What the boot loader left, found by the port; valid for ever. */
struct x86_boot_info {
	const char *cmdline;
	const void *initrd; /* direct map; NULL: none */
	size_t initrd_size;
	u64 start_ns; /* port->time_ns() at entry */
};

/* Boot CPU, after mm_init(); interrupts off; on its idle stack. */
void kernel_main(const struct x86_boot_info *info) __noreturn;
/* Each further CPU, when its per-CPU data, GDT, IDT and APIC work. */
void kernel_secondary_main(unsigned int cpu) __noreturn;

/*
 * A new thread's first step, on its own stack, interrupts off: finish the
 * switch that led to it (unlock the run queue).  Interrupts go on after it.
 */
void kernel_thread_started(void);

/* A system call: regs->orig_ax is its number; sets regs->ax. Interrupts on. */
void kernel_syscall(struct pt_regs *regs);

/*
 * A page fault with interrupts on again.  write/exec/user from the error
 * code.  From user mode: resolve it or make a signal pending.  From the
 * kernel at a user address: true if it was resolved and the access is to be
 * tried again; false: the port uses the fix-up table, or else oopses.
 */
bool kernel_page_fault(struct pt_regs *regs, unsigned long addr,
		       unsigned long error_code);

/* Any other exception of user code: make the signal pending. */
void kernel_user_trap(struct pt_regs *regs, int sig, int si_code,
		      unsigned long addr, unsigned int trapnr);

/* 100 (HZ) times a second on each CPU, interrupts off. */
void kernel_timer_tick(struct pt_regs *regs);

/* The deadline of x86_timer_program() has passed; interrupts off. */
void kernel_timer_expired(void);

/* Another CPU asked this one to look at its run queue; interrupts off. */
void kernel_resched_ipi(void);

/*
 * Before going back to user mode while this CPU's work flag is set
 * (x86_set_work()); interrupts off on entry and exit; may schedule and
 * deliver signals by changing regs.
 */
void kernel_exit_work(struct pt_regs *regs);

#endif
