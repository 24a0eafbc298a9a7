/* SPDX-License-Identifier: MIT */
/*
 * rmap_test.c - every mapping of a frame is found, through forks and moves.
 */
#include "mm/aspace/rmap.c"

#include <quire/pagemap.h>

#include "test/aspace_picture.h"

static struct page *frame_at(struct mm_struct *mm, unsigned long nr)
{
	struct page *page = mm_get_page(mm, page_at(nr), false);

	CHECK(!IS_ERR(page));
	return page;
}

static int count_at(struct mm_struct *mm, unsigned long nr)
{
	struct page *page = frame_at(mm, nr);
	int found = rmap_count(page);

	CHECK_EQ(found, page_mapcount(page));
	put_page(page);
	return found;
}

static struct mm_struct *fork_of(struct mm_struct *mm)
{
	struct mm_struct *child = dup_mm(mm);

	CHECK(!IS_ERR(child));
	return child;
}

static void move(struct mm_struct *mm, unsigned long from, unsigned long to,
		 unsigned long nr)
{
	CHECK_EQ(vm_mremap(mm, page_at(from), nr << PAGE_SHIFT,
			   nr << PAGE_SHIFT, MREMAP_MAYMOVE | MREMAP_FIXED,
			   page_at(to)),
		 page_at(to));
}

TEST(a_frame_shared_by_fork_is_found_on_both_sides)
{
	struct mm_struct *mm = picture_mm("Ww"), *child;

	picture_fill(mm, 0, 2);
	CHECK_EQ(count_at(mm, 0), 1);
	child = fork_of(mm);
	CHECK_EQ(count_at(mm, 0), 2);
	CHECK_EQ(poke(child, page_at(0), 9), 0);
	CHECK_EQ(count_at(mm, 0), 1);
	CHECK_EQ(count_at(child, 0), 1);
	CHECK_EQ(count_at(mm, 1), 2);
	/* What the parent has had is the child's alone, when it is gone. */
	mmput(mm);
	CHECK_EQ(count_at(child, 1), 1);
	CHECK_EQ(poke(child, page_at(1), 9), 0);
	CHECK_EQ(count_at(child, 1), 1);
	CHECK_PICTURE(child, "Ww");
	mmput(child);
}

TEST(moved_pages_are_found_where_they_are)
{
	struct mm_struct *mm = picture_mm("Wwww"), *child;

	picture_fill(mm, 0, 4);
	move(mm, 1, 9, 2);
	CHECK_PICTURE(mm, "W..W.....Ww");
	CHECK_EQ(count_at(mm, 9), 1);
	CHECK_EQ(count_at(mm, 10), 1);
	/* Someone else's pages are born where these were. */
	picture_map(mm, ".Ww");
	picture_fill(mm, 1, 3);
	CHECK_EQ(count_at(mm, 1), 1);
	child = fork_of(mm);
	move(child, 9, 20, 1);
	CHECK_EQ(count_at(child, 20), 2);
	CHECK_EQ(count_at(mm, 9), 2);
	/* And back to the birthplace. */
	CHECK_EQ(vm_munmap(mm, page_at(1), 2 * PAGE_SIZE), 0);
	move(mm, 9, 1, 2);
	CHECK_EQ(count_at(mm, 1), 2);
	CHECK(RB_EMPTY_ROOT(&mm->anon_moved));
	CHECK_PICTURE(mm, "Wwww");
	CHECK_PICTURE(child, "Wwww......W.........W");
	mmput(mm);
	mmput(child);
}

/* Each generation forks the next and ends; something is left by each. */
TEST(a_long_line_of_processes_keeps_few_spaces)
{
	struct mm_struct *mm = picture_mm("Wwwwwwww");
	unsigned int nr_links = 0;
	struct anon_link *link;

	picture_fill(mm, 0, 8);
	for (unsigned int i = 0; i < 300; i++) {
		struct mm_struct *child = fork_of(mm);

		CHECK_EQ(poke(child, page_at(i % 8), (u8)i), 0);
		mmput(mm);
		mm = child;
		if (i % 32 == 0)
			CHECK_PICTURE(mm, "Wwwwwwww");
	}
	list_for_each_entry(link, &mm->anon_links, of_mm)
		nr_links++;
	CHECK_LE(nr_links, 3);
	mmput(mm);
}

#define NR_MM	 10
#define NR_PLACE 24

/* Any tree of forks, in which areas are moved, written and taken away. */
static void random_family(unsigned int nr_steps)
{
	struct mm_struct *mms[NR_MM] = {picture_mm("Wwwwwwww")};
	unsigned int nr = 1;

	picture_fill(mms[0], 0, 8);
	for (unsigned int step = 0; step < nr_steps; step++) {
		unsigned int k = (unsigned int)test_random_below(nr);
		unsigned long at = test_random_below(NR_PLACE);
		unsigned long len = 1 + test_random_below(3);

		switch (test_random_below(8)) {
		case 0:
			if (nr < NR_MM)
				mms[nr++] = fork_of(mms[k]);
			break;
		case 1:
			if (nr == 1)
				break;
			mmput(mms[k]);
			mms[k] = mms[--nr];
			break;
		case 2:
		case 3:
			vm_mremap(mms[k], page_at(at), len << PAGE_SHIFT,
				  len << PAGE_SHIFT,
				  MREMAP_MAYMOVE | MREMAP_FIXED,
				  page_at(test_random_below(NR_PLACE)));
			break;
		case 4:
			vm_mmap(mms[k], NULL, page_at(at), len << PAGE_SHIFT,
				PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0);
			break;
		default:
			poke(mms[k], page_at(at), (u8)step);
		}
		for (unsigned int i = 0; i < nr; i++) {
			mmap_write_lock(mms[i]);
			mm_validate(mms[i]);
			mm_validate_rmap(mms[i]);
			mmap_write_unlock(mms[i]);
		}
	}
	while (nr)
		mmput(mms[--nr]);
}

TEST(every_frame_is_found_in_any_family)
{
	random_family(1500);
}

/* ---- a file's pages ---- */

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

static void map_file(struct mm_struct *mm, unsigned long at, unsigned long nr,
		     unsigned long flags, pgoff_t pgoff)
{
	CHECK_EQ(vm_mmap(mm, &file, page_at(at), nr << PAGE_SHIFT,
			 PROT_READ | PROT_WRITE, flags | MAP_FIXED, pgoff),
		 page_at(at));
}

static void file_new(unsigned long nr)
{
	address_space_init(&file_mapping, NULL);
	CHECK_EQ(shmem_truncate(&file_mapping, nr << PAGE_SHIFT), 0);
}

TEST(using_a_page_shows_once_through_all_its_mappings)
{
	struct mm_struct *mm = picture_mm("");
	unsigned long vm_flags;
	struct page *page;

	file_new(4);
	map_file(mm, 0, 4, MAP_SHARED, 0);
	map_file(mm, 8, 2, MAP_SHARED, 2);
	CHECK_EQ(poke(mm, page_at(3), 1), 0);
	CHECK_EQ(peek(mm, page_at(9)), 1);
	page = frame_at(mm, 3);
	CHECK_EQ(rmap_count(page), 2);
	CHECK_EQ(page_referenced(page, false, &vm_flags), 2);
	CHECK(vm_flags & VM_SHARED);
	CHECK_EQ(page_referenced(page, true, &vm_flags), 0);
	CHECK_EQ(vm_flags, 0);
	put_page(page);
	mmput(mm);
	shmem_evict(&file_mapping);
}

TEST(an_anonymous_page_tells_of_its_use_and_of_locked_areas)
{
	struct mm_struct *mm = picture_mm("W"), *child;
	unsigned long vm_flags;
	struct page *page;

	picture_fill(mm, 0, 1);
	child = fork_of(mm);
	page = frame_at(mm, 0);
	CHECK_EQ(page_referenced(page, false, &vm_flags), 2);
	CHECK_EQ(page_referenced(page, false, &vm_flags), 0);
	mmap_write_lock(mm);
	find_vma(mm, page_at(0))->vm_flags |= VM_LOCKED;
	mmap_write_unlock(mm);
	CHECK_EQ(page_referenced(page, false, &vm_flags), 0);
	CHECK(vm_flags & VM_LOCKED);
	mmap_write_lock(mm);
	find_vma(mm, page_at(0))->vm_flags &= ~VM_LOCKED;
	mmap_write_unlock(mm);
	/* Not held up, either: it says so. */
	down_write(&mm->anon->root->lock);
	CHECK_EQ(page_referenced(page, true, &vm_flags), -1);
	up_write(&mm->anon->root->lock);
	put_page(page);
	mmput(mm);
	mmput(child);
}

TEST(a_cleaned_page_faults_on_the_next_write_through_each_mapping)
{
	struct mm_struct *mm = picture_mm(""), *other = picture_mm("");
	struct page *page;

	file_new(2);
	map_file(mm, 0, 2, MAP_SHARED, 0);
	map_file(other, 5, 1, MAP_SHARED, 1);
	map_file(other, 9, 1, MAP_PRIVATE, 1);
	CHECK_EQ(poke(mm, page_at(1), 7), 0);
	CHECK_EQ(peek(other, page_at(5)), 7);
	CHECK_EQ(peek(other, page_at(9)), 7);
	page = frame_at(mm, 1);
	CHECK_EQ(rmap_count(page), 3);
	CHECK_EQ(page_mkclean(page), 2); /* the private one cannot write */
	CHECK_EQ(page_mkclean(page), 0);
	CHECK(!pte_write(ptep_get(pte_lookup(mm, page_at(1)))));
	CHECK_EQ(poke(other, page_at(5), 8), 0);
	CHECK_EQ(peek(mm, page_at(1)), 8);
	CHECK_EQ(page_mkclean(page), 1);
	CHECK_PICTURE(mm, "Ss");
	put_page(page);
	mmput(mm);
	mmput(other);
	shmem_evict(&file_mapping);
}

TEST(a_files_page_is_unmapped_everywhere_and_comes_back)
{
	struct mm_struct *mm = picture_mm(""), *child;
	struct page *page;

	file_new(3);
	map_file(mm, 0, 3, MAP_SHARED, 0);
	for (unsigned long i = 0; i < 3; i++)
		CHECK_EQ(poke(mm, page_at(i), (u8)(i + 1)), 0);
	child = fork_of(mm);
	CHECK_EQ(peek(child, page_at(1)), 2);
	page = frame_at(mm, 1);
	ClearPageDirty(page);
	CHECK_EQ(page_mapcount(page), 2);
	CHECK(try_to_unmap(page, 0));
	CHECK(PageDirty(page));
	CHECK_EQ(page_mapcount(page), 0);
	CHECK_EQ(page_ref_count(page), 2); /* the file's and ours */
	CHECK_EQ(get_mm_counter(mm, MM_SHMEMPAGES), 2);
	CHECK_PICTURE(mm, "Sss");
	CHECK_EQ(peek(child, page_at(1)), 2);
	CHECK_EQ(rmap_count(page), 1);
	put_page(page);
	/* What a private mapping has copied is not the file's. */
	map_file(child, 5, 1, MAP_PRIVATE, 0);
	CHECK_EQ(poke(child, page_at(5), 99), 0);
	page = frame_at(child, 5);
	CHECK(!try_to_unmap(page, 0));
	CHECK_EQ(peek(child, page_at(5)), 99);
	put_page(page);
	mmput(mm);
	mmput(child);
	shmem_evict(&file_mapping);
}

/* A private file's copies are found at their birthplace, moved or not. */
TEST(private_copies_of_a_file_are_found_after_moves)
{
	struct mm_struct *mm = picture_mm(""), *child;

	file_new(6);
	map_file(mm, 0, 6, MAP_PRIVATE, 0);
	for (unsigned long i = 0; i < 6; i++)
		CHECK_EQ(poke(mm, page_at(i), (u8)(i + 1)), 0);
	child = fork_of(mm);
	move(mm, 2, 12, 2);
	CHECK_EQ(count_at(mm, 12), 2);
	CHECK_EQ(count_at(child, 2), 2);
	move(mm, 12, 2, 2);
	CHECK_EQ(count_at(mm, 3), 2);
	CHECK_PICTURE(mm, "Wwwwww");
	mmput(mm);
	mmput(child);
	shmem_evict(&file_mapping);
}

/* ---- concurrency ---- */

struct storm {
	struct mm_struct *mm;
	unsigned int nr_rounds;
};

/* One forks and ends children, one moves, the others look and clean. */
static void fork_move_or_walk(void *arg, unsigned int k)
{
	struct storm *s = arg;

	for (unsigned int i = 0; i < s->nr_rounds; i++) {
		unsigned long at = i % 4, vm_flags; /* what never moves */
		struct mm_struct *child;
		struct page *page;

		switch (k) {
		case 0:
			child = fork_of(s->mm);
			CHECK_EQ(poke(child, page_at(at), 1), 0);
			mmput(child);
			break;
		case 1:
			move(s->mm, 4, 12, 2);
			move(s->mm, 12, 4, 2);
			break;
		default:
			page = mm_get_page(s->mm, page_at(at), i & 1);
			CHECK(!IS_ERR(page));
			CHECK_GE(page_referenced(page, k & 1, &vm_flags), -1);
			if (i % 8 == 7)
				page_mkclean(page);
			put_page(page);
		}
	}
}

TEST(walks_go_on_beside_forks_exits_and_moves)
{
	struct storm s = {picture_mm("Wwwwwwww"), 60};

	picture_fill(s.mm, 0, 8);
	test_run_on_cpus(4, fork_move_or_walk, &s);
	CHECK_PICTURE(s.mm, "Wwwwwwww");
	mmput(s.mm);
}

/* Shared by all: mapped, cleaned, unmapped, written and cut at once. */
static void clean_or_write(void *arg, unsigned int k)
{
	struct storm *s = arg;

	for (unsigned int i = 0; i < s->nr_rounds; i++) {
		unsigned long at = i % 4;
		struct page *page;

		if (k % 2) {
			CHECK_EQ(touch(s->mm, page_at(at) + k, &(u8){(u8)i}, 1,
				       FAULT_FLAG_WRITE),
				 0);
			continue;
		}
		page = filemap_get_page(&file_mapping, at);
		if (!page)
			continue;
		if (k)
			page_mkclean(page);
		else
			try_to_unmap(page, 0);
		put_page(page);
	}
}

TEST(cleaning_and_unmapping_lose_no_write)
{
	struct storm s = {picture_mm(""), 120};
	unsigned int nr;

	file_new(4);
	map_file(s.mm, 0, 4, MAP_SHARED, 0);
	nr = test_run_on_cpus(4, clean_or_write, &s);
	for (unsigned int k = 1; k < nr; k += 2)
		for (unsigned long at = 0; at < 4; at++)
			CHECK_EQ(peek(s.mm, page_at(at) + k), 116 + at);
	CHECK_PICTURE(s.mm, "Ssss");
	mmput(s.mm);
	shmem_evict(&file_mapping);
}

#ifndef QUIRE_METAL
/* The same, in an order drawn from the seed. */
static const struct soft_layout seeded = {.mode = SOFT_SEEDED};

TEST_MACHINE(walks_beside_forks_in_a_drawn_order, &seeded)
{
	struct storm s = {picture_mm("Wwwwwwww"), 40};

	picture_fill(s.mm, 0, 8);
	test_run_on_cpus(4, fork_move_or_walk, &s);
	CHECK_PICTURE(s.mm, "Wwwwwwww");
	mmput(s.mm);
}
#endif
