/* SPDX-License-Identifier: MIT */
/* ipc.h - System V shared memory, for /proc. */
#ifndef KERNEL_IPC_H
#define KERNEL_IPC_H

#include <quire/types.h>

struct seq_buf;

/* Limits; each fits a pointer-sized number: Documentation/sysctl/kernel.rst. */
struct shm_limits {
	u64 max; /* bytes of a segment */
	u64 all; /* pages of all */
	u32 mni; /* segments */
};
#define SHM_MNI_MAX 4096U

struct shm_limits shm_get_limits(void);
void shm_set_limits(const struct shm_limits *limits);
/* No program runs any more: segments that they have left go. */
void shm_forget_all(void);
/* /proc/sysvipc/shm */
void show_sysvipc_shm(struct seq_buf *s);

#endif
