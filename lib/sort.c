/* SPDX-License-Identifier: MIT */
/*
 * sort.c - heap sort: in place, n log n in the worst case, no recursion.
 *
 * Sifting goes down to a leaf along the larger children and then climbs back
 * to where the element belongs: half the comparisons of the plain form (Floyd,
 * CACM 1964, and Wegener's "bottom-up" analysis, 1993).
 */
#include <quire/string.h>

static void swap_bytes(char *a, char *b, size_t size)
{
	while (size--) {
		char t = *a;

		*a++ = *b;
		*b++ = t;
	}
}

/*
 * The heap of elements 0..num-1 is in order but for element top; put it right.
 */
static void sift(char *base, size_t top, size_t num, size_t size,
		 int (*cmp)(const void *a, const void *b))
{
	size_t at = top;

	while (2 * at + 1 < num) {
		size_t child = 2 * at + 1;

		if (child + 1 < num &&
		    cmp(base + child * size, base + (child + 1) * size) < 0)
			child++;
		at = child;
	}
	while (at != top && cmp(base + top * size, base + at * size) >= 0)
		at = (at - 1) / 2;
	/* Each on the way down from top moves up one; top's lands at at. */
	for (size_t i = at; i != top; i = (i - 1) / 2)
		swap_bytes(base + top * size, base + i * size, size);
}

void sort(void *base, size_t num, size_t size,
	  int (*cmp)(const void *a, const void *b))
{
	for (size_t i = num / 2; i-- > 0;)
		sift(base, i, num, size, cmp);
	for (size_t n = num; n-- > 1;) {
		swap_bytes(base, (char *)base + n * size, size);
		sift(base, 0, n, size, cmp);
	}
}
