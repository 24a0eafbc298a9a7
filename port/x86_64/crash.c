/* SPDX-License-Identifier: MIT */
/*
 * crash.c - fails on purpose, to show that failures are reported.
 *
 * In the self-test kernel only: crash=HOW on the command line makes the kernel
 * do wrong right before it would go upstairs.  test/crash/crash.sh looks at
 * what is reported, and how the machine ends.
 */
#include <quire/printk.h>
#include <quire/string.h>
#include <quire/vmalloc.h>

#include "port/x86_64/x86.h"

#if CONFIG_SELFTEST

static void crash_read(void)
{
	unsigned long null = 0;

	__asm__ __volatile__("" : "+r"(null)); /* the compiler would object */
	(void)*(volatile int *)(null + 0x10);
}

static void crash_write(void)
{
	*(volatile int *)(PAGE_OFFSET + (1UL << 45)) = 1;
}

static void crash_text(void)
{
	*(volatile char *)crash_read = 1;
}

/* The same text through the direct map. */
static void crash_alias(void)
{
	*(volatile char *)__va(image_pa(crash_read)) = 1;
}

static void crash_exec(void)
{
	void (*data)(void) = (void (*)(void))__va(TRAMPOLINE_PA);

	data();
}

static void crash_divide(void)
{
	__asm__ __volatile__("xorl %%ecx, %%ecx; divl %%ecx"
			     :
			     :
			     : "rax", "rcx", "rdx");
}

static void crash_opcode(void)
{
	__asm__ __volatile__("ud2");
}

static void crash_panic(void)
{
	panic("crash=panic was asked for");
}

static noinline int crash_deeper(int n)
{
	return n ? crash_deeper(n + 1) * 3 + n : 1;
}

static void crash_on_small_stack(void *arg)
{
	(void)arg;
	printk("%d\n", crash_deeper(1));
}

/* On a stack like any thread's, with an unmapped page below. */
static void crash_stack(void)
{
	static struct arch_thread thread;
	char *stack = vmalloc(KERNEL_STACK_SIZE);

	arch_thread_setup_kernel(&thread, (uintptr_t)stack + KERNEL_STACK_SIZE,
				 crash_on_small_stack, NULL);
	/* Nothing is to be finished: jump, as if it had been switched to. */
	x86_adopt_thread(&thread, thread.stack_top);
	__asm__ __volatile__("movq %0, %%rsp; xorl %%edi, %%edi; jmp *%1"
			     :
			     : "r"(thread.sp), "r"(crash_on_small_stack));
	__builtin_unreachable();
}

static const struct {
	const char *how;
	void (*fn)(void);
} ways[] = {
	{"read", crash_read},	  {"write", crash_write},
	{"text", crash_text},	  {"alias", crash_alias},
	{"exec", crash_exec},	  {"divide", crash_divide},
	{"opcode", crash_opcode}, {"panic", crash_panic},
	{"stack", crash_stack},
};

void crash_if_asked(void)
{
	const char *how = x86_cmdline_option("crash");

	for (size_t i = 0; how && i < ARRAY_SIZE(ways); i++)
		if (!strcmp(how, ways[i].how))
			ways[i].fn();
}

#else

void crash_if_asked(void)
{
}

#endif
