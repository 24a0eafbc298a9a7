/* SPDX-License-Identifier: MIT */
/*
 * exec.h - a program being started (exec.c), by the loader of its format
 * (elf.c).
 */
#ifndef KERNEL_EXEC_H
#define KERNEL_EXEC_H

#include <quire/mm.h>

#include "kernel/elf_decode.h"
#include "kernel/task.h"

#define EXEC_HEAD_BYTES 256 /* what the format is told by */

struct exec_program {
	struct file *file; /* referenced, writing denied */
	char *path;	   /* as given: AT_EXECFN; owned */
	char *script;	   /* what a #! line's interpreter runs */
	char head[EXEC_HEAD_BYTES + 1];
	struct mm_struct *mm; /* the new address space */
	struct mm_layout layout;
	unsigned long stack_top;
	unsigned long sp;	/* lowest byte used on the stack */
	unsigned long sp_limit; /* strings may not go below */
	unsigned long execfn;	/* user addresses of strings */
	unsigned long arg_start, env_start, env_end;
	int argc, envc;
	/* the page of the new stack that is being written */
	struct page *page;
	unsigned long page_addr;
	/* the loader's results */
	unsigned long entry;
	bool exec_stack;
	u32 euid, egid; /* after the set-id bits */
	bool secure;
};

/* Where argv and envp come from: one of the two. */
struct string_list {
	const u64 *user;
	const char *const *kernel;
};

struct exec_aux {
	unsigned long phdr, phnum, base, entry;
};

/* ---- exec_stack.c; 0 or -E ---- */

/* Copy to the new address space; -EFAULT, -ENOMEM. */
int exec_write(struct exec_program *prog, unsigned long addr, const void *from,
	       size_t len);
/* A kernel string below all others; -E2BIG. */
int exec_push_string(struct exec_program *prog, const char *s, size_t len);
/* The path, envp and argv; sets argc and the strings' bounds. */
int exec_copy_strings(struct exec_program *prog, const struct string_list *argv,
		      const struct string_list *envp);
/* Length of a string in the new address space. */
long exec_new_strlen(struct exec_program *prog, unsigned long addr);
/* argc, the pointers and auxv; sets the final sp. */
int exec_finish_stack(struct exec_program *prog, const struct exec_aux *aux);
int exec_make_stack_executable(struct exec_program *prog);

/* ---- elf.c ---- */

/* New memory becomes what the headers say; entry, exec_stack are set. */
int elf_load(struct exec_program *prog, struct exec_aux *aux);

struct file *exe_get(struct file *exe);
void exe_put(struct file *exe);
/* rlimits that mm/ enforces. */
void mm_set_limits(struct mm_struct *mm, const struct rlimit64 *rlim);

#endif
