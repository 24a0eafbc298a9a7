/* SPDX-License-Identifier: MIT */
/*
 * run.h - the guest's side of `quire run`: the host's byte stream
 * (kernel/drivers/run.c) and the process that uses it (kernel/main.c).
 */
#ifndef KERNEL_RUN_H
#define KERNEL_RUN_H

#include <quire/types.h>

/*
 * run_start - open the stream to the host, say RUN_HELLO, and give current
 * the program's descriptors 0, 1 and 2: a terminal where tty_mask has the
 * bit, else the stdin, stdout and stderr streams.  Starts the thread that
 * receives.  Called once, by the thread that is to become the program, after
 * it has its own files_struct, session and process group.
 * Result: 0; -ENODEV: the machine has no such device.
 */
int run_start(unsigned int tty_mask, unsigned int rows, unsigned int cols);

/*
 * run_foreground - the process group that RUN_SIGNAL goes to where the
 * program has no terminal.
 */
void run_set_foreground(int pgrp);

/* All output out, then RUN_EXIT / RUN_FAIL; returns when it is with the host. */
void run_exit(u32 wait_status);
void run_fail(int err, const char *text);

#endif
