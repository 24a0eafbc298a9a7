#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh BUILD - the benchmark on Quire and on Debian's Linux, in the same
# virtual machine, and a table of both beside the goals.
#
# 1. Instructions: one boot of each with -icount shift=0, where the time stamp
#    counter counts instructions; -cpu qemu64, whose `rep stos` counts as
#    words, not bytes.  Linux runs lean: without what Quire does not do.
# 2. Time: WALL boots of each (5; 0 for none) with plain TCG, the least of each
#    row.  Only there caches, TLBs and flushes show.
# 3. Memory: one boot of each with 128 MiB: what is not available to programs.
# 4. The smallest machine: -m by bisection, in MiB, until a busybox shell has
#    said what it was asked to.
# A row that cannot be run says why.  LINUX=FILE names another kernel to compare
# with.  Everything is kept in BUILD/bench.

B=$1
W=$B/bench
wall=${WALL-5}
busybox=$(command -v busybox)
lean="mitigations=off init_on_alloc=0 cgroup_disable=memory numa=off"
common="console=ttyS0 panic=1 quiet nokaslr norandmaps"
mkdir -p "$W"
case $(uname -m) in x86_64) ;; *) echo "bench: needs x86-64" >&2; exit 1 ;; esac

# image NAME MODE: an initramfs whose /init is the benchmark
image() {
	rm -rf "$W/root"
	mkdir -p "$W/root/proc"
	cp "$W/bench" "$W/root/init"
	echo "$2" >"$W/root/mode"
	pack "$1"
}

pack() {
	(cd "$W/root" && find . | "$busybox" cpio -o -H newc 2>/dev/null) \
		>"$W/$1.cpio"
}

# boot SECONDS KERNEL IMAGE QEMU-ARGUMENTS...: the console on stdout
boot() {
	limit=$1 kernel=$2 image=$3
	shift 3
	append=$common
	[ "$kernel" = "$B/quire.elf" ] || append="$append $lean"
	timeout "$limit" qemu-system-x86_64 -nodefaults -no-user-config \
		-display none -no-reboot -machine q35 -bios qboot.rom \
		-cpu qemu64 -smp 1 -serial stdio -kernel "$kernel" \
		-initrd "$W/$image.cpio" -append "$append" "$@" \
		2>&1 </dev/null | tr -d '\r'
}

counted="-accel tcg,thread=single -icount shift=0,sleep=off
	-rtc base=2024-01-01,clock=vm"

# why FILE: why a run is not complete, or nothing
why() {
	if ! [ -s "$1" ]; then
		echo "said nothing"
	elif ! grep -q '^done$' "$1"; then
		grep -iE 'panic|^# ' "$1" | tail -n 1 | grep . || echo "ended early"
	fi
}

# works KERNEL MIB: does a shell run in that much memory?
works() {
	boot 40 "$1" shell -accel tcg -m "$2" | grep -q '^shell 15$'
}

# smallest KERNEL HIGH: MiB
smallest() {
	low=1 high=$2
	works "$1" "$high" || { echo "- not even with $high MiB"; return; }
	while [ $((high - low)) -gt 1 ]; do
		middle=$(((low + high) / 2))
		if works "$1" $middle; then high=$middle; else low=$middle; fi
	done
	echo "$high"
}

# measure NAME KERNEL HIGHEST-MIB
measure() {
	echo "bench: $1: counting instructions" >&2
	# shellcheck disable=SC2086 # options
	boot 600 "$2" rows $counted -m 1024 >"$W/$1.count"
	problem=$(why "$W/$1.count")
	[ -z "$problem" ] || echo "bench: $1: $problem" >&2
	echo "bench: $1: memory" >&2
	boot 60 "$2" memory -accel tcg -m 128 >"$W/$1.memory"
	echo "bench: $1: smallest machine" >&2
	smallest "$2" "$3" >"$W/$1.smallest"
	rm -f "$W/$1".wall.*
	i=0
	while [ $i -lt "$wall" ]; do
		i=$((i + 1))
		echo "bench: $1: time, boot $i of $wall" >&2
		boot 300 "$2" rows -accel tcg -m 1024 >"$W/$1.wall.$i"
	done
}

image rows rows
image memory memory
rm -rf "$W/root"
mkdir -p "$W/root/bin"
cp "$busybox" "$W/root/bin/busybox"
cat >"$W/root/init" <<'EOF'
#!/bin/busybox sh
a=$(/bin/busybox seq 5 | /bin/busybox awk '{ s += $1 } END { print s }')
echo "shell $a"
/bin/busybox reboot -f
EOF
chmod 755 "$W/root/init"
pack shell

linux=$(LINUX=$LINUX sh bench/linux.sh "$W") || linux=
measure quire "$B/quire.elf" 64
if [ -n "$linux" ]; then
	measure linux "$linux" 128
else
	rm -f "$W"/linux.count "$W"/linux.memory "$W"/linux.wall.* \
		"$W"/linux.smallest
	echo "bench: no Linux to compare with; its columns stay empty" >&2
fi

{
	echo "Quire beside $(cat "$W/linux.name" 2>/dev/null || echo nothing)," \
		"$(qemu-system-x86_64 --version | head -n 1)"
	echo "Instructions: -icount shift=0, -cpu qemu64, one processor, 1 GiB." \
		"'net' is without 516 for each page cleared or copied."
	[ "$wall" -eq 0 ] || echo "Time: plain TCG, the least of $wall boots," \
		"in microseconds; of the first instruction not measured."
	echo
	awk -f bench/table.awk "$W" "$wall"
} | tee "$W/table.txt"
echo
echo "kept in $W/table.txt"
