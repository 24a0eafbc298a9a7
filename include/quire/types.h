/* SPDX-License-Identifier: MIT */
/*
 * types.h - fixed-width integers, opaque scalars and the compiler's help.
 */
#ifndef QUIRE_TYPES_H
#define QUIRE_TYPES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <quire/config.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

typedef long mm_ssize_t;       /* a size or -E */
typedef u64 phys_addr_t;       /* a byte address in physical memory */
typedef u32 gfp_t;	       /* how an allocation may be served */
typedef u32 vm_fault_t;	       /* VM_FAULT_* bits */
typedef unsigned long pgoff_t; /* an offset in pages in a file */

#define likely(x)	    __builtin_expect(!!(x), 1)
#define unlikely(x)	    __builtin_expect(!!(x), 0)
#define __must_check	    __attribute__((warn_unused_result))
#define __printf(f, a)	    __attribute__((format(printf, f, a)))
#define __noreturn	    __attribute__((noreturn))
#define __aligned_to(n)	    __attribute__((aligned(n)))
#define __cacheline_aligned __attribute__((aligned(64)))
#define __maybe_unused	    __attribute__((unused))
#define noinline	    __attribute__((noinline))
#ifndef __always_inline /* glibc's headers have the same */
#define __always_inline inline __attribute__((always_inline))
#endif

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr)-offsetof(type, member)))
#define BIT(n)		   (1UL << (n))
#define ALIGN(x, a)	   (((x) + ((__typeof__(x))(a)-1)) & ~((__typeof__(x))(a)-1))
#define ALIGN_DOWN(x, a)   ((x) & ~((__typeof__(x))(a)-1))
#define IS_ALIGNED(x, a)   (((x) & ((__typeof__(x))(a)-1)) == 0)
#define DIV_ROUND_UP(n, d) (((n) + (d)-1) / (d))

#define min(a, b)                                  \
	({                                         \
		__typeof__(a) min_a_ = (a);        \
		__typeof__(b) min_b_ = (b);        \
		min_a_ < min_b_ ? min_a_ : min_b_; \
	})
#define max(a, b)                                  \
	({                                         \
		__typeof__(a) max_a_ = (a);        \
		__typeof__(b) max_b_ = (b);        \
		max_a_ > max_b_ ? max_a_ : max_b_; \
	})

/* One access, not torn, merged or repeated by the compiler; no ordering. */
#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v)	__atomic_store_n(&(x), (v), __ATOMIC_RELAXED)
#define smp_load_acquire(p)	__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define smp_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define barrier()		__asm__ __volatile__("" ::: "memory")

/* Index of the highest set bit, counted from 1; 0 for 0. */
static inline int fls_long(unsigned long x)
{
	return x ? 64 - __builtin_clzl(x) : 0;
}

#endif
