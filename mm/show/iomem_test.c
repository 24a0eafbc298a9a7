/* SPDX-License-Identifier: MIT */
/* iomem_test.c - ranges become a tree, whatever order they come in. */
#include "mm/show/iomem.c"

#include "test/test.h"

static const struct mm_resource sample[] = {
	{0x1000, 0x9fbff, "System RAM"},
	{0x9fc00, 0xfffff, "Reserved"},
	{0x9fc00, 0xfffff, "ROM"},
	{0x100000, 0xbfffffff, "System RAM"},
	{0x100000, 0x1fffff, "Kernel code"},
	{0x200000, 0x2fffff, "Kernel data"},
	{0x280000, 0x2fffff, "Kernel bss"},
	{0xc0000000, 0xfdffffff, "PCI Bus 0000:00"},
	{0xfd000000, 0xfe000fff, "across its end"},
	{0x100000000, 0x63fffffff, "System RAM"},
};

static const char tree[] = "00001000-0009fbff : System RAM\n"
			   "0009fc00-000fffff : ROM\n"
			   "  0009fc00-000fffff : Reserved\n"
			   "00100000-bfffffff : System RAM\n"
			   "  00100000-001fffff : Kernel code\n"
			   "  00200000-002fffff : Kernel data\n"
			   "    00280000-002fffff : Kernel bss\n"
			   "c0000000-fdffffff : PCI Bus 0000:00\n"
			   "fd000000-fe000fff : across its end\n"
			   "100000000-63fffffff : System RAM\n";

TEST(iomem_is_a_tree_in_any_order)
{
	struct mm_resource r[ARRAY_SIZE(sample)];
	char text[2048];
	struct seq_buf s;

	memcpy(r, sample, sizeof(r));
	for (int round = 0; round < 50; round++) {
		for (size_t i = ARRAY_SIZE(r) - 1; i > 0; i--) {
			size_t j = test_random_below(i + 1);
			struct mm_resource other = r[j];

			r[j] = r[i];
			r[i] = other;
		}
		seq_buf_init(&s, text, sizeof(text));
		show_iomem(&s, r, ARRAY_SIZE(r), false);
		CHECK(!s.overflow);
		CHECK_STR(text, tree);
	}
}

TEST(iomem_hides_addresses_and_indents_no_further_than_linux)
{
	struct mm_resource r[12];
	char text[2048];
	struct seq_buf s;

	for (unsigned int i = 0; i < 12; i++)
		r[i] = (struct mm_resource){i, 100 - i, "x"};
	seq_buf_init(&s, text, sizeof(text));
	show_iomem(&s, r, 12, true);
	CHECK(str_has_prefix(text, "00000000-00000000 : x\n"
				   "  00000000-00000000 : x\n    0000"));
	CHECK_STR(text + strlen(text) - 16 - 22,
		  "                00000000-00000000 : x\n");
}
