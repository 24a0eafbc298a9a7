/* SPDX-License-Identifier: MIT */
/*
 * port_lone.c - ready-made services for a machine of one processor.
 *
 * Sleeping on a word that nobody else can change would last for ever: that is
 * reported instead of hanging.
 */
#include <quire/port.h>
#include <quire/printk.h>

void port_lone_wait(const u32 *word, u32 expected)
{
	if (READ_ONCE(*word) == expected)
		panic("port: a lone processor waits for itself");
}

void port_lone_wake(const u32 *word, unsigned int nr)
{
	(void)word;
	(void)nr;
}

void port_lone_yield(void)
{
}

void port_no_pgd_init(void *pgd)
{
	(void)pgd;
}
