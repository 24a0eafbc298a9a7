#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check_source.sh - checks of the source itself; `make lint` runs it.
#
#   layers     every include points down
#   symbols    the library for metal needs nothing but the port list
#   format     .clang-format
#   compilers  clang accepts what gcc builds
#   configs    each option compiles alone, and left out alone
#
# The makefile passes, in the environment: OBJECTS (the library for metal),
# LIB_SRC, SOFT_SRC, METAL_SRC (source files), BASE, FREE, METAL, CHECKED
# (compiler flags).

set -u
cd "$(dirname "$0")/.."
passed=0
failed=0

# The commands on standard input, two at a time; silent when all is well.
run_all()
{
	tr '\n' '\0' | xargs -0 -r -n 1 -P 2 sh -c
}

layers()
{
	sh tools/check_layers.sh
}

symbols()
{
	sh tools/check_symbols.sh $OBJECTS
}

format()
{
	git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror
}

compilers()
{
	{
		for f in $METAL_SRC; do
			echo "clang $BASE $METAL -fsyntax-only $f"
		done
		for f in $LIB_SRC; do
			echo "clang $BASE $FREE -Iport/soft $CHECKED -fsyntax-only $f"
		done
		for f in $SOFT_SRC; do
			echo "clang $BASE -Iport/soft $CHECKED -fsyntax-only $f"
		done
	} | run_all
}

configs()
{
	for c in DEBUG_MM DEBUG_LOCKS FAULT_INJECTION HIGHMEM; do
		others=$(echo "$CHECKED" | sed "s/CONFIG_$c=1/CONFIG_$c=0/")
		# Only simulated machines have frames without an address.
		alone="gcc $BASE $METAL -DCONFIG_$c=1"
		sources=$METAL_SRC
		if [ "$c" = HIGHMEM ]; then
			alone="gcc $BASE $FREE -Iport/soft -DCONFIG_$c=1"
			sources=$LIB_SRC
		fi
		for f in $sources; do
			case $f in *_test.c) continue ;; esac
			echo "$alone -fsyntax-only $f"
		done
		for f in $LIB_SRC; do
			case $f in *_test.c) continue ;; esac
			echo "gcc $BASE $FREE -Iport/soft $others -fsyntax-only $f"
		done
	done | run_all
}

for check in layers symbols format compilers configs; do
	if $check; then
		echo "ok - $check"
		passed=$((passed + 1))
	else
		echo "not ok - $check"
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
