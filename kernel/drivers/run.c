/* SPDX-License-Identifier: MIT */
/*
 * run.c - the guest's end of `quire run`: frames on the virtio console.
 *
 *	host --frames--> thread "quire-run" --> stdin ring, terminal, signals
 *	program --write--> frames (RUN_STDOUT, RUN_STDERR) --> host
 *
 * 1. What goes out is cut into frames that fit one device buffer, so that a
 *    frame goes as a whole or not at all, and a writer that waits for room can
 *    be interrupted.
 *
 * 2. stdin is flow-controlled: the host may send only what it was granted, so
 *    its frames never wait here, and a signal behind them is always read.
 *    - a plain stream: the ring's size; reading it grants as much again
 *    - a terminal: half the line discipline's buffer; granted again while that
 *	has room, or in canonical mode no complete line waits to be read
 *
 * 3. Terminals.  There is one, hvc0, for whichever of the descriptors are the
 *    host's terminal.  What it writes goes to stdout if that is one of them,
 *    else to stderr; with neither, its echo has nowhere to go and is dropped.
 *
 * 4. Locking.  run.lock (mutex) over the ring; credit is counted with it.  The
 *    state of the decoder belongs to the thread.
 *
 * 5. A frame that breaks the protocol ends the stream: end of file on stdin.
 *
 * Source: include/quire/run_proto.h.
 */
#include "kernel/run.h"

#include <quire/printk.h>
#include <quire/run_proto.h>

#include "kernel/drivers/drivers.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/tty.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"

#define HVC_MAJOR   229
#define RING_SIZE   16384U /* a power of two */
#define TTY_CREDIT  (N_TTY_BUF_SIZE / 2)
#define PAYLOAD_MAX (VCON_BUF_SIZE - sizeof(struct run_frame))

static struct {
	struct mutex lock;
	struct tty tty;
	u8 *ring;
	u32 head, tail;
	bool ended; /* no more stdin */
	bool stdin_is_tty;
	u32 owed;	/* consumed, not yet granted again */
	int foreground; /* process group without a terminal */
	u32 tty_stream; /* RUN_STDOUT, RUN_STDERR or 0 */
	struct wait_queue_head stdin_wait;
	u64 granted, received; /* bytes of stdin */
} run;

/* ---- frames out ---- */

static int send_frame(u32 type, const void *payload, u32 len)
{
	struct run_frame f = {type, len};

	return vcon_send(&f, sizeof(f), payload, len);
}

static void grant(u32 n)
{
	run.granted += n;
	send_frame(RUN_CREDIT, &n, sizeof(n));
}

/* ---- plain streams ---- */

static u32 ring_used(void)
{
	return READ_ONCE(run.head) - READ_ONCE(run.tail);
}

/* Contiguous bytes from the ring into the iterator; run.lock held. */
static mm_ssize_t ring_read(struct iov_iter *to)
{
	mm_ssize_t done = 0;

	while (to->count && ring_used()) {
		u32 off = run.tail % RING_SIZE;
		size_t n = min(ring_used(), RING_SIZE - off), got;

		n = min(n, to->count);
		got = copy_to_iter(to, run.ring + off, n);
		run.tail += (u32)got;
		done += (mm_ssize_t)got;
		if (got < n)
			return done ? done : -EFAULT;
	}
	return done;
}

static mm_ssize_t stdin_read(struct file *file, struct iov_iter *to, u64 *pos)
{
	mm_ssize_t ret;
	u32 give = 0;

	(void)pos;
	if (!to->count)
		return 0;
	for (;;) {
		mutex_lock(&run.lock);
		ret = ring_read(to);
		if (ret > 0)
			run.owed += (u32)ret;
		if (run.owed >= RING_SIZE / 4 || (run.owed && !ring_used())) {
			give = run.owed;
			run.owed = 0;
		}
		if (!ret && !run.ended)
			ret = -EAGAIN;
		mutex_unlock(&run.lock);
		if (give && !run.ended)
			grant(give);
		give = 0;
		if (ret != -EAGAIN || (file->f_flags & O_NONBLOCK))
			return ret;
		ret = wait_event_interruptible(
			&run.stdin_wait, ring_used() || READ_ONCE(run.ended));
		if (ret)
			return ret;
	}
}

static u32 stdin_poll(struct file *file, struct poll_table *pt)
{
	u32 mask = 0;

	poll_wait(file, &run.stdin_wait, pt);
	if (ring_used())
		mask |= POLLIN | POLLRDNORM;
	if (READ_ONCE(run.ended))
		mask |= POLLHUP;
	return mask;
}

static long stdin_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	(void)file;
	return cmd == FIONREAD ? put_user((int)ring_used(), (int *)arg)
			       : -ENOTTY;
}

static u32 stream_of(const struct file *file)
{
	return (u32)(uintptr_t)file->f_inode->i_private;
}

static mm_ssize_t stream_write(struct file *file, struct iov_iter *from,
			       u64 *pos)
{
	char *buf;
	mm_ssize_t done = 0, ret = 0;

	(void)pos;
	if (!from->count)
		return 0;
	buf = kmalloc(PAYLOAD_MAX, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	while (from->count) {
		size_t n = min(from->count, (size_t)PAYLOAD_MAX);

		if ((file->f_flags & O_NONBLOCK) && !vcon_can_send()) {
			ret = -EAGAIN;
			break;
		}
		n = copy_from_iter(from, buf, n);
		ret = n ? send_frame(stream_of(file), buf, (u32)n) : -EFAULT;
		if (ret)
			break;
		done += (mm_ssize_t)n;
	}
	kfree(buf);
	return done ? done : ret;
}

static u32 stream_poll(struct file *file, struct poll_table *pt)
{
	poll_wait(file, vcon_send_wait(), pt);
	return vcon_can_send() ? POLLOUT | POLLWRNORM : 0;
}

static const struct file_operations stdin_fops = {
	.read = stdin_read,
	.poll = stdin_poll,
	.ioctl = stdin_ioctl,
	.stream = true,
};

static const struct file_operations stream_fops = {
	.write = stream_write,
	.poll = stream_poll,
	.stream = true,
};

/* ---- the terminal ---- */

static mm_ssize_t run_tty_write(struct tty *tty, const char *buf, size_t n)
{
	size_t done = 0;

	(void)tty;
	while (run.tty_stream && done < n) {
		u32 len = (u32)min(n - done, (size_t)PAYLOAD_MAX);
		int err = send_frame(run.tty_stream, buf + done, len);

		if (err)
			return err;
		done += len;
	}
	return (mm_ssize_t)n;
}

static void run_tty_drain(struct tty *tty)
{
	(void)tty;
	vcon_drain();
}

/* Grant again what the line discipline has room for. */
static void regrant_tty(void)
{
	const struct n_tty *ld = &run.tty.ldisc;
	u32 give = 0, waiting;

	mutex_lock(&run.tty.lock);
	waiting = ld->head - ld->tail;
	mutex_unlock(&run.tty.lock);
	mutex_lock(&run.lock);
	if (waiting + TTY_CREDIT <= N_TTY_BUF_SIZE || !n_tty_readable(ld, 1)) {
		give = run.owed;
		run.owed = 0;
	}
	mutex_unlock(&run.lock);
	if (give)
		grant(give);
}

static void run_tty_consumed(struct tty *tty, size_t n)
{
	(void)tty;
	(void)n;
	regrant_tty();
}

static const struct tty_ops run_tty_ops = {
	.write = run_tty_write,
	.drain = run_tty_drain,
	.consumed = run_tty_consumed,
};

/* ---- frames in ---- */

static void end_stdin(void)
{
	mutex_lock(&run.lock);
	run.ended = true;
	mutex_unlock(&run.lock);
	wake_up(&run.stdin_wait);
	if (run.stdin_is_tty)
		tty_end_input(&run.tty);
}

/* Credit makes sure that it fits. */
static void stdin_bytes(const u8 *buf, u32 n)
{
	if (run.stdin_is_tty) {
		tty_receive(&run.tty, buf, n);
		mutex_lock(&run.lock);
		run.owed += n;
		mutex_unlock(&run.lock);
		regrant_tty();
		return;
	}
	mutex_lock(&run.lock);
	for (u32 done = 0; done < n;) {
		u32 off = run.head % RING_SIZE;
		u32 part = min(n - done, RING_SIZE - off);

		memcpy(run.ring + off, buf + done, part);
		run.head += part;
		done += part;
	}
	mutex_unlock(&run.lock);
	wake_up(&run.stdin_wait);
}

static void on_signal(u32 sig)
{
	if (sig < 1 || sig > NSIG)
		return;
	if (run.tty.pgrp > 0)
		tty_signal_foreground(&run.tty, (int)sig);
	else if (run.foreground > 0)
		kill_pgrp(run.foreground, (int)sig);
}

static int receive_all(void *buf, size_t n)
{
	size_t done = 0;

	while (done < n) {
		mm_ssize_t got = vcon_receive((char *)buf + done, n - done);

		if (got < 0)
			return (int)got;
		done += (size_t)got;
	}
	return 0;
}

/* stdin's payload in pieces; what was not granted is a breach. */
static int receive_stdin(u32 len)
{
	u8 buf[512];

	if (!len) {
		end_stdin();
		return 0;
	}
	run.received += len;
	if (run.received > run.granted || run.ended)
		return -EINVAL;
	while (len) {
		mm_ssize_t n = vcon_receive(buf, min(len, (u32)sizeof(buf)));

		if (n < 0)
			return (int)n;
		stdin_bytes(buf, (u32)n);
		len -= (u32)n;
	}
	return 0;
}

/* The small frames: fixed payloads. */
static int receive_small(const struct run_frame *f)
{
	u32 word;
	u16 size[2];
	int err;

	switch (f->type) {
	case RUN_HELLO:
	case RUN_SIGNAL:
		if (f->len != sizeof(word))
			return -EINVAL;
		err = receive_all(&word, sizeof(word));
		if (err)
			return err;
		if (f->type == RUN_HELLO)
			return word == RUN_PROTO_VERSION ? 0 : -EINVAL;
		on_signal(word);
		return 0;
	case RUN_WINSIZE:
		if (f->len != sizeof(size))
			return -EINVAL;
		err = receive_all(size, sizeof(size));
		if (!err)
			tty_set_winsize(
				&run.tty,
				&(struct k_winsize){size[0], size[1], 0, 0});
		return err;
	default:
		return -EINVAL;
	}
}

static int run_thread(void *arg)
{
	struct run_frame f;
	int err;

	(void)arg;
	do {
		err = receive_all(&f, sizeof(f));
		if (err)
			break;
		err = f.type == RUN_STDIN ? receive_stdin(f.len)
					  : receive_small(&f);
	} while (!err);
	printk("quire run: the host's stream is broken: error %d\n", -err);
	end_stdin();
	return 0;
}

/* ---- the program's descriptors ---- */

static struct file *open_stream(unsigned int fd)
{
	static const char *const names[] = {"pipe:[stdin]", "pipe:[stdout]",
					    "pipe:[stderr]"};
	static const u32 types[] = {RUN_STDIN, RUN_STDOUT, RUN_STDERR};
	struct inode *inode = new_inode(&pipefs_sb, S_IFIFO | 0600);
	struct dentry *d;
	struct file *f;

	if (!inode)
		return ERR_PTR(-ENOMEM);
	inode->i_private = (void *)(uintptr_t)types[fd];
	inode->i_fop = fd ? &stream_fops : &stdin_fops;
	d = d_alloc_anon(inode, names[fd]);
	if (!d) {
		iput(inode);
		return ERR_PTR(-ENOMEM);
	}
	f = dentry_open(d, fd ? O_WRONLY : O_RDONLY);
	dput(d);
	return f;
}

static int install(unsigned int fd, bool is_tty)
{
	struct file *f = is_tty ? filp_open("/dev/hvc0", O_RDWR | O_NOCTTY, 0)
				: open_stream(fd);
	int got;

	if (IS_ERR(f))
		return (int)PTR_ERR(f);
	got = fd_install_file(f, false);
	if (got == (int)fd)
		return 0;
	if (got < 0)
		fput(f);
	return got < 0 ? got : -EBUSY;
}

int run_start(unsigned int tty_mask, unsigned int rows, unsigned int cols)
{
	u32 version = RUN_PROTO_VERSION;
	int err;

	if (!vcon_present())
		return -ENODEV;
	run.stdin_is_tty = tty_mask & 1;
	run.tty_stream = tty_mask & 2	? RUN_STDOUT
			 : tty_mask & 4 ? RUN_STDERR
					: 0;
	run.foreground = current->signal->pgrp;
	tty_set_winsize(&run.tty,
			&(struct k_winsize){(u16)rows, (u16)cols, 0, 0});
	if (tty_mask & 7) {
		console_set_tty(&run.tty);
		err = tty_take_session(&run.tty);
		if (err)
			return err;
	}
	for (unsigned int fd = 0; fd < 3; fd++) {
		err = install(fd, tty_mask >> fd & 1);
		if (err)
			return err;
	}
	err = send_frame(RUN_HELLO, &version, sizeof(version));
	if (err)
		return err;
	grant(run.stdin_is_tty ? TTY_CREDIT : RING_SIZE);
	return 0;
}

void run_set_foreground(int pgrp)
{
	WRITE_ONCE(run.foreground, pgrp);
}

void run_exit(u32 wait_status)
{
	send_frame(RUN_EXIT, &wait_status, sizeof(wait_status));
	vcon_drain();
}

void run_fail(int err, const char *text)
{
	struct {
		s32 err;
		char text[256];
	} fail = {.err = err < 0 ? -err : err};
	size_t len = min(strlen(text), sizeof(fail.text));

	memcpy(fail.text, text, len);
	send_frame(RUN_FAIL, &fail,
		   (u32)(offsetof(__typeof__(fail), text) + len));
	vcon_drain();
}

void run_init(void)
{
	struct task_struct *t;

	if (vcon_init())
		return;
	mutex_init(&run.lock);
	init_waitqueue_head(&run.stdin_wait);
	run.ring = kmalloc(RING_SIZE, GFP_KERNEL);
	BUG_ON(!run.ring);
	tty_init(&run.tty, "hvc0", makedev(HVC_MAJOR, 0), &run_tty_ops);
	tty_register(&run.tty);
	t = kthread_run(run_thread, NULL, "quire-run");
	BUG_ON(IS_ERR(t));
}

void drivers_init(void)
{
	serial_init();
	run_init();
}
