/* SPDX-License-Identifier: MIT */
/*
 * vscnprintf.c - formatted text into a buffer.
 *
 * 1. Idea.  One pass over the format; each conversion is parsed into a spec
 *    and written through a cursor that drops what does not fit.
 * 2. Invariants.  Nothing is written at or behind buf + size; with size > 0
 *    the text is ended by NUL; the result is the length of the text.
 * 3. Failure.  None.  A conversion that does not exist is written as it
 *    stands, so that the mistake can be seen.
 *
 * Source: ISO C11 7.21.6.1, for the conversions that printk.h lists.
 */
#include <quire/printk.h>

#include <quire/string.h>

struct cursor {
	char *at;
	char *end; /* where the last NUL must go at the latest */
};

struct spec {
	bool left, zero, plus, blank, alt, upper;
	int width;
	int precision; /* below 0: not given */
	int bytes; /* of the integer argument */
};

/* 64 bits in octal, the longest: 22 digits. */
#define DIGITS_MAX 24

static inline void put(struct cursor *out, char c)
{
	if (out->at < out->end)
		*out->at++ = c;
}

static void put_many(struct cursor *out, const char *s, size_t n)
{
	size_t room = (size_t)(out->end - out->at);

	n = min(n, room);
	memcpy(out->at, s, n);
	out->at += n;
}

static void pad(struct cursor *out, char c, int n)
{
	while (n-- > 0)
		put(out, c);
}

/* prefix, zeros, body within width. */
static void put_field(struct cursor *out, const struct spec *sp,
		      const char *prefix, int zeros, const char *body, int len)
{
	int nr_prefix = (int)strlen(prefix);
	int blanks = sp->width - nr_prefix - zeros - len;

	if (!sp->left)
		pad(out, ' ', blanks);
	put_many(out, prefix, (size_t)nr_prefix);
	pad(out, '0', zeros);
	put_many(out, body, (size_t)len);
	if (sp->left)
		pad(out, ' ', blanks);
}

/* Digits from the end of buf backwards; the first. */
static char *to_digits(char *end, u64 value, unsigned int base, bool upper)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";

	/* Constant divisors become multiplications and shifts. */
	if (base == 10)
		for (; value; value /= 10)
			*--end = digits[value % 10];
	else if (base == 16)
		for (; value; value >>= 4)
			*--end = digits[value & 15];
	else
		for (; value; value >>= 3)
			*--end = digits[value & 7];
	return end;
}

static void put_number(struct cursor *out, const struct spec *sp, u64 value,
		       unsigned int base, const char *sign)
{
	char buf[DIGITS_MAX], *end = buf + sizeof(buf);
	char *first = to_digits(end, value, base, sp->upper);
	int len = (int)(end - first);
	int least = sp->precision < 0 ? 1 : sp->precision;
	int zeros = max(least - len, 0);

	if (sp->alt && base == 16 && value)
		sign = sp->upper ? "0X" : "0x";
	if (sp->alt && base == 8 && zeros == 0 && (len == 0 || *first != '0'))
		zeros = 1;
	if (sp->zero && !sp->left && sp->precision < 0)
		zeros = max(zeros, sp->width - len - (int)strlen(sign));
	put_field(out, sp, sign, zeros, first, len);
}

static void put_string(struct cursor *out, const struct spec *sp, const char *s)
{
	if (!s)
		s = "(null)";
	put_field(out, sp, "", 0, s,
		  (int)(sp->precision < 0 ? strlen(s)
					  : strnlen(s, (size_t)sp->precision)));
}

static u64 cut_unsigned(u64 v, int bytes)
{
	return bytes == 8 ? v : v & ((1UL << bytes * 8) - 1);
}

static s64 cut_signed(u64 v, int bytes)
{
	int unused = 64 - bytes * 8;

	return (s64)(v << unused) >> unused;
}

static const char *parse_flags(const char *f, struct spec *sp)
{
	for (;; f++) {
		if (*f == '-')
			sp->left = true;
		else if (*f == '0')
			sp->zero = true;
		else if (*f == '+')
			sp->plus = true;
		else if (*f == ' ')
			sp->blank = true;
		else if (*f == '#')
			sp->alt = true;
		else
			return f;
	}
}

static const char *parse_length(const char *f, struct spec *sp)
{
	sp->bytes = sizeof(int);
	if (f[0] == 'h') {
		sp->bytes = f[1] == 'h' ? sizeof(char) : sizeof(short);
		return f + (f[1] == 'h' ? 2 : 1);
	}
	if (f[0] == 'l' || f[0] == 'z' || f[0] == 't') {
		sp->bytes = sizeof(long);
		return f + (f[0] == 'l' && f[1] == 'l' ? 2 : 1);
	}
	return f;
}

static const char *parse_int(const char *f, int *n)
{
	for (*n = 0; *f >= '0' && *f <= '9'; f++)
		*n = *n * 10 + (*f - '0');
	return f;
}

/* All integers are fetched at one of two sizes. */
#define ARG(ap, sp) \
	((sp)->bytes == sizeof(long) ? va_arg(ap, u64) : va_arg(ap, u32))

int vscnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
	struct cursor out = {buf, buf + size - 1};
	va_list ap;

	if (size == 0)
		return 0;
	va_copy(ap, args);
	while (*fmt) {
		const char *start = fmt, *f;
		struct spec sp = {.precision = -1};
		u64 v;
		s64 d;

		if (*fmt != '%') {
			while (*fmt && *fmt != '%')
				fmt++;
			put_many(&out, start, (size_t)(fmt - start));
			continue;
		}
		f = parse_flags(fmt + 1, &sp);
		if (*f == '*') {
			sp.width = va_arg(ap, int);
			if (sp.width < 0) {
				sp.left = true;
				sp.width = -sp.width;
			}
			f++;
		} else {
			f = parse_int(f, &sp.width);
		}
		if (*f == '.') {
			if (*++f == '*') {
				sp.precision = va_arg(ap, int);
				f++;
			} else {
				f = parse_int(f, &sp.precision);
			}
		}
		f = parse_length(f, &sp);
		switch (*f) {
		case 'd':
		case 'i':
			d = cut_signed(ARG(ap, &sp), sp.bytes);
			v = d < 0 ? 0 - (u64)d : (u64)d;
			sp.alt = false;
			put_number(&out, &sp, v, 10,
				   d < 0      ? "-"
				   : sp.plus  ? "+"
				   : sp.blank ? " "
					      : "");
			break;
		case 'X':
			sp.upper = true;
			/* fallthrough */
		case 'x':
			v = cut_unsigned(ARG(ap, &sp), sp.bytes);
			put_number(&out, &sp, v, 16, "");
			break;
		case 'u':
			v = cut_unsigned(ARG(ap, &sp), sp.bytes);
			put_number(&out, &sp, v, 10, "");
			break;
		case 'o':
			v = cut_unsigned(ARG(ap, &sp), sp.bytes);
			put_number(&out, &sp, v, 8, "");
			break;
		case 'p':
			/* As Linux: 16 digits, no prefix. */
			sp.precision = 16;
			sp.alt = false;
			put_number(&out, &sp,
				   (uintptr_t)va_arg(ap, const void *), 16, "");
			break;
		case 'c': {
			char c = (char)va_arg(ap, int);

			put_field(&out, &sp, "", 0, &c, 1);
			break;
		}
		case 's':
			put_string(&out, &sp, va_arg(ap, const char *));
			break;
		case '%':
			put(&out, '%');
			break;
		default:
			put_many(&out, start, (size_t)(f - start));
			fmt = f;
			continue;
		}
		fmt = f + 1;
	}
	va_end(ap);
	*out.at = '\0';
	return (int)(out.at - buf);
}

int scnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vscnprintf(buf, size, fmt, ap);
	va_end(ap);
	return len;
}
