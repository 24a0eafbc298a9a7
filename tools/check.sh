#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check.sh LOGDIR NAME=COMMAND... - run each suite, show its log when it fails,
# and add up their last lines "N passed, N failed".
#
# A suite that ends without such a line, or with a status that contradicts it,
# counts as one failure: nothing is skipped in silence.

set -u
logs=$1
shift
mkdir -p "$logs"
passed=0
failed=0

for suite; do
	name=${suite%%=*}
	command=${suite#*=}
	log=$logs/$name.log
	begin=$(date +%s)
	sh -c "$command" > "$log" 2>&1
	status=$?
	line=$(grep -E '^([A-Za-z-]+: )?[0-9]+ passed, [0-9]+ failed' "$log" |
		tail -n 1)
	p=$(printf '%s\n' "$line" | sed -n 's/.*\b\([0-9]\{1,\}\) passed.*/\1/p')
	f=$(printf '%s\n' "$line" | sed -n 's/.*\b\([0-9]\{1,\}\) failed.*/\1/p')
	if [ -z "$p" ] || { [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; }; then
		p=${p:-0}
		f=$((${f:-0} + 1))
		line="no summary, or status $status against it"
	fi
	passed=$((passed + p))
	failed=$((failed + f))
	printf '%-12s %4d s  %s\n' "$name" $(($(date +%s) - begin)) "$line"
	if [ "$f" -ne 0 ]; then
		grep -nE '^not ok|FAIL|ERROR|WARNING: Thread|panic|BUG' "$log" |
			head -n 40
		echo "--- the end of $log:"
		tail -n 60 "$log"
	fi
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
