/* SPDX-License-Identifier: MIT */
/*
 * main.c - the quire command: its verbs, its version, its help.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include <quire/version.h>

struct verb {
	const char *name;
	const char *summary;
	const char *usage;
	int (*fn)(int argc, char **argv);
};

static int cmd_help(int argc, char **argv);

#define MACHINE_HELP                                                           \
	"  -m SIZE           memory: 64M, 1G; a bare number is MiB [256M]\n"   \
	"  --cpus N          processors [1]\n"                                 \
	"  --numa SIZE[,cpus=LIST]  a node: its memory and processors, such\n" \
	"                    as 128M,cpus=0,2-3; once for each node\n"         \
	"  --numa-distance A,B=N  how far node A is from B, 11 to 254 [20]\n"  \
	"  --accel WHICH     auto, kvm or tcg [auto]\n"                        \
	"  --cpu MODEL       QEMU's processor model [tcg: max, kvm: host]\n"   \
	"  --icount          count instructions: the same run every time\n"    \
	"  --append ARGS     more kernel arguments\n"                          \
	"  --timeout SECONDS end the machine after that, with status 124\n"    \
	"  -v, --verbose     say on stderr which accelerator was chosen\n"     \
	"  -h, --help        say this\n"

static const struct verb verbs[] = {
	{"run", "run a Linux program on Quire's memory manager",
	 "usage: quire run [OPTION]... [--] PROGRAM [ARGUMENT]...\n"
	 "\n"
	 "Boots a machine of its own for PROGRAM, an unmodified x86-64 Linux\n"
	 "program (static; or with its libraries given by --file), and passes\n"
	 "on stdin, stdout, stderr, signals, the working directory's name and\n"
	 "the exit status.\n"
	 "\n" MACHINE_HELP
	 "  --file HOST[:GUEST]  give the guest a file or a directory tree\n"
	 "  --env NAME=VALUE  set in the program's environment; NAME alone\n"
	 "                    takes the value it has here\n"
	 "  --log FILE        write the kernel's log there\n"
	 "  --dry-run         print QEMU's command line and do not run it\n"
	 "\n"
	 "Status: the program's; 128+n if signal n killed it; 124 timed out;\n"
	 "125 quire failed; 126 cannot be executed; 127 not found.\n"
	 "^C goes to the program; a second one within a second ends the "
	 "machine.\n",
	 cmd_run},
	{"selftest", "run the library's unit tests in the booted kernel",
	 "usage: quire selftest [OPTION]... [PATTERN]\n"
	 "\n"
	 "Runs the tests whose names contain PATTERN, or all.\n"
	 "\n" MACHINE_HELP "\n"
	 "Status: 0 all passed; 1 some failed; 124 timed out; 125 quire or the\n"
	 "kernel failed.\n",
	 cmd_selftest},
	{"help", "say what a verb does", "usage: quire help [VERB]\n",
	 cmd_help},
};

#define NR_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static void usage(FILE *to)
{
	size_t i;

	fputs("usage: quire VERB [OPTION]... [ARGUMENT]...\n"
	      "       quire --version\n\n",
	      to);
	for (i = 0; i < NR_VERBS; i++)
		fprintf(to, "  %-10s%s\n", verbs[i].name, verbs[i].summary);
	fputs("\nTry: quire run -- /bin/busybox sh\n"
	      "     quire help run\n",
	      to);
}

static const struct verb *find_verb(const char *name)
{
	size_t i;

	for (i = 0; i < NR_VERBS; i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	die(STATUS_OURS, "no such verb: %s; see quire help", name);
}

int say_usage(const char *verb)
{
	fputs(find_verb(verb)->usage, stdout);
	return 0;
}

static int cmd_help(int argc, char **argv)
{
	if (argc > 1)
		return say_usage(argv[1]);
	usage(stdout);
	return 0;
}

/* Descriptors 0 to 2 must be taken, or others would be mistaken for them. */
static void open_standard(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

int main(int argc, char **argv)
{
	int status;

	open_standard();
	if (argc < 2) {
		usage(stderr);
		return STATUS_OURS;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("quire " QUIRE_VERSION);
		return 0;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		usage(stdout);
		return 0;
	}
	status = find_verb(argv[1])->fn(argc - 1, argv + 1);
	if (fflush(stdout))
		die(STATUS_OURS, "stdout: cannot be written");
	return status;
}
