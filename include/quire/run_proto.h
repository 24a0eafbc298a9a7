/* SPDX-License-Identifier: MIT */
/*
 * run_proto.h - what `quire run` and the kernel say to each other.
 *
 * They share one byte stream, the port of a virtio console device, cut into
 * frames: this 8-byte header (little endian), then len bytes.  Both sides
 * speak first with RUN_HELLO.
 *
 * Flow of stdin: the host sends at most as many bytes as the guest has
 * granted by RUN_CREDIT (a u32 each, added up), so that a program that does
 * not read its input never blocks a signal behind it.
 *
 * The initramfs holds /.quire/run, which the kernel reads and removes: lines
 * of "key=value", each ended by NUL, in this order:
 *	tty=MASK	bit n: descriptor n is a terminal
 *	cwd=DIR
 *	winsize=ROWS,COLS
 *	arg=...		once for each argument, the first names the program
 *	env=K=V		once for each
 */
#ifndef QUIRE_RUN_PROTO_H
#define QUIRE_RUN_PROTO_H

#include <stdint.h>

#define RUN_PROTO_VERSION 1
#define RUN_FRAME_MAX	  65536 /* the longest len */

enum run_frame_type {
	RUN_HELLO = 1, /* both: u32 version */
	RUN_STDIN,     /* to the guest: bytes; len 0: end of file */
	RUN_CREDIT,    /* to the host: u32 more bytes of stdin */
	RUN_SIGNAL,    /* to the guest: u32 signal for the program's
				   foreground process group */
	RUN_WINSIZE,   /* to the guest: u16 rows, u16 columns */
	RUN_STDOUT,    /* to the host: bytes */
	RUN_STDERR,
	RUN_EXIT, /* to the host: u32 wait(2) status; the last */
	RUN_FAIL, /* to the host: i32 errno, then text: the
				   program could not be started */
};

struct run_frame {
	uint32_t type;
	uint32_t len;
};

/*
 * How the machine ends: what the kernel writes to the isa-debug-exit port
 * 0xf4 (QEMU then ends with status 2 * value + 1; 1 is QEMU's own failure).
 * The log goes to the debug console at port 0xe9.
 */
enum run_machine_exit {
	RUN_MACHINE_OFF = 0x10,		 /* orderly: power off, reboot, halt */
	RUN_MACHINE_PANIC = 0x11,	 /* the kernel could not go on */
	RUN_MACHINE_TESTS_FAILED = 0x12, /* self-tests ran, some failed */
};

#endif
