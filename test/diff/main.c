/* SPDX-License-Identifier: MIT */
/*
 * main.c - runs sequences: a conductor, and actors that take turns.
 *
 *	diff [-v] [-n CALLS] [-k LIST] [-x KIND]... SEED [COUNT]
 *
 * One line for each sequence: its seed and a sum of all that was seen.  -v
 * prints what was seen, after every call; -k performs only the calls of these
 * numbers (3,5-9); -x leaves calls of a kind out.
 *
 * The conductor holds no memory that a sequence could see and starts each in a
 * process of its own.  An actor that does not answer is told of and killed.
 */
#define _GNU_SOURCE
#include "diff.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_EVERY 10U
#define PATIENCE_S 20
#define FUTEX_WAIT 0 /* linux/futex.h, which musl lacks */
#define FUTEX_WAKE 1
/* What the conductor asks for besides the calls. */
#define OP_LOOK	    1000U
#define OP_CONTENTS 1001U
#define OP_LEAVE    1002U

struct stage *stage;
bool left_out[NR_OP_KINDS];
/* Which calls of the sequence are performed. */
static bool wanted[MAX_OPS];
static unsigned int nr_ops = 50;
const char *const op_names[NR_OP_KINDS] = {
#define X(kind, weight) #kind,
	OP_KINDS(X)
#undef X
};

void say(const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(stage->text + stage->used, TEXT_BYTES - stage->used, fmt,
		      ap);
	va_end(ap);
	stage->used += (uint32_t)n;
	if (stage->used >= TEXT_BYTES)
		stage->used = TEXT_BYTES - 1;
}

/* ---- turns ---- */

static long futex(uint32_t *word, int op, uint32_t value, struct timespec *ts)
{
	return syscall(SYS_futex, word, op, value, ts, NULL, 0);
}

static void give_turn(uint32_t who)
{
	__atomic_store_n(&stage->turn, who, __ATOMIC_SEQ_CST);
	futex(&stage->turn, FUTEX_WAKE, NR_ACTORS + 1, NULL);
}

static bool await_turn(uint32_t who, time_t patience_s)
{
	struct timespec ts = {.tv_sec = patience_s};
	uint32_t now;

	while ((now = __atomic_load_n(&stage->turn, __ATOMIC_SEQ_CST)) != who)
		if (futex(&stage->turn, FUTEX_WAIT, now, &ts) &&
		    errno == ETIMEDOUT)
			return false;
	return true;
}

/* The next call to perform; nr_ops: there is none. */
static uint32_t next_op(uint32_t i)
{
	while (i < nr_ops && !wanted[i])
		i++;
	return i;
}

static uint32_t actor_of(uint32_t op)
{
	uint32_t who = ops[op].actor;

	return stage->state[who] == ACTOR_LIVE ? who : 0;
}

/* Whose turn it is after a call: most of the time no conductor is needed. */
static uint32_t successor(void)
{
	stage->done++;
	stage->op = next_op(stage->op + 1);
	if (stage->op == nr_ops || stage->verbose ||
	    stage->done % LOOK_EVERY == 0)
		return CONDUCTOR;
	return actor_of(stage->op);
}

static void perform_call(unsigned int me)
{
	say("%u ", stage->op);
	perform(&ops[stage->op], me);
}

void actor_loop(unsigned int me)
{
	bool leader = stage->group[me] == me;

	setup_actor(!leader);
	for (;;) {
		uint32_t next = CONDUCTOR;

		/* One that nobody asks any more ends by itself. */
		if (!await_turn(me, 2 * PATIENCE_S))
			_exit(3);
		if (stage->op == OP_LOOK) {
			look();
		} else if (stage->op == OP_CONTENTS) {
			look_contents();
		} else if (stage->op == OP_LEAVE) {
			stage->state[me] = ACTOR_GONE;
		} else {
			perform_call(me);
			next = successor();
		}
		if (stage->state[me] == ACTOR_GONE) {
			give_turn(next);
			syscall(leader ? SYS_exit_group : SYS_exit, 0);
		}
		if (next != me)
			give_turn(next);
	}
}

/* ---- the conductor ---- */

static void kill_all(void)
{
	for (unsigned int i = 0; i < NR_ACTORS; i++)
		if (stage->state[i] != ACTOR_NONE && stage->pid[i] > 0)
			kill(stage->pid[i], SIGKILL);
}

static bool ask(unsigned int who, uint32_t op)
{
	stage->op = op;
	give_turn(who);
	if (await_turn(CONDUCTOR, PATIENCE_S))
		return true;
	say("p%u does not answer\n", who);
	return false;
}

static bool ask_all(uint32_t op)
{
	for (unsigned int i = 0; i < NR_ACTORS; i++) {
		if (stage->state[i] != ACTOR_LIVE)
			continue;
		/* Threads see what their process's first one sees. */
		if (op != OP_LEAVE && stage->group[i] != i)
			continue;
		say(" p%u:\n", i);
		if (!ask(i, op))
			return false;
	}
	return true;
}

/* Threads first: a process's first actor takes them along. */
static void dismiss(void)
{
	for (unsigned int i = NR_ACTORS; i-- > 0;)
		if (stage->state[i] == ACTOR_LIVE && stage->group[i] != i)
			ask(i, OP_LEAVE);
	ask_all(OP_LEAVE);
}

static void conduct(void)
{
	uint32_t op = next_op(0);

	while (op < nr_ops) {
		if (!ask(actor_of(op), op))
			return;
		op = stage->op;
		if ((stage->verbose || op < nr_ops) && !ask_all(OP_LOOK))
			return;
	}
	if (ask_all(OP_LOOK) && ask_all(OP_CONTENTS) && ask_all(OP_LOOK))
		dismiss();
}

static uint64_t sum_up(void)
{
	uint64_t h = 14695981039346656037u;

	for (uint32_t i = 0; i < stage->used; i++)
		h = (h ^ (unsigned char)stage->text[i]) * 1099511628211u;
	return h;
}

static void run(uint64_t seed)
{
	pid_t pid;

	generate(seed, nr_ops);
	memset(stage, 0, offsetof(struct stage, verbose));
	memset(stage->shm, -1, sizeof(stage->shm));
	stage->used = 0;
	stage->turn = CONDUCTOR;
	pid = fork();
	if (pid == 0) {
		setup_sequence(seed);
		actor_loop(0);
	}
	if (pid < 0) {
		perror("diff: fork");
		exit(2);
	}
	stage->pid[0] = pid;
	stage->state[0] = ACTOR_LIVE;
	conduct();
	kill_all();
	clean_up();
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	if (stage->verbose)
		fwrite(stage->text, 1, stage->used, stdout);
	printf("%lu %016lx\n", seed, sum_up());
	fflush(stdout);
}

/* ---- arguments ---- */

static void usage(void)
{
	fputs("usage: diff [-v] [-n CALLS] [-k LIST] [-x KIND]... SEED [COUNT]\n",
	      stderr);
	exit(2);
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (*text == '\0' || *end != '\0')
		usage();
	return n;
}

static void leave_out(const char *name)
{
	for (unsigned int k = 0; k < NR_OP_KINDS; k++)
		if (!strcmp(name, op_names[k])) {
			left_out[k] = true;
			return;
		}
	fprintf(stderr, "diff: no kind %s\n", name);
	exit(2);
}

static void keep(char *list)
{
	char *item;

	memset(wanted, 0, sizeof(wanted));
	while ((item = strsep(&list, ",")) && *item) {
		unsigned int from, to;
		int n = sscanf(item, "%u-%u", &from, &to);

		if (n < 1)
			usage();
		for (to = n == 2 ? to : from; from <= to && from < MAX_OPS;
		     from++)
			wanted[from] = true;
	}
}

int main(int argc, char **argv)
{
	uint64_t seed, count;
	int c;

	memset(wanted, 1, sizeof(wanted));
	stage = mmap((void *)STAGE, sizeof(*stage), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (stage == MAP_FAILED) {
		perror("diff: stage");
		return 2;
	}
	while ((c = getopt(argc, argv, "vn:k:x:")) != -1) {
		if (c == 'v')
			stage->verbose = true;
		else if (c == 'n')
			nr_ops = (unsigned int)number(optarg);
		else if (c == 'k')
			keep(optarg);
		else if (c == 'x')
			leave_out(optarg);
		else
			usage();
	}
	if (optind >= argc || argc - optind > 2 || nr_ops > MAX_OPS)
		usage();
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	signal(SIGPIPE, SIG_DFL);
	seed = number(argv[optind]);
	count = optind + 1 < argc ? number(argv[optind + 1]) : 1;
	while (count--)
		run(seed++);
	return 0;
}
