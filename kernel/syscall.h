/* SPDX-License-Identifier: MIT */
/*
 * syscall.h - how a system call's body is written.
 *
 *	SYSCALL_DEFINE3(write, int, fd, const void *, buf, size_t, count)
 *	{
 *		...
 *	}
 *
 * defines long sys_write(struct pt_regs *regs), which the table in
 * syscall_table.c names.  Pointers are user addresses until copied by
 * uaccess.h.  The result is the value for the program, or -E.
 */
#ifndef KERNEL_SYSCALL_H
#define KERNEL_SYSCALL_H

#include <quire/errno.h>
#include <quire/types.h>

#include "port/x86_64/ptrace.h"
#include "port/x86_64/uaccess.h"

#define SYS_ARG1(r) ((r)->di)
#define SYS_ARG2(r) ((r)->si)
#define SYS_ARG3(r) ((r)->dx)
#define SYS_ARG4(r) ((r)->r10)
#define SYS_ARG5(r) ((r)->r8)
#define SYS_ARG6(r) ((r)->r9)

#define SYSCALL_DEFINE0(name)                                   \
	static inline long do_sys_##name(struct pt_regs *regs); \
	long sys_##name(struct pt_regs *regs);                  \
	long sys_##name(struct pt_regs *regs)                   \
	{                                                       \
		return do_sys_##name(regs);                     \
	}                                                       \
	static inline long do_sys_##name(struct pt_regs *regs   \
					 __attribute__((unused)))
#define SYSCALL_HEAD(name, proto, call)         \
	static inline long do_sys_##name proto; \
	long sys_##name(struct pt_regs *regs);  \
	long sys_##name(struct pt_regs *regs)   \
	{                                       \
		return do_sys_##name call;      \
	}                                       \
	static inline long do_sys_##name proto
#define SYSCALL_DEFINE1(name, t1, a1) \
	SYSCALL_HEAD(name, (t1 a1), ((t1)SYS_ARG1(regs)))
#define SYSCALL_DEFINE2(name, t1, a1, t2, a2) \
	SYSCALL_HEAD(name, (t1 a1, t2 a2),    \
		     ((t1)SYS_ARG1(regs), (t2)SYS_ARG2(regs)))
#define SYSCALL_DEFINE3(name, t1, a1, t2, a2, t3, a3) \
	SYSCALL_HEAD(                                 \
		name, (t1 a1, t2 a2, t3 a3),          \
		((t1)SYS_ARG1(regs), (t2)SYS_ARG2(regs), (t3)SYS_ARG3(regs)))
#define SYSCALL_DEFINE4(name, t1, a1, t2, a2, t3, a3, t4, a4) \
	SYSCALL_HEAD(name, (t1 a1, t2 a2, t3 a3, t4 a4),      \
		     ((t1)SYS_ARG1(regs), (t2)SYS_ARG2(regs), \
		      (t3)SYS_ARG3(regs), (t4)SYS_ARG4(regs)))
#define SYSCALL_DEFINE5(name, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5) \
	SYSCALL_HEAD(name, (t1 a1, t2 a2, t3 a3, t4 a4, t5 a5),       \
		     ((t1)SYS_ARG1(regs), (t2)SYS_ARG2(regs),         \
		      (t3)SYS_ARG3(regs), (t4)SYS_ARG4(regs),         \
		      (t5)SYS_ARG5(regs)))
#define SYSCALL_DEFINE6(name, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5, t6, a6) \
	SYSCALL_HEAD(name, (t1 a1, t2 a2, t3 a3, t4 a4, t5 a5, t6 a6),        \
		     ((t1)SYS_ARG1(regs), (t2)SYS_ARG2(regs),                 \
		      (t3)SYS_ARG3(regs), (t4)SYS_ARG4(regs),                 \
		      (t5)SYS_ARG5(regs), (t6)SYS_ARG6(regs)))

#endif
