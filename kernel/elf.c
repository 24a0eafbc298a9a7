/* SPDX-License-Identifier: MIT */
/*
 * elf.c - maps an ELF executable, and its interpreter, into a new address
 * space.
 *
 * 1. Idea.  elf_decode() has checked the headers; what is left can fail only
 *    for want of memory or room.  All of it happens in an address space that
 *    no thread uses yet, so that a failed exec leaves the caller unharmed.
 * 2. A segment
 *
 *	map_start      file_end  map_file_end        mem_end
 *	|  from the file  |  zeroed  |  anonymous zeros |
 *
 * 3. Placement.  ET_EXEC where it says.  ET_DYN programs from two thirds of
 *    the address space up, as in Linux, moved by 28 random bits of pages.
 *    An interpreter goes where mmap would put it.
 *
 * Sources: System V ABI, elf(5), ld.so(8).
 */
#include <quire/port.h>
#include <quire/printk.h>
#include <quire/slab.h>
#include <quire/string.h>

#include "kernel/exec.h"
#include "kernel/fs.h"

#define ELF_DYN_BASE  (TASK_SIZE / 3 * 2)
#define MMAP_RND_BITS 28

struct elf_file {
	struct file *file;
	struct elf_image img;
	unsigned long bias;
};

/* Read and check the headers of file, whose first bytes are head. */
static int read_image(struct elf_file *ef, const void *head)
{
	u64 size = ef->file->f_vm.mapping ? ef->file->f_vm.mapping->i_size : 0;
	size_t bytes;
	mm_ssize_t n;
	void *phdrs;
	u64 phoff;
	u16 phnum;
	int err;

	err = elf_decode_header(head, EXEC_HEAD_BYTES, size, &phoff, &phnum);
	if (err)
		return err;
	bytes = (size_t)phnum * sizeof(struct elf64_phdr);
	if (phoff + bytes <= EXEC_HEAD_BYTES)
		return elf_decode(head, (const char *)head + phoff, phnum, size,
				  TASK_SIZE, &ef->img);
	phdrs = kmalloc(bytes, GFP_KERNEL);
	if (!phdrs)
		return -ENOMEM;
	n = kernel_read(ef->file, phdrs, bytes, phoff);
	if (n < 0)
		err = (int)n;
	else if ((size_t)n != bytes)
		err = -ENOEXEC;
	else
		err = elf_decode(head, phdrs, phnum, size, TASK_SIZE, &ef->img);
	kfree(phdrs);
	return err;
}

static unsigned long segment_prot(const struct elf_segment *seg)
{
	return (seg->flags & PF_R ? PROT_READ : 0) |
	       (seg->flags & PF_W ? PROT_WRITE : 0) |
	       (seg->flags & PF_X ? PROT_EXEC : 0);
}

/* The rest of the file's last page is not the program's. */
static int clear_tail(struct mm_struct *mm, unsigned long start,
		      unsigned long end)
{
	struct page *page;

	if (start == end)
		return 0;
	page = mm_get_page(mm, start, true);
	if (IS_ERR(page))
		return (int)PTR_ERR(page);
	memset((char *)page_address(page) + (start & ~PAGE_MASK), 0,
	       end - start);
	put_page(page);
	return 0;
}

static int map_segment(struct mm_struct *mm, const struct elf_file *ef,
		       const struct elf_segment *seg)
{
	unsigned long start = ef->bias + seg->map_start;
	unsigned long file_end = ef->bias + seg->file_end;
	unsigned long map_end = ef->bias + seg->map_file_end;
	unsigned long mem_end = ef->bias + seg->mem_end;
	unsigned long prot = segment_prot(seg), addr;
	int err;

	if (map_end > start) {
		addr = vm_mmap(mm, &ef->file->f_vm, start, map_end - start,
			       prot, MAP_PRIVATE | MAP_FIXED_NOREPLACE,
			       seg->file_offset >> PAGE_SHIFT);
		if (IS_ERR_VALUE(addr))
			return (int)addr;
	}
	if (mem_end > file_end && map_end > start && (seg->flags & PF_W)) {
		err = clear_tail(mm, file_end, map_end);
		if (err)
			return err;
	}
	mem_end = ALIGN(mem_end, PAGE_SIZE);
	if (mem_end > map_end)
		return vm_map_anon_fixed(mm, map_end, mem_end - map_end, prot);
	return 0;
}

static int map_image(struct mm_struct *mm, const struct elf_file *ef)
{
	int err;

	for (unsigned int i = 0; i < ef->img.nr_segments; i++) {
		err = map_segment(mm, ef, &ef->img.segments[i]);
		if (err)
			return err;
	}
	return 0;
}

static unsigned long program_bias(const struct exec_program *prog,
				  const struct elf_image *img)
{
	unsigned long at = ELF_DYN_BASE;

	if (!img->is_dyn)
		return 0;
	if (prog->layout.randomize)
		at += (port->random() & (BIT(MMAP_RND_BITS) - 1)) << PAGE_SHIFT;
	return ALIGN_DOWN(at, img->align) - ALIGN_DOWN(img->start, img->align);
}

/* A hole that mmap chooses, big enough to align the image in it. */
static int interpreter_bias(struct mm_struct *mm, struct elf_file *ef)
{
	const struct elf_image *img = &ef->img;
	unsigned long span = img->end - ALIGN_DOWN(img->start, img->align);
	unsigned long len = span + img->align - PAGE_SIZE, at;
	int err;

	if (!img->is_dyn) {
		ef->bias = 0;
		return 0;
	}
	at = vm_mmap(mm, NULL, 0, len, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, 0);
	if (IS_ERR_VALUE(at))
		return (int)at;
	err = vm_munmap(mm, at, len);
	if (err)
		return err;
	ef->bias = ALIGN(at, img->align) - ALIGN_DOWN(img->start, img->align);
	return 0;
}

static int load_interpreter(struct exec_program *prog, const char *path,
			    struct exec_aux *aux)
{
	struct elf_file *ef;
	char *head;
	mm_ssize_t n;
	int err = -ENOMEM;

	head = kzalloc(sizeof(*ef) + EXEC_HEAD_BYTES, GFP_KERNEL);
	if (!head)
		return -ENOMEM;
	ef = (struct elf_file *)(head + EXEC_HEAD_BYTES);
	ef->file = open_exec(path);
	if (IS_ERR(ef->file)) {
		err = (int)PTR_ERR(ef->file);
		printk("%s: needs the interpreter %s: error %d\n", prog->path,
		       path, err);
		goto out_free;
	}
	n = kernel_read(ef->file, head, EXEC_HEAD_BYTES, 0);
	err = n < 0 ? (int)n : read_image(ef, head);
	if (err == -ENOEXEC)
		err = -80; /* ELIBBAD */
	if (!err)
		err = interpreter_bias(prog->mm, ef);
	if (!err)
		err = map_image(prog->mm, ef);
	if (!err) {
		aux->base = ef->bias + ALIGN_DOWN(ef->img.start, PAGE_SIZE);
		prog->entry = ef->bias + ef->img.entry;
	}
	fput(ef->file);
out_free:
	kfree(head);
	return err;
}

/* The interpreter's path in the file, NUL-terminated; or ERR. */
static char *read_interp_path(const struct elf_file *ef)
{
	u32 size = ef->img.interp_size;
	char *path = kmalloc(size, GFP_KERNEL);
	mm_ssize_t n;

	if (!path)
		return ERR_PTR(-ENOMEM);
	n = kernel_read(ef->file, path, size, ef->img.interp_offset);
	if (n == (mm_ssize_t)size && elf_interp_valid(path, size))
		return path;
	kfree(path);
	return ERR_PTR(n < 0 ? n : -ENOEXEC);
}

static void set_bounds(struct exec_program *prog, const struct elf_file *ef)
{
	struct mm_struct *mm = prog->mm;

	mm->start_code = ef->bias + ef->img.start_code;
	mm->end_code = ef->bias + ef->img.end_code;
	mm->start_data = ef->bias + ef->img.start_data;
	mm->end_data = ef->bias + ef->img.end_data;
	mm_set_brk(mm, ef->bias + ef->img.brk, &prog->layout);
}

int elf_load(struct exec_program *prog, struct exec_aux *aux)
{
	struct elf_file *ef = kzalloc(sizeof(*ef), GFP_KERNEL);
	char *interp = NULL;
	int err;

	if (!ef)
		return -ENOMEM;
	ef->file = prog->file;
	err = read_image(ef, prog->head);
	if (err)
		goto out_free;
	if (ef->img.interp_size) {
		interp = read_interp_path(ef);
		if (IS_ERR(interp)) {
			err = (int)PTR_ERR(interp);
			goto out_free;
		}
	}
	ef->bias = program_bias(prog, &ef->img);
	err = map_image(prog->mm, ef);
	if (err)
		goto out_interp;
	set_bounds(prog, ef);
	prog->exec_stack = ef->img.exec_stack;
	aux->entry = prog->entry = ef->bias + ef->img.entry;
	aux->phdr = ef->img.phdr_vaddr ? ef->bias + ef->img.phdr_vaddr : 0;
	aux->phnum = ef->img.phnum;
	aux->base = 0;
	if (interp)
		err = load_interpreter(prog, interp, aux);
out_interp:
	kfree(interp);
out_free:
	kfree(ef);
	return err;
}
