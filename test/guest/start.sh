#!/bin/sh
# SPDX-License-Identifier: MIT
#
# start.sh BUILD - the first user instruction does not wait for RAM: counts
# instructions (--icount: a nanosecond each) until a program runs, with little
# memory and with much, and prints TAP.

B=$1
bad=0

# instructions SIZE
instructions() {
	"$B/quire" run --timeout 100 -m "$1" --icount --append norandmaps -- \
		"$B/guest/musl/start" 2>/dev/null </dev/null
}

# at_most NUMBER NAME MEASURED PERCENT BASE
at_most() {
	if [ "${3:-0}" -gt 0 ] && [ "${5:-0}" -gt 0 ] &&
		[ $(($3 * 100)) -le $(($5 * $4)) ]; then
		echo "ok $1 - $2"
	else
		bad=1
		echo "not ok $1 - $2"
	fi
	echo "# $3 instructions, at most $4 % of $5"
}

small=$(instructions 64M)
middle=$(instructions 1G)
large=$(instructions 8G)
at_most 1 start_with_8_gib_is_that_with_1_gib "$large" 110 "$middle"
at_most 2 start_with_8_gib_is_that_with_64_mib "$large" 120 "$small"
echo 1..2
exit $bad
