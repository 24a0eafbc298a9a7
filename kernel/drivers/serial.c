/* SPDX-License-Identifier: MIT */
/*
 * serial.c - the first serial port as a terminal: ttyS0.
 *
 * 1. Receiving.  The interrupt puts bytes into a ring and wakes a thread, which
 *    gives them to the terminal: line editing and signals need task context.
 *    The ring has one producer (the boot processor's interrupt) and one
 *    consumer, and so needs no lock: head is written by the one, tail by the
 *    other.  What does not fit is lost, as on a real line without flow control.
 *
 * 2. Sending goes byte by byte, waiting for the line: what is written has left.
 */
#include "kernel/drivers/drivers.h"

#include <quire/errno.h>
#include <quire/printk.h>

#include "kernel/fs.h"
#include "kernel/fs/tty.h"
#include "kernel/task.h"
#include "port/x86_64/machine.h"

#define TTY_MAJOR    4
#define SERIAL_MINOR 64
#define RING_SIZE    1024U

static struct {
	struct tty tty;
	struct wait_queue_head wait;
	u32 head, tail;
	u8 ring[RING_SIZE];
} serial;

static void serial_rx(u8 byte)
{
	u32 head = serial.head;

	if (head - smp_load_acquire(&serial.tail) == RING_SIZE)
		return;
	serial.ring[head % RING_SIZE] = byte;
	smp_store_release(&serial.head, head + 1);
	wake_up(&serial.wait);
}

static size_t take_bytes(u8 *buf, size_t n)
{
	u32 head = smp_load_acquire(&serial.head), tail = serial.tail;
	size_t got = 0;

	while (got < n && tail != head)
		buf[got++] = serial.ring[tail++ % RING_SIZE];
	smp_store_release(&serial.tail, tail);
	return got;
}

static int serial_thread(void *arg)
{
	u8 buf[128];
	size_t n;

	(void)arg;
	for (;;) {
		wait_event_interruptible(&serial.wait,
					 READ_ONCE(serial.head) != serial.tail);
		while ((n = take_bytes(buf, sizeof(buf))))
			tty_receive(&serial.tty, buf, n);
	}
	return 0;
}

static mm_ssize_t serial_write(struct tty *tty, const char *buf, size_t n)
{
	(void)tty;
	x86_serial_write(buf, n);
	return (mm_ssize_t)n;
}

static void serial_drain(struct tty *tty)
{
	(void)tty; /* writing waits for the line */
}

static const struct tty_ops serial_ops = {
	.write = serial_write,
	.drain = serial_drain,
};

void serial_init(void)
{
	struct task_struct *t;
	int err;

	if (!x86_serial_present())
		return;
	tty_init(&serial.tty, "ttyS0", makedev(TTY_MAJOR, SERIAL_MINOR),
		 &serial_ops);
	init_waitqueue_head(&serial.wait);
	t = kthread_run(serial_thread, NULL, "ttyS0");
	if (IS_ERR(t)) {
		printk("ttyS0: no thread: error %ld\n", -PTR_ERR(t));
		return;
	}
	err = x86_serial_set_rx(serial_rx);
	if (err)
		printk("ttyS0: no interrupt: error %d\n", -err);
	tty_register(&serial.tty);
	console_set_tty(&serial.tty);
}
