#!/bin/sh
# SPDX-License-Identifier: MIT
#
# crash.sh BUILD - boot the self-test kernel with crash=HOW for each way it
# can fail (port/x86_64/crash.c) and look at the report: what happened, where,
# called by whom, by name; and at the end of the machine: a status of its own,
# or what panic= says, never a hang.

set -u
kernel=$1/quire-selftest.elf
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
passed=0
failed=0
PANIC_STATUS=35 # 2 * RUN_MACHINE_PANIC + 1

# boot OPTIONS [QEMU-ARGUMENTS...]: log in $dir/log, status in $status
boot() {
	append=$1
	shift
	timeout -k 1 20 qemu-system-x86_64 -nodefaults -no-user-config \
		-display none -no-reboot -machine q35 -bios qboot.rom \
		-accel tcg -cpu max -smp 2 -m 64M -kernel "$kernel" \
		-append "$append" -debugcon "file:$dir/log" "$@" \
		> "$dir/out" 2>&1 < /dev/null
	status=$?
}

# verdict NAME STATUS PATTERN...: the log must have each pattern
verdict() {
	name=$1
	wanted=$2
	shift 2
	why=
	[ "$status" -eq "$wanted" ] || why="status $status, not $wanted"
	for pattern; do
		grep -qE "$pattern" "$dir/log" || why="$why; no \"$pattern\""
	done
	if [ -z "$why" ]; then
		passed=$((passed + 1))
		echo "ok $((passed + failed)) - $name"
	else
		failed=$((failed + 1))
		echo "not ok $((passed + failed)) - $name: $why"
		sed 's/^/# /' "$dir/log" | tail -n 15
	fi
}

# crash HOW WHAT FUNCTION
crash() {
	boot "crash=$1" -device isa-debug-exit,iobase=0xf4,iosize=4
	verdict "crash_$1_is_reported" $PANIC_STATUS "^Kernel bug: $2\$" \
		"^RIP 0010:" "^At [0-9a-f]{16} $3\\+0" \
		'^[ ?] [0-9a-f]{16} crash_if_asked\+0x' \
		'^  [0-9a-f]{16} x86_start\+0x' "^Kernel panic: $2\$"
}

crash read 'page fault' crash_read
crash write 'page fault' crash_write
crash text 'page fault' crash_text
crash alias 'page fault' crash_alias
crash divide 'divide error' crash_divide
crash opcode 'invalid opcode' crash_opcode

boot crash=exec -device isa-debug-exit,iobase=0xf4,iosize=4
verdict data_cannot_be_executed $PANIC_STATUS '^Kernel bug: page fault$' \
	'^RIP 0010:ffff888000008000' 'error 0x11'

boot crash=stack -device isa-debug-exit,iobase=0xf4,iosize=4
verdict a_kernel_stack_overflow_is_reported $PANIC_STATUS \
	'^Kernel bug: kernel stack overflow$' '^  [0-9a-f]{16} crash_deeper\+0x'

boot crash=panic -device isa-debug-exit,iobase=0xf4,iosize=4
verdict panic_names_its_callers $PANIC_STATUS \
	'^Kernel panic: crash=panic was asked for$' \
	'^  [0-9a-f]{16} crash_panic\+0x'

# A machine without the exit device: panic= decides; with -no-reboot QEMU ends.
boot 'crash=panic panic=-1'
verdict panic_minus_one_restarts_at_once 0 '^Kernel panic: '
boot 'crash=panic panic=1'
verdict panic_one_restarts_after_a_second 0 '^Kernel panic: '

# quiet keeps the log off the serial port, but not the report.
boot 'crash=divide console=ttyS0 quiet panic=-1' -serial "file:$dir/log2"
mv "$dir/log2" "$dir/log"
verdict quiet_does_not_hide_a_report 0 '^Kernel bug: divide error'

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
