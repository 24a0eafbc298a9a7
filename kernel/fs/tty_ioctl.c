/* SPDX-License-Identifier: MIT */
/*
 * tty_ioctl.c - a terminal's settings and its session, by ioctl(2).
 *
 * Sources: ioctl_tty(2), termios(3), tcsetpgrp(3).
 */
#include "kernel/fs/internal.h"
#include "kernel/fs/tty.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"

/* ---- settings ---- */

static long get_termios(struct tty *tty, void *uarg, bool two)
{
	struct k_termios2 t2 = {.c_ispeed = 38400, .c_ospeed = 38400};
	size_t size = two ? sizeof(t2) : sizeof(t2.t);

	mutex_lock(&tty->lock);
	t2.t = tty->ldisc.termios;
	mutex_unlock(&tty->lock);
	return copy_to_user(uarg, &t2, size) ? -EFAULT : 0;
}

enum { SET_NOW, SET_WAIT, SET_FLUSH };

static long set_termios(struct tty *tty, const void *uarg, bool two, int how)
{
	struct k_termios2 t2;
	size_t size = two ? sizeof(t2) : sizeof(t2.t);
	int err = tty_check_background(tty, SIGTTOU);

	if (err)
		return err;
	if (copy_from_user(&t2, uarg, size))
		return -EFAULT;
	if (how != SET_NOW)
		tty->ops->drain(tty);
	mutex_lock(&tty->lock);
	if (how == SET_FLUSH)
		n_tty_flush_input(&tty->ldisc);
	n_tty_set_termios(&tty->ldisc, &t2.t);
	mutex_unlock(&tty->lock);
	wake_up(&tty->read_wait);
	wake_up(&tty->write_wait);
	return 0;
}

enum { TCIFLUSH, TCOFLUSH, TCIOFLUSH };
enum { TCOOFF, TCOON, TCIOFF, TCION };

/* Written bytes are with the device at once: there is no output to drop. */
static long flush(struct tty *tty, unsigned long what)
{
	int err = tty_check_background(tty, SIGTTOU);

	if (err)
		return err;
	if (what > TCIOFLUSH)
		return -EINVAL;
	if (what == TCOFLUSH)
		return 0;
	mutex_lock(&tty->lock);
	n_tty_flush_input(&tty->ldisc);
	mutex_unlock(&tty->lock);
	return 0;
}

static long flow(struct tty *tty, unsigned long what)
{
	u8 c;
	int err = tty_check_background(tty, SIGTTOU);

	if (err)
		return err;
	switch (what) {
	case TCOOFF:
	case TCOON:
		mutex_lock(&tty->lock);
		tty->ldisc.stopped = what == TCOOFF;
		mutex_unlock(&tty->lock);
		wake_up(&tty->write_wait);
		return 0;
	case TCIOFF:
	case TCION:
		c = tty->ldisc.termios.c_cc[what == TCIOFF ? VSTOP : VSTART];
		if (c)
			tty->ops->write(tty, (const char *)&c, 1);
		return 0;
	default:
		return -EINVAL;
	}
}

static long get_winsize(struct tty *tty, void *uarg)
{
	struct k_winsize ws;

	mutex_lock(&tty->lock);
	ws = tty->winsize;
	mutex_unlock(&tty->lock);
	return copy_to_user(uarg, &ws, sizeof(ws)) ? -EFAULT : 0;
}

static long set_winsize(struct tty *tty, const void *uarg)
{
	struct k_winsize ws;

	if (copy_from_user(&ws, uarg, sizeof(ws)))
		return -EFAULT;
	tty_set_winsize(tty, &ws);
	return 0;
}

static long bytes_waiting(struct tty *tty, int *uarg)
{
	int n;

	mutex_lock(&tty->lock);
	n = (int)n_tty_available(&tty->ldisc);
	mutex_unlock(&tty->lock);
	return put_user(n, uarg);
}

/* ---- sessions ---- */

static bool is_controlling(struct tty *tty)
{
	return current->signal->tty == tty;
}

static long get_pgrp(struct tty *tty, int *uarg)
{
	int pgrp;

	if (!is_controlling(tty))
		return -ENOTTY;
	pgrp = tty_pgrp(tty);
	/* No foreground group: a number no group has, as POSIX asks. */
	return put_user(pgrp ? pgrp : 0x7fffffff, uarg);
}

/* The session that a process group belongs to; 0: no such group. */
static int session_of_pgrp_locked(int pgrp)
{
	struct task_struct *t;

	for_each_task(t)
		if (t->signal->pgrp == pgrp)
			return t->signal->session;
	return 0;
}

static long set_pgrp(struct tty *tty, int *uarg)
{
	int pgrp, session, err = tty_check_background(tty, SIGTTOU);

	if (err)
		return err;
	if (get_user(pgrp, uarg))
		return -EFAULT;
	if (pgrp < 0)
		return -EINVAL;
	spin_lock(&tasklist_lock);
	session = session_of_pgrp_locked(pgrp);
	if (!is_controlling(tty) || tty->session != current->signal->session)
		err = -ENOTTY;
	else if (!session)
		err = -ESRCH;
	else if (session != current->signal->session)
		err = -EPERM;
	else
		tty->pgrp = pgrp;
	spin_unlock(&tasklist_lock);
	return err;
}

/* steal: root may take the terminal from another session. */
static long take_ctty(struct tty *tty, unsigned long steal)
{
	struct signal_struct *sig = current->signal;
	struct task_struct *t;

	if (sig->leader_of_session && sig->session == tty->session)
		return 0;
	if (steal == 1 && capable_root() && sig->leader_of_session &&
	    !sig->tty) {
		spin_lock(&tasklist_lock);
		for_each_task(t) {
			if (t->signal->tty == tty) {
				t->signal->tty = NULL;
				tty_put(tty);
			}
		}
		tty->session = 0;
		tty->pgrp = 0;
		spin_unlock(&tasklist_lock);
	}
	return tty_take_session(tty);
}

static long give_up_ctty(struct tty *tty)
{
	if (!is_controlling(tty))
		return -ENOTTY;
	disassociate_ctty(current);
	return 0;
}

long tty_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct tty *tty = tty_of(file);
	void *uarg = (void *)arg;

	if (file->f_hangups != READ_ONCE(tty->hangups))
		return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
	switch (cmd) {
	case TCGETS:
		return get_termios(tty, uarg, false);
	case TCGETS2:
		return get_termios(tty, uarg, true);
	case TCSETS:
		return set_termios(tty, uarg, false, SET_NOW);
	case TCSETSW:
		return set_termios(tty, uarg, false, SET_WAIT);
	case TCSETSF:
		return set_termios(tty, uarg, false, SET_FLUSH);
	case TCSETS2:
		return set_termios(tty, uarg, true, SET_NOW);
	case TCSETSW2:
		return set_termios(tty, uarg, true, SET_WAIT);
	case TCSETSF2:
		return set_termios(tty, uarg, true, SET_FLUSH);
	case TCSBRK: /* tcdrain, and breaks that no line here has */
	case TCSBRKP:
		tty->ops->drain(tty);
		return 0;
	case TCFLSH:
		return flush(tty, arg);
	case TCXONC:
		return flow(tty, arg);
	case TIOCGWINSZ:
		return get_winsize(tty, uarg);
	case TIOCSWINSZ:
		return set_winsize(tty, uarg);
	case FIONREAD:
		return bytes_waiting(tty, uarg);
	case TIOCOUTQ: /* nothing waits here */
		return put_user(0, (int *)uarg);
	case TIOCGPGRP:
		return get_pgrp(tty, uarg);
	case TIOCSPGRP:
		return set_pgrp(tty, uarg);
	case TIOCGSID:
		if (!is_controlling(tty) || !tty->session)
			return -ENOTTY;
		return put_user(tty->session, (int *)uarg);
	case TIOCSCTTY:
		return take_ctty(tty, arg);
	case TIOCNOTTY:
		return give_up_ctty(tty);
	default:
		return -ENOTTY;
	}
}
