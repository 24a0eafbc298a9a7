#!/bin/sh
# SPDX-License-Identifier: MIT
#
# diff.sh BUILD FROM COUNT [DIFF-OPTION]... - the same sequences of memory
# system calls on the host's Linux and in the machine: equal, line for line.
#
# Sums are compared first.  A sequence that differs is run again in full on
# both sides, then with fewer and fewer calls as long as it still differs, and
# what is left of it is shown.  At most SHOW (3) are treated so.

B=$1
from=$2
count=$3
shift 3
D=$B/diff
SHOW=${SHOW:-3}
mkdir -p "$D"

on_host() { "$D/diff" "$@"; }
in_machine() {
	"$B/quire" run -m 512M --timeout 3000 --log "$D/log" -- "$D/diff" "$@"
}

# differs CALLS SEED [OPTION]...: does the sequence of these calls differ?
differs() {
	calls=$1 seed=$2
	shift 2
	on_host "$@" -v -k "$calls" "$seed" >"$D/host.1" 2>&1
	in_machine "$@" -v -k "$calls" "$seed" >"$D/machine.1" 2>&1
	! cmp -s "$D/host.1" "$D/machine.1"
}

# fewer SEED [OPTION]...: $kept, shortened by pieces of halving length.
fewer() {
	seed=$1
	shift
	piece=$(($(echo "$kept" | wc -w) / 2))
	while [ "$piece" -ge 1 ]; do
		start=1
		while [ "$start" -le "$(echo "$kept" | wc -w)" ]; do
			try=$(echo "$kept" | tr ' ' '\n' | awk -v a="$start" \
				-v n="$piece" 'NR < a || NR >= a + n' | xargs)
			if [ -n "$try" ] &&
				differs "$(echo "$try" | tr ' ' ,)" "$seed" "$@"
			then
				kept=$try
			else
				start=$((start + piece))
			fi
		done
		piece=$((piece / 2))
	done
}

show() {
	seed=$1
	shift
	kept=$(seq 0 49 | xargs)
	fewer "$seed" "$@"
	differs "$(echo "$kept" | tr ' ' ,)" "$seed" "$@"
	echo "not ok - sequence $seed; the least that differs:"
	echo "    diff -v -k $(echo "$kept" | tr ' ' ,) $seed"
	diff -U 6 "$D/host.1" "$D/machine.1" | sed '1,3d; s/^/    /' | head -n 40
}

# REFERENCE: the sums of a Linux 6.18, for hosts that are another one.
case $(uname -r) in
6.1[89].*) REFERENCE= ;;
esac
if [ -n "${REFERENCE-}" ]; then
	echo "# $(uname -r) is not the reference: compared with $REFERENCE"
	head -n "$count" "$REFERENCE" >"$D/host"
	SHOW=0
else
	on_host "$@" "$from" "$count" >"$D/host" || exit 2
fi
in_machine "$@" "$from" "$count" >"$D/machine" 2>"$D/machine.err"
failed=$(diff "$D/host" "$D/machine" | grep -c '^<')
diff "$D/host" "$D/machine" | sed -n 's/^< \([0-9]*\) .*/\1/p' |
	head -n "$SHOW" | while read -r seed; do
	show "$seed" "$@" </dev/null
done
[ ! -s "$D/machine.err" ] || tail -n 5 "$D/machine.err"
echo "$((count - failed)) passed, $failed failed"
[ "$failed" -eq 0 ]
