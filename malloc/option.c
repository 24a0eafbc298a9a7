// SPDX-License-Identifier: MIT
/*
 * option.c - every option: its names, its bounds, where it may be set.
 *
 * QUIRE_MALLOC=name=value:name=value... first, then glibc's variables, then
 * mallopt() at run time.  A name that is not known and a value out of bounds
 * are reported on stderr and change nothing.  Under set-user-ID the
 * environment is not read.
 */
#include "internal.h"
#include "core.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

struct options opt = {
	.trim_threshold = 128 * KIB,
	.mmap_threshold = 128 * KIB,
	.mmap_max = 65536,
	.top_pad = 128 * KIB,
	.mxfast = 128,
	.small = 1,
	.cache = 1,
	.heat = 32,
	.purge_ms = 100,
	.dynamic = true,
};

enum option_flags {
	STOPS_DYNAMIC = 1, /* setting it fixes the thresholds */
	MINUS_ONE_IS_MAX = 2,
};

static const struct option {
	const char *name;  /* in QUIRE_MALLOC */
	const char *glibc; /* environment variable, or NULL */
	int param;	   /* of mallopt, or 0 */
	size_t *value;
	size_t max;
	int flags;
} options[] = {
	{"trim_threshold", "MALLOC_TRIM_THRESHOLD_", M_TRIM_THRESHOLD,
	 &opt.trim_threshold, PTRDIFF_MAX, STOPS_DYNAMIC | MINUS_ONE_IS_MAX},
	{"mmap_threshold", "MALLOC_MMAP_THRESHOLD_", M_MMAP_THRESHOLD,
	 &opt.mmap_threshold, 32 * MIB, STOPS_DYNAMIC},
	{"mmap_max", "MALLOC_MMAP_MAX_", M_MMAP_MAX, &opt.mmap_max, PTRDIFF_MAX,
	 STOPS_DYNAMIC},
	{"top_pad", "MALLOC_TOP_PAD_", M_TOP_PAD, &opt.top_pad, PTRDIFF_MAX,
	 STOPS_DYNAMIC},
	{"arena_max", "MALLOC_ARENA_MAX", M_ARENA_MAX, &opt.arena_max, 64, 0},
	{"perturb", "MALLOC_PERTURB_", M_PERTURB, &opt.perturb, INT32_MAX, 0},
	{"mxfast", NULL, M_MXFAST, &opt.mxfast, 160, 0},
	{"small", NULL, 0, &opt.small, 1, 0},
	{"heat", NULL, 0, &opt.heat, 255, 0},
	{"thp", NULL, 0, &opt.thp, 1 << 20, 0},
	{"background", NULL, 0, &opt.background, 1, 0},
	{"hardened", NULL, 0, &opt.hardened, 1, 0},
	{"profile", NULL, 0, &opt.profile, (size_t)1 << 40, 0},
	{"purge_ms", NULL, 0, &opt.purge_ms, 1000000, MINUS_ONE_IS_MAX},
};
#define NR_OPTIONS (sizeof(options) / sizeof(options[0]))

/* The largest request for a fast bin, as the chunk that serves it. */
static size_t fast_chunk(size_t request)
{
	return request ? min_size(request_size(request), FAST_LIMIT) : 0;
}

static int set(const struct option *o, long value)
{
	size_t v = (size_t)value;

	if (value == -1 && o->flags & MINUS_ONE_IS_MAX)
		v = SIZE_MAX;
	else if (value < 0 || v > o->max)
		return 0;
	if (o->value == &opt.mxfast)
		v = fast_chunk(v);
	*o->value = v;
	if (o->flags & STOPS_DYNAMIC)
		opt.dynamic = false;
	/* Only the core fills blocks. */
	if (o->value == &opt.perturb && v)
		opt.small = opt.cache = 0;
	return 1;
}

static void complain(const char *text, size_t len)
{
	static const char head[] = "quire-malloc: option refused: ";
	ssize_t n;

	n = write(STDERR_FILENO, head, sizeof(head) - 1);
	n = write(STDERR_FILENO, text, len);
	n = write(STDERR_FILENO, "\n", 1);
	(void)n;
}

static bool parse(const struct option *o, const char *s)
{
	char *end;
	long value = strtol(s, &end, 0);

	return end != s && (!*end || *end == ':') && set(o, value);
}

static bool parse_one(const char *s, size_t len)
{
	for (size_t i = 0; i < NR_OPTIONS; i++) {
		size_t n = strlen(options[i].name);

		if (len > n && !strncmp(s, options[i].name, n) && s[n] == '=')
			return parse(&options[i], s + n + 1);
	}
	return false;
}

void option_init(void)
{
	int saved = errno;
	const char *s = NULL;

	if (getauxval(AT_SECURE))
		goto out;
	s = getenv("QUIRE_MALLOC");
	while (s && *s) {
		size_t len = strcspn(s, ":");

		if (len && !parse_one(s, len))
			complain(s, len);
		s += len + (s[len] == ':');
	}
	for (size_t i = 0; i < NR_OPTIONS; i++) {
		const char *value = NULL;

		if (options[i].glibc)
			value = getenv(options[i].glibc);
		if (value)
			parse(&options[i], value);
	}
	opt.profile_prefix = getenv("QUIRE_MALLOC_PROFILE");
	if (opt.profile_prefix && !opt.profile)
		opt.profile = 512 * KIB;
out:
	/* One or the other: the hardened mode keeps its own books. */
	if (opt.hardened)
		opt.profile = 0;
	opt.watched = opt.hardened || opt.profile;
	opt.mxfast = min_size(opt.mxfast, FAST_LIMIT);
	errno = saved;
}

int option_mallopt(int param, int value)
{
	for (size_t i = 0; i < NR_OPTIONS; i++) {
		if (options[i].param && options[i].param == param)
			return set(&options[i], value);
	}
	return 0;
}
