/* SPDX-License-Identifier: MIT */
/*
 * seq_buf.c - text that is gathered in a buffer.
 *
 * Invariant: len < size and buf[len] is NUL, unless size is 0.  When a piece
 * does not fit whole, what fits is kept and overflow stays set: the caller
 * throws the text away and comes again with a larger buffer.
 */
#include <quire/show.h>

#include <quire/bitmap.h>
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

/* Groups of 32 bits, the highest first and only as wide as its bits need. */
void seq_bitmap(struct seq_buf *s, const unsigned long *map, unsigned int nr)
{
	unsigned int group = DIV_ROUND_UP(nr, 32U), bits = (nr - 1) % 32 + 1;

	while (group--) {
		u32 word = (u32)(map[group / 2] >> (group % 2 * 32));

		if (bits < 32)
			word &= (1U << bits) - 1;
		seq_printf(s, "%0*x%s", (int)DIV_ROUND_UP(bits, 4U), word,
			   group ? "," : "");
		bits = 32;
	}
}

void seq_bitmap_list(struct seq_buf *s, const unsigned long *map,
		     unsigned int nr)
{
	size_t first, end = 0;
	const char *comma = "";

	while ((first = find_next_bit(map, nr, end)) < nr) {
		end = find_next_zero_bit(map, nr, first);
		seq_printf(s, "%s%zu", comma, first);
		if (end - first > 1)
			seq_printf(s, "-%zu", end - 1);
		comma = ",";
	}
}
