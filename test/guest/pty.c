/* SPDX-License-Identifier: MIT */
/*
 * pty.c - runs a command on a terminal of its own and plays the user.
 *
 *	pty [-r ROWS -c COLS] 'SCRIPT' COMMAND [ARGUMENT]...
 *
 * SCRIPT is a list of steps separated by '|': "expect TEXT" waits until TEXT
 * appeared in the output, "send TEXT" types it (with \r, \n, \\ and ^C
 * written as \c), "sleep MS", "raw" and "cooked" check the terminal's mode.
 * Everything the command wrote goes to stdout; the exit status is the
 * command's, or 200 if a step failed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define STEP_FAILED 200
#define PATIENCE_MS 20000

static char seen[1 << 20];
static size_t nr_seen, nr_matched;
static int terminal;

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Take output for ms, or until text appears behind what matched before. */
static bool take(long ms, const char *text)
{
	long end = now_ms() + ms;

	for (;;) {
		struct pollfd p = {terminal, POLLIN, 0};
		char *at = text ? strstr(seen + nr_matched, text) : NULL;
		long left = end - now_ms();
		ssize_t n;

		if (at) {
			nr_matched = (size_t)(at - seen) + strlen(text);
			return true;
		}
		if (left < 0 || nr_seen + 4096 > sizeof(seen))
			return false;
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = read(terminal, seen + nr_seen, 4096);
		if (n <= 0)
			return false;
		if (fwrite(seen + nr_seen, 1, (size_t)n, stdout) != (size_t)n)
			return false;
		nr_seen += (size_t)n;
		seen[nr_seen] = 0;
	}
}

static void type_keys(const char *text)
{
	for (; *text; text++) {
		char c = *text;

		if (c == '\\' && text[1]) {
			c = *++text;
			c = c == 'c'   ? 3
			    : c == 'r' ? '\r'
			    : c == 'n' ? '\n'
				       : c;
		}
		if (write(terminal, &c, 1) != 1)
			return;
	}
}

static bool is_raw(void)
{
	struct termios t;

	return tcgetattr(terminal, &t) == 0 && !(t.c_lflag & (ICANON | ECHO));
}

static bool step(const char *s)
{
	bool ok = true;

	if (!strncmp(s, "expect ", 7))
		ok = take(PATIENCE_MS, s + 7);
	else if (!strncmp(s, "send ", 5))
		type_keys(s + 5);
	else if (!strncmp(s, "sleep ", 6))
		take(atol(s + 6), NULL);
	else if (!strcmp(s, "raw"))
		ok = is_raw();
	else if (!strcmp(s, "cooked"))
		ok = !is_raw();
	else
		ok = false;
	if (!ok)
		fprintf(stderr, "pty: step failed: %s\n", s);
	return ok;
}

int main(int argc, char **argv)
{
	struct winsize ws = {.ws_row = 31, .ws_col = 97};
	char *script, *s, *save;
	bool ok = true;
	int status, c;
	pid_t pid;

	while ((c = getopt(argc, argv, "+r:c:")) != -1) {
		if (c == 'r')
			ws.ws_row = (unsigned short)atoi(optarg);
		else
			ws.ws_col = (unsigned short)atoi(optarg);
	}
	if (argc - optind < 2)
		return STEP_FAILED;
	script = argv[optind];
	pid = forkpty(&terminal, NULL, NULL, &ws);
	if (pid < 0)
		return STEP_FAILED;
	if (!pid) {
		execvp(argv[optind + 1], argv + optind + 1);
		_exit(127);
	}
	for (s = strtok_r(script, "|", &save); s && ok;
	     s = strtok_r(NULL, "|", &save))
		ok = step(s);
	if (!ok)
		kill(pid, SIGKILL);
	take(ok ? PATIENCE_MS : 100, NULL);
	fflush(stdout);
	if (waitpid(pid, &status, 0) != pid || !ok)
		return STEP_FAILED;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
