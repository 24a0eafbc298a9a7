// SPDX-License-Identifier: MIT
/*
 * os.c - what the allocator takes from the system: memory, time, sleep.
 *
 * 1. Idea.  All system calls of the allocator stand here, so that a test can
 *    make each of them fail, and so that none of them changes errno.
 * 2. Locks.  One word: 0 free, 1 held, 2 held with sleepers (Drepper,
 *    "Futexes Are Tricky", mutex 2).  While the process has one thread, they
 *    are not taken: glibc says so in __libc_single_threaded, and only a call
 *    that creates a thread, which none here is, ends that.
 * 3. Failure.  A call that fails has changed nothing.
 */
#include "internal.h"

#include <linux/futex.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/single_threaded.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if CONFIG_MALLOC_CHECK
long os_fail_after = -1;
bool os_fail_all;

static bool fail_now(void)
{
	return os_fail_all || (os_fail_after >= 0 && os_fail_after-- == 0);
}
#else
static bool fail_now(void)
{
	return false;
}
#endif

static void *map(size_t size, int prot, int flags)
{
	int saved = errno;
	void *p = fail_now() ? MAP_FAILED
			     : mmap(NULL, size, prot,
				    MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	errno = saved;
	return p == MAP_FAILED ? NULL : p;
}

void *os_map(size_t size)
{
	return map(size, PROT_READ | PROT_WRITE, 0);
}

void *os_reserve(size_t size, size_t align)
{
	char *p = map(size, PROT_NONE, MAP_NORESERVE);
	char *at;

	if (!p || !((uintptr_t)p & (align - 1)))
		return p;
	os_unmap(p, size);
	p = map(size + align, PROT_NONE, MAP_NORESERVE);
	if (!p)
		return NULL;
	at = (char *)align_up((uintptr_t)p, align);
	if (at > p)
		os_unmap(p, (size_t)(at - p));
	if (at < p + align)
		os_unmap(at + size, (size_t)(p + align - at));
	return at;
}

int os_commit(void *at, size_t size)
{
	int saved = errno;
	int err = fail_now() ? -1 : mprotect(at, size, PROT_READ | PROT_WRITE);

	errno = saved;
	return err;
}

void os_purge(void *at, size_t size)
{
	int saved = errno;

	madvise(at, size, MADV_DONTNEED);
	errno = saved;
}

void os_unmap(void *at, size_t size)
{
	int saved = errno;

	munmap(at, size);
	errno = saved;
}

void os_huge(void *at, size_t size)
{
	int saved = errno;

	madvise(at, size, MADV_HUGEPAGE);
	errno = saved;
}

void os_protect(void *at, size_t size)
{
	int saved = errno;

	mprotect(at, size, PROT_NONE);
	errno = saved;
}

void *os_remap(void *at, size_t old_size, size_t size)
{
	int saved = errno;
	void *p = fail_now() ? MAP_FAILED
			     : mremap(at, old_size, size, MREMAP_MAYMOVE);

	errno = saved;
	return p == MAP_FAILED ? NULL : p;
}

void *os_brk_end(void)
{
	return sbrk(0);
}

int os_brk_set(void *end)
{
	int saved = errno;
	int err = fail_now() ? -1 : brk(end);

	errno = saved;
	return err;
}

uint64_t os_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

unsigned int os_nr_cpus(void)
{
	cpu_set_t set;
	int saved = errno;
	int n = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);

	errno = saved;
	return n > 0 ? (unsigned int)n : 1;
}

unsigned int os_cpu(void)
{
	int cpu = sched_getcpu();

	return cpu < 0 ? 0 : (unsigned int)cpu;
}

bool os_single(void)
{
	return __libc_single_threaded;
}

bool lock_try(struct lock *l)
{
	uint32_t none = 0;

	if (os_single())
		return true;
	return __atomic_compare_exchange_n(&l->word, &none, 1, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

void lock_slow(struct lock *l)
{
	int saved = errno;

	for (int i = 0; i < 100; i++) {
		uint32_t none = 0;

		if (__atomic_compare_exchange_n(&l->word, &none, 1, false,
						__ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return;
		__builtin_ia32_pause();
	}
	while (__atomic_exchange_n(&l->word, 2, __ATOMIC_ACQUIRE) != 0)
		syscall(SYS_futex, &l->word, FUTEX_WAIT_PRIVATE, 2, NULL);
	errno = saved;
}

void unlock_slow(struct lock *l)
{
	int saved = errno;

	syscall(SYS_futex, &l->word, FUTEX_WAKE_PRIVATE, 1);
	errno = saved;
}

void lock_take(struct lock *l)
{
	if (!lock_try(l))
		lock_slow(l);
}

void lock_drop(struct lock *l)
{
	/* 0: it was not taken, as the process had one thread. */
	if (__atomic_load_n(&l->word, __ATOMIC_RELAXED) == 0)
		return;
	if (__atomic_exchange_n(&l->word, 0, __ATOMIC_RELEASE) == 2)
		unlock_slow(l);
}

/* No allocation, no stdio: the heap may be broken. */
static void say(const char *s)
{
	ssize_t n = write(STDERR_FILENO, s, strlen(s));

	(void)n;
}

void os_die(const char *what, const void *ptr)
{
	char line[160];

	snprintf(line, sizeof(line), "quire-malloc: %s: %p\n", what, ptr);
	say(line);
	abort();
}

void os_assert_failed(const char *what, const char *file, int line)
{
	char text[200];

	snprintf(text, sizeof(text), "quire-malloc: %s:%d: %s\n", file, line,
		 what);
	say(text);
	abort();
}
