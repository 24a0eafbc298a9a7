/* SPDX-License-Identifier: MIT */
/*
 * lockorder.h - the one order in which locks are taken.
 *
 * A processor may take a lock only when its rank is higher than that of every
 * spinlock it holds (lower number first).  With CONFIG_DEBUG_LOCKS spin_lock
 * checks this.  Same-rank nesting needs spin_lock_nested() and a rule of its
 * own, stated where it is done.
 *
 * Sleeping locks come before all spinlocks: rename and mount mutexes, an
 * inode's i_lock, file positions, pipes and terminals, then mmap_lock, because
 * copies to and from programs fault under the former.  With CONFIG_DEBUG_LOCKS
 * whatever may sleep asks might_sleep(), which allows no spinlock.
 */
#ifndef QUIRE_LOCKORDER_H
#define QUIRE_LOCKORDER_H

enum lock_rank {
	LOCK_RANK_NONE, /* not checked */
	/* kernel/: outermost spinlocks */
	LOCK_RANK_TASKLIST, /* process tree */
	LOCK_RANK_SIGHAND,  /* a process's signals */
	LOCK_RANK_FILES,    /* descriptor table */
	LOCK_RANK_FS,	    /* dentries, inodes, mounts */
	LOCK_RANK_PIPE,	    /* one pipe, tty or stream */
	LOCK_RANK_FUTEX,    /* a bucket of waiters; never from interrupts */
	/* mm/ */
	LOCK_RANK_I_MMAP,    /* file rmap: mappings of one file */
	LOCK_RANK_ANON_VMA,  /* from an anonymous page to its space */
	LOCK_RANK_MM,	     /* mm->areas_lock */
	LOCK_RANK_PTL,	     /* one page-table page */
	LOCK_RANK_I_PAGES,   /* page cache of one file */
	LOCK_RANK_VMAP,	     /* vmalloc ranges */
	LOCK_RANK_MEMPOOL,   /* one pool's reserve */
	LOCK_RANK_PERCPU,    /* chunks of alloc_percpu() */
	LOCK_RANK_SLAB_LIST, /* list of caches */
	LOCK_RANK_SLAB_NODE, /* a node's partial slabs */
	LOCK_RANK_SLAB,	     /* one slab page */
	LOCK_RANK_LRU,
	LOCK_RANK_PCP,	/* per-CPU page lists */
	LOCK_RANK_ZONE, /* buddy free lists */
	LOCK_RANK_KMAP, /* places of kmap() */
	/* leaves, also taken from interrupts */
	LOCK_RANK_WAITQ, /* hashed wait queues of the scheduler */
	LOCK_RANK_RQ,	 /* run queues */
	LOCK_RANK_CONSOLE,
	NR_LOCK_RANKS
};

#endif
