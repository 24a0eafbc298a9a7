/* SPDX-License-Identifier: MIT */
/*
 * pagetable.c - the kernel's address space, before and under mm/pgtable.
 *
 * 1. Layout.
 *
 *	0                    .. 0x00007fffffffefff  programs
 *	0xffff888000000000   .. + top of RAM        direct map: all RAM, NX
 *	0xffffc90000000000   .. + 512 GiB           vmalloc, stacks, ioremap
 *	0xffffea0000000000   .. + 128 GiB at most   page array, several nodes
 *	0xffffffff80100000   .. + 3 MiB at most     the kernel's image
 *	0xffffffffff400000   .. + 2 MiB             fixmap: APIC registers
 *
 * 2. Rights.  No address is both writable and executable.  The image is
 *    mapped in 4 KiB pages by its three parts, and so are the first 4 MiB of
 *    the direct map, in which text and constants are read-only as well: the
 *    alias must not undo the protection.  Address 0 is never mapped; the page
 *    below the boot stack is not either.
 * 3. The direct map uses 1 GiB leaves where all of the GiB is RAM and the
 *    processor has them, else 2 MiB.  A 2 MiB leaf may reach beyond the end
 *    of RAM; nothing but RAM is ever accessed through it.
 * 4. Tables come from a bump allocator over the RAM behind the kernel's image
 *    (below 1 GiB, where the boot tables reach).  It is closed before
 *    mm_init(), which gets its frames as reserved; mm/pgtable adopts them and
 *    makes the top-level entries of the vmalloc range.  From then on top-level
 *    kernel entries never change, so an address space takes them over once.
 * 5. Failure: without memory for tables there is no machine: panic.
 *
 * Source: Intel SDM volume 3A, chapter 4.
 */
#include <quire/pgtable.h>
#include <quire/string.h>

#include "port/x86_64/x86.h"

#define SIZE_2M	       (2UL << 20)
#define SIZE_1G	       (1UL << 30)
#define FIXMAP_BASE    0xffffffffff400000UL
#define BOOT_MAP_END   SIZE_1G /* what the boot tables map */
#define TOP_SLOT(addr) ((addr) >> 39 & 511)

static struct {
	const struct boot_map *map;
	phys_addr_t early_start, early_next; /* bump allocator */
	phys_addr_t early_end;
	bool live; /* our tables are loaded: reach tables by __va() */
	bool sealed;
	void *(*new_table)(void); /* mm_init()'s, while it lends it */
	phys_addr_t root;
	u16 kernel_slots[8]; /* top-level entries in use */
	unsigned int nr_kernel_slots;
} pt;

/* ---- early frames ---- */

static bool overlaps_taken(phys_addr_t start, phys_addr_t end,
			   phys_addr_t *past)
{
	for (unsigned int i = 0; i < pt.map->nr_taken; i++) {
		const struct boot_range *r = &pt.map->taken[i];

		if (start < r->end && r->start < end) {
			*past = ALIGN(r->end, PAGE_SIZE);
			return true;
		}
	}
	return false;
}

/* The lowest size bytes of untaken RAM between the image and BOOT_MAP_END. */
static phys_addr_t find_early(size_t size)
{
	for (unsigned int i = 0; i < pt.map->nr_ranges; i++) {
		const struct boot_range *r = &pt.map->ranges[i];
		phys_addr_t start = max(r->start, image_pa(__image_end));

		if (r->type != E820_RAM)
			continue;
		start = ALIGN(start, PAGE_SIZE);
		while (start + size <= min(r->end, BOOT_MAP_END)) {
			if (!overlaps_taken(start, start + size, &start))
				return start;
		}
	}
	x86_panic("no memory for the kernel's page tables");
}

static pte_t *table_at(phys_addr_t pa)
{
	if (pt.live)
		return __va(pa);
	return (pte_t *)(KERNEL_IMAGE_BASE + pa);
}

static phys_addr_t early_table(void)
{
	phys_addr_t pa = pt.early_next;

	if (pt.new_table)
		return __pa(pt.new_table());
	if (pt.sealed || pa + PAGE_SIZE > pt.early_end)
		x86_panic("out of early page tables");
	pt.early_next += PAGE_SIZE;
	memset(table_at(pa), 0, PAGE_SIZE);
	return pa;
}

/* The table below this entry of a table at a level, made if missing. */
static pte_t *descend(pte_t *entry)
{
	if (pte_none(*entry))
		*entry = __pte(early_table() | PAGE_TABLE_KERNEL);
	return table_at(pte_val(*entry) & PTE_PFN_MASK);
}

static pte_t *early_entry(unsigned long va, unsigned int level)
{
	pte_t *table = table_at(pt.root);

	for (unsigned int l = 3; l > level; l--)
		table = descend(&table[va >> (12 + 9 * l) & 511]);
	return &table[va >> (12 + 9 * level) & 511];
}

/* ---- the parts of the image ---- */

/* Rights of a page of the image, by its physical address; 0: not mapped. */
static u64 image_prot(phys_addr_t pa)
{
	if (pa >= image_pa(__text_start) && pa < image_pa(__text_end))
		return PAGE_KERNEL_ROX;
	if (pa >= image_pa(__rodata_start) && pa < image_pa(__rodata_end))
		return PAGE_KERNEL_RO;
	if (pa == image_pa(x86_boot_guard))
		return 0;
	return PAGE_KERNEL;
}

static void map_image(void)
{
	for (phys_addr_t pa = image_pa(__image_start);
	     pa < image_pa(__image_end); pa += PAGE_SIZE) {
		u64 prot = image_prot(pa);

		if (prot)
			*early_entry(KERNEL_IMAGE_BASE + pa, 0) =
				__pte(pa | prot);
	}
}

/* ---- the direct map ---- */

/* The low 4 MiB, in small pages, because of the image's alias. */
static void map_low(void)
{
	for (phys_addr_t pa = 0; pa < KERNEL_IMAGE_LIMIT; pa += PAGE_SIZE) {
		u64 prot = image_prot(pa) | _PAGE_NX;

		if (!(prot & _PAGE_PRESENT)) /* the guard: data elsewhere */
			prot = PAGE_KERNEL;
		*early_entry(PAGE_OFFSET + pa, 0) = __pte(pa | prot);
	}
}

/* [pa, end), multiples of 2 MiB within one GiB: its table filled at one go. */
static void map_gib_part(phys_addr_t pa, phys_addr_t end, bool whole)
{
	pte_t *gib = early_entry(PAGE_OFFSET + pa, 2), *e;

	if (pte_present(*gib) && pte_leaf(*gib))
		return;
	if (whole && pte_none(*gib)) {
		*gib = __pte(pa | PAGE_KERNEL | _PAGE_PSE);
		return;
	}
	for (e = descend(gib) + (pa >> 21 & 511); pa < end; pa += SIZE_2M, e++)
		if (pte_none(*e))
			*e = __pte(pa | PAGE_KERNEL | _PAGE_PSE);
}

static void map_direct(phys_addr_t start, phys_addr_t end)
{
	phys_addr_t pa = max(ALIGN_DOWN(start, SIZE_2M),
			     (phys_addr_t)KERNEL_IMAGE_LIMIT);
	phys_addr_t next;

	for (; pa < end; pa = next) {
		next = ALIGN_DOWN(pa, SIZE_1G) + SIZE_1G;
		map_gib_part(pa, min(next, ALIGN(end, SIZE_2M)),
			     cpu_has(X86_FEATURE_GBPAGES) && pa >= start &&
				     next <= end && next - pa == SIZE_1G);
	}
}

void pagetable_map_direct(phys_addr_t pa, size_t size)
{
	map_direct(pa, pa + size);
}

/*
 * An upper bound for the tables: root, image (3), fixmap (2), low (4), and
 * for every GiB that has RAM one, and for every 512 GiB one.  Some to spare
 * for what ACPI's tables may need.
 */
static size_t tables_bound(const struct boot_map *map)
{
	size_t nr_tables = 16;

	for (unsigned int i = 0; i < map->nr_ranges; i++) {
		const struct boot_range *r = &map->ranges[i];
		u64 gib = (r->end >> 30) - (r->start >> 30) + 1;

		if (r->type != E820_RAM)
			continue;
		nr_tables += gib / 512 + 2;
		nr_tables += cpu_has(X86_FEATURE_GBPAGES) ? 2 : gib;
	}
	return nr_tables * PAGE_SIZE;
}

static void remember_kernel_slots(const pte_t *root)
{
	pt.nr_kernel_slots = 0;
	for (unsigned int i = 256; i < PTRS_PER_TABLE; i++) {
		if (pte_none(root[i]))
			continue;
		if (pt.nr_kernel_slots == ARRAY_SIZE(pt.kernel_slots))
			x86_panic("too many top-level kernel entries");
		pt.kernel_slots[pt.nr_kernel_slots++] = (u16)i;
	}
}

void pagetable_init(const struct boot_map *map)
{
	size_t bound = tables_bound(map);

	pt.map = map;
	pt.early_start = find_early(bound);
	pt.early_next = pt.early_start;
	pt.early_end = pt.early_start + bound;
	pt.root = early_table();
	map_image();
	map_low();
	/* The fixmap's table, so that a device page needs no allocation. */
	early_entry(FIXMAP_BASE, 0);
	/* First where our own tables lie, to reach them once switched over. */
	map_direct(pt.early_start, pt.early_end);
	for (unsigned int i = 0; i < map->nr_ranges; i++) {
		if (map->ranges[i].type == E820_RAM)
			map_direct(map->ranges[i].start, map->ranges[i].end);
	}
	write_cr3(pt.root);
	pt.live = true;
	init_pgd = __va(pt.root);
}

void pagetable_seal(phys_addr_t *start, phys_addr_t *end)
{
	pt.sealed = true;
	*start = pt.early_start;
	*end = pt.early_next;
}

/* port->map_page_array; these tables are adopted with the others. */
void pagetable_map_page_array(void *addr, phys_addr_t pa, size_t size,
			      void *(*new_table)(void))
{
	unsigned long va = (unsigned long)addr, end = va + size, stop;

	pt.new_table = new_table;
	while (va < end) {
		bool large =
			IS_ALIGNED(va | pa, SIZE_2M) && end - va >= SIZE_2M;
		unsigned long step = large ? SIZE_2M : PAGE_SIZE;
		u64 prot = large ? PAGE_KERNEL | _PAGE_PSE : PAGE_KERNEL;
		pte_t *e = early_entry(va, large);

		/* As far as this table goes. */
		stop = min(end, ALIGN(va + 1, large ? SIZE_1G : SIZE_2M));
		for (; stop - va >= step && va < stop; va += step, pa += step)
			*e++ = __pte(pa | prot);
	}
	pt.new_table = NULL;
}

volatile void *fixmap_device(enum fixmap_slot slot, phys_addr_t pa)
{
	unsigned long va = FIXMAP_BASE + slot * PAGE_SIZE;
	pte_t *e = early_entry(va, 0);

	/* Sealed, the tables are mm/pgtable's, which counts their entries. */
	if (pt.sealed && pte_none(ptep_get(e)))
		table_page(e)->table.nr_used++;
	set_pte(e, __pte((pa & PAGE_MASK) | PAGE_KERNEL_NOCACHE));
	arch_flush_tlb_one(va);
	return (volatile void *)(va + (pa & ~PAGE_MASK));
}

/*
 * port->pgd_init.  The entries are looked for when the first address space is
 * made, after pgtable_init(); from then on they never change.
 */
void pagetable_copy_kernel(void *pgd)
{
	pte_t *to = pgd;

	if (unlikely(!pt.nr_kernel_slots))
		remember_kernel_slots(init_pgd);
	for (unsigned int i = 0; i < pt.nr_kernel_slots; i++)
		to[pt.kernel_slots[i]] = init_pgd[pt.kernel_slots[i]];
}
