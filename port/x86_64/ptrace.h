/* SPDX-License-Identifier: MIT */
/*
 * ptrace.h - the registers of an interrupted program, as entry.S saves them.
 * The order is the ABI's struct user_regs_struct (sys/user.h) up to ss.
 */
#ifndef PORT_X86_64_PTRACE_H
#define PORT_X86_64_PTRACE_H

struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx;
	unsigned long r11, r10, r9, r8, ax, cx, dx, si, di;
	unsigned long orig_ax; /* system-call number, or error code */
	unsigned long ip, cs, flags, sp, ss;
};

#define user_mode(regs) (((regs)->cs & 3) == 3)

#endif
