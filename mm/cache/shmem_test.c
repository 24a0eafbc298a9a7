/* SPDX-License-Identifier: MIT */
/*
 * shmem_test.c - memory files read, written, cut, mapped and shared.
 */
#include "mm/cache/shmem.c"

#include "test/test.h"

#ifndef QUIRE_METAL
#include "port/soft/soft.h"
#endif

static struct address_space file_mapping;

static void file_get(struct vm_file *vf)
{
	(void)vf;
}

static const struct vm_file_ops file_ops = {
	.get = file_get,
	.put = file_get,
	.mmap = shmem_file_mmap,
};

static struct vm_file file = {&file_ops, &file_mapping, true, true, true};

static bool anyone(const struct vm_area_struct *vma)
{
	(void)vma;
	return true;
}

static bool nobody(const struct vm_area_struct *vma)
{
	(void)vma;
	return false;
}

static void file_new(void)
{
	address_space_init(&file_mapping, NULL);
}

/* What is wrong with the cache, seen from its pages; 0: nothing. */
static void file_validate(void)
{
	unsigned long nr = 0;
	pgoff_t index;
	struct page *page;

	CHECK_EQ(xa_validate(&file_mapping.i_pages), file_mapping.nrpages);
	xa_for_each(&file_mapping.i_pages, index, page) {
		CHECK(page_mapping(page) == &file_mapping);
		CHECK_EQ(page_index(page), index);
		CHECK(PageSwapBacked(page));
		CHECK_GE(page_ref_count(page), 1 + page_mapcount(page));
		nr++;
	}
	CHECK_EQ(nr, file_mapping.nrpages);
}

static unsigned long map_file(struct mm_struct *mm, unsigned long nr,
			      unsigned long prot, unsigned long flags,
			      pgoff_t pgoff)
{
	unsigned long a =
		vm_mmap(mm, &file, 0, nr << PAGE_SHIFT, prot, flags, pgoff);

	CHECK(!IS_ERR_VALUE(a));
	return a;
}

static int get_byte(struct mm_struct *mm, unsigned long addr)
{
	u8 byte;

	if (access_remote_vm(mm, addr, &byte, 1, false) != 1)
		return -1;
	return byte;
}

static void put_byte(struct mm_struct *mm, unsigned long addr, u8 byte)
{
	CHECK_EQ(access_remote_vm(mm, addr, &byte, 1, true), 1);
}

TEST(a_hole_reads_as_zeros_and_takes_no_frame)
{
	char buf[8];

	file_new();
	CHECK_EQ(shmem_write(&file_mapping, 3 * PAGE_SIZE - 2, "abcd", 4), 4);
	CHECK_EQ(file_mapping.i_size, 3 * PAGE_SIZE + 2);
	CHECK_EQ(file_mapping.nrpages, 2);
	CHECK_EQ(shmem_read(&file_mapping, PAGE_SIZE, buf, 8), 8);
	CHECK(!memcmp(buf, "\0\0\0\0\0\0\0\0", 8));
	CHECK_EQ(file_mapping.nrpages, 2);
	CHECK_EQ(shmem_read(&file_mapping, 3 * PAGE_SIZE - 2, buf, 8), 4);
	CHECK(!memcmp(buf, "abcd", 4));
	CHECK_EQ(shmem_read(&file_mapping, 4 * PAGE_SIZE, buf, 8), 0);
	file_validate();
	shmem_evict(&file_mapping);
}

#define MODEL_BYTES 20000

/* Random writes, reads and truncations against an array of bytes. */
TEST(a_memory_file_behaves_like_an_array_of_bytes)
{
	static u8 model[MODEL_BYTES], buf[MODEL_BYTES];
	size_t size = 0;

	memset(model, 0, sizeof(model));
	file_new();
	for (int step = 0; step < 2000; step++) {
		size_t at = test_random_below(MODEL_BYTES);
		size_t len = test_random_below(MODEL_BYTES - at);
		size_t there = at < size ? min(len, size - at) : 0;

		switch (test_random_below(6)) {
		case 4:
			shmem_punch_hole(&file_mapping, at, at + len);
			memset(model + at, 0, len);
			break;
		case 5:
			CHECK_EQ(shmem_fallocate(&file_mapping, at, at + len),
				 0);
			break;
		case 0:
			for (size_t i = 0; i < len; i++)
				buf[i] = (u8)test_random();
			CHECK_EQ(shmem_write(&file_mapping, at, buf, len), len);
			memcpy(model + at, buf, len);
			if (len)
				size = max(size, at + len);
			break;
		case 1:
			CHECK_EQ(shmem_truncate(&file_mapping, at), 0);
			memset(model + at, 0, MODEL_BYTES - at);
			size = at;
			break;
		default:
			CHECK_EQ(shmem_read(&file_mapping, at, buf, len),
				 there);
			CHECK(!memcmp(buf, model + at, there));
		}
		CHECK_EQ(file_mapping.i_size, size);
		file_validate();
	}
	shmem_evict(&file_mapping);
}

TEST(a_write_without_memory_says_how_far_it_came)
{
	static u8 buf[3 * 4096];

	file_new();
	EACH_FAILURE(n) {
		mm_ssize_t done =
			shmem_write(&file_mapping, 0, buf, sizeof(buf));

		if (failure_was_injected() && done != sizeof(buf)) {
			CHECK(done == -ENOMEM || done == 4096 || done == 8192);
			CHECK_EQ(file_mapping.i_size, done < 0 ? 0 : done);
		} else {
			CHECK_EQ(done, sizeof(buf));
		}
		file_validate();
		CHECK_EQ(shmem_truncate(&file_mapping, 0), 0);
	}
	shmem_evict(&file_mapping);
}

TEST(a_shared_mapping_and_the_file_are_one)
{
	struct mm_struct *mm = mm_alloc();
	char c;
	unsigned long a;

	file_new();
	CHECK_EQ(shmem_write(&file_mapping, 0, "x", 1), 1);
	CHECK_EQ(shmem_truncate(&file_mapping, 2 * PAGE_SIZE), 0);
	a = map_file(mm, 2, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	CHECK_EQ(get_byte(mm, a), 'x');
	put_byte(mm, a + PAGE_SIZE + 7, 'y');
	CHECK_EQ(shmem_read(&file_mapping, PAGE_SIZE + 7, &c, 1), 1);
	CHECK_EQ(c, 'y');
	CHECK_EQ(get_mm_counter(mm, MM_SHMEMPAGES), 2);
	file_validate();
	mmput(mm);
	file_validate();
	shmem_evict(&file_mapping);
}

TEST(a_private_mapping_writes_to_copies_only)
{
	struct mm_struct *mm = mm_alloc();
	unsigned long a;
	char c;

	file_new();
	CHECK_EQ(shmem_write(&file_mapping, 0, "abc", 3), 3);
	a = map_file(mm, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
	CHECK_EQ(get_byte(mm, a), 'a');
	CHECK_EQ(get_mm_counter(mm, MM_SHMEMPAGES), 1);
	put_byte(mm, a, 'z');
	CHECK_EQ(get_mm_counter(mm, MM_SHMEMPAGES), 0);
	CHECK_EQ(get_mm_counter(mm, MM_ANONPAGES), 1);
	CHECK_EQ(get_byte(mm, a + 1), 'b');
	CHECK_EQ(shmem_read(&file_mapping, 0, &c, 1), 1);
	CHECK_EQ(c, 'a');
	file_validate();
	mmput(mm);
	shmem_evict(&file_mapping);
}

TEST(one_read_fault_maps_the_neighbours_that_are_there)
{
	static u8 buf[20 * 4096];
	struct mm_struct *mm = mm_alloc();
	unsigned long a;

	file_new();
	CHECK_EQ(shmem_write(&file_mapping, 0, buf, sizeof(buf)), sizeof(buf));
	a = vm_mmap(mm, &file, 1UL << 32, sizeof(buf), PROT_READ,
		    MAP_PRIVATE | MAP_FIXED, 0);
	CHECK_EQ(get_byte(mm, a + 5 * PAGE_SIZE), 0);
	CHECK_EQ(get_mm_rss(mm), 16);
	CHECK_EQ(get_byte(mm, a + 18 * PAGE_SIZE), 0);
	CHECK_EQ(get_mm_rss(mm), 20);
	mmap_write_lock(mm);
	mm_validate(mm);
	mmap_write_unlock(mm);
	mmput(mm);
	shmem_evict(&file_mapping);
}

TEST(beyond_the_end_of_the_file_is_sigbus)
{
	struct mm_struct *mm = mm_alloc();
	unsigned long a;
	int code = 0;

	file_new();
	CHECK_EQ(shmem_write(&file_mapping, 0, "abc", 3), 3);
	a = map_file(mm, 2, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	CHECK_EQ(get_byte(mm, a + 4095), 0);
	CHECK_EQ(mm_fault(mm, a + PAGE_SIZE, FAULT_FLAG_USER, &code),
		 VM_FAULT_SIGBUS);
	CHECK_EQ(code, BUS_CODE_ADRERR);
	mmput(mm);
	shmem_evict(&file_mapping);
}

TEST(truncation_takes_mapped_pages_and_private_copies_away)
{
	struct mm_struct *mm = mm_alloc();
	unsigned long a, b;

	file_new();
	CHECK_EQ(shmem_truncate(&file_mapping, 4 * PAGE_SIZE), 0);
	a = map_file(mm, 4, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	b = map_file(mm, 2, PROT_READ | PROT_WRITE, MAP_PRIVATE, 1);
	for (int i = 0; i < 4; i++)
		put_byte(mm, a + (unsigned long)i * PAGE_SIZE, 1);
	put_byte(mm, b, 2);
	put_byte(mm, b + PAGE_SIZE, 3);
	CHECK_EQ(get_mm_rss(mm), 6);
	CHECK_EQ(shmem_truncate(&file_mapping, PAGE_SIZE + 10), 0);
	CHECK_EQ(get_mm_rss(mm), 3);
	CHECK_EQ(get_byte(mm, b), 2);
	CHECK_EQ(get_byte(mm, b + PAGE_SIZE), -1);
	CHECK_EQ(get_byte(mm, a + 2 * PAGE_SIZE), -1);
	CHECK_EQ(shmem_truncate(&file_mapping, 4 * PAGE_SIZE), 0);
	CHECK_EQ(get_byte(mm, a + 2 * PAGE_SIZE), 0);
	mmap_write_lock(mm);
	mm_validate(mm);
	mmap_write_unlock(mm);
	file_validate();
	mmput(mm);
	shmem_evict(&file_mapping);
}

TEST(adopted_frames_become_the_file_or_stay_the_callers)
{
	struct page *pages[3];

	for (int i = 0; i < 3; i++) {
		pages[i] = alloc_page(GFP_KERNEL);
		CHECK(pages[i]);
		memset(page_address(pages[i]), 'a' + i, PAGE_SIZE);
	}
	file_new();
	EACH_FAILURE(n) {
		int err =
			shmem_adopt(&file_mapping, pages, 3, 2 * PAGE_SIZE + 5);
		char c;

		file_validate();
		if (err) {
			CHECK_EQ(err, -ENOMEM);
			CHECK_EQ(file_mapping.nrpages, 0);
			CHECK_EQ(page_ref_count(pages[0]), 1);
			continue;
		}
		CHECK_EQ(shmem_read(&file_mapping, PAGE_SIZE, &c, 1), 1);
		CHECK_EQ(c, 'b');
		/* What lies behind the end never shows. */
		CHECK_EQ(shmem_truncate(&file_mapping, 3 * PAGE_SIZE), 0);
		CHECK_EQ(shmem_read(&file_mapping, 2 * PAGE_SIZE + 5, &c, 1),
			 1);
		CHECK_EQ(c, 0);
	}
	shmem_evict(&file_mapping);
}

#define STORM_PAGES 8

struct storm {
	struct mm_struct *mm;
	unsigned long at;
};

/* Processor 0 cuts and grows the file; the others read and write it mapped. */
static void truncate_or_touch(void *arg, unsigned int k)
{
	struct storm *s = arg;

	for (unsigned int i = 0; i < 150; i++) {
		if (!k) {
			CHECK_EQ(shmem_truncate(&file_mapping,
						i % STORM_PAGES * PAGE_SIZE),
				 0);
			CHECK_EQ(shmem_truncate(&file_mapping,
						STORM_PAGES * PAGE_SIZE),
				 0);
		} else {
			u8 byte = (u8)k;

			/*
			 * May meet the end of the file: both are fine.  To
			 * each processor its own byte.
			 */
			access_remote_vm(
				s->mm, s->at + i % STORM_PAGES * PAGE_SIZE + k,
				&byte, 1, (i + k) % 3);
		}
	}
}

TEST(truncation_against_faults_leaves_no_page_behind)
{
	struct storm s = {.mm = mm_alloc()};

	file_new();
	CHECK_EQ(shmem_truncate(&file_mapping, STORM_PAGES * PAGE_SIZE), 0);
	s.at = map_file(s.mm, STORM_PAGES, PROT_READ | PROT_WRITE, MAP_SHARED,
			0);
	test_run_on_cpus(4, truncate_or_touch, &s);
	file_validate();
	mmap_write_lock(s.mm);
	mm_validate(s.mm);
	mmap_write_unlock(s.mm);
	CHECK_EQ(shmem_truncate(&file_mapping, 0), 0);
	CHECK_EQ(get_mm_rss(s.mm), 0);
	CHECK_EQ(file_mapping.nrpages, 0);
	mmput(s.mm);
	shmem_evict(&file_mapping);
}

/*
 *   page       0 1 2 3 4 5
 *   contents   w - w - - -     w: written
 *   fallocate      [- - -]     pages 2 to 4
 *   seek       d h d h h h     d: data, h: hole
 */
TEST(reserved_pages_are_holes_until_they_are_used)
{
	struct mm_struct *mm = mm_alloc();
	unsigned long a;
	u8 vec[6];

	file_new();
	CHECK_EQ(shmem_truncate(&file_mapping, 6 * PAGE_SIZE), 0);
	CHECK_EQ(shmem_write(&file_mapping, 0, "x", 1), 1);
	CHECK_EQ(shmem_write(&file_mapping, 2 * PAGE_SIZE, "y", 1), 1);
	CHECK_EQ(shmem_fallocate(&file_mapping, 2 * PAGE_SIZE + 1,
				 4 * PAGE_SIZE + 1),
		 0);
	CHECK_EQ(file_mapping.nrpages, 4);
	CHECK_EQ(file_mapping.i_size, 6 * PAGE_SIZE);
	CHECK_EQ(shmem_seek(&file_mapping, 1, false), PAGE_SIZE);
	CHECK_EQ(shmem_seek(&file_mapping, 5000, true), 2 * PAGE_SIZE);
	CHECK_EQ(shmem_seek(&file_mapping, 2 * PAGE_SIZE, false),
		 3 * PAGE_SIZE);
	CHECK_EQ(shmem_seek(&file_mapping, 3 * PAGE_SIZE, true), -ENXIO);
	CHECK_EQ(shmem_seek(&file_mapping, 6 * PAGE_SIZE, false), -ENXIO);
	a = map_file(mm, 6, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	CHECK_EQ(vm_mincore(mm, a, 6, vec, anyone), 6);
	CHECK(!memcmp(vec, "\1\0\1\0\0\0", 6));
	CHECK_EQ(vm_mincore(mm, a, 6, vec, nobody), 6);
	CHECK(!memcmp(vec, "\1\1\1\1\1\1", 6));
	CHECK_EQ(vm_mincore(mm, a + 6 * PAGE_SIZE, 1, vec, anyone), -ENOMEM);
	CHECK_EQ(get_byte(mm, a + 3 * PAGE_SIZE), 0);
	CHECK_EQ(shmem_seek(&file_mapping, 3 * PAGE_SIZE, true), 3 * PAGE_SIZE);
	CHECK_EQ(vm_mincore(mm, a, 6, vec, anyone), 6);
	CHECK(!memcmp(vec, "\1\0\1\1\0\0", 6));
	mmput(mm);
	file_validate();
	shmem_evict(&file_mapping);
}

TEST(a_hole_is_punched_through_mappings_but_not_through_copies)
{
	struct mm_struct *mm = mm_alloc();
	unsigned long a, b;

	file_new();
	CHECK_EQ(shmem_truncate(&file_mapping, 4 * PAGE_SIZE), 0);
	a = map_file(mm, 4, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	b = map_file(mm, 4, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
	for (unsigned long i = 0; i < 4; i++) {
		put_byte(mm, a + i * PAGE_SIZE + 100, 7);
		put_byte(mm, a + i * PAGE_SIZE + 200, 8);
		put_byte(mm, b + i * PAGE_SIZE + 100, 9);
	}
	shmem_punch_hole(&file_mapping, 150, 3 * PAGE_SIZE + 150);
	CHECK_EQ(file_mapping.nrpages, 2);
	CHECK_EQ(get_byte(mm, a + 100), 7);
	CHECK_EQ(get_byte(mm, a + 200), 0);
	CHECK_EQ(get_byte(mm, a + PAGE_SIZE + 100), 0);
	CHECK_EQ(get_byte(mm, a + 3 * PAGE_SIZE + 100), 0);
	CHECK_EQ(get_byte(mm, a + 3 * PAGE_SIZE + 200), 8);
	for (unsigned long i = 0; i < 4; i++)
		CHECK_EQ(get_byte(mm, b + i * PAGE_SIZE + 100), 9);
	shmem_punch_hole(&file_mapping, 3 * PAGE_SIZE + 199,
			 3 * PAGE_SIZE + 201);
	CHECK_EQ(get_byte(mm, a + 3 * PAGE_SIZE + 200), 0);
	file_validate();
	mmput(mm);
	shmem_evict(&file_mapping);
}

TEST(room_that_cannot_be_had_is_given_back)
{
	file_new();
	CHECK_EQ(shmem_write(&file_mapping, PAGE_SIZE, "x", 1), 1);
	EACH_FAILURE(n) {
		int err = shmem_fallocate(&file_mapping, 0, 5 * PAGE_SIZE);

		if (err) {
			CHECK_EQ(err, -ENOMEM);
			CHECK_EQ(file_mapping.nrpages, 1);
		} else {
			CHECK_EQ(file_mapping.nrpages, 5);
		}
		file_validate();
		CHECK_EQ(shmem_seek(&file_mapping, 0, true), PAGE_SIZE);
	}
	shmem_evict(&file_mapping);
}

static int seal_after;

static int may_map(struct vm_file *vf, unsigned long *vm_flags)
{
	(void)vf;
	if (seal_after && (*vm_flags & VM_WRITE))
		return -EPERM;
	if (seal_after)
		*vm_flags &= ~VM_MAYWRITE;
	return 0;
}

/* Areas that may write a shared file are counted through every change. */
TEST(writing_is_denied_only_while_no_area_may_write)
{
	static const struct vm_file_ops sealed_ops = {
		.get = file_get,
		.put = file_get,
		.mmap = shmem_file_mmap,
		.may_mmap = may_map,
	};
	struct vm_file sealed = {&sealed_ops, &file_mapping, true, true, true};
	struct mm_struct *mm = mm_alloc(), *child;
	unsigned long a, b;

	file_new();
	seal_after = 0;
	CHECK_EQ(shmem_truncate(&file_mapping, 8 * PAGE_SIZE), 0);
	a = vm_mmap(mm, &sealed, 0, 8 * PAGE_SIZE, PROT_READ, MAP_SHARED, 0);
	CHECK(!IS_ERR_VALUE(a));
	CHECK_EQ(file_mapping.i_mmap_writable, 1);
	CHECK_EQ(vm_mprotect(mm, a + PAGE_SIZE, PAGE_SIZE,
			     PROT_READ | PROT_WRITE),
		 0);
	CHECK_EQ(file_mapping.i_mmap_writable, 3);
	CHECK_EQ(vm_mprotect(mm, a + PAGE_SIZE, PAGE_SIZE, PROT_READ), 0);
	CHECK_EQ(file_mapping.i_mmap_writable, 1);
	child = dup_mm(mm);
	CHECK(!IS_ERR(child));
	CHECK_EQ(vm_munmap(mm, a, 8 * PAGE_SIZE), 0);
	CHECK_EQ(mapping_deny_writable(&file_mapping), -EBUSY);
	mmput(child);
	CHECK_EQ(file_mapping.i_mmap_writable, 0);
	CHECK_EQ(mapping_deny_writable(&file_mapping), 0);
	CHECK_EQ(vm_mmap(mm, &sealed, 0, PAGE_SIZE, PROT_READ, MAP_SHARED, 0),
		 (unsigned long)-EPERM);
	seal_after = 1;
	CHECK_EQ(vm_mmap(mm, &sealed, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_SHARED, 0),
		 (unsigned long)-EPERM);
	b = vm_mmap(mm, &sealed, 0, PAGE_SIZE, PROT_READ, MAP_SHARED, 0);
	CHECK(!IS_ERR_VALUE(b));
	CHECK_EQ(vm_mprotect(mm, b, PAGE_SIZE, PROT_READ | PROT_WRITE),
		 -EACCES);
	mmput(mm);
	CHECK_EQ(file_mapping.i_mmap_writable, -1);
	shmem_evict(&file_mapping);
}
