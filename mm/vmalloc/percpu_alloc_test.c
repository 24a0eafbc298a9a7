/* SPDX-License-Identifier: MIT */
/*
 * percpu_alloc_test.c - every processor has its own copy, of what was
 * allocated at run time too.
 */
#include "percpu_alloc.c"

#include <test/test.h>

#ifndef QUIRE_METAL
#include "port/soft/soft.h"
#endif

static unsigned int nr_chunks(void)
{
	struct pcpu_chunk *c;
	unsigned int nr = 0;

	list_for_each_entry(c, &pcpu.chunks, list)
		nr++;
	return nr;
}

TEST(alloc_percpu_gives_each_processor_a_cleared_copy)
{
	u64 *p = alloc_percpu(u64);
	unsigned int cpu;

	CHECK(p);
	for_each_possible_cpu(cpu) {
		CHECK_EQ(*per_cpu_ptr(p, cpu), 0);
		*per_cpu_ptr(p, cpu) = cpu + 1;
	}
	for_each_possible_cpu(cpu)
		CHECK_EQ(*per_cpu_ptr(p, cpu), cpu + 1);
	this_cpu_add(*p, 10);
	this_cpu_inc(*p);
	this_cpu_dec(*p);
	this_cpu_sub(*p, 1);
	CHECK_EQ(this_cpu_read(*p), smp_processor_id() + 10);
	this_cpu_write(*p, 3);
	CHECK_EQ(*this_cpu_ptr(p), 3);
	percpu_validate();
	free_percpu(p);
	free_percpu(NULL);
	percpu_validate();
}

TEST(percpu_places_are_aligned_as_asked)
{
	void *p[14];

	for (unsigned int i = 0; i <= 12; i++) {
		p[i] = __alloc_percpu(24, 1UL << i);
		CHECK(p[i]);
		CHECK(IS_ALIGNED((uintptr_t)per_cpu_ptr(p[i], 0), 1UL << i));
		CHECK(IS_ALIGNED((uintptr_t)this_cpu_ptr(p[i]), 1UL << i));
		percpu_validate();
	}
	for (unsigned int i = 0; i <= 12; i++)
		free_percpu(p[i]);
	percpu_validate();
}

/* More than the static units have left: chunks come, and go again. */
TEST(percpu_chunks_come_with_use_and_go_without)
{
	unsigned long before = pcpu_nr_pages();
	void *p[6];

	for (unsigned int i = 0; i < 6; i++) {
		unsigned int cpu;

		p[i] = __alloc_percpu(pcpu_unit_size / 2, 64);
		CHECK(p[i]);
		for_each_possible_cpu(cpu)
			memset(per_cpu_ptr(p[i], cpu), (int)i,
			       pcpu_unit_size / 2);
		percpu_validate();
	}
	CHECK(nr_chunks() >= 3);
	CHECK(pcpu_nr_pages() >= before + 4 * nr_cpu_ids);
	for (unsigned int i = 0; i < 6; i++) {
		CHECK_EQ(*(u8 *)per_cpu_ptr(p[i], nr_cpu_ids - 1), i);
		free_percpu(p[i]);
	}
	mm_work_run();
	percpu_shrink();
	CHECK_EQ(nr_chunks(), 1);
	CHECK_EQ(pcpu_nr_pages(), before);
	percpu_validate();
	vmalloc_validate();
}

TEST(a_chunks_pages_lie_on_their_processors_node)
{
	void *p = __alloc_percpu(pcpu_unit_size, 8);
	unsigned int cpu;

	CHECK(p);
	for_each_possible_cpu(cpu)
		CHECK_EQ(page_to_nid(vmalloc_to_page(per_cpu_ptr(p, cpu))),
			 local_memory_node(cpu_to_node(cpu)));
	free_percpu(p);
}

TEST(an_alloc_percpu_that_fails_leaves_nothing_behind)
{
	EACH_FAILURE(n) {
		void *p = __alloc_percpu(pcpu_unit_size, 8);

		CHECK_EQ(!p, failure_was_injected());
		percpu_validate();
		free_percpu(p);
		percpu_shrink();
		vm_unmap_aliases();
		kmem_cache_drain_all();
		CHECK_EQ(nr_chunks(), 1);
	}
	vmalloc_validate();
}

TEST_SOFT(who_may_not_wait_gets_what_is_populated)
{
	void *p = __alloc_percpu_gfp(pcpu_unit_size, 8, GFP_ATOMIC), *q;

	CHECK(!p); /* nothing is that large yet */
	CHECK(mm_work_run());
	CHECK_EQ(nr_chunks(), 2);
	p = __alloc_percpu_gfp(pcpu_unit_size - PAGE_SIZE, 8, GFP_ATOMIC);
	CHECK(p);
	percpu_validate();
	q = __alloc_percpu_gfp(16, 8, GFP_NOWAIT);
	CHECK(q);
	free_percpu(q);
	free_percpu(p);
	percpu_shrink();
	percpu_validate();
}

/* Take all that is left of a chunk; how many places, offsets in offs[]. */
static unsigned int take_rest(struct pcpu_chunk *c, long *offs)
{
	unsigned int nr = 0;

	spin_lock(&pcpu.lock);
	for (size_t size = pcpu_unit_size; size >= GRANULE; size /= 2)
		while ((offs[nr] = place(c, size, GRANULE, true)) >= 0)
			nr++;
	spin_unlock(&pcpu.lock);
	return nr;
}

/*
 *  first chunk   | in use                            |
 *  second chunk  |  -  |  -  | page 2 |  -  |  -  ...|    -: not populated
 */
TEST_SOFT(who_may_not_wait_gets_nothing_that_is_not_populated)
{
	static long offs[256];
	struct pcpu_chunk *first =
		list_first_entry(&pcpu.chunks, struct pcpu_chunk, list);
	unsigned int nr = take_rest(first, offs);
	struct pcpu_chunk *c;
	void *p, *q;

	CHECK_EQ(first->nr_free, 0);
	CHECK_EQ(add_chunk(), 0);
	c = list_last_entry(&pcpu.chunks, struct pcpu_chunk, list);
	mutex_lock(&pcpu.mutex);
	CHECK_EQ(populate_page(c, 2), 0);
	mutex_unlock(&pcpu.mutex);
	CHECK(!__alloc_percpu_gfp(PAGE_SIZE + 8, 8, GFP_ATOMIC));
	p = __alloc_percpu_gfp(PAGE_SIZE, 8, GFP_ATOMIC);
	CHECK_EQ((uintptr_t)p, c->base + 2 * PAGE_SIZE);
	CHECK(!__alloc_percpu_gfp(8, 8, GFP_ATOMIC));
	CHECK_EQ(bitmap_weight(c->populated, pcpu.nr_pages), 1);
	percpu_validate();
	/* It has left word. */
	CHECK(mm_work_run());
	q = __alloc_percpu_gfp(8, 8, GFP_ATOMIC);
	CHECK_EQ((uintptr_t)q, c->base);
	free_percpu(q);
	free_percpu(p);
	while (nr--)
		free_percpu((char *)first->base + offs[nr]);
	mm_work_run();
	percpu_shrink();
	CHECK_EQ(nr_chunks(), 1);
	percpu_validate();
}

TEST(impossible_percpu_requests_are_refused)
{
	test_expect_report("is_possible");
	CHECK(!__alloc_percpu(0, 8));
	CHECK(!__alloc_percpu(pcpu_unit_size + 1, 8));
	CHECK(!__alloc_percpu(8, 2 * PAGE_SIZE));
	CHECK(!__alloc_percpu(8, 24));
	test_expect_end();
}

static DEFINE_PER_CPU(u64, percpu_static_value);

TEST(bad_percpu_frees_are_reported_and_change_nothing)
{
	char *p = __alloc_percpu(64, 8);
	u64 on_stack = 0;

	CHECK(p);
	test_expect_report("is inside of an allocation");
	free_percpu(p + 8);
	free_percpu(p + 3);
	CHECK_EQ(test_expect_end(), 2);
	test_expect_report("is no per-CPU place");
	free_percpu(&on_stack);
	test_expect_end();
	test_expect_report("is a static per-CPU variable");
	free_percpu(&percpu_static_value);
	test_expect_end();
	free_percpu(p);
	test_expect_report("is free already");
	free_percpu(p);
	test_expect_end();
	percpu_validate();
}

#define NR_PLACES 64

/* The model: each place, its size, and what was written in every copy. */
TEST(random_percpu_places_keep_their_contents)
{
	static struct {
		u8 *p;
		size_t size;
		u8 fill;
	} m[NR_PLACES];

	memset(m, 0, sizeof(m));
	for (int step = 0; step < 1500; step++) {
		unsigned int i = (unsigned int)test_random_below(NR_PLACES);
		unsigned int cpu;

		if (m[i].p) {
			for_each_possible_cpu(cpu)
				for (size_t k = 0; k < m[i].size; k++)
					CHECK_EQ(per_cpu_ptr(m[i].p, cpu)[k],
						 (u8)(m[i].fill + cpu));
			free_percpu(m[i].p);
			m[i].p = NULL;
		} else {
			m[i].size = 1 + test_random_below(test_random_below(8)
								  ? 300
								  : 6000);
			m[i].p = __alloc_percpu_gfp(
				m[i].size, 1UL << test_random_below(8),
				test_random_below(4) ? GFP_KERNEL : GFP_ATOMIC);
			m[i].fill = (u8)step;
			for_each_possible_cpu(cpu)
				if (m[i].p)
					memset(per_cpu_ptr(m[i].p, cpu),
					       m[i].fill + (int)cpu, m[i].size);
		}
		if (step % 8 == 0)
			percpu_validate();
		if (step % 50 == 0)
			mm_work_run();
	}
	for (unsigned int i = 0; i < NR_PLACES; i++)
		free_percpu(m[i].p);
	mm_work_run();
	percpu_validate();
	vmalloc_validate();
}

static void come_and_go(void *arg, unsigned int k)
{
	u32 *nr_wrong = arg;
	u64 *mine[6] = {NULL};

	for (unsigned int i = 0; i < 200; i++) {
		unsigned int s = (i * 5 + k) % 6;
		size_t size = 8 + 8 * ((i * 7 + k) % 600);

		if (mine[s] && *this_cpu_ptr(mine[s]) != ((u64)k << 32) + s)
			__atomic_fetch_add(nr_wrong, 1, __ATOMIC_RELAXED);
		free_percpu(mine[s]);
		mine[s] = __alloc_percpu_gfp(size, 8,
					     i % 3 ? GFP_KERNEL : GFP_NOWAIT);
		if (mine[s])
			*this_cpu_ptr(mine[s]) = ((u64)k << 32) + s;
		if (i % 40 == 0)
			mm_work_run();
	}
	for (unsigned int s = 0; s < 6; s++)
		free_percpu(mine[s]);
}

/* In machines without migration: this_cpu_ptr() names one copy throughout. */
TEST(processors_share_the_percpu_chunks)
{
	u32 nr_wrong = 0;

	test_run_on_cpus(4, come_and_go, &nr_wrong);
	CHECK_EQ(nr_wrong, 0);
	mm_work_run();
	percpu_validate();
	vmalloc_validate();
}

#ifndef QUIRE_METAL
static const struct soft_layout seeded = {.mode = SOFT_SEEDED, .nr_cpus = 4};

TEST_MACHINE(processors_share_the_percpu_chunks_in_any_order, &seeded)
{
	u32 nr_wrong = 0;

	test_run_on_cpus(4, come_and_go, &nr_wrong);
	CHECK_EQ(nr_wrong, 0);
	mm_work_run();
	percpu_validate();
}
#endif

#ifndef QUIRE_METAL
static int refuse_sync(unsigned long start, unsigned long end)
{
	(void)start;
	(void)end;
	return -ENOMEM;
}

TEST_SOFT(percpu_pages_that_the_machine_cannot_map_are_given_back)
{
	unsigned long before = pcpu_nr_pages();
	const struct port_ops *real = port;
	struct port_ops refusing = *port;
	void *p;

	refusing.sync_kernel_mappings = refuse_sync;
	port = &refusing;
	CHECK(!__alloc_percpu(pcpu_unit_size, 8));
	port = real;
	percpu_shrink();
	CHECK_EQ(pcpu_nr_pages(), before);
	percpu_validate();
	vmalloc_validate();
	p = __alloc_percpu(pcpu_unit_size, 8);
	CHECK(p);
	free_percpu(p);
	percpu_validate();
}
#endif
