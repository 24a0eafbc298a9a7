/* SPDX-License-Identifier: MIT */
/*
 * oops_test.c - addresses get their functions' names.
 */
#include "oops.c"

#include "test/test.h"

TEST(symbols_name_the_function_that_holds_an_address)
{
	unsigned long offset = 99;
	const char *name = x86_symbol((uintptr_t)x86_panic, &offset);

	CHECK(name != NULL);
	CHECK_STR(name, "x86_panic");
	CHECK_EQ(offset, 0);
	name = x86_symbol((uintptr_t)x86_panic + 5, &offset);
	CHECK_STR(name, "x86_panic");
	CHECK_EQ(offset, 5);
	CHECK(x86_symbol((uintptr_t)__text_end, &offset) == NULL);
	CHECK(x86_symbol(0, &offset) == NULL);
	CHECK(x86_symbol(PAGE_OFFSET, &offset) == NULL);
}
