/* SPDX-License-Identifier: MIT */
/*
 * main.h - the first process, the kernel's options and the machine's end
 * (main.c, run_program.c).
 */
#ifndef KERNEL_MAIN_H
#define KERNEL_MAIN_H

#include <quire/version.h>

#include "kernel/task.h"

/* uname(2), /proc/version, /proc/sys/kernel/osrelease */
#define UTS_RELEASE "6.12.0-quire"
#define UTS_VERSION "#1 SMP quire " QUIRE_VERSION

/* uname(2)'s nodename, NUL-terminated; size at least 65. */
#define UTS_NAME_MAX 64
void get_hostname(char *buf, size_t size);
void get_domainname(char *buf, size_t size);
/* At most UTS_NAME_MAX bytes of it. */
void set_hostname(const char *name);
void set_domainname(const char *name);

/* The process that inherits orphans (pid 1); NULL while there is none. */
struct signal_struct *init_signal(void);
/* It ended: the machine cannot go on. */
void __noreturn init_died(int wait_status);

/* nokaslr is about the kernel; norandmaps about programs. */
bool norandmaps(void);

/* The machine's end; files live in memory, so nothing is to be written. */
void __noreturn machine_power_off(void);
void __noreturn machine_restart(void);
void __noreturn machine_halt(void);

/* ---- run_program.c: `quire run` ---- */
/*
 * Is there a /.quire/run?  Then run its program as process 2 and end the
 * machine with its status; else return.  Process 1, a kernel thread.
 */
void run_program(void);

/* ---- mm_syscalls.c ---- */
/* Tell the memory manager what the running program may do. */
void mm_syscalls_init(void);

/* ---- leakcheck.c ---- */
/* What is in use now, with everything that is only cached given back. */
void leakcheck_begin(void);
/* Compare; the number of differences, which are named in the log. */
unsigned int leakcheck_end(void);

/* ---- bench/alloc/metal.c, where CONFIG_BENCH ---- */
/* Measure the allocators and write the rows to the log.  Process 1. */
void bench_kernel(void);

#endif
