/* SPDX-License-Identifier: MIT */
/*
 * kstack.c - kernel stacks, kept for the next thread.
 *
 * 1. Stacks lie in vmalloc space, so that the hole before each catches an
 *    overflow.  The stack of a thread that has ended is kept by its CPU: the
 *    common fork maps nothing.  What a CPU has too many of goes to the
 *    others, or back to vmalloc when somebody waits for a child.
 * 2. Bound: STACKS_KEPT a CPU and SPARE_STACKS_KEPT in all, after each wait.
 * 3. Locking.  A CPU's own are touched by itself with interrupts off; the
 *    spare ones have a lock.
 */
#include <quire/percpu.h>
#include <quire/topology.h>
#include <quire/vmalloc.h>
#include <quire/vmstat.h>

#include "kernel/task.h"

#define STACK_KIB	  ((long)(KERNEL_STACK_SIZE >> 10))
#define STACKS_KEPT	  1 /* per CPU: of the last thread that ended there */
#define SPARE_STACKS_KEPT 1

struct free_stack {
	struct free_stack *next;
};

struct stack_cache {
	struct free_stack *first;
	unsigned int nr;
};

static DEFINE_PER_CPU(struct stack_cache, stack_caches);

/* What a CPU has too many of: for the others, or to be freed. */
static struct {
	spinlock_t lock;
	struct stack_cache list;
} spare_stacks = {.lock = SPINLOCK_INIT(LOCK_RANK_WAITQ)};

static void push_stack(struct stack_cache *c, void *stack)
{
	struct free_stack *s = stack;

	s->next = c->first;
	c->first = s;
	c->nr++;
}

static void *pop_stack(struct stack_cache *c)
{
	struct free_stack *s = c->first;

	if (s) {
		c->first = s->next;
		c->nr--;
	}
	return s;
}

static void *pop_spare_stack(unsigned int keep)
{
	void *stack = NULL;
	unsigned long flags;

	if (READ_ONCE(spare_stacks.list.nr) <= keep)
		return NULL;
	spin_lock_irqsave(&spare_stacks.lock, flags);
	if (spare_stacks.list.nr > keep)
		stack = pop_stack(&spare_stacks.list);
	spin_unlock_irqrestore(&spare_stacks.lock, flags);
	return stack;
}

void trim_stacks(void)
{
	void *stack;

	while (unlikely((stack = pop_spare_stack(SPARE_STACKS_KEPT))))
		vfree(stack);
}

/* Each of its pages counts where it is. */
static void account_stack(const char *stack, long sign)
{
	const char *end = stack + KERNEL_STACK_SIZE;

	if (nr_node_ids == 1)
		return mod_node_stat(0, NST_nr_kernel_stack, sign * STACK_KIB);
	for (; stack < end; stack += PAGE_SIZE)
		mod_page_stat(vmalloc_to_page(stack), NST_nr_kernel_stack,
			      sign * (long)(PAGE_SIZE >> 10));
}

void *kernel_stack_alloc(void)
{
	unsigned long flags = local_irq_save();
	void *stack = pop_stack(this_cpu_ptr(&stack_caches));

	local_irq_restore(flags);
	if (!stack)
		stack = pop_spare_stack(0);
	if (!stack)
		stack = vmalloc(KERNEL_STACK_SIZE);
	if (stack)
		account_stack(stack, 1);
	return stack;
}

/* Any context but interrupts that could take the lock: schedule()'s end. */
void kernel_stack_free(void *stack)
{
	unsigned long flags = local_irq_save();
	struct stack_cache *c = this_cpu_ptr(&stack_caches);

	account_stack(stack, -1);
	if (c->nr < STACKS_KEPT) {
		push_stack(c, stack);
	} else {
		spin_lock(&spare_stacks.lock);
		push_stack(&spare_stacks.list, stack);
		spin_unlock(&spare_stacks.lock);
	}
	local_irq_restore(flags);
}

void release_thread_stack(struct task_struct *t)
{
	kernel_stack_free(t->stack);
	t->stack = NULL;
}

void drain_stack_cache(void)
{
	unsigned long flags;
	void *stack;

	for (;;) {
		flags = local_irq_save();
		stack = pop_stack(this_cpu_ptr(&stack_caches));
		local_irq_restore(flags);
		if (!stack)
			stack = pop_spare_stack(0);
		if (!stack)
			return;
		vfree(stack);
	}
}
