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
cp -r examples/embed "$work/store"
unset PKG_CONFIG_PATH
make -C "$work/store" QUIRE="$prefix" CFLAGS='-std=gnu11 -Wall -Wextra -Werror' \
	>"$work/log" 2>&1
is 'the example with a port of its own is built' '0 ' \
	"$? $(grep -E '(error|warning):' "$work/log")"
is 'and sorts what it is given' 'a = 1
b = 3
c = x y' "$(printf 'b 2\na 1\nc x y\nb 3\n' | "$work/store/store" |
	grep -v '^Node')"
is 'and shows its own buddy lists' 2 "$("$work/store/store" </dev/null |
	grep -c '^Node 0, zone')"
many() {
	awk 'BEGIN { for (i = 0; i < 80000; i++) printf "key%d %01000d\n", i, i }'
}
is 'and says so when its 64 MiB are full' '1 no memory' \
	"$(many | "$work/store/store" 2>"$work/log" >/dev/null; printf '%s ' $?
	grep -x 'no memory' "$work/log")"
is 'and links nothing of the simulated machine' '' \
	"$(nm "$work/store/store" | grep -E ' soft_(boot|run|load|cpu_init)$')"
mkdir "$work/arch"
sed 's/seeded/in_turns/' port/soft/arch.h >"$work/arch/arch.h"
make -s -j2 B="$work/b" PORT="$work/arch" PORT_CFLAGS=-O1 port-lib >"$work/log" 2>&1
is 'the library is built for an arch.h of somebody else' 0 $?
is 'and needs of it what PORTING.md says' 'arch_flush_tlb_one cpu_relax soft_arch soft_self ' \
	"$(nm -u "$work/b/port/libquire.a" | awk 'NF == 2 { print $2 }' | sort -u |
	grep -E '^(arch|soft|cpu|port)' | grep -vF "$(nm --defined-only \
	"$work/b/port/libquire.a" | awk 'NF == 3 { print $3 }')" | tr '\n' ' ')"
is 'a missing PORT is told' 1 "$(make -s B="$work/b" port-lib 2>&1 |
	grep -c 'PORT=folder')"
bad=$(cd "$prefix/include" && find quire -name '*.h' ! -path 'quire/soft/*' |
	while read -r h; do
		echo "#include <$h>" | gcc -std=c11 -Wall -Wextra -Werror \
			-fsyntax-only -x c $(field Cflags) - 2>/dev/null || echo "$h"
	done)
is 'each header stands alone' '' "$bad"
man3=$prefix/share/man/man3
is 'each manual page is laid out without a warning' '' \
	"$(for p in "$man3"/quire-*.3quire; do
		man --warnings -E UTF-8 -l "$p" 2>&1 >/dev/null
	done)"
is 'the name of a call leads to its page, where it stands twice' 2 \
	"$(MANPATH=$prefix/share/man MANWIDTH=200 man 3quire kcalloc 2>&1 |
	grep -c '^ *void \*kcalloc(size_t n, size_t size, gfp_t gfp);$')"
is 'each name leads to a page that is there' '' \
	"$(cd "$man3" && sed -n 's/^\.so man3\///p' ./*.3quire | sort -u |
	while read -r p; do [ -s "$p" ] || echo "$p"; done)"
is 'the installed command finds its kernel' here \
	"$("$prefix/bin/quire" run --timeout 60 -- "$(command -v busybox)" echo here)"
make B="$B" PREFIX="$prefix" uninstall >"$work/log" 2>&1
is 'make uninstall leaves no file' '0 ' "$? $(find "$prefix" -type f)"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
