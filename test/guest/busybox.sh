# SPDX-License-Identifier: MIT
#
# busybox.sh - everyday commands of an unmodified busybox, checked as TAP.
# Runs in `busybox sh`, on the host's Linux first and then in the machine.
# $1 is the kernel it runs on: "linux" or "quire".

cd "$(mktemp -d)" || exit 1
nr=0
failed=0
on=$1
busybox=$(readlink /proc/$$/exe)

# is NAME WANT GOT
is() {
	nr=$((nr + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $nr - $1"
	else
		failed=$((failed + 1))
		echo "# want: $2"
		echo "# got:  $3"
		echo "not ok $nr - $1"
	fi
}

# yes NAME COMMAND...: its status is 0
yes_() {
	name=$1
	shift
	"$@" >out 2>&1
	status=$?
	[ $status -eq 0 ] || sed 's/^/# /' out
	is "$name" 0 $status
}

is 'echo and expansion' 'a 3 /' "$(cd / && echo a $((1 + 2)) "$PWD")"
is 'exit statuses' '7 0 1 127' \
	"$( (exit 7); a=$?; true; b=$?; false; c=$?; no-such-command 2>&-; echo $a $b $c $?)"
is 'a killed command' 143 "$(sh -c 'kill $$' 2>&-; echo $?)"
is 'a pipeline of four' '10000 100 1' \
	"$(seq 10000 | sort -rn | sed -n '1p;10000p;9901p' | tr '\n' ' ' | sed 's/ $//')"
is 'the status of a pipeline' 3 "$(true | (exit 3); echo $?)"
is 'a subshell has its own variables' 'b a' "$(x=a; (x=b; printf '%s ' $x); echo $x)"
is 'here documents' "$(printf 'one\ntwo')" "$(cat <<EOF
one
two
EOF
)"
is 'redirections' 'err out' \
	"$( { echo out; echo err >&2; } 2>e >o; echo "$(cat e) $(cat o)")"
is 'background and wait' '5' "$(sh -c 'exit 5' & wait $!; echo $?)"
is 'a trap' 'trapped' "$(sh -c 'trap "echo trapped" USR1; kill -USR1 $$; :')"
is 'globs' 'g1 g2 g3' "$(touch g1 g2 g3; echo g*)"
is 'loops and functions' 55 \
	"$(f() { s=0; for i in $(seq "$1"); do s=$((s + i)); done; echo $s; }; f 10)"
is 'two hundred commands' 200 \
	"$(i=0; while [ $i -lt 200 ]; do i=$((i + $(echo 1))); done; echo $i)"

# Eight MiB of 'q'.
is 'sha256sum of megabytes' \
	a5c70563aff3c024f2cacb9b7ced0000b59f5e74163a3967952cfe27800af2db \
	"$(head -c 8388608 /dev/zero | tr '\0' q | sha256sum | cut -d' ' -f1)"
head -c 1000000 /dev/urandom >random
is 'a copy is equal' 0 "$(cp random copy && cmp random copy; echo $?)"
is 'cat through pipes keeps bytes' "$(sha256sum <random)" "$(cat random | cat | cat | sha256sum)"
is 'gzip and back' "$(sha256sum <random)" "$(gzip <random | gunzip | sha256sum)"
is 'dd with blocks' 100000 "$(dd if=random bs=1000 count=100 2>&- | wc -c)"
is 'awk sums' 5000050000 "$(seq 100000 | awk '{ s += $1 } END { printf "%.0f", s }')"
is 'awk arrays' 'b=2 a=1 ' "$(printf 'b\na\nb\n' | awk '{ n[$1]++ } END {
	printf "b=%d a=%d ", n["b"], n["a"] }')"
is 'sort by number and uniq' '1 2 10 ' "$(printf '10\n2\n1\n2\n' | sort -n | uniq | tr '\n' ' ')"
is 'sort of a hundred thousand' "$(seq 100000 | sha256sum)" "$(seq 100000 -1 1 | sort -n | sha256sum)"
is 'grep counts' 271 "$(seq 1000 | grep -c 7)"
is 'sed edits in place' 'bbb' "$(echo aaa >s; sed -i 's/a/b/g' s; cat s)"
is 'tr, cut, paste, rev' 'CBA,FED' "$(printf 'abc fed\n' | tr a-z A-Z | tr ' ' ',' |
	{ IFS=, read -r a b; echo "$(echo "$a" | rev),$b"; })"
is 'xargs' '3 3 2' "$(seq 8 | xargs -n 3 "$busybox" echo | awk '{ printf "%s%d", (NR > 1 ? " " : ""), NF }')"
is 'find' './t/a ./t/b/c ' "$(mkdir -p t/b; touch t/a t/b/c; find ./t -type f | sort | tr '\n' ' ')"
is 'tar and untar' "$(cat t/a t/b/c random | sha256sum)" \
	"$(cp random t/r; tar cf t.tar t; mkdir x; tar xf t.tar -C x; cat x/t/a x/t/b/c x/t/r | sha256sum)"
is 'links' 'random' "$(ln -s random l; readlink l)"
is 'chmod and stat' '640 1000000' "$(chmod 640 random; stat -c '%a %s' random)"
is 'test of files' 'yes' "$([ -f random ] && [ -d t ] && [ -L l ] && [ ! -e no ] && echo yes)"
is 'rm of a tree' 1 "$(rm -r t x; [ -e t ]; echo $?)"
is 'sleep and date' 0 "$(a=$(date +%s); sleep 1; b=$(date +%s); [ $((b - a)) -ge 1 ] && [ $((b - a)) -le 5 ]; echo $?)"
is 'timeout kills' 143 "$(timeout 1 sleep 20 2>&-; echo $?)"
is 'mktemp' 0 "$(f=$(mktemp); [ -f "$f" ]; echo $?; rm -f "$f")"
is 'head ends a stream' 3 "$(yes | head -n 3 | wc -l)"
is 'random bytes differ' 1 "$(a=$(head -c 16 /dev/urandom | od -An -tx1); b=$(head -c 16 /dev/urandom | od -An -tx1); [ "$a" != "$b" ] && echo 1)"
is 'env and export' 'v' "$(export V=v; env | awk -F= '$1 == "V" { print $2 }')"
is 'uname' Linux "$(uname -s)"

yes_ 'free' free -k
is 'free adds up' ok "$(free -k | awk '$1 == "Mem:" {
	print($2 > 0 && $4 > 0 && $3 + $4 <= $2 ? "ok" : $0) }')"
yes_ 'ps lists us' sh -c 'ps | awk -v pid=$$ "\$1 == pid { n++ } END { exit n != 1 }"'
yes_ 'top runs once' sh -c 'top -b -n 1 | grep -q "^Mem: "'
yes_ 'uptime' uptime
yes_ 'statfs' stat -f /tmp
yes_ 'mount lists file systems' sh -c 'cat /proc/mounts | grep -q "^proc /proc proc"'
yes_ 'cpuinfo' grep -q '^processor' /proc/cpuinfo
yes_ 'meminfo has its lines' sh -c 'for k in MemTotal MemFree MemAvailable Buffers Cached Slab \
	PageTables VmallocTotal AnonPages Mapped; do
	grep -q "^$k: *[0-9][0-9]* kB" /proc/meminfo || { echo "$k"; exit 1; }; done'
yes_ 'vmstat has its counters' sh -c 'for k in nr_free_pages pgfault pgfree pgalloc_dma32; do
	grep -q "^$k [0-9]" /proc/vmstat || { echo "$k"; exit 1; }; done'
yes_ 'maps of the shell' sh -c 'grep -q "r-xp.*busybox" /proc/self/maps && grep -q "\[stack\]" /proc/self/maps'
yes_ 'smaps sums up' sh -c 'awk "/^Rss:/ { r += \$2 } /^Pss:/ { p += \$2 } END { exit !(r > 0 && p <= r) }" /proc/self/smaps'
yes_ 'statm, stat and status agree' sh -c '
	[ "$(awk "{ print NF }" /proc/self/statm)" = 7 ] &&
	[ "$(awk "{ print NF }" /proc/self/stat)" = 52 ] &&
	grep -q "^VmRSS:" /proc/self/status'
for f in buddyinfo zoneinfo slabinfo stat uptime loadavg version filesystems; do
	# On Linux some are root's alone, or not in a container.
	[ "$on" = quire ] || [ -r /proc/$f ] || continue
	yes_ "/proc/$f can be read" sh -c "[ -n \"\$(cat /proc/$f)\" ]"
done
[ "$on" = linux ] && [ ! -r /proc/slabinfo ] ||
	yes_ 'slabinfo has version 2.1' sh -c 'head -n 1 /proc/slabinfo | grep -q "^slabinfo - version: 2.1"'
is 'the shell is its own executable' busybox "$(basename "$(readlink /proc/$$/exe)")"
if [ "$on" = quire ]; then
	yes_ 'the version says quire' sh -c 'uname -v | grep -q quire'
fi

cd / && rm -rf "$OLDPWD"
echo "1..$nr"
[ $failed -eq 0 ]
