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
	int bytes;     /* of the integer argument */
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

/* A va_list that functions can take turns on. */
struct args {
	va_list ap;
};

/* Digits, or '*' for an int argument. */
static const char *parse_amount(const char *f, int *n, struct args *args)
{
	if (*f != '*')
		return parse_int(f, n);
	*n = va_arg(args->ap, int);
	return f + 1;
}

/* From behind the '%' to the conversion's letter. */
static const char *parse_spec(const char *f, struct spec *sp, struct args *args)
{
	*sp = (struct spec){.precision = -1};
	f = parse_flags(f, sp);
	f = parse_amount(f, &sp->width, args);
	if (sp->width < 0) {
		sp->left = true;
		sp->width = -sp->width;
	}
	if (*f == '.')
		f = parse_amount(f + 1, &sp->precision, args);
	return parse_length(f, sp);
}

/* All integers are fetched at one of two sizes. */
static u64 next_integer(const struct spec *sp, struct args *args)
{
	return sp->bytes == sizeof(long) ? va_arg(args->ap, u64)
					 : va_arg(args->ap, u32);
}

static void put_signed(struct cursor *out, struct spec *sp, s64 d)
{
	const char *sign = d < 0 ? "-" : sp->plus ? "+" : sp->blank ? " " : "";

	sp->alt = false;
	put_number(out, sp, d < 0 ? 0 - (u64)d : (u64)d, 10, sign);
}

static void put_unsigned(struct cursor *out, const struct spec *sp, u64 v,
			 unsigned int base)
{
	put_number(out, sp, cut_unsigned(v, sp->bytes), base, "");
}

/* As Linux: 16 digits, no prefix. */
static void put_pointer(struct cursor *out, struct spec *sp, const void *p)
{
	sp->precision = 16;
	sp->alt = false;
	put_number(out, sp, (uintptr_t)p, 16, "");
}

/* false: there is no such conversion. */
static bool convert(struct cursor *out, struct spec *sp, char letter,
		    struct args *args)
{
	char c;

	switch (letter) {
	case 'd':
	case 'i':
		put_signed(out, sp,
			   cut_signed(next_integer(sp, args), sp->bytes));
		return true;
	case 'u':
		put_unsigned(out, sp, next_integer(sp, args), 10);
		return true;
	case 'X':
	case 'x':
		sp->upper = letter == 'X';
		put_unsigned(out, sp, next_integer(sp, args), 16);
		return true;
	case 'o':
		put_unsigned(out, sp, next_integer(sp, args), 8);
		return true;
	case 'p':
		put_pointer(out, sp, va_arg(args->ap, const void *));
		return true;
	case 'c':
		c = (char)va_arg(args->ap, int);
		put_field(out, sp, "", 0, &c, 1);
		return true;
	case 's':
		put_string(out, sp, va_arg(args->ap, const char *));
		return true;
	case '%':
		put(out, '%');
		return true;
	default:
		return false;
	}
}

int vscnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct cursor out;
	struct args args;
	struct spec sp;

	if (size == 0)
		return 0;
	out.at = buf;
	out.end = buf + size - 1;
	va_copy(args.ap, ap);
	while (*fmt) {
		const char *start = fmt;

		if (*fmt != '%') {
			while (*fmt && *fmt != '%')
				fmt++;
			put_many(&out, start, (size_t)(fmt - start));
			continue;
		}
		fmt = parse_spec(fmt + 1, &sp, &args);
		if (convert(&out, &sp, *fmt, &args))
			fmt++;
		else
			put_many(&out, start, (size_t)(fmt - start));
	}
	va_end(args.ap);
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
