/* SPDX-License-Identifier: MIT */
/*
 * terminal.c - the user's terminal: raw while the machine runs, and restored.
 *
 * In raw mode every key, ^C included, goes to the guest, whose own terminal
 * driver echoes, edits and makes signals.  Restoring is safe to repeat; it is
 * registered with atexit(), and pump.c turns the signals that would end the
 * command into an orderly exit, so that every path but SIGKILL restores.
 */
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "cli/cli.h"

static struct {
	struct termios saved;
	bool is_saved, is_raw;
} terminal;

unsigned int terminal_mask(void)
{
	unsigned int mask = 0;
	int fd;

	for (fd = 0; fd <= 2; fd++)
		if (isatty(fd))
			mask |= 1U << fd;
	return mask;
}

bool terminal_size(unsigned short *rows, unsigned short *cols)
{
	struct winsize ws;
	int fd;

	for (fd = 0; fd <= 2; fd++) {
		if (ioctl(fd, TIOCGWINSZ, &ws) == 0 && ws.ws_row && ws.ws_col) {
			*rows = ws.ws_row;
			*cols = ws.ws_col;
			return true;
		}
	}
	return false;
}

void terminal_restore(void)
{
	if (!terminal.is_raw)
		return;
	terminal.is_raw = false;
	/* Output first: a prompt's last bytes still need raw mode. */
	tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal.saved);
}

void terminal_raw(void)
{
	struct termios raw;

	if (!terminal.is_saved) {
		if (tcgetattr(STDIN_FILENO, &terminal.saved) < 0)
			return;
		terminal.is_saved = true;
		atexit(terminal_restore);
	}
	raw = terminal.saved;
	cfmakeraw(&raw);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0)
		terminal.is_raw = true;
}
