/* SPDX-License-Identifier: MIT */
/*
 * program.c - which file a program's name means, and whether it can run.
 *
 * 1. The questions that the kernel asks when it executes a file are asked here
 *    first, by the same code (kernel/elf_decode.c), so that a wrong program
 *    costs a line on stderr and not a machine.  The kernel asks again: it
 *    never trusts.
 * 2. That code says yes or no; where the answer is no, wrong_header() and
 *    wrong_segments() look for words that help more than "malformed".
 * 3. A name without a slash is looked for in $PATH, as execvp(3) does.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "kernel/elf_decode.h"

/* Of file headers: System V gABI, chapter 4. */
#define IDENT_CLASS	   4
#define IDENT_DATA	   5
#define CLASS_64	   2
#define DATA_LITTLE_ENDIAN 1
#define MACHINE_X86_64	   62
#define TYPE_EXECUTABLE	   2
#define TYPE_DYNAMIC	   3
#define SEGMENT_LOAD	   1

#define TASK_SIZE_BYTES	   0x7ffffffff000ULL /* user space of x86-64 */

static bool read_at(int fd, void *buf, size_t size, uint64_t pos)
{
	return pos <= INT64_MAX &&
	       pread(fd, buf, size, (off_t)pos) == (ssize_t)size;
}

/* Words for a file that elf_decode_header() refused. */
static const char *wrong_header(const struct elf64_ehdr *eh, ssize_t len)
{
	if (len < (ssize_t)sizeof(*eh))
		return "truncated ELF file";
	if (eh->e_ident[IDENT_CLASS] != CLASS_64)
		return "not a 64-bit ELF file; only 64-bit x86 programs run";
	if (eh->e_ident[IDENT_DATA] != DATA_LITTLE_ENDIAN ||
	    eh->e_machine != MACHINE_X86_64)
		return "an ELF file for another machine; only x86-64 "
		       "programs run";
	if (eh->e_type != TYPE_EXECUTABLE && eh->e_type != TYPE_DYNAMIC)
		return "an ELF file, but not a program";
	return "malformed or truncated ELF file: its header";
}

/* Words for program headers that elf_decode() refused. */
static const char *wrong_segments(const struct elf64_phdr *ph, unsigned int nr,
				  uint64_t file_size)
{
	unsigned int i, loads = 0;

	for (i = 0; i < nr; i++) {
		if (ph[i].p_type != SEGMENT_LOAD)
			continue;
		loads++;
		if (ph[i].p_offset > file_size ||
		    ph[i].p_filesz > file_size - ph[i].p_offset)
			return "truncated ELF file: a segment lies beyond "
			       "its end";
	}
	return loads ? "malformed ELF file: its segments"
		     : "malformed ELF file: nothing to load";
}

/* The interpreter that a dynamic program names, to be freed; else NULL. */
static char *elf_interpreter(const char *path, int fd,
			     const struct elf_image *img)
{
	char interp[ELF_INTERP_MAX];

	if (!img->interp_size)
		return NULL;
	if (img->interp_size > sizeof(interp) ||
	    !read_at(fd, interp, img->interp_size, img->interp_offset) ||
	    !elf_interp_valid(interp, img->interp_size))
		die(STATUS_CANNOT_RUN,
		    "%s: malformed ELF file: its interpreter's name", path);
	return xstrdup(interp);
}

static char *check_elf(const char *path, int fd, uint64_t file_size)
{
	struct elf64_ehdr eh = {0};
	struct elf_image img;
	ssize_t len = pread(fd, &eh, sizeof(eh), 0);
	void *phdrs;
	size_t size;
	uint64_t phoff;
	uint16_t phnum;

	if (len < (ssize_t)sizeof(eh) ||
	    elf_decode_header(&eh, sizeof(eh), file_size, &phoff, &phnum))
		die(STATUS_CANNOT_RUN, "%s: %s", path, wrong_header(&eh, len));
	size = phnum * sizeof(struct elf64_phdr);
	phdrs = xmalloc(size);
	if (!read_at(fd, phdrs, size, phoff))
		die(STATUS_CANNOT_RUN, "%s: truncated ELF file", path);
	if (elf_decode(&eh, phdrs, phnum, file_size, TASK_SIZE_BYTES, &img))
		die(STATUS_CANNOT_RUN, "%s: %s", path,
		    wrong_segments(phdrs, phnum, file_size));
	free(phdrs);
	return elf_interpreter(path, fd, &img);
}

/* The interpreter that the first line of a script names; to be freed. */
static char *script_interpreter(const char *path, char *head, size_t len)
{
	char *interp, *arg;

	if (script_decode(head, len, &interp, &arg) || interp[0] != '/')
		die(STATUS_CANNOT_RUN,
		    "%s: a script whose first line names no interpreter", path);
	return xstrdup(interp);
}

/*
 * Check the file; the interpreter if it is a script, else NULL.  *loader is
 * the interpreter that it wants if it is a dynamic program.
 */
static char *check_file(const char *path, char **loader)
{
	struct stat st;
	char head[256 + 1] = ""; /* as much as Linux looks at, and a NUL */
	int fd;
	char *interpreter = NULL;

	if (stat(path, &st) < 0)
		die(errno == ENOENT || errno == ENOTDIR ? STATUS_NOT_FOUND
							: STATUS_CANNOT_RUN,
		    "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		die(STATUS_CANNOT_RUN, "%s: %s", path,
		    S_ISDIR(st.st_mode) ? strerror(EISDIR)
					: "not a regular file");
	if (access(path, X_OK) < 0)
		die(STATUS_CANNOT_RUN, "%s: %s", path, strerror(errno));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die(STATUS_CANNOT_RUN, "%s: %s", path, strerror(errno));
	if (pread(fd, head, sizeof(head) - 1, 0) < 0)
		die(STATUS_CANNOT_RUN, "%s: %s", path, strerror(errno));
	if (!memcmp(head, "\177ELF", 4))
		*loader = check_elf(path, fd, (uint64_t)st.st_size);
	else if (head[0] == '#' && head[1] == '!')
		interpreter = script_interpreter(path, head, sizeof(head) - 1);
	else
		die(STATUS_CANNOT_RUN, "%s: not an ELF program or #! script",
		    path);
	close(fd);
	return interpreter;
}

/* The first file of that name in $PATH that can be executed. */
static char *search_path(const char *name)
{
	const char *dirs = getenv("PATH");
	char *unusable = NULL;

	if (!dirs)
		dirs = "/usr/local/bin:/usr/bin:/bin";
	while (*dirs) {
		size_t len = strcspn(dirs, ":");
		char *path = xasprintf("%.*s/%s", len ? (int)len : 1,
				       len ? dirs : ".", name);
		struct stat st;

		if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
			if (access(path, X_OK) == 0)
				return path;
			if (!unusable)
				unusable = xstrdup(path);
		}
		free(path);
		dirs += len;
		dirs += *dirs == ':';
	}
	if (unusable)
		die(STATUS_CANNOT_RUN, "%s: %s", unusable, strerror(EACCES));
	die(STATUS_NOT_FOUND, "%s: not found in $PATH", name);
}

void program_find(const char *name, struct program *p)
{
	char *found;

	if (!*name)
		die(STATUS_NOT_FOUND, "the program's name is empty");
	found = strchr(name, '/') ? xstrdup(name) : search_path(name);
	p->interpreter = check_file(found, &p->loader);
	p->path = absolute_path(found);
	free(found);
	if (p->interpreter) {
		char *deeper = check_file(p->interpreter, &p->loader);

		if (deeper)
			die(STATUS_CANNOT_RUN,
			    "%s: its interpreter %s is a script itself",
			    p->path, p->interpreter);
	}
}
