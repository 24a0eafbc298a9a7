#!/bin/sh
# SPDX-License-Identifier: MIT
#
# cli.sh BUILD - the quire command: statuses, streams, signals, the terminal,
# bad input.  TAP-like lines, then "N passed, N failed".  What needs a running
# program is done twice: on fake_qemu, which is Linux's own answer, and on the
# real machine.  FAKE=1 does only the first.

B=$(cd "$1" && pwd)
quire=$B/quire
pty=$B/guest/pty
busybox=$(command -v busybox)
export PATH="$PATH:/usr/sbin:/sbin"
unset QUIRE_KERNEL QUIRE_QEMU FAKE_MACHINE
passed=0
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

# is NAME WANT GOT
is() {
	if [ "$2" = "$3" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "not ok - $machine: $1"
		echo "    want: $2" | head -n 5
		echo "    got:  $3" | head -n 12
	fi
}

# status NAME WANT PATTERN COMMAND...: exit status, and what stderr says; a
# single line, and nothing on stdout.
status() {
	s_name=$1 s_want=$2 s_pattern=$3
	shift 3
	"$@" >out 2>err </dev/null
	s_got=$?
	if [ -s out ]; then
		is "$s_name: nothing on stdout" '' "$(cat out)"
	fi
	case $(cat err) in
	*$s_pattern*) said=yes ;;
	*) said="$(cat err)" ;;
	esac
	is "$s_name" "$s_want yes 1" "$s_got $said $(wc -l <err)"
}

run() { "$quire" run --timeout 60 "$@"; }

# ---- bad input: nothing is started ----------------------------------------------
machine=none
echo 'exit 1' >noscript
chmod +x noscript
printf '#!%s sh\nexit 5\n' "$busybox" >script
printf '#!/nonexistent/sh\n' >orphan
printf '#!%s/script\n' "$work" >deeper
printf '#!\n' >nameless
printf '\177ELF' >short
head -c 64 "$busybox" >headless
head -c 100000 "$busybox" >truncated
cp "$busybox" other
printf '\267' | dd of=other bs=1 seek=18 conv=notrunc 2>/dev/null
cp "$busybox" narrow
printf '\001' | dd of=narrow bs=1 seek=4 conv=notrunc 2>/dev/null
cp "$busybox" object
printf '\001' | dd of=object bs=1 seek=16 conv=notrunc 2>/dev/null
chmod +x script orphan deeper nameless short headless truncated other narrow \
	object
: >empty
chmod +x empty
dynamic=
for f in /bin/ls /usr/bin/env /usr/bin/true; do
	[ -e $f ] && dynamic=$f && break
done

status 'a missing program' 127 'No such file' run -- ./missing
status 'a name that is nowhere in PATH' 127 'not found' run -- no-such-program
status 'an empty name' 127 'empty' run -- ''
status 'a directory' 126 'directory' run -- /tmp
status 'a file without the x bit' 126 'Permission denied' run -- /etc/passwd
status 'not an ELF' 126 'not an ELF' run -- ./noscript
status 'an empty file' 126 'not an ELF' run -- ./empty
status 'a script without interpreter' 126 'no interpreter' run -- ./nameless
status 'a script whose interpreter is missing' 127 '/nonexistent/sh' run -- ./orphan
status 'a script of a script' 126 'a script itself' run -- ./deeper
status 'four bytes of ELF' 126 'runcated' run -- ./short
status 'an ELF header alone' 126 'runcated' run -- ./headless
status 'a truncated program' 126 'runcated' run -- ./truncated
status 'another machine' 126 'x86-64' run -- ./other
status 'a 32-bit program' 126 '64-bit' run -- ./narrow
status 'an object file' 126 'not a program' run -- ./object
status 'a dynamic program, with its interpreter' 126 'ld-linux' run -- $dynamic
# Root reads everything, unless it gives up the right to.
plain_user() {
	if [ "$(id -u)" -eq 0 ]; then
		setpriv --bounding-set -dac_override,-dac_read_search \
			"$quire" run --timeout 60 "$@"
	else
		run "$@"
	fi
}
cp "$busybox" secret
chmod 100 secret
status 'an unreadable program' 126 'Permission denied' plain_user -- ./secret
: >unreadable
chmod 0 unreadable
status 'an unreadable --file' 125 'Permission denied' \
	plain_user --file unreadable -- "$busybox" true
status 'no program' 125 'which program' run
status 'an unknown option' 125 '--frobnicate' run --frobnicate -- "$busybox"
status 'an option without its value' 125 'needs a value' "$quire" run -m
status '-m of letters' 125 'not a size' run -m lots -- "$busybox"
status '-m of nothing' 125 'must be' run -m 0 -- "$busybox"
status '-m beyond the processor' 125 'must be' run -m 9999T -- "$busybox"
status '-m too large for a number' 125 'not a size' run -m 99999999999999999999 -- "$busybox"
status '-m of half a page' 125 'multiple' run -m 2049K -- "$busybox"
status '-m smaller than what is packed' 125 'impossible' run -m 2M -- "$busybox"
status '--cpus 0' 125 'must be' run --cpus 0 -- "$busybox"
status '--cpus 1000' 125 'must be' run --cpus 1000 -- "$busybox"
status '--numa of letters' 125 'not a size' run --numa lots -- "$busybox"
status '--numa of half a page' 125 'multiple' run --numa 2049K -- "$busybox"
status '--numa with other words' 125 'SIZE,cpus=LIST' run --numa 64M,mem=1 -- "$busybox"
for list in '' , x 1- 3-2 0, 64 0-99999999999999999999; do
	status "--numa with processors '$list'" 125 'not a list of processors' \
		run --cpus 4 --numa "64M,cpus=$list" -- "$busybox"
done
status '--numa with words behind the list' 125 'what is' run --numa 64M,cpus=0x -- "$busybox"
status '--numa with a processor twice' 125 'processor 1 twice' \
	run --cpus 2 --numa 64M,cpus=0-1,1 -- "$busybox"
status '--numa with a processor that is not there' 125 'has processor 2, there are 2' \
	run --cpus 2 --numa 64M,cpus=0-2 -- "$busybox"
status '--numa with a processor on two nodes' 125 'processor 0 on two nodes' \
	run --numa 64M,cpus=0 --numa 64M,cpus=0 -- "$busybox"
status '--numa with a processor on no node' 125 'processor 1 is on no node' \
	run --cpus 2 --numa 64M,cpus=0 --numa 64M -- "$busybox"
status '--numa of nothing' 125 'neither memory nor processors' \
	run --numa 64M --numa 0 -- "$busybox"
status '--numa that -m contradicts' 125 'nodes have 131072K, but -m says 262144K' \
	run -m 256M --numa 64M --numa 64M -- "$busybox"
status '--numa of too little' 125 '1M to' run --numa 4K -- "$busybox"
status '--numa of too much' 125 'too much' \
	run --numa 16000000T --numa 16000000T -- "$busybox"
status '--numa nine times' 125 'at most 8' run --numa 8M --numa 8M --numa 8M \
	--numa 8M --numa 8M --numa 8M --numa 8M --numa 8M --numa 8M -- "$busybox"
for d in '' 0 0,1 0,1= 0,1=10 0,1=255 0,8=20 0,1=20x -1,0=20 '0, 1=20'; do
	status "--numa-distance '$d'" 125 'NODE,NODE=11 to 254' \
		run --numa 64M --numa 64M --numa-distance "$d" -- "$busybox"
done
status '--numa-distance to itself' 125 '10 from itself' run --numa 64M \
	--numa-distance 0,0=20 -- "$busybox"
status '--numa-distance twice' 125 'given twice' run --numa 64M --numa 64M \
	--numa-distance 0,1=20 --numa-distance 0,1=20 -- "$busybox"
status '--numa-distance of no node' 125 'there are 2 nodes' run --numa 64M --numa 64M \
	--numa-distance 0,2=20 -- "$busybox"
status '--accel' 125 'auto, kvm or tcg' run --accel warp -- "$busybox"
status '--timeout' 125 'seconds' run --timeout never -- "$busybox"
status '--env without a name' 125 'no name' run --env =x -- "$busybox"
status '--env of what is not set' 125 'not set' run --env NO_SUCH_VAR -- "$busybox"
status 'a missing --file' 125 'No such file' run --file ./missing -- "$busybox"
status '--file twice' 125 'twice' run --file script:/x --file script:/x -- "$busybox"
status '--log in no directory' 125 'No such file' run --log no/log -- "$busybox" true
status 'no such verb' 125 'no such verb' "$quire" fly
status 'kvm and counting' 125 'counted' run --accel kvm --icount -- "$busybox"
status 'no QEMU' 125 'apt-get install' env PATH=/nonexistent \
	"$quire" run -- "$busybox" true
status 'no QEMU where it was said to be' 125 'QUIRE_QEMU' \
	env QUIRE_QEMU=/nonexistent/qemu "$quire" run -- "$busybox" true
status 'no kernel' 125 'QUIRE_KERNEL' env QUIRE_KERNEL=/nonexistent \
	"$quire" run -- "$busybox" true
status 'two patterns' 125 'one pattern' "$quire" selftest a b

is 'the version' "quire $(sed -n 's/.*QUIRE_VERSION "\(.*\)"/\1/p' \
	"$OLDPWD/include/quire/version.h")" "$("$quire" --version)"
is 'help' 0 "$("$quire" help >/dev/null; echo $?)"
is 'help of a verb' 'usage: quire run [OPTION]... [--] PROGRAM [ARGUMENT]...' \
	"$("$quire" help run | head -n 1)"
for verb in run selftest; do
	is "$verb --help is help of the verb" "$("$quire" help $verb; echo " 0")" \
		"$("$quire" $verb --help; echo " $?")"
done
"$quire" run --dry-run --append "it's" -m 64M --cpus 2 --icount -- "$busybox" >dry
is 'a dry run is a line a shell can read' "$(printf '%s\n' "it's" 65536K 2)" \
	"$(eval "set -- $(cat dry)"; while [ $# -gt 0 ]; do
		case $1 in -append | -m | -smp) echo "$2" ;; esac; shift; done |
		sort -r | sed -n '/it/p;/K/p;/^2$/p' | awk '
			/it/ { a = $0 } /K/ { b = $0 } /^2$/ { c = $0 }
			END { print a; print b; print c }')"
is 'a dry run counts instructions' 1 "$(grep -c 'icount shift=0,sleep=off' dry)"
"$quire" run --dry-run --cpus 4 --numa 64M,cpus=0,2-3 --numa 0,cpus=1 --numa 32M \
	--numa-distance 0,1=30 --numa-distance 2,0=40 --numa-distance 0,2=50 \
	-- "$busybox" | tr ' ' '\n' >dry
is 'nodes become QEMUs' '98304K
memory-backend-ram,id=node0,size=65536K
node,nodeid=0,memdev=node0,cpus=0-0,cpus=2-3
node,nodeid=1,cpus=1-1
memory-backend-ram,id=node2,size=32768K
node,nodeid=2,memdev=node2
dist,src=0,dst=1,val=30
dist,src=0,dst=2,val=50
dist,src=1,dst=0,val=30
dist,src=1,dst=2,val=20
dist,src=2,dst=0,val=40
dist,src=2,dst=1,val=20' "$(grep -E '^(98304K|memory-backend|node,|dist,)' dry)"
is 'processors that no node names are on node 0' node,nodeid=0,memdev=node0,cpus=0-63 \
	"$("$quire" run --dry-run --cpus 64 --numa 64M --numa 64M -- "$busybox" |
		tr ' ' '\n' | grep nodeid=0)"

# ---- a running program ------------------------------------------------------------
seq 1 200000 >lines
head -c 1048576 /dev/urandom >random
mkdir -p tree/sub
echo deep >tree/sub/file
ln -s sub/file tree/link
chmod 750 tree/sub
chmod 604 tree/sub/file

running() {
	is 'the example of the README' 'a
b
err 7' "$(printf 'a\nb\n' | run -- /bin/busybox sh -c 'cat; echo err >&2; exit 7' 2>e
		s=$?; echo "$(cat e) $s")"
	is 'statuses are passed' '0 1 42 255' "$(for s in 0 1 42 255; do
		run -- "$busybox" sh -c "exit $s"; printf '%s ' $?; done | sed 's/ $//')"
	is 'killed by a signal' '143 139' "$(run -- "$busybox" sh -c 'kill -TERM $$'
		a=$?; run -- "$busybox" sh -c 'kill -SEGV $$'; echo $a $?)"
	is 'a script runs' 5 "$(run -- ./script; echo $?)"
	is 'one megabyte both ways' "$(cksum <random)" \
		"$(run -- "$busybox" cat <random | cksum)"
	is 'one megabyte to stderr' "$(cksum <random)" \
		"$(run -- "$busybox" sh -c 'cat >&2' <random 2>&1 >/dev/null | cksum)"
	is 'stdout and stderr at once' "$(cksum <lines) $(cksum <lines)" \
		"$(run -- "$busybox" sh -c 'tee /dev/stderr' <lines 2>e | cksum) $(cksum <e)"
	is 'stdin at its end' 0 "$(run -- "$busybox" wc -c </dev/null)"
	is 'stdin closed' 0 "$(run -- "$busybox" wc -c <&-)"
	is 'stdin that nobody reads' 3 "$(run -- "$busybox" sh -c 'exit 3' <random; echo $?)"
	is 'stdin that never ends' 4 "$(sleep 5 | { run -- "$busybox" sh -c 'exit 4'; echo $?; })"
	is 'a reader that goes away' 'y
141' \
		"$( { run -- "$busybox" yes; echo $? >s; } | head -n 1; while [ ! -s s ]; do sleep 0.1; done; echo "$(cat s)" )"
	rm -f s
	is 'the working directory' "$work" "$(run -- "$busybox" pwd)"
	is 'arguments with spaces and newlines' "$(printf '<a b><><c\nd>')" \
		"$(run -- "$busybox" printf '<%s>' 'a b' '' 'c
d')"
	is 'a minimal environment' 'HOME PATH PWD X Y ' \
		"$(Y=2 SECRET=1 run --env X=1 --env Y -- "$busybox" env |
			sed 's/=.*//' | sort | grep -v '^_$' | tr '\n' ' ')"
	is 'the environment given' '1=2' "$(run --env X=1=2 -- "$busybox" sh -c 'echo "$X"')"
	is 'timed out' '124 1' "$(run --timeout 1 -- "$busybox" sleep 30 2>e; echo $? "$(grep -c 'timed out' e)")"
	is 'SIGTERM reaches the program' 'got
9' "$("$quire" run --timeout 60 -- "$busybox" sh -c \
		'trap "echo got; exit 9" TERM; echo ready >&2; while :; do sleep 0.1; done' 2>ready &
		pid=$!; while [ ! -s ready ]; do sleep 0.1; done
		kill $pid; wait $pid; echo $?)"
	rm -f ready
	is 'SIGINT twice ends the machine' 130 "$(
		env --default-signal=INT "$quire" run --timeout 60 -- "$busybox" sh -c \
		'trap "" INT; echo ready >&2; while :; do sleep 1; done' 2>ready & pid=$!
		while [ ! -s ready ]; do sleep 0.1; done
		kill -INT $pid; sleep 0.2; kill -INT $pid; wait $pid; echo $?)"
	rm -f ready
	is '^C ^C ends the machine and the terminal is as before' ok "$(
		"$pty" 'expect READY|raw|send \c|sleep 100|send \c|expect STATUS|cooked' \
		sh -c "'$quire' run --timeout 60 -- '$busybox' sh -c 'trap \"\" INT; echo READY; while :; do sleep 1; done'; echo STATUS \$?" >t
		s=$?
		if [ $s = 0 ] && grep -q 'STATUS 130' t; then echo ok; else echo $s; cat t; fi)"
}

# What only a machine of its own shows: files, mode bits, the log, the clock.
really() {
	is '--file at its own place' deep "$(run --file tree -- "$busybox" cat tree/link)"
	is '--file elsewhere, with modes' 'deep 750 604 sub/file' "$(run --file tree:/opt/t -- "$busybox" sh -c \
		'cd /opt/t && echo $(cat sub/file) $(stat -c %a sub sub/file) $(readlink link)')"
	is 'only what was packed is there' 'no' "$(run -- "$busybox" sh -c '[ -e lines ] && echo yes || echo no')"
	is 'a terminal, its size and ^C' ok "$(
		"$pty" -r 33 -c 99 'expect READY|raw|send x\r|expect GOT|send \c|expect TRAP' \
		"$quire" run --timeout 60 -- "$busybox" sh -c 'trap "echo TRAP; exit 6" INT
			[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo READY $(stty size)
			read x; echo GOT $x; while :; do sleep 0.1; done' >t
		s=$?
		if [ $s = 6 ] && grep -q 'READY 33 99' t; then echo ok; else echo $s; cat t; fi)"
	if ldd=$(ldd /usr/bin/env 2>/dev/null); then
		files=$(echo "$ldd" | grep -o '/[^ ]*' | sed 's/^/--file /')
		# shellcheck disable=SC2086 # words
		is 'a dynamic program with its libraries' X=1 \
			"$(run --env X=1 $files -- /usr/bin/env | grep X=)"
	fi
	run --log log -- "$busybox" true
	is 'the log names the accelerator' 1 "$(grep -c '^quire: accelerator' log)"
	is 'stderr is the programs alone' '' "$(run -- "$busybox" true 2>&1)"
	a=$(run --icount -- "$busybox" sh -c 'cat /proc/uptime; echo $$')
	is 'counted runs are alike' "$a" "$(run --icount -- "$busybox" sh -c 'cat /proc/uptime; echo $$')"
	is 'as much memory as was asked for' ok "$(run -m 64M -- "$busybox" awk \
		'/^MemTotal:/ { print($2 > 50000 && $2 <= 65536 ? "ok" : $2) }' /proc/meminfo)"
	is 'as many processors as were asked for' 2 \
		"$(run --cpus 2 -- "$busybox" grep -c '^processor' /proc/cpuinfo)"
	is 'nodes as they were asked for' '0 1' "$(run --cpus 2 --numa 64M,cpus=1 \
		--numa 64M,cpus=0 --numa-distance 0,1=30 -- "$busybox" \
		awk '/^Node/ && !seen[$2]++ { printf("%s%d", n++ ? " " : "", $2) }' /proc/buddyinfo)"
	is 'a node without memory, one without processors' '0 2' "$(run --cpus 2 --numa 64M,cpus=0 \
		--numa 0,cpus=1 --numa 64M -- "$busybox" \
		awk '/^Node/ && !seen[$2]++ { printf("%s%d", n++ ? " " : "", $2) }' /proc/buddyinfo)"
	begin=$(date +%s%N)
	run -- "$busybox" true
	echo "# busybox true: $((($(date +%s%N) - begin) / 1000000)) ms from the prompt to the end"
	for m in 2500K 3000K 3500K 4000K; do
		run -m $m -- "$busybox" true 2>e && continue
		[ "$(grep -c impossible e) $(wc -l <e)" = '1 1' ] || echo $m
	done >tight
	is 'a memory that is too small is refused, not tried' '' "$(cat tight)"
	mkdir clean
	is 'nothing is left behind' '' "$(cd clean && TMPDIR=$work/clean run -- "$busybox" true; ls -A)"
}

machine=fake
: >kernel
export QUIRE_QEMU="$B/guest/fake_qemu" QUIRE_KERNEL="$work/kernel"
running
is 'a panic' '125 1' "$(FAKE=panic "$quire" run -- "$busybox" true 2>e; echo $? "$(grep -c 'PANIC for a test' e)")"
is 'a machine that says nothing' 124 "$(FAKE=silent "$quire" run --timeout 0.3 -- "$busybox" true 2>/dev/null; echo $?)"
is 'a machine that babbles' '125 1' "$(FAKE=garbage "$quire" run -- "$busybox" true 2>e; echo $? "$(grep -c protocol e)")"
is 'a machine that dies' '125 1' "$(FAKE=die "$quire" run -- "$busybox" true 2>e; echo $? "$(grep -c 'without a word' e)")"
is 'a machine that cannot be set up' '125 1' "$(FAKE=complain "$quire" run -- "$busybox" true 2>e; echo $? "$(grep -c 'cannot set up' e)")"
is 'a machine that is switched off' 0 "$(FAKE=off "$quire" run -- "$busybox" true; echo $?)"
unset QUIRE_QEMU QUIRE_KERNEL

if [ -z "$FAKE" ]; then
	machine=quire
	running
	really
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
