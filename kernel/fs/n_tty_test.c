/* SPDX-License-Identifier: MIT */
/*
 * n_tty_test.c - what is typed, what is read, what is echoed.
 */
#include "kernel/fs/n_tty.c"

#include <quire/slab.h>

#include "test/test.h"

struct typist {
	struct n_tty t;
	char echo[8192];
	size_t len;
	int signal;
};

static void keep_echo(void *ctx, const char *bytes, size_t n)
{
	struct typist *y = ctx;

	n = min(n, sizeof(y->echo) - 1 - y->len);
	memcpy(y->echo + y->len, bytes, n);
	y->len += n;
	y->echo[y->len] = '\0';
}

static void keep_signal(void *ctx, int sig)
{
	((struct typist *)ctx)->signal = sig;
}

static struct typist *typist_new(void)
{
	struct typist *y = kzalloc(sizeof(*y), GFP_KERNEL);

	CHECK(y);
	n_tty_init(&y->t);
	return y;
}

static void type_bytes(struct typist *y, const char *s, size_t n)
{
	const struct n_tty_out out = {keep_echo, keep_signal, y};

	while (n--) {
		n_tty_receive(&y->t, (u8)*s++, &out);
		n_tty_validate(&y->t);
	}
}

static void type(struct typist *y, const char *s)
{
	y->len = 0;
	y->echo[0] = '\0';
	type_bytes(y, s, strlen(s));
}

/* What one read gives, as a string; "EOF", or "-" if it would wait. */
static const char *read_once(struct typist *y, u32 n)
{
	static char buf[N_TTY_BUF_SIZE + 1];
	bool eof;
	u32 got;

	if (!n_tty_readable(&y->t, 1))
		return "-";
	got = n_tty_read(&y->t, buf, n, &eof);
	n_tty_validate(&y->t);
	buf[got] = '\0';
	return eof ? "EOF" : buf;
}

static void set_lflag(struct typist *y, u32 off, u32 on)
{
	struct k_termios new = y->t.termios;

	new.c_lflag = (new.c_lflag & ~off) | on;
	n_tty_set_termios(&y->t, &new);
	n_tty_validate(&y->t);
}

TEST(tty_a_line_is_read_when_it_is_complete)
{
	struct typist *y = typist_new();

	type(y, "hello");
	CHECK_STR(read_once(y, 100), "-");
	CHECK_STR(y->echo, "hello");
	type(y, "\rnext\n");
	CHECK_STR(y->echo, "\r\nnext\r\n");
	CHECK_STR(read_once(y, 3), "hel");
	CHECK_STR(read_once(y, 100), "lo\n");
	CHECK_STR(read_once(y, 100), "next\n");
	CHECK_STR(read_once(y, 100), "-");
	kfree(y);
}

TEST(tty_erase_word_and_kill_edit_the_line_and_the_screen)
{
	struct typist *y = typist_new();

	type(y, "ab\x7f");
	CHECK_STR(y->echo, "ab\b \b");
	type(y, "\x7f\x7f\x7f"); /* no further than the line */
	CHECK_STR(y->echo, "\b \b");
	type(y, "one two  \x17");
	type(y, "x\n");
	CHECK_STR(read_once(y, 100), "one x\n");
	type(y, "garbage\x15ok\n");
	CHECK_STR(read_once(y, 100), "ok\n");
	type(y, "\x01\x7f"); /* ^A takes two columns */
	CHECK_STR(y->echo, "^A\b \b\b \b");
	type(y, "a\tb\x7f\x7f");
	CHECK_STR(y->echo, "a\tb\b \b\b\b\b\b\b\b\b");
	kfree(y);
}

TEST(tty_erase_takes_a_whole_utf8_character)
{
	struct typist *y = typist_new();

	y->t.termios.c_iflag |= IUTF8;
	type(y, "a\xc3\xa4\x7f");
	CHECK_STR(y->echo, "a\xc3\xa4\b \b");
	type(y, "b\n");
	CHECK_STR(read_once(y, 100), "ab\n");
	kfree(y);
}

TEST(tty_eof_ends_the_input_only_at_a_lines_start)
{
	struct typist *y = typist_new();

	type(y, "\x04");
	CHECK_STR(read_once(y, 100), "EOF");
	CHECK_STR(read_once(y, 100), "-");
	type(y, "abc\x04");
	CHECK_STR(read_once(y, 100), "abc");
	CHECK_STR(read_once(y, 100), "-");
	type(y, "abc\x04");
	CHECK_STR(read_once(y, 3), "abc"); /* exactly full: no EOF after */
	CHECK_STR(read_once(y, 3), "-");
	kfree(y);
}

TEST(tty_signals_are_sent_and_flush_what_was_typed)
{
	struct typist *y = typist_new();

	type(y, "rubbish\x03");
	CHECK_EQ(y->signal, SIGINT);
	CHECK_STR(y->echo, "rubbish^C");
	type(y, "\n");
	CHECK_STR(read_once(y, 100), "\n");
	type(y, "\x1c");
	CHECK_EQ(y->signal, SIGQUIT);
	type(y, "\x1a");
	CHECK_EQ(y->signal, SIGTSTP);
	y->signal = 0;
	set_lflag(y, ISIG, 0);
	type(y, "\x03\n");
	CHECK_EQ(y->signal, 0);
	CHECK_STR(read_once(y, 100), "\x03\n");
	kfree(y);
}

TEST(tty_a_quoted_character_is_data)
{
	struct typist *y = typist_new();

	type(y, "a\x16\x03\x16\x7f\n");
	CHECK_EQ(y->signal, 0);
	CHECK_STR(read_once(y, 100), "a\x03\x7f\n");
	kfree(y);
}

TEST(tty_stop_and_start_hold_the_output)
{
	struct typist *y = typist_new();

	type(y, "\x13");
	CHECK(y->t.stopped);
	type(y, "x");
	CHECK(y->t.stopped);
	type(y, "\x11");
	CHECK(!y->t.stopped);
	type(y, "\n");
	CHECK_STR(read_once(y, 100), "x\n");
	kfree(y);
}

TEST(tty_raw_mode_gives_bytes_as_they_come)
{
	struct typist *y = typist_new();
	struct k_termios new = y->t.termios;

	new.c_iflag = 0;
	new.c_lflag = 0;
	n_tty_set_termios(&y->t, &new);
	type(y, "a\r\x03\x04");
	CHECK_STR(y->echo, "");
	CHECK_EQ(y->signal, 0);
	CHECK(n_tty_readable(&y->t, 4));
	CHECK(!n_tty_readable(&y->t, 5));
	CHECK_STR(read_once(y, 2), "a\r");
	CHECK_STR(read_once(y, 100), "\x03\x04");
	kfree(y);
}

TEST(tty_changing_the_mode_loses_nothing)
{
	struct typist *y = typist_new();

	type(y, "partial");
	set_lflag(y, ICANON, 0);
	CHECK_STR(read_once(y, 4), "part");
	set_lflag(y, 0, ICANON);
	CHECK_STR(read_once(y, 100), "ial");
	type(y, "line\n");
	CHECK_STR(read_once(y, 100), "line\n");
	kfree(y);
}

TEST(tty_a_full_buffer_still_takes_the_lines_end)
{
	struct typist *y = typist_new();

	for (u32 i = 0; i < N_TTY_BUF_SIZE + 100; i++)
		type_bytes(y, "x", 1);
	type(y, "\n");
	CHECK_EQ(strlen(read_once(y, N_TTY_BUF_SIZE)), N_TTY_BUF_SIZE);
	kfree(y);
}

static const char *output(struct typist *y, const char *s)
{
	static char buf[128];
	u32 n = 0;

	while (*s)
		n += n_tty_opost(&y->t, (u8)*s++, buf + n);
	buf[n] = '\0';
	return buf;
}

TEST(tty_output_is_processed_as_the_flags_say)
{
	struct typist *y = typist_new();

	CHECK_STR(output(y, "a\nb\r"), "a\r\nb\r");
	y->t.termios.c_oflag = OPOST | XTABS;
	y->t.column = 0;
	CHECK_STR(output(y, "ab\tc"), "ab      c");
	y->t.termios.c_oflag = OPOST | OCRNL;
	CHECK_STR(output(y, "\r"), "\n");
	y->t.termios.c_oflag = OPOST | ONOCR;
	y->t.column = 0;
	CHECK_STR(output(y, "\rx\r"), "x\r");
	y->t.termios.c_oflag = OPOST | OLCUC;
	CHECK_STR(output(y, "aZ"), "AZ");
	y->t.termios.c_oflag = ONLCR; /* without OPOST: nothing */
	CHECK_STR(output(y, "\n"), "\n");
	kfree(y);
}

TEST(tty_random_typing_keeps_the_invariants)
{
	static const char keys[] = "ab \t\n\r\x03\x04\x0f\x11\x12\x13\x15\x16"
				   "\x17\x1a\x1c\x7f\xc3\xa4";
	struct typist *y = typist_new();

	for (int i = 0; i < 50000; i++) {
		u64 what = test_random_below(100);

		y->len = 0;
		if (what < 90) {
			char c = keys[test_random_below(sizeof(keys) - 1)];

			type_bytes(y, &c, 1);
		} else if (what < 97) {
			read_once(y, (u32)test_random_below(20) + 1);
		} else {
			struct k_termios new = y->t.termios;

			new.c_lflag ^= 1U << test_random_below(16);
			new.c_iflag ^= 1U << test_random_below(15);
			n_tty_set_termios(&y->t, &new);
		}
		n_tty_validate(&y->t);
	}
	kfree(y);
}
