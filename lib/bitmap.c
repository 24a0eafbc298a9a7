/* SPDX-License-Identifier: MIT */
/*
 * bitmap.c - searches and ranges in arrays of bits.
 *
 * 1. Idea.  Work is done a word at a time; the first and last word of a range
 *    are masked.
 * 2. Invariants.  Bits at and above size never count, whatever they hold.
 * 3. Locking.  The caller's.  Searches read each word once, so that a search
 *    beside atomic changes finds a bit that was there at some time.
 */
#include <quire/bitmap.h>

#include <quire/string.h>

/* Bits of a word from bit nr up; below bit nr (all of them for 0). */
#define FROM_MASK(nr) (~0UL << ((nr) % BITS_PER_LONG))
#define UPTO_MASK(nr) (~0UL >> (-(nr) % BITS_PER_LONG))

void bitmap_zero(unsigned long *map, size_t size)
{
	memset(map, 0, BITS_TO_LONGS(size) * sizeof(*map));
}

void bitmap_fill(unsigned long *map, size_t size)
{
	bitmap_zero(map, size);
	bitmap_set(map, 0, size);
}

void bitmap_copy(unsigned long *to, const unsigned long *from, size_t size)
{
	if (size == 0)
		return;
	memcpy(to, from, BITS_TO_LONGS(size) * sizeof(*to));
	to[BIT_WORD(size - 1)] &= UPTO_MASK(size);
}

/* The mask of the bits of word that lie in [start, end). */
static unsigned long range_mask(size_t word, size_t start, size_t end)
{
	unsigned long mask = ~0UL;

	if (word == BIT_WORD(start))
		mask &= FROM_MASK(start);
	if (word == BIT_WORD(end - 1))
		mask &= UPTO_MASK(end);
	return mask;
}

void bitmap_set(unsigned long *map, size_t start, size_t nr)
{
	size_t end = start + nr;

	if (nr == 0)
		return;
	for (size_t w = BIT_WORD(start); w <= BIT_WORD(end - 1); w++)
		map[w] |= range_mask(w, start, end);
}

void bitmap_clear(unsigned long *map, size_t start, size_t nr)
{
	size_t end = start + nr;

	if (nr == 0)
		return;
	for (size_t w = BIT_WORD(start); w <= BIT_WORD(end - 1); w++)
		map[w] &= ~range_mask(w, start, end);
}

/* flip: all ones to look for clear bits. */
static size_t find_next(const unsigned long *map, size_t size, size_t from,
			unsigned long flip)
{
	unsigned long word;
	size_t w;

	if (from >= size)
		return size;
	w = BIT_WORD(from);
	word = (READ_ONCE(map[w]) ^ flip) & FROM_MASK(from);
	while (!word) {
		if (++w >= BITS_TO_LONGS(size))
			return size;
		word = READ_ONCE(map[w]) ^ flip;
	}
	return min(w * BITS_PER_LONG + (size_t)__builtin_ctzl(word), size);
}

size_t find_next_bit(const unsigned long *map, size_t size, size_t from)
{
	return find_next(map, size, from, 0);
}

size_t find_next_zero_bit(const unsigned long *map, size_t size, size_t from)
{
	return find_next(map, size, from, ~0UL);
}

size_t find_last_bit(const unsigned long *map, size_t size)
{
	unsigned long mask = UPTO_MASK(size);

	for (size_t w = BITS_TO_LONGS(size); w-- > 0; mask = ~0UL) {
		unsigned long word = READ_ONCE(map[w]) & mask;

		if (word)
			return w * BITS_PER_LONG + (size_t)fls_long(word) - 1;
	}
	return size;
}

size_t bitmap_find_next_zero_area(const unsigned long *map, size_t size,
				  size_t from, size_t nr, size_t align)
{
	for (;;) {
		size_t start, end, taken;

		start = ALIGN(find_next_zero_bit(map, size, from), align);
		end = start + nr;
		if (end > size || end < start)
			return size;
		taken = find_next_bit(map, end, start);
		if (taken >= end)
			return start;
		from = taken + 1;
	}
}

size_t bitmap_weight(const unsigned long *map, size_t size)
{
	size_t nr = 0;

	for (size_t w = 0; w < BITS_TO_LONGS(size); w++) {
		unsigned long word = READ_ONCE(map[w]) & range_mask(w, 0, size);

		/* In parallel halves; -mgeneral-regs-only has no popcnt. */
		word -= word >> 1 & 0x5555555555555555;
		word = (word & 0x3333333333333333) +
		       (word >> 2 & 0x3333333333333333);
		word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0f;
		nr += word * 0x0101010101010101 >> 56;
	}
	return nr;
}

bool bitmap_equal(const unsigned long *a, const unsigned long *b, size_t size)
{
	for (size_t w = 0; w < BITS_TO_LONGS(size); w++)
		if ((a[w] ^ b[w]) & range_mask(w, 0, size))
			return false;
	return true;
}
