// SPDX-License-Identifier: MIT
/*
 * stats.c - mallinfo, malloc_stats, malloc_info, and the same as JSON.
 *
 * Everything is gathered first, each arena under its lock, and printed when
 * no lock is held: printing may allocate.  The figures of different arenas are
 * therefore of slightly different moments.
 */
#include "core.h"

#include <malloc.h>
#include <string.h>

#if CONFIG_MALLOC_PREFIX
#define API(name) qm_##name
#else
#define API(name) name
#endif
#define EXPORT __attribute__((visibility("default")))

struct mallinfo API(mallinfo)(void);
struct mallinfo2 API(mallinfo2)(void);
void API(malloc_stats)(void);
int API(malloc_info)(int options, FILE *out);
int quire_malloc_json(FILE *out);

static const char *const step_names[NR_STEPS] = {
	"fast",	  "small", "unsorted", "remainder", "large",
	"binmap", "top",   "system",   "mapped",
};

struct snapshot {
	struct arena_info info;
	size_t system_bytes, system_max;
	uint64_t nr_steps[NR_STEPS];
};

static void take_snapshot(unsigned int i, struct snapshot *s)
{
	struct arena *a = core.arenas[i];

	arena_lock(a);
	arena_validate(a, &s->info);
	s->system_bytes = a->system_bytes;
	s->system_max = a->system_max;
	memcpy(s->nr_steps, a->nr_steps, sizeof(s->nr_steps));
	arena_unlock(a);
}

EXPORT struct mallinfo2 API(mallinfo2)(void)
{
	struct mallinfo2 m = {0};
	struct region_stats r;
	struct hard_stats hs;
	struct snapshot s;

	for (unsigned int i = 0; i < core.nr_arenas; i++) {
		take_snapshot(i, &s);
		m.arena += s.system_bytes;
		m.ordblks += s.info.free_chunks + (s.info.top_bytes != 0);
		m.smblks += s.info.fast_chunks;
		m.fsmblks += s.info.fast_bytes;
		m.fordblks += s.info.free_bytes + s.info.fast_bytes +
			      s.info.top_bytes;
		m.uordblks += s.info.used_bytes;
		if (i == 0)
			m.keepcost = s.info.top_bytes;
	}
	region_stats(&r);
	m.arena += (r.nr_used + r.nr_dirty) * PAGE_SIZE;
	m.uordblks += r.nr_used * PAGE_SIZE;
	m.fordblks += r.nr_dirty * PAGE_SIZE;
	hard_stats(&hs);
	m.uordblks += hs.used_bytes;
	m.arena += hs.used_bytes;
	m.hblks = core.nr_mapped + hs.nr_large;
	m.hblkhd = core.mapped_bytes;
	return m;
}

static int clip(size_t n)
{
	return n > INT32_MAX ? INT32_MAX : (int)n;
}

EXPORT struct mallinfo API(mallinfo)(void)
{
	struct mallinfo2 m = API(mallinfo2)();
	struct mallinfo r = {
		.arena = clip(m.arena),
		.ordblks = clip(m.ordblks),
		.smblks = clip(m.smblks),
		.hblks = clip(m.hblks),
		.hblkhd = clip(m.hblkhd),
		.fsmblks = clip(m.fsmblks),
		.uordblks = clip(m.uordblks),
		.fordblks = clip(m.fordblks),
		.keepcost = clip(m.keepcost),
	};

	return r;
}

EXPORT void API(malloc_stats)(void)
{
	size_t system = 0, used = 0;
	struct region_stats r;
	struct snapshot s;

	for (unsigned int i = 0; i < core.nr_arenas; i++) {
		take_snapshot(i, &s);
		fprintf(stderr,
			"Arena %u:\n"
			"system bytes     = %10zu\n"
			"in use bytes     = %10zu\n",
			i, s.system_bytes, s.info.used_bytes);
		system += s.system_bytes;
		used += s.info.used_bytes;
	}
	region_stats(&r);
	fprintf(stderr,
		"Small pages of %zu KiB:\n"
		"in use           = %10zu\n"
		"free, resident   = %10zu\n"
		"free, given back = %10zu\n",
		PAGE_SIZE / KIB, r.nr_used, r.nr_dirty, r.nr_clean);
	system += (r.nr_used + r.nr_dirty) * PAGE_SIZE + core.mapped_bytes;
	used += r.nr_used * PAGE_SIZE + core.mapped_bytes;
	fprintf(stderr,
		"Total (incl. mmap):\n"
		"system bytes     = %10zu\n"
		"in use bytes     = %10zu\n"
		"max mmap regions = %10zu\n"
		"max mmap bytes   = %10zu\n",
		system, used, core.nr_mapped_max, core.mapped_max);
}

/* ---- malloc_info: XML ----------------------------------------------------------- */
static void xml_arena(FILE *out, unsigned int nr, const struct snapshot *s)
{
	const struct arena_info *i = &s->info;

	fprintf(out, "<heap nr=\"%u\">\n<sizes>\n", nr);
	for (unsigned int b = 0; b < NR_FAST; b++) {
		size_t size = (b + 2) * CHUNK_ALIGN;

		if (i->fast[b].count)
			fprintf(out,
				"<size from=\"%zu\" to=\"%zu\" total=\"%zu\" "
				"count=\"%zu\"/>\n",
				size - CHUNK_ALIGN + 1, size, i->fast[b].bytes,
				i->fast[b].count);
	}
	for (unsigned int b = 2; b < NR_BINS - 1; b++) {
		if (i->bins[b].count)
			fprintf(out,
				"<bin nr=\"%u\" total=\"%zu\" count=\"%zu\"/>\n",
				b, i->bins[b].bytes, i->bins[b].count);
	}
	if (i->bins[BIN_UNSORTED].count)
		fprintf(out, "<unsorted total=\"%zu\" count=\"%zu\"/>\n",
			i->bins[BIN_UNSORTED].bytes,
			i->bins[BIN_UNSORTED].count);
	fprintf(out, "</sizes>\n");
	fprintf(out, "<total type=\"fast\" count=\"%zu\" size=\"%zu\"/>\n",
		i->fast_chunks, i->fast_bytes);
	fprintf(out, "<total type=\"rest\" count=\"%zu\" size=\"%zu\"/>\n",
		i->free_chunks + (i->top_bytes != 0),
		i->free_bytes + i->top_bytes);
	fprintf(out, "<system type=\"current\" size=\"%zu\"/>\n",
		s->system_bytes);
	fprintf(out, "<system type=\"max\" size=\"%zu\"/>\n", s->system_max);
	for (unsigned int n = 0; n < NR_STEPS; n++)
		fprintf(out, "<step name=\"%s\" count=\"%llu\"/>\n",
			step_names[n], (unsigned long long)s->nr_steps[n]);
	fprintf(out, "</heap>\n");
}

EXPORT int API(malloc_info)(int options, FILE *out)
{
	size_t system = 0, max = 0;
	struct region_stats r;
	struct hard_stats hs;
	struct snapshot s;

	if (options != 0)
		return EINVAL;
	fprintf(out, "<malloc version=\"1\">\n");
	for (unsigned int i = 0; i < core.nr_arenas; i++) {
		take_snapshot(i, &s);
		xml_arena(out, i, &s);
		system += s.system_bytes;
		max += s.system_max;
	}
	region_stats(&r);
	fprintf(out,
		"<pages size=\"%zu\" used=\"%zu\" dirty=\"%zu\" clean=\"%zu\" "
		"purged=\"%zu\"/>\n",
		PAGE_SIZE, r.nr_used, r.nr_dirty, r.nr_clean, r.nr_purged);
	hard_stats(&hs);
	if (opt.hardened)
		fprintf(out,
			"<hardened slabs=\"%zu\" mapped=\"%zu\" used=\"%zu\"/>\n",
			hs.nr_slabs, hs.nr_large, hs.used_bytes);
	fprintf(out, "<total type=\"mmap\" count=\"%zu\" size=\"%zu\"/>\n",
		core.nr_mapped, core.mapped_bytes);
	fprintf(out, "<system type=\"current\" size=\"%zu\"/>\n", system);
	fprintf(out, "<system type=\"max\" size=\"%zu\"/>\n", max);
	fprintf(out, "</malloc>\n");
	return 0;
}

/* ---- JSON ------------------------------------------------------------------------ */
static void json_arena(FILE *out, unsigned int nr, const struct snapshot *s)
{
	const struct arena_info *i = &s->info;
	const char *comma = "";

	fprintf(out,
		"%s{\"arena\":%u,\"system\":%zu,\"system_max\":%zu,"
		"\"used_bytes\":%zu,\"used_chunks\":%zu,\"free_bytes\":%zu,"
		"\"free_chunks\":%zu,\"fast_bytes\":%zu,\"top_bytes\":%zu,"
		"\"steps\":{",
		nr ? "," : "", nr, s->system_bytes, s->system_max,
		i->used_bytes, i->used_chunks, i->free_bytes, i->free_chunks,
		i->fast_bytes, i->top_bytes);
	for (unsigned int n = 0; n < NR_STEPS; n++)
		fprintf(out, "%s\"%s\":%llu", n ? "," : "", step_names[n],
			(unsigned long long)s->nr_steps[n]);
	fprintf(out, "},\"bins\":[");
	for (unsigned int b = BIN_UNSORTED; b < NR_BINS - 1; b++) {
		if (!i->bins[b].count)
			continue;
		fprintf(out, "%s{\"bin\":%u,\"bytes\":%zu,\"chunks\":%zu}",
			comma, b, i->bins[b].bytes, i->bins[b].count);
		comma = ",";
	}
	fprintf(out, "]}");
}

/* Returns 0, or EIO if the stream has an error. */
EXPORT int quire_malloc_json(FILE *out)
{
	struct region_stats r;
	struct hard_stats hs;
	struct snapshot s;

	fprintf(out, "{\"arenas\":[");
	for (unsigned int i = 0; i < core.nr_arenas; i++) {
		take_snapshot(i, &s);
		json_arena(out, i, &s);
	}
	region_stats(&r);
	hard_stats(&hs);
	fprintf(out,
		"],\"hardened\":{\"slabs\":%zu,\"mapped\":%zu,\"used\":%zu},"
		"\"pages\":{\"size\":%zu,\"used\":%zu,\"dirty\":%zu,"
		"\"clean\":%zu,\"purged\":%zu},"
		"\"mapped\":{\"count\":%zu,\"bytes\":%zu,\"max_bytes\":%zu}}\n",
		hs.nr_slabs, hs.nr_large, hs.used_bytes, PAGE_SIZE, r.nr_used,
		r.nr_dirty, r.nr_clean, r.nr_purged, core.nr_mapped,
		core.mapped_bytes, core.mapped_max);
	return ferror(out) ? EIO : 0;
}
