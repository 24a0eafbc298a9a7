// SPDX-License-Identifier: MIT
/*
 * thread.c - which thread has which heap; the end of a thread; fork.
 *
 * 1. Idea.  A heap outlives its thread: at the thread's end it goes, with all
 *    its pages, onto a list of idle heaps, and the next thread takes it as it
 *    is.  So starting and ending a thread is a list operation, pages of ended
 *    threads are adopted whole, and a remote free never meets a page without
 *    an owner.
 * 2. The end of a thread is seen by the destructor of a pthread key.  Later
 *    destructors may allocate again: then the thread has heap_gone, and the
 *    core serves it.
 * 3. Fork.  Before, every lock is taken; in the child, all are free.  The
 *    heaps of threads that are not in the child may have been in the middle
 *    of anything: they are marked dead and never taken, their pages stay
 *    where they are, and freeing a block in them only queues it.
 * 4. Locking.  heaps_lock for the lists.  Before core.lock and arenas.
 */
#include "internal.h"

#include <pthread.h>

__thread struct heap *heap_mine __attribute__((tls_model("initial-exec"))) =
	&heap_none;

static struct heap main_heap;
static struct heap heap_gone; /* of a thread past its destructor */
static struct heap *all, *idle;
static struct lock heaps_lock;
static pthread_key_t key;
static bool have_key;

static void thread_end(void *arg)
{
	struct heap *h = arg;

	small_flush(h);
	cache_flush(h);
	heap_mine = &heap_gone;
	lock_take(&heaps_lock);
	h->idle = true;
	h->next_idle = idle;
	idle = h;
	lock_drop(&heaps_lock);
}

static struct heap *heap_new(void)
{
	struct heap *h = all ? core_calloc(sizeof(*h)) : &main_heap;

	if (!h)
		return NULL;
	heap_init(h);
	h->next = all;
	all = h;
	return h;
}

struct heap *thread_heap(void)
{
	struct heap *h = heap_mine;

	if (h == &heap_gone || unlikely(opt.hardened))
		return NULL;
	if (h != &heap_none)
		return h;
	lock_take(&heaps_lock);
	h = idle;
	if (h) {
		idle = h->next_idle;
		h->idle = false;
	} else {
		h = heap_new();
	}
	lock_drop(&heaps_lock);
	if (!h)
		return NULL;
	heap_mine = h;
	/* May allocate: the heap is already there. */
	if (have_key)
		pthread_setspecific(key, h);
	return h;
}

struct heap *thread_first_heap(void)
{
	return all;
}

void thread_heaps_lock(void)
{
	lock_take(&heaps_lock);
}

void thread_heaps_unlock(void)
{
	lock_drop(&heaps_lock);
}

static void fork_prepare(void)
{
	lock_take(&heaps_lock);
	core_fork_prepare();
	region_fork_prepare();
	hard_fork_prepare();
	profile_fork_prepare();
}

static void fork_parent(void)
{
	profile_fork_done(false);
	hard_fork_done(false);
	region_fork_done(false);
	core_fork_done(false);
	lock_drop(&heaps_lock);
}

static void fork_child(void)
{
	profile_fork_done(true);
	hard_fork_done(true);
	region_fork_done(true);
	core_fork_done(true);
	heaps_lock.word = 0;
	for (struct heap *h = all; h; h = h->next) {
		if (h != heap_mine && !h->idle)
			h->dead = true;
	}
	if (opt.background)
		background_start();
}

void thread_init(void)
{
	heap_init(&heap_gone);
	have_key = pthread_key_create(&key, thread_end) == 0;
	if (have_key && heap_mine != &heap_none)
		pthread_setspecific(key, heap_mine);
	/* What was allocated until now stays with its heap, as if its thread
	 * had ended. */
	if (opt.watched)
		heap_mine = &heap_none;
	pthread_atfork(fork_prepare, fork_parent, fork_child);
	if (opt.background)
		background_start();
}
