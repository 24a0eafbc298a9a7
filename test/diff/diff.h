/* SPDX-License-Identifier: MIT */
/*
 * diff.h - random sequences of memory system calls, whose visible results are
 * to be the same on every Linux.
 *
 *	seed ──gen.c──> ops ──main.c──> actors take turns ──exec.c──> one call
 *	                                      └────────────look.c──> what it left
 *
 * All that a call is given follows from the seed: addresses lie in an arena at
 * a fixed place, files are numbers of slots.  All that is printed is free of
 * what may differ: addresses as pages of the arena, processes as actors.
 * Nothing here uses the heap: it belongs to the calls under test.
 */
#ifndef TEST_DIFF_H
#define TEST_DIFF_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PAGE	    4096UL
#define ARENA	    0x100000000000UL
#define ARENA_PAGES 32UL
#define ARENA_END   (ARENA + ARENA_PAGES * PAGE)
#define STAGE	    0x200000000000UL
#define NEAR_PAGES  4096UL /* of what is looked at around the anchor */

#define MAX_OPS	    200
#define NR_FILES    4
#define NR_SHM	    2
#define NR_ACTORS   4
#define TEXT_BYTES  (1U << 20)

/* X(kind, weight, its arguments): exec.c has a function for each. */
/* clang-format off */
#define OP_KINDS(X)                                                       \
	X(mmap_anon, 14)                                                  \
	X(mmap_file, 8)                                                   \
	X(munmap, 7)                                                      \
	X(mprotect, 8)                                                    \
	X(mremap, 7)                                                      \
	X(madvise, 9)                                                     \
	X(mincore, 2)                                                     \
	X(mlock, 3)                                                       \
	X(munlock, 2)                                                     \
	X(mlockall, 1)                                                    \
	X(munlockall, 1)                                                  \
	X(msync, 2)                                                       \
	X(brk, 2)                                                         \
	X(remap_file_pages, 1)                                            \
	X(load, 12)                                                       \
	X(store, 16)                                                      \
	X(memfd, 2)                                                       \
	X(ftruncate, 2)                                                   \
	X(pwrite, 3)                                                      \
	X(pread, 2)                                                       \
	X(fallocate, 2)                                                   \
	X(seal, 1)                                                        \
	X(seek, 1)                                                        \
	X(write_mem, 2)                                                   \
	X(read_mem, 2)                                                    \
	X(close, 1)                                                       \
	X(shmget, 1)                                                      \
	X(shmat, 2)                                                       \
	X(shmdt, 1)                                                       \
	X(shmctl, 1)                                                      \
	X(vm_copy, 2)                                                     \
	X(rlimit, 1)                                                      \
	X(mseal, 1)                                                       \
	X(flags, 2)                                                       \
	X(fork, 2)                                                        \
	X(thread, 1)                                                      \
	X(exit, 1)
/* clang-format on */

enum op_kind {
#define X(kind, weight) OP_##kind,
	OP_KINDS(X)
#undef X
		NR_OP_KINDS
};

struct op {
	enum op_kind kind;
	unsigned int actor;
	uint64_t a[6];
	int nr; /* of them in use */
};

/* What all processes of a sequence share, at a fixed place. */
struct stage {
	uint32_t turn; /* an actor, or CONDUCTOR */
	uint32_t op;   /* what that actor is to do */
	uint32_t done; /* calls */
	pid_t pid[NR_ACTORS];
	uint32_t state[NR_ACTORS];
	uint32_t group[NR_ACTORS]; /* whose memory it has */
	int shm[NR_SHM];
	uint64_t anchor; /* the first address that the system chose */
	bool verbose;
	uint32_t used;
	char text[TEXT_BYTES];
};

#define CONDUCTOR 100U
enum { ACTOR_NONE, ACTOR_LIVE, ACTOR_GONE };

extern struct stage *stage;
extern struct op ops[MAX_OPS];
extern const char *const op_names[NR_OP_KINDS];

/* main.c */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void actor_loop(unsigned int me) __attribute__((noreturn));
/* Which of the kinds the program was told to leave out. */
extern bool left_out[NR_OP_KINDS];

/* gen.c */
void generate(uint64_t seed, unsigned int nr);

/* exec.c */
void perform(const struct op *op, unsigned int me);
void setup_actor(bool thread);
void setup_sequence(uint64_t seed);
/* Run code that may get SIGSEGV or SIGBUS; says which. */
bool load_byte(uint64_t addr, unsigned char *value);
void say_addr(uint64_t addr);
void clean_up(void);

/* look.c */
void look(void);	  /* changes nothing */
void look_smaps(void);	  /* smaps of the areas of interest */
void look_contents(void); /* touches all pages */

#endif
