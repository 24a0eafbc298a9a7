/* SPDX-License-Identifier: MIT */
/*
 * time.c - the clock (time stamp counter), the wall clock, and timers.
 *
 * 1. The clock is TSC ticks since entry times a fixed-point factor:
 *
 *	ns = (tsc - tsc0) * mult >> 32
 *
 *    All processors' counters run together, as virtual machines give them.
 *    Until the rate is known, mult is that of an impossibly fast processor, so
 *    that the clock only ever jumps forward.
 * 2. The rate is asked for (CPUID 0x15; the hypervisor's 0x40000010), else
 *    measured against the ACPI timer or the PIT.  A measurement is two edges
 *    of the reference's counter, each caught between two TSC readings; their
 *    distance is the error, so the span measured is ERROR_RATIO times that:
 *    milliseconds where a port access is slow, microseconds under -icount.
 *    The span is used for booting; only what is missing of it is waited for.
 * 3. Each processor's APIC timer is set for the nearer of its next tick and
 *    the deadline asked for, one shot at a time.
 * 4. Locking: everything but the calibration is per processor, interrupts off.
 *
 * Sources: Intel SDM volume 3B, 18.7; ACPI 4.8.3.3; 82C54 and MC146818 data
 * sheets.
 */
#include <quire/printk.h>

#include "port/x86_64/x86.h"

#define NSEC_PER_SEC 1000000000ULL
#define TICK_NS	     (NSEC_PER_SEC / HZ)
#define MIN_DELTA_NS 1000ULL
#define MAX_DELTA_NS (2 * NSEC_PER_SEC) /* re-armed: fits the counter */
#define FASTEST_HZ   16000000000ULL
#define ERROR_RATIO  2000
#define MAX_SPAN_MS  5
#define SLOWEST_HZ   500000000ULL /* no TSC counts more slowly */
#define PM_TIMER_HZ  3579545
#define PIT_HZ	     1193182

struct reference {
	u32 (*read)(void);
	u32 mask;
	u32 hz;
};

struct edge {
	u64 tsc;
	u64 width; /* between the readings around it */
	u32 count;
};

static struct {
	u64 tsc0;
	u64 mult; /* ns per tick, 32 fraction bits */
	u64 tsc_hz;
	u64 apic_hz;
	u64 apic_mult; /* APIC ticks per ns, 32 fraction bits */
	u64 start_realtime_ns;
	struct reference ref;
	struct edge first;
	u32 apic_first;
	u64 apic_first_tsc;
} me;

static u64 mul_shift32(u64 a, u64 b)
{
	return (u64)((unsigned __int128)a * b >> 32);
}

/* a * b / c, for results that fit; the compiler's 128-bit division would be a
 * library call. */
static u64 mul_div(u64 a, u64 b, u64 c)
{
	u64 quotient, rest;

	__asm__("mulq %3\n\tdivq %4"
		: "=a"(quotient), "=&d"(rest)
		: "0"(a), "rm"(b), "rm"(c)
		: "cc");
	return quotient;
}

u64 x86_time_ns(void)
{
	return mul_shift32(rdtsc() - me.tsc0, me.mult);
}

u64 x86_start_realtime_ns(void)
{
	return me.start_realtime_ns;
}

u64 x86_tsc_khz(void)
{
	return me.tsc_hz / 1000;
}

static void set_tsc_rate(u64 hz)
{
	me.tsc_hz = hz;
	me.mult = (NSEC_PER_SEC << 32) / hz;
}

void time_early_init(void)
{
	me.tsc0 = rdtsc();
	set_tsc_rate(FASTEST_HZ);
}

void time_delay_ns(u64 ns)
{
	u64 end = x86_time_ns() + ns;

	while (x86_time_ns() < end)
		cpu_relax();
}

/* ---- references ---- */

static u32 read_pm_timer(void)
{
	return inl(acpi.pm_timer_port);
}

/* Channel 2, counting down from 65536 again and again. */
static void pit_start(void)
{
	outb(0x61, (inb(0x61) & ~2) | 1); /* gate on, speaker off */
	outb(0x43, 0xb4); /* channel 2, low then high byte, mode 2 */
	outb(0x42, 0);
	outb(0x42, 0);
}

static u32 read_pit(void)
{
	u32 low;

	outb(0x43, 0x80); /* latch channel 2 */
	low = inb(0x42);
	return 0x10000 - (low | (u32)inb(0x42) << 8);
}

/* Does the counter move at all?  A missing device reads as all ones. */
static bool counts(const struct reference *ref)
{
	u32 first = ref->read() & ref->mask;

	for (int i = 0; i < 100000; i++)
		if ((ref->read() & ref->mask) != first)
			return true;
	return false;
}

static bool choose_reference(void)
{
	if (acpi.pm_timer_port) {
		me.ref = (struct reference){
			.read = read_pm_timer,
			.mask = acpi.pm_timer_32bit ? ~0U : 0xffffff,
			.hz = PM_TIMER_HZ};
		if (counts(&me.ref))
			return true;
	}
	pit_start();
	me.ref = (struct reference){read_pit, 0xffff, PIT_HZ};
	return counts(&me.ref);
}

/* The narrowest of a few edges of the reference. */
static struct edge catch_edge(void)
{
	struct edge best = {.width = UINT64_MAX};

	for (int i = 0; i < 8; i++) {
		u32 before = me.ref.read();
		u64 t0, t1;
		u32 now;

		do {
			t0 = rdtsc();
			now = me.ref.read();
			t1 = rdtsc();
		} while (now == before);
		if (t1 - t0 < best.width)
			best = (struct edge){t0 + (t1 - t0) / 2, t1 - t0, now};
	}
	return best;
}

/* ---- what the hypervisor or the processor says ---- */

static u64 told_tsc_hz(void)
{
	u32 max = cpuid(0, 0).a;

	if (max >= 0x15) {
		struct cpuid_regs r = cpuid(0x15, 0);

		if (r.a && r.b && r.c)
			return (u64)r.c * r.b / r.a;
	}
	if (cpuid(1, 0).c >> 31 && cpuid(0x40000000, 0).a >= 0x40000010)
		return cpuid(0x40000010, 0).a * 1000ULL;
	return 0;
}

static u64 told_apic_hz(void)
{
	if (cpuid(1, 0).c >> 31 && cpuid(0x40000000, 0).a >= 0x40000010)
		return cpuid(0x40000010, 0).b * 1000ULL;
	return 0;
}

/* ---- the real-time clock ---- */

static u8 cmos_read(u8 reg)
{
	outb(0x70, reg);
	return inb(0x71);
}

struct rtc_time {
	u8 sec, min, hour, day, month, year, century;
};

static struct rtc_time rtc_read(void)
{
	return (struct rtc_time){
		cmos_read(0x00), cmos_read(0x02), cmos_read(0x04),
		cmos_read(0x07), cmos_read(0x08), cmos_read(0x09),
		cmos_read(0x32),
	};
}

static bool rtc_equal(const struct rtc_time *a, const struct rtc_time *b)
{
	return a->sec == b->sec && a->min == b->min && a->hour == b->hour &&
	       a->day == b->day && a->month == b->month && a->year == b->year;
}

static u8 from_bcd(u8 v)
{
	return (u8)((v >> 4) * 10 + (v & 15));
}

/* Days since 1970-01-01 of a date of the Gregorian calendar. */
static u64 days_since_epoch(u32 year, u32 month, u32 day)
{
	/* Years begin in March, so that leap days come last. */
	u32 y = month > 2 ? year : year - 1;
	u32 m = month > 2 ? month - 3 : month + 9;

	return 365ULL * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 +
	       day - 1 - 719468;
}

/* Seconds since 1970; 0 if there is no clock. */
static u64 rtc_seconds(void)
{
	struct rtc_time t = rtc_read(), again;
	u8 mode = cmos_read(0x0b);
	bool pm = false;
	u32 year;

	/* Two equal readings: no update went on between them. */
	for (int i = 0; i < 10; i++) {
		again = rtc_read();
		if (rtc_equal(&t, &again))
			break;
		t = again;
	}
	if (!(mode & 2)) { /* 12 hours: the top bit is PM */
		pm = t.hour & 0x80;
		t.hour &= 0x7f;
	}
	if (!(mode & 4)) {
		t.sec = from_bcd(t.sec);
		t.min = from_bcd(t.min);
		t.hour = from_bcd(t.hour);
		t.day = from_bcd(t.day);
		t.month = from_bcd(t.month);
		t.year = from_bcd(t.year);
		t.century = from_bcd(t.century);
	}
	if (!(mode & 2))
		t.hour = (u8)(t.hour % 12 + (pm ? 12 : 0));
	if (!t.month || t.month > 12 || !t.day || t.day > 31 || t.sec > 60)
		return 0;
	year = t.century >= 19 && t.century <= 29 ? t.century * 100U + t.year
						  : 2000U + t.year;
	return days_since_epoch(year, t.month, t.day) * 86400 + t.hour * 3600U +
	       t.min * 60U + t.sec;
}

/* ---- calibration ---- */

void time_calibrate_begin(void)
{
	u64 hz = told_tsc_hz();

	me.start_realtime_ns = rtc_seconds() * NSEC_PER_SEC;
	me.apic_hz = told_apic_hz();
	if (hz)
		set_tsc_rate(hz);
	else if (choose_reference())
		me.first = catch_edge();
	lapic_timer_start(UINT32_MAX);
	me.apic_first = lapic_timer_count();
	me.apic_first_tsc = rdtsc();
}

/*
 * May the reference have gone round once in so many ticks?  The PIT does in
 * 55 ms, which a busy host can take from us at any moment.
 */
static bool may_have_wrapped(u64 tsc_ticks)
{
	return tsc_ticks * me.ref.hz / SLOWEST_HZ >= me.ref.mask;
}

static void measure_tsc(void)
{
	u32 max_count = me.ref.hz / 1000 * MAX_SPAN_MS;
	struct edge last;
	u32 count;

	for (;;) {
		last = catch_edge();
		if (may_have_wrapped(last.tsc - me.first.tsc)) {
			me.first = last;
			continue;
		}
		count = (last.count - me.first.count) & me.ref.mask;
		if (last.tsc - me.first.tsc >=
		    (last.width + me.first.width) * ERROR_RATIO / 2)
			break;
		if (count >= max_count)
			break;
	}
	set_tsc_rate(mul_div(last.tsc - me.first.tsc, me.ref.hz, count));
}

void time_calibrate_end(void)
{
	if (me.tsc_hz == FASTEST_HZ) {
		if (me.first.width)
			measure_tsc();
		else
			panic("no timer to measure the TSC against");
	}
	if (!me.apic_hz) {
		u64 ticks, tsc;

		do {
			ticks = me.apic_first - lapic_timer_count();
			tsc = rdtsc() - me.apic_first_tsc;
		} while (ticks < 1000);
		me.apic_hz = mul_div(ticks, me.tsc_hz, tsc);
	}
	me.apic_mult = (me.apic_hz << 32) / NSEC_PER_SEC;
	lapic_timer_start(0);
}

/* ---- this processor's timer ---- */

static void arm(struct x86_processor *p)
{
	u64 at = min(p->next_tick_ns, p->deadline_ns);
	u64 now, delta;

	if (at == UINT64_MAX) {
		lapic_timer_start(0);
		return;
	}
	now = x86_time_ns();
	delta = at > now ? at - now : 0;
	delta = min(max(delta, (u64)MIN_DELTA_NS), (u64)MAX_DELTA_NS);
	lapic_timer_start((u32)max(mul_shift32(delta, me.apic_mult), (u64)1));
}

void time_init_self(void)
{
	struct x86_processor *p = this_processor();

	p->next_tick_ns = x86_time_ns() + TICK_NS;
	arm(p);
}

void time_interrupt(struct pt_regs *regs)
{
	struct x86_processor *p = this_processor();
	u64 now = x86_time_ns();

	if (now >= p->next_tick_ns) {
		p->next_tick_ns += TICK_NS;
		if (p->next_tick_ns <= now) /* ticks were lost */
			p->next_tick_ns = now + TICK_NS;
		kernel_timer_tick(regs);
	}
	if (now >= p->deadline_ns) {
		p->deadline_ns = UINT64_MAX;
		kernel_timer_expired();
	}
	arm(p);
}

void x86_timer_program(u64 deadline_ns)
{
	struct x86_processor *p = this_processor();
	u64 old = min(p->next_tick_ns, p->deadline_ns);

	p->deadline_ns = deadline_ns;
	if (min(p->next_tick_ns, deadline_ns) != old)
		arm(p);
}

void x86_wait_for_interrupt(void)
{
	/* STI takes effect after HLT: no interrupt is lost between them. */
	__asm__ __volatile__("sti; hlt" : : : "memory");
}
