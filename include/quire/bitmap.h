/* SPDX-License-Identifier: MIT */
/*
 * bitmap.h - arrays of bits, numbered from 0, in unsigned longs.
 *
 * set_bit() and its kin are single atomic operations, relaxed unless they
 * tell the old value (then full barriers); the __ forms are plain.  Ranges are
 * (start, nr).  find_* give size if there is none.
 */
#ifndef QUIRE_BITMAP_H
#define QUIRE_BITMAP_H

#include <quire/types.h>

#define BITS_PER_LONG		   64
#define BITS_TO_LONGS(n)	   DIV_ROUND_UP(n, (size_t)BITS_PER_LONG)
#define BIT_WORD(nr)		   ((nr) / BITS_PER_LONG)
#define BIT_MASK(nr)		   (1UL << ((nr) % BITS_PER_LONG))
#define DECLARE_BITMAP(name, bits) unsigned long name[BITS_TO_LONGS(bits)]

static inline void set_bit(size_t nr, unsigned long *map)
{
	__atomic_fetch_or(&map[BIT_WORD(nr)], BIT_MASK(nr), __ATOMIC_RELAXED);
}

static inline void clear_bit(size_t nr, unsigned long *map)
{
	__atomic_fetch_and(&map[BIT_WORD(nr)], ~BIT_MASK(nr), __ATOMIC_RELAXED);
}

static inline bool test_bit(size_t nr, const unsigned long *map)
{
	return READ_ONCE(map[BIT_WORD(nr)]) & BIT_MASK(nr);
}

static inline bool test_and_set_bit(size_t nr, unsigned long *map)
{
	return __atomic_fetch_or(&map[BIT_WORD(nr)], BIT_MASK(nr),
				 __ATOMIC_SEQ_CST) &
	       BIT_MASK(nr);
}

static inline bool test_and_clear_bit(size_t nr, unsigned long *map)
{
	return __atomic_fetch_and(&map[BIT_WORD(nr)], ~BIT_MASK(nr),
				  __ATOMIC_SEQ_CST) &
	       BIT_MASK(nr);
}

static inline void __set_bit(size_t nr, unsigned long *map)
{
	map[BIT_WORD(nr)] |= BIT_MASK(nr);
}

static inline void __clear_bit(size_t nr, unsigned long *map)
{
	map[BIT_WORD(nr)] &= ~BIT_MASK(nr);
}

/* Plain, the whole map; bits above size in the last word are cleared. */
void bitmap_zero(unsigned long *map, size_t size);
void bitmap_fill(unsigned long *map, size_t size);
void bitmap_copy(unsigned long *to, const unsigned long *from, size_t size);
/* Plain, a part. */
void bitmap_set(unsigned long *map, size_t start, size_t nr);
void bitmap_clear(unsigned long *map, size_t start, size_t nr);

size_t find_next_bit(const unsigned long *map, size_t size, size_t from);
size_t find_next_zero_bit(const unsigned long *map, size_t size, size_t from);
size_t find_last_bit(const unsigned long *map, size_t size);
/* The first run of nr clear bits at or after from, start a multiple of
   align (a power of two). */
size_t bitmap_find_next_zero_area(const unsigned long *map, size_t size,
				  size_t from, size_t nr, size_t align);

static inline size_t find_first_bit(const unsigned long *map, size_t size)
{
	return find_next_bit(map, size, 0);
}

static inline size_t find_first_zero_bit(const unsigned long *map, size_t size)
{
	return find_next_zero_bit(map, size, 0);
}

size_t bitmap_weight(const unsigned long *map, size_t size);
bool bitmap_equal(const unsigned long *a, const unsigned long *b, size_t size);

static inline bool bitmap_empty(const unsigned long *map, size_t size)
{
	return find_first_bit(map, size) == size;
}

static inline bool bitmap_full(const unsigned long *map, size_t size)
{
	return find_first_zero_bit(map, size) == size;
}

#define for_each_set_bit(bit, map, size)                        \
	for ((bit) = find_first_bit(map, size); (bit) < (size); \
	     (bit) = find_next_bit(map, size, (bit) + 1))

#endif
