/* SPDX-License-Identifier: MIT */
/*
 * abi.h - numbers and structures of Linux's x86-64 interface about files.
 * Sources: open(2), fcntl(2), stat(2), statx(2), getdents(2), statfs(2),
 * mount(2), poll(2), termios(3), ioctl_tty(2), inode(7).
 */
#ifndef KERNEL_FS_ABI_H
#define KERNEL_FS_ABI_H

#include <quire/types.h>

#define PATH_MAX	   4096
#define NAME_MAX	   255
#define PIPE_BUF	   4096
#define UIO_MAXIOV	   1024
#define SYMLINK_MAX_FOLLOW 40
/* The most one read or write moves: keeps sums of counts positive. */
#define MAX_RW_COUNT	    ((size_t)0x7ffff000)

#define O_ACCMODE	    00000003
#define O_RDONLY	    00000000
#define O_WRONLY	    00000001
#define O_RDWR		    00000002
#define O_CREAT		    00000100
#define O_EXCL		    00000200
#define O_NOCTTY	    00000400
#define O_TRUNC		    00001000
#define O_APPEND	    00002000
#define O_NONBLOCK	    00004000
#define O_DSYNC		    00010000
#define O_ASYNC		    00020000
#define O_DIRECT	    00040000
#define O_LARGEFILE	    00100000
#define O_DIRECTORY	    00200000
#define O_NOFOLLOW	    00400000
#define O_NOATIME	    01000000
#define O_CLOEXEC	    02000000
#define O_SYNC		    04010000
#define O_PATH		    010000000
#define O_TMPFILE	    020200000

#define AT_FDCWD	    (-100)
#define AT_SYMLINK_NOFOLLOW 0x100
#define AT_EACCESS	    0x200
#define AT_REMOVEDIR	    0x200
#define AT_SYMLINK_FOLLOW   0x400
#define AT_NO_AUTOMOUNT	    0x800
#define AT_EMPTY_PATH	    0x1000
#define AT_STATX_SYNC_TYPE  0x6000

#define S_IFMT		    0170000
#define S_IFSOCK	    0140000
#define S_IFLNK		    0120000
#define S_IFREG		    0100000
#define S_IFBLK		    0060000
#define S_IFDIR		    0040000
#define S_IFCHR		    0020000
#define S_IFIFO		    0010000
#define S_ISUID		    0004000
#define S_ISGID		    0002000
#define S_ISVTX		    0001000
#define S_IRWXUGO	    0000777
#define S_IALLUGO	    0007777
#define S_ISREG(m)	    (((m)&S_IFMT) == S_IFREG)
#define S_ISDIR(m)	    (((m)&S_IFMT) == S_IFDIR)
#define S_ISLNK(m)	    (((m)&S_IFMT) == S_IFLNK)
#define S_ISCHR(m)	    (((m)&S_IFMT) == S_IFCHR)
#define S_ISBLK(m)	    (((m)&S_IFMT) == S_IFBLK)
#define S_ISFIFO(m)	    (((m)&S_IFMT) == S_IFIFO)

#define MAY_EXEC	    1
#define MAY_WRITE	    2
#define MAY_READ	    4

#define SEEK_SET	    0
#define SEEK_CUR	    1
#define SEEK_END	    2
#define SEEK_DATA	    3
#define SEEK_HOLE	    4

#define RENAME_NOREPLACE    1U
#define RENAME_EXCHANGE	    2U
#define RENAME_WHITEOUT	    4U

enum {
	DT_UNKNOWN = 0,
	DT_FIFO = 1,
	DT_CHR = 2,
	DT_DIR = 4,
	DT_BLK = 6,
	DT_REG = 8,
	DT_LNK = 10,
	DT_SOCK = 12
};

/* A device number as stat(2) shows it. */
static inline u64 makedev(u32 major, u32 minor)
{
	return (u64)(minor & 0xff) | (u64)(major & 0xfff) << 8 |
	       (u64)(minor & ~0xffU) << 12 | (u64)(major & ~0xfffU) << 32;
}
static inline u32 dev_major(u64 dev)
{
	return (u32)(dev >> 8 & 0xfff) | (u32)(dev >> 32 & ~0xfffU);
}
static inline u32 dev_minor(u64 dev)
{
	return (u32)(dev & 0xff) | (u32)(dev >> 12 & ~0xffU);
}

struct k_stat {
	u64 st_dev, st_ino, st_nlink;
	u32 st_mode, st_uid, st_gid, pad0;
	u64 st_rdev;
	s64 st_size, st_blksize, st_blocks;
	u64 st_atime_sec, st_atime_nsec;
	u64 st_mtime_sec, st_mtime_nsec;
	u64 st_ctime_sec, st_ctime_nsec;
	s64 unused[3];
};
_Static_assert(sizeof(struct k_stat) == 144, "struct stat of x86-64");

struct k_statx_time {
	s64 tv_sec;
	u32 tv_nsec;
	s32 pad;
};
struct k_statx {
	u32 stx_mask, stx_blksize;
	u64 stx_attributes;
	u32 stx_nlink, stx_uid, stx_gid;
	u16 stx_mode, pad0;
	u64 stx_ino, stx_size, stx_blocks, stx_attributes_mask;
	struct k_statx_time stx_atime, stx_btime, stx_ctime, stx_mtime;
	u32 stx_rdev_major, stx_rdev_minor, stx_dev_major, stx_dev_minor;
	u64 stx_mnt_id, pad1[13];
};
_Static_assert(sizeof(struct k_statx) == 256, "struct statx");
#define STATX_BASIC_STATS 0x7ffU
#define STATX__RESERVED	  0x80000000U

struct k_statfs {
	s64 f_type, f_bsize;
	u64 f_blocks, f_bfree, f_bavail, f_files, f_ffree;
	s32 f_fsid[2];
	s64 f_namelen, f_frsize, f_flags, f_spare[4];
};
_Static_assert(sizeof(struct k_statfs) == 120, "struct statfs");
#define ST_VALID	 0x0020

#define PROC_SUPER_MAGIC 0x9fa0
#define SYSFS_MAGIC	 0x62656572
#define TMPFS_MAGIC	 0x01021994
#define PIPEFS_MAGIC	 0x50495045

struct linux_dirent64 {
	u64 d_ino;
	s64 d_off;
	u16 d_reclen;
	u8 d_type;
	char d_name[];
};

struct k_iovec {
	u64 iov_base;
	u64 iov_len;
};

#define MS_RDONLY	     1UL
#define MS_NOSUID	     2UL
#define MS_NODEV	     4UL
#define MS_NOEXEC	     8UL
#define MS_REMOUNT	     32UL
#define MS_NOATIME	     1024UL
#define MS_NODIRATIME	     2048UL
#define MS_MOVE		     8192UL
#define MS_SILENT	     32768UL
#define MS_RELATIME	     (1UL << 21)
#define MS_STRICTATIME	     (1UL << 24)
#define MS_MGC_VAL	     0xc0ed0000UL
#define MS_MGC_MSK	     0xffff0000UL
#define MNT_FORCE	     1
#define MNT_DETACH	     2
#define MNT_EXPIRE	     4
#define UMOUNT_NOFOLLOW	     8

#define F_DUPFD		     0
#define F_GETFD		     1
#define F_SETFD		     2
#define F_GETFL		     3
#define F_SETFL		     4
#define F_GETLK		     5
#define F_SETLK		     6
#define F_SETLKW	     7
#define F_SETOWN	     8
#define F_GETOWN	     9
#define F_DUPFD_CLOEXEC	     1030
#define F_SETPIPE_SZ	     1031
#define F_GETPIPE_SZ	     1032
#define F_ADD_SEALS	     1033
#define F_GET_SEALS	     1034
#define FD_CLOEXEC	     1
#define F_SEAL_SEAL	     0x0001U
#define F_SEAL_SHRINK	     0x0002U
#define F_SEAL_GROW	     0x0004U
#define F_SEAL_WRITE	     0x0008U
#define F_SEAL_FUTURE_WRITE  0x0010U
#define F_SEAL_EXEC	     0x0020U
#define FALLOC_FL_KEEP_SIZE  0x01
#define FALLOC_FL_PUNCH_HOLE 0x02
#define F_RDLCK		     0
#define F_WRLCK		     1
#define F_UNLCK		     2
#define LOCK_SH		     1
#define LOCK_EX		     2
#define LOCK_NB		     4
#define LOCK_UN		     8

struct k_flock {
	s16 l_type, l_whence;
	s32 pad0;
	s64 l_start, l_len;
	s32 l_pid, pad1;
};

#define POLLIN	   0x0001U
#define POLLPRI	   0x0002U
#define POLLOUT	   0x0004U
#define POLLERR	   0x0008U
#define POLLHUP	   0x0010U
#define POLLNVAL   0x0020U
#define POLLRDNORM 0x0040U
#define POLLRDBAND 0x0080U
#define POLLWRNORM 0x0100U
#define POLLWRBAND 0x0200U

struct k_pollfd {
	s32 fd;
	s16 events;
	s16 revents;
};

struct k_winsize {
	u16 ws_row, ws_col, ws_xpixel, ws_ypixel;
};
#define KERNEL_NCCS 19
struct k_termios {
	u32 c_iflag, c_oflag, c_cflag, c_lflag;
	u8 c_line;
	u8 c_cc[KERNEL_NCCS];
};
_Static_assert(sizeof(struct k_termios) == 36, "struct termios");
struct k_termios2 {
	struct k_termios t;
	u32 c_ispeed, c_ospeed;
};
_Static_assert(sizeof(struct k_termios2) == 44, "struct termios2");

enum {
	VINTR,
	VQUIT,
	VERASE,
	VKILL,
	VEOF,
	VTIME,
	VMIN,
	VSWTC,
	VSTART,
	VSTOP,
	VSUSP,
	VEOL,
	VREPRINT,
	VDISCARD,
	VWERASE,
	VLNEXT,
	VEOL2
};
#define IGNBRK	    0000001
#define BRKINT	    0000002
#define IGNPAR	    0000004
#define ISTRIP	    0000040
#define INLCR	    0000100
#define IGNCR	    0000200
#define ICRNL	    0000400
#define IUCLC	    0001000
#define IXON	    0002000
#define IXANY	    0004000
#define IXOFF	    0010000
#define IMAXBEL	    0020000
#define IUTF8	    0040000
#define OPOST	    0000001
#define OLCUC	    0000002
#define ONLCR	    0000004
#define OCRNL	    0000010
#define ONOCR	    0000020
#define ONLRET	    0000040
#define TAB3	    0014000
#define XTABS	    0014000
#define B38400	    0000017
#define CS8	    0000060
#define CREAD	    0000200
#define CLOCAL	    0004000
#define HUPCL	    0002000
#define ISIG	    0000001
#define ICANON	    0000002
#define ECHO	    0000010
#define ECHOE	    0000020
#define ECHOK	    0000040
#define ECHONL	    0000100
#define NOFLSH	    0000200
#define TOSTOP	    0000400
#define ECHOCTL	    0001000
#define ECHOPRT	    0002000
#define ECHOKE	    0004000
#define IEXTEN	    0100000

#define TCGETS	    0x5401
#define TCSETS	    0x5402
#define TCSETSW	    0x5403
#define TCSETSF	    0x5404
#define TCSBRK	    0x5409
#define TCXONC	    0x540a
#define TCFLSH	    0x540b
#define TIOCSCTTY   0x540e
#define TIOCGPGRP   0x540f
#define TIOCSPGRP   0x5410
#define TIOCOUTQ    0x5411
#define TIOCGWINSZ  0x5413
#define TIOCSWINSZ  0x5414
#define FIONREAD    0x541b
#define FIONBIO	    0x5421
#define TIOCNOTTY   0x5422
#define TCSBRKP	    0x5425
#define TIOCGSID    0x5429
#define TCGETS2	    0x802c542a
#define TCSETS2	    0x402c542b
#define TCSETSW2    0x402c542c
#define TCSETSF2    0x402c542d
#define FIONCLEX    0x5450
#define FIOCLEX	    0x5451
#define TIOCVHANGUP 0x5437

#endif
