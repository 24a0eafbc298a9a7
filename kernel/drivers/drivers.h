/* SPDX-License-Identifier: MIT */
/*
 * drivers.h - devices: the serial terminal, and the byte stream to the host.
 */
#ifndef KERNEL_DRIVERS_H
#define KERNEL_DRIVERS_H

#include <quire/types.h>

struct wait_queue_head;

/* ttyS0 as a terminal and the console; nothing if the machine has no port. */
void serial_init(void);

/* ---- virtio console: one port, bytes both ways ---- */

#define VCON_BUF_SIZE 4096U

/* Find and start the device: 0, -ENODEV, or why it cannot be used. */
int vcon_init(void);
bool vcon_present(void);
/*
 * Send both pieces, together at most VCON_BUF_SIZE, as one: all or nothing.
 * Waits for room; task context.  0, -ERESTARTSYS, -EIO (broken device).
 */
int vcon_send(const void *a, size_t na, const void *b, size_t nb);
/* Would vcon_send not wait?  If not, vcon_send_wait() is woken. */
bool vcon_can_send(void);
struct wait_queue_head *vcon_send_wait(void);
/* Until the device has taken everything, or a signal. */
void vcon_drain(void);
/* Up to n bytes that have arrived; waits for the first.  One reader.  -EIO. */
mm_ssize_t vcon_receive(void *buf, size_t n);

/* ---- run.c: the stream of `quire run` on it ---- */
void run_init(void);

#endif
