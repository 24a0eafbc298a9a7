/* SPDX-License-Identifier: MIT */
/*
 * fuzz.c - a fixed number of broken inputs for the decoders of what comes from
 * outside: executables' headers, #! lines, cpio archives, numbers of the
 * command's options.
 *
 * 1. Idea.  The decoders are pure functions on bytes and are included here.
 *    Inputs are made from good ones by seeded mutation: bits, bytes, words of
 *    interesting values, cuts, copies.  Each lies at the end of a heap block
 *    of exactly its size, so that the address sanitizer sees the first byte
 *    read behind it.
 * 2. What is checked, beyond that nothing crashes: an accepted executable
 *    keeps every promise of elf_image_valid() and, independently, may be
 *    mapped without a file offset behind its end; an accepted cpio entry lies
 *    within the archive and the reader always moves on.
 * 3. Deterministic: fuzz [COUNT [SEED]] does the same each time.  A failure
 *    prints its round, and the input to fuzz-input.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/elf_decode.c"
#include "kernel/fs/cpio.c"

#define INPUT_MAX	4096U
#define TASK_SIZE_BYTES 0x7ffffffff000UL
#define COUNT_DEFAULT	200000UL
#define SEED_DEFAULT	20261121UL

static struct {
	u64 seed;
	unsigned long round;
	const u8 *input;
	size_t size;
	/* How many of each were accepted: a fuzzer that never gets past the
	 * first check shows nothing. */
	unsigned long elf_ok, elf_late, script_ok, cpio_ok;
} fuzz;

static void check(bool ok, const char *what)
{
	FILE *f;

	if (ok)
		return;
	printf("not ok - round %lu: %s\n0 passed, 1 failed\n", fuzz.round,
	       what);
	f = fopen("fuzz-input", "wb");
	if (f) {
		fwrite(fuzz.input, 1, fuzz.size, f);
		fclose(f);
	}
	exit(1);
}

static u64 next_random(void)
{
	/* xorshift64*: Vigna, ACM TOMS 2016. */
	fuzz.seed ^= fuzz.seed >> 12;
	fuzz.seed ^= fuzz.seed << 25;
	fuzz.seed ^= fuzz.seed >> 27;
	return fuzz.seed * 0x2545f4914f6cdd1dULL;
}

static size_t below(size_t n)
{
	return n ? next_random() % n : 0;
}

/* ---- good inputs ---- */

static size_t good_elf(u8 *p)
{
	struct elf64_ehdr eh = {
		.e_ident = {0x7f, 'E', 'L', 'F', 2, 1, 1},
		.e_type = (u16)(2 + below(2)),
		.e_machine = 62,
		.e_version = 1,
		.e_phoff = 64,
		.e_ehsize = 64,
		.e_phentsize = 56,
	};
	u64 base = eh.e_type == 2 ? 0x400000 : 0, at = base;
	struct elf64_phdr ph[6];
	u16 nr = 0, loads = (u16)(1 + below(4)), i;

	for (i = 0; i < loads; i++) {
		u64 filesz = 1 + below(2000), off = at & 0xfff;

		ph[nr++] = (struct elf64_phdr){
			.p_type = 1,
			.p_flags = i ? 6 : 5,
			.p_offset = off,
			.p_vaddr = at,
			.p_filesz = filesz,
			.p_memsz = filesz + below(3) * 5000,
			.p_align = 4096,
		};
		at += ph[nr - 1].p_memsz;
		at = ((at + 4095) & ~4095UL) + below(2) * 0x123;
	}
	if (below(2))
		ph[nr++] =
			(struct elf64_phdr){.p_type = 0x6474e551, .p_flags = 6};
	if (!below(8))
		ph[nr++] = (struct elf64_phdr){
			.p_type = 3, .p_offset = 64, .p_filesz = 20};
	eh.e_phnum = nr;
	eh.e_entry = base + below(ph[0].p_filesz);
	memcpy(p, &eh, sizeof(eh));
	memcpy(p + sizeof(eh), ph, nr * sizeof(ph[0]));
	memset(p + 64 + nr * 56, 0x90, INPUT_MAX - 64 - nr * 56U);
	return INPUT_MAX;
}

static size_t good_script(u8 *p)
{
	return (size_t)snprintf((char *)p, INPUT_MAX, "#!%*s/bin/%s%s%s\nrest",
				(int)below(4), "", below(2) ? "sh" : "busybox",
				below(2) ? " " : "", below(2) ? "-e x\t" : "");
}

static size_t put_cpio(u8 *p, size_t at, const char *name, size_t size)
{
	size_t len = strlen(name) + 1;

	at += (size_t)snprintf((char *)p + at, INPUT_MAX - at,
			       "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x"
			       "%08x%08x%08x",
			       1, 0100644, 0, 0, 1, 0, (unsigned int)size, 0, 0,
			       0, 0, (unsigned int)len, 0);
	memcpy(p + at, name, len);
	at = (at + len + 3) & ~3UL;
	memset(p + at, 'd', size);
	return (at + size + 3) & ~3UL;
}

static size_t good_cpio(u8 *p)
{
	size_t at = 0;

	memset(p, 0, INPUT_MAX);
	at = put_cpio(p, at, "a", below(300));
	at = put_cpio(p, at, "dir/a longer name", below(300));
	at = put_cpio(p, at, ".", 0);
	at = put_cpio(p, at, "TRAILER!!!", 0);
	return at + below(3) * 4;
}

/* ---- breaking them ---- */

static void mutate_once(u8 *p, size_t *size)
{
	static const u64 interesting[] = {
		0,	   1,	      0x7f,	  0x80,	       0xff,
		0xfff,	   0x1000,    0x7fffffff, 0x80000000,  0xffffffff,
		1UL << 47, 1UL << 63, ~0UL,	  ~0UL - 4095, 56,
		0x400000,  64,	      0xffff,
	};
	/* Headers are where it counts. */
	size_t at = below(below(4) ? (*size < 400 ? *size : 400) : *size);
	u64 v = interesting[below(sizeof(interesting) / 8)];
	size_t width = 1UL << below(4);

	if (!*size)
		return;
	switch (below(8)) {
	case 0:
		p[at] ^= (u8)(1 << below(8));
		break;
	case 1:
		p[at] = (u8)next_random();
		break;
	case 2:
		p[at] = "0123456789abcdefABCDEFxyz \t\n/#!"[below(31)];
		break;
	case 3:
		*size = below(*size);
		break;
	case 4:
		v += below(9) - 4;
		/* fallthrough */
	case 5:
	case 6:
		at &= ~(width - 1);
		if (at + width <= *size)
			memcpy(p + at, &v, width);
		break;
	default:
		width = below(60) + 1;
		v = below(*size);
		if (at + width <= *size && v + width <= *size)
			memmove(p + at, p + v, width);
		break;
	}
}

static void mutate(u8 *p, size_t *size)
{
	size_t nr = below(5);

	while (nr--)
		mutate_once(p, size);
}

/* ---- trying them ---- */

static void try_elf(u8 *p, size_t size)
{
	struct elf_image img;
	u64 phoff, i, file_size = size + below(2) * 100000;
	void *phdrs;
	u16 phnum;

	if (elf_decode_header(p, size, file_size, &phoff, &phnum))
		return;
	fuzz.elf_late++;
	check(phnum && phoff <= file_size && phnum * 56UL <= file_size - phoff,
	      "program headers lie within the file");
	/* The caller reads them from the file; behind its end is garbage. */
	phdrs = malloc(phnum * 56UL);
	memset(phdrs, 0x41, phnum * 56UL);
	if (phoff < size)
		memcpy(phdrs, p + phoff,
		       phnum * 56UL < size - phoff ? phnum * 56UL
						   : size - phoff);
	if (!elf_decode(p, phdrs, phnum, file_size, TASK_SIZE_BYTES, &img)) {
		fuzz.elf_ok++;
		check(img.nr_segments >= 1 &&
			      img.nr_segments <= ELF_MAX_SEGMENTS,
		      "between one segment and the most");
		check(img.start < img.end && img.end <= TASK_SIZE_BYTES,
		      "the image lies below the end of user space");
		for (i = 0; i < img.nr_segments; i++) {
			struct elf_segment *s = &img.segments[i];

			check(!(s->map_start & 4095) &&
				      !(s->file_offset & 4095) &&
				      s->map_start <= s->file_end &&
				      s->file_end <= s->mem_end,
			      "a segment is made of whole pages, in order");
			check(s->file_offset + (s->file_end - s->map_start) <=
				      file_size,
			      "a segment's contents lie within the file");
			check(!i || img.segments[i - 1].mem_end <= s->map_start,
			      "segments do not overlap");
		}
		check(img.entry >= img.start && img.entry < img.end,
		      "the entry lies in the image");
		check(img.interp_size <= ELF_INTERP_MAX,
		      "the interpreter's name has a limit");
	}
	free(phdrs);
}

static void try_script(u8 *p, size_t size)
{
	/* One zero behind, as the interface asks for. */
	char *line = malloc(size + 1), *interp = NULL, *arg = NULL;

	memcpy(line, p, size);
	line[size] = 0;
	if (!script_decode(line, size, &interp, &arg)) {
		fuzz.script_ok++;
		check(interp >= line && interp + strlen(interp) <= line + size,
		      "the interpreter's name lies within the line");
		check(*interp != 0, "the interpreter has a name");
		check(!arg || (arg >= line && arg + strlen(arg) <= line + size),
		      "the argument lies within the line");
	}
	free(line);
}

static void try_cpio(u8 *p, size_t size)
{
	struct cpio_entry e;
	enum cpio_result r;
	size_t pos = 0, last;

	do {
		last = pos;
		r = cpio_next(p, size, &pos, &e);
		check(pos <= size, "the position stays within the archive");
		if (r == CPIO_ENTRY) {
			const u8 *name = (const u8 *)e.name;

			fuzz.cpio_ok++;
			check(pos > last, "each entry moves on");
			check(name >= p && name + e.name_len < p + size &&
				      memchr(name, 0,
					     (size_t)(p + size - name)),
			      "the name lies within the archive and ends");
			check(!e.size ||
				      (e.data >= p && e.data <= p + size &&
				       e.size <= (size_t)(p + size - e.data)),
			      "the contents lie within the archive");
		} else if (r == CPIO_TRAILER) {
			check(pos > last, "a trailer moves on");
		}
		if (r > CPIO_END)
			check(cpio_error_text(r) != NULL, "errors have names");
	} while (r == CPIO_ENTRY || r == CPIO_TRAILER);
}

int main(int argc, char **argv)
{
	static u8 work[INPUT_MAX];
	unsigned long count =
		argc > 1 ? strtoul(argv[1], NULL, 0) : COUNT_DEFAULT;
	unsigned long failed;

	fuzz.seed = argc > 2 ? strtoul(argv[2], NULL, 0) : SEED_DEFAULT;
	for (fuzz.round = 0; fuzz.round < count; fuzz.round++) {
		size_t kind = below(8), size;
		u8 *input;

		if (kind < 4)
			size = good_elf(work);
		else if (kind < 5)
			size = good_script(work);
		else
			size = good_cpio(work);
		mutate(work, &size);
		/* A block of exactly this size: see 1. */
		input = malloc(size ? size : 1);
		memcpy(input, work, size);
		fuzz.input = input;
		fuzz.size = size;
		if (kind < 4)
			try_elf(input, size);
		else if (kind < 5)
			try_script(input, size);
		else
			try_cpio(input, size);
		free(input);
	}
	printf("# %lu inputs: accepted %lu of %lu executables with good file "
	       "headers, %lu scripts, %lu cpio entries\n",
	       count, fuzz.elf_ok, fuzz.elf_late, fuzz.script_ok, fuzz.cpio_ok);
	/* Each kind must have been let through, and been stopped late. */
	failed =
		count >= 1000 && !(fuzz.elf_ok && fuzz.elf_late > fuzz.elf_ok &&
				   fuzz.script_ok && fuzz.cpio_ok);
	printf("%d passed, %lu failed\n", failed ? 2 : 3, failed);
	return failed != 0;
}
