/* SPDX-License-Identifier: MIT */
/*
 * asm_offsets.h - numbers that C and the assembler sources share.
 *
 * Offsets into struct x86_cpu (arch.h), struct arch_thread (thread.h) and
 * struct pt_regs (ptrace.h); cpu.c checks each with a static assertion.
 */
#ifndef PORT_X86_64_ASM_OFFSETS_H
#define PORT_X86_64_ASM_OFFSETS_H

/* struct x86_cpu, reached through GS while in the kernel */
#define XC_SELF		 0
#define XC_PERCPU_OFFSET 8
#define XC_CURRENT	 16 /* struct arch_thread * */
#define XC_KERNEL_SP	 24 /* top of the current kernel stack */
#define XC_USER_SP	 32 /* scratch of the system-call entry */
#define XC_CPU		 40 /* u32: processor number */
#define XC_PREEMPT_COUNT 44 /* u32 */
#define XC_IRQ_DEPTH	 48 /* u32: > 0 in an interrupt handler */
#define XC_WORK		 52 /* u32: look before going to user mode */
#define XC_TASK_SLOT	 56 /* u64: 0 in an interrupt, else number + 1 */

/* struct arch_thread */
#define TH_SP 0

/* struct pt_regs */
#define PT_R15	   0
#define PT_R14	   8
#define PT_R13	   16
#define PT_R12	   24
#define PT_BP	   32
#define PT_BX	   40
#define PT_R11	   48
#define PT_R10	   56
#define PT_R9	   64
#define PT_R8	   72
#define PT_AX	   80
#define PT_CX	   88
#define PT_DX	   96
#define PT_SI	   104
#define PT_DI	   112
#define PT_ORIG_AX 120
#define PT_IP	   128
#define PT_CS	   136
#define PT_FLAGS   144
#define PT_SP	   152
#define PT_SS	   160
#define PT_SIZE	   168

/* Segment selectors: Linux's, which debuggers and signal frames show. */
#define KERNEL32_CS  0x08
#define KERNEL_CS    0x10
#define KERNEL_DS    0x18
#define USER32_CS    0x23
#define USER_DS	     0x2b
#define USER_CS	     0x33
#define TSS_SELECTOR 0x40

/* The kernel's addresses; the drawing is in pagetable.c. */
#define DIRECT_MAP_BASE	    0xffff888000000000
#define KERNEL_IMAGE_BASE   0xffffffff80000000
#define KERNEL_IMAGE_LIMIT  0x400000 /* first byte above, physical */
#define X86_BOOT_STACK_SIZE 16384
#define TRAMPOLINE_PA	    0x8000 /* where other CPUs start */

#endif
