/* SPDX-License-Identifier: MIT */
/*
 * console.c - the debug port and the first serial port.
 *
 * 1. The log always goes to QEMU's debug port (0xe9), if there is one.  It
 *    also goes to the serial port when the command line has console=ttyS0 and
 *    not quiet.  Reports of a dying kernel go to both, whatever was said.
 * 2. The serial port is a 16550 at 0x3f8, interrupt 4, 115200 8N1.  Output
 *    waits for the line; input comes by interrupt once someone wants it.
 * 3. Locking.  One lock keeps writers apart, taken with interrupts off, a
 *    leaf: a piece of the log is held together, a program's output only by
 *    bursts.
 *
 * Sources: PC16550D data sheet; QEMU's docs (debugcon, isa-serial).
 */
#include <quire/errno.h>
#include <quire/spinlock.h>
#include <quire/string.h>

#include "port/x86_64/x86.h"

#define DEBUGCON_PORT  0xe9
#define COM1	       0x3f8
#define COM1_GSI       4
#define UART_DATA      (COM1 + 0)
#define UART_IER       (COM1 + 1)
#define UART_FCR       (COM1 + 2)
#define UART_LCR       (COM1 + 3)
#define UART_MCR       (COM1 + 4)
#define UART_LSR       (COM1 + 5)
#define UART_SCRATCH   (COM1 + 7)
#define LSR_DATA_READY 0x01
#define LSR_TX_EMPTY   0x20
#define FIFO_BYTES     16

static struct {
	bool has_debugcon;
	bool has_serial;
	bool log_to_serial;
	bool emergency;
	void (*rx)(u8 byte);
	spinlock_t lock;
} me = {.lock = SPINLOCK_INIT(LOCK_RANK_CONSOLE)};

static void serial_init(void)
{
	outb(UART_SCRATCH, 0x5a);
	if (inb(UART_SCRATCH) != 0x5a)
		return;
	outb(UART_IER, 0);
	outb(UART_LCR, 0x80); /* divisor: 115200 / 1 */
	outb(UART_DATA, 1);
	outb(UART_IER, 0);
	outb(UART_LCR, 0x03); /* 8N1 */
	outb(UART_FCR, 0x07); /* FIFOs on and empty */
	outb(UART_MCR, 0x0b); /* DTR, RTS, OUT2: interrupts pass */
	me.has_serial = true;
}

void console_init(void)
{
	me.has_debugcon = inb(DEBUGCON_PORT) == DEBUGCON_PORT;
	serial_init();
}

/* console= may be given more than once; any serial one counts. */
void console_init_late(void)
{
	const char *word;

	for (unsigned int n = 0; (word = x86_cmdline_word(n)); n++)
		if (!strncmp(word, "console=ttyS0", 13))
			me.log_to_serial = true;
	if (x86_cmdline_option("quiet"))
		me.log_to_serial = false;
}

bool x86_serial_present(void)
{
	return me.has_serial;
}

/* Some bytes, as many as the device takes at once. */
static size_t serial_put(const char *text, size_t len)
{
	size_t n = min(len, (size_t)FIFO_BYTES);

	while (!(inb(UART_LSR) & LSR_TX_EMPTY))
		cpu_relax();
	for (size_t i = 0; i < n; i++)
		outb(UART_DATA, (u8)text[i]);
	return n;
}

/* A dying kernel waits for no one: whoever holds the lock may be stopped. */
static unsigned long lock_console(void)
{
	unsigned long flags = local_irq_save();

	if (!me.emergency)
		spin_lock(&me.lock);
	return flags;
}

static void unlock_console(unsigned long flags)
{
	if (!me.emergency)
		spin_unlock(&me.lock);
	local_irq_restore(flags);
}

/* One burst at a time, so that interrupts are not off for long. */
void x86_serial_write(const char *text, size_t len)
{
	while (me.has_serial && len) {
		unsigned long flags = lock_console();
		size_t n = serial_put(text, len);

		unlock_console(flags);
		text += n;
		len -= n;
	}
}

static void debugcon_log(const char *text, size_t len)
{
	__asm__ __volatile__("rep outsb"
			     : "+S"(text), "+c"(len)
			     : "d"(DEBUGCON_PORT)
			     : "memory");
}

/* A terminal wants a carriage return before each line feed. */
static void serial_log(const char *text, size_t len)
{
	while (len) {
		const char *nl = memchr(text, '\n', len);
		size_t n = nl ? (size_t)(nl - text) : len;

		len -= n;
		while (n) {
			size_t done = serial_put(text, n);

			text += done;
			n -= done;
		}
		if (!nl)
			break;
		serial_put("\r\n", 2);
		text++;
		len--;
	}
}

/* port->log: each piece stays in one piece. */
void console_log(const char *text, size_t len)
{
	unsigned long flags = lock_console();

	if (me.has_debugcon)
		debugcon_log(text, len);
	if (me.has_serial && (me.log_to_serial || me.emergency))
		serial_log(text, len);
	unlock_console(flags);
}

void console_emergency(void)
{
	me.emergency = true;
}

static void serial_interrupt(void *arg)
{
	(void)arg;
	while (inb(UART_LSR) & LSR_DATA_READY)
		me.rx(inb(UART_DATA));
}

int x86_serial_set_rx(void (*rx)(u8 byte))
{
	int err;

	if (!me.has_serial)
		return -ENODEV;
	me.rx = rx;
	err = x86_register_irq(COM1_GSI, serial_interrupt, NULL);
	if (err)
		return err;
	outb(UART_IER, 0x01); /* received data */
	return 0;
}
