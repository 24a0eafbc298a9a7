/* SPDX-License-Identifier: MIT */
/*
 * soft.h - a machine inside one process: declared memory, processors, MMU.
 *
 * A process holds one machine; who wants a fresh one forks.  Every call is for
 * the test or program that owns the machine, on one of its processors unless
 * said otherwise.
 */
#ifndef PORT_SOFT_SOFT_H
#define PORT_SOFT_SOFT_H

#include <quire/port.h>
#include <quire/types.h>

#include <arch.h>

struct mm_struct;

enum soft_mode {
	SOFT_THREADS, /* processors are threads that run at once */
	SOFT_SEEDED,  /* one runs at a time; the seed says which */
};

enum soft_replacement {
	SOFT_TLB_LRU,
	SOFT_TLB_FIFO,
	SOFT_TLB_RANDOM,
};

struct soft_tlb_geometry {
	unsigned int entries; /* 0: 64 */
	unsigned int ways;    /* 0: 4; a divisor of entries */
	enum soft_replacement replacement;
};

/* What the machine is made of; zero means the default. */
struct soft_layout {
	const struct mem_range *ranges; /* default: 64 MiB, soft.c */
	unsigned int nr_ranges;
	unsigned int nr_cpus;  /* 8 */
	unsigned int nr_nodes; /* 1 */
	const u8 *distances;
	const u8 *cpu_to_node; /* all on node 0 */
	/*
	 * Frames from here on are ZONE_HIGHMEM (0: none) and not in the direct
	 * map; rounded down to 4 MiB.  Needs CONFIG_HIGHMEM.
	 */
	phys_addr_t highmem_start;
	u64 seed; /* soft_default_seed */
	enum soft_mode mode;
	unsigned int levels; /* 4; 2 to 5 */
	u64 vmalloc_bytes;   /* 256 MiB; a power of two */
	struct soft_tlb_geometry tlb;
	const char *cmdline; /* parameters of the memory manager */
};

extern u64 soft_default_seed;

/*
 * soft_boot - make the machine of layout (NULL: the default) and bring up the
 * memory manager on it.  The calling thread is processor 0 from then on.
 * Once in a process; panics on a layout that cannot be.
 */
void soft_boot(const struct soft_layout *layout);

/*
 * soft_run - run fn(arg, k) on processors k = 0 .. nr-1 at once and return
 * when all have returned; k = 0 on the caller, which must be processor 0.
 * nr is cut to the processors there are.  The number run.
 */
unsigned int soft_run(unsigned int nr, void (*fn)(void *arg, unsigned int k),
		      void *arg);

/*
 * soft_catch_panic - run fn(arg) and tell whether it panicked; the text goes
 * to text.  Locks and half-made changes stay as the panic left them.
 */
bool soft_catch_panic(void (*fn)(void *arg), void *arg, char *text,
		      size_t size);

/* ---- accesses of a simulated program (mmu.c) ---- */

/* The signal that an access ends with, as siginfo tells it. */
struct soft_trap {
	int sig;
	int code;
	unsigned long addr;
};

/*
 * Access len bytes at addr as user code of mm would, on this processor: TLB,
 * page tables, mm_fault().  0, or the signal (SIGKILL: no memory), described
 * in *trap if not NULL; bytes before the faulting page are done.
 */
int soft_load(struct mm_struct *mm, unsigned long addr, void *buf, size_t len,
	      struct soft_trap *trap);
int soft_store(struct mm_struct *mm, unsigned long addr, const void *buf,
	       size_t len, struct soft_trap *trap);
/* An instruction fetch of len bytes. */
int soft_fetch(struct mm_struct *mm, unsigned long addr, void *buf, size_t len,
	       struct soft_trap *trap);

struct soft_tlb_stats {
	u64 hits;
	u64 misses;
	u64 evictions;	 /* valid entries replaced by others */
	u64 flushes;	 /* flush_tlb_range() calls made here */
	u64 shootdowns;	 /* other processors interrupted for them */
	u64 invalidated; /* entries dropped by flushes */
	u64 faults;	 /* calls of mm_fault() */
};

/* Counted by one processor, or (SOFT_ALL_CPUS) by all. */
#define SOFT_ALL_CPUS (~0U)
struct soft_tlb_stats soft_tlb_stats(unsigned int cpu);
/* Entries held for mm now (NULL: for anyone). */
unsigned int soft_tlb_held(unsigned int cpu, const struct mm_struct *mm);
/* Does cpu hold a translation of addr? */
bool soft_tlb_has(unsigned int cpu, const struct mm_struct *mm,
		  unsigned long addr);

/*
 * Every translation held for mm agrees with its tables; panics naming both
 * sides otherwise.  Nothing else may run.
 */
void soft_tlb_validate(const struct mm_struct *mm);

/* ---- between the files of this folder ---- */

void soft_cpu_init(u64 seed, unsigned int nr_cpus);
void soft_wait(const u32 *word, u32 expected);
void soft_wake(const u32 *word, unsigned int nr);
void soft_yield(void);
void soft_sched_point(void);
void soft_relax(void);
u64 soft_steps(void);
u64 soft_random(void);
/* Is more than one processor running? */
bool soft_is_concurrent(void);

void soft_mmu_init(const struct soft_tlb_geometry *geometry, u64 seed,
		   unsigned int nr_cpus);
void soft_flush_tlb_one(unsigned long addr);
void soft_flush_user(struct mm_struct *mm, unsigned long start,
		     unsigned long end, bool freed_tables);

#endif
