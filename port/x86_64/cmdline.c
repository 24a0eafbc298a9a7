/* SPDX-License-Identifier: MIT */
/*
 * cmdline.c - the kernel's command line, cut into words.
 *
 * Words are separated by blanks; "..." keeps blanks and the quotes go.  What
 * is beyond COMMAND_LINE_SIZE is cut off at the last whole word.  Written once
 * at start, then read only.
 */
#include <quire/string.h>

#include "port/x86_64/x86.h"

#define COMMAND_LINE_SIZE 4096 /* Linux: 2048; qemu allows more */

static struct {
	char text[COMMAND_LINE_SIZE];  /* as the loader gave it */
	char words[COMMAND_LINE_SIZE]; /* each ended by NUL */
	size_t words_len;
} me;

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static void cut(void)
{
	const char *s = me.text;
	char *to = me.words;

	for (;;) {
		bool quoted = false;

		while (is_blank(*s))
			s++;
		if (!*s)
			break;
		for (; *s && (quoted || !is_blank(*s)); s++) {
			if (*s == '"')
				quoted = !quoted;
			else
				*to++ = *s;
		}
		*to++ = '\0';
	}
	me.words_len = (size_t)(to - me.words);
}

void cmdline_init(const char *text)
{
	size_t len = strnlen(text, COMMAND_LINE_SIZE);

	if (len == COMMAND_LINE_SIZE)
		for (len--; len && !is_blank(text[len]); len--)
			;
	memcpy(me.text, text, len);
	me.text[len] = '\0';
	cut();
}

const char *cmdline_text(void)
{
	return me.text;
}

const char *x86_cmdline_word(unsigned int n)
{
	const char *w = me.words;

	for (; w < me.words + me.words_len; w += strlen(w) + 1)
		if (!n--)
			return w;
	return NULL;
}

const char *x86_cmdline_option(const char *name)
{
	size_t len = strlen(name);
	const char *found = NULL;
	const char *w = me.words;

	for (; w < me.words + me.words_len; w += strlen(w) + 1) {
		if (strncmp(w, name, len))
			continue;
		if (w[len] == '=')
			found = w + len + 1;
		else if (!w[len])
			found = w + len;
	}
	return found;
}
