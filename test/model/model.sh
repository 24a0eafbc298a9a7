#!/bin/sh
# SPDX-License-Identifier: MIT
#
# model.sh DIR - every model of this folder through Spin, all states; and each
# again with its BROKEN step, which Spin must find.  TAP, and one summary line.

set -u
dir=$1
here=$(cd "$(dirname "$0")" && pwd)
passed=0 failed=0

# states NAME FLAGS: the verifier's report on stdout
states() {
	rm -rf "$dir/$1" && mkdir -p "$dir/$1" && cd "$dir/$1" || exit 1
	# shellcheck disable=SC2086 # flags
	spin $2 -a "$here/$1.pml" && gcc -w -O2 -DSAFETY -o pan pan.c &&
		./pan -m1000000
}

verdict() {
	if [ "$1" = "$2" ]; then
		passed=$((passed + 1))
		echo "ok - $3"
	else
		failed=$((failed + 1))
		echo "not ok - $3"
	fi
}

for model in "$here"/*.pml; do
	name=$(basename "$model" .pml)
	report=$( (states "$name" "") 2>&1)
	errors=$(echo "$report" | sed -n 's/.*errors: \([0-9]*\).*/\1/p')
	stored=$(echo "$report" | sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p')
	# A search that was cut short has not seen all states.
	case $report in *"max search depth too small"*) errors=cut ;; esac
	verdict "$errors" 0 "$name: ${stored:-no} states"
	[ "$errors" = 0 ] || echo "$report" | sed 's/^/# /'
	errors=$( (states "$name" -DBROKEN) 2>&1 |
		sed -n 's/.*errors: \([0-9]*\).*/\1/p')
	verdict "$errors" 1 "$name: the broken step is found"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
