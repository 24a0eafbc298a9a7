/* SPDX-License-Identifier: MIT */
/*
 * main.c - from the port's hand-over to the first process.
 *
 *	kernel_main (boot CPU's idle thread, interrupts off)
 *	  tables and caches, then thread 1, then idles
 *	thread 1
 *	  other CPUs, files, devices
 *	  /.quire/run there:  stays, reaps, runs the program as process 2
 *	  else:               becomes the program of rdinit= (/init), as the
 *	                      first process of any Linux
 *
 * Options: rdinit=, norandmaps, leakcheck, nohugevmalloc, nohugeiomap; console=, panic=, quiet and
 * nokaslr are the port's.
 */
#include "kernel/main.h"

#include <quire/percpu.h>
#include <quire/port.h>
#include <quire/printk.h>
#include <quire/run_proto.h>
#include <quire/string.h>
#include <quire/vmalloc.h>
#include <quire/work.h>

#include "kernel/fs.h"
#include "kernel/oom.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "port/x86_64/machine.h"
#include "port/x86_64/upcalls.h"
#if CONFIG_SELFTEST
#include "kernel/metal_tests.h"
#endif

static struct {
	const struct x86_boot_info *info;
	struct signal_struct *init;
} boot;

struct signal_struct *init_signal(void)
{
	return READ_ONCE(boot.init);
}

bool norandmaps(void)
{
	return x86_cmdline_option("norandmaps") != NULL;
}

/* ---- the end ---- */

void machine_power_off(void)
{
	printk("reboot: Power down\n");
	x86_poweroff(RUN_MACHINE_OFF);
}

void machine_restart(void)
{
	printk("reboot: Restarting system\n");
	x86_reboot();
}

void machine_halt(void)
{
	printk("reboot: System halted\n");
	x86_halt();
}

/* What follows is panic='s to say, as for any panic. */
void init_died(int wait_status)
{
	panic("Attempted to kill init! exitcode=%#010x",
	      (unsigned int)wait_status);
}

/* ---- other processors ---- */

static void start_cpus(void)
{
	unsigned int cpu;
	int err;

	for (cpu = 1; cpu < nr_cpu_ids; cpu++) {
		struct task_struct *idle = idle_task_alloc(cpu);

		if (!idle)
			panic("no memory for processor %u", cpu);
		err = x86_start_cpu(cpu, &idle->thread,
				    (unsigned long)idle->stack +
					    KERNEL_STACK_SIZE);
		if (err)
			printk("processor %u did not start: error %d\n", cpu,
			       err);
	}
}

void kernel_secondary_main(unsigned int cpu)
{
	sched_init_secondary(cpu);
	cpu_idle();
}

/* ---- the first process ---- */

static void become_first_process(void)
{
	struct task_struct *t = current;
	const char *path = x86_cmdline_option("rdinit");
	const char *argv[] = {NULL, NULL};
	const char *const envp[] = {"HOME=/", "TERM=linux", NULL};
	int err;

	if (!path || !*path)
		path = "/init";
	argv[0] = path;
	reset_signal_handlers(t->sighand);
	t->signal->unkillable = true;
	err = console_open_stdio();
	if (err)
		printk("no console for %s: error %d\n", path, err);
	err = kernel_execve(path, argv, envp);
	if (err)
		panic("No working init found: %s: error %d", path, err);
}

/* What the memory manager put off (work.h). */
static int work_thread(void *arg)
{
	(void)arg;
	for (;;) {
		mm_work_wait();
		mm_work_run();
	}
	return 0;
}

static int init_thread(void *arg)
{
	const struct x86_boot_info *info = boot.info;
	int err;

	(void)arg;
	WRITE_ONCE(boot.init, current->signal);
	start_cpus();
	itimers_init();
	if (IS_ERR(kthread_run(work_thread, NULL, "kmmwork")))
		panic("no memory for the worker thread");
	if (info->initrd) {
		err = initramfs_unpack(info->initrd, info->initrd_size);
		if (err)
			printk("initramfs: error %d\n", err);
	}
#if CONFIG_SELFTEST
	/* noselftest: run programs in a kernel with all its checks. */
	if (!x86_cmdline_option("noselftest"))
		x86_poweroff(run_metal_tests() ? RUN_MACHINE_TESTS_FAILED
					       : RUN_MACHINE_OFF);
#endif
#if CONFIG_BENCH
	bench_kernel();
	x86_poweroff(RUN_MACHINE_OFF);
#endif
	drivers_init();
	run_program();
	become_first_process();
	return 0;
}

void kernel_main(const struct x86_boot_info *info)
{
	boot.info = info;
	vmap_allow_huge = !x86_cmdline_option("nohugevmalloc");
	ioremap_allow_huge = !x86_cmdline_option("nohugeiomap");
	idle_task_adopt_boot();
	wait_init();
	sched_init();
	time_init();
	fork_init();
	signals_init();
	futex_init();
	oom_init();
	mm_syscalls_init();
	vfs_init();
	if (IS_ERR(kthread_run_as(init_thread, NULL, "init", 1, NULL)))
		panic("no memory for the first thread");
	cpu_idle();
}
