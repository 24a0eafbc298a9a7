/* SPDX-License-Identifier: MIT */
/*
 * syscall_table.c - from a system call's number to its body.
 *
 * A number without an entry is a call that does not exist here: the program
 * gets ENOSYS, and the log names the call, once for each number, with the
 * first program that wanted it.
 */
#include <quire/printk.h>

#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "port/x86_64/machine.h"
#include "port/x86_64/upcalls.h"

#define NR_SYSCALLS 462

/* Numbers of x86-64, in order: X(number, name). */
/* clang-format off */
#define SYSCALLS(X) \
	X(0, read) X(1, write) X(2, open) X(3, close) X(4, stat) \
	X(5, fstat) X(6, lstat) X(7, poll) X(8, lseek) X(9, mmap) \
	X(10, mprotect) X(11, munmap) X(12, brk) X(13, rt_sigaction) \
	X(14, rt_sigprocmask) X(15, rt_sigreturn) X(16, ioctl) \
	X(17, pread64) X(18, pwrite64) X(19, readv) X(20, writev) \
	X(21, access) X(22, pipe) X(23, select) X(24, sched_yield) \
	X(25, mremap) X(26, msync) X(27, mincore) X(28, madvise) \
	X(29, shmget) X(30, shmat) X(31, shmctl) \
	X(32, dup) X(33, dup2) X(34, pause) \
	X(35, nanosleep) X(36, getitimer) X(37, alarm) X(38, setitimer) \
	X(39, getpid) X(40, sendfile) X(56, clone) X(57, fork) X(58, vfork) \
	X(59, execve) X(60, exit) X(61, wait4) X(62, kill) X(63, uname) X(67, shmdt) \
	X(72, fcntl) X(73, flock) X(74, fsync) X(75, fdatasync) \
	X(76, truncate) X(77, ftruncate) X(79, getcwd) X(80, chdir) \
	X(81, fchdir) X(82, rename) X(83, mkdir) X(84, rmdir) X(85, creat) \
	X(86, link) X(87, unlink) X(88, symlink) X(89, readlink) \
	X(90, chmod) X(91, fchmod) X(92, chown) X(93, fchown) X(94, lchown) \
	X(95, umask) X(96, gettimeofday) X(97, getrlimit) X(98, getrusage) \
	X(99, sysinfo) X(100, times) X(102, getuid) X(104, getgid) \
	X(105, setuid) X(106, setgid) X(107, geteuid) X(108, getegid) \
	X(109, setpgid) X(110, getppid) X(111, getpgrp) X(112, setsid) \
	X(113, setreuid) X(114, setregid) X(115, getgroups) \
	X(116, setgroups) X(117, setresuid) X(118, getresuid) \
	X(119, setresgid) X(120, getresgid) X(121, getpgid) X(124, getsid) \
	X(127, rt_sigpending) X(128, rt_sigtimedwait) \
	X(129, rt_sigqueueinfo) X(130, rt_sigsuspend) X(131, sigaltstack) \
	X(132, utime) X(133, mknod) X(135, personality) X(137, statfs) \
	X(138, fstatfs) X(140, getpriority) X(141, setpriority) \
	X(149, mlock) X(150, munlock) X(151, mlockall) X(152, munlockall) \
	X(157, prctl) X(158, arch_prctl) X(160, setrlimit) X(161, chroot) \
	X(162, sync) X(165, mount) X(166, umount2) X(169, reboot) \
	X(170, sethostname) X(171, setdomainname) X(186, gettid) X(187, readahead) \
	X(200, tkill) X(201, time) X(202, futex) X(203, sched_setaffinity) \
	X(204, sched_getaffinity) X(217, getdents64) \
	X(218, set_tid_address) X(219, restart_syscall) X(221, fadvise64) \
	X(227, clock_settime) X(228, clock_gettime) X(229, clock_getres) \
	X(230, clock_nanosleep) X(231, exit_group) X(234, tgkill) \
	X(235, utimes) X(239, get_mempolicy) X(247, waitid) X(257, openat) X(258, mkdirat) \
	X(259, mknodat) X(260, fchownat) X(261, futimesat) \
	X(262, newfstatat) X(263, unlinkat) X(264, renameat) X(265, linkat) \
	X(266, symlinkat) X(267, readlinkat) X(268, fchmodat) \
	X(269, faccessat) X(270, pselect6) X(271, ppoll) \
	X(273, set_robust_list) X(274, get_robust_list) X(277, sync_file_range) X(280, utimensat) X(285, fallocate) \
	X(292, dup3) X(293, pipe2) X(295, preadv) X(296, pwritev) \
	X(297, rt_tgsigqueueinfo) X(302, prlimit64) X(306, syncfs) \
	X(309, getcpu) X(310, process_vm_readv) X(311, process_vm_writev) \
	X(316, renameat2) X(318, getrandom) X(319, memfd_create) \
	X(322, execveat) X(325, mlock2) \
	X(327, preadv2) X(328, pwritev2) X(332, statx) X(334, rseq) \
	X(435, clone3) X(436, close_range) X(439, faccessat2)
/* clang-format on */

#define X(nr, name) long sys_##name(struct pt_regs *regs);
SYSCALLS(X)
#undef X

typedef long (*syscall_fn)(struct pt_regs *regs);

static const syscall_fn table[NR_SYSCALLS] = {
#define X(nr, name) [nr] = sys_##name,
	SYSCALLS(X)
#undef X
};

/* One bit for each number that was reported; the last one: all above. */
static unsigned long reported[DIV_ROUND_UP(NR_SYSCALLS + 1, 64)];

static long no_such_call(unsigned long nr)
{
	unsigned long i = nr < NR_SYSCALLS ? nr : NR_SYSCALLS;
	unsigned long bit = 1UL << (i % 64);

	if (!(__atomic_fetch_or(&reported[i / 64], bit, __ATOMIC_RELAXED) &
	      bit))
		printk("%s[%d]: system call %ld is not there\n", current->comm,
		       current->pid, (long)nr);
	return -ENOSYS;
}

void kernel_syscall(struct pt_regs *regs)
{
	unsigned long nr = regs->orig_ax;
	long ret;

	if (likely(nr < NR_SYSCALLS && table[nr]))
		ret = table[nr](regs);
	else
		ret = no_such_call(nr);
	regs->ax = (unsigned long)ret;
	/*
	 * A call that was cut short is made again or ends in EINTR in
	 * do_signals(), also if the signal's sender has not come to setting
	 * the work flag yet, or the signal is gone again.
	 */
	if (unlikely(is_restart_code(ret)))
		x86_set_work(smp_processor_id());
}
