/* SPDX-License-Identifier: MIT */
/*
 * proc.h - file systems whose files are made when they are read: /proc, /sys.
 *
 * A tree is a table of proc_entry; an entry with children is a directory.
 * Entries below a process's directory get its task.
 */
#ifndef KERNEL_FS_PROC_H
#define KERNEL_FS_PROC_H

#include <quire/show.h>
#include <quire/types.h>

#include "kernel/fs.h"

struct task_struct;
struct proc_inode;

struct proc_entry {
	const char *name; /* NULL ends a table */
	u32 mode;	  /* type and permissions */
	const struct proc_entry *children;
	/* Files: the text, 0 or -E.  Generators that need no object. */
	void (*text)(struct seq_buf *s);
	int (*show)(struct seq_buf *s, const struct proc_inode *pi);
	/* Files that can be written: a whole, NUL-terminated text; 0 or -E. */
	int (*store)(const struct proc_inode *pi, char *text);
	/* Symlinks: what they stand for, or a text. */
	struct dentry *(*jump)(const struct proc_inode *pi);
	int (*link)(const struct proc_inode *pi, char *buf, size_t size);
	/* Directories with entries besides children. */
	const struct proc_dynamic *dynamic;
	bool sensitive; /* the task's own and root's business */
};

/* Numbered entries: processes, threads, descriptors. */
struct proc_dynamic {
	/* The object of this number: fills pi (task referenced); 0 or -E. */
	int (*find)(const struct proc_inode *dir, u32 nr,
		    struct proc_inode *pi);
	/* The lowest number >= nr that exists, or -1. */
	s64 (*next)(const struct proc_inode *dir, u32 nr);
	const struct proc_entry *entry; /* what each of them is */
};

/* inode->i_private */
struct proc_inode {
	const struct proc_entry *entry;
	struct task_struct *task; /* referenced, or NULL */
	u32 fd;
};

/* May current look into t?  Root, or the same user for all ids. */
bool proc_may_access(const struct task_struct *t);

extern const struct proc_entry proc_root_entries[];  /* proc_misc.c */
extern const struct proc_dynamic proc_processes;     /* proc_pid.c */
extern const struct proc_entry sysfs_root_entries[]; /* sysfs.c */

#endif
