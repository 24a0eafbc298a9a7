#!/bin/sh
# SPDX-License-Identifier: MIT
#
# embed.sh BUILD - installs somewhere else, builds a stranger's program with
# what quire.pc says, runs it and the installed command, and takes all away.

B=$1
passed=0
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/usr
unset MAKEFLAGS MAKELEVEL MFLAGS

# is NAME WANT GOT
is() {
	if [ "$2" = "$3" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "not ok - $1"
		echo "    want: $2"
		echo "    got:  $3"
	fi
}

# field NAME: of quire.pc, as pkg-config reads it
field() {
	sed -n "s/^$1: //p" "$prefix/lib/pkgconfig/quire.pc" |
		sed "s|\${includedir}|$prefix/include|g; s|\${libdir}|$prefix/lib|g"
}

make B="$B" PREFIX="$prefix" install >"$work/log" 2>&1
is 'make install' 0 $?
# shellcheck disable=SC2046 # flags are words
gcc -std=c11 -Wall -Wextra -Werror -o "$work/embed" test/embed/embed.c \
	$(field Cflags) $(field Libs) >"$work/log" 2>&1
is 'a program is built with the flags of quire.pc' '0 ' "$? $(cat "$work/log")"
is 'and runs on a simulated machine' 'kmalloc gave 128 bytes' "$("$work/embed")"
bad=$(cd "$prefix/include" && find quire -name '*.h' ! -path 'quire/soft/*' |
	while read -r h; do
		echo "#include <$h>" | gcc -std=c11 -Wall -Wextra -Werror \
			-fsyntax-only -x c $(field Cflags) - 2>/dev/null || echo "$h"
	done)
is 'each header stands alone' '' "$bad"
is 'the installed command finds its kernel' here \
	"$("$prefix/bin/quire" run --timeout 60 -- "$(command -v busybox)" echo here)"
make B="$B" PREFIX="$prefix" uninstall >"$work/log" 2>&1
is 'make uninstall leaves no file' '0 ' "$? $(find "$prefix" -type f)"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
