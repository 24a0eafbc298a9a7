/* SPDX-License-Identifier: MIT */
/*
 * tty.h - terminals: the line discipline's state machine, and the layer that
 * ties it to a device, to processes and to descriptors.
 *
 *	device --bytes--> tty_receive() -> n_tty_receive() -> read(2)
 *	write(2) -> n_tty_opost() -> ops->write() --bytes--> device
 */
#ifndef KERNEL_FS_TTY_H
#define KERNEL_FS_TTY_H

#include <quire/rwsem.h>
#include <quire/spinlock.h>
#include <quire/types.h>

#include "kernel/fs/abi.h"
#include "kernel/wait.h"

/* ---- n_tty.c: pure, no locks, no sleeping ---- */

#define N_TTY_BUF_SIZE 4096U /* a power of two */

/*
 * Input waits in a ring between tail and head.  In canonical mode what lies
 * before canon is complete lines; line ends that are not data (EOF) are kept
 * as marked bytes.
 */
struct n_tty {
	struct k_termios termios;
	u32 head, tail, canon; /* counts, taken modulo the size */
	u32 nr_lines;	       /* line ends between tail and canon */
	u32 column;	       /* of the output, for tabs and erase */
	u32 canon_column;      /* where the line being typed began */
	bool lnext;	       /* the next character is literal */
	bool stopped;	       /* ^S */
	u8 ring[N_TTY_BUF_SIZE];
	u64 mark[N_TTY_BUF_SIZE / 64]; /* this byte ends a line */
};

/* What n_tty_receive asks of its surroundings, through echo and signal. */
struct n_tty_out {
	void (*echo)(void *ctx, const char *bytes, size_t n);
	void (*signal)(void *ctx, int sig);
	void *ctx;
};

void n_tty_init(struct n_tty *t);
/* One character from the device. */
void n_tty_receive(struct n_tty *t, u8 c, const struct n_tty_out *out);
/* Would a read return now?  min: VMIN, or 1. */
bool n_tty_readable(const struct n_tty *t, u32 min);
u32 n_tty_available(const struct n_tty *t);
/*
 * Move up to n bytes to buf: at most one line in canonical mode.  *eof: the
 * line was ended by EOF with nothing before it.
 */
u32 n_tty_read(struct n_tty *t, char *buf, u32 n, bool *eof);
/* The output form of c into buf (at most 8 bytes); its length. */
u32 n_tty_opost(struct n_tty *t, u8 c, char *buf);
/* New settings: a change of ICANON keeps what was typed readable. */
void n_tty_set_termios(struct n_tty *t, const struct k_termios *new);
/* The device has ended: a line begun can be read as it is. */
void n_tty_push_eof(struct n_tty *t);
void n_tty_flush_input(struct n_tty *t);
void n_tty_validate(const struct n_tty *t);

/* ---- tty.c ---- */

struct tty;
struct inode;
struct file;
struct iov_iter;
struct poll_table;

struct tty_ops {
	/* Take all of it; may sleep.  Bytes or -E. */
	mm_ssize_t (*write)(struct tty *tty, const char *buf, size_t n);
	/* Until everything written has left; may sleep. */
	void (*drain)(struct tty *tty);
	/* A reader made room for so many bytes; NULL: it need not know. */
	void (*consumed)(struct tty *tty, size_t n);
};

#define TTY_OBUF_SIZE 2048U

struct tty {
	const char *name;
	u64 rdev;
	const struct tty_ops *ops;
	struct mutex lock;	 /* ldisc, winsize */
	struct mutex write_lock; /* one writer at a time; obuf */
	struct n_tty ldisc;
	struct k_winsize winsize;
	int session, pgrp; /* 0: none; tasklist_lock */
	u32 count;	   /* processes it controls, open files */
	u32 hangups;	   /* so many: older files are dead */
	bool ended;	   /* the device sends no more */
	struct wait_queue_head read_wait, write_wait;
	char obuf[TTY_OBUF_SIZE];
};

void tty_init(struct tty *tty, const char *name, u64 rdev,
	      const struct tty_ops *ops);
/* Bytes from the device; task context, may sleep. */
void tty_receive(struct tty *tty, const u8 *buf, size_t n);
/* The device will send no more: readers see end of file. */
void tty_end_input(struct tty *tty);
void tty_set_winsize(struct tty *tty, const struct k_winsize *ws);
/* A signal for the foreground process group, as if typed. */
void tty_signal_foreground(struct tty *tty, int sig);
/* current, a session leader, takes the terminal and is its foreground. */
int tty_take_session(struct tty *tty);
struct tty *tty_of(struct file *file);
/* 0, or current is in the background: a signal was sent, -ERESTARTSYS. */
int tty_check_background(struct tty *tty, int sig);

extern const struct file_operations tty_fops;
/* /dev/tty, /dev/console, /dev/ttyS0. */
void tty_devices_init(void);
/* tty->rdev can be opened from now on; its node is in every devtmpfs. */
void tty_register(struct tty *tty);
/* What /dev/console is. */
void console_set_tty(struct tty *tty);
/* An unnamed terminal as an open file, for descriptors 0..2; ERR. */
struct file *tty_open_file(struct tty *tty, int flags);

/* ---- tty_ioctl.c ---- */
long tty_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif
