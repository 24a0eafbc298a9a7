/* SPDX-License-Identifier: MIT */
/*
 * exec.c - execve(2): a thread goes on as another program.
 *
 * 1. Idea.  The new address space is made whole - strings, segments, the
 *    words for the start code - while the old one still runs; then the
 *    switch is made, which cannot fail.  A failed exec changes nothing.
 *
 *	prepare: open, copy strings, decode, map, build the stack, reserve
 *	commit:  other threads end, new mm, handlers, descriptors, registers
 *
 * 2. The new stack
 *
 *	stack_top ->	8 bytes of zero
 *			path (AT_EXECFN)
 *			environment strings
 *			argument strings
 *			"x86_64", 16 random bytes
 *			auxv, envp[], argv[], argc
 *	sp ->		(a multiple of 16)
 *
 * 3. Limits.  One string 128 KiB, all strings and pointers a quarter of
 *    RLIMIT_STACK, at most 6 MiB, at least 128 KiB: E2BIG.  Five #! lines
 *    deep: ELOOP.
 * 4. Locking.  Nobody else knows the new mm until task_lock() publishes it.
 *
 * Sources: execve(2), getauxval(3), System V ABI x86-64 "process
 * initialization".
 */
#include "kernel/exec.h"

#include <quire/port.h>
#include <quire/printk.h>
#include <quire/slab.h>
#include <quire/string.h>

#include "kernel/fs.h"
#include "kernel/main.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "port/x86_64/machine.h"

#define MAX_ARG_STRLEN	 (32 * PAGE_SIZE)
#define MAX_ARG_STRINGS	 0x7fffffff
#define ARG_MIN		 (32 * PAGE_SIZE)
#define ARG_MAX_BYTES	 (6UL << 20)
#define MAX_SCRIPT_DEPTH 5
#define EXEC_COPY_BYTES	 PAGE_SIZE

/* Where argv and envp come from: one of the two. */
struct string_list {
	const u64 *user;
	const char *const *kernel;
};

/* ---- the new stack ---- */

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
static int push_kernel_string(struct exec_program *prog, const char *s,
			      size_t len)
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
	return push_kernel_string(prog, buf, (size_t)n);
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

			err = push_kernel_string(prog, s, strlen(s));
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

static int copy_strings(struct exec_program *prog,
			const struct string_list *argv,
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
	err = push_kernel_string(prog, prog->path, strlen(prog->path));
	prog->execfn = prog->env_end = prog->sp;
	if (!err)
		err = push_strings(prog, envp, envc, buf);
	prog->env_start = prog->sp;
	if (!err && argc == 0)
		err = push_kernel_string(prog, "", 0);
	if (!err)
		err = push_strings(prog, argv, argc, buf);
	prog->arg_start = prog->sp;
	prog->argc = (int)max(argc, 1L);
	prog->envc = (int)envc;
	kfree(buf);
	return err;
}

/* Length of a string on the new stack. */
static long new_strlen(struct exec_program *prog, unsigned long addr)
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

/* ---- #! ---- */

static int read_head(struct exec_program *prog)
{
	mm_ssize_t n;

	memset(prog->head, 0, sizeof(prog->head));
	n = kernel_read(prog->file, prog->head, EXEC_HEAD_BYTES, 0);
	return n < 0 ? (int)n : 0;
}

static int open_program(struct exec_program *prog, const char *path)
{
	struct file *file = open_exec(path);
	int err;

	if (IS_ERR(file))
		return (int)PTR_ERR(file);
	err = deny_write_access(file);
	if (err) {
		fput(file);
		return err;
	}
	prog->file = file;
	return read_head(prog);
}

/* argv: [argv0 rest...] becomes [interp (arg) script rest...]. */
static int become_interpreter(struct exec_program *prog, char *interp,
			      char *arg)
{
	const char *script = prog->script ? prog->script : prog->path;
	long len = new_strlen(prog, prog->arg_start);
	char *name;
	int err;

	if (len < 0)
		return (int)len;
	prog->sp = prog->arg_start + (unsigned long)len + 1;
	err = push_kernel_string(prog, script, strlen(script));
	if (!err && arg) {
		err = push_kernel_string(prog, arg, strlen(arg));
		prog->argc++;
	}
	if (!err)
		err = push_kernel_string(prog, interp, strlen(interp));
	if (err)
		return err;
	prog->argc++;
	prog->arg_start = prog->sp;

	name = kstrdup(interp, GFP_KERNEL);
	if (!name)
		return -ENOMEM;
	kfree(prog->script);
	prog->script = name;
	exe_put(prog->file);
	prog->file = NULL;
	return open_program(prog, name);
}

static int follow_scripts(struct exec_program *prog)
{
	char *interp, *arg;
	int depth, err;

	for (depth = 0; prog->head[0] == '#' && prog->head[1] == '!'; depth++) {
		if (depth > MAX_SCRIPT_DEPTH)
			return -ELOOP;
		err = script_decode(prog->head, EXEC_HEAD_BYTES, &interp, &arg);
		if (!err)
			err = become_interpreter(prog, interp, arg);
		if (err)
			return err;
	}
	return 0;
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
		long len = new_strlen(prog, addr);

		if (len < 0)
			return len;
		*w->at++ = addr;
		addr += (unsigned long)len + 1;
	}
	*w->at++ = 0;
	return (long)addr;
}

static int finish_stack(struct exec_program *prog, const struct exec_aux *aux)
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

static int make_stack_executable(struct exec_program *prog)
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

/* ---- prepare ---- */

struct file *exe_get(struct file *exe)
{
	get_file(exe);
	/* It is denied already: one more cannot fail. */
	BUG_ON(deny_write_access(exe));
	return exe;
}

void exe_put(struct file *exe)
{
	allow_write_access(exe);
	fput(exe);
}

void mm_set_limits(struct mm_struct *mm, const struct rlimit64 *rlim)
{
	mm->rlim_as = rlim[RLIMIT_AS].rlim_cur;
	mm->rlim_data = rlim[RLIMIT_DATA].rlim_cur;
	mm->rlim_stack = rlim[RLIMIT_STACK].rlim_cur;
	mm->rlim_memlock = rlim[RLIMIT_MEMLOCK].rlim_cur;
}

static int new_memory(struct exec_program *prog)
{
	const struct rlimit64 *rlim = current->signal->rlim;
	bool randomize =
		!norandmaps() && !(current->personality & ADDR_NO_RANDOMIZE);

	prog->mm = mm_alloc();
	if (!prog->mm)
		return -ENOMEM;
	mm_set_limits(prog->mm, rlim);
	prog->layout = (struct mm_layout){
		.randomize = randomize,
		.randomize_brk = randomize,
		.rlim_stack = rlim[RLIMIT_STACK].rlim_cur,
	};
	mm_pick_layout(prog->mm, &prog->layout);
	return mm_setup_stack(prog->mm, &prog->stack_top);
}

/* The set-user-id and set-group-id bits of the program (not of scripts). */
static void new_ids(struct exec_program *prog)
{
	const struct cred *c = &current->cred;
	const struct inode *inode = prog->file->f_inode;

	prog->euid = c->euid;
	prog->egid = c->egid;
	if (!current->no_new_privs) {
		if (inode->mode & S_ISUID)
			prog->euid = inode->uid;
		if ((inode->mode & (S_ISGID | 0010)) == (S_ISGID | 0010))
			prog->egid = inode->gid;
	}
	prog->secure = prog->euid != c->uid || prog->egid != c->gid;
}

static int prepare(struct exec_program *prog, const struct string_list *argv,
		   const struct string_list *envp)
{
	struct exec_aux aux;
	int err;

	err = new_memory(prog);
	if (!err)
		err = copy_strings(prog, argv, envp);
	if (!err)
		err = follow_scripts(prog);
	if (err)
		return err;
	new_ids(prog);
	err = elf_load(prog, &aux);
	if (!err)
		err = finish_stack(prog, &aux);
	if (!err && prog->exec_stack)
		err = make_stack_executable(prog);
	return err;
}

/* ---- commit ---- */

/* The caller is to be its process's only thread, and its leader. */
static int de_thread(void)
{
	struct task_struct *me = current, *old;
	struct signal_struct *sig = me->signal;
	spinlock_t *lock = &me->sighand->siglock;

	if (sig->nr_threads == 1 && thread_group_leader(me))
		return 0;
	spin_lock(&tasklist_lock);
	spin_lock(lock);
	if (sig->group_exit || sig->exec_thread) {
		spin_unlock(lock);
		spin_unlock(&tasklist_lock);
		return -EAGAIN;
	}
	sig->exec_thread = me;
	zap_other_threads(me);
	spin_unlock(lock);
	spin_unlock(&tasklist_lock);

	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		if (READ_ONCE(sig->nr_threads) == 1)
			break;
		schedule();
	}
	set_current_state(TASK_RUNNING);

	spin_lock(&tasklist_lock);
	old = sig->leader;
	if (old != me) {
		int tgid = old->pid;

		sig->leader = me;
		unhash_task(old);
		take_pid(me, tgid);
		me->exit_signal = SIGCHLD;
	} else {
		old = NULL;
	}
	sig->exec_thread = NULL;
	spin_unlock(&tasklist_lock);
	if (old)
		put_task_struct(old);
	return 0;
}

static void install_mm(struct exec_program *prog)
{
	struct task_struct *t = current;
	struct mm_struct *old = t->mm, *lazy = NULL;
	struct file *old_exe = t->exe;
	unsigned long flags, rss;

	if (old) {
		mm_release(t, old);
		rss = max(old->hiwater_rss, get_mm_rss(old));
		if (rss > t->signal->maxrss_pages)
			t->signal->maxrss_pages = rss;
	}
	task_lock(t);
	flags = local_irq_save();
	if (!old)
		lazy = t->active_mm;
	t->mm = t->active_mm = prog->mm;
	x86_switch_mm(prog->mm);
	local_irq_restore(flags);
	t->exe = prog->file;
	task_unlock(t);
	prog->mm = NULL;
	prog->file = NULL;
	if (old)
		mmput(old);
	if (lazy)
		mmdrop(lazy);
	if (old_exe)
		exe_put(old_exe);
}

static void install_ids(const struct exec_program *prog)
{
	struct cred *c = &current->cred;

	c->euid = c->suid = c->fsuid = prog->euid;
	c->egid = c->sgid = c->fsgid = prog->egid;
	if (prog->secure)
		current->pdeath_signal = 0;
	current->dumpable = !prog->secure;
}

static void set_comm_from_path(const char *path)
{
	const char *base = strrchr(path, '/');

	set_task_comm(current, base ? base + 1 : path);
}

static int commit(struct exec_program *prog)
{
	struct task_struct *t = current;
	struct pt_regs *regs = task_pt_regs(t->thread.stack_top);
	struct sighand_struct *spare = NULL, *old_hand = NULL;
	struct files_struct *files = NULL, *old_files = NULL;
	int err;

	/* Whatever can fail first. */
	err = arch_thread_alloc_fpu(&t->thread);
	if (err)
		return err;
	if (files_shared(t->files)) {
		files = files_dup(t->files);
		if (!files)
			return -ENOMEM;
	}
	/* If it is this thread's alone, nobody can come to share it. */
	if (READ_ONCE(t->sighand->count) > 1) {
		err = -ENOMEM;
		spare = sighand_alloc();
		if (!spare)
			goto out_spare;
	}
	err = de_thread();
	if (err)
		goto out_spare;

	install_mm(prog);
	if (files) {
		task_lock(t);
		old_files = t->files;
		t->files = files;
		task_unlock(t);
		files_put(old_files);
	}
	spin_lock(&tasklist_lock);
	if (READ_ONCE(t->sighand->count) > 1) {
		memcpy(spare->action, t->sighand->action,
		       sizeof(spare->action));
		old_hand = t->sighand;
		t->sighand = spare;
		spare = NULL;
	}
	flush_signal_handlers(t->sighand);
	spin_unlock(&tasklist_lock);
	if (old_hand)
		sighand_put(old_hand);
	if (spare)
		sighand_put(spare);

	t->altstack = (struct k_sigaltstack){.ss_flags = SS_DISABLE};
	t->rseq = 0;
	t->rseq_len = t->rseq_sig = 0;
	t->restart.fn = NULL;
	t->flags &= ~(PF_KTHREAD | PF_FORKNOEXEC);
	t->signal->did_exec = true;
	install_ids(prog);
	set_comm_from_path(prog->path);
	files_close_on_exec(t->files);
	arch_thread_reset_fpu();
	x86_start_regs(regs, prog->entry, prog->sp);
	return 0;

out_spare:
	if (spare)
		sighand_put(spare);
	if (files)
		files_put(files);
	return err;
}

/* path is taken over. */
static int do_execve(struct file *opened, char *path,
		     const struct string_list *argv,
		     const struct string_list *envp)
{
	struct exec_program *prog = kzalloc(sizeof(*prog), GFP_KERNEL);
	int err = -ENOMEM;

	if (!prog) {
		if (opened)
			exe_put(opened);
		kfree(path);
		return -ENOMEM;
	}
	prog->path = path;
	prog->file = opened;
	err = opened ? read_head(prog) : open_program(prog, path);
	if (!err)
		err = prepare(prog, argv, envp);
	if (prog->page)
		put_page(prog->page);
	if (!err)
		err = commit(prog);
	if (prog->file)
		exe_put(prog->file);
	if (prog->mm)
		mmput(prog->mm);
	kfree(prog->script);
	kfree(prog->path);
	kfree(prog);
	return err;
}

int kernel_execve(const char *path, const char *const *argv,
		  const char *const *envp)
{
	const struct string_list args = {.kernel = argv};
	const struct string_list env = {.kernel = envp};
	char *copy = kstrdup(path, GFP_KERNEL);

	return copy ? do_execve(NULL, copy, &args, &env) : -ENOMEM;
}

/* A path from the program; or ERR. */
static char *get_user_path(const char *upath, bool may_be_empty)
{
	char *path = kmalloc(PATH_MAX, GFP_KERNEL);
	long n;

	if (!path)
		return ERR_PTR(-ENOMEM);
	n = strncpy_from_user(path, upath, PATH_MAX);
	if (n > 0 && n < PATH_MAX)
		return path;
	if (n == 0 && may_be_empty)
		return path;
	kfree(path);
	return ERR_PTR(n < 0 ? n : n == 0 ? -ENOENT : -ENAMETOOLONG);
}

SYSCALL_DEFINE3(execve, const char *, upath, const u64 *, uargv, const u64 *,
		uenvp)
{
	const struct string_list argv = {.user = uargv};
	const struct string_list envp = {.user = uenvp};
	char *path = get_user_path(upath, false);

	if (IS_ERR(path))
		return PTR_ERR(path);
	return do_execve(NULL, path, &argv, &envp);
}

SYSCALL_DEFINE5(execveat, int, dfd, const char *, upath, const u64 *, uargv,
		const u64 *, uenvp, int, flags)
{
	const struct string_list argv = {.user = uargv};
	const struct string_list envp = {.user = uenvp};
	char *path, *name;
	struct file *file;
	size_t size;
	int err;

	if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	path = get_user_path(upath, flags & AT_EMPTY_PATH);
	if (IS_ERR(path))
		return PTR_ERR(path);
	if (path[0] == '/' || dfd == AT_FDCWD)
		name = path;
	else
		name = NULL;
	file = open_exec_at(dfd, path, flags);
	err = IS_ERR(file) ? (int)PTR_ERR(file) : deny_write_access(file);
	if (err) {
		if (!IS_ERR(file))
			fput(file);
		kfree(path);
		return err;
	}
	if (!name) {
		/* What a #! interpreter can open. */
		size = strlen(path) + sizeof("/dev/fd/-2147483648/");
		name = kmalloc(size, GFP_KERNEL);
		if (name)
			scnprintf(name, size, "/dev/fd/%d%s%s", dfd,
				  path[0] ? "/" : "", path);
		kfree(path);
		if (!name) {
			exe_put(file);
			return -ENOMEM;
		}
	}
	return do_execve(file, name, &argv, &envp);
}
