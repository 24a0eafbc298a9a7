/* SPDX-License-Identifier: MIT */
/*
 * cpu.c - sets a processor up: segments, stacks for faults, vectors, registers.
 *
 * 1. Each processor has a struct x86_processor, which GS points to.  The boot
 *    processor's is static, so that faults are reported from the first
 *    instructions of C on; the others' are allocated (smp.c).
 * 2. Stacks.  User mode enters on the thread's kernel stack (TSS sp0, and
 *    XC_KERNEL_SP for system calls, which do not look at the TSS).  Double
 *    faults, NMIs and machine checks have stacks of their own (IST): they may
 *    come when the stack pointer is no good.
 * 3. The GDT is laid out for SYSCALL and SYSRET, which compute selectors:
 *
 *	0x08 kernel 32  0x10 kernel 64  0x18 kernel data
 *	0x20 user 32    0x28 user data  0x30 user 64      0x40 TSS (16 bytes)
 *
 * Sources: Intel SDM volume 3A chapters 3, 5.8.8, 6.14, 7.7.
 */
#include <quire/errno.h>
#include <quire/percpu.h>
#include <quire/string.h>

#include "port/x86_64/x86.h"

struct x86_processor x86_boot_processor;
static struct arch_thread boot_thread;
static u8 boot_ist_stacks[(NR_ISTS - 1) * IST_STACK_SIZE] __aligned_to(16);

struct x86_cpu *x86_cpus[NR_CPUS] = {&x86_boot_processor.hot};
unsigned long x86_percpu_offsets[NR_CPUS];
unsigned int x86_nr_possible = 1;
bool x86_has_gib_pages;

/*
 * The memory types that an entry's PAT, PCD and PWT bits choose, from 000 up:
 * WB WC UC- UC, WB WP UC- WT.  The reset values, but for WC instead of WT and
 * WP in the upper half: nothing that was mapped before changes.
 */
#define PAT_TYPES 0x0407050600070106UL

#define CHECK_OFFSET(type, member, offset) \
	_Static_assert(offsetof(type, member) == (offset), #member)
CHECK_OFFSET(struct x86_cpu, self, XC_SELF);
CHECK_OFFSET(struct x86_cpu, percpu_offset, XC_PERCPU_OFFSET);
CHECK_OFFSET(struct x86_cpu, current_thread, XC_CURRENT);
CHECK_OFFSET(struct x86_cpu, kernel_sp, XC_KERNEL_SP);
CHECK_OFFSET(struct x86_cpu, user_sp, XC_USER_SP);
CHECK_OFFSET(struct x86_cpu, cpu, XC_CPU);
CHECK_OFFSET(struct x86_cpu, preempt_count, XC_PREEMPT_COUNT);
CHECK_OFFSET(struct x86_cpu, irq_depth, XC_IRQ_DEPTH);
CHECK_OFFSET(struct x86_cpu, work, XC_WORK);
CHECK_OFFSET(struct x86_cpu, task_slot, XC_TASK_SLOT);
CHECK_OFFSET(struct arch_thread, sp, TH_SP);
CHECK_OFFSET(struct pt_regs, r15, PT_R15);
CHECK_OFFSET(struct pt_regs, bp, PT_BP);
CHECK_OFFSET(struct pt_regs, r11, PT_R11);
CHECK_OFFSET(struct pt_regs, cx, PT_CX);
CHECK_OFFSET(struct pt_regs, orig_ax, PT_ORIG_AX);
CHECK_OFFSET(struct pt_regs, ip, PT_IP);
CHECK_OFFSET(struct pt_regs, cs, PT_CS);
CHECK_OFFSET(struct pt_regs, flags, PT_FLAGS);
CHECK_OFFSET(struct pt_regs, sp, PT_SP);
CHECK_OFFSET(struct pt_regs, ss, PT_SS);
_Static_assert(sizeof(struct pt_regs) == PT_SIZE, "frame of entry.S");
_Static_assert(PAGE_OFFSET == DIRECT_MAP_BASE, "one direct map");
_Static_assert(X86_BOOT_STACK_SIZE == KERNEL_STACK_SIZE, "one stack size");
_Static_assert(sizeof(struct x86_tss) == 104, "the processor's format");

struct idt_entry {
	u16 offset_low;
	u16 selector;
	u8 ist;
	u8 type; /* P DPL 0 1110: interrupt gate */
	u16 offset_mid;
	u32 offset_high;
	u32 reserved;
};

static struct idt_entry idt[256] __aligned_to(16);

struct descriptor_pointer {
	u16 limit;
	u64 base;
} __attribute__((packed));

static void set_gate(unsigned int vector, unsigned long entry, u8 ist, u8 dpl)
{
	idt[vector] = (struct idt_entry){
		.offset_low = (u16)entry,
		.selector = KERNEL_CS,
		.ist = ist,
		.type = (u8)(0x8e | dpl << 5),
		.offset_mid = (u16)(entry >> 16),
		.offset_high = (u32)(entry >> 32),
	};
}

void idt_init(void)
{
	for (unsigned int v = 0; v < 256; v++)
		set_gate(v, (uintptr_t)x86_vector_stubs + 16UL * v, 0, 0);
	set_gate(14, (uintptr_t)page_fault, 0, 0);
	/* int3 and into are for programs to use. */
	set_gate(3, (uintptr_t)x86_vector_stubs + 16 * 3, 0, 3);
	set_gate(4, (uintptr_t)x86_vector_stubs + 16 * 4, 0, 3);
	idt[2].ist = IST_NMI;
	idt[8].ist = IST_DOUBLE_FAULT;
	idt[18].ist = IST_MACHINE_CHECK;
}

void cpu_prepare(struct x86_processor *p, unsigned int cpu, u32 apic_id,
		 unsigned long ist_stacks)
{
	u64 tss = (uintptr_t)&p->tss;

	p->hot.self = &p->hot;
	p->hot.cpu = cpu;
	p->hot.task_slot = cpu + 1UL;
	p->hot.percpu_offset = x86_percpu_offsets[cpu];
	p->apic_id = apic_id;
	p->next_tick_ns = UINT64_MAX;
	p->deadline_ns = UINT64_MAX;
	p->ist_stacks = ist_stacks;
	for (unsigned int i = 1; i < NR_ISTS; i++)
		p->tss.ist[i - 1] = ist_stacks + i * IST_STACK_SIZE;
	p->tss.iomap_base = sizeof(p->tss); /* beyond the end: no ports */
	p->gdt[KERNEL32_CS / 8] = 0x00cf9b000000ffff;
	p->gdt[KERNEL_CS / 8] = 0x00af9b000000ffff;
	p->gdt[KERNEL_DS / 8] = 0x00cf93000000ffff;
	p->gdt[USER32_CS / 8] = 0x00cffb000000ffff;
	p->gdt[USER_DS / 8] = 0x00cff3000000ffff;
	p->gdt[USER_CS / 8] = 0x00affb000000ffff;
	/* limit, base in four pieces, present, available 64-bit TSS */
	p->gdt[TSS_SELECTOR / 8] = (sizeof(p->tss) - 1) |
				   (tss & 0xffffff) << 16 | 0x89ULL << 40 |
				   (tss >> 24 & 0xff) << 56;
	p->gdt[TSS_SELECTOR / 8 + 1] = tss >> 32;
}

static void load_descriptors(struct x86_processor *p)
{
	struct descriptor_pointer gdtr = {sizeof(p->gdt) - 1,
					  (uintptr_t)p->gdt};
	struct descriptor_pointer idtr = {sizeof(idt) - 1, (uintptr_t)idt};

	__asm__ __volatile__("lgdt %0" : : "m"(gdtr) : "memory");
	__asm__ __volatile__("pushq %0\n\t"
			     "leaq 1f(%%rip), %%rax\n\t"
			     "pushq %%rax\n\t"
			     "lretq\n"
			     "1:"
			     :
			     : "i"(KERNEL_CS)
			     : "rax", "memory");
	__asm__ __volatile__("movl %0, %%ds; movl %0, %%es; movl %0, %%ss\n\t"
			     "movl %1, %%fs; movl %1, %%gs"
			     :
			     : "r"(KERNEL_DS), "r"(0));
	__asm__ __volatile__("lidt %0" : : "m"(idtr) : "memory");
	__asm__ __volatile__("ltr %w0" : : "r"(TSS_SELECTOR) : "memory");
}

static void init_control_registers(void)
{
	unsigned long cr4 = read_cr4();

	if (cpu_has(X86_FEATURE_MCE))
		cr4 |= X86_CR4_MCE;
	if (cpu_has(X86_FEATURE_PGE))
		cr4 |= X86_CR4_PGE;
	if (cpu_has(X86_FEATURE_SMEP))
		cr4 |= X86_CR4_SMEP;
	if (cpu_has(X86_FEATURE_SMAP))
		cr4 |= X86_CR4_SMAP;
	if (cpu_has(X86_FEATURE_UMIP))
		cr4 |= X86_CR4_UMIP;
	if (cpu_has(X86_FEATURE_XSAVE))
		cr4 |= X86_CR4_OSXSAVE;
	write_cr4(cr4);
}

void cpu_init_self(struct x86_processor *p)
{
	load_descriptors(p);
	wrmsr(MSR_GS_BASE, (uintptr_t)p);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	wrmsr(MSR_FS_BASE, 0);
	/* SYSRET adds 16 and 8 to its base for CS and SS. */
	wrmsr(MSR_STAR, (u64)USER32_CS << 48 | (u64)KERNEL_CS << 32);
	wrmsr(MSR_LSTAR, (uintptr_t)entry_syscall);
	wrmsr(MSR_CSTAR, (uintptr_t)entry_syscall32);
	/* AC NT IOPL OF DF IF TF SF ZF AF PF CF */
	wrmsr(MSR_SYSCALL_MASK, 0x47fd5);
	wrmsr(MSR_PAT, PAT_TYPES);
	init_control_registers();
	fpu_init_self();
}

void cpu_set_kernel_stack(struct x86_processor *p, unsigned long stack_top)
{
	p->hot.kernel_sp = stack_top;
	p->tss.sp[0] = stack_top;
}

unsigned long x86_boot_stack_top(void)
{
	return (uintptr_t)x86_boot_stack + X86_BOOT_STACK_SIZE;
}

void cpu_init_boot(void)
{
	struct x86_processor *p = &x86_boot_processor;

	cpuinfo_init();
	x86_has_gib_pages = cpu_has(X86_FEATURE_GBPAGES);
	idt_init();
	cpu_prepare(p, 0, 0, (uintptr_t)boot_ist_stacks);
	p->hot.current_thread = &boot_thread;
	boot_thread.stack_top = x86_boot_stack_top();
	cpu_set_kernel_stack(p, x86_boot_stack_top());
	cpu_init_self(p);
	p->online = true;
}

unsigned int x86_nr_cpus(void)
{
	return x86_nr_possible;
}

bool x86_cpu_online(unsigned int cpu)
{
	return cpu < x86_nr_possible && x86_cpus[cpu] &&
	       READ_ONCE(processor(cpu)->online);
}

void x86_set_work(unsigned int cpu)
{
	__atomic_store_n(&x86_cpus[cpu]->work, 1, __ATOMIC_SEQ_CST);
}

void x86_clear_work(void)
{
	__asm__ __volatile__("movl $0, %%gs:%c0" : : "i"(XC_WORK) : "memory");
}

unsigned long x86_irq_count(unsigned int cpu, enum x86_irq_kind kind)
{
	return x86_cpu_online(cpu) ? READ_ONCE(processor(cpu)->irq_counts[kind])
				   : 0;
}
