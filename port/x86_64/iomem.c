/* SPDX-License-Identifier: MIT */
/*
 * iomem.c - who has which physical addresses, as far as the machine knows.
 *
 * Each part of the port tells what it found when it starts: the firmware's
 * memory map, the kernel's image, APICs, the devices' memory.  Nothing goes
 * away again.  Order and overlaps are the reader's business.
 *
 * Locking.  Only the boot processor adds, while it starts the machine; the
 * count is published after the entry, so anyone may read at any time.
 */
#include <quire/show.h>
#include <quire/string.h>

#include "port/x86_64/x86.h"

/* The map of memory, a few bars of each device, and the fixed ones. */
#define IOMEM_MAX (BOOT_MAP_MAX + 160)

static struct {
	struct mm_resource resources[IOMEM_MAX];
	unsigned int nr;
} me;

void iomem_add(phys_addr_t start, u64 size_bytes, const char *name)
{
	struct mm_resource *r = &me.resources[me.nr];

	if (!size_bytes || me.nr == IOMEM_MAX)
		return; /* what does not fit is not shown */
	r->start = start;
	r->last = start + size_bytes - 1;
	strscpy(r->name, name, sizeof(r->name));
	smp_store_release(&me.nr, me.nr + 1);
}

unsigned int x86_iomem(const struct mm_resource **resources)
{
	*resources = me.resources;
	return smp_load_acquire(&me.nr);
}
