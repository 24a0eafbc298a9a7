/* SPDX-License-Identifier: MIT */
/*
 * protection_test.c - what the processor itself guards: no address of the
 * kernel is both writable and executable, none is open to programs, and the
 * processor's own protections are on, on every processor.
 */
#include <quire/percpu.h>
#include <quire/pgtable.h>

#include "kernel/sched.h"
#include "port/x86_64/x86.h"
#include "test/test.h"

#define CR0_WP	    (1UL << 16)
#define EFER_NXE    (1UL << 11)
#define TOP_LEVEL   3U
#define NR_SLOTS    512U
#define KERNEL_SLOT 256U		 /* the first of the upper half */
#define KERNEL_HALF 0xffff000000000000UL /* sign of all its addresses */

/* Rights add up on the way down: a leaf has what all levels allow. */
struct rights {
	bool write, exec, user;
};

static struct {
	unsigned long nr_leaves, nr_exec, nr_write_exec, nr_user;
	unsigned long first_wrong;
} seen;

static struct rights narrowed(struct rights r, u64 entry)
{
	return (struct rights){
		.write = r.write && (entry & _PAGE_RW),
		.exec = r.exec && !(entry & _PAGE_NX),
		.user = r.user && (entry & _PAGE_USER),
	};
}

static void look_at_leaf(struct rights r, unsigned long addr)
{
	seen.nr_leaves++;
	seen.nr_exec += r.exec;
	seen.nr_write_exec += r.write && r.exec;
	seen.nr_user += r.user;
	if (!seen.first_wrong && (r.user || (r.write && r.exec)))
		seen.first_wrong = addr;
}

static void look_at_table(phys_addr_t table, unsigned int level,
			  unsigned long addr, struct rights r)
{
	const u64 *entries = __va(table);
	unsigned int i = level == TOP_LEVEL ? KERNEL_SLOT : 0;

	for (; i < NR_SLOTS; i++) {
		unsigned long at = addr | (unsigned long)i << (12 + 9 * level);
		u64 e = READ_ONCE(entries[i]);

		if (!(e & _PAGE_PRESENT))
			continue;
		if (!level || (e & _PAGE_PSE))
			look_at_leaf(narrowed(r, e), at);
		else
			look_at_table(e & PTE_PFN_MASK, level - 1, at,
				      narrowed(r, e));
	}
}

TEST(no_kernel_address_is_writable_and_executable_or_open_to_programs)
{
	const struct rights all = {true, true, true};

	seen.nr_leaves = seen.nr_exec = 0;
	seen.nr_write_exec = seen.nr_user = 0;
	seen.first_wrong = 0;
	look_at_table(read_cr3() & PTE_PFN_MASK, TOP_LEVEL, KERNEL_HALF, all);
	CHECK(seen.nr_leaves > 100);
	CHECK_EQ(seen.first_wrong, 0);
	CHECK_EQ(seen.nr_write_exec, 0);
	CHECK_EQ(seen.nr_user, 0);
	/* Nothing but the kernel's text, in 4 KiB pages. */
	CHECK_EQ(seen.nr_exec,
		 DIV_ROUND_UP(__text_end - __text_start, PAGE_SIZE));
}

static unsigned long read_cr0(void)
{
	unsigned long v;

	__asm__ __volatile__("movq %%cr0, %0" : "=r"(v));
	return v;
}

static void check_processor(void *arg, unsigned int k)
{
	(void)arg;
	(void)k;
	CHECK(read_cr0() & CR0_WP);
	CHECK(rdmsr(MSR_EFER) & EFER_NXE);
	CHECK_EQ(!!(read_cr4() & X86_CR4_SMEP), cpu_has(X86_FEATURE_SMEP));
	CHECK_EQ(!!(read_cr4() & X86_CR4_SMAP), cpu_has(X86_FEATURE_SMAP));
	CHECK_EQ(!!(read_cr4() & X86_CR4_UMIP), cpu_has(X86_FEATURE_UMIP));
}

TEST(every_processor_has_its_protections_on)
{
	test_run_on_cpus(nr_online_cpus(), check_processor, NULL);
}
