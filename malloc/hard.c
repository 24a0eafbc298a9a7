// SPDX-License-Identifier: MIT
/*
 * hard.c - the hardened mode: QUIRE_MALLOC=hardened=1.
 *
 * 1. Idea.  Blocks and what is known of them lie apart, so that no overflow
 *    reaches the allocator's own data, and every question (is it ours, is it
 *    the start of a block, is it in use) has an exact answer.
 * 2. Small blocks come from slabs: 256 KiB of one size, the first page of each
 *    inaccessible, so that it also ends the slab before.  The slot is drawn at
 *    random among those that are open; a slab opens more as it fills.
 *      FREE -> USED -> QUARANTINED -> FREE
 *    A freed slot is zeroed and put in the place of one drawn at random among
 *    the NR_QUARANTINED of its size, which becomes free.  When a slot is handed
 *    out it must still be zero: if not, somebody wrote after free.
 * 3. Behind the size that was asked for, up to the end of the slot (8 bytes at
 *    least), stands a secret; free() looks whether it still does.
 * 4. Larger blocks are mapped by themselves, a random number of inaccessible
 *    pages before them, and end at an inaccessible page.  Freed, they become
 *    inaccessible, and are unmapped NR_BURIED frees later.  A table by page
 *    says what they are.
 * 5. Locking.  One lock for all: this mode is for finding and stopping
 *    mistakes.  Leaf.
 * 6. Failure.  NULL, and nothing has changed.
 */
#include "internal.h"

#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>

#define SLAB_SIZE      (256 * KIB)
#define SLAB_AREA      ((size_t)8 << 30)
#define NR_SLABS       (SLAB_AREA / SLAB_SIZE)
#define SLAB_DATA      (SLAB_SIZE - OS_PAGE)
#define NR_SLOTS       (SLAB_DATA / 16)
#define SLOT_MOST      ((size_t)28 * KIB)
#define NR_HARD	       39
#define SECRET_LEAST   8
#define NR_QUARANTINED 64
#define NR_BURIED      32
#define FREE	       0xffff
#define QUARANTINED    0xfffe

struct slab {
	uint16_t class_;
	uint16_t nr, nr_open, nr_used; /* slots; used: or in quarantine */
	struct slab *next;	       /* of the class */
	uint16_t size[NR_SLOTS];       /* asked for, or FREE, QUARANTINED */
};

struct large {
	char *p; /* NULL: empty entry */
	char *map;
	size_t size, map_size;
};

static struct {
	struct lock lock;
	char *area;
	struct slab *slabs; /* one for each SLAB_SIZE of the area */
	size_t nr_slabs;
	struct slab *of[NR_HARD];
	char *quarantine[NR_HARD][NR_QUARANTINED];
	struct large *table;
	size_t table_size, nr_large; /* entries: a power of two; filled */
	struct large buried[NR_BURIED];
	unsigned int hand;
	uint64_t random, secret;
	size_t used_bytes;
} hard;

static uint64_t draw(void)
{
	hard.random ^= hard.random << 13;
	hard.random ^= hard.random >> 7;
	hard.random ^= hard.random << 17;
	return hard.random;
}

static void seed(void)
{
	const uint64_t *at = (const uint64_t *)getauxval(AT_RANDOM);
	uint64_t r[2] = {os_now_ms(), (uintptr_t)&hard};

	if (getrandom(r, sizeof(r), GRND_NONBLOCK) != sizeof(r) && at) {
		r[0] ^= at[0];
		r[1] ^= at[1];
	}
	hard.random = r[0] | 1;
	hard.secret = r[1];
}

bool hard_init(void)
{
	int saved = errno;
	size_t table = NR_SLABS * sizeof(struct slab);

	hard.slabs = os_reserve(table, OS_PAGE);
	hard.area = os_reserve(SLAB_AREA, SLAB_SIZE);
	seed();
	errno = saved;
	return hard.slabs && hard.area &&
	       !os_commit(hard.slabs, align_up(table, OS_PAGE));
}

/* ---- sizes: every 16 bytes to 128, then four in each doubling ---------------------- */
static unsigned int class_of_slot(size_t n)
{
	unsigned int e;

	if (n <= 128)
		return (unsigned int)((n + 15) / 16) - 1;
	e = 63 - (unsigned int)__builtin_clzl(n - 1);
	return 8 + (e - 7) * 4 + ((unsigned int)((n - 1) >> (e - 2)) & 3);
}

static size_t slot_size(unsigned int class_)
{
	if (class_ < 8)
		return (class_ + 1) * (size_t)16;
	return (size_t)(5 + (class_ - 8) % 4) << ((class_ - 8) / 4 + 5);
}

/* ---- the secret behind a block: a word for each place, bytes at the front -------------- */
static uint64_t secret_at(const void *word)
{
	return (hard.secret ^ ((uintptr_t)word >> 3)) | 0x0101010101010101;
}

static uint8_t secret_byte(const char *at)
{
	const char *word = (const char *)align_down((uintptr_t)at, 8);

	return (uint8_t)(secret_at(word) >> (at - word) * 8);
}

static void write_secret(char *from, const char *to)
{
	for (; (uintptr_t)from % 8 && from < to; from++)
		*from = (char)secret_byte(from);
	for (; from < to; from += 8)
		*(uint64_t *)from = secret_at(from);
}

static void check_secret(const char *p, const char *from, const char *to)
{
	bool same = true;

	for (; (uintptr_t)from % 8 && from < to; from++)
		same &= (uint8_t)*from == secret_byte(from);
	for (; from < to; from += 8)
		same &= *(const uint64_t *)from == secret_at(from);
	if (!same)
		os_die("free(): written behind the block", p);
}

static void check_zero(const char *p, size_t size)
{
	const uint64_t *w = (const uint64_t *)p;

	for (size_t i = 0; i < size / 8; i++) {
		if (w[i])
			os_die("malloc(): a block was written after free", p);
	}
}

/* ---- slabs ------------------------------------------------------------------------------ */
static char *slab_data(const struct slab *s)
{
	return hard.area + (size_t)(s - hard.slabs) * SLAB_SIZE + OS_PAGE;
}

static struct slab *slab_new(unsigned int class_)
{
	struct slab *s = &hard.slabs[hard.nr_slabs];
	size_t nr = SLAB_DATA / slot_size(class_);

	/* The last slab stays inaccessible: it guards the one before. */
	if (hard.nr_slabs + 1 >= NR_SLABS || os_commit(slab_data(s), SLAB_DATA))
		return NULL;
	hard.nr_slabs++;
	s->class_ = (uint16_t)class_;
	s->nr = (uint16_t)nr;
	s->nr_open = (uint16_t)min_size(nr, 64);
	memset(s->size, 0xff, nr * sizeof(s->size[0]));
	s->next = hard.of[class_];
	hard.of[class_] = s;
	return s;
}

static bool has_room(struct slab *s)
{
	while (s->nr_used >= s->nr_open - s->nr_open / 4) {
		if (s->nr_open == s->nr)
			return s->nr_used < s->nr;
		s->nr_open = (uint16_t)min_size(s->nr, s->nr_open * (size_t)2);
	}
	return true;
}

/* A slab with room, which becomes the first of its class. */
static struct slab *slab_find(unsigned int class_)
{
	struct slab **at = &hard.of[class_], *s;

	for (; (s = *at); at = &s->next) {
		if (!has_room(s))
			continue;
		*at = s->next;
		s->next = hard.of[class_];
		hard.of[class_] = s;
		return s;
	}
	return slab_new(class_);
}

static char *slab_alloc(size_t size, unsigned int class_)
{
	size_t bytes = slot_size(class_), i;
	struct slab *s = slab_find(class_);
	char *p;

	if (!s)
		return NULL;
	i = draw() % s->nr_open;
	while (s->size[i] != FREE)
		i = i + 1 < s->nr_open ? i + 1 : 0;
	p = slab_data(s) + i * bytes;
	check_zero(p, bytes);
	s->size[i] = (uint16_t)size;
	s->nr_used++;
	write_secret(p + size, p + bytes);
	return p;
}

static void release(char *p)
{
	struct slab *s = &hard.slabs[(size_t)(p - hard.area) / SLAB_SIZE];
	size_t i = (size_t)(p - slab_data(s)) / slot_size(s->class_);

	s->size[i] = FREE;
	if (--s->nr_used == 0)
		os_purge(slab_data(s), SLAB_DATA);
}

/* The slab and slot of p, which is in the area; reports what is no block. */
static struct slab *slab_of(const char *p, size_t *slot, const char *call)
{
	struct slab *s = &hard.slabs[(size_t)(p - hard.area) / SLAB_SIZE];
	size_t off = (size_t)(p - slab_data(s)), bytes;

	if ((size_t)(s - hard.slabs) >= hard.nr_slabs || off >= SLAB_DATA)
		os_die("not a block of this allocator", p);
	bytes = slot_size(s->class_);
	if (off % bytes)
		os_die("not the start of a block", p);
	*slot = off / bytes;
	if (*slot >= s->nr || s->size[*slot] == FREE ||
	    s->size[*slot] == QUARANTINED)
		os_die(call, p);
	return s;
}

static void slab_free(char *p)
{
	size_t i, bytes;
	struct slab *s = slab_of(p, &i, "free(): freed twice");
	char **place = &hard.quarantine[s->class_][draw() % NR_QUARANTINED];

	bytes = slot_size(s->class_);
	check_secret(p, p + s->size[i], p + bytes);
	hard.used_bytes -= s->size[i];
	memset(p, 0, bytes);
	s->size[i] = QUARANTINED;
	if (*place)
		release(*place);
	*place = p;
}

/* ---- blocks mapped by themselves ------------------------------------------------------ */
static size_t place_of(const char *p)
{
	return ((uintptr_t)p / OS_PAGE * 0x9e3779b97f4a7c15) >>
	       (64 - __builtin_ctzl(hard.table_size));
}

/* The entry of p's page, or the empty one where it would be. */
static struct large *find(const char *p)
{
	size_t i = place_of(p);

	while (hard.table[i].p &&
	       (uintptr_t)hard.table[i].p / OS_PAGE != (uintptr_t)p / OS_PAGE)
		i = (i + 1) & (hard.table_size - 1);
	return &hard.table[i];
}

static bool table_grow(void)
{
	size_t size = hard.table_size ? hard.table_size * 2 : 256;
	struct large *old = hard.table, *new;
	size_t old_size = hard.table_size;

	new = os_map(align_up(size * sizeof(*new), OS_PAGE));
	if (!new)
		return false;
	hard.table = new;
	hard.table_size = size;
	for (size_t i = 0; i < old_size; i++) {
		if (old[i].p)
			*find(old[i].p) = old[i];
	}
	if (old)
		os_unmap(old, align_up(old_size * sizeof(*old), OS_PAGE));
	return true;
}

/* Closes the gap behind an entry that is taken out. */
static void table_remove(struct large *l)
{
	size_t mask = hard.table_size - 1, hole = (size_t)(l - hard.table);

	for (size_t i = (hole + 1) & mask; hard.table[i].p;
	     i = (i + 1) & mask) {
		if (((i - place_of(hard.table[i].p)) & mask) <
		    ((i - hole) & mask))
			continue;
		hard.table[hole] = hard.table[i];
		hole = i;
	}
	hard.table[hole].p = NULL;
	hard.nr_large--;
}

static char *large_alloc(size_t align, size_t size)
{
	size_t data = align_up(align_up(size, 16) + align, OS_PAGE);
	size_t lead = (1 + draw() % 16) * OS_PAGE, total;
	struct large l;

	total = lead + data + OS_PAGE;
	if (data < size || total < data)
		return NULL;
	if (hard.nr_large * 2 >= hard.table_size && !table_grow())
		return NULL;
	l.map = os_reserve(total, OS_PAGE);
	if (!l.map)
		return NULL;
	if (os_commit(l.map + lead, data)) {
		os_unmap(l.map, total);
		return NULL;
	}
	l.map_size = total;
	l.size = size;
	l.p = (char *)align_down((uintptr_t)l.map + lead + data - size,
				 max_size(align, 16));
	write_secret(l.p + size, l.map + lead + data);
	*find(l.p) = l;
	hard.nr_large++;
	return l.p;
}

static const char *large_end(const struct large *l)
{
	return l->map + l->map_size - OS_PAGE;
}

/* NULL: not ours. */
static struct large *large_of(const char *p)
{
	struct large *l = hard.table_size ? find(p) : NULL;

	if (!l || !l->p) {
		for (int i = 0; i < NR_BURIED; i++) {
			if (hard.buried[i].p == p && p)
				os_die("free(): freed twice", p);
		}
		return NULL;
	}
	if (l->p != p)
		os_die("not the start of a block", p);
	return l;
}

static void large_free(struct large *l)
{
	struct large *grave = &hard.buried[hard.hand++ % NR_BURIED], old;

	check_secret(l->p, l->p + l->size, large_end(l));
	hard.used_bytes -= l->size;
	os_purge(l->map, l->map_size);
	os_protect(l->map, l->map_size);
	old = *grave;
	*grave = *l;
	table_remove(l);
	if (old.map)
		os_unmap(old.map, old.map_size);
}

/* ---- what the API calls ---------------------------------------------------------------- */
void *hard_malloc(size_t align, size_t size)
{
	char *p;

	lock_take(&hard.lock);
	if (align <= 16 && size <= SLOT_MOST - SECRET_LEAST)
		p = slab_alloc(size, class_of_slot(size + SECRET_LEAST));
	else
		p = large_alloc(align, size);
	if (p)
		hard.used_bytes += size;
	lock_drop(&hard.lock);
	return p;
}

static bool in_area(const void *p)
{
	return (size_t)((const char *)p - hard.area) < SLAB_AREA;
}

bool hard_free(void *p)
{
	struct large *l;
	bool ours = true;

	lock_take(&hard.lock);
	if (in_area(p)) {
		slab_free(p);
	} else {
		l = large_of(p);
		if (l)
			large_free(l);
		else
			ours = false;
	}
	lock_drop(&hard.lock);
	return ours;
}

size_t hard_usable(const void *p)
{
	struct large *l;
	size_t i, size = SIZE_MAX;

	lock_take(&hard.lock);
	if (in_area(p)) {
		size = slab_of(p, &i, "the block is free")->size[i];
	} else {
		l = large_of(p);
		if (l)
			size = l->size;
	}
	lock_drop(&hard.lock);
	return size;
}

void hard_stats(struct hard_stats *st)
{
	lock_take(&hard.lock);
	st->nr_slabs = hard.nr_slabs;
	st->nr_large = hard.nr_large;
	st->used_bytes = hard.used_bytes;
	lock_drop(&hard.lock);
}

void hard_fork_prepare(void)
{
	lock_take(&hard.lock);
}

void hard_fork_done(bool child)
{
	if (child)
		hard.lock.word = 0;
	else
		lock_drop(&hard.lock);
}
