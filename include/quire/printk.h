/* SPDX-License-Identifier: MIT */
/*
 * printk.h - formatted text to a buffer, and to the machine's log.
 *
 * Conversions: d i u x X o c s p %, with flags "-0+ #", width, precision, '*',
 * and lengths hh h l ll z t.  Nothing else; no floating point.  The s[c]nprintf
 * family follows Linux's: scnprintf returns what was written.
 */
#ifndef QUIRE_PRINTK_H
#define QUIRE_PRINTK_H

#include <quire/types.h>

int vscnprintf(char *buf, size_t size, const char *fmt, va_list ap);
int scnprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

/* To the log through port->log; at most 511 bytes a call.  Any context. */
void printk(const char *fmt, ...) __printf(1, 2);
void vprintk(const char *fmt, va_list ap);
void panic(const char *fmt, ...) __printf(1, 2) __noreturn;

#if CONFIG_SELFTEST
/* Sees every text; reports begin with "WARNING: " or "BUG".  Any context. */
extern void (*printk_tap)(const char *text);
#endif

/*
 * Report an internal error once per place, with file and line, and go on.
 * Yields the condition, so that the caller can contain the damage.
 */
#define WARN_ON_ONCE(cond)                                                  \
	({                                                                  \
		static bool warned_;                                        \
		bool warn_ = !!(cond);                                      \
		if (unlikely(warn_) &&                                      \
		    !__atomic_exchange_n(&warned_, true, __ATOMIC_RELAXED)) \
			warn_report(__FILE__, __LINE__, #cond);             \
		unlikely(warn_);                                            \
	})
void warn_report(const char *file, int line, const char *what);

/* The machine cannot go on. */
#define BUG_ON(cond)                                                          \
	do {                                                                  \
		if (unlikely(cond))                                           \
			panic("BUG at %s:%d: %s", __FILE__, __LINE__, #cond); \
	} while (0)

/* An assertion of checked builds; not evaluated otherwise. */
#if CONFIG_DEBUG_MM
#define VM_BUG_ON(cond) BUG_ON(cond)
#else
#define VM_BUG_ON(cond) ((void)sizeof(!(cond)))
#endif

#endif
