/* SPDX-License-Identifier: MIT */
/*
 * printk.c - text to the machine's log, reports, and the way out.
 *
 * 1. Idea.  A call formats into its own stack and hands one piece to the
 *    port, which keeps pieces whole; nothing here locks or allocates.
 * 2. Reports.  What tells of an internal error begins with "WARNING: " or
 *    "BUG"; a test run fails on any it did not announce (test.h).
 * 3. Failure.  Before mm_init() has named the port, text is lost and panic()
 *    stops the processor.
 */
#include <quire/printk.h>

#include <quire/port.h>
#include <quire/string.h>

#define PRINTK_MAX 512 /* bytes a call, with the NUL */

const struct port_ops *port;

#if CONFIG_SELFTEST
void (*printk_tap)(const char *text);
#endif

void vprintk(const char *fmt, va_list ap)
{
	char text[PRINTK_MAX];
	int len = vscnprintf(text, sizeof(text), fmt, ap);

#if CONFIG_SELFTEST
	if (printk_tap)
		printk_tap(text);
#endif
	if (port)
		port->log(text, (size_t)len);
}

void printk(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintk(fmt, ap);
	va_end(ap);
}

void panic(const char *fmt, ...)
{
	char text[PRINTK_MAX];
	va_list ap;

	va_start(ap, fmt);
	vscnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (port)
		port->panic(text);
	__builtin_trap();
}

void warn_report(const char *file, int line, const char *what)
{
	printk("WARNING: %s:%d: %s\n", file, line, what);
}
