/* SPDX-License-Identifier: MIT */
/*
 * slab_params.c - what the command line says of slabs.
 *
 *	slab_debug[=OPTIONS[,NAME...][;OPTIONS[,NAME...]]...]
 *	init_on_alloc=BOOL   init_on_free=BOOL
 *	slab_nomerge   slab_min_order=N   slab_max_order=N   slab_min_objects=N
 *
 * and the same as slub_...  OPTIONS are letters, of either case:
 *
 *	F  sanity checks    Z  red zones    P  poison    U  users    T  trace
 *	O  no debugging of caches whose slabs would have to be larger for it
 *	-  none of this
 *
 * No letters at all mean FZPU.  A block without names is for all caches that
 * no block names, and the last such block counts; of the blocks that name a
 * cache the first counts.  "kmalloc-*" names all that begin so.
 *
 * The text is kept and read again for each cache that is made: there are few,
 * and the first are made before there is memory for anything better.
 *
 * Source: Linux's Documentation/mm/slub.rst.
 */
#include <quire/params.h>
#include <quire/printk.h>
#include <quire/string.h>

#include "mm/slab/slab_internal.h"

#define DEBUG_DEFAULT                                            \
	(SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | \
	 SLAB_STORE_USER)

struct slab_params slab_params = {.max_order = SLAB_DEFAULT_MAX_ORDER};

/* OPTIONS,NAME,NAME of slab_debug=. */
struct debug_block {
	slab_flags_t flags;
	bool keep_order;   /* O */
	const char *names; /* behind the comma; NULL: all caches */
};

static slab_flags_t debug_flag(char letter)
{
	switch (letter | 0x20) {
	case 'f':
		return SLAB_CONSISTENCY_CHECKS;
	case 'z':
		return SLAB_RED_ZONE;
	case 'p':
		return SLAB_POISON;
	case 'u':
		return SLAB_STORE_USER;
	case 't':
		return SLAB_TRACE;
	default:
		return 0;
	}
}

static bool ends_block(char c)
{
	return c == '\0' || c == ';';
}

static void add_option(struct debug_block *b, char letter, bool report)
{
	if ((letter | 0x20) == 'o')
		b->keep_order = true;
	else if (letter == '-')
		b->flags = 0;
	else if (debug_flag(letter))
		b->flags |= debug_flag(letter);
	else if (report)
		printk("slab_debug: option '%c' is unknown and not used\n",
		       letter);
}

/* The block at *text, which moves behind it; false: none is left. */
static bool next_block(const char **text, struct debug_block *b, bool report)
{
	const char *s = *text;

	if (!*s)
		return false;
	*b = (struct debug_block){0};
	if (*s == ',' || ends_block(*s))
		b->flags = DEBUG_DEFAULT;
	for (; *s != ',' && !ends_block(*s); s++)
		add_option(b, *s, report);
	if (*s == ',')
		b->names = ++s;
	while (!ends_block(*s))
		s++;
	*text = *s ? s + 1 : s;
	return true;
}

/* Is the cache among the block's names? */
static bool block_names(const struct debug_block *b, const char *name)
{
	const char *s = b->names;

	for (;;) {
		size_t len = 0;

		while (s[len] != ',' && !ends_block(s[len]))
			len++;
		if (len && s[len - 1] == '*') {
			if (!strncmp(name, s, len - 1))
				return true;
		} else if (strlen(name) == len && !strncmp(name, s, len)) {
			return true;
		}
		if (s[len] != ',')
			return false;
		s += len + 1;
	}
}

slab_flags_t slab_debug_wanted(const char *name)
{
	const char *text = slab_params.debug;
	slab_flags_t for_all = 0;
	struct debug_block b;

	while (next_block(&text, &b, false)) {
		if (!b.names)
			for_all = b.flags;
		else if (block_names(&b, name))
			return b.flags;
	}
	return for_all;
}

static void set_debug(const char *value)
{
	const char *text = slab_params.debug;
	struct debug_block b;

	if (!value || !*value)
		value = "FZPU";
	if (strscpy(slab_params.debug, value, sizeof(slab_params.debug)) < 0)
		printk("slab_debug: cut off after %zu characters\n",
		       sizeof(slab_params.debug) - 1);
	slab_params.keep_order = false;
	while (next_block(&text, &b, true))
		slab_params.keep_order |= b.keep_order;
}

static void set_number(const char *name, const char *value, unsigned int most,
		       unsigned int *number)
{
	unsigned int n;

	if (!value || kstrtouint(value, 0, &n)) {
		printk("%s: \"%s\" is no number\n", name, value ? value : "");
		return;
	}
	*number = min(n, most);
}

/* Behind "slab_" or "slub_"; true: it is one of ours. */
static bool set_param(const char *name, const char *value)
{
	struct slab_params *p = &slab_params;

	if (param_is(name, "debug"))
		set_debug(value);
	else if (param_is(name, "nomerge"))
		p->nomerge = true;
	else if (param_is(name, "min_order"))
		set_number("slab_min_order", value, MAX_ORDER, &p->min_order);
	else if (param_is(name, "max_order"))
		set_number("slab_max_order", value, MAX_ORDER, &p->max_order);
	else if (param_is(name, "min_objects"))
		set_number("slab_min_objects", value, SLAB_MAX_OBJECTS,
			   &p->min_objects);
	else
		return false;
	return true;
}

static void set_bool(const char *name, const char *value, bool *flag)
{
	if (value && kstrtobool(value, flag) == 0)
		return;
	printk("%s: \"%s\" is neither on nor off\n", name, value ? value : "");
}

bool slab_param(const char *name, const char *value)
{
	bool *init_on =
		param_is(name, "init_on_alloc")	 ? &slab_params.init_on_alloc
		: param_is(name, "init_on_free") ? &slab_params.init_on_free
						 : NULL;

	if (init_on) {
		set_bool(name, value, init_on);
		return true;
	}
	if (strncmp(name, "sl", 2) || (name[2] != 'a' && name[2] != 'u') ||
	    name[3] != 'b' || (name[4] != '_' && name[4] != '-'))
		return false;
	return set_param(name + 5, value);
}
