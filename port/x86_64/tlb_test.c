/* SPDX-License-Identifier: MIT */
/*
 * tlb_test.c - after a flush no processor uses the old translation, and
 * flushes of several processors at once do not wait for each other for ever.
 */
#include "tlb.c"

#include <quire/vmalloc.h>

#include "test/test.h"

#define ROUNDS	 200
#define NR_PAGES 40 /* more than FLUSH_ALL_PAGES */

/*
 *	CPU 0            others
 *	map frame n
 *	flush
 *	turn = 2n + 1 -> read: must be n
 *	         <------ nr_done++
 */
struct remap {
	volatile u32 *va;
	struct page *frames[2];
	u32 turn;
	u32 nr_done;
	u32 nr_others;
	u32 nr_stale;
	size_t flush_bytes;
};

static void map_frame(struct remap *r, u32 n)
{
	unsigned int level;
	pte_t *ptep = pgtable_lookup(init_pgd, (uintptr_t)r->va, &level);

	ptep_get_and_clear(ptep);
	set_pte(ptep, pfn_pte(page_to_pfn(r->frames[n & 1]), PAGE_KERNEL));
	tlb_flush_range(NULL, (uintptr_t)r->va,
			(uintptr_t)r->va + r->flush_bytes, false);
}

static void read_after_flush(struct remap *r, u32 n)
{
	while (READ_ONCE(r->turn) <= n)
		cpu_relax();
	if (*r->va != (n & 1))
		__atomic_fetch_add(&r->nr_stale, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&r->nr_done, 1, __ATOMIC_SEQ_CST);
}

static void remap_or_read(void *arg, unsigned int k)
{
	struct remap *r = arg;

	for (u32 n = 0; n < ROUNDS; n++) {
		if (k) {
			read_after_flush(r, n);
			continue;
		}
		map_frame(r, n);
		smp_store_release(&r->turn, n + 1);
		while (READ_ONCE(r->nr_done) < (n + 1) * r->nr_others)
			cpu_relax();
	}
}

static unsigned int nr_online(void)
{
	unsigned int n = 0;

	for (unsigned int cpu = 0; cpu < x86_nr_cpus(); cpu++)
		n += x86_cpu_online(cpu);
	return n;
}

static void check_remap(size_t flush_bytes)
{
	struct remap r = {.nr_others = nr_online() - 1,
			  .flush_bytes = flush_bytes};
	struct page *own;
	void *area = vmalloc(NR_PAGES * PAGE_SIZE);

	CHECK(area != NULL);
	r.va = area;
	own = vmalloc_to_page(area);
	for (u32 i = 0; i < 2; i++) {
		r.frames[i] = alloc_page(GFP_KERNEL);
		CHECK(r.frames[i] != NULL);
		*(u32 *)page_address(r.frames[i]) = i;
	}
	test_run_on_cpus(r.nr_others + 1, remap_or_read, &r);
	CHECK_EQ(r.nr_stale, 0);
	CHECK_EQ(r.nr_done, ROUNDS * r.nr_others);
	__free_page(r.frames[0]);
	__free_page(r.frames[1]);
	r.frames[0] = own; /* put the area's own frame back */
	map_frame(&r, 0);
	vfree(area);
}

TEST(no_cpu_reads_through_a_flushed_entry)
{
	check_remap(PAGE_SIZE);
}

TEST(no_cpu_reads_through_an_entry_after_a_whole_flush)
{
	check_remap(NR_PAGES * PAGE_SIZE);
}

static void flush_without_interrupts(void *arg, unsigned int k)
{
	for (int i = 0; i < ROUNDS; i++) {
		unsigned long flags = local_irq_save();

		tlb_flush_range(NULL, VMALLOC_START,
				VMALLOC_START + (k + 1) * PAGE_SIZE, false);
		local_irq_restore(flags);
	}
	__atomic_fetch_add((u32 *)arg, 1, __ATOMIC_SEQ_CST);
}

TEST(cpus_with_interrupts_off_flush_against_each_other)
{
	u32 nr_done = 0;
	unsigned int nr =
		test_run_on_cpus(NR_CPUS, flush_without_interrupts, &nr_done);

	CHECK_EQ(nr_done, nr);
}
