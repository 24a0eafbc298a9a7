/* SPDX-License-Identifier: MIT */
/*
 * cpio.c - finds the entries of "newc" cpio archives.
 *
 * 1. Idea.  A pure decoder: archive and position in, entry and new position
 *    out.  Every length is checked against what is left before it is used, so
 *    that any bytes at all can be given to it.
 *
 *	header: magic 6, then 13 fields of 8 hexadecimal digits    110 bytes
 *	name:   namesize bytes with its NUL; then zeros to a multiple of 4
 *	data:   filesize bytes;              then zeros to a multiple of 4
 *
 * 2. Several archives may follow one another, with zeros between them; each
 *    but the last must end with its trailer.  Offsets for padding count from
 *    the start of the buffer, as archives start at multiples of 4.
 *
 * 3. Names may be followed by further NULs within namesize: writers do that
 *    to align contents.
 */
#include "kernel/fs/cpio.h"

#include <quire/string.h>

#define HEADER_SIZE  110U
#define NAMESIZE_MAX 4096U
static const char trailer[] = "TRAILER!!!";

enum {
	F_INO,
	F_MODE,
	F_UID,
	F_GID,
	F_NLINK,
	F_MTIME,
	F_FILESIZE,
	F_MAJ,
	F_MIN,
	F_RMAJ,
	F_RMIN,
	F_NAMESIZE,
	F_CHKSUM,
	NR_FIELDS
};

static int hex_digit(u8 c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static bool parse_fields(const u8 *p, u32 field[NR_FIELDS])
{
	for (int i = 0; i < NR_FIELDS; i++) {
		u32 v = 0;

		for (int k = 0; k < 8; k++, p++) {
			int d = hex_digit(*p);

			if (d < 0)
				return false;
			v = v << 4 | (u32)d;
		}
		field[i] = v;
	}
	return true;
}

static u32 checksum(const u8 *p, size_t n)
{
	u32 sum = 0;

	while (n--)
		sum += *p++;
	return sum;
}

static size_t skip_zeros(const u8 *buf, size_t size, size_t pos)
{
	while (pos < size && !buf[pos])
		pos++;
	return pos;
}

/* The name: its length, or 0 if it is none. */
static size_t check_name(const u8 *name, size_t namesize)
{
	if (!namesize || namesize > NAMESIZE_MAX || name[namesize - 1])
		return 0;
	return strnlen((const char *)name, namesize);
}

static void to_entry(const u32 f[NR_FIELDS], struct cpio_entry *e)
{
	e->ino = f[F_INO];
	e->mode = f[F_MODE];
	e->uid = f[F_UID];
	e->gid = f[F_GID];
	e->nlink = f[F_NLINK];
	e->mtime = f[F_MTIME];
	e->dev_major = f[F_MAJ];
	e->dev_minor = f[F_MIN];
	e->rdev_major = f[F_RMAJ];
	e->rdev_minor = f[F_RMIN];
	e->size = f[F_FILESIZE];
}

enum cpio_result cpio_next(const u8 *buf, size_t size, size_t *pos,
			   struct cpio_entry *e)
{
	size_t at = skip_zeros(buf, size, *pos), data;
	u32 f[NR_FIELDS];
	bool crc;

	if (at == size) {
		*pos = size;
		return CPIO_END;
	}
	if (at % 4)
		return CPIO_BAD_MAGIC;
	if (size - at < HEADER_SIZE)
		return CPIO_TRUNCATED;
	crc = !memcmp(buf + at, "070702", 6);
	if (!crc && memcmp(buf + at, "070701", 6))
		return CPIO_BAD_MAGIC;
	if (!parse_fields(buf + at + 6, f))
		return CPIO_BAD_HEADER;
	at += HEADER_SIZE;
	if (f[F_NAMESIZE] > size - at)
		return f[F_NAMESIZE] > NAMESIZE_MAX ? CPIO_BAD_NAME
						    : CPIO_TRUNCATED;
	e->name = (const char *)buf + at;
	e->name_len = check_name(buf + at, f[F_NAMESIZE]);
	if (!e->name_len)
		return CPIO_BAD_NAME;
	/* The very last padding may be missing. */
	data = min(ALIGN(at + f[F_NAMESIZE], (size_t)4), size);
	if (f[F_FILESIZE] > size - data)
		return CPIO_TRUNCATED;
	to_entry(f, e);
	e->data = buf + data;
	if (crc && (e->mode & 0170000) == 0100000 &&
	    checksum(e->data, e->size) != f[F_CHKSUM])
		return CPIO_BAD_CHECKSUM;
	*pos = min(ALIGN(data + e->size, (size_t)4), size);
	return strcmp(e->name, trailer) ? CPIO_ENTRY : CPIO_TRAILER;
}

const char *cpio_error_text(enum cpio_result r)
{
	switch (r) {
	case CPIO_BAD_MAGIC:
		return "not a newc cpio archive (is it compressed?)";
	case CPIO_BAD_HEADER:
		return "a header's field is not hexadecimal";
	case CPIO_BAD_NAME:
		return "a name is empty, too long or not terminated";
	case CPIO_TRUNCATED:
		return "it ends in the middle of an entry";
	case CPIO_BAD_CHECKSUM:
		return "a file's checksum is wrong";
	default:
		return "no error";
	}
}
