#!/bin/sh
# SPDX-License-Identifier: MIT
#
# boot.sh BUILD - boots the kernel as kernel engineers boot Linux: QEMU by
# hand, an initramfs of their own, process 1 on the serial console.  Machines
# pc, q35 and microvm, firmware SeaBIOS and qboot.  Ends with "N passed, N
# failed".

B=$1
kernel=$B/quire.elf
work=$B/boot
busybox=$(command -v busybox)
passed=0
failed=0
rm -rf "$work"
mkdir -p "$work/root/bin" "$work/root/proc" "$work/root/sys" \
	"$work/root/dev" "$work/root/tmp"
cp "$busybox" "$work/root/bin/busybox"

# initramfs NAME: $work/root as it is now
initramfs() {
	(cd "$work/root" && find . | "$busybox" cpio -o -H newc 2>/dev/null) \
		>"$work/$1"
}

init() {
	cat >"$work/root/$1"
	chmod 755 "$work/root/$1"
}

# boot OUT QEMU-ARGUMENTS...
boot() {
	out=$work/$1
	shift
	timeout 60 qemu-system-x86_64 -nodefaults -no-user-config \
		-display none -no-reboot -accel tcg -serial stdio \
		-kernel "$kernel" "$@" >"$out" 2>&1 </dev/null
	status=$?
	tr -d '\r' <"$out" >"$out.txt"
}

# has NAME PATTERN: the console showed it
has() {
	if grep -qE "$2" "$out.txt"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "not ok - $1: no /$2/; status $status, the console:"
		tail -n 15 "$out.txt" | sed 's/^/    /'
	fi
}

is() {
	if [ "$2" = "$3" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "not ok - $1: want $2, got $3; the console:"
		tail -n 15 "$out.txt" | sed 's/^/    /'
	fi
}

init init <<'EOF'
#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs devtmpfs /dev
$b mount -t tmpfs tmpfs /tmp
echo "pid $$ args: $*"
echo "mounts: $($b cut -d' ' -f2 /proc/mounts | $b sort | $b tr '\n' ' ')"
echo "cmdline: $($b cat /proc/cmdline)"
echo x >/tmp/file && echo "tmp: $($b cat /tmp/file)"
[ -c /dev/null ] && [ -c /dev/console ] && echo "devices are there"
$b seq 1000 | $b sort -rn | $b head -n 1
$b free -k
echo "end of init"
$b reboot -f
EOF
init other <<'EOF'
#!/bin/busybox sh
echo "the other init"
/bin/busybox poweroff -f
EOF
init dies <<'EOF'
#!/bin/busybox sh
exit 3
EOF
initramfs all.cpio

started() {
	has "$1: runs /init as process 1" '^pid 1 args:'
	has "$1: mounts" '^mounts: .*/dev .*/proc .*/sys .*/tmp '
	has "$1: the command line" '^cmdline: console=ttyS0'
	has "$1: tmpfs" '^tmp: x'
	has "$1: devices" '^devices are there'
	has "$1: a pipeline" '^1000$'
	has "$1: free" '^Mem:'
	has "$1: reaches the end" '^end of init'
	is "$1: reboot ends QEMU" 0 "$status"
}

append="console=ttyS0 panic=1"
for machine in pc q35; do
	for bios in bios-256k.bin qboot.rom; do
		boot "$machine-$bios" -machine $machine -bios $bios -m 128M \
			-smp 2 -initrd "$work/all.cpio" -append "$append"
		started "$machine, $bios"
	done
done
boot microvm -machine microvm -m 128M -smp 2 -initrd "$work/all.cpio" \
	-append "$append"
started microvm
boot microvm-qboot -machine microvm -bios qboot.rom -m 128M \
	-initrd "$work/all.cpio" -append "$append quiet nokaslr norandmaps"
started 'microvm, qboot'

set -- -machine q35 -bios qboot.rom -m 64M
boot rdinit "$@" -initrd "$work/all.cpio" -append "$append rdinit=/other"
has 'rdinit= chooses' '^the other init'
is 'poweroff ends QEMU' 0 "$status"

boot loud "$@" -initrd "$work/all.cpio" -append "$append rdinit=/other"
loud=$(wc -l <"$out.txt")
boot quiet "$@" -initrd "$work/all.cpio" -append "$append quiet rdinit=/other"
is 'quiet says less' 1 $(($(wc -l <"$out.txt") < loud))
has 'quiet leaves the program its console' '^the other init'

boot dies "$@" -initrd "$work/all.cpio" -append "$append rdinit=/dies"
has 'a dying init is a panic' 'panic: Attempted to kill init! exitcode=0x00000300'
is 'panic=1 restarts then too' 0 "$status"
boot none "$@" -append "$append"
has 'no initramfs is a panic' '[Pp]anic'
boot missing "$@" -initrd "$work/all.cpio" -append "$append rdinit=/missing"
has 'a missing init is a panic' '[Pp]anic'
head -c 5000 /dev/urandom >"$work/garbage"
boot garbage "$@" -initrd "$work/garbage" -append "$append"
has 'a garbled initramfs is reported' '[Pp]anic|initramfs'

init show <<'EOF'
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox sed -n 's/^\([0-9a-f]*\)-.*\[stack\]$/stack \1/p' /proc/self/maps
/bin/busybox reboot -f
EOF
initramfs show.cpio
boot random1 "$@" -initrd "$work/show.cpio" -append "$append rdinit=/show norandmaps"
a=$(grep '^stack' "$out.txt")
boot random2 "$@" -initrd "$work/show.cpio" -append "$append rdinit=/show norandmaps"
is 'norandmaps: the stack stays' "$a" "$(grep '^stack' "$out.txt")"
has 'maps are shown' '^stack [0-9a-f]+'
boot random3 "$@" -initrd "$work/show.cpio" -append "$append rdinit=/show"
is 'without it the stack moves' 1 "$([ "$a" != "$(grep '^stack' "$out.txt")" ] && echo 1)"

if command -v gzip >/dev/null; then
	gzip -c "$work/show.cpio" >"$work/show.cpio.gz"
	boot gzip "$@" -initrd "$work/show.cpio.gz" -append "$append rdinit=/show"
	has 'a gzipped initramfs works or is named' '^stack|gzip|compress'
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
