/* SPDX-License-Identifier: MIT */
/*
 * uaccess.h - reading and writing the current program's memory.
 *
 * Every function checks that the range lies below TASK_SIZE, opens SMAP for
 * the access only, and survives any fault: what cannot be resolved ends the
 * copy.  Task context, no spinlocks: a fault may sleep.
 */
#ifndef PORT_X86_64_UACCESS_H
#define PORT_X86_64_UACCESS_H

#include <quire/errno.h>
#include <quire/types.h>

#include <arch.h>

static inline bool access_ok(const void *user, size_t size)
{
	return size <= TASK_SIZE && (uintptr_t)user <= TASK_SIZE - size;
}

/* Bytes NOT copied: 0 is success.  A short copy_from_user zeroes the rest. */
size_t __must_check copy_from_user(void *to, const void *user, size_t n);
size_t __must_check copy_to_user(void *user, const void *from, size_t n);
size_t __must_check clear_user(void *user, size_t n);

/*
 * A NUL-terminated string of less than size bytes: its length; -EFAULT;
 * size itself if no NUL was found.
 */
long __must_check strncpy_from_user(char *to, const char *user, size_t size);

/* One aligned scalar of 1, 2, 4 or 8 bytes: 0 or -EFAULT. */
#define get_user(var, uptr) ({ \
	__typeof__(*(uptr)) gu_; \
	int gu_err_ = copy_from_user(&gu_, (uptr), sizeof(gu_)) ? \
		      -EFAULT : 0; \
	(var) = gu_; \
	gu_err_; })
#define put_user(val, uptr) ({ \
	__typeof__(*(uptr)) pu_ = (val); \
	copy_to_user((uptr), &pu_, sizeof(pu_)) ? -EFAULT : 0; })

/* Atomically: old value in *old; new stored if *uptr == expected. */
int __must_check cmpxchg_user_u32(u32 *uptr, u32 expected, u32 val, u32 *old);

#endif
