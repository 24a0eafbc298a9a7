/* SPDX-License-Identifier: MIT */
/*
 * trap.c - exceptions: signals for programs, fix-ups or reports for the kernel.
 *
 * A fault of the kernel itself goes this way:
 *
 *	page fault at a user address, from code that may sleep, inside an
 *	opened access (SMAP: AC is set) --> kernel_page_fault(): resolved?
 *	else the instruction is in the exception table --> goes on there
 *	else --> oops
 *
 * So a wild pointer of the kernel's never reaches the program's pages: with
 * SMAP an access outside usercopy.S is a bug by definition.
 *
 * Sources: Intel SDM volume 3A, chapter 6; sigaction(2) for the codes.
 */
#include <quire/printk.h>

#include "port/x86_64/x86.h"

#define SIGILL	   4
#define SIGTRAP	   5
#define SIGBUS	   7
#define SIGFPE	   8
#define SIGSEGV	   11

#define SI_KERNEL  0x80
#define ILL_ILLOPN 2
#define FPE_INTDIV 1
#define FPE_FLTDIV 3
#define FPE_FLTOVF 4
#define FPE_FLTUND 5
#define FPE_FLTRES 6
#define FPE_FLTINV 7
#define TRAP_TRACE 2
#define BUS_ADRALN 1

#define VECTOR_MF  16
#define VECTOR_XM  19

static const char *const exception_names[32] = {
	[0] = "divide error",
	[1] = "debug trap",
	[2] = "NMI",
	[3] = "breakpoint",
	[4] = "overflow",
	[5] = "bound range exceeded",
	[6] = "invalid opcode",
	[7] = "device not available",
	[8] = "double fault",
	[10] = "invalid TSS",
	[11] = "segment not present",
	[12] = "stack segment fault",
	[13] = "general protection fault",
	[14] = "page fault",
	[16] = "x87 error",
	[17] = "alignment check",
	[18] = "machine check",
	[19] = "SIMD error",
};

static const struct {
	u8 signal;
	u8 code;
	bool addr_is_ip;
} user_traps[32] = {
	[0] = {SIGFPE, FPE_INTDIV, true},   [1] = {SIGTRAP, TRAP_TRACE, true},
	[3] = {SIGTRAP, SI_KERNEL, false},  [4] = {SIGSEGV, SI_KERNEL, false},
	[5] = {SIGSEGV, SI_KERNEL, false},  [6] = {SIGILL, ILL_ILLOPN, true},
	[10] = {SIGSEGV, SI_KERNEL, false}, [11] = {SIGBUS, SI_KERNEL, false},
	[12] = {SIGBUS, SI_KERNEL, false},  [13] = {SIGSEGV, SI_KERNEL, false},
	[VECTOR_MF] = {SIGFPE, 0, true},    [17] = {SIGBUS, BUS_ADRALN, false},
	[VECTOR_XM] = {SIGFPE, 0, true},
};

/* Is this the page below the current thread's kernel stack? */
static bool in_stack_guard(unsigned long addr)
{
	unsigned long bottom =
		x86_current_thread()->stack_top - KERNEL_STACK_SIZE;

	return addr < bottom && addr >= bottom - PAGE_SIZE;
}

static const char *exception_name(unsigned int vector)
{
	const char *name = vector < 32 ? exception_names[vector] : NULL;

	return name ? name : "unknown exception";
}

/* Which unmasked floating-point exception it was; registers are the user's. */
static int fpe_code(unsigned int vector)
{
	u32 pending;

	if (vector == VECTOR_MF) {
		u16 cw, sw;

		__asm__ __volatile__("fnstcw %0; fnstsw %1"
				     : "=m"(cw), "=m"(sw));
		pending = sw & ~cw;
	} else {
		u32 mxcsr;

		__asm__ __volatile__("stmxcsr %0" : "=m"(mxcsr));
		pending = mxcsr & ~(mxcsr >> 7);
	}
	if (pending & 0x01)
		return FPE_FLTINV;
	if (pending & 0x04)
		return FPE_FLTDIV;
	if (pending & 0x08)
		return FPE_FLTOVF;
	if (pending & 0x12)
		return FPE_FLTUND;
	return pending & 0x20 ? FPE_FLTRES : 0;
}

static void user_trap(struct pt_regs *regs, unsigned int vector)
{
	int signal = vector < 32 ? user_traps[vector].signal : 0;
	int code = signal ? user_traps[vector].code : 0;
	unsigned long addr = 0;

	if (!signal) { /* nothing a program can cause */
		oops(regs, exception_name(vector), 0);
	}
	if (vector == VECTOR_MF || vector == VECTOR_XM)
		code = fpe_code(vector);
	if (user_traps[vector].addr_is_ip)
		addr = regs->ip;
	if (vector == 1) { /* one step was asked for, and made */
		unsigned long dr6 = 0xffff0ff0;

		__asm__ __volatile__("movq %0, %%db6" : : "r"(dr6));
	}
	local_irq_enable();
	kernel_user_trap(regs, signal, code, addr, vector);
}

void x86_trap(struct pt_regs *regs, unsigned int vector)
{
	unsigned long error_code = regs->orig_ax;

	regs->orig_ax = -1UL;
	if (user_mode(regs))
		user_trap(regs, vector);
	else if (!fixup_exception(regs))
		oops(regs, exception_name(vector), error_code);
}

/* May a fault of the kernel at this address be resolved by sleeping? */
static bool kernel_access_ok(const struct pt_regs *regs, unsigned long addr,
			     unsigned long error_code)
{
	if (addr >= TASK_SIZE || error_code & X86_PF_INSTR)
		return false;
	if (!(regs->flags & X86_FLAGS_IF) || preempt_count() || in_interrupt())
		return false;
	return !cpu_has(X86_FEATURE_SMAP) || regs->flags & X86_FLAGS_AC;
}

#if CONFIG_SELFTEST
static u64 nr_kernel_faults;

u64 x86_nr_kernel_faults(void)
{
	return __atomic_load_n(&nr_kernel_faults, __ATOMIC_RELAXED);
}
#endif

/* A test may ask how many there were. */
static void count_kernel_fault(void)
{
#if CONFIG_SELFTEST
	__atomic_fetch_add(&nr_kernel_faults, 1, __ATOMIC_RELAXED);
#endif
}

void x86_page_fault(struct pt_regs *regs)
{
	unsigned long addr = read_cr2();
	unsigned long error_code = regs->orig_ax;
	bool done;

	regs->orig_ax = -1UL;
	if (likely(user_mode(regs))) {
		local_irq_enable();
		kernel_page_fault(regs, addr, error_code);
		return;
	}
	count_kernel_fault();
	if (kernel_access_ok(regs, addr, error_code)) {
		local_irq_enable();
		done = kernel_page_fault(regs, addr, error_code);
		local_irq_disable();
		if (done)
			return;
	}
	if (fixup_exception(regs))
		return;
	oops(regs,
	     in_stack_guard(addr) ? "kernel stack overflow"
				  : exception_name(14),
	     error_code);
}

/*
 * iretq could not load what the program's frame says.  The registers are the
 * program's again, but for the five words of that frame, to which sp points:
 * put them together at the top of the stack and trap there.
 */
struct pt_regs *x86_bad_iret(struct pt_regs *regs, unsigned int vector)
{
	struct pt_regs *user = task_pt_regs(x86_current_thread()->stack_top);
	struct pt_regs copy = *regs;
	const unsigned long *frame = (const unsigned long *)regs->sp;

	copy.orig_ax = -1UL;
	copy.ip = frame[0];
	copy.cs = frame[1];
	copy.flags = frame[2];
	copy.sp = frame[3];
	copy.ss = frame[4];
	*user = copy;
	/* Whatever was asked for, go on as a plain 64-bit program. */
	user->cs = USER_CS;
	user->ss = USER_DS;
	local_irq_enable();
	kernel_user_trap(user, vector == 12 ? SIGBUS : SIGSEGV, SI_KERNEL, 0,
			 vector);
	return user;
}

/* The usual cause: no room on the stack for the frame of a page fault. */
static void double_fault(struct pt_regs *regs)
{
	oops(regs,
	     in_stack_guard(regs->sp - 8) || in_stack_guard(read_cr2())
		     ? "kernel stack overflow"
		     : exception_name(8),
	     0);
}

/* On a stack of its own; nothing here may sleep or fault. */
void x86_paranoid_trap(struct pt_regs *regs, unsigned int vector)
{
	switch (vector) {
	case 2:
		if (x86_is_panicking())
			for (;;)
				__asm__ __volatile__("cli; hlt");
		this_processor()->irq_counts[X86_IRQ_NMI]++;
		break;
	case 8:
		double_fault(regs);
		break;
	default:
		oops(regs, exception_name(vector), regs->orig_ax);
	}
}
