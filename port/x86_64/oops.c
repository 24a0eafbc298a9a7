/* SPDX-License-Identifier: MIT */
/*
 * oops.c - the kernel's last words: registers, callers by name, and out.
 *
 * Everything here works with what is left: no locks, no allocation, memory is
 * read by x86_probe_read(), which survives bad addresses.  The first processor
 * to fail speaks; the others are stopped by NMI.  A fault while reporting ends
 * the machine at once.
 *
 * The table of function names is made by tools/ksyms.sh from the first link
 * and is absent (weak) in it.
 */
#include <quire/printk.h>
#include <quire/string.h>

#include "port/x86_64/x86.h"

#define MAX_CALLERS 32

extern const u32 ksyms_nr __attribute__((weak));
extern const u32 ksyms_addrs[] __attribute__((weak));
extern const u32 ksyms_offsets[] __attribute__((weak));
extern const char ksyms_names[] __attribute__((weak));

static struct {
	u32 panicking; /* processor + 1 of the one that reports */
} me;

bool x86_is_panicking(void)
{
	return READ_ONCE(me.panicking);
}

/* ---- symbols ---- */

const char *x86_symbol(unsigned long addr, unsigned long *offset)
{
	u32 key = (u32)(addr - KERNEL_IMAGE_BASE);
	u32 low = 0, high;

	if (!&ksyms_nr || addr < (uintptr_t)__text_start ||
	    addr >= (uintptr_t)__text_end)
		return NULL;
	high = ksyms_nr;
	while (high - low > 1) {
		u32 mid = low + (high - low) / 2;

		if (ksyms_addrs[mid] <= key)
			low = mid;
		else
			high = mid;
	}
	if (!ksyms_nr || ksyms_addrs[low] > key)
		return NULL;
	*offset = key - ksyms_addrs[low];
	return ksyms_names + ksyms_offsets[low];
}

/* ---- saying it ---- */

static void __printf(1, 2) say(const char *fmt, ...)
{
	char line[256];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vscnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	console_log(line, (size_t)len);
}

static void say_address(const char *what, unsigned long addr)
{
	unsigned long offset = 0;
	const char *name = x86_symbol(addr, &offset);

	if (name)
		say("%s%016lx %s+%#lx\n", what, addr, name, offset);
	else
		say("%s%016lx\n", what, addr);
}

/* Frames are linked through bp and lie ever higher on the stack. */
static void say_callers(unsigned long bp)
{
	for (int i = 0; i < MAX_CALLERS; i++) {
		u64 next, ret;

		if (bp < PAGE_OFFSET || bp & 7 || x86_probe_read(bp, &next) ||
		    x86_probe_read(bp + 8, &ret) || !ret)
			break;
		/* The call, not what follows it, which may be the next
		 * function. */
		say_address("  ", ret - 1);
		if (next <= bp)
			break;
		bp = next;
	}
}

/*
 * A function that calls none has no frame, so its caller is not in the chain;
 * its return address is the last thing on the stack, or nothing is.
 */
static void say_leaf_caller(const struct pt_regs *regs)
{
	unsigned long offset;
	u64 ret;

	if (regs->sp >= PAGE_OFFSET && !(regs->sp & 7) &&
	    !x86_probe_read(regs->sp, &ret) && x86_symbol(ret - 1, &offset))
		say_address("? ", ret - 1);
}

static void say_registers(const struct pt_regs *r, unsigned long error_code)
{
	say("CPU %u  error %#lx  CR2 %016lx  CR3 %016lx\n", smp_processor_id(),
	    error_code, read_cr2(), read_cr3());
	say("RIP %04lx:%016lx  RSP %04lx:%016lx  RFLAGS %08lx\n", r->cs, r->ip,
	    r->ss, r->sp, r->flags);
	say("RAX %016lx  RBX %016lx  RCX %016lx\n", r->ax, r->bx, r->cx);
	say("RDX %016lx  RSI %016lx  RDI %016lx\n", r->dx, r->si, r->di);
	say("RBP %016lx  R8  %016lx  R9  %016lx\n", r->bp, r->r8, r->r9);
	say("R10 %016lx  R11 %016lx  R12 %016lx\n", r->r10, r->r11, r->r12);
	say("R13 %016lx  R14 %016lx  R15 %016lx\n", r->r13, r->r14, r->r15);
}

void x86_dump_stack(void)
{
	say("Callers:\n");
	say_callers((uintptr_t)__builtin_frame_address(0));
}

/* ---- the end ---- */

/* Only the first to come here returns. */
static void begin_report(void)
{
	u32 self = smp_processor_id() + 1;
	u32 nobody = 0;

	local_irq_disable();
	if (!__atomic_compare_exchange_n(&me.panicking, &nobody, self, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		if (nobody == self) /* failed while reporting */
			power_after_panic();
		for (;;)
			__asm__ __volatile__("cli; hlt");
	}
	console_emergency();
	lapic_send_nmi_others();
}

void oops(struct pt_regs *regs, const char *what, unsigned long error_code)
{
	begin_report();
	say("\nKernel bug: %s\n", what);
	say_registers(regs, error_code);
	say_address("At ", regs->ip);
	if (!user_mode(regs)) {
		say("Callers:\n");
		say_leaf_caller(regs);
		say_callers(regs->bp);
	}
	say("Kernel panic: %s\n", what);
	power_after_panic();
}

void x86_panic(const char *text)
{
	begin_report();
	say("\nKernel panic: %s\n", text);
	say("CPU %u\n", smp_processor_id());
	x86_dump_stack();
	power_after_panic();
}
