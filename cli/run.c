/* SPDX-License-Identifier: MIT */
/*
 * run.c - quire run: an unmodified program in a machine of its own.
 *
 * Everything that can be wrong is looked at before anything is started, in
 * this order: options, program, files to pack, QEMU and kernel, memory.  The
 * guest gets the program at its own absolute path, the working directory (its
 * path, not its files), what --file names, and a minimal environment; see
 * archive.c for how, and include/quire/run_proto.h for /.quire/run.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include <quire/run_proto.h>

#define GUEST_PATH \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct run {
	struct machine m;
	struct pump_options pump;
	char **files, **env;
	size_t nr_files, nr_env;
	const char *log;
	bool dry_run;
	char **argv; /* the program's */
	struct program program;
};

static const struct option options[] = {
	{"memory", required_argument, NULL, 'm'},
	{"cpus", required_argument, NULL, 'c'},
	{"numa", required_argument, NULL, 'N'},
	{"numa-distance", required_argument, NULL, 'D'},
	{"accel", required_argument, NULL, 'A'},
	{"cpu", required_argument, NULL, 'C'},
	{"icount", no_argument, NULL, 'i'},
	{"append", required_argument, NULL, 'a'},
	{"verbose", no_argument, NULL, 'v'},
	{"file", required_argument, NULL, 'f'},
	{"env", required_argument, NULL, 'e'},
	{"timeout", required_argument, NULL, 't'},
	{"log", required_argument, NULL, 'l'},
	{"dry-run", no_argument, NULL, 'n'},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static void add_string(char ***list, size_t *nr, char *s)
{
	*list = xrealloc(*list, (*nr + 1) * sizeof(**list));
	(*list)[(*nr)++] = s;
}

/* K=V; K alone takes our value. */
static void add_env(struct run *r, const char *arg)
{
	const char *value;

	if (!*arg || *arg == '=')
		die(STATUS_OURS, "--env '%s': has no name", arg);
	if (strchr(arg, '=')) {
		add_string(&r->env, &r->nr_env, xstrdup(arg));
		return;
	}
	value = getenv(arg);
	if (!value)
		die(STATUS_OURS, "--env %s: not set here", arg);
	add_string(&r->env, &r->nr_env, xasprintf("%s=%s", arg, value));
}

/* False: only help was asked for, and given. */
static bool decode_options(struct run *r, int argc, char **argv)
{
	int c;

	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:m:vh", options, NULL)) != -1) {
		if (machine_option(&r->m, c, optarg))
			continue;
		switch (c) {
		case 'f':
			add_string(&r->files, &r->nr_files, optarg);
			break;
		case 'e':
			add_env(r, optarg);
			break;
		case 't':
			if (!parse_seconds(optarg, &r->pump.timeout_ms))
				die(STATUS_OURS,
				    "--timeout %s: must be 0.001 to 1e9 "
				    "seconds",
				    optarg);
			break;
		case 'l':
			r->log = optarg;
			break;
		case 'n':
			r->dry_run = true;
			break;
		case 'h':
			say_usage("run");
			return false;
		case ':':
			die(STATUS_OURS, "%s needs a value; see quire help run",
			    argv[optind - 1]);
		default:
			die(STATUS_OURS,
			    "unknown option %s; see quire help run",
			    argv[optind - 1]);
		}
	}
	r->argv = argv + optind;
	if (!r->argv[0])
		die(STATUS_OURS, "which program? See quire help run");
	return true;
}

/* ---- what the guest is told ---- */

static bool env_is_set(const struct run *r, const char *name)
{
	size_t i, len = strlen(name);

	for (i = 0; i < r->nr_env; i++)
		if (!strncmp(r->env[i], name, len) && r->env[i][len] == '=')
			return true;
	return false;
}

static void tell(struct buffer *b, const char *key, const char *value)
{
	buffer_add(b, key, strlen(key));
	buffer_add(b, "=", 1);
	buffer_add(b, value, strlen(value) + 1);
}

static void tell_env(const struct run *r, struct buffer *b, const char *name,
		     const char *value)
{
	char *s;

	if (!value || env_is_set(r, name))
		return;
	s = xasprintf("%s=%s", name, value);
	tell(b, "env", s);
	free(s);
}

/* /.quire/run */
static void describe(const struct run *r, const char *cwd, struct buffer *b)
{
	unsigned int mask = terminal_mask();
	unsigned short rows, cols;
	char text[32];
	size_t i;

	snprintf(text, sizeof(text), "%u", mask);
	tell(b, "tty", text);
	tell(b, "cwd", cwd);
	if (terminal_size(&rows, &cols)) {
		snprintf(text, sizeof(text), "%u,%u", rows, cols);
		tell(b, "winsize", text);
	}
	tell(b, "arg", r->program.path);
	for (i = 1; r->argv[i]; i++)
		tell(b, "arg", r->argv[i]);
	tell_env(r, b, "PATH", GUEST_PATH);
	tell_env(r, b, "HOME", "/root");
	tell_env(r, b, "PWD", cwd);
	if (mask)
		tell_env(r, b, "TERM", getenv("TERM"));
	for (i = 0; i < r->nr_env; i++)
		tell(b, "env", r->env[i]);
}

/* HOST or HOST:/GUEST */
static void pack_file(struct archive *a, const char *arg)
{
	const char *colon = strrchr(arg, ':');
	char *host;

	if (!colon || colon[1] != '/') {
		archive_host(a, arg);
		return;
	}
	host = xasprintf("%.*s", (int)(colon - arg), arg);
	archive_host_as(a, host, colon + 1);
	free(host);
}

static void make_initramfs(struct run *r)
{
	static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n";
	static const char group[] = "root:x:0:\n";
	static const char *const dirs[] = {"/dev", "/proc", "/sys",
					   "/run", "/etc",  "/var"};
	struct archive *a = archive_new();
	struct buffer told = {0};
	char cwd[PATH_MAX];
	size_t i;

	if (!getcwd(cwd, sizeof(cwd)))
		die(STATUS_OURS, "working directory: %s", strerror(errno));
	archive_host(a, r->program.path);
	if (r->program.interpreter)
		archive_host(a, r->program.interpreter);
	for (i = 0; i < r->nr_files; i++)
		pack_file(a, r->files[i]);
	if (r->program.loader && !archive_has(a, r->program.loader))
		die(STATUS_CANNOT_RUN,
		    "%s: a dynamic program, which wants %s: give it that and "
		    "its libraries with --file, or link it with -static",
		    r->program.path, r->program.loader);
	/* What the user did not name: the first to come stays (A2). */
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		archive_dir(a, dirs[i], 0755);
	archive_dir(a, "/root", 0700);
	archive_dir(a, "/tmp", 01777);
	archive_dir(a, cwd, 0755);
	archive_data(a, "/etc/passwd", 0644, passwd, sizeof(passwd) - 1);
	archive_data(a, "/etc/group", 0644, group, sizeof(group) - 1);
	if (archive_has(a, "/.quire"))
		die(STATUS_OURS, "--file: /.quire is the command's own");
	describe(r, cwd, &told);
	archive_data(a, "/.quire/run", 0600, told.data, told.len);
	r->m.initrd = archive_finish(a, &r->m.initrd_size);
	free(told.data);
}

static void open_log(struct run *r)
{
	static const char *const names[] = {"auto", "kvm", "tcg"};

	r->pump.log_file = -1;
	if (r->log && !r->dry_run) {
		r->pump.log_file = open(
			r->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (r->pump.log_file < 0)
			die(STATUS_OURS, "%s: %s", r->log, strerror(errno));
		dprintf(r->pump.log_file, "quire: accelerator %s: %s\n",
			names[r->m.accel], r->m.why);
	}
	if (r->m.verbose)
		note("accelerator %s: %s", names[r->m.accel], r->m.why);
}

int cmd_run(int argc, char **argv)
{
	struct run r = {.m = MACHINE_DEFAULTS};

	r.m.console = true;
	if (!decode_options(&r, argc, argv))
		return 0;
	program_find(r.argv[0], &r.program);
	make_initramfs(&r);
	machine_prepare(&r.m);
	open_log(&r);
	if (r.dry_run) {
		machine_print(&r.m);
		return 0;
	}
	r.pump.raw = terminal_mask() & 1;
	return pump(&r.m, &r.pump);
}
