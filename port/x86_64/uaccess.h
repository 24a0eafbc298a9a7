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
/* The same, but what was not copied stays as it was. */
size_t __must_check raw_copy_from_user(void *to, const void *user, size_t n);
size_t __must_check copy_to_user(void *user, const void *from, size_t n);
size_t __must_check clear_user(void *user, size_t n);

/*
 * A NUL-terminated string of less than size bytes: its length; -EFAULT;
 * size itself if no NUL was found.
 */
long __must_check strncpy_from_user(char *to, const char *user, size_t size);

/*
 * One scalar of 1, 2, 4 or 8 bytes, in line: 0 or -EFAULT (var is 0 then).
 * The access instruction itself may fault; .pushsection'ed tables say where to
 * go on (uaccess.c) and where SMAP has to be opened and closed (3-byte no-ops
 * until patched).
 */
#define UACCESS_SITE(opcode_)                            \
	"661: nopl (%%rax)\n\t"                          \
	".pushsection smap_sites, \"a\"\n\t"             \
	".quad 661b\n\t.byte " opcode_ "\n\t.skip 7\n\t" \
	".popsection\n\t"
#define UACCESS_OPEN  UACCESS_SITE("0xcb")
#define UACCESS_CLOSE UACCESS_SITE("0xca")
#define UACCESS_FIXUP                        \
	".pushsection __ex_table, \"a\"\n\t" \
	".long 1b - ., 3b - .\n\t"           \
	".popsection\n\t"

#define DEFINE_GET_USER(bits, mov, reg)                                       \
	static inline int x86_get_user_##bits(const void *user, u64 *val)     \
	{                                                                     \
		long err = -EFAULT;                                           \
		u64 v = 0;                                                    \
                                                                              \
		if (!access_ok(user, bits / 8))                               \
			return -EFAULT;                                       \
		__asm__ __volatile__(UACCESS_OPEN                             \
				     "1: " mov " %2, %" reg "1\n\t"           \
				     "xorl %k0, %k0\n"                        \
				     "3: " UACCESS_CLOSE UACCESS_FIXUP        \
				     : "+r"(err), "+r"(v)                     \
				     : "m"(*(const volatile u##bits *)user)); \
		*val = v;                                                     \
		return (int)err;                                              \
	}
#define DEFINE_PUT_USER(bits, mov, reg)                                \
	static inline int x86_put_user_##bits(void *user, u64 v)       \
	{                                                              \
		long err = -EFAULT;                                    \
                                                                       \
		if (!access_ok(user, bits / 8))                        \
			return -EFAULT;                                \
		__asm__ __volatile__(                                  \
			UACCESS_OPEN "1: " mov " %" reg "2, %1\n\t"    \
				     "xorl %k0, %k0\n"                 \
				     "3: " UACCESS_CLOSE UACCESS_FIXUP \
			: "+r"(err), "=m"(*(volatile u##bits *)user)   \
			: "r"(v));                                     \
		return (int)err;                                       \
	}
DEFINE_GET_USER(8, "movb", "b")
DEFINE_GET_USER(16, "movw", "w")
DEFINE_GET_USER(32, "movl", "k")
DEFINE_GET_USER(64, "movq", "q")
DEFINE_PUT_USER(8, "movb", "b")
DEFINE_PUT_USER(16, "movw", "w")
DEFINE_PUT_USER(32, "movl", "k")
DEFINE_PUT_USER(64, "movq", "q")

static inline int x86_get_user(const void *user, u64 *val, size_t size)
{
	switch (size) {
	case 1:
		return x86_get_user_8(user, val);
	case 2:
		return x86_get_user_16(user, val);
	case 4:
		return x86_get_user_32(user, val);
	default:
		return x86_get_user_64(user, val);
	}
}

static inline int x86_put_user(void *user, u64 val, size_t size)
{
	switch (size) {
	case 1:
		return x86_put_user_8(user, val);
	case 2:
		return x86_put_user_16(user, val);
	case 4:
		return x86_put_user_32(user, val);
	default:
		return x86_put_user_64(user, val);
	}
}

#define UACCESS_SCALAR(uptr)                                                 \
	_Static_assert(sizeof(*(uptr)) == 1 || sizeof(*(uptr)) == 2 ||       \
			       sizeof(*(uptr)) == 4 || sizeof(*(uptr)) == 8, \
		       "get_user and put_user are for scalars")
#define get_user(var, uptr)                                                \
	({                                                                 \
		UACCESS_SCALAR(uptr);                                      \
		u64 gu_;                                                   \
		int gu_err_ = x86_get_user((uptr), &gu_, sizeof(*(uptr))); \
		(var) = gu_err_ ? (__typeof__(*(uptr)))0                   \
				: (__typeof__(*(uptr)))gu_;                \
		gu_err_;                                                   \
	})
#define put_user(val, uptr)                                                   \
	({                                                                    \
		UACCESS_SCALAR(uptr);                                         \
		x86_put_user((void *)(uptr), (u64)(__typeof__(*(uptr)))(val), \
			     sizeof(*(uptr)));                                \
	})

/* Atomically: old value in *old; new stored if *uptr == expected. */
int __must_check cmpxchg_user_u32(u32 *uptr, u32 expected, u32 val, u32 *old);

#endif
