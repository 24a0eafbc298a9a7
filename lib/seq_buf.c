/* SPDX-License-Identifier: MIT */
/*
 * seq_buf.c - text that is gathered in a buffer.
 *
 * Invariant: len < size and buf[len] is NUL, unless size is 0.  When a piece
 * does not fit whole, what fits is kept and overflow stays set: the caller
 * throws the text away and comes again with a larger buffer.
 */
#include <quire/show.h>

#include <quire/printk.h>
#include <quire/string.h>

void seq_buf_init(struct seq_buf *s, char *buf, size_t size)
{
	s->buf = buf;
	s->size = size;
	s->len = 0;
	s->overflow = false;
	if (size)
		buf[0] = '\0';
}

static void append(struct seq_buf *s, const char *text, size_t len)
{
	size_t room = s->size ? s->size - 1 - s->len : 0;

	if (len > room) {
		s->overflow = true;
		len = room;
	}
	if (s->size == 0)
		return;
	memcpy(s->buf + s->len, text, len);
	s->len += len;
	s->buf[s->len] = '\0';
}

void seq_puts(struct seq_buf *s, const char *str)
{
	append(s, str, strlen(str));
}

void seq_putc(struct seq_buf *s, char c)
{
	append(s, &c, 1);
}

void seq_printf(struct seq_buf *s, const char *fmt, ...)
{
	size_t room = s->size - s->len;
	va_list ap;
	size_t len;

	if (s->size == 0) {
		s->overflow = true;
		return;
	}
	va_start(ap, fmt);
	len = (size_t)vscnprintf(s->buf + s->len, room, fmt, ap);
	va_end(ap);
	s->len += len;
	/* A text that fills the room to the last byte may have been cut. */
	if (len == room - 1)
		s->overflow = true;
}
