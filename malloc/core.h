/* SPDX-License-Identifier: MIT */
/*
 * core.h - chunks, bins, arenas: the data of the core.
 *
 * A chunk, as it lies in memory:
 *
 *     c  -> +------------------------------------------+
 *           | prev_size: of the chunk before, if free   |
 *           +-----------------------------------+-+-+-+
 *           | head: size, a multiple of 16      |H|M|P|
 *   mem  -> +-----------------------------------+-+-+-+
 *           | in use: the caller's bytes, up to and     |
 *           |         including the next prev_size      |
 *           | free:   fd, bk (and fd_size, bk_size)     |
 *   next -> +------------------------------------------+
 *
 *   P  the chunk before is in use      M  mapped by itself
 *   H  lies in a mapped heap, whose header is at the next lower multiple of
 *      HEAP_SIZE and names the arena; without H: main arena, brk
 */
#ifndef QUIRE_MALLOC_CORE_H
#define QUIRE_MALLOC_CORE_H

#include "internal.h"

struct chunk {
	size_t prev_size;
	size_t head;
	struct chunk *fd, *bk;
	/* Of chunks in large bins: the neighbours of another size.  fd_size
	 * is NULL in all but the first of each size. */
	struct chunk *fd_size, *bk_size;
	/* Of chunks beyond the small bins: the size, if all whole pages inside
	 * have been given back. */
	size_t purged;
};

#define PREV_INUSE  ((size_t)1)
#define IS_MAPPED   ((size_t)2)
#define IN_HEAP	    ((size_t)4)
#define FLAGS	    ((size_t)7)
#define HEADER	    (2 * sizeof(size_t))
#define MIN_CHUNK   ((size_t)32) /* head, fd, bk, foot */
#define CHUNK_ALIGN ((size_t)16)

/* Bins: 1 unsorted; 2..63 of one size, 32..1008; 64..126 ranges. */
#define NR_BINS	      128
#define BIN_UNSORTED  1
#define SMALL_BIN_MAX ((size_t)1008)
#define NR_FAST	      10
#define FAST_LIMIT    ((size_t)(MIN_CHUNK + (NR_FAST - 1) * CHUNK_ALIGN))

#define HEAP_SIZE     (64 * MIB)

struct segment {
	char *start, *end; /* chunks lie in [start, end) */
	char *writable_end;
	char *limit;
	struct segment *next;
	bool is_brk;
};

/* At the start of each mapped heap. */
struct heap_head {
	struct arena *arena;
	struct segment seg;
};

/* How often each step of the search ended it. */
enum step {
	STEP_FAST,
	STEP_SMALL,
	STEP_UNSORTED,
	STEP_REMAINDER,
	STEP_LARGE,
	STEP_BINMAP,
	STEP_TOP,
	STEP_SYSTEM,
	STEP_MAPPED,
	NR_STEPS
};

struct arena {
	struct lock lock;
	bool have_fast; /* some fast bin may hold a chunk */
	struct chunk *fast[NR_FAST];
	struct chunk *top; /* NULL until the first growth */
	struct chunk *last_remainder;
	struct {
		struct chunk *fd, *bk;
	} bins[NR_BINS];
	uint32_t binmap[NR_BINS / 32];
	struct segment *segments; /* newest first: top lies in it */
	struct segment brk_segment;
	char *clean;	 /* from here on top was never touched */
	char *zero_from; /* of the last chunk handed out */
	size_t system_bytes, system_max;
	size_t used_bytes;  /* of chunks handed out, caches' included */
	size_t freed_bytes; /* since purge_bins() */
	size_t freed_seen;  /* freed_bytes when core_idle() looked */
	size_t top_low;	    /* least top since the last trim */
	uint64_t last_trim_ms;
	uint64_t nr_steps[NR_STEPS];
	unsigned int index;
};

struct core {
	struct arena main;
	struct arena *arenas[64];
	unsigned int nr_arenas;
	struct lock lock; /* arenas[] and the making of them */
	size_t nr_mapped, mapped_bytes, mapped_max, nr_mapped_max;
};
extern struct core core;

/*
 * A used chunk's size and H and M do not change under its user, but P does,
 * under the arena's lock: without the lock, heads are read whole.
 */
static inline size_t chunk_head(const struct chunk *c)
{
	return __atomic_load_n(&c->head, __ATOMIC_RELAXED);
}
static inline void set_prev_inuse(struct chunk *c)
{
	__atomic_store_n(&c->head, c->head | PREV_INUSE, __ATOMIC_RELAXED);
}
static inline void clear_prev_inuse(struct chunk *c)
{
	__atomic_store_n(&c->head, c->head & ~PREV_INUSE, __ATOMIC_RELAXED);
}
static inline size_t chunk_size(const struct chunk *c)
{
	return chunk_head(c) & ~FLAGS;
}
static inline struct chunk *chunk_at(const void *p, size_t off)
{
	return (struct chunk *)((char *)p + off);
}
static inline struct chunk *chunk_next(const struct chunk *c)
{
	return chunk_at(c, chunk_size(c));
}
static inline void *chunk_mem(struct chunk *c)
{
	return (char *)c + HEADER;
}
static inline struct chunk *mem_chunk(const void *p)
{
	return (struct chunk *)((char *)p - HEADER);
}
static inline bool chunk_inuse(const struct chunk *c)
{
	return chunk_next(c)->head & PREV_INUSE;
}
/* The request with its header, as a chunk size. */
static inline size_t request_size(size_t bytes)
{
	size_t n = align_up(bytes + sizeof(size_t), CHUNK_ALIGN);

	return n < MIN_CHUNK ? MIN_CHUNK : n;
}
static inline struct chunk *bin_chunk(struct arena *a, unsigned int i)
{
	return (struct chunk *)((char *)&a->bins[i] -
				offsetof(struct chunk, fd));
}

unsigned int bin_index(size_t size);
void arena_init(struct arena *a, unsigned int index);
void arena_consolidate(struct arena *a);
void arena_free_chunk(struct arena *a, struct chunk *c);
void chunk_unlink(struct arena *a, struct chunk *c);
void arena_lock(struct arena *a);
void arena_unlock(struct arena *a);
struct arena *chunk_arena(struct chunk *c); /* aborts if not ours */

/* core_sys.c; the arena is locked, but for the mapped ones. */
size_t core_used(void); /* bytes handed out by all arenas */
bool sys_grow(struct arena *a, size_t nb);
size_t sys_trim(struct arena *a, size_t pad); /* bytes given back */
void sys_trim_late(struct arena *a); /* top has reached the threshold */
void sys_sweep(struct arena *a);     /* much was freed */
struct chunk *sys_map_chunk(size_t nb);
void sys_unmap_chunk(struct chunk *c);
struct chunk *sys_remap_chunk(struct chunk *c, size_t bytes);

/* One bit for each HEAP_SIZE of the address space that is a heap of ours. */
#define HEAP_BITS (((size_t)1 << 47) / HEAP_SIZE)
extern uint64_t heap_bits[HEAP_BITS / 64];

/* Whether c can be a chunk of an arena, by its address; follows no pointer.
 * No lock: a block keeps the segment around itself. */
static inline bool core_owns(const struct chunk *c, size_t head)
{
	const struct segment *s = &core.main.brk_segment;
	size_t n = (uintptr_t)c / HEAP_SIZE;

	if (likely(!(head & IN_HEAP)))
		return (size_t)((char *)c - s->start) <
		       (size_t)(__atomic_load_n(&s->end, __ATOMIC_RELAXED) -
				s->start);
	return n < HEAP_BITS &&
	       __atomic_load_n(&heap_bits[n / 64], __ATOMIC_RELAXED) >>
			       (n % 64) &
		       1;
}

/* ---- the fast paths of cache.c ------------------------------------------------- */
/* No branch depends on the size that was asked for: those are not foreseen. */
static inline void *cache_take(struct heap *h, unsigned int class_,
			       struct cached *c)
{
	struct cache_list *l = &h->cached[class_];
	uint32_t nr = l->nr - 1;

	l->head = c->next;
	l->nr = nr;
	l->low = nr < l->low ? nr : l->low;
	h->cache_map ^= (uint64_t)(nr == 0) << class_;
	h->cache_bytes -= chunk_size(mem_chunk(c));
	c->key = NULL;
	return c;
}

/* size: above SMALL_MAX, its chunk at most CACHE_MOST.  NULL: none there, nor in
 * the next two classes. */
static inline void *cache_alloc(struct heap *h, size_t size)
{
	unsigned int class_ = cache_class(size + sizeof(size_t));
	unsigned int map = (unsigned int)(h->cache_map >> class_) & 7;

	if (unlikely(!map))
		return NULL;
	class_ += (unsigned int)__builtin_ctz(map);
	return cache_take(h, class_, h->cached[class_].head);
}

/* Whether p is a chunk, in use, of a size that is cached. */
static inline bool cache_takes(const void *p)
{
	const struct chunk *c = mem_chunk(p);
	size_t head = chunk_head(c);

	return likely((head & ~FLAGS) - CACHE_LEAST <=
			      CACHE_MOST - CACHE_LEAST &&
		      !(((uintptr_t)p | head) & 8) && !(head & IS_MAPPED) &&
		      core_owns(c, head));
}

/* cache_takes(p).  False: there is no room, or p carries the key of this cache
 * and may be in it; nothing was done. */
static inline bool cache_free(struct heap *h, void *p)
{
	size_t nb = chunk_size(mem_chunk(p));
	struct cache_list *l;
	struct cached *c = p;
	unsigned int class_;

	if (unlikely(h->cache_bytes + nb > h->cache_most || c->key == h))
		return false;
	/* The largest class that it serves. */
	class_ = cache_class(nb + 1) - 1;
	l = &h->cached[class_];
	h->cache_map |= (uint64_t)1 << class_;
	c->next = l->head;
	c->key = h;
	l->head = c;
	l->nr++;
	h->cache_frees++;
	h->cache_bytes += nb;
	return true;
}

/* core_walk.c */
struct bin_info {
	size_t count, bytes;
};
struct arena_info {
	size_t top_bytes, free_bytes, free_chunks, used_bytes, used_chunks;
	size_t fast_bytes, fast_chunks;
	struct bin_info bins[NR_BINS];
	struct bin_info fast[NR_FAST];
};
void arena_validate(struct arena *a, struct arena_info *info);
/* Gives whole pages inside free chunks of at least `least`, which is beyond the
 * small bins, back; at most `most` bytes. */
size_t purge_bins(struct arena *a, size_t least, size_t most);

#endif
