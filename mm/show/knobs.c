/* SPDX-License-Identifier: MIT */
/*
 * knobs.c - /proc/sys/vm: which numbers can be looked at and set, and their text.
 *
 * 1. Idea.  A knob is declared in one row: name, bounds, how to get it, how to
 *    set it.  The state and the two functions belong to the folder that uses
 *    the number; here are the rows and the reading and writing of text.
 * 2. Text.  Written as Linux's proc_dointvec_minmax reads it: blanks around
 *    numbers, bases by prefix, at most NUMBER_MAX characters a number; less than
 *    the whole vector sets its beginning, and what follows the last number of
 *    it is not looked at.  Unlike Linux a write that fails changes nothing: all
 *    numbers are read and checked before the first is set.
 * 3. Locking.  None here; a setter has its own.
 *
 * Sources: Linux's Documentation/admin-guide/sysctl/vm.rst, proc(5), and what a
 * running Linux answers.
 */
#include <quire/errno.h>
#include <quire/mm.h>
#include <quire/show.h>
#include <quire/string.h>
#include <quire/sysctl.h>

/* Linux's longest number: sign, prefix, digits. */
#define NUMBER_MAX 21

/* ---- rows ---- */

static int get_max_map_count(s64 *values)
{
	values[0] = READ_ONCE(sysctl_max_map_count);
	return 1;
}

/* A process that has more already keeps what it has. */
static int set_max_map_count(const s64 *values, unsigned int nr)
{
	(void)nr;
	WRITE_ONCE(sysctl_max_map_count, (unsigned int)values[0]);
	return 0;
}

/* clang-format off */
const struct mm_knob vm_knobs[] = {
	/* name			mode  nr min	max	   get	set */
	{"admin_reserve_kbytes", 0644, 1, 0,	INT64_MAX,
	 admin_reserve_kbytes_get, admin_reserve_kbytes_set},
	{"lowmem_reserve_ratio", 0644, MAX_NR_ZONES, INT32_MIN, INT32_MAX,
	 lowmem_reserve_ratio_get, lowmem_reserve_ratio_set},
	{"max_map_count",	0644, 1, 0,	INT32_MAX,
	 get_max_map_count,	set_max_map_count},
	{"min_free_kbytes",	0644, 1, 0,	INT32_MAX,
	 min_free_kbytes_get,	min_free_kbytes_set},
	{"mmap_min_addr",	0644, 1, 0,	INT64_MAX,
	 mmap_min_addr_get,	mmap_min_addr_set},
	{"overcommit_kbytes",	0644, 1, 0,	INT64_MAX,
	 overcommit_kbytes_get,	overcommit_kbytes_set},
	{"overcommit_memory",	0644, 1, 0,	2,
	 overcommit_memory_get,	overcommit_memory_set},
	{"overcommit_ratio",	0644, 1, 0,	INT32_MAX,
	 overcommit_ratio_get,	overcommit_ratio_set},
	{"percpu_pagelist_high_fraction", 0644, 1, 0, INT32_MAX,
	 percpu_pagelist_high_fraction_get, percpu_pagelist_high_fraction_set},
	{"user_reserve_kbytes",	0644, 1, 0,	INT64_MAX,
	 user_reserve_kbytes_get, user_reserve_kbytes_set},
	{"watermark_boost_factor", 0644, 1, 0,	INT32_MAX,
	 watermark_boost_factor_get, watermark_boost_factor_set},
	{"watermark_scale_factor", 0644, 1, WATERMARK_SCALE_FACTOR_MIN,
	 WATERMARK_SCALE_FACTOR_MAX,
	 watermark_scale_factor_get, watermark_scale_factor_set},
	{0},
};
/* clang-format on */

/* ---- text ---- */

void mm_knob_show(const struct mm_knob *knob, struct seq_buf *s)
{
	s64 values[MM_KNOB_NR_MAX];
	int i, nr = knob->get(values);

	for (i = 0; i < nr; i++)
		seq_printf(s, "%s%lld", i ? "\t" : "", (long long)values[i]);
	seq_putc(s, '\n');
}

static bool separates(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* Blanks in front of a number are more than those between. */
static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || (*at >= '\t' && *at <= '\r')))
		at++;
	return at;
}

/* One number at *text, which moves behind it. */
static int take_number(const char **text, const char *end, s64 *value)
{
	char number[NUMBER_MAX + 1];
	const char *at = *text;
	size_t len = 0;

	while (at + len < end && !separates(at[len])) {
		if (len == NUMBER_MAX || at[len] == '+' || !at[len])
			return -EINVAL;
		number[len] = at[len];
		len++;
	}
	number[len] = '\0';
	*text = at + len;
	return kstrtol(number, 0, value) ? -EINVAL : 0;
}

mm_ssize_t mm_knob_store(const struct mm_knob *knob, const char *text,
			 size_t len)
{
	const char *at = text, *end = text + len;
	s64 values[MM_KNOB_NR_MAX];
	unsigned int nr = 0;
	int err;

	if (!knob->set)
		return -EPERM;
	while ((at = skip_blanks(at, end)) < end && nr < knob->nr) {
		err = take_number(&at, end, &values[nr]);
		if (err)
			return err;
		if (values[nr] < knob->min || values[nr] > knob->max)
			return -EINVAL;
		nr++;
	}
	if (!nr)
		return -EINVAL;
	err = knob->set(values, nr);
	return err ? err : at - text;
}
