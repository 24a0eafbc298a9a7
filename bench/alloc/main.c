/* SPDX-License-Identifier: MIT */
/*
 * main.c - times the allocators' rows, ours beside the peers'.
 *
 *	alloc NAME=LIBRARY...	time all rows (ROWS=text: those that contain
 *				it); LIBRARY is preloaded
 *	alloc --serve ours|peers	a process that is told what to run
 *
 * 1. One process for each allocator stays for the whole run and is asked for
 *    one timing at a time, in turn, so that whatever slows the machine slows
 *    all of them.  A timing takes about a millisecond; the least of ROUNDS
 *    counts, the median is shown beside it.
 * 2. Threads are pinned, start together, and each does the row's whole work;
 *    a timing of two threads ends with the slower.  It follows an untimed
 *    pass of a quarter of the work by the same thread.
 * 3. Instructions are counted by executing them one at a time: the trap flag
 *    raises SIGTRAP after each.  Exact, the same on a busy machine, and without
 *    a processor's counters, which virtual machines often lack.  The loop
 *    around the pair counts for everybody.
 * 4. Nanoseconds per pair include the loop, too.
 */
#define _GNU_SOURCE
#include "bench/alloc/alloc.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 2
#define MAX_SIDES   8
#define MAX_ROUNDS  1000
#define TRAP_FLAG   0x100UL

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- the side that runs rows ---- */

enum order_kind { ORDER_TIME, ORDER_COUNT };

struct order {
	u32 row;
	u32 kind;
};

static struct {
	bool ours;
	int cpus[MAX_THREADS];
	unsigned int nr_cpus;
	struct hands hands[MAX_THREADS] __attribute__((aligned(4096)));
} side;

/* One row, all its threads. */
struct run {
	const struct row *row;
	const struct work *work;
	u32 waiting;
	bool counted; /* ns[] are instructions */
	double ns[MAX_THREADS];
};

static void pin(unsigned int k)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(side.cpus[k], &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void pass(const struct run *r, struct hands *h, unsigned int nr_pairs)
{
	switch (r->row->pattern) {
	case HOT:
		r->work->hot(h, nr_pairs);
		break;
	case BULK:
		r->work->get(h, nr_pairs);
		r->work->put(h, nr_pairs);
		break;
	case RANDOM:
		r->work->replace(h, nr_pairs);
		break;
	}
}

static unsigned long nr_steps;

static void count_step(int sig)
{
	(void)sig;
	nr_steps++;
}

/* Stay out of the red zone below the stack. */
static inline void trap_flag(bool on)
{
	unsigned long flags;

	__asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
			 "pushfq\n\t"
			 "pop %0\n\t"
			 "lea 128(%%rsp), %%rsp"
			 : "=r"(flags)::"memory");
	flags = on ? flags | TRAP_FLAG : flags & ~TRAP_FLAG;
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
			 "push %0\n\t"
			 "popfq\n\t"
			 "lea 128(%%rsp), %%rsp"
			 :
			 : "r"(flags)
			 : "memory", "cc");
}

/* Instructions of nr_counted pairs. */
static double count_pass(const struct run *r, struct hands *h)
{
	struct sigaction action = {.sa_handler = count_step};

	if (sigaction(SIGTRAP, &action, NULL))
		die("sigaction");
	nr_steps = 0;
	trap_flag(true);
	pass(r, h, r->row->nr_counted);
	trap_flag(false);
	return (double)nr_steps;
}

/* All threads leave at the same time. */
static void meet(struct run *r)
{
	__atomic_fetch_sub(&r->waiting, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&r->waiting, __ATOMIC_ACQUIRE))
		;
}

static void run_thread(void *arg, unsigned int k)
{
	struct run *r = arg;
	struct hands *h = &side.hands[k];
	const struct row *row = r->row;
	double start;

	pin(k);
	if (row->pattern == RANDOM)
		r->work->get(h, row->nr_kept);
	/* Bulk: all of it, so that no list grows for the first time. */
	pass(r, h, row->pattern == BULK ? row->nr_pairs : row->nr_pairs / 4);
	meet(r);
	if (r->counted) {
		r->ns[k] = count_pass(r, h);
	} else {
		start = now_ns();
		pass(r, h, row->nr_pairs);
		r->ns[k] = now_ns() - start;
	}
	if (row->pattern == RANDOM)
		r->work->put(h, row->nr_kept);
}

static void *second_thread(void *arg)
{
	run_thread(arg, 1);
	return NULL;
}

/*
 * Nanoseconds of the slower thread, or instructions; -1: not with these
 * processors.
 */
static double run_row(const struct row *row, bool counted)
{
	struct run r = {.row = row, .counted = counted};
	pthread_t second;
	double ns;

	r.work = side.ours ? row->ours : row->peers;
	r.waiting = row->nr_threads;
	if (!r.work || row->nr_threads > side.nr_cpus)
		return -1;
	for (unsigned int k = 0; k < row->nr_threads; k++)
		draw_order(&side.hands[k], k, row->nr_kept ? row->nr_kept : 1);
	if (side.ours) {
		ours_run(row->nr_threads, run_thread, &r);
	} else if (row->nr_threads == 1) {
		run_thread(&r, 0);
	} else {
		if (pthread_create(&second, NULL, second_thread, &r))
			die("pthread_create");
		run_thread(&r, 0);
		pthread_join(second, NULL);
	}
	ns = r.ns[0];
	if (row->nr_threads > 1 && r.ns[1] > ns)
		ns = r.ns[1];
	return ns;
}

static void find_cpus(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		die("sched_getaffinity");
	for (int cpu = 0; cpu < CPU_SETSIZE && side.nr_cpus < MAX_THREADS;
	     cpu++)
		if (CPU_ISSET(cpu, &set))
			side.cpus[side.nr_cpus++] = cpu;
}

/* Orders come on standard input, answers go to standard output. */
static int serve(bool ours)
{
	struct order o;

	side.ours = ours;
	find_cpus();
	if (ours)
		ours_boot(side.nr_cpus);
	while (read(0, &o, sizeof(o)) == sizeof(o)) {
		double ns;

		ns = run_row(&rows[o.row], o.kind == ORDER_COUNT);
		if (write(1, &ns, sizeof(ns)) != sizeof(ns))
			return 1;
	}
	return 0;
}

/* ---- the side that asks ---- */

struct asked {
	char name[32];
	pid_t pid;
	int to, from;
	bool ours;
};

static struct {
	struct asked sides[MAX_SIDES];
	unsigned int nr_sides;
	unsigned int nr_rounds;
	const char *only; /* rows whose names contain it; NULL: all */
} ask;

/* [row][side][round], and instructions per pair */
static double *timings;
static double counts[256][MAX_SIDES];

static double *timing(unsigned int row, unsigned int s)
{
	return timings + (row * MAX_SIDES + s) * ask.nr_rounds;
}

static void start_side(const char *name, const char *library, bool ours)
{
	struct asked *a = &ask.sides[ask.nr_sides++];
	int down[2], up[2];

	snprintf(a->name, sizeof(a->name), "%s", name);
	a->ours = ours;
	if (pipe(down) || pipe(up))
		die("pipe");
	a->pid = fork();
	if (a->pid < 0)
		die("fork");
	if (a->pid == 0) {
		dup2(down[0], 0);
		dup2(up[1], 1);
		for (int fd = 3; fd < 64; fd++)
			close(fd);
		if (*library)
			setenv("LD_PRELOAD", library, 1);
		execl("/proc/self/exe", "alloc", "--serve",
		      ours ? "ours" : "peers", (char *)NULL);
		_exit(127);
	}
	close(down[0]);
	close(up[1]);
	a->to = down[1];
	a->from = up[0];
}

static void give(const struct asked *a, unsigned int row, enum order_kind kind)
{
	struct order o = {.row = row, .kind = kind};

	if (write(a->to, &o, sizeof(o)) != sizeof(o))
		die(a->name);
}

static double answer(const struct asked *a)
{
	double ns;

	if (read(a->from, &ns, sizeof(ns)) != sizeof(ns)) {
		fprintf(stderr, "alloc: %s has ended\n", a->name);
		exit(1);
	}
	return ns;
}

static bool has(unsigned int row, unsigned int s)
{
	if (ask.only && !strstr(rows[row].name, ask.only))
		return false;
	return ask.sides[s].ours || rows[row].peers;
}

/* ---- results ---- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The q-th of 100 smallest, in ns per pair; below 0: none. */
static double quantile(unsigned int row, unsigned int s, unsigned int q)
{
	double *t = timing(row, s);

	if (!has(row, s) || t[0] < 0)
		return -1;
	return t[(ask.nr_rounds - 1) * q / 100] / rows[row].nr_pairs;
}

static void cell(double value, const char *format)
{
	char text[32] = "-";

	if (value >= 0)
		snprintf(text, sizeof(text), format, value);
	printf(" %9s", text);
}

/* The least of the peers', or -1. */
static double best_peer(unsigned int row)
{
	double best = -1;

	for (unsigned int s = 1; s < ask.nr_sides; s++) {
		double ns = quantile(row, s, 0);

		if (ns >= 0 && (best < 0 || ns < best))
			best = ns;
	}
	return best;
}

static void print_row(unsigned int row, unsigned int *nr_goals,
		      unsigned int *nr_met)
{
	const struct row *r = &rows[row];
	double ours = quantile(row, 0, 0), goal = r->goal_ns;

	if (goal == 0)
		goal = best_peer(row);
	printf("%-38s", r->name);
	cell(goal, "%.1f");
	cell(ours, "%.1f");
	cell(quantile(row, 0, 50), "%.1f");
	for (unsigned int s = 1; s < ask.nr_sides; s++)
		cell(quantile(row, s, 0), "%.1f");
	for (unsigned int s = 0; s < ask.nr_sides; s++)
		cell(r->nr_counted && counts[row][s] ? counts[row][s] : -1,
		     "%.0f");
	if (goal >= 0) {
		(*nr_goals)++;
		*nr_met += ours <= goal;
		printf(" %s", ours <= goal ? "ok" : "MISSED");
	}
	putchar('\n');
}

/* What two threads do in the time in which one does its work. */
static void print_pair(unsigned int row, unsigned int *nr_goals,
		       unsigned int *nr_met)
{
	double ours = -1;

	printf("%-38s", rows[row].name);
	cell(rows[row].ours == rows[nr_rows - 1].ours ? -1 : 1.9, "%.2f");
	for (unsigned int s = 0; s < ask.nr_sides; s++) {
		double one = quantile(row - 1, s, 0), two = quantile(row, s, 0);

		cell(two > 0 ? 2 * one / two : -1, "%.2f");
		if (s == 0 && two > 0)
			ours = 2 * one / two;
	}
	if (ours >= 0 && rows[row].ours != rows[nr_rows - 1].ours) {
		(*nr_goals)++;
		*nr_met += ours >= 1.9;
		printf(" %s", ours >= 1.9 ? "ok" : "MISSED");
	}
	putchar('\n');
}

static void head(const char *what, unsigned int nr_ours)
{
	static const char *const names[] = {"goal", "Quire", "median"};

	printf("\n%-38s", what);
	for (unsigned int i = 0; i < 1 + nr_ours; i++)
		printf(" %9s", names[i]);
	for (unsigned int s = 1; s < ask.nr_sides; s++)
		printf(" %9s", ask.sides[s].name);
}

static void print_table(void)
{
	unsigned int nr_goals = 0, nr_met = 0;

	head("one thread, ns per pair, least", 2);
	for (unsigned int s = 0; s < ask.nr_sides; s++) {
		char title[64];

		snprintf(title, sizeof(title), "#%s", ask.sides[s].name);
		printf(" %9.9s", title);
	}
	putchar('\n');
	for (unsigned int i = 0; i < nr_rows; i++)
		if (rows[i].nr_threads == 1 && has(i, 0))
			print_row(i, &nr_goals, &nr_met);
	head("two threads: times the work of one", 1);
	putchar('\n');
	for (unsigned int i = 0; i < nr_rows; i++)
		if (rows[i].nr_threads == 2 && has(i, 0))
			print_pair(i, &nr_goals, &nr_met);
	printf("\n# instructions per pair, with the loop's own.  "
	       "%u of %u at the goal.\n",
	       nr_met, nr_goals);
}

static void measure(void)
{
	for (unsigned int round = 0; round < ask.nr_rounds; round++)
		for (unsigned int i = 0; i < nr_rows; i++)
			for (unsigned int s = 0; s < ask.nr_sides; s++) {
				if (!has(i, s))
					continue;
				give(&ask.sides[s], i, ORDER_TIME);
				timing(i, s)[round] = answer(&ask.sides[s]);
			}
	for (unsigned int i = 0; i < nr_rows; i++)
		for (unsigned int s = 0; s < ask.nr_sides; s++) {
			qsort(timing(i, s), ask.nr_rounds, sizeof(double),
			      by_value);
			if (!has(i, s) || !rows[i].nr_counted)
				continue;
			give(&ask.sides[s], i, ORDER_COUNT);
			counts[i][s] =
				answer(&ask.sides[s]) / rows[i].nr_counted;
		}
}

int main(int argc, char **argv)
{
	const char *rounds = getenv("ROUNDS");

	if (argc == 3 && !strcmp(argv[1], "--serve"))
		return serve(!strcmp(argv[2], "ours"));
	ask.only = getenv("ROWS");
	ask.nr_rounds = rounds ? (unsigned int)atoi(rounds) : 60;
	if (ask.nr_rounds < 1 || ask.nr_rounds > MAX_ROUNDS ||
	    argc > MAX_SIDES || nr_rows > 256) {
		fprintf(stderr,
			"usage: [ROUNDS=n] [ROWS=text] alloc NAME=LIBRARY...\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	find_cpus();
	timings = calloc((size_t)nr_rows * MAX_SIDES * ask.nr_rounds,
			 sizeof(double));
	start_side("Quire", "", true);
	for (int i = 1; i < argc; i++) {
		char *library = strchr(argv[i], '=');

		if (!library || !timings)
			die(argv[i]);
		*library++ = '\0';
		start_side(argv[i], library, false);
	}
	measure();
	print_table();
	return 0;
}
