#!/bin/sh
# SPDX-License-Identifier: MIT
#
# coverage.sh - runs the unit tests that count, and prints what they reached.
#
#	sh tools/coverage.sh BUILD [PATTERN]...
#
# Writes BUILD/coverage/summary.txt (also printed) and, by file:line, the
# branches never taken and the lines never run: branches.txt, lines.txt.

set -e
build=$1
shift
out=$build/coverage

# Counts of an earlier run would be added to.
find "$build/cover" -name '*.gcda' -exec rm -f {} +
rm -rf "$out"
mkdir -p "$out/gcov"

"$build/unit-cover" -t 600 "$@" >"$out/tests.txt" || {
	grep -A20 '^not ok' "$out/tests.txt"
	tail -1 "$out/tests.txt"
	exit 1
}

# One run of gcov for each object, or it would forget all but the last of
# those that share a header.
find "$build/cover" -name '*.gcda' | sort | while read -r counts; do
	gcov -b -c -t "$counts" 2>/dev/null
done >"$out/gcov/all.txt"
awk -v out="$out" -f tools/coverage.awk "$out/gcov/all.txt" \
	>"$out/summary.txt"
cat "$out/summary.txt"
tail -1 "$out/tests.txt"
