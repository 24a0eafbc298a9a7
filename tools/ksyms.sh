#!/bin/sh
# SPDX-License-Identifier: MIT
#
# ksyms.sh KERNEL - print, as assembler source, the kernel's table of function
# names, which the second link takes in so that backtraces can name callers.
#
#   ksyms_addrs    u32 each: address - 0xffffffff80000000, ascending
#   ksyms_offsets  u32 each: where its name starts in ksyms_names
#   ksyms_names    the names, each ended by NUL
#   ksyms_nr       how many
#
# The section lies behind all text, so adding it moves no function.
set -eu

# Of several names for one address the linker script's come last.
"${NM:-nm}" -n "$1" | awk '
BEGIN {
	n = 0
}
($2 == "T" || $2 == "t") && $1 >= "ffffffff80000000" {
	if ($1 == last) {
		if (name[n - 1] ~ /^__.*_start$/)
			name[n - 1] = $3
		next
	}
	last = $1
	addr[n] = substr($1, 9)
	name[n++] = $3
}
END {
	print "\t.section ksyms, \"a\""
	print "\t.globl ksyms_addrs, ksyms_offsets, ksyms_names, ksyms_nr"
	print "\t.align 4"
	print "ksyms_nr:\n\t.long " n + 0
	print "ksyms_addrs:"
	for (i = 0; i < n; i++)
		print "\t.long 0x" addr[i] " - 0x80000000"
	print "ksyms_offsets:"
	off = 0
	for (i = 0; i < n; i++) {
		print "\t.long " off
		off += length(name[i]) + 1
	}
	print "ksyms_names:"
	for (i = 0; i < n; i++)
		print "\t.asciz \"" name[i] "\""
	print "\t.section .note.GNU-stack, \"\", @progbits"
}'
