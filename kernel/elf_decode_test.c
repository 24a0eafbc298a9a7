/* SPDX-License-Identifier: MIT */
/*
 * elf_decode_test.c - drawn executables, and random damage to one.
 */
#include "elf_decode.c"

#include "test/test.h"

#define LIMIT	   0x00007ffffffff000UL
#define FILE_BYTES 0x5000UL

/* A file's first page: header and up to six program headers. */
struct drawn {
	struct elf64_ehdr eh;
	struct elf64_phdr ph[6];
};

/*
 *	file   0....1....2....3....4....5 (pages)
 *	text   RRRRRRRRRR                  at 0x400000
 *	data             WWWWW             at 0x403800, bss to 0x406100
 */
static void draw(struct drawn *d)
{
	memset(d, 0, sizeof(*d));
	memcpy(d->eh.e_ident, "\177ELF\2\1\1", 7);
	d->eh.e_type = ET_EXEC;
	d->eh.e_machine = EM_X86_64;
	d->eh.e_version = 1;
	d->eh.e_entry = 0x401000;
	d->eh.e_phoff = sizeof(d->eh);
	d->eh.e_phentsize = sizeof(struct elf64_phdr);
	d->eh.e_phnum = 3;
	d->ph[0] = (struct elf64_phdr){PT_LOAD,	 PF_R | PF_X, 0,      0x400000,
				       0x400000, 0x2000,      0x2000, 0x1000};
	d->ph[1] = (struct elf64_phdr){PT_LOAD,	 PF_R | PF_W, 0x2800, 0x403800,
				       0x403800, 0x800,	      0x2900, 0x1000};
	d->ph[2] = (struct elf64_phdr){
		PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 0, 16};
}

static int decode(const struct drawn *d, struct elf_image *img)
{
	u64 phoff;
	u16 phnum;
	int err = elf_decode_header(d, sizeof(*d), FILE_BYTES, &phoff, &phnum);

	if (err)
		return err;
	if (phoff != sizeof(d->eh) || phnum > ARRAY_SIZE(d->ph))
		return -EIO; /* the test's own limit */
	return elf_decode(d, d->ph, phnum, FILE_BYTES, LIMIT, img);
}

TEST(elf_a_plain_program_is_mapped_as_its_headers_say)
{
	struct elf_image img;
	struct drawn d;

	draw(&d);
	CHECK_EQ(decode(&d, &img), 0);
	CHECK(elf_image_valid(&img, FILE_BYTES, LIMIT));
	CHECK_EQ(img.nr_segments, 2);
	CHECK_EQ(img.start, 0x400000);
	CHECK_EQ(img.end, 0x407000);
	CHECK_EQ(img.phdr_vaddr, 0x400040);
	CHECK_EQ(img.brk, 0x406100);
	CHECK_EQ(img.start_code, 0x400000);
	CHECK_EQ(img.end_code, 0x402000);
	CHECK_EQ(img.segments[1].map_start, 0x403000);
	CHECK_EQ(img.segments[1].file_offset, 0x2000);
	CHECK_EQ(img.segments[1].file_end, 0x404000);
	CHECK_EQ(img.segments[1].map_file_end, 0x404000);
	CHECK_EQ(img.segments[1].mem_end, 0x406100);
	CHECK(img.has_gnu_stack && !img.exec_stack && !img.is_dyn);
	CHECK_EQ(img.interp_size, 0);
}

/* One field is made wrong, and what comes of it. */
#define REFUSED(change, expected)                      \
	do {                                           \
		struct elf_image img_;                 \
		struct drawn d;                        \
		draw(&d);                              \
		change;                                \
		CHECK_EQ(decode(&d, &img_), expected); \
	} while (0)

TEST(elf_what_is_no_x86_64_executable_is_refused)
{
	REFUSED(d.eh.e_ident[0] = 'E', -ENOEXEC);
	REFUSED(d.eh.e_ident[4] = 1, -ENOEXEC);	 /* 32 bits */
	REFUSED(d.eh.e_ident[5] = 2, -ENOEXEC);	 /* big endian */
	REFUSED(d.eh.e_machine = 183, -ENOEXEC); /* AArch64 */
	REFUSED(d.eh.e_type = 1, -ENOEXEC);	 /* object file */
	REFUSED(d.eh.e_type = 4, -ENOEXEC);	 /* core */
	REFUSED(d.eh.e_phentsize = 32, -ENOEXEC);
	REFUSED(d.eh.e_phnum = 0, -ENOEXEC);
	REFUSED(d.eh.e_phnum = 0xffff, -ENOEXEC);
	REFUSED(d.eh.e_phoff = FILE_BYTES - 100, -ENOEXEC);
	REFUSED(d.eh.e_phoff = ~0UL - 10, -ENOEXEC);
}

TEST(elf_malformed_segments_are_refused)
{
	REFUSED(d.ph[0].p_filesz = 0x3000, -ENOEXEC); /* > memsz */
	REFUSED(d.ph[1].p_offset = 0x4c00, -ENOEXEC); /* misplaced */
	REFUSED(d.ph[1].p_offset = 0x4800 + 0x1000, -ENOEXEC);
	REFUSED(d.ph[1].p_align = 3, -ENOEXEC);
	REFUSED(d.ph[1].p_vaddr = 0x401800, -ENOEXEC); /* overlap */
	REFUSED(d.ph[1].p_vaddr = 0x3ff800, -ENOEXEC); /* order */
	REFUSED(d.ph[1].p_memsz = ~0UL - 0x1000, -ENOMEM);
	REFUSED(d.ph[1].p_vaddr = LIMIT - 0x800, -ENOMEM);
	REFUSED(d.ph[1].p_vaddr = ~0xfffUL + 0x800, -ENOMEM);
	REFUSED(d.eh.e_entry = 0x500000, -ENOEXEC);
	REFUSED(d.eh.e_entry = 0, -ENOEXEC);
	REFUSED((d.ph[0].p_type = d.ph[1].p_type = 0), -ENOEXEC);
}

static void set_interp(struct drawn *d, unsigned int n, u64 off, u64 size)
{
	d->ph[n] =
		(struct elf64_phdr){PT_INTERP, PF_R, off, 0, 0, size, size, 1};
	d->eh.e_phnum = (u16)(n + 1);
}

TEST(elf_an_interpreter_is_found_once)
{
	struct elf_image img;
	struct drawn plain;

	draw(&plain);
	set_interp(&plain, 3, 0x300, 28);
	CHECK_EQ(decode(&plain, &img), 0);
	CHECK_EQ(img.interp_offset, 0x300);
	CHECK_EQ(img.interp_size, 28);
	REFUSED(set_interp(&d, 3, 0x300, 1), -ENOEXEC);
	REFUSED(set_interp(&d, 3, 0x300, ELF_INTERP_MAX + 1), -ENOEXEC);
	REFUSED(set_interp(&d, 3, FILE_BYTES - 2, 10), -ENOEXEC);
	REFUSED((set_interp(&d, 3, 0x300, 28), set_interp(&d, 4, 0x300, 28)),
		-ENOEXEC);
	CHECK(elf_interp_valid("/lib/ld.so", 11));
	CHECK(!elf_interp_valid("/lib/ld.so", 10));
	CHECK(!elf_interp_valid("/li\0/ld.so", 11));
	CHECK(!elf_interp_valid("\0", 2));
}

TEST(elf_random_damage_is_refused_or_still_valid)
{
	unsigned int nr_accepted = 0;

	for (int round = 0; round < 20000; round++) {
		struct elf_image img;
		struct drawn d;
		int err;

		draw(&d);
		if (test_random_below(2))
			d.eh.e_type = ET_DYN;
		for (u64 n = 1 + test_random_below(3); n; n--) {
			u8 *bytes = (u8 *)&d;

			bytes[test_random_below(sizeof(d.eh) +
						3 * sizeof(d.ph[0]))] =
				(u8)test_random();
		}
		err = decode(&d, &img);
		if (!err) {
			CHECK(elf_image_valid(&img, FILE_BYTES, LIMIT));
			nr_accepted++;
		} else {
			CHECK(err == -ENOEXEC || err == -ENOMEM || err == -EIO);
		}
	}
	CHECK(nr_accepted > 100 && nr_accepted < 19900);
}

#define HEAD 32

static int script(const char *text, char *buf, char **interp, char **arg)
{
	memset(buf, 0, HEAD + 1);
	memcpy(buf, text, strnlen(text, HEAD));
	return script_decode(buf, HEAD, interp, arg);
}

TEST(script_lines_name_an_interpreter_and_one_argument)
{
	char buf[HEAD + 1], *interp, *arg;

	CHECK_EQ(script("#!/bin/sh\necho", buf, &interp, &arg), 0);
	CHECK_STR(interp, "/bin/sh");
	CHECK(!arg);
	CHECK_EQ(script("#! \t/bin/awk -f  x \n", buf, &interp, &arg), 0);
	CHECK_STR(interp, "/bin/awk");
	CHECK_STR(arg, "-f  x");
	CHECK_EQ(script("#!/bin/sh", buf, &interp, &arg), 0);
	CHECK_STR(interp, "/bin/sh");
	CHECK_EQ(script("#!\n", buf, &interp, &arg), -ENOEXEC);
	CHECK_EQ(script("#!   \n/bin/sh", buf, &interp, &arg), -ENOEXEC);
	CHECK_EQ(script("# /bin/sh\n", buf, &interp, &arg), -ENOEXEC);
	/* The name runs out of what was read; an argument may. */
	CHECK_EQ(script("#!/bin/0123456789012345678901234567890", buf, &interp,
			&arg),
		 -ENOEXEC);
	CHECK_EQ(script("#!/bin/sh 0123456789012345678901234567", buf, &interp,
			&arg),
		 0);
	CHECK_STR(interp, "/bin/sh");
}
