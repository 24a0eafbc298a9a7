/* SPDX-License-Identifier: MIT */
/*
 * show.h - what users read: the text of /proc and /sys files.
 *
 * A generator writes into a seq_buf, which keeps what fits and remembers that
 * something did not; the caller then tries again with more room.
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

void seq_buf_init(struct seq_buf *s, char *buf, size_t size);
void seq_printf(struct seq_buf *s, const char *fmt, ...) __printf(2, 3);
void seq_puts(struct seq_buf *s, const char *str);
void seq_putc(struct seq_buf *s, char c);

/* Formats of proc(5); task context. */
void show_meminfo(struct seq_buf *s);
void show_buddyinfo(struct seq_buf *s);
void show_zoneinfo(struct seq_buf *s);
void show_vmstat(struct seq_buf *s);
void show_slabinfo(struct seq_buf *s);
void show_vmallocinfo(struct seq_buf *s);
void show_pid_maps(struct seq_buf *s, struct mm_struct *mm);
void show_pid_smaps(struct seq_buf *s, struct mm_struct *mm);
void show_pid_statm(struct seq_buf *s, struct mm_struct *mm);
/* The Vm*, Rss* lines of /proc/PID/status. */
void show_pid_status_mm(struct seq_buf *s, struct mm_struct *mm);

#endif
