/* SPDX-License-Identifier: MIT */
/*
 * proc.h - file systems whose files are made when they are read: /proc, /sys.
 *
 * A tree is a table of proc_entry; an entry that is a directory has any of
 *
 *	children   entries of their own, by name
 *	knobs	   a file for each row: a number under /proc/sys
 *	attrs	   a file for each row: a text about the directory's object
 *	dynamic	   a family: processes, threads, descriptors, nodes, caches
 *
 * What lies below a member of a family gets its task, number and object.
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
	const struct mm_knob *knobs;
	const struct mm_attr *attrs;
	/* Files: the text, 0 or -E.  Generators that need no object. */
	void (*text)(struct seq_buf *s);
	int (*show)(struct seq_buf *s, const struct proc_inode *pi);
	/*
	 * Files that can be written: len bytes and a NUL, which may be
	 * changed; the bytes taken, or -E.
	 */
	mm_ssize_t (*store)(const struct proc_inode *pi, char *text,
			    size_t len);
	/* Symlinks: what they stand for, or a text. */
	struct dentry *(*jump)(const struct proc_inode *pi);
	int (*link)(const struct proc_inode *pi, char *buf, size_t size);
	/* Directories with entries besides children. */
	const struct proc_dynamic *dynamic;
	/*
	 * Files that are no text, instead of all above: read, write, llseek.
	 * The inode's object is proc_of(inode).
	 */
	const struct file_operations *fops;
	bool sensitive; /* the task's own and root's business */
	/* Let go of pi->object, which find_name() took; NULL: nothing to do. */
	void (*release)(const struct proc_inode *pi);
};

/* The members of a family: by number behind a prefix, or by name. */
struct proc_dynamic {
	/* The object of this number: fills pi (task referenced); 0 or -E. */
	int (*find)(const struct proc_inode *dir, u32 nr,
		    struct proc_inode *pi);
	/* The lowest number >= nr that exists, or -1. */
	s64 (*next)(const struct proc_inode *dir, u32 nr);
	const struct proc_entry *entry; /* what each of them is */
	const char *prefix;		/* "node" of node0; NULL: none */
	/*
	 * Instead of all the above.  The member of this name: fills pi, its
	 * entry too; 0 or -E.
	 */
	int (*find_name)(const struct proc_inode *dir, const char *name,
			 size_t len, struct proc_inode *pi);
	/*
	 * The member at the lowest position >= nr: its name, and pi as above.
	 * The position, or -1.
	 */
	s64 (*next_name)(const struct proc_inode *dir, u32 nr, char *name,
			 size_t size, struct proc_inode *pi);
};

/* inode->i_private */
struct proc_inode {
	const struct proc_entry *entry;
	struct task_struct *task; /* referenced, or NULL */
	u32 fd;			  /* the number of a family's member */
	void *object;		  /* what attributes are about; the family's
				     member holds it, names below hold that */
	const void *row;	  /* the knob or attribute, or NULL */
};

/* May current look into t?  Root, or the same user for all ids. */
bool proc_may_access(const struct task_struct *t);
struct proc_inode *proc_of(const struct inode *inode);
/* What every file's open begins with: 0, -ESRCH or -EACCES. */
int proc_may_open(struct inode *inode, struct file *file);
/* proc_mem.c: /proc/PID/pagemap, mem; kpagecount, kpageflags. */
extern const struct file_operations pid_pagemap_fops, pid_mem_fops;
extern const struct file_operations kpagecount_fops, kpageflags_fops;
mm_ssize_t pid_clear_refs_store(const struct proc_inode *pi, char *text,
				size_t len);

extern const struct proc_entry proc_root_entries[];  /* proc_misc.c */
extern const struct proc_entry proc_sys_entries[];   /* proc_sys.c */
extern const struct proc_dynamic proc_processes;     /* proc_pid.c */
extern const struct proc_entry sysfs_root_entries[]; /* sysfs.c */
extern const struct proc_dynamic sysfs_slab_family;  /* sysfs_slab.c */

#endif
