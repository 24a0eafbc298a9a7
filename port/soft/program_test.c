/* SPDX-License-Identifier: MIT */
/*
 * program_test.c - threads of one simulated program that map, protect, fork
 * and use memory at once, through the TLB.
 *
 * Each processor owns a slice of the address space and knows what must be in
 * it: the model.  It changes and uses its slice, and looks at the others',
 * where anything may be found but not a stale translation (mmu.c checks every
 * hit).  A fork must see the slice as it was, and keep its changes to itself.
 *
 *	slice   0        1        2        3
 *	        |rr.www.|........|w.w.ww..|........|	one char a page
 */
#include <signal.h>

#include <quire/errno.h>
#include <quire/mm.h>
#include <quire/printk.h>
#include <quire/string.h>
#include <quire/uapi/mman.h>

#include "port/soft/soft.h"
#include "test/test.h"

#define SLICE_PAGES 16
#define NR_SLICES   4
#define BASE	    0x10000000UL
#define SLICE_BYTES (SLICE_PAGES * PAGE_SIZE)
#define FIXED	    (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED)

struct slice {
	unsigned long start;
	/* PROT_* of each page, or UNMAPPED; and the byte it is full of. */
	u8 prot[SLICE_PAGES];
	u8 value[SLICE_PAGES];
};

#define UNMAPPED 0xff

static struct slice slices[NR_SLICES];
static unsigned int nr_steps;
static bool with_failures;

static unsigned long addr_of(const struct slice *s, unsigned int page)
{
	return s->start + page * PAGE_SIZE;
}

/* A run of pages of the slice. */
struct span {
	unsigned int first, nr;
};

static struct span draw_span(unsigned int most)
{
	struct span sp = {.nr = 1 + (unsigned int)test_random_below(most)};

	sp.first = (unsigned int)test_random_below(SLICE_PAGES - sp.nr + 1);
	return sp;
}

static u8 draw_prot(void)
{
	static const u8 prots[] = {
		PROT_NONE,
		PROT_READ,
		PROT_READ | PROT_WRITE,
		PROT_READ | PROT_WRITE,
		PROT_READ | PROT_WRITE | PROT_EXEC,
	};

	return prots[test_random_below(ARRAY_SIZE(prots))];
}

/* ---- failures ---- */

/* Make one of the next allocations fail, mostly one that the step makes. */
static void arm(void)
{
	if (with_failures)
		failure_arm(1 + test_random_below(6));
}

/* Was it that?  Then nothing has changed; all else must succeed. */
static bool no_memory(long err)
{
	if (err != -ENOMEM)
		return false;
	CHECK(failure_was_injected());
	return true;
}

/* An access that is killed for want of memory is made again, with memory. */
static bool killed(int sig)
{
	if (sig != SIGKILL)
		return false;
	CHECK(failure_was_injected());
	failure_arm(0);
	return true;
}

/* ---- one change, made in mm and in the model ---- */

static void do_mmap(struct mm_struct *mm, struct slice *s)
{
	struct span sp = draw_span(SLICE_PAGES);
	unsigned long at = addr_of(s, sp.first);
	u8 prot = draw_prot();
	unsigned long got;

	got = vm_mmap(mm, NULL, at, sp.nr * PAGE_SIZE, prot, FIXED, 0);
	if (no_memory((long)got))
		return;
	CHECK_EQ(got, at);
	memset(s->prot + sp.first, prot, sp.nr);
	memset(s->value + sp.first, 0, sp.nr);
}

static void step_munmap(struct mm_struct *mm, struct slice *s)
{
	struct span sp = draw_span(4);
	int err;

	err = vm_munmap(mm, addr_of(s, sp.first), sp.nr * PAGE_SIZE);
	if (no_memory(err))
		return;
	CHECK_EQ(err, 0);
	memset(s->prot + sp.first, UNMAPPED, sp.nr);
}

static bool all_mapped(const struct slice *s, struct span sp)
{
	for (unsigned int i = 0; i < sp.nr; i++)
		if (s->prot[sp.first + i] == UNMAPPED)
			return false;
	return true;
}

/*
 * A change of protection that ran out of memory has changed the areas in
 * front of the one at hand, and no other: a prefix of the span.
 */
static void learn_protection(struct mm_struct *mm, struct slice *s,
			     struct span sp, u8 prot)
{
	bool in_front = true;

	mmap_read_lock(mm);
	for (unsigned int i = sp.first; i < sp.first + sp.nr; i++) {
		struct vm_area_struct *vma = find_vma(mm, addr_of(s, i));
		u8 now = vma->vm_flags & (VM_READ | VM_WRITE | VM_EXEC);

		in_front &= now == prot;
		CHECK_EQ(now, in_front ? prot : s->prot[i]);
		s->prot[i] = now;
	}
	mmap_read_unlock(mm);
}

static void do_mprotect(struct mm_struct *mm, struct slice *s)
{
	struct span sp = draw_span(6);
	u8 prot = draw_prot();
	int err;

	if (!all_mapped(s, sp))
		return;
	err = vm_mprotect(mm, addr_of(s, sp.first), sp.nr * PAGE_SIZE, prot);
	if (no_memory(err)) {
		learn_protection(mm, s, sp, prot);
		return;
	}
	CHECK_EQ(err, 0);
	memset(s->prot + sp.first, prot, sp.nr);
}

static void do_dontneed(struct mm_struct *mm, struct slice *s)
{
	struct span sp = draw_span(6);

	if (!all_mapped(s, sp))
		return;
	CHECK_EQ(vm_madvise(mm, addr_of(s, sp.first), sp.nr * PAGE_SIZE,
			    MADV_DONTNEED),
		 0);
	memset(s->value + sp.first, 0, sp.nr);
}

static void do_mremap(struct mm_struct *mm, struct slice *s)
{
	unsigned int from = (unsigned int)test_random_below(SLICE_PAGES);
	unsigned int to = (unsigned int)test_random_below(SLICE_PAGES);
	unsigned long got;

	if (from == to || s->prot[from] == UNMAPPED)
		return;
	got = vm_mremap(mm, addr_of(s, from), PAGE_SIZE, PAGE_SIZE,
			MREMAP_MAYMOVE | MREMAP_FIXED, addr_of(s, to));
	if (no_memory((long)got))
		return;
	CHECK_EQ(got, addr_of(s, to));
	s->prot[to] = s->prot[from];
	s->value[to] = s->value[from];
	s->prot[from] = UNMAPPED;
}

/* ---- using it ---- */

static void check_page(struct mm_struct *mm, const struct slice *s,
		       unsigned int page)
{
	bool readable = s->prot[page] != UNMAPPED && s->prot[page] & PROT_READ;
	struct soft_trap trap = {0};
	u8 buf[8];
	int sig;

	do
		sig = soft_load(mm,
				addr_of(s, page) + 8 * test_random_below(512),
				buf, sizeof(buf), &trap);
	while (killed(sig));
	if (!readable) {
		CHECK_EQ(sig, SIGSEGV);
		CHECK_EQ(trap.code,
			 s->prot[page] == UNMAPPED ? SEGV_MAPERR : SEGV_ACCERR);
		return;
	}
	CHECK_EQ(sig, 0);
	for (unsigned int i = 0; i < sizeof(buf); i++)
		CHECK_EQ(buf[i], s->value[page]);
}

static void fill_page(struct mm_struct *mm, struct slice *s, unsigned int page)
{
	bool writable = s->prot[page] != UNMAPPED && s->prot[page] & PROT_WRITE;
	u8 buf[PAGE_SIZE], value = (u8)test_random();
	int sig;

	memset(buf, value, sizeof(buf));
	do
		sig = soft_store(mm, addr_of(s, page), buf, sizeof(buf), NULL);
	while (killed(sig));
	CHECK_EQ(sig, writable ? 0 : SIGSEGV);
	if (writable)
		s->value[page] = value;
}

static void peek_at_others(struct mm_struct *mm)
{
	u8 c;

	soft_load(mm, BASE + test_random_below(NR_SLICES * SLICE_BYTES), &c, 1,
		  NULL);
}

/* ---- fork ---- */

static void use_child(struct mm_struct *child, const struct slice *parent)
{
	struct slice mine = *parent;

	for (unsigned int i = 0; i < SLICE_PAGES; i++)
		check_page(child, &mine, i);
	for (unsigned int i = 0; i < 4; i++)
		fill_page(child, &mine,
			  (unsigned int)test_random_below(SLICE_PAGES));
	do_mprotect(child, &mine);
	do_mremap(child, &mine);
	for (unsigned int i = 0; i < SLICE_PAGES; i++)
		check_page(child, &mine, i);
}

static void do_fork(struct mm_struct *mm, struct slice *s)
{
	struct mm_struct *child = dup_mm(mm);

	if (IS_ERR(child)) {
		CHECK(no_memory(PTR_ERR(child)));
		return;
	}
	if (test_random_below(2)) {
		use_child(child, s);
	} else {
		/* The parent writes first. */
		struct slice was = *s;

		for (unsigned int i = 0; i < SLICE_PAGES; i += 3)
			fill_page(mm, s, i);
		use_child(child, &was);
	}
	mmput(child);
	for (unsigned int i = 0; i < SLICE_PAGES; i++)
		check_page(mm, s, i);
}

/* ---- the program ---- */

static void one_step(struct mm_struct *mm, struct slice *s)
{
	unsigned int page = (unsigned int)test_random_below(SLICE_PAGES);
	u64 what = test_random_below(100);

	if (what < 8)
		do_mmap(mm, s);
	else if (what < 14)
		step_munmap(mm, s);
	else if (what < 22)
		do_mprotect(mm, s);
	else if (what < 27)
		do_dontneed(mm, s);
	else if (what < 32)
		do_mremap(mm, s);
	else if (what < 34)
		do_fork(mm, s);
	else if (what < 60)
		fill_page(mm, s, page);
	else if (what < 90)
		check_page(mm, s, page);
	else
		peek_at_others(mm);
}

static void run_thread(void *arg, unsigned int k)
{
	struct mm_struct *mm = arg;

	for (unsigned int i = 0; i < nr_steps; i++) {
		arm();
		one_step(mm, &slices[k]);
		test_failure_done();
	}
	for (unsigned int i = 0; i < SLICE_PAGES; i++)
		check_page(mm, &slices[k], i);
}

static void run_program(unsigned int nr_cpus, unsigned int steps)
{
	struct mm_struct *mm = mm_alloc();

	CHECK(mm);
	nr_steps = steps;
	for (unsigned int i = 0; i < NR_SLICES; i++) {
		slices[i].start = BASE + i * SLICE_BYTES;
		memset(slices[i].prot, UNMAPPED, SLICE_PAGES);
	}
	test_run_on_cpus(nr_cpus, run_thread, mm);
	soft_tlb_validate(mm);
	mmap_write_lock(mm);
	mm_validate(mm);
	mmap_write_unlock(mm);
	mmput(mm);
}

TEST_SOFT(program_alone_finds_what_it_left)
{
	run_program(1, 4000);
}

TEST_SOFT(program_of_four_threads_finds_what_each_left)
{
	run_program(NR_SLICES, 700);
}

static const struct soft_layout seeded = {
	.mode = SOFT_SEEDED,
	.nr_cpus = NR_SLICES,
	/* Small: entries are replaced all the time. */
	.tlb = {.entries = 16, .ways = 2, .replacement = SOFT_TLB_RANDOM},
};

TEST_MACHINE(program_of_four_threads_by_seed, &seeded)
{
	run_program(NR_SLICES, 200);
}

TEST_SOFT(program_goes_on_when_memory_is_refused)
{
	with_failures = true;
	run_program(1, 4000);
	run_program(NR_SLICES, 700);
}

TEST_MACHINE(program_goes_on_when_memory_is_refused_by_seed, &seeded)
{
	with_failures = true;
	run_program(NR_SLICES, 200);
}

/* Tables of three levels, huge TLBs: nothing is forgotten by chance. */
static const struct soft_layout three_levels = {
	.levels = 3,
	.tlb = {.entries = 4096, .ways = 8},
};

TEST_MACHINE(program_on_three_levels_with_a_large_tlb, &three_levels)
{
	run_program(NR_SLICES, 300);
}

#if CONFIG_HIGHMEM

/* Most pages have no kernel address, and some of those must stay movable. */
static const struct mem_range little_low[] = {
	{16UL << 20, 24UL << 20, 0, MEM_RANGE_USABLE},
	{24UL << 20, 64UL << 20, 0, MEM_RANGE_USABLE},
};
static const struct soft_layout mostly_high = {
	.ranges = little_low,
	.nr_ranges = ARRAY_SIZE(little_low),
	.nr_cpus = NR_SLICES,
	.highmem_start = 24UL << 20,
	.cmdline = "movablecore=16M",
};

TEST_MACHINE(program_in_pages_without_kernel_addresses, &mostly_high)
{
	run_program(1, 2000);
	run_program(NR_SLICES, 500);
	with_failures = true;
	run_program(NR_SLICES, 500);
}

#endif
