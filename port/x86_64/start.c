/* SPDX-License-Identifier: MIT */
/*
 * start.c - from the loader's tables to a running memory manager.
 *
 * 1. Order.  Each step needs the ones before it:
 *
 *	boot.S        long mode, the first GiB mapped
 *	cpu           descriptors and vectors: from here faults are reported
 *	loader        memory map, command line, initrd: all copied
 *	pagetable     the real tables, W^X
 *	acpi          processors, I/O APICs, timers; the clock's calibration
 *	              starts, and ends when as much time has passed as it needs
 *	apic, irq     all fixmap entries are made before mm/pgtable adopts the
 *	              tables and counts what is in them
 *	mm_init       frames, slabs, vmalloc
 *	fpu, time     what needs memory; the first tick
 *	kernel_main   upstairs
 *
 * 2. What the loader passed is below 1 GiB, where the boot tables reach, and
 *    is not trusted to stay: only the initrd is kept where it is, reserved.
 *
 * Source: Xen's docs/misc/pvh.pandoc and public/arch-x86/hvm/start_info.h.
 */
#include <quire/mm.h>
#include <quire/percpu.h>
#include <quire/printk.h>
#include <quire/run_proto.h>
#include <quire/string.h>

#include "port/x86_64/x86.h"

#define HVM_START_MAGIC 0x336ec578U

struct hvm_start_info {
	u32 magic;
	u32 version;
	u32 flags;
	u32 nr_modules;
	u64 modules_pa;
	u64 cmdline_pa;
	u64 rsdp_pa;
	u64 memmap_pa; /* from version 1 on */
	u32 nr_memmap;
	u32 reserved;
};

struct hvm_module {
	u64 pa;
	u64 size;
	u64 cmdline_pa;
	u64 reserved;
};

struct hvm_memmap_entry {
	u64 addr;
	u64 size;
	u32 type;
	u32 reserved;
};

static struct {
	struct boot_map map;
	phys_addr_t rsdp_pa;
	phys_addr_t initrd_pa;
	size_t initrd_size;
	/* A range of a node cuts others at its start and at its end. */
	struct mem_range ranges[BOOT_MAP_MAX + 20 + 2 * NUMA_RANGES_MAX];
	unsigned int nr_ranges;
	struct mm_boot boot;
	u8 cpu_to_node[NR_CPUS];
	struct x86_boot_info info;
} me;

/* What the loader left, through the boot tables. */
static const void *loader_data(phys_addr_t pa, size_t size)
{
	if (!pa || pa + size > (1UL << 30) || pa + size < pa)
		x86_panic("the loader's data are out of reach");
	return (const void *)(KERNEL_IMAGE_BASE + pa);
}

static void take(phys_addr_t start, phys_addr_t end)
{
	if (me.map.nr_taken == ARRAY_SIZE(me.map.taken))
		x86_panic("too many reserved ranges");
	me.map.taken[me.map.nr_taken++] =
		(struct boot_range){start, end, E820_RAM};
}

/* As Linux names the firmware's types. */
static const char *type_name(u32 type)
{
	switch (type) {
	case E820_RAM:
		return "System RAM";
	case E820_ACPI:
		return "ACPI Tables";
	case E820_NVS:
		return "ACPI Non-volatile Storage";
	case E820_UNUSABLE:
		return "Unusable memory";
	default:
		return "Reserved";
	}
}

static void read_memory_map(const struct hvm_start_info *si)
{
	const struct hvm_memmap_entry *e;

	if (si->version < 1 || !si->nr_memmap)
		x86_panic("the loader gave no memory map");
	e = loader_data(si->memmap_pa, si->nr_memmap * sizeof(*e));
	for (u32 i = 0; i < si->nr_memmap; i++, e++) {
		if (!e->size)
			continue;
		if (me.map.nr_ranges == BOOT_MAP_MAX)
			break; /* what is not listed is not used */
		me.map.ranges[me.map.nr_ranges++] = (struct boot_range){
			e->addr, e->addr + e->size, e->type};
		iomem_add(e->addr, e->size, type_name(e->type));
	}
}

static void add_image(const char *start, const char *end, const char *name)
{
	iomem_add(image_pa(start), (u64)(end - start), name);
}

static void read_start_info(phys_addr_t pa)
{
	const struct hvm_start_info *si = loader_data(pa, sizeof(*si));

	if (si->magic != HVM_START_MAGIC)
		x86_panic("not started by PVH");
	read_memory_map(si);
	me.rsdp_pa = si->rsdp_pa;
	if (si->cmdline_pa)
		cmdline_init(loader_data(si->cmdline_pa, 1));
	if (si->nr_modules) {
		const struct hvm_module *m =
			loader_data(si->modules_pa, sizeof(*m));

		me.initrd_pa = m->pa;
		me.initrd_size = m->size;
	}
	add_image(__text_start, __text_end, "Kernel code");
	add_image(__rodata_start, __rodata_end, "Kernel rodata");
	add_image(__data_start, __bss_start, "Kernel data");
	add_image(__bss_start, __bss_end, "Kernel bss");
	take(0, PAGE_SIZE);
	take(TRAMPOLINE_PA, TRAMPOLINE_PA + PAGE_SIZE);
	take(image_pa(__image_start), image_pa(__image_end));
	if (me.initrd_size)
		take(me.initrd_pa, me.initrd_pa + me.initrd_size);
}

static void add_range(phys_addr_t start, phys_addr_t end, u32 type)
{
	if (start >= end)
		return;
	me.ranges[me.nr_ranges++] =
		(struct mem_range){.start = start, .end = end, .type = type};
}

/* RAM, cut where nodes meet; frames that two share are the first one's. */
static void add_ram(phys_addr_t start, phys_addr_t end)
{
	while (start < end) {
		phys_addr_t next = end;
		int nid = numa_node_at(&acpi.numa, start, &next);

		next = min(ALIGN(next, PAGE_SIZE), end);
		add_range(start, next, MEM_RANGE_USABLE);
		me.ranges[me.nr_ranges - 1].nid = nid;
		start = next;
	}
}

static void build_nodes(void)
{
	const struct numa_map *map = &acpi.numa;
	unsigned int cpu;

	me.boot.nr_nodes = max(map->nr_nodes, 1U);
	me.boot.distances = map->has_distances ? map->distances : NULL;
	for (cpu = 0; cpu < x86_nr_possible; cpu++) {
		int nid = map->apic_nid[acpi.apic_ids[cpu]];

		me.cpu_to_node[cpu] = nid > 0 && map->nr_nodes ? (u8)nid : 0;
	}
	me.boot.cpu_to_node = me.cpu_to_node;
}

/* RAM is rounded inwards to pages, everything else outwards. */
static void build_ranges(void)
{
	for (unsigned int i = 0; i < me.map.nr_ranges; i++) {
		const struct boot_range *r = &me.map.ranges[i];

		if (r->type == E820_RAM)
			add_ram(ALIGN(r->start, PAGE_SIZE),
				ALIGN_DOWN(r->end, PAGE_SIZE));
		else
			add_range(ALIGN_DOWN(r->start, PAGE_SIZE),
				  ALIGN(r->end, PAGE_SIZE), MEM_RANGE_FIRMWARE);
	}
	for (unsigned int i = 0; i < me.map.nr_taken; i++)
		add_range(ALIGN_DOWN(me.map.taken[i].start, PAGE_SIZE),
			  ALIGN(me.map.taken[i].end, PAGE_SIZE),
			  MEM_RANGE_RESERVED);
	me.boot.ranges = me.ranges;
	me.boot.nr_ranges = me.nr_ranges;
	build_nodes();
	me.boot.nr_cpus = x86_nr_possible;
	me.boot.cmdline = cmdline_text();
	me.boot.page_array = (void *)VMEMMAP_START;
}

static void start_memory(void)
{
	phys_addr_t start, end;

	pagetable_seal(&start, &end);
	take(start, end);
	build_ranges();
	mm_init(&me.boot, &x86_port_ops);
	acpi_report();
}

void x86_start(phys_addr_t start_info_pa)
{
	time_early_init();
	cpu_init_boot();
	console_init();
	read_start_info(start_info_pa);
	console_init_late();
	if (!cpu_has(X86_FEATURE_NX) || !cpu_has(X86_FEATURE_FXSR))
		x86_panic("this processor has no NX or no FXSAVE");
	uaccess_init();
	pagetable_init(&me.map);
	acpi_init(me.rsdp_pa);
	lapic_init();
	time_calibrate_begin();
	random_init();
	smp_init();
	irq_init();
	start_memory();
	fpu_init_late();
	time_calibrate_end();
	time_init_self();
	me.info = (struct x86_boot_info){
		.cmdline = cmdline_text(),
		.initrd = me.initrd_size ? __va(me.initrd_pa) : NULL,
		.initrd_size = me.initrd_size,
		.start_ns = 0,
	};
	crash_if_asked();
	kernel_main(&me.info);
}
