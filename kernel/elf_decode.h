/* SPDX-License-Identifier: MIT */
/*
 * elf_decode.h - what an ELF64 executable's headers say, checked.
 *
 * Pure functions on bytes: nothing is allocated, mapped or printed, so that
 * the same code can be fuzzed in a process.
 *
 * Sources: System V ABI (gABI chapters 4, 5; x86-64 psABI), elf(5).
 */
#ifndef KERNEL_ELF_DECODE_H
#define KERNEL_ELF_DECODE_H

#include <quire/types.h>

#define ELF_PAGE_SIZE 4096UL
/* Program headers fill at most one page less than Linux's 64 KiB table. */
#define ELF_MAX_PHNUM	 (65536 / 56)
#define ELF_MAX_SEGMENTS 32
#define ELF_INTERP_MAX	 4096 /* PATH_MAX, with the NUL */

struct elf64_ehdr {
	u8 e_ident[16];
	u16 e_type, e_machine;
	u32 e_version;
	u64 e_entry, e_phoff, e_shoff;
	u32 e_flags;
	u16 e_ehsize, e_phentsize, e_phnum, e_shentsize, e_shnum, e_shstrndx;
};

struct elf64_phdr {
	u32 p_type, p_flags;
	u64 p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align;
};

_Static_assert(sizeof(struct elf64_ehdr) == 64, "ELF64 file header");
_Static_assert(sizeof(struct elf64_phdr) == 56, "ELF64 program header");

#define PF_X 1U
#define PF_W 2U
#define PF_R 4U

/* One PT_LOAD, as mapped: whole pages; addresses relative to load bias. */
struct elf_segment {
	u64 map_start;	  /* page-aligned */
	u64 file_offset;  /* page-aligned, of map_start */
	u64 file_end;	  /* first byte not from the file */
	u64 map_file_end; /* file_end rounded up */
	u64 mem_end;	  /* first byte after, exact */
	u32 flags;	  /* PF_* */
};

struct elf_image {
	bool is_dyn;	/* ET_DYN: may be placed anywhere */
	u64 entry;	/* relative to the bias, as all below */
	u64 start, end; /* page-aligned span of all segments */
	u64 align;	/* greatest p_align, at least a page */
	u64 phdr_vaddr; /* 0: headers are not in memory */
	u16 phnum;
	u64 interp_offset; /* file; size 0: static */
	u32 interp_size;   /* with its NUL */
	bool has_gnu_stack;
	bool exec_stack;
	u64 start_code, end_code, start_data, end_data, brk;
	unsigned int nr_segments;
	struct elf_segment segments[ELF_MAX_SEGMENTS];
};

/*
 * elf_decode_header - is it ours, and where are its program headers?
 * head: the file's first len bytes.  task_size: first address above user
 * space.  0; -ENOEXEC: not an ELF64 x86-64 executable or malformed.
 */
int elf_decode_header(const void *head, size_t len, u64 file_size, u64 *phoff,
		      u16 *phnum);

/*
 * elf_decode - check all program headers against the file and the address
 * space, and say how to map them.  head: at least 64 bytes, accepted by
 * elf_decode_header(); phdrs: phnum headers, any alignment.
 * 0; -ENOEXEC: malformed; -ENOMEM: does not fit below task_size; img is
 * undefined then.
 */
int elf_decode(const void *head, const void *phdrs, u16 phnum, u64 file_size,
	       u64 task_size, struct elf_image *img);

/* Does img keep what elf_decode.c promises (E1 to E5)?  For tests. */
bool elf_image_valid(const struct elf_image *img, u64 file_size, u64 task_size);

/* Is this the text of an interpreter's path: NUL-terminated, not empty? */
bool elf_interp_valid(const char *path, size_t size);

/*
 * script_decode - the "#!" line at the start of a file.
 * head: len + 1 bytes: the first len of the file, zeros behind its end, and a
 * zero.  It is cut in place into interpreter and the one optional argument
 * (NULL: none).  0 or -ENOEXEC: no script, no interpreter, or its name does
 * not end within len.
 */
int script_decode(char *head, size_t len, char **interp, char **arg);

#endif
