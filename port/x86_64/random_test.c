/* SPDX-License-Identifier: MIT */
/*
 * random_test.c - the generator is ChaCha20, and forgets its key.
 */
#include "random.c"

#include "test/test.h"

/* RFC 8439, 2.3.2; its 32-bit counter and nonce fill words 12 to 15. */
TEST(chacha_block_is_that_of_the_rfc)
{
	u32 s[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574,
		     0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c,
		     0x13121110, 0x17161514, 0x1b1a1918, 0x1f1e1d1c,
		     0x00000001, 0x09000000, 0x4a000000, 0x00000000};
	u32 out[16];

	chacha_permute(out, s);
	CHECK_EQ(out[0], 0xe4e7f110);
	CHECK_EQ(out[1], 0x15593bd1);
	CHECK_EQ(out[7], 0xc7f4d1c7);
	CHECK_EQ(out[15], 0x4e3c50a2);
}

TEST(random_words_differ_and_the_key_moves_on)
{
	u32 key[8];
	u64 seen[64];

	memcpy(key, me.key, sizeof(key));
	for (size_t i = 0; i < ARRAY_SIZE(seen); i++) {
		seen[i] = random_u64();
		for (size_t k = 0; k < i; k++)
			CHECK(seen[k] != seen[i]);
	}
	CHECK(memcmp(key, me.key, sizeof(key)));
}
