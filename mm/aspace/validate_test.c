/* SPDX-License-Identifier: MIT */
/*
 * validate_test.c - random calls against a model that knows only pages.
 *
 * The model is an array: for each page of a window whether it is mapped, its
 * rights, and the byte it holds.  After every call the address space must
 * look like the model, be valid (V1.., A1..), and its bytes be right as the
 * processor sees them.
 */
#include "mm/aspace/validate.c"

#include "test/aspace_picture.h"

#define WINDOW 40
#define STEPS  1500

struct model_page {
	bool mapped, shared, anon_forked;
	unsigned long prot;
	u8 byte;
};

struct model {
	struct mm_struct *mm;
	struct model_page page[WINDOW];
};

static void random_range(unsigned long *start, unsigned long *nr)
{
	*start = test_random_below(WINDOW);
	*nr = 1 + test_random_below(min(WINDOW - *start, 12UL));
}

static unsigned long random_prot(void)
{
	static const unsigned long prots[] = {PROT_READ | PROT_WRITE,
					      PROT_READ | PROT_WRITE, PROT_READ,
					      PROT_NONE, PROT_READ | PROT_EXEC};

	return prots[test_random_below(ARRAY_SIZE(prots))];
}

static bool all_mapped(const struct model *m, unsigned long start,
		       unsigned long nr)
{
	for (unsigned long i = start; i < start + nr; i++)
		if (!m->page[i].mapped)
			return false;
	return true;
}

static void step_mmap(struct model *m)
{
	unsigned long start, nr, prot = random_prot();
	bool shared = test_random_below(6) == 0;

	random_range(&start, &nr);
	CHECK_EQ(vm_mmap(m->mm, NULL, page_at(start), nr << PAGE_SHIFT, prot,
			 (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS |
				 MAP_FIXED,
			 0),
		 page_at(start));
	for (unsigned long i = start; i < start + nr; i++)
		m->page[i] = (struct model_page){
			.mapped = true, .shared = shared, .prot = prot};
}

static void step_munmap(struct model *m)
{
	unsigned long start, nr;

	random_range(&start, &nr);
	CHECK_EQ(vm_munmap(m->mm, page_at(start), nr << PAGE_SHIFT), 0);
	memset(&m->page[start], 0, nr * sizeof(m->page[0]));
}

static void step_mprotect(struct model *m)
{
	unsigned long start, nr, prot = random_prot();
	int err;

	random_range(&start, &nr);
	err = vm_mprotect(m->mm, page_at(start), nr << PAGE_SHIFT, prot);
	CHECK_EQ(err, all_mapped(m, start, nr) ? 0 : -ENOMEM);
	for (unsigned long i = start; i < start + nr; i++) {
		if (!m->page[i].mapped)
			break;
		m->page[i].prot = prot;
	}
}

static void step_dontneed(struct model *m)
{
	unsigned long start, nr;
	int err;

	random_range(&start, &nr);
	err = vm_madvise(m->mm, page_at(start), nr << PAGE_SHIFT,
			 MADV_DONTNEED);
	CHECK_EQ(err, all_mapped(m, start, nr) ? 0 : -ENOMEM);
	for (unsigned long i = start; i < start + nr; i++)
		if (!m->page[i].shared)
			m->page[i].byte = 0;
}

/* All that is mapped moves; behind holes the target stays as it is. */
static void step_mremap(struct model *m)
{
	unsigned long from, nr, to;
	unsigned long ret;

	random_range(&from, &nr);
	to = test_random_below(WINDOW - nr + 1);
	ret = vm_mremap(m->mm, page_at(from), nr << PAGE_SHIFT,
			nr << PAGE_SHIFT, MREMAP_MAYMOVE | MREMAP_FIXED,
			page_at(to));
	if (from < to + nr && to < from + nr) {
		CHECK_EQ(ret, -EINVAL);
		return;
	}
	if (!m->page[from].mapped) {
		CHECK_EQ(ret, -EFAULT);
		return;
	}
	CHECK_EQ(ret, page_at(to));
	for (unsigned long i = 0; i < nr; i++) {
		struct model_page *p = &m->page[from + i];

		if (p->mapped)
			m->page[to + i] = *p;
		memset(p, 0, sizeof(*p));
	}
}

static void step_write(struct model *m)
{
	unsigned long i = test_random_below(WINDOW);
	struct model_page *p = &m->page[i];
	u8 byte = (u8)test_random();
	int sig = poke(m->mm, page_at(i), byte);

	if (!p->mapped) {
		CHECK_EQ(sig, SEGV(SEGV_CODE_MAPERR));
	} else if (!(p->prot & PROT_WRITE)) {
		CHECK_EQ(sig, SEGV(SEGV_CODE_ACCERR));
	} else {
		CHECK_EQ(sig, 0);
		p->byte = byte;
	}
}

/* Fork, let the child write somewhere and end: nothing may show. */
static void step_fork(struct model *m)
{
	struct mm_struct *child = dup_mm(m->mm);

	CHECK(!IS_ERR(child));
	for (int n = 0; n < 4; n++) {
		unsigned long i = test_random_below(WINDOW);

		if (!m->page[i].shared)
			poke(child, page_at(i), (u8)test_random());
	}
	mmap_write_lock(child);
	mm_validate(child);
	mm_validate_rmap(child);
	mmap_write_unlock(child);
	mmput(child);
}

static void check_model(struct model *m)
{
	mmap_write_lock(m->mm);
	mm_validate(m->mm);
	mm_validate_rmap(m->mm);
	for (unsigned long i = 0; i < WINDOW; i++) {
		const struct model_page *p = &m->page[i];
		const struct vm_area_struct *vma = find_vma(m->mm, page_at(i));

		if (!vma || vma->vm_start > page_at(i)) {
			CHECK(!p->mapped);
			continue;
		}
		CHECK(p->mapped);
		CHECK_EQ(vma->vm_flags & VM_ACCESS_FLAGS, p->prot);
		CHECK_EQ(!!(vma->vm_flags & VM_SHARED), p->shared);
	}
	mmap_write_unlock(m->mm);
#ifndef QUIRE_METAL
	soft_tlb_validate(m->mm);
#endif
	for (int n = 0; n < 6; n++) {
		unsigned long i = test_random_below(WINDOW);
		const struct model_page *p = &m->page[i];

		CHECK_EQ(peek(m->mm, page_at(i)),
			 !p->mapped ? -SEGV(SEGV_CODE_MAPERR)
			 : !p->prot ? -SEGV(SEGV_CODE_ACCERR)
				    : p->byte);
	}
}

static void random_steps(struct model *m)
{
	static void (*const steps[])(struct model * m) = {
		step_mmap,     step_munmap, step_mprotect, step_mprotect,
		step_dontneed, step_mremap, step_write,	   step_write,
		step_write,    step_fork};

	for (int n = 0; n < STEPS; n++) {
		steps[test_random_below(ARRAY_SIZE(steps))](m);
		check_model(m);
	}
}

TEST(an_address_space_behaves_like_an_array_of_pages)
{
	struct model m = {.mm = picture_mm("")};

	random_steps(&m);
	mmput(m.mm);
}

#ifndef QUIRE_METAL
/* Other geometries: the tables' depth is nowhere assumed. */
static const struct soft_layout three_levels = {.levels = 3};
static const struct soft_layout five_levels = {.levels = 5};

TEST_MACHINE(the_same_with_three_levels, &three_levels)
{
	struct model m = {.mm = picture_mm("")};

	random_steps(&m);
	mmput(m.mm);
}

TEST_MACHINE(the_same_with_five_levels, &five_levels)
{
	struct model m = {.mm = picture_mm("")};

	random_steps(&m);
	mmput(m.mm);
}
#endif

#define OWN_PAGES 16

/* Each processor maps, changes and unmaps its own window of one mm. */
static void churn(void *arg, unsigned int k)
{
	struct mm_struct *mm = arg;
	unsigned long base = 1000 + k * 600, len = OWN_PAGES << PAGE_SHIFT;

	for (unsigned int round = 0; round < 60; round++) {
		unsigned long a = page_at(base);

		CHECK_EQ(vm_mmap(mm, NULL, a, len, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0),
			 a);
		for (unsigned long i = 0; i < OWN_PAGES; i += 3)
			CHECK_EQ(poke(mm, page_at(base + i), (u8)(round + i)),
				 0);
		CHECK_EQ(vm_mprotect(mm, page_at(base + 4), 4 * PAGE_SIZE,
				     PROT_READ),
			 0);
		CHECK_EQ(poke(mm, page_at(base + 6), 1),
			 SEGV(SEGV_CODE_ACCERR));
		for (unsigned long i = 0; i < OWN_PAGES; i += 3)
			CHECK_EQ(peek(mm, page_at(base + i)), (u8)(round + i));
		CHECK_EQ(vm_munmap(mm, a, len), 0);
		CHECK_EQ(peek(mm, page_at(base)), -SEGV(SEGV_CODE_MAPERR));
	}
}

TEST(threads_map_and_unmap_side_by_side)
{
	struct mm_struct *mm = picture_mm("");

	test_run_on_cpus(4, churn, mm);
	mmap_write_lock(mm);
	mm_validate(mm);
	mmap_write_unlock(mm);
	CHECK_EQ(mm->map_count, 0);
	CHECK_EQ(mm->pgtables_bytes, 0);
	mmput(mm);
}
