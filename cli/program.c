/* SPDX-License-Identifier: MIT */
/*
 * program.c - which file a program's name means, and whether it can run.
 *
 * The same questions that the kernel asks when it executes the file are
 * answered here first, in its own words, so that a wrong program costs a line
 * on stderr and not a machine.  The kernel checks again: it never trusts.
 * A name without a slash is looked for in $PATH, as execvp(3) does.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

#define PHDRS_MAX 128 /* more than a page's worth is refused by Linux too */

static bool read_at(int fd, void *buf, size_t size, uint64_t pos)
{
	return pos <= INT64_MAX &&
	       pread(fd, buf, size, (off_t)pos) == (ssize_t)size;
}

/* What is wrong with the headers of an ELF file; NULL: nothing. */
static const char *elf_problem(int fd, uint64_t file_size, Elf64_Ehdr *eh,
			       Elf64_Phdr *ph)
{
	unsigned int i, loads = 0;

	if (!read_at(fd, eh, sizeof(*eh), 0))
		return "truncated ELF file";
	if (eh->e_ident[EI_CLASS] != ELFCLASS64)
		return "a 32-bit ELF file; only 64-bit x86 programs run";
	if (eh->e_ident[EI_DATA] != ELFDATA2LSB || eh->e_machine != EM_X86_64)
		return "an ELF file for another machine; only x86-64 "
		       "programs run";
	if (eh->e_type != ET_EXEC && eh->e_type != ET_DYN)
		return "an ELF file, but not a program";
	if (eh->e_phentsize != sizeof(*ph) || !eh->e_phnum ||
	    eh->e_phnum > PHDRS_MAX)
		return "malformed ELF file: program headers";
	if (!read_at(fd, ph, eh->e_phnum * sizeof(*ph), eh->e_phoff))
		return "truncated ELF file: program headers";
	for (i = 0; i < eh->e_phnum; i++) {
		if (ph[i].p_type != PT_LOAD)
			continue;
		loads++;
		if (ph[i].p_filesz > ph[i].p_memsz)
			return "malformed ELF file: segment larger in the "
			       "file than in memory";
		if (ph[i].p_offset > file_size ||
		    ph[i].p_filesz > file_size - ph[i].p_offset)
			return "truncated ELF file: a segment lies beyond "
			       "its end";
	}
	return loads ? NULL : "malformed ELF file: nothing to load";
}

static void check_elf(const char *path, int fd, uint64_t file_size)
{
	Elf64_Ehdr eh;
	Elf64_Phdr ph[PHDRS_MAX];
	const char *problem = elf_problem(fd, file_size, &eh, ph);
	unsigned int i;

	if (problem)
		die(STATUS_CANNOT_RUN, "%s: %s", path, problem);
	for (i = 0; i < eh.e_phnum; i++) {
		char interp[PATH_MAX] = "";
		size_t len = ph[i].p_filesz;

		if (ph[i].p_type != PT_INTERP)
			continue;
		if (len < 2 || len > sizeof(interp) ||
		    !read_at(fd, interp, len, ph[i].p_offset) ||
		    interp[len - 1])
			die(STATUS_CANNOT_RUN,
			    "%s: malformed ELF file: interpreter's name", path);
		die(STATUS_CANNOT_RUN,
		    "%s: a dynamic program, which wants %s; only static ones "
		    "run (link it with -static)",
		    path, interp);
	}
}

/* The interpreter that the first line of a script names; to be freed. */
static char *script_interpreter(const char *path, const char *line)
{
	size_t len;

	line += 2;
	line += strspn(line, " \t");
	len = strcspn(line, " \t\n");
	if (!len || line[0] != '/')
		die(STATUS_CANNOT_RUN,
		    "%s: a script whose first line names no interpreter", path);
	return xasprintf("%.*s", (int)len, line);
}

/* Check the file; the interpreter if it is a script, else NULL. */
static char *check_file(const char *path)
{
	struct stat st;
	char head[256] = "";
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
	if (!memcmp(head, ELFMAG, SELFMAG))
		check_elf(path, fd, (uint64_t)st.st_size);
	else if (head[0] == '#' && head[1] == '!')
		interpreter = script_interpreter(path, head);
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
	p->interpreter = check_file(found);
	p->path = absolute_path(found);
	free(found);
	if (p->interpreter) {
		char *deeper = check_file(p->interpreter);

		if (deeper)
			die(STATUS_CANNOT_RUN,
			    "%s: its interpreter %s is a script itself",
			    p->path, p->interpreter);
	}
}
