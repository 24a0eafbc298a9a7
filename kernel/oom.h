/* SPDX-License-Identifier: MIT */
/*
 * oom.h - the plain out-of-memory rule (oom.c).
 */
#ifndef KERNEL_OOM_H
#define KERNEL_OOM_H

void oom_init(void);
/* A fault of current found no memory: wait for it, or end. */
void oom_wait_or_die(void);

#endif
