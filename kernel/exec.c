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
 * 2. Locking.  Nobody else knows the new mm until task_lock() publishes it.
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

#define MAX_SCRIPT_DEPTH 5

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
	long len = exec_new_strlen(prog, prog->arg_start);
	char *name;
	int err;

	if (len < 0)
		return (int)len;
	prog->sp = prog->arg_start + (unsigned long)len + 1;
	err = exec_push_string(prog, script, strlen(script));
	if (!err && arg) {
		err = exec_push_string(prog, arg, strlen(arg));
		prog->argc++;
	}
	if (!err)
		err = exec_push_string(prog, interp, strlen(interp));
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
		err = exec_copy_strings(prog, argv, envp);
	if (!err)
		err = follow_scripts(prog);
	if (err)
		return err;
	new_ids(prog);
	err = elf_load(prog, &aux);
	if (!err)
		err = exec_finish_stack(prog, &aux);
	if (!err && prog->exec_stack)
		err = exec_make_stack_executable(prog);
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
	/* clone(2)'s choice was the old program's: SIGCHLD again. */
	t->exit_signal = SIGCHLD;
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
