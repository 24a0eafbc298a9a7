/* SPDX-License-Identifier: MIT */
/*
 * gen.c - from a seed to a sequence of calls.
 *
 * Every call draws all its random numbers from a stream of its own (seed and
 * place in the sequence), so that leaving some out does not change the others.
 */
#define _GNU_SOURCE
#include "diff.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

struct op ops[MAX_OPS];

static uint64_t state;

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t draw(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint64_t below(uint64_t n)
{
	return draw() % n;
}

static bool one_in(unsigned int n)
{
	return below(n) == 0;
}

#define PICK(array) ((array)[below(sizeof(array) / sizeof((array)[0]))])

/* Mostly a few pages inside the arena; now and then what no call may take. */
static uint64_t draw_addr(void)
{
	uint64_t addr = ARENA + below(ARENA_PAGES) * PAGE;

	if (one_in(40))
		addr += 1 + below(PAGE - 1);
	return addr;
}

static uint64_t draw_len(void)
{
	static const uint64_t odd[] = {
		0, 1, PAGE - 1, PAGE + 1, 1UL << 47, 0UL - PAGE, ~0UL};

	if (one_in(40))
		return PICK(odd);
	return (1 + below(one_in(3) ? 16 : 4)) * PAGE;
}

static int draw_prot(void)
{
	static const int prots[] = {
		PROT_READ | PROT_WRITE,
		PROT_READ | PROT_WRITE,
		PROT_READ | PROT_WRITE,
		PROT_READ,
		PROT_READ,
		PROT_NONE,
		PROT_WRITE,
		PROT_READ | PROT_EXEC,
	};

	return PICK(prots);
}

static int draw_place(void)
{
	static const int places[] = {MAP_FIXED,		  MAP_FIXED, MAP_FIXED,
				     MAP_FIXED_NOREPLACE, 0,	     0};

	return PICK(places);
}

static int draw_extra(void)
{
	static const int extras[] = {0,
				     0,
				     0,
				     0,
				     0,
				     MAP_NORESERVE,
				     MAP_POPULATE,
				     MAP_LOCKED,
				     MAP_STACK,
				     MAP_POPULATE | MAP_NONBLOCK};

	return PICK(extras);
}

static void gen_mmap_anon(struct op *op)
{
	static const int types[] = {MAP_PRIVATE,
				    MAP_PRIVATE,
				    MAP_PRIVATE,
				    MAP_SHARED,
				    MAP_SHARED,
				    MAP_SHARED_VALIDATE,
				    0};

	op->a[0] = one_in(6) ? 0 : draw_addr();
	op->a[1] = draw_len();
	op->a[2] = (uint64_t)draw_prot();
	op->a[3] = (uint64_t)(PICK(types) | MAP_ANONYMOUS | draw_extra());
	if (op->a[0])
		op->a[3] |= (uint64_t)draw_place();
	if (one_in(12))
		op->a[3] |= MAP_GROWSDOWN;
	op->nr = 4;
}

static void gen_mmap_file(struct op *op)
{
	static const int types[] = {MAP_PRIVATE, MAP_PRIVATE, MAP_SHARED,
				    MAP_SHARED, MAP_SHARED_VALIDATE};

	op->a[0] = one_in(6) ? 0 : draw_addr();
	op->a[1] = draw_len();
	op->a[2] = (uint64_t)draw_prot();
	op->a[3] = (uint64_t)(PICK(types) | draw_extra());
	if (op->a[0])
		op->a[3] |= (uint64_t)draw_place();
	op->a[4] = below(NR_FILES);
	op->a[5] = below(8) * PAGE + (one_in(30) ? 1 : 0);
	op->nr = 6;
}

static void gen_range(struct op *op)
{
	op->a[0] = draw_addr();
	op->a[1] = draw_len();
	op->nr = 2;
}

static void gen_munmap(struct op *op)
{
	gen_range(op);
}

static void gen_mprotect(struct op *op)
{
	gen_range(op);
	op->a[2] = (uint64_t)draw_prot();
	if (one_in(20))
		op->a[2] |= PROT_GROWSDOWN;
	if (one_in(40))
		op->a[2] |= PROT_GROWSUP;
	if (one_in(40))
		op->a[2] |= 0x40;
	op->nr = 3;
}

static void gen_mremap(struct op *op)
{
	static const int flags[] = {0,
				    MREMAP_MAYMOVE,
				    MREMAP_MAYMOVE,
				    MREMAP_MAYMOVE | MREMAP_FIXED,
				    MREMAP_MAYMOVE | MREMAP_FIXED,
				    MREMAP_MAYMOVE | MREMAP_DONTUNMAP,
				    MREMAP_MAYMOVE | MREMAP_DONTUNMAP |
					    MREMAP_FIXED,
				    MREMAP_FIXED,
				    8};

	op->a[0] = draw_addr();
	op->a[1] = one_in(12) ? 0 : draw_len();
	op->a[2] = one_in(4) ? op->a[1] : draw_len();
	op->a[3] = (uint64_t)PICK(flags);
	if ((op->a[3] & MREMAP_DONTUNMAP) && !one_in(4))
		op->a[2] = op->a[1];
	op->a[4] = draw_addr();
	op->nr = 5;
}

static void gen_madvise(struct op *op)
{
	/* What exists; 5, 7, 11, 24, 99, 104 are nobody's. */
	static const int advices[] = {0,  1,  2,  3,  4,   4,	4,  5,	7,
				      8,  8,  9,  10, 11,  16,	17, 18, 19,
				      22, 23, 24, 99, 102, 103, 104};

	gen_range(op);
	/* It goes on behind gaps: that would be the stack and the stage. */
	if (op->a[1] == 1UL << 47)
		op->a[1] = PAGE;
	op->a[2] = (uint64_t)PICK(advices);
	op->nr = 3;
}

static void gen_mincore(struct op *op)
{
	gen_range(op);
}

static void gen_mlock(struct op *op)
{
	gen_range(op);
	op->a[2] = below(8) < 5 ? 0 : below(3); /* 0: mlock; mlock2's flags */
	op->a[3] = op->a[2] ? 1 : below(2);
	op->nr = 4;
}

static void gen_munlock(struct op *op)
{
	gen_range(op);
}

static void gen_mlockall(struct op *op)
{
	op->a[0] = below(9);
	op->nr = 1;
}

static void gen_munlockall(struct op *op)
{
	op->nr = 0;
}

static void gen_msync(struct op *op)
{
	gen_range(op);
	op->a[2] = below(9);
	op->nr = 3;
}

static void gen_brk(struct op *op)
{
	op->a[0] = below(16) * PAGE + (one_in(4) ? below(PAGE) : 0);
	op->nr = 1;
}

static void gen_remap_file_pages(struct op *op)
{
	gen_range(op);
	op->a[2] = one_in(8) ? 1 : 0;
	op->a[3] = below(8);
	op->a[4] = one_in(8) ? MAP_NONBLOCK : 0;
	op->nr = 5;
}

static void gen_load(struct op *op)
{
	op->a[0] = ARENA + below(ARENA_PAGES * PAGE);
	op->a[1] = 1 + below(one_in(3) ? 8 : 1); /* pages in a row */
	op->nr = 2;
}

static void gen_store(struct op *op)
{
	gen_load(op);
	op->a[2] = 1 + below(255);
	op->nr = 3;
}

static void gen_memfd(struct op *op)
{
	static const unsigned int flags[] = {
		0, MFD_ALLOW_SEALING, MFD_ALLOW_SEALING | MFD_CLOEXEC, 0x100};

	op->a[0] = below(NR_FILES);
	op->a[1] = PICK(flags);
	op->nr = 2;
}

static void gen_ftruncate(struct op *op)
{
	op->a[0] = below(NR_FILES);
	op->a[1] = below(10) * PAGE + (one_in(3) ? below(PAGE) : 0);
	if (one_in(30))
		op->a[1] = ~0UL;
	op->nr = 2;
}

static void gen_pwrite(struct op *op)
{
	op->a[0] = below(NR_FILES);
	op->a[1] = below(8 * PAGE);
	op->a[2] = one_in(8) ? 0 : below(2 * PAGE);
	op->a[3] = 1 + below(255);
	op->nr = 4;
}

static void gen_pread(struct op *op)
{
	gen_pwrite(op);
	op->nr = 3;
}

static void gen_fallocate(struct op *op)
{
	static const int modes[] = {0,
				    FALLOC_FL_KEEP_SIZE,
				    FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				    FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				    FALLOC_FL_PUNCH_HOLE,
				    0x10 /* ZERO_RANGE */,
				    0x08 /* COLLAPSE_RANGE */,
				    0x80};

	op->a[0] = below(NR_FILES);
	op->a[1] = (uint64_t)PICK(modes);
	op->a[2] = below(8) * PAGE + (one_in(4) ? below(PAGE) : 0);
	op->a[3] = one_in(12) ? 0 : below(6 * PAGE);
	op->nr = 4;
}

static void gen_seal(struct op *op)
{
	op->a[0] = below(NR_FILES);
	op->a[1] = one_in(3) ? 0 : 1UL << below(6);
	op->nr = 2;
}

static void gen_seek(struct op *op)
{
	op->a[0] = below(NR_FILES);
	op->a[1] = below(10 * PAGE);
	op->a[2] = one_in(2) ? SEEK_DATA : SEEK_HOLE;
	op->nr = 3;
}

/* A system call that reads, or writes, the arena: faults in the kernel. */
static void gen_write_mem(struct op *op)
{
	op->a[0] = below(NR_FILES);
	op->a[1] = ARENA + below(ARENA_PAGES * PAGE);
	op->a[2] = below(4 * PAGE);
	op->a[3] = below(8 * PAGE);
	op->nr = 4;
}

static void gen_read_mem(struct op *op)
{
	gen_write_mem(op);
}

static void gen_close(struct op *op)
{
	op->a[0] = below(NR_FILES);
	op->nr = 1;
}

static void gen_shmget(struct op *op)
{
	op->a[0] = below(NR_SHM);
	op->a[1] = one_in(10) ? 0 : (1 + below(8)) * PAGE - below(2);
	op->nr = 2;
}

static void gen_shmat(struct op *op)
{
	static const int flags[] = {0, 0, 010000, 020000, 040000, 0100000};

	op->a[0] = below(NR_SHM);
	op->a[1] = one_in(4) ? 0 : draw_addr();
	op->a[2] = (uint64_t)PICK(flags);
	if (one_in(4))
		op->a[2] |= 020000; /* SHM_RND */
	op->nr = 3;
}

static void gen_shmdt(struct op *op)
{
	op->a[0] = draw_addr();
	op->nr = 1;
}

static void gen_shmctl(struct op *op)
{
	op->a[0] = below(NR_SHM);
	op->a[1] = below(5); /* IPC_STAT, IPC_RMID, SHM_LOCK, SHM_UNLOCK, 99 */
	op->nr = 2;
}

static void gen_vm_copy(struct op *op)
{
	op->a[0] = below(NR_ACTORS);
	op->a[1] = ARENA + below(ARENA_PAGES * PAGE);
	op->a[2] = below(6 * PAGE);
	op->a[3] = below(2); /* read, write */
	op->nr = 4;
}

static void gen_rlimit(struct op *op)
{
	op->a[0] = below(4); /* AS, DATA, STACK, MEMLOCK */
	op->a[1] = one_in(2) ? ~0UL : below(40) * PAGE;
	op->nr = 2;
}

static void gen_mseal(struct op *op)
{
	gen_range(op);
	op->a[2] = one_in(10) ? 1 : 0;
	op->nr = 3;
}

static void gen_flags(struct op *op)
{
	op->nr = 0;
}

static void gen_fork(struct op *op)
{
	op->nr = 0;
}

static void gen_thread(struct op *op)
{
	op->nr = 0;
}

static void gen_exit(struct op *op)
{
	op->a[0] = below(3);
	op->nr = 1;
}

static const struct {
	void (*fn)(struct op *op);
	unsigned int weight;
} gens[NR_OP_KINDS] = {
#define X(kind, weight) {gen_##kind, weight},
	OP_KINDS(X)
#undef X
};

static enum op_kind draw_kind(void)
{
	unsigned int total = 0, k, at;

	for (k = 0; k < NR_OP_KINDS; k++)
		if (!left_out[k])
			total += gens[k].weight;
	at = (unsigned int)below(total);
	for (k = 0; k < NR_OP_KINDS; k++) {
		if (left_out[k])
			continue;
		if (at < gens[k].weight)
			break;
		at -= gens[k].weight;
	}
	return (enum op_kind)k;
}

/* Every sequence begins with something to work on. */
static void furnish(uint64_t seed)
{
	state = seed;
	ops[0] = (struct op){OP_mmap_anon,
			     0,
			     {ARENA + 2 * PAGE, (8 + below(20)) * PAGE,
			      PROT_READ | PROT_WRITE,
			      (one_in(4) ? MAP_SHARED : MAP_PRIVATE) |
				      MAP_ANONYMOUS | MAP_FIXED},
			     4};
	ops[1] = (struct op){OP_memfd, 0, {0, MFD_ALLOW_SEALING}, 2};
	ops[2] = (struct op){OP_ftruncate, 0, {0, 8 * PAGE}, 2};
	ops[3] = (struct op){OP_memfd, 0, {1, 0}, 2};
	ops[4] = (struct op){OP_pwrite, 0, {1, 0, 6 * PAGE + 99, 0x77}, 4};
}

void generate(uint64_t seed, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct op *op = &ops[i];

		state = seed * 1000003 + i;
		draw();
		*op = (struct op){0};
		op->kind = draw_kind();
		op->actor = one_in(2) ? 0 : (unsigned int)below(NR_ACTORS);
		gens[op->kind].fn(op);
	}
	furnish(seed);
}
