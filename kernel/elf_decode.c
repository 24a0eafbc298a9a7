/* SPDX-License-Identifier: MIT */
/*
 * elf_decode.c - checks an executable's headers before anything is touched.
 *
 * 1. Idea.  Everything a file can say wrongly is found here; what follows in
 *    elf.c only maps what stands in struct elf_image, and can fail for want
 *    of memory or by I/O alone.
 * 2. What a decoded image promises (elf_image_valid() checks it):
 *    E1  segments are in ascending order and do not share a page
 *    E2  map_start <= file_end <= mem_end, file_end <= map_file_end
 *    E3  [start, end) covers all of them and, for ET_EXEC, ends at or below
 *        task_size; for ET_DYN its length is at most task_size
 *    E4  the file part of each lies within the file
 *    E5  the entry lies in [start, end)
 *    Linux accepts overlapping segments and later ones win; no linker makes
 *    such files, so here they are malformed.
 * 3. Failure.  Every addition that could wrap is checked before it is done.
 */
#include "kernel/elf_decode.h"

#include <quire/errno.h>
#include <quire/string.h>

#define ET_EXEC	     2
#define ET_DYN	     3
#define EM_X86_64    62
#define PT_LOAD	     1
#define PT_INTERP    3
#define PT_PHDR	     6
#define PT_GNU_STACK 0x6474e551U

static bool add_wraps(u64 a, u64 b)
{
	return a + b < a;
}

static u64 page_down(u64 x)
{
	return x & ~(ELF_PAGE_SIZE - 1);
}

static u64 page_up(u64 x)
{
	return page_down(x + ELF_PAGE_SIZE - 1);
}

int elf_decode_header(const void *head, size_t len, u64 file_size, u64 *phoff,
		      u16 *phnum)
{
	struct elf64_ehdr eh;
	u64 table_bytes;

	if (len < sizeof(eh))
		return -ENOEXEC;
	memcpy(&eh, head, sizeof(eh));
	/* 0x7f ELF, 64 bits, little endian, version 1. */
	if (memcmp(eh.e_ident, "\177ELF\2\1\1", 7) != 0)
		return -ENOEXEC;
	if ((eh.e_type != ET_EXEC && eh.e_type != ET_DYN) ||
	    eh.e_machine != EM_X86_64 || eh.e_version != 1)
		return -ENOEXEC;
	if (eh.e_phentsize != sizeof(struct elf64_phdr) || eh.e_phnum == 0 ||
	    eh.e_phnum > ELF_MAX_PHNUM)
		return -ENOEXEC;
	table_bytes = (u64)eh.e_phnum * sizeof(struct elf64_phdr);
	if (eh.e_phoff > file_size || table_bytes > file_size - eh.e_phoff)
		return -ENOEXEC;
	*phoff = eh.e_phoff;
	*phnum = eh.e_phnum;
	return 0;
}

/* One PT_LOAD; appends to img->segments. */
static int decode_load(const struct elf64_phdr *ph, u64 file_size,
		       u64 task_size, struct elf_image *img)
{
	struct elf_segment *seg, *prev = NULL;
	u64 in_page = ph->p_vaddr & (ELF_PAGE_SIZE - 1);

	if (ph->p_memsz == 0)
		return ph->p_filesz ? -ENOEXEC : 0;
	if (ph->p_filesz > ph->p_memsz)
		return -ENOEXEC;
	if (ph->p_filesz && (ph->p_offset > file_size ||
			     ph->p_filesz > file_size - ph->p_offset))
		return -ENOEXEC;
	if (ph->p_filesz && (ph->p_offset & (ELF_PAGE_SIZE - 1)) != in_page)
		return -ENOEXEC;
	if (ph->p_align & (ph->p_align - 1))
		return -ENOEXEC;
	if (ph->p_vaddr >= task_size || ph->p_memsz > task_size - ph->p_vaddr)
		return -ENOMEM;
	if (img->nr_segments == ELF_MAX_SEGMENTS)
		return -ENOEXEC;
	if (img->nr_segments)
		prev = &img->segments[img->nr_segments - 1];
	if (prev && page_down(ph->p_vaddr) < page_up(prev->mem_end))
		return -ENOEXEC;

	seg = &img->segments[img->nr_segments++];
	seg->map_start = page_down(ph->p_vaddr);
	seg->file_offset = ph->p_filesz ? ph->p_offset - in_page : 0;
	seg->file_end =
		ph->p_filesz ? ph->p_vaddr + ph->p_filesz : seg->map_start;
	seg->map_file_end = page_up(seg->file_end);
	seg->mem_end = ph->p_vaddr + ph->p_memsz;
	seg->flags = ph->p_flags & (PF_R | PF_W | PF_X);
	if (ph->p_align > img->align)
		img->align = ph->p_align;
	return 0;
}

/* Linux's start_code ... brk: what /proc/PID/stat and brk(2) begin from. */
static void note_bounds(const struct elf64_phdr *ph, struct elf_image *img)
{
	u64 file_end = ph->p_vaddr + ph->p_filesz;

	if (ph->p_memsz == 0)
		return;
	if ((ph->p_flags & PF_X) && ph->p_vaddr < img->start_code)
		img->start_code = ph->p_vaddr;
	if ((ph->p_flags & PF_X) && file_end > img->end_code)
		img->end_code = file_end;
	if (ph->p_vaddr > img->start_data)
		img->start_data = ph->p_vaddr;
	if (file_end > img->end_data)
		img->end_data = file_end;
	if (ph->p_vaddr + ph->p_memsz > img->brk)
		img->brk = ph->p_vaddr + ph->p_memsz;
}

/* The headers' own address: in the segment that holds their file bytes. */
static void find_phdrs(const struct elf64_phdr *ph, u64 phoff, u16 phnum,
		       struct elf_image *img)
{
	u64 bytes = (u64)phnum * sizeof(*ph);

	if (img->phdr_vaddr == 0 && ph->p_offset <= phoff &&
	    phoff - ph->p_offset <= ph->p_filesz &&
	    bytes <= ph->p_filesz - (phoff - ph->p_offset))
		img->phdr_vaddr = ph->p_vaddr + (phoff - ph->p_offset);
}

static int decode_interp(const struct elf64_phdr *ph, u64 file_size,
			 struct elf_image *img)
{
	if (img->interp_size)
		return -ENOEXEC;
	if (ph->p_filesz < 2 || ph->p_filesz > ELF_INTERP_MAX ||
	    ph->p_offset > file_size || ph->p_filesz > file_size - ph->p_offset)
		return -ENOEXEC;
	img->interp_offset = ph->p_offset;
	img->interp_size = (u32)ph->p_filesz;
	return 0;
}

int elf_decode(const void *head, const void *phdrs, u16 phnum, u64 file_size,
	       u64 task_size, struct elf_image *img)
{
	struct elf64_ehdr eh;
	struct elf64_phdr ph;
	int err;

	memcpy(&eh, head, sizeof(eh));
	memset(img, 0, sizeof(*img));
	img->is_dyn = eh.e_type == ET_DYN;
	img->entry = eh.e_entry;
	img->align = ELF_PAGE_SIZE;
	img->phnum = phnum;
	img->start_code = ~0UL;

	for (unsigned int i = 0; i < phnum; i++) {
		memcpy(&ph, (const char *)phdrs + i * sizeof(ph), sizeof(ph));
		err = 0;
		switch (ph.p_type) {
		case PT_LOAD:
			err = decode_load(&ph, file_size, task_size, img);
			if (err)
				break;
			note_bounds(&ph, img);
			find_phdrs(&ph, eh.e_phoff, phnum, img);
			break;
		case PT_INTERP:
			err = decode_interp(&ph, file_size, img);
			break;
		case PT_GNU_STACK:
			img->has_gnu_stack = true;
			img->exec_stack = ph.p_flags & PF_X;
			break;
		default:
			break;
		}
		if (err)
			return err;
	}

	if (img->nr_segments == 0)
		return -ENOEXEC;
	img->start = img->segments[0].map_start;
	img->end = page_up(img->segments[img->nr_segments - 1].mem_end);
	if (img->entry < img->start || img->entry >= img->end)
		return -ENOEXEC;
	if (img->end > task_size ||
	    add_wraps(img->end - img->start, img->align))
		return -ENOMEM;
	if (img->start_code == ~0UL)
		img->start_code = 0;
	return 0;
}

bool elf_interp_valid(const char *path, size_t size)
{
	return size >= 2 && path[0] != '\0' && path[size - 1] == '\0' &&
	       strlen(path) == size - 1;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

int script_decode(char *head, size_t len, char **interp, char **arg)
{
	char *p, *end, *stop;

	if (len < 3 || head[0] != '#' || head[1] != '!')
		return -ENOEXEC;
	end = memchr(head, '\n', len);
	if (!end) {
		/*
		 * The line goes on behind what was read: the interpreter's
		 * name must at least be complete.
		 */
		end = head + len;
		for (p = head + 2; p < end && is_blank(*p); p++)
			;
		while (p < end && *p && !is_blank(*p))
			p++;
		if (p == end)
			return -ENOEXEC;
		end = head + strnlen(head, len);
	}
	while (end > head + 2 && is_blank(end[-1]))
		end--;
	*end = '\0';

	for (p = head + 2; is_blank(*p); p++)
		;
	if (*p == '\0')
		return -ENOEXEC;
	*interp = p;
	*arg = NULL;
	for (stop = p; *stop && !is_blank(*stop); stop++)
		;
	if (*stop) {
		*stop++ = '\0';
		while (is_blank(*stop))
			stop++;
		if (*stop)
			*arg = stop;
	}
	return 0;
}

static bool segment_valid(const struct elf_segment *seg, u64 file_size)
{
	u64 file_bytes = seg->map_file_end - seg->map_start;

	if (seg->map_start % ELF_PAGE_SIZE || seg->file_offset % ELF_PAGE_SIZE)
		return false;
	if (seg->map_start > seg->file_end || seg->file_end > seg->mem_end ||
	    seg->map_file_end != page_up(seg->file_end)) /* E2 */
		return false;
	return !file_bytes || /* E4 */
	       (seg->file_offset <= file_size &&
		seg->file_end - seg->map_start <= file_size - seg->file_offset);
}

bool elf_image_valid(const struct elf_image *img, u64 file_size, u64 task_size)
{
	const struct elf_segment *seg, *prev = NULL;

	if (!img->nr_segments || img->nr_segments > ELF_MAX_SEGMENTS)
		return false;
	for (unsigned int i = 0; i < img->nr_segments; i++, prev = seg) {
		seg = &img->segments[i];
		if (!segment_valid(seg, file_size))
			return false;
		if (prev && page_up(prev->mem_end) > seg->map_start) /* E1 */
			return false;
	}
	if (img->start != img->segments[0].map_start || /* E3 */
	    img->end != page_up(seg->mem_end) || img->end > task_size ||
	    img->start >= img->end)
		return false;
	return img->entry >= img->start && img->entry < img->end; /* E5 */
}
