/* SPDX-License-Identifier: MIT */
/*
 * internal.h - what the files of the allocator share.
 *
 * From the system upwards: os (mmap, brk, locks, reports), core (boundary-tag
 * chunks in arenas), region and small (pages of one size class), thread
 * (who owns which pages; exit; fork), option, stats, api (the C names).
 * A file calls its own floor and those before it.
 */
#ifndef QUIRE_MALLOC_INTERNAL_H
#define QUIRE_MALLOC_INTERNAL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifndef CONFIG_MALLOC_CHECK /* asserts, failure injection */
#define CONFIG_MALLOC_CHECK 0
#endif
#ifndef CONFIG_MALLOC_PREFIX /* export qm_malloc() in place of malloc() */
#define CONFIG_MALLOC_PREFIX 0
#endif

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define KIB	    ((size_t)1 << 10)
#define MIB	    ((size_t)1 << 20)
#define OS_PAGE	    ((size_t)4096)
#define HUGE	    ((size_t)2 << 20)
#define CACHE_LINE  64
#define noinline    __attribute__((noinline))

static inline size_t align_up(size_t n, size_t align)
{
	return (n + align - 1) & ~(align - 1);
}
static inline size_t align_down(size_t n, size_t align)
{
	return n & ~(align - 1);
}
static inline size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}
static inline size_t max_size(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* ---- os.c ------------------------------------------------------------------
 * Memory and time from the system.  None of these changes errno: free() must
 * not.  All return 0 or NULL on success or failure as said.
 */
void *os_reserve(size_t size, size_t align); /* no access; NULL: failed */
void *os_map(size_t size);		     /* zeroed, read-write */
int os_commit(void *at, size_t size);	     /* make read-write; 0 or -1 */
void os_purge(void *at, size_t size);	     /* give frames back: reads 0 */
void os_unmap(void *at, size_t size);
void os_huge(void *at, size_t size);	/* huge pages, where they fit */
void os_protect(void *at, size_t size); /* no access */
void *os_remap(void *at, size_t old_size, size_t size); /* may move */
void *os_brk_end(void);
int os_brk_set(void *end);
uint64_t os_now_ms(void); /* coarse */
unsigned int os_nr_cpus(void);
unsigned int os_cpu(void);
void os_assert_failed(const char *what, const char *file, int line)
	__attribute__((noreturn, cold));
/* One line on stderr, then abort.  ptr is what the caller was handed. */
void os_die(const char *what, const void *ptr) __attribute__((noreturn, cold));

#if CONFIG_MALLOC_CHECK
/* Every os_ call that can fail counts down; at 0 it fails, then all succeed. */
extern long os_fail_after;
/* While true every such call fails. */
extern bool os_fail_all;
#define massert(x)                                                \
	do {                                                      \
		if (!(x))                                         \
			os_assert_failed(#x, __FILE__, __LINE__); \
	} while (0)
#else
#define massert(x) ((void)0)
#endif

/* A lock that sleeps: 0 free, 1 held, 2 held and somebody waits. */
struct lock {
	uint32_t word;
};
void lock_slow(struct lock *l);
void unlock_slow(struct lock *l);
/* True while no second thread exists: then locks need not be taken. */
bool os_single(void);
bool lock_try(struct lock *l);
void lock_take(struct lock *l);
void lock_drop(struct lock *l);

/* ---- option.c ---------------------------------------------------------------
 * One table; see there for names and bounds.
 */
struct options {
	size_t trim_threshold; /* SIZE_MAX: never trim */
	size_t mmap_threshold;
	size_t mmap_max; /* how many at once; 0: none */
	size_t top_pad;
	size_t arena_max;  /* 0: one for each CPU */
	size_t mxfast;	   /* largest request for a fast bin */
	size_t perturb;	   /* byte; 0: off */
	size_t small;	   /* small pages on */
	size_t cache;	   /* thread caches of chunks on */
	size_t heat;	   /* allocations before a class is hot */
	size_t purge_ms;   /* 0: at once; SIZE_MAX: never */
	size_t thp;	   /* MiB in use from which on to ask for huge pages */
	size_t hardened;   /* hard.c serves all */
	size_t profile;	   /* bytes between samples; 0: off */
	size_t background; /* a thread that gives memory back */
	const char *profile_prefix;
	bool watched; /* hardened or profile */
	bool dynamic; /* thresholds follow the program */
};
extern struct options opt;
void option_init(void);
/* Returns 1 if set, 0 if refused, as mallopt(3). */
int option_mallopt(int param, int value);

/* ---- purge.c -------------------------------------------------------------------
 * Credit for giving memory back before it has been unused for a while.
 */
/* Whether a heap of `used` bytes, `idle` more being free, is large and dense
 * enough to grow by huge pages. */
static inline bool grows_huge(size_t used, size_t idle)
{
	return opt.thp && used >= opt.thp * MIB && idle < used / 4;
}
void purge_earn(size_t bytes);	  /* the heap grew as never before */
size_t purge_spend(size_t bytes); /* how much of it may go back now */

/* ---- core.c, core_sys.c, core_walk.c: see core.h --------------------------- */
void *core_malloc(size_t size);
void *core_calloc(size_t size); /* zeroed */
void *core_memalign(size_t align, size_t size);
void *core_realloc(void *p, size_t size);
void core_free(void *p);
/* The chunk's size, or 0 if it was mapped; reports what is no block of ours. */
size_t core_check(void *p);
size_t core_usable(void *p);
int core_trim(size_t pad); /* 1 if memory went back */
void core_idle(void); /* gives back what was not needed since the last call */
void core_fork_prepare(void);
void core_fork_done(bool child);
void core_validate(void); /* reports and aborts if broken */

/* ---- region.c -----------------------------------------------------------------
 * One reservation, cut into pages; each page has a descriptor in an array
 * beside it.  PAGE_SIZE here is the allocator's page, not the system's.
 */
#define PAGE_SHIFT  15
#define PAGE_SIZE   ((size_t)1 << PAGE_SHIFT)
#define SMALL_MAX   ((size_t)1024)
#define SMALL_SHIFT 4
#define NR_CLASSES  ((SMALL_MAX >> SMALL_SHIFT) + 1) /* [0] unused */

/* A free block.  key is its page: freeing a block that carries it is looked at
 * more closely.  Handing a block out clears it. */
struct block {
	struct block *next;
	const struct page *key;
};

enum page_state {
	PAGE_FREE,    /* in the region's pool */
	PAGE_CURRENT, /* its owner allocates from it */
	PAGE_PARTIAL, /* on its owner's list for the class */
	PAGE_FULL,    /* on no list; the first free brings it back */
};

/*
 * P1  nr_used = left in the states CURRENT and PARTIAL; in FULL, left is 1 so
 *     that the first free takes the slow path, and nr_full is nr_used.
 * P2  nr_used + length of `free` and `more` == nr_carved.  Blocks on the remote
 *     list count as used until the owner collects them.
 * P3  remote != 0 exactly while the page is, or is about to be, on its
 *     owner's list of pages with remote frees.
 * P4  only the owner's thread touches anything but `remote`, `remote_next`.
 */
struct page {
	struct block *free;
	struct heap *owner;
	uint32_t left;	 /* frees until free() must look closer */
	uint32_t remote; /* count << 16 | 1 + head's offset / 16 */
	uint16_t nr_full;
	uint16_t nr_carved; /* blocks that have been on the free list */
	uint16_t nr_max;
	uint8_t class_;
	uint8_t state;
	struct page *next;
	struct page *prev;
	struct page *remote_next;
	struct block *more; /* collected; used when `free` is empty */
};
_Static_assert(sizeof(struct page) == CACHE_LINE, "one line a page");

struct region {
	uintptr_t base; /* 2^63 until the first page is asked for */
	size_t size;	/* of what was reserved; 0 until then */
	struct page *pages;
};
extern struct region region;
/* Bytes of pages in use; the core reads it to judge how much is free. */
extern size_t region_used;

struct region_stats {
	size_t reserved, committed;	    /* bytes */
	size_t nr_used, nr_dirty, nr_clean; /* pages */
	size_t nr_purged;		    /* pages given back so far */
};

static inline bool region_has(const void *p)
{
	return (uintptr_t)p - __atomic_load_n(&region.base, __ATOMIC_RELAXED) <
	       __atomic_load_n(&region.size, __ATOMIC_RELAXED);
}
/* Below the size of the region: p lies in it. */
static inline size_t region_offset(const void *p)
{
	return (uintptr_t)p - __atomic_load_n(&region.base, __ATOMIC_RELAXED);
}
static inline struct page *region_page_at(size_t off)
{
	char *table = (char *)__atomic_load_n(&region.pages, __ATOMIC_RELAXED);

	return (struct page *)(table +
			       (off >> PAGE_SHIFT) * sizeof(struct page));
}
static inline struct page *region_page(const void *p)
{
	return &region.pages[((uintptr_t)p - region.base) >> PAGE_SHIFT];
}
static inline char *page_start(const struct page *pg)
{
	return (char *)region.base +
	       ((size_t)(pg - region.pages) << PAGE_SHIFT);
}
struct page *region_get(void); /* NULL: none to be had */
void region_put(struct page *pg);
int region_trim(void);	/* purge all; 1 if there was any */
void region_idle(void); /* purge what was not needed since the last call */
void region_stats(struct region_stats *st);
void region_fork_prepare(void);
void region_fork_done(bool child);

/* ---- cache.c, small.c, thread.c ----------------------------------------------------- */
#define CACHE_SHIFT 3
#define CACHE_STEPS (1u << CACHE_SHIFT) /* classes in each doubling */
#define NR_CACHE    (6 * CACHE_STEPS)
#define CACHE_LEAST ((size_t)1152) /* the smallest class, as a chunk */
#define CACHE_MOST  (64 * KIB)	   /* the largest */

/* A chunk's first words while it is in a cache. */
struct cached {
	struct cached *next;
	const void *key;
};
struct cache_list {
	struct cached *head;
	uint32_t nr;
	uint32_t low; /* the least nr since the list was last looked at */
};

struct heap {
	struct page *page[NR_CLASSES]; /* by size; never NULL */
	struct page *current[NR_CLASSES];
	struct page *partial[NR_CLASSES];
	uint8_t heat[NR_CLASSES];
	struct page *pending; /* atomic: pages with remote frees */
	struct heap *next;    /* all heaps */
	struct heap *next_idle;
	bool idle;
	bool dead; /* its thread was lost in a fork */
	/* cache.c: free chunks of 1 to 64 KiB */
	struct cache_list cached[NR_CACHE];
	uint64_t cache_map; /* a bit for each that is not empty */
	unsigned int cache_heat, cache_hand;
	size_t cache_bytes, cache_most;
	uint32_t cache_frees, cache_misses; /* since the last review */
	uint32_t cache_part;		    /* of the heap, in sixteenths */
	size_t until_sample;		    /* bytes; 0: not drawn yet */
	uint64_t nr_slow;		    /* times the slow path was taken */
	uint64_t nr_collected;		    /* remote frees collected */
};

extern struct heap heap_none; /* what a thread has before its first block */
extern __thread struct heap *heap_mine
	__attribute__((tls_model("initial-exec")));

struct page *page_none(void);
void heap_init(struct heap *h);
/* size <= SMALL_MAX.  NULL: let the core serve it. */
void *small_alloc_slow(struct heap *h, size_t size);
void small_free_slow(struct heap *h, struct page *pg);
void small_free_remote(struct page *pg, struct block *b);
void small_collect(struct heap *h);
void small_flush(struct heap *h); /* empty pages back to the region */
void small_stop(struct heap *h);  /* take no more from current pages */
void small_check_free(struct page *pg, void *p); /* aborts if bad */
/* b carries pg's key: reports if b is free. */
void small_twice(struct page *pg, struct block *b);
void small_validate(struct heap *h);

/* The class whose chunks serve a chunk size of nb: above SMALL_MAX, at most
 * CACHE_MOST. */
static inline unsigned int cache_class(size_t nb)
{
	unsigned int e = 63 - (unsigned int)__builtin_clzl(nb - 1);

	return (e - 10) * CACHE_STEPS +
	       ((unsigned int)((nb - 1) >> (e - CACHE_SHIFT)) &
		(CACHE_STEPS - 1));
}
static inline size_t cache_bytes(unsigned int class_)
{
	return ((size_t)(class_ % CACHE_STEPS) + CACHE_STEPS + 1)
	       << (class_ / CACHE_STEPS + 10 - CACHE_SHIFT);
}
/* What to ask the core for when no cached chunk serves size. */
size_t cache_round(struct heap *h, size_t size);
/* A cached chunk that serves size and is aligned; looks at few.  NULL: none. */
void *cache_alloc_aligned(struct heap *h, size_t align, size_t size);
/* The cache is full, or cold: false. */
bool cache_make_room(struct heap *h, size_t nb);
void cache_twice(struct heap *h, struct cached *c);
void cache_flush(struct heap *h);
void cache_validate(struct heap *h);

/*
 * A class is its block size in units of 16.  Every unit up to 256 bytes, every
 * second up to 512, every fourth up to 1024: 32 classes.
 */
static inline unsigned int class_step(unsigned int units)
{
	return units <= 16 ? 1 : units <= 32 ? 2 : 4;
}
static inline unsigned int class_of(size_t size)
{
	unsigned int units = (unsigned int)((size + 15) >> SMALL_SHIFT);
	unsigned int step = class_step(units);

	return units ? (units + step - 1) & ~(step - 1) : 1;
}
static inline size_t class_size(size_t class_)
{
	return class_ << SMALL_SHIFT;
}

/* ---- hard.c --------------------------------------------------------------------
 * In the hardened mode, all blocks; those of before are the others'.
 */
struct hard_stats {
	size_t nr_slabs, nr_large, used_bytes;
};
bool hard_init(void);			      /* false: no address space */
void *hard_malloc(size_t align, size_t size); /* zeroed */
bool hard_free(void *p);		      /* false: not one of these */
size_t hard_usable(const void *p);	      /* SIZE_MAX: not one of these */
void hard_stats(struct hard_stats *st);
void hard_fork_prepare(void);
void hard_fork_done(bool child);

/* ---- profile.c -------------------------------------------------------------------
 * Samples for a heap profile; only called if opt.profile is set.
 */
void profile_init(const char *prefix); /* of the file at exit, or NULL */
/* Whether a block of this size, about to be allocated, is a sample. */
bool profile_count(struct heap *h, size_t size);
void profile_sample(void *p, size_t size); /* a chunk of the core */
void profile_free(void *p);		   /* perhaps a sample */
int quire_malloc_profile(int fd);
void profile_fork_prepare(void);
void profile_fork_done(bool child);

/* ---- background.c ----------------------------------------------------------------- */
void background_start(void);

/* The heap of this thread, made if need be; NULL while it exits, and in the
 * hardened mode. */
struct heap *thread_heap(void);
void thread_init(void);
struct heap *thread_first_heap(void); /* of all, for statistics */
void thread_heaps_lock(void);
void thread_heaps_unlock(void);

#endif
