/* SPDX-License-Identifier: MIT */
/*
 * cpio_test.c - archives good and bad.  Each archive lies right before a guard
 * page, so that reading one byte too many faults.
 */
#include "kernel/fs/cpio.c"

#include <quire/printk.h>
#include <quire/slab.h>
#include <quire/vmalloc.h>

#include <arch.h>

#include "test/test.h"

#define AREA (16 * PAGE_SIZE)

struct archive {
	u8 *area;
	u8 *buf; /* its last size bytes */
	size_t size;
	u8 build[8192];
};

static struct archive *archive_new(void)
{
	struct archive *a = vzalloc(sizeof(*a));

	CHECK(a);
	a->area = vmalloc(AREA);
	CHECK(a->area);
	return a;
}

static void archive_free(struct archive *a)
{
	vfree(a->area);
	vfree(a);
}

static void pad(struct archive *a)
{
	while (a->size % 4)
		a->build[a->size++] = 0;
}

static void add_raw(struct archive *a, const char *magic, const char *name,
		    size_t namesize, u32 mode, const char *data, u32 size,
		    u32 check)
{
	char *p = (char *)a->build + a->size;

	scnprintf(p, 111,
		  "%s%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		  magic, 7, mode, 1, 2, 1, 1000, size, 8, 9, 4, 64,
		  (u32)namesize, check);
	a->size += HEADER_SIZE;
	memset(a->build + a->size, 0, namesize);
	memcpy(a->build + a->size, name, min(strlen(name), namesize));
	a->size += namesize;
	pad(a);
	memcpy(a->build + a->size, data, size);
	a->size += size;
	pad(a);
}

static void add(struct archive *a, const char *name, u32 mode, const char *data)
{
	add_raw(a, "070701", name, strlen(name) + 1, mode, data,
		(u32)strlen(data), 0);
}

/* To the end of the guarded area. */
static const u8 *place(struct archive *a, size_t size)
{
	a->buf = a->area + AREA - size;
	/* Entries are aligned to 4 from the archive's start. */
	memcpy(a->buf, a->build, size);
	return a->buf;
}

static enum cpio_result first(struct archive *a)
{
	struct cpio_entry e;
	size_t pos = 0;

	return cpio_next(place(a, a->size), a->size, &pos, &e);
}

TEST(cpio_entries_come_as_they_were_packed)
{
	struct archive *a = archive_new();
	struct cpio_entry e;
	const u8 *buf;
	size_t pos = 0;

	add(a, "dir", 040755, "");
	add(a, "dir/file", 0100644, "hello");
	add(a, "TRAILER!!!", 0, "");
	buf = place(a, a->size);
	CHECK_EQ(cpio_next(buf, a->size, &pos, &e), CPIO_ENTRY);
	CHECK_STR(e.name, "dir");
	CHECK_EQ(e.mode, 040755);
	CHECK_EQ(e.uid, 1);
	CHECK_EQ(e.gid, 2);
	CHECK_EQ(e.mtime, 1000);
	CHECK_EQ(e.rdev_major, 4);
	CHECK_EQ(e.rdev_minor, 64);
	CHECK_EQ(cpio_next(buf, a->size, &pos, &e), CPIO_ENTRY);
	CHECK_EQ(e.name_len, 8);
	CHECK_EQ(e.size, 5);
	CHECK(!memcmp(e.data, "hello", 5));
	CHECK_EQ(cpio_next(buf, a->size, &pos, &e), CPIO_TRAILER);
	CHECK_EQ(cpio_next(buf, a->size, &pos, &e), CPIO_END);
	CHECK_EQ(pos, a->size);
	archive_free(a);
}

TEST(cpio_archives_follow_one_another_with_zeros_between)
{
	struct archive *a = archive_new();
	struct cpio_entry e;
	const u8 *buf;
	size_t pos = 0;

	add(a, "one", 0100644, "1");
	add(a, "TRAILER!!!", 0, "");
	a->size += 512; /* zeros */
	add(a, "two", 0100644, "2");
	buf = place(a, a->size);
	CHECK_EQ(cpio_next(buf, a->size, &pos, &e), CPIO_ENTRY);
	CHECK_EQ(cpio_next(buf, a->size, &pos, &e), CPIO_TRAILER);
	CHECK_EQ(cpio_next(buf, a->size, &pos, &e), CPIO_ENTRY);
	CHECK_STR(e.name, "two");
	CHECK_EQ(cpio_next(buf, a->size, &pos, &e), CPIO_END);
	archive_free(a);
}

TEST(cpio_names_may_be_padded_with_zeros)
{
	struct archive *a = archive_new();
	struct cpio_entry e;
	size_t pos = 0;

	add_raw(a, "070701", "x", 1000, 0100644, "data", 4, 0);
	CHECK_EQ(cpio_next(place(a, a->size), a->size, &pos, &e), CPIO_ENTRY);
	CHECK_EQ(e.name_len, 1);
	CHECK(!memcmp(e.data, "data", 4));
	archive_free(a);
}

TEST(cpio_bad_archives_are_told_apart)
{
	struct archive *a = archive_new();

	memcpy(a->build, "\x1f\x8b\x08\x00", 4); /* gzip */
	a->size = 200;
	CHECK_EQ(first(a), CPIO_BAD_MAGIC);
	a->size = 0;
	add(a, "f", 0100644, "x");
	a->build[20] = 'g';
	CHECK_EQ(first(a), CPIO_BAD_HEADER);
	a->size = 0;
	add_raw(a, "070701", "", 0, 0100644, "", 0, 0);
	CHECK_EQ(first(a), CPIO_BAD_NAME);
	a->size = 0;
	add_raw(a, "070701", "ab", 2, 0100644, "", 0, 0); /* no NUL */
	CHECK_EQ(first(a), CPIO_BAD_NAME);
	a->size = 0;
	add(a, "f", 0100644, "x");
	memcpy(a->build + 6 + 8 * F_NAMESIZE, "FFFFFFFF", 8);
	CHECK_EQ(first(a), CPIO_BAD_NAME);
	a->size = 0;
	add(a, "f", 0100644, "x");
	memcpy(a->build + 6 + 8 * F_FILESIZE, "FFFFFFFF", 8);
	CHECK_EQ(first(a), CPIO_TRUNCATED);
	archive_free(a);
}

TEST(cpio_checksums_are_checked)
{
	struct archive *a = archive_new();

	add_raw(a, "070702", "f", 2, 0100644, "ab", 2, 'a' + 'b');
	CHECK_EQ(first(a), CPIO_ENTRY);
	a->size = 0;
	add_raw(a, "070702", "f", 2, 0100644, "ab", 2, 'a' + 'c');
	CHECK_EQ(first(a), CPIO_BAD_CHECKSUM);
	archive_free(a);
}

TEST(cpio_cut_anywhere_gives_an_error_and_reads_nothing_beyond)
{
	struct archive *a = archive_new();
	struct cpio_entry e;

	add(a, "name", 0100644, "contents");
	for (size_t size = 1; size < a->size; size++) {
		size_t pos = 0;

		CHECK_EQ(cpio_next(place(a, size), size, &pos, &e),
			 CPIO_TRUNCATED);
		CHECK_EQ(pos, 0);
	}
	archive_free(a);
}

/* Whatever an entry says lies within the archive, and there is an end. */
static void check_all(const u8 *buf, size_t size)
{
	struct cpio_entry e;
	size_t pos = 0, last = 0;
	enum cpio_result r;

	while ((r = cpio_next(buf, size, &pos, &e)) == CPIO_ENTRY ||
	       r == CPIO_TRAILER) {
		CHECK(pos > last && pos <= size);
		CHECK((const u8 *)e.name >= buf);
		CHECK((const u8 *)e.name + e.name_len < buf + size);
		CHECK(e.data >= buf && e.size <= size);
		CHECK(e.data + e.size <= buf + size);
		last = pos;
	}
}

TEST(cpio_random_damage_never_leads_outside)
{
	struct archive *a = archive_new();

	add(a, "dir", 040755, "");
	add(a, "dir/file", 0100644, "some contents");
	add(a, "TRAILER!!!", 0, "");
	add(a, "second", 0120777, "target");
	for (int round = 0; round < 20000; round++) {
		static const char digits[] = "0123456789abcdefABCDEF";
		size_t size = a->size - test_random_below(8);
		u8 *buf = (u8 *)place(a, size);

		for (u64 n = test_random_below(6); n; n--)
			buf[test_random_below(size)] =
				test_random_below(2)
					? (u8)digits[test_random_below(22)]
					: (u8)test_random();
		check_all(buf, size);
	}
	archive_free(a);
}
