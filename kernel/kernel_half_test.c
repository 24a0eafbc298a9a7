/* SPDX-License-Identifier: MIT */
/*
 * kernel_half_test.c - what the kernel maps is there for every process at
 * once, also for those that were made before.
 *
 * All processes share the tables below the kernel's top-level entries
 * (port->pgd_init), so that nothing has to be brought up to date and a fault
 * at a vmalloc address is always a bug.  Each processor runs here on the
 * tables of a process of its own, as a thread of that process would in a
 * system call; the first one maps, and takes away again, what all look at.
 *
 *	cpu 0  process 0  | map   . write | read | unmap, purge | map ...
 *	cpu 1  process 1  | read the old  | read |              |
 *	                 meet            meet   meet
 */
#include <quire/mm.h>
#include <quire/percpu.h>
#include <quire/pgtable.h>
#include <quire/port.h>
#include <quire/printk.h>
#include <quire/slab.h>
#include <quire/vmalloc.h>

#include "kernel/sched.h"
#include "port/x86_64/x86.h"
#include "test/test.h"

#define NR_ROUNDS   8U
#define NR_PAGES    3U
#define LARGE_BYTES ((2UL << 20) + PAGE_SIZE)

static struct {
	unsigned int nr; /* processors */
	struct mm_struct *mm[NR_CPUS];
	u32 nr_met;
	u32 nr_wrong; /* atomic */
	u8 *small, *large, *joined;
	u32 *counter;		/* per CPU */
	u8 *far[NR_ROUNDS];	/* each in a GiB of its own: new tables */
	unsigned long first;	/* the small area's address in round 0 */
	unsigned int nr_reused; /* rounds in which it was that again */
	struct page *frame;
} kh;

/* As a program's thread: these are its tables until leave_mm(). */
static void enter_mm(struct mm_struct *mm)
{
	unsigned long flags = local_irq_save();
	struct mm_struct *lazy = current->active_mm;

	current->mm = current->active_mm = mm;
	x86_switch_mm(mm);
	local_irq_restore(flags);
	if (lazy)
		mmdrop(lazy);
}

static void leave_mm(struct mm_struct *mm)
{
	unsigned long flags;

	mmgrab(mm);
	flags = local_irq_save();
	current->active_mm = mm;
	WRITE_ONCE(current->mm, NULL);
	local_irq_restore(flags);
	drop_lazy_mm();
}

/* Nobody goes on before all are here. */
static void meet(void)
{
	u32 n = __atomic_add_fetch(&kh.nr_met, 1, __ATOMIC_ACQ_REL);
	u32 all = (n + kh.nr - 1) / kh.nr * kh.nr;

	while (smp_load_acquire(&kh.nr_met) < all)
		port->yield();
}

static void expect(bool ok)
{
	if (!ok)
		__atomic_fetch_add(&kh.nr_wrong, 1, __ATOMIC_RELAXED);
}

static void map_all(unsigned int round)
{
	kh.small = vmalloc(NR_PAGES * PAGE_SIZE);
	kh.large = vmalloc(LARGE_BYTES);
	kh.joined = vmap(&kh.frame, 1, VM_MAP, PAGE_KERNEL);
	kh.far[round] =
		__vmalloc_node(PAGE_SIZE, 1UL << 30, GFP_KERNEL, 0, NULL);
	kh.counter = __alloc_percpu(pcpu_unit_size, 8); /* a new chunk */
	if (!kh.small || !kh.large || !kh.joined || !kh.far[round] ||
	    !kh.counter)
		panic("no memory for a test");
	for (unsigned int i = 0; i < NR_PAGES; i++)
		kh.small[i * PAGE_SIZE] = (u8)(16 * round + i);
	kh.large[0] = kh.large[LARGE_BYTES - 1] = (u8)(round + 1);
	kh.joined[0] = (u8)(round + 2);
	kh.far[round][0] = (u8)(round + 3);
	if (!round)
		kh.first = (unsigned long)kh.small;
	else
		kh.nr_reused += (unsigned long)kh.small == kh.first;
}

/* The addresses are others' in the next round, or have other frames. */
static void unmap_all(void)
{
	struct page *frame = kh.frame;

	vfree(kh.small);
	vfree(kh.large);
	vunmap(kh.joined);
	free_percpu(kh.counter);
	vm_unmap_aliases();
	kh.frame = alloc_page(GFP_KERNEL);
	if (!kh.frame)
		panic("no memory for a test");
	__free_page(frame);
}

static void look_at_all(unsigned int round, const struct mm_struct *mm)
{
	expect((read_cr3() & PTE_PFN_MASK) == __pa(mm->pgd));
	for (unsigned int i = 0; i < NR_PAGES; i++)
		expect(READ_ONCE(kh.small[i * PAGE_SIZE]) ==
		       (u8)(16 * round + i));
	expect(READ_ONCE(kh.large[0]) == (u8)(round + 1));
	expect(READ_ONCE(kh.large[LARGE_BYTES - 1]) == (u8)(round + 1));
	expect(READ_ONCE(kh.joined[0]) == (u8)(round + 2));
	for (unsigned int i = 0; i <= round; i++)
		expect(READ_ONCE(kh.far[i][0]) == (u8)(i + 3));
	expect(this_cpu_read(*kh.counter) == 0);
	this_cpu_inc(*kh.counter);
	expect(this_cpu_read(*kh.counter) == 1);
}

static void run_as_process(void *arg, unsigned int k)
{
	struct mm_struct *mm = kh.mm[k];

	(void)arg;
	enter_mm(mm);
	for (unsigned int round = 0; round < NR_ROUNDS; round++) {
		meet();
		if (k == 0)
			map_all(round);
		meet();
		look_at_all(round, mm);
		meet();
		if (k == 0)
			unmap_all();
	}
	leave_mm(mm);
}

TEST(what_the_kernel_maps_older_processes_see_without_a_fault)
{
	u64 nr_faults;
	u64 word;

	kh.nr = nr_online_cpus();
	kh.nr_met = kh.nr_wrong = kh.nr_reused = 0;
	kh.frame = alloc_page(GFP_KERNEL);
	CHECK(kh.frame);
	for (unsigned int k = 0; k < kh.nr; k++) {
		kh.mm[k] = mm_alloc();
		CHECK(kh.mm[k]);
	}
	nr_faults = x86_nr_kernel_faults();
	CHECK_EQ(test_run_on_cpus(kh.nr, run_as_process, NULL), kh.nr);
	CHECK_EQ(x86_nr_kernel_faults(), nr_faults);
	CHECK_EQ(kh.nr_wrong, 0);
	/* Translations of an older round would have been found. */
	CHECK(kh.nr_reused > 0);
	/* The count does count: behind each area is a page without memory. */
	CHECK_EQ(x86_probe_read((unsigned long)kh.far[0] + PAGE_SIZE, &word),
		 1);
	CHECK_EQ(x86_nr_kernel_faults(), nr_faults + 1);
	for (unsigned int k = 0; k < kh.nr; k++)
		mmput(kh.mm[k]);
	for (unsigned int i = 0; i < NR_ROUNDS; i++)
		vfree(kh.far[i]);
	__free_page(kh.frame);
	vmalloc_validate();
}
