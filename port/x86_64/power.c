/* SPDX-License-Identifier: MIT */
/*
 * power.c - the ways out of the machine.
 *
 * QEMU's isa-debug-exit device, if there is one, ends the process with a
 * status of our choice; a machine without it does not notice.  So each way
 * tries that first, then what real machines have: ACPI's sleep registers, the
 * reset register, the keyboard controller, and last a fault that no handler
 * can take.
 *
 * Sources: QEMU's hw/misc/debugexit.c; ACPI 4.8.3.2, 4.8.3.6, 4.8.3.7.
 */
#include <quire/printk.h>
#include <quire/run_proto.h>
#include <quire/string.h>

#include "port/x86_64/x86.h"

#define DEBUG_EXIT_PORT		0xf4
#define SLP_EN			(1U << 13)
#define SLP_TYP_SHIFT		10
#define SLEEP_CONTROL_EN	0x20
#define SLEEP_CONTROL_TYP_SHIFT 2

static void debug_exit(u32 status)
{
	outl(DEBUG_EXIT_PORT, status);
}

static void acpi_write8(bool is_io, phys_addr_t pa, u8 value)
{
	if (is_io)
		outb((u16)pa, value);
	else
		writeb(value, fixmap_device(FIXMAP_POWER, pa));
}

static void acpi_off(void)
{
	u32 value = SLP_EN | (u32)acpi.s5_type << SLP_TYP_SHIFT;

	if (acpi.pm1a_port)
		outw(acpi.pm1a_port, (u16)value);
	if (acpi.pm1b_port)
		outw(acpi.pm1b_port, (u16)value);
	if (acpi.sleep_control_pa)
		acpi_write8(acpi.sleep_control_is_io, acpi.sleep_control_pa,
			    (u8)(SLEEP_CONTROL_EN |
				 acpi.s5_type << SLEEP_CONTROL_TYP_SHIFT));
}

static void stop(void) __noreturn;
static void stop(void)
{
	for (;;)
		__asm__ __volatile__("cli; hlt");
}

static void reset(void) __noreturn;
static void reset(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) no_vectors = {0, 0};

	if (acpi.has_reset_reg)
		acpi_write8(acpi.reset_is_io, acpi.reset_pa, acpi.reset_value);
	outb(0xcf9, 0x06); /* reset control register of PCI chipsets */
	outb(0x64, 0xfe);  /* keyboard controller: pulse the reset line */
	__asm__ __volatile__("lidt %0; int3" : : "m"(no_vectors));
	stop();
}

void x86_poweroff(unsigned int status)
{
	local_irq_disable();
	debug_exit(status);
	acpi_off();
	stop();
}

void x86_reboot(void)
{
	local_irq_disable();
	debug_exit(RUN_MACHINE_OFF);
	reset();
}

void x86_halt(void)
{
	local_irq_disable();
	debug_exit(RUN_MACHINE_OFF);
	stop();
}

/* panic=N: N > 0 reboot after N seconds, N < 0 at once, 0 or none: stand. */
void power_after_panic(void)
{
	const char *option = x86_cmdline_option("panic");
	u64 seconds = 0;

	debug_exit(RUN_MACHINE_PANIC);
	if (!option)
		stop();
	if (*option == '-')
		reset();
	for (; *option >= '0' && *option <= '9' && seconds < 100000; option++)
		seconds = seconds * 10 + (u64)(*option - '0');
	if (!seconds)
		stop();
	time_delay_ns(seconds * 1000000000ULL);
	reset();
}
