/* SPDX-License-Identifier: MIT */
/*
 * cpio.h - reading "newc" cpio archives.
 *
 * Source: cpio(5), Linux's Documentation/driver-api/early-userspace/
 * buffer-format.rst.
 */
#ifndef KERNEL_FS_CPIO_H
#define KERNEL_FS_CPIO_H

#include <quire/types.h>

struct cpio_entry {
	u32 ino, mode, uid, gid, nlink, mtime;
	u32 dev_major, dev_minor, rdev_major, rdev_minor;
	const char *name; /* NUL-terminated, within the archive */
	size_t name_len;
	const u8 *data;
	size_t size;
};

enum cpio_result {
	CPIO_ENTRY,
	CPIO_TRAILER, /* an archive ends, another may follow */
	CPIO_END,     /* nothing but zeros is left */
	CPIO_BAD_MAGIC,
	CPIO_BAD_HEADER, /* not hexadecimal */
	CPIO_BAD_NAME,	 /* empty, too long, not terminated */
	CPIO_TRUNCATED,
	CPIO_BAD_CHECKSUM,
};

/*
 * The entry at *pos into *e; *pos is moved behind it (not on errors).  Touches
 * nothing outside [buf, buf + size) and nothing else at all.
 */
enum cpio_result cpio_next(const u8 *buf, size_t size, size_t *pos,
			   struct cpio_entry *e);
const char *cpio_error_text(enum cpio_result r);

#endif
