/* SPDX-License-Identifier: MIT */
/*
 * proc_sys.c - /proc/sys: numbers from tables of knobs, and a few names.
 *
 * vm is mm/show/knobs.c.  Here is kernel: the names that uname(2) tells, and
 * what this kernel's limits are; those that cannot be changed are 0444.
 *
 * Source: Linux's Documentation/admin-guide/sysctl/kernel.rst.
 */
#include "kernel/exec.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/proc.h"
#include "kernel/ipc.h"
#include "kernel/main.h"
#include "kernel/syscall.h"
#include "kernel/task.h"

/* ---- kernel: numbers ---- */

/* CAP_CHECKPOINT_RESTORE: root has them all (put_caps() in proc_pid.c). */
static int get_cap_last_cap(s64 *values)
{
	values[0] = 40;
	return 1;
}

static int get_ngroups_max(s64 *values)
{
	values[0] = (s64)ARRAY_SIZE(current->cred.groups);
	return 1;
}

static int get_pid_max(s64 *values)
{
	values[0] = PID_MAX;
	return 1;
}

/* 2: stack, mappings, programs and heap; 0: booted with norandmaps. */
static int get_randomize_va_space(s64 *values)
{
	values[0] = norandmaps() ? 0 : 2;
	return 1;
}

static int get_shmmni(s64 *values);
static int set_shmmni(const s64 *values, unsigned int nr);

/* clang-format off */
static const struct mm_knob kernel_knobs[] = {
	/* name			mode  nr min	max	   get	set */
	{"cap_last_cap",	0444, 1, 0,	INT32_MAX,
	 get_cap_last_cap,	NULL},
	{"ngroups_max",		0444, 1, 0,	INT32_MAX,
	 get_ngroups_max,	NULL},
	{"pid_max",		0444, 1, 0,	INT32_MAX,
	 get_pid_max,		NULL},
	{"randomize_va_space",	0444, 1, 0,	2,
	 get_randomize_va_space, NULL},
	{"shmmni",		0644, 1, 0,	SHM_MNI_MAX,
	 get_shmmni,		set_shmmni},
	{0},
};
/* clang-format on */

/* ---- kernel: names ---- */

static int show_ostype(struct seq_buf *s, void *object)
{
	(void)object;
	seq_puts(s, "Linux\n");
	return 0;
}

static int show_osrelease(struct seq_buf *s, void *object)
{
	(void)object;
	seq_puts(s, UTS_RELEASE "\n");
	return 0;
}

static int show_version(struct seq_buf *s, void *object)
{
	(void)object;
	seq_puts(s, UTS_VERSION "\n");
	return 0;
}

static int show_hostname(struct seq_buf *s, void *object)
{
	char name[UTS_NAME_MAX + 1];

	(void)object;
	get_hostname(name, sizeof(name));
	seq_printf(s, "%s\n", name);
	return 0;
}

static int show_domainname(struct seq_buf *s, void *object)
{
	char name[UTS_NAME_MAX + 1];

	(void)object;
	get_domainname(name, sizeof(name));
	seq_printf(s, "%s\n", name);
	return 0;
}

/* Up to the first newline; what is too long is cut, as in Linux. */
static char *first_line(char *text)
{
	char *end = strchr(text, '\n');

	if (end)
		*end = '\0';
	if (strlen(text) > UTS_NAME_MAX)
		text[UTS_NAME_MAX] = '\0';
	return text;
}

static int store_hostname(void *object, char *text)
{
	(void)object;
	set_hostname(first_line(text));
	return 0;
}

static int store_domainname(void *object, char *text)
{
	(void)object;
	set_domainname(first_line(text));
	return 0;
}

/* ---- kernel: System V shared memory ---- */

static int get_shmmni(s64 *values)
{
	values[0] = shm_get_limits().mni;
	return 1;
}

static int set_shmmni(const s64 *values, unsigned int nr)
{
	struct shm_limits limits = shm_get_limits();

	(void)nr;
	limits.mni = (u32)values[0];
	shm_set_limits(&limits);
	return 0;
}

static int show_shmmax(struct seq_buf *s, void *object)
{
	(void)object;
	seq_printf(s, "%lu\n", shm_get_limits().max);
	return 0;
}

static int show_shmall(struct seq_buf *s, void *object)
{
	(void)object;
	seq_printf(s, "%lu\n", shm_get_limits().all);
	return 0;
}

static int store_shmmax(void *object, char *text)
{
	struct shm_limits limits = shm_get_limits();

	(void)object;
	if (kstrtoull(strim(text), 0, &limits.max))
		return -EINVAL;
	shm_set_limits(&limits);
	return 0;
}

static int store_shmall(void *object, char *text)
{
	struct shm_limits limits = shm_get_limits();

	(void)object;
	if (kstrtoull(strim(text), 0, &limits.all))
		return -EINVAL;
	shm_set_limits(&limits);
	return 0;
}

static const struct mm_attr kernel_names[] = {
	{"domainname", 0644, show_domainname, store_domainname},
	{"hostname", 0644, show_hostname, store_hostname},
	{"osrelease", 0444, show_osrelease, NULL},
	{"ostype", 0444, show_ostype, NULL},
	/* Wider than a knob's numbers. */
	{"shmall", 0644, show_shmall, store_shmall},
	{"shmmax", 0644, show_shmmax, store_shmmax},
	{"version", 0444, show_version, NULL},
	{0},
};

/* ---- the tree ---- */

const struct proc_entry proc_sys_entries[] = {
	{.name = "kernel",
	 .mode = S_IFDIR | 0555,
	 .knobs = kernel_knobs,
	 .attrs = kernel_names},
	{.name = "vm", .mode = S_IFDIR | 0555, .knobs = vm_knobs},
	{0},
};
