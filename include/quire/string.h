/* SPDX-License-Identifier: MIT */
/*
 * string.h - bytes, strings, and numbers in text.
 *
 * The first group are the C library's names and behaviour (ISO C11 7.24);
 * port.h says where they come from.
 */
#ifndef QUIRE_STRING_H
#define QUIRE_STRING_H

#include <quire/types.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);

/*
 * strscpy - copy a string into size bytes, always ended by NUL (size > 0).
 * Its length, or -E2BIG if it was cut (or size is 0).
 */
mm_ssize_t strscpy(char *to, const char *from, size_t size);

/*
 * A number that is the whole string but for one newline at its end; base 0
 * takes 0x and 0 prefixes.  0; -EINVAL not a number; -ERANGE too large.
 */
int __must_check kstrtoull(const char *s, unsigned int base, u64 *res);
int __must_check kstrtoul(const char *s, unsigned int base, unsigned long *res);
int __must_check kstrtol(const char *s, unsigned int base, long *res);
int __must_check kstrtouint(const char *s, unsigned int base,
			    unsigned int *res);

/* 1 y t on, 0 n f off, of either case, by their first letters.  0 or -EINVAL. */
int __must_check kstrtobool(const char *s, bool *res);

/* "64M", "0x100k": the bytes; *end is behind what was used.  K M G T P E. */
u64 memparse(const char *s, char **end);

/* s begins with prefix: its length, else 0. */
size_t str_has_prefix(const char *s, const char *prefix);
/* Without blanks at both ends; writes a NUL into s. */
char *strim(char *s);

/* ---- sorting ---- */

/*
 * sort - in place, by heap sort: n log n always, no memory, not stable.
 * cmp as qsort(3).
 */
void sort(void *base, size_t num, size_t size,
	  int (*cmp)(const void *a, const void *b));

#endif
