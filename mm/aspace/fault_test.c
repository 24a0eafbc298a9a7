/* SPDX-License-Identifier: MIT */
/*
 * fault_test.c - what a first touch, a write after fork and a bad access do.
 */
#include "mm/aspace/fault.c"

#include "test/aspace_picture.h"

TEST(reading_untouched_memory_takes_no_frame)
{
	struct mm_struct *mm = picture_mm("Ww");

	CHECK_EQ(peek(mm, page_at(0)), 0);
	CHECK_EQ(peek(mm, page_at(1) + 4095), 0);
	CHECK_EQ(get_mm_rss(mm), 0);
	CHECK_EQ(poke(mm, page_at(0) + 5, 7), 0);
	CHECK_EQ(get_mm_rss(mm), 1);
	CHECK_EQ(peek(mm, page_at(0) + 5), 7);
	CHECK_EQ(peek(mm, page_at(1) + 5), 0);
	CHECK_PICTURE(mm, "Ww");
	mmput(mm);
}

TEST(bad_accesses_get_their_signal_and_code)
{
	struct mm_struct *mm = picture_mm("WRNX.");

	CHECK_EQ(peek(mm, page_at(4)), -SEGV(SEGV_CODE_MAPERR));
	CHECK_EQ(poke(mm, page_at(4), 1), SEGV(SEGV_CODE_MAPERR));
	CHECK_EQ(poke(mm, page_at(1), 1), SEGV(SEGV_CODE_ACCERR));
	CHECK_EQ(peek(mm, page_at(2)), -SEGV(SEGV_CODE_ACCERR));
	CHECK_EQ(poke(mm, page_at(3), 1), SEGV(SEGV_CODE_ACCERR));
	CHECK_EQ(peek(mm, 0), -SEGV(SEGV_CODE_MAPERR));
	CHECK_EQ(peek(mm, TASK_SIZE - 1), -SEGV(SEGV_CODE_MAPERR));
	mmput(mm);
}

TEST(executing_data_is_refused)
{
	struct mm_struct *mm = picture_mm("WX");
	int code = 0;
	unsigned int flags = FAULT_FLAG_INSTRUCTION | FAULT_FLAG_USER;

	CHECK_EQ(mm_fault(mm, page_at(0), flags, &code), VM_FAULT_SIGSEGV);
	CHECK_EQ(code, SEGV_CODE_ACCERR);
	CHECK_EQ(mm_fault(mm, page_at(1), flags, &code), 0);
	mmput(mm);
}

TEST(a_fault_without_memory_changes_nothing)
{
	struct mm_struct *mm = picture_mm("W");

	EACH_FAILURE(n) {
		int sig = poke(mm, page_at(0), 3);

		if (sig) {
			CHECK(failure_was_injected());
			CHECK_EQ(sig, OOM_KILLED);
			CHECK_EQ(get_mm_rss(mm), 0);
		}
		CHECK_PICTURE(mm, "W");
	}
	CHECK_EQ(peek(mm, page_at(0)), 3);
	mmput(mm);
}

TEST_SOFT(faults_are_counted)
{
	struct mm_struct *mm = picture_mm("Ww");
	unsigned long before = sum_vm_event(VMEV_pgfault);

	peek(mm, page_at(0));
	poke(mm, page_at(0), 1);
	poke(mm, page_at(1), 1);
	CHECK_GE(sum_vm_event(VMEV_pgfault) - before, 3);
#ifndef QUIRE_METAL
	CHECK_EQ(mm->min_flt, 3);
#endif
	CHECK_EQ(mm->maj_flt, 0);
	mmput(mm);
}

TEST(after_fork_each_side_writes_to_its_own_copy)
{
	struct mm_struct *mm = picture_mm("Ww"), *child;
	struct page *before, *after;

	picture_fill(mm, 0, 2);
	before = mm_get_page(mm, page_at(0), false);
	put_page(before);
	child = dup_mm(mm);
	CHECK(!IS_ERR(child));
	CHECK_EQ(poke(child, page_at(0), 99), 0);
	CHECK_EQ(peek(mm, page_at(0)), 1);
	CHECK_EQ(peek(child, page_at(0)), 99);
	CHECK_PICTURE(mm, "Ww");
	CHECK_PICTURE(child, "Ww");
	/* The child has left the frame: the parent keeps it, uncopied. */
	CHECK_EQ(poke(mm, page_at(0), 50), 0);
	after = mm_get_page(mm, page_at(0), false);
	put_page(after);
	CHECK(after == before);
	CHECK_EQ(peek(child, page_at(0)), 99);
	mmput(child);
	mmput(mm);
}

TEST(copy_on_write_without_memory_keeps_sharing)
{
	struct mm_struct *mm = picture_mm("W"), *child;

	picture_fill(mm, 0, 1);
	child = dup_mm(mm);
	CHECK(!IS_ERR(child));
	EACH_FAILURE(n) {
		int sig = poke(child, page_at(0), 7);

		if (failure_was_injected() && sig) {
			CHECK_EQ(sig, OOM_KILLED);
			CHECK_EQ(peek(child, page_at(0)), 1);
		}
		CHECK_PICTURE(child, "W");
	}
	CHECK_EQ(peek(child, page_at(0)), 7);
	CHECK_EQ(peek(mm, page_at(0)), 1);
	mmput(mm);
	mmput(child);
}

TEST(a_frame_someone_refers_to_is_copied_not_reused)
{
	struct mm_struct *mm = picture_mm("W"), *child;
	struct page *page;

	picture_fill(mm, 0, 1);
	page = mm_get_page(mm, page_at(0), false);
	child = dup_mm(mm);
	CHECK(!IS_ERR(child));
	mmput(child);
	CHECK_EQ(poke(mm, page_at(0), 2), 0);
	CHECK_EQ(*(u8 *)page_address(page), 1);
	CHECK_EQ(page_ref_count(page), 1);
	put_page(page);
	CHECK_PICTURE(mm, "W");
	mmput(mm);
}

/* A stack area of one page at the top of 600 free pages. */
static struct mm_struct *stack_mm(unsigned long *start)
{
	struct mm_struct *mm = picture_mm("");
	unsigned long len = PAGE_SIZE;

	*start = page_at(600);
	CHECK_EQ(
		vm_mmap(mm, NULL, *start, len, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN,
			0),
		*start);
	return mm;
}

TEST(the_stack_grows_to_the_address_touched)
{
	unsigned long start;
	struct mm_struct *mm = stack_mm(&start);

	CHECK_EQ(poke(mm, start - 10 * PAGE_SIZE, 1), 0);
	CHECK_EQ(mm->total_vm, 11);
	CHECK_EQ(mm->stack_vm, 11);
	CHECK_EQ(get_mm_rss(mm), 1);
	CHECK_PICTURE(mm, "....");
	mmput(mm);
}

TEST(the_stack_stops_at_its_limit)
{
	unsigned long start;
	struct mm_struct *mm = stack_mm(&start);

	mm->rlim_stack = 10 * PAGE_SIZE;
	CHECK_EQ(poke(mm, start - 10 * PAGE_SIZE, 1), SEGV(SEGV_CODE_MAPERR));
	CHECK_EQ(poke(mm, start - 9 * PAGE_SIZE, 1), 0);
	CHECK_EQ(mm->total_vm, 10);
	mmput(mm);
}

TEST(the_stack_keeps_a_guard_gap_of_256_pages)
{
	unsigned long start;
	struct mm_struct *mm = stack_mm(&start);
	unsigned long below = start - 300 * PAGE_SIZE;

	vm_mmap(mm, NULL, below - PAGE_SIZE, PAGE_SIZE, PROT_READ,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0);
	CHECK_EQ(poke(mm, below + 255 * PAGE_SIZE, 1), SEGV(SEGV_CODE_MAPERR));
	CHECK_EQ(poke(mm, below + 256 * PAGE_SIZE, 1), 0);
	/* Neither does mmap by its own choice enter the gap. */
	mm->mmap_base = start;
	CHECK_EQ(vm_mmap(mm, NULL, 0, PAGE_SIZE, PROT_READ,
			 MAP_PRIVATE | MAP_ANONYMOUS, 0),
		 below - 2 * PAGE_SIZE);
	mmput(mm);
}

TEST(shared_anonymous_memory_is_shared_across_fork)
{
	struct mm_struct *mm = picture_mm("SsssWw"), *child;

	picture_fill(mm, 0, 3);
	child = dup_mm(mm);
	CHECK(!IS_ERR(child));
	CHECK_EQ(poke(child, page_at(1), 77), 0);
	CHECK_EQ(peek(mm, page_at(1)), 77);
	CHECK_EQ(poke(mm, page_at(3), 78), 0);
	CHECK_EQ(peek(child, page_at(3)), 78);
	CHECK_EQ(get_mm_counter(mm, MM_SHMEMPAGES), 4);
	CHECK_PICTURE(mm, "SsssWw");
	mmput(mm);
	CHECK_EQ(peek(child, page_at(1)), 77);
	CHECK_PICTURE(child, "SsssWw");
	mmput(child);
}

struct storm {
	struct mm_struct *mm;
	u32 go;
};

/* All processors write all pages, each to its own byte. */
static void write_everywhere(void *arg, unsigned int k)
{
	struct storm *s = arg;

	for (unsigned long i = 0; i < 32; i++)
		CHECK_EQ(poke(s->mm, page_at(i) + k, (u8)(i + k + 1)), 0);
}

TEST(processors_fault_the_same_pages_at_once)
{
	struct storm s = {picture_mm("Wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww"), 0};
	unsigned int nr = test_run_on_cpus(4, write_everywhere, &s);

	for (unsigned long i = 0; i < 32; i++)
		for (unsigned int k = 0; k < nr; k++)
			CHECK_EQ(peek(s.mm, page_at(i) + k), (u8)(i + k + 1));
	CHECK_PICTURE(s.mm, "Wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww");
	CHECK_EQ(get_mm_rss(s.mm), 32);
	mmput(s.mm);
}

/* Processor 0 forks and ends children, the others keep writing. */
static void fork_or_write(void *arg, unsigned int k)
{
	struct storm *s = arg;

	for (unsigned int round = 0; round < 40; round++) {
		if (k) {
			unsigned long addr = page_at(round % 8) + k;

			CHECK_EQ(poke(s->mm, addr, (u8)round), 0);
			CHECK_EQ(peek(s->mm, addr), (u8)round);
		} else {
			struct mm_struct *child = dup_mm(s->mm);

			CHECK(!IS_ERR(child));
			CHECK_EQ(poke(child, page_at(round % 8), 255), 0);
			mmput(child);
		}
	}
}

TEST(fork_while_other_threads_write_loses_no_write)
{
	struct storm s = {picture_mm("Wwwwwwww"), 0};

	test_run_on_cpus(4, fork_or_write, &s);
	CHECK_EQ(peek(s.mm, page_at(0)), 0);
	CHECK_PICTURE(s.mm, "Wwwwwwww");
	mmput(s.mm);
}
