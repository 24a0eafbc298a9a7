/* SPDX-License-Identifier: MIT */
/*
 * errno.h - Linux's error numbers (x86-64 ABI, errno(3)) and error pointers.
 */
#ifndef QUIRE_ERRNO_H
#define QUIRE_ERRNO_H

#include <quire/types.h>

/* A hosted caller may have included the C library's <errno.h>: same values. */
#ifndef EPERM
#define EPERM	     1
#define ENOENT	     2
#define ESRCH	     3
#define EINTR	     4
#define EIO	     5
#define ENXIO	     6
#define E2BIG	     7
#define ENOEXEC	     8
#define EBADF	     9
#define ECHILD	     10
#define EAGAIN	     11
#define ENOMEM	     12
#define EACCES	     13
#define EFAULT	     14
#define ENOTBLK	     15
#define EBUSY	     16
#define EEXIST	     17
#define EXDEV	     18
#define ENODEV	     19
#define ENOTDIR	     20
#define EISDIR	     21
#define EINVAL	     22
#define ENFILE	     23
#define EMFILE	     24
#define ENOTTY	     25
#define ETXTBSY	     26
#define EFBIG	     27
#define ENOSPC	     28
#define ESPIPE	     29
#define EROFS	     30
#define EMLINK	     31
#define EPIPE	     32
#define EDOM	     33
#define ERANGE	     34
#define EDEADLK	     35
#define ENAMETOOLONG 36
#define ENOLCK	     37
#define ENOSYS	     38
#define ENOTEMPTY    39
#define ELOOP	     40
#define ENODATA	     61
#define ETIME	     62
#define EOVERFLOW    75
#define EILSEQ	     84
#define ENOTSOCK     88
#define EOPNOTSUPP   95
#define EADDRINUSE   98
#define ETIMEDOUT    110
#define EALREADY     114
#define EINPROGRESS  115
#define ECANCELED    125
#define EOWNERDEAD   130
#define EHWPOISON    133
#endif

/*
 * Never seen by programs: the system-call exit path turns them into EINTR or
 * restarts the call, by the signal's SA_RESTART (signal(7)).
 */
#define ERESTARTSYS	      512 /* restart if SA_RESTART */
#define ERESTARTNOINTR	      513 /* always restart */
#define ERESTARTNOHAND	      514 /* restart if no handler ran */
#define ERESTART_RESTARTBLOCK 516 /* restart by restart_syscall */

#define MAX_ERRNO	      4095

static inline void *ERR_PTR(long error)
{
	return (void *)(uintptr_t)error;
}

static inline long PTR_ERR(const void *ptr)
{
	return (long)(uintptr_t)ptr;
}

static inline bool IS_ERR_VALUE(unsigned long x)
{
	return x >= (unsigned long)-MAX_ERRNO;
}

static inline bool IS_ERR(const void *ptr)
{
	return IS_ERR_VALUE((uintptr_t)ptr);
}

#endif
