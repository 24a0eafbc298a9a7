/* SPDX-License-Identifier: MIT */
/*
 * lockdep_test.c - the order of locks: what is allowed, and each breach.
 *
 * A breach stops the machine; only the simulated one survives to tell.
 */
#include "lockdep.c"

#include <quire/string.h>

#include "test/test.h"

static spinlock_t outer = SPINLOCK_INIT(LOCK_RANK_MM);
static spinlock_t inner = SPINLOCK_INIT(LOCK_RANK_ZONE);
static spinlock_t peer = SPINLOCK_INIT(LOCK_RANK_ZONE);
static spinlock_t unranked = SPINLOCK_INIT(LOCK_RANK_NONE);

TEST(lockdep_allows_the_documented_order)
{
	spin_lock(&outer);
	spin_lock(&inner);
	CHECK(lockdep_held(&outer) && lockdep_held(&inner));
	CHECK(!lockdep_held(&peer));
	lockdep_assert_held(&inner);
	/* In any order out. */
	spin_unlock(&outer);
	CHECK(!lockdep_held(&outer) && lockdep_held(&inner));
	spin_unlock(&inner);
	CHECK(!lockdep_held(&inner));
}

TEST(lockdep_allows_what_cannot_deadlock)
{
	spin_lock(&inner);
	spin_lock_nested(&peer);
	/* A trylock does not wait. */
	CHECK(spin_trylock(&outer));
	CHECK(spin_is_locked(&outer));
	spin_unlock(&outer);
	spin_lock(&unranked);
	spin_unlock(&unranked);
	spin_unlock(&peer);
	spin_unlock(&inner);
}

TEST(spin_trylock_that_fails_holds_nothing)
{
	outer.locked = 1;
	CHECK(!spin_trylock(&outer));
	CHECK(!lockdep_held(&outer));
	outer.locked = 0;
}

TEST(spin_lock_irqsave_keeps_interrupts_out)
{
	unsigned long flags, inner_flags;
	bool before = irqs_disabled();

	spin_lock_irqsave(&outer, flags);
	CHECK(irqs_disabled());
	spin_lock_irqsave(&inner, inner_flags);
	spin_unlock_irqrestore(&inner, inner_flags);
	CHECK(irqs_disabled());
	spin_unlock_irqrestore(&outer, flags);
	CHECK_EQ(irqs_disabled(), before);
}

static void count_up(void *arg, unsigned int k)
{
	unsigned long *nr = arg;

	(void)k;
	for (unsigned int i = 0; i < 1000; i++) {
		spin_lock(&outer);
		++*nr;
		spin_unlock(&outer);
	}
}

TEST(spinlock_excludes_processors)
{
	unsigned long nr = 0;
	unsigned int nr_cpus = test_run_on_cpus(4, count_up, &nr);

	CHECK_EQ(nr, 1000 * nr_cpus);
}

#if !defined(QUIRE_METAL)
#include "port/soft/soft.h"

static void wrong_order(void *arg)
{
	(void)arg;
	spin_lock(&inner);
	spin_lock(&outer);
}

static void same_rank(void *arg)
{
	(void)arg;
	spin_lock(&inner);
	spin_lock(&peer);
}

static void taken_twice(void *arg)
{
	spin_lock(arg);
	spin_lock(arg);
}

static void not_held(void *arg)
{
	preempt_disable();
	spin_unlock(arg);
}

static void sleeps_with_a_spinlock(void *arg)
{
	(void)arg;
	might_sleep();
	spin_lock(&outer);
	might_sleep();
}

static void must_be_held(void *arg)
{
	(void)arg;
	lockdep_assert_held(&outer);
}

/* Run fn, which must stop the machine with what in the text. */
static void check_breach(void (*fn)(void *arg), void *arg, const char *what)
{
	char text[200];

	CHECK(soft_catch_panic(fn, arg, text, sizeof(text)));
	CHECK_STR(text, what);
	/* A machine as new. */
	memset(held_locks, 0, sizeof(held_locks));
	lockdep_off = false;
	outer.locked = inner.locked = peer.locked = unranked.locked = 0;
}

TEST_SOFT(lockdep_stops_each_breach)
{
	test_expect_report("BUG: lock order");
	check_breach(wrong_order, NULL, "lock order L1 (rank not above)");
	check_breach(same_rank, NULL, "lock order L1 (rank not above)");
	check_breach(taken_twice, &inner, "lock order L2 (taken twice)");
	check_breach(taken_twice, &unranked, "lock order L2 (taken twice)");
	check_breach(not_held, &outer, "lock order L3 (released, not held)");
	check_breach(sleeps_with_a_spinlock, NULL,
		     "lock order L4 (might sleep)");
	CHECK_EQ(test_expect_end(), 6);
	check_breach(must_be_held, NULL, "BUG: lock &outer must be held here");
}
#endif
