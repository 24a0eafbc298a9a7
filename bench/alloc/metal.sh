#!/bin/sh
# SPDX-License-Identifier: MIT
#
# metal.sh BUILD - the allocators in the kernel: instructions per pair, counted
# by QEMU's -icount, beside the goals, and boot with 64 MiB and 8 GiB.

B=$1
# The machine of bench/run.sh.
boot()
{
	timeout 100 qemu-system-x86_64 -nodefaults -no-user-config \
	    -display none -no-reboot -machine q35 -bios qboot.rom \
	    -cpu qemu64 -smp 1 -serial stdio -kernel "$B/bench/quire-bench.elf" \
	    -append "console=ttyS0 panic=1" -accel tcg,thread=single \
	    -icount shift=0,sleep=off -rtc base=2024-01-01,clock=vm "$@" \
	    2>&1 </dev/null | tr -d '\r'
}

boot -m 1024 >"$B/bench/metal.txt"
grep -q '^done$' "$B/bench/metal.txt" || {
	echo "bench: the kernel's rows ended early:" >&2
	tail -n 3 "$B/bench/metal.txt" >&2
	exit 1
}
for size in 64 8192; do
	boot -m $size | sed -n "s/^booted|\(.*\)/row|boot to the first thread, $size MiB|5000000|\1/p"
done >>"$B/bench/metal.txt"
awk -F '|' '
BEGIN { printf "\n%-38s %9s %9s\n", "in the kernel, instructions per pair", "goal", "Quire" }
$1 == "row" {
	printf "%-38s %9s %9.0f %s\n", $2, $3 ? $3 : "-", $4, \
	       $3 == 0 ? "" : $4 <= $3 ? "ok" : "MISSED"
}' "$B/bench/metal.txt"
