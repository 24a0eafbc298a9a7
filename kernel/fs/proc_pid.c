/* SPDX-License-Identifier: MIT */
/*
 * proc_pid.c - /proc/PID: what a process is and has.
 *
 * 1. Each generator takes the object it reads (address space, descriptor
 *    table, directories) with a reference, under task_lock: a process that
 *    ends meanwhile has none any more, and the file is empty or ESRCH.
 *
 * 2. What shows addresses or contents is for the same user and root alone
 *    ("sensitive").
 *
 * 3. Locks: tasklist_lock for the process tree, siglock for signals; numbers
 *    that a running task changes are read as they are.
 *
 * Source: proc(5).
 */
#include "kernel/fs/proc.h"

#include <quire/vmstat.h>

#include "kernel/fs/internal.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"

#define TICKS(ns) ((ns) / (NSEC_PER_SEC / HZ))

/* ---- the address space ---- */

static int show_mm(struct seq_buf *s, const struct proc_inode *pi,
		   void (*show)(struct seq_buf *, struct mm_struct *))
{
	struct mm_struct *mm = get_task_mm(pi->task);

	if (mm) {
		show(s, mm);
		mmput(mm);
	}
	return 0;
}

static int pid_maps(struct seq_buf *s, const struct proc_inode *pi)
{
	return show_mm(s, pi, show_pid_maps);
}

static int pid_smaps(struct seq_buf *s, const struct proc_inode *pi)
{
	return show_mm(s, pi, show_pid_smaps);
}

static int pid_smaps_rollup(struct seq_buf *s, const struct proc_inode *pi)
{
	return show_mm(s, pi, show_pid_smaps_rollup);
}

static int pid_statm(struct seq_buf *s, const struct proc_inode *pi)
{
	struct mm_struct *mm = get_task_mm(pi->task);

	if (!mm) {
		seq_puts(s, "0 0 0 0 0 0 0\n");
		return 0;
	}
	show_pid_statm(s, mm);
	mmput(mm);
	return 0;
}

/* Bytes of the process's memory as they are, NULs and all. */
static void put_memory(struct seq_buf *s, struct mm_struct *mm,
		       unsigned long start, unsigned long end)
{
	char buf[256];

	while (start < end && !s->overflow) {
		size_t n = min(sizeof(buf), (size_t)(end - start));
		size_t got = access_remote_vm(mm, start, buf, n, false);

		for (size_t i = 0; i < got; i++)
			seq_putc(s, buf[i]);
		if (got < n)
			break;
		start += got;
	}
}

static int pid_cmdline(struct seq_buf *s, const struct proc_inode *pi)
{
	struct mm_struct *mm = get_task_mm(pi->task);

	if (mm) {
		put_memory(s, mm, mm->arg_start, mm->arg_end);
		mmput(mm);
	}
	return 0;
}

static int pid_environ(struct seq_buf *s, const struct proc_inode *pi)
{
	struct mm_struct *mm = get_task_mm(pi->task);

	if (mm) {
		put_memory(s, mm, mm->env_start, mm->env_end);
		mmput(mm);
	}
	return 0;
}

/* ---- stat ---- */

/* What the two forms of "stat" and "status" need, taken together. */
struct snapshot {
	char comm[TASK_COMM_LEN];
	int ppid, pgrp, session, tpgid, nr_threads;
	u32 tty_nr;
	u64 pending, shared, blocked, ignored, caught;
	unsigned long min_flt, maj_flt, cmin_flt, cmaj_flt;
	u64 utime_ns, stime_ns, cutime_ns, cstime_ns;
};

static void snapshot_signals(struct task_struct *t, struct snapshot *n)
{
	struct sighand_struct *h = t->sighand;

	if (!h)
		return;
	spin_lock(&h->siglock);
	n->pending = t->pending.signal;
	n->shared = t->signal->shared_pending.signal;
	n->blocked = t->blocked;
	for (int sig = 1; sig <= NSIG; sig++) {
		u64 handler = h->action[sig - 1].handler;

		if (handler == SIG_IGN)
			n->ignored |= sigmask(sig);
		else if (handler != SIG_DFL)
			n->caught |= sigmask(sig);
	}
	spin_unlock(&h->siglock);
}

/* Faults of all threads, those that have ended too; tasklist_lock held. */
static void sum_faults(struct signal_struct *sig, struct snapshot *n)
{
	struct task_struct *t;

	n->min_flt = sig->min_flt;
	n->maj_flt = sig->maj_flt;
	list_for_each_entry(t, &sig->threads, thread_node) {
		if (t->flags & PF_TIMES_FOLDED)
			continue;
		n->min_flt += t->min_flt;
		n->maj_flt += t->maj_flt;
	}
}

static void take_snapshot(struct task_struct *t, struct snapshot *n)
{
	struct signal_struct *sig = t->signal;

	memset(n, 0, sizeof(*n));
	memcpy(n->comm, t->comm, sizeof(n->comm));
	n->comm[sizeof(n->comm) - 1] = '\0';
	n->ppid = task_ppid(t);
	spin_lock(&tasklist_lock);
	n->pgrp = sig->pgrp;
	n->session = sig->session;
	n->nr_threads = (int)sig->nr_threads;
	n->tty_nr = tty_devnr(sig->tty);
	n->tpgid = tty_pgrp(sig->tty);
	sum_faults(sig, n);
	n->cmin_flt = sig->cmin_flt;
	n->cmaj_flt = sig->cmaj_flt;
	n->cutime_ns = sig->cutime_ns;
	n->cstime_ns = sig->cstime_ns;
	if (t->exit_state != EXIT_DEAD)
		snapshot_signals(t, n);
	spin_unlock(&tasklist_lock);
}

/* Linux's numbers for what we know of a task: PF_*. */
static u32 linux_flags(const struct task_struct *t)
{
	return (t->flags & PF_KTHREAD ? 0x00200000U : 0) |
	       (t->flags & PF_EXITING ? 0x00000004U : 0) |
	       (t->flags & PF_FORKNOEXEC ? 0x00000040U : 0) |
	       (t->flags & PF_SIGNALED ? 0x00000400U : 0);
}

/* Fields 23 to 35 and 45 to 51 come from the address space. */
struct mm_part {
	unsigned long vsize, rss;
	unsigned long code[2], stack, data[2], brk, arg[2], env[2];
};

static void mm_numbers(struct task_struct *t, bool access, struct mm_part *m)
{
	struct mm_struct *mm = get_task_mm(t);

	memset(m, 0, sizeof(*m));
	if (!mm)
		return;
	m->vsize = mm->total_vm << PAGE_SHIFT;
	m->rss = get_mm_rss(mm);
	m->code[0] = 1;
	m->code[1] = 1;
	if (access) {
		*m = (struct mm_part){
			.vsize = m->vsize,
			.rss = m->rss,
			.code = {mm->start_code, mm->end_code},
			.stack = mm->start_stack,
			.data = {mm->start_data, mm->end_data},
			.brk = mm->start_brk,
			.arg = {mm->arg_start, mm->arg_end},
			.env = {mm->env_start, mm->env_end},
		};
	}
	mmput(mm);
}

static void put_stat(struct seq_buf *s, struct task_struct *t,
		     struct snapshot *n)
{
	const u64 low = 0x7fffffff; /* the fields are 31 bits wide */
	bool access = proc_may_access(t);
	struct mm_part m;

	mm_numbers(t, access, &m);
	seq_printf(s, "%d (%s) %c %d %d %d %u %d %u ", t->pid, n->comm,
		   task_state_char(t), n->ppid, n->pgrp, n->session, n->tty_nr,
		   n->tpgid, linux_flags(t));
	seq_printf(s, "%lu %lu %lu %lu ", n->min_flt, n->cmin_flt, n->maj_flt,
		   n->cmaj_flt);
	seq_printf(s, "%lu %lu %lu %lu ", TICKS(n->utime_ns),
		   TICKS(n->stime_ns), TICKS(n->cutime_ns),
		   TICKS(n->cstime_ns));
	seq_printf(s, "%d %d %d 0 %lu ", 20 + t->nice, t->nice, n->nr_threads,
		   TICKS(t->start_ns));
	seq_printf(s, "%lu %lu %lu %lu %lu %lu 0 0 ", m.vsize, m.rss,
		   t->signal->rlim[RLIMIT_RSS].rlim_cur, m.code[0], m.code[1],
		   m.stack);
	seq_printf(s, "%lu %lu %lu %lu %d 0 0 ", n->pending & low,
		   n->blocked & low, n->ignored & low, n->caught & low,
		   task_state_char(t) != 'R');
	seq_printf(s, "%d %u 0 0 0 0 0 ", t->exit_signal, t->cpu);
	seq_printf(s, "%lu %lu %lu %lu %lu %lu %lu %d\n", m.data[0], m.data[1],
		   m.brk, m.arg[0], m.arg[1], m.env[0], m.env[1],
		   access ? t->exit_code : 0);
}

static int pid_stat(struct seq_buf *s, const struct proc_inode *pi)
{
	struct snapshot n;

	take_snapshot(pi->task, &n);
	process_cputime(pi->task->signal, &n.utime_ns, &n.stime_ns);
	put_stat(s, pi->task, &n);
	return 0;
}

static int tid_stat(struct seq_buf *s, const struct proc_inode *pi)
{
	struct snapshot n;

	take_snapshot(pi->task, &n);
	n.min_flt = pi->task->min_flt;
	n.maj_flt = pi->task->maj_flt;
	task_cputime(pi->task, &n.utime_ns, &n.stime_ns);
	put_stat(s, pi->task, &n);
	return 0;
}

/* ---- status ---- */

static const char *state_text(char c)
{
	switch (c) {
	case 'R':
		return "R (running)";
	case 'S':
		return "S (sleeping)";
	case 'D':
		return "D (disk sleep)";
	case 'T':
		return "T (stopped)";
	case 'Z':
		return "Z (zombie)";
	default:
		return "X (dead)";
	}
}

static void put_ids(struct seq_buf *s, const struct task_struct *t)
{
	const struct cred *c = &t->cred;

	seq_printf(s, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", c->uid,
		   c->euid, c->suid, c->fsuid, c->gid, c->egid, c->sgid,
		   c->fsgid);
}

static u32 fd_table_size(struct task_struct *t)
{
	u32 n = 0;

	task_lock(t);
	if (t->files)
		n = files_open_slots(t->files);
	task_unlock(t);
	return n;
}

static u32 umask_of(struct task_struct *t)
{
	u32 mask = 0;

	task_lock(t);
	if (t->fs)
		mask = t->fs->umask;
	task_unlock(t);
	return mask;
}

/* "0-1,3" of a mask. */
/* "Cpus_allowed:" and "Cpus_allowed_list:", likewise for memory. */
static void put_allowed(struct seq_buf *s, const char *what, unsigned long mask,
			unsigned int nr)
{
	seq_printf(s, "%s_allowed:\t", what);
	seq_bitmap(s, &mask, nr);
	seq_printf(s, "\n%s_allowed_list:\t", what);
	seq_bitmap_list(s, &mask, nr);
	seq_putc(s, '\n');
}

static void put_caps(struct seq_buf *s, const struct task_struct *t)
{
	/* Root has all 41 of Linux 6.1, others none. */
	unsigned long all = t->cred.euid == 0 ? 0x1ffffffffffUL : 0;

	seq_printf(s, "CapInh:\t%016x\nCapPrm:\t%016lx\nCapEff:\t%016lx\n", 0,
		   all, all);
	seq_printf(s, "CapBnd:\t%016lx\nCapAmb:\t%016x\n", 0x1ffffffffffUL, 0);
}

static int pid_status(struct seq_buf *s, const struct proc_inode *pi)
{
	struct task_struct *t = pi->task;
	struct mm_struct *mm;
	struct snapshot n;

	take_snapshot(t, &n);
	seq_printf(s, "Name:\t%s\nUmask:\t%04o\nState:\t%s\n", n.comm,
		   umask_of(t), state_text(task_state_char(t)));
	seq_printf(s, "Tgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\n", t->tgid,
		   t->pid, n.ppid);
	seq_puts(s, "TracerPid:\t0\n");
	put_ids(s, t);
	seq_printf(s, "FDSize:\t%u\nGroups:\t", fd_table_size(t));
	for (u32 i = 0; i < t->cred.ngroups; i++)
		seq_printf(s, "%u ", t->cred.groups[i]);
	seq_putc(s, '\n');
	mm = get_task_mm(t);
	if (mm) {
		show_pid_status_mm(s, mm);
		mmput(mm);
	}
	seq_printf(s, "Threads:\t%d\n", n.nr_threads);
	seq_printf(s, "SigPnd:\t%016lx\nShdPnd:\t%016lx\n", n.pending,
		   n.shared);
	seq_printf(s, "SigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n",
		   n.blocked, n.ignored, n.caught);
	put_caps(s, t);
	seq_printf(s, "NoNewPrivs:\t%d\nSeccomp:\t0\n", t->no_new_privs);
	put_allowed(s, "Cpus", t->cpus_allowed & online_cpu_mask(), nr_cpu_ids);
	put_allowed(s, "Mems", mems_allowed(), MAX_NUMNODES);
	seq_printf(s,
		   "voluntary_ctxt_switches:\t%lu\n"
		   "nonvoluntary_ctxt_switches:\t%lu\n",
		   t->nvcsw, t->nivcsw);
	return 0;
}

/* ---- small files ---- */

static int pid_comm(struct seq_buf *s, const struct proc_inode *pi)
{
	seq_printf(s, "%s\n", pi->task->comm);
	return 0;
}

static mm_ssize_t pid_set_comm(const struct proc_inode *pi, char *text,
			       size_t len)
{
	char *end = strchr(text, '\n');

	if (pi->task->signal != current->signal)
		return -EINVAL;
	if (end)
		*end = '\0';
	set_task_comm(pi->task, text);
	return (mm_ssize_t)len;
}

static int pid_oom_adj(struct seq_buf *s, const struct proc_inode *pi)
{
	seq_printf(s, "%d\n", READ_ONCE(pi->task->signal->oom_score_adj));
	return 0;
}

static mm_ssize_t pid_set_oom_adj(const struct proc_inode *pi, char *text,
				  size_t len)
{
	struct signal_struct *sig = pi->task->signal;
	long v;

	if (kstrtol(strim(text), 10, &v) || v < -1000 || v > 1000)
		return -EINVAL;
	/* Only root protects a process from what would hit others. */
	if (v < sig->oom_score_adj && !capable_root())
		return -EACCES;
	WRITE_ONCE(sig->oom_score_adj, (int)v);
	return (mm_ssize_t)len;
}

static void put_limit(struct seq_buf *s, u64 v)
{
	if (v == RLIM_INFINITY)
		seq_printf(s, "%-20s ", "unlimited");
	else
		seq_printf(s, "%-20lu ", v);
}

static int pid_limits(struct seq_buf *s, const struct proc_inode *pi)
{
	static const char *const names[RLIM_NLIMITS][2] = {
		[RLIMIT_CPU] = {"Max cpu time", "seconds"},
		[RLIMIT_FSIZE] = {"Max file size", "bytes"},
		[RLIMIT_DATA] = {"Max data size", "bytes"},
		[RLIMIT_STACK] = {"Max stack size", "bytes"},
		[RLIMIT_CORE] = {"Max core file size", "bytes"},
		[RLIMIT_RSS] = {"Max resident set", "bytes"},
		[RLIMIT_NPROC] = {"Max processes", "processes"},
		[RLIMIT_NOFILE] = {"Max open files", "files"},
		[RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"},
		[RLIMIT_AS] = {"Max address space", "bytes"},
		[RLIMIT_LOCKS] = {"Max file locks", "locks"},
		[RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
		[RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"},
		[RLIMIT_NICE] = {"Max nice priority", ""},
		[RLIMIT_RTPRIO] = {"Max realtime priority", ""},
		[RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
	};

	seq_printf(s, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit",
		   "Hard Limit", "Units");
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		const struct rlimit64 *r = &pi->task->signal->rlim[i];

		seq_printf(s, "%-25s ", names[i][0]);
		put_limit(s, r->rlim_cur);
		put_limit(s, r->rlim_max);
		seq_printf(s, "%-10s\n", names[i][1]);
	}
	return 0;
}

static void pid_mounts(struct seq_buf *s)
{
	show_mounts(s);
}

static void pid_mountinfo(struct seq_buf *s)
{
	show_mountinfo(s);
}

/* ---- links ---- */

static struct dentry *jump_exe(const struct proc_inode *pi)
{
	struct task_struct *t = pi->task;
	struct dentry *d = NULL;

	task_lock(t);
	if (t->exe)
		d = dget(t->exe->f_dentry);
	task_unlock(t);
	return d ? d : ERR_PTR(-ENOENT);
}

static struct dentry *jump_fs(struct task_struct *t, bool root)
{
	struct dentry *d = NULL;

	task_lock(t);
	if (t->fs) {
		spin_lock(&t->fs->lock);
		d = dget(root ? t->fs->root : t->fs->cwd);
		spin_unlock(&t->fs->lock);
	}
	task_unlock(t);
	return d ? d : ERR_PTR(-ENOENT);
}

static struct dentry *jump_cwd(const struct proc_inode *pi)
{
	return jump_fs(pi->task, false);
}

static struct dentry *jump_root(const struct proc_inode *pi)
{
	return jump_fs(pi->task, true);
}

/* ---- descriptors ---- */

static struct files_struct *task_files(struct task_struct *t)
{
	struct files_struct *files;

	task_lock(t);
	files = t->files;
	if (files)
		files_get(files);
	task_unlock(t);
	return files;
}

static struct file *task_file(struct task_struct *t, u32 fd)
{
	struct files_struct *files = task_files(t);
	struct file *f = NULL;

	if (files) {
		f = files_get_file(files, (int)fd);
		files_put(files);
	}
	return f;
}

static struct dentry *jump_fd(const struct proc_inode *pi)
{
	struct file *f = task_file(pi->task, pi->fd);
	struct dentry *d;

	if (!f)
		return ERR_PTR(-ENOENT);
	d = dget(f->f_dentry);
	fput(f);
	return d;
}

static int fd_find(const struct proc_inode *dir, u32 nr, struct proc_inode *pi)
{
	struct file *f = task_file(dir->task, nr);

	if (!f)
		return -ENOENT;
	fput(f);
	get_task_struct(dir->task);
	pi->task = dir->task;
	pi->fd = nr;
	return 0;
}

static s64 fd_next(const struct proc_inode *dir, u32 nr)
{
	struct files_struct *files = task_files(dir->task);
	int fd;

	if (!files)
		return -1;
	fd = files_next_fd(files, (int)nr);
	files_put(files);
	return fd;
}

static const struct proc_entry fd_entry = {
	.mode = S_IFLNK | 0777,
	.jump = jump_fd,
	.sensitive = true,
};

static const struct proc_dynamic fd_family = {
	.find = fd_find,
	.next = fd_next,
	.entry = &fd_entry,
};

/* ---- threads ---- */

#define PID_FILES(stat_fn)                                                     \
	{.name = "cmdline", .mode = S_IFREG | 0444, .show = pid_cmdline},      \
		{.name = "clear_refs",                                         \
		 .mode = S_IFREG | 0200,                                       \
		 .store = pid_clear_refs_store,                                \
		 .sensitive = true},                                           \
		{.name = "comm",                                               \
		 .mode = S_IFREG | 0644,                                       \
		 .show = pid_comm,                                             \
		 .store = pid_set_comm},                                       \
		{.name = "cwd",                                                \
		 .mode = S_IFLNK | 0777,                                       \
		 .jump = jump_cwd,                                             \
		 .sensitive = true},                                           \
		{.name = "environ",                                            \
		 .mode = S_IFREG | 0400,                                       \
		 .show = pid_environ,                                          \
		 .sensitive = true},                                           \
		{.name = "exe",                                                \
		 .mode = S_IFLNK | 0777,                                       \
		 .jump = jump_exe,                                             \
		 .sensitive = true},                                           \
		{.name = "fd", .mode = S_IFDIR | 0500, .dynamic = &fd_family}, \
		{.name = "limits",                                             \
		 .mode = S_IFREG | 0444,                                       \
		 .show = pid_limits},                                          \
		{.name = "maps",                                               \
		 .mode = S_IFREG | 0444,                                       \
		 .show = pid_maps,                                             \
		 .sensitive = true},                                           \
		{.name = "mem",                                                \
		 .mode = S_IFREG | 0600,                                       \
		 .fops = &pid_mem_fops,                                        \
		 .sensitive = true},                                           \
		{.name = "mountinfo",                                          \
		 .mode = S_IFREG | 0444,                                       \
		 .text = pid_mountinfo},                                       \
		{.name = "mounts",                                             \
		 .mode = S_IFREG | 0444,                                       \
		 .text = pid_mounts},                                          \
		{.name = "oom_score_adj",                                      \
		 .mode = S_IFREG | 0644,                                       \
		 .show = pid_oom_adj,                                          \
		 .store = pid_set_oom_adj},                                    \
		{.name = "pagemap",                                            \
		 .mode = S_IFREG | 0400,                                       \
		 .fops = &pid_pagemap_fops,                                    \
		 .sensitive = true},                                           \
		{.name = "root",                                               \
		 .mode = S_IFLNK | 0777,                                       \
		 .jump = jump_root,                                            \
		 .sensitive = true},                                           \
		{.name = "smaps",                                              \
		 .mode = S_IFREG | 0444,                                       \
		 .show = pid_smaps,                                            \
		 .sensitive = true},                                           \
		{.name = "smaps_rollup",                                       \
		 .mode = S_IFREG | 0444,                                       \
		 .show = pid_smaps_rollup,                                     \
		 .sensitive = true},                                           \
		{.name = "stat", .mode = S_IFREG | 0444, .show = stat_fn},     \
		{.name = "statm", .mode = S_IFREG | 0444, .show = pid_statm},  \
	{                                                                      \
		.name = "status", .mode = S_IFREG | 0444, .show = pid_status   \
	}

static const struct proc_entry thread_files[] = {
	PID_FILES(tid_stat),
	{0},
};

static const struct proc_entry thread_entry = {
	.mode = S_IFDIR | 0555,
	.children = thread_files,
};

static int thread_find(const struct proc_inode *dir, u32 nr,
		       struct proc_inode *pi)
{
	struct task_struct *t = find_get_task((int)nr);

	if (!t)
		return -ENOENT;
	if (t->signal != dir->task->signal) {
		put_task_struct(t);
		return -ENOENT;
	}
	pi->task = t;
	return 0;
}

static s64 thread_next(const struct proc_inode *dir, u32 nr)
{
	struct task_struct *t = next_thread_of(dir->task, (int)nr);
	s64 tid = -1;

	if (t) {
		tid = t->pid;
		put_task_struct(t);
	}
	return tid;
}

static const struct proc_dynamic thread_family = {
	.find = thread_find,
	.next = thread_next,
	.entry = &thread_entry,
};

static const struct proc_entry process_files[] = {
	PID_FILES(pid_stat),
	{.name = "task", .mode = S_IFDIR | 0555, .dynamic = &thread_family},
	{0},
};

/* ---- processes ---- */

static const struct proc_entry process_entry = {
	.mode = S_IFDIR | 0555,
	.children = process_files,
};

/* A thread's number finds its directory too, though it is not listed. */
static int process_find(const struct proc_inode *dir, u32 nr,
			struct proc_inode *pi)
{
	(void)dir;
	pi->task = find_get_task((int)nr);
	return pi->task ? 0 : -ENOENT;
}

static s64 process_next(const struct proc_inode *dir, u32 nr)
{
	struct task_struct *t = next_process((int)max(nr, 1U));
	s64 pid = -1;

	(void)dir;
	if (t) {
		pid = t->tgid;
		put_task_struct(t);
	}
	return pid;
}

const struct proc_dynamic proc_processes = {
	.find = process_find,
	.next = process_next,
	.entry = &process_entry,
};
