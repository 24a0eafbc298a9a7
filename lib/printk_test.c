/* SPDX-License-Identifier: MIT */
/* printk_test.c - reports are made once a place and seen by the runner. */
#include "printk.c"

#include "test/test.h"

static bool checked(bool wrong)
{
	return WARN_ON_ONCE(wrong);
}

TEST(warn_reports_once_and_yields_its_condition)
{
	CHECK(!checked(false));
	test_expect_report("printk_test.c");
	CHECK(checked(true));
	CHECK(checked(true));
	CHECK(!checked(false));
	CHECK_EQ(test_expect_end(), 1);
}

static char last_text[PRINTK_MAX + 1];

static void keep(const char *text)
{
	strscpy(last_text, text, sizeof(last_text));
}

TEST(printk_cuts_at_its_limit)
{
	void (*tap)(const char *) = printk_tap;
	char text[600];

	memset(text, 'x', sizeof(text));
	text[599] = '\0';
	printk_tap = keep;
	printk("%s", text);
	printk_tap = tap;
	printk("\n");
	CHECK_EQ(strlen(last_text), 511);
}
