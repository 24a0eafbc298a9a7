/* SPDX-License-Identifier: MIT */
/*
 * chacha.h - the ChaCha20 block function (RFC 8439, 2.3).
 */
#ifndef QUIRE_CHACHA_H
#define QUIRE_CHACHA_H

#include <quire/types.h>

#define CHACHA_KEY_WORDS   8
#define CHACHA_BLOCK_WORDS 16

/*
 * One block of key stream for this key, counter and nonce.  Any context; out
 * may not overlap key.
 */
void chacha20_block(const u32 key[CHACHA_KEY_WORDS], u32 counter,
		    const u32 nonce[3], u32 out[CHACHA_BLOCK_WORDS]);

#endif
