/* SPDX-License-Identifier: MIT */
/*
 * exec_stack.c - the first page of a program's life: argv, envp, auxv.
 *
 * 1. The new stack, written through the direct map while no thread uses the
 *    new address space.
 *
 *	stack_top ->	8 bytes of zero
 *			path (AT_EXECFN)
 *			environment strings
 *			argument strings
 *			"x86_64", 16 random bytes
 *			auxv, envp[], argv[], argc
 *	sp ->		(a multiple of 16)
 *
 * 2. Limits.  One string 128 KiB, all strings and pointers a quarter of
 *    RLIMIT_STACK, at most 6 MiB, at least 128 KiB: E2BIG.
 *
 * Sources: execve(2), getauxval(3), System V ABI x86-64 "process
 * initialization".
 */
#include <quire/port.h>
#include <quire/slab.h>
#include <quire/string.h>

#include "kernel/exec.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "port/x86_64/machine.h"

#define MAX_ARG_STRLEN	(32 * PAGE_SIZE)
#define MAX_ARG_STRINGS 0x7fffffff
#define ARG_MIN		(32 * PAGE_SIZE)
#define ARG_MAX_BYTES	(6UL << 20)
#define EXEC_COPY_BYTES PAGE_SIZE

/* ---- strings ---- */

/* The direct-map address of addr in the new address space, or ERR. */
static char *new_address(struct exec_program *prog, unsigned long addr)
{
	unsigned long base = addr & PAGE_MASK;

	if (!prog->page || prog->page_addr != base) {
		struct page *page = mm_get_page(prog->mm, addr, true);

		if (IS_ERR(page))
			return (char *)page;
		if (prog->page)
			put_page(prog->page);
		prog->page = page;
		prog->page_addr = base;
	}
	return (char *)page_address(prog->page) + (addr - base);
}

int exec_write(struct exec_program *prog, unsigned long addr, const void *from,
	       size_t len)
{
	while (len) {
		size_t n = min(len, PAGE_SIZE - (addr & ~PAGE_MASK));
		char *to = new_address(prog, addr);

		if (IS_ERR(to))
			return (int)PTR_ERR(to);
		memcpy(to, from, n);
		addr += n;
		from = (const char *)from + n;
		len -= n;
	}
	return 0;
}

/* A kernel string of len bytes below all others, with its NUL. */
int exec_push_string(struct exec_program *prog, const char *s, size_t len)
{
	if (len >= MAX_ARG_STRLEN || prog->sp - prog->sp_limit < len + 1)
		return -E2BIG;
	prog->sp -= len + 1;
	return exec_write(prog, prog->sp, s, len + 1);
}

/* A user string too long for the bounce buffer: measured, then copied. */
static int push_long_string(struct exec_program *prog, const char *us,
			    char *buf)
{
	size_t len = 0, done, part;
	long n;

	for (;;) {
		n = strncpy_from_user(buf, us + len, EXEC_COPY_BYTES);
		if (n < 0)
			return (int)n;
		len += (size_t)n;
		if (n < (long)EXEC_COPY_BYTES)
			break;
		if (len >= MAX_ARG_STRLEN)
			return -E2BIG;
	}
	if (len >= MAX_ARG_STRLEN || prog->sp - prog->sp_limit < len + 1)
		return -E2BIG;
	prog->sp -= len + 1;
	for (done = 0; done < len; done += part) {
		int err;

		part = min(len - done, EXEC_COPY_BYTES);
		if (copy_from_user(buf, us + done, part))
			return -EFAULT;
		err = exec_write(prog, prog->sp + done, buf, part);
		if (err)
			return err;
	}
	/* The end is ours, whatever another thread made of the string. */
	return exec_write(prog, prog->sp + len, "", 1);
}

static int push_user_string(struct exec_program *prog, const char *us,
			    char *buf)
{
	long n = strncpy_from_user(buf, us, EXEC_COPY_BYTES);

	if (n < 0)
		return (int)n;
	if (n == (long)EXEC_COPY_BYTES)
		return push_long_string(prog, us, buf);
	return exec_push_string(prog, buf, (size_t)n);
}

/* Number of strings before the NULL, or -E. */
static long count_strings(const struct string_list *list)
{
	long n = 0;
	u64 us;

	if (list->kernel) {
		while (list->kernel[n])
			n++;
		return n;
	}
	if (!list->user)
		return 0;
	for (;;) {
		if (get_user(us, list->user + n))
			return -EFAULT;
		if (!us)
			return n;
		if (++n >= MAX_ARG_STRINGS)
			return -E2BIG;
		if ((n & 1023) == 0 && fatal_signal_pending(current))
			return -EINTR;
	}
}

/* The last first, so that they lie in order. */
static int push_strings(struct exec_program *prog,
			const struct string_list *list, long nr, char *buf)
{
	int err = 0;

	while (!err && nr-- > 0) {
		u64 us;

		if (list->kernel) {
			const char *s = list->kernel[nr];

			err = exec_push_string(prog, s, strlen(s));
		} else if (get_user(us, list->user + nr)) {
			err = -EFAULT;
		} else {
			err = push_user_string(prog, (const char *)us, buf);
		}
		cond_resched();
	}
	return err;
}

static unsigned long string_room(void)
{
	u64 quarter = current->signal->rlim[RLIMIT_STACK].rlim_cur / 4;

	quarter = min(quarter, ARG_MAX_BYTES);
	return max(quarter, ARG_MIN);
}

int exec_copy_strings(struct exec_program *prog, const struct string_list *argv,
		      const struct string_list *envp)
{
	char *buf;
	long argc, envc;
	u64 pointers;
	int err;

	argc = count_strings(argv);
	if (argc < 0)
		return (int)argc;
	envc = count_strings(envp);
	if (envc < 0)
		return (int)envc;
	/* An empty argv gets an empty argv[0], as in Linux since 5.18. */
	pointers = ((u64)max(argc, 1L) + (u64)envc + 2) * sizeof(u64);
	if (pointers >= string_room())
		return -E2BIG;
	prog->sp = prog->stack_top - sizeof(u64);
	prog->sp_limit = prog->stack_top - string_room() + pointers;

	buf = kmalloc(EXEC_COPY_BYTES, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	err = exec_push_string(prog, prog->path, strlen(prog->path));
	prog->execfn = prog->env_end = prog->sp;
	if (!err)
		err = push_strings(prog, envp, envc, buf);
	prog->env_start = prog->sp;
	if (!err && argc == 0)
		err = exec_push_string(prog, "", 0);
	if (!err)
		err = push_strings(prog, argv, argc, buf);
	prog->arg_start = prog->sp;
	prog->argc = (int)max(argc, 1L);
	prog->envc = (int)envc;
	kfree(buf);
	return err;
}

/* Length of a string on the new stack. */
long exec_new_strlen(struct exec_program *prog, unsigned long addr)
{
	unsigned long start = addr;

	for (;;) {
		size_t room = PAGE_SIZE - (addr & ~PAGE_MASK), n;
		char *s = new_address(prog, addr);

		if (IS_ERR(s))
			return PTR_ERR(s);
		n = strnlen(s, room);
		addr += n;
		if (n < room)
			return (long)(addr - start);
	}
}

/* ---- the words the start code reads ---- */

enum {
	AT_NULL = 0,
	AT_PHDR = 3,
	AT_PHENT = 4,
	AT_PHNUM = 5,
	AT_PAGESZ = 6,
	AT_BASE = 7,
	AT_FLAGS = 8,
	AT_ENTRY = 9,
	AT_UID = 11,
	AT_EUID = 12,
	AT_GID = 13,
	AT_EGID = 14,
	AT_PLATFORM = 15,
	AT_HWCAP = 16,
	AT_CLKTCK = 17,
	AT_SECURE = 23,
	AT_RANDOM = 25,
	AT_HWCAP2 = 26,
	AT_EXECFN = 31,
	AT_MINSIGSTKSZ = 51,
};
#define NR_AUX 20

struct word_writer {
	u64 *at;
};

static void put_aux(struct word_writer *w, u64 type, u64 value)
{
	*w->at++ = type;
	*w->at++ = value;
}

static void write_auxv(struct word_writer *w, const struct exec_program *prog,
		       const struct exec_aux *aux, u64 random, u64 platform)
{
	const struct x86_cpu_info *cpu = x86_cpu_info();

	put_aux(w, AT_HWCAP, cpu->hwcap);
	put_aux(w, AT_PAGESZ, PAGE_SIZE);
	put_aux(w, AT_CLKTCK, HZ);
	put_aux(w, AT_PHDR, aux->phdr);
	put_aux(w, AT_PHENT, sizeof(struct elf64_phdr));
	put_aux(w, AT_PHNUM, aux->phnum);
	put_aux(w, AT_BASE, aux->base);
	put_aux(w, AT_FLAGS, 0);
	put_aux(w, AT_ENTRY, aux->entry);
	put_aux(w, AT_UID, current->cred.uid);
	put_aux(w, AT_EUID, prog->euid);
	put_aux(w, AT_GID, current->cred.gid);
	put_aux(w, AT_EGID, prog->egid);
	put_aux(w, AT_SECURE, prog->secure);
	put_aux(w, AT_RANDOM, random);
	put_aux(w, AT_HWCAP2, cpu->hwcap2);
	put_aux(w, AT_EXECFN, prog->execfn);
	put_aux(w, AT_PLATFORM, platform);
	put_aux(w, AT_MINSIGSTKSZ,
		ALIGN(x86_fpu_frame_size() + 128 + 440 + 64, 64UL));
	put_aux(w, AT_NULL, 0);
}

/* Pointers to the strings from addr on; the address behind the last. */
static long write_pointers(struct exec_program *prog, struct word_writer *w,
			   int nr, unsigned long addr)
{
	while (nr-- > 0) {
		long len = exec_new_strlen(prog, addr);

		if (len < 0)
			return len;
		*w->at++ = addr;
		addr += (unsigned long)len + 1;
	}
	*w->at++ = 0;
	return (long)addr;
}

int exec_finish_stack(struct exec_program *prog, const struct exec_aux *aux)
{
	const u64 random[2] = {port->random(), port->random()};
	struct mm_struct *mm = prog->mm;
	size_t nr_words = 1 + (size_t)prog->argc + 1 + (size_t)prog->envc + 1 +
			  2 * NR_AUX;
	unsigned long platform, random_at, sp = prog->sp;
	struct word_writer w;
	u64 *words;
	long end;
	int err;

	mm->arg_start = prog->arg_start;
	mm->arg_end = mm->env_start = prog->env_start;
	mm->env_end = prog->env_end;
	platform = sp -= sizeof("x86_64");
	random_at = sp = ALIGN_DOWN(sp - sizeof(random), 16UL);
	err = exec_write(prog, platform, "x86_64", sizeof("x86_64"));
	if (!err)
		err = exec_write(prog, random_at, random, sizeof(random));
	if (err)
		return err;

	words = kvmalloc(nr_words * sizeof(u64), GFP_KERNEL);
	if (!words)
		return -ENOMEM;
	w.at = words;
	*w.at++ = (u64)prog->argc;
	end = write_pointers(prog, &w, prog->argc, prog->arg_start);
	if (end >= 0)
		end = write_pointers(prog, &w, prog->envc, prog->env_start);
	if (end < 0) {
		err = (int)end;
		goto out_free;
	}
	write_auxv(&w, prog, aux, random_at, platform);
	sp = ALIGN_DOWN(sp - nr_words * sizeof(u64), 16UL);
	err = exec_write(prog, sp, words, nr_words * sizeof(u64));
	prog->sp = mm->start_stack = sp;
out_free:
	kvfree(words);
	return err;
}

int exec_make_stack_executable(struct exec_program *prog)
{
	unsigned long start;
	struct vm_area_struct *vma;

	mmap_read_lock(prog->mm);
	vma = find_vma(prog->mm, prog->stack_top - 1);
	start = vma ? vma->vm_start : 0;
	mmap_read_unlock(prog->mm);
	if (!vma)
		return -ENOMEM;
	return vm_mprotect(prog->mm, start, prog->stack_top - start,
			   PROT_READ | PROT_WRITE | PROT_EXEC);
}
