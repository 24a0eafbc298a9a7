/* SPDX-License-Identifier: MIT */
/*
 * random.c - random bits: ChaCha20 keyed from what the machine offers.
 *
 * 1. Seed.  RDSEED or RDRAND where the processor has them, and the time stamp
 *    counter and the real-time clock in any case.  Without the instructions
 *    the bits are as unpredictable as the moment of the start: good enough
 *    for layouts in a virtual machine, not for keys.  Under -icount they are
 *    the same in each run.
 * 2. Each block of output replaces the key by its first half, so that what
 *    was given out cannot be recomputed from what is kept.
 * 3. Locking: one lock, interrupts off, a leaf.
 *
 * Source: RFC 8439, section 2.3.
 */
#include <quire/spinlock.h>
#include <quire/string.h>

#include "port/x86_64/x86.h"

#define ROUNDS 20

static struct {
	spinlock_t lock;
	u32 key[8];
	u64 counter;
	u64 out[4]; /* second half of the last block */
	unsigned int left; /* words of it not given out */
} me = {.lock = SPINLOCK_INIT(LOCK_RANK_NONE)};

static u32 rotl(u32 x, int n)
{
	return x << n | x >> (32 - n);
}

static void quarter(u32 *s, int a, int b, int c, int d)
{
	s[a] += s[b];
	s[d] = rotl(s[d] ^ s[a], 16);
	s[c] += s[d];
	s[b] = rotl(s[b] ^ s[c], 12);
	s[a] += s[b];
	s[d] = rotl(s[d] ^ s[a], 8);
	s[c] += s[d];
	s[b] = rotl(s[b] ^ s[c], 7);
}

static void chacha_block(u32 out[16])
{
	u32 in[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};

	memcpy(in + 4, me.key, sizeof(me.key));
	in[12] = (u32)me.counter;
	in[13] = (u32)(me.counter >> 32);
	me.counter++;
	memcpy(out, in, sizeof(in));
	for (int i = 0; i < ROUNDS; i += 2) {
		quarter(out, 0, 4, 8, 12);
		quarter(out, 1, 5, 9, 13);
		quarter(out, 2, 6, 10, 14);
		quarter(out, 3, 7, 11, 15);
		quarter(out, 0, 5, 10, 15);
		quarter(out, 1, 6, 11, 12);
		quarter(out, 2, 7, 8, 13);
		quarter(out, 3, 4, 9, 14);
	}
	for (int i = 0; i < 16; i++)
		out[i] += in[i];
}

static bool hardware_random(u64 *value)
{
	bool ok = false;

	/* Both may come up empty; ten tries are the manual's advice. */
	for (int i = 0; i < 10 && !ok; i++) {
		if (cpu_has(X86_FEATURE_RDSEED))
			__asm__ __volatile__("rdseed %0"
					     : "=r"(*value), "=@ccc"(ok));
		if (!ok && cpu_has(X86_FEATURE_RDRAND))
			__asm__ __volatile__("rdrand %0"
					     : "=r"(*value), "=@ccc"(ok));
	}
	return ok;
}

void random_init(void)
{
	u64 start = x86_start_realtime_ns();

	for (unsigned int i = 0; i < ARRAY_SIZE(me.key); i += 2) {
		u64 word = rdtsc() * 0x9e3779b97f4a7c15ULL ^ start << i;
		u64 hw;

		if (hardware_random(&hw))
			word ^= hw;
		me.key[i] ^= (u32)word;
		me.key[i + 1] ^= (u32)(word >> 32);
	}
	me.left = 0;
}

u64 random_u64(void)
{
	unsigned long flags;
	u64 value;

	spin_lock_irqsave(&me.lock, flags);
	if (!me.left) {
		u32 block[16];

		chacha_block(block);
		memcpy(me.key, block, sizeof(me.key));
		memcpy(me.out, block + 8, sizeof(me.out));
		me.left = ARRAY_SIZE(me.out);
	}
	value = me.out[--me.left];
	me.out[me.left] = 0;
	spin_unlock_irqrestore(&me.lock, flags);
	return value;
}
