#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check_symbols.sh OBJECT... - the library, built for metal and linked into one
# object, leaves no symbol undefined but those in port_symbols.txt.

set -eu
here=$(dirname "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

ld -r -o "$dir/all.o" "$@"
nm -u "$dir/all.o" | awk '{ print $NF }' | sort -u > "$dir/undefined"
grep -v '^#' "$here/port_symbols.txt" | sort -u > "$dir/allowed"
if extra=$(comm -23 "$dir/undefined" "$dir/allowed") && [ -n "$extra" ]; then
	echo "symbols: the library needs more than the port list:" >&2
	echo "$extra" | sed 's/^/  /' >&2
	exit 1
fi
echo "symbols: $# objects need nothing but the port list"
