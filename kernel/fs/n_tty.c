/* SPDX-License-Identifier: MIT */
/*
 * n_tty.c - the line discipline: what typing does before a program sees it.
 *
 * 1. Idea.  A state machine without locks, memory or devices: characters go
 *    in, bytes and echo come out, so that it can be tested alone.
 *
 *	ring:   tail ........ canon ........ head
 *		  complete     line being
 *		  lines        typed            (raw mode: canon = head)
 *
 *    A marked byte ends a line and is its last byte; a marked NUL stands for
 *    EOF (^D), ends a line too and is not given to the reader.
 *
 * 2. Invariants.
 *    N1  tail <= canon <= head <= tail + N_TTY_BUF_SIZE
 *    N2  nr_lines is the number of marks in [tail, canon)
 *    N3  in canonical mode canon is tail or lies behind a marked byte
 *    N4  in raw mode nothing is marked and canon = head
 *
 * 3. Not implemented, as the hardware has no such thing: parity (INPCK,
 *    PARMRK), breaks, modem lines, output delays.
 *
 * Sources: termios(3), POSIX chapter 11 (General Terminal Interface).
 */
#include "kernel/fs/tty.h"

#include <quire/printk.h>
#include <quire/string.h>

#include "kernel/uapi.h"

#define CTRL(c) ((u8)((c)&0x1f))
#define DEL	0x7f
#define BELL	0x07

static bool lflag(const struct n_tty *t, u32 bit)
{
	return t->termios.c_lflag & bit;
}

static bool is_cc(const struct n_tty *t, int which, u8 c)
{
	return c && t->termios.c_cc[which] == c; /* 0: disabled */
}

static bool is_control(u8 c)
{
	return c < 0x20 || c == DEL;
}

static bool is_continuation(const struct n_tty *t, u8 c)
{
	return (t->termios.c_iflag & IUTF8) && (c & 0xc0) == 0x80;
}

static u8 at(const struct n_tty *t, u32 pos)
{
	return t->ring[pos % N_TTY_BUF_SIZE];
}

static bool marked(const struct n_tty *t, u32 pos)
{
	pos %= N_TTY_BUF_SIZE;
	return t->mark[pos / 64] >> (pos % 64) & 1;
}

static void set_mark(struct n_tty *t, u32 pos, bool on)
{
	u64 *word;

	pos %= N_TTY_BUF_SIZE;
	word = &t->mark[pos / 64];
	*word = on ? *word | 1UL << (pos % 64) : *word & ~(1UL << (pos % 64));
}

void n_tty_init(struct n_tty *t)
{
	static const u8 cc[KERNEL_NCCS] = {
		[VINTR] = CTRL('c'),	[VQUIT] = 0x1c,
		[VERASE] = DEL,		[VKILL] = CTRL('u'),
		[VEOF] = CTRL('d'),	[VMIN] = 1,
		[VSTART] = CTRL('q'),	[VSTOP] = CTRL('s'),
		[VSUSP] = CTRL('z'),	[VREPRINT] = CTRL('r'),
		[VDISCARD] = CTRL('o'), [VWERASE] = CTRL('w'),
		[VLNEXT] = CTRL('v'),
	};

	memset(t, 0, sizeof(*t));
	t->termios.c_iflag = ICRNL | IXON;
	t->termios.c_oflag = OPOST | ONLCR;
	t->termios.c_cflag = B38400 | CS8 | CREAD | HUPCL;
	t->termios.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL |
			     ECHOKE | IEXTEN;
	memcpy(t->termios.c_cc, cc, sizeof(cc));
}

/* ---- output ---- */

u32 n_tty_opost(struct n_tty *t, u8 c, char *buf)
{
	u32 oflag = t->termios.c_oflag, spaces;

	buf[0] = (char)c;
	if (!(oflag & OPOST))
		return 1;
	switch (c) {
	case '\n':
		if (oflag & (ONLRET | ONLCR))
			t->column = 0;
		if (!(oflag & ONLCR))
			return 1;
		buf[0] = '\r';
		buf[1] = '\n';
		return 2;
	case '\r':
		if ((oflag & ONOCR) && t->column == 0)
			return 0;
		if (oflag & OCRNL) {
			buf[0] = '\n';
			if (oflag & ONLRET)
				t->column = 0;
			return 1;
		}
		t->column = 0;
		return 1;
	case '\t':
		spaces = 8 - (t->column & 7);
		t->column += spaces;
		if ((oflag & TAB3) != XTABS)
			return 1;
		memset(buf, ' ', spaces);
		return spaces;
	case '\b':
		if (t->column)
			t->column--;
		return 1;
	}
	if ((oflag & OLCUC) && c >= 'a' && c <= 'z')
		buf[0] = (char)(c - 'a' + 'A');
	if (!is_control(c) && !is_continuation(t, c))
		t->column++;
	return 1;
}

/* ---- echo ---- */

static void echo_char(struct n_tty *t, u8 c, const struct n_tty_out *out)
{
	char buf[8];
	u32 n = n_tty_opost(t, c, buf);

	if (n)
		out->echo(out->ctx, buf, n);
}

/* As typed: control characters as ^X where ECHOCTL says so. */
static void echo_typed(struct n_tty *t, u8 c, const struct n_tty_out *out)
{
	if (is_control(c) && c != '\t' && c != '\n' && lflag(t, ECHOCTL)) {
		echo_char(t, '^', out);
		c ^= 0x40;
	}
	echo_char(t, c, out);
}

/* Columns that pos .. head takes, the line having begun at canon_column. */
static u32 column_before(const struct n_tty *t, u32 pos)
{
	u32 col = t->canon_column;

	for (u32 i = t->canon; i != pos; i++) {
		u8 c = at(t, i);

		if (c == '\t')
			col = (col | 7) + 1;
		else if (is_control(c))
			col += lflag(t, ECHOCTL) ? 2 : 0;
		else if (!is_continuation(t, c))
			col++;
	}
	return col;
}

static void rub_out(struct n_tty *t, u32 columns, bool wipe,
		    const struct n_tty_out *out)
{
	while (columns--) {
		echo_char(t, '\b', out);
		if (wipe) {
			echo_char(t, ' ', out);
			echo_char(t, '\b', out);
		}
	}
}

/* The last character typed, of one or several bytes, goes. */
static void erase_one(struct n_tty *t, bool show, const struct n_tty_out *out)
{
	u32 before;
	u8 c;

	do {
		c = at(t, --t->head);
	} while (is_continuation(t, c) && t->head != t->canon);
	if (!show)
		return;
	if (c == '\t') {
		before = column_before(t, t->head);
		rub_out(t, t->column > before ? t->column - before : 0, false,
			out);
	} else if (is_control(c)) {
		rub_out(t, lflag(t, ECHOCTL) ? 2 : 0, true, out);
	} else {
		rub_out(t, 1, true, out);
	}
}

static bool is_word(u8 c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static void erase_word(struct n_tty *t, bool show, const struct n_tty_out *out)
{
	while (t->head != t->canon && !is_word(at(t, t->head - 1)))
		erase_one(t, show, out);
	while (t->head != t->canon && is_word(at(t, t->head - 1)))
		erase_one(t, show, out);
}

static void erase_line(struct n_tty *t, u8 c, const struct n_tty_out *out)
{
	bool show = lflag(t, ECHO) && lflag(t, ECHOK) && lflag(t, ECHOKE) &&
		    lflag(t, ECHOE);

	if (!show) {
		t->head = t->canon;
		if (lflag(t, ECHO)) {
			echo_typed(t, c, out);
			if (lflag(t, ECHOK))
				echo_char(t, '\n', out);
		}
		return;
	}
	while (t->head != t->canon)
		erase_one(t, true, out);
}

/* c edits the line being typed? */
static bool edit_line(struct n_tty *t, u8 c, const struct n_tty_out *out)
{
	bool ext = lflag(t, IEXTEN), show = lflag(t, ECHO) && lflag(t, ECHOE);

	if (is_cc(t, VERASE, c)) {
		if (t->head != t->canon) {
			erase_one(t, show, out);
			if (lflag(t, ECHO) && !show)
				echo_typed(t, c, out);
		}
	} else if (is_cc(t, VKILL, c)) {
		erase_line(t, c, out);
	} else if (ext && is_cc(t, VWERASE, c)) {
		erase_word(t, show, out);
	} else if (ext && is_cc(t, VLNEXT, c)) {
		t->lnext = true;
		if (lflag(t, ECHO) && lflag(t, ECHOCTL))
			out->echo(out->ctx, "^\b", 2);
	} else if (ext && is_cc(t, VREPRINT, c) && lflag(t, ECHO)) {
		echo_typed(t, c, out);
		echo_char(t, '\n', out);
		for (u32 i = t->canon; i != t->head; i++)
			echo_typed(t, at(t, i), out);
	} else {
		return false;
	}
	return true;
}

/* ---- input ---- */

/* One slot is kept for the line's end, so that a full line can be ended. */
static bool put(struct n_tty *t, u8 c, bool ends_line)
{
	u32 limit = N_TTY_BUF_SIZE - (lflag(t, ICANON) && !ends_line);

	if (t->head - t->tail >= limit)
		return false;
	if (t->head == t->canon)
		t->canon_column = t->column;
	t->ring[t->head % N_TTY_BUF_SIZE] = c;
	set_mark(t, t->head, ends_line);
	t->head++;
	if (ends_line)
		t->nr_lines++;
	if (ends_line || !lflag(t, ICANON))
		t->canon = t->head;
	return true;
}

static void put_data(struct n_tty *t, u8 c, const struct n_tty_out *out)
{
	if (!put(t, c, false)) {
		if (t->termios.c_iflag & IMAXBEL)
			echo_char(t, BELL, out);
		return;
	}
	if (lflag(t, ECHO))
		echo_typed(t, c, out);
}

static void put_line_end(struct n_tty *t, u8 c, const struct n_tty_out *out)
{
	if (!put(t, c, true))
		return;
	if (c == '\n' ? lflag(t, ECHO) || lflag(t, ECHONL)
		      : c && lflag(t, ECHO))
		echo_typed(t, c, out);
}

static void receive_canonical(struct n_tty *t, u8 c,
			      const struct n_tty_out *out)
{
	if (edit_line(t, c, out))
		return;
	if (c == '\n' || is_cc(t, VEOL, c) ||
	    (lflag(t, IEXTEN) && is_cc(t, VEOL2, c)))
		put_line_end(t, c, out);
	else if (is_cc(t, VEOF, c))
		put_line_end(t, '\0', out);
	else
		put_data(t, c, out);
}

static int signal_of(const struct n_tty *t, u8 c)
{
	if (!lflag(t, ISIG))
		return 0;
	return is_cc(t, VINTR, c)   ? SIGINT
	       : is_cc(t, VQUIT, c) ? SIGQUIT
	       : is_cc(t, VSUSP, c) ? SIGTSTP
				    : 0;
}

/* ^S and ^Q; with IXANY anything restarts the output. */
static bool flow_control(struct n_tty *t, u8 c)
{
	if (!(t->termios.c_iflag & IXON))
		return false;
	if (is_cc(t, VSTART, c)) {
		t->stopped = false;
		return true;
	}
	if (is_cc(t, VSTOP, c)) {
		t->stopped = true;
		return true;
	}
	if (t->termios.c_iflag & IXANY)
		t->stopped = false;
	return false;
}

static void send_signal(struct n_tty *t, u8 c, int sig,
			const struct n_tty_out *out)
{
	t->stopped = false;
	if (!lflag(t, NOFLSH))
		n_tty_flush_input(t);
	out->signal(out->ctx, sig);
	if (lflag(t, ECHO))
		echo_typed(t, c, out);
}

/* Case and line-end mapping; false: the character is dropped. */
static bool map_input(const struct n_tty *t, u8 *c)
{
	u32 iflag = t->termios.c_iflag;

	if (iflag & ISTRIP)
		*c &= 0x7f;
	if ((iflag & IUCLC) && lflag(t, IEXTEN) && *c >= 'A' && *c <= 'Z')
		*c = (u8)(*c - 'A' + 'a');
	if (*c == '\r') {
		if (iflag & IGNCR)
			return false;
		if (iflag & ICRNL)
			*c = '\n';
	} else if (*c == '\n' && (iflag & INLCR)) {
		*c = '\r';
	}
	return true;
}

void n_tty_receive(struct n_tty *t, u8 c, const struct n_tty_out *out)
{
	int sig;

	if (t->lnext) {
		t->lnext = false;
		put_data(t, c, out);
		return;
	}
	if (t->termios.c_iflag & ISTRIP)
		c &= 0x7f;
	if (flow_control(t, c))
		return;
	sig = signal_of(t, c);
	if (sig) {
		send_signal(t, c, sig, out);
		return;
	}
	if (!map_input(t, &c))
		return;
	if (lflag(t, ICANON))
		receive_canonical(t, c, out);
	else
		put_data(t, c, out);
}

void n_tty_push_eof(struct n_tty *t)
{
	if (lflag(t, ICANON) && t->head != t->canon)
		put(t, '\0', true);
}

/* ---- reading ---- */

u32 n_tty_available(const struct n_tty *t)
{
	return t->canon - t->tail;
}

bool n_tty_readable(const struct n_tty *t, u32 min)
{
	if (lflag(t, ICANON))
		return t->nr_lines > 0;
	return n_tty_available(t) >= min && n_tty_available(t) > 0;
}

static bool take_mark(struct n_tty *t)
{
	if (!marked(t, t->tail))
		return false;
	set_mark(t, t->tail, false);
	t->nr_lines--;
	return true;
}

u32 n_tty_read(struct n_tty *t, char *buf, u32 n, bool *eof)
{
	u32 done = 0;
	bool ended = false;

	*eof = false;
	while (!ended && t->tail != t->canon) {
		u8 c = at(t, t->tail);
		bool is_eof = marked(t, t->tail) && !c;

		/* An EOF right behind a full buffer belongs to this line. */
		if (done == n && !(is_eof && done))
			break;
		ended = take_mark(t);
		t->tail++;
		if (is_eof)
			*eof = !done;
		else
			buf[done++] = (char)c;
	}
	return done;
}

void n_tty_flush_input(struct n_tty *t)
{
	t->tail = t->head;
	t->canon = t->head;
	t->nr_lines = 0;
	t->lnext = false;
	memset(t->mark, 0, sizeof(t->mark));
}

void n_tty_set_termios(struct n_tty *t, const struct k_termios *new)
{
	bool was_canon = lflag(t, ICANON);

	t->termios = *new;
	if (!(new->c_iflag &IXON))
		t->stopped = false;
	if (was_canon == lflag(t, ICANON))
		return;
	memset(t->mark, 0, sizeof(t->mark));
	t->canon = t->head;
	t->nr_lines = 0;
	t->lnext = false;
	/* What is there already is one line for the new canonical reader. */
	if (!was_canon && t->head != t->tail) {
		set_mark(t, t->head - 1, true);
		t->nr_lines = 1;
	}
}

void n_tty_validate(const struct n_tty *t)
{
	u32 marks = 0;

	BUG_ON(t->canon - t->tail > t->head - t->tail); /* N1 */
	BUG_ON(t->head - t->tail > N_TTY_BUF_SIZE);
	for (u32 i = t->tail; i != t->canon; i++)
		marks += marked(t, i);
	BUG_ON(marks != t->nr_lines); /* N2 */
	if (lflag(t, ICANON))
		BUG_ON(t->canon != t->tail && !marked(t, t->canon - 1));
	else
		BUG_ON(marks || t->canon != t->head); /* N4 */
}
