/* SPDX-License-Identifier: MIT */
/*
 * cli.h - what the files of the `quire` command share.
 *
 *	main.c		the table of verbs, --version, help
 *	run.c		quire run: options, order of the checks
 *	selftest.c	quire selftest
 *	program.c	which file a name means, and whether it can run
 *	archive.c	the initramfs, made in memory
 *	machine.c	QEMU: where it is, its command line, starting it
 *	numa.c		the machine's nodes
 *	pump.c		bytes, signals and time while the machine runs
 *	terminal.c	raw mode and its end
 *	util.c		messages, sizes, memory
 *
 * The command is a single process with one thread.  What cannot go on calls
 * die(), which leaves nothing behind: there are no temporary files, the
 * terminal is restored at exit, and QEMU dies with its parent.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <quire/config.h>

/* Exit statuses that are not the program's: those of env(1), timeout(1). */
enum {
	STATUS_TIMED_OUT = 124,
	STATUS_OURS = 125,	 /* the command itself failed */
	STATUS_CANNOT_RUN = 126, /* found, but not executable */
	STATUS_NOT_FOUND = 127,
	STATUS_SIGNAL = 128, /* plus the signal's number */
};

/* ---- util.c ---- */
void die(int status, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), noreturn));
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void *xmalloc(size_t size);
void *xrealloc(void *old, size_t size);
char *xstrdup(const char *s);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* "64", "64M", "1G": bytes; a bare number counts MiB.  False: not a size. */
bool parse_size(const char *text, uint64_t *bytes);
bool parse_uint(const char *text, unsigned long min, unsigned long max,
		unsigned long *value);
/* Seconds with a fraction, at least a millisecond; in milliseconds. */
bool parse_seconds(const char *text, int64_t *ms);
int64_t now_ms(void);
/* The absolute form of path, "." and ".." removed by name; to be freed. */
char *absolute_path(const char *path);

/* A growing run of bytes; head bytes of it are used up already. */
struct buffer {
	char *data;
	size_t len, cap, head;
};
void buffer_add(struct buffer *b, const void *data, size_t len);
void buffer_drop(struct buffer *b, size_t len);
static inline size_t buffer_size(const struct buffer *b)
{
	return b->len - b->head;
}

/* ---- program.c ---- */
struct program {
	char *path;	   /* absolute, as the user named it */
	char *interpreter; /* of a #! script, else NULL */
	char *loader;	   /* what a dynamic program wants, else NULL */
};
/* Find name as a shell would and make sure it can run, or die(). */
void program_find(const char *name, struct program *p);

/* ---- archive.c ---- */
struct archive;
struct archive *archive_new(void);
/* A directory and those above it. */
void archive_dir(struct archive *a, const char *path, unsigned int mode);
/* The host's file or tree at the same path, symbolic links kept. */
void archive_host(struct archive *a, const char *path);
/* The host's file or tree, at another path. */
void archive_host_as(struct archive *a, const char *path, const char *as);
/* A file made of bytes; data stays the caller's and must live on. */
void archive_data(struct archive *a, const char *path, unsigned int mode,
		  const void *data, size_t size);
bool archive_has(struct archive *a, const char *path);
/* Write it all: a memory file to be inherited by QEMU.  Frees a. */
int archive_finish(struct archive *a, uint64_t *size);

/* ---- numa.c ---- */
struct numa_node {
	uint64_t memory; /* bytes */
	uint64_t cpus;	 /* bit k: processor k */
};

struct numa {
	unsigned int nr; /* 0: the machine has no nodes */
	struct numa_node nodes[MAX_NUMNODES];
	uint8_t distance[MAX_NUMNODES][MAX_NUMNODES]; /* 0: not given */
};
/* An argument of --numa, of --numa-distance; or die(). */
void numa_add_node(struct numa *numa, const char *arg);
void numa_add_distance(struct numa *numa, const char *arg);
/* Does it all fit together?  The nodes' memory, in bytes; or die(). */
uint64_t numa_check(struct numa *numa, unsigned long nr_cpus);
/* After numa_check(). */
unsigned int numa_distance(const struct numa *numa, unsigned int from,
			   unsigned int to);
/* ",cpus=0-1,cpus=3-3", QEMU's form; to be freed. */
char *numa_cpus_text(const struct numa_node *node);

/* ---- machine.c ---- */
enum accel { ACCEL_AUTO, ACCEL_KVM, ACCEL_TCG };

struct machine {
	uint64_t memory; /* bytes; 0: the nodes', or 256 MiB */
	unsigned long cpus;
	struct numa numa;
	enum accel accel;
	bool icount;
	bool verbose;
	const char *cpu;    /* NULL: by the accelerator */
	const char *append; /* more kernel arguments, or NULL */
	const char *kernel_name;
	int initrd; /* descriptor, or -1 */
	uint64_t initrd_size;
	bool console; /* with the run protocol's device */

	/* filled by machine_prepare() */
	char *qemu, *kernel;
	const char *why; /* for the choice of the accelerator */

	/* filled by machine_start() */
	pid_t pid;
	int run_fd, log_fd; /* our ends; run_fd -1 without console */
	int err_fd;	    /* what QEMU itself said */
};
#define MACHINE_DEFAULTS                                             \
	{                                                            \
		.cpus = 1, .kernel_name = "quire.elf", .initrd = -1, \
		.run_fd = -1, .log_fd = -1, .err_fd = -1             \
	}

/* The options that run and selftest have in common: true if it was one. */
bool machine_option(struct machine *m, int c, const char *arg);
/* Find QEMU and the kernel, choose the accelerator, check, or die(). */
void machine_prepare(struct machine *m);
/* QEMU's command line on stdout, quoted for a shell. */
void machine_print(struct machine *m);
void machine_start(struct machine *m);
/* Print what QEMU itself complained about; true if there was anything. */
bool machine_complaint(struct machine *m);

/* ---- terminal.c ---- */
/* Which of descriptors 0..2 are terminals, as a mask. */
unsigned int terminal_mask(void);
bool terminal_size(unsigned short *rows, unsigned short *cols);
void terminal_raw(void);
void terminal_restore(void);

/* ---- pump.c ---- */
struct pump_options {
	int64_t timeout_ms; /* 0: none */
	int log_file;	    /* descriptor, or -1 */
	bool raw;	    /* stdin is a terminal, put into raw mode */
	bool show_log;	    /* the log is the output (selftest) */
};
/* Run to the end; the status to exit with. */
int pump(struct machine *m, const struct pump_options *o);

/* ---- verbs ---- */
int cmd_run(int argc, char **argv);
int cmd_selftest(int argc, char **argv);
/* What `quire help VERB` says; 0. */
int say_usage(const char *verb);

#endif
