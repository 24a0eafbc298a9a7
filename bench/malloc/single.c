// SPDX-License-Identifier: MIT
/*
 * single.c - the rows of one thread.
 */
#include "bench.h"

#include <string.h>

/* A program that does almost nothing. */
static void tiny(void)
{
	for (size_t i = 1; i < 100; i++)
		get(i * 10);
}

/* A stack of a few blocks of a few sizes: interpreters, parsers. */
static void simple(void)
{
	void *p[32];

	for (int n = 0; n < turns(1500000); n++) {
		unsigned int nr = 1 + (unsigned int)n % 25;

		for (unsigned int i = 0; i < nr; i++)
			p[i] = get(16 + (size_t)(n % 7) * 24);
		while (nr--)
			free(p[nr]);
	}
}

/* Thousands of objects, freed in various orders. */
static void batch(void)
{
	enum { NR = 20000 };
	static void *p[NR];

	for (int n = 0; n < turns(1200); n++) {
		for (unsigned int i = 0; i < NR; i++)
			p[i] = get(16 + (i * 8 + (unsigned int)n) % 128);
		for (unsigned int i = 0; i < NR; i++) {
			switch (n % 3) {
			case 0:
				free(p[i]);
				break;
			case 1:
				free(p[NR - 1 - i]);
				break;
			default:
				free(p[(size_t)i * 7919 % NR]);
			}
		}
	}
}

/* Random replacement among many live blocks, the sizes shifting over time. */
static void churn(void)
{
	enum { NR = 100000 };
	static void *p[NR];
	uint64_t s = 42;

	for (int n = 0; n < turns(6000000); n++) {
		size_t i = next(&s) % NR;
		size_t shift = (size_t)n / 1000000 * 16;

		free(p[i]);
		p[i] = get(draw(&s) + shift);
	}
}

/* Growing and moving: vectors, zeroed tables, aligned buffers. */
static void grow(void)
{
	for (int n = 0; n < turns(30000); n++) {
		char *v = NULL, *w = NULL;
		void *q;

		for (size_t size = 16; size < 40000; size += size / 2) {
			v = realloc(v, size);
			v[size - 1] = 1;
			w = realloc(w, size / 3 + 1);
			w[0] = 1;
			q = calloc(size / 16 + 1, 8);
			free(q);
			if (posix_memalign(&q, 64, size))
				abort();
			free(q);
		}
		free(v);
		free(w);
	}
}

/* Blocks of 64 KiB to 4 MiB, a quarter of each touched. */
static void large(void)
{
	void *p[20] = {NULL};
	uint64_t s = 7;

	for (int n = 0; n < turns(50000); n++) {
		size_t i = next(&s) % 20, size = 65536 + next(&s) % 4128768;
		char *b;

		free(p[i]);
		b = p[i] = malloc(size);
		for (size_t k = 0; k < size / 4; k += 4096)
			b[k] = 1;
	}
}

/* Sizes between the small pages and the mapped ones. */
static void medium(void)
{
	enum { NR = 500 };
	static void *p[NR];
	uint64_t s = 11;

	for (int n = 0; n < turns(8000000); n++) {
		size_t i = next(&s) % NR;

		free(p[i]);
		p[i] = get(1100 + next(&s) % 15000);
	}
}

/*
 * Numbers of some words, each result a block of its own, operands freed at
 * once: a factoring by Pollard's rho with numbers that know only addition,
 * subtraction and comparison by words.
 */
struct number {
	uint32_t nr;
	uint32_t word[];
};

static struct number *number(uint32_t nr)
{
	struct number *n = get(sizeof(*n) + (nr ? nr : 1) * sizeof(uint32_t));

	n->nr = nr;
	return n;
}

static struct number *trim(struct number *n)
{
	while (n->nr && !n->word[n->nr - 1])
		n->nr--;
	return n;
}

static struct number *multiply(const struct number *a, const struct number *b)
{
	struct number *r = number(a->nr + b->nr);

	memset(r->word, 0, r->nr * sizeof(uint32_t));
	for (uint32_t i = 0; i < a->nr; i++) {
		uint64_t carry = 0;

		for (uint32_t k = 0; k < b->nr; k++) {
			carry += (uint64_t)a->word[i] * b->word[k] +
				 r->word[i + k];
			r->word[i + k] = (uint32_t)carry;
			carry >>= 32;
		}
		r->word[i + b->nr] = (uint32_t)carry;
	}
	return trim(r);
}

/* a * 2^k - b where that is not negative, else NULL. */
static struct number *shifted_less(const struct number *a, unsigned int k,
				   const struct number *b)
{
	struct number *s = number(b->nr + k / 32 + 1), *r;
	uint64_t carry = 0, borrow = 0;

	memset(s->word, 0, s->nr * sizeof(uint32_t));
	for (uint32_t i = 0; i < b->nr; i++) {
		carry |= (uint64_t)b->word[i] << k % 32;
		s->word[i + k / 32] = (uint32_t)carry;
		carry >>= 32;
	}
	s->word[b->nr + k / 32] = (uint32_t)carry;
	trim(s);
	r = number(a->nr);
	for (uint32_t i = 0; i < a->nr; i++) {
		uint64_t w = (i < s->nr ? s->word[i] : 0) + borrow;

		borrow = a->word[i] < w;
		r->word[i] = (uint32_t)(a->word[i] - w);
	}
	if (borrow || s->nr > a->nr) {
		free(s);
		free(r);
		return NULL;
	}
	free(s);
	return trim(r);
}

static struct number *modulo(struct number *a, const struct number *m)
{
	int k = a->nr > m->nr ? (int)(a->nr - m->nr) * 32 + 31 : 31;

	for (; k >= 0; k--) {
		struct number *r = shifted_less(a, (unsigned int)k, m);

		if (r) {
			free(a);
			a = r;
		}
	}
	return a;
}

static void factor(void)
{
	struct number *m = number(3), *x = number(1), *y;

	m->word[0] = 0x9e3779b1;
	m->word[1] = 0x85ebca77;
	m->word[2] = 0xc2b2;
	x->word[0] = 2;
	for (int n = 0; n < turns(60000); n++) {
		y = multiply(x, x);
		free(x);
		x = modulo(y, m);
		if (x->nr)
			x->word[0] ^= 1;
		else
			x = modulo(multiply(m, m), m);
	}
	free(x);
	free(m);
}

/*
 * Covers of cubes, bit vectors of several widths, in arrays that grow: pairs
 * that differ in one bit are joined into a new cover, doubles are dropped, the
 * old cover is freed.
 */
struct cover {
	size_t nr, max;
	uint64_t **cube;
};

static void cover_add(struct cover *c, const uint64_t *cube, size_t words,
		      unsigned int bit)
{
	uint64_t *copy = get(words * sizeof(*copy));

	memcpy(copy, cube, words * sizeof(*copy));
	copy[bit / 64] |= (uint64_t)1 << bit % 64;
	if (c->nr == c->max) {
		c->max = c->max ? c->max * 2 : 4;
		c->cube = realloc(c->cube, c->max * sizeof(*c->cube));
		if (!c->cube)
			abort();
	}
	c->cube[c->nr++] = copy;
}

static void cover_free(struct cover *c)
{
	while (c->nr)
		free(c->cube[--c->nr]);
	free(c->cube);
}

static int apart(const uint64_t *a, const uint64_t *b, size_t words)
{
	int n = 0;

	for (size_t i = 0; i < words && n < 3; i++)
		n += __builtin_popcountll(a[i] ^ b[i]);
	return n;
}

static void cover(void)
{
	uint64_t s = 23;

	for (int n = 0; n < turns(1500); n++) {
		size_t words = 1 + (size_t)n % 7 * ((size_t)n % 5 + 1);
		struct cover old = {0}, joined;
		uint64_t zero[40] = {0};

		for (int i = 0; i < 80; i++)
			cover_add(&old, zero, words,
				  (unsigned int)(next(&s) % (words * 64)));
		for (int round = 0; round < 3; round++) {
			joined = (struct cover){0};
			for (size_t i = 0; i + 1 < old.nr; i++) {
				for (size_t k = i + 1; k < old.nr && k < i + 12;
				     k++) {
					if (apart(old.cube[i], old.cube[k],
						  words) <= 2)
						cover_add(&joined, old.cube[i],
							  words,
							  (unsigned int)k % 64);
				}
			}
			while (joined.nr > 300)
				free(joined.cube[--joined.nr]);
			cover_free(&old);
			old = joined;
		}
		cover_free(&old);
	}
}

const struct row rows_single[] = {
	{"tiny", tiny},	    {"factor", factor}, {"cover", cover},
	{"simple", simple}, {"batch", batch},	{"churn", churn},
	{"grow", grow},	    {"medium", medium}, {"large", large},
	{NULL, NULL},
};
