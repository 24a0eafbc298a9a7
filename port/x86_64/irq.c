/* SPDX-License-Identifier: MIT */
/*
 * irq.c - device interrupts: vectors, I/O APICs, messages.
 *
 * 1. A vector belongs to one source: an I/O APIC input or a message (MSI).
 *    Vectors are given out once and never come back; there are more than the
 *    devices of a virtual machine need.
 * 2. All device interrupts go to the boot processor.
 * 3. An input's trigger and polarity: ISA sources as ACPI's overrides say
 *    (edge, high by default), others level, low (PCI).
 * 4. Locking.  Registration is under a lock; a vector's handler is stored
 *    before the source is unmasked and never changes after.
 *
 * Sources: Intel 82093AA data sheet; Intel SDM volume 3A, 10.11 (MSI).
 */
#include <quire/errno.h>
#include <quire/printk.h>
#include <quire/spinlock.h>

#include "port/x86_64/x86.h"

#define IOAPIC_DEFAULT_PA 0xfec00000UL
#define IOAPIC_SIZE	  0x400U /* what it decodes */
#define IOREGSEL	  0x00
#define IOWIN		  0x10
#define IOAPIC_VERSION	  0x01
#define IOAPIC_REDIRECT	  0x10
#define REDIRECT_LOW	  0x2000U
#define REDIRECT_LEVEL	  0x8000U
#define REDIRECT_MASKED	  0x10000U
#define MSI_ADDRESS	  0xfee00000UL

struct irq_source {
	x86_irq_handler handler;
	void *arg;
};

struct ioapic {
	volatile u8 *regs;
	u32 gsi_base, nr_inputs;
};

static struct {
	spinlock_t lock;
	struct irq_source sources[VECTOR_DEVICE_LAST - VECTOR_DEVICE_FIRST + 1];
	unsigned int nr_sources;
	struct ioapic ioapics[ACPI_MAX_IOAPICS];
	unsigned int nr_ioapics;
} me = {.lock = SPINLOCK_INIT(LOCK_RANK_NONE)};

static u32 ioapic_read(const struct ioapic *io, u32 reg)
{
	writel(reg, io->regs + IOREGSEL);
	return readl(io->regs + IOWIN);
}

static void ioapic_write(const struct ioapic *io, u32 reg, u32 value)
{
	writel(reg, io->regs + IOREGSEL);
	writel(value, io->regs + IOWIN);
}

/* The old interrupt controllers would raise vectors of exceptions. */
static void mask_8259s(void)
{
	outb(0xa1, 0xff);
	outb(0x21, 0xff);
}

static void add_ioapic(phys_addr_t pa, u32 gsi_base)
{
	struct ioapic *io = &me.ioapics[me.nr_ioapics];
	char name[16];
	u32 version;

	io->regs = fixmap_device(
		(enum fixmap_slot)(FIXMAP_IOAPIC_0 + me.nr_ioapics), pa);
	io->gsi_base = gsi_base;
	version = ioapic_read(io, IOAPIC_VERSION);
	if (version == ~0U)
		return; /* nobody there */
	io->nr_inputs = (version >> 16 & 255) + 1;
	for (u32 i = 0; i < io->nr_inputs; i++)
		ioapic_write(io, IOAPIC_REDIRECT + 2 * i, REDIRECT_MASKED);
	scnprintf(name, sizeof(name), "IOAPIC %u", me.nr_ioapics);
	iomem_add(pa, IOAPIC_SIZE, name);
	me.nr_ioapics++;
}

void irq_init(void)
{
	mask_8259s();
	for (unsigned int i = 0; i < acpi.nr_ioapics; i++)
		add_ioapic(acpi.ioapics[i].pa, acpi.ioapics[i].gsi_base);
	if (!acpi.has_madt)
		add_ioapic(IOAPIC_DEFAULT_PA, 0);
}

static struct ioapic *find_ioapic(u32 gsi)
{
	for (unsigned int i = 0; i < me.nr_ioapics; i++) {
		struct ioapic *io = &me.ioapics[i];

		if (gsi >= io->gsi_base && gsi - io->gsi_base < io->nr_inputs)
			return io;
	}
	return NULL;
}

/* A vector for handler, or -ENOSPC. */
static int add_source(x86_irq_handler handler, void *arg)
{
	struct irq_source *s;

	lockdep_assert_held(&me.lock);
	if (me.nr_sources == ARRAY_SIZE(me.sources))
		return -ENOSPC;
	s = &me.sources[me.nr_sources];
	s->arg = arg;
	smp_store_release(&s->handler, handler);
	return VECTOR_DEVICE_FIRST + (int)me.nr_sources++;
}

/* Trigger and polarity bits of an input, from MADT's flags of an override. */
static u32 isa_mode(u16 flags)
{
	u32 mode = 0;

	if ((flags & 3) == 3)
		mode |= REDIRECT_LOW;
	if ((flags >> 2 & 3) == 3)
		mode |= REDIRECT_LEVEL;
	return mode;
}

int x86_register_irq(unsigned int gsi, x86_irq_handler handler, void *arg)
{
	u32 mode = REDIRECT_LOW | REDIRECT_LEVEL;
	struct ioapic *io;
	unsigned long flags;
	int vector;
	u32 reg;

	if (gsi < ARRAY_SIZE(acpi.isa)) {
		mode = isa_mode(acpi.isa[gsi].flags);
		gsi = acpi.isa[gsi].gsi;
	}
	io = find_ioapic(gsi);
	if (!io)
		return -ENODEV;
	reg = IOAPIC_REDIRECT + 2 * (gsi - io->gsi_base);
	spin_lock_irqsave(&me.lock, flags);
	if (!(ioapic_read(io, reg) & REDIRECT_MASKED)) {
		vector = -EBUSY;
	} else {
		vector = add_source(handler, arg);
		if (vector >= 0) {
			ioapic_write(io, reg + 1,
				     x86_boot_processor.apic_id << 24);
			ioapic_write(io, reg, mode | (u32)vector);
		}
	}
	spin_unlock_irqrestore(&me.lock, flags);
	return vector < 0 ? vector : 0;
}

int x86_register_msi(x86_irq_handler handler, void *arg, u64 *addr, u32 *data)
{
	unsigned long flags;
	int vector;

	spin_lock_irqsave(&me.lock, flags);
	vector = add_source(handler, arg);
	spin_unlock_irqrestore(&me.lock, flags);
	if (vector < 0)
		return vector;
	*addr = MSI_ADDRESS | (u64)x86_boot_processor.apic_id << 12;
	*data = (u32)vector;
	return 0;
}

static void count(enum x86_irq_kind kind)
{
	this_processor()->irq_counts[kind]++;
}

static void device_interrupt(unsigned int vector)
{
	struct irq_source *s = &me.sources[vector - VECTOR_DEVICE_FIRST];
	x86_irq_handler handler = smp_load_acquire(&s->handler);

	count(X86_IRQ_DEVICE);
	if (handler)
		handler(s->arg);
}

static void leave_interrupt(struct x86_cpu *cpu)
{
	if (--cpu->irq_depth == 0)
		cpu->task_slot = cpu->cpu + 1UL;
}

/*
 * Every interrupt, with interrupts off.  A level input is acknowledged after
 * its handler has quieted the device; the order does not matter for others.
 */
void x86_interrupt(struct pt_regs *regs, unsigned int vector)
{
	struct x86_cpu *cpu = &this_processor()->hot;

	cpu->irq_depth++;
	cpu->task_slot = 0;
	switch (vector) {
	case VECTOR_TIMER:
		count(X86_IRQ_TIMER);
		time_interrupt(regs);
		break;
	case VECTOR_RESCHED:
		count(X86_IRQ_RESCHED);
		kernel_resched_ipi();
		break;
	case VECTOR_TLB:
		count(X86_IRQ_TLB);
		tlb_interrupt();
		break;
	case VECTOR_DEVICE_FIRST ... VECTOR_DEVICE_LAST:
		device_interrupt(vector);
		break;
	default: /* spurious ones are not acknowledged */
		count(X86_IRQ_SPURIOUS);
		leave_interrupt(cpu);
		return;
	}
	lapic_eoi();
	leave_interrupt(cpu);
}
