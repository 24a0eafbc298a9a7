#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check_source.sh - what `make lint` checks, as a suite with a summary.

passed=0
failed=0
for target in layers symbols format-check compilers configs; do
	if make -s "$target"; then
		echo "ok - $target"
		passed=$((passed + 1))
	else
		echo "not ok - $target"
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
