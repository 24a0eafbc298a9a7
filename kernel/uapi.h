/* SPDX-License-Identifier: MIT */
/*
 * uapi.h - structures and numbers of Linux's x86-64 system-call interface
 * that kernel/ uses.  Sources: the man pages of section 2, the System V ABI.
 * Sections of it may move to files of their own as they grow.
 */
#ifndef KERNEL_UAPI_H
#define KERNEL_UAPI_H

#include <quire/types.h>

struct timespec64 {
	s64 tv_sec;
	s64 tv_nsec;
};
struct timeval64 {
	s64 tv_sec;
	s64 tv_usec;
};
struct itimerspec64 {
	struct timespec64 it_interval, it_value;
};
struct itimerval64 {
	struct timeval64 it_interval, it_value;
};
struct rlimit64 {
	u64 rlim_cur;
	u64 rlim_max;
};
#define RLIM_INFINITY (~0UL)
enum {
	RLIMIT_CPU,
	RLIMIT_FSIZE,
	RLIMIT_DATA,
	RLIMIT_STACK,
	RLIMIT_CORE,
	RLIMIT_RSS,
	RLIMIT_NPROC,
	RLIMIT_NOFILE,
	RLIMIT_MEMLOCK,
	RLIMIT_AS,
	RLIMIT_LOCKS,
	RLIMIT_SIGPENDING,
	RLIMIT_MSGQUEUE,
	RLIMIT_NICE,
	RLIMIT_RTPRIO,
	RLIMIT_RTTIME,
	RLIM_NLIMITS
};

/* ---- signals: signal(7), sigaction(2) ---- */
enum {
	SIGHUP = 1,
	SIGINT,
	SIGQUIT,
	SIGILL,
	SIGTRAP,
	SIGABRT,
	SIGBUS,
	SIGFPE,
	SIGKILL,
	SIGUSR1,
	SIGSEGV,
	SIGUSR2,
	SIGPIPE,
	SIGALRM,
	SIGTERM,
	SIGSTKFLT,
	SIGCHLD,
	SIGCONT,
	SIGSTOP,
	SIGTSTP,
	SIGTTIN,
	SIGTTOU,
	SIGURG,
	SIGXCPU,
	SIGXFSZ,
	SIGVTALRM,
	SIGPROF,
	SIGWINCH,
	SIGIO,
	SIGPWR,
	SIGSYS,
	SIGRTMIN = 32,
	SIGRTMAX = 64
};
#define NSIG	      64

#define SIG_DFL	      0UL
#define SIG_IGN	      1UL

#define SA_NOCLDSTOP  0x00000001UL
#define SA_NOCLDWAIT  0x00000002UL
#define SA_SIGINFO    0x00000004UL
#define SA_RESTORER   0x04000000UL
#define SA_ONSTACK    0x08000000UL
#define SA_RESTART    0x10000000UL
#define SA_NODEFER    0x40000000UL
#define SA_RESETHAND  0x80000000UL

#define SIG_BLOCK     0
#define SIG_UNBLOCK   1
#define SIG_SETMASK   2

#define SS_ONSTACK    1
#define SS_DISABLE    2
#define SS_AUTODISARM (1U << 31)
#define MINSIGSTKSZ   2048

#define SI_USER	      0
#define SI_KERNEL     0x80
#define SI_QUEUE      (-1)
#define SI_TIMER      (-2)
#define SI_TKILL      (-6)
#define ILL_ILLOPN    2
#define FPE_INTDIV    1
#define FPE_FLTINV    7
#define SEGV_MAPERR   1
#define SEGV_ACCERR   2
#define BUS_ADRALN    1
#define BUS_ADRERR    2
#define BUS_OBJERR    3
#define TRAP_BRKPT    1
#define TRAP_TRACE    2
#define CLD_EXITED    1
#define CLD_KILLED    2
#define CLD_DUMPED    3
#define CLD_TRAPPED   4
#define CLD_STOPPED   5
#define CLD_CONTINUED 6

struct k_sigaction {
	u64 handler; /* SIG_DFL 0, SIG_IGN 1 */
	u64 flags;   /* SA_* */
	u64 restorer;
	u64 mask;
};

struct k_sigaltstack {
	u64 ss_sp;
	s32 ss_flags;
	u32 pad;
	u64 ss_size;
};

/* siginfo_t: 128 bytes, the union from byte 16. */
struct k_siginfo {
	s32 si_signo;
	s32 si_errno;
	s32 si_code;
	s32 pad0;
	union {
		struct {
			s32 pid;
			u32 uid;
			u64 value;
		} rt; /* kill, queue */
		struct {
			s32 tid;
			s32 overrun;
			u64 value;
		} timer;
		struct {
			s32 pid;
			u32 uid;
			s32 status;
			s32 pad;
			s64 utime, stime;
		} chld;
		struct {
			u64 addr;
			s16 addr_lsb;
		} fault;
		struct {
			s64 band;
			s32 fd;
		} poll;
		u8 raw[112];
	};
};
_Static_assert(sizeof(struct k_siginfo) == 128, "siginfo_t is 128 bytes");

/* ---- clone(2), wait(2) ---- */
#define CSIGNAL		     0x000000ffUL
#define CLONE_VM	     0x00000100UL
#define CLONE_FS	     0x00000200UL
#define CLONE_FILES	     0x00000400UL
#define CLONE_SIGHAND	     0x00000800UL
#define CLONE_PIDFD	     0x00001000UL
#define CLONE_PTRACE	     0x00002000UL
#define CLONE_VFORK	     0x00004000UL
#define CLONE_PARENT	     0x00008000UL
#define CLONE_THREAD	     0x00010000UL
#define CLONE_NEWNS	     0x00020000UL
#define CLONE_SYSVSEM	     0x00040000UL
#define CLONE_SETTLS	     0x00080000UL
#define CLONE_PARENT_SETTID  0x00100000UL
#define CLONE_CHILD_CLEARTID 0x00200000UL
#define CLONE_DETACHED	     0x00400000UL
#define CLONE_UNTRACED	     0x00800000UL
#define CLONE_CHILD_SETTID   0x01000000UL
#define CLONE_NEWCGROUP	     0x02000000UL
#define CLONE_NEWUTS	     0x04000000UL
#define CLONE_NEWIPC	     0x08000000UL
#define CLONE_NEWUSER	     0x10000000UL
#define CLONE_NEWPID	     0x20000000UL
#define CLONE_NEWNET	     0x40000000UL
#define CLONE_IO	     0x80000000UL
#define CLONE_CLEAR_SIGHAND  0x100000000UL

#define WNOHANG		     1
#define WUNTRACED	     2
#define WSTOPPED	     2
#define WEXITED		     4
#define WCONTINUED	     8
#define WNOWAIT		     0x01000000
#define __WNOTHREAD	     0x20000000
#define __WALL		     0x40000000
#define __WCLONE	     0x80000000U

struct k_rusage {
	struct timeval64 ru_utime, ru_stime;
	s64 ru_maxrss; /* KiB */
	s64 ru_ixrss, ru_idrss, ru_isrss;
	s64 ru_minflt, ru_majflt, ru_nswap;
	s64 ru_inblock, ru_oublock, ru_msgsnd, ru_msgrcv, ru_nsignals;
	s64 ru_nvcsw, ru_nivcsw;
};

/* personality(2) */
#define ADDR_NO_RANDOMIZE 0x0040000UL

/* ---- clocks ---- */
#define CLOCK_REALTIME		 0
#define CLOCK_MONOTONIC		 1
#define CLOCK_PROCESS_CPUTIME_ID 2
#define CLOCK_THREAD_CPUTIME_ID	 3
#define CLOCK_MONOTONIC_RAW	 4
#define CLOCK_REALTIME_COARSE	 5
#define CLOCK_MONOTONIC_COARSE	 6
#define CLOCK_BOOTTIME		 7
#define TIMER_ABSTIME		 1

#define AT_FDCWD		 (-100)

#endif
