/* SPDX-License-Identifier: MIT */
/*
 * util.c - messages, numbers, paths and growing buffers of the command.
 *
 * Running out of memory here ends the command: it holds nothing that a
 * half-done run would leave behind.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

static void say(const char *fmt, va_list ap)
{
	char line[PIPE_BUF];
	int len = snprintf(line, sizeof(line), "quire: ");
	ssize_t ignored;

	len += vsnprintf(line + len, sizeof(line) - 2 - (size_t)len, fmt, ap);
	if (len > (int)sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	/* One write, so that lines of a pipeline do not mix. */
	ignored = write(STDERR_FILENO, line, (size_t)len);
	(void)ignored;
}

void note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void die(int status, const char *fmt, ...)
{
	va_list ap;

	terminal_restore();
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	exit(status);
}

void *xrealloc(void *old, size_t size)
{
	void *p = realloc(old, size ? size : 1);

	if (!p)
		die(STATUS_OURS, "out of memory");
	return p;
}

void *xmalloc(size_t size)
{
	return xrealloc(NULL, size);
}

char *xstrdup(const char *s)
{
	size_t size = strlen(s) + 1;

	return memcpy(xmalloc(size), s, size);
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		die(STATUS_OURS, "out of memory");
	va_end(ap);
	return s;
}

bool parse_size(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;
	unsigned int shift = 20;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	*bytes = strtoull(text, &end, 10);
	if (errno)
		return false;
	if (*end) {
		unit = strchr(units, toupper((unsigned char)*end));
		if (!unit)
			return false;
		shift = 10 * (unsigned int)(unit - units + 1);
		end++;
		if (*end == 'i' && end[1] == 'B')
			end += 2;
	}
	if (*end || *bytes > UINT64_MAX >> shift)
		return false;
	*bytes <<= shift;
	return true;
}

bool parse_uint(const char *text, unsigned long min, unsigned long max,
		unsigned long *value)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	*value = strtoul(text, &end, 10);
	return !errno && !*end && *value >= min && *value <= max;
}

bool parse_seconds(const char *text, int64_t *ms)
{
	char *end;
	double s;

	if (!isdigit((unsigned char)text[0]) && text[0] != '.')
		return false;
	s = strtod(text, &end);
	if (*end == 's')
		end++;
	if (*end || !(s >= 0.001 && s <= 1e9))
		return false;
	*ms = (int64_t)(s * 1000);
	return true;
}

int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

char *absolute_path(const char *path)
{
	char cwd[PATH_MAX] = "";
	char *in, *out, *part, *save;
	size_t len = 0;

	if (path[0] != '/' && !getcwd(cwd, sizeof(cwd)))
		die(STATUS_OURS, "working directory: %s", strerror(errno));
	in = xasprintf("%s/%s", cwd, path);
	out = xmalloc(strlen(in) + 2);
	for (part = strtok_r(in, "/", &save); part;
	     part = strtok_r(NULL, "/", &save)) {
		if (!strcmp(part, "."))
			continue;
		if (!strcmp(part, "..")) {
			while (len && out[--len] != '/')
				;
			continue;
		}
		out[len++] = '/';
		memcpy(out + len, part, strlen(part));
		len += strlen(part);
	}
	if (!len)
		out[len++] = '/';
	out[len] = 0;
	free(in);
	return out;
}

void buffer_add(struct buffer *b, const void *data, size_t len)
{
	if (b->head == b->len)
		b->head = b->len = 0;
	if (b->len + len > b->cap) {
		if (b->head) {
			memmove(b->data, b->data + b->head, buffer_size(b));
			b->len -= b->head;
			b->head = 0;
		}
		while (b->len + len > b->cap)
			b->cap = b->cap ? 2 * b->cap : 4096;
		b->data = xrealloc(b->data, b->cap);
	}
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

void buffer_drop(struct buffer *b, size_t len)
{
	b->head += len;
}
