/* SPDX-License-Identifier: MIT */
/*
 * acpi_test.c - what is read from made-up tables.  The machine's own facts are
 * put back after each test.
 */
#include "acpi.c"

#include "test/test.h"

static struct acpi_info saved;

static void finish(u8 *table, size_t length, const char *signature)
{
	struct acpi_header *h = (struct acpi_header *)table;

	memcpy(h->signature, signature, 4);
	h->length = (u32)length;
	h->checksum = 0;
	h->checksum = (u8)-byte_sum(table, length);
}

TEST(madt_lists_enabled_processors_ioapics_and_overrides)
{
	u8 self = (u8)(cpuid(1, 0).b >> 24);
	u8 other = (u8)(self + 1), disabled = (u8)(self + 2);
	u8 t[128] = {[36] = 0, 0, 0xe0, 0xfe};
	u8 entries[] = {
		0, 8,  0, disabled, 0, 0, 0,	0, /* not enabled */
		0, 8,  1, other,    1, 0, 0,	0, /* enabled */
		0, 8,  2, self,	    1, 0, 0,	0, /* we ourselves */
		1, 12, 0, 0,	    0, 0, 0xc0, 0xfe, 0,   0, 0,
		0, /* I/O APIC at 0xfec00000 */
		2, 10, 0, 5,	    9, 0, 0,	0,    0xd, 0, /* ISA 5: GSI 9, level, high */
		9, 1, /* broken: stops the list */
	};

	saved = acpi;
	memset(&acpi, 0, sizeof(acpi));
	memcpy(t + 44, entries, sizeof(entries));
	finish(t, 44 + sizeof(entries), "APIC");
	read_madt((struct acpi_header *)t);
	CHECK_EQ(acpi.lapic_pa, 0xfee00000);
	CHECK_EQ(acpi.nr_cpus, 2);
	CHECK_EQ(acpi.apic_ids[0], self);
	CHECK_EQ(acpi.apic_ids[1], other);
	CHECK_EQ(acpi.nr_ioapics, 1);
	CHECK_EQ(acpi.ioapics[0].pa, 0xfec00000);
	CHECK_EQ(acpi.isa[5].gsi, 9);
	CHECK_EQ(acpi.isa[5].flags, 0xd);
	acpi = saved;
}

TEST(power_off_type_is_found_in_the_dsdt)
{
	static const u8 aml[] = {0x10, 0x20, 0x08, '_',	 'S',  '5',  '_', 0x12,
				 0x06, 0x04, 0x0a, 0x05, 0x00, 0x00, 0x00};
	u8 t[64] = {0};

	saved = acpi;
	acpi.s5_type = 7;
	memcpy(t + sizeof(struct acpi_header), aml, sizeof(aml));
	finish(t, sizeof(struct acpi_header) + sizeof(aml), "DSDT");
	read_s5((struct acpi_header *)t);
	CHECK_EQ(acpi.s5_type, 5);
	acpi = saved;
}

TEST(fields_beyond_a_short_table_read_as_zero)
{
	u8 t[40] = {[36] = 1, 2, 3, 4};

	finish(t, 40, "TEST");
	CHECK_EQ(field((struct acpi_header *)t, 36, 4), 0x04030201);
	CHECK_EQ(field((struct acpi_header *)t, 37, 4), 0);
}
