// SPDX-License-Identifier: MIT
/*
 * profile.c - which call stacks hold how much memory, by sampling.
 *
 * 1. Idea.  A block is sampled with probability 1 - exp(-size / period): a
 *    heap counts its bytes down to the next sample, and the distances are
 *    drawn from an exponential distribution.  The report says the period, and
 *    the reader multiplies (heap_v2 of google-pprof).
 * 2. No cost when off.  When on, heaps show the fast path of malloc() no pages,
 *    so that each request passes small_alloc_slow() or another slow path,
 *    which counts.  A sampled block always is a chunk of the core, so that
 *    free()'s fast path never sees one.
 * 3. Tables, both grown by doubling: stacks by their hash, with what was
 *    allocated and freed of each; sampled blocks by address.
 * 4. backtrace() may allocate: profile_inside says that this is going on in
 *    this thread, and nothing is sampled then.
 * 5. Locking.  profile.lock for the tables: a leaf.  Stacks are taken without
 *    it.
 * 6. Failure.  No memory for a table: the sample is lost, and counted.
 */
#include "internal.h"

#include <execinfo.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEPTH	    32
#define SKIP	    2 /* profile_sample() and the function of api.c */
#define TABLE_LEAST 1024

struct stack {
	uint64_t hash; /* 0: empty entry */
	unsigned int depth;
	void *pc[DEPTH];
	size_t nr_live, live_bytes, nr_all, all_bytes;
};

struct sample {
	void *p; /* NULL: empty entry; GONE: was one */
	struct stack *stack;
	size_t size;
};
#define GONE ((void *)1)

static struct {
	struct lock lock;
	struct stack **stacks;
	struct sample *samples;
	size_t nr_stacks, stacks_size;
	size_t nr_samples, samples_size; /* nr: with those gone */
	size_t nr_live, nr_lost;
	uint64_t random;
	char *room; /* for struct stack */
	size_t room_left;
	char prefix[256];
} profile = {.random = 0x9e3779b97f4a7c15};

static __thread bool profile_inside __attribute__((tls_model("initial-exec")));

/* ---- distances: -period * ln(u), u in (0, 1] ------------------------------------ */
/* log2 of 1 <= m < 2, as a fraction of 2^16: the error is below 0.01. */
static uint64_t log2_part(uint64_t m16)
{
	uint64_t f = m16 - 65536;

	/* f + 0.3431 f (1 - f), in units of 2^-16 */
	return f + f * (65536 - f) / 65536 * 22485 / 65536;
}

static size_t distance(void)
{
	uint64_t u, k, log2_16;

	lock_take(&profile.lock);
	profile.random ^= profile.random << 13;
	profile.random ^= profile.random >> 7;
	profile.random ^= profile.random << 17;
	u = profile.random >> 16 | 1; /* 48 bits */
	lock_drop(&profile.lock);
	k = 63 - (uint64_t)__builtin_clzl(u);
	log2_16 = k * 65536 + log2_part(k > 16 ? u >> (k - 16) : u << (16 - k));
	/* -ln(u / 2^48) = (48 - log2 u) * ln 2 */
	return (size_t)((double)(48 * 65536 - (int64_t)log2_16) / 65536 *
			0.693147 * (double)opt.profile) +
	       1;
}

/* ---- tables ------------------------------------------------------------------------- */
static uint64_t hash_of(void *const *pc, unsigned int depth)
{
	uint64_t h = depth;

	for (unsigned int i = 0; i < depth; i++)
		h = (h ^ (uintptr_t)pc[i]) * 0x9e3779b97f4a7c15 ^ h >> 29;
	return h ? h : 1;
}

static bool grow_stacks(void)
{
	size_t size =
		profile.stacks_size ? profile.stacks_size * 2 : TABLE_LEAST;
	struct stack **new = os_map(size * sizeof(struct stack *));

	if (!new)
		return false;
	for (size_t i = 0; i < profile.stacks_size; i++) {
		struct stack *s = profile.stacks[i];
		size_t k;

		if (!s)
			continue;
		for (k = s->hash & (size - 1); new[k]; k = (k + 1) & (size - 1))
			;
		new[k] = s;
	}
	if (profile.stacks)
		os_unmap(profile.stacks,
			 profile.stacks_size * sizeof(struct stack *));
	profile.stacks = new;
	profile.stacks_size = size;
	return true;
}

static struct stack *stack_new(void)
{
	size_t size = sizeof(struct stack);

	if (profile.room_left < size) {
		profile.room = os_map(256 * KIB);
		profile.room_left = profile.room ? 256 * KIB : 0;
	}
	if (profile.room_left < size)
		return NULL;
	profile.room_left -= size;
	profile.room += size;
	return (struct stack *)(profile.room - size);
}

static struct stack *stack_get(void *const *pc, unsigned int depth)
{
	uint64_t hash = hash_of(pc, depth);
	struct stack *s;
	size_t i;

	if (profile.nr_stacks * 2 >= profile.stacks_size && !grow_stacks())
		return NULL;
	for (i = hash & (profile.stacks_size - 1); (s = profile.stacks[i]);
	     i = (i + 1) & (profile.stacks_size - 1)) {
		if (s->hash == hash && s->depth == depth &&
		    !memcmp(s->pc, pc, depth * sizeof(*pc)))
			return s;
	}
	s = stack_new();
	if (!s)
		return NULL;
	s->hash = hash;
	s->depth = depth;
	memcpy(s->pc, pc, depth * sizeof(*pc));
	profile.stacks[i] = s;
	profile.nr_stacks++;
	return s;
}

static struct sample *place_of(struct sample *table, size_t size, void *p)
{
	size_t i = ((uintptr_t)p >> 4) * 0x9e3779b97f4a7c15 >> 20;

	for (i &= size - 1; table[i].p && table[i].p != p;
	     i = (i + 1) & (size - 1))
		;
	return &table[i];
}

/* Also when many are only gone ones: then the size stays. */
static bool grow_samples(void)
{
	size_t size = profile.samples_size, old = size;
	struct sample *new;

	if (!size)
		size = TABLE_LEAST;
	else if (profile.nr_live * 4 >= size)
		size *= 2;
	new = os_map(size * sizeof(*new));
	if (!new)
		return false;
	for (size_t i = 0; i < old; i++) {
		struct sample *s = &profile.samples[i];

		if (s->p && s->p != GONE)
			*place_of(new, size, s->p) = *s;
	}
	if (old)
		os_unmap(profile.samples, old * sizeof(*new));
	profile.samples = new;
	profile.samples_size = size;
	profile.nr_samples = profile.nr_live;
	return true;
}

static bool enter(void *p, size_t size, void *const *pc, unsigned int depth)
{
	struct sample *s;
	struct stack *stack;

	if (profile.nr_samples * 2 >= profile.samples_size && !grow_samples())
		return false;
	stack = stack_get(pc, depth);
	if (!stack)
		return false;
	s = place_of(profile.samples, profile.samples_size, p);
	s->p = p;
	s->stack = stack;
	s->size = size;
	profile.nr_samples++;
	profile.nr_live++;
	stack->nr_live++;
	stack->live_bytes += size;
	stack->nr_all++;
	stack->all_bytes += size;
	return true;
}

/* ---- what the API calls ------------------------------------------------------------ */
bool profile_count(struct heap *h, size_t size)
{
	if (profile_inside)
		return false;
	if (!h->until_sample)
		h->until_sample = distance();
	if (h->until_sample > size) {
		h->until_sample -= size;
		return false;
	}
	h->until_sample = distance();
	return true;
}

void profile_sample(void *p, size_t size)
{
	void *pc[DEPTH + SKIP];
	int saved = errno, depth;

	if (profile_inside)
		return;
	profile_inside = true;
	depth = backtrace(pc, DEPTH + SKIP) - SKIP;
	profile_inside = false;
	errno = saved;
	lock_take(&profile.lock);
	if (depth <= 0 || !enter(p, size, pc + SKIP, (unsigned int)depth))
		profile.nr_lost++;
	lock_drop(&profile.lock);
}

void profile_free(void *p)
{
	struct sample *s;

	if (!__atomic_load_n(&profile.nr_live, __ATOMIC_RELAXED))
		return;
	lock_take(&profile.lock);
	s = place_of(profile.samples, profile.samples_size, p);
	if (s->p) {
		s->stack->nr_live--;
		s->stack->live_bytes -= s->size;
		s->p = GONE;
		__atomic_store_n(&profile.nr_live, profile.nr_live - 1,
				 __ATOMIC_RELAXED);
	}
	lock_drop(&profile.lock);
}

/* ---- the report --------------------------------------------------------------------- */
static void write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

static void write_stack(int fd, const struct stack *s)
{
	char line[128 + DEPTH * 20];
	int n;

	n = snprintf(line, sizeof(line), "%zu: %zu [%zu: %zu] @", s->nr_live,
		     s->live_bytes, s->nr_all, s->all_bytes);
	for (unsigned int i = 0; i < s->depth; i++)
		n += snprintf(line + n, sizeof(line) - (size_t)n, " %p",
			      s->pc[i]);
	line[n++] = '\n';
	write_all(fd, line, (size_t)n);
}

static void write_maps(int fd)
{
	char buf[4096];
	int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	write_all(fd, "\nMAPPED_LIBRARIES:\n", 19);
	while (maps >= 0 && (n = read(maps, buf, sizeof(buf))) > 0)
		write_all(fd, buf, (size_t)n);
	if (maps >= 0)
		close(maps);
}

/* 0, or EINVAL if no profile is being made. */
__attribute__((visibility("default"))) int quire_malloc_profile(int fd)
{
	struct stack sum = {0};
	char line[200];
	int n;

	if (!opt.profile)
		return EINVAL;
	lock_take(&profile.lock);
	for (size_t i = 0; i < profile.stacks_size; i++) {
		const struct stack *s = profile.stacks[i];

		if (!s)
			continue;
		sum.nr_live += s->nr_live;
		sum.live_bytes += s->live_bytes;
		sum.nr_all += s->nr_all;
		sum.all_bytes += s->all_bytes;
	}
	n = snprintf(line, sizeof(line),
		     "heap profile: %zu: %zu [%zu: %zu] @ heap_v2/%zu\n",
		     sum.nr_live, sum.live_bytes, sum.nr_all, sum.all_bytes,
		     opt.profile);
	write_all(fd, line, (size_t)n);
	for (size_t i = 0; i < profile.stacks_size; i++) {
		if (profile.stacks[i])
			write_stack(fd, profile.stacks[i]);
	}
	lock_drop(&profile.lock);
	write_maps(fd);
	return 0;
}

/* PREFIX.PID.heap at the end of the program. */
static void write_at_exit(void)
{
	char name[300];
	int fd;

	snprintf(name, sizeof(name), "%s.%d.heap", profile.prefix,
		 (int)getpid());
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return;
	quire_malloc_profile(fd);
	close(fd);
}

void profile_init(const char *prefix)
{
	void *pc[2];

	/* What backtrace() loads, it loads now. */
	profile_inside = true;
	backtrace(pc, 2);
	profile_inside = false;
	profile.random ^= os_now_ms() << 20 ^ (uint64_t)getpid();
	if (prefix && strlen(prefix) < sizeof(profile.prefix)) {
		strcpy(profile.prefix, prefix);
		atexit(write_at_exit);
	}
}

void profile_fork_prepare(void)
{
	lock_take(&profile.lock);
}

void profile_fork_done(bool child)
{
	if (child)
		profile.lock.word = 0;
	else
		lock_drop(&profile.lock);
}
