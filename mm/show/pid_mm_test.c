/* SPDX-License-Identifier: MIT */
/*
 * pid_mm_test.c - the texts of /proc/PID/maps and its relatives, to the byte.
 */
#include "mm/show/pid_mm.c"

#include <quire/errno.h>
#include <quire/pagemap.h>

#include "test/test.h"

#define TEXT_ROOM 16384
static char text[TEXT_ROOM];

/* A named memory file: "a\nb" in a directory. */
static struct address_space named_mapping;
static void named_get(struct vm_file *vf)
{
	(void)vf;
}

static int named_mmap(struct vm_file *vf, struct vm_area_struct *vma)
{
	(void)vf;
	vma->vm_ops = &shmem_vm_ops;
	return 0;
}

static void named_describe(struct vm_file *vf, struct vm_file_desc *desc)
{
	(void)vf;
	*desc = (struct vm_file_desc){8, 17, 4711};
}

static int named_path(struct vm_file *vf, char *buf, size_t size)
{
	(void)vf;
	return strscpy(buf, "/dir/a\nb", size) < 0 ? -ENAMETOOLONG : 8;
}

static const struct vm_file_ops named_ops = {
	.get = named_get,
	.put = named_get,
	.mmap = named_mmap,
	.describe = named_describe,
	.path = named_path,
};

static struct vm_file named = {&named_ops, &named_mapping, true, true, true};

static struct mm_struct *sample_mm(void)
{
	struct mm_struct *mm = mm_alloc();
	unsigned long fixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	unsigned long rw = PROT_READ | PROT_WRITE;

	CHECK(mm);
	address_space_init(&named_mapping, NULL);
	CHECK_EQ(shmem_write(&named_mapping, 0, "0123", 4), 4);
	CHECK_EQ(vm_mmap(mm, &named, 0x400000, 0x2000, PROT_READ | PROT_EXEC,
			 MAP_PRIVATE | MAP_FIXED, 1),
		 0x400000);
	mm->start_code = 0x400000;
	mm->end_code = 0x401234;
	mm->start_brk = 0x600000;
	mm->brk = 0x600000;
	CHECK_EQ(vm_brk(mm, 0x603000), 0x603000);
	CHECK_EQ(vm_mmap(mm, NULL, 0x7f0000000000, 0x1000, PROT_NONE, fixed, 0),
		 0x7f0000000000);
	CHECK_EQ(vm_mmap(mm, NULL, 0x7fff00000000, 0x21000, rw,
			 fixed | MAP_GROWSDOWN, 0),
		 0x7fff00000000);
	mm->start_stack = 0x7fff00020ff0;
	return mm;
}

static void sample_end(struct mm_struct *mm)
{
	mmput(mm);
	shmem_evict(&named_mapping);
}

TEST(maps_has_linux_format_and_names)
{
	struct mm_struct *mm = sample_mm();
	struct seq_buf s;

	seq_buf_init(&s, text, sizeof(text));
	show_pid_maps(&s, mm);
	CHECK(!s.overflow);
	CHECK_STR(text, "00400000-00402000 r-xp 00001000 08:11 4711"
			"                               /dir/a\\012b\n"
			"00600000-00603000 rw-p 00000000 00:00 0"
			"                                  [heap]\n"
			"7f0000000000-7f0000001000 ---p 00000000 00:00 0 \n"
			"7fff00000000-7fff00021000 rw-p 00000000 00:00 0"
			"                          [stack]\n");
	sample_end(mm);
}

/* With less room it says so, whatever it has to cut; never writes beyond. */
TEST(maps_asks_for_more_room)
{
	struct mm_struct *mm = sample_mm();
	struct seq_buf s;
	size_t full;

	seq_buf_init(&s, text, sizeof(text));
	show_pid_maps(&s, mm);
	full = s.len;
	for (size_t size = 1; size <= full; size++) {
		text[size] = 'Q';
		seq_buf_init(&s, text, size);
		show_pid_maps(&s, mm);
		CHECK(s.overflow);
		CHECK_EQ(text[size], 'Q');
		CHECK_EQ(strlen(text), s.len);
	}
	sample_end(mm);
}

static unsigned long value_of(const char *key)
{
	const char *at = text;
	size_t n = strlen(key);
	unsigned long value = 0;

	while (*at && strncmp(at, key, n))
		at++;
	CHECK(*at);
	for (at += n; *at == ' ' || *at == '\t'; at++)
		;
	for (; *at >= '0' && *at <= '9'; at++)
		value = value * 10 + (unsigned long)(*at - '0');
	return value;
}

TEST(smaps_tells_shared_from_private_and_dirty_from_clean)
{
	struct mm_struct *mm = sample_mm(), *child;
	char byte = 1;
	struct seq_buf s;

	/* Two heap pages, one of which the child also has. */
	CHECK_EQ(access_remote_vm(mm, 0x600000, &byte, 1, true), 1);
	child = dup_mm(mm);
	CHECK(!IS_ERR(child));
	CHECK_EQ(access_remote_vm(mm, 0x601000, &byte, 1, true), 1);
	vm_munmap(mm, 0x400000, 0x2000);
	seq_buf_init(&s, text, sizeof(text));
	show_pid_smaps(&s, mm);
	CHECK(!s.overflow);
	CHECK_EQ(value_of("Size:"), 12);
	CHECK_EQ(value_of("Rss:"), 8);
	CHECK_EQ(value_of("Pss:"), 6);
	CHECK_EQ(value_of("Shared_Dirty:"), 4);
	CHECK_EQ(value_of("Private_Dirty:"), 4);
	CHECK_EQ(value_of("Anonymous:"), 8);
	CHECK_EQ(value_of("Swap:"), 0);
	mmput(child);
	sample_end(mm);
}

TEST(statm_and_status_show_the_same_memory)
{
	struct mm_struct *mm = sample_mm();
	char byte = 1;
	struct seq_buf s;

	CHECK_EQ(access_remote_vm(mm, 0x600000, &byte, 1, true), 1);
	seq_buf_init(&s, text, sizeof(text));
	show_pid_statm(&s, mm);
	CHECK_STR(text, "39 1 0 2 0 36 0\n");
	seq_buf_init(&s, text, sizeof(text));
	show_pid_status_mm(&s, mm);
	CHECK_EQ(value_of("VmPeak:"), 156);
	CHECK_EQ(value_of("VmSize:"), 156);
	CHECK_EQ(value_of("VmRSS:"), 4);
	CHECK_EQ(value_of("RssAnon:"), 4);
	CHECK_EQ(value_of("VmData:"), 12);
	CHECK_EQ(value_of("VmStk:"), 132);
	CHECK_EQ(value_of("VmExe:"), 8);
	CHECK_EQ(value_of("VmLib:"), 0);
	CHECK_GE(value_of("VmPTE:"), 4);
	sample_end(mm);
}
