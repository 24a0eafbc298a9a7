/* SPDX-License-Identifier: MIT */
/*
 * acpi.c - the few facts of ACPI's tables that this kernel uses.
 *
 * MADT: processors, I/O APICs, where ISA interrupts arrive.  FADT: the power
 * management timer, the registers for power off and reset.  DSDT: only the
 * bytes of the _S5_ package, found by its name; there is no interpreter.
 * SRAT and SLIT: nodes, decoded by srat.c.
 *
 * A table with a bad checksum is ignored.  Without a MADT there is one
 * processor, and the I/O APIC is looked for at its usual place.  Written on
 * the boot processor before anything reads it.
 *
 * Source: ACPI Specification 6.4, chapter 5.2.
 */
#include <quire/printk.h>
#include <quire/string.h>

#include "port/x86_64/x86.h"

struct acpi_info acpi;

struct acpi_header {
	char signature[4];
	u32 length;
	u8 revision;
	u8 checksum;
	char oem_and_creator[26];
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_header) == 36, "ACPI 5.2.6");

/* A register's place. */
struct acpi_gas {
	u8 space; /* 0 memory, 1 I/O */
	u8 bits, offset, access;
	u64 addr;
} __attribute__((packed));

/* Byte offsets in the FADT. */
enum {
	FADT_DSDT = 40,
	FADT_PM1A_CNT = 64,
	FADT_PM1B_CNT = 68,
	FADT_PM_TMR = 76,
	FADT_PM_TMR_LEN = 91,
	FADT_FLAGS = 112,
	FADT_RESET_REG = 116,
	FADT_RESET_VALUE = 128,
	FADT_X_DSDT = 140,
	FADT_SLEEP_CONTROL = 244
};
#define FADT_FLAG_TMR_VAL_EXT (1U << 8)
#define FADT_FLAG_RESET_REG   (1U << 10)
#define FADT_FLAG_HW_REDUCED  (1U << 20)

static u8 byte_sum(const void *p, size_t n)
{
	const u8 *b = p;
	u8 sum = 0;

	while (n--)
		sum = (u8)(sum + *b++);
	return sum;
}

/* A field of a table; 0 if the table ends before it. */
static u64 field(const struct acpi_header *t, size_t offset, size_t size)
{
	u64 v = 0;

	if (offset + size <= t->length)
		memcpy(&v, (const u8 *)t + offset, size);
	return v;
}

static const struct acpi_header *map_table(phys_addr_t pa)
{
	const struct acpi_header *t = __va(pa);

	if (!pa)
		return NULL;
	pagetable_map_direct(pa, sizeof(*t));
	if (t->length < sizeof(*t) || t->length > (1U << 20))
		return NULL;
	pagetable_map_direct(pa, t->length);
	return byte_sum(t, t->length) ? NULL : t;
}

/* ---- MADT ---- */

static void madt_processor(u32 apic_id, u32 flags, u32 self)
{
	if (!(flags & 1) || apic_id > 254 || apic_id == self)
		return;
	if (acpi.nr_cpus < NR_CPUS)
		acpi.apic_ids[acpi.nr_cpus++] = (u8)apic_id;
}

static void madt_entry(const u8 *e, u32 self)
{
	u32 id, addr, gsi;
	u16 flags;

	switch (e[0]) {
	case 0: /* local APIC */
		memcpy(&addr, e + 4, 4);
		madt_processor(e[3], addr, self);
		break;
	case 1: /* I/O APIC */
		memcpy(&addr, e + 4, 4);
		memcpy(&gsi, e + 8, 4);
		if (acpi.nr_ioapics == ACPI_MAX_IOAPICS)
			break;
		acpi.ioapics[acpi.nr_ioapics].pa = addr;
		acpi.ioapics[acpi.nr_ioapics++].gsi_base = gsi;
		break;
	case 2: /* an ISA interrupt that arrives elsewhere */
		memcpy(&gsi, e + 4, 4);
		memcpy(&flags, e + 8, 2);
		if (e[3] < ARRAY_SIZE(acpi.isa)) {
			acpi.isa[e[3]].gsi = gsi;
			acpi.isa[e[3]].flags = flags;
		}
		break;
	case 5: /* local APIC's address, 64 bits */
		memcpy(&acpi.lapic_pa, e + 4, 8);
		break;
	case 9: /* x2APIC; ids that fit are as good */
		memcpy(&id, e + 4, 4);
		memcpy(&addr, e + 8, 4);
		madt_processor(id, addr, self);
		break;
	}
}

static void read_madt(const struct acpi_header *t)
{
	const u8 *e = (const u8 *)t + 44;
	const u8 *end = (const u8 *)t + t->length;
	u32 self = cpuid(1, 0).b >> 24;

	acpi.has_madt = true;
	acpi.lapic_pa = field(t, 36, 4);
	acpi.nr_cpus = 1; /* the one that runs this is the first */
	acpi.apic_ids[0] = (u8)self;
	while (e + 2 <= end && e[1] >= 2 && e + e[1] <= end) {
		madt_entry(e, self);
		e += e[1];
	}
}

/* ---- FADT ---- */

static void read_fadt(const struct acpi_header *t)
{
	u32 flags = (u32)field(t, FADT_FLAGS, 4);
	phys_addr_t dsdt = field(t, FADT_X_DSDT, 8);
	struct acpi_gas gas = {0};

	acpi.has_fadt = true;
	acpi.reduced_hw = flags & FADT_FLAG_HW_REDUCED;
	if (!acpi.reduced_hw) {
		acpi.pm1a_port = (u16)field(t, FADT_PM1A_CNT, 4);
		acpi.pm1b_port = (u16)field(t, FADT_PM1B_CNT, 4);
		if (field(t, FADT_PM_TMR_LEN, 1) == 4)
			acpi.pm_timer_port = (u16)field(t, FADT_PM_TMR, 4);
		acpi.pm_timer_32bit = flags & FADT_FLAG_TMR_VAL_EXT;
	} else if (t->length >= FADT_SLEEP_CONTROL + sizeof(gas)) {
		memcpy(&gas, (const u8 *)t + FADT_SLEEP_CONTROL, sizeof(gas));
		acpi.sleep_control_pa = gas.addr;
		acpi.sleep_control_is_io = gas.space == 1;
	}
	if (flags & FADT_FLAG_RESET_REG && t->length > FADT_RESET_VALUE) {
		memcpy(&gas, (const u8 *)t + FADT_RESET_REG, sizeof(gas));
		acpi.has_reset_reg = gas.space <= 1 && gas.addr;
		acpi.reset_is_io = gas.space == 1;
		acpi.reset_pa = gas.addr;
		acpi.reset_value = (u8)field(t, FADT_RESET_VALUE, 1);
	}
	acpi.dsdt_pa = dsdt ? dsdt : field(t, FADT_DSDT, 4);
}

/*
 * _S5_ is a package of small integers, the first of which is the sleep type
 * of power off:  08 '_S5_' 12 length count value ...; a value is 00, 01 or
 * 0A and a byte.
 */
static void read_s5(const struct acpi_header *t)
{
	const u8 *p = (const u8 *)t + sizeof(*t);
	const u8 *end = (const u8 *)t + t->length;

	for (; p + 10 <= end; p++) {
		if (memcmp(p, "_S5_\x12", 5) || p[5] & 0xc0)
			continue;
		acpi.s5_type = p[7] == 0x0a ? p[8] & 7 : p[7] & 1;
		return;
	}
}

/* ---- SRAT and SLIT ---- */

static struct {
	const struct acpi_header *srat, *slit;	 /* checksum is right */
	const char *srat_refused, *slit_refused; /* why, or NULL */
} nodes;

/* The log does not work yet: acpi_report() tells what was wrong. */
static void read_nodes(void)
{
	if (!nodes.srat)
		return;
	nodes.srat_refused = srat_decode((const u8 *)nodes.srat,
					 nodes.srat->length, &acpi.numa);
	if (nodes.slit && !nodes.srat_refused)
		nodes.slit_refused = slit_decode(
			(const u8 *)nodes.slit, nodes.slit->length, &acpi.numa);
}

void acpi_report(void)
{
	if (nodes.srat_refused)
		printk("ACPI: SRAT not used: %s\n", nodes.srat_refused);
	if (nodes.slit_refused)
		printk("ACPI: SLIT not used: %s\n", nodes.slit_refused);
}

/* ---- finding them ---- */

static phys_addr_t find_rsdp(void)
{
	for (phys_addr_t pa = 0xe0000; pa < 0x100000; pa += 16) {
		const void *p = __va(pa);

		if (!memcmp(p, "RSD PTR ", 8) && !byte_sum(p, 20))
			return pa;
	}
	return 0;
}

static void read_table(phys_addr_t pa)
{
	const struct acpi_header *t = map_table(pa);

	if (!t)
		return;
	if (!memcmp(t->signature, "APIC", 4))
		read_madt(t);
	else if (!memcmp(t->signature, "FACP", 4))
		read_fadt(t);
	else if (!memcmp(t->signature, "SRAT", 4))
		nodes.srat = t;
	else if (!memcmp(t->signature, "SLIT", 4))
		nodes.slit = t;
}

void acpi_init(phys_addr_t rsdp_pa)
{
	const struct acpi_header *root;
	const u8 *rsdp;
	u64 root_pa = 0;
	size_t entry_size;

	for (u32 i = 0; i < ARRAY_SIZE(acpi.isa); i++)
		acpi.isa[i].gsi = i;
	acpi.nr_cpus = 1;
	acpi.apic_ids[0] = (u8)(cpuid(1, 0).b >> 24);
	if (!rsdp_pa)
		rsdp_pa = find_rsdp();
	if (!rsdp_pa)
		return;
	rsdp = __va(rsdp_pa);
	pagetable_map_direct(rsdp_pa, 36);
	if (memcmp(rsdp, "RSD PTR ", 8) || byte_sum(rsdp, 20))
		return;
	entry_size = rsdp[15] >= 2 ? 8 : 4; /* XSDT or RSDT */
	memcpy(&root_pa, rsdp + (entry_size == 8 ? 24 : 16), entry_size);
	root = map_table(root_pa);
	if (!root)
		return;
	for (size_t off = sizeof(*root); off + entry_size <= root->length;
	     off += entry_size)
		read_table(field(root, off, entry_size));
	read_nodes();
	if (acpi.dsdt_pa) {
		const struct acpi_header *dsdt = map_table(acpi.dsdt_pa);

		if (dsdt)
			read_s5(dsdt);
	}
}
