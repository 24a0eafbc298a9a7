/* SPDX-License-Identifier: MIT */
/*
 * machine.h - the machine's services to the kernel above: time, interrupts,
 * processors, consoles, PCI, and the way out.
 *
 * "Any context" means also interrupt handlers and with any lock held.
 */
#ifndef PORT_X86_64_MACHINE_H
#define PORT_X86_64_MACHINE_H

#include <quire/types.h>

#include <arch.h>

struct arch_thread;
struct pt_regs;

/* ---- the scheduler's part of port_ops ---- */

/*
 * port->wait, ->wake and ->yield are the kernel's: until it registers them,
 * wait and yield return at once (there is one thread) and wake does nothing.
 * Called once, on the boot processor, before a second thread exists.
 */
struct x86_sched_ops {
	void (*wait)(const u32 *word, u32 expected);
	void (*wake)(const u32 *word, unsigned int nr);
	void (*yield)(void);
};
void x86_register_sched_ops(const struct x86_sched_ops *ops);

/* ---- processors ---- */

unsigned int x86_nr_cpus(void); /* possible: 1 .. NR_CPUS */
bool x86_cpu_online(unsigned int cpu);

/*
 * Start processor cpu on the idle thread's stack; it enters
 * kernel_secondary_main(cpu) with idle as its current thread.  Boot
 * processor, task context, once for each.  0, or -EIO if it never answered.
 */
int x86_start_cpu(unsigned int cpu, struct arch_thread *idle,
		  unsigned long stack_top);

/*
 * The work flag: while it is set, kernel_exit_work() runs before this
 * processor returns to user mode.  set: any processor, any context; a remote
 * one that runs user code sees it at its next entry: send a resched to hurry
 * it.  clear: this processor, interrupts off, from kernel_exit_work().
 */
void x86_set_work(unsigned int cpu);
void x86_clear_work(void);

/* Interrupt another processor: kernel_resched_ipi() runs there. */
void x86_send_resched(unsigned int cpu);

/*
 * Idle until an interrupt has been served.  Called with interrupts off after
 * testing that there is nothing to do; returns with them on.
 */
void x86_wait_for_interrupt(void);

/* ---- time ---- */

#define HZ 100

u64 x86_time_ns(void);		 /* since start, as port->time_ns */
u64 x86_start_realtime_ns(void); /* Unix time at x86_time_ns() == 0 */
/*
 * Call kernel_timer_expired() on this processor at deadline_ns of
 * x86_time_ns() or as soon after as can be; U64_MAX: not at all.  Replaces
 * this processor's earlier deadline.  Interrupts off.
 */
void x86_timer_program(u64 deadline_ns);
u64 x86_tsc_khz(void);

/* ---- the way out ---- */

/*
 * Power off.  Where QEMU has an isa-debug-exit device its process ends with
 * status (status << 1) | 1.  Any context.
 */
void x86_poweroff(unsigned int status) __noreturn;
void x86_reboot(void) __noreturn;
/* For ever, on all processors, interrupts off (LINUX_REBOOT_CMD_HALT). */
void x86_halt(void) __noreturn;

/*
 * ---- consoles ----
 *
 * The log goes to QEMU's debug port (0xe9), and to the serial port if
 * console=ttyS0 is on the command line and quiet is not.
 */

/* Write to the first serial port; any context; waits for the line. */
void x86_serial_write(const char *text, size_t len);
bool x86_serial_present(void);
/* Call rx for each byte that arrives, in interrupt context. */
int x86_serial_set_rx(void (*rx)(u8 byte));
/* ---- command line ---- */

/*
 * The value of the last name=value on the kernel's command line; "" if the
 * name stands alone; NULL if it is not there.  Valid for ever.
 */
const char *x86_cmdline_option(const char *name);
/* Word number n as written (quotes removed); NULL after the last. */
const char *x86_cmdline_word(unsigned int n);

/* ---- interrupts ---- */

typedef void (*x86_irq_handler)(void *arg); /* interrupt context */

/*
 * gsi: global system interrupt of the I/O APICs; ISA numbers below 16 are
 * mapped as ACPI says.  Runs on the boot processor.  0, -EBUSY, -ENODEV (no
 * such input), -ENOSPC (no vector left).
 */
int x86_register_irq(unsigned int gsi, x86_irq_handler handler, void *arg);
/* An edge interrupt by message: what the device must write, and where. */
int x86_register_msi(x86_irq_handler handler, void *arg, u64 *addr, u32 *data);

enum x86_irq_kind {
	X86_IRQ_TIMER,
	X86_IRQ_RESCHED,
	X86_IRQ_TLB,
	X86_IRQ_NMI,
	X86_IRQ_DEVICE,
	X86_IRQ_SPURIOUS,
	NR_X86_IRQ_KINDS
};
unsigned long x86_irq_count(unsigned int cpu, enum x86_irq_kind kind);

/* ---- PCI ---- */

struct x86_pci_dev {
	u8 bus, slot, func;
	u8 class_code, subclass;
	u8 irq_line;
	u16 vendor, device;
	struct {
		phys_addr_t addr; /* 0: none */
		u64 size_bytes;
		bool is_io;
	} bar[6];
};

u32 x86_pci_read(const struct x86_pci_dev *dev, unsigned int offset,
		 unsigned int size_bytes);
void x86_pci_write(const struct x86_pci_dev *dev, unsigned int offset,
		   unsigned int size_bytes, u32 value);
/* Offset of the n-th (from 0) capability of this id; 0: there is none. */
unsigned int x86_pci_capability(const struct x86_pci_dev *dev, u8 id,
				unsigned int n);
/*
 * Every device there is; bars without an address get one; memory decoding
 * and bus mastering are switched on.  fn non-zero stops with that value.
 * Task context, boot processor.
 */
int x86_pci_for_each(int (*fn)(const struct x86_pci_dev *dev, void *arg),
		     void *arg);
/*
 * Route vector entry of an MSI-X capable device's table to handler.  table:
 * its mapped MSI-X table.  0 or -E as x86_register_msi().
 */
int x86_pci_msix_enable(const struct x86_pci_dev *dev, void *table,
			unsigned int entry, x86_irq_handler handler, void *arg);

/* ---- what the processor is ---- */

struct x86_cpu_info {
	char vendor[13];
	char model_name[49];
	u32 family, model, stepping;
	u32 cache_kib; /* last level; 0: not said */
	u32 phys_bits, virt_bits;
	u32 clflush_bytes;
	u32 cpuid_level;
	u32 hwcap;  /* AT_HWCAP: CPUID 1 EDX */
	u32 hwcap2; /* AT_HWCAP2 */
};
const struct x86_cpu_info *x86_cpu_info(void);
/* Names of its features as in Linux's /proc/cpuinfo, blank-separated. */
size_t x86_cpu_flags(char *buf, size_t size);

/* ---- physical addresses ---- */

struct mm_resource;
/* What the machine knows of, in no order; how many there are; for ever. */
unsigned int x86_iomem(const struct mm_resource **resources);

/* ---- symbols ---- */

/* Name and offset of the function that holds addr; NULL if unknown. */
const char *x86_symbol(unsigned long addr, unsigned long *offset);
/* Print the callers of this function to the log. */
void x86_dump_stack(void);

/* Ports: one access of this width. */
static inline u8 inb(u16 p)
{
	u8 v;

	__asm__ __volatile__("inb %w1, %b0" : "=a"(v) : "Nd"(p));
	return v;
}

static inline u16 inw(u16 p)
{
	u16 v;

	__asm__ __volatile__("inw %w1, %w0" : "=a"(v) : "Nd"(p));
	return v;
}

static inline u32 inl(u16 p)
{
	u32 v;

	__asm__ __volatile__("inl %w1, %k0" : "=a"(v) : "Nd"(p));
	return v;
}

static inline void outb(u16 p, u8 v)
{
	__asm__ __volatile__("outb %b0, %w1" : : "a"(v), "Nd"(p) : "memory");
}

static inline void outw(u16 p, u16 v)
{
	__asm__ __volatile__("outw %w0, %w1" : : "a"(v), "Nd"(p) : "memory");
}

static inline void outl(u16 p, u32 v)
{
	__asm__ __volatile__("outl %k0, %w1" : : "a"(v), "Nd"(p) : "memory");
}

/* Device memory (ioremap): exactly one access of this width. */
static inline u32 readl(const volatile void *addr)
{
	u32 v;

	__asm__ __volatile__("movl %1, %0"
			     : "=r"(v)
			     : "m"(*(const volatile u32 *)addr)
			     : "memory");
	return v;
}

static inline void writel(u32 v, volatile void *addr)
{
	__asm__ __volatile__("movl %0, %1"
			     :
			     : "r"(v), "m"(*(volatile u32 *)addr)
			     : "memory");
}

static inline u16 readw(const volatile void *addr)
{
	u16 v;

	__asm__ __volatile__("movw %1, %0"
			     : "=r"(v)
			     : "m"(*(const volatile u16 *)addr)
			     : "memory");
	return v;
}

static inline void writew(u16 v, volatile void *addr)
{
	__asm__ __volatile__("movw %0, %1"
			     :
			     : "r"(v), "m"(*(volatile u16 *)addr)
			     : "memory");
}

static inline u8 readb(const volatile void *addr)
{
	u8 v;

	__asm__ __volatile__("movb %1, %0"
			     : "=q"(v)
			     : "m"(*(const volatile u8 *)addr)
			     : "memory");
	return v;
}

static inline void writeb(u8 v, volatile void *addr)
{
	__asm__ __volatile__("movb %0, %1"
			     :
			     : "q"(v), "m"(*(volatile u8 *)addr)
			     : "memory");
}

#endif
