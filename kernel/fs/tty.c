/* SPDX-License-Identifier: MIT */
/*
 * tty.c - terminals: between a device, the line discipline and processes.
 *
 * 1. Input arrives in task context (a driver's thread), goes through n_tty
 *    under tty->lock, and only then, with no lock held, signals are sent and
 *    echo is written, signals first: ^C works even if the output is stuck.
 *
 * 2. Job control.  A terminal belongs to one session; signal->tty points the
 *    other way.  A background process that reads gets SIGTTIN, one that
 *    changes settings (or writes, with TOSTOP) SIGTTOU.
 *
 * 3. Hang-up.  When the session's leader ends, files opened before are dead:
 *    reads give end of file, writes EIO.  The terminal can be opened anew.
 *
 * 4. Locking.  tty->lock (mutex) over ldisc and winsize; write_lock over
 *    output; session, pgrp and every signal->tty under tasklist_lock.
 *    kill_pgrp is called with none of them.
 *
 * Terminals are part of the machine and live for ever.
 *
 * Sources: termios(3), tty(4), credentials(7), POSIX chapter 11.
 */
#include "kernel/fs/tty.h"

#include "kernel/fs/internal.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"

#define TTYAUX_MAJOR 5
#define DECISECOND   (100 * NSEC_PER_MSEC)

#define MAX_TTYS     4

static struct {
	struct tty *console; /* NULL: opening it gives ENXIO */
	struct tty *list[MAX_TTYS];
	unsigned int nr;
} ttys;

void tty_init(struct tty *tty, const char *name, u64 rdev,
	      const struct tty_ops *ops)
{
	memset(tty, 0, sizeof(*tty));
	tty->name = name;
	tty->rdev = rdev;
	tty->ops = ops;
	mutex_init(&tty->lock);
	mutex_init(&tty->write_lock);
	n_tty_init(&tty->ldisc);
	init_waitqueue_head(&tty->read_wait);
	init_waitqueue_head(&tty->write_wait);
}

void tty_get(struct tty *tty)
{
	__atomic_fetch_add(&tty->count, 1, __ATOMIC_RELAXED);
}

void tty_put(struct tty *tty)
{
	WARN_ON_ONCE(!__atomic_fetch_sub(&tty->count, 1, __ATOMIC_RELAXED));
}

u32 tty_devnr(const struct tty *tty)
{
	return tty ? (u32)tty->rdev : 0;
}

int tty_pgrp(const struct tty *tty)
{
	return tty ? READ_ONCE(tty->pgrp) : -1;
}

struct tty *tty_of(struct file *file)
{
	return file->private_data;
}

static bool file_is_dead(struct file *file)
{
	return file->f_hangups != READ_ONCE(tty_of(file)->hangups);
}

/* ---- input ---- */

/* What a batch of input causes, gathered under the lock. */
struct effects {
	struct tty *tty;
	u64 signals;
	size_t len;
	char echo[512];
};

static void gather_echo(void *ctx, const char *bytes, size_t n)
{
	struct effects *e = ctx;

	/* A batch is short enough: see tty_receive(). */
	if (n > sizeof(e->echo) - e->len)
		n = sizeof(e->echo) - e->len;
	memcpy(e->echo + e->len, bytes, n);
	e->len += n;
}

static void gather_signal(void *ctx, int sig)
{
	struct effects *e = ctx;

	e->signals |= sigmask(sig);
}

void tty_signal_foreground(struct tty *tty, int sig)
{
	int pgrp;

	spin_lock(&tasklist_lock);
	pgrp = tty->pgrp;
	spin_unlock(&tasklist_lock);
	if (pgrp > 0)
		kill_pgrp(pgrp, sig);
}

static void apply_effects(struct effects *e)
{
	for (int sig = 1; e->signals && sig <= NSIG; sig++) {
		if (e->signals & sigmask(sig))
			tty_signal_foreground(e->tty, sig);
		e->signals &= ~sigmask(sig);
	}
	if (e->len)
		e->tty->ops->write(e->tty, e->echo, e->len);
	e->len = 0;
}

void tty_receive(struct tty *tty, const u8 *buf, size_t n)
{
	struct effects e = {.tty = tty};
	const struct n_tty_out out = {gather_echo, gather_signal, &e};

	while (n) {
		/* Erasing a line can echo much: then one byte is a batch. */
		mutex_lock(&tty->lock);
		do {
			n_tty_receive(&tty->ldisc, *buf++, &out);
			n--;
		} while (n && e.len < sizeof(e.echo) / 4);
		mutex_unlock(&tty->lock);
		apply_effects(&e);
	}
	wake_up(&tty->read_wait);
	wake_up(&tty->write_wait);
}

void tty_end_input(struct tty *tty)
{
	mutex_lock(&tty->lock);
	n_tty_push_eof(&tty->ldisc);
	tty->ended = true;
	mutex_unlock(&tty->lock);
	wake_up(&tty->read_wait);
}

/* ---- job control ---- */

static bool is_background(struct tty *tty)
{
	bool bg;

	spin_lock(&tasklist_lock);
	bg = current->signal->tty == tty && tty->pgrp > 0 &&
	     current->signal->pgrp != tty->pgrp;
	spin_unlock(&tasklist_lock);
	return bg;
}

int tty_check_background(struct tty *tty, int sig)
{
	int pgrp = current->signal->pgrp;

	if (likely(!is_background(tty)))
		return 0;
	if (sig_blocked_or_ignored(sig))
		return sig == SIGTTIN ? -EIO : 0;
	if (is_orphaned_pgrp(pgrp))
		return -EIO;
	kill_pgrp(pgrp, sig);
	return -ERESTARTSYS;
}

int tty_take_session(struct tty *tty)
{
	struct signal_struct *sig = current->signal;
	int err = -EPERM;

	spin_lock(&tasklist_lock);
	if (sig->leader_of_session && !sig->tty && !tty->session) {
		tty->session = sig->session;
		tty->pgrp = sig->pgrp;
		sig->tty = tty;
		tty_get(tty);
		err = 0;
	}
	spin_unlock(&tasklist_lock);
	return err;
}

/* No process of the session has the terminal any more; tasklist_lock held. */
static void detach_session(struct tty *tty, int session)
{
	struct task_struct *t;

	for_each_task(t) {
		if (t->signal->session == session && t->signal->tty == tty) {
			t->signal->tty = NULL;
			tty_put(tty);
		}
	}
	tty->session = 0;
	tty->pgrp = 0;
}

void disassociate_ctty(struct task_struct *leader)
{
	struct signal_struct *sig = leader->signal;
	bool exiting = leader->flags & PF_EXITING;
	struct tty *tty;
	int pgrp = 0;

	spin_lock(&tasklist_lock);
	tty = sig->tty;
	if (tty && sig->leader_of_session && tty->session == sig->session) {
		pgrp = tty->pgrp;
		if (exiting)
			tty->hangups++;
		detach_session(tty, sig->session);
	} else if (tty) {
		sig->tty = NULL;
		tty_put(tty);
	}
	spin_unlock(&tasklist_lock);
	if (!tty)
		return;
	if (pgrp > 0) {
		kill_pgrp(pgrp, SIGHUP);
		kill_pgrp(pgrp, SIGCONT);
	}
	wake_up(&tty->read_wait);
	wake_up(&tty->write_wait);
}

void tty_set_winsize(struct tty *tty, const struct k_winsize *ws)
{
	bool changed;

	mutex_lock(&tty->lock);
	changed = memcmp(&tty->winsize, ws, sizeof(*ws)) != 0;
	tty->winsize = *ws;
	mutex_unlock(&tty->lock);
	if (changed)
		tty_signal_foreground(tty, SIGWINCH);
}

/* ---- reading ---- */

/* How long a raw read waits, and for what: termios(3), MIN and TIME. */
struct raw_wait {
	u32 min;
	u64 first_ns; /* for the first byte */
	u64 next_ns;  /* between bytes */
};

static void raw_params(const struct n_tty *ld, size_t count, struct raw_wait *w)
{
	u32 min = ld->termios.c_cc[VMIN];
	u64 time = ld->termios.c_cc[VTIME] * DECISECOND;

	if (ld->termios.c_lflag & ICANON) {
		*w = (struct raw_wait){1, UINT64_MAX, UINT64_MAX};
		return;
	}
	w->min = min > count ? (u32)count : min;
	w->first_ns = min ? UINT64_MAX : time;
	w->next_ns = time ? time : UINT64_MAX;
}

static bool input_ready(struct tty *tty, struct file *file, u32 min, u32 seen)
{
	return n_tty_readable(&tty->ldisc, min ? min : 1) || tty->ended ||
	       file_is_dead(file) ||
	       (!(tty->ldisc.termios.c_lflag & ICANON) &&
		n_tty_available(&tty->ldisc) != seen);
}

/*
 * Wait until a read can return: 0, or -E; -ETIMEDOUT: with what is there.
 * Called and left with tty->lock held.
 */
static int wait_input(struct tty *tty, struct file *file, size_t count)
{
	struct raw_wait w;

	for (;;) {
		u32 seen = n_tty_available(&tty->ldisc);
		u64 timeout;
		long err;

		raw_params(&tty->ldisc, count, &w);
		if (n_tty_readable(&tty->ldisc, w.min) || tty->ended ||
		    file_is_dead(file))
			return 0;
		if (file->f_flags & O_NONBLOCK)
			return seen && !(tty->ldisc.termios.c_lflag & ICANON)
				       ? 0
				       : -EAGAIN;
		timeout = seen ? w.next_ns : w.first_ns;
		mutex_unlock(&tty->lock);
		err = wait_event_state(&tty->read_wait,
				       input_ready(tty, file, w.min, seen),
				       TASK_INTERRUPTIBLE, &timeout);
		mutex_lock(&tty->lock);
		if (err)
			return (int)err;
	}
}

static mm_ssize_t tty_read(struct file *file, struct iov_iter *to, u64 *pos)
{
	struct tty *tty = tty_of(file);
	size_t n = min(to->count, (size_t)N_TTY_BUF_SIZE);
	mm_ssize_t ret;
	bool eof;
	char *buf;

	(void)pos;
	if (!n || file_is_dead(file))
		return 0;
	ret = tty_check_background(tty, SIGTTIN);
	if (ret)
		return ret;
	buf = kmalloc(n, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	mutex_lock(&tty->lock);
	ret = wait_input(tty, file, n);
	if (!ret || ret == -ETIMEDOUT)
		ret = n_tty_read(&tty->ldisc, buf, (u32)n, &eof);
	mutex_unlock(&tty->lock);
	if (ret > 0) {
		if (tty->ops->consumed)
			tty->ops->consumed(tty, (size_t)ret);
		if (copy_to_iter(to, buf, (size_t)ret) < (size_t)ret)
			ret = -EFAULT;
	}
	kfree(buf);
	return ret;
}

/* ---- writing ---- */

/* Processed output of as much of in as fits: bytes of in used. */
static size_t fill_obuf(struct tty *tty, const char *in, size_t n, size_t *out)
{
	size_t used = 0, len = 0;

	mutex_lock(&tty->lock);
	while (used < n && len + 8 <= TTY_OBUF_SIZE)
		len += n_tty_opost(&tty->ldisc, (u8)in[used++],
				   tty->obuf + len);
	mutex_unlock(&tty->lock);
	*out = len;
	return used;
}

static int wait_not_stopped(struct tty *tty, struct file *file)
{
	if (likely(!READ_ONCE(tty->ldisc.stopped)))
		return 0;
	if (file->f_flags & O_NONBLOCK)
		return -EAGAIN;
	return (int)wait_event_interruptible(&tty->write_wait,
					     !READ_ONCE(tty->ldisc.stopped) ||
						     file_is_dead(file));
}

static mm_ssize_t write_chunk(struct tty *tty, const char *in, size_t n)
{
	size_t done = 0, len;

	while (done < n) {
		mm_ssize_t ret;

		done += fill_obuf(tty, in + done, n - done, &len);
		ret = len ? tty->ops->write(tty, tty->obuf, len) : 0;
		if (ret < 0)
			return ret;
	}
	return (mm_ssize_t)done;
}

static mm_ssize_t tty_write(struct file *file, struct iov_iter *from, u64 *pos)
{
	struct tty *tty = tty_of(file);
	mm_ssize_t done = 0, ret = 0;
	char in[256];

	(void)pos;
	if (tty->ldisc.termios.c_lflag & TOSTOP) {
		ret = tty_check_background(tty, SIGTTOU);
		if (ret)
			return ret;
	}
	mutex_lock(&tty->write_lock);
	while (from->count) {
		size_t n = min(from->count, sizeof(in));

		ret = wait_not_stopped(tty, file);
		if (!ret && file_is_dead(file))
			ret = -EIO;
		if (ret)
			break;
		n = copy_from_iter(from, in, n);
		ret = n ? write_chunk(tty, in, n) : -EFAULT;
		if (ret < 0)
			break;
		done += ret;
		if (signal_pending_current() && from->count) {
			ret = -ERESTARTSYS;
			break;
		}
	}
	mutex_unlock(&tty->write_lock);
	return done ? done : ret;
}

static u32 tty_poll(struct file *file, struct poll_table *pt)
{
	struct tty *tty = tty_of(file);
	const struct n_tty *ld = &tty->ldisc;
	u32 min = ld->termios.c_cc[VTIME] ? 1 : ld->termios.c_cc[VMIN];
	u32 mask = 0;

	poll_wait(file, &tty->read_wait, pt);
	poll_wait(file, &tty->write_wait, pt);
	if (n_tty_readable(ld, min ? min : 1) || tty->ended)
		mask |= POLLIN | POLLRDNORM;
	if (!ld->stopped)
		mask |= POLLOUT | POLLWRNORM;
	if (file_is_dead(file))
		mask |= POLLHUP | POLLIN | POLLOUT;
	return mask;
}

/* ---- opening ---- */

/* The terminal a device number stands for now; ERR. */
static struct tty *find_tty(u64 rdev)
{
	struct tty *tty;

	if (rdev == makedev(TTYAUX_MAJOR, 0)) {
		spin_lock(&tasklist_lock);
		tty = current->signal->tty;
		spin_unlock(&tasklist_lock);
		return tty ? tty : ERR_PTR(-ENXIO);
	}
	if (rdev == makedev(TTYAUX_MAJOR, 1))
		return ttys.console ? ttys.console : ERR_PTR(-ENXIO);
	for (unsigned int i = 0; i < ttys.nr; i++)
		if (ttys.list[i]->rdev == rdev)
			return ttys.list[i];
	return ERR_PTR(-ENXIO);
}

static void tty_bind(struct file *file, struct tty *tty)
{
	tty_get(tty);
	file->private_data = tty;
	file->f_hangups = READ_ONCE(tty->hangups);
}

/* /dev/console never becomes the controlling terminal by opening it. */
static int tty_open(struct inode *inode, struct file *file)
{
	struct tty *tty =
		inode->i_private ? inode->i_private : find_tty(inode->rdev);

	if (IS_ERR(tty))
		return (int)PTR_ERR(tty);
	tty_bind(file, tty);
	if (!(file->f_flags & O_NOCTTY) &&
	    inode->rdev != makedev(TTYAUX_MAJOR, 1) &&
	    current->signal->leader_of_session && !current->signal->tty)
		tty_take_session(tty);
	return 0;
}

static void tty_release(struct file *file)
{
	tty_put(tty_of(file));
}

const struct file_operations tty_fops = {
	.open = tty_open,
	.release = tty_release,
	.read = tty_read,
	.write = tty_write,
	.ioctl = tty_ioctl,
	.poll = tty_poll,
	.stream = true,
};

struct file *tty_open_file(struct tty *tty, int flags)
{
	struct inode *inode = new_inode(&pipefs_sb, S_IFCHR | 0620);
	struct dentry *d;
	struct file *f;

	if (!inode)
		return ERR_PTR(-ENOMEM);
	inode->rdev = tty->rdev;
	inode->i_fop = &tty_fops;
	inode->i_private = tty;
	d = d_alloc_anon(inode, tty->name);
	if (!d) {
		iput(inode);
		return ERR_PTR(-ENOMEM);
	}
	f = dentry_open(d, flags);
	dput(d);
	return f;
}

/* ---- console ---- */

void tty_register(struct tty *tty)
{
	BUG_ON(ttys.nr == MAX_TTYS);
	ttys.list[ttys.nr++] = tty;
	register_chrdev(tty->name, tty->rdev, 0620, &tty_fops);
}

void console_set_tty(struct tty *tty)
{
	ttys.console = tty;
}

int console_open_stdio(void)
{
	struct file *f = filp_open("/dev/console", O_RDWR, 0);

	if (IS_ERR(f))
		return (int)PTR_ERR(f);
	for (int i = 0; i < 3; i++) {
		int fd;

		get_file(f);
		fd = fd_install_file(f, false);
		if (fd < 0) {
			fput(f);
			fput(f);
			return fd;
		}
	}
	fput(f);
	return 0;
}

void tty_devices_init(void)
{
	register_chrdev("tty", makedev(TTYAUX_MAJOR, 0), 0666, &tty_fops);
	register_chrdev("console", makedev(TTYAUX_MAJOR, 1), 0600, &tty_fops);
}
