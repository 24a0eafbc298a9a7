/* SPDX-License-Identifier: MIT */
/*
 * soft.c - the simulated machine: its memory, its services, its start.
 *
 * 1. Memory.  Physical memory is a sparse memory file, mapped once as a whole:
 *    that mapping is the direct map.  Holes are mapped without access, so that
 *    the first touch of a frame that is not there is seen.
 * 2. Kernel addresses.  The vmalloc range is reserved address space of the
 *    host.  sync_kernel_mappings() maps pieces of the memory file where the
 *    page tables say; flush_tlb_range(NULL, ...) takes the access away again
 *    where they say nothing any more.  Code that uses memory after vfree()
 *    thus stops on the spot.  kernel_lock makes reading the tables and
 *    changing the host's mappings one step, since a flush may cover ranges
 *    that others are just filling.
 * 3. Time and chance come from the host's clock and the seed in threads mode,
 *    from the seed and the number of steps alone in seeded mode.
 * 4. Failure.  What the host refuses at the start ends the process; a mapping
 *    it refuses later is -ENOMEM.
 */
#define _GNU_SOURCE
#include "port/soft/soft.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <quire/errno.h>
#include <quire/gfp.h>
#include <quire/mm.h>
#include <quire/pgtable.h>
#include <quire/printk.h>

#define MIB (1UL << 20)
#define GIB (1UL << 30)

/* ASan and TSan bring this; it names functions and lines. */
extern void __sanitizer_print_stack_trace(void) __attribute__((weak));

u64 soft_default_seed = 1;

static struct {
	bool booted;
	int ram_fd;
	size_t ram_bytes; /* end of the highest range */
	pthread_mutex_t kernel_lock;
	struct timespec start;
} soft = {.ram_fd = -1, .kernel_lock = PTHREAD_MUTEX_INITIALIZER};

/* A test that wants to see a panic; per thread. */
static __thread struct catcher {
	jmp_buf back;
	char *text;
	size_t size;
} * catcher;

/*
 * 64 MiB in all three zones, with the PC's hole below 1 MiB, one at 8 MiB, one
 * at 40 MiB, and the "kernel image" reserved.
 */
static const struct mem_range default_ranges[] = {
	{0x1000, 0x9f000, 0, MEM_RANGE_USABLE},
	{1 * MIB, 8 * MIB, 0, MEM_RANGE_USABLE},
	{1 * MIB, 1 * MIB + 0x80000, 0, MEM_RANGE_RESERVED},
	{16 * MIB, 40 * MIB, 0, MEM_RANGE_USABLE},
	{64 * MIB, 72 * MIB, 0, MEM_RANGE_USABLE},
	{4 * GIB, 4 * GIB + 24 * MIB, 0, MEM_RANGE_USABLE},
};

/* ---- port services ---- */

static void soft_log(const char *text, size_t len)
{
	fwrite(text, 1, len, stderr);
}

static void __noreturn soft_panic(const char *text)
{
	if (catcher) {
		strscpy(catcher->text, text, catcher->size);
		longjmp(catcher->back, 1);
	}
	fprintf(stderr, "panic: CPU %u: %s\n", soft_self.cpu, text);
	if (__sanitizer_print_stack_trace)
		__sanitizer_print_stack_trace();
	abort();
}

bool soft_catch_panic(void (*fn)(void *arg), void *arg, char *text, size_t size)
{
	struct catcher mine = {.text = text, .size = size};
	struct soft_self was = soft_self;
	bool caught = true;

	text[0] = '\0';
	catcher = &mine;
	if (!setjmp(mine.back)) {
		fn(arg);
		caught = false;
	}
	catcher = NULL;
	soft_self = was;
	return caught;
}

static u64 soft_time_ns(void)
{
	struct timespec now;

	if (soft_arch.seeded)
		return soft_steps() * 1000;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)(now.tv_sec - soft.start.tv_sec) * 1000000000 +
	       (u64)now.tv_nsec - (u64)soft.start.tv_nsec;
}

/* ---- kernel addresses ---- */

/* A run of leaves that are neighbours on both sides and alike. */
struct run {
	unsigned long start, end; /* virtual */
	phys_addr_t pa;
	int prot;
	int err;
	unsigned long last; /* of the walk, for gaps */
};

static void map_run(struct run *run)
{
	void *at = (void *)run->start;
	size_t len = run->end - run->start;

	if (len == 0 || run->err)
		return;
	if (run->pa + len > soft.ram_bytes ||
	    mmap(at, len, run->prot, MAP_SHARED | MAP_FIXED, soft.ram_fd,
		 (off_t)run->pa) != at)
		run->err = -ENOMEM;
}

static int add_leaf(pte_t *ptep, unsigned int level, unsigned long addr,
		    void *arg)
{
	struct run *run = arg;
	pte_t pte = ptep_get(ptep);
	phys_addr_t pa = pte_val(pte) & PTE_PFN_MASK;
	int prot = pte_write(pte) ? PROT_READ | PROT_WRITE : PROT_READ;

	if (!pte_present(pte))
		return 0;
	if (addr != run->end || pa != run->pa + (run->end - run->start) ||
	    prot != run->prot) {
		map_run(run);
		run->start = addr;
		run->pa = pa;
		run->prot = prot;
	}
	run->end = addr + pgtable_size(level);
	return run->err;
}

static int soft_sync_kernel_mappings(unsigned long start, unsigned long end)
{
	struct run run = {.start = start, .end = start};

	pthread_mutex_lock(&soft.kernel_lock);
	pgtable_for_each(init_pgd, start, end, add_leaf, &run);
	map_run(&run);
	pthread_mutex_unlock(&soft.kernel_lock);
	return run.err;
}

static void revoke_range(unsigned long start, unsigned long end)
{
	if (start < end &&
	    mmap((void *)start, end - start, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
		 0) == MAP_FAILED)
		panic("soft: cannot revoke kernel addresses");
}

static int skip_leaf(pte_t *ptep, unsigned int level, unsigned long addr,
		     void *arg)
{
	struct run *run = arg;

	if (!pte_present(ptep_get(ptep)))
		return 0;
	revoke_range(run->last, addr);
	run->last = addr + pgtable_size(level);
	return 0;
}

static void flush_kernel(unsigned long start, unsigned long end)
{
	struct run run = {.last = start};

	/* What is not ours to revoke: the direct map has no tables here. */
	start = max(start, VMALLOC_START);
	end = min(end, VMALLOC_END);
	if (start >= end)
		return;
	run.last = start;
	pthread_mutex_lock(&soft.kernel_lock);
	pgtable_for_each(init_pgd, start, end, skip_leaf, &run);
	revoke_range(run.last, end);
	pthread_mutex_unlock(&soft.kernel_lock);
}

static void soft_flush_tlb_range(struct mm_struct *mm, unsigned long start,
				 unsigned long end, bool freed_tables)
{
	if (mm)
		soft_flush_user(mm, start, end, freed_tables);
	else
		flush_kernel(start, end);
}

/* The software MMU translates user addresses only: nothing to share. */
static void soft_pgd_init(void *pgd)
{
	(void)pgd;
}

static void soft_map_page_array(void *addr, phys_addr_t pa, size_t size,
				void *(*new_table)(void));

static const struct port_ops soft_ops = {
	.log = soft_log,
	.panic = soft_panic,
	.time_ns = soft_time_ns,
	.random = soft_random,
	.wait = soft_wait,
	.wake = soft_wake,
	.yield = soft_yield,
	.flush_tlb_range = soft_flush_tlb_range,
	.sync_kernel_mappings = soft_sync_kernel_mappings,
	.pgd_init = soft_pgd_init,
	.map_page_array = soft_map_page_array,
};

static const struct soft_machine soft_machine = {
	.sched_point = soft_sched_point,
	.relax = soft_relax,
	.flush_tlb_one = soft_flush_tlb_one,
};

/* ---- start ---- */

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "soft machine: %s\n", what);
	abort();
}

/* Address space without memory, aligned to a power of two. */
static char *reserve(size_t bytes, size_t align)
{
	char *base = mmap(NULL, bytes + align, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	need(base != MAP_FAILED, "no address space");
	return (char *)ALIGN((uintptr_t)base, align);
}

/* Map the frames of all ranges below limit at base. */
static void map_ram(const struct soft_layout *lo, char *base, phys_addr_t limit)
{
	for (unsigned int i = 0; i < lo->nr_ranges; i++) {
		const struct mem_range *r = &lo->ranges[i];
		phys_addr_t start = ALIGN_DOWN(r->start, PAGE_SIZE);
		phys_addr_t end = min(ALIGN(r->end, PAGE_SIZE), limit);
		char *at = base + start;

		if (r->type == MEM_RANGE_FIRMWARE || start >= end)
			continue;
		need(mmap(at, end - start, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_FIXED | MAP_NORESERVE, soft.ram_fd,
			  (off_t)start) == at,
		     "cannot map the memory file");
	}
}

void arch_kmap_set(unsigned int slot, phys_addr_t pa)
{
	void *at = arch_kmap_addr(slot);

	need(mmap(at, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		  soft.ram_fd, (off_t)pa) == at,
	     "cannot map a frame");
}

/* Who uses the address on stops there. */
void arch_kmap_clear(unsigned int slot)
{
	void *at = arch_kmap_addr(slot);

	need(mmap(at, PAGE_SIZE, PROT_NONE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
		  0) == at,
	     "cannot unmap a frame");
}

/* No tables: the kernel's addresses are the host's. */
static void soft_map_page_array(void *addr, phys_addr_t pa, size_t size,
				void *(*new_table)(void))
{
	(void)new_table;
	need(mmap(addr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		  soft.ram_fd, (off_t)pa) == addr,
	     "cannot map the page array");
}

static void *reserve_page_array(void)
{
	size_t nr_pages = ALIGN(soft.ram_bytes, 2 * MIB) >> PAGE_SHIFT;

	return reserve(nr_pages * sizeof(struct page), 2 * MIB);
}

static void make_ram(const struct soft_layout *lo)
{
	phys_addr_t limit = ~(phys_addr_t)0;

	for (unsigned int i = 0; i < lo->nr_ranges; i++)
		soft.ram_bytes = max(soft.ram_bytes, lo->ranges[i].end);
	soft.ram_bytes = ALIGN(soft.ram_bytes, PAGE_SIZE);
	soft.ram_fd = memfd_create("quire-ram", MFD_CLOEXEC);
	need(soft.ram_fd >= 0 &&
		     ftruncate(soft.ram_fd, (off_t)soft.ram_bytes) == 0,
	     "no memory file");
	soft_arch.ram = soft_arch.bus = reserve(soft.ram_bytes, 2 * MIB);
	if (lo->highmem_start) {
		need(CONFIG_HIGHMEM, "built without CONFIG_HIGHMEM");
		limit = lo->highmem_start;
		soft_arch.bus = reserve(soft.ram_bytes, 2 * MIB);
		map_ram(lo, soft_arch.bus, ~(phys_addr_t)0);
		soft_arch.kmap = reserve(ARCH_KMAP_SLOTS * PAGE_SIZE, MIB);
	}
	map_ram(lo, soft_arch.ram, limit);
}

static struct soft_layout with_defaults(const struct soft_layout *layout)
{
	struct soft_layout lo = {0};

	if (layout)
		lo = *layout;
	if (!lo.ranges) {
		lo.ranges = default_ranges;
		lo.nr_ranges = ARRAY_SIZE(default_ranges);
	}
	lo.nr_cpus = lo.nr_cpus ? lo.nr_cpus : 8;
	lo.nr_nodes = lo.nr_nodes ? lo.nr_nodes : 1;
	lo.seed = lo.seed ? lo.seed : soft_default_seed;
	lo.levels = lo.levels ? lo.levels : 4;
	lo.vmalloc_bytes = lo.vmalloc_bytes ? lo.vmalloc_bytes : 256 * MIB;
	lo.tlb.entries = lo.tlb.entries ? lo.tlb.entries : 64;
	lo.tlb.ways = lo.tlb.ways ? lo.tlb.ways : 4;
	/* As zones are cut. */
	lo.highmem_start = ALIGN_DOWN(lo.highmem_start, PAGE_SIZE << MAX_ORDER);
	need(lo.nr_cpus <= NR_CPUS, "too many processors");
	need(lo.levels >= 2 && lo.levels <= 5, "2 to 5 levels");
	need(lo.tlb.entries % lo.tlb.ways == 0, "ways divide entries");
	return lo;
}

void soft_boot(const struct soft_layout *layout)
{
	struct soft_layout lo = with_defaults(layout);
	struct mm_boot boot = {
		.ranges = lo.ranges,
		.nr_ranges = lo.nr_ranges,
		.nr_cpus = lo.nr_cpus,
		.nr_nodes = lo.nr_nodes,
		.distances = lo.distances,
		.cpu_to_node = lo.cpu_to_node,
		.has_highmem = lo.highmem_start != 0,
		.highmem_start = lo.highmem_start,
		.cmdline = lo.cmdline,
	};

	need(!soft.booted, "a process holds one machine");
	soft.booted = true;
	clock_gettime(CLOCK_MONOTONIC, &soft.start);
	make_ram(&lo);
	boot.page_array = reserve_page_array();
	soft_arch.vmalloc_start =
		(unsigned long)reserve(lo.vmalloc_bytes, lo.vmalloc_bytes);
	soft_arch.vmalloc_end = soft_arch.vmalloc_start + lo.vmalloc_bytes;
	soft_arch.levels = lo.levels;
	/* The lower half of what the levels reach, without its last page. */
	soft_arch.task_size =
		(1UL << (PAGE_SHIFT + PTRS_SHIFT * lo.levels - 1)) - PAGE_SIZE;
	soft_arch.machine = &soft_machine;
	soft_arch.seeded = lo.mode == SOFT_SEEDED;
	soft_cpu_init(lo.seed, lo.nr_cpus);
	soft_mmu_init(&lo.tlb, lo.seed, lo.nr_cpus);
	port = &soft_ops;
	soft_self.irqs_off = true;
	mm_init(&boot, &soft_ops);
	soft_self.irqs_off = false;
}
