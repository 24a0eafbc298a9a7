/* SPDX-License-Identifier: MIT */
/*
 * sweep_test.c - every call on address spaces, failing at every point.
 *
 * 1. A scene is an address space drawn from the seed: areas of every kind,
 *    some pages written, a break, sometimes a relative that shares its pages.
 * 2. A step is a call with drawn arguments.  It is made with its first,
 *    second, ... allocation failing until none is left to fail.  A failed
 *    call must give its documented error and leave all that a program can see
 *    as it was: areas, rights, contents, sums and promises.
 * 3. A call may make good what was refused to it; then the step is over.
 */
#include "mm/aspace/internal.h"

#include <quire/pagemap.h>

#include "test/aspace_picture.h"

#define WINDOW	  28UL
#define STEPS	  24
#define AREAS_MAX 64
#define BRK_PAGE  64UL	      /* where the break begins */
#define FAR_PAGE  (1UL << 19) /* in another table of level 2 */

#ifdef __SANITIZE_THREAD__
#define SCENES 20U /* nothing here is concurrent */
#else
#define SCENES 400U
#endif

struct args {
	unsigned long from, nr, to, nr_new, prot;
	u64 pick;
};

/* What a program and its statistics see. */
struct view {
	unsigned int nr;
	struct {
		unsigned long start, end, flags;
		pgoff_t pgoff;
		const struct vm_file *file;
	} area[AREAS_MAX];
	unsigned long page_flags[WINDOW]; /* of the area there; 0: none */
	int byte[WINDOW];		  /* -1: no page there */
	unsigned long total_vm, data_vm, exec_vm, stack_vm, brk, committed;
	long rss;
};

struct scene {
	struct mm_struct *mm, *relative;
	struct args args;
	struct view before, after;
};

static struct address_space file_mapping;

static void file_ref(struct vm_file *vf)
{
	(void)vf;
}

static int file_mmap(struct vm_file *vf, struct vm_area_struct *vma)
{
	(void)vf;
	vma->vm_ops = &shmem_vm_ops;
	return 0;
}

static const struct vm_file_ops file_ops = {
	.get = file_ref,
	.put = file_ref,
	.mmap = file_mmap,
};

static struct vm_file file = {&file_ops, &file_mapping, true, true, true};

/* ---- looking ---- */

static int byte_at(struct mm_struct *mm, unsigned long addr)
{
	pte_t *ptep = pte_lookup(mm, addr);

	if (!ptep || pte_none(ptep_get(ptep)))
		return -1;
	return *(u8 *)page_address(pfn_to_page(pte_pfn(ptep_get(ptep))));
}

static void look(struct mm_struct *mm, struct view *v)
{
	struct vm_area_struct *vma;

	memset(v, 0, sizeof(*v));
	for_each_vma(mm, vma) {
		CHECK(v->nr < AREAS_MAX);
		v->area[v->nr].start = vma->vm_start;
		v->area[v->nr].end = vma->vm_end;
		v->area[v->nr].flags = vma->vm_flags;
		v->area[v->nr].pgoff = vma->vm_pgoff;
		v->area[v->nr++].file = vma->vm_file;
	}
	for (unsigned long i = 0; i < WINDOW; i++) {
		vma = find_vma(mm, page_at(i));
		if (vma && vma->vm_start <= page_at(i))
			v->page_flags[i] = vma->vm_flags;
		v->byte[i] = byte_at(mm, page_at(i));
	}
	v->total_vm = mm->total_vm;
	v->data_vm = mm->data_vm;
	v->exec_vm = mm->exec_vm;
	v->stack_vm = mm->stack_vm;
	v->brk = mm->brk;
	v->committed = vm_committed_pages();
	v->rss = (long)get_mm_rss(mm);
}

static void validate(struct mm_struct *mm)
{
	mmap_write_lock(mm);
	mm_validate(mm);
	mmap_write_unlock(mm);
}

static void check_same(const struct view *a, const struct view *b)
{
	CHECK_EQ(a->nr, b->nr);
	for (unsigned int i = 0; i < a->nr; i++) {
		CHECK_EQ(a->area[i].start, b->area[i].start);
		CHECK_EQ(a->area[i].end, b->area[i].end);
		CHECK_EQ(a->area[i].flags, b->area[i].flags);
		CHECK_EQ(a->area[i].pgoff, b->area[i].pgoff);
		CHECK(a->area[i].file == b->area[i].file);
	}
	for (unsigned long i = 0; i < WINDOW; i++) {
		CHECK_EQ(a->page_flags[i], b->page_flags[i]);
		CHECK_EQ(a->byte[i], b->byte[i]);
	}
	CHECK_EQ(a->total_vm, b->total_vm);
	CHECK_EQ(a->data_vm, b->data_vm);
	CHECK_EQ(a->exec_vm, b->exec_vm);
	CHECK_EQ(a->stack_vm, b->stack_vm);
	CHECK_EQ(a->brk, b->brk);
	CHECK_EQ(a->committed, b->committed);
	CHECK_EQ(a->rss, b->rss);
}

/* ---- scenes ---- */

static void draw_args(struct args *a)
{
	static const unsigned long prots[] = {PROT_READ | PROT_WRITE, PROT_READ,
					      PROT_NONE, PROT_READ | PROT_EXEC};

	a->from = test_random_below(WINDOW);
	a->nr = 1 + test_random_below(min(WINDOW - a->from, 9UL));
	a->to = test_random_below(WINDOW - a->nr + 1);
	a->nr_new = 1 + test_random_below(9);
	a->prot = prots[test_random_below(ARRAY_SIZE(prots))];
	a->pick = test_random();
}

static void draw_areas(struct mm_struct *mm)
{
	static const char kinds[] = "wwwrxnsg..";
	char picture[WINDOW + 1];
	unsigned long i = 0;

	while (i < WINDOW) {
		char c = kinds[test_random_below(sizeof(kinds) - 1)];
		unsigned long nr = 1 + test_random_below(5);

		for (unsigned long k = 0; k < nr && i < WINDOW; k++)
			picture[i++] =
				(char)(c != '.' && !k ? c - 'a' + 'A' : c);
	}
	picture[WINDOW] = 0;
	picture_map(mm, picture);
	if (test_random_below(2))
		CHECK(!IS_ERR_VALUE(vm_mmap(
			mm, &file, page_at(test_random_below(WINDOW - 4)),
			4 * PAGE_SIZE, PROT_READ | PROT_WRITE,
			MAP_FIXED | (test_random_below(2) ? MAP_SHARED
							  : MAP_PRIVATE),
			test_random_below(4))));
}

static void write_somewhere(struct mm_struct *mm, unsigned int nr)
{
	while (nr--)
		poke(mm, page_at(test_random_below(WINDOW)), (u8)test_random());
}

static void scene_begin(struct scene *s)
{
	s->relative = NULL;
	s->mm = mm_alloc();
	CHECK(s->mm);
	s->mm->mmap_base = TASK_SIZE - (1UL << 30);
	s->mm->start_brk = s->mm->brk = page_at(BRK_PAGE);
	draw_areas(s->mm);
	write_somewhere(s->mm, 12);
	if (test_random_below(2)) {
		s->relative = dup_mm(s->mm);
		CHECK(!IS_ERR(s->relative));
		write_somewhere(s->mm, 3);
	}
	validate(s->mm);
}

static void scene_end(struct scene *s)
{
	validate(s->mm);
	if (s->relative) {
		validate(s->relative);
		mmput(s->relative);
	}
	mmput(s->mm);
}

/* ---- the sweep of one step ---- */

/* 0, or -E. */
typedef long (*call_fn)(struct scene *s);
/* Make equal what may differ after a failed call.  NULL: nothing may. */
typedef void (*forgive_fn)(const struct args *args, struct view *before,
			   struct view *after);

/* Areas that differ in these flags only count as one. */
static void forgive_flags(struct view *v, unsigned long flags)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < v->nr; i++) {
		v->area[i].flags &= ~flags;
		if (nr && v->area[nr - 1].end == v->area[i].start &&
		    v->area[nr - 1].flags == v->area[i].flags &&
		    v->area[nr - 1].file == v->area[i].file)
			v->area[nr - 1].end = v->area[i].end;
		else
			v->area[nr++] = v->area[i];
	}
	v->nr = nr;
	for (unsigned long i = 0; i < WINDOW; i++)
		v->page_flags[i] &= ~flags;
}

static void sweep_step(struct scene *s, call_fn call, forgive_fn forgive)
{
	bool injected = true, failed = true;

	for (u64 n = 1; injected && failed; n++) {
		look(s->mm, &s->before);
		failure_arm(n);
		failed = call(s) != 0;
		injected = test_failure_done();
		if (!injected || !failed)
			break;
		look(s->mm, &s->after);
		if (forgive)
			forgive(&s->args, &s->before, &s->after);
		check_same(&s->before, &s->after);
		validate(s->mm);
	}
	validate(s->mm);
}

static void sweep(const call_fn *calls, unsigned int nr, forgive_fn forgive)
{
	static struct scene s;

	address_space_init(&file_mapping, NULL);
	for (unsigned int i = 0; i < SCENES; i++) {
		scene_begin(&s);
		for (unsigned int step = 0; step < STEPS; step++) {
			draw_args(&s.args);
			sweep_step(&s, calls[test_random_below(nr)], forgive);
			write_somewhere(s.mm, 2);
			/* Now and then nothing is in the caches' reach. */
			if (test_random_below(8) == 0)
				kmem_cache_drain_all();
		}
		scene_end(&s);
	}
	shmem_evict(&file_mapping);
}

/* An address, or an error that the caller may have. */
static long checked(unsigned long ret)
{
	if (!IS_ERR_VALUE(ret))
		return 0;
	CHECK((long)ret == -ENOMEM || (long)ret == -EINVAL ||
	      (long)ret == -EFAULT);
	return (long)ret;
}

/* ---- the calls ---- */

static long call_mmap_fixed(struct scene *s)
{
	const struct args *a = &s->args;

	return checked(vm_mmap(s->mm, NULL, page_at(a->from),
			       a->nr << PAGE_SHIFT, a->prot,
			       MAP_ANONYMOUS | MAP_FIXED |
				       (a->pick & 3 ? MAP_PRIVATE : MAP_SHARED),
			       0));
}

static long call_mmap_file(struct scene *s)
{
	const struct args *a = &s->args;

	return checked(vm_mmap(
		s->mm, &file, page_at(a->from), a->nr << PAGE_SHIFT, a->prot,
		MAP_FIXED | (a->pick & 1 ? MAP_PRIVATE : MAP_SHARED), a->to));
}

/* Populating is best effort: a refused page is no error. */
static long call_mmap_anywhere(struct scene *s)
{
	const struct args *a = &s->args;

	return checked(vm_mmap(
		s->mm, NULL, a->pick & 4 ? page_at(FAR_PAGE + a->from) : 0,
		a->nr << PAGE_SHIFT, PROT_READ | PROT_WRITE,
		MAP_ANONYMOUS | (a->pick & 1 ? MAP_PRIVATE : MAP_SHARED) |
			(a->pick & 2 ? MAP_POPULATE : 0),
		0));
}

static long call_special(struct scene *s)
{
	static struct page *pages[1];

	pages[0] = zero_page;
	return checked(vm_map_special(s->mm, pages, 1, VM_READ | VM_MAYREAD,
				      "[sweep]"));
}

TEST_SOFT(an_mmap_that_fails_anywhere_changes_nothing)
{
	static const call_fn calls[] = {call_mmap_fixed, call_mmap_fixed,
					call_mmap_file, call_mmap_anywhere,
					call_special};

	sweep(calls, ARRAY_SIZE(calls), NULL);
}

static long call_munmap(struct scene *s)
{
	return checked((unsigned long)(long)vm_munmap(
		s->mm, page_at(s->args.from), s->args.nr << PAGE_SHIFT));
}

TEST_SOFT(a_munmap_that_fails_anywhere_changes_nothing)
{
	/* What is unmapped must come from somewhere. */
	static const call_fn calls[] = {call_munmap, call_munmap,
					call_mmap_fixed};

	sweep(calls, ARRAY_SIZE(calls), NULL);
}

/* Without holes: before a hole Linux changes what it can. */
static long call_mprotect(struct scene *s)
{
	const struct args *a = &s->args;
	unsigned long nr = 0;

	while (nr < a->nr) {
		struct vm_area_struct *vma =
			find_vma(s->mm, page_at(a->from + nr));

		if (!vma || vma->vm_start > page_at(a->from + nr))
			break;
		nr++;
	}
	return nr ? checked((unsigned long)(long)vm_mprotect(
			    s->mm, page_at(a->from), nr << PAGE_SHIFT, a->prot))
		  : 0;
}

/*
 * Areas are changed one by one, so that of several the first ones may have
 * the new rights: a beginning of the range, and nothing else.
 */
static void forgive_beginning(const struct args *a, struct view *before,
			      struct view *after)
{
	unsigned long i = a->from;

	while (i < a->from + a->nr &&
	       (after->page_flags[i] & VM_ACCESS_FLAGS) == a->prot) {
		after->page_flags[i] = before->page_flags[i];
		i++;
	}
	for (i = 0; i < WINDOW; i++)
		CHECK_EQ(before->page_flags[i] & VM_ACCESS_FLAGS,
			 after->page_flags[i] & VM_ACCESS_FLAGS);
	forgive_flags(before, VM_ACCESS_FLAGS | VM_ACCOUNT);
	forgive_flags(after, VM_ACCESS_FLAGS | VM_ACCOUNT);
	after->data_vm = before->data_vm;
	after->exec_vm = before->exec_vm;
	after->committed = before->committed;
}

TEST_SOFT(an_mprotect_that_fails_anywhere_has_changed_a_beginning_at_most)
{
	static const call_fn calls[] = {call_mprotect};

	sweep(calls, ARRAY_SIZE(calls), forgive_beginning);
}

/* Within one area it is all or nothing. */
static long call_mprotect_one(struct scene *s)
{
	struct args *a = &s->args;
	struct vm_area_struct *vma = find_vma(s->mm, page_at(a->from));
	unsigned long start, end;

	if (!vma)
		return 0;
	start = max(vma->vm_start, page_at(a->from));
	end = min(vma->vm_end, start + (a->nr << PAGE_SHIFT));
	return checked((unsigned long)(long)vm_mprotect(s->mm, start,
							end - start, a->prot));
}

TEST_SOFT(an_mprotect_of_one_area_that_fails_anywhere_changes_nothing)
{
	static const call_fn calls[] = {call_mprotect_one, call_mprotect_one,
					call_mprotect_one, call_mmap_fixed};

	sweep(calls, ARRAY_SIZE(calls), NULL);
}

/*
 * Several areas move one after the other, and those that moved before a
 * failure have moved, as in Linux: not for this test.
 */
static bool is_one_area(struct scene *s, unsigned long from, unsigned long nr)
{
	const struct vm_area_struct *vma = find_vma(s->mm, page_at(from));

	return !vma || vma->vm_end >= page_at(from + nr);
}

static long call_mremap_to(struct scene *s)
{
	const struct args *a = &s->args;

	if (!is_one_area(s, a->from, a->nr))
		return 0;
	return checked(vm_mremap(
		s->mm, page_at(a->from), a->nr << PAGE_SHIFT,
		(a->pick & 1 ? a->nr : a->nr_new) << PAGE_SHIFT,
		MREMAP_MAYMOVE | MREMAP_FIXED,
		page_at(a->pick & 2 ? a->to : FAR_PAGE * (1 + a->pick % 3))));
}

static long call_mremap_resize(struct scene *s)
{
	const struct args *a = &s->args;

	return checked(vm_mremap(s->mm, page_at(a->from), a->nr << PAGE_SHIFT,
				 a->nr_new << PAGE_SHIFT,
				 a->pick & 1 ? MREMAP_MAYMOVE : 0, 0));
}

static long call_mremap_keep(struct scene *s)
{
	const struct args *a = &s->args;

	return checked(vm_mremap(s->mm, page_at(a->from), a->nr << PAGE_SHIFT,
				 a->nr << PAGE_SHIFT,
				 MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0));
}

TEST_SOFT(an_mremap_that_fails_anywhere_changes_nothing)
{
	static const call_fn calls[] = {call_mremap_to, call_mremap_to,
					call_mremap_resize, call_mremap_keep,
					call_mmap_fixed};

	sweep(calls, ARRAY_SIZE(calls), NULL);
}

static long call_brk(struct scene *s)
{
	unsigned long to = page_at(BRK_PAGE) + s->args.pick % (8 * PAGE_SIZE);

	return vm_brk(s->mm, to) == to ? 0 : -ENOMEM;
}

/* Something in the way of the break, and holes in it. */
static long call_munmap_brk(struct scene *s)
{
	return checked((unsigned long)(long)vm_munmap(
		s->mm, page_at(BRK_PAGE + s->args.from % 8), PAGE_SIZE));
}

TEST_SOFT(a_brk_that_fails_anywhere_leaves_the_break_where_it_was)
{
	static const call_fn calls[] = {call_brk, call_brk, call_munmap_brk};

	sweep(calls, ARRAY_SIZE(calls), NULL);
}

#define ADVICE_FLAGS \
	(VM_RAND_READ | VM_SEQ_READ | VM_DONTCOPY | VM_DONTDUMP | VM_WIPEONFORK)

static long call_madvise(struct scene *s)
{
	static const int advices[] = {
		MADV_RANDOM,	    MADV_SEQUENTIAL,	MADV_NORMAL,
		MADV_DONTFORK,	    MADV_DOFORK,	MADV_DONTDUMP,
		MADV_DODUMP,	    MADV_WIPEONFORK,	MADV_KEEPONFORK,
		MADV_POPULATE_READ, MADV_POPULATE_WRITE};
	const struct args *a = &s->args;

	return checked((unsigned long)(long)vm_madvise(
		s->mm, page_at(a->from), a->nr << PAGE_SHIFT,
		advices[a->pick % ARRAY_SIZE(advices)]));
}

/*
 * Advice is taken area by area; where it fails, what came before is advised
 * and populated.  Beyond that nothing changes: the advised flags, the cuts
 * they make and pages that were not there are all that may differ.
 */
static void forgive_advice(const struct args *args, struct view *before,
			   struct view *after)
{
	(void)args;
	for (unsigned long i = 0; i < WINDOW; i++)
		if (before->byte[i] < 0)
			after->byte[i] = -1;
	CHECK_GE(after->rss, before->rss);
	after->rss = before->rss;
	forgive_flags(before, ADVICE_FLAGS);
	forgive_flags(after, ADVICE_FLAGS);
}

TEST_SOFT(an_madvise_that_fails_anywhere_changes_at_most_what_it_advises)
{
	static const call_fn calls[] = {call_madvise};

	sweep(calls, ARRAY_SIZE(calls), forgive_advice);
}

static long call_fork(struct scene *s)
{
	struct mm_struct *child = dup_mm(s->mm);

	if (IS_ERR(child)) {
		CHECK_EQ(PTR_ERR(child), -ENOMEM);
		return -ENOMEM;
	}
	failure_pause();
	validate(child);
	failure_resume();
	mmput(child);
	return 0;
}

TEST_SOFT(a_fork_that_fails_anywhere_leaves_the_parent_alone)
{
	static const call_fn calls[] = {call_fork, call_mmap_fixed,
					call_mremap_to};

	sweep(calls, ARRAY_SIZE(calls), NULL);
}

/* A program's own write: the signal is SIGKILL when there is no memory. */
static long call_write(struct scene *s)
{
	u8 byte = (u8)s->args.pick;
	int sig = poke(s->mm, page_at(s->args.from), byte);

	if (sig == OOM_KILLED)
		return -ENOMEM;
	return sig ? -EFAULT : 0;
}

static long call_read(struct scene *s)
{
	int byte = peek(s->mm, page_at(s->args.from));

	return byte >= 0 ? 0 : byte == -OOM_KILLED ? -ENOMEM : -EFAULT;
}

static long call_get_page(struct scene *s)
{
	struct page *page =
		mm_get_page(s->mm, page_at(s->args.from), s->args.pick & 1);

	if (IS_ERR(page))
		return checked((unsigned long)PTR_ERR(page));
	put_page(page);
	return 0;
}

/* One page, so that there is no part that could have been done. */
static long call_remote(struct scene *s)
{
	u8 bytes[16] = {(u8)s->args.pick};

	return access_remote_vm(s->mm, page_at(s->args.from), bytes,
				sizeof(bytes),
				s->args.pick & 1) == sizeof(bytes)
		       ? 0
		       : -EFAULT;
}

/* A stack that has grown for the fault stays grown, as in Linux. */
static void forgive_growth(const struct args *args, struct view *before,
			   struct view *after)
{
	(void)args;
	for (unsigned int i = 0; i < min(before->nr, after->nr); i++) {
		if (!(before->area[i].flags & VM_GROWSDOWN))
			continue;
		CHECK_LE(after->area[i].start, before->area[i].start);
		CHECK_EQ(before->area[i].start - after->area[i].start,
			 (before->area[i].pgoff - after->area[i].pgoff)
				 << PAGE_SHIFT);
		after->area[i].start = before->area[i].start;
		after->area[i].pgoff = before->area[i].pgoff;
	}
	for (unsigned long i = 0; i < WINDOW; i++)
		if (!before->page_flags[i] &&
		    after->page_flags[i] & VM_GROWSDOWN)
			after->page_flags[i] = 0;
	CHECK_EQ(after->total_vm - before->total_vm,
		 after->stack_vm - before->stack_vm);
	after->total_vm = before->total_vm;
	after->stack_vm = before->stack_vm;
	after->committed = before->committed;
}

TEST_SOFT(a_fault_that_fails_anywhere_changes_nothing)
{
	static const call_fn calls[] = {
		call_write,  call_write,  call_read,	   call_get_page,
		call_remote, call_munmap, call_mmap_fixed, call_fork};

	sweep(calls, ARRAY_SIZE(calls), forgive_growth);
}
