/* SPDX-License-Identifier: MIT */
/*
 * chacha.c - the ChaCha20 block function, for random generators.
 *
 * Source: RFC 8439, sections 2.1 to 2.3.
 */
#include <quire/chacha.h>

static u32 rotl(u32 x, int n)
{
	return x << n | x >> (32 - n);
}

static void quarter_round(u32 *x, int a, int b, int c, int d)
{
	x[a] += x[b];
	x[d] = rotl(x[d] ^ x[a], 16);
	x[c] += x[d];
	x[b] = rotl(x[b] ^ x[c], 12);
	x[a] += x[b];
	x[d] = rotl(x[d] ^ x[a], 8);
	x[c] += x[d];
	x[b] = rotl(x[b] ^ x[c], 7);
}

static void double_round(u32 *x)
{
	for (int i = 0; i < 4; i++)
		quarter_round(x, i, 4 + i, 8 + i, 12 + i);
	for (int i = 0; i < 4; i++)
		quarter_round(x, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4,
			      12 + (i + 3) % 4);
}

void chacha20_block(const u32 key[CHACHA_KEY_WORDS], u32 counter,
		    const u32 nonce[3], u32 out[CHACHA_BLOCK_WORDS])
{
	/* "expand 32-byte k" */
	u32 in[CHACHA_BLOCK_WORDS] = {0x61707865, 0x3320646e, 0x79622d32,
				      0x6b206574};

	for (int i = 0; i < CHACHA_KEY_WORDS; i++)
		in[4 + i] = key[i];
	in[12] = counter;
	for (int i = 0; i < 3; i++)
		in[13 + i] = nonce[i];
	for (int i = 0; i < CHACHA_BLOCK_WORDS; i++)
		out[i] = in[i];
	for (int i = 0; i < 10; i++)
		double_round(out);
	for (int i = 0; i < CHACHA_BLOCK_WORDS; i++)
		out[i] += in[i];
}
