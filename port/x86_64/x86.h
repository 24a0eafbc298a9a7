/* SPDX-License-Identifier: MIT */
/*
 * x86.h - what the files of this folder share among themselves.
 */
#ifndef PORT_X86_64_X86_H
#define PORT_X86_64_X86_H

#include <quire/port.h>
#include <quire/types.h>

#include <arch.h>

#include "port/x86_64/machine.h"
#include "port/x86_64/ptrace.h"
#include "port/x86_64/srat.h"
#include "port/x86_64/thread.h"
#include "port/x86_64/upcalls.h"

/* ---- instructions ---- */

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	__asm__ __volatile__("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (u64)hi << 32 | lo;
}

static inline void wrmsr(u32 msr, u64 value)
{
	__asm__ __volatile__("wrmsr"
			     :
			     : "c"(msr), "a"((u32)value),
			       "d"((u32)(value >> 32))
			     : "memory");
}

#define MSR_EFER	   0xc0000080U
#define MSR_STAR	   0xc0000081U
#define MSR_LSTAR	   0xc0000082U
#define MSR_CSTAR	   0xc0000083U
#define MSR_SYSCALL_MASK   0xc0000084U
#define MSR_FS_BASE	   0xc0000100U
#define MSR_GS_BASE	   0xc0000101U
#define MSR_KERNEL_GS_BASE 0xc0000102U
#define MSR_APIC_BASE	   0x1bU
#define MSR_PAT		   0x277U

struct cpuid_regs {
	u32 a, b, c, d;
};

static inline struct cpuid_regs cpuid(u32 leaf, u32 subleaf)
{
	struct cpuid_regs r;

	__asm__ __volatile__("cpuid"
			     : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
			     : "a"(leaf), "c"(subleaf));
	return r;
}

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	__asm__ __volatile__("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (u64)hi << 32 | lo;
}

static inline unsigned long read_cr2(void)
{
	unsigned long v;

	__asm__ __volatile__("movq %%cr2, %0" : "=r"(v));
	return v;
}

static inline unsigned long read_cr3(void)
{
	unsigned long v;

	__asm__ __volatile__("movq %%cr3, %0" : "=r"(v) : : "memory");
	return v;
}

static inline void write_cr3(unsigned long v)
{
	__asm__ __volatile__("movq %0, %%cr3" : : "r"(v) : "memory");
}

static inline unsigned long read_cr4(void)
{
	unsigned long v;

	__asm__ __volatile__("movq %%cr4, %0" : "=r"(v));
	return v;
}

static inline void write_cr4(unsigned long v)
{
	__asm__ __volatile__("movq %0, %%cr4" : : "r"(v) : "memory");
}

#define X86_CR4_MCE	   (1UL << 6)
#define X86_CR4_PGE	   (1UL << 7)
#define X86_CR4_OSFXSR	   (1UL << 9)
#define X86_CR4_OSXMMEXCPT (1UL << 10)
#define X86_CR4_UMIP	   (1UL << 11)
#define X86_CR4_OSXSAVE	   (1UL << 18)
#define X86_CR4_SMEP	   (1UL << 20)
#define X86_CR4_SMAP	   (1UL << 21)
#define X86_FLAGS_TF	   (1UL << 8)
#define X86_FLAGS_AC	   (1UL << 18)
#define X86_FLAGS_FIXED	   (1UL << 1)

/* Bits of a page fault's error code. */
#define X86_PF_PROT  0x01UL
#define X86_PF_WRITE 0x02UL
#define X86_PF_USER  0x04UL
#define X86_PF_INSTR 0x10UL

/* ---- linker's symbols ---- */

extern char __image_start[], __image_end[], __text_start[], __text_end[];
extern char __rodata_start[], __rodata_end[], __data_start[], __data_end[],
	__bss_start[], __bss_end[];

/* Physical address of something in the kernel's image. */
static inline phys_addr_t image_pa(const void *va)
{
	return (uintptr_t)va - KERNEL_IMAGE_BASE;
}

/* ---- a processor in full: arch.h's words, then what only we need ---- */

/* Task state: only the stacks matter in long mode. */
struct x86_tss {
	u32 reserved0;
	u64 sp[3];
	u64 reserved1;
	u64 ist[7]; /* ist[0] is IST1 */
	u64 reserved2;
	u16 reserved3;
	u16 iomap_base;
} __attribute__((packed));

enum { IST_DOUBLE_FAULT = 1, IST_NMI, IST_MACHINE_CHECK, NR_ISTS };
#define IST_STACK_SIZE 4096UL

struct x86_tlb_request {
	struct mm_struct *mm; /* NULL: the kernel's range */
	unsigned long start, end;
	bool all;
	u32 nr_waiting; /* processors that have not answered */
};

struct x86_processor {
	struct x86_cpu hot; /* first: GS points here */
	u32 apic_id;
	bool online;
	bool lazy_mm; /* a kernel thread runs on loaded_mm's tables */
	struct mm_struct *loaded_mm; /* whose tables CR3 has; NULL: init_pgd */
	struct arch_thread *fpu_owner;	    /* whose state the registers hold */
	u64 next_tick_ns, deadline_ns;	    /* U64_MAX: none */
	struct x86_tlb_request tlb_request; /* ours to others */
	u64 tlb_from; /* processors whose requests we have to serve; atomic */
	unsigned long irq_counts[NR_X86_IRQ_KINDS];
	u64 gdt[10];
	struct x86_tss tss;
	unsigned long ist_stacks; /* lowest address of NR_ISTS - 1 stacks */
};

static inline struct x86_processor *processor(unsigned int cpu)
{
	return (struct x86_processor *)x86_cpus[cpu];
}

static inline struct x86_processor *this_processor(void)
{
	return x86_gs_read(struct x86_processor *, XC_SELF);
}

extern struct x86_processor x86_boot_processor;
extern unsigned int x86_nr_possible;

/* ---- cpu.c ---- */
/* GDT, TSS, IDT, GS, system-call registers, control bits of this CPU. */
void cpu_init_self(struct x86_processor *p);
/* The boot processor before anything else: faults get reported from here. */
void cpu_init_boot(void);
void cpu_prepare(struct x86_processor *p, unsigned int cpu, u32 apic_id,
		 unsigned long ist_stacks);
void cpu_set_kernel_stack(struct x86_processor *p, unsigned long stack_top);
void idt_init(void);

/* ---- cpuinfo.c ---- */
enum x86_feature {
	X86_FEATURE_NX,
	X86_FEATURE_PGE,
	X86_FEATURE_MCE,
	X86_FEATURE_GBPAGES,
	X86_FEATURE_SMEP,
	X86_FEATURE_SMAP,
	X86_FEATURE_UMIP,
	X86_FEATURE_FXSR,
	X86_FEATURE_XSAVE,
	X86_FEATURE_XSAVEOPT,
	X86_FEATURE_RDRAND,
	X86_FEATURE_RDSEED,
	NR_X86_FEATURES
};
void cpuinfo_init(void);
bool cpu_has(enum x86_feature feature);

/* ---- pagetable.c ---- */
struct boot_map;
void pagetable_init(const struct boot_map *map);
/* Make [pa, pa + size) readable at __va(pa), until pagetable_seal(). */
void pagetable_map_direct(phys_addr_t pa, size_t size);
/* No more early tables; the frames they took are [start, end). */
void pagetable_seal(phys_addr_t *start, phys_addr_t *end);
/* A page of device registers at a fixed address. */
enum fixmap_slot {
	FIXMAP_LAPIC,
	FIXMAP_POWER,
	FIXMAP_IOAPIC_0,
	FIXMAP_IOAPIC_LAST = FIXMAP_IOAPIC_0 + 7,
	NR_FIXMAP_SLOTS
};
volatile void *fixmap_device(enum fixmap_slot slot, phys_addr_t pa);
void pagetable_copy_kernel(void *pgd);
void pagetable_map_page_array(void *addr, phys_addr_t pa, size_t size,
			      void *(*new_table)(void));

/* ---- start.c: the loader's view of memory ---- */
#define BOOT_MAP_MAX 128
struct boot_range {
	phys_addr_t start, end;
	u32 type; /* E820's: 1 RAM, 3 ACPI tables, 4 ACPI NVS, else reserved */
};
#define E820_RAM      1U
#define E820_ACPI     3U
#define E820_NVS      4U
#define E820_UNUSABLE 5U
struct boot_map {
	struct boot_range ranges[BOOT_MAP_MAX];
	unsigned int nr_ranges;
	/* Taken already: the image, the initrd, what the loader passed. */
	struct boot_range taken[16];
	unsigned int nr_taken;
};

/* ---- iomem.c ---- */
/* Boot processor.  The name is copied; what finds no room is not shown. */
void iomem_add(phys_addr_t start, u64 size_bytes, const char *name);

/* ---- acpi.c ---- */
#define ACPI_MAX_IOAPICS 8
struct acpi_info {
	bool has_madt, has_fadt, reduced_hw;
	phys_addr_t lapic_pa;
	unsigned int nr_cpus;
	u8 apic_ids[NR_CPUS];
	unsigned int nr_ioapics;
	struct {
		phys_addr_t pa;
		u32 gsi_base;
	} ioapics[ACPI_MAX_IOAPICS];
	struct {
		u32 gsi;
		u16 flags;
	} isa[16]; /* where each ISA interrupt arrives */
	u16 pm_timer_port, pm1a_port, pm1b_port;
	bool pm_timer_32bit;
	phys_addr_t dsdt_pa;
	u8 s5_type;		      /* SLP_TYP of power off */
	phys_addr_t sleep_control_pa; /* hardware-reduced */
	bool sleep_control_is_io;
	bool has_reset_reg, reset_is_io;
	phys_addr_t reset_pa;
	u8 reset_value;
	struct numa_map numa;
};
extern struct acpi_info acpi;
void acpi_init(phys_addr_t rsdp_pa);
void acpi_report(void); /* what was refused, when there is a log */

/* ---- apic.c ---- */
void lapic_init(void);	      /* boot processor: map, then enable */
void lapic_enable_self(void); /* each processor */
void lapic_eoi(void);
u32 lapic_id(void);
void lapic_send_ipi(unsigned int cpu, unsigned int vector);
void lapic_send_nmi_others(void);
void lapic_start_secondary(u32 apic_id);
void lapic_timer_start(u32 count); /* one shot; 0 stops */
u32 lapic_timer_count(void);

#define VECTOR_DEVICE_FIRST 0x30
#define VECTOR_DEVICE_LAST  0xdf
#define VECTOR_TIMER	    0xe0
#define VECTOR_RESCHED	    0xe1
#define VECTOR_TLB	    0xe2
#define VECTOR_SPURIOUS	    0xff

/* ---- irq.c ---- */
void irq_init(void);
void x86_interrupt(struct pt_regs *regs, unsigned int vector);

/* ---- time.c ---- */
void time_early_init(void); /* the clock starts */
void time_calibrate_begin(void);
void time_calibrate_end(void);
void time_init_self(void); /* this processor's ticks */
void time_interrupt(struct pt_regs *regs);
/* Busy-wait. */
void time_delay_ns(u64 ns);

/* ---- tlb.c ---- */
void tlb_flush_range(struct mm_struct *mm, unsigned long start,
		     unsigned long end, bool freed_tables);
void tlb_interrupt(void);

/* ---- fpu.c ---- */
void fpu_init_self(void);
void fpu_init_late(void); /* after mm_init() */
void fpu_switch(struct arch_thread *prev, struct arch_thread *next);

/* ---- power.c ---- */
/* What a panic ends with: debug exit, then as panic= says. */
void power_after_panic(void) __noreturn;

/* ---- trap.c, oops.c ---- */
void x86_trap(struct pt_regs *regs, unsigned int vector);
void x86_page_fault(struct pt_regs *regs);
#if CONFIG_SELFTEST
/* Page faults in kernel mode so far, on all processors. */
u64 x86_nr_kernel_faults(void);
#endif
void x86_paranoid_trap(struct pt_regs *regs, unsigned int vector);
struct pt_regs *x86_bad_iret(struct pt_regs *regs, unsigned int vector);
void oops(struct pt_regs *regs, const char *what,
	  unsigned long error_code) __noreturn;
void x86_panic(const char *text) __noreturn;
bool x86_is_panicking(void);

/* ---- uaccess.c ---- */
void uaccess_init(void);
bool fixup_exception(struct pt_regs *regs);
int x86_probe_read(unsigned long addr, u64 *to);

/* ---- console.c, cmdline.c, random.c, power.c ---- */
void console_init(void);
void console_init_late(void);
void console_log(const char *text, size_t len);
void console_emergency(void); /* from now on everything is shown */
void cmdline_init(const char *text);
const char *cmdline_text(void);
u64 random_u64(void);
void random_init(void);

/* ---- smp.c ---- */
void smp_init(void);
void x86_secondary_start(struct x86_processor *p) __noreturn;

/* ---- crash.c: the self-test kernel's crash= ---- */
void crash_if_asked(void);

/* ---- port.c ---- */
extern struct port_ops x86_port_ops;

/* ---- entry.S, boot.S ---- */
extern char x86_vector_stubs[], page_fault[], entry_syscall[];
extern char entry_syscall32[], x86_iret_to_user[], x86_thread_entry[];
extern char x86_boot_stack[], x86_boot_guard[];
extern char x86_trampoline[], x86_trampoline_end[];
void x86_switch_stacks(struct arch_thread *prev, struct arch_thread *next);
/* The entry from boot.S. */
void x86_start(phys_addr_t start_info_pa) __noreturn;

#endif
