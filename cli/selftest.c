/* SPDX-License-Identifier: MIT */
/*
 * selftest.c - quire selftest: the library's unit tests in the booted kernel.
 *
 * The kernel that has the tests linked in (quire-selftest.elf) runs those
 * whose names contain PATTERN and writes their results to its log, which is
 * this verb's output.  The kernel argument is "selftest" or
 * "selftest=PATTERN"; the machine's end says whether all passed.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

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
	{"timeout", required_argument, NULL, 't'},
	{"help", no_argument, NULL, 'h'},
	{0},
};

int cmd_selftest(int argc, char **argv)
{
	struct machine m = MACHINE_DEFAULTS;
	struct pump_options o = {.log_file = -1, .show_log = true};
	int c;

	m.kernel_name = "quire-selftest.elf";
	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:m:vh", options, NULL)) != -1) {
		if (machine_option(&m, c, optarg))
			continue;
		if (c == 'h')
			return say_usage("selftest");
		if (c != 't')
			die(STATUS_OURS,
			    "%s: unknown or without its value; see quire help "
			    "selftest",
			    argv[optind - 1]);
		if (!parse_seconds(optarg, &o.timeout_ms))
			die(STATUS_OURS,
			    "--timeout %s: must be 0.001 to 1e9 seconds",
			    optarg);
	}
	if (argc - optind > 1)
		die(STATUS_OURS, "at most one pattern; see quire help "
				 "selftest");
	if (argv[optind] && strpbrk(argv[optind], " \t\""))
		die(STATUS_OURS, "a pattern is part of a test's name");
	m.append = xasprintf("selftest%s%s%s%s", argv[optind] ? "=" : "",
			     argv[optind] ? argv[optind] : "",
			     m.append ? " " : "", m.append ? m.append : "");
	machine_prepare(&m);
	if (m.verbose)
		note("accelerator: %s", m.why);
	return pump(&m, &o);
}
