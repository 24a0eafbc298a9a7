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
#include <quire/chacha.h>
#include <quire/spinlock.h>
#include <quire/string.h>

#include "port/x86_64/x86.h"

static struct {
	spinlock_t lock;
	u32 key[CHACHA_KEY_WORDS];
	u64 counter;
	u64 out[4];	   /* second half of the last block */
	unsigned int left; /* words of it not given out */
} me = {.lock = SPINLOCK_INIT(LOCK_RANK_NONE)};

/* The next block; the nonce is the counter's upper half. */
static void next_block(u32 out[CHACHA_BLOCK_WORDS])
{
	const u32 nonce[3] = {(u32)(me.counter >> 32)};

	chacha20_block(me.key, (u32)me.counter++, nonce, out);
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
		u32 block[CHACHA_BLOCK_WORDS];

		next_block(block);
		memcpy(me.key, block, sizeof(me.key));
		memcpy(me.out, block + 8, sizeof(me.out));
		me.left = ARRAY_SIZE(me.out);
	}
	value = me.out[--me.left];
	me.out[me.left] = 0;
	spin_unlock_irqrestore(&me.lock, flags);
	return value;
}
