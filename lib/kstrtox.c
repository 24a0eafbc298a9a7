/* SPDX-License-Identifier: MIT */
/*
 * kstrtox.c - strings that the C library does not have: numbers read strictly,
 * sizes with a suffix, bounded copies.
 *
 * The digits are gathered in u64 with the carry watched; every narrower form
 * is a range check on top.  Nothing is stored on failure.
 */
#include <quire/string.h>

#include <quire/errno.h>

/* The value of a digit, or 99. */
static unsigned int digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a' + 10) : 99;
}

/* Base by prefix: 0x (with a digit behind it), 0, or ten. */
static const char *eat_prefix(const char *s, unsigned int *base)
{
	bool hex = s[0] == '0' && (s[1] | 0x20) == 'x' && digit(s[2]) < 16;

	if (*base == 0)
		*base = hex ? 16 : s[0] == '0' ? 8 : 10;
	return hex && *base == 16 ? s + 2 : s;
}

/* The end of the digits; s itself if there is none. */
static const char *eat_digits(const char *s, unsigned int base, u64 *value,
			      bool *overflow)
{
	*value = 0;
	*overflow = false;
	for (; digit(*s) < base; s++)
		*overflow |= __builtin_mul_overflow(*value, base, value) ||
			     __builtin_add_overflow(*value, digit(*s), value);
	return s;
}

int kstrtoull(const char *s, unsigned int base, u64 *res)
{
	const char *first, *end;
	bool overflow;
	u64 value;

	if (*s == '+')
		s++;
	first = eat_prefix(s, &base);
	end = eat_digits(first, base, &value, &overflow);
	if (end == first)
		return -EINVAL;
	if (*end == '\n')
		end++;
	if (*end)
		return -EINVAL;
	if (overflow)
		return -ERANGE;
	*res = value;
	return 0;
}

int kstrtoul(const char *s, unsigned int base, unsigned long *res)
{
	u64 value;
	int err = kstrtoull(s, base, &value);

	if (!err)
		*res = value;
	return err;
}

int kstrtol(const char *s, unsigned int base, long *res)
{
	bool negative = *s == '-';
	u64 value;
	int err;

	/* No second sign. */
	if (negative && s[1] == '+')
		return -EINVAL;
	err = kstrtoull(s + negative, base, &value);
	if (err)
		return err;
	if (value > (u64)INT64_MAX + negative)
		return -ERANGE;
	*res = (long)(negative ? 0 - value : value);
	return 0;
}

int kstrtouint(const char *s, unsigned int base, unsigned int *res)
{
	u64 value;
	int err = kstrtoull(s, base, &value);

	if (err)
		return err;
	if (value > UINT32_MAX)
		return -ERANGE;
	*res = (unsigned int)value;
	return 0;
}

int kstrtobool(const char *s, bool *res)
{
	switch (s[0] == '0' || s[0] == '1' ? s[0] : s[0] | 0x20) {
	case '1':
	case 'y':
	case 't':
		*res = true;
		return 0;
	case '0':
	case 'n':
	case 'f':
		*res = false;
		return 0;
	case 'o':
		if ((s[1] | 0x20) != 'n' && (s[1] | 0x20) != 'f')
			return -EINVAL;
		*res = (s[1] | 0x20) == 'n';
		return 0;
	default:
		return -EINVAL;
	}
}

u64 memparse(const char *s, char **end)
{
	static const char suffixes[] = "kmgtpe";
	unsigned int base = 0;
	const char *at = eat_prefix(s, &base), *suffix;
	bool overflow;
	u64 value;

	at = eat_digits(at, base, &value, &overflow);
	if (at != s && *at) {
		suffix = strchr(suffixes, *at | 0x20);
		if (suffix) {
			value <<= 10 * (suffix - suffixes + 1);
			at++;
		}
	}
	if (end)
		*end = (char *)at;
	return value;
}

mm_ssize_t strscpy(char *to, const char *from, size_t size)
{
	size_t len = strnlen(from, size);

	if (size == 0)
		return -E2BIG;
	memcpy(to, from, min(len, size - 1));
	to[min(len, size - 1)] = '\0';
	return len < size ? (mm_ssize_t)len : -E2BIG;
}

size_t str_has_prefix(const char *s, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(s, prefix, len) == 0 ? len : 0;
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

char *strim(char *s)
{
	size_t len;

	while (is_blank(*s))
		s++;
	for (len = strlen(s); len && is_blank(s[len - 1]);)
		len--;
	s[len] = '\0';
	return s;
}
