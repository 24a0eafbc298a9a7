/* SPDX-License-Identifier: MIT */
/*
 * apic.c - the local APIC: interrupts between processors and the timer.
 *
 * Each processor's registers are at the same physical address, mapped once by
 * the fixmap.  xAPIC mode, logical ids below 255.  An interrupt command is two
 * stores, so it is sent with interrupts off.
 *
 * Source: Intel SDM volume 3A, chapter 10.
 */
#include <quire/printk.h>

#include "port/x86_64/x86.h"

#define LAPIC_DEFAULT_PA 0xfee00000UL

enum {
	LAPIC_ID = 0x20,
	LAPIC_TPR = 0x80,
	LAPIC_EOI = 0xb0,
	LAPIC_SVR = 0xf0,
	LAPIC_ICR_LOW = 0x300,
	LAPIC_ICR_HIGH = 0x310,
	LAPIC_LVT_TIMER = 0x320,
	LAPIC_LVT_LINT0 = 0x350,
	LAPIC_LVT_LINT1 = 0x360,
	LAPIC_LVT_ERROR = 0x370,
	LAPIC_TIMER_INITIAL = 0x380,
	LAPIC_TIMER_CURRENT = 0x390,
	LAPIC_TIMER_DIVIDE = 0x3e0
};
#define SVR_ENABLE  0x100U
#define LVT_MASKED  0x10000U
#define ICR_PENDING 0x1000U
#define ICR_ASSERT  0x4000U
#define ICR_NMI	    0x400U
#define ICR_INIT    0x500U
#define ICR_STARTUP 0x600U
#define ICR_OTHERS  0xc0000U
#define DIVIDE_BY_1 0xbU

static volatile u8 *lapic;

static u32 lapic_read(unsigned int reg)
{
	return readl(lapic + reg);
}

static void lapic_write(unsigned int reg, u32 value)
{
	writel(value, lapic + reg);
}

void lapic_eoi(void)
{
	lapic_write(LAPIC_EOI, 0);
}

u32 lapic_id(void)
{
	return lapic_read(LAPIC_ID) >> 24;
}

void lapic_enable_self(void)
{
	lapic_write(LAPIC_TPR, 0);
	lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
	lapic_write(LAPIC_LVT_LINT1, ICR_NMI);
	lapic_write(LAPIC_LVT_ERROR, LVT_MASKED);
	lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_1);
	lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
	lapic_write(LAPIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
}

void lapic_init(void)
{
	phys_addr_t pa = acpi.lapic_pa ? acpi.lapic_pa : LAPIC_DEFAULT_PA;

	lapic = fixmap_device(FIXMAP_LAPIC, pa);
	iomem_add(pa, PAGE_SIZE, "Local APIC");
	lapic_enable_self();
	x86_boot_processor.apic_id = lapic_id();
}

static void send(u32 apic_id, u32 command)
{
	unsigned long flags = local_irq_save();

	while (lapic_read(LAPIC_ICR_LOW) & ICR_PENDING)
		cpu_relax();
	lapic_write(LAPIC_ICR_HIGH, apic_id << 24);
	lapic_write(LAPIC_ICR_LOW, command);
	local_irq_restore(flags);
}

void lapic_send_ipi(unsigned int cpu, unsigned int vector)
{
	send(processor(cpu)->apic_id, ICR_ASSERT | vector);
}

void lapic_send_nmi_others(void)
{
	if (lapic)
		send(0, ICR_OTHERS | ICR_ASSERT | ICR_NMI);
}

/* The processor wakes at TRAMPOLINE_PA; a second start-up is harmless. */
void lapic_start_secondary(u32 apic_id)
{
	send(apic_id, ICR_ASSERT | ICR_INIT);
	time_delay_ns(10000);
	for (int i = 0; i < 2; i++) {
		send(apic_id, ICR_ASSERT | ICR_STARTUP | TRAMPOLINE_PA >> 12);
		time_delay_ns(10000);
	}
}

void lapic_timer_start(u32 count)
{
	lapic_write(LAPIC_TIMER_INITIAL, count);
}

u32 lapic_timer_count(void)
{
	return lapic_read(LAPIC_TIMER_CURRENT);
}

void x86_send_resched(unsigned int cpu)
{
	lapic_send_ipi(cpu, VECTOR_RESCHED);
}
