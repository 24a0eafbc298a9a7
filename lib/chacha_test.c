/* SPDX-License-Identifier: MIT */
/* chacha_test.c - the block function against RFC 8439's example. */
#include "lib/chacha.c"

#include "test/test.h"

/* Section 2.3.2: key 00..1f, nonce 00:00:00:09:00:00:00:4a:00:00:00:00. */
TEST(chacha20_block_matches_the_rfcs_example)
{
	static const u32 nonce[3] = {0x09000000, 0x4a000000, 0x00000000};
	static const u32 expected[CHACHA_BLOCK_WORDS] = {
		0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3,
		0xc7f4d1c7, 0x0368c033, 0x9aaa2204, 0x4e6cd4c3,
		0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9,
		0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2,
	};
	u32 key[CHACHA_KEY_WORDS], out[CHACHA_BLOCK_WORDS];

	for (u32 i = 0; i < CHACHA_KEY_WORDS; i++)
		key[i] = 0x03020100 + i * 0x04040404;
	chacha20_block(key, 1, nonce, out);
	for (int i = 0; i < CHACHA_BLOCK_WORDS; i++)
		CHECK_EQ(out[i], expected[i]);
}
