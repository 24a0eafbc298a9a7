/* SPDX-License-Identifier: MIT */
/*
 * slab_debug.c - reports, and what a debugging cache adds to its objects.
 *
 * 1. Layout of an object in a cache with all of SLAB_RED_ZONE, SLAB_POISON and
 *    SLAB_STORE_USER; the caller's pointer is to the object:
 *
 *       left_pad  object_size  to 8 bytes    8      2 x 24
 *      | red ... | object     | red ...   | word | tracks | to align |
 *
 * 2. Values (Linux's, so that a hex dump reads the same)
 *       red zone   0xbb free, 0xcc in use
 *       object     0x6b ... 0xa5 free, 0x5a handed out and not yet written
 *    Caches with a constructor and type-safe ones keep their objects as they are.
 * 3. Checks: on allocation that nobody wrote to the free object, on free that
 *    nobody wrote beside it.  What fails is reported with its last users and
 *    stays out for ever: nobody gets a damaged object, and the damage can be
 *    looked at.
 * 4. Locking.  An object being checked belongs to the caller alone.
 */
#include <quire/port.h>
#include <quire/printk.h>
#include <quire/string.h>

#include "mm/slab/slab_internal.h"

#define RED_FREE      0xbb
#define RED_IN_USE    0xcc
#define POISON_FREE   0x6b
#define POISON_END    0xa5
#define POISON_IN_USE 0x5a

/* More from one cache tell nothing new and bury the first. */
#define MAX_REPORTS 16

static void print_track(const struct kmem_cache *s, const void *obj,
			enum track_item item, const char *what)
{
	const struct slab_track *t = slab_track_of(s, obj, item);

	if (t->caller)
		printk("  %s by %p on CPU %u at %llu ns\n", what, t->caller,
		       t->cpu, (unsigned long long)t->time_ns);
}

void slab_print_users(struct kmem_cache *s, const void *obj)
{
	if (!(s->flags & SLAB_STORE_USER))
		return;
	print_track(s, obj, TRACK_ALLOC, "allocated");
	print_track(s, obj, TRACK_FREE, "freed");
}

/* Name the cache, the object and who had it; no lock held. */
void slab_report(struct kmem_cache *s, const void *obj, const char *what,
		 const void *caller)
{
	if (s && __atomic_fetch_add(&s->nr_reports, 1, __ATOMIC_RELAXED) >=
			 MAX_REPORTS)
		return;
	printk("BUG %s: %s: %p\n", s ? s->name : "kfree", what, obj);
	if (caller)
		printk("  found in a call from %p\n", caller);
	if (s && obj && slab_cache_of(obj) == s &&
	    slab_index(s, slab_head(virt_to_page(obj)), obj) != SLAB_NIL)
		slab_print_users(s, obj);
}

/* Count objects that will never be handed out or taken back again. */
void slab_contain(struct kmem_cache *s, unsigned int nr)
{
	__atomic_fetch_add(&s->nr_contained, nr, __ATOMIC_RELAXED);
}

static void set_track(struct kmem_cache *s, void *obj, enum track_item item,
		      const void *caller)
{
	struct slab_track *t = slab_track_of(s, obj, item);

	if (!(s->flags & SLAB_STORE_USER))
		return;
	t->caller = caller;
	t->time_ns = port->time_ns();
	t->cpu = smp_processor_id();
}

static bool is_poisoned(const struct kmem_cache *s)
{
	return s->flags & SLAB_POISON && !s->ctor &&
	       !(s->flags & SLAB_TYPESAFE_BY_RCU);
}

static u8 *red_right(const struct kmem_cache *s, const void *obj)
{
	return (u8 *)(uintptr_t)obj + s->object_size;
}

static size_t red_right_size(const struct kmem_cache *s)
{
	return s->word_offset - s->object_size;
}

static void set_red_zones(struct kmem_cache *s, void *obj, u8 value)
{
	if (!(s->flags & SLAB_RED_ZONE))
		return;
	memset((u8 *)obj - s->left_pad, value, s->left_pad);
	memset(red_right(s, obj), value, red_right_size(s));
}

static bool all_bytes(const u8 *bytes, size_t nr, u8 value)
{
	for (size_t i = 0; i < nr; i++)
		if (bytes[i] != value)
			return false;
	return true;
}

static bool red_zones_are(const struct kmem_cache *s, const void *obj, u8 value)
{
	if (!(s->flags & SLAB_RED_ZONE))
		return true;
	return all_bytes((const u8 *)obj - s->left_pad, s->left_pad, value) &&
	       all_bytes(red_right(s, obj), red_right_size(s), value);
}

/* Free or in use, or just changing between the two. */
static bool red_zones_are_sane(const struct kmem_cache *s, const void *obj)
{
	const u8 *right = red_right(s, obj);

	if (!(s->flags & SLAB_RED_ZONE))
		return true;
	for (const u8 *b = (const u8 *)obj - s->left_pad;
	     b < right + red_right_size(s); b++) {
		if (b == (const u8 *)obj)
			b = right;
		if (*b != RED_FREE && *b != RED_IN_USE)
			return false;
	}
	return true;
}

static void poison(struct kmem_cache *s, void *obj)
{
	memset(obj, POISON_FREE, s->object_size);
	((u8 *)obj)[s->object_size - 1] = POISON_END;
}

static bool poison_is_whole(const struct kmem_cache *s, const void *obj)
{
	const u8 *bytes = obj;

	return all_bytes(bytes, s->object_size - 1, POISON_FREE) &&
	       bytes[s->object_size - 1] == POISON_END;
}

const char *slab_debug_fault(const struct kmem_cache *s, const void *obj,
			     bool is_free)
{
	if (!is_free)
		return red_zones_are_sane(s, obj) ? NULL
						  : "red zone overwritten";
	if (!red_zones_are(s, obj, RED_FREE))
		return "red zone of a free object overwritten";
	if (is_poisoned(s) && !poison_is_whole(s, obj))
		return "poison overwritten";
	return NULL;
}

static void trace(const struct kmem_cache *s, const char *what, const void *obj,
		  const void *caller)
{
	if (s->flags & SLAB_TRACE)
		printk("TRACE %s %s %p by %p\n", s->name, what, obj, caller);
}

/* A new slab's object, before its constructor runs. */
void slab_debug_init(struct kmem_cache *s, void *obj)
{
	set_red_zones(s, obj, RED_FREE);
	if (is_poisoned(s))
		poison(s, obj);
	if (s->flags & SLAB_STORE_USER)
		memset(slab_track_of(s, obj, TRACK_ALLOC), 0,
		       2 * sizeof(struct slab_track));
}

/* False: written to while free; the object must not be handed out. */
bool slab_debug_alloc(struct kmem_cache *s, void *obj, const void *caller)
{
	const char *fault = slab_debug_fault(s, obj, true);

	if (fault) {
		slab_report(s, obj, fault, caller);
		return false;
	}
	if (is_poisoned(s))
		memset(obj, POISON_IN_USE, s->object_size);
	set_red_zones(s, obj, RED_IN_USE);
	set_track(s, obj, TRACK_ALLOC, caller);
	trace(s, "alloc", obj, caller);
	return true;
}

/* False: written beyond its ends; the object must not be taken back. */
bool slab_debug_free(struct kmem_cache *s, void *obj, const void *caller)
{
	if (!red_zones_are(s, obj, RED_IN_USE)) {
		slab_report(s, obj, "red zone overwritten", caller);
		return false;
	}
	set_track(s, obj, TRACK_FREE, caller);
	trace(s, "free", obj, caller);
	set_red_zones(s, obj, RED_FREE);
	if (is_poisoned(s))
		poison(s, obj);
	return true;
}
