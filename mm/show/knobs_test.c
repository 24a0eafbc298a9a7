/* SPDX-License-Identifier: MIT */
/*
 * knobs_test.c - numbers as they are written to /proc/sys.
 *
 * The table of cases holds what a running Linux answered to the same writes.
 */
#include "mm/show/knobs.c"

#include <quire/printk.h>

#include "test/test.h"

/* A vector of three numbers within -5 .. 300. */
static s64 vector[3];
static int set_fails;

static int get_vector(s64 *values)
{
	memcpy(values, vector, sizeof(vector));
	return 3;
}

static int set_vector(const s64 *values, unsigned int nr)
{
	CHECK(nr >= 1 && nr <= 3);
	if (set_fails)
		return set_fails;
	memcpy(vector, values, nr * sizeof(*values));
	return 0;
}

static const struct mm_knob knob = {
	"vector", 0644, 3, -5, 300, get_vector, set_vector,
};

static const char *shown(void)
{
	static char text[64];
	struct seq_buf s;

	seq_buf_init(&s, text, sizeof(text));
	mm_knob_show(&knob, &s);
	CHECK(!s.overflow);
	return text;
}

TEST(knob_writes_are_taken_as_linux_takes_them)
{
	static const struct {
		const char *text;
		int ret; /* 0: all of it */
		const char *after;
	} cases[] = {
		{"10", 0, "10\t2\t3\n"},
		{"10\n", 0, "10\t2\t3\n"},
		{" \t 10 \n\n", 0, "10\t2\t3\n"},
		{"10 20", 0, "10\t20\t3\n"},
		{"10\t20\n30 \n", 0, "10\t20\t30\n"},
		{"10 20 30 40", 9, "10\t20\t30\n"},
		{"10 20 30 junk", 9, "10\t20\t30\n"},
		{"0x10 010 0", 0, "16\t8\t0\n"},
		{"-5 -0", 0, "-5\t0\t3\n"},
		{"300", 0, "300\t2\t3\n"},
		{"\v\f\r 7", 0, "7\t2\t3\n"},
		{"0x000000000000000001a", 0, "26\t2\t3\n"},
		{"", -EINVAL, NULL},
		{" \n", -EINVAL, NULL},
		{"junk", -EINVAL, NULL},
		{"10x", -EINVAL, NULL},
		{"10,20", -EINVAL, NULL},
		{"10\r", -EINVAL, NULL},
		{"10 20 x", -EINVAL, NULL},
		{"+5", -EINVAL, NULL},
		{"-+5", -EINVAL, NULL},
		{"--5", -EINVAL, NULL},
		{"-", -EINVAL, NULL},
		{"0x", -EINVAL, NULL},
		{"1e2", -EINVAL, NULL},
		{"301", -EINVAL, NULL},
		{"-6", -EINVAL, NULL},
		{"10 301", -EINVAL, NULL},
		{"18446744073709551626", -EINVAL, NULL},
		{"-9223372036854775809", -EINVAL, NULL},
		{"0x0000000000000000001a", -EINVAL, NULL},
		{"99999999999999999999999999999999", -EINVAL, NULL},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t len = strlen(cases[i].text);
		mm_ssize_t want = cases[i].ret ? cases[i].ret : (mm_ssize_t)len;

		for (int n = 0; n < 3; n++)
			vector[n] = n + 1;
		CHECK_EQ(mm_knob_store(&knob, cases[i].text, len), want);
		CHECK_STR(shown(),
			  cases[i].after ? cases[i].after : "1\t2\t3\n");
	}
}

TEST(knob_text_is_what_is_within_its_length)
{
	vector[0] = 1;
	/* The NUL in the middle is no separator. */
	CHECK_EQ(mm_knob_store(&knob, "10\0", 3), -EINVAL);
	CHECK_EQ(vector[0], 1);
	CHECK_EQ(mm_knob_store(&knob, "1025", 2), 2);
	CHECK_EQ(vector[0], 10);
}

TEST(knob_setter_may_refuse)
{
	struct mm_knob fixed = knob;

	vector[0] = 1;
	set_fails = -EBUSY;
	CHECK_EQ(mm_knob_store(&knob, "5", 1), -EBUSY);
	set_fails = 0;
	fixed.set = NULL;
	CHECK_EQ(mm_knob_store(&fixed, "5", 1), -EPERM);
	CHECK_EQ(vector[0], 1);
}

/* Every row is complete, and what it shows can be written back. */
static bool may_all(enum mm_capability cap)
{
	(void)cap;
	return true;
}

TEST(every_vm_knob_can_be_read_and_written_back)
{
	const struct mm_knob *k, *other;
	char text[256];

	mm_capable = may_all;
	for (k = vm_knobs; k->name; k++) {
		s64 values[MM_KNOB_NR_MAX];
		struct seq_buf s;
		int i, nr;

		CHECK(k->nr >= 1 && k->nr <= MM_KNOB_NR_MAX);
		CHECK(k->min <= k->max);
		CHECK_EQ(k->mode, k->set ? 0644 : 0444);
		for (other = vm_knobs; other < k; other++)
			CHECK(strcmp(other->name, k->name) != 0);
		nr = k->get(values);
		CHECK(nr >= 1 && nr <= k->nr);
		for (i = 0; i < nr; i++)
			CHECK(values[i] >= k->min && values[i] <= k->max);
		seq_buf_init(&s, text, sizeof(text));
		mm_knob_show(k, &s);
		CHECK(!s.overflow && text[s.len - 1] == '\n');
		if (!k->set)
			continue;
		CHECK_EQ(mm_knob_store(k, text, s.len), s.len);
		for (i = 0; i < nr; i++) {
			s64 again[MM_KNOB_NR_MAX];

			CHECK_EQ(k->get(again), nr);
			CHECK_EQ(again[i], values[i]);
		}
		CHECK_EQ(mm_knob_store(k, "junk", 4), -EINVAL);
	}
	mm_capable = NULL;
}
