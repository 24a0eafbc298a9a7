/* SPDX-License-Identifier: MIT */
/* port_lone_test.c - what one processor does instead of sleeping. */
#include "port_lone.c"

#include "test/test.h"

TEST(a_lone_processor_does_not_wait_for_what_has_changed)
{
	u32 word = 1;

	port_lone_wait(&word, 0);
	port_lone_wake(&word, 1);
	port_lone_yield();
	CHECK_EQ(word, 1);
}
