/* SPDX-License-Identifier: MIT */
/*
 * params.c - cuts a command line into names and values.
 *
 * Nothing is kept and nothing can fail: a word that does not fit is cut, and
 * who reads its value then finds it wrong or short.
 */
#include <quire/params.h>

#include <quire/string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

bool next_param(const char **line, char *buf, size_t size, char **value)
{
	const char *s = *line;
	size_t len = 0;
	bool quoted = false;

	while (is_blank(*s))
		s++;
	if (!*s)
		return false;
	for (; *s && (quoted || !is_blank(*s)); s++) {
		if (*s == '"')
			quoted = !quoted;
		else if (len + 1 < size)
			buf[len++] = *s;
	}
	buf[len] = '\0';
	*line = s;
	*value = strchr(buf, '=');
	if (*value)
		*(*value)++ = '\0';
	return true;
}

bool param_is(const char *name, const char *wanted)
{
	for (; *name && *wanted; name++, wanted++) {
		char a = *name == '-' ? '_' : *name;
		char b = *wanted == '-' ? '_' : *wanted;

		if (a != b)
			return false;
	}
	return *name == *wanted;
}
