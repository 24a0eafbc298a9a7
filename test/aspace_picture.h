/* SPDX-License-Identifier: MIT */
/*
 * aspace_picture.h - for tests: address spaces drawn as strings, one letter a page.
 *
 *	page    0 1 2 3 4 5 6 7 8
 *	        W w w . R r X x n
 *
 * w rw-, r r--, x r-x, n ---, s rw- shared, g rw- growing down, . nothing.
 * A capital is the first page of an area.  Page 0 is at PICTURE_BASE.
 */
#ifndef TEST_ASPACE_PICTURE_H
#define TEST_ASPACE_PICTURE_H

#include "mm/aspace/internal.h"
#include "test/test.h"

#ifndef QUIRE_METAL
#include "port/soft/soft.h"
#endif

#define PICTURE_BASE 0x40000000UL
#define PICTURE_MAX  64

static inline unsigned long page_at(unsigned long nr)
{
	return PICTURE_BASE + (nr << PAGE_SHIFT);
}

static inline char picture_letter(const struct vm_area_struct *vma)
{
	if (vma->vm_flags & VM_SHARED)
		return 's';
	if (vma->vm_flags & VM_GROWSDOWN)
		return 'g';
	if (vma->vm_flags & VM_WRITE)
		return 'w';
	if (vma->vm_flags & VM_EXEC)
		return 'x';
	return vma->vm_flags & VM_READ ? 'r' : 'n';
}

/* Draw nr pages; buf holds nr + 1 characters. */
static inline void picture_draw(struct mm_struct *mm, char *buf,
				unsigned long nr)
{
	for (unsigned long i = 0; i < nr; i++) {
		struct vm_area_struct *vma = find_vma(mm, page_at(i));

		buf[i] = '.';
		if (!vma || vma->vm_start > page_at(i))
			continue;
		buf[i] = picture_letter(vma);
		if (vma->vm_start == page_at(i))
			buf[i] -= 'a' - 'A';
	}
	buf[nr] = 0;
}

static inline void picture_check(const char *file, int line,
				 struct mm_struct *mm, const char *want)
{
	char buf[PICTURE_MAX + 1];

	mmap_write_lock(mm);
	mm_validate(mm);
	mm_validate_rmap(mm);
	picture_draw(mm, buf, strlen(want));
	mmap_write_unlock(mm);
#ifndef QUIRE_METAL
	soft_tlb_validate(mm);
#endif
	test_check_str(file, line, buf, want);
}

#define CHECK_PICTURE(mm, want) picture_check(__FILE__, __LINE__, (mm), (want))

static inline unsigned long picture_prot(char c)
{
	switch (c) {
	case 'n':
		return PROT_NONE;
	case 'r':
		return PROT_READ;
	case 'x':
		return PROT_READ | PROT_EXEC;
	default:
		return PROT_READ | PROT_WRITE;
	}
}

/* Map what the picture shows. */
static inline void picture_map(struct mm_struct *mm, const char *picture)
{
	unsigned long i = 0;

	while (picture[i]) {
		unsigned long from = i, flags = MAP_ANONYMOUS | MAP_FIXED;
		char c = picture[i++];

		if (c == '.')
			continue;
		c += 'a' - 'A';
		while (picture[i] == c)
			i++;
		flags |= c == 's' ? MAP_SHARED : MAP_PRIVATE;
		if (c == 'g')
			flags |= MAP_GROWSDOWN;
		CHECK_EQ(vm_mmap(mm, NULL, page_at(from),
				 (i - from) << PAGE_SHIFT, picture_prot(c),
				 flags, 0),
			 page_at(from));
	}
}

static inline struct mm_struct *picture_mm(const char *picture)
{
	struct mm_struct *mm = mm_alloc();

	CHECK(mm);
	mm->mmap_base = TASK_SIZE - (1UL << 30);
	picture_map(mm, picture);
	CHECK_PICTURE(mm, picture);
	return mm;
}

/*
 * Access bytes as a program would: 0, or the signal's number with its code
 * above it (SIGSEGV + 256 * SEGV_MAPERR).
 */
#define SEGV(code) (11 + 256 * (code))
#define BUS(code)  (7 + 256 * (code))
#define OOM_KILLED 9

static inline int touch(struct mm_struct *mm, unsigned long addr, void *buf,
			size_t len, unsigned int flags)
{
#ifndef QUIRE_METAL
	struct soft_trap trap = {0};
	int sig = flags & FAULT_FLAG_WRITE
			  ? soft_store(mm, addr, buf, len, &trap)
			  : soft_load(mm, addr, buf, len, &trap);

	if (sig == 9)
		return OOM_KILLED;
	return sig ? sig + 256 * trap.code : 0;
#else
	struct page *page;
	int code = 0;

	for (;;) {
		vm_fault_t fault;

		page = mm_get_page(mm, addr, flags & FAULT_FLAG_WRITE);
		if (!IS_ERR(page))
			break;
		fault = mm_fault(mm, addr, flags | FAULT_FLAG_USER, &code);
		if (fault & VM_FAULT_OOM)
			return OOM_KILLED;
		if (fault & VM_FAULT_SIGSEGV)
			return SEGV(code);
		if (fault & VM_FAULT_SIGBUS)
			return BUS(code);
	}
	put_page(page);
	CHECK_EQ(access_remote_vm(mm, addr, buf, len, flags & FAULT_FLAG_WRITE),
		 len);
	return 0;
#endif
}

static inline int poke(struct mm_struct *mm, unsigned long addr, u8 value)
{
	return touch(mm, addr, &value, 1, FAULT_FLAG_WRITE);
}

/* The byte, or a negative signal as above. */
static inline int peek(struct mm_struct *mm, unsigned long addr)
{
	u8 value = 0;
	int sig = touch(mm, addr, &value, 1, 0);

	return sig ? -sig : value;
}

/* Pages [from, to) hold from + 1, from + 2, ... in their first bytes. */
static inline void picture_fill(struct mm_struct *mm, unsigned long from,
				unsigned long to)
{
	for (unsigned long i = from; i < to; i++)
		CHECK_EQ(poke(mm, page_at(i), (u8)(i + 1)), 0);
}

static inline void picture_check_fill(struct mm_struct *mm, unsigned long from,
				      unsigned long to, unsigned long at)
{
	for (unsigned long i = from; i < to; i++)
		CHECK_EQ(peek(mm, page_at(at + i - from)), (u8)(i + 1));
}

#endif
