/* SPDX-License-Identifier: MIT */
/*
 * show.h - what users read and set: the texts of /proc and /sys files.
 *
 * A generator writes into a seq_buf, which keeps what fits and remembers that
 * something did not; the caller then tries again with more room.
 *
 * What can be set is declared once, in tables: a knob is a number, or a vector
 * of them, with its bounds; an attribute is a text about one object.  Whoever
 * offers files walks the tables; tests call them directly.
 */
#ifndef QUIRE_SHOW_H
#define QUIRE_SHOW_H

#include <quire/types.h>

struct mm_struct;

struct seq_buf {
	char *buf;
	size_t size;
	size_t len;
	bool overflow;
};

/*
 * seq_buf_init - an empty text in buf, of size bytes with its NUL.
 * seq_printf (conversions: quire/printk.h), seq_puts, seq_putc add to it; once
 * something did not fit, or just so, overflow is set and stays.
 * Context: any.  buf is the caller's.
 */
void seq_buf_init(struct seq_buf *s, char *buf, size_t size);
void seq_printf(struct seq_buf *s, const char *fmt, ...) __printf(2, 3);
void seq_puts(struct seq_buf *s, const char *str);
void seq_putc(struct seq_buf *s, char c);
/* nr bits as Linux prints masks: "3", "00000000,0000000f"; no newline. */
void seq_bitmap(struct seq_buf *s, const unsigned long *map, unsigned int nr);
/* Their numbers: "0-1,4"; nothing when none is set. */
void seq_bitmap_list(struct seq_buf *s, const unsigned long *map,
		     unsigned int nr);

/*
 * One text file about an object: a sysfs attribute.  A table of them ends with
 * a NULL name.  Both functions run in task context, may sleep, and are called
 * with no lock held; the caller keeps the object alive meanwhile.
 */
struct mm_attr {
	const char *name;
	u16 mode; /* 0444, 0644, 0200 ...; writing is root's */
	/* The text, with its newline; 0 or -E.  NULL: cannot be read. */
	int (*show)(struct seq_buf *s, void *object);
	/*
	 * A whole write, NUL-terminated, the newline still there; may be
	 * changed.  0, or -E and nothing has changed.  NULL: cannot be written.
	 */
	int (*store)(void *object, char *text);
};

#define MM_KNOB_NR_MAX 8 /* numbers in the longest vector */

/*
 * One number or vector under /proc/sys.  A table of them ends with a NULL name.
 * Context as for attributes.
 */
struct mm_knob {
	const char *name; /* "min_free_kbytes" */
	u16 mode;	  /* 0644, or 0444 without set() */
	u8 nr;		  /* numbers in the vector, 1 for most */
	s64 min, max;	  /* both allowed, for each number */
	/* Fills up to nr values; how many there are now. */
	int (*get)(s64 *values);
	/*
	 * The first nr numbers, 1 .. knob->nr, are within the bounds; the
	 * others stay.  0, or -E and nothing has changed.
	 */
	int (*set)(const s64 *values, unsigned int nr);
};

/* mm/show/knobs.c: /proc/sys/vm, by name. */
extern const struct mm_knob vm_knobs[];

/*
 * mm/show/node_attrs.c: /sys/devices/system/node, about all nodes (object NULL),
 * and nodeN below it, about one.  What tells of processors' being online is
 * the kernel's.
 */
extern const struct mm_attr nodes_attrs[];
extern const struct mm_attr node_attrs[];
/* The object of node_attrs for 0 <= nid < nr_node_ids; for ever. */
void *node_attrs_object(int nid);

/* mm/show/slab_attrs.c: the files of /sys/kernel/slab/CACHE; a kmem_cache. */
extern const struct mm_attr kmem_cache_attrs[];

/* The numbers with tabs between and a newline, as Linux's proc_dointvec. */
void mm_knob_show(const struct mm_knob *knob, struct seq_buf *s);
/*
 * Sets the knob from len bytes of text, which a NUL follows.  Numbers are
 * separated by spaces, tabs or newlines, decimal or with 0x or 0 in front; fewer
 * than the vector has set its first ones.  Returns the bytes taken, which are
 * fewer than len when something follows the last number; -EINVAL, nothing
 * changed: no number, a malformed one, one out of bounds; -EPERM: cannot be set;
 * or what set() says.
 */
mm_ssize_t mm_knob_store(const struct mm_knob *knob, const char *text,
			 size_t len);

/* A range of physical addresses, both ends in it, and whose it is. */
struct mm_resource {
	phys_addr_t start, last;
	char name[28];
};

/*
 * /proc/iomem: nr resources as a tree, those within others indented.  Sorts
 * resources[].  With hidden set the addresses are zeroes.
 */
void show_iomem(struct seq_buf *s, struct mm_resource *resources,
		unsigned int nr, bool hidden);

/*
 * show_meminfo - the whole file below /proc of that name, as proc(5) says.
 * Context: task, no spinlocks; may sleep.  Those of a process take mmap_lock
 *   for reading; the caller holds the mm (mm_users).
 * Errors: what does not fit is cut off, and s->overflow set.
 */
void show_meminfo(struct seq_buf *s);
void show_buddyinfo(struct seq_buf *s);
void show_pagetypeinfo(struct seq_buf *s);
void show_zoneinfo(struct seq_buf *s);
void show_vmstat(struct seq_buf *s);
void show_slabinfo(struct seq_buf *s);
void show_vmallocinfo(struct seq_buf *s);
void show_pid_maps(struct seq_buf *s, struct mm_struct *mm);
void show_pid_smaps(struct seq_buf *s, struct mm_struct *mm);
void show_pid_statm(struct seq_buf *s, struct mm_struct *mm);
void show_pid_smaps_rollup(struct seq_buf *s, struct mm_struct *mm);
/*
 * /proc/PID/pagemap: the entries of nr pages from start on, which is a page's
 * first byte; with frame numbers for who may know them.  Takes mmap_lock.
 */
void pid_pagemap(struct mm_struct *mm, unsigned long start, unsigned long nr,
		 u64 *entries, bool show_pfn);
/* /proc/PID/clear_refs: 0, or -EINVAL for what is not kept. */
enum clear_refs {
	CLEAR_REFS_ALL = 1,
	CLEAR_REFS_ANON,
	CLEAR_REFS_MAPPED,
	CLEAR_REFS_SOFT_DIRTY,
	CLEAR_REFS_MM_HIWATER_RSS,
};
int pid_clear_refs(struct mm_struct *mm, enum clear_refs what);
/* kpagecount, kpageflags of any frame number. */
u64 frame_mapcount(unsigned long pfn);
u64 frame_flags(unsigned long pfn);
/* The Vm*, Rss* lines of /proc/PID/status. */
void show_pid_status_mm(struct seq_buf *s, struct mm_struct *mm);

#endif
