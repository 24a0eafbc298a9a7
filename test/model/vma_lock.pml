/* SPDX-License-Identifier: MIT */
/*
 * vma_lock.pml - the lock of one area, as mm/aspace/vma_lock.c has it, for Spin.
 *
 * Two readers fault in the area while a writer changes it, takes it out of the
 * set and frees it, and makes it an area of the set again, ROUNDS times.  All
 * steps are those of the code; each atomic one is one step here, plain reads
 * and writes of fields stand alone.
 *
 * With BROKEN defined, one step is wrong and Spin must find it.
 *
 * Checked: L1  while the writer changes an area no reader is inside
 *          L2  a reader inside holds an area that is in the set
 *              no state in which somebody waits for ever (invalid end states)
 */
#define ROUNDS 2
#define WAITER 8

byte count = 1;	  /* vm_refcnt without WAITER */
bool waiter;	  /* the WAITER bit */
byte area_seq = 0; /* vm_lock_seq */
byte mm_seq = 1;  /* mm_lock_seq */
bool linked = true;
byte inside;	  /* readers that use the area */
bool changing;	  /* the writer does */
bool asleep;	  /* the writer, on the count */

/* fetch_sub; whoever finds WAITER wakes */
inline end_read()
{
	d_step {
		count--;
		saw_waiter = waiter;
	}
	if
	:: saw_waiter -> asleep = false
	:: else
	fi
}

active [2] proctype reader()
{
	bool saw_waiter, got, marked;
	byte seq;

	do
	:: true ->
		/* raise_count(): only from above 0, and not past a WAITER */
		d_step {
			got = count > 0 && !waiter;
			if
			:: got -> count++
			:: else
			fi
		}
		if
		:: !got -> skip
		:: else ->
			/* is_marked(): the area's mark, then the space's number */
			seq = area_seq;
			marked = seq == mm_seq;
			if
			:: !marked && linked ->
				inside++;
				assert(linked);
				assert(!changing);
				inside--
			:: else
			fi;
			end_read()
		fi
	:: break
	od
}

/* vma_await_readers() */
inline await_readers()
{
	do
	:: d_step { count == 1 -> waiter = false }; break
	:: d_step { count != 1 && !waiter -> waiter = true }
	:: count != 1 && waiter ->
		/* port->wait(): sleeps only if the word is still the same */
		if
		:: d_step { count != 1 && waiter -> asleep = true };
			!asleep
		:: count == 1
		fi
	od
}

active proctype writer()
{
	byte round;

	do
	:: round < ROUNDS ->
		/* vma_start_write() */
#ifndef BROKEN /* without the mark a reader comes in behind the look */
		area_seq = mm_seq;
#endif
		if
		:: count != 1 || waiter -> await_readers()
		:: else
		fi;
		changing = true;
		assert(inside == 0);
		linked = false;
		assert(inside == 0);
		/* vma_free(): detach */
		do
		:: d_step { count == 1 && !waiter -> count = 0 }; break
		:: else -> await_readers()
		od;
		assert(inside == 0);
		/* vma_attach(), by another call under the same lock */
		area_seq = mm_seq;
		linked = true;
		count = 1;
		changing = false;
		/* mmap_write_unlock() */
		mm_seq++;
		round++
	:: else -> break
	od
}
