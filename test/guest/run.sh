#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh BUILD [NAME]... - the guest tests: every program on the host's Linux,
# then in the machine with one and with two processors, and once in the kernel
# with all checks (lock order, sleeping under spinlocks, invariants).  Prints
# what failed and "N passed, N failed"; the full output is in BUILD/guest/logs.
# With HOST=1 only the host's half runs.

B=$1
shift
names=${*:-mem fault proc sig thread io leak limits race secret storm show numa start memfd shm busybox tools}
G=$B/guest
logs=$G/logs
mkdir -p "$logs"
passed=0
failed=0
busybox=$(command -v busybox)

# tally NAME STATUS: add up the TAP in $logs/NAME.  A run that does not end
# with its plan, or whose status is not the one its results give, has failed.
tally() {
	log=$logs/$1
	ok=$(grep -c '^ok ' "$log")
	bad=$(grep -c '^not ok ' "$log")
	plan=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$log" | tail -n 1)
	want=$([ "$bad" -eq 0 ] && echo 0 || echo 1)
	if [ "$plan" != $((ok + bad)) ] || [ "$2" -ne "$want" ]; then
		bad=$((bad + 1))
		echo "$1: ended early or wrongly: status $2, $ok passed" \
			"of ${plan:-an unknown number}; the end of its output:"
		tail -n 25 "$log" | sed 's/^/    /'
	elif [ "$bad" -ne 0 ]; then
		echo "$1:"
		grep -B 6 '^not ok ' "$log" | grep -v '^ok ' | sed 's/^/    /'
	fi
	passed=$((passed + ok))
	failed=$((failed + bad))
	printf '%-20s %3d passed %3d failed  %3d s\n' "$1" "$ok" "$bad" \
		$(($(date +%s) - begin))
}

# on_host NAME COMMAND...
on_host() {
	name=$1
	shift
	begin=$(date +%s)
	timeout 100 "$@" >"$logs/$name" 2>&1 </dev/null
	tally "$name" $?
}

# in_machine NAME QUIRE-RUN-ARGUMENTS...
quire=$B/quire
in_machine() {
	name=$1
	shift
	begin=$(date +%s)
	"$quire" run --timeout 150 --log "$logs/$name.log" "$@" \
		>"$logs/$name" 2>&1 </dev/null
	status=$?
	tally "$name" $status
	# The kernel checks at its end that nothing was leaked, and says so.
	if ! grep -q 'leak check: ok' "$logs/$name.log"; then
		failed=$((failed + 1))
		echo "$name: no leak check passed at the machine's end"
	fi
	if grep -E 'leak check: |leaked|BUG|WARNING|anic' "$logs/$name.log" |
		grep -v 'leak check: ok' \
			>"$logs/$name.reports"; then
		failed=$((failed + 1))
		echo "$name: reports in the kernel's log:"
		head -n 10 "$logs/$name.reports" | sed 's/^/    /'
	fi
}

# What fills all memory is sooner done with little of it.
memory_for() {
	case $1 in
	limits | storm) echo 64M ;;
	*) echo 256M ;;
	esac
}

# The checked kernel takes the ordinary one's place beside a copy of the
# command.
if [ -z "$HOST" ]; then
	mkdir -p "$G/checked"
	cp "$B/quire" "$G/checked/quire"
	cp "$B/quire-selftest.elf" "$G/checked/quire.elf"
fi

# People's tools with their interpreter and libraries, as --file options.
tools='numactl numastat free vmstat slabtop lscpu sysctl'
tool_files() {
	for tool in $tools; do
		path=$(PATH=$PATH:/usr/sbin:/sbin command -v "$tool")
		echo "$path"
		ldd "$path" | grep -o '/[^ ]*'
	done | sort -u | sed 's/^/--file /'
}

for test in $names; do
	if [ "$test" = tools ]; then
		on_host host-tools "$busybox" sh test/guest/tools.sh linux
		[ -z "$HOST" ] || continue
		files="--file test/guest/tools.sh:/tools.sh $(tool_files)"
		# shellcheck disable=SC2086 # words
		in_machine tools-1 $files -- "$busybox" sh /tools.sh quire
		# shellcheck disable=SC2086
		in_machine tools-2 --cpus 4 --numa 96M,cpus=0,2 \
			--numa 96M,cpus=1,3 --numa-distance 0,1=35 $files -- \
			"$busybox" sh /tools.sh quire
		# A node without processors, and one without memory.
		# shellcheck disable=SC2086
		in_machine tools-3 --cpus 2 --numa 96M,cpus=0 --numa 64M \
			--numa 0,cpus=1 $files -- "$busybox" sh /tools.sh quire
		continue
	fi
	if [ "$test" = start ]; then
		[ -z "$HOST" ] || continue
		on_host start sh test/guest/start.sh "$B"
		continue
	fi
	if [ "$test" = numa ]; then
		on_host host-numa "$G/musl/numa"
		[ -z "$HOST" ] || continue
		two_nodes="--cpus 2 --numa 128M,cpus=0 --numa 128M,cpus=1"
		# shellcheck disable=SC2086 # options
		in_machine numa $two_nodes -- "$G/musl/numa"
		quire=$G/checked/quire
		# shellcheck disable=SC2086 # options
		in_machine checked-numa $two_nodes --append noselftest -- \
			"$G/musl/numa"
		quire=$B/quire
		continue
	fi
	if [ "$test" = busybox ]; then
		on_host host-busybox "$busybox" sh test/guest/busybox.sh linux
		[ -z "$HOST" ] || continue
		for cpus in 1 2; do
			in_machine "busybox-$cpus" --cpus $cpus \
				--file test/guest/busybox.sh:/busybox.sh -- \
				"$busybox" sh /busybox.sh quire
		done
		continue
	fi
	for libc in musl glibc pie; do
		program=$G/$libc/$test
		[ -x "$program" ] || continue
		on_host "host-$libc-$test" "$program"
		[ -z "$HOST" ] || continue
		for cpus in 1 2; do
			in_machine "$libc-$test-$cpus" --cpus $cpus \
				-m "$(memory_for "$test")" -- "$program"
		done
	done
	program=$G/musl/$test
	[ -z "$HOST" ] && [ -x "$program" ] || continue
	case $test in
	leak | limits) continue ;; # long enough without the checks
	esac
	quire=$G/checked/quire
	in_machine "checked-$test" --cpus 2 -m "$(memory_for "$test")" \
		--append noselftest -- "$program"
	quire=$B/quire
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
