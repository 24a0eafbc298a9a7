#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check_knobs.sh KNOBS - the table of knobs in docs/FILES.md is the one that the
# program KNOBS prints, row by row.  With --write it is put there.

set -eu
knobs=$1
cd "$(dirname "$0")/.."
doc=docs/FILES.md
table=$(mktemp)
now=$(mktemp)
trap 'rm -f "$table" "$now"' EXIT
"$knobs" >"$table"
sed -n '/^<!-- knobs -->$/,/^<!-- end of knobs -->$/p' $doc | sed '1d;$d' >"$now"
if [ "${2-}" = --write ]; then
	sed -i -e "/^<!-- knobs -->\$/,/^<!-- end of knobs -->\$/{//!d}" \
		-e "/^<!-- knobs -->\$/r $table" $doc
	exit
fi
if [ -s "$table" ] && diff -u "$now" "$table"; then
	echo '1 passed, 0 failed'
else
	echo "$doc: not the knobs there are; make docs-knobs writes them"
	echo '0 passed, 1 failed'
	exit 1
fi
