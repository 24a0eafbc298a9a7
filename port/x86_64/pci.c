/* SPDX-License-Identifier: MIT */
/*
 * pci.c - finds PCI devices and gives them addresses.
 *
 * 1. Configuration space is reached by the ports 0xcf8 and 0xcfc; where there
 *    is no PCI (microvm) they read as ones and nothing is found.
 * 2. Bus 0 is looked through once, and the buses behind its bridges, whose
 *    numbers the firmware has set.
 * 3. Some firmware (qboot) gives devices no addresses.  A memory bar without
 *    one is placed in the window between the top of RAM and the APICs, above
 *    any that has one; I/O bars likewise in 0xc000-0xefff.
 * 4. Locking: one lock around each pair of port accesses, interrupts off.
 *
 * Sources: PCI Local Bus Specification 3.0, chapter 6.
 */
#include <quire/errno.h>
#include <quire/mm_types.h>
#include <quire/printk.h>
#include <quire/spinlock.h>
#include <quire/string.h>

#include "port/x86_64/x86.h"

#define MAX_DEVICES	 64
#define WINDOW_START	 0xc0000000UL
#define WINDOW_END	 0xfe000000UL
#define IO_WINDOW_START	 0xc000U
#define IO_WINDOW_END	 0xf000U

#define PCI_VENDOR	 0x00
#define PCI_DEVICE	 0x02
#define PCI_COMMAND	 0x04
#define PCI_STATUS	 0x06
#define PCI_SUBCLASS	 0x0a
#define PCI_CLASS	 0x0b
#define PCI_HEADER	 0x0e
#define PCI_BAR0	 0x10
#define PCI_SECONDARY	 0x19
#define PCI_CAPABILITIES 0x34
#define PCI_IRQ_LINE	 0x3c
#define COMMAND_IO	 0x1
#define COMMAND_MEMORY	 0x2
#define COMMAND_MASTER	 0x4
#define STATUS_HAS_CAPS	 0x10
#define HEADER_MULTI	 0x80
#define CLASS_BRIDGE	 6
#define SUBCLASS_PCI	 4
#define CAP_MSIX	 0x11
#define MSIX_CONTROL	 2
#define MSIX_ENABLE	 0x8000U
#define MSIX_MASK_ALL	 0x4000U
#define MSIX_ENTRY_SIZE	 16

static struct {
	spinlock_t lock;
	bool scanned;
	struct x86_pci_dev devices[MAX_DEVICES];
	unsigned int nr_devices;
	u64 next_memory, next_io; /* where the next bar may go */
} me = {.lock = SPINLOCK_INIT(LOCK_RANK_NONE)};

/* ---- configuration space ---- */

static u32 config_address(const struct x86_pci_dev *dev, unsigned int offset)
{
	return 0x80000000U | (u32)dev->bus << 16 | (u32)dev->slot << 11 |
	       (u32)dev->func << 8 | (offset & 0xfc);
}

u32 x86_pci_read(const struct x86_pci_dev *dev, unsigned int offset,
		 unsigned int size_bytes)
{
	u16 data = (u16)(0xcfc + (offset & 3));
	unsigned long flags;
	u32 value;

	spin_lock_irqsave(&me.lock, flags);
	outl(0xcf8, config_address(dev, offset));
	if (size_bytes == 1)
		value = inb(data);
	else if (size_bytes == 2)
		value = inw(data);
	else
		value = inl(data);
	spin_unlock_irqrestore(&me.lock, flags);
	return value;
}

void x86_pci_write(const struct x86_pci_dev *dev, unsigned int offset,
		   unsigned int size_bytes, u32 value)
{
	u16 data = (u16)(0xcfc + (offset & 3));
	unsigned long flags;

	spin_lock_irqsave(&me.lock, flags);
	outl(0xcf8, config_address(dev, offset));
	if (size_bytes == 1)
		outb(data, (u8)value);
	else if (size_bytes == 2)
		outw(data, (u16)value);
	else
		outl(data, value);
	spin_unlock_irqrestore(&me.lock, flags);
}

unsigned int x86_pci_capability(const struct x86_pci_dev *dev, u8 id,
				unsigned int n)
{
	unsigned int at;

	if (!(x86_pci_read(dev, PCI_STATUS, 2) & STATUS_HAS_CAPS))
		return 0;
	at = x86_pci_read(dev, PCI_CAPABILITIES, 1) & 0xfc;
	/* At most 48 fit; a broken list must not run for ever. */
	for (int i = 0; at && i < 48; i++) {
		if (x86_pci_read(dev, at, 1) == id && !n--)
			return at;
		at = x86_pci_read(dev, at + 1, 1) & 0xfc;
	}
	return 0;
}

/* ---- bars ---- */

/*
 * Read bar i and its size; decoding is off meanwhile.  Result: how many
 * registers it takes (2 if it is 64 bits wide).
 */
static unsigned int read_bar(struct x86_pci_dev *dev, unsigned int i)
{
	unsigned int at = PCI_BAR0 + 4 * i;
	u32 low = x86_pci_read(dev, at, 4);
	bool is_io = low & 1;
	bool is_64 = !is_io && (low & 6) == 4 && i < 5;
	u32 flag_bits = is_io ? 3 : 15;
	u64 size, addr = low & ~flag_bits;
	u32 mask;

	x86_pci_write(dev, at, 4, ~0U);
	mask = x86_pci_read(dev, at, 4) & ~flag_bits;
	x86_pci_write(dev, at, 4, low);
	if (is_io)
		mask |= mask ? 0xffff0000U : 0;
	size = mask ? (u64)(~mask) + 1 : 0;
	if (is_64) {
		u32 high = x86_pci_read(dev, at + 4, 4);

		addr |= (u64)high << 32;
		if (!mask) { /* 4 GiB or more: the size is in the high half */
			x86_pci_write(dev, at + 4, 4, ~0U);
			mask = x86_pci_read(dev, at + 4, 4);
			x86_pci_write(dev, at + 4, 4, high);
			size = mask ? ((u64)(~mask) + 1) << 32 : 0;
		}
	}
	dev->bar[i].addr = size ? addr : 0;
	dev->bar[i].size_bytes = size;
	dev->bar[i].is_io = is_io;
	return is_64 ? 2 : 1;
}

static void read_bars(struct x86_pci_dev *dev)
{
	u32 command = x86_pci_read(dev, PCI_COMMAND, 2);

	x86_pci_write(dev, PCI_COMMAND, 2,
		      command & ~(COMMAND_IO | COMMAND_MEMORY));
	for (unsigned int i = 0; i < 6;)
		i += read_bar(dev, i);
	x86_pci_write(dev, PCI_COMMAND, 2, command);
}

/* The windows begin above what the firmware has given out. */
static void avoid_used(const struct x86_pci_dev *dev)
{
	for (unsigned int i = 0; i < 6; i++) {
		u64 end = dev->bar[i].addr + dev->bar[i].size_bytes;

		if (!dev->bar[i].addr)
			continue;
		if (dev->bar[i].is_io)
			me.next_io = max(me.next_io, end);
		else if (end <= WINDOW_END)
			me.next_memory = max(me.next_memory, end);
	}
}

/* A bar for which there is no room stays without an address. */
static void place_bar(struct x86_pci_dev *dev, unsigned int i)
{
	bool is_io = dev->bar[i].is_io;
	u64 *next = is_io ? &me.next_io : &me.next_memory;
	u64 size = dev->bar[i].size_bytes;
	u64 addr;

	if (!size || dev->bar[i].addr)
		return;
	addr = ALIGN(*next, size);
	if (addr + size > (is_io ? IO_WINDOW_END : WINDOW_END))
		return;
	x86_pci_write(dev, PCI_BAR0 + 4 * i, 4, (u32)addr);
	if (!is_io && (x86_pci_read(dev, PCI_BAR0 + 4 * i, 4) & 6) == 4)
		x86_pci_write(dev, PCI_BAR0 + 4 * i + 4, 4, 0);
	dev->bar[i].addr = addr;
	*next = addr + size;
}

/* ---- scanning ---- */

static void scan_bus(u8 bus, unsigned int depth);

static void add_function(struct x86_pci_dev *probe, unsigned int depth)
{
	struct x86_pci_dev *dev;

	probe->device = (u16)x86_pci_read(probe, PCI_DEVICE, 2);
	probe->class_code = (u8)x86_pci_read(probe, PCI_CLASS, 1);
	probe->subclass = (u8)x86_pci_read(probe, PCI_SUBCLASS, 1);
	probe->irq_line = (u8)x86_pci_read(probe, PCI_IRQ_LINE, 1);
	if (probe->class_code == CLASS_BRIDGE) {
		u8 behind = (u8)x86_pci_read(probe, PCI_SECONDARY, 1);

		if (probe->subclass == SUBCLASS_PCI && behind && depth < 4)
			scan_bus(behind, depth + 1);
		return;
	}
	if (me.nr_devices == MAX_DEVICES)
		return;
	dev = &me.devices[me.nr_devices++];
	*dev = *probe;
	read_bars(dev);
	avoid_used(dev);
}

static void scan_bus(u8 bus, unsigned int depth)
{
	for (u8 slot = 0; slot < 32; slot++) {
		for (u8 func = 0; func < 8; func++) {
			struct x86_pci_dev probe = {
				.bus = bus, .slot = slot, .func = func};

			probe.vendor = (u16)x86_pci_read(&probe, PCI_VENDOR, 2);
			if (probe.vendor != 0xffff)
				add_function(&probe, depth);
			if (func == 0 &&
			    (probe.vendor == 0xffff ||
			     !(x86_pci_read(&probe, PCI_HEADER, 1) &
			       HEADER_MULTI)))
				break;
		}
	}
}

/* RAM below 4 GiB may reach into the window (machine pc: to 3.5 GiB). */
static u64 window_start(void)
{
	u64 start = WINDOW_START;

	while (start < WINDOW_END && pfn_valid(start >> PAGE_SHIFT))
		start += 1UL << 24;
	return start;
}

/* What the device answers at, by its place. */
static void list_bars(const struct x86_pci_dev *dev)
{
	char name[16];

	scnprintf(name, sizeof(name), "0000:%02x:%02x.%u", dev->bus, dev->slot,
		  dev->func);
	for (unsigned int i = 0; i < 6; i++)
		if (dev->bar[i].addr && !dev->bar[i].is_io)
			iomem_add(dev->bar[i].addr, dev->bar[i].size_bytes,
				  name);
}

static void scan(void)
{
	me.next_memory = window_start();
	me.next_io = IO_WINDOW_START;
	scan_bus(0, 0);
	if (me.nr_devices)
		iomem_add(window_start(), WINDOW_END - window_start(),
			  "PCI Bus 0000:00");
	for (unsigned int d = 0; d < me.nr_devices; d++) {
		struct x86_pci_dev *dev = &me.devices[d];

		for (unsigned int i = 0; i < 6; i++)
			place_bar(dev, i);
		list_bars(dev);
		x86_pci_write(dev, PCI_COMMAND, 2,
			      x86_pci_read(dev, PCI_COMMAND, 2) | COMMAND_IO |
				      COMMAND_MEMORY | COMMAND_MASTER);
	}
	me.scanned = true;
}

int x86_pci_for_each(int (*fn)(const struct x86_pci_dev *dev, void *arg),
		     void *arg)
{
	int ret = 0;

	if (!me.scanned)
		scan();
	for (unsigned int d = 0; d < me.nr_devices && !ret; d++)
		ret = fn(&me.devices[d], arg);
	return ret;
}

int x86_pci_msix_enable(const struct x86_pci_dev *dev, void *table,
			unsigned int entry, x86_irq_handler handler, void *arg)
{
	unsigned int cap = x86_pci_capability(dev, CAP_MSIX, 0);
	volatile u8 *slot = (volatile u8 *)table + entry * MSIX_ENTRY_SIZE;
	u32 control, data;
	u64 addr;
	int err;

	if (!cap)
		return -ENODEV;
	control = x86_pci_read(dev, cap + MSIX_CONTROL, 2);
	if (entry > (control & 0x7ff))
		return -EINVAL;
	err = x86_register_msi(handler, arg, &addr, &data);
	if (err)
		return err;
	writel((u32)addr, slot);
	writel((u32)(addr >> 32), slot + 4);
	writel(data, slot + 8);
	writel(0, slot + 12); /* not masked */
	x86_pci_write(dev, cap + MSIX_CONTROL, 2,
		      (control | MSIX_ENABLE) & ~MSIX_MASK_ALL);
	return 0;
}
