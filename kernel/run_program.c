/* SPDX-License-Identifier: MIT */
/*
 * run_program.c - `quire run`: one program, its descriptors the host's, and
 * the machine's end with its status.
 *
 * Process 1 is this kernel thread: it adopts orphans and reaps.  Process 2 is
 * the program.  When the program ends, whatever it left behind is killed, the
 * status goes to the host, and the machine powers off.
 *
 * The request is the file /.quire/run (run_proto.h says what stands in it).
 */
#include <quire/port.h>
#include <quire/printk.h>
#include <quire/run_proto.h>
#include <quire/slab.h>
#include <quire/string.h>

#include "kernel/fs.h"
#include "kernel/main.h"
#include "kernel/run.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "port/x86_64/machine.h"

#define RUN_FILE     "/.quire/run"
#define RUN_DIR	     "/.quire"
#define RUN_FILE_MAX (1UL << 20)
#define PROGRAM_PID  2
/* Exit statuses of shells and env(1). */
#define STATUS_NOT_EXECUTABLE 126
#define STATUS_NOT_FOUND      127
#define STATUS_LEAK	      125

struct run_request {
	char *text;
	size_t size;
	unsigned int tty_mask, rows, cols;
	const char *cwd;
	const char **argv, **envp;
	int start_error;
	bool started;
};

/* ---- the request ---- */

/* Each line ends with a NUL; the next one, or NULL behind the last. */
static const char *next_line(const struct run_request *r, const char *line)
{
	const char *next = line ? line + strlen(line) + 1 : r->text;

	return next < r->text + r->size ? next : NULL;
}

static size_t count_lines(const struct run_request *r, const char *prefix)
{
	const char *line = NULL;
	size_t n = 0;

	while ((line = next_line(r, line)))
		n += str_has_prefix(line, prefix) != 0;
	return n;
}

static int parse_winsize(const char *s, struct run_request *r)
{
	char buf[16];
	const char *comma = strchr(s, ',');

	if (!comma || (size_t)(comma - s) >= sizeof(buf))
		return -EINVAL;
	memcpy(buf, s, (size_t)(comma - s));
	buf[comma - s] = '\0';
	if (kstrtouint(buf, 10, &r->rows))
		return -EINVAL;
	return kstrtouint(comma + 1, 10, &r->cols);
}

static int parse_line(const char *line, struct run_request *r, size_t *argc,
		      size_t *envc)
{
	size_t n;

	if ((n = str_has_prefix(line, "arg=")))
		r->argv[(*argc)++] = line + n;
	else if ((n = str_has_prefix(line, "env=")))
		r->envp[(*envc)++] = line + n;
	else if ((n = str_has_prefix(line, "cwd=")))
		r->cwd = line + n;
	else if ((n = str_has_prefix(line, "tty=")))
		return kstrtouint(line + n, 0, &r->tty_mask);
	else if ((n = str_has_prefix(line, "winsize=")))
		return parse_winsize(line + n, r);
	else
		return -EINVAL;
	return 0;
}

static int parse_request(struct run_request *r)
{
	size_t argc = 0, envc = 0;
	const char *line = NULL;
	int err;

	r->argv =
		kcalloc(count_lines(r, "arg=") + 1, sizeof(char *), GFP_KERNEL);
	r->envp =
		kcalloc(count_lines(r, "env=") + 1, sizeof(char *), GFP_KERNEL);
	if (!r->argv || !r->envp)
		return -ENOMEM;
	while ((line = next_line(r, line))) {
		if (!*line)
			continue;
		err = parse_line(line, r, &argc, &envc);
		if (err)
			return err;
	}
	return argc ? 0 : -EINVAL;
}

/* The file's text, NUL-terminated; -ENOENT: this is no `quire run`. */
static int read_request(struct run_request *r)
{
	struct file *file = filp_open(RUN_FILE, O_RDONLY, 0);
	mm_ssize_t n;
	int err = 0;

	if (IS_ERR(file))
		return (int)PTR_ERR(file);
	r->size = file->f_vm.mapping ? file->f_vm.mapping->i_size : 0;
	if (!r->size || r->size > RUN_FILE_MAX) {
		err = -EINVAL;
		goto out;
	}
	r->text = kvmalloc(r->size + 1, GFP_KERNEL);
	if (!r->text) {
		err = -ENOMEM;
		goto out;
	}
	n = kernel_read(file, r->text, r->size, 0);
	if (n != (mm_ssize_t)r->size)
		err = n < 0 ? (int)n : -EIO;
	r->text[r->size] = '\0';
out:
	fput(file);
	if (!err)
		err = parse_request(r);
	return err;
}

static void free_request(struct run_request *r)
{
	kfree(r->argv);
	kfree(r->envp);
	kvfree(r->text);
}

/* ---- process 2 ---- */

static void lead_session(void)
{
	struct signal_struct *sig = current->signal;

	spin_lock(&tasklist_lock);
	sig->session = sig->pgrp = sig->tgid;
	sig->leader_of_session = true;
	spin_unlock(&tasklist_lock);
}

static int program_thread(void *arg)
{
	struct run_request *r = arg;
	int err;

	lead_session();
	reset_signal_handlers(current->sighand);
	err = run_start(r->tty_mask, r->rows, r->cols);
	if (!err && r->cwd)
		err = kernel_chdir(r->cwd);
	if (!err)
		err = kernel_execve(r->argv[0], r->argv, r->envp);
	r->start_error = err;
	r->started = !err;
	return err ? 1 : 0;
}

/* ---- process 1 ---- */

/* Reap until the program has ended; its wait(2) status. */
static int reap_until(int pid)
{
	int status = 0, got;

	do {
		got = (int)kernel_wait4(-1, &status, __WALL, NULL);
	} while (got != pid && got != -ECHILD);
	return status;
}

/* What the program left behind ends, and is reaped. */
static void kill_the_rest(void)
{
	struct task_struct *t;
	int status;

	spin_lock(&tasklist_lock);
	for_each_task(t)
		if (thread_group_leader(t) && !(t->flags & PF_KTHREAD))
			send_sig_locked(SIGKILL, t);
	spin_unlock(&tasklist_lock);
	while (kernel_wait4(-1, &status, __WALL, NULL) > 0)
		;
}

static int start_failed_status(int err)
{
	return (err == -ENOENT || err == -ENOTDIR ? STATUS_NOT_FOUND
						  : STATUS_NOT_EXECUTABLE)
	       << 8;
}

static void report(const struct run_request *r, int status,
		   unsigned int nr_leaks)
{
	if (r->start_error) {
		run_fail(r->start_error, r->argv[0]);
		status = start_failed_status(r->start_error);
	} else if (nr_leaks && x86_cmdline_option("leakcheck")) {
		status = STATUS_LEAK << 8;
	}
	run_exit((u32)status);
}

void run_program(void)
{
	struct run_request *r = kzalloc(sizeof(*r), GFP_KERNEL);
	unsigned int nr_leaks;
	int err, status;

	if (!r)
		panic("no memory to start a program");
	err = read_request(r);
	if (err == -ENOENT || err == -ENOTDIR) {
		kfree(r);
		return;
	}
	if (err)
		panic("%s: error %d", RUN_FILE, err);
	kernel_unlink(RUN_FILE);
	err = vfs_mount_defaults();
	if (err)
		panic("cannot mount /dev, /proc and /sys: error %d", err);
	/* Ignoring SIGCHLD would mean that children vanish unwaited. */
	current->sighand->action[SIGCHLD - 1].handler = SIG_DFL;
	leakcheck_begin();
	if (IS_ERR(kthread_run_as(program_thread, r, "run", PROGRAM_PID,
				  current->signal)))
		panic("no memory for the first process");
	status = reap_until(PROGRAM_PID);
	kill_the_rest();
	nr_leaks = leakcheck_end();
	report(r, status, nr_leaks);
	free_request(r);
	kfree(r);
	machine_power_off();
}
