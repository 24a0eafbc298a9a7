/* SPDX-License-Identifier: MIT */
/*
 * tlb.pml - TLB shootdown with lazy mode, as port/x86_64/tlb.c has it, for Spin.
 *
 * Three processors and one address space of two pages.  One empties entries,
 * flushes and gives the frame back; the others run in the space, leave it for
 * a kernel thread without loading other tables (lazy), come back, and fill
 * their TLBs whenever they run in it.
 *
 * With BROKEN defined, one step is wrong and Spin must find it.
 *
 * Checked: after a flush no processor uses a translation of the emptied page,
 * and nobody waits for ever.
 */
#define CPUS  3
#define PAGES 2

bool present[PAGES];	   /* the entry maps a frame */
bool freed[PAGES];	   /* the frame was given away */
bool tlb[6];		   /* cpu * PAGES + page: remembered */
bool in_bitmap[CPUS];	   /* mm->cpu_bitmap */
bool loaded[CPUS];	   /* these tables are in CR3 */
bool lazy[CPUS];	   /* a kernel thread runs on them */
bool asked[CPUS];	   /* tlb_from has the sender's bit */
byte nr_waiting;

inline forget_all(c)
{
	tlb[c * PAGES] = false;
	tlb[c * PAGES + 1] = false
}

/* serve(): by interrupt, at any step */
inline serve(c)
{
	d_step {
		asked[c] ->
		asked[c] = false;
		if
		:: loaded[c] && lazy[c] -> /* load the kernel's tables */
#ifndef BROKEN /* lazy is no reason to keep what it will find again */
			loaded[c] = false;
			in_bitmap[c] = false;
			forget_all(c)
#else
			skip
#endif
		:: else -> forget_all(c)
		fi;
		nr_waiting--
	}
}

proctype cpu(byte c)
{
	byte page;

end:	do
	:: serve(c)
	/* x86_switch_mm(mm): the bit first, then the tables */
	:: !loaded[c] ->
		in_bitmap[c] = true;
		d_step { loaded[c] = true; lazy[c] = false; forget_all(c) }
	:: loaded[c] && lazy[c] -> lazy[c] = false
	:: loaded[c] && !lazy[c] -> lazy[c] = true
	/* A processor may fill its TLB ahead of use, lazy or not ... */
	:: loaded[c] ->
		if
		:: page = 0
		:: page = 1
		fi;
		d_step {
			if
			:: loaded[c] && present[page] ->
				tlb[c * PAGES + page] = true
			:: else
			fi
		}
	/* ... and a program uses what is in it. */
	:: loaded[c] && !lazy[c] ->
		assert(!(tlb[c * PAGES] && freed[0]));
		assert(!(tlb[c * PAGES + 1] && freed[1]))
	od
}

init {
	byte page, c;
	bool mask[CPUS];

	atomic {
		present[0] = true;
		present[1] = true;
		run cpu(1);
		run cpu(2)
	}
	/* This one is processor 0, which has the space loaded throughout. */
	for (page : 0 .. PAGES - 1) {
		tlb[page] = true;
		present[page] = false;
		/* targets(): read one after the other */
		for (c : 1 .. CPUS - 1) {
			mask[c] = in_bitmap[c]
		}
		nr_waiting = mask[1] + mask[2];
		for (c : 1 .. CPUS - 1) {
			if
			:: mask[c] -> asked[c] = true
			:: else
			fi
		}
		tlb[page] = false;
		nr_waiting == 0;
		freed[page] = true
	}
}
