/* SPDX-License-Identifier: MIT */
/*
 * proc_misc.c - /proc's files about the whole system.
 *
 * Memory's files are made by mm/show; here are time, processors, and the
 * table that names them all.  What we do not have (iowait, steal, guests) is
 * 0, which is true.
 *
 * Source: proc(5).
 */
#include "kernel/fs/proc.h"

#include "kernel/fs/internal.h"
#include "kernel/ipc.h"
#include "kernel/main.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "port/x86_64/machine.h"

#define TICKS(ns) ((ns) / (NSEC_PER_SEC / HZ))

/* ---- time and load ---- */

static void show_uptime(struct seq_buf *s)
{
	u64 idle = 0, up = ktime_ns();
	struct cpu_times t;

	for (unsigned int cpu = 0; cpu < x86_nr_cpus(); cpu++) {
		if (!x86_cpu_online(cpu))
			continue;
		sched_cpu_times(cpu, &t);
		idle += t.idle_ns;
	}
	seq_printf(s, "%lu.%02lu %lu.%02lu\n", up / NSEC_PER_SEC,
		   up % NSEC_PER_SEC / 10000000, idle / NSEC_PER_SEC,
		   idle % NSEC_PER_SEC / 10000000);
}

static void show_loadavg(struct seq_buf *s)
{
	unsigned long avg[3];

	sched_loadavg(avg);
	for (int i = 0; i < 3; i++) {
		/* Rounded to hundredths, of a fixed point of 11 bits. */
		unsigned long v = avg[i] + 10;

		seq_printf(s, "%lu.%02lu ", v >> 11, ((v & 2047) * 100) >> 11);
	}
	seq_printf(s, "%u/%u %d\n", sched_nr_running(), nr_threads_total(),
		   last_pid());
}

static void put_cpu_times(struct seq_buf *s, const struct cpu_times *t)
{
	seq_printf(s, " %lu %lu %lu %lu 0 %lu 0 0 0 0\n", TICKS(t->user_ns),
		   TICKS(t->nice_ns), TICKS(t->system_ns), TICKS(t->idle_ns),
		   TICKS(t->irq_ns));
}

static unsigned long count_irqs(void)
{
	unsigned long sum = 0;

	for (unsigned int cpu = 0; cpu < x86_nr_cpus(); cpu++)
		for (int k = 0; k < NR_X86_IRQ_KINDS; k++)
			sum += x86_irq_count(cpu, (enum x86_irq_kind)k);
	return sum;
}

static unsigned int count_blocked(void)
{
	struct task_struct *t;
	unsigned int n = 0;

	spin_lock(&tasklist_lock);
	for_each_task(t)
		n += READ_ONCE(t->state) == TASK_UNINTERRUPTIBLE &&
		     !(t->flags & PF_KTHREAD);
	spin_unlock(&tasklist_lock);
	return n;
}

static void show_stat(struct seq_buf *s)
{
	struct cpu_times sum = {0}, t;

	for (unsigned int cpu = 0; cpu < x86_nr_cpus(); cpu++) {
		if (!x86_cpu_online(cpu))
			continue;
		sched_cpu_times(cpu, &t);
		sum.user_ns += t.user_ns;
		sum.nice_ns += t.nice_ns;
		sum.system_ns += t.system_ns;
		sum.idle_ns += t.idle_ns;
		sum.irq_ns += t.irq_ns;
	}
	seq_puts(s, "cpu ");
	put_cpu_times(s, &sum);
	for (unsigned int cpu = 0; cpu < x86_nr_cpus(); cpu++) {
		if (!x86_cpu_online(cpu))
			continue;
		sched_cpu_times(cpu, &t);
		seq_printf(s, "cpu%u", cpu);
		put_cpu_times(s, &t);
	}
	seq_printf(s, "intr %lu\nctxt %lu\nbtime %lu\nprocesses %lu\n",
		   count_irqs(), sched_nr_switches(),
		   boot_time_real_ns() / NSEC_PER_SEC, total_forks);
	seq_printf(s, "procs_running %u\nprocs_blocked %u\n",
		   sched_nr_running(), count_blocked());
}

/* ---- the machine ---- */

/* Packages and cores are not told apart: no lines that would name them. */
static void show_one_cpu(struct seq_buf *s, unsigned int cpu, const char *flags)
{
	const struct x86_cpu_info *c = x86_cpu_info();
	u64 khz = x86_tsc_khz();

	seq_printf(s, "processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\n",
		   cpu, c->vendor, c->family);
	seq_printf(s, "model\t\t: %u\nmodel name\t: %s\nstepping\t: %u\n",
		   c->model, c->model_name, c->stepping);
	seq_printf(s, "cpu MHz\t\t: %lu.%03lu\n", khz / 1000, khz % 1000);
	if (c->cache_kib)
		seq_printf(s, "cache size\t: %u KB\n", c->cache_kib);
	seq_printf(s,
		   "fpu\t\t: yes\nfpu_exception\t: yes\n"
		   "cpuid level\t: %u\nwp\t\t: yes\nflags\t\t: %s\n",
		   c->cpuid_level, flags);
	seq_printf(s,
		   "clflush size\t: %u\naddress sizes\t: %u bits physical, "
		   "%u bits virtual\n\n",
		   c->clflush_bytes, c->phys_bits, c->virt_bits);
}

#define FLAGS_MAX 4096U

static void show_cpuinfo(struct seq_buf *s)
{
	char *flags = kmalloc(FLAGS_MAX, GFP_KERNEL);

	if (!flags) {
		s->overflow = true; /* no memory: seen as no room */
		return;
	}
	x86_cpu_flags(flags, FLAGS_MAX);
	for (unsigned int cpu = 0; cpu < x86_nr_cpus(); cpu++)
		if (x86_cpu_online(cpu))
			show_one_cpu(s, cpu, flags);
	kfree(flags);
}

static void show_version(struct seq_buf *s)
{
	seq_printf(s, "Linux version %s (quire) (%s) %s\n", UTS_RELEASE,
		   __VERSION__, UTS_VERSION);
}

static void show_cmdline(struct seq_buf *s)
{
	const char *word;

	for (unsigned int i = 0; (word = x86_cmdline_word(i)); i++) {
		if (i)
			seq_putc(s, ' ');
		seq_puts(s, word);
	}
	seq_putc(s, '\n');
}

static void show_devices(struct seq_buf *s)
{
	seq_puts(s, "Character devices:\n  1 mem\n  4 ttyS\n  5 /dev/tty\n"
		    "  5 /dev/console\n229 hvc\n\nBlock devices:\n");
}

/* Where things lie is root's business. */
static void iomem(struct seq_buf *s)
{
	const struct mm_resource *known;
	unsigned int nr = x86_iomem(&known);
	struct mm_resource *sorted = kvmalloc(nr * sizeof(*sorted), GFP_KERNEL);

	if (!sorted) {
		s->overflow = true; /* no memory: seen as no room */
		return;
	}
	memcpy(sorted, known, nr * sizeof(*sorted));
	show_iomem(s, sorted, nr, !capable_root());
	kvfree(sorted);
}

/* ---- /proc/self ---- */

static int link_self(const struct proc_inode *pi, char *buf, size_t size)
{
	(void)pi;
	return scnprintf(buf, size, "%d", current->tgid);
}

static int link_thread_self(const struct proc_inode *pi, char *buf, size_t size)
{
	(void)pi;
	return scnprintf(buf, size, "%d/task/%d", current->tgid, current->pid);
}

static int link_mounts(const struct proc_inode *pi, char *buf, size_t size)
{
	(void)pi;
	return scnprintf(buf, size, "self/mounts");
}

/* ---- the table ---- */

#define TEXT_FILE(n, fn)                                          \
	{                                                         \
		.name = (n), .mode = S_IFREG | 0444, .text = (fn) \
	}

static const struct proc_entry sysvipc_entries[] = {
	TEXT_FILE("shm", show_sysvipc_shm),
	{0},
};

const struct proc_entry proc_root_entries[] = {
	TEXT_FILE("buddyinfo", show_buddyinfo),
	TEXT_FILE("cmdline", show_cmdline),
	TEXT_FILE("cpuinfo", show_cpuinfo),
	TEXT_FILE("devices", show_devices),
	TEXT_FILE("filesystems", show_filesystems),
	TEXT_FILE("iomem", iomem),
	{.name = "kpagecount",
	 .mode = S_IFREG | 0400,
	 .fops = &kpagecount_fops},
	{.name = "kpageflags",
	 .mode = S_IFREG | 0400,
	 .fops = &kpageflags_fops},
	TEXT_FILE("loadavg", show_loadavg),
	TEXT_FILE("meminfo", show_meminfo),
	{.name = "mounts", .mode = S_IFLNK | 0777, .link = link_mounts},
	{.name = "pagetypeinfo",
	 .mode = S_IFREG | 0400,
	 .text = show_pagetypeinfo},
	{.name = "self", .mode = S_IFLNK | 0777, .link = link_self},
	{.name = "slabinfo", .mode = S_IFREG | 0400, .text = show_slabinfo},
	TEXT_FILE("stat", show_stat),
	{.name = "sys", .mode = S_IFDIR | 0555, .children = proc_sys_entries},
	{.name = "sysvipc",
	 .mode = S_IFDIR | 0555,
	 .children = sysvipc_entries},
	{.name = "thread-self",
	 .mode = S_IFLNK | 0777,
	 .link = link_thread_self},
	TEXT_FILE("uptime", show_uptime),
	TEXT_FILE("version", show_version),
	{.name = "vmallocinfo",
	 .mode = S_IFREG | 0400,
	 .text = show_vmallocinfo},
	TEXT_FILE("vmstat", show_vmstat),
	TEXT_FILE("zoneinfo", show_zoneinfo),
	{0},
};
