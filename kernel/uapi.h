/* SPDX-License-Identifier: MIT */
/*
 * uapi.h - structures and numbers of Linux's x86-64 system-call interface
 * that kernel/ uses.  Sources: the man pages of section 2, the System V ABI.
 * Sections of it may move to files of their own as they grow.
 */
#ifndef KERNEL_UAPI_H
#define KERNEL_UAPI_H

#include <quire/types.h>

struct timespec64 { s64 tv_sec; s64 tv_nsec; };
struct timeval64 { s64 tv_sec; s64 tv_usec; };
struct rlimit64 { u64 rlim_cur; u64 rlim_max; };
#define RLIM_INFINITY	(~0UL)
enum { RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_CORE,
       RLIMIT_RSS, RLIMIT_NPROC, RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_AS,
       RLIMIT_LOCKS, RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE, RLIMIT_NICE,
       RLIMIT_RTPRIO, RLIMIT_RTTIME, RLIM_NLIMITS };

struct k_sigaction {
	u64 handler;			/* SIG_DFL 0, SIG_IGN 1 */
	u64 flags;			/* SA_* */
	u64 restorer;
	u64 mask;
};

struct k_sigaltstack {
	u64 ss_sp;
	s32 ss_flags;
	u32 pad;
	u64 ss_size;
};

#endif
