/* SPDX-License-Identifier: MIT */
/* percpu_test.c - every processor has its own copy. */
#include "mm/page/percpu.c"

#include "test/test.h"

#ifndef QUIRE_METAL
#include "port/soft/soft.h"
#endif

DEFINE_PER_CPU(u64, percpu_test_value) = 0x1234;

TEST(percpu_copies_start_with_the_initial_value)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		CHECK_EQ(*per_cpu_ptr(&percpu_test_value, cpu), 0x1234);
}

TEST(percpu_copies_lie_apart_and_keep_their_place_in_a_page)
{
	unsigned int a, b;

	for_each_possible_cpu(a) {
		const char *pa =
			(const char *)per_cpu_ptr(&percpu_test_value, a);

		CHECK_EQ(((uintptr_t)pa ^ (uintptr_t)&percpu_test_value) %
				 PAGE_SIZE,
			 0);
		for (b = 0; b < a; b++) {
			long d = pa - (const char *)per_cpu_ptr(
					      &percpu_test_value, b);

			CHECK((d < 0 ? -d : d) >= (long)pcpu_unit_size);
		}
	}
}

static void add_own(void *arg, unsigned int k)
{
	unsigned int i;

	(void)arg;
	for (i = 0; i <= k; i++)
		*this_cpu_ptr(&percpu_test_value) += 1;
}

TEST(percpu_processors_do_not_see_one_anothers_copy)
{
	unsigned int cpu, nr = test_run_on_cpus(8, add_own, NULL);

	for (cpu = 0; cpu < nr; cpu++) {
		u64 *p = per_cpu_ptr(&percpu_test_value, cpu);

		CHECK_EQ(*p, 0x1234 + cpu + 1);
		*p = 0x1234;
	}
}

#ifndef QUIRE_METAL
static void set_up(void *arg)
{
	struct mm_boot boot = {.nr_cpus = *(unsigned int *)arg};

	setup_per_cpu_areas(&boot);
}

TEST_SOFT(percpu_an_impossible_number_of_processors_stops_the_start)
{
	unsigned int impossible[] = {0, NR_CPUS + 1}, i;
	char text[100];

	for (i = 0; i < ARRAY_SIZE(impossible); i++) {
		CHECK(soft_catch_panic(set_up, &impossible[i], text,
				       sizeof(text)));
		CHECK(str_has_prefix(text, "percpu: "));
	}
}
#endif
